/* SPDX-License-Identifier: Apache-2.0 */
/* Start: the store's rows into a fresh core. Rows that do not fit their MAC count for nothing and are named in the log. */
#include "keeper_identity_store.h"
#include "keeper_pool_json.h"
#include "keeper_store.h"
#include "sp_log.h"

/* What one load carries along. */
struct load {
    struct keeper_store *s;
    struct keeper_core *core;
    struct keeper_effects *fx;
    struct keeper_store_loaded *out;
    struct sp_err *err;
};

static enum sp_rc load_end(const struct load *l, enum sp_rc rc, const char *what)
{
    if (rc == SP_OK || rc == SP_E_NOT_FOUND) {
        return SP_OK;
    }
    enum sp_rc given = sp_err_set(l->err, rc == SP_E_NOMEM || rc == SP_E_LIMIT ? rc : SP_E_CORRUPT, l->s->path,
                                  "table %s cannot be read back: %s", what, sp_rc_text(rc));
    sp_err_hint(l->err,
                "put back the last good copy of the store, or move the file away: all nodes then have to prove themselves anew");
    return given;
}

/* Says and counts a row whose MAC does not fit. */
static void load_bad(struct load *l, const char *table, int64_t place, const char *effect)
{
    l->out->bad_records++;
    l->s->edited++;
    SP_LOG(SP_LOG_ERROR, "store", "row.edited", SP_LOG_S("table", table), SP_LOG_I("row", place), SP_LOG_S("file", l->s->path),
           SP_LOG_S("effect", effect));
}

static enum sp_rc load_checks(struct load *l)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(l->s, "SELECT policy, body, id, mac FROM chk ORDER BY id", &q);
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        struct rec_check_info info;
        uint8_t mac[32];
        struct sp_str body = sp_db_get_blob(q, 1);
        keeper_store_check_mac(l->s, (uint32_t)sp_db_get_int(q, 2), (uint32_t)sp_db_get_int(q, 0), body, mac);
        if (!keeper_store_mac_fits(mac, sp_db_get_blob(q, 3))) {
            load_bad(l, "chk", sp_db_get_int(q, 2), "unknown until the scheduler announces it; its results are void");
            continue;
        }
        uint64_t over_ms = keeper_store_check_over(&body);
        rc = rec_check_info_decode((const uint8_t *)body.p, body.n, &info);
        rc = rc == SP_OK ? keeper_core_restore_check(l->core, &info, (uint32_t)sp_db_get_int(q, 0), over_ms) : rc;
    }
    keeper_core_restore_policies(l->core, (uint32_t)keeper_store_meta(l->s, "policy_last"));
    keeper_core_restore_catalogue(l->core, keeper_store_meta(l->s, "catalogue_boot"), keeper_store_meta(l->s, "catalogue"));
    return load_end(l, rc, "chk");
}

static enum sp_rc load_workers(struct load *l)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(l->s, "SELECT number, name FROM worker ORDER BY number", &q);
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        rc = keeper_core_restore_worker(l->core, (uint32_t)sp_db_get_int(q, 0), sp_db_get_text(q, 1));
    }
    return load_end(l, rc, "worker");
}

static enum sp_rc load_pools(struct load *l)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(l->s, "SELECT json, name, mac FROM pool ORDER BY name", &q);
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        struct pool_policy pool;
        uint8_t mac[32];
        struct sp_str name = sp_db_get_text(q, 1);
        keeper_store_mac(l->s, "pool", 0, name, sp_db_get_text(q, 0), mac);
        if (keeper_store_mac_fits(mac, sp_db_get_blob(q, 2))) {
            rc = keeper_pool_json_read_text(sp_db_get_text(q, 0), &pool, l->err);
        } else {
            load_bad(l, "pool", (int64_t)keeper_core_pools(l->core) + 1,
                     "the pool demands nothing and so admits nobody: apply its definition again");
            pool_policy_init(&pool, name);
        }
        rc = rc == SP_OK ? keeper_core_restore_pool(l->core, &pool) : rc;
    }
    return load_end(l, rc, "pool");
}

static enum sp_rc load_nodes(struct load *l)
{
    struct sp_db_stmt *q = NULL;
    int64_t expect = 0;
    enum sp_rc rc = keeper_store_query(
        l->s, "SELECT id, name, key, address, labels, state, origin, generation, version, aliases, mac FROM node ORDER BY id", &q);
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        struct sp_str key = sp_db_get_blob(q, 2);
        struct node_def def = {.name = sp_db_get_text(q, 1),
                               .address = sp_db_get_text(q, 3),
                               .labels = sp_db_get_text(q, 4),
                               .aliases = sp_db_get_text(q, 9),
                               .state = (uint8_t)sp_db_get_int(q, 5),
                               .origin = (uint8_t)sp_db_get_int(q, 6)};
        if (key.n != sizeof def.key || sp_db_get_int(q, 0) != ++expect) {
            rc = SP_E_CORRUPT;
            break;
        }
        memcpy(def.key, key.p, sizeof def.key);
        struct keeper_store_node n = {&def, (uint32_t)expect, (uint32_t)sp_db_get_int(q, 7), (uint64_t)sp_db_get_int(q, 8)};
        uint8_t mac[32];
        keeper_store_node_mac(l->s, &n, mac);
        if (!keeper_store_mac_fits(mac, sp_db_get_blob(q, 10))) {
            load_bad(l, "node", expect, "the node is quarantined until an operator says otherwise");
            def.state = SP_NODE_STATE_QUARANTINED;
        }
        rc = keeper_core_restore_node(l->core, &def, n.generation, n.version);
        l->out->nodes++;
    }
    return load_end(l, rc, "node");
}

