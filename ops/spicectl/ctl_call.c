/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the fleet: AdminRequests with their answers, up to FLEET_CALLS_MAX under way at once.
 *
 * A broker under load may refuse a request, and a process that is killed answers none. What the broker refused was never
 * delivered: it is sent again after a pause. What nobody answers is sent again under a new number, unless doing it twice
 * is not the same as doing it once. The owner refuses a number at or below one it has taken, so a sending that was delayed
 * cannot come after a later one and undo it.
 */
#include "ctl_fleet_parts.h"

#include "ctl_cmd.h"
#include "ctl_json.h"

#include "sp_assert.h"
#include "sp_clock.h"
#include "sp_str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CALL_PAUSE_MS    50u /* first wait after a refusal for load; grows with their number */
#define CALL_REPLAYS_MAX 16u /* times another run of the same operator may overtake our number */
#define CALL_ABSENT_PART 4u  /* of the patience: so long somebody who is not connected may still come */
#define CALL_TELL_MS     2000u

/* Verbs that are not the same when done twice. All others state how things shall be. */
static bool call_repeats(const char *verb)
{
    static const char *const once[] = {"check.run", "worker.invite", "attester.invite", "node.approve"};
    for (size_t i = 0; i < SP_COUNT(once); i++) {
        if (strcmp(verb, once[i]) == 0)
            return false;
    }
    return true;
}

/* Gone already when it is asked for a second time: that is what was wanted. */
static bool call_removes(const char *verb)
{
    size_t n = strlen(verb);
    return strcmp(verb, "worker.remove") == 0 || (n > 7 && strcmp(verb + n - 7, ".delete") == 0);
}

/* ---- what comes in ---- */

static int call_try_of(const struct fleet_call *call, uint64_t id)
{
    for (int i = 0; i < FLEET_TRIES_MAX; i++) {
        if (id != 0 && call->ids[i] == id)
            return i;
    }
    return -1;
}

void fleet_call_on_reply(struct ctl_fleet *fleet, const struct sp_bus_message *message)
{
    struct msg_admin_reply reply;
    if (msg_admin_reply_decode(message->body, message->body_bytes, &reply) != SP_OK)
        return;
    for (int i = 0; i < FLEET_CALLS_MAX; i++) {
        struct fleet_call *call = &fleet->calls[i];
        if (!call->used || call->done || call_try_of(call, reply.id) < 0)
            continue;
        if (reply.part == 0) { /* of another sending than the one that was coming in: that one stopped half way */
            sp_buf_reset(&call->reply);
            call->answer_id = reply.id;
            call->parts = 0;
        }
        /* Parts of one answer come in order over one connection. */
        if (reply.id != call->answer_id || reply.part != call->parts)
            return;
        sp_buf_append(&call->reply, reply.data.p, reply.data.n);
        call->parts++;
        call->code = reply.code;
        call->done = reply.last;
        call->waits = false;
        fleet->answered = true;
        call->end_ns = sp_clock_mono_ns() + call->patience_ns;
        return;
    }
}

static void call_later(struct fleet_call *call, uint64_t pause_ms)
{
    call->waits = true;
    call->again_ns = sp_clock_mono_ns() + pause_ms * FLEET_NS_PER_MS;
}

void fleet_call_on_refused(struct ctl_fleet *fleet, const struct sp_bus_message *message)
{
    struct msg_refused refused;
    if (msg_refused_decode(message->body, message->body_bytes, &refused) != SP_OK || refused.type != SP_MSG_ADMIN_REQUEST)
        return;
    for (int i = 0; i < FLEET_CALLS_MAX; i++) {
        struct fleet_call *call = &fleet->calls[i];
        for (int t = 0; t < FLEET_TRIES_MAX; t++) {
            if (!call->used || call->done || call->ids[t] == 0 || call->sequences[t] != refused.sequence)
                continue;
            call->ids[t] = 0; /* it was not delivered */
            call->tries--;
            (void)snprintf(call->refused, sizeof call->refused, "%s: %.*s", sp_refusal_text(refused.code), (int)refused.detail.n,
                           refused.detail.p);
            call->code = refused.code;
            /* Somebody was there a moment ago, or is just being started. */
            bool restarts = refused.code == SP_REFUSAL_NO_ROUTE && (fleet->answered || sp_clock_mono_ns() < call->absent_ns);
            if (restarts || refused.code == SP_REFUSAL_OVERLOAD || refused.code == SP_REFUSAL_NOT_READY)
                call_later(call, CALL_PAUSE_MS);
            else
                call->done = call->tries == 0;
            return;
        }
    }
}

/* ---- what goes out ---- */

