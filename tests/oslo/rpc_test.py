#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every method of spice-bridge by the real oslo.messaging client over a real RabbitMQ: answers, every kind of error, versions, heartbeats, casts."""
import base64
import os
import pathlib
import sys
import types

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/wire"))
from cloud import Cloud, fleet, messaging, nonce  # noqa: E402
import spice_wire as wire  # noqa: E402

SPICE_ERRORS = ("SpiceUnavailable", "SpiceBadRequest", "SpiceNotFound", "SpiceNotAuthorized")


def raised(call, *args, **kwargs):
    try:
        result = call({}, *args, **kwargs)
    except messaging.RemoteError as error:
        return error.exc_type, error.value
    raise AssertionError(f"{args}: no error but {result!r}")


def reads(client):
    assert client.call({}, "ping") == {"bridge": "bridge-1", "version": client.call({}, "ping")["version"], "following": True}
    assert client.call({}, "oslo_rpc_server_ping") == "pong"
    pool = client.call({}, "get_pool", pool="trusted")
    assert sorted(m["node"] for m in pool["members"]) == ["n1", "n2", "n3"] and pool["nodes"] == 3, pool
    assert all(0 < m["remaining_ms"] <= 60000 for m in pool["members"])
    assert client.call({}, "get_pool")["members"] and client.call({}, "get_pool", pool=None)["members"]
    trust = client.call({}, "get_trust", hosts=["n1", "n2", "other", ""])
    assert trust["following"] and {h: t["trust"] for h, t in trust["hosts"].items()} == \
        {"n1": "trusted", "n2": "trusted", "other": "unknown", "": "unknown"}, trust
    nodes = client.call({}, "list_nodes")
    assert [n["name"] for n in nodes] == ["n1", "n2", "n3"] and nodes[0]["pools"]["trusted"]["member"]
    node = client.call({}, "get_node", name="n2")
    assert node["name"] == "n2"
    key = client.call({}, "get_trust", hosts=[node["key"]])["hosts"][node["key"]]
    assert key["trust"] == "trusted", "a host may be named by its key"
    checks = client.call({}, "list_checks")
    assert [c["name"] for c in checks] == ["boot"]
    assert client.call({}, "list_checks", name="boot") == checks or client.call({}, "list_checks", name="boot")[0]["name"] == "boot"
    assert {p["name"] for p in client.call({}, "list_profiles")} == {"default", "fast"}
    results = client.call({}, "list_results")
    assert len(results) == 3 and all(r["check"] == "boot" and r["outcome"] == "pass" for r in results)
    assert len(client.call({}, "list_results", node="n1")) == 1 and len(client.call({}, "list_results", limit=2)) == 2


def errors(cloud, client):
    assert raised(client.call, "get_node", name="nobody")[0] == "SpiceNotFound"
    assert raised(client.call, "get_pool", pool="nothing")[0] == "SpiceNotFound"
    for method, args in (("get_trust", {}), ("get_trust", {"hosts": "n1"}), ("get_trust", {"hosts": [1]}), ("get_trust", {"hosts": None}),
                         ("get_trust", {"hosts": ["x" * 300]}), ("get_trust", {"hosts": ["n"] * 10001}), ("ping", {"surprise": 1}),
                         ("get_node", {}), ("get_node", {"name": ""}), ("get_node", {"name": 7}), ("list_results", {"limit": -1}),
                         ("list_results", {"limit": "2"}), ("get_pool", {"pool": "x" * 65})):
        assert raised(client.call, method, **args)[0] == "SpiceBadRequest", (method, str(args)[:60])
    for method in ("create_check", "update_check", "delete_check", "select_profile", "run_check", "set_maintenance"):
        kind, text = raised(client.call, method, name="boot", anything={"a": [1]})
        assert kind == "SpiceNotAuthorized" and "administrator" in text, (method, kind, text)
    assert [c["name"] for c in client.call({}, "list_checks")] == ["boot"]
    for method in ("no_such_method", "_private", "__init__", "node.put", "snapshot"):
        assert raised(client.call, method)[0] == "NoSuchMethod", method
    for version in ("1.1", "2.0", "0.9"):
        assert raised(cloud.client(version=version).call, "ping")[0] == "UnsupportedVersion", version
    assert raised(cloud.client(namespace="other").call, "ping")[0] == "UnsupportedVersion"
    assert raised(cloud.client(namespace="trust").call, "ping")[0] == "NoSuchMethod"


