/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of keys binds a YAML map to a struct: one row per key with type, limits, default and help. Binding refuses unknown keys with
 * the nearest right word, missing required ones, keys with no value (nothing, ~ or null, not in quotes), and values out of range, each with
 * file and line. The same table prints the struct
 * back as YAML that binds identically, and describes the keys for the manual.
 */
#ifndef SP_BIND_H
#define SP_BIND_H

#include <stddef.h>

#include "sp_yaml.h"

#define SP_BIND_KEYS_MAX 64u /* per table */

enum sp_bind_type {               /* field in the struct */
                    SP_BIND_TEXT, /* char[size]; length within min..max when max > 0 */
                    SP_BIND_NAME, /* char[size]; letters, digits, '.', '_', '-' */
                    SP_BIND_PATH, /* char[size] */
                    SP_BIND_BOOL, /* bool: true or false */
                    SP_BIND_U32,  /* uint32_t within min..max */
                    SP_BIND_U64,  /* uint64_t within min..max */
                    SP_BIND_SPAN, /* uint64_t milliseconds within min..max: 500ms 10s 5m 1h 2d */
                    SP_BIND_TIME, /* uint64_t seconds since 1970: 2027-01-31 or 2027-01-31T12:00:00Z; 0 = none */
                    SP_BIND_ENUM, /* uint32_t: index into words (NULL-terminated) */
                    SP_BIND_HEX,  /* uint8_t[size] as 2*size hexadecimal digits */
                    SP_BIND_Z85,  /* uint8_t[size] as Z85 */
                    SP_BIND_WORDS, /* char[size]: a list of names (or one scalar "a,b"), stored joined by commas in the order given */
                    SP_BIND_LABELS,   /* char[size]: a map of labels (or one scalar "k=v,k=v"), stored sorted as "k=v,k=v" */
                    SP_BIND_SELECTOR, /* char[size]: a selector over labels, checked */
                    SP_BIND_TEXTS,    /* a list of texts: char[max][stride] at offset, uint32_t at count_at; at least min */
                    SP_BIND_MAP,      /* a struct described by sub; absent = all its defaults */
                    SP_BIND_LIST, /* a list of structs: sub.size each, max of them at offset, uint32_t at count_at; at least min */
                    SP_BIND_ANY /* const struct sp_yaml_node *: the tree as it is, NULL when absent; lives as long as the document */
};

struct sp_bind_table;

struct sp_bind_key {
    const char *name;
    enum sp_bind_type type;
    bool required;
    size_t offset;
    size_t size;     /* of the field, or of one element of SP_BIND_TEXTS */
    size_t count_at; /* lists */
    uint64_t min;
    uint64_t max;    /* numbers and spans: inclusive; lists: capacity */
    const char *def; /* as one would write it (a scalar); NULL: zero or empty */
    const char *const *words;
    const struct sp_bind_table *sub;
    const char *help; /* one line for the manual */
};

struct sp_bind_table {
    const char *name; /* what a map of this kind is called in messages: "worker section" */
    const struct sp_bind_key *keys;
    uint32_t count;
    size_t size; /* of the struct */
};

/* For rows: place and size of a member. */
#define SP_BIND_AT(type, member) .offset = offsetof(struct type, member), .size = sizeof(((struct type *)0)->member)
#define SP_BIND_ARRAY(type, member, number)                                                                                        \
    .offset = offsetof(struct type, member), .size = sizeof(((struct type *)0)->member[0]),                                        \
    .count_at = offsetof(struct type, number), .max = sizeof(((struct type *)0)->member) / sizeof(((struct type *)0)->member[0])

/* Effect: zeroes *out, sets defaults, then binds the map (node may be NULL: all absent). On failure *out is unspecified and err says
 * why. file is for messages. Borrows all. */
SP_MUST_USE enum sp_rc sp_bind(const struct sp_bind_table *t, const char *file, const struct sp_yaml_node *node, void *out,
                               struct sp_err *err);
/* Effect: as sp_bind on top of what *out holds: no defaults, nothing required. */
SP_MUST_USE enum sp_rc sp_bind_over(const struct sp_bind_table *t, const char *file, const struct sp_yaml_node *node, void *out,
                                    struct sp_err *err);
/* Effect: appends the struct as YAML, indented by `indent` spaces. Values equal to their default are printed too. */
void sp_bind_print(const struct sp_bind_table *t, const void *in, unsigned indent, struct sp_buf *b);
/* Effect: appends one line per key: dotted name, type, range, default, help, separated by tabs. For manual and lint. */
void sp_bind_describe(const struct sp_bind_table *t, const char *prefix, struct sp_buf *b);

#endif
