#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""spice-bridge against everything a user of the vhost can send it, and against a RabbitMQ that is configured otherwise, blocked, or gone."""
import json
import os
import pathlib
import subprocess
import sys
import uuid

import amqp

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
from cloud import Cloud, fleet, messaging, rabbit  # noqa: E402


class Wire:
    """A client that knows nothing of oslo: writes what it likes."""

    def __init__(self, cloud, user="nova"):
        self.c = amqp.Connection(f"127.0.0.1:{cloud.server.port}", user, rabbit.USERS[user], virtual_host="cloud", connect_timeout=30)
        self.c.connect()
        self.ch = self.c.channel()

    def send(self, body, content_type="application/json", key="spice", exchange="spice", headers=None):
        text = body if isinstance(body, (bytes, str)) else json.dumps(body)
        self.ch.basic_publish(amqp.Message(text, content_type=content_type, content_encoding="utf-8", application_headers=headers or {}),
                              exchange=exchange, routing_key=key)

    def reply_queue(self, name=None):
        name = name or "reply_" + uuid.uuid4().hex
        self.ch.queue_declare(name, durable=False, auto_delete=False, arguments={"x-expires": 600000})
        return name

    def get(self, queue):
        message = self.ch.basic_get(queue, no_ack=True)
        return None if message is None else json.loads(json.loads(message.body)["oslo.message"])

    def next(self, queue, seconds=60):
        return fleet.wait(f"a reply in {queue}", lambda: self.get(queue), seconds)


def envelope(inner, version="2.0"):
    return {"oslo.version": version, "oslo.message": inner if isinstance(inner, str) else json.dumps(inner)}


def request(queue, method="ping", **more):
    inner = {"method": method, "args": {}, "version": "1.0", "_unique_id": uuid.uuid4().hex, "_msg_id": uuid.uuid4().hex, "_reply_q": queue, "_timeout": None}
    inner.update(more)
    return inner


def tried(client, *args, **kwargs):
    """One short call; None when there is no answer."""
    try:
        return client.prepare(timeout=5).call({}, *args, **kwargs)
    except (messaging.MessagingTimeout, messaging.RemoteError):
        return None


def malformed(cloud, client):
    """Both layers: not JSON, wrong types, too deep, too large, repeated keys, other versions. Nothing is answered, and nothing breaks."""
    w = Wire(cloud)
    q = w.reply_queue()
    good = request(q)
    text = json.dumps(good)
    deep = "[" * 5000 + "]" * 5000
    bad = [b"", b"\0\1\2", b"{", b"null", b"[]", b'"x"', "{}", json.dumps(envelope(text))[:-5], envelope("{"), envelope("[]"), envelope(""), envelope(deep),
           envelope({**good, "method": None}), envelope({**good, "method": ""}), envelope({**good, "method": 7}), envelope({**good, "method": "x" * 300}),
           envelope({**good, "namespace": []}), envelope({**good, "_msg_id": 7}), envelope({**good, "_msg_id": "m" * 500}), envelope({**good, "_unique_id": {}}),
           envelope({**good, "args": {"x": json.loads("[" * 40 + "]" * 40)}}), {"oslo.version": "2.0", "oslo.message": good},
           {"oslo.version": 2.0, "oslo.message": text}, envelope(text, "2.1"), envelope(text, "1.0"), envelope(text, "2"), deep,
           '{"oslo.version": "2.0", "oslo.message": "{}", "oslo.message": ' + json.dumps(text) + "}", envelope(text[:-1] + ', "method": "ping"}'),
           envelope({**good, "args": {"x": "y" * 300000}}), "\ufeff" + json.dumps(envelope(text)), json.dumps(envelope(text)) + "x"]
    for body in bad:
        w.send(body)
    w.send(envelope(text), content_type="text/plain")
    w.send(envelope(text), content_type="application/json; charset=utf-8")
    w.send(envelope(text), headers={"compression": "application/x-gzip"})
    nested = {}
    for _ in range(300):
        nested = {"n": nested}
    w.send(envelope({**good, "method": "no_such_method", "_msg_id": "after"}), headers=nested)
    assert w.next(q)["_msg_id"] == "after", "one of the bad ones was answered"
    assert client.call({}, "ping")["following"]
    # What is odd and still good: no envelope, compact, no id, more keys, no version, numbers and words of Python.
    odd = [json.dumps(request(q, _msg_id="1")), json.dumps(envelope(request(q, _msg_id="2")), separators=(",", ":")),
           envelope({k: v for k, v in request(q, _msg_id="3").items() if k != "_unique_id"}), {**envelope(request(q, _msg_id="4")), "more": 1},
           envelope({k: v for k, v in request(q, _msg_id="5").items() if k != "version"}), envelope({k: v for k, v in request(q, _msg_id="6").items() if k != "args"}),
           envelope(json.dumps({**request(q, _msg_id="7"), "_context_x": float("inf"), "_context_y": 10 ** 60})), envelope(request(q, _msg_id="8", _timeout=1e99)),
           envelope(request(q, _msg_id="9", _timeout="soon"))]
    for body in odd:
        w.send(body)
    got = {w.next(q)["_msg_id"] for _ in odd}
    assert got == {str(i + 1) for i in range(len(odd))}, got
    for version in (None, "1", "x.y", "1.-0", 1.0):
        w.send(envelope(request(q, version=version)))
        assert json.loads(w.next(q)["failure"])["class"] == "UnsupportedVersion", version
    w.send(envelope(request(q, args=None)))
    assert json.loads(w.next(q)["failure"])["class"] == "SpiceBadRequest"