/* Name to send to, and for a broker the connection. False: there is no such role or principal. */
static bool call_receiver(const struct ctl_fleet *fleet, const char *to, const char **dest, int *broker)
{
    unsigned role = SP_ROLE_NONE;
    bool by_role = sp_role_find(sp_str_of(to), &role);
    const struct sp_bus_principal *row = NULL;
    *broker = SP_BUS_ANY;
    for (unsigned i = 0; i < sp_bus_brokers(fleet->bus); i++) {
        const char *name = sp_bus_broker_name(fleet->bus, i);
        bool meant = by_role ? role == SP_ROLE_BROKER && sp_bus_is_up(fleet->bus, i) : strcmp(name, to) == 0;
        if (!meant)
            continue;
        *dest = name;
        *broker = (int)i;
        return true;
    }
    if (!by_role)
        row = sp_bus_principal_find(fleet->bus, to);
    for (uint32_t slot = 0; by_role && row == NULL; slot++) {
        const struct sp_bus_principal *each = sp_bus_principal_at(fleet->bus, slot);
        if (each == NULL)
            break;
        if (each->role == role && !each->revoked)
            row = each;
    }
    *dest = row != NULL ? row->name : to;
    return row != NULL;
}

/* Sends it under a new number. False: it cannot be sent at all, fault says why. */
static bool call_send(struct ctl *ctl, struct fleet_call *call, struct ctl_fault *fault)
{
    struct ctl_fleet *fleet = ctl->fleet;
    size_t room = 0;
    struct sp_packer packer;
    struct sp_bus_out out = {.type = SP_MSG_ADMIN_REQUEST};
    int slot = 0;
    while (slot < FLEET_TRIES_MAX - 1 && call->ids[slot] != 0)
        slot++;
    struct msg_admin_request request = {.id = fleet_id_next(fleet), .verb = sp_str_of(call->verb), .args = sp_str_of(call->args)};
    if (!call_receiver(fleet, call->to, &out.dest, &out.broker))
        return fleet_fault(fault, CTL_FAILED, "principals.yaml", "see spicectl key list", "no principal or role \"%s\" is known",
                           call->to);
    uint8_t *body = sp_bus_body(fleet->bus, &room);
    sp_packer_init(&packer, body, room);
    if (msg_admin_request_encode(&packer, &request) != SP_OK)
        return fleet_fault(fault, CTL_FAILED, call->to, "split it into smaller ones", "the request is larger than %u bytes",
                           MSG_ADMIN_REQUEST_ARGS_MAX);
    out.body = body;
    out.body_bytes = sp_packer_bytes(&packer);
    enum sp_bus_sent sent = sp_bus_send(fleet->bus, &out);
    bool later = sent == SP_BUS_WOULD_BLOCK || (sent == SP_BUS_NO_BROKER && out.broker == SP_BUS_ANY);
    if (sent != SP_BUS_SENT && !later)
        return fleet_fault(fault, CTL_NO_FLEET, call->to, "try: spicectl doctor", "%s", sp_bus_sent_text(sent));
    if (later) {
        (void)snprintf(call->refused, sizeof call->refused, "%s", sp_bus_sent_text(sent));
        call_later(call, CALL_PAUSE_MS);
        return true;
    }
    call->ids[slot] = request.id;
    call->sequences[slot] = out.sequence;
    call->tries++;
    call->waits = false;
    if (call->tries < FLEET_TRIES_MAX && call_repeats(call->verb))
        call_later(call, ctl_fleet_patience(ctl) / FLEET_TRIES_MAX);
    return true;
}

/* ---- how it ended ---- */

