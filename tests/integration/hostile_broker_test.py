#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A worker and a broker that holds the broker's key and keeps to no rule. What the scheduler signed is run as it was signed: a job that the
broker made, or whose node address it changed to that of a clean machine, is not run (K16, SI-1)."""

import pathlib
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "wire"))
sys.path.insert(0, str(HERE.parent / "support"))
import hashlib  # noqa: E402
import time  # noqa: E402

import yaml  # noqa: E402
import zmq  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from fleet import Failed, Fleet  # noqa: E402
import spice_wire as wire  # noqa: E402

SECONDS = 180
ROUTE = {"adapter": "noop", "labels": ""}


class HostileBroker:
    """The broker's place, with the keys of everybody at hand; what it may sign as whom is the test's choice."""

    def __init__(self, prefix):
        self.prefix, self.sequence = pathlib.Path(prefix), 0
        config = yaml.safe_load((self.prefix / "etc/spice.yaml").read_text())
        self.deployment = bytes.fromhex(config["deployment"])
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.linger = 0
        keys = self.keys("broker-1")
        self.socket.curve_server = True
        self.socket.curve_publickey, self.socket.curve_secretkey = keys["curve_public"].encode(), keys["curve_secret"].encode()
        scheme, path = config["brokers"][0]["endpoints"][0].split("://", 1)
        self.socket.bind(scheme + "://" + (path if path.startswith("/") else str(self.prefix / path)))
        self.scheduler = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self.keys("scheduler")["sign_seed"]))
        self.worker = None
        self.results, self.gets = [], 0

    def keys(self, name):
        lines = (self.prefix / "keys" / (name + ".key")).read_text().splitlines()
        return dict(line.split(": ", 1) for line in lines if ": " in line and not line.startswith("#"))

    def close(self):
        self.socket.close()
        self.context.term()

    def frame(self, sender, kind, values, signer=None):
        """As the model says, but for the signature: without a signer it is zeros."""
        message = wire.MESSAGES[kind]
        self.sequence += 1
        return wire.envelope(message.number, sender, "", wire.encode(kind, values), sequence=self.sequence, auth=lambda sealed:
                             bytes(wire.AUTH_BYTES[message.auth]) if signer is None or message.auth != "sign" else
                             signer.sign(wire.covered(kind, self.deployment, sealed)))

    def send(self, frame):
        self.socket.send_multipart([self.worker, frame])

    def turn(self):
        if not self.socket.poll(100):
            return
        self.worker, frame = self.socket.recv_multipart()
        e = wire.open_envelope(frame)
        name = wire.BY_NUMBER[e["type"]].name
        if name == "Hello":
            self.send(self.frame("broker-1", "Welcome", {"boot": 7, "heartbeat_ms": 1000}))
        elif name == "Heartbeat":
            self.send(self.frame("broker-1", "Heartbeat", {"progress": self.sequence, "backlog": 0}))
        elif name == "DefinitionGet":
            self.gets += 1
            self.send(self.frame("scheduler", "Definition", {"digest": hashlib.sha256(self.body).digest(), "body": self.body}, self.scheduler))
        elif name == "ResultBatch":
            batch = wire.decode(name, e["body"])[0]
            self.results += [r["ticket"] for r in batch["results"]]
            self.send(self.frame("keeper", "ResultAck", {"boot": batch["boot"], "batch": batch["batch"], "accepted": len(batch["results"]),
                                                         "refused": []}))

    def until(self, what, condition):
        end = time.monotonic() + SECONDS
        while not condition():
            self.turn()
            if time.monotonic() > end:
                raise Failed("did not happen: %s; results %d" % (what, len(self.results)))

    def define(self, params):
        self.body = wire.encode("DefinitionBody", {"check": "said", "revision": 1, "adapter": "noop", "params": params, "timeout_ms": 1000})

    def job(self, number, address):
        ticket = bytearray(144)
        ticket[0] = 1
        ticket[24] = number
        ticket[64:96] = hashlib.sha256(self.body).digest()
        return bytes(ticket), {"route": ROUTE, "expires_ms": 60000, "jobs": [
            {"ticket": bytes(ticket), "timeout_ms": 1000, "node": "node-1", "address": address, "checkpoint": b""}]}


def main():
    with Fleet(workers=1) as fleet:
        broker = HostileBroker(fleet.prefix)
        try:
            fleet.start("worker-1")
            broker.define("{}")
            broker.until("the worker says Hello", lambda: broker.worker is not None)
            first, values = broker.job(1, "192.0.2.1")
            signed = broker.frame("scheduler", "JobBatch", values, broker.scheduler)
            broker.send(signed)
            broker.until("what the scheduler signed is run", lambda: first in broker.results)

            moved, values = broker.job(2, "192.0.2.1")
            signed = broker.frame("scheduler", "JobBatch", values, broker.scheduler)
            assert signed.count(b"192.0.2.1") == 1
            broker.send(signed.replace(b"192.0.2.1", b"192.0.2.9"))  # same ticket, same length, a cleaner machine
            made, values = broker.job(3, "192.0.2.9")
            broker.send(broker.frame("scheduler", "JobBatch", values))
            own = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(broker.keys("broker-1")["sign_seed"]))
            other, values = broker.job(4, "192.0.2.9")
            broker.send(broker.frame("scheduler", "JobBatch", values, own))

            last, values = broker.job(5, "192.0.2.1")
            broker.send(broker.frame("scheduler", "JobBatch", values, broker.scheduler))
            broker.until("the worker goes on with what is good", lambda: last in broker.results)
            assert not {moved, made, other} & set(broker.results), "a job that the scheduler did not sign was run"
        finally:
            broker.close()
    print("a broker's own jobs and changed addresses: none was run")


if __name__ == "__main__":
    main()
