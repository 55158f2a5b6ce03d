/* SPDX-License-Identifier: Apache-2.0 */
/* The ticket of one attempt at one check: issued and sealed by the scheduler, echoed by the worker, believed by the keeper only
 * when the seal fits. It makes the keeper independent of any table of outstanding jobs.
 *
 * Layout, 160 bytes, little endian, no holes:
 *      0 u8  format (1)          16 u32 slot               56 u32 life_ms
 *      1 u8  attempt             20 u32 zero               60 u32 zero
 *      2 u16 flags               24 u64 job                64 digest[32]
 *      4 u32 check               32 u64 epoch              96 nonce[32]
 *      8 u32 node                40 u64 clock_boot        128 subject[16], see sp_ticket_subject
 *     12 u32 generation          48 u64 issued_ms          144 mac[16], HMAC-SHA-256 of bytes 0 to 143, first half
 * The key is derived for this purpose alone; whoever makes the sp_mac sees to that. */
#ifndef SP_TICKET_H
#define SP_TICKET_H

#include "sp_assert.h"
#include "sp_digest.h"
#include "sp_mac.h"
#include "sp_rc.h"
#include "sp_str.h"

#include <stdbool.h>
#include <stdint.h>

#define SP_TICKET_BYTES         160u
#define SP_TICKET_SEALED_BYTES  144u /* what the MAC covers */
#define SP_TICKET_MAC_BYTES     16u
#define SP_TICKET_DIGEST_BYTES  32u
#define SP_TICKET_NONCE_BYTES   32u
#define SP_TICKET_SUBJECT_BYTES 16u
#define SP_TICKET_FORMAT        1u

#define SP_TICKET_TEST        0x0001u /* test run: recorded, counts for nothing */
#define SP_TICKET_SHADOW      0x0002u /* shadow stage: recorded, counts for nothing */
#define SP_TICKET_FLAGS_KNOWN (SP_TICKET_TEST | SP_TICKET_SHADOW)

struct sp_ticket {
    uint8_t attempt;     /* from 1 */
    uint16_t flags;      /* SP_TICKET_TEST, SP_TICKET_SHADOW */
    uint32_t check;      /* permanent number given by the scheduler */
    uint32_t node;       /* permanent number given by the keeper */
    uint32_t generation; /* of the node's identity */
    uint32_t slot;       /* scheduler's place of the pair */
    uint64_t job;        /* rising per scheduler store */
    uint64_t epoch;
    uint64_t clock_boot;                      /* domain of issued_ms */
    uint64_t issued_ms;                       /* keeper clock, lower bound */
    uint32_t life_ms;                         /* an answer at or after issued_ms + life_ms is refused */
    uint8_t digest[SP_TICKET_DIGEST_BYTES];   /* policy digest: SHA-256 of the encoded DefinitionBody */
    uint8_t nonce[SP_TICKET_NONCE_BYTES];     /* from the kernel */
    uint8_t subject[SP_TICKET_SUBJECT_BYTES]; /* of the job it travels with: sp_ticket_subject */
};

/* What of a job is not in its ticket. */
struct sp_ticket_job {
    struct sp_str node, address, checkpoint; /* lent */
    uint32_t timeout_ms;
};

/* Effect: out = what binds a job to its ticket: the first half of SHA-256 over node, address and checkpoint, each behind its length
 * (u16, little endian), and timeout_ms (u32). The scheduler puts it under the seal, the worker runs a job only if it fits: a broker
 * that sends a question to another address must change the ticket too, and then the seal no longer fits (K16). 128 bits: what
 * counts is a second preimage. Borrows all; the texts are at most what MSG_JOB_BATCH allows. */
void sp_ticket_subject(const struct sp_ticket_job *job, const struct sp_digest *digest, uint8_t out[SP_TICKET_SUBJECT_BYTES]);
/* True when the job is the one the ticket was made for. Borrows all. */
bool sp_ticket_is_about(const struct sp_ticket *t, const struct sp_ticket_job *job, const struct sp_digest *digest) SP_MUST_USE;

/* Effect: out = the ticket's bytes with its seal. Borrows all. Flags must be known ones. */
void sp_ticket_seal(const struct sp_ticket *t, const struct sp_mac *mac, uint8_t out[SP_TICKET_BYTES]);

/* True when the seal fits; takes the same time wherever it differs. Borrows all. */
bool sp_ticket_verify(const uint8_t bytes[SP_TICKET_BYTES], const struct sp_mac *mac) SP_MUST_USE;

/* Effect: *t = the fields, the seal is not looked at (a worker has no key; the keeper calls sp_ticket_open).
 * SP_E_VERSION: another format; SP_E_MALFORMED: unknown flags, reserved bytes not zero. *t changes only on SP_OK. */
enum sp_rc sp_ticket_decode(const uint8_t bytes[SP_TICKET_BYTES], struct sp_ticket *t) SP_MUST_USE;

/* Effect: node and check as the bytes have them, nothing verified: only for a hint, such as what to fetch from memory. */
void sp_ticket_peek(const uint8_t bytes[SP_TICKET_BYTES], uint32_t *node, uint32_t *check);

/* Effect: verify, then decode. SP_E_SIGNATURE: the seal does not fit; otherwise as sp_ticket_decode. */
enum sp_rc sp_ticket_open(const uint8_t bytes[SP_TICKET_BYTES], const struct sp_mac *mac, struct sp_ticket *t) SP_MUST_USE;

#endif
