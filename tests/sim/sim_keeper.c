/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's shell and store in the simulated fleet: one open transaction, a commit that takes time, and a crash that keeps only what
 * was committed. */
#include "sim_bridge.h"

#include <stdio.h>
#include <stdlib.h>

static const uint64_t ticket_key[2] = {17, 19};

static struct keeper_event event_of(struct sim *s, enum keeper_event_kind kind)
{
    return (struct keeper_event){
        .kind = kind, .now = sim_clock(s, SIM_KEEPER), .health = {.clock_good = true, .store_good = !s->store.full}};
}

static void plan_commit(struct sim *s)
{
    if (s->commit_planned)
        return;
    s->commit_planned = true;
    uint64_t wait = 100 + sim_below(s, 500);
    if (!s->stop_faults && sim_chance(s, s->knobs.disk))
        wait += sim_below(s, 1500000); /* a slow disk */
    struct sim_event e = {.kind = SIM_COMMIT, .to = SIM_KEEPER, .life = s->process[SIM_KEEPER].life};
    (void)sim_schedule(s, s->now_us + wait, &e);
}

static void store_journal(struct sim *s, const struct keeper_journal *row)
{
    struct sim_store *st = &s->store;
    if (st->journal_count == st->journal_size) {
        st->journal_size = st->journal_size * 2 + 64;
        st->journal = realloc(st->journal, st->journal_size * sizeof *st->journal);
        SIM_REQUIRE(s, st->journal != NULL, "no memory");
    }
    struct sim_journal *j = &st->journal[st->journal_count++];
    j->row = *row;
    j->body = malloc(row->bytes);
    SIM_REQUIRE(s, j->body != NULL, "no memory");
    memcpy(j->body, row->body, row->bytes);
    j->row.body = j->body;
    j->folded = false;
    sim_ref_accepted(s, &j->row);
}

static void store_audit(struct sim *s, const struct keeper_audit *row)
{
    struct sim_store *st = &s->store;
    if (st->audit_count == st->audit_size) {
        st->audit_size = st->audit_size * 2 + 64;
        st->audit = realloc(st->audit, st->audit_size * sizeof *st->audit);
        SIM_REQUIRE(s, st->audit != NULL, "no memory");
    }
    st->audit[st->audit_count++] = (struct sim_audit){row->node, row->pool, row->gain};
}

static void perform(struct sim *s)
{
    struct sim_store *st = &s->store;
    SIM_REQUIRE(s, s->keeper_fx.count <= KEEPER_EFFECTS_MAX, "SI-11: keeper's effects overflow");
    for (uint32_t i = 0; i < s->keeper_fx.count; i++) {
        struct keeper_effect *fx = &s->keeper_fx.list[i];
        switch (fx->kind) {
        case KEEPER_SEND:
            if (s->process[SIM_KEEPER].up)
                (void)sim_send(s, SIM_KEEPER, fx->u.send.type, fx->u.send.dest, fx->u.send.epoch, fx->u.send.trace,
                               s->keeper_fx.body + fx->u.send.at, fx->u.send.bytes);
            break;
        case KEEPER_JOURNAL:
            store_journal(s, &fx->u.journal);
            plan_commit(s);
            break;
        case KEEPER_AUDIT:
            store_audit(s, &fx->u.audit);
            plan_commit(s);
            break;
        case KEEPER_EPOCH:
            st->epoch_open = fx->u.epoch.epoch;
            st->epoch_boot_open = fx->u.epoch.boot;
            st->epoch_dirty = true;
            plan_commit(s);
            break;
        case KEEPER_CHECKS:
            st->checks_dirty = true;
            plan_commit(s);
            break;
        case KEEPER_WORKER:
            SIM_REQUIRE(s, fx->u.worker.number == st->worker_count + 1 && st->worker_count < 16, "worker numbers have a hole");
            memcpy(st->workers[st->worker_count++], fx->u.worker.name, KEEPER_PEER_BYTES);
            plan_commit(s);
            break;
        case KEEPER_HISTORY:
            plan_commit(s);
            break;
        case KEEPER_NODE:
            st->node_dirty[fx->u.node] = true;
            plan_commit(s);
            break;
        }
    }
    keeper_effects_reset(&s->keeper_fx);
}

