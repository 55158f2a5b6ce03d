/* SPDX-License-Identifier: Apache-2.0 */
/* How accepted results look in the store's journal: little endian, one after the other, a third of the size in which they came. Pure; the
 * reader trusts nothing. A row begins with u64, the clock domain its instants are of; then per result
 *   u32 node, check, generation, policy; u64 job, issued_ms; u16 reason; u8 outcome, attempt; u16 bytes of text; text */
#ifndef KEEPER_JOURNAL_H
#define KEEPER_JOURNAL_H

#include "pair_state.h"
#include "sp_str.h"
#include "text_pool.h"

#define KEEPER_JOURNAL_HEAD_BYTES 8u
#define KEEPER_JOURNAL_ENTRY_BYTES 38u /* without the text */
#define KEEPER_JOURNAL_ENTRY_MAX (KEEPER_JOURNAL_ENTRY_BYTES + TEXT_POOL_TEXT_BYTES_MAX)

struct keeper_journal_entry {
    uint32_t node, check;
    struct pair_result result; /* wall_s and worker are the row's */
    struct sp_str text;        /* lent by the row */
};

/* Effect: begins a row at `to`, which has KEEPER_JOURNAL_HEAD_BYTES. Returns its length. */
uint32_t keeper_journal_begin(uint8_t *to, uint64_t clock_boot);
/* Effect: takes the head off *rest. SP_E_CORRUPT. */
enum sp_rc keeper_journal_head(struct sp_str *rest, uint64_t *clock_boot) SP_MUST_USE;
/* Effect: writes one entry at `to`, which has KEEPER_JOURNAL_ENTRY_MAX bytes. Returns its length; the text is cut to its maximum. */
uint32_t keeper_journal_put(uint8_t *to, const struct keeper_journal_entry *e);
/* Effect: takes one entry off *rest. SP_E_NOT_FOUND at the end, SP_E_CORRUPT. */
enum sp_rc keeper_journal_next(struct sp_str *rest, struct keeper_journal_entry *out) SP_MUST_USE;

#endif
