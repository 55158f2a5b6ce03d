/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's store against the disk: what was committed comes back, what was edited counts for nothing, and a broken store is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper_identity_store.h"
#include "keeper_journal.h"
#include "sp_hex.h"

struct rig {
    char dir[256];
    struct keeper_store store;
    struct keeper_core *core;
    struct keeper_effects fx;
    struct keeper_store_loaded loaded;
    struct sp_err err;
};

static void mac_none(void *ctx, const uint8_t *p, size_t n, uint8_t out[32])
{
    (void)ctx;
    (void)p;
    memset(out, (int)(n & 0xff), 32);
}

static enum sp_rc rig_open(struct rig *r)
{
    static const uint8_t key[32] = {9};
    struct keeper_store_options so = {.dir = r->dir, .mac_key = key, .reserve_bytes = 1 << 20};
    struct keeper_options o = {.boot = 1,
                               .clock_boot = 7,
                               .ticket_mac = {mac_none, NULL},
                               .text_bytes_max = 1 << 20,
                               .clock_ms = 1000,
                               .clock_idle_ms = 5000};
    assert_int_equal(keeper_core_init(&o, (struct sp_now){{1000000}, {1}}, &r->core), SP_OK);
    assert_true(keeper_effects_init(&r->fx));
    enum sp_rc rc = keeper_store_open(&r->store, &so, &r->err);
    return rc == SP_OK ? keeper_store_load(&r->store, r->core, &r->fx, &r->loaded, &r->err) : rc;
}

static void rig_close(struct rig *r)
{
    keeper_store_close(&r->store);
    keeper_core_fini(&r->core);
    keeper_effects_fini(&r->fx);
}

static void rig_init(struct rig *r)
{
    memset(r, 0, sizeof *r);
    (void)snprintf(r->dir, sizeof r->dir, "%s/keeper-store-XXXXXX", SPICE_BINARY_DIR);
    assert_non_null(mkdtemp(r->dir));
    assert_int_equal(sp_crypto_init(), SP_OK);
    assert_int_equal(rig_open(r), SP_OK);
}

