/* SPDX-License-Identifier: Apache-2.0 */
#include "param.h"

#include <stdio.h>
#include <stdlib.h>

#include "sp_assert.h"
#include "sp_time.h"

/* A decoded text is never longer than its JSON form, so one block of (JSON bytes + all fallbacks) holds them all. */
struct reader {
    const char *p;
    const char *end;
    char *out;         /* next free byte of the text block */
    const char **list; /* next free pointer of the list block */
    const char **list_end;
    char *why;
    char *wrong;      /* of param_values */
    const char *name; /* parameter being read, for messages */
};

/* False; the refusal is about this parameter. */
static bool wrong(struct reader *r, struct sp_str name)
{
    (void)sp_str_copy(r->wrong, sizeof((struct param_values *)0)->wrong, name);
    return false;
}

static bool refuse(struct reader *r, const char *what)
{
    if (r->name != NULL) {
        (void)snprintf(r->why, SP_ADAPTER_WHY_MAX, "parameter %s: %s", r->name, what);
        return wrong(r, sp_str_of(r->name));
    }
    (void)snprintf(r->why, SP_ADAPTER_WHY_MAX, "parameters: %s", what);
    return false;
}

static void skip_space(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r')) {
        r->p++;
    }
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->p < r->end && *r->p == c) {
        r->p++;
        return true;
    }
    return false;
}

static bool peek(struct reader *r, char c)
{
    skip_space(r);
    return r->p < r->end && *r->p == c;
}

static bool read_hex4(struct reader *r, uint32_t *out)
{
    uint32_t v = 0;
    if (r->end - r->p < 4) {
        return refuse(r, "incomplete \\u escape");
    }
    for (int i = 0; i < 4; i++) {
        char c = *r->p++;
        uint32_t d = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 16u;
        if (d == 16u) {
            return refuse(r, "bad \\u escape");
        }
        v = v << 4 | d;
    }
    *out = v;
    return true;
}

static void put_utf8(struct reader *r, uint32_t c)
{
    if (c < 0x80) {
        *r->out++ = (char)c;
    } else if (c < 0x800) {
        *r->out++ = (char)(0xc0 | c >> 6);
        *r->out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *r->out++ = (char)(0xe0 | c >> 12);
        *r->out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *r->out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *r->out++ = (char)(0xf0 | c >> 18);
        *r->out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *r->out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *r->out++ = (char)(0x80 | (c & 0x3f));
    }
}

static bool read_unicode(struct reader *r)
{
    uint32_t c = 0;
    uint32_t low = 0;
    if (!read_hex4(r, &c)) {
        return false;
    }
    if (c >= 0xd800 && c < 0xdc00) {
        if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u') {
            return refuse(r, "half of a surrogate pair");
        }
        r->p += 2;
        if (!read_hex4(r, &low)) {
            return false;
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return refuse(r, "half of a surrogate pair");
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000) {
        return refuse(r, "half of a surrogate pair");
    }
    if (c == 0) {
        return refuse(r, "a text may not hold NUL");
    }
    put_utf8(r, c);
    return true;
}

static bool read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (r->p == r->end) {
        return refuse(r, "text does not end");
    }
    char c = *r->p++;
    if (c == 'u') {
        return read_unicode(r);
    }
    const char *at = c != '\0' ? strchr(from, c) : NULL;
    if (at == NULL) {
        return refuse(r, "unknown escape in a text");
    }
    *r->out++ = to[at - from];
    return true;
}

/* Reads a text into the block; *out lends it, NUL-terminated. */
static bool read_text(struct reader *r, struct sp_str *out)
{
    char *start = r->out;
    if (!take(r, '"')) {
        return refuse(r, "a text is wanted");
    }
    for (;;) {
        if (r->p == r->end) {
            return refuse(r, "text does not end");
        }
        char c = *r->p++;
        if (c == '"') {
            break;
        }
        if ((unsigned char)c < 0x20) {
            return refuse(r, "control character in a text");
        }
        if (c == '\\') {
            if (!read_escape(r)) {
                return false;
            }
        } else {
            *r->out++ = c;
        }
    }
    *out = sp_str_bytes(start, (size_t)(r->out - start));
    if (!sp_str_is_utf8(*out)) {
        return refuse(r, "text is not valid UTF-8");
    }
    *r->out++ = '\0';
    return true;
}

