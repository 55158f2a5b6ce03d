/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_core.h"

#include <stdlib.h>
#include <string.h>

#include "credit.h"
#include "msg.h"
#include "sp_assert.h"

struct worker_core {
    struct worker_options opt;
    struct slot_table table;
    struct slot_queue ready[WORKER_ADAPTERS_MAX];
    uint32_t running[WORKER_ADAPTERS_MAX];
    uint32_t turn_adapter;    /* whose queue is looked at first */
    struct sp_heap deadlines; /* ids: slots, then rows of the definition cache */
    struct definition_cache cache;
    struct credit credit;
    bool more; /* a step ran out of effects; go on at once */
    bool draining;
    bool drained;   /* DRAINED was said */
    uint32_t sweep; /* drain: next slot to look at */
    uint64_t drain_us;
    struct worker_counts counts;
};

static struct worker_effect *emit(struct worker_effects *fx, enum worker_effect_kind kind)
{
    SP_ASSERT(fx->count < WORKER_EFFECTS_MAX);
    struct worker_effect *e = &fx->item[fx->count++];
    e->kind = kind;
    e->code = 0;
    return e;
}

/* Ending one job takes at most three effects. */
static bool has_room(const struct worker_effects *fx)
{
    return fx->count + 4 <= WORKER_EFFECTS_MAX;
}

/* ---- slots ------------------------------------------------------------------------------------------------------ */

static void slot_free(struct worker_core *self, uint32_t at)
{
    struct worker_slot *s = &self->table.row[at];
    if (s->state == WORKER_RUNNING) {
        self->running[s->adapter]--;
    }
    sp_heap_remove(&self->deadlines, at);
    SP_ASSERT(self->cache.row[s->definition].uses > 0);
    self->cache.row[s->definition].uses--;
    slot_give(&self->table, at);
}

static void slot_report(struct worker_core *self, uint32_t at, uint16_t reason, struct worker_effects *fx)
{
    struct worker_effect *e = emit(fx, WORKER_REPORT);
    e->slot = at;
    e->code = reason;
    e->check = reason == self->cache.row[self->table.row[at].definition].reason
                   ? self->cache.row[self->table.row[at].definition].check
                   : NULL;
    if (self->table.row[at].state != WORKER_RUNNING) {
        self->table.row[at].started_us = self->table.row[at].received_us;
    }
    slot_free(self, at);
}

static void emit_return(struct worker_core *self, uint32_t lease, uint64_t job, uint16_t code, struct worker_effects *fx)
{
    struct worker_effect *e = emit(fx, WORKER_RETURN);
    e->code = code;
    e->lease = lease;
    e->number = job;
    self->counts.returned++;
}

static void slot_return(struct worker_core *self, uint32_t at, uint16_t code, struct worker_effects *fx)
{
    emit_return(self, self->table.row[at].lease, self->table.row[at].job, code, fx);
    slot_free(self, at);
}

