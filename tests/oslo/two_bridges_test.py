#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two bridges at once: they share the calls, both send the keeper's frames, one fact has one message id, and either may die."""
import os
import pathlib
import signal
import sys
import threading

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
from cloud import Cloud, cfg, fleet, messaging  # noqa: E402


class Heard:
    target = messaging.Target(namespace="trust", version="1.0")

    def __init__(self):
        self.lock, self.bridges, self.notes = threading.Lock(), {}, []

    def frames(self, context, bridge, frames):
        with self.lock:
            self.bridges.setdefault(bridge, []).extend(frames)

    def info(self, context, publisher_id, event_type, payload, metadata):
        with self.lock:
            self.notes.append((publisher_id, payload, metadata["message_id"]))


def answered_by(client, calls=40):
    names = set()
    for _ in range(calls):
        try:
            names.add(client.prepare(timeout=10).call({}, "ping")["bridge"])
        except messaging.MessagingTimeout:
            pass  # what a bridge had taken when it was killed
    return names


def main():
    with Cloud(bridges=2, settings="snapshot: 5s\n") as cloud:
        heard = Heard()
        client = cloud.wait_calls()
        server = messaging.get_rpc_server(cloud.transport(), messaging.Target(exchange="spice", topic="spice_trust", server="x"), [heard],
                                          executor="threading")
        server.start()
        transport = messaging.get_notification_transport(cfg.CONF, url=cloud.server.url())
        cloud.transports.append(transport)
        listener = messaging.get_notification_listener(transport, [messaging.Target(exchange="spice", topic="notifications")], [heard],
                                                       executor="threading")
        listener.start()
        fleet.wait("both answer", lambda: answered_by(client) == {"bridge-1", "bridge-2"}, 120)
        fleet.wait("both send frames", lambda: set(heard.bridges) == {"bridge-1", "bridge-2"}, 120)
        for name in ("bridge-1", "bridge-2"):
            assert client.prepare(server=name).call({}, "ping")["bridge"] == name

        cloud.fleet.ctl("node", "maintenance", "n1")

        def told():
            with heard.lock:
                return [(who, i) for who, p, i in heard.notes if p["node"] == "n1" and not p["member"]]
        fleet.wait("both tell of it", lambda: {who for who, _ in told()} == {"spice.bridge-1", "spice.bridge-2"}, 120)
        assert len({i for _, i in told()}) == 1, told()

        cloud.fleet.kill("bridge-1", signal.SIGKILL)
        fleet.wait("the other answers alone", lambda: answered_by(client, 10) == {"bridge-2"}, 180)
        assert client.call({}, "get_trust", hosts=["n1"])["hosts"]["n1"]["trust"] == "unknown"
        with heard.lock:
            had = len(heard.bridges["bridge-2"])
        fleet.wait("its frames go on", lambda: len(heard.bridges["bridge-2"]) > had, 60)
        cloud.fleet.start("bridge-1")
        fleet.wait("both again", lambda: answered_by(client) == {"bridge-1", "bridge-2"}, 120)
        server.stop()
        listener.stop()
    print("two bridges share the work, and one is enough")


main()
