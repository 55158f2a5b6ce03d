/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "msg.h"
#include "sp_assert.h"
#include "sp_crypto.h"

#define RIG_LONG_MS 60000u

static const struct bus_rig_client fleet[] = {
    {"scheduler", SP_ROLE_SCHEDULER, NULL, NULL},
    {"keeper", SP_ROLE_KEEPER, NULL, NULL},
    {"w0", SP_ROLE_WORKER, "*", NULL},
    {"w1", SP_ROLE_WORKER, "*", NULL},
    {"w2", SP_ROLE_WORKER, "*", NULL},
    {"w3", SP_ROLE_WORKER, "*", NULL},
};

static void send(struct sp_bus *bus, uint16_t type, const char *dest, const struct sp_packer *w)
{
    struct sp_bus_out out = {.type = type, .dest = dest, .broker = SP_BUS_ANY, .body = w->start, .body_bytes = sp_packer_bytes(w)};
    (void)sp_bus_send(bus, &out);
}

static void open_route(struct worker_rig *w)
{
    struct msg_route_open m = {.route = {.adapter = sp_str_of(w->route)}};
    struct sp_packer p;
    size_t room = 0;
    uint8_t *body = sp_bus_body(w->scheduler, &room);
    sp_packer_init(&p, body, room);
    SP_ASSERT(msg_route_open_encode(&p, &m) == SP_OK);
    send(w->scheduler, SP_MSG_ROUTE_OPEN, NULL, &p);
}

/* Each session counts from zero and knows no route: a machine so busy that heartbeats are late begins another one. */
static void scheduler_on_link(void *self, unsigned broker, bool up, uint64_t boot)
{
    struct worker_rig *w = self;
    (void)broker;
    (void)boot;
    w->granted = 0;
    w->sent = 0;
    w->workers = 0;
    if (up && w->route[0] != '\0') {
        open_route(w);
    }
}

static void scheduler_on_message(void *self, const struct sp_bus_message *message)
{
    struct worker_rig *w = self;
    struct msg_route_credit credit;
    struct msg_definition_get get;
    struct msg_job_return back;
    struct rec_returned r;
    struct sp_packer p;
    size_t room = 0;
    if (message->type == SP_MSG_ROUTE_CREDIT && msg_route_credit_decode(message->body, message->body_bytes, &credit) == SP_OK) {
        w->granted = credit.granted;
        w->workers = credit.workers;
    } else if (message->type == SP_MSG_JOB_RETURN && msg_job_return_decode(message->body, message->body_bytes, &back) == SP_OK) {
        while (rec_returned_next(&back.jobs, &r)) {
            w->returned++;
        }
    } else if (message->type == SP_MSG_DEFINITION_GET &&
               msg_definition_get_decode(message->body, message->body_bytes, &get) == SP_OK) {
        w->gets++;
        for (unsigned i = 0; i < w->definitions; i++) {
            if (memcmp(w->definition[i].digest, get.digest, 32) == 0) {
                struct msg_definition m = {.digest = get.digest,
                                           .body = sp_str_bytes(w->definition[i].body, w->definition[i].bytes)};
                uint8_t *body = sp_bus_body(w->scheduler, &room);
                sp_packer_init(&p, body, room);
                SP_ASSERT(msg_definition_encode(&p, &m) == SP_OK);
                send(w->scheduler, SP_MSG_DEFINITION, message->from->name, &p);
            }
        }
    }
}

/* Whether the batch was seen before: a worker that was not answered in time says it again, as it must. */
static bool seen_before(struct worker_rig *w, uint64_t boot, uint64_t batch)
{
    unsigned life = 0;
    while (life < WORKER_RIG_LIVES && w->life[life].boot != boot && w->life[life].boot != 0) {
        life++;
    }
    SP_ASSERT(life < WORKER_RIG_LIVES && batch < WORKER_RIG_JOBS);
    w->life[life].boot = boot;
    if (w->life[life].seen == NULL) {
        w->life[life].seen = calloc(WORKER_RIG_JOBS / 8, 1);
        SP_ASSERT(w->life[life].seen != NULL);
    }
    uint8_t *byte = &w->life[life].seen[batch / 8], bit = (uint8_t)(1u << batch % 8);
    bool seen = (*byte & bit) != 0;
    *byte |= bit;
    return seen;
}

static void take_result(struct worker_rig *w, const struct rec_result *r, bool again)
{
    struct sp_ticket t;
    SP_ASSERT(sp_ticket_decode(r->ticket, &t) == SP_OK && t.job >= 1 && t.job <= w->jobs);
    struct worker_rig_result *to = &w->result[t.job - 1];
    w->results += to->copies == 0;
    to->copies += !again;
    to->outcome = r->outcome;
    to->reason = r->reason;
    to->wait_us = r->wait_us;
    to->run_us = r->run_us;
    (void)sp_str_copy(to->detail, sizeof to->detail, r->detail);
}

