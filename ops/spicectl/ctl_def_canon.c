/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_def_canon.h"

#include "ctl_def_rules.h"
#include "ctl_def_table.h"
#include "ctl_json.h"
#include "ctl_window.h"

#include "sp_time.h"

#include <stdlib.h>
#include <string.h>

#define CANON_PARAMS_MAX  1048576u
#define CANON_SPAN_BYTES  32
#define CANON_DEPTH_MAX   16u
#define CANON_LABEL_BYTES 128

/* ---- bound struct to JSON ---- */

static json_t *canon_span(uint64_t ms)
{
    char text[CANON_SPAN_BYTES];
    sp_time_format_span(ms, text, sizeof text);
    return json_string(text);
}

static int canon_compare(const void *a, const void *b)
{
    const json_t *const *left = a;
    const json_t *const *right = b;
    return strcmp(json_string_value(*left), json_string_value(*right));
}

/* Lists of names mean sets: sorted, so that order is no difference. */
static json_t *canon_sorted(json_t *list)
{
    size_t count = json_array_size(list);
    json_t **items = calloc(count + 1, sizeof(json_t *));
    json_t *sorted = json_array();
    for (size_t i = 0; items != NULL && i < count; i++)
        items[i] = json_array_get(list, i);
    if (items != NULL && count > 0)
        qsort(items, count, sizeof(json_t *), canon_compare);
    for (size_t i = 0; items != NULL && i < count; i++)
        (void)json_array_append(sorted, items[i]);
    free(items);
    json_decref(list);
    return sorted;
}

static json_t *canon_words(const char *joined)
{
    struct sp_str rest = sp_str_of(joined);
    struct sp_str head;
    json_t *list = json_array();
    while (rest.n > 0 && sp_str_next(&rest, ',', &head))
        (void)json_array_append_new(list, json_stringn(head.p, head.n));
    return canon_sorted(list);
}

static json_t *canon_labels(const char *joined)
{
    struct sp_str rest = sp_str_of(joined);
    struct sp_str head;
    struct sp_str key;
    json_t *object = json_object();
    while (rest.n > 0 && sp_str_next(&rest, ',', &head)) {
        if (!sp_str_next(&head, '=', &key))
            continue;
        char name[CANON_LABEL_BYTES];
        if (sp_str_copy(name, sizeof name, key))
            (void)json_object_set_new(object, name, head.n > 0 ? json_stringn(head.p, head.n) : json_string(""));
    }
    return object;
}

static json_t *canon_any(const struct sp_yaml_node *node)
{
    struct sp_buf text;
    json_t *value = NULL;
    if (node == NULL)
        return json_object();
    sp_buf_init(&text, CANON_PARAMS_MAX);
    sp_yaml_json(node, &text);
    if (!text.failed)
        value = json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);
    sp_buf_fini(&text);
    return value;
}

static json_t *canon_struct(const struct sp_bind_table *table, const void *bound);

static json_t *canon_list(const struct sp_bind_key *key, const char *bound)
{
    uint32_t count;
    json_t *list = json_array();
    memcpy(&count, bound + key->count_at, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
        const char *item = bound + key->offset + (size_t)i * key->size;
        (void)json_array_append_new(list, key->type == SP_BIND_TEXTS ? json_string(item) : canon_struct(key->sub, item));
    }
    return list;
}

static json_t *canon_number(const struct sp_bind_key *key, const char *bound)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    bool truth = false;
    const char *at = bound + key->offset;
    if (key->type == SP_BIND_BOOL) {
        memcpy(&truth, at, sizeof truth);
        return json_boolean(truth);
    }
    if (key->type == SP_BIND_SPAN) {
        memcpy(&wide, at, sizeof wide);
        return canon_span(wide);
    }
    memcpy(&narrow, at, sizeof narrow);
    return key->type == SP_BIND_ENUM ? json_string(key->words[narrow]) : json_integer(narrow);
}

