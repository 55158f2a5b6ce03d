/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "dispatch_keeper_shell.h"
#include "keeper_people.h"
#include "keeper_pool_json.h"
#include "keeper_views.h"
#include "sp_hex.h"
#include "sp_log.h"
#include "sp_selector.h"

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
    struct keeper_store_audit row = {.wall_ms = nodes_shell_now(s).wall.ms, .actor = act->actor, .what = act->verb, .object = act->object,
                                     .from = act->from, .to = act->to, .why = act->why};
    return keeper_store_audit(&s->store, &row);
}

static json_t *admin_store_refuses(struct keeper_act *act)
{
    return keeper_admin_refuse(act, SP_REFUSAL_STORE, "store", "takes no rows now", "see the keeper's log; free space on the disk");
}

static json_t *admin_done(const struct keeper_act *act)
{
    return json_pack("{s:s, s:b}", "name", act->object, "dry_run", act->dry);
}

/* ---- nodes ---- */

/* UUID text with or without dashes; without a key the name gives one, the same on every host. */
static bool admin_key(const char *text, const char *name, uint8_t key[16])
{
    char digits[32];
    size_t n = 0;
    if (text == NULL || text[0] == '\0') {
        uint8_t hash[32];
        char label[96];
        int m = snprintf(label, sizeof label, "SPICE node:%s", name);
        sp_crypto_sha256(label, (size_t)m, hash);
        memcpy(key, hash, 16);
        key[6] = (uint8_t)((key[6] & 0x0f) | 0x80); /* RFC 9562 version 8: made by our own rule */
        key[8] = (uint8_t)((key[8] & 0x3f) | 0x80);
        return true;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != '-' && n == sizeof digits) {
            return false;
        }
        if (*p != '-') {
            digits[n++] = *p;
        }
    }
    return n == sizeof digits && strlen(text) <= 36 && sp_hex_parse(sp_str_bytes(digits, 32), key, 16);
}

/* Labels as "k=v,k=v" or as an object, sorted into `to`; starts from what is there when `merge`, and null removes. */
static bool admin_labels(const json_t *labels, const char *have, char *to, size_t size)
{
    struct sp_buf b;
    json_t *all = json_object(), *value;
    const char *key;
    struct sp_str rest = sp_str_of(have), one;
    while (sp_str_next(&rest, ',', &one)) {
        const char *eq = memchr(one.p, '=', one.n);
        if (eq != NULL) {
            char name[SP_LABEL_BYTES_MAX + 1];
            (void)sp_str_copy(name, sizeof name, sp_str_bytes(one.p, (size_t)(eq - one.p)));
            json_object_set_new(all, name, json_stringn(eq + 1, one.n - (size_t)(eq + 1 - one.p)));
        }
    }
    bool ok = true;
    json_object_foreach((json_t *)labels, key, value)
    {
        if (json_is_null(value)) {
            (void)json_object_del(all, key);
        } else {
            ok = ok && json_is_string(value) && json_object_set(all, key, value) == 0;
        }
    }
    sp_buf_init(&b, NODE_LABELS_BYTES_MAX + 1);
    const char *last = "";
    for (size_t i = 0; i < json_object_size(all); i++) { /* selection by order: few labels, no table of keys */
        const char *least = NULL;
        json_object_foreach(all, key, value)
        {
            if (strcmp(key, last) > 0 && (least == NULL || strcmp(key, least) < 0)) {
                least = key;
            }
        }
        if (least == NULL) {
            break;
        }
        sp_buf_format(&b, "%s%s=%s", i > 0 ? "," : "", least, json_string_value(json_object_get(all, least)));
        last = least;
    }
    ok = ok && !b.failed && b.n < size && sp_str_copy(to, size, sp_buf_view(&b));
    sp_buf_fini(&b);
    json_decref(all);
    return ok;
}

/* Makes the change of a node durable with its audit row, then tells the core. */
static json_t *admin_node_write(struct nodes_shell *s, struct keeper_act *act, const struct node_def *def, bool state_only)
{
    struct node_registry *nodes = keeper_core_nodes(s->core);
    const struct node_row *row = node_registry_find_name(nodes, def->name);
    struct keeper_store_node n = {def, nodes->count + 1, 1, nodes->version + 1};
    if (act->dry) {
        return admin_done(act);
    }
    if (row != NULL) {
        bool back = row->state == SP_NODE_STATE_RETIRED && def->state != SP_NODE_STATE_RETIRED;
        n.id = row->id;
        n.generation = row->generation + (back || memcmp(row->key, def->key, 16) != 0 ? 1 : 0);
    }
    if (!nodes_shell_rows(s)) {
        return admin_store_refuses(act);
    }
    n.version = nodes->version + 1;
    enum sp_rc rc = keeper_store_node(&s->store, &n);
    rc = rc == SP_OK ? keeper_admin_audit(s, act) : rc;
    if (!nodes_shell_commit_rows(s, rc)) {
        return admin_store_refuses(act);
    }
    struct keeper_event ev = {.kind = state_only ? KEEPER_EV_NODE_STATE : KEEPER_EV_NODE_PUT};
    if (state_only) {
        ev.u.state.id = n.id;
        ev.u.state.state = def->state;
    } else {
        ev.u.node = *def;
    }
    nodes_shell_step(s, &ev);
    return admin_done(act);
}

