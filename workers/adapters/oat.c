/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oat - asks an OpenAttestation server (1.x or 2.x) about many nodes with one PollHosts.
 *
 * The server's own limits rule here: at most `batch` hosts in a request, `requests` requests at once, and one request in flight per
 * host, for overlapping polls of a host disturb each other. A request goes on when a job of it is cancelled: its hosts stay busy
 * until the server has answered. After BREAKER_FAILURES failed requests in a row one host alone is asked (the canary), at most
 * every BREAKER_PAUSE_US, and the others end at once with the reason of the failure.
 *
 * A verdict is believed only when the server's own clock says it was made after our request (oat_answer.h). A 2.x server stamps its
 * answer with the time of the request, which proves that the answer is new but not that the evidence is: `unproven` decides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curl_loop.h"
#include "msg.h"
#include "oat_check.h"
#include "sp_assert.h"
#include "sp_buf.h"
#include "sp_crypto.h"

#define REQUESTS_MAX     64u /* per server */
#define BREAKER_FAILURES 3u
#define BREAKER_PAUSE_US 5000000u
#define CHECKPOINT_BYTES 8u /* vtime last seen, little endian */
#define CONNECTIONS      256u

/* A job that waits for, or is in, a request; one per slot. */
struct ask {
    struct sp_adapter_job *job; /* NULL: cancelled, or no ask */
    struct ask *next;           /* in the queue of its server */
    const struct oat_check *check;
    char host[OAT_NAME_MAX + 1];
};

struct server {
    char *base;
    uint32_t users;           /* checks */
    struct ask *head, **tail; /* queue */
    struct request *request[REQUESTS_MAX];
    uint32_t requests;
    uint32_t failures;  /* in a row */
    uint64_t canary_us; /* the breaker is open: next time a request may be made */
    uint16_t reason;    /* of the last failure */
    char detail[SP_ADAPTER_WHY_MAX];
    struct server *next;
};

struct request {
    struct oat *owner;
    struct server *server;
    const struct oat_check *check; /* NULL: its definition is gone */
    CURL *easy;
    struct curl_slist *headers;
    struct sp_buf body;
    size_t max_bytes;
    bool over;
    uint64_t started_us;
    uint32_t count;
    struct {
        struct sp_adapter_job *job; /* NULL: cancelled meanwhile */
        char *name;
    } host[OAT_HOSTS_MAX];
    char error[CURL_ERROR_SIZE];
};

struct oat {
    const struct sp_adapter_host *host;
    struct curl_loop loop;
    struct server *servers;
    struct ask *ask;             /* by slot */
    struct oat_verdict *verdict; /* OAT_HOSTS_MAX, for the answer being read */
};

static void pump(struct oat *self, struct server *s);

/* ---- finishing ------------------------------------------------------------------------------------------------- */

static void finish(struct oat *self, struct sp_adapter_job *job, struct sp_adapter_result *r)
{
    uint8_t keep[SP_ADAPTER_CHECKPOINT_MAX];
    if (r->checkpoint == NULL && job->checkpoint_len > 0) { /* nothing newer is known */
        memcpy(keep, job->checkpoint, job->checkpoint_len);
        r->checkpoint = keep;
        r->checkpoint_len = job->checkpoint_len;
    }
    self->host->finish(self->host->self, job, r);
}

static void finish_error(struct oat *self, struct sp_adapter_job *job, uint16_t reason, const char *detail)
{
    struct sp_adapter_result r = {.outcome = SP_OUTCOME_ERROR, .reason = reason, .detail = detail};
    finish(self, job, &r);
}

static int64_t checkpoint_time(const struct sp_adapter_job *job)
{
    uint64_t v = 0;
    if (job->checkpoint_len != CHECKPOINT_BYTES) {
        return OAT_NO_TIME;
    }
    for (unsigned i = CHECKPOINT_BYTES; i-- > 0;) {
        v = v << 8 | job->checkpoint[i];
    }
    return (int64_t)v;
}

