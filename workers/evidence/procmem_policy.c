/* SPDX-License-Identifier: Apache-2.0 */
#include "procmem_policy.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "manifest_table.h"

#define LIST_MAX       1024u /* texts or numbers of one list of a service */
#define PART_NAME      256u
#define RULE_KEYS      "processes missing users programs files tracer deleted settings exceptions"
#define EXCEPTION_KEYS "what name count bytes"

static const char *const excuses[PROCMEM_EXCUSES] = {"anonymous", "writable", "memfd", "deleted", "special", "text", "unlisted"};

/* Arrays of the rules, kept in a list so that they are freed together. */
struct part {
    struct part *next;
    _Alignas(16) uint8_t bytes[];
};

struct reader {
    struct procmem_policy_file *out;
    const char *service; /* at hand; for `why` */
    char *why;
};

static bool refuse(const struct reader *r, const char *format, ...) SP_PRINTF(2, 3);
static bool refuse(const struct reader *r, const char *format, ...)
{
    va_list args;
    int n = r->service != NULL ? snprintf(r->why, PROCMEM_POLICY_WHY_MAX, "service %.64s: ", r->service) : 0;
    va_start(args, format);
    (void)vsnprintf(r->why + n, PROCMEM_POLICY_WHY_MAX - (size_t)n, format, args);
    va_end(args);
    return false;
}

/* Gives zeroed room for n things of this size; freed with the policy. NULL: no memory, and `why` says it. */
static void *room(const struct reader *r, size_t n, size_t each)
{
    struct part *p = calloc(1, sizeof *p + n * each);
    if (p == NULL) {
        (void)refuse(r, "no memory");
        return NULL;
    }
    p->next = r->out->parts;
    r->out->parts = p;
    return p->bytes;
}

/* Refuses names that are not among the words. */
static bool only(const struct reader *r, const json_t *object, const char *words)
{
    for (void *i = json_object_iter((json_t *)(uintptr_t)object); i != NULL;
         i = json_object_iter_next((json_t *)(uintptr_t)object, i)) {
        struct sp_str rest = sp_str_of(words), word;
        bool known = false;
        while (sp_str_next(&rest, ' ', &word)) {
            known = known || sp_str_is(word, json_object_iter_key(i));
        }
        if (!known) {
            return refuse(r, "unknown name %.64s; one of: %s", json_object_iter_key(i), words);
        }
    }
    return true;
}

/* A whole number from 0 to max; keeps *out when it is not there. */
static bool number(const struct reader *r, const json_t *value, const char *name, uint64_t max, uint64_t *out)
{
    if (value == NULL) {
        return true;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > max) {
        return refuse(r, "%s is a whole number from 0 to %" PRIu64, name, max);
    }
    *out = (uint64_t)json_integer_value(value);
    return true;
}

/* One of two words. */
static bool either(const struct reader *r, const json_t *value, const char *name, const char *const words[2], bool *second)
{
    const char *text = value != NULL ? json_string_value(value) : words[0];
    if (text == NULL || (strcmp(text, words[0]) != 0 && strcmp(text, words[1]) != 0)) {
        return refuse(r, "%s is \"%s\" or \"%s\"", name, words[0], words[1]);
    }
    *second = strcmp(text, words[1]) == 0;
    return true;
}

static bool texts(const struct reader *r, const json_t *value, const char *name, const char *const **out, uint32_t *count)
{
    size_t n = json_array_size(value);
    if (value == NULL) {
        return true;
    }
    if (!json_is_array(value) || n == 0 || n > LIST_MAX) {
        return refuse(r, "%s is a list of 1 to %u texts", name, LIST_MAX);
    }
    const char **list = room(r, n, sizeof *list);
    for (size_t i = 0; list != NULL && i < n; i++) {
        list[i] = json_string_value(json_array_get(value, i));
        if (list[i] == NULL) {
            return refuse(r, "%s is a list of texts", name);
        }
    }
    *out = list;
    *count = (uint32_t)n;
    return list != NULL;
}

