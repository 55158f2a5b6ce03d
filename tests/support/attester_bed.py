# SPDX-License-Identifier: Apache-2.0
"""Software TPMs, attesters beside a real broker, and somebody who asks them over the bus."""
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(SOURCE / "tests/wire"), str(SOURCE / "tests/support")]
import zmq  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: E402

import spice_peer  # noqa: E402
import spice_wire as wire  # noqa: E402
from fleet import BIN, die_with_parent, wait  # noqa: E402

PATIENCE = 120.0
REASON = wire.ENUMS["reason"]


class Swtpm:
    """A software TPM from a recorded state, which has its endorsement keys and attestation keys at 0x81010020 to 22."""

    def __init__(self, name="tpmA"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="spice-tpm-"))
        shutil.copy(SOURCE / f"tests/vectors/tpm/state/{name}.permall", self.dir / "tpm2-00.permall")
        self.path, self.process = self.dir / "s", None
        self.tcti = f"swtpm:path={self.path}"
        self.start()

    def start(self):
        for path in (self.path, self.dir / "s.ctrl"):
            path.unlink(missing_ok=True)
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.dir}", "--server", f"type=unixio,path={self.path}", "--ctrl",
                 f"type=unixio,path={self.dir}/s.ctrl", "--flags", "not-need-init,startup-clear"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_parent)
        wait("swtpm listens", self.listens, PATIENCE)

    def listens(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.dir / "s.ctrl"))
        return True

    def cut(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.go_on()
        self.cut()
        shutil.rmtree(self.dir, ignore_errors=True)


def new_principal(prefix, name, role, nodes="", adapters=""):
    """A key file, and a row for principals.yaml."""
    public, secret = zmq.curve_keypair()
    seed = Ed25519PrivateKey.generate()
    raw = serialization.Encoding.Raw
    sign = seed.public_key().public_bytes(raw, serialization.PublicFormat.Raw).hex()
    seed = seed.private_bytes(raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()).hex()
    path = pathlib.Path(prefix) / f"keys/{name}.key"
    path.touch(mode=0o600)
    path.write_text(f"name: {name}\ncurve_public: {public.decode()}\ncurve_secret: {secret.decode()}\nsign_public: {sign}\nsign_seed: {seed}\n")
    return (f"  - name: {name}\n    role: {role}\n    curve: {json.dumps(public.decode())}\n    sign: \"{sign}\"\n"
            f"    adapters: \"{adapters}\"\n    nodes: \"{nodes}\"\n    revoked: false\n")


def add_broker(fleet, name):
    """Before anything else is added: one more broker for everybody."""
    principals = fleet.prefix / "etc/principals.yaml"
    principals.write_text(principals.read_text() + new_principal(fleet.prefix, name, "broker"))
    text = fleet.config.read_text()
    fleet.config.write_text(text.replace("brokers:\n", f"brokers:\n  - name: {name}\n    endpoints: [\"ipc://run/{name}.sock\"]\n", 1))
    for path in (principals, fleet.config):
        path.chmod(0o600)


def add_attester(fleet, name, node, settings):
    """Before the fleet starts: the principal of an attester, and a configuration of its own beside the fleet's."""
    principals = fleet.prefix / "etc/principals.yaml"
    principals.write_text(principals.read_text() + new_principal(fleet.prefix, name, "attester", nodes=node))
    lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in settings.items())
    (fleet.prefix / f"etc/{name}.yaml").write_text(fleet.config.read_text() + "\nattester:\n" + lines)
    for path in (principals, fleet.prefix / f"etc/{name}.yaml"):
        path.chmod(0o600)


def forget(fleet, name, principal):
    """The host of this attester has a list of principals of its own, without that one."""
    head, *rows = (fleet.prefix / "etc/principals.yaml").read_text().split("  - name: ")
    own = fleet.prefix / f"etc/{name}-principals.yaml"
    own.write_text(head + "".join("  - name: " + row for row in rows if not row.startswith(principal + "\n")))
    own.chmod(0o600)
    config = fleet.prefix / f"etc/{name}.yaml"
    config.write_text(config.read_text() + f"principals: {own}\n")


def start_attester(fleet, name, binary=None):
    log = open(fleet.prefix / f"{name}.log", "ab")
    # A search for leaks is a ptrace of ourselves, which neither part may do.
    options = f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0".lstrip(":")
    process = subprocess.Popen([str(binary or BIN / "spice-attester"), "--config", str(fleet.prefix / f"etc/{name}.yaml"), "--name", name],
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent, env={**os.environ, "ASAN_OPTIONS": options})
    log.close()
    fleet.processes[name] = process
    return process


