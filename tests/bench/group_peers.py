# SPDX-License-Identifier: Apache-2.0
"""Other systems doing the same work on this machine: queues for no-op checks, Nagios 4 and Icinga 2 for plugins."""
import os
import pathlib
import time

import group_noop
import report
from exec_load import Plugins, bare, check, node, profile
from fleet import wait
from monitors import Icinga, Nagios

GEARMAND_CPU, GEARMAND_RATE = "no-op check: CPU of gearmand over ours", "no-op checks/s: ours over gearmand's"
NATS_CPU = "no-op check: CPU of NATS JetStream on file over ours"
# Per plugin: a dynamic one as in the field; and one without a C library, whose own start does not hide what the systems add.
KINDS = {"count_dynamic": "exec checks/s", "count_tiny": "exec checks/s, plugin without C library"}
PEERS = {Nagios: (1.6, 1.8), Icinga: (1.9, 2.2)}
SETTLE = 3.0


def figure(plugin, peer):
    return f"{KINDS[plugin]}: ours over {peer.name}'s"


def run_queues(args):
    ours, rate = report.find(group_noop.CPU)["value"], report.find(group_noop.RATE)["value"]
    runs = [report.tool("bench_peers", "gearmand", 50000) for _ in range(args.rounds)]
    cpus, rates = [r["cpu_us_per_record"] for r in runs], [r["rate_per_s"] for r in runs]
    report.row(GEARMAND_CPU, report.median(cpus), "us", "ours", ours, 12, 30, at_most=False, rounds=[c / ours for c in cpus])
    report.row(GEARMAND_RATE, rate, "/s", "gearmand", report.median(rates), 15, 40, at_most=False, rounds=[rate / r for r in rates])
    cpus = [report.tool("bench_peers", "nats", 50000)["cpu_us_per_record"] for _ in range(args.rounds)]
    report.row(NATS_CPU, report.median(cpus), "us", "ours", ours, 1, 3, at_most=False, rounds=[c / ours for c in cpus])


def run_monitors(args):
    for plugin in KINDS:
        side_by_side(args, plugin)


def busy():
    """Seconds all cores have worked, or were taken away by the host of this machine."""
    user, nice, system, _, _, irq, softirq, steal = map(int, pathlib.Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def shared(measure):
    """(CPU us per check, checks/s, checks/s with the cores given back that other work on this machine had meanwhile). The scheduler gives a system
    with hundreds of plugins under way nearly all of a busy machine, one with few a part; a core that stood idle counts against the system."""
    before, start = busy(), time.monotonic()
    cpu, rate = measure()
    worked, cores = (busy() - before) / (time.monotonic() - start), os.cpu_count()
    others = max(0.0, worked - cpu * rate / 1e6)
    return cpu, rate, rate * cores / max(cores - others, cores / 10)


def told(one):
    return f"{one[1]:.0f}/s {one[0]:.0f} us ({one[2]:.0f}/s)"


def side_by_side(args, plugin):
    """Each is given more services of one second than it can do; in each round they run one after the other, the rest stands still."""
    report.progress(f"Nagios 4, Icinga 2 and a fleet with {plugin}")
    hosts, services = 200, 50 if plugin == "count_dynamic" else 100
    documents = [node(i) for i in range(hosts)] + [profile("load", "1s")]
    documents += [check(f"exec-{i}", "load", "exec", plugin, enabled=True) for i in range(services)]
    ours, bares, theirs = [], [], {kind: [] for kind in PEERS}
    with Plugins(documents) as fleet, Nagios(hosts, services, 1, plugin) as nagios, Icinga(hosts, services, 1, plugin) as icinga:
        pids = fleet.stand_still()
        peers = {Nagios: nagios, Icinga: icinga}
        for peer in peers.values():
            peer.stand_still()
        for i in range(args.rounds):
            for kind, peer in peers.items():
                with peer.running():
                    first = peer.executions()
                    wait(f"{kind.name} goes on", lambda: peer.executions() > first + 100, 120, 0.05)
                    time.sleep(SETTLE)  # what it thinks it has missed is behind it
                    theirs[kind].append(shared(lambda: peer.measure(args.seconds)))
            yard = bare(plugin)
            bares.append(yard)
            with fleet.running(pids):
                first = fleet.executions()
                wait("the fleet goes on", lambda: fleet.executions() > first + 500, 60, 0.05)
                time.sleep(SETTLE)
                ours.append(shared(lambda: fleet.spend(args.seconds, fleet.executions)))
            report.progress(f"round {i + 1}: ours {told(ours[-1])}; bare {yard['rate']:.0f}/s {yard['cpu_us']:.0f} us; "
                            + "; ".join(f"{k.name} {told(t[-1])}" for k, t in theirs.items()))
    rate, raw, cpu = (report.median(o[k] for o in ours) for k in (2, 1, 0))
    bare_rate, bare_cpu = (report.median(b[k] for b in bares) for k in ("rate", "cpu_us"))
    for kind, (bar, goal) in PEERS.items():
        their_rate, their_raw, their_cpu = (report.median(t[k] for t in theirs[kind]) for k in (2, 1, 0))
        # Whatever starts plugins pays for the plugins. One that added nothing at all would have this ratio, were both cores its own.
        limit = report.median(t[0] / b["cpu_us"] for t, b in zip(theirs[kind], bares))
        report.row(figure(plugin, kind), rate, "/s", kind.name, their_rate, bar, goal, at_most=False,
                   rounds=[o[2] / t[2] for o, t in zip(ours, theirs[kind])],
                   hint=f"with what other work took of the cores given back; without that {raw / their_raw:.2f} times, a bare posix_spawn "
                        f"{bare_rate / their_raw:.2f} times; by CPU per check ours {their_cpu / cpu:.2f}, bare {limit:.2f} times", limit=limit)
        report.note(f"{figure(plugin, kind)}: {report.rows[-1]['hint']}")
        report.note(f"{plugin}: CPU per check above a bare posix_spawn ({bare_cpu:.0f} us): ours {cpu - bare_cpu:.0f} us, "
                    f"{kind.name} {their_cpu - bare_cpu:.0f} us")


QUEUES = [GEARMAND_CPU, GEARMAND_RATE, NATS_CPU]
MONITORS = [figure(plugin, kind) for plugin in KINDS for kind in PEERS]
GROUPS = [report.Group("peers-queues", "gearmand and NATS JetStream against no-op checks", QUEUES, run_queues, needs=["noop"]),
          report.Group("peers-monitors", "Nagios 4 and Icinga 2 side by side with the fleet", MONITORS, run_monitors)]
