/* SPDX-License-Identifier: Apache-2.0 */
#include "principal.h"

#include <stdlib.h>

#include "sp_assert.h"
#include "sp_hash.h"

#define GENERATION_MASK ((1u << (32u - PRINCIPAL_INDEX_BITS)) - 1u)

SP_STATIC_ASSERT(PRINCIPAL_ROWS_MAX <= 1u << PRINCIPAL_INDEX_BITS, "a user id must name every row");

static uint64_t key_of(const struct principal_table *t, const void *p, size_t n)
{
    uint64_t h = sp_hash_sip(t->seed, p, n);

    return h == UINT64_MAX ? 0 : h;
}

bool principal_init(struct principal_table *t, uint32_t size, const uint8_t seed[16])
{
    SP_ASSERT(size > 0 && size <= PRINCIPAL_ROWS_MAX);
    memset(t, 0, sizeof *t);
    memcpy(t->seed, seed, sizeof t->seed);
    sp_map_init(&t->by_name);
    sp_map_init(&t->by_curve);
    t->rows = calloc(size, sizeof *t->rows);
    if (t->rows == NULL || !sp_map_reserve(&t->by_name, size) || !sp_map_reserve(&t->by_curve, size)) {
        principal_fini(t);
        return false;
    }
    t->size = size;
    for (uint32_t i = 0; i < size; i++) {
        t->rows[i].next_free = i + 1 < size ? i + 1 : PRINCIPAL_NONE;
        t->rows[i].first_link = UINT32_MAX;
    }
    return true;
}

void principal_fini(struct principal_table *t)
{
    free(t->rows);
    t->rows = NULL;
    sp_map_fini(&t->by_name);
    sp_map_fini(&t->by_curve);
    t->size = 0;
}

uint32_t principal_by_name(const struct principal_table *t, struct sp_str name)
{
    uint32_t i = sp_map_get(&t->by_name, key_of(t, name.p, name.n));

    return i != SP_MAP_NONE && sp_str_is(name, t->rows[i].name) ? i : PRINCIPAL_NONE;
}

uint32_t principal_by_curve(const struct principal_table *t, const uint8_t curve[32])
{
    uint32_t i = sp_map_get(&t->by_curve, key_of(t, curve, 32));

    return i != SP_MAP_NONE && memcmp(t->rows[i].curve, curve, 32) == 0 ? i : PRINCIPAL_NONE;
}

