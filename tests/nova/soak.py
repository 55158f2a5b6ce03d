#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills bridge, RabbitMQ and nova-scheduler with -9 at random for as long as wanted, with a real Nova and a real fleet. Exit 0: no decision named a
host that the references forbade, and filter and keeper agreed again.

    tests/nova/soak.py --seconds 300 [--seed N] [--workers N]        needs the packages of `ops/install-deps cloud` and a release build"""
import argparse
import pathlib
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cloud_bed import TRUSTED, CloudBed  # noqa: E402
from cloud_soak import NODES, soak  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--workers", type=int, default=2, help="processes of nova-scheduler")
    options = parser.parse_args()
    print(f"{options.seconds:g} s, seed {options.seed}", flush=True)
    with CloudBed(computes=3, workers=options.workers, log=lambda text: print("  " + text, flush=True)) as cloud:
        uuids = cloud.nova.compute_uuids()
        for node in NODES:
            cloud.register(node, uuids[node])
            cloud.fleet.wait_member(node, True)
        cloud.until_chosen(TRUSTED, NODES)
        report = soak(cloud, options.seconds, options.seed)
    print(f"killed {report.kills}; {report.changes} verdicts turned; {report.asked} decisions, {report.placed} of them placed, none on a forbidden host")
    print(f"after the last kill ({report.last}, started anew): decisions possible {report.possible_s:.1f} s, filter and keeper agree {report.agreed_s:.1f} s")


if __name__ == "__main__":
    main()
