#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TrustedFilterSPICE in a real nova-scheduler, with one and with two worker processes: decisions of a real Nova over a real RabbitMQ, trust of a
real keeper by the real spice-bridge. Where the bridge has to be hostile its double stands in."""

import os
import pathlib
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cloud_bed import MAX_AGE_S, PLAIN, TRUSTED, CloudBed  # noqa: E402
from cloud_soak import soak  # noqa: E402
from fleet import wait  # noqa: E402

WORKERS = 2
SURE = 24  # decisions in a row: each process takes its share, and one that has not heard would name the host that is out half of the times
SEEN_S = 120.0  # how long a change may take on a busy machine


def say(text):
    print(text, flush=True)


def flavors_go_where_they_may(cloud):
    every = set(cloud.nova.hosts)
    uuids = cloud.nova.compute_uuids()
    assert cloud.chosen(TRUSTED) == {None}, "nothing is registered"
    cloud.until_somewhere({"trust:trusted_host": "unknown"}, every)
    cloud.register("cmp-1", uuids["cmp-1"], 'special: "yes"')
    cloud.register("cmp-2")  # by name only
    cloud.register("cmp-3", "6ba7b810-9dad-41d1-80b4-00c04fd430c8")  # the name of a compute node, the key of another
    for node in ("cmp-1", "cmp-2", "cmp-3"):
        cloud.fleet.wait_member(node, True)
    cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})
    cloud.until_all_follow(WORKERS)
    cloud.never_but(TRUSTED, {"cmp-1", "cmp-2"}, 10)
    cloud.until_chosen({"spice:pool": "special"}, {"cmp-1"})
    cloud.until_chosen({"spice:pool": "special", **TRUSTED}, {"cmp-1"})
    cloud.until_chosen({"trust:trusted_host": "unknown"}, {"cmp-3"})
    assert cloud.chosen({"trust:trusted_host": "untrusted"}) == {None}
    for slip in ({"trust:trusted_host": "yes"}, {"spice:pool": ""}, {"spice:pol": "special"}, {"spice:pool": "nowhere"}):
        assert cloud.chosen(slip, 4) == {None}, slip
    cloud.until_chosen(PLAIN, every)


def a_failing_node_is_avoided(cloud):
    cloud.say("cmp-2", "fail")
    cloud.fleet.wait_member("cmp-2", False)
    start = time.monotonic()
    cloud.until_chosen(TRUSTED, {"cmp-1"})
    say("  refused %.2f s after the keeper knew, decisions included" % (time.monotonic() - start))
    cloud.until_chosen({"trust:trusted_host": "untrusted"}, {"cmp-2"})
    cloud.say("cmp-2", "pass")
    cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})


def a_rebuild_is_judged_too(cloud):
    cloud.until_chosen(TRUSTED, {"cmp-1"}, rebuild_on="cmp-1")
    for _ in range(4):
        assert cloud.nova.select(TRUSTED, rebuild_on="cmp-3") is None
        assert cloud.nova.select(PLAIN, rebuild_on="cmp-3") == "cmp-3"
    cloud.say("cmp-1", "fail")
    cloud.until_chosen(TRUSTED, {"cmp-2"})
    for _ in range(4):
        assert cloud.nova.select(TRUSTED, rebuild_on="cmp-1") is None
    cloud.say("cmp-1", "pass")
    cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})


def many_servers_of_one_request(cloud):
    def hosts():
        got = cloud.nova.client.ask({"op": "select", "extra_specs": TRUSTED, "count": 6})["hosts"]
        assert set(got) <= {"cmp-1", "cmp-2"}, got
        return len(got) == 6
    wait("six servers in one request", hosts, SEEN_S)


def two_bridges_at_once(cloud):
    """The real one and its double: every event comes twice, and either answers."""
    cloud.double.start()
    for word, hosts in (("fail", {"cmp-1"}), ("pass", {"cmp-1", "cmp-2"})):
        cloud.say("cmp-2", word)
        cloud.until_chosen(TRUSTED, hosts)
    cloud.bridge.kill()
    cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})


def forged_and_replayed_fanout_changes_nothing(cloud):
    cloud.say("cmp-2", "fail")
    cloud.until_chosen(TRUSTED, {"cmp-1"}, times=SURE)
    cloud.double.order("forge")
    cloud.double.order("replay")  # also the events that called cmp-2 a member
    cloud.never_but(TRUSTED, {"cmp-1"}, 10)
    cloud.until_chosen(TRUSTED, {"cmp-1"})
    wait("the forgery was counted", lambda: all(s["refused_frames"] for s in cloud.nova.filter_states().values()), SEEN_S)
    cloud.say("cmp-2", "pass")
    cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})


def events_that_are_kept_back_are_missed(cloud):
    for word in ("drop", "hold"):
        cloud.double.order(word)
        cloud.say("cmp-2", "fail")
        cloud.fleet.wait_member("cmp-2", False)
        cloud.until_chosen(TRUSTED, {"cmp-1"}, times=SURE)  # answers to the reader's own questions tell of the missing event
        cloud.double.order("release")
        cloud.never_but(TRUSTED, {"cmp-1"}, 10)
        cloud.say("cmp-2", "pass")
        cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})


def without_answers_there_is_no_trust(cloud):
    cloud.double.order("deaf")
    cloud.until_chosen(TRUSTED, {None})
    cloud.never_but(PLAIN, cloud.nova.hosts, 4)
    cloud.bridge.start()
    cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})
    cloud.double.kill()
    cloud.until_all_follow(WORKERS)


def a_killed_bridge(cloud):
    cloud.bridge.kill()
    cloud.say("cmp-2", "fail")
    cloud.until_chosen(TRUSTED, {None})
    cloud.bridge.start()
    cloud.until_all_follow(WORKERS)
    cloud.until_chosen(TRUSTED, {"cmp-1"})
    cloud.say("cmp-2", "pass")
    cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})


def a_killed_keeper(cloud):
    cloud.fleet.kill("keeper")
    cloud.until_chosen(TRUSTED, {None})
    cloud.say("cmp-2", "fail")
    cloud.fleet.start("keeper")
    cloud.until_all_follow(WORKERS)
    cloud.until_chosen(TRUSTED, {"cmp-1"})
    cloud.say("cmp-2", "pass")
    cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})


def a_killed_rabbitmq(cloud):
    cloud.nova.rabbit.kill()
    cloud.say("cmp-2", "fail")
    cloud.fleet.wait_member("cmp-2", False)
    cloud.nova.rabbit.start()
    wait("decisions are made again", lambda: cloud.nova.select(PLAIN), 2 * SEEN_S)
    cloud.until_all_follow(WORKERS)
    cloud.until_chosen(TRUSTED, {"cmp-1"})
    cloud.say("cmp-2", "pass")
    cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})


def one_worker_whose_first_request_is_right(cloud):
    cloud.say("cmp-2", "fail")
    cloud.fleet.wait_member("cmp-2", False)
    for _ in range(10):  # the wait for the first snapshot has an end, and a busy machine may miss it
        cloud.nova.restart_scheduler(workers=1)
        first = cloud.nova.select(TRUSTED)
        assert first in ("cmp-1", None), first
        if first:
            break
    assert first == "cmp-1", "the first request of a process is refused"
    cloud.until_all_follow(1)
    cloud.say("cmp-2", "pass")
    cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})
    cloud.say("cmp-1", "fail")
    cloud.until_chosen(TRUSTED, {"cmp-2"})


def kills_at_random(cloud):
    """Longer, by itself: tests/nova/soak.py --seconds 300"""
    seconds = float(os.environ.get("SPICE_NOVA_KILL_SECONDS", "25"))
    seed = int(os.environ.get("SPICE_SEED", str(random.randrange(1 << 30))))
    say("  %g s of kills; again: SPICE_NOVA_KILL_SECONDS=%g SPICE_SEED=%d %s" % (seconds, seconds, seed, " ".join(sys.argv)))
    cloud.say("cmp-1", "pass")
    cloud.until_chosen(TRUSTED, {"cmp-1", "cmp-2"})
    report = soak(cloud, seconds, seed)
    say("  killed %s; %d of %d placed; agreement %.1f s after decisions were possible again"
        % (report.kills, report.placed, report.asked, report.agreed_s - report.possible_s))


CASES = [flavors_go_where_they_may, a_failing_node_is_avoided, a_rebuild_is_judged_too, many_servers_of_one_request, two_bridges_at_once,
         forged_and_replayed_fanout_changes_nothing, events_that_are_kept_back_are_missed, without_answers_there_is_no_trust, a_killed_bridge,
         a_killed_keeper, a_killed_rabbitmq, one_worker_whose_first_request_is_right, kills_at_random]


def main():
    start = time.monotonic()
    only, ran = sys.argv[1:], 0
    with CloudBed(computes=3, workers=WORKERS, log=lambda text: say("  " + text)) as cloud:
        say("%4.0f s  Nova is up; results live %d s" % (time.monotonic() - start, MAX_AGE_S))
        for case in CASES:
            if not only or case.__name__ in only or case is CASES[0]:
                case(cloud)
                ran += 1
                say("%4.0f s  %s" % (time.monotonic() - start, case.__name__.replace("_", " ")))
        wait("every process has all nodes", lambda: all(s["version"] and s["pools"]["trusted"]["nodes"] == 3 for s in cloud.nova.filter_states().values()))
    say("%d cases passed" % ran)


if __name__ == "__main__":
    main()
