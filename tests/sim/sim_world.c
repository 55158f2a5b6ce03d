/* SPDX-License-Identifier: Apache-2.0 */
/* Events in true time, clocks, crashes and the other faults. */
#include "sim_action.h"

#include <stdio.h>
#include <stdlib.h>

uint32_t sim_schedule(struct sim *s, uint64_t at_us, const struct sim_event *event)
{
    uint32_t i = s->free_event;
    SIM_REQUIRE(s, i != SP_HEAP_NONE, "SI-11: more than %u events wait", SIM_EVENTS_MAX);
    s->free_event = s->events[i].next_free;
    s->events[i] = *event;
    sp_heap_set(&s->heap, i, at_us > s->now_us ? at_us : s->now_us + 1);
    return i;
}

void sim_cancel(struct sim *s, uint32_t i)
{
    sp_heap_remove(&s->heap, i);
    s->events[i].kind = SIM_NOTHING;
    s->events[i].next_free = s->free_event;
    s->free_event = i;
}

struct sp_now sim_clock(const struct sim *s, uint32_t process)
{
    const struct sim_process *p = &s->process[process];
    int64_t drift = (int64_t)(s->now_us / 1000) * p->drift_ppm / 1000;
    uint64_t mono = s->now_us + p->offset_us + (uint64_t)drift;
    return (struct sp_now){{mono}, {1780000000000ull + s->now_us / 1000 + (uint64_t)p->wall_ms}};
}

uint64_t sim_true_at(const struct sim *s, uint32_t process, uint64_t own_us)
{
    uint64_t own = sim_clock(s, process).mono.us;
    if (own_us <= own)
        return s->now_us;
    return s->now_us + (own_us - own) + (own_us - own) / 5000 + 1; /* drift is below 200 ppm: rather late by a little */
}

void sim_wake_at(struct sim *s, uint32_t process, uint64_t own_us)
{
    struct sim_process *p = &s->process[process];
    uint64_t at = sim_true_at(s, process, own_us);
    if (p->wake != SP_HEAP_NONE) {
        if (sp_heap_key(&s->heap, p->wake) <= at)
            return;
        sp_heap_set(&s->heap, p->wake, at > s->now_us ? at : s->now_us + 1);
        return;
    }
    struct sim_event e = {.kind = SIM_WAKE, .to = process, .life = p->life};
    p->wake = sim_schedule(s, at, &e);
}

static void start(struct sim *s, uint32_t process)
{
    struct sim_process *p = &s->process[process];
    p->alive = true;
    p->life++;
    p->boot = sp_rng_next(&s->rng) | 1;
    p->conn = ++s->conns;
    p->up = false;
    p->cut = false;
    p->sequence = 0;
    p->wake = SP_HEAP_NONE;
    p->heartbeat_us = 0;
    if (process == SIM_KEEPER && s->crash_again) {
        struct sim_event again = {.kind = SIM_CRASH, .to = process, .life = p->life};
        (void)sim_schedule(s, s->now_us + sim_below(s, 3000000), &again);
        s->crash_again = false;
    }
    if (process == SIM_BROKER)
        sim_broker_start(s);
    else if (process == SIM_SCHEDULER)
        sim_scheduler_start(s);
    else if (process == SIM_KEEPER)
        sim_keeper_start(s);
    else if (process < SIM_READER)
        sim_worker_start(s, process);
    else if (process < SIM_LIAR)
        sim_reader_start(s, process);
    if (process != SIM_LIAR)
        sim_wake_at(s, process, sim_clock(s, process).mono.us);
}

