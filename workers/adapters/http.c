/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - asks a URL and judges the answer: status, pattern, JSON members, time; mutual TLS.
 *
 * Each (check, node) keeps its configured easy handle and, through the connection cache, its connection: the second request
 * costs neither set-up nor handshake.
 *
 * No redirects, no proxy, no other protocol than http and https, no signals; host and peer are always verified; the body is
 * capped in the write callback, for the library's own limit does not stop a chunked one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curl_loop.h"
#include "http_check.h"
#include "msg.h"
#include "sp_assert.h"
#include "sp_buf.h"
#include "sp_hash.h"
#include "sp_map.h"

#define KEEP_BODY_BYTES  4096u /* receive buffers up to this size are kept between requests */
#define CONNECTION_AGE_S 3600L

enum { S_CONNECTIONS, S_TARGETS };
static const struct sp_param settings[] = {
    [S_CONNECTIONS] = {"connections", SP_PARAM_INT, false, 1, 100000, "8192", "connections kept open", NULL},
    [S_TARGETS] = {"targets", SP_PARAM_INT, false, 16, 1000000, "16384", "(check, node) pairs whose request is kept prepared",
                   NULL},
};

struct target;

struct http {
    const struct sp_adapter_host *host;
    struct curl_loop loop;
    struct sp_map index; /* key of (check, node, address) -> row */
    struct target **row;
    uint32_t rows, used;
    uint32_t hand; /* clock hand that looks for an idle row when all are used */
};

struct target {
    struct http *owner;
    CURL *easy;
    struct curl_slist *headers, *connect;
    const struct http_check *check;
    struct sp_adapter_job *job; /* NULL: idle */
    uint64_t key;
    uint32_t row;  /* UINT32_MAX: not kept */
    uint32_t part; /* of the loop: the one with its connection */
    bool over;     /* body above the cap */
    struct sp_buf body;
    size_t received;
    char error[CURL_ERROR_SIZE];
};

/* ---- targets --------------------------------------------------------------------------------------------------- */

static void target_destroy(struct target *t)
{
    struct http *self = t->owner;
    SP_ASSERT(t->job == NULL);
    if (t->row != UINT32_MAX) {
        sp_map_remove(&self->index, t->key);
        struct target *last = self->row[--self->used]; /* the last row fills the gap */
        self->row[t->row] = last;
        last->row = t->row;
        if (last != t) {
            bool put = sp_map_put(&self->index, last->key, t->row);
            SP_ASSERT(put); /* replaces */
        }
    }
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->connect);
    sp_buf_fini(&t->body);
    free(t);
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    struct target *t = arg;
    (void)one;
    if (n > t->check->max_bytes - t->received) {
        t->over = true;
        return 0; /* ends the transfer */
    }
    t->received += n;
    if (http_judge_reads_body(&t->check->judge)) {
        sp_buf_append(&t->body, p, n);
    }
    return n;
}

static bool set_request(struct target *t, const struct sp_adapter_job *job)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "OPTIONS"};
    const struct sp_adapter_host *host = t->owner->host;
    const struct http_check *c = t->check;
    char text[HTTP_BODY_MAX + 512];
    bool ok = host->expand(host->self, job, c->text[HTTP_P_URL], text, HTTP_URL_MAX) &&
              curl_easy_setopt(t->easy, CURLOPT_URL, text) == CURLE_OK;
    for (size_t i = 0; i < c->headers && ok; i++) {
        ok = host->expand(host->self, job, c->header[i], text, HTTP_HEADER_MAX);
        struct curl_slist *list = ok ? curl_slist_append(t->headers, text) : NULL;
        t->headers = list != NULL ? list : t->headers;
        ok = list != NULL;
    }
    if (ok && c->text[HTTP_P_BODY] != NULL) {
        ok = host->expand(host->self, job, c->text[HTTP_P_BODY], text, sizeof text) &&
             curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(text)) == CURLE_OK &&
             curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, text) == CURLE_OK;
    }
    if (ok && c->text[HTTP_P_CONNECT] != NULL) {
        ok = host->expand(host->self, job, c->text[HTTP_P_CONNECT], text + 2, sizeof text - 2);
        text[0] = ':'; /* any host and port of the URL */
        text[1] = ':';
        t->connect = ok ? curl_slist_append(NULL, text) : NULL;
        ok = t->connect != NULL && curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect) == CURLE_OK;
    }
    if (ok && c->method == 1) {
        ok = curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    } else if (ok && (c->method != 0 || c->text[HTTP_P_BODY] != NULL)) {
        ok = curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, methods[c->method]) == CURLE_OK;
    }
    return ok && curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
}

static bool set_limits(struct target *t)
{
    const struct http_check *c = t->check;
    CURL *e = t->easy;
    bool ok = curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, CONNECTION_AGE_S) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, c->connect_ms) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, c->total_ms) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, c->low_speed) == CURLE_OK;
    return ok && curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, c->low_speed > 0 ? c->low_speed_s : 0L) == CURLE_OK;
}

