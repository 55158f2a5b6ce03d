/* SPDX-License-Identifier: Apache-2.0 */
/* ima_rules_parts.h - what the readers of the forms share; for ima_rules*.c only. */
#ifndef SPICE_IMA_RULES_PARTS_H
#define SPICE_IMA_RULES_PARTS_H

#include "ima_rules.h"

/* Filled by a reader; the first thing wrong stays. */
struct ima_reader {
    struct ima_rules *rules;
    char *why;
    bool failed;
    bool own; /* the form is ours */
};

/* Effect: remembers the first thing wrong. */
void ima_reader_wrong(struct ima_reader *r, const char *format, ...) SP_PRINTF(2, 3);
/* Effect: lists a digest as text: hexadecimal digits, with "sha256:" and the like before it or without. */
void ima_reader_digest(struct ima_reader *r, enum ima_class class, struct sp_str name, struct sp_str text);
/* Effect: adds a copy of a text. */
void ima_reader_prefix(struct ima_reader *r, struct ima_prefixes *to, struct sp_str text);
/* Effect: reads a policy in JSON, of either form. */
void ima_rules_read_json(struct ima_reader *r, struct sp_str text);

#endif
