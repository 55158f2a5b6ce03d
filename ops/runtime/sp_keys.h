/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files. PREFIX/keys/NAME.key holds one principal's CURVE and signing keys, PREFIX/keys/core.key the secret that scheduler and
 * keeper share. Both are refused unless regular, owned by us or root, without any bit for group and others, with one link and not
 * reached through a symbolic link. Loaded keys lie in locked pages that are left out of core dumps and wiped at the end.
 *
 *   # a comment
 *   name: broker-1
 *   curve_public: <Z85, 40>      curve_secret: <Z85, 40>
 *   sign_public: <hex, 64>       sign_seed: <hex, 64>          (one per line)
 */
#ifndef SP_KEYS_H
#define SP_KEYS_H

#include "sp_err.h"
#include "sp_hex.h"

#define SP_KEYS_NAME_BYTES     41u
#define SP_KEYS_FILE_BYTES_MAX 2048u
#define SP_KEYS_PRINT_BYTES    40u /* a fingerprint with its NUL */

/* What others may know. */
struct sp_keys_public {
    char name[SP_KEYS_NAME_BYTES];
    uint8_t curve[32];
    uint8_t sign[32];
};

struct sp_keys {
    struct sp_keys_public pub;
    uint8_t curve_secret[32];
    uint8_t sign_seed[32];
    char curve_public_z85[SP_HEX_Z85_KEY_BYTES];
    char curve_secret_z85[SP_HEX_Z85_KEY_BYTES];
};

/* The shared secret, already split by purpose. */
struct sp_keys_core {
    uint8_t mac[32];    /* messages with auth=mac */
    uint8_t ticket[32]; /* tickets (scheduler seals, keeper checks) */
    uint8_t phase[16];  /* keyed hash of phases and jitter */
};

/* Effect: loads; checks that the halves belong together and that the file is for `name`. Gives *out. Needs sp_crypto_init. */
SP_MUST_USE enum sp_rc sp_keys_load(const char *path, const char *name, struct sp_keys **out, struct sp_err *err);
/* Effect: draws new keys in memory. Gives *out. */
SP_MUST_USE enum sp_rc sp_keys_new(const char *name, struct sp_keys **out, struct sp_err *err);
/* Effect: wipes, releases, nulls. */
void sp_keys_destroy(struct sp_keys **keys);
/* Effect: writes the file with mode 0600; SP_E_EXISTS rather than overwrite. */
SP_MUST_USE enum sp_rc sp_keys_save(const struct sp_keys *keys, const char *path, struct sp_err *err);
/* Effect: sp_keys_new and sp_keys_save; *pub tells what to put into principals.yaml. */
SP_MUST_USE enum sp_rc sp_keys_create(const char *path, const char *name, struct sp_keys_public *pub, struct sp_err *err);

/* Effect: writes what people compare in place of two public keys: eight groups of four hexadecimal digits. The same everywhere one is shown. */
void sp_keys_fingerprint(const uint8_t curve[32], const uint8_t sign[32], char to[SP_KEYS_PRINT_BYTES]);

SP_MUST_USE enum sp_rc sp_keys_core_create(const char *path, struct sp_err *err);
SP_MUST_USE enum sp_rc sp_keys_core_load(const char *path, struct sp_keys_core **out, struct sp_err *err);
void sp_keys_core_destroy(struct sp_keys_core **core);

#endif
