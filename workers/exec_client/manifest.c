/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec_proto.h"
#include "sp_bind.h"
#include "sp_hex.h"

#define MANIFEST_YAML_NODES 256u
#define MANIFEST_YAML_DEPTH 3u
#define MANIFEST_SIG_BYTES  130u /* 128 digits, a line end, room to see that there is more */

static const struct sp_bind_key rows[] = {
    {.name = "name", .type = SP_BIND_NAME, .required = true, SP_BIND_AT(manifest, name), .help = "name that checks use"},
    {.name = "plugin",
     .type = SP_BIND_PATH,
     .required = true,
     SP_BIND_AT(manifest, plugin),
     .help = "its file; relative: beside the manifest"},
    {.name = "sha256", .type = SP_BIND_HEX, .required = true, SP_BIND_AT(manifest, sha256), .help = "digest of the file"},
    {.name = "interface",
     .type = SP_BIND_U32,
     .required = true,
     SP_BIND_AT(manifest, interface),
     .min = MANIFEST_INTERFACE,
     .max = MANIFEST_INTERFACE,
     .help = "version of the plugin contract"},
    {.name = "network", .type = SP_BIND_BOOL, SP_BIND_AT(manifest, network), .def = "false", .help = "may it use sockets"},
    {.name = "resident",
     .type = SP_BIND_BOOL,
     SP_BIND_AT(manifest, resident),
     .def = "false",
     .help = "does it speak the line protocol of resident plugins"},
    {.name = "arguments",
     .type = SP_BIND_TEXTS,
     .required = true,
     SP_BIND_ARRAY(manifest, arguments, arguments_count),
     .help = "every argument must match one of these patterns; [] = none"},
    {.name = "max_output",
     .type = SP_BIND_U32,
     SP_BIND_AT(manifest, max_output),
     .min = 1,
     .max = EXEC_OUTPUT_MAX,
     .def = "8192",
     .help = "bytes; more is an error"},
};

static const struct sp_bind_table table = {"manifest", rows, SP_COUNT(rows), sizeof(struct manifest)};

enum sp_rc manifest_keys_add(struct manifest_keys *keys, struct sp_str hex, struct sp_err *err)
{
    uint8_t key[32];
    if (keys->count == MANIFEST_KEYS_MAX)
        return sp_err_set(err, SP_E_LIMIT, "manifest_keys", "more than %u keys", MANIFEST_KEYS_MAX);
    if (!sp_hex_parse(hex, key, sizeof key))
        return sp_err_set(err, SP_E_INVALID, "manifest_keys", "a key is 64 hexadecimal digits");
    enum sp_rc rc = sp_crypto_verifier_new(key, &keys->key[keys->count]);
    if (rc != SP_OK)
        return sp_err_set(err, rc, "manifest_keys", "not a usable Ed25519 key: %.*s", (int)hex.n, hex.p);
    keys->count++;
    return SP_OK;
}

void manifest_keys_fini(struct manifest_keys *keys)
{
    while (keys->count > 0)
        sp_crypto_verifier_destroy(&keys->key[--keys->count]);
}

enum sp_rc manifest_parse(const char *file, struct sp_str text, struct manifest *out, struct sp_err *err)
{
    const struct sp_yaml_limits limits = {MANIFEST_FILE_BYTES_MAX, MANIFEST_YAML_NODES, MANIFEST_YAML_DEPTH, 1};
    struct sp_yaml *yaml = NULL;
    struct manifest *m = malloc(sizeof *m);
    if (m == NULL)
        return sp_err_set(err, SP_E_NOMEM, file, "no memory");
    enum sp_rc rc = sp_yaml_parse(file, text, limits, &yaml, err);
    if (rc == SP_OK && sp_yaml_count(yaml) != 1)
        rc = sp_err_set(err, SP_E_MALFORMED, file, "empty; a manifest is one YAML document");
    if (rc == SP_OK)
        rc = sp_bind(&table, file, sp_yaml_root(yaml, 0), m, err);
    if (rc == SP_OK && (!sp_str_is_name(sp_str_of(m->name), MANIFEST_NAME_BYTES - 1) || m->plugin[0] == '\0'))
        rc = sp_err_set(err, SP_E_INVALID, file, "name and plugin must not be empty; a name starts with a letter or digit");
    if (rc == SP_OK)
        *out = *m;
    sp_yaml_destroy(&yaml);
    free(m);
    return rc;
}

