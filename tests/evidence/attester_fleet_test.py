#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fifty nodes, each with a software TPM and an attester of its own, asked by one worker at once: each answers for itself."""
import hashlib
import os
import pathlib
import struct
import sys
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(SOURCE / "tests/support")]
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: E402

from attester_bed import PATIENCE, REASON, Asker, Swtpm, add_attester, sections, start_attester  # noqa: E402
from fleet import Fleet  # noqa: E402

NODES, AGAIN = 50, 10.0


def key_of(public):
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(public[-66:-34], "big"), int.from_bytes(public[-32:], "big"), ec.SECP256R1())
    return numbers.public_key()


class Many(unittest.TestCase):
    def test_at_once(self):
        fleet = Fleet(workers=1)
        self.addCleanup(fleet.__exit__, None, None, None)
        nodes = [f"node{i}" for i in range(NODES)]
        for i, node in enumerate(nodes):
            tpm = Swtpm("tpmA" if i % 2 == 0 else "tpmB")
            self.addCleanup(tpm.close)
            add_attester(fleet, f"attester-{i}", node, {"tcti": tpm.tcti, "cpu_percent": 100})
        fleet.start("broker-1")
        for i in range(NODES):
            start_attester(fleet, f"attester-{i}")
        worker, admin = Asker(fleet.prefix, "worker-1"), Asker(fleet.prefix, "admin")
        self.addCleanup(worker.close)
        self.addCleanup(admin.close)
        # A recorded state is a clone of its TPM: two keys in all.
        keys = [key_of(sections(admin.document(admin.question(node, "enroll")))["ak_public"]) for node in nodes[:2]]
        self.assertNotEqual(keys[0].public_numbers(), keys[1].public_numbers())

        waiting = {(q := worker.question(node, "quote", {"pcrs": "sha256:0-10"}))["id"]: q for node in nodes}
        answers, end, again = {}, time.monotonic() + PATIENCE, 0.0
        while waiting and time.monotonic() < end:
            if time.monotonic() >= again:
                for q in waiting.values():
                    worker.put_question(q)
                again = time.monotonic() + AGAIN
            got = worker.next(1.0)
            if got and got[0] == "Evidence" and got[1]["id"] in waiting:
                answers[got[1]["node"]] = (waiting.pop(got[1]["id"]), got[1])
        self.assertEqual(sorted(answers), sorted(nodes))
        for i, node in enumerate(nodes):
            q, m = answers[node]
            self.assertEqual(m["code"], REASON["ok"], m["detail"])
            quote = sections(m["part"])
            self.assertIn(struct.pack(">H", 32) + hashlib.sha256(b"SPICE quote\0" + q["nonce"] + node.encode()).digest(), quote["attest"])
            r, s = int.from_bytes(quote["signature"][-66:-34], "big"), int.from_bytes(quote["signature"][-32:], "big")
            keys[i % 2].verify(utils.encode_dss_signature(r, s), quote["attest"], ec.ECDSA(hashes.SHA256()))


if __name__ == "__main__":
    unittest.main(verbosity=1)
