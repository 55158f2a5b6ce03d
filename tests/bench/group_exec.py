# SPDX-License-Identifier: Apache-2.0
"""Plugins end to end: started for each check, and resident; against a bare spawn of the same plugin and against no-op checks."""
import math
import threading
import time

import report
from exec_load import Plugins, bare, check, node, profile
from fleet import Failed, wait

CPU = "exec: CPU per check above a bare posix_spawn"
TINY = "the same, plugin without C library"
RATE, MILLION = "exec checks/s, both cores busy", "exec checks/s with a million pairs loaded"
RESIDENT, LESS = "resident plugin: CPU per check", "exec: CPU per check over that of the resident plugin"
LATE = "start lateness p99, 4,000 exec checks at 10 s"

SETTLE = 2.0
PERIOD = 10.0


def at_work(fleet, pattern, seconds, count):
    """CPU us per check and checks/s while nothing but the checks of this pattern run."""
    with fleet.only(pattern):
        first = count()
        wait(f"checks {pattern} run", lambda: count() > first + 500, 120, 0.1)
        time.sleep(SETTLE)  # everything is warm and the queues are full
        return fleet.spend(seconds, count)


def run_exec(args):
    """One fleet; in each round the same nodes run exec, resident and no-op checks, more than can be done, and the bare spawn runs alone."""
    report.progress("a fleet with exec, resident and no-op checks of one second")
    documents = [node(i) for i in range(500)] + [profile("load", "1s")]
    documents += [check(f"exec-{i}", "load", "exec", "count_dynamic") for i in range(12)]
    documents += [check(f"tiny-{i}", "load", "exec", "count_tiny") for i in range(60)]
    documents += [check(f"resident-{i}", "load", "exec", "resident") for i in range(240)]
    documents += [check(f"noop-{i}", "load", "noop") for i in range(240)]
    above, tiny, share, dearer, less, seen = [], [], [], [], [], []
    with Plugins(documents) as fleet:
        for i in range(args.rounds):
            exec_cpu, exec_rate = at_work(fleet, "exec-*", args.seconds, fleet.executions)
            with fleet.stopped():
                yard = bare(runs=3000)
            tiny_cpu, tiny_rate = at_work(fleet, "tiny-*", args.seconds, fleet.executions)
            with fleet.stopped():
                tiny_yard = bare("count_tiny", runs=10000)
            up, up_rate = at_work(fleet, "resident-*", args.seconds, fleet.accepted)
            noop, _ = at_work(fleet, "noop-*", args.seconds, fleet.accepted)
            above.append(exec_cpu - yard["cpu_us"])
            tiny.append(tiny_cpu - tiny_yard["cpu_us"])
            share.append(exec_rate / yard["rate"])
            dearer.append(up / noop)
            less.append(exec_cpu / up)
            seen.append((exec_cpu, exec_rate, yard["cpu_us"], yard["rate"], up, noop, tiny_cpu, tiny_yard["cpu_us"]))
            report.progress(f"round {i + 1}: exec {exec_cpu:.0f} us, {exec_rate:.0f}/s; bare {yard['cpu_us']:.0f} us, {yard['rate']:.0f}/s; "
                            f"tiny {tiny_cpu:.0f} us, {tiny_rate:.0f}/s; bare {tiny_yard['cpu_us']:.0f} us, {tiny_yard['rate']:.0f}/s; "
                            f"resident {up:.2f} us, {up_rate:.0f}/s; no-op {noop:.2f} us")
    exec_cpu, exec_rate, bare_cpu, bare_rate, up, noop, tiny_cpu, tiny_bare = (report.median(column) for column in zip(*seen))
    report.row(CPU, exec_cpu, "us", "bare posix_spawn", bare_cpu, 60, 20, judged="difference", rounds=above, hint="judged: us above bare")
    report.row(TINY, tiny_cpu, "us", "bare posix_spawn", tiny_bare, 60, 20, judged="difference", rounds=tiny, hint="judged: us above bare")
    report.row(RATE, exec_rate, "/s", "bare posix_spawn", bare_rate, 0.85, 0.95, at_most=False, rounds=share)
    report.row(RESIDENT, up, "us", "no-op check", noop, 3, 1.5, rounds=dearer)
    report.row(LESS, exec_cpu, "us", "resident plugin", up, 40, 80, at_most=False, rounds=less)


