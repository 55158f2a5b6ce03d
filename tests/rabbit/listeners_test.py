#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the real oslo.messaging hears from spice-bridge: the fanout by a server, the notifications by a listener; newest state instead of a backlog when
RabbitMQ was away, hung, or killed between publish and confirm."""
import base64
import os
import pathlib
import re
import signal
import sys
import threading

import yaml

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/wire"))
from cloud import Cloud, cfg, fleet, messaging  # noqa: E402
import spice_wire as wire  # noqa: E402

NAMES = {41: "Snapshot", 42: "TrustEvent", 44: "TrustBeat"}


class Frames:
    """Server of topic spice_trust: what Nova's schedulers are."""
    target = messaging.Target(namespace="trust", version="1.0")

    def __init__(self):
        self.lock, self.seen, self.bridges = threading.Lock(), [], set()

    def frames(self, context, bridge, frames):
        for text in frames:
            e = wire.open_envelope(base64.b64decode(text, validate=True))
            assert e["type"] in NAMES and e["sender"] == "keeper" and len(e["auth"]) == 64, e
            body = wire.decode(NAMES[e["type"]], e["body"])[0]
            with self.lock:
                self.seen.append((NAMES[e["type"]], body))
                self.bridges.add(bridge)

    def count(self, name):
        with self.lock:
            return sum(1 for n, _ in self.seen if n == name)

    def whole(self, after=0):
        """Parts of the newest snapshot that came whole after the first `after` frames."""
        with self.lock:
            seen = self.seen[after:]
        parts = {}
        for name, body in seen:
            if name == "Snapshot":
                parts.setdefault(body["nonce"], []).append(body)
        good = [p for p in parts.values() if [b["part"] for b in p] == list(range(len(p))) and p[-1]["last"]]
        return good[-1] if good else None

    def entry(self, node):
        """What the frames say about the node now, by sequence."""
        with self.lock:
            seen = list(self.seen)
        state = None
        for name, body in seen:
            for e in body.get("entries", []):
                if e["node"] == node:
                    state = e["member"]
        return state


class Notes:
    def __init__(self):
        self.lock, self.all = threading.Lock(), []

    def info(self, context, publisher_id, event_type, payload, metadata):
        with self.lock:
            self.all.append((publisher_id, event_type, payload, metadata))

    def of(self, node):
        with self.lock:
            return [p for _, kind, p, _ in self.all if kind == "spice.trust.changed" and p["node"] == node]


def hears(cloud):
    frames, notes = Frames(), Notes()
    server = messaging.get_rpc_server(cloud.transport(), messaging.Target(exchange="spice", topic="spice_trust", server="listener"), [frames],
                                      executor="threading")
    server.start()
    transport = messaging.get_notification_transport(cfg.CONF, url=cloud.server.url())
    cloud.transports.append(transport)
    listener = messaging.get_notification_listener(transport, [messaging.Target(exchange="spice", topic="notifications")], [notes],
                                                   executor="threading")
    listener.start()
    return frames, notes, (server, listener)


def starts(cloud, frames, notes):
    fleet.wait("a whole snapshot, and beats", lambda: frames.whole() and frames.count("TrustBeat") > 2, 180)
    entries = [e for part in frames.whole() for e in part["entries"]]
    assert sorted((e["node"], e["pool"], e["member"]) for e in entries) == [(f"n{i}", "trusted", True) for i in (1, 2, 3)], entries
    assert frames.bridges == {"bridge-1"}
    fleet.wait("a note of each node", lambda: all(notes.of(f"n{i}") for i in (1, 2, 3)), 120)
    publisher, kind, payload, metadata = notes.all[0]
    assert publisher == "spice.bridge-1" and kind == "spice.trust.changed", notes.all[0]
    assert payload["previous"] is None and payload["member"] and payload["trust"] == 1 and payload["pool_nodes"] == 3, payload
    assert metadata["timestamp"] and len(metadata["message_id"]) == 36


def changes(cloud, frames, notes):
    events = frames.count("TrustEvent")
    cloud.fleet.ctl("node", "maintenance", "n1")
    fleet.wait("an event and a note of n1", lambda: frames.entry("n1") is False and notes.of("n1")[-1]["member"] is False, 120)
    assert frames.count("TrustEvent") > events
    last = notes.of("n1")[-1]
    assert last["previous"] == {"member": True, "tier": "pass"} and last["pool_members"] == 2 and last["trust"] == 0, last
    with notes.lock:
        ids = [m["message_id"] for _, _, _, m in notes.all]
    assert len(ids) == len(set(ids)), "one id for one fact"


