/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "keeper_store.h"
#include "sp_fs.h"
#include "sp_hex.h"
#include "sp_log.h"

#define ANCHOR_FILE      "anchor"
#define ANCHOR_BYTES_MAX 512u
#define ANCHOR_FORMAT    "SPICE keeper anchor 2 audit %lld %64s journal %lld identities %llu mac %64s"
#define ANCHOR_FORMAT_1  "SPICE keeper anchor 1 audit %lld %64s journal %lld mac %64s" /* of a keeper that knew no identities */

/* What the file says. */
struct anchor {
    long long audit, journal;
    unsigned long long identities;
    bool first; /* in the first format */
    char head[65], mac[65];
};

static bool anchor_path(const struct keeper_store *s, char path[SP_FS_PATH_BYTES])
{
    const char *slash = strrchr(s->path, '/');
    struct sp_str dir = slash != NULL ? sp_str_bytes(s->path, (size_t)(slash - s->path)) : sp_str_of(".");
    char folder[SP_FS_PATH_BYTES];
    return sp_str_copy(folder, sizeof folder, dir) && sp_fs_join(path, SP_FS_PATH_BYTES, folder, ANCHOR_FILE) == SP_OK;
}

static void anchor_mac(const struct keeper_store *s, const struct anchor *a, char hex[65])
{
    uint8_t mac[32];
    const struct sp_str parts[] = {sp_str_of(a->head), sp_str_bytes(&a->journal, sizeof a->journal),
                                   sp_str_bytes(&a->identities, sizeof a->identities)};
    if (a->first) {
        keeper_store_mac(s, "anchor", a->audit, parts[0], parts[1], mac);
    } else {
        keeper_store_mac_list(s, "anchor", a->audit, parts, SP_COUNT(parts), mac);
    }
    sp_hex_write(mac, sizeof mac, hex);
}

bool keeper_store_anchor_due(const struct keeper_store *s)
{
    return !s->anchored || s->anchor_audit != s->committed_seq || s->anchor_journal != s->committed_journal;
}

void keeper_store_anchor(struct keeper_store *s)
{
    char path[SP_FS_PATH_BYTES], text[ANCHOR_BYTES_MAX];
    struct sp_err err = {.text = ""};
    struct anchor a = {.audit = s->committed_seq, .journal = s->committed_journal, .identities = s->committed_identities};
    if (!keeper_store_anchor_due(s)) {
        return;
    }
    sp_hex_write(s->committed_head, sizeof s->committed_head, a.head);
    anchor_mac(s, &a, a.mac);
    int n = snprintf(text, sizeof text, "SPICE keeper anchor 2 audit %lld %s journal %lld identities %llu mac %s\n", a.audit,
                     a.head, a.journal, a.identities, a.mac);
    if (!anchor_path(s, path) || sp_fs_write(path, text, (size_t)n, 0600, &err) != SP_OK) {
        SP_LOG(SP_LOG_WARNING, "store", "anchor.unwritten", SP_LOG_S("file", path), SP_LOG_S("why", err.text));
        return;
    }
    s->anchored = true;
    s->anchor_audit = a.audit;
    s->anchor_journal = a.journal;
    s->anchor_identities = a.identities;
}

/* True when the audit of the store has that row with that hash, or had it before it was cut off. */
static bool anchor_is_in_audit(struct keeper_store *s, const struct anchor *a)
{
    struct sp_db_stmt *q = NULL;
    char hex[65] = "";
    enum sp_rc rc = keeper_store_query(s, "SELECT hash FROM audit WHERE seq=?1", &q);
    if (rc == SP_OK) {
        sp_db_int(q, 1, a->audit);
        rc = sp_db_row(q);
    }
    if (rc == SP_OK) {
        struct sp_str hash = sp_db_get_blob(q, 0);
        if (hash.n == 32) {
            sp_hex_write((const uint8_t *)hash.p, 32, hex);
        }
        sp_db_reset(q);
        return strcmp(hex, a->head) == 0;
    }
    return rc == SP_E_NOT_FOUND && (a->audit == 0 || a->audit <= keeper_store_audit_begin(s));
}

enum keeper_anchor keeper_store_anchor_check(struct keeper_store *s, char *why, size_t size)
{
    char path[SP_FS_PATH_BYTES] = "", hex[65], *text = NULL;
    size_t n = 0;
    struct anchor a = {.audit = 0};
    (void)snprintf(why, size, "%s", "");
    enum sp_rc rc = anchor_path(s, path) ? sp_fs_read(path, ANCHOR_BYTES_MAX, SP_FS_PRIVATE, &text, &n, NULL) : SP_E_LIMIT;
    if (rc == SP_E_NOT_FOUND) {
        /* Every store that was ever in use has its anchor. That is seen by what is in it: a note that there was one is as easily taken
         * out as the file. */
        bool had = s->audit_seq > 0 || s->journal_seq > 0 || keeper_store_meta(s, "anchored") != 0;
        (void)snprintf(why, size, "%.200s is gone, so nobody can tell whether the store is the latest one", had ? path : "");
        return had ? KEEPER_ANCHOR_LOST : KEEPER_ANCHOR_FITS;
    }
    bool good = rc == SP_OK && sscanf(text, ANCHOR_FORMAT, &a.audit, a.head, &a.journal, &a.identities, a.mac) == 5;
    a.first = rc == SP_OK && !good && sscanf(text, ANCHOR_FORMAT_1, &a.audit, a.head, &a.journal, a.mac) == 4;
    good = good || a.first;
    free(text);
    anchor_mac(s, &a, hex);
    if (!good || strcmp(hex, a.mac) != 0) {
        (void)snprintf(why, size, "%.200s is not what this keeper wrote", path);
        return KEEPER_ANCHOR_OTHER;
    }
    s->anchor_identities = a.identities;
    if (s->audit_seq < a.audit || s->journal_seq < a.journal) {
        (void)snprintf(why, size, "the store is older than %.120s: audit row %lld of %lld, journal row %lld of %lld", path,
                       (long long)s->audit_seq, a.audit, (long long)s->journal_seq, a.journal);
        return KEEPER_ANCHOR_OLDER;
    }
    if (!anchor_is_in_audit(s, &a)) {
        (void)snprintf(why, size, "audit row %lld is not the one %.200s names", a.audit, path);
        return KEEPER_ANCHOR_OTHER;
    }
    s->anchored = true;
    s->anchor_audit = a.audit;
    s->anchor_journal = a.journal;
    return KEEPER_ANCHOR_FITS;
}
