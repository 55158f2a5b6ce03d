#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an administrator configures and names at the keeper, with real processes: limits, the file of nodes, aliases, how long rows are kept."""
import contextlib
import pathlib
import signal
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BIN, PROGRAM, Fleet, wait  # noqa: E402

CHECKS = """
kind: profile
name: fast
period: 1s
---
kind: check
name: {0}
adapter: noop
profile: fast
timeout: 1s
max_age: 20s
"""
POOL = "kind: pool\nname: trusted\nmandatory: [c1]\n"


class Keeper(unittest.TestCase):
    def fleet(self, keeper, nodes=None, workers=0):
        fleet = Fleet(workers=workers)
        self.addCleanup(fleet.__exit__, None, None, None)
        if nodes is not None:
            (fleet.prefix / "nodes.yaml").write_text(nodes)
            keeper = {**keeper, "nodes_file": fleet.prefix / "nodes.yaml"}
        self.configure(fleet, keeper)
        return fleet

    @staticmethod
    def configure(fleet, keeper):
        text = fleet.config.read_text()
        if not hasattr(fleet, "plain"):
            fleet.plain = text
        section = "keeper:\n" + "".join(f"  {k}: {v}\n" for k, v in keeper.items())
        assert "\nkeeper:" not in fleet.plain
        fleet.config.write_text(fleet.plain + section)

    def start(self, fleet, *names):
        fleet.start(*(names or ("broker-1", "keeper")))
        wait("the keeper answers", lambda: fleet.ctl("node", "list", check=False).returncode == 0)
        return fleet

    @staticmethod
    def gauge(fleet, name):
        return fleet.process_stats()["keeper"]["gauges"].get(name, 0)

    @staticmethod
    def log(fleet):
        return (fleet.prefix / "keeper.log").read_text()

    def refused(self, fleet, *words, said):
        done = fleet.ctl(*words, check=False)
        self.assertNotEqual(done.returncode, 0, words)
        for text in said:
            self.assertIn(text, done.stderr)

    def test_nodes_max(self):
        fleet = self.start(self.fleet({"nodes_max": 2}))
        fleet.ctl("node", "add", "n1")
        fleet.ctl("node", "add", "n2")
        self.refused(fleet, "node", "add", "n3", said=["keeper.nodes_max is 2", "raise keeper.nodes_max"])
        fleet.ctl("node", "label", "n2", "zone=a")
        wait("the counter", lambda: self.gauge(fleet, "keeper.refused.nodes_max") == 1)
        self.configure(fleet, {"nodes_max": 1})  # less than there are: nothing is lost
        fleet.restart("keeper")
        wait("both are there", lambda: {n["name"] for n in fleet.json("node", "list")} == {"n1", "n2"})
        self.refused(fleet, "node", "add", "n3", said=["there are 2 nodes", "keeper.nodes_max is 1"])

    def test_results_max(self):
        fleet = self.fleet({"results_max": 16}, workers=1).start().ready()
        fleet.apply("---".join(CHECKS.format(f"c{i}").split("---", i > 1)[-1] for i in range(1, 3)))
        fleet.apply("\n---\n".join(f"kind: node\nname: n{i}" for i in range(20)))
        wait("the limit is said", lambda: "event=results_max limit=16" in self.log(fleet))
        wait("the counter", lambda: self.gauge(fleet, "keeper.refused.results_max") > 0)
        self.assertEqual(self.gauge(fleet, "keeper.pairs"), 16)
        before = {r["node"] + r["check"]: r["job"] for r in fleet.json("result", "list")}
        self.assertEqual(len(before), 16)
        wait("those there are go on", lambda: all(r["job"] != before[r["node"] + r["check"]] for r in fleet.json("result", "list")))

    def test_nodes_file(self):
        fleet = self.start(self.fleet({}, "kind: node\nname: n1\nlabels: {zone: a}\naliases: [one]\n---\nkind: node\nname: n2\n"))
        rows = {n["name"]: n for n in fleet.json("node", "list")}
        self.assertEqual(rows["n1"]["aliases"], ["one"])
        self.assertEqual((rows["n1"]["labels"], rows["n1"]["origin"], rows["n2"]["origin"]), ({"zone": "a"}, "file", "file"))
        fleet.ctl("node", "quarantine", "n2", "--yes")
        fleet.ctl("node", "add", "n3")
        audit = len(fleet.json("audit", "list"))
        fleet.restart("keeper")
        wait("the same again", lambda: fleet.ctl("node", "list", check=False).returncode == 0)
        rows = {n["name"]: n for n in fleet.json("node", "list")}
        self.assertEqual((rows["n2"]["state"], set(rows)), ("quarantined", {"n1", "n2", "n3"}))
        self.assertEqual(len(fleet.json("audit", "list")), audit + 1)  # of the start, and no change
        (fleet.prefix / "nodes.yaml").write_text("kind: node\nname: n1\nlabels: {zone: b}\nstate: in_service\n---\nkind: node\nname: n4\n")
        fleet.restart("keeper")
        wait("what differs is changed", lambda: fleet.node("n1")["labels"] == {"zone": "b"} and fleet.node("n4"))
        self.assertEqual(fleet.node("n2")["state"], "quarantined")

    def test_nodes_file_with_faults(self):
        for text, said in (("kind: node\nname: n2\n---\nkind: node\nname: n 3\n", ":5:7"), ("kind: node\nname: n2\nlabls: {}\n", ":3:"),
                           ("kind: node\nname: n2\n---\nkind: pool\nname: p\n", ":4:"), ("kind: node\nname: [\n", ":"),
                           ("kind: node\nname: n2\naliases: [n1]\n", ":3:"), ("kind: node\nkey: 12\nname: n2\n", ":2:"), ("- kind: node\n", ":1:")):
            with self.subTest(text):
                fleet = self.start(self.fleet({}, "kind: node\nname: n1\n"))
                (fleet.prefix / "nodes.yaml").write_text(text)
                fleet.restart("keeper")
                wait("goes on with its store", lambda: [n["name"] for n in fleet.json("node", "list")] == ["n1"])
                line = next(x for x in self.log(fleet).splitlines() if "nodes_file.refused" in x)
                self.assertIn(f"nodes.yaml{said}", line)
                wait("the counter", lambda: self.gauge(fleet, "keeper.nodes_file_bad") == 1)
                fleet.stop()

    def test_nodes_file_that_is_not_there(self):
        fleet = self.fleet({"nodes_file": "/nowhere/nodes.yaml"})
        self.start(fleet)
        self.assertIn("/nowhere/nodes.yaml", next(x for x in self.log(fleet).splitlines() if "nodes_file.refused" in x))

    def test_aliases(self):
        fleet = self.fleet({}, workers=1).start().ready()
        fleet.apply(CHECKS.format("c1"))
        fleet.apply(POOL)
        fleet.apply("kind: node\nname: n1\naliases: [one.example, uno]\n---\nkind: node\nname: n2\n")
        self.assertEqual(fleet.node("n1")["aliases"], ["one.example", "uno"])
        fleet.wait_member("n1", True)
        self.assertEqual(fleet.apply("kind: node\nname: n1\naliases: [uno, one.example]\n").stdout.split()[-1], "unchanged")
        for words, key in ((("node", "list", "uno"), "name"), (("node", "show", "uno"), "name"), (("result", "list", "--node", "uno"), "node"),
                           (("result", "history", "uno"), "node")):
            self.assertEqual({r[key] for r in fleet.json(*words)}, {"n1"}, words)
        self.assertEqual(fleet.json("explain", "one.example")["node"], "n1")
        self.assertTrue(all(r["object"].startswith("n1") for r in fleet.json("audit", "list", "--node", "uno")))
        self.assertTrue(fleet.json("audit", "list", "--node", "uno"))
        fleet.ctl("node", "label", "uno", "zone=a")
        fleet.apply("kind: label\nnode: one.example\nlabels: {rack: r1}\n")
        self.assertEqual(fleet.node("n1")["labels"], {"zone": "a", "rack": "r1"})
        self.assertEqual(fleet.json("check", "run", "c1", "uno")["runs"], 1)
        fleet.ctl("node", "quarantine", "uno")
        self.assertEqual(fleet.node("n1")["state"], "quarantined")
        fleet.wait_member("n1", False)
        self.refused(fleet, "node", "add", "uno", said=["is an alias of node n1"])
        for text, said in (("name: n3\naliases: [n2]", "is the name of node n2"), ("name: n3\naliases: [uno]", "is an alias of node n1"),
                           ("name: n3\naliases: [n3]", "named twice"), ("name: n3\naliases: ['ü']", "is not a word of letters"),
                           ("name: n3\naliases: [a,b,c,d,e,f,g,h,i]", "more than 8")):
            done = fleet.run([BIN / "spicectl", "--config", fleet.config, "apply", "-f", "-"], input=f"kind: node\n{text}\n", check=False)
            self.assertNotEqual(done.returncode, 0, text)
            self.assertIn(said, done.stderr)
        fleet.restart("keeper")
        wait("it knows them after a restart", lambda: fleet.json("explain", "uno")["node"] == "n1")
        fleet.apply("kind: node\nname: n1\naliases: []\n")
        self.refused(fleet, "explain", "uno", said=['no node "uno"'])
        fleet.apply("kind: node\nname: n1\naddress: 192.0.2.1\n")
        fleet.apply("kind: node\nname: n1\naddress: ''\n")
        self.assertEqual(fleet.node("n1")["address"], "n1")

    def test_audit_keep(self):
        fleet = self.start(self.fleet({"audit_keep": "1s"}))
        for i in range(5):
            fleet.ctl("node", "add", f"n{i}")
        verdict = wait("old rows are cut off", lambda: (v := fleet.json("audit", "verify"))["cut"] and v["cut"]["seq"] >= 5 and v)
        self.assertTrue(verdict["ok"])
        first = fleet.json("audit", "list")[0]
        self.assertGreater(first["seq"], verdict["cut"]["seq"])
        self.assertTrue(any(r["what"] == "audit.cut" for r in fleet.json("audit", "list")))
        self.assertIn("It begins after row", fleet.ctl("audit", "verify").stdout)
        fleet.restart("keeper")
        wait("whole after a restart", lambda: fleet.json("audit", "verify")["ok"])

    def test_rolled_back_store(self):
        fleet = self.fleet({}, workers=1).start().ready()
        fleet.apply(CHECKS.format("c1") + "---\n" + POOL + "---\nkind: node\nname: n1\n")
        fleet.wait_member("n1", True)
        store = fleet.prefix / "state/keeper/keeper.db"
        fleet.kill("keeper", signal.SIGTERM)
        copy = store.read_bytes()
        fleet.start("keeper")
        fleet.wait_member("n1", True)
        fleet.ctl("node", "quarantine", "n1")
        fleet.kill("worker-1", signal.SIGTERM)  # nothing new will be proven
        fleet.kill("keeper", signal.SIGTERM)
        store.write_bytes(copy)
        fleet.start("keeper")
        wait("the keeper answers", lambda: fleet.ctl("node", "list", check=False).returncode == 0)
        self.assertFalse(fleet.member("n1"))  # although the copy holds a pass that lives for 20 s, and no quarantine
        line = next(x for x in self.log(fleet).splitlines() if "event=rolled_back" in x)
        self.assertIn("keeper.db", line)
        self.assertIn("is older than", line)
        wait("the counter", lambda: self.gauge(fleet, "keeper.store_rolled_back") == 1)
        self.assertTrue(any(r["what"] == "keeper.rollback" for r in fleet.json("audit", "list")))

    def test_journal_with_a_hole(self):
        """The row that told of a fail is taken out of the journal while the keeper is down; the pass before it must not stand again."""
        fleet = self.fleet({}, workers=1).start().ready()
        fleet.apply(CHECKS.format("c1") + "---\n" + POOL + "---\nkind: node\nname: n1\n")
        fleet.wait_member("n1", True)
        fleet.kill("worker-1", signal.SIGTERM)  # nothing new will be proven
        fleet.kill("keeper", signal.SIGTERM)
        with contextlib.closing(sqlite3.connect(fleet.prefix / "state/keeper/keeper.db")) as db:
            last, = db.execute("SELECT max(seq) FROM journal").fetchone()
            self.assertIsNotNone(last)
            db.execute("UPDATE journal SET mac=zeroblob(32) WHERE seq=?", (last,))
            db.commit()
        fleet.start("keeper")
        wait("the keeper answers", lambda: fleet.ctl("node", "list", check=False).returncode == 0)
        self.assertFalse(fleet.member("n1"))
        line = next(x for x in self.log(fleet).splitlines() if "event=rolled_back" in x)
        self.assertIn("of the journal is missing or was edited", line)

    def test_revocations_that_were_taken_out(self):
        """K38: a row that revokes is deleted, or put back as it was before; the audit knows better."""
        fleet = self.start(self.fleet({}, workers=2))
        database = fleet.prefix / "state/keeper/keeper.db"

        def rows():
            return {k["name"]: k["revoked"] for k in fleet.json("key", "list")}

        fleet.ctl("key", "revoke", "worker-1")
        fleet.kill("keeper", signal.SIGTERM)
        with contextlib.closing(sqlite3.connect(database)) as db:
            self.assertEqual(db.execute("DELETE FROM principal WHERE name='worker-1'").rowcount, 1)
            db.commit()
        fleet.start("keeper")
        wait("the keeper answers", lambda: fleet.ctl("key", "list", check=False).returncode == 0)
        self.assertEqual((rows()["worker-1"], rows()["worker-2"]), (True, False))
        self.assertIn('event=row.edited table=principal row=worker-1', self.log(fleet))
        fleet.restart("keeper", signal.SIGTERM)
        wait("the keeper answers", lambda: fleet.ctl("key", "list", check=False).returncode == 0)
        self.assertTrue(rows()["worker-1"])
        self.assertEqual(self.log(fleet).count("event=row.edited"), 1)  # it was made good
        wait("the brokers know", lambda: self.gauge(fleet, "keeper.rows_edited") == 0)

    def test_edited_rows(self):
        fleet = self.start(self.fleet({}))
        fleet.ctl("node", "add", "n1")
        fleet.ctl("worker", "invite", "w9", "--adapters", "noop")
        fleet.kill("keeper", signal.SIGTERM)
        with contextlib.closing(sqlite3.connect(fleet.prefix / "state/keeper/keeper.db")) as db:
            db.execute("UPDATE node SET labels='zone=a'")
            db.execute("UPDATE invitation SET adapters='*'")
            db.execute("INSERT INTO principal VALUES('evil',4,randomblob(32),randomblob(32),'*','','',0,0,zeroblob(32))")
            db.commit()
        fleet.start("keeper")
        wait("the keeper answers", lambda: fleet.ctl("node", "list", check=False).returncode == 0)
        self.assertEqual(fleet.node("n1")["state"], "quarantined")
        rows = {k["name"]: k for k in fleet.json("key", "list")}
        self.assertTrue("evil" not in rows or rows["evil"]["revoked"])
        for table in ("node", "invitation", "principal"):
            self.assertIn(f"event=row.edited table={table}", self.log(fleet))
        wait("the counter", lambda: self.gauge(fleet, "keeper.rows_edited") >= 3)
        fleet.ctl("node", "resume", "n1")  # an operator's word makes a good row
        fleet.restart("keeper")
        wait("in service", lambda: fleet.node("n1")["state"] == "in_service")

    def test_audit_that_was_altered(self):
        """K37: one of the last rows of the audit is edited while the keeper is down: it says which, and does not start."""
        fleet = self.start(self.fleet({}), "broker-1", "keeper")
        for name in ("n1", "n2", "n3"):
            fleet.ctl("node", "add", name)
        fleet.kill("keeper", signal.SIGTERM)
        path = fleet.prefix / "state/keeper/keeper.db"
        good = path.read_bytes()
        with contextlib.closing(sqlite3.connect(path)) as db:
            seq, = db.execute("SELECT seq FROM audit WHERE object='n2'").fetchone()
            db.execute("UPDATE audit SET object='n7' WHERE seq=?", (seq,))
            db.commit()
        done = fleet.run([BIN / PROGRAM["keeper"], "--config", fleet.config, "--name", "keeper"], check=False, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        last = done.stderr.splitlines()[-1]
        for said in (str(path), f"row {seq} of the audit", "evidence"):
            self.assertIn(said, last)
        path.write_bytes(good)
        fleet.start("keeper")
        wait("the keeper answers", lambda: fleet.ctl("node", "list", check=False).returncode == 0)
        self.assertTrue(fleet.json("audit", "verify")["ok"])

    def test_principals_again(self):
        """SIGHUP: every process reads principals.yaml again, all of it or nothing; whoever is not there any more is out, and in again when he is back."""
        fleet = self.fleet({}, workers=2).start().ready()
        path = fleet.prefix / "etc/principals.yaml"
        names = ("keeper", "scheduler", "worker-1", "broker-1")
        good = path.read_text()
        rows = ["  - name:" + row for row in good.split("  - name:")[1:]]
        self.assertTrue(any("name: worker-2" in row for row in rows))

        def reload(text, said):
            before = {name: (fleet.prefix / f"{name}.log").read_text().count(said) for name in names}
            path.write_text(text)
            for name in names:
                fleet.processes[name].send_signal(signal.SIGHUP)
            for name in names:
                wait(f"{name} says {said}", lambda: (fleet.prefix / f"{name}.log").read_text().count(said) > before[name])
            path.write_text(good)  # spicectl reads it as well

        def revoked():
            return {k["name"] for k in fleet.json("key", "list") if k["revoked"]}

        reload(good + "nonsense: 1\n", "event=reload why=")
        self.assertEqual(revoked(), set())
        reload("principals:\n" + "".join(row for row in rows if "name: worker-2" not in row), "event=reload principals=")
        self.assertEqual(revoked(), {"worker-2"})
        reload(good, "event=reload principals=")
        self.assertEqual(revoked(), set())
        # A broker's key is what the open connections were made with.
        names = ("keeper", "scheduler", "worker-1")
        reload("principals:\n" + "".join(row for row in rows if "role: broker" not in row), "restart this process")
        self.assertEqual(revoked(), set())

    def test_names_nobody_else_may_have(self):
        """Messages are addressed by name or role: an invited worker called scheduler would get the scheduler's."""
        fleet = self.start(self.fleet({}), "broker-1", "keeper", "scheduler")
        for name in ("bridge", "operator", "reader", "enrol", "worker", "broker", "none", "core", "enrol-x", "revoked-x"):
            done = fleet.ctl("worker", "invite", name, "--adapters", "noop", check=False)
            self.assertEqual(done.returncode, 1, name)
            self.assertIn("means a role", done.stderr, name)
        self.assertEqual(fleet.ctl("worker", "invite", "worker-9", "--adapters", "noop").returncode, 0)

    def test_stores_that_are_refused(self):
        """Both stores: each fault is said with file, reason and what to do, and nothing is changed."""
        def version(path):
            with contextlib.closing(sqlite3.connect(path)) as db:
                db.execute("PRAGMA user_version=99")
                db.commit()

        faults = ((version, "version 99"), (lambda p: p.write_bytes(p.read_bytes()[:-5000]), "cut off"),
                  (lambda p: p.write_bytes(b"no store at all" * 1000), "file is not a database"), (lambda p: p.chmod(0o666), "mode 0666"))
        fleet = self.fleet({})
        self.start(fleet, "broker-1", "keeper", "scheduler")
        for name in ("keeper", "scheduler"):
            fleet.kill(name, signal.SIGTERM)
            path = fleet.prefix / f"state/{name}/{name}.db"
            good = path.read_bytes()
            for spoil, said in faults:
                path.write_bytes(good)
                path.chmod(0o600)
                spoil(path)
                bad = path.read_bytes()
                done = fleet.run([BIN / PROGRAM[name], "--config", fleet.config, "--name", name], check=False, timeout=60)
                self.assertNotEqual(done.returncode, 0, (name, said))
                last = done.stderr.splitlines()[-1]
                self.assertIn(str(path), last)
                self.assertIn(said, last)
                self.assertIn("(", last)  # the hint
                self.assertEqual(path.read_bytes(), bad)
            path.write_bytes(good)
            path.chmod(0o600)

    def test_enrol_ttl(self):
        fleet = self.start(self.fleet({"enrol_ttl": "10m"}))
        expires = fleet.json("worker", "invite", "w9", "--adapters", "noop")["expires"]
        left = time.mktime(time.strptime(expires[:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(time.gmtime())
        self.assertTrue(300 < left <= 601, expires)

    def test_worker_lost(self):
        fleet = self.fleet({"worker_lost": "2s"}, workers=1).start().ready()

        def state():
            return fleet.json("worker", "list")[0]["state"]

        self.assertEqual(state(), "connected")
        fleet.kill("worker-1")
        wait("the worker is lost", lambda: state() == "lost")
        self.configure(fleet, {"worker_lost": "1d"})
        fleet.restart("keeper")
        wait("and only away when it may be silent for long", lambda: state() == "away")


if __name__ == "__main__":
    unittest.main()
