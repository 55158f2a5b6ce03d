/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_ask.h - the service `ask` of adapter.h over the bus: sends what the core (core/ask) wants sent, verifies what comes back, and
 * calls adapters. The attester's seal is verified by the bus with the key that the keeper named for this node; a worker knows
 * no attester before that. One thread.
 */
#ifndef SPICE_WORKER_ASK_H
#define SPICE_WORKER_ASK_H

#include "adapter.h"
#include "ask.h"
#include "sp_bus.h"
#include "sp_loop.h"
#include "sp_stats.h"

#define WORKER_ASK_GAUGES 10u

struct worker_ask {
    struct ask_core core;
    struct sp_loop *loop;   /* borrowed */
    struct sp_bus *bus;     /* borrowed; NULL until worker_ask_bus */
    struct sp_stats *stats; /* borrowed */
    uint32_t gauge[WORKER_ASK_GAUGES];
    uint64_t forgotten; /* identities the bus could not take */
    bool ready;         /* opened */
};

/* Effect: an empty table for a worker with this many brokers. False: no memory. */
bool worker_ask_open(struct worker_ask *self, struct sp_loop *loop, struct sp_stats *stats, unsigned brokers) SP_MUST_USE;
void worker_ask_close(struct worker_ask *self);

/* The services of adapter.h; the shell puts itself between. */
void worker_ask_begin(struct worker_ask *self, const struct sp_adapter_job *job, struct sp_adapter_ask *ask,
                      const struct sp_adapter_question *question);
void worker_ask_stop(struct worker_ask *self, struct sp_adapter_ask *ask);

/* What the shell hears. */
void worker_ask_on_link(struct worker_ask *self, unsigned broker, bool up);
void worker_ask_on_refused(struct worker_ask *self, unsigned broker, const struct msg_refused *m);
void worker_ask_on_identity(struct worker_ask *self, const struct msg_identity *m);
void worker_ask_on_evidence(struct worker_ask *self, const struct sp_bus_principal *from, const struct msg_evidence *m);
/* Effect: deadlines, then all requests that can leave, then adapters are told of questions that have ended. */
void worker_ask_turn(struct worker_ask *self);
uint64_t worker_ask_deadline(const struct worker_ask *self);
/* Effect: sets the gauges. */
void worker_ask_on_stats(struct worker_ask *self);

#endif
