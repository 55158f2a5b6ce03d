#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TrustedFilterSPICE as a nova-scheduler with native threads holds it: made once by Nova's own filter handler, then forked into workers. No Nova
service runs. Lines of JSON on standard input, one answer each:

    {"worker": 0, "specs": {...}, "hosts": [[UUID, NODENAME], ...]}    {"hosts": [NODENAME, ...], "ms": TIME}
    {"worker": 0, "spoil": "no flavor"|"no specs"|"broken"}            the same, with a request that is not what a filter expects
    {"worker": 0, "times": N, "specs": ..., "hosts": ...}              {"us": median of host_passes}
    {"worker": 0, "watch": true|false, "seconds": S, "specs": ..., "hosts": ...}   asks host_passes each millisecond until it says so of all:
                                         {"seen": [{"name": ..., "at_us": CLOCK, "stamp_ms": of the keeper's event}], "missing": [NAME, ...]}
    {"worker": 0, "end": true}                                         {"bye": PID}; the process ends by itself

    filter_workers.py CONFIG_FILE WORKERS"""

import json
import os
import socket
import statistics
import sys
import time

from nova import config, objects
from nova.scheduler import filters, host_manager
from oslo_log import log as logging


def host(uuid, nodename):
    state = host_manager.HostState(nodename, nodename, None)
    state.uuid = uuid
    return state


def spec_of(order):
    flavor = objects.Flavor(extra_specs=order.get("specs", {}))
    if order.get("spoil") == "no specs":
        flavor = objects.Flavor(name="x")
    spec = objects.RequestSpec(flavor=flavor)
    if order.get("spoil") == "no flavor":
        spec = objects.RequestSpec()
    if order.get("spoil") == "broken":
        spec = object()
    return spec


def stamp_of(judge, specs, uuid):
    """The keeper's time in what it said last about a host."""
    pools = judge._listener.view().pools
    return pools[specs.get("spice:pool", "trusted")].by_key[uuid].as_of_ms


def watch(judge, order, hosts, spec):
    left, seen, end = list(hosts), [], time.monotonic() + order["seconds"]
    while left and time.monotonic() < end:
        for one in list(left):
            if judge.host_passes(one, spec) == order["watch"]:
                at_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
                seen.append({"name": one.nodename, "at_us": at_us, "stamp_ms": stamp_of(judge, order["specs"], one.uuid)})
                left.remove(one)
        time.sleep(0.001)
    return {"seen": seen, "missing": [one.nodename for one in left]}


def answer(judge, order):
    hosts = [host(*h) for h in order.get("hosts", [["x", "x"]])]
    spec = spec_of(order)
    if "watch" in order:
        return watch(judge, order, hosts, spec)
    if "times" in order:
        took = []
        for _ in range(order["times"]):
            start = time.perf_counter()
            judge.host_passes(hosts[0], spec)
            took.append((time.perf_counter() - start) * 1e6)
        start = time.perf_counter()
        judge.filter_all(iter(hosts * 1000), spec)
        return {"us": statistics.median(took), "us_in_list": (time.perf_counter() - start) * 1e6 / len(hosts) / 1000}
    start = time.perf_counter()
    passed = judge.filter_all(iter(hosts), spec)
    return {"hosts": [h.nodename for h in passed], "ms": (time.perf_counter() - start) * 1000}


def work(judge, end):
    with end.makefile("rw") as lines:
        for line in lines:
            order = json.loads(line)
            reply = {"bye": os.getpid()} if order.get("end") else answer(judge, order)
            lines.write(json.dumps(reply) + "\n")
            lines.flush()
            if order.get("end"):
                return


def main():
    config.parse_args(["nova-scheduler", "--config-file", sys.argv[1]])
    objects.register_all()
    handler = filters.HostFilterHandler()
    classes = {c.__name__: c for c in handler.get_matching_classes(config.CONF.filter_scheduler.available_filters)}
    judge = classes["TrustedFilterSPICE"]()
    ends = []
    for _ in range(int(sys.argv[2])):
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            for other in [ours, *(e for e in ends)]:
                other.close()
            sys.stdin.close()
            # Not before the fork: Nova has eventlet loaded, so oslo.log's lock is a pipe, and the workers would share it. One that ended while a
            # thread of it wrote a line would take the lock along, and the other would wait for it without end.
            logging.setup(config.CONF, "nova")
            work(judge, theirs)
            return
        theirs.close()
        ends.append(ours)
    files = [e.makefile("rw") for e in ends]
    for line in sys.stdin:
        lines = files[json.loads(line)["worker"]]
        lines.write(line)
        lines.flush()
        sys.stdout.write(lines.readline())
        sys.stdout.flush()


if __name__ == "__main__":
    main()
