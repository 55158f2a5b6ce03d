/* SPDX-License-Identifier: Apache-2.0 */
#include "definition_json.h"

#include <string.h>

#include "msg.h"
#include "sp_selector.h"
#include "window_text.h"

#define LABELS_MAX 32u

/* AR4SI trustworthiness vector (draft-ietf-rats-ar4si); bit = place. */
static const char *const categories[] = {"instance-identity", "configuration",  "executables",    "file-system",
                                         "hardware",          "runtime-opaque", "storage-opaque", "sourced-data"};

static const char *const check_keys[] = {
    "name",     "adapter", "params", "selector", "profile", "timeout",          "retries", "rise", "fall", "max_age",
    "category", "runbook", "stage",  "labels",   "enabled", "allow_short_life", "dry_run", "kind", "with"};
static const char *const profile_keys[] = {"name",        "period",       "cron",     "splay",   "jitter", "windows",
                                           "max_running", "max_per_node", "priority", "dry_run", "kind",   "with"};

/* Reads members one by one and remembers the first thing wrong. */
struct reader {
    const json_t *json;
    const char *what; /* "check" or "profile" */
    char where[SP_ERR_WHERE_BYTES];
    struct sp_err *err;
    enum sp_rc rc;
};

static void wrong(struct reader *r, const char *key, const char *text, const char *hint)
{
    if (r->rc != SP_OK)
        return;
    char where[SP_ERR_WHERE_BYTES + 64];
    (void)snprintf(where, sizeof where, "%s: %s", r->where, key);
    r->rc = sp_err_set(r->err, SP_E_INVALID, where, "%s", text);
    if (hint != NULL)
        sp_err_hint(r->err, "%s", hint);
}

static void keys_known(struct reader *r, const char *const *keys, size_t count)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)r->json, key, value)
    {
        bool found = false;
        for (size_t i = 0; i < count; i++)
            found = found || strcmp(keys[i], key) == 0;
        if (found && json_is_null(value)) /* and not as if it had not been said */
            wrong(r, key, "has no value", "leave it out, or write one");
        if (found)
            continue;
        char hint[SP_ERR_HINT_BYTES];
        const char *near = sp_str_nearest(sp_str_of(key), keys, count);
        (void)snprintf(hint, sizeof hint, "%s%s", near != NULL ? "did you mean " : "see spice-definitions(5)",
                       near != NULL ? near : "");
        wrong(r, key, "unknown key", hint);
    }
}

static void text_read(struct reader *r, const char *key, char *to, size_t size, const char *fallback)
{
    const json_t *v = json_object_get(r->json, key);
    if (v == NULL) {
        (void)sp_str_copy(to, size, sp_str_of(fallback));
    } else if (!json_is_string(v)) {
        wrong(r, key, "is not a text", NULL);
    } else {
        struct sp_str s = {json_string_value(v), (uint32_t)json_string_length(v)};
        if (!sp_str_is_utf8(s))
            wrong(r, key, "is not UTF-8 text without NUL", NULL);
        else if (!sp_str_copy(to, size, s))
            wrong(r, key, "is too long", NULL);
    }
}

static void name_read(struct reader *r, const char *key, char *to, size_t size, bool required)
{
    text_read(r, key, to, size, "");
    if (r->rc == SP_OK && (to[0] != '\0' || required) && !sp_str_is_name(sp_str_of(to), (uint32_t)size - 1))
        wrong(r, key, to[0] == '\0' ? "is missing" : "is no name",
              "names are letters, digits, '.', '_' and '-', first a letter or digit");
}

static uint32_t number_read(struct reader *r, const char *key, uint32_t fallback, uint32_t min, uint32_t max)
{
    const json_t *v = json_object_get(r->json, key);
    char hint[SP_ERR_HINT_BYTES];
    if (v == NULL)
        return fallback;
    if (json_is_integer(v) && json_integer_value(v) >= (json_int_t)min && json_integer_value(v) <= (json_int_t)max)
        return (uint32_t)json_integer_value(v);
    (void)snprintf(hint, sizeof hint, "a number from %u to %u", min, max);
    wrong(r, key, "is out of range", hint);
    return fallback;
}