void sim_crash(struct sim *s, uint32_t process)
{
    struct sim_process *p = &s->process[process];
    if (!p->alive || process == SIM_LIAR)
        return;
    p->alive = false;
    p->up = false;
    if (p->wake != SP_HEAP_NONE) {
        sim_cancel(s, p->wake);
        p->wake = SP_HEAP_NONE;
    }
    if (process == SIM_BROKER) {
        broker_core_fini(&s->broker);
        for (uint32_t i = 0; i < SP_COUNT(s->held); i++)
            if (s->held[i].held) {
                free(s->held[i].p);
                s->held[i].held = false;
            }
        for (uint32_t i = 0; i < SIM_PROCESSES; i++)
            if (i != SIM_BROKER && s->process[i].alive)
                s->process[i].conn = ++s->conns; /* they connect again, and say Hello when they notice */
    } else if (process == SIM_SCHEDULER) {
        scheduler_core_fini(s->scheduler);
    } else if (process == SIM_KEEPER) {
        sim_keeper_stop(s);
    } else if (process >= SIM_READER) {
        sim_reader_stop(s, process);
    } else {
        sim_worker_stop(s, process);
    }
    struct sim_event e = {.kind = SIM_START, .to = process, .life = p->life};
    (void)sim_schedule(s, s->now_us + 1000 + sim_below(s, s->stop_faults ? 1000 : 4000000), &e);
}

/* The keeper's host starts anew: another clock domain. */
static void reboot_keeper(struct sim *s)
{
    sim_crash(s, SIM_KEEPER);
    s->clock_boot = sp_rng_next(&s->rng) | 1;
    s->crash_again = sim_chance(s, 500);
    uint64_t *offset = &s->process[SIM_KEEPER].offset_us;
    if (sim_chance(s, 500))
        *offset = sim_below(s, 1000000000);
    else /* the worst case: the new clock shows nearly what the old one did */
        *offset = *offset > 6000000 ? *offset - sim_below(s, 6000000) : *offset + sim_below(s, 1000000);
}

/* A node is started anew, or an operator proves one again. */
static void boot_some(struct sim *s)
{
    uint32_t node = 1 + (uint32_t)sp_rng_below(&s->boot_rng, SIM_NODES);
    uint64_t what = sim_boots(s) ? sp_rng_below(&s->boot_rng, 60) : 60;
    if (what < 4)
        s->boots[node]++;
    else if (what == 4 && s->process[SIM_KEEPER].alive)
        sim_keeper_enrol(s, node);
}

static void fault(struct sim *s)
{
    const struct sim_knobs *k = &s->knobs;
    boot_some(s);
    unsigned sum = k->crash + k->freeze + k->partition + k->clock + k->disk + k->operator_act + k->flip + k->lie;
    uint64_t at = sum > 0 ? sim_below(s, sum) : 0;
    uint32_t process = (uint32_t)sim_below(s, SIM_LIAR);
    s->faults++;
    if (sum == 0)
        return;
    if (at < k->crash) {
        if (process == SIM_KEEPER && sim_chance(s, 200))
            reboot_keeper(s);
        else if (sim_chance(s, 60)) /* the power fails */
            for (uint32_t i = 0; i < SIM_LIAR; i++)
                sim_crash(s, i);
        else
            sim_crash(s, process);
    } else if ((at -= k->crash) < k->freeze) {
        s->process[process].frozen = !s->process[process].frozen;
    } else if ((at -= k->freeze) < k->partition) {
        if (process != SIM_BROKER)
            s->process[process].cut = !s->process[process].cut;
    } else if ((at -= k->partition) < k->clock) {
        s->process[process].wall_ms = (int64_t)sim_below(s, 7200000) - 3600000;
    } else if ((at -= k->clock) < k->disk) {
        uint64_t whose = sim_below(s, 3);
        if (whose == 0)
            s->store.full = !s->store.full;
        else if (whose == 1)
            s->scheduler_full = !s->scheduler_full;
        else
            s->worker[sim_below(s, SIM_WORKERS)].full ^= true;
    } else if ((at -= k->disk) < k->operator_act) {
        if (s->process[SIM_KEEPER].alive)
            sim_keeper_operator(s);
    } else if ((at -= k->operator_act) < k->flip) {
        uint32_t n = 1 + (uint32_t)sim_below(s, SIM_NODES), c = 1 + (uint32_t)sim_below(s, SIM_CHECKS);
        s->bad[n][c] = sim_chance(s, 500) ? SP_OUTCOME_PASS : (uint8_t)(1 + sim_below(s, 2));
        if (sim_chance(s, 100))
            s->worker[sim_below(s, SIM_WORKERS)].slow ^= true;
    } else {
        sim_liar_act(s);
    }
}

