/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h - the signed statement about one plugin: which bytes it has and what it may do. Without one, a worker does not start
 * it.
 *
 *   NAME.manifest.yaml     the statement          NAME.manifest.sig     Ed25519 over its exact bytes, 128 hexadecimal digits
 *
 *   name: check_disk
 *   plugin: /usr/lib/nagios/plugins/check_disk      (relative: beside the manifest)
 *   sha256: <64 hexadecimal digits>
 *   interface: 1
 *   network: false          may it use IP and unix sockets
 *   resident: false         does it speak the line protocol of resident plugins
 *   arguments: ["-w", "[0-9]*"]   every argument must match one of these patterns (fnmatch); [] = it takes none
 *   max_output: 8192        bytes
 */
#ifndef MANIFEST_H
#define MANIFEST_H

#include "sp_crypto.h"
#include "sp_err.h"
#include "sp_fs.h"

#define MANIFEST_INTERFACE        1u
#define MANIFEST_NAME_BYTES       65u
#define MANIFEST_ARGUMENTS_MAX    32u
#define MANIFEST_PATTERN_BYTES    128u
#define MANIFEST_FILE_BYTES_MAX   16384u
#define MANIFEST_PLUGIN_BYTES_MAX (256u << 20) /* largest plugin file */
#define MANIFEST_KEYS_MAX         32u
#define MANIFEST_SUFFIX           ".manifest.yaml"
#define MANIFEST_SIG_SUFFIX       ".manifest.sig"

struct manifest {
    char name[MANIFEST_NAME_BYTES];
    char plugin[SP_FS_PATH_BYTES]; /* as written; manifest_load makes it absolute */
    uint8_t sha256[32];
    uint32_t interface;
    bool network;
    bool resident;
    uint32_t arguments_count;
    char arguments[MANIFEST_ARGUMENTS_MAX][MANIFEST_PATTERN_BYTES];
    uint32_t max_output;
};

/* Public keys that may sign. */
struct manifest_keys {
    struct sp_crypto_verifier *key[MANIFEST_KEYS_MAX];
    uint32_t count;
};

/* Effect: adds a key of 64 hexadecimal digits. Needs sp_crypto_init. SP_E_INVALID, SP_E_LIMIT. */
SP_MUST_USE enum sp_rc manifest_keys_add(struct manifest_keys *keys, struct sp_str hex, struct sp_err *err);
void manifest_keys_fini(struct manifest_keys *keys);

/* Effect: fills *out from the text of a manifest; file is for messages. Says nothing about its signature. */
SP_MUST_USE enum sp_rc manifest_parse(const char *file, struct sp_str text, struct manifest *out, struct sp_err *err);
/* Effect: reads `path` (NAME.manifest.yaml) and its signature, verifies, then parses. With keys NULL the signature is not looked at
 * (for showing). SP_E_NOT_FOUND, SP_E_SIGNATURE (none, or by no key of ours), SP_E_MALFORMED. */
SP_MUST_USE enum sp_rc manifest_load(const char *path, const struct manifest_keys *keys, struct manifest *out, struct sp_err *err);
/* Effect: writes the statement to `path`. Replaces an older one; its signature no longer fits. */
SP_MUST_USE enum sp_rc manifest_write(const char *path, const struct manifest *m, struct sp_err *err);
/* Effect: writes the statement to `path` and its signature beside it: what is signed is what was given, whatever happens to the
 * files meanwhile. SP_E_INVALID: the plugin has another digest. */
SP_MUST_USE enum sp_rc manifest_seal(const char *path, const struct manifest *m, struct sp_crypto_signer *signer,
                                     struct sp_err *err);
/* Effect: signs the bytes that are at `path` now, after checking that they are a manifest whose plugin has the stated digest.
 * Writes the signature beside it. */
SP_MUST_USE enum sp_rc manifest_sign(const char *path, struct sp_crypto_signer *signer, struct sp_err *err);
/* Effect: SHA-256 of a plugin file. */
SP_MUST_USE enum sp_rc manifest_digest(const char *plugin, uint8_t sha256[32], struct sp_err *err);
/* True when every argument matches one of the patterns. */
bool manifest_allows(const struct manifest *m, const char *const *args, size_t count);

#endif
