/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_principals.h"

#include <stdio.h>

#include "sp_hex.h"
#include "sp_log.h"

#define PRINCIPAL_COLUMNS  "name, role, curve, sign, adapters, nodes, labels, not_after, revoked, mac"
#define INVITATION_COLUMNS "enrol, curve, expires_s, hash, name, adapters, nodes, labels, mac"

static uint64_t principals_wall_s(const struct nodes_shell *s)
{
    return nodes_shell_now(s).wall.ms / SP_MS_PER_S;
}

static void principal_mac(const struct nodes_shell *s, const struct sp_bus_principal *row, struct sp_str labels, uint8_t mac[32])
{
    char numbers[64];
    (void)snprintf(numbers, sizeof numbers, "%u %llu %u", row->role, (unsigned long long)row->not_after_s, row->revoked ? 1u : 0u);
    const struct sp_str parts[] = {sp_str_of(row->name),
                                   sp_str_of(numbers),
                                   sp_str_bytes(row->curve, 32),
                                   sp_str_bytes(row->sign, 32),
                                   sp_str_of(row->adapters),
                                   sp_str_of(row->nodes),
                                   labels};
    keeper_store_mac_list(&s->store, "principal", 0, parts, SP_COUNT(parts), mac);
}

/* parts: hash, enrol, curve, name, adapters, nodes, labels. */
static void invitation_mac(const struct nodes_shell *s, const struct sp_str parts[7], int64_t expires_s, uint8_t mac[32])
{
    keeper_store_mac_list(&s->store, "invitation", expires_s, parts, 7, mac);
}

static void principals_edited(struct nodes_shell *s, const char *table, struct sp_str name, const char *effect)
{
    char text[SP_BUS_NAME_BYTES];
    (void)sp_str_copy(text, sizeof text, name);
    s->store.edited++;
    SP_LOG(SP_LOG_ERROR, "store", "row.edited", SP_LOG_S("table", table), SP_LOG_S("row", text), SP_LOG_S("file", s->store.path),
           SP_LOG_S("effect", effect));
}

static bool principal_read(struct nodes_shell *s, struct sp_db_stmt *q, struct sp_bus_principal *row)
{
    struct sp_str curve = sp_db_get_blob(q, 2), sign = sp_db_get_blob(q, 3);
    memset(row, 0, sizeof *row);
    bool ok = sp_str_copy(row->name, sizeof row->name, sp_db_get_text(q, 0)) && curve.n == 32 && sign.n == 32 &&
              sp_str_copy(row->adapters, sizeof row->adapters, sp_db_get_text(q, 4)) &&
              sp_str_copy(row->nodes, sizeof row->nodes, sp_db_get_text(q, 5));
    if (ok) {
        row->role = (uint8_t)sp_db_get_int(q, 1);
        row->not_after_s = (uint64_t)sp_db_get_int(q, 7);
        row->revoked = sp_db_get_int(q, 8) != 0;
        memcpy(row->curve, curve.p, 32);
        memcpy(row->sign, sign.p, 32);
        uint8_t mac[32];
        principal_mac(s, row, sp_db_get_text(q, 6), mac);
        if (!keeper_store_mac_fits(mac, sp_db_get_blob(q, 9))) {
            principals_edited(s, "principal", sp_db_get_text(q, 0), "counts as revoked");
            row->revoked = true;
        }
    }
    return ok;
}

static bool invitation_good(struct nodes_shell *s, struct sp_db_stmt *q)
{
    uint8_t mac[32];
    const struct sp_str parts[] = {sp_db_get_blob(q, 3), sp_db_get_text(q, 0), sp_db_get_blob(q, 1), sp_db_get_text(q, 4),
                                   sp_db_get_text(q, 5), sp_db_get_text(q, 6), sp_db_get_text(q, 7)};
    invitation_mac(s, parts, sp_db_get_int(q, 2), mac);
    bool good = keeper_store_mac_fits(mac, sp_db_get_blob(q, 8));
    if (!good) {
        principals_edited(s, "invitation", sp_db_get_text(q, 4), "counts for nothing");
    }
    return good;
}

enum sp_rc keeper_principals_each(struct nodes_shell *s, void (*fn)(void *ctx, const struct sp_bus_principal *row), void *ctx)
{
    struct sp_db_stmt *q = NULL;
    struct sp_bus_principal row;
    enum sp_rc rc = keeper_store_query(&s->store, "SELECT " PRINCIPAL_COLUMNS " FROM principal ORDER BY name", &q);
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        if (principal_read(s, q, &row)) {
            fn(ctx, &row);
        }
    }
    rc = rc == SP_E_NOT_FOUND
             ? keeper_store_query(&s->store, "SELECT " INVITATION_COLUMNS " FROM invitation WHERE expires_s>?1 ORDER BY enrol", &q)
             : rc;
    if (rc == SP_OK) {
        sp_db_int(q, 1, (int64_t)principals_wall_s(s));
    }
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        struct sp_str curve = sp_db_get_blob(q, 1);
        memset(&row, 0, sizeof row);
        if (sp_str_copy(row.name, sizeof row.name, sp_db_get_text(q, 0)) && curve.n == 32 && invitation_good(s, q)) {
            row.role = SP_ROLE_ENROL;
            row.not_after_s = (uint64_t)sp_db_get_int(q, 2);
            memcpy(row.curve, curve.p, 32);
            fn(ctx, &row);
        }
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : rc;
}

