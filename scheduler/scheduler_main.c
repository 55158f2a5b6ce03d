/* SPDX-License-Identifier: Apache-2.0 */
/* spice-scheduler: decides which check is due on which node and sees to it that each due run happens once. */
#include <signal.h>

#include "scheduler_shell.h"
#include "sp_log.h"
#include "sp_process.h"

#define DESCRIPTORS 4096u

struct work {
    struct sp_loop *loop;
    struct sp_notify notify;
    struct scheduler_shell *shell;
};

static struct sp_mono on_deadline(void *ctx)
{
    return scheduler_shell_deadline(((struct work *)ctx)->shell);
}

static void on_tick(void *ctx, const struct sp_now *now)
{
    scheduler_shell_tick(((struct work *)ctx)->shell, now);
}

static void on_signal(void *ctx, int signo, const struct sp_now *now)
{
    struct work *w = ctx;
    (void)now;
    if (signo == SIGTERM || signo == SIGINT)
        sp_loop_stop(w->loop);
    else if (signo == SIGHUP)
        scheduler_shell_reload(w->shell);
}

static const char *name_of(const struct sp_conf *conf, struct sp_err *err)
{
    (void)conf;
    (void)err;
    return "scheduler";
}

static const char *user_of(const struct sp_conf *conf, const char *name)
{
    (void)name;
    return conf->scheduler.user;
}

static int serve(struct sp_process *p, struct sp_err *err)
{
    struct work w = {0};
    struct sp_loop_options lo = {.ctx = &w, .deadline = on_deadline, .tick = on_tick, .on_signal = on_signal};
    sp_notify_init(&w.notify);
    enum sp_rc rc = sp_loop_new(&lo, &w.loop, err);
    if (rc == SP_OK) {
        struct scheduler_shell_options so = {.loop = w.loop,
                                             .conf = p->conf,
                                             .keys = p->keys,
                                             .core_keys = p->core_keys,
                                             .notify = &w.notify,
                                             .name = p->common.name};
        rc = scheduler_shell_open(&so, &w.shell, err);
    }
    if (rc == SP_OK) {
        SP_LOG(SP_LOG_INFO, "scheduler", "start", SP_LOG_S("version", SPICE_VERSION));
        rc = sp_loop_run(w.loop);
        sp_notify_stopping(&w.notify, "stopping");
        if (rc == SP_OK && scheduler_shell_failed(w.shell))
            rc = sp_err_set(err, SP_E_IO, "scheduler's store", "writing failed");
        SP_LOG(SP_LOG_INFO, "scheduler", "stop");
    }
    scheduler_shell_close(&w.shell);
    sp_loop_destroy(&w.loop);
    sp_notify_fini(&w.notify);
    return rc == SP_OK ? SP_OPT_EXIT_OK : SP_OPT_EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct sp_process p = {0};
    const struct sp_opt_row rows[] = {SP_OPT_COMMON(&p.common)};
    const struct sp_process_needs needs = {.opt = {"spice-scheduler", "",
                                                   "Decides which check is due on which node and issues the jobs.", rows,
                                                   SP_COUNT(rows), false},
                                           .name = name_of,
                                           .user = user_of,
                                           .core_keys = true,
                                           .exact_timers = true,
                                           .descriptors = DESCRIPTORS,
                                           .serve = serve};
    int code = 0;
    sp_opt_common_init(&p.common);
    return sp_process_options(&needs, argc, argv, &code) ? sp_process_run(&p, &needs) : code;
}