static void judge(const struct oat_check *c, const struct oat_verdict *v, const struct oat_freshness *f,
                  struct sp_adapter_result *r, char *detail, size_t size)
{
    static const char *const words[] = {"trusted", "untrusted", "unknown", "timeout", "pending"};
    const char *why = NULL;
    r->outcome = SP_OUTCOME_ERROR;
    switch (v->level) {
    case OAT_ABSENT:
    case OAT_UNKNOWN:
        r->reason = SP_REASON_MISSING;
        const char *text = v->level == OAT_ABSENT ? "the answer does not name this host" : "the server says unknown";
        (void)snprintf(detail, size, "%s", text);
        return;
    case OAT_TIMEOUT:
    case OAT_PENDING:
        r->reason = SP_REASON_STALE;
        (void)snprintf(detail, size, "the server says %s: it has no new result", words[v->level]);
        return;
    case OAT_ODD:
        r->reason = SP_REASON_PROTOCOL;
        (void)snprintf(detail, size, "the answer for this host is ambiguous or not of the protocol");
        return;
    case OAT_TRUSTED:
    case OAT_UNTRUSTED:
    default:
        break;
    }
    if (v->bad_vtime) {
        r->reason = SP_REASON_PROTOCOL;
        (void)snprintf(detail, size, "the verdict's time is not understood");
    } else if (!oat_is_fresh(f, &why)) {
        r->reason = SP_REASON_STALE;
        (void)snprintf(detail, size, "%s, but %s", words[v->level], why);
    } else if (v->level == OAT_UNTRUSTED) {
        r->outcome = SP_OUTCOME_FAIL;
        r->reason = SP_REASON_CONTENT;
        (void)snprintf(detail, size, "untrusted %s", v->detail);
    } else {
        r->outcome = c->version2 ? c->unproven : SP_OUTCOME_PASS;
        r->reason = r->outcome == SP_OUTCOME_PASS   ? SP_REASON_OK
                    : r->outcome == SP_OUTCOME_WARN ? SP_REASON_REMARK
                                                    : SP_REASON_STALE;
        (void)snprintf(detail, size, "trusted%s %s", c->version2 ? " (2.x: the server does not date its evidence)" : "", v->detail);
    }
}

static void finish_verdict(struct request *q, uint32_t i, int64_t date_ms, const uint8_t evidence[32])
{
    struct oat *self = q->owner;
    const struct oat_verdict *v = &self->verdict[i];
    struct sp_adapter_job *job = q->host[i].job;
    struct sp_adapter_result r = {.evidence = evidence};
    uint8_t checkpoint[CHECKPOINT_BYTES];
    char detail[SP_ADAPTER_DETAIL_MAX];
    char measures[64];
    uint64_t elapsed_us = self->host->now_us(self->host->self) - q->started_us;
    struct oat_freshness f = {v->vtime_ms, checkpoint_time(job), date_ms, (int64_t)(elapsed_us / 1000)};
    judge(job->check, v, &f, &r, detail, sizeof detail);
    if (v->vtime_ms != OAT_NO_TIME && v->vtime_ms > f.previous_ms) {
        for (unsigned b = 0; b < CHECKPOINT_BYTES; b++) {
            checkpoint[b] = (uint8_t)((uint64_t)v->vtime_ms >> (8 * b));
        }
        r.checkpoint = checkpoint;
        r.checkpoint_len = CHECKPOINT_BYTES;
    }
    (void)snprintf(measures, sizeof measures, "time=%llu.%03llus;;;0 hosts=%u;;;1", (unsigned long long)(elapsed_us / 1000000),
                   (unsigned long long)(elapsed_us / 1000 % 1000), (unsigned)q->count);
    r.detail = detail;
    r.measures = measures;
    finish(self, job, &r);
}

/* ---- one request ----------------------------------------------------------------------------------------------- */

static void request_destroy(struct request *q)
{
    struct server *s = q->server;
    for (uint32_t i = 0; i < s->requests; i++) {
        if (s->request[i] == q) {
            s->request[i] = s->request[--s->requests];
            break;
        }
    }
    for (uint32_t i = 0; i < q->count; i++) {
        free(q->host[i].name);
    }
    curl_easy_cleanup(q->easy);
    curl_slist_free_all(q->headers);
    sp_buf_fini(&q->body);
    free(q);
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    struct request *q = arg;
    (void)one;
    if (n > q->max_bytes - q->body.n) {
        q->over = true;
        return 0;
    }
    sp_buf_append(&q->body, p, n);
    return q->body.failed ? 0 : n;
}

