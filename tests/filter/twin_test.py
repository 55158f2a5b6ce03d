#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The reader in Python against the reader in C: the same random streams of messages, losses, restarts, replays and rubbish, the same answers."""

import os
import random
import subprocess
import unittest
import uuid

import stream
from spice_nova import reader, wire

TWIN = os.path.join(os.environ.get("SPICE_BIN", os.path.join(stream.ROOT, "build/release")), "tests/reader_twin")
PING_MS, STALE_MS, ENTRIES_MAX = 200, 600, 40
STREAMS, STEPS = 150, 120


class Twin:
    """The core in C."""

    def __init__(self):
        self.process = subprocess.Popen([TWIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Pair:
    """Both readers; every act is done to both and compared."""

    def __init__(self, test, twin):
        self.test, self.twin, self.now_us = test, twin, 9000000
        self.core = reader.Reader(reader.Options(ping_ms=PING_MS, stale_ms=STALE_MS, settle_ms=0, join_ms=1000, retry_ms=500, retry_max_ms=500,
                                                 entries_max=ENTRIES_MAX))
        test.assertEqual(twin.say("init", PING_MS, STALE_MS, ENTRIES_MAX), "ok")
        self.asked = None

    def step(self, nonce):
        request = self.core.step(self.now_us, nonce)
        word = {None: "-", "snapshot": "subscribe", "beat": "ping"}[request.method if request else None]
        self.test.assertEqual(self.twin.say("step", self.now_us, nonce.hex()), word)
        return request

    def message(self, message):
        number, body = message
        try:
            decoded = wire.decode(number, body)
        except wire.WireError:
            decoded = None
        if decoded is not None:
            self.core.on_message(self.now_us, decoded)
        self.test.assertEqual(self.twin.say("message", self.now_us, number, body.hex()), self.core.state, self.core.why)

    def lost(self):
        self.core.lost()
        self.test.assertEqual(self.twin.say("lost"), self.core.state)

    def compare(self, paper):
        members = 0
        for index, pool in paper.facts:
            name, key = paper.facts[(index, pool)][0], stream.key_of(index)
            a = self.core.lookup(self.now_us, pool, key=str(uuid.UUID(bytes=key)))
            self.test.assertEqual(self.twin.say("key", self.now_us, key.hex(), pool), "%d %d %d" % (a.member, a.tier, a.remaining_ms))
            b = self.core.lookup(self.now_us, pool, name=name)
            self.test.assertEqual(self.twin.say("name", self.now_us, name, pool), "%d %d %d" % (b.member, b.tier, b.remaining_ms))
            members += a.member
        return members


def rubbish(rng, message):
    """The message with some bytes changed, so that it does not decode; the keeper would never have signed the others."""
    number, good = message
    while True:
        body = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        body = bytes(body[:rng.randrange(1, len(body) + 1)])
        try:
            wire.decode(number, body)
        except wire.WireError:
            return number, body


def play(rng, pair):
    """One stream; the number of times a node was seen as a member."""
    paper = stream.Paper(nodes=rng.randrange(1, 6), pools=("trusted", "pci")[:rng.randrange(1, 3)], part=rng.choice((1, 2, 256)))
    waiting, past, seen = [], [], 0
    for _ in range(STEPS):
        ms = rng.choice((1, 1, 5, 40, 40, 90, 150, 700))
        pair.now_us += ms * 1000 + rng.randrange(1000)
        paper.now_ms = 500000 + (pair.now_us - 9000000) // 1000
        act = rng.randrange(24)
        if act < 10:
            at = rng.choice(sorted(paper.facts))
            member = rng.random() < 0.75
            waiting.append(paper.change(at[0], at[1], member, rng.choice((50, 300, 2000)), tier=rng.choice((0, 1, 2, 3, None)),
                                        name="n%d" % rng.choice((at[0], at[0], 100 + at[0]))))
        elif act == 10:
            paper.restart()
            past = []  # the reader in C takes a former start for a new one, the other asks once and then knows better
        elif act == 11 and past:
            waiting.append(rng.choice(past))
        elif act == 12 and past:
            waiting.append(rubbish(rng, rng.choice(past)))
        elif act == 13:
            pair.lost()
        elif act == 14 and waiting:
            waiting.pop(0)
        elif act == 15:
            waiting.append(paper.make("TrustEvent", boot=paper.boot, sequence=paper.sequence + 1, now_ms=paper.now_ms,
                                      entries=[{**paper.entry(sorted(paper.facts)[0]), "tier": 9}]))
            paper.sequence += 1
        for message in waiting:
            if pair.core.state != reader.JOINING:  # within a join they differ on purpose: on the bus events and snapshots cross each other
                pair.message(message)
            past.append(message)
        waiting = []
        for _ in range(3):
            request = pair.step(rng.randbytes(16))
            if request is None:
                break
            if rng.random() < 0.15:
                continue
            answer = paper.snapshot(request.nonce) if request.method == reader.SNAPSHOT_ASK else [paper.beat(request.nonce)]
            if len(answer) > 1 and rng.random() < 0.1:
                answer.pop(rng.randrange(len(answer)))
            if rng.random() < 0.05:
                answer[0] = rubbish(rng, answer[0])
            for message in answer:
                pair.message(message)
                if message[0] != wire.TRUST_BEAT:  # another's beat says nothing to the reader in C, for it has no courier
                    past.append(message)
        seen += pair.compare(paper)
    return seen


class TwinTest(unittest.TestCase):
    def test_same_streams_same_answers(self):
        twin = Twin()
        self.addCleanup(twin.close)
        seen = 0
        for seed in range(STREAMS):
            with self.subTest(seed=seed):
                seen += play(random.Random(seed), Pair(self, twin))
        self.assertGreater(seen, STREAMS * 20, "the streams make too few members to prove anything")


if __name__ == "__main__":
    unittest.main()