static uint32_t span_read(struct reader *r, const char *key, const char *fallback, uint64_t min, uint64_t max)
{
    char text[32], hint[SP_ERR_HINT_BYTES], low[32], high[32];
    uint64_t ms = 0;
    text_read(r, key, text, sizeof text, fallback);
    if (r->rc != SP_OK)
        return 0;
    sp_time_format_span(min, low, sizeof low);
    sp_time_format_span(max, high, sizeof high);
    (void)snprintf(hint, sizeof hint, "a duration from %s to %s, like 500ms, 10s, 5m, 1h or 2d", low, high);
    if (!sp_time_parse_span(sp_str_of(text), &ms) || ms < min || ms > max)
        wrong(r, key, "is no duration in range", hint);
    return (uint32_t)ms;
}

static bool bool_read(struct reader *r, const char *key, bool fallback)
{
    const json_t *v = json_object_get(r->json, key);
    if (v == NULL)
        return fallback;
    if (!json_is_boolean(v))
        wrong(r, key, "is neither true nor false", NULL);
    return json_is_true(v);
}

static void set_span(json_t *full, const char *key, uint32_t ms)
{
    char text[32];
    sp_time_format_span(ms, text, sizeof text);
    (void)json_object_set_new(full, key, json_string(text));
}

/* ---- check ---- */

static uint16_t category_bit(struct reader *r, const json_t *v)
{
    const char *word = json_string_value(v);
    for (size_t i = 0; word != NULL && i < SP_COUNT(categories); i++)
        if (strcmp(word, categories[i]) == 0)
            return (uint16_t)(1u << i);
    const char *near = word == NULL ? NULL : sp_str_nearest(sp_str_of(word), categories, SP_COUNT(categories));
    wrong(r, "category", "is no member of the AR4SI vector", near != NULL ? near : "see spice-definitions(5)");
    return 0;
}

static uint16_t category_read(struct reader *r)
{
    const json_t *v = json_object_get(r->json, "category");
    uint16_t mask = 0;
    if (v == NULL)
        return 0;
    if (!json_is_array(v))
        return category_bit(r, v);
    for (size_t i = 0; i < json_array_size(v); i++)
        mask |= category_bit(r, json_array_get(v, i));
    return mask;
}

json_t *definition_json_categories(uint16_t mask)
{
    json_t *list = json_array();
    for (size_t i = 0; i < SP_COUNT(categories); i++)
        if ((mask >> i & 1) != 0)
            (void)json_array_append_new(list, json_string(categories[i]));
    return list;
}

static void append(char *to, size_t size, const char *text)
{
    size_t n = strlen(to);
    (void)sp_str_copy(to + n, size - n, sp_str_of(text));
}

/* A map of labels or the text itself, sorted by key. */
static void labels_read(struct reader *r, char *to, size_t size)
{
    const json_t *v = json_object_get(r->json, "labels");
    if (!json_is_object(v)) {
        text_read(r, "labels", to, size, "");
    } else {
        const char *keys[LABELS_MAX], *key;
        json_t *value;
        size_t count = 0, bytes = 0;
        json_object_foreach((json_t *)(uintptr_t)v, key, value)
        {
            bytes += strlen(key) + json_string_length(value) + 2;
            if (count == LABELS_MAX || !json_is_string(value) || bytes > size) {
                wrong(r, "labels", "are too many, too long or not texts", NULL);
                return;
            }
            size_t at = count++;
            for (; at > 0 && strcmp(keys[at - 1], key) > 0; at--)
                keys[at] = keys[at - 1];
            keys[at] = key;
        }
        to[0] = '\0';
        for (size_t i = 0; i < count; i++) {
            append(to, size, i > 0 ? "," : "");
            append(to, size, keys[i]);
            append(to, size, "=");
            append(to, size, json_string_value(json_object_get(v, keys[i])));
        }
    }
    if (r->rc == SP_OK && !sp_selector_labels_valid(sp_str_of(to)))
        wrong(r, "labels", "are not labels key=value, sorted and without repeats", NULL);
}

static void selector_read(struct reader *r, char *to, size_t size)
{
    struct sp_selector parsed;
    uint32_t bad = 0;
    text_read(r, "selector", to, size, "");
    if (r->rc != SP_OK || sp_selector_parse(sp_str_of(to), &parsed, &bad))
        return;
    char text[SP_ERR_TEXT_BYTES];
    (void)snprintf(text, sizeof text, "is not a selector: at \"%.60s\"", to + bad);
    wrong(r, "selector", text, "terms joined by commas: key=value key!=value key !key key in (a|b) name=GLOB");
}

