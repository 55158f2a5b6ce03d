/* SPDX-License-Identifier: Apache-2.0 */
#include "node_record.h"

#include "sp_assert.h"
#include "varint.h"

#define PAIR_BYTES_MIN 14u /* without the text */
#define PAIR_BYTES_MAX (1u + 6 * VARINT_BYTES_32 + 4 * VARINT_BYTES_64 + 4 * 3u + 2u + 2u)
#define TEXT_NONE      0u
#define TEXT_AGAIN     1u

/* The first byte of a pair. */
enum {
    PAIR_OUTCOME = 3, /* bits 0-1 */
    PAIR_UP = 1 << 2,
    PAIR_DOWN = 1 << 3,
    PAIR_WARN = 1 << 4,
    PAIR_KNOWN = 1 << 5,
    PAIR_PASS_IS_LAST = 1 << 6, /* pass_ms is issued_ms and is left out */
    PAIR_NO_FAIL = 1 << 7       /* fail_ms and fails are 0 and are left out */
};

SP_STATIC_ASSERT(SP_OUTCOME_LAST <= PAIR_OUTCOME, "an outcome has two bits");

static uint8_t node_record_flags(const struct pair_state *p)
{
    return (uint8_t)((p->outcome & PAIR_OUTCOME) | (p->up != 0 ? PAIR_UP : 0) | (p->down != 0 ? PAIR_DOWN : 0) |
                     (p->warn != 0 ? PAIR_WARN : 0) | (p->known != 0 ? PAIR_KNOWN : 0) |
                     (p->pass_ms == p->issued_ms ? PAIR_PASS_IS_LAST : 0) | (p->fail_ms == 0 && p->fails == 0 ? PAIR_NO_FAIL : 0));
}

/* Numbers that are alike in the pairs of a node are written as difference to the pair before. */
static void node_record_pair(const struct pair_state *p, const struct pair_state *before, const struct text_pool *texts,
                             struct sp_buf *out)
{
    struct sp_str text = text_pool_text(texts, p->text);
    uint8_t *start = sp_buf_room(out, PAIR_BYTES_MAX + text.n), *to = start, flags = node_record_flags(p);
    if (to == NULL) {
        return; /* the buffer remembers */
    }
    *to++ = flags;
    to = varint_put(to, p->check_id - before->check_id);
    to = varint_put(to, varint_zigzag_32(before->generation, p->generation));
    to = varint_put(to, varint_zigzag_32(before->policy, p->policy));
    to = varint_put(to, varint_zigzag(before->job, p->job));
    to = varint_put(to, varint_zigzag(before->issued_ms, p->issued_ms));
    if ((flags & PAIR_PASS_IS_LAST) == 0) {
        to = varint_put(to, varint_zigzag(p->issued_ms, p->pass_ms));
    }
    if ((flags & PAIR_NO_FAIL) == 0) {
        to = varint_put(to, varint_zigzag(p->issued_ms, p->fail_ms));
        to = varint_put(to, p->fails);
    }
    to = varint_put(to, p->reason);
    to = varint_put(to, p->worker);
    to = varint_put(to, p->attempt);
    to = varint_put(to, varint_zigzag_32(before->since_s, p->since_s));
    to = varint_put(to, p->run_count);
    to = varint_put(to, varint_zigzag_32((uint32_t)(p->job & UINT32_MAX), p->run_job));
    to = varint_put(to, p->passes);
    if (text.n == 0) {
        to = varint_put(to, TEXT_NONE);
    } else if (p->text == before->text) {
        to = varint_put(to, TEXT_AGAIN);
    } else {
        to = varint_put(to, TEXT_AGAIN + text.n);
        memcpy(to, text.p, text.n);
        to += text.n;
    }
    SP_ASSERT((size_t)(to - start) <= PAIR_BYTES_MAX + text.n);
    out->n += (size_t)(to - start);
}

void node_record_write(const struct node_row *row, const struct text_pool *texts, const char *const *names, uint32_t pools,
                       struct sp_buf *out)
{
    static const struct pair_state none;
    uint8_t head[1 + VARINT_BYTES_32] = {NODE_RECORD_VERSION};
    sp_buf_append(out, head, (size_t)(varint_put(head + 1, row->pair_count) - head));
    for (uint32_t i = 0; i < row->pair_count; i++) {
        node_record_pair(&row->pairs[i], i > 0 ? &row->pairs[i - 1] : &none, texts, out);
    }
    for (uint32_t p = 0; p < pools; p++) {
        const struct membership *m = &row->members[p];
        if (names[p] == NULL || m->flaps == 0) {
            continue;
        }
        uint8_t hold[2 * VARINT_BYTES_32 + VARINT_BYTES_64], *h = hold;
        h = varint_put(h, strlen(names[p]));
        h = varint_put(h, m->hold_until_ms);
        h = varint_put(h, m->flaps);
        sp_buf_append(out, hold, (size_t)(h - hold));
        sp_buf_text(out, names[p]);
    }
}

static struct sp_str record_bytes(struct varint_reader *r, uint64_t n)
{
    if (r->bad || (uint64_t)(r->end - r->p) < n) {
        r->bad = true;
        return (struct sp_str){NULL, 0};
    }
    struct sp_str s = sp_str_bytes(r->p, n);
    r->p += n;
    return s;
}

static uint32_t record_32(struct varint_reader *r)
{
    return (uint32_t)varint_get(r, UINT32_MAX);
}