static json_t *canon_field(const struct sp_bind_key *key, const char *bound)
{
    const struct sp_yaml_node *node;
    switch (key->type) {
    case SP_BIND_WORDS:
        return canon_words(bound + key->offset);
    case SP_BIND_LABELS:
        return canon_labels(bound + key->offset);
    case SP_BIND_ANY:
        memcpy(&node, bound + key->offset, sizeof node);
        return canon_any(node);
    case SP_BIND_TEXTS:
    case SP_BIND_LIST:
        return canon_list(key, bound);
    case SP_BIND_BOOL:
    case SP_BIND_SPAN:
    case SP_BIND_U32:
    case SP_BIND_ENUM:
        return canon_number(key, bound);
    default:
        return json_string(bound + key->offset);
    }
}

/* The key that is for us alone and not part of what is compared. */
static bool canon_is_ours(const char *name)
{
    return strcmp(name, "kind") == 0;
}

static json_t *canon_struct(const struct sp_bind_table *table, const void *bound)
{
    json_t *object = ctl_json_need(json_object());
    for (uint32_t i = 0; i < table->count; i++) {
        const struct sp_bind_key *key = &table->keys[i];
        if (!canon_is_ours(key->name))
            (void)json_object_set_new(object, key->name, ctl_json_need(canon_field(key, bound)));
    }
    return object;
}

/* Windows in their shortest text, so that two spellings of one are no difference. */
static void canon_windows(json_t *profile)
{
    char text[CTL_WINDOW_BYTES];
    json_t *windows = json_object_get(profile, "windows");
    for (size_t i = 0; i < json_array_size(windows); i++) {
        const char *given = json_string_value(json_array_get(windows, i));
        if (given != NULL && ctl_window_canon(sp_str_of(given), text))
            (void)json_array_set_new(windows, i, ctl_json_need(json_string(text)));
    }
}

/* What period, cron and splay mean together: one of the first two, splay with cron only. */
static void canon_profile(json_t *want)
{
    canon_windows(want);
    if (ctl_json_text(want, "cron")[0] != '\0') {
        (void)json_object_del(want, "period");
        return;
    }
    (void)json_object_del(want, "cron");
    uint64_t period = 0;
    (void)sp_time_parse_span(sp_str_of(ctl_json_text(want, "period")), &period);
    if (period == 0)
        (void)json_object_set_new(want, "period", ctl_json_need(canon_span(CTL_DEF_PERIOD_MS)));
}

/* What the document of a node leaves out is no part of it: the node keeps what it has there, its state above all. */
static void canon_node(json_t *want, const struct sp_yaml_node *root)
{
    const struct sp_bind_table *table = ctl_def_table(CTL_DEF_NODE);
    for (uint32_t i = 0; i < table->count; i++) {
        if (sp_yaml_find(root, table->keys[i].name) == NULL)
            (void)json_object_del(want, table->keys[i].name);
    }
}

enum sp_rc ctl_def_canon(enum ctl_def_kind kind, const char *file, const struct sp_yaml_node *root, const void *bound,
                         struct ctl_def *def, struct sp_err *err)
{
    enum sp_rc rc = ctl_def_rules(kind, file, root, bound, err);
    if (rc != SP_OK)
        return rc;
    def->want = canon_struct(ctl_def_table(kind), bound);
    if (kind == CTL_DEF_PROFILE)
        canon_profile(def->want);
    if (kind == CTL_DEF_NODE)
        canon_node(def->want, root);
    (void)snprintf(def->name, sizeof def->name, "%s", ctl_json_text(def->want, kind == CTL_DEF_LABEL ? "node" : "name"));
    return SP_OK;
}

/* ---- a row of the fleet to JSON ---- */

static json_t *canon_default(const struct sp_bind_key *key)
{
    uint64_t number = 0;
    switch (key->type) {
    case SP_BIND_WORDS:
    case SP_BIND_TEXTS:
    case SP_BIND_LIST:
        return json_array();
    case SP_BIND_LABELS:
    case SP_BIND_ANY:
        return json_object();
    case SP_BIND_BOOL:
        return json_boolean(key->def != NULL && strcmp(key->def, "true") == 0);
    case SP_BIND_SPAN:
        if (key->def != NULL)
            (void)sp_time_parse_span(sp_str_of(key->def), &number);
        return canon_span(number);
    case SP_BIND_U32:
        if (key->def != NULL)
            (void)sp_str_u64(sp_str_of(key->def), UINT32_MAX, &number);
        return json_integer((json_int_t)number);
    default:
        return json_string(key->def != NULL ? key->def : "");
    }
}

