/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages in, effects out. A drain of the bus is one transaction: every batch is a row, one commit (with its sync) makes all of them
 * durable, then they are acknowledged. What the core adds after that (audit rows) is committed in the next round of the same turn.
 */
#include "nodes_shell.h"

#include <stdio.h>
#include <stdlib.h>

#include "dispatch_keeper_shell.h"
#include "keeper_admin.h"
#include "keeper_export.h"
#include "keeper_identity.h"
#include "keeper_inventory.h"
#include "keeper_leases.h"
#include "keeper_node_admin.h"
#include "keeper_people.h"
#include "keeper_stats.h"
#include "sp_clock.h"
#include "sp_log.h"
#include "sp_opt.h"
#include "sp_random.h"

struct sp_now nodes_shell_now(const struct nodes_shell *s)
{
    return *sp_loop_now(s->loop);
}

void nodes_shell_send(struct nodes_shell *s, uint16_t type, const char *dest, int broker, struct sp_str body)
{
    struct sp_bus_out out = {.type = type,
                             .dest = dest,
                             .broker = broker,
                             .epoch = keeper_core_epoch(s->core),
                             .body = (const uint8_t *)body.p,
                             .body_bytes = body.n};
    if (sp_bus_send(s->bus, &out) != SP_BUS_SENT) {
        s->unsent++;
    }
}

/* ---- store: one transaction per drain ---- */

static void shell_store_failed(struct nodes_shell *s, enum sp_rc rc)
{
    const struct sp_err *why = sp_db_error(s->store.db);
    SP_LOG(SP_LOG_ERROR, "store", "failed", SP_LOG_S("rc", sp_rc_name(rc)), SP_LOG_S("why", why->text),
           SP_LOG_S("effect", "nothing is acknowledged, no new trust"));
    keeper_store_rollback(&s->store);
    keeper_store_fold_failed(&s->store, s->core);
    s->dirty = false;
    s->waiting = false;
    s->health.store_good = false;
    s->retry_ms = sp_mono_ms(nodes_shell_now(s).mono) + NODES_RETRY_MS;
    if (rc == SP_E_FULL) {
        keeper_store_reserve(&s->store, false);
    } else {
        s->exit_code = SP_OPT_EXIT_FAILED; /* a failed sync is never retried: start again from what is on the disk */
        sp_loop_stop(s->loop);
    }
}

static bool shell_perform(struct nodes_shell *s)
{
    enum sp_rc rc = SP_OK;
    for (uint32_t i = 0; i < s->fx.count && rc == SP_OK; i++) {
        const struct keeper_effect *e = &s->fx.list[i];
        if (e->kind == KEEPER_SEND) {
            const struct keeper_send *send = &e->u.send;
            struct sp_str body = sp_str_bytes(s->fx.body + send->at, send->bytes);
            if (send->type == SP_MSG_LEASE_CLOSED) {
                keeper_leases_closed(s, body);
            } else {
                nodes_shell_send(s, send->type, send->dest, SP_BUS_ANY, body);
            }
            continue;
        }
        rc = keeper_store_begin(&s->store);
        rc = rc == SP_OK ? keeper_store_perform(&s->store, s->core, e) : rc;
        s->dirty = true;
        if (e->kind == KEEPER_AUDIT) {
            const struct keeper_audit *a = &e->u.audit;
            SP_LOG(SP_LOG_NOTICE, "trust", a->what, SP_LOG_S("object", a->object), SP_LOG_S("from", a->from), SP_LOG_S("to", a->to),
                   SP_LOG_S("why", a->why));
        }
    }
    keeper_effects_reset(&s->fx);
    if (rc != SP_OK) {
        shell_store_failed(s, rc);
    }
    return rc == SP_OK;
}

/* Nothing is judged by a wall clock that was looked at longer than NODES_LOOK_MS ago. */
static void shell_look_at_clock(struct nodes_shell *s)
{
    struct sp_now now = nodes_shell_now(s);
    enum sp_clock_wall wall = sp_clock_wall_state(now.wall, NULL);
    bool good = wall == SP_CLOCK_WALL_GOOD || (wall == SP_CLOCK_WALL_UNSYNCED && !s->conf->keeper.require_synced_clock);
    if (good != s->wall_good) {
        SP_LOG(good ? SP_LOG_NOTICE : SP_LOG_WARNING, "keeper", "clock", SP_LOG_S("state", good ? "plausible" : "implausible"),
               SP_LOG_S("effect", good ? "trust is granted" : "no new trust; existing trust runs out"));
    }
    s->wall_good = good;
    s->health.clock_good = good;
    s->looked_ms = sp_mono_ms(now.mono);
}