static void step(struct sim *s, struct keeper_event *e)
{
    keeper_core_step(s->keeper, e, &s->keeper_fx);
    perform(s);
    struct sp_mono at = keeper_core_next_deadline(s->keeper);
    if (at.us != SP_NEVER)
        sim_wake_at(s, SIM_KEEPER, at.us);
}

struct keeper_event sim_keeper_event(struct sim *s, enum keeper_event_kind kind)
{
    return event_of(s, kind);
}

void sim_keeper_step(struct sim *s, struct keeper_event *e)
{
    step(s, e);
}

static struct node_def node_def(struct sim *s, uint32_t node)
{
    char *name = s->store.name[node];
    if (name[0] == '\0')
        (void)snprintf(name, sizeof s->store.name[node], "node-%u", node);
    struct node_def d = {.name = sp_str_of(name),
                         .address = sp_str_of(""),
                         .labels = sp_str_of(node % 2 ? "zone=a" : "zone=b"),
                         .key = {(uint8_t)node, 1, s->store.identity[node]},
                         .state = s->store.state[node],
                         .origin = sim_bridge_has(s, node) ? NODE_ORIGIN_NOVA : NODE_ORIGIN_FILE};
    return d;
}

static void pool(struct pool_policy *p, uint32_t index, uint8_t variant)
{
    pool_policy_init(p, sp_str_of(index == 0 ? "trusted" : "some"));
    p->hold_down_ms = index == 0 ? 0 : 1000;
    if (index == 0) {
        (void)!pool_policy_add(p, sp_str_of("check-1"), POOL_MANDATORY, 0);
        (void)!pool_policy_add(p, sp_str_of(variant == 0 ? "check-2" : "check-3"), POOL_MANDATORY, 0);
        (void)!pool_policy_add(p, sp_str_of("check-5"), POOL_ADVISORY, 0);
    } else {
        uint32_t g = pool_policy_group(p, variant == 0 ? 2 : 3);
        (void)!pool_policy_add(p, sp_str_of("check-2"), POOL_GROUP, g);
        (void)!pool_policy_add(p, sp_str_of("check-3"), POOL_GROUP, g);
        (void)!pool_policy_add(p, sp_str_of("check-4"), POOL_GROUP, g);
        p->accept_warn = variant == 0;
    }
}

static void restore(struct sim *s)
{
    struct sim_store *st = &s->store;
    for (uint32_t i = 0; i < st->check_count; i++) {
        struct check_row *c = &st->checks[i];
        struct rec_check_info info = {.id = c->id,
                                      .name = sp_str_of(c->name),
                                      .revision = c->revision,
                                      .digest = c->digest,
                                      .stage = c->stage,
                                      .enabled = c->enabled,
                                      .adapter = sp_str_of(c->adapter),
                                      .rise = c->rise,
                                      .fall = c->fall,
                                      .max_age_ms = c->max_age_ms,
                                      .period_ms = c->period_ms,
                                      .category = c->category};
        SIM_REQUIRE(s, keeper_core_restore_check(s->keeper, &info, c->policy, c->over_ms) == SP_OK, "restore check");
    }
    keeper_core_restore_catalogue(s->keeper, st->catalogue_boot, st->catalogue);
    keeper_core_restore_epoch(s->keeper, st->epoch, st->epoch_boot);
    for (uint32_t i = 0; i < st->worker_count; i++)
        SIM_REQUIRE(s, keeper_core_restore_worker(s->keeper, i + 1, sp_str_of(st->workers[i])) == SP_OK, "restore worker");
    for (uint32_t i = 0; i < SIM_POOLS; i++) {
        struct pool_policy p;
        pool(&p, i, st->pool_variant[i]);
        SIM_REQUIRE(s, keeper_core_restore_pool(s->keeper, &p) == SP_OK, "restore pool");
    }
    for (uint32_t i = 1; i <= SIM_NODES; i++) {
        struct node_def d = node_def(s, i);
        SIM_REQUIRE(s, keeper_core_restore_node(s->keeper, &d, st->generation[i], st->version[i]) == SP_OK, "restore node");
        keeper_core_restore_instance(s->keeper, i, st->instance[i], st->instance_worker[i]);
    }
    for (uint32_t i = 1; i <= SIM_NODES; i++)
        if (st->record[i].n > 0)
            SIM_REQUIRE(s, keeper_core_restore_record(s->keeper, i, sp_buf_view(&st->record[i])) == SP_OK, "restore record");
    for (uint32_t i = st->trimmed; i < st->journal_count; i++) {
        SIM_REQUIRE(s, keeper_core_replay(s->keeper, &st->journal[i].row, &s->keeper_fx) == SP_OK, "replay");
        keeper_effects_reset(&s->keeper_fx);
    }
    keeper_core_restored(s->keeper);
}

