/* SPDX-License-Identifier: Apache-2.0 */
#include "node_registry.h"

#include <stdlib.h>

#include "sp_assert.h"
#include "sp_hash.h"
#include "sp_selector.h"

#define NODE_PAIRS_STEP  8u  /* blocks grow by an eighth, at least by this */
#define NODE_PAIRS_ALIGN 64u /* a line of the cache */

SP_STATIC_ASSERT(sizeof(struct pair_state) % NODE_PAIRS_ALIGN == 0,
                 "a block of pairs has a size that is a multiple of its alignment");

void node_registry_init(struct node_registry *r, const uint8_t hash_key[16])
{
    memset(r, 0, sizeof *r);
    sp_map_init(&r->by_name);
    sp_map_init(&r->by_key);
    memcpy(r->hash_key, hash_key, sizeof r->hash_key);
    r->rows_max = NODE_ROWS_MAX;
}

void node_registry_fini(struct node_registry *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        free(r->rows[i]->name);
        free(r->rows[i]->address);
        free(r->rows[i]->labels);
        free(r->rows[i]->aliases);
        free(r->rows[i]->pairs);
        free(r->rows[i]->members);
        free(r->rows[i]);
    }
    free(r->rows);
    free(r->judge);
    free(r->fold);
    sp_map_fini(&r->by_name);
    sp_map_fini(&r->by_key);
    memset(r, 0, sizeof *r);
}

static uint64_t node_registry_hash(const struct node_registry *r, const void *p, size_t n)
{
    uint64_t hash = sp_hash_sip(r->hash_key, p, n);
    return hash == UINT64_MAX ? 0 : hash; /* the map reserves that key */
}

static bool node_registry_lists(struct sp_str aliases, struct sp_str word)
{
    struct sp_str one;
    while (sp_str_next(&aliases, ',', &one)) {
        if (sp_str_eq(one, word)) {
            return true;
        }
    }
    return false;
}

static bool node_registry_rises(struct sp_str a, struct sp_str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order < 0 || (order == 0 && a.n < b.n);
}

static const char *node_registry_alias_fault(const struct node_def *def)
{
    struct sp_str rest = def->aliases, one, last = {NULL, 0};
    for (uint32_t count = 0; sp_str_next(&rest, ',', &one); count++) {
        if (count == NODE_ALIASES_MAX) {
            return "there are more than 8 aliases";
        }
        if (!sp_str_is_name(one, NODE_NAME_BYTES_MAX)) {
            return "an alias has 1 to 64 characters of A-Z a-z 0-9 . _ -, the first one alphanumeric";
        }
        if (sp_str_eq(one, def->name)) {
            return "an alias is the name of the node itself";
        }
        if (count > 0 && !node_registry_rises(last, one)) {
            return "aliases are not sorted, or one is given twice";
        }
        last = one;
    }
    bool ends = def->aliases.n > 0 && def->aliases.p[def->aliases.n - 1] == ',';
    return ends ? "the list of aliases ends with a comma" : NULL;
}

const char *node_registry_fault(const struct node_def *def)
{
    static const uint8_t zero[16];
    if (!sp_str_is_name(def->name, NODE_NAME_BYTES_MAX)) {
        return "the name of a node has 1 to 64 characters of A-Z a-z 0-9 . _ -, the first one alphanumeric";
    }
    if (def->address.n > NODE_ADDRESS_BYTES_MAX || !sp_str_is_utf8(def->address)) {
        return "address is longer than 255 bytes or not text";
    }
    if (def->labels.n > NODE_LABELS_BYTES_MAX || !sp_selector_labels_valid(def->labels)) {
        return "labels are not a sorted list key=value,key=value of at most 2048 bytes";
    }
    if (memcmp(def->key, zero, sizeof zero) == 0) {
        return "key is missing";
    }
    return def->state > SP_NODE_STATE_LAST ? "no such state" : node_registry_alias_fault(def);
}

struct node_row *node_registry_at(const struct node_registry *r, uint32_t id)
{
    return id >= 1 && id <= r->count ? r->rows[id - 1] : NULL;
}

