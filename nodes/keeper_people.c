/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_people.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "dispatch_keeper_shell.h"
#include "keeper_admin.h"
#include "keeper_attester.h"
#include "keeper_identity.h"
#include "keeper_invite.h"
#include "keeper_principals.h"
#include "sp_conf.h"
#include "sp_hex.h"
#include "sp_keys.h"
#include "sp_log.h"
#include "sp_random.h"
#include "sp_selector.h"

#define PEOPLE_INVITE_MS_MIN 1000u
#define PEOPLE_INVITE_MS_MAX (30ull * 86400 * 1000)
#define PEOPLE_PER_MESSAGE   100u
#define PEOPLE_REPAIRS_MAX   4096u /* each makes one row good, so this only ends a loop that cannot be */

static void people_put(void *ctx, const struct sp_bus_principal *row)
{
    struct nodes_shell *s = ctx;
    (void)sp_bus_principal_put(s->bus, row); /* of the file's rows it takes revocations only */
}

/* ---- publishing ---- */

/* One PrincipalSet in the making. */
struct people_set {
    struct nodes_shell *s;
    struct sp_packer w;
    uint8_t body[MSG_PRINCIPAL_SET_BYTES_MAX];
    uint32_t part, count;
    int broker;
    bool scheduler;
};

static void people_begin(struct people_set *set, bool last)
{
    struct msg_principal_set m = {.version = set->s->principals_version, .part = set->part++, .last = last};
    sp_packer_init(&set->w, set->body, sizeof set->body);
    enum sp_rc rc = msg_principal_set_begin(&set->w, &m);
    SP_ASSERT(rc == SP_OK);
    set->count = 0;
}

static void people_send(struct people_set *set)
{
    struct nodes_shell *s = set->s;
    enum sp_rc rc = msg_principal_set_end(&set->w);
    SP_ASSERT(rc == SP_OK);
    struct sp_str body = sp_str_bytes(set->body, sp_packer_bytes(&set->w));
    for (unsigned b = 0; b < sp_bus_brokers(s->bus); b++) {
        if ((set->broker == SP_BUS_ANY || set->broker == (int)b) && sp_bus_is_up(s->bus, b)) {
            nodes_shell_send(s, SP_MSG_PRINCIPAL_SET, sp_bus_broker_name(s->bus, b), (int)b, body);
        }
    }
    if (set->scheduler) {
        nodes_shell_send(s, SP_MSG_PRINCIPAL_SET, "scheduler", set->broker, body);
    }
}

static void people_add(void *ctx, const struct sp_bus_principal *row)
{
    struct people_set *set = ctx;
    struct rec_principal r = {.name = sp_str_of(row->name),
                              .role = row->role,
                              .curve = row->curve,
                              .sign = row->sign,
                              .adapters = sp_str_of(row->adapters),
                              .nodes = sp_str_of(row->nodes),
                              .not_after = row->not_after_s,
                              .revoked = row->revoked,
                              .next_curve = row->next_curve,
                              .next_sign = row->next_sign,
                              .next_not_before = row->next_not_before_s,
                              .next_not_after = row->next_not_after_s};
    if (set->count == PEOPLE_PER_MESSAGE) {
        people_send(set);
        people_begin(set, false);
    }
    enum sp_rc rc = rec_principal_put(&set->w, &r);
    SP_ASSERT(rc == SP_OK);
    set->count++;
}

void keeper_people_publish(struct nodes_shell *s, int broker)
{
    static struct people_set set; /* one thread; too large for the stack */
    memset(&set, 0, sizeof set);
    set.s = s;
    set.broker = broker;
    set.scheduler = true;
    people_begin(&set, false);
    if (keeper_principals_each(s, people_add, &set) != SP_OK) {
        return;
    }
    people_send(&set);
    people_begin(&set, true); /* the last part is empty: only now is it known to be the last */
    people_send(&set);
}

/* After a change of the registry that is durable. */
static void people_changed(struct nodes_shell *s)
{
    if (keeper_principals_each(s, people_put, s) != SP_OK) {
        SP_LOG(SP_LOG_ERROR, "store", "principals.unread", SP_LOG_S("why", sp_db_error(s->store.db)->text));
    }
    s->people_changed = true;
}

void keeper_people_tell(struct nodes_shell *s)
{
    if (s->people_changed) {
        s->people_changed = false;
        keeper_people_publish(s, SP_BUS_ANY);
    }
}

