/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_registry.h"

#include <stdlib.h>

#include "sp_hash.h"
#include "sp_random.h"

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
}

void sp_registry_fini(struct sp_registry *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        sp_crypto_verifier_destroy(&r->rows[i]->verifier);
        free(r->rows[i]);
    }
    free(r->rows);
    sp_map_fini(&r->by_name);
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

static void verifier_refresh(struct sp_registry_row *row, const uint8_t sign[32])
{
    static const uint8_t none[32];

    if (row->verifier != NULL && memcmp(row->p.sign, sign, 32) == 0)
        return;
    sp_crypto_verifier_destroy(&row->verifier);
    if (memcmp(sign, none, 32) != 0 && sp_crypto_verifier_new(sign, &row->verifier) != SP_OK)
        row->verifier = NULL;
}

/* Revokes the file's rows that hold one of these keys. Revoked keys are few, and so are registries: no table by key. */
static bool strike(struct sp_registry *r, const struct sp_bus_principal *from)
{
    static const uint8_t none[32]; /* of those who cannot sign */
    bool signs = memcmp(from->sign, none, 32) != 0, any = false;

    for (uint32_t i = 0; i < r->count; i++) {
        struct sp_bus_principal *p = &r->rows[i]->p;
        bool same = memcmp(p->curve, from->curve, 32) == 0 || (signs && memcmp(p->sign, from->sign, 32) == 0);

        if (p->from_file && same)
            p->revoked = any = true;
    }
    return any;
}

enum sp_rc sp_registry_put(struct sp_registry *r, const struct sp_bus_principal *from)
{
    struct sp_str name = sp_str_of(from->name);
    struct sp_registry_row *row = sp_registry_find(r, name);

    if (!sp_str_is_name(name, SP_BUS_NAME_BYTES - 1) || from->role == SP_ROLE_NONE || from->role > SP_ROLE_LAST)
        return SP_E_INVALID;
    if (!from->from_file && from->revoked && strike(r, from))
        return SP_E_AUTHORITY;
    if (row != NULL && row->p.from_file && !from->from_file)
        return SP_E_AUTHORITY;
    if (row == NULL) {
        enum sp_rc rc = row_new(r, name, &row);

        if (rc != SP_OK)
            return rc;
    }
    uint32_t slot = row->p.slot;

    verifier_refresh(row, from->sign);
    row->p = *from;
    row->p.slot = slot;
    row->marked = true;
    return SP_OK;
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

bool sp_registry_valid(const struct sp_bus_principal *p, struct sp_wall now)
{
    return !p->revoked && (p->not_after_s == 0 || now.ms / SP_MS_PER_S < p->not_after_s);
}
