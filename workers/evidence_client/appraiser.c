/* SPDX-License-Identifier: Apache-2.0 */
#include "appraiser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appraiser_link.h"
#include "appraiser_policies.h"
#include "msg.h"
#include "sp_assert.h"
#include "sp_fs.h"

#define PACKETS_PER_TURN 64u
#define PART_MAX         (APPRAISE_PACKET_MAX - sizeof(struct appraise_push))
#define MEMORY_MB        1024u
#define SILENT_MS        60000u

struct appraiser {
    struct appraiser *next;
    uint32_t users;
    const struct sp_adapter_host *host;
    struct appraiser_options options;
    char program[SP_FS_PATH_BYTES];
    struct appraiser_link link;
    struct sp_adapter_watch watch;
    struct sp_adapter_timer restart, silence;
    uint64_t started_us, wait_us, heard_us;
    bool pausing;     /* the timer that starts it is set */
    uint32_t owed;    /* answers */
    uint32_t unready; /* of them, about policies */
    uint32_t free_count;
    uint64_t serial;
    struct appraiser_numbers numbers;
    struct appraisal_verdict verdict; /* of the run that ends now */
    struct appraiser_policies policies;
    struct appraiser_run *run[APPRAISE_RUNS_MAX];
    uint32_t free_index[APPRAISE_RUNS_MAX];
};

static struct appraiser *all; /* one for each host: a worker has one thread and one host */

static void say(struct appraiser *a, char level, const char *text, const char *what)
{
    char line[512];
    (void)snprintf(line, sizeof line, "spice-appraise: %s%s%s", text, what[0] != '\0' ? ": " : "", what);
    a->host->log(a->host->self, level, line);
}

static uint64_t now_us(const struct appraiser *a)
{
    return a->host->now_us(a->host->self);
}

/* ---- what is owed ---------------------------------------------------------------------------------------------- */

static void expect(struct appraiser *a)
{
    if (a->owed++ == 0) {
        a->heard_us = now_us(a);
        a->host->timer(a->host->self, &a->silence, a->heard_us + a->options.silent_ms * 1000ull);
    }
}

static void expect_less(struct appraiser *a)
{
    SP_ASSERT(a->owed > 0);
    if (--a->owed == 0) {
        a->host->timer(a->host->self, &a->silence, 0);
    }
}

