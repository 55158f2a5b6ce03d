/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_identity_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "sp_hex.h"
#include "sp_log.h"

enum { IDENTITY_IS = 0, IDENTITY_ASKED = 1 }; /* column kind */

#define IDENTITY_COLUMNS "node, kind, number, key, withdrawn, mode, attester, sign, ek, ek_public, ak, who, approved, wall_ms, mac"

void keeper_identity_print(const uint8_t key[16], struct enrolled *id)
{
    static const char purpose[] = "SPICE1 identity:";
    uint8_t numbers[2] = {id->mode, (uint8_t)strlen(id->attester)};
    struct sp_crypto_sha256 h;
    sp_crypto_sha256_init(&h);
    sp_crypto_sha256_update(&h, purpose, sizeof purpose - 1);
    sp_crypto_sha256_update(&h, key, 16);
    sp_crypto_sha256_update(&h, numbers, sizeof numbers);
    sp_crypto_sha256_update(&h, id->attester, strlen(id->attester));
    sp_crypto_sha256_update(&h, id->sign, sizeof id->sign);
    sp_crypto_sha256_update(&h, id->ek, sizeof id->ek);
    sp_crypto_sha256_update(&h, id->ek_public, sizeof id->ek_public);
    sp_crypto_sha256_update(&h, id->ak, id->ak_bytes); /* last, so its length needs no place */
    sp_crypto_sha256_final(&h, id->print);
}

/* ---- rows ---- */

/* One row of the table as it is bound and read. */
struct identity_stored {
    uint32_t node, kind;
    uint64_t number;
    const uint8_t *key;
    bool withdrawn;
    const struct enrolled *id;
    const struct enrolment_act *act;
};

static void identity_mac(const struct keeper_store *s, const struct identity_stored *r, uint8_t mac[32])
{
    char numbers[96];
    (void)snprintf(numbers, sizeof numbers, "%u %llu %u %u %llu", r->kind, (unsigned long long)r->number, r->withdrawn ? 1u : 0u,
                   r->id->mode, (unsigned long long)r->act->wall_ms);
    const struct sp_str parts[] = {sp_str_of(numbers),
                                   sp_str_bytes(r->key, 16),
                                   sp_str_of(r->id->attester),
                                   sp_str_bytes(r->id->sign, 32),
                                   sp_str_bytes(r->id->ek, 32),
                                   sp_str_bytes(r->id->ek_public, 32),
                                   sp_str_bytes(r->id->ak, r->id->ak_bytes),
                                   sp_str_of(r->act->by),
                                   sp_str_of(r->act->approved)};
    keeper_store_mac_list(s, "identity", r->node, parts, SP_COUNT(parts), mac);
}

static enum sp_rc identity_write(struct keeper_store *s, const struct identity_stored *r)
{
    struct sp_db_stmt *q = NULL;
    uint8_t mac[32];
    if (r->id->mode == SP_ENROLMENT_NONE) {
        enum sp_rc gone = keeper_store_query(s, "DELETE FROM identity WHERE node=?1 AND kind=?2", &q);
        if (gone == SP_OK) {
            sp_db_int(q, 1, r->node);
            sp_db_int(q, 2, r->kind);
            gone = sp_db_run(q);
        }
        return gone;
    }
    enum sp_rc rc =
        keeper_store_query(s, "INSERT OR REPLACE INTO identity VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)", &q);
    if (rc != SP_OK) {
        return rc;
    }
    identity_mac(s, r, mac);
    sp_db_int(q, 1, r->node);
    sp_db_int(q, 2, r->kind);
    sp_db_int(q, 3, (int64_t)r->number);
    sp_db_blob(q, 4, r->key, 16);
    sp_db_int(q, 5, r->withdrawn);
    sp_db_int(q, 6, r->id->mode);
    sp_db_text(q, 7, sp_str_of(r->id->attester));
    sp_db_blob(q, 8, r->id->sign, 32);
    sp_db_blob(q, 9, r->id->ek, 32);
    sp_db_blob(q, 10, r->id->ek_public, 32);
    sp_db_blob(q, 11, r->id->ak, r->id->ak_bytes);
    sp_db_text(q, 12, sp_str_of(r->act->by));
    sp_db_text(q, 13, sp_str_of(r->act->approved));
    sp_db_int(q, 14, (int64_t)r->act->wall_ms);
    sp_db_blob(q, 15, mac, sizeof mac);
    return sp_db_run(q);
}

