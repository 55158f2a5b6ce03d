/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <yaml.h>

#include "sp_fs.h"

#define ARENA_BYTES  65536u
#define DEPTH_MAX    64u
#define MAP_KEYS_MAX 256u /* bounds the search for repeats */
#define FILE_BYTES   192u

/* Nodes and texts live in chunks, so that pointers stay valid while the tree grows. */
struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    _Alignas(16) char p[];
};

struct sp_yaml {
    char file[FILE_BYTES];
    struct chunk *chunks;
    uint32_t count; /* documents */
    uint32_t room;
    const struct sp_yaml_node **roots;
};

struct level {
    struct sp_yaml_node *node;
    struct sp_yaml_node *last; /* newest child */
    struct sp_str key;         /* map: key waiting for its value */
    yaml_mark_t key_at;
    bool has_key;
};

struct builder {
    struct sp_yaml *y;
    struct sp_yaml_limits limits;
    struct sp_err *err;
    uint32_t nodes;
    uint32_t depth;
    struct level stack[DEPTH_MAX];
};

static void *take(struct sp_yaml *y, size_t n)
{
    n = (n + 15u) & ~(size_t)15u;
    if (y->chunks == NULL || y->chunks->size - y->chunks->used < n) {
        size_t size = n > ARENA_BYTES ? n : ARENA_BYTES;
        struct chunk *c = malloc(sizeof *c + size);
        if (c == NULL) {
            return NULL;
        }
        *c = (struct chunk){.next = y->chunks, .used = 0, .size = size};
        y->chunks = c;
    }
    void *p = y->chunks->p + y->chunks->used;
    y->chunks->used += n;
    memset(p, 0, n);
    return p;
}

static enum sp_rc refuse(struct builder *b, enum sp_rc rc, yaml_mark_t at, const char *text)
{
    char where[SP_ERR_WHERE_BYTES];
    (void)snprintf(where, sizeof where, "%.144s:%zu:%zu", b->y->file, at.line + 1, at.column + 1);
    return sp_err_set(b->err, rc, where, "%s", text);
}

static enum sp_rc copy_text(struct builder *b, const yaml_event_t *e, struct sp_str *out)
{
    size_t n = e->data.scalar.length;
    if (memchr(e->data.scalar.value, 0, n) != NULL) {
        return refuse(b, SP_E_MALFORMED, e->start_mark, "text contains a NUL character");
    }
    char *p = take(b->y, n + 1);
    if (p == NULL) {
        return refuse(b, SP_E_NOMEM, e->start_mark, "no memory");
    }
    memcpy(p, e->data.scalar.value, n);
    *out = sp_str_bytes(p, n);
    return SP_OK;
}

static enum sp_rc add_root(struct builder *b, const struct sp_yaml_node *node, yaml_mark_t at)
{
    struct sp_yaml *y = b->y;
    if (node->kind == SP_YAML_SCALAR && node->plain && node->text.n == 0) {
        return SP_OK; /* an empty document */
    }
    if (y->count == b->limits.documents) {
        return refuse(b, SP_E_LIMIT, at, b->limits.documents == 1 ? "more than one document" : "too many documents");
    }
    if (y->count == y->room) {
        uint32_t room = y->room == 0 ? 16 : y->room * 2;
        const struct sp_yaml_node **roots = realloc(y->roots, room * sizeof *roots);
        if (roots == NULL) {
            return refuse(b, SP_E_NOMEM, at, "no memory");
        }
        y->roots = roots;
        y->room = room;
    }
    y->roots[y->count++] = node;
    return SP_OK;
}

static enum sp_rc begin_key(struct builder *b, struct level *top, const yaml_event_t *e)
{
    if (e->type != YAML_SCALAR_EVENT) {
        return refuse(b, SP_E_MALFORMED, e->start_mark, "a key must be plain text");
    }
    if (top->node->count == MAP_KEYS_MAX) {
        return refuse(b, SP_E_LIMIT, e->start_mark, "too many keys in one map");
    }
    enum sp_rc rc = copy_text(b, e, &top->key);
    if (rc != SP_OK) {
        return rc;
    }
    for (const struct sp_yaml_node *c = top->node->first; c != NULL; c = c->next) {
        if (sp_str_eq(c->key, top->key)) {
            char text[160];
            (void)snprintf(text, sizeof text, "key '%.64s' is there twice, first in line %u", top->key.p, c->key_line);
            return refuse(b, SP_E_MALFORMED, e->start_mark, text);
        }
    }
    top->has_key = true;
    top->key_at = e->start_mark;
    return SP_OK;
}

