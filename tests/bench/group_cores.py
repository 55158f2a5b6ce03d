# SPDX-License-Identifier: Apache-2.0
"""Scheduler and keeper alone at a million pairs: what a change of either costs shows here first."""
import report

SCHEDULER = ["scheduler core, CPU per job at a million pairs", "scheduler core, resident bytes per pair, slope",
             "scheduler core, cold start with a million pairs"]
KEEPER = ["keeper, durable state change at a million rows, CPU per row"]


def run_scheduler(args):
    report.adopt(report.tool("bench_scheduler"))


def run_keeper(args):
    report.adopt(report.tool("bench_keeper"))


GROUPS = [report.Group("scheduler", "the scheduler's core alone, a million pairs", SCHEDULER, run_scheduler, fleet=False),
          report.Group("keeper", "durable state change at a million rows against a bare SQLite append", KEEPER, run_keeper)]
