/* SPDX-License-Identifier: Apache-2.0 */
/* How a node's pairs and hold-downs look in the store: little endian, versioned, apart from the memory format. Pure; the reader trusts
 * nothing. */
#ifndef NODE_RECORD_H
#define NODE_RECORD_H

#include "node_registry.h"
#include "sp_buf.h"
#include "text_pool.h"

#define NODE_RECORD_VERSION 1u
#define NODE_RECORD_BYTES_MAX (4u << 20)

/* Effect: appends the record of row to out. names: of the pools, by index; NULL for a free place. Borrows all. */
void node_record_write(const struct node_row *row, const struct text_pool *texts, const char *const *names, uint32_t pools,
                       struct sp_buf *out);
/* Effect: fills pairs and hold-downs of row, which must have no pairs yet. SP_E_VERSION, SP_E_CORRUPT (row is then without pairs),
 * SP_E_NOMEM. Borrows all. */
enum sp_rc node_record_read(struct node_registry *nodes, struct node_row *row, struct text_pool *texts, const char *const *names,
                            uint32_t pools, struct sp_str record) SP_MUST_USE;

#endif
