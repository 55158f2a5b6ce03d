#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks against a limit or a peer measured in the same run. ops/bench [GROUP...] [--json] [--rounds N]

Groups: codec, scheduler, fleet, idle, freeze, brokers, exec, peers (needs gearmand and nats-server: ops/install-deps bench).
A row: figure, value, unit, reference, reference_value, ratio, bar, goal, met, bar_met. Exit 1 when a bar is missed.
CPU is user+sys of all processes of the fleet per check; medians of interleaved rounds, the spread is in `spread`.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[0] / "support"))
from fleet import BIN, SOURCE, Failed, Fleet, wait  # noqa: E402

rows = []
BENCH = BIN / "tests"


def progress(text):
    print(f"... {text}", file=sys.stderr, flush=True)


def row(figure, value, unit, reference, reference_value, bar, goal, most=True, spread=None):
    """most: the ratio must be at most bar and goal; else at least. spread: smallest and largest ratio seen."""
    ratio = value / reference_value if reference_value else None
    ok = (lambda limit: ratio is not None and (ratio <= limit if most else ratio >= limit))
    rows.append({"figure": figure, "value": round(value, 3), "unit": unit, "reference": reference,
                 "reference_value": round(reference_value, 3), "ratio": None if ratio is None else round(ratio, 3),
                 "bar": bar, "goal": goal, "at_most": most, "met": ok(goal), "bar_met": ok(bar),
                 "spread": None if spread is None else [round(x, 3) for x in spread]})


