# SPDX-License-Identifier: Apache-2.0
"""No-op checks end to end, CURVE and signatures on, durable before the acknowledgement."""
import statistics

import report
from fleet import Failed, wait
from load import Load, chain

CPU = "no-op check end to end: CPU"
RATE = "no-op checks sustained"
ONE = "no-op check, one job per message: CPU"
P50, P99 = "latency at 200/s, due to keeper, p50", "latency at 200/s, due to keeper, p99"


def run_noop(args):
    report.progress("200,000 pairs at one second: more than the fleet can do")
    ratios, rates, cpus, chains, chain_rates, shares = [], [], [], [], [], []
    with Load(1000, 200) as fleet:
        wait("the load runs", lambda: fleet.accepted() > 200000, 120, 0.5)
        for i in range(args.rounds):
            cpu, rate = fleet.measure(args.seconds)
            with fleet.stopped():
                yard = chain(100)
            ratios.append(cpu / yard["cpu_us_per_record"])
            shares.append(rate / yard["rate"])
            cpus.append(cpu)
            rates.append(rate)
            chains.append(yard["cpu_us_per_record"])
            chain_rates.append(yard["rate"])
            report.progress(f"round {i + 1}: {cpu:.2f} us, {rate:.0f}/s; chain {yard['cpu_us_per_record']:.2f} us, {yard['rate']:.0f}/s")
    report.row(CPU, report.median(cpus), "us", "chain with CURVE, 100 per message", report.median(chains), 4.0, 2.0, rounds=ratios)
    report.row(RATE, report.median(rates), "/s", "chain with CURVE, 100 per message", report.median(chain_rates), 0.25, 0.5, at_most=False,
               rounds=shares)


def run_single(args):
    ratios, cpus, yards = [], [], []
    with Load(500, 200, conf="scheduler:\n  batch_jobs: 1\n") as fleet:
        wait("the load runs", lambda: fleet.accepted() > 50000, 120, 0.5)
        for _ in range(args.rounds):
            cpu = fleet.measure(args.seconds)[0]
            with fleet.stopped():
                yard = chain(1, records=100000)["cpu_us_per_record"]
            ratios.append(cpu / yard)
            cpus.append(cpu)
            yards.append(yard)
    report.row(ONE, report.median(cpus), "us", "chain with CURVE, 1 per message", report.median(yards), 2.5, 1.5, rounds=ratios)


def run_latency(args):
    with Load(100, 10, period="5s") as fleet:
        wait("the load runs", lambda: fleet.accepted() > 1500, 120, 0.5)
        spans, synced = [], []
        for r in fleet.json("result", "list", "--limit", "1000")[:400]:
            at = {s["what"]: s["us"] for s in fleet.json("trace", r["job"])}
            if {"due", "result received", "durable and acknowledged"} <= at.keys():
                spans.append(at["result received"] - at["due"])
                synced.append(at["durable and acknowledged"] - at["due"])
    if len(spans) < 100:
        raise Failed(f"only {len(spans)} traces were whole")
    yard = chain(1, paced=200, records=2000)
    cut = statistics.quantiles(spans, n=100)
    report.row(P50, cut[49], "us", "chain at 200/s", yard["p50_us"], 2.0, 1.3)
    report.row(P99, cut[98], "us", "chain at 200/s", yard["p99_us"], 3.0, 1.5)
    report.note(f"latency with the sync: p50 {statistics.median(synced):.0f} us over {len(synced)} checks")


GROUPS = [report.Group("noop", "CPU per check and checks/s of a saturated fleet against the bare chain", [CPU, RATE], run_noop),
          report.Group("single", "the same with one job per message", [ONE], run_single),
          report.Group("latency", "due to visible at the keeper at 200 checks/s", [P50, P99], run_latency)]