def replies(cloud):
    """Repeats are worked on once; only queues for replies are written to; a queue that is late gets its reply, one that never comes harms nobody."""
    w = Wire(cloud)
    q = w.reply_queue()
    twice = request(q, _msg_id="twice")
    w.send(envelope(twice))
    w.send(envelope(twice))
    w.send(envelope(request(q, _msg_id="last")))
    got = []
    while not got or got[-1]["_msg_id"] != "last":
        got.append(w.next(q))
    assert [m["_msg_id"] for m in got] == ["twice", "last"], got
    assert all(set(m) >= {"result", "failure", "ending", "_msg_id", "_unique_id"} and m["ending"] is True for m in got)
    victim = w.reply_queue("somebody_elses_queue")
    for name in (victim, "spice", "reply", "", "reply_" + "x" * 400, None, 7, ["reply_x"]):
        w.send(envelope(request(q, _reply_q=name)))
    w.send(envelope(request(q, _msg_id="end")))
    assert w.next(q)["_msg_id"] == "end" and w.get(victim) is None
    late, never = "reply_" + uuid.uuid4().hex, "reply_" + uuid.uuid4().hex
    returned = gauge(cloud, "bridge.returned")
    for _ in range(20):
        w.send(envelope(request(never)))
    w.send(envelope(request(late, _msg_id="late")))
    fleet.wait("replies come back", lambda: gauge(cloud, "bridge.returned") >= returned + 21, 60)
    w.reply_queue(late)
    assert w.next(late)["_msg_id"] == "late"
    odd = w.reply_queue("reply_host:nova-api:1.2-x/\u00e9")
    w.send(envelope(request(odd, _msg_id="odd")))
    assert w.next(odd)["_msg_id"] == "odd"


def gauge(cloud, name):
    return fleet.wait("the bridge's statistics", lambda: cloud.fleet.process_stats()["bridge-1"]["gauges"])[name]


def nothing_raises(cloud, client):
    """SI-10: a user of the vhost writes to every queue and exchange of ours; no node becomes a member."""
    w = Wire(cloud)
    cloud.fleet.ctl("node", "maintenance", "n3")
    cloud.fleet.wait_member("n3", False)
    verbs = ["node.state", "node.put", "pool.put", "node_resume", "set_maintenance", "frames", "run_check", "update_check"]
    for key, exchange in (("spice", "spice"), ("spice.bridge-1", "spice"), ("", "spice_fanout"), ("", "spice_trust_fanout"),
                          ("notifications.info", "spice"), ("spice.bridge-1", ""), ("spice_fanout_bridge-1", "")):
        for method in verbs:
            for name_space in (None, "trust"):
                inner = {"method": method, "args": {"name": "n3", "node": "n3", "state": "in_service", "bridge": "bridge-1", "frames": ["AAAA"]},
                         "version": "1.0", "_unique_id": uuid.uuid4().hex, "_context_is_admin": True, "_context_roles": ["admin"]}
                if name_space:
                    inner["namespace"] = name_space
                w.send(envelope(inner), key=key, exchange=exchange)
    fleet.wait("the bridge answers", lambda: tried(client, "ping"), 60)
    assert client.call({}, "get_trust", hosts=["n3"])["hosts"]["n3"]["trust"] == "unknown"
    assert not cloud.fleet.member("n3") and cloud.fleet.node("n3")["state"] == "maintenance"
    cloud.fleet.ctl("node", "resume", "n3")
    cloud.fleet.wait_member("n3", True)


