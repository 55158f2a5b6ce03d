#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of broker, scheduler, keeper and workers in turn under load, while what the checks say changes.

The truth is kept here, apart from SPICE:
  - a node is bad from the moment its file says fail until it says pass again. Whatever said pass about it was asked for before that moment,
    so nobody may read it as a member once the maximum age of its check has passed since;
  - one worker is this program: it writes down every result it gave and every acknowledgement it got. In the end the keeper's history holds
    each acknowledged one (none lost), and no more than were given (none doubled);
  - when the killing ends, the pool agrees with the truth, and the audit chain verifies.
SPICE_KILL_SECONDS sets how long (default 20; 300 for the long run), SPICE_KILL_LOAD how many no-op checks a second each of the 8 nodes has
beside the checks that are judged (default 20; 1000 is what two cores can do while everything is killed once a second)."""
import json
import os
import pathlib
import random
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
sys.path.insert(0, str(HERE.parent / "wire"))
from fleet import Failed, Fleet, wait  # noqa: E402
import spice_wire as wire  # noqa: E402
from spice_peer import Worker  # noqa: E402

SECONDS = float(os.environ.get("SPICE_KILL_SECONDS", "20"))
LOAD = int(os.environ.get("SPICE_KILL_LOAD", "20"))
NODES = 8
MAX_AGE = 6.0
ROUNDING = 0.1  # of milliseconds on the way, and the keeper's clock against ours
SEED = int(os.environ.get("SPICE_SEED", str(random.randrange(1 << 30))))
JOB = slice(24, 32)  # schemas/sp_ticket.h
AGAIN_S = 1.0


class Counting(Worker):
    """The only worker for one adapter; keeps the books of what it gave and what was acknowledged, and says again what was not."""

    def __init__(self, prefix, name):
        self.given, self.acked, self.open = {}, {}, {}
        self.lock, self.ends = threading.Lock(), False
        super().__init__(prefix, name, "http", self.judge)

    def judge(self, definition, job):
        key = (job["node"], definition["check"])
        number = int.from_bytes(job["ticket"][JOB], "little")
        with self.lock:
            self.given.setdefault(key, set()).add(number)
        return ("pass" if number % 3 else "fail"), "counted"

    def send(self, kind, values, dest=""):
        if kind == "ResultBatch" and values["batch"] not in self.open:
            rows = []
            for r in values["results"]:
                number = int.from_bytes(r["ticket"][JOB], "little")
                rows.append(next((key, number) for key, jobs in self.given.items() if number in jobs))
            self.open[values["batch"]] = [time.monotonic(), values, rows]
        return super().send(kind, values, dest)

    def on_Refused(self, values):
        if values["code"] == wire.ENUMS["refusal"]["not_ready"] and values["type"] != wire.MESSAGES["Hello"].number:
            self.greet()

    def greet(self):
        self.granted = 0
        super().send("Hello", {"boot": self.boot, "software": "python", "adapters": "http", "labels": "", "slots": 64, "topics": 0})

    def on_ResultAck(self, values):
        super().on_ResultAck(values)
        batch = self.open.pop(values["batch"], None)
        if batch is None or values["boot"] != self.boot:
            return
        refused = {r["index"] for r in values["refused"]}
        with self.lock:
            for i, (key, number) in enumerate(batch[2]):
                if i not in refused:
                    self.acked.setdefault(key, set()).add(number)

    def turn(self):
        last = time.monotonic()
        while not self.ends:
            self.step(0.05)
            now = time.monotonic()
            for batch in list(self.open.values()):
                if now - batch[0] > AGAIN_S:
                    batch[0] = now
                    self.send("ResultBatch", batch[1], dest="keeper")
            if now - last > 2:  # a broker that was killed knows nothing of us, and may have no reason to say so
                last = now
                if not self.granted:
                    self.greet()


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
    text.append("kind: check\nname: counted\nadapter: http\nparams: {url: \"http://127.0.0.1:9/\"}\nprofile: quick\ntimeout: 1s\nmax_age: 10s\n")
    for i in range(LOAD):
        text.append(f"kind: check\nname: load-{i}\nadapter: noop\nprofile: quick\ntimeout: 1s\nmax_age: 10s\n")
    for i in range(NODES):
        say(truth / f"n{i}", "pass")
        text.append(f"kind: node\nname: n{i}\n")
    text.append("kind: pool\nname: trusted\nmandatory: [said]\nhold_down: 1s\n")
    fleet.apply("---\n".join(text))
    return truth


def say(path, what):
    """The file changes at once: a plugin reads the old word or the new one."""
    new = path.with_suffix(".new")
    new.write_text(what + "\n")
    new.replace(path)


def jobs_known(fleet):
    """Newest durable job of each (node, check)."""
    rows = fleet.json("result", "list", "--limit", str(2 * NODES * (LOAD + 2)))
    return {(r["node"], r["check"]): tuple(int(x) for x in r["job"].split("-")) for r in rows}


def stored(fleet, node):
    """Results the keeper's history counts for the pair of the counting worker."""
    return sum(r["count"] for r in fleet.json("result", "history", node, "--limit", "100000") if r["check"] == "counted")


