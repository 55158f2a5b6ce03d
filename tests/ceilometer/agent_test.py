#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real ceilometer-agent-notification reads a real RabbitMQ and makes samples of spice-bridge's notifications by the shipped meter definitions:
trust of each node, size of the pool, outcome and duration of each check, servers outside the pool they demanded (in a fake Nova). The test reads the samples where the agent's publisher puts them."""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", "."))
sys.path.insert(0, str(SOURCE / "tests/support"))
from cloud import Cloud, fleet  # noqa: E402
from nova_double import Nova  # noqa: E402

AGENT = "/usr/bin/ceilometer-agent-notification"
METERS = {"spice.node.trust": "trust", "spice.pool.members": "node", "spice.check.outcome": "outcome", "spice.check.duration": "ms",
          "spice.exposure.servers": "server"}
SEEN_S = 180
CHECK = "kind: check\nname: boot\nadapter: noop\nprofile: fast\nmax_age: 60s\nstage: enforcing\nfall: 1\nrise: 1\nparams: {outcome: %s}\n"
PIPELINE = """---
sources:
  - name: spice
    meters: ["spice.*"]
    sinks: [file]
sinks:
  - name: file
    publishers: ["file://%s?json"]
"""


class Agent:
    """Ceilometer as its package starts it, with a configuration of our own: no Gnocchi, no Keystone."""

    def __init__(self, url):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="spice-ceilometer-"))
        self.samples_file, self.process = self.folder / "samples", None
        (self.folder / "meters.d").mkdir()
        shutil.copy(SOURCE / "ops/ceilometer/spice-meters.yaml", self.folder / "meters.d/spice.yaml")
        (self.folder / "pipeline.yaml").write_text(PIPELINE % self.samples_file)
        (self.folder / "ceilometer.conf").write_text(
            f"[DEFAULT]\npipeline_cfg_file = {self.folder}/pipeline.yaml\nlog_color = False\n"
            f"[notification]\nmessaging_urls = {url}\nnotification_control_exchanges = spice\npipelines = meter\nworkers = 1\n"
            f"[meter]\nmeter_definitions_dirs = {self.folder}/meters.d\n"
            "[oslo_messaging_rabbit]\nkombu_reconnect_delay = 0.2\nrabbit_retry_interval = 1\n")

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [AGENT, "--config-file", self.folder / "ceilometer.conf"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))

    def kill(self):
        """The agent and the worker it starts."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def samples(self, name, **metadata):
        """Samples of a meter whose metadata are these, in the order they came."""
        if self.process.poll() is not None:
            raise RuntimeError("the agent ended: " + (self.folder / "log").read_text()[-2000:])
        lines = self.samples_file.read_text().splitlines(keepends=True) if self.samples_file.exists() else []
        out = [json.loads(line) for line in lines if line.endswith("\n") and line.strip()]
        return [s for s in out if s["name"] == name and all(s["resource_metadata"].get(k) == v for k, v in metadata.items())]

    def wait(self, name, volume, **metadata):
        """The newest sample has this volume."""
        return fleet.wait(f"{name} of {metadata} is {volume}", lambda: [s for s in self.samples(name, **metadata)[-1:] if s["volume"] == volume], SEEN_S)[0]

    def close(self, failed):
        if self.process is not None:
            self.kill()
        if failed:
            print("---- ceilometer-agent-notification\n" + (self.folder / "log").read_text(errors="replace")[-4000:])
        shutil.rmtree(self.folder, ignore_errors=True)


def well_formed(agent):
    """What every sample must have to be of use."""
    for name, unit in METERS.items():
        samples = agent.samples(name)
        assert samples, name
        for s in samples:
            assert s["unit"] == unit and s["type"] == "gauge" and s["resource_id"] and s["timestamp"], s
            assert isinstance(s["volume"], (int, float)) and not isinstance(s["volume"], bool), s


def trust_and_pool(agent, cloud):
    for i in (1, 2, 3):
        sample = agent.wait("spice.node.trust", 1, node=f"n{i}", pool="trusted")
        assert uuid.UUID(sample["resource_id"]) == uuid.UUID(cloud.fleet.node(f"n{i}")["key"]), sample
        assert sample["resource_metadata"]["tier"] == "pass", sample
    cloud.fleet.ctl("node", "maintenance", "n1")
    agent.wait("spice.node.trust", 0, node="n1")
    members = fleet.wait("the pool is smaller", lambda: [s for s in agent.samples("spice.pool.members")[-1:] if s["volume"] == 2], SEEN_S)[0]
    assert members["resource_id"] == "trusted" and members["resource_metadata"]["nodes"] == 3, members
    cloud.fleet.ctl("node", "resume", "n1")
    agent.wait("spice.node.trust", 1, node="n1")


def outcomes(agent, cloud):
    cloud.fleet.apply(CHECK % "fail")
    for i in (1, 2, 3):
        agent.wait("spice.check.outcome", -1, check="boot", outcome="fail")
        agent.wait("spice.node.trust", -1, node=f"n{i}")
    failed = {s["resource_id"] for s in agent.samples("spice.check.outcome", outcome="fail")}
    fleet.wait("an outcome of each node", lambda: {s["resource_id"] for s in agent.samples("spice.check.outcome", outcome="fail")} == {"n1", "n2", "n3"},
               SEEN_S)
    assert failed <= {"n1", "n2", "n3"} and all(s["volume"] >= 0 for s in agent.samples("spice.check.duration", check="boot"))
    assert agent.samples("spice.check.outcome")[-1]["resource_metadata"]["worker"] == "worker-1"
    fleet.wait("nobody is in the pool", lambda: agent.samples("spice.pool.members")[-1]["volume"] == 0, SEEN_S)
    exposed = agent.wait("spice.exposure.servers", 2, pool="trusted")
    assert exposed["resource_id"] == "n2" and exposed["resource_metadata"]["why"] and exposed["resource_metadata"]["tier"] in ("fail", "none"), exposed
    cloud.fleet.apply(CHECK % "pass")
    for i in (1, 2, 3):
        agent.wait("spice.node.trust", 1, node=f"n{i}")
    agent.wait("spice.exposure.servers", 0, pool="trusted")
    assert {s["resource_id"] for s in agent.samples("spice.exposure.servers")} == {"n2"}, "no server demands anything of the others"


def agent_away(agent, cloud):
    """What is told while it is dead waits in its queue; one that starts anew has it."""
    agent.kill()
    cloud.fleet.ctl("node", "maintenance", "n2")
    cloud.fleet.wait_member("n2", False)
    agent.start()
    agent.wait("spice.node.trust", 0, node="n2")
    cloud.fleet.kill("bridge-1", signal.SIGKILL)
    cloud.fleet.ctl("node", "resume", "n2")
    cloud.fleet.start("bridge-1")
    agent.wait("spice.node.trust", 1, node="n2")


def main():
    nova_settings = "compute:\n  url: %s\n  inventory: false\nexposure:\n  interval: 5s\n"
    with Nova() as nova, Cloud(settings="results: changes\n" + nova_settings % nova.url) as cloud:
        for specs in ({"trust:trusted_host": "trusted"}, {"spice:pool": "trusted", "hw:cpu_policy": "shared"}, {}):
            nova.boot("n2", specs)
        nova.boot("n1", {})
        agent = Agent(cloud.server.url())
        good = False
        try:
            agent.start()
            trust_and_pool(agent, cloud)
            outcomes(agent, cloud)
            well_formed(agent)
            agent_away(agent, cloud)
            counts = ", ".join(f"{len(agent.samples(name))} {name}" for name in METERS)
            good = True
        finally:
            agent.close(not good)
    print("samples of a real Ceilometer: " + counts)


main()
