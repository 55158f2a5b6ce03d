#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""spice-bridge and a real placement service: traits follow the pools while somebody else writes to the same providers, bridges are killed with -9,
placement is killed, the keeper is killed; traits of others are never touched."""
import itertools
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
from fleet import Failed, wait  # noqa: E402
from placement_bed import TOKEN, PlacementBed  # noqa: E402
from trait_fleet import GOLD, IRON, TraitFleet  # noqa: E402

FOREIGN = {"n1": ["COMPUTE_NODE", "CUSTOM_OTHER", "HW_CPU_X86_VMX"], "n2": ["CUSTOM_SPICE_GOLD_2"], "n3": [], "n4": ["COMPUTE_NODE"]}


class Writer:
    """Somebody who changes the providers all the time, as allocations do."""

    def __init__(self, bed, keys):
        self.bed, self.keys, self.stop, self.failed = bed, keys, threading.Event(), None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            for total in itertools.count(10):
                for key in self.keys:
                    if self.stop.is_set():
                        return
                    if self.bed.inventory(key, total) is None:
                        self.stop.wait(0.5)  # nobody goes on at once after that
        except Exception as error:  # shown by the test
            self.failed = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *args):
        self.stop.set()
        self.thread.join()


class Case:
    def __init__(self, bed, fleet, keys):
        self.bed, self.fleet, self.keys = bed, fleet, keys

    def settle(self, gold, iron=tuple(FOREIGN), seconds=180):
        want = (sorted(gold), sorted(iron))
        wait(f"gold and iron {want}", lambda: (self.bed.having(GOLD), self.bed.having(IRON)) == want, seconds, 0.1)
        for name, key in self.keys.items():
            others = [t for t in self.bed.traits(key) if t not in (GOLD, IRON)]
            assert others == FOREIGN[name], (name, others)

    def fresh(self, bridge):
        """Gauges that are newer than this moment: a whole round of reconciling has ended since the last ones."""
        def gauges():
            return self.fleet.process_stats()[bridge]["gauges"]
        was = wait("statistics", gauges, 120)["traits.rounds"]
        return wait("new statistics", lambda: g if (g := gauges())["traits.rounds"] > was else None, 120, 0.2)

    def reconciled(self, bridge, count=1):
        wait(f"{bridge} has looked at everything", lambda: self.fleet.log(bridge).count("traits.reconciled") >= count, 120)

    def start(self):
        self.bed.call("PUT", f"/traits/{GOLD}")
        key = self.bed.provider("stranger", [GOLD, "CUSTOM_OTHER"])  # of a bridge that died
        self.fleet.start("bridge-1")
        self.settle(FOREIGN)
        assert self.bed.traits(key) == ["CUSTOM_OTHER"]

    def concurrent_writer(self):
        """Until conflicts were seen, and each change came through them."""
        before = self.fresh("bridge-1")["traits.conflicts"]
        two = [self.keys["n1"], self.keys["n2"]]
        with Writer(self.bed, two) as one:  # a second one, and MariaDB gives up more than it does
            for _ in range(30):
                for gold in (False, True, False, True):
                    for name in ("n1", "n2"):
                        self.fleet.label(name, gold=gold)
                    self.settle(FOREIGN if gold else {"n3", "n4"})
                assert one.failed is None, one.failed
                conflicts = self.fresh("bridge-1")["traits.conflicts"] - before
                if conflicts > 0:
                    break
            else:
                raise Failed("no conflict in 30 rounds: the writers do not do their work")
        return conflicts

    def killed_bridges(self):
        self.fleet.start("bridge-2")
        self.reconciled("bridge-2")
        self.settle(FOREIGN)
        self.fleet.kill("bridge-1")
        self.fleet.label("n1", gold=False)
        self.settle({"n2", "n3", "n4"})
        self.fleet.kill("bridge-2")
        self.fleet.label("n2", gold=False)
        self.fleet.label("n1", gold=True)
        self.fleet.start("bridge-1")
        self.settle({"n1", "n3", "n4"})
        self.fleet.start("bridge-2")
        for name, gold in (("n1", False), ("n3", False), ("n1", True), ("n2", True), ("n3", True)):
            self.fleet.label(name, gold=gold)
        self.settle(FOREIGN)

    def killed_placement(self):
        self.bed.kill()
        self.fleet.label("n4", gold=False)
        self.bed.start()
        self.settle({"n1", "n2", "n3"})

    def killed_keeper(self):
        self.fleet.kill("keeper")
        self.settle((), ())
        self.fleet.start("keeper")
        self.settle({"n1", "n2", "n3"})


def main():
    started = time.monotonic()
    with PlacementBed() as bed:
        print(f"placement runs after {time.monotonic() - started:.0f} s")
        keys = {name: bed.provider(name, traits) for name, traits in FOREIGN.items()}
        nodes = {"n1": keys["n1"], "n2": keys["n2"], "n3": None, "n4": None}  # two are known by name only
        fleet = TraitFleet(bed.url, nodes, "auth: token\nsecret_file: etc/secret\n", second=True)
        fleet.secret(TOKEN)
        with fleet:
            case = Case(bed, fleet, keys)
            case.start()
            print("1. the start makes the traits, puts them on members and takes off what was left")
            print(f"2. {case.concurrent_writer()} conflicts with another writer, and everything came through")
            case.killed_bridges()
            print("3. bridges killed with -9: the other one takes off; one that starts reconciles; two at once agree")
            case.killed_placement()
            print("4. placement killed and back")
            case.killed_keeper()
            print("5. no keeper: every trait goes, and comes back with it")
    print(f"ok, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
