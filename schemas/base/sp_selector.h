/* SPDX-License-Identifier: Apache-2.0 */
/* Selectors over node labels. Grammar: terms joined by commas, all must hold; an empty selector selects every node.
 *   key=value   key!=value (also true when the key is absent)   key   !key   key in (a|b|c)   name=GLOB (the node's name; * and ?)
 * Keys and values: 1-63 bytes of [A-Za-z0-9._/-]. Labels come as one text "key=value,key=value". Pure, allocates nothing. */
#ifndef SP_SELECTOR_H
#define SP_SELECTOR_H

#include "sp_str.h"

#define SP_SELECTOR_TERMS_MAX 16
#define SP_LABEL_BYTES_MAX    63

enum sp_selector_op { SP_SELECT_IS, SP_SELECT_IS_NOT, SP_SELECT_HAS, SP_SELECT_HAS_NOT, SP_SELECT_IN, SP_SELECT_NAME };

struct sp_selector_term {
    enum sp_selector_op op;
    struct sp_str key;
    struct sp_str value; /* IN: the text between the parentheses */
};

struct sp_selector {
    uint32_t count;
    struct sp_selector_term terms[SP_SELECTOR_TERMS_MAX]; /* views of the parsed text, which must live as long */
};

/* Effect: fills *out from text. False when malformed: *bad_at (if not NULL) is the offset of what cannot stand there, text.n when
 * something is missing at the end. */
bool sp_selector_parse(struct sp_str text, struct sp_selector *out, uint32_t *bad_at);
/* True when a node with this name and these labels is selected. */
bool sp_selector_match(const struct sp_selector *s, struct sp_str name, struct sp_str labels);
/* Parse and match in one; a malformed selector selects nothing. */
bool sp_selector_text_match(struct sp_str selector, struct sp_str name, struct sp_str labels);
/* True when labels is a well-formed, sorted list without repeated keys. */
bool sp_selector_labels_valid(struct sp_str labels);
/* Finds a key among labels; *value is a view into labels. */
bool sp_selector_label(struct sp_str labels, struct sp_str key, struct sp_str *value);
/* Pattern with * and ?, bytewise, no classes. Linear in pattern x text. */
bool sp_selector_glob(struct sp_str pattern, struct sp_str text);

#endif