static void revoke_liar(struct sim *s)
{
    struct keeper_event e = event_of(s, KEEPER_EV_REVOKED);
    e.u.name = sp_str_of(s->process[SIM_LIAR].name);
    step(s, &e);
}

void sim_keeper_start(struct sim *s)
{
    struct sim_store *st = &s->store;
    struct sp_now now = sim_clock(s, SIM_KEEPER);
    struct keeper_options o = {.boot = s->process[SIM_KEEPER].boot,
                               .clock_boot = s->clock_boot,
                               .ticket_mac = {sim_mac, (void *)(uintptr_t)ticket_key},
                               .hash_key = {5},
                               .text_bytes_max = 1u << 20,
                               .clock_ms = 1000,
                               .clock_idle_ms = 5000,
                               .forget_ms = 3000};
    SIM_REQUIRE(s, keeper_core_init(&o, now, &s->keeper) == SP_OK, "keeper does not start");
    keeper_effects_reset(&s->keeper_fx);
    memset(s->visible, 0, sizeof s->visible);
    memset(s->in_force, 0, sizeof s->in_force);
    s->commit_planned = false;
    sim_bridge_start(s);
    bool fresh = st->generation[1] == 0;
    if (fresh) {
        for (uint32_t i = 0; i < SIM_POOLS; i++) {
            struct pool_policy p;
            struct keeper_event e = event_of(s, KEEPER_EV_POOL_PUT);
            pool(&p, i, st->pool_variant[i]);
            e.u.pool = &p;
            step(s, &e);
        }
        for (uint32_t i = 1; i <= SIM_NODES; i++) {
            struct keeper_event e = event_of(s, KEEPER_EV_NODE_PUT);
            e.u.node = node_def(s, i);
            step(s, &e);
            st->generation[i] = node_registry_at(keeper_core_nodes(s->keeper), i)->generation;
            st->version[i] = node_registry_at(keeper_core_nodes(s->keeper), i)->version;
            sim_bridge_released(s, i);
        }
    } else {
        restore(s);
        if (st->clock_boot != s->clock_boot)
            keeper_core_void_all(s->keeper, sp_mono_ms(now.mono));
        sim_ref_restored(s);
        if (s->liar_revoked)
            revoke_liar(s); /* the journal may hold what it reported */
    }
    st->clock_boot = s->clock_boot;
    SIM_REQUIRE(s, s->keeper_start_count < SP_COUNT(s->keeper_starts), "too many starts of the keeper");
    s->keeper_starts[s->keeper_start_count].boot = s->process[SIM_KEEPER].boot;
    s->keeper_starts[s->keeper_start_count++].clock_boot = s->clock_boot;
    sim_hello(s, SIM_KEEPER, "", 0);
    if (!s->stop_faults && sim_chance(s, 300))
        sim_hostile_policy(s); /* before the scheduler has told the one in force */
    sim_wake_at(s, SIM_KEEPER, now.mono.us);
}

static void forget_bodies(struct sim *s)
{
    for (uint32_t i = 0; i < s->keeper_body_count; i++)
        free(s->keeper_bodies[i]);
    s->keeper_body_count = 0;
}

/* What was written and not committed is gone. */
static void roll_back(struct sim *s)
{
    struct sim_store *st = &s->store;
    while (st->journal_count > st->journal_durable) {
        sim_ref_taken_back(s, &st->journal[--st->journal_count].row);
        free(st->journal[st->journal_count].body);
    }
    for (uint32_t i = 1; s->keeper != NULL && st->fold.on && i <= SIM_NODES; i++)
        node_registry_mark_fold(keeper_core_nodes(s->keeper), node_registry_at(keeper_core_nodes(s->keeper), i));
    memset(st->record_dirty, 0, sizeof st->record_dirty);
    memset(st->node_dirty, 0, sizeof st->node_dirty);
    st->fold.trim_open = st->trimmed;
    st->fold.on = false;
    st->audit_count = st->audit_durable;
    st->worker_count = st->worker_durable;
    st->epoch_dirty = st->checks_dirty = false;
}