static void shell_event(struct nodes_shell *s, struct keeper_event *ev)
{
    ev->now = nodes_shell_now(s);
    if (sp_mono_ms(ev->now.mono) >= s->looked_ms + NODES_LOOK_MS) {
        shell_look_at_clock(s);
    }
    ev->health = s->health;
    keeper_core_step(s->core, ev, &s->fx);
}

/* The core learns that its last rows are gone. Its answer holds no rows: the store is not good. */
static void shell_undo(struct nodes_shell *s)
{
    struct keeper_event ev = {.kind = KEEPER_EV_STORE_FAILED};
    s->hold_used = 0;
    shell_event(s, &ev);
    (void)shell_perform(s);
}

void nodes_shell_step(struct nodes_shell *s, struct keeper_event *ev)
{
    shell_event(s, ev);
    if (!shell_perform(s)) {
        shell_undo(s);
    }
}

static bool shell_commit(struct nodes_shell *s)
{
    uint64_t start_ns = sp_clock_mono_ns();
    enum sp_rc rc =
        s->dirty && keeper_store_folding(&s->store) ? keeper_store_fold_step(&s->store, s->core, s->conf->keeper.fold_rows) : SP_OK;
    rc = rc == SP_OK ? keeper_store_commit(&s->store) : rc;
    if (rc != SP_OK) {
        shell_store_failed(s, rc);
        shell_undo(s);
        return false;
    }
    if (s->dirty) {
        s->commits++;
        sp_stats_sample(s->stats, s->lat_commit, (sp_clock_mono_ns() - start_ns) / 1000);
    }
    s->dirty = false;
    return true;
}

bool nodes_shell_flush(struct nodes_shell *s)
{
    for (uint32_t round = 0; (s->dirty || s->waiting) && round < NODES_ROUNDS_MAX; round++) {
        if (!shell_commit(s)) {
            return false;
        }
        if (s->waiting) {
            const struct sp_now *now = sp_loop_refresh(s->loop);
            sp_stats_sample(s->stats, s->lat_intake, now->mono.us - s->intake_us);
        }
        struct keeper_event ev = {.kind = KEEPER_EV_COMMITTED};
        s->waiting = false;
        nodes_shell_step(s, &ev);
        s->hold_used = 0;
    }
    return s->health.store_good;
}

bool nodes_shell_rows(struct nodes_shell *s)
{
    if (!nodes_shell_flush(s)) {
        return false;
    }
    enum sp_rc rc = keeper_store_begin(&s->store);
    if (rc != SP_OK) {
        shell_store_failed(s, rc);
        shell_undo(s);
    }
    return rc == SP_OK;
}

bool nodes_shell_commit_rows(struct nodes_shell *s, enum sp_rc rc)
{
    rc = rc == SP_OK ? keeper_store_commit(&s->store) : rc;
    if (rc != SP_OK) {
        shell_store_failed(s, rc);
        shell_undo(s);
        return false;
    }
    struct keeper_event ev = {.kind = KEEPER_EV_COMMITTED};
    s->dirty = false;
    nodes_shell_step(s, &ev);
    return true;
}

/* ---- bus ---- */

static void shell_on_core_message(struct nodes_shell *s, const struct sp_bus_message *m)
{
    if (m->type == SP_MSG_RESULT_BATCH && (keeper_core_is_full(s->core) || s->hold_used + m->body_bytes > NODES_HOLD_BYTES)) {
        (void)nodes_shell_flush(s);
    }
    struct keeper_event ev = {.kind = KEEPER_EV_MESSAGE};
    ev.u.message = (struct keeper_message){.type = m->type,
                                           .role = m->from->role,
                                           .from = sp_str_of(m->from->name),
                                           .adapters = sp_str_of(m->from->adapters),
                                           .nodes = sp_str_of(m->from->nodes),
                                           .body = m->body,
                                           .bytes = (uint32_t)m->body_bytes};
    if (m->type == SP_MSG_RESULT_BATCH) {
        if (s->hold_used + m->body_bytes > NODES_HOLD_BYTES) {
            return; /* the store fails at this moment; it will come again */
        }
        memcpy(s->hold + s->hold_used, m->body, m->body_bytes);
        ev.u.message.body = s->hold + s->hold_used;
        s->hold_used += (uint32_t)m->body_bytes;
        (void)sp_loop_refresh(s->loop); /* a job issued during this turn must not look dated in the future */
        s->intake_us = s->waiting ? s->intake_us : nodes_shell_now(s).mono.us;
        s->waiting = true;
    }
    nodes_shell_step(s, &ev);
}

