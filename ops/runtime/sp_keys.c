/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_keys.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_random.h"

SP_STATIC_ASSERT(sizeof(struct sp_keys) <= 4096, "keys fit one page");

/* Memory of its own pages: locked against swapping where the limits allow, left out of core dumps and of forked children. */
static void *secret_pages(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    (void)mlock(p, size);
    (void)madvise(p, size, MADV_DONTDUMP);
    (void)madvise(p, size, MADV_WIPEONFORK);
    return p;
}

static void secret_release(void *p, size_t size)
{
    sp_crypto_wipe(p, size);
    (void)munmap(p, size);
}

struct row {
    const char *key;
    uint8_t *to;
    bool z85;
    bool seen;
};

static enum sp_rc take_value(struct row *r, struct sp_str value, const char *where, struct sp_err *err)
{
    if (r->seen) {
        return sp_err_set(err, SP_E_MALFORMED, where, "%s is there twice", r->key);
    }
    r->seen = true;
    bool ok = r->z85 ? sp_hex_z85_parse(value, r->to, 32) : sp_hex_parse(value, r->to, 32);
    return ok ? SP_OK
              : sp_err_set(err, SP_E_MALFORMED, where, "%s is not %s", r->key, r->z85 ? "40 characters of Z85" : "64 hex digits");
}

static enum sp_rc take_name(char name[SP_KEYS_NAME_BYTES], struct sp_str value, const char *where, struct sp_err *err)
{
    if (name[0] != '\0') {
        return sp_err_set(err, SP_E_MALFORMED, where, "name is there twice");
    }
    if (!sp_str_is_name(value, SP_KEYS_NAME_BYTES - 1)) {
        return sp_err_set(err, SP_E_MALFORMED, where, "name is not a name of 1 to 40 letters, digits, '.', '_', '-'");
    }
    (void)sp_str_copy(name, SP_KEYS_NAME_BYTES, value);
    return SP_OK;
}

