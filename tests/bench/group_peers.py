# SPDX-License-Identifier: Apache-2.0
"""Other systems doing the same work on this machine."""
import group_noop
import report

GEARMAND_CPU, GEARMAND_RATE = "no-op check: CPU of gearmand over ours", "no-op checks/s: ours over gearmand's"
NATS_CPU = "no-op check: CPU of NATS JetStream on file over ours"


def run(args):
    ours, rate = report.find(group_noop.CPU)["value"], report.find(group_noop.RATE)["value"]
    runs = [report.tool("bench_peers", "gearmand", 50000) for _ in range(args.rounds)]
    cpus, rates = [r["cpu_us_per_record"] for r in runs], [r["rate_per_s"] for r in runs]
    report.row(GEARMAND_CPU, report.median(cpus), "us", "ours", ours, 12, 30, at_most=False, rounds=[c / ours for c in cpus])
    report.row(GEARMAND_RATE, rate, "/s", "gearmand", report.median(rates), 15, 40, at_most=False, rounds=[rate / r for r in rates])
    cpus = [report.tool("bench_peers", "nats", 50000)["cpu_us_per_record"] for _ in range(args.rounds)]
    report.row(NATS_CPU, report.median(cpus), "us", "ours", ours, 1, 3, at_most=False, rounds=[c / ours for c in cpus])


GROUPS = [report.Group("peers", "gearmand and NATS JetStream, the same work", [GEARMAND_CPU, GEARMAND_RATE, NATS_CPU], run, needs=["noop"])]