enum sp_rc keeper_identity_put(struct keeper_store *s, const struct enrolment_row *row)
{
    struct identity_stored is = {row->node, IDENTITY_IS, row->number, row->key, row->withdrawn, &row->is, &row->act};
    struct identity_stored asked = {row->node, IDENTITY_ASKED, row->number, row->ask_key, false, &row->ask, &row->asked};
    enum sp_rc rc = identity_write(s, &is);
    rc = rc == SP_OK ? identity_write(s, &asked) : rc;
    rc = rc == SP_OK ? keeper_store_meta_put(s, KEEPER_STORE_IDENTITIES, row->number) : rc;
    s->identities = rc == SP_OK ? row->number : s->identities;
    return rc;
}

static void instance_mac(const struct keeper_store *s, const struct node_row *node, uint8_t mac[32])
{
    char numbers[64];
    (void)snprintf(numbers, sizeof numbers, "%llu %u", (unsigned long long)node->instance, node->instance_worker);
    keeper_store_mac(s, "instance", node->id, sp_str_bytes(node->key, sizeof node->key), sp_str_of(numbers), mac);
}

enum sp_rc keeper_instance_put(struct keeper_store *s, const struct node_row *node)
{
    struct sp_db_stmt *q = NULL;
    uint8_t mac[32];
    enum sp_rc rc = keeper_store_query(s, "INSERT OR REPLACE INTO instance VALUES(?1,?2,?3,?4,?5)", &q);
    if (rc != SP_OK) {
        return rc;
    }
    instance_mac(s, node, mac);
    sp_db_int(q, 1, node->id);
    sp_db_blob(q, 2, node->key, 16);
    sp_db_int(q, 3, (int64_t)node->instance);
    sp_db_int(q, 4, node->instance_worker);
    sp_db_blob(q, 5, mac, sizeof mac);
    return sp_db_run(q);
}

/* ---- start ---- */

static void identity_edited(struct keeper_store *s, const char *table, int64_t node, const char *effect)
{
    s->edited++;
    SP_LOG(SP_LOG_ERROR, "store", "row.edited", SP_LOG_S("table", table), SP_LOG_I("row", node), SP_LOG_S("file", s->path),
           SP_LOG_S("effect", effect));
}

enum sp_rc keeper_instance_load(struct keeper_store *s, struct keeper_core *core)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(s, "SELECT node, key, instance, worker, mac FROM instance ORDER BY node", &q);
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        uint8_t mac[32];
        struct node_row said = {.id = (uint32_t)sp_db_get_int(q, 0), .instance = (uint64_t)sp_db_get_int(q, 2)};
        struct sp_str key = sp_db_get_blob(q, 1);
        const struct node_row *node = node_registry_at(keeper_core_nodes(core), said.id);
        said.instance_worker = (uint16_t)sp_db_get_int(q, 3);
        memcpy(said.key, key.p, key.n == sizeof said.key ? sizeof said.key : 0);
        instance_mac(s, &said, mac);
        if (!keeper_store_mac_fits(mac, sp_db_get_blob(q, 4))) {
            identity_edited(s, "instance", said.id, "the next quote says how often the node was started");
        } else if (node != NULL && memcmp(said.key, node->key, sizeof said.key) == 0) {
            keeper_core_restore_instance(core, said.id, said.instance, said.instance_worker);
        }
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : rc;
}

