/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler_shell.h"

#include <stdlib.h>
#include <string.h>

#include "acts.h"
#include "admin.h"
#include "bridge_view.h"
#include "dispatch_scheduler_shell.h"
#include "sp_bus.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_hash.h"
#include "sp_log.h"
#include "sp_random.h"
#include "sp_stats.h"

#define BYE_LINGER_MS 500
#define SUB           "scheduler"

enum gauge {
    G_PAIRS,
    G_CHECKS,
    G_NODES,
    G_EPOCH,
    G_READY,
    G_OPEN,
    G_BACKLOG,
    G_DUE,
    G_ISSUED,
    G_BATCHES,
    G_CLOSED,
    G_ERRORS,
    G_RETRIED,
    G_LOST,
    G_RETURNED,
    G_REFUSED,
    G_STALE,
    G_MISSED,
    G_UNSENT,
    G_MALFORMED,
    G_HINTS,
    G_SPARED,
    G_ACTS,
    G_COUNT
};

static const char *const gauge_names[G_COUNT] = {[G_PAIRS] = "scheduler.pairs",       [G_CHECKS] = "scheduler.checks",
                                                 [G_NODES] = "scheduler.nodes",       [G_EPOCH] = "scheduler.epoch",
                                                 [G_READY] = "scheduler.ready",       [G_OPEN] = "scheduler.open",
                                                 [G_BACKLOG] = "scheduler.backlog",   [G_DUE] = "scheduler.due",
                                                 [G_ISSUED] = "scheduler.issued",     [G_BATCHES] = "scheduler.batches",
                                                 [G_CLOSED] = "scheduler.closed",     [G_ERRORS] = "scheduler.errors",
                                                 [G_RETRIED] = "scheduler.retried",   [G_LOST] = "scheduler.lost",
                                                 [G_RETURNED] = "scheduler.returned", [G_REFUSED] = "scheduler.refused",
                                                 [G_STALE] = "scheduler.stale",       [G_MISSED] = "scheduler.missed",
                                                 [G_UNSENT] = "scheduler.unsent",     [G_MALFORMED] = "scheduler.malformed",
                                                 [G_HINTS] = "scheduler.hints",       [G_SPARED] = "scheduler.hints_spared",
                                                 [G_ACTS] = "scheduler.acts_waiting"};

struct scheduler_shell {
    struct scheduler_shell_options opt;
    struct scheduler_core core;
    struct scheduler_core_effects fx;
    struct store *store;
    struct catalog catalog;
    struct admin admin;
    struct acts acts;
    struct sp_bus *bus;
    struct sp_stats *stats;
    struct sp_crypto_hmac ticket_key;
    uint32_t gauge[G_COUNT];
    uint32_t late;
    uint64_t revoked; /* sum over the keys of workers that lost their right */
    bool loaded;
    bool ready;
    bool failed;
};

/* ---- effects ---- */

static void sample_lateness(struct scheduler_shell *self, const struct scheduler_core_batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct pairs_pair *p = &self->core.pairs.list[self->core.batch_slots[b->first + i]];
        if (p->attempt == 1 && (p->flags & PAIRS_MANUAL) == 0)
            sp_stats_sample(self->stats, self->late, self->core.now.mono.us - p->due);
    }
}

static void perform_send(struct scheduler_shell *self, const struct scheduler_core_effect *e)
{
    size_t room = 0;
    uint8_t *body = sp_bus_body(self->bus, &room);
    struct sp_bus_out out = {.type = e->type,
                             .dest = e->dest,
                             .broker = e->broker,
                             .epoch = e->epoch,
                             .trace = e->trace_id,
                             .body = body,
                             .body_bytes = e->bytes};
    enum sp_bus_sent sent = SP_BUS_TOO_LARGE;
    if (e->bytes <= room) {
        memcpy(body, e->body, e->bytes);
        sent = sp_bus_send(self->bus, &out);
    }
    if (e->batch == SCHEDULER_CORE_NO_BATCH) {
        if (sent != SP_BUS_SENT)
            SP_LOG(SP_LOG_DEBUG, SUB, "send", SP_LOG_S("type", msg_name(e->type)), SP_LOG_S("why", sp_bus_sent_text(sent)));
        return;
    }
    if (sent == SP_BUS_SENT)
        sample_lateness(self, &self->core.batches[e->batch]);
    struct scheduler_core_event ev = {.kind = SCHEDULER_EV_SENT, .now = self->core.now};
    ev.u.sent.batch = e->batch;
    ev.u.sent.ok = sent == SP_BUS_SENT;
    ev.u.sent.sequence = out.sequence;
    (void)scheduler_core_step(&self->core, &ev, NULL);
}