struct node_row *node_registry_find(const struct node_registry *r, struct sp_str word)
{
    uint32_t id = sp_map_get(&r->by_name, node_registry_hash(r, word.p, word.n));
    struct node_row *row = id == SP_MAP_NONE ? NULL : node_registry_at(r, id);
    bool mine = row != NULL && (sp_str_is(word, row->name) || node_registry_lists(sp_str_of(row->aliases), word));
    return mine ? row : NULL;
}

struct node_row *node_registry_find_name(const struct node_registry *r, struct sp_str name)
{
    struct node_row *row = node_registry_find(r, name);
    return row != NULL && sp_str_is(name, row->name) ? row : NULL;
}

struct node_row *node_registry_find_key(const struct node_registry *r, const uint8_t key[16])
{
    uint32_t id = sp_map_get(&r->by_key, node_registry_hash(r, key, 16));
    struct node_row *row = id == SP_MAP_NONE ? NULL : node_registry_at(r, id);
    return row != NULL && memcmp(row->key, key, 16) == 0 ? row : NULL;
}

/* True when another node than `named` (which may be NULL) has one of the words of def. */
static bool node_registry_taken(const struct node_registry *r, const struct node_def *def, const struct node_row *named)
{
    struct sp_str rest = def->aliases, one = def->name;
    do {
        uint32_t id = sp_map_get(&r->by_name, node_registry_hash(r, one.p, one.n));
        if (id != SP_MAP_NONE && (named == NULL || id != named->id)) {
            return true;
        }
    } while (sp_str_next(&rest, ',', &one));
    return false;
}

static enum sp_rc node_registry_judge(const struct node_registry *r, const struct node_def *def, uint32_t rows_max)
{
    if (node_registry_fault(def) != NULL) {
        return SP_E_INVALID;
    }
    const struct node_row *named = node_registry_find_name(r, def->name);
    const struct node_row *keyed = node_registry_find_key(r, def->key);
    if ((keyed != NULL && keyed != named) || node_registry_taken(r, def, named)) {
        return SP_E_EXISTS;
    }
    if (named != NULL) {
        bool same = memcmp(named->key, def->key, 16) == 0;
        return same || named->state == SP_NODE_STATE_RETIRED ? SP_OK : SP_E_EXISTS;
    }
    return r->count >= rows_max ? SP_E_LIMIT : SP_OK;
}

enum sp_rc node_registry_may_put(const struct node_registry *r, const struct node_def *def)
{
    return node_registry_judge(r, def, r->rows_max);
}

static char *node_registry_text(struct sp_str s)
{
    char *copy = malloc((size_t)s.n + 1);
    if (copy != NULL) {
        (void)sp_str_copy(copy, (size_t)s.n + 1, s);
    }
    return copy;
}

/* Replaces the aliases; false without memory, nothing changed. No other node has one of the words. */
static bool node_registry_rename(struct node_registry *r, struct node_row *row, struct sp_str aliases)
{
    struct sp_str had = sp_str_of(row->aliases), rest = aliases, one, back;
    char *copy = node_registry_text(aliases);
    bool ok = copy != NULL;
    while (ok && sp_str_next(&rest, ',', &one)) {
        ok = node_registry_lists(had, one) || sp_map_put(&r->by_name, node_registry_hash(r, one.p, one.n), row->id);
    }
    if (!ok) { /* takes back what was put; a word that was not there yet is no loss */
        rest = copy != NULL ? aliases : (struct sp_str){NULL, 0};
        while (sp_str_next(&rest, ',', &back)) {
            if (!node_registry_lists(had, back)) {
                sp_map_remove(&r->by_name, node_registry_hash(r, back.p, back.n));
            }
        }
        free(copy);
        return false;
    }
    rest = had;
    while (sp_str_next(&rest, ',', &one)) {
        if (!node_registry_lists(aliases, one)) {
            sp_map_remove(&r->by_name, node_registry_hash(r, one.p, one.n));
        }
    }
    free(row->aliases);
    row->aliases = copy;
    return true;
}