/* Turns the finished answer into JSON, or into a fault. */
static bool call_answer(const struct fleet_call *call, json_t **reply, struct ctl_fault *fault)
{
    json_error_t error;
    if (call->parts == 0) {
        bool absent = call->code == SP_REFUSAL_NO_ROUTE;
        (void)fleet_fault(fault, absent ? CTL_NO_FLEET : CTL_FAILED, call->to,
                          absent ? "it is not connected to the broker: is it running? look at its log" : "",
                          "the broker refused: %s", call->refused);
        fault->code = call->code;
        return false;
    }
    if (call->reply.failed)
        return fleet_fault(fault, CTL_FAILED, call->to, "ask for less: --limit, --node, --check",
                           "the answer is larger than we take");
    json_t *value = json_loadb((const char *)call->reply.p, call->reply.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (call->code == SP_REFUSAL_NONE && value != NULL) {
        *reply = value;
        return true;
    }
    if (call->code == SP_REFUSAL_NOT_FOUND && call->tries > 1 && call_removes(call->verb)) {
        *reply = value != NULL ? value : json_object();
        return true;
    }
    if (call->code == SP_REFUSAL_NONE)
        return fleet_fault(fault, CTL_FAILED, call->to, "is it of another version? try: spicectl doctor",
                           "the answer is no JSON: %s", error.text);
    const char *text = ctl_json_text(value, "error");
    const char *where = ctl_json_text(value, "where");
    (void)fleet_fault(fault, CTL_FAILED, where[0] != '\0' ? where : call->to, ctl_json_text(value, "hint"), "%s",
                      text[0] != '\0' ? text : sp_refusal_text(call->code));
    fault->code = call->code;
    json_decref(value);
    return false;
}

static bool call_gave_up(const struct ctl *ctl, const struct fleet_call *call, struct ctl_fault *fault)
{
    bool open = call->tries > 0; /* a sending may have arrived */
    const char *hint = open && ctl->args.cmd->mutates && !ctl->dry_run
                           ? "it may have been done; look before you repeat it. Is it running? try: spicectl doctor"
                           : "is it running? try: spicectl doctor";
    if (ctl->fleet->interrupted)
        return fleet_fault(fault, CTL_FAILED, call->to, open ? "it may have been done; look before you repeat it" : "",
                           "interrupted while waiting");
    if (!open && call->refused[0] != '\0')
        return fleet_fault(fault, CTL_NO_FLEET, call->to, "nothing of it was done; ask again later, or with a longer --timeout",
                           "\"%s\" was not taken within %" PRIu32 " ms: %s", call->verb, ctl_fleet_patience(ctl), call->refused);
    return fleet_fault(fault, CTL_NO_FLEET, call->to, hint, "%s did not answer \"%s\" within %" PRIu32 " ms%s", call->to,
                       call->verb, ctl_fleet_patience(ctl), call->tries > 1 ? ", asked more than once" : "");
}

/* The owner has a later number than ours: that sending is void, and another may be made. */
static bool call_was_overtaken(struct fleet_call *call)
{
    int slot = call_try_of(call, call->answer_id);
    if (!call->done || call->code != SP_REFUSAL_REPLAY || call->parts == 0 || call->replays >= CALL_REPLAYS_MAX || slot < 0)
        return false;
    call->ids[slot] = 0;
    call->tries--;
    call->replays++;
    call->done = false;
    call->parts = 0;
    sp_buf_reset(&call->reply);
    if (call->tries == 0)
        call_later(call, 0);
    return true;
}

static void call_close(struct fleet_call *call)
{
    free(call->args);
    sp_buf_fini(&call->reply);
    memset(call, 0, sizeof *call);
}

/* Looks after one question. True: it has ended; *good tells how, with *reply or *fault. */
static bool call_turn(struct ctl *ctl, struct fleet_call *call, uint64_t now, bool *good, json_t **reply, struct ctl_fault *fault)
{
    *reply = NULL;
    *good = false;
    if (call->done && !call_was_overtaken(call)) {
        *good = call_answer(call, reply, fault);
        return true;
    }
    if (ctl->fleet->interrupted || now >= call->end_ns) {
        (void)call_gave_up(ctl, call, fault);
        return true;
    }
    if (call->waits && now >= call->again_ns && !call_send(ctl, call, fault))
        return true;
    return false;
}

/* ---- many of them ---- */

struct bulk_run {
    const struct ctl_fleet_bulk *bulk;
    size_t next;
    size_t ended;
    size_t open;
    bool stopped;
    uint64_t tell_ns;
};

static bool bulk_open(struct ctl *ctl, struct bulk_run *run, struct fleet_call *call, struct ctl_fault *fault)
{
    json_t *args = NULL;
    memset(call, 0, sizeof *call);
    call->used = true;
    call->index = run->next++;
    call->to = run->bulk->ask(run->bulk->self, call->index, call->verb, &args);
    call->args = args != NULL ? json_dumps(args, JSON_COMPACT) : strdup("{}");
    json_decref(args);
    sp_buf_init(&call->reply, CTL_FLEET_REPLY_MAX);
    call->patience_ns = (uint64_t)ctl_fleet_patience(ctl) * FLEET_NS_PER_MS;
    call->end_ns = sp_clock_mono_ns() + call->patience_ns;
    call->absent_ns = sp_clock_mono_ns() + call->patience_ns / CALL_ABSENT_PART;
    if (call->args == NULL)
        return fleet_fault(fault, CTL_FAILED, "", "", "out of memory");
    return call_send(ctl, call, fault);
}

static void bulk_end(struct bulk_run *run, struct fleet_call *call, json_t *reply, const struct ctl_fault *fault)
{
    size_t index = call->index;
    call_close(call);
    run->open--;
    run->ended++;
    if (!run->bulk->done(run->bulk->self, index, reply, fault))
        run->stopped = true;
    json_decref(reply);
}

/* Fills free places, looks after the others. */
static void bulk_step(struct ctl *ctl, struct bulk_run *run)
{
    struct ctl_fault fault;
    json_t *reply;
    bool good;
    uint64_t now = sp_clock_mono_ns();
    for (int i = 0; i < FLEET_CALLS_MAX; i++) {
        struct fleet_call *call = &ctl->fleet->calls[i];
        memset(&fault, 0, sizeof fault);
        if (call->used && call_turn(ctl, call, now, &good, &reply, &fault))
            bulk_end(run, call, reply, good ? NULL : &fault);
        if (call->used || run->stopped || ctl->fleet->interrupted || run->next == run->bulk->count)
            continue;
        run->open++;
        if (!bulk_open(ctl, run, call, &fault))
            bulk_end(run, call, NULL, &fault);
    }
}

static void bulk_tell(struct ctl *ctl, struct bulk_run *run)
{
    uint64_t now = sp_clock_mono_ns();
    if (run->bulk->doing == NULL || now < run->tell_ns)
        return;
    ctl_note(ctl, "%s %zu of %zu ...", run->bulk->doing, run->ended, run->bulk->count);
    run->tell_ns = now + CALL_TELL_MS * (uint64_t)FLEET_NS_PER_MS;
}

bool ctl_fleet_bulk(struct ctl *ctl, const struct ctl_fleet_bulk *bulk, struct ctl_fault *fault)
{
    struct bulk_run run = {.bulk = bulk, .tell_ns = sp_clock_mono_ns() + CALL_TELL_MS * (uint64_t)FLEET_NS_PER_MS};
    memset(fault, 0, sizeof *fault);
    if (bulk->count > 0 && !ctl_fleet_open(ctl, fault))
        return false;
    while (run.open > 0 || (run.next < bulk->count && !run.stopped && !ctl->fleet->interrupted)) {
        bulk_step(ctl, &run);
        if (run.open > 0)
            (void)ctl_fleet_turn(ctl, run.next < bulk->count || run.open > 1 ? CALL_PAUSE_MS : FLEET_TURN_MS);
        bulk_tell(ctl, &run);
    }
    return true;
}

/* ---- one of them ---- */

struct call_single {
    const char *to;
    const char *verb;
    json_t *args;
    json_t **reply;
    struct ctl_fault *fault;
    bool good;
};

static const char *single_ask(void *self, size_t index, char verb[CTL_FLEET_VERB_BYTES], json_t **args)
{
    struct call_single *single = self;
    (void)index;
    (void)snprintf(verb, CTL_FLEET_VERB_BYTES, "%s", single->verb);
    *args = json_incref(single->args);
    return single->to;
}

static bool single_done(void *self, size_t index, json_t *reply, const struct ctl_fault *fault)
{
    struct call_single *single = self;
    (void)index;
    single->good = fault == NULL;
    if (single->good)
        *single->reply = json_incref(reply);
    else
        *single->fault = *fault;
    return true;
}

bool ctl_fleet_try(struct ctl *ctl, const char *to, const char *verb, json_t *args, json_t **reply, struct ctl_fault *fault)
{
    struct call_single single = {to, verb, args, reply, fault, false};
    struct ctl_fault opening;
    const struct ctl_fleet_bulk bulk = {.count = 1, .ask = single_ask, .done = single_done, .self = &single};
    memset(fault, 0, sizeof *fault);
    if (!ctl_fleet_bulk(ctl, &bulk, &opening))
        *fault = opening;
    json_decref(args);
    return single.good;
}

json_t *ctl_fleet_warnings(struct ctl *ctl, const json_t *reply)
{
    size_t i;
    json_t *text;
    json_t *list = json_object_get(reply, "warnings");
    json_array_foreach(list, i, text) ctl_note(ctl, "warning: %s", json_is_string(text) ? json_string_value(text) : "");
    return json_array_size(list) > 0 ? json_incref(list) : NULL;
}

int ctl_fleet_fail(struct ctl *ctl, const struct ctl_fault *fault)
{
    return ctl_fail(ctl, fault->exit, fault->where, fault->hint, "%s", fault->error);
}

int ctl_fleet_ask(struct ctl *ctl, const char *to, const char *verb, json_t *args, json_t **reply)
{
    struct ctl_fault fault;
    return ctl_fleet_try(ctl, to, verb, args, reply, &fault) ? CTL_OK : ctl_fleet_fail(ctl, &fault);
}
