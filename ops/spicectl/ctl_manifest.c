/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_manifest.h"

#include "ctl_host.h"
#include "ctl_json.h"
#include "ctl_run.h"
#include "ctl_tree.h"

#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_hex.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct manifest_place {
    char plugin[SP_FS_PATH_BYTES];  /* absolute; empty: path is a manifest as it is */
    char name[MANIFEST_NAME_BYTES]; /* of the check's parameter: the file's name */
    char path[SP_FS_PATH_BYTES];    /* NAME.manifest.yaml */
    struct ctl_manifest_key key;
};

static bool manifest_is_one(const char *path)
{
    size_t n = strlen(path);
    size_t suffix = sizeof MANIFEST_SUFFIX - 1;
    return n > suffix && strcmp(path + n - suffix, MANIFEST_SUFFIX) == 0;
}

/* True when given is the name of a plugin that has a manifest in the configured directory: then that one is meant. */
static bool manifest_known(struct ctl *ctl, const char *given, char path[SP_FS_PATH_BYTES])
{
    const struct sp_conf *conf;
    struct sp_err err;
    char file[MANIFEST_NAME_BYTES + sizeof MANIFEST_SUFFIX];
    if (strchr(given, '/') != NULL || strlen(given) >= MANIFEST_NAME_BYTES || !ctl_host_conf(ctl, &conf, &err))
        return false;
    (void)snprintf(file, sizeof file, "%s%s", given, MANIFEST_SUFFIX);
    return sp_fs_join(path, SP_FS_PATH_BYTES, conf->worker.manifest_dir, file) == SP_OK && access(path, F_OK) == 0;
}

/* Where the manifest of a plugin is: --to DIR, else the directory of the configuration. */
static int manifest_find(struct ctl *ctl, struct manifest_place *place)
{
    const struct sp_conf *conf;
    struct sp_err err = {0};
    char folder[SP_FS_PATH_BYTES];
    char file[MANIFEST_NAME_BYTES + sizeof MANIFEST_SUFFIX];
    const char *given = ctl->args.names[0];
    const char *to = ctl->args.values[CTL_OPT_TO];
    if (manifest_is_one(given)) {
        (void)snprintf(place->path, sizeof place->path, "%s", given);
        return CTL_OK;
    }
    if (manifest_known(ctl, given, place->path))
        return CTL_OK;
    char *real = realpath(given, NULL);
    bool fits = real != NULL && sp_str_copy(place->plugin, sizeof place->plugin, sp_str_of(real));
    free(real);
    if (!fits)
        return ctl_fail(ctl, CTL_FAILED, given, "give the path of a plugin on this host", "no such file");
    const char *slash = strrchr(given, '/');
    if (!sp_str_copy(place->name, sizeof place->name, sp_str_of(slash != NULL ? slash + 1 : given)))
        return ctl_fail(ctl, CTL_FAILED, given, NULL, "the name of the plugin is longer than %u bytes", MANIFEST_NAME_BYTES - 1);
    if (to == NULL && !ctl_host_conf(ctl, &conf, &err))
        return ctl_host_fail(ctl, &err);
    (void)snprintf(folder, sizeof folder, "%s", to != NULL ? to : ctl->conf->worker.manifest_dir);
    (void)snprintf(file, sizeof file, "%s%s", place->name, MANIFEST_SUFFIX);
    if (sp_fs_join(place->path, sizeof place->path, folder, file) != SP_OK)
        return ctl_fail(ctl, CTL_FAILED, folder, "use a shorter one", "the path of the manifest is too long");
    return CTL_OK;
}

