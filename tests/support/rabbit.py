# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of our own for tests: Debian's rabbitmq-server in a temporary directory, on free ports of the loopback, with its own epmd.

with Rabbit() as rabbit: rabbit.url("spice") ...   Users and vhosts come from a file of definitions that is read at start, because rabbitmqctl
takes seconds. Everything is a child of the test and dies with it.
"""
import base64
import contextlib
import ctypes
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile

import fleet

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
CTL = "/usr/lib/rabbitmq/bin/rabbitmqctl"
USERS = {"spice": "sp@ce:pw+1", "nova": "nova"}  # the first has characters that a URL must escape


reserved = []  # for the life of the process


def free_port():
    """A port of the loopback for a server that starts later: none the kernel gives to connections meanwhile, and none another test was given."""
    low = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10240, low if low > 12000 else 65536)
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0spice-test-port-{port}")
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            continue
        reserved.append(mark)
        return port


def with_parent():
    """The child gets SIGKILL when the test ends, however it ends: more exactly when the thread that starts it ends, so let it be the main one."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def password_hash(password, salt=b"spic"):
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


class Rabbit:
    def __init__(self, tls=None, vhosts=("/", "cloud"), conf=""):
        """tls: (ca, certificate, key) paths, for a second listener with TLS."""
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="spice-rabbit-"))
        self.port, self.dist, self.epmd_port = free_port(), free_port(), free_port()
        self.tls_port = free_port() if tls else None
        self.node = f"spice{os.getpid()}x{self.port}@localhost"
        self.process = self.epmd = None
        definitions = {
            "users": [{"name": n, "password_hash": password_hash(p), "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""}
                      for n, p in USERS.items()],
            "vhosts": [{"name": v} for v in vhosts],
            "permissions": [{"user": n, "vhost": v, "configure": ".*", "write": ".*", "read": ".*"} for n in USERS for v in vhosts],
        }
        (self.dir / "definitions.json").write_text(json.dumps(definitions))
        lines = [f"listeners.tcp.1 = 127.0.0.1:{self.port}", f"load_definitions = {self.dir}/definitions.json", "loopback_users = none",
                 "log.console = false", "disk_free_limit.absolute = 1MB", "vm_memory_high_watermark.absolute = 2GB"]
        if tls:
            ca, cert, key = tls
            lines += [f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}", f"ssl_options.cacertfile = {ca}", f"ssl_options.certfile = {cert}",
                      f"ssl_options.keyfile = {key}", "ssl_options.verify = verify_none", "ssl_options.fail_if_no_peer_cert = false"]
        (self.dir / "rabbitmq.conf").write_text("\n".join(lines) + "\n" + conf)
        (self.dir / "enabled_plugins").write_text("[].\n")
        self.environment = dict(
            os.environ, HOME=str(self.dir), RABBITMQ_NODENAME=self.node, RABBITMQ_BASE=str(self.dir), RABBITMQ_CONFIG_FILE=str(self.dir / "rabbitmq"),
            RABBITMQ_MNESIA_BASE=str(self.dir / "mnesia"), RABBITMQ_LOG_BASE=str(self.dir / "log"), RABBITMQ_DIST_PORT=str(self.dist),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(self.dir / "enabled_plugins"), RABBITMQ_PID_FILE=str(self.dir / "pid"),
            RABBITMQ_CONF_ENV_FILE="/dev/null", RABBITMQ_ADVANCED_CONFIG_FILE=str(self.dir / "none.config"),
            RABBITMQ_NODE_PORT=str(self.port), RABBITMQ_NODE_IP_ADDRESS="127.0.0.1", ERL_EPMD_PORT=str(self.epmd_port),
            ERL_EPMD_ADDRESS="127.0.0.1", RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 1:1 +sbwt none", ERL_FLAGS="",
            RABBITMQ_CTL_ERL_ARGS="+S 1:1",
            RUNNING_UNDER_SYSTEMD="1")  # the script becomes the server instead of starting it

    def start(self):
        if self.epmd is None:
            self.epmd = subprocess.Popen(["epmd", "-address", "127.0.0.1", "-port", str(self.epmd_port)], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=with_parent)
            fleet.wait("our epmd listens", self._mapped, 60)  # or RabbitMQ starts one that nobody ends
        out = open(self.dir / "server.log", "ab")
        self.process = subprocess.Popen([SERVER], env=self.environment, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                        start_new_session=True, preexec_fn=with_parent)
        out.close()
        fleet.wait("RabbitMQ answers on its port", self.answers, 240, 0.1)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"RabbitMQ ended: {(self.dir / 'server.log').read_text()[-800:]}")
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.settimeout(10)
            s.sendall(b"AMQP\0\0\x09\x01")
            return s.recv(1) == b"\x01"

    def kill(self):
        """As if the host lost power."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        fleet.wait("the port is free again", self._closed, 60)

    def _mapped(self):
        with socket.create_connection(("127.0.0.1", self.epmd_port), 1):
            return True

    def _closed(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return False
        return True

    def stop_reading(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def read_on(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def ctl(self, *args, timeout=180):
        done = subprocess.run([CTL, "-q", "-n", self.node, *args], env=self.environment, capture_output=True, text=True, timeout=timeout)
        if done.returncode != 0:
            raise fleet.Failed(f"rabbitmqctl {' '.join(args)}: {done.stderr or done.stdout}")
        return done.stdout

    def url(self, user="spice", vhost="cloud", port=None, query="", password=None, host="127.0.0.1"):
        from urllib.parse import quote
        password = quote(USERS[user] if password is None else password, safe="")
        return f"rabbit://{user}:{password}@{host}:{port or self.port}/{quote(vhost, safe='')}{query}"

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGCONT)
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.epmd is not None:
            self.epmd.kill()
            self.epmd.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print("---- RabbitMQ\n" + (self.dir / "server.log").read_text(errors="replace")[-1500:])
        self.stop()
