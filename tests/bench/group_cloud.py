# SPDX-License-Identifier: Apache-2.0
"""The cloud side: calls, memory, publishing and verdicts of a real bridge with a real RabbitMQ, and the filter as nova-scheduler holds it. Needs
the packages of `ops/install-deps cloud`."""
import json
import os
import random
import subprocess
import sys
import time
import uuid

import report
from fleet import BIN, Failed, wait

CALLS = "get_trust of 100 hosts by a real client, calls per second"
MEMORY = "bridge resident at 10,000 nodes, after snapshot and list"
PUBLISH = "fanout and notifications with confirms, messages per second"
VERDICT = "verdict of the keeper to refusal by the filter, p99, {:,} nodes"
LOOKUP = "host_passes, one host, median"
NODES, ROUNDS, SECONDS = 10000, 5, 3.0
LARGE = int(os.environ.get("SPICE_CLOUD_HOSTS", "10000"))  # nodes of the verdicts
SMALL = min(1000, LARGE // 2)
FLIPS, AT_ONCE = 10, 20                    # verdicts measured: one times the other
POOLS = ("trusted", "second", "third")     # of the publishing: three notifications a node
WINDOW = 256                               # bridge.window's default


def key_of(i):
    return str(uuid.UUID(int=(4 << 76 | 2 << 62 | i)))


def apply_nodes(fleet, count, rest=lambda i: ""):
    for first in range(0, count, 2000):
        fleet.ctl("apply", "-f", "-", timeout=900, input="---\n".join(
            f"kind: node\nname: n{i:05}\nkey: {key_of(i)}\n{rest(i)}" for i in range(first, min(first + 2000, count))))


def rate(client, hosts):
    client.call({}, "get_trust", hosts=hosts)
    calls, start = 0, time.monotonic()
    while time.monotonic() - start < SECONDS:
        client.call({}, "get_trust", hosts=hosts)
        calls += 1
    return calls / (time.monotonic() - start)


def run_rpc(args):
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
        apply_nodes(c.fleet, NODES)
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


# ---- publishing ----

class Tap:
    """Queues that keep what the bridge publishes. Their depth is asked for; nothing is read while the clock runs."""

    def __init__(self, server):
        import amqp
        import rabbit
        self.amqp = amqp
        self.c = amqp.Connection(f"127.0.0.1:{server.port}", "spice", rabbit.USERS["spice"], virtual_host="cloud", connect_timeout=30)
        self.c.connect()
        self.ch = self.c.channel()
        self.queues = ["notifications.info", "bench_trust"]
        self.ch.queue_declare("bench_trust", durable=False, auto_delete=False)
        wait("the fanout exchange is there", self._bind, 120)

    def _bind(self):
        try:
            self.ch.queue_bind("bench_trust", exchange="spice_trust_fanout")
            return True
        except self.amqp.exceptions.NotFound:
            self.ch = self.c.channel()
            return False

    def depth(self):
        return sum(self.ch.queue_declare(q, passive=True).message_count for q in self.queues)

    def purge(self):
        for queue in self.queues:
            self.ch.queue_purge(queue)

    def timed(self, count, start):
        """Seconds from the first to the last of so many messages after start() was called."""
        start()
        first, end = None, time.monotonic() + 300
        while time.monotonic() < end:
            depth, now = self.depth(), time.monotonic()
            first = now if first is None and depth > 0 else first
            if depth >= count:
                return now - first
            time.sleep(0.002)
        raise Failed(f"{depth} of {count} messages came")

    def save(self, path):
        """Takes all that is there into a file for bench_amqp."""
        got = []
        for exchange, key, queue in (("spice", "notifications.info", self.queues[0]), ("spice_trust_fanout", "", self.queues[1])):
            while True:
                message = self.ch.basic_get(queue, no_ack=True)
                if message is None:
                    break
                body = message.body if isinstance(message.body, bytes) else message.body.encode()
                got.append((exchange.encode(), key.encode(), body))
        with open(path, "wb") as f:
            for parts in got:
                f.write(b"".join(len(p).to_bytes(4, sys.byteorder) for p in parts) + b"".join(parts))
        return len(got)


def run_publish(args):
    import cloud
    import rabbit
    # Beats and periodic snapshots stay out of the measured time, so that both sides publish the same.
    with cloud.Cloud(nodes=False, settings="snapshot: 10m\noutbox_mb: 128\n") as c:
        c.fleet.apply("---\n".join(f"kind: pool\nname: {p}\nmandatory: []\n" for p in POOLS))
        apply_nodes(c.fleet, NODES)
        least = NODES * len(POOLS)
        tap = Tap(c.server)

        def restart():
            c.fleet.kill("bridge-1")
            tap.purge()
            c.fleet.start("bridge-1")
        tap.timed(least, restart)
        saved = c.fleet.prefix / "messages"
        c.fleet.kill("bridge-1")
        count = tap.save(saved)
        assert count >= least, count
        replay = [BIN / "tests/bench_amqp", "127.0.0.1", c.server.port, "spice", rabbit.USERS["spice"], "cloud", saved, WINDOW]
        pairs = []
        for _ in range(max(args.rounds, ROUNDS)):
            ours = least / tap.timed(least, restart)
            c.fleet.kill("bridge-1")
            tap.purge()
            children = []
            alone = count / tap.timed(count, lambda: children.append(subprocess.Popen([str(x) for x in replay], stdout=subprocess.PIPE, text=True)))
            told = json.loads(children[0].communicate(timeout=300)[0])
            tap.purge()
            pairs.append((ours, alone))
        report.note(f"publish: {count:,} messages, {saved.stat().st_size / count:,.0f} bytes each on average; bench_amqp's own clock: "
                    f"{told['messages'] / told['seconds']:,.0f} messages/s")
    report.row(PUBLISH, report.median([a for a, _ in pairs]), "messages/s", "librabbitmq alone, same bytes and window", report.median([b for _, b in pairs]),
               0.3, 0.6, at_most=False, rounds=[a / b for a, b in pairs])


# ---- verdict to filter ----

PROBE = {"spice:pool": "probe"}
DEFINITIONS = """kind: profile
name: base
period: 30s
---
kind: profile
name: quick
period: 1s
---
kind: check
name: base
adapter: noop
profile: base
max_age: 300s
params: {outcome: pass}
---
kind: check
name: said
adapter: exec
params: {plugin: check_said, args: ["%s/{node}"]}
selector: probe=yes
profile: quick
timeout: 5s
max_age: 60s
---
kind: pool
name: trusted
mandatory: [base]
hold_down: 0s
---
kind: pool
name: probe
selector: probe=yes
mandatory: [said]
hold_down: 0s
"""


class Probe:
    """A keeper with so many nodes, the real bridge and RabbitMQ, and TrustedFilterSPICE in a worker forked as nova-scheduler forks it."""

    def __init__(self, nodes):
        import cloud
        import cloud_bed
        import nova_bed
        self.nodes, self.bed = nodes, cloud_bed
        self.cloud = cloud.Cloud(nodes=False, settings="notify: true\n")
        self.nova = nova_bed

    def __enter__(self):
        self.cloud.__enter__()
        try:
            return self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise

    def start(self):
        fleet, bed = self.cloud.fleet, self.bed
        self.processes = self.nova.Processes(fleet.prefix)
        bed.make_truth(fleet)
        fleet.apply(DEFINITIONS % (fleet.prefix / "truth"))
        for i in range(AT_ONCE):
            bed.write_truth(fleet, f"n{i:05}", "pass")
        apply_nodes(fleet, self.nodes, lambda i: "labels: {probe: \"yes\"}\n" if i < AT_ONCE else "")
        config = fleet.prefix / "filter.conf"
        options = {**bed.filter_options(fleet), "ping_interval": 2.0, "stale_after": 6.0, "state_dir": fleet.prefix}
        config.write_text(self.nova.ini({
            "DEFAULT": {"transport_url": self.cloud.server.url(), "host": "control", "log_file": fleet.prefix / "filter.log"},
            "filter_scheduler": {"available_filters": ["nova.scheduler.filters.all_filters", "spice_nova.filters.TrustedFilterSPICE"]},
            "spice": options}))
        here = self.nova.HERE
        self.process = self.processes.start("filter", [self.nova.PYTHON, here / "filter_workers.py", config, 1],
                                            env={"PYTHONPATH": str(self.nova.SOURCE / "ops/nova")}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.hosts = [[key_of(i), f"n{i:05}"] for i in range(AT_ONCE)]
        report.wait_progress("nodes in the filter's table", self.whole, self.nodes, 1200, 1.0)
        wait("all probes pass", lambda: not self.watch(True, 0.1)["missing"], 300, 1)
        return self

    def __exit__(self, *why):
        if hasattr(self, "processes"):
            self.processes.stop()
        self.cloud.__exit__(*why)

    def ask(self, **order):
        self.process.stdin.write(json.dumps({"worker": 0, "specs": PROBE, "hosts": self.hosts, **order}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failed("the filter's process ended: " + self.processes.tail("filter"))
        return json.loads(line)

    def whole(self):
        self.ask()
        for path in self.cloud.fleet.prefix.glob("spice-filter-*.json"):
            state = json.loads(path.read_text())
            return state["pools"]["trusted"]["members"] if state["following"] and "trusted" in state["pools"] else 0
        return 0

    def watch(self, wanted, seconds=60.0):
        return self.ask(watch=wanted, seconds=seconds)

    def flip(self):
        """Milliseconds of each verdict `fail`, from the keeper's stamp to the refusal."""
        for _, name in self.hosts:
            self.bed.write_truth(self.cloud.fleet, name, "fail")
        seen = self.watch(False)
        if seen["missing"]:
            raise Failed(f"not refused: {seen['missing']}")
        for _, name in self.hosts:
            self.bed.write_truth(self.cloud.fleet, name, "pass")
        if self.watch(True)["missing"]:
            raise Failed("not back in the pool")
        return [one["at_us"] / 1000 - one["stamp_ms"] for one in seen["seen"]]


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def run_verdict(nodes, limit_ms):
    with Probe(nodes) as probe:
        took = []
        for i in range(FLIPS):
            took += probe.flip()
            report.progress(f"verdicts: {len(took)} of {FLIPS * AT_ONCE}")
        report.note(f"verdict to refusal at {nodes:,} nodes: p50 {percentile(took, 0.5):.1f} ms, p99 {percentile(took, 0.99):.1f} ms, "
                    f"most {max(took):.1f} ms of {len(took)}")
        report.row(VERDICT.format(nodes), percentile(took, 0.99), "ms", "limit", limit_ms, 2.0, 1.0,
                   hint="from the keeper's stamp in its event, made before the commit, to the first refusal by host_passes, asked each millisecond "
                        "in a worker process with Nova's own threads; the rest of nova-scheduler is not in it")
        if nodes != LARGE:
            return
        one = probe.ask(times=20000)
        report.row(LOOKUP, one["us"], "us", "limit", 2.0, 2.0, 1.0,
                   hint="the filter's own part: Nova's flavor object, the demand, the clock, the look-up; two readings of the clock are in it")
        report.note(f"filter_all over 20,000 hosts: {one['us_in_list']:.2f} us a host")


GROUPS = [
    report.Group("cloud-rpc", "calls through spice-bridge beside the library's own server; memory at 10,000 nodes", [CALLS, MEMORY], run_rpc, fleet=False),
    report.Group("cloud-publish", "fanout and notifications beside bare librabbitmq", [PUBLISH], run_publish, fleet=False),
    report.Group("cloud-verdict", "a verdict's way from the keeper into the filter, 1,000 nodes", [VERDICT.format(SMALL)],
                 lambda args: run_verdict(SMALL, 250), fleet=False),
    report.Group("cloud-verdict-large", "the same with 10,000 nodes; cost of a look-up", [VERDICT.format(LARGE), LOOKUP],
                 lambda args: run_verdict(LARGE, 1000), fleet=False),
]
