/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_fleet.h"

#include "ctl_cmd.h"
#include "ctl_host.h"
#include "ctl_json.h"

#include "msg.h"
#include "sp_buf.h"
#include "sp_bus.h"
#include "sp_clock.h"
#include "sp_conf.h"
#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_keys.h"
#include "sp_loop.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FLEET_RECONNECT_MS 100u
#define FLEET_LINGER_MS    200
#define FLEET_TURN_MS      100u
#define FLEET_NS_PER_MS    1000000u
#define FLEET_ID_BYTES_MAX 32
#define FLEET_RETRIES      3 /* a second spicectl of the same operator may overtake our number */

struct ctl_fleet {
    struct sp_keys *keys;
    struct sp_loop *loop;
    struct sp_bus *bus;
    const char *name;
    uint64_t last_id; /* of requests; never used twice */
    char id_path[SP_FS_PATH_BYTES];
    bool id_matters;
    bool crypto;
    bool interrupted;
    void (*watch)(void *self, const struct sp_bus_message *message);
    void *watch_self;
    /* The question that is open: */
    uint64_t id;
    uint16_t type;
    uint64_t sequence;
    uint32_t parts;
    bool done;
    uint16_t code;
    char refused[CTL_FLEET_TEXT_MAX]; /* by the broker; empty: not */
    struct sp_buf reply;
};