static void shell_on_message(void *self, const struct sp_bus_message *m)
{
    struct nodes_shell *s = self;
    if (m->from->slot < NODES_SLOTS_MAX) {
        s->heard_ms[m->from->slot] = sp_mono_ms(nodes_shell_now(s).mono);
    }
    struct keeper_shell_in in = {s, m};
    if (keeper_shell_dispatch(&in, m->type, (enum sp_role)m->from->role, m->body, m->body_bytes) != SP_E_UNSUPPORTED) {
        return; /* what concerns people and keys */
    }
    if (m->type == SP_MSG_SYNC_REQUEST) {
        keeper_people_publish(s, SP_BUS_ANY);
    }
    shell_on_core_message(s, m);
}

static void shell_on_drained(void *self)
{
    (void)nodes_shell_flush(self);
}

static void shell_on_link(void *self, unsigned broker, bool up, uint64_t boot)
{
    struct nodes_shell *s = self;
    (void)boot;
    SP_LOG(SP_LOG_INFO, "bus", up ? "broker.up" : "broker.down", SP_LOG_S("broker", sp_bus_broker_name(s->bus, broker)));
    if (up) {
        keeper_people_publish(s, (int)broker);
        struct keeper_event ev = {.kind = KEEPER_EV_LINK};
        nodes_shell_step(s, &ev);
    }
}

/* ---- time ---- */

static void shell_look(struct nodes_shell *s, const struct sp_now *now)
{
    bool quiet = s->commits == s->look_commits;
    s->look_commits = s->commits;
    /* At such times the heartbeats of this host wake us anyway. */
    s->look_ms = sp_time_next_multiple(sp_mono_ms(now->mono), quiet ? NODES_LOOK_QUIET_MS : NODES_LOOK_MS);
    shell_look_at_clock(s);
    sp_log_tick(*now);
    keeper_people_expire(s);
    uint64_t refused = keeper_core_counters(s->core)->pairs_refused;
    if (refused != s->pairs_refused) {
        SP_LOG(SP_LOG_WARNING, "keeper", "results_max", SP_LOG_U("limit", s->conf->keeper.results_max),
               SP_LOG_U("refused", refused), SP_LOG_S("effect", "results of pairs that are new count for nothing"),
               SP_LOG_S("hint", "raise keeper.results_max"));
        s->pairs_refused = refused;
    }
}

static void shell_retry(struct nodes_shell *s, uint64_t now_ms)
{
    s->retry_ms = now_ms + NODES_RETRY_MS;
    if (s->store.reserve_gone) {
        keeper_store_reserve(&s->store, true);
    }
    if (!s->store.reserve_gone) {
        s->health.store_good = true;
        SP_LOG(SP_LOG_NOTICE, "store", "good", SP_LOG_S("effect", "results are taken again"));
    }
}

static bool shell_fold_due(const struct nodes_shell *s)
{
    uint64_t pairs = keeper_core_nodes(s->core)->pairs;
    return s->store.journal_results >= (pairs > NODES_FOLD_RESULTS_MIN ? pairs : NODES_FOLD_RESULTS_MIN);
}

