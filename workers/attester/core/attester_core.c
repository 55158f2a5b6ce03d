/* SPDX-License-Identifier: Apache-2.0 */
#include "attester_core.h"

#include <stdlib.h>

#include "sp_time.h"

#define MINUTE_US  60000000u
#define ALL_FACTOR 4u /* questions a minute of all askers together */

/* An account of questions: fills with time up to the number of a minute. */
struct rate {
    char name[41];
    uint64_t filled_us;
    uint64_t parts; /* a question costs MINUTE_US of them; a microsecond gives per_minute */
};

struct attester_core {
    struct attester_options opt;
    struct attester_doc doc[ATTESTER_DOCS_MAX];
    struct rate asker[ATTESTER_ASKERS_MAX], all;
    uint64_t tickets;
    struct attester_counts counts;
    char node[65];
};

struct attester_core *attester_core_new(const struct attester_options *options)
{
    struct attester_core *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->opt = *options;
        if (!sp_str_copy(self->node, sizeof self->node, sp_str_of(options->node))) {
            free(self);
            return NULL;
        }
    }
    return self;
}

void attester_core_destroy(struct attester_core **self)
{
    free(*self);
    *self = NULL;
}

/* ---- effects --------------------------------------------------------------------------------------------------- */

static struct attester_effect *add(struct attester_effects *fx, enum attester_effect_kind kind, uint32_t doc)
{
    SP_ASSERT(fx->count < ATTESTER_EFFECTS_MAX);
    struct attester_effect *e = &fx->list[fx->count++];
    *e = (struct attester_effect){.kind = kind, .doc = doc};
    return e;
}

static void refuse(struct attester_core *self, struct attester_effects *fx, uint16_t reason, const char *detail)
{
    struct attester_effect *e = add(fx, ATTESTER_REFUSE, ATTESTER_NONE);
    e->reason = reason;
    e->detail = detail;
    self->counts.refused++;
}

/* The part at this offset, or the reason. */
static void answer(struct attester_core *self, struct attester_effects *fx, uint32_t doc, uint64_t offset, uint64_t now_us)
{
    struct attester_doc *d = &self->doc[doc];
    struct attester_effect *e = add(fx, ATTESTER_ANSWER, doc);
    uint64_t left = d->reason == SP_REASON_OK ? d->total - offset : 0;
    e->offset = offset;
    e->reason = d->reason;
    e->part = left < ATTESTER_PART_MAX ? (uint32_t)left : ATTESTER_PART_MAX;
    d->served = d->served || e->part == left;
    d->until_us = now_us + ATTESTER_KEEP_US < d->end_us ? now_us + ATTESTER_KEEP_US : d->end_us;
}

/* The caller has something of a document only when it was made. */
static void release(struct attester_core *self, struct attester_effects *fx, uint32_t doc)
{
    if (self->doc[doc].state == ATTESTER_READY && self->doc[doc].reason == SP_REASON_OK) {
        (void)add(fx, ATTESTER_RELEASE, doc);
    }
    self->doc[doc].state = ATTESTER_FREE;
}

/* ---- room ------------------------------------------------------------------------------------------------------ */

static uint64_t bytes_used(const struct attester_core *self)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        const struct attester_doc *d = &self->doc[i];
        sum += d->state == ATTESTER_COLLECTING || d->state == ATTESTER_READY ? d->total : 0;
    }
    return sum;
}

/* Of those whose last part was given, the one that would go first. */
static uint32_t find_served(const struct attester_core *self)
{
    uint32_t best = ATTESTER_NONE;
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        const struct attester_doc *d = &self->doc[i];
        if (d->state == ATTESTER_READY && d->served && (best == ATTESTER_NONE || d->until_us < self->doc[best].until_us)) {
            best = i;
        }
    }
    return best;
}