static int64_t date_of(CURL *easy)
{
    struct curl_header *h = NULL;
    if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &h) != CURLHE_OK) {
        return OAT_NO_TIME;
    }
    time_t t = curl_getdate(h->value, NULL);
    return t > 0 ? (int64_t)t * 1000 : OAT_NO_TIME;
}

static bool is_json(CURL *easy)
{
    const char *type = NULL;
    return curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL &&
           strncasecmp(type, "application/json", strlen("application/json")) == 0;
}

/* Ends all jobs of a request in one way. */
static void fail_request(struct request *q, uint16_t reason, const char *detail)
{
    for (uint32_t i = 0; i < q->count; i++) {
        if (q->host[i].job != NULL) {
            finish_error(q->owner, q->host[i].job, reason, detail);
        }
    }
}

static void take_answer(struct request *q)
{
    struct oat *self = q->owner;
    const char *names[OAT_HOSTS_MAX];
    uint8_t evidence[32];
    char why[256];
    int64_t date_ms = date_of(q->easy);
    for (uint32_t i = 0; i < q->count; i++) {
        names[i] = q->host[i].name;
    }
    if (!is_json(q->easy) || !oat_answer((const char *)q->body.p, q->body.n, names, q->count, self->verdict, why)) {
        fail_request(q, SP_REASON_PROTOCOL, is_json(q->easy) ? why : "the answer is not application/json");
        return;
    }
    sp_crypto_sha256(q->body.p, q->body.n, evidence);
    for (uint32_t i = 0; i < q->count; i++) {
        if (q->host[i].job != NULL) {
            finish_verdict(q, i, date_ms, evidence);
        }
    }
}

static void take_fault(struct request *q, long status)
{
    struct oat_fault fault;
    char detail[SP_ADAPTER_DETAIL_MAX];
    oat_fault((const char *)q->body.p, q->body.n, &fault);
    (void)snprintf(detail, sizeof detail, "the server answers HTTP %ld: %s", status, fault.text);
    fail_request(q, fault.host_not_found ? SP_REASON_MISSING : SP_REASON_REFUSED, detail);
}

static void note_failure(struct oat *self, struct server *s, uint16_t reason, const char *text)
{
    s->failures++;
    s->reason = reason;
    (void)snprintf(s->detail, sizeof s->detail, "the server did not answer: %.200s", text);
    if (s->failures >= BREAKER_FAILURES) {
        s->canary_us = self->host->now_us(self->host->self) + BREAKER_PAUSE_US;
    }
}

static void on_done(void *ctx, CURL *easy, CURLcode code)
{
    struct oat *self = ctx;
    struct request *q = NULL;
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &q);
    struct server *s = q->server;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) {
        uint16_t reason = q->over ? SP_REASON_LIMIT : curl_loop_reason(easy, code, q->error);
        const char *text = q->over ? "the answer is too long" : q->error[0] != '\0' ? q->error : curl_easy_strerror(code);
        note_failure(self, s, reason, text);
        fail_request(q, reason, text);
    } else {
        s->failures = 0;
        if (status == 200) {
            take_answer(q);
        } else {
            take_fault(q, status);
        }
    }
    curl_loop_remove(&self->loop, 0, easy);
    request_destroy(q);
    pump(self, s);
}

static bool set_headers(struct request *q)
{
    const char *const lines[] = {"Content-Type: application/json", "Accept: application/json", "Expect:", q->check->blob_header};
    for (size_t i = 0; i < SP_COUNT(lines) && lines[i] != NULL; i++) {
        struct curl_slist *list = curl_slist_append(q->headers, lines[i]);
        if (list == NULL) {
            return false;
        }
        q->headers = list;
    }
    return curl_easy_setopt(q->easy, CURLOPT_HTTPHEADER, q->headers) == CURLE_OK;
}

static bool set_request(struct request *q)
{
    const struct oat_check *c = q->check;
    const char *names[OAT_HOSTS_MAX];
    CURL *e = q->easy;
    const struct curl_loop_tls tls = {.ca = c->text[OAT_P_CA],
                                      .cert = c->text[OAT_P_CERT],
                                      .key = c->text[OAT_P_KEY],
                                      .pin = c->text[OAT_P_PIN],
                                      .ciphers = c->text[OAT_P_CIPHERS],
                                      .version_min = c->tls_min};
    for (uint32_t i = 0; i < q->count; i++) {
        names[i] = q->host[i].name;
    }
    char *text = oat_request(names, q->count, c->text[OAT_P_PCR_MASK], c->text[OAT_P_ANALYSIS], c->version2);
    bool ok = text != NULL && curl_easy_setopt(e, CURLOPT_URL, c->url) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, text) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_PRIVATE, q) == CURLE_OK && curl_easy_setopt(e, CURLOPT_WRITEDATA, q) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_ERRORBUFFER, q->error) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, c->deadline_ms) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, c->connect_ms) == CURLE_OK;
    free(text);
    return ok && curl_loop_adopt(&q->owner->loop, e) && curl_loop_tls_set(e, &tls) && set_headers(q);
}