static bool users(const struct reader *r, const json_t *value, struct procmem_rule *rule)
{
    size_t n = json_array_size(value);
    if (value == NULL) {
        return true;
    }
    if (!json_is_array(value) || n == 0 || n > LIST_MAX) {
        return refuse(r, "users is a list of 1 to %u numbers", LIST_MAX);
    }
    uint32_t *list = room(r, n, sizeof *list);
    for (size_t i = 0; list != NULL && i < n; i++) {
        uint64_t uid = 0;
        if (!number(r, json_array_get(value, i), "a user", UINT32_MAX, &uid)) {
            return false;
        }
        list[i] = (uint32_t)uid;
    }
    rule->uid = list;
    rule->uids = (uint32_t)n;
    return list != NULL;
}

/* "processes": N, or [least, most]. */
static bool processes(const struct reader *r, const json_t *value, struct procmem_rule *rule)
{
    uint64_t least = 1, most = PROCMEM_PROCESSES_MAX;
    if (json_is_array(value)) {
        if (json_array_size(value) != 2 || !number(r, json_array_get(value, 0), "processes", PROCMEM_PROCESSES_MAX, &least) ||
            !number(r, json_array_get(value, 1), "processes", PROCMEM_PROCESSES_MAX, &most)) {
            return refuse(r, "processes is a number, or [least, most]");
        }
    } else if (value != NULL) {
        if (!number(r, value, "processes", PROCMEM_PROCESSES_MAX, &least)) {
            return false;
        }
        most = least;
    }
    if (least > most || most == 0) {
        return refuse(r, "processes: at least one may be there, and least is not more than most");
    }
    rule->least = (uint32_t)least;
    rule->most = (uint32_t)most;
    return true;
}

static bool one_exception(const struct reader *r, const json_t *value, struct procmem_exception *out)
{
    const char *what = json_string_value(json_object_get(value, "what"));
    const json_t *name = json_object_get(value, "name");
    uint64_t count = 0, bytes = 0;
    if (!json_is_object(value) || !only(r, value, EXCEPTION_KEYS)) {
        return json_is_object(value) ? false : refuse(r, "exceptions is a list of objects");
    }
    out->what = PROCMEM_EXCUSES;
    for (uint8_t i = 0; what != NULL && i < PROCMEM_EXCUSES; i++) {
        out->what = strcmp(what, excuses[i]) == 0 ? i : out->what;
    }
    if (out->what == PROCMEM_EXCUSES) {
        return refuse(r, "an exception is for anonymous, writable, memfd, deleted, special, text or unlisted");
    }
    /* A name, a number and a size each: an exception without limits is a hole. */
    if (!json_is_string(name) || json_object_get(value, "count") == NULL || json_object_get(value, "bytes") == NULL) {
        return refuse(r, "an exception has a name (\"*\": any), a count and bytes");
    }
    out->name = json_string_value(name);
    if (!number(r, json_object_get(value, "count"), "count", UINT32_MAX, &count) ||
        !number(r, json_object_get(value, "bytes"), "bytes", INT64_MAX, &bytes)) {
        return false;
    }
    out->count = (uint32_t)count;
    out->bytes = bytes;
    return true;
}

static bool exceptions(const struct reader *r, const json_t *value, struct procmem_rule *rule)
{
    size_t n = json_array_size(value);
    if (value == NULL) {
        return true;
    }
    if (!json_is_array(value) || n > PROCMEM_EXCUSES_MAX) {
        return refuse(r, "exceptions is a list of at most %u", PROCMEM_EXCUSES_MAX);
    }
    struct procmem_exception *list = room(r, n, sizeof *list);
    for (size_t i = 0; list != NULL && i < n; i++) {
        if (!one_exception(r, json_array_get(value, i), &list[i])) {
            return false;
        }
    }
    rule->exception = list;
    rule->exceptions = (uint32_t)n;
    return list != NULL;
}