/* A fold takes down which nodes differ from their records, writes these over several commits, and then trims the journal. */
static void fold_begin(struct sim *s)
{
    struct sim_store *st = &s->store;
    struct node_registry *nodes = keeper_core_nodes(s->keeper);
    if (st->fold.on || st->journal_count != st->journal_durable || !sim_chance(s, 80))
        return;
    st->fold.on = true;
    st->fold.count = nodes->fold_count;
    st->fold.next = 0;
    st->fold.to = st->journal_count;
    for (uint32_t i = 0; i < nodes->fold_count; i++) {
        st->fold.ids[i] = nodes->fold[i];
        node_registry_at(nodes, nodes->fold[i])->fold = false;
    }
    nodes->fold_count = 0;
}

static void fold_some(struct sim *s)
{
    struct sim_store *st = &s->store;
    for (uint64_t some = 1 + sim_below(s, 3); st->fold.on && some > 0 && st->fold.next < st->fold.count; some--) {
        uint32_t id = st->fold.ids[st->fold.next++];
        sp_buf_reset(&st->record_open[id]);
        keeper_core_write_record(s->keeper, node_registry_at(keeper_core_nodes(s->keeper), id), &st->record_open[id]);
        SIM_REQUIRE(s, !st->record_open[id].failed, "a record does not fit");
        st->record_dirty[id] = true;
    }
    if (st->fold.on && st->fold.next == st->fold.count) {
        st->fold.on = false;
        st->fold.trim_open = st->fold.to;
    }
}

void sim_keeper_stop(struct sim *s)
{
    sim_bridge_stop(s);
    keeper_core_fini(&s->keeper);
    forget_bodies(s);
    roll_back(s);
    s->commit_planned = false;
}

static void store_node(struct sim *s, uint32_t node)
{
    const struct node_row *row = node_registry_at(keeper_core_nodes(s->keeper), node);
    s->store.version[node] = row->version;
    s->store.generation[node] = row->generation;
    s->store.instance[node] = row->instance;
    s->store.instance_worker[node] = row->instance_worker;
}

void sim_keeper_enrol(struct sim *s, uint32_t node)
{
    struct keeper_event e = event_of(s, KEEPER_EV_NODE_IDENTITY);
    if (s->commit_planned)
        return; /* the shell commits what is open first */
    uint32_t before = s->store.generation[node];
    e.u.id = node;
    step(s, &e);
    store_node(s, node);
    sim_ref_enrolled(s, node);
    SIM_REQUIRE(s, s->store.generation[node] > before, "SI-12: another identity and the same generation");
}

static void make_durable(struct sim *s)
{
    struct sim_store *st = &s->store;
    for (; st->journal_durable < st->journal_count; st->journal_durable++)
        sim_ref_committed(s, &st->journal[st->journal_durable].row);
    for (uint32_t i = 1; i <= SIM_NODES; i++)
        if (st->record_dirty[i]) {
            struct sp_buf was = st->record[i];
            st->record[i] = st->record_open[i];
            st->record_open[i] = was;
            st->record_dirty[i] = false;
        }
    for (uint32_t i = 1; i <= SIM_NODES; i++)
        if (st->node_dirty[i]) {
            store_node(s, i);
            st->node_dirty[i] = false;
        }
    for (; st->trimmed < st->fold.trim_open; st->trimmed++)
        st->journal[st->trimmed].folded = true;
    st->audit_durable = st->audit_count;
    st->worker_durable = st->worker_count;
    if (st->epoch_dirty) {
        SIM_REQUIRE(s, st->epoch_open >= st->epoch, "SI-5: the stored epoch goes back");
        st->epoch = st->epoch_open;
        st->epoch_boot = st->epoch_boot_open;
        st->epoch_dirty = false;
    }
    if (st->checks_dirty) {
        const struct check_table *t = keeper_core_checks(s->keeper);
        st->check_count = 0;
        st->catalogue_boot = t->boot;
        st->catalogue = t->version;
        for (uint32_t i = 0; i < t->count && st->check_count < SP_COUNT(st->checks); i++)
            if (check_table_at(t, i)->present)
                st->checks[st->check_count++] = *check_table_at(t, i);
        st->checks_dirty = false;
    }
}