def nova_hints(cloud):
    """Nova's notifications name nodes to be checked earlier; forged ones do no more than that, and floods are spared."""
    def notice(host, event="service.update", **data):
        return envelope({"event_type": event, "publisher_id": "nova-compute:x", "message_id": str(uuid.uuid4()), "priority": "INFO", "payload": {
            "nova_object.name": "ServiceStatusPayload", "nova_object.namespace": "nova", "nova_object.version": data.pop("version", "1.1"),
            "nova_object.data": {"host": host, "binary": "nova-compute", "disabled": True, "disabled_reason": None, "forced_down": False, **data}}})

    def send(*args, **data):
        w.send(notice(*args, **data), key="versioned_notifications.info", exchange="nova")
    w = Wire(cloud)
    assert gauge(cloud, "bridge.nova") == 0 and "left out" in cloud.log(), "there is no exchange nova yet, and that is no fault"
    w.ch.exchange_declare("nova", "topic", durable=False, auto_delete=False)
    cloud.fleet.kill("bridge-1", 15)
    (cloud.fleet.prefix / "bridge-1.log").write_text("")
    cloud.fleet.start("bridge-1")
    cloud.wait_log("rabbit.up", 2)
    assert "left out" not in cloud.log()
    cloud.fleet.apply("kind: profile\nname: fast\nperiod: 1h\n")
    moved = fleet.wait("the scheduler's statistics", lambda: cloud.fleet.process_stats()["scheduler"]["gauges"])["scheduler.hints"]
    for bad in (b"x", envelope("[]"), notice("n1", event="instance.update"), notice("n1", binary="nova-conductor"), notice("n1", version="2.0"),
                notice("n1", disabled_reason="SPICE: failed boot"), notice("n1; rm"), notice(""), notice("x" * 65), notice(["n1"]), envelope({"event_type": 1})):
        w.send(bad, key="versioned_notifications.info", exchange="nova")
    for _ in range(500):
        send("n2")
    send("no-such-node")
    fleet.wait("the scheduler moved n2", lambda: cloud.fleet.process_stats()["scheduler"]["gauges"]["scheduler.hints"] > moved, 60)
    fleet.wait("all were read", lambda: gauge(cloud, "bridge.nova") == 512, 60)
    fleet.wait("the scheduler's count", lambda: cloud.fleet.process_stats()["scheduler"]["gauges"]["scheduler.hints"] == moved + 1, 60)
    assert all(cloud.fleet.node(f"n{i}")["state"] == "in_service" for i in (1, 2, 3))
    cloud.fleet.apply("kind: profile\nname: fast\nperiod: 1s\n")
    fleet.wait("the period is short again", lambda: cloud.fleet.member("n1") and cloud.fleet.member("n2"), 120)


def floods(cloud, client):
    """More calls than it can hold open at once: some are told to ask later, memory stays, and it answers on."""
    w = Wire(cloud)
    q = w.reply_queue()
    os.kill(cloud.fleet.pid("keeper"), 19)
    try:
        for i in range(1500):
            w.send(envelope(request(q, "list_nodes", _msg_id=str(i))))
        replies = [w.next(q, 120) for _ in range(1500)]
    finally:
        os.kill(cloud.fleet.pid("keeper"), 18)
    assert all(r["failure"] and json.loads(r["failure"])["class"] == "SpiceUnavailable" for r in replies)
    assert fleet.BRIDGE or cloud.fleet.rss_bytes("bridge-1") < 128 << 20  # a sanitizer's own memory is not counted
    fleet.wait("answers again", lambda: len(tried(client, "list_nodes") or []) == 3, 120)


