/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "keeper_identity_store.h"
#include "sp_fs.h"

#define STORE_APPLICATION 0x53504b31u /* "SPK1" */
#define STORE_CHECK_BYTES 4096u
/* Reported acts that are in the audit: what comes again is known (keeper_acts.c). */
#define STORE_ACT_TABLE                                                                                                            \
    "CREATE TABLE act(origin TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY(origin, number)) WITHOUT ROWID;"
static const char store_schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL, mac BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE journal(seq INTEGER PRIMARY KEY, worker INTEGER NOT NULL, now_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL,"
    " count INTEGER NOT NULL, body BLOB NOT NULL, mac BLOB NOT NULL);"
    "CREATE TABLE node(id INTEGER PRIMARY KEY, name TEXT NOT NULL, key BLOB NOT NULL, address TEXT NOT NULL, labels TEXT NOT NULL,"
    " state INTEGER NOT NULL, origin INTEGER NOT NULL, generation INTEGER NOT NULL, version INTEGER NOT NULL,"
    " aliases TEXT NOT NULL, mac BLOB NOT NULL);"
    "CREATE TABLE record(node INTEGER PRIMARY KEY, body BLOB NOT NULL, mac BLOB NOT NULL);"
    "CREATE TABLE pool(name TEXT PRIMARY KEY, json TEXT NOT NULL, mac BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE chk(id INTEGER PRIMARY KEY, policy INTEGER NOT NULL, body BLOB NOT NULL, mac BLOB NOT NULL);"
    "CREATE TABLE worker(number INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE history(node INTEGER NOT NULL, chk INTEGER NOT NULL, since_s INTEGER NOT NULL, run_job INTEGER NOT NULL,"
    " last_s INTEGER NOT NULL, count INTEGER NOT NULL, outcome INTEGER NOT NULL, reason INTEGER NOT NULL, detail TEXT NOT NULL,"
    " PRIMARY KEY(node, chk, since_s, run_job)) WITHOUT ROWID;"
    "CREATE TABLE audit(seq INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, actor TEXT NOT NULL, what TEXT NOT NULL, object TEXT NOT NULL,"
    " before TEXT NOT NULL, after TEXT NOT NULL, why TEXT NOT NULL, hash BLOB NOT NULL);"
    "CREATE TABLE principal(name TEXT PRIMARY KEY, role INTEGER NOT NULL, curve BLOB NOT NULL, sign BLOB NOT NULL, adapters TEXT NOT NULL,"
    " nodes TEXT NOT NULL, labels TEXT NOT NULL, not_after INTEGER NOT NULL, revoked INTEGER NOT NULL, mac BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE invitation(hash BLOB PRIMARY KEY, enrol TEXT NOT NULL, curve BLOB NOT NULL, name TEXT NOT NULL, adapters TEXT NOT NULL,"
    " nodes TEXT NOT NULL, labels TEXT NOT NULL, expires_s INTEGER NOT NULL, mac BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE request(name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE audit_cut(id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL, mac BLOB NOT NULL);" KEEPER_IDENTITY_TABLES
        STORE_ACT_TABLE;

static const char *store_migrate(uint32_t from)
{
    return from == 3 ? KEEPER_IDENTITY_TABLES : from == 4 ? STORE_ACT_TABLE : NULL;
}

static enum sp_rc store_prepare(struct keeper_store *s)
{
    const struct {
        const char *sql;
        struct sp_db_stmt **out;
    } rows[] = {
        {"INSERT INTO journal VALUES(?1,?2,?3,?4,?5,?6,?7)", &s->journal},
        {"INSERT INTO audit VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)", &s->audit},
        {"INSERT OR IGNORE INTO history VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)", &s->history},
        {"INSERT OR REPLACE INTO meta VALUES(?1,?2,?3)", &s->meta_put},
        {"SELECT value, mac FROM meta WHERE key=?1", &s->meta_get},
        {"INSERT OR REPLACE INTO worker VALUES(?1,?2)", &s->worker},
        {"INSERT OR REPLACE INTO record VALUES(?1,?2,?3)", &s->record},
        {"INSERT OR REPLACE INTO node VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)", &s->node},
        {"INSERT OR REPLACE INTO chk VALUES(?1,?2,?3,?4)", &s->check},
        {"DELETE FROM chk WHERE id=?1", &s->check_gone},
    };
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        enum sp_rc rc = sp_db_prepare(s->db, rows[i].sql, rows[i].out);
        if (rc != SP_OK) {
            return rc;
        }
    }
    return SP_OK;
}