static uint32_t take_free(struct attester_core *self, struct attester_effects *fx)
{
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        if (self->doc[i].state == ATTESTER_FREE) {
            return i;
        }
    }
    uint32_t served = find_served(self);
    if (served != ATTESTER_NONE) {
        release(self, fx, served);
    }
    return served;
}

static uint64_t room(const struct attester_core *self)
{
    uint64_t used = bytes_used(self), left = self->opt.bytes_max > used ? self->opt.bytes_max - used : 0;
    return left < self->opt.document_max ? left : self->opt.document_max;
}

/* Begins the oldest that waits, when nothing is being made and there is room. */
static void begin_next(struct attester_core *self, struct attester_effects *fx)
{
    uint32_t first = ATTESTER_NONE;
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        const struct attester_doc *d = &self->doc[i];
        if (d->state == ATTESTER_COLLECTING) {
            return;
        }
        if (d->state == ATTESTER_WAITING && (first == ATTESTER_NONE || d->ticket < self->doc[first].ticket)) {
            first = i;
        }
    }
    if (first == ATTESTER_NONE) {
        return;
    }
    for (uint32_t served = find_served(self); room(self) < ATTESTER_ROOM_MIN && served != ATTESTER_NONE;
         served = find_served(self)) {
        release(self, fx, served);
    }
    if (room(self) >= ATTESTER_ROOM_MIN || bytes_used(self) == 0) {
        self->doc[first].total = room(self);
        self->doc[first].state = ATTESTER_COLLECTING;
        self->counts.documents++;
        (void)add(fx, ATTESTER_COLLECT, first);
    }
}

/* ---- rates ----------------------------------------------------------------------------------------------------- */

static void fill(struct rate *r, uint64_t per_minute, uint64_t now_us)
{
    uint64_t span = now_us > r->filled_us ? now_us - r->filled_us : 0;
    uint64_t most = per_minute * MINUTE_US;
    uint64_t more = span < MINUTE_US ? span * per_minute : most;
    r->parts = most - r->parts > more ? r->parts + more : most;
    r->filled_us = now_us;
}

/* The account of an asker; that of whoever asked longest ago is given to a new one. */
static struct rate *rate_of(struct attester_core *self, struct sp_str asker, uint64_t now_us)
{
    struct rate *oldest = &self->asker[0];
    for (uint32_t i = 0; i < ATTESTER_ASKERS_MAX; i++) {
        struct rate *r = &self->asker[i];
        if (r->name[0] != '\0' && sp_str_is(asker, r->name)) {
            fill(r, self->opt.per_minute, now_us);
            return r;
        }
        oldest = r->filled_us < oldest->filled_us ? r : oldest;
    }
    (void)sp_str_copy(oldest->name, sizeof oldest->name, asker);
    oldest->parts = (uint64_t)self->opt.per_minute * MINUTE_US;
    oldest->filled_us = now_us;
    return oldest;
}

static bool within_rate(struct attester_core *self, struct sp_str asker, uint64_t now_us)
{
    struct rate *r = rate_of(self, asker, now_us);
    if (self->all.filled_us == 0) {
        self->all.parts = (uint64_t)self->opt.per_minute * ALL_FACTOR * MINUTE_US;
    }
    fill(&self->all, (uint64_t)self->opt.per_minute * ALL_FACTOR, now_us);
    if (r->parts < MINUTE_US || self->all.parts < MINUTE_US) {
        return false;
    }
    r->parts -= MINUTE_US;
    self->all.parts -= MINUTE_US;
    return true;
}

/* ---- questions ------------------------------------------------------------------------------------------------- */

static uint32_t find(const struct attester_core *self, const struct attester_question *q)
{
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        const struct attester_doc *d = &self->doc[i];
        if (d->state != ATTESTER_FREE && d->id == q->id && sp_str_is(q->asker, d->asker)) {
            return i;
        }
    }
    return ATTESTER_NONE;
}

static uint32_t count_of(const struct attester_core *self, struct sp_str asker)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        const struct attester_doc *d = &self->doc[i];
        n += d->state != ATTESTER_FREE && !d->served && sp_str_is(asker, d->asker) ? 1 : 0;
    }
    return n;
}

