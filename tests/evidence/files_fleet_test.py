#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The files adapter in a whole fleet: a manifest is made, signed and put in force; a file is changed, put right, hidden behind a link, and the
manifest itself is exchanged."""
import os
import pathlib
import sys
import unittest

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(SOURCE / "tests/support")]
from attester_bed import PATIENCE, Swtpm, add_attester, start_attester  # noqa: E402
from fleet import Fleet, wait  # noqa: E402

DEFINITIONS = """kind: profile
name: often
period: 1s
---
kind: check
name: service-files
adapter: files
params: {{manifest: service.tree, signers: ["{key}"]}}
profile: often
timeout: 60s
max_age: 5m
---
kind: pool
name: trusted
mandatory: [service-files]
"""


class Node(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(workers=1)
        self.addCleanup(self.fleet.__exit__, None, None, None)
        self.tree = self.fleet.prefix / "service"
        (self.tree / "lib").mkdir(parents=True)
        (self.tree / "cache").mkdir()
        (self.tree / "lib/code.py").write_text("print('good')\n")
        (self.tree / "run").write_text("#!/bin/sh\n")
        (self.tree / "run").chmod(0o755)
        self.tpm = Swtpm("tpmA")
        self.addCleanup(self.tpm.close)
        add_attester(self.fleet, "attester-n1", "n1", {"tcti": self.tpm.tcti, "trees": [str(self.tree)], "cpu_percent": 100, "per_minute": 6000})
        self.fleet.start()
        start_attester(self.fleet, "attester-n1")
        wait("the keeper answers", lambda: self.fleet.ctl("node", "list", check=False).returncode == 0, PATIENCE)
        self.fleet.ctl("node", "add", "n1")
        self.fleet.ctl("--timeout", "120s", "node", "enroll", "n1", "--first-use", timeout=300)

    def result(self):
        rows = self.fleet.json("result", "list", "--node", "n1")
        return rows[0] if rows else {}

    def members(self):
        return [m["node"] for m in self.fleet.json("pool", "members", "trusted")]

    def until(self, what, reason, member):
        try:
            wait(what, lambda: self.result()["reason"] == reason and (self.members() == ["n1"]) == member, PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.result()}") from None

    def test_attacked_and_put_right(self):
        policies = self.fleet.prefix / "etc/policies"
        policies.mkdir(mode=0o700, exist_ok=True)
        made = self.fleet.prefix / "service.tree"
        self.fleet.ctl("manifest", "make", str(self.tree), "--skip", str(self.tree / "cache"), "--to", str(made))
        unsigned = made.read_bytes()
        key = self.fleet.json("manifest", "sign", str(made))["key"]
        in_force = policies / "service.tree"
        in_force.write_bytes(made.read_bytes())
        in_force.chmod(0o600)
        self.fleet.apply(DEFINITIONS.format(key=key))
        self.until("n1 is trusted", "ok", True)
        self.assertIn("4 entries", self.result()["detail"])

        code = self.tree / "lib/code.py"
        code.write_text("print('evil')\n")  # of the same length
        self.until("the change is seen", "files_digest", False)
        self.assertIn("lib/code.py", self.result()["detail"])
        code.write_text("print('good')\n")
        self.until("n1 is trusted again", "ok", True)
        (self.tree / "cache/any").write_text("thing")  # is skipped
        code.rename(self.tree / "cache/code.py")
        code.symlink_to("../cache/code.py")  # reads the same, and can be changed below a skip
        self.until("a link is no file", "files_type", False)
        code.unlink()
        (self.tree / "cache/code.py").rename(code)
        self.until("n1 is trusted again", "ok", True)
        (self.tree / "run").chmod(0o4755)
        self.until("the mode is seen", "files_mode", False)
        (self.tree / "run").chmod(0o755)
        self.until("n1 is trusted again", "ok", True)

        in_force.write_bytes(unsigned)  # whoever can write on the worker's host cannot say which files are right
        wait("nothing is judged by it", lambda: self.result()["outcome"] == "error" and self.result()["reason"] == "bad_parameters", PATIENCE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
