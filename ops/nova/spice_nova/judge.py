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
Demand = collections.namedtuple("Demand", "level pool")  # either may be None


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
    return Demand(level, pool) if level is not None or pool is not None else None


def entry_of(pool, host_uuid, nodename):
    """The entry that speaks for a host. The compute node's UUID decides. The name does only where SPICE knows the node by nothing but its name:
    an entry with a UUID of its own belongs to another compute node, whatever it is called."""
    known = pool.by_key.get(host_uuid)
    if known is None:
        known = pool.by_key.get(pool.by_name.get(nodename))
        if known is not None and not known.named:
            return None
    return known


def level_in(view, pool_name):
    """Function of (host uuid, nodename): the host's level in a pool as the former filter named it. A doubt is `unknown`."""
    pool, clock_ms = view.pools.get(pool_name, NO_POOL), view.clock_ms

    def level(host_uuid, nodename):
        known = entry_of(pool, host_uuid, nodename)
        if known is None:
            return UNKNOWN
        if known.member:
            return TRUSTED if clock_ms < known.until_ms else UNKNOWN
        return UNTRUSTED if known.tier == wire.TIER_FAIL else UNKNOWN

    return level


def is_member(view, pool_name, host_uuid, nodename):
    return level_in(view, pool_name)(host_uuid, nodename) == TRUSTED


def judge_of(view, demand, default_pool):
    """Function of (host uuid, nodename): whether the host gives what is demanded. Made once for a list of hosts."""
    wanted, level = demand.level, level_in(view, default_pool)
    if demand.pool is None:
        return lambda host_uuid, nodename: level(host_uuid, nodename) == wanted
    inside = level_in(view, demand.pool)
    return lambda host_uuid, nodename: inside(host_uuid, nodename) == TRUSTED and (wanted is None or level(host_uuid, nodename) == wanted)


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
