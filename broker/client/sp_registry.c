/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_registry.h"

#include <stdlib.h>

#include "sp_hash.h"
#include "sp_random.h"

static const uint8_t none[32]; /* of those who cannot sign, or have no second pair */

static uint64_t key_of(const struct sp_registry *r, struct sp_str name)
{
    uint64_t h = sp_hash_sip(r->seed, name.p, name.n);

    return h == UINT64_MAX ? 0 : h;
}

void sp_registry_init(struct sp_registry *r)
{
    memset(r, 0, sizeof *r);
    sp_random_bytes(r->seed, sizeof r->seed);
    sp_map_init(&r->by_name);
    sp_map_init(&r->dead);
}

void sp_registry_fini(struct sp_registry *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        for (unsigned n = 0; n < SP_REGISTRY_PAIRS; n++) {
            sp_crypto_verifier_destroy(&r->rows[i]->verifier[n]);
            sp_crypto_hmac_fini(&r->rows[i]->agreed[n]);
        }
        free(r->rows[i]);
    }
    free(r->rows);
    sp_map_fini(&r->by_name);
    sp_map_fini(&r->dead);
    memset(r, 0, sizeof *r);
}

struct sp_registry_row *sp_registry_find(const struct sp_registry *r, struct sp_str name)
{
    uint32_t i = sp_map_get(&r->by_name, key_of(r, name));

    return i != SP_MAP_NONE && sp_str_is(name, r->rows[i]->p.name) ? r->rows[i] : NULL;
}

static enum sp_rc row_new(struct sp_registry *r, struct sp_str name, struct sp_registry_row **out)
{
    if (r->count == SP_REGISTRY_ROWS_MAX)
        return SP_E_FULL;
    if (r->count == r->size) {
        uint32_t size = r->size == 0 ? 16 : r->size * 2;
        struct sp_registry_row **rows = realloc(r->rows, size * sizeof(struct sp_registry_row *));

        if (rows == NULL)
            return SP_E_NOMEM;
        r->rows = rows;
        r->size = size;
    }
    struct sp_registry_row *row = calloc(1, sizeof *row);

    if (row == NULL)
        return SP_E_NOMEM;
    if (sp_map_get(&r->by_name, key_of(r, name)) != SP_MAP_NONE || !sp_map_put(&r->by_name, key_of(r, name), r->count)) {
        free(row);
        return SP_E_NOMEM;
    }
    row->p.slot = r->count;
    r->rows[r->count++] = row;
    *out = row;
    return SP_OK;
}

static void keys_refresh(struct sp_registry_row *row, unsigned pair, const uint8_t had[32], const uint8_t sign[32])
{
    struct sp_crypto_verifier **verifier = &row->verifier[pair];

    if (*verifier != NULL && memcmp(had, sign, 32) == 0)
        return;
    sp_crypto_hmac_fini(&row->agreed[pair]);
    row->has_agreed[pair] = row->no_agreed[pair] = false;
    sp_crypto_verifier_destroy(verifier);
    if (memcmp(sign, none, 32) != 0 && sp_crypto_verifier_new(sign, verifier) != SP_OK)
        *verifier = NULL;
}

const struct sp_crypto_hmac *sp_registry_agreed(struct sp_registry_row *row, unsigned pair, const struct sp_crypto_signer *signer)
{
    uint8_t key[SP_CRYPTO_KEY_BYTES];

    if (!row->has_agreed[pair]) {
        if (row->verifier[pair] == NULL || row->no_agreed[pair])
            return NULL;
        row->no_agreed[pair] = sp_crypto_agree(signer, pair == 0 ? row->p.sign : row->p.next_sign, key) != SP_OK;
        if (row->no_agreed[pair])
            return NULL;
        sp_crypto_hmac_init(&row->agreed[pair], key, sizeof key);
        sp_crypto_wipe(key, sizeof key);
        row->has_agreed[pair] = true;
    }
    return &row->agreed[pair];
}

/* The same key, and a key at all. */
static bool same(const uint8_t a[32], const uint8_t b[32])
{
    return memcmp(a, b, 32) == 0 && memcmp(a, none, 32) != 0;
}

static bool shares_key(const struct sp_bus_principal *a, const struct sp_bus_principal *b)
{
    return same(a->curve, b->curve) || same(a->curve, b->next_curve) || same(a->next_curve, b->curve) ||
           same(a->next_curve, b->next_curve) || same(a->sign, b->sign) || same(a->sign, b->next_sign) ||
           same(a->next_sign, b->sign) || same(a->next_sign, b->next_sign);
}

/* Effect: the keeper revoked these keys. False without memory. */
static bool bury(struct sp_registry *r, const struct sp_bus_principal *p)
{
    const uint8_t *const keys[] = {p->curve, p->sign, p->next_curve, p->next_sign};
    bool ok = true;

    for (size_t i = 0; i < SP_COUNT(keys); i++)
        if (memcmp(keys[i], none, 32) != 0)
            ok = sp_map_put(&r->dead, key_of(r, sp_str_bytes(keys[i], 32)), 0) && ok;
    return ok;
}

