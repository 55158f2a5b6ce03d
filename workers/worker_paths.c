/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_paths.h"

#include <string.h>
#include <unistd.h>

enum sp_rc worker_paths_find(const struct sp_conf *conf, const char *name, struct worker_paths *out, struct sp_err *err)
{
    const struct sp_conf_worker *w = sp_conf_worker_for(conf, name);
    char base[SP_FS_PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", out->libexec, sizeof out->libexec - 1);
    char *slash = n > 0 ? memrchr(out->libexec, '/', (size_t)n) : NULL;
    if (slash != NULL) {
        *slash = '\0';
    }
    bool ok = sp_str_copy(out->prefix, sizeof out->prefix, sp_str_of(conf->prefix)) &&
              sp_conf_path(conf, conf->run, out->run, sizeof out->run) == SP_OK &&
              (w->libexec[0] == '\0' || sp_conf_path(conf, w->libexec, out->libexec, sizeof out->libexec) == SP_OK) &&
              sp_conf_path(conf, w->spool, base, sizeof base) == SP_OK &&
              sp_fs_join(out->state, sizeof out->state, base, name) == SP_OK;
    if (!ok) {
        return sp_err_set(err, SP_E_LIMIT, conf->file, "a path is too long");
    }
    enum sp_rc rc = sp_fs_mkdirs(out->state, 0700, err);
    return rc == SP_OK ? sp_fs_mkdirs(out->run, 0755, err) : rc;
}
