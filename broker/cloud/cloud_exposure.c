/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud_exposure.h"

#include <stdio.h>
#include <stdlib.h>

#include "msg.h"
#include "sp_clock.h"
#include "sp_log.h"
#include "sp_random.h"

#define SUB      "cloud"
#define SERVICES 100000u

static struct sp_mono clock_now(void)
{
    return sp_clock_read().mono;
}

/* ---- servers ---- */

static bool on_server(void *self, const json_t *row)
{
    struct cloud_exposure_source *s = self;
    struct exposure_server server;
    if (!cloud_exposure_server(row, &s->x->options.words, &server))
        return false;
    exposure_core_server(&s->x->core, s->ask, &server);
    return true;
}

static void on_servers(void *self, const struct cloud_nova_answer *a)
{
    struct cloud_exposure_source *s = self;
    bool failing = a->result != CLOUD_NOVA_DONE;
    if (s->ask == EXPOSURE_ASK_ALL && failing != s->x->told_failing && a->result != CLOUD_NOVA_AGAIN) {
        s->x->told_failing = failing;
        SP_LOG(failing ? SP_LOG_WARNING : SP_LOG_NOTICE, SUB, failing ? "servers.lost" : "servers.listed",
               SP_LOG_U("status", a->status), SP_LOG_S("why", a->why), SP_LOG_U("demanding", s->x->core.current.count));
    }
    exposure_core_done(&s->x->core, clock_now(), s->ask, !failing);
    s->x->scan_us = 0; /* look at once */
}

static void servers_ask(struct cloud_exposure *x, enum exposure_ask ask, const char *host)
{
    char path[sizeof CLOUD_EXPOSURE_HOST + EXPOSURE_NAME_BYTES];
    struct cloud_nova_list list = {.path = CLOUD_EXPOSURE_SERVERS,
                                   .member = "servers",
                                   .id = "id",
                                   .rows_max = UINT32_MAX, /* what is kept is bounded by the core; pages by cloud_nova */
                                   .self = &x->sources[ask],
                                   .row = on_server,
                                   .done = on_servers};
    if (ask == EXPOSURE_ASK_HOST) {
        (void)snprintf(path, sizeof path, "%s%s", CLOUD_EXPOSURE_HOST, host);
        list.path = path;
    }
    if (!cloud_nova_list(x->options.nova, &list))
        exposure_core_done(&x->core, clock_now(), ask, false);
}

/* ---- services ---- */

static bool on_service(void *self, const json_t *row)
{
    struct cloud_exposure *x = self;
    struct cloud_exposure_service s;
    if (!cloud_exposure_service(row, &s))
        return false;
    action_core_service(&x->action, s.id, s.host, s.enabled, s.reason);
    return true;
}

static enum action_result result_of(const struct cloud_nova_answer *a)
{
    if (a->result == CLOUD_NOVA_DONE)
        return ACTION_DONE;
    if (a->result == CLOUD_NOVA_AGAIN)
        return ACTION_AGAIN;
    return a->status >= 400 && a->status < 500 ? ACTION_NO : ACTION_FAILED;
}

static void on_services(void *self, const struct cloud_nova_answer *a)
{
    struct cloud_exposure *x = self;
    action_core_done(&x->action, clock_now(), ACTION_ASK_SERVICES, result_of(a));
}

static void on_written(void *self, uint32_t tag, const struct cloud_nova_answer *a)
{
    struct cloud_exposure *x = self;
    action_core_done(&x->action, clock_now(), (enum action_ask_kind)tag, result_of(a));
}

static bool service_write(struct cloud_exposure *x, const struct action_ask *ask)
{
    char path[sizeof "/os-services/" + ACTION_ID_BYTES];
    bool disable = ask->kind == ACTION_ASK_DISABLE;
    json_t *body = disable ? json_pack("{s:s, s:s}", "status", "disabled", "disabled_reason", ask->record->reason)
                           : json_pack("{s:s}", "status", "enabled");
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(body);
    (void)snprintf(path, sizeof path, "/os-services/%s", ask->record->service);
    struct cloud_nova_request r = {
        .method = "PUT", .path = path, .body = sp_str_of(text), .tag = ask->kind, .self = x, .done = on_written};
    bool sent = text != NULL && cloud_nova_send(x->options.nova, &r);
    free(text);
    return sent;
}

