# SPDX-License-Identifier: Apache-2.0
import report

MEMORY = "broker with 4,000 CURVE peers: memory per connection"
ADMIT = "broker with 4,000 CURVE peers: time to admit all"


def run(args):
    r = report.tool("bench_broker_peers")
    bare, ours = r["bare"], r["broker"]
    report.row(MEMORY, ours["bytes_per_connection"], "bytes", "bare libzmq ROUTER", bare["bytes_per_connection"], 1.5, 1.15)
    report.row(ADMIT, ours["admit_s"], "s", "bare libzmq ROUTER", bare["admit_s"], 2.0, 1.3)


GROUPS = [report.Group("brokers", "4,000 peers on one broker against a bare libzmq ROUTER", [MEMORY, ADMIT], run)]
