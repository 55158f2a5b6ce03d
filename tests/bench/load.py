# SPDX-License-Identifier: Apache-2.0
"""A fleet of real processes under load, and the bare chain beside it."""
import contextlib
import signal
import time

import report
from fleet import Failed, Fleet, wait


def chain(batch, paced=0, records=400000):
    """The yardstick, five processes of its own: bench_chain.c."""
    args = ["--records", records, "--batch", batch, "--curve", 1] + (["--paced", paced] if paced else [])
    return report.tool("bench_chain", *args)[0]


class Load(Fleet):
    """A fleet with nodes x checks no-op pairs on one period."""

    def __init__(self, nodes, checks, period="1s", conf=""):
        super().__init__(workers=2)
        try:
            with open(self.config, "a") as f:
                f.write(conf)
            self.pairs = nodes * checks
            self.start().ready()
            self.apply_all([f"kind: node\nname: n{i}\n" for i in range(nodes)])
            text = [f"kind: profile\nname: load\nperiod: {period}\n"]
            self.apply_all(text + [f"kind: check\nname: c{i}\nadapter: noop\nprofile: load\ntimeout: 2s\nmax_age: 1h\n" for i in range(checks)])
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def apply_all(self, documents):
        self.ctl("apply", "-f", "-", input="---\n".join(documents), timeout=900)

    def gauge(self, process, name):
        return self.process_stats()[process]["gauges"][name]

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
        wait("the fleet goes on", lambda: self.measure(0.5)[1] > 1000, 60, 0.1)
