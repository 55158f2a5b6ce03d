/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets as a worker or keeper gets them: any 160 bytes. What decodes is sealed again and must give the same 144 bytes; what opens
 * must carry the seal. The MAC is a cheap mixer: the fuzzer looks for faults of the layout, not of HMAC. */
#include <stdint.h>
#include <string.h>

#include "sp_hash.h"
#include "sp_ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mix(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    uint8_t key[16] = {1};
    (void)ctx;
    for (unsigned i = 0; i < 4; i++) {
        key[1] = (uint8_t)i;
        uint64_t h = sp_hash_sip(key, p, n);
        memcpy(out + 8 * i, &h, 8);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sp_mac mac = {mix, NULL};
    struct sp_ticket t, opened;
    uint8_t in[SP_TICKET_BYTES] = {0}, out[SP_TICKET_BYTES];
    memcpy(in, data, size < sizeof in ? size : sizeof in);
    enum sp_rc rc = sp_ticket_decode(in, &t);
    bool sealed = sp_ticket_verify(in, &mac);
    SP_ASSERT(sp_ticket_open(in, &mac, &opened) == (sealed ? rc : SP_E_SIGNATURE));
    if (rc != SP_OK)
        return 0;
    sp_ticket_seal(&t, &mac, out);
    SP_ASSERT(memcmp(in, out, SP_TICKET_SEALED_BYTES) == 0);
    SP_ASSERT(sealed == (memcmp(in, out, SP_TICKET_BYTES) == 0));
    SP_ASSERT(sp_ticket_open(out, &mac, &opened) == SP_OK);
    return 0;
}
