/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_exposure.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge_cloud.h"
#include "bridge_method.h"
#include "bridge_note.h"
#include "bridge_report.h"
#include "bridge_rpc.h"
#include "oslo_message.h"
#include "sp_clock.h"
#include "sp_hash.h"
#include "sp_hex.h"
#include "sp_log.h"

#define SUB          "exposure"
#define LISTED_MAX   64u     /* servers named in one notification */
#define ROWS_MAX     100000u /* of one answer */
#define REPORTS_TURN 8u      /* events taken in one turn */
#define NOTES_TURN   32u     /* places told in one turn */

/* ---- what the reader knows ---- */

/* A hypervisor's name finds its node as Nova's filter does: by the provider's uuid where placement is read, and by the name alone
 * only for a node that was registered without one. */
static void look(void *self, const char *node, const char *pool, struct exposure_trust *out)
{
    struct bridge *b = self;
    struct sp_mono now = sp_clock_read().mono;
    struct reader_answer a;
    uint8_t named[16];
    const uint8_t *uuid = b->place != NULL ? trait_core_provider_uuid(&b->place->core, node) : NULL;
    reader_core_lookup(&b->reader, now, sp_str_of(node), uuid, sp_str_of(pool), &a);
    if (uuid != NULL && !a.member && a.since_ms == 0) {
        bridge_cloud_key_of_name(node, named);
        reader_core_lookup(&b->reader, now, sp_str_of(node), named, sp_str_of(pool), &a);
    }
    *out = (struct exposure_trust){.member = a.member,
                                   .tier = a.tier,
                                   .since_ms = a.since_ms,
                                   .why = a.since_ms == 0 && !a.member ? "no such node in the pool" : a.why};
}

static bool nodes(void *self, struct cloud_exposure *x, struct sp_mono now)
{
    struct bridge *b = self;
    if (!reader_core_fresh(&b->reader, now))
        return false;
    for (uint32_t i = 0; i < b->reader.count && x != NULL; i++) {
        const struct reader_entry *e = &b->reader.entries[i];
        struct reader_answer a;
        if (!e->live)
            continue;
        reader_core_answer(&b->reader, now, e, &a);
        cloud_exposure_node(x, now, e->key, e->pool, a.member);
    }
    return true;
}

static const char *pool_of_trait(void *self, const char *trait)
{
    const struct bridge *b = self;
    for (uint32_t i = 0; b->place != NULL && i < b->place->core.pool_count; i++)
        if (strcmp(b->place->core.pools[i].trait, trait) == 0)
            return b->place->core.pools[i].pool;
    return NULL;
}

/* Which entries were members when last looked at; only a loss is a reason to ask Nova. */
static bool lost(struct bridge *b, uint32_t entry, bool member)
{
    if (entry >= b->members_size) {
        uint32_t size = b->reader.count > entry ? b->reader.size : entry + 1;
        uint8_t *grown = realloc(b->members, size);
        if (grown == NULL)
            return !member;
        memset(grown + b->members_size, 0, size - b->members_size);
        b->members = grown;
        b->members_size = size;
    }
    bool was = b->members[entry] != 0;
    b->members[entry] = member;
    return was && !member;
}

void bridge_exposure_changes(struct bridge *b, const struct reader_changes *changes)
{
    struct sp_mono now = sp_clock_read().mono;
    if (b->exposure == NULL || !reader_core_fresh(&b->reader, now))
        return;
    uint32_t count = changes->all ? b->reader.count : changes->count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = changes->all ? i : changes->list[i];
        const struct reader_entry *e = &b->reader.entries[at];
        struct reader_answer a;
        reader_core_answer(&b->reader, now, e, &a);
        if (lost(b, at, a.member))
            cloud_exposure_left(b->exposure, e->node);
    }
}

/* ---- evidence ---- */