/* Removes what is older than it is kept. Never by a clock that may be wrong. */
static void shell_expire(struct nodes_shell *s, uint64_t now_ms)
{
    const struct sp_conf_keeper *k = &s->conf->keeper;
    uint64_t wall_ms = nodes_shell_now(s).wall.ms, wait_ms = NODES_EXPIRE_MS;
    struct keeper_store_cut cut = {.rows = 0};
    wait_ms = k->history_keep_ms / 8 < wait_ms ? k->history_keep_ms / 8 : wait_ms;
    wait_ms = k->audit_keep_ms != 0 && k->audit_keep_ms / 8 < wait_ms ? k->audit_keep_ms / 8 : wait_ms;
    s->expire_ms = now_ms + (wait_ms > NODES_LOOK_MS ? wait_ms : NODES_LOOK_MS);
    if (!s->wall_good || !nodes_shell_rows(s)) {
        return;
    }
    enum sp_rc rc = keeper_store_expire(&s->store, wall_ms);
    int64_t most = k->audit_export[0] == '\0' ? INT64_MAX : (int64_t)keeper_store_meta(&s->store, "exported");
    rc = rc == SP_OK ? keeper_store_audit_cut(&s->store, wall_ms, most, &cut) : rc;
    if (!nodes_shell_commit_rows(s, rc)) {
        return;
    }
    s->audit_cut += cut.rows;
    s->expire_ms = cut.more ? now_ms : s->expire_ms;
    if (cut.bad_seq != 0) {
        s->audit_bad++;
        SP_LOG(SP_LOG_ERROR, "audit", "cut.refused", SP_LOG_I("row", cut.bad_seq),
               SP_LOG_S("why", "the chain does not fit: the audit was altered"),
               SP_LOG_S("effect", "nothing is cut off; spicectl audit verify"));
    }
}

static void shell_background(struct nodes_shell *s, uint64_t now_ms)
{
    enum sp_rc rc = SP_OK;
    bool many = shell_fold_due(s);
    if (!keeper_store_folding(&s->store) && (now_ms >= s->fold_ms || many)) {
        rc = keeper_store_fold_begin(&s->store, s->core);
        s->fold_ms = now_ms + NODES_FOLD_MS;
    }
    if (rc == SP_OK && now_ms >= s->expire_ms) {
        shell_expire(s, now_ms);
    }
    if (rc == SP_OK && keeper_store_folding(&s->store) && s->health.store_good && nodes_shell_rows(s)) {
        (void)nodes_shell_commit_rows(s, keeper_store_fold_step(&s->store, s->core, s->conf->keeper.fold_rows));
    }
}

static void shell_tick(void *ctx, const struct sp_now *now)
{
    struct nodes_shell *s = ctx;
    uint64_t now_ms = sp_mono_ms(now->mono);
    if (now_ms >= s->look_ms) {
        shell_look(s, now);
    }
    if (!s->health.store_good && now_ms >= s->retry_ms) {
        shell_retry(s, now_ms);
    }
    struct keeper_event ev = {.kind = KEEPER_EV_TICK};
    nodes_shell_step(s, &ev);
    (void)nodes_shell_flush(s);
    keeper_leases_tick(s);
    keeper_inventory_run(s);
    if (s->health.store_good) {
        shell_background(s, now_ms);
    }
    if (now_ms >= s->export_ms) {
        s->export_ms = now_ms + NODES_EXPORT_MS;
        keeper_export_run(s);
    }
    if (now_ms >= s->anchor_ms && s->health.store_good && !s->dirty) {
        s->anchor_ms = now_ms + NODES_ANCHOR_MS;
        keeper_store_anchor(&s->store);
    }
    sp_notify_watchdog(&s->notify, now->mono, sp_loop_turns(s->loop));
}

static struct sp_mono shell_deadline(void *ctx)
{
    const struct nodes_shell *s = ctx;
    uint64_t at = keeper_core_next_deadline(s->core).us;
    uint64_t others[] = {keeper_leases_deadline(s).us,
                         s->look_ms * SP_US_PER_MS,
                         s->export_ms * SP_US_PER_MS,
                         sp_notify_deadline(&s->notify).us,
                         keeper_store_folding(&s->store) ? 0 : s->fold_ms * SP_US_PER_MS,
                         s->health.store_good ? SP_NEVER : s->retry_ms * SP_US_PER_MS,
                         keeper_store_anchor_due(&s->store) && s->health.store_good ? s->anchor_ms * SP_US_PER_MS : SP_NEVER,
                         s->dirty || s->inventory.acting ? 0 : SP_NEVER};
    for (size_t i = 0; i < SP_COUNT(others); i++) {
        at = others[i] < at ? others[i] : at;
    }
    return (struct sp_mono){at};
}

/* ---- start ---- */