enum sp_rc keeper_store_query(struct keeper_store *s, const char *sql, struct sp_db_stmt **out)
{
    for (uint32_t i = 0; i < s->query_count; i++) {
        if (s->queries[i].sql == sql) {
            *out = s->queries[i].stmt;
            sp_db_reset(*out);
            return SP_OK;
        }
    }
    SP_ASSERT(s->query_count < KEEPER_STORE_QUERIES_MAX); /* the number of literals in this program */
    enum sp_rc rc = sp_db_prepare(s->db, sql, out);
    if (rc == SP_OK) {
        s->queries[s->query_count].sql = sql;
        s->queries[s->query_count++].stmt = *out;
    }
    return rc;
}

/* What there is now is durable. */
static void store_settled(struct keeper_store *s)
{
    s->committed_seq = s->audit_seq;
    s->committed_journal = s->journal_seq;
    s->committed_identities = s->identities;
    memcpy(s->committed_head, s->audit_head, sizeof s->committed_head);
}

/* Remembers where the chains are as of the last commit. */
static enum sp_rc store_heads(struct keeper_store *s)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = sp_db_prepare(s->db, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", &q);
    if (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        struct sp_str hash = sp_db_get_blob(q, 1);
        s->audit_seq = sp_db_get_int(q, 0);
        if (hash.n == sizeof s->audit_head) {
            memcpy(s->audit_head, hash.p, hash.n);
        }
        sp_db_reset(q);
    }
    if (rc != SP_OK && rc != SP_E_NOT_FOUND) {
        return rc;
    }
    rc = sp_db_prepare(s->db, "SELECT max(seq) FROM journal", &q);
    if (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        s->journal_seq = sp_db_get_int(q, 0);
        sp_db_reset(q);
    }
    s->folded = (int64_t)keeper_store_meta(s, "folded");
    s->identities = keeper_store_meta(s, KEEPER_STORE_IDENTITIES);
    s->journal_seq = s->folded > s->journal_seq ? s->folded : s->journal_seq;
    store_settled(s);
    return rc;
}

enum sp_rc keeper_store_open(struct keeper_store *s, const struct keeper_store_options *o, struct sp_err *err)
{
    memset(s, 0, sizeof *s);
    sp_buf_init(&s->scratch, NODE_PAIRS_MAX * 640u);
    sp_crypto_hmac_init(&s->mac, o->mac_key, 32);
    s->reserve_bytes = o->reserve_bytes;
    s->history_keep_ms = o->history_keep_ms;
    s->audit_keep_ms = o->audit_keep_ms;
    enum sp_rc rc = sp_fs_mkdirs(o->dir, 0700, err);
    if (rc != SP_OK) {
        return rc;
    }
    if (sp_fs_join(s->path, sizeof s->path, o->dir, "keeper.db") != SP_OK ||
        sp_fs_join(s->reserve, sizeof s->reserve, o->dir, "reserve") != SP_OK) {
        return sp_err_set(err, SP_E_LIMIT, o->dir, "path is too long");
    }
    struct sp_db_options options = {.path = s->path,
                                    .schema = store_schema,
                                    .application_id = STORE_APPLICATION,
                                    .version = KEEPER_STORE_VERSION,
                                    .migrate = store_migrate,
                                    .check = true};
    rc = sp_db_open(&options, &s->db, err);
    if (rc != SP_OK) {
        return rc;
    }
    rc = store_prepare(s);
    rc = rc == SP_OK ? store_heads(s) : rc;
    if (rc != SP_OK) {
        if (err != NULL) {
            *err = *sp_db_error(s->db);
        }
        return rc;
    }
    keeper_store_reserve(s, true);
    return SP_OK;
}