static bool set_tls(struct target *t)
{
    const struct http_check *c = t->check;
    const struct curl_loop_tls tls = {.ca = c->text[HTTP_P_CA],
                                      .cert = c->text[HTTP_P_CERT],
                                      .key = c->text[HTTP_P_KEY],
                                      .ciphers = c->text[HTTP_P_CIPHERS],
                                      .version_min = c->tls_min};
    return curl_loop_tls_set(t->easy, &tls);
}

static bool set_callbacks(struct target *t)
{
    CURL *e = t->easy;
    bool ok = curl_easy_setopt(e, CURLOPT_PRIVATE, t) == CURLE_OK && curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK;
    return ok && curl_loop_adopt(&t->owner->loop, e);
}

/* Makes room for one more row: takes the next idle one. False: all are busy. */
static bool evict(struct http *self)
{
    for (uint32_t i = 0; i < self->used; i++) {
        self->hand = self->hand + 1 < self->used ? self->hand + 1 : 0;
        if (self->row[self->hand]->job == NULL) {
            target_destroy(self->row[self->hand]);
            return true;
        }
    }
    return false;
}

static struct target *target_new(struct http *self, const struct sp_adapter_job *job, uint64_t key, bool keep)
{
    struct target *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    t->owner = self;
    t->check = job->check;
    t->key = key;
    t->row = UINT32_MAX;
    t->part = curl_loop_part(&self->loop);
    t->easy = curl_easy_init();
    sp_buf_init(&t->body, t->check->max_bytes + 1);
    if (t->easy == NULL || !set_request(t, job) || !set_limits(t) || !set_tls(t) || !set_callbacks(t)) {
        target_destroy(t);
        return NULL;
    }
    if (keep && (self->used < self->rows || evict(self)) && sp_map_put(&self->index, key, self->used)) {
        t->row = self->used++;
        self->row[t->row] = t;
    }
    return t;
}

static uint64_t key_of(const struct sp_adapter_job *job)
{
    static const uint8_t zero[16];
    const struct http_check *c = job->check;
    char text[512];
    int n = snprintf(text, sizeof text, "%p %s %s", job->check, job->node, c->per_address ? job->address : "");
    uint64_t key = sp_hash_sip(zero, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    return key == UINT64_MAX ? 0 : key;
}

/* The kept target of this (check, node); a new one that is not kept when that is busy or another has the same key. */
static struct target *target_for(struct http *self, const struct sp_adapter_job *job)
{
    uint64_t key = key_of(job);
    uint32_t row = sp_map_get(&self->index, key);
    struct target *t = row != SP_MAP_NONE ? self->row[row] : NULL;
    if (t != NULL && t->key == key && t->check == job->check && t->job == NULL) {
        return t;
    }
    return target_new(self, job, key, row == SP_MAP_NONE);
}

/* ---- outcome --------------------------------------------------------------------------------------------------- */

static void judge(struct target *t, CURLcode code, struct sp_adapter_result *r, char *detail)
{
    const struct http_check *c = t->check;
    long status = 0;
    curl_off_t us = 0;
    if (code != CURLE_OK) {
        const char *text = t->over ? "answer is longer than max_bytes" : t->error[0] != '\0' ? t->error : curl_easy_strerror(code);
        (void)snprintf(detail, SP_ADAPTER_WHY_MAX, "%s", text);
        r->outcome = SP_OUTCOME_ERROR;
        r->reason = t->over ? SP_REASON_LIMIT : curl_loop_reason(t->easy, code, t->error);
        return;
    }
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &us);
    uint8_t *end = http_judge_reads_body(&c->judge) ? sp_buf_room(&t->body, 1) : (uint8_t[1]){0};
    if (end == NULL) {
        r->outcome = SP_OUTCOME_ERROR;
        r->reason = SP_REASON_INTERNAL;
        return;
    }
    *end = '\0';
    const char *body = t->body.p != NULL ? (const char *)t->body.p : "";
    if (!http_judge_answer(&c->judge, status, body, t->body.n, detail)) {
        r->outcome = SP_OUTCOME_FAIL;
        r->reason = SP_REASON_CONTENT;
        return;
    }
    bool fails = c->fail_s > 0 && (double)us > c->fail_s * 1e6;
    bool warns = c->warn_s > 0 && (double)us > c->warn_s * 1e6;
    r->outcome = fails ? SP_OUTCOME_FAIL : warns ? SP_OUTCOME_WARN : SP_OUTCOME_PASS;
    r->reason = fails ? SP_REASON_CONTENT : warns ? SP_REASON_REMARK : SP_REASON_OK;
    (void)snprintf(detail, SP_ADAPTER_WHY_MAX, "HTTP %ld in %ld ms%s", status, (long)(us / 1000), fails || warns ? ": slow" : "");
}

