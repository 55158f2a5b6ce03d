#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tour of `ops/quickstart --with-nova`: a real Nova and a SPICE fleet on this machine. Shows where servers of trusted and of plain flavors would
go and which hosts have the pool's trait in placement, breaks a node, shows that the trait goes and the next decisions avoid it, and says how long
the change took. Exit 0 only if every step was observed.

It stands on tests/support/cloud_bed.py, which starts everything in a temporary directory and ends it."""

import argparse
import collections
import pathlib
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/support"))
from cloud_bed import PLAIN, TRUSTED, CloudBed  # noqa: E402
from fleet import Failed, wait  # noqa: E402

DECISIONS = 6
SEEN_S = 120.0
UNTRUSTED = {"trust:trusted_host": "untrusted"}
TRAIT = "CUSTOM_SPICE_TRUSTED"
REQUIRED = {f"trait:{TRAIT}": "required"}
BOTH = {**TRUSTED, **REQUIRED}


def step(text):
    print("\n==> " + text, flush=True)


def say(text):
    print("    " + text, flush=True)


def show(cloud, flavor, extra_specs, wanted):
    """So many decisions with a flavor, or more until each wanted host was chosen; another host begins the count anew. A filter that has no proof for a
    moment, as on a busy machine, refuses: that costs time and nothing else."""
    seen = collections.Counter()

    def decide():
        host = cloud.nova.select(extra_specs) or "no valid host"
        if host in wanted:
            seen.update([host])
        elif host != "no valid host":
            seen.clear()
        return sum(seen.values()) >= DECISIONS and set(seen) == set(wanted)
    wait(f"flavor {flavor} goes to {wanted}", decide, SEEN_S)
    say("flavor %-12s %s" % (flavor, "   ".join("%s x%d" % (host, seen[host]) for host in sorted(seen))))


def show_all(cloud, members, bad=()):
    show(cloud, "m1.plain", PLAIN, cloud.nova.hosts)
    show(cloud, "m1.trusted", TRUSTED, members)
    show(cloud, "m1.required", REQUIRED, members)
    show(cloud, "m1.both", BOTH, members)
    show(cloud, "m1.suspect", UNTRUSTED, bad or ["no valid host"])


def show_traits(cloud, members):
    """Who has the trait, as placement itself says; a forced host is no way around it."""
    wait(f"{TRAIT} on {members}", lambda: cloud.holders() == set(members), SEEN_S, 0.05)
    say("placement: %s is on %s" % (TRAIT, ", ".join(sorted(cloud.holders())) or "no host"))
    without = sorted(set(cloud.nova.hosts) - set(members))[0]
    if cloud.nova.select(REQUIRED, force=without) is not None or cloud.nova.select(PLAIN, force=without) != without:
        raise Failed(f"a server that demands the trait was forced onto {without}")
    say("an administrator who forces a server onto %s: m1.plain goes there, m1.required finds no valid host" % without)


def prove(cloud):
    """The whole way once more, by the operator's own command."""
    cloud.until_all_follow(cloud.nova.workers, SEEN_S)
    done = cloud.fleet.ctl("doctor", "--path", "--filter-state", cloud.nova.folder, check=False)
    print("\n".join("    " + line for line in done.stdout.splitlines() if "path: " in line or "problems" in line), flush=True)
    for part in ("result", "bridge", "trait", "filter"):
        if f"path: {part}" not in done.stdout:
            raise Failed(f"spicectl doctor --path says nothing of the {part}: {done.stdout}")
    if done.returncode != 0:
        raise Failed(f"spicectl doctor --path: exit {done.returncode}: {done.stdout}")


class Watch(threading.Thread):
    """When the keeper took a node out of the pool, as its own command tells."""

    def __init__(self, cloud, node):
        super().__init__(daemon=True)
        self.cloud, self.node, self.out_at = cloud, node, None
        self.start()

    def run(self):
        while self.out_at is None:
            try:
                if not self.cloud.fleet.member(self.node):
                    self.out_at = time.monotonic()
            except (Failed, OSError):
                pass