/* Puts the node below the innermost open list or map, or makes it a document. */
static enum sp_rc attach(struct builder *b, struct sp_yaml_node *node, yaml_mark_t at)
{
    if (b->depth == 0) {
        return add_root(b, node, at);
    }
    struct level *top = &b->stack[b->depth - 1];
    if (top->node->kind == SP_YAML_MAP) {
        node->key = top->key;
        node->key_line = (uint32_t)top->key_at.line + 1;
        node->key_column = (uint32_t)top->key_at.column + 1;
        top->has_key = false;
    }
    if (top->last == NULL) {
        top->node->first = node;
    } else {
        top->last->next = node;
    }
    top->last = node;
    top->node->count++;
    return SP_OK;
}

static enum sp_rc add_value(struct builder *b, const yaml_event_t *e, enum sp_yaml_kind kind)
{
    if (++b->nodes > b->limits.nodes) {
        return refuse(b, SP_E_LIMIT, e->start_mark, "too many values in this file");
    }
    if (kind != SP_YAML_SCALAR && b->depth == (b->limits.depth < DEPTH_MAX ? b->limits.depth : DEPTH_MAX)) {
        return refuse(b, SP_E_LIMIT, e->start_mark, "nested too deeply");
    }
    struct sp_yaml_node *node = take(b->y, sizeof *node);
    if (node == NULL) {
        return refuse(b, SP_E_NOMEM, e->start_mark, "no memory");
    }
    node->kind = kind;
    node->line = (uint32_t)e->start_mark.line + 1;
    node->column = (uint32_t)e->start_mark.column + 1;
    if (kind == SP_YAML_SCALAR) {
        node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        enum sp_rc rc = copy_text(b, e, &node->text);
        if (rc != SP_OK) {
            return rc;
        }
    }
    enum sp_rc rc = attach(b, node, e->start_mark);
    if (rc == SP_OK && kind != SP_YAML_SCALAR) {
        b->stack[b->depth++] = (struct level){.node = node};
    }
    return rc;
}

/* Anchors and tags make a file mean something else than it shows, and aliases make it grow. */
static bool is_decorated(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return true;
    case YAML_SCALAR_EVENT:
        return e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL;
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.anchor != NULL || e->data.sequence_start.tag != NULL;
    case YAML_MAPPING_START_EVENT:
        return e->data.mapping_start.anchor != NULL || e->data.mapping_start.tag != NULL;
    default:
        return false;
    }
}

static enum sp_rc on_event(struct builder *b, const yaml_event_t *e)
{
    if (is_decorated(e)) {
        return refuse(b, SP_E_MALFORMED, e->start_mark, "anchors, aliases and tags are not used here");
    }
    struct level *top = b->depth > 0 ? &b->stack[b->depth - 1] : NULL;
    bool is_value = e->type == YAML_SCALAR_EVENT || e->type == YAML_SEQUENCE_START_EVENT || e->type == YAML_MAPPING_START_EVENT;
    if (is_value && top != NULL && top->node->kind == SP_YAML_MAP && !top->has_key) {
        return begin_key(b, top, e);
    }
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return add_value(b, e, SP_YAML_SCALAR);
    case YAML_SEQUENCE_START_EVENT:
        return add_value(b, e, SP_YAML_LIST);
    case YAML_MAPPING_START_EVENT:
        return add_value(b, e, SP_YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        return SP_OK;
    default:
        return SP_OK; /* begins and ends of stream and documents */
    }
}