static void perform_trace(const struct scheduler_core_effect *e)
{
    static const struct {
        enum sp_log_level level;
        const char *event;
    } rows[] = {
        [SCHEDULER_TRACE_EPOCH_GRANTED] = {SP_LOG_NOTICE, "epoch.granted"},
        [SCHEDULER_TRACE_EPOCH_RAISED] = {SP_LOG_NOTICE, "epoch.raised"},
        [SCHEDULER_TRACE_DEPOSED] = {SP_LOG_ERROR, "epoch.deposed"},
        [SCHEDULER_TRACE_KEEPER_READY] = {SP_LOG_NOTICE, "keeper.ready"},
        [SCHEDULER_TRACE_KEEPER_LOST] = {SP_LOG_WARNING, "keeper.lost"},
        [SCHEDULER_TRACE_NODES] = {SP_LOG_INFO, "nodes"},
        [SCHEDULER_TRACE_PAIRS_FULL] = {SP_LOG_ERROR, "pairs.full"},
        [SCHEDULER_TRACE_CLOCK_STEP] = {SP_LOG_WARNING, "clock.step"},
    };
    SP_ASSERT(e->trace < SP_COUNT(rows));
    SP_LOG(rows[e->trace].level, SUB, rows[e->trace].event, SP_LOG_U("value", e->value), SP_LOG_U("more", e->more));
}

static enum sp_rc step(struct scheduler_shell *self, struct scheduler_core_event *ev);

/* Store before send: the claim of a raised epoch comes out of the step that hears it is durable. */
static void perform_store(struct scheduler_shell *self, uint64_t epoch)
{
    struct scheduler_core_event ev = {.kind = SCHEDULER_EV_STORED, .now = self->core.now};
    ev.u.stored.epoch = epoch;
    ev.u.stored.ok = store_epoch_set(self->store, epoch) == SP_OK;
    if (!ev.u.stored.ok) {
        SP_LOG(SP_LOG_ERROR, SUB, "store.failed", SP_LOG_S("file", store_error(self->store)->where),
               SP_LOG_S("why", store_error(self->store)->text));
        self->failed = true;
        sp_loop_stop(self->opt.loop);
    }
    (void)step(self, &ev);
}

static enum sp_rc step(struct scheduler_shell *self, struct scheduler_core_event *ev)
{
    uint64_t epoch = 0;
    enum sp_rc rc = scheduler_core_step(&self->core, ev, &self->fx);
    for (uint32_t i = 0; i < self->fx.count; i++) {
        const struct scheduler_core_effect *e = &self->fx.list[i];
        if (e->kind == SCHEDULER_FX_SEND)
            perform_send(self, e);
        else if (e->kind == SCHEDULER_FX_TRACE)
            perform_trace(e);
        else
            epoch = e->value;
    }
    if (epoch != 0) /* last: it steps again and uses the same effects */
        perform_store(self, epoch);
    if (!self->ready && scheduler_core_is_ready(&self->core)) {
        self->ready = true;
        sp_notify_ready(self->opt.notify, "epoch granted, nodes known");
        SP_LOG(SP_LOG_NOTICE, SUB, "ready", SP_LOG_U("epoch", self->core.epoch), SP_LOG_U("nodes", self->core.registry.present),
               SP_LOG_U("pairs", self->core.pairs.count));
    }
    return rc;
}

/* ---- operators ---- */

