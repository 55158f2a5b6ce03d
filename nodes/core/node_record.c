/* SPDX-License-Identifier: Apache-2.0 */
#include "node_record.h"

#include "sp_assert.h"

#define NODE_RECORD_PAIR_BYTES 70u /* without the text */

struct record_reader {
    const uint8_t *p;
    const uint8_t *end;
    bool bad;
};

static void record_put(uint8_t **to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        *(*to)++ = (uint8_t)(value >> 8 * i & 0xff);
    }
}

static uint64_t record_get(struct record_reader *r, unsigned bytes)
{
    if (r->bad || (size_t)(r->end - r->p) < bytes) {
        r->bad = true;
        return 0;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)*r->p++ << 8 * i;
    }
    return value;
}

static struct sp_str record_bytes(struct record_reader *r, uint64_t n)
{
    if (r->bad || (uint64_t)(r->end - r->p) < n) {
        r->bad = true;
        return (struct sp_str){NULL, 0};
    }
    struct sp_str s = sp_str_bytes(r->p, n);
    r->p += n;
    return s;
}

static void node_record_pair(const struct pair_state *p, const struct text_pool *texts, struct sp_buf *out)
{
    struct sp_str text = text_pool_text(texts, p->text);
    uint8_t *to = sp_buf_room(out, NODE_RECORD_PAIR_BYTES + text.n);
    if (to == NULL) {
        return; /* the buffer remembers */
    }
    uint8_t *start = to;
    record_put(&to, p->check_id, 4);
    record_put(&to, p->generation, 4);
    record_put(&to, p->policy, 4);
    record_put(&to, p->job, 8);
    record_put(&to, p->issued_ms, 8);
    record_put(&to, p->pass_ms, 8);
    record_put(&to, p->fail_ms, 8);
    record_put(&to, p->reason, 2);
    record_put(&to, p->worker, 2);
    record_put(&to, p->attempt, 1);
    record_put(&to, p->outcome, 1);
    record_put(&to, (uint64_t)p->up | (uint64_t)p->down << 1 | (uint64_t)p->warn << 2 | (uint64_t)p->known << 3, 1);
    record_put(&to, p->since_s, 4);
    record_put(&to, p->run_count, 4);
    record_put(&to, p->run_job, 4);
    record_put(&to, p->passes, 2);
    record_put(&to, p->fails, 2);
    record_put(&to, 0, 1);
    record_put(&to, text.n, 2);
    SP_ASSERT((size_t)(to - start) == NODE_RECORD_PAIR_BYTES);
    if (text.n > 0) {
        memcpy(to, text.p, text.n);
    }
    out->n += NODE_RECORD_PAIR_BYTES + text.n;
}

void node_record_write(const struct node_row *row, const struct text_pool *texts, const char *const *names, uint32_t pools,
                       struct sp_buf *out)
{
    uint8_t head[5], *to = head;
    record_put(&to, NODE_RECORD_VERSION, 1);
    record_put(&to, row->pair_count, 4);
    sp_buf_append(out, head, sizeof head);
    for (uint32_t i = 0; i < row->pair_count; i++) {
        node_record_pair(&row->pairs[i], texts, out);
    }
    for (uint32_t p = 0; p < pools; p++) {
        const struct membership *m = &row->members[p];
        if (names[p] == NULL || m->flaps == 0) {
            continue;
        }
        uint8_t hold[13], *h = hold;
        record_put(&h, strlen(names[p]), 1);
        record_put(&h, m->hold_until_ms, 8);
        record_put(&h, m->flaps, 4);
        sp_buf_append(out, hold, sizeof hold);
        sp_buf_text(out, names[p]);
    }
}

static enum sp_rc node_record_read_pair(struct record_reader *r, struct node_registry *nodes, struct node_row *row,
                                        struct text_pool *texts, uint32_t *last_check)
{
    struct pair_state p = {0};
    p.check_id = (uint32_t)record_get(r, 4);
    p.generation = (uint32_t)record_get(r, 4);
    p.policy = (uint32_t)record_get(r, 4);
    p.job = record_get(r, 8);
    p.issued_ms = record_get(r, 8) & PAIR_MS_MAX;
    p.pass_ms = record_get(r, 8) & PAIR_MS_MAX;
    p.fail_ms = record_get(r, 8) & PAIR_MS_MAX;
    p.reason = record_get(r, 2) & 0xffff;
    p.worker = record_get(r, 2) & 0xffff;
    p.attempt = record_get(r, 1) & 0xff;
    p.outcome = record_get(r, 1) & 0xf;
    uint64_t flags = record_get(r, 1);
    p.up = flags & 1;
    p.down = flags >> 1 & 1;
    p.warn = flags >> 2 & 1;
    p.known = flags >> 3 & 1;
    p.since_s = (uint32_t)record_get(r, 4);
    p.run_count = (uint32_t)record_get(r, 4);
    p.run_job = (uint32_t)record_get(r, 4);
    p.passes = (uint16_t)record_get(r, 2);
    p.fails = (uint16_t)record_get(r, 2);
    (void)record_get(r, 1);
    struct sp_str text = record_bytes(r, record_get(r, 2));
    if (r->bad || p.check_id <= *last_check || !pair_state_check(&p)) {
        return SP_E_CORRUPT;
    }
    *last_check = p.check_id;
    struct pair_state *pair = node_registry_pair(nodes, row, p.check_id);
    if (pair == NULL) {
        return SP_E_NOMEM;
    }
    p.text = text_pool_keep(texts, text);
    *pair = p;
    return SP_OK;
}

static void node_record_read_holds(struct record_reader *r, struct node_row *row, const char *const *names, uint32_t pools)
{
    while (!r->bad && r->p < r->end) {
        uint64_t length = record_get(r, 1);
        uint64_t until = record_get(r, 8);
        uint64_t flaps = record_get(r, 4);
        struct sp_str name = record_bytes(r, length);
        for (uint32_t p = 0; p < pools && !r->bad; p++) {
            if (names[p] != NULL && sp_str_is(name, names[p])) {
                row->members[p].hold_until_ms = until;
                row->members[p].flaps = (uint32_t)flaps;
            }
        }
    }
}

enum sp_rc node_record_read(struct node_registry *nodes, struct node_row *row, struct text_pool *texts, const char *const *names,
                            uint32_t pools, struct sp_str record)
{
    SP_ASSERT(row->pair_count == 0);
    struct record_reader r = {(const uint8_t *)record.p, (const uint8_t *)record.p + record.n, false};
    if (record_get(&r, 1) != NODE_RECORD_VERSION) {
        return r.bad ? SP_E_CORRUPT : SP_E_VERSION;
    }
    uint64_t count = record_get(&r, 4);
    uint32_t last_check = 0;
    if (!r.bad && count <= record.n / NODE_RECORD_PAIR_BYTES) {
        node_registry_reserve(row, (uint32_t)count);
    }
    enum sp_rc rc = count > NODE_PAIRS_MAX || r.bad ? SP_E_CORRUPT : SP_OK;
    for (uint64_t i = 0; i < count && rc == SP_OK; i++) {
        rc = node_record_read_pair(&r, nodes, row, texts, &last_check);
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
