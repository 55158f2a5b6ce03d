# SPDX-License-Identifier: Apache-2.0
"""After a freeze of any one process: how long until the backlog is gone."""
import signal
import time

import report
from fleet import wait
from load import Load

GONE = "after a freeze of any one process: backlog gone in"


def run(args):
    worst = 0.0
    with Load(200, 50) as fleet:
        wait("the load runs", lambda: fleet.accepted() > 20000, 120, 0.5)
        for name in list(fleet.processes):
            report.progress(f"{name} frozen for {args.freeze_seconds} s")
            fleet.processes[name].send_signal(signal.SIGSTOP)
            time.sleep(args.freeze_seconds)  # the freeze itself
            fleet.processes[name].send_signal(signal.SIGCONT)
            start = time.monotonic()
            wait("backlog gone", lambda: fleet.gauge("scheduler", "scheduler.backlog") == 0 and
                 fleet.measure(0.3)[1] > fleet.pairs * 0.8, 120, 0.05)
            worst = max(worst, time.monotonic() - start)
    report.row(GONE, worst, "s", "one second", 1.0, 6, 2)


GROUPS = [report.Group("freeze", "SIGSTOP of each process in turn", [GONE], run)]
