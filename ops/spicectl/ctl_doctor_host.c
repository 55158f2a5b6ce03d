/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_doctor.h"

#include "ctl_host.h"

#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_keys.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define HOST_DISK_WARN_PERCENT 10u
#define HOST_DISK_FAIL_PERCENT 2u
#define HOST_MB                1048576u

static bool host_conf(struct ctl_doctor *doctor, const struct sp_conf **conf, const struct sp_conf_principals **principals)
{
    struct sp_err err = {0};
    if (!ctl_host_conf(doctor->ctl, conf, &err)) {
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "configuration", err.hint, "%s: %s", err.where, err.text);
        return false;
    }
    ctl_doctor_add(doctor, CTL_DOCTOR_OK, "configuration", "", "%s", (*conf)->file);
    if (!ctl_host_principals(doctor->ctl, principals, &err)) {
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "principals", err.hint, "%s: %s", err.where, err.text);
        return false;
    }
    ctl_doctor_add(doctor, CTL_DOCTOR_OK, "principals", "", "%u in %s", (*principals)->count, (*conf)->principals);
    return true;
}

/* One key file: modes, halves, and that it is the key the principals name. */
static bool host_key(struct ctl_doctor *doctor, const char *path, const struct sp_conf_principal *row)
{
    struct sp_keys *keys = NULL;
    struct sp_err err = {0};
    if (sp_keys_load(path, row->name, &keys, &err) != SP_OK) {
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "key files", err.hint, "%s: %s", err.where, err.text);
        return false;
    }
    bool same =
        (memcmp(keys->pub.curve, row->curve, sizeof row->curve) == 0 && memcmp(keys->pub.sign, row->sign, sizeof row->sign) == 0) ||
        (memcmp(keys->pub.curve, row->next_curve, sizeof row->next_curve) == 0 &&
         memcmp(keys->pub.sign, row->next_sign, sizeof row->next_sign) == 0);
    if (!same)
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "key files", "copy the current principals.yaml here, or put the right key",
                       "%s is not the key that principals.yaml names", path);
    sp_keys_destroy(&keys);
    return same;
}

static void host_keys(struct ctl_doctor *doctor, const struct sp_conf *conf, const struct sp_conf_principals *principals)
{
    char path[SP_FS_PATH_BYTES];
    struct sp_err err = {0};
    struct sp_keys_core *core = NULL;
    size_t good = 0;
    size_t bad = 0;
    for (uint32_t i = 0; i < principals->count; i++) {
        const struct sp_conf_principal *row = &principals->rows[i];
        if (sp_conf_key_path(conf, row->name, path, sizeof path) != SP_OK || access(path, F_OK) != 0)
            continue;
        bool fits = host_key(doctor, path, row);
        good += fits ? 1 : 0;
        bad += fits ? 0 : 1;
    }
    if (sp_conf_key_path(conf, "core", path, sizeof path) == SP_OK && access(path, F_OK) == 0) {
        bool fits = sp_keys_core_load(path, &core, &err) == SP_OK;
        if (!fits)
            ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "key files", err.hint, "%s: %s", err.where, err.text);
        sp_keys_core_destroy(&core);
        good += fits ? 1 : 0;
        bad += fits ? 0 : 1;
    }
    if (bad == 0)
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, "key files", "", "%zu in %s, private and right", good, conf->keys);
}

static void host_folder(struct ctl_doctor *doctor, const char *what, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        ctl_doctor_add(doctor, CTL_DOCTOR_WARN, what, "the processes make it when they start", "%s is not there", path);
    else if ((status.st_mode & S_IWOTH) != 0)
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, what, "chmod o-w it", "everybody may write to %s", path);
    else
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, what, "", "%s", path);
}

static void host_disk(struct ctl_doctor *doctor, const char *path)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0 || fs.f_blocks == 0)
        return;
    uint64_t percent = (uint64_t)fs.f_bavail * 100u / fs.f_blocks;
    unsigned long mb = (unsigned long)((uint64_t)fs.f_bavail * fs.f_frsize / HOST_MB);
    enum ctl_doctor_state state = percent < HOST_DISK_FAIL_PERCENT   ? CTL_DOCTOR_FAIL
                                  : percent < HOST_DISK_WARN_PERCENT ? CTL_DOCTOR_WARN
                                                                     : CTL_DOCTOR_OK;
    ctl_doctor_add(doctor, state, "disk space",
                   state == CTL_DOCTOR_OK ? "" : "a full disk stops acknowledgements and every gain of trust",
                   "%lu MiB (%lu%%) free for the stores", mb, (unsigned long)percent);
}

static void host_clock(struct ctl_doctor *doctor)
{
    uint64_t error_ms = 0;
    switch (sp_clock_wall_state(sp_clock_read().wall, &error_ms)) {
    case SP_CLOCK_WALL_GOOD:
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, "clock", "", "synchronised, error at most %lu ms", (unsigned long)error_ms);
        break;
    case SP_CLOCK_WALL_UNSYNCED:
        ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "clock",
                       "run chrony or systemd-timesyncd; lifetimes do not depend on it, audit times do",
                       "plausible, but the kernel says nobody disciplines it");
        break;
    default:
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "clock", "set the clock", "before the day this program was built");
        break;
    }
}

bool ctl_doctor_host(struct ctl_doctor *doctor)
{
    const struct sp_conf *conf;
    const struct sp_conf_principals *principals;
    const char *name;
    struct sp_err err = {0};
    if (sp_crypto_init() != SP_OK) {
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "libcrypto, libsodium", "install Debian's libssl3 and libsodium23",
                       "one of them cannot be used");
        return false;
    }
    bool good = host_conf(doctor, &conf, &principals);
    if (good) {
        host_keys(doctor, conf, principals);
        host_folder(doctor, "state", conf->state);
        host_folder(doctor, "sockets", conf->run);
        host_disk(doctor, conf->state);
    }
    host_clock(doctor);
    if (good && !ctl_host_operator(doctor->ctl, &name, &err)) {
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "operator", err.hint, "%s: %s", err.where, err.text);
        good = false;
    }
    sp_crypto_fini();
    return good;
}
