#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Arguments of an operator's requests that spicectl would not make, sent to a real keeper by the Python codec."""
import json
import pathlib
import sys
import time
import unittest

import yaml

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "wire"))
sys.path.insert(0, str(HERE.parent / "support"))
from fleet import Fleet, wait  # noqa: E402
import spice_peer  # noqa: E402
import spice_wire as wire  # noqa: E402


class Operator(spice_peer.Peer):
    """Asks the keeper as spicectl does, with arguments that spicectl would not make."""

    def __init__(self, fleet):
        rows = yaml.safe_load((fleet.prefix / "etc/principals.yaml").read_text())["principals"]
        super().__init__(fleet.prefix, next(row["name"] for row in rows if row["role"] == "operator"))
        self.send("Hello", {"boot": 1, "software": "test", "adapters": "", "labels": "", "slots": 0, "topics": 0})

    def ask(self, verb, args):
        """(code, answer)"""
        number = time.time_ns()
        self.send("AdminRequest", {"id": number, "verb": verb, "args": json.dumps(args).encode()}, dest="keeper")
        while True:
            got = self.receive(60)
            if got is None:
                raise AssertionError("no answer to " + verb)
            if got[0] == "AdminReply" and got[1]["id"] == number:
                return got[1]["code"], got[1]["data"]


class Arguments(unittest.TestCase):
    def test_arguments_of_the_wrong_type(self):
        """K39, K11: what is not understood is refused. A pool whose selector is lost would select every node, an invitation without its scope
        would speak for all of them, and a rehearsal would be an act."""
        fleet = self.enterContext(Fleet(workers=0)).start("broker-1", "keeper")
        wait("the keeper answers", lambda: fleet.ctl("node", "list", check=False).returncode == 0)
        operator = Operator(fleet)
        self.addCleanup(operator.close)
        pool = {"name": "p", "mandatory": ["c1"]}
        invitation = {"name": "w9", "adapters": "noop"}
        wrong = [("pool.put", {**pool, "selector": ["zone=a"]}), ("pool.put", {**pool, "selector": {"zone": "a"}}),
                 ("pool.put", {**pool, "selector": None}), ("pool.put", {"name": "p", "mandatory": None}), ("pool.put", {**pool, "groups": None}),
                 ("pool.put", {**pool, "accept_warn": "false"}),
                 ("worker.invite", {**invitation, "nodes": ["zone=a"]}), ("worker.invite", {**invitation, "nodes": None}),
                 ("worker.invite", {**invitation, "node": "zone=a"}), ("worker.invite", {**invitation, "ttl_ms": "1"}),
                 ("node.put", {"name": "n9", "dry_run": "true"}), ("node.put", {"name": "n9", "dry_run": 1})]
        for verb, args in wrong:
            self.assertEqual(operator.ask(verb, args)[0], wire.ENUMS["refusal"]["bad_request"], (verb, args))
        self.assertEqual(fleet.json("pool", "list"), [])
        self.assertEqual([n["name"] for n in fleet.json("node", "list")], [])
        for verb, args in (("pool.put", {**pool, "selector": "zone=a"}), ("worker.invite", {**invitation, "nodes": "zone=a", "ttl_ms": 60000})):
            self.assertEqual(operator.ask(verb, args)[0], 0, (verb, args))


if __name__ == "__main__":
    unittest.main()
