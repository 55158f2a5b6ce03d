/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the keylime adapter: what a list says about the jobs that wait for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "keylime_parts.h"
#include "msg.h"
#include "sp_assert.h"
#include "sp_crypto.h"

#define CHECKPOINT_BYTES 16u /* count and time of the last attestation counted, little endian */

static uint64_t now_us(const struct keylime *self)
{
    return self->host->now_us(self->host->self);
}

/* ---- results --------------------------------------------------------------------------------------------------- */

void keylime_unlink(struct keylime_verifier *v, const struct keylime_ask *a)
{
    struct keylime_ask **at = &v->asks;
    while (*at != a) {
        SP_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = a->next;
}

/* Ends a job that is in no list any more. */
static void finish(struct keylime *self, struct keylime_ask *a, struct sp_adapter_result *r)
{
    uint8_t kept[SP_ADAPTER_CHECKPOINT_MAX];
    struct sp_adapter_job *job = a->job;
    if (r->checkpoint == NULL && job->checkpoint_len > 0) { /* nothing newer is known */
        memcpy(kept, job->checkpoint, job->checkpoint_len);
        r->checkpoint = kept;
        r->checkpoint_len = job->checkpoint_len;
    }
    a->job = NULL;
    self->host->finish(self->host->self, job, r);
}

void keylime_finish_error(struct keylime *self, struct keylime_ask *a, uint16_t reason, const char *detail)
{
    struct sp_adapter_result r = {.outcome = SP_OUTCOME_ERROR, .reason = reason, .detail = detail};
    finish(self, a, &r);
}

/* Ends every job of a verifier that began before the request `number`, in one way. */
void keylime_fail_asks(struct keylime_verifier *v, uint64_t number, uint16_t reason, const char *detail)
{
    struct keylime_ask **at = &v->asks;
    while (*at != NULL) {
        struct keylime_ask *a = *at;
        if (a->number < number) {
            *at = a->next;
            keylime_finish_error(v->owner, a, reason, detail);
        } else {
            at = &a->next;
        }
    }
}

static int64_t number_at(const uint8_t *p)
{
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;) {
        v = v << 8 | p[i];
    }
    return (int64_t)v;
}

static void number_put(uint8_t *p, int64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        p[i] = (uint8_t)((uint64_t)value >> (8 * i));
    }
}

void keylime_read_checkpoint(const struct sp_adapter_job *job, struct keylime_proof *p)
{
    bool kept = job->checkpoint_len == CHECKPOINT_BYTES;
    p->kept_count = kept ? number_at(job->checkpoint) : KEYLIME_NONE;
    p->kept_succeeded = kept ? number_at(job->checkpoint + 8) : KEYLIME_NONE;
}

/* What the next run starts from: never an older attestation than now, and none dated in the future, which would stand in the way of
 * all true ones. */
static bool write_checkpoint(const struct keylime_status *s, const struct keylime_proof *p, uint8_t out[CHECKPOINT_BYTES])
{
    bool dated = p->date_s != KEYLIME_NONE && s->succeeded != KEYLIME_NONE && s->succeeded <= p->date_s + KEYLIME_SLACK_S;
    if (!dated || s->succeeded <= 0 || s->count == KEYLIME_NONE ||
        (p->kept_succeeded != KEYLIME_NONE && s->succeeded <= p->kept_succeeded)) {
        return false;
    }
    number_put(out, s->count);
    number_put(out + 8, s->succeeded);
    return true;
}

static void finish_status(struct keylime_verifier *v, struct keylime_ask *a, const struct keylime_status *s,
                          struct sp_adapter_result *r)
{
    uint8_t evidence[32];
    uint8_t checkpoint[CHECKPOINT_BYTES];
    char measures[128];
    if (s->raw.n > 0) {
        sp_crypto_sha256(s->raw.p, s->raw.n, evidence);
        r->evidence = evidence;
    }
    if (keylime_level(s) == KEYLIME_GOOD && write_checkpoint(s, &a->proof, checkpoint)) {
        r->checkpoint = checkpoint;
        r->checkpoint_len = CHECKPOINT_BYTES;
    }
    uint64_t bytes = v->body.n;
    int n = snprintf(measures, sizeof measures, "list=%lluB;;;0", (unsigned long long)bytes);
    if (s->count != KEYLIME_NONE && s->seen && n > 0) {
        (void)snprintf(measures + n, sizeof measures - (size_t)n, " attestations=%lldc;;;0", (long long)s->count);
    }
    r->measures = measures;
    finish(v->owner, a, r);
}

/* ---- judging a list -------------------------------------------------------------------------------------------- */

