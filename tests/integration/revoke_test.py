#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""K20 and K38 with real processes: the keys of a worker and of a reader that principals.yaml names are revoked by one command while both are
connected, stay revoked whatever is restarted, and the name comes back with new keys only. The attackers speak the wire by the Python codec."""
import contextlib
import pathlib
import sys
import time
import unittest

import msgpack
import yaml
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import fleet as support  # noqa: E402

sys.path.insert(0, str(support.SOURCE / "tests/wire"))
import spice_wire as wire  # noqa: E402

ANSWER_S = 60

DEFINITIONS = """
kind: profile
name: fast
period: 1s
---
kind: check
name: well
adapter: noop
profile: fast
timeout: 1s
max_age: 30s
---
kind: node
name: n1
---
kind: pool
name: trusted
mandatory: [well]
"""


def blank(kind):
    """A message of that kind with nothing in it."""
    empty = {"str": "", "bin": b"", "list": [], "bool": False}
    return {f.name: empty.get(f.kind, bytes(f.max) if f.kind == "exact" else 0) for f in wire.MESSAGES[kind].fields}


class Peer:
    """Holds a key of the fleet and says what it likes."""

    def __init__(self, context, fleet, name, key=None):
        self.name, self.sequence = name, 0
        lines = (key or (fleet.prefix / f"keys/{name}.key").read_text()).splitlines()
        field = dict(line.split(": ", 1) for line in lines if ": " in line)
        rows = yaml.safe_load((fleet.prefix / "etc/principals.yaml").read_text())["principals"]
        server = next(row["curve"] for row in rows if row["name"] == "broker-1")
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.sndtimeo = 0  # whoever is turned away at the handshake has nobody to send to
        self.socket.curve_serverkey = server.encode()
        self.socket.curve_publickey, self.socket.curve_secretkey = field["curve_public"].encode(), field["curve_secret"].encode()
        self.socket.connect("ipc://" + str(next((fleet.prefix / "run").glob("broker-1*"))))

    def close(self):
        self.socket.close(linger=0)

    def say(self, kind, fields, dest=""):
        self.sequence += 1
        number, auth = wire.MESSAGES[kind].number, wire.AUTH_BYTES[wire.MESSAGES[kind].auth]
        frame = [1, number, self.name, dest, 0, self.sequence, 0, wire.encode(kind, fields), bytes(auth)]
        with contextlib.suppress(zmq.Again):
            self.socket.send(msgpack.packb(frame, use_bin_type=True))

    def hello(self):
        self.say("Hello", {"boot": 1, "software": "thief", "adapters": "noop", "labels": "", "slots": 0, "topics": 0})

    def hears(self, kind, seconds=ANSWER_S):
        """Fields of the next message of that kind, None when there is none in time."""
        end = time.monotonic() + seconds
        while self.socket.poll(max(0, int((end - time.monotonic()) * 1000))):
            _, number, _, _, _, _, _, body, _ = msgpack.unpackb(self.socket.recv(), raw=False, strict_map_key=False)
            heard = next(m.name for m in wire.MESSAGES.values() if m.number == number)
            if heard == kind:
                return wire.decode(kind, body)[0]
        return None


class Revocation(unittest.TestCase):
    def setUp(self):
        self.fleet = support.Fleet(workers=3)
        self.addCleanup(lambda: self.fleet.__exit__(None, None, None))
        self.context = zmq.Context()
        self.addCleanup(lambda: self.context.destroy(linger=0))
        self.fleet.start("broker-1", "keeper", "scheduler", "worker-2").ready()

    def peer(self, name, key=None):
        peer = Peer(self.context, self.fleet, name, key)
        self.addCleanup(peer.close)
        return peer

    def welcomed(self, name):
        peer = self.peer(name)
        peer.hello()
        self.assertIsNotNone(peer.hears("Welcome"), f"{name} is not let in")
        return peer

    def assertShutOut(self, *names):
        """None of the names is let in. One that is, asks last: when it has its answer, the others had the same time and more."""
        thieves = [self.peer(name) for name in names]
        for thief in thieves:
            thief.hello()
        self.welcomed("worker-3").close()
        for thief in thieves:
            self.assertIsNone(thief.hears("Welcome", 0.5), f"{thief.name} is let in")
            thief.close()

    def revoked(self):
        return {p["name"] for p in self.fleet.json("key", "list") if p["revoked"]}

    def test_connected_and_after_restarts(self):
        fleet = self.fleet
        principal = wire.ENUMS["refusal"]["principal"]
        worker, reader = self.welcomed("worker-1"), self.welcomed("reader-1")
        fleet.ctl("key", "revoke", "worker-1", "reader-1")
        support.wait("scheduler forgets what a worker may have left", lambda: "event=checkpoints.forgotten" in (fleet.prefix / "scheduler.log").read_text())
        for peer in (worker, reader):  # still connected, admitted before
            peer.say("Heartbeat", blank("Heartbeat"))
            self.assertEqual(peer.hears("Refused")["code"], principal)
        worker.say("ResultBatch", blank("ResultBatch"), "keeper")
        self.assertEqual(worker.hears("Refused")["code"], principal)
        reader.say("Subscribe", blank("Subscribe"), "keeper")
        self.assertEqual(reader.hears("Refused")["code"], principal)
        self.assertShutOut("worker-1", "reader-1")
        self.assertEqual(self.revoked(), {"worker-1", "reader-1"})
        rows = [r for r in fleet.json("audit", "list") if r["what"] == "key.revoke"]
        self.assertEqual({r["object"] for r in rows}, {"worker-1", "reader-1"})
        self.assertTrue(all(r["actor"] == "admin" and r["to"] == "revoked" and r["from"] for r in rows), rows)
        # The broker keeps it by itself: no keeper tells it after this start. Nor does reading the file again forget it.
        fleet.kill("keeper")
        fleet.restart("broker-1")
        self.assertShutOut("worker-1", "reader-1")
        fleet.kill("broker-1", support.signal.SIGHUP)
        support.wait("broker reads the file again", lambda: "event=reload" in (fleet.prefix / "broker-1.log").read_text())
        self.assertShutOut("worker-1", "reader-1")
        # The keeper keeps it in its store; a broker that lost everything hears of it.
        for cache in fleet.prefix.rglob("broker-1.principals"):
            cache.unlink()
        fleet.restart("broker-1")
        fleet.start("keeper")
        fleet.restart("scheduler")
        fleet.ready()
        self.assertEqual(self.revoked(), {"worker-1", "reader-1"})
        self.assertShutOut("worker-1", "reader-1")

    def test_what_it_reported_is_void_and_the_name_needs_new_keys(self):
        fleet = self.fleet
        fleet.apply(DEFINITIONS)
        fleet.wait_member("n1", True)
        old = (fleet.prefix / "keys/worker-2.key").read_text()
        fleet.ctl("worker", "remove", "worker-2", "--yes")
        self.assertFalse(fleet.member("n1"))
        fleet.kill("worker-2")
        fleet.ctl("key", "rotate", "worker-2")
        for name in ("broker-1", "keeper", "scheduler"):
            fleet.restart(name)
        fleet.start("worker-2").ready()
        fleet.wait_member("n1", True)
        thief = self.peer("worker-2", old)
        thief.hello()
        self.welcomed("worker-3").close()
        self.assertIsNone(thief.hears("Welcome", 0.5))
        # The second pair is revoked too; the first stays so.
        fleet.ctl("key", "revoke", "worker-2")
        self.assertFalse(fleet.member("n1"))
        self.assertEqual(len([p for p in fleet.json("key", "list") if p["revoked"] and p["role"] == "worker"]), 2)
        self.assertShutOut("worker-2")

    def test_what_cannot_be(self):
        fleet = self.fleet
        for name in ("broker-1", "keeper"):
            done = fleet.ctl("--json", "key", "revoke", name, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("principals.yaml", done.stderr)
        self.assertEqual(fleet.ctl("worker", "remove", "reader-1", "--yes", check=False).returncode, 1)
        self.assertEqual(fleet.ctl("key", "revoke", "nobody", check=False).returncode, 1)
        own = fleet.ctl("key", "revoke", "admin", check=False)
        self.assertEqual(own.returncode, 2, own.stderr)
        self.assertIn("--yes", own.stderr)
        self.assertEqual(self.revoked(), set())
        # An invitation does not outlive the revocation of the name, and the name is not given away again.
        fleet.ctl("worker", "invite", "guest", "--adapters", "noop")
        fleet.ctl("worker", "remove", "guest", "--yes")
        fleet.ctl("key", "revoke", "worker-2")
        again = fleet.ctl("worker", "invite", "worker-2", "--adapters", "noop", check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn("revoked", again.stderr)
        # Whoever revoked itself is out at once.
        fleet.ctl("key", "revoke", "admin", "--yes")
        self.assertNotEqual(fleet.ctl("--timeout", "2s", "node", "list", check=False).returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=1)