/* DIR/NAME.manifest.yaml -> DIR/NAME.manifest.sig */
static enum sp_rc signature_path(const char *path, char *to, size_t size, struct sp_err *err)
{
    size_t n = strlen(path);
    size_t suffix = strlen(MANIFEST_SUFFIX);
    if (n <= suffix || strcmp(path + n - suffix, MANIFEST_SUFFIX) != 0)
        return sp_err_set(err, SP_E_INVALID, path, "the file of a manifest is called NAME" MANIFEST_SUFFIX);
    int m = snprintf(to, size, "%.*s" MANIFEST_SIG_SUFFIX, (int)(n - suffix), path);
    if (m < 0 || (size_t)m >= size)
        return sp_err_set(err, SP_E_LIMIT, path, "path too long");
    return SP_OK;
}

static enum sp_rc check_signature(const char *path, struct sp_str text, const struct manifest_keys *keys, struct sp_err *err)
{
    char sig_path[SP_FS_PATH_BYTES];
    char hex[MANIFEST_SIG_BYTES + 1];
    uint8_t signature[SP_CRYPTO_SIGN_BYTES];
    size_t n = 0;
    enum sp_rc rc = signature_path(path, sig_path, sizeof sig_path, err);
    if (rc != SP_OK)
        return rc;
    if (sp_fs_read_into(sig_path, hex, sizeof hex, 0, &n, err) != SP_OK)
        return sp_err_set(err, SP_E_SIGNATURE, sig_path, "no readable signature");
    if (n > 0 && hex[n - 1] == '\n')
        n--;
    if (!sp_hex_parse(sp_str_bytes(hex, n), signature, sizeof signature))
        return sp_err_set(err, SP_E_SIGNATURE, sig_path, "a signature is 128 hexadecimal digits");
    for (uint32_t i = 0; i < keys->count; i++)
        if (sp_crypto_verify(keys->key[i], text.p, text.n, signature))
            return SP_OK;
    return sp_err_set(err, SP_E_SIGNATURE, path, "not signed by a key of manifest_keys, or altered since");
}

