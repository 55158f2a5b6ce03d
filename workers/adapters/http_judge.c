/* SPDX-License-Identifier: Apache-2.0 */
#include "http_judge.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MIN 100u
#define STATUS_MAX 999u

static bool add_range(struct http_judge *self, const char *text)
{
    struct sp_str rest = sp_str_of(text);
    struct sp_str low;
    struct sp_str high;
    uint64_t a = 0;
    uint64_t b = 0;
    if (self->ranges == HTTP_JUDGE_RANGES_MAX || !sp_str_next(&rest, '-', &low) || !sp_str_u64(low, STATUS_MAX, &a)) {
        return false;
    }
    high = rest.p != NULL ? rest : low;
    if (!sp_str_u64(high, STATUS_MAX, &b) || a < STATUS_MIN || a > b) {
        return false;
    }
    self->range[self->ranges].low = (uint16_t)a;
    self->range[self->ranges].high = (uint16_t)b;
    self->ranges++;
    return true;
}

/* Back-references make matching exponential and large counts make the automaton huge: neither is needed here. */
static bool pattern_is_tame(const char *p, char *why)
{
    uint64_t product = 1;
    for (; *p != '\0'; p++) {
        if (*p == '\\' && p[1] != '\0') {
            p++;
            if (*p >= '1' && *p <= '9') {
                (void)snprintf(why, SP_ADAPTER_WHY_MAX, "back-references are not supported in a pattern");
                return false;
            }
        } else if (*p == '{') {
            uint64_t count = 0;
            for (p++; *p != '\0' && *p != '}'; p++) {
                bool digit = *p >= '0' && *p <= '9';
                count = digit ? count * 10 + (uint64_t)(*p - '0') : 0;
                count = count > HTTP_JUDGE_REPEAT_MAX ? HTTP_JUDGE_REPEAT_MAX + 1 : count;
            }
            product *= count > 0 ? count : 1;
            if (product > HTTP_JUDGE_REPEAT_MAX || *p == '\0') {
                (void)snprintf(why, SP_ADAPTER_WHY_MAX, "a pattern may repeat at most %u times in all", HTTP_JUDGE_REPEAT_MAX);
                return false;
            }
        }
    }
    return true;
}

static bool compile_pattern(regex_t *to, const char *pattern, char *why)
{
    char text[128];
    if (!pattern_is_tame(pattern, why)) {
        return false;
    }
    int rc = regcomp(to, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE);
    if (rc != 0) {
        (void)regerror(rc, to, text, sizeof text);
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "bad pattern: %s", text);
    }
    return rc == 0;
}

static bool add_member(struct http_judge *self, const char *pointer, const char *value, char *why)
{
    if (self->members == HTTP_JUDGE_MEMBERS_MAX || strlen(pointer) > HTTP_JUDGE_POINTER_MAX ||
        (pointer[0] != '\0' && pointer[0] != '/')) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "bad JSON pointer \"%.80s\": it starts with / and has at most %u bytes", pointer,
                       HTTP_JUDGE_POINTER_MAX);
        return false;
    }
    char *p = strdup(pointer);
    char *v = strdup(value);
    self->member[self->members].pointer = p;
    self->member[self->members].value = v;
    self->members++;
    return p != NULL && v != NULL;
}

static bool fill(struct http_judge *self, const struct sp_param_value *expect, const struct sp_param_value *match,
                 const struct sp_param_value *absent, const struct sp_param_value *json, char *why)
{
    for (size_t i = 0; i < expect->list_len; i++) {
        if (!add_range(self, expect->list[i])) {
            (void)snprintf(why, SP_ADAPTER_WHY_MAX, "bad status \"%.32s\": wanted is 200 or 200-299", expect->list[i]);
            return false;
        }
    }
    if (match->given) {
        self->has_match = compile_pattern(&self->match, match->str, why);
    }
    if (absent->given && (self->has_match || !match->given)) {
        self->has_absent = compile_pattern(&self->absent, absent->str, why);
    }
    for (size_t i = 0; i + 1 < json->list_len; i += 2) {
        if (!add_member(self, json->list[i], json->list[i + 1], why)) {
            return false;
        }
    }
    return self->has_match == match->given && self->has_absent == absent->given;
}

bool http_judge_init(struct http_judge *self, const struct sp_param_value *expect, const struct sp_param_value *match,
                     const struct sp_param_value *absent, const struct sp_param_value *json, char *why)
{
    memset(self, 0, sizeof *self);
    if (!fill(self, expect, match, absent, json, why)) {
        http_judge_fini(self);
        return false;
    }
    return true;
}