static struct node_def admin_def_of(const struct node_row *row)
{
    struct node_def def = {.name = sp_str_of(row->name),
                           .address = sp_str_of(row->address),
                           .labels = sp_str_of(row->labels),
                           .state = row->state,
                           .origin = row->origin};
    memcpy(def.key, row->key, 16);
    return def;
}

static json_t *admin_node_put(struct nodes_shell *s, struct keeper_act *act)
{
    static const char *const known[] = {"name", "key", "address", "labels", "state", "kind", "dry_run", "origin"};
    char labels[NODE_LABELS_BYTES_MAX + 1] = "", lower[40] = "";
    const char *name = keeper_admin_text(act, "name"), *key_text = keeper_admin_text(act, "key"), *key;
    json_t *value, *given = json_object_get(act->args, "labels");
    json_object_foreach(act->args, key, value)
    {
        bool ok = false;
        for (size_t i = 0; i < SP_COUNT(known); i++) {
            ok = ok || strcmp(key, known[i]) == 0;
        }
        if (!ok) {
            return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, key, "a node has no such key", sp_str_nearest(sp_str_of(key), known, 5));
        }
    }
    if (name == NULL) {
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "name", "is missing", NULL);
    }
    const struct node_row *row = node_registry_find_name(keeper_core_nodes(s->core), sp_str_of(name));
    struct node_def def = row != NULL ? admin_def_of(row) : (struct node_def){.name = sp_str_of(name), .origin = NODE_ORIGIN_API};
    for (size_t i = 0; key_text != NULL && i < sizeof lower - 1 && key_text[i] != '\0'; i++) {
        lower[i] = key_text[i] >= 'A' && key_text[i] <= 'F' ? (char)(key_text[i] + 32) : key_text[i];
    }
    if ((row == NULL || lower[0] != '\0') && !admin_key(lower, name, def.key)) {
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "key", "is no UUID", "write 8-4-4-4-12 hexadecimal digits");
    }
    if (keeper_admin_text(act, "address") != NULL) {
        def.address = sp_str_of(keeper_admin_text(act, "address"));
    }
    if (json_is_string(given)) {
        (void)sp_str_copy(labels, sizeof labels, sp_str_of(json_string_value(given)));
        def.labels = sp_str_of(labels);
    } else if (json_is_object(given)) {
        if (!admin_labels(given, "", labels, sizeof labels)) {
            return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "labels", "hold something that is no text, or too much", NULL);
        }
        def.labels = sp_str_of(labels);
    }
    unsigned state = def.state;
    const char *state_text = keeper_admin_text(act, "state");
    if (state_text != NULL && state_text[0] != '\0' && !sp_node_state_find(sp_str_of(state_text), &state)) {
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "state", "is no state of a node",
                                   "in_service, maintenance, quarantined or retired");
    }
    def.state = (uint8_t)(row != NULL && row->state == SP_NODE_STATE_RETIRED && state_text == NULL ? SP_NODE_STATE_IN_SERVICE : state);
    if (node_registry_fault(&def) != NULL) {
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, name, node_registry_fault(&def), NULL);
    }
    enum sp_rc rc = node_registry_may_put(keeper_core_nodes(s->core), &def);
    if (rc != SP_OK) {
        return keeper_admin_refuse(act, rc == SP_E_EXISTS ? SP_REFUSAL_CONFLICT : SP_REFUSAL_OVERLOAD, name,
                                   rc == SP_E_EXISTS ? "name and key are bound otherwise" : "there are too many nodes",
                                   rc == SP_E_EXISTS ? "delete the node first; it then has to prove itself anew" : NULL);
    }
    (void)snprintf(act->from, sizeof act->from, "%s", row != NULL ? sp_node_state_name(row->state) : "");
    (void)snprintf(act->to, sizeof act->to, "%s", sp_node_state_name(def.state));
    return admin_node_write(s, act, &def, false);
}

static struct node_row *admin_node(struct nodes_shell *s, struct keeper_act *act)
{
    const char *name = keeper_admin_text(act, "name");
    struct node_row *row = name != NULL ? node_registry_find_name(keeper_core_nodes(s->core), sp_str_of(name)) : NULL;
    if (row == NULL) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_NOT_FOUND, name != NULL ? name : "name", "no such node", "see spicectl node list");
    }
    return row;
}

static json_t *admin_state_to(struct nodes_shell *s, struct keeper_act *act, unsigned state)
{
    struct node_row *row = admin_node(s, act);
    if (row == NULL) {
        return NULL;
    }
    struct node_def def = admin_def_of(row);
    (void)snprintf(act->from, sizeof act->from, "%s", sp_node_state_name(row->state));
    (void)snprintf(act->to, sizeof act->to, "%s", sp_node_state_name(state));
    def.state = (uint8_t)state;
    return row->state == state ? admin_done(act) : admin_node_write(s, act, &def, true);
}