/* One row into its place. False: it does not fit its MAC, or is none. */
static bool identity_read(struct keeper_store *s, struct sp_db_stmt *q, struct enrolment_row *row)
{
    uint8_t mac[32];
    struct sp_str key = sp_db_get_blob(q, 3), sign = sp_db_get_blob(q, 7), ek = sp_db_get_blob(q, 8),
                  ek_public = sp_db_get_blob(q, 9);
    struct sp_str ak = sp_db_get_blob(q, 10);
    bool asked = sp_db_get_int(q, 1) == IDENTITY_ASKED;
    struct enrolled *id = asked ? &row->ask : &row->is;
    struct enrolment_act *act = asked ? &row->asked : &row->act;
    uint8_t *to = asked ? row->ask_key : row->key;
    if (key.n != 16 || sign.n != 32 || ek.n != 32 || ek_public.n != 32 || ak.n > ENROLMENT_AK_MAX ||
        !sp_str_copy(id->attester, sizeof id->attester, sp_db_get_text(q, 6)) ||
        !sp_str_copy(act->by, sizeof act->by, sp_db_get_text(q, 11)) ||
        !sp_str_copy(act->approved, sizeof act->approved, sp_db_get_text(q, 12))) {
        return false;
    }
    memcpy(to, key.p, 16);
    memcpy(id->sign, sign.p, 32);
    memcpy(id->ek, ek.p, 32);
    memcpy(id->ek_public, ek_public.p, 32);
    id->ak_bytes = ak.n;
    if (ak.n > 0) {
        memcpy(id->ak, ak.p, ak.n);
    }
    id->mode = (uint8_t)sp_db_get_int(q, 5);
    act->wall_ms = (uint64_t)sp_db_get_int(q, 13);
    bool withdrawn = sp_db_get_int(q, 4) != 0;
    uint64_t number = (uint64_t)sp_db_get_int(q, 2);
    struct identity_stored r = {row->node, asked ? IDENTITY_ASKED : IDENTITY_IS, number, to, withdrawn, id, act};
    identity_mac(s, &r, mac);
    if (!keeper_store_mac_fits(mac, sp_db_get_blob(q, 14))) {
        return false;
    }
    row->number = asked ? row->number : number;
    row->withdrawn = asked ? row->withdrawn : withdrawn;
    keeper_identity_print(to, id);
    return true;
}

static enum sp_rc identity_rows(struct keeper_store *s, const struct node_registry *nodes, struct enrolment_table *t)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(s, "SELECT " IDENTITY_COLUMNS " FROM identity ORDER BY node, kind", &q);
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        int64_t node = sp_db_get_int(q, 0);
        struct enrolment_row *row = node >= 1 && node <= nodes->count ? enrolment_place(t, (uint32_t)node) : NULL;
        if (row == NULL && node >= 1 && node <= nodes->count) {
            sp_db_reset(q);
            return SP_E_NOMEM;
        }
        if (row != NULL && !identity_read(s, q, row)) {
            bool asked = sp_db_get_int(q, 1) == IDENTITY_ASKED;
            memset(asked ? &row->ask : &row->is, 0, sizeof row->is);
            identity_edited(s, "identity", node,
                            asked ? "the request is gone" : "the node is not enrolled until it proves itself anew");
        }
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : rc;
}

/* What the audit said last about the identity of a node. */
struct identity_said {
    bool any, withdrawn;
    uint8_t print[ENROLMENT_PRINT_BYTES];
};