static void rig_fini(struct rig *r)
{
    static const char *const files[] = {"keeper.db", "keeper.db-wal", "keeper.db-shm", "reserve", "anchor", "copy"};
    char path[300];
    rig_close(r);
    for (size_t i = 0; i < SP_COUNT(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", r->dir, files[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(r->dir), 0);
    sp_crypto_fini();
}

static void put_node(struct rig *r)
{
    struct node_def def = {.name = sp_str_of("n1"), .key = {1}};
    struct keeper_store_node n = {&def, 1, 1, 1};
    assert_int_equal(keeper_store_begin(&r->store), SP_OK);
    assert_int_equal(keeper_store_node(&r->store, &n), SP_OK);
}

static void put_result(struct rig *r, uint64_t job)
{
    uint8_t body[KEEPER_JOURNAL_HEAD_BYTES + KEEPER_JOURNAL_ENTRY_MAX];
    struct keeper_journal_entry entry = {1, 1, {.job = job, .issued_ms = 500, .generation = 1, .policy = 1}, sp_str_of("ok")};
    struct keeper_effect e = {.kind = KEEPER_JOURNAL};
    struct keeper_journal_mark mark;
    e.u.journal = (struct keeper_journal){.body = body, .count = 1, .worker = 1};
    e.u.journal.bytes = keeper_journal_begin(body, 7, &mark);
    e.u.journal.bytes += keeper_journal_put(body + e.u.journal.bytes, &mark, &entry);
    assert_int_equal(keeper_store_begin(&r->store), SP_OK);
    assert_int_equal(keeper_store_perform(&r->store, r->core, &e), SP_OK);
}

static uint64_t job_of(struct rig *r)
{
    struct node_row *row = node_registry_at(keeper_core_nodes(r->core), 1);
    return row != NULL && row->pair_count > 0 ? row->pairs[0].job : 0;
}

/* How new the table of checks is comes back with it, so that an older one is not taken after a start. */
static void si12_the_catalogue_keeps_its_version(void **state)
{
    (void)state;
    static struct rig r;
    struct keeper_effect e = {.kind = KEEPER_CHECKS};
    rig_init(&r);
    keeper_core_restore_catalogue(r.core, 5, 9);
    assert_int_equal(keeper_store_begin(&r.store), SP_OK);
    assert_int_equal(keeper_store_perform(&r.store, r.core, &e), SP_OK);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    assert_int_equal(keeper_core_checks(r.core)->boot, 5);
    assert_int_equal(keeper_core_checks(r.core)->version, 9);
    rig_fini(&r);
}

static void si6_committed_comes_back_and_rolled_back_does_not(void **state)
{
    (void)state;
    static struct rig r;
    rig_init(&r);
    put_node(&r);
    put_result(&r, 5);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    put_result(&r, 6);
    keeper_store_rollback(&r.store);
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    assert_int_equal(r.loaded.nodes, 1);
    assert_int_equal(r.loaded.replayed, 1);
    assert_int_equal(job_of(&r), 5);
    rig_fini(&r);
}

static void a_fold_keeps_everything_and_trims_the_journal(void **state)
{
    (void)state;
    static struct rig r;
    rig_init(&r);
    put_node(&r);
    put_result(&r, 5);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    node_registry_mark_fold(keeper_core_nodes(r.core), node_registry_at(keeper_core_nodes(r.core), 1));
    assert_int_equal(keeper_store_fold_begin(&r.store, r.core), SP_OK);
    assert_int_equal(keeper_store_begin(&r.store), SP_OK);
    assert_int_equal(keeper_store_fold_step(&r.store, r.core, 1000), SP_OK);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    assert_false(keeper_store_folding(&r.store));
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    assert_int_equal(r.loaded.replayed, 0);
    assert_int_equal(job_of(&r), 5);
    rig_fini(&r);
}

static void k36_an_edited_row_counts_for_nothing(void **state)
{
    (void)state;
    static struct rig r;
    rig_init(&r);
    put_node(&r);
    put_result(&r, 5);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    assert_int_equal(sp_db_exec(r.store.db, "UPDATE journal SET worker=2"), SP_OK);
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    assert_int_equal(r.loaded.bad_records, 1);
    assert_int_equal(job_of(&r), 0);
    rig_fini(&r);
}

static void k37_the_chain_shows_edits_and_deletions(void **state)
{
    (void)state;
    static const char *const attacks[] = {"UPDATE audit SET why='nothing happened' WHERE seq=3", "DELETE FROM audit WHERE seq=2",
                                          "DELETE FROM audit WHERE seq=5"};
    for (size_t a = 0; a < SP_COUNT(attacks); a++) {
        static struct rig r;
        struct keeper_store_verdict v;
        rig_init(&r);
        for (unsigned i = 0; i < 5; i++) {
            struct keeper_store_audit row = {i, "admin", "node.put", "n1", "", "", "because"};
            assert_int_equal(keeper_store_begin(&r.store), SP_OK);
            assert_int_equal(keeper_store_audit(&r.store, &row), SP_OK);
            assert_int_equal(keeper_store_commit(&r.store), SP_OK);
        }
        assert_int_equal(keeper_store_verify(&r.store, &v), SP_OK);
        assert_int_equal(v.rows, 5);
        assert_int_equal(v.bad_seq, 0);
        assert_int_equal(sp_db_exec(r.store.db, attacks[a]), SP_OK);
        assert_int_equal(keeper_store_verify(&r.store, &v), SP_OK);
        assert_true(v.bad_seq != 0);
        rig_fini(&r);
    }
}

/* A row of the audit at that wall time, committed. */
static void put_audit(struct rig *r, uint64_t wall_ms)
{
    struct keeper_store_audit row = {wall_ms, "admin", "node.put", "n1", "", "", "because"};
    assert_int_equal(keeper_store_begin(&r->store), SP_OK);
    assert_int_equal(keeper_store_audit(&r->store, &row), SP_OK);
    assert_int_equal(keeper_store_commit(&r->store), SP_OK);
}

static struct keeper_store_cut cut_at(struct rig *r, uint64_t wall_ms, int64_t most)
{
    struct keeper_store_cut cut;
    assert_int_equal(keeper_store_begin(&r->store), SP_OK);
    assert_int_equal(keeper_store_audit_cut(&r->store, wall_ms, most, &cut), SP_OK);
    assert_int_equal(keeper_store_commit(&r->store), SP_OK);
    return cut;
}

static struct keeper_store_verdict verdict(struct rig *r)
{
    struct keeper_store_verdict v;
    assert_int_equal(keeper_store_verify(&r->store, &v), SP_OK);
    return v;
}

static void k37_old_rows_go_and_the_chain_stays_whole(void **state)
{
    (void)state;
    static struct rig r;
    rig_init(&r);
    r.store.audit_keep_ms = 100;
    for (unsigned i = 1; i <= 5; i++) {
        put_audit(&r, i * 100);
    }
    assert_int_equal(cut_at(&r, 150, INT64_MAX).rows, 0);
    assert_int_equal(cut_at(&r, 450, 2).rows, 2); /* what is not exported yet stays */
    struct keeper_store_verdict v = verdict(&r);
    assert_int_equal(v.bad_seq, 0);
    assert_int_equal(v.cut_seq, 2);
    assert_int_equal(v.rows, 4); /* 3, 4, 5 and the row about the cut */
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    r.store.audit_keep_ms = 100;
    assert_int_equal(verdict(&r).bad_seq, 0);
    assert_int_equal(cut_at(&r, 10000, INT64_MAX).rows, 3); /* never the last row */
    v = verdict(&r);
    assert_int_equal(v.bad_seq, 0);
    assert_int_equal(v.cut_seq, 5);
    assert_int_equal(sp_db_exec(r.store.db, "DELETE FROM audit WHERE seq=6"), SP_OK);
    assert_true(verdict(&r).bad_seq != 0);
    rig_fini(&r);
}

static void k37_a_cut_that_is_not_ours_shows(void **state)
{
    (void)state;
    static const char *const attacks[] = {
        "DELETE FROM audit WHERE seq<=3; INSERT OR REPLACE INTO audit_cut SELECT 1, 3, hash, zeroblob(32) FROM audit WHERE seq=4",
        "DELETE FROM audit WHERE seq<=3; UPDATE audit_cut SET seq=3", "DELETE FROM audit_cut",
        "UPDATE audit_cut SET hash=zeroblob(32)"};
    for (size_t a = 0; a < SP_COUNT(attacks); a++) {
        static struct rig r;
        rig_init(&r);
        r.store.audit_keep_ms = 100;
        for (unsigned i = 1; i <= 5; i++) {
            put_audit(&r, i * 100);
        }
        assert_int_equal(cut_at(&r, 350, INT64_MAX).rows, 2);
        assert_int_equal(verdict(&r).bad_seq, 0);
        assert_int_equal(sp_db_exec(r.store.db, attacks[a]), SP_OK);
        assert_true(verdict(&r).bad_seq != 0);
        rig_fini(&r);
    }
}

/* Whoever alters one of the last rows, or takes one out, finds a keeper that does not start. Rows before the last thousand are not
 * looked at then: the start does not grow with the audit. */
static void k37_the_end_of_the_chain_is_looked_at_when_it_starts(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        int64_t bad; /* 0: not seen */
    } attacks[] = {{"UPDATE audit SET why='nothing happened' WHERE seq=2199", 2199},
                   {"UPDATE audit SET actor='somebody' WHERE seq=1201", 1201},
                   {"UPDATE audit SET hash=zeroblob(32) WHERE seq=1200", 1201},
                   {"DELETE FROM audit WHERE seq=1200", 1201},
                   {"DELETE FROM audit WHERE seq=2000", 2001},
                   {"UPDATE audit SET hash=zeroblob(5) WHERE seq=2200", 2200},
                   {"UPDATE audit SET actor='somebody' WHERE seq=1199", 0}};
    static struct rig r;
    rig_init(&r);
    assert_int_equal(keeper_store_begin(&r.store), SP_OK);
    for (unsigned i = 1; i <= 2200; i++) {
        struct keeper_store_audit row = {i, "admin", "node.put", "n1", "", "", "because"};
        assert_int_equal(keeper_store_audit(&r.store, &row), SP_OK);
    }
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    for (size_t a = 0; a < SP_COUNT(attacks); a++) {
        char said[64];
        sp_err_clear(&r.err);
        assert_int_equal(keeper_store_audit_tail(&r.store, &r.err), SP_OK);
        assert_int_equal(sp_db_exec(r.store.db, "SAVEPOINT a"), SP_OK);
        assert_int_equal(sp_db_exec(r.store.db, attacks[a].sql), SP_OK);
        assert_int_equal(keeper_store_audit_tail(&r.store, &r.err), attacks[a].bad == 0 ? SP_OK : SP_E_CORRUPT);
        (void)snprintf(said, sizeof said, "row %lld of the audit", (long long)attacks[a].bad);
        assert_true(attacks[a].bad == 0 || strstr(r.err.text, said) != NULL);
        assert_int_equal(sp_db_exec(r.store.db, "ROLLBACK TO a; RELEASE a"), SP_OK);
    }
    /* What came after the anchor is looked at, however much it is. */
    r.store.anchored = true;
    r.store.anchor_audit = 100;
    assert_int_equal(sp_db_exec(r.store.db, "UPDATE audit SET actor='somebody' WHERE seq=101"), SP_OK);
    assert_int_equal(keeper_store_audit_tail(&r.store, &r.err), SP_E_CORRUPT);
    rig_fini(&r);
}

static void k37_evidence_is_not_cut_off(void **state)
{
    (void)state;
    static struct rig r;
    rig_init(&r);
    r.store.audit_keep_ms = 100;
    for (unsigned i = 1; i <= 5; i++) {
        put_audit(&r, i * 100);
    }
    assert_int_equal(sp_db_exec(r.store.db, "UPDATE audit SET actor='somebody' WHERE seq=2"), SP_OK);
    struct keeper_store_cut cut = cut_at(&r, 450, INT64_MAX);
    assert_int_equal(cut.rows, 0);
    assert_int_equal(cut.bad_seq, 2);
    assert_int_equal(verdict(&r).rows, 5);
    rig_fini(&r);
}

static void an_alias_comes_back(void **state)
{
    (void)state;
    static struct rig r;
    rig_init(&r);
    struct node_def def = {.name = sp_str_of("n1"), .aliases = sp_str_of("a,b"), .key = {1}};
    struct keeper_store_node n = {&def, 1, 1, 2};
    assert_int_equal(keeper_store_begin(&r.store), SP_OK);
    assert_int_equal(keeper_store_node(&r.store, &n), SP_OK);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    assert_non_null(node_registry_find(keeper_core_nodes(r.core), sp_str_of("b")));
    rig_fini(&r);
}

/* Both older and newer: refused, and the message names file, version found, version wanted and what to do. */
static void another_version_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *found, *hint;
    } rows[] = {{"PRAGMA user_version=99", "version 99", "newer program"},
                {"PRAGMA user_version=2", "version 2", "export with the older program"}};
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        static struct rig r;
        rig_init(&r);
        assert_int_equal(sp_db_exec(r.store.db, rows[i].sql), SP_OK);
        rig_close(&r);
        assert_int_equal(rig_open(&r), SP_E_VERSION);
        assert_non_null(strstr(r.err.where, "keeper.db"));
        assert_non_null(strstr(r.err.text, rows[i].found));
        assert_non_null(strstr(r.err.text, "works with version 5"));
        assert_non_null(strstr(r.err.hint, rows[i].hint));
        rig_fini(&r);
    }
}

