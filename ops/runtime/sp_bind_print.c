/* SPDX-License-Identifier: Apache-2.0 */
/* Structs back to YAML, and tables to lines for the manual. */
#include <stdio.h>

#include "sp_bind_scalar.h"

static void print_map(const struct sp_bind_table *t, const char *in, unsigned indent, bool first_inline, struct sp_buf *b);

static uint32_t count_of(const struct sp_bind_key *k, const char *in)
{
    uint32_t n;
    memcpy(&n, in + k->count_at, sizeof n);
    return n;
}

static void print_texts(const struct sp_bind_key *k, const char *in, unsigned indent, struct sp_buf *b)
{
    uint32_t n = count_of(k, in);
    sp_buf_text(b, n == 0 ? " []\n" : "\n");
    for (uint32_t i = 0; i < n; i++) {
        sp_buf_format(b, "%*s- ", (int)indent + 2, "");
        sp_yaml_scalar(sp_str_of(in + k->offset + i * k->size), b);
        sp_buf_text(b, "\n");
    }
}

static void print_list(const struct sp_bind_key *k, const char *in, unsigned indent, struct sp_buf *b)
{
    uint32_t n = count_of(k, in);
    sp_buf_text(b, n == 0 ? " []\n" : "\n");
    for (uint32_t i = 0; i < n; i++) {
        sp_buf_format(b, "%*s- ", (int)indent + 2, "");
        print_map(k->sub, in + k->offset + i * k->sub->size, indent + 4, true, b);
    }
}

static void print_any(const struct sp_bind_key *k, const char *in, struct sp_buf *b)
{
    const struct sp_yaml_node *node;
    memcpy(&node, in + k->offset, sizeof node);
    sp_buf_text(b, " ");
    sp_yaml_json(node, b); /* JSON is YAML */
    sp_buf_text(b, "\n");
}

/* Values that mean "not given" and could not be written back: an absent tree, an empty required name, no time, no key. */
static bool is_unset(const struct sp_bind_key *k, const char *in)
{
    if (k->type == SP_BIND_MAP || k->type == SP_BIND_LIST || k->type == SP_BIND_TEXTS) {
        return false;
    }
    bool nullable = k->type == SP_BIND_ANY || k->type == SP_BIND_TIME || k->type == SP_BIND_HEX || k->type == SP_BIND_Z85 ||
                    ((k->type == SP_BIND_TEXT || k->type == SP_BIND_NAME || k->type == SP_BIND_PATH) && in[k->offset] == '\0' &&
                     (k->def == NULL || k->def[0] == '\0'));
    size_t size = k->type == SP_BIND_TEXT || k->type == SP_BIND_NAME || k->type == SP_BIND_PATH ? 1 : k->size;
    for (size_t i = 0; i < size && nullable; i++) {
        nullable = in[k->offset + i] == '\0';
    }
    return nullable;
}

static void print_key(const struct sp_bind_key *k, const char *in, unsigned indent, struct sp_buf *b)
{
    sp_buf_format(b, "%s:", k->name);
    switch (k->type) {
    case SP_BIND_MAP:
        sp_buf_text(b, "\n");
        print_map(k->sub, in + k->offset, indent + 2, false, b);
        break;
    case SP_BIND_LIST:
        print_list(k, in, indent, b);
        break;
    case SP_BIND_TEXTS:
        print_texts(k, in, indent, b);
        break;
    case SP_BIND_ANY:
        print_any(k, in, b);
        break;
    default:
        sp_buf_text(b, " ");
        sp_bind_scalar_get(k, in + k->offset, b);
        sp_buf_text(b, "\n");
        break;
    }
}

static void print_map(const struct sp_bind_table *t, const char *in, unsigned indent, bool first_inline, struct sp_buf *b)
{
    bool on_line = first_inline; /* the first key follows "- " */
    for (uint32_t i = 0; i < t->count; i++) {
        if (is_unset(&t->keys[i], in)) {
            continue;
        }
        if (!on_line) {
            sp_buf_format(b, "%*s", (int)indent, "");
        }
        on_line = false;
        print_key(&t->keys[i], in, indent, b);
    }
}

void sp_bind_print(const struct sp_bind_table *t, const void *in, unsigned indent, struct sp_buf *b)
{
    print_map(t, in, indent, false, b);
}

void sp_bind_describe(const struct sp_bind_table *t, const char *prefix, struct sp_buf *b)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const struct sp_bind_key *k = &t->keys[i];
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s%s%s", prefix, prefix[0] != '\0' ? "." : "", k->name,
                       k->type == SP_BIND_LIST ? "[]" : "");
        sp_buf_format(b, "%s\t", name);
        sp_bind_scalar_range(k, b);
        sp_buf_format(b, "\t%s\t%s\n", k->required ? "(required)" : k->def != NULL ? k->def : "", k->help != NULL ? k->help : "");
        if (k->sub != NULL) {
            sp_bind_describe(k->sub, name, b);
        }
    }
}