/* Decides whether what is proven goes on: only in the same boot of the host, and only from the store as it was left. */
static enum sp_rc shell_resume(struct nodes_shell *s, const struct keeper_store_loaded *loaded, uint64_t clock_boot,
                               struct sp_err *err)
{
    char why[400];
    bool same = loaded->clock_boot == clock_boot;
    enum keeper_anchor anchor = keeper_store_anchor_check(&s->store, why, sizeof why);
    bool whole = anchor == KEEPER_ANCHOR_FITS;
    enum sp_rc rc = keeper_store_audit_tail(&s->store, err);
    if (rc != SP_OK) {
        return rc;
    }
    if (whole && loaded->journal_gap != 0) {
        (void)snprintf(why, sizeof why, "row %lld of the journal is missing or was edited", (long long)loaded->journal_gap);
        whole = false;
    }
    if (!whole) {
        s->store_rolled++;
        SP_LOG(SP_LOG_ERROR, "store", "rolled_back", SP_LOG_S("file", s->store.path), SP_LOG_S("why", why),
               SP_LOG_S("effect", "all results and open questions are void; every node has to prove itself anew"),
               SP_LOG_S("hint", "if nobody restored a backup, look for who can write to this directory"));
    }
    if (!same || !whole) {
        keeper_core_void_all(s->core, sp_mono_ms(nodes_shell_now(s).mono));
    }
    char text[200];
    (void)snprintf(text, sizeof text, "%.190s",
                   !whole ? why
                   : same ? "same boot: proven lifetimes go on"
                          : "another boot: all results are void");
    struct keeper_store_audit row = {.wall_ms = nodes_shell_now(s).wall.ms,
                                     .actor = s->name,
                                     .what = whole ? "keeper.start" : "keeper.rollback",
                                     .object = s->name,
                                     .from = "",
                                     .to = "",
                                     .why = text};
    rc = keeper_store_begin(&s->store);
    rc = rc == SP_OK ? keeper_store_meta_put(&s->store, "clock_boot", clock_boot) : rc;
    rc = rc == SP_OK ? keeper_store_meta_put(&s->store, "anchored", 1) : rc;
    rc = rc == SP_OK ? keeper_identity_rolled_back(s, anchor) : rc;
    rc = rc == SP_OK ? keeper_store_audit(&s->store, &row) : rc;
    rc = rc == SP_OK ? keeper_store_commit(&s->store) : rc;
    if (rc != SP_OK) {
        return sp_err_set(err, rc, s->store.path, "%s", sp_db_error(s->store.db)->text);
    }
    keeper_store_anchor(&s->store);
    return SP_OK;
}

static enum sp_rc shell_open_core(struct nodes_shell *s, struct sp_err *err)
{
    char boot_id[37];
    const struct sp_conf_keeper *k = &s->conf->keeper;
    struct keeper_options options = {.boot = sp_random_u64(),
                                     .text_bytes_max = 256u << 20,
                                     .clock_ms = k->clock_ms,
                                     .clock_idle_ms = k->clock_idle_ms,
                                     .nodes_max = k->nodes_max,
                                     .pairs_max = k->results_max,
                                     .batches_max = k->drain_batches};
    enum sp_rc rc = sp_clock_boot_id(boot_id);
    if (rc != SP_OK) {
        return sp_err_set(err, rc, "/proc/sys/kernel/random/boot_id", "cannot be read");
    }
    options.clock_boot = sp_crypto_clock_boot(boot_id, s->conf->deployment);
    sp_crypto_hmac_init(&s->ticket_hmac, s->core_keys->ticket, sizeof s->core_keys->ticket);
    options.ticket_mac = sp_crypto_hmac_mac(&s->ticket_hmac);
    sp_random_bytes(options.hash_key, sizeof options.hash_key);
    rc = keeper_core_init(&options, nodes_shell_now(s), &s->core);
    if (rc != SP_OK || !keeper_effects_init(&s->fx) || (s->hold = malloc(NODES_HOLD_BYTES)) == NULL) {
        return sp_err_set(err, SP_E_NOMEM, "memory", "is not enough to start");
    }
    uint8_t mac_key[32];
    sp_crypto_derive(s->core_keys->mac, "keeper store", mac_key);
    struct keeper_store_options store = {.dir = s->conf->keeper.store,
                                         .mac_key = mac_key,
                                         .reserve_bytes = (uint64_t)s->conf->keeper.reserve_file_mb << 20,
                                         .history_keep_ms = k->history_keep_ms,
                                         .audit_keep_ms = k->audit_keep_ms};
    rc = keeper_store_open(&s->store, &store, err);
    sp_crypto_wipe(mac_key, sizeof mac_key);
    struct keeper_store_loaded loaded;
    rc = rc == SP_OK ? keeper_store_load(&s->store, s->core, &s->fx, &loaded, err) : rc;
    rc = rc == SP_OK ? keeper_identity_open(s, err) : rc;
    rc = rc == SP_OK ? shell_resume(s, &loaded, options.clock_boot, err) : rc;
    rc = rc == SP_OK ? keeper_inventory_open(s, err) : rc;
    if (rc != SP_OK) {
        return rc;
    }
    s->health.store_good = true;
    SP_LOG(SP_LOG_INFO, "keeper", "loaded", SP_LOG_U("nodes", loaded.nodes), SP_LOG_U("pairs", loaded.pairs),
           SP_LOG_U("replayed", loaded.replayed), SP_LOG_U("bad_rows", loaded.bad_records));
    return SP_OK;
}