def results(cloud, notes):
    """Each outcome that changes, and none that does not."""
    def of(node):
        with notes.lock:
            return [p for _, kind, p, _ in notes.all if kind == "spice.check.result" and p["node"] == node]
    changed = "kind: check\nname: boot\nadapter: noop\nprofile: fast\nmax_age: 60s\nstage: enforcing\nfall: 1\nrise: 1\nparams: {outcome: %s}\n"
    cloud.fleet.apply(changed % "fail")
    fleet.wait("a note of a fail", lambda: of("n2") and of("n2")[-1]["outcome"] == "fail", 120)
    cloud.fleet.wait_member("n2", False)
    cloud.fleet.apply(changed % "pass")
    fleet.wait("a note of a pass", lambda: of("n2")[-1]["outcome"] == "pass", 120)
    cloud.fleet.wait_member("n2", True)
    last = of("n2")[-1]
    assert last["previous"] == "fail" and last["score"] == 1 and last["check"] == "boot" and last["worker"] == "worker-1" and last["duration_ms"] >= 0, last
    outcomes = [p["outcome"] for p in of("n2")]
    assert all(a != b for a, b in zip(outcomes, outcomes[1:])), outcomes
    fleet.wait("bad evidence is told as such", lambda: any(p["trust"] == -1 for p in notes.of("n2")), 60)


def meters(notes):
    """Every path of the shipped definitions is there in what arrives, and every volume is a number."""
    with notes.lock:
        seen = list(notes.all)
    definitions = yaml.safe_load((fleet.SOURCE / "ops/ceilometer/spice-meters.yaml").read_text())["metric"]
    known = yaml.safe_load((fleet.SOURCE / "ops/ceilometer/spice-gnocchi.yaml").read_text())["resources"]
    assert {d["name"] for d in definitions} == {m for r in known for m in r["metrics"]}
    for d in definitions:
        if "exposure" in d["event_type"]:
            continue  # these need servers: tests/nova/exposure_nova_test.py
        matching = [(p, m) for _, kind, p, m in seen if re.match(d["event_type"], kind)]
        assert matching and {"name", "event_type", "type", "unit", "volume", "resource_id"} <= set(d), d["name"]
        for payload, metadata in matching:
            for path in (d["volume"], d["resource_id"], d["timestamp"], *d["metadata"].values()):
                value = {"payload": payload, **metadata}
                for word in path.split(".")[1:]:
                    value = value[word]
                assert value is not None and (path != d["volume"] or isinstance(value, (int, float))), (path, payload)


def rabbit_away(cloud, frames, notes):
    """Killed at any moment; much happens meanwhile; nobody in the fleet notices; the newest state comes back, and no more."""
    had, noted = len(frames.seen), len(notes.of("n2"))
    cloud.server.kill()
    fleet.wait("the bridge knows", lambda: cloud.log().count("rabbit.lost") >= 2, 120)
    for _ in range(5):
        cloud.fleet.ctl("node", "maintenance", "n2")
        cloud.fleet.wait_member("n2", False)
        cloud.fleet.ctl("node", "resume", "n2")
        cloud.fleet.wait_member("n2", True)
    cloud.fleet.ctl("node", "maintenance", "n3")
    cloud.server.start()
    fleet.wait("n3 is out for those who listen", lambda: frames.entry("n3") is False, 240)
    fleet.wait("a whole snapshot after it", lambda: frames.whole(had), 240)
    fleet.wait("a note of n3", lambda: notes.of("n3")[-1]["member"] is False, 240)
    fleet.wait("n2 is in", lambda: frames.entry("n2") is True, 120)
    assert len(notes.of("n2")) - noted <= 2, f"a backlog: {notes.of('n2')[noted:]}"


def rabbit_hangs(cloud, frames, notes):
    """It takes our bytes and answers nothing: the confirm's deadline ends that."""
    lost = cloud.log().count("rabbit.lost")
    cloud.server.stop_reading()
    try:
        cloud.fleet.ctl("node", "resume", "n1")
        fleet.wait("the bridge gives that connection up", lambda: cloud.log().count("rabbit.lost") > lost, 120)
    finally:
        cloud.server.read_on()
    fleet.wait("n1 is back for those who listen", lambda: frames.entry("n1") is True and notes.of("n1")[-1]["member"] is True, 240)


def bridge_killed(cloud, frames, notes):
    cloud.fleet.kill("bridge-1", signal.SIGKILL)
    cloud.fleet.ctl("node", "resume", "n3")
    cloud.fleet.wait_member("n3", True)
    cloud.fleet.start("bridge-1")
    fleet.wait("n3 is in for those who listen", lambda: frames.entry("n3") is True, 180)


def keeper_killed(cloud, frames):
    had = len(frames.seen)
    boots = {b["boot"] for n, b in frames.seen if n == "TrustBeat"}
    cloud.fleet.restart("keeper")
    fleet.wait("a snapshot of another start", lambda: (frames.whole(had) or [{"boot": min(boots)}])[0]["boot"] not in boots, 180)


def main():
    with Cloud(settings="results: changes\nsnapshot: 5s\nconfirm: 3s\nheartbeat: 6s\n") as cloud:
        cloud.wait_calls()
        frames, notes, servers = hears(cloud)
        starts(cloud, frames, notes)
        changes(cloud, frames, notes)
        results(cloud, notes)
        meters(notes)
        rabbit_away(cloud, frames, notes)
        rabbit_hangs(cloud, frames, notes)
        bridge_killed(cloud, frames, notes)
        keeper_killed(cloud, frames)
        for server in servers:
            server.stop()
    print("fanout and notifications by the real library; RabbitMQ, bridge and keeper killed")


main()