def run_million(args):
    """A million pairs of one exec check each 200 s on 2,000 nodes: more than the machine can do."""
    report.progress("a fleet with a million pairs")
    documents = [node(i) for i in range(2000)] + [profile("load", "200s")]
    documents += [check(f"exec-{i}", "load", "exec", "count_dynamic", enabled=True) for i in range(500)]
    share, rates, yards = [], [], []
    with Plugins(documents) as fleet:
        wait("a million pairs", lambda: fleet.gauge("scheduler", "scheduler.pairs") >= 1000000, 300, 1)
        wait("the load runs", lambda: fleet.executions() > 2000, 120, 0.2)
        for i in range(args.rounds):
            time.sleep(SETTLE)
            cpu, rate = fleet.spend(args.seconds, fleet.executions)
            with fleet.stopped():
                yard = bare()
            share.append(rate / yard["rate"])
            rates.append(rate)
            yards.append(yard["rate"])
            report.progress(f"round {i + 1}: {rate:.0f}/s, {cpu:.0f} us; bare {yard['rate']:.0f}/s, {yard['cpu_us']:.0f} us")
    report.row(MILLION, report.median(rates), "/s", "bare posix_spawn", report.median(yards), 0.85, 0.95, at_most=False, rounds=share)


def lateness(starts, period):
    """Distances of the starts of one pair to the grid its earliest start lies on."""
    phases = [s - k * period for k, s in enumerate(starts)]
    first = min(phases)
    return [p - first for p in phases]


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, math.ceil(q * len(values)) - 1)]


class Timer(threading.Thread):
    """What the kernel's own timers cost meanwhile: lateness of a wake-up each 5 ms."""

    def __init__(self):
        super().__init__(daemon=True)
        self.late, self.ends = [], False

    def run(self):
        due = time.monotonic()
        while not self.ends:
            due = max(due + 0.005, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))  # the timer that is measured
            self.late.append(time.monotonic() - due)


def run_late(args):
    """4,000 pairs at 10 s for seven periods; the start of each is what the plugin's own clock says."""
    report.progress("4,000 exec checks at 10 s")
    documents = [node(i) for i in range(40)] + [profile("grid", f"{PERIOD:g}s")]
    documents += [check(f"late-{i}", "grid", "exec", "stamp", f'["{{node}}", "late-{i}"]', True) for i in range(100)]
    with Plugins(documents) as fleet:
        wait("every pair has run twice", lambda: len(s := fleet.stamps()) == 4000 and min(map(len, s.values())) >= 2, 120, 1)
        timer = Timer()
        begin = time.monotonic()
        timer.start()
        time.sleep(PERIOD * max(args.rounds, 5) + 1)  # the span of the measurement itself
        timer.ends, end = True, time.monotonic()
        stamps = fleet.stamps()
    late, per_period = [], {}
    for starts in stamps.values():
        starts = sorted(s for s in starts if begin <= s < end)
        if any(abs(b - a - PERIOD) > PERIOD / 2 for a, b in zip(starts, starts[1:])):
            raise Failed("a run is missing or doubled")
        for k, x in enumerate(lateness(starts, PERIOD)):
            late.append(x * 1e3)
            per_period.setdefault(k, []).append(x * 1e3)
    if len(late) < 4000 * 5:
        raise Failed(f"only {len(late)} starts were seen")
    rounds = [quantile(v, 0.99) for v in per_period.values() if len(v) > 2000]
    report.row(LATE, quantile(late, 0.99), "ms", "kernel timer p99", quantile(timer.late, 0.99) * 1e3, 20, 5, judged="value", rounds=rounds,
               hint="judged: ms against the grid of each pair")
    report.note(f"start lateness of {len(late)} exec checks: p50 {quantile(late, 0.5):.2f} ms, p90 {quantile(late, 0.9):.2f} ms, "
                f"worst {max(late):.1f} ms; Nagios 97 ms, mod-gearman 46, Icinga 2 988 when last measured")


GROUPS = [report.Group("exec", "plugins end to end against a bare posix_spawn, resident ones against no-op checks", [CPU, TINY, RATE, RESIDENT, LESS],
                       run_exec),
          report.Group("million", "exec checks/s with a million pairs loaded", [MILLION], run_million),
          report.Group("execlate", "start lateness of 4,000 plugins at 10 s", [LATE], run_late)]
