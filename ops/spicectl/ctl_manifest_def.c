/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests as definitions: from and to the files of this host. */
#include "ctl_manifest.h"

#include "ctl_host.h"
#include "ctl_json.h"

#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_hex.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static bool def_is_manifest(const char *name)
{
    size_t n = strlen(name);
    size_t suffix = sizeof MANIFEST_SUFFIX - 1;
    return n > suffix && strcmp(name + n - suffix, MANIFEST_SUFFIX) == 0;
}

static enum sp_rc def_path(const struct ctl *ctl, const char *name, char path[SP_FS_PATH_BYTES], struct sp_err *err)
{
    char file[MANIFEST_NAME_BYTES + sizeof MANIFEST_SUFFIX];
    (void)snprintf(file, sizeof file, "%.64s%s", name, MANIFEST_SUFFIX);
    if (sp_fs_join(path, SP_FS_PATH_BYTES, ctl->conf->worker.manifest_dir, file) == SP_OK)
        return SP_OK;
    return sp_err_set(err, SP_E_LIMIT, ctl->conf->worker.manifest_dir, "the path of the manifest is too long");
}

/* What a definition says, in the workers' form. */
static void def_manifest(const struct ctl_def *def, struct manifest *m)
{
    size_t i;
    json_t *each;
    memset(m, 0, sizeof *m);
    (void)snprintf(m->name, sizeof m->name, "%.64s", def->name);
    (void)snprintf(m->plugin, sizeof m->plugin, "%s", ctl_json_text(def->want, "plugin"));
    (void)sp_hex_parse(sp_str_of(ctl_json_text(def->want, "sha256")), m->sha256, sizeof m->sha256); /* the rules looked at it */
    m->interface = (uint32_t)ctl_json_int(def->want, "interface", MANIFEST_INTERFACE);
    m->network = ctl_json_true(def->want, "network");
    m->resident = ctl_json_true(def->want, "resident");
    m->max_output = (uint32_t)ctl_json_int(def->want, "max_output", 0);
    json_array_foreach(json_object_get(def->want, "arguments"), i, each)
    {
        (void)snprintf(m->arguments[i], sizeof m->arguments[i], "%s", json_string_value(each));
        m->arguments_count++;
    }
}

static json_t *def_row(const struct manifest *m, bool good)
{
    char hex[65] = "";
    json_t *patterns = ctl_json_need(json_array());
    for (uint32_t i = 0; i < m->arguments_count; i++)
        (void)json_array_append_new(patterns, ctl_json_need(json_string(m->arguments[i])));
    if (good)
        sp_hex_write(m->sha256, sizeof m->sha256, hex);
    return ctl_json_need(json_pack("{s:s, s:s, s:s, s:i, s:b, s:b, s:o, s:i}", "name", m->name, "plugin", m->plugin, "sha256", hex,
                                   "interface", (int)m->interface, "network", m->network, "resident", m->resident, "arguments",
                                   patterns, "max_output", (int)m->max_output));
}

static void def_have_one(struct ctl *ctl, const char *path, json_t *have)
{
    static struct manifest m; /* large */
    struct sp_err err = {0};
    bool good = ctl_manifest_load(ctl, path, NULL, &m, &err) == SP_OK;
    if (!good && manifest_load(path, NULL, &m, &err) != SP_OK)
        return; /* it cannot even be read: as if it were not there */
    json_t *row = def_row(&m, good);
    (void)json_object_set_new(have, m.name, ctl_def_of_row(CTL_DEF_MANIFEST, row));
    json_decref(row);
}

json_t *ctl_manifest_have(struct ctl *ctl)
{
    const struct sp_conf *conf;
    struct sp_err err = {0};
    char path[SP_FS_PATH_BYTES];
    json_t *have = ctl_json_need(json_object());
    if (!ctl_host_conf(ctl, &conf, &err) || sp_crypto_init() != SP_OK)
        return have;
    DIR *folder = opendir(conf->worker.manifest_dir);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (def_is_manifest(entry->d_name) && sp_fs_join(path, sizeof path, conf->worker.manifest_dir, entry->d_name) == SP_OK)
            def_have_one(ctl, path, have);
    }
    if (folder != NULL)
        (void)closedir(folder);
    sp_crypto_fini();
    return have;
}