void keeper_store_close(struct keeper_store *s)
{
    if (s->db != NULL) {
        sp_db_close(&s->db);
    }
    sp_buf_fini(&s->scratch);
    sp_crypto_hmac_fini(&s->mac);
    free(s->fold_ids);
    s->fold_ids = NULL;
}

void keeper_store_reserve(struct keeper_store *s, bool keep)
{
    if (!keep) {
        s->reserve_gone = s->reserve_bytes > 0 && unlink(s->reserve) == 0;
    } else if (s->reserve_bytes > 0 && sp_fs_reserve(s->reserve, s->reserve_bytes, NULL) == SP_OK) {
        s->reserve_gone = false;
    }
}

/* ---- transactions ---- */

enum sp_rc keeper_store_begin(struct keeper_store *s)
{
    return sp_db_in_transaction(s->db) ? SP_OK : sp_db_begin(s->db);
}

void keeper_store_rollback(struct keeper_store *s)
{
    sp_db_rollback(s->db);
    s->audit_seq = s->committed_seq;
    s->journal_seq = s->committed_journal; /* numbers without holes: see load_gap */
    s->identities = s->committed_identities;
    memcpy(s->audit_head, s->committed_head, sizeof s->audit_head);
}

enum sp_rc keeper_store_commit(struct keeper_store *s)
{
    enum sp_rc rc = sp_db_in_transaction(s->db) ? sp_db_commit(s->db) : SP_OK;
    if (rc != SP_OK) {
        keeper_store_rollback(s);
        return rc;
    }
    store_settled(s);
    return SP_OK;
}

uint64_t keeper_store_meta(struct keeper_store *s, const char *key)
{
    uint64_t value = 0;
    sp_db_text(s->meta_get, 1, sp_str_of(key));
    if (sp_db_row(s->meta_get) == SP_OK) {
        uint8_t mac[32];
        value = (uint64_t)sp_db_get_int(s->meta_get, 0);
        keeper_store_mac(s, "meta", (int64_t)value, sp_str_of(key), sp_str_of(""), mac);
        if (!keeper_store_mac_fits(mac, sp_db_get_blob(s->meta_get, 1))) {
            s->edited++;
            value = 0;
        }
        sp_db_reset(s->meta_get);
    }
    return value;
}

enum sp_rc keeper_store_meta_put(struct keeper_store *s, const char *key, uint64_t value)
{
    uint8_t mac[32];
    keeper_store_mac(s, "meta", (int64_t)value, sp_str_of(key), sp_str_of(""), mac);
    sp_db_text(s->meta_put, 1, sp_str_of(key));
    sp_db_int(s->meta_put, 2, (int64_t)value);
    sp_db_blob(s->meta_put, 3, mac, sizeof mac);
    return sp_db_run(s->meta_put);
}

/* ---- rows ---- */

/* Times, worker and count of a journal row as bytes, for its MAC. */
struct sp_str keeper_store_journal_head(const struct keeper_journal *j, uint8_t head[32])
{
    memset(head, 0, 32);
    memcpy(head, &j->now_ms, 8);
    memcpy(head + 8, &j->wall_ms, 8);
    memcpy(head + 16, &j->worker, 4);
    memcpy(head + 24, &j->count, 4);
    return sp_str_bytes(head, 32);
}

