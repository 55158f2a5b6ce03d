/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_bind.h"

#include <stdio.h>
#include <stdlib.h>

#include "sp_bind_scalar.h"
#include "sp_selector.h"

/* What every step of one binding needs. */
struct bind {
    const char *file;
    struct sp_err *err;
    bool defaults; /* false: on top of what is there */
};

static enum sp_rc bind_map(const struct bind *b, const struct sp_bind_table *t, const struct sp_yaml_node *node, char *out);

/* ---- keys ---- */

static const struct sp_bind_key *key_of(const struct sp_bind_table *t, struct sp_str name)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (sp_str_is(name, t->keys[i].name)) {
            return &t->keys[i];
        }
    }
    return NULL;
}

static enum sp_rc unknown_key(const struct bind *b, const struct sp_bind_table *t, const struct sp_yaml_node *node)
{
    const char *words[SP_BIND_KEYS_MAX];
    for (uint32_t i = 0; i < t->count; i++) {
        words[i] = t->keys[i].name;
    }
    const char *near = sp_str_nearest(node->key, words, t->count);
    const struct sp_yaml_node at = {.line = node->key_line, .column = node->key_column};
    (void)sp_yaml_error(b->err, SP_E_INVALID, b->file, &at, "unknown key '%.64s' in %s", node->key.p, t->name);
    if (near != NULL) {
        sp_err_hint(b->err, "did you mean '%s'?", near);
    }
    return SP_E_INVALID;
}

static enum sp_rc check_keys(const struct bind *b, const struct sp_bind_table *t, const struct sp_yaml_node *node)
{
    SP_ASSERT(t->count <= SP_BIND_KEYS_MAX);
    if (node != NULL && node->kind != SP_YAML_MAP) {
        bool empty = node->kind == SP_YAML_SCALAR && node->plain && node->text.n == 0; /* "worker:" and nothing below it */
        return empty ? SP_OK : sp_yaml_error(b->err, SP_E_INVALID, b->file, node, "%s must be a map of keys and values", t->name);
    }
    for (const struct sp_yaml_node *c = node != NULL ? node->first : NULL; c != NULL; c = c->next) {
        if (key_of(t, c->key) == NULL) {
            return unknown_key(b, t, c);
        }
    }
    for (uint32_t i = 0; i < t->count && b->defaults; i++) {
        if (t->keys[i].required && sp_yaml_find(node, t->keys[i].name) == NULL) {
            (void)sp_yaml_error(b->err, SP_E_INVALID, b->file, node, "%s lacks the key '%s'", t->name, t->keys[i].name);
            sp_err_hint(b->err, "%s", t->keys[i].help);
            return SP_E_INVALID;
        }
    }
    return SP_OK;
}

/* ---- values ---- */

static enum sp_rc wrong(const struct bind *b, const struct sp_bind_key *k, const struct sp_yaml_node *at, const char *why)
{
    return sp_yaml_error(b->err, SP_E_INVALID, b->file, at, "%s: %s", k->name, why);
}

/* A key with nothing behind it. Taken for empty it would mean all nodes, or no demand, where somebody began to write one. */
static bool has_no_value(const struct sp_yaml_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    bool none = false;
    for (size_t i = 0; i < SP_COUNT(words) && node->kind == SP_YAML_SCALAR && node->plain; i++) {
        none = none || sp_str_is(node->text, words[i]);
    }
    return none;
}

/* `name` is the key, or that of the list. What is wrong is told at the key, for the value has no place. */
static enum sp_rc no_value(const struct bind *b, const char *name, enum sp_bind_type type, const struct sp_yaml_node *node)
{
    static const char *const empty[] = {
        [SP_BIND_TEXT] = "\"\" in quotes",
        [SP_BIND_NAME] = "\"\" in quotes",
        [SP_BIND_PATH] = "\"\" in quotes",
        [SP_BIND_WORDS] = "[]",
        [SP_BIND_TEXTS] = "[]",
        [SP_BIND_LIST] = "[]",
        [SP_BIND_LABELS] = "{}",
        [SP_BIND_SELECTOR] = "\"\" in quotes",
        [SP_BIND_ANY] = "\"\" in quotes, [] or {}",
    };
    const struct sp_yaml_node at = {.line = node->key.p != NULL ? node->key_line : node->line,
                                    .column = node->key.p != NULL ? node->key_column : node->column};
    (void)sp_yaml_error(b->err, SP_E_INVALID, b->file, &at, "%.64s: has no value", name);
    const char *write = type < SP_COUNT(empty) ? empty[type] : NULL;
    sp_err_hint(b->err, write != NULL ? "leave the line out, or write %s for an empty one" : "write one, or leave the line out",
                write);
    return SP_E_INVALID;
}

