/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_process.h"

#include <stdio.h>
#include <unistd.h>

#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_log.h"
#include "sp_privs.h"

int sp_process_fail(const struct sp_process_needs *needs, const struct sp_err *err, int code)
{
    char line[SP_ERR_WHERE_BYTES + SP_ERR_TEXT_BYTES + SP_ERR_HINT_BYTES];
    sp_err_line(err, line, sizeof line);
    (void)fprintf(stderr, "%s: %s\n", needs->opt.program, line);
    return code;
}

bool sp_process_options(const struct sp_process_needs *needs, int argc, char **argv, int *code)
{
    struct sp_err err = {0};
    int first = 0;
    enum sp_opt_result parsed = sp_opt_parse(&needs->opt, argc, argv, &first, &err);
    if (parsed == SP_OPT_DONE) {
        *code = SP_OPT_EXIT_OK;
        return false;
    }
    if (parsed == SP_OPT_GO && first < argc) {
        (void)sp_err_set(&err, SP_E_USAGE, argv[first], "not understood here");
        parsed = SP_OPT_WRONG;
    }
    if (parsed == SP_OPT_WRONG) {
        *code = sp_process_fail(needs, &err, SP_OPT_EXIT_USAGE);
    }
    return parsed == SP_OPT_GO;
}

/* Configuration, name and log: what fails here is for whoever wrote the configuration. */
static enum sp_rc configure(struct sp_process *p, const struct sp_process_needs *needs, struct sp_err *err)
{
    enum sp_rc rc = sp_conf_load(p->common.config, p->common.prefix, &p->conf, err);
    if (rc == SP_OK && p->common.name == NULL) {
        p->common.name = needs->name(p->conf, err);
        rc = p->common.name != NULL ? SP_OK : SP_E_USAGE;
    }
    if (rc == SP_OK) {
        rc = sp_conf_log_apply(p->conf, p->common.log_level, err);
    }
    sp_log_open(STDERR_FILENO, p->common.name != NULL ? p->common.name : needs->opt.program);
    return rc;
}

static enum sp_rc load_keys(struct sp_process *p, const struct sp_process_needs *needs, struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES];
    enum sp_rc rc = sp_conf_key_path(p->conf, p->common.name, path, sizeof path);
    rc = rc == SP_OK ? sp_keys_load(path, p->common.name, &p->keys, err) : rc;
    if (rc == SP_E_NOT_FOUND) {
        sp_err_hint(err, "--name says whose key; this host has no key of %s: look at the names in %s", p->common.name,
                    p->conf->principals);
    }
    if (rc == SP_OK && needs->core_keys) {
        rc = sp_conf_key_path(p->conf, "core", path, sizeof path);
        rc = rc == SP_OK ? sp_keys_core_load(path, &p->core_keys, err) : rc;
    }
    return rc;
}

/* User, hardening and keys: what fails here is for whoever keeps the host. The user comes first: to become another one undoes hardening. */
static enum sp_rc settle(struct sp_process *p, const struct sp_process_needs *needs, struct sp_err *err)
{
    uint64_t got = 0;
    enum sp_rc rc = sp_privs_become(needs->user(p->conf, p->common.name), err);
    rc = rc == SP_OK ? sp_privs_harden(err) : rc;
    rc = rc == SP_OK ? load_keys(p, needs, err) : rc;
    if (needs->descriptors != 0) {
        sp_privs_descriptors(needs->descriptors, &got);
    }
    if (needs->exact_timers) {
        sp_privs_exact_timers();
    }
    return rc;
}

int sp_process_run(struct sp_process *p, const struct sp_process_needs *needs)
{
    struct sp_err err = {0};
    int code = SP_OPT_EXIT_USAGE;
    sp_privs_standard_fds();
    if (configure(p, needs, &err) == SP_OK) {
        code = SP_OPT_EXIT_FAILED;
        enum sp_rc rc = sp_crypto_init();
        if (rc != SP_OK) {
            (void)sp_err_set(&err, rc, "libcrypto, libsodium", "one of them cannot be used");
            sp_err_hint(&err, "install Debian's libssl3 and libsodium23");
        } else if (settle(p, needs, &err) == SP_OK) {
            code = needs->serve(p, &err);
        }
        sp_keys_core_destroy(&p->core_keys);
        sp_keys_destroy(&p->keys);
        if (rc == SP_OK) {
            sp_crypto_fini();
        }
    }
    sp_conf_destroy(&p->conf);
    if (code != SP_OPT_EXIT_OK && err.text[0] != '\0') {
        (void)sp_process_fail(needs, &err, code);
    }
    return code;
}
