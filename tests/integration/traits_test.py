#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""spice-bridge and its placement traits against a fake placement that refuses, hangs, talks nonsense and lets tokens expire. After each fault
the traits are those of the pool, traits of others are untouched, and neither rate nor number of requests at once was exceeded."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
from fleet import wait  # noqa: E402
from placement_double import PASSWORD, USER, Placement  # noqa: E402
from trait_fleet import GOLD, IRON, TraitFleet  # noqa: E402

NODES = {"n1": str(uuid.uuid4()), "n2": str(uuid.uuid4()), "n3": None, "n4": None}
FOREIGN = {"n1": ["COMPUTE_NODE", "CUSTOM_OTHER", "HW_CPU_X86_VMX"], "n2": [], "n3": ["CUSTOM_SPICE_GOLD_2"], "n4": ["COMPUTE_NODE"],
           "stranger": ["CUSTOM_OTHER"], "taken": []}
PARALLEL = 4


def settle(placement, gold, iron=tuple(NODES), seconds=120):
    wait(f"gold {gold}, iron {iron}", lambda: (placement.having(GOLD), placement.having(IRON)) == (sorted(gold), sorted(iron)), seconds, 0.05)


def foreign_lives(placement):
    assert not placement.wrong, placement.wrong
    for provider in placement.providers.values():
        assert [t for t in provider.traits if t not in placement.ours] == FOREIGN[provider.name], (provider.name, provider.traits)


def fill(placement):
    for name, traits in FOREIGN.items():
        if name in NODES or name == "stranger":
            placement.add(name, NODES.get(name), traits)
    placement.add("stranger-2", traits=[GOLD, IRON])  # of a bridge that died
    FOREIGN["stranger-2"] = []


def shown(fleet, *args):
    """{(node, trait): row} of `spicectl trait status`."""
    view, = fleet.json("trait", "status", *args)
    assert set(view) == {"bridge", "following", "pools_known", "reconciled", "failing", "cut", "proof_remaining_ms", "providers", "waiting", "entries"}, view
    for row in view["entries"]:
        assert set(row) == {"node", "provider", "trait", "pools", "state", "unsure", "remaining_ms", "why"}, row
    return view, {(row["node"], row["trait"]): row for row in view["entries"]}


def leases_are_shown(fleet, placement):
    """As JSON, at the last hop as at the others: keeper, reader, filter."""
    settle(placement, NODES)
    wait("everything was looked at", lambda: shown(fleet)[0]["reconciled"], 60)
    view, rows = wait("nothing is under way", lambda: got if (got := shown(fleet)) and {r["state"] for r in got[1].values()} <= {"on", "off", "no_provider"} else None, 60)
    assert view["following"] and view["pools_known"] and not view["failing"] and not view["cut"] and view["providers"] == len(placement.providers)
    keys = {p.name: p.uuid for p in placement.providers.values()}
    for name in NODES:
        row = rows[name, GOLD]
        assert (row["state"], row["provider"], row["pools"], row["unsure"], row["why"]) == ("on", keys[name], ["gold"], False, ""), row
        left = fleet.node(name)["pools"]["gold"]["remaining_ms"]
        assert 0 < row["remaining_ms"] <= left + 60000, (row, left)  # the keeper was asked later
        assert row["remaining_ms"] <= 30000, "the lease is never longer than a result lives"
    row = rows["stranger", GOLD]
    assert (row["state"], row["remaining_ms"], row["why"]) == ("off", 0, "no such node in a pool of this trait"), row
    assert rows["taken", GOLD]["state"] == "no_provider" and rows["taken", GOLD]["provider"] is None, "another's name is no provider"
    assert {key[1] for key in shown(fleet, "--pool", "gold")[1]} == {GOLD} and {key[0] for key in shown(fleet, "--node", "n1")[1]} == {"n1"}
    table = fleet.ctl("trait", "status", "--node", "n2").stdout
    assert GOLD in table and "follows the keeper" in table and "n1" not in table, table
    fleet.label("n2", gold=False)
    row = wait("the loss is shown", lambda: r if (r := shown(fleet, "--node", "n2")[1]["n2", GOLD])["state"] == "off" else None, 60)
    assert row["remaining_ms"] == 0 and row["why"] == "not a member of each pool of this trait", row
    fleet.label("n2", gold=True)
    settle(placement, NODES)


def nobody_proves(fleet):
    """Called when the keeper is dead and placement holds none of the traits. False until the bridge has heard placement's last answer."""
    done = fleet.ctl("--json", "trait", "status", check=False)
    view, = json.loads(done.stdout)
    assert done.returncode == 3 and not view["following"] and view["proof_remaining_ms"] == 0, (done.returncode, view)
    assert all(row["remaining_ms"] == 0 and row["state"] in ("going", "off", "no_provider") for row in view["entries"]), view
    if any(row["state"] == "going" for row in view["entries"]):
        return False
    assert {row["why"] for row in view["entries"] if row["node"] == "n3"} == {"the pool is not proven now"}, view
    return True


def follows_the_pool(fleet, placement):
    settle(placement, NODES)
    fleet.label("n2", gold=False)
    fleet.label("n3", gold=False)
    settle(placement, {"n1", "n4"})
    fleet.label("n3", gold=True)
    settle(placement, {"n1", "n3", "n4"})
    foreign_lives(placement)


