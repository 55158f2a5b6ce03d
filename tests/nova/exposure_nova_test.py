#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Servers of a real Nova that demanded a pool, on nodes that lose it: real nova-api, nova-scheduler, nova-compute with the fake driver, RabbitMQ, placement,
spice-bridge. What is exposed is seen by operators and in notifications within seconds; the compute service of a node with bad evidence is disabled
and enabled again, one at a time; what only expired, and what an operator did, is left alone; in a mass failure nothing is done."""
import json
import os
import pathlib
import re
import sys
import time

import kombu
import yaml

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
from cloud_bed import CloudBed, wait  # noqa: E402
from nova_api import TOKEN, NovaApi  # noqa: E402

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", "."))
WINDOW_S = 25
HOSTS = ("cmp-1", "cmp-2", "cmp-3", "cmp-4")


def bridge_section(cloud):
    """Starts the API, and says where it is."""
    cloud.api = NovaApi(cloud.nova).start()
    secret = cloud.fleet.prefix / "etc/nova_token"
    secret.touch(mode=0o600)
    secret.write_text(TOKEN + "\n")
    # the pages are small, so that the list of this cloud has several; share: one of four nodes is no mass failure, two are;
    # delay: on a busy machine two nodes that turn bad together are seen seconds apart
    return (f"  compute:\n    url: {cloud.api.url}\n    auth: token\n    secret_file: etc/nova_token\n    page: 10\n    inventory: false\n"
            f"  exposure:\n    interval: 5s\n    action: disable\n    delay: 4s\n    window: {WINDOW_S}s\n    action_interval: 0s\n")


class Case:
    def __init__(self, cloud):
        self.cloud, self.api, self.fleet, self.noted = cloud, cloud.api, cloud.fleet, {}

    def view(self, *args):
        return self.fleet.json("exposure", *args)[0]

    def exposed(self, *args):
        return {(row["server"], row["node"], row["pool"]) for row in self.view(*args)["exposed"]}

    def until_exposed(self, rows, seconds=120):
        wait(f"exposed are {rows}", lambda: self.exposed() == set(rows), seconds, 0.2)

    def until(self, host, status, seconds=180):
        wait(f"the service of {host} is {status}", lambda: self.api.service(host)["status"] == status, seconds, 0.2)

    def audit(self, what, node):
        return [row for row in self.fleet.json("audit", "list") if row["what"] == what and row["object"] == node]

    def log(self):
        return (self.fleet.prefix / "bridge-1.log").read_text(errors="replace")

    def notifications(self):
        """Whatever lies in the queue of the notification agents, as {event type: [payload]}."""
        url = self.cloud.nova.rabbit.url().replace("rabbit://", "amqp://")
        with kombu.Connection(url) as connection:
            channel = connection.channel()
            while (message := channel.basic_get("notifications.info", no_ack=True)) is not None:
                inner = json.loads(json.loads(message.body)["oslo.message"])
                self.noted.setdefault(inner["event_type"], []).append(inner)
        return self.noted

    def noted_all(self):
        """One of each kind, and what the meter is made of is in it."""
        meter = next(m for m in yaml.safe_load((SOURCE / "ops/ceilometer/spice-meters.yaml").read_text())["metric"] if m["name"] == "spice.exposure.servers")
        wait("the notifications", lambda: {"spice.exposure.found", "spice.exposure.cleared", "spice.exposure.action"} <= set(self.notifications()), 60, 0.3)
        for kind in ("spice.exposure.found", "spice.exposure.cleared"):
            assert re.match(meter["event_type"], kind)
            for inner in self.noted[kind]:
                for path in (meter["volume"], meter["resource_id"], meter["timestamp"], *meter["metadata"].values()):
                    value = inner
                    for word in path.split(".")[1:]:
                        value = value[word]
                    assert value is not None, (path, inner)
        found = [n["payload"] for n in self.noted["spice.exposure.found"]]
        assert {(p["node"], p["pool"], p["servers"]) for p in found} == {("cmp-1", "trusted", 1), ("cmp-1", "special", 1)}, found
        assert {tuple(p["listed"]) for p in found} == {(self.ids["old", "cmp-1"],), (self.ids["named", "cmp-1"],)}
        assert {p["servers"] for p in (n["payload"] for n in self.noted["spice.exposure.cleared"])} == {0}
        assert [n["payload"]["what"] for n in self.noted["spice.exposure.action"]] == ["disabled", "enabled"]

    def servers(self):
        flavors = {name: self.api.flavor(name, specs) for name, specs in (
            ("old", {"trust:trusted_host": "trusted"}), ("named", {"spice:pool": "special"}),
            ("both", {"trust:trusted_host": "trusted", "spice:pool": "special"}), ("plain", {}))}
        self.ids = {(flavor, host): self.api.boot(f"{flavor}-{host}", flavors[flavor], host)
                    for flavor, host in (("old", "cmp-1"), ("plain", "cmp-1"), ("named", "cmp-1"), ("both", "cmp-2"), ("old", "cmp-3"))}
        for n in range(12):  # more than a page
            self.api.boot(f"many-{n}", flavors["plain"], "cmp-4")
        wait("the bridge has them all", lambda: self.view()["demanding"] == 5 and not self.view()["stale"], 180, 0.2)
        assert self.exposed() == set()

    def rows_of(self, host):
        pools = {"old": ("trusted",), "named": ("special",), "both": ("trusted", "special"), "plain": ()}
        return {(server, host, pool) for (flavor, at), server in self.ids.items() if at == host for pool in pools[flavor]}

    def disabled_and_enabled(self):
        self.cloud.say("cmp-1", "fail")
        began = time.monotonic()
        self.until_exposed(self.rows_of("cmp-1"))
        seconds = time.monotonic() - began
        row = self.view("--pool", "trusted", "--node", "cmp-1")["exposed"][0]
        assert (row["compute_host"], row["tier"]) == ("cmp-1", "fail") and row["since"] and "said" in row["why"], row
        assert self.exposed("--pool", "special") == {r for r in self.rows_of("cmp-1") if r[2] == "special"}
        assert self.exposed("--node", "cmp-2") == set()
        self.until("cmp-1", "disabled")
        service = self.api.service("cmp-1")
        assert service["disabled_reason"].startswith("SPICE: ") and "lost: said [" in service["disabled_reason"], service
        assert service["state"] == "up" and not service["forced_down"], service
        assert self.api.call("GET", f"/servers/{self.ids['old', 'cmp-1']}")["server"]["status"] == "ACTIVE"  # what runs stays
        wait("the audit has it", lambda: self.audit("action.disabled", "cmp-1"), 60, 0.2)
        table = self.fleet.ctl("exposure").stdout
        assert self.ids["old", "cmp-1"] in table and "SPICE: " in table and "as listed" in table, table
        self.cloud.say("cmp-1", "pass")
        self.until_exposed(set())
        self.until("cmp-1", "enabled")
        assert self.api.service("cmp-1")["disabled_reason"] is None
        wait("the audit has it", lambda: self.audit("action.enabled", "cmp-1"), 60, 0.2)
        self.noted_all()
        return seconds

    def operator_first(self):
        """A service that an operator disabled stays as it is, in a loss and after it; one that he took back is his, also after a restart."""
        self.api.set_service("cmp-2", status="disabled", disabled_reason="maintenance")
        self.quiet()
        self.cloud.say("cmp-2", "fail")
        self.until_exposed(self.rows_of("cmp-2"))
        self.quiet()
        assert self.api.service("cmp-2")["disabled_reason"] == "maintenance"
        self.cloud.say("cmp-2", "pass")
        self.until_exposed(set())
        self.quiet()
        assert self.api.service("cmp-2")["disabled_reason"] == "maintenance"
        self.api.set_service("cmp-2", status="enabled")
        self.quiet()
        self.cloud.say("cmp-3", "fail")
        self.until("cmp-3", "disabled")
        self.api.set_service("cmp-3", status="enabled")
        self.fleet.kill("bridge-1")
        self.fleet.start("bridge-1")
        wait("it sees that this service is not its own", lambda: [r["state"] for r in self.view()["action"]["records"]] == ["released"], 120, 0.3)
        self.quiet()
        assert self.api.service("cmp-3")["status"] == "enabled"
        self.cloud.say("cmp-3", "pass")
        wait("the next loss is a new matter", lambda: self.view()["action"]["records"] == [], 120, 0.3)
        assert len(self.audit("action.disabled", "cmp-3")) == 1 and not self.audit("action.disabled", "cmp-2")

    def restart(self):
        """Disabled by a bridge that is killed; the next one enables it."""
        self.quiet()
        self.cloud.say("cmp-1", "fail")
        self.until("cmp-1", "disabled")
        self.fleet.kill("bridge-1")
        self.cloud.say("cmp-1", "pass")
        self.fleet.start("bridge-1")
        self.until("cmp-1", "enabled")

    def mass_failure(self):
        self.quiet()
        before = len(self.audit("action.disabled", "cmp-1")) + len(self.audit("action.disabled", "cmp-2"))
        for host in ("cmp-1", "cmp-2"):
            self.cloud.say(host, "fail")
        self.until_exposed(self.rows_of("cmp-1") | self.rows_of("cmp-2"))
        wait("the actions are held", lambda: self.view()["action"]["hold"] == "many nodes lost the pool at once", 60, 0.2)
        for host in ("cmp-1", "cmp-2"):
            self.cloud.say(host, "pass")
        self.until_exposed(set())
        for host in HOSTS:
            assert self.api.service(host)["status"] == "enabled", host
        assert before == len(self.audit("action.disabled", "cmp-1")) + len(self.audit("action.disabled", "cmp-2"))
        wait("the audit has it", lambda: self.audit("action.held", "cmp-1") or self.audit("action.held", "cmp-2"), 60, 0.2)

    def expired(self):
        """Nobody says anything of a node any more: exposed, and nothing more."""
        self.quiet()
        self.fleet.kill("worker-1")
        wait("cmp-1 is out", lambda: not self.fleet.member("cmp-1"), 120, 0.2)
        self.until_exposed(set().union(*(self.rows_of(h) for h in HOSTS)))
        self.quiet()
        assert all(self.api.service(h)["status"] == "enabled" for h in HOSTS)
        assert {row["tier"] for row in self.view()["exposed"]} == {"none"}
        self.fleet.start("worker-1")
        self.until_exposed(set())

    def nova_away(self):
        """A list that cannot be had: the former one, with its age."""
        self.cloud.nova.processes.kill("api")
        wait("the list is stale", lambda: self.view()["stale"], 120, 0.3)
        assert self.view()["demanding"] == 5
        self.cloud.say("cmp-1", "fail")
        self.until_exposed(self.rows_of("cmp-1"))
        self.cloud.say("cmp-1", "pass")
        self.cloud.nova.processes.start("api", self.api.argv, env={"PYTHONPATH": str(pathlib.Path(self.api.argv[1]).parent)})
        wait("the list is new", lambda: not self.view()["stale"], 180, 0.3)
        self.api.delete(self.ids.pop(("old", "cmp-3")))
        wait("a server that is gone is forgotten", lambda: self.view()["demanding"] == 4, 120, 0.3)

    def quiet(self):
        """A whole window without a loss: what was lost before is no part of a mass failure now, and what was to be done has been done."""
        def over():
            action = self.view()["action"]
            return action["brake"] == "" and action["lost"] == 0
        wait("the window is over", over, 180, 0.3)


def main():
    started = time.monotonic()
    with CloudBed(computes=len(HOSTS), bridge=bridge_section) as cloud:
        for host in HOSTS:
            cloud.register(host, labels="special: 'yes'")
        cloud.until_chosen({"trust:trusted_host": "trusted"}, HOSTS, 180)
        case = Case(cloud)
        case.servers()
        print(f"1. {len(case.ids) + 12} servers on pages of ten; nothing is exposed ({time.monotonic() - started:.0f} s)")
        seconds = case.disabled_and_enabled()
        print(f"2. a bad node: exposed after {seconds:.1f} s, its service disabled, audited, and enabled with the node's return")
        case.operator_first()
        print("3. what an operator disabled or took back is his")
        case.restart()
        print("4. a bridge killed with -9 in between: the next one enables what it finds on record")
        case.mass_failure()
        print("5. two of four nodes at once: nothing is done")
        case.expired()
        print("6. no worker: all exposed, nothing is done")
        case.nova_away()
        print("7. nova-api killed: the former list counts, and is called stale")
        assert TOKEN not in json.dumps(case.view()) and TOKEN not in case.log()
    print(f"ok, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
