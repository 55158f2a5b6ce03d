/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes become messages and time for the reader's core: it never crashes, keeps its bounds, and says "member" only of what was said. */
#include <string.h>

#include "reader_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t types[] = {SP_MSG_SNAPSHOT, SP_MSG_TRUST_EVENT, SP_MSG_TRUST_BEAT, SP_MSG_SUBSCRIBE};
    struct reader_core r;
    struct reader_options o = {.boot = 1, .ping_ms = 100, .stale_ms = 300, .entries_max = 16, .hash_key = {3}};
    struct sp_mono now = {1000000};
    struct reader_changes changes;
    struct reader_send send;
    uint8_t nonce[16] = {0};
    if (!reader_core_init(&r, &o)) {
        return 0;
    }
    size_t at = 0;
    while (at + 4 <= size) {
        uint32_t n = data[at + 1] | (uint32_t)(data[at + 2] % 4) << 8;
        n = at + 4 + n <= size ? n : (uint32_t)(size - at - 4);
        now.us += (uint64_t)data[at + 3] * 1000;
        if (data[at] % 8 == 7) {
            reader_core_lost(&r, &changes);
        }
        (void)reader_core_step(&r, now, nonce, &send, &changes); /* nonces of zeros, so that made-up answers fit */
        reader_core_on_message(&r, now, data[at] % 16 == 15 ? SP_ROLE_SCHEDULER : SP_ROLE_KEEPER, types[data[at] % SP_COUNT(types)], sp_str_bytes(data + at + 4, n), &changes);
        reader_core_expire(&r, now, &changes);
        SP_ASSERT(reader_core_check(&r, now));
        struct reader_answer a;
        reader_core_lookup(&r, now, sp_str_of("n"), NULL, sp_str_of("p"), &a);
        SP_ASSERT(!a.member || reader_core_fresh(&r, now));
        at += 4 + n;
    }
    reader_core_fini(&r);
    return 0;
}