void principal_user_id(const struct principal_table *t, uint32_t index, char to[PRINCIPAL_USER_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint32_t v = index | (uint32_t)t->rows[index].generation << PRINCIPAL_INDEX_BITS;

    for (unsigned i = 0; i < 8; i++)
        to[i] = digits[v >> (28 - 4 * i) & 15u];
    to[8] = '\0';
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint32_t principal_by_user_id(const struct principal_table *t, const char *user_id)
{
    uint32_t v = 0;

    if (user_id == NULL)
        return PRINCIPAL_NONE;
    for (unsigned i = 0; i < 8; i++) {
        int d = digit_of(user_id[i]);

        if (d < 0)
            return PRINCIPAL_NONE;
        v = v << 4 | (uint32_t)d;
    }
    uint32_t index = v & ((1u << PRINCIPAL_INDEX_BITS) - 1u);

    if (user_id[8] != '\0' || index >= t->size || !t->rows[index].used || t->rows[index].generation != v >> PRINCIPAL_INDEX_BITS)
        return PRINCIPAL_NONE;
    return index;
}

bool principal_is_valid(const struct principal *p, uint64_t wall_s)
{
    return p->used && !p->revoked && (p->not_after_s == 0 || wall_s < p->not_after_s);
}

static uint64_t adapter_bit(struct principal_table *t, struct sp_str name)
{
    for (uint32_t i = 0; i < t->adapters; i++)
        if (sp_str_is(name, t->adapter[i]))
            return 1ull << i;
    if (t->adapters == PRINCIPAL_ADAPTERS_MAX || !sp_str_is_name(name, sizeof t->adapter[0] - 1))
        return 0;
    (void)sp_str_copy(t->adapter[t->adapters], sizeof t->adapter[0], name);
    return 1ull << t->adapters++;
}

uint64_t principal_adapter_bits(struct principal_table *t, struct sp_str list)
{
    struct sp_str name;
    uint64_t bits = 0;

    while (sp_str_next(&list, ',', &name)) {
        name = sp_str_trim(name);
        bits |= sp_str_is(name, "*") ? UINT64_MAX : adapter_bit(t, name);
    }
    return bits;
}

/* Takes a row out of both tables. Its generation has moved on, so user ids given out for it mean nobody. */
static void row_free(struct principal_table *t, uint32_t index)
{
    struct principal *p = &t->rows[index];
    uint16_t generation = (uint16_t)((p->generation + 1u) & GENERATION_MASK);
    uint32_t first_link = p->first_link;

    sp_map_remove(&t->by_name, key_of(t, p->name, strlen(p->name)));
    sp_map_remove(&t->by_curve, key_of(t, p->curve, 32));
    memset(p, 0, sizeof *p);
    p->generation = generation;
    p->first_link = first_link;
    p->next_free = t->free;
    t->free = index;
    t->count--;
    t->changes++;
}

static enum sp_rc row_new(struct principal_table *t, const struct rec_principal *from, uint32_t *index)
{
    uint32_t i = t->free;

    if (i == PRINCIPAL_NONE)
        return SP_E_FULL;
    /* A hash that collides with another name's is one in 2^64 under a secret seed; refuse rather than chain. */
    if (sp_map_get(&t->by_name, key_of(t, from->name.p, from->name.n)) != SP_MAP_NONE ||
        sp_map_get(&t->by_curve, key_of(t, from->curve, 32)) != SP_MAP_NONE)
        return SP_E_EXISTS;
    struct principal *p = &t->rows[i];

    (void)sp_str_copy(p->name, sizeof p->name, from->name);
    memcpy(p->curve, from->curve, 32);
    if (!sp_map_put(&t->by_name, key_of(t, p->name, strlen(p->name)), i) || !sp_map_put(&t->by_curve, key_of(t, p->curve, 32), i)) {
        sp_map_remove(&t->by_name, key_of(t, p->name, strlen(p->name)));
        return SP_E_NOMEM;
    }
    t->free = p->next_free;
    p->next_free = PRINCIPAL_NONE;
    p->used = true;
    t->count++;
    *index = i;
    return SP_OK;
}

/* Another key or role under the same name: whoever was admitted before is nobody now. */
static enum sp_rc row_rekey(struct principal_table *t, uint32_t index, const struct rec_principal *from)
{
    struct principal *p = &t->rows[index];

    if (memcmp(p->curve, from->curve, 32) != 0) {
        if (sp_map_get(&t->by_curve, key_of(t, from->curve, 32)) != SP_MAP_NONE)
            return SP_E_EXISTS;
        if (!sp_map_put(&t->by_curve, key_of(t, from->curve, 32), index))
            return SP_E_NOMEM;
        sp_map_remove(&t->by_curve, key_of(t, p->curve, 32));
        memcpy(p->curve, from->curve, 32);
        p->generation = (uint16_t)((p->generation + 1u) & GENERATION_MASK);
    } else if (p->role != from->role) {
        p->generation = (uint16_t)((p->generation + 1u) & GENERATION_MASK);
    }
    return SP_OK;
}

static bool holds_key(const struct principal *p, const struct rec_principal *from)
{
    static const uint8_t none[32]; /* of those who cannot sign */

    return memcmp(p->curve, from->curve, 32) == 0 || (memcmp(p->sign, from->sign, 32) == 0 && memcmp(p->sign, none, 32) != 0);
}

/* A revoked row that does not come from the file: whoever the file gives one of its keys is revoked, under this name or another. */
static bool strike(struct principal_table *t, const struct rec_principal *from)
{
    const uint32_t rows[] = {principal_by_name(t, from->name), principal_by_curve(t, from->curve)};
    bool any = false;

    for (unsigned i = 0; i < 2; i++) {
        struct principal *p = rows[i] != PRINCIPAL_NONE ? &t->rows[rows[i]] : NULL;

        if (p == NULL || !p->from_file || !holds_key(p, from))
            continue;
        t->changes += p->struck ? 0 : 1;
        p->struck = p->revoked = any = true;
    }
    return any;
}

enum sp_rc principal_put(struct principal_table *t, const struct rec_principal *from, bool from_file, uint32_t *index)
{
    uint32_t i = principal_by_name(t, from->name);
    enum sp_rc rc;

    if (!sp_str_is_name(from->name, PRINCIPAL_NAME_BYTES - 1) || from->role == SP_ROLE_NONE || from->role > SP_ROLE_LAST)
        return SP_E_INVALID;
    if (!from_file && from->revoked && strike(t, from))
        return SP_E_AUTHORITY;
    if (i != PRINCIPAL_NONE && t->rows[i].from_file && !from_file)
        return SP_E_AUTHORITY;
    bool struck = from_file ? i != PRINCIPAL_NONE && t->rows[i].struck && holds_key(&t->rows[i], from) : from->revoked;
    rc = i == PRINCIPAL_NONE ? row_new(t, from, &i) : row_rekey(t, i, from);
    if (rc != SP_OK)
        return rc;
    struct principal *p = &t->rows[i];

    p->role = from->role;
    p->struck = struck;
    p->revoked = from->revoked || struck;
    p->from_file = from_file;
    p->marked = true;
    p->not_after_s = from->not_after;
    p->adapters = principal_adapter_bits(t, from->adapters);
    memcpy(p->sign, from->sign, 32);
    t->changes++;
    *index = i;
    return SP_OK;
}

static void unmark(struct principal_table *t)
{
    for (uint32_t i = 0; i < t->size; i++)
        t->rows[i].marked = false;
}

/* Takes out what was not named again; rows of the other source stay. */
static void prune(struct principal_table *t, bool from_file)
{
    for (uint32_t i = 0; i < t->size; i++)
        if (t->rows[i].used && t->rows[i].from_file == from_file && !t->rows[i].marked)
            row_free(t, i);
}

void principal_file_begin(struct principal_table *t)
{
    unmark(t);
    t->next_part = 0; /* a set that was being applied has to start again */
}

void principal_file_end(struct principal_table *t)
{
    prune(t, true);
}

enum sp_rc principal_set(struct principal_table *t, const struct msg_principal_set *set, uint32_t *bad)
{
    struct sp_list list = set->principals;
    struct rec_principal row;
    uint32_t index;

    if (set->version < t->version || (set->part != 0 && (set->part != t->next_part || set->version != t->pending)))
        return SP_E_STALE;
    if (set->part == 0) {
        t->pending = set->version;
        unmark(t);
    }
    t->next_part = set->part + 1;
    while (rec_principal_next(&list, &row)) {
        enum sp_rc rc = principal_put(t, &row, false, &index);

        /* The keeper names everybody it knows, the file's own rows included; those it may revoke and not change. */
        if (rc != SP_OK && rc != SP_E_AUTHORITY)
            (*bad)++;
    }
    if (!set->last)
        return SP_OK;
    prune(t, false);
    t->version = set->version;
    t->next_part = 0;
    return SP_OK;
}

void principal_check(const struct principal_table *t)
{
    uint32_t used = 0, free_rows = 0;

    for (uint32_t i = 0; i < t->size; i++) {
        const struct principal *p = &t->rows[i];

        if (!p->used)
            continue;
        used++;
        SP_ASSERT(p->role != SP_ROLE_NONE && p->role <= SP_ROLE_LAST);
        SP_ASSERT(principal_by_name(t, sp_str_of(p->name)) == i);
        SP_ASSERT(principal_by_curve(t, p->curve) == i);
    }
    for (uint32_t i = t->free; i != PRINCIPAL_NONE; i = t->rows[i].next_free)
        free_rows++;
    SP_ASSERT(used == t->count);
    SP_ASSERT(used + free_rows == t->size);
}
