# SPDX-License-Identifier: Apache-2.0
"""A SPICE fleet whose nodes are the computes of a real Nova, and a truth that the test writes: the check of a node reads its file."""

import pathlib
import subprocess
import sys

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fleet import Fleet  # noqa: E402
from nova_bed import HERE, PYTHON, Failed, NovaBed, wait  # noqa: E402

MAX_AGE_S, STALE_S = 20, 4.0
PLUGIN = '#!/bin/sh\nread -r said <"$1"\n[ "$said" = pass ] && { echo "OK"; exit 0; }\necho "BAD"\nexit 2\n'
TRUSTED, PLAIN = {"trust:trusted_host": "trusted"}, {}


def filter_options(fleet, **more):
    """[spice] of nova.conf for the filter, as README.md says; questions more often than by default, for tests wait for them."""
    rows = {r["name"]: r for r in yaml.safe_load((fleet.prefix / "etc/principals.yaml").read_text())["principals"]}
    return {"keeper_keys": rows["keeper"]["sign"], "deployment": yaml.safe_load(fleet.config.read_text())["deployment"],
            "ping_interval": 0.5, "stale_after": STALE_S, "call_timeout": 2.0, "first_wait": 10.0, **more}


def make_truth(fleet):
    """A signed plugin that says what a node's file says."""
    plugin = fleet.prefix / "check_said"
    plugin.write_text(PLUGIN)
    plugin.chmod(0o755)
    fleet.prefix.chmod(0o755)
    fleet.ctl("manifest", "sign", plugin)
    (fleet.prefix / "truth").mkdir()


def write_truth(fleet, node, word):
    """pass or fail; read as a whole."""
    part = fleet.prefix / "truth" / f".{node}"
    part.write_text(word + "\n")
    part.chmod(0o644)
    part.rename(fleet.prefix / "truth" / node)


class Bridge:
    """The real spice-bridge. more: lines of its section."""

    def __init__(self, fleet, url, more=""):
        self.fleet = fleet
        path = fleet.prefix / "etc/transport_url"
        path.touch(mode=0o600)
        path.write_text(url + "\n")
        with open(fleet.config, "a") as conf:
            conf.write("\nbridge:\n  transport_url_file: etc/transport_url\n  retry: 100ms\n  retry_step: 100ms\n  retry_max: 1s\n" + more)

    def start(self):
        self.fleet.start("bridge-1")
        return self

    def kill(self):
        self.fleet.kill("bridge-1")


