#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people type wrong is answered with what is wrong about it and the nearest right word, and with the exit code of the manual."""
import os
import pathlib
import sys
import unittest

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(SOURCE / "tests/support"))
from fleet import Fleet  # noqa: E402


class Mistakes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(workers=1)
        cls.addClassCleanup(cls.fleet.__exit__, None, None, None)
        plugins = cls.fleet.prefix / "plugins"
        plugins.mkdir()
        (plugins / "check_disk").write_text("#!/bin/sh\n")
        cls.fleet.config.write_text(cls.fleet.config.read_text().replace('"/usr/lib/nagios/plugins"', '"plugins"'))
        cls.fleet.start().ready()
        cls.fleet.apply("kind: node\nname: this-host\n---\nkind: node\nname: that\n---\nkind: check\nname: well\nadapter: noop\n")

    def refused(self, args, code, *texts, input=None):
        done = self.fleet.ctl(*args, check=False, input=input)
        told = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, (args, told))
        for text in texts:
            self.assertIn(text, told, args)
        return told

    def test_invitations(self):
        invite = ["worker", "invite"]
        self.refused([*invite, "rack7", "--adapters", "noop", "--nodes", "zone=="], 1, "nodes", '"zone==" is wrong at character 6 (=)')
        self.refused([*invite, "rack7", "--adapters", "noop", "--nodes", "zone=a,"], 1, "wrong at character 8 (its end)")
        self.refused([*invite, "rack7", "--adapters", "noop", "--labels", "b=1,a=2"], 1, "labels", '"b=1,a=2" are no labels', "sorted by key")
        self.refused([*invite, "rack 7", "--adapters", "noop"], 1, "name", '"rack 7" is no name of a worker')
        self.refused([*invite, "rack7", "--adapters", "noop", "--ttl", "31d"], 1, "no life of an invitation", "between 1s and 30d")
        self.refused([*invite, "rack7", "--adapters", "noop,exce"], 2, 'no adapter "exce"', "did you mean exec?", "--unknown-adapter")
        self.assertEqual(self.fleet.ctl(*invite, "rack7", "--adapters", "noop,exce", "--unknown-adapter", "--dry-run").returncode, 0)

    def test_names_of_nodes(self):
        for state in ("maintenance", "quarantine"):
            told = self.refused(["node", state, "this-hots"], 1, 'no node "this-hots"', "did you mean this-host?")
            self.assertEqual(told.count("this-hots"), 1)
        self.refused(["node", "maintenance", "this-hots", "that", "tht"], 4, 'no node "this-hots"', "did you mean this-host?", 'no node "tht"', "did you mean that?")
        self.refused(["explain", "this-hots"], 1, 'no node "this-hots"', "did you mean this-host?")
        self.refused(["node", "show", "this-hots"], 1, "did you mean this-host?")

    def test_definitions(self):
        apply = ["apply", "-f", "-"]
        self.refused(apply, 1, "standard input:4:11", "wrong at character 8 (and rack=b)", input='kind: check\nname: c\nadapter: noop\nselector: "zone=a and rack=b"\n')
        told = self.refused(apply, 1, "standard input:3", input="kind: check\nname: c\nadapter: [noop]\n")
        for adapter in ("noop", "http", "oat", "keylime", "tpm", "files", "ima", "procmem", "exec"):
            self.assertIn(adapter, told)

    def test_plugins(self):
        self.refused(["check", "verify", "check_dsik"], 1, 'no plugin "check_dsik" on this host', "did you mean check_disk?")
        self.refused(["check", "verify", "nosuch"], 1, 'no plugin "nosuch"', "worker.plugin_dirs")

    def test_no_bridge(self):
        for noun in (["trait", "status"], ["exposure"]):
            self.refused(noun, 3, "no bridge is connected")

    def test_one_trait_of_two_pools(self):
        pool = "kind: pool\nname: {}\nmandatory: [well]\ntrait: {}\n"
        text = "---\n".join([pool.format("one", "CUSTOM_A"), pool.format("two", "CUSTOM_A"), pool.format("three", "CUSTOM_B")])
        told = self.fleet.apply(text).stderr
        self.assertIn("pool one has the trait of pool two: only nodes that are in both get it", told)
        self.assertNotIn("pool three", told)
        self.assertIn("pool four has the trait of pool three", self.fleet.apply(pool.format("four", "CUSTOM_B")).stderr)
        self.assertNotIn("trait of", self.fleet.apply(pool.format("three", "CUSTOM_C")).stderr)
        self.assertNotIn("trait of", self.fleet.apply(pool.format("four", "CUSTOM_B")).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
