#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON that spicectl.1 promises, compared member by member with what a real fleet gives: nothing missing, nothing that nobody wrote down.
The manual's own words are read, so that neither can change alone."""
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import fleet as support  # noqa: E402

MANUAL = support.SOURCE / "ops/man/spicectl.1"
DEFINITIONS = """
kind: profile
name: fast
period: 1s
---
kind: check
name: well
adapter: noop
profile: fast
timeout: 10s
max_age: 60s
---
kind: node
name: n1
---
kind: pool
name: trusted
mandatory: [well]
"""

ROWS = {
    "audit list": {"seq", "at", "actor", "what", "object", "from", "to", "why", "hash"},
    "audit verify": {"ok", "rows", "head", "bad_seq", "cut"},
    "stats": {"name", "role", "boot", "uptime_ms", "age_ms", "counters", "gauges", "latencies"},
    "counters": {"type", "role", "direction", "messages", "bytes", "dropped", "refused"},
    "latencies": {"count", "p50_us", "p99_us", "max_us"},
    "top": {"pools", "processes"},
    "pool list": {"name", "mandatory", "advisory", "groups", "selector", "hold_down_ms", "accept_warn", "trait", "members", "eligible_nodes"},
    "doctor": {"ok", "findings"},
    "finding": {"check", "state", "detail", "hint"},
    "check verify": {"plugin", "ok", "findings"},
    "point": {"point", "state", "detail"},
    "worker list": {"name", "role", "fingerprint", "adapters", "nodes", "revoked", "lost", "state", "link"},
    "link": {"software", "connected_ms", "silent_ms", "backlog", "dropped", "refused", "worker"},
    "link worker": {"adapters", "labels", "slots", "granted", "taken", "free", "batches", "draining"},
    "key list": {"name", "role", "fingerprint", "adapters", "nodes", "origin", "revoked"},
}
# What the manual has in one paragraph, by the command at its head.
PARAGRAPHS = {
    "audit list": ROWS["audit list"],
    "audit verify": ROWS["audit verify"] | {"seq", "hash"},
    "stats": ROWS["stats"] | ROWS["counters"] | ROWS["latencies"],
    "top": ROWS["top"],
    "doctor": ROWS["doctor"] | ROWS["finding"],
    "check verify": ROWS["check verify"] | ROWS["point"],
    "worker list": ROWS["worker list"] | ROWS["link"] | ROWS["link worker"],
    "key list": ROWS["key list"] | {"next"},
    "pool list, pool show": ROWS["pool list"] | {"k", "of"},
}
VALUES = {"ok", "warn", "fail", "note", "bad", "connected", "draining", "away", "lost", "revoked"}  # in quotes as well, but no members