int ctl_manifest_key(struct ctl *ctl, struct ctl_manifest_key *key)
{
    struct sp_err err = {0};
    const char *name;
    const char *file = ctl->args.values[CTL_OPT_KEY];
    if (file == NULL) {
        if (!ctl_host_operator(ctl, &name, &err))
            return ctl_host_fail(ctl, &err);
        (void)snprintf(key->name, sizeof key->name, "%s", name);
        if (sp_conf_key_path(ctl->conf, name, key->path, sizeof key->path) != SP_OK)
            return ctl_fail(ctl, CTL_FAILED, ctl->conf->keys, NULL, "the path of the key is too long");
        return CTL_OK;
    }
    const char *slash = strrchr(file, '/');
    (void)snprintf(key->path, sizeof key->path, "%s", file);
    (void)snprintf(key->name, sizeof key->name, "%s", slash != NULL ? slash + 1 : file);
    char *dot = strrchr(key->name, '.');
    if (dot != NULL)
        *dot = '\0';
    return CTL_OK;
}

static enum sp_rc manifest_patterns(const char *text, struct manifest *m, struct sp_err *err)
{
    struct sp_str rest = sp_str_of(text);
    struct sp_str head;
    m->arguments_count = 0;
    while (rest.n > 0 && sp_str_next(&rest, ',', &head)) {
        if (m->arguments_count == MANIFEST_ARGUMENTS_MAX ||
            !sp_str_copy(m->arguments[m->arguments_count], MANIFEST_PATTERN_BYTES, head))
            return sp_err_set(err, SP_E_LIMIT, "--arguments", "at most %u patterns of %u bytes", MANIFEST_ARGUMENTS_MAX,
                              MANIFEST_PATTERN_BYTES - 1);
        m->arguments_count++;
    }
    return SP_OK;
}

enum sp_rc ctl_manifest_load(const struct ctl *ctl, const char *path, const char *more_hex, struct manifest *m, struct sp_err *err)
{
    struct manifest_keys keys = {.count = 0};
    enum sp_rc rc = SP_OK;
    for (uint32_t i = 0; rc == SP_OK && ctl->conf != NULL && i < ctl->conf->worker.manifest_key_count; i++)
        rc = manifest_keys_add(&keys, sp_str_of(ctl->conf->worker.manifest_keys[i]), err);
    if (rc == SP_OK && more_hex != NULL && keys.count < MANIFEST_KEYS_MAX)
        rc = manifest_keys_add(&keys, sp_str_of(more_hex), err);
    if (rc == SP_OK)
        rc = manifest_load(path, &keys, m, err);
    manifest_keys_fini(&keys);
    return rc;
}

/* What an older manifest says is kept, when it is one that this key or one the workers know has signed: else whoever could write to
 * the directory would have his words signed. SP_E_NOT_FOUND: there is none. */
static enum sp_rc manifest_older(struct ctl *ctl, const struct manifest_place *place, struct manifest *m, struct sp_err *err)
{
    struct sp_keys *keys = NULL;
    char hex[65];
    if (access(place->path, F_OK) != 0)
        return SP_E_NOT_FOUND;
    enum sp_rc rc = sp_keys_load(place->key.path, place->key.name, &keys, err);
    if (rc != SP_OK)
        return rc;
    sp_hex_write(keys->pub.sign, sizeof keys->pub.sign, hex);
    sp_keys_destroy(&keys);
    rc = ctl_manifest_load(ctl, place->path, hex, m, err);
    if (rc == SP_E_SIGNATURE || rc == SP_E_NOT_FOUND) {
        rc = sp_err_set(err, SP_E_SIGNATURE, place->path,
                        "an older manifest is there whose signature does not fit; what it says is not taken over");
        sp_err_hint(err, "look at it; then remove it and sign anew, or sign it as it is by giving its path");
    }
    return rc;
}

