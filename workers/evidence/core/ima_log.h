/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ima_log.h - reads the run-time measurement list of the Linux kernel (binary_runtime_measurements, little endian), one record
 * after the other, without allocation; views end with the bytes given. Pure.
 *
 * PCR index and name of the template are not covered by the template digest, so both are held to what they can be: PCR 10, a
 * template known here, and exactly the fields it has. A file name may hold any byte but zero: line feeds too.
 */
#ifndef SPICE_IMA_LOG_H
#define SPICE_IMA_LOG_H

#include "evidence_reason.h"
#include "octets.h"
#include "tpm_wire.h"

#define IMA_PCR            10u
#define IMA_DATA_BYTES_MAX (1u << 20)
#define IMA_PATH_BYTES_MAX 4096u
#define IMA_TEMPLATE_MAX   255u
#define IMA_FIELDS_MAX     16u
#define IMA_SIGNATURE_MAX  4096u
#define IMA_OLD_NAME_BYTES 256u /* the template "ima" is hashed with its name filled up to this */

struct ima_log {
    struct octets rest;    /* private */
    uint32_t digest_bytes; /* of the template digest: 20, or 32 in the list of the SHA-256 bank */
    uint32_t entries;      /* read so far */
};

struct ima_entry {
    struct sp_str record;    /* all its bytes */
    const uint8_t *digest;   /* template digest as the list has it */
    bool violation;          /* it is all zeros: nothing in this entry is authenticated */
    bool old;                /* template "ima", hashed in its own way */
    struct sp_str data;      /* what the template digest is of (old: digest and name, not yet filled up) */
    uint16_t file_alg;       /* TPM_ALG_NONE: a hash not known here */
    struct sp_str file;      /* digest of the file or buffer */
    bool verity;             /* of the file's fs-verity structure instead */
    struct sp_str path;      /* without its zero; spaces are underscores already */
    struct sp_str signature; /* security.ima; empty: none */
    struct sp_str buffer;    /* of ima-buf */
};

/* Effect: begins; borrows the bytes: a whole list or a part of one. */
void ima_log_open(struct ima_log *log, struct sp_str bytes, uint32_t digest_bytes);
/* Effect: reads the next entry. False: there is none, and *reason says why: IMA_MALFORMED, IMA_TEMPLATE, IMA_INDEX; OK at the end,
 * or where the rest (ima_log_left) is the beginning of an entry. */
bool ima_log_next(struct ima_log *log, struct ima_entry *entry, enum evidence_reason *reason);
/* Returns the bytes that were not read. */
size_t ima_log_left(const struct ima_log *log);

#endif
