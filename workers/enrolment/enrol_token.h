/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_token.h - the one-use text that brings a new worker or attester into the fleet: base64url (no padding) of a compact JSON
 * object
 *
 *   {"v":1, "deployment":HEX32, "name":PRINCIPAL, "node":NODE, "enrol":PRINCIPAL, "enrol_curve_secret":KEY, "secret":HEX64, "expires":SECONDS,
 *    "brokers":[{"name":..., "endpoints":[...], "curve":KEY}, ...],
 *    "keeper":{"name":..., "sign":HEX64, "curve":KEY}, "scheduler":{"name":..., "sign":HEX64, "curve":KEY},
 *    "manifest_keys":[HEX64, ...]}
 *
 * `node` is in an attester's alone: the one node it is for. KEY is Z85 (40 characters) or hexadecimal (64). `enrol` is the principal of the temporary CURVE key ("enrol-" + name when absent);
 * `curve` of keeper and scheduler may be absent, for a worker never talks CURVE to them. `manifest_keys`, in a worker's alone and absent when there
 * are none: public keys that may sign its plugins, worker.manifest_keys of the keeper's host.
 */
#ifndef SPICE_ENROL_TOKEN_H
#define SPICE_ENROL_TOKEN_H

#include "sp_conf.h"

#define ENROL_TOKEN_CHARS_MAX 16384u
#define ENROL_TOKEN_VERSION   1
#define ENROL_TOKEN_ROWS      (SP_CONF_BROKERS_MAX + 3u) /* brokers, keeper, scheduler, the temporary principal */

struct enrol_token {
    uint8_t deployment[16];
    char name[SP_CONF_NAME_BYTES];
    char node[65]; /* empty: for a worker */
    char enrol[SP_CONF_NAME_BYTES];
    uint8_t curve_secret[32]; /* secret: wiped by enrol_token_wipe */
    uint8_t secret[32];       /* secret */
    uint64_t expires_s;
    uint32_t manifest_key_count;
    char manifest_keys[SP_CONF_LIST_MAX][65];
    uint32_t broker_count;
    struct sp_conf_link broker[SP_CONF_BROKERS_MAX]; /* name and endpoints */
    uint32_t principal_count;
    struct sp_conf_principal principal[ENROL_TOKEN_ROWS]; /* the last one is the temporary principal */
};

/* Effect: fills *out from the text. Borrows. Errors never repeat the token. Needs sp_crypto_init. */
SP_MUST_USE enum sp_rc enrol_token_parse(const char *text, struct enrol_token *out, struct sp_err *err);
void enrol_token_wipe(struct enrol_token *token);

#endif
