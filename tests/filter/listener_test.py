#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The thread that feeds the table, with a bus of paper: no RabbitMQ, no oslo, no Nova. Time is a number that the test moves."""

import base64
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

import stream
from spice_nova import judge, listener, reader, wire
from wire_test import DEPLOYMENT, signer

WAIT_S = 30
KEY, PUBLIC = signer()


def sign(message, key=KEY):
    number, body = message
    name = wire.NAMES[number]
    return base64.b64encode(stream.spice_wire.envelope(number, "keeper", "", body, lambda sealed: key.sign(
        stream.spice_wire.covered(name, DEPLOYMENT, sealed)))).decode()


class PaperBus:
    """Answers as a bridge would; `answer` may be replaced to misbehave."""

    def __init__(self, bed, on_frames):
        self.bed, self.on_frames, self.closed = bed, on_frames, False

    def listen(self):
        if self.bed.listen_fails:
            self.bed.listen_fails -= 1
            raise OSError("no bus")

    def close(self):
        self.closed = True

    def ask(self, method, nonce):
        self.bed.asked.append(method)
        return self.bed.answer(method, base64.b64decode(nonce))


class Bed:
    def __init__(self, state_dir=None, **options):
        self.paper, self.asked, self.listen_fails = stream.Paper(nodes=2), [], 0
        self.us, self.answer, self.buses = 4000000, self.honest, []
        self.listener = listener.Listener(wire.Keeper([PUBLIC], DEPLOYMENT.hex()), reader.Options(**options), self.make_bus,
                                          name="host/1", state_dir=state_dir, clock=lambda: self.us)

    def make_bus(self, on_frames):
        self.buses.append(PaperBus(self, on_frames))
        return self.buses[-1]

    def tick(self, ms):
        self.us += ms * 1000
        self.paper.now_ms += ms

    def honest(self, method, nonce):
        messages = self.paper.snapshot(nonce) if method == "snapshot" else [self.paper.beat(nonce)]
        return {"frames": [sign(m) for m in messages]}

    def fanout(self, *frames):
        self.buses[-1].on_frames("bridge-1", list(frames))

    def member(self, index=0):
        return judge.is_member(self.listener.view(), "trusted", str(uuid.UUID(bytes=stream.key_of(index))), "n%d" % index)

    def until(self, what, condition):
        end = time.monotonic() + WAIT_S
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("did not happen: %s; %s" % (what, self.listener.state()))
            time.sleep(0.005)


