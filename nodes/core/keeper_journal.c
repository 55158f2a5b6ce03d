/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_journal.h"

#include <string.h>

static void journal_put(uint8_t **to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        *(*to)++ = (uint8_t)(value >> 8 * i & 0xff);
    }
}

static uint64_t journal_get(const uint8_t **from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)*(*from)++ << 8 * i;
    }
    return value;
}

uint32_t keeper_journal_begin(uint8_t *to, uint64_t clock_boot)
{
    journal_put(&to, clock_boot, KEEPER_JOURNAL_HEAD_BYTES);
    return KEEPER_JOURNAL_HEAD_BYTES;
}

enum sp_rc keeper_journal_head(struct sp_str *rest, uint64_t *clock_boot)
{
    if (rest->n < KEEPER_JOURNAL_HEAD_BYTES) {
        return SP_E_CORRUPT;
    }
    const uint8_t *p = (const uint8_t *)rest->p;
    *clock_boot = journal_get(&p, KEEPER_JOURNAL_HEAD_BYTES);
    *rest = (struct sp_str){rest->p + KEEPER_JOURNAL_HEAD_BYTES, rest->n - KEEPER_JOURNAL_HEAD_BYTES};
    return SP_OK;
}

uint32_t keeper_journal_put(uint8_t *to, const struct keeper_journal_entry *e)
{
    uint32_t n = e->text.n < TEXT_POOL_TEXT_BYTES_MAX ? e->text.n : TEXT_POOL_TEXT_BYTES_MAX;
    journal_put(&to, e->node, 4);
    journal_put(&to, e->check, 4);
    journal_put(&to, e->result.generation, 4);
    journal_put(&to, e->result.policy, 4);
    journal_put(&to, e->result.job, 8);
    journal_put(&to, e->result.issued_ms, 8);
    journal_put(&to, e->result.reason, 2);
    journal_put(&to, e->result.outcome, 1);
    journal_put(&to, e->result.attempt, 1);
    journal_put(&to, n, 2);
    if (n > 0) {
        memcpy(to, e->text.p, n);
    }
    return KEEPER_JOURNAL_ENTRY_BYTES + n;
}

enum sp_rc keeper_journal_next(struct sp_str *rest, struct keeper_journal_entry *out)
{
    if (rest->n == 0) {
        return SP_E_NOT_FOUND;
    }
    if (rest->n < KEEPER_JOURNAL_ENTRY_BYTES) {
        return SP_E_CORRUPT;
    }
    const uint8_t *p = (const uint8_t *)rest->p;
    memset(out, 0, sizeof *out);
    out->node = (uint32_t)journal_get(&p, 4);
    out->check = (uint32_t)journal_get(&p, 4);
    out->result.generation = (uint32_t)journal_get(&p, 4);
    out->result.policy = (uint32_t)journal_get(&p, 4);
    out->result.job = journal_get(&p, 8);
    out->result.issued_ms = journal_get(&p, 8);
    out->result.reason = (uint16_t)journal_get(&p, 2);
    out->result.outcome = (uint8_t)journal_get(&p, 1);
    out->result.attempt = (uint8_t)journal_get(&p, 1);
    uint32_t n = (uint32_t)journal_get(&p, 2);
    bool dated = out->result.issued_ms > 0 && out->result.issued_ms <= PAIR_MS_MAX;
    if (n > TEXT_POOL_TEXT_BYTES_MAX || n > rest->n - KEEPER_JOURNAL_ENTRY_BYTES || out->result.outcome > SP_OUTCOME_LAST || !dated) {
        return SP_E_CORRUPT;
    }
    out->text = sp_str_bytes(p, n);
    *rest = (struct sp_str){rest->p + KEEPER_JOURNAL_ENTRY_BYTES + n, rest->n - KEEPER_JOURNAL_ENTRY_BYTES - n};
    return SP_OK;
}
