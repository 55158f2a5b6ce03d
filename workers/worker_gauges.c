/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_gauges.h"

#include "sp_assert.h"

void worker_gauges_open(struct worker_gauges *self, struct sp_stats *stats)
{
    static const char *const names[] = {"worker.running",         "worker.waiting",          "worker.started", "worker.finished",
                                        "worker.deadline",        "worker.returned",         "worker.changed", "outbox.batches",
                                        "outbox.results",         "outbox.repeated",         "outbox.lost",    "outbox.refused",
                                        "worker.definition_hits", "worker.definition_misses"};
    SP_STATIC_ASSERT(SP_COUNT(names) == WORKER_GAUGES, "a name for each, in the order of worker_gauges_set");
    self->stats = stats;
    for (unsigned i = 0; i < WORKER_GAUGES; i++) {
        self->gauge[i] = sp_stats_gauge(stats, names[i]);
    }
}

void worker_gauges_set(const struct worker_gauges *self, const struct worker_counts *c, const struct sender *sender)
{
    const uint64_t value[WORKER_GAUGES] = {c->running,
                                           (uint64_t)c->waiting + c->ready,
                                           c->started,
                                           c->finished,
                                           c->deadline,
                                           c->returned,
                                           c->changed,
                                           sender->window.next - sender->window.first,
                                           sender->window.results + sender->count,
                                           sender->window.repeated,
                                           sender->lost,
                                           sender->refused,
                                           c->definition_hit,
                                           c->definition_miss};
    for (unsigned i = 0; i < WORKER_GAUGES; i++) {
        sp_stats_set(self->stats, self->gauge[i], value[i]);
    }
}
