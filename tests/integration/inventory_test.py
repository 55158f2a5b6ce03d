#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes nobody types: a bridge reads the list of compute nodes of a fake Nova that fails on demand, and the keeper finds nodes, notices other names,
retires and takes back, brakes what is too much at once, and never believes a part of the list. Nothing the list says makes a node a member that no
administrator released."""
import os
import pathlib
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
import fleet  # noqa: E402
from fleet import wait  # noqa: E402
from nova_double import Nova  # noqa: E402
from placement_double import PASSWORD, USER  # noqa: E402

DEFINITIONS = textwrap.dedent("""\
    kind: profile
    name: fast
    period: 1s
    ---
    kind: check
    name: boot
    adapter: noop
    profile: fast
    max_age: 30s
    stage: enforcing
    params: {outcome: pass}
    ---
    kind: pool
    name: trusted
    mandatory: [boot]
    """)


class InventoryFleet(fleet.Fleet):
    def __init__(self, url, compute="", keeper="", timeout="2s"):
        super().__init__(workers=1)
        self.private("transport_url", "rabbit://nobody:nothing@127.0.0.1:1/")
        with open(self.config) as conf:
            text = conf.read()
        inventory = "  inventory:\n" + textwrap.indent(textwrap.dedent(f"misses: 2\nmissing: 2s\n{keeper}"), "    ")
        text = text.replace("\nkeeper:\n", "\nkeeper:\n" + inventory) if "\nkeeper:\n" in text else text + "\nkeeper:\n" + inventory
        text += "\nbridge:\n  transport_url_file: etc/transport_url\n  compute:\n" + textwrap.indent(
            f"url: {url}\ninterval: 1s\ntimeout: {timeout}\n{textwrap.dedent(compute)}", "    ")
        with open(self.config, "w") as conf:
            conf.write(text)

    def private(self, name, text):
        path = self.prefix / "etc" / name
        path.write_text(text + "\n")
        os.chmod(path, 0o600)

    def begin(self):
        self.start("broker-1", "keeper", "scheduler", "worker-1").ready()
        self.apply(DEFINITIONS)
        self.start("bridge-1")
        return self

    def inventory(self):
        return self.json("node", "inventory")

    def kinds(self):
        return {row["name"]: row["kind"] for row in self.inventory()["list"]}

    def state(self, name):
        """Retired nodes are in no list but this one."""
        rows = [n for n in self.inventory()["list"] + self.json("node", "list") if n["name"] == name]
        return rows[0]["state"] if rows else None

    def members(self):
        return sorted(n["name"] for n in self.json("node", "list") if n["pools"]["trusted"]["member"])

    def accept(self, *names):
        self.ctl("node", "inventory", "--accept", *names, "--yes")

    def readings(self, nova, n=3):
        """n more whole rounds of requests have been made, whatever came of them."""
        before = nova.diary["services"]
        wait(f"{n} more readings", lambda: nova.diary["services"] >= before + n, 120, 0.05)

    def log(self, name):
        return (self.prefix / f"{name}.log").read_text(errors="replace")


def found_and_released(f, nova):
    wait("five found", lambda: f.kinds() == {**{f"n{i}": "discovered" for i in range(1, 6)}, "bad?name": "bad_name"}, 120, 0.1)
    listing = f.inventory()
    assert listing["nodes"] == 6 and listing["source"] == "bridge-1" and listing["mode"] == "discover" and not listing["braked"], listing
    node = f.node("n1")
    assert node["state"] == "maintenance" and node["origin"] == "nova" and node["key"] == nova.computes[0].key, node
    assert 'name="bad?name"' in f.log("keeper") or "bad?name" in f.log("keeper")
    f.readings(nova)
    assert f.members() == [], "nobody released anything"
    table = f.ctl("node", "inventory").stdout
    assert "discovered" in table and "n3" in table, table
    assert f.ctl("node", "inventory", "--accept", check=False).returncode == 2
    assert f.ctl("node", "inventory", "--accept", "bad?name", "--yes", check=False).returncode != 0
    f.accept("n1")
    wait("n1 proves itself", lambda: f.members() == ["n1"], 120, 0.1)
    f.ctl("node", "inventory", "--accept", "--all", "--yes")
    wait("all prove themselves", lambda: f.members() == ["n1", "n2", "n3", "n4", "n5"], 120, 0.1)
    assert f.kinds() == {"bad?name": "bad_name"}, f.kinds()


def renamed(f, nova):
    generation = f.node("n2")["generation"]
    nova.computes[1].name = "n2-new"
    wait("renamed", lambda: f.kinds().get("n2-new") == "renamed", 120, 0.1)
    node = f.node("n2-new")
    assert node["state"] == "maintenance" and node["key"] == nova.computes[1].key and node["generation"] > generation, node
    f.readings(nova)
    assert f.members() == ["n1", "n3", "n4", "n5"], f.members()
    f.accept("n2-new")
    f.wait_member("n2-new", True)
    nova.computes[1].name = "n2"
    wait("and back", lambda: f.kinds().get("n2") == "renamed", 120, 0.1)
    f.accept("n2")
    f.wait_member("n2", True)


def a_part_is_nothing(f, nova):
    members = f.members()

    def survives(what, begin, end):
        before = nova.diary["services"] + len(nova.times)
        begin()
        wait(f"{what}: the bridge tries", lambda: nova.diary["services"] + len(nova.times) > before + 2, 120, 0.05)
        end()
        f.readings(nova, 2)
        assert f.members() == members, (what, f.members())
        print(f"   {what}: nothing followed")

    def fault(value):
        def act():
            nova.fault = value
            if value is None:
                nova.released.set()
                nova.released.clear()
        return act

    for value in (500, "garbage", "close", "hang", "flood"):
        survives(str(value), fault(value), fault(None))
    survives("torn", lambda: setattr(nova, "torn", True), lambda: setattr(nova, "torn", False))
    survives("cut", lambda: setattr(nova, "cut", 1), lambda: setattr(nova, "cut", None))
    twin = nova.compute("x1", nova.computes[0].key)
    survives("a key twice", lambda: None, lambda: nova.remove(twin))


def lost_and_found(f, nova):
    gone = next(c for c in nova.computes if c.name == "n5")
    nova.remove(gone)
    wait("n5 is retired", lambda: f.state("n5") == "retired", 120, 0.1)
    assert f.kinds()["n5"] == "gone"
    f.restart("keeper")
    f.ready()
    wait("the keeper still knows why", lambda: f.kinds().get("n5") == "gone", 120, 0.1)
    nova.computes.append(gone)
    wait("n5 is back", lambda: f.state("n5") == "in_service", 120, 0.1)
    f.wait_member("n5", True)
    # Put into maintenance and then lost: a definition that says no state does not bring it back into service.
    f.ctl("node", "maintenance", "n5")
    nova.remove(gone)
    wait("n5 is retired again", lambda: f.state("n5") == "retired", 120, 0.1)
    f.apply("kind: node\nname: n5\n")
    assert f.state("n5") == "maintenance"
    nova.computes.append(gone)
    f.readings(nova)
    assert f.state("n5") == "maintenance"
    f.ctl("node", "resume", "n5")
    f.wait_member("n5", True)


def braked(f, nova):
    """Within the hour one was taken out (n2 twice, n5 once, without a yes): no more of it."""
    gone = [c for c in nova.computes if c.name in ("n3", "n4", "n5")]
    nova.remove(*gone)
    wait("the brake holds", lambda: f.inventory()["braked"] and list(f.kinds().values()).count("held_back") == 3, 120, 0.1)
    f.readings(nova)
    assert f.members() == ["n1", "n2", "n3", "n4", "n5"]
    f.accept("n3")
    wait("n3 goes", lambda: f.state("n3") == "retired", 120, 0.1)
    assert f.members() == ["n1", "n2", "n4", "n5"]
    f.ctl("node", "inventory", "--accept", "--all", "--yes")  # means what waits to be released: nothing
    assert f.members() == ["n1", "n2", "n4", "n5"]
    f.ctl("node", "inventory", "--accept", "--all", "--kind", "held_back", "--yes")
    wait("the others too", lambda: f.members() == ["n1", "n2"], 120, 0.1)


def another_machine(f, nova, before):
    """A compute node under the name of a retired one: what was set for that one is not for it."""
    other = nova.compute("n3")
    wait("n3 again", lambda: f.kinds().get("n3") == "discovered", 120, 0.1)
    node = f.node("n3")
    assert node["key"] == other.key != before["key"] and node["state"] == "maintenance" and node["generation"] > before["generation"], node
    assert node["address"] != "192.0.2.3" and not node["aliases"] and not node["labels"], node
    f.restart("keeper")
    f.ready()
    assert f.node("n3")["address"] == node["address"], f.node("n3")
    nova.remove(other)


def conflict(f, nova):
    """Another compute node under a known name: neither is what was released. A single one is not braked."""
    other = nova.compute("n1")
    wait("quarantined", lambda: f.state("n1") == "quarantined", 120, 0.1)
    assert f.members() == ["n2"]
    assert f.ctl("node", "inventory", "--accept", "n1", "--yes", check=False).returncode != 0, "while it lasts"
    nova.remove(other)
    wait("over", lambda: [r for r in f.inventory()["list"] if r["name"] == "n1" and r["accept"]], 120, 0.1)
    f.accept("n1")
    f.wait_member("n1", True)


def main():
    with Nova() as nova:
        for i in range(1, 6):
            nova.compute(f"n{i}")
        bad = nova.compute('bad"name')
        nova.orphans.add(nova.compute("orphan", "00000000-0000-4000-8000-000000000000").key)  # on the first page
        with InventoryFleet(nova.url + "/", keeper="brake_percent: 100\n") as f:
            f.begin()
            found_and_released(f, nova)
            nova.remove(bad)
            print("1. found, and released by a person")
            renamed(f, nova)
            print("2. another name voids what was proven and waits for a person")
            a_part_is_nothing(f, nova)
            print("3. a part of the list is nothing")
            lost_and_found(f, nova)
            print("4. lost, and found again as it was")
            assert not nova.wrong, nova.wrong
            f.kill("bridge-1")
            text = open(f.config).read().replace("brake_percent: 100", "brake_percent: 10")
            open(f.config, "w").write(text)
            f.restart("keeper")
            f.ready()
            f.start("bridge-1")
            f.apply("kind: node\nname: n3\naddress: 192.0.2.3\naliases: [rack-3]\nlabels: {zone: a}\n")
            before = f.node("n3")
            assert before["address"] == "192.0.2.3" and before["origin"] == "nova" and before["aliases"] and before["labels"], before
            braked(f, nova)
            another_machine(f, nova, before)
            print("5. too many at once wait for a yes")
            conflict(f, nova)
            print("6. two of one name are nobody")
            whats = {row["what"] for row in f.json("audit", "list", "--limit", "1000")}
            assert {"inventory.discover", "inventory.rename", "inventory.retire", "inventory.return", "inventory.conflict",
                    "node.accept"} <= whats, whats
            f.ctl("audit", "verify")
    with Nova(auth="keystone") as nova:
        nova.compute("n1")
        f = InventoryFleet(nova.url, f"auth: password\nsecret_file: etc/secret\nauth_url: {nova.url}/v3\nusername: {USER}\n", "mode: report\n")
        f.private("secret", PASSWORD)
        with f:
            f.begin()
            wait("reported", lambda: f.kinds() == {"n1": "unregistered"}, 120, 0.1)
            nova.tokens.clear()  # revoked
            nova.compute("n2")
            wait("with a new token", lambda: f.kinds() == {"n1": "unregistered", "n2": "unregistered"}, 120, 0.1)
            assert f.json("node", "list") == [] and nova.logins >= 2 and PASSWORD not in f.log("bridge-1")
            nova.fault = 401  # whatever token: a Nova that asks another Keystone
            wait("said in the log", lambda: f.log("bridge-1").count("event=token.refused"), 120, 0.1)
            nova.fault = None
            nova.compute("n3")
            wait("taken again", lambda: "n3" in f.kinds(), 240, 0.1)
            print("7. mode report changes nothing; Keystone's token is renewed; a Nova that takes none is told of")
    print("good")


if __name__ == "__main__":
    main()
