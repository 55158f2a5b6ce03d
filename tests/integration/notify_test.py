#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every daemon as the service manager sees it: READY=1 only when what it promises holds, WATCHDOG=1 as long as it works and not while it
stands still, STOPPING=1 before it ends. Each message has to come from the daemon itself (NotifyAccess=main)."""
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BIN, PROGRAM, Failed, Fleet, die_with_parent, wait  # noqa: E402

PATIENCE = 180.0
WATCHDOG_US = 400_000
QUIET_S = 4 * WATCHDOG_US / 1e6  # as long as eight feedings of a daemon that works
PROGRAMS = dict(PROGRAM, a="spice-attester")  # enrolled attesters are a-NODE-DIGITS
READY = {"broker-1": "admission proven closed", "keeper": "taking results", "scheduler": "epoch granted, nodes known", "worker-1": "running",
         "bridge-1": "started", "a": "running"}


class Managed:
    """A daemon started as systemd starts it, and what it tells."""

    count = 0

    def __init__(self, fleet, name, prefix=None):
        self.name, self.prefix = name, pathlib.Path(prefix or fleet.prefix)
        Managed.count += 1
        self.path = f"{fleet.prefix}/{name}.{Managed.count}.notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.path)
        self.log = fleet.prefix / f"{name}.{Managed.count}.log"
        kind = name.split("-")[0]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BIN / PROGRAMS[kind], "--config", self.prefix / "etc/spice.yaml", "--name", name], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_parent, env={**os.environ, "NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(WATCHDOG_US)})

    def next(self, seconds=PATIENCE):
        """The lines of the next message; None when none comes any more."""
        end = time.monotonic() + seconds
        while not select.select([self.socket], [], [], max(0.0, min(0.2, end - time.monotonic())))[0]:
            over = self.process.poll() is not None
            if (over or time.monotonic() >= end) and not select.select([self.socket], [], [], 0)[0]:
                return None
        text, more, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12), socket.MSG_DONTWAIT)
        pid = struct.unpack("iii", more[0][2])[0]
        if pid != self.process.pid:
            raise Failed(f"{self.name}: {text!r} is from process {pid}, not from {self.process.pid}")
        return text.decode().splitlines()

    def until(self, line, forbidden=()):
        """The first message that has this line. The messages before it have none of the forbidden ones."""
        while True:
            said = self.next()
            if said is None:
                raise Failed(f"{self.name} did not say {line}; its log: {self.log.read_text()[-2000:]}")
            if line in said:
                return said
            for other in said:
                if other in forbidden:
                    raise Failed(f"{self.name} said {other} before {line}")

    def feeds(self, times=3):
        for _ in range(times):
            self.until("WATCHDOG=1", ("READY=1", "STOPPING=1"))

    def drain(self):
        while self.next(0) is not None:
            pass

    def stopped(self):
        return pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        self.socket.close()
        pathlib.Path(self.path).unlink(missing_ok=True)


class Notify(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(workers=1)
        self.addCleanup(self.fleet.__exit__, None, None, None)

    def start(self, name, prefix=None):
        daemon = Managed(self.fleet, name, prefix)
        self.addCleanup(daemon.close)
        return daemon

    def ready(self, daemon, logged):
        """READY=1 with its status, and by then the log has what it promises."""
        said = daemon.until("READY=1", ("STOPPING=1",))
        kind = daemon.name if daemon.name in READY else daemon.name.split("-")[0]
        self.assertEqual(said, ["READY=1", f"STATUS={READY[kind]}"])
        self.assertIn(logged, daemon.log.read_text())

    def bridge(self):
        """Whose message bus for the cloud is away: that is its state on many days, and no reason to be started again and again."""
        nobody = socket.socket()
        self.addCleanup(nobody.close)
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = self.fleet.prefix / "etc/transport_url"
        url.write_text(f"rabbit://guest:guest@127.0.0.1:{nobody.getsockname()[1]}/\n")
        url.chmod(0o600)
        with open(self.fleet.config, "a") as conf:
            conf.write("\nbridge:\n  transport_url_file: etc/transport_url\n")
        return self.start("bridge-1")

    def attester(self):
        """One for node n1, enrolled on a host of its own. Without a TPM it can still work: it says so when it is asked."""
        self.fleet.ctl("node", "add", "n1")
        invited = self.fleet.json("key", "invite", "--attester", "n1")
        host = self.fleet.prefix / "host"
        self.fleet.run([BIN / "spice-attester", "enrol", invited["token"], "--prefix", host])
        return self.start(invited["name"], host)

    def test_life_of_every_daemon(self):
        broker = self.start("broker-1")
        self.ready(broker, "event=ready")
        # The scheduler's promise needs a keeper. It works meanwhile, which the watchdog sees, and does not say that it is ready.
        scheduler = self.start("scheduler")
        scheduler.feeds(5)
        keeper = self.start("keeper")
        self.ready(keeper, "event=loaded")
        self.ready(scheduler, "event=epoch.granted")
        daemons = [broker, scheduler, keeper, self.start("worker-1"), self.bridge(), self.attester()]
        for daemon in daemons[3:]:
            self.ready(daemon, "" if daemon.name == "bridge-1" else "event=start")
        for daemon in daemons:
            daemon.drain()
            daemon.feeds()
        self.freeze(daemons)
        self.end(daemons)

    def freeze(self, daemons):
        """A daemon that stands still feeds nobody, and goes on when it can."""
        for daemon in daemons:
            daemon.process.send_signal(signal.SIGSTOP)
        for daemon in daemons:
            wait(f"{daemon.name} stands", daemon.stopped)
            daemon.drain()
        end = time.monotonic() + QUIET_S
        sockets = {daemon.socket: daemon for daemon in daemons}
        said = select.select(list(sockets), [], [], end - time.monotonic())[0]
        self.assertEqual([sockets[s].name for s in said], [], "fed by somebody who stands still")
        for daemon in daemons:
            daemon.process.send_signal(signal.SIGCONT)
        for daemon in daemons:
            daemon.feeds()

    def end(self, daemons):
        """Workers first, as the units are ordered: STOPPING=1 before the end, the end without a fault, nothing after it."""
        for daemon in reversed(daemons):
            daemon.drain()
            daemon.process.send_signal(signal.SIGTERM)
            daemon.until("STOPPING=1", ("READY=1",))
            self.assertEqual(daemon.process.wait(timeout=PATIENCE), 0, daemon.name)
            while (said := daemon.next(0)) is not None:
                self.assertNotIn("READY=1", said)
                self.assertNotIn("STOPPING=1", said)

    def never_ready(self, daemon):
        self.assertNotEqual(daemon.process.wait(timeout=PATIENCE), 0)
        while (said := daemon.next(0)) is not None:
            self.assertNotIn("READY=1", said)

    def test_no_promise_without_a_store(self):
        """A broker whose place is taken, a keeper and a scheduler whose store is none: they end, and never said that they were ready."""
        self.ready(self.start("broker-1"), "event=ready")
        self.never_ready(self.start("broker-1"))
        for name in ("keeper", "scheduler"):
            store = self.fleet.prefix / f"state/{name}/{name}.db"
            store.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
            store.write_bytes(b"this is no store\n" * 512)
            store.chmod(0o600)
            self.never_ready(self.start(name))


if __name__ == "__main__":
    unittest.main(verbosity=1)
