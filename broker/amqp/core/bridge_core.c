/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_core.h"

#include <stdlib.h>

#include "sp_assert.h"

#define ROOM_SPARE 8u /* effects one event may need besides what loops fill */

enum { FREE, QUEUED, SENT, LATER };

bool bridge_core_init(struct bridge_core *b, const struct bridge_core_options *options, struct sp_mono now)
{
    SP_ASSERT(options->hosts > 0 && options->window > 0 && options->messages_max > BRIDGE_REPLIES_MAX / 8);
    memset(b, 0, sizeof *b);
    b->options = *options;
    b->rng.state = options->seed;
    b->slots = calloc(options->messages_max, sizeof *b->slots);
    sp_map_init(&b->notes);
    if (b->slots == NULL || !sp_map_reserve(&b->notes, options->messages_max)) {
        bridge_core_fini(b);
        return false;
    }
    for (uint32_t i = 0; i < options->messages_max; i++)
        b->slots[i].next = i + 1 < options->messages_max ? i + 1 : BRIDGE_NONE;
    b->sent.head = b->sent.tail = b->later.head = b->later.tail = BRIDGE_NONE;
    for (unsigned c = 0; c < BRIDGE_CLASSES; c++)
        b->queues[c].head = b->queues[c].tail = BRIDGE_NONE;
    for (unsigned l = 0; l < BRIDGE_LINKS; l++)
        b->links[l] = (struct bridge_link_view){.host = (uint32_t)sp_rng_below(&b->rng, options->hosts), .due_us = now.us};
    return true;
}

void bridge_core_fini(struct bridge_core *b)
{
    free(b->slots);
    b->slots = NULL;
    sp_map_fini(&b->notes);
}

/* ---- slots ---- */

static void push(struct bridge_core *b, struct bridge_queue *q, uint32_t i)
{
    struct bridge_slot *s = &b->slots[i];
    s->prev = q->tail;
    s->next = BRIDGE_NONE;
    if (q->tail != BRIDGE_NONE)
        b->slots[q->tail].next = i;
    else
        q->head = i;
    q->tail = i;
    q->count++;
    q->bytes += s->bytes;
}

static void push_front(struct bridge_core *b, struct bridge_queue *q, uint32_t i)
{
    struct bridge_slot *s = &b->slots[i];
    s->next = q->head;
    s->prev = BRIDGE_NONE;
    if (q->head != BRIDGE_NONE)
        b->slots[q->head].prev = i;
    else
        q->tail = i;
    q->head = i;
    q->count++;
    q->bytes += s->bytes;
}

static void take_out(struct bridge_core *b, struct bridge_queue *q, uint32_t i)
{
    struct bridge_slot *s = &b->slots[i];
    if (s->prev != BRIDGE_NONE)
        b->slots[s->prev].next = s->next;
    else
        q->head = s->next;
    if (s->next != BRIDGE_NONE)
        b->slots[s->next].prev = s->prev;
    else
        q->tail = s->prev;
    q->count--;
    q->bytes -= s->bytes;
}

static struct bridge_queue *queue_of(struct bridge_core *b, const struct bridge_slot *s)
{
    return s->state == SENT ? &b->sent : s->state == LATER ? &b->later : &b->queues[s->class];
}

static struct bridge_effect *emit(struct bridge_effects *fx, enum bridge_effect_kind kind)
{
    SP_ASSERT(fx->count < BRIDGE_EFFECTS_MAX);
    struct bridge_effect *e = &fx->list[fx->count++];
    *e = (struct bridge_effect){.kind = kind};
    return e;
}

static bool room(const struct bridge_effects *fx)
{
    return fx->count + ROOM_SPARE < BRIDGE_EFFECTS_MAX;
}

/* Takes the slot out of its queue and gives the message back. */
static void end(struct bridge_core *b, uint32_t i, enum bridge_effect_kind kind, enum bridge_why why, struct bridge_effects *fx)
{
    struct bridge_slot *s = &b->slots[i];
    take_out(b, queue_of(b, s), i);
    if (s->class == BRIDGE_NOTE && s->key != 0 && sp_map_get(&b->notes, s->key) == i)
        sp_map_remove(&b->notes, s->key);
    struct bridge_effect *e = emit(fx, kind);
    e->handle = s->handle;
    e->why = why;
    if (kind == BRIDGE_FX_PUBLISHED)
        b->counters.published[s->class]++;
    else
        b->counters.dropped[why]++;
    b->replies -= s->class == BRIDGE_REPLY;
    b->bytes -= s->bytes;
    b->used--;
    s->state = FREE;
    s->next = b->free;
    b->free = i;
}

