#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The golden vectors read and written by python3-msgpack and by the second codec (spice_wire.py), and what a peer may not send.

The C side runs against the same vectors in tests/vectors; the two together make both ends agree without sharing a line of code."""

import os
import random
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(os.path.dirname(HERE), "vectors")
sys.path.insert(0, HERE)
sys.path.insert(0, VECTORS)
import make_vectors  # noqa: E402
import msgpack  # noqa: E402
import spice_wire as wire  # noqa: E402


def vectors(stem):
    with open(os.path.join(VECTORS, stem + ".hex"), encoding="ascii") as f:
        return {line.split()[0]: bytes.fromhex(line.split()[1]) for line in f if not line.startswith("#")}


def plain(group, values):
    """The lists that python3-msgpack gives for a message."""
    return wire.put_fields(group, values)


class Vectors(unittest.TestCase):
    def test_fresh(self):
        code = subprocess.run([sys.executable, os.path.join(VECTORS, "make_vectors.py"), "--check"]).returncode
        self.assertEqual(code, 0)

    def test_every_message_both_ways(self):
        for m in wire.MESSAGES.values():
            for case, data in vectors("%02d-%s" % (m.number, m.name)).items():
                values = make_vectors.values(m, case)
                self.assertEqual(wire.encode(m.name, values), data)
                self.assertEqual(wire.decode(m.name, data), (values, 0))
                self.assertEqual(msgpack.unpackb(data, raw=False, strict_map_key=False), plain(m, values))

    def test_frames(self):
        for case, frame in vectors("envelope").items():
            e = wire.open_envelope(frame)
            self.assertEqual(len(e["auth"]), {"none": 0, "mac": 32, "sign": 64, "pair": 32}[case])
            m = wire.BY_NUMBER[e["type"]]
            self.assertEqual(len(e["auth"]), wire.AUTH_BYTES[m.auth])
            wire.decode(m.name, e["body"])
            again = wire.envelope(e["type"], e["sender"], e["dest"], e["body"], lambda sealed: e["auth"],
                                  e["epoch"], e["sequence"], e["trace"])
            self.assertEqual(again, frame)
            self.assertTrue(frame.startswith(e["sealed"]))


class Refusals(unittest.TestCase):
    def refused(self, name, data, limit=None):
        with self.assertRaises(wire.WireError) as caught:
            wire.decode(name, data)
        if limit is not None:
            self.assertEqual(caught.exception.limit, limit)

    def test_cut_and_tail(self):
        for m in wire.MESSAGES.values():
            data = wire.encode(m.name, make_vectors.values(m, "typical"))
            for cut in range(len(data)):
                self.refused(m.name, data[:cut], limit=False)
            self.refused(m.name, data + b"\0", limit=False)

    def test_forms(self):
        good = bytes([0x92, 0x05, 0x06])
        self.assertEqual(wire.decode("Heartbeat", good)[0], {"progress": 5, "backlog": 6})
        for bad in ("92cc0506", "92cd000506", "92d00506", "dc00020506", "91 05", "8205060506", "92c00506", "92c306", "92ff06",
                    "92ca0000000006", "93050681c0", "930506c1"):
            self.refused("Heartbeat", bytes.fromhex(bad))
        self.refused("Heartbeat", bytes.fromhex("9205cf0000000100000000"), limit=True)

    def test_newer_peer(self):
        data = bytes.fromhex("95050693010203c0a3616263")
        self.assertEqual(wire.decode("Heartbeat", data), ({"progress": 5, "backlog": 6}, 3))
        deep = b"\x93\x05\x06" + b"\x91" * 8 + b"\0"
        self.assertEqual(wire.decode("Heartbeat", deep)[1], 1)
        self.refused("Heartbeat", b"\x93\x05\x06" + b"\x91" * 9 + b"\0")

    def test_text(self):
        def refused_message(detail):
            return b"\x94" + b"".join(msgpack.packb(v, use_bin_type=True) for v in (1, 2, 3)) + bytes([0xA0 | len(detail)]) + detail
        self.assertEqual(wire.decode("Refused", refused_message("fünf".encode()))[0]["detail"], "fünf")
        for bad in (b"\xff", b"a\0b", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3"):
            self.refused("Refused", refused_message(bad), limit=False)
        with self.assertRaises(wire.WireError):
            wire.decode("Refused", wire.encode("Refused", {"type": 1, "sequence": 2, "code": 3, "detail": "x" * 129}))

    def test_random_bytes_never_crash(self):
        dice = random.Random(7)
        names = sorted(wire.MESSAGES)
        for _ in range(3000):
            name = dice.choice(names)
            data = bytearray(wire.encode(name, make_vectors.values(wire.MESSAGES[name], "typical")))
            for _ in range(dice.randint(1, 3)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            try:
                values, extra = wire.decode(name, bytes(data))
            except wire.WireError:
                continue
            if extra == 0:
                self.assertEqual(wire.encode(name, values), bytes(data))


class Handled(unittest.TestCase):
    def test_every_message_has_vector_and_page(self):
        with open(os.path.join(wire.ROOT, "schemas", "gen", "FLOW.md"), encoding="utf-8") as f:
            page = f.read()
        for m in wire.MESSAGES.values():
            self.assertIn("## %d %s\n" % (m.number, m.name), page)
            self.assertEqual(set(vectors("%02d-%s" % (m.number, m.name))), {"min", "typical", "max"})


if __name__ == "__main__":
    unittest.main()
