/* SPDX-License-Identifier: Apache-2.0 */
/* How accepted results look in the store's journal, a fifteenth of the size in which they came besides the text. Pure; the reader
 * trusts nothing. A row begins with u64 (little endian), the clock domain its instants are of. Then per result, each number a
 * varint (varint.h): u8 outcome in bits 0-1, bit 2: reason and attempt follow, else they are 0 and 1; node; check; generation,
 * policy, job, issued_ms as difference to the entry before (the first to zeros); [reason; attempt;] text: 0 none, 1 that of the
 * entry before, else 1 + its bytes, then the text. A row is whole in itself and each has one form only: what is read and written
 * again is the same bytes. */
#ifndef KEEPER_JOURNAL_H
#define KEEPER_JOURNAL_H

#include "pair_state.h"
#include "sp_str.h"
#include "text_pool.h"
#include "varint.h"

#define KEEPER_JOURNAL_HEAD_BYTES 8u
#define KEEPER_JOURNAL_ENTRY_MAX  (1u + 4 * VARINT_BYTES_32 + 2 * VARINT_BYTES_64 + 3u + 2u + 2u + TEXT_POOL_TEXT_BYTES_MAX)

struct keeper_journal_entry {
    uint32_t node, check;
    struct pair_result result; /* wall_s and worker are the row's */
    struct sp_str text;        /* lent by the row */
};

/* The entry before, to which the next one says its differences. Lends the text. */
struct keeper_journal_mark {
    uint64_t job, issued_ms;
    uint32_t generation, policy;
    struct sp_str text;
};

/* Effect: begins a row at `to`, which has KEEPER_JOURNAL_HEAD_BYTES, and its mark. Returns its length. */
uint32_t keeper_journal_begin(uint8_t *to, uint64_t clock_boot, struct keeper_journal_mark *mark);
/* Effect: takes the head off *rest and begins its mark. SP_E_CORRUPT. */
enum sp_rc keeper_journal_head(struct sp_str *rest, uint64_t *clock_boot, struct keeper_journal_mark *mark) SP_MUST_USE;
/* Effect: writes one entry at `to`, which has KEEPER_JOURNAL_ENTRY_MAX bytes. Returns its length; the text is cut to its maximum.
 */
uint32_t keeper_journal_put(uint8_t *to, struct keeper_journal_mark *mark, const struct keeper_journal_entry *e);
/* Effect: takes one entry off *rest. SP_E_NOT_FOUND at the end, SP_E_CORRUPT. */
enum sp_rc keeper_journal_next(struct sp_str *rest, struct keeper_journal_mark *mark, struct keeper_journal_entry *out) SP_MUST_USE;

#endif
