/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text to a bounded tree whose nodes know file, line and column. Refused, with the place: anchors, aliases and tags, repeated
 * keys, keys that are not plain text, bytes that are not UTF-8, and anything beyond the limits. Several documents per text are allowed.
 * sp_bind turns a tree into a struct by a table.
 */
#ifndef SP_YAML_H
#define SP_YAML_H

#include "sp_buf.h"
#include "sp_err.h"

struct sp_yaml_limits {
    uint32_t bytes;     /* of the text */
    uint32_t nodes;     /* in all documents */
    uint32_t depth;     /* of nesting */
    uint32_t documents; /* 1: a single one */
};
#define SP_YAML_LIMITS_CONF ((struct sp_yaml_limits){262144, 16384, 12, 1})         /* a configuration file */
#define SP_YAML_LIMITS_DEFS ((struct sp_yaml_limits){16777216, 1048576, 16, 65536}) /* definitions to apply */

enum sp_yaml_kind { SP_YAML_SCALAR, SP_YAML_LIST, SP_YAML_MAP };

/* Read it directly. Children in order of the text: for (c = n->first; c; c = c->next). A child of a map has a key. */
struct sp_yaml_node {
    enum sp_yaml_kind kind;
    bool plain;        /* scalar without quotes: may mean a number, true, false or null */
    uint32_t line;     /* from 1; of the value */
    uint32_t column;   /* from 1 */
    uint32_t count;    /* children */
    uint32_t key_line; /* in a map: of the key */
    uint32_t key_column;
    struct sp_str key;  /* in a map; NUL-terminated */
    struct sp_str text; /* scalar; NUL-terminated */
    const struct sp_yaml_node *first;
    const struct sp_yaml_node *next;
};

struct sp_yaml;

/* Effect: parses n bytes; file is the name for messages (copied). Gives *out; SP_E_MALFORMED, SP_E_LIMIT, SP_E_NOMEM with *err. An empty
 * text has no documents. */
SP_MUST_USE enum sp_rc sp_yaml_parse(const char *file, struct sp_str text, struct sp_yaml_limits limits, struct sp_yaml **out,
                                     struct sp_err *err);
/* Effect: reads the file (sp_fs_read, flags as there) and parses it. */
SP_MUST_USE enum sp_rc sp_yaml_load(const char *path, unsigned fs_flags, struct sp_yaml_limits limits, struct sp_yaml **out,
                                    struct sp_err *err);
void sp_yaml_destroy(struct sp_yaml **y);

/* Lend, until destroy. */
const char *sp_yaml_file(const struct sp_yaml *y);
uint32_t sp_yaml_count(const struct sp_yaml *y);
const struct sp_yaml_node *sp_yaml_root(const struct sp_yaml *y, uint32_t document);

/* Lends the child of a map with this key, NULL when absent or when node is NULL or no map. */
const struct sp_yaml_node *sp_yaml_find(const struct sp_yaml_node *map, const char *key);
/* Effect: fills err with "file:line:column" of the node and the text. Returns rc. */
enum sp_rc sp_yaml_error(struct sp_err *err, enum sp_rc rc, const char *file, const struct sp_yaml_node *at, const char *format,
                         ...) SP_PRINTF(5, 6);
/* Effect: appends the node as JSON: plain scalars that read as JSON numbers, true, false or null stay so, everything else is a string.
 * b->failed tells when it did not fit. */
void sp_yaml_json(const struct sp_yaml_node *node, struct sp_buf *b);
/* Effect: appends text as a YAML scalar, quoted when it has to be; and as a JSON string. */
void sp_yaml_scalar(struct sp_str text, struct sp_buf *b);
void sp_yaml_json_string(struct sp_str text, struct sp_buf *b);

#endif
