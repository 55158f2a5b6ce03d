#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Enrolment of nodes through real programs and software TPMs: the good way, and the attacks on it (K2, K3, K35). The operator's process judges;
the keeper binds, and asks for a second operator where something is replaced."""
import hashlib
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

import yaml

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from attester_bed import PATIENCE, REASON, SOURCE, Asker, Swtpm, add_attester, new_principal, sections, start_attester, wire  # noqa: E402
from fleet import Fleet, wait  # noqa: E402

ROOTS = SOURCE / "tests/vectors/tpm/enroll"
REFUSAL = wire.ENUMS["refusal"]


class MadeTpm(Swtpm):
    """A software TPM made here, with certificates of an authority of its own: roots/ in its directory."""

    def start(self):
        if not (self.dir / "made").exists():
            (self.dir / "tpm2-00.permall").unlink()
            (self.dir / "ca.conf").write_text(f"statedir = {self.dir}\nsigningkey = {self.dir}/key.pem\nissuercert = {self.dir}/issuer.pem\n"
                                              f"certserial = {self.dir}/serial\n")
            (self.dir / "ca.options").write_text("--platform-manufacturer test\n--platform-version 1\n--platform-model test\n")
            (self.dir / "setup.conf").write_text(f"create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = {self.dir}/ca.conf\n"
                                                 f"create_certs_tool_options = {self.dir}/ca.options\n")
            subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", str(self.dir), "--config", str(self.dir / "setup.conf"), "--create-ek-cert",
                            "--pcr-banks", "sha1,sha256", "--vmid", "node1", "--overwrite"], check=True, capture_output=True, timeout=PATIENCE)
            (self.dir / "roots").mkdir()
            for name in ("swtpm-localca-rootca-cert.pem", "issuer.pem"):
                shutil.copy(self.dir / name, self.dir / "roots" / name)
            (self.dir / "made").touch()
        super().start()


def maker_roots(to):
    """The authority of the recorded TPMs."""
    to.mkdir()
    for name in ("root.pem", "issuercert.pem"):
        shutil.copy(ROOTS / name, to / name)
    return to


class Operator(Asker):
    """Says to the keeper what spicectl would not, and asks it who a node is."""

    def ask(self, verb, args):
        number = time.time_ns()
        return self.until(lambda: self.send("AdminRequest", {"id": number, "verb": verb, "args": json.dumps(args).encode()}, dest="keeper"),
                          "AdminReply", lambda m: m["id"] == number)

    def identity(self, node):
        return self.until(lambda: self.send("IdentityGet", {"node": node, "generation": 0}, dest="keeper"), "Identity", lambda m: m["node"] == node)

    def until(self, send, kind, fits):
        end, sequence = time.monotonic() + PATIENCE, send()
        while time.monotonic() < end:
            got = self.receive(1.0)
            if got and got[0] == "Refused" and got[1]["sequence"] == sequence:  # the broker has forgotten us, or nobody is there yet
                self.say_hello()
                sequence = send()
            elif got and got[0] == kind and fits(got[1]):
                return got[1]
        raise AssertionError(f"no {kind}")


class FalseAttester(Asker):
    """An attester that answers what a test says."""

    def serve(self, answers):
        """One round of questions: kind -> document, or a function of the question."""
        got = self.receive(0.05)
        self.turns += 1
        self.send("Heartbeat", {"progress": self.turns, "backlog": 0})
        if not got or got[0] != "EvidenceRequest" or got[1]["kind"] not in answers:
            return
        q, answer = got[1], answers[got[1]["kind"]]
        data = answer(q) if callable(answer) else answer
        self.send("Evidence", {"id": q["id"], "node": q["node"], "kind": q["kind"], "nonce": q["nonce"], "code": 0, "total": len(data),
                               "offset": q["offset"], "part": data[q["offset"]:], "detail": ""}, dest=got[2]["sender"])


def document(**parts):
    return b"".join(bytes([len(name)]) + name.encode() + len(data).to_bytes(4, "big") + data for name, data in parts.items())


class Enrolment(unittest.TestCase):
    """One fleet for all; each test has nodes of its own, and says at its end that it left no TPM that another needs."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(workers=1)
        cls.addClassCleanup(cls.fleet.__exit__, None, None, None)
        cls.roots = maker_roots(cls.fleet.prefix / "roots")
        cls.tpm = {name: Swtpm(name) for name in ("tpmA", "tpmB")}
        cls.tpm["made"] = MadeTpm()
        for tpm in cls.tpm.values():
            cls.addClassCleanup(tpm.close)
        principals = cls.fleet.prefix / "etc/principals.yaml"
        principals.write_text(principals.read_text() + new_principal(cls.fleet.prefix, "second", "operator") +
                              new_principal(cls.fleet.prefix, "third", "operator"))
        common = {"cpu_percent": 100, "per_minute": 600, "timeout": "20s"}
        for node, tpm in (("made1", "made"), ("a1", "tpmA"), ("b1", "tpmB"), ("old1", "tpmA")):
            add_attester(cls.fleet, "attester-" + node, node, {**common, "tcti": cls.tpm[tpm].tcti, "boot_log": str(cls.fleet.prefix / f"{node}.log")})
        for node in ("false1", "false2"):
            principals.write_text(principals.read_text() + new_principal(cls.fleet.prefix, "attester-" + node, "attester", nodes=node))
        cls.fleet.start("broker-1", "keeper", "scheduler")
        cls.answers()
        for node in ("made1", "a1", "b1", "old1", "false1", "false2"):
            cls.fleet.ctl("node", "add", node)
        cls.admin = Operator(cls.fleet.prefix, "admin")
        cls.addClassCleanup(cls.admin.close)

    @classmethod
    def answers(cls):
        wait("the keeper answers", lambda: cls.fleet.ctl("node", "list", check=False).returncode == 0, PATIENCE)

    def attester(self, node):
        process = start_attester(self.fleet, "attester-" + node)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def enroll(self, node, *more, code=0):
        """The one row of the answer."""
        done = self.fleet.ctl("--json", "--timeout", "120s", "node", "enroll", node, *more, check=False, timeout=300)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)[0]

    def node(self, name):
        return self.fleet.json("node", "show", name)[0]

    def row(self, name):
        return next(n for n in self.fleet.json("node", "list") if n["name"] == name)

    def refused(self, node, text, *more):
        before = self.node(node)
        row = self.enroll(node, *more, code=1)
        self.assertIn(text, row["error"])
        self.assertEqual((row["done"], row["what"]), (False, ""))
        after = self.node(node)
        self.assertEqual((after["generation"], after["identity"]), (before["generation"], before["identity"]))

    # ---- the good way -------------------------------------------------------------------------------------------

    def test_certified(self):
        """From nothing to an identity that the keeper tells workers, with certificates of an authority made here."""
        self.attester("made1")
        roots = str(self.tpm["made"].dir / "roots")
        self.assertEqual(self.node("made1")["enrolment"], "none")
        self.assertEqual(self.admin.identity("made1")["code"], REFUSAL["not_found"])
        self.refused("made1", "does not lead to a known maker", "--roots", str(self.roots))  # a TPM of somebody else's authority
        self.refused("made1", "not the one listed", "--roots", roots, "--pin", "ab" * 32)
        dry = self.enroll("made1", "--roots", roots, "--dry-run")
        self.assertEqual((dry["done"], dry["dry_run"], dry["what"], self.node("made1")["enrolment"]), (False, True, "enrolled", "none"))
        generation = self.node("made1")["generation"]
        row = self.enroll("made1", "--roots", roots, "--pin", dry["ek"])
        self.assertEqual(set(row), {"name", "done", "dry_run", "what", "fingerprint", "mode", "ek", "maker", "model", "error"})
        self.assertEqual((row["done"], row["what"], row["mode"], row["fingerprint"]), (True, "enrolled", "certified", dry["fingerprint"]))
        node = self.node("made1")
        self.assertEqual((node["enrolment"], node["generation"]), ("certified", generation + 1))
        identity = node["identity"]
        self.assertEqual((identity["fingerprint"], identity["state"], identity["by"], identity["approved_by"], identity["request"], identity["fault"]),
                         (row["fingerprint"], "held", "admin", "", None, None))
        told = self.admin.identity("made1")
        self.assertEqual((told["code"], told["attester"], told["generation"], told["mode"], told["ek"].hex()),
                         (0, "attester-made1", generation + 1, wire.ENUMS["enrolment"]["certified"], row["ek"]))
        self.assertEqual(told["sign"].hex(), self.admin.principals["attester-made1"]["sign"])
        audit = [a for a in self.fleet.json("audit", "list", "--node", "made1") if a["what"] == "node.enroll" and not a["to"].startswith("refused")]
        self.assertEqual([(a["actor"], a["from"], a["to"]) for a in audit], [("admin", "", row["fingerprint"])])
        again = self.enroll("made1", "--roots", roots)
        self.assertEqual((again["what"], self.node("made1")["generation"]), ("confirmed", generation + 2))
        self.assertIn("certified", self.fleet.ctl("node", "list").stdout)
        self.assertIn("  fingerprint  " + row["fingerprint"], self.fleet.ctl("node", "show", "made1").stdout)
        text = self.fleet.ctl("node", "enroll", "made1", "--roots", roots).stdout
        self.assertIn("node made1: confirmed, fingerprint " + row["fingerprint"], text)
        self.learn()

    def learn(self):
        """reference learn: what the enrolled TPM signed, a check in shadow, and never over what is there."""
        draft = self.fleet.prefix / "draft.yaml"
        dry = self.fleet.json("reference", "learn", "made1", "--to", str(draft), "--dry-run")
        self.assertEqual((dry["dry_run"], draft.exists()), (True, False))
        done = self.fleet.json("reference", "learn", "made1", "--to", str(draft))
        self.assertEqual(set(done), {"name", "enrolment", "file", "profile", "quote", "boot_log", "log_events", "sha256", "check", "dry_run"})
        self.assertEqual((done["name"], done["enrolment"], done["quote"], done["boot_log"]), ("made1", "certified", "sha256:0-9", "ignored"))
        self.assertEqual(done["sha256"], hashlib.sha256(draft.read_bytes()).hexdigest())
        self.assertEqual(done["check"], {"kind": "check", "name": "boot-made1", "adapter": "tpm", "stage": "shadow", "selector": "name=made1",
                                         "params": {"reference": "draft.yaml", "sha256": done["sha256"]}})
        self.assertTrue(draft.read_text().startswith("# DRAFT"))
        written = yaml.safe_load(draft.read_text())
        values = written["profiles"][0]["pcrs"]["sha256"]
        self.assertEqual((written["reference"], written["quote"], written["boot_log"], sorted(values)), (1, "sha256:0-9", {"judge": "ignored"}, list(range(10))))
        self.assertEqual(set(values.values()), {"00" * 32})  # a software TPM that nothing measured into
        draft.write_text("mine")
        again = self.fleet.ctl("reference", "learn", "made1", "--to", str(draft), check=False)
        self.assertEqual((again.returncode, "exists already" in again.stderr, draft.read_text()), (1, True, "mine"))
        second = self.fleet.ctl("reference", "learn", "made1", "--pcrs", "sha256:0-7+sha1:0", "--to", str(self.fleet.prefix / "second.yaml"))
        self.assertIn('no "bootlog": it has none', second.stderr)
        check = second.stdout
        self.fleet.apply(check)
        self.assertEqual([(c["name"], c["stage"]) for c in self.fleet.json("check", "list", "boot-made1")], [("boot-made1", "shadow")])
        (self.fleet.prefix / "made1.log").write_bytes(b"\xff" * 100)
        self.no_reference("made1", "boot log does not decode")
        (self.fleet.prefix / "made1.log").unlink()
        self.no_reference("false1", "is not enrolled (none)")

    def doctor(self):
        report = json.loads(self.fleet.ctl("--json", "doctor", check=False).stdout)
        return "; ".join(f["detail"] for f in report["findings"] if f["check"] == "enrolment")

    def no_reference(self, node, text):
        path = self.fleet.prefix / "none.yaml"
        done = self.fleet.ctl("reference", "learn", node, "--to", str(path), check=False)
        self.assertEqual((done.returncode, path.exists()), (1, False))
        self.assertIn(text, done.stderr)

    def test_first_use_then_certified_then_another(self):
        """What was taken without a certificate says so wherever the node is shown; another TPM needs two operators."""
        process = self.attester("a1")
        roots = str(self.roots)
        self.fleet.apply("kind: profile\nname: often\nperiod: 1h\n---\nkind: check\nname: c1\nadapter: noop\nprofile: often\nmax_age: 4h\n---\n"
                         "kind: pool\nname: trusted\nmandatory: [c1]\n")
        row = self.enroll("a1", "--first-use")
        self.assertEqual((row["what"], row["mode"]), ("enrolled", "first_use"))
        self.assertEqual(self.row("a1")["enrolment"], "first_use")
        self.assertIn("first_use", self.fleet.ctl("node", "list", "a1").stdout)
        self.assertIn("FIRST USE", self.fleet.ctl("explain", "a1").stdout)
        self.assertEqual(self.fleet.json("explain", "a1")["enrolment"], "first_use")
        members = self.fleet.json("pool", "members", "trusted", "--all")
        self.assertEqual([m["enrolment"] for m in members if m["node"] == "a1"], ["first_use"])
        self.assertIn("FIRST USE", self.fleet.ctl("node", "enroll", "a1", "--first-use").stdout)
        self.assertIn("1 nodes enrolled at first use", self.doctor())
        row = self.enroll("a1", "--roots", roots)
        self.assertEqual((row["what"], row["mode"], self.row("a1")["enrolment"]), ("strengthened", "certified", "certified"))
        self.refused("a1", "is enrolled with another identity", "--first-use")  # back to less is another identity

        config = self.fleet.prefix / "etc/attester-a1.yaml"

        def board(process, before, after):
            """The machine gets another board: the same name, attester and keys on the bus, another TPM."""
            process.kill()
            process.wait()
            config.write_text(config.read_text().replace(self.tpm[before].tcti, self.tpm[after].tcti))
            return self.attester("a1")
        process = board(process, "tpmA", "tpmB")
        self.no_reference("a1", "does not verify under the enrolled key")  # a good quote of another TPM
        self.refused("a1", "is enrolled with another identity", "--roots", roots)
        asked = self.enroll("a1", "--roots", roots, "--replace")
        self.assertEqual((asked["what"], asked["done"]), ("waits", True))
        node = self.node("a1")
        self.assertEqual((node["identity"]["fingerprint"], node["identity"]["request"]["fingerprint"], node["enrolment"]),
                         (row["fingerprint"], asked["fingerprint"], "certified"))
        self.assertIn("1 nodes wait for another identity", self.doctor())
        done = self.fleet.ctl("node", "approve", "a1", "--yes", check=False)  # whoever asked
        self.assertEqual(done.returncode, 1)
        self.assertIn("who asked for another identity cannot approve it", done.stderr)
        self.assertEqual(self.fleet.ctl("--name", "second", "node", "approve", "a1", check=False).returncode, 1)  # nobody to say yes
        other = Operator(self.fleet.prefix, "second")
        self.addCleanup(other.close)
        self.assertEqual(other.ask("node.approve", {"name": "a1", "fingerprint": row["fingerprint"]})["code"], REFUSAL["conflict"])  # not what waits
        self.assertEqual(self.node("a1")["identity"]["fingerprint"], row["fingerprint"])
        done = self.fleet.ctl("--name", "second", "node", "approve", "a1", "--yes", "--pin", row["ek"], "--roots", roots, check=False)
        self.assertEqual(done.returncode, 1)  # its own look at the node finds another certificate than it expects
        self.assertIn("not the one listed", done.stderr)
        process = board(process, "tpmB", "tpmA")
        done = self.fleet.ctl("--name", "second", "node", "approve", "a1", "--yes", "--roots", roots, check=False)
        self.assertEqual(done.returncode, 1)  # a good TPM, and not the one that was asked for
        self.assertIn("another TPM or attester than was asked for", done.stderr)
        process = board(process, "tpmA", "tpmB")
        generation = self.node("a1")["generation"]
        done = json.loads(self.fleet.ctl("--json", "--name", "second", "node", "approve", "a1", "--yes", "--roots", roots).stdout)
        self.assertEqual((done["result"], done["fingerprint"]), ("enrolled", asked["fingerprint"]))
        identity = self.node("a1")["identity"]
        self.assertEqual((identity["fingerprint"], identity["by"], identity["approved_by"], identity["request"]),
                         (asked["fingerprint"], "admin", "second", None))
        self.assertEqual(self.node("a1")["generation"], generation + 1)
        self.assertEqual(self.fleet.ctl("--name", "second", "node", "approve", "a1", "--yes", check=False).returncode, 1)  # once
        self.attester("b1")
        self.refused("b1", "node a1 is enrolled with a key", "--roots", roots)  # one TPM, one node
        self.fleet.ctl("node", "unenroll", "a1")
        self.assertEqual((self.row("a1")["enrolment"], self.admin.identity("a1")["code"]), ("withdrawn", REFUSAL["not_found"]))
        self.assertEqual(self.enroll("b1", "--roots", roots)["what"], "enrolled")

        self.fleet.ctl("key", "revoke", "attester-b1", "--yes")
        self.assertEqual((self.row("b1")["enrolment"], self.admin.identity("b1")["code"]), ("no_attester", REFUSAL["not_found"]))
        generation = self.node("b1")["generation"]
        self.fleet.ctl("node", "retire", "b1")
        self.fleet.ctl("node", "add", "b1", "--key", "00000000-0000-4000-8000-0000000000b1")  # the name of a machine that is gone
        self.assertEqual((self.row("b1")["enrolment"], self.node("b1")["generation"] > generation), ("foreign", True))
        self.assertEqual(self.admin.identity("b1")["code"], REFUSAL["not_found"])

    # ---- who lies -----------------------------------------------------------------------------------------------

    def real(self, attester_node, kind, args=None):
        return self.admin.document(self.admin.question(attester_node, kind, args))

    def lie(self, node, answers, text, *more):
        """Enrols while an attester of that node answers so."""
        if not hasattr(self, "false"):
            self.false = FalseAttester(self.fleet.prefix, "attester-" + node)
            self.addCleanup(self.false.close)
        self.false.say_hello()
        child = subprocess.Popen([str(self.fleet_bin()), "--config", str(self.fleet.config), "--timeout", "60s", "node", "enroll", node, *more],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + PATIENCE
        while child.poll() is None and time.monotonic() < end:
            self.false.serve(answers)
        child.kill()
        self.assertIn(text, child.communicate()[1])
        self.assertEqual(child.returncode, 1)
        self.assertEqual(self.row(node)["enrolment"], "none")

    @staticmethod
    def fleet_bin():
        from fleet import BIN
        return BIN / "spicectl"

    def test_false_attesters(self):
        """The documents of a real TPM of another node, in every combination that might pass for one."""
        self.attester("old1")
        keys = sections(self.real("old1", "enroll"))
        roots = ("--roots", str(self.roots))
        seen = []

        def activated(q):
            """Sent on to the real TPM, as a question of its own node: the proof names that node and its keys."""
            seen.append(self.real("old1", "activate", json.loads(q["args"])))
            return seen[-1]

        self.lie("false1", {"enroll": document(**keys), "activate": activated}, "did not prove", *roots)
        self.assertEqual(len(seen), 1)
        self.lie("false1", {"enroll": document(**keys), "activate": seen[0]}, "did not prove", *roots)  # an old answer, said again
        self.lie("false1", {"enroll": document(**keys), "activate": document(proof=bytes(32))}, "did not prove", *roots)
        self.lie("false1", {"enroll": document(**keys), "activate": document()}, "did not prove", *roots)
        self.lie("false1", {"enroll": b"\xff" * 9, "activate": b""}, "malformed", *roots)
        self.lie("false1", {"enroll": document(ek_public=keys["ek_public"])}, "sent no keys", *roots)

        def soft(q):
            """A key that no TPM holds is given a credential that only the TPM of the endorsement key could open."""
            with self.assertRaises(AssertionError):
                self.real("old1", "activate", json.loads(q["args"]))
            return document(proof=bytes(32))
        other = bytearray(keys["ak_public"])
        other[-1] ^= 1  # off the curve
        self.lie("false1", {"enroll": document(**{**keys, "ak_public": bytes(other)})}, "attestation key", *roots)
        loose = bytearray(keys["ak_public"])
        loose[6:10] = (int.from_bytes(loose[6:10], "big") & ~0x00010000).to_bytes(4, "big")  # not restricted: would sign anything
        self.lie("false1", {"enroll": document(**{**keys, "ak_public": bytes(loose)})}, "may sign what the TPM did not make", *roots)
        self.attester("b1")
        foreign = sections(self.real("b1", "enroll"))["ak_public"]  # a good one, of another TPM
        self.lie("false1", {"enroll": document(**{**keys, "ak_public": foreign}), "activate": soft}, "did not prove", *roots)
        self.lie("false1", {"enroll": document(**{**keys, "ek_cert": b""})}, "keeps no certificate", *roots)
        self.lie("false1", {"enroll": document(**{**keys, "ek_cert": keys["ek_cert"][:40]})}, "does not decode", *roots)
        swapped = document(ek_public=keys["ek_public"][:-1] + bytes([keys["ek_public"][-1] ^ 2]), ek_cert=keys["ek_cert"], ak_public=keys["ak_public"])
        self.lie("false1", {"enroll": swapped}, "certificate is of another key", *roots)

    def test_what_the_keeper_refuses(self):
        """An operator's process that lies: the keeper holds what it knows itself against it."""
        keys = {name: bytes.fromhex(row["sign"]) for name, row in self.admin.principals.items() if row["sign"]}
        good = {"name": "false2", "attester": "attester-false2", "sign": keys["attester-false2"].hex(), "ek": "11" * 32, "ek_public": "22" * 32,
                "ak": "0023" + "33" * 80, "mode": "certified"}
        bad = ({"attester": "attester-a1", "sign": keys["attester-a1"].hex()}, {"sign": keys["attester-a1"].hex()}, {"attester": "attester-a1"}, {"attester": "nobody"}, {"attester": "worker-1"}, {"mode": "none"},
               {"mode": "sure"}, {"ek": "11"}, {"ak": ""}, {"ak": "00" * 513}, {"ak": "0"}, {"extra": 1}, {"replace": "yes"}, {"name": "nobody"})
        for change in bad:
            reply = self.admin.ask("node.enroll", {**good, **change})
            self.assertNotEqual(reply["code"], 0, change)
        self.assertEqual(self.row("false2")["enrolment"], "none")
        self.assertEqual(self.admin.ask("node.enroll", {**good, "dry_run": True})["code"], 0)
        self.assertEqual(self.row("false2")["enrolment"], "none")
        for key in ("identity", "enrolment"):  # nothing is proved by being written down
            done = self.fleet.ctl("apply", "-f", "-", input=f"kind: node\nname: false2\n{key}: {{mode: certified}}\n", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(self.admin.ask("node.put", {"name": "false2", key: {"mode": "certified"}})["code"], REFUSAL["bad_request"])
        self.assertEqual(self.admin.ask("node.enroll", good)["code"], 0)
        asker = Operator(self.fleet.prefix, "third")
        self.addCleanup(asker.close)
        reply = asker.ask("node.enroll", {**good, "ak": "0023" + "44" * 80, "replace": True})
        waits = json.loads(reply["data"])
        self.assertEqual((reply["code"], waits["result"]), (0, "waits"))
        self.fleet.ctl("key", "revoke", "third", "--yes")
        reply = self.admin.ask("node.approve", {"name": "false2", "fingerprint": waits["fingerprint"]})
        self.assertIn("no operator any more", json.loads(reply["data"])["error"])
        exported = self.fleet.ctl("export", "--kind", "node").stdout
        self.assertNotIn("33" * 40, exported)
        self.fleet.ctl("apply", "-f", "-", input=exported)
        self.assertEqual(self.row("false2")["enrolment"], "certified")  # a definition neither gives nor takes one

    # ---- the store ----------------------------------------------------------------------------------------------

    def test_an_older_store(self):
        """K35, K38: the former TPM does not come back with a copy of the store, nor with a row of it."""
        fleet = Fleet(workers=1)
        self.addCleanup(fleet.__exit__, None, None, None)
        principals = fleet.prefix / "etc/principals.yaml"
        principals.write_text(principals.read_text() + new_principal(fleet.prefix, "second", "operator") +
                              new_principal(fleet.prefix, "attester-n1", "attester", nodes="n1"))
        fleet.start("broker-1", "keeper", "scheduler")
        ready = lambda: wait("the keeper answers", lambda: fleet.ctl("node", "list", check=False).returncode == 0, PATIENCE)  # noqa: E731
        ready()
        fleet.ctl("node", "add", "n1")
        first = {"name": "n1", "attester": "attester-n1", "ek": "11" * 32, "ek_public": "22" * 32, "ak": "0023" + "33" * 80, "mode": "certified"}
        store = fleet.prefix / "state/keeper/keeper.db"

        def asked(verb, args, name="admin"):
            operator = Operator(fleet.prefix, name)
            try:
                args = {**args, "sign": operator.principals["attester-n1"]["sign"]} if verb == "node.enroll" else args
                reply = operator.ask(verb, args)
                return reply["code"], json.loads(reply["data"])
            finally:
                operator.close()

        def enrolment():
            return next(n for n in fleet.json("node", "list") if n["name"] == "n1")["enrolment"]

        def stopped(change):
            fleet.kill("keeper", signal.SIGTERM)
            change()
            fleet.start("keeper")
            ready()

        def rows(sql, *args):
            with sqlite3.connect(store) as db:
                found = db.execute(sql, args).fetchall()
            db.close()
            return found

        code, done = asked("node.enroll", first)
        self.assertEqual(code, 0)
        old = {}

        def keep():
            old["db"], old["row"] = store.read_bytes(), rows("SELECT * FROM identity")
        stopped(keep)
        self.assertEqual(enrolment(), "certified")  # restored
        second = {**first, "ek": "44" * 32, "ek_public": "55" * 32, "ak": "0023" + "66" * 80, "replace": True}
        code, waits = asked("node.enroll", second)
        self.assertEqual((code, waits["result"]), (0, "waits"))
        self.assertEqual(asked("node.approve", {"name": "n1", "fingerprint": waits["fingerprint"]}, "second")[0], 0)
        new = {}

        def put_row():
            new["db"] = store.read_bytes()
            rows("DELETE FROM identity")
            rows("INSERT INTO identity VALUES(" + ",".join("?" * len(old["row"][0])) + ")", *old["row"][0])
        stopped(put_row)  # one row, with a MAC that is good
        self.assertEqual(enrolment(), "doubted")
        stopped(lambda: rows("DELETE FROM identity"))  # and none at all
        self.assertEqual(enrolment(), "doubted")
        code, said = asked("node.enroll", first)
        self.assertEqual((code, "another identity" in said["error"]), (REFUSAL["conflict"], True))
        stopped(lambda: store.write_bytes(new["db"]))
        self.assertEqual(enrolment(), "certified")  # older, and no identity has changed since: the anchor says so
        self.assertIn("rolled_back", (fleet.prefix / "keeper.log").read_text())
        self.assertNotIn("identities.doubted", (fleet.prefix / "keeper.log").read_text())
        self.assertEqual(asked("node.enroll", {k: v for k, v in second.items() if k != "replace"})[1]["result"], "confirmed")
        stopped(lambda: store.write_bytes(old["db"]))  # all of it
        self.assertEqual(enrolment(), "doubted")
        self.assertIn("identities.doubted", (fleet.prefix / "keeper.log").read_text())
        code, done = asked("node.enroll", first)  # it proves itself anew
        self.assertEqual((code, done["result"], enrolment()), (0, "confirmed", "certified"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
