/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "dispatch_keeper_shell.h"
#include "keeper_attester.h"
#include "keeper_identity.h"
#include "keeper_inventory.h"
#include "keeper_node_admin.h"
#include "keeper_people.h"
#include "keeper_pool_json.h"
#include "keeper_views.h"
#include "sp_log.h"

struct admin_verb {
    const char *name;
    bool write;
    json_t *(*fn)(struct nodes_shell *s, struct keeper_act *act);
};

json_t *keeper_admin_refuse(struct keeper_act *act, enum sp_refusal code, const char *where, const char *text, const char *hint)
{
    act->code = code;
    (void)sp_err_set(&act->err, SP_E_INVALID, where != NULL ? where : "", "%s", text);
    if (hint != NULL) {
        sp_err_hint(&act->err, "%s", hint);
    }
    return NULL;
}

const char *keeper_admin_text(const struct keeper_act *act, const char *key)
{
    return json_string_value(json_object_get(act->args, key));
}

enum sp_rc keeper_admin_audit(struct nodes_shell *s, const struct keeper_act *act)
{
    struct keeper_store_audit row = {.wall_ms = nodes_shell_now(s).wall.ms,
                                     .actor = act->actor,
                                     .what = act->verb,
                                     .object = act->object,
                                     .from = act->from,
                                     .to = act->to,
                                     .why = act->why};
    return keeper_store_audit(&s->store, &row);
}

json_t *keeper_admin_store_refuses(struct keeper_act *act)
{
    return keeper_admin_refuse(act, SP_REFUSAL_STORE, "store", "takes no rows now", "see the keeper's log; free space on the disk");
}

json_t *keeper_admin_done(const struct keeper_act *act)
{
    return json_pack("{s:s, s:b}", "name", act->object, "dry_run", act->dry);
}

/* ---- pools ---- */

static json_t *admin_pool_put(struct nodes_shell *s, struct keeper_act *act)
{
    struct pool_policy pool;
    if (keeper_pool_json_read(act->args, &pool, &act->err) != SP_OK) {
        act->code = SP_REFUSAL_BAD_REQUEST;
        return NULL;
    }
    (void)sp_str_copy(act->object, sizeof act->object, sp_str_of(pool.name));
    bool fresh = keeper_core_find_pool(s->core, sp_str_of(pool.name)) == POOL_ROWS_MAX;
    uint32_t used = 0;
    for (uint32_t p = 0; p < keeper_core_pools(s->core); p++) {
        used += keeper_core_pool(s->core, p) != NULL;
    }
    if (fresh && used >= POOL_ROWS_MAX) {
        return keeper_admin_refuse(act, SP_REFUSAL_OVERLOAD, pool.name, "there are 16 pools already", NULL);
    }
    json_t *json = keeper_pool_json_write(&pool);
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    json_t *done = NULL;
    if (text == NULL) {
        done = keeper_admin_refuse(act, SP_REFUSAL_OVERLOAD, "memory", "is not enough", NULL);
    } else if (act->dry) {
        done = keeper_admin_done(act);
    } else if (nodes_shell_rows(s)) {
        (void)snprintf(act->why, sizeof act->why, "%.190s", text);
        enum sp_rc rc = keeper_store_pool(&s->store, pool.name, sp_str_of(text));
        rc = rc == SP_OK ? keeper_admin_audit(s, act) : rc;
        if (nodes_shell_commit_rows(s, rc)) {
            struct keeper_event ev = {.kind = KEEPER_EV_POOL_PUT, .u.pool = &pool};
            nodes_shell_step(s, &ev);
            done = keeper_admin_done(act);
        }
    }
    free(text);
    if (done != NULL && pool_policy_is_empty(&pool)) {
        json_object_set_new(done, "warning", json_string("this pool demands no check and so admits nobody"));
    }
    return done != NULL || act->code != SP_REFUSAL_NONE ? done : keeper_admin_store_refuses(act);
}

