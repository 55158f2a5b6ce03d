# SPDX-License-Identifier: Apache-2.0
"""Fleets of real processes under load, the bare chain beside them, and what the workers noted of each run."""
import contextlib
import re
import signal
import time

import report
from fleet import Failed, Fleet, wait


def chain(batch, paced=0, records=400000):
    """The yardstick, five processes of its own: bench_chain.c."""
    args = ["--records", records, "--batch", batch, "--curve", 1] + (["--paced", paced] if paced else [])
    return report.tool("bench_chain", *args)[0]


def boot_us():
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1e6)


def span(seconds):
    """Lets the span of a measurement pass."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(1.0, max(0.0, end - time.monotonic())))


class Load(Fleet):
    """A fleet with nodes x checks no-op pairs. The checks are spread over profiles p0, p1, ... with these periods and no jitter.

    held: they are enabled when the keeper knows them all, so that no result is refused; else at once, and each pair runs soon. Workers note each run in `self.log`."""

    def __init__(self, nodes, checks, periods=("1s",), conf="", held=True, **more):
        super().__init__(workers=2, **more)
        self.log = self.prefix / "runs.log"
        self.pairs = nodes * checks
        self.checks = [f"c{i}" for i in range(checks)]
        self.started = set()
        try:
            with open(self.config, "a") as f:  # the file ends within the section worker
                f.write(f"  settings:\n    noop:\n      log: {self.log}\n{conf}")
            self.start().ready()
            self.apply_all([f"kind: node\nname: n{i}\n" for i in range(nodes)])
            self.periods(periods)
            self.apply_all([f"kind: check\nname: {c}\nadapter: noop\nprofile: p{i % len(periods)}\ntimeout: 2s\nmax_age: 1h\nallow_short_life: true\n"
                            f"enabled: {'false' if held else 'true'}\n"
                            for i, c in enumerate(self.checks)])
            if held:
                span(3)  # the scheduler tells the keeper all checks
                self.ctl("check", "enable", *self.checks, timeout=900)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def periods(self, periods):
        self.apply_all([f"kind: profile\nname: p{i}\nperiod: {p}\njitter: 0\n" for i, p in enumerate(periods)])

    def apply_all(self, documents):
        self.ctl("apply", "-f", "-", input="---\n".join(documents), timeout=900)

    def gauge(self, process, name):
        return self.process_stats()[process]["gauges"][name]

    def accepted(self):
        """Results the keeper has stored; a batch that came twice is acknowledged twice and stored once."""
        gauges = self.process_stats()["keeper"]["gauges"]
        return gauges["keeper.accepted"] - gauges["keeper.duplicates"]

    def runs_under_way(self, count):
        wait("the load runs", lambda: self.accepted() > count, 180, 0.5)

    def measure(self, seconds):
        """CPU us per check and checks per second, by the keeper's durable results. Whether it stored them is what finish() reads from its disk."""
        first, cpu, start = self.accepted(), self.cpu_seconds(), time.monotonic()
        span(seconds)
        done, spent, took = self.accepted() - first, self.cpu_seconds() - cpu, time.monotonic() - start
        if done == 0:
            raise Failed("no result was stored")
        return spent * 1e6 / done, done / took

    @contextlib.contextmanager
    def stopped(self):
        """The fleet stands still, so that the yardstick runs alone."""
        for process in self.processes.values():
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self.processes.values():
                process.send_signal(signal.SIGCONT)
        wait("the fleet goes on", lambda: self.measure(0.5)[1] > min(1000, self.pairs / 20), 60, 0.1)

    def map(self):
        """File with the numbers, names, keys and periods bench_runs needs for the ideal grid."""
        path = self.prefix / "map"
        lines = [f"check {c['id']} {c['name']} {c['period_ms']}" for c in self.json("check", "list", timeout=300)]
        lines += [f"node {n['id']} {n['key'].replace('-', '')}" for n in self.json("node", "list", timeout=300)]
        path.write_text("\n".join(lines) + "\n")
        return path

    def noted(self, *args, grid=None):
        """What the workers noted. Complete for what is long ago, or when they ended."""
        more = ["--map", grid, self.prefix / "keys/core.key"] if grid else []
        return report.tool("bench_runs", self.log, *more, *args)

    def finish(self):
        """No more checks; everything under way arrives; the processes end. Returns (what ran, what the keeper's disk holds)."""
        self.ctl("check", "disable", *self.checks, timeout=900)
        wait("all answers are in", lambda: self.gauge("scheduler", "scheduler.open") == 0 and
             all(self.gauge(w, "outbox.results") == 0 for w in self.workers), 120, 0.5)
        gauges = self.process_stats()["keeper"]["gauges"]
        self.last_accepted = gauges["keeper.accepted"] - gauges["keeper.duplicates"]
        self.refused = {name: value for name, value in gauges.items() if value and name.startswith("keeper.refused") or name == "keeper.batches_dropped"}
        self.stop()
        deployment = re.search(r'^deployment: "?([0-9a-f]{32})', self.config.read_text(), re.M).group(1)
        return self.noted(), report.tool("bench_stored", self.prefix / "state/keeper", self.prefix / "keys/core.key", deployment)
