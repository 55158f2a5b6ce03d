# SPDX-License-Identifier: Apache-2.0
"""spice-bridge at 10,000 nodes: calls through the real oslo.messaging client beside the same method served by the real library, in turns;
memory. Needs the packages of `ops/install-deps test`."""
import random
import time

import report

CALLS = "get_trust of 100 hosts by a real client, calls per second"
MEMORY = "bridge resident at 10,000 nodes, after snapshot and list"
NODES, ROUNDS, SECONDS = 10000, 5, 3.0


def rate(client, hosts):
    client.call({}, "get_trust", hosts=hosts)
    calls, start = 0, time.monotonic()
    while time.monotonic() - start < SECONDS:
        client.call({}, "get_trust", hosts=hosts)
        calls += 1
    return calls / (time.monotonic() - start)


def run(args):
    import cloud

    class Table:
        """The same answer, of a table in Python."""
        target = cloud.messaging.Target(version="1.0")
        rows = {f"n{i:05}": {"trust": "unknown", "member": False, "tier": "none", "remaining_ms": 0, "since": None, "why": "no result yet"}
                for i in range(NODES)}

        def get_trust(self, context, hosts, pool="trusted"):
            return {"pool": pool, "following": True, "hosts": {h: self.rows[h] for h in hosts}}

    with cloud.Cloud(nodes=False, settings="notify: false\n") as c:
        c.fleet.apply("kind: pool\nname: trusted\nmandatory: []\n")
        for first in range(0, NODES, 2000):
            c.fleet.ctl("apply", "-f", "-", input="---\n".join(f"kind: node\nname: n{i:05}\n" for i in range(first, first + 2000)), timeout=600)
        c.fleet.restart("bridge-1")
        c.wait_log(f"entries={NODES}", seconds=300)
        client = c.wait_calls()
        server = cloud.messaging.get_rpc_server(c.transport(), cloud.messaging.Target(exchange="spice", topic="table", server="x"), [Table()],
                                                executor="threading")
        server.start()
        target = cloud.messaging.Target(exchange="spice", topic="table", version="1.0")
        python = cloud.messaging.get_rpc_client(c.transport(allowed_remote_exmods=[]), target, timeout=60)
        hosts = [f"n{i:05}" for i in random.Random(1).sample(range(NODES), 100)]
        pairs = [(rate(client, hosts), rate(python, hosts)) for _ in range(ROUNDS)]
        frames = c.client(namespace="trust").call({}, "snapshot", nonce=cloud.nonce())["frames"]
        assert len(client.call({}, "list_nodes")) == NODES
        report.note(f"bridge: snapshot of {NODES:,} nodes: {len(frames)} frames, {sum(map(len, frames)) / 1e6:.1f} MB in base64")
        resident = c.fleet.rss_bytes("bridge-1") / 2**20
        server.stop()
    report.row(CALLS, report.median([a for a, _ in pairs]), "calls/s", "oslo.messaging server in Python, same run", report.median([b for _, b in pairs]),
               0.5, 1.0, at_most=False, rounds=[a / b for a, b in pairs])
    report.row(MEMORY, resident, "MiB", "limit", 64, 2.0, 1.0)


GROUPS = [report.Group("bridge", "calls through spice-bridge beside the library's own server; memory at 10,000 nodes", [CALLS, MEMORY], run, fleet=False)]