static enum sp_rc people_bump(struct nodes_shell *s)
{
    return keeper_store_meta_put(&s->store, "principals", ++s->principals_version);
}

/* ---- enrolment ---- */

/* Keys that somebody has, or had until they were revoked, make nobody new. */
static bool people_keys_are_new(const struct nodes_shell *s, const struct msg_enrol_request *r)
{
    const struct sp_bus_principal *row;
    for (uint32_t i = 0; (row = sp_bus_principal_at(s->bus, i)) != NULL; i++) {
        if (memcmp(row->curve, r->curve, 32) == 0 || memcmp(row->sign, r->sign, 32) == 0 ||
            memcmp(row->next_curve, r->curve, 32) == 0 || memcmp(row->next_sign, r->sign, 32) == 0) {
            return false;
        }
    }
    return true;
}

/* True when the name was revoked after the invitation to it was made. */
static bool people_is_revoked(const struct nodes_shell *s, const char *name)
{
    const struct sp_bus_principal *had = sp_bus_principal_find(s->bus, name);
    return had != NULL && had->revoked;
}

static enum sp_refusal people_judge(const struct msg_enrol_request *r, const char **detail)
{
    uint8_t proof[KEEPER_INVITE_PROOF_BYTES];
    struct sp_crypto_verifier *v = NULL;
    size_t n = keeper_invite_proof(r, proof);
    if (!sp_crypto_curve_ok(r->curve)) {
        *detail = "the CURVE key is no good key";
        return SP_REFUSAL_BAD_REQUEST;
    }
    if (!sp_crypto_public_ok(r->sign) || sp_crypto_verifier_new(r->sign, &v) != SP_OK) {
        *detail = "the signing key is no good key";
        return SP_REFUSAL_BAD_REQUEST;
    }
    bool good = sp_crypto_verify(v, proof, n, r->proof);
    sp_crypto_verifier_destroy(&v);
    *detail = good ? "" : "the proof does not fit the key";
    return good ? SP_REFUSAL_NONE : SP_REFUSAL_SIGNATURE;
}

/* What the audit said of a revoked key in place of its fingerprint before both were one. Such rows have to be found for good. */
static void people_digits(const uint8_t curve[32], const uint8_t sign[32], char to[33])
{
    uint8_t both[64], hash[32];
    memcpy(both, curve, 32);
    memcpy(both + 32, sign, 32);
    sp_crypto_sha256(both, sizeof both, hash);
    sp_hex_write(hash, 16, to);
}

/* Spends the invitation and takes the keys in, in one transaction with its audit row. */
static enum sp_refusal people_take(struct nodes_shell *s, const struct msg_enrol_request *r, const uint8_t hash[32],
                                   const struct keeper_invitation *inv)
{
    char print[SP_KEYS_PRINT_BYTES];
    bool attester = keeper_invitation_is_attester(inv);
    struct sp_bus_principal row = {.role = attester ? SP_ROLE_ATTESTER : SP_ROLE_WORKER};
    struct keeper_act act = {.actor = inv->enrol, .verb = attester ? "attester.enrol" : "worker.enrol"};
    (void)sp_str_copy(row.name, sizeof row.name, sp_str_of(inv->name));
    (void)sp_str_copy(row.adapters, sizeof row.adapters, sp_str_of(inv->adapters));
    (void)sp_str_copy(row.nodes, sizeof row.nodes, sp_str_of(inv->nodes));
    memcpy(row.curve, r->curve, 32);
    memcpy(row.sign, r->sign, 32);
    sp_keys_fingerprint(r->curve, r->sign, print);
    (void)snprintf(act.object, sizeof act.object, "%s", inv->name);
    (void)snprintf(act.to, sizeof act.to, "enrolled");
    (void)snprintf(act.why, sizeof act.why, "fingerprint %s, %s %.120s", print, attester ? "node" : "adapters",
                   attester ? inv->nodes : inv->adapters);
    if (!nodes_shell_rows(s)) {
        return SP_REFUSAL_STORE;
    }
    enum sp_rc rc = keeper_principals_put(s, &row, inv->labels);
    rc = rc == SP_OK ? keeper_principals_spend(s, hash) : rc;
    rc = rc == SP_OK ? people_bump(s) : rc;
    rc = rc == SP_OK ? keeper_admin_audit(s, &act) : rc;
    if (!nodes_shell_commit_rows(s, rc)) {
        return SP_REFUSAL_STORE;
    }
    SP_LOG(SP_LOG_NOTICE, "keys", attester ? "attester.enrolled" : "worker.enrolled",
           SP_LOG_S(attester ? "attester" : "worker", inv->name), SP_LOG_S("fingerprint", print));
    return SP_REFUSAL_NONE;
}

