/* SPDX-License-Identifier: Apache-2.0 */
/* The invitation of a worker: the one word an operator carries to a new host. It holds a secret that works once and all that the host needs
 * to find the fleet and to know it again. Both ends use these functions, so the format lives here only:
 *   spice1,DEPLOYMENT,SECRET,KEEPER,KEEPER_SIGN,WORKER{,BROKER,BROKER_CURVE,ENDPOINT}      bytes as hexadecimal digits
 * The host connects as the principal `name` with the CURVE key derived from the secret; the keeper publishes that principal until the
 * invitation ends. Needs sp_crypto_init. */
#ifndef SP_ENROL_H
#define SP_ENROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp_rc.h"
#include "sp_str.h"

#define SP_ENROL_BROKERS_MAX 4u
#define SP_ENROL_NAME_BYTES 41u
#define SP_ENROL_ENDPOINT_BYTES 160u
#define SP_ENROL_TEXT_BYTES 2048u /* longest invitation with its NUL */
#define SP_ENROL_PROOF_BYTES 128u /* room for what the proof covers */

struct sp_enrol_broker {
    char name[SP_ENROL_NAME_BYTES];
    uint8_t curve[32];
    char endpoint[SP_ENROL_ENDPOINT_BYTES];
};

struct sp_enrol {
    uint8_t deployment[16];
    uint8_t secret[32];
    char keeper[SP_ENROL_NAME_BYTES];
    uint8_t keeper_sign[32]; /* verifies EnrolReply */
    char worker[SP_ENROL_NAME_BYTES];
    uint32_t broker_count;
    struct sp_enrol_broker brokers[SP_ENROL_BROKERS_MAX];
};

/* Effect: writes the invitation. size >= SP_ENROL_TEXT_BYTES. SP_E_LIMIT when it does not fit. */
enum sp_rc sp_enrol_write(const struct sp_enrol *e, char *to, size_t size) __attribute__((warn_unused_result));
/* Effect: *out = the invitation. SP_E_MALFORMED, SP_E_LIMIT, SP_E_VERSION; *out changes only on SP_OK. */
enum sp_rc sp_enrol_read(struct sp_str text, struct sp_enrol *out) __attribute__((warn_unused_result));
/* Effect: principal name (role enrol) under which the holder of the secret connects. */
void sp_enrol_name(const uint8_t secret[32], char to[SP_ENROL_NAME_BYTES]);
/* Effect: CURVE keys of that principal. SP_E_UNSUPPORTED without libcrypto's X25519. */
enum sp_rc sp_enrol_curve(const uint8_t secret[32], uint8_t curve_secret[32], uint8_t curve_public[32]) __attribute__((warn_unused_result));
/* Effect: the bytes that the new worker's signing key signs as EnrolRequest.proof. Returns their number. */
size_t sp_enrol_proof(const uint8_t secret[32], const uint8_t curve[32], const uint8_t sign[32], uint8_t to[SP_ENROL_PROOF_BYTES]);

#endif
