#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A worker written in Python from the model alone takes part in a real fleet: its results are accepted, and its nodes enter the pool."""

import pathlib
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "support"))
from fleet import Failed, Fleet  # noqa: E402
import spice_wire as wire  # noqa: E402
from spice_peer import Worker  # noqa: E402

SECONDS = 180
DEFINITIONS = """kind: profile
name: quick
period: 1s
---
kind: check
name: said
adapter: noop
profile: quick
timeout: 1s
max_age: 5s
---
kind: node
name: python-node
---
kind: pool
name: trusted
mandatory: [said]
hold_down: 1s
"""


def until(worker, what, condition):
    """Turns the worker until the condition holds; asks it now and then, for asking takes a process."""
    end, ask = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        worker.step()
        if time.monotonic() >= ask:
            if condition():
                return
            ask = time.monotonic() + 0.5
    raise Failed("did not happen: %s; accepted %d, refused %s" % (what, worker.accepted, worker.refused))


def main():
    said = {"outcome": "pass"}
    seen = set()

    def run(definition, job):
        seen.add((definition["check"], definition["adapter"], job["node"]))
        return said["outcome"], "said by Python: é"

    with Fleet(workers=1) as fleet:
        fleet.start("broker-1", "keeper", "scheduler")
        worker = Worker(fleet.prefix, "worker-1", "noop", run)
        try:
            until(worker, "the fleet answers", lambda: fleet.ctl("node", "list", "--json", check=False).returncode == 0)
            fleet.apply(DEFINITIONS)
            until(worker, "the node enters", lambda: fleet.member("python-node"))
            row = next(r for r in fleet.json("result", "list") if r["node"] == "python-node")
            assert row["detail"] == "said by Python: é" and row["worker"] == "worker-1", row
            said["outcome"] = "fail"
            until(worker, "the node leaves", lambda: not fleet.member("python-node"))
            assert seen == {("said", "noop", "python-node")}, seen
            until(worker, "results are acknowledged", lambda: worker.accepted >= 2)  # what is visible may be ahead of its acknowledgement
            late = wire.ENUMS["refusal"]["late"]  # a busy machine may be too slow for a question that lives a second or two
            assert set(worker.refused) <= {late}, (worker.accepted, worker.refused)
        finally:
            worker.close()
    print("%d results of a Python worker accepted" % worker.accepted)


if __name__ == "__main__":
    main()
