# SPDX-License-Identifier: Apache-2.0
"""A keeper on paper, for the tests of the reader in Python: signs nothing, has its own clock, and remembers what was true when.

Its messages are made by the second codec of tests/wire, never by the code under test."""

import hashlib
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "tests", "wire"), os.path.join(ROOT, "ops", "nova")]
import spice_wire  # noqa: E402
from spice_nova import wire  # noqa: E402

NUMBER = {name: spice_wire.MESSAGES[name].number for name in ("Snapshot", "TrustEvent", "TrustBeat")}


def key_of(index):
    """A key like Nova's: a random UUID, version 4."""
    h = bytearray(hashlib.sha256(b"node %d" % index).digest()[:16])
    h[6], h[8] = h[6] & 0x0F | 0x40, h[8] & 0x3F | 0x80
    return bytes(h)


class Paper:
    def __init__(self, nodes=3, pools=("trusted",), boot=77, now_ms=500000, part=256):
        self.boot, self.now_ms, self.sequence, self.part_entries = boot, now_ms, 0, part
        self.pools = pools
        self.facts = {}     # (index, pool) -> [node, tier, member, until_ms]
        self.history = {}   # (index, pool) -> [(since_ms, member, until_ms)]
        for i in range(nodes):
            for pool in pools:
                self._set((i, pool), ["n%d" % i, 0, False, 0])

    def _set(self, at, fact):
        self.facts[at] = fact
        self.history.setdefault(at, []).append((self.now_ms, fact[2], fact[3]))

    def restart(self):
        """Another start on the same machine: nothing is proven any more."""
        self.boot, self.sequence = self.boot + 1, 0
        for at, fact in self.facts.items():
            self._set(at, [fact[0], 0, False, 0])

    def entry(self, at):
        node, tier, member, until_ms = self.facts[at]
        return {"key": key_of(at[0]), "node": node, "pool": at[1], "tier": tier, "member": member, "until_ms": until_ms,
                "since_ms": 1700000000000, "why": "passes" if member else "does not"}

    def change(self, index, pool, member, lifetime_ms=0, tier=None, name=None):
        """One event; its message."""
        fact = [name or self.facts[(index, pool)][0], tier if tier is not None else (1 if member else 3), member,
                self.now_ms + lifetime_ms if member else 0]
        self._set((index, pool), fact)
        return self.event([(index, pool)])

    def event(self, ats):
        self.sequence += 1
        return self.make("TrustEvent", boot=self.boot, sequence=self.sequence, now_ms=self.now_ms, entries=[self.entry(a) for a in ats])

    def snapshot(self, nonce):
        entries = [self.entry(a) for a in sorted(self.facts)]
        parts = [entries[i:i + self.part_entries] for i in range(0, len(entries), self.part_entries)] or [[]]
        return [self.make("Snapshot", nonce=nonce, boot=self.boot, now_ms=self.now_ms, sequence=self.sequence, part=i,
                          last=i == len(parts) - 1, entries=p) for i, p in enumerate(parts)]

    def beat(self, nonce):
        return self.make("TrustBeat", nonce=nonce, boot=self.boot, now_ms=self.now_ms, sequence=self.sequence)

    @staticmethod
    def make(kind, **values):
        """(number, body) of a message."""
        return NUMBER[kind], spice_wire.encode(kind, values)

    def was_member(self, index, pool, from_ms, now_ms):
        """True when at some time since from_ms the keeper held that the node is a member beyond now_ms."""
        rows = self.history[(index, pool)]
        for i, (since, member, until) in enumerate(rows):
            over = rows[i + 1][0] if i + 1 < len(rows) else float("inf")
            if member and until > now_ms and over >= from_ms and since <= now_ms:
                return True
        return False


def feed(core, now_us, message):
    number, body = message
    core.on_message(now_us, wire.decode(number, body))