static bool evidence_ask(void *self, const char *node, const char *pool)
{
    static const struct oslo_request nobody = {0};
    struct bridge *b = self;
    json_t *args = json_pack("{s:s}", "node", node);
    bool named = args != NULL && sp_str_copy(b->evidence_node, sizeof b->evidence_node, sp_str_of(node)) &&
                 sp_str_copy(b->evidence_pool, sizeof b->evidence_pool, sp_str_of(pool));
    uint32_t call = named ? bridge_rpc_wait(b, &nobody, BRIDGE_CALL_EVIDENCE) : BRIDGE_CALLS_MAX;
    if (call != BRIDGE_CALLS_MAX && !bridge_rpc_view(b, call, "keeper", "explain", args))
        bridge_rpc_fail(b, call, "", ""); /* answers by bridge_exposure_evidence */
    json_decref(args);
    return call != BRIDGE_CALLS_MAX;
}

bool bridge_exposure_is_bad(const json_t *explanation, const char *node, const char *pool, char code[ACTION_CODE_BYTES])
{
    const char *named = json_string_value(json_object_get(explanation, "node")),
               *state = json_string_value(json_object_get(explanation, "state"));
    const json_t *one = json_object_get(json_object_get(explanation, "pools"), pool), *checks = json_object_get(one, "checks");
    const char *tier = json_string_value(json_object_get(one, "tier"));
    if (named == NULL || strcmp(named, node) != 0 || state == NULL ||
        strcmp(state, sp_node_state_name(SP_NODE_STATE_IN_SERVICE)) != 0 || !json_is_false(json_object_get(one, "member")) ||
        tier == NULL || strcmp(tier, sp_tier_name(SP_TIER_FAIL)) != 0)
        return false;
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *c = json_array_get(checks, i);
        const char *name = json_string_value(json_object_get(c, "check")), *role = json_string_value(json_object_get(c, "role")),
                   *of = json_string_value(json_object_get(c, "tier"));
        if (name != NULL && role != NULL && of != NULL && strcmp(role, "advisory") != 0 &&
            strcmp(of, sp_tier_name(SP_TIER_FAIL)) == 0 && sp_str_is_name(sp_str_of(name), ACTION_CODE_BYTES - 1))
            return sp_str_copy(code, ACTION_CODE_BYTES, sp_str_of(name));
    }
    return false;
}

void bridge_exposure_evidence(struct bridge *b, const char *text)
{
    char code[ACTION_CODE_BYTES] = "";
    json_t *doc = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool bad = doc != NULL && bridge_exposure_is_bad(doc, b->evidence_node, b->evidence_pool, code);
    if (b->exposure != NULL)
        cloud_exposure_evidence(b->exposure, doc != NULL, bad, code);
    json_decref(doc);
}

/* ---- notifications ---- */

/* The same for two bridges that see the same, so that a listener can tell. */
static void note_send(struct bridge *b, const char *type, uint64_t about, json_t *payload)
{
    static const uint8_t keys[2][16] = {{3}, {4}};
    char *text = payload != NULL ? json_dumps(payload, JSON_ENSURE_ASCII | JSON_SORT_KEYS) : NULL, id[SP_HEX_KEY_BYTES];
    uint64_t half[2];
    json_decref(payload);
    for (unsigned i = 0; i < 2 && text != NULL; i++)
        half[i] = sp_hash_sip(keys[i], text, strlen(text));
    if (text != NULL && b->options->c.notify) {
        bridge_note_id((const uint8_t *)half, id);
        bridge_note_send(b, about, type, id, text);
    }
    free(text);
}