/* Replaces address and labels; false without memory, nothing changed. */
static bool node_registry_describe(struct node_row *row, const struct node_def *def)
{
    char *address = node_registry_text(def->address);
    char *labels = node_registry_text(def->labels);
    if (address == NULL || labels == NULL) {
        free(address);
        free(labels);
        return false;
    }
    free(row->address);
    free(row->labels);
    row->address = address;
    row->labels = labels;
    return true;
}

static bool node_registry_row_pools(struct node_row *row, uint32_t had, uint32_t pools)
{
    struct membership *members = realloc(row->members, pools * sizeof *members);
    if (members == NULL) {
        return false;
    }
    row->members = members;
    memset(members + had, 0, (pools - had) * sizeof *members);
    for (uint32_t p = had; p < pools; p++) {
        members[p].check = CHECK_ROW_NONE;
        members[p].why = TRUST_NO_POOL;
    }
    return true;
}

bool node_registry_pools(struct node_registry *r, uint32_t pools)
{
    SP_ASSERT(pools <= POOL_ROWS_MAX);
    if (pools <= r->pools) {
        return true;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        if (!node_registry_row_pools(r->rows[i], r->pools, pools)) {
            return false; /* longer arrays of some rows do no harm: r->pools still says what may be used */
        }
    }
    r->pools = pools;
    return true;
}

static bool node_registry_grow(struct node_registry *r)
{
    if (r->count < r->size) {
        return true;
    }
    uint32_t size = r->size == 0 ? 64 : r->size * 2;
    struct node_row **rows = realloc(r->rows, size * sizeof *rows);
    r->rows = rows != NULL ? rows : r->rows;
    uint32_t *judge = realloc(r->judge, size * sizeof *judge);
    r->judge = judge != NULL ? judge : r->judge;
    uint32_t *fold = realloc(r->fold, size * sizeof *fold);
    r->fold = fold != NULL ? fold : r->fold;
    if (rows == NULL || judge == NULL || fold == NULL) {
        return false;
    }
    r->size = size;
    return true;
}

static struct node_row *node_registry_insert(struct node_registry *r, const struct node_def *def)
{
    if (!node_registry_grow(r)) {
        return NULL;
    }
    struct node_row *row = calloc(1, sizeof *row);
    char *name = node_registry_text(def->name);
    char *aliases = node_registry_text((struct sp_str){NULL, 0});
    uint64_t hash = node_registry_hash(r, def->name.p, def->name.n);
    if (row == NULL || name == NULL || aliases == NULL || !node_registry_describe(row, def) ||
        (r->pools > 0 && !node_registry_row_pools(row, 0, r->pools)) || !sp_map_put(&r->by_name, hash, r->count + 1)) {
        free(name);
        free(aliases);
        free(row != NULL ? row->members : NULL);
        free(row != NULL ? row->address : NULL);
        free(row != NULL ? row->labels : NULL);
        free(row);
        return NULL;
    }
    row->name = name;
    row->aliases = aliases;
    row->id = r->count + 1;
    row->generation = 1;
    r->rows[r->count++] = row;
    return row;
}

/* Binds the key; results made under another identity end here (SI-12). */
static enum sp_rc node_registry_bind(struct node_registry *r, struct node_row *row, const uint8_t key[16])
{
    if (!sp_map_put(&r->by_key, node_registry_hash(r, key, 16), row->id)) {
        return SP_E_NOMEM;
    }
    if (memcmp(row->key, key, 16) != 0) {
        static const uint8_t zero[16];
        if (memcmp(row->key, zero, 16) != 0) {
            sp_map_remove(&r->by_key, node_registry_hash(r, row->key, 16));
        }
        memcpy(row->key, key, 16);
    }
    return SP_OK;
}

void node_registry_touch(struct node_registry *r, struct node_row *row)
{
    row->version = ++r->version;
    node_registry_mark_judge(r, row);
}

