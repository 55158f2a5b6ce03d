#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TrustedFilterSPICE without eventlet, installed by pip as the README says: made by Nova's own filter handler, forked into two workers, with a real
RabbitMQ and a real keeper. Odd requests, bad configuration, RabbitMQ that is away at the start, processes that end in time."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from cloud_bed import Bridge, BridgeDouble, filter_options  # noqa: E402
from fleet import SOURCE, Failed, Fleet, wait  # noqa: E402
from nova_bed import PYTHON, Processes, Rabbit, ini  # noqa: E402

UUID = "3f0c3c0a-5d1e-4b9a-9a57-0f4f4f3a1c11"
HOSTS = [[UUID, "cmp-1"], ["00000000-0000-4000-8000-000000000002", "cmp-2"]]
TRUSTED = {"trust:trusted_host": "trusted"}
DEFINITIONS = """kind: profile
name: quick
period: 1s
---
kind: check
name: said
adapter: noop
params: {outcome: %s}
profile: quick
timeout: 1s
max_age: 600s
---
kind: node
name: cmp-1
key: %s
---
kind: pool
name: trusted
mandatory: [said]
hold_down: 1s
"""


class Workers:
    def __init__(self, processes, folder, site, spice, url, name="filter"):
        self.processes, self.name = processes, name
        config = folder / f"{name}.conf"
        config.write_text(ini({
            "DEFAULT": {"transport_url": url, "debug": "True", "host": "control", "log_file": folder / f"{name}.log",
                        "default_log_levels": "amqp=WARN,oslo.messaging=INFO,stevedore=WARN"},
            "oslo_messaging_rabbit": {"kombu_reconnect_delay": "0.2"},
            "filter_scheduler": {"available_filters": ["nova.scheduler.filters.all_filters", "spice_nova.filters.TrustedFilterSPICE"]},
            "spice": {"state_dir": folder, **spice}}))
        self.process = processes.start(name, [PYTHON, HERE.parent / "support/filter_workers.py", config, 2],
                                       env={"PYTHONPATH": str(site), "OS_NOVA_DISABLE_EVENTLET_PATCHING": "true"},
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, worker, **order):
        self.process.stdin.write(json.dumps({"worker": worker, **order}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.name} ended: {self.processes.tail(self.name)}")
        return json.loads(line)

    def hosts(self, specs, worker):
        return self.ask(worker, specs=specs, hosts=HOSTS)["hosts"]

    def both(self, specs):
        return [self.hosts(specs, w) for w in (0, 1)]

    def end(self):
        """Each worker returns from its work; threads of the reader must not keep its process."""
        for worker in (0, 1):
            pid = self.ask(worker, end=True)["bye"]
            wait(f"worker {worker} ends", lambda pid=pid: state_of(pid) in ("", "Z"), 30)


def state_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    except OSError:
        return ""


def installed(folder):
    """The package as pip installs it, without network; the folder for PYTHONPATH."""
    shutil.copytree(SOURCE / "ops/nova", folder / "nova")
    site = folder / "site"
    done = subprocess.run([PYTHON, "-m", "pip", "install", "--no-build-isolation", "--no-index", "--no-deps", "--quiet", "--target", site,
                           folder / "nova"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (site / "spice_nova/filters.py").exists()
    return site


def odd_requests_and_bad_configuration(processes, folder, site, url):
    for name, spice in (("unset", {}), ("stale", {"keeper_keys": "22" * 32, "deployment": "11" * 16, "ping_interval": 9,
                                                  "stale_after": 1})):
        workers = Workers(processes, folder, site, spice, url, name)
        assert workers.both(TRUSTED) == [[], []]
        assert workers.both({}) == [["cmp-1", "cmp-2"]] * 2
        assert "every host is unknown: [spice]" in processes.tail(name, 200), processes.tail(name)
        for spoil in ("no flavor", "broken"):
            assert workers.ask(0, spoil=spoil)["hosts"] == [], "what cannot be read is refused"
        assert workers.ask(0, spoil="no specs")["hosts"] == ["x"]
        workers.end()
        processes.kill(name)


def path_of(fleet, folder):
    """What `spicectl doctor --path` says of each part."""
    done = fleet.ctl("--json", "doctor", "--path", "--filter-state", folder, check=False)
    return {f["check"].removeprefix("path: "): (f["state"], f["detail"]) for f in json.loads(done.stdout)["findings"] if f["check"].startswith("path: ")}


def a_result_is_followed_to_the_filter(fleet, folder, bridge):
    """Each part is proven while it is there, and named when it is not."""
    path = path_of(fleet, folder)
    assert {part: state for part, (state, _) in path.items()} == {"result": "ok", "bridge": "ok", "filter": "ok"}, path
    assert "said on cmp-1: pass" in path["result"][1] and "2 processes" in path["filter"][1], path
    state = folder / f"spice-filter-old-{os.getpid()}.json"  # a living process that holds an older event than the keeper's latest
    held = json.loads(next(folder.glob("spice-filter-control-*.json")).read_text())
    state.write_text(json.dumps({**held, "pid": os.getpid(), "sequence": held["sequence"] - 1}))
    path = path_of(fleet, folder)
    assert path["filter"][0] == "fail" and str(os.getpid()) in path["filter"][1] and path["bridge"][0] == "ok", path
    state.write_text(json.dumps({**held, "pid": os.getpid(), "boot": "%016x" % 1}))
    assert path_of(fleet, folder)["filter"][0] == "fail"
    state.unlink()
    fleet.apply("kind: pool\nname: trusted\nmandatory: [said]\nhold_down: 1s\ntrait: CUSTOM_SPICE_TRUSTED\n")
    assert path_of(fleet, folder)["trait"][0] == "warn", "a trait that nobody keeps"
    fleet.apply("kind: pool\nname: trusted\nmandatory: [said]\nhold_down: 1s\n")
    bridge.kill()
    wait("the broker knows", lambda: path_of(fleet, folder).get("filter", ("",))[0] == "fail", 120)
    bridge.start()


def a_long_snapshot_is_waited_for(processes, folder, site, fleet, rabbit):
    double = BridgeDouble(processes, fleet, rabbit.url()).start()
    double.order("slow")
    patient = Workers(processes, folder, site, filter_options(fleet, stale_after=120.0), rabbit.url("nova"), "patient")
    wait("a snapshot that takes long is waited for", lambda: patient.both(TRUSTED) == [["cmp-1"], ["cmp-1"]], 180)
    patient.end()
    processes.kill("patient")
    double.kill()


def main():
    start = time.monotonic()

    def say(text):
        print("%4.0f s  %s" % (time.monotonic() - start, text), flush=True)

    folder = pathlib.Path(tempfile.mkdtemp(prefix="spice-filter-"))
    processes, rabbit = Processes(folder), None
    try:
        with Fleet(workers=1) as fleet:
            site = installed(folder)
            rabbit = Rabbit()
            url = rabbit.url("nova")
            say("installed by pip")
            odd_requests_and_bad_configuration(processes, folder, site, url)
            say("odd requests and bad configuration refuse and do not raise")
            workers = Workers(processes, folder, site, filter_options(fleet, first_wait=0.2), url)
            assert workers.both(TRUSTED) == [[], []]
            slow = workers.ask(0, specs=TRUSTED, hosts=HOSTS)["ms"]
            assert slow < 60000, slow  # RabbitMQ is not even there; the first wait is over
            fleet.start("broker-1", "keeper", "scheduler", "worker-1").ready()
            fleet.apply(DEFINITIONS % ("pass", UUID))
            fleet.wait_member("cmp-1", True)
            rabbit.start()
            bridge = Bridge(fleet, rabbit.url()).start()
            wait("both workers pass cmp-1", lambda: workers.both(TRUSTED) == [["cmp-1"], ["cmp-1"]], 60)
            say("RabbitMQ came after the filter: both workers follow")
            us = workers.ask(0, specs=TRUSTED, hosts=HOSTS[:1], times=2000)
            say("host_passes alone %.1f us, in a list %.2f us a host" % (us["us"], us["us_in_list"]))
            a_result_is_followed_to_the_filter(fleet, folder, bridge)
            wait("both workers pass cmp-1", lambda: workers.both(TRUSTED) == [["cmp-1"], ["cmp-1"]], 60)
            say("doctor walks the way of a result to the filter, and says where it ends")
            fleet.apply(DEFINITIONS % ("fail", UUID))
            wait("both workers know of the bad evidence", lambda: workers.both({"trust:trusted_host": "untrusted"}) == [["cmp-1"], ["cmp-1"]], 60)
            assert workers.both(TRUSTED) == [[], []]
            fleet.apply(DEFINITIONS % ("pass", UUID))
            wait("both workers pass cmp-1", lambda: workers.both(TRUSTED) == [["cmp-1"], ["cmp-1"]], 60)
            bridge.kill()
            wait("without a bridge nothing passes", lambda: workers.both(TRUSTED) == [[], []], 60)
            a_long_snapshot_is_waited_for(processes, folder, site, fleet, rabbit)
            say("a snapshot may take longer than an answer, as long as the bridge gives signs of life")
            bridge.start()
            rabbit.kill()
            rabbit.start()
            wait("both workers pass cmp-1 after RabbitMQ's restart", lambda: workers.both(TRUSTED) == [["cmp-1"], ["cmp-1"]], 90)
            say("bridge and RabbitMQ killed and back")
            states = [json.loads(p.read_text()) for p in folder.glob("spice-filter-control-*.json")]
            states = [s for s in states if os.path.exists(f"/proc/{s['pid']}")]  # the patient ones' go with the next doubt
            assert len(states) == 2 and all(s["version"] for s in states), states
            workers.end()
            say("both workers ended by themselves")
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"---- {log.name}\n" + "\n".join(line[:300] for line in log.read_text(errors="replace").splitlines()[-12:]))
        raise
    finally:
        processes.stop()
        if rabbit is not None:
            rabbit.stop()
        if "SPICE_KEEP" not in os.environ:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