/* Would workers take what this key signs? Asked before anything is changed. */
static int def_check_key(struct ctl *ctl)
{
    struct ctl_manifest_key key;
    struct sp_keys *keys = NULL;
    struct sp_err err = {0};
    char hex[65];
    int code = ctl_manifest_key(ctl, &key);
    if (code != CTL_OK)
        return code;
    if (sp_keys_load(key.path, key.name, &keys, &err) != SP_OK)
        return ctl_host_fail(ctl, &err);
    sp_hex_write(keys->pub.sign, sizeof keys->pub.sign, hex);
    sp_keys_destroy(&keys);
    if (ctl_manifest_is_known(ctl, hex))
        return CTL_OK;
    char hint[CTL_FLEET_TEXT_MAX];
    (void)snprintf(hint, sizeof hint, "give the right one with --key, or add it in %.300s: worker: {manifest_keys: [\"%s\"]}",
                   ctl->conf->file, hex);
    return ctl_fail(ctl, CTL_FAILED, key.path, hint, "no worker of this host would take a manifest signed with this key");
}

static int def_check_one(struct ctl *ctl, const struct ctl_def *def)
{
    struct sp_err err = {0};
    uint8_t digest[32];
    char hex[65];
    const char *plugin = ctl_json_text(def->want, "plugin");
    if (manifest_digest(plugin, digest, &err) != SP_OK)
        return ctl_fail(ctl, CTL_FAILED, def->where, "manifests are applied on the host that has the plugin", "plugin %s: %s %s",
                        def->name, plugin, err.text);
    sp_hex_write(digest, sizeof digest, hex);
    if (strcmp(hex, ctl_json_text(def->want, "sha256")) == 0)
        return CTL_OK;
    char hint[CTL_FLEET_TEXT_MAX];
    (void)snprintf(hint, sizeof hint, "look at the file; if it is the one you mean, its sha256 is %s", hex);
    return ctl_fail(ctl, CTL_FAILED, def->where, hint, "plugin %s: %s is another file than the one this document allows", def->name,
                    plugin);
}

int ctl_manifest_check(struct ctl *ctl, const struct ctl_defs *defs)
{
    const struct sp_conf *conf;
    struct sp_err err = {0};
    size_t count = 0;
    int code = CTL_OK;
    for (size_t i = 0; i < defs->count; i++)
        count += defs->items[i].kind == CTL_DEF_MANIFEST ? 1 : 0;
    if (count == 0)
        return CTL_OK;
    if (!ctl_host_conf(ctl, &conf, &err))
        return ctl_host_fail(ctl, &err);
    if (conf->worker.manifest_dir[0] == '\0')
        return ctl_fail(ctl, CTL_FAILED, conf->file, "set worker: manifest_dir", "there is no directory for manifests");
    code = ctl_crypto_open(ctl);
    if (code != CTL_OK)
        return code;
    code = def_check_key(ctl);
    for (size_t i = 0; code == CTL_OK && i < defs->count; i++) {
        if (defs->items[i].kind == CTL_DEF_MANIFEST)
            code = def_check_one(ctl, &defs->items[i]);
    }
    sp_crypto_fini();
    return code;
}

bool ctl_manifest_put(struct ctl *ctl, const struct ctl_def *def, struct ctl_fault *fault)
{
    static struct manifest m; /* large */
    struct ctl_manifest_key key;
    struct sp_err err = {0};
    char path[SP_FS_PATH_BYTES];
    char hex[65];
    def_manifest(def, &m);
    enum sp_rc rc = ctl_manifest_key(ctl, &key) == CTL_OK ? sp_crypto_init() : SP_E_NOT_FOUND;
    if (rc == SP_OK) {
        rc = def_path(ctl, def->name, path, &err);
        rc = rc == SP_OK ? sp_fs_mkdirs(ctl->conf->worker.manifest_dir, 0755, &err) : rc;
        rc = rc == SP_OK ? ctl_manifest_seal(&key, path, &m, hex, &err) : rc;
        sp_crypto_fini();
    }
    if (rc == SP_OK)
        return true;
    fault->exit = CTL_FAILED;
    (void)snprintf(fault->error, sizeof fault->error, "%s", err.text[0] != '\0' ? err.text : "there is no key to sign with");
    (void)snprintf(fault->where, sizeof fault->where, "%s", err.where);
    (void)snprintf(fault->hint, sizeof fault->hint, "%s", err.hint);
    return false;
}
