/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sp_rng.h"

#define KEEPER_BOOT 77u
#define CLOCK_BOOT  99u
#define START_US    1000000000ull
#define WALL_MS     1767225600000ull /* 2026-01-01, a Thursday */

static struct sp_rng rng = {42};

static void mac(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    (void)ctx;
    uint64_t h = 14695981039346656037ull;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 1099511628211ull;
    for (int i = 0; i < 4; i++)
        memcpy(out + 8 * i, &h, 8);
}

static void fill(void *ctx, void *to, size_t n)
{
    (void)ctx;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = (uint8_t)sp_rng_next(&rng);
}

static const struct sp_mac world_mac = {mac, NULL};

struct scheduler_world *scheduler_world_new(uint32_t pairs_max)
{
    struct scheduler_world *w = calloc(1, sizeof *w);
    struct scheduler_core_options o = {.seed = {5, 4, 3},
                                       .boot = 11,
                                       .epoch = 1,
                                       .pairs_max = pairs_max,
                                       .batch_jobs = 512,
                                       .batch_bytes = 512u << 10,
                                       .attempts_max = 4,
                                       .grace_ms = 1000,
                                       .clock_lost_ms = 15000,
                                       .mac = world_mac,
                                       .digest = {mac, NULL},
                                       .random = {fill, NULL}};
    SP_ASSERT(w != NULL);
    w->now = (struct sp_now){{START_US}, {WALL_MS}};
    w->fx.arena = malloc(SCHEDULER_CORE_ARENA_BYTES);
    w->jobs = calloc(SCHEDULER_WORLD_JOBS_MAX, sizeof w->jobs[0]);
    SP_ASSERT(w->fx.arena != NULL && w->jobs != NULL && scheduler_core_init(&w->core, &o, w->now));
    return w;
}

void scheduler_world_destroy(struct scheduler_world **w)
{
    scheduler_core_fini(&(*w)->core);
    free((*w)->fx.arena);
    free((*w)->jobs);
    free(*w);
    *w = NULL;
}

static void note_batch(struct scheduler_world *w, const struct scheduler_core_effect *e)
{
    struct msg_job_batch m;
    struct rec_job r;
    SP_ASSERT(msg_job_batch_decode(e->body, e->bytes, &m) == SP_OK);
    while (rec_job_next(&m.jobs, &r)) {
        SP_ASSERT(w->job_count < SCHEDULER_WORLD_JOBS_MAX);
        struct scheduler_world_job *j = &w->jobs[w->job_count++];
        SP_ASSERT(sp_ticket_open(r.ticket, &world_mac, &j->ticket) == SP_OK);
        (void)sp_str_copy(j->node, sizeof j->node, r.node);
        (void)sp_str_copy(j->address, sizeof j->address, r.address);
        if (r.checkpoint.n > 0)
            memcpy(j->checkpoint, r.checkpoint.p, r.checkpoint.n);
        j->checkpoint_bytes = r.checkpoint.n;
        j->timeout_ms = r.timeout_ms;
        j->at_us = w->now.mono.us;
        j->broker = (uint32_t)e->broker;
    }
}

static void perform(struct scheduler_world *w, const struct scheduler_core_effect *e)
{
    static uint64_t sequence;
    if (e->kind == SCHEDULER_FX_STORE_EPOCH)
        w->stored_epoch = e->value;
    if (e->kind != SCHEDULER_FX_SEND)
        return;
    if (e->type == SP_MSG_JOB_BATCH) {
        struct scheduler_core_event s = {.kind = SCHEDULER_EV_SENT, .now = w->now};
        s.u.sent.batch = e->batch;
        s.u.sent.ok = !w->unsendable;
        s.u.sent.sequence = ++sequence;
        if (!w->unsendable)
            note_batch(w, e);
        SP_ASSERT(scheduler_core_step(&w->core, &s, NULL) == SP_OK);
        return;
    }
    SP_ASSERT(msg_find(e->type) != NULL && w->sent_count < SCHEDULER_WORLD_SENT_MAX);
    w->sent[w->sent_count++] = e->type;
    memcpy(w->last_body, e->body, e->bytes);
    w->last_bytes = e->bytes;
    (void)snprintf(w->last_dest, sizeof w->last_dest, "%s", e->dest);
}

