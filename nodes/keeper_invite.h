/* SPDX-License-Identifier: Apache-2.0 */
/* The invitation an operator carries to a new host: base64url (no padding) of a compact JSON object with a secret that works once and all
 * that the host needs to find the fleet and to know it again. The reader of this text is the worker's enrolment:
 *   {"v":1, "deployment":HEX, "name":PRINCIPAL, "node":NODE (of an attester alone), "enrol":PRINCIPAL, "enrol_curve_secret":HEX, "secret":HEX, "expires":SECONDS,
 *    "brokers":[{"name", "endpoints":[..], "curve":HEX}], "keeper":{"name","sign":HEX,"curve":HEX}, "scheduler":{..},
 *    "manifest_keys":[HEX, ..] (of a worker alone: worker.manifest_keys of this host)} */
#ifndef KEEPER_INVITE_H
#define KEEPER_INVITE_H

#include "keeper_principals.h"
#include "nodes_shell.h"

#define KEEPER_INVITE_PROOF_BYTES 128u

/* What is drawn for one invitation. Wipe it after use. */
struct keeper_invite {
    uint8_t secret[32];
    uint8_t curve_secret[32];
    uint8_t curve[32];
    char enrol[SP_BUS_NAME_BYTES]; /* principal of the temporary key */
};

struct keeper_act;

/* True for a name that no worker may have. */
bool keeper_invite_is_reserved(const char *name);
/* Effect: fills name, adapters, nodes and labels of *inv from the arguments of worker.invite. False: refused, and act says which of them and why. */
bool keeper_invite_read(struct keeper_act *act, struct keeper_invitation *inv);
/* Effect: draws one. */
SP_MUST_USE enum sp_rc keeper_invite_draw(struct keeper_invite *inv);
/* Gives the text (free it), NULL when a part of the fleet is not known or there is no memory. Borrows all. */
char *keeper_invite_text(const struct nodes_shell *s, const struct keeper_invite *drawn, const struct keeper_invitation *inv,
                         uint64_t expires_s);
/* Effect: the bytes that the new worker's signing key signs as proof. Returns their number. */
size_t keeper_invite_proof(const struct msg_enrol_request *r, uint8_t to[KEEPER_INVITE_PROOF_BYTES]);

#endif