void sim_keeper_commit(struct sim *s)
{
    s->commit_planned = false;
    unsigned bad = s->now_us < SIM_YOUNG_US ? s->knobs.disk * 100 : s->knobs.disk; /* much is written for the first time early */
    bool failed = s->store.full || (!s->stop_faults && sim_chance(s, bad));
    struct keeper_event e = event_of(s, failed ? KEEPER_EV_STORE_FAILED : KEEPER_EV_COMMITTED);
    if (failed)
        roll_back(s);
    else {
        fold_some(s);
        make_durable(s);
    }
    step(s, &e);
    if (!failed)
        fold_begin(s);
    if (!s->commit_planned)
        forget_bodies(s);
}

void sim_keeper_wake(struct sim *s)
{
    struct keeper_event e = event_of(s, KEEPER_EV_TICK);
    step(s, &e);
    sim_bridge_act(s);
    for (uint32_t n = 1; s->stop_faults && n <= SIM_NODES; n++) /* somebody lied about its starts, and an operator puts it right */
        if (node_registry_at(keeper_core_nodes(s->keeper), n)->instance > sim_instance(s, n))
            sim_keeper_enrol(s, n);
}

/* An administrator: another state, or another identity under the same name. Durable at once, as the shell does it before telling the core. */
void sim_keeper_operator(struct sim *s)
{
    uint32_t node = 1 + (uint32_t)sim_below(s, SIM_NODES);
    uint64_t what = sim_below(s, 20);
    if (sim_boots(s) && s->commit_planned)
        return; /* the shell commits what is open first: it may hold a generation that can still be taken back */
    struct keeper_event e = event_of(s, KEEPER_EV_NODE_STATE);
    if (what == 19)
        what = 16;
    if (what > 16) { /* another policy for a pool */
        struct pool_policy p;
        uint32_t index = (uint32_t)what - 17;
        s->store.pool_variant[index] ^= 1;
        pool(&p, index, s->store.pool_variant[index]);
        e.kind = KEEPER_EV_POOL_PUT;
        e.u.pool = &p;
        step(s, &e);
        return;
    }
    if (what == 16) {
        if (!s->liar_revoked && !s->commit_planned) { /* the shell commits what is open before it revokes a key */
            s->liar_revoked = true;
            sim_ref_revoked(s);
            revoke_liar(s);
        }
        return;
    }
    if (what < 12) {
        static const uint8_t states[12] = {0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 3};
        e.u.state.id = node;
        e.u.state.state = states[what];
        s->store.state[node] = e.u.state.state;
    } else { /* a name gets another key only by way of retirement */
        struct keeper_event retire = event_of(s, KEEPER_EV_NODE_STATE);
        retire.u.state.id = node;
        retire.u.state.state = SP_NODE_STATE_RETIRED;
        step(s, &retire);
        e.kind = KEEPER_EV_NODE_PUT;
        s->store.identity[node]++;
        s->store.state[node] = SP_NODE_STATE_IN_SERVICE;
        e.u.node = node_def(s, node);
    }
    step(s, &e);
    store_node(s, node);
    if (what >= 12)
        sim_ref_enrolled(s, node);
    sim_bridge_released(s, node);
    SIM_REQUIRE(s, what < 12 || s->store.generation[node] > 1, "SI-12: another key and the same generation");
}

void sim_keeper_message(struct sim *s, const struct sp_envelope *e, uint32_t sender)
{
    if (e->type == SP_MSG_WELCOME) {
        s->process[SIM_KEEPER].up = true;
        return;
    }
    if (s->keeper_body_count == SP_COUNT(s->keeper_bodies) || (e->type == SP_MSG_RESULT_BATCH && keeper_core_is_full(s->keeper)))
        return; /* the shell does not read on before the commit */
    uint8_t *body = malloc(e->body.n > 0 ? e->body.n : 1);
    SIM_REQUIRE(s, body != NULL, "no memory");
    memcpy(body, e->body.p, e->body.n);
    s->keeper_bodies[s->keeper_body_count++] = body;
    struct keeper_event ev = event_of(s, KEEPER_EV_MESSAGE);
    ev.u.message = (struct keeper_message){.type = e->type,
                                           .role = s->process[sender].role,
                                           .from = sp_str_of(s->process[sender].name),
                                           .adapters = sp_str_of("tpm"),
                                           .nodes = sp_str_of(sender == SIM_LIAR ? "name=node-1" : ""),
                                           .body = body,
                                           .bytes = e->body.n};
    step(s, &ev);
    plan_commit(s); /* after a drain of messages it commits even when nothing was stored */
}