static enum sp_rc identity_audit(struct keeper_store *s, const struct node_registry *nodes, struct identity_said *said)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(
        s, "SELECT after, why FROM audit WHERE what IN ('node.enroll','node.approve','node.unenroll') ORDER BY seq", &q);
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        static const uint32_t head = sizeof KEEPER_IDENTITY_WHY - 1;
        struct sp_str after = sp_db_get_text(q, 0), why = sp_db_get_text(q, 1);
        uint8_t key[16], print[ENROLMENT_PRINT_BYTES];
        bool withdrawn = sp_str_is(after, "withdrawn");
        if (why.n < head + 36 || memcmp(why.p, KEEPER_IDENTITY_WHY, head) != 0 ||
            !sp_hex_key(sp_str_bytes(why.p + head, 36), key) || (!withdrawn && !sp_hex_parse(after, print, sizeof print))) {
            continue; /* a request, or a refusal: nothing that was done */
        }
        struct sp_str rest = {why.p + head + 36, why.n - head - 36}, word;
        uint64_t id = 0;
        const struct node_row *node = node_registry_find_key(nodes, key);
        if (node != NULL && sp_str_next(&rest, ' ', &word) && word.n == 0 && sp_str_next(&rest, ' ', &word) &&
            sp_str_u64(word, NODE_ROWS_MAX, &id) && id == node->id) {
            said[node->id - 1].any = true;
            said[node->id - 1].withdrawn = withdrawn;
            memcpy(said[node->id - 1].print, print, withdrawn ? 0 : sizeof print);
        }
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : rc;
}

/* A row the audit knows otherwise serves nobody. One that is gone is still there to be replaced with a second approval only. */
static enum sp_rc identity_compare(struct keeper_store *s, const struct node_registry *nodes, struct enrolment_table *t,
                                   const struct identity_said *said)
{
    for (uint32_t id = 1; id <= nodes->count; id++) {
        const struct identity_said *a = &said[id - 1];
        const struct enrolment_row *had = enrolment_at(t, id);
        const struct node_row *node = node_registry_at(nodes, id);
        if (!a->any) {
            continue;
        }
        bool ours = had != NULL && had->is.mode != SP_ENROLMENT_NONE && memcmp(had->key, node->key, sizeof had->key) == 0;
        bool fits =
            ours && (a->withdrawn ? had->withdrawn : !had->withdrawn && memcmp(had->is.print, a->print, sizeof a->print) == 0);
        if (fits) {
            continue;
        }
        struct enrolment_row *row = enrolment_place(t, id);
        if (row == NULL) {
            return SP_E_NOMEM;
        }
        row->number = 0; /* doubted for good */
        if (!ours) {
            memset(&row->is, 0, sizeof row->is);
            row->is.mode = SP_ENROLMENT_FIRST_USE; /* unknown keys: whatever comes is another identity */
            memcpy(row->key, node->key, sizeof row->key);
        }
        identity_edited(s, "identity", id,
                        "not as the audit says: serves nobody until it is confirmed, or replaced by two operators");
    }
    return SP_OK;
}

enum sp_rc keeper_identity_load(struct keeper_store *s, const struct node_registry *nodes, struct enrolment_table *t)
{
    struct identity_said *said = calloc(nodes->count + 1, sizeof *said);
    if (said == NULL) {
        return SP_E_NOMEM;
    }
    enrolment_init(t);
    t->number = keeper_store_meta(s, KEEPER_STORE_IDENTITIES);
    t->doubted = keeper_store_meta(s, KEEPER_STORE_IDENTITIES_DOUBTED);
    enum sp_rc rc = identity_rows(s, nodes, t);
    rc = rc == SP_OK ? identity_audit(s, nodes, said) : rc;
    rc = rc == SP_OK ? identity_compare(s, nodes, t, said) : rc;
    free(said);
    for (uint32_t id = 1; id <= nodes->count && rc == SP_OK; id++) { /* the number may be an edited row: none is given twice */
        const struct enrolment_row *row = enrolment_at(t, id);
        t->number = row != NULL && row->number > t->number ? row->number : t->number;
    }
    return rc;
}

enum sp_rc keeper_identity_doubt(struct keeper_store *s, struct enrolment_table *t, uint64_t at_least)
{
    t->number = at_least > t->number ? at_least : t->number;
    t->doubted = t->number;
    enum sp_rc rc = keeper_store_meta_put(s, KEEPER_STORE_IDENTITIES, t->number);
    s->identities = t->number;
    return rc == SP_OK ? keeper_store_meta_put(s, KEEPER_STORE_IDENTITIES_DOUBTED, t->doubted) : rc;
}