/* True when text is a number by the grammar of JSON (RFC 8259, section 6). */
static bool is_number(const char *p)
{
    p += *p == '-';
    size_t n = strspn(p, "0123456789");
    if (n == 0 || (n > 1 && *p == '0')) {
        return false;
    }
    p += n;
    if (*p == '.') {
        n = strspn(++p, "0123456789");
        p += n;
        if (n == 0) {
            return false;
        }
    }
    if (*p == 'e') {
        p++;
        p += *p == '-';
        n = strspn(p, "0123456789");
        p += n;
        if (n == 0) {
            return false;
        }
    }
    return *p == '\0';
}

/* Reads a text, or a number or boolean as its literal text: people write `expect: 200` in YAML. */
static bool read_scalar(struct reader *r, struct sp_str *out)
{
    char *start = r->out;
    if (peek(r, '"')) {
        return read_text(r, out);
    }
    while (r->p < r->end && ((*r->p >= '0' && *r->p <= '9') || (*r->p >= 'a' && *r->p <= 'z') || *r->p == '-' || *r->p == '.')) {
        *r->out++ = *r->p++;
    }
    *out = sp_str_bytes(start, (size_t)(r->out - start));
    *r->out++ = '\0';
    if (!is_number(start) && !sp_str_is(*out, "true") && !sp_str_is(*out, "false")) {
        return refuse(r, "a text, number or boolean is wanted");
    }
    return true;
}

static bool list_push(struct reader *r, const char *text)
{
    if (r->list == r->list_end) {
        return refuse(r, "too many items");
    }
    *r->list++ = text;
    return true;
}

static bool read_list(struct reader *r, struct sp_param_value *v)
{
    struct sp_str item;
    v->list = (const char *const *)r->list;
    if (!take(r, '[')) {
        v->list_len = 1;
        return read_scalar(r, &item) && list_push(r, item.p);
    }
    if (take(r, ']')) {
        return true;
    }
    do {
        if (!read_scalar(r, &item) || !list_push(r, item.p)) {
            return false;
        }
        v->list_len++;
    } while (take(r, ','));
    return take(r, ']') || refuse(r, "] is missing");
}