static enum sp_rc admin_apply(void *shell, struct scheduler_core_event *event)
{
    return step(shell, event);
}

/* One part of an answer to an operator or, of the same shape, to a bridge. */
static enum sp_rc reply_encode(struct sp_packer *w, uint16_t type, const struct msg_admin_reply *m)
{
    const struct msg_view_reply view = {.id = m->id, .code = m->code, .part = m->part, .last = m->last, .data = m->data};
    return type == SP_MSG_VIEW_REPLY ? msg_view_reply_encode(w, &view) : msg_admin_reply_encode(w, m);
}

/* Sends the text in as many parts as it needs. */
static void reply(struct scheduler_shell *self, uint16_t type, const char *to, const struct msg_admin_reply *head, const char *text)
{
    size_t left = strlen(text), at = 0;
    for (uint32_t part = 0;; part++) {
        size_t room = 0, n = left < MSG_ADMIN_REPLY_DATA_MAX ? left : MSG_ADMIN_REPLY_DATA_MAX;
        struct sp_packer w;
        uint8_t *body = sp_bus_body(self->bus, &room);
        struct msg_admin_reply m = {
            .id = head->id, .code = head->code, .part = part, .last = n == left, .data = sp_str_bytes(text + at, n)};
        sp_packer_init(&w, body, room);
        enum sp_rc rc = reply_encode(&w, type, &m);
        struct sp_bus_out out = {.type = type, .dest = to, .broker = SP_BUS_ANY, .body = body, .body_bytes = sp_packer_bytes(&w)};
        enum sp_bus_sent sent = rc == SP_OK ? sp_bus_send(self->bus, &out) : SP_BUS_TOO_LARGE;
        if (sent != SP_BUS_SENT) {
            SP_LOG(SP_LOG_WARNING, SUB, "admin.reply", SP_LOG_S("to", to), SP_LOG_S("why", sp_bus_sent_text(sent)));
            return;
        }
        at += n;
        left -= n;
        if (left == 0)
            return;
    }
}

struct scheduler_shell_in {
    struct scheduler_shell *self;
    const struct sp_bus_message *message;
};

