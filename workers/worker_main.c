/* SPDX-License-Identifier: Apache-2.0 */
/* spice-worker: runs checks through adapters and reports each exactly once. `spice-worker enrol TOKEN` adds this host's worker. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "enrol.h"
#include "sp_crypto.h"
#include "sp_log.h"
#include "sp_opt.h"
#include "sp_privs.h"
#include "worker_shell.h"

struct process {
    struct sp_opt_common common;
    struct sp_conf *conf;
    struct sp_keys *keys;
    struct sp_loop *loop;
    struct sp_notify notify;
    struct worker_shell *shell;
    uint64_t drain_ms;
};

static int fail(const struct sp_err *err, int code)
{
    char line[SP_ERR_WHERE_BYTES + SP_ERR_TEXT_BYTES + SP_ERR_HINT_BYTES];
    sp_err_line(err, line, sizeof line);
    (void)fprintf(stderr, "spice-worker: %s\n", line);
    return code;
}

static struct sp_mono on_deadline(void *ctx)
{
    return worker_shell_deadline(((struct process *)ctx)->shell);
}

static void on_tick(void *ctx, const struct sp_now *now)
{
    worker_shell_tick(((struct process *)ctx)->shell, now);
}

static void on_signal(void *ctx, int signo, const struct sp_now *now)
{
    struct process *p = ctx;
    (void)now;
    if (signo == SIGTERM || signo == SIGINT) {
        SP_LOG(SP_LOG_INFO, "worker", "stop", SP_LOG_I("signal", signo));
        sp_notify_stopping(&p->notify, "finishing what runs");
        worker_shell_drain(p->shell, p->drain_ms);
    }
}

static enum sp_rc prepare(struct process *p, struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES];
    uint64_t got = 0;
    enum sp_rc rc = sp_conf_load(p->common.config, p->common.prefix, &p->conf, err);
    if (rc == SP_OK) {
        rc = sp_conf_log_apply(p->conf, p->common.log_level, err);
    }
    if (rc == SP_OK && p->common.name == NULL) {
        rc = sp_err_set(err, SP_E_USAGE, "--name", "which worker is this?");
        sp_err_hint(err, "give the principal's name, for example --name worker-1");
    }
    if (rc == SP_OK) {
        sp_log_open(STDERR_FILENO, p->common.name);
        p->drain_ms = sp_conf_worker_for(p->conf, p->common.name)->drain_ms;
        rc = sp_privs_become(sp_conf_worker_for(p->conf, p->common.name)->user, err);
    }
    if (rc == SP_OK) {
        rc = sp_conf_key_path(p->conf, p->common.name, path, sizeof path);
        rc = rc == SP_OK ? sp_keys_load(path, p->common.name, &p->keys, err) : rc;
    }
    sp_privs_descriptors(65536, &got);
    sp_privs_exact_timers();
    return rc;
}

static enum sp_rc serve(struct process *p, struct sp_err *err)
{
    struct sp_loop_options lo = {.ctx = p, .deadline = on_deadline, .tick = on_tick, .on_signal = on_signal};
    enum sp_rc rc = sp_loop_new(&lo, &p->loop, err);
    if (rc == SP_OK) {
        struct worker_shell_options so = {.loop = p->loop,
                                          .conf = p->conf,
                                          .keys = p->keys,
                                          .name = p->common.name,
                                          .adapters = sp_adapters,
                                          .notify = &p->notify};
        rc = worker_shell_open(&so, &p->shell, err);
    }
    if (rc == SP_OK) {
        SP_LOG(SP_LOG_INFO, "worker", "start", SP_LOG_S("version", SPICE_VERSION));
        sp_notify_ready(&p->notify, "running");
        rc = sp_loop_run(p->loop);
    }
    worker_shell_close(&p->shell);
    sp_loop_destroy(&p->loop);
    return rc;
}

static int run(struct process *p)
{
    struct sp_err err = {0};
    enum sp_rc rc = sp_crypto_init();
    sp_privs_standard_fds();
    sp_notify_init(&p->notify);
    if (rc == SP_OK) {
        rc = prepare(p, &err);
    }
    if (rc != SP_OK) {
        return fail(&err, SP_OPT_EXIT_USAGE);
    }
    rc = sp_privs_harden(&err);
    rc = rc == SP_OK ? serve(p, &err) : rc;
    sp_keys_destroy(&p->keys);
    sp_conf_destroy(&p->conf);
    sp_notify_fini(&p->notify);
    sp_crypto_fini();
    return rc == SP_OK ? SP_OPT_EXIT_OK : fail(&err, SP_OPT_EXIT_FAILED);
}

int main(int argc, char **argv)
{
    struct process p = {0};
    struct sp_err err = {0};
    int first = 0;
    uint64_t wait_ms = ENROL_WAIT_MS;
    sp_opt_common_init(&p.common);
    const struct sp_opt_row rows[] = {
        SP_OPT_COMMON(&p.common),
        {"wait", 'w', SP_OPT_SPAN, &wait_ms, "TIME", "enrol: how long to wait for the keeper's answer", 0},
    };
    const struct sp_opt opt = {"spice-worker", "[enrol TOKEN]", "Runs checks through adapters and reports each exactly once.", rows,
                               SP_COUNT(rows), false};
    /* The verb comes first, its options may follow the token. */
    bool enrols = argc > 1 && strcmp(argv[1], "enrol") == 0;
    const char *token = enrols && argc > 2 && argv[2][0] != '-' ? argv[2] : NULL;
    int skip = enrols ? 1 + (token != NULL) : 0;
    argv[skip] = argv[0];
    argc -= skip;
    argv += skip;
    enum sp_opt_result parsed = sp_opt_parse(&opt, argc, argv, &first, &err);
    if (parsed != SP_OPT_GO) {
        return parsed == SP_OPT_DONE ? SP_OPT_EXIT_OK : fail(&err, SP_OPT_EXIT_USAGE);
    }
    if (enrols) {
        const struct enrol_options o = {.token = token, .prefix = p.common.prefix, .wait_ms = wait_ms};
        return enrol_run(&o, &err) == SP_OK ? SP_OPT_EXIT_OK : fail(&err, SP_OPT_EXIT_FAILED);
    }
    if (first < argc) {
        (void)sp_err_set(&err, SP_E_USAGE, argv[first], "not understood here");
        return fail(&err, SP_OPT_EXIT_USAGE);
    }
    return run(&p);
}
