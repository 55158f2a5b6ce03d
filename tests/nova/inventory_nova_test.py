#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""spice-bridge and a real nova-api (os-services, os-hypervisors; several pages) with real nova-compute services: nodes are found under the UUID that
placement knows them by, renamed, retired; a compute node whose service is gone, which makes Nova leave the link to the next page away, hides nobody.
The rows of the fake that tests/integration/inventory_test.py uses are compared with the real ones."""
import json
import os
import pathlib
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/integration"))
from fleet import wait  # noqa: E402
from inventory_test import InventoryFleet  # noqa: E402
from nova_bed import HERE, PYTHON, START_S, NovaBed, listening  # noqa: E402
from nova_double import Compute  # noqa: E402
from rabbit import free_port  # noqa: E402

TOKEN = "admin:project"
COMPUTES = 14  # two pages of ten and less


class Api:
    def __init__(self, bed):
        self.bed, self.port = bed, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        bed.processes.start("api", [PYTHON, HERE / "nova_daemon.py", "api", "--config-file", bed.config["control"], str(self.port)])
        wait("nova-api answers", lambda: bed.processes.alive("api") and listening(self.port), START_S, 0.1)

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


def deleted(api, f):
    service = [s for s in api.call("/os-services?binary=nova-compute")["services"] if s["host"] == "cmp-3"][0]
    api.call(f"/os-services/{service['id']}", "DELETE")
    wait("retired", lambda: f.state("cmp-3") == "retired", 180, 0.3)
    assert f.members() == ["cmp-new"]


def main():
    with NovaBed(computes=COMPUTES, log=lambda text: print(text, flush=True)) as bed:
        bed.start_base()
        bed._daemon("computes", *bed.hosts, config="compute")
        wait("all compute nodes are there", lambda: len(bed.compute_uuids()) == COMPUTES and
             len(bed.placement("/resource_providers")["resource_providers"]) == COMPUTES, START_S, 0.3)
        bed._tool("manage", "cell_v2", "discover_hosts")
        api = Api(bed)
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
    print("good")


if __name__ == "__main__":
    main()