/* A later part may leave the arguments out. */
static bool is_same(const struct attester_doc *d, const struct attester_question *q)
{
    bool args = (q->offset > 0 && q->args.n == 0) || sp_str_eq(q->args, sp_str_bytes(d->args, d->args_len));
    return args && sp_str_is(q->kind, d->kind) && memcmp(q->nonce, d->nonce, sizeof d->nonce) == 0;
}

static const struct attester_kind *kind_of(const struct attester_core *self, struct sp_str name)
{
    const struct attester_kind *k = self->opt.kinds;
    while (k->name != NULL && !sp_str_is(name, k->name)) {
        k++;
    }
    return k->name != NULL ? k : NULL;
}

static void repeat(struct attester_core *self, const struct attester_question *q, uint32_t doc, uint64_t now_us,
                   struct attester_effects *fx)
{
    const struct attester_doc *d = &self->doc[doc];
    if (!is_same(d, q)) {
        refuse(self, fx, SP_REASON_PROTOCOL, "this number was another question");
    } else if (d->state == ATTESTER_READY && d->reason == SP_REASON_OK && q->offset > d->total) {
        refuse(self, fx, SP_REASON_PROTOCOL, "the document ends before this offset");
    } else if (d->state == ATTESTER_READY) {
        answer(self, fx, doc, q->offset, now_us);
    } /* else: it is being made, and its first part is sent then */
}

static void accept(struct attester_core *self, const struct attester_question *q, uint64_t now_us, struct attester_effects *fx)
{
    uint32_t doc = take_free(self, fx);
    if (doc == ATTESTER_NONE) {
        refuse(self, fx, SP_REASON_BUSY, "too many documents are held for others");
        return;
    }
    struct attester_doc *d = &self->doc[doc];
    d->state = ATTESTER_WAITING;
    d->ticket = ++self->tickets;
    (void)sp_str_copy(d->asker, sizeof d->asker, q->asker);
    d->id = q->id;
    (void)sp_str_copy(d->kind, sizeof d->kind, q->kind);
    memcpy(d->nonce, q->nonce, sizeof d->nonce);
    d->args_len = q->args.n;
    memcpy(d->args, q->args.p, q->args.n);
    uint64_t wait_us = (uint64_t)q->expires_ms * SP_US_PER_MS;
    d->until_us = now_us + (wait_us < ATTESTER_LONGEST_US ? wait_us : ATTESTER_LONGEST_US);
    d->reason = SP_REASON_OK;
    d->detail[0] = '\0';
    d->total = 0;
    d->served = false;
}

static void on_question(struct attester_core *self, const struct attester_question *q, uint64_t now_us, struct attester_effects *fx)
{
    const struct attester_kind *kind = kind_of(self, q->kind);
    uint32_t doc = find(self, q);
    self->counts.questions++;
    if (!sp_str_is(q->node, self->node)) {
        refuse(self, fx, SP_REASON_MISSING, "this is the attester of another node");
    } else if (doc != ATTESTER_NONE) {
        repeat(self, q, doc, now_us, fx);
    } else if (q->offset > 0) {
        refuse(self, fx, SP_REASON_CANCELLED, "the document is not kept any longer; ask anew");
    } else if (kind == NULL) {
        refuse(self, fx, SP_REASON_BAD_PARAMETERS, "no document of this kind is made here");
    } else if (kind->operators_only && !q->is_operator) {
        refuse(self, fx, SP_REASON_REFUSED, "this document is for operators");
    } else if (q->args.n > MSG_EVIDENCE_REQUEST_ARGS_MAX) {
        refuse(self, fx, SP_REASON_LIMIT, "arguments are too long");
    } else if (count_of(self, q->asker) >= ATTESTER_PER_ASKER) {
        refuse(self, fx, SP_REASON_BUSY, "too many documents are held for this asker");
    } else if (!within_rate(self, q->asker, now_us)) {
        refuse(self, fx, SP_REASON_BUSY, "too many questions in a minute");
    } else {
        accept(self, q, now_us, fx);
    }
}

