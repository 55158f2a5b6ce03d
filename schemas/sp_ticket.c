/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_ticket.h"

#include <string.h>

enum place {
    AT_FORMAT = 0,
    AT_ATTEMPT = 1,
    AT_FLAGS = 2,
    AT_CHECK = 4,
    AT_NODE = 8,
    AT_GENERATION = 12,
    AT_SLOT = 16,
    AT_ZERO_1 = 20,
    AT_JOB = 24,
    AT_EPOCH = 32,
    AT_CLOCK_BOOT = 40,
    AT_ISSUED = 48,
    AT_LIFE = 56,
    AT_ZERO_2 = 60,
    AT_DIGEST = 64,
    AT_NONCE = 96,
    AT_SUBJECT = 128,
    AT_MAC = 144,
};

#define SUBJECT_BYTES_MAX   (3 * 2 + 4 + 64 + 255 + 1024) /* limits of record Job in the model */
#define SUBJECT_BYTES_SHORT 128                           /* name and address of usual length, no checkpoint */

SP_STATIC_ASSERT(AT_MAC == SP_TICKET_SEALED_BYTES, "the seal covers all before it");
SP_STATIC_ASSERT(AT_MAC + SP_TICKET_MAC_BYTES == SP_TICKET_BYTES, "nothing after the seal");

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* Three texts with their lengths and the timeout; to holds SUBJECT_BYTES_MAX or, where the caller saw that it suffices, less. */
static size_t subject_put(const struct sp_str parts[3], uint32_t timeout_ms, uint8_t *to)
{
    size_t n = 0;
    for (unsigned i = 0; i < 3; i++) {
        put(to + n, parts[i].n, 2);
        if (parts[i].n > 0)
            memcpy(to + n + 2, parts[i].p, parts[i].n);
        n += 2 + parts[i].n;
    }
    put(to + n, timeout_ms, 4);
    return n + 4;
}

/* Apart, so that its memory is taken only for jobs with a long checkpoint. */
static __attribute__((noinline)) void subject_long(const struct sp_str parts[3], uint32_t timeout_ms,
                                                   const struct sp_digest *digest, uint8_t full[32])
{
    uint8_t bytes[SUBJECT_BYTES_MAX];
    sp_digest_run(digest, bytes, subject_put(parts, timeout_ms, bytes), full);
}

void sp_ticket_subject(const struct sp_ticket_job *job, const struct sp_digest *digest, uint8_t out[SP_TICKET_SUBJECT_BYTES])
{
    const struct sp_str parts[3] = {job->node, job->address, job->checkpoint};
    uint8_t full[32], bytes[SUBJECT_BYTES_SHORT];
    size_t n = 3 * 2 + 4 + job->node.n + job->address.n + job->checkpoint.n;
    SP_ASSERT(n <= SUBJECT_BYTES_MAX); /* the decoder's limits */
    if (n <= sizeof bytes)
        sp_digest_run(digest, bytes, subject_put(parts, job->timeout_ms, bytes), full);
    else
        subject_long(parts, job->timeout_ms, digest, full);
    memcpy(out, full, SP_TICKET_SUBJECT_BYTES);
}

bool sp_ticket_is_about(const struct sp_ticket *t, const struct sp_ticket_job *job, const struct sp_digest *digest)
{
    uint8_t subject[SP_TICKET_SUBJECT_BYTES];
    sp_ticket_subject(job, digest, subject);
    return memcmp(subject, t->subject, sizeof subject) == 0; /* no secret: the broker may compute it too */
}

