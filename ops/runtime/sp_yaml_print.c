/* SPDX-License-Identifier: Apache-2.0 */
/* The other direction of sp_yaml: nodes as JSON, texts as YAML scalars. */
#include "sp_yaml.h"

#define DEPTH_MAX    64 /* as the parser's */
#define NUMBER_BYTES 32u

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static uint32_t skip_digits(struct sp_str t, uint32_t i)
{
    while (i < t.n && is_digit(t.p[i])) {
        i++;
    }
    return i;
}

/* The grammar of JSON numbers (RFC 8259): no leading zero, no bare point. Long ones stay text, so that nothing is rounded. */
static bool is_json_number(struct sp_str t)
{
    uint32_t i = t.n > 0 && t.p[0] == '-' ? 1 : 0;
    uint32_t end = skip_digits(t, i);
    if (t.n > NUMBER_BYTES || end == i || (t.p[i] == '0' && end > i + 1)) {
        return false;
    }
    i = end;
    if (i < t.n && t.p[i] == '.') {
        end = skip_digits(t, i + 1);
        if (end == i + 1) {
            return false;
        }
        i = end;
    }
    if (i < t.n && (t.p[i] == 'e' || t.p[i] == 'E')) {
        i++;
        i += i < t.n && (t.p[i] == '+' || t.p[i] == '-') ? 1 : 0;
        end = skip_digits(t, i);
        if (end == i) {
            return false;
        }
        i = end;
    }
    return i == t.n;
}

static bool is_json_word(struct sp_str t)
{
    return sp_str_is(t, "true") || sp_str_is(t, "false") || sp_str_is(t, "null");
}

void sp_yaml_json_string(struct sp_str text, struct sp_buf *b)
{
    sp_buf_append(b, "\"", 1);
    for (uint32_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '"' || c == '\\') {
            char pair[2] = {'\\', (char)c};
            sp_buf_append(b, pair, sizeof pair);
        } else if (c < 0x20 || c == 0x7f) {
            sp_buf_format(b, "\\u%04x", c);
        } else {
            sp_buf_append(b, text.p + i, 1);
        }
    }
    sp_buf_append(b, "\"", 1);
}

static void json_scalar(const struct sp_yaml_node *node, struct sp_buf *b)
{
    if (node->plain && (node->text.n == 0 || sp_str_is(node->text, "~"))) {
        sp_buf_text(b, "null");
    } else if (node->plain && (is_json_word(node->text) || is_json_number(node->text))) {
        sp_buf_append(b, node->text.p, node->text.n);
    } else {
        sp_yaml_json_string(node->text, b);
    }
}

static void json_node(const struct sp_yaml_node *node, struct sp_buf *b, int depth)
{
    SP_ASSERT(depth <= DEPTH_MAX);
    if (node->kind == SP_YAML_SCALAR) {
        json_scalar(node, b);
        return;
    }
    bool map = node->kind == SP_YAML_MAP;
    sp_buf_append(b, map ? "{" : "[", 1);
    for (const struct sp_yaml_node *c = node->first; c != NULL; c = c->next) {
        if (c != node->first) {
            sp_buf_append(b, ",", 1);
        }
        if (map) {
            sp_yaml_json_string(c->key, b);
            sp_buf_append(b, ":", 1);
        }
        json_node(c, b, depth + 1);
    }
    sp_buf_append(b, map ? "}" : "]", 1);
}

void sp_yaml_json(const struct sp_yaml_node *node, struct sp_buf *b)
{
    json_node(node, b, 0);
}

/* Characters that never change the meaning of a plain scalar, wherever they stand. */
static bool is_safe(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '/' || c == '+' ||
           c == '-';
}

void sp_yaml_scalar(struct sp_str text, struct sp_buf *b)
{
    bool plain = text.n > 0 && text.p[0] != '-' && !is_json_word(text) && !is_json_number(text) && !sp_str_is(text, "Null") &&
                 !sp_str_is(text, "NULL"); /* which sp_bind takes for nothing */
    for (uint32_t i = 0; i < text.n && plain; i++) {
        plain = is_safe(text.p[i]) || (text.p[i] == ':' && i + 1 < text.n && text.p[i + 1] == '/');
    }
    if (plain) {
        sp_buf_append(b, text.p, text.n);
    } else {
        sp_yaml_json_string(text, b); /* a JSON string is a YAML double-quoted scalar */
    }
}