bool keeper_principals_find_invitation(struct nodes_shell *s, const uint8_t hash[32], struct keeper_invitation *out)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc =
        keeper_store_query(&s->store, "SELECT " INVITATION_COLUMNS " FROM invitation WHERE hash=?1 AND expires_s>?2", &q);
    if (rc == SP_OK) {
        sp_db_blob(q, 1, hash, 32);
        sp_db_int(q, 2, (int64_t)principals_wall_s(s));
        rc = sp_db_row(q);
    }
    bool ok = rc == SP_OK && invitation_good(s, q) && sp_str_copy(out->name, sizeof out->name, sp_db_get_text(q, 4)) &&
              sp_str_copy(out->adapters, sizeof out->adapters, sp_db_get_text(q, 5)) &&
              sp_str_copy(out->nodes, sizeof out->nodes, sp_db_get_text(q, 6)) &&
              sp_str_copy(out->labels, sizeof out->labels, sp_db_get_text(q, 7)) &&
              sp_str_copy(out->enrol, sizeof out->enrol, sp_db_get_text(q, 0));
    if (q != NULL) {
        sp_db_reset(q);
    }
    return ok;
}

enum sp_rc keeper_principals_put(struct nodes_shell *s, const struct sp_bus_principal *row, const char *labels)
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(&s->store, "INSERT OR REPLACE INTO principal VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)", &q);
    if (rc != SP_OK) {
        return rc;
    }
    sp_db_text(q, 1, sp_str_of(row->name));
    sp_db_int(q, 2, row->role);
    sp_db_blob(q, 3, row->curve, 32);
    sp_db_blob(q, 4, row->sign, 32);
    sp_db_text(q, 5, sp_str_of(row->adapters));
    sp_db_text(q, 6, sp_str_of(row->nodes));
    sp_db_text(q, 7, sp_str_of(labels));
    sp_db_int(q, 8, (int64_t)row->not_after_s);
    sp_db_int(q, 9, row->revoked);
    uint8_t mac[32];
    principal_mac(s, row, sp_str_of(labels), mac);
    sp_db_blob(q, 10, mac, sizeof mac);
    return sp_db_run(q);
}

/* Keys that were revoked and are no longer a name's own stand under a name made of them. */
static void principal_name_by_key(struct sp_bus_principal *row)
{
    char hex[25];
    sp_hex_write(row->curve, 12, hex);
    (void)snprintf(row->name, sizeof row->name, "revoked-%s", hex);
}

enum sp_rc keeper_principals_keep_revoked(struct nodes_shell *s, const struct sp_bus_principal *row)
{
    struct sp_db_stmt *q = NULL;
    struct sp_bus_principal had;
    enum sp_rc rc = keeper_store_query(&s->store, "SELECT " PRINCIPAL_COLUMNS " FROM principal WHERE name=?1", &q);
    if (rc == SP_OK) {
        sp_db_text(q, 1, sp_str_of(row->name));
        rc = sp_db_row(q);
    }
    bool keep = rc == SP_OK && principal_read(s, q, &had) && had.revoked &&
                (memcmp(had.curve, row->curve, 32) != 0 || memcmp(had.sign, row->sign, 32) != 0);
    if (q != NULL) {
        sp_db_reset(q);
    }
    if (!keep) {
        return rc == SP_E_NOT_FOUND ? SP_OK : rc;
    }
    principal_name_by_key(&had);
    return keeper_principals_put(s, &had, "");
}

enum sp_rc keeper_principals_revoke_next(struct nodes_shell *s, const struct sp_bus_principal *row)
{
    static const uint8_t none[32];
    struct sp_bus_principal next = *row;
    if (memcmp(row->next_curve, none, sizeof none) == 0) {
        return SP_OK;
    }
    memcpy(next.curve, row->next_curve, sizeof next.curve);
    memcpy(next.sign, row->next_sign, sizeof next.sign);
    next.not_after_s = row->next_not_after_s;
    next.revoked = true;
    principal_name_by_key(&next);
    return keeper_principals_put(s, &next, "");
}

enum sp_rc keeper_principals_spend(struct nodes_shell *s, const uint8_t hash[32])
{
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(&s->store, "DELETE FROM invitation WHERE hash=?1", &q);
    if (rc == SP_OK) {
        sp_db_blob(q, 1, hash, 32);
        rc = sp_db_run(q);
    }
    return rc;
}

enum sp_rc keeper_principals_invite(struct nodes_shell *s, const struct keeper_invitation *inv, const uint8_t secret[32],
                                    const uint8_t curve[32], uint64_t expires_s)
{
    uint8_t hash[32];
    struct sp_db_stmt *q = NULL;
    sp_crypto_sha256(secret, 32, hash);
    enum sp_rc rc = keeper_store_query(&s->store, "INSERT INTO invitation VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)", &q);
    if (rc != SP_OK) {
        return rc;
    }
    sp_db_blob(q, 1, hash, 32);
    sp_db_text(q, 2, sp_str_of(inv->enrol));
    sp_db_blob(q, 3, curve, 32);
    sp_db_text(q, 4, sp_str_of(inv->name));
    sp_db_text(q, 5, sp_str_of(inv->adapters));
    sp_db_text(q, 6, sp_str_of(inv->nodes));
    sp_db_text(q, 7, sp_str_of(inv->labels));
    sp_db_int(q, 8, (int64_t)expires_s);
    uint8_t mac[32];
    const struct sp_str parts[] = {sp_str_bytes(hash, 32),   sp_str_of(inv->enrol), sp_str_bytes(curve, 32), sp_str_of(inv->name),
                                   sp_str_of(inv->adapters), sp_str_of(inv->nodes), sp_str_of(inv->labels)};
    invitation_mac(s, parts, (int64_t)expires_s, mac);
    sp_db_blob(q, 9, mac, sizeof mac);
    return sp_db_run(q);
}