enum sp_rc keeper_shell_on_enrol_request(struct keeper_shell_in *in, struct msg_enrol_request *r)
{
    struct nodes_shell *s = in->shell;
    struct keeper_invitation inv = {.name = ""};
    uint8_t hash[32], body[MSG_ENROL_REPLY_BYTES_MAX];
    char to[SP_BUS_NAME_BYTES];
    const char *detail = "";
    int broker = (int)in->message->broker;
    (void)sp_str_copy(to, sizeof to, sp_str_of(in->message->from->name));
    sp_crypto_sha256(r->token, 32, hash);
    enum sp_refusal code = people_judge(r, &detail);
    if (code == SP_REFUSAL_NONE && (!keeper_principals_find_invitation(s, hash, &inv) || strcmp(inv.enrol, to) != 0)) {
        code = SP_REFUSAL_NOT_FOUND;
        detail = "this invitation was used, has ended, or never was";
    }
    if (code == SP_REFUSAL_NONE &&
        keeper_invite_is_reserved(inv.name)) { /* by an invitation that was made before names were looked at */
        code = SP_REFUSAL_AUTHORITY;
        detail = "this name is reserved";
    }
    if (code == SP_REFUSAL_NONE && (!people_keys_are_new(s, r) || people_is_revoked(s, inv.name))) {
        code = SP_REFUSAL_CONFLICT;
        detail = "these keys belong to somebody already, or name or keys were revoked";
    }
    if (code == SP_REFUSAL_NONE && keeper_invitation_is_attester(&inv) && keeper_attester_of(s, inv.nodes) != NULL) {
        code = SP_REFUSAL_CONFLICT; /* two invitations to one node: the first to come has it */
        detail = "the node has an attester already";
    }
    code = code == SP_REFUSAL_NONE ? people_take(s, r, hash, &inv) : code;
    if (code != SP_REFUSAL_NONE) {
        SP_LOG(SP_LOG_WARNING, "keys", "enrol.refused", SP_LOG_S("from", to), SP_LOG_S("why", detail));
    }
    struct msg_enrol_reply reply = {.code = (uint16_t)code, .detail = sp_str_of(detail)};
    if (code == SP_REFUSAL_NONE) {
        reply.name = sp_str_of(inv.name);
        reply.adapters = sp_str_of(inv.adapters);
        reply.labels = sp_str_of(inv.labels);
    }
    struct sp_packer w;
    sp_packer_init(&w, body, sizeof body);
    if (msg_enrol_reply_encode(&w, &reply) == SP_OK) {
        nodes_shell_send(s, SP_MSG_ENROL_REPLY, to, broker, sp_str_bytes(body, sp_packer_bytes(&w)));
    }
    if (code == SP_REFUSAL_NONE) {
        people_changed(s);
        keeper_people_tell(s);
    }
    return SP_OK;
}

void keeper_people_expire(struct nodes_shell *s)
{
    struct sp_db_stmt *q = NULL;
    uint64_t wall_ms = nodes_shell_now(s).wall.ms;
    if (s->enrol_end_ms == 0 || wall_ms < s->enrol_end_ms || !s->health.store_good || !nodes_shell_rows(s)) {
        return;
    }
    s->enrol_end_ms = 0;
    enum sp_rc rc = keeper_store_query(&s->store, "DELETE FROM invitation WHERE expires_s<=?1", &q);
    if (rc == SP_OK) {
        sp_db_int(q, 1, (int64_t)nodes_shell_now(s).wall.ms / SP_MS_PER_S);
        rc = sp_db_run(q);
    }
    rc = rc == SP_OK ? people_bump(s) : rc;
    if (nodes_shell_commit_rows(s, rc)) {
        keeper_people_publish(s, SP_BUS_ANY);
    }
    rc = keeper_store_query(&s->store, "SELECT min(expires_s) FROM invitation", &q);
    if (rc == SP_OK && sp_db_row(q) == SP_OK) {
        s->enrol_end_ms = (uint64_t)sp_db_get_int(q, 0) * SP_MS_PER_S;
        sp_db_reset(q);
    }
}

/* ---- start ---- */

