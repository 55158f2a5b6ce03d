# SPDX-License-Identifier: Apache-2.0
"""A peer of a real broker in Python, from the model alone: DEALER with CURVE, signed messages, and a worker that takes jobs and answers.

Keys are read from the prefix that `spicectl init` made."""

import hashlib
import hmac
import struct
import os
import pathlib
import time

import yaml
import zmq
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

import spice_wire as wire

CREDIT = 512
TICKET_DIGEST = slice(64, 96)  # schemas/sp_ticket.h
TICKET_SUBJECT = slice(128, 144)


def subject(job):
    """What binds a job to its ticket: a worker runs no job that does not fit."""
    parts = [job["node"].encode(), job["address"].encode(), job["checkpoint"]]
    sealed = b"".join(struct.pack("<H", len(part)) + part for part in parts) + struct.pack("<I", job["timeout_ms"])
    return hashlib.sha256(sealed).digest()[:16]


class Peer:
    def __init__(self, prefix, name, broker=0):
        self.prefix, self.name, self.sequence = pathlib.Path(prefix), name, 0
        config = yaml.safe_load((self.prefix / "etc/spice.yaml").read_text())
        self.deployment = bytes.fromhex(config["deployment"])
        rows = yaml.safe_load((self.prefix / "etc/principals.yaml").read_text())["principals"]
        self.principals = {row["name"]: row for row in rows}
        keys = dict(line.split(": ", 1) for line in (self.prefix / "keys" / (name + ".key")).read_text().splitlines()
                    if ": " in line and not line.startswith("#"))
        self.seed = bytes.fromhex(keys["sign_seed"])
        self.signer = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.maxmsgsize = wire.FRAME_BYTES_MAX
        self.socket.curve_publickey = keys["curve_public"].encode()
        self.socket.curve_secretkey = keys["curve_secret"].encode()
        broker = config["brokers"][broker]
        self.socket.curve_serverkey = self.principals[broker["name"]]["curve"].encode()
        scheme, path = broker["endpoints"][0].split("://", 1)
        if scheme == "ipc" and not os.path.isabs(path):
            path = str(self.prefix / path)
        self.socket.connect(scheme + "://" + path)

    def close(self):
        self.socket.close()
        self.context.term()

    def send(self, kind, values, dest=""):
        """Returns the sequence of the message. Not `mac`: this peer has no core key. `pair` to somebody unknown is sealed with nonsense."""
        message = wire.MESSAGES[kind]
        self.sequence += 1

        def auth(sealed):
            if message.auth == "none":
                return b""
            if message.auth == "pair":
                return self.pair_mac(dest, wire.covered(kind, self.deployment, sealed))
            return self.signer.sign(wire.covered(kind, self.deployment, sealed))
        self.socket.send(wire.envelope(message.number, self.name, dest, wire.encode(kind, values), auth, sequence=self.sequence))
        return self.sequence

    def pair_mac(self, other, covered):
        if other not in self.principals:
            return bytes(32)
        return hmac.new(wire.agreed(self.seed, bytes.fromhex(self.principals[other]["sign"])), covered, "sha256").digest()

    def receive(self, seconds):
        """(kind, values, envelope) of the next message, verified; None when there is none in time."""
        if not self.socket.poll(int(seconds * 1000)):
            return None
        e = wire.open_envelope(self.socket.recv())
        message = wire.BY_NUMBER[e["type"]]
        principal = self.principals[e["sender"]]
        if principal["role"] not in message.senders or len(e["auth"]) != wire.AUTH_BYTES[message.auth]:
            raise wire.WireError("%s may not send %s so" % (e["sender"], message.name))
        if message.auth == "sign":
            try:
                Ed25519PublicKey.from_public_bytes(bytes.fromhex(principal["sign"])).verify(
                    e["auth"], wire.covered(message.name, self.deployment, e["sealed"]))
            except InvalidSignature:
                raise wire.WireError("signature of %s does not verify" % message.name) from None
        if message.auth == "pair" and not hmac.compare_digest(e["auth"], self.pair_mac(e["sender"], wire.covered(message.name, self.deployment, e["sealed"]))):
            raise wire.WireError("MAC of %s does not verify" % message.name)
        return message.name, wire.decode(message.name, e["body"])[0], e


class Worker(Peer):
    """Takes jobs of one adapter; run(definition, job) gives (outcome, detail) for each. Definitions are fetched and checked by digest."""

    def __init__(self, prefix, name, adapter, run):
        super().__init__(prefix, name)
        self.run, self.boot, self.batch = run, int.from_bytes(os.urandom(7), "big"), 0
        self.definitions, self.waiting, self.granted = {}, {}, 0
        self.accepted, self.refused, self.heartbeat, self.turns = 0, [], 1.0, 0
        self.send("Hello", {"boot": self.boot, "software": "python", "adapters": adapter, "labels": "", "slots": CREDIT, "topics": 0})

    def step(self, seconds=0.1):
        """One turn: life sign, and whatever has come."""
        self.turns += 1
        if self.granted and time.monotonic() >= self.next_beat:
            self.send("Heartbeat", {"progress": self.turns, "backlog": len(self.waiting)})
            self.next_beat = time.monotonic() + self.heartbeat / 2
        got = self.receive(seconds)
        if got:
            getattr(self, "on_" + got[0], self.ignore)(got[1])

    def ignore(self, values):
        pass

    def on_Welcome(self, values):
        self.heartbeat = values["heartbeat_ms"] / 1000
        self.next_beat = 0
        self.granted = CREDIT
        self.send("Credit", {"granted": self.granted})

    def on_JobBatch(self, values):
        for job in values["jobs"]:
            assert job["ticket"][TICKET_SUBJECT] == subject(job)
            digest = job["ticket"][TICKET_DIGEST]
            if digest not in self.definitions and digest not in self.waiting:
                self.send("DefinitionGet", {"digest": digest})
            self.waiting.setdefault(digest, []).append(job)
        self.answer()

    def on_Definition(self, values):
        if hashlib.sha256(values["body"]).digest() == values["digest"]:
            self.definitions[values["digest"]] = wire.decode("DefinitionBody", values["body"])[0]
        self.answer()

    def answer(self):
        results = []
        for digest in [d for d in self.waiting if d in self.definitions]:
            for job in self.waiting.pop(digest):
                outcome, detail = self.run(self.definitions[digest], job)
                results.append({"ticket": job["ticket"], "outcome": wire.ENUMS["outcome"][outcome], "reason": wire.ENUMS["reason"]["ok"],
                                "detail": detail, "measures": "", "evidence": b"", "checkpoint": b"", "trace": 0, "wait_us": 0, "run_us": 1, "instance": 0})
        if results:
            self.batch += 1
            self.send("ResultBatch", {"boot": self.boot, "batch": self.batch, "results": results}, dest="keeper")
            self.granted += len(results)
            self.send("Credit", {"granted": self.granted})

    def on_ResultAck(self, values):
        self.accepted += values["accepted"]
        self.refused += [r["code"] for r in values["refused"]]
