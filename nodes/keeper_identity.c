/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_identity.h"

#include <stdio.h>

#include "dispatch_keeper_shell.h"
#include "keeper_identity_store.h"
#include "keeper_node_admin.h"
#include "sp_hex.h"
#include "sp_log.h"

#define PRINT_HEX (2 * ENROLMENT_PRINT_BYTES + 1)

/* ---- start ---- */

enum sp_rc keeper_identity_open(struct nodes_shell *s, struct sp_err *err)
{
    enum sp_rc rc = keeper_identity_load(&s->store, keeper_core_nodes(s->core), &s->identities);
    return rc == SP_OK ? rc : sp_err_set(err, rc, s->store.path, "table identity cannot be read back: %s", sp_rc_text(rc));
}

/* A copy from before a node was bound to another TPM would let the former one speak again. Whether there was such a change is known only
 * while the anchor can be read; without it all are doubted. */
enum sp_rc keeper_identity_rolled_back(struct nodes_shell *s, enum keeper_anchor anchor)
{
    bool same =
        anchor == KEEPER_ANCHOR_FITS || (anchor == KEEPER_ANCHOR_OLDER && s->store.anchor_identities <= s->store.identities);
    if (same || (s->identities.number == 0 && s->store.anchor_identities == 0)) {
        return SP_OK;
    }
    SP_LOG(SP_LOG_ERROR, "store", "identities.doubted", SP_LOG_U("rows", s->identities.number),
           SP_LOG_U("expected", s->store.anchor_identities), SP_LOG_S("effect", "no node is enrolled until it proves itself anew"),
           SP_LOG_S("hint", "spicectl node enroll --all, as at the first time"));
    return keeper_identity_doubt(&s->store, &s->identities, s->store.anchor_identities);
}

/* ---- what is told ---- */

/* Why the attester of an identity may not speak for the node now; NULL: it may. */
static const char *identity_fault(const struct nodes_shell *s, const struct node_row *node, const struct enrolled *id)
{
    const struct sp_bus_principal *p = sp_bus_principal_find(s->bus, id->attester);
    if (p == NULL || p->role != SP_ROLE_ATTESTER) {
        return "no such attester is known";
    }
    if (p->revoked) {
        return "the attester was revoked";
    }
    if (strcmp(p->nodes, node->name) != 0) {
        return "the attester speaks for a node of another name";
    }
    bool key = memcmp(p->sign, id->sign, 32) == 0 || memcmp(p->next_sign, id->sign, 32) == 0;
    return key ? NULL : "the attester has other keys now";
}

static const struct enrolled *identity_told(const struct nodes_shell *s, const struct node_row *node)
{
    const struct enrolment_row *row = enrolment_at(&s->identities, node->id);
    bool held = enrolment_state(&s->identities, row, node) == ENROLMENT_HELD && node->state != SP_NODE_STATE_RETIRED;
    return held && identity_fault(s, node, &row->is) == NULL ? &row->is : NULL;
}

enum sp_rc keeper_shell_on_identity_get(struct keeper_shell_in *in, struct msg_identity_get *m)
{
    struct nodes_shell *s = in->shell;
    static const uint8_t none[32];
    uint8_t body[MSG_IDENTITY_BYTES_MAX];
    struct sp_packer w;
    (void)nodes_shell_flush(s); /* a generation that a result has begun is told when it is durable */
    const struct node_row *node = node_registry_find_name(keeper_core_nodes(s->core), m->node);
    const struct enrolled *id = node != NULL ? identity_told(s, node) : NULL;
    struct msg_identity reply = {.node = m->node,
                                 .generation = node != NULL ? node->generation : 0,
                                 .code = SP_REFUSAL_NOT_FOUND,
                                 .attester = sp_str_of(""),
                                 .sign = sp_str_bytes(none, 0),
                                 .ak = sp_str_bytes(none, 0),
                                 .ek = sp_str_bytes(none, 0)};
    if (id != NULL) {
        reply.code = SP_REFUSAL_NONE;
        reply.attester = sp_str_of(id->attester);
        reply.sign = sp_str_bytes(id->sign, sizeof id->sign);
        reply.ak = sp_str_bytes(id->ak, id->ak_bytes);
        reply.ek = sp_str_bytes(id->ek, sizeof id->ek);
        reply.mode = id->mode;
    }
    sp_packer_init(&w, body, sizeof body);
    if (msg_identity_encode(&w, &reply) == SP_OK) {
        nodes_shell_send(s, SP_MSG_IDENTITY, in->message->from->name, (int)in->message->broker,
                         sp_str_bytes(body, sp_packer_bytes(&w)));
    }
    return SP_OK;
}