/* Takes a job that waits out of the queue it is in. */
static void slot_unqueue(struct worker_core *self, uint32_t at)
{
    struct worker_slot *s = &self->table.row[at];
    if (s->state == WORKER_READY) {
        slot_queue_remove(&self->table, &self->ready[s->adapter], at);
    } else if (s->state == WORKER_WAITING) {
        struct definition *d = &self->cache.row[s->definition];
        struct slot_queue q = {d->wait_head, d->wait_tail};
        slot_queue_remove(&self->table, &q, at);
        d->wait_head = q.head;
        d->wait_tail = q.tail;
    }
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static bool may_run(const struct worker_core *self, uint32_t adapter)
{
    return self->table.in[WORKER_RUNNING] < self->opt.running_max && self->running[adapter] < self->opt.adapter_max[adapter];
}

static void slot_start(struct worker_core *self, uint32_t at, uint64_t now_us, struct worker_effects *fx)
{
    struct worker_slot *s = &self->table.row[at];
    slot_state_set(&self->table, at, WORKER_RUNNING);
    self->running[s->adapter]++;
    self->counts.started++;
    s->started_us = now_us;
    sp_heap_set(&self->deadlines, at, now_us + (uint64_t)s->timeout_ms * 1000u);
    emit(fx, WORKER_START)->slot = at;
}

/* Starts what waits while there is room, one adapter after the other so that none starves. */
static void start_ready(struct worker_core *self, uint64_t now_us, struct worker_effects *fx)
{
    if (self->table.in[WORKER_READY] == 0 || self->draining) {
        return;
    }
    uint32_t idle = 0;
    while (idle < self->opt.adapters && self->table.in[WORKER_RUNNING] < self->opt.running_max) {
        uint32_t a = self->turn_adapter;
        self->turn_adapter = a + 1 < self->opt.adapters ? a + 1 : 0;
        if (self->ready[a].head == WORKER_NONE || !may_run(self, a)) {
            idle++;
            continue;
        }
        if (!has_room(fx)) {
            self->more = true;
            return;
        }
        idle = 0;
        slot_start(self, slot_queue_pop(&self->table, &self->ready[a]), now_us, fx);
    }
}

static void make_ready(struct worker_core *self, uint32_t at, uint64_t now_us, struct worker_effects *fx)
{
    struct worker_slot *s = &self->table.row[at];
    s->adapter = self->cache.row[s->definition].adapter;
    slot_state_set(&self->table, at, WORKER_READY);
    if (self->ready[s->adapter].head == WORKER_NONE && may_run(self, s->adapter) && has_room(fx)) {
        slot_start(self, at, now_us, fx);
        return;
    }
    slot_queue_push(&self->table, &self->ready[s->adapter], at);
    sp_heap_set(&self->deadlines, at, s->expires_us);
    self->more = self->more || may_run(self, s->adapter);
}

/* ---- definitions ----------------------------------------------------------------------------------------------- */

static uint32_t definition_heap_id(const struct worker_core *self, uint32_t row)
{
    return self->table.size + row;
}

static void want(struct worker_core *self, uint32_t row, uint64_t now_us, struct worker_effects *fx)
{
    struct definition *d = &self->cache.row[row];
    d->tries++;
    sp_heap_set(&self->deadlines, definition_heap_id(self, row), now_us + WORKER_DEFINITION_RETRY_US);
    memcpy(emit(fx, WORKER_WANT)->digest, d->digest, DEFINITION_DIGEST_BYTES);
}

/* Gives what the shell attached to a row back to it. */
static void release(const struct definition *d, struct worker_effects *fx)
{
    if (d->state != DEFINITION_FREE && d->check != NULL) {
        struct worker_effect *e = emit(fx, WORKER_RELEASE);
        e->adapter = d->adapter;
        e->check = d->check;
    }
}

/* Row for the digest; asks for it when it is new. */
static uint32_t definition_for(struct worker_core *self, const uint8_t *digest, uint64_t now_us, struct worker_effects *fx)
{
    uint32_t row = definition_find(&self->cache, digest);
    if (row != DEFINITION_NONE) {
        self->counts.definition_hit++;
        return row;
    }
    struct definition out;
    self->counts.definition_miss++;
    row = definition_add(&self->cache, digest, &out);
    release(&out, fx);
    if (row != DEFINITION_NONE) {
        sp_heap_remove(&self->deadlines, definition_heap_id(self, row));
        want(self, row, now_us, fx);
    }
    return row;
}

/* Ends the wait of jobs for a definition that has become ready or bad, as far as the effects reach. */
static void definition_serve(struct worker_core *self, uint32_t row, uint64_t now_us, struct worker_effects *fx)
{
    struct definition *d = &self->cache.row[row];
    struct slot_queue q = {d->wait_head, d->wait_tail};
    while (q.head != WORKER_NONE && has_room(fx)) {
        uint32_t at = slot_queue_pop(&self->table, &q);
        if (d->state == DEFINITION_READY) {
            make_ready(self, at, now_us, fx);
        } else {
            slot_report(self, at, d->reason, fx);
        }
    }
    d->wait_head = q.head;
    d->wait_tail = q.tail;
    if (q.head != WORKER_NONE) { /* go on at once */
        sp_heap_set(&self->deadlines, definition_heap_id(self, row), 0);
    } else if (d->state == DEFINITION_BAD) {
        sp_heap_set(&self->deadlines, definition_heap_id(self, row), now_us + WORKER_BAD_KEEP_US);
    } else {
        sp_heap_remove(&self->deadlines, definition_heap_id(self, row));
    }
}

static void definition_tick(struct worker_core *self, uint32_t row, uint64_t now_us, struct worker_effects *fx)
{
    struct definition *d = &self->cache.row[row];
    sp_heap_remove(&self->deadlines, definition_heap_id(self, row));
    if (d->wait_head != DEFINITION_NONE && d->state != DEFINITION_WANTED) {
        definition_serve(self, row, now_us, fx);
    } else if (d->uses > 0 && d->state == DEFINITION_WANTED) {
        want(self, row, now_us, fx);
    } else if (d->uses == 0 && d->state != DEFINITION_READY) {
        release(d, fx);
        definition_drop(&self->cache, row);
    }
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static bool job_fits(const struct worker_event *ev)
{
    return ev->u.job.node.n <= WORKER_NODE_MAX && ev->u.job.address.n <= WORKER_ADDRESS_MAX &&
           ev->u.job.checkpoint.n <= WORKER_CHECKPOINT_MAX;
}

static void slot_fill(struct worker_slot *s, const struct worker_event *ev)
{
    s->timeout_ms = ev->u.job.timeout_ms;
    s->lease = ev->u.job.lease;
    s->job = ev->u.job.job;
    s->trace = ev->u.job.trace;
    s->received_us = ev->now_us;
    s->expires_us = ev->now_us + (uint64_t)ev->u.job.expires_ms * 1000u;
    memcpy(s->ticket, ev->u.job.ticket, WORKER_TICKET_BYTES);
    (void)sp_str_copy(s->node, sizeof s->node, ev->u.job.node);
    (void)sp_str_copy(s->address, sizeof s->address, ev->u.job.address);
    s->address_len = ev->u.job.address.n;
    s->checkpoint_len = ev->u.job.checkpoint.n;
    if (s->checkpoint_len > 0) {
        memcpy(s->checkpoint, ev->u.job.checkpoint.p, s->checkpoint_len);
    }
}

static void on_job(struct worker_core *self, const struct worker_event *ev, struct worker_effects *fx)
{
    SP_ASSERT(job_fits(ev)); /* the decoder's limits are the same */
    self->counts.taken++;
    credit_taken(&self->credit, ev->u.job.broker);
    if (ev->u.job.changed) {
        self->counts.changed++;
        emit_return(self, ev->u.job.lease, ev->u.job.job, SP_REFUSAL_TICKET, fx);
        return;
    }
    if (self->draining) {
        emit_return(self, ev->u.job.lease, ev->u.job.job, SP_REFUSAL_DRAINING, fx);
        return;
    }
    uint32_t row = self->table.free_head != WORKER_NONE ? definition_for(self, ev->u.job.digest, ev->now_us, fx) : DEFINITION_NONE;
    if (row == DEFINITION_NONE) {
        self->counts.overload++;
        emit_return(self, ev->u.job.lease, ev->u.job.job, SP_REFUSAL_OVERLOAD, fx);
        return;
    }
    uint32_t at = slot_take(&self->table);
    struct worker_slot *s = &self->table.row[at];
    struct definition *d = &self->cache.row[row];
    slot_fill(s, ev);
    s->definition = row;
    d->uses++;
    if (d->state == DEFINITION_READY) {
        make_ready(self, at, ev->now_us, fx);
        return;
    }
    slot_state_set(&self->table, at, WORKER_WAITING);
    if (d->state == DEFINITION_BAD) {
        slot_report(self, at, d->reason, fx);
        return;
    }
    struct slot_queue q = {d->wait_head, d->wait_tail};
    slot_queue_push(&self->table, &q, at);
    d->wait_head = q.head;
    d->wait_tail = q.tail;
    sp_heap_set(&self->deadlines, at, ev->now_us + WORKER_DEFINITION_WAIT_US);
}

static void on_definition(struct worker_core *self, const struct worker_event *ev, struct worker_effects *fx)
{
    uint32_t row = definition_find(&self->cache, ev->u.definition.digest);
    struct definition *d = row != DEFINITION_NONE ? &self->cache.row[row] : NULL;
    if (d == NULL || d->state != DEFINITION_WANTED) { /* answered twice, or no longer needed */
        if (ev->u.definition.check != NULL) {
            struct worker_effect *e = emit(fx, WORKER_RELEASE);
            e->adapter = ev->u.definition.adapter;
            e->check = ev->u.definition.check;
        }
        return;
    }
    SP_ASSERT(ev->u.definition.reason != 0 || ev->u.definition.adapter < self->opt.adapters);
    d->state = ev->u.definition.reason == 0 ? DEFINITION_READY : DEFINITION_BAD;
    d->reason = ev->u.definition.reason;
    d->adapter = ev->u.definition.adapter;
    d->check = ev->u.definition.check;
    definition_serve(self, row, ev->now_us, fx);
}

static void on_finished(struct worker_core *self, const struct worker_event *ev)
{
    uint32_t at = ev->u.finished.slot;
    SP_ASSERT(at < self->table.size);
    if (self->table.row[at].state != WORKER_RUNNING) {
        self->counts.late_finish++;
        return;
    }
    self->counts.finished++;
    slot_free(self, at);
    self->more = self->more || self->table.in[WORKER_READY] > 0; /* started by the next turn: finish() may run inside start() */
}

static void slot_deadline(struct worker_core *self, uint32_t at, struct worker_effects *fx)
{
    switch (self->table.row[at].state) {
    case WORKER_RUNNING:
        emit(fx, WORKER_CANCEL)->slot = at;
        self->counts.deadline++;
        slot_report(self, at, SP_REASON_DEADLINE, fx);
        break;
    case WORKER_READY:
        slot_unqueue(self, at);
        slot_return(self, at, SP_REFUSAL_EXPIRED, fx);
        break;
    case WORKER_WAITING:
        slot_unqueue(self, at);
        slot_report(self, at, SP_REASON_NO_DEFINITION, fx);
        break;
    case WORKER_FREE:
    case WORKER_STATE_COUNT:
    default:
        SP_UNREACHABLE();
    }
}

/* Drain: one pass over the slots gives back what waits; at the deadline a second pass cancels what runs. */
static void drain_sweep(struct worker_core *self, uint64_t now_us, struct worker_effects *fx)
{
    for (; self->sweep < self->table.size && has_room(fx); self->sweep++) {
        uint32_t at = self->sweep;
        enum worker_slot_state state = self->table.row[at].state;
        if (state == WORKER_READY || state == WORKER_WAITING) {
            slot_unqueue(self, at);
            slot_return(self, at, SP_REFUSAL_DRAINING, fx);
        } else if (state == WORKER_RUNNING && now_us >= self->drain_us) {
            emit(fx, WORKER_CANCEL)->slot = at;
            self->counts.cancelled++;
            slot_report(self, at, SP_REASON_CANCELLED, fx);
        }
    }
    if (self->sweep < self->table.size) {
        self->more = true;
    } else if (now_us >= self->drain_us && self->table.in[WORKER_RUNNING] > 0) {
        self->sweep = 0;
        self->more = true;
    } else if (self->table.in[WORKER_RUNNING] == 0 && !self->drained && has_room(fx)) {
        self->drained = true;
        emit(fx, WORKER_DRAINED);
    }
}

static void on_turn(struct worker_core *self, const struct worker_event *ev, struct worker_effects *fx)
{
    self->more = false;
    const struct sp_heap_entry *top;
    while ((top = sp_heap_top(&self->deadlines)) != NULL && top->key <= ev->now_us) {
        if (!has_room(fx)) {
            self->more = true;
            return;
        }
        if (top->id >= self->table.size) {
            definition_tick(self, top->id - self->table.size, ev->now_us, fx);
        } else {
            slot_deadline(self, top->id, fx);
        }
    }
    if (self->draining) {
        drain_sweep(self, ev->now_us, fx);
        return;
    }
    start_ready(self, ev->now_us, fx);
    uint32_t used = self->table.in[WORKER_RUNNING] + self->table.in[WORKER_WAITING] + self->table.in[WORKER_READY];
    uint32_t limit = self->opt.running_max + self->opt.waiting_max;
    uint64_t room = used < limit ? limit - used : 0;
    uint64_t results = ev->u.turn.results_room > used ? ev->u.turn.results_room - used : 0;
    room = results < room ? results : room;
    room = self->opt.credit_max > 0 && room > self->opt.credit_max ? self->opt.credit_max : room;
    for (uint32_t b = 0; b < self->opt.brokers; b++) {
        if (fx->count < WORKER_EFFECTS_MAX && credit_grant(&self->credit, b, room)) {
            struct worker_effect *e = emit(fx, WORKER_CREDIT);
            e->broker = b;
            e->number = self->credit.row[b].granted;
        }
    }
}

void worker_core_step(struct worker_core *self, const struct worker_event *event, struct worker_effects *effects)
{
    effects->count = 0;
    switch (event->kind) {
    case WORKER_EV_LINK:
        credit_link(&self->credit, event->u.link.broker, event->u.link.up);
        break;
    case WORKER_EV_JOB:
        on_job(self, event, effects);
        break;
    case WORKER_EV_DEFINITION:
        on_definition(self, event, effects);
        break;
    case WORKER_EV_FINISHED:
        on_finished(self, event);
        break;
    case WORKER_EV_TURN:
        on_turn(self, event, effects);
        break;
    case WORKER_EV_DRAIN:
        self->draining = true;
        self->drain_us = event->u.drain.deadline_us;
        self->sweep = 0;
        self->more = true;
        break;
    default:
        SP_UNREACHABLE();
    }
}

/* ---- life and queries ------------------------------------------------------------------------------------------ */

static bool allocate(struct worker_core *self)
{
    const struct worker_options *o = &self->opt;
    uint32_t size = o->running_max + o->waiting_max + o->brokers * WORKER_BATCH_MAX;
    return slot_table_init(&self->table, size) && sp_heap_init(&self->deadlines, size + o->definitions_max) &&
           definition_init(&self->cache, o->definitions_max);
}

struct worker_core *worker_core_new(const struct worker_options *options)
{
    SP_ASSERT(options->running_max > 0 && options->running_max + options->waiting_max <= WORKER_SLOTS_MAX);
    SP_ASSERT(options->adapters > 0 && options->adapters <= WORKER_ADAPTERS_MAX);
    SP_ASSERT(options->brokers > 0 && options->brokers <= WORKER_BROKERS_MAX);
    struct worker_core *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->opt = *options;
    if (!allocate(self)) {
        worker_core_destroy(&self);
        return NULL;
    }
    for (uint32_t a = 0; a < WORKER_ADAPTERS_MAX; a++) {
        self->ready[a] = (struct slot_queue){WORKER_NONE, WORKER_NONE};
        if (self->opt.adapter_max[a] == 0) {
            self->opt.adapter_max[a] = options->running_max;
        }
    }
    credit_init(&self->credit, options->brokers);
    return self;
}

void worker_core_destroy(struct worker_core **self)
{
    if (*self != NULL) {
        definition_fini(&(*self)->cache);
        sp_heap_fini(&(*self)->deadlines);
        slot_table_fini(&(*self)->table);
        free(*self);
        *self = NULL;
    }
}

uint64_t worker_core_next_deadline(const struct worker_core *self)
{
    const struct sp_heap_entry *top = sp_heap_top(&self->deadlines);
    if (self->more || (self->draining && !self->drained && self->table.in[WORKER_RUNNING] == 0)) {
        return 0;
    }
    uint64_t next = top != NULL ? top->key : UINT64_MAX;
    return self->draining && !self->drained && self->drain_us < next ? self->drain_us : next;
}

struct worker_slot *worker_core_slot(struct worker_core *self, uint32_t slot)
{
    SP_ASSERT(slot < self->table.size);
    return &self->table.row[slot];
}

uint32_t worker_core_slots(const struct worker_core *self)
{
    return self->table.size;
}

const struct definition *worker_core_definition(const struct worker_core *self, uint32_t at)
{
    return at < self->cache.size ? &self->cache.row[at] : NULL;
}

bool worker_core_wants(struct worker_core *self, const uint8_t digest[DEFINITION_DIGEST_BYTES])
{
    uint32_t row = definition_find(&self->cache, digest);
    return row != DEFINITION_NONE && self->cache.row[row].state == DEFINITION_WANTED;
}

struct worker_counts worker_core_counts(const struct worker_core *self)
{
    struct worker_counts counts = self->counts;
    counts.running = self->table.in[WORKER_RUNNING];
    counts.waiting = self->table.in[WORKER_WAITING];
    counts.ready = self->table.in[WORKER_READY];
    return counts;
}

void worker_core_check(const struct worker_core *self)
{
    uint32_t seen[WORKER_STATE_COUNT] = {0};
    uint32_t running[WORKER_ADAPTERS_MAX] = {0};
    uint64_t uses = 0;
    for (uint32_t i = 0; i < self->table.size; i++) {
        const struct worker_slot *s = &self->table.row[i];
        seen[s->state]++;
        SP_ASSERT((s->state == WORKER_FREE) == (sp_heap_key(&self->deadlines, i) == UINT64_MAX));
        if (s->state == WORKER_RUNNING) {
            running[s->adapter]++;
        }
        SP_IMPLIES(s->state == WORKER_RUNNING || s->state == WORKER_READY,
                   self->cache.row[s->definition].state == DEFINITION_READY);
    }
    for (uint32_t a = 0; a < self->opt.adapters; a++) {
        SP_ASSERT(running[a] == self->running[a]);
        SP_ASSERT(running[a] <= self->opt.adapter_max[a]);
    }
    for (uint32_t i = 0; i < self->cache.size; i++) {
        uses += self->cache.row[i].uses;
    }
    SP_ASSERT(seen[WORKER_RUNNING] == self->table.in[WORKER_RUNNING]);
    SP_ASSERT(seen[WORKER_READY] == self->table.in[WORKER_READY]);
    SP_ASSERT(seen[WORKER_WAITING] == self->table.in[WORKER_WAITING]);
    SP_ASSERT(seen[WORKER_RUNNING] <= self->opt.running_max);
    SP_ASSERT(uses == self->table.size - seen[WORKER_FREE]);
    SP_ASSERT(sp_heap_check(&self->deadlines));
    definition_check(&self->cache);
}
