#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A guest with a good invitation and bad keys: the keeper takes none under which somebody else could speak, and the invitation stays good."""
import base64
import json
import os
import pathlib
import sys
import unittest

import msgpack
import zmq
from zmq.utils import z85

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(SOURCE / "tests/wire"), str(SOURCE / "tests/support")]
import spice_wire as wire  # noqa: E402
from fleet import Fleet, wait  # noqa: E402

WAIT_MS = 60000
SMALL = ("00" * 32, "01" + "00" * 31, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
         "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f",
         "00" * 31 + "80", "ec" + "ff" * 31)


class Guest:
    def __init__(self, token):
        known = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        secret = z85.encode(bytes.fromhex(known["enrol_curve_secret"]))
        self.name, self.secret, self.sequence = known["enrol"], bytes.fromhex(known["secret"]), 0
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.server = z85.encode(bytes.fromhex(known["brokers"][0]["curve"]))
        self.socket.curve_serverkey = self.server
        self.socket.curve_secretkey, self.socket.curve_publickey = secret, zmq.curve_public(secret)
        self.socket.connect(known["brokers"][0]["endpoints"][0])

    def send(self, kind, fields, dest=""):
        self.sequence += 1
        message = wire.MESSAGES[kind]
        self.socket.send(msgpack.packb([1, message.number, self.name, dest, 0, self.sequence, 0, wire.encode(kind, fields),
                                        bytes(wire.AUTH_BYTES[message.auth])], use_bin_type=True))

    def receive(self, wanted):
        while self.socket.poll(WAIT_MS):
            _, number, _, _, _, _, _, body, _ = msgpack.unpackb(self.socket.recv(), raw=False, strict_map_key=False)
            if number == wire.MESSAGES[wanted].number:
                return wire.decode(wanted, body)[0]
        raise AssertionError(f"no {wanted}")

    def close(self):
        self.socket.close()
        self.context.term()


class Enrolment(unittest.TestCase):
    def test_keys_that_are_no_keys(self):
        fleet = Fleet(workers=0)
        self.addCleanup(fleet.__exit__, None, None, None)
        fleet.start("broker-1", "keeper", "scheduler")
        wait("the keeper answers", lambda: fleet.ctl("node", "list", check=False).returncode == 0)
        guest = Guest(fleet.json("worker", "invite", "w9", "--adapters", "noop")["token"])
        self.addCleanup(guest.close)

        def enrol(curve):
            guest.send("EnrolRequest", {"token": guest.secret, "curve": curve, "sign": bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
                                        "proof": bytes(64)})
            return guest.receive("EnrolReply")

        guest.send("Hello", {"boot": 1, "software": "guest", "adapters": "", "labels": "", "slots": 0, "topics": 0})
        guest.receive("Welcome")
        for key in SMALL:
            self.assertIn("CURVE", enrol(bytes.fromhex(key))["detail"], key)
        public, _ = zmq.curve_keypair()
        good = z85.decode(public)
        self.assertIn("CURVE", enrol(good[:31] + bytes([good[31] | 0x80]))["detail"])  # a second spelling
        self.assertIn("proof", enrol(good)["detail"])
        self.assertNotIn("w9", [k["name"] for k in fleet.json("key", "list")])


if __name__ == "__main__":
    unittest.main(verbosity=1)
