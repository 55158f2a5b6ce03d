/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ima_exclude.h - regular expressions that leave paths out, as Keylime's policies have them: those of Python's re.match, which
 * holds them to the beginning of a path and not to its end. One thread.
 *
 * PCRE2 matches them with its automaton, which looks at each byte of a path once and never tracks back, so no path makes one slow;
 * back references and what else it cannot have are refused. Where a match needs more than the memory set
 * aside, or a path is not UTF-8, the path is not left out.
 */
#ifndef SPICE_IMA_EXCLUDE_H
#define SPICE_IMA_EXCLUDE_H

#include "sp_assert.h"
#include "sp_str.h"

#define IMA_EXCLUDES_MAX      1024u
#define IMA_EXCLUDE_BYTES_MAX 1024u /* of one expression */

struct ima_exclude;

/* Gives an empty list. NULL: no memory. */
struct ima_exclude *ima_exclude_new(void);
void ima_exclude_destroy(struct ima_exclude **x);
/* Effect: adds an expression. False: `why` (of `size` bytes) says what is wrong with it. */
SP_MUST_USE bool ima_exclude_add(struct ima_exclude *x, struct sp_str pattern, char *why, size_t size);
/* Returns whether one of them matches. */
bool ima_exclude_match(const struct ima_exclude *x, struct sp_str path);
/* Returns whether all together they match every path, so that nothing would be checked. */
bool ima_exclude_everything(const struct ima_exclude *x);
uint32_t ima_exclude_count(const struct ima_exclude *x);

#endif