static uint64_t hash_of(const struct bridge *b, const char *what, const char *host, const char *pool)
{
    char text[EXPOSURE_NAME_BYTES + EXPOSURE_POOL_BYTES + 32];
    int n = snprintf(text, sizeof text, "%s/%s/%s", what, host, pool);
    uint64_t h = sp_hash_sip(b->note_key, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    return h == 0 || h == UINT64_MAX ? 1 : h;
}

static void note_place(struct bridge *b, uint32_t place)
{
    const struct exposure_core *c = &b->exposure->core;
    const struct exposure_place *p = &c->places[place];
    uint32_t servers = exposure_core_exposed(c, place);
    struct exposure_trust t;
    json_t *listed = json_array();
    look(b, p->node, c->names[p->pool], &t);
    for (uint32_t i = 0; i < c->current.count && servers > 0 && json_array_size(listed) < LISTED_MAX; i++)
        if (c->current.rows[i].place == place)
            (void)json_array_append_new(listed, bridge_method_key(c->current.rows[i].uuid));
    SP_LOG(servers > 0 ? SP_LOG_WARNING : SP_LOG_NOTICE, SUB, servers > 0 ? "found" : "cleared", SP_LOG_S("node", p->node),
           SP_LOG_S("pool", c->names[p->pool]), SP_LOG_U("servers", servers), SP_LOG_S("why", t.why));
    note_send(b, servers > 0 ? "spice.exposure.found" : "spice.exposure.cleared", hash_of(b, p->node, p->host, c->names[p->pool]),
              json_pack("{s:s, s:s, s:s, s:I, s:o, s:s, s:o, s:s}", "node", p->node, "compute_host", p->host, "pool",
                        c->names[p->pool], "servers", (json_int_t)servers, "listed", listed, "tier", sp_tier_name(t.tier), "since",
                        bridge_method_wall(t.since_ms), "why", t.why));
}

/* ---- actions: log, notification, audit ---- */

static void tell_event(struct bridge *b, const struct action_event *e)
{
    char detail[MSG_ACTION_REPORT_DETAIL_MAX + 1];
    const char *what = action_core_what_text(e->what), *hold = action_core_hold_text(e->hold);
    bool held = e->what == ACTION_WAS_HELD, alarm = held && (e->hold == ACTION_HOLD_MASS || e->hold == ACTION_HOLD_STORE);
    if (held)
        (void)snprintf(detail, sizeof detail, "%.250s", hold);
    else
        (void)snprintf(detail, sizeof detail, "service of %.100s, reason: %.130s", e->host, e->reason);
    SP_LOG(alarm || e->what == ACTION_WAS_REFUSED ? SP_LOG_WARNING : SP_LOG_NOTICE, SUB, "action", SP_LOG_S("what", what),
           SP_LOG_S("node", e->node), SP_LOG_S("pool", e->pool), SP_LOG_S("detail", detail));
    if (e->what == ACTION_WAS_FREED || (held && !alarm))
        return; /* the brake at its daily work */
    note_send(b, "spice.exposure.action", hash_of(b, what, e->host, e->pool),
              json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "what", what, "node", e->node, "compute_host", e->host, "pool", e->pool,
                        "reason", e->reason, "hold", held ? hold : ""));
    bridge_report_add(b, e, detail);
}

/* ---- for operators ---- */

static json_t *records_view(const struct action_core *a)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < a->record_count; i++) {
        const struct action_record *r = &a->records[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "service", r->service, "compute_host",
                                                    r->host, "node", r->node, "pool", r->pool, "state",
                                                    action_core_state_text(r->state), "reason", r->reason));
    }
    return list;
}

static json_t *exposed_view(struct bridge *b, const char *pool, const char *node, bool *cut)
{
    const struct exposure_core *c = &b->exposure->core;
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->current.count; i++) {
        const struct exposure_row *row = &c->current.rows[i];
        const struct exposure_place *p = &c->places[row->place];
        struct exposure_trust t;
        if (!p->out || (pool[0] != '\0' && strcmp(pool, c->names[p->pool]) != 0) ||
            (node[0] != '\0' && strcmp(node, p->node) != 0 && strcmp(node, p->host) != 0))
            continue;
        if (json_array_size(list) == ROWS_MAX) {
            *cut = true;
            break;
        }
        look(b, p->node, c->names[p->pool], &t);
        (void)json_array_append_new(list, json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:s}", "server",
                                                    bridge_method_key(row->uuid), "project", row->project, "node", p->node,
                                                    "compute_host", p->host, "pool", c->names[p->pool], "tier",
                                                    sp_tier_name(t.tier), "since", bridge_method_wall(t.since_ms), "why", t.why));
    }
    return list;
}

