/* SPDX-License-Identifier: Apache-2.0 */
/* spice-attester: tells what a worker asks about this node, and judges nothing. `spice-attester enrol TOKEN` adds this node's
 * attester. Two processes: this one is on the bus and has no rights; the one that reads is started first (back.h). */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "attester_sandbox.h"
#include "attester_shell.h"
#include "back.h"
#include "enrol.h"
#include "sp_log.h"
#include "sp_privs.h"
#include "sp_process.h"

struct work {
    struct sp_loop *loop;
    struct sp_notify notify;
    struct attester_shell *shell;
};

/* The other part; it is there before this one has read its keys. */
static int back_fd = -1;
static pid_t back_pid;

static struct sp_mono on_deadline(void *ctx)
{
    return attester_shell_deadline(((struct work *)ctx)->shell);
}

static void on_tick(void *ctx, const struct sp_now *now)
{
    attester_shell_tick(((struct work *)ctx)->shell, now);
}

static void on_signal(void *ctx, int signo, const struct sp_now *now)
{
    struct work *w = ctx;
    (void)now;
    if (signo == SIGTERM || signo == SIGINT) {
        SP_LOG(SP_LOG_INFO, "attester", "stop", SP_LOG_I("signal", signo));
        sp_notify_stopping(&w->notify, "stopping");
        sp_loop_stop(w->loop);
    } else if (signo == SIGHUP) {
        attester_shell_reload(w->shell);
    }
}

static const char *name_of(const struct sp_conf *conf, struct sp_err *err)
{
    (void)conf;
    (void)sp_err_set(err, SP_E_USAGE, "--name", "which attester is this?");
    sp_err_hint(err, "give the principal's name, for example --name attester-node1");
    return NULL;
}

static const char *user_of(const struct sp_conf *conf, const char *name)
{
    (void)name;
    return conf->attester.user;
}

static int serve(struct sp_process *p, struct sp_err *err)
{
    struct work w = {0};
    struct sp_loop_options lo = {.ctx = &w, .deadline = on_deadline, .tick = on_tick, .on_signal = on_signal};
    sp_notify_init(&w.notify);
    enum sp_rc rc = attester_sandbox_front(err);
    rc = rc == SP_OK ? sp_loop_new(&lo, &w.loop, err) : rc;
    if (rc == SP_OK) {
        struct attester_shell_options so = {
            .loop = w.loop, .conf = p->conf, .keys = p->keys, .name = p->common.name, .back_fd = back_fd, .notify = &w.notify};
        rc = attester_shell_open(&so, &w.shell, err);
    }
    if (rc == SP_OK) {
        SP_LOG(SP_LOG_INFO, "attester", "start", SP_LOG_S("version", SPICE_VERSION));
        if (geteuid() == 0) {
            SP_LOG(SP_LOG_WARNING, "attester", "still.root",
                   SP_LOG_S("why", "set attester.user: the part on the bus needs no rights"));
        }
        sp_notify_ready(&w.notify, "running");
        rc = sp_loop_run(w.loop);
        rc = rc == SP_OK && attester_shell_failed(w.shell)
                 ? sp_err_set(err, SP_E_CLOSED, p->common.name, "the part that reads has ended; its last words are in the log")
                 : rc;
    }
    attester_shell_close(&w.shell);
    sp_loop_destroy(&w.loop);
    sp_notify_fini(&w.notify);
    return rc == SP_OK ? SP_OPT_EXIT_OK : SP_OPT_EXIT_FAILED;
}

/* A configuration that does not load is complained about by sp_process_run. */
static enum sp_rc start_back(const struct sp_opt_common *common, struct sp_err *err)
{
    struct sp_conf *conf = NULL;
    sp_privs_standard_fds();
    if (common->name == NULL || sp_conf_load(common->config, common->prefix, &conf, err) != SP_OK) {
        sp_err_clear(err);
        return SP_OK;
    }
    enum sp_rc rc = back_start(&conf->attester, common->name, &back_fd, &back_pid, err);
    sp_conf_destroy(&conf);
    return rc;
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
    const struct sp_process_needs needs = {.opt = {"spice-attester", "[enrol TOKEN]",
                                                   "Tells what a worker asks about this node, and judges nothing.", rows,
                                                   SP_COUNT(rows), false},
                                           .name = name_of,
                                           .user = user_of,
                                           .serve = serve};
    int code = 0;
    /* The verb comes first, its options may follow the token. */
    bool enrols = argc > 1 && strcmp(argv[1], "enrol") == 0;
    const char *token = enrols && argc > 2 && (argv[2][0] != '-' || argv[2][1] == '\0') ? argv[2] : NULL;
    int skip = enrols ? 1 + (token != NULL) : 0;
    sp_opt_common_init(&p.common);
    argv[skip] = argv[0];
    if (!sp_process_options(&needs, argc - skip, argv + skip, &code)) {
        return code;
    }
    if (enrols) {
        const struct enrol_options o = {.token = token,
                                        .prefix = p.common.prefix,
                                        .root = root,
                                        .wait_ms = wait_ms,
                                        .program = "spice-attester",
                                        .attester = true};
        return enrol_run(&o, &err) == SP_OK ? SP_OPT_EXIT_OK : sp_process_fail(&needs, &err, SP_OPT_EXIT_FAILED);
    }
    enum sp_rc rc = start_back(&p.common, &err);
    if (rc != SP_OK) {
        return sp_process_fail(&needs, &err, rc == SP_E_INVALID ? SP_OPT_EXIT_USAGE : SP_OPT_EXIT_FAILED);
    }
    code = sp_process_run(&p, &needs);
    back_stop(&back_fd, &back_pid);
    return code;
}
