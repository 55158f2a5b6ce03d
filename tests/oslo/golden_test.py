#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bodies that the real oslo.messaging and Nova put on the wire (golden.json) are played to a running bridge byte for byte; its answers are read by the
library's own code, and what it publishes stands beside what the library published. The library's own servers and listeners take part in its
queues and exchanges, whichever of the two was there first."""
import base64
import json
import os
import pathlib
import sys
import uuid

import amqp

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", "."))
sys.path.insert(0, str(SOURCE / "tests/support"))
from cloud import Cloud, cfg, fleet, messaging, rabbit  # noqa: E402
from oslo_messaging._drivers import common  # noqa: E402

GOLDEN = json.loads((SOURCE / "tests/oslo/golden.json").read_text())
PROPERTIES = ("content_type", "content_encoding", "delivery_mode", "priority")
SEEN_S = 120


def inner_of(body):
    outer = json.loads(body)
    return json.loads(outer["oslo.message"]) if "oslo.message" in outer else outer


def body_of(one):
    return base64.b64decode(one["base64"]) if "base64" in one else one["body"]


def named(kind, name):
    return next(one for one in GOLDEN[kind] if one["name"] == name)


class Wire:
    """Knows AMQP and nothing of oslo."""

    def __init__(self, cloud):
        self.c = amqp.Connection(f"127.0.0.1:{cloud.server.port}", "nova", rabbit.USERS["nova"], virtual_host="cloud", connect_timeout=30)
        self.c.connect()
        self.ch = self.c.channel()

    def play(self, one, exchange, key):
        """With the properties it had."""
        properties = {k: v for k, v in one["properties"].items() if k in PROPERTIES}
        self.ch.basic_publish(amqp.Message(body_of(one), application_headers=one["headers"], **properties), exchange=exchange, routing_key=key)

    def queue(self, name, exchange=None, key=""):
        self.ch.queue_declare(name, durable=False, auto_delete=False, arguments={"x-expires": 600000})
        if exchange:
            self.ch.queue_bind(name, exchange, key)
        return name

    def next(self, queue, good=lambda inner: True):
        """The next message of a queue whose inside is so; others are dropped."""
        def get():
            message = self.ch.basic_get(queue, no_ack=True)
            return message if message is not None and good(inner_of(message.body)) else None
        return fleet.wait(f"a message in {queue}", get, SEEN_S)

    def ping(self, reply_queue):
        """A call of ours, behind everything that was sent before."""
        body = {"oslo.version": "2.0", "oslo.message": json.dumps({
            "method": "oslo_rpc_server_ping", "args": {}, "version": "1.0", "_msg_id": uuid.uuid4().hex, "_reply_q": reply_queue, "_unique_id": uuid.uuid4().hex})}
        self.ch.basic_publish(amqp.Message(json.dumps(body), content_type="application/json", content_encoding="utf-8"), exchange="spice", routing_key="spice")
        return json.loads(body["oslo.message"])["_msg_id"]


def same_form(got, want, what):
    """Keys and kinds of values, contexts aside."""
    want = {k: v for k, v in want.items() if not k.startswith("_context_")}
    assert {k: type(v) for k, v in got.items()} == {k: type(v) for k, v in want.items()}, (what, got, want)


def same_properties(message, one):
    got = {k: message.properties.get(k) for k in PROPERTIES}
    assert got == {k: one["properties"].get(k) for k in PROPERTIES}, (got, one["properties"])


def requests(w):
    """Each recorded request: a call is answered once, in the queue it names; a cast and a repetition are not. Nothing else comes."""
    calls, seen, queues = {}, set(), set()
    for one in GOLDEN["requests"]:
        inner = inner_of(one["body"])
        if "_reply_q" in inner:
            queues.add(w.queue(inner["_reply_q"]))
            if inner["_unique_id"] not in seen:
                calls[inner["_msg_id"]] = (one, inner)
        seen.add(inner.get("_unique_id"))
        w.play(one, "spice", "spice")
    for one in GOLDEN["replies"]:  # where no reply belongs
        w.play(one, "spice", "spice")
    assert len(calls) >= 6
    last = w.ping(w.queue("reply_last"))
    assert inner_of(w.next("reply_last").body)["_msg_id"] == last
    got = {}
    for queue in queues:
        while (message := w.ch.basic_get(queue, no_ack=True)) is not None:
            inner = inner_of(message.body)
            assert inner["_msg_id"] not in got, "answered twice"
            got[inner["_msg_id"]] = (message, inner)
    assert set(got) == set(calls), {calls[i][0]["name"] for i in set(calls) - set(got)}
    for msg_id, (message, inner) in got.items():
        one, asked = calls[msg_id]
        same_properties(message, named("replies", "rpc-reply-ok"))
        assert common.deserialize_msg(json.loads(message.body))["_msg_id"] == msg_id
        if one["name"] == "rpc-call-ping":
            assert inner["result"] == "pong" and inner["failure"] is None, inner
            same_form(inner, inner_of(named("replies", "rpc-reply-ping")["body"]), one["name"])
            continue
        failure = "rpc-reply-failure-no-such-method" if asked.get("version", "1.0") == "1.0" and "namespace" not in asked else "rpc-reply-failure-unsupported-version"
        golden = json.loads(inner_of(named("replies", failure)["body"])["failure"])
        told = json.loads(inner["failure"])
        assert (told["class"], told["module"]) == (golden["class"], golden["module"]), (one["name"], told)
        same_form(told, golden, one["name"])
        error = common.deserialize_remote_exception(inner["failure"], ["oslo_messaging.rpc.dispatcher"])
        assert asked["method"] in str(error), error


def published(cloud, w):
    """What all readers and Ceilometer get, beside the library's cast and notification."""
    trust, notes = w.queue("golden_trust", "spice_trust_fanout"), w.queue("golden_notes", "spice", "notifications.info")
    cloud.fleet.ctl("node", "maintenance", "n1")
    message = w.next(trust)
    same_properties(message, named("requests", "rpc-cast-fanout"))
    cast, want = inner_of(message.body), inner_of(named("requests", "rpc-cast-fanout")["body"])
    assert {k for k in want if not k.startswith("_context_")} <= set(cast) | {"namespace"} and set(cast) <= set(want) | {"namespace"}, (cast.keys(), want.keys())
    message = w.next(notes, lambda inner: inner["payload"]["node"] == "n1")
    golden = named("notifications", "notification-info")
    same_properties(message, golden)
    note = inner_of(message.body)
    same_form({**note, "payload": {}}, {**inner_of(golden["body"]), "payload": {}}, "notification")
    uuid.UUID(note["message_id"])
    cloud.fleet.ctl("node", "resume", "n1")


