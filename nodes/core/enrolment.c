/* SPDX-License-Identifier: Apache-2.0 */
#include "enrolment.h"

#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"

void enrolment_init(struct enrolment_table *t)
{
    memset(t, 0, sizeof *t);
}

void enrolment_fini(struct enrolment_table *t)
{
    for (uint32_t i = 0; i < t->size; i++) {
        free(t->rows[i]);
    }
    free(t->rows);
    memset(t, 0, sizeof *t);
}

const struct enrolment_row *enrolment_at(const struct enrolment_table *t, uint32_t node)
{
    return node >= 1 && node <= t->size ? t->rows[node - 1] : NULL;
}

struct enrolment_row *enrolment_place(struct enrolment_table *t, uint32_t node)
{
    SP_ASSERT(node >= 1 && node <= NODE_ROWS_MAX);
    if (node > t->size) {
        uint32_t size = node < 64 ? 64 : node + node / 2;
        struct enrolment_row **rows = realloc(t->rows, size * sizeof(struct enrolment_row *));
        if (rows == NULL) {
            return NULL;
        }
        memset(rows + t->size, 0, (size - t->size) * sizeof(struct enrolment_row *));
        t->rows = rows;
        t->size = size;
    }
    struct enrolment_row **place = &t->rows[node - 1];
    if (*place == NULL && (*place = calloc(1, sizeof **place)) != NULL) {
        (*place)->node = node;
    }
    return *place;
}

enum enrolment_state enrolment_state(const struct enrolment_table *t, const struct enrolment_row *row, const struct node_row *node)
{
    if (row == NULL || row->is.mode == SP_ENROLMENT_NONE) {
        return ENROLMENT_NOBODY;
    }
    if (memcmp(row->key, node->key, sizeof row->key) != 0) {
        return ENROLMENT_FOREIGN;
    }
    if (row->withdrawn) {
        return ENROLMENT_WITHDRAWN;
    }
    return row->number <= t->doubted ? ENROLMENT_DOUBTED : ENROLMENT_HELD;
}

const char *enrolment_state_name(unsigned state)
{
    static const char *const names[] = {"none", "held", "withdrawn", "doubted", "foreign"};
    return state < SP_COUNT(names) ? names[state] : "none";
}

static bool enrolment_same_ak(const struct enrolled *a, const struct enrolled *b)
{
    return a->ak_bytes == b->ak_bytes && memcmp(a->ak, b->ak, a->ak_bytes) == 0;
}

/* The same attester with the same keys beside the same TPM, however that was proved. */
static bool enrolment_same(const struct enrolled *a, const struct enrolled *b)
{
    return strcmp(a->attester, b->attester) == 0 && memcmp(a->sign, b->sign, sizeof a->sign) == 0 &&
           memcmp(a->ek_public, b->ek_public, sizeof a->ek_public) == 0 && enrolment_same_ak(a, b);
}

/* True when a key or the attester of one is the other's too. */
static bool enrolment_shares(const struct enrolled *a, const struct enrolled *b)
{
    return strcmp(a->attester, b->attester) == 0 || memcmp(a->sign, b->sign, sizeof a->sign) == 0 ||
           memcmp(a->ek, b->ek, sizeof a->ek) == 0 || memcmp(a->ek_public, b->ek_public, sizeof a->ek_public) == 0 ||
           enrolment_same_ak(a, b);
}

/* Lends the node that has a key of want. Withdrawn ones and those of a former key of their node have none; doubted ones have theirs, for the
 * doubt may be cleared away. */
static const struct node_row *enrolment_holder(const struct enrolment_table *t, const struct node_registry *nodes, uint32_t but,
                                               const struct enrolled *want)
{
    for (uint32_t id = 1; id <= t->size; id++) {
        const struct enrolment_row *row = t->rows[id - 1];
        const struct node_row *node = row != NULL && id != but ? node_registry_at(nodes, id) : NULL;
        enum enrolment_state state = node != NULL ? enrolment_state(t, row, node) : ENROLMENT_NOBODY;
        if ((state == ENROLMENT_HELD || state == ENROLMENT_DOUBTED) && enrolment_shares(&row->is, want)) {
            return node;
        }
    }
    return NULL;
}

/* True when no other node was ever bound under this key. A key gets another name when its former node is given another key: that must not be
 * how one operator alone gives it another TPM. */
static bool enrolment_key_is_new(const struct enrolment_table *t, const struct node_row *node)
{
    for (uint32_t id = 1; id <= t->size; id++) {
        const struct enrolment_row *row = t->rows[id - 1];
        if (row != NULL && id != node->id && row->is.mode != SP_ENROLMENT_NONE &&
            memcmp(row->key, node->key, sizeof row->key) == 0) {
            return false;
        }
    }
    return true;
}

enum enrolment_change enrolment_judge(const struct enrolment_table *t, const struct node_registry *nodes,
                                      const struct node_row *node, const struct enrolled *want, const struct node_row **other)
{
    const struct enrolment_row *row = enrolment_at(t, node->id);
    *other = NULL;
    if (node->state == SP_NODE_STATE_RETIRED || want->mode == SP_ENROLMENT_NONE || want->mode > SP_ENROLMENT_LAST ||
        want->attester[0] == '\0' || want->ak_bytes == 0 || want->ak_bytes > ENROLMENT_AK_MAX) {
        return ENROLMENT_BAD;
    }
    *other = enrolment_holder(t, nodes, node->id, want);
    if (*other != NULL) {
        return ENROLMENT_TAKEN;
    }
    if (row == NULL || row->is.mode == SP_ENROLMENT_NONE) {
        return enrolment_key_is_new(t, node) ? ENROLMENT_FRESH : ENROLMENT_OTHER;
    }
    if (memcmp(row->key, node->key, sizeof row->key) != 0 || !enrolment_same(&row->is, want)) {
        return ENROLMENT_OTHER;
    }
    if (row->is.mode == want->mode) {
        return ENROLMENT_CONFIRMED;
    }
    return want->mode == SP_ENROLMENT_CERTIFIED ? ENROLMENT_STRONGER : ENROLMENT_OTHER; /* less is proved than before */
}

bool enrolment_waits(const struct enrolment_row *row, const struct node_row *node, uint64_t wall_ms)
{
    return row != NULL && row->ask.mode != SP_ENROLMENT_NONE && memcmp(row->ask_key, node->key, sizeof row->ask_key) == 0 &&
           wall_ms >= row->asked.wall_ms && wall_ms - row->asked.wall_ms < ENROLMENT_ASK_MS;
}

enum enrolment_approval enrolment_may_approve(const struct enrolment_row *row, const struct node_row *node, struct sp_str by,
                                              const uint8_t print[ENROLMENT_PRINT_BYTES], uint64_t wall_ms)
{
    if (!enrolment_waits(row, node, wall_ms)) {
        return ENROLMENT_NO_REQUEST;
    }
    if (sp_str_is(by, row->asked.by)) {
        return ENROLMENT_SELF;
    }
    return memcmp(row->ask.print, print, ENROLMENT_PRINT_BYTES) == 0 ? ENROLMENT_APPROVED : ENROLMENT_NOT_THIS;
}
