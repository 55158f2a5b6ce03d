#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks against a limit or a peer measured in the same run. ops/bench [GROUP...] [--json] [--rounds N]

Each group is in a file group_*.py here and brings a list GROUPS. `fleet` stands for all groups with a figure of the fleet's goals; without
a name every group runs. A row that could not be measured is an error. Exit 0: every bar is met; 1: a bar is missed or a row is missing.
"""
import argparse
import importlib
import json
import pathlib
import signal
import sys
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "support"))
import report  # noqa: E402

ORDER = ["codec", "keeper", "scheduler", "noop", "single", "latency", "freeze", "idle", "memory", "lateness", "start", "brokers", "exec", "million",
         "execlate", "http", "evidence", "evidence-rate", "evidence-thousand", "evidence-attester", "cloud-rpc", "cloud-publish", "cloud-verdict", "cloud-verdict-large", "cloud-scheduler", "cloud-traits", "peers-queues", "peers-monitors"]
ALIASES = {"bridge": "cloud-rpc"}  # names of before


def find_groups():
    found = {}
    for path in sorted(HERE.glob("group_*.py")):
        for group in importlib.import_module(path.stem).GROUPS:
            found[group.name] = group
    return {name: found[name] for name in sorted(found, key=lambda n: (ORDER.index(n) if n in ORDER else len(ORDER), n))}


def chosen(groups, names):
    """Names to groups in the one order, with what they need."""
    wanted = set()
    for name in [ALIASES.get(n, n) for n in names] or ["all"]:
        wanted |= {g for g in groups if name == "all" or (name == "fleet" and groups[g].fleet) or name == g or g.startswith(name + "-")}
    for name in list(wanted):
        wanted.update(groups[name].needs)
    return [groups[name] for name in groups if name in wanted]


def run_group(group, args):
    report.progress(f"group {group.name}: {group.help}")
    why = "the group did not bring it"
    try:
        group.run(args)
    except Exception as error:  # whatever a group fell over: its rows are missing, the others are measured
        why = f"{type(error).__name__}: {error}"
        traceback.print_exc()
        report.progress(f"group {group.name}: {why}")
    have = {one["figure"] for one in report.rows}
    for figure in group.figures:
        if figure not in have:
            report.error(figure, why)


def end_fleet(module):
    """Ends what the groups of a file share."""
    keep = getattr(sys.modules.get(module), "keep", None)
    if keep is not None:
        keep.close()


def number(value):
    return "-" if value is None else f"{value:,.3f}" if abs(value) < 1000 else f"{value:,.0f}"


def table():
    print(f"{'FIGURE':66} {'VALUE':>10} {'UNIT':11} {'REFERENCE':>10} {'RATIO':>9} {'SPREAD':>15} {'BAR':>9} {'GOAL':>9}")
    for r in report.rows:
        if "error" in r:
            print(f"{r['figure'][:66]:66} NOT MEASURED: {r['error'][:90]}")
            continue
        mark = "goal met" if r["met"] else "bar met" if r["bar_met"] else "BAR MISSED"
        spread = "-".join(number(x) for x in r["spread"]) if isinstance(r["spread"], list) else "-"
        sign = "" if isinstance(r["bar"], str) or r["at_most"] is None else "<= " if r["at_most"] else ">= "
        print(f"{r['figure'][:66]:66} {number(r['value']):>10} {r['unit']:11} {number(r['reference_value']):>10} {number(r['ratio']):>9} "
              f"{spread:>15} {sign + str(r['bar']):>9} {sign + str(r['goal']):>9}  {mark}"
              + (f", limit of this machine {number(r['limit'])}" if "limit" in r else ""))
    for text in report.notes:
        print(f"  {text}")


def main():
    groups = find_groups()
    listed = "\n".join(f"  {g.name:10} {g.help}" for g in groups.values())
    parser = argparse.ArgumentParser(
        prog="ops/bench", description="Benchmarks against a limit or a peer measured in the same run.", formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"groups:\n{listed}\n  {'fleet':10} every figure of the fleet's goals: {' '.join(g.name for g in groups.values() if g.fleet)}\n"
               f"  {'peers':10} both groups of peers\n  {'cloud':10} all groups of the cloud side; {'bridge'} is the former name of cloud-rpc\n  {'all':10} everything (default)\n\nexit code: 0 every bar is met, 1 a bar is missed or a row could not be measured, 2 wrong use")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="one or more of the groups below")
    parser.add_argument("--json", action="store_true", help="rows as a JSON array")
    parser.add_argument("--rounds", type=int, default=report.ROUNDS_LEAST, help="interleaved rounds (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of one measurement (default %(default)s)")
    parser.add_argument("--idle-checks", type=int, default=500, help="checks on 2,000 nodes for idle and memory (default %(default)s: a million pairs)")
    parser.add_argument("--idle-seconds", type=float, default=60.0, help="default %(default)s")
    parser.add_argument("--freeze-seconds", type=float, default=60.0, help="default %(default)s")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what the groups have started ends with them
    for name in args.groups:
        if name not in groups and name not in ("fleet", "all", "peers", "cloud", *ALIASES):
            parser.error(f"no group {name}; one of: {' '.join(groups)} fleet cloud all")
    module = None
    try:
        for group in chosen(groups, args.groups):
            if module not in (None, group.run.__module__):
                end_fleet(module)  # or it would work beside what is measured next
            module = group.run.__module__
            run_group(group, args)
    finally:
        end_fleet(module)
    if args.json:
        print(json.dumps(report.rows, indent=2))
    else:
        table()
    sys.exit(0 if report.rows and all(r["bar_met"] for r in report.rows) else 1)


main()
