#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one fault at a time into a core and demands that the simulator reports it, by the invariant the fault breaks.

Each planted/NN-name.patch changes one file under a core/ folder. Its head says in words what is broken and, in the line `found-by:`, a
regular expression for the report. The changed copy is compiled with the flags of build/release and linked before the libraries of the
real tree, so nothing else is rebuilt and the tree stays as it is.
"""
import argparse
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
PATCHES = pathlib.Path(__file__).resolve().parent / "planted"


class Broken(Exception):
    """The fault could not be planted at all."""


def run(command, cwd, seconds=600):
    return subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
                          env={**os.environ, "GIT_CEILING_DIRECTORIES": tempfile.gettempdir()})


def compile_command(source, changed, target):
    """The command of the build tree for this source, made to compile the changed copy."""
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        if pathlib.Path(entry["file"]) == source:
            words = shlex.split(entry["command"])
            words[words.index("-o") + 1] = str(target)
            words[words.index("-c") + 1] = str(changed)
            return [w for w in words if w != "-Werror"] + ["-I" + str(source.parent)]
    raise Broken(f"{source} is not in {BUILD / 'compile_commands.json'}: build the preset release first")


def link_command(extra, target):
    """The link of spice-sim with one more object, which wins over the same one in the libraries."""
    listed = run(["ninja", "-t", "commands", "spice-sim"], BUILD)
    links = [line for line in listed.stdout.splitlines() if " -o spice-sim " in line]
    if listed.returncode != 0 or not links:
        raise Broken("the build tree does not say how spice-sim is linked: build the preset release first")
    words = shlex.split(links[-1].removeprefix(": && ").removesuffix(" && :"))
    words[words.index("-o") + 1] = str(target)
    first_library = next(i for i, w in enumerate(words) if w.endswith(".a"))
    return words[:first_library] + ([str(extra)] if extra else []) + words[first_library:]


def plant(patch, scratch):
    """Returns the simulator with the fault in it."""
    text = patch.read_text()
    files = re.findall(r"^\+\+\+ b/(\S+)", text, re.M)
    if len(files) != 1 or "/core/" not in files[0]:
        raise Broken("must change exactly one file of a core/ folder")
    copy = scratch / files[0]
    copy.parent.mkdir(parents=True)
    copy.write_bytes((ROOT / files[0]).read_bytes())
    applied = run(["git", "apply", "-p1", str(patch)], scratch)
    if applied.returncode != 0 or copy.read_bytes() == (ROOT / files[0]).read_bytes():
        raise Broken(f"no longer applies to {files[0]}: {applied.stdout.strip()}")
    made = run(compile_command(ROOT / files[0], copy, scratch / "changed.o"), BUILD)
    if made.returncode != 0:
        raise Broken(f"does not compile:\n{made.stdout}")
    made = run(link_command(scratch / "changed.o", scratch / "spice-sim"), BUILD)
    if made.returncode != 0:
        raise Broken(f"does not link:\n{made.stdout}")
    return scratch / "spice-sim"


def judge(patch, args):
    """Returns (found, line for people)."""
    expected = re.search(r"^found-by: (.+)$", patch.read_text(), re.M)
    with tempfile.TemporaryDirectory(prefix="planted-") as scratch:
        try:
            if expected is None:
                raise Broken("has no line `found-by:`")
            sim = plant(patch, pathlib.Path(scratch))
            out = run([str(sim), "--seeds", str(args.seeds), "--steps", str(args.steps), "--no-list"], scratch, args.seconds)
        except Broken as why:
            return False, f"{patch.stem}: FAILED, {why}"
        except subprocess.TimeoutExpired:
            return False, f"{patch.stem}: NOT FOUND within {args.seconds} s"
    report = re.search(r"^violation: (.*)$", out.stdout, re.M) or re.search(r"^(.*[Aa]ssert.*)$", out.stdout, re.M)
    seed = re.search(r"seed (\d+), step (\d+)", out.stdout)
    where = f"seed {seed.group(1)}, step {seed.group(2)}" if seed else "a core's own assertion"
    if out.returncode == 0 or report is None:
        return False, f"{patch.stem}: NOT FOUND in {args.seeds} seeds"
    if not re.search(expected.group(1), report.group(1)):
        return False, f"{patch.stem}: FOUND BY SOMETHING ELSE than /{expected.group(1)}/: {report.group(1)}"
    return True, f"{patch.stem}: found, {where}: {report.group(1)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1, help="faults at once")
    parser.add_argument("--seeds", type=int, default=240, help="most seeds per fault")
    parser.add_argument("--steps", type=int, default=25000, help="steps per seed")
    parser.add_argument("--seconds", type=int, default=240, help="most time per fault")
    parser.add_argument("only", nargs="*", help="numbers or names; all when none is given")
    args = parser.parse_args()
    patches = [p for p in sorted(PATCHES.glob("*.patch")) if not args.only or any(p.stem.startswith(o) for o in args.only)]
    with tempfile.TemporaryDirectory(prefix="planted-") as scratch:
        try:
            sim = pathlib.Path(scratch) / "spice-sim"
            made = run(link_command(None, sim), BUILD)
            clean = run([str(sim), "--seeds", "4", "--steps", str(args.steps), "--no-list"], scratch, args.seconds)
        except (Broken, OSError, subprocess.TimeoutExpired) as why:
            print(f"without a fault: {why}")
            return 1
    if made.returncode != 0 or clean.returncode != 0:
        print(f"without a fault the simulator must pass, and does not:\n{made.stdout}{clean.stdout}")
        return 1
    found = 0
    with ThreadPoolExecutor(max_workers=max(1, args.jobs)) as pool:
        for good, line in pool.map(lambda p: judge(p, args), patches):
            found += good
            print(line, flush=True)
    print(f"{found} of {len(patches)} planted faults found")
    return 0 if found == len(patches) and patches else 1


if __name__ == "__main__":
    sys.exit(main())