/* Lists call some members by another name: spans end in _ms, jitter in _percent. */
static const json_t *canon_member(const json_t *row, const char *name)
{
    static const char *const endings[] = {"", "_ms", "_percent"};
    char full[80];
    for (size_t i = 0; i < SP_COUNT(endings); i++) {
        (void)snprintf(full, sizeof full, "%s%s", name, endings[i]);
        const json_t *value = json_object_get(row, full);
        if (value != NULL && !json_is_null(value))
            return value;
    }
    return NULL;
}

static json_t *canon_of_span(const json_t *value)
{
    uint64_t ms = 0;
    if (json_is_integer(value))
        ms = (uint64_t)json_integer_value(value);
    else if (json_is_string(value))
        (void)sp_time_parse_span(sp_str_of(json_string_value(value)), &ms);
    return canon_span(ms);
}

static json_t *canon_of_groups(const json_t *value)
{
    size_t i;
    json_t *group;
    json_t *list = json_array();
    json_array_foreach(value, i, group)
    {
        json_t *of = canon_sorted(json_incref(json_object_get(group, "of")));
        (void)json_array_append_new(list, json_pack("{s:I, s:o}", "k", (json_int_t)ctl_json_int(group, "k", 0), "of", of));
    }
    return list;
}

static json_t *canon_of_value(const struct sp_bind_key *key, const json_t *value)
{
    char text[CTL_JSON_WORDS_MAX];
    switch (key->type) {
    case SP_BIND_SPAN:
        return canon_of_span(value);
    case SP_BIND_LABELS:
        return canon_labels(ctl_json_labels(value, text, sizeof text));
    case SP_BIND_WORDS:
        return json_is_string(value) ? canon_words(json_string_value(value)) : canon_sorted(json_deep_copy(value));
    case SP_BIND_LIST:
        return canon_of_groups(value);
    default:
        return json_deep_copy(value);
    }
}

json_t *ctl_def_of_row(enum ctl_def_kind kind, const json_t *row)
{
    const struct sp_bind_table *table = ctl_def_table(kind);
    json_t *have = ctl_json_need(json_object());
    for (uint32_t i = 0; i < table->count; i++) {
        const struct sp_bind_key *key = &table->keys[i];
        if (canon_is_ours(key->name))
            continue;
        const json_t *value = canon_member(row, key->name);
        (void)json_object_set_new(have, key->name, ctl_json_need(value != NULL ? canon_of_value(key, value) : canon_default(key)));
    }
    if (kind == CTL_DEF_PROFILE)
        canon_profile(have);
    if (kind == CTL_DEF_NODE && strcmp(ctl_json_text(have, "address"), ctl_json_text(have, "name")) == 0)
        (void)json_object_set_new(have, "address", ctl_json_need(json_string("")));
    return have;
}

/* ---- JSON to YAML ---- */

/* U+0085, U+2028 and U+2029 end a line in YAML, even between quotes. Returns how many bytes such a character has here, or 0. */
static size_t canon_line_end(const char *text, unsigned *code)
{
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] == 0xc2 && c[1] == 0x85) {
        *code = 0x85;
        return 2;
    }
    if (c[0] != 0xe2 || c[1] != 0x80 || (c[2] != 0xa8 && c[2] != 0xa9))
        return 0;
    *code = 0x2000u + (c[2] & 0x3fu);
    return 3;
}