static json_t *admin_pool_delete(struct nodes_shell *s, struct keeper_act *act)
{
    const char *name = keeper_admin_text(act, "name");
    if (name == NULL || keeper_core_find_pool(s->core, sp_str_of(name)) == POOL_ROWS_MAX) {
        return keeper_admin_refuse(act, SP_REFUSAL_NOT_FOUND, name != NULL ? name : "name", "no such pool",
                                   "see spicectl pool list");
    }
    if (act->dry) {
        return keeper_admin_done(act);
    }
    if (!nodes_shell_rows(s)) {
        return keeper_admin_store_refuses(act);
    }
    enum sp_rc rc = keeper_store_pool(&s->store, name, (struct sp_str){NULL, 0});
    rc = rc == SP_OK ? keeper_admin_audit(s, act) : rc;
    if (!nodes_shell_commit_rows(s, rc)) {
        return keeper_admin_store_refuses(act);
    }
    struct keeper_event ev = {.kind = KEEPER_EV_POOL_DELETE, .u.name = sp_str_of(name)};
    nodes_shell_step(s, &ev);
    return keeper_admin_done(act);
}

static json_t *admin_key_list(struct nodes_shell *s, struct keeper_act *act)
{
    (void)act;
    return keeper_people_list(s);
}

static const struct admin_verb admin_verbs[] = {
    {"node.list", false, keeper_views_nodes},          {"node.put", true, keeper_node_put},
    {"node.state", true, keeper_node_state},           {"node.labels", true, keeper_node_labels},
    {"node.inventory", false, keeper_inventory_list},  {"node.accept", true, keeper_inventory_accept},
    {"node.enroll", true, keeper_identity_enroll},     {"node.approve", true, keeper_identity_approve},
    {"node.unenroll", true, keeper_identity_unenroll}, {"node.delete", true, keeper_node_delete},
    {"pool.list", false, keeper_views_pools},          {"pool.put", true, admin_pool_put},
    {"pool.delete", true, admin_pool_delete},          {"result.list", false, keeper_views_results},
    {"result.history", false, keeper_views_history},   {"audit.list", false, keeper_views_audit},
    {"audit.verify", false, keeper_views_verify},      {"explain", false, keeper_views_explain},
    {"trace.get", false, keeper_views_trace},          {"key.list", false, admin_key_list},
    {"key.revoke", true, keeper_people_revoke},        {"worker.invite", true, keeper_people_invite},
    {"worker.remove", true, keeper_people_revoke},     {"attester.invite", true, keeper_attester_invite},
    {"keeper.status", false, keeper_views_status},
};

static const struct admin_verb *admin_find(struct keeper_act *act)
{
    const char *words[SP_COUNT(admin_verbs)];
    for (size_t i = 0; i < SP_COUNT(admin_verbs); i++) {
        if (strcmp(admin_verbs[i].name, act->verb) == 0) {
            return &admin_verbs[i];
        }
        words[i] = admin_verbs[i].name;
    }
    (void)keeper_admin_refuse(act, SP_REFUSAL_NOT_FOUND, act->verb, "the keeper has no such verb",
                              sp_str_nearest(sp_str_of(act->verb), words, SP_COUNT(words)));
    return NULL;
}

/* A write counts once: its id is above every earlier one of this operator, and that is durable before it is worked on. */
static bool admin_is_new(struct nodes_shell *s, struct keeper_act *act)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(&s->store, "SELECT last FROM request WHERE name=?1", &q);
    if (rc == SP_OK) {
        sp_db_text(q, 1, sp_str_of(act->actor));
        rc = sp_db_row(q);
    }
    bool repeat = rc == SP_OK && act->id <= (uint64_t)sp_db_get_int(q, 0);
    if (rc == SP_OK) {
        sp_db_reset(q);
    }
    if (repeat) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_REPLAY, act->actor,
                                  "this request was already worked on, or the clock of its host went back", NULL);
        return false;
    }
    if (!nodes_shell_rows(s)) {
        (void)keeper_admin_store_refuses(act);
        return false;
    }
    rc = keeper_store_query(&s->store, "INSERT OR REPLACE INTO request VALUES(?1,?2)", &q);
    if (rc == SP_OK) {
        sp_db_text(q, 1, sp_str_of(act->actor));
        sp_db_int(q, 2, (int64_t)act->id);
        rc = sp_db_run(q);
    }
    s->dirty = true; /* committed before the act begins its own rows */
    if (rc != SP_OK) {
        (void)nodes_shell_commit_rows(s, rc);
        (void)keeper_admin_store_refuses(act);
    }
    return rc == SP_OK;
}

