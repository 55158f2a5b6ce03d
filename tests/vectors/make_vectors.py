#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the golden vectors beside it with python3-msgpack, from the model alone; the C codecs are measured against them.

Usage: make_vectors.py [--check]     --check writes nothing and fails when a file differs from what the model gives.

Every message has three cases whose values follow a rule, so that a reader in any language can make them too. i is the place of the
field in its message or record, e the place of the element in its list (0 outside of lists):
  min      zero, false, empty; bin[N] is N zero bytes
  typical  u8 (7i+3e+1) mod 128; u16 300+i+e; u32 70000+1000i+e; u64 5000000000*(i+1)+e; bool: i+e is odd;
           str "NAME-E-é"; bin of min(limit, 20+e) bytes 16i+k; bin[N] of bytes 3k+i+e; lists of 3
  max      largest numbers, true; str of min(limit, 260) bytes 0123456789abcdef...; bin of min(limit, 260) bytes 255-k;
           bin[N] of 255; lists of min(limit, 16)"""

import hashlib
import hmac
import os
import struct
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "wire"))
import spice_wire as wire  # noqa: E402

CASES = ("min", "typical", "max")
KEY = bytes(range(32))
DEPLOYMENT = bytes(range(100, 116))
ALPHABET = "0123456789abcdef"


def number(kind, case, i, e):
    if case == "min":
        return 0
    if case == "max":
        return wire.INT_MAX[kind]
    return {"u8": (7 * i + 3 * e + 1) % 128, "u16": 300 + i + e, "u32": 70000 + 1000 * i + e, "u64": 5000000000 * (i + 1) + e}[kind]


def value(f, case, i, e):
    typical = case == "typical"
    if f.kind in wire.INT_MAX:
        return number(f.kind, case, i, e)
    if f.kind == "bool":
        return case == "max" or typical and (i + e) % 2 == 1
    if f.kind == "str":
        if typical:
            return "%s-%d-é" % (f.name, e)
        return "" if case == "min" else (ALPHABET * 17)[:min(f.max, 260)]
    if f.kind == "bin":
        if typical:
            return bytes((16 * i + k) % 256 for k in range(min(f.max, 20 + e)))
        return b"" if case == "min" else bytes(255 - k % 256 for k in range(min(f.max, 260)))
    if f.kind == "exact":
        if typical:
            return bytes((3 * k + i + e) % 256 for k in range(f.max))
        return (b"\0" if case == "min" else b"\xff") * f.max
    if f.kind == "list":
        count = 3 if typical else 0 if case == "min" else min(f.max, 16)
        return [values(wire.RECORDS[f.record], case, k) for k in range(count)]
    return values(wire.RECORDS[f.record], case, 0)


def values(group, case, e=0):
    return {f.name: value(f, case, i, e) for i, f in enumerate(group.fields)}


def group_file(group, title):
    lines = ["# %s; written by tests/vectors/make_vectors.py, which states the rule of the values" % title]
    for case in CASES:
        lines.append("%s %s" % (case, wire.encode(group.name, values(group, case)).hex()))
    return "\n".join(lines) + "\n"


def envelope_file():
    body = wire.encode("ResultBatch", values(wire.MESSAGES["ResultBatch"], "typical"))

    def mac(sealed):
        return hmac.new(KEY, wire.covered("LeaseClosed", DEPLOYMENT, sealed), hashlib.sha256).digest()

    def sign(sealed):
        return Ed25519PrivateKey.from_private_bytes(KEY).sign(wire.covered("ResultBatch", DEPLOYMENT, sealed))

    def pair(sealed):
        peer = Ed25519PrivateKey.from_private_bytes(b"\xa5" * 32).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return hmac.new(wire.agreed(KEY, peer), wire.covered("Evidence", DEPLOYMENT, sealed), hashlib.sha256).digest()
    evidence = wire.encode("Evidence", values(wire.MESSAGES["Evidence"], "typical"))
    frames = {
        "none": wire.envelope(4, "worker-1", "", wire.encode("Credit", values(wire.MESSAGES["Credit"], "typical"))),
        "mac": wire.envelope(22, "keeper", "scheduler", wire.encode("LeaseClosed", values(wire.MESSAGES["LeaseClosed"], "min")), mac,
                             epoch=7, sequence=1 << 33, trace=65536),
        "sign": wire.envelope(20, "w" * 40, "k" * 40, body, sign, epoch=2**64 - 1, sequence=255, trace=128),
        "pair": wire.envelope(71, "attester-1", "worker-1", evidence, pair, sequence=300),
    }
    lines = ["# Whole frames. mac: HMAC-SHA-256 under bytes 00..1f, deployment id 64..73; sign: Ed25519 with that as its seed; "
             "pair: that seed, and a receiver whose seed is 32 times a5"]
    return "\n".join(lines + ["%s %s" % (case, frame.hex()) for case, frame in frames.items()]) + "\n"


def ticket(attempt, flags, numbers32, numbers64, life, digest, nonce, subject):
    check, node, generation, slot = numbers32
    job, epoch, boot, issued = numbers64
    sealed = struct.pack("<BBHIIIIIQQQQII32s32s16s", 1, attempt, flags, check, node, generation, slot, 0, job, epoch, boot, issued,
                         life, 0, digest, nonce, subject)
    return sealed + hmac.new(KEY, sealed, hashlib.sha256).digest()[:16]


def subject(node, address, checkpoint, timeout_ms):
    """What binds a job to its ticket, schemas/sp_ticket.h."""
    parts = b"".join(struct.pack("<H", len(part)) + part for part in (node, address, checkpoint))
    return hashlib.sha256(parts + struct.pack("<I", timeout_ms)).digest()[:16]


def ticket_file():
    up, down = bytes(range(32)), bytes(255 - k for k in range(32))
    cases = {
        "min": ticket(0, 0, (0,) * 4, (0,) * 4, 0, bytes(32), bytes(32), bytes(16)),
        "typical": ticket(1, 2, (11, 12, 13, 14), (15 << 40 | 16, 15, 0x1122334455667788, 17000), 300000, up, down, subject(b"node-1", b"192.0.2.1", b"cp", 30000)),
        "max": ticket(255, 3, (2**32 - 1,) * 4, (2**64 - 1,) * 4, 2**32 - 1, b"\xff" * 32, b"\xff" * 32, b"\xff" * 16),
    }
    lines = ["# Tickets (schemas/sp_ticket.h) sealed with HMAC-SHA-256 under bytes 00..1f"]
    return "\n".join(lines + ["%s %s" % (case, t.hex()) for case, t in cases.items()]) + "\n"


def files():
    out = {"%02d-%s.hex" % (m.number, m.name): group_file(m, "message %d %s" % (m.number, m.name)) for m in wire.MESSAGES.values()}
    out["record-DefinitionBody.hex"] = group_file(wire.RECORDS["DefinitionBody"], "record DefinitionBody, alone")
    out["envelope.hex"] = envelope_file()
    out["ticket.hex"] = ticket_file()
    return out


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        print(__doc__)
        return 2
    made = files()
    stale = sorted(n for n in os.listdir(HERE) if n.endswith(".hex") and n not in made)
    for name, text in made.items():
        path = os.path.join(HERE, name)
        old = open(path, encoding="ascii").read() if os.path.exists(path) else None
        if old != text:
            stale.append(name)
            if not check:
                with open(path, "w", encoding="ascii") as f:
                    f.write(text)
    if check and stale:
        print("vectors differ from the model: " + ", ".join(stale))
        return 1
    print("%d files of vectors" % len(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
