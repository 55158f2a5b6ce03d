/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as text: hexadecimal (lower case out, both in) and Z85 (ZeroMQ RFC 32, as CURVE keys are written). Both parsers take the
 * whole view or nothing. Not constant-time: the texts of secrets are handled at start only. */
#ifndef SP_HEX_H
#define SP_HEX_H

#include "sp_str.h"

#define SP_HEX_Z85_KEY_BYTES 41u /* a 32-byte key as Z85, with NUL */

/* Effect: writes 2n characters and a NUL; to has 2n+1 bytes. */
void sp_hex_write(const uint8_t *p, size_t n, char *to);
/* Effect: fills exactly n bytes. False unless text is exactly 2n hexadecimal digits; *out is then untouched. */
bool sp_hex_parse(struct sp_str text, uint8_t *out, size_t n);
/* Effect: writes n*5/4 characters and a NUL; n is a multiple of 4. */
void sp_hex_z85_write(const uint8_t *p, size_t n, char *to);
/* Effect: fills exactly n bytes (a multiple of 4). False unless text is exactly n*5/4 characters of valid Z85. */
bool sp_hex_z85_parse(struct sp_str text, uint8_t *out, size_t n);

/* True when text is the key of a node: 32 hexadecimal digits, or 36 characters with dashes between them. *key only then. */
bool sp_hex_key(struct sp_str text, uint8_t key[16]);
#define SP_HEX_KEY_BYTES 37u /* the second form, with NUL */
/* Effect: writes the second form. */
void sp_hex_key_write(const uint8_t key[16], char to[SP_HEX_KEY_BYTES]);

#endif
