/* SPDX-License-Identifier: Apache-2.0 */
#include "reader_core.h"

#include <stdlib.h>

#include "dispatch_reader.h"
#include "sp_assert.h"
#include "sp_hash.h"

#define READER_ROUNDING_MS 1u /* the keeper's reading is cut to milliseconds */
#define READER_KEY_BYTES   (1u + READER_NAME_BYTES + READER_NAME_BYTES)

bool reader_core_init(struct reader_core *r, const struct reader_options *options)
{
    memset(r, 0, sizeof *r);
    r->options = *options;
    r->options.entries_max = options->entries_max < READER_ENTRIES_MAX ? options->entries_max : READER_ENTRIES_MAX;
    sp_map_init(&r->by_key);
    sp_map_init(&r->by_name);
    return options->boot != 0 && options->ping_ms > 0 && options->stale_ms >= options->ping_ms;
}

void reader_core_fini(struct reader_core *r)
{
    free(r->entries);
    sp_map_fini(&r->by_key);
    sp_map_fini(&r->by_name);
    memset(r, 0, sizeof *r);
}

/* ---- entries ---- */

/* Hash of (kind, node, pool); kind keeps keys and names apart. */
static uint64_t reader_hash(const struct reader_core *r, uint8_t kind, struct sp_str node, struct sp_str pool)
{
    uint8_t bytes[READER_KEY_BYTES + 16] = {kind};
    size_t n = 1;
    if (node.n >= READER_NAME_BYTES || pool.n >= READER_NAME_BYTES) {
        return 0;
    }
    memcpy(bytes + n, node.p, node.n);
    n += node.n;
    bytes[n++] = 0;
    memcpy(bytes + n, pool.p, pool.n);
    n += pool.n;
    uint64_t hash = sp_hash_sip(r->options.hash_key, bytes, n);
    return hash == UINT64_MAX ? 0 : hash;
}

static struct reader_entry *reader_find_key(const struct reader_core *r, const uint8_t key[16], struct sp_str pool)
{
    uint32_t at = sp_map_get(&r->by_key, reader_hash(r, 'k', sp_str_bytes(key, 16), pool));
    struct reader_entry *e = at == SP_MAP_NONE ? NULL : &r->entries[at];
    return e != NULL && memcmp(e->key, key, 16) == 0 && sp_str_is(pool, e->pool) ? e : NULL;
}

static struct reader_entry *reader_find_name(const struct reader_core *r, struct sp_str node, struct sp_str pool)
{
    uint32_t at = sp_map_get(&r->by_name, reader_hash(r, 'n', node, pool));
    struct reader_entry *e = at == SP_MAP_NONE ? NULL : &r->entries[at];
    return e != NULL && sp_str_is(node, e->node) && sp_str_is(pool, e->pool) ? e : NULL;
}