enum sp_rc scheduler_world_step(struct scheduler_world *w, struct scheduler_core_event *e)
{
    e->now = w->now;
    enum sp_rc rc = scheduler_core_step(&w->core, e, &w->fx);
    for (uint32_t i = 0; i < w->fx.count; i++)
        perform(w, &w->fx.list[i]);
    return rc;
}

void scheduler_world_tick(struct scheduler_world *w)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_TICK};
    (void)scheduler_world_step(w, &e);
}

static void move(struct scheduler_world *w, uint64_t to)
{
    if (to <= w->now.mono.us)
        return;
    uint64_t wall = w->now.wall.ms * 1000 + (to - w->now.mono.us);
    w->now.mono.us = to;
    w->now.wall.ms = (wall + 500) / 1000;
}

void scheduler_world_run(struct scheduler_world *w, uint64_t us)
{
    uint64_t end = w->now.mono.us + us, clock = w->now.mono.us;
    for (;;) {
        uint64_t next = scheduler_core_deadline(&w->core).us;
        next = next < clock ? next : clock;
        if (next > end)
            break;
        move(w, next);
        if (next == clock) {
            (void)scheduler_world_clock(w, true);
            clock += 1000000;
        } else {
            scheduler_world_tick(w);
        }
    }
    move(w, end);
}

void scheduler_world_freeze(struct scheduler_world *w, uint64_t us)
{
    move(w, w->now.mono.us + us);
}

uint32_t scheduler_world_sent(const struct scheduler_world *w, uint16_t type)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->sent_count; i++)
        count += w->sent[i] == type;
    return count;
}

/* ---- messages ---- */

static enum sp_rc message(struct scheduler_world *w, uint16_t type, enum sp_rc rc, const struct sp_packer *p)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_MESSAGE};
    SP_ASSERT(rc == SP_OK);
    e.u.message.type = type;
    e.u.message.role = (uint8_t)__builtin_ctz(msg_find(type)->from); /* a role that may send it */
    e.u.message.from = "tester";
    e.u.message.body = p->start;
    e.u.message.bytes = sp_packer_bytes(p);
    return scheduler_world_step(w, &e);
}

static struct sp_packer packer(struct scheduler_world *w)
{
    struct sp_packer p;
    sp_packer_init(&p, w->scratch, sizeof w->scratch);
    return p;
}

void scheduler_world_link(struct scheduler_world *w, bool up, uint64_t boot)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_LINK};
    e.u.link.up = up;
    e.u.link.boot = boot;
    (void)scheduler_world_step(w, &e);
}

enum sp_rc scheduler_world_grant(struct scheduler_world *w, uint64_t epoch, uint64_t boot)
{
    struct sp_packer p = packer(w);
    struct msg_epoch_grant m = {.epoch = epoch, .boot = boot};
    return message(w, SP_MSG_EPOCH_GRANT, msg_epoch_grant_encode(&p, &m), &p);
}

enum sp_rc scheduler_world_clock(struct scheduler_world *w, bool ready)
{
    struct sp_packer p = packer(w);
    struct msg_keeper_clock m = {.boot = CLOCK_BOOT,
                                 .now_ms = w->now.mono.us / 1000 + 5000 - w->says_back_ms,
                                 .epoch = w->core.epoch,
                                 .nodes = w->says_nodes != 0 ? w->says_nodes : w->core.nodes_version,
                                 .checks = w->core.version,
                                 .ready = ready};
    return message(w, SP_MSG_KEEPER_CLOCK, msg_keeper_clock_encode(&p, &m), &p);
}

enum sp_rc scheduler_world_credit(struct scheduler_world *w, const char *adapter, uint64_t granted)
{
    struct sp_packer p = packer(w);
    struct msg_route_credit m = {.broker_boot = w->core.lanes.brokers[0].boot, .granted = granted, .workers = 1};
    m.route.adapter = sp_str_of(adapter);
    m.route.labels = sp_str_of("");
    return message(w, SP_MSG_ROUTE_CREDIT, msg_route_credit_encode(&p, &m), &p);
}

