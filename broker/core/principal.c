/* SPDX-License-Identifier: Apache-2.0 */
#include "principal.h"

#include <stdlib.h>

#include "sp_assert.h"
#include "sp_hash.h"

#define GENERATION_MASK ((1u << (32u - PRINCIPAL_INDEX_BITS)) - 1u)

SP_STATIC_ASSERT(PRINCIPAL_ROWS_MAX <= 1u << PRINCIPAL_INDEX_BITS, "a user id must name every row");

static const uint8_t none[32]; /* of those who cannot sign, or have no second pair */

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
    sp_map_init(&t->dead);
    t->rows = calloc(size, sizeof *t->rows);
    if (t->rows == NULL || !sp_map_reserve(&t->by_name, size) || !sp_map_reserve(&t->by_curve, size * PRINCIPAL_PAIRS)) {
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
    sp_map_fini(&t->dead);
    t->size = 0;
}

uint32_t principal_by_name(const struct principal_table *t, struct sp_str name)
{
    uint32_t i = sp_map_get(&t->by_name, key_of(t, name.p, name.n));

    return i != SP_MAP_NONE && sp_str_is(name, t->rows[i].name) ? i : PRINCIPAL_NONE;
}

static bool has_curve(const struct principal *p, const uint8_t curve[32])
{
    for (unsigned n = 0; n < PRINCIPAL_PAIRS; n++)
        if (p->pair[n].used && memcmp(p->pair[n].curve, curve, 32) == 0)
            return true;
    return false;
}

uint32_t principal_by_curve(const struct principal_table *t, const uint8_t curve[32])
{
    uint32_t i = sp_map_get(&t->by_curve, key_of(t, curve, 32));

    return i != SP_MAP_NONE && has_curve(&t->rows[i], curve) ? i : PRINCIPAL_NONE;
}