/* Makes or renews the statement: what an older one says is kept unless an option says otherwise. */
static enum sp_rc manifest_fill(struct ctl *ctl, const struct manifest_place *place, struct manifest *m, struct sp_err *err)
{
    const struct ctl_args *args = &ctl->args;
    enum sp_rc rc = manifest_older(ctl, place, m, err);
    if (rc != SP_OK && rc != SP_E_NOT_FOUND)
        return rc;
    if (rc == SP_E_NOT_FOUND) {
        memset(m, 0, sizeof *m);
        sp_err_clear(err);
        m->interface = MANIFEST_INTERFACE;
        m->max_output = 8192;
        m->arguments_count = 1;
        (void)snprintf(m->arguments[0], sizeof m->arguments[0], "*");
    }
    (void)snprintf(m->name, sizeof m->name, "%s", place->name);
    (void)snprintf(m->plugin, sizeof m->plugin, "%s", place->plugin);
    m->network = m->network || ctl_args_has(args, CTL_OPT_NETWORK);
    m->resident = m->resident || ctl_args_has(args, CTL_OPT_RESIDENT);
    if (ctl_args_has(args, CTL_OPT_ARGUMENTS)) {
        rc = manifest_patterns(args->values[CTL_OPT_ARGUMENTS], m, err);
        if (rc != SP_OK)
            return rc;
    }
    return manifest_digest(m->plugin, m->sha256, err);
}

enum sp_rc ctl_manifest_signer(const struct ctl_manifest_key *key, char public_hex[65], struct sp_crypto_signer **signer,
                               struct sp_err *err)
{
    struct sp_keys *keys = NULL;
    enum sp_rc rc = sp_keys_load(key->path, key->name, &keys, err);
    if (rc != SP_OK)
        return rc;
    sp_hex_write(keys->pub.sign, sizeof keys->pub.sign, public_hex);
    rc = sp_crypto_signer_new(keys->sign_seed, signer);
    if (rc != SP_OK)
        (void)sp_err_set(err, rc, key->path, "cannot sign with this key");
    sp_keys_destroy(&keys);
    return rc;
}

enum sp_rc ctl_manifest_seal(const struct ctl_manifest_key *key, const char *path, const struct manifest *m, char public_hex[65],
                             struct sp_err *err)
{
    struct sp_crypto_signer *signer = NULL;
    enum sp_rc rc = ctl_manifest_signer(key, public_hex, &signer, err);
    if (rc == SP_OK)
        rc = manifest_seal(path, m, signer, err);
    sp_crypto_signer_destroy(&signer);
    return rc;
}

static enum sp_rc manifest_put(const struct manifest_place *place, const struct manifest *m, char public_hex[65],
                               struct sp_err *err)
{
    struct sp_crypto_signer *signer = NULL;
    char folder[SP_FS_PATH_BYTES];
    enum sp_rc rc;
    if (place->plugin[0] != '\0') {
        (void)snprintf(folder, sizeof folder, "%s", place->path);
        rc = sp_fs_mkdirs(dirname(folder), 0755, err);
        return rc == SP_OK ? ctl_manifest_seal(&place->key, place->path, m, public_hex, err) : rc;
    }
    rc = ctl_manifest_signer(&place->key, public_hex, &signer, err);
    if (rc == SP_OK)
        rc = manifest_sign(place->path, signer, err);
    sp_crypto_signer_destroy(&signer);
    return rc;
}

bool ctl_manifest_is_known(const struct ctl *ctl, const char *public_hex)
{
    for (uint32_t i = 0; ctl->conf != NULL && i < ctl->conf->worker.manifest_key_count; i++) {
        if (strcmp(ctl->conf->worker.manifest_keys[i], public_hex) == 0)
            return true;
    }
    return false;
}

/* A signature by a key that no worker knows helps nobody: say so at once. */
static void manifest_warn(struct ctl *ctl, const char *public_hex)
{
    if (ctl->conf != NULL && !ctl_manifest_is_known(ctl, public_hex))
        ctl_note(ctl, "note: workers take it only with this key in their configuration: worker: {manifest_keys: [\"%s\"]}",
                 public_hex);
}

