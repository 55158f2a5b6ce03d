/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_journal.h"

#include <string.h>

#define OUTCOME_BITS 3u
#define UNUSUAL      4u /* reason and attempt are not 0 and 1 */
#define TEXT_NONE    0u
#define TEXT_AGAIN   1u

SP_STATIC_ASSERT(SP_OUTCOME_LAST <= OUTCOME_BITS, "an outcome has two bits");

uint32_t keeper_journal_begin(uint8_t *to, uint64_t clock_boot, struct keeper_journal_mark *mark)
{
    for (unsigned i = 0; i < KEEPER_JOURNAL_HEAD_BYTES; i++) {
        to[i] = (uint8_t)(clock_boot >> 8 * i & 0xff);
    }
    *mark = (struct keeper_journal_mark){.text = {NULL, 0}};
    return KEEPER_JOURNAL_HEAD_BYTES;
}

enum sp_rc keeper_journal_head(struct sp_str *rest, uint64_t *clock_boot, struct keeper_journal_mark *mark)
{
    if (rest->n < KEEPER_JOURNAL_HEAD_BYTES) {
        return SP_E_CORRUPT;
    }
    *clock_boot = 0;
    for (unsigned i = 0; i < KEEPER_JOURNAL_HEAD_BYTES; i++) {
        *clock_boot |= (uint64_t)(uint8_t)rest->p[i] << 8 * i;
    }
    *mark = (struct keeper_journal_mark){.text = {NULL, 0}};
    *rest = (struct sp_str){rest->p + KEEPER_JOURNAL_HEAD_BYTES, rest->n - KEEPER_JOURNAL_HEAD_BYTES};
    return SP_OK;
}

/* The text of e, cut to its maximum; the mark then has it as the row does, for the caller's may not live until the next entry. */
static uint8_t *journal_put_text(uint8_t *to, struct keeper_journal_mark *mark, struct sp_str text)
{
    text.n = text.n < TEXT_POOL_TEXT_BYTES_MAX ? text.n : TEXT_POOL_TEXT_BYTES_MAX;
    if (text.n == 0) {
        mark->text = text;
        return varint_put(to, TEXT_NONE);
    }
    if (sp_str_eq(text, mark->text)) {
        return varint_put(to, TEXT_AGAIN);
    }
    to = varint_put(to, TEXT_AGAIN + text.n);
    memcpy(to, text.p, text.n);
    mark->text = sp_str_bytes(to, text.n);
    return to + text.n;
}

uint32_t keeper_journal_put(uint8_t *to, struct keeper_journal_mark *mark, const struct keeper_journal_entry *e)
{
    const struct pair_result *r = &e->result;
    bool unusual = r->reason != 0 || r->attempt != 1;
    uint8_t *p = to;
    *p++ = (uint8_t)(r->outcome | (unusual ? UNUSUAL : 0));
    p = varint_put(p, e->node);
    p = varint_put(p, e->check);
    p = varint_put(p, varint_zigzag_32(mark->generation, r->generation));
    p = varint_put(p, varint_zigzag_32(mark->policy, r->policy));
    p = varint_put(p, varint_zigzag(mark->job, r->job));
    p = varint_put(p, varint_zigzag(mark->issued_ms, r->issued_ms));
    if (unusual) {
        p = varint_put(p, r->reason);
        p = varint_put(p, r->attempt);
    }
    p = journal_put_text(p, mark, e->text);
    mark->job = r->job;
    mark->issued_ms = r->issued_ms;
    mark->generation = r->generation;
    mark->policy = r->policy;
    return (uint32_t)(p - to);
}

/* False when there is none that fits, or when it is not in its one form. */
static bool journal_next_text(struct varint_reader *r, struct keeper_journal_mark *mark)
{
    uint64_t form = varint_get(r, TEXT_AGAIN + TEXT_POOL_TEXT_BYTES_MAX);
    if (form == TEXT_AGAIN) {
        return mark->text.n > 0;
    }
    uint32_t n = form > TEXT_AGAIN ? (uint32_t)form - TEXT_AGAIN : 0;
    if (r->bad || n > (size_t)(r->end - r->p)) {
        return false;
    }
    struct sp_str text = sp_str_bytes(r->p, n);
    if (n > 0 && sp_str_eq(text, mark->text)) {
        return false;
    }
    mark->text = text;
    r->p += n;
    return true;
}

enum sp_rc keeper_journal_next(struct sp_str *rest, struct keeper_journal_mark *mark, struct keeper_journal_entry *out)
{
    if (rest->n == 0) {
        return SP_E_NOT_FOUND;
    }
    const uint8_t *start = (const uint8_t *)rest->p;
    struct varint_reader r = {start + 1, start + rest->n, false};
    struct pair_result *v = &out->result;
    memset(out, 0, sizeof *out);
    v->outcome = *start & OUTCOME_BITS;
    out->node = (uint32_t)varint_get(&r, UINT32_MAX);
    out->check = (uint32_t)varint_get(&r, UINT32_MAX);
    v->generation = varint_unzigzag_32(mark->generation, (uint32_t)varint_get(&r, UINT32_MAX));
    v->policy = varint_unzigzag_32(mark->policy, (uint32_t)varint_get(&r, UINT32_MAX));
    v->job = varint_unzigzag(mark->job, varint_get(&r, UINT64_MAX));
    v->issued_ms = varint_unzigzag(mark->issued_ms, varint_get(&r, UINT64_MAX));
    bool unusual = (*start & UNUSUAL) != 0;
    v->reason = unusual ? (uint16_t)varint_get(&r, UINT16_MAX) : 0;
    v->attempt = unusual ? (uint8_t)varint_get(&r, UINT8_MAX) : 1;
    bool form =
        *start <= (OUTCOME_BITS | UNUSUAL) && v->outcome <= SP_OUTCOME_LAST && unusual == (v->reason != 0 || v->attempt != 1);
    bool dated = v->issued_ms > 0 && v->issued_ms <= PAIR_MS_MAX;
    if (r.bad || !form || !dated || !journal_next_text(&r, mark)) {
        return SP_E_CORRUPT;
    }
    out->text = mark->text;
    mark->job = v->job;
    mark->issued_ms = v->issued_ms;
    mark->generation = v->generation;
    mark->policy = v->policy;
    *rest = sp_str_bytes(r.p, (size_t)(r.end - r.p));
    return SP_OK;
}