/* Lends what is wrong with a canary of the check in this list; NULL: all fail, as they must. */
static const char *canaries_say(struct keylime *self, const struct keylime_check *c, struct keylime_agent *agent, size_t count)
{
    struct keylime_watch *w = c->watch;
    if (w->judged != self->rounds) {
        const char *before = w->bad;
        w->judged = self->rounds;
        w->bad = NULL;
        for (size_t i = 0; i < c->canaries && w->bad == NULL; i++) {
            const struct keylime_agent *a = keylime_find(agent, count, sp_str_of(c->canary[i]));
            SP_ASSERT(a != NULL);
            w->bad = keylime_level(&a->status) == KEYLIME_BAD ? NULL : c->canary[i];
        }
        if (w->bad != NULL && before == NULL) {
            char text[SP_ADAPTER_WHY_MAX];
            (void)snprintf(text, sizeof text, "keylime: canary %.100s does not fail at its verifier; nothing it says is believed",
                           w->bad);
            self->host->log(self->host->self, 'e', text);
        }
    }
    return w->bad;
}

/* A state that needs no second look: fills the result. False: it is good, so far. */
static bool judge_state(const struct keylime_ask *a, const struct keylime_status *s, struct sp_adapter_result *r, char *detail,
                        size_t size)
{
    r->outcome = SP_OUTCOME_ERROR;
    r->reason = SP_REASON_MISSING;
    switch (keylime_level(s)) {
    case KEYLIME_ABSENT:
        (void)snprintf(detail, size, "agent %s is not enrolled at the verifier", a->agent);
        return true;
    case KEYLIME_NOT_STARTED:
        (void)snprintf(detail, size, "agent %s is enrolled but not attested", a->agent);
        return true;
    case KEYLIME_ODD:
        r->reason = SP_REASON_PROTOCOL;
        (void)snprintf(detail, size, "what the verifier says of agent %s is ambiguous or not of the protocol", a->agent);
        return true;
    case KEYLIME_UNREACHABLE:
        r->reason = SP_REASON_UNREACHABLE;
        (void)snprintf(detail, size, "the verifier does not reach agent %s", a->agent);
        return true;
    case KEYLIME_BAD:
        r->outcome = SP_OUTCOME_FAIL;
        r->reason = SP_REASON_CONTENT;
        (void)snprintf(detail, size, "attestation failed: %s", s->event[0] != '\0' ? s->event : "the verifier names no event");
        return true;
    case KEYLIME_GOOD:
    default:
        break;
    }
    if (a->check->contact_is_address && strcmp(s->ip, a->job->address) != 0) {
        r->reason = SP_REASON_KEYLIME_AGENT;
        (void)snprintf(detail, size, "the verifier attests %.60s under agent %s, not this node",
                       s->ip[0] != '\0' ? s->ip : "nobody", a->agent);
        return true;
    }
    return false;
}

static void judge_good(const struct keylime_ask *a, const struct keylime_status *s, struct sp_adapter_result *r, char *detail,
                       size_t size)
{
    bool bare = !s->has_runtime && !s->has_boot;
    r->outcome = !bare ? SP_OUTCOME_PASS : a->check->no_policy_is_error ? SP_OUTCOME_ERROR : SP_OUTCOME_WARN;
    r->reason = r->outcome == SP_OUTCOME_PASS   ? SP_REASON_OK
                : r->outcome == SP_OUTCOME_WARN ? SP_REASON_REMARK
                                                : SP_REASON_KEYLIME_POLICY;
    (void)snprintf(detail, size, "attestation %lld passed%s%s%s", (long long)s->count, s->has_runtime ? ", runtime policy" : "",
                   s->has_boot ? ", boot policy" : "", bare ? "; without any policy: only the quote's signature was checked" : "");
}

/* Looks at one job's agent. True: the job has ended. */
static bool judge(struct keylime_verifier *v, struct keylime_ask *a, const struct keylime_status *s, const char *canary)
{
    struct keylime *self = v->owner;
    struct sp_adapter_result r = {.outcome = SP_OUTCOME_ERROR};
    char detail[SP_ADAPTER_DETAIL_MAX] = "";
    const char *why = NULL;
    if (canary != NULL) {
        r.reason = SP_REASON_KEYLIME_CANARY;
        (void)snprintf(detail, sizeof detail, "canary %s does not fail at this verifier: nothing it says is believed", canary);
    } else if (!judge_state(a, s, &r, detail, sizeof detail)) {
        if (!a->based) {
            a->based = true;
            a->proof.base_count = s->count;
            a->proof.base_succeeded = s->succeeded;
        }
        enum keylime_freshness f = keylime_fresh(s, &a->proof, &why);
        uint64_t next_us = now_us(self) + v->poll_us;
        if (f == KEYLIME_WAIT && next_us < a->until_us) {
            return false;
        }
        if (f == KEYLIME_FRESH) {
            judge_good(a, s, &r, detail, sizeof detail);
        } else {
            r.reason = SP_REASON_STALE;
            (void)snprintf(detail, sizeof detail, "the verifier says passed, but %s", why);
            size_t n = strlen(detail);
            if (f == KEYLIME_WAIT && s->period_s != KEYLIME_NONE) {
                (void)snprintf(detail + n, sizeof detail - n, " (it attests every %lld s)", (long long)s->period_s);
            }
        }
    }
    r.detail = detail;
    keylime_unlink(v, a);
    finish_status(v, a, s, &r);
    return true;
}

