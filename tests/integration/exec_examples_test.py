#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example plugins people copy keep the contract the guide states: each verdict is reached, wrong arguments are "not known", the C one
compiles without a warning, the resident one answers pipelined questions and ends when its input does."""
import pathlib
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]
here = root / "ops/examples/plugins"
count = 0


def expect(what, truth):
    global count
    count += 1
    if not truth:
        sys.exit(f"exec_examples_test: {what}")


def run(*argv):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=120, check=False)
    lines = done.stdout.splitlines()
    expect(f"{argv[0]}: prints exactly one line", len(lines) == 1)
    return done.returncode, lines[0]


with tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    (scratch / "new").write_text("x")
    age = here / "check_age.sh"
    expect("a new file passes", run(age, scratch / "new", 1000, 2000)[0] == 0)
    expect("warn", run(age, scratch / "new", 0, 2000)[0] == 1)
    expect("crit", run(age, scratch / "new", 0, 0)[0] == 2)
    expect("no file fails", run(age, scratch / "none", 1, 2)[0] == 2)
    expect("usage is not known", run(age)[0] == 3)

    program = scratch / "check_files"
    subprocess.run(["cc", "-O2", "-std=c17", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", "-o", program, here / "check_files.c"], check=True)
    code, line = run(program, scratch, 10, 20)
    expect("two files pass and are counted", code == 0 and "| files=2;10;20;0" in line)
    expect("warn", run(program, scratch, 2, 20)[0] == 1)
    expect("crit", run(program, scratch, 1, 2)[0] == 2)
    for wrong in (["1"], ["x", "2"], ["-1", "2"], ["", "2"], ["99999999999999999999999", "2"]):
        expect(f"{wrong} is not known", run(program, scratch, *wrong)[0] == 3)
    expect("no directory is not known", run(program, scratch / "none", 1, 2)[0] == 3)

with subprocess.Popen([here / "check_loadavg.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as up:
    questions = [f"{i}\t1000\tnode-{i}\t192.0.2.1\t{a}\n" for i, a in enumerate(["[]", '["1e9","1e9"]', '["0","1e9"]', '["0","0"]', '["x","y"]', "{"])]
    answers, _ = up.communicate("".join(questions).encode(), timeout=120)
    rows = [line.split("\t") for line in answers.decode().splitlines()]
    expect("one answer for each question", [r[0] for r in rows] == [str(i) for i in range(6)])
    expect("three fields", all(len(r) == 3 for r in rows))
    expect("codes", [r[1] for r in rows][1:] == ["0", "1", "2", "3", "3"])
    expect("ends with its input", up.returncode == 0)
print(f"{count} expectations of the example plugins")
