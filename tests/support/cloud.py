# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ, a fleet with a bridge, and the real oslo.messaging as its client, listener and server: what the suites rabbit and oslo share."""
import base64
import logging
import os
import pathlib
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fleet  # noqa: E402
import rabbit  # noqa: E402

import oslo_messaging as messaging  # noqa: E402
from oslo_config import cfg  # noqa: E402

logging.getLogger("oslo.messaging").setLevel(logging.CRITICAL)
logging.getLogger("oslo_messaging").setLevel(logging.CRITICAL)
logging.getLogger("amqp").setLevel(logging.CRITICAL)
cfg.CONF([])

NODES = 3
DEFINITIONS = textwrap.dedent("""\
    kind: profile
    name: fast
    period: 1s
    ---
    kind: check
    name: boot
    adapter: noop
    profile: fast
    max_age: 60s
    allow_short_life: true
    stage: enforcing
    params: {outcome: pass}
    ---
    kind: pool
    name: trusted
    mandatory: [boot]
    """) + "".join(f"---\nkind: node\nname: n{i}\n" for i in range(1, NODES + 1))


class Cloud:
    """with Cloud() as cloud: ... fleet and bridge run, n1..n3 are in the pool."""

    def __init__(self, server=None, settings="", nodes=True, url=None, bridges=1, files=None):
        """settings: of the section bridge. files: {name in etc: text}, which nobody else may read."""
        self.own = server is None
        self.server = server or rabbit.Rabbit()
        self.fleet = fleet.Fleet(workers=1, init_args=("--bridges", str(bridges)))
        self.settings, self.nodes, self.url_text = settings, nodes, url
        self.transports, self.files = [], files or {}
        self.bridges = [f"bridge-{i + 1}" for i in range(bridges)]

    def __enter__(self):
        try:
            if self.own:
                self.server.start()
            self.write(self.url_text or self.server.url(), self.settings)
            self.fleet.start("broker-1", "keeper", "scheduler", "worker-1").ready()
            if self.nodes:
                self.fleet.apply(DEFINITIONS)
                for i in range(1, NODES + 1):
                    self.fleet.wait_member(f"n{i}", True)
            self.fleet.start(*self.bridges)
            return self
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise

    def __exit__(self, kind, value, trace):
        for transport in self.transports:
            transport.cleanup()
        self.fleet.__exit__(kind, value, trace)
        if self.own:
            self.server.__exit__(kind, value, trace)

    def write(self, url, settings=""):
        """The bridge's configuration."""
        for name, text in {"transport_url": url, **self.files}.items():
            path = self.fleet.prefix / "etc" / name
            path.write_text(text + "\n")
            os.chmod(path, 0o600)
        if "transport_url_file" not in self.fleet.config.read_text():
            with open(self.fleet.config, "a") as conf:
                conf.write("\nbridge:\n  transport_url_file: etc/transport_url\n  retry: 100ms\n  retry_step: 100ms\n  retry_max: 1s\n")
                conf.write(textwrap.indent(textwrap.dedent(settings), "  "))

    def log(self):
        return (self.fleet.prefix / "bridge-1.log").read_text(errors="replace")

    def wait_log(self, text, count=1, seconds=120):
        fleet.wait(f"{count} times {text!r} in the bridge's log", lambda: self.log().count(text) >= count, seconds)

    # -- the real library -----------------------------------------------------------------------

    def transport(self, **kwargs):
        transport = messaging.get_rpc_transport(cfg.CONF, url=self.server.url(), **kwargs)
        self.transports.append(transport)
        return transport

    def client(self, namespace=None, version="1.0", timeout=60, exmods=None, **kwargs):
        target = messaging.Target(exchange="spice", topic="spice", namespace=namespace, version=version)
        return messaging.get_rpc_client(self.transport(allowed_remote_exmods=exmods or []), target, timeout=timeout, **kwargs)

    def wait_calls(self):
        client = self.client()

        def follows():
            try:
                return client.prepare(timeout=5).call({}, "ping")["following"]
            except messaging.MessagingTimeout:  # sent before the bridge had its queue
                return False
        fleet.wait("the bridge answers and follows", follows, 180)
        return client


def nonce():
    return base64.b64encode(os.urandom(16)).decode()