/* ---- offers ---- */

static bool is_gone(struct bridge_core *b, uint64_t key, uint64_t now_us)
{
    for (unsigned i = 0; i < BRIDGE_GONE_MAX; i++)
        if (b->gone[i].key == key && b->gone[i].until_us > now_us)
            return true;
    return false;
}

static void refuse(struct bridge_core *b, const struct bridge_event *ev, enum bridge_why why, struct bridge_effects *fx)
{
    struct bridge_effect *e = emit(fx, BRIDGE_FX_DROP);
    e->handle = ev->offer.handle;
    e->why = why;
    b->counters.dropped[why]++;
}

/* Room for one more message: older notifications give way to newer ones. At most two are let go for one. */
static bool make_room(struct bridge_core *b, uint32_t bytes, struct bridge_effects *fx)
{
    for (unsigned i = 0; i < 2; i++) {
        if (b->used < b->options.messages_max && b->bytes + bytes <= b->options.bytes_max)
            return true;
        if (b->queues[BRIDGE_NOTE].count == 0)
            return false;
        end(b, b->queues[BRIDGE_NOTE].head, BRIDGE_FX_DROP, BRIDGE_WHY_FULL, fx);
    }
    return b->used < b->options.messages_max && b->bytes + bytes <= b->options.bytes_max;
}

static void purge_begin(struct bridge_core *b)
{
    b->purging = b->queues[BRIDGE_TRUST].count > 0;
    b->want_snapshot = true;
}

/* What would not be sent, and why; BRIDGE_WHYS: it may wait. */
static enum bridge_why unwanted(struct bridge_core *b, const struct bridge_event *ev)
{
    bool up = b->links[BRIDGE_PUBLISHER].state == BRIDGE_UP;
    switch (ev->offer.class) {
    case BRIDGE_BEAT:
    case BRIDGE_CANARY:
        return up && !b->blocked ? BRIDGE_WHYS : BRIDGE_WHY_AWAY;
    case BRIDGE_TRUST:
        if (!up || b->purging || b->want_snapshot) { /* a whole one follows: deltas before it are for nobody */
            b->want_snapshot = true;
            return BRIDGE_WHY_AWAY;
        }
        if (b->queues[BRIDGE_TRUST].count >= BRIDGE_TRUST_MAX ||
            b->queues[BRIDGE_TRUST].bytes + ev->offer.bytes > b->options.bytes_max / 2) {
            purge_begin(b); /* too slow for deltas: all of it later, at once */
            return BRIDGE_WHY_FULL;
        }
        return BRIDGE_WHYS;
    case BRIDGE_REPLY:
        if (is_gone(b, ev->offer.key, ev->now.us))
            return BRIDGE_WHY_GONE;
        return b->replies < BRIDGE_REPLIES_MAX ? BRIDGE_WHYS : BRIDGE_WHY_FULL;
    default:
        return BRIDGE_WHYS;
    }
}

static void on_offer(struct bridge_core *b, const struct bridge_event *ev, struct bridge_effects *fx)
{
    enum bridge_why why = unwanted(b, ev);
    b->counters.offered[ev->offer.class]++;
    if (why != BRIDGE_WHYS) {
        refuse(b, ev, why, fx);
        return;
    }
    bool keyed = ev->offer.class == BRIDGE_NOTE && ev->offer.key != 0;
    uint32_t older = keyed ? sp_map_get(&b->notes, ev->offer.key) : SP_MAP_NONE;
    if (older != SP_MAP_NONE)
        end(b, older, BRIDGE_FX_DROP, BRIDGE_WHY_NEWER, fx);
    if (!make_room(b, ev->offer.bytes, fx)) {
        if (ev->offer.class == BRIDGE_TRUST)
            purge_begin(b);
        refuse(b, ev, BRIDGE_WHY_FULL, fx);
        return;
    }
    uint32_t i = b->free;
    struct bridge_slot *s = &b->slots[i];
    b->free = s->next;
    *s = (struct bridge_slot){.handle = ev->offer.handle,
                              .class = (uint8_t)ev->offer.class,
                              .key = ev->offer.key,
                              .bytes = ev->offer.bytes,
                              .state = QUEUED};
    s->until_us = ev->offer.class == BRIDGE_REPLY ? ev->now.us + b->options.reply_retry_ms * SP_US_PER_MS : SP_NEVER;
    b->used++;
    b->bytes += s->bytes;
    b->replies += s->class == BRIDGE_REPLY;
    push(b, &b->queues[s->class], i);
    if (keyed)
        (void)sp_map_put(&b->notes, s->key, i); /* reserved */
}