static void plan_fault(struct sim *s)
{
    struct sim_event e = {.kind = SIM_FAULT, .to = SIM_LIAR};
    (void)sim_schedule(s, s->now_us + 10000 + sim_below(s, s->knobs.calm ? 4000000 : 400000), &e);
}

/* Remembers frames that pass, for the hostile ones to replay. */
static void overhear(struct sim *s, const struct sim_event *e)
{
    struct sp_envelope envelope; /* policies are worth more to them than anything else */
    bool policy =
        e->to == SIM_KEEPER && sp_envelope_decode(e->frame, e->bytes, &envelope) == SP_OK && envelope.type == SP_MSG_CHECK_SET;
    if (!sim_chance(s, policy ? 300 : 20))
        return;
    uint32_t at = s->liar_count < SP_COUNT(s->liar_frames) ? s->liar_count++ : (uint32_t)sim_below(s, SP_COUNT(s->liar_frames));
    free(s->liar_frames[at]);
    s->liar_frames[at] = malloc(e->bytes > 0 ? e->bytes : 1);
    SIM_REQUIRE(s, s->liar_frames[at] != NULL, "no memory");
    memcpy(s->liar_frames[at], e->frame, e->bytes);
    s->liar_bytes[at] = e->bytes;
}

static void greet(struct sim *s, uint32_t process)
{
    bool works = s->process[process].role == SP_ROLE_WORKER;
    sim_hello(s, process, works ? "tpm" : "", works ? 6 : 0);
}

/* The broker does not know our session: begin another, as the bus client does. */
static void refused(struct sim *s, uint32_t process, const struct sp_envelope *e)
{
    struct msg_refused m;
    if (msg_refused_decode((const uint8_t *)e->body.p, e->body.n, &m) != SP_OK || m.code != SP_REFUSAL_NOT_READY ||
        m.type == SP_MSG_HELLO || !s->process[process].up)
        return;
    s->process[process].up = false;
    if (process == SIM_SCHEDULER)
        sim_scheduler_link(s, false, 0);
    else if (process >= SIM_WORKER && process < SIM_READER)
        sim_worker_link(s, process, false);
    greet(s, process);
}

static void receive(struct sim *s, const struct sim_event *e)
{
    struct sp_envelope envelope;
    const struct msg_info *info;
    struct sim_process *p = &s->process[e->to];
    if (sp_envelope_decode(e->frame, e->bytes, &envelope) != SP_OK)
        return;
    uint32_t sender = sim_process_of(s, envelope.sender);
    if (sender == SIM_PROCESSES || (sender == SIM_LIAR && s->liar_revoked))
        return;
    if (sp_envelope_admit(&envelope, s->process[sender].role, p->role, &info) != SP_REFUSAL_NONE ||
        !sim_seal_fits(s, &envelope, sender))
        return;
    if (envelope.type == SP_MSG_REFUSED)
        refused(s, e->to, &envelope);
    if (e->to == SIM_SCHEDULER)
        sim_scheduler_message(s, &envelope, sender);
    else if (e->to == SIM_KEEPER)
        sim_keeper_message(s, &envelope, sender);
    else if (e->to < SIM_READER)
        sim_worker_message(s, e->to, &envelope, sender);
    else if (e->to < SIM_LIAR)
        sim_reader_message(s, e->to, &envelope, sender);
}

/* What the bus client does by itself: heartbeats, and a new Hello when the broker does not know us. */
static void keep_link(struct sim *s, uint32_t process)
{
    struct sim_process *p = &s->process[process];
    uint64_t now = sim_clock(s, process).mono.us;
    if (process == SIM_BROKER || process == SIM_LIAR)
        return;
    if (now >= p->heartbeat_us) {
        uint8_t body[32];
        struct sp_packer w;
        struct msg_heartbeat m = {.progress = s->steps, .backlog = 0};
        sp_packer_init(&w, body, sizeof body);
        p->heartbeat_us = now + 700000;
        if (sim_process_at(s, p->conn) == process && msg_heartbeat_encode(&w, &m) == SP_OK)
            (void)sim_send(s, process, SP_MSG_HEARTBEAT, "", 0, 0, body, sp_packer_bytes(&w));
        if (!p->up || sim_chance(s, 100))
            greet(s, process);
    }
    sim_wake_at(s, process, p->heartbeat_us);
}

