/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker_shell.h"
#include "sp_crypto.h"
#include "sp_log.h"
#include "sp_opt.h"
#include "sp_privs.h"

#define DESCRIPTORS_SPARE 256u /* stores, logs, the loop; beyond one per peer */

static int complain(const struct sp_err *err, int code)
{
    char line[800];

    sp_err_line(err, line, sizeof line);
    fprintf(stderr, "spice-broker: %s\n", line);
    return code;
}

/* The broker this host runs when --name is not given: the only one, or nobody. */
static const char *name_of(const struct sp_conf *conf, const struct sp_opt_common *common)
{
    if (common->name != NULL)
        return common->name;
    return conf->broker_count == 1 ? conf->brokers[0].name : NULL;
}

static int run(const struct sp_conf *conf, const char *name, struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES];
    struct sp_keys *keys = NULL;
    uint64_t descriptors = 0;

    if (sp_privs_become(conf->broker.user, err) != SP_OK || sp_privs_harden(err) != SP_OK || sp_crypto_init() != SP_OK)
        return complain(err, SP_OPT_EXIT_FAILED);
    sp_privs_descriptors((uint64_t)conf->broker.max_peers + DESCRIPTORS_SPARE, &descriptors);
    if (descriptors < conf->broker.max_peers)
        SP_LOG(SP_LOG_WARNING, "broker", "descriptors", SP_LOG_U("have", descriptors), SP_LOG_U("peers", conf->broker.max_peers),
               SP_LOG_S("why", "raise LimitNOFILE"));
    if (sp_conf_key_path(conf, name, path, sizeof path) != SP_OK || sp_keys_load(path, name, &keys, err) != SP_OK)
        return complain(err, SP_OPT_EXIT_FAILED);
    struct broker_shell_options options = {.conf = conf, .keys = keys, .name = name};
    int code = broker_shell_run(&options);

    sp_keys_destroy(&keys);
    sp_crypto_fini();
    return code;
}

int main(int argc, char **argv)
{
    struct sp_opt_common common;
    const struct sp_opt_row rows[] = {SP_OPT_COMMON(&common)};
    const struct sp_opt options = {.program = "spice-broker",
                                   .synopsis = "",
                                   .purpose = "Admits the processes of SPICE and carries their messages.",
                                   .rows = rows,
                                   .count = sizeof rows / sizeof rows[0]};
    struct sp_err err = {0};
    struct sp_conf *conf = NULL;
    int first = 0;

    sp_privs_standard_fds();
    sp_opt_common_init(&common);
    enum sp_opt_result result = sp_opt_parse(&options, argc, argv, &first, &err);

    if (result != SP_OPT_GO)
        return result == SP_OPT_DONE ? SP_OPT_EXIT_OK : complain(&err, SP_OPT_EXIT_USAGE);
    if (sp_conf_load(common.config, common.prefix, &conf, &err) != SP_OK)
        return complain(&err, SP_OPT_EXIT_USAGE);
    const char *name = name_of(conf, &common);

    sp_log_open(2, name != NULL ? name : "spice-broker");
    if (name == NULL) {
        (void)sp_err_set(&err, SP_E_USAGE, "--name", "which of the %u brokers in %s?", conf->broker_count, conf->file);
        return complain(&err, SP_OPT_EXIT_USAGE);
    }
    if (sp_conf_log_apply(conf, common.log_level, &err) != SP_OK)
        return complain(&err, SP_OPT_EXIT_USAGE);
    int code = run(conf, name, &err);

    sp_conf_destroy(&conf);
    return code;
}