static bool is_dead(const struct sp_registry *r, const struct sp_bus_principal *p)
{
    const uint8_t *const keys[] = {p->curve, p->sign, p->next_curve, p->next_sign};

    for (size_t i = 0; i < SP_COUNT(keys); i++)
        if (memcmp(keys[i], none, 32) != 0 && sp_map_get(&r->dead, key_of(r, sp_str_bytes(keys[i], 32))) != SP_MAP_NONE)
            return true;
    return false;
}

/* Revokes the file's rows that hold one of these keys. Revoked keys are few, and so are registries: no table by key. */
static bool strike(struct sp_registry *r, const struct sp_bus_principal *from)
{
    bool any = false;

    for (uint32_t i = 0; i < r->count; i++) {
        struct sp_bus_principal *p = &r->rows[i]->p;

        if (p->from_file && shares_key(p, from))
            p->revoked = r->rows[i]->struck = any = true;
    }
    return any;
}

enum sp_rc sp_registry_put(struct sp_registry *r, const struct sp_bus_principal *from)
{
    struct sp_str name = sp_str_of(from->name);
    struct sp_registry_row *row = sp_registry_find(r, name);

    if (!sp_str_is_name(name, SP_BUS_NAME_BYTES - 1) || from->role == SP_ROLE_NONE || from->role > SP_ROLE_LAST)
        return SP_E_INVALID;
    if (!from->from_file && from->revoked) {
        bool buried = bury(r, from);

        if (strike(r, from))
            return SP_E_AUTHORITY;
        if (!buried)
            return SP_E_NOMEM;
    }
    if (row != NULL && row->p.from_file && !from->from_file)
        return SP_E_AUTHORITY;
    if (row == NULL) {
        enum sp_rc rc = row_new(r, name, &row);

        if (rc != SP_OK)
            return rc;
    }
    uint32_t slot = row->p.slot;

    row->struck = from->from_file && (is_dead(r, from) || (row->struck && shares_key(&row->p, from)));
    keys_refresh(row, 0, row->p.sign, from->sign);
    keys_refresh(row, 1, row->p.next_sign, from->next_sign);
    row->p = *from;
    row->p.slot = slot;
    row->p.revoked = from->revoked || row->struck;
    row->marked = true;
    return SP_OK;
}

void sp_registry_file_begin(struct sp_registry *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        r->rows[i]->marked = false;
    r->next_part = 0; /* a set that was being applied has to start again */
}

void sp_registry_file_end(struct sp_registry *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (!r->rows[i]->marked && r->rows[i]->p.from_file)
            r->rows[i]->p.revoked = true;
}

static void row_of(const struct rec_principal *from, struct sp_bus_principal *to)
{
    memset(to, 0, sizeof *to);
    (void)sp_str_copy(to->name, sizeof to->name, from->name);
    (void)sp_str_copy(to->adapters, sizeof to->adapters, from->adapters);
    (void)sp_str_copy(to->nodes, sizeof to->nodes, from->nodes);
    to->role = from->role;
    to->revoked = from->revoked;
    to->not_after_s = from->not_after;
    memcpy(to->curve, from->curve, 32);
    memcpy(to->sign, from->sign, 32);
    memcpy(to->next_curve, from->next_curve, 32);
    memcpy(to->next_sign, from->next_sign, 32);
    to->next_not_before_s = from->next_not_before;
    to->next_not_after_s = from->next_not_after;
}

enum sp_rc sp_registry_set(struct sp_registry *r, const struct msg_principal_set *set)
{
    struct sp_list list = set->principals;
    struct rec_principal from;
    struct sp_bus_principal row;

    if (set->version < r->version || (set->part != 0 && (set->part != r->next_part || set->version != r->pending)))
        return SP_E_STALE;
    for (uint32_t i = 0; set->part == 0 && i < r->count; i++)
        r->rows[i]->marked = false;
    r->pending = set->version;
    r->next_part = set->part + 1;
    while (rec_principal_next(&list, &from)) {
        row_of(&from, &row);
        enum sp_rc rc = sp_registry_put(r, &row);

        if (rc == SP_E_NOMEM || rc == SP_E_FULL)
            return rc;
    }
    if (!set->last)
        return SP_OK;
    for (uint32_t i = 0; i < r->count; i++)
        if (!r->rows[i]->marked && !r->rows[i]->p.from_file)
            r->rows[i]->p.revoked = true;
    r->version = set->version;
    r->next_part = 0;
    return SP_OK;
}

bool sp_registry_pair_valid(const struct sp_bus_principal *p, unsigned pair, struct sp_wall now)
{
    uint64_t from_s = pair == 0 ? 0 : p->next_not_before_s, until_s = pair == 0 ? p->not_after_s : p->next_not_after_s;
    uint64_t now_s = now.ms / SP_MS_PER_S;

    return !p->revoked && (pair == 0 || memcmp(p->next_curve, none, 32) != 0) && now_s >= from_s &&
           (until_s == 0 || now_s < until_s);
}

bool sp_registry_valid(const struct sp_bus_principal *p, struct sp_wall now)
{
    return sp_registry_pair_valid(p, 0, now) || sp_registry_pair_valid(p, 1, now);
}
