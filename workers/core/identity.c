/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <stdlib.h>
#include <string.h>

#include "sp_assert.h"
#include "sp_hash.h"

/* Hash of what tells rows apart. */
static uint64_t key_of(const struct identity_table *t, const struct identity_about *a)
{
    const uint64_t numbers[] = {a->number, a->generation, a->epoch, a->now_us / IDENTITY_KEEP_US};
    uint8_t both[sizeof numbers + REC_NODE_INFO_NAME_MAX];
    size_t n = a->node.n < REC_NODE_INFO_NAME_MAX ? a->node.n : REC_NODE_INFO_NAME_MAX;
    memcpy(both, numbers, sizeof numbers);
    if (n > 0) {
        memcpy(both + sizeof numbers, a->node.p, n);
    }
    uint64_t h = sp_hash_sip(t->seed, both, sizeof numbers + n);
    return h == UINT64_MAX ? 0 : h;
}

static bool is_about(const struct identity_row *r, const struct identity_about *a)
{
    return r->number == a->number && r->generation == a->generation && r->epoch == a->epoch &&
           r->period == a->now_us / IDENTITY_KEEP_US && sp_str_is(a->node, r->node);
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

uint32_t identity_find(const struct identity_table *t, const struct identity_about *about)
{
    uint32_t i = sp_map_get(&t->by_key, key_of(t, about));
    return i != SP_MAP_NONE && is_about(&t->rows[i], about) ? i : IDENTITY_NONE;
}

static void unlink_row(struct identity_table *t, const struct identity_row *r)
{
    const struct identity_about was = {sp_str_of(r->node), r->number, r->generation, r->epoch, r->period * IDENTITY_KEEP_US};
    sp_map_remove(&t->by_key, key_of(t, &was));
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
            unlink_row(t, &t->rows[at]);
            return at;
        }
    }
    return IDENTITY_NONE;
}

uint32_t identity_use(struct identity_table *t, const struct identity_about *about)
{
    uint32_t at = identity_find(t, about);
    if (at == IDENTITY_NONE) {
        at = room(t);
        if (at == IDENTITY_NONE) {
            return IDENTITY_NONE;
        }
        struct identity_row *r = &t->rows[at];
        *r = (struct identity_row){.number = about->number,
                                   .generation = about->generation,
                                   .epoch = about->epoch,
                                   .period = about->now_us / IDENTITY_KEEP_US};
        (void)sp_str_copy(r->node, sizeof r->node, about->node);
        if (!sp_map_put(&t->by_key, key_of(t, about), at)) {
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