static json_t *admin_node_state(struct nodes_shell *s, struct keeper_act *act)
{
    unsigned state = 0;
    const char *text = keeper_admin_text(act, "state");
    if (text == NULL || !sp_node_state_find(sp_str_of(text), &state)) {
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "state", "is no state of a node",
                                   "in_service, maintenance, quarantined or retired");
    }
    return admin_state_to(s, act, state);
}

static json_t *admin_node_delete(struct nodes_shell *s, struct keeper_act *act)
{
    return admin_state_to(s, act, SP_NODE_STATE_RETIRED);
}

static json_t *admin_node_labels(struct nodes_shell *s, struct keeper_act *act)
{
    char labels[NODE_LABELS_BYTES_MAX + 1];
    struct node_row *row = admin_node(s, act);
    const json_t *given = json_object_get(act->args, "labels");
    if (row == NULL) {
        return NULL;
    }
    struct node_def def = admin_def_of(row);
    def.labels = sp_str_of(labels);
    if (!json_is_object(given) || !admin_labels(given, row->labels, labels, sizeof labels) || (def.labels = sp_str_of(labels), node_registry_fault(&def)) != NULL) {
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "labels", "are not {key: value or null, ...} with plain words", NULL);
    }
    (void)sp_str_copy(act->why, sizeof act->why, sp_str_of(labels));
    return admin_node_write(s, act, &def, false);
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
        done = admin_done(act);
    } else if (nodes_shell_rows(s)) {
        (void)snprintf(act->why, sizeof act->why, "%.190s", text);
        enum sp_rc rc = keeper_store_pool(&s->store, pool.name, sp_str_of(text));
        rc = rc == SP_OK ? keeper_admin_audit(s, act) : rc;
        if (nodes_shell_commit_rows(s, rc)) {
            struct keeper_event ev = {.kind = KEEPER_EV_POOL_PUT, .u.pool = &pool};
            nodes_shell_step(s, &ev);
            done = admin_done(act);
        }
    }
    free(text);
    if (done != NULL && pool_policy_is_empty(&pool)) {
        json_object_set_new(done, "warning", json_string("this pool demands no check and so admits nobody"));
    }
    return done != NULL || act->code != SP_REFUSAL_NONE ? done : admin_store_refuses(act);
}

static json_t *admin_pool_delete(struct nodes_shell *s, struct keeper_act *act)
{
    const char *name = keeper_admin_text(act, "name");
    if (name == NULL || keeper_core_find_pool(s->core, sp_str_of(name)) == POOL_ROWS_MAX) {
        return keeper_admin_refuse(act, SP_REFUSAL_NOT_FOUND, name != NULL ? name : "name", "no such pool", "see spicectl pool list");
    }
    if (act->dry) {
        return admin_done(act);
    }
    if (!nodes_shell_rows(s)) {
        return admin_store_refuses(act);
    }
    enum sp_rc rc = keeper_store_pool(&s->store, name, (struct sp_str){NULL, 0});
    rc = rc == SP_OK ? keeper_admin_audit(s, act) : rc;
    if (!nodes_shell_commit_rows(s, rc)) {
        return admin_store_refuses(act);
    }
    struct keeper_event ev = {.kind = KEEPER_EV_POOL_DELETE, .u.name = sp_str_of(name)};
    nodes_shell_step(s, &ev);
    return admin_done(act);
}

static json_t *admin_key_list(struct nodes_shell *s, struct keeper_act *act)
{
    (void)act;
    return keeper_people_list(s);
}

static const struct admin_verb admin_verbs[] = {
    {"node.list", false, keeper_views_nodes},       {"node.put", true, admin_node_put},
    {"node.state", true, admin_node_state},         {"node.labels", true, admin_node_labels},
    {"node.delete", true, admin_node_delete},       {"pool.list", false, keeper_views_pools},
    {"pool.put", true, admin_pool_put},             {"pool.delete", true, admin_pool_delete},
    {"result.list", false, keeper_views_results},   {"result.history", false, keeper_views_history},
    {"audit.list", false, keeper_views_audit},      {"audit.verify", false, keeper_views_verify},
    {"explain", false, keeper_views_explain},       {"trace.get", false, keeper_views_trace},
    {"key.list", false, admin_key_list},            {"key.revoke", true, keeper_people_revoke},
    {"worker.invite", true, keeper_people_invite},  {"worker.remove", true, keeper_people_revoke},
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
        (void)keeper_admin_refuse(act, SP_REFUSAL_REPLAY, act->actor, "this request was already worked on, or the clock of its host went back", NULL);
        return false;
    }
    if (!nodes_shell_rows(s)) {
        (void)admin_store_refuses(act);
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
        (void)admin_store_refuses(act);
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
    SP_LOG(SP_LOG_NOTICE, "admin", "refused", SP_LOG_S("verb", act->verb), SP_LOG_S("actor", act->actor), SP_LOG_S("object", act->object),
           SP_LOG_S("why", act->err.text));
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
