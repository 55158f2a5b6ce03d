/* SPDX-License-Identifier: Apache-2.0 */
#include "oat_answer.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sp_time.h"

/* ---- request --------------------------------------------------------------------------------------------------- */

char *oat_request(const char *const *names, size_t count, const char *pcr_mask, const char *analysis, bool version2)
{
    json_t *root = json_object();
    json_t *hosts = json_array();
    bool ok = root != NULL && hosts != NULL;
    for (size_t i = 0; i < count && ok; i++) {
        ok = json_array_append_new(hosts, json_string(names[i])) == 0;
    }
    ok = ok && json_object_set_new(root, "count", json_integer((json_int_t)count)) == 0; /* 1.0 sizes its array by it */
    ok = ok && json_object_set(root, "hosts", hosts) == 0;
    if (ok && pcr_mask != NULL) {
        ok = json_object_set_new(root, version2 ? "pcrmask" : "PCRmask", json_string(pcr_mask)) == 0;
    }
    if (ok && analysis != NULL) {
        ok = json_object_set_new(root, "analysisType", json_string(analysis)) == 0;
    }
    char *text = ok ? json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    json_decref(hosts);
    json_decref(root);
    return text;
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

/* Exactly n digits at *p; moves on. */
static bool digits(const char **p, int n, unsigned *out)
{
    unsigned v = 0;
    for (int i = 0; i < n; i++) {
        if (!isdigit((unsigned char)**p)) {
            return false;
        }
        v = v * 10 + (unsigned)(*(*p)++ - '0');
    }
    *out = v;
    return true;
}

static bool literal(const char **p, char c)
{
    if (**p != c) {
        return false;
    }
    (*p)++;
    return true;
}

static bool clock_time(const char **p, struct sp_civil *c)
{
    return digits(p, 2, &c->hour) && literal(p, ':') && digits(p, 2, &c->minute) && literal(p, ':') && digits(p, 2, &c->second);
}

static bool civil_ms(const struct sp_civil *c, int64_t *ms)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
    bool month = c->month >= 1 && c->month <= 12;
    if (!month || c->year < 1970 || c->day < 1 || c->day > days[c->month - 1] + (c->month == 2 && leap) || c->hour > 23 ||
        c->minute > 59 || c->second > 60) {
        return false;
    }
    *ms = (int64_t)sp_time_from_civil(c).ms;
    return true;
}

/* What follows the seconds: a fraction, a zone ("Z", "+hh:mm", "+hhmm", nothing = UTC), and the end. */
static bool fraction_and_zone(const char *p, int64_t *ms)
{
    unsigned hours = 0;
    unsigned minutes = 0;
    int64_t scale = 100;
    if (literal(&p, '.')) {
        if (!isdigit((unsigned char)*p)) {
            return false;
        }
        for (; isdigit((unsigned char)*p); p++, scale /= 10) {
            *ms += scale * (*p - '0');
        }
    }
    if (*p == '\0' || (p[0] == 'Z' && p[1] == '\0')) {
        return true;
    }
    int sign = *p == '+' ? 1 : *p == '-' ? -1 : 0;
    p++;
    if (sign == 0 || !digits(&p, 2, &hours)) {
        return false;
    }
    (void)literal(&p, ':');
    if (!digits(&p, 2, &minutes) || *p != '\0' || hours > 14 || minutes > 59) {
        return false;
    }
    *ms -= sign * (int64_t)(hours * 60 + minutes) * 60000;
    return true;
}

static bool iso_time(const char *p, int64_t *ms)
{
    struct sp_civil c = {0};
    unsigned year = 0;
    if (!digits(&p, 4, &year) || !literal(&p, '-') || !digits(&p, 2, &c.month) || !literal(&p, '-') || !digits(&p, 2, &c.day) ||
        (*p != 'T' && *p != ' ')) {
        return false;
    }
    p++;
    c.year = (int)year;
    return clock_time(&p, &c) && civil_ms(&c, ms) && fraction_and_zone(p, ms);
}

