#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every act of an administrator is one row of the keeper's audit, whoever carries it out: with the scheduler, a broker or the keeper killed in
between, with no keeper at all, and with a scheduler and a broker that lie."""
import datetime
import pathlib
import sys
import time
import unittest

sys.dont_write_bytecode = True
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in ("support", "wire")]
import json  # noqa: E402
import spice_wire as wire  # noqa: E402
from courier import Courier  # noqa: E402
from fleet import Fleet, wait  # noqa: E402

DEFINITIONS = """kind: profile
name: fast
period: 1s
---
kind: profile
name: slow
period: 30s
---
kind: check
name: well
adapter: noop
profile: fast
timeout: 1s
max_age: 1h
---
kind: check
name: other
adapter: noop
profile: fast
timeout: 1s
max_age: 1h
---
kind: pool
name: trusted
mandatory: [well]
---
kind: node
name: n1
"""
CHECK = {"name": "well", "adapter": "noop", "profile": "fast", "timeout": "1s", "max_age": "1h"}
OURS = ("check.", "profile.", "worker.")


class Peer(Courier):
    """Signs what it likes with the key of somebody."""

    def welcomed(self):
        wait("the broker's welcome", lambda: self.frames(0.05) or self.welcome)
        return self

    def wait_for(self, kind, fits):
        found = []
        wait(kind, lambda: found.extend(v for k, v, _ in self.frames(0.05) if k == kind and fits(v)) or found)
        return found[0]

    def ask(self, dest, verb, args, number=None):
        number = number or time.time_ns()
        self.send("AdminRequest", {"id": number, "verb": verb, "args": json.dumps(args).encode()}, dest=dest)
        answer = self.wait_for("AdminReply", lambda v: v["id"] == number)
        return refusal(answer["code"])

    def report(self, *acts):
        self.send("ActReport", {"waiting": len(acts), "acts": list(acts)}, dest="keeper")
        answer = self.wait_for("ActStored", lambda v: True)
        return answer["number"], refusal(answer["code"]), answer["refused"], answer["highest"]


def refusal(code):
    return next(name for name, number in wire.ENUMS["refusal"].items() if number == code)


def at_ms(row):
    return datetime.datetime.fromisoformat(row["at"].replace("Z", "+00:00")).timestamp() * 1000


def act(number, **values):
    return {"number": number, "wall_ms": time.time_ns() // 1000000, "actor": "admin", "what": "check.stage", "object": "forged", "before": "",
            "after": "shadow", "why": "", **values}


class Acts(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(workers=1)
        self.addCleanup(lambda: self.fleet.__exit__(*sys.exc_info()))
        self.fleet.start().ready()
        self.fleet.apply(DEFINITIONS)
        self.fleet.wait_member("n1", True)
        wait("the rows of what was applied", lambda: len(self.rows()) == 4)

    def peer(self, name):
        peer = Peer(self.fleet.prefix, name).welcomed()
        self.addCleanup(peer.close)
        return peer

    def rows(self, **wanted):
        """Rows of what others than the keeper carried out, oldest first."""
        rows = self.fleet.json("audit", "list", "--limit", "1000")
        rows = sorted((r for r in rows if r["what"].startswith(OURS)), key=lambda r: r["seq"])
        return [r for r in rows if all(r[k] == v for k, v in wanted.items())]

    def one(self, before, **wanted):
        """Exactly one row more than before, and it is this one; the waiting ends with the row itself, not with a time."""
        wait(f"the row {wanted}", lambda: len(self.rows()) > before)
        rows = self.rows()
        self.assertEqual(len(rows), before + 1, rows[before:])
        self.assertEqual({k: rows[-1][k] for k in wanted}, wanted)
        self.assertEqual(rows[-1]["actor"], "admin")
        return before + 1

    def whole(self):
        self.fleet.ctl("audit", "verify")

    def test_each_verb(self):
        n = 0
        for row, wanted in zip(self.rows(), (("profile.put", "fast", "", "every 1000 ms"), ("profile.put", "slow", "", "every 30000 ms"),
                                             ("check.put", "well", "", "enforcing, revision 1"), ("check.put", "other", "", "enforcing, revision 1"))):
            self.assertEqual((row["what"], row["object"], row["from"], row["to"], row["actor"]), (*wanted, "admin"))
            n += 1
        ctl = self.fleet.ctl
        for words, what, name, before, after in (
                (("check", "stage", "shadow", "well"), "check.stage", "well", "enforcing, revision 1", "shadow, revision 1"),
                (("check", "stage", "enforcing", "well"), "check.stage", "well", "shadow, revision 1", "enforcing, revision 1"),
                (("check", "disable", "other"), "check.enable", "other", "enforcing, revision 1", "enforcing disabled, revision 1"),
                (("check", "enable", "other"), "check.enable", "other", "enforcing disabled, revision 1", "enforcing, revision 1"),
                (("check", "run", "other", "n1"), "check.run", "other", "", "run on 1 node"),
                (("profile", "select", "slow", "other"), "profile.select", "other", "", "slow"),
                (("profile", "select", "slow", "--all"), "profile.select", "all checks", "", "slow"),
                (("profile", "select", "fast", "--all"), "profile.select", "all checks", "slow", "fast"),
                (("profile", "delete", "slow"), "profile.delete", "slow", "every 30000 ms", ""),
                (("check", "delete", "other"), "check.delete", "other", "enforcing, revision 1", ""),
                (("worker", "drain", "worker-1"), "worker.drain", "worker-1", "serving", "draining")):
            ctl(*words, "--dry-run")
            self.assertEqual(len(self.rows()), n, words)
            ctl(*words, "--yes")
            n = self.one(n, what=what, object=name, **{"from": before, "to": after})
        # Again what is there already: nothing changes, and there is no row.
        self.fleet.apply("kind: profile\nname: fast\nperiod: 1s\n")
        self.fleet.apply("kind: profile\nname: fast\nperiod: 2s\n")
        n = self.one(n, what="profile.put", object="fast", why="period: 2s", **{"from": "every 1000 ms", "to": "every 2000 ms"})
        self.whole()

    def test_refused_and_repeated(self):
        n, admin = len(self.rows()), self.peer("admin")
        for dest, verb, args, code, wanted in (
                ("scheduler", "check.stage", {"name": "well", "stage": "best"}, "bad_request", "well"),
                ("scheduler", "check.delete", {"name": "nothing"}, "not_found", "nothing"),
                ("scheduler", "profile.delete", {"name": "fast"}, "conflict", "fast"),
                ("scheduler", "check.run", {"check": "well", "nodes": ["n9"]}, "not_found", "well"),
                ("broker-1", "worker.drain", {"name": "nobody"}, "not_found", "nobody")):
            number = time.time_ns()
            self.assertEqual(admin.ask(dest, verb, args, number), code)
            self.assertEqual(admin.ask(dest, verb, args, number), "replay")
            n = self.one(n, what=verb, object=wanted, to=f"refused:{code}")
        number, args = time.time_ns(), {"name": "well", "stage": "shadow"}
        self.assertEqual([admin.ask("scheduler", "check.stage", args, number) for _ in range(2)], ["none", "replay"])
        n = self.one(n, what="check.stage", to="shadow, revision 1")
        number = time.time_ns()
        self.assertEqual([admin.ask("broker-1", "worker.drain", {"name": "worker-1"}, number) for _ in range(2)], ["none", "replay"])
        n = self.one(n, what="worker.drain", to="draining")
        self.whole()

    def test_nobody_is_missed_when_processes_are_killed(self):
        n, admin = len(self.rows()), self.peer("admin")
        self.fleet.kill("keeper")
        for stage in ("shadow", "enforcing", "shadow"):
            self.assertEqual(admin.ask("scheduler", "check.stage", {"name": "well", "stage": stage}), "none")
        done_ms = time.time_ns() // 1000000
        # A broker has nothing to keep an act in: without the keeper it does nothing.
        self.assertEqual(admin.ask("broker-1", "worker.drain", {"name": "worker-1"}), "no_route")
        self.fleet.restart("scheduler")
        self.fleet.start("keeper")
        wait("the acts of before", lambda: len(self.rows()) >= n + 3)
        rows = self.rows()[n:]
        self.assertEqual([(r["what"], r["to"]) for r in rows], [("check.stage", f"{s}, revision 1") for s in ("shadow", "enforcing", "shadow")])
        for row in rows:  # the time is that of the act
            self.assertLessEqual(at_ms(row), done_ms)
        # Killed at once after each act, again and again: none is lost, none is there twice.
        want = []
        for turn in range(6):
            stage = ("enforcing", "shadow")[turn % 2]
            wait("the scheduler", lambda: self.fleet.ctl("--timeout", "2s", "check", "list", check=False).returncode == 0)
            self.assertEqual(admin.ask("scheduler", "check.stage", {"name": "well", "stage": stage}), "none")
            want.append(f"{stage}, revision 1")
            self.fleet.restart("scheduler" if turn % 3 else "keeper")
            if turn % 3 == 2:
                self.fleet.restart("keeper")
        wait("all acts", lambda: len(self.rows()) >= n + 3 + len(want))
        wait("nothing waits", lambda: self.fleet.process_stats().get("scheduler", {}).get("gauges", {}).get("scheduler.acts_waiting") == 0)
        self.assertEqual([r["to"] for r in self.rows()[n + 3:]], want)
        self.whole()

    def test_too_many_wait(self):
        n, admin, limit = len(self.rows()), self.peer("admin"), 512
        self.fleet.kill("keeper")
        for turn in range(limit):
            self.assertEqual(admin.ask("scheduler", "check.enable", {"name": "other", "enabled": bool(turn % 2)}), "none", turn)
        self.assertEqual(admin.ask("scheduler", "check.stage", {"name": "well", "stage": "shadow"}), "overload")
        done = self.fleet.ctl("check", "stage", "shadow", "well", "--yes", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("512 acts wait for the keeper", done.stderr)
        self.assertIn("is the keeper running", done.stderr)
        self.assertEqual([c["stage"] for c in self.fleet.json("check", "list", "well")], ["enforcing"])
        self.fleet.start("keeper")
        wait("all acts", lambda: len(self.rows()) == n + limit)
        wait("there is room", lambda: self.fleet.ctl("check", "stage", "shadow", "well", "--yes", check=False).returncode == 0)
        self.whole()

    def test_a_lying_scheduler(self):
        n = len(self.rows())
        self.fleet.kill("scheduler")
        liar, number = self.peer("scheduler"), time.time_ns() // 1000
        for more, code in (({"what": "pool.put"}, "scope"), ({"what": "trust.gain"}, "scope"), ({"what": "worker.drain"}, "scope"),
                           ({"what": "check."}, "scope"), ({"what": "check.a b"}, "scope"), ({"actor": "keeper"}, "authority"),
                           ({"actor": "scheduler"}, "authority"), ({"actor": "worker-1"}, "authority"), ({"actor": ""}, "authority"),
                           ({"number": number + 2 * 86400000000}, "future")):
            self.assertEqual(liar.report(act(**{"number": number, **more}))[:3], (0, code, more.get("number", number)), more)
        self.assertEqual(len(self.rows()), n)
        # What is taken, is taken once; what comes below the last number is another act, and not taken for this one.
        self.assertEqual(liar.report(act(number), act(number + 1)), (number + 1, "none", 0, number + 1))
        self.assertEqual(liar.report(act(number), act(number + 1)), (number + 1, "none", 0, number + 1))
        self.assertEqual(liar.report(act(number - 1)), (0, "replay", number - 1, number + 1))
        self.assertEqual(liar.report(act(number + 1), act(number + 2), act(number + 3, actor="keeper"), act(number + 4)),
                         (number + 2, "authority", number + 3, number + 2))
        # A clock in the future dates no row behind which nothing is ever cut off.
        self.assertEqual(liar.report(act(number + 5, wall_ms=2**53, actor="gone"))[1], "none")
        rows = self.rows()[n:]
        self.assertEqual([(r["actor"], r["why"]) for r in rows], [("admin", "")] * 3 + [("gone", "not a principal now; ")])
        self.assertLess(at_ms(rows[-1]), time.time() * 1000 + 1000)
        self.whole()

    def test_nobody_else_reports(self):
        n = len(self.rows())
        for name in ("worker-1", "admin", "bridge-1"):
            if name == "worker-1":
                self.fleet.kill(name)
            peer = self.peer(name)
            peer.send("ActReport", {"waiting": 1, "acts": [act(time.time_ns() // 1000)]}, dest="keeper")
        self.fleet.ctl("check", "stage", "shadow", "well", "--yes")
        self.one(n, what="check.stage", to="shadow, revision 1")


if __name__ == "__main__":
    unittest.main()
