/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"
#include "sp_hash.h"

static uint64_t key_of(const struct identity_table *t, struct sp_str node, uint32_t generation)
{
    uint8_t both[sizeof generation + REC_NODE_INFO_NAME_MAX];
    size_t n = node.n < REC_NODE_INFO_NAME_MAX ? node.n : REC_NODE_INFO_NAME_MAX;
    memcpy(both, &generation, sizeof generation);
    if (n > 0) {
        memcpy(both + sizeof generation, node.p, n);
    }
    uint64_t h = sp_hash_sip(t->seed, both, sizeof generation + n);
    return h == UINT64_MAX ? 0 : h;
}

bool identity_init(struct identity_table *t, const uint8_t seed[16])
{
    memset(t, 0, sizeof *t);
    memcpy(t->seed, seed, sizeof t->seed);
    sp_map_init(&t->by_key);
    t->rows = calloc(IDENTITY_ROWS_MAX, sizeof *t->rows);
    return t->rows != NULL;
}

void identity_fini(struct identity_table *t)
{
    free(t->rows);
    sp_map_fini(&t->by_key);
    memset(t, 0, sizeof *t);
}

uint32_t identity_find(const struct identity_table *t, struct sp_str node, uint32_t generation)
{
    uint32_t i = sp_map_get(&t->by_key, key_of(t, node, generation));
    return i != SP_MAP_NONE && t->rows[i].generation == generation && sp_str_is(node, t->rows[i].node) ? i : IDENTITY_NONE;
}

/* A row that holds nothing, or nothing that is used. */
static uint32_t room(struct identity_table *t)
{
    if (t->count < IDENTITY_ROWS_MAX) {
        return t->count++;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t at = t->hand++ % t->count;
        if (t->rows[at].users == 0) {
            sp_map_remove(&t->by_key, key_of(t, sp_str_of(t->rows[at].node), t->rows[at].generation));
            return at;
        }
    }
    return IDENTITY_NONE;
}

uint32_t identity_use(struct identity_table *t, struct sp_str node, uint32_t generation)
{
    uint32_t at = identity_find(t, node, generation);
    if (at == IDENTITY_NONE) {
        at = room(t);
        if (at == IDENTITY_NONE) {
            return IDENTITY_NONE;
        }
        struct identity_row *r = &t->rows[at];
        memset(r, 0, sizeof *r);
        (void)sp_str_copy(r->node, sizeof r->node, node);
        r->generation = generation;
        if (!sp_map_put(&t->by_key, key_of(t, node, generation), at)) {
            r->node[0] = '\0'; /* free, and given away when there is no other one */
            return IDENTITY_NONE;
        }
    }
    t->rows[at].users++;
    return at;
}

void identity_leave(struct identity_table *t, uint32_t row)
{
    SP_ASSERT(row < t->count && t->rows[row].users > 0);
    t->rows[row].users--;
}

bool identity_message_ok(const struct msg_identity *m)
{
    bool tpm = m->ak.n > 0;
    return sp_str_is_name(m->attester, MSG_IDENTITY_ATTESTER_MAX) && m->sign.n == 32 && m->ek.n == (tpm ? 32u : 0u) &&
           (m->mode == SP_ENROLMENT_CERTIFIED || m->mode == SP_ENROLMENT_FIRST_USE);
}

void identity_fill(struct identity_row *r, const struct msg_identity *m)
{
    (void)sp_str_copy(r->attester, sizeof r->attester, m->attester);
    memcpy(r->sign, m->sign.p, sizeof r->sign);
    r->ak_len = m->ak.n;
    if (m->ak.n > 0) {
        memcpy(r->ak, m->ak.p, m->ak.n);
    }
    r->has_ek = m->ek.n == sizeof r->ek;
    if (r->has_ek) {
        memcpy(r->ek, m->ek.p, sizeof r->ek);
    }
    r->mode = m->mode;
    r->known = true;
}
