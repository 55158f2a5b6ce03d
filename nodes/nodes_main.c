/* SPDX-License-Identifier: Apache-2.0 */
/* spice-nodes, the keeper: knows the nodes, takes results, and says who is in which pool, and why. */
#include <stdio.h>
#include <unistd.h>

#include "nodes_shell.h"
#include "sp_log.h"
#include "sp_opt.h"
#include "sp_privs.h"

static int fail(const struct sp_err *err, int code)
{
    char line[SP_ERR_WHERE_BYTES + SP_ERR_TEXT_BYTES + SP_ERR_HINT_BYTES];
    sp_err_line(err, line, sizeof line);
    (void)fprintf(stderr, "spice-nodes: %s\n", line);
    return code;
}

static enum sp_rc prepare(const struct sp_opt_common *common, struct sp_conf **conf, struct sp_keys **keys, struct sp_keys_core **core,
                          struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES];
    enum sp_rc rc = sp_conf_load(common->config, common->prefix, conf, err);
    rc = rc == SP_OK ? sp_conf_log_apply(*conf, common->log_level, err) : rc;
    rc = rc == SP_OK ? sp_privs_become((*conf)->keeper.user, err) : rc;
    if (rc == SP_OK) {
        rc = sp_conf_key_path(*conf, common->name, path, sizeof path);
        rc = rc == SP_OK ? sp_keys_load(path, common->name, keys, err) : rc;
    }
    if (rc == SP_OK) {
        rc = sp_conf_key_path(*conf, "core", path, sizeof path);
        rc = rc == SP_OK ? sp_keys_core_load(path, core, err) : rc;
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct sp_opt_common common;
    struct sp_conf *conf = NULL;
    struct sp_keys *keys = NULL;
    struct sp_keys_core *core = NULL;
    struct sp_err err = {0};
    int first = 0;
    sp_opt_common_init(&common);
    const struct sp_opt_row rows[] = {SP_OPT_COMMON(&common)};
    const struct sp_opt opt = {"spice-nodes", "", "Knows the nodes, takes results, and says who is in which pool, and why.", rows,
                               SP_COUNT(rows), false};
    enum sp_opt_result parsed = sp_opt_parse(&opt, argc, argv, &first, &err);
    if (parsed != SP_OPT_GO) {
        return parsed == SP_OPT_DONE ? SP_OPT_EXIT_OK : fail(&err, SP_OPT_EXIT_USAGE);
    }
    if (first < argc) {
        (void)sp_err_set(&err, SP_E_USAGE, argv[first], "not understood here");
        return fail(&err, SP_OPT_EXIT_USAGE);
    }
    sp_privs_standard_fds();
    common.name = common.name != NULL ? common.name : "keeper";
    sp_log_open(STDERR_FILENO, common.name);
    int code = SP_OPT_EXIT_USAGE;
    if (sp_crypto_init() != SP_OK) {
        (void)sp_err_set(&err, SP_E_UNSUPPORTED, "libcrypto, libsodium", "one of them cannot be used");
    } else if (prepare(&common, &conf, &keys, &core, &err) == SP_OK) {
        struct nodes_options options = {.conf = conf, .keys = keys, .core_keys = core, .name = common.name};
        code = sp_privs_harden(&err) == SP_OK ? nodes_shell_run(&options, &err) : SP_OPT_EXIT_FAILED;
    }
    if (code != SP_OPT_EXIT_OK) {
        (void)fail(&err, code);
    }
    sp_keys_core_destroy(&core);
    sp_keys_destroy(&keys);
    sp_conf_destroy(&conf);
    sp_crypto_fini();
    return code;
}