static enum sp_rc syntax_error(struct builder *b, const yaml_parser_t *parser)
{
    char text[SP_ERR_TEXT_BYTES];
    if (parser->error == YAML_MEMORY_ERROR) {
        return refuse(b, SP_E_NOMEM, parser->mark, "no memory");
    }
    yaml_mark_t at = parser->error == YAML_READER_ERROR ? parser->mark : parser->problem_mark;
    (void)snprintf(text, sizeof text, "not valid YAML: %s%s%s", parser->problem != NULL ? parser->problem : "cannot be read",
                   parser->context != NULL ? ", " : "", parser->context != NULL ? parser->context : "");
    return refuse(b, SP_E_MALFORMED, at, text);
}

static enum sp_rc build(struct builder *b, struct sp_str text)
{
    yaml_parser_t parser;
    enum sp_rc rc = SP_OK;
    bool ended = false;
    if (yaml_parser_initialize(&parser) == 0) {
        return sp_err_set(b->err, SP_E_NOMEM, b->y->file, "no memory");
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.p != NULL ? text.p : ""), text.n);
    while (rc == SP_OK && !ended) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            rc = syntax_error(b, &parser);
            break;
        }
        rc = on_event(b, &event);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

enum sp_rc sp_yaml_parse(const char *file, struct sp_str text, struct sp_yaml_limits limits, struct sp_yaml **out,
                         struct sp_err *err)
{
    if (text.n > limits.bytes) {
        return sp_err_set(err, SP_E_LIMIT, file, "has %u bytes, more than %u", text.n, limits.bytes);
    }
    struct builder *b = calloc(1, sizeof *b);
    struct sp_yaml *y = calloc(1, sizeof *y);
    enum sp_rc rc = SP_E_NOMEM;
    if (b == NULL || y == NULL) {
        (void)sp_err_set(err, SP_E_NOMEM, file, "no memory");
    } else {
        (void)sp_str_copy(y->file, sizeof y->file, sp_str_of(file));
        *b = (struct builder){.y = y, .limits = limits, .err = err};
        rc = build(b, text);
    }
    free(b);
    if (rc != SP_OK) {
        sp_yaml_destroy(&y);
        return rc;
    }
    *out = y;
    return SP_OK;
}

enum sp_rc sp_yaml_load(const char *path, unsigned fs_flags, struct sp_yaml_limits limits, struct sp_yaml **out, struct sp_err *err)
{
    char *text = NULL;
    size_t n = 0;
    enum sp_rc rc = sp_fs_read(path, limits.bytes, fs_flags, &text, &n, err);
    if (rc == SP_OK) {
        rc = sp_yaml_parse(path, sp_str_bytes(text, n), limits, out, err);
        free(text);
    }
    return rc;
}

void sp_yaml_destroy(struct sp_yaml **y)
{
    if (*y == NULL) {
        return;
    }
    for (struct chunk *c = (*y)->chunks, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    free((*y)->roots);
    free(*y);
    *y = NULL;
}

const char *sp_yaml_file(const struct sp_yaml *y)
{
    return y->file;
}

uint32_t sp_yaml_count(const struct sp_yaml *y)
{
    return y->count;
}

const struct sp_yaml_node *sp_yaml_root(const struct sp_yaml *y, uint32_t document)
{
    SP_ASSERT(document < y->count);
    return y->roots[document];
}

const struct sp_yaml_node *sp_yaml_find(const struct sp_yaml_node *map, const char *key)
{
    if (map == NULL || map->kind != SP_YAML_MAP) {
        return NULL;
    }
    const struct sp_yaml_node *c = map->first;
    while (c != NULL && !sp_str_is(c->key, key)) {
        c = c->next;
    }
    return c;
}

enum sp_rc sp_yaml_error(struct sp_err *err, enum sp_rc rc, const char *file, const struct sp_yaml_node *at, const char *format,
                         ...)
{
    char where[SP_ERR_WHERE_BYTES];
    char text[SP_ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (at == NULL) {
        return sp_err_set(err, rc, file, "%s", text);
    }
    (void)snprintf(where, sizeof where, "%s:%u:%u", file, at->line, at->column);
    return sp_err_set(err, rc, where, "%s", text);
}
