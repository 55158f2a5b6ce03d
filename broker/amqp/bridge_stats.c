/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_stats.h"

#include "bridge_inventory.h"

static void gauge(struct bridge *b, const char *name, uint64_t value)
{
    sp_stats_set(b->stats, sp_stats_gauge(b->stats, name), value);
}

static void exposure_stats(struct bridge *b)
{
    const struct exposure_core *c = &b->exposure->core;
    const struct action_core *a = &b->exposure->action;
    uint32_t exposed = 0;
    for (uint32_t i = 0; i < c->place_count; i++)
        exposed += exposure_core_exposed(c, i);
    gauge(b, "exposure.servers", exposed);
    gauge(b, "exposure.demanding", c->current.count);
    gauge(b, "exposure.lists", c->counters.lists);
    gauge(b, "exposure.hosts", c->counters.hosts);
    gauge(b, "exposure.failures", c->counters.failures);
    gauge(b, "exposure.dropped", c->counters.dropped);
    gauge(b, "exposure.disabled", a->disabled);
    gauge(b, "exposure.enabled", a->enabled);
    gauge(b, "exposure.released", a->released);
    gauge(b, "exposure.held", a->held);
    gauge(b, "exposure.reports_waiting", b->reports.count);
    gauge(b, "exposure.reports_done", b->reports.done);
    gauge(b, "exposure.reports_refused", b->reports.refused);
    gauge(b, "exposure.reports_lost", b->reports.dropped);
    gauge(b, "exposure.running", action_core_running(a));
}

void bridge_stats(void *self)
{
    struct bridge *b = self;
    const struct bridge_counters *c = &b->core.counters;
    gauge(b, "bridge.following", b->told_following);
    gauge(b, "bridge.sequence", b->reader.sequence);
    gauge(b, "bridge.up", bridge_shell_is_up(b));
    gauge(b, "bridge.blocked", b->core.blocked);
    gauge(b, "bridge.deaf", b->canary.deaf);
    gauge(b, "bridge.canaries", b->canary.heard);
    gauge(b, "bridge.canaries_lost", b->canary.lost);
    gauge(b, "bridge.canary_us", b->canary.round_us);
    gauge(b, "bridge.outbox", b->core.used);
    gauge(b, "bridge.outbox_bytes", b->core.bytes);
    gauge(b, "bridge.unconfirmed", b->core.sent.count);
    gauge(b, "bridge.connects", c->connects);
    gauge(b, "bridge.lost", c->lost);
    gauge(b, "bridge.aborts", c->aborts);
    gauge(b, "bridge.returned", c->returned);
    gauge(b, "bridge.refused", c->refused);
    gauge(b, "bridge.replies", c->published[BRIDGE_REPLY]);
    gauge(b, "bridge.fanouts", c->published[BRIDGE_TRUST]);
    gauge(b, "bridge.notifications", c->published[BRIDGE_NOTE]);
    gauge(b, "bridge.dropped.away", c->dropped[BRIDGE_WHY_AWAY]);
    gauge(b, "bridge.dropped.full", c->dropped[BRIDGE_WHY_FULL]);
    gauge(b, "bridge.dropped.newer", c->dropped[BRIDGE_WHY_NEWER]);
    gauge(b, "bridge.dropped.gone", c->dropped[BRIDGE_WHY_GONE]);
    gauge(b, "bridge.dropped.late", c->dropped[BRIDGE_WHY_LATE]);
    gauge(b, "bridge.frames", b->frames);
    gauge(b, "bridge.requests", b->requests);
    gauge(b, "bridge.malformed", b->malformed);
    gauge(b, "bridge.duplicates", b->duplicates);
    gauge(b, "bridge.answered", b->answered);
    gauge(b, "bridge.failed", b->failed);
    gauge(b, "bridge.calls", b->call_count);
    gauge(b, "bridge.nova", b->hints.seen);
    gauge(b, "bridge.hints", b->hints.sent);
    gauge(b, "bridge.hints_spared", b->hints.spared);
    if (b->nova != NULL) {
        gauge(b, "nova.malformed", cloud_nova_malformed(b->nova));
        gauge(b, "nova.tokens", cloud_nova_tokens(b->nova));
    }
    bridge_inventory_stats(b);
    if (b->exposure != NULL)
        exposure_stats(b);
    if (b->place == NULL)
        return;
    const struct trait_counters *t = &b->place->core.counters;
    uint64_t on = 0, wanted = 0;
    trait_core_count(&b->place->core, bridge_shell_now(b), &on, &wanted);
    gauge(b, "traits.on", on);
    gauge(b, "traits.wanted", wanted);
    gauge(b, "traits.providers", b->place->core.provider_count);
    gauge(b, "traits.waiting", b->place->core.queued[0] + b->place->core.queued[1]);
    gauge(b, "traits.put_on", t->put_on);
    gauge(b, "traits.taken_off", t->taken_off);
    gauge(b, "traits.conflicts", t->conflicts);
    gauge(b, "traits.failures", t->failures);
    gauge(b, "traits.breaks", t->breaks);
    gauge(b, "traits.rounds", t->rounds);
    gauge(b, "traits.dropped", t->dropped);
    gauge(b, "traits.malformed", b->place->malformed);
    gauge(b, "traits.tokens", b->place->auth.renewals);
}