static void complete(struct target *t, CURLcode code)
{
    struct http *self = t->owner;
    struct sp_adapter_job *job = t->job;
    struct sp_adapter_result r = {.outcome = SP_OUTCOME_ERROR};
    char detail[SP_ADAPTER_WHY_MAX] = "";
    char measures[96];
    curl_off_t us = 0;
    judge(t, code, &r, detail);
    (void)curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &us);
    (void)snprintf(measures, sizeof measures, "time=%ld.%06lds;;;0 size=%zuB;;;0", (long)(us / 1000000), (long)(us % 1000000),
                   t->received);
    r.detail = detail;
    r.measures = code == CURLE_OK ? measures : NULL;
    curl_loop_remove(&self->loop, t->part, t->easy);
    t->job = NULL;
    if (t->body.size > KEEP_BODY_BYTES) {
        sp_buf_fini(&t->body);
        sp_buf_init(&t->body, t->check->max_bytes + 1);
    }
    if (t->row == UINT32_MAX) {
        target_destroy(t);
    }
    self->host->finish(self->host->self, job, &r);
}

static void on_done(void *ctx, CURL *easy, CURLcode code)
{
    struct target *t = NULL;
    (void)ctx;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
    complete(t, code);
}

static void http_turn(void *instance)
{
    curl_loop_turn(&((struct http *)instance)->loop);
}

/* ---- jobs ------------------------------------------------------------------------------------------------------ */

static void refuse(struct http *self, struct sp_adapter_job *job, uint16_t reason, const char *text)
{
    struct sp_adapter_result r = {.outcome = SP_OUTCOME_ERROR, .reason = reason, .detail = text};
    self->host->finish(self->host->self, job, &r);
}

static void *http_compile(void *instance, const struct sp_param_value *params, char *why)
{
    return http_check_new(((struct http *)instance)->host->prefix, params, why);
}

static void http_start(void *instance, struct sp_adapter_job *job)
{
    struct http *self = instance;
    struct target *t = target_for(self, job);
    if (t == NULL) {
        refuse(self, job, SP_REASON_BAD_PARAMETERS, "request cannot be made from the parameters for this node");
        return;
    }
    t->job = job;
    t->over = false;
    t->received = 0;
    t->error[0] = '\0';
    sp_buf_reset(&t->body);
    job->priv = t;
    if (!curl_loop_add(&self->loop, t->part, t->easy)) {
        t->job = NULL;
        if (t->row == UINT32_MAX) {
            target_destroy(t);
        }
        refuse(self, job, SP_REASON_INTERNAL, "request cannot be started");
    }
}

static void http_cancel(void *instance, struct sp_adapter_job *job)
{
    struct http *self = instance;
    struct target *t = job->priv;
    curl_loop_remove(&self->loop, t->part, t->easy);
    t->job = NULL;
    if (t->row == UINT32_MAX) {
        target_destroy(t);
    }
}

static void http_release(void *instance, void *check)
{
    struct http *self = instance;
    struct http_check *c = check;
    for (uint32_t i = self->used; i-- > 0;) {
        if (self->row[i]->check == c) {
            target_destroy(self->row[i]);
        }
    }
    http_check_destroy(&c);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static void http_fini(void *instance)
{
    struct http *self = instance;
    while (self->used > 0) {
        target_destroy(self->row[self->used - 1]);
    }
    curl_loop_fini(&self->loop);
    free(self->row);
    sp_map_fini(&self->index);
    free(self);
}

static bool http_init(const struct sp_adapter_host *host, const struct sp_param_value *set, void **instance, char *why)
{
    struct http *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return false;
    }
    self->host = host;
    self->rows = (uint32_t)set[S_TARGETS].num;
    self->row = calloc(self->rows, sizeof *self->row);
    sp_map_init(&self->index);
    const struct curl_loop_options options = {
        .parts = CURL_LOOP_PARTS_MAX, .connections = (uint32_t)set[S_CONNECTIONS].num, .done = on_done, .arg = self};
    if (self->row == NULL || !curl_loop_init(&self->loop, host, &options)) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "libcurl cannot be started");
        free(self->row);
        free(self);
        return false;
    }
    *instance = self;
    return true;
}

const struct sp_adapter adapter_http = {
    .name = "http",
    .summary = "asks a URL and judges status, text, JSON members and time; mutual TLS; kept connections",
    .needs = "network",
    .params = http_check_params,
    .params_count = HTTP_P_COUNT,
    .settings = settings,
    .settings_count = sizeof settings / sizeof settings[0],
    .init = http_init,
    .fini = http_fini,
    .compile = http_compile,
    .release = http_release,
    .start = http_start,
    .cancel = http_cancel,
    .turn = http_turn,
};
