/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_host.h"
#include "ctl_json.h"

#include "exec_verify.h"
#include "sp_crypto.h"
#include "sp_fs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERIFY_KEYS_MAX (SP_CONF_LIST_MAX + 1u)
#define VERIFY_DIRS_MAX (SP_CONF_LIST_MAX + 3u)
#define VERIFY_NEAR_MAX 256u /* files that are looked at for the nearest name */
#define VERIFY_LEFT     12   /* columns of the name of a finding */

struct verify_place {
    char folder[SP_FS_PATH_BYTES];  /* of the plugin's file, when a path was given */
    char name[MANIFEST_NAME_BYTES]; /* of the plugin */
    char libexec[SP_FS_PATH_BYTES];
    const char *dirs[VERIFY_DIRS_MAX];
    const char *keys[VERIFY_KEYS_MAX];
};

/* Splits a path into folder and name; a name alone is looked for in the configured directories. */
static int verify_split(struct ctl *ctl, struct verify_place *place)
{
    const char *given = ctl->args.names[0];
    const char *slash = strrchr(given, '/');
    const char *name = slash != NULL ? slash + 1 : given;
    if (!sp_str_copy(place->name, sizeof place->name, sp_str_of(name)) || name[0] == '\0')
        return ctl_fail(ctl, CTL_USAGE, given, NULL, "no name of a plugin");
    if (slash == NULL)
        return CTL_OK;
    char *real = realpath(given, NULL);
    char *end = real != NULL ? strrchr(real, '/') : NULL;
    bool fits = end != NULL && sp_str_copy(place->folder, sizeof place->folder, sp_str_bytes(real, (size_t)(end - real)));
    free(real);
    return fits ? CTL_OK : ctl_fail(ctl, CTL_FAILED, given, "give the path of a plugin on this host", "no such file");
}

/* Where spice-exec is: as configured, else beside this program. */
static bool verify_libexec(const struct sp_conf *conf, char to[SP_FS_PATH_BYTES])
{
    if (conf != NULL && conf->worker.libexec[0] != '\0')
        return sp_str_copy(to, SP_FS_PATH_BYTES, sp_str_of(conf->worker.libexec));
    ssize_t n = readlink("/proc/self/exe", to, SP_FS_PATH_BYTES - 1);
    if (n <= 0)
        return false;
    to[n] = '\0';
    char *slash = strrchr(to, '/');
    if (slash != NULL)
        *slash = '\0';
    return slash != NULL;
}

/* Directories and keys as a worker of this host has them; without a configuration only the plugin's own folder. */
static void verify_fill(const struct sp_conf *conf, struct verify_place *place)
{
    size_t dirs = 0;
    size_t keys = 0;
    if (conf != NULL && conf->worker.manifest_dir[0] != '\0')
        place->dirs[dirs++] = conf->worker.manifest_dir;
    if (place->folder[0] != '\0')
        place->dirs[dirs++] = place->folder;
    for (uint32_t i = 0; conf != NULL && i < conf->worker.plugin_dir_count; i++)
        place->dirs[dirs++] = conf->worker.plugin_dirs[i];
    for (uint32_t i = 0; conf != NULL && i < conf->worker.manifest_key_count; i++)
        place->keys[keys++] = conf->worker.manifest_keys[i];
}

static bool verify_has(const struct verify_place *place, const char *suffix)
{
    char file[MANIFEST_NAME_BYTES + sizeof MANIFEST_SUFFIX];
    char path[SP_FS_PATH_BYTES];
    (void)snprintf(file, sizeof file, "%s%s", place->name, suffix);
    for (size_t i = 0; place->dirs[i] != NULL; i++) {
        if (sp_fs_join(path, sizeof path, place->dirs[i], file) == SP_OK && access(path, F_OK) == 0)
            return true;
    }
    return false;
}

/* A plugin without any manifest is tried all the same: whoever writes one wants to know before signing. With one, its signature
 * counts. */
static bool verify_has_manifest(const struct verify_place *place)
{
    return verify_has(place, MANIFEST_SUFFIX);
}

