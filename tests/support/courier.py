# SPDX-License-Identifier: Apache-2.0
"""Follows a real keeper with the keys of a reader principal and hands out its signed frames untouched, as a bridge does. Not a follower itself:
it believes and keeps nothing."""

import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "wire"))
import spice_peer  # noqa: E402
import spice_wire as wire  # noqa: E402


class Courier(spice_peer.Peer):
    def __init__(self, prefix, name="reader-1"):
        super().__init__(prefix, name)
        self.boot = int.from_bytes(os.urandom(7), "big")
        self.turns, self.beat_s, self.next_beat, self.next_hello, self.welcome = 0, 1.0, 0.0, 0.0, False

    def frames(self, seconds):
        """One turn: whatever came within so many seconds, as [(kind, values, frame)], only what the keeper signed."""
        now = time.monotonic()
        self.turns += 1
        if not self.welcome and now >= self.next_hello:
            self.send("Hello", {"boot": self.boot, "software": "courier", "adapters": "", "labels": "", "slots": 0,
                                "topics": 1 << wire.ENUMS["topic"]["trust"]})
            self.next_hello = now + 0.5
        if self.welcome and now >= self.next_beat:
            self.send("Heartbeat", {"progress": self.turns, "backlog": 0})
            self.next_beat = now + self.beat_s / 2
        out = []
        while self.socket.poll(int(seconds * 1000) if not out else 0):
            frame = self.socket.recv()
            envelope = wire.open_envelope(frame)
            message = wire.BY_NUMBER[envelope["type"]]
            values = wire.decode(message.name, envelope["body"])[0]
            if message.name == "Welcome":
                self.welcome, self.beat_s = True, values["heartbeat_ms"] / 1000
            elif message.name == "Refused" or message.name == "Heartbeat":
                self.welcome = self.welcome and message.name == "Heartbeat"  # a broker that was started anew knows us no more
            elif message.auth == "sign":
                out.append((message.name, values, frame))
        return out

    def subscribe(self, nonce):
        self.send("Subscribe", {"boot": self.boot, "nonce": nonce}, dest="keeper")

    def ping(self, nonce, sequence=0):
        self.send("ReaderPing", {"nonce": nonce, "sequence": sequence}, dest="keeper")
