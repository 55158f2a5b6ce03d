/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <stdlib.h>

#include "sp_assert.h"

bool peer_init(struct peer_table *t, uint32_t size)
{
    SP_ASSERT(size > 0 && size < PEER_NONE);
    memset(t, 0, sizeof *t);
    sp_map_init(&t->by_conn);
    t->peers = calloc(size, sizeof *t->peers);
    if (t->peers == NULL || !sp_map_reserve(&t->by_conn, size)) {
        peer_fini(t);
        return false;
    }
    t->size = size;
    t->newest = PEER_NONE;
    t->oldest = PEER_NONE;
    for (unsigned r = 0; r <= SP_ROLE_LAST; r++)
        t->first_role[r] = PEER_NONE;
    for (uint32_t i = 0; i < size; i++)
        t->peers[i].older = i + 1 < size ? i + 1 : PEER_NONE;
    return true;
}

void peer_fini(struct peer_table *t)
{
    free(t->peers);
    sp_map_fini(&t->by_conn);
    memset(t, 0, sizeof *t);
}

bool peer_role_shares(uint8_t role)
{
    return role == SP_ROLE_OPERATOR || role == SP_ROLE_READER;
}

/* The list by time of hearing: newest at one end, so that the silent ones are found without looking at the rest. */
static void link_newest(struct peer_table *t, uint32_t i)
{
    struct peer *p = &t->peers[i];

    p->newer = PEER_NONE;
    p->older = t->newest;
    if (t->newest != PEER_NONE)
        t->peers[t->newest].newer = i;
    else
        t->oldest = i;
    t->newest = i;
}

static void unlink_time(struct peer_table *t, uint32_t i)
{
    struct peer *p = &t->peers[i];

    if (p->newer != PEER_NONE)
        t->peers[p->newer].older = p->older;
    else
        t->newest = p->older;
    if (p->older != PEER_NONE)
        t->peers[p->older].newer = p->newer;
    else
        t->oldest = p->newer;
}

static uint32_t connections_of(const struct peer_table *t, const struct principal *who)
{
    uint32_t n = 0;

    for (uint32_t i = who->first_link; i != PEER_NONE; i = t->peers[i].next_same)
        n++;
    return n;
}

uint32_t peer_open(struct peer_table *t, struct principal_table *who, uint32_t conn, uint32_t principal, unsigned pair,
                   uint64_t now_us)
{
    struct principal *row = &who->rows[principal];
    uint32_t i = t->free;

    SP_ASSERT(row->used);
    if (t->count == t->size || connections_of(t, row) >= (peer_role_shares(row->role) ? PEER_SHARED_MAX : 1u) ||
        !sp_map_put(&t->by_conn, conn, i))
        return PEER_NONE;
    struct peer *p = &t->peers[i];

    t->free = p->older;
    memset(p, 0, sizeof *p);
    p->used = true;
    p->role = row->role;
    p->generation = row->pair[pair].generation;
    p->conn = conn;
    p->principal = principal;
    p->since_us = now_us;
    p->heard_us = now_us;
    p->next_same = row->first_link;
    row->first_link = i;
    p->prev_role = PEER_NONE;
    p->next_role = t->first_role[p->role];
    if (p->next_role != PEER_NONE)
        t->peers[p->next_role].prev_role = i;
    t->first_role[p->role] = i;
    link_newest(t, i);
    t->count++;
    return i;
}

void peer_close(struct peer_table *t, struct principal_table *who, uint32_t peer)
{
    SP_ASSERT(peer < t->size && t->peers[peer].used);
    struct peer *p = &t->peers[peer];
    uint32_t *at = &who->rows[p->principal].first_link;

    while (*at != peer) {
        SP_ASSERT(*at != PEER_NONE);
        at = &t->peers[*at].next_same;
    }
    *at = p->next_same;
    if (p->prev_role != PEER_NONE)
        t->peers[p->prev_role].next_role = p->next_role;
    else
        t->first_role[p->role] = p->next_role;
    if (p->next_role != PEER_NONE)
        t->peers[p->next_role].prev_role = p->prev_role;
    unlink_time(t, peer);
    sp_map_remove(&t->by_conn, p->conn);
    p->used = false;
    p->older = t->free;
    t->free = peer;
    t->count--;
}

uint32_t peer_by_conn(const struct peer_table *t, uint32_t conn)
{
    uint32_t i = sp_map_get(&t->by_conn, conn);

    return i == SP_MAP_NONE ? PEER_NONE : i;
}

void peer_heard(struct peer_table *t, uint32_t peer, uint64_t now_us)
{
    SP_ASSERT(peer < t->size && t->peers[peer].used);
    t->peers[peer].heard_us = now_us;
    if (t->newest == peer)
        return;
    unlink_time(t, peer);
    link_newest(t, peer);
}

bool peer_is_current(const struct peer *p, const struct principal_table *who)
{
    const struct principal *row = &who->rows[p->principal];

    return row->used && principal_pair_of(row, p->generation) < PRINCIPAL_PAIRS && row->role == p->role;
}

bool peer_is_valid(const struct peer *p, const struct principal_table *who, uint64_t wall_s)
{
    const struct principal *row = &who->rows[p->principal];

    return peer_is_current(p, who) && principal_pair_is_valid(row, principal_pair_of(row, p->generation), wall_s);
}

bool peer_may_be_told(struct peer *p, uint32_t most, uint64_t now_us)
{
    if (now_us - p->refusal_us >= 1000000u) {
        p->refusal_us = now_us;
        p->refusals = 0;
    }
    return p->refusals++ < most;
}

void peer_check(const struct peer_table *t, const struct principal_table *who)
{
    uint32_t used = 0, by_time = 0, by_role = 0;
    uint64_t last = UINT64_MAX;

    for (uint32_t i = t->newest; i != PEER_NONE; i = t->peers[i].older) {
        SP_ASSERT(t->peers[i].used);
        SP_ASSERT(t->peers[i].heard_us <= last);
        last = t->peers[i].heard_us;
        by_time++;
    }
    for (unsigned r = 0; r <= SP_ROLE_LAST; r++)
        for (uint32_t i = t->first_role[r]; i != PEER_NONE; i = t->peers[i].next_role) {
            SP_ASSERT(t->peers[i].used && t->peers[i].role == r);
            by_role++;
        }
    for (uint32_t i = 0; i < t->size; i++) {
        const struct peer *p = &t->peers[i];

        if (!p->used)
            continue;
        used++;
        SP_ASSERT(peer_by_conn(t, p->conn) == i);
        SP_ASSERT(p->principal < who->size);
        SP_ASSERT(connections_of(t, &who->rows[p->principal]) <= (peer_role_shares(p->role) ? PEER_SHARED_MAX : 1u));
    }
    SP_ASSERT(used == t->count && by_time == used && by_role == used);
}
