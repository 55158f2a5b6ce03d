/* SPDX-License-Identifier: Apache-2.0 */
/* spice-worker: runs checks through adapters and reports each exactly once. `spice-worker enrol TOKEN` adds this host's worker. */
#include <signal.h>
#include <string.h>

#include "enrol.h"
#include "sp_crypto.h"
#include "sp_log.h"
#include "sp_process.h"
#include "worker_shell.h"

#define DESCRIPTORS 65536u

struct work {
    struct sp_loop *loop;
    struct sp_notify notify;
    struct worker_shell *shell;
    uint64_t drain_ms;
};

static struct sp_mono on_deadline(void *ctx)
{
    return worker_shell_deadline(((struct work *)ctx)->shell);
}

static void on_tick(void *ctx, const struct sp_now *now)
{
    worker_shell_tick(((struct work *)ctx)->shell, now);
}

static void on_signal(void *ctx, int signo, const struct sp_now *now)
{
    struct work *w = ctx;
    (void)now;
    if (signo == SIGTERM || signo == SIGINT) {
        SP_LOG(SP_LOG_INFO, "worker", "stop", SP_LOG_I("signal", signo));
        sp_notify_stopping(&w->notify, "finishing what runs");
        worker_shell_drain(w->shell, w->drain_ms);
    } else if (signo == SIGHUP) {
        worker_shell_reload(w->shell);
    }
}

static const char *name_of(const struct sp_conf *conf, struct sp_err *err)
{
    (void)conf;
    (void)sp_err_set(err, SP_E_USAGE, "--name", "which worker is this?");
    sp_err_hint(err, "give the principal's name, for example --name worker-1");
    return NULL;
}

static const char *user_of(const struct sp_conf *conf, const char *name)
{
    return sp_conf_worker_for(conf, name)->user;
}

static int serve(struct sp_process *p, struct sp_err *err)
{
    struct work w = {.drain_ms = sp_conf_worker_for(p->conf, p->common.name)->drain_ms};
    struct sp_loop_options lo = {.ctx = &w, .deadline = on_deadline, .tick = on_tick, .on_signal = on_signal};
    sp_notify_init(&w.notify);
    enum sp_rc rc = sp_loop_new(&lo, &w.loop, err);
    if (rc == SP_OK) {
        struct worker_shell_options so = {
            .loop = w.loop, .conf = p->conf, .keys = p->keys, .name = p->common.name, .adapters = sp_adapters, .notify = &w.notify};
        rc = worker_shell_open(&so, &w.shell, err);
    }
    if (rc == SP_OK) {
        SP_LOG(SP_LOG_INFO, "worker", "start", SP_LOG_S("version", SPICE_VERSION));
        sp_notify_ready(&w.notify, "running");
        rc = sp_loop_run(w.loop);
    }
    worker_shell_close(&w.shell);
    sp_loop_destroy(&w.loop);
    sp_notify_fini(&w.notify);
    return rc == SP_OK ? SP_OPT_EXIT_OK : SP_OPT_EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct sp_process p = {0};
    struct sp_err err = {0};
    uint64_t wait_ms = ENROL_WAIT_MS;
    const char *root = NULL;
    const struct sp_opt_row rows[] = {
        SP_OPT_COMMON(&p.common),
        {"wait", 'w', SP_OPT_SPAN, &wait_ms, "TIME", "enrol: how long to wait for the keeper's answer", 0},
        {"root", 'r', SP_OPT_TEXT, &root, "DIR", "enrol: for the units of the system below DIR, instead of this host's", 0},
    };
    const struct sp_process_needs needs = {.opt = {"spice-worker", "[enrol TOKEN]",
                                                   "Runs checks through adapters and reports each exactly once.", rows,
                                                   SP_COUNT(rows), false},
                                           .name = name_of,
                                           .user = user_of,
                                           .exact_timers = true,
                                           .descriptors = DESCRIPTORS,
                                           .serve = serve};
    int code = 0;
    /* The verb comes first, its options may follow the token. */
    bool enrols = argc > 1 && strcmp(argv[1], "enrol") == 0;
    const char *token = enrols && argc > 2 && (argv[2][0] != '-' || argv[2][1] == '\0') ? argv[2] : NULL;
    int skip = enrols ? 1 + (token != NULL) : 0;
    sp_opt_common_init(&p.common);
    argv[skip] = argv[0];
    if (!sp_process_options(&needs, argc - skip, argv + skip, &code))
        return code;
    if (enrols) {
        const struct enrol_options o = {
            .token = token, .prefix = p.common.prefix, .root = root, .wait_ms = wait_ms, .program = "spice-worker"};
        return enrol_run(&o, &err) == SP_OK ? SP_OPT_EXIT_OK : sp_process_fail(&needs, &err, SP_OPT_EXIT_FAILED);
    }
    return sp_process_run(&p, &needs);
}