/* A store with one of everything that trust depends on; the node is quarantined, the pool demands check c1. */
static void put_everything(struct rig *r)
{
    static const char json[] = "{\"name\":\"trusted\",\"mandatory\":[\"c1\"]}";
    uint8_t digest[32] = {1};
    /* clang-format off */
    struct rec_check_info info = {.id = 1, .name = sp_str_of("c1"), .digest = digest, .stage = SP_STAGE_ENFORCING, .enabled = true,
                                  .adapter = sp_str_of("exec"), .rise = 1, .fall = 1, .max_age_ms = 1000, .period_ms = 100};
    /* clang-format on */
    struct node_def def = {.name = sp_str_of("n1"), .key = {1}, .state = SP_NODE_STATE_QUARANTINED};
    struct keeper_store_node n = {&def, 1, 1, 1};
    struct keeper_effect e = {.kind = KEEPER_CHECKS};
    assert_int_equal(keeper_core_restore_check(r->core, &info, 1, 0), SP_OK);
    assert_int_equal(keeper_store_begin(&r->store), SP_OK);
    assert_int_equal(keeper_store_node(&r->store, &n), SP_OK);
    assert_int_equal(keeper_store_pool(&r->store, "trusted", sp_str_of(json)), SP_OK);
    assert_int_equal(keeper_store_perform(&r->store, r->core, &e), SP_OK);
    assert_int_equal(keeper_store_meta_put(&r->store, "epoch", 7), SP_OK);
    assert_int_equal(keeper_store_commit(&r->store), SP_OK);
}