/* Effect: a relative plugin path starts from the manifest's directory. */
static enum sp_rc anchor(const char *path, struct manifest *m, struct sp_err *err)
{
    char dir[SP_FS_PATH_BYTES];
    char whole[SP_FS_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    struct sp_str head = slash == NULL ? sp_str_of(".") : sp_str_bytes(path, (size_t)(slash - path));
    if (!sp_str_copy(dir, sizeof dir, head) || sp_fs_join(whole, sizeof whole, dir, m->plugin) != SP_OK)
        return sp_err_set(err, SP_E_LIMIT, path, "path of the plugin too long");
    memcpy(m->plugin, whole, sizeof whole);
    return SP_OK;
}

enum sp_rc manifest_load(const char *path, const struct manifest_keys *keys, struct manifest *out, struct sp_err *err)
{
    char *text = NULL;
    size_t n = 0;
    struct manifest m;
    enum sp_rc rc = sp_fs_read(path, MANIFEST_FILE_BYTES_MAX, 0, &text, &n, err);
    if (rc != SP_OK)
        return rc;
    if (keys != NULL) /* verified before it is parsed */
        rc = check_signature(path, sp_str_bytes(text, n), keys, err);
    if (rc == SP_OK)
        rc = manifest_parse(path, sp_str_bytes(text, n), &m, err);
    if (rc == SP_OK)
        rc = anchor(path, &m, err);
    if (rc == SP_OK)
        *out = m;
    free(text);
    return rc;
}

enum sp_rc manifest_write(const char *path, const struct manifest *m, struct sp_err *err)
{
    struct sp_buf b;
    sp_buf_init(&b, MANIFEST_FILE_BYTES_MAX);
    sp_bind_print(&table, m, 0, &b);
    enum sp_rc rc = b.failed ? sp_err_set(err, SP_E_LIMIT, path, "manifest too long") : sp_fs_write(path, b.p, b.n, 0644, err);
    sp_buf_fini(&b);
    return rc;
}

static enum sp_rc check_digest(const char *path, const struct manifest *m, struct sp_err *err)
{
    uint8_t digest[32];
    enum sp_rc rc = manifest_digest(m->plugin, digest, err);
    if (rc == SP_OK && !sp_crypto_equal(digest, m->sha256, sizeof digest))
        rc = sp_err_set(err, SP_E_INVALID, path, "sha256 is not that of %s", m->plugin);
    return rc;
}

/* Effect: the signature of these bytes, beside `path`. */
static enum sp_rc put_signature(const char *path, struct sp_str text, struct sp_crypto_signer *signer, struct sp_err *err)
{
    char sig_path[SP_FS_PATH_BYTES];
    uint8_t signature[SP_CRYPTO_SIGN_BYTES];
    char hex[2 * SP_CRYPTO_SIGN_BYTES + 2];
    enum sp_rc rc = signature_path(path, sig_path, sizeof sig_path, err);
    if (rc == SP_OK && sp_crypto_sign(signer, text.p, text.n, signature) != SP_OK)
        rc = sp_err_set(err, SP_E_IO, path, "cannot sign");
    if (rc == SP_OK) {
        sp_hex_write(signature, sizeof signature, hex);
        hex[sizeof hex - 2] = '\n';
        rc = sp_fs_write(sig_path, hex, sizeof hex - 1, 0644, err);
    }
    return rc;
}

enum sp_rc manifest_seal(const char *path, const struct manifest *m, struct sp_crypto_signer *signer, struct sp_err *err)
{
    struct manifest back;
    struct sp_buf b;
    sp_buf_init(&b, MANIFEST_FILE_BYTES_MAX);
    sp_bind_print(&table, m, 0, &b);
    enum sp_rc rc =
        b.failed ? sp_err_set(err, SP_E_LIMIT, path, "manifest too long") : manifest_parse(path, sp_buf_view(&b), &back, err);
    if (rc == SP_OK)
        rc = check_digest(path, m, err);
    if (rc == SP_OK)
        rc = sp_fs_write(path, b.p, b.n, 0644, err);
    if (rc == SP_OK)
        rc = put_signature(path, sp_buf_view(&b), signer, err);
    sp_buf_fini(&b);
    return rc;
}

enum sp_rc manifest_sign(const char *path, struct sp_crypto_signer *signer, struct sp_err *err)
{
    char *text = NULL;
    size_t n = 0;
    struct manifest m;
    enum sp_rc rc = sp_fs_read(path, MANIFEST_FILE_BYTES_MAX, 0, &text, &n, err);
    if (rc != SP_OK)
        return rc;
    rc = manifest_parse(path, sp_str_bytes(text, n), &m, err);
    if (rc == SP_OK)
        rc = anchor(path, &m, err);
    if (rc == SP_OK)
        rc = check_digest(path, &m, err);
    if (rc == SP_OK)
        rc = put_signature(path, sp_str_bytes(text, n), signer, err);
    free(text);
    return rc;
}

enum sp_rc manifest_digest(const char *plugin, uint8_t sha256[32], struct sp_err *err)
{
    struct sp_crypto_sha256 hash;
    uint8_t part[65536];
    uint64_t total = 0;
    int fd = open(plugin, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0)
        return sp_err_set(err, SP_E_NOT_FOUND, plugin, "cannot be opened");
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? 1 : -1;
    sp_crypto_sha256_init(&hash);
    while (n > 0 && total <= MANIFEST_PLUGIN_BYTES_MAX) {
        n = read(fd, part, sizeof part);
        sp_crypto_sha256_update(&hash, part, n > 0 ? (size_t)n : 0);
        total += n > 0 ? (uint64_t)n : 0;
    }
    (void)close(fd);
    if (n != 0)
        return sp_err_set(err, SP_E_IO, plugin, "not a readable regular file of at most %u MiB", MANIFEST_PLUGIN_BYTES_MAX >> 20);
    sp_crypto_sha256_final(&hash, sha256);
    return SP_OK;
}

bool manifest_allows(const struct manifest *m, const char *const *args, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool ok = false;
        for (uint32_t k = 0; k < m->arguments_count && !ok; k++)
            ok = fnmatch(m->arguments[k], args[i], FNM_NOESCAPE) == 0;
        if (!ok)
            return false;
    }
    return true;
}
