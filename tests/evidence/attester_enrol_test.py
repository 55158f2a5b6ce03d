#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node joins by a token, and its attester knows nobody but the keeper: who may ask is looked up there."""
import os
import pathlib
import signal
import subprocess
import sys
import unittest

import yaml

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(SOURCE / "tests/support")]
from attester_bed import PATIENCE, REASON, Asker  # noqa: E402
from fleet import BIN, Fleet, die_with_parent, wait  # noqa: E402

LOG = os.urandom(3000)


class Enrolment(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(workers=1)
        self.addCleanup(self.fleet.__exit__, None, None, None)
        self.fleet.start("broker-1", "keeper", "scheduler")
        wait("the keeper answers", lambda: self.fleet.ctl("node", "list", check=False).returncode == 0, PATIENCE)
        self.prefix = self.fleet.prefix / "node1"

    def enrol(self, program, token, prefix=None, waits="60s"):
        return subprocess.run([BIN / program, "enrol", "-", "--wait", waits, "--prefix", prefix or self.prefix], input=token + "\n", capture_output=True, text=True, timeout=PATIENCE)

    def test_from_token_to_document(self):
        self.fleet.ctl("node", "add", "node1")
        token = self.fleet.json("key", "invite", "--attester", "node1")["token"]
        done = self.enrol("spice-worker", token)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("for the attester of node1", done.stderr)
        other = self.enrol("spice-attester", self.fleet.json("worker", "invite", "w9", "--adapters", "noop")["token"])
        self.assertNotEqual(other.returncode, 0)
        self.assertIn("for a worker", other.stderr)

        done = self.enrol("spice-attester", token)
        self.assertEqual(done.returncode, 0, done.stderr)
        name = done.stdout.split()[0]
        self.assertIn(f"{name} is the attester of node1", done.stdout)
        again = self.enrol("spice-attester", token, self.fleet.prefix / "twice", "1s")  # nobody lets it in any more
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("a token that was used", again.stderr)
        same = self.enrol("spice-attester", token)
        self.assertNotEqual(same.returncode, 0)
        self.assertIn("enrolled here already?", same.stderr)
        misspelt = subprocess.run([BIN / "spice-attester", "--config", self.prefix / "etc/spice.yaml", "--name", name + "x"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertNotEqual(misspelt.returncode, 0)
        self.assertIn(f"no key of {name}x", misspelt.stderr)
        self.assertFalse((self.fleet.prefix / f"twice/keys/{name}.key").exists())
        row = next(k for k in self.fleet.json("key", "list") if k["name"] == name)
        self.assertEqual(row["role"], "attester")
        known = yaml.safe_load((self.prefix / "etc/principals.yaml").read_text())["principals"]
        sign = next(p["sign"] for p in known if p["name"] == name)

        config = self.prefix / "etc/spice.yaml"
        text = config.read_text()
        self.assertIn("attester:\n", text)
        (self.prefix / "log").write_bytes(LOG)
        config.write_text(text + f"  ima_log: {self.prefix}/log\n")
        with open(self.fleet.prefix / f"{name}.log", "ab") as log:
            self.fleet.processes[name] = subprocess.Popen([BIN / "spice-attester", "--config", config, "--name", name], stdin=subprocess.DEVNULL,
                                                          stdout=log, stderr=log, preexec_fn=die_with_parent)
        principals = (self.prefix / "etc/principals.yaml").read_text()
        self.assertNotIn("worker-1", principals)
        self.assertNotIn("name: admin", principals)
        for who in ("worker-1", "admin"):
            asker = Asker(self.fleet.prefix, who)
            self.addCleanup(asker.close)
            asker.principals[name] = {"role": "attester", "nodes": "node1", "sign": sign}
            self.assertEqual(asker.document(asker.question("node1", "ima")), LOG)
            if who == "worker-1":
                self.assertEqual(asker.one(asker.question("node1", "enroll"))["code"], REASON["refused"])
        # Without the keeper nobody new gets anything, and whoever was looked up goes on.
        self.fleet.kill("keeper", signal.SIGTERM)
        self.assertEqual(asker.document(asker.question("node1", "ima")), LOG)


if __name__ == "__main__":
    unittest.main(verbosity=1)
