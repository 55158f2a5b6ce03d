/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_host.h"

#include "sp_opt.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *ctl_host_config(const struct ctl *ctl)
{
    const char *path = ctl->args.values[CTL_OPT_CONFIG];
    if (path == NULL)
        path = getenv("SPICE_CONFIG");
    return path != NULL && path[0] != '\0' ? path : SP_OPT_CONFIG_DEFAULT;
}

bool ctl_host_conf(struct ctl *ctl, const struct sp_conf **out, struct sp_err *err)
{
    if (ctl->conf == NULL) {
        enum sp_rc rc = sp_conf_load(ctl_host_config(ctl), NULL, &ctl->conf, err);
        if (rc == SP_E_NOT_FOUND)
            sp_err_hint(err, "name it with --config or SPICE_CONFIG; make a new fleet with: spicectl init --prefix DIR");
        if (rc != SP_OK)
            return false;
    }
    *out = ctl->conf;
    return true;
}

bool ctl_host_principals(struct ctl *ctl, const struct sp_conf_principals **out, struct sp_err *err)
{
    const struct sp_conf *conf;
    if (!ctl_host_conf(ctl, &conf, err))
        return false;
    if (ctl->principals == NULL) {
        enum sp_rc rc = sp_conf_principals_load(conf->principals, &ctl->principals, err);
        if (rc == SP_E_NOT_FOUND)
            sp_err_hint(err, "it is the same on every host: copy it from another one, or name it in the configuration: principals");
        if (rc != SP_OK)
            return false;
    }
    *out = ctl->principals;
    return true;
}

bool ctl_host_operator(struct ctl *ctl, const char **out, struct sp_err *err)
{
    const struct sp_conf_principals *principals;
    const char *asked = ctl->args.values[CTL_OPT_AS];
    char path[SP_FS_PATH_BYTES];
    size_t operators = 0;
    if (!ctl_host_principals(ctl, &principals, err))
        return false;
    for (uint32_t i = 0; i < principals->count; i++) {
        const struct sp_conf_principal *row = &principals->rows[i];
        if (row->role != SP_CONF_ROLE_OPERATOR || (asked != NULL && strcmp(asked, row->name) != 0))
            continue;
        operators++;
        if (sp_conf_key_path(ctl->conf, row->name, path, sizeof path) != SP_OK || access(path, F_OK) != 0)
            continue;
        *out = row->name;
        return true;
    }
    if (operators == 0) {
        (void)sp_err_set(err, SP_E_NOT_FOUND, ctl->conf->principals, "no operator%s%s%s", asked != NULL ? " \"" : " is named here",
                         asked != NULL ? asked : "", asked != NULL ? "\"" : "");
        sp_err_hint(err, "operators are rows with role: operator");
    } else {
        (void)sp_err_set(err, SP_E_NOT_FOUND, ctl->conf->keys, "no operator's key can be reached on this host");
        sp_err_hint(err, "run spicectl where the operator's key is, and as a user who may read it");
    }
    return false;
}

int ctl_host_fail(struct ctl *ctl, const struct sp_err *err)
{
    return ctl_fail(ctl, CTL_FAILED, err->where, err->hint, "%s", err->text);
}

void ctl_host_close(struct ctl *ctl)
{
    sp_conf_principals_destroy(&ctl->principals);
    sp_conf_destroy(&ctl->conf);
}
