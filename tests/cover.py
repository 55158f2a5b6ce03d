#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which lines of the cores the tests execute: runs unit, flow, vectors and the fuzz corpora of the preset cover, then asks gcov.

usage: tests/cover.py [--no-run] [--missing] [FOLDER...]     default: every folder named core, and schemas/base"""

import argparse
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/cover"


def lines_of(folder):
    """{source: {line: executed}} of every object in the build tree whose source is below the folder."""
    found = {}
    for notes in BUILD.glob(f"CMakeFiles/*.dir/{folder}/*.gcno"):
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run(["gcov", "--json-format", str(notes)], cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            for report in pathlib.Path(scratch).glob("*.gcov.json.gz"):
                for file in json.loads(gzip.open(report).read())["files"]:
                    name = os.path.relpath(file["file"], ROOT)
                    if name.startswith(folder + "/"):
                        lines = found.setdefault(name, {})
                        for line in file["lines"]:
                            lines[line["line_number"]] = lines.get(line["line_number"], False) or line["count"] > 0
    return found


def ranges(numbers):
    out = []
    for n in numbers:
        if out and n == out[-1][1] + 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-run", action="store_true", help="only report what was run before")
    parser.add_argument("--missing", action="store_true", help="name the lines that never ran")
    parser.add_argument("folder", nargs="*")
    args = parser.parse_args()
    if not (BUILD / "CTestTestfile.cmake").exists():
        print("build the preset cover first: cmake --preset cover && cmake --build --preset cover")
        return 2
    if not args.no_run:
        done = subprocess.run(["ctest", "--test-dir", str(BUILD), "-R", r"^(unit|flow|vectors|fuzz)\.", "-j", str(os.cpu_count() or 1)],
                              stdout=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            print("a test failed: see build/cover/Testing/Temporary/LastTest.log")
            return 1
    folders = args.folder or ["broker/core", "broker/client/core", "scheduler/core", "nodes/core", "workers/core", "schemas/base"]
    all_lines = all_run = 0
    for folder in folders:
        for name, lines in sorted(lines_of(folder).items()):
            run = sum(lines.values())
            all_lines += len(lines)
            all_run += run
            missing = ranges(sorted(n for n, hit in lines.items() if not hit))
            print(f"{100 * run / max(1, len(lines)):6.1f} %  {run:5d}/{len(lines):<5d} {name}{'  ' + missing if args.missing and missing else ''}")
    print(f"{100 * all_run / max(1, all_lines):6.1f} %  {all_run:5d}/{all_lines:<5d} all")
    return 0 if all_lines else 1


if __name__ == "__main__":
    sys.exit(main())
