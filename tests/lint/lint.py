#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that a machine can check: who may include whom, banned calls, sizes, manual against options.

Exceptions are listed by name in tests/lint/exceptions.txt and may only shrink: a listed one that no longer needs to be there is a failure too.
"""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOP = {"CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "CHANGELOG.md", "broker", "workers", "scheduler", "nodes",
       "schemas", "ops", "tests"}

# folder -> folders whose headers it may include (its own is always allowed). The longest matching folder counts.
BASE, WORDS = ["schemas/base"], ["schemas/base", "schemas", "schemas/gen"]
RUNTIME = WORDS + ["ops/runtime"]
CLIENT = RUNTIME + ["broker/client", "broker/client/core"]
MAY = {
    "schemas/base": [],
    "schemas": WORDS, "schemas/gen": WORDS,
    "broker/core": WORDS, "scheduler/core": WORDS, "nodes/core": WORDS, "workers/core": WORDS, "broker/client/core": WORDS,
    "ops/runtime": WORDS,
    "broker/client": RUNTIME + ["broker/client/core"],
    "broker": CLIENT + ["broker/core"],
    "broker/amqp/core": WORDS, "broker/amqp": CLIENT + ["broker/amqp/core", "broker/cloud", "broker/cloud/core"],
    "broker/cloud/core": WORDS, "broker/cloud": RUNTIME + ["broker/cloud/core"],
    "scheduler": CLIENT + ["scheduler/core"],
    "nodes": CLIENT + ["nodes/core"],
    "workers": CLIENT + ["workers/core", "workers/exec_client", "workers/adapters", "workers/enrolment"],
    "workers/enrolment": CLIENT,
    "workers/adapters": WORDS + ["workers", "workers/core", "workers/exec_client", "workers/evidence_client", "ops/runtime"],
    "workers/exec_client": WORDS + ["workers", "workers/exec", "workers/core", "ops/runtime"],
    "workers/exec": RUNTIME + ["workers"],
    "workers/evidence_client": WORDS + ["workers", "workers/adapters", "workers/exec_client", "workers/evidence", "workers/evidence/core", "ops/runtime"],
    "workers/appraise": RUNTIME + ["workers", "workers/exec", "workers/evidence", "workers/evidence/core"],
    "workers/evidence/core": WORDS, "workers/evidence": WORDS + ["ops/runtime", "workers/evidence/core"],
    "workers/files": WORDS + ["ops/runtime", "workers/evidence/core"],
    "workers/attester/core": WORDS,
    "workers/attester": CLIENT + ["workers/attester/core", "workers/enrolment", "workers/files", "workers/evidence", "workers/evidence/core"],
    "ops/examples": RUNTIME + ["broker/client"],
    "ops/spicectl": CLIENT + ["workers", "workers/exec_client", "workers/adapters", "workers/core", "workers/evidence", "workers/evidence/core", "workers/files"],
}
THIRD = {  # header prefix -> files or folders that may use it
    "zmq.h": ["broker/"], "czmq": ["broker/"],
    "sqlite3.h": ["ops/runtime/sp_db"],
    "yaml.h": ["ops/runtime/sp_yaml"],
    "openssl/": ["ops/runtime/sp_crypto", "ops/runtime/sp_keys", "workers/adapters/http", "workers/adapters/oat", "workers/evidence/", "broker/amqp/amqp_link_wire"],
    "tss2/": ["workers/attester/"],
    "sodium": ["ops/runtime/sp_crypto"],
    "jansson.h": ["ops/spicectl/", "scheduler/", "nodes/", "workers/", "broker/"],
    "pcre2.h": ["workers/evidence/ima_exclude"],
    "curl/": ["workers/adapters/", "broker/cloud/cloud_http"],
    "amqp": ["broker/amqp/amqp_link_wire"], "rabbitmq-c/": ["broker/amqp/amqp_link_wire"],
    "msgpack": [],
    "seccomp.h": ["ops/runtime/", "workers/exec/", "workers/appraise/", "workers/attester/"],
}
PURE_SYSTEM = {"assert.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h",
               "stdalign.h", "math.h"}
BANNED = {
    "strcpy": "sp_str_copy", "strcat": "sp_buf", "sprintf": "snprintf", "vsprintf": "vsnprintf", "strtok": "sp_str_next", "atoi": "sp_str_u64",
    "atol": "sp_str_u64", "atof": "a strict parser", "rand": "sp_rng", "srand": "sp_rng", "time": "sp_clock", "gettimeofday": "sp_clock",
    "system": "posix_spawn", "popen": "posix_spawn", "alloca": "a bounded array", "gets": "nothing", "strncpy": "sp_str_copy",
    "clock_gettime": "sp_clock",
}
LINES_C, LINES_H, LINES_FUNCTION, PARAMETERS = 600, 200, 70, 5

exceptions = {}
path = ROOT / "tests/lint/exceptions.txt"
for line in path.read_text().splitlines() if path.exists() else []:
    if line.strip() and not line.startswith("#"):
        rule, what = line.split(None, 2)[:2]
        exceptions[(rule, what)] = False
problems = []


def problem(rule, what, text):
    if (rule, what) in exceptions:
        exceptions[(rule, what)] = True
    else:
        problems.append(f"{rule} {what}: {text}")


def product_files():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [n for n in names.splitlines() if (ROOT / n).exists()]


def strip(text):
    """Source without comments and string contents, lines kept."""
    def blank(m):
        s = m.group(0)
        return "\n" * s.count("\n") if s.startswith("/") else '""' if s[0] == '"' else "' '"
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def folder_rule(folder):
    while folder not in MAY and "/" in folder:
        folder = folder.rsplit("/", 1)[0]
    return MAY.get(folder)


def check_includes(name, raw, headers):
    folder = name.rsplit("/", 1)[0]
    may = folder_rule(folder)
    if may is None:
        return
    pure = "/core" in "/" + folder or folder.startswith("schemas")
    for line in re.findall(r'^\s*#\s*include\s+([<"][^>"]+[>"])', raw, flags=re.M):
        target = line[1:-1]
        if line[0] == '"':
            homes = headers.get(target, [])
            if "/" in target:
                problem("include", name, f'"{target}": no folders in include lines')
            elif not homes:
                problem("include", name, f'"{target}" is no header of this tree')
            elif not any(h == folder or h in may for h in homes):
                problem("include", name, f'"{target}" of {homes[0]} is not for {folder}')
            continue
        for third, allowed in THIRD.items():
            if target.startswith(third) and not any(name.startswith(a) for a in allowed):
                problem("third-party", name, f"<{target}> is not for this file")
        if pure and target not in PURE_SYSTEM:
            problem("pure", name, f"<{target}> in a pure folder")


def check_source(name, raw):
    text = strip(raw)
    if not raw.startswith("/* SPDX-License-Identifier: Apache-2.0 */") and "/gen/" not in name:
        problem("licence", name, "first line must be the SPDX line")
    if not name.startswith("tests/"):
        for call, instead in BANNED.items():
            if call == "clock_gettime" and name == "ops/runtime/sp_clock.c":
                continue
            for m in re.finditer(rf"(?<![\w.>]){call}\s*\(", text):
                problem("banned", name, f"{call}() at line {text[:m.start()].count(chr(10)) + 1}; use {instead}")
    if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", raw):
        problem("unfinished", name, "a mark of unfinished work")
    if "/gen/" in name:
        return 0
    lines = raw.count("\n")
    limit = LINES_H if name.endswith(".h") else LINES_C
    limit += limit // 2 if name.startswith("tests/") else 0  # tables of cases are long
    if lines > limit:
        problem("length", name, f"{lines} lines, at most {limit}")
    count = 0
    for m in re.finditer(r"^([A-Za-z_][^\n;{}=]*\([^;{}]*\))\s*\n\{\n(.*?)^\}", text, flags=re.S | re.M):
        count += 1
        function = re.search(r"(\w+)\s*\(", m.group(1)).group(1)
        size = m.group(2).count("\n")
        if size > LINES_FUNCTION:
            problem("function", f"{name}:{function}", f"{size} lines, at most {LINES_FUNCTION}")
        parameters = m.group(1)[m.group(1).index("("):].count(",") + 1
        if parameters > PARAMETERS and not name.startswith("tests/"):
            problem("parameters", f"{name}:{function}", f"{parameters}, at most {PARAMETERS} (those of before are in tests/lint/exceptions.txt)")
    return count


def check_manual():
    """Every long option of a program is in its manual page, and every program has one."""
    count = 0
    for program, page in (("spice-broker", 8), ("spice-scheduler", 8), ("spice-nodes", 8), ("spice-bridge", 8), ("spice-worker", 8), ("spice-attester", 8), ("spicectl", 1)):
        manual = ROOT / f"ops/man/{program}.{page}"
        binary = ROOT / f"build/release/{program}"
        if not manual.exists():
            problem("manual", program, f"{manual.relative_to(ROOT)} is missing")
            continue
        if not binary.exists():
            continue
        text = manual.read_text().replace("\\-", "-").replace("\\", "")
        help_text = subprocess.run([str(binary), "--help"], capture_output=True, text=True, timeout=20).stdout
        for option in sorted(set(re.findall(r"--[a-z][a-z-]+", help_text))):
            count += 1
            if option.lstrip("-") not in text:
                problem("manual", program, f"{option} is not in the manual")
    return count


def check_format(names):
    """Each source is as clang-format writes it; those of generators are as they come."""
    done = subprocess.run(["xargs", "-P", "2", "-n", "40", "clang-format", "--dry-run"], input="\n".join(names), cwd=ROOT, capture_output=True, text=True)
    for name in sorted(set(re.findall(r"^(\S+?):\d+:\d+: warning: code should be clang-formatted", done.stderr, re.M))):
        problem("format", name, f"not as clang-format writes it: clang-format -i {name}")
    if done.returncode != 0:
        problem("format", "clang-format", f"did not run: {done.stderr[:300]}")


def main():
    names = product_files()
    for name in names:
        first = name.split("/")[0]
        if first not in TOP and not first.startswith("."):
            problem("top-level", first, "does not belong at the top")
        if re.fullmatch(r"tests/.*_test\.(py|sh)", name) and not os.access(ROOT / name, os.X_OK):
            problem("executable", name, "a test program without its execute bit does not run")
    headers = {}
    for name in names:
        if name.endswith(".h"):
            headers.setdefault(name.rsplit("/", 1)[1], []).append(name.rsplit("/", 1)[0])
    for header, homes in headers.items():
        if len(homes) > 1 and not all(h.startswith("tests") for h in homes):
            problem("header", header, "in more than one folder: " + ", ".join(homes))
    functions = 0
    for name in names:
        if name.endswith(".py") and (lines := (ROOT / name).read_text().count("\n")) > LINES_C:
            problem("length", name, f"{lines} lines, at most {LINES_C}")
        if not name.endswith((".c", ".h")):
            continue
        raw = (ROOT / name).read_text()
        functions += check_source(name, raw)
        if not name.startswith("tests/"):
            check_includes(name, raw, headers)
    check_format([n for n in names if n.endswith((".c", ".h")) and not n.startswith("schemas/gen/")])
    options = check_manual()
    for (rule, what), used in exceptions.items():
        if not used:
            problems.append(f"exception {rule} {what} in tests/lint/exceptions.txt is no longer needed")
    if functions == 0:
        problems.append("no function found: the lint itself is broken")
    for text in problems:
        print(text)
    if problems:
        print(f"{len(problems)} problems")
        return 1
    print(f"{len(names)} files, {functions} functions, {options} options against the manual")
    return 0


sys.exit(main())