/* ---- links ---- */

/* Between half of the wait and all of it, so that many bridges do not come back together. */
static uint64_t wait_us(struct bridge_core *b, uint32_t failures)
{
    uint64_t ms = b->options.retry_ms + b->options.retry_step_ms * (failures > 0 ? failures - 1 : 0);
    ms = ms < b->options.retry_max_ms ? ms : b->options.retry_max_ms;
    return ms * SP_US_PER_MS / 2 + sp_rng_below(&b->rng, ms * SP_US_PER_MS / 2 + 1);
}

/* Back to where it was before it was sent: in front, so that order stays. */
static void unsend(struct bridge_core *b, uint32_t i, struct bridge_effects *fx)
{
    struct bridge_slot *s = &b->slots[i];
    bool newer = s->class == BRIDGE_NOTE && s->key != 0 && sp_map_get(&b->notes, s->key) != SP_MAP_NONE;
    if (s->class == BRIDGE_TRUST || s->class == BRIDGE_BEAT || s->class == BRIDGE_CANARY || newer) {
        end(b, i, BRIDGE_FX_DROP, newer ? BRIDGE_WHY_NEWER : BRIDGE_WHY_AWAY, fx);
        return;
    }
    take_out(b, &b->sent, i);
    s->state = QUEUED;
    push_front(b, &b->queues[s->class], i);
    if (s->class == BRIDGE_NOTE && s->key != 0)
        (void)sp_map_put(&b->notes, s->key, i);
}

static void on_lost(struct bridge_core *b, const struct bridge_event *ev)
{
    struct bridge_link_view *l = &b->links[ev->link];
    bool steady = l->state == BRIDGE_UP && ev->now.us - l->since_us >= BRIDGE_STEADY_MS * (uint64_t)SP_US_PER_MS;
    l->failures = steady ? 1 : l->failures + 1;
    l->host = (l->host + 1) % b->options.hosts;
    l->state = BRIDGE_WAITING;
    l->since_us = ev->now.us;
    l->due_us = ev->now.us + wait_us(b, l->failures);
    b->counters.lost++;
    if (ev->link == BRIDGE_PUBLISHER) {
        b->blocked = false;
        b->aborting = false;
        purge_begin(b);
    }
}

static void on_up(struct bridge_core *b, const struct bridge_event *ev)
{
    struct bridge_link_view *l = &b->links[ev->link];
    l->state = BRIDGE_UP;
    l->since_us = ev->now.us;
    if (ev->link == BRIDGE_PUBLISHER)
        b->want_snapshot = true;
}

static void connect_due(struct bridge_core *b, struct sp_mono now, struct bridge_effects *fx)
{
    for (unsigned k = 0; k < BRIDGE_LINKS; k++) {
        struct bridge_link_view *l = &b->links[k];
        if (l->state != BRIDGE_WAITING || now.us < l->due_us || (k == BRIDGE_PUBLISHER && b->sent.count > 0))
            continue; /* what was sent on the last connection is sorted out first */
        l->state = BRIDGE_CONNECTING;
        l->since_us = now.us;
        struct bridge_effect *e = emit(fx, BRIDGE_FX_CONNECT);
        e->link = (enum bridge_link)k;
        e->host = l->host;
        b->counters.connects++;
    }
}

/* ---- confirms ---- */

static uint32_t sent_slot(const struct bridge_core *b, uint64_t tag)
{
    uint32_t i = (uint32_t)tag;
    bool good = i < b->options.messages_max && b->slots[i].state == SENT && b->slots[i].serial == tag >> 32;
    return good ? i : BRIDGE_NONE;
}

static void remember_gone(struct bridge_core *b, uint64_t key, uint64_t now_us)
{
    b->gone[b->gone_next] = (struct bridge_gone){key, now_us + BRIDGE_GONE_MS * (uint64_t)SP_US_PER_MS};
    b->gone_next = (b->gone_next + 1) % BRIDGE_GONE_MAX;
}