enum sp_rc scheduler_world_nodes(struct scheduler_world *w, uint64_t version, uint64_t base, uint32_t first, uint32_t count)
{
    enum sp_rc rc = SP_OK;
    for (uint32_t from = first, part = 0; rc == SP_OK && (from < first + count || part == 0);
         from += MSG_NODE_SET_NODES_MAX, part++) {
        struct sp_packer p = packer(w);
        uint32_t to = from + MSG_NODE_SET_NODES_MAX < first + count ? from + MSG_NODE_SET_NODES_MAX : first + count;
        struct msg_node_set m = {
            .boot = KEEPER_BOOT + w->says_start, .version = version, .base = base, .part = part, .last = to == first + count};
        rc = msg_node_set_begin(&p, &m);
        for (uint32_t i = from; i < to && rc == SP_OK; i++) {
            char name[32], labels[64];
            uint8_t key[16] = {7, (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16)};
            (void)snprintf(name, sizeof name, "n%u", i);
            (void)snprintf(labels, sizeof labels, "rack=r%u,zone=z%u", i % 4, i % 3);
            struct rec_node_info n = {.id = i + 1,
                                      .generation = 1,
                                      .key = key,
                                      .name = sp_str_of(name),
                                      .address = sp_str_of(""),
                                      .labels = sp_str_of(labels)};
            rc = rec_node_info_put(&p, &n);
        }
        rc = rc == SP_OK ? msg_node_set_end(&p) : rc;
        rc = message(w, SP_MSG_NODE_SET, rc, &p);
    }
    return rc;
}

enum sp_rc scheduler_world_node(struct scheduler_world *w, uint64_t version, uint64_t base, const struct rec_node_info *info)
{
    struct sp_packer p = packer(w);
    struct msg_node_set m = {.boot = KEEPER_BOOT + w->says_start, .version = version, .base = base, .last = true};
    enum sp_rc rc = msg_node_set_begin(&p, &m);
    rc = rc == SP_OK ? rec_node_info_put(&p, info) : rc;
    rc = rc == SP_OK ? msg_node_set_end(&p) : rc;
    return message(w, SP_MSG_NODE_SET, rc, &p);
}

enum sp_rc scheduler_world_close(struct scheduler_world *w, const struct scheduler_world_job *job, uint8_t outcome, uint16_t code,
                                 const char *checkpoint)
{
    struct sp_packer p = packer(w);
    struct msg_lease_closed m = {.epoch = job->ticket.epoch};
    struct rec_closed r = {
        .slot = job->ticket.slot, .job = job->ticket.job, .outcome = outcome, .code = code, .checkpoint = sp_str_of(checkpoint)};
    enum sp_rc rc = msg_lease_closed_begin(&p, &m);
    rc = rc == SP_OK ? rec_closed_put(&p, &r) : rc;
    rc = rc == SP_OK ? msg_lease_closed_end(&p) : rc;
    return message(w, SP_MSG_LEASE_CLOSED, rc, &p);
}

enum sp_rc scheduler_world_return(struct scheduler_world *w, const struct scheduler_world_job *job)
{
    struct sp_packer p = packer(w);
    struct msg_job_return m = {.code = SP_REFUSAL_DRAINING};
    struct rec_returned r = {.slot = job->ticket.slot, .job = job->ticket.job};
    enum sp_rc rc = msg_job_return_begin(&p, &m);
    rc = rc == SP_OK ? rec_returned_put(&p, &r) : rc;
    rc = rc == SP_OK ? msg_job_return_end(&p) : rc;
    return message(w, SP_MSG_JOB_RETURN, rc, &p);
}

void scheduler_world_start(struct scheduler_world *w)
{
    scheduler_world_link(w, true, 5);
    (void)scheduler_world_grant(w, w->core.epoch, w->core.options.boot);
    (void)scheduler_world_clock(w, true);
}

/* ---- catalogue ---- */

static enum sp_rc catalogue(struct scheduler_world *w, struct scheduler_core_event *e)
{
    e->version = ++w->version;
    return scheduler_world_step(w, e);
}

enum sp_rc scheduler_world_profile_put(struct scheduler_world *w, const struct profile_def *p)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_PROFILE_PUT};
    e.u.profile = p;
    return catalogue(w, &e);
}

