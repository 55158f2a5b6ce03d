/* SPDX-License-Identifier: Apache-2.0 */
/* The background of the store: records of nodes in key order, then the journal before them goes. A record may be newer than the mark of
 * its fold; replaying the journal over it changes nothing, because job numbers only rise. */
#include <stdlib.h>

#include "keeper_store.h"

bool keeper_store_folding(const struct keeper_store *s)
{
    return s->folding;
}

static int fold_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

enum sp_rc keeper_store_fold_begin(struct keeper_store *s, struct keeper_core *core)
{
    struct node_registry *nodes = keeper_core_nodes(core);
    if (keeper_store_folding(s) || (nodes->fold_count == 0 && s->journal_seq == s->folded)) {
        return SP_OK;
    }
    if (nodes->fold_count > s->fold_size) {
        uint32_t *ids = realloc(s->fold_ids, nodes->size * sizeof *ids);
        if (ids == NULL) {
            return SP_E_NOMEM;
        }
        s->fold_ids = ids;
        s->fold_size = nodes->size;
    }
    s->fold_count = nodes->fold_count;
    s->fold_next = 0;
    if (s->fold_count > 0) {
        memcpy(s->fold_ids, nodes->fold, s->fold_count * sizeof *s->fold_ids);
        qsort(s->fold_ids, s->fold_count, sizeof *s->fold_ids, fold_compare);
    }
    for (uint32_t i = 0; i < s->fold_count; i++) {
        node_registry_at(nodes, s->fold_ids[i])->fold = false; /* what changes from now on belongs to the next fold */
    }
    nodes->fold_count = 0;
    s->journal_results = 0;
    s->fold_to = s->journal_seq;
    s->folding = true;
    return SP_OK;
}

static enum sp_rc fold_record(struct keeper_store *s, const struct keeper_core *core, const struct node_row *row)
{
    uint8_t mac[32];
    sp_buf_reset(&s->scratch);
    keeper_core_write_record(core, row, &s->scratch);
    if (s->scratch.failed) {
        return SP_E_NOMEM;
    }
    keeper_store_mac(s, "record", row->id, sp_buf_view(&s->scratch), sp_str_of(""), mac);
    sp_db_int(s->record, 1, row->id);
    sp_db_blob(s->record, 2, s->scratch.p, s->scratch.n);
    sp_db_blob(s->record, 3, mac, sizeof mac);
    return sp_db_run(s->record);
}

enum sp_rc keeper_store_fold_step(struct keeper_store *s, struct keeper_core *core, uint32_t pairs)
{
    struct node_registry *nodes = keeper_core_nodes(core);
    uint32_t written = 0;
    enum sp_rc rc = SP_OK;
    while (s->fold_next < s->fold_count && written < pairs && rc == SP_OK) {
        const struct node_row *row = node_registry_at(nodes, s->fold_ids[s->fold_next++]);
        rc = fold_record(s, core, row);
        written += row->pair_count + 1;
    }
    if (rc != SP_OK || s->fold_next < s->fold_count) {
        return rc;
    }
    struct sp_db_stmt *trim = NULL;
    rc = keeper_store_query(s, "DELETE FROM journal WHERE seq<=?1", &trim);
    if (rc == SP_OK) {
        sp_db_int(trim, 1, s->fold_to);
        rc = sp_db_run(trim);
    }
    rc = rc == SP_OK ? keeper_store_meta_put(s, "folded", (uint64_t)s->fold_to) : rc;
    if (rc == SP_OK) {
        s->folded = s->fold_to;
        s->folding = false;
        s->fold_count = 0;
        s->fold_next = 0;
    }
    return rc;
}

void keeper_store_fold_failed(struct keeper_store *s, struct keeper_core *core)
{
    struct node_registry *nodes = keeper_core_nodes(core);
    for (uint32_t i = 0; i < s->fold_count; i++) {
        node_registry_mark_fold(nodes, node_registry_at(nodes, s->fold_ids[i]));
    }
    s->folded = (int64_t)keeper_store_meta(s, "folded");
    s->folding = false;
    s->fold_count = 0;
    s->fold_next = 0;
}

enum sp_rc keeper_store_expire(struct keeper_store *s, uint64_t wall_ms)
{
    struct sp_db_stmt *q = NULL;
    if (s->history_keep_ms == 0 || wall_ms < s->history_keep_ms) {
        return SP_OK;
    }
    enum sp_rc rc = keeper_store_query(s, "DELETE FROM history WHERE last_s<?1", &q);
    if (rc == SP_OK) {
        sp_db_int(q, 1, (int64_t)((wall_ms - s->history_keep_ms) / SP_MS_PER_S));
        rc = sp_db_run(q);
    }
    return rc;
}