static void on_returned(struct bridge_core *b, uint32_t i, uint64_t now_us, struct bridge_effects *fx)
{
    struct bridge_slot *s = &b->slots[i];
    b->counters.returned++;
    if (s->class != BRIDGE_REPLY) { /* a notification without a queue: nobody wants it now; a canary: the shell looks at why */
        end(b, i, BRIDGE_FX_DROP, BRIDGE_WHY_GONE, fx);
        return;
    }
    if (now_us + BRIDGE_RETURN_MS * SP_US_PER_MS >= s->until_us) {
        remember_gone(b, s->key, now_us);
        end(b, i, BRIDGE_FX_DROP, BRIDGE_WHY_GONE, fx);
        return;
    }
    take_out(b, &b->sent, i);
    s->state = LATER;
    s->due_us = now_us + BRIDGE_RETURN_MS * SP_US_PER_MS; /* the same for all, so the list is in order */
    push(b, &b->later, i);
}

static void on_answer(struct bridge_core *b, const struct bridge_event *ev, struct bridge_effects *fx)
{
    uint32_t i = sent_slot(b, ev->tag);
    if (i == BRIDGE_NONE)
        return; /* of a connection that is gone */
    if (ev->kind == BRIDGE_EV_CONFIRMED) {
        end(b, i, BRIDGE_FX_PUBLISHED, BRIDGE_WHYS, fx);
    } else if (ev->kind == BRIDGE_EV_RETURNED) {
        on_returned(b, i, ev->now.us, fx);
    } else {
        b->counters.refused++;
        if (b->slots[i].class == BRIDGE_TRUST)
            b->want_snapshot = true;
        unsend(b, i, fx);
    }
}

/* ---- step ---- */

/* While the publisher is away: what was sent goes back, newest first, so that it stands in its old order. */
static void clear_sent(struct bridge_core *b, struct bridge_effects *fx)
{
    while (b->links[BRIDGE_PUBLISHER].state == BRIDGE_WAITING && b->sent.count > 0 && room(fx))
        unsend(b, b->sent.tail, fx);
    while (b->purging && b->queues[BRIDGE_TRUST].count > 0 && room(fx))
        end(b, b->queues[BRIDGE_TRUST].head, BRIDGE_FX_DROP, BRIDGE_WHY_AWAY, fx);
    b->purging = b->purging && b->queues[BRIDGE_TRUST].count > 0;
    b->again = b->again || b->purging || (b->links[BRIDGE_PUBLISHER].state == BRIDGE_WAITING && b->sent.count > 0);
}

static void reply_times(struct bridge_core *b, uint64_t now_us, struct bridge_effects *fx)
{
    while (b->later.count > 0 && b->slots[b->later.head].due_us <= now_us) {
        uint32_t i = b->later.head;
        take_out(b, &b->later, i);
        b->slots[i].state = QUEUED;
        push(b, &b->queues[BRIDGE_REPLY], i);
    }
    /* Offered in order and kept equally long; what was returned stands behind and is older, so it is looked at when its turn comes.
     */
    while (b->queues[BRIDGE_REPLY].count > 0 && b->slots[b->queues[BRIDGE_REPLY].head].until_us <= now_us && room(fx))
        end(b, b->queues[BRIDGE_REPLY].head, BRIDGE_FX_DROP, BRIDGE_WHY_LATE, fx);
}

static void publish(struct bridge_core *b, uint64_t now_us, struct bridge_effects *fx)
{
    for (unsigned c = 0; c < BRIDGE_CLASSES; c++) {
        struct bridge_queue *q = &b->queues[c];
        while (q->count > 0 && b->sent.count < b->options.window && b->sent.bytes < b->options.bytes_max / 4) {
            if (!room(fx)) {
                b->again = true;
                return;
            }
            uint32_t i = q->head;
            struct bridge_slot *s = &b->slots[i];
            take_out(b, q, i);
            if (c == BRIDGE_NOTE && s->key != 0 && sp_map_get(&b->notes, s->key) == i)
                sp_map_remove(&b->notes, s->key); /* a newer one will stand beside it */
            s->state = SENT;
            s->serial = ++b->serial;
            s->sent_us = now_us;
            push(b, &b->sent, i);
            struct bridge_effect *e = emit(fx, BRIDGE_FX_PUBLISH);
            e->handle = s->handle;
            e->tag = (uint64_t)s->serial << 32 | i;
        }
    }
}

/* When the oldest confirm is overdue. A blocked broker confirms nothing; its time counts from the end of that. */
static uint64_t confirm_due(const struct bridge_core *b)
{
    uint64_t sent_us = b->slots[b->sent.head].sent_us;
    return (sent_us > b->unblocked_us ? sent_us : b->unblocked_us) + b->options.confirm_ms * SP_US_PER_MS;
}

