#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for spice-bridge's trust road: a courier between a real keeper and the real oslo.messaging library (decision 040).

    bridge_double.py --prefix SPICE_PREFIX --principal reader-1 --url rabbit://...

It spreads the keeper's events and the beats that answer its own questions, and answers snapshot(nonce) and beat(nonce). Lines on standard input
make it misbehave, for the tests of the filter; each is answered with a line:
    hold      events are kept back          release   and let go       drop      events are lost from now on
    deaf      no answers                    honest    back to normal   replay    every former event and beat once more
    slow      snapshots come after seconds
    forge     an event of our own making, signed by nobody we know"""

import argparse
import base64
import os
import pathlib
import queue
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import courier  # noqa: E402
import oslo_messaging  # noqa: E402
import spice_wire as wire  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from oslo_config import cfg  # noqa: E402

ANSWER_S = 10.0
BEAT_S = 1.0
SLOW_S = 5.0  # longer than the filter of the tests waits without a sign


class Question:
    def __init__(self, kind, nonce):
        self.kind, self.nonce, self.frames, self.done = kind, nonce, [], threading.Event()


class Endpoint:
    target = oslo_messaging.Target(namespace="trust", version="1.0")

    def __init__(self, double):
        self.double = double

    def snapshot(self, ctxt, nonce):
        return self.double.ask("Snapshot", nonce)

    def beat(self, ctxt, nonce):
        return self.double.ask("TrustBeat", nonce)


class Double:
    def __init__(self, options):
        self.name = options.name
        self.courier = courier.Courier(options.prefix, options.principal)
        conf = cfg.CONF
        conf([])
        conf.set_override("kombu_reconnect_delay", 0.2, group="oslo_messaging_rabbit") if "oslo_messaging_rabbit" in conf else None
        transport = oslo_messaging.get_rpc_transport(conf, url=options.url)
        self.server = oslo_messaging.get_rpc_server(transport, oslo_messaging.Target(exchange="spice", topic="spice", server=options.name),
                                                    [Endpoint(self)], executor="threading")
        self.fanout = oslo_messaging.RPCClient(transport, oslo_messaging.Target(
            exchange="spice", topic="spice_trust", fanout=True, namespace="trust", version="1.0"), _manual_load=False)
        self.questions, self.orders, self.outbox = queue.Queue(), queue.Queue(), queue.Queue(4096)
        self.mode, self.past, self.held, self.open, self.snapshots = "honest", [], [], [], []

    def ask(self, kind, nonce):
        question = Question(kind, base64.b64decode(nonce, validate=True))
        self.questions.put(question)
        if self.mode == "deaf" or not question.done.wait(ANSWER_S):
            raise TimeoutError("no answer of the keeper")
        if self.mode == "slow" and kind == "Snapshot":
            time.sleep(SLOW_S)  # what a large one takes; the library's server gives signs of life meanwhile
        return {"frames": question.frames}

    def spread(self, frames):
        with_room = not self.outbox.full()
        if frames and with_room:
            self.outbox.put(frames)

    def publish(self):
        """A thread: publishing may wait for the bus as long as it likes."""
        while True:
            frames = self.outbox.get()
            try:
                self.fanout.cast({}, "frames", bridge=self.name, frames=frames)
            except Exception as error:
                print("not published: %r" % error, file=sys.stderr, flush=True)

    def order(self, word):
        if word == "release":
            self.spread(self.held)
        elif word == "replay":
            for frame in self.past:
                self.spread([frame])
        elif word == "forge":
            key = Ed25519PrivateKey.generate()
            entries = [{"key": os.urandom(16), "node": "cmp-%d" % i, "pool": "trusted", "tier": 1, "member": True, "until_ms": 2 ** 40,
                        "since_ms": 0, "why": ""} for i in range(1, 9)]
            body = wire.encode("TrustEvent", {"boot": 1, "sequence": 1, "now_ms": 1, "entries": entries})
            frame = wire.envelope(wire.MESSAGES["TrustEvent"].number, "keeper", "", body,
                                  lambda sealed: key.sign(wire.covered("TrustEvent", self.courier.deployment, sealed)))
            self.spread([base64.b64encode(frame).decode(), "no base64", "", base64.b64encode(b"\xc1").decode()])
        if word in ("release", "honest"):
            self.mode, self.held = "honest", []
        elif word in ("hold", "drop", "deaf", "slow"):
            self.mode = word
        print(word, flush=True)

    def take(self, kind, values, frame):
        text = base64.b64encode(frame).decode()
        if kind == "TrustEvent":
            self.past = (self.past + [text])[-200:]
            if self.mode == "hold":
                self.held.append(text)
            elif self.mode != "drop":
                self.spread([text])
        for question in [q for q in self.open if q.kind == kind and q.nonce == values["nonce"]] if "nonce" in values else []:
            question.frames.append(text)
            if kind == "TrustBeat" or values["last"]:
                self.open.remove(question)
                question.done.set()
        if kind == "TrustBeat" and values["nonce"] == self.own_nonce:
            self.past = (self.past + [text])[-200:]
            if self.mode in ("honest", "hold"):
                self.spread([text])

    def run(self):
        self.server.start()
        threading.Thread(target=self.publish, daemon=True).start()
        threading.Thread(target=lambda: [self.orders.put(line.strip()) for line in sys.stdin], daemon=True).start()
        self.own_nonce, next_beat, asked = b"", 0.0, 0.0
        print("ready", flush=True)
        while True:
            for got in self.courier.frames(0.005):
                self.take(*got)
            while not self.orders.empty():
                self.order(self.orders.get())
            now = time.monotonic()
            if now >= next_beat and self.courier.welcome:
                self.own_nonce, next_beat = os.urandom(16), now + BEAT_S
                self.courier.ping(self.own_nonce)
            while not self.questions.empty():
                self.snapshots.append(self.questions.get()) if self.questions.queue[0].kind == "Snapshot" else self.ping(self.questions.get())
            waiting = [q for q in self.open if q.kind == "Snapshot"]
            if waiting and now - asked > 2.0:  # the keeper never got it, or never will answer
                self.open.remove(waiting[0])
            elif not waiting and self.snapshots and self.courier.welcome:  # one at a time: the keeper knows one per principal
                question, asked = self.snapshots.pop(0), now
                self.open.append(question)
                self.courier.subscribe(question.nonce)

    def ping(self, question):
        self.open = self.open[-1000:] + [question]
        self.courier.ping(question.nonce)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--principal", default="reader-1")
    parser.add_argument("--url", required=True)
    parser.add_argument("--name", default="bridge-double")
    Double(parser.parse_args()).run()


if __name__ == "__main__":
    main()
