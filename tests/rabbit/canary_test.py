#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ that lost bindings or gives our messages to somebody else, as after a partition that healed: the connection lives, heartbeats and confirms
go on, and nothing comes. spice-bridge notices by its own canary, says so, and declares everything anew."""
import json
import os
import pathlib
import sys
import uuid

import amqp

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
from cloud import Cloud, fleet, messaging, rabbit  # noqa: E402

SEEN_S = 120


class Case:
    def __init__(self, cloud):
        self.cloud, self.client = cloud, cloud.wait_calls()
        connection = amqp.Connection(f"127.0.0.1:{cloud.server.port}", "spice", rabbit.USERS["spice"], virtual_host="cloud", connect_timeout=30)
        connection.connect()
        self.channel = connection.channel()
        self.connection = connection

    def gauge(self, name):
        return fleet.wait("the bridge's statistics", lambda: self.cloud.fleet.process_stats()["bridge-1"]["gauges"])[name]

    def deaf(self, break_it):
        """Breaks something, and waits until the bridge said that it is deaf, connected anew, and heard a canary."""
        deaf, heard = self.cloud.log().count("rabbit.deaf"), self.cloud.log().count("rabbit.heard")
        break_it()
        self.cloud.wait_log("rabbit.deaf", deaf + 1, SEEN_S)
        self.cloud.wait_log("rabbit.heard", heard + 1, SEEN_S)
        fleet.wait("the gauge tells", lambda: self.gauge("bridge.deaf") == 0, SEEN_S)

    def answers(self, **target):
        def pinged():
            try:
                return self.client.prepare(timeout=5, **target).call({}, "ping")["following"]
            except messaging.MessagingTimeout:
                return False
        fleet.wait(f"an answer {target}", pinged, SEEN_S)


def comes_back(case):
    fleet.wait("three came back", lambda: case.gauge("bridge.canaries") >= 3, SEEN_S)
    assert case.gauge("bridge.canary_us") > 0


def binding_lost(case, queue, **target):
    """What is sent there is returned to who asked for that, and else vanishes."""
    case.deaf(lambda: case.channel.queue_unbind(queue, "spice", queue))
    case.answers(**target)


def taken_by_another(case):
    """Not even returned: another queue stands where ours was."""
    def swap():
        case.channel.queue_declare("trap", durable=False, auto_delete=False)
        case.channel.queue_bind("trap", "spice", "spice.bridge-1")
        case.channel.queue_unbind("spice.bridge-1", "spice", "spice.bridge-1")
    case.deaf(swap)
    case.answers(server="bridge-1")
    message = fleet.wait("one of them is in the trap", lambda: case.channel.basic_get("trap", no_ack=True), SEEN_S)
    inner = json.loads(json.loads(message.body)["oslo.message"])
    assert inner["method"] == "canary" and "_msg_id" not in inner and "bridge" not in inner["args"], inner
    case.channel.queue_delete("trap")
    return inner


def forged(case, former):
    """Anybody may write canaries: they are answered by nobody and end no deafness."""
    canaries = case.gauge("bridge.canaries")
    for args in (former["args"], {}, {"nonce": None}, {"nonce": 7}, {"nonce": "x" * 1000}, {"nonce": ""}, [], None):
        for more in ({}, {"_msg_id": uuid.uuid4().hex, "_reply_q": "reply_" + uuid.uuid4().hex}):
            inner = {"method": "canary", "namespace": "canary", "args": args, "version": "1.0", "_unique_id": uuid.uuid4().hex, **more}
            for key in ("spice", "spice.bridge-1"):
                case.channel.basic_publish(amqp.Message(json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(inner)}), content_type="application/json",
                                                        content_encoding="utf-8"), exchange="spice", routing_key=key)
    case.answers()
    fleet.wait("its own come back as before", lambda: case.gauge("bridge.canaries") > canaries, SEEN_S)


def main():
    with Cloud(settings="canary: 1s\nconfirm: 5s\n") as cloud:
        case = Case(cloud)
        comes_back(case)
        binding_lost(case, "spice.bridge-1", server="bridge-1")
        binding_lost(case, "spice")
        forged(case, taken_by_another(case))
    print("canaries come back; lost bindings and a queue in our place are noticed and mended; forged ones count for nothing")


main()
