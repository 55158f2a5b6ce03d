#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the reader in Python, one by one and under random attack. No bus, no clock, no Nova."""

import itertools
import random
import unittest
import uuid

import stream
from spice_nova import judge, reader, wire

POOL = "trusted"


class Bed:
    """One reader and one keeper on paper; the reader's clock has nothing to do with the keeper's."""

    def __init__(self, nodes=2, drift_ppm=0, **options):
        self.paper = stream.Paper(nodes=nodes)
        self.core = reader.Reader(reader.Options(**{"ping_ms": 200, "stale_ms": 600, "settle_ms": 100, "retry_ms": 50, **options}))
        self.now_us, self.drift_ppm, self.serial = 7000000000, drift_ppm, 0
        self.exact_us = self.paper.now_ms * 1000

    def tick(self, ms):
        self.exact_us += ms * 1000
        self.now_us += ms * 1000 + ms * self.drift_ppm // 1000
        self.paper.now_ms = self.exact_us // 1000

    def ask(self):
        self.serial += 1
        return self.core.step(self.now_us, self.serial.to_bytes(16, "big"))

    def answer_to(self, request):
        return self.paper.snapshot(request.nonce) if request.method == reader.SNAPSHOT_ASK else [self.paper.beat(request.nonce)]

    def hear(self, *messages):
        for message in messages:
            stream.feed(self.core, self.now_us, message)

    def turn(self):
        """Asks and hears until nothing is due."""
        for _ in range(4):
            request = self.ask()
            if request is None:
                return
            self.hear(*self.answer_to(request))

    def member(self, index=0):
        return self.core.lookup(self.now_us, POOL, key=str(uuid.UUID(bytes=stream.key_of(index)))).member

    def joined(self):
        self.turn()
        self.hear(self.paper.change(0, POOL, True, 60000))
        assert self.member()
        return self


