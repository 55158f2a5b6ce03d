/* SPDX-License-Identifier: Apache-2.0 */
#include "ima_checkpoint.h"

#include "sp_assert.h"

#define MAGIC   0x53494d41u /* "SIMA" */
#define VERSION 1u

static void put(uint8_t **to, uint64_t v, unsigned bytes)
{
    for (unsigned i = bytes; i > 0; i--) {
        *(*to)++ = (uint8_t)(v >> 8 * (i - 1));
    }
}

static void put_bytes(uint8_t **to, const void *p, size_t n)
{
    memcpy(*to, p, n);
    *to += n;
}

size_t ima_checkpoint_write(const struct ima_checkpoint *c, uint8_t to[IMA_CHECKPOINT_BYTES_MAX])
{
    uint8_t *p = to;
    put(&p, MAGIC, 4);
    put(&p, VERSION, 1);
    put_bytes(&p, c->policy, sizeof c->policy);
    put(&p, c->bank, 2);
    put(&p, c->at.bytes, 8);
    put(&p, c->at.entries, 4);
    put(&p, c->at.violations, 4);
    put_bytes(&p, c->at.pcr, tpm_alg_bytes(c->bank));
    put(&p, c->pending, 4);
    put(&p, c->learned, 4);
    SP_ASSERT((size_t)(p - to) <= IMA_CHECKPOINT_BYTES_MAX);
    return (size_t)(p - to);
}

static void take(struct octets *o, uint8_t *to, size_t n)
{
    const uint8_t *p = octets_take(o, n);
    if (p != NULL) {
        memcpy(to, p, n);
    }
}

bool ima_checkpoint_read(struct sp_str bytes, struct ima_checkpoint *out)
{
    struct octets o = octets_of(bytes);
    struct ima_checkpoint c = {0};
    bool known = octets_be(&o, 4) == MAGIC && octets_be(&o, 1) == VERSION;
    take(&o, c.policy, sizeof c.policy);
    c.bank = (uint16_t)octets_be(&o, 2);
    c.at.bytes = octets_be(&o, 8);
    c.at.entries = (uint32_t)octets_be(&o, 4);
    c.at.violations = (uint32_t)octets_be(&o, 4);
    take(&o, c.at.pcr, tpm_alg_bytes(c.bank));
    c.pending = (uint32_t)octets_be(&o, 4);
    c.learned = (uint32_t)octets_be(&o, 4);
    if (!known || !octets_end(&o) || tpm_alg_bytes(c.bank) == 0 || c.at.bytes > IMA_LIST_BYTES_MAX || c.at.entries == 0 ||
        c.at.violations > 0) {
        return false;
    }
    *out = c;
    return true;
}