/* Lines "key: value"; never puts a value into a message. */
static enum sp_rc parse_line(struct sp_str line, char name[SP_KEYS_NAME_BYTES], struct row *rows, size_t count, const char *where,
                             struct sp_err *err)
{
    struct sp_str value = line;
    struct sp_str key;
    if (line.n == 0 || line.p[0] == '#') {
        return SP_OK;
    }
    const char *colon = memchr(line.p, ':', line.n);
    if (colon == NULL) {
        return sp_err_set(err, SP_E_MALFORMED, where, "line is not 'key: value'");
    }
    key = sp_str_trim(sp_str_bytes(line.p, (size_t)(colon - line.p)));
    value = sp_str_trim(sp_str_bytes(colon + 1, (size_t)(line.p + line.n - colon - 1)));
    if (name != NULL && sp_str_is(key, "name")) {
        return take_name(name, value, where, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (sp_str_is(key, rows[i].key)) {
            return take_value(&rows[i], value, where, err);
        }
    }
    return sp_err_set(err, SP_E_MALFORMED, where, "unknown key at the start of the line");
}

static enum sp_rc parse_lines(const char *path, struct sp_str text, char name[SP_KEYS_NAME_BYTES], struct row *rows, size_t count,
                              struct sp_err *err)
{
    struct sp_str line;
    unsigned number = 0;
    if (text.n == 0) {
        sp_err_set(err, SP_E_MALFORMED, path, "is empty");
        sp_err_hint(err, "make a new one with: spicectl key rotate NAME; or put the file back");
        return SP_E_MALFORMED;
    }
    while (sp_str_next(&text, '\n', &line)) {
        char where[SP_ERR_WHERE_BYTES];
        (void)snprintf(where, sizeof where, "%s:%u", path, ++number);
        enum sp_rc rc = parse_line(sp_str_trim(line), name, rows, count, where, err);
        if (rc != SP_OK) {
            return rc;
        }
    }
    if (name != NULL && name[0] == '\0') {
        return sp_err_set(err, SP_E_MALFORMED, path, "name is missing");
    }
    for (size_t i = 0; i < count; i++) {
        if (!rows[i].seen) {
            return sp_err_set(err, SP_E_MALFORMED, path, "%s is missing", rows[i].key);
        }
    }
    return SP_OK;
}

/* Reads the file into secret memory, parses it there, wipes it. */
static enum sp_rc load_rows(const char *path, char name[SP_KEYS_NAME_BYTES], struct row *rows, size_t count, struct sp_err *err)
{
    size_t n = 0;
    char *text = secret_pages(SP_KEYS_FILE_BYTES_MAX);
    if (text == NULL) {
        return sp_err_set(err, SP_E_NOMEM, path, "no memory");
    }
    enum sp_rc rc = sp_fs_read_into(path, text, SP_KEYS_FILE_BYTES_MAX, SP_FS_PRIVATE, &n, err);
    if (rc == SP_OK) {
        rc = parse_lines(path, sp_str_bytes(text, n), name, rows, count, err);
    }
    secret_release(text, SP_KEYS_FILE_BYTES_MAX);
    return rc;
}

/* Recomputes the public halves: a file put together from two would otherwise fail later and obscurely. */
static enum sp_rc check_halves(const struct sp_keys *k, const char *path, struct sp_err *err)
{
    uint8_t pub[32];
    if (sp_crypto_curve_public(k->curve_secret, pub) != SP_OK || !sp_crypto_equal(pub, k->pub.curve, sizeof pub)) {
        return sp_err_set(err, SP_E_INVALID, path, "curve_public does not belong to curve_secret");
    }
    if (sp_crypto_sign_public(k->sign_seed, pub) != SP_OK || !sp_crypto_equal(pub, k->pub.sign, sizeof pub)) {
        return sp_err_set(err, SP_E_INVALID, path, "sign_public does not belong to sign_seed");
    }
    return SP_OK;
}

static void write_z85(struct sp_keys *k)
{
    sp_hex_z85_write(k->pub.curve, 32, k->curve_public_z85);
    sp_hex_z85_write(k->curve_secret, 32, k->curve_secret_z85);
}

enum sp_rc sp_keys_load(const char *path, const char *name, struct sp_keys **out, struct sp_err *err)
{
    struct sp_keys *k = secret_pages(sizeof *k);
    if (k == NULL) {
        return sp_err_set(err, SP_E_NOMEM, path, "no memory");
    }
    struct row rows[] = {{"curve_public", k->pub.curve, true, false},
                         {"curve_secret", k->curve_secret, true, false},
                         {"sign_public", k->pub.sign, false, false},
                         {"sign_seed", k->sign_seed, false, false}};
    enum sp_rc rc = load_rows(path, k->pub.name, rows, SP_COUNT(rows), err);
    if (rc == SP_OK && strcmp(k->pub.name, name) != 0) {
        rc = sp_err_set(err, SP_E_INVALID, path, "is the key of '%s', not of '%s'", k->pub.name, name);
    }
    if (rc == SP_OK) {
        rc = check_halves(k, path, err);
    }
    if (rc != SP_OK) {
        secret_release(k, sizeof *k);
        return rc;
    }
    write_z85(k);
    *out = k;
    return SP_OK;
}

enum sp_rc sp_keys_new(const char *name, struct sp_keys **out, struct sp_err *err)
{
    if (!sp_str_is_name(sp_str_of(name), SP_KEYS_NAME_BYTES - 1)) {
        return sp_err_set(err, SP_E_INVALID, name, "is not a name of 1 to 40 letters, digits, '.', '_', '-'");
    }
    struct sp_keys *k = secret_pages(sizeof *k);
    if (k == NULL) {
        return sp_err_set(err, SP_E_NOMEM, name, "no memory");
    }
    (void)sp_str_copy(k->pub.name, sizeof k->pub.name, sp_str_of(name));
    sp_random_bytes(k->curve_secret, 32);
    /* Clamped as NaCl's key generation does (RFC 7748), so that the text is the same whoever reads it. */
    k->curve_secret[0] &= 248;
    k->curve_secret[31] = (uint8_t)((k->curve_secret[31] & 127) | 64);
    sp_random_bytes(k->sign_seed, 32);
    if (sp_crypto_curve_public(k->curve_secret, k->pub.curve) != SP_OK ||
        sp_crypto_sign_public(k->sign_seed, k->pub.sign) != SP_OK) {
        secret_release(k, sizeof *k);
        return sp_err_set(err, SP_E_UNSUPPORTED, name, "no X25519 or Ed25519 keys can be made");
    }
    write_z85(k);
    *out = k;
    return SP_OK;
}

void sp_keys_destroy(struct sp_keys **keys)
{
    if (*keys != NULL) {
        secret_release(*keys, sizeof **keys);
        *keys = NULL;
    }
}

enum sp_rc sp_keys_save(const struct sp_keys *k, const char *path, struct sp_err *err)
{
    char seed[65];
    char sign_public[65];
    char *text = secret_pages(SP_KEYS_FILE_BYTES_MAX);
    if (text == NULL) {
        return sp_err_set(err, SP_E_NOMEM, path, "no memory");
    }
    sp_hex_write(k->sign_seed, 32, seed);
    sp_hex_write(k->pub.sign, 32, sign_public);
    int n = snprintf(text, SP_KEYS_FILE_BYTES_MAX,
                     "# Secret key of a SPICE process. Mode 0600; never leaves this host.\n"
                     "name: %s\ncurve_public: %s\ncurve_secret: %s\nsign_public: %s\nsign_seed: %s\n",
                     k->pub.name, k->curve_public_z85, k->curve_secret_z85, sign_public, seed);
    SP_ASSERT(n > 0 && (size_t)n < SP_KEYS_FILE_BYTES_MAX);
    enum sp_rc rc = sp_fs_create(path, text, (size_t)n, 0600, err);
    secret_release(text, SP_KEYS_FILE_BYTES_MAX);
    sp_crypto_wipe(seed, sizeof seed);
    return rc;
}

enum sp_rc sp_keys_create(const char *path, const char *name, struct sp_keys_public *pub, struct sp_err *err)
{
    struct sp_keys *k = NULL;
    enum sp_rc rc = sp_keys_new(name, &k, err);
    if (rc == SP_OK) {
        rc = sp_keys_save(k, path, err);
    }
    if (rc == SP_OK) {
        *pub = k->pub;
    }
    sp_keys_destroy(&k);
    return rc;
}

enum sp_rc sp_keys_core_create(const char *path, struct sp_err *err)
{
    uint8_t secret[32];
    char hex[65];
    char text[256];
    sp_random_bytes(secret, sizeof secret);
    sp_hex_write(secret, sizeof secret, hex);
    int n = snprintf(text, sizeof text, "# Secret shared by scheduler and keeper. Mode 0600.\ncore: %s\n", hex);
    SP_ASSERT(n > 0 && (size_t)n < sizeof text);
    enum sp_rc rc = sp_fs_create(path, text, (size_t)n, 0600, err);
    sp_crypto_wipe(secret, sizeof secret);
    sp_crypto_wipe(hex, sizeof hex);
    sp_crypto_wipe(text, sizeof text);
    return rc;
}

enum sp_rc sp_keys_core_load(const char *path, struct sp_keys_core **out, struct sp_err *err)
{
    uint8_t master[32] = {0};
    uint8_t phase[32];
    struct sp_keys_core *c = secret_pages(sizeof *c);
    if (c == NULL) {
        return sp_err_set(err, SP_E_NOMEM, path, "no memory");
    }
    struct row rows[] = {{"core", master, false, false}};
    enum sp_rc rc = load_rows(path, NULL, rows, SP_COUNT(rows), err);
    if (rc == SP_OK) {
        sp_crypto_derive(master, "mac", c->mac);
        sp_crypto_derive(master, "ticket", c->ticket);
        sp_crypto_derive(master, "phase", phase);
        memcpy(c->phase, phase, sizeof c->phase);
        *out = c;
    } else {
        secret_release(c, sizeof *c);
    }
    sp_crypto_wipe(master, sizeof master);
    sp_crypto_wipe(phase, sizeof phase);
    return rc;
}

void sp_keys_core_destroy(struct sp_keys_core **core)
{
    if (*core != NULL) {
        secret_release(*core, sizeof **core);
        *core = NULL;
    }
}

void sp_keys_fingerprint(const uint8_t curve[32], const uint8_t sign[32], char to[SP_KEYS_PRINT_BYTES])
{
    static const char purpose[] = "SPICE1 fingerprint:";
    struct sp_crypto_sha256 hash;
    uint8_t digest[32];
    char hex[2 * sizeof digest + 1];
    sp_crypto_sha256_init(&hash);
    sp_crypto_sha256_update(&hash, purpose, sizeof purpose - 1);
    sp_crypto_sha256_update(&hash, curve, 32);
    sp_crypto_sha256_update(&hash, sign, 32);
    sp_crypto_sha256_final(&hash, digest);
    sp_hex_write(digest, sizeof digest, hex);
    for (size_t i = 0; i < SP_KEYS_PRINT_BYTES / 5; i++) {
        memcpy(to + i * 5, hex + i * 4, 4);
        to[i * 5 + 4] = ':';
    }
    to[SP_KEYS_PRINT_BYTES - 1] = '\0';
}