static void deliver(struct sim *s, struct sim_event *e)
{
    struct sim_process *to = &s->process[e->to];
    if (!to->alive)
        return;
    overhear(s, e);
    if (e->to == SIM_BROKER)
        sim_broker_frame(s, e->conn, e->from, e->frame, e->bytes);
    else if (e->conn == to->conn)
        receive(s, e);
}

static void wake(struct sim *s, uint32_t process)
{
    s->process[process].wake = SP_HEAP_NONE;
    if (process == SIM_BROKER)
        sim_broker_wake(s);
    else if (process == SIM_SCHEDULER)
        sim_scheduler_wake(s);
    else if (process == SIM_KEEPER)
        sim_keeper_wake(s);
    else if (process < SIM_READER)
        sim_worker_wake(s, process);
    else if (process < SIM_LIAR)
        sim_reader_wake(s, process);
    keep_link(s, process);
}

static void run(struct sim *s, struct sim_event *e)
{
    switch (e->kind) {
    case SIM_DELIVER:
        deliver(s, e);
        break;
    case SIM_WAKE:
        wake(s, e->to);
        break;
    case SIM_COMMIT:
        sim_keeper_commit(s);
        break;
    case SIM_FINISH:
        if ((uint32_t)worker_core_slot(s->worker[e->to - SIM_WORKER].core, e->slot)->job == e->conn)
            sim_worker_finish(s, e->to, e->slot);
        break;
    case SIM_START:
        start(s, e->to);
        break;
    case SIM_CRASH:
        sim_crash(s, e->to);
        break;
    case SIM_FAULT:
        if (!s->stop_faults) {
            fault(s);
            plan_fault(s);
        }
        break;
    case SIM_NOTHING:
        break;
    }
}

bool sim_step(struct sim *s)
{
    const struct sp_heap_entry *top = sp_heap_top(&s->heap);
    if (top == NULL)
        return false;
    uint32_t i = top->id;
    struct sim_event e = s->events[i];
    struct sim_process *p = &s->process[e.to];
    s->now_us = top->key;
    s->steps++;
    bool stale = e.kind != SIM_START && e.kind != SIM_FAULT && e.kind != SIM_DELIVER && (e.life != p->life || !p->alive);
    if (p->frozen && !stale && e.kind != SIM_FAULT && e.kind != SIM_START) {
        if (s->stop_faults || sim_chance(s, 20))
            p->frozen = false;
        else {
            sp_heap_set(&s->heap, i, s->now_us + 20000 + sim_below(s, 100000));
            return true;
        }
    }
    (void)snprintf(s->where, sizeof s->where, "event %d at %s", (int)e.kind, p->name);
    sim_cancel(s, i);
    if (!stale)
        run(s, &e);
    free(e.frame);
    sim_action_turn(s);
    sim_check(s);
    return true;
}

void sim_check(struct sim *s)
{
    sim_ref_check(s);
    if (s->steps % 16 != 0)
        return; /* the cores' own checks walk all their tables */
    if (s->process[SIM_KEEPER].alive)
        SIM_REQUIRE(s, keeper_core_check(s->keeper, sp_mono_ms(sim_clock(s, SIM_KEEPER).mono)), "keeper's invariants");
    if (s->process[SIM_SCHEDULER].alive && s->steps % 256 == 0) /* walks the whole wheel */
        SIM_REQUIRE(s, scheduler_core_check(s->scheduler), "scheduler's invariants");
    if (s->process[SIM_BROKER].alive) {
        broker_core_check(&s->broker);
        sim_broker_check(s);
    }
    for (uint32_t i = 0; i < SIM_WORKERS; i++)
        if (s->process[SIM_WORKER + i].alive && s->steps % 64 == 0) {
            SIM_REQUIRE(s, s->worker[i].outbox_count <= SIM_OUTBOX_MAX, "SI-11: worker-%u keeps %u batches", i + 1,
                        s->worker[i].outbox_count);
            worker_core_check(s->worker[i].core);
            resend_check(&s->worker[i].resend);
        }
    for (uint32_t i = 0; i < SIM_READERS; i++)
        if (s->process[SIM_READER + i].alive)
            SIM_REQUIRE(s, reader_core_check(&s->reader[i], sim_clock(s, SIM_READER + i).mono), "SI-2: reader's invariants");
}

