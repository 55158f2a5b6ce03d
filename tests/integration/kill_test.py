#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of broker, scheduler, keeper and workers in turn under load, while what the checks say changes.

The truth is kept here, apart from SPICE: a node is bad from the moment its file says fail until it says pass again. Then
  - a node is never read as a member later than the reference forbids: bad for longer than the maximum age of its check;
  - every result the keeper acknowledged is still there: job numbers and history only grow over restarts;
  - when the killing ends, the pool agrees with the truth.
SPICE_KILL_SECONDS sets how long (default 20; 300 for the long run).
"""
import json
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import Failed, Fleet, wait  # noqa: E402

SECONDS = float(os.environ.get("SPICE_KILL_SECONDS", "20"))
NODES = 8
MAX_AGE = 6.0
SEED = int(os.environ.get("SPICE_SEED", str(random.randrange(1 << 30))))


def definitions(fleet):
    plugin = fleet.prefix / "check_said"
    plugin.write_text('#!/bin/sh\nread -r said <"$1"\n[ "$said" = pass ] && { echo "OK"; exit 0; }\necho "BAD"\nexit 2\n')
    plugin.chmod(0o755)
    fleet.prefix.chmod(0o755)
    fleet.ctl("manifest", "sign", plugin)
    truth = fleet.prefix / "truth"
    truth.mkdir()
    text = ["kind: profile\nname: quick\nperiod: 1s\n"]
    text.append(f'kind: check\nname: said\nadapter: exec\nparams: {{plugin: check_said, args: ["{truth}/{{node}}"]}}\nprofile: quick\n'
                f"timeout: 1s\nmax_age: {MAX_AGE:.0f}s\n")
    for i in range(20):  # load
        text.append(f"kind: check\nname: load-{i}\nadapter: noop\nprofile: quick\ntimeout: 1s\nmax_age: 10s\n")
    for i in range(NODES):
        (truth / f"n{i}").write_text("pass\n")
        text.append(f"kind: node\nname: n{i}\n")
    text.append("kind: pool\nname: trusted\nmandatory: [said]\nhold_down: 1s\n")
    fleet.apply("---\n".join(text))
    return truth


def accepted_jobs(fleet):
    """Newest durable job of each (node, check)."""
    rows = fleet.json("result", "list", "--limit", "1000")
    return {(r["node"], r["check"]): tuple(int(x) for x in r["job"].split("-")) for r in rows}


def main():
    print(f"seed {SEED}; again: SPICE_SEED={SEED} tests/integration/kill_test.py")
    chance = random.Random(SEED)
    with Fleet(workers=2) as fleet:
        fleet.start().ready()
        truth = definitions(fleet)
        bad_since = {}
        for i in range(NODES):
            fleet.wait_member(f"n{i}", True)
        end = time.monotonic() + SECONDS
        names = ["broker-1", "scheduler", "keeper", "worker-1", "worker-2"]
        turn = kills = reads = trusted = 0
        jobs = accepted_jobs(fleet)
        next_kill = 0.0
        while time.monotonic() < end:
            if chance.random() < 0.3:
                node = f"n{chance.randrange(NODES)}"
                if node in bad_since:
                    (truth / node).write_text("pass\n")
                    del bad_since[node]
                else:
                    (truth / node).write_text("fail\n")
                    bad_since[node] = time.monotonic()
            if time.monotonic() >= next_kill:
                fleet.restart(names[turn % len(names)])
                turn += 1
                kills += 1
                next_kill = time.monotonic() + 1.0
            done = fleet.ctl("--json", "--timeout", "1s", "node", "list", check=False)
            asked = time.monotonic()
            if done.returncode != 0:
                continue
            reads += 1
            for row in json.loads(done.stdout):
                since = bad_since.get(row["name"])
                trusted += row["pools"]["trusted"]["member"]
                if row["pools"]["trusted"]["member"] and since is not None and asked - since > MAX_AGE + 1.5:
                    raise Failed(f"{row['name']} is read as trusted {asked - since:.1f} s after it went bad: {row}")
        fleet.ready()
        for i in range(NODES):
            fleet.wait_member(f"n{i}", f"n{i}" not in bad_since, seconds=60)
        after = accepted_jobs(fleet)
        lost = {k: (v, after.get(k)) for k, v in jobs.items() if after.get(k, (0, 0)) < v}
        if lost:
            raise Failed(f"acknowledged results are gone: {lost}")
        if json.loads(fleet.ctl("--json", "audit", "verify").stdout)["ok"] is not True:
            raise Failed("the audit chain does not verify")
        if reads < kills or kills < SECONDS / 3 or trusted == 0:
            raise Failed(f"too little was seen: {reads} reads, {trusted} of trusted nodes, {kills} kills")
        print(f"{kills} kills, {reads} reads, {trusted} times trusted, {len(after)} pairs, nothing lost, nothing trusted that the reference forbids")


main()
