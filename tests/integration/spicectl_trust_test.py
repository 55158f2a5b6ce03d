#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""spicectl makes no node better than it was ordered or found to be: files that are older than a quarantine, checks that did not run."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import fleet as support  # noqa: E402

DEFINITIONS = """
kind: profile
name: fast
period: 1s
---
kind: check
name: well
adapter: noop
profile: fast
timeout: 10s
max_age: 60s
---
kind: node
name: n1
---
kind: node
name: n2
---
kind: node
name: n3
---
kind: pool
name: trusted
mandatory: [well]
"""


class Fleet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = support.Fleet()
        cls.addClassCleanup(lambda: cls.fleet.__exit__(None, None, None))
        cls.fleet.start().ready()
        cls.fleet.apply(DEFINITIONS)
        for node in ("n1", "n2", "n3"):
            cls.fleet.wait_member(node, True)

    def ctl(self, *args, code=0, stdin=None):
        done = self.fleet.ctl(*args, check=False, input=stdin)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done

    def test_apply_leaves_a_node_what_the_file_does_not_say(self):
        """Least of all may a file that is older than a quarantine end it."""
        apply = lambda text, code=0: self.ctl("--json", "apply", "-f", "-", code=code, stdin=text)
        self.addCleanup(self.fleet.ctl, "node", "delete", "kept", "--yes")
        apply("kind: node\nname: kept\naddress: 192.0.2.7\naliases: [old]\nlabels: {zone: z, suspect: x}\n")
        whole = self.ctl("export", "kept").stdout
        self.fleet.wait_member("kept", True)
        for verb, state in (("quarantine", "quarantined"), ("maintenance", "maintenance")):
            self.ctl("node", verb, "kept")
            self.fleet.wait_member("kept", False)
            for text, fields in (("kind: node\nname: kept\n", set()), (whole, set()),
                                 (f"kind: node\nname: kept\nlabels: {{zone: {state}}}\naddress: 192.0.2.8\n", {"labels", "address"}),
                                 (whole, {"labels", "address"})):
                row = json.loads(apply(text).stdout)[0]
                self.assertEqual((set(row["fields"]), row["change"]), (fields, "changed" if fields else "unchanged"), (state, text))
                node = self.fleet.node("kept")
                self.assertEqual((node["state"], node["aliases"], node["pools"]["trusted"]["member"]), (state, ["old"], False), text)
        self.assertEqual((node["address"], node["labels"]), ("192.0.2.7", {"zone": "z", "suspect": "x"}))
        # Said it is done, but for a quarantine: that ends when an operator resumes the node.
        self.assertEqual(json.loads(apply("kind: node\nname: kept\nstate: in_service\n").stdout)[0]["fields"],
                         {"state": {"from": "maintenance", "to": "in_service"}})
        apply("kind: node\nname: kept\nstate: quarantined\n")
        for state in ("in_service", "maintenance", "retired"):
            for more in ((), ("--dry-run",)):
                done = self.ctl("apply", "-f", "-", *more, code=1, stdin=f"kind: node\nname: kept\nstate: {state}\n---\nkind: node\nname: other\n")
                self.assertIn("spicectl node resume kept", done.stderr)
        self.assertEqual([n["state"] for n in self.fleet.json("node", "list") if n["name"] in ("kept", "other")], ["quarantined"])
        self.assertEqual(apply(self.ctl("export", "kept").stdout).stdout.count("unchanged"), 1)
        self.ctl("node", "resume", "kept")
        self.fleet.wait_member("kept", True)
        # Said to be empty it is emptied; of labels documents those of the node stay.
        apply("kind: node\nname: kept\naliases: [older]\n---\nkind: label\nnode: kept\nlabels: {zone: y}\n")
        self.assertEqual(self.fleet.node("kept")["labels"], {"zone": "y", "suspect": "x"})
        apply('kind: node\nname: kept\naddress: ""\naliases: []\nlabels: {}\n')
        node = self.fleet.node("kept")
        self.assertEqual((node["address"], node["aliases"], node["labels"], node["state"]), ("kept", [], {}, "in_service"))

    def test_run_waits_for_every_node(self):
        """What is under way already counts when it comes, and nothing at all is no pass."""
        check = "kind: check\nname: slow\nadapter: noop\nparams: {{outcome: {}, delay: {}}}\nselector: {}\nstage: draft\nprofile: fast\ntimeout: 20s\nmax_age: 60s\n"
        running = lambda: self.fleet.json("check", "run", "slow", "n1")["runs"] == 0
        self.addCleanup(self.ctl, "check", "delete", "slow", "--yes")
        self.fleet.apply(check.format("fail", "3s", "name=n1"))
        support.wait("the run of n1 is under way", running, 60)
        done = self.ctl("--json", "check", "run", "slow", "--wait", code=5)
        self.assertEqual([(r["node"], r["outcome"]) for r in json.loads(done.stdout)], [("n1", "fail")])
        # n1 has run for a while already; n2 is begun now and ends after it.
        self.fleet.apply(check.format("pass", "1500ms", "name=n3").replace("slow", "tick"))
        self.addCleanup(self.ctl, "check", "delete", "tick", "--yes")
        support.wait("the run of n1 is under way again", running, 60)
        self.ctl("check", "run", "tick", "--wait")
        done = self.ctl("--json", "check", "run", "slow", "n2", "n1", "--wait", code=5)
        self.assertEqual({r["node"] for r in json.loads(done.stdout)}, {"n1", "n2"})
        self.fleet.apply(check.format("pass", "5m", "zone=nowhere").replace("20s", "10m").replace("60s", "1h"))
        for words, said in ((["n2", "--timeout", "2s"], "of 1 nodes 1 have no new result: n2"), (["-l", "zone=nowhere"], "no node is selected"), (["zz*"], "")):
            self.assertIn(said, self.ctl("check", "run", "slow", *words, "--wait", code=1).stderr)
        self.assertEqual(self.fleet.json("check", "run", "slow", "--dry-run")["names"], [])
        done = self.ctl("check", "run", "slow", "--wait", code=1)
        self.assertIn("the check selects no node", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
