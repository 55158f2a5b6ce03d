/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_tree.h"

#include "ctl_host.h"
#include "ctl_json.h"
#include "ctl_manifest.h"
#include "ctl_run.h"

#include "files_make.h"
#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_hex.h"

#include <stdlib.h>
#include <string.h>

#define TREE_HEX_BYTES 65u

static void tree_digest(struct sp_str text, char hex[TREE_HEX_BYTES])
{
    uint8_t digest[32];
    sp_crypto_sha256(text.p, text.n, digest);
    sp_hex_write(digest, sizeof digest, hex);
}

bool ctl_tree_is(const char *path)
{
    char head[sizeof MANIFEST_TABLE_HEAD];
    FILE *f = fopen(path, "re");
    size_t n = f != NULL ? fread(head, 1, sizeof head, f) : 0;
    if (f != NULL)
        (void)fclose(f);
    return n == sizeof head && memcmp(head, MANIFEST_TABLE_HEAD "\n", sizeof head) == 0;
}

/* ---- make ------------------------------------------------------------------------------------------------------ */

static struct sp_str tree_path(const char *text)
{
    struct sp_str path = sp_str_of(text);
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    return path;
}

/* Trees and skips of the command line. */
static int tree_paths(struct ctl *ctl, struct files_make_options *o, struct sp_str path[MANIFEST_TABLE_TREES_MAX])
{
    const struct ctl_args *args = &ctl->args;
    struct sp_str rest = sp_str_of(args->values[CTL_OPT_SKIP]);
    struct sp_str one;
    size_t n = 0;
    o->trees = path;
    for (size_t i = 0; i < args->names_count; i++) {
        struct sp_str tree = tree_path(args->names[i]);
        if (!manifest_table_is_path(tree) || n == MANIFEST_TABLE_TREES_MAX)
            return ctl_fail(ctl, CTL_FAILED, args->names[i], "give absolute paths without . and ..",
                            n == MANIFEST_TABLE_TREES_MAX ? "too many trees" : "this is no path of a tree");
        path[n++] = tree;
    }
    o->tree_count = n;
    o->skips = path + n;
    while (rest.n > 0 && sp_str_next(&rest, ',', &one)) {
        if (!manifest_table_is_path(one) || n == MANIFEST_TABLE_TREES_MAX)
            return ctl_fail(ctl, CTL_FAILED, "--skip", "give absolute paths, with commas between them", "this is no list of paths");
        path[n++] = one;
    }
    o->skip_count = n - o->tree_count;
    return CTL_OK;
}

static int tree_tell(struct ctl *ctl, const char *file, const struct files_make_sum *sum, const char *hex)
{
    if (ctl->json) {
        json_t *row =
            ctl_json_need(json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:b}", "manifest", file, "entries", (json_int_t)sum->entries,
                                    "files", (json_int_t)sum->files, "bytes", (json_int_t)sum->bytes, "packaged",
                                    (json_int_t)sum->packaged, "sha256", hex, "dry_run", ctl->dry_run));
        ctl_json_print(&ctl->out, row);
        json_decref(row);
        return CTL_OK;
    }
    ctl_out_print(&ctl->out, "%s: %llu entries, %llu files of %llu bytes%s\nsha256 %s\n", file, (unsigned long long)sum->entries,
                  (unsigned long long)sum->files, (unsigned long long)sum->bytes, ctl->dry_run ? " (not written)" : "", hex);
    if (ctl_args_has(&ctl->args, CTL_OPT_DPKG))
        ctl_out_print(&ctl->out, "%llu files are as their packages brought them, %llu are of no package or of configuration\n",
                      (unsigned long long)sum->packaged, (unsigned long long)(sum->files - sum->packaged));
    ctl_note(ctl, "next: spicectl manifest sign %s", file);
    return CTL_OK;
}

