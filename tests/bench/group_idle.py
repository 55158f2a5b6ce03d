# SPDX-License-Identifier: Apache-2.0
"""A million pairs loaded: memory, and CPU with nothing due."""
import time

import report
from fleet import wait
from load import Load

IDLE = "idle with a million pairs loaded, nothing due"
MEMORY = "resident bytes per pair, scheduler and keeper, slope"


def quiet(fleet):
    wait("quiet", lambda: fleet.gauge("scheduler", "scheduler.open") == 0, 300, 1)


def run(args):
    with Load(2000, args.idle_checks, period="30d") as fleet:
        quiet(fleet)
        cpu = fleet.cpu_seconds()
        time.sleep(args.idle_seconds)  # the span of the measurement itself
        report.row(IDLE, (fleet.cpu_seconds() - cpu) / args.idle_seconds * 100, "% of a core", "one per cent", 1.0, 0.5, 0.05)
        memory = fleet.rss_bytes("scheduler") + fleet.rss_bytes("keeper")
    with Load(200, args.idle_checks, period="30d") as small:
        quiet(small)
        slope = (memory - small.rss_bytes("scheduler") - small.rss_bytes("keeper")) / (fleet.pairs - small.pairs)
    report.row(MEMORY, slope, "bytes", "one byte", 1.0, 256, 128)


GROUPS = [report.Group("idle", "a million pairs: CPU with nothing due, bytes per pair", [IDLE, MEMORY], run)]
