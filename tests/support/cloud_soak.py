# SPDX-License-Identifier: Apache-2.0
"""Bridge, RabbitMQ and nova-scheduler are killed with -9 in any order while nodes turn good and bad; decisions go on all the while. Two references
say which host is forbidden: the truth that is written here, apart from SPICE, and the keeper's own record, read by the operator's command."""
import collections
import datetime
import random
import time

from cloud_bed import MAX_AGE_S, PLAIN, STALE_S, TRUSTED
from fleet import Failed, wait

SEEN_S = 120.0
NODES = ("cmp-1", "cmp-2")
Report = collections.namedtuple("Report", "kills changes asked placed last possible_s agreed_s")


def decision(cloud, extra_specs=TRUSTED, patience=5):
    """None also when Nova itself could not decide: its own scheduler or bus is what we killed."""
    try:
        return cloud.nova.select(extra_specs, patience=patience)
    except Failed:
        return None


def out_for_s(cloud, host, asked):
    """How long before `asked` (wall time) the keeper had put a host out that it has not taken in since; 0: it was in, or changed meanwhile. Asked
    after the decision: what the keeper's own record says of the time before leaves nothing unseen, as looks now and then would."""
    state = cloud.fleet.node(host)["pools"]["trusted"]
    since = datetime.datetime.fromisoformat(state["since"].replace("Z", "+00:00")).timestamp() if state["since"] else asked
    return 0.0 if state["member"] else max(0.0, asked - since)


def judge(cloud, host, asked, bad_since):
    """A decision asked at this time (monotonic, wall) must not have named a host that was forbidden all the while."""
    if host is None:
        return
    assert host in NODES, host
    out_s = out_for_s(cloud, host, asked[1])
    assert out_s < STALE_S + 1, f"{host} was chosen {out_s:.1f} s after the keeper had put it out"
    assert host not in bad_since or asked[0] - bad_since[host] < MAX_AGE_S + STALE_S + 1, f"{host} was bad for {asked[0] - bad_since[host]:.1f} s"


def agreement(cloud):
    """Filter and keeper say the same, and the keeper did not change its mind meanwhile. What is asked shows the state at the first question: all
    answers but the first only make it sure."""
    def members():
        return {n for n in NODES if cloud.fleet.member(n)}
    before = members()
    return {decision(cloud) for _ in range(6)} == (before or {None}) and before == members()


def soak(cloud, seconds, seed):
    """cloud: a CloudBed whose NODES are members. Raises when a forbidden host was chosen, or when agreement does not come back."""
    chance, bad_since = random.Random(seed), {}
    kills = {"bridge": lambda: (cloud.bridge.kill(), cloud.bridge.start()), "scheduler": cloud.nova.restart_scheduler,
             "rabbit": lambda: (cloud.nova.rabbit.kill(), cloud.nova.rabbit.start())}
    counts, turn, asked, placed, changes, last, last_kill = dict.fromkeys(kills, 0), [], 0, 0, 0, "", time.monotonic()
    end, next_kill = time.monotonic() + seconds, 0.0
    while time.monotonic() < end:
        if time.monotonic() >= next_kill:
            turn = turn or chance.sample(["bridge", "bridge", "scheduler", "rabbit"], 4)
            name = turn.pop()
            kills[name]()
            counts[name] += 1
            last_kill, last = time.monotonic(), name
            next_kill = last_kill + chance.uniform(2, 10)
        node = chance.choice(NODES)
        if chance.random() < 0.3:
            cloud.say(node, "pass" if node in bad_since else "fail")
            changes += 1
            bad_since = {k: v for k, v in bad_since.items() if k != node} if node in bad_since else {**bad_since, node: time.monotonic()}
        start = time.monotonic(), time.time()
        host = decision(cloud, patience=2)  # one that was lost with the bus must not hide how soon the next is right
        judge(cloud, host, start, bad_since)
        asked, placed = asked + 1, placed + (host is not None)
    wait("decisions are made again", lambda: decision(cloud, PLAIN, 1), 2 * SEEN_S, 0.05)  # one that was lost with the bus is not waited for
    possible = time.monotonic()
    agreed = wait("filter and keeper agree", lambda: (began if (began := time.monotonic()) and agreement(cloud) else None), 2 * SEEN_S, 0.05)
    for node in NODES:
        cloud.say(node, "pass" if node == "cmp-2" else "fail")
    wait("and with the truth", lambda: {decision(cloud) for _ in range(6)} == {"cmp-2"}, 2 * SEEN_S)
    return Report(counts, changes, asked, placed, last, possible - last_kill, agreed - last_kill)