/* K38: the journal may hold results of a key that was revoked before they were folded. */
static void people_void(void *ctx, const struct sp_bus_principal *row)
{
    struct keeper_event ev = {.kind = KEEPER_EV_REVOKED, .u.name = sp_str_of(row->name)};
    if (row->revoked) {
        nodes_shell_step(ctx, &ev);
    }
}

/* True when the audit's row about a revocation is about keys that somebody still has and that are not revoked. Names of enrolled workers
 * are given once, so the name is enough; a name of the file may have other keys since. Gives the principal as it has to be. */
static bool people_is_undone(const struct nodes_shell *s, struct sp_str name, struct sp_str print, struct sp_bus_principal *out)
{
    char text[SP_BUS_NAME_BYTES], now[SP_KEYS_PRINT_BYTES], digits[33];
    const struct sp_bus_principal *p = sp_str_copy(text, sizeof text, name) ? sp_bus_principal_find(s->bus, text) : NULL;
    if (p == NULL || p->revoked) {
        return false;
    }
    sp_keys_fingerprint(p->curve, p->sign, now);
    people_digits(p->curve, p->sign, digits);
    *out = *p;
    out->revoked = true;
    return !p->from_file || sp_str_is(print, now) || sp_str_is(print, digits);
}

/* Finds the first revocation of the audit that the table of principals does not know of any more. */
static enum sp_rc people_find_undone(struct nodes_shell *s, struct sp_bus_principal *out, bool *found)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(
        &s->store, "SELECT object, before FROM audit WHERE what IN ('key.revoke','worker.remove') AND after='revoked' ORDER BY seq",
        &q);
    *found = false;
    while (rc == SP_OK && !*found && (rc = sp_db_row(q)) == SP_OK) {
        *found = people_is_undone(s, sp_db_get_text(q, 0), sp_db_get_text(q, 1), out);
    }
    if (q != NULL) {
        sp_db_reset(q);
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : rc;
}

/* K38: revocations stand in the audit. A row of a principal that was taken out, or put back as it was before, is made good from there, so that
 * whoever can write to the store has to break the chain to bring a key back. */
static enum sp_rc people_revoke_again(struct nodes_shell *s)
{
    struct sp_bus_principal row;
    bool found = false;
    enum sp_rc rc = people_find_undone(s, &row, &found);
    for (uint32_t i = 0; rc == SP_OK && found && i < PEOPLE_REPAIRS_MAX; i++) {
        s->store.edited++;
        SP_LOG(SP_LOG_ERROR, "store", "row.edited", SP_LOG_S("table", "principal"), SP_LOG_S("row", row.name),
               SP_LOG_S("file", s->store.path), SP_LOG_S("effect", "revoked again, as the audit says"));
        rc = keeper_store_begin(&s->store);
        rc = rc == SP_OK ? keeper_principals_put(s, &row, "") : rc;
        rc = rc == SP_OK ? people_bump(s) : rc;
        rc = rc == SP_OK ? keeper_store_commit(&s->store) : rc;
        rc = rc == SP_OK ? keeper_principals_each(s, people_put, s) : rc;
        rc = rc == SP_OK ? people_find_undone(s, &row, &found) : rc;
    }
    return rc;
}

enum sp_rc keeper_people_load(struct nodes_shell *s)
{
    s->principals_version = keeper_store_meta(&s->store, "principals");
    enum sp_rc rc = keeper_principals_each(s, people_put, s);
    rc = rc == SP_OK ? people_revoke_again(s) : rc;
    return rc == SP_OK ? keeper_principals_each(s, people_void, s) : rc;
}

void keeper_people_on_signal(void *ctx, int signo, const struct sp_now *now)
{
    struct nodes_shell *s = ctx;
    (void)now;
    if (signo == SIGTERM || signo == SIGINT) {
        sp_loop_stop(s->loop);
    } else if (signo == SIGHUP && s->bus != NULL) {
        (void)sp_bus_reload(s->bus);
    }
}

/* ---- verbs ---- */