/* Connections on which a frame was lost are broken ones: they are made anew, and the broker does not know them. */
void sim_calm(struct sim *s)
{
    s->stop_faults = true;
    s->quiet_us = s->now_us;
    s->store.full = s->scheduler_full = false;
    for (uint32_t i = 0; i < SIM_WORKERS; i++)
        s->worker[i].full = s->worker[i].slow = false;
    for (uint32_t i = 0; i < SIM_PROCESSES; i++) {
        s->process[i].cut = false;
        s->process[i].frozen = false;
        if (i != SIM_BROKER && s->process[i].alive)
            s->process[i].conn = ++s->conns;
    }
}

static void init_process(struct sim *s, uint32_t i, const char *name, uint8_t role)
{
    struct sim_process *p = &s->process[i];
    *p = (struct sim_process){.id = i,
                              .role = role,
                              .wake = SP_HEAP_NONE,
                              .offset_us = 1000000 + sim_below(s, 1000000000),
                              .drift_ppm = (int64_t)sim_below(s, 200) - 100,
                              .key = {sp_rng_next(&s->rng), sp_rng_next(&s->rng)}};
    (void)snprintf(p->name, sizeof p->name, "%s", name);
}

static void init_checks(struct sim *s)
{
    s->profile = (struct profile_def){.name = "normal", .period_ms = SIM_PERIOD_MS, .jitter_percent = 10, .priority = 5};
    for (uint32_t i = 1; i <= SIM_CHECKS; i++) {
        struct check_def *c = &s->check[i];
        struct sp_packer w;
        *c = (struct check_def){.id = i,
                                .revision = 1,
                                .adapter = "tpm",
                                .profile = "normal",
                                .timeout_ms = 1000,
                                .max_age_ms = SIM_MAX_AGE_MS,
                                .rise = (uint16_t)(i == 2 ? 2 : 1),
                                .fall = 1,
                                .retries = 1,
                                .enabled = true,
                                .stage = i == 4 ? SP_STAGE_SHADOW : SP_STAGE_ENFORCING};
        (void)snprintf(c->name, sizeof c->name, "check-%u", i);
        struct rec_definition_body body = {
            .check = sp_str_of(c->name), .revision = 1, .adapter = sp_str_of("tpm"), .params = sp_str_of("{}"), .timeout_ms = 1000};
        sp_packer_init(&w, s->definition[i], sizeof s->definition[i]);
        SIM_REQUIRE(s, rec_definition_body_put(&w, &body) == SP_OK, "definition");
        c->body = s->definition[i];
        c->body_bytes = (uint32_t)sp_packer_bytes(&w);
        for (uint32_t k = 0; k < 32; k++)
            c->digest[k] = (uint8_t)(i * 31 + k);
    }
}

static void init_knobs(struct sim *s)
{
    struct sim_knobs *k = &s->knobs;
    unsigned mood = (unsigned)sim_below(s, 4);
    *k = (struct sim_knobs){.flip = 10, .lie = 6, .operator_act = 2, .calm = mood == 0};
    if (mood >= 1) {
        k->drop = (unsigned)sim_below(s, 40);
        k->duplicate = (unsigned)sim_below(s, 40);
        k->reorder = (unsigned)sim_below(s, 40);
        k->slow = (unsigned)sim_below(s, 20);
    }
    if (mood >= 2) {
        k->crash = (unsigned)sim_below(s, 6);
        k->freeze = (unsigned)sim_below(s, 4);
        k->partition = (unsigned)sim_below(s, 4);
        k->clock = 1;
        k->disk = (unsigned)sim_below(s, 3);
    }
}