enum sp_rc node_registry_put(struct node_registry *r, const struct node_def *def, struct node_row **out)
{
    enum sp_rc rc = node_registry_may_put(r, def);
    if (rc != SP_OK) {
        return rc;
    }
    struct node_row *row = node_registry_find_name(r, def->name);
    if (row == NULL) {
        row = node_registry_insert(r, def);
        if (row == NULL) {
            return SP_E_NOMEM;
        }
    } else {
        if (!node_registry_describe(row, def)) {
            return SP_E_NOMEM;
        }
        bool back = row->state == SP_NODE_STATE_RETIRED && def->state != SP_NODE_STATE_RETIRED;
        bool other = memcmp(row->key, def->key, 16) != 0;
        row->generation += back || other ? 1 : 0;
        row->instance = other ? 0 : row->instance; /* another machine counts its own starts */
    }
    rc = node_registry_bind(r, row, def->key);
    rc = rc == SP_OK && !node_registry_rename(r, row, def->aliases) ? SP_E_NOMEM : rc;
    row->state = def->state;
    row->origin = def->origin;
    node_registry_touch(r, row);
    node_registry_mark_fold(r, row);
    if (rc == SP_OK) {
        *out = row;
    }
    return rc;
}

enum sp_rc node_registry_restore(struct node_registry *r, const struct node_def *def, uint32_t generation, uint64_t version,
                                 struct node_row **out)
{
    enum sp_rc rc = node_registry_judge(r, def, NODE_ROWS_MAX);
    if (rc != SP_OK || node_registry_find_name(r, def->name) != NULL) {
        return rc != SP_OK ? rc : SP_E_EXISTS;
    }
    struct node_row *row = node_registry_insert(r, def);
    if (row == NULL) {
        return SP_E_NOMEM;
    }
    row->generation = generation;
    row->state = def->state;
    row->origin = def->origin;
    row->version = version;
    r->version = version > r->version ? version : r->version;
    node_registry_mark_judge(r, row);
    *out = row;
    rc = node_registry_bind(r, row, def->key);
    return rc == SP_OK && !node_registry_rename(r, row, def->aliases) ? SP_E_NOMEM : rc;
}

void node_registry_state(struct node_registry *r, struct node_row *row, uint8_t state)
{
    if (row->state == SP_NODE_STATE_RETIRED && state != SP_NODE_STATE_RETIRED) {
        row->generation++;
        node_registry_mark_fold(r, row);
    }
    row->state = state;
    node_registry_touch(r, row);
}

void node_registry_renew(struct node_registry *r, struct node_row *row)
{
    row->generation++;
    row->instance = 0;
    row->instance_worker = 0;
    node_registry_touch(r, row);
    node_registry_mark_fold(r, row);
}

struct node_def node_registry_def(const struct node_row *row)
{
    struct node_def def = {.name = sp_str_of(row->name),
                           .address = sp_str_of(row->address),
                           .labels = sp_str_of(row->labels),
                           .aliases = sp_str_of(row->aliases),
                           .state = row->state,
                           .origin = row->origin};
    memcpy(def.key, row->key, sizeof def.key);
    return def;
}

/* Room for `size` pairs, not less than there are. A pair that begins with a line of the cache is one miss; memory from realloc
 * would lie across two. */
static bool node_registry_pairs_resize(struct node_row *row, uint32_t size)
{
    struct pair_state *pairs = aligned_alloc(NODE_PAIRS_ALIGN, (size_t)size * sizeof *pairs);
    if (pairs == NULL) {
        return false;
    }
    if (row->pair_count > 0) {
        memcpy(pairs, row->pairs, (size_t)row->pair_count * sizeof *pairs);
    }
    free(row->pairs);
    row->pairs = pairs;
    row->pair_size = size;
    return true;
}

enum sp_rc node_registry_move(struct node_registry *r, struct node_row *row, struct sp_str name, uint8_t state)
{
    if (!sp_str_is_name(name, NODE_NAME_BYTES_MAX) || state > SP_NODE_STATE_LAST) {
        return SP_E_INVALID;
    }
    if (node_registry_find(r, name) != NULL) {
        return SP_E_EXISTS;
    }
    char *copy = node_registry_text(name);
    if (copy == NULL || !sp_map_put(&r->by_name, node_registry_hash(r, name.p, name.n), row->id)) {
        free(copy);
        return SP_E_NOMEM;
    }
    sp_map_remove(&r->by_name, node_registry_hash(r, row->name, strlen(row->name)));
    free(row->name);
    row->name = copy;
    row->generation++;
    row->state = state;
    node_registry_touch(r, row);
    node_registry_mark_fold(r, row);
    return SP_OK;
}