int ctl_tree_make(struct ctl *ctl)
{
    struct sp_str path[MANIFEST_TABLE_TREES_MAX];
    struct files_make_options o = {.root = ctl->args.values[CTL_OPT_PREFIX]};
    struct files_make_sum sum;
    struct sp_err err = {0};
    struct sp_buf text;
    char why[FILES_MAKE_WHY_MAX] = "";
    char hex[TREE_HEX_BYTES];
    const char *to = ctl->args.values[CTL_OPT_TO];
    o.dpkg = ctl_args_has(&ctl->args, CTL_OPT_DPKG);
    o.any_owner = ctl_args_has(&ctl->args, CTL_OPT_ANY_OWNER);
    if (to == NULL)
        return ctl_fail(ctl, CTL_USAGE, "manifest make", "spicectl manifest make TREE... --to NAME.tree", "--to FILE is needed");
    int code = tree_paths(ctl, &o, path);
    if (code != CTL_OK)
        return code;
    sp_buf_init(&text, MANIFEST_TABLE_BYTES_MAX);
    if (!files_make(&o, &text, &sum, why)) {
        sp_buf_fini(&text);
        return ctl_fail(ctl, CTL_FAILED, to,
                        o.dpkg ? "put it right, or leave it out with --skip" : "run it as root; leave out what moves with --skip",
                        "%s", why);
    }
    enum sp_rc rc = ctl->dry_run ? SP_OK : sp_fs_write(to, text.p, text.n, 0644, &err);
    tree_digest(sp_buf_view(&text), hex);
    code = rc == SP_OK ? tree_tell(ctl, to, &sum, hex) : ctl_host_fail(ctl, &err);
    sp_buf_fini(&text);
    return code;
}

/* ---- sign and show --------------------------------------------------------------------------------------------- */

struct tree_file {
    char *bytes;
    struct sp_str text;
    struct manifest_table *table;
};

static void tree_close(struct tree_file *f)
{
    manifest_table_free(&f->table);
    free(f->bytes);
}

static int tree_open(struct ctl *ctl, const char *file, struct tree_file *f)
{
    struct sp_err err = {0};
    char why[MANIFEST_TABLE_WHY_MAX];
    size_t n = 0;
    if (sp_fs_read(file, MANIFEST_TABLE_BYTES_MAX, 0, &f->bytes, &n, &err) != SP_OK)
        return ctl_host_fail(ctl, &err);
    f->text = sp_str_bytes(f->bytes, n);
    if (manifest_table_new(f->text, &f->table, why))
        return CTL_OK;
    free(f->bytes);
    return ctl_fail(ctl, CTL_FAILED, file, "make it anew: spicectl manifest make", "%s", why);
}

static json_t *tree_json(const struct tree_file *f, const char *file)
{
    const struct manifest_table *t = f->table;
    char hex[TREE_HEX_BYTES];
    json_t *trees = ctl_json_need(json_array()), *skips = ctl_json_need(json_array());
    for (size_t i = 0; i < manifest_table_trees(t) + manifest_table_skips(t); i++) {
        struct sp_str path = manifest_table_tree(t, i);
        json_t *text = json_stringn(path.p, path.n);
        (void)json_array_append_new(i < manifest_table_trees(t) ? trees : skips,
                                    text != NULL ? text : ctl_json_need(json_string("?")));
    }
    tree_digest(f->text, hex);
    return ctl_json_need(json_pack("{s:s, s:o, s:o, s:I, s:s}", "manifest", file, "trees", trees, "skips", skips, "entries",
                                   (json_int_t)manifest_table_count(t), "sha256", hex));
}

/* Puts the signature of what is there, without an older one, behind it. */
static enum sp_rc tree_put_signature(const char *file, struct tree_file *f, struct sp_crypto_signer *signer, struct sp_err *err)
{
    uint8_t signature[SP_CRYPTO_SIGN_BYTES];
    struct sp_buf b;
    size_t n = 0;
    if (manifest_table_signature(f->table, &n) == NULL)
        n = f->text.n;
    if (sp_crypto_sign(signer, f->text.p, n, signature) != SP_OK)
        return sp_err_set(err, SP_E_IO, file, "cannot sign");
    sp_buf_init(&b, MANIFEST_TABLE_BYTES_MAX);
    sp_buf_append(&b, f->text.p, n);
    manifest_table_put_signature(&b, signature);
    enum sp_rc rc = b.failed ? sp_err_set(err, SP_E_LIMIT, file, "manifest too long") : sp_fs_write(file, b.p, b.n, 0644, err);
    sp_buf_fini(&b);
    return rc;
}

