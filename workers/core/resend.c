/* SPDX-License-Identifier: Apache-2.0 */
#include "resend.h"

#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"

SP_STATIC_ASSERT((RESEND_ROWS & (RESEND_ROWS - 1)) == 0, "numbers are mapped to rows by a mask");
SP_STATIC_ASSERT(RESEND_FLIGHT_MAX <= RESEND_ROWS, "what flies has a row");

static uint32_t id_of(uint64_t batch)
{
    return (uint32_t)(batch & (RESEND_ROWS - 1));
}

bool resend_init(struct resend *self, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    self->row = calloc(RESEND_ROWS, sizeof *self->row);
    if (self->row == NULL || !sp_heap_init(&self->again, RESEND_ROWS)) {
        resend_fini(self);
        return false;
    }
    self->rng.state = seed;
    self->first = 1;
    self->unsent = 1;
    self->next = 1;
    return true;
}

void resend_fini(struct resend *self)
{
    free(self->row);
    self->row = NULL;
    sp_heap_fini(&self->again);
}

bool resend_is_full(const struct resend *self)
{
    return self->next - self->first >= RESEND_ROWS;
}

uint64_t resend_add(struct resend *self, const struct resend_place *place)
{
    SP_ASSERT(!resend_is_full(self));
    struct resend_row *r = &self->row[id_of(self->next)];
    SP_ASSERT(r->state == RESEND_DONE);
    *r = (struct resend_row){.state = RESEND_WAITS, .place = *place};
    self->results += place->results;
    return self->next++;
}

const struct resend_place *resend_oldest(const struct resend *self)
{
    return self->first < self->next ? &self->row[id_of(self->first)].place : NULL;
}

static uint64_t first_waiting(const struct resend *self)
{
    uint64_t batch = self->unsent;
    while (batch < self->next && self->row[id_of(batch)].state != RESEND_WAITS) {
        batch++;
    }
    return batch;
}

uint64_t resend_due(const struct resend *self, uint64_t now_us, const struct resend_place **place)
{
    const struct sp_heap_entry *top = sp_heap_top(&self->again);
    uint64_t batch = RESEND_NONE;
    if (top != NULL && top->key <= now_us) {
        batch = self->first + ((top->id - id_of(self->first)) & (RESEND_ROWS - 1));
    } else if (self->flying < RESEND_FLIGHT_MAX) {
        batch = first_waiting(self);
        batch = batch < self->next ? batch : RESEND_NONE;
    }
    if (batch != RESEND_NONE) {
        *place = &self->row[id_of(batch)].place;
    }
    return batch;
}

bool resend_has_room(const struct resend *self)
{
    return self->flying < RESEND_FLIGHT_MAX && self->unsent == self->next;
}

void resend_sent(struct resend *self, uint64_t batch, uint64_t now_us)
{
    SP_ASSERT(batch >= self->first && batch < self->next);
    struct resend_row *r = &self->row[id_of(batch)];
    SP_ASSERT(r->state != RESEND_DONE);
    if (r->state == RESEND_WAITS) {
        r->state = RESEND_FLIES;
        self->flying++;
        self->unsent = batch + 1;
    }
    self->repeated += r->tries > 0;
    uint64_t after = (uint64_t)RESEND_AFTER_US << (batch == self->first ? 0 : r->tries < 8 ? r->tries : 8);
    after = after < RESEND_AFTER_MAX_US ? after : RESEND_AFTER_MAX_US;
    after += sp_rng_below(&self->rng, after / 8 + 1);
    r->tries++;
    sp_heap_set(&self->again, id_of(batch), now_us + after);
}

bool resend_ack(struct resend *self, uint64_t batch, struct resend_place *place)
{
    if (batch < self->first || batch >= self->next || self->row[id_of(batch)].state == RESEND_DONE) {
        return false;
    }
    struct resend_row *r = &self->row[id_of(batch)];
    if (r->state == RESEND_FLIES) {
        self->flying--;
    }
    r->state = RESEND_DONE;
    sp_heap_remove(&self->again, id_of(batch));
    SP_ASSERT(self->results >= r->place.results);
    self->results -= r->place.results;
    *place = r->place;
    while (self->first < self->next && self->row[id_of(self->first)].state == RESEND_DONE) {
        self->first++;
    }
    self->unsent = self->unsent > self->first ? self->unsent : self->first;
    return true;
}

void resend_heard(struct resend *self, uint64_t now_us)
{
    bool silent = now_us - self->heard_us >= RESEND_SILENT_US;
    self->heard_us = now_us;
    for (uint64_t batch = self->first; silent && batch < self->unsent; batch++) {
        struct resend_row *r = &self->row[id_of(batch)];
        if (r->state == RESEND_FLIES && r->tries > 1) {
            r->tries = 1;
            sp_heap_set(&self->again, id_of(batch), now_us);
        }
    }
}

void resend_kick(struct resend *self, uint64_t at_us)
{
    for (uint64_t batch = self->first; batch < self->unsent; batch++) {
        struct resend_row *r = &self->row[id_of(batch)];
        if (r->state == RESEND_FLIES) {
            r->tries = r->tries > 1 ? 1 : r->tries;
            sp_heap_set(&self->again, id_of(batch), at_us);
        }
    }
}

uint64_t resend_deadline(const struct resend *self)
{
    const struct sp_heap_entry *top = sp_heap_top(&self->again);
    if (self->flying < RESEND_FLIGHT_MAX && first_waiting(self) < self->next) {
        return 0;
    }
    return top != NULL ? top->key : UINT64_MAX;
}

void resend_check(const struct resend *self)
{
    uint32_t flying = 0;
    uint64_t results = 0;
    SP_ASSERT(self->next - self->first <= RESEND_ROWS);
    SP_ASSERT(self->unsent >= self->first && self->unsent <= self->next);
    for (uint64_t batch = self->first; batch < self->next; batch++) {
        const struct resend_row *r = &self->row[id_of(batch)];
        flying += r->state == RESEND_FLIES;
        results += r->state != RESEND_DONE ? r->place.results : 0;
        SP_IMPLIES(r->state == RESEND_WAITS, batch >= self->unsent);
        SP_ASSERT((r->state == RESEND_FLIES) == (sp_heap_key(&self->again, id_of(batch)) != UINT64_MAX));
    }
    SP_ASSERT(flying == self->flying && flying == self->again.count);
    SP_ASSERT(results == self->results);
}