const char *keeper_identity_word(struct nodes_shell *s, const struct node_row *node)
{
    const struct enrolment_row *row = enrolment_at(&s->identities, node->id);
    enum enrolment_state state = enrolment_state(&s->identities, row, node);
    if (state != ENROLMENT_HELD) {
        return enrolment_state_name(state);
    }
    return identity_fault(s, node, &row->is) == NULL ? sp_enrolment_name(row->is.mode) : "no_attester";
}

/* ---- words for people ---- */

static json_t *identity_hex(const uint8_t *p, size_t n)
{
    char hex[2 * 32 + 1];
    sp_hex_write(p, n < 32 ? n : 32, hex);
    return json_string(hex);
}

static json_t *identity_wall(uint64_t wall_ms)
{
    char text[32];
    sp_time_format_wall((struct sp_wall){wall_ms}, text, sizeof text);
    return json_string(text);
}

static json_t *identity_json(const struct enrolled *id, const struct enrolment_act *act)
{
    uint8_t ak[32];
    sp_crypto_sha256(id->ak, id->ak_bytes, ak);
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:o}", "mode", sp_enrolment_name(id->mode), "attester", id->attester,
                     "fingerprint", identity_hex(id->print, sizeof id->print), "ek", identity_hex(id->ek, sizeof id->ek), "ak",
                     identity_hex(ak, sizeof ak), "by", act->by, "approved_by", act->approved, "at", identity_wall(act->wall_ms));
}

json_t *keeper_identity_show(struct nodes_shell *s, const struct node_row *node)
{
    const struct enrolment_row *row = enrolment_at(&s->identities, node->id);
    enum enrolment_state state = enrolment_state(&s->identities, row, node);
    json_t *one = state != ENROLMENT_NOBODY ? identity_json(&row->is, &row->act) : json_object();
    if (state != ENROLMENT_NOBODY) {
        char hex[2 * ENROLMENT_AK_MAX + 1];
        sp_hex_write(row->is.ak, row->is.ak_bytes, hex);
        json_object_set_new(one, "ak_public", json_string(hex));
    }
    const char *fault = state == ENROLMENT_HELD ? identity_fault(s, node, &row->is) : NULL;
    bool waits = enrolment_waits(row, node, nodes_shell_now(s).wall.ms);
    char starts[32] = "";
    if (node->instance != 0) {
        (void)snprintf(starts, sizeof starts, "%u.%u", (unsigned)(node->instance >> 32), (unsigned)(node->instance & UINT32_MAX));
    }
    json_object_set_new(one, "state", json_string(enrolment_state_name(state)));
    json_object_set_new(one, "fault", fault != NULL ? json_string(fault) : json_null());
    json_object_set_new(one, "starts", starts[0] != '\0' ? json_string(starts) : json_null());
    json_object_set_new(one, "request", waits ? identity_json(&row->ask, &row->asked) : json_null());
    return one;
}

