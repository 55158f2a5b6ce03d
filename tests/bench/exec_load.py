# SPDX-License-Identifier: Apache-2.0
"""A fleet that runs plugins, measured by what the plugins themselves have left behind."""
import contextlib
import os
import pathlib
import shutil
import signal
import time

import report
from fleet import BIN, Fleet, tree, wait
from load import Load


def bare(plugin="count_dynamic", runs=1500):
    """The yardstick: pipe, posix_spawn, read, waitpid, by four processes so that no core is ever idle: bench_exec.c."""
    return report.tool("bench_exec", "--bare", plugin, "--runs", runs, "--at-once", 4)


def send(pids, sig):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)


def node(i, labels=""):
    return f"kind: node\nname: n{i}\n{labels}"


def profile(name, period):
    return f"kind: profile\nname: {name}\nperiod: {period}\njitter: 0\n"


def check(name, of, adapter, plugin=None, args=None, enabled=False):
    params = f"params:\n  plugin: {plugin}\n" if plugin else ""
    params += f"  args: {args}\n" if args else ""
    return (f"kind: check\nname: {name}\nadapter: {adapter}\nprofile: {of}\ntimeout: 30s\nmax_age: 1h\n"
            f"enabled: {'true' if enabled else 'false'}\n{params}")


class Plugins(Load):
    """Two workers with signed copies of the test plugins; checks and nodes are the caller's business."""

    def __init__(self, documents=(), conf=""):
        Fleet.__init__(self, workers=2)
        try:
            folder = self.prefix / "plugins"
            folder.mkdir()
            for name, more in (("count_dynamic", ()), ("count_tiny", ()), ("stamp", ()), ("resident", ("--resident",))):
                shutil.copy(BIN / "plugins" / name, folder / name)
                self.ctl("manifest", "sign", *more, "--to", folder, folder / name)
            text = self.config.read_text()
            self.config.write_text(text.replace('"/usr/lib/nagios/plugins"', f'"{folder}"') + conf)
            self.start().ready()
            self.apply_all(list(documents))
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def private(self):
        """Directories the plugins write into: one for each plugin in each spawn helper."""
        for worker in self.workers:
            for note in self.prefix.glob(f"**/{worker}/exec.tmp"):
                yield from pathlib.Path(note.read_text().strip()).glob("*/*")

    def executions(self):
        """As the plugins have counted them: a byte each."""
        return sum(f.stat().st_size for folder in self.private() for f in folder.glob("count"))

    def stamps(self):
        """{(node, check): [seconds of the monotonic clock]} as the plugins have noted them."""
        found = {}
        for folder in self.private():
            for f in folder.glob("stamps"):
                for line in f.read_text().splitlines():
                    node, check, ns = line.split()
                    found.setdefault((node, check), []).append(int(ns) / 1e9)
        return found

    def at_change(self, count):
        """(count, CPU seconds, time) at the moment the count moves: the fleet's own numbers are told once a second."""
        first = count()
        now, = wait("the count moves", lambda: [n for n in [count()] if n != first], 60, 0.01)
        return now, self.cpu_seconds(), time.monotonic()

    def spend(self, seconds, count):
        """CPU us per unit of count() and units per second."""
        first, cpu, start = self.at_change(count)
        time.sleep(seconds)  # the span of the measurement itself
        last, cpu_end, end = self.at_change(count)
        return (cpu_end - cpu) * 1e6 / (last - first), (last - first) / (end - start)

    @contextlib.contextmanager
    def only(self, pattern):
        """Of all checks only those of this pattern run."""
        self.ctl("check", "enable", "--yes", "-l", f"name={pattern}", timeout=120)
        try:
            yield
        finally:
            self.ctl("check", "disable", "--yes", "-l", f"name={pattern}", timeout=120)
            wait("the last runs end", lambda: self.gauge("scheduler", "scheduler.open") == 0, 120, 0.1)

    def stand_still(self):
        """Stops the fleet and its helpers; gives their process ids."""
        pids = list(tree([p.pid for p in self.processes.values()]))
        send(pids, signal.SIGSTOP)
        return pids

    @contextlib.contextmanager
    def stopped(self):
        """The fleet and its helpers stand still, so that the yardstick runs alone."""
        pids = self.stand_still()
        try:
            yield
        finally:
            send(pids, signal.SIGCONT)

    @contextlib.contextmanager
    def running(self, pids):
        """The opposite: outside this block the fleet stands still; pids are what stand_still() gave."""
        send(pids, signal.SIGCONT)
        try:
            yield
        finally:
            self.stand_still()
