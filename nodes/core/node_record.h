/* SPDX-License-Identifier: Apache-2.0 */
/* How a node's pairs and hold-downs look in the store: versioned, apart from the memory format, a third of its size. Pure; the
 * reader trusts nothing. u8 version; then each number a varint (varint.h): pairs; per pair, with differences to the pair before
 * (the first to zeros), u8 outcome and flags (node_record.c); check_id, generation, policy, job, issued_ms as differences; [pass_ms
 * to issued_ms;] [fail_ms to issued_ms, fails;] reason, worker, attempt; since_s as difference; run_count; run_job to job; passes;
 *   text: 0 none, 1 that of the pair before, else 1 + its bytes, then the text;
 * then per pool with flaps: bytes of its name, hold_until_ms, flaps, the name. */
#ifndef NODE_RECORD_H
#define NODE_RECORD_H

#include "node_registry.h"
#include "sp_buf.h"
#include "text_pool.h"

#define NODE_RECORD_VERSION   2u
#define NODE_RECORD_BYTES_MAX (4u << 20)

/* Effect: appends the record of row to out. names: of the pools, by index; NULL for a free place. Borrows all. */
void node_record_write(const struct node_row *row, const struct text_pool *texts, const char *const *names, uint32_t pools,
                       struct sp_buf *out);
/* Effect: fills pairs and hold-downs of row, which must have no pairs yet. SP_E_VERSION, SP_E_CORRUPT (row is then without pairs),
 * SP_E_NOMEM. Borrows all. */
enum sp_rc node_record_read(struct node_registry *nodes, struct node_row *row, struct text_pool *texts, const char *const *names,
                            uint32_t pools, struct sp_str record) SP_MUST_USE;

#endif