/* "Tue Feb 14 09:02:48 2012", the day of the month padded with a space or a zero. */
static bool locale_time(const char *p, int64_t *ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct sp_civil c = {0};
    char month[4] = "";
    unsigned year = 0;
    if (strlen(p) != 24 || p[3] != ' ' || p[7] != ' ') {
        return false;
    }
    memcpy(month, p + 4, 3);
    const char *at = strstr(months, month);
    if (at == NULL || (at - months) % 3 != 0) {
        return false;
    }
    c.month = (unsigned)(at - months) / 3 + 1;
    p += 8;
    if (*p == ' ') {
        p++;
        if (!digits(&p, 1, &c.day)) {
            return false;
        }
    } else if (!digits(&p, 2, &c.day)) {
        return false;
    }
    if (!literal(&p, ' ') || !clock_time(&p, &c) || !literal(&p, ' ') || !digits(&p, 4, &year) || *p != '\0') {
        return false;
    }
    c.year = (int)year;
    return civil_ms(&c, ms);
}

bool oat_vtime(const char *text, int64_t *ms)
{
    int64_t value = 0;
    if (!iso_time(text, &value)) {
        value = 0;
        if (!locale_time(text, &value)) {
            return false;
        }
    }
    *ms = value;
    return true;
}

bool oat_is_fresh(const struct oat_freshness *f, const char **why)
{
    *why = NULL;
    if (f->vtime_ms == OAT_NO_TIME) {
        *why = "the verdict carries no time";
    } else if (f->date_ms == OAT_NO_TIME) {
        *why = "the server tells no Date, so the verdict's time cannot be judged";
    } else if (f->vtime_ms < f->date_ms - f->elapsed_ms - OAT_SLACK_MS) {
        *why = "the verdict is older than our question";
    } else if (f->vtime_ms > f->date_ms + OAT_SLACK_MS) {
        *why = "the verdict is dated in the future of its own server";
    } else if (f->previous_ms != OAT_NO_TIME && f->vtime_ms <= f->previous_ms) {
        *why = "the verdict has not advanced since the last one";
    }
    return *why == NULL;
}

/* ---- answer ---------------------------------------------------------------------------------------------------- */

static enum oat_level level_of(const json_t *v)
{
    static const char *const words[] = {[OAT_TRUSTED] = "trusted",
                                        [OAT_UNTRUSTED] = "untrusted",
                                        [OAT_UNKNOWN] = "unknown",
                                        [OAT_TIMEOUT] = "timeout",
                                        [OAT_PENDING] = "pending"};
    for (unsigned i = 0; json_is_string(v) && i <= OAT_PENDING; i++) {
        if (strcmp(json_string_value(v), words[i]) == 0) {
            return (enum oat_level)i;
        }
    }
    return OAT_ODD;
}

