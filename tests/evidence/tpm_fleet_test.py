#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tpm adapter in a whole fleet: a node with a software TPM is enrolled, learnt from, trusted, extended with a measurement nobody approved, and rebooted."""
import os
import pathlib
import socket
import struct
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
name: platform
adapter: tpm
params: {reference: soft.yaml}
profile: often
timeout: 60s
max_age: 5m
---
kind: pool
name: trusted
mandatory: [platform]
"""


def extend(tpm, pcr):
    """TPM2_PCR_Extend, as any root user of the node could."""
    body = struct.pack(">IIIHBHIH", pcr, 9, 0x40000009, 0, 0, 0, 1, 0x000B) + b"\x77" * 32
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(tpm.path))
        s.sendall(struct.pack(">HII", 0x8002, 10 + len(body), 0x182) + body)
        answer = s.recv(4096)
    assert struct.unpack(">HII", answer[:10])[2] == 0, answer.hex()


class Node(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(workers=1)
        self.addCleanup(self.fleet.__exit__, None, None, None)
        self.tpm = Swtpm("tpmA")
        self.addCleanup(self.tpm.close)
        add_attester(self.fleet, "attester-n1", "n1", {"tcti": self.tpm.tcti, "cpu_percent": 100, "per_minute": 6000, "timeout": "20s"})
        roots = self.fleet.prefix / "roots"
        roots.mkdir()
        for name in ("root.pem", "issuercert.pem"):
            (roots / name).write_bytes((SOURCE / "tests/vectors/tpm/enroll" / name).read_bytes())
        self.fleet.start()
        start_attester(self.fleet, "attester-n1")
        wait("the keeper answers", lambda: self.fleet.ctl("node", "list", check=False).returncode == 0, PATIENCE)
        self.fleet.ctl("node", "add", "n1")
        self.fleet.ctl("--timeout", "120s", "node", "enroll", "n1", "--roots", str(roots), timeout=300)

    def result(self):
        rows = self.fleet.json("result", "list", "--node", "n1")
        return rows[0] if rows else {}

    def members(self):
        return [m["node"] for m in self.fleet.json("pool", "members", "trusted")]

    def until(self, what, condition):
        try:
            return wait(what, condition, PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.result()}") from None

    def test_trusted_extended_rebooted(self):
        path = self.fleet.prefix / "etc/policies/soft.yaml"
        path.parent.mkdir(mode=0o700)
        learnt = self.fleet.ctl("--timeout", "120s", "reference", "learn", "n1", "--to", str(path), timeout=300)
        self.assertIn("shadow", learnt.stdout)
        reference = path.read_text()
        path.chmod(0o600)
        checked = self.fleet.json("reference", "check", str(path))[0]
        self.assertFalse(checked["boot_log"])  # a software TPM has none
        self.assertEqual([p["in_force"] for p in checked["profiles"]], [True])
        path.with_name("bad.yaml").write_text(reference.replace("profiles:", "profile:"))
        refused = self.fleet.ctl("reference", "check", str(path.with_name("bad.yaml")), check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("did you mean 'profiles'", refused.stderr)
        self.fleet.apply(DEFINITIONS)
        self.until("n1 is trusted", lambda: self.members() == ["n1"])
        good = self.result()
        self.assertEqual((good["outcome"], good["reason"]), ("pass", "ok"))
        self.assertIn("profile n1-", good["detail"])
        generation = self.fleet.json("node", "show", "n1")[0]["generation"]

        extend(self.tpm, 4)
        self.until("the measurement is seen", lambda: self.result()["reason"] == "reference_pcr" and self.members() == [])
        self.assertEqual(self.result()["outcome"], "fail")
        self.assertIn("PCR 4 of sha256", self.result()["detail"])

        self.tpm.cut()
        self.tpm.start()
        self.until("n1 is trusted again after a reboot", lambda: self.members() == ["n1"])
        self.assertGreater(self.fleet.json("node", "show", "n1")[0]["generation"], generation)  # what was known before the reboot is void

        path.write_text(reference.replace("firmware:", "until: 2020-01-01\n    firmware:"))  # its time is over
        self.until("the profile is retired", lambda: self.result()["reason"] == "reference_retired" and self.members() == [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
