/* SPDX-License-Identifier: Apache-2.0 */
/* What a keeper that ended has on its disk: loads the store as a restart does and counts. usage: bench_stored STORE_DIR CORE_KEY DEPLOYMENT
 * Output: a JSON object: pairs; results, which is the runs of equal outcomes that go on and those of the history; load_ms. */
#include <stdio.h>
#include <stdlib.h>

#include "keeper_store.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_hex.h"
#include "sp_keys.h"

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "bench_stored: %s\n", what);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static struct keeper_store store;
    static struct keeper_effects fx;
    struct keeper_core *core = NULL;
    struct sp_keys_core *keys = NULL;
    struct keeper_store_loaded loaded;
    struct sp_err err = {0};
    uint8_t mac_key[32], deployment[16];
    char boot_id[37];
    uint64_t results = 0, pairs = 0, start;
    must(argc == 4 && sp_hex_parse(sp_str_of(argv[3]), deployment, sizeof deployment),
         "usage: bench_stored STORE_DIR CORE_KEY DEPLOYMENT");
    must(sp_crypto_init() == SP_OK && sp_keys_core_load(argv[2], &keys, &err) == SP_OK, "core key");
    must(sp_clock_boot_id(boot_id) == SP_OK, "boot id");
    sp_crypto_derive(keys->mac, "keeper store", mac_key);
    struct keeper_store_options so = {.dir = argv[1], .mac_key = mac_key};
    struct sp_crypto_hmac ticket;
    sp_crypto_hmac_init(&ticket, keys->ticket, sizeof keys->ticket);
    struct keeper_options o = {.boot = 1,
                               .clock_boot = sp_crypto_clock_boot(boot_id, deployment),
                               .ticket_mac = sp_crypto_hmac_mac(&ticket),
                               .hash_key = {1},
                               .text_bytes_max = 256u << 20,
                               .clock_ms = 1000,
                               .clock_idle_ms = 5000};
    must(keeper_core_init(&o, sp_clock_read(), &core) == SP_OK && keeper_effects_init(&fx), "memory");
    start = sp_clock_mono_ns();
    must(keeper_store_open(&store, &so, &err) == SP_OK && keeper_store_load(&store, core, &fx, &loaded, &err) == SP_OK, err.text);
    start = sp_clock_mono_ns() - start;
    struct node_registry *nodes = keeper_core_nodes(core);
    for (uint32_t id = 1; id <= nodes->count; id++) {
        const struct node_row *row = node_registry_at(nodes, id);
        for (uint32_t i = 0; row != NULL && i < row->pair_count; i++) {
            pairs += row->pairs[i].run_count > 0;
            results += row->pairs[i].run_count;
        }
    }
    struct sp_db_stmt *q = NULL;
    must(keeper_store_query(&store, "SELECT coalesce(sum(count),0) FROM history", &q) == SP_OK && sp_db_row(q) == SP_OK, "history");
    results += (uint64_t)sp_db_get_int(q, 0);
    sp_db_reset(q);
    (void)printf("{\"pairs\":%llu,\"results\":%llu,\"load_ms\":%.1f}\n", (unsigned long long)pairs, (unsigned long long)results,
                 (double)start / 1e6);
    keeper_store_close(&store);
    keeper_core_fini(&core);
    keeper_effects_fini(&fx);
    return 0;
}