void principal_user_id(const struct principal_table *t, uint32_t index, unsigned pair, char to[PRINCIPAL_USER_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint32_t v = index | (uint32_t)t->rows[index].pair[pair].generation << PRINCIPAL_INDEX_BITS;

    for (unsigned i = 0; i < 8; i++)
        to[i] = digits[v >> (28 - 4 * i) & 15u];
    to[8] = '\0';
}

unsigned principal_pair_of(const struct principal *p, uint16_t generation)
{
    unsigned n = 0;

    while (n < PRINCIPAL_PAIRS && !(p->pair[n].used && p->pair[n].generation == generation))
        n++;
    return n;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint32_t principal_by_user_id(const struct principal_table *t, const char *user_id, unsigned *pair)
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

    if (user_id[8] != '\0' || index >= t->size || !t->rows[index].used)
        return PRINCIPAL_NONE;
    *pair = principal_pair_of(&t->rows[index], (uint16_t)(v >> PRINCIPAL_INDEX_BITS));
    return *pair < PRINCIPAL_PAIRS ? index : PRINCIPAL_NONE;
}

bool principal_pair_is_valid(const struct principal *p, unsigned pair, uint64_t wall_s)
{
    const struct principal_pair *k = &p->pair[pair];

    return p->used && !p->revoked && k->used && wall_s >= k->not_before_s && (k->not_after_s == 0 || wall_s < k->not_after_s);
}

bool principal_is_valid(const struct principal *p, uint64_t wall_s)
{
    return principal_pair_is_valid(p, 0, wall_s) || principal_pair_is_valid(p, 1, wall_s);
}

uint64_t principal_next_change(const struct principal_table *t, uint64_t wall_s)
{
    uint64_t first = UINT64_MAX;

    for (uint32_t i = 0; i < t->size; i++) {
        const struct principal *p = &t->rows[i];

        for (unsigned n = 0; n < PRINCIPAL_PAIRS && p->used && !p->revoked; n++) {
            const uint64_t at[] = {p->pair[n].not_before_s, p->pair[n].not_after_s};

            for (unsigned k = 0; k < 2 && p->pair[n].used; k++)
                if (at[k] > wall_s && at[k] < first)
                    first = at[k];
        }
    }
    return first;
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

/* Takes a row out of both tables. The next one there begins after its last generation, so user ids given out for it mean nobody. */
static void row_free(struct principal_table *t, uint32_t index)
{
    struct principal *p = &t->rows[index];
    uint16_t generation = p->generation;
    uint32_t first_link = p->first_link;

    t->rows[index].node[0] = '\0';
    sp_map_remove(&t->by_name, key_of(t, p->name, strlen(p->name)));
    for (unsigned n = 0; n < PRINCIPAL_PAIRS; n++)
        if (p->pair[n].used)
            sp_map_remove(&t->by_curve, key_of(t, p->pair[n].curve, 32));
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
    if (sp_map_get(&t->by_name, key_of(t, from->name.p, from->name.n)) != SP_MAP_NONE)
        return SP_E_EXISTS;
    struct principal *p = &t->rows[i];

    (void)sp_str_copy(p->name, sizeof p->name, from->name);
    if (!sp_map_put(&t->by_name, key_of(t, p->name, strlen(p->name)), i))
        return SP_E_NOMEM;
    t->free = p->next_free;
    p->next_free = PRINCIPAL_NONE;
    p->used = true;
    t->count++;
    *index = i;
    return SP_OK;
}

/* The pairs of a row as they came; false: they are no pairs. */
static bool pairs_of(const struct rec_principal *from, struct principal_pair to[PRINCIPAL_PAIRS])
{
    memset(to, 0, PRINCIPAL_PAIRS * sizeof *to);
    to[0].used = true;
    to[0].not_after_s = from->not_after;
    memcpy(to[0].curve, from->curve, 32);
    memcpy(to[0].sign, from->sign, 32);
    if (from->next_curve == NULL || memcmp(from->next_curve, none, 32) == 0)
        return true;
    to[1].used = true;
    to[1].not_before_s = from->next_not_before;
    to[1].not_after_s = from->next_not_after;
    memcpy(to[1].curve, from->next_curve, 32);
    if (from->next_sign != NULL)
        memcpy(to[1].sign, from->next_sign, 32);
    return memcmp(to[0].curve, to[1].curve, 32) != 0;
}

/* A key that stays under the same role keeps its generation, in whichever place it stands now. */
static uint16_t generation_for(struct principal *p, const struct principal_pair *pair, bool same_role)
{
    for (unsigned n = 0; n < PRINCIPAL_PAIRS; n++)
        if (same_role && p->pair[n].used && memcmp(p->pair[n].curve, pair->curve, 32) == 0)
            return p->pair[n].generation;
    do
        p->generation = (uint16_t)((p->generation + 1u) & GENERATION_MASK);
    while (principal_pair_of(p, p->generation) < PRINCIPAL_PAIRS);
    return p->generation;
}

/* Other keys or another role under the same name: whoever was admitted before is nobody now. */
static enum sp_rc row_rekey(struct principal_table *t, uint32_t index, struct principal_pair pair[PRINCIPAL_PAIRS], uint8_t role)
{
    struct principal *p = &t->rows[index];

    for (unsigned n = 0; n < PRINCIPAL_PAIRS; n++) {
        uint32_t owner = pair[n].used ? sp_map_get(&t->by_curve, key_of(t, pair[n].curve, 32)) : SP_MAP_NONE;

        if (owner != SP_MAP_NONE && (owner != index || !has_curve(p, pair[n].curve)))
            return SP_E_EXISTS;
    }
    for (unsigned n = 0; n < PRINCIPAL_PAIRS; n++) /* room was made for all of them at init, beside those that go */
        if (p->pair[n].used)
            sp_map_remove(&t->by_curve, key_of(t, p->pair[n].curve, 32));
    for (unsigned n = 0; n < PRINCIPAL_PAIRS; n++) {
        if (pair[n].used && !sp_map_put(&t->by_curve, key_of(t, pair[n].curve, 32), index))
            SP_UNREACHABLE();
        pair[n].generation = pair[n].used ? generation_for(p, &pair[n], p->role == role) : 0;
    }
    memcpy(p->pair, pair, sizeof p->pair);
    return SP_OK;
}

static bool holds_key(const struct principal *p, const struct principal_pair pair[PRINCIPAL_PAIRS])
{
    for (unsigned n = 0; n < PRINCIPAL_PAIRS; n++)
        for (unsigned k = 0; k < PRINCIPAL_PAIRS; k++) {
            if (!p->pair[n].used || !pair[k].used)
                continue;
            if (memcmp(p->pair[n].curve, pair[k].curve, 32) == 0 ||
                (memcmp(p->pair[n].sign, pair[k].sign, 32) == 0 && memcmp(pair[k].sign, none, 32) != 0))
                return true;
        }
    return false;
}

/* Effect: the keeper revoked these keys. False without memory. */
static bool bury(struct principal_table *t, const struct principal_pair pair[PRINCIPAL_PAIRS])
{
    bool ok = true;

    for (unsigned n = 0; n < PRINCIPAL_PAIRS; n++) {
        if (pair[n].used)
            ok = sp_map_put(&t->dead, key_of(t, pair[n].curve, 32), 0) && ok;
        if (pair[n].used && memcmp(pair[n].sign, none, 32) != 0)
            ok = sp_map_put(&t->dead, key_of(t, pair[n].sign, 32), 0) && ok;
    }
    return ok;
}

static bool is_dead(const struct principal_table *t, const struct principal_pair pair[PRINCIPAL_PAIRS])
{
    for (unsigned n = 0; n < PRINCIPAL_PAIRS; n++) {
        bool signs = pair[n].used && memcmp(pair[n].sign, none, 32) != 0;

        if ((pair[n].used && sp_map_get(&t->dead, key_of(t, pair[n].curve, 32)) != SP_MAP_NONE) ||
            (signs && sp_map_get(&t->dead, key_of(t, pair[n].sign, 32)) != SP_MAP_NONE))
            return true;
    }
    return false;
}

/* A revoked row that does not come from the file: whoever the file gives one of its keys, in either pair, is revoked, under this
 * name or another. */
static bool strike(struct principal_table *t, struct sp_str name, const struct principal_pair pair[PRINCIPAL_PAIRS])
{
    const uint32_t rows[] = {principal_by_name(t, name), principal_by_curve(t, pair[0].curve),
                             pair[1].used ? principal_by_curve(t, pair[1].curve) : PRINCIPAL_NONE};
    bool any = false;

    for (unsigned i = 0; i < 3; i++) {
        struct principal *p = rows[i] != PRINCIPAL_NONE ? &t->rows[rows[i]] : NULL;

        if (p == NULL || !p->from_file || !holds_key(p, pair))
            continue;
        t->changes += p->struck ? 0 : 1;
        p->struck = p->revoked = any = true;
    }
    return any;
}

enum sp_rc principal_put(struct principal_table *t, const struct rec_principal *from, bool from_file, uint32_t *index)
{
    uint32_t i = principal_by_name(t, from->name);
    struct principal_pair pair[PRINCIPAL_PAIRS];
    enum sp_rc rc = SP_OK;

    if (!sp_str_is_name(from->name, PRINCIPAL_NAME_BYTES - 1) || from->role == SP_ROLE_NONE || from->role > SP_ROLE_LAST ||
        !pairs_of(from, pair) || (from->role == SP_ROLE_ATTESTER && !sp_str_is_name(from->nodes, REC_NODE_INFO_NAME_MAX)))
        return SP_E_INVALID;
    if (!from_file && from->revoked) {
        bool buried = bury(t, pair);

        if (strike(t, from->name, pair))
            return SP_E_AUTHORITY;
        if (!buried)
            return SP_E_NOMEM;
    }
    if (i != PRINCIPAL_NONE && t->rows[i].from_file && !from_file)
        return SP_E_AUTHORITY;
    bool fresh = i == PRINCIPAL_NONE;
    bool struck = from_file ? is_dead(t, pair) || (!fresh && t->rows[i].struck && holds_key(&t->rows[i], pair)) : from->revoked;

    if (fresh)
        rc = row_new(t, from, &i);
    if (rc == SP_OK && (rc = row_rekey(t, i, pair, from->role)) != SP_OK && fresh)
        row_free(t, i);
    if (rc != SP_OK)
        return rc;
    struct principal *p = &t->rows[i];

    p->role = from->role;
    p->struck = struck;
    p->revoked = from->revoked || struck;
    p->from_file = from_file;
    p->marked = true;
    p->adapters = principal_adapter_bits(t, from->adapters);
    (void)sp_str_copy(t->rows[i].node, sizeof t->rows[i].node, from->role == SP_ROLE_ATTESTER ? from->nodes : sp_str_of(NULL));
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
        for (unsigned n = 0; n < PRINCIPAL_PAIRS; n++) {
            SP_IMPLIES(p->pair[n].used, principal_by_curve(t, p->pair[n].curve) == i);
            SP_IMPLIES(p->pair[n].used, principal_pair_of(p, p->pair[n].generation) == n);
        }
        SP_ASSERT((p->node[0] != '\0') == (p->role == SP_ROLE_ATTESTER));
        SP_ASSERT(p->pair[0].used);
    }
    for (uint32_t i = t->free; i != PRINCIPAL_NONE; i = t->rows[i].next_free)
        free_rows++;
    SP_ASSERT(used == t->count);
    SP_ASSERT(used + free_rows == t->size);
}
