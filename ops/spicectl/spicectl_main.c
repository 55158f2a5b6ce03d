/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl.h"
#include "ctl_cmd.h"
#include "ctl_fleet.h"
#include "ctl_help.h"
#include "ctl_host.h"

#include "sp_log.h"
#include "sp_time.h"

#include <errno.h>
#include <signal.h>

static int main_usage(struct ctl *ctl)
{
    return ctl_fail(ctl, CTL_USAGE, NULL, ctl->args.hint, "%s", ctl->args.why);
}

/* What needs no fleet and no command: --version, --help, a noun alone. True: *code is what to return. */
static bool main_told(struct ctl *ctl, int *code)
{
    const struct ctl_args *args = &ctl->args;
    *code = CTL_OK;
    if (ctl_args_has(args, CTL_OPT_VERSION))
        ctl_out_print(&ctl->out, "spicectl %s\n", SPICE_VERSION);
    else if (args->noun == NULL)
        ctl_help_overview(&ctl->out);
    else if (ctl_args_has(args, CTL_OPT_HELP) || args->cmd == NULL)
        ctl_help_noun(&ctl->out, args->noun, args->verb);
    else
        return false;
    bool asked = ctl_args_has(args, CTL_OPT_HELP) || ctl_args_has(args, CTL_OPT_VERSION);
    *code = asked ? CTL_OK : CTL_USAGE;
    return true;
}

int main(int argc, char **argv)
{
    static struct ctl ctl; /* too large for the stack of a small thread */
    int code = CTL_OK;
    uint64_t ms;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sp_log_level_set(NULL, SP_LOG_ERROR); /* what happens on the bus is told by the commands */
    ctl_out_init(&ctl.out, stdout);
    bool good = ctl_args_parse(&ctl.args, argc, argv);
    ctl.json = ctl_args_has(&ctl.args, CTL_OPT_JSON);
    ctl.dry_run = ctl_args_has(&ctl.args, CTL_OPT_DRY_RUN);
    if (!good)
        return main_usage(&ctl);
    if (main_told(&ctl, &code))
        return code;
    const char *patience = ctl.args.values[CTL_OPT_TIMEOUT];
    if (patience != NULL && !sp_time_parse_span(sp_str_of(patience), &ms))
        return ctl_fail(&ctl, CTL_USAGE, "--timeout", "write 500ms, 10s or 2m", "\"%s\" is no span of time", patience);
    code = ctl.args.cmd->run(&ctl);
    ctl_fleet_close(&ctl.fleet);
    ctl_host_close(&ctl);
    if (fflush(stdout) != 0 && errno != EPIPE && code == CTL_OK)
        code = ctl_fail(&ctl, CTL_FAILED, "standard output", NULL, "the output could not be written");
    return code;
}