def nova_notifications(cloud, w):
    """Nova's own are read: those about compute services name their host, the others nothing. Also what others send there."""
    def gauge(process, name):
        return cloud.fleet.process_stats()[process]["gauges"][name]
    cloud.fleet.apply("kind: profile\nname: fast\nperiod: 1h\n---\nkind: node\nname: cmp-01\n")
    hosts = {inner_of(one["body"])["payload"]["nova_object.data"]["host"] for one in GOLDEN["notifications"] if one["name"].startswith("nova-service-")}
    assert hosts == {"cmp-01"}, hosts
    fleet.wait("the node's first result", lambda: cloud.fleet.member("cmp-01"), SEEN_S)
    had = fleet.wait("statistics", lambda: (gauge("bridge-1", "bridge.nova"), gauge("scheduler", "scheduler.hints")))
    others = [one for one in GOLDEN["notifications"] if not one["name"].startswith("nova-service-")]
    for one in others:
        w.play(one, "nova", "versioned_notifications.info")
    fleet.wait("all were read", lambda: gauge("bridge-1", "bridge.nova") == had[0] + len(others), SEEN_S)
    services = [named("notifications", f"nova-service-{event}") for event in ("create", "update", "delete")]
    news = [one for one in services if not (inner_of(one["body"])["payload"]["nova_object.data"]["disabled_reason"] or "").startswith("SPICE")]
    assert news and all(inner_of(one["body"])["event_type"].startswith("service.") for one in services)
    for count, one in enumerate(services, 1):  # each by itself: what comes together is one hint
        hints = gauge("bridge-1", "bridge.hints")
        w.play(one, "nova", "versioned_notifications.info")
        fleet.wait("it was read", lambda: gauge("bridge-1", "bridge.nova") == had[0] + len(others) + count, SEEN_S)
        if one in news:
            fleet.wait("its host is told", lambda: gauge("bridge-1", "bridge.hints") == hints + 1, SEEN_S)
    fleet.wait("the scheduler looks at it", lambda: gauge("scheduler", "scheduler.hints") > had[1], SEEN_S)
    cloud.fleet.apply("kind: profile\nname: fast\nperiod: 1s\n")