static json_t *manifest_json(const struct manifest *m, const char *path)
{
    char hex[65];
    json_t *patterns = ctl_json_need(json_array());
    for (uint32_t i = 0; i < m->arguments_count; i++)
        (void)json_array_append_new(patterns, json_string(m->arguments[i]));
    sp_hex_write(m->sha256, sizeof m->sha256, hex);
    return ctl_json_need(json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:o, s:i}", "name", m->name, "plugin", m->plugin, "manifest",
                                   path, "sha256", hex, "network", m->network, "resident", m->resident, "arguments", patterns,
                                   "max_output", (int)m->max_output));
}

static int manifest_tell(struct ctl *ctl, const struct manifest_place *place, const struct manifest *m)
{
    json_t *row = manifest_json(m, place->path);
    if (ctl->json)
        ctl_json_print(&ctl->out, row);
    else
        ctl_out_print(&ctl->out, "%s: %ssigned %s\n", m->name, ctl->dry_run ? "would be " : "", place->path);
    json_decref(row);
    return CTL_OK;
}

int ctl_manifest_sign(struct ctl *ctl)
{
    static struct manifest m; /* large; one run per process */
    struct manifest_place place = {0};
    struct sp_err err = {0};
    char public_hex[65] = "";
    if (ctl_tree_is(ctl->args.names[0]))
        return ctl_tree_sign(ctl);
    int code = manifest_find(ctl, &place);
    if (code == CTL_OK)
        code = ctl_manifest_key(ctl, &place.key);
    if (code != CTL_OK)
        return code;
    code = ctl_crypto_open(ctl);
    if (code != CTL_OK)
        return code;
    enum sp_rc rc = place.plugin[0] != '\0' ? manifest_fill(ctl, &place, &m, &err) : manifest_load(place.path, NULL, &m, &err);
    if (rc == SP_OK && !ctl->dry_run)
        rc = manifest_put(&place, &m, public_hex, &err);
    code = rc == SP_OK ? manifest_tell(ctl, &place, &m) : ctl_host_fail(ctl, &err);
    if (rc == SP_OK && !ctl->dry_run)
        manifest_warn(ctl, public_hex);
    sp_crypto_fini();
    return code;
}

/* What workers of this host would say to it. */
static int manifest_judge(struct ctl *ctl, const struct manifest_place *place, struct manifest *m, struct sp_err *err)
{
    uint8_t digest[32];
    enum sp_rc rc = ctl_manifest_load(ctl, place->path, NULL, m, err);
    if (rc == SP_OK)
        rc = manifest_digest(m->plugin, digest, err);
    if (rc == SP_OK && memcmp(digest, m->sha256, sizeof digest) != 0) {
        rc = sp_err_set(err, SP_E_INVALID, m->plugin, "the plugin is no longer the file that was signed");
        sp_err_hint(err, "find out who changed it; if it was you: spicectl manifest sign");
    }
    return rc == SP_OK ? CTL_OK : CTL_FAILED;
}

int ctl_manifest_show(struct ctl *ctl)
{
    static struct manifest m;
    struct manifest_place place = {0};
    struct sp_err err = {0};
    const struct sp_conf *conf;
    if (ctl_tree_is(ctl->args.names[0]))
        return ctl_tree_show(ctl);
    int code = manifest_find(ctl, &place);
    if (code != CTL_OK)
        return code;
    if (!ctl_host_conf(ctl, &conf, &err))
        return ctl_host_fail(ctl, &err);
    code = ctl_crypto_open(ctl);
    if (code != CTL_OK)
        return code;
    code = manifest_judge(ctl, &place, &m, &err);
    if (m.name[0] == '\0' && manifest_load(place.path, NULL, &m, &err) != SP_OK) {
        sp_crypto_fini();
        return ctl_host_fail(ctl, &err);
    }
    json_t *row = manifest_json(&m, place.path);
    (void)json_object_set_new(row, "valid", json_boolean(code == CTL_OK));
    if (ctl->json)
        ctl_json_print(&ctl->out, row);
    else
        ctl_json_show(&ctl->out, row, 0);
    json_decref(row);
    sp_crypto_fini();
    return code == CTL_OK ? CTL_OK : ctl_host_fail(ctl, &err);
}