class ListenerTest(unittest.TestCase):
    def bed(self, **options):
        bed = Bed(**options)
        bed.listener.start()
        self.addCleanup(bed.listener.stop)
        return bed

    def joined(self, **options):
        bed = self.bed(**options)
        bed.until("it follows", lambda: bed.listener.view().fresh)
        bed.fanout(sign(bed.paper.change(0, "trusted", True, 600000)))
        self.assertTrue(bed.member())
        return bed

    def test_follows(self):
        bed = self.joined()
        bed.fanout(sign(bed.paper.change(0, "trusted", False)))
        self.assertFalse(bed.member())

    def test_forged_and_senseless_fanout_changes_nothing_and_raises_nothing(self):
        bed = self.joined()
        forged = sign(bed.paper.make("TrustEvent", boot=bed.paper.boot, sequence=bed.paper.sequence + 1, now_ms=bed.paper.now_ms,
                                     entries=[{**bed.paper.entry((1, "trusted")), "member": True, "until_ms": 10 ** 12, "tier": 1}]), signer(8)[0])
        before = bed.listener.refused
        for frames in ([forged], ["!!"], [None], [1], [{}], "text", None, {"a": 1}, ["A" * (2 << 20)], [forged] * 5000, [""]):
            bed.buses[-1].on_frames(None, frames)
        self.assertGreater(bed.listener.refused, before + 5)
        self.assertTrue(bed.member(0))
        self.assertFalse(bed.member(1))

    def test_a_bridge_that_answers_nonsense_proves_nothing(self):
        old = Bed()
        replay = {"frames": [sign(m) for m in old.paper.snapshot(bytes(16))]}
        for answer in (None, {}, [], {"frames": None}, {"frames": [1]}, {"frames": []}, {"frames": ["zz"]}, replay,
                       {"frames": [sign(old.paper.beat(bytes(16)), signer(8)[0])]}):
            bed = Bed()
            bed.answer = lambda method, nonce, answer=answer: answer
            bed.listener.start()
            bed.until("it asked", lambda bed=bed: bed.asked)
            bed.until("it gave up", lambda bed=bed: bed.listener.state()["state"] == "away")
            self.assertFalse(bed.listener.view().fresh)
            bed.listener.stop()

    def test_a_bridge_that_stops_answering_ends_trust_by_the_clock(self):
        bed = self.joined()
        bed.answer = lambda method, nonce: (_ for _ in ()).throw(TimeoutError("no bridge"))
        bed.tick(5999)
        self.assertTrue(bed.member())
        bed.tick(2)
        self.assertFalse(bed.member(), "though the thread did not even notice")
        bed.answer = bed.honest
        for _ in range(3):
            bed.tick(2000)
            bed.listener._wake.set()
            bed.until("the thread turned", lambda: not bed.listener._wake.is_set())
        bed.until("it comes back", bed.member)

    def test_a_bus_that_cannot_be_reached_is_tried_again_and_closed_each_time(self):
        bed = Bed()
        bed.listen_fails = 2
        bed.listener.start()
        self.addCleanup(bed.listener.stop)
        for _ in range(2):
            bed.until("a try", lambda: bed.listener._bus is None or len(bed.buses) == 3)
            bed.listener._wake.set()
        bed.until("it follows", lambda: bed.listener.view().fresh)
        self.assertEqual([b.closed for b in bed.buses], [True, True, False])

    def test_a_flood_costs_trust_and_not_the_processor(self):
        bed = self.joined()
        frame = sign(bed.paper.event([(1, "trusted")]))
        opened = []
        keeper_open = bed.listener._keeper.open
        bed.listener._keeper.open = lambda f: opened.append(1) or keeper_open(f)
        for _ in range(5):
            bed.fanout(*[frame] * 1000)
        self.assertLessEqual(len(opened), listener.VERIFY_PER_SECOND)

    def test_the_first_wait_is_one_wait(self):
        bed = Bed()
        gate = threading.Event()
        bed.answer = lambda method, nonce: gate.wait(WAIT_S) and bed.honest(method, nonce)
        bed.listener.start()
        self.addCleanup(bed.listener.stop)
        threading.Timer(0.05, gate.set).start()
        self.assertTrue(bed.listener.wait_first(WAIT_S))
        self.assertFalse(bed.listener.wait_first(WAIT_S), "there is nothing to wait for")
        late = Bed()
        late.tick(2001)
        self.assertFalse(late.listener.wait_first(2.0), "its time is over")

    def test_health_is_told_once_each_time(self):
        with self.assertLogs("spice_nova.listener", logging.INFO) as logs:
            bed = self.joined()
            bed.until("told", lambda: any("follows the keeper" in line for line in logs.output))
            bed.answer = lambda method, nonce: None
            bed.tick(6001)
            bed.until("told", lambda: any("no proof any more" in line for line in logs.output))
            for _ in range(5):
                bed.tick(500)
                bed.listener._wake.set()
                bed.until("the thread turned", lambda: not bed.listener._wake.is_set())
        texts = [line.split(":", 2)[2] for line in logs.output]
        self.assertEqual(len(texts), 3, texts)
        self.assertIn("starts in process", texts[0])

    def test_state_dump(self):
        with tempfile.TemporaryDirectory() as folder:
            gone = subprocess.Popen([sys.executable, "-c", ""])
            gone.wait()
            stale = pathlib.Path(folder, listener.dump_name("host/1", gone.pid))
            other = pathlib.Path(folder, listener.dump_name("host/2", gone.pid))
            for path in (stale, other):
                path.write_text("{}")
            bed = self.joined(state_dir=folder)
            path = pathlib.Path(folder, "spice-filter-host_1-%d.json" % os.getpid())
            bed.until("it is written", lambda: path.exists() and json.loads(path.read_text())["following"])
            state = json.loads(path.read_text())
            self.assertEqual((state["pid"], state["pools"]["trusted"]["nodes"]), (os.getpid(), 2))
            self.assertFalse(stale.exists())
            self.assertTrue(other.exists(), "another host's")
            self.assertEqual(sorted(p.name for p in pathlib.Path(folder).iterdir()), sorted((path.name, other.name)))

    def test_a_folder_that_cannot_be_written_harms_nobody(self):
        bed = self.joined(state_dir="/proc/nowhere")
        bed.until("it was told", lambda: "nowhere" in bed.listener.last_error)
        self.assertTrue(bed.member())


if __name__ == "__main__":
    unittest.main()