def children(pid):
    """Pids of the processes below this one."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Asker(spice_peer.Peer):
    """A worker or an operator that asks attesters."""

    def __init__(self, prefix, name, adapters="tpm,ima", broker=0):
        super().__init__(prefix, name, broker)
        self.id, self.turns = int.from_bytes(os.urandom(6), "big"), 0
        self.say_hello(adapters)

    def say_hello(self, adapters="tpm,ima"):
        worker = self.principals[self.name]["role"] == "worker"
        self.send("Hello", {"boot": int.from_bytes(os.urandom(7), "big"), "software": "python", "adapters": adapters if worker else "", "labels": "",
                            "slots": 1 if worker else 0, "topics": 0})

    def next(self, seconds):
        """The next message that is not of the session itself, None in time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.turns += 1
            self.send("Heartbeat", {"progress": self.turns, "backlog": 0})
            got = self.receive(min(left, 1.0))
            if got and got[0] in ("Evidence", "Refused"):
                return got
        return None

    def question(self, node, kind, args=None, **more):
        self.id += 1
        text = args if isinstance(args, str) else json.dumps(args or {})
        return {"id": self.id, "node": node, "kind": kind, "nonce": os.urandom(32), "args": text, "offset": 0, "expires_ms": 60000, **more}

    def put_question(self, q):
        """Sends a question to the attester of its node; the sequence of the message."""
        names = [name for name, row in self.principals.items() if row["role"] == "attester" and row["nodes"] == q["node"]]
        return self.send("EvidenceRequest", q, dest=names[-1] if names else "nobody")

    def one(self, q, seconds=PATIENCE, again=2.0):
        """Asks until the answer to exactly this question is here, or it is refused for good; the message."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sequence = self.put_question(q)
            until = time.monotonic() + again
            while (left := until - time.monotonic()) > 0:
                got = self.next(left)
                if not got:
                    break
                name, m, _ = got
                if name == "Refused" and m["sequence"] == sequence:
                    if m["code"] == wire.ENUMS["refusal"]["not_ready"]:
                        self.say_hello()
                    elif m["code"] not in (wire.ENUMS["refusal"]["no_route"], wire.ENUMS["refusal"]["overload"]):
                        return m
                    time.sleep(0.02)  # nobody there yet; asked again
                    break
                if name == "Evidence" and m["id"] == q["id"] and m["offset"] == q["offset"]:
                    assert m["node"] == q["node"] and m["kind"] == q["kind"] and m["nonce"] == q["nonce"]
                    return m
        raise AssertionError(f"no answer to {q['kind']}")

    def document(self, q):
        """All parts, put together."""
        data = b""
        while True:
            m = self.one({**q, "offset": len(data), "args": q["args"] if not data else ""})
            if m["code"] != REASON["ok"]:
                raise AssertionError(f"{q['kind']}: {m['code']} {m['detail']}")
            data += m["part"]
            if len(data) == m["total"]:
                return data


def sections(data):
    out = {}
    while data:
        n = data[0]
        name, size = data[1:1 + n].decode(), int.from_bytes(data[1 + n:5 + n], "big")
        out[name], data = data[5 + n:5 + n + size], data[5 + n + size:]
        assert len(out[name]) == size
    return out


# ---- the verifier's half of enrolment, once more and apart from ours ---------------------------------------------------------


def kdfa(key, label, context, bits):
    out, i = b"", 0
    while len(out) * 8 < bits:
        i += 1
        out += hmac.new(key, struct.pack(">I", i) + label + b"\0" + context + struct.pack(">I", bits), hashlib.sha256).digest()
    return out[:bits // 8]


def sized(data):
    return struct.pack(">H", len(data)) + data


def wrap(ek_public, ak_public, credential):
    """TPM2_MakeCredential for an RSA-2048 endorsement key: (blob, secret)."""
    modulus = int.from_bytes(ek_public[-256:], "big")
    name = b"\x00\x0b" + hashlib.sha256(ak_public[2:]).digest()
    seed = os.urandom(32)
    key = rsa.RSAPublicNumbers(65537, modulus).public_key()
    secret = key.encrypt(seed, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"IDENTITY\0"))
    encryptor = Cipher(algorithms.AES(kdfa(seed, b"STORAGE", name, 128)), modes.CFB(bytes(16))).encryptor()
    sealed = encryptor.update(sized(credential)) + encryptor.finalize()
    integrity = hmac.new(kdfa(seed, b"INTEGRITY", b"", 256), sealed + name, hashlib.sha256).digest()
    return sized(sized(integrity) + sealed), sized(secret)