class Ours:
    target = messaging.Target(namespace="trust", version="1.0")

    def frames(self, context, bridge, frames):
        pass


def topology(cloud, options):
    """The library's server and notifier stand in the same exchanges and queues: before the bridge, and after it."""
    for name, value in options.items():
        cfg.CONF.set_override(name, value, group="oslo_messaging_rabbit")
    try:
        for first in ("the library", "the bridge"):
            w = Wire(cloud)
            cloud.fleet.kill("bridge-1", 15)
            for queue in ("spice", "spice.bridge-1", "spice_fanout_bridge-1", "notifications.info", "spice.golden", "spice_trust.golden", "spice_trust"):
                w.ch.queue_delete(queue)
            for exchange in ("spice", "spice_fanout", "spice_trust_fanout"):
                w.ch.exchange_delete(exchange)
            w.c.close()
            (cloud.fleet.prefix / "bridge-1.log").write_text("")
            cloud.write(cloud.server.url(query="?" + "&".join(f"{k}={str(v).lower()}" for k, v in options.items())))
            if first == "the bridge":
                cloud.fleet.start("bridge-1")
                cloud.wait_log("rabbit.up", 2)
            servers = [messaging.get_rpc_server(cloud.transport(), messaging.Target(exchange="spice", topic=t, server="golden"), [Ours()], executor="threading")
                       for t in ("spice", "spice_trust")]
            for server in servers:
                server.start()
            notes = messaging.get_notification_transport(cfg.CONF, url=cloud.server.url())
            cloud.transports.append(notes)
            listener = messaging.get_notification_listener(notes, [messaging.Target(exchange="spice", topic="notifications")], [], executor="threading")
            listener.start()
            if first == "the library":
                cloud.fleet.start("bridge-1")
                cloud.wait_log("rabbit.up", 2)
            client = cloud.client()
            fleet.wait("the bridge answers", lambda: client.prepare(server="bridge-1").call({}, "ping")["bridge"] == "bridge-1", SEEN_S)
            assert "used as it is" not in cloud.log(), (first, options, cloud.log()[-800:])
            for server in (*servers, listener):
                server.stop()
                server.wait()
    finally:
        for name in options:
            cfg.CONF.clear_override(name, group="oslo_messaging_rabbit")


def main():
    server = rabbit.Rabbit()
    with server:
        c = amqp.Connection(f"127.0.0.1:{server.port}", "nova", rabbit.USERS["nova"], virtual_host="cloud", connect_timeout=30)
        c.connect()
        c.channel().exchange_declare("nova", "topic", durable=False, auto_delete=False)
        c.close()
        with Cloud(server=server, settings="nova_exchange: nova\n") as cloud:
            cloud.wait_calls()
            w = Wire(cloud)
            requests(w)
            published(cloud, w)
            nova_notifications(cloud, w)
            assert cloud.client().call({}, "ping")["following"]
            topology(cloud, {})
            topology(cloud, {"amqp_durable_queues": True})
            topology(cloud, {"rabbit_quorum_queue": True})
    print(f"{sum(len(GOLDEN[k]) for k in ('requests', 'replies', 'notifications'))} recorded bodies, forms and properties of ours, shared queues")


main()