static void people_list_row(const struct nodes_shell *s, json_t *list, const struct sp_bus_principal *row)
{
    char curve[65], sign[65], print[SP_KEYS_PRINT_BYTES];
    if (row->role == SP_ROLE_ENROL) {
        return; /* an invitation, not a principal one could revoke */
    }
    sp_hex_write(row->curve, 32, curve);
    sp_hex_write(row->sign, 32, sign);
    sp_keys_fingerprint(row->curve, row->sign, print);
    uint64_t heard_ms = row->slot < NODES_SLOTS_MAX ? s->heard_ms[row->slot] : 0;
    uint64_t since_ms = heard_ms != 0 ? heard_ms : s->start_ms; /* nobody is lost before there was time to be heard */
    bool lost = row->role == SP_ROLE_WORKER && sp_mono_ms(nodes_shell_now(s).mono) - since_ms >= s->conf->keeper.worker_lost_ms;
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:s, s:b}", "name", row->name, "role",
                                          sp_role_name(row->role), "curve", curve, "sign", sign, "adapters", row->adapters, "nodes",
                                          row->nodes, "not_after", (json_int_t)row->not_after_s, "revoked", row->revoked,
                                          "fingerprint", print, "lost", lost));
}

json_t *keeper_people_list(struct nodes_shell *s)
{
    json_t *list = json_array();
    const struct sp_bus_principal *row;
    for (uint32_t i = 0; (row = sp_bus_principal_at(s->bus, i)) != NULL; i++) {
        people_list_row(s, list, row);
    }
    return list;
}

json_t *keeper_people_send_invitation(struct nodes_shell *s, struct keeper_act *act, struct keeper_invitation *inv, uint64_t ttl_ms)
{
    struct keeper_invite drawn;
    char expires[32];
    if (act->dry) {
        return json_pack("{s:s, s:b}", "name", inv->name, "dry_run", 1);
    }
    uint64_t expires_ms = nodes_shell_now(s).wall.ms + ttl_ms;
    enum sp_rc rc = keeper_invite_draw(&drawn);
    char *text = rc == SP_OK ? keeper_invite_text(s, &drawn, inv, expires_ms / SP_MS_PER_S) : NULL;
    (void)sp_str_copy(inv->enrol, sizeof inv->enrol, sp_str_of(drawn.enrol));
    bool attester = keeper_invitation_is_attester(inv);
    (void)snprintf(act->why, sizeof act->why, "%s %.150s", attester ? "node" : "adapters", attester ? inv->nodes : inv->adapters);
    bool stored = text != NULL && nodes_shell_rows(s);
    if (stored) {
        rc = keeper_principals_invite(s, inv, drawn.secret, drawn.curve, expires_ms / SP_MS_PER_S + 1);
        rc = rc == SP_OK ? people_bump(s) : rc;
        rc = rc == SP_OK ? keeper_admin_audit(s, act) : rc;
        stored = nodes_shell_commit_rows(s, rc);
    }
    sp_crypto_wipe(&drawn, sizeof drawn);
    if (!stored) {
        free(text);
        return keeper_admin_refuse(act, SP_REFUSAL_STORE, inv->name, "the invitation cannot be made now", "see the keeper's log");
    }
    s->enrol_end_ms = s->enrol_end_ms == 0 || expires_ms < s->enrol_end_ms ? expires_ms + SP_MS_PER_S : s->enrol_end_ms;
    people_changed(s);
    sp_time_format_wall((struct sp_wall){expires_ms}, expires, sizeof expires);
    json_t *done = json_pack("{s:s, s:s, s:s, s:I}", "name", inv->name, "token", text, "expires", expires, "manifest_keys",
                             (json_int_t)(attester ? 0 : s->conf->worker.manifest_key_count));
    sp_crypto_wipe(text, strlen(text));
    free(text);
    return done;
}

json_t *keeper_people_invite(struct nodes_shell *s, struct keeper_act *act)
{
    struct keeper_invitation inv;
    if (!keeper_invite_read(act, &inv)) {
        return NULL;
    }
    json_int_t ttl = json_integer_value(json_object_get(act->args, "ttl_ms"));
    uint64_t ttl_ms = ttl > 0 ? (uint64_t)ttl : s->conf->keeper.enrol_ttl_ms;
    if (ttl_ms < PEOPLE_INVITE_MS_MIN || ttl_ms > PEOPLE_INVITE_MS_MAX) {
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "ttl_ms", "no life of an invitation", "between 1s and 30d");
    }
    if (keeper_invite_is_reserved(inv.name)) {
        return keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, inv.name, "this name means a role or is one the fleet gives itself",
                                   "choose another name, for example worker-1");
    }
    const struct sp_bus_principal *had = sp_bus_principal_find(s->bus, inv.name);
    if (had != NULL && had->revoked) { /* K38: what the revoked key reported must not come back with the name */
        return keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, inv.name, "this name was revoked, and is not given to anybody again",
                                   "choose another name");
    }
    if (had != NULL && (had->from_file || had->role != SP_ROLE_WORKER)) {
        return keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, inv.name, "there is such a principal already", "choose another name");
    }
    return keeper_people_send_invitation(s, act, &inv, ttl_ms);
}