/* Appends " label=text" as far as it fits; numbers and booleans of any spelling are taken as they are. */
static void add_detail(struct oat_verdict *v, const char *label, const json_t *value)
{
    size_t n = strlen(v->detail);
    char number[32];
    const char *text = json_string_value(value);
    if (json_is_boolean(value)) {
        text = json_is_true(value) ? "true" : "false";
    } else if (json_is_integer(value)) {
        (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        text = number;
    }
    if (text != NULL && text[0] != '\0') {
        (void)snprintf(v->detail + n, sizeof v->detail - n, "%s%s=%.120s", n > 0 ? " " : "", label, text);
    }
}

static void add_analysis(struct oat_verdict *v, const json_t *one)
{
    const char *name = json_string_value(json_object_get(one, "name"));
    if (name != NULL) {
        char label[64];
        (void)snprintf(label, sizeof label, "%.60s", name);
        add_detail(v, label, json_object_get(one, "result"));
        add_detail(v, "status", json_object_get(one, "status"));
        add_detail(v, "output", json_object_get(one, "output"));
    }
}

static void fill_verdict(struct oat_verdict *v, const json_t *entry)
{
    const json_t *time = json_object_get(entry, "vtime");
    const json_t *analysis = json_object_get(entry, "analysis_details");
    if (v->level != OAT_ABSENT) { /* two entries for one host: neither is believed */
        v->level = OAT_ODD;
        return;
    }
    v->level = level_of(json_object_get(entry, "trust_lvl"));
    if (json_is_string(time) && json_string_length(time) > 0) {
        v->bad_vtime = !oat_vtime(json_string_value(time), &v->vtime_ms);
    } else {
        v->bad_vtime = time != NULL && !json_is_null(time) && !json_is_string(time);
    }
    add_detail(v, "report_is_valid", json_object_get(entry, "report_is_valid"));
    add_detail(v, "url", json_object_get(entry, "url"));
    if (json_is_object(analysis)) { /* 1.6 and 1.7 write a list of one as the element itself */
        add_analysis(v, analysis);
    }
    for (size_t i = 0; json_is_array(analysis) && i < json_array_size(analysis); i++) {
        add_analysis(v, json_array_get(analysis, i));
    }
}

static void take_entry(const json_t *entry, size_t hint, const char *const *names, size_t count, struct oat_verdict *verdict)
{
    const char *name = json_string_value(json_object_get(entry, "host_name"));
    if (name == NULL) {
        return;
    }
    if (hint < count && strcmp(names[hint], name) == 0) { /* in the order asked: the usual case */
        fill_verdict(&verdict[hint], entry);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            fill_verdict(&verdict[i], entry);
            return;
        }
    }
}

bool oat_answer(const char *body, size_t n, const char *const *names, size_t count, struct oat_verdict *verdict, char *why)
{
    json_error_t error;
    for (size_t i = 0; i < count; i++) {
        verdict[i] = (struct oat_verdict){.level = OAT_ABSENT, .vtime_ms = OAT_NO_TIME};
    }
    json_t *root = n <= OAT_ANSWER_BYTES_MAX ? json_loadb(body, n, JSON_REJECT_DUPLICATES, &error) : NULL;
    const json_t *hosts = json_object_get(root, "hosts");
    if (root == NULL) {
        (void)snprintf(why, 256, "answer is not JSON: %s", n <= OAT_ANSWER_BYTES_MAX ? error.text : "too long");
    } else if (json_is_object(hosts)) {
        take_entry(hosts, 0, names, count, verdict);
    } else if (!json_is_array(hosts)) {
        (void)snprintf(why, 256, "answer has no list of hosts");
    }
    for (size_t i = 0; json_is_array(hosts) && i < json_array_size(hosts) && i <= 2 * OAT_HOSTS_MAX; i++) {
        take_entry(json_array_get(hosts, i), i, names, count, verdict);
    }
    bool ok = json_is_array(hosts) || json_is_object(hosts);
    json_decref(root);
    return ok;
}

void oat_fault(const char *body, size_t n, struct oat_fault *out)
{
    json_error_t error;
    json_t *root = n <= OAT_ANSWER_BYTES_MAX ? json_loadb(body, n, JSON_REJECT_DUPLICATES, &error) : NULL;
    const char *code = json_string_value(json_object_get(root, "error_code"));
    const char *name = json_string_value(json_object_get(root, "name"));
    const char *text = json_string_value(json_object_get(root, "error_message"));
    code = code != NULL ? code : name;
    text = text != NULL ? text : json_string_value(json_object_get(root, "message"));
    out->host_not_found = code != NULL && (strcmp(code, "AS_HOST_NOT_FOUND") == 0 || strcmp(code, "ItemNotFound") == 0);
    if (root != NULL) {
        (void)snprintf(out->text, sizeof out->text, "%.80s%s%.160s", code != NULL ? code : "",
                       code != NULL && text != NULL ? ": " : "",
                       text != NULL   ? text
                       : code != NULL ? ""
                                      : "fault without a name");
    } else {
        (void)snprintf(out->text, sizeof out->text, "not JSON");
    }
    json_decref(root);
}