void http_judge_fini(struct http_judge *self)
{
    if (self->has_match) {
        regfree(&self->match);
    }
    if (self->has_absent) {
        regfree(&self->absent);
    }
    while (self->members > 0) {
        self->members--;
        free(self->member[self->members].pointer);
        free(self->member[self->members].value);
    }
    memset(self, 0, sizeof *self);
}

/* One step of RFC 6901: token (escaped) of length n below `at`. */
static const json_t *descend(const json_t *at, const char *token, size_t n)
{
    char name[HTTP_JUDGE_POINTER_MAX + 1];
    size_t out = 0;
    uint64_t index = 0;
    for (size_t i = 0; i < n; i++) {
        char c = token[i];
        if (c == '~' && i + 1 < n) {
            c = token[++i] == '0' ? '~' : '/';
        }
        name[out++] = c;
    }
    name[out] = '\0';
    if (json_is_object(at)) {
        return json_object_get(at, name);
    }
    if (json_is_array(at) && sp_str_u64(sp_str_of(name), SIZE_MAX, &index)) {
        return json_array_get(at, (size_t)index);
    }
    return NULL;
}

static const json_t *resolve(const json_t *root, const char *pointer)
{
    const json_t *at = root;
    while (at != NULL && *pointer == '/') {
        const char *token = pointer + 1;
        size_t n = strcspn(token, "/");
        at = descend(at, token, n);
        pointer = token + n;
    }
    return at;
}

static void value_text(const json_t *v, char *to, size_t size)
{
    switch (v != NULL ? json_typeof(v) : JSON_NULL) {
    case JSON_STRING:
        (void)snprintf(to, size, "%s", json_string_value(v));
        break;
    case JSON_INTEGER:
        (void)snprintf(to, size, "%lld", (long long)json_integer_value(v));
        break;
    case JSON_REAL:
        (void)snprintf(to, size, "%.17g", json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        (void)snprintf(to, size, "%s", json_is_true(v) ? "true" : "false");
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
        (void)snprintf(to, size, json_is_object(v) ? "(object)" : "(array)");
        break;
    case JSON_NULL:
    default:
        (void)snprintf(to, size, v != NULL ? "null" : "(missing)");
        break;
    }
}

/* A value is compared as text: "ok", "3", "true"; a string is compared whole, whatever its length. */
static bool value_is(const json_t *v, const char *wanted)
{
    char text[64];
    if (json_is_string(v)) {
        return json_string_length(v) == strlen(wanted) && memcmp(json_string_value(v), wanted, strlen(wanted)) == 0;
    }
    value_text(v, text, sizeof text);
    return v != NULL && !json_is_object(v) && !json_is_array(v) && strcmp(text, wanted) == 0;
}

static bool judge_json(const struct http_judge *self, const char *body, size_t n, char *why)
{
    json_error_t error;
    char text[96];
    bool good = true;
    json_t *root = json_loadb(body, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (root == NULL) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "body is not JSON: %s (line %d)", error.text, error.line);
        return false;
    }
    for (uint32_t i = 0; i < self->members && good; i++) {
        const json_t *v = resolve(root, self->member[i].pointer);
        good = value_is(v, self->member[i].value);
        if (!good) {
            value_text(v, text, sizeof text);
            (void)snprintf(why, SP_ADAPTER_WHY_MAX, "%.80s is %s, wanted %.64s", self->member[i].pointer, text,
                           self->member[i].value);
        }
    }
    json_decref(root);
    return good;
}

bool http_judge_reads_body(const struct http_judge *self)
{
    return self->has_match || self->has_absent || self->members > 0;
}

bool http_judge_answer(const struct http_judge *self, long status, const char *body, size_t n, char *why)
{
    bool expected = false;
    for (uint32_t i = 0; i < self->ranges && !expected; i++) {
        expected = status >= self->range[i].low && status <= self->range[i].high;
    }
    if (!expected) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "HTTP status %ld is not expected", status);
        return false;
    }
    if ((self->has_match || self->has_absent) && memchr(body, '\0', n) != NULL) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "body is not text");
        return false;
    }
    if (self->has_match && regexec(&self->match, body, 0, NULL, 0) != 0) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "body does not match the pattern");
        return false;
    }
    if (self->has_absent && regexec(&self->absent, body, 0, NULL, 0) == 0) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "body has what must be absent");
        return false;
    }
    return self->members == 0 || judge_json(self, body, n, why);
}