/* "settings": {"LD_LIBRARY_PATH": "/opt/x/lib"} */
static bool settings(const struct reader *r, const json_t *value, struct procmem_rule *rule)
{
    size_t n = json_object_size(value), at = 0;
    if (value == NULL) {
        return true;
    }
    if (!json_is_object(value) || n > LIST_MAX) {
        return refuse(r, "settings is an object of texts");
    }
    struct procmem_allowed_setting *list = room(r, n, sizeof *list);
    json_t *object = (json_t *)(uintptr_t)value;
    for (void *i = json_object_iter(object); list != NULL && i != NULL; i = json_object_iter_next(object, i)) {
        list[at] = (struct procmem_allowed_setting){json_object_iter_key(i), json_string_value(json_object_iter_value(i))};
        if (list[at++].value == NULL) {
            return refuse(r, "settings is an object of texts");
        }
    }
    rule->setting = list;
    rule->settings = (uint32_t)n;
    return list != NULL;
}

static bool read_rule(struct reader *r, const json_t *value, struct procmem_rule *rule)
{
    static const char *const missing[2] = {"fail", "error"}, *const deleted[2] = {"fail", "warn"};
    const json_t *tracer = json_object_get(value, "tracer");
    if (!json_is_object(value)) {
        return refuse(r, "a service is an object");
    }
    if (tracer != NULL && !json_is_boolean(tracer)) {
        return refuse(r, "tracer is true or false");
    }
    rule->tracer = json_is_true(tracer);
    return only(r, value, RULE_KEYS) && processes(r, json_object_get(value, "processes"), rule) &&
           either(r, json_object_get(value, "missing"), "missing", missing, &rule->missing_is_error) &&
           either(r, json_object_get(value, "deleted"), "deleted", deleted, &rule->deleted_warns) &&
           users(r, json_object_get(value, "users"), rule) &&
           texts(r, json_object_get(value, "programs"), "programs", &rule->program, &rule->programs) &&
           texts(r, json_object_get(value, "files"), "files", &rule->library, &rule->libraries) &&
           settings(r, json_object_get(value, "settings"), rule) && exceptions(r, json_object_get(value, "exceptions"), rule);
}

static bool read_rules(struct reader *r, json_t *services)
{
    size_t n = json_object_size(services), at = 0;
    if (!json_is_object(services) || n == 0 || n > PROCMEM_SERVICES_MAX) {
        return refuse(r, "services is an object of 1 to %u services", PROCMEM_SERVICES_MAX);
    }
    struct procmem_rule *list = room(r, n, sizeof *list);
    for (void *i = json_object_iter(services); list != NULL && i != NULL; i = json_object_iter_next(services, i)) {
        list[at].name = json_object_iter_key(i);
        if (!sp_str_is_name(sp_str_of(list[at].name), PROCMEM_NAME_MAX)) {
            return refuse(r, "%.64s is no name of a service", list[at].name);
        }
        r->service = list[at].name;
        if (!read_rule(r, json_object_iter_value(i), &list[at++])) {
            return false;
        }
        r->service = NULL;
    }
    r->out->policy.rule = list;
    r->out->policy.rules = (uint32_t)n;
    return list != NULL;
}

static bool read_json(struct reader *r, struct sp_str text)
{
    static const char *const unlisted[2] = {"refuse", "root"};
    json_error_t error;
    json_t *json = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    r->out->json = json;
    if (json == NULL) {
        return refuse(r, "line %d: %s", error.line, error.text);
    }
    if (!json_is_object(json) || json_integer_value(json_object_get(json, "version")) != 1) {
        return refuse(r, "the policy is a JSON object with \"version\": 1");
    }
    return only(r, json, "version unlisted services") &&
           either(r, json_object_get(json, "unlisted"), "unlisted", unlisted, &r->out->policy.unlisted_ok) &&
           read_rules(r, json_object_get(json, "services"));
}

/* One part of the file, which ends before the next line that begins with "---" or with the text. */
struct section {
    struct sp_str head, text; /* head: empty for the first */
    uint32_t line;            /* number of its first line */
};