/* A name of which there is neither a file nor a manifest breaks no contract: it is a mistake. Tells the nearest file. */
static int verify_unknown(struct ctl *ctl, const struct verify_place *place, const struct sp_conf *conf)
{
    char *found[VERIFY_NEAR_MAX];
    char hint[512];
    size_t count = 0;
    struct dirent *entry;
    for (uint32_t i = 0; i < conf->worker.plugin_dir_count; i++) {
        DIR *dir = opendir(conf->worker.plugin_dirs[i]);
        while (dir != NULL && count < VERIFY_NEAR_MAX && (entry = readdir(dir)) != NULL) {
            if (entry->d_name[0] != '.' && (found[count] = strdup(entry->d_name)) != NULL)
                count++;
        }
        if (dir != NULL)
            (void)closedir(dir);
    }
    const char *near = sp_str_nearest(sp_str_of(place->name), (const char *const *)found, count);
    if (near != NULL)
        (void)snprintf(hint, sizeof hint, "did you mean %.200s?", near);
    else
        (void)snprintf(hint, sizeof hint, "plugins are looked for in worker.plugin_dirs%s%.200s; or give the path of its file",
                       conf->worker.plugin_dir_count > 0 ? ": " : ", which names no directory",
                       conf->worker.plugin_dir_count > 0 ? conf->worker.plugin_dirs[0] : "");
    int code = ctl_fail(ctl, CTL_FAILED, NULL, hint, "no plugin \"%s\" on this host", place->name);
    while (count > 0)
        free(found[--count]);
    return code;
}

static json_t *verify_rows(const struct exec_verify_finding *findings, uint32_t count)
{
    json_t *rows = ctl_json_need(json_array());
    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(
            rows, ctl_json_need(json_pack("{s:s, s:s, s:s}", "point", findings[i].name, "state",
                                          exec_verify_level_name(findings[i].level), "detail", findings[i].text)));
    return rows;
}

static int verify_tell(struct ctl *ctl, const char *plugin, const struct exec_verify_finding *findings, uint32_t count)
{
    static const enum ctl_tone tones[] = {CTL_GOOD, CTL_WARN, CTL_BAD};
    char safe[CTL_OUT_SAFE_MAX];
    size_t bad = 0;
    for (uint32_t i = 0; i < count; i++) {
        bad += findings[i].level == EXEC_VERIFY_BAD ? 1 : 0;
        if (ctl->json)
            continue;
        ctl_out_tone(&ctl->out, tones[findings[i].level], exec_verify_level_name(findings[i].level));
        ctl_out_print(&ctl->out, "\t%-*s %s\n", VERIFY_LEFT, findings[i].name, ctl_out_safe(safe, sizeof safe, findings[i].text));
    }
    if (ctl->json) {
        json_t *report = json_pack("{s:s, s:b, s:o}", "plugin", plugin, "ok", bad == 0, "findings", verify_rows(findings, count));
        ctl_json_print(&ctl->out, ctl_json_need(report));
        json_decref(report);
    } else {
        ctl_out_print(&ctl->out, bad == 0 ? "%s keeps the contract.\n" : "%s does not keep the contract.\n", plugin);
    }
    return bad == 0 ? CTL_OK : CTL_FAILED;
}

int ctl_verify_run(struct ctl *ctl)
{
    static struct exec_verify_finding findings[EXEC_VERIFY_FINDINGS_MAX]; /* large; one run per process */
    static struct verify_place place;
    const struct sp_conf *conf = NULL;
    struct sp_err err = {0};
    uint32_t count = 0;
    int code = verify_split(ctl, &place);
    if (code != CTL_OK)
        return code;
    if (!ctl_host_conf(ctl, &conf, &err)) {
        if (place.folder[0] == '\0')
            return ctl_host_fail(ctl, &err);
        ctl_note(ctl, "(no configuration here, so the signature is not judged)");
        conf = NULL;
    }
    verify_fill(conf, &place);
    if (conf != NULL && place.folder[0] == '\0' && !verify_has(&place, "") && !verify_has_manifest(&place))
        return verify_unknown(ctl, &place, conf);
    if (!verify_libexec(conf, place.libexec) || sp_crypto_init() != SP_OK)
        return ctl_fail(ctl, CTL_FAILED, "libexec", "set worker.libexec in the configuration", "spice-exec cannot be found");
    const struct exec_verify_options options = {
        .libexec_dir = place.libexec,
        .dirs = place.dirs,
        .keys = place.keys,
        .required = conf != NULL && conf->worker.manifest_required && verify_has_manifest(&place),
        .plugin = place.name,
        .args = ctl->args.names + 1,
        .args_count = (uint32_t)(ctl->args.names_count - 1),
        .timeout_ms = ctl_fleet_patience(ctl),
        .node = ctl_args_has(&ctl->args, CTL_OPT_NODE) ? ctl->args.values[CTL_OPT_NODE] : "localhost",
        .address = "127.0.0.1",
    };
    sp_err_clear(&err);
    enum sp_rc rc = exec_verify_run(&options, findings, &count, &err);
    code = rc == SP_OK ? verify_tell(ctl, place.name, findings, count) : ctl_host_fail(ctl, &err);
    sp_crypto_fini();
    return code;
}
