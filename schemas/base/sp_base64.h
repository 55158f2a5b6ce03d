/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648 section 4: standard alphabet, padding demanded, nothing else tolerated. Pure. */
#ifndef SP_BASE64_H
#define SP_BASE64_H

#include "sp_buf.h"

/* Effect: appends the text of n bytes. */
void sp_base64_write(struct sp_buf *b, const void *p, size_t n);
/* True when the text is the canonical form of exactly n bytes; they are written to `to` only then. */
bool sp_base64_read(struct sp_str text, uint8_t *to, size_t n);
/* Returns how many bytes a text of this length and padding stands for, whatever its letters are. */
size_t sp_base64_bytes(struct sp_str text);

#endif