static enum sp_rc load_records(struct load *l)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(l->s, "SELECT node, body, mac FROM record ORDER BY node", &q);
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        uint8_t mac[32];
        int64_t node = sp_db_get_int(q, 0);
        struct sp_str body = sp_db_get_blob(q, 1), stored = sp_db_get_blob(q, 2);
        keeper_store_mac(l->s, "record", node, body, sp_str_of(""), mac);
        bool good = keeper_store_mac_fits(mac, stored);
        enum sp_rc read = good ? keeper_core_restore_record(l->core, (uint32_t)node, body) : SP_E_SIGNATURE;
        if (read == SP_E_NOMEM) {
            rc = read;
        } else if (read != SP_OK) {
            load_bad(l, "record", node, "counts for nothing");
        }
    }
    return load_end(l, rc, "record");
}

/* Rows are numbered without holes, so one that somebody took out shows. */
static void load_gap(struct load *l, int64_t seq)
{
    l->out->journal_gap = l->out->journal_gap == 0 ? seq : l->out->journal_gap;
}

/* History rows of runs that ended in the replayed part; the same rows again are ignored. */
static enum sp_rc load_flush(struct load *l)
{
    enum sp_rc rc = l->fx->count > 0 ? keeper_store_begin(l->s) : SP_OK;
    for (uint32_t i = 0; i < l->fx->count && rc == SP_OK; i++) {
        rc = keeper_store_perform(l->s, l->core, &l->fx->list[i]);
    }
    keeper_effects_reset(l->fx);
    return rc == SP_OK ? keeper_store_commit(l->s) : rc;
}

static enum sp_rc load_journal(struct load *l)
{
    struct sp_db_stmt *q = NULL;
    int64_t expect = l->s->folded;
    enum sp_rc rc = keeper_store_query(
        l->s, "SELECT seq, worker, now_ms, wall_ms, count, body, mac FROM journal WHERE seq>?1 ORDER BY seq", &q);
    if (rc == SP_OK) {
        sp_db_int(q, 1, l->s->folded);
    }
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        if (sp_db_get_int(q, 0) != ++expect) {
            load_gap(l, expect);
            expect = sp_db_get_int(q, 0);
        }
        uint8_t mac[32], head[32];
        struct sp_str body = sp_db_get_blob(q, 5), stored = sp_db_get_blob(q, 6);
        struct keeper_journal j = {.body = (const uint8_t *)body.p,
                                   .bytes = body.n,
                                   .count = (uint32_t)sp_db_get_int(q, 4),
                                   .worker = (uint32_t)sp_db_get_int(q, 1),
                                   .now_ms = (uint64_t)sp_db_get_int(q, 2),
                                   .wall_ms = (uint64_t)sp_db_get_int(q, 3)};
        keeper_store_mac(l->s, "journal", sp_db_get_int(q, 0), keeper_store_journal_head(&j, head), body, mac);
        bool good = keeper_store_mac_fits(mac, stored);
        if (!good || keeper_core_replay(l->core, &j, l->fx) != SP_OK) {
            load_bad(l, "journal", sp_db_get_int(q, 0), "what it said is not known, so all results are void");
            load_gap(l, expect);
            continue;
        }
        l->out->replayed++;
        if (!keeper_effects_room(l->fx, MSG_RESULT_BATCH_RESULTS_MAX, 0)) {
            rc = load_flush(l);
        }
    }
    rc = load_end(l, rc, "journal");
    return rc == SP_OK ? load_flush(l) : rc;
}

enum sp_rc keeper_store_load(struct keeper_store *s, struct keeper_core *core, struct keeper_effects *fx,
                             struct keeper_store_loaded *out, struct sp_err *err)
{
    struct load l = {s, core, fx, out, err};
    memset(out, 0, sizeof *out);
    out->clock_boot = keeper_store_meta(s, "clock_boot");
    keeper_core_restore_epoch(core, keeper_store_meta(s, "epoch"), keeper_store_meta(s, "epoch_boot"));
    enum sp_rc rc = load_checks(&l);
    rc = rc == SP_OK ? load_workers(&l) : rc;
    rc = rc == SP_OK ? load_pools(&l) : rc;
    rc = rc == SP_OK ? load_nodes(&l) : rc;
    rc = rc == SP_OK ? load_end(&l, keeper_instance_load(s, core), "instance") : rc;
    rc = rc == SP_OK ? load_records(&l) : rc;
    rc = rc == SP_OK ? load_journal(&l) : rc;
    keeper_core_restored(core);
    out->pairs = keeper_core_nodes(core)->pairs;
    out->registry_version = keeper_core_nodes(core)->version;
    return rc;
}
