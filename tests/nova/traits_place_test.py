#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Decisions of a real Nova for flavors that require a pool's trait, which spice-bridge keeps in a real placement: members only, forced hosts too,
while Nova itself writes to the same providers. Without RabbitMQ between SPICE and the cloud: the trait is a lock of its own."""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
from cloud_bed import filter_options  # noqa: E402
from fleet import wait  # noqa: E402
from nova_bed import NovaBed  # noqa: E402
from trait_fleet import GOLD, IRON, TraitFleet  # noqa: E402

GOLDEN = {f"trait:{GOLD}": "required"}
DECISIONS = 6


def chosen(bed, specs):
    return {bed.select(specs) for _ in range(DECISIONS)}


def holders(bed, trait):
    return {p["name"] for p in bed.placement(f"/resource_providers?required={trait}")["resource_providers"]}


def own_traits(bed, host):
    uuid = bed.compute_uuids()[host]
    return {t for t in bed.placement(f"/resource_providers/{uuid}/traits")["traits"] if t not in (GOLD, IRON)}


def main():
    started = time.monotonic()
    with NovaBed(computes=3) as bed:
        bed.start_base()
        fleet = TraitFleet(f"http://127.0.0.1:{bed.placement_port}", dict.fromkeys(bed.hosts), "auth: token\nsecret_file: etc/secret\n")
        fleet.secret("admin")
        with fleet:
            bed.start_nova(filter_options(fleet))
            before = {host: own_traits(bed, host) for host in bed.hosts}
            assert chosen(bed, GOLDEN) == {None}
            print("1. a trait that nobody made: nothing is placed")
            fleet.label("cmp-3", gold=False)
            fleet.start("bridge-1")
            wait("members have it", lambda: holders(bed, GOLD) == {"cmp-1", "cmp-2"} and holders(bed, IRON) == set(bed.hosts), 180, 0.1)
            wait("both are chosen", lambda: chosen(bed, GOLDEN) == {"cmp-1", "cmp-2"}, 180)
            assert bed.select(GOLDEN, force="cmp-3") is None and bed.select({}, force="cmp-3") == "cmp-3"
            print("2. members only; a forced host too")
            fleet.label("cmp-1", gold=False)
            wait("cmp-1 lost it", lambda: holders(bed, GOLD) == {"cmp-2"}, 180, 0.1)
            assert chosen(bed, GOLDEN) <= {"cmp-2", None}  # on a busy machine a proof may lapse, and the trait with it
            wait("cmp-2 is chosen", lambda: chosen(bed, GOLDEN) == {"cmp-2"}, 180)
            fleet.kill("keeper")
            wait("nobody has it", lambda: not holders(bed, GOLD) and not holders(bed, IRON), 180, 0.1)
            assert chosen(bed, GOLDEN) == {None}
            print("3. a loss, and the end of the proof, are Nova's next decision")
            after = {host: own_traits(bed, host) for host in bed.hosts}
            assert after == before, (before, after)
            print("4. Nova's own traits are as they were")
    print(f"ok, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