/* ---- queues ---------------------------------------------------------------------------------------------------- */

static bool host_is_busy(const struct server *s, const char *name)
{
    for (uint32_t r = 0; r < s->requests; r++) {
        for (uint32_t i = 0; i < s->request[r]->count; i++) {
            if (strcmp(s->request[r]->host[i].name, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool in_request(const struct request *q, const char *name)
{
    for (uint32_t i = 0; i < q->count; i++) {
        if (strcmp(q->host[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Moves asks of one check from the queue into the request, up to `limit` hosts that are not busy. */
static void gather(struct request *q, uint32_t limit)
{
    struct server *s = q->server;
    struct ask **at = &s->head;
    while (*at != NULL && q->count < limit) {
        struct ask *a = *at;
        bool fits = (q->check == NULL || a->check == q->check) && !host_is_busy(s, a->host) && !in_request(q, a->host);
        char *name = fits ? strdup(a->host) : NULL;
        if (name == NULL) {
            at = &a->next;
            continue;
        }
        q->check = a->check;
        limit = a->check->batch < limit ? a->check->batch : limit;
        q->host[q->count].job = a->job;
        q->host[q->count].name = name;
        q->count++;
        a->job->priv = q;
        *at = a->next;
    }
    for (at = &s->head; *at != NULL; at = &(*at)->next) {
    }
    s->tail = at;
}

/* Sends one request of up to `limit` hosts. False: nothing could be sent. */
static bool send_request(struct oat *self, struct server *s, uint32_t limit)
{
    struct request *q = calloc(1, sizeof *q);
    if (q == NULL) {
        return false;
    }
    q->owner = self;
    q->server = s;
    q->easy = curl_easy_init();
    q->started_us = self->host->now_us(self->host->self);
    gather(q, limit);
    q->max_bytes = 65536u + q->count * 8192u;
    q->max_bytes = q->max_bytes < OAT_ANSWER_BYTES_MAX ? q->max_bytes : OAT_ANSWER_BYTES_MAX;
    sp_buf_init(&q->body, q->max_bytes);
    if (q->count == 0) {
        request_destroy(q);
        return false;
    }
    if (q->easy == NULL || !set_request(q) || !curl_loop_add(&self->loop, 0, q->easy)) {
        fail_request(q, SP_REASON_BAD_PARAMETERS, "the request cannot be made from the parameters");
        request_destroy(q);
        return true;
    }
    s->request[s->requests++] = q;
    return true;
}

/* The server is down and was asked a moment ago: the queue ends now, it would only grow. */
static void fail_queue(struct oat *self, struct server *s)
{
    struct ask *a = s->head;
    s->head = NULL;
    s->tail = &s->head;
    while (a != NULL) {
        struct ask *next = a->next;
        finish_error(self, a->job, s->reason, s->detail);
        a = next;
    }
}

static void pump(struct oat *self, struct server *s)
{
    uint64_t now = self->host->now_us(self->host->self);
    if (s->failures >= BREAKER_FAILURES) {
        if (s->head != NULL && s->requests == 0 && now >= s->canary_us) {
            s->canary_us = now + BREAKER_PAUSE_US;
            (void)send_request(self, s, 1);
        }
        fail_queue(self, s);
        return;
    }
    while (s->head != NULL) {
        uint32_t allowed = s->head->check->requests;
        if (s->requests >= (allowed < REQUESTS_MAX ? allowed : REQUESTS_MAX) || !send_request(self, s, OAT_HOSTS_MAX)) {
            return;
        }
    }
}

/* ---- the contract ---------------------------------------------------------------------------------------------- */

static void *oat_compile(void *instance, const struct sp_param_value *params, char *why)
{
    struct oat *self = instance;
    struct oat_check *c = oat_check_new(self->host->prefix, params, why);
    struct server *s = self->servers;
    while (c != NULL && s != NULL && strcmp(s->base, c->text[OAT_P_SERVER]) != 0) {
        s = s->next;
    }
    if (c != NULL && s == NULL) {
        s = calloc(1, sizeof *s);
        if (s == NULL || (s->base = strdup(c->text[OAT_P_SERVER])) == NULL) {
            free(s);
            oat_check_destroy(&c);
            return NULL;
        }
        s->tail = &s->head;
        s->next = self->servers;
        self->servers = s;
    }
    if (c != NULL) {
        s->users++;
        c->server = s;
    }
    return c;
}

static void oat_release(void *instance, void *check)
{
    struct oat *self = instance;
    struct oat_check *c = check;
    struct server *s = c->server;
    for (uint32_t i = s->requests; i-- > 0;) { /* requests whose jobs were all cancelled may still be on their way */
        if (s->request[i]->check == c) {
            curl_loop_remove(&self->loop, 0, s->request[i]->easy);
            request_destroy(s->request[i]);
        }
    }
    if (--s->users == 0) {
        struct server **at = &self->servers;
        while (*at != s) {
            at = &(*at)->next;
        }
        *at = s->next;
        free(s->base);
        free(s);
    }
    oat_check_destroy(&c);
}

static void oat_start(void *instance, struct sp_adapter_job *job)
{
    struct oat *self = instance;
    const struct oat_check *c = job->check;
    struct server *s = c->server;
    struct ask *a = &self->ask[job->slot];
    *a = (struct ask){.job = job, .check = c};
    if (!self->host->expand(self->host->self, job, c->text[OAT_P_HOST], a->host, sizeof a->host)) {
        finish_error(self, job, SP_REASON_BAD_PARAMETERS, "the host's name cannot be made for this node");
        return;
    }
    *s->tail = a;
    s->tail = &a->next;
}

static void oat_cancel(void *instance, struct sp_adapter_job *job)
{
    struct oat *self = instance;
    struct request *q = job->priv;
    struct server *s = ((const struct oat_check *)job->check)->server;
    for (uint32_t i = 0; q != NULL && i < q->count; i++) {
        if (q->host[i].job == job) {
            q->host[i].job = NULL; /* the host stays busy until the server has answered */
            return;
        }
    }
    struct ask **at = &s->head;
    while (*at != NULL && *at != &self->ask[job->slot]) {
        at = &(*at)->next;
    }
    SP_ASSERT(*at != NULL);
    *at = (*at)->next;
    if (*at == NULL) {
        s->tail = at;
    }
}

static void oat_turn(void *instance)
{
    struct oat *self = instance;
    for (struct server *s = self->servers; s != NULL; s = s->next) {
        pump(self, s);
    }
    curl_loop_turn(&self->loop);
}

static void oat_fini(void *instance)
{
    struct oat *self = instance;
    SP_ASSERT(self->servers == NULL); /* every check was released */
    curl_loop_fini(&self->loop);
    free(self->ask);
    free(self->verdict);
    free(self);
}

static bool oat_init(const struct sp_adapter_host *host, const struct sp_param_value *settings, void **instance, char *why)
{
    struct oat *self = calloc(1, sizeof *self);
    (void)settings;
    if (self == NULL) {
        return false;
    }
    self->host = host;
    self->ask = calloc(host->slots, sizeof *self->ask);
    self->verdict = calloc(OAT_HOSTS_MAX, sizeof *self->verdict);
    const struct curl_loop_options options = {.parts = 1, .connections = CONNECTIONS, .done = on_done, .arg = self};
    if (self->ask == NULL || self->verdict == NULL || !curl_loop_init(&self->loop, host, &options)) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "libcurl cannot be started");
        free(self->ask);
        free(self->verdict);
        free(self);
        return false;
    }
    *instance = self;
    return true;
}

const struct sp_adapter adapter_oat = {
    .name = "oat",
    .summary = "asks an OpenAttestation server (1.x, 2.x) about many nodes per request",
    .batch = true,
    .needs = "network",
    .params = oat_check_params,
    .params_count = OAT_P_COUNT,
    .init = oat_init,
    .fini = oat_fini,
    .compile = oat_compile,
    .release = oat_release,
    .start = oat_start,
    .cancel = oat_cancel,
    .turn = oat_turn,
};