static void k36_no_edited_row_makes_trust(void **state)
{
    (void)state;
    static const char *const attacks[] = {
        "UPDATE node SET state=0",
        "UPDATE node SET key=zeroblob(15) || x'02', generation=1",
        "UPDATE node SET labels='zone=trusted'",
        "UPDATE node SET mac=zeroblob(32)",
        "UPDATE pool SET json='{\"name\":\"trusted\",\"advisory\":[\"c1\"],\"groups\":[{\"of\":[\"c2\"],\"k\":1}]}'",
        "UPDATE pool SET mac=(SELECT mac FROM node)",
        "UPDATE chk SET policy=9",
        "UPDATE meta SET value=1 WHERE key='epoch'",
    };
    for (size_t a = 0; a < SP_COUNT(attacks); a++) {
        static struct rig r;
        rig_init(&r);
        put_everything(&r);
        uint64_t before = r.store.edited;
        assert_int_equal(sp_db_exec(r.store.db, attacks[a]), SP_OK);
        rig_close(&r);
        assert_int_equal(rig_open(&r), SP_OK);
        assert_true(r.store.edited > before);
        const struct node_row *row = node_registry_at(keeper_core_nodes(r.core), 1);
        assert_int_equal(row->state, SP_NODE_STATE_QUARANTINED);
        const struct pool_policy *pool = keeper_core_pool(r.core, 0);
        bool strict = pool->count == 1 && pool->checks[0].role == POOL_MANDATORY;
        assert_true(strict || pool_policy_is_empty(pool));
        assert_true(check_table_find(keeper_core_checks(r.core), 1) == CHECK_ROW_NONE ||
                    check_table_at(keeper_core_checks(r.core), 0)->policy == 1);
        assert_true(keeper_core_epoch(r.core) == 7 || a == SP_COUNT(attacks) - 1);
        rig_fini(&r);
    }
}

static void k36_a_node_that_was_edited_is_quarantined(void **state)
{
    (void)state;
    static struct rig r;
    rig_init(&r);
    put_node(&r); /* in service */
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    assert_int_equal(sp_db_exec(r.store.db, "UPDATE node SET labels='zone=b'"), SP_OK);
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    assert_int_equal(node_registry_at(keeper_core_nodes(r.core), 1)->state, SP_NODE_STATE_QUARANTINED);
    rig_fini(&r);
}