/* ---- steps ----------------------------------------------------------------------------------------------------- */

static void on_collected(struct attester_core *self, const struct attester_event *event, struct attester_effects *fx)
{
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        struct attester_doc *d = &self->doc[i];
        if (d->state != ATTESTER_COLLECTING || d->ticket != event->u.collected.ticket) {
            continue;
        }
        bool late = event->now_us >= d->until_us;
        d->state = ATTESTER_READY;
        d->reason = event->u.collected.reason;
        (void)sp_str_copy(d->detail, sizeof d->detail, event->u.collected.detail);
        d->total = d->reason == SP_REASON_OK ? event->u.collected.total : 0;
        d->end_us = event->now_us + ATTESTER_LONGEST_US;
        if (late) {
            self->counts.late++;
            release(self, fx, i);
        } else {
            answer(self, fx, i, 0, event->now_us);
        }
        return;
    }
}

static void on_tick(struct attester_core *self, uint64_t now_us, struct attester_effects *fx)
{
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        struct attester_doc *d = &self->doc[i];
        if (d->state == ATTESTER_FREE || d->state == ATTESTER_COLLECTING || now_us < d->until_us) {
            continue;
        }
        self->counts.late += d->state == ATTESTER_WAITING ? 1 : 0;
        release(self, fx, i);
    }
}

void attester_core_step(struct attester_core *self, const struct attester_event *event, struct attester_effects *fx)
{
    fx->count = 0;
    on_tick(self, event->now_us, fx);
    if (event->kind == ATTESTER_EV_QUESTION) {
        on_question(self, &event->u.question, event->now_us, fx);
    } else if (event->kind == ATTESTER_EV_COLLECTED) {
        on_collected(self, event, fx);
    }
    begin_next(self, fx);
}

uint64_t attester_core_next_deadline(const struct attester_core *self)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        const struct attester_doc *d = &self->doc[i];
        bool waits = d->state == ATTESTER_WAITING || d->state == ATTESTER_READY;
        next = waits && d->until_us < next ? d->until_us : next;
    }
    return next;
}

const struct attester_doc *attester_core_doc(const struct attester_core *self, uint32_t doc)
{
    SP_ASSERT(doc < ATTESTER_DOCS_MAX);
    return &self->doc[doc];
}

struct attester_counts attester_core_counts(const struct attester_core *self)
{
    struct attester_counts c = self->counts;
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        c.waiting += self->doc[i].state == ATTESTER_WAITING || self->doc[i].state == ATTESTER_COLLECTING ? 1 : 0;
        c.ready += self->doc[i].state == ATTESTER_READY ? 1 : 0;
    }
    c.bytes = bytes_used(self);
    return c;
}

void attester_core_check(const struct attester_core *self)
{
    uint32_t collecting = 0;
    for (uint32_t i = 0; i < ATTESTER_DOCS_MAX; i++) {
        const struct attester_doc *d = &self->doc[i];
        collecting += d->state == ATTESTER_COLLECTING ? 1 : 0;
        SP_IMPLIES(d->state != ATTESTER_FREE, d->ticket != 0 && d->ticket <= self->tickets && d->asker[0] != '\0');
        SP_IMPLIES(d->state == ATTESTER_READY && d->reason != SP_REASON_OK, d->total == 0);
        for (uint32_t j = 0; j < i; j++) {
            const struct attester_doc *o = &self->doc[j];
            SP_IMPLIES(d->state != ATTESTER_FREE && o->state != ATTESTER_FREE,
                       d->ticket != o->ticket && (d->id != o->id || strcmp(d->asker, o->asker) != 0));
        }
    }
    SP_ASSERT(collecting <= 1);
    SP_ASSERT(bytes_used(self) <= self->opt.bytes_max);
}