/* Writes a text so that it reads back the same; between braces and brackets everything but names is quoted. */
static void canon_text(const char *text, struct sp_buf *b, bool flow)
{
    unsigned code = 0;
    const char *at = text;
    while (*at != '\0' && canon_line_end(at, &code) == 0)
        at++;
    if (*at == '\0') {
        if (flow && !sp_str_is_name(sp_str_of(text), 64))
            sp_yaml_json_string(sp_str_of(text), b);
        else
            sp_yaml_scalar(sp_str_of(text), b);
        return;
    }
    sp_buf_text(b, "\"");
    for (at = text; *at != '\0';) {
        size_t n = canon_line_end(at, &code);
        if (n > 0)
            sp_buf_format(b, "\\u%04x", code);
        else if (*at == '"' || *at == '\\')
            sp_buf_format(b, "\\%c", *at);
        else if ((unsigned char)*at < 0x20 || *at == 0x7f)
            sp_buf_format(b, "\\u%04x", (unsigned)*at);
        else
            sp_buf_append(b, at, 1);
        at += n > 0 ? n : 1;
    }
    sp_buf_text(b, "\"");
}

/* As jansson writes it: a real stays one ("0.0", not "0") when it is read again. */
static void canon_real(const json_t *value, struct sp_buf *b)
{
    char *text = ctl_json_dump(value);
    sp_buf_text(b, text);
    free(text);
}

static void canon_scalar(const json_t *value, struct sp_buf *b, bool flow)
{
    const char *text = json_string_value(value);
    if (text != NULL)
        canon_text(text, b, flow);
    else if (json_is_integer(value))
        sp_buf_format(b, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        canon_real(value, b);
    else
        sp_buf_text(b, json_is_true(value) ? "true" : (json_is_false(value) ? "false" : "null"));
}

static void canon_flow(const json_t *value, struct sp_buf *b, unsigned depth)
{
    size_t i;
    size_t n = 0;
    const char *key;
    json_t *each;
    if (json_is_array(value) && depth < CANON_DEPTH_MAX) {
        sp_buf_text(b, "[");
        json_array_foreach(value, i, each)
        {
            sp_buf_text(b, i > 0 ? ", " : "");
            canon_flow(each, b, depth + 1);
        }
        sp_buf_text(b, "]");
    } else if (json_is_object(value) && depth < CANON_DEPTH_MAX) {
        sp_buf_text(b, "{");
        json_object_foreach((json_t *)(uintptr_t)value, key, each)
        {
            sp_buf_text(b, n++ > 0 ? ", " : "");
            canon_text(key, b, true);
            sp_buf_text(b, ": ");
            canon_flow(each, b, depth + 1);
        }
        sp_buf_text(b, "}");
    } else {
        canon_scalar(value, b, true);
    }
}

static bool canon_is_scalar(const json_t *value)
{
    return !json_is_array(value) && !json_is_object(value);
}

/* Maps and lists of maps as blocks, one level; everything deeper in one line. */
static void canon_block(const char *name, const json_t *value, struct sp_buf *b)
{
    size_t i;
    const char *key;
    json_t *each;
    sp_buf_format(b, "%s:", name);
    if (json_object_size(value) > 0) {
        json_object_foreach((json_t *)(uintptr_t)value, key, each)
        {
            sp_buf_text(b, "\n  ");
            canon_text(key, b, false);
            sp_buf_text(b, ": ");
            if (canon_is_scalar(each))
                canon_scalar(each, b, false);
            else
                canon_flow(each, b, 0);
        }
    } else if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
        json_array_foreach(value, i, each)
        {
            sp_buf_text(b, "\n  - ");
            canon_flow(each, b, 0);
        }
    } else {
        sp_buf_text(b, " ");
        if (canon_is_scalar(value))
            canon_scalar(value, b, false);
        else
            canon_flow(value, b, 0);
    }
    sp_buf_text(b, "\n");
}

void ctl_def_print(enum ctl_def_kind kind, const json_t *definition, struct sp_buf *b)
{
    const struct sp_bind_table *table = ctl_def_table(kind);
    sp_buf_format(b, "---\nkind: %s\n", ctl_def_word(kind));
    for (uint32_t i = 0; i < table->count; i++) {
        const struct sp_bind_key *key = &table->keys[i];
        const json_t *value = json_object_get(definition, key->name);
        if (value == NULL)
            continue;
        json_t *fallback = ctl_json_need(canon_default(key));
        if (key->required || kind == CTL_DEF_NODE || !json_equal(value, fallback))
            canon_block(key->name, value, b);
        json_decref(fallback);
    }
}
