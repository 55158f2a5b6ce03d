# SPDX-License-Identifier: Apache-2.0
"""No-op checks end to end, CURVE and signatures on, durable (full sync) before the acknowledgement."""
import report
from fleet import Failed
from load import Load, boot_us, chain, span

CPU = "no-op check end to end: CPU"
RATE = "no-op checks sustained for 60 s"
LOST = "no-op checks lost or doubled in all of that"
ONE = "no-op check, one job per message: CPU"
P50, P99 = "latency at 200/s, due to keeper, p50", "latency at 200/s, due to keeper, p99"
CHAIN = "chain with CURVE, 100 per message"


def run_noop(args):
    """1,000 nodes x 600 checks at one second: more than the fleet can do."""
    ratios, cpus, chains, chain_rates = [], [], [], []
    with Load(1000, 600) as fleet:
        fleet.runs_under_way(500000)
        for i in range(args.rounds):
            cpu, rate = fleet.measure(args.seconds)
            with fleet.stopped():
                yard = chain(100)
            ratios.append(cpu / yard["cpu_us_per_record"])
            cpus.append(cpu)
            chains.append(yard["cpu_us_per_record"])
            chain_rates.append(yard["rate"])
            report.progress(f"round {i + 1}: {cpu:.2f} us, {rate:.0f}/s; chain {chains[-1]:.2f} us, {yard['rate']:.0f}/s")
        start = boot_us()
        span(60)
        end = boot_us()
        missed = fleet.gauge("scheduler", "scheduler.missed")
        ran, stored = fleet.finish()
        rate = fleet.noted("--from", start, "--to", end)["timed"] / ((end - start) / 1e6)
    if missed == 0:
        raise Failed("the fleet kept up with the load: it was not saturated")
    report.row(CPU, report.median(cpus), "us", CHAIN, report.median(chains), 4.0, 2.0, rounds=ratios)
    report.row(RATE, rate, "/s", CHAIN, report.median(chain_rates), 0.25, 0.5, at_most=False, rounds=[rate / r for r in chain_rates])
    wrong = ran["issued"] - ran["jobs"] + ran["runs"] - ran["jobs"] + abs(ran["runs"] - stored["results"] - sum(fleet.refused.values()))
    report.row(LOST, wrong, "checks", "numbered by the scheduler, noted by the workers, on the keeper's disk", ran["runs"], 0, 0, judged="value")
    report.note(f"issued {ran['issued']:,}, ran {ran['runs']:,}, stored {stored['results']:,}, accepted by the keeper's gauge {fleet.last_accepted:,}; "
                f"refused {fleet.refused}")


def run_single(args):
    ratios, cpus, yards = [], [], []
    with Load(500, 200, conf="scheduler:\n  batch_jobs: 1\n") as fleet:
        fleet.runs_under_way(50000)
        for i in range(args.rounds):
            cpu, rate = fleet.measure(args.seconds / 2)
            with fleet.stopped():
                yard = chain(1, records=100000)["cpu_us_per_record"]
            ratios.append(cpu / yard)
            cpus.append(cpu)
            yards.append(yard)
            report.progress(f"round {i + 1}: {cpu:.2f} us, {rate:.0f}/s; chain {yard:.2f} us")
    report.row(ONE, report.median(cpus), "us", "chain with CURVE, 1 per message", report.median(yards), 2.5, 1.5, rounds=ratios)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def run_latency(args):
    """1,000 pairs at 5 s. A trace has the time stamps of one job at every hop, all of one clock."""
    p50s, p99s, yard50s, yard99s, synced = [], [], [], [], []
    with Load(100, 10, periods=("5s",)) as fleet:
        fleet.runs_under_way(1500)
        for i in range(args.rounds):
            span(6)  # undisturbed: every pair has run
            spans = []
            for r in fleet.json("result", "list", "--limit", "1000")[:: 2]:
                at = {s["what"]: s["us"] for s in fleet.json("trace", r["job"])}
                if {"due", "result received", "durable and acknowledged"} <= at.keys():
                    spans.append(at["result received"] - at["due"])
                    synced.append(at["durable and acknowledged"] - at["due"])
            if len(spans) < 200:
                raise Failed(f"only {len(spans)} traces were whole")
            with fleet.stopped():
                yard = chain(1, paced=200, records=1000)
            p50s.append(percentile(spans, 0.5))
            p99s.append(percentile(spans, 0.99))
            yard50s.append(yard["p50_us"])
            yard99s.append(yard["p99_us"])
            report.progress(f"round {i + 1}: p50 {p50s[-1]}, p99 {p99s[-1]} us of {len(spans)}; chain {yard['p50_us']}, {yard['p99_us']} us")
    report.row(P50, report.median(p50s), "us", "chain at 200/s", report.median(yard50s), 2.0, 1.3, rounds=[a / b for a, b in zip(p50s, yard50s)])
    report.row(P99, report.median(p99s), "us", "chain at 200/s", report.median(yard99s), 3.0, 1.5, rounds=[a / b for a, b in zip(p99s, yard99s)])
    report.note(f"latency with the sync: p50 {percentile(synced, 0.5):.0f} us, p99 {percentile(synced, 0.99):.0f} us over {len(synced)} checks")


GROUPS = [report.Group("noop", "CPU per check and checks/s of a saturated fleet against the bare chain", [CPU, RATE, LOST], run_noop),
          report.Group("single", "the same with one job per message", [ONE], run_single),
          report.Group("latency", "due to visible at the keeper at 200 checks/s", [P50, P99], run_latency)]
