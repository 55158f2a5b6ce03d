/* SPDX-License-Identifier: Apache-2.0 */
/* What operators asked of the scheduler and of brokers: one row of the audit for each act, once, and nothing else (SI-10: what is reported
 * here changes no node, pool or result). A sender says only what is its own to do, and never that the keeper or another process did it. */
#include <stdio.h>

#include "dispatch_keeper_shell.h"
#include "nodes_shell.h"
#include "sp_log.h"

#define ACTS_KNOWN    1024 /* latest numbers of each sender; more than can wait there (STORE_ACTS_MAX of scheduler/store.h) */
#define ACTS_AHEAD_US 86400000000ull /* a number further in the future would be in the way of all later ones */
#define ACTS_AT_ONCE  256u           /* of one broker */
#define ACTS_EVERY_MS 1000u          /* one more each time: a broker cannot fill the disk */
#define ACTS_UNKNOWN  "not a principal now; "

/* One report on its way into the store. */
struct acts_in {
    struct nodes_shell *s;
    const struct sp_bus_principal *from;
    uint64_t highest;
    struct msg_act_stored answer;
};

static enum sp_rc acts_number(struct acts_in *in, const char *sql, int64_t number, uint64_t *out)
{
    struct sp_db_stmt *q = NULL;
    *out = 0;
    enum sp_rc rc = keeper_store_query(&in->s->store, sql, &q);
    if (rc == SP_OK) {
        sp_db_text(q, 1, sp_str_of(in->from->name));
        sp_db_int(q, 2, number);
        rc = sp_db_row(q);
    }
    if (rc == SP_OK) {
        *out = (uint64_t)sp_db_get_int(q, 0);
        sp_db_reset(q);
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : rc;
}

static bool acts_begins(struct sp_str what, const char *prefix)
{
    struct sp_str p = sp_str_of(prefix);
    return what.n > p.n && memcmp(what.p, p.p, p.n) == 0 && sp_str_is_name(what, REC_ACT_WHAT_MAX);
}

/* The verbs of a sender are its own: none of them is a word the keeper itself writes. */
static bool acts_own(const struct sp_bus_principal *from, struct sp_str what)
{
    return from->role == SP_ROLE_SCHEDULER ? acts_begins(what, "check.") || acts_begins(what, "profile.")
                                           : from->role == SP_ROLE_BROKER && acts_begins(what, "worker.");
}

/* An operator, or a name nobody has: somebody may be gone from the principals since. */
static bool acts_actor(const struct acts_in *in, struct sp_str actor, bool *known)
{
    char name[SP_BUS_NAME_BYTES];
    if (!sp_str_is_name(actor, sizeof name - 1)) {
        return false;
    }
    (void)sp_str_copy(name, sizeof name, actor);
    const struct sp_bus_principal *row = sp_bus_principal_find(in->s->bus, name);
    *known = row != NULL && row->role == SP_ROLE_OPERATOR;
    return *known || (row == NULL && strcmp(name, in->s->name) != 0);
}

static bool acts_room(struct acts_in *in)
{
    struct nodes_acts *a = NULL;
    uint64_t now_ms = sp_mono_ms(nodes_shell_now(in->s).mono);
    if (in->from->role == SP_ROLE_SCHEDULER) {
        return true; /* it has a disk of its own to fill first */
    }
    for (uint32_t i = 0; i < SP_COUNT(in->s->acts) && a == NULL; i++) {
        if (in->s->acts[i].broker[0] == '\0') {
            (void)sp_str_copy(in->s->acts[i].broker, sizeof in->s->acts[i].broker, sp_str_of(in->from->name));
            in->s->acts[i].room = ACTS_AT_ONCE;
            in->s->acts[i].room_ms = now_ms;
        }
        a = strcmp(in->s->acts[i].broker, in->from->name) == 0 ? &in->s->acts[i] : NULL;
    }
    if (a == NULL) {
        return false;
    }
    uint64_t more = (now_ms - a->room_ms) / ACTS_EVERY_MS;
    a->room_ms += more * ACTS_EVERY_MS;
    a->room = more + a->room > ACTS_AT_ONCE ? ACTS_AT_ONCE : a->room + (uint32_t)more;
    if (a->room == 0) {
        return false;
    }
    a->room--;
    return true;
}

static enum sp_rc acts_row(struct acts_in *in, const struct rec_act *r, bool known)
{
    char actor[REC_ACT_ACTOR_MAX + 1], what[REC_ACT_WHAT_MAX + 1], object[REC_ACT_OBJECT_MAX + 1], from[REC_ACT_BEFORE_MAX + 1],
        to[REC_ACT_AFTER_MAX + 1], why[sizeof ACTS_UNKNOWN + REC_ACT_WHY_MAX];
    uint64_t now_ms = nodes_shell_now(in->s).wall.ms;
    struct sp_db_stmt *q = NULL;
    (void)sp_str_copy(actor, sizeof actor, r->actor);
    (void)sp_str_copy(what, sizeof what, r->what);
    (void)sp_str_copy(object, sizeof object, r->object);
    (void)sp_str_copy(from, sizeof from, r->before);
    (void)sp_str_copy(to, sizeof to, r->after);
    (void)snprintf(why, sizeof why, "%s%.*s", known ? "" : ACTS_UNKNOWN, (int)r->why.n, r->why.p != NULL ? r->why.p : "");
    /* The time of the act; but nothing is reported before it is done, and a row of tomorrow would keep all behind it from audit_keep. */
    struct keeper_store_audit row = {.wall_ms = r->wall_ms < now_ms ? r->wall_ms : now_ms,
                                     .actor = actor,
                                     .what = what,
                                     .object = object,
                                     .from = from,
                                     .to = to,
                                     .why = why};
    enum sp_rc rc = keeper_store_audit(&in->s->store, &row);
    rc = rc == SP_OK ? keeper_store_query(&in->s->store, "INSERT INTO act VALUES(?1,?2)", &q) : rc;
    if (rc == SP_OK) {
        sp_db_text(q, 1, sp_str_of(in->from->name));
        sp_db_int(q, 2, (int64_t)r->number);
        rc = sp_db_run(q);
    }
    return rc;
}

/* One act, in its turn. Its code is not NONE: it and all behind it are not taken. */
static enum sp_rc acts_take(struct acts_in *in, const struct rec_act *r, enum sp_refusal *code)
{
    bool known = false;
    uint64_t there = 0;
    enum sp_rc rc = acts_number(in, "SELECT count(*) FROM act WHERE origin=?1 AND number=?2", (int64_t)r->number, &there);
    if (rc != SP_OK || there != 0) {
        return rc; /* it is in the audit since an earlier time */
    }
    uint64_t now_us = nodes_shell_now(in->s).wall.ms * SP_US_PER_MS;
    *code = r->number <= in->highest             ? SP_REFUSAL_REPLAY
            : r->number > now_us + ACTS_AHEAD_US ? SP_REFUSAL_FUTURE
            : !acts_own(in->from, r->what)       ? SP_REFUSAL_SCOPE
            : !acts_actor(in, r->actor, &known)  ? SP_REFUSAL_AUTHORITY
            : !acts_room(in)                     ? SP_REFUSAL_OVERLOAD
                                                 : SP_REFUSAL_NONE;
    if (*code != SP_REFUSAL_NONE) {
        return SP_OK;
    }
    in->highest = r->number;
    return acts_row(in, r, known);
}

/* Only the latest numbers of a sender are kept. */
static enum sp_rc acts_forget(struct acts_in *in)
{
    uint64_t ignored = 0;
    return acts_number(in,
                       "DELETE FROM act WHERE origin=?1 AND number<=(SELECT number FROM act WHERE origin=?1 ORDER BY number DESC "
                       "LIMIT 1 OFFSET ?2)",
                       ACTS_KNOWN, &ignored);
}

static void acts_answer(struct acts_in *in, const struct sp_bus_message *m)
{
    size_t room = 0;
    struct sp_packer w;
    uint8_t *body = sp_bus_body(in->s->bus, &room);
    sp_packer_init(&w, body, room);
    if (msg_act_stored_encode(&w, &in->answer) == SP_OK) {
        nodes_shell_send(in->s, SP_MSG_ACT_STORED, in->from->name, (int)m->broker, sp_str_bytes(body, sp_packer_bytes(&w)));
    }
}

static enum sp_rc acts_all(struct acts_in *in, struct sp_list list)
{
    struct rec_act r;
    enum sp_refusal code = SP_REFUSAL_NONE;
    enum sp_rc rc = acts_number(in, "SELECT max(number) FROM act WHERE origin=?1 AND number>?2", 0, &in->highest);
    while (rc == SP_OK && code == SP_REFUSAL_NONE && rec_act_next(&list, &r)) {
        rc = acts_take(in, &r, &code);
        if (rc == SP_OK && code == SP_REFUSAL_NONE) {
            in->answer.number = r.number;
        } else {
            in->answer.refused = r.number;
        }
    }
    in->answer.code = (uint16_t)code;
    return rc == SP_OK ? acts_forget(in) : rc;
}

/* The sender is answered when the rows are committed, and sends again what it got no answer to. */
enum sp_rc keeper_shell_on_act_report(struct keeper_shell_in *shell, struct msg_act_report *m)
{
    struct nodes_shell *s = shell->shell;
    struct acts_in in = {.s = s, .from = shell->message->from};
    bool kept = nodes_shell_rows(s) && nodes_shell_commit_rows(s, acts_all(&in, m->acts));
    if (!kept) {
        in.answer = (struct msg_act_stored){.code = SP_REFUSAL_STORE};
        in.highest = 0;
    }
    in.answer.highest = in.highest;
    if (in.answer.code != SP_REFUSAL_NONE) {
        s->acts_refused++;
        SP_LOG(SP_LOG_WARNING, "audit", "act.refused", SP_LOG_S("from", in.from->name), SP_LOG_U("number", in.answer.refused),
               SP_LOG_S("why", sp_refusal_name(in.answer.code)));
    }
    acts_answer(&in, shell->message);
    return SP_OK;
}