static bool node_registry_pairs_grow(struct node_row *row)
{
    if (row->pair_count < row->pair_size) {
        return true;
    }
    if (row->pair_count >= NODE_PAIRS_MAX) {
        return false;
    }
    uint32_t more = row->pair_size / 8 > NODE_PAIRS_STEP ? row->pair_size / 8 : NODE_PAIRS_STEP;
    return node_registry_pairs_resize(row, row->pair_size + more);
}

struct pair_state *node_registry_find_pair(const struct node_row *row, uint32_t check_id)
{
    uint32_t at = pair_state_place(row->pairs, row->pair_count, row->pair_first, check_id);
    return at < row->pair_count && row->pairs[at].check_id == check_id ? &row->pairs[at] : NULL;
}

void node_registry_reserve(struct node_row *row, uint32_t pairs)
{
    pairs = pairs < NODE_PAIRS_MAX ? pairs : NODE_PAIRS_MAX;
    if (pairs > row->pair_size) {
        (void)node_registry_pairs_resize(row, pairs);
    }
}

struct pair_state *node_registry_pair(struct node_registry *r, struct node_row *row, uint32_t check_id)
{
    uint32_t at = pair_state_place(row->pairs, row->pair_count, row->pair_first, check_id);
    if (at < row->pair_count && row->pairs[at].check_id == check_id) {
        return &row->pairs[at];
    }
    if (!node_registry_pairs_grow(row)) {
        return NULL;
    }
    memmove(&row->pairs[at + 1], &row->pairs[at], (size_t)(row->pair_count - at) * sizeof row->pairs[0]);
    memset(&row->pairs[at], 0, sizeof row->pairs[at]);
    row->pairs[at].check_id = check_id;
    row->pair_first = row->pairs[0].check_id;
    row->pair_count++;
    r->pairs++;
    return &row->pairs[at];
}

void node_registry_shrink(struct node_registry *r, struct node_row *row, uint32_t count)
{
    SP_ASSERT(count <= row->pair_count);
    r->pairs -= row->pair_count - count;
    row->pair_count = count;
    row->pair_first = count > 0 ? row->pairs[0].check_id : 0;
    if (count > 0) {
        (void)node_registry_pairs_resize(row, count);
    } else {
        free(row->pairs);
        row->pairs = NULL;
        row->pair_size = 0;
    }
}

void node_registry_mark_judge(struct node_registry *r, struct node_row *row)
{
    if (!row->judge) {
        row->judge = true;
        r->judge[r->judge_count++] = row->id;
    }
}

void node_registry_mark_fold(struct node_registry *r, struct node_row *row)
{
    if (!row->fold) {
        row->fold = true;
        r->fold[r->fold_count++] = row->id;
    }
}

static bool node_registry_check_row(const struct node_registry *r, uint32_t index)
{
    const struct node_row *row = r->rows[index];
    bool ok = row->id == index + 1 && node_registry_find_name(r, sp_str_of(row->name)) == row &&
              node_registry_find_key(r, row->key) == row;
    struct sp_str rest = sp_str_of(row->aliases), one;
    while (sp_str_next(&rest, ',', &one)) {
        ok = ok && node_registry_find(r, one) == row && !sp_str_is(one, row->name);
    }
    for (uint32_t i = 0; i < row->pair_count; i++) {
        ok = ok && pair_state_check(&row->pairs[i]) && (i == 0 || row->pairs[i - 1].check_id < row->pairs[i].check_id);
    }
    ok = ok && (row->pair_count == 0 || row->pair_first == row->pairs[0].check_id);
    return ok && row->version <= r->version;
}

bool node_registry_check(const struct node_registry *r)
{
    uint64_t pairs = 0;
    uint32_t judge = 0, fold = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        if (!node_registry_check_row(r, i)) {
            return false;
        }
        pairs += r->rows[i]->pair_count;
        judge += r->rows[i]->judge;
        fold += r->rows[i]->fold;
    }
    return pairs == r->pairs && judge == r->judge_count && fold == r->fold_count && r->count <= NODE_ROWS_MAX;
}
