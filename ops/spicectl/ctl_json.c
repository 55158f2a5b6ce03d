/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_json.h"

#include "ctl_span.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define JSON_SHOW_DEPTH_MAX 6
#define JSON_SHOW_LEFT      16 /* columns of a member's name */

const char *ctl_json_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

int64_t ctl_json_int(const json_t *object, const char *name, int64_t fallback)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_integer(value))
        return (int64_t)json_integer_value(value);
    if (json_is_real(value))
        return (int64_t)json_real_value(value);
    return fallback;
}

bool ctl_json_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

static size_t json_add(char *to, size_t size, size_t used, const char *text)
{
    size_t n = strlen(text);
    if (used + 1 >= size)
        return used;
    if (n > size - 1 - used)
        n = size - 1 - used;
    memcpy(to + used, text, n);
    to[used + n] = '\0';
    return used + n;
}

static size_t json_scalar(const json_t *value, char *to, size_t size, size_t used)
{
    char number[64];
    if (json_is_string(value))
        return json_add(to, size, used, json_string_value(value));
    if (json_is_integer(value)) {
        (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return json_add(to, size, used, number);
    }
    if (json_is_real(value)) {
        (void)snprintf(number, sizeof number, "%.6g", json_real_value(value));
        return json_add(to, size, used, number);
    }
    if (json_is_true(value) || json_is_false(value))
        return json_add(to, size, used, json_is_true(value) ? "yes" : "no");
    return used;
}

/* Nested lists and objects inside a line are shown as compact JSON. */
static size_t json_any(const json_t *value, char *to, size_t size, size_t used)
{
    if (!json_is_array(value) && !json_is_object(value))
        return json_scalar(value, to, size, used);
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    used = json_add(to, size, used, text != NULL ? text : "");
    free(text);
    return used;
}

const char *ctl_json_words(const json_t *value, char *to, size_t size)
{
    size_t used = 0;
    size_t i;
    const char *key;
    json_t *each;
    to[0] = '\0';
    if (json_is_array(value)) {
        json_array_foreach(value, i, each)
        {
            used = json_add(to, size, used, i > 0 ? ", " : "");
            used = json_any(each, to, size, used);
        }
    } else if (json_is_object(value)) {
        i = 0;
        json_object_foreach((json_t *)(uintptr_t)value, key, each)
        {
            used = json_add(to, size, used, i++ > 0 ? ", " : "");
            used = json_add(to, size, used, key);
            used = json_add(to, size, used, "=");
            used = json_any(each, to, size, used);
        }
    } else {
        (void)json_any(value, to, size, used);
    }
    return to;
}

static int json_compare_keys(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

const char *ctl_json_labels(const json_t *labels, char *to, size_t size)
{
    const char *keys[256];
    size_t count = 0;
    size_t used = 0;
    const char *key;
    json_t *each;
    to[0] = '\0';
    if (!json_is_object(labels))
        return ctl_json_words(labels, to, size);
    json_object_foreach((json_t *)(uintptr_t)labels, key, each)
    {
        if (count < sizeof keys / sizeof keys[0])
            keys[count++] = key;
    }
    qsort(keys, count, sizeof keys[0], json_compare_keys);
    for (size_t i = 0; i < count; i++) {
        used = json_add(to, size, used, i > 0 ? "," : "");
        used = json_add(to, size, used, keys[i]);
        used = json_add(to, size, used, "=");
        used = json_scalar(json_object_get(labels, keys[i]), to, size, used);
    }
    return to;
}

static void json_dump(struct ctl_out *out, const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_ENCODE_ANY);
    ctl_out_print(out, "%s\n", text != NULL ? text : "null");
    free(text);
}

void ctl_json_print(struct ctl_out *out, const json_t *value)
{
    json_dump(out, value, JSON_INDENT(2));
}

void ctl_json_line(struct ctl_out *out, const json_t *value)
{
    json_dump(out, value, JSON_COMPACT);
}

/* Members named *_ms are spans; people read "5m", not 300000. */
static void json_show_scalar(struct ctl_out *out, const char *name, const json_t *value)
{
    char words[CTL_JSON_WORDS_MAX];
    char safe[CTL_OUT_SAFE_MAX];
    size_t n = strlen(name);
    if (n > 3 && strcmp(name + n - 3, "_ms") == 0 && json_is_integer(value))
        ctl_span_text(json_integer_value(value), words, sizeof words);
    else
        (void)ctl_json_words(value, words, sizeof words);
    (void)ctl_out_safe(safe, sizeof safe, words[0] != '\0' ? words : "-");
    ctl_out_tone(out, ctl_out_tone_of(safe), safe);
    ctl_out_print(out, "\n");
}

void ctl_json_show(struct ctl_out *out, const json_t *object, unsigned indent)
{
    const char *key;
    json_t *value;
    char left[64];
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t n = strlen(key);
        bool span = n > 3 && strcmp(key + n - 3, "_ms") == 0;
        (void)snprintf(left, sizeof left, "%.*s:", (int)(span ? n - 3 : n), key);
        ctl_out_print(out, "%*s%-*s ", (int)indent, "", JSON_SHOW_LEFT, left);
        bool nested = json_is_object(value) && json_object_size(value) > 0 && indent < 2 * JSON_SHOW_DEPTH_MAX &&
                      json_is_object(json_object_iter_value(json_object_iter(value)));
        if (nested) {
            ctl_out_print(out, "\n");
            ctl_json_show(out, value, indent + 2);
        } else {
            json_show_scalar(out, key, value);
        }
    }
}

json_t *ctl_json_need(json_t *value)
{
    if (value == NULL) {
        (void)fputs("spicectl: out of memory, or a text that is not UTF-8\n", stderr);
        exit(1);
    }
    return value;
}

char *ctl_json_dump(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (text == NULL) {
        (void)fputs("spicectl: out of memory\n", stderr);
        exit(1);
    }
    return text;
}