def break_node(cloud, node):
    """Seconds from the break to the keeper's verdict, and from there to the first decision after which none chose the node."""
    watch, chosen = Watch(cloud, node), []
    broken = time.monotonic()
    cloud.say(node, "fail")
    while watch.out_at is None or time.monotonic() < watch.out_at + 2:
        start = time.monotonic()
        chosen.append((start, cloud.nova.select(TRUSTED)))
        if start > broken + SEEN_S:
            raise Failed(f"{node} stays in the pool")
    late = [start for start, host in chosen if host == node and start > watch.out_at]
    first = min(start for start, host in chosen if start > max(late + [watch.out_at]))
    return watch.out_at - broken, first - watch.out_at


def tour(cloud):
    uuids = cloud.nova.compute_uuids()
    good = cloud.nova.hosts[:-1]
    step("Nodes: %s are checked by SPICE, %s is not" % (", ".join(good), cloud.nova.hosts[-1]))
    for node in good:
        cloud.register(node, uuids[node])
    for node in good:
        cloud.fleet.wait_member(node, True, seconds=SEEN_S)
    print(cloud.fleet.ctl("node", "list").stdout, end="")
    step("Placement: the pool's trait, on its members and nowhere else")
    show_traits(cloud, good)
    step("Flavors: m1.trusted asks the filter (trust:trusted_host=trusted), m1.required placement (trait:%s=required), m1.both both" % TRAIT)
    step("Decisions of nova-scheduler, %d or more for each flavor" % DECISIONS)
    show_all(cloud, good)
    step("The whole way, proven: spicectl doctor --path")
    prove(cloud)
    step("Breakage: the check of %s fails" % good[0])
    known_s, refused_s = break_node(cloud, good[0])
    cloud.until_all_follow(cloud.nova.workers, SEEN_S)
    delays = [s["event_delay_ms"] for s in cloud.nova.filter_states().values() if s["event_delay_ms"] is not None]
    say("the keeper knew %.2f s after the breakage (the check runs each second)" % known_s)
    say("the first decision that could not choose it any more began %.2f s later" % refused_s)
    if delays:
        say("the latest event of the keeper was in the schedulers' tables after at most %s ms" % ", ".join(str(d) for d in sorted(delays)))
    show_traits(cloud, good[1:])
    show_all(cloud, good[1:], [good[0]])
    step("Repair: it passes again, and gets its trait back")
    cloud.say(good[0], "pass")
    cloud.fleet.wait_member(good[0], True, seconds=SEEN_S)
    show_traits(cloud, good)
    show_all(cloud, good)
    step("The bridge is killed: nothing can be proven, so the filter trusts no host; plain servers do not care")
    cloud.bridge.kill()
    show(cloud, "m1.trusted", TRUSTED, ["no valid host"])
    show(cloud, "m1.plain", PLAIN, cloud.nova.hosts)
    step("It is started again")
    cloud.bridge.start()
    show(cloud, "m1.trusted", TRUSTED, good)
    show_traits(cloud, good)
    print("\nEvery step was observed.", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--once", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    step("RabbitMQ, MariaDB, placement, nova-conductor, nova-scheduler, nova-compute with the fake driver, a SPICE fleet, the bridge")
    with CloudBed(computes=4, workers=2, log=say, trait=TRAIT) as cloud:
        tour(cloud)
        if not options.once:
            print(f"\nAll of it stays up until Ctrl-C. Make a node bad or good: echo fail >{cloud.truth}/cmp-2")
            print(f"SPICE: export SPICE_CONFIG={cloud.fleet.config}   Nova's logs: {cloud.nova.folder}", flush=True)
            while True:
                say("trusted: %s" % cloud.nova.select(TRUSTED))
                time.sleep(2)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
