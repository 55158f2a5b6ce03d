# SPDX-License-Identifier: Apache-2.0
"""A million pairs: CPU with nothing due, bytes per pair, lateness, cold start. The groups of this file share one fleet when run together."""
import contextlib
import signal

import report
from fleet import Failed, wait
from load import Load, boot_us, span

IDLE = "idle with a million pairs loaded, nothing due"
MEMORY = "resident bytes per pair, scheduler and keeper, slope"
LATE = "start lateness p99, a million pairs, periods of 30 to 300 s"
COLD = "cold start with a million pairs to the first job"
LONG = ("30d",) * 4
MIXED = ("30s", "60s", "120s", "300s")
SELDOM = "0 0 29 2 *"  # with a period one pair in three seconds would fall due
keep = contextlib.ExitStack()  # closed when the run ends
state = {}


def fleet_of(nodes, args):
    return Load(nodes, args.idle_checks, periods=LONG, held=False)


def all_ran(fleet):
    """Every pair has its first result, and nothing is under way."""
    def quiet():
        gauges = fleet.process_stats()
        return gauges["keeper"]["gauges"]["keeper.pairs"] >= fleet.pairs and gauges["scheduler"]["gauges"]["scheduler.open"] == 0
    wait("every pair ran once", quiet, 600, 1)


def million(args):
    if "fleet" not in state:
        report.progress("a million pairs are made")
        state["fleet"] = keep.enter_context(fleet_of(2000, args))
        state["resident"] = None
        all_ran(state["fleet"])
        state["resident"] = sum(state["fleet"].rss_bytes(p) for p in ("scheduler", "keeper"))
    return state["fleet"]


def mixed(args):
    fleet = million(args)
    if "mixed" not in state:
        fleet.periods(MIXED)
        state["mixed"] = True
        span(30)  # the pairs of the shortest period have come round
    return fleet


def run_idle(args):
    fleet = million(args)
    if "mixed" in state:
        raise Failed("the periods were changed before")
    fleet.apply_all([f"kind: profile\nname: p{i}\ncron: \"{SELDOM}\"\n" for i in range(len(LONG))])
    all_ran(fleet)
    shares = []
    due = fleet.gauge("scheduler", "scheduler.due")
    span(10)  # the question itself is forgotten
    before = {name: fleet.cpu_ns([name]) for name in fleet.processes}
    woken = fleet.switches()
    for _ in range(args.rounds):
        cpu = fleet.cpu_ns()
        span(args.idle_seconds / args.rounds)
        shares.append((fleet.cpu_ns() - cpu) / 1e9 / (args.idle_seconds / args.rounds) * 100)
    parts = {name: (fleet.cpu_ns([name]) - before[name]) / 1e7 / args.idle_seconds for name in fleet.processes}
    woken = (fleet.switches() - woken) / args.idle_seconds
    bare = report.tool("bench_timer", 20, 1000)["cpu_us"]  # as cold as the fleet's threads are between two of their wake-ups
    report.note(f"idle: {woken:.0f} switches a second of all threads; a bare process that wakes once a second pays {bare:.0f} us each time here: "
                f"as many are {woken * bare / 1e4:.2f} %")
    report.note("idle: " + ", ".join(f"{name} {share:.4f} %" for name, share in parts.items()))
    if fleet.gauge("scheduler", "scheduler.due") != due:
        raise Failed("something fell due")
    report.row(IDLE, report.median(shares), "% of a core", "one per cent of a core", 1.0, 0.5, 0.05, rounds=shares)


def run_memory(args):
    large = million(args)
    with fleet_of(200, args) as small:
        all_ran(small)
        slope = (state["resident"] - sum(small.rss_bytes(p) for p in ("scheduler", "keeper"))) / (large.pairs - small.pairs)
    report.row(MEMORY, slope, "bytes", f"one byte; from {small.pairs:,} to {large.pairs:,} pairs", 1.0, 256, 128)


def run_lateness(args):
    fleet = mixed(args)
    spans, yards = [], []
    for _ in range(args.rounds):
        start = boot_us()
        yards.append(report.tool("bench_timer", int(args.seconds)))
        spans.append((start, boot_us()))
    wait("the notes are written", lambda: fleet.noted()["runs"] > 0, 30, 1)
    span(2)
    grid = fleet.map()
    found = [fleet.noted("--from", a, "--to", b, grid=grid) for a, b in spans]
    for one, yard in zip(found, yards):
        report.progress(f"{one['timed']:,} starts: p50 {one['late_p50_us']}, p99 {one['late_p99_us']}, p99.9 {one['late_p999_us']} us; "
                        f"kernel's timer p50 {yard['p50_us']}, p99 {yard['p99_us']} us")
        if one["timed"] < 1000:
            raise Failed("too few starts were noted")
    ours, kernel = [f["late_p99_us"] for f in found], [y["p99_us"] for y in yards]
    report.row(LATE, report.median(ours), "us", "the kernel's own timer p99, same minute", report.median(kernel), None, 2.0,
               rounds=[a / b for a, b in zip(ours, kernel)], bar_value=5000)


def cold_start(fleet):
    """Everything is killed and started again; the first job is the first run a worker notes."""
    for name in fleet.processes:
        fleet.processes[name].send_signal(signal.SIGKILL)
    for name in fleet.processes:
        fleet.processes[name].wait()
    start = boot_us()
    fleet.start()
    wait("jobs run again", lambda: fleet.noted("--from", start)["timed"] > 0, 120, 0.5)
    return (fleet.noted("--from", start)["first_us"] - start) / 1e6


def run_start(args):
    fleet = mixed(args)
    times, scans = [], []
    for i in range(args.rounds):
        times.append(cold_start(fleet))
        scans.append(report.tool("bench_scheduler", "--scan")["scan_ms"] / 1e3)
        report.progress(f"round {i + 1}: {times[-1]:.3f} s, scan {scans[-1]:.3f} s")
        fleet.ready()
    report.row(COLD, report.median(times), "s", "bare SQLite scan of a million rows", report.median(scans), 10, 3,
               rounds=[a / b for a, b in zip(times, scans)])


GROUPS = [report.Group("idle", "a million pairs, nothing due: CPU", [IDLE], run_idle),
          report.Group("memory", "resident bytes per pair from 100 thousand to a million", [MEMORY], run_memory),
          report.Group("lateness", "a million pairs with mixed periods: start against the ideal grid, and the kernel's timer", [LATE], run_lateness),
          report.Group("start", "a million pairs: everything killed and started, to the first job", [COLD], run_start)]
