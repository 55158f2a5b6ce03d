#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Attesters as principals: invited for one node, one to a node, revoked like anybody; and what the keeper tells an attester about who asks it."""
import os
import pathlib
import subprocess
import sys
import unittest

import zmq
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from zmq.utils import z85

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(SOURCE / "tests/wire"), str(SOURCE / "tests/support"), str(SOURCE / "tests/integration")]
import spice_wire as wire  # noqa: E402
from enrol_attacks_test import Guest  # noqa: E402
from fleet import BIN, Fleet, wait  # noqa: E402


class Invited(Guest):
    """A guest that enrols with good keys of its own and comes back under them."""

    def enrol(self):
        self.key = Ed25519PrivateKey.generate()
        sign = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        public, self.own_secret = zmq.curve_keypair()
        curve = z85.decode(public)
        proof = self.key.sign(b"SPICE1 enrol:" + self.secret + curve + sign)
        self.send("Hello", {"boot": 1, "software": "guest", "adapters": "", "labels": "", "slots": 0, "topics": 0})
        self.receive("Welcome")
        self.send("EnrolRequest", {"token": self.secret, "curve": curve, "sign": sign, "proof": proof})
        return self.receive("EnrolReply")

    def come_back(self, name):
        """The connection under the new key; Hello is repeated until the broker has heard of it."""
        endpoint = self.socket.last_endpoint
        self.socket.close()
        self.name = name
        for turn in range(60):
            self.socket = self.context.socket(zmq.DEALER)
            self.socket.linger = 0
            self.socket.curve_serverkey, self.socket.curve_secretkey = self.server, self.own_secret
            self.socket.curve_publickey = zmq.curve_public(self.own_secret)
            self.socket.connect(endpoint)
            self.send("Hello", {"boot": 2, "software": "guest", "adapters": "", "labels": "", "slots": 0, "topics": 0})
            if self.socket.poll(1000):
                return self.receive("Welcome")
            self.socket.close()
        raise AssertionError("never welcome")

    def who_is(self, name, nonce=b"n" * 16):
        self.send("PrincipalGet", {"name": name, "nonce": nonce})
        answer = self.receive("PrincipalInfo")
        assert (answer["name"], answer["nonce"]) == (name, nonce), answer
        return answer



class Attesters(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(workers=1)
        self.addCleanup(self.fleet.__exit__, None, None, None)
        self.fleet.start("broker-1", "keeper", "scheduler")
        wait("the keeper answers", lambda: self.fleet.ctl("node", "list", check=False).returncode == 0)
        self.fleet.ctl("node", "add", "n1")
        self.fleet.ctl("node", "add", "n2", "--labels", "rack=2")

    def refused(self, text, *args):
        done = self.fleet.ctl(*args, check=False)
        self.assertNotEqual(done.returncode, 0, args)
        self.assertIn(text, done.stdout + done.stderr)

    def guest(self, token):
        guest = Invited(token)
        self.addCleanup(guest.close)
        return guest

    def test_life_of_an_attester(self):
        fleet = self.fleet
        self.refused("of which node", "key", "invite")
        self.refused("no such node", "key", "invite", "--attester", "n9")
        first, second = (fleet.json("key", "invite", "--attester", "n1") for _ in range(2))
        self.assertNotEqual(first["name"], second["name"])
        self.assertEqual(first["node"], "n1")
        one, two = self.guest(first["token"]), self.guest(second["token"])
        reply = one.enrol()
        self.assertEqual((reply["code"], reply["name"], reply["adapters"]), (0, first["name"], ""), reply)
        late = two.enrol()  # of two invitations to one node the first to come has it
        self.assertIn("attester already", late["detail"])
        row = {k["name"]: k for k in fleet.json("key", "list")}[first["name"]]
        self.assertEqual((row["role"], row["nodes"], row["revoked"]), ("attester", "n1", False))
        self.refused(first["name"], "key", "invite", "--attester", "n1")
        self.assertTrue([a for a in fleet.json("audit", "list") if a["what"] == "attester.enrol" and "node n1" in a["why"]])

        one.come_back(first["name"])
        good = one.who_is("worker-1")
        self.assertEqual((good["code"], good["principal"]["name"]), (0, "worker-1"))
        self.assertIn(good["principal"]["sign"].hex(), (fleet.prefix / "etc/principals.yaml").read_text())
        self.assertEqual(one.who_is("admin")["code"], 0)
        for name in ("nobody", "keeper", "broker-1", first["name"], "x" * 40):  # who has no business with attesters
            none = one.who_is(name)
            self.assertNotEqual(none["code"], 0, name)
            self.assertEqual((none["principal"]["name"], none["principal"]["sign"]), ("", bytes(32)))

        scoped = self.guest(fleet.json("worker", "invite", "w2", "--adapters", "tpm", "--nodes", "rack=2")["token"])
        self.assertEqual(scoped.enrol()["code"], 0)
        self.assertEqual(one.who_is("w2")["code"], wire.ENUMS["refusal"]["scope"])
        fleet.ctl("worker", "remove", "w2", "--yes")
        self.assertEqual(one.who_is("w2")["code"], wire.ENUMS["refusal"]["not_found"])

        fleet.ctl("key", "revoke", first["name"], "--yes")
        one.send("PrincipalGet", {"name": "worker-1", "nonce": bytes(16)})
        refused = one.receive("Refused")
        self.assertEqual(refused["code"], wire.ENUMS["refusal"]["principal"])
        self.assertEqual(fleet.json("key", "invite", "--attester", "n1", "--dry-run")["node"], "n1")  # there is room for another one

    def test_a_worker_takes_no_invitation_of_an_attester(self):
        token = self.fleet.json("key", "invite", "--attester", "n1", "--ttl", "1h")["token"]
        done = subprocess.run([BIN / "spice-worker", "enrol", token, "--prefix", self.fleet.prefix / "other"], capture_output=True, text=True, timeout=120)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("attester of n1", done.stderr)
        self.assertFalse((self.fleet.prefix / "other" / "keys").exists())


if __name__ == "__main__":
    unittest.main(verbosity=1)