static bool fleet_fault(struct ctl_fault *fault, enum ctl_exit code, const char *where, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Always false, so that callers can return it. */
static bool fleet_fault(struct ctl_fault *fault, enum ctl_exit code, const char *where, const char *hint, const char *format, ...)
{
    va_list list;
    memset(fault, 0, sizeof *fault);
    fault->exit = code;
    va_start(list, format);
    (void)vsnprintf(fault->error, sizeof fault->error, format, list);
    va_end(list);
    (void)snprintf(fault->where, sizeof fault->where, "%s", where);
    (void)snprintf(fault->hint, sizeof fault->hint, "%s", hint);
    return false;
}

static bool fleet_fault_err(struct ctl_fault *fault, const struct sp_err *err)
{
    return fleet_fault(fault, CTL_FAILED, err->where, err->hint, "%s", err->text);
}

static void fleet_on_reply(struct ctl_fleet *fleet, const struct sp_bus_message *message)
{
    struct msg_admin_reply reply;
    if (msg_admin_reply_decode(message->body, message->body_bytes, &reply) != SP_OK)
        return;
    /* Parts of one answer come in order over one connection; anything else belongs to a question we gave up. */
    if (fleet->done || reply.id != fleet->id || reply.part != fleet->parts)
        return;
    sp_buf_append(&fleet->reply, reply.data.p, reply.data.n);
    fleet->parts++;
    fleet->code = reply.code;
    fleet->done = reply.last;
}

static void fleet_on_refused(struct ctl_fleet *fleet, const struct sp_bus_message *message)
{
    struct msg_refused refused;
    if (msg_refused_decode(message->body, message->body_bytes, &refused) != SP_OK)
        return;
    if (refused.type != SP_MSG_ADMIN_REQUEST || refused.sequence != fleet->sequence)
        return;
    fleet->done = true;
    fleet->code = refused.code;
    (void)snprintf(fleet->refused, sizeof fleet->refused, "%s: %.*s", sp_refusal_text(refused.code), (int)refused.detail.n,
                   refused.detail.p);
}

static void fleet_on_message(void *self, const struct sp_bus_message *message)
{
    struct ctl_fleet *fleet = self;
    if (message->type == SP_MSG_ADMIN_REPLY)
        fleet_on_reply(fleet, message);
    else if (message->type == SP_MSG_REFUSED)
        fleet_on_refused(fleet, message);
    else if (fleet->watch != NULL)
        fleet->watch(fleet->watch_self, message);
}

static void fleet_on_signal(void *ctx, int signo, const struct sp_now *now)
{
    struct ctl_fleet *fleet = ctx;
    (void)signo;
    (void)now;
    fleet->interrupted = true;
}

/* The largest number used so far, kept for the day the clock is set back. */
static void fleet_id_load(struct ctl_fleet *fleet, const struct sp_conf *conf)
{
    char file[SP_FS_PATH_BYTES];
    char text[FLEET_ID_BYTES_MAX];
    size_t n = 0;
    (void)snprintf(file, sizeof file, "%s.request-id", fleet->name);
    if (sp_fs_join(fleet->id_path, sizeof fleet->id_path, conf->state, file) != SP_OK)
        fleet->id_path[0] = '\0';
    else if (sp_fs_read_into(fleet->id_path, text, sizeof text, SP_FS_OWNED, &n, NULL) == SP_OK)
        (void)sp_str_u64(sp_str_trim(sp_str_bytes(text, n)), UINT64_MAX / 2, &fleet->last_id);
}

static void fleet_id_save(const struct ctl_fleet *fleet)
{
    char text[FLEET_ID_BYTES_MAX];
    if (!fleet->id_matters || fleet->last_id == 0 || fleet->id_path[0] == '\0')
        return;
    int n = snprintf(text, sizeof text, "%" PRIu64, fleet->last_id);
    /* Losing it costs a refused request after a clock was set back; that is no reason to fail now. */
    if (n > 0 && sp_fs_write(fleet->id_path, text, (size_t)n, 0600, NULL) != SP_OK)
        return;
}

static uint64_t fleet_id_next(struct ctl_fleet *fleet)
{
    uint64_t id = sp_clock_read().wall.ms * FLEET_NS_PER_MS;
    if (id <= fleet->last_id)
        id = fleet->last_id + 1;
    fleet->last_id = id;
    return id;
}

static bool fleet_connect(struct ctl_fleet *fleet, const struct sp_conf *conf, struct ctl_fault *fault)
{
    struct sp_err err = {0};
    char path[SP_FS_PATH_BYTES];
    char why[CTL_FLEET_TEXT_MAX];
    struct sp_loop_options loop = {.ctx = fleet, .on_signal = fleet_on_signal};
    if (sp_crypto_init() != SP_OK)
        return fleet_fault(fault, CTL_FAILED, "libcrypto", "install Debian's libssl3", "this libcrypto has no Ed25519");
    fleet->crypto = true;
    if (sp_conf_key_path(conf, fleet->name, path, sizeof path) != SP_OK)
        return fleet_fault(fault, CTL_FAILED, conf->keys, "use a shorter prefix", "the path of the key is too long");
    if (sp_keys_load(path, fleet->name, &fleet->keys, &err) != SP_OK || sp_loop_new(&loop, &fleet->loop, &err) != SP_OK)
        return fleet_fault_err(fault, &err);
    struct sp_bus_options options = {
        .loop = fleet->loop,
        .conf = conf,
        .keys = fleet->keys,
        .name = fleet->name,
        .role = SP_ROLE_OPERATOR,
        .software = "spicectl " SPICE_VERSION,
        .topics = 1u << SP_TOPIC_STATS,
        .reconnect_ms = FLEET_RECONNECT_MS,
        .self = fleet,
        .on_message = fleet_on_message,
    };
    if (!sp_bus_open(&options, &fleet->bus, why, sizeof why))
        return fleet_fault(fault, CTL_FAILED, conf->file, "", "%s", why);
    return true;
}

static bool fleet_await_broker(struct ctl *ctl, const struct sp_conf *conf, struct ctl_fault *fault)
{
    uint64_t end = sp_clock_mono_ns() + (uint64_t)ctl_fleet_patience(ctl) * FLEET_NS_PER_MS;
    while (sp_bus_up_count(ctl->fleet->bus) == 0) {
        if (!ctl_fleet_turn(ctl, FLEET_TURN_MS))
            return fleet_fault(fault, CTL_FAILED, "", "", "interrupted");
        if (sp_clock_mono_ns() < end)
            continue;
        const char *endpoint = conf->broker_count > 0 && conf->brokers[0].endpoint_count > 0 ? conf->brokers[0].endpoints[0] : "";
        return fleet_fault(fault, CTL_NO_FLEET, endpoint,
                           "is spice-broker running, and does it know this key? try: spicectl doctor", "no broker answers");
    }
    return true;
}

bool ctl_fleet_open(struct ctl *ctl, struct ctl_fault *fault)
{
    struct sp_err err = {0};
    const struct sp_conf *conf;
    const char *name;
    if (ctl->fleet != NULL)
        return true;
    if (!ctl_host_conf(ctl, &conf, &err) || !ctl_host_operator(ctl, &name, &err))
        return fleet_fault_err(fault, &err);
    struct ctl_fleet *fleet = calloc(1, sizeof *fleet);
    if (fleet == NULL)
        return fleet_fault(fault, CTL_FAILED, "", "", "out of memory");
    fleet->name = name;
    fleet->id_matters = ctl->args.cmd->mutates && !ctl->dry_run; /* owners remember the numbers of writes only */
    sp_buf_init(&fleet->reply, CTL_FLEET_REPLY_MAX);
    fleet_id_load(fleet, conf);
    ctl->fleet = fleet;
    if (fleet_connect(fleet, conf, fault) && fleet_await_broker(ctl, conf, fault))
        return true;
    ctl_fleet_close(&ctl->fleet);
    return false;
}

void ctl_fleet_close(struct ctl_fleet **fleet_p)
{
    struct ctl_fleet *fleet = *fleet_p;
    *fleet_p = NULL;
    if (fleet == NULL)
        return;
    fleet_id_save(fleet);
    if (fleet->bus != NULL)
        sp_bus_close(&fleet->bus, FLEET_LINGER_MS);
    sp_loop_destroy(&fleet->loop);
    sp_keys_destroy(&fleet->keys);
    if (fleet->crypto)
        sp_crypto_fini();
    sp_buf_fini(&fleet->reply);
    free(fleet);
}

bool ctl_fleet_turn(struct ctl *ctl, uint32_t wait_ms)
{
    return sp_loop_turn(ctl->fleet->loop, (int)wait_ms) == SP_OK && !ctl->fleet->interrupted;
}

bool ctl_fleet_pause(struct ctl *ctl, uint32_t wait_ms)
{
    uint64_t end = sp_clock_mono_ns() + (uint64_t)wait_ms * FLEET_NS_PER_MS;
    for (uint64_t now = sp_clock_mono_ns(); now < end; now = sp_clock_mono_ns()) {
        if (!ctl_fleet_turn(ctl, (uint32_t)((end - now) / FLEET_NS_PER_MS + 1)))
            return false;
    }
    return true;
}

uint32_t ctl_fleet_patience(const struct ctl *ctl)
{
    uint64_t ms = CTL_FLEET_TIMEOUT_MS;
    const char *text = ctl->args.values[CTL_OPT_TIMEOUT];
    if (text != NULL)
        (void)sp_time_parse_span(sp_str_of(text), &ms); /* main refused a malformed one */
    return ms > INT32_MAX ? INT32_MAX : (uint32_t)ms;
}

/* Name to send to, and for a broker the connection. False: there is no such role or principal. */
static bool fleet_receiver(const struct ctl_fleet *fleet, const char *to, const char **dest, int *broker)
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

static bool fleet_send(struct ctl_fleet *fleet, const char *to, const struct msg_admin_request *request, struct ctl_fault *fault)
{
    size_t room = 0;
    struct sp_packer packer;
    struct sp_bus_out out = {.type = SP_MSG_ADMIN_REQUEST};
    if (!fleet_receiver(fleet, to, &out.dest, &out.broker))
        return fleet_fault(fault, CTL_FAILED, "principals.yaml", "see spicectl key list", "no principal or role \"%s\" is known",
                           to);
    uint8_t *body = sp_bus_body(fleet->bus, &room);
    sp_packer_init(&packer, body, room);
    if (msg_admin_request_encode(&packer, request) != SP_OK)
        return fleet_fault(fault, CTL_FAILED, to, "split it into smaller ones", "the request is larger than %u bytes",
                           MSG_ADMIN_REQUEST_ARGS_MAX);
    out.body = body;
    out.body_bytes = sp_packer_bytes(&packer);
    enum sp_bus_sent sent = sp_bus_send(fleet->bus, &out);
    if (sent != SP_BUS_SENT)
        return fleet_fault(fault, CTL_NO_FLEET, to, "try: spicectl doctor", "%s", sp_bus_sent_text(sent));
    fleet->sequence = out.sequence;
    return true;
}

/* Waits for the answer to the open question. */
static bool fleet_await(struct ctl *ctl, const char *to, const char *verb, struct ctl_fault *fault)
{
    struct ctl_fleet *fleet = ctl->fleet;
    uint64_t patience = (uint64_t)ctl_fleet_patience(ctl) * FLEET_NS_PER_MS;
    uint64_t end = sp_clock_mono_ns() + patience;
    uint32_t parts = 0;
    while (!fleet->done) {
        if (!ctl_fleet_turn(ctl, FLEET_TURN_MS))
            return fleet_fault(fault, CTL_FAILED, to, "it may have been done; look before you repeat it",
                               "interrupted while waiting");
        uint64_t now = sp_clock_mono_ns();
        if (fleet->parts != parts) {
            parts = fleet->parts;
            end = now + patience;
        }
        if (now >= end)
            return fleet_fault(fault, CTL_NO_FLEET, to, "is it running? try: spicectl doctor",
                               "%s did not answer \"%s\" within %" PRIu32 " ms", to, verb, ctl_fleet_patience(ctl));
    }
    return true;
}

/* Turns the finished answer into JSON, or into a fault. */
static bool fleet_answer(struct ctl_fleet *fleet, const char *to, json_t **reply, struct ctl_fault *fault)
{
    json_error_t error;
    if (fleet->refused[0] != '\0') {
        bool absent = fleet->code == SP_REFUSAL_NO_ROUTE;
        (void)fleet_fault(fault, absent ? CTL_NO_FLEET : CTL_FAILED, to,
                          absent ? "it is not connected to the broker: is it running? look at its log" : "",
                          "the broker refused: %s", fleet->refused);
        fault->code = fleet->code;
        return false;
    }
    if (fleet->reply.failed)
        return fleet_fault(fault, CTL_FAILED, to, "ask for less: --limit, --node, --check", "the answer is larger than we take");
    json_t *value = json_loadb((const char *)fleet->reply.p, fleet->reply.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (fleet->code == SP_REFUSAL_NONE && value != NULL) {
        *reply = value;
        return true;
    }
    if (fleet->code == SP_REFUSAL_NONE) {
        return fleet_fault(fault, CTL_FAILED, to, "is it of another version? try: spicectl doctor", "the answer is no JSON: %s",
                           error.text);
    }
    const char *text = ctl_json_text(value, "error");
    const char *where = ctl_json_text(value, "where");
    (void)fleet_fault(fault, CTL_FAILED, where[0] != '\0' ? where : to, ctl_json_text(value, "hint"), "%s",
                      text[0] != '\0' ? text : sp_refusal_text(fleet->code));
    fault->code = fleet->code;
    json_decref(value);
    return false;
}

static bool fleet_once(struct ctl *ctl, const char *to, struct msg_admin_request *request, json_t **reply, struct ctl_fault *fault)
{
    struct ctl_fleet *fleet = ctl->fleet;
    char verb[MSG_ADMIN_REQUEST_VERB_MAX + 1];
    (void)sp_str_copy(verb, sizeof verb, request->verb);
    fleet->id = request->id = fleet_id_next(fleet);
    fleet->parts = 0;
    fleet->done = false;
    fleet->code = SP_REFUSAL_NONE;
    fleet->refused[0] = '\0';
    sp_buf_reset(&fleet->reply);
    return fleet_send(fleet, to, request, fault) && fleet_await(ctl, to, verb, fault) && fleet_answer(fleet, to, reply, fault);
}

bool ctl_fleet_try(struct ctl *ctl, const char *to, const char *verb, json_t *args, json_t **reply, struct ctl_fault *fault)
{
    char *text = args != NULL ? json_dumps(args, JSON_COMPACT) : strdup("{}");
    bool good = false;
    json_decref(args);
    memset(fault, 0, sizeof *fault);
    if (text == NULL)
        return fleet_fault(fault, CTL_FAILED, "", "", "out of memory");
    if (ctl_fleet_open(ctl, fault)) {
        struct msg_admin_request request = {.verb = sp_str_of(verb), .args = sp_str_of(text)};
        for (int i = 0; i < FLEET_RETRIES && !good; i++) {
            good = fleet_once(ctl, to, &request, reply, fault);
            if (fault->code != SP_REFUSAL_REPLAY)
                break;
        }
    }
    free(text);
    return good;
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

struct sp_bus *ctl_fleet_bus(const struct ctl *ctl)
{
    return ctl->fleet->bus;
}

struct sp_loop *ctl_fleet_loop(const struct ctl *ctl)
{
    return ctl->fleet->loop;
}

void ctl_fleet_watch(struct ctl *ctl, void (*fn)(void *self, const struct sp_bus_message *message), void *self)
{
    ctl->fleet->watch = fn;
    ctl->fleet->watch_self = self;
}
