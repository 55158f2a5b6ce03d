/* SPDX-License-Identifier: Apache-2.0 */
/* What a bridge may look at: views, and nothing that writes. The table of views is of its own, so that a verb added for operators
 * does not become one for a bus that others write to. */
#include <stdio.h>
#include <stdlib.h>

#include "dispatch_keeper_shell.h"
#include "keeper_views.h"

#define REPORTS_AT_ONCE     32u
#define REPORTS_EVERY_MS    10000u /* one more each time: a bridge cannot fill the disk */
#define RECENT_ROWS_MAX     2000u
#define RECENT_UNSETTLED_MS 60000u /* a result that is not durable after so long never will be */

/* One result as it passed the keeper; NULL for what is nobody's business: refused ones, tests, checks and nodes that are gone. */
static json_t *bridge_recent_row(struct nodes_shell *s, const struct result_stamp *t)
{
    const struct node_row *row = node_registry_at(keeper_core_nodes(s->core), t->node);
    uint32_t index = check_table_find(keeper_core_checks(s->core), t->check);
    if (t->code != SP_REFUSAL_NONE || t->durable_us == 0 || t->test || row == NULL || index == CHECK_ROW_NONE) {
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "node", row->name, "check",
                     check_table_at(keeper_core_checks(s->core), index)->name, "outcome", sp_outcome_name(t->outcome), "run_us",
                     (json_int_t)t->run_us, "wait_us", (json_int_t)t->wait_us, "worker", keeper_core_worker(s->core, t->worker));
}

/* Results after number `after` of this start of the keeper, oldest first; without it only the number of the next one. What left the
 * ring meanwhile is lost: this is for meters, who want the newest. */
static json_t *bridge_recent(struct nodes_shell *s, struct keeper_act *act)
{
    const struct result_ring *ring = keeper_core_ring(s->core);
    const json_t *given = json_object_get(act->args, "after");
    json_t *list = json_array();
    uint64_t at = ring->stamped, now_us = nodes_shell_now(s).mono.us;
    if (json_is_integer(given) && json_integer_value(given) >= 0) {
        uint64_t after = (uint64_t)json_integer_value(given),
                 oldest = ring->stamped > RESULT_RING_SIZE ? ring->stamped - RESULT_RING_SIZE : 0;
        at = after > ring->stamped ? 0 : after; /* numbers of an earlier start */
        at = at < oldest ? oldest : at;
    }
    for (; at < ring->stamped && json_array_size(list) < RECENT_ROWS_MAX; at++) {
        const struct result_stamp *t = result_ring_nth(ring, ring->stamped - 1 - at);
        bool waits = t->durable_us == 0 && t->code == SP_REFUSAL_NONE &&
                     now_us < t->received_us + RECENT_UNSETTLED_MS * (uint64_t)SP_US_PER_MS;
        if (waits) {
            break;
        }
        json_t *row = bridge_recent_row(s, t);
        if (row != NULL) {
            json_array_append_new(list, row);
        }
    }
    return json_pack("{s:I, s:o}", "next", (json_int_t)at, "results", list);
}

static const struct bridge_view {
    const char *name;
    json_t *(*fn)(struct nodes_shell *s, struct keeper_act *act); /* of keeper_views.h, or above: nothing there changes anything */
} bridge_views[] = {
    {"node.list", keeper_views_nodes},        {"pool.list", keeper_views_pools}, {"result.list", keeper_views_results},
    {"result.history", keeper_views_history}, {"result.recent", bridge_recent},  {"explain", keeper_views_explain},
};