/* Takes the next part off the front of *rest; *line is the number of the line there. */
static bool take_section(struct sp_str *rest, uint32_t *line, struct section *out)
{
    struct sp_str one;
    *out = (struct section){.line = *line};
    if (rest->p == NULL || rest->n == 0) {
        return false;
    }
    if (rest->n >= 3 && memcmp(rest->p, "---", 3) == 0) {
        (void)sp_str_next(rest, '\n', &out->head);
        out->line = ++*line;
    }
    out->text.p = rest->p;
    while (rest->p != NULL && rest->n > 0 && !(rest->n >= 3 && memcmp(rest->p, "---", 3) == 0)) {
        (void)sp_str_next(rest, '\n', &one);
        out->text.n = (uint32_t)((rest->p != NULL ? rest->p : one.p + one.n) - out->text.p);
        (*line)++;
    }
    return true;
}

static bool read_digests(const struct reader *r, const struct section *s)
{
    uint32_t line = 0;
    if (procmem_digests_add_text(&r->out->digests, s->text, &line)) {
        return true;
    }
    return line > 0 ? refuse(r, "line %" PRIu32 ": not a digest of 64 or 32 hexadecimal digits, two spaces and a path",
                             s->line + line - 1)
                    : refuse(r, "no memory, or too many digests");
}

/* A manifest of the adapter `files` tells the digests of files too. */
static bool read_manifest(const struct reader *r, const struct section *s)
{
    struct manifest_table *table = NULL;
    struct manifest_row row;
    char why[MANIFEST_TABLE_WHY_MAX];
    if (!manifest_table_new(s->text, &table, why)) {
        return refuse(r, "manifest after line %" PRIu32 ": %s", s->line - 1, why);
    }
    bool fits = true;
    for (size_t i = 0; fits && i < manifest_table_count(table); i++) {
        manifest_table_row(table, i, &row);
        fits = row.sha256 == NULL || procmem_digests_add(&r->out->digests, row.path, row.sha256, 32);
    }
    manifest_table_free(&table);
    return fits ? true : refuse(r, "no memory, or too many digests");
}

static bool read_sections(struct reader *r, struct sp_str text)
{
    struct section s;
    uint32_t line = 1;
    if (!take_section(&text, &line, &s) || s.head.n > 0) {
        return refuse(r, "line 1: the policy begins with a JSON object");
    }
    bool good = read_json(r, s.text);
    while (good && take_section(&text, &line, &s)) {
        good = sp_str_is(s.head, "--- digests")    ? read_digests(r, &s)
               : sp_str_is(s.head, "--- manifest") ? read_manifest(r, &s)
                                                   : refuse(r, "line %" PRIu32 ": --- digests or --- manifest", s.line - 1);
    }
    return good;
}

struct procmem_policy_file *procmem_policy_new(struct sp_str text, char *why)
{
    struct reader r = {.out = calloc(1, sizeof *r.out), .why = why};
    if (r.out == NULL) {
        (void)refuse(&r, "no memory");
        return NULL;
    }
    bool good = read_sections(&r, text);
    if (good && !r.out->policy.unlisted_ok && r.out->digests.sha256_count == 0 && r.out->digests.md5_count == 0) {
        good = refuse(&r, "no digests: then nothing passes; \"unlisted\": \"root\" takes files only root can have written");
    }
    if (!good) {
        procmem_policy_destroy(&r.out);
        return NULL;
    }
    procmem_digests_seal(&r.out->digests);
    r.out->policy.known = procmem_digests_known;
    r.out->policy.ctx = &r.out->digests;
    return r.out;
}

void procmem_policy_destroy(struct procmem_policy_file **self)
{
    if (*self == NULL) {
        return;
    }
    for (struct part *p = (*self)->parts, *next; p != NULL; p = next) {
        next = p->next;
        free(p);
    }
    procmem_digests_fini(&(*self)->digests);
    json_decref((*self)->json);
    free(*self);
    *self = NULL;
}
