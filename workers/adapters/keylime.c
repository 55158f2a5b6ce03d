/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keylime - asks a Keylime verifier about all its agents with one request, for as many nodes as there are jobs.
 *
 * Keylime attests in its own rhythm and keeps its last word. So the first list fetched after a job has begun is only where its
 * node's count of attestations starts from; a good state is believed when a later list counts more, dates them after our question
 * by the verifier's own clock, and does not go back behind what the last run saw (the checkpoint). A bad state is believed at once:
 * a node whose attestation failed is not attested again, so nothing would ever move.
 *
 * Checks with the same connection share their requests: one at a time for each verifier. Canaries, agents known to be bad, are
 * looked at in each list; when one does not fail, the verifier's other words count for nothing either.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keylime_parts.h"
#include "msg.h"
#include "sp_assert.h"

#define BREAKER_FAILURES 3u
#define BREAKER_PAUSE_US 5000000u
#define PACE_US          100000u /* least time between two requests to one verifier */
#define CONNECTIONS      64u

static void pump(struct keylime_verifier *v);

static uint64_t now_us(const struct keylime *self)
{
    return self->host->now_us(self->host->self);
}

/* ---- one request ------------------------------------------------------------------------------------------------ */

static void take_fault(struct keylime_verifier *v, long status)
{
    char text[256];
    char detail[SP_ADAPTER_DETAIL_MAX];
    keylime_fault(sp_buf_view(&v->body), text, sizeof text);
    (void)snprintf(detail, sizeof detail, "the verifier answers HTTP %ld: %s", status, text);
    keylime_fail_asks(v, v->number, status == 401 || status == 403 ? SP_REASON_SECURITY : SP_REASON_REFUSED, detail);
}

static void end_request(struct keylime_verifier *v)
{
    if (v->easy != NULL) {
        curl_loop_remove(&v->owner->loop, 0, v->easy);
        curl_easy_cleanup(v->easy);
        v->easy = NULL;
    }
    curl_slist_free_all(v->headers);
    v->headers = NULL;
    sp_buf_fini(&v->body);
}

static void on_done(void *ctx, CURL *easy, CURLcode code)
{
    struct keylime_verifier *v = NULL;
    long status = 0;
    (void)ctx;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &v);
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK) {
        v->failures = 0;
        if (status == 200) {
            keylime_take_list(v);
        } else {
            take_fault(v, status);
        }
    } else {
        const char *text = v->over               ? "the list is longer than max_bytes"
                           : v->error[0] != '\0' ? v->error
                                                 : curl_easy_strerror(code);
        v->failures++;
        v->reason = v->over ? SP_REASON_LIMIT : curl_loop_reason(easy, code, v->error);
        (void)snprintf(v->detail, sizeof v->detail, "the verifier did not answer: %.200s", text);
        v->retry_us = now_us(v->owner) + BREAKER_PAUSE_US;
        keylime_fail_asks(v, v->number, v->reason, text);
    }
    end_request(v);
    pump(v);
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    struct keylime_verifier *v = arg;
    (void)one;
    if (n > v->max_bytes - v->body.n) {
        v->over = true;
        return 0;
    }
    sp_buf_append(&v->body, p, n);
    return v->body.failed ? 0 : n;
}

static bool set_request(struct keylime_verifier *v, const struct keylime_check *c)
{
    CURL *e = v->easy;
    const struct curl_loop_tls tls = {.ca = c->text[KEYLIME_P_CA],
                                      .cert = c->text[KEYLIME_P_CERT],
                                      .key = c->text[KEYLIME_P_KEY],
                                      .pin = c->text[KEYLIME_P_PIN],
                                      .version_min = c->tls_min};
    v->headers =
        curl_slist_append(NULL, "Accept: application/json"); /* and no Authorization: it would stand before the certificate */
    bool ok = v->headers != NULL && curl_easy_setopt(e, CURLOPT_URL, v->url) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_HTTPHEADER, v->headers) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_PRIVATE, v) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_ERRORBUFFER, v->error) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_WRITEDATA, v) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, c->deadline_ms) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, c->connect_ms) == CURLE_OK;
    return ok && curl_loop_adopt(&v->owner->loop, e) && curl_loop_tls_set(e, &tls);
}