int ctl_tree_sign(struct ctl *ctl)
{
    struct ctl_manifest_key key;
    struct sp_crypto_signer *signer = NULL;
    struct tree_file f = {.bytes = NULL};
    struct sp_err err = {0};
    char public_hex[TREE_HEX_BYTES] = "";
    const char *file = ctl->args.names[0];
    int code = ctl_manifest_key(ctl, &key);
    if (code == CTL_OK)
        code = ctl_crypto_open(ctl);
    if (code != CTL_OK)
        return code;
    code = tree_open(ctl, file, &f);
    if (code != CTL_OK) {
        sp_crypto_fini();
        return code;
    }
    enum sp_rc rc = ctl_manifest_signer(&key, public_hex, &signer, &err);
    if (rc == SP_OK && !ctl->dry_run)
        rc = tree_put_signature(file, &f, signer, &err);
    sp_crypto_signer_destroy(&signer);
    if (rc != SP_OK) {
        code = ctl_host_fail(ctl, &err);
    } else if (ctl->json) {
        json_t *row = ctl_json_need(json_pack("{s:s, s:I, s:s}", "manifest", file, "entries",
                                              (json_int_t)manifest_table_count(f.table), "key", public_hex));
        ctl_json_print(&ctl->out, row);
        json_decref(row);
    } else {
        ctl_out_print(&ctl->out, "%s: %ssigned; a check takes it with signers: [\"%s\"]\n", file, ctl->dry_run ? "would be " : "",
                      public_hex);
    }
    tree_close(&f);
    sp_crypto_fini();
    return code;
}

/* True when this key has signed. */
static bool tree_signed_by(const struct tree_file *f, const char *hex)
{
    uint8_t key[SP_CRYPTO_KEY_BYTES];
    struct sp_crypto_verifier *v = NULL;
    size_t n = 0;
    const uint8_t *signature = manifest_table_signature(f->table, &n);
    bool ok = signature != NULL && sp_hex_parse(sp_str_of(hex), key, sizeof key) && sp_crypto_verifier_new(key, &v) == SP_OK &&
              sp_crypto_verify(v, f->text.p, n, signature);
    sp_crypto_verifier_destroy(&v);
    return ok;
}

/* Which of the keys this host knows has signed: those of its configuration, and the operator's or the one of --key. */
static void tree_signer(struct ctl *ctl, const struct tree_file *f, char hex[TREE_HEX_BYTES])
{
    const struct sp_conf *conf;
    struct sp_err err = {0};
    hex[0] = '\0';
    if (!ctl_host_conf(ctl, &conf, &err))
        return;
    for (uint32_t i = 0; hex[0] == '\0' && i < conf->worker.manifest_key_count; i++) {
        if (tree_signed_by(f, conf->worker.manifest_keys[i]))
            (void)snprintf(hex, TREE_HEX_BYTES, "%s", conf->worker.manifest_keys[i]);
    }
    const struct sp_conf_principals *principals;
    if (hex[0] != '\0' || !ctl_host_principals(ctl, &principals, &err))
        return;
    for (uint32_t i = 0; hex[0] == '\0' && i < principals->count; i++) {
        sp_hex_write(principals->rows[i].sign, SP_CRYPTO_KEY_BYTES, hex);
        if (!tree_signed_by(f, hex))
            hex[0] = '\0';
    }
}

int ctl_tree_show(struct ctl *ctl)
{
    struct tree_file f = {.bytes = NULL};
    char hex[TREE_HEX_BYTES];
    size_t n = 0;
    const char *file = ctl->args.names[0];
    int code = ctl_crypto_open(ctl);
    if (code != CTL_OK)
        return code;
    code = tree_open(ctl, file, &f);
    if (code == CTL_OK) {
        json_t *row = tree_json(&f, file);
        tree_signer(ctl, &f, hex);
        (void)json_object_set_new(row, "signed", json_boolean(manifest_table_signature(f.table, &n) != NULL));
        (void)json_object_set_new(row, "key", json_string(hex));
        if (ctl->json)
            ctl_json_print(&ctl->out, row);
        else
            ctl_json_show(&ctl->out, row, 0);
        json_decref(row);
        tree_close(&f);
    }
    sp_crypto_fini();
    return code;
}