def queue_deleted(cloud, client):
    lost = cloud.log().count("event=rabbit.lost link=consumer")
    Wire(cloud).ch.queue_delete("spice")
    fleet.wait("told", lambda: cloud.log().count("event=rabbit.lost link=consumer") > lost, 60)
    fleet.wait("declared again", lambda: tried(client, "ping"), 120)


def exchange_deleted(cloud, client):
    w = Wire(cloud)
    w.ch.exchange_delete("spice_trust_fanout")
    lost = cloud.log().count("event=rabbit.lost link=publisher")
    fleet.wait("the next frame finds it gone", lambda: cloud.log().count("event=rabbit.lost link=publisher") > lost, 60)
    def there():
        try:
            Wire(cloud).ch.exchange_declare("spice_trust_fanout", "fanout", passive=True)
            return True
        except amqp.exceptions.NotFound:
            return False
    fleet.wait("declared again", there, 60)
    assert client.call({}, "ping")


def blocked(cloud, client):
    """RabbitMQ's memory alarm: nothing is published into it, nothing hangs, and it goes on when the alarm is over."""
    cloud.server.ctl("set_vm_memory_high_watermark", "0.00001")
    try:
        fleet.wait("a publish makes RabbitMQ say so", lambda: cloud.log().count("event=rabbit.blocked link=publisher") >= 1, 120)
        cloud.fleet.ctl("node", "maintenance", "n2")
        cloud.fleet.wait_member("n2", False)
        fleet.wait("the gauge tells", lambda: gauge(cloud, "bridge.blocked") == 1, 60)
        aborts = gauge(cloud, "bridge.aborts")
    finally:
        cloud.server.ctl("set_vm_memory_high_watermark", "absolute", "2GB")
    fleet.wait("answers again", lambda: (tried(client, "get_trust", hosts=["n2"]) or {"hosts": {"n2": {"trust": ""}}})["hosts"]["n2"]["trust"] == "unknown", 120)
    assert gauge(cloud, "bridge.aborts") == aborts, "a blocked RabbitMQ is no fault of the connection"
    fleet.wait("the gauge tells", lambda: gauge(cloud, "bridge.blocked") == 0, 60)
    cloud.fleet.ctl("node", "resume", "n2")
    cloud.fleet.wait_member("n2", True)


def restart_with(cloud, url, settings=None):
    cloud.fleet.kill("bridge-1", 15)
    (cloud.fleet.prefix / "bridge-1.log").write_text("")
    cloud.write(url)
    if settings:
        text = cloud.fleet.config.read_text()
        cloud.fleet.config.write_text(text + settings)
    cloud.fleet.start("bridge-1")


def wrong_addresses(cloud):
    """Password, vhost, host: told once per try, without the password; the fleet goes on; the next good host is found."""
    for url, text in ((cloud.server.url(password="WRONG-PASS"), "403 ACCESS_REFUSED"), (cloud.server.url(vhost="nowhere"), "530 NOT_ALLOWED"),
                      (cloud.server.url(port=rabbit.free_port()), "connect")):
        restart_with(cloud, url)
        cloud.wait_log("rabbit.lost", 4)
        assert text in cloud.log(), cloud.log()[-500:]
        assert "WRONG-PASS" not in cloud.log() and "sp@ce" not in cloud.log() and "sp%40ce" not in cloud.log()
        assert cloud.fleet.ctl("doctor", check=False).returncode == 0
    dead = rabbit.free_port()
    url = cloud.server.url().replace("@127", f"@127.0.0.1:{dead},{cloud.server.url().split('//')[1].split('@')[0]}@127", 1)
    for _ in range(3):  # whichever is tried first
        restart_with(cloud, url)
        cloud.wait_log("rabbit.up", 2)
    restart_with(cloud, cloud.server.url(password="OLD-PASS"))
    cloud.wait_log("rabbit.lost", 4)
    cloud.write(cloud.server.url())  # a new password takes effect without a restart
    cloud.wait_log("rabbit.up", 2)