static void send_request(struct keylime_verifier *v)
{
    const struct keylime_check *c = v->asks->check; /* any: they share the connection's settings */
    v->number++;
    v->sent_us = now_us(v->owner);
    v->over = false;
    v->error[0] = '\0';
    v->max_bytes = c->max_bytes;
    sp_buf_init(&v->body, v->max_bytes);
    v->easy = curl_easy_init();
    if (v->easy != NULL && set_request(v, c) && curl_loop_add(&v->owner->loop, 0, v->easy)) {
        return;
    }
    if (v->easy != NULL) {
        curl_easy_cleanup(v->easy);
        v->easy = NULL;
    }
    end_request(v);
    keylime_fail_asks(v, v->number, SP_REASON_BAD_PARAMETERS, "the request cannot be made from the parameters");
}

/* Decides whether and when to ask. */
static void pump(struct keylime_verifier *v)
{
    const struct sp_adapter_host *host = v->owner->host;
    uint64_t now = now_us(v->owner);
    bool fresh = false;
    if (v->easy != NULL) {
        return;
    }
    if (v->failures >= BREAKER_FAILURES && now < v->retry_us) { /* it was asked a moment ago: what waits would only grow */
        keylime_fail_asks(v, UINT64_MAX, v->reason, v->detail);
    }
    for (const struct keylime_ask *a = v->asks; a != NULL && !fresh; a = a->next) {
        fresh = !a->based;
    }
    uint64_t pause = fresh && v->poll_us > PACE_US ? PACE_US : v->poll_us;
    uint64_t due = v->number > 0 ? v->sent_us + pause : now;
    if (v->asks == NULL) {
        host->timer(host->self, &v->timer, 0);
    } else if (due > now) {
        host->timer(host->self, &v->timer, due);
    } else {
        host->timer(host->self, &v->timer, 0);
        send_request(v);
    }
}

static void on_timer(struct sp_adapter_timer *timer)
{
    struct keylime_verifier *v = timer->arg;
    pump(v);
    curl_loop_turn(&v->owner->loop);
}

/* ---- the contract ---------------------------------------------------------------------------------------------- */

static struct keylime_verifier *verifier_of(struct keylime *self, const struct keylime_check *c)
{
    for (struct keylime_verifier *v = self->verifiers; v != NULL; v = v->next) {
        if (strcmp(v->identity, c->identity) == 0) {
            return v;
        }
    }
    struct keylime_verifier *v = calloc(1, sizeof *v);
    if (v == NULL || (v->identity = strdup(c->identity)) == NULL || (v->url = strdup(c->url)) == NULL) {
        free(v != NULL ? v->identity : NULL);
        free(v);
        return NULL;
    }
    v->owner = self;
    v->poll_us = c->poll_us;
    v->timer = (struct sp_adapter_timer){.fire = on_timer, .arg = v};
    v->next = self->verifiers;
    self->verifiers = v;
    return v;
}

static void *keylime_compile(void *instance, const struct sp_param_value *params, char *why)
{
    struct keylime *self = instance;
    struct keylime_check *c = keylime_check_new(self->host->prefix, params, why);
    struct keylime_verifier *v = c != NULL ? verifier_of(self, c) : NULL;
    if (v == NULL) {
        if (c != NULL) {
            keylime_check_destroy(&c);
        }
        return NULL;
    }
    v->users++;
    v->poll_us = c->poll_us < v->poll_us ? c->poll_us : v->poll_us;
    c->verifier = v;
    return c;
}

