# SPDX-License-Identifier: Apache-2.0
"""A fake of Nova's compute API, as far as the inventory reads it, for faults the real one does not make on demand; tests/nova/inventory_nova_test.py
runs the same bridge against the real one, and compares the members of its answers with these.

    with Nova() as nova: nova.url ...; nova.compute("n1"); nova.hosts["n1"].name = "other"
faults: those of the placement double; torn: a cell is down; page: rows Nova gives at most, whatever is asked for; cut: the list of hypervisors breaks off
after so many pages. orphans: keys of compute nodes whose service is gone: the real Nova leaves them out of their page, and then gives no link to the next."""
import uuid
from urllib.parse import parse_qs

from placement_double import Placement


class Compute:
    def __init__(self, name, key=None):
        self.name, self.key, self.service = name, key or str(uuid.uuid4()), str(uuid.uuid4())
        self.status, self.state = "enabled", "up"

    def service_row(self):
        return {"id": self.service, "binary": "nova-compute", "host": self.name, "zone": "nova", "status": self.status, "state": self.state,
                "updated_at": "2026-11-28T00:00:00.000000", "disabled_reason": None, "forced_down": False}

    def hypervisor_row(self):
        return {"id": self.key, "hypervisor_hostname": self.name, "status": self.status, "state": self.state, "host_ip": "127.0.0.1",
                "hypervisor_type": "fake", "hypervisor_version": 1000, "vcpus": 1000, "vcpus_used": 0, "memory_mb": 8000000,
                "service": {"id": self.service, "host": self.name, "disabled_reason": None}}


class Nova(Placement):
    api = "compute 2.69"

    def __init__(self, auth=None, **more):
        super().__init__(ours=(), auth=auth, **more)
        self.computes, self.servers, self.torn, self.page, self.cut, self.pages, self.orphans = [], [], False, 2, None, 0, set()

    def boot(self, host, specs):
        """One whose flavor has these extra specs runs on this host. Its id."""
        row = {"id": str(uuid.uuid4()), "tenant_id": "5f5c5d5e5f5c5d5e5f5c5d5e5f5c5d5e", "OS-EXT-SRV-ATTR:host": host,
               "OS-EXT-SRV-ATTR:hypervisor_hostname": host, "flavor": {"original_name": "m1", "extra_specs": specs}}
        with self.lock:
            self.servers.append(row)
        return row["id"]

    def compute(self, name, key=None):
        c = Compute(name, key)
        with self.lock:
            self.computes.append(c)
        return c

    def remove(self, *computes):
        with self.lock:
            self.computes = [c for c in self.computes if c not in computes]

    def act(self, h, url, body):
        query = parse_qs(url.query)
        if h.command == "GET" and url.path == "/os-services":
            self.diary["services"] += 1
            self.pages = 0
            rows = [c.service_row() for c in self.computes]
            if self.torn:
                rows[:1] = [{"binary": "nova-compute", "host": "lost", "status": "UNKNOWN"}]
            return self.reply(h, 200, {"services": rows})
        if h.command == "GET" and url.path == "/os-hypervisors/detail":
            self.diary["hypervisors"] += 1
            self.pages += 1
            if self.cut is not None and self.pages > self.cut:
                return self.error(h, 503)
            rows = sorted((c.hypervisor_row() for c in self.computes), key=lambda row: row["id"])
            marker, limit = query.get("marker", [""])[0], min(int(query["limit"][0]), self.page)
            if marker and marker not in [row["id"] for row in rows]:
                return self.error(h, 400)
            rows = [row for row in rows if row["id"] > marker]
            rows = [row for row in rows[:limit] if row["id"] not in self.orphans]
            links = [{"rel": "next", "href": "http://192.0.2.1/never/asked"}] if len(rows) == limit else []
            return self.reply(h, 200, {"hypervisors": rows, **({"hypervisors_links": links} if links else {})})
        if h.command == "GET" and url.path == "/servers/detail":
            host = query.get("host", [None])[0]
            rows = [] if "marker" in query else [s for s in self.servers if host in (None, s["OS-EXT-SRV-ATTR:host"])]
            return self.reply(h, 200, {"servers": rows})
        self.wrong.append(f"{h.command} {h.path}")
        return self.error(h, 404)