static const char *hold_text(enum action_hold hold)
{
    return hold == ACTION_FREE ? "" : action_core_hold_text(hold);
}

json_t *bridge_exposure_view(struct bridge *b, const char *pool, const char *node)
{
    const struct cloud_exposure *x = b->exposure;
    const struct exposure_core *c = &x->core;
    struct sp_mono now = sp_clock_read().mono;
    bool cut = c->cut, acts = x->action.options.act;
    json_t *exposed = exposed_view(b, pool, node, &cut);
    json_t *age = c->known ? json_integer((json_int_t)((now.us - c->list_us) / SP_US_PER_MS)) : json_null();
    json_t *action =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:o}", "mode", acts ? "disable" : "none", "hold", hold_text(x->action.hold), "brake",
                  acts ? hold_text(action_core_brake(&x->action, now)) : "", "lost", (json_int_t)action_core_lost(&x->action),
                  "running", (json_int_t)action_core_running(&x->action), "records", records_view(&x->action));
    return json_pack("{s:s, s:b, s:b, s:b, s:o, s:I, s:o, s:o}", "bridge", b->name, "following", reader_core_fresh(&b->reader, now),
                     "stale", !exposure_core_recent(c, now), "cut", cut, "list_age_ms", age, "demanding",
                     (json_int_t)c->current.count, "action", action, "exposed", exposed);
}

/* ---- life ---- */

static bool on_turn(void *ctx, const struct sp_now *now)
{
    struct bridge *b = ctx;
    struct action_event e;
    uint32_t place = EXPOSURE_NONE;
    (void)now;
    cloud_exposure_turn(b->exposure);
    for (unsigned i = 0; i < NOTES_TURN && (place = exposure_core_untold(&b->exposure->core)) != EXPOSURE_NONE; i++)
        note_place(b, place);
    for (unsigned i = 0; i < REPORTS_TURN && action_core_event(&b->exposure->action, &e); i++)
        tell_event(b, &e);
    return place != EXPOSURE_NONE; /* there may be more */
}

uint64_t bridge_exposure_deadline_us(const struct bridge *b)
{
    return b->exposure != NULL ? cloud_exposure_deadline_us(b->exposure, bridge_shell_now(b)) : SP_NEVER;
}

enum sp_rc bridge_exposure_open(struct bridge *b, struct sp_err *err)
{
    const struct sp_conf_exposure *c = &b->options->c.exposure;
    struct cloud_exposure_options o = {.conf = c,
                                       .nova = b->nova,
                                       .words = {.trusted = c->trusted_pool, .self = b, .pool_of_trait = pool_of_trait},
                                       .self = b,
                                       .look = look,
                                       .nodes = nodes,
                                       .evidence = evidence_ask};
    if (b->nova == NULL || !c->watch)
        return SP_OK;
    const char *store = b->options->c.store;
    int n = snprintf(o.state_file, sizeof o.state_file, "%s/%s-actions.json", store, b->name);
    if (n < 0 || (size_t)n >= sizeof o.state_file)
        return sp_err_set(err, SP_E_LIMIT, "bridge.store", "is too long a path");
    enum sp_rc rc = c->action == SP_CONF_EXPOSURE_DISABLE ? sp_fs_mkdirs(store, 0700, err) : SP_OK;
    rc = rc == SP_OK ? cloud_exposure_open(&o, bridge_shell_now(b), &b->exposure, err) : rc;
    return rc == SP_OK ? sp_loop_hook(b->loop, on_turn, b) : rc;
}

void bridge_exposure_close(struct bridge *b)
{
    cloud_exposure_close(&b->exposure);
    free(b->members);
}
