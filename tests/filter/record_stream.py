#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Records what a real keeper says to a follower: a join, a node that enters and leaves, beats, a restart of the keeper. Writes keeper_stream.json,
which wire_test.py plays to the reader in Python. Run it again when the messages change."""

import base64
import json
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "support"))
from courier import Courier  # noqa: E402
from fleet import Fleet, wait  # noqa: E402

OUTCOME = """kind: profile
name: quick
period: 1s
---
kind: check
name: said
adapter: noop
params: {outcome: %s}
profile: quick
timeout: 1s
max_age: 600s
---
kind: node
name: cmp-1
---
kind: node
name: cmp-2
labels: {said: "no"}
---
kind: pool
name: trusted
mandatory: [said]
hold_down: 1s
"""


class Recorder:
    def __init__(self, fleet):
        self.fleet, self.courier, self.steps = fleet, Courier(fleet.prefix), []
        self.held = []

    def step(self, what, ask=None, seconds=20.0, until=None):
        """One step: a question if any, and what came until the condition holds; then who is a member, as the keeper itself says."""
        nonce, at_us = os.urandom(16), time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        if ask:
            {"snapshot": self.courier.subscribe, "beat": self.courier.ping}[ask](nonce)
        frames, self.held, done = self.held, [], False
        end = time.monotonic() + seconds
        while not done and time.monotonic() < end:
            for kind, values, frame in self.courier.frames(0.05):
                done = done or until(kind, values, nonce)
                (self.held if done and not until(kind, values, nonce) else frames).append(frame)
        assert done, what
        self.steps.append({"what": what, "ask": ask, "nonce": nonce.hex(), "at_us": at_us,
                           "heard_us": time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000,
                           "frames": [base64.b64encode(f).decode() for f in frames]})

    def note(self, members):
        self.steps[-1]["members"] = members


def says(member):
    return lambda kind, values, nonce: kind == "TrustEvent" and any(e["node"] == "cmp-1" and e["member"] == member for e in values["entries"])


def snapshot_ends(kind, values, nonce):
    return kind == "Snapshot" and values["nonce"] == nonce and values["last"]


def beats(kind, values, nonce):
    return kind == "TrustBeat" and values["nonce"] == nonce


def main():
    with Fleet(workers=1) as fleet:
        fleet.start().ready()
        fleet.apply(OUTCOME % "error")
        r = Recorder(fleet)
        wait("the broker welcomes the courier", lambda: r.courier.frames(0.1) or r.courier.welcome)
        r.step("join", "snapshot", until=snapshot_ends)
        r.note({"cmp-1": False})
        fleet.apply(OUTCOME % "pass")
        r.step("the node enters", until=says(True))
        r.note({"cmp-1": True})
        r.step("a beat", "beat", until=beats)
        r.note({"cmp-1": True})
        fleet.apply(OUTCOME % "fail")
        r.step("the node leaves", until=says(False))
        r.note({"cmp-1": False})
        r.step("a last beat", "beat", until=beats)
        r.note({"cmp-1": False})
        out = {"keeper_key": r.courier.principals["keeper"]["sign"], "deployment": r.courier.deployment.hex(), "steps": r.steps}
        r.courier.close()
    (HERE / "keeper_stream.json").write_text(json.dumps(out, indent=1) + "\n")
    print("%d steps, %d frames" % (len(r.steps), sum(len(s["frames"]) for s in r.steps)))


if __name__ == "__main__":
    main()