class BridgeDouble:
    """tests/support/bridge_double.py as a child."""

    def __init__(self, processes, fleet, url, principal="reader-1"):
        self.processes, self.argv = processes, [PYTHON, HERE / "bridge_double.py", "--prefix", fleet.prefix, "--url", url, "--principal", principal]

    def start(self):
        self.process = self.processes.start("bridge", self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._line("ready")
        return self

    def order(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        self._line(word)

    def _line(self, expected):
        line = self.process.stdout.readline().strip()
        if line != expected:
            raise Failed(f"the bridge's double said {line!r}: {self.processes.tail('bridge')}")

    def kill(self):
        self.processes.kill("bridge")


class CloudBed:
    """with CloudBed(computes=3) as cloud: everything runs, nothing is registered yet."""

    def __init__(self, computes=3, workers=2, log=None, spice=None, bridge=None, trait=None):
        """bridge: function of this bed, called when Nova's base runs; gives further lines of section bridge. trait: the pool `trusted` feeds it, and
        the bridge keeps it in the real placement."""
        self.trait = trait
        self.fleet, self.nova = Fleet(workers=1), NovaBed(computes=computes, workers=workers, log=log)
        self.spice_options, self.log, self.bridge_more = spice or {}, log or (lambda text: None), bridge

    def __enter__(self):
        try:
            return self._start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise

    def _start(self):
        self.fleet.start("broker-1", "keeper", "scheduler", "worker-1")  # comes up while Nova's base does
        self.nova.start_base()
        self.fleet.ready()
        self._truth()
        self.double = BridgeDouble(self.nova.processes, self.fleet, self.nova.url)  # for what an honest bridge does not do
        more = (self.bridge_more(self) if self.bridge_more else "") + (self._placement() if self.trait else "")
        self.bridge = Bridge(self.fleet, self.nova.rabbit.url(), more).start()
        self.nova.start_nova(filter_options(self.fleet, **self.spice_options))
        return self

    def __exit__(self, kind, value, trace):
        self.nova.__exit__(kind, value, trace)
        self.fleet.__exit__(kind, value, trace)

    def _placement(self):
        secret = self.fleet.prefix / "etc/secret"
        secret.touch(mode=0o600)
        secret.write_text("admin\n")  # what noauth2 takes for an administrator
        return (f"  placement:\n    url: http://127.0.0.1:{self.nova.placement_port}\n    auth: token\n    secret_file: etc/secret\n"
                "    reconcile: 5s\n")

    # -- truth ----------------------------------------------------------------------------------

    def _truth(self):
        make_truth(self.fleet)
        self.truth = self.fleet.prefix / "truth"
        self.fleet.apply(f"""kind: profile
name: quick
period: 1s
---
kind: check
name: said
adapter: exec
params: {{plugin: check_said, args: ["{self.truth}/{{node}}"]}}
profile: quick
timeout: 5s
max_age: {MAX_AGE_S}s
---
kind: pool
name: trusted
mandatory: [said]
hold_down: 1s
{f"trait: {self.trait}" if self.trait else ""}
---
kind: pool
name: special
mandatory: [said]
selector: special=yes
hold_down: 1s
""")

    def say(self, node, word):
        write_truth(self.fleet, node, word)

    def register(self, node, key=None, labels=""):
        self.say(node, "pass")
        self.fleet.apply(f"kind: node\nname: {node}\n" + (f"key: {key}\n" if key else "") + (f"labels: {{{labels}}}\n" if labels else ""))

    def holders(self):
        """Hosts that have the trait in placement; None: there is no such trait."""
        try:
            return {p["name"] for p in self.nova.placement(f"/resource_providers?required={self.trait}")["resource_providers"]}
        except OSError:  # HTTP's 400 is one
            return None

    # -- decisions ------------------------------------------------------------------------------

    def chosen(self, extra_specs, times=6):
        """The hosts of so many decisions: with several workers each takes its share."""
        return {self.nova.select(extra_specs) for _ in range(times)}

    def until_chosen(self, extra_specs, hosts, seconds=180.0, times=6, **more):
        """A run of so many decisions goes to all of these hosts and to no other one. A filter in doubt refuses, at any time on a busy machine: that
        costs time, and nothing else; only another host begins the run anew."""
        run, hosts = [], set(hosts)

        def settled():
            host = self.nova.select(extra_specs, **more)
            if host in hosts:
                run.append(host)
            elif host is not None:
                run.clear()
            return len(run) >= times and set(run) == hosts
        wait(f"{extra_specs} goes to {hosts}", settled, seconds)

    def until_somewhere(self, extra_specs, hosts, seconds=180.0, times=6):
        """Decisions go to some of these hosts. Nowhere else at any time; nowhere at all only while a filter has no proof yet."""
        wait(f"{extra_specs} goes to some of {hosts}", lambda: None not in self.never_but(extra_specs, hosts, times), seconds)

    def never_but(self, extra_specs, hosts, times=6, **more):
        """So many decisions, none of which names another host; they are returned. A refusal is always right where a filter may be in doubt."""
        got = {self.nova.select(extra_specs, **more) for _ in range(times)}
        assert got <= set(hosts) | {None}, f"{extra_specs} went to {got}, of which only {set(hosts)} may be"
        return got

    def until_all_follow(self, workers, seconds=180.0):
        """Every scheduler process has a reader with a proof; asks until each has seen a request."""
        def follow():
            self.chosen(PLAIN, 2)
            states = self.nova.filter_states()
            return len(states) == workers and all(s["following"] for s in states.values())
        wait(f"{workers} scheduler processes follow the keeper", follow, seconds, 0.1)