void sp_ticket_seal(const struct sp_ticket *t, const struct sp_mac *mac, uint8_t out[SP_TICKET_BYTES])
{
    uint8_t full[32];
    SP_ASSERT((t->flags & ~SP_TICKET_FLAGS_KNOWN) == 0);
    out[AT_FORMAT] = SP_TICKET_FORMAT;
    out[AT_ATTEMPT] = t->attempt;
    put(out + AT_FLAGS, t->flags, 2);
    put(out + AT_CHECK, t->check, 4);
    put(out + AT_NODE, t->node, 4);
    put(out + AT_GENERATION, t->generation, 4);
    put(out + AT_SLOT, t->slot, 4);
    put(out + AT_ZERO_1, 0, 4);
    put(out + AT_JOB, t->job, 8);
    put(out + AT_EPOCH, t->epoch, 8);
    put(out + AT_CLOCK_BOOT, t->clock_boot, 8);
    put(out + AT_ISSUED, t->issued_ms, 8);
    put(out + AT_LIFE, t->life_ms, 4);
    put(out + AT_ZERO_2, 0, 4);
    memcpy(out + AT_DIGEST, t->digest, SP_TICKET_DIGEST_BYTES);
    memcpy(out + AT_NONCE, t->nonce, SP_TICKET_NONCE_BYTES);
    memcpy(out + AT_SUBJECT, t->subject, SP_TICKET_SUBJECT_BYTES);
    sp_mac_run(mac, out, SP_TICKET_SEALED_BYTES, full);
    memcpy(out + AT_MAC, full, SP_TICKET_MAC_BYTES);
}

bool sp_ticket_verify(const uint8_t bytes[SP_TICKET_BYTES], const struct sp_mac *mac)
{
    uint8_t full[32];
    volatile uint8_t difference = 0;
    sp_mac_run(mac, bytes, SP_TICKET_SEALED_BYTES, full);
    for (unsigned i = 0; i < SP_TICKET_MAC_BYTES; i++)
        difference = (uint8_t)(difference | (full[i] ^ bytes[AT_MAC + i]));
    return difference == 0;
}

enum sp_rc sp_ticket_decode(const uint8_t bytes[SP_TICKET_BYTES], struct sp_ticket *t)
{
    uint16_t flags = (uint16_t)get(bytes + AT_FLAGS, 2);
    if (bytes[AT_FORMAT] != SP_TICKET_FORMAT)
        return SP_E_VERSION;
    if ((flags & ~SP_TICKET_FLAGS_KNOWN) != 0 || get(bytes + AT_ZERO_1, 4) != 0 || get(bytes + AT_ZERO_2, 4) != 0)
        return SP_E_MALFORMED;
    t->attempt = bytes[AT_ATTEMPT];
    t->flags = flags;
    t->check = (uint32_t)get(bytes + AT_CHECK, 4);
    t->node = (uint32_t)get(bytes + AT_NODE, 4);
    t->generation = (uint32_t)get(bytes + AT_GENERATION, 4);
    t->slot = (uint32_t)get(bytes + AT_SLOT, 4);
    t->job = get(bytes + AT_JOB, 8);
    t->epoch = get(bytes + AT_EPOCH, 8);
    t->clock_boot = get(bytes + AT_CLOCK_BOOT, 8);
    t->issued_ms = get(bytes + AT_ISSUED, 8);
    t->life_ms = (uint32_t)get(bytes + AT_LIFE, 4);
    memcpy(t->digest, bytes + AT_DIGEST, SP_TICKET_DIGEST_BYTES);
    memcpy(t->nonce, bytes + AT_NONCE, SP_TICKET_NONCE_BYTES);
    memcpy(t->subject, bytes + AT_SUBJECT, SP_TICKET_SUBJECT_BYTES);
    return SP_OK;
}

void sp_ticket_peek(const uint8_t bytes[SP_TICKET_BYTES], uint32_t *node, uint32_t *check)
{
    *node = (uint32_t)get(bytes + AT_NODE, 4);
    *check = (uint32_t)get(bytes + AT_CHECK, 4);
}

enum sp_rc sp_ticket_open(const uint8_t bytes[SP_TICKET_BYTES], const struct sp_mac *mac, struct sp_ticket *t)
{
    return sp_ticket_verify(bytes, mac) ? sp_ticket_decode(bytes, t) : SP_E_SIGNATURE;
}
