/* SPDX-License-Identifier: Apache-2.0 */
/* The audit of the store: rows in a chain of hashes, from the first or from where old rows were cut off. */
#include <stdio.h>

#include "keeper_store.h"
#include "sp_hex.h"

#define AUDIT_CUT_ROWS_MAX  10000 /* removed at once */
#define AUDIT_TAIL_ROWS     1000  /* looked at when the keeper starts; and all that came after the anchor, but no more than */
#define AUDIT_TAIL_ROWS_MAX 100000

#define AUDIT_COLUMNS "seq, wall_ms, actor, what, object, before, after, why, hash"

/* hash = SHA-256(previous hash, sequence, time, and each text with its length). */
static void audit_hash(const uint8_t before[32], int64_t seq, int64_t wall_ms, const struct sp_str texts[6], uint8_t hash[32])
{
    struct sp_crypto_sha256 h;
    sp_crypto_sha256_init(&h);
    sp_crypto_sha256_update(&h, before, 32);
    sp_crypto_sha256_update(&h, &seq, sizeof seq);
    sp_crypto_sha256_update(&h, &wall_ms, sizeof wall_ms);
    for (unsigned i = 0; i < 6; i++) {
        sp_crypto_sha256_update(&h, &texts[i].n, sizeof texts[i].n);
        sp_crypto_sha256_update(&h, texts[i].p, texts[i].n);
    }
    sp_crypto_sha256_final(&h, hash);
}

enum sp_rc keeper_store_audit(struct keeper_store *s, const struct keeper_store_audit *a)
{
    const struct sp_str texts[6] = {sp_str_of(a->actor), sp_str_of(a->what), sp_str_of(a->object),
                                    sp_str_of(a->from),  sp_str_of(a->to),   sp_str_of(a->why)};
    uint8_t hash[32];
    int64_t seq = s->audit_seq + 1;
    audit_hash(s->audit_head, seq, (int64_t)a->wall_ms, texts, hash);
    sp_db_int(s->audit, 1, seq);
    sp_db_int(s->audit, 2, (int64_t)a->wall_ms);
    for (int i = 0; i < 6; i++) {
        sp_db_text(s->audit, 3 + i, texts[i].p != NULL ? texts[i] : sp_str_of(""));
    }
    sp_db_blob(s->audit, 9, hash, sizeof hash);
    enum sp_rc rc = sp_db_run(s->audit);
    if (rc == SP_OK) {
        s->audit_seq = seq;
        memcpy(s->audit_head, hash, sizeof hash);
    }
    return rc;
}

