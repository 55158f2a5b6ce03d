#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_loadavg.py - a resident plugin: started once, answers one line per check (sign it with --resident).

   asked      ID <TAB> TIMEOUT_MS <TAB> NODE <TAB> ADDRESS <TAB> ARGS-JSON
   answered   ID <TAB> CODE <TAB> TEXT|MEASURES

Arguments: WARN CRIT, the load average of one minute.
"""
import json
import sys


def check(node, address, args):
    """The check itself: returns the code (0 pass, 1 warn, 2 fail, 3 not known) and one line of text."""
    warn, crit = (float(a) for a in args) if len(args) == 2 else (8.0, 16.0)
    with open("/proc/loadavg", encoding="ascii") as f:
        load = float(f.read().split()[0])
    code = 2 if load >= crit else 1 if load >= warn else 0
    return code, f"load {load} seen from {node} | load1={load};{warn};{crit};0"


def main():
    for line in sys.stdin.buffer:  # ends when the worker closes the other end
        number, _timeout_ms, node, address, args = line.decode("utf-8").rstrip("\n").split("\t")
        try:
            code, text = check(node, address, json.loads(args))
        except Exception as problem:  # a check that cannot be made is an answer too: code 3, not the end of the plugin
            code, text = 3, f"{type(problem).__name__}: {problem}"
        text = " ".join(text.split())  # an answer is one line without tabs
        sys.stdout.write(f"{number}\t{code}\t{text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