static bool records_write(struct cloud_exposure *x)
{
    struct sp_err err = {0};
    char *text = cloud_exposure_records(&x->action);
    enum sp_rc rc = text != NULL ? sp_fs_write(x->options.state_file, text, strlen(text), 0600, &err) : SP_E_NOMEM;
    if (rc != SP_OK)
        SP_LOG(SP_LOG_ERROR, SUB, "records.unwritten", SP_LOG_S("file", x->options.state_file), SP_LOG_S("why", err.text));
    free(text);
    return rc == SP_OK;
}

static void act(struct cloud_exposure *x, const struct action_ask *ask)
{
    struct cloud_nova_list services = {.path = CLOUD_EXPOSURE_COMPUTE,
                                       .member = "services",
                                       .rows_max = SERVICES,
                                       .self = x,
                                       .row = on_service,
                                       .done = on_services};
    bool sent = true;
    switch (ask->kind) {
    case ACTION_ASK_STORE:
        action_core_done(&x->action, clock_now(), ask->kind, records_write(x) ? ACTION_DONE : ACTION_FAILED);
        break;
    case ACTION_ASK_EVIDENCE:
        sent = x->options.evidence(x->options.self, ask->node, ask->pool);
        break;
    case ACTION_ASK_SERVICES:
        sent = cloud_nova_list(x->options.nova, &services);
        break;
    case ACTION_ASK_DISABLE:
    case ACTION_ASK_ENABLE:
        sent = service_write(x, ask);
        break;
    }
    if (!sent)
        action_core_done(&x->action, clock_now(), ask->kind, ACTION_AGAIN);
}

void cloud_exposure_evidence(struct cloud_exposure *x, bool known, bool bad, const char *code)
{
    if (known)
        action_core_evidence(&x->action, clock_now(), bad, code);
    else
        action_core_done(&x->action, clock_now(), ACTION_ASK_EVIDENCE, ACTION_FAILED);
}

/* ---- time ---- */

void cloud_exposure_node(struct cloud_exposure *x, struct sp_mono now, const uint8_t key[16], const char *pool, bool member)
{
    action_core_node(&x->action, now, key, pool, member);
}

static void wants_tell(struct cloud_exposure *x, struct sp_mono now)
{
    uint32_t told = 0; /* one more than fits is a mass failure, whatever the rest is */
    for (uint32_t i = 0; i < x->core.place_count && told <= ACTION_WANTS_MAX; i++) {
        const struct exposure_place *p = &x->core.places[i];
        struct action_fact fact = {p->host, p->node, x->core.names[p->pool]};
        if (exposure_core_exposed(&x->core, i) == 0 || p->tier != SP_TIER_FAIL || exposure_core_shared(&x->core, p->host))
            continue;
        action_core_want(&x->action, now, &fact);
        told++;
    }
}

static void scan(struct cloud_exposure *x, struct sp_mono now)
{
    bool acts = x->action.options.act, proven;
    x->scan_us = now.us + CLOUD_EXPOSURE_SCAN_MS * SP_US_PER_MS;
    if (acts)
        action_core_begin(&x->action);
    proven = x->options.nodes(x->options.self, acts ? x : NULL, now);
    exposure_core_scan(&x->core, now, proven ? x->options.look : NULL, x->options.self);
    if (!acts)
        return;
    if (!proven || !exposure_core_recent(&x->core, now)) {
        action_core_doubt(&x->action);
        return;
    }
    wants_tell(x, now);
    action_core_end(&x->action, now, x->options.look, x->options.self);
}

void cloud_exposure_left(struct cloud_exposure *x, const char *node)
{
    exposure_core_left(&x->core, clock_now(), node);
    x->scan_us = 0;
}