static json_t *bridge_look(struct nodes_shell *s, struct keeper_act *act)
{
    const char *words[SP_COUNT(bridge_views)];
    if (!json_is_object(act->args)) {
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "args", "are no JSON object", NULL);
    }
    for (size_t i = 0; i < SP_COUNT(bridge_views); i++) {
        if (strcmp(bridge_views[i].name, act->verb) == 0) {
            return bridge_views[i].fn(s, act);
        }
        words[i] = bridge_views[i].name;
    }
    return keeper_admin_refuse(act, SP_REFUSAL_AUTHORITY, act->verb, "is no view for a bridge",
                               sp_str_nearest(sp_str_of(act->verb), words, SP_COUNT(words)));
}

static void bridge_reply(struct nodes_shell *s, const struct sp_bus_message *m, const struct keeper_act *act, const char *text)
{
    struct sp_str rest = sp_str_of(text);
    for (uint32_t part = 0; part == 0 || rest.n > 0; part++) {
        size_t room = 0;
        struct msg_view_reply reply = {.id = act->id, .code = (uint16_t)act->code, .part = part};
        reply.data = (struct sp_str){rest.p, rest.n < MSG_VIEW_REPLY_DATA_MAX ? rest.n : MSG_VIEW_REPLY_DATA_MAX};
        rest = (struct sp_str){rest.p + reply.data.n, rest.n - reply.data.n};
        reply.last = rest.n == 0;
        struct sp_packer w;
        uint8_t *body = sp_bus_body(s->bus, &room);
        sp_packer_init(&w, body, room);
        if (msg_view_reply_encode(&w, &reply) == SP_OK) {
            nodes_shell_send(s, SP_MSG_VIEW_REPLY, act->actor, (int)m->broker, sp_str_bytes(body, sp_packer_bytes(&w)));
        }
    }
}

enum sp_rc keeper_shell_on_view_request(struct keeper_shell_in *in, struct msg_view_request *r)
{
    struct nodes_shell *s = in->shell;
    const struct sp_bus_message *m = in->message;
    char view[MSG_VIEW_REQUEST_VIEW_MAX + 1], actor[SP_BUS_NAME_BYTES];
    (void)sp_str_copy(view, sizeof view, r->view);
    (void)sp_str_copy(actor, sizeof actor, sp_str_of(m->from->name));
    struct keeper_act act = {.actor = actor, .verb = view, .id = r->id};
    act.args = json_loadb(r->args.n > 0 ? r->args.p : "{}", r->args.n > 0 ? r->args.n : 2, JSON_REJECT_DUPLICATES, NULL);
    (void)nodes_shell_flush(s);
    json_t *value = bridge_look(s, &act);
    if (act.code == SP_REFUSAL_NONE && value == NULL) {
        (void)keeper_admin_refuse(&act, SP_REFUSAL_OVERLOAD, "memory", "is not enough for the answer", "ask for less with limit");
    }
    if (act.code != SP_REFUSAL_NONE) {
        json_decref(value);
        value = json_pack("{s:s, s:s, s:s}", "error", act.err.text, "where", act.err.where, "hint", act.err.hint);
    }
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    bridge_reply(s, m, &act, text != NULL ? text : "{}");
    free(text);
    json_decref(value);
    json_decref(act.args);
    return SP_OK;
}

/* ---- what a bridge did in Nova ---- */

/* Whether there is room for one more row of this bridge, and the report is none of before. Gives what is known of the bridge. */
static enum sp_refusal report_look(struct nodes_shell *s, const char *bridge, uint64_t id, struct nodes_reports **of)
{
    struct nodes_reports *r = NULL;
    uint64_t now_ms = sp_mono_ms(nodes_shell_now(s).mono);
    for (uint32_t i = 0; i < SP_COUNT(s->reports) && r == NULL; i++) {
        if (strcmp(s->reports[i].bridge, bridge) == 0 || s->reports[i].bridge[0] == '\0') {
            r = &s->reports[i];
        }
    }
    if (r == NULL || id == 0) {
        return SP_REFUSAL_BAD_REQUEST;
    }
    *of = r;
    if (id <= r->id) {
        return SP_REFUSAL_REPLAY;
    }
    if (r->bridge[0] == '\0') {
        (void)sp_str_copy(r->bridge, sizeof r->bridge, sp_str_of(bridge));
        r->room = REPORTS_AT_ONCE;
        r->room_ms = now_ms;
    }
    uint64_t more = (now_ms - r->room_ms) / REPORTS_EVERY_MS;
    r->room_ms += more * REPORTS_EVERY_MS;
    r->room = more + r->room > REPORTS_AT_ONCE ? REPORTS_AT_ONCE : r->room + (uint32_t)more;
    if (r->room == 0) {
        return SP_REFUSAL_OVERLOAD; /* it comes again */
    }
    r->room--;
    return SP_REFUSAL_NONE;
}