void sim_init(struct sim *s, uint64_t seed, uint64_t steps)
{
    memset(s, 0, sizeof *s);
    s->seed = seed;
    s->rng.state = seed * 0x9e3779b97f4a7c15ull + 1;
    s->bridge_rng.state = seed * 0x2545f4914f6cdd1dull + 5;
    s->boot_rng.state = seed * 0x9fb21c651e98df25ull + 7;
    s->steps_max = steps;
    s->now_us = 1000000;
    s->scheduler = calloc(1, sizeof *s->scheduler);
    s->runs = calloc(SIM_RUNS_MAX, sizeof *s->runs);
    sp_map_init(&s->run_by_job);
    SIM_REQUIRE(
        s, s->scheduler != NULL && s->runs != NULL && sp_heap_init(&s->heap, SIM_EVENTS_MAX) && keeper_effects_init(&s->keeper_fx),
        "no memory");
    for (uint32_t i = 0; i < SIM_EVENTS_MAX; i++)
        s->events[i].next_free = i + 1 < SIM_EVENTS_MAX ? i + 1 : SP_HEAP_NONE;
    for (uint32_t n = 0; n <= SIM_NODES; n++)
        for (uint32_t c = 0; c <= SIM_CHECKS; c++)
            s->found[n][c].newest = UINT32_MAX;
    for (uint32_t n = 0; n <= SIM_NODES; n++) {
        sp_buf_init(&s->store.record[n], 1u << 20);
        sp_buf_init(&s->store.record_open[n], 1u << 20);
    }
    s->clock_boot = sp_rng_next(&s->rng) | 1;
    init_process(s, SIM_BROKER, "broker-1", SP_ROLE_BROKER);
    init_process(s, SIM_SCHEDULER, "scheduler", SP_ROLE_SCHEDULER);
    init_process(s, SIM_KEEPER, "keeper", SP_ROLE_KEEPER);
    for (uint32_t i = 0; i < SIM_WORKERS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "worker-%u", i + 1);
        init_process(s, SIM_WORKER + i, name, SP_ROLE_WORKER);
    }
    for (uint32_t i = 0; i < SIM_READERS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "reader-%u", i + 1);
        init_process(s, SIM_READER + i, name, SP_ROLE_READER);
    }
    init_process(s, SIM_LIAR, "liar", SP_ROLE_WORKER);
    init_checks(s);
    init_knobs(s);
    sim_action_init(s);
    for (uint32_t i = 0; i < SIM_PROCESSES; i++)
        start(s, i);
    plan_fault(s);
}

void sim_fini(struct sim *s)
{
    s->stop_faults = true;
    sim_action_fini(s);
    for (uint32_t i = 0; i < SIM_LIAR; i++)
        sim_crash(s, i);
    while (sp_heap_top(&s->heap) != NULL) {
        uint32_t i = sp_heap_top(&s->heap)->id;
        free(s->events[i].frame);
        sim_cancel(s, i);
    }
    sp_heap_fini(&s->heap);
    sp_map_fini(&s->run_by_job);
    keeper_effects_fini(&s->keeper_fx);
    for (uint32_t i = 0; i < s->store.journal_count; i++)
        free(s->store.journal[i].body);
    free(s->store.journal);
    free(s->store.audit);
    for (uint32_t n = 0; n <= SIM_NODES; n++) {
        sp_buf_fini(&s->store.record[n]);
        sp_buf_fini(&s->store.record_open[n]);
    }
    for (uint32_t w = 0; w < SIM_WORKERS; w++) {
        for (uint32_t i = 0; i < s->worker[w].outbox_count; i++)
            free(s->worker[w].outbox[i].results);
        free(s->worker[w].outbox);
    }
    for (uint32_t i = 0; i < s->liar_count; i++)
        free(s->liar_frames[i]);
    free(s->scheduler_fx.arena);
    free(s->scheduler);
    free(s->runs);
}
