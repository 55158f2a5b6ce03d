/* SPDX-License-Identifier: Apache-2.0 */
/* spice-broker: admits the processes of SPICE and carries their messages. */
#include "broker_shell.h"
#include "sp_log.h"
#include "sp_privs.h"
#include "sp_process.h"

#define DESCRIPTORS_SPARE 256u /* stores, logs, the loop; beyond one per peer */

/* The broker this host runs when --name is not given: the only one, or nobody. */
static const char *name_of(const struct sp_conf *conf, struct sp_err *err)
{
    if (conf->broker_count == 1)
        return conf->brokers[0].name;
    (void)sp_err_set(err, SP_E_USAGE, "--name", "which of the %u brokers in %s?", conf->broker_count, conf->file);
    sp_err_hint(err, "give its name, for example --name %s", conf->brokers[0].name);
    return NULL;
}

static const char *user_of(const struct sp_conf *conf, const char *name)
{
    (void)name;
    return conf->broker.user;
}

static int serve(struct sp_process *p, struct sp_err *err)
{
    struct broker_shell_options options = {.conf = p->conf, .keys = p->keys, .name = p->common.name};
    uint64_t descriptors = 0;

    (void)err; /* it says in its log why it ended */
    sp_privs_descriptors((uint64_t)p->conf->broker.max_peers + DESCRIPTORS_SPARE, &descriptors);
    if (descriptors < p->conf->broker.max_peers)
        SP_LOG(SP_LOG_WARNING, "broker", "descriptors", SP_LOG_U("have", descriptors), SP_LOG_U("peers", p->conf->broker.max_peers),
               SP_LOG_S("why", "raise LimitNOFILE"));
    return broker_shell_run(&options);
}

int main(int argc, char **argv)
{
    struct sp_process p = {0};
    const struct sp_opt_row rows[] = {SP_OPT_COMMON(&p.common)};
    const struct sp_process_needs needs = {
        .opt = {"spice-broker", "", "Admits the processes of SPICE and carries their messages.", rows, SP_COUNT(rows), false},
        .name = name_of,
        .user = user_of,
        .serve = serve};
    int code = 0;

    sp_opt_common_init(&p.common);
    return sp_process_options(&needs, argc, argv, &code) ? sp_process_run(&p, &needs) : code;
}