/* An instant as difference to another one. */
static uint64_t record_ms(struct varint_reader *r, uint64_t from)
{
    uint64_t ms = varint_unzigzag(from, varint_get(r, UINT64_MAX));
    r->bad = r->bad || ms > PAIR_MS_MAX;
    return ms;
}

/* What has been read so far: the pair before, and its text. */
struct record_before {
    struct pair_state pair;
    struct sp_str text;
};

static void record_pair(struct varint_reader *r, const struct pair_state *before, struct pair_state *p)
{
    struct sp_str one = record_bytes(r, 1);
    uint8_t flags = one.n == 1 ? (uint8_t)*one.p : 0;
    p->outcome = flags & PAIR_OUTCOME;
    p->up = (flags & PAIR_UP) != 0;
    p->down = (flags & PAIR_DOWN) != 0;
    p->warn = (flags & PAIR_WARN) != 0;
    p->known = (flags & PAIR_KNOWN) != 0;
    uint32_t step = record_32(r);
    r->bad = r->bad || step == 0 || step > UINT32_MAX - before->check_id; /* checks rise */
    p->check_id = before->check_id + step;
    p->generation = varint_unzigzag_32(before->generation, record_32(r));
    p->policy = varint_unzigzag_32(before->policy, record_32(r));
    p->job = varint_unzigzag(before->job, varint_get(r, UINT64_MAX));
    p->issued_ms = record_ms(r, before->issued_ms) & PAIR_MS_MAX;
    p->pass_ms = (flags & PAIR_PASS_IS_LAST) != 0 ? p->issued_ms : record_ms(r, p->issued_ms) & PAIR_MS_MAX;
    if ((flags & PAIR_NO_FAIL) == 0) {
        p->fail_ms = record_ms(r, p->issued_ms) & PAIR_MS_MAX;
        p->fails = (uint16_t)varint_get(r, UINT16_MAX);
    }
    p->reason = varint_get(r, UINT16_MAX) & UINT16_MAX;
    p->worker = varint_get(r, UINT16_MAX) & UINT16_MAX;
    p->attempt = varint_get(r, UINT8_MAX) & UINT8_MAX;
    p->since_s = varint_unzigzag_32(before->since_s, record_32(r));
    p->run_count = record_32(r);
    p->run_job = varint_unzigzag_32((uint32_t)(p->job & UINT32_MAX), record_32(r));
    p->passes = (uint16_t)varint_get(r, UINT16_MAX);
}

static enum sp_rc node_record_read_pair(struct varint_reader *r, struct node_registry *nodes, struct node_row *row,
                                        struct text_pool *texts, struct record_before *before)
{
    struct pair_state p = {0};
    record_pair(r, &before->pair, &p);
    uint64_t form = varint_get(r, TEXT_AGAIN + TEXT_POOL_TEXT_BYTES_MAX);
    if (form != TEXT_AGAIN) {
        before->text = record_bytes(r, form > TEXT_AGAIN ? form - TEXT_AGAIN : 0);
    }
    if (r->bad || !pair_state_check(&p)) {
        return SP_E_CORRUPT;
    }
    struct pair_state *pair = node_registry_pair(nodes, row, p.check_id);
    if (pair == NULL) {
        return SP_E_NOMEM;
    }
    before->pair = p;
    p.text = text_pool_keep(texts, before->text);
    *pair = p;
    return SP_OK;
}

static void node_record_read_holds(struct varint_reader *r, struct node_row *row, const char *const *names, uint32_t pools)
{
    while (!r->bad && r->p < r->end) {
        uint64_t length = varint_get(r, UINT8_MAX);
        uint64_t until = varint_get(r, UINT64_MAX);
        uint32_t flaps = record_32(r);
        struct sp_str name = record_bytes(r, length);
        for (uint32_t p = 0; p < pools && !r->bad; p++) {
            if (names[p] != NULL && sp_str_is(name, names[p])) {
                row->members[p].hold_until_ms = until;
                row->members[p].flaps = flaps;
            }
        }
    }
}

enum sp_rc node_record_read(struct node_registry *nodes, struct node_row *row, struct text_pool *texts, const char *const *names,
                            uint32_t pools, struct sp_str record)
{
    SP_ASSERT(row->pair_count == 0);
    struct varint_reader r = {(const uint8_t *)record.p, (const uint8_t *)record.p + record.n, false};
    struct sp_str version = record_bytes(&r, 1);
    if (r.bad || *version.p != NODE_RECORD_VERSION) {
        return r.bad ? SP_E_CORRUPT : SP_E_VERSION;
    }
    uint64_t count = varint_get(&r, NODE_PAIRS_MAX);
    struct record_before before = {.text = {NULL, 0}};
    if (!r.bad && count <= record.n / PAIR_BYTES_MIN) {
        node_registry_reserve(row, (uint32_t)count);
    }
    enum sp_rc rc = r.bad ? SP_E_CORRUPT : SP_OK;
    for (uint64_t i = 0; i < count && rc == SP_OK; i++) {
        rc = node_record_read_pair(&r, nodes, row, texts, &before);
    }
    if (rc == SP_OK) {
        node_record_read_holds(&r, row, names, pools);
        rc = r.bad ? SP_E_CORRUPT : SP_OK;
    }
    if (rc != SP_OK) {
        for (uint32_t i = 0; i < row->pair_count; i++) {
            text_pool_drop(texts, row->pairs[i].text);
        }
        nodes->pairs -= row->pair_count;
        row->pair_count = 0;
    }
    return rc;
}
