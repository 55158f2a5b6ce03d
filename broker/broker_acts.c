/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_acts.h"

#include <jansson.h>
#include <stdlib.h>

#include "broker_shell_parts.h"
#include "sp_log.h"

#define DRAIN    "worker.drain"
#define DRAIN_MS 60000u /* unless the request says otherwise */

bool broker_acts_is(struct sp_str verb)
{
    return sp_str_is(verb, DRAIN);
}

/* ---- answers ---- */

static void answer(struct broker_shell *s, const struct broker_act *act, json_t *value)
{
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    struct msg_admin_reply reply = {
        .id = act->request, .code = act->code, .last = true, .data = sp_str_of(text != NULL ? text : "null")};
    struct sp_packer w;

    sp_envelope_begin(&w, s->buffer, SP_ENVELOPE_BUFFER(SP_BODY_BYTES_MAX));
    if (msg_admin_reply_encode(&w, &reply) == SP_OK)
        (void)broker_shell_send(s, act->conn, SP_MSG_ADMIN_REPLY, sp_str_of(act->actor),
                                sp_str_bytes(w.start, sp_packer_bytes(&w)));
    free(text);
    json_decref(value);
}

static void refuse(struct broker_shell *s, struct broker_act *act, enum sp_refusal code, const char *error, const char *hint)
{
    act->code = (uint16_t)code;
    answer(s, act, json_pack("{s:s, s:s, s:s}", "error", error, "where", act->worker, "hint", hint));
}

/* An act that was refused for itself, with its row in the audit or without. */
static void refuse_known(struct broker_shell *s, struct broker_act *act)
{
    if (act->code == SP_REFUSAL_NOT_FOUND)
        refuse(s, act, SP_REFUSAL_NOT_FOUND, "no such worker is connected to this broker", "see spicectl worker list");
    else
        refuse(s, act, SP_REFUSAL_BAD_REQUEST, "which worker?",
               "give the name of a connected worker; spicectl worker list has them");
}

/* ---- reports ---- */

static uint32_t keeper_conn(const struct broker_core *b)
{
    uint32_t peer = b->peers.first_role[SP_ROLE_KEEPER];

    return peer != PEER_NONE ? b->peers.peers[peer].conn : BROKER_NOBODY;
}

/* Gives the act its number and sends it. False: there is no keeper to send it to. */
static bool report(struct broker_shell *s, struct broker_act *act)
{
    uint32_t conn = keeper_conn(s->core);
    const struct msg_act_report head = {.waiting = 1};
    char why[REC_ACT_WHY_MAX + 1], after[REC_ACT_AFTER_MAX + 1];
    struct sp_packer w;

    if (conn == BROKER_NOBODY)
        return false;
    (void)snprintf(why, sizeof why, "at %s, within %u ms", s->core->name, act->deadline_ms);
    (void)snprintf(after, sizeof after, "refused:%s", sp_refusal_name(act->code));
    act->number = s->acts.last = s->acts.last < act->wall_ms * SP_US_PER_MS ? act->wall_ms * SP_US_PER_MS : s->acts.last + 1;
    const struct rec_act r = {.number = act->number,
                              .wall_ms = act->wall_ms,
                              .actor = sp_str_of(act->actor),
                              .what = sp_str_of(DRAIN),
                              .object = sp_str_of(act->worker),
                              .before = sp_str_of(act->code == SP_REFUSAL_NONE ? "serving" : ""),
                              .after = sp_str_of(act->code == SP_REFUSAL_NONE ? "draining" : after),
                              .why = sp_str_of(why)};

    sp_envelope_begin(&w, s->buffer, SP_ENVELOPE_BUFFER(SP_BODY_BYTES_MAX));
    return msg_act_report_begin(&w, &head) == SP_OK && rec_act_put(&w, &r) == SP_OK && msg_act_report_end(&w) == SP_OK &&
           broker_shell_send(s, conn, SP_MSG_ACT_REPORT, sp_str_of(sp_role_name(SP_ROLE_KEEPER)),
                             sp_str_bytes(w.start, sp_packer_bytes(&w))) == SP_OK;
}

static bool is_connected(const struct broker_core *b, const char *name)
{
    uint32_t index = principal_by_name(&b->who, sp_str_of(name));
    uint32_t peer = index != PRINCIPAL_NONE ? b->who.rows[index].first_link : PEER_NONE;

    return peer != PEER_NONE && b->peers.peers[peer].has_worker;
}

/* Reads the request into an act. */
static void read_request(const struct broker_shell *s, const struct msg_admin_request *request, struct broker_act *act)
{
    json_t *args = json_loadb(request->args.p, request->args.n, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(args, "name"));
    json_int_t ms = json_integer_value(json_object_get(args, "deadline_ms"));

    if (name != NULL && sp_str_is_name(sp_str_of(name), sizeof act->worker - 1))
        (void)sp_str_copy(act->worker, sizeof act->worker, sp_str_of(name));
    act->deadline_ms = ms > 0 && ms <= UINT32_MAX ? (uint32_t)ms : DRAIN_MS;
    act->code = act->worker[0] == '\0'               ? SP_REFUSAL_BAD_REQUEST
                : is_connected(s->core, act->worker) ? SP_REFUSAL_NONE
                                                     : SP_REFUSAL_NOT_FOUND;
    json_decref(args);
}