static bool people_is_invited(struct nodes_shell *s, const char *name)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(&s->store, "SELECT 1 FROM invitation WHERE name=?1", &q);
    if (rc == SP_OK) {
        sp_db_text(q, 1, sp_str_of(name));
        rc = sp_db_row(q);
        sp_db_reset(q);
    }
    return rc == SP_OK;
}

/* The worker never came: its invitation ends. */
static json_t *people_uninvite(struct nodes_shell *s, struct keeper_act *act)
{
    struct sp_db_stmt *q = NULL;
    const char *name = keeper_admin_text(act, "name");
    if (act->dry) {
        return json_pack("{s:s, s:b}", "name", name, "dry_run", 1);
    }
    (void)snprintf(act->to, sizeof act->to, "invitation ended");
    enum sp_rc rc = nodes_shell_rows(s) ? keeper_store_query(&s->store, "DELETE FROM invitation WHERE name=?1", &q) : SP_E_AGAIN;
    if (rc == SP_OK) {
        sp_db_text(q, 1, sp_str_of(name));
        rc = sp_db_run(q);
        rc = rc == SP_OK ? people_bump(s) : rc;
        rc = rc == SP_OK ? keeper_admin_audit(s, act) : rc;
        rc = nodes_shell_commit_rows(s, rc) ? SP_OK : SP_E_AGAIN;
    }
    if (rc != SP_OK) {
        return keeper_admin_refuse(act, SP_REFUSAL_STORE, "store", "takes no rows now", NULL);
    }
    people_changed(s);
    return json_pack("{s:s, s:b}", "name", name, "revoked", 1);
}

json_t *keeper_people_revoke(struct nodes_shell *s, struct keeper_act *act)
{
    const char *name = keeper_admin_text(act, "name");
    const struct sp_bus_principal *had = name != NULL ? sp_bus_principal_find(s->bus, name) : NULL;
    if (had == NULL && name != NULL && people_is_invited(s, name)) {
        return people_uninvite(s, act);
    }
    if (had == NULL || had->role == SP_ROLE_ENROL) {
        return keeper_admin_refuse(act, SP_REFUSAL_NOT_FOUND, name != NULL ? name : "name", "no such principal",
                                   "see spicectl key list");
    }
    if (had->role == SP_ROLE_KEEPER || had->role == SP_ROLE_BROKER) {
        return keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, name,
                                   "a keeper and a broker carry revocations, so none can reach everybody about them",
                                   "stop it, take it out of principals.yaml on every host and restart what runs there");
    }
    if (strcmp(act->verb, "worker.remove") == 0 && had->role != SP_ROLE_WORKER) {
        return keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, name, "this is no worker", "spicectl key revoke is for all others");
    }
    if (act->dry) {
        return json_pack("{s:s, s:b}", "name", name, "dry_run", 1);
    }
    struct sp_bus_principal row = *had;
    row.revoked = true;
    sp_keys_fingerprint(row.curve, row.sign, act->from);
    (void)snprintf(act->to, sizeof act->to, "revoked");
    if (!nodes_shell_rows(s)) {
        return keeper_admin_refuse(act, SP_REFUSAL_STORE, "store", "takes no rows now", NULL);
    }
    enum sp_rc rc = keeper_principals_keep_revoked(s, &row);
    rc = rc == SP_OK ? keeper_principals_put(s, &row, "") : rc;
    rc = rc == SP_OK ? keeper_principals_revoke_next(s, &row) : rc;
    rc = rc == SP_OK ? people_bump(s) : rc;
    rc = rc == SP_OK ? keeper_admin_audit(s, act) : rc;
    if (!nodes_shell_commit_rows(s, rc)) {
        return keeper_admin_refuse(act, SP_REFUSAL_STORE, "store", "takes no rows now", NULL);
    }
    people_changed(s);
    struct keeper_event ev = {.kind = KEEPER_EV_REVOKED, .u.name = sp_str_of(name)};
    nodes_shell_step(s, &ev); /* what it reported is void; the check runs anew */
    if (row.role == SP_ROLE_ATTESTER) {
        keeper_identity_revoked(s, row.name);
    }
    return json_pack("{s:s, s:b}", "name", name, "revoked", 1);
}