def wrong_settings(cloud):
    """A transport URL that cannot be: exit code 2 and a line that says what, not with what."""
    cloud.fleet.kill("bridge-1", 15)
    binary, config = fleet.BRIDGE or fleet.BIN / "spice-bridge", str(cloud.fleet.config)
    path = cloud.fleet.prefix / "etc/transport_url"
    for url in ("", "http://u:TOP-SECRET@h/", "rabbit://u:TOP-SECRET/x@h/", cloud.server.url(password="TOP-SECRET", query="?rabbit_qorum_queue=1"),
                cloud.server.url(password="TOP-SECRET", query="?ssl=perhaps"), cloud.server.url(password="TOP-SECRET", query="?heartbeat_timeout_threshold=-1")):
        path.write_text(url)
        done = subprocess.run([binary, "-c", config, "-n", "bridge-1"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and "transport URL" in done.stderr and "TOP-SECRET" not in done.stderr, (url, done)
    path.write_text(cloud.server.url())
    path.chmod(0o644)
    done = subprocess.run([binary, "-c", config, "-n", "bridge-1"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "transport_url" in done.stderr, done
    path.chmod(0o600)
    cloud.fleet.start("bridge-1")


def declared_otherwise(cloud):
    """Exchange and queue exist with other flags: used as they are, and told."""
    cloud.fleet.kill("bridge-1", 15)
    w = Wire(cloud)
    w.ch.queue_delete("spice")
    w.ch.exchange_delete("spice")
    w.ch.exchange_declare("spice", "topic", durable=True, auto_delete=False)
    w.ch.queue_declare("spice", durable=True, auto_delete=False)
    (cloud.fleet.prefix / "bridge-1.log").write_text("")
    cloud.fleet.start("bridge-1")
    cloud.wait_log("used as it is", 2)
    cloud.wait_log("rabbit.up", 2)
    q = w.reply_queue()
    w.send(envelope(request(q, _msg_id="flags")))
    assert w.next(q)["_msg_id"] == "flags"


def quorum(cloud):
    """The options a new deployment has on: durable quorum queues everywhere."""
    w = Wire(cloud)
    cloud.fleet.kill("bridge-1", 15)
    for queue in ("spice", "spice.bridge-1", "spice_fanout_bridge-1", "spice_nova_bridge-1", "notifications.info"):
        w.ch.queue_delete(queue)
    for exchange in ("spice", "spice_fanout", "spice_trust_fanout"):
        w.ch.exchange_delete(exchange)
    restart = cloud.server.url(query="?rabbit_quorum_queue=true&rabbit_transient_quorum_queue=1&rabbit_quorum_delivery_limit=5&heartbeat_timeout_threshold=30")
    cloud.write(restart)
    (cloud.fleet.prefix / "bridge-1.log").write_text("")
    cloud.fleet.start("bridge-1")
    cloud.wait_log("rabbit.up", 2)
    assert "used as it is" not in cloud.log()
    listed = cloud.server.ctl("list_queues", "-p", "cloud", "name", "type", "durable")
    for queue in ("spice", "spice.bridge-1", "spice_fanout_bridge-1", "spice_nova_bridge-1", "notifications.info"):
        assert any(line.split() == [queue, "quorum", "true"] for line in listed.splitlines()), listed
    q = w.reply_queue()
    w.send(envelope(request(q, _msg_id="quorum")))
    assert w.next(q)["_msg_id"] == "quorum"


def main():
    with Cloud(settings="nova_exchange: nova\nheartbeat: 10s\nsnapshot: 5s\nreply_retry: 20s\n") as cloud:
        client = cloud.wait_calls()
        malformed(cloud, client)
        replies(cloud)
        nothing_raises(cloud, client)
        nova_hints(cloud)
        floods(cloud, client)
        queue_deleted(cloud, client)
        exchange_deleted(cloud, client)
        blocked(cloud, client)
        wrong_addresses(cloud)
        wrong_settings(cloud)
        declared_otherwise(cloud)
        quorum(cloud)
    print("malformed, forged and repeated requests; lost queues, alarms, wrong addresses, other flags")


main()