def errors_are_rebuilt(cloud):
    """A client that has our classes gets them as such."""
    module = types.ModuleType("spice.exceptions")
    for name in SPICE_ERRORS:
        setattr(module, name, type(name, (Exception,), {"__module__": "spice.exceptions"}))
    sys.modules["spice"], sys.modules["spice.exceptions"] = types.ModuleType("spice"), module
    client = cloud.client(exmods=["spice.exceptions"])
    try:
        client.call({}, "get_node", name="nobody")
    except module.SpiceNotFound as error:
        assert "no such node" in str(error), error
        return
    raise AssertionError("no error")


def frames(cloud):
    client = cloud.client(namespace="trust")
    for method, number in (("beat", 44), ("snapshot", 41)):
        asked = nonce()
        answer = client.call({}, method, nonce=asked)
        assert list(answer) == ["frames"] and answer["frames"]
        for text in answer["frames"]:
            envelope = wire.open_envelope(base64.b64decode(text, validate=True))
            assert envelope["type"] == number and envelope["sender"] == "keeper" and len(envelope["auth"]) == 64
            assert wire.decode({41: "Snapshot", 44: "TrustBeat"}[number], envelope["body"])[0]["nonce"] == base64.b64decode(asked)
        for bad in (None, 7, "", "AAAA", asked[:-1], asked + "\n", asked.replace("=", ""), "*" * 24, base64.b64encode(bytes(17)).decode()):
            assert raised(client.call, method, nonce=bad)[0] == "SpiceBadRequest", (method, bad)
    assert raised(client.call, "beat")[0] == "SpiceBadRequest"


def more_ways_to_ask(cloud, client):
    assert client.prepare(server="bridge-1").call({}, "ping")["bridge"] == "bridge-1"
    for fanout in (False, True):  # a cast gets no answer, and does no harm
        client.prepare(fanout=fanout).cast({}, "create_check", name="x")
        client.prepare(fanout=fanout).cast({}, "no_such_method")
    context = {"auth_token": "TOKEN-THAT-MUST-NOT-LEAK", "user_id": "u", "is_admin": True, "roles": ["admin"], "odd": float("nan"),
               "big": 10 ** 40, "lone": "\ud800", "nul": "a\0b"}
    assert client.call(context, "ping")["following"]
    assert raised(lambda _, *a, **k: client.call(context, *a, **k), "set_maintenance", node="n1")[0] == "SpiceNotAuthorized"
    assert "TOKEN-THAT-MUST-NOT-LEAK" not in cloud.log()


def slow_answers_beat(cloud):
    """The keeper stands still: the caller hears heartbeats, and then that it should ask again."""
    client = cloud.client(call_monitor_timeout=3, timeout=60)
    os.kill(cloud.fleet.pid("keeper"), 19)
    try:
        assert raised(client.call, "list_nodes")[0] == "SpiceUnavailable"  # after ten seconds: without heartbeats it were a timeout after 3
    finally:
        os.kill(cloud.fleet.pid("keeper"), 18)
    fleet.wait("all is read as before", lambda: reads_again(client), 180)


def reads_again(client):
    """The keeper goes on at once, but those around it had given it up: for a moment callers are told to ask again, as they were promised."""
    try:
        reads(client)
        return True
    except messaging.RemoteError as error:
        if error.exc_type != "SpiceUnavailable":
            raise
    except AssertionError as error:
        raise fleet.Failed(str(error)) from error  # not yet; shown when it stays so
    return False


def main():
    with Cloud() as cloud:
        client = cloud.wait_calls()
        reads(client)
        errors(cloud, client)
        errors_are_rebuilt(cloud)
        frames(cloud)
        more_ways_to_ask(cloud, client)
        slow_answers_beat(cloud)
        assert cloud.server.url().split("@")[0].split(":")[2] not in cloud.log(), "the password is in the log"
        assert "sp@ce" not in cloud.log()
    print("methods, errors, frames, casts and heartbeats by the real client")


main()