static void set_owed(struct appraiser *a, struct appraiser_run *run, bool owed)
{
    if (owed && !run->owed) {
        expect(a);
    } else if (!owed && run->owed) {
        expect_less(a);
    }
    run->owed = owed;
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

static void flush(struct appraiser *a)
{
    appraiser_link_flush(&a->link);
    uint32_t events = a->link.child.fd < 0 ? 0 : a->link.blocked ? SP_ADAPTER_IN | SP_ADAPTER_OUT : SP_ADAPTER_IN;
    if (events != a->watch.events) {
        (void)a->host->watch(a->host->self, &a->watch, events);
    }
}

static bool put(struct appraiser *a, const void *fixed, size_t bytes, const struct sp_str tail[2])
{
    bool ok = appraiser_link_put(&a->link, fixed, bytes, tail, -1);
    flush(a);
    return ok;
}

static bool put_policy(struct appraiser *a, uint32_t number)
{
    const struct appraiser_policy_row *p = &a->policies.row[number];
    const struct sp_str tail[2] = {sp_str_of(p->kind)};
    const struct appraise_policy record = {.record = {.type = APPRAISE_POLICY, .policy = number},
                                           .params_bytes = p->params_bytes,
                                           .policy_bytes = p->policy_bytes,
                                           .kind_bytes = tail[0].n};
    if (!appraiser_link_put(&a->link, &record, sizeof record, tail, p->fd)) {
        return false;
    }
    expect(a);
    a->unready++;
    return true;
}

/* ---- runs ------------------------------------------------------------------------------------------------------ */

static void drop_policy(struct appraiser *a, uint32_t number)
{
    const struct appraise_record record = {.type = APPRAISE_FORGET, .policy = number};
    if (appraiser_policies_drop(&a->policies, number) && a->link.child.fd >= 0) {
        (void)put(a, &record, sizeof record, NULL); /* without memory it keeps it until its place is taken */
    }
}

static void forget(struct appraiser *a, struct appraiser_run *run)
{
    uint32_t index = (uint32_t)run->id;
    set_owed(a, run, false);
    a->run[index] = NULL;
    a->free_index[a->free_count++] = index;
    a->numbers.under_way--;
    a->policies.row[run->policy].runs--;
    run->id = 0;
}

static void end(struct appraiser *a, struct appraiser_run *run, const uint8_t *evidence)
{
    uint32_t policy = run->policy;
    forget(a, run);
    drop_policy(a, policy);
    run->done(run, &a->verdict, evidence);
}

static void end_lost(struct appraiser *a, struct appraiser_run *run, const char *why)
{
    a->verdict = (struct appraisal_verdict){.outcome = SP_OUTCOME_ERROR, .reason = SP_REASON_INTERNAL};
    (void)snprintf(a->verdict.detail, sizeof a->verdict.detail, "%s", why);
    a->numbers.lost++;
    end(a, run, NULL);
}

/* ---- death and start ------------------------------------------------------------------------------------------- */

static bool start(struct appraiser *a, int *error)
{
    static char *const environment[] = {NULL};
    char memory[16];
    (void)snprintf(memory, sizeof memory, "%u", a->options.memory_mb);
    char *argv[] = {"spice-appraise", "--memory", memory, NULL};
    if (!exec_child_start(&a->link.child, a->program, argv, environment, error)) {
        return false;
    }
    a->started_us = now_us(a);
    a->watch.fd = a->link.child.fd;
    a->numbers.up = true;
    flush(a);
    return true;
}

/* Effect: everything it had ends; it is started again after a pause. */
static void bury(struct appraiser *a, const char *why)
{
    (void)a->host->watch(a->host->self, &a->watch, 0);
    a->link.blocked = false;
    exec_child_stop(&a->link.child, 0);
    appraiser_link_drop(&a->link);
    a->numbers.up = false;
    say(a, 'e', why, "");
    bool was_good = now_us(a) - a->started_us > APPRAISER_RESTART_MAX_US;
    a->wait_us = was_good ? APPRAISER_RESTART_US : a->wait_us;
    a->pausing = true;
    a->host->timer(a->host->self, &a->restart, now_us(a) + a->wait_us);
    a->wait_us = a->wait_us * 2 < APPRAISER_RESTART_MAX_US ? a->wait_us * 2 : APPRAISER_RESTART_MAX_US;
    uint64_t serial = a->serial; /* runs begun by those that end now are not among the lost */
    a->host->timer(a->host->self, &a->silence, 0);
    a->owed = 0;
    a->unready = 0;
    for (uint32_t i = 0; i < APPRAISE_RUNS_MAX; i++) {
        if (a->run[i] != NULL) {
            a->run[i]->owed = false;
        }
    }
    for (uint32_t i = 0; i < APPRAISE_RUNS_MAX; i++) {
        struct appraiser_run *run = a->run[i];
        if (run != NULL && run->id >> 32 <= serial) {
            end_lost(a, run, "the appraiser ended before its verdict");
        }
    }
}

static void on_restart(struct sp_adapter_timer *timer)
{
    struct appraiser *a = timer->arg;
    int error = 0;
    a->pausing = false;
    /* Policies go first: what waits was begun with them. */
    struct appraiser_packet *waiting = a->link.first;
    struct appraiser_packet **last = a->link.last;
    a->link.first = NULL;
    a->link.last = &a->link.first;
    for (uint32_t i = 0; i < APPRAISE_POLICIES_MAX; i++) {
        if (a->policies.row[i].fd >= 0) {
            (void)put_policy(a, i); /* without memory its runs end when it dies of them */
        }
    }
    *a->link.last = waiting;
    if (waiting != NULL) {
        a->link.last = last;
    }
    a->numbers.restarts += a->started_us != 0 ? 1 : 0;
    a->heard_us = now_us(a);
    if (!start(a, &error)) {
        say(a, 'e', "cannot be started", strerror(error));
        bury(a, "no runs without it");
    }
}

static void on_silence(struct sp_adapter_timer *timer)
{
    struct appraiser *a = timer->arg;
    uint64_t until = a->heard_us + a->options.silent_ms * 1000ull;
    if (a->owed == 0) {
        return;
    }
    if (now_us(a) < until || a->link.child.fd < 0) {
        a->host->timer(a->host->self, &a->silence, now_us(a) < until ? until : now_us(a) + a->options.silent_ms * 1000ull);
        return;
    }
    a->numbers.hung++;
    bury(a, "it hung and was killed");
}

/* ---- receiving ------------------------------------------------------------------------------------------------- */

static struct appraiser_run *find_run(struct appraiser *a, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    struct appraiser_run *run = index < APPRAISE_RUNS_MAX ? a->run[index] : NULL;
    return run != NULL && run->id == id ? run : NULL;
}

static bool on_text(struct appraiser *a)
{
    const struct appraise_text *t = (const void *)a->link.in;
    const char *tail = a->link.in_n >= sizeof *t ? appraiser_link_tail(&a->link, sizeof *t, t->text_bytes) : NULL;
    char text[APPRAISE_TEXT_MAX + 1];
    if (tail == NULL || t->text_bytes > APPRAISE_TEXT_MAX) {
        return false;
    }
    (void)sp_str_copy(text, sizeof text, sp_str_bytes(tail, t->text_bytes));
    if (t->record.type == APPRAISE_FATAL) {
        say(a, 'e', "cannot work", text);
        return true; /* its end follows */
    }
    if (a->unready == 0) {
        return false;
    }
    a->unready--;
    expect_less(a);
    if (t->ok == 0) {
        say(a, 'e', "a policy is refused", text);
    }
    return true;
}

static bool on_want(struct appraiser *a)
{
    const struct appraise_want *w = (const void *)a->link.in;
    uint64_t bytes = a->link.in_n >= sizeof *w ? (uint64_t)w->document_bytes + w->args_bytes : UINT64_MAX;
    const char *tail = appraiser_link_tail(&a->link, sizeof *w, bytes);
    char document[APPRAISAL_KIND_MAX + 1];
    static char args[APPRAISAL_ARGS_MAX]; /* one thread */
    if (tail == NULL || w->document_bytes >= sizeof document || w->args_bytes >= sizeof args) {
        return false;
    }
    struct appraiser_run *run = find_run(a, w->record.run);
    if (run == NULL) {
        return true; /* cancelled meanwhile */
    }
    if (w->record.policy != run->document + 1) {
        return false;
    }
    (void)sp_str_copy(document, sizeof document, sp_str_bytes(tail, w->document_bytes));
    (void)sp_str_copy(args, sizeof args, sp_str_bytes(tail + w->document_bytes, w->args_bytes));
    run->document++;
    set_owed(a, run, false);
    run->want(run, document, args);
    return true;
}

/* A verdict that no appraiser of ours would give is none. */
static bool is_sane(const struct appraise_verdict *v, const struct appraiser_run *run)
{
    bool passed = v->outcome == SP_OUTCOME_PASS || v->outcome == SP_OUTCOME_WARN;
    return v->outcome <= SP_OUTCOME_LAST && v->reason <= SP_REASON_LAST &&
           (v->outcome == SP_OUTCOME_PASS) == (v->reason == SP_REASON_OK) && (!passed || run->pushed) &&
           v->detail_bytes < APPRAISAL_TEXT_MAX && v->measures_bytes < APPRAISAL_TEXT_MAX &&
           v->checkpoint_bytes <= APPRAISAL_CHECKPOINT_MAX;
}

static bool on_verdict(struct appraiser *a)
{
    const struct appraise_verdict *v = (const void *)a->link.in;
    uint64_t bytes = a->link.in_n >= sizeof *v ? (uint64_t)v->detail_bytes + v->measures_bytes + v->checkpoint_bytes : UINT64_MAX;
    const char *tail = appraiser_link_tail(&a->link, sizeof *v, bytes);
    if (tail == NULL) {
        return false;
    }
    struct appraiser_run *run = find_run(a, v->record.run);
    if (run == NULL) {
        return true; /* cancelled meanwhile */
    }
    if (!is_sane(v, run)) {
        return false;
    }
    struct appraisal_verdict *to = &a->verdict;
    *to = (struct appraisal_verdict){.outcome = v->outcome, .reason = v->reason, .instance = v->instance};
    (void)sp_str_copy(to->detail, sizeof to->detail, sp_str_bytes(tail, v->detail_bytes));
    (void)sp_str_copy(to->measures, sizeof to->measures, sp_str_bytes(tail + v->detail_bytes, v->measures_bytes));
    memcpy(to->checkpoint, tail + v->detail_bytes + v->measures_bytes, v->checkpoint_bytes);
    to->checkpoint_len = v->checkpoint_bytes;
    uint8_t evidence[32];
    memcpy(evidence, v->evidence, sizeof evidence);
    a->numbers.runs++;
    end(a, run, evidence);
    return true;
}

static bool on_record(struct appraiser *a)
{
    const struct appraise_record *record = (const void *)a->link.in;
    const struct appraise_hello *hello = (const void *)a->link.in;
    a->heard_us = now_us(a);
    switch (record->type) {
    case APPRAISE_HELLO:
        if (a->link.in_n != sizeof *hello || hello->version != APPRAISE_PROTO_VERSION) {
            return false;
        }
        a->numbers.landlock = hello->landlock;
        return true;
    case APPRAISE_READY:
    case APPRAISE_FATAL:
        return on_text(a);
    case APPRAISE_WANT:
        return on_want(a);
    case APPRAISE_VERDICT:
        return on_verdict(a);
    default:
        return false;
    }
}

static void on_ready(struct sp_adapter_watch *watch, uint32_t events)
{
    struct appraiser *a = watch->arg;
    enum appraiser_state state = APPRAISER_GOT;
    bool sound = true;
    (void)events;
    for (uint32_t i = 0; i < PACKETS_PER_TURN && sound && state == APPRAISER_GOT && a->link.child.fd >= 0; i++) {
        state = appraiser_link_receive(&a->link);
        sound = state != APPRAISER_GOT || on_record(a);
    }
    if (a->link.child.fd < 0) {
        return;
    }
    if (!sound || state == APPRAISER_GONE) {
        bury(a, sound ? "it ended; it is started again" : "it says what no appraiser of ours would; it is started again");
        return;
    }
    flush(a);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static bool find_program(struct appraiser *a, char *why)
{
    const char *given = a->options.program;
    int n = given != NULL ? snprintf(a->program, sizeof a->program, "%s", given)
                          : snprintf(a->program, sizeof a->program, "%s/spice-appraise", a->host->libexec_dir);
    if (n < 0 || (size_t)n >= sizeof a->program || access(a->program, X_OK) != 0) {
        (void)snprintf(why, SP_ADAPTER_WHY_MAX, "%.200s is not there or cannot be run", a->program);
        return false;
    }
    return true;
}

bool appraiser_open(const struct sp_adapter_host *host, const struct appraiser_options *options, struct appraiser **out, char *why)
{
    struct appraiser *a = all;
    while (a != NULL && a->host->self != host->self) {
        a = a->next;
    }
    if (a != NULL) {
        a->users++;
        *out = a;
        return true;
    }
    (void)snprintf(why, SP_ADAPTER_WHY_MAX, "no memory");
    a = calloc(1, sizeof *a);
    if (a == NULL) {
        return false;
    }
    a->host = host;
    a->options = *options;
    a->options.memory_mb = options->memory_mb > 0 ? options->memory_mb : MEMORY_MB;
    a->options.silent_ms = options->silent_ms > 0 ? options->silent_ms : SILENT_MS;
    if (!find_program(a, why)) {
        free(a);
        return false;
    }
    a->users = 1;
    a->wait_us = APPRAISER_RESTART_US;
    appraiser_link_init(&a->link);
    a->watch = (struct sp_adapter_watch){.fd = -1, .ready = on_ready, .arg = a};
    a->restart = (struct sp_adapter_timer){.fire = on_restart, .arg = a};
    a->silence = (struct sp_adapter_timer){.fire = on_silence, .arg = a};
    appraiser_policies_init(&a->policies);
    for (uint32_t i = APPRAISE_RUNS_MAX; i-- > 0;) {
        a->free_index[a->free_count++] = i;
    }
    a->next = all;
    all = a;
    *out = a;
    return true;
}

void appraiser_close(struct appraiser **appraiser)
{
    struct appraiser *a = *appraiser;
    *appraiser = NULL;
    if (a == NULL || --a->users > 0) {
        return;
    }
    SP_ASSERT(a->numbers.under_way == 0);
    a->host->timer(a->host->self, &a->restart, 0);
    a->host->timer(a->host->self, &a->silence, 0);
    if (a->link.child.fd >= 0) {
        (void)a->host->watch(a->host->self, &a->watch, 0);
        exec_child_stop(&a->link.child, 0);
    }
    appraiser_link_drop(&a->link);
    appraiser_policies_fini(&a->policies);
    struct appraiser **at = &all;
    while (*at != a) {
        at = &(*at)->next;
    }
    *at = a->next;
    free(a);
}

/* ---- policies -------------------------------------------------------------------------------------------------- */

uint32_t appraiser_policy(struct appraiser *a, const char *kind, struct sp_str params, struct sp_str policy)
{
    bool fresh = false;
    uint32_t number = appraiser_policies_take(&a->policies, kind, params, policy, &fresh);
    if (number == UINT32_MAX) {
        return APPRAISER_NONE;
    }
    if (fresh && a->link.child.fd >= 0) {
        bool ok = put_policy(a, number);
        flush(a);
        if (!ok) {
            appraiser_policy_release(a, number);
            return APPRAISER_NONE;
        }
    } else if (a->link.child.fd < 0 && !a->pausing) {
        a->pausing = true;
        a->host->timer(a->host->self, &a->restart, 1); /* the first one: it is given when it runs */
    }
    return number;
}

void appraiser_policy_release(struct appraiser *a, uint32_t policy)
{
    SP_ASSERT(policy < APPRAISE_POLICIES_MAX && a->policies.row[policy].users > 0);
    a->policies.row[policy].users--;
    drop_policy(a, policy);
}

/* ---- services -------------------------------------------------------------------------------------------------- */

bool appraiser_begin(struct appraiser *a, struct appraiser_run *run, uint32_t policy, const struct appraiser_question *q)
{
    SP_ASSERT(run->id == 0 && policy < APPRAISE_POLICIES_MAX && a->policies.row[policy].users > 0);
    SP_ASSERT(q->checkpoint.n <= APPRAISAL_CHECKPOINT_MAX && q->node.n <= APPRAISE_NODE_MAX);
    if (a->free_count == 0 || a->link.waiting_bytes >= APPRAISER_QUEUE_MAX) {
        return false;
    }
    uint32_t index = a->free_index[a->free_count - 1];
    uint64_t id = (a->serial + 1) << 32 | index;
    const struct sp_str tail[2] = {q->node, q->checkpoint};
    struct appraise_begin record = {.record = {.type = APPRAISE_BEGIN, .policy = policy, .run = id},
                                    .now_s = q->now_s,
                                    .node_bytes = q->node.n,
                                    .checkpoint_bytes = q->checkpoint.n};
    memcpy(record.nonce, q->nonce, sizeof record.nonce);
    if (!put(a, &record, sizeof record, tail)) {
        return false;
    }
    a->serial++;
    a->free_count--;
    a->run[index] = run;
    a->policies.row[policy].runs++;
    a->numbers.under_way++;
    run->id = id;
    run->policy = policy;
    run->document = 0;
    run->pushed = false;
    set_owed(a, run, true);
    return true;
}

void appraiser_identify(struct appraiser *a, struct appraiser_run *run, const struct appraiser_who *who)
{
    SP_ASSERT(run->id != 0 && who->ak.n <= APPRAISE_AK_MAX && (who->signer.n == 0 || who->signer.n == TPM_NAME_BYTES));
    struct appraise_who record = {.record = {.type = APPRAISE_WHO, .run = run->id}, .mode = who->mode};
    struct sp_str tail[2] = {{NULL, 0}, {NULL, 0}};
    if (who->ak.n > 0 && who->ek != NULL) {
        record.has_tpm = 1;
        memcpy(record.ek, who->ek, sizeof record.ek);
        tail[0] = who->ak;
        tail[1] = who->signer;
        record.ak_bytes = (uint16_t)who->ak.n;
        record.signer_bytes = (uint16_t)who->signer.n;
    }
    (void)put(a, &record, sizeof record, tail); /* without it the node has no TPM: no verdict is better for that */
}

bool appraiser_push(struct appraiser *a, struct appraiser_run *run, struct sp_str bytes, bool last)
{
    SP_ASSERT(run->id != 0);
    do {
        struct sp_str part = sp_str_bytes(bytes.p, bytes.n < PART_MAX ? bytes.n : PART_MAX);
        bytes.p += part.n;
        bytes.n -= part.n;
        bool end_of_it = last && bytes.n == 0;
        struct appraise_push record = {
            .record = {
                .type = APPRAISE_PUSH, .flags = end_of_it ? APPRAISE_PUSH_LAST : 0, .policy = run->document, .run = run->id}};
        const struct sp_str tail[2] = {part};
        if (a->link.waiting_bytes > APPRAISER_QUEUE_MAX || !put(a, &record, sizeof record, tail)) {
            return false;
        }
        run->pushed = run->pushed || end_of_it;
    } while (bytes.n > 0);
    if (last) {
        set_owed(a, run, true);
    }
    return true;
}

void appraiser_cancel(struct appraiser *a, struct appraiser_run *run)
{
    if (run->id == 0) {
        return;
    }
    const struct appraise_record record = {.type = APPRAISE_CANCEL, .run = run->id};
    uint32_t policy = run->policy;
    (void)put(a, &record, sizeof record, NULL); /* without memory its answer comes and meets nobody */
    forget(a, run);
    drop_policy(a, policy);
}

struct appraiser_numbers appraiser_numbers(const struct appraiser *a)
{
    return a->numbers;
}
