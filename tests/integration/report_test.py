#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bridge with a stolen key and a real keeper (SI-10): whatever it reports of actions becomes rows of the audit, so many and no more, and no node,
pool or result is another than before. What is malformed, of another sender, repeated, or about a node that is not there becomes nothing. What a
bridge is asked by operators it cannot turn into something they did not ask."""
import json
import os
import pathlib
import sys
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in ("support", "wire")]
import spice_wire as wire  # noqa: E402
from courier import Courier  # noqa: E402
from fleet import Fleet, wait  # noqa: E402

POLICY = """kind: profile
name: fast
period: 1s
---
kind: check
name: c1
adapter: noop
profile: fast
timeout: 1s
max_age: 1h
---
kind: check
name: never
adapter: noop
profile: fast
timeout: 1s
max_age: 1h
selector: name=nobody
---
kind: pool
name: trusted
mandatory: [c1]
---
kind: pool
name: closed
mandatory: [never]
---
kind: node
name: n1
"""
GOOD = {"what": "disabled", "node": "n1", "pool": "trusted", "detail": "service of n1, reason: SPICE: trusted lost: c1 [0]"}


class Bridge(Courier):
    """Signs what it likes with the key of bridge-1."""

    def report(self, **values):
        self.last = values.get("id", time.time_ns() // 1000)
        self.send("ActionReport", {"id": self.last, **GOOD, **values}, dest="keeper")

    def welcomed(self):
        wait("the broker's welcome", lambda: self.frames(0.05) or self.welcome)
        return self


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(workers=1)
        cls.addClassCleanup(cls.fleet.__exit__, None, None, None)
        cls.fleet.start("broker-1", "keeper", "scheduler", "worker-1").ready()
        cls.fleet.apply(POLICY)
        cls.fleet.wait_member("n1", True)
        cls.bridge = Bridge(cls.fleet.prefix, "bridge-1").welcomed()
        cls.addClassCleanup(cls.bridge.close)

    def refused(self):
        self.bridge.frames(0)  # and its heartbeats
        gauges = self.fleet.process_stats().get("keeper", {}).get("gauges", {})
        return gauges.get("keeper.reports_refused", 0)

    def rows(self):
        self.bridge.frames(0)
        return [r for r in self.fleet.json("audit", "list", "--limit", "1000") if r["what"].startswith("action.")]

    def state(self):
        """All that must not move. How long a membership lasts changes with time and with each pass, so only whether there is one."""
        node = self.fleet.node("n1")
        return (node["state"], node["labels"], {p: (v["member"], v["tier"], v["why"]) for p, v in node["pools"].items()},
                [p["name"] for p in self.fleet.json("pool", "list")])

    def test_1_a_report_is_a_row(self):
        before = self.state()
        self.bridge.report()
        row = wait("the audit has it", lambda: (self.rows() or [None])[-1], every=0.1)
        self.assertEqual([row[k] for k in ("actor", "what", "object", "from", "why")],
                         ["bridge-1", "action.disabled", "n1", "trusted", GOOD["detail"]])
        self.assertEqual(self.state(), before)
        self.fleet.ctl("audit", "verify")

    def test_2_nothing_else_is(self):
        before, rows, refused = self.state(), len(self.rows()), self.refused()
        bad = [{"what": "trusted"}, {"what": "trust.gain"}, {"what": ""}, {"what": "disabled "}, {"node": "n2"}, {"node": ""}, {"pool": ""},
               {"pool": "a b"}, {"pool": "trusted\n"}, {"id": self.bridge.last}, {"id": 0}]
        for values in bad:
            self.bridge.report(**values)
        wait("all were refused", lambda: self.refused() >= refused + len(bad), every=0.2)
        self.assertEqual(len(self.rows()), rows)
        self.bridge.signer, honest = wire_signer(), self.bridge.signer
        self.bridge.report(id=time.time_ns())
        self.bridge.signer = honest
        self.bridge.report(id=time.time_ns(), what="enabled")  # the one behind it in the queue
        wait("the honest one", lambda: self.rows()[-1]["what"] == "action.enabled", every=0.1)
        self.assertEqual(len(self.rows()), rows + 1)
        self.assertEqual(self.state(), before)

    def test_3_no_message_of_a_bridge_opens_a_pool(self):
        """Every type, from this sender: those of the model that it may send, and those it may not."""
        before = self.state()
        for message in wire.MESSAGES.values():
            if message.auth in ("none", "sign") and message.name not in ("Hello", "Bye", "Heartbeat"):
                for dest in ("", "keeper"):
                    try:
                        self.bridge.send(message.name, empty(message), dest=dest)
                    except wire.WireError:
                        pass
            self.bridge.frames(0.01)
        self.bridge.report(id=time.time_ns() + 1, what="released")
        wait("the last one", lambda: self.rows()[-1]["what"] == "action.released", every=0.1)
        self.assertEqual(self.state(), before)

    def test_4_a_flood_fills_no_disk(self):
        before, rows, start = self.state(), len(self.rows()), time.monotonic()
        base = time.time_ns() + 1000
        for n in range(400):
            self.bridge.report(id=base + n)
            if n % 50 == 0:
                self.bridge.frames(0)
        wait("it was heard to its end", lambda: self.refused() >= 300, every=0.2)
        most = 32 + (time.monotonic() - start) / 10 + 1
        self.assertLessEqual(len(self.rows()) - rows, most)
        self.assertEqual(self.state(), before)


    def answer(self, report):
        """(code, highest) of the keeper's answer to the report of this number."""
        def heard():
            for kind, values, _ in self.bridge.frames(0.05):
                if kind == "ViewReply" and values["id"] == report:
                    return values
        values = wait(f"an answer to report {report}", heard)
        return values["code"], json.loads(values["data"]).get("highest")

    def test_5_each_is_answered(self):
        """So that a bridge can keep what the keeper does not have, and sends it again when the keeper is back: it is one row then."""
        code = wire.ENUMS["refusal"]
        self.fleet.restart("keeper", 9)  # its limit of rows is fresh
        self.fleet.ready()
        rows = len(self.rows())
        first = time.time_ns() + 1000000
        self.bridge.report(id=first)
        self.assertEqual(self.answer(first), (code["none"], None))
        self.bridge.report(id=first)
        self.assertEqual(self.answer(first), (code["replay"], first))
        self.bridge.report(id=first + 1, node="n2")
        self.assertEqual(self.answer(first + 1)[0], code["unknown_node"])
        self.bridge.report(id=first + 1, what="trusted")
        self.assertEqual(self.answer(first + 1)[0], code["bad_request"])
        self.assertEqual(len(self.rows()), rows + 1)
        self.fleet.kill("keeper")
        self.bridge.report(id=first + 2, what="held")
        self.bridge.frames(0.2)
        self.fleet.start("keeper")

        def again():
            self.bridge.report(id=first + 2, what="held")
            return [r for r in self.rows() if r["what"] == "action.held"]
        wait("the keeper is back and has it", again, every=0.3)
        for _ in range(3):
            self.bridge.report(id=first + 2, what="held")
        self.bridge.report(id=first + 3, what="enabled")
        self.assertEqual(self.answer(first + 3)[0], code["none"])
        self.assertEqual(len(self.rows()), rows + 3)
        for n in range(64):
            self.bridge.report(id=first + 10 + n)
        self.assertEqual(self.answer(first + 10 + 63)[0], code["overload"], "it may come again later")


def wire_signer():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    return Ed25519PrivateKey.from_private_bytes(os.urandom(32))


def empty(group):
    return {field.name: zero(field) for field in group.fields}


def zero(field):
    if field.kind == "record":
        return empty(wire.RECORDS[field.record])
    if field.kind == "exact":
        return bytes(field.max)
    return {"str": "", "bin": b"", "list": [], "bool": False}.get(field.kind, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
