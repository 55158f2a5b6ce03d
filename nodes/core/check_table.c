/* SPDX-License-Identifier: Apache-2.0 */
#include "check_table.h"

#include <stdlib.h>

#include "sp_assert.h"
#include "sp_selector.h"

void check_table_init(struct check_table *t)
{
    memset(t, 0, sizeof *t);
    sp_map_init(&t->by_id);
}

void check_table_fini(struct check_table *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        free(t->rows[i].selector);
        free(t->rows[i].runbook);
    }
    free(t->rows);
    sp_map_fini(&t->by_id);
    memset(t, 0, sizeof *t);
}

void check_table_begin(struct check_table *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        t->rows[i].seen = false;
    }
}

static char *check_table_text(struct sp_str s)
{
    char *copy = malloc((size_t)s.n + 1);
    if (copy != NULL) {
        (void)sp_str_copy(copy, (size_t)s.n + 1, s);
    }
    return copy;
}

static bool check_table_valid(const struct rec_check_info *info)
{
    struct sp_selector selector;
    return info->id != 0 && info->stage <= SP_STAGE_LAST && info->max_age_ms > 0 && info->rise > 0 && info->fall > 0 &&
           sp_str_is_name(info->name, CHECK_NAME_BYTES - 1) && sp_selector_parse(info->selector, &selector, NULL);
}

/* Returns the index of the row for this id, new or old; CHECK_ROW_NONE when there is no room. */
static uint32_t check_table_room(struct check_table *t, uint32_t id)
{
    uint32_t index = check_table_find(t, id);
    if (index != CHECK_ROW_NONE) {
        return index;
    }
    if (t->count >= CHECK_ROWS_MAX) {
        return CHECK_ROW_NONE;
    }
    if (t->count == t->size) {
        uint32_t size = t->size == 0 ? 64 : t->size * 2;
        struct check_row *rows = realloc(t->rows, (size_t)size * sizeof *rows);
        if (rows == NULL) {
            return CHECK_ROW_NONE;
        }
        t->rows = rows;
        t->size = size;
    }
    if (!sp_map_put(&t->by_id, id, t->count)) {
        return CHECK_ROW_NONE;
    }
    memset(&t->rows[t->count], 0, sizeof t->rows[t->count]);
    t->rows[t->count].id = id;
    return t->count++;
}

/* Results made before this change are worth nothing: another digest, or a stage in which they were not meant to count. */
static bool check_table_voids(const struct check_row *row, const struct rec_check_info *info)
{
    bool counted = row->stage == SP_STAGE_ENFORCING;
    return row->policy == 0 || memcmp(row->digest, info->digest, sizeof row->digest) != 0 ||
           counted != (info->stage == SP_STAGE_ENFORCING);
}

/* policy 0: of a new set, at now_ms. */
static enum sp_rc check_table_fill(struct check_table *t, const struct rec_check_info *info, uint32_t policy, uint64_t now_ms)
{
    if (!check_table_valid(info)) {
        return SP_E_INVALID;
    }
    char *selector = check_table_text(info->selector);
    char *runbook = check_table_text(info->runbook);
    uint32_t index = selector != NULL && runbook != NULL ? check_table_room(t, info->id) : CHECK_ROW_NONE;
    if (index == CHECK_ROW_NONE) {
        free(selector);
        free(runbook);
        return SP_E_LIMIT;
    }
    struct check_row *row = &t->rows[index];
    if (policy != 0) {
        row->policy = policy;
        t->policy_last = policy > t->policy_last ? policy : t->policy_last;
    } else if (check_table_voids(row, info)) {
        row->policy = ++t->policy_last;
    }
    if (policy == 0 && row->max_age_ms != 0 && info->max_age_ms > row->max_age_ms && now_ms > row->max_age_ms) {
        uint64_t over_ms = now_ms - row->max_age_ms;
        row->over_ms = over_ms > row->over_ms ? over_ms : row->over_ms;
    }
    row->stricter = row->stricter || (row->rise != 0 && (info->rise > row->rise || info->fall < row->fall));
    free(row->selector);
    free(row->runbook);
    row->selector = selector;
    row->runbook = runbook;
    row->revision = info->revision;
    row->max_age_ms = info->max_age_ms;
    row->period_ms = info->period_ms;
    row->rise = info->rise;
    row->fall = info->fall;
    row->category = info->category;
    row->stage = info->stage;
    row->enabled = info->enabled;
    row->present = true;
    row->seen = true;
    memcpy(row->digest, info->digest, sizeof row->digest);
    (void)sp_str_copy(row->name, sizeof row->name, info->name);
    (void)sp_str_copy(row->adapter, sizeof row->adapter, info->adapter);
    return SP_OK;
}

enum sp_rc check_table_put(struct check_table *t, const struct rec_check_info *info, uint64_t now_ms)
{
    return check_table_fill(t, info, 0, now_ms);
}

enum sp_rc check_table_restore(struct check_table *t, const struct rec_check_info *info, uint32_t policy, uint64_t over_ms)
{
    enum sp_rc rc = policy == 0 ? SP_E_INVALID : check_table_fill(t, info, policy, 0);
    if (rc == SP_OK) {
        t->rows[check_table_find(t, info->id)].over_ms = over_ms;
    }
    return rc;
}

void check_table_forget_over(struct check_table *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        t->rows[i].over_ms = 0;
    }
}

bool check_table_end(struct check_table *t, uint64_t boot, uint64_t version, uint64_t now_ms)
{
    bool gone = false;
    for (uint32_t i = 0; i < t->count; i++) {
        struct check_row *row = &t->rows[i];
        if (row->present && !row->seen) {
            row->gone_ms = now_ms;
            gone = true;
        }
        row->present = row->seen;
    }
    t->boot = boot;
    t->version = version;
    return gone;
}

bool check_table_is_stricter(const struct check_table *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->rows[i].stricter) {
            return true;
        }
    }
    return false;
}

uint32_t check_table_find(const struct check_table *t, uint32_t id)
{
    uint32_t index = sp_map_get(&t->by_id, id);
    return index == SP_MAP_NONE ? CHECK_ROW_NONE : index;
}

uint32_t check_table_find_name(const struct check_table *t, struct sp_str name)
{
    uint32_t gone = CHECK_ROW_NONE;
    for (uint32_t i = 0; i < t->count; i++) {
        if (sp_str_is(name, t->rows[i].name)) {
            if (t->rows[i].present) {
                return i;
            }
            gone = i;
        }
    }
    return gone;
}

const struct check_row *check_table_at(const struct check_table *t, uint32_t index)
{
    SP_ASSERT(index < t->count);
    return &t->rows[index];
}

struct pair_rule check_table_rule(const struct check_row *row)
{
    return (struct pair_rule){row->over_ms, row->policy, row->max_age_ms, row->rise, row->fall};
}

bool check_table_counts(const struct check_row *row)
{
    return row->present && row->stage == SP_STAGE_ENFORCING;
}