static bool reader_grow(struct reader_core *r)
{
    if (r->count < r->size) {
        return true;
    }
    uint32_t size = r->size == 0 ? 64 : r->size * 2;
    size = size > r->options.entries_max ? r->options.entries_max : size;
    if (size <= r->count) {
        return false;
    }
    struct reader_entry *entries = realloc(r->entries, (size_t)size * sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    r->entries = entries;
    r->size = size;
    return true;
}

static struct reader_entry *reader_insert(struct reader_core *r, const struct rec_trust_entry *t)
{
    if (!reader_grow(r) || !sp_map_put(&r->by_key, reader_hash(r, 'k', sp_str_bytes(t->key, 16), t->pool), r->count)) {
        return NULL;
    }
    struct reader_entry *e = &r->entries[r->count++];
    memset(e, 0, sizeof *e);
    memcpy(e->key, t->key, 16);
    (void)sp_str_copy(e->pool, sizeof e->pool, t->pool);
    return e;
}

static void reader_change(struct reader_changes *changes, uint32_t index)
{
    if (changes->count < READER_CHANGES_MAX) {
        changes->list[changes->count++] = index;
    } else {
        changes->all = true;
    }
}

/* What a message says of its entries: the keeper's clock when it was made, and whether it is an event. */
struct reader_source {
    uint64_t as_of_ms;
    bool event;
};

enum reader_order { READER_NEWER, READER_OLDER, READER_CONTRADICTS };

/* Parts of a snapshot are made one after another with events between them, and the two go different ways. Each change of an entry is told by
 * an event, and no event is missing, so an event has the last word over any part. A part after the first may hold more than events that
 * come after it: such an event is older. At the same instant nobody can tell, so they had better agree. */
static enum reader_order reader_order(const struct reader_entry *e, const struct rec_trust_entry *t,
                                      const struct reader_source *from)
{
    if (!e->live || e->event == from->event) {
        return READER_NEWER;
    }
    if (!from->event) {
        return READER_OLDER;
    }
    if (from->as_of_ms != e->as_of_ms) {
        return from->as_of_ms < e->as_of_ms ? READER_OLDER : READER_NEWER;
    }
    bool same = t->member == e->member && t->until_ms == e->until_ms && t->tier == e->tier;
    return same ? READER_NEWER : READER_CONTRADICTS;
}

/* Takes one entry over; false when it does not fit, and then nothing may be believed at all. */
static bool reader_apply(struct reader_core *r, const struct rec_trust_entry *t, const struct reader_source *from,
                         struct reader_changes *changes)
{
    struct reader_entry *e = reader_find_key(r, t->key, t->pool);
    enum reader_order order = e != NULL ? reader_order(e, t, from) : READER_NEWER;
    if (order != READER_NEWER) {
        return order == READER_OLDER;
    }
    e = e != NULL ? e : reader_insert(r, t);
    if (e == NULL || t->node.n == 0 || t->node.n >= READER_NAME_BYTES || t->tier > SP_TIER_LAST) {
        r->counters.dropped++;
        return false;
    }
    uint32_t index = (uint32_t)(e - r->entries);
    if (!sp_str_is(t->node, e->node)) {
        if (e->node[0] != '\0' && reader_find_name(r, sp_str_of(e->node), t->pool) == e) {
            sp_map_remove(&r->by_name, reader_hash(r, 'n', sp_str_of(e->node), t->pool));
        }
        if (!sp_map_put(&r->by_name, reader_hash(r, 'n', t->node, t->pool), index)) {
            return false;
        }
        (void)sp_str_copy(e->node, sizeof e->node, t->node);
    }
    (void)sp_str_copy(e->why, sizeof e->why, t->why);
    e->until_ms = t->until_ms;
    e->since_ms = t->since_ms;
    e->tier = t->tier;
    e->member = t->member;
    e->live = true;
    e->event = from->event;
    e->as_of_ms = from->as_of_ms;
    e->shown = t->member;
    r->counters.entries++;
    reader_change(changes, index);
    return true;
}

/* ---- time ---- */

uint64_t reader_core_clock_ms(const struct reader_core *r, struct sp_mono now)
{
    uint64_t elapsed = now.us > r->anchor_us ? now.us - r->anchor_us : 0;
    uint64_t drift = elapsed / 1000000 * READER_DRIFT_PPM + READER_DRIFT_PPM;
    return r->anchor_ms + (elapsed + drift) / SP_US_PER_MS + READER_ROUNDING_MS;
}

/* A reading of the keeper's clock that answers a question asked at asked_us. The lower of two upper bounds is the better one. */
static void reader_anchor(struct reader_core *r, struct sp_mono now, uint64_t asked_us, uint64_t keeper_ms, bool fresh_start)
{
    uint64_t before = reader_core_clock_ms(r, now);
    uint64_t old_us = r->anchor_us, old_ms = r->anchor_ms;
    r->anchor_us = asked_us;
    r->anchor_ms = keeper_ms;
    if (!fresh_start && old_us != 0 && before < reader_core_clock_ms(r, now) && before >= keeper_ms) {
        r->anchor_us = old_us;
        r->anchor_ms = old_ms;
    }
}

bool reader_core_fresh(const struct reader_core *r, struct sp_mono now)
{
    return r->state == READER_FOLLOWING && r->proven_us != 0 && now.us >= r->proven_us &&
           now.us - r->proven_us < r->options.stale_ms * SP_US_PER_MS;
}

/* ---- joining ---- */

static void reader_away(struct reader_core *r, struct reader_changes *changes)
{
    changes->all = changes->all || r->state == READER_FOLLOWING;
    r->state = READER_AWAY;
    r->proven_us = 0;
    r->ping_us = 0;
}

void reader_core_lost(struct reader_core *r, struct reader_changes *changes)
{
    changes->count = 0;
    changes->all = false;
    reader_away(r, changes);
    r->retry_us = 0;
}

struct reader_in {
    struct reader_core *reader;
    struct sp_mono now;
    struct reader_changes *changes;
};

enum sp_rc reader_on_snapshot(struct reader_in *in, struct msg_snapshot *m)
{
    struct reader_core *r = in->reader;
    if (r->state != READER_JOINING || memcmp(m->nonce, r->nonce, sizeof r->nonce) != 0) {
        return SP_OK; /* the answer to an older question */
    }
    if (m->part == 0) {
        r->boot = m->boot;
        r->sequence = m->sequence;
        r->part = 0;
    }
    if (m->part != r->part || m->boot != r->boot || m->boot == 0) {
        r->counters.gaps++;
        reader_away(r, in->changes);
        return SP_OK;
    }
    r->part++;
    r->heard_us = in->now.us;
    struct reader_source from = {m->part > 0 ? m->now_ms : 0, false}; /* no event after the first part is older than it */
    struct sp_list list = m->entries;
    struct rec_trust_entry t;
    while (rec_trust_entry_next(&list, &t)) {
        if (!reader_apply(r, &t, &from, in->changes)) {
            reader_away(r, in->changes);
            return SP_OK;
        }
    }
    if (m->last) {
        reader_anchor(r, in->now, r->asked_us, m->now_ms, true);
        r->state = READER_FOLLOWING;
        r->proven_us = r->asked_us;
        r->ping_due_us = in->now.us;
        r->counters.snapshots++;
        in->changes->all = true;
    }
    return SP_OK;
}

enum sp_rc reader_on_trust_event(struct reader_in *in, struct msg_trust_event *m)
{
    struct reader_core *r = in->reader;
    bool reading = r->state == READER_FOLLOWING || (r->state == READER_JOINING && r->part > 0);
    if (!reading) {
        return SP_OK;
    }
    if (m->boot != r->boot) {
        r->counters.boots++;
        reader_away(r, in->changes);
        return SP_OK;
    }
    if (m->sequence <= r->sequence) {
        return SP_OK; /* contained already */
    }
    if (m->sequence != r->sequence + 1) {
        r->counters.gaps++;
        reader_away(r, in->changes);
        return SP_OK;
    }
    r->sequence = m->sequence;
    r->counters.events++;
    struct reader_source from = {m->now_ms, true};
    struct sp_list list = m->entries;
    struct rec_trust_entry t;
    while (rec_trust_entry_next(&list, &t)) {
        if (!reader_apply(r, &t, &from, in->changes)) {
            reader_away(r, in->changes);
            return SP_OK;
        }
    }
    return SP_OK;
}

enum sp_rc reader_on_trust_beat(struct reader_in *in, struct msg_trust_beat *m)
{
    struct reader_core *r = in->reader;
    if (r->state != READER_FOLLOWING || r->ping_us == 0 || memcmp(m->nonce, r->ping_nonce, sizeof r->ping_nonce) != 0) {
        return SP_OK;
    }
    if (m->boot != r->boot || m->sequence != r->sequence) {
        r->counters.boots += m->boot != r->boot;
        r->counters.gaps += m->boot == r->boot;
        reader_away(r, in->changes);
        return SP_OK;
    }
    r->counters.beats++;
    reader_anchor(r, in->now, r->ping_us, m->now_ms, false);
    r->proven_us = r->ping_us;
    r->ping_us = 0;
    return SP_OK;
}

void reader_core_on_message(struct reader_core *r, struct sp_mono now, enum sp_role from, uint16_t type, struct sp_str body,
                            struct reader_changes *changes)
{
    struct reader_in in = {r, now, changes};
    changes->count = 0;
    changes->all = false;
    enum sp_rc rc = reader_dispatch(&in, type, from, (const uint8_t *)body.p, body.n);
    r->counters.malformed += rc == SP_E_MALFORMED || rc == SP_E_LIMIT || rc == SP_E_AUTHORITY;
}

static void reader_emit_subscribe(struct reader_core *r, struct sp_mono now, const uint8_t nonce[16], struct reader_send *out)
{
    struct msg_subscribe m = {.boot = r->options.boot, .nonce = nonce};
    struct sp_packer w;
    sp_packer_init(&w, out->body, sizeof out->body);
    enum sp_rc rc = msg_subscribe_encode(&w, &m);
    SP_ASSERT(rc == SP_OK);
    out->type = SP_MSG_SUBSCRIBE;
    out->bytes = (uint32_t)sp_packer_bytes(&w);
    memcpy(r->nonce, nonce, sizeof r->nonce);
    r->asked_us = now.us;
    r->heard_us = now.us;
    r->retry_us = now.us + READER_RETRY_MS * SP_US_PER_MS;
    r->state = READER_JOINING;
    r->part = 0;
    r->count = 0; /* what was known is void */
    sp_map_fini(&r->by_key);
    sp_map_fini(&r->by_name);
    sp_map_init(&r->by_key);
    sp_map_init(&r->by_name);
    r->counters.joins++;
}

static void reader_emit_reader_ping(struct reader_core *r, struct sp_mono now, const uint8_t nonce[16], struct reader_send *out)
{
    struct msg_reader_ping m = {.nonce = nonce, .sequence = r->sequence};
    struct sp_packer w;
    sp_packer_init(&w, out->body, sizeof out->body);
    enum sp_rc rc = msg_reader_ping_encode(&w, &m);
    SP_ASSERT(rc == SP_OK);
    out->type = SP_MSG_READER_PING;
    out->bytes = (uint32_t)sp_packer_bytes(&w);
    memcpy(r->ping_nonce, nonce, sizeof r->ping_nonce);
    r->ping_us = now.us;
    r->ping_due_us = now.us + r->options.ping_ms * SP_US_PER_MS;
}

bool reader_core_step(struct reader_core *r, struct sp_mono now, const uint8_t nonce[16], struct reader_send *out,
                      struct reader_changes *changes)
{
    changes->count = 0;
    changes->all = false;
    if (r->state == READER_FOLLOWING && !reader_core_fresh(r, now)) {
        r->counters.stale++;
        reader_away(r, changes);
    }
    if (r->state == READER_JOINING && now.us - r->heard_us >= READER_JOIN_MS * SP_US_PER_MS) {
        reader_away(r, changes);
    }
    if (r->state == READER_AWAY && now.us >= r->retry_us) {
        reader_emit_subscribe(r, now, nonce, out);
        return true;
    }
    if (r->state == READER_FOLLOWING && now.us >= r->ping_due_us) {
        reader_emit_reader_ping(r, now, nonce, out);
        return true;
    }
    return false;
}

void reader_core_expire(struct reader_core *r, struct sp_mono now, struct reader_changes *changes)
{
    changes->count = 0;
    changes->all = false;
    for (uint32_t i = 0; i < r->count; i++) {
        struct reader_answer a;
        if (!r->entries[i].shown) {
            continue;
        }
        reader_core_answer(r, now, &r->entries[i], &a);
        if (!a.member) {
            r->entries[i].shown = false;
            reader_change(changes, i);
        }
    }
}

struct sp_mono reader_core_next_deadline(const struct reader_core *r)
{
    if (r->state == READER_AWAY) {
        return (struct sp_mono){r->retry_us};
    }
    if (r->state == READER_JOINING) {
        return (struct sp_mono){r->heard_us + READER_JOIN_MS * SP_US_PER_MS};
    }
    uint64_t stale_us = r->proven_us + r->options.stale_ms * SP_US_PER_MS;
    return (struct sp_mono){r->ping_due_us < stale_us ? r->ping_due_us : stale_us};
}

/* ---- answers ---- */

void reader_core_answer(const struct reader_core *r, struct sp_mono now, const struct reader_entry *e, struct reader_answer *out)
{
    *out = (struct reader_answer){.tier = SP_TIER_NONE, .why = "no proof from the keeper"};
    if (!reader_core_fresh(r, now)) {
        return;
    }
    out->why = "no such node in this pool";
    if (e == NULL || !e->live) {
        return;
    }
    uint64_t clock_ms = reader_core_clock_ms(r, now);
    out->since_ms = e->since_ms;
    out->why = e->why;
    if (e->member && clock_ms < e->until_ms) {
        out->member = true;
        out->tier = e->tier;
        out->remaining_ms = e->until_ms - clock_ms;
    } else if (e->member) {
        out->why = "its time is over and no renewal came";
    } else {
        out->tier = e->tier;
    }
}

void reader_core_lookup(const struct reader_core *r, struct sp_mono now, struct sp_str node, const uint8_t *key, struct sp_str pool,
                        struct reader_answer *out)
{
    reader_core_answer(r, now, key != NULL ? reader_find_key(r, key, pool) : reader_find_name(r, node, pool), out);
}

void reader_core_lookup_word(const struct reader_core *r, struct sp_mono now, struct sp_str word, const uint8_t *key,
                             struct sp_str pool, struct reader_answer *out)
{
    const struct reader_entry *named = reader_find_name(r, word, pool);
    const struct reader_entry *keyed = key != NULL ? reader_find_key(r, key, pool) : NULL;
    bool two = named != NULL && keyed != NULL && named != keyed;
    reader_core_answer(r, now, two ? NULL : named != NULL ? named : keyed, out);
    if (two && reader_core_fresh(r, now)) {
        out->why = "this is the name of one node and the key of another";
    }
}

bool reader_core_check(const struct reader_core *r, struct sp_mono now)
{
    bool fresh = reader_core_fresh(r, now);
    for (uint32_t i = 0; i < r->count; i++) {
        struct reader_answer a;
        reader_core_answer(r, now, &r->entries[i], &a);
        if (a.member && (!fresh || a.remaining_ms == 0 || reader_core_clock_ms(r, now) + a.remaining_ms > r->entries[i].until_ms)) {
            return false; /* SI-2 */
        }
    }
    return r->count <= r->options.entries_max && (r->state != READER_FOLLOWING || r->boot != 0);
}