json_t *keeper_identity_count(struct nodes_shell *s)
{
    const struct node_registry *nodes = keeper_core_nodes(s->core);
    json_t *counts = json_object();
    json_int_t waiting = 0;
    for (uint32_t id = 1; id <= nodes->count; id++) {
        const struct node_row *node = node_registry_at(nodes, id);
        if (node->state != SP_NODE_STATE_RETIRED) {
            const char *word = keeper_identity_word(s, node);
            json_object_set_new(counts, word, json_integer(json_integer_value(json_object_get(counts, word)) + 1));
            waiting += enrolment_waits(enrolment_at(&s->identities, id), node, nodes_shell_now(s).wall.ms);
        }
    }
    json_object_set_new(counts, "waits", json_integer(waiting));
    return counts;
}

/* ---- verbs ---- */

static bool identity_keys(struct keeper_act *act, const char *const *known, size_t count)
{
    const char *key;
    json_t *value;
    json_object_foreach(act->args, key, value)
    {
        size_t i = 0;
        while (i < count && strcmp(key, known[i]) != 0) {
            i++;
        }
        bool flag = i < count && (strcmp(key, "replace") == 0 || strcmp(key, "dry_run") == 0);
        if (i == count || (flag ? !json_is_boolean(value) : !json_is_string(value))) {
            (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, key,
                                      i == count ? "is not known here" : "has a value of the wrong type",
                                      sp_str_nearest(sp_str_of(key), known, count));
            return false;
        }
    }
    return true;
}

static bool identity_bytes(struct keeper_act *act, const char *key, uint8_t *to, size_t n)
{
    const char *hex = keeper_admin_text(act, key);
    if (hex != NULL && sp_hex_parse(sp_str_of(hex), to, n)) {
        return true;
    }
    char text[64];
    (void)snprintf(text, sizeof text, "is not %zu bytes in hexadecimal", n);
    (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, key, text, NULL);
    return false;
}

/* Reads what an operator proved. False: refused. */
static bool identity_words(struct keeper_act *act, const struct node_row *node, struct enrolled *id)
{
    static const char *const known[] = {"name", "attester", "sign", "ek", "ek_public", "ak", "mode", "replace", "dry_run"};
    const char *mode = keeper_admin_text(act, "mode"), *ak = keeper_admin_text(act, "ak"),
               *attester = keeper_admin_text(act, "attester");
    unsigned found = SP_ENROLMENT_NONE;
    memset(id, 0, sizeof *id);
    if (!identity_keys(act, known, SP_COUNT(known)) || !identity_bytes(act, "sign", id->sign, 32) ||
        !identity_bytes(act, "ek", id->ek, 32) || !identity_bytes(act, "ek_public", id->ek_public, 32)) {
        return false;
    }
    if (mode == NULL || !sp_enrolment_find(sp_str_of(mode), &found) || found == SP_ENROLMENT_NONE) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "mode", "is neither certified nor first_use", NULL);
        return false;
    }
    size_t hex = ak != NULL ? strlen(ak) : 0;
    if (hex == 0 || hex > 2 * ENROLMENT_AK_MAX || !sp_hex_parse(sp_str_of(ak), id->ak, hex / 2)) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "ak", "is no public key in hexadecimal", NULL);
        return false;
    }
    if (attester == NULL || !sp_str_copy(id->attester, sizeof id->attester, sp_str_of(attester))) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "attester", "is no name of a principal", NULL);
        return false;
    }
    id->mode = (uint8_t)found;
    id->ak_bytes = (uint32_t)(hex / 2);
    keeper_identity_print(node->key, id);
    return true;
}

static void identity_why(struct keeper_act *act, const struct node_row *node, const struct enrolled *id, const char *approved)
{
    char key[SP_HEX_KEY_BYTES];
    sp_hex_key_write(node->key, key);
    (void)snprintf(act->why, sizeof act->why, KEEPER_IDENTITY_WHY "%s %u %s, attester %s%s%s", key, node->id,
                   sp_enrolment_name(id->mode), id->attester, approved[0] != '\0' ? ", asked for by " : "", approved);
}