class Rules(unittest.TestCase):
    def test_joins_follows_and_lets_go(self):
        b = Bed()
        self.assertFalse(b.member())
        b.joined()
        self.assertFalse(b.member(1))
        b.hear(b.paper.change(0, POOL, False))
        self.assertFalse(b.member())

    def test_si2_the_end_of_a_lifetime_needs_no_message(self):
        b = Bed()
        b.turn()
        b.hear(b.paper.change(0, POOL, True, 1000))
        for _ in range(50):
            b.tick(20)
            b.turn()
            self.assertLessEqual(b.member(), b.paper.was_member(0, POOL, 0, b.paper.now_ms))
        self.assertFalse(b.member())
        self.assertTrue(b.core.fresh(b.now_us))

    def test_silence_is_none_though_nobody_steps_the_reader(self):
        b = Bed().joined()
        b.tick(599)
        self.assertTrue(b.member())
        b.tick(2)
        self.assertFalse(b.member())

    def test_a_clock_that_jumps_either_way_is_none(self):
        for jump_us in (-1, -10000000, 10000000, 86400000000):
            b = Bed()
            b.turn()
            b.hear(b.paper.change(0, POOL, True, 10 ** 9))
            at = b.core.proven_us
            b.now_us = at + jump_us
            self.assertFalse(b.member(), jump_us)

    def test_a_hole_is_doubt_at_once_and_healed_by_the_missing_event(self):
        b = Bed().joined()
        lost, then = b.paper.change(0, POOL, False), b.paper.change(1, POOL, True, 60000)
        b.hear(then)
        self.assertFalse(b.member())
        self.assertIn("missing", b.core.view(b.now_us).why)
        b.hear(lost)
        self.assertFalse(b.member())
        self.assertTrue(b.member(1))

    def test_a_hole_that_stays_makes_it_ask_anew(self):
        b = Bed().joined()
        b.paper.change(0, POOL, False)
        b.hear(b.paper.change(1, POOL, True, 60000))
        b.tick(101)
        self.assertEqual(b.ask().method, reader.SNAPSHOT_ASK)
        self.assertFalse(b.member(1))

    def test_an_answer_ahead_of_the_events_proves_nothing_until_they_are_here(self):
        b = Bed().joined()
        b.tick(500)
        request = b.ask()
        event = b.paper.change(0, POOL, False)
        b.hear(*b.answer_to(request))
        before = b.core.proven_us
        self.assertLess(before, b.now_us)
        b.hear(event)
        self.assertEqual(b.core.proven_us, b.now_us)
        self.assertFalse(b.member())

    def test_an_event_that_never_comes_is_found_by_the_next_answer(self):
        b = Bed().joined()
        b.paper.change(0, POOL, False)
        b.tick(200)
        b.turn()
        b.tick(101)
        b.turn()
        self.assertEqual(b.core.counters["gaps"], 1)
        self.assertFalse(b.member())
        self.assertTrue(b.core.fresh(b.now_us))

    def test_events_that_cross_the_snapshot_are_not_lost(self):
        b = Bed()
        request = b.ask()
        answer = b.answer_to(request)
        b.hear(b.paper.change(0, POOL, True, 60000), b.paper.change(0, POOL, False), b.paper.change(1, POOL, True, 60000))
        b.hear(*answer)
        self.assertFalse(b.member(0))
        self.assertTrue(b.member(1))

    def test_an_older_event_does_not_undo_a_later_part_of_the_snapshot(self):
        b = Bed(nodes=2)
        b.paper.part_entries = 1
        request = b.ask()
        first = b.answer_to(request)[0]
        sequence = b.paper.sequence
        b.tick(5)
        good = b.paper.change(1, POOL, True, 60000)
        b.tick(5)
        bad = b.paper.change(1, POOL, False)
        b.tick(5)
        second = b.paper.make("Snapshot", nonce=request.nonce, boot=b.paper.boot, now_ms=b.paper.now_ms, sequence=sequence, part=1, last=True,
                              entries=[b.paper.entry((1, POOL))])
        b.hear(first, good, second)
        self.assertFalse(b.member(1), "the snapshot knew better already")
        b.hear(bad)
        self.assertFalse(b.member(1))
        b.tick(5)
        b.hear(b.paper.change(1, POOL, True, 60000))
        self.assertTrue(b.member(1))

    def test_replayed_messages_change_nothing(self):
        b = Bed()
        request = b.ask()
        past = b.answer_to(request)
        b.hear(*past)
        past.append(b.paper.change(0, POOL, True, 60000))
        b.hear(past[-1])
        b.tick(10)
        past.append(b.paper.change(0, POOL, False))
        b.hear(past[-1])
        for message in past * 2:
            b.hear(message)
            self.assertFalse(b.member())

    def test_a_snapshot_for_somebody_else_is_not_ours(self):
        b = Bed()
        b.paper.change(0, POOL, True, 60000)
        b.ask()
        b.hear(*b.paper.snapshot(b"x" * 16))
        self.assertEqual(b.core.state, reader.JOINING)
        self.assertFalse(b.member())

    def test_a_part_that_is_missing_or_of_another_start_ends_the_join(self):
        for spoil in (lambda p: p.pop(1), lambda p: p.reverse(), lambda p: p.insert(1, p[0])):
            b = Bed(nodes=6)
            b.paper.part_entries = 2
            parts = b.answer_to(b.ask())
            spoil(parts)
            b.hear(*parts)
            self.assertNotEqual(b.core.state, reader.FOLLOWING)
        for field, value in (("sequence", 9), ("boot", 0)):
            b = Bed()
            request = b.ask()
            parts = [{"nonce": request.nonce, "boot": b.paper.boot, "now_ms": b.paper.now_ms, "sequence": 0, "part": i, "last": i == 1,
                      "entries": [b.paper.entry((i, POOL))]} for i in range(2)]
            parts[1][field] = value
            if field == "boot":
                parts[0][field] = value
            b.hear(*(b.paper.make("Snapshot", **p) for p in parts))
            self.assertNotEqual(b.core.state, reader.FOLLOWING, field)
        b = Bed(nodes=4)
        b.paper.part_entries = 2
        request = b.ask()
        former = b.paper.snapshot(request.nonce)
        b.paper.restart()
        b.hear(former[0], b.paper.snapshot(request.nonce)[1])
        self.assertNotEqual(b.core.state, reader.FOLLOWING)

    def test_a_beat_for_somebody_else_counts_as_old_as_the_keepers_clock_says(self):
        b = Bed().joined()
        b.tick(550)
        b.hear(b.paper.beat(b"y" * 16))
        b.tick(550)
        self.assertTrue(b.member(), "proven 550 ms ago by another's beat")
        b.tick(60)
        self.assertFalse(b.member())

    def test_a_replayed_beat_prolongs_nothing(self):
        b = Bed().joined()
        old = b.paper.beat(b"y" * 16)
        for _ in range(7):
            b.tick(100)
            b.hear(old)
        self.assertFalse(b.member())

    def test_a_beat_for_somebody_else_needs_a_clock_of_our_own(self):
        b = Bed()
        b.ask()
        b.hear(b.paper.beat(b"y" * 16))
        self.assertFalse(b.core.fresh(b.now_us))

    def test_a_reading_ahead_of_our_upper_bound_is_doubt(self):
        for make in (lambda b: b.paper.beat(b"y" * 16), lambda b: b.paper.change(1, POOL, True, 60000)):
            b = Bed().joined()
            b.paper.now_ms += 5000  # our clock lost five seconds
            b.hear(make(b))
            self.assertFalse(b.member())
            self.assertIn("clock", b.core.why)

    def test_a_proof_is_as_old_as_the_question(self):
        b = Bed()
        request = b.ask()
        answer = b.answer_to(request)
        b.tick(400)
        b.hear(*answer, b.paper.change(0, POOL, True, 60000))
        self.assertTrue(b.member())
        b.tick(201)
        self.assertFalse(b.member(), "asked more than 600 ms ago")

    def test_the_bound_grows_with_the_drift_two_clocks_may_have(self):
        hour_us = 3600 * 1000000
        self.assertGreaterEqual(reader.bound_ms((5, 1000), 5 + hour_us), 1000 + 3600000 + 1800)
        self.assertLessEqual(reader.bound_ms((5, 1000), 5 + hour_us), 1000 + 3600000 + 1802)

    def test_our_own_answer_refutes_a_bound_that_is_too_low(self):
        b = Bed().joined()
        b.tick(200)
        request = b.ask()
        b.paper.now_ms += 5000
        b.hear(*b.answer_to(request))
        self.assertGreaterEqual(b.core.clock_ms(b.now_us), b.paper.now_ms)

    def test_the_keepers_new_start_is_none_until_asked(self):
        for make in (lambda b: b.paper.event([(1, POOL)]), lambda b: b.paper.beat(b"y" * 16)):
            b = Bed().joined()
            b.paper.restart()
            b.hear(make(b))
            self.assertFalse(b.member())
            b.tick(60)
            b.turn()
            self.assertTrue(b.core.fresh(b.now_us))
            self.assertFalse(b.member())

    def test_a_former_start_disturbs_once_only(self):
        b = Bed()
        old = b.paper.beat(b"z" * 16)
        old_event = b.paper.event([(0, POOL)])
        b.paper.restart()
        b.joined()
        b.hear(old)
        self.assertFalse(b.member(), "it cannot know yet")
        b.tick(60)
        b.turn()
        self.assertTrue(b.member())
        for _ in range(3):
            b.hear(old, old_event)
            self.assertTrue(b.member())

    def test_more_entries_than_may_be_held_is_none(self):
        b = Bed(nodes=5, entries_max=4)
        b.paper.change(0, POOL, True, 60000)
        b.turn()
        self.assertFalse(b.member())
        self.assertIn("more entries", b.core.why)

    def test_what_waits_is_bounded(self):
        b = Bed().joined()
        b.paper.sequence += 1
        for _ in range(3000):
            b.hear(b.paper.event([(1, POOL)]))
            b.hear(b.paper.beat(b"y" * 16))
        self.assertLessEqual(len(b.core.ahead), reader.AHEAD_MAX)
        self.assertLessEqual(len(b.core.claims), reader.CLAIMS_MAX)
        c = Bed()
        c.ask()
        for _ in range(3000):
            c.hear(c.paper.event([(1, POOL)]))
        self.assertLessEqual(len(c.core.ahead), reader.AHEAD_MAX)

    def test_an_unanswered_question_waits_longer_each_time_but_not_for_ever(self):
        b = Bed(retry_ms=50, retry_max_ms=400)
        waits = []
        for _ in range(6):
            while b.ask() is None:
                b.tick(1)
            b.core.failed(b.now_us, "no answer")
            waits.append((b.core.next_deadline_us() - b.now_us) // 1000)
        self.assertEqual(waits, [50, 100, 200, 400, 400, 400])

    def test_a_view_taken_while_another_thread_works_mixes_nothing(self):
        """The other thread leaves and joins anew between any two looks at the reader's state. The keeper's machine was started anew meanwhile: its
        clock begins near zero, so a table of the one and a clock of the other would be wrong."""
        seen = set()
        for leave, ask, hear in itertools.combinations_with_replacement(range(14), 3):
            b = Bed().joined()
            old = (b.core.pools, reader.bound_ms(b.core.anchor, b.now_us))
            view = self.interrupted(b, [(leave, b.core.lost), (ask, lambda b=b: self.ask_anew(b)), (hear, lambda b=b: self.hear_anew(b))])
            new = (b.core.pools, reader.bound_ms(b.core.anchor, b.now_us))
            got = (view.pools, view.clock_ms)
            if view.fresh:
                self.assertTrue(any(got[0] is kept[0] and got[1] == kept[1] for kept in (old, new)), (leave, ask, hear))
            seen.add("none" if not view.fresh else "old" if got[0] is old[0] else "new")
        self.assertEqual(seen, {"none", "old", "new"})

    @staticmethod
    def ask_anew(b):
        b.paper.now_ms, b.paper.boot = 1, 5
        b.request = b.ask()

    @staticmethod
    def hear_anew(b):
        b.hear(*b.answer_to(b.request))

    @staticmethod
    def interrupted(b, acts):
        """A view during which each act happens right before the look at an attribute that has its number."""
        looks = [0]

        class Watched(reader.Reader):
            def __getattribute__(self, name):
                n, looks[0] = looks[0], looks[0] + 1
                self_class, self.__class__ = Watched, reader.Reader
                for act in [a for at, a in acts if at == n]:
                    act()
                value = getattr(self, name)
                self.__class__ = self_class
                return value.__func__.__get__(self) if hasattr(value, "__func__") else value
        b.core.__class__ = Watched
        try:
            return reader.Reader.view(b.core, b.now_us)
        finally:
            b.core.__class__ = reader.Reader

    def test_a_view_stays_as_it_was_taken(self):
        b = Bed().joined()
        view = b.core.view(b.now_us)
        b.core.lost()
        b.ask()
        self.assertTrue(judge.is_member(view, POOL, str(uuid.UUID(bytes=stream.key_of(0))), "n0"))
        self.assertFalse(b.core.view(b.now_us).fresh)


class Attack(unittest.TestCase):
    """SI-2, SI-10: the bus loses, repeats, delays and reorders what the keeper signed, clocks drift within their allowance. Never is a node
    believed unless the keeper believed it within the limit of staleness, and its lifetime is not over."""

    def play(self, seed):
        rng = random.Random(seed)
        b = Bed(nodes=3, drift_ppm=rng.randrange(-400, 401))
        pending, past, members = [], [], 0
        for _ in range(250):
            b.tick(rng.choice((1, 5, 20, 60, 150)))
            kind = rng.randrange(20)
            if kind < 7:
                pending.append(b.paper.change(rng.randrange(3), POOL, rng.random() < 0.7, rng.choice((100, 1000, 30000))))
            elif kind == 7 and rng.random() < 0.2:
                b.paper.restart()
            elif kind < 10:
                pending.append(b.paper.beat(rng.randbytes(16)))
            request = b.ask()
            if request is not None:
                answer = b.answer_to(request)
                if rng.random() < 0.8:
                    pending += answer
                else:
                    past += answer
                    b.core.failed(b.now_us, "lost")
            if rng.random() < 0.15:
                rng.shuffle(pending)
            while pending and rng.random() < 0.85:
                message = pending.pop(0)
                past.append(message)
                if rng.random() > 0.05:
                    b.hear(message)
            if past and rng.random() < 0.3:
                b.hear(rng.choice(past))
            self.assertEqual(b.core.believed(b.now_us) is not None, b.core.fresh(b.now_us), "two forms of one rule")
            for index in range(3):
                if b.member(index):
                    members += 1
                    self.assertTrue(b.paper.was_member(index, POOL, b.paper.now_ms - 600 - 2, b.paper.now_ms), (seed, index))
        return members

    def test_never_more_than_the_keeper_said(self):
        self.assertGreater(sum(self.play(seed) for seed in range(150)), 5000)


class Names(unittest.TestCase):
    """K29: a host is who its UUID says; a name counts only where SPICE knows nothing else."""

    def view(self, *entries):
        core = reader.Reader(reader.Options())
        request = core.step(0, bytes(16))
        core.on_message(0, wire.Snapshot(request.nonce, 1, 1000, 0, 0, True, [wire.Entry(*e) for e in entries]))
        return core.view(0)

    def test_uuid_decides(self):
        nova, other = stream.key_of(1), stream.key_of(2)
        view = self.view((nova, "cmp-1", POOL, 1, True, 9000, 0, ""))
        self.assertTrue(judge.is_member(view, POOL, str(uuid.UUID(bytes=nova)), "renamed"))
        self.assertFalse(judge.is_member(view, POOL, str(uuid.UUID(bytes=other)), "cmp-1"), "another compute node of the same name")
        self.assertFalse(judge.is_member(view, POOL, None, "cmp-1"))
        self.assertIn("another compute node", judge.refusal(view, judge.Demand("trusted", None), POOL, None, "cmp-1"))

    def test_a_name_counts_when_the_key_was_made_from_it(self):
        view = self.view((reader.name_key("cmp-1"), "cmp-1", POOL, 1, True, 9000, 0, ""))
        any_uuid = str(uuid.UUID(bytes=stream.key_of(5)))
        self.assertTrue(judge.is_member(view, POOL, any_uuid, "cmp-1"))
        for name in ("CMP-1", "cmp-1.example.org", "cmp-1 ", "cmp-1\0", "\u0441mp-1", "", None):
            self.assertFalse(judge.is_member(view, POOL, any_uuid, name), name)
        forged = bytearray(reader.name_key("cmp-9"))
        self.assertFalse(judge.is_member(self.view((bytes(forged), "cmp-1", POOL, 1, True, 9000, 0, "")), POOL, any_uuid, "cmp-1"))

    def test_levels_are_those_of_the_former_filter(self):
        rows = [(1, 1, True, 9000, "trusted"), (2, 2, True, 9000, "trusted"), (3, 3, False, 0, "untrusted"), (4, 0, False, 0, "unknown"),
                (5, 1, False, 0, "unknown"), (6, 1, True, 1000, "unknown")]
        view = self.view(*((stream.key_of(i), "n%d" % i, POOL, tier, member, until, 0, "") for i, tier, member, until, _ in rows))

        def level(view, host_uuid, name):
            return judge.level_of(view.pools.get(POOL, judge.NO_POOL), view.clock_ms, host_uuid, name)
        for i, _, _, _, wanted in rows:
            self.assertEqual(level(view, str(uuid.UUID(bytes=stream.key_of(i))), "n%d" % i), wanted)
        self.assertEqual(level(view, "nobody", "nobody"), "unknown")
        self.assertEqual(level(reader.NOTHING, str(uuid.UUID(bytes=stream.key_of(1))), "n1"), "unknown")


class Flavors(unittest.TestCase):
    def test_what_a_flavor_demands(self):
        self.assertIsNone(judge.demand_of({}))
        self.assertIsNone(judge.demand_of({"trait:CUSTOM_SPICE_TRUSTED": "required", "hw:cpu_policy": "dedicated"}))
        self.assertEqual(judge.demand_of({"trust:trusted_host": "trusted"}), ("trusted", None))
        self.assertEqual(judge.demand_of({"spice:pool": "pci", "trust:trusted_host": "unknown"}), ("unknown", "pci"))

    def test_what_cannot_be_understood_refuses(self):
        for specs in ({"trust:trusted_host": "yes"}, {"trust:trusted_host": ""}, {"trust:trusted_host": "Trusted"}, {"spice:pool": ""},
                      {"spice:pol": "pci"}, {"spice:": "x"}):
            self.assertRaises(judge.BadDemand, judge.demand_of, specs)

    def test_both_keys_must_hold(self):
        core = reader.Reader(reader.Options())
        key = stream.key_of(1)
        core.on_message(0, wire.Snapshot(core.step(0, bytes(16)).nonce, 1, 1000, 0, 0, True, [
            wire.Entry(key, "n1", "trusted", 1, True, 9000, 0, ""), wire.Entry(key, "n1", "pci", 3, False, 0, 0, "")]))
        view, host = core.view(0), (str(uuid.UUID(bytes=key)), "n1")
        for specs, good in (({"trust:trusted_host": "trusted"}, True), ({"spice:pool": "trusted"}, True), ({"spice:pool": "pci"}, False),
                            ({"spice:pool": "nowhere"}, False), ({"trust:trusted_host": "trusted", "spice:pool": "pci"}, False),
                            ({"trust:trusted_host": "untrusted"}, False), ({"trust:trusted_host": "unknown"}, False)):
            self.assertEqual(judge.judge_of(view, judge.demand_of(specs), "trusted")(*host), good, specs)
            self.assertEqual(judge.passes_one(core.believed(0), judge.demand_of(specs), "trusted", *host), good, specs)
        core.lost()
        for level, good in (("trusted", False), ("untrusted", False), ("unknown", True)):
            self.assertEqual(judge.passes_one(core.believed(0), judge.demand_of({"trust:trusted_host": level}), "trusted", *host), good, level)


if __name__ == "__main__":
    unittest.main()