static void report_answer(struct nodes_shell *s, const struct sp_bus_message *m, uint64_t id, enum sp_refusal code,
                          uint64_t highest)
{
    char actor[SP_BUS_NAME_BYTES], text[128];
    (void)sp_str_copy(actor, sizeof actor, sp_str_of(m->from->name));
    struct keeper_act act = {.actor = actor, .id = id, .code = code};
    (void)snprintf(text, sizeof text, "{\"error\": \"%s\", \"where\": \"report\", \"highest\": %llu}",
                   sp_refusal_name((uint8_t)code), (unsigned long long)highest);
    bridge_reply(s, m, &act, code == SP_REFUSAL_NONE ? "{}" : text);
    s->reports_refused += code != SP_REFUSAL_NONE;
}

/* One row of the audit and nothing else: what is reported here changes no node, pool or result (SI-10). The bridge is answered when the row is
 * committed, and sends again what it got no answer to. */
enum sp_rc keeper_shell_on_action_report(struct keeper_shell_in *in, struct msg_action_report *r)
{
    static const char *const words[] = {"disabled", "enabled", "released", "refused", "held"};
    struct nodes_shell *s = in->shell;
    const char *what = NULL;
    struct nodes_reports *of = NULL;
    char verb[32], node[MSG_ACTION_REPORT_NODE_MAX + 1], pool[MSG_ACTION_REPORT_POOL_MAX + 1],
        detail[MSG_ACTION_REPORT_DETAIL_MAX + 1];
    for (size_t i = 0; i < SP_COUNT(words); i++) {
        what = sp_str_is(r->what, words[i]) ? words[i] : what;
    }
    bool known = node_registry_find(keeper_core_nodes(s->core), r->node) != NULL;
    enum sp_refusal code = what == NULL || !sp_str_is_name(r->pool, sizeof pool - 1) ? SP_REFUSAL_BAD_REQUEST
                           : !known                                                  ? SP_REFUSAL_UNKNOWN_NODE
                                                                                     : SP_REFUSAL_NONE;
    code = code == SP_REFUSAL_NONE ? report_look(s, in->message->from->name, r->id, &of) : code;
    if (code != SP_REFUSAL_NONE) {
        report_answer(s, in->message, r->id, code, of != NULL ? of->id : 0);
        return SP_E_INVALID;
    }
    (void)snprintf(verb, sizeof verb, "action.%s", what);
    (void)sp_str_copy(node, sizeof node, r->node);
    (void)sp_str_copy(pool, sizeof pool, r->pool);
    (void)sp_str_copy(detail, sizeof detail, r->detail);
    struct keeper_store_audit row = {.wall_ms = nodes_shell_now(s).wall.ms,
                                     .actor = in->message->from->name,
                                     .what = verb,
                                     .object = node,
                                     .from = pool,
                                     .to = "",
                                     .why = detail};
    bool kept = nodes_shell_rows(s) && nodes_shell_commit_rows(s, keeper_store_audit(&s->store, &row));
    of->id = kept ? r->id : of->id; /* else it may come again */
    report_answer(s, in->message, r->id, kept ? SP_REFUSAL_NONE : SP_REFUSAL_STORE, of->id);
    return SP_OK;
}