static void k36_an_edited_or_foreign_record_counts_for_nothing(void **state)
{
    (void)state;
    static const char *const attacks[] = {"UPDATE record SET body=body || x'00'", "UPDATE record SET mac=zeroblob(32)",
                                          "UPDATE record SET node=2", "UPDATE record SET mac=x'00'"};
    for (size_t a = 0; a < SP_COUNT(attacks); a++) {
        static struct rig r;
        rig_init(&r);
        put_node(&r);
        struct node_def def = {.name = sp_str_of("n2"), .key = {2}};
        struct keeper_store_node n = {&def, 2, 1, 2};
        assert_int_equal(keeper_store_node(&r.store, &n), SP_OK);
        put_result(&r, 5);
        assert_int_equal(keeper_store_commit(&r.store), SP_OK);
        rig_close(&r);
        assert_int_equal(rig_open(&r), SP_OK);
        node_registry_mark_fold(keeper_core_nodes(r.core), node_registry_at(keeper_core_nodes(r.core), 1));
        assert_int_equal(keeper_store_fold_begin(&r.store, r.core), SP_OK);
        assert_int_equal(keeper_store_begin(&r.store), SP_OK);
        assert_int_equal(keeper_store_fold_step(&r.store, r.core, 1000), SP_OK);
        assert_int_equal(keeper_store_commit(&r.store), SP_OK);
        assert_int_equal(sp_db_exec(r.store.db, attacks[a]), SP_OK);
        rig_close(&r);
        assert_int_equal(rig_open(&r), SP_OK);
        assert_int_equal(r.loaded.bad_records, 1);
        assert_int_equal(job_of(&r), 0);
        assert_int_equal(node_registry_at(keeper_core_nodes(r.core), 2)->pair_count, 0);
        rig_fini(&r);
    }
}

static void si6_a_fold_of_nothing_skips_no_row(void **state)
{
    (void)state;
    static struct rig r;
    rig_init(&r);
    put_node(&r);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    node_registry_mark_fold(keeper_core_nodes(r.core), node_registry_at(keeper_core_nodes(r.core), 1));
    assert_int_equal(keeper_store_fold_begin(&r.store, r.core), SP_OK);
    assert_true(keeper_store_folding(&r.store));
    assert_int_equal(keeper_store_begin(&r.store), SP_OK);
    assert_int_equal(keeper_store_fold_step(&r.store, r.core, 1000), SP_OK);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    put_result(&r, 5); /* the first row of the journal comes after a fold */
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    assert_int_equal(r.loaded.replayed, 1);
    assert_int_equal(job_of(&r), 5);
    rig_fini(&r);
}

static void copy_file(const struct rig *r, const char *from, const char *to)
{
    char one[300], two[300], bytes[4096];
    size_t n;
    (void)snprintf(one, sizeof one, "%s/%s", r->dir, from);
    (void)snprintf(two, sizeof two, "%s/%s", r->dir, to);
    FILE *in = fopen(one, "r"), *out = fopen(two, "w");
    assert_true(in != NULL && out != NULL);
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0) {
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    }
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(two, 0600), 0);
}

static enum keeper_anchor anchor_says(struct rig *r)
{
    char why[400];
    enum keeper_anchor a = keeper_store_anchor_check(&r->store, why, sizeof why);
    assert_true(a == KEEPER_ANCHOR_FITS || strlen(why) > 20);
    return a;
}

/* A store that was left with an anchor, and a copy of it from before its last row. */
static void leave_with_copy(struct rig *r, bool journal)
{
    rig_init(r);
    put_node(r);
    assert_int_equal(keeper_store_meta_put(&r->store, "anchored", 1), SP_OK);
    assert_int_equal(keeper_store_commit(&r->store), SP_OK);
    put_audit(r, 1);
    put_result(r, 5);
    assert_int_equal(keeper_store_commit(&r->store), SP_OK);
    keeper_store_anchor(&r->store);
    rig_close(r);
    copy_file(r, "keeper.db", "copy");
    assert_int_equal(rig_open(r), SP_OK);
    if (journal) {
        put_result(r, 6);
        assert_int_equal(keeper_store_commit(&r->store), SP_OK);
    } else {
        put_audit(r, 2);
    }
    keeper_store_anchor(&r->store);
    rig_close(r);
}

static void k35_an_older_store_in_place_of_the_latest_shows(void **state)
{
    (void)state;
    for (unsigned journal = 0; journal < 2; journal++) {
        static struct rig r;
        leave_with_copy(&r, journal != 0);
        assert_int_equal(rig_open(&r), SP_OK);
        assert_int_equal(anchor_says(&r), KEEPER_ANCHOR_FITS);
        rig_close(&r);
        copy_file(&r, "copy", "keeper.db");
        assert_int_equal(rig_open(&r), SP_OK);
        assert_int_equal(anchor_says(&r), KEEPER_ANCHOR_OLDER);
        rig_fini(&r);
    }
}

static void k35_another_history_or_a_missing_anchor_shows(void **state)
{
    (void)state;
    static struct rig r;
    char path[300];
    leave_with_copy(&r, false);
    copy_file(&r, "copy", "keeper.db");
    assert_int_equal(rig_open(&r), SP_OK);
    put_audit(&r, 3);
    put_audit(&r, 4); /* as far as the latest, but not the same rows */
    assert_int_equal(anchor_says(&r), KEEPER_ANCHOR_OTHER);
    keeper_store_anchor(&r.store);
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    assert_int_equal(anchor_says(&r), KEEPER_ANCHOR_FITS);
    (void)snprintf(path, sizeof path, "%s/anchor", r.dir);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, 30, SEEK_SET), 0);
    assert_int_equal(fputc('9', f), '9');
    assert_int_equal(fclose(f), 0);
    assert_int_equal(anchor_says(&r), KEEPER_ANCHOR_OTHER);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(anchor_says(&r), KEEPER_ANCHOR_LOST);
    rig_fini(&r);
}