/* Makes the row durable with its audit row and, when what is told changes, the new generation of the node; then tells table and core. */
static json_t *identity_write(struct nodes_shell *s, struct keeper_act *act, struct enrolment_row *next, bool renew)
{
    struct node_registry *nodes = keeper_core_nodes(s->core);
    if (!nodes_shell_rows(s)) {
        return keeper_admin_store_refuses(act);
    }
    const struct node_row *node = node_registry_at(nodes, next->node);
    struct node_row fresh = *node; /* as it will be */
    fresh.instance = 0;
    fresh.instance_worker = 0;
    const struct node_def def = node_registry_def(node);
    const struct keeper_store_node n = {&def, node->id, node->generation + 1, nodes->version + 1};
    next->number = s->identities.number + 1;
    enum sp_rc rc = keeper_identity_put(&s->store, next);
    rc = rc == SP_OK && renew ? keeper_store_node(&s->store, &n) : rc;
    rc = rc == SP_OK && renew ? keeper_instance_put(&s->store, &fresh) : rc;
    rc = rc == SP_OK ? keeper_admin_audit(s, act) : rc;
    struct enrolment_row *place = enrolment_place(&s->identities, next->node);
    rc = rc == SP_OK && place == NULL ? SP_E_NOMEM : rc;
    if (!nodes_shell_commit_rows(s, rc)) {
        return keeper_admin_store_refuses(act);
    }
    s->identities.number = next->number;
    *place = *next;
    keeper_store_anchor(&s->store); /* an older copy shows from now on, not in some seconds */
    if (renew) {
        struct keeper_event ev = {.kind = KEEPER_EV_NODE_IDENTITY, .u.id = next->node};
        nodes_shell_step(s, &ev);
    }
    SP_LOG(SP_LOG_NOTICE, "keeper", act->verb, SP_LOG_S("node", act->object), SP_LOG_S("to", act->to), SP_LOG_S("by", act->actor),
           SP_LOG_S("why", act->why));
    return json_object();
}

static json_t *identity_answer(const struct keeper_act *act, json_t *done, const struct enrolled *id, const char *result)
{
    if (done == NULL) {
        return NULL;
    }
    json_object_update_new(done, json_pack("{s:s, s:s, s:o, s:s, s:b}", "name", act->object, "result", result, "fingerprint",
                                           identity_hex(id->print, sizeof id->print), "mode", sp_enrolment_name(id->mode),
                                           "dry_run", act->dry));
    return done;
}

static struct enrolment_row identity_next(const struct nodes_shell *s, const struct node_row *node)
{
    const struct enrolment_row *had = enrolment_at(&s->identities, node->id);
    struct enrolment_row next = {.node = node->id};
    return had != NULL ? *had : next;
}

/* Binds the identity to the node as it is now. */
static json_t *identity_bind(struct nodes_shell *s, struct keeper_act *act, const struct node_row *node, const struct enrolled *id,
                             const struct enrolment_act *who)
{
    struct enrolment_row next = identity_next(s, node);
    if (next.is.mode != SP_ENROLMENT_NONE) {
        sp_hex_write(next.is.print, sizeof next.is.print, act->from);
    }
    sp_hex_write(id->print, sizeof id->print, act->to);
    memcpy(next.key, node->key, sizeof next.key);
    next.withdrawn = false;
    next.is = *id;
    next.act = *who;
    if (who->approved[0] != '\0' ||
        memcmp(next.ask.print, id->print, sizeof id->print) == 0) { /* else somebody's request still waits */
        memset(&next.ask, 0, sizeof next.ask);
    }
    return act->dry ? json_object() : identity_write(s, act, &next, true);
}

static json_t *identity_request(struct nodes_shell *s, struct keeper_act *act, const struct node_row *node,
                                const struct enrolled *id)
{
    struct enrolment_row next = identity_next(s, node);
    char print[PRINT_HEX];
    sp_hex_write(id->print, sizeof id->print, print);
    (void)snprintf(act->to, sizeof act->to, "ask %s", print);
    if (next.is.mode != SP_ENROLMENT_NONE) {
        sp_hex_write(next.is.print, sizeof next.is.print, act->from);
    }
    memcpy(next.ask_key, node->key, sizeof next.ask_key);
    next.ask = *id;
    next.asked = (struct enrolment_act){.wall_ms = nodes_shell_now(s).wall.ms};
    (void)sp_str_copy(next.asked.by, sizeof next.asked.by, sp_str_of(act->actor));
    return act->dry ? json_object() : identity_write(s, act, &next, false);
}