static void admin_reply(struct nodes_shell *s, const struct sp_bus_message *m, const struct keeper_act *act, const char *text)
{
    struct sp_str rest = sp_str_of(text);
    for (uint32_t part = 0; part == 0 || rest.n > 0; part++) {
        size_t room = 0;
        struct msg_admin_reply reply = {.id = act->id, .code = (uint16_t)act->code, .part = part};
        reply.data = (struct sp_str){rest.p, rest.n < MSG_ADMIN_REPLY_DATA_MAX ? rest.n : MSG_ADMIN_REPLY_DATA_MAX};
        rest = (struct sp_str){rest.p + reply.data.n, rest.n - reply.data.n};
        reply.last = rest.n == 0;
        struct sp_packer w;
        uint8_t *body = sp_bus_body(s->bus, &room);
        sp_packer_init(&w, body, room);
        if (msg_admin_reply_encode(&w, &reply) == SP_OK) {
            nodes_shell_send(s, SP_MSG_ADMIN_REPLY, act->actor, (int)m->broker, sp_str_bytes(body, sp_packer_bytes(&w)));
        }
    }
}

static void admin_answer(struct nodes_shell *s, const struct sp_bus_message *m, struct keeper_act *act, json_t *value)
{
    if (act->code == SP_REFUSAL_NONE && value == NULL) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_OVERLOAD, "memory", "is not enough for the answer", "ask for less with limit");
    }
    if (act->code != SP_REFUSAL_NONE) {
        json_decref(value);
        value = json_pack("{s:s, s:s, s:s}", "error", act->err.text, "where", act->err.where, "hint", act->err.hint);
    }
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    admin_reply(s, m, act, text != NULL ? text : "{}");
    free(text);
    json_decref(value);
}

/* An act that was refused leaves a row too. */
static void admin_audit_refusal(struct nodes_shell *s, struct keeper_act *act)
{
    SP_LOG(SP_LOG_NOTICE, "admin", "refused", SP_LOG_S("verb", act->verb), SP_LOG_S("actor", act->actor),
           SP_LOG_S("object", act->object), SP_LOG_S("why", act->err.text));
    if (act->dry || !nodes_shell_rows(s)) {
        return;
    }
    (void)snprintf(act->to, sizeof act->to, "refused:%s", sp_refusal_name(act->code));
    (void)snprintf(act->why, sizeof act->why, "%.190s", act->err.text);
    (void)nodes_shell_commit_rows(s, keeper_admin_audit(s, act));
}

enum sp_rc keeper_shell_on_admin_request(struct keeper_shell_in *in, struct msg_admin_request *r)
{
    struct nodes_shell *s = in->shell;
    const struct sp_bus_message *m = in->message;
    char verb[MSG_ADMIN_REQUEST_VERB_MAX + 1], actor[SP_BUS_NAME_BYTES];
    (void)sp_str_copy(verb, sizeof verb, r->verb);
    (void)sp_str_copy(actor, sizeof actor, sp_str_of(m->from->name));
    struct keeper_act act = {.actor = actor, .verb = verb, .id = r->id};
    json_t *value = NULL;
    act.args = json_loadb(r->args.n > 0 ? r->args.p : "{}", r->args.n > 0 ? r->args.n : 2, JSON_REJECT_DUPLICATES, NULL);
    const struct admin_verb *v = admin_find(&act);
    if (v != NULL && !json_is_object(act.args)) {
        (void)keeper_admin_refuse(&act, SP_REFUSAL_BAD_REQUEST, "args", "are no JSON object", NULL);
        v = NULL;
    }
    const json_t *dry = json_object_get(act.args, "dry_run");
    if (v != NULL && dry != NULL &&
        !json_is_boolean(dry)) { /* what was meant to change nothing must not be done for a slip of the pen */
        (void)keeper_admin_refuse(&act, SP_REFUSAL_BAD_REQUEST, "dry_run", "is neither true nor false", NULL);
        v = NULL;
    }
    if (v != NULL) {
        const char *object = keeper_admin_text(&act, "name");
        act.dry = json_is_true(json_object_get(act.args, "dry_run"));
        (void)snprintf(act.object, sizeof act.object, "%s", object != NULL ? object : "");
        value = !v->write || act.dry || admin_is_new(s, &act) ? v->fn(s, &act) : NULL;
    }
    if (v != NULL && v->write && act.code != SP_REFUSAL_NONE) {
        admin_audit_refusal(s, &act);
    }
    (void)nodes_shell_flush(s);
    admin_answer(s, m, &act, value);
    keeper_people_tell(s);
    json_decref(act.args);
    return SP_OK;
}
