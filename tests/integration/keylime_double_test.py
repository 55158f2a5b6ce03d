#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds tests/support/keylime_double.py to lists that the real verifier's own code made (tests/vectors/keylime) and to recorded facts."""
import http.client
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
DOUBLE = os.path.join(HERE, "..", "support", "keylime_double.py")
VECTORS = os.path.join(HERE, "..", "vectors", "keylime")
# what the double plays, and the recorded agent that is in the same state
SAME = {"pass": "pass", "retry": "retry", "frozen": "pass", "failed": "failed", "invalid": "invalid", "lost": "lost", "started": "start",
        "registered": "registered", "terminated": "terminated", "tenant-failed": "tenant-failed", "nulls": "nulls", "push-pass": "push-pass",
        "push-fail": "push-fail", "push-timeout": "push-timeout", "push-pending": "push-new"}


def recorded(release):
    with open(os.path.join(VECTORS, "bulk-%s.json" % release), encoding="utf-8") as f:
        return json.load(f)


class Facts(unittest.TestCase):
    def setUp(self):
        self.state = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen([sys.executable, DOUBLE, "--state", self.state.name], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def tearDown(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.state.cleanup()

    def set(self, name, text):
        with open(os.path.join(self.state.name, name), "w", encoding="utf-8") as f:
            f.write(text)

    def get(self, path, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.request("GET", path, headers=headers or {})
        r = c.getresponse()
        body = json.loads(r.read())
        c.close()
        return r, body

    def list(self):
        r, body = self.get("/v2.1/agents/?bulk=True")
        self.assertEqual(r.status, 200)
        self.assertIsNotNone(r.headers["Date"])
        return body

    def test_states_are_the_recorded_ones(self):
        real = recorded("7.14.3")
        for mode in SAME:
            self.set(mode, mode)
        mine = self.list()
        self.assertEqual(list(mine), list(real))  # code, status, results
        for mode, same in SAME.items():
            a, b = mine["results"][mode], real["results"][same]
            self.assertEqual(list(a), list(b), mode)  # the same members in the same order
            for key in ("operational_state", "attestation_status", "attestation_period", "maximum_attestation_interval"):
                self.assertEqual(a[key], b[key], (mode, key))
            for key in b.keys() - {"severity_level", "last_event_id", "last_received_quote", "last_successful_attestation"}:
                self.assertIs(type(a[key]), type(b[key]), (mode, key))
            self.assertTrue(b["last_event_id"] is None or a["last_event_id"] == b["last_event_id"] or mode == "push-fail", mode)

    def test_members_of_an_older_release(self):
        self.set("a", "pass\nold-release\n")
        self.assertEqual(list(self.list()["results"]["a"]), list(recorded("7.12.0")["results"]["pass"]))

    def test_versions(self):
        _, body = self.get("/version")
        self.assertIn("2.1", body["results"]["supported_versions"])
        self.assertEqual(self.get("/v2.9/agents/?bulk=True")[0].status, 400)

    def test_without_bulk_and_unknown(self):
        self.set("a", "pass")
        self.assertEqual(self.get("/v2.1/agents/")[1]["results"], {"uuids": [["a"]]})
        self.assertEqual(self.get("/v2.1/agents/nobody")[0].status, 404)

    def test_a_token_stands_before_the_certificate(self):
        self.assertEqual(self.get("/v2.1/agents/?bulk=True", {"Authorization": "Bearer x"})[0].status, 401)

    def test_only_pass_moves(self):
        for mode in ("pass", "frozen", "retry", "push-pass", "push-frozen"):
            self.set(mode, mode)
        first, second = self.list()["results"], self.list()["results"]
        for mode in first:
            self.assertEqual(second[mode]["attestation_count"] - first[mode]["attestation_count"], 1 if mode in ("pass", "push-pass") else 0)


if __name__ == "__main__":
    unittest.main()
