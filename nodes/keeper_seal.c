/* SPDX-License-Identifier: Apache-2.0 */
/* MACs of the store's rows. The purpose is the table, so that a row of one table is none of another. */
#include <stdio.h>

#include "keeper_store.h"

void keeper_store_mac(const struct keeper_store *s, const char *purpose, int64_t place, struct sp_str a, struct sp_str b,
                      uint8_t mac[32])
{
    uint8_t head[56] = {0}, inner[64];
    (void)snprintf((char *)head, 16, "%s", purpose);
    memcpy(head + 16, &place, sizeof place);
    sp_crypto_sha256(a.p, a.n, inner);
    sp_crypto_sha256(b.p, b.n, inner + 32);
    uint8_t all[sizeof head + sizeof inner];
    memcpy(all, head, sizeof head);
    memcpy(all + sizeof head, inner, sizeof inner);
    sp_crypto_hmac(&s->mac, all, sizeof all, mac);
}

void keeper_store_mac_list(const struct keeper_store *s, const char *purpose, int64_t place, const struct sp_str *parts,
                           size_t count, uint8_t mac[32])
{
    uint8_t hash[32];
    struct sp_crypto_sha256 h;
    sp_crypto_sha256_init(&h);
    for (size_t i = 0; i < count; i++) {
        sp_crypto_sha256_update(&h, &parts[i].n, sizeof parts[i].n);
        sp_crypto_sha256_update(&h, parts[i].p, parts[i].n);
    }
    sp_crypto_sha256_final(&h, hash);
    keeper_store_mac(s, purpose, place, sp_str_bytes(hash, sizeof hash), sp_str_of(""), mac);
}

bool keeper_store_mac_fits(const uint8_t mac[32], struct sp_str stored)
{
    return stored.n == 32 && sp_crypto_equal(mac, stored.p, 32);
}

void keeper_store_check_mac(const struct keeper_store *s, uint32_t id, uint32_t policy, struct sp_str body, uint8_t mac[32])
{
    keeper_store_mac(s, "chk", (int64_t)((uint64_t)policy << 32 | id), body, sp_str_of(""), mac);
}

void keeper_store_node_mac(const struct keeper_store *s, const struct keeper_store_node *n, uint8_t mac[32])
{
    char numbers[96];
    (void)snprintf(numbers, sizeof numbers, "%u %u %llu %u %u", n->id, n->generation, (unsigned long long)n->version, n->def->state,
                   n->def->origin);
    const struct sp_str parts[] = {sp_str_of(numbers), n->def->name,   sp_str_bytes(n->def->key, sizeof n->def->key),
                                   n->def->address,    n->def->labels, n->def->aliases};
    keeper_store_mac_list(s, "node", n->id, parts, SP_COUNT(parts), mac);
}
