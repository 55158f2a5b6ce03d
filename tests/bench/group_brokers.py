# SPDX-License-Identifier: Apache-2.0
import report

MEMORY = "broker with 4,000 CURVE peers: memory per connection"
ADMIT = "broker with 4,000 CURVE peers: time to admit all"
CPU = "broker with 4,000 CURVE peers: its CPU for all of it"
BARE = "bare libzmq ROUTER"


def run(args):
    rounds = report.tool("bench_broker_peers", "--rounds", args.rounds, timeout=240, show=True)["rounds"]
    for figure, key, unit, bar, goal in ((MEMORY, "bytes_per_connection", "bytes", 1.5, 1.15), (ADMIT, "admit_s", "s", 2.0, 1.3)):
        ours, bare = ([r[server][key] for r in rounds] for server in ("broker", "bare"))
        report.row(figure, report.median(ours), unit, BARE, report.median(bare), bar, goal, rounds=[o / b for o, b in zip(ours, bare)])
    ours, bare = (report.median(r[server]["cpu_s"] for r in rounds) for server in ("broker", "bare"))
    report.note(f"{CPU}: {ours:.2f} s, {BARE} {bare:.2f} s")


GROUPS = [report.Group("brokers", "4,000 peers on one broker against a bare libzmq ROUTER", [MEMORY, ADMIT], run)]
