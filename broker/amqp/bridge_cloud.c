/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_cloud.h"

#include <stdio.h>
#include <stdlib.h>

#include "bridge_method.h"
#include "bridge_rpc.h"
#include "oslo_message.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_log.h"

#define POOLS_MS       10000u /* between looks at the pools */
#define POOLS_RETRY_MS 1000u
#define PROOF_MS       100u /* how late a proof or its end is told */

/* The proof ends when the reader's own would: the answer of a beat may be as old as this. */
static uint64_t proof_end_us(const struct bridge *b)
{
    return b->reader.proven_us == 0 ? 0 : b->reader.proven_us + b->reader.options.stale_ms * SP_US_PER_MS;
}

static void tell_proof(struct bridge *b, struct sp_mono now)
{
    bool following = reader_core_fresh(&b->reader, now);
    uint64_t end_us = proof_end_us(b);
    if (following)
        b->proof_us = end_us; /* kept when the copy is lost: it held until then, and nothing is added */
    trait_core_proof(&b->place->core, following, b->proof_us);
}

void bridge_cloud_key_of_name(const char *name, uint8_t key[16])
{
    uint8_t hash[32];
    char label[96];
    int n = snprintf(label, sizeof label, "SPICE node:%s", name);
    sp_crypto_sha256(label, (size_t)n < sizeof label ? (size_t)n : sizeof label - 1, hash);
    hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x80);
    hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
    memcpy(key, hash, 16);
}

/* True when the keeper made the key of the name, because none was given. */
static bool is_named(const struct reader_entry *e)
{
    uint8_t key[16];
    if ((e->key[6] & 0xf0) != 0x80)
        return false;
    bridge_cloud_key_of_name(e->node, key);
    return memcmp(key, e->key, 16) == 0;
}

static void tell_entry(struct bridge *b, struct sp_mono now, const struct reader_entry *e)
{
    struct reader_answer a;
    if (!e->live)
        return;
    reader_core_answer(&b->reader, now, e, &a);
    struct trait_node_id id = {e->key, e->node, is_named(e)};
    (void)trait_core_node(&b->place->core, now, &id, e->pool, a.member ? now.us + a.remaining_ms * SP_US_PER_MS : 0);
}

static void tell_all(struct bridge *b, struct sp_mono now)
{
    trait_core_forget(&b->place->core);
    for (uint32_t i = 0; i < b->reader.count; i++)
        tell_entry(b, now, &b->reader.entries[i]);
}

void bridge_cloud_changes(struct bridge *b, const struct reader_changes *changes)
{
    struct sp_mono now = sp_clock_read().mono;
    if (b->place == NULL)
        return;
    bool all = changes->all || !b->place_follows;
    b->place_follows = reader_core_fresh(&b->reader, now);
    if (b->place_follows) { /* else: nothing new is known; what was ends by itself */
        if (all)
            tell_all(b, now);
        for (uint32_t i = 0; i < changes->count && !all; i++)
            tell_entry(b, now, &b->reader.entries[changes->list[i]]);
    }
    tell_proof(b, now);
}

/* ---- pools ---- */

static uint32_t pools_read(const json_t *all, struct trait_pool to[TRAIT_POOLS_MAX + 1])
{
    uint32_t n = 0;
    size_t i;
    json_t *one;
    json_array_foreach(all, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name")),
                   *trait = json_string_value(json_object_get(one, "trait"));
        if (name == NULL || trait == NULL || trait[0] == '\0' || n > TRAIT_POOLS_MAX)
            continue;
        if (sp_str_copy(to[n].pool, sizeof to[n].pool, sp_str_of(name)) &&
            sp_str_copy(to[n].trait, sizeof to[n].trait, sp_str_of(trait)))
            n++;
    }
    return n;
}

static bool is_same(const struct trait_core *c, const struct trait_pool *pools, uint32_t count)
{
    bool same = c->pools_known && c->pool_count == count;
    for (uint32_t i = 0; same && i < count; i++)
        same = strcmp(c->pools[i].pool, pools[i].pool) == 0 && strcmp(c->pools[i].trait, pools[i].trait) == 0;
    return same;
}

