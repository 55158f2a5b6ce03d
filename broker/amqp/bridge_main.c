/* SPDX-License-Identifier: Apache-2.0 */
/* spice-bridge: the link between the fleet and the message bus of the cloud. */
#include <signal.h>

#include "bridge_shell.h"
#include "sp_log.h"
#include "sp_process.h"

#define DESCRIPTORS 4096u

struct work {
    struct sp_loop *loop;
    struct sp_notify notify;
    struct bridge_options options;
    struct bridge *shell;
};

static struct sp_mono on_deadline(void *ctx)
{
    return bridge_shell_deadline(((struct work *)ctx)->shell);
}

static void on_tick(void *ctx, const struct sp_now *now)
{
    bridge_shell_tick(((struct work *)ctx)->shell, now);
}

static void on_signal(void *ctx, int signo, const struct sp_now *now)
{
    struct work *w = ctx;
    (void)now;
    if (signo == SIGTERM || signo == SIGINT)
        sp_loop_stop(w->loop);
    else if (signo == SIGHUP)
        bridge_shell_reload(w->shell);
}

static const char *name_of(const struct sp_conf *conf, struct sp_err *err)
{
    (void)conf;
    (void)err;
    return "bridge-1";
}

static const char *user_of(const struct sp_conf *conf, const char *name)
{
    (void)name;
    return conf->bridge.user;
}

static enum sp_rc run(struct sp_process *p, struct work *w, struct sp_err *err)
{
    struct sp_loop_options lo = {.ctx = w, .deadline = on_deadline, .tick = on_tick, .on_signal = on_signal};
    enum sp_rc rc = sp_loop_new(&lo, &w->loop, err);
    if (rc == SP_OK) {
        struct bridge_shell_options so = {.loop = w->loop,
                                          .conf = p->conf,
                                          .keys = p->keys,
                                          .options = &w->options,
                                          .notify = &w->notify,
                                          .name = p->common.name};
        rc = bridge_shell_open(&so, &w->shell, err);
    }
    if (rc == SP_OK) {
        sp_notify_ready(&w->notify, "started");
        SP_LOG(SP_LOG_INFO, "bridge", "start", SP_LOG_S("version", SPICE_VERSION));
        rc = sp_loop_run(w->loop);
        sp_notify_stopping(&w->notify, "stopping");
        SP_LOG(SP_LOG_INFO, "bridge", "stop");
    }
    bridge_shell_close(&w->shell);
    sp_loop_destroy(&w->loop);
    return rc;
}

static int serve(struct sp_process *p, struct sp_err *err)
{
    static struct work w; /* options are large */
    if (bridge_options_make(&p->conf->bridge, &w.options, err) != SP_OK)
        return SP_OPT_EXIT_USAGE;
    sp_notify_init(&w.notify);
    enum sp_rc rc = run(p, &w, err);
    sp_notify_fini(&w.notify);
    bridge_options_fini(&w.options);
    return rc == SP_OK ? SP_OPT_EXIT_OK : SP_OPT_EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct sp_process p = {0};
    const struct sp_opt_row rows[] = {SP_OPT_COMMON(&p.common)};
    const struct sp_process_needs needs = {
        .opt = {"spice-bridge", "", "Links the fleet with the message bus of an OpenStack cloud.", rows, SP_COUNT(rows), false},
        .name = name_of,
        .user = user_of,
        .exact_timers = true,
        .descriptors = DESCRIPTORS,
        .serve = serve};
    int code = 0;
    sp_opt_common_init(&p.common);
    return sp_process_options(&needs, argc, argv, &code) ? sp_process_run(&p, &needs) : code;
}