enum sp_rc scheduler_shell_on_admin_request(struct scheduler_shell_in *in, struct msg_admin_request *m)
{
    struct scheduler_shell *self = in->self;
    json_t *answer = NULL;
    char who[SP_BUS_NAME_BYTES];
    (void)sp_str_copy(who, sizeof who, sp_str_of(in->message->from->name));
    enum sp_refusal code = admin_answer(&self->admin, m, who, *sp_loop_now(self->opt.loop), &answer);
    char *text = answer != NULL ? json_dumps(answer, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(answer);
    acts_send(&self->acts, sp_loop_now(self->opt.loop)->mono);
    reply(self, SP_MSG_ADMIN_REPLY, who, &(struct msg_admin_reply){.id = m->id, .code = (uint16_t)code},
          text != NULL ? text : "null");
    free(text);
    return SP_OK;
}

enum sp_rc scheduler_shell_on_act_stored(struct scheduler_shell_in *in, struct msg_act_stored *m)
{
    acts_on_stored(&in->self->acts, m, sp_loop_now(in->self->opt.loop)->mono);
    return SP_OK;
}

enum sp_rc scheduler_shell_on_view_request(struct scheduler_shell_in *in, struct msg_view_request *m)
{
    struct scheduler_shell *self = in->self;
    json_t *answer = NULL;
    char who[SP_BUS_NAME_BYTES];
    (void)sp_str_copy(who, sizeof who, sp_str_of(in->message->from->name));
    enum sp_refusal code = bridge_view_answer(&self->admin, m, &answer);
    char *text = answer != NULL ? json_dumps(answer, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(answer);
    reply(self, SP_MSG_VIEW_REPLY, who, &(struct msg_admin_reply){.id = m->id, .code = (uint16_t)code},
          text != NULL ? text : "null");
    free(text);
    return SP_OK;
}

enum sp_rc scheduler_shell_on_refused(struct scheduler_shell_in *in, struct msg_refused *m)
{
    (void)in;
    SP_LOG(SP_LOG_INFO, SUB, "refused", SP_LOG_S("type", msg_name(m->type)), SP_LOG_S("why", sp_refusal_name(m->code)),
           SP_LOG_V("detail", m->detail));
    return SP_OK;
}

/* ---- bus ---- */

/* The same for the same keys, in any order. */
static uint64_t sum_revoked(const struct scheduler_shell *self)
{
    static const uint8_t seed[16];
    const struct sp_bus_principal *row;
    uint64_t sum = 0;
    for (uint32_t i = 0; (row = sp_bus_principal_at(self->bus, i)) != NULL; i++)
        if (row->revoked && row->role == SP_ROLE_WORKER)
            sum += sp_hash_sip(seed, row->sign, sizeof row->sign);
    return sum;
}

/* What a worker left for the next run may be given to another one: it goes with the right of whoever can have written it (K20). */
static void look_for_revoked(struct scheduler_shell *self)
{
    uint64_t sum = sum_revoked(self);
    if (sum == self->revoked)
        return;
    self->revoked = sum;
    SP_LOG(SP_LOG_NOTICE, SUB, "checkpoints.forgotten", SP_LOG_S("why", "a worker lost its right"));
    struct scheduler_core_event ev = {.kind = SCHEDULER_EV_REVOKED, .now = *sp_loop_now(self->opt.loop)};
    (void)step(self, &ev);
}

static void on_message(void *ctx, const struct sp_bus_message *m)
{
    struct scheduler_shell *self = ctx;
    struct scheduler_shell_in in = {self, m};
    enum sp_rc rc = scheduler_shell_dispatch(&in, m->type, (enum sp_role)m->from->role, m->body, m->body_bytes);
    self->core.stats.malformed += rc == SP_E_MALFORMED || rc == SP_E_LIMIT;
    if (m->type == SP_MSG_PRINCIPAL_SET)
        look_for_revoked(self);
    if (rc != SP_E_UNSUPPORTED)
        return; /* what concerns people and keys */
    /* The keeper's clock counts from a moment that is certainly after it was read: the time of this turn may be older (an operator's
     * request that was stored in between), and then our tickets would be dated in the keeper's future. */
    bool clock = m->type == SP_MSG_KEEPER_CLOCK;
    if (clock)
        acts_send(&self->acts, sp_loop_now(self->opt.loop)->mono);
    struct scheduler_core_event ev = {.kind = SCHEDULER_EV_MESSAGE,
                                      .now = clock ? *sp_loop_refresh(self->opt.loop) : *sp_loop_now(self->opt.loop)};
    ev.u.message.type = m->type;
    ev.u.message.role = m->from->role;
    ev.u.message.broker = m->broker;
    ev.u.message.from = m->from->name;
    ev.u.message.body = m->body;
    ev.u.message.bytes = m->body_bytes;
    rc = step(self, &ev);
    if (rc != SP_OK)
        SP_LOG(rc == SP_E_STALE ? SP_LOG_DEBUG : SP_LOG_INFO, SUB, "message.ignored", SP_LOG_S("type", msg_name(m->type)),
               SP_LOG_S("from", m->from->name), SP_LOG_S("why", sp_rc_name(rc)));
}

static void on_link(void *ctx, unsigned broker, bool up, uint64_t boot)
{
    struct scheduler_shell *self = ctx;
    struct scheduler_core_event ev = {.kind = SCHEDULER_EV_LINK, .now = *sp_loop_now(self->opt.loop)};
    ev.u.link.broker = broker;
    ev.u.link.up = up;
    ev.u.link.boot = boot;
    SP_LOG(SP_LOG_INFO, SUB, up ? "broker.up" : "broker.down", SP_LOG_S("broker", sp_bus_broker_name(self->bus, broker)));
    (void)step(self, &ev);
}

static void on_drained(void *ctx)
{
    struct scheduler_shell *self = ctx;
    sp_bus_backlog_set(self->bus, scheduler_core_backlog(&self->core));
}

static void on_stats(void *ctx)
{
    struct scheduler_shell *self = ctx;
    const struct scheduler_core *c = &self->core;
    const struct scheduler_core_stats *t = &c->stats;
    const uint64_t values[G_COUNT] = {[G_PAIRS] = c->pairs.count,
                                      [G_CHECKS] = c->checks.live,
                                      [G_NODES] = c->registry.present,
                                      [G_EPOCH] = c->epoch,
                                      [G_READY] = scheduler_core_issues(c),
                                      [G_OPEN] = c->open_leases,
                                      [G_BACKLOG] = scheduler_core_backlog(c),
                                      [G_DUE] = t->due,
                                      [G_ISSUED] = t->issued,
                                      [G_BATCHES] = t->batches,
                                      [G_CLOSED] = t->closed,
                                      [G_ERRORS] = t->errors,
                                      [G_RETRIED] = t->retried,
                                      [G_LOST] = t->lost,
                                      [G_RETURNED] = t->returned,
                                      [G_REFUSED] = t->refused,
                                      [G_STALE] = t->stale,
                                      [G_MISSED] = t->missed,
                                      [G_UNSENT] = t->unsent,
                                      [G_MALFORMED] = t->malformed,
                                      [G_HINTS] = t->hints,
                                      [G_SPARED] = t->hints_spared,
                                      [G_ACTS] = store_acts(self->store)};
    for (unsigned i = 0; i < G_COUNT; i++)
        sp_stats_set(self->stats, self->gauge[i], values[i]);
}

/* ---- life ---- */

static void random_fill(void *ctx, void *to, size_t n)
{
    (void)ctx;
    sp_random_bytes(to, n);
}

static enum sp_rc open_store(struct scheduler_shell *self, struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES];
    const struct sp_conf *conf = self->opt.conf;
    enum sp_rc rc = sp_conf_path(conf, conf->scheduler.store, path, sizeof path);
    if (rc != SP_OK)
        return sp_err_set(err, rc, conf->file, "scheduler.store: path is too long");
    rc = store_open(path, conf->scheduler.reserve_file_mb, &self->store, err);
    if (rc != SP_OK)
        return rc;
    if (store_epoch(self->store) >= SCHEDULER_CORE_EPOCH_MAX)
        return sp_err_set(err, SP_E_LIMIT, path, "all epochs are used up");
    rc = store_epoch_set(self->store, store_epoch(self->store) + 1);
    if (rc != SP_OK)
        return sp_err_set(err, rc, store_error(self->store)->where, "%s", store_error(self->store)->text);
    return catalog_init(&self->catalog, store_check_next(self->store)) ? SP_OK : sp_err_set(err, SP_E_NOMEM, path, "no memory");
}

static enum sp_rc open_core(struct scheduler_shell *self, struct sp_err *err)
{
    const struct sp_conf_scheduler *conf = &self->opt.conf->scheduler;
    struct scheduler_core_options o = {
        .boot = sp_random_u64(),
        .epoch = store_epoch(self->store),
        .pairs_max = conf->pairs_max,
        .batch_jobs = conf->batch_jobs,
        .batch_bytes = conf->batch_kib * 1024u < MSG_JOB_BATCH_BYTES_MAX ? conf->batch_kib * 1024u : MSG_JOB_BATCH_BYTES_MAX,
        .attempts_max = conf->attempts_max,
        .grace_ms = (uint32_t)conf->lease_grace_ms,
        .clock_lost_ms = (uint32_t)conf->clock_lost_ms,
        .random = {random_fill, NULL},
    };
    memcpy(o.seed, self->opt.core_keys->phase, sizeof o.seed);
    sp_crypto_hmac_init(&self->ticket_key, self->opt.core_keys->ticket, sizeof self->opt.core_keys->ticket);
    o.mac = sp_crypto_hmac_mac(&self->ticket_key);
    o.digest = sp_crypto_digest();
    self->fx.arena = malloc(SCHEDULER_CORE_ARENA_BYTES);
    self->stats = sp_stats_new();
    if (self->fx.arena == NULL || self->stats == NULL || !scheduler_core_init(&self->core, &o, sp_clock_read()))
        return sp_err_set(err, SP_E_NOMEM, self->opt.name, "no memory");
    self->loaded = true;
    for (unsigned i = 0; i < G_COUNT; i++)
        self->gauge[i] = sp_stats_gauge(self->stats, gauge_names[i]);
    self->late = sp_stats_latency(self->stats, "scheduler.late");
    return SP_OK;
}

static enum sp_rc open_bus(struct scheduler_shell *self, struct sp_err *err)
{
    char why[SP_ERR_TEXT_BYTES] = "";
    struct sp_bus_options o = {.loop = self->opt.loop,
                               .conf = self->opt.conf,
                               .keys = self->opt.keys,
                               .core = self->opt.core_keys,
                               .stats = self->stats,
                               .name = self->opt.name,
                               .role = SP_ROLE_SCHEDULER,
                               .software = "spice-scheduler " SPICE_VERSION,
                               .boot = self->core.options.boot,
                               .self = self,
                               .on_message = on_message,
                               .on_link = on_link,
                               .on_drained = on_drained,
                               .on_stats = on_stats};
    if (sp_bus_open(&o, &self->bus, why, sizeof why))
        return SP_OK;
    return sp_err_set(err, SP_E_INVALID, self->opt.name, "%s", why);
}

enum sp_rc scheduler_shell_open(const struct scheduler_shell_options *options, struct scheduler_shell **out, struct sp_err *err)
{
    struct scheduler_shell *self = calloc(1, sizeof *self);
    if (self == NULL)
        return sp_err_set(err, SP_E_NOMEM, options->name, "no memory");
    self->opt = *options;
    enum sp_rc rc = open_store(self, err);
    rc = rc == SP_OK ? open_core(self, err) : rc;
    if (rc == SP_OK) {
        self->admin = (struct admin){.core = &self->core,
                                     .catalog = &self->catalog,
                                     .store = self->store,
                                     .name = options->name,
                                     .started = sp_loop_now(options->loop)->mono,
                                     .shell = self,
                                     .apply = admin_apply};
        rc = admin_restore(&self->admin, err) ? SP_OK : SP_E_CORRUPT;
    }
    self->core.version = rc == SP_OK ? store_version(self->store) : 0;
    rc = rc == SP_OK ? open_bus(self, err) : rc;
    self->acts = (struct acts){.bus = self->bus, .store = self->store};
    if (rc != SP_OK) {
        scheduler_shell_close(&self);
        return rc;
    }
    *out = self;
    return SP_OK;
}

void scheduler_shell_close(struct scheduler_shell **self_p)
{
    struct scheduler_shell *self = *self_p;
    if (self == NULL)
        return;
    sp_bus_close(&self->bus, BYE_LINGER_MS);
    if (self->loaded)
        scheduler_core_fini(&self->core);
    catalog_fini(&self->catalog);
    store_close(&self->store);
    sp_stats_destroy(&self->stats);
    sp_crypto_hmac_fini(&self->ticket_key);
    free(self->fx.arena);
    free(self);
    *self_p = NULL;
}

void scheduler_shell_reload(struct scheduler_shell *self)
{
    (void)sp_bus_reload(self->bus);
    look_for_revoked(self);
}

struct sp_mono scheduler_shell_deadline(const struct scheduler_shell *self)
{
    uint64_t core = scheduler_core_deadline(&self->core).us, watchdog = sp_notify_deadline(self->opt.notify).us;
    return (struct sp_mono){core < watchdog ? core : watchdog};
}

void scheduler_shell_tick(struct scheduler_shell *self, const struct sp_now *now)
{
    struct scheduler_core_event ev = {.kind = SCHEDULER_EV_TICK, .now = *now};
    (void)step(self, &ev);
    sp_notify_watchdog(self->opt.notify, now->mono, sp_loop_turns(self->opt.loop));
}

bool scheduler_shell_failed(const struct scheduler_shell *self)
{
    return self->failed;
}