void bridge_cloud_pools(struct bridge *b, const char *text)
{
    static struct trait_pool pools[TRAIT_POOLS_MAX + 1]; /* large; one thread */
    struct sp_mono now = sp_clock_read().mono;
    json_t *all = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    b->pools_asked = false;
    b->pools_us = now.us + (json_is_array(all) ? POOLS_MS : POOLS_RETRY_MS) * SP_US_PER_MS;
    if (b->place != NULL && json_is_array(all)) {
        uint32_t n = pools_read(all, pools);
        if (!is_same(&b->place->core, pools, n)) {
            bool fits = trait_core_pools(&b->place->core, now, pools, n);
            SP_LOG(fits ? SP_LOG_NOTICE : SP_LOG_ERROR, "bridge", fits ? "pools" : "pools.unfit", SP_LOG_U("with_trait", n));
            if (reader_core_fresh(&b->reader, now))
                tell_all(b, now);
        }
    }
    json_decref(all);
}

static void pools_ask(struct bridge *b)
{
    static const struct oslo_request nobody = {0};
    uint32_t call = bridge_rpc_wait(b, &nobody, BRIDGE_CALL_POOLS);
    json_t *none = json_object();
    b->pools_asked = call != BRIDGE_CALLS_MAX;
    b->pools_us = bridge_shell_now(b).us + POOLS_RETRY_MS * SP_US_PER_MS;
    if (b->pools_asked && !bridge_rpc_view(b, call, "keeper", "pool.list", none))
        bridge_rpc_fail(b, call, "", "");
    json_decref(none);
}

/* ---- time ---- */

void bridge_cloud_tick(struct bridge *b)
{
    struct sp_mono now = sp_clock_read().mono;
    if (b->place == NULL)
        return;
    if (reader_core_fresh(&b->reader, now) != b->place_follows)
        bridge_cloud_changes(b, &(const struct reader_changes){.all = true});
    tell_proof(b, now);
    if (!b->pools_asked && now.us >= b->pools_us && sp_bus_up_count(b->bus) > 0)
        pools_ask(b);
}

static bool on_turn(void *ctx, const struct sp_now *now)
{
    struct bridge *b = ctx;
    (void)now;
    if (b->place != NULL)
        cloud_place_turn(b->place);
    if (b->nova != NULL)
        cloud_nova_turn(b->nova);
    return false;
}

uint64_t bridge_cloud_deadline_us(const struct bridge *b)
{
    uint64_t at = b->place != NULL ? cloud_place_deadline_us(b->place) : SP_NEVER,
             soon = bridge_shell_now(b).us + PROOF_MS * SP_US_PER_MS,
             nova = b->nova != NULL ? cloud_nova_deadline_us(b->nova) : SP_NEVER;
    at = nova < at ? nova : at;
    return b->place != NULL && soon < at ? soon : at;
}

enum sp_rc bridge_cloud_open(struct bridge *b, struct sp_err *err)
{
    const struct sp_conf_placement *c = &b->options->c.placement;
    const struct sp_conf_compute *n = &b->options->c.compute;
    const struct sp_conf_login *login = n->login.auth == SP_CONF_PLACEMENT_SAME ? &c->login : &n->login;
    enum sp_rc rc = SP_OK;
    if (c->url[0] != '\0')
        rc = cloud_place_open(c, b->loop, b->conf->reader.nodes_max, &b->place, err);
    if (rc == SP_OK && n->url[0] != '\0')
        rc = cloud_nova_open(n, login, b->loop, &b->nova, err);
    return rc == SP_OK && (b->place != NULL || b->nova != NULL) ? sp_loop_hook(b->loop, on_turn, b) : rc;
}

void bridge_cloud_close(struct bridge *b)
{
    cloud_place_close(&b->place);
    cloud_nova_close(&b->nova);
}