def members(text, through):
    rows = json.loads(text)
    if through == "keeper":
        return [r["name"] for r in rows if r["pools"]["trusted"]["member"]]
    return [e["node"] for e in rows["entries"] if e["member"]] if rows["following"] else []


def books_agree(fleet, worker):
    with worker.lock:
        given, acked = {k: set(v) for k, v in worker.given.items()}, {k: set(v) for k, v in worker.acked.items()}
    total = 0
    for (node, _), jobs in acked.items():
        found = stored(fleet, node)
        if found < len(jobs):
            raise Failed(f"{node}: {len(jobs)} results were acknowledged, the keeper's history holds {found}")
        if found > len(given[(node, "counted")]):
            raise Failed(f"{node}: {len(given[(node, 'counted')])} results were given, the keeper's history holds {found}")
        total += len(jobs)
    return total


def main():
    print(f"seed {SEED}; again: SPICE_SEED={SEED} tests/integration/kill_test.py", flush=True)
    chance = random.Random(SEED)
    with Fleet(workers=3) as fleet:
        config = fleet.config.read_text()
        fleet.config.write_text(config.replace("\nworker:\n", "\nworker:\n  adapters: [exec, noop]\n", 1) if "\nworker:\n" in config else
                                config + "\nworker:\n  adapters: [exec, noop]\n")
        names = ["broker-1", "scheduler", "keeper", "worker-1", "worker-2"]
        fleet.start(*names).ready()
        truth = definitions(fleet)
        worker = Counting(fleet.prefix, "worker-3")
        thread = threading.Thread(target=worker.turn, daemon=True)
        thread.start()
        bad_since = {}
        for i in range(NODES):
            fleet.wait_member(f"n{i}", True)
        end = time.monotonic() + SECONDS
        turn = kills = reads = trusted = through_reader = 0
        jobs = jobs_known(fleet)
        next_kill = 0.0
        while time.monotonic() < end:
            if chance.random() < 0.3:
                node = f"n{chance.randrange(NODES)}"
                if node in bad_since:
                    del bad_since[node]
                    say(truth / node, "pass")
                else:
                    say(truth / node, "fail")
                    bad_since[node] = time.monotonic()
            if time.monotonic() >= next_kill:
                fleet.restart(names[turn % len(names)])
                turn += 1
                kills += 1
                next_kill = time.monotonic() + 1.0
            through = "reader" if chance.random() < 0.2 else "keeper"
            asked = time.monotonic()
            done = fleet.ctl("--json", "--timeout", "1s", *(("node", "list") if through == "keeper" else ("reader", "status")), check=False)
            if done.returncode != 0:
                continue
            reads += 1
            through_reader += through == "reader"
            for node in members(done.stdout, through):
                trusted += 1
                since = bad_since.get(node)
                if since is not None and asked - since > MAX_AGE + ROUNDING:
                    raise Failed(f"{node} is read as trusted through the {through} {asked - since:.1f} s after it went bad: {done.stdout}")
        fleet.ready()
        for i in range(NODES):
            fleet.wait_member(f"n{i}", f"n{i}" not in bad_since)
        after = jobs_known(fleet)
        lost = {k: (v, after.get(k)) for k, v in jobs.items() if after.get(k, (0, 0)) < v}
        if lost:
            raise Failed(f"acknowledged results are gone: {lost}")
        worker.ends = True
        thread.join(timeout=60)
        worker.close()
        acknowledged = books_agree(fleet, worker)
        if json.loads(fleet.ctl("--json", "audit", "verify").stdout)["ok"] is not True:
            raise Failed("the audit chain does not verify")
        if reads == 0 or kills < len(names) or trusted == 0 or acknowledged == 0:
            raise Failed(f"too little was seen: {reads} reads, {trusted} of trusted nodes, {kills} kills, {acknowledged} acknowledged")
        print(f"{kills} kills, {reads} reads ({through_reader} through a reader), {trusted} times trusted, {acknowledged} results acknowledged to "
              f"the counting worker and all in the history, {len(after)} pairs, nothing lost or doubled, nothing trusted that the reference forbids")


main()