static bool map_has(const struct sp_param_value *v, const char *name)
{
    for (size_t i = 0; i + 1 < v->list_len; i += 2) {
        if (strcmp(v->list[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool read_map(struct reader *r, struct sp_param_value *v)
{
    struct sp_str name;
    struct sp_str text;
    v->list = (const char *const *)r->list;
    if (!take(r, '{')) {
        return refuse(r, "an object of texts is wanted");
    }
    if (take(r, '}')) {
        return true;
    }
    do {
        if (!read_text(r, &name)) {
            return false;
        }
        if (map_has(v, name.p)) {
            return refuse(r, "the same name twice");
        }
        if (!take(r, ':') || !read_scalar(r, &text)) {
            return refuse(r, "an object of texts is wanted");
        }
        if (!list_push(r, name.p) || !list_push(r, text.p)) {
            return false;
        }
        v->list_len += 2;
    } while (take(r, ','));
    return take(r, '}') || refuse(r, "} is missing");
}

static bool choose(struct reader *r, const struct sp_param *row, struct sp_param_value *v)
{
    struct sp_str rest = sp_str_of(row->choices);
    struct sp_str word;
    for (int64_t i = 0; sp_str_next(&rest, '|', &word); i++) {
        if (sp_str_eq(word, sp_str_bytes(v->str, v->str_len))) {
            v->num = i;
            return true;
        }
    }
    (void)snprintf(r->why, SP_ADAPTER_WHY_MAX, "parameter %s: must be one of %s", row->name, row->choices);
    return wrong(r, sp_str_of(row->name));
}

static bool in_range(struct reader *r, const struct sp_param *row, int64_t n, const char *unit)
{
    if (n >= row->min && n <= row->max) {
        return true;
    }
    (void)snprintf(r->why, SP_ADAPTER_WHY_MAX, "parameter %s: must be %lld to %lld%s", row->name, (long long)row->min,
                   (long long)row->max, unit);
    return wrong(r, sp_str_of(row->name));
}

static bool read_int(struct reader *r, int64_t *out)
{
    struct sp_str text;
    uint64_t n = 0;
    if (peek(r, '"') || !read_scalar(r, &text)) {
        return refuse(r, "a whole number is wanted");
    }
    bool minus = text.n > 0 && text.p[0] == '-';
    struct sp_str digits = minus ? sp_str_bytes(text.p + 1, text.n - 1) : text;
    if (!sp_str_u64(digits, INT64_MAX, &n) || (digits.n > 1 && digits.p[0] == '0')) {
        return refuse(r, "a whole number is wanted");
    }
    *out = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

static bool read_value(struct reader *r, const struct sp_param *row, struct sp_param_value *v)
{
    struct sp_str text = {"", 0};
    uint64_t ms = 0;
    switch (row->type) {
    case SP_PARAM_INT:
        return read_int(r, &v->num) && in_range(r, row, v->num, "");
    case SP_PARAM_BOOL:
        if (peek(r, '"') || !read_scalar(r, &text) || (!sp_str_is(text, "true") && !sp_str_is(text, "false"))) {
            return refuse(r, "true or false is wanted");
        }
        v->num = sp_str_is(text, "true");
        return true;
    case SP_PARAM_LIST:
        return read_list(r, v) && in_range(r, row, (int64_t)v->list_len, " items");
    case SP_PARAM_MAP:
        return read_map(r, v) && in_range(r, row, (int64_t)v->list_len / 2, " entries");
    case SP_PARAM_STR:
    case SP_PARAM_DURATION:
    case SP_PARAM_ENUM:
        break;
    default:
        SP_UNREACHABLE();
    }
    if (!read_scalar(r, &text)) {
        return false;
    }
    v->str = text.p;
    v->str_len = text.n;
    if (row->type == SP_PARAM_STR) {
        return in_range(r, row, (int64_t)text.n, " bytes");
    }
    if (row->type == SP_PARAM_ENUM) {
        return choose(r, row, v);
    }
    if (!sp_time_parse_span(text, &ms)) {
        return refuse(r, "a duration such as 500ms or 10s is wanted");
    }
    v->num = (int64_t)ms;
    return in_range(r, row, v->num, " ms");
}

static bool unknown_name(struct reader *r, const struct sp_param *table, size_t count, struct sp_str name)
{
    const char *words[SP_ADAPTER_PARAMS_MAX];
    for (size_t i = 0; i < count; i++) {
        words[i] = table[i].name;
    }
    const char *near = sp_str_nearest(name, words, count);
    (void)snprintf(r->why, SP_ADAPTER_WHY_MAX, "unknown parameter \"%.64s\"%s%s%s", name.p, near != NULL ? "; did you mean " : "",
                   near != NULL ? near : "", near != NULL ? "?" : "");
    return wrong(r, name);
}

static bool read_member(struct reader *r, const struct sp_param *table, size_t count, struct param_values *out)
{
    struct sp_str name;
    size_t i = 0;
    r->name = NULL;
    if (!read_text(r, &name)) {
        return false;
    }
    while (i < count && !sp_str_is(name, table[i].name)) {
        i++;
    }
    if (i == count) {
        return unknown_name(r, table, count, name);
    }
    r->name = table[i].name;
    if (out->row[i].given) {
        return refuse(r, "given twice");
    }
    if (!take(r, ':')) {
        return refuse(r, ": is missing");
    }
    skip_space(r);
    if (r->end - r->p >= 4 && memcmp(r->p, "null", 4) == 0) { /* and not as if it were not there: less would be asked */
        return refuse(r, "has no value; leave it out, or write one");
    }
    out->row[i].given = true;
    return read_value(r, &table[i], &out->row[i]);
}

static bool read_object(struct reader *r, const struct sp_param *table, size_t count, struct param_values *out)
{
    if (!take(r, '{')) {
        return refuse(r, "a JSON object is wanted");
    }
    if (!take(r, '}')) {
        do {
            if (!read_member(r, table, count, out)) {
                return false;
            }
        } while (take(r, ','));
        r->name = NULL;
        if (!take(r, '}')) {
            return refuse(r, "} is missing");
        }
    }
    skip_space(r);
    return r->p == r->end || refuse(r, "something follows the object");
}

static bool fill_fallbacks(struct reader *r, const struct sp_param *table, size_t count, struct param_values *out)
{
    for (size_t i = 0; i < count; i++) {
        r->name = table[i].name;
        if (out->row[i].given) {
            continue;
        }
        if (table[i].fallback != NULL) {
            r->p = table[i].fallback;
            r->end = r->p + strlen(r->p);
            out->row[i].given = true;
            if (!read_value(r, &table[i], &out->row[i])) {
                return false;
            }
        } else if (table[i].required) {
            return refuse(r, "is required");
        }
    }
    return true;
}

bool param_parse(const struct sp_param *table, size_t count, struct sp_str json, struct param_values *out, char *why)
{
    SP_ASSERT(count <= SP_ADAPTER_PARAMS_MAX);
    struct reader r = {.why = why, .wrong = out->wrong};
    /* Every text costs one more byte for its NUL, which replaces its closing quote; a bare number has none, hence 2 x. */
    size_t bytes = 2 * (size_t)json.n + 16;
    for (size_t i = 0; i < count; i++) {
        bytes += table[i].fallback != NULL ? 2 * strlen(table[i].fallback) + 2 : 0;
    }
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < SP_ADAPTER_PARAMS_MAX; i++) {
        out->row[i].str = "";
    }
    if (json.n > PARAM_JSON_MAX) {
        return refuse(&r, "too long");
    }
    out->texts = malloc(bytes);
    out->lists = malloc(PARAM_LIST_MAX * sizeof *out->lists);
    if (out->texts == NULL || out->lists == NULL) {
        param_fini(out);
        return refuse(&r, "no memory");
    }
    r.out = out->texts;
    r.list = out->lists;
    r.list_end = out->lists + PARAM_LIST_MAX;
    r.p = json.n > 0 ? json.p : "{}";
    r.end = r.p + (json.n > 0 ? json.n : 2);
    if (!read_object(&r, table, count, out) || !fill_fallbacks(&r, table, count, out)) {
        param_fini(out);
        return false;
    }
    SP_ASSERT(r.out <= out->texts + bytes);
    return true;
}

void param_fini(struct param_values *values)
{
    free(values->texts);
    free(values->lists);
    values->texts = NULL;
    values->lists = NULL;
}

static bool name_ok(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:[]%");
    return name[n] == '\0' && n <= PARAM_EXPAND_NAME_MAX && n > 0 && name[0] != '-';
}

struct sp_str param_unknown_place(const char *text)
{
    for (const char *at = strchr(text, '{'); at != NULL; at = strchr(at + 1, '{')) {
        size_t n = strspn(at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-");
        struct sp_str place = sp_str_bytes(at, n + 2);
        if (n > 0 && at[n + 1] == '}' && !sp_str_is(place, "{node}") && !sp_str_is(place, "{address}")) {
            return place;
        }
    }
    return sp_str_bytes("", 0);
}

bool param_expand(const char *text, const char *node, const char *address, char *out, size_t out_cap)
{
    size_t n = 0;
    while (*text != '\0') {
        const char *put = text;
        size_t put_len = 1;
        size_t step = 1;
        if (strncmp(text, "{node}", 6) == 0) {
            put = node;
            step = 6;
        } else if (strncmp(text, "{address}", 9) == 0) {
            put = address;
            step = 9;
        }
        if (step > 1) {
            if (!name_ok(put)) {
                return false;
            }
            put_len = strlen(put);
        }
        if (n + put_len >= out_cap) {
            return false;
        }
        memcpy(out + n, put, put_len);
        n += put_len;
        text += step;
    }
    if (n >= out_cap) {
        return false;
    }
    out[n] = '\0';
    return true;
}
