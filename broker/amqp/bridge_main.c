/* SPDX-License-Identifier: Apache-2.0 */
/* spice-bridge: the link between the fleet and the message bus of the cloud. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge_shell.h"
#include "sp_crypto.h"
#include "sp_log.h"
#include "sp_opt.h"
#include "sp_privs.h"

#define DESCRIPTORS 4096u

struct process {
    struct sp_opt_common common;
    struct sp_conf *conf;
    struct sp_keys *keys;
    struct sp_loop *loop;
    struct sp_notify notify;
    struct bridge_options options;
    struct bridge *shell;
};

static int fail(const struct sp_err *err, int code)
{
    char line[SP_ERR_WHERE_BYTES + SP_ERR_TEXT_BYTES + SP_ERR_HINT_BYTES];
    sp_err_line(err, line, sizeof line);
    (void)fprintf(stderr, "spice-bridge: %s\n", line);
    return code;
}

static struct sp_mono on_deadline(void *ctx)
{
    return bridge_shell_deadline(((struct process *)ctx)->shell);
}

static void on_tick(void *ctx, const struct sp_now *now)
{
    bridge_shell_tick(((struct process *)ctx)->shell, now);
}

static enum sp_rc prepare(struct process *p, struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES];
    uint64_t got = 0;
    enum sp_rc rc = sp_conf_load(p->common.config, p->common.prefix, &p->conf, err);
    if (p->common.name == NULL)
        p->common.name = "bridge-1";
    rc = rc == SP_OK ? sp_conf_log_apply(p->conf, p->common.log_level, err) : rc;
    sp_log_open(STDERR_FILENO, p->common.name);
    rc = rc == SP_OK ? sp_privs_become(p->conf->bridge.user, err) : rc;
    rc = rc == SP_OK ? sp_conf_key_path(p->conf, p->common.name, path, sizeof path) : rc;
    rc = rc == SP_OK ? sp_keys_load(path, p->common.name, &p->keys, err) : rc;
    rc = rc == SP_OK ? bridge_options_make(&p->conf->bridge, &p->options, err) : rc;
    sp_privs_descriptors(DESCRIPTORS, &got);
    sp_privs_exact_timers();
    return rc;
}

static enum sp_rc serve(struct process *p, struct sp_err *err)
{
    struct sp_loop_options lo = {.ctx = p, .deadline = on_deadline, .tick = on_tick};
    enum sp_rc rc = sp_loop_new(&lo, &p->loop, err);
    if (rc == SP_OK) {
        struct bridge_shell_options so = {.loop = p->loop,
                                          .conf = p->conf,
                                          .keys = p->keys,
                                          .options = &p->options,
                                          .notify = &p->notify,
                                          .name = p->common.name};
        rc = bridge_shell_open(&so, &p->shell, err);
    }
    if (rc == SP_OK) {
        sp_notify_ready(&p->notify, "started");
        SP_LOG(SP_LOG_INFO, "bridge", "start", SP_LOG_S("version", SPICE_VERSION));
        rc = sp_loop_run(p->loop);
        sp_notify_stopping(&p->notify, "stopping");
        SP_LOG(SP_LOG_INFO, "bridge", "stop");
    }
    bridge_shell_close(&p->shell);
    sp_loop_destroy(&p->loop);
    return rc;
}

static int run(struct process *p)
{
    struct sp_err err = {0};
    sp_privs_standard_fds();
    sp_notify_init(&p->notify);
    enum sp_rc rc = sp_crypto_init();
    if (rc != SP_OK)
        (void)sp_err_set(&err, rc, "libcrypto, libsodium", "one of them cannot be used");
    rc = rc == SP_OK ? prepare(p, &err) : rc;
    if (rc != SP_OK)
        return fail(&err, SP_OPT_EXIT_USAGE);
    rc = sp_privs_harden(&err);
    rc = rc == SP_OK ? serve(p, &err) : rc;
    bridge_options_fini(&p->options);
    sp_keys_destroy(&p->keys);
    sp_conf_destroy(&p->conf);
    sp_notify_fini(&p->notify);
    sp_crypto_fini();
    return rc == SP_OK ? SP_OPT_EXIT_OK : fail(&err, SP_OPT_EXIT_FAILED);
}

int main(int argc, char **argv)
{
    static struct process p; /* options are large */
    struct sp_err err = {0};
    int first = 0;
    sp_opt_common_init(&p.common);
    const struct sp_opt_row rows[] = {SP_OPT_COMMON(&p.common)};
    const struct sp_opt opt = {"spice-bridge", "",   "Links the fleet with the message bus of an OpenStack cloud.", rows,
                               SP_COUNT(rows), false};
    enum sp_opt_result parsed = sp_opt_parse(&opt, argc, argv, &first, &err);
    if (parsed != SP_OPT_GO)
        return parsed == SP_OPT_DONE ? SP_OPT_EXIT_OK : fail(&err, SP_OPT_EXIT_USAGE);
    if (first < argc) {
        (void)sp_err_set(&err, SP_E_USAGE, argv[first], "not understood here");
        return fail(&err, SP_OPT_EXIT_USAGE);
    }
    return run(&p);
}