static enum sp_rc shell_open_bus(struct nodes_shell *s, struct sp_err *err)
{
    char why[256];
    struct sp_bus_options o = {.loop = s->loop,
                               .conf = s->conf,
                               .keys = s->keys,
                               .core = s->core_keys,
                               .stats = s->stats,
                               .name = s->name,
                               .role = SP_ROLE_KEEPER,
                               .software = "spice-nodes " SPICE_VERSION,
                               .self = s,
                               .on_message = shell_on_message,
                               .on_link = shell_on_link,
                               .on_drained = shell_on_drained,
                               .on_stats = keeper_stats};
    if (!sp_bus_open(&o, &s->bus, why, sizeof why)) {
        return sp_err_set(err, SP_E_IO, "bus", "%s", why);
    }
    return keeper_people_load(s);
}

static void shell_close(struct nodes_shell *s)
{
    if (s->bus != NULL) {
        if (nodes_shell_flush(s)) {
            keeper_store_anchor(&s->store);
        }
        sp_bus_close(&s->bus, (int)s->conf->bus.linger_ms);
    }
    keeper_closed_fini(&s->closed);
    enrolment_fini(&s->identities);
    inventory_fini(&s->inventory);
    keeper_core_fini(&s->core);
    keeper_store_close(&s->store);
    keeper_effects_fini(&s->fx);
    sp_crypto_hmac_fini(&s->ticket_hmac);
    sp_stats_destroy(&s->stats);
    sp_notify_fini(&s->notify);
    sp_loop_destroy(&s->loop);
    free(s->hold);
    free(s);
}

int nodes_shell_run(const struct nodes_options *o, struct sp_err *err)
{
    struct nodes_shell *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)sp_err_set(err, SP_E_NOMEM, "memory", "is not enough to start");
        return SP_OPT_EXIT_FAILED;
    }
    s->conf = o->conf;
    s->keys = o->keys;
    s->core_keys = o->core_keys;
    s->name = o->name;
    s->notify.fd = -1;
    keeper_leases_init(s);
    struct sp_loop_options loop = {.ctx = s, .deadline = shell_deadline, .tick = shell_tick, .on_signal = keeper_people_on_signal};
    enum sp_rc rc = sp_loop_new(&loop, &s->loop, err);
    if (rc == SP_OK) {
        sp_notify_init(&s->notify);
        s->stats = sp_stats_new();
        rc = s->stats != NULL ? SP_OK : sp_err_set(err, SP_E_NOMEM, "memory", "is not enough to start");
    }
    if (rc == SP_OK) {
        s->lat_commit = sp_stats_latency(s->stats, "keeper.commit");
        s->lat_intake = sp_stats_latency(s->stats, "keeper.intake_to_durable");
        (void)sp_loop_refresh(s->loop);
        rc = shell_open_core(s, err);
    }
    if (rc == SP_OK) {
        uint64_t now_ms = sp_mono_ms(nodes_shell_now(s).mono);
        s->fold_ms = now_ms + NODES_FOLD_MS;
        s->expire_ms = now_ms + NODES_LOOK_MS;
        s->start_ms = now_ms;
        rc = shell_open_bus(s, err);
    }
    if (rc == SP_OK) {
        keeper_node_file(s);
        sp_notify_ready(&s->notify, "taking results");
        SP_LOG(SP_LOG_INFO, "keeper", "start", SP_LOG_S("name", s->name), SP_LOG_S("store", s->store.path));
        rc = sp_loop_run(s->loop);
        SP_LOG(SP_LOG_INFO, "keeper", "stop", SP_LOG_S("name", s->name));
        sp_notify_stopping(&s->notify, NULL);
    }
    int code = rc != SP_OK ? SP_OPT_EXIT_FAILED : s->exit_code;
    shell_close(s);
    return code;
}
