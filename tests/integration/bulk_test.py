#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""spicectl apply of many documents to a keeper that loses what it is asked, answers twice, late, or not at all, and to one that is killed:
what was lost is asked again, nothing is done that was not asked for, and what is told is what happened. The keeper that loses is ours:
it keeps to the rule of AdminRequest, that a number at or below the last one taken is refused."""
import json
import pathlib
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import fleet as support  # noqa: E402

sys.path.insert(0, str(support.SOURCE / "tests/wire"))
import spice_peer  # noqa: E402
import spice_wire as wire  # noqa: E402

REPLAY = wire.ENUMS["refusal"]["replay"]
NOT_FOUND = wire.ENUMS["refusal"]["not_found"]
BAD_REQUEST = wire.ENUMS["refusal"]["bad_request"]


def documents(count, first=0):
    return "---\n".join(f"kind: node\nname: n{i}\n" for i in range(first, first + count))


class Keeper(threading.Thread):
    """treat(number, verb, args) says what happens to the number-th write: "do", "lose" (it never came), "mute" (done, the answer is lost),
    "twice" (answered twice), "fail"."""

    def __init__(self, fleet, treat):
        super().__init__(daemon=True)
        self.peer, self.treat = spice_peer.Peer(fleet.prefix, "keeper"), treat
        self.ending, self.welcome = threading.Event(), threading.Event()
        self.last, self.count, self.ids, self.done, self.nodes = 0, 0, [], [], {}

    def run(self):
        self.peer.send("Hello", {"boot": 1, "software": "double", "adapters": "", "labels": "", "slots": 0, "topics": 0})
        while not self.ending.is_set():
            message = self.peer.receive(0.05)
            if message and message[0] == "Welcome":
                self.welcome.set()
            elif message and message[0] == "AdminRequest":
                self.asked(message[1], message[2]["sender"])
            elif message and message[0] == "Heartbeat":
                empty = {"bool": False}
                self.peer.send("Heartbeat", {f.name: empty.get(f.kind, 0) for f in wire.MESSAGES["Heartbeat"].fields})
        self.peer.close()

    def reply(self, to, number, value, code=0):
        self.peer.send("AdminReply", {"id": number, "code": code, "part": 0, "last": True, "data": json.dumps(value).encode()}, to)

    def asked(self, request, sender):
        verb, args, number = request["verb"], json.loads(request["args"] or b"{}"), request["id"]
        if verb.endswith(".list"):
            return self.reply(sender, number, [{"name": n, "labels": {}} for n in self.nodes] if verb == "node.list" else [])
        how = self.treat(self.count, verb, args)
        self.count += 1
        self.ids.append(number)
        if how == "lose":
            return None
        if number <= self.last:
            return self.reply(sender, number, {"error": "seen before"}, REPLAY)
        self.last = number
        if how == "fail":
            return self.reply(sender, number, {"error": "no", "where": "here", "hint": ""}, BAD_REQUEST)
        if verb == "node.delete" and args["name"] not in self.nodes:
            return self.reply(sender, number, {"error": "no such node"}, NOT_FOUND)
        self.done.append((verb, args["name"]))
        if verb == "node.delete":
            del self.nodes[args["name"]]
        else:
            self.nodes[args["name"]] = args
        for _ in range({"mute": 0, "twice": 2}.get(how, 1)):
            self.reply(sender, number, {"name": args["name"]})
        return None


class Losses(unittest.TestCase):
    def setUp(self):
        self.fleet = support.Fleet()
        self.addCleanup(lambda: self.fleet.__exit__(None, None, None))
        self.fleet.start("broker-1")

    def keeper(self, treat):
        support.wait("the broker listens", lambda: "event=ready" in (self.fleet.prefix / "broker-1.log").read_text())
        keeper = Keeper(self.fleet, treat)
        self.addCleanup(keeper.join, 20)
        self.addCleanup(keeper.ending.set)
        keeper.start()
        self.assertTrue(keeper.welcome.wait(60))
        return keeper

    def apply(self, text, *more, timeout="30s"):
        done = self.fleet.ctl("--json", "--timeout", timeout, "apply", "-f", "-", *more, input=text, check=False, timeout=180)
        return done, json.loads(done.stdout)

    def test_lost_and_repeated(self):
        fates = {i: ["lose", "lose"] if i % 5 == 1 else ["mute"] if i % 5 == 3 else ["twice"] for i in range(60)}

        def treat(_, verb, args):
            fate = fates[int(args["name"][1:])]
            return fate.pop(0) if fate else "do"
        keeper = self.keeper(treat)
        done, rows = self.apply(documents(60), timeout="10s")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([r["name"] for r in rows], [f"n{i}" for i in range(60)])
        self.assertTrue(all(r["done"] and r["change"] == "created" and not r["error"] for r in rows))
        self.assertEqual(set(keeper.nodes), {f"n{i}" for i in range(60)})
        self.assertEqual(keeper.ids, sorted(set(keeper.ids)), "numbers rise, and none is used twice")
        self.assertGreaterEqual(keeper.count, 60 + 24 + 12)

    def test_a_delete_that_was_done_before_the_answer_was_lost(self):
        keeper = self.keeper(lambda n, verb, args: "mute" if n == 0 else "do")
        keeper.nodes = {"n1": {}}
        done = self.fleet.ctl("--timeout", "6s", "node", "delete", "n1", check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((keeper.nodes, keeper.count), ({}, 2))
        self.assertEqual(self.fleet.ctl("node", "delete", "n1", check=False).returncode, 1)  # asked once, answered once

    def test_nobody_answers(self):
        keeper = self.keeper(lambda n, verb, args: "mute")
        done, rows = self.apply(documents(60), timeout="600ms")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("may have been done", done.stderr)
        self.assertIn("standard input:", done.stderr)
        self.assertFalse(any(r["done"] for r in rows))
        told = {r["error"] for r in rows}
        self.assertIn("not tried", told)
        self.assertEqual(len(rows), 60)
        asked = {name for _, name in keeper.done}
        self.assertFalse([r["name"] for r in rows if r["error"] == "not tried" and r["name"] in asked])

    def test_what_must_not_be_done_twice_is_not_asked_twice(self):
        keeper = self.keeper(lambda n, verb, args: "mute")
        done = self.fleet.ctl("--timeout", "1s", "worker", "invite", "w", "--adapters", "noop", check=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("may have been done", done.stderr)
        self.assertEqual(keeper.count, 1)

    def test_stop_and_go_on(self):
        text = documents(100) + "---\nkind: label\nnode: known\nlabels: {a: b}\n"
        keeper = self.keeper(lambda n, verb, args: "fail" if args["name"] == "n3" else "do")
        keeper.nodes["known"] = {}
        done, rows = self.apply(text)
        self.assertEqual(done.returncode, 4)
        by = {(r["kind"], r["name"]): r for r in rows}
        self.assertEqual((by["node", "n3"]["error"], by["node", "n3"]["where"]), ("no", "standard input:10:1"))
        self.assertIn("node n3 (standard input:10:1): no", json.loads(done.stderr.splitlines()[0])["error"])
        self.assertEqual(by["label", "known"]["error"], "not tried")
        self.assertEqual({n for _, n in keeper.done}, {r["name"] for r in rows if r["done"]})
        self.assertLess(len(keeper.done), 99)
        done, rows = self.apply(text, "--keep-going")
        self.assertEqual(done.returncode, 4)
        self.assertEqual([r["name"] for r in rows if r["error"]], ["n3"])
        self.assertIn(("node.labels", "known"), keeper.done)


class Killed(unittest.TestCase):
    def test_broker_and_keeper_die_under_way(self):
        with support.Fleet() as fleet:
            fleet.start().ready()
            for victim, first in (("broker-1", 0), ("keeper", 2000)):
                with self.subTest(victim):
                    self.dies(fleet, victim, first)

    def dies(self, fleet, victim, first):
        command = [support.BIN / "spicectl", "--config", fleet.config, "--json", "--timeout", "60s", "apply", "-f", "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as apply:
            answer = []
            reader = threading.Thread(target=lambda: answer.append(apply.communicate(documents(600, first))))
            reader.start()
            support.wait("some were applied", lambda: apply.poll() is not None or any(
                n["name"] == f"n{first + 20}" for n in fleet.json("node", "list")))
            fleet.restart(victim)
            reader.join()
        rows = json.loads(answer[0][0])
        self.assertEqual(apply.returncode, 0, answer[0][1])
        self.assertTrue(all(r["done"] for r in rows))
        have = {n["name"] for n in fleet.json("node", "list")}
        self.assertTrue({f"n{i}" for i in range(first, first + 600)} <= have)
        self.assertTrue(fleet.json("audit", "verify")["ok"])


if __name__ == "__main__":
    unittest.main(verbosity=1)