/* Somebody takes the row that told of a fail out of the journal, or spoils it: the pass before it must not come back (SI-3). */
static void si3_a_row_of_the_journal_that_is_gone_shows(void **state)
{
    (void)state;
    static const char *const attacks[] = {"DELETE FROM journal WHERE seq=2", "UPDATE journal SET mac=zeroblob(32) WHERE seq=2",
                                          "DELETE FROM journal WHERE seq=1", "UPDATE journal SET seq=9 WHERE seq=2", NULL};
    for (size_t a = 0; a < SP_COUNT(attacks); a++) {
        static struct rig r;
        rig_init(&r);
        put_node(&r);
        for (uint64_t job = 5; job < 8; job++) {
            put_result(&r, job);
            assert_int_equal(keeper_store_commit(&r.store), SP_OK);
        }
        assert_int_equal(attacks[a] != NULL ? sp_db_exec(r.store.db, attacks[a]) : SP_OK, SP_OK);
        rig_close(&r);
        assert_int_equal(rig_open(&r), SP_OK);
        assert_int_equal(r.loaded.journal_gap, attacks[a] == NULL ? 0 : a == 2 ? 1 : 2);
        rig_fini(&r);
    }
}

/* What was rolled back leaves no hole behind that would look like one of those. */
static void a_rollback_leaves_no_hole_in_the_journal(void **state)
{
    (void)state;
    static struct rig r;
    rig_init(&r);
    put_node(&r);
    put_result(&r, 5);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    put_result(&r, 6);
    keeper_store_rollback(&r.store);
    put_result(&r, 7);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    assert_int_equal(r.loaded.journal_gap, 0);
    assert_int_equal(r.loaded.replayed, 2);
    assert_int_equal(job_of(&r), 7);
    rig_fini(&r);
}

/* An older copy put back, the anchor taken away, and the note that there was one as well. */
static void k35_a_store_in_use_without_an_anchor_shows(void **state)
{
    (void)state;
    static struct rig r;
    char path[300];
    rig_init(&r);
    assert_int_equal(anchor_says(&r), KEEPER_ANCHOR_FITS); /* a new one has none */
    rig_fini(&r);
    leave_with_copy(&r, false);
    copy_file(&r, "copy", "keeper.db");
    (void)snprintf(path, sizeof path, "%s/anchor", r.dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rig_open(&r), SP_OK);
    assert_int_equal(sp_db_exec(r.store.db, "DELETE FROM meta WHERE key='anchored'"), SP_OK);
    assert_int_equal(anchor_says(&r), KEEPER_ANCHOR_LOST);
    rig_fini(&r);
}

/* ---- identities and starts -------------------------------------------------------------------------------------------------------- */

static struct enrolment_row an_identity(uint8_t number, uint64_t change)
{
    struct enrolment_row row = {.node = 1, .key = {1}, .number = change};
    row.is = (struct enrolled){.attester = "attester-n1", .mode = SP_ENROLMENT_CERTIFIED, .ak_bytes = 40};
    memset(row.is.sign, number, 32);
    memset(row.is.ek, number + 1, 32);
    memset(row.is.ek_public, number + 2, 32);
    memset(row.is.ak, number + 3, row.is.ak_bytes);
    row.act = (struct enrolment_act){.by = "ada", .approved = "eve", .wall_ms = 5};
    keeper_identity_print(row.key, &row.is);
    return row;
}

/* As the keeper's verb does it: the row, and what the audit says about it. */
static void put_identity(struct rig *r, const struct enrolment_row *row)
{
    char to[65];
    sp_hex_write(row->is.print, 32, to);
    const struct keeper_store_audit said = {.wall_ms = 1,
                                            .actor = "ada",
                                            .what = "node.enroll",
                                            .object = "n1",
                                            .from = "",
                                            .to = row->withdrawn ? "withdrawn" : to,
                                            .why = KEEPER_IDENTITY_WHY "01000000-0000-0000-0000-000000000000 1 certified"};
    assert_int_equal(keeper_store_begin(&r->store), SP_OK);
    assert_int_equal(keeper_identity_put(&r->store, row), SP_OK);
    assert_int_equal(keeper_store_audit(&r->store, &said), SP_OK);
    assert_int_equal(keeper_store_commit(&r->store), SP_OK);
}

/* State of node 1 after a restart; *t is the table, to be given back. */
static enum enrolment_state identity_after(struct rig *r, struct enrolment_table *t)
{
    rig_close(r);
    assert_int_equal(rig_open(r), SP_OK);
    struct node_registry *nodes = keeper_core_nodes(r->core);
    assert_int_equal(keeper_identity_load(&r->store, nodes, t), SP_OK);
    return enrolment_state(t, enrolment_at(t, 1), node_registry_at(nodes, 1));
}

