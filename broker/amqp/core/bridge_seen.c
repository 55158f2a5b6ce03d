/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_seen.h"

#include "sp_hash.h"

bool bridge_seen_init(struct bridge_seen *s, const uint8_t key[16])
{
    memset(s, 0, sizeof *s);
    memcpy(s->key, key, sizeof s->key);
    sp_map_init(&s->by_hash);
    return sp_map_reserve(&s->by_hash, BRIDGE_SEEN_MAX);
}

void bridge_seen_fini(struct bridge_seen *s)
{
    sp_map_fini(&s->by_hash);
}

bool bridge_seen_add(struct bridge_seen *s, struct sp_mono now, struct sp_str id)
{
    if (id.n == 0)
        return false;
    uint64_t hash = sp_hash_sip(s->key, id.p, id.n);
    hash = hash == UINT64_MAX ? 0 : hash;
    uint32_t at = sp_map_get(&s->by_hash, hash);
    if (at != SP_MAP_NONE && now.us - s->at_us[at] < BRIDGE_SEEN_MS * (uint64_t)SP_US_PER_MS)
        return true;
    if (at == SP_MAP_NONE) {
        at = s->next;
        s->next = (s->next + 1) % BRIDGE_SEEN_MAX;
        if (s->count == BRIDGE_SEEN_MAX)
            sp_map_remove(&s->by_hash, s->ring[at]);
        else
            s->count++;
        s->ring[at] = hash;
        (void)sp_map_put(&s->by_hash, hash, at); /* reserved */
    }
    s->at_us[at] = now.us;
    return false;
}