/* Where the chain begins: after row *seq with that hash; 0 and zeros when nothing was cut off or the note about it is not ours. */
static enum sp_rc audit_begin(struct keeper_store *s, int64_t *seq, uint8_t hash[32])
{
    struct sp_db_stmt *q = NULL;
    *seq = 0;
    memset(hash, 0, 32);
    enum sp_rc rc = keeper_store_query(s, "SELECT seq, hash, mac FROM audit_cut WHERE id=1", &q);
    rc = rc == SP_OK ? sp_db_row(q) : rc;
    if (rc == SP_OK) {
        uint8_t mac[32];
        struct sp_str stored = sp_db_get_blob(q, 1), proof = sp_db_get_blob(q, 2);
        keeper_store_mac(s, "audit cut", sp_db_get_int(q, 0), stored, sp_str_of(""), mac);
        if (stored.n == 32 && keeper_store_mac_fits(mac, proof)) {
            *seq = sp_db_get_int(q, 0);
            memcpy(hash, stored.p, 32);
        }
        sp_db_reset(q);
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : rc;
}

int64_t keeper_store_audit_begin(struct keeper_store *s)
{
    int64_t seq = 0;
    uint8_t hash[32];
    return audit_begin(s, &seq, hash) == SP_OK ? seq : 0;
}

/* Walks the rows after `first` up to `last`; *seq and hash, which are of the row before them, go along. Returns through *bad the
 * first row that does not fit, 0: all do. */
static enum sp_rc audit_walk(struct keeper_store *s, int64_t first, int64_t last, int64_t *seq, uint8_t hash[32], uint64_t *rows,
                             int64_t *bad)
{
    struct sp_db_stmt *q = NULL;
    *rows = 0;
    *bad = 0;
    enum sp_rc rc = keeper_store_query(s, "SELECT " AUDIT_COLUMNS " FROM audit WHERE seq<=?1 AND seq>?2 ORDER BY seq", &q);
    if (rc == SP_OK) {
        sp_db_int(q, 1, last);
        sp_db_int(q, 2, first);
    }
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        struct sp_str texts[6];
        int64_t at = sp_db_get_int(q, 0);
        for (int i = 0; i < 6; i++) {
            texts[i] = sp_db_get_text(q, 2 + i);
        }
        audit_hash(hash, at, sp_db_get_int(q, 1), texts, hash);
        struct sp_str stored = sp_db_get_blob(q, 8);
        bool good = at == ++*seq && stored.n == 32 && memcmp(stored.p, hash, 32) == 0;
        *bad = good || *bad != 0 ? *bad : at;
        ++*rows;
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : rc;
}

enum sp_rc keeper_store_verify(struct keeper_store *s, struct keeper_store_verdict *out)
{
    memset(out, 0, sizeof *out);
    enum sp_rc rc = audit_begin(s, &out->cut_seq, out->cut_hash);
    int64_t seq = out->cut_seq;
    memcpy(out->head, out->cut_hash, sizeof out->head);
    rc = rc == SP_OK ? audit_walk(s, INT64_MIN, INT64_MAX, &seq, out->head, &out->rows, &out->bad_seq) : rc;
    if (out->bad_seq == 0 && (seq != s->audit_seq || memcmp(out->head, s->audit_head, sizeof out->head) != 0)) {
        out->bad_seq = seq + 1; /* the end is missing */
    }
    return rc;
}

/* Where the look at the end of the audit begins: after row *seq, with that row's hash. */
static enum sp_rc audit_tail_begin(struct keeper_store *s, int64_t *seq, uint8_t hash[32])
{
    struct sp_db_stmt *q = NULL;
    int64_t from = s->audit_seq - AUDIT_TAIL_ROWS;
    enum sp_rc rc = audit_begin(s, seq, hash);
    if (s->anchored && s->anchor_audit < from) {
        from = s->anchor_audit > s->audit_seq - AUDIT_TAIL_ROWS_MAX ? s->anchor_audit : s->audit_seq - AUDIT_TAIL_ROWS_MAX;
    }
    if (rc != SP_OK || from <= *seq) {
        return rc;
    }
    *seq = from;
    memset(hash, 0, 32);
    rc = keeper_store_query(s, "SELECT hash FROM audit WHERE seq=?1", &q);
    if (rc == SP_OK) {
        sp_db_int(q, 1, from);
        rc = sp_db_row(q);
    }
    if (rc == SP_OK) {
        struct sp_str stored = sp_db_get_blob(q, 0);
        memcpy(hash, stored.p, stored.n == 32 ? 32 : 0);
        sp_db_reset(q);
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : rc; /* then the next row does not fit */
}

enum sp_rc keeper_store_audit_tail(struct keeper_store *s, struct sp_err *err)
{
    uint8_t hash[32];
    uint64_t rows = 0;
    int64_t seq = 0, bad = 0;
    enum sp_rc rc = audit_tail_begin(s, &seq, hash);
    int64_t from = seq;
    rc = rc == SP_OK ? audit_walk(s, from, INT64_MAX, &seq, hash, &rows, &bad) : rc;
    if (rc != SP_OK) {
        return sp_err_set(err, rc, s->path, "the audit cannot be read: %s", sp_db_error(s->db)->text);
    }
    if (bad == 0) {
        return SP_OK;
    }
    (void)sp_err_set(err, SP_E_CORRUPT, s->path,
                     "row %lld of the audit does not fit the row before it: it was altered, or rows were taken out",
                     (long long)bad);
    sp_err_hint(
        err,
        "keep a copy as evidence; put back the last good copy of the store, or move the file away: all nodes then have to prove "
        "themselves anew");
    return SP_E_CORRUPT;
}

/* First column of the first row of a query whose ?1 is bound; otherwise `none`. */
static enum sp_rc audit_number(struct keeper_store *s, const char *sql, int64_t bound, int64_t none, int64_t *out)
{
    struct sp_db_stmt *q = NULL;
    *out = none;
    enum sp_rc rc = keeper_store_query(s, sql, &q);
    if (rc == SP_OK) {
        sp_db_int(q, 1, bound);
        rc = sp_db_row(q);
    }
    if (rc == SP_OK) {
        *out = sp_db_get_int(q, 0);
        sp_db_reset(q);
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : rc;
}

static enum sp_rc audit_remove(struct keeper_store *s, int64_t last, const uint8_t hash[32])
{
    uint8_t mac[32];
    struct sp_db_stmt *q = NULL;
    enum sp_rc rc = keeper_store_query(s, "DELETE FROM audit WHERE seq<=?1", &q);
    if (rc == SP_OK) {
        sp_db_int(q, 1, last);
        rc = sp_db_run(q);
    }
    rc = rc == SP_OK ? keeper_store_query(s, "INSERT OR REPLACE INTO audit_cut VALUES(1,?1,?2,?3)", &q) : rc;
    if (rc == SP_OK) {
        keeper_store_mac(s, "audit cut", last, sp_str_bytes(hash, 32), sp_str_of(""), mac);
        sp_db_int(q, 1, last);
        sp_db_blob(q, 2, hash, 32);
        sp_db_blob(q, 3, mac, sizeof mac);
        rc = sp_db_run(q);
    }
    return rc;
}

enum sp_rc keeper_store_audit_cut(struct keeper_store *s, uint64_t wall_ms, int64_t most, struct keeper_store_cut *out)
{
    uint8_t hash[32];
    int64_t first = 0, young = 0;
    memset(out, 0, sizeof *out);
    if (s->audit_keep_ms == 0 || wall_ms < s->audit_keep_ms) {
        return SP_OK;
    }
    enum sp_rc rc = audit_begin(s, &first, hash);
    rc = rc == SP_OK ? audit_number(s, "SELECT seq FROM audit WHERE wall_ms>=?1 ORDER BY seq LIMIT 1",
                                    (int64_t)(wall_ms - s->audit_keep_ms), s->audit_seq, &young)
                     : rc;
    int64_t last = young - 1; /* only a beginning without a hole: a row behind a young one stays; so does the last row */
    last = last < most ? last : most;
    out->more = last - first > AUDIT_CUT_ROWS_MAX;
    last = out->more ? first + AUDIT_CUT_ROWS_MAX : last;
    if (rc != SP_OK || last <= first) {
        return rc;
    }
    int64_t at = first;
    rc = audit_walk(s, INT64_MIN, last, &at, hash, &out->rows, &out->bad_seq);
    if (rc == SP_OK && out->bad_seq == 0 && at != last) {
        out->bad_seq = at + 1;
    }
    if (rc != SP_OK || out->bad_seq != 0) {
        out->rows = 0;
        out->more = false;
        return rc; /* what does not fit is evidence and stays */
    }
    char object[64], hex[65], why[128];
    sp_hex_write(hash, sizeof hash, hex);
    (void)snprintf(object, sizeof object, "%lld-%lld", (long long)first + 1, (long long)last);
    (void)snprintf(why, sizeof why, "older than audit_keep; hash of the last row %s", hex);
    rc = audit_remove(s, last, hash);
    struct keeper_store_audit row = {wall_ms, "keeper", "audit.cut", object, "", "", why};
    return rc == SP_OK ? keeper_store_audit(s, &row) : rc;
}