static uint8_t stage_read(struct reader *r)
{
    static const char *const stages[] = {"draft", "shadow", "enforcing", "retired"};
    char word[16] = "";
    unsigned stage = SP_STAGE_ENFORCING;
    text_read(r, "stage", word, sizeof word, "enforcing");
    if (r->rc == SP_OK && !sp_stage_find(sp_str_of(word), &stage)) {
        const char *near = sp_str_nearest(sp_str_of(word), stages, SP_COUNT(stages));
        wrong(r, "stage", "is no stage", near != NULL ? near : "stages are draft, shadow, enforcing and retired");
    }
    return (uint8_t)stage;
}

static json_t *params_read(struct reader *r)
{
    json_t *v = json_object_get(r->json, "params");
    if (v == NULL)
        return json_object();
    if (!json_is_object(v)) {
        wrong(r, "params", "is not a map of parameters", NULL);
        return json_object();
    }
    if (json_dumpb(v, NULL, 0, JSON_COMPACT | JSON_SORT_KEYS) > DEFINITION_JSON_PARAMS_MAX)
        wrong(r, "params", "are larger than 16 KiB", NULL);
    return json_incref(v);
}

bool definition_json_has_null(const json_t *json)
{
    size_t i;
    const char *key;
    json_t *one;
    bool found = json_is_null(json);
    json_array_foreach(json, i, one)
    {
        found = found || definition_json_has_null(one);
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, one)
    {
        found = found || definition_json_has_null(one);
    }
    return found;
}

enum sp_rc definition_json_check(const json_t *json, struct check_def *def, json_t **full, struct sp_err *err)
{
    struct reader r = {.json = json, .what = "check", .where = "check", .err = err};
    *def = (struct check_def){0};
    if (!json_is_object(json))
        return sp_err_set(err, SP_E_INVALID, "check", "is not a map");
    name_read(&r, "name", def->name, sizeof def->name, true);
    (void)snprintf(r.where, sizeof r.where, "check %s", def->name);
    keys_known(&r, check_keys, SP_COUNT(check_keys));
    name_read(&r, "adapter", def->adapter, sizeof def->adapter, true);
    name_read(&r, "profile", def->profile, sizeof def->profile, false);
    selector_read(&r, def->selector, sizeof def->selector);
    labels_read(&r, def->labels, sizeof def->labels);
    text_read(&r, "runbook", def->runbook, sizeof def->runbook, "");
    def->timeout_ms = span_read(&r, "timeout", "10s", 1, DEFINITION_JSON_TIMEOUT_MS_MAX);
    def->max_age_ms = span_read(&r, "max_age", "5m", 1000, DEFINITION_JSON_AGE_MS_MAX);
    def->retries = (uint8_t)number_read(&r, "retries", 0, 0, DEFINITION_JSON_RETRIES_MAX);
    def->rise = (uint16_t)number_read(&r, "rise", 1, 1, DEFINITION_JSON_COUNT_MAX);
    def->fall = (uint16_t)number_read(&r, "fall", 1, 1, DEFINITION_JSON_COUNT_MAX);
    def->category = category_read(&r);
    def->stage = stage_read(&r);
    def->enabled = bool_read(&r, "enabled", true);
    def->short_life = bool_read(&r, "allow_short_life", false);
    json_t *params = params_read(&r);
    if (r.rc != SP_OK) {
        json_decref(params);
        return r.rc;
    }
    json_t *o =
        json_pack("{s:s, s:s, s:o, s:s, s:s, s:i, s:i, s:i, s:o, s:s, s:s, s:s, s:b}", "name", def->name, "adapter", def->adapter,
                  "params", params, "selector", def->selector, "profile", def->profile, "retries", (int)def->retries, "rise",
                  (int)def->rise, "fall", (int)def->fall, "category", definition_json_categories(def->category), "runbook",
                  def->runbook, "stage", sp_stage_name(def->stage), "labels", def->labels, "enabled", def->enabled);
    set_span(o, "timeout", def->timeout_ms);
    set_span(o, "max_age", def->max_age_ms);
    if (def->short_life)
        (void)json_object_set_new(o, "allow_short_life", json_true());
    *full = o;
    return o != NULL ? SP_OK : sp_err_set(err, SP_E_NOMEM, r.where, "no memory");
}

