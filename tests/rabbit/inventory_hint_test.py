#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nova's notifications in both formats make the bridge read the list of compute nodes again: about services always, about anything else only when they
name a host no reading has shown. Anybody may write them: a flood costs at most one reading in bridge.compute.hint, and nothing else."""
import json
import os
import pathlib
import sys
import time

import amqp

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
from cloud import Cloud, fleet, rabbit  # noqa: E402
from nova_double import Nova  # noqa: E402

HINT_S, FLOOD = 2, 3000
ROOM = 900  # the bridge's queue holds 1,000, and drops the oldest when it is slower than we are


class Bus:
    def __init__(self, server):
        self.c = amqp.Connection(f"127.0.0.1:{server.port}", "nova", rabbit.USERS["nova"], virtual_host="cloud", connect_timeout=30)
        self.c.connect()
        self.ch = self.c.channel()
        self.ch.exchange_declare("nova", "topic", durable=False, auto_delete=False)
        self.sent = 0

    def send(self, event, payload, key="notifications.info", bare=False):
        inner = {"event_type": event, "publisher_id": "x", "priority": "INFO", "payload": payload}
        body = inner if bare else {"oslo.version": "2.0", "oslo.message": json.dumps(inner)}
        self.ch.basic_publish(amqp.Message(json.dumps(body), content_type="application/json", content_encoding="utf-8"), exchange="nova",
                              routing_key=key)
        self.sent += 1


def gauges(cloud):
    return cloud.fleet.process_stats().get("bridge-1", {}).get("gauges", {})


def taken(cloud, bus):
    fleet.wait("the bridge has taken all", lambda: gauges(cloud).get("bridge.nova") == bus.sent, 120)


def flood(cloud, bus, host):
    for i in range(FLOOD):
        name = host(i)
        bus.send("compute.instance.create.end", {"host": name, "node": name})
        if i % ROOM == ROOM - 1:
            taken(cloud, bus)
    taken(cloud, bus)


def run(cloud, bus, nova):
    fleet.wait("read at the start", lambda: gauges(cloud).get("inventory.sent") == 1, 120)
    cloud.wait_log("rabbit.up", 2)

    def new(name, *args, **kwargs):
        """Only a notification can make it known: the interval is an hour."""
        nova.compute(name)
        bus.send(*args, **kwargs)
        fleet.wait(f"{name} is found", lambda: name in [row["name"] for row in cloud.fleet.json("node", "inventory")["list"]], 120)

    new("a1", "service.create", {"nova_object.version": "1.1", "nova_object.data": {"host": "a1", "binary": "nova-compute"}},
        key="versioned_notifications.info")
    new("a2", "HostAPI.set_enabled.end", {"host_name": "n1", "enabled": True})
    new("a3", "compute.instance.create.end", {"host": "a3", "node": "a3", "instance_id": "x"})
    new("a4", "compute.metrics.update", {"host": "a4", "nodename": "a4"}, bare=True)

    readings = nova.diary["services"]
    flood(cloud, bus, lambda i: "n1")  # tenants at work on hosts that are known
    assert nova.diary["services"] == readings, "instances come and go at will"

    begin = time.monotonic()
    flood(cloud, bus, lambda i: f"x{i}")  # and forged ones
    asked, seconds = nova.diary["services"] - readings, time.monotonic() - begin
    assert asked <= seconds / HINT_S + 2, (asked, seconds)
    assert not nova.wrong and cloud.fleet.rss_bytes("bridge-1") < 128 << 20
    states = {n["name"]: n["state"] for n in cloud.fleet.json("node", "list")}
    assert states == {name: "maintenance" for name in ("n1", "a1", "a2", "a3", "a4")}, states
    print(f"{FLOOD} forged notifications in {seconds:.1f} s cost {asked} readings")


def main():
    with rabbit.Rabbit() as server, Nova() as nova:
        bus = Bus(server)
        nova.compute("n1")
        settings = f"nova_exchange: nova\ncompute:\n  url: {nova.url}\n  interval: 1h\n  hint: {HINT_S}s\n"
        with Cloud(server=server, settings=settings, nodes=False) as cloud:
            run(cloud, bus, nova)


main()
