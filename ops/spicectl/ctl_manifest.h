/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests of plugins on this host. Workers believe a manifest for its signature only, so a definition of kind manifest is nothing
 * to them: apply looks whether it fits the plugin that lies here, signs it with a key this host's workers know, and puts both files
 * into their directory. Nothing of it goes over the bus.
 */
#ifndef CTL_MANIFEST_H
#define CTL_MANIFEST_H

#include "ctl.h"
#include "ctl_def.h"
#include "ctl_fleet.h"

#include "manifest.h"
#include "sp_keys.h"

struct ctl_manifest_key {
    char path[SP_FS_PATH_BYTES]; /* file of keys */
    char name[SP_KEYS_NAME_BYTES];
};

/* The operator's key, or the one of --key. Returns CTL_OK or the exit code, error printed. */
int ctl_manifest_key(struct ctl *ctl, struct ctl_manifest_key *key);

/* Gives the signer of a key; public_hex tells its public half. Needs sp_crypto_init. */
SP_MUST_USE enum sp_rc ctl_manifest_signer(const struct ctl_manifest_key *key, char public_hex[65],
                                           struct sp_crypto_signer **signer, struct sp_err *err);

/* Signs and writes a manifest. public_hex tells the public half of the key. Needs sp_crypto_init. */
SP_MUST_USE enum sp_rc ctl_manifest_seal(const struct ctl_manifest_key *key, const char *path, const struct manifest *m,
                                         char public_hex[65], struct sp_err *err);

/* True when workers of this host's configuration take signatures of this key. */
bool ctl_manifest_is_known(const struct ctl *ctl, const char *public_hex);

/* Verifies one with the keys this host's workers know, and one more (NULL: none). Needs sp_crypto_init and the configuration. */
SP_MUST_USE enum sp_rc ctl_manifest_load(const struct ctl *ctl, const char *path, const char *more_hex, struct manifest *m,
                                         struct sp_err *err);

/* Definitions of kind manifest before anything is changed: is the plugin there with that digest, would workers take our key?
 * Returns CTL_OK or the exit code, error printed. */
int ctl_manifest_check(struct ctl *ctl, const struct ctl_defs *defs);

/* Gives {name: canonical definition} of this host's manifests. One that no worker would take has no sha256. */
json_t *ctl_manifest_have(struct ctl *ctl);

/* Signs and writes what a definition says. False: fault says why not. */
bool ctl_manifest_put(struct ctl *ctl, const struct ctl_def *def, struct ctl_fault *fault);

#endif