/* ---- profile ---- */

static void windows_read(struct reader *r, struct profile_def *def, json_t *to)
{
    json_t *v = json_object_get(r->json, "windows");
    json_t *list = json_is_string(v) ? json_pack("[O]", v) : json_is_array(v) ? json_incref(v) : json_array();
    if (v != NULL && !json_is_string(v) && !json_is_array(v))
        wrong(r, "windows", "is not a list of texts", NULL);
    if (json_array_size(list) > CHECK_DEF_WINDOWS_MAX)
        wrong(r, "windows", "are more than 8", NULL);
    for (size_t i = 0; r->rc == SP_OK && i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL || !window_text_parse(sp_str_of(text), &def->windows[def->window_count]))
            wrong(r, "windows", "is no window", "days and hours in UTC, like \"mon-fri 22:00-06:00\" or \"00:30-04:00\"");
        else
            def->window_count++;
    }
    for (size_t i = 0; i < def->window_count; i++) {
        char text[WINDOW_TEXT_BYTES];
        window_text_format(&def->windows[i], text);
        (void)json_array_append_new(to, json_string(text));
    }
    json_decref(list);
}

static void when_read(struct reader *r, struct profile_def *def)
{
    text_read(r, "cron", def->cron_text, sizeof def->cron_text, "");
    bool calendar = def->cron_text[0] != '\0';
    if (calendar && json_object_get(r->json, "period") != NULL)
        wrong(r, "period", "stands beside cron", "a profile has one of the two");
    else if (calendar && !sp_cron_parse(sp_str_of(def->cron_text), &def->cron))
        wrong(r, "cron", "is no calendar", "minute hour day month weekday, UTC, as in crontab(5): \"15 */2 * * 1-5\"");
    else if (!calendar)
        def->period_ms = span_read(r, "period", "60s", CHECK_DEF_PERIOD_MS_MIN, CHECK_DEF_PERIOD_MS_MAX);
    def->splay_ms = span_read(r, "splay", "0", 0, CHECK_DEF_PERIOD_MS_MAX);
}

enum sp_rc definition_json_profile(const json_t *json, struct profile_def *def, json_t **full, struct sp_err *err)
{
    struct reader r = {.json = json, .what = "profile", .where = "profile", .err = err};
    *def = (struct profile_def){0};
    if (!json_is_object(json))
        return sp_err_set(err, SP_E_INVALID, "profile", "is not a map");
    json_t *windows = json_array();
    name_read(&r, "name", def->name, sizeof def->name, true);
    (void)snprintf(r.where, sizeof r.where, "profile %s", def->name);
    keys_known(&r, profile_keys, SP_COUNT(profile_keys));
    when_read(&r, def);
    def->jitter_percent = (uint8_t)number_read(&r, "jitter", 10, 0, CHECK_DEF_JITTER_MAX);
    windows_read(&r, def, windows);
    def->max_running = number_read(&r, "max_running", 0, 0, DEFINITION_JSON_CAP_MAX);
    def->max_per_node = number_read(&r, "max_per_node", 0, 0, DEFINITION_JSON_CAP_MAX);
    def->priority = (uint8_t)number_read(&r, "priority", CHECK_DEF_PRIORITY_DEFAULT, 0, CHECK_DEF_PRIORITIES - 1);
    if (r.rc != SP_OK) {
        json_decref(windows);
        return r.rc;
    }
    json_t *o =
        json_pack("{s:s, s:i, s:o, s:i, s:i, s:i}", "name", def->name, "jitter", (int)def->jitter_percent, "windows", windows,
                  "max_running", (int)def->max_running, "max_per_node", (int)def->max_per_node, "priority", (int)def->priority);
    if (def->period_ms != 0)
        set_span(o, "period", def->period_ms);
    else
        (void)json_object_set_new(o, "cron", json_string(def->cron_text));
    set_span(o, "splay", def->splay_ms);
    *full = o;
    return o != NULL ? SP_OK : sp_err_set(err, SP_E_NOMEM, r.where, "no memory");
}