static void hear_result(struct worker_rig *w, const struct rec_result *r)
{
    struct sp_ticket t;
    SP_ASSERT(sp_ticket_decode(r->ticket, &t) == SP_OK && t.job >= 1 && t.job <= w->jobs);
    w->heard += !w->result[t.job - 1].heard;
    w->result[t.job - 1].heard = true;
}

static void keeper_on_message(void *self, const struct sp_bus_message *message)
{
    struct worker_rig *w = self;
    struct msg_result_batch m;
    struct rec_result r;
    struct sp_packer p;
    size_t room = 0;
    if (message->type != SP_MSG_RESULT_BATCH || msg_result_batch_decode(message->body, message->body_bytes, &m) != SP_OK) {
        return;
    }
    w->batches++;
    if (w->silent) {
        while (rec_result_next(&m.results, &r)) {
            hear_result(w, &r);
        }
        return;
    }
    bool again = seen_before(w, m.boot, m.batch);
    struct msg_result_ack ack = {.boot = m.boot, .batch = m.batch, .accepted = (uint16_t)m.results.count};
    while (rec_result_next(&m.results, &r)) {
        take_result(w, &r, again);
    }
    uint8_t *body = sp_bus_body(w->keeper, &room);
    sp_packer_init(&p, body, room);
    SP_ASSERT(msg_result_ack_encode(&p, &ack) == SP_OK);
    send(w->keeper, SP_MSG_RESULT_ACK, message->from->name, &p);
    w->acked++;
}

static bool both_up(void *ctx)
{
    struct worker_rig *w = ctx;
    return sp_bus_up_count(w->scheduler) > 0 && sp_bus_up_count(w->keeper) > 0;
}

void worker_rig_open(struct worker_rig *w, const char *extra)
{
    struct sp_bus_options o;
    char why[512];
    memset(w, 0, sizeof *w);
    w->result = calloc(WORKER_RIG_JOBS, sizeof *w->result);
    SP_ASSERT(w->result != NULL);
    bus_rig_init(&w->rig, 1, fleet, SP_COUNT(fleet), extra);
    bus_rig_start(&w->rig, 0);
    bus_rig_options(&w->rig, "scheduler", &o);
    o.self = w;
    o.on_message = scheduler_on_message;
    o.on_link = scheduler_on_link;
    SP_ASSERT(sp_bus_open(&o, &w->scheduler, why, sizeof why));
    bus_rig_options(&w->rig, "keeper", &o);
    o.self = w;
    o.on_message = keeper_on_message;
    SP_ASSERT(sp_bus_open(&o, &w->keeper, why, sizeof why));
    SP_ASSERT(bus_rig_until(&w->rig, both_up, w, RIG_LONG_MS));
}

void worker_rig_close(struct worker_rig *w)
{
    for (unsigned n = 0; n < SP_COUNT(w->worker); n++) {
        if (w->worker[n] > 0) {
            (void)worker_rig_stop(w, n, SIGKILL);
        }
    }
    sp_bus_close(&w->scheduler, 0);
    sp_bus_close(&w->keeper, 0);
    bus_rig_fini(&w->rig);
    for (unsigned i = 0; i < WORKER_RIG_LIVES; i++) {
        free(w->life[i].seen);
    }
    free(w->result);
}

void worker_rig_start(struct worker_rig *w, unsigned n)
{
    char program[512];
    char name[8];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 32);
    SP_ASSERT(len > 0);
    program[len] = '\0';
    for (int up = 0; up < 2; up++) {
        *strrchr(program, '/') = '\0';
    }
    (void)strncat(program, "/spice-worker", 31);
    (void)snprintf(name, sizeof name, "w%u", n);
    w->worker[n] = fork();
    SP_ASSERT(w->worker[n] >= 0);
    if (w->worker[n] == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        const char *level = getenv("SPICE_RIG_LOG") != NULL ? "debug" : "error";
        (void)execl(program, program, "--config", w->rig.conf_path, "--name", name, "--log-level", level, (char *)NULL);
        _exit(127);
    }
}

int worker_rig_stop(struct worker_rig *w, unsigned n, int signo)
{
    int status = 0;
    (void)kill(w->worker[n], signo);
    while (waitpid(w->worker[n], &status, WNOHANG) == 0) { /* the worker may want answers before it ends */
        SP_ASSERT(sp_loop_turn(w->rig.loop, 5) == SP_OK);
    }
    w->worker[n] = 0;
    return status;
}