def tool(name, *args, timeout=600):
    done = subprocess.run([str(BENCH / name), *map(str, args)], capture_output=True, text=True, timeout=timeout)
    if done.returncode == 3:
        return None
    if done.returncode != 0:
        raise Failed(f"{name}: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def chain(batch, paced=0, records=400000):
    args = ["--records", records, "--batch", batch, "--curve", 1] + (["--paced", paced] if paced else [])
    return tool("bench_chain", *args)[0]


class Load(Fleet):
    """A fleet with `pairs` no-op pairs on one period."""

    def __init__(self, nodes, checks, period="1s", conf=""):
        super().__init__(workers=2)
        with open(self.config, "a") as f:
            f.write(conf)
        self.pairs = nodes * checks
        self.start().ready()
        text = [f"kind: node\nname: n{i}\n" for i in range(nodes)]
        self.ctl("apply", "-f", "-", input="---\n".join(text), timeout=600)
        text = [f"kind: profile\nname: load\nperiod: {period}\n"]
        text += [f"kind: check\nname: c{i}\nadapter: noop\nprofile: load\ntimeout: 2s\nmax_age: 1h\n" for i in range(checks)]
        self.ctl("apply", "-f", "-", input="---\n".join(text), timeout=600)

    def gauge(self, process, name):
        return next(g["value"] for g in self.process_stats()[process]["gauges"] if g["name"] == name)

    def accepted(self):
        return self.gauge("keeper", "keeper.accepted")

    def measure(self, seconds):
        """CPU us per check and checks per second; counted by the keeper's durable results."""
        first, cpu, start = self.accepted(), self.cpu_seconds(), time.monotonic()
        end = start + seconds
        while time.monotonic() < end:
            time.sleep(min(1.0, max(0.0, end - time.monotonic())))  # the span of the measurement itself
        done, spent, took = self.accepted() - first, self.cpu_seconds() - cpu, time.monotonic() - start
        if done == 0:
            raise Failed("no result was stored")
        return spent * 1e6 / done, done / took


def group_codec(args):
    for r in tool("bench_codec"):
        progress(json.dumps(r))
        if {"figure", "value", "reference_value", "bar", "goal"} <= r.keys():
            rows.append(r)


def group_fleet(args):
    """No-op checks end to end, CURVE and signatures on, durable."""
    progress("200,000 pairs at one second: more than the fleet can do")
    ratios, rates, cpus, chains, chain_rates = [], [], [], [], []
    with Load(1000, 200) as fleet:
        wait("the load runs", lambda: fleet.accepted() > 200000, 120, 0.5)
        for i in range(args.rounds):
            cpu, rate = fleet.measure(args.seconds)
            for name in fleet.processes:
                fleet.processes[name].send_signal(19)  # SIGSTOP: the yardstick runs alone
            yard = chain(100)
            for name in fleet.processes:
                fleet.processes[name].send_signal(18)
            wait("it goes on", lambda: fleet.measure(0.5)[1] > 1000, 60, 0.1)
            ratios.append(cpu / yard["cpu_us_per_record"])
            cpus.append(cpu)
            rates.append(rate)
            chains.append(yard["cpu_us_per_record"])
            chain_rates.append(yard["rate"])
            progress(f"round {i + 1}: {cpu:.2f} us, {rate:.0f}/s; chain {yard['cpu_us_per_record']:.2f} us, {yard['rate']:.0f}/s")
    cpu, rate = statistics.median(cpus), statistics.median(rates)
    row("no-op check end to end: CPU", cpu, "us", "chain with CURVE, 100 per message", statistics.median(chains), 4.0, 2.0,
        spread=(min(ratios), max(ratios)))
    row("no-op checks sustained", rate, "/s", "chain with CURVE, 100 per message", statistics.median(chain_rates), 0.25, 0.5, most=False)
    args.cpu, args.rate = cpu, rate
    progress("one job per message")
    with Load(500, 200, conf="scheduler:\n  batch_jobs: 1\n") as fleet:
        wait("the load runs", lambda: fleet.accepted() > 50000, 120, 0.5)
        cpu = statistics.median(fleet.measure(args.seconds)[0] for _ in range(3))
    row("no-op check, one job per message: CPU", cpu, "us", "chain with CURVE, 1 per message", chain(1, records=100000)["cpu_us_per_record"], 2.5, 1.5)
    progress("latency at 200 checks/s")
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
    row("latency at 200/s, due to keeper, p50", cut[49], "us", "chain at 200/s", yard["p50_us"], 2.0, 1.3)
    row("latency at 200/s, due to keeper, p99", cut[98], "us", "chain at 200/s", yard["p99_us"], 3.0, 1.5)
    progress(f"with the sync: p50 {statistics.median(synced):.0f} us over {len(synced)} checks")


def group_peers(args):
    if not hasattr(args, "cpu"):
        group_fleet(args)
    for name, bars in (("gearmand", (12, 30, 15, 40)), ("nats", (None, 3, None, None))):
        runs = [r for r in (tool("bench_peers", name, 50000) for _ in range(3)) if r]
        if not runs:
            progress(f"{name} is not installed: ops/install-deps bench")
            continue
        cpu, rate = statistics.median(r["cpu_us_per_record"] for r in runs), statistics.median(r["rate_per_s"] for r in runs)
        row(f"CPU of {name} per check over ours", cpu, "us", "ours", args.cpu, bars[0] or 1, bars[1], most=False)
        if bars[2]:
            row(f"checks/s over {name}'s", args.rate, "/s", name, rate, bars[2], bars[3], most=False)


def group_idle(args):
    progress("pairs loaded, nothing due")
    with Load(2000, args.idle_checks, period="30d") as fleet:
        wait("quiet", lambda: fleet.gauge("scheduler", "scheduler.open") == 0, 300, 1)
        cpu = fleet.cpu_seconds()
        time.sleep(args.idle_seconds)  # the span of the measurement itself
        row(f"idle, {fleet.pairs} pairs loaded, nothing due", (fleet.cpu_seconds() - cpu) / args.idle_seconds * 100, "% of a core", "one per cent", 1.0,
            0.5, 0.05)
        memory = fleet.rss_bytes("scheduler") + fleet.rss_bytes("keeper")
    with Load(200, args.idle_checks, period="30d") as small:
        wait("quiet", lambda: small.gauge("scheduler", "scheduler.open") == 0, 300, 1)
        slope = (memory - small.rss_bytes("scheduler") - small.rss_bytes("keeper")) / (fleet.pairs - small.pairs)
    row(f"resident bytes per pair, slope {small.pairs} to {fleet.pairs}", slope, "bytes", "one byte", 1.0, 256, 128)


def group_freeze(args):
    """After a freeze of any one process: how long until the backlog is gone."""
    worst = 0.0
    with Load(200, 50) as fleet:
        wait("the load runs", lambda: fleet.accepted() > 20000, 120, 0.5)
        for name in list(fleet.processes):
            progress(f"{name} frozen for {args.freeze_seconds} s")
            fleet.processes[name].send_signal(19)
            time.sleep(args.freeze_seconds)  # the freeze itself
            fleet.processes[name].send_signal(18)
            start = time.monotonic()
            wait("backlog gone", lambda: fleet.gauge("scheduler", "scheduler.backlog") == 0 and
                 fleet.measure(0.3)[1] > fleet.pairs * 0.8, 120, 0.05)
            worst = max(worst, time.monotonic() - start)
    row(f"after a freeze of {args.freeze_seconds} s: backlog gone in", worst, "s", "one second", 1.0, 6, 2)


def group_brokers(args):
    r = tool("bench_broker_peers")
    for one in r if isinstance(r, list) else [r]:
        if {"figure", "value", "reference_value", "bar", "goal"} <= one.keys():
            rows.append(one)
        else:
            progress(json.dumps(one))


def group_exec(args):
    for r in tool("bench_exec"):
        if {"figure", "value", "reference_value", "bar", "goal"} <= r.keys():
            rows.append(r)
        else:
            progress(json.dumps(r))


GROUPS = {"codec": group_codec, "fleet": group_fleet, "peers": group_peers, "idle": group_idle, "freeze": group_freeze, "brokers": group_brokers,
          "exec": group_exec}


def main():
    parser = argparse.ArgumentParser(prog="ops/bench", description="Benchmarks against a limit or a peer measured in the same run.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="one or more of: " + " ".join(GROUPS) + " (default: all)")
    parser.add_argument("--json", action="store_true", help="rows as a JSON array")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=12.0, help="length of one measurement (default 12)")
    parser.add_argument("--idle-checks", type=int, default=500, help="checks on 2,000 nodes for the idle and memory rows (default 500: a million pairs)")
    parser.add_argument("--idle-seconds", type=float, default=60.0)
    parser.add_argument("--freeze-seconds", type=float, default=60.0)
    args = parser.parse_args()
    groups = args.groups or list(GROUPS)
    for name in groups:
        if name not in GROUPS:
            parser.error(f"no group {name}; one of: {' '.join(GROUPS)}")
    for name in groups:
        progress(f"group {name}")
        GROUPS[name](args)
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        print(f"{'FIGURE':58} {'VALUE':>11} {'REFERENCE':>11} {'RATIO':>8} {'BAR':>7} {'GOAL':>7}")
        for r in rows:
            mark = "goal met" if r["met"] else "bar met" if r["bar_met"] else "BAR MISSED"
            print(f"{r['figure'][:58]:58} {r['value']:>11} {r['reference_value']:>11} {r['ratio']:>8} {r['bar']:>7} {r['goal']:>7}  {mark}")
    sys.exit(0 if rows and all(r["bar_met"] for r in rows) else 1)


main()