enum sp_rc scheduler_world_profile(struct scheduler_world *w, const char *name, uint32_t period_ms, uint8_t jitter)
{
    struct profile_def p = {.period_ms = period_ms, .jitter_percent = jitter, .priority = CHECK_DEF_PRIORITY_DEFAULT};
    (void)snprintf(p.name, sizeof p.name, "%s", name);
    return scheduler_world_profile_put(w, &p);
}

struct check_def scheduler_world_def(const char *name, const char *profile, const char *selector)
{
    static const uint8_t body[] = {0x90};
    struct check_def d = {.revision = 1,
                          .timeout_ms = 2000,
                          .max_age_ms = 300000,
                          .rise = 1,
                          .fall = 1,
                          .stage = SP_STAGE_ENFORCING,
                          .enabled = true,
                          .body = body,
                          .body_bytes = sizeof body};
    (void)snprintf(d.name, sizeof d.name, "%s", name);
    (void)snprintf(d.profile, sizeof d.profile, "%s", profile);
    (void)snprintf(d.selector, sizeof d.selector, "%s", selector);
    (void)snprintf(d.adapter, sizeof d.adapter, "noop");
    for (const char *p = name; *p != '\0'; p++) {
        d.id = d.id * 31 + (uint8_t)*p;
        d.digest[(p - name) % 32] ^= (uint8_t)*p;
    }
    return d;
}

enum sp_rc scheduler_world_check_put(struct scheduler_world *w, const struct check_def *d)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_CHECK_PUT};
    e.u.check = d;
    return catalogue(w, &e);
}

enum sp_rc scheduler_world_check(struct scheduler_world *w, const char *name, const char *profile, const char *selector)
{
    struct check_def d = scheduler_world_def(name, profile, selector);
    return scheduler_world_check_put(w, &d);
}

enum sp_rc scheduler_world_select(struct scheduler_world *w, const char *check, const char *profile)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_SELECT};
    e.u.select.check = check;
    e.u.select.profile = profile;
    return catalogue(w, &e);
}

uint32_t scheduler_world_run_now(struct scheduler_world *w, const char *check, const char *node, bool test)
{
    struct scheduler_core_event e = {.kind = SCHEDULER_EV_RUN};
    struct sp_str name = sp_str_of(node);
    uint32_t started = 0;
    e.u.run.check = check;
    e.u.run.nodes = &name;
    e.u.run.count = 1;
    e.u.run.test = test;
    e.u.run.started = &started;
    return scheduler_world_step(w, &e) == SP_OK ? started : 0;
}

void scheduler_world_fleet(struct scheduler_world *w, uint32_t nodes, uint32_t period_ms)
{
    scheduler_world_start(w);
    SP_ASSERT(scheduler_world_profile(w, "p", period_ms, 10) == SP_OK);
    SP_ASSERT(scheduler_world_check(w, "c1", "p", "") == SP_OK);
    scheduler_world_run(w, SCHEDULER_CORE_CHECKS_GAP_MS * 1000ull); /* the keeper is told of it */
    SP_ASSERT(scheduler_world_nodes(w, 1, 0, 0, nodes) == SP_OK);
    SP_ASSERT(scheduler_world_credit(w, "noop", SCHEDULER_WORLD_PLENTY) == SP_OK);
}

void scheduler_world_answer(struct scheduler_world *w, uint32_t *from, uint64_t after_us, uint8_t outcome)
{
    for (; *from < w->job_count && w->jobs[*from].at_us + after_us <= w->now.mono.us; (*from)++) {
        struct scheduler_world_job job = w->jobs[*from];
        SP_ASSERT(scheduler_world_close(w, &job, outcome, SP_REFUSAL_NONE, "") == SP_OK);
    }
}

void scheduler_world_run_answering(struct scheduler_world *w, uint64_t us, uint64_t turn_us, uint64_t after_us, uint32_t *from)
{
    for (uint64_t t = 0; t < us; t += turn_us) {
        scheduler_world_run(w, turn_us);
        scheduler_world_answer(w, from, after_us, SP_OUTCOME_PASS);
    }
}