static void supervise(struct bridge_core *b, uint64_t now_us, struct bridge_effects *fx)
{
    bool late = b->sent.count > 0 && now_us >= confirm_due(b);
    if (b->links[BRIDGE_PUBLISHER].state != BRIDGE_UP || b->aborting)
        return;
    if (late && !b->blocked) { /* a publish that was lost inside, or a broker that hangs (pitfall C1) */
        b->aborting = true;
        b->counters.aborts++;
        emit(fx, BRIDGE_FX_ABORT)->link = BRIDGE_PUBLISHER;
        return;
    }
    if (b->want_snapshot && !b->blocked && !b->purging && b->queues[BRIDGE_TRUST].count == 0 && b->sent.count < b->options.window) {
        b->want_snapshot = false;
        b->counters.snapshots++;
        (void)emit(fx, BRIDGE_FX_SNAPSHOT);
    }
    if (!b->blocked)
        publish(b, now_us, fx);
}

void bridge_core_step(struct bridge_core *b, const struct bridge_event *ev, struct bridge_effects *fx)
{
    fx->count = 0;
    b->again = false;
    switch (ev->kind) {
    case BRIDGE_EV_UP:
        on_up(b, ev);
        break;
    case BRIDGE_EV_LOST:
        on_lost(b, ev);
        break;
    case BRIDGE_EV_BLOCKED:
        b->blocked = b->links[BRIDGE_PUBLISHER].state == BRIDGE_UP;
        break;
    case BRIDGE_EV_UNBLOCKED:
        b->blocked = false;
        b->unblocked_us = ev->now.us;
        break;
    case BRIDGE_EV_CONFIRMED:
    case BRIDGE_EV_REFUSED:
    case BRIDGE_EV_RETURNED:
        on_answer(b, ev, fx);
        break;
    case BRIDGE_EV_OFFER:
        on_offer(b, ev, fx);
        break;
    case BRIDGE_EV_TICK:
        break;
    }
    clear_sent(b, fx);
    reply_times(b, ev->now.us, fx);
    connect_due(b, ev->now, fx);
    supervise(b, ev->now.us, fx);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct sp_mono bridge_core_next_deadline(const struct bridge_core *b, struct sp_mono now)
{
    uint64_t at = SP_NEVER;
    if (b->again)
        return now;
    for (unsigned k = 0; k < BRIDGE_LINKS; k++)
        at = b->links[k].state == BRIDGE_WAITING ? sooner(at, b->links[k].due_us) : at;
    if (b->later.count > 0)
        at = sooner(at, b->slots[b->later.head].due_us);
    if (b->queues[BRIDGE_REPLY].count > 0)
        at = sooner(at, b->slots[b->queues[BRIDGE_REPLY].head].until_us);
    if (b->sent.count > 0 && !b->blocked && !b->aborting && b->links[BRIDGE_PUBLISHER].state == BRIDGE_UP)
        at = sooner(at, confirm_due(b));
    return (struct sp_mono){at};
}

static bool queue_right(const struct bridge_core *b, const struct bridge_queue *q, int state, uint32_t *seen, uint64_t *bytes)
{
    uint32_t n = 0, last = BRIDGE_NONE;
    uint64_t sum = 0;
    for (uint32_t i = q->head; i != BRIDGE_NONE; last = i, i = b->slots[i].next, n++) {
        if (n >= b->options.messages_max || b->slots[i].state != state || b->slots[i].prev != last)
            return false;
        sum += b->slots[i].bytes;
    }
    *seen += n;
    *bytes += sum;
    return n == q->count && sum == q->bytes && q->tail == last;
}

bool bridge_core_check(const struct bridge_core *b)
{
    uint32_t seen = 0;
    uint64_t bytes = 0;
    bool right = queue_right(b, &b->sent, SENT, &seen, &bytes) && queue_right(b, &b->later, LATER, &seen, &bytes);
    for (unsigned c = 0; c < BRIDGE_CLASSES; c++)
        right = right && queue_right(b, &b->queues[c], QUEUED, &seen, &bytes);
    return right && seen == b->used && bytes == b->bytes && b->used <= b->options.messages_max &&
           b->bytes <= b->options.bytes_max && b->replies <= BRIDGE_REPLIES_MAX && b->sent.count <= b->options.window &&
           b->queues[BRIDGE_TRUST].count <= BRIDGE_TRUST_MAX && b->notes.count <= b->queues[BRIDGE_NOTE].count;
}