/* A request counts once: its id must be above the last one of that operator. */
void broker_acts_begin(struct broker_shell *s, const struct broker_effect *f, const struct msg_admin_request *request)
{
    struct principal *who = &s->core->who.rows[f->principal];
    const struct sp_now *now = sp_loop_now(s->loop);
    struct broker_act act = {.request = request->id,
                             .conn = f->conn,
                             .wall_ms = now->wall.ms,
                             .until_us = now->mono.us + BROKER_ACTS_WAIT_MS * (uint64_t)SP_US_PER_MS};
    struct broker_act *free_one = NULL;

    (void)sp_str_copy(act.actor, sizeof act.actor, sp_str_of(who->name));
    read_request(s, request, &act);
    for (uint32_t i = 0; i < BROKER_ACTS_MAX && free_one == NULL; i++)
        free_one = s->acts.list[i].number == 0 ? &s->acts.list[i] : NULL;
    if (request->id <= who->admin_id) {
        refuse(s, &act, SP_REFUSAL_REPLAY, "request was seen before", "send it again as a new request");
    } else if (free_one == NULL) {
        refuse(s, &act, SP_REFUSAL_OVERLOAD, "nothing was done: too many acts wait for the keeper's audit", "ask again later");
    } else {
        who->admin_id = request->id;
        if (report(s, &act))
            *free_one = act;
        else if (act.code == SP_REFUSAL_NONE)
            refuse(s, &act, SP_REFUSAL_NO_ROUTE, "nothing was done: there is no keeper to take the act into its audit",
                   "is the keeper running? spicectl doctor");
        else
            refuse_known(s, &act);
    }
}

/* ---- what comes of them ---- */

/* The row is on the disk. */
static void carry_out(struct broker_shell *s, struct broker_act *act)
{
    if (act->code == SP_REFUSAL_NONE) {
        act->code = (uint16_t)broker_core_drain(s->core, sp_str_of(act->worker), act->deadline_ms, &s->admin_fx);
        broker_shell_perform(s, &s->admin_fx);
    }
    SP_LOG(act->code == SP_REFUSAL_NONE ? SP_LOG_NOTICE : SP_LOG_INFO, "broker", "admin", SP_LOG_S("verb", DRAIN),
           SP_LOG_S("by", act->actor), SP_LOG_S("name", act->worker), SP_LOG_S("result", sp_refusal_name(act->code)));
    if (act->code == SP_REFUSAL_NONE)
        answer(s, act, json_pack("{s:s, s:b}", "name", act->worker, "draining", 1));
    else
        refuse_known(s, act);
}

/* The keeper knows a higher number of ours: the clock of this host went back. */
static bool number_again(struct broker_shell *s, struct broker_act *act, const struct msg_act_stored *m)
{
    if (m->code != SP_REFUSAL_REPLAY || act->again)
        return false;
    act->again = true;
    s->acts.last = m->highest;
    return report(s, act);
}

void broker_acts_on_stored(struct broker_shell *s, struct sp_str body)
{
    struct msg_act_stored m;

    if (msg_act_stored_decode((const uint8_t *)body.p, body.n, &m) != SP_OK)
        return;
    for (uint32_t i = 0; i < BROKER_ACTS_MAX; i++) {
        struct broker_act *act = &s->acts.list[i];

        if (act->number == 0)
            continue;
        if (m.number == act->number) {
            struct broker_act done = *act;

            act->number = 0;
            carry_out(s, &done);
            return;
        }
        if (m.code != SP_REFUSAL_NONE && m.refused == act->number) {
            if (!number_again(s, act, &m)) {
                refuse(s, act, m.code == SP_REFUSAL_OVERLOAD ? SP_REFUSAL_OVERLOAD : SP_REFUSAL_STORE,
                       "nothing was done: the keeper did not take the act into its audit", "look at the keeper's log");
                act->number = 0;
            }
            return;
        }
    }
}

void broker_acts_tick(struct broker_shell *s)
{
    uint64_t now_us = sp_loop_now(s->loop)->mono.us;

    for (uint32_t i = 0; i < BROKER_ACTS_MAX; i++) {
        struct broker_act *act = &s->acts.list[i];

        if (act->number == 0 || now_us < act->until_us)
            continue;
        if (act->code == SP_REFUSAL_NONE)
            refuse(s, act, SP_REFUSAL_NO_ROUTE, "nothing was done: the keeper did not take the act into its audit in time",
                   "is the keeper running? spicectl doctor");
        else
            refuse_known(s, act);
        act->number = 0;
    }
}

uint64_t broker_acts_deadline(const struct broker_shell *s)
{
    uint64_t first = SP_NEVER;

    for (uint32_t i = 0; i < BROKER_ACTS_MAX; i++)
        if (s->acts.list[i].number != 0 && s->acts.list[i].until_us < first)
            first = s->acts.list[i].until_us;
    return first;
}