static void keylime_release(void *instance, void *check)
{
    struct keylime *self = instance;
    struct keylime_check *c = check;
    struct keylime_verifier *v = c->verifier;
    if (--v->users == 0) {
        struct keylime_verifier **at = &self->verifiers;
        while (*at != v) {
            at = &(*at)->next;
        }
        *at = v->next;
        end_request(v); /* its jobs were all cancelled, but it may still be on its way */
        self->host->timer(self->host->self, &v->timer, 0);
        free(v->identity);
        free(v->url);
        free(v);
    }
    keylime_check_destroy(&c);
}

static void keylime_start(void *instance, struct sp_adapter_job *job)
{
    struct keylime *self = instance;
    const struct keylime_check *c = job->check;
    struct keylime_verifier *v = c->verifier;
    struct keylime_ask *a = &self->ask[job->slot];
    const char *listed = keylime_check_agent(c, job->node);
    uint64_t until = now_us(self) + c->wait_us;
    *a = (struct keylime_ask){.job = job,
                              .check = c,
                              .number = v->number,
                              .until_us = until < job->deadline_us ? until : job->deadline_us,
                              .proof = {.base_count = KEYLIME_NONE,
                                        .base_succeeded = KEYLIME_NONE,
                                        .asked_s = KEYLIME_NONE,
                                        .date_s = KEYLIME_NONE,
                                        .attestations = c->attestations}};
    keylime_read_checkpoint(job, &a->proof);
    if (listed != NULL) {
        (void)sp_str_copy(a->agent, sizeof a->agent, sp_str_of(listed));
    } else if (!self->host->expand(self->host->self, job, c->text[KEYLIME_P_AGENT], a->agent, sizeof a->agent) ||
               !keylime_is_id(a->agent) || keylime_check_is_taken(c, a->agent)) {
        keylime_finish_error(self, a, SP_REASON_BAD_PARAMETERS, "no agent's id can be made for this node, or it is another's");
        return;
    }
    a->next = v->asks;
    v->asks = a;
}

static void keylime_cancel(void *instance, struct sp_adapter_job *job)
{
    struct keylime *self = instance;
    struct keylime_ask *a = &self->ask[job->slot];
    keylime_unlink(((const struct keylime_check *)job->check)->verifier, a);
    a->job = NULL;
}

static void keylime_turn(void *instance)
{
    struct keylime *self = instance;
    for (struct keylime_verifier *v = self->verifiers; v != NULL; v = v->next) {
        pump(v);
    }
    curl_loop_turn(&self->loop);
}

static void keylime_fini(void *instance)
{
    struct keylime *self = instance;
    SP_ASSERT(self->verifiers == NULL); /* every check was released */
    curl_loop_fini(&self->loop);
    free(self->ask);
    free(self);
}

static bool keylime_init(const struct sp_adapter_host *host, const struct sp_param_value *settings, void **instance, char *why)
{
    struct keylime *self = calloc(1, sizeof *self);
    (void)settings;
    if (self == NULL) {
        return false;
    }
    self->host = host;
    self->ask = calloc(host->slots, sizeof *self->ask);
    const struct curl_loop_options options = {.parts = 1, .connections = CONNECTIONS, .done = on_done, .arg = self};
    if (self->ask == NULL || !curl_loop_init(&self->loop, host, &options)) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "libcurl cannot be started");
        free(self->ask);
        free(self);
        return false;
    }
    *instance = self;
    return true;
}

const struct sp_adapter adapter_keylime = {
    .name = "keylime",
    .summary = "asks a Keylime verifier about all its agents with one request",
    .batch = true,
    .needs = "network",
    .params = keylime_check_params,
    .params_count = KEYLIME_P_COUNT,
    .init = keylime_init,
    .fini = keylime_fini,
    .compile = keylime_compile,
    .release = keylime_release,
    .start = keylime_start,
    .cancel = keylime_cancel,
    .turn = keylime_turn,
};
