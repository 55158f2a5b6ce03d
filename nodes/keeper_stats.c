/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_stats.h"

#include "keeper_inventory.h"

static const struct {
    const char *name;
    uint32_t code;
} stats_rows[] = {
    {"keeper.accepted", SP_REFUSAL_NONE},
    {"keeper.refused.malformed", SP_REFUSAL_MALFORMED},
    {"keeper.refused.scope", SP_REFUSAL_SCOPE},
    {"keeper.refused.ticket", SP_REFUSAL_TICKET},
    {"keeper.refused.epoch", SP_REFUSAL_EPOCH},
    {"keeper.refused.replay", SP_REFUSAL_REPLAY},
    {"keeper.refused.late", SP_REFUSAL_LATE},
    {"keeper.refused.future", SP_REFUSAL_FUTURE},
    {"keeper.refused.digest", SP_REFUSAL_DIGEST},
    {"keeper.refused.identity", SP_REFUSAL_IDENTITY},
    {"keeper.refused.unknown_check", SP_REFUSAL_UNKNOWN_CHECK},
    {"keeper.refused.unknown_node", SP_REFUSAL_UNKNOWN_NODE},
    {"keeper.refused.retired", SP_REFUSAL_RETIRED},
    {"keeper.refused.overload", SP_REFUSAL_OVERLOAD},
};

static void stats_set(struct nodes_shell *s, const char *name, uint64_t value)
{
    sp_stats_set(s->stats, sp_stats_gauge(s->stats, name), value);
}

void keeper_stats(void *self)
{
    struct nodes_shell *s = self;
    const struct keeper_counters *c = keeper_core_counters(s->core);
    for (size_t i = 0; i < SP_COUNT(stats_rows); i++) {
        stats_set(s, stats_rows[i].name, c->refused[stats_rows[i].code]);
    }
    stats_set(s, "keeper.duplicates", c->duplicates);
    stats_set(s, "keeper.tests", c->tests);
    stats_set(s, "keeper.batches", c->batches);
    stats_set(s, "keeper.batches_dropped", c->batches_dropped);
    stats_set(s, "keeper.malformed", c->malformed);
    stats_set(s, "keeper.gains", c->gains);
    stats_set(s, "keeper.losses", c->losses);
    stats_set(s, "keeper.renewals", c->renewals);
    stats_set(s, "keeper.events", c->events);
    stats_set(s, "keeper.audit_lost", c->audit_lost);
    stats_set(s, "keeper.history_lost", c->history_lost);
    stats_set(s, "keeper.pairs_forgotten", c->forgotten);
    stats_set(s, "keeper.rebooted", c->rebooted);
    stats_set(s, "keeper.audit_cut", s->audit_cut);
    stats_set(s, "keeper.audit_bad", s->audit_bad);
    stats_set(s, "keeper.refused.results_max", c->pairs_refused);
    stats_set(s, "keeper.commits", s->commits);
    stats_set(s, "keeper.unsent", s->unsent);
    stats_set(s, "keeper.closed_again", s->closed.again);
    stats_set(s, "keeper.closed_lost", s->closed.lost);
    stats_set(s, "keeper.refused.principal", sp_bus_refused(s->bus, SP_REFUSAL_PRINCIPAL));
    stats_set(s, "keeper.nodes", keeper_core_nodes(s->core)->count);
    stats_set(s, "keeper.pairs", keeper_core_nodes(s->core)->pairs);
    stats_set(s, "keeper.text_bytes", keeper_core_texts(s->core)->bytes);
    stats_set(s, "keeper.text_lost", keeper_core_texts(s->core)->lost);
    stats_set(s, "keeper.journal_rows", (uint64_t)(s->store.journal_seq - s->store.folded));
    stats_set(s, "keeper.store_rolled_back", s->store_rolled);
    stats_set(s, "keeper.rows_edited", s->store.edited);
    stats_set(s, "keeper.ready", keeper_core_ready(s->core));
    keeper_inventory_stats(s);
}
