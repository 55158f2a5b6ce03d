#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A worker and a broker that holds the broker's key and keeps to no rule. A job whose node, address, checkpoint or timeout it changed, for
instance to the address of a clean machine, is not run (K16, SI-1); with a changed ticket the keeper's seal no longer fits (unit tests)."""

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
from spice_peer import TICKET_SUBJECT, subject  # noqa: E402

SECONDS = 180
ROUTE = {"adapter": "noop", "labels": ""}
CHANGES = [{"address": "192.0.2.9"}, {"address": ""}, {"node": "node-2"}, {"checkpoint": b"is"}, {"timeout_ms": 999},
           {"node": "node-1192.0.2.1", "address": ""}]


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
        self.results, self.returned = [], set()

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
            self.send(self.frame("scheduler", "Definition", {"digest": hashlib.sha256(self.body).digest(), "body": self.body}, self.scheduler))
        elif name == "JobReturn":
            self.returned |= {job["job"] for job in wire.decode(name, e["body"])[0]["jobs"]}
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
        """A job as the scheduler makes it; the seal is not of interest here, a worker cannot look at it."""
        job = {"timeout_ms": 1000, "node": "node-1", "address": address, "checkpoint": b"was"}
        ticket = bytearray(160)
        ticket[0] = 1
        ticket[24] = number
        ticket[64:96] = hashlib.sha256(self.body).digest()
        ticket[TICKET_SUBJECT] = subject(job)
        job["ticket"] = bytes(ticket)
        return job["ticket"], job

    def give(self, *jobs):
        self.send(self.frame("scheduler", "JobBatch", {"route": ROUTE, "expires_ms": 60000, "jobs": list(jobs)}))


def main():
    with Fleet(workers=1) as fleet:
        broker = HostileBroker(fleet.prefix)
        try:
            fleet.start("worker-1")
            broker.define("{}")
            broker.until("the worker says Hello", lambda: broker.worker is not None)
            first, job = broker.job(1, "192.0.2.1")
            broker.give(job)
            broker.until("a job that fits its ticket is run", lambda: first in broker.results)

            bent = []
            for number, change in enumerate(CHANGES, start=2):
                ticket, job = broker.job(number, "192.0.2.1")
                bent.append(ticket)
                broker.give({**job, **change})
            last, job = broker.job(99, "192.0.2.1")
            broker.give(job)
            broker.until("the worker goes on with what is good", lambda: last in broker.results)
            broker.until("what was changed goes back", lambda: broker.returned >= set(range(2, 2 + len(CHANGES))))
            assert not set(bent) & set(broker.results), "a job that is not what its ticket was made for was run"
        finally:
            broker.close()
    print("changed node, address, checkpoint, timeout: none was run")


if __name__ == "__main__":
    main()