/* The same for everything below a tree that is taken as it is. */
static enum sp_rc check_any(const struct bind *b, const char *name, const struct sp_yaml_node *node)
{
    enum sp_rc rc = has_no_value(node) ? no_value(b, name, SP_BIND_ANY, node) : SP_OK;
    for (const struct sp_yaml_node *c = node->first; rc == SP_OK && c != NULL; c = c->next) {
        rc = check_any(b, c->key.p != NULL ? c->key.p : name, c);
    }
    return rc;
}

static enum sp_rc bind_scalar(const struct bind *b, const struct sp_bind_key *k, const struct sp_yaml_node *node, void *to)
{
    char why[SP_BIND_SCALAR_WHY_BYTES];
    if (node->kind != SP_YAML_SCALAR) {
        (void)wrong(b, k, node, "must be a single value, not a list or map");
        /* Labels are a map, so many write what chooses by labels as a map too. */
        sp_err_hint(b->err, "%s",
                    k->type == SP_BIND_SELECTOR ? "one text of terms joined by commas, like role=compute,zone=a" : k->help);
        return SP_E_INVALID;
    }
    if (has_no_value(node)) {
        return no_value(b, k->name, k->type, node);
    }
    return sp_bind_scalar_set(k, node->text, to, why) ? SP_OK : wrong(b, k, node, why);
}

