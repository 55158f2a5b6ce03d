#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real attester, a real broker and a software TPM: what it answers, to whom, what a stolen key gets, and what happens when something dies."""
import base64
import ctypes.util
import hashlib
import hmac
import json
import os
import pathlib
import pwd
import signal
import struct
import subprocess
import sys
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(SOURCE / "tests/support")]
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: E402
from zmq.utils import z85  # noqa: E402

from attester_bed import PATIENCE, REASON, Asker, Swtpm, add_attester, add_broker, children, forget, is_alive, sections, start_attester, wire, wrap  # noqa: E402
from fleet import BIN, Fleet, wait  # noqa: E402

PART = 196608
PROOF = b"SPICE1 attestation key:\0"
CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_CHECKPOINT_RESTORE = 2, 19, 40
BOOT_LOG, IMA_LOG = os.urandom(2 * PART + 1000), os.urandom(5000)
SANITIZED = bool(os.environ.get("SPICE_ATTESTER"))  # its processes are larger and slower


def status(pid, field):
    return next(line.split(":", 1)[1].strip() for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(field + ":"))


class Attester(unittest.TestCase):
    """One fleet for all: a broker, an attester of node1 with a TPM, two of other nodes without."""

    @classmethod
    def setUpClass(cls):
        cls.fleet, cls.tpm = Fleet(workers=3), Swtpm()
        cls.addClassCleanup(cls.fleet.__exit__, None, None, None)
        cls.addClassCleanup(cls.tpm.close)
        cls.addClassCleanup(cls.no_findings)
        add_broker(cls.fleet, "broker-2")
        for name, data in (("boot", BOOT_LOG), ("ima", IMA_LOG)):
            (cls.fleet.prefix / name).write_bytes(data)
        common = {"boot_log": str(cls.fleet.prefix / "boot"), "ima_log": str(cls.fleet.prefix / "ima"), "cpu_percent": 100, "per_minute": 600}
        add_attester(cls.fleet, "attester-1", "node1", {**common, "tcti": cls.tpm.tcti, "timeout": "10s",
                                                     "services": [f"victim=script:{cls.fleet.prefix}/victim.py"]})
        add_attester(cls.fleet, "attester-2", "node2", {**common, "tcti": "swtpm:path=/nowhere", "per_minute": 3, "read_mb": 1, "cpu_percent": 5})
        add_attester(cls.fleet, "attester-4", "node4", {**common, "tcti": "swtpm:path=/nowhere", "user": "nobody"})
        add_attester(cls.fleet, "attester-3", "node3", {**common, "tcti": "swtpm:path=/nowhere"})
        forget(cls.fleet, "attester-3", "worker-3")
        cls.fleet.start("broker-1", "broker-2")
        cls.start("attester-1")
        cls.worker = Asker(cls.fleet.prefix, "worker-1", broker=1)  # broker-1: the other one is first in the file
        cls.admin = Asker(cls.fleet.prefix, "admin", broker=1)
        cls.addClassCleanup(cls.worker.close)
        cls.addClassCleanup(cls.admin.close)

    @classmethod
    def no_findings(cls):
        for log in cls.fleet.prefix.glob("attester-*.log"):
            for word in ("Sanitizer", "runtime error", "assertion"):
                if word in (text := log.read_text(errors="replace")):
                    raise AssertionError(f"{log.name}: {text[text.index(word) - 200:][:3000]}")

    @classmethod
    def start(cls, name):
        return start_attester(cls.fleet, name, os.environ.get("SPICE_ATTESTER"))

    @classmethod
    def back(cls, name="attester-1"):
        return wait("the back is there", lambda: children(cls.fleet.pid(name)), PATIENCE)[0]

    def code(self, asker, q):
        return asker.one(q)["code"]

    # ---- documents ------------------------------------------------------------------------------------------

    def test_quote(self):
        """The quote is of this TPM, for this nonce and this node, and of the values beside it."""
        ak = sections(self.admin.document(self.admin.question("node1", "enroll")))["ak_public"]
        for asker in (self.worker, self.admin):
            q = asker.question("node1", "quote", {"pcrs": "sha256:0-10"})
            quote = sections(asker.document(q))
            attest, data = quote["attest"], hashlib.sha256(b"SPICE quote\0" + q["nonce"] + b"node1").digest()
            self.assertEqual(attest[:6], b"\xffTCG\x80\x18")
            self.assertIn(struct.pack(">H", 32) + data, attest)
            x, y = int.from_bytes(ak[-66:-34], "big"), int.from_bytes(ak[-32:], "big")
            r, s = int.from_bytes(quote["signature"][-66:-34], "big"), int.from_bytes(quote["signature"][-32:], "big")
            self.assertEqual(quote["signature"][:4], b"\x00\x18\x00\x0b")
            ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key().verify(
                utils.encode_dss_signature(r, s), attest, ec.ECDSA(hashes.SHA256()))
            values, digest = quote["pcrs"], hashlib.sha256()
            for pcr in range(11):
                self.assertEqual(values[:4], struct.pack(">HBB", 0x0B, pcr, 32))
                digest.update(values[4:36])
                values = values[36:]
            self.assertEqual(values, b"")
            self.assertTrue(attest.endswith(digest.digest()))

    def test_enrolment(self):
        """Only the TPM that holds both keys can make the proof, and it names node, nonce and the keys of this attester."""
        kept = sections(self.admin.document(self.admin.question("node1", "enroll")))
        self.assertTrue(kept["ek_cert"].startswith(b"\x30\x82"))
        credential = os.urandom(32)
        blob, secret = wrap(kept["ek_public"], kept["ak_public"], credential)
        args = {"blob": base64.b64encode(blob).decode(), "secret": base64.b64encode(secret).decode()}
        q = self.admin.question("node1", "activate", args)
        row, cert = self.admin.principals["attester-1"], kept["ek_cert"]
        bound = b"".join((PROOF, struct.pack(">H", 5), b"node1", b"\x00\x0b", hashlib.sha256(kept["ak_public"][2:]).digest(), q["nonce"],
                          hashlib.sha256(cert[:4 + int.from_bytes(cert[2:4], "big")]).digest(), bytes.fromhex(row["sign"]), z85.decode(row["curve"])))
        self.assertEqual(sections(self.admin.document(q)), {"proof": hmac.new(credential, bound, hashlib.sha256).digest()})
        for name, data in (("secret", secret), ("blob", blob)):
            broken = base64.b64encode(data[:-1] + bytes([data[-1] ^ 1])).decode()
            m = self.admin.one(self.admin.question("node1", "activate", {**args, name: broken}))
            # A software TPM calls a secret for another key a failure of its own.
            self.assertIn(m["code"], [REASON["security"], REASON["unreachable"]] if name == "secret" else [REASON["security"]], m["detail"])
            self.assertEqual((m["part"], m["total"]), (b"", 0))

    def test_parts(self):
        """A document has the same bytes in whatever order and however often its parts are asked for."""
        q = self.worker.question("node1", "bootlog")
        self.assertEqual(self.worker.document(q), BOOT_LOG)
        for offset in (PART, 0, 2 * PART, 7, len(BOOT_LOG), 0):
            m = self.worker.one({**q, "offset": offset})
            self.assertEqual((m["code"], m["total"]), (REASON["ok"], len(BOOT_LOG)))
            self.assertEqual(m["part"], BOOT_LOG[offset:offset + PART])
        (self.fleet.prefix / "boot").write_bytes(BOOT_LOG[:10])  # what was read is read
        self.assertEqual(self.worker.one({**q, "offset": PART})["part"], BOOT_LOG[PART:2 * PART])
        self.assertEqual(self.worker.document(self.worker.question("node1", "bootlog")), BOOT_LOG[:10])
        (self.fleet.prefix / "boot").write_bytes(BOOT_LOG)
        self.assertEqual(self.code(self.worker, {**q, "offset": len(BOOT_LOG) + 1}), REASON["protocol"])
        self.assertEqual(self.worker.document(self.worker.question("node1", "ima", {"from": 4000})), IMA_LOG[4000:])
        self.assertEqual(self.worker.document(self.worker.question("node1", "ima", {"from": 9000})), b"")

    def test_procmem(self):
        """Memory and files of a process, one of them without a name by now, with the rights that are left to the part that reads."""
        script, copy = self.fleet.prefix / "victim.py", self.fleet.prefix / "libgone.so"
        library = ctypes.util.find_library("m")
        script.write_text("import ctypes, os, sys\nlib = ctypes.CDLL(sys.argv[1])\nos.unlink(sys.argv[1])\nprint(os.getpid(), flush=True)\nsys.stdin.read()\n")
        known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout.splitlines()
        path = next(line.split()[-1] for line in known if line.split() and line.split()[0] == library)
        copy.write_bytes(pathlib.Path(path).read_bytes())
        with subprocess.Popen(["/usr/bin/python3", str(script), str(copy)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as victim:
            try:
                victim.stdout.readline()
                document = self.worker.document(self.worker.question("node1", "procmem", {"services": ["victim", "other"]}))
            finally:
                victim.kill()
        self.assertTrue(document.startswith(b"SPICE procmem 1\n\0\x02\x06victim\0" + struct.pack(">II", 1, 0) + b"\x05other\x01" + bytes(8)))
        digest = hashlib.sha256(pathlib.Path(path).read_bytes()).digest()
        at = document.index(struct.pack(">H", len(str(copy))) + str(copy).encode()) + 2 + len(str(copy))
        self.assertEqual(document[at], 1)  # deleted, and digested all the same
        self.assertEqual(document[at + 17:at + 49], digest)
        at = document.index(struct.pack(">BI", 0, victim.pid))  # no flag: all of it was read
        self.assertEqual(self.code(self.worker, self.worker.question("node1", "procmem", {"pid": 1})), REASON["bad_parameters"])

    # ---- a stolen key ---------------------------------------------------------------------------------------

    def test_hostile_questions(self):
        ask, w = self.worker.question, self.worker
        for q, reason in (
                (ask("node1", "enroll"), "refused"),  # for operators
                (ask("node1", "activate", {"blob": "QQ==", "secret": "QQ=="}), "refused"),
                (ask("node1", "shadow"), "bad_parameters"),
                (ask("node1", ""), "bad_parameters"),
                (ask("node1", "bootlog", {"path": "/etc/shadow"}), "bad_parameters"),
                (ask("node1", "ima", '{"from": -1}'), "bad_parameters"),
                (ask("node1", "ima", '{"from": 99999999999999999999}'), "bad_parameters"),
                (ask("node1", "quote", "[" * 16000), "bad_parameters"),
                (ask("node1", "quote", '{"pcrs": "sha256:0", "pcrs": "sha256:1"}'), "bad_parameters"),
                (ask("node1", "quote", '{"pcrs": "' + "9" * 16000 + '"}'), "bad_parameters"),
                (ask("node1", "bootlog", offset=5), "cancelled")):  # a part of nothing
            with self.subTest(kind=q["kind"], args=q["args"][:30]):
                m = w.one(q)
                self.assertEqual(m["code"], REASON[reason], m["detail"])
                self.assertEqual((m["part"], m["total"]), (b"", 0))
        q = ask("node1", "ima")
        w.document(q)
        for change in ({"kind": "bootlog"}, {"nonce": bytes(32)}, {"args": '{"from": 1}'}):  # the number is taken
            self.assertEqual(self.code(w, {**q, **change}), REASON["protocol"], change)
        # Under a number of somebody else there is nothing for us.
        other = Asker(self.fleet.prefix, "worker-2")
        self.addCleanup(other.close)
        self.assertEqual(self.code(other, {**q, "offset": 10}), REASON["cancelled"])

    def test_a_stranger_gets_nothing(self):
        """The broker knows it and lets it through; the attester's host does not, and there is no keeper who vouches for it."""
        self.start("attester-3")
        self.addCleanup(self.fleet.kill, "attester-3", signal.SIGTERM)
        other = Asker(self.fleet.prefix, "worker-3")
        self.addCleanup(other.close)
        self.assertEqual(self.code(self.worker, self.worker.question("node3", "ima")), REASON["ok"])
        with self.assertRaises(AssertionError):
            other.one(other.question("node3", "ima"), seconds=6)
        self.assertEqual(self.code(other, other.question("node1", "ima")), REASON["ok"])  # there the host knows it

    def test_limits(self):
        """Questions a minute of one asker, and the others are not hindered; bytes a second of all."""
        self.start("attester-2")
        self.addCleanup(self.fleet.kill, "attester-2", signal.SIGTERM)
        codes = [self.code(self.worker, self.worker.question("node2", "ima")) for _ in range(4)]
        self.assertEqual(codes, [REASON["ok"]] * 3 + [REASON["busy"]])
        self.assertEqual(self.code(self.admin, self.admin.question("node2", "ima")), REASON["ok"])
        # Bytes a second: half a second's are free, for the others one waits.
        large = self.fleet.prefix / "boot"
        large.write_bytes(bytes(2 << 20))
        begun = time.monotonic()
        self.assertEqual(len(self.admin.document(self.admin.question("node2", "bootlog"))), 2 << 20)
        self.assertGreaterEqual(time.monotonic() - begun, 1.4)
        large.write_bytes(BOOT_LOG)

    def test_flood(self):
        """Parts of a document asked for without end: the attester takes no more of the node than it may, and is still there."""
        self.start("attester-2")
        self.addCleanup(self.fleet.kill, "attester-2", signal.SIGTERM)
        pid, q = self.fleet.pid("attester-2"), self.admin.question("node2", "bootlog")
        self.assertEqual(self.admin.document(q), BOOT_LOG)
        used = lambda: sum(int((t / "schedstat").read_text().split()[0]) for t in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9  # noqa: E731
        begun, before = time.monotonic(), used()
        while (passed := time.monotonic() - begun) < 6:
            for _ in range(64):
                self.admin.put_question(q)
            while self.admin.next(0.01):
                pass
        # Half a second at once; then two percent, and what it costs to drop what is too much.
        print(f"flooded for {passed:.1f} s: {used() - before:.2f} s of CPU")
        self.assertLessEqual(used() - before, 0.5 + 0.15 * passed + 0.2)
        self.assertEqual(self.admin.one(q)["part"], BOOT_LOG[:PART])

    # ---- what dies ------------------------------------------------------------------------------------------

    def test_tpm_dies_and_returns(self):
        q = self.worker.question("node1", "quote", {"pcrs": "sha256:0"})
        self.tpm.cut()
        m = self.worker.one(q)
        self.assertEqual(m["code"], REASON["unreachable"])
        self.assertEqual(self.worker.one(q)["code"], REASON["unreachable"])  # a repeat gets what was said
        self.tpm.start()
        self.worker.document(self.worker.question("node1", "quote", {"pcrs": "sha256:0"}))

    def hang(self, q):
        """The collector of a question that does not end, for its TPM does not answer."""
        self.worker.document(self.worker.question("node1", "ima"))  # so that there is a session
        self.tpm.pause()
        self.addCleanup(self.tpm.go_on)
        self.worker.put_question(q)
        return wait("a collector is at work", lambda: children(self.back()), PATIENCE)[0]

    def test_collector_dies_or_hangs(self):
        """Killed in the middle of a question, and over its time: a reason comes, the next question is answered."""
        for how in ("killed", "late"):
            with self.subTest(how=how):
                q = self.worker.question("node1", "quote", {"pcrs": "sha256:0"})
                collector = self.hang(q)
                if how == "killed":
                    os.kill(collector, signal.SIGKILL)
                self.assertEqual(self.worker.one(q)["code"], REASON["internal" if how == "killed" else "deadline"])
                self.tpm.go_on()
                self.assertFalse(is_alive(collector))
                self.worker.document(self.worker.question("node1", "quote", {"pcrs": "sha256:0"}))

    def test_front_dies(self):
        """Nothing that can read is left behind, in the middle of a question too."""
        back = self.back()
        collector = self.hang(self.worker.question("node1", "quote", {"pcrs": "sha256:0"}))
        self.fleet.kill("attester-1")
        wait("both others are gone", lambda: not is_alive(back) and not is_alive(collector), PATIENCE)
        self.tpm.go_on()
        self.start("attester-1")
        self.worker.document(self.worker.question("node1", "quote", {"pcrs": "sha256:0"}))

    def test_back_dies(self):
        """The attester ends, so that it is started again whole."""
        self.worker.document(self.worker.question("node1", "ima"))
        os.kill(self.back(), signal.SIGKILL)
        self.assertEqual(self.fleet.processes["attester-1"].wait(PATIENCE), 1)
        self.start("attester-1")
        self.worker.document(self.worker.question("node1", "ima"))

    def test_brokers_die(self):
        """It is connected to all of them: each brings questions while another is gone, and all do when they are back."""
        other = Asker(self.fleet.prefix, "worker-2", broker=0)
        self.addCleanup(other.close)
        for asker in (self.worker, other):
            asker.document(asker.question("node1", "ima"))
        self.fleet.kill("broker-1")
        self.assertEqual(other.document(other.question("node1", "ima")), IMA_LOG)
        self.fleet.start("broker-1")
        self.assertEqual(self.worker.document(self.worker.question("node1", "ima")), IMA_LOG)
        self.fleet.restart("broker-2")
        self.assertEqual(other.document(other.question("node1", "ima")), IMA_LOG)

    def test_end(self):
        self.start("attester-2")
        back = self.back("attester-2")
        process = self.fleet.processes["attester-2"]
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertFalse(is_alive(back))

    def test_statistics(self):
        self.worker.document(self.worker.question("node1", "ima"))

        def seen():
            gauges = self.fleet.process_stats()["attester-1"]["gauges"]
            return gauges["attester.documents"] >= 1 and gauges["attester.questions"] >= 1 and "attester.dropped" in gauges
        wait("the attester tells what it did", seen, PATIENCE, 0.1)

    def test_wrong_configuration(self):
        """Told at start, with the exit code of wrong use: not taken for something that is not there."""
        for key, value in (("tcti", "cmd:/bin/sh -c id"), ("trees", ["etc/nova"]), ("services", ["a=b=c"]), ("ak_handle", "8101")):
            with self.subTest(key=key):
                path = self.fleet.prefix / "etc/wrong.yaml"
                path.write_text(self.fleet.config.read_text() + f"attester:\n  {key}: {json.dumps(value)}\n")
                path.chmod(0o600)
                done = subprocess.run([BIN / "spice-attester", "--config", path, "--name", "attester-1"], capture_output=True, text=True, timeout=PATIENCE)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(key, done.stderr)

    # ---- rights and size ------------------------------------------------------------------------------------

    def test_rights(self):
        front, back = self.fleet.pid("attester-1"), self.back()
        self.worker.document(self.worker.question("node1", "ima"))
        for pid in (front, back):
            self.assertEqual((status(pid, "NoNewPrivs"), status(pid, "Seccomp")), ("1", "2"), pid)
        self.assertEqual([int(status(front, f), 16) for f in ("CapEff", "CapPrm", "CapInh", "CapAmb")], [0] * 4)
        rights = 1 << CAP_DAC_READ_SEARCH | 1 << CAP_SYS_PTRACE | 1 << CAP_CHECKPOINT_RESTORE
        self.assertEqual([int(status(back, f), 16) & ~rights for f in ("CapEff", "CapPrm", "CapInh", "CapAmb")], [0] * 4)
        if os.geteuid() == 0:
            self.assertEqual(int(status(back, "CapBnd"), 16) & ~rights, 0)
        # Nobody can connect to either of them.
        inodes = {os.readlink(fd) for pid in (front, back) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
        for table in ("tcp", "tcp6"):
            for line in pathlib.Path(f"/proc/{front}/net/{table}").read_text().splitlines()[1:]:
                if line.split()[3] == "0A":  # listening
                    self.assertNotIn(f"socket:[{line.split()[9]}]", inodes)
        for line in pathlib.Path(f"/proc/{front}/net/unix").read_text().splitlines()[1:]:
            if int(line.split()[3], 16) & 0x10000:
                self.assertNotIn(f"socket:[{line.split()[6]}]", inodes)

    def test_another_user(self):
        """Started by root, the part on the bus becomes another user before it reads its keys; the part that reads stays and keeps its rights."""
        if os.geteuid() != 0:
            self.skipTest("needs root")
        nobody = pwd.getpwnam("nobody")
        for path in (self.fleet.prefix, self.fleet.prefix / "keys", self.fleet.prefix / "etc"):
            path.chmod(0o755)
        for path, mode in (("etc/principals.yaml", 0o644), ("etc/attester-4.yaml", 0o644), ("keys/attester-4.key", 0o600)):
            os.chown(self.fleet.prefix / path, nobody.pw_uid if "keys" in path else 0, 0)
            (self.fleet.prefix / path).chmod(mode)
        self.start("attester-4")
        self.addCleanup(self.fleet.kill, "attester-4", signal.SIGTERM)
        front, back = self.fleet.pid("attester-4"), self.back("attester-4")
        wait("the front has locked itself in", lambda: status(front, "Seccomp") == "2", PATIENCE)
        self.assertEqual(status(front, "Uid").split(), [str(nobody.pw_uid)] * 4)
        self.assertEqual(int(status(front, "CapPrm"), 16), 0)
        wait("the back has locked itself in", lambda: status(back, "Seccomp") == "2", PATIENCE)
        self.assertEqual(status(back, "Uid").split(), ["0"] * 4)
        self.assertEqual(status(back, "CapPrm"), status(self.back(), "CapPrm"))  # test_rights looks at those

    def test_size(self):
        """Both parts together, when they have worked and are idle: at most 16 MiB, pages they share counted twice."""
        self.worker.document(self.worker.question("node1", "quote", {"pcrs": "sha256:0-10"}))
        wait("the collector has ended", lambda: not children(self.back()), PATIENCE)
        resident = [int(status(pid, "VmRSS").split()[0]) for pid in (self.fleet.pid("attester-1"), self.back())]
        print("KiB resident, front and back:", *resident)
        if not SANITIZED:
            self.assertLessEqual(sum(resident), 16 * 1024)


if __name__ == "__main__":
    unittest.main(verbosity=1)