def survives(fleet, placement, what, begin, end):
    """While it lasts n1 loses gold; afterwards the trait goes."""
    fleet.label("n1", gold=True)
    settle(placement, {"n1", "n3", "n4"})
    begin()
    fleet.label("n1", gold=False)
    fleet.wait_member("n1", False, "gold") if "gold" in fleet.node("n1")["pools"] else None
    reads = len(placement.times)
    wait(f"{what}: the bridge tries", lambda: len(placement.times) > reads, 60)
    end()
    settle(placement, {"n3", "n4"})
    foreign_lives(placement)
    print(f"   {what}: over, and right")


def faults(fleet, placement):
    def set_fault(value):
        def act():
            placement.fault = value
            if value is None:
                placement.released.set()
                placement.released.clear()
        return act

    for fault in (500, 503, "garbage", "close", "flood", "hang"):
        survives(fleet, placement, str(fault), set_fault(fault), set_fault(None))

    def storm():
        placement.conflicts = 6
    survives(fleet, placement, "conflicts", storm, lambda: None)
    assert placement.diary["conflict"] >= 6

    def slow():
        placement.slow_s = 0.3
    survives(fleet, placement, "slow", slow, lambda: setattr(placement, "slow_s", 0.0))


def dead_man(fleet, placement):
    """No keeper: nothing can be proven."""
    fleet.kill("keeper")
    settle(placement, set(), set())
    wait("and it is shown so", lambda: nobody_proves(fleet), 60)
    fleet.start("keeper")
    settle(placement, {"n3", "n4"})
    foreign_lives(placement)


def two_bridges(fleet, placement):
    """One is killed; what it put on, the other takes off."""
    fleet.kill("bridge-1")
    fleet.label("n1", gold=True)
    fleet.label("n3", gold=False)
    fleet.wait_member("n1", True, "gold")
    with placement.lock:
        stranger = next(p for p in placement.providers.values() if p.name == "stranger")
        stranger.traits = stranger.traits + [GOLD]
        stranger.generation += 1
    fleet.start("bridge-1")
    settle(placement, {"n1", "n4"})
    foreign_lives(placement)


def bounds(placement):
    assert placement.most <= PARALLEL + 1, placement.most  # and a token request
    assert len(placement.times) > 100


def fixed_token():
    with Placement({GOLD, IRON}, auth="token") as placement:
        fill(placement)
        placement.add("taken")  # of the name of a node whose own provider is another
        nodes = {**NODES, "taken": str(uuid.uuid4())}
        fleet = TraitFleet(placement.url + "/", nodes, f"parallel: {PARALLEL}\ntimeout: 2s\nauth: token\nsecret_file: etc/secret\n")
        fleet.secret(PASSWORD)
        with fleet:
            fleet.start("bridge-1")
            leases_are_shown(fleet, placement)
            follows_the_pool(fleet, placement)
            print("1. traits follow the pool; those a dead bridge left are gone")
            faults(fleet, placement)
            print("2. every fault of placement ends in the right traits")
            dead_man(fleet, placement)
            print("3. without a keeper every trait goes, and comes back with it")
            two_bridges(fleet, placement)
            print("4. a bridge that starts reconciles what happened meanwhile")
            bounds(placement)
            assert PASSWORD not in fleet.log()


def keystone(auth):
    with Placement({GOLD, IRON}, auth="keystone") as placement:
        fill(placement)
        fleet = TraitFleet(placement.url, NODES, f"auth: {auth}\nsecret_file: etc/secret\nauth_url: {placement.url}/v3/\nusername: {USER}\n")
        fleet.secret(PASSWORD)
        with fleet:
            fleet.start("bridge-1")
            settle(placement, NODES)
            placement.tokens.clear()  # revoked
            fleet.label("n2", gold=False)
            settle(placement, {"n1", "n3", "n4"})
            assert placement.logins >= 2
            foreign_lives(placement)
            log = fleet.log()
            assert PASSWORD not in log and not any(t in log for t in placement.tokens) and "gAAAA" not in log


def certificate(folder, name, address):
    """Self-signed, so it is its own authority."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=placement",
                    "-addext", f"subjectAltName=IP:{address}", "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def tls():
    """The token goes to nobody but the placement that the authority vouches for, by its name."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        right, other, wrong_name = (certificate(folder, n, a) for n, a in (("right", "127.0.0.1"), ("other", "127.0.0.1"), ("name", "127.0.0.2")))
        for what, shown, trusted, good in (("right", right, right, True), ("another authority", other, right, False),
                                           ("another name", wrong_name, wrong_name, False)):
            with Placement({GOLD, IRON}, auth="token", tls=shown) as placement:
                fill(placement)
                fleet = TraitFleet(placement.url, NODES, f"auth: token\nsecret_file: etc/secret\nca_file: {trusted[0]}\n")
                fleet.secret(PASSWORD)
                with fleet:
                    fleet.start("bridge-1")
                    if good:
                        settle(placement, NODES)
                        continue
                    wait(f"{what}: the bridge gives up for a while", lambda: "placement.lost" in fleet.log(), 120)
                    assert not placement.times, f"{what}: a request went out"
            print(f"   {what}: refused before anything was sent")


def main():
    started = time.monotonic()
    fixed_token()
    for auth in ("password", "application_credential"):
        keystone(auth)
        print(f"5. Keystone, {auth}: a revoked token is renewed, and nothing secret is in the log")
    tls()
    print("6. TLS: only the right placement gets the token")
    print(f"ok, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