/* The list as one text "a,b,c", which then goes the way of the scalar form. */
static enum sp_rc bind_words(const struct bind *b, const struct sp_bind_key *k, const struct sp_yaml_node *node, char *to)
{
    char joined[1024];
    size_t n = 0;
    if (node->kind == SP_YAML_SCALAR) {
        return bind_scalar(b, k, node, to);
    }
    if (node->kind != SP_YAML_LIST) {
        return wrong(b, k, node, "must be a list of words");
    }
    for (const struct sp_yaml_node *c = node->first; c != NULL; c = c->next) {
        if (c->kind != SP_YAML_SCALAR || memchr(c->text.p, ',', c->text.n) != NULL || c->text.n == 0) {
            return wrong(b, k, c, "every element must be one word");
        }
        if (has_no_value(c)) {
            return no_value(b, k->name, k->type, c);
        }
        if (n + c->text.n + 2 > sizeof joined) {
            return wrong(b, k, c, "list is too long");
        }
        n += (size_t)snprintf(joined + n, sizeof joined - n, "%s%s", n > 0 ? "," : "", c->text.p);
    }
    char why[SP_BIND_SCALAR_WHY_BYTES];
    return sp_bind_scalar_set(k, sp_str_bytes(joined, n), to, why) ? SP_OK : wrong(b, k, node, why);
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

#define LABELS_MAX 32u

/* "k=v" texts of a map, sorted by key and joined. Sorting whole texts is not the order of keys when one key is the beginning of
 * another, so keys are sorted and looked up again. */
static enum sp_rc bind_labels(const struct bind *b, const struct sp_bind_key *k, const struct sp_yaml_node *node, char *to)
{
    const char *names[LABELS_MAX];
    char joined[1024];
    char why[SP_BIND_SCALAR_WHY_BYTES];
    uint32_t count = 0;
    size_t n = 0;
    if (node->kind == SP_YAML_SCALAR) {
        return bind_scalar(b, k, node, to);
    }
    if (node->kind != SP_YAML_MAP || node->count > LABELS_MAX) {
        return wrong(b, k, node, node->kind != SP_YAML_MAP ? "must be a map of labels" : "more than 32 labels");
    }
    for (const struct sp_yaml_node *c = node->first; c != NULL; c = c->next) {
        if (c->kind != SP_YAML_SCALAR || c->text.n == 0 || c->text.n > SP_LABEL_BYTES_MAX || c->key.n > SP_LABEL_BYTES_MAX) {
            return wrong(b, k, c, "a label has one value, and at most 63 characters on each side");
        }
        if (has_no_value(c)) {
            return no_value(b, c->key.p, SP_BIND_BOOL, c);
        }
        names[count++] = c->key.p;
    }
    qsort(names, count, sizeof names[0], by_text);
    for (uint32_t i = 0; i < count; i++) {
        const struct sp_yaml_node *c = sp_yaml_find(node, names[i]);
        if (n + c->key.n + c->text.n + 3 > sizeof joined) {
            return wrong(b, k, c, "labels are too long together");
        }
        n += (size_t)snprintf(joined + n, sizeof joined - n, "%s%s=%s", n > 0 ? "," : "", c->key.p, c->text.p);
    }
    return sp_bind_scalar_set(k, sp_str_bytes(joined, n), to, why) ? SP_OK : wrong(b, k, node, why);
}

static enum sp_rc check_length(const struct bind *b, const struct sp_bind_key *k, const struct sp_yaml_node *node)
{
    char why[SP_BIND_SCALAR_WHY_BYTES];
    if (node->kind != SP_YAML_LIST) {
        return wrong(b, k, node, "must be a list (lines that begin with '- ')");
    }
    if (node->count < k->min || node->count > k->max) {
        (void)snprintf(why, sizeof why, "has %u elements; %llu to %llu are possible", node->count, (unsigned long long)k->min,
                       (unsigned long long)k->max);
        return wrong(b, k, node, why);
    }
    return SP_OK;
}

static enum sp_rc bind_texts(const struct bind *b, const struct sp_bind_key *k, const struct sp_yaml_node *node, char *out)
{
    enum sp_rc rc = check_length(b, k, node);
    uint32_t i = 0;
    const struct sp_bind_key text = {.name = k->name, .type = SP_BIND_TEXT, .size = k->size, .min = 1, .max = k->size - 1};
    for (const struct sp_yaml_node *c = node->first; rc == SP_OK && c != NULL; c = c->next) {
        rc = bind_scalar(b, &text, c, out + k->offset + i++ * k->size);
    }
    if (rc == SP_OK) {
        memcpy(out + k->count_at, &i, sizeof i);
    }
    return rc;
}

static enum sp_rc bind_list(const struct bind *b, const struct sp_bind_key *k, const struct sp_yaml_node *node, char *out)
{
    enum sp_rc rc = check_length(b, k, node);
    uint32_t i = 0;
    /* Elements of a list are whole things: also on top of defaults each begins anew. */
    const struct bind inner = {b->file, b->err, true};
    for (const struct sp_yaml_node *c = node->first; rc == SP_OK && c != NULL; c = c->next) {
        char *to = out + k->offset + i++ * k->sub->size;
        memset(to, 0, k->sub->size);
        rc = c->kind == SP_YAML_MAP ? bind_map(&inner, k->sub, c, to)
                                    : wrong(b, k, c, "every element must be a map of keys and values");
    }
    if (rc == SP_OK) {
        memcpy(out + k->count_at, &i, sizeof i);
    }
    return rc;
}

static enum sp_rc bind_value(const struct bind *b, const struct sp_bind_key *k, const struct sp_yaml_node *node, char *out)
{
    if (k->type != SP_BIND_MAP && has_no_value(node)) { /* a section with nothing in it is all its defaults, as without it */
        return no_value(b, k->name, k->type, node);
    }
    switch (k->type) {
    case SP_BIND_MAP:
        return bind_map(b, k->sub, node, out + k->offset);
    case SP_BIND_LIST:
        return bind_list(b, k, node, out);
    case SP_BIND_TEXTS:
        return bind_texts(b, k, node, out);
    case SP_BIND_WORDS:
        return bind_words(b, k, node, out + k->offset);
    case SP_BIND_LABELS:
        return bind_labels(b, k, node, out + k->offset);
    case SP_BIND_ANY:
        memcpy(out + k->offset, &node, sizeof node);
        return check_any(b, k->name, node);
    default:
        return bind_scalar(b, k, node, out + k->offset);
    }
}

static enum sp_rc bind_absent(const struct bind *b, const struct sp_bind_key *k, char *out)
{
    char why[SP_BIND_SCALAR_WHY_BYTES];
    if (k->type == SP_BIND_MAP) {
        return bind_map(b, k->sub, NULL, out + k->offset);
    }
    if (k->def != NULL) {
        /* A default that does not fit its own row is our bug, and a test binds every table. */
        SP_ASSERT(sp_bind_scalar_set(k, sp_str_of(k->def), out + k->offset, why));
    }
    return SP_OK;
}

static enum sp_rc bind_map(const struct bind *b, const struct sp_bind_table *t, const struct sp_yaml_node *node, char *out)
{
    enum sp_rc rc = check_keys(b, t, node);
    for (uint32_t i = 0; rc == SP_OK && i < t->count; i++) {
        const struct sp_bind_key *k = &t->keys[i];
        const struct sp_yaml_node *value = sp_yaml_find(node, k->name);
        if (value != NULL) {
            rc = bind_value(b, k, value, out);
        } else if (b->defaults) {
            rc = bind_absent(b, k, out);
        }
    }
    return rc;
}

enum sp_rc sp_bind(const struct sp_bind_table *t, const char *file, const struct sp_yaml_node *node, void *out, struct sp_err *err)
{
    const struct bind b = {file, err, true};
    memset(out, 0, t->size);
    return bind_map(&b, t, node, out);
}

enum sp_rc sp_bind_over(const struct sp_bind_table *t, const char *file, const struct sp_yaml_node *node, void *out,
                        struct sp_err *err)
{
    const struct bind b = {file, err, false};
    return bind_map(&b, t, node, out);
}