/* ---- one list -------------------------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct keylime_agent *)a)->id, ((const struct keylime_agent *)b)->id);
}

static size_t count_wanted(const struct keylime_verifier *v)
{
    size_t n = 0;
    for (const struct keylime_ask *a = v->asks; a != NULL; a = a->next) {
        n += 1 + (a->check->watch->counted != v->owner->rounds ? a->check->canaries : 0);
        a->check->watch->counted = v->owner->rounds;
    }
    return n;
}

/* Gives the sorted list of agents that matter in this round. */
static struct keylime_agent *wanted(struct keylime_verifier *v, size_t *count)
{
    size_t n = 0, unique = 0;
    struct keylime_agent *agent = calloc(count_wanted(v) + 1, sizeof *agent);
    for (const struct keylime_ask *a = v->asks; agent != NULL && a != NULL; a = a->next) {
        const struct keylime_check *c = a->check;
        agent[n].id = a->agent;
        agent[n++].node = a->job->node;
        for (size_t i = 0; i < c->canaries && c->watch->listed != v->owner->rounds; i++) {
            agent[n++].id = c->canary[i];
        }
        c->watch->listed = v->owner->rounds;
    }
    if (n > 0) {
        qsort(agent, n, sizeof *agent, by_id);
    }
    for (size_t i = 0; i < n; i++) {
        struct keylime_agent *last = unique > 0 ? &agent[unique - 1] : NULL;
        if (last == NULL || strcmp(last->id, agent[i].id) != 0) {
            agent[unique++] = agent[i];
        } else if (last->node == NULL) {
            last->node = agent[i].node;
        } else {
            last->shared = last->shared || (agent[i].node != NULL && strcmp(last->node, agent[i].node) != 0);
        }
    }
    *count = unique;
    return agent;
}

static int64_t date_of(CURL *easy)
{
    struct curl_header *h = NULL;
    if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &h) != CURLHE_OK) {
        return KEYLIME_NONE;
    }
    time_t t = curl_getdate(h->value, NULL);
    return t > 0 ? (int64_t)t : KEYLIME_NONE;
}

static bool is_json(CURL *easy)
{
    const char *type = NULL;
    return curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL &&
           strncasecmp(type, "application/json", strlen("application/json")) == 0;
}

void keylime_take_list(struct keylime_verifier *v)
{
    struct keylime *self = v->owner;
    char why[256] = "the answer is not application/json";
    size_t count = 0;
    int64_t date_s = date_of(v->easy);
    int64_t elapsed_s = (int64_t)((now_us(self) - v->sent_us) / 1000000);
    self->rounds++;
    struct keylime_agent *agent = wanted(v, &count);
    if (agent == NULL || !is_json(v->easy) || !keylime_answer(sp_buf_view(&v->body), agent, count, why)) {
        keylime_fail_asks(v, v->number, agent == NULL ? SP_REASON_INTERNAL : SP_REASON_PROTOCOL, agent == NULL ? "no memory" : why);
        free(agent);
        return;
    }
    struct keylime_ask *next;
    for (struct keylime_ask *a = v->asks; a != NULL; a = next) {
        next = a->next;
        if (a->number >= v->number) { /* it began when this request was already under way */
            continue;
        }
        struct keylime_agent *found = keylime_find(agent, count, sp_str_of(a->agent));
        SP_ASSERT(found != NULL);
        if (!a->based) {
            a->proof.asked_s = date_s == KEYLIME_NONE ? KEYLIME_NONE : date_s - elapsed_s;
        }
        a->proof.date_s = date_s;
        if (found->shared) { /* the lists of one check cannot say so, but two checks can, or two nodes with one address */
            keylime_unlink(v, a);
            keylime_finish_error(self, a, SP_REASON_KEYLIME_AGENT, "another node has the same agent");
        } else {
            (void)judge(v, a, &found->status, canaries_say(self, a->check, agent, count));
        }
    }
    free(agent);
}
