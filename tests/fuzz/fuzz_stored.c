/* SPDX-License-Identifier: Apache-2.0 */
/* What the keeper reads back from its store: journal rows and node records of any bytes. The store's MAC keeps strangers out; this must
 * hold without it: refused, or a core whose invariants hold and that shows nobody as a member before a commit. */
#include <stdlib.h>
#include <string.h>

#include "keeper_core.h"
#include "keeper_journal.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS 1000000u

static void mac(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    (void)ctx;
    (void)p;
    (void)n;
    memset(out, 1, 32);
}

static void must(enum sp_rc rc)
{
    SP_ASSERT(rc == SP_OK);
}

/* Two checks, one pool, two nodes, one worker. */
static struct keeper_core *fleet(struct sp_now now)
{
    struct keeper_options o = {.boot = 1,
                               .clock_boot = 7,
                               .ticket_mac = {mac, NULL},
                               .hash_key = {1},
                               .text_bytes_max = 1 << 16,
                               .clock_ms = 1000,
                               .clock_idle_ms = 5000};
    struct keeper_core *core = NULL;
    struct pool_policy pool;
    uint8_t digest[32] = {9};
    must(keeper_core_init(&o, now, &core));
    for (uint32_t id = 1; id <= 2; id++) {
        struct rec_check_info c = {.id = id,
                                   .name = sp_str_of(id == 1 ? "a" : "b"),
                                   .revision = 1,
                                   .digest = digest,
                                   .stage = SP_STAGE_ENFORCING,
                                   .enabled = true,
                                   .adapter = sp_str_of("noop"),
                                   .rise = 1,
                                   .fall = 1,
                                   .max_age_ms = 5000,
                                   .period_ms = 100};
        must(keeper_core_restore_check(core, &c, id, 0));
    }
    keeper_core_restore_epoch(core, 1, 1);
    must(keeper_core_restore_worker(core, 1, sp_str_of("w")));
    pool_policy_init(&pool, sp_str_of("trusted"));
    must(pool_policy_add(&pool, sp_str_of("a"), POOL_MANDATORY, 0));
    must(keeper_core_restore_pool(core, &pool));
    for (uint8_t i = 1; i <= 2; i++) {
        struct node_def d = {.name = sp_str_of(i == 1 ? "n1" : "n2"), .key = {i}};
        must(keeper_core_restore_node(core, &d, 1, i));
    }
    return core;
}

/* The row's entries, cut and put together again, are the same bytes. */
static void journal_reads_back(struct sp_str row)
{
    struct keeper_journal_entry e;
    struct keeper_journal_mark mark, again;
    uint8_t back[KEEPER_JOURNAL_ENTRY_MAX];
    uint64_t clock_boot = 0;
    if (keeper_journal_head(&row, &clock_boot, &mark) != SP_OK)
        return;
    again = mark;
    for (struct sp_str rest = row; keeper_journal_next(&rest, &mark, &e) == SP_OK; row = rest, again = mark) {
        uint32_t n = keeper_journal_put(back, &again, &e);
        SP_ASSERT(n == row.n - rest.n && memcmp(back, row.p, n) == 0);
    }
}

/* Input: pieces of kind, two bytes of length, content. Even kinds are records, odd ones journal rows, as the store would give them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct keeper_effects fx;
    struct sp_now now = {.mono = {NOW_MS * 1000ull}, .wall = {1767225600000}};
    struct keeper_core *core = fleet(now);
    bool replays = false;
    if (fx.list == NULL && !keeper_effects_init(&fx))
        abort();
    for (size_t at = 0; at + 3 <= size;) {
        size_t n = data[at + 1] | (size_t)data[at + 2] << 8, left = size - at - 3;
        struct sp_str piece = sp_str_bytes(data + at + 3, n < left ? n : left);
        uint8_t kind = data[at];
        at += 3 + piece.n;
        if (kind % 2 == 0 && !replays) {
            (void)!keeper_core_restore_record(core, 1u + kind / 2 % 2, piece);
        } else {
            struct keeper_journal row = {.body = (const uint8_t *)piece.p,
                                         .bytes = piece.n,
                                         .worker = 1,
                                         .count = 1,
                                         .now_ms = NOW_MS,
                                         .wall_ms = now.wall.ms};
            replays = true; /* records come before rows */
            (void)!keeper_core_replay(core, &row, &fx);
            journal_reads_back(piece);
        }
        keeper_effects_reset(&fx);
    }
    SP_ASSERT(keeper_core_check(core, NOW_MS));
    for (uint32_t id = 1; id <= 2; id++) {
        struct keeper_view v;
        keeper_core_view(core, node_registry_at(keeper_core_nodes(core), id), 0, NOW_MS, &v);
        SP_ASSERT(!v.member); /* SI-7, SI-13: a start makes no member */
    }
    keeper_core_fini(&core);
    return 0;
}
