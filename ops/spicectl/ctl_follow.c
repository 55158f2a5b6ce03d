/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_follow.h"

#include "ctl_host.h"

#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_keys.h"
#include "sp_loop.h"

#include <string.h>
#include <unistd.h>

#define FOLLOW_TURN_MS   50u
#define FOLLOW_WHY_MAX   512
#define FOLLOW_NS_PER_MS 1000000u

static void follow_on_signal(void *ctx, int signo, const struct sp_now *now)
{
    struct ctl_follow *follow = ctx;
    (void)signo;
    (void)now;
    follow->interrupted = true;
}

/* The first reader among the principals whose key is here. */
static int follow_name(struct ctl *ctl, const char **name, char path[SP_FS_PATH_BYTES])
{
    const struct sp_conf *conf;
    const struct sp_conf_principals *principals;
    struct sp_err err = {0};
    if (!ctl_host_conf(ctl, &conf, &err) || !ctl_host_principals(ctl, &principals, &err))
        return ctl_host_fail(ctl, &err);
    for (uint32_t i = 0; i < principals->count; i++) {
        const struct sp_conf_principal *row = &principals->rows[i];
        if (row->role != SP_CONF_ROLE_READER || sp_conf_key_path(conf, row->name, path, SP_FS_PATH_BYTES) != SP_OK ||
            access(path, R_OK) != 0)
            continue;
        *name = row->name;
        return CTL_OK;
    }
    return ctl_fail(ctl, CTL_FAILED, conf->keys,
                    "run it where a reader's key is: spicectl host export reader-1 --to FILE packs one",
                    "no key of role reader can be read on this host");
}

int ctl_follow_open(struct ctl *ctl, struct ctl_follow *follow, const struct sp_reader_options *handlers)
{
    struct sp_reader_options options = *handlers;
    struct sp_loop_options loop = {.ctx = follow, .on_signal = follow_on_signal};
    struct sp_err err = {0};
    char path[SP_FS_PATH_BYTES];
    char why[FOLLOW_WHY_MAX];
    memset(follow, 0, sizeof *follow);
    int code = follow_name(ctl, &options.name, path);
    if (code != CTL_OK)
        return code;
    code = ctl_crypto_open(ctl);
    if (code != CTL_OK)
        return code;
    if (sp_keys_load(path, options.name, &follow->keys, &err) != SP_OK || sp_loop_new(&loop, &follow->loop, &err) != SP_OK)
        return ctl_host_fail(ctl, &err);
    options.loop = follow->loop;
    options.conf = ctl->conf;
    options.keys = follow->keys;
    if (!sp_reader_open(&options, &follow->reader, why, sizeof why))
        return ctl_fail(ctl, CTL_FAILED, ctl->conf->file, NULL, "%s", why);
    return CTL_OK;
}

bool ctl_follow_turn(struct ctl_follow *follow, uint32_t wait_ms)
{
    return sp_loop_turn(follow->loop, (int)wait_ms) == SP_OK && !follow->interrupted;
}

bool ctl_follow_await(struct ctl_follow *follow, uint32_t wait_ms)
{
    uint64_t end = sp_clock_mono_ns() + (uint64_t)wait_ms * FOLLOW_NS_PER_MS;
    while (!sp_reader_following(follow->reader)) {
        if (!ctl_follow_turn(follow, FOLLOW_TURN_MS) || sp_clock_mono_ns() >= end)
            return false;
    }
    return true;
}

void ctl_follow_close(struct ctl_follow *follow)
{
    if (follow->reader != NULL)
        sp_reader_close(&follow->reader);
    sp_loop_destroy(&follow->loop);
    sp_keys_destroy(&follow->keys);
}
