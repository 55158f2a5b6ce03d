/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ima_checkpoint.h - where the check of a node's measurement list stands, as bytes to keep between two checks. It counts for one
 * policy and one boot under one attestation key: whoever reads it compares all three. Only a check that passed leaves one. Pure.
 */
#ifndef SPICE_IMA_CHECKPOINT_H
#define SPICE_IMA_CHECKPOINT_H

#include "ima_replay.h"

#define IMA_CHECKPOINT_BYTES_MAX 256u

struct ima_checkpoint {
    uint8_t policy[32]; /* SHA-256 of parameters and policy */
    uint16_t bank;
    struct ima_progress at;
    uint32_t pending; /* entries behind it at that time */
    uint32_t learned; /* keys the list has brought */
};

/* Effect: writes it. Returns its bytes. */
size_t ima_checkpoint_write(const struct ima_checkpoint *c, uint8_t to[IMA_CHECKPOINT_BYTES_MAX]);
/* Effect: reads it; *out only with true. False: it is none, or one of another version. */
bool ima_checkpoint_read(struct sp_str bytes, struct ima_checkpoint *out);

#endif