class Shapes(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.fleet = support.Fleet(workers=2)
        cls.fleet.__enter__()
        cls.addClassCleanup(cls.fleet.__exit__, None, None, None)
        cls.fleet.start().ready()
        cls.fleet.apply(DEFINITIONS)
        cls.fleet.wait_member("n1", True)

    def members(self, row, shape):
        self.assertEqual(set(row), ROWS[shape], shape)

    def test_manual(self):
        """Each name this program compares with stands in the manual, and the manual has no other."""
        text = MANUAL.read_text()
        for command, names in PARAGRAPHS.items():
            found = re.search(r"^\.TP\n\.B " + re.escape(command) + r"\n(.*?)^\.(TP|SH)", text, re.M | re.S)
            self.assertIsNotNone(found, command)
            said = set(re.findall(r'"([a-z0-9_]+)"', found.group(1)))
            self.assertEqual(said - (VALUES - names), names, command)

    def test_audit(self):
        rows = self.fleet.json("audit", "list")
        self.assertTrue(any(r["what"] == "pool.put" or r["object"] == "trusted" for r in rows), rows)
        for row in rows:
            self.members(row, "audit list")
            self.assertRegex(row["hash"], r"^[0-9a-f]{64}$")
            self.assertRegex(row["at"], r"^\d{4}-\d\d-\d\dT[0-9:.]+Z$")
        whole = self.fleet.json("audit", "verify")
        self.members(whole, "audit verify")
        self.assertEqual((whole["ok"], whole["bad_seq"], whole["cut"]), (True, None, None))
        self.assertGreaterEqual(whole["rows"], len(rows))

    def process(self, row):
        self.members(row, "stats")
        for counter in row["counters"]:
            self.members(counter, "counters")
            self.assertIn(counter["direction"], ("in", "out"))
        for name, value in row["gauges"].items():
            self.assertIsInstance(value, int, name)
        for latency in row["latencies"].values():
            self.members(latency, "latencies")

    def test_stats_and_top(self):
        everybody = {"broker-1", "keeper", "scheduler", "worker-1", "worker-2"}
        support.wait("statistics of all, with latencies", lambda: everybody <= set(self.fleet.process_stats()) and
                     any(p["latencies"] for p in self.fleet.process_stats().values()))
        for row in self.fleet.json("stats"):
            self.process(row)
        picture = self.fleet.json("top", "--once")
        self.members(picture, "top")
        self.assertLessEqual(everybody, set(picture["processes"]))
        for name, row in picture["processes"].items():
            self.process(row)
            self.assertEqual(row["name"], name)
        for row in picture["pools"]:
            self.members(row, "pool list")

    def test_doctor(self):
        said = self.fleet.json("doctor")
        self.members(said, "doctor")
        self.assertIs(said["ok"], True)
        for row in said["findings"]:
            self.members(row, "finding")
            self.assertIn(row["state"], ("ok", "warn", "fail"))
            self.assertIsInstance(row["hint"], str)
        self.assertGreater(len(said["findings"]), 5)

    def test_check_verify(self):
        plugin = self.fleet.prefix / "check_shape"
        plugin.write_text("#!/bin/sh\necho fine\n")
        plugin.chmod(0o755)
        said = self.fleet.json("check", "verify", str(plugin))
        self.members(said, "check verify")
        self.assertEqual((said["plugin"], said["ok"]), ("check_shape", True), said)
        plugin.write_text("#!/bin/sh\nexit 77\n")
        done = self.fleet.ctl("--json", "check", "verify", str(plugin), check=False)
        bad = support.json.loads(done.stdout)
        self.assertEqual((done.returncode, bad["ok"]), (1, False), bad)
        for row in said["findings"] + bad["findings"]:
            self.members(row, "point")
            self.assertIn(row["state"], ("ok", "note", "bad"))
        self.assertIn("bad", [row["state"] for row in bad["findings"]])

    def test_workers_and_keys(self):
        """One principal has one fingerprint, whoever shows it: the file's list, the keeper, the key itself, the audit."""
        fleet = self.fleet
        token = fleet.json("worker", "invite", "rack7", "--adapters", "noop")["token"]
        new = fleet.prefix / "rack7"
        fleet.run([support.BIN / "spice-worker", "enrol", token, "--prefix", new])
        workers = {w["name"]: w for w in fleet.json("worker", "list")}
        keys = {k["name"]: k for k in fleet.json("key", "list")}
        self.assertEqual(set(workers), {"worker-1", "worker-2", "rack7"})
        self.assertEqual({name: k["origin"] for name, k in keys.items() if k["role"] == "worker"}, {"worker-1": "file", "worker-2": "file", "rack7": "enrolled"})
        for key in keys.values():
            self.members(key, "key list")
        for name, worker in workers.items():
            self.members(worker, "worker list")
            if name != "rack7":
                self.members(worker["link"], "link")
                self.members(worker["link"]["worker"], "link worker")
            file = fleet.json("key", "fingerprint", str((new if name == "rack7" else fleet.prefix) / f"keys/{name}.key"))[0]
            self.assertRegex(file["fingerprint"], r"^([0-9a-f]{4}:){7}[0-9a-f]{4}$")
            self.assertEqual((worker["fingerprint"], keys[name]["fingerprint"]), (file["fingerprint"], file["fingerprint"]), name)
        self.assertIsNone(workers["rack7"]["link"])
        print_of = workers["rack7"]["fingerprint"]
        enrolled = [r for r in fleet.json("audit", "list") if r["what"] == "worker.enrol"]
        self.assertIn(print_of, enrolled[0]["why"])
        fleet.ctl("worker", "remove", "rack7", "--yes")
        removed = [r for r in fleet.json("audit", "list") if r["what"] == "worker.remove"]
        self.assertEqual((removed[0]["from"], removed[0]["to"]), (print_of, "revoked"))
        gone = next(w for w in fleet.json("worker", "list") if w["name"] == "rack7")
        self.members(gone, "worker list")
        self.assertEqual((gone["state"], gone["revoked"]), ("revoked", True))


if __name__ == "__main__":
    unittest.main(verbosity=1)