static enum sp_rc store_journal(struct keeper_store *s, const struct keeper_journal *j)
{
    uint8_t mac[32], head[32];
    int64_t seq = ++s->journal_seq;
    keeper_store_mac(s, "journal", seq, keeper_store_journal_head(j, head), sp_str_bytes(j->body, j->bytes), mac);
    sp_db_int(s->journal, 1, seq);
    sp_db_int(s->journal, 2, j->worker);
    sp_db_int(s->journal, 3, (int64_t)j->now_ms);
    sp_db_int(s->journal, 4, (int64_t)j->wall_ms);
    sp_db_int(s->journal, 5, j->count);
    sp_db_blob(s->journal, 6, j->body, j->bytes);
    sp_db_blob(s->journal, 7, mac, sizeof mac);
    s->journal_results += j->count;
    return sp_db_run(s->journal);
}

static enum sp_rc store_history(struct keeper_store *s, const struct keeper_history *h)
{
    sp_db_int(s->history, 1, h->node);
    sp_db_int(s->history, 2, h->check);
    sp_db_int(s->history, 3, h->run.since_s);
    sp_db_int(s->history, 4, h->run.run_job);
    sp_db_int(s->history, 5, h->run.last_s);
    sp_db_int(s->history, 6, h->run.count);
    sp_db_int(s->history, 7, h->run.outcome);
    sp_db_int(s->history, 8, h->run.reason);
    sp_db_text(s->history, 9, sp_str_of(h->detail));
    return sp_db_run(s->history);
}

/* A row is the check as the scheduler announced it and, behind that, over_ms when there is one. */
uint64_t keeper_store_check_over(struct sp_str *body)
{
    struct rec_check_info info;
    uint64_t over_ms = 0;
    if (body->n <= sizeof over_ms || rec_check_info_decode((const uint8_t *)body->p, body->n, &info) == SP_OK) {
        return 0;
    }
    body->n -= (uint32_t)sizeof over_ms;
    memcpy(&over_ms, body->p + body->n, sizeof over_ms);
    return over_ms;
}

static enum sp_rc store_check(struct keeper_store *s, const struct check_row *c)
{
    uint8_t bytes[STORE_CHECK_BYTES];
    struct sp_packer w;
    struct rec_check_info info = {.id = c->id,
                                  .name = sp_str_of(c->name),
                                  .revision = c->revision,
                                  .digest = c->digest,
                                  .stage = c->stage,
                                  .enabled = c->enabled,
                                  .adapter = sp_str_of(c->adapter),
                                  .rise = c->rise,
                                  .fall = c->fall,
                                  .max_age_ms = c->max_age_ms,
                                  .period_ms = c->period_ms,
                                  .category = c->category,
                                  .selector = sp_str_of(c->selector),
                                  .runbook = sp_str_of(c->runbook)};
    sp_packer_init(&w, bytes, sizeof bytes - sizeof c->over_ms);
    enum sp_rc rc = rec_check_info_put(&w, &info);
    if (rc != SP_OK) {
        return rc;
    }
    uint8_t mac[32];
    size_t n = sp_packer_bytes(&w);
    if (c->over_ms != 0) {
        memcpy(bytes + n, &c->over_ms, sizeof c->over_ms);
        n += sizeof c->over_ms;
    }
    struct sp_str body = sp_str_bytes(bytes, n);
    keeper_store_check_mac(s, c->id, c->policy, body, mac);
    sp_db_int(s->check, 1, c->id);
    sp_db_int(s->check, 2, c->policy);
    sp_db_blob(s->check, 3, bytes, body.n);
    sp_db_blob(s->check, 4, mac, sizeof mac);
    return sp_db_run(s->check);
}

static enum sp_rc store_checks(struct keeper_store *s, const struct check_table *t)
{
    enum sp_rc rc = SP_OK;
    for (uint32_t i = 0; i < t->count && rc == SP_OK; i++) {
        const struct check_row *c = check_table_at(t, i);
        if (c->present) {
            rc = store_check(s, c);
        } else {
            sp_db_int(s->check_gone, 1, c->id);
            rc = sp_db_run(s->check_gone);
        }
    }
    /* Numbers of policies are never used again, whatever checks come and go. */
    rc = rc == SP_OK ? keeper_store_meta_put(s, "policy_last", t->policy_last) : rc;
    rc = rc == SP_OK ? keeper_store_meta_put(s, "catalogue_boot", t->boot) : rc;
    return rc == SP_OK ? keeper_store_meta_put(s, "catalogue", t->version) : rc;
}

