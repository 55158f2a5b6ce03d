#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""spice-bridge and a real nova-api (os-services, os-hypervisors; several pages) with real nova-compute services: nodes are found under the UUID that
placement knows them by, renamed, retired; a compute node whose service is gone, which makes Nova leave the link to the next page away, hides nobody.
The rows of the fake that tests/integration/inventory_test.py uses are compared with the real ones. Then the same list from a nova-api whose requests go
through the real keystonemiddleware: a role that is too small, tokens that expire and are revoked; what Nova refuses to say admits and retires nobody."""
import json
import os
import pathlib
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/integration"))
from fleet import wait  # noqa: E402
from inventory_test import InventoryFleet  # noqa: E402
from keystone_bed import SERVICE, KeystoneBed  # noqa: E402
from nova_bed import HERE, PYTHON, START_S, NovaBed, listening  # noqa: E402
from nova_double import Compute  # noqa: E402
from rabbit import free_port  # noqa: E402

TOKEN = "admin:project"
COMPUTES = 14  # two pages of ten and less
PASSWORD, SECOND = "the bridge's pass:word", "another one"
LIFE_S = 34  # of a token; shorter than the bridge expects, so that the end of one is found by a refusal


class Api:
    def __init__(self, bed):
        self.bed, self.port = bed, free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self, keystone=None):
        """keystone: a KeystoneBed that its tokens are checked with; else the token is TOKEN."""
        name, files, checked = "api", ["--config-file", self.bed.config["control"]], []
        if keystone:
            name, checked = "api-keystone", ["keystone"]
            path = self.bed.folder / "api-keystone.conf"
            path.write_text(f"[api]\nauth_strategy = keystone\n{keystone.middleware()}")
            files += ["--config-file", path]
        self.bed.processes.start(name, [PYTHON, HERE / "nova_daemon.py", "api", *files, self.port, *checked])
        wait("nova-api answers", lambda: self.bed.processes.alive(name) and listening(self.port), START_S, 0.1)
        return self

    def call(self, path, method="GET"):
        request = urllib.request.Request(self.url + path, method=method,
                                         headers={"X-Auth-Token": TOKEN, "OpenStack-API-Version": "compute 2.69"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def the_fake_speaks_as_the_real_one(api):
    services = api.call("/os-services?binary=nova-compute")["services"]
    page = api.call("/os-hypervisors/detail?limit=1")
    double = Compute("x")
    assert set(double.service_row()) == set(services[0]), (double.service_row(), services[0])
    assert set(double.hypervisor_row()) <= set(page["hypervisors"][0]), page["hypervisors"][0]
    assert set(double.hypervisor_row()["service"]) == set(page["hypervisors"][0]["service"])
    assert [link["rel"] for link in page["hypervisors_links"]] == ["next"], page


def found(bed, f):
    wait("all are found", lambda: sorted(n for n, kind in f.kinds().items() if kind == "discovered") == sorted(bed.hosts), 180, 0.3)
    uuids = bed.compute_uuids()
    providers = {p["name"]: p["uuid"] for p in bed.placement("/resource_providers")["resource_providers"]}
    nodes = {n["name"]: n["key"] for n in f.json("node", "list")}
    assert nodes == uuids == providers, (nodes, uuids, providers)
    f.accept("cmp-1", "cmp-2", "cmp-3")
    wait("three prove themselves", lambda: f.members() == ["cmp-1", "cmp-2", "cmp-3"], 180, 0.2)


def renamed(bed, f):
    """Nova 26 does not rename; the row in its database is what a later one would show."""
    bed.database.sql("UPDATE nova.compute_nodes SET hypervisor_hostname = 'cmp-new' WHERE host = 'cmp-1'")
    wait("the other name is seen", lambda: f.kinds().get("cmp-new") == "renamed", 180, 0.3)
    assert f.members() == ["cmp-2", "cmp-3"]
    f.accept("cmp-new")
    f.wait_member("cmp-new", True)


def orphaned(bed, f):
    """Its service is gone, its compute node is not: Nova leaves it out, and the link to the next page too."""
    bed.database.sql("UPDATE nova.services SET deleted = id, deleted_at = NOW() WHERE host = 'cmp-2'")
    wait("it is missed", lambda: f.kinds().get("cmp-2") in ("missing", "gone"), 180, 0.3)
    listing = f.inventory()
    assert listing["nodes"] == COMPUTES - 1, listing
    wait("and retired", lambda: f.state("cmp-2") == "retired", 180, 0.3)
    assert [n for n, kind in f.kinds().items() if kind in ("missing", "gone")] == ["cmp-2"], f.kinds()
    assert f.members() == ["cmp-3", "cmp-new"]


def delete(api, host):
    service, = [s for s in api.call("/os-services?binary=nova-compute")["services"] if s["host"] == host]
    api.call(f"/os-services/{service['id']}", "DELETE")


def deleted(api, f):
    delete(api, "cmp-3")
    wait("retired", lambda: f.state("cmp-3") == "retired", 180, 0.3)
    assert f.members() == ["cmp-new"]


class Checked:
    """A fleet whose bridge logs in at Keystone. nova: the other nova-api of the same Nova, where we delete services."""

    def __init__(self, keystone, nova, f):
        self.keystone, self.nova, self.f = keystone, nova, f

    def count(self, *texts):
        return sum(all(t in line for t in texts) for line in self.f.log("bridge-1").splitlines())

    def more(self, what, figure, n=3):
        before = figure()
        wait(what, lambda: figure() >= before + n, 180, 0.2)

    def gauge(self, name):
        return lambda: self.f.process_stats()["bridge-1"]["gauges"].get(name, 0)

    def retired(self):
        return sum(row["what"] == "inventory.retire" for row in self.f.json("audit", "list", "--limit", "1000"))

    def forbidden(self, start_nova):
        """Its Nova is not there at first, so that the log must say anew why nothing is read."""
        wait("no Nova", lambda: self.count("inventory.lost", "status=0"), 180, 0.1)
        start_nova()
        wait("Nova refuses", lambda: self.count("inventory.lost", "status=403"), 180, 0.1)
        self.more("and again", self.gauge("inventory.failed"))
        assert self.f.inventory()["list"] == [] and self.f.json("node", "list") == [] and self.gauge("inventory.readings")() == 0

    def expired(self, members):
        self.more("a token was replaced", lambda: self.count("event=token "), 1)
        self.more("and the list is read with it", self.gauge("inventory.readings"))
        assert self.f.members() == members and self.retired() == 0, self.f.kinds()

    def revoked(self, user, gone, left):
        """A changed password ends every token of the user. What Nova lost meanwhile is lost when a token is to be had."""
        self.keystone.set_password(user, SECOND)
        wait("the old one is refused", lambda: self.count("token.none", "status=401"), 180, 0.1)
        delete(self.nova, gone)
        self.more("and again", lambda: self.count("token.none", "status=401"), 1)
        assert self.f.members() == sorted([gone, *left]) and self.retired() == 0, self.f.kinds()
        self.f.private("secret", SECOND)
        wait("retired", lambda: self.f.state(gone) == "retired", 180, 0.3)
        assert self.f.members() == left and self.retired() == 1, self.f.kinds()

    def demoted(self, user, gone, left):
        told = self.count("inventory.lost", "status=403")
        self.keystone.role(user, "admin", False)
        wait("Nova refuses", lambda: self.count("inventory.lost", "status=403") > told, 180, 0.1)
        delete(self.nova, gone)
        self.more("and again", self.gauge("inventory.failed"))
        assert self.f.members() == sorted([gone, *left]) and self.retired() == 1, self.f.kinds()
        self.keystone.role(user, "admin")
        wait("retired", lambda: self.f.state(gone) == "retired", 180, 0.3)
        assert self.f.members() == left and self.retired() == 2, self.f.kinds()


def behind_keystone(bed, nova):
    with KeystoneBed(life_s=LIFE_S) as keystone:
        user, api = keystone.user("spice", PASSWORD, "member"), Api(bed)
        f = InventoryFleet(api.url, f"auth: password\nsecret_file: etc/secret\nauth_url: {keystone.url}\nusername: spice\npage: 10\n",
                           "brake_percent: 100\n", timeout="60s")
        f.private("secret", PASSWORD)
        with f:
            f.begin()
            case = Checked(keystone, nova, f)
            case.forbidden(lambda: api.start(keystone))
            print("6. a role that is too small: refused and told, nobody is found")
            keystone.role(user, "admin")
            hosts = {s["host"] for s in nova.call("/os-services?binary=nova-compute")["services"]}
            expected = {"cmp-new" if h == "cmp-1" else h for h in hosts}
            wait("all are found", lambda: f.kinds() == dict.fromkeys(expected, "discovered"), 180, 0.3)
            f.accept("cmp-4", "cmp-5", "cmp-6")
            wait("three prove themselves", lambda: f.members() == ["cmp-4", "cmp-5", "cmp-6"], 180, 0.2)
            case.expired(["cmp-4", "cmp-5", "cmp-6"])
            print(f"7. tokens of {LIFE_S} s: read on with the next")
            case.revoked(user, "cmp-4", ["cmp-5", "cmp-6"])
            print("8. tokens revoked, and none to be had for a while: nobody is retired until the list is read")
            case.demoted(user, "cmp-5", ["cmp-6"])
            print("9. the role is taken and given back: the same")
            for text in (PASSWORD, SECOND, SERVICE, "gAAAA"):
                assert text not in f.log("bridge-1"), text


def main():
    with NovaBed(computes=COMPUTES, log=lambda text: print(text, flush=True)) as bed:
        bed.start_base()
        bed._daemon("computes", *bed.hosts, config="compute")
        wait("all compute nodes are there", lambda: len(bed.compute_uuids()) == COMPUTES and
             len(bed.placement("/resource_providers")["resource_providers"]) == COMPUTES, START_S, 0.3)
        bed._tool("manage", "cell_v2", "discover_hosts")
        api = Api(bed).start()
        the_fake_speaks_as_the_real_one(api)
        print("1. the fake's rows are those of the real nova-api")
        f = InventoryFleet(api.url, "auth: token\nsecret_file: etc/secret\npage: 10\n", "brake_percent: 100\n", timeout="60s")
        f.private("secret", TOKEN)
        with f:
            f.begin()
            found(bed, f)
            print("2. found under the UUIDs that placement has, over several pages")
            bed.processes.kill("computes")  # they would make what is deleted anew
            renamed(bed, f)
            print("3. another name waits for a person")
            orphaned(bed, f)
            print("4. a compute node without a service hides nobody")
            deleted(api, f)
            print("5. a deleted service retires its node")
        behind_keystone(bed, api)
    print("good")


if __name__ == "__main__":
    main()
