#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real broker process and peers that do not keep to the rules: unknown keys, forged senders, chosen addresses, malformed, oversized and
endless messages, bad key files, a second broker, loss of the process. The peers speak the wire format by the Python codec, not by ours."""
import os
import pathlib
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import zmq

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BIN = pathlib.Path(os.environ.get("SPICE_BIN", SOURCE / "build/release"))
sys.path.insert(0, str(SOURCE / "tests/wire"))
import spice_wire as wire  # noqa: E402

DEPLOYMENT = "00112233445566778899aabbccddeeff"
ROLES = {"b0": "broker", "keeper": "keeper", "scheduler": "scheduler", "w1": "worker", "admin": "operator"}
WAIT_S = 60


def ed25519():
    secret = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-outform", "DER"], capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input=secret, capture_output=True,
                            check=True).stdout
    return secret[-32:].hex(), public[-32:].hex()


class Rig:
    def __init__(self, memory_mb=512, probe="5m", handshake="1s"):
        self.dir = tempfile.TemporaryDirectory(prefix="spice-attack-")
        self.prefix = pathlib.Path(self.dir.name)
        for folder in ("etc", "keys", "run", "state"):
            (self.prefix / folder).mkdir(mode=0o700)
        self.curve = {}
        rows = []
        for name, role in ROLES.items():
            public, secret = (k.decode() for k in zmq.curve_keypair())
            seed, sign = ed25519()
            self.curve[name] = (public, secret)
            key = self.prefix / f"keys/{name}.key"
            key.write_text(f"name: {name}\ncurve_public: {public}\ncurve_secret: {secret}\nsign_public: {sign}\nsign_seed: {seed}\n")
            key.chmod(0o600)
            rows.append(f'  - name: {name}\n    role: {role}\n    curve: "{public}"\n    sign: "{sign}"\n    adapters: "exec"\n')
        self.rows = rows
        (self.prefix / "etc/principals.yaml").write_text("principals:\n" + "".join(rows))
        self.endpoint = f"ipc://{self.prefix}/run/b0"
        self.config = self.prefix / "etc/spice.yaml"
        self.config.write_text(
            f'deployment: "{DEPLOYMENT}"\nprefix: "{self.prefix}"\nbrokers:\n  - name: b0\n    endpoints: ["{self.endpoint}"]\n'
            f'    bind: ["{self.endpoint}", "tcp://127.0.0.1:*"]\nbroker:\n  memory_mb: {memory_mb}\n  probe: {probe}\n'
            f'bus:\n  handshake: {handshake}\n')
        self.context = zmq.Context()
        self.process = None
        self.peers = []
        self.sequence = 0

    def start(self, ready=True):
        self.process = subprocess.Popen([BIN / "spice-broker", "--config", self.config, "--name", "b0"], stderr=subprocess.PIPE, text=True)
        self.log = []
        while ready:
            line = self.process.stderr.readline()
            if not line:
                raise AssertionError("broker ended: " + "".join(self.log))
            self.log.append(line)
            if "event=bound endpoint=tcp://" in line:
                self.tcp = line.split("endpoint=")[1].split()[0]
            ready = "event=ready" not in line
        return self

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=WAIT_S)
        if self.process:
            self.process.stderr.close()
        for peer in self.peers:
            peer.close(linger=0)
        self.context.destroy(linger=0)
        self.dir.cleanup()

    def peer(self, name, keys=None, endpoint=None, routing_id=None, server=None):
        s = self.context.socket(zmq.DEALER)
        s.linger = 0
        s.curve_serverkey = (server or self.curve["b0"][0]).encode()
        s.curve_publickey, s.curve_secretkey = (k.encode() for k in keys or self.curve[name])
        if routing_id:
            s.routing_id = routing_id
        s.connect(endpoint or self.endpoint)
        self.peers.append(s)  # one that is forgotten would be closed
        return s

    def frame(self, sender, kind, fields, dest="", auth=None):
        self.sequence += 1
        body = wire.encode(kind, fields)
        number, size = wire.MESSAGES[kind].number, wire.AUTH_BYTES[wire.MESSAGES[kind].auth]
        import msgpack
        return msgpack.packb([1, number, sender, dest, 0, self.sequence, 0, body, bytes(size) if auth is None else auth], use_bin_type=True)

    def hello(self, peer, name, boot=1):
        peer.send(self.frame(name, "Hello", {"boot": boot, "software": "attack", "adapters": "exec", "labels": "", "slots": 4, "topics": 0}))
        return self.receive(peer)

    @staticmethod
    def receive(peer, seconds=WAIT_S):
        """(kind, fields) of the next message, None when there is none in time."""
        if not peer.poll(int(seconds * 1000)):
            return None
        import msgpack
        _, number, _, _, _, _, _, body, _ = msgpack.unpackb(peer.recv(), raw=False, strict_map_key=False)
        kind = next(m.name for m in wire.MESSAGES.values() if m.number == number)
        return kind, wire.decode(kind, body)[0]


class Broker(unittest.TestCase):
    def setUp(self):
        self.rig = Rig().start()

    def tearDown(self):
        self.rig.close()

    def welcome(self, name, **how):
        peer = self.rig.peer(name, **how)
        answer = self.rig.hello(peer, name)
        self.assertIsNotNone(answer, f"{name} is not answered")
        self.assertEqual(answer[0], "Welcome")
        return peer

    def refused(self, peer, code):
        answer = self.rig.receive(peer)
        self.assertIsNotNone(answer)
        self.assertEqual((answer[0], answer[1]["code"]), ("Refused", wire.ENUMS["refusal"][code]))

    def test_ipc_and_tcp_admit_the_known(self):
        self.welcome("w1")
        self.welcome("keeper", endpoint=self.rig.tcp)

    def test_unknown_key_is_not_answered(self):
        keys = tuple(k.decode() for k in zmq.curve_keypair())
        peer = self.rig.peer("w1", keys=keys)
        peer.send(self.rig.frame("w1", "Hello", {"boot": 1, "software": "", "adapters": "", "labels": "", "slots": 0, "topics": 0}))
        self.welcome("w1")  # the place is free: the stranger did not get it
        self.assertIsNone(self.rig.receive(peer, 0.5))

    def test_no_curve_no_service(self):
        plain = self.rig.context.socket(zmq.DEALER)
        plain.linger = 0
        plain.connect(self.rig.tcp)
        plain.send(self.rig.frame("w1", "Heartbeat", {"progress": 1, "backlog": 0}))
        self.welcome("w1")
        self.assertIsNone(self.rig.receive(plain, 0.5))

    def test_forged_sender(self):
        self.welcome("keeper")
        peer = self.welcome("w1")
        peer.send(self.rig.frame("scheduler", "EpochClaim", {"epoch": 9, "boot": 1}, dest="keeper"))
        self.refused(peer, "authority")

    def test_role_may_not_send(self):
        self.welcome("keeper")
        peer = self.welcome("w1")
        peer.send(self.rig.frame("w1", "EpochClaim", {"epoch": 9, "boot": 1}, dest="keeper"))
        self.refused(peer, "authority")

    def test_bad_signatures_stop_at_the_broker(self):
        admin = self.welcome("admin")
        admin.send(self.rig.frame("admin", "AdminRequest", {"id": 1, "verb": "ping", "args": b"{}"}, dest="broker"))
        self.refused(admin, "signature")
        keeper = self.welcome("keeper")
        keeper.send(self.rig.frame("keeper", "PrincipalSet", {"version": 1, "part": 0, "last": True, "principals": []}, dest="b0"))
        self.refused(keeper, "signature")

    def test_nothing_before_hello(self):
        peer = self.rig.peer("w1")
        peer.send(self.rig.frame("w1", "Credit", {"granted": 5}))
        self.refused(peer, "not_ready")

    def test_address_of_ones_own_choice(self):
        peer = self.rig.peer("w1", routing_id=b"scheduler")
        self.assertIsNone(self.silent_hello(peer))
        self.welcome("keeper")

    def silent_hello(self, peer):
        peer.send(self.rig.frame("w1", "Hello", {"boot": 1, "software": "", "adapters": "", "labels": "", "slots": 0, "topics": 0}))
        return self.rig.receive(peer, 1)

    def test_malformed_and_oversized(self):
        peer = self.welcome("w1")
        for garbage in (b"", b"\xff" * 100, b"\x99\x01\x03", self.rig.frame("w1", "Credit", {"granted": 1})[:-1]):
            peer.send(garbage)
            self.refused(peer, "malformed")
        peer.send(b"x" * (2 << 20))  # the connection is cut, not the broker
        again = self.welcome("keeper")
        again.send(self.rig.frame("keeper", "Heartbeat", {"progress": 1, "backlog": 0}))
        self.assertEqual(self.rig.receive(again)[0], "Heartbeat")

    def test_more_than_one_part(self):
        peer = self.welcome("w1")
        peer.send_multipart([self.rig.frame("w1", "Credit", {"granted": 1})] * 3)
        peer.send(self.rig.frame("w1", "Heartbeat", {"progress": 5, "backlog": 0}))
        self.assertEqual(self.rig.receive(peer)[0], "Heartbeat")

    def test_second_connection_of_one_key(self):
        self.welcome("w1")
        thief = self.rig.peer("w1")
        answer = self.rig.hello(thief, "w1", boot=2)
        self.assertEqual((answer[0], answer[1]["code"]), ("Refused", wire.ENUMS["refusal"]["conflict"]))

    def test_killed_peer_finds_its_place_free(self):
        self.welcome("w1").close()
        peer = self.rig.peer("w1")
        end = time.monotonic() + WAIT_S
        while True:  # the broker learns of the end of the old connection by itself
            answer = self.rig.hello(peer, "w1", boot=2)
            if answer and answer[0] == "Welcome":
                break
            self.assertLess(time.monotonic(), end)

    def test_second_broker_of_the_name(self):
        other = subprocess.run([BIN / "spice-broker", "--config", self.rig.config, "--name", "b0"], capture_output=True, text=True,
                               timeout=WAIT_S)
        self.assertEqual(other.returncode, 1)
        self.assertIn("another broker of this name runs", other.stderr)
        self.welcome("w1")

    def test_killed_broker_comes_back(self):
        peer = self.welcome("w1")
        self.rig.process.send_signal(signal.SIGKILL)
        self.rig.process.wait()
        self.rig.process.stderr.close()
        self.rig.start()
        self.assertIsNotNone(self.rig.hello(peer, "w1"))

    def test_reload_of_principals(self):
        peer = self.welcome("w1")
        path = self.rig.prefix / "etc/principals.yaml"
        path.write_text("principals:\n  - name: oops\n")
        self.rig.process.send_signal(signal.SIGHUP)
        while "event=reload" not in (line := self.rig.process.stderr.readline()):
            self.assertTrue(line)
        self.assertIn("level=error", line)  # all or nothing: the old ones stay
        path.write_text("principals:\n" + "".join(r for r in self.rig.rows if "name: w1" not in r))
        self.rig.process.send_signal(signal.SIGHUP)
        while "event=reload" not in (line := self.rig.process.stderr.readline()):
            self.assertTrue(line)
        peer.send(self.rig.frame("w1", "Heartbeat", {"progress": 5, "backlog": 0}))
        self.assertIsNone(self.rig.receive(peer, 0.5))  # its user id means nobody any more
        self.welcome("keeper")


class Start(unittest.TestCase):
    def setUp(self):
        self.rig = Rig()

    def tearDown(self):
        self.rig.close()

    def fails(self, *parts):
        done = subprocess.run([BIN / "spice-broker", "--config", self.rig.config, "--name", "b0"], capture_output=True, text=True,
                              timeout=WAIT_S)
        self.assertNotEqual(done.returncode, 0)
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_key_files(self):
        key = self.rig.prefix / "keys/b0.key"
        good = key.read_text()
        key.chmod(0o644)
        self.fails("b0.key")
        key.chmod(0o600)
        key.write_text("")
        self.fails("b0.key")
        key.write_text(good.replace(self.rig.curve["b0"][1], self.rig.curve["w1"][1]))
        self.fails("b0.key")
        key.unlink()
        self.fails("b0.key")
        key.symlink_to(self.rig.prefix / "keys/w1.key")
        self.fails("b0.key")

    def test_principals_must_know_us(self):
        path = self.rig.prefix / "etc/principals.yaml"
        path.write_text("principals:\n" + "".join(r for r in self.rig.rows if "name: b0" not in r))
        self.fails("principals.yaml", "b0")

    def test_names_and_configuration(self):
        self.rig.config.write_text(self.rig.config.read_text().replace("memory_mb", "memory_md"))
        self.fails("spice.yaml", "memory_mb")

    def test_damaged_cache_is_not_believed(self):
        (self.rig.prefix / "state/broker").mkdir(mode=0o700)
        cache = self.rig.prefix / "state/broker/b0.principals"
        cache.write_bytes(b"SPICEPS1\x10\x00\x00\x00too short")
        cache.chmod(0o600)
        self.rig.start()
        self.assertTrue(any("principals.cache" in line for line in self.rig.log))


class Admission(unittest.TestCase):
    def test_probe_that_gets_in_ends_the_broker(self):
        """A1: whatever the reason that our own endpoint lets a key in that nobody knows: here somebody who holds our key and took our place."""
        rig = Rig(probe="1s").start()
        try:
            impostor = rig.context.socket(zmq.ROUTER)
            rig.peers.append(impostor)
            impostor.linger = 0
            impostor.curve_server = True
            impostor.curve_secretkey = rig.curve["b0"][1].encode()
            impostor.bind(rig.endpoint)  # libzmq takes the path over; nobody is asked about keys here
            self.assertEqual(rig.process.wait(timeout=120), 70)
            self.assertIn("an unknown key was admitted", rig.process.stderr.read())
        finally:
            rig.close()


class Descriptors(unittest.TestCase):
    SILENT, SPARE = 200, 40

    def threads(self, rig):
        for stat in pathlib.Path(f"/proc/{rig.process.pid}/task").glob("*/stat"):
            yield stat.read_text().rsplit(")", 1)[1].split()[0]

    def test_silent_connections_until_none_is_left(self):
        """A14: far more connections than descriptors, none of which says a word. Whoever is in stays served, all of them are cut off by the
        handshake's limit, and then a new peer gets in and no thread runs on in vain."""
        rig = Rig(handshake="500ms").start()
        silent = []
        try:
            inside = rig.peer("w1")
            self.assertEqual(rig.hello(inside, "w1")[0], "Welcome")
            used = len(os.listdir(f"/proc/{rig.process.pid}/fd"))
            resource.prlimit(rig.process.pid, resource.RLIMIT_NOFILE, (used + self.SPARE, used + self.SPARE))
            host, port = rig.tcp.removeprefix("tcp://").rsplit(":", 1)
            host = host.strip("[]")
            wanted = select.poll()
            for _ in range(self.SILENT):
                silent.append(socket.create_connection((host, int(port))))
                wanted.register(silent[-1], select.POLLIN)
            by_fd = {s.fileno(): s for s in silent}
            end, progress = time.monotonic() + 300, 0
            while by_fd and time.monotonic() < end:
                progress += 1
                inside.send(rig.frame("w1", "Heartbeat", {"progress": progress, "backlog": 0}))
                self.assertEqual(rig.receive(inside, 60)[0], "Heartbeat")
                for fd, _ in wanted.poll(100):
                    try:
                        over = by_fd[fd].recv(4096) == b""  # a greeting may come first
                    except ConnectionError:
                        over = True
                    if over:
                        wanted.unregister(fd)
                        del by_fd[fd]
            self.assertFalse(by_fd, f"{len(by_fd)} silent connections are still held")
            self.assertEqual(rig.hello(rig.peer("keeper", endpoint=rig.tcp), "keeper")[0], "Welcome")
            running = 0
            for _ in range(100):  # looks, not seconds: a thread that turns in vain is seen running, or waiting for its turn, in each
                running += "R" in self.threads(rig)
                select.select([], [], [], 0.01)
            self.assertLess(running, 50, "a thread turns in vain")
            self.assertIsNone(rig.process.poll())
        finally:
            for s in silent:
                s.close()
            rig.close()


class Memory(unittest.TestCase):
    def test_more_than_the_cap_ends_the_broker(self):
        """Large messages for a peer that does not read: what no option of the library bounds, the watch on resident memory does."""
        rig = Rig(memory_mb=64).start()
        try:
            keeper, worker = rig.peer("keeper"), rig.peer("w1")
            keeper.rcvhwm = 1
            self.assertEqual(rig.hello(keeper, "keeper")[0], "Welcome")
            self.assertEqual(rig.hello(worker, "w1")[0], "Welcome")
            import msgpack
            frame = msgpack.packb([1, wire.MESSAGES["ResultBatch"].number, "w1", "", 0, 1, 0, bytes(900000), bytes(64)], use_bin_type=True)
            end = time.monotonic() + 60
            while rig.process.poll() is None and time.monotonic() < end:
                if worker.poll(20, zmq.POLLOUT):
                    worker.send(frame, zmq.NOBLOCK)
            self.assertEqual(rig.process.wait(timeout=WAIT_S), 70)
            self.assertIn("event=memory", rig.process.stderr.read())
        finally:
            rig.close()


if __name__ == "__main__":
    unittest.main(warnings="ignore")
