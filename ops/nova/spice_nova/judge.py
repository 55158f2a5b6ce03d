# SPDX-License-Identifier: Apache-2.0
"""What a flavor demands, and whether a host gives it. No I/O, no Nova.

    trust:trusted_host = trusted | untrusted | unknown     the key of Nova's former TrustedFilter, about the pool that is configured
    spice:pool         = NAME                              the host is in this pool now

Both may be set; then both must hold. A value, or a key of ours, that means nothing refuses every host: a slip of the pen must not place a
server that was meant to be guarded."""

import collections

from . import reader, wire

TRUST_KEY = "trust:trusted_host"
POOL_KEY = "spice:pool"
OUR_KEYS = "spice:"
TRUSTED, UNTRUSTED, UNKNOWN = "trusted", "untrusted", "unknown"
LEVELS = (TRUSTED, UNTRUSTED, UNKNOWN)

NO_POOL = reader.Pool()
NO_BELIEF = (0, {})
Demand = collections.namedtuple("Demand", "level pool")  # either may be None
LEVEL_DEMANDS = {level: Demand(level, None) for level in LEVELS}


class BadDemand(ValueError):
    """Extra specs that cannot be understood."""


def demand_of(extra_specs):
    """The Demand of a flavor; None when it asks for nothing of ours."""
    level, pool = extra_specs.get(TRUST_KEY), extra_specs.get(POOL_KEY)
    for key in extra_specs:
        if key.startswith(OUR_KEYS) and key != POOL_KEY:
            raise BadDemand("no extra spec is named %r" % key)
    if level is not None and level not in LEVELS:
        raise BadDemand("%s must be one of %s, not %r" % (TRUST_KEY, ", ".join(LEVELS), level))
    if pool is not None and not pool:
        raise BadDemand("%s names no pool" % POOL_KEY)
    if pool is None:
        return LEVEL_DEMANDS[level] if level is not None else None
    return Demand(level, pool)


def entry_of(pool, host_uuid, nodename):
    """The entry that speaks for a host. The compute node's UUID decides. The name does only where SPICE knows the node by nothing but its name:
    an entry with a UUID of its own belongs to another compute node, whatever it is called."""
    known = pool.by_key.get(host_uuid)
    if known is not None:
        return known
    known = pool.by_key.get(pool.by_name.get(nodename))
    return known if known is not None and known.named else None


def level_of(pool, clock_ms, host_uuid, nodename):
    """The host's level in a pool as the former filter named it. A doubt is `unknown`."""
    known = entry_of(pool, host_uuid, nodename)
    if known is None:
        return UNKNOWN
    if known.member:
        return TRUSTED if clock_ms < known.until_ms else UNKNOWN
    return UNTRUSTED if known.tier == wire.TIER_FAIL else UNKNOWN


def is_member(view, pool_name, host_uuid, nodename):
    return level_of(view.pools.get(pool_name, NO_POOL), view.clock_ms, host_uuid, nodename) == TRUSTED


def passes_one(belief, demand, default_pool, host_uuid, nodename):
    """Whether one host gives what is demanded, by what Reader.believed gave."""
    clock_ms, pools = belief if belief is not None else NO_BELIEF
    wanted, inside = demand
    if inside is not None and level_of(pools.get(inside, NO_POOL), clock_ms, host_uuid, nodename) != TRUSTED:
        return False
    return wanted is None or level_of(pools.get(default_pool, NO_POOL), clock_ms, host_uuid, nodename) == wanted


def judge_of(view, demand, default_pool):
    """Function of (host uuid, nodename): the same for a list of hosts."""
    wanted, clock_ms, pool = demand.level, view.clock_ms, view.pools.get(default_pool, NO_POOL)
    if demand.pool is None:
        return lambda host_uuid, nodename: level_of(pool, clock_ms, host_uuid, nodename) == wanted
    inside = view.pools.get(demand.pool, NO_POOL)
    return lambda host_uuid, nodename: level_of(inside, clock_ms, host_uuid, nodename) == TRUSTED and \
        (wanted is None or level_of(pool, clock_ms, host_uuid, nodename) == wanted)


def refusal(view, demand, default_pool, host_uuid, nodename):
    """Why the host was refused, for the debug log."""
    if not view.fresh:
        return view.why
    name = demand.pool if demand.pool is not None and not is_member(view, demand.pool, host_uuid, nodename) else default_pool
    pool = view.pools.get(name)
    if pool is None:
        return "pool %s is not known" % name
    known = entry_of(pool, host_uuid, nodename)
    if known is None:
        other = pool.by_key.get(pool.by_name.get(nodename))
        return "SPICE knows another compute node by this name (%s)" % other.key if other is not None else "no such node in pool %s" % name
    if known.member and view.clock_ms >= known.until_ms:
        return "its time in pool %s is over and no renewal came" % name
    return "pool %s: %s, %s (%s)" % (name, "member" if known.member else "no member", wire.TIER_NAMES[known.tier], known.why)