static enum enrolment_state identity_state_after(struct rig *r)
{
    struct enrolment_table t;
    enum enrolment_state state = identity_after(r, &t);
    enrolment_fini(&t);
    return state;
}

static void identities_come_back(void **state)
{
    static struct rig r;
    struct enrolment_table t;
    (void)state;
    rig_init(&r);
    put_node(&r);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    assert_int_equal(identity_state_after(&r), ENROLMENT_NOBODY);
    struct enrolment_row row = an_identity(7, 1);
    row.ask = an_identity(20, 0).is;
    row.ask_key[0] = 1;
    row.asked = (struct enrolment_act){.by = "eve", .wall_ms = 6};
    put_identity(&r, &row);
    assert_int_equal(identity_after(&r, &t), ENROLMENT_HELD);
    const struct enrolment_row *back = enrolment_at(&t, 1);
    assert_memory_equal(back->is.print, row.is.print, sizeof row.is.print); /* over all the rest */
    assert_string_equal(back->act.by, row.act.by);
    assert_string_equal(back->act.approved, row.act.approved);
    assert_int_equal(back->act.wall_ms, row.act.wall_ms);
    assert_memory_equal(back->ask.ak, row.ask.ak, sizeof row.ask.ak);
    assert_string_equal(back->asked.by, "eve");
    assert_int_equal(t.number, 1);
    enrolment_fini(&t);
    row.withdrawn = true;
    row.number = 2;
    memset(&row.ask, 0, sizeof row.ask);
    put_identity(&r, &row);
    assert_int_equal(identity_after(&r, &t), ENROLMENT_WITHDRAWN);
    assert_int_equal(enrolment_at(&t, 1)->ask.mode, SP_ENROLMENT_NONE);
    enrolment_fini(&t);
    rig_fini(&r);
}

/* Each column, edited alone: the identity serves nobody. */
static void k36_an_edited_identity_serves_nobody(void **state)
{
    /* clang-format off */
    static const char *const edits[] = {
        "UPDATE identity SET number=9",    "UPDATE identity SET key=zeroblob(16)",     "UPDATE identity SET withdrawn=1",
        "UPDATE identity SET mode=2",      "UPDATE identity SET attester='attester-x'", "UPDATE identity SET sign=zeroblob(32)",
        "UPDATE identity SET ek=zeroblob(32)", "UPDATE identity SET ek_public=zeroblob(32)", "UPDATE identity SET ak=zeroblob(40)",
        "UPDATE identity SET ak=zeroblob(600)", "UPDATE identity SET who='eve'",       "UPDATE identity SET approved=''",
        "UPDATE identity SET wall_ms=9",   "UPDATE identity SET mac=zeroblob(32)",    "UPDATE identity SET node=2",
        "DELETE FROM identity",            "UPDATE identity SET kind=1"};
    /* clang-format on */
    (void)state;
    for (size_t i = 0; i < SP_COUNT(edits); i++) {
        static struct rig r;
        rig_init(&r);
        put_node(&r);
        assert_int_equal(keeper_store_commit(&r.store), SP_OK);
        const struct enrolment_row row = an_identity(7, 1);
        put_identity(&r, &row);
        assert_int_equal(identity_state_after(&r), ENROLMENT_HELD);
        assert_int_equal(sp_db_exec(r.store.db, edits[i]), SP_OK);
        enum enrolment_state found = identity_state_after(&r);
        if (found == ENROLMENT_HELD || found == ENROLMENT_NOBODY) { /* nobody: a first enrolment would take one operator */
            fail_msg("%s: %s", edits[i], enrolment_state_name(found));
        }
        assert_true(r.store.edited > 0);
        rig_fini(&r);
    }
}

/* A row that was good once does not come back beside an audit that knows of another. */
static void k38_a_former_identity_serves_nobody(void **state)
{
    static struct rig r;
    (void)state;
    rig_init(&r);
    put_node(&r);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    struct enrolment_row first = an_identity(7, 1), second = an_identity(40, 2);
    put_identity(&r, &first);
    put_identity(&r, &second);
    assert_int_equal(identity_state_after(&r), ENROLMENT_HELD);
    assert_int_equal(keeper_store_begin(&r.store), SP_OK);
    assert_int_equal(keeper_identity_put(&r.store, &first), SP_OK); /* with its own MAC */
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    assert_int_equal(identity_state_after(&r), ENROLMENT_DOUBTED);
    second.withdrawn = true;
    second.number = 3;
    put_identity(&r, &second);
    assert_int_equal(identity_state_after(&r), ENROLMENT_WITHDRAWN);
    assert_int_equal(keeper_store_begin(&r.store), SP_OK);
    second.withdrawn = false;
    assert_int_equal(keeper_identity_put(&r.store, &second), SP_OK);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    assert_int_equal(identity_state_after(&r), ENROLMENT_DOUBTED);
    rig_fini(&r);
}

