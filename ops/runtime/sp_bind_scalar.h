/* SPDX-License-Identifier: Apache-2.0 */
/* Single values of sp_bind: text to field and back. A part of sp_bind; others use sp_bind.h. */
#ifndef SP_BIND_SCALAR_H
#define SP_BIND_SCALAR_H

#include "sp_bind.h"

#define SP_BIND_SCALAR_WHY_BYTES 200u

/* Effect: parses text by the key's type and limits into the field at `to`. False: `why` says what would be right. */
SP_MUST_USE bool sp_bind_scalar_set(const struct sp_bind_key *k, struct sp_str text, void *to, char why[SP_BIND_SCALAR_WHY_BYTES]);
/* Effect: appends the field at `from` as one would write it. */
void sp_bind_scalar_get(const struct sp_bind_key *k, const void *from, struct sp_buf *b);
/* Effect: appends type and range in words for the manual. */
void sp_bind_scalar_range(const struct sp_bind_key *k, struct sp_buf *b);

#endif