/* Generation and instance of a node as they are now. */
static enum sp_rc store_boots(struct keeper_store *s, const struct keeper_core *core, uint32_t id)
{
    const struct node_row *row = node_registry_at(keeper_core_nodes((struct keeper_core *)(uintptr_t)core), id);
    const struct node_def def = node_registry_def(row);
    const struct keeper_store_node n = {&def, row->id, row->generation, row->version};
    enum sp_rc rc = keeper_store_node(s, &n);
    return rc == SP_OK ? keeper_instance_put(s, row) : rc;
}

enum sp_rc keeper_store_perform(struct keeper_store *s, const struct keeper_core *core, const struct keeper_effect *e)
{
    const struct keeper_audit *a = &e->u.audit;
    enum sp_rc rc;
    switch (e->kind) {
    case KEEPER_JOURNAL:
        return store_journal(s, &e->u.journal);
    case KEEPER_AUDIT:
        return keeper_store_audit(s,
                                  &(struct keeper_store_audit){a->wall_ms, "keeper", a->what, a->object, a->from, a->to, a->why});
    case KEEPER_HISTORY:
        return store_history(s, &e->u.history);
    case KEEPER_EPOCH:
        rc = keeper_store_meta_put(s, "epoch", e->u.epoch.epoch);
        return rc == SP_OK ? keeper_store_meta_put(s, "epoch_boot", e->u.epoch.boot) : rc;
    case KEEPER_CHECKS:
        return store_checks(s, keeper_core_checks(core));
    case KEEPER_WORKER:
        sp_db_int(s->worker, 1, e->u.worker.number);
        sp_db_text(s->worker, 2, sp_str_of(e->u.worker.name));
        return sp_db_run(s->worker);
    case KEEPER_NODE:
        return store_boots(s, core, e->u.node);
    case KEEPER_SEND:
        break;
    }
    SP_UNREACHABLE();
}

enum sp_rc keeper_store_node(struct keeper_store *s, const struct keeper_store_node *n)
{
    uint8_t mac[32];
    keeper_store_node_mac(s, n, mac);
    sp_db_int(s->node, 1, n->id);
    sp_db_text(s->node, 2, n->def->name);
    sp_db_blob(s->node, 3, n->def->key, sizeof n->def->key);
    sp_db_text(s->node, 4, n->def->address.p != NULL ? n->def->address : sp_str_of(""));
    sp_db_text(s->node, 5, n->def->labels.p != NULL ? n->def->labels : sp_str_of(""));
    sp_db_int(s->node, 6, n->def->state);
    sp_db_int(s->node, 7, n->def->origin);
    sp_db_int(s->node, 8, n->generation);
    sp_db_int(s->node, 9, (int64_t)n->version);
    sp_db_text(s->node, 10, n->def->aliases.p != NULL ? n->def->aliases : sp_str_of(""));
    sp_db_blob(s->node, 11, mac, sizeof mac);
    return sp_db_run(s->node);
}

enum sp_rc keeper_store_pool(struct keeper_store *s, const char *name, struct sp_str json)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = json.p != NULL ? keeper_store_query(s, "INSERT OR REPLACE INTO pool VALUES(?1,?2,?3)", &q)
                                   : keeper_store_query(s, "DELETE FROM pool WHERE name=?1", &q);
    if (rc != SP_OK) {
        return rc;
    }
    uint8_t mac[32];
    sp_db_text(q, 1, sp_str_of(name));
    if (json.p != NULL) {
        keeper_store_mac(s, "pool", 0, sp_str_of(name), json, mac);
        sp_db_text(q, 2, json);
        sp_db_blob(q, 3, mac, sizeof mac);
    }
    return sp_db_run(q);
}
