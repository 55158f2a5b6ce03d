/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_fleet_parts.h"

#include "ctl_cmd.h"
#include "ctl_host.h"
#include "ctl_json.h"

#include "sp_clock.h"
#include "sp_conf.h"
#include "sp_crypto.h"
#include "sp_keys.h"
#include "sp_loop.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FLEET_RECONNECT_MS 100u
#define FLEET_LINGER_MS    200
#define FLEET_ID_BYTES_MAX 32

bool fleet_fault(struct ctl_fault *fault, enum ctl_exit code, const char *where, const char *hint, const char *format, ...)
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

static void fleet_on_message(void *self, const struct sp_bus_message *message)
{
    struct ctl_fleet *fleet = self;
    if (message->type == SP_MSG_ADMIN_REPLY)
        fleet_call_on_reply(fleet, message);
    else if (message->type == SP_MSG_EVIDENCE)
        fleet_evidence_on_part(fleet, message);
    else if (message->type == SP_MSG_REFUSED) {
        fleet_call_on_refused(fleet, message);
        fleet_evidence_on_refused(fleet, message);
    }
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

uint64_t fleet_id_next(struct ctl_fleet *fleet)
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
        return fleet_fault(fault, CTL_FAILED, "libcrypto, libsodium", "install Debian's libssl3 and libsodium23",
                           "one of them cannot be used");
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

bool ctl_fleet_interrupted(const struct ctl *ctl)
{
    return ctl->fleet != NULL && ctl->fleet->interrupted;
}

uint32_t ctl_fleet_patience(const struct ctl *ctl)
{
    uint64_t ms = CTL_FLEET_TIMEOUT_MS;
    const char *text = ctl->args.values[CTL_OPT_TIMEOUT];
    if (text != NULL)
        (void)sp_time_parse_span(sp_str_of(text), &ms); /* main refused a malformed one */
    return ms > INT32_MAX ? INT32_MAX : (uint32_t)ms;
}

struct sp_bus *ctl_fleet_bus(const struct ctl *ctl)
{
    return ctl->fleet->bus;
}