unsigned worker_rig_define(struct worker_rig *w, const char *adapter, const char *params)
{
    SP_ASSERT(w->definitions < WORKER_RIG_DEFINITIONS);
    struct rec_definition_body b = {.check = sp_str_of("check"),
                                    .revision = w->definitions + 1,
                                    .adapter = sp_str_of(adapter),
                                    .params = sp_str_of(params),
                                    .timeout_ms = 10000};
    struct sp_packer p;
    unsigned at = w->definitions++;
    sp_packer_init(&p, w->definition[at].body, sizeof w->definition[at].body);
    SP_ASSERT(rec_definition_body_put(&p, &b) == SP_OK);
    w->definition[at].bytes = sp_packer_bytes(&p);
    (void)snprintf(w->definition[at].adapter, sizeof w->definition[at].adapter, "%s", adapter);
    sp_crypto_sha256(w->definition[at].body, w->definition[at].bytes, w->definition[at].digest);
    return at;
}

struct waits_for {
    struct worker_rig *w;
    uint32_t workers;
};

static bool served(void *ctx)
{
    const struct waits_for *f = ctx;
    return f->w->workers >= f->workers && f->w->granted > f->w->sent;
}

void worker_rig_route(struct worker_rig *w, const char *adapter, unsigned workers)
{
    struct waits_for f = {w, workers};
    (void)snprintf(w->route, sizeof w->route, "%s", adapter);
    open_route(w);
    SP_ASSERT(bus_rig_until(&w->rig, served, &f, RIG_LONG_MS));
}

static void no_mac(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    (void)ctx;
    (void)p;
    (void)n;
    memset(out, 7, 32); /* the keeper double does not look at it */
}

unsigned worker_rig_send(struct worker_rig *w, unsigned definition, unsigned count, uint32_t timeout_ms)
{
    const struct sp_mac mac = {no_mac, NULL};
    uint64_t credit = w->granted > w->sent ? w->granted - w->sent : 0;
    struct msg_job_batch m = {.route = {.adapter = sp_str_of(w->definition[definition].adapter)}, .expires_ms = 60000};
    const struct sp_digest digest = sp_crypto_digest();
    struct sp_packer p;
    size_t room = 0;
    count = count < credit ? count : (unsigned)credit;
    if (count == 0) {
        return 0;
    }
    uint8_t *body = sp_bus_body(w->scheduler, &room);
    sp_packer_init(&p, body, room);
    SP_ASSERT(msg_job_batch_begin(&p, &m) == SP_OK);
    for (unsigned i = 0; i < count; i++) {
        struct sp_ticket t = {
            .attempt = 1, .check = 1, .node = i, .job = ++w->jobs, .epoch = 1, .life_ms = 60000, .slot = (uint32_t)w->jobs};
        uint8_t ticket[SP_TICKET_BYTES];
        char node[24];
        SP_ASSERT(w->jobs <= WORKER_RIG_JOBS);
        memcpy(t.digest, w->definition[definition].digest, sizeof t.digest);
        (void)snprintf(node, sizeof node, "node-%u", i);
        struct rec_job job = {
            .ticket = ticket, .timeout_ms = timeout_ms, .node = sp_str_of(node), .address = sp_str_of("127.0.0.1")};
        const struct sp_ticket_job about = {job.node, job.address, job.checkpoint, job.timeout_ms};
        sp_ticket_subject(&about, &digest, t.subject);
        sp_ticket_seal(&t, &mac, ticket);
        SP_ASSERT(rec_job_put(&p, &job) == SP_OK);
    }
    SP_ASSERT(msg_job_batch_end(&p) == SP_OK);
    struct sp_bus_out out = {.type = SP_MSG_JOB_BATCH, .broker = SP_BUS_ANY, .body = body, .body_bytes = sp_packer_bytes(&p)};
    if (sp_bus_send(w->scheduler, &out) != SP_BUS_SENT) {
        w->jobs -= count;
        return 0;
    }
    w->sent += count;
    return count;
}

void worker_rig_send_all(struct worker_rig *w, unsigned definition, unsigned count, uint32_t timeout_ms)
{
    struct waits_for f = {w, 1};
    while (count > 0) {
        SP_ASSERT(bus_rig_until(&w->rig, served, &f, RIG_LONG_MS));
        count -= worker_rig_send(w, definition, count < MSG_JOB_BATCH_JOBS_MAX ? count : MSG_JOB_BATCH_JOBS_MAX, timeout_ms);
    }
}

struct waits_for_end {
    struct worker_rig *w;
    uint64_t ended;
};

static bool ended(void *ctx)
{
    const struct waits_for_end *f = ctx;
    return f->w->results + f->w->returned >= f->ended;
}

bool worker_rig_wait(struct worker_rig *w, uint64_t count, unsigned timeout_ms)
{
    struct waits_for_end f = {w, count};
    return bus_rig_until(&w->rig, ended, &f, timeout_ms);
}

bool worker_rig_until(struct worker_rig *w, bool (*holds)(void *w), unsigned timeout_ms)
{
    return bus_rig_until(&w->rig, holds, w, timeout_ms);
}
