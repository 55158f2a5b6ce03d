#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A pass that was over stays over: neither a longer maximum age nor a keeper that starts again from its store brings it back, only a new pass."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Fleet, wait  # noqa: E402

DEFINITIONS = """kind: profile
name: seldom
period: 1h
---
kind: check
name: once
adapter: noop
profile: seldom
timeout: 5s
max_age: %s
allow_short_life: true
---
kind: node
name: n1
---
kind: pool
name: trusted
mandatory: [once]
"""
NEWER = """---
kind: check
name: newer
adapter: noop
profile: seldom
timeout: 5s
max_age: 3h
---
kind: pool
name: other
mandatory: [newer]
"""


def out(fleet):
    """n1 has shown that it is not in the pool, though the keeper knows the newest definitions."""
    fleet.wait_member("n1", True, "other")
    node = fleet.node("n1")
    assert not node["pools"]["trusted"]["member"], node


def main():
    with Fleet(workers=1) as fleet:
        fleet.start("broker-1", "keeper", "scheduler", "worker-1").ready()
        fleet.apply(DEFINITIONS % "6s")
        wait("its only pass was over", lambda: [r for r in fleet.json("result", "list") if r["check"] == "once" and r["remaining_ms"] == 0], 60)
        fleet.wait_member("n1", False)
        fleet.apply(DEFINITIONS % "3h" + NEWER)
        out(fleet)
        fleet.kill("keeper")
        fleet.start("keeper").ready()
        out(fleet)
        fleet.ctl("check", "run", "once", "n1", "--wait")
        fleet.wait_member("n1", True)
        print("ok")


if __name__ == "__main__":
    main()
