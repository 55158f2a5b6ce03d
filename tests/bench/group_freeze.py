# SPDX-License-Identifier: Apache-2.0
"""SIGSTOP of each kind of process in turn under 10,000 checks/s; what happened is read from the workers' notes of each run."""
import signal

import report
from fleet import Failed
from load import Load, boot_us, span

GONE = "after a freeze of any one process: backlog gone in"
TWICE = "pairs run twice for one due time, all freezes"


def run(args):
    with Load(200, 50) as fleet:
        fleet.runs_under_way(30000)
        names, thaws = [n for n in fleet.processes if n != "worker-2"], []
        for name in names:
            report.progress(f"{name} frozen for {args.freeze_seconds:.0f} s")
            fleet.processes[name].send_signal(signal.SIGSTOP)
            span(args.freeze_seconds)  # the freeze itself
            thaws.append(boot_us())
            fleet.processes[name].send_signal(signal.SIGCONT)
            span(10)
        grid = fleet.map()
        fleet.finish()
        found = fleet.noted(*[a for t in thaws for a in ("--gone", t)], grid=grid)
    if -1 in found["gone_us"]:
        raise Failed(f"some pairs never ran again: {dict(zip(names, found['gone_us']))}")
    report.note("freeze, backlog gone in: " + ", ".join(f"{n} {us / 1e6:.2f} s" for n, us in zip(names, found["gone_us"])) + f"; {found['runs']:,} runs")
    report.row(GONE, max(found["gone_us"]) / 1e6, "s", f"one second; frozen for {args.freeze_seconds:.0f} s", 1.0, 6, 2)
    report.row(TWICE, found["double"], "runs", "all runs noted", found["runs"], 0, 0, judged="value")


GROUPS = [report.Group("freeze", "each process stopped for a minute: backlog, double runs", [GONE, TWICE], run)]
