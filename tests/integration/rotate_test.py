#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A9 with real processes: keys are changed by "key prepare" and "key switch" while a fleet works, and no node leaves the pool for it; then the
attacks: the next keys before their time, the old ones after their end, and either after a revocation."""
import pathlib
import signal
import sys
import unittest

import yaml
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import revoke_test as revoke  # noqa: E402
from revoke_test import support  # noqa: E402

LONG_AGO, FAR_OFF = "2001-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
DEFINITIONS = revoke.DEFINITIONS.replace("max_age: 30s", "max_age: 300s")


class Bed(unittest.TestCase):
    def setUp(self):
        self.fleet = support.Fleet(workers=3)
        self.addCleanup(lambda: self.fleet.__exit__(None, None, None))
        self.context = zmq.Context()
        self.addCleanup(lambda: self.context.destroy(linger=0))
        self.principals = self.fleet.prefix / "etc/principals.yaml"
        self.fleet.start("broker-1", "keeper", "scheduler", "worker-1").ready()

    def key(self, name, which=""):
        return (self.fleet.prefix / f"keys/{name}.key{which}").read_text()

    def row(self, name, **changes):
        """The row of principals.yaml after these changes; None takes a key out."""
        file = yaml.safe_load(self.principals.read_text())
        row = next(row for row in file["principals"] if row["name"] == name)
        for key, value in changes.items():
            row.pop(key, None)
            if value is not None:
                row[key] = value
        self.principals.write_text(yaml.safe_dump(file))
        return row

    def reload(self):
        """As the runbook says after each change of the file, but for the processes that these tests do not ask."""
        log = self.fleet.prefix / "broker-1.log"
        before = log.read_text().count("event=reload")
        self.fleet.kill("broker-1", signal.SIGHUP)
        support.wait("the broker reads the file again", lambda: log.read_text().count("event=reload") > before)

    def let_in(self, name, key):
        """Is somebody with this key let in? Whoever is, goes again; whoever is not has as much time as the other who asks after it."""
        peer = revoke.Peer(self.context, self.fleet, name, key)
        other = revoke.Peer(self.context, self.fleet, "worker-3")
        try:
            peer.hello()
            if peer.hears("Welcome", 0.5) is not None:
                return True
            other.hello()
            self.assertIsNotNone(other.hears("Welcome"))
            return peer.hears("Welcome", 0.5) is not None
        finally:
            peer.say("Bye", {"boot": 1})
            other.say("Bye", {"boot": 1})
            peer.close()
            other.close()

    def assertLetIn(self, name, key):
        support.wait(f"{name} is let in", lambda: self.let_in(name, key))

    def assertShutOut(self, name, key):
        self.assertFalse(self.let_in(name, key), name)


class Attacks(Bed):
    def test_each_pair_in_its_time(self):
        fleet, old = self.fleet, self.key("worker-2")
        fleet.ctl("key", "prepare", "worker-2")
        new = self.key("worker-2", ".next")
        self.assertShutOut("worker-2", new)  # the broker has not heard of it
        self.row("worker-2", next_not_before=FAR_OFF)
        self.reload()
        self.assertShutOut("worker-2", new)
        self.assertLetIn("worker-2", old)
        self.row("worker-2", next_not_before=None)
        self.reload()
        self.assertLetIn("worker-2", old)
        self.assertLetIn("worker-2", new)
        self.row("worker-2", not_after=LONG_AGO)
        self.reload()
        self.assertShutOut("worker-2", old)
        self.assertLetIn("worker-2", new)

    def test_connected_under_a_key_that_ends(self):
        old = self.key("worker-2")
        self.fleet.ctl("key", "prepare", "worker-2")
        self.reload()
        peer = revoke.Peer(self.context, self.fleet, "worker-2", old)
        self.addCleanup(peer.close)
        peer.hello()
        self.assertIsNotNone(peer.hears("Welcome"))
        self.row("worker-2", not_after=LONG_AGO)
        self.reload()
        peer.say("Heartbeat", revoke.blank("Heartbeat"))
        self.assertEqual(peer.hears("Refused")["code"], revoke.wire.ENUMS["refusal"]["principal"])

    def test_a_revocation_is_of_both(self):
        fleet, old = self.fleet, self.key("worker-2")
        fleet.ctl("key", "prepare", "worker-2")
        new = self.key("worker-2", ".next")
        self.reload()
        fleet.restart("keeper", signal.SIGTERM)  # it has to know both to revoke both
        fleet.ready()
        self.assertLetIn("worker-2", new)
        fleet.ctl("key", "revoke", "worker-2")
        self.assertShutOut("worker-2", old)
        self.assertShutOut("worker-2", new)
        fleet.ctl("key", "switch", "worker-2", "--overlap", "0s")
        fleet.ctl("key", "prepare", "worker-2")  # now the file names the revoked pair first, and a new one
        self.row("worker-2", next_curve=None, next_sign=None)  # and now the revoked pair alone
        fleet.restart("broker-1", signal.SIGTERM)
        fleet.restart("keeper", signal.SIGTERM)
        fleet.ready()
        self.assertShutOut("worker-2", new)


class Rehearsal(Bed):
    def step(self, *names):
        """Processes start again one at a time; nothing that was trusted stops being so."""
        for name in names:
            self.fleet.restart(name, signal.SIGTERM)
            self.fleet.ready()
            pool = self.fleet.node("n1")["pools"]["trusted"]
            self.assertTrue(pool["member"], name)
            if name != "keeper":  # whose own start is where it counts from
                self.assertEqual(pool["since"], self.since, name)
            self.since = pool["since"]

    def runs_on(self):
        seen = self.fleet.json("result", "list")
        support.wait("results go on", lambda: self.fleet.json("result", "list") != seen)

    def test_worker_and_keeper(self):
        fleet = self.fleet
        fleet.apply(DEFINITIONS)
        self.since = fleet.wait_member("n1", True)["since"]
        old = {name: self.key(name) for name in ("worker-1", "keeper")}
        for name in old:
            fleet.ctl("key", "prepare", name)
        self.reload()
        self.step("scheduler", "keeper", "worker-1")
        self.runs_on()
        for name in old:
            fleet.ctl("key", "switch", name)
            self.assertNotEqual(self.key(name), old[name])
            self.assertEqual(self.key(name, ".old"), old[name])
            self.step(name)  # the others still have a file in which the old pair has no end
            self.runs_on()
        self.assertTrue(fleet.json("reader", "status"))  # verifies what the keeper signs now
        self.reload()
        for name in old:
            self.row(name, not_after=LONG_AGO)  # the overlap is over
        self.reload()
        self.step("scheduler", "keeper", "worker-1")
        self.runs_on()
        for name in old:
            self.assertShutOut(name, old[name])
        for name in old:  # the next change begins: the old pair leaves the file
            before = self.row(name)
            fleet.ctl("key", "prepare", name)
            self.assertEqual(self.row(name)["curve"], before["next_curve"])
            self.assertNotIn("not_after", self.row(name))
        self.reload()
        self.step()
        self.runs_on()


if __name__ == "__main__":
    unittest.main(verbosity=1)