/* True when the identity may be bound, or asked for; otherwise refused. */
static bool identity_possible(struct nodes_shell *s, struct keeper_act *act, const struct node_row *node, const struct enrolled *id,
                              enum enrolment_change *made)
{
    const struct node_row *other = NULL;
    const char *fault = identity_fault(s, node, id);
    char text[160];
    enum enrolment_change change = *made = enrolment_judge(&s->identities, keeper_core_nodes(s->core), node, id, &other);
    if (fault != NULL) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, id->attester, fault,
                                  "spicectl key list shows attesters and the nodes they speak for");
        return false;
    }
    if (change == ENROLMENT_TAKEN) {
        (void)snprintf(text, sizeof text, "node %s is enrolled with a key or the attester of this one", other->name);
        (void)keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, node->name, text,
                                  "spicectl node unenroll the other node first, if the machine moved");
        return false;
    }
    if (change == ENROLMENT_BAD) {
        bool retired = node->state == SP_NODE_STATE_RETIRED;
        (void)keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, node->name, retired ? "is retired" : "was given no identity",
                                  retired ? "put it in service first: spicectl node resume" : NULL);
        return false;
    }
    return true;
}

json_t *keeper_identity_enroll(struct nodes_shell *s, struct keeper_act *act)
{
    const struct node_row *node = keeper_node_find(s, act, "name");
    enum enrolment_change change = ENROLMENT_BAD;
    struct enrolled id;
    if (node == NULL) {
        return NULL;
    }
    (void)snprintf(act->object, sizeof act->object, "%s", node->name);
    if (!identity_words(act, node, &id)) {
        return NULL;
    }
    if (!identity_possible(s, act, node, &id, &change)) {
        return NULL;
    }
    identity_why(act, node, &id, "");
    if (change == ENROLMENT_OTHER && !json_is_true(json_object_get(act->args, "replace"))) {
        return keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, node->name, "is enrolled with another identity, or was",
                                   "--replace asks for it; another operator then says yes with: spicectl node approve");
    }
    if (change == ENROLMENT_OTHER) {
        return identity_answer(act, identity_request(s, act, node, &id), &id, "waits");
    }
    struct enrolment_act who = {.wall_ms = nodes_shell_now(s).wall.ms};
    (void)sp_str_copy(who.by, sizeof who.by, sp_str_of(act->actor));
    return identity_answer(act, identity_bind(s, act, node, &id, &who), &id,
                           change == ENROLMENT_FRESH      ? "enrolled"
                           : change == ENROLMENT_STRONGER ? "strengthened"
                                                          : "confirmed");
}

/* What stands against an approval; NULL: nothing. */
static const char *identity_refuses(const struct nodes_shell *s, enum enrolment_approval a, const struct enrolment_row *row)
{
    static const char *const texts[] = {
        [ENROLMENT_NO_REQUEST] = "no request for another identity waits",
        [ENROLMENT_NOT_THIS] = "the request is not the one that was looked at",
        [ENROLMENT_SELF] = "who asked for another identity cannot approve it",
    };
    const struct sp_bus_principal *asker = a == ENROLMENT_APPROVED ? sp_bus_principal_find(s->bus, row->asked.by) : NULL;
    if (a == ENROLMENT_APPROVED && (asker == NULL || asker->revoked || asker->role != SP_ROLE_OPERATOR)) {
        return "who asked for another identity is no operator any more";
    }
    return texts[a];
}