void cloud_exposure_turn(struct cloud_exposure *x)
{
    enum exposure_ask ask;
    const char *host;
    struct action_ask todo;
    struct sp_mono now = clock_now();
    if (now.us >= x->scan_us)
        scan(x, now);
    while (cloud_nova_is_ready(x->options.nova) && exposure_core_next(&x->core, now, &ask, &host))
        servers_ask(x, ask, host);
    while (cloud_nova_is_ready(x->options.nova) && action_core_next(&x->action, now, &todo))
        act(x, &todo);
}

uint64_t cloud_exposure_deadline_us(const struct cloud_exposure *x, struct sp_mono now)
{
    uint64_t at = x->scan_us;
    if (cloud_nova_is_ready(x->options.nova)) {
        uint64_t servers = exposure_core_next_deadline(&x->core, now).us, acts = action_core_next_deadline(&x->action, now).us;
        at = servers < at ? servers : at;
        at = acts < at ? acts : at;
    }
    return at;
}

/* ---- life ---- */

static enum sp_rc records_open(struct cloud_exposure *x, struct sp_err *err)
{
    char *text = NULL;
    size_t n = 0;
    enum sp_rc rc = sp_fs_read(x->options.state_file, CLOUD_EXPOSURE_FILE, SP_FS_PRIVATE, &text, &n, err);
    if (rc == SP_E_NOT_FOUND)
        return SP_OK;
    if (rc == SP_OK && !cloud_exposure_load(&x->action, sp_str_bytes(text, n))) {
        rc = sp_err_set(err, SP_E_INVALID, x->options.state_file, "is no file of records; services may be disabled by us");
        sp_err_hint(err, "enable by hand what Nova lists with a reason that begins \"" ACTION_PREFIX "\", then remove the file");
    }
    free(text);
    if (rc == SP_OK && x->action.record_count > 0)
        SP_LOG(SP_LOG_NOTICE, SUB, "records.read", SP_LOG_U("services", x->action.record_count),
               SP_LOG_U("acts", x->action.options.act));
    return rc;
}

enum sp_rc cloud_exposure_open(const struct cloud_exposure_options *options, struct sp_mono now, struct cloud_exposure **out,
                               struct sp_err *err)
{
    const struct sp_conf_exposure *c = options->conf;
    struct cloud_exposure *x = calloc(1, sizeof *x);
    struct exposure_options eo = {.rows_max = c->servers_max, .interval_ms = c->interval_ms};
    struct action_options ao = {.seed = sp_random_u64(),
                                .act = c->action == SP_CONF_EXPOSURE_DISABLE,
                                .at_once = c->at_once,
                                .share_percent = c->share,
                                .window_ms = c->window_ms,
                                .delay_ms = c->delay_ms,
                                .interval_ms = c->action_interval_ms};
    *out = NULL;
    if (x == NULL)
        return sp_err_set(err, SP_E_NOMEM, "exposure", "no memory");
    sp_random_bytes(eo.hash_key, sizeof eo.hash_key);
    sp_random_bytes(ao.hash_key, sizeof ao.hash_key);
    x->options = *options;
    for (unsigned i = 0; i < EXPOSURE_ASKS; i++)
        x->sources[i] = (struct cloud_exposure_source){x, (enum exposure_ask)i};
    bool good = exposure_core_init(&x->core, &eo, now) && action_core_init(&x->action, &ao, now);
    enum sp_rc rc = good ? records_open(x, err) : sp_err_set(err, SP_E_NOMEM, "exposure", "no memory");
    if (rc != SP_OK)
        cloud_exposure_close(&x);
    *out = x;
    return rc;
}

void cloud_exposure_close(struct cloud_exposure **exposure)
{
    struct cloud_exposure *x = *exposure;
    if (x == NULL)
        return;
    action_core_fini(&x->action);
    exposure_core_fini(&x->core);
    free(x);
    *exposure = NULL;
}
