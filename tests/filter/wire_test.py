#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the filter reads off the wire: the model, the golden vectors, frames a real keeper signed, and frames it did not sign."""

import base64
import json
import pathlib
import random
import unittest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import stream
from spice_nova import reader, wire

spice_wire = stream.spice_wire
RECORD = pathlib.Path(stream.ROOT, "tests/filter/keeper_stream.json")
MUTATIONS = 4000
DEPLOYMENT = bytes(range(100, 116))


def recorded():
    return json.loads(RECORD.read_text())


def signer(seed=7):
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return key, key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def frame(kind, body, key, deployment=DEPLOYMENT, name=None, **envelope):
    return spice_wire.envelope(spice_wire.MESSAGES[kind].number, "keeper", "reader-1", body,
                               lambda sealed: key.sign(spice_wire.covered(name or kind, deployment, sealed)), **envelope)


class Model(unittest.TestCase):
    """A change of the model that this file does not follow fails here."""

    def test_numbers_and_fields_are_those_of_the_model(self):
        for kind, shape in (("Snapshot", wire.Snapshot), ("TrustEvent", wire.TrustEvent), ("TrustBeat", wire.TrustBeat)):
            message = spice_wire.MESSAGES[kind]
            self.assertEqual(wire.NAMES[message.number], kind)
            self.assertEqual(tuple(f.name for f in message.fields), shape._fields)
            self.assertEqual((message.senders, message.auth), (["keeper"], "sign"))
        fields = spice_wire.RECORDS["TrustEntry"].fields
        self.assertEqual(tuple(f.name for f in fields), wire.Entry._fields)
        limits = {f.name: f.max for f in fields if f.kind in ("str", "exact")}
        self.assertEqual(limits, {"key": wire.NODE_KEY_BYTES, "node": wire.NODE_BYTES_MAX, "pool": wire.POOL_BYTES_MAX, "why": wire.WHY_BYTES_MAX})
        self.assertEqual(spice_wire.ENUMS["tier"], {name: i for i, name in enumerate(wire.TIER_NAMES)})
        self.assertEqual({f.max for m in ("Snapshot", "TrustEvent") for f in spice_wire.MESSAGES[m].fields if f.kind == "list"}, {wire.ENTRIES_MAX})

    def test_golden_vectors(self):
        count = 0
        for number, name in wire.NAMES.items():
            for line in pathlib.Path(stream.ROOT, f"tests/vectors/{number}-{name}.hex").read_text().splitlines():
                if line and not line.startswith("#"):
                    body = bytes.fromhex(line.split()[-1])
                    got = wire.decode(number, body)
                    values = spice_wire.decode(name, body)[0]
                    values = {k: [wire.Entry(**e) for e in v] if k == "entries" else v for k, v in values.items()}
                    self.assertEqual(got._asdict(), values)
                    count += 1
        self.assertGreaterEqual(count, 9)

    def test_same_verdict_as_the_second_codec_on_mutated_bodies(self):
        rng = random.Random(5)
        paper = stream.Paper(nodes=3)
        bodies = [paper.snapshot(bytes(16))[0], paper.change(0, "trusted", True, 900), paper.beat(bytes(16))]
        both = {True: 0, False: 0}
        for _ in range(MUTATIONS):
            number, body = rng.choice(bodies)
            body = bytearray(body)
            for _ in range(rng.randrange(0, 3)):
                at = rng.randrange(len(body))
                body[at:at + rng.randrange(2)] = bytes(rng.choice((0x00, 0x01, 0x7F, 0x80, 0x90, 0x9F, 0xA1, 0xC0, 0xC1, 0xC4, 0xC7, 0xCA, 0xCC, 0xCF,
                                                                  0xD0, 0xD9, 0xDC, 0xDF, 0xFF, rng.randrange(256))) for _ in range(rng.randrange(3)))
            body = bytes(body) + (rng.randbytes(rng.randrange(4)) if rng.random() < 0.1 else b"")
            try:
                spice_wire.decode(wire.NAMES[number], body)
                expected = True
            except spice_wire.WireError:
                expected = False
            try:
                wire.decode(number, body)
                got = True
            except wire.WireError:
                got = False
            self.assertEqual(got, expected, (number, body.hex()))
            both[got] += 1
        self.assertGreater(min(both.values()), MUTATIONS // 10)

    def test_a_newer_keeper_may_append_fields_but_not_without_bounds(self):
        pack = spice_wire.pack
        for extra, good in (([1, "x", None, 1.5, {"a": [1]}], True), ([[[[[[[[[1]]]]]]]]], True), ([[[[[[[[[[1]]]]]]]]]], False),
                            ([[0] * 4000], True), ([[0] * 4200], False)):
            body = pack([bytes(16), 1, 2, 3] + extra)
            if good:
                self.assertEqual(wire.decode(wire.TRUST_BEAT, body).sequence, 3)
            else:
                self.assertRaises(wire.WireError, wire.decode, wire.TRUST_BEAT, body)


class Signature(unittest.TestCase):
    def setUp(self):
        self.key, self.public = signer()
        self.keeper = wire.Keeper([self.public], DEPLOYMENT.hex())
        self.body = spice_wire.encode("TrustBeat", {"nonce": bytes(16), "boot": 1, "now_ms": 2, "sequence": 3})

    def refuses(self, data, text):
        with self.assertRaises(wire.WireError) as caught:
            self.keeper.open(data)
        self.assertIn(text, str(caught.exception))

    def test_opens_what_the_keeper_signed(self):
        self.assertEqual(self.keeper.open(frame("TrustBeat", self.body, self.key)), wire.TrustBeat(bytes(16), 1, 2, 3))

    def test_every_changed_bit_is_refused(self):
        good = frame("TrustBeat", self.body, self.key)
        for at in range(len(good) * 8):
            bad = bytearray(good)
            bad[at // 8] ^= 1 << at % 8
            self.assertRaises(wire.WireError, self.keeper.open, bytes(bad))
        for at in range(len(good)):
            self.assertRaises(wire.WireError, self.keeper.open, good[:at])
        self.refuses(good + b"\0", "no envelope")

    def test_another_key_deployment_purpose_or_type_is_refused(self):
        self.refuses(frame("TrustBeat", self.body, signer(8)[0]), "does not verify")
        self.refuses(frame("TrustBeat", self.body, self.key, deployment=bytes(16)), "does not verify")
        self.refuses(frame("TrustBeat", self.body, self.key, name="TrustEvent"), "does not verify")
        admin = spice_wire.encode("AdminReply", {"id": 1, "code": 0, "part": 0, "last": True, "data": b""})
        self.refuses(frame("AdminReply", admin, self.key), "not for a follower")  # signed by the same keeper, for somebody else
        self.refuses(spice_wire.envelope(44, "keeper", "", self.body), "without a signature")
        self.refuses(b"", "ends too early")
        self.refuses(bytes(wire.FRAME_BYTES_MAX + 1), "too large")

    def test_a_body_is_looked_at_only_after_its_signature(self):
        self.refuses(frame("TrustBeat", b"\xc1", signer(8)[0]), "does not verify")
        self.refuses(frame("TrustBeat", b"\xc1", self.key), "no array")

    def test_two_keys_are_believed_while_a_key_is_changed(self):
        next_key, next_public = signer(9)
        both = wire.Keeper([self.public, next_public], DEPLOYMENT.hex())
        for key in (self.key, next_key):
            self.assertEqual(both.open(frame("TrustBeat", self.body, key)).sequence, 3)

    def test_keys_that_fit_anything_and_ids_that_are_none_are_refused(self):
        for keys, deployment in (([], DEPLOYMENT.hex()), (["00"], DEPLOYMENT.hex()), ([self.public], ""), ([self.public], "00" * 16),
                                 ([self.public, "zz" * 32], DEPLOYMENT.hex()), (["ed" + "ff" * 30 + "7f"], DEPLOYMENT.hex()),
                                 *([[key.hex()], DEPLOYMENT.hex()] for key in wire.SMALL_ORDER),
                                 (["01" + "00" * 30 + "80"], DEPLOYMENT.hex())):
            self.assertRaises(wire.BadKey, wire.Keeper, keys, deployment)


class RealKeeper(unittest.TestCase):
    """keeper_stream.json was recorded from spice-nodes by record_stream.py."""

    def test_follows_a_recorded_keeper(self):
        record = recorded()
        keeper = wire.Keeper([record["keeper_key"]], record["deployment"])
        core = reader.Reader(reader.Options(ping_ms=1, stale_ms=60000))
        seen = []
        for step in record["steps"]:
            now_us = step["heard_us"]
            if step["ask"]:
                request = core.step(step["at_us"], bytes.fromhex(step["nonce"]))
                self.assertEqual(request.method, step["ask"])
            for text in step["frames"]:
                core.on_message(now_us, keeper.open(base64.b64decode(text)))
            for node, member in step["members"].items():
                self.assertEqual(core.lookup(now_us, "trusted", name=node).member, member, (step["what"], node))
                seen.append(member)
        self.assertTrue(True in seen and False in seen)
        self.assertGreater(core.counters["events"], 1)
        self.assertEqual(core.counters["gaps"], 0)

    def test_the_key_of_a_node_without_one_follows_from_its_name(self):
        record = recorded()
        keeper = wire.Keeper([record["keeper_key"]], record["deployment"])
        entries = [e for step in record["steps"] for text in step["frames"] for e in getattr(keeper.open(base64.b64decode(text)), "entries", [])]
        self.assertGreater(len(entries), 3)
        for e in entries:
            self.assertEqual(e.key, reader.name_key(e.node))

    def test_not_one_bit_of_it_may_change(self):
        record = recorded()
        keeper = wire.Keeper([record["keeper_key"]], record["deployment"])
        rng = random.Random(1)
        for step in record["steps"]:
            for text in step["frames"]:
                data = bytearray(base64.b64decode(text))
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                self.assertRaises(wire.WireError, keeper.open, bytes(data))


if __name__ == "__main__":
    unittest.main()