json_t *keeper_identity_approve(struct nodes_shell *s, struct keeper_act *act)
{
    static const char *const known[] = {"name", "fingerprint", "dry_run"};
    const struct node_row *node = keeper_node_find(s, act, "name");
    enum enrolment_change change = ENROLMENT_BAD;
    uint8_t print[ENROLMENT_PRINT_BYTES];
    if (node == NULL) {
        return NULL;
    }
    (void)snprintf(act->object, sizeof act->object, "%s", node->name);
    if (!identity_keys(act, known, SP_COUNT(known)) || !identity_bytes(act, "fingerprint", print, sizeof print)) {
        return NULL;
    }
    const struct enrolment_row *row = enrolment_at(&s->identities, node->id);
    enum enrolment_approval a = enrolment_may_approve(row, node, sp_str_of(act->actor), print, nodes_shell_now(s).wall.ms);
    const char *text = identity_refuses(s, a, row);
    if (text != NULL) {
        return keeper_admin_refuse(act, a == ENROLMENT_NO_REQUEST ? SP_REFUSAL_NOT_FOUND : SP_REFUSAL_CONFLICT, node->name, text,
                                   "spicectl node show NAME shows what waits");
    }
    struct enrolled id = row->ask;
    struct enrolment_act who = row->asked;
    if (!identity_possible(s, act, node, &id, &change)) {
        return NULL;
    }
    identity_why(act, node, &id, who.by);
    who.wall_ms = nodes_shell_now(s).wall.ms;
    (void)sp_str_copy(who.approved, sizeof who.approved, sp_str_of(act->actor));
    return identity_answer(act, identity_bind(s, act, node, &id, &who), &id, "enrolled");
}

/* Takes trust away only, so one operator is enough. What was bound stays written down: another identity needs the second approval as before. */
json_t *keeper_identity_unenroll(struct nodes_shell *s, struct keeper_act *act)
{
    const struct node_row *node = keeper_node_find(s, act, "name");
    if (node == NULL) {
        return NULL;
    }
    (void)snprintf(act->object, sizeof act->object, "%s", node->name);
    struct enrolment_row next = identity_next(s, node);
    bool waits = next.ask.mode != SP_ENROLMENT_NONE;
    if (next.is.mode == SP_ENROLMENT_NONE || (next.withdrawn && !waits)) {
        return keeper_admin_refuse(act, SP_REFUSAL_NOT_FOUND, node->name, "is not enrolled, and nothing waits", NULL);
    }
    sp_hex_write(next.is.print, sizeof next.is.print, act->from);
    (void)snprintf(act->to, sizeof act->to, "withdrawn");
    identity_why(act, node, &next.is, "");
    struct enrolled id = next.is;
    next.withdrawn = true;
    next.act = (struct enrolment_act){.wall_ms = nodes_shell_now(s).wall.ms};
    (void)sp_str_copy(next.act.by, sizeof next.act.by, sp_str_of(act->actor));
    memset(&next.ask, 0, sizeof next.ask);
    return identity_answer(act, act->dry ? json_object() : identity_write(s, act, &next, true), &id, "withdrawn");
}

void keeper_identity_revoked(struct nodes_shell *s, const char *attester)
{
    struct node_registry *nodes = keeper_core_nodes(s->core);
    for (uint32_t id = 1; id <= nodes->count; id++) {
        const struct enrolment_row *row = enrolment_at(&s->identities, id);
        const struct node_row *node = node_registry_at(nodes, id);
        if (row == NULL || row->is.mode == SP_ENROLMENT_NONE || strcmp(row->is.attester, attester) != 0 || !nodes_shell_rows(s)) {
            continue;
        }
        const struct node_def def = node_registry_def(node);
        const struct keeper_store_node n = {&def, id, node->generation + 1, nodes->version + 1};
        if (nodes_shell_commit_rows(s, keeper_store_node(&s->store, &n))) {
            struct keeper_event ev = {.kind = KEEPER_EV_NODE_IDENTITY, .u.id = id};
            nodes_shell_step(s, &ev);
        }
    }
}