/* What was doubted once stays so over a restart, and what is written later is not. */
static void k35_doubts_are_durable(void **state)
{
    static struct rig r;
    struct enrolment_table t;
    (void)state;
    rig_init(&r);
    put_node(&r);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    struct enrolment_row row = an_identity(7, 1);
    put_identity(&r, &row);
    assert_int_equal(identity_after(&r, &t), ENROLMENT_HELD);
    assert_int_equal(keeper_store_begin(&r.store), SP_OK);
    assert_int_equal(keeper_identity_doubt(&r.store, &t, 8), SP_OK);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    assert_int_equal(r.store.committed_identities, 8);
    enrolment_fini(&t);
    assert_int_equal(identity_after(&r, &t), ENROLMENT_DOUBTED);
    assert_int_equal(t.number, 8);
    enrolment_fini(&t);
    row.number = 9;
    put_identity(&r, &row);
    assert_int_equal(identity_state_after(&r), ENROLMENT_HELD);
    rig_fini(&r);
}

/* The count of starts belongs to the key of the node, and an edited one is not known. */
static void k5_starts_come_back(void **state)
{
    static struct rig r;
    (void)state;
    rig_init(&r);
    put_node(&r);
    struct node_row row = {.id = 1, .key = {1}, .instance = 4ull << 32 | 2, .instance_worker = 3};
    assert_int_equal(keeper_instance_put(&r.store, &row), SP_OK);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    rig_close(&r);
    assert_int_equal(rig_open(&r), SP_OK);
    assert_int_equal(node_registry_at(keeper_core_nodes(r.core), 1)->instance, 4ull << 32 | 2);
    assert_int_equal(node_registry_at(keeper_core_nodes(r.core), 1)->instance_worker, 3);
    for (unsigned i = 0; i < 3; i++) {
        static const char *const edits[] = {"UPDATE instance SET instance=9", "UPDATE instance SET worker=9",
                                            "UPDATE instance SET key=zeroblob(16)"};
        assert_int_equal(keeper_store_begin(&r.store), SP_OK);
        assert_int_equal(keeper_instance_put(&r.store, &row), SP_OK);
        assert_int_equal(keeper_store_commit(&r.store), SP_OK);
        assert_int_equal(sp_db_exec(r.store.db, edits[i]), SP_OK);
        rig_close(&r);
        assert_int_equal(rig_open(&r), SP_OK);
        assert_int_equal(node_registry_at(keeper_core_nodes(r.core), 1)->instance, 0);
    }
    rig_fini(&r);
}

/* A store of before enrolment is taken over; nothing of it is lost. */
static void a_store_without_identities_is_taken_over(void **state)
{
    static struct rig r;
    (void)state;
    rig_init(&r);
    put_node(&r);
    assert_int_equal(keeper_store_commit(&r.store), SP_OK);
    assert_int_equal(sp_db_exec(r.store.db, "DROP TABLE identity;DROP TABLE instance;DROP TABLE act;PRAGMA user_version=3"), SP_OK);
    assert_int_equal(identity_state_after(&r), ENROLMENT_NOBODY);
    const struct enrolment_row row = an_identity(7, 1);
    put_identity(&r, &row);
    assert_int_equal(identity_state_after(&r), ENROLMENT_HELD);
    assert_int_equal(sp_db_exec(r.store.db, "INSERT INTO act VALUES('scheduler', 1)"), SP_OK); /* nor had it acts of others */
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(si12_the_catalogue_keeps_its_version),
        cmocka_unit_test(si6_committed_comes_back_and_rolled_back_does_not),
        cmocka_unit_test(a_fold_keeps_everything_and_trims_the_journal),
        cmocka_unit_test(k36_an_edited_row_counts_for_nothing),
        cmocka_unit_test(k37_the_chain_shows_edits_and_deletions),
        cmocka_unit_test(k37_old_rows_go_and_the_chain_stays_whole),
        cmocka_unit_test(k37_a_cut_that_is_not_ours_shows),
        cmocka_unit_test(k37_the_end_of_the_chain_is_looked_at_when_it_starts),
        cmocka_unit_test(k37_evidence_is_not_cut_off),
        cmocka_unit_test(an_alias_comes_back),
        cmocka_unit_test(si6_a_fold_of_nothing_skips_no_row),
        cmocka_unit_test(k35_an_older_store_in_place_of_the_latest_shows),
        cmocka_unit_test(k35_another_history_or_a_missing_anchor_shows),
        cmocka_unit_test(k35_a_store_in_use_without_an_anchor_shows),
        cmocka_unit_test(si3_a_row_of_the_journal_that_is_gone_shows),
        cmocka_unit_test(a_rollback_leaves_no_hole_in_the_journal),
        cmocka_unit_test(k36_no_edited_row_makes_trust),
        cmocka_unit_test(k36_a_node_that_was_edited_is_quarantined),
        cmocka_unit_test(k36_an_edited_or_foreign_record_counts_for_nothing),
        cmocka_unit_test(another_version_is_refused_by_name),
        cmocka_unit_test(identities_come_back),
        cmocka_unit_test(k36_an_edited_identity_serves_nobody),
        cmocka_unit_test(k38_a_former_identity_serves_nobody),
        cmocka_unit_test(k35_doubts_are_durable),
        cmocka_unit_test(k5_starts_come_back),
        cmocka_unit_test(a_store_without_identities_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
