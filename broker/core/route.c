/* SPDX-License-Identifier: Apache-2.0 */
#include "route.h"

#include <stdlib.h>

#include "sp_hash.h"

bool route_init(struct route_table *t, uint32_t workers, uint32_t routes, uint32_t window_jobs, const uint8_t seed[16])
{
    SP_ASSERT(workers > 0 && workers <= ROUTE_WORKERS_MAX);
    SP_ASSERT(routes > 0 && routes <= ROUTE_ROUTES_MAX);
    memset(t, 0, sizeof *t);
    memcpy(t->seed, seed, sizeof t->seed);
    sp_map_init(&t->by_key);
    t->workers = calloc(workers, sizeof *t->workers);
    t->routes = calloc(routes, sizeof *t->routes);
    if (t->workers == NULL || t->routes == NULL || !sp_map_reserve(&t->by_key, routes)) {
        route_fini(t);
        return false;
    }
    t->workers_size = workers;
    t->routes_size = routes;
    t->window_jobs = window_jobs;
    for (uint32_t i = 0; i < workers; i++)
        t->workers[i].next_free = i + 1 < workers ? i + 1 : ROUTE_NONE;
    return true;
}

void route_fini(struct route_table *t)
{
    free(t->workers);
    free(t->routes);
    sp_map_fini(&t->by_key);
    memset(t, 0, sizeof *t);
}

bool route_labels_cover(struct sp_str have, struct sp_str required)
{
    struct sp_str want, label;

    while (sp_str_next(&required, ',', &want)) {
        bool found = false;

        /* Both are sorted, so what was passed over is not wanted later either. */
        while (!found && sp_str_next(&have, ',', &label))
            found = sp_str_eq(label, want);
        if (!found)
            return false;
    }
    return true;
}

static bool serves(const struct route_worker *w, const struct route *r)
{
    return w->used && (w->adapters & r->adapter_bit) != 0 && route_labels_cover(sp_str_of(w->labels), sp_str_of(r->labels));
}

static void set_member(struct route *r, uint32_t worker, bool member)
{
    uint64_t bit = 1ull << (worker % 64);
    bool was = (r->set[worker / 64] & bit) != 0;

    if (was == member)
        return;
    r->set[worker / 64] ^= bit;
    r->workers = member ? r->workers + 1 : r->workers - 1;
}

uint32_t route_worker_open(struct route_table *t, uint32_t link, uint64_t adapters, struct sp_str labels, uint32_t slots)
{
    uint32_t i = t->workers_free;

    if (i == ROUTE_NONE)
        return ROUTE_NONE;
    struct route_worker *w = &t->workers[i];

    t->workers_free = w->next_free;
    memset(w, 0, sizeof *w);
    w->used = true;
    w->link = link;
    w->next_free = ROUTE_NONE;
    w->adapters = adapters;
    w->slots = slots;
    w->draining = slots == 0; /* how a worker says by itself that it wants no more */
    (void)sp_str_copy(w->labels, sizeof w->labels, labels);
    t->workers_count++;
    if (i >= t->workers_top)
        t->workers_top = i + 1;
    for (uint32_t r = 0; r < t->routes_size; r++)
        if (t->routes[r].used)
            set_member(&t->routes[r], i, !w->draining && serves(w, &t->routes[r]));
    return i;
}

void route_worker_close(struct route_table *t, uint32_t worker)
{
    SP_ASSERT(worker < t->workers_size && t->workers[worker].used);
    for (uint32_t r = 0; r < t->routes_size; r++)
        if (t->routes[r].used)
            set_member(&t->routes[r], worker, false);
    (void)route_worker_heard(t, worker);
    t->workers[worker].used = false;
    t->workers[worker].next_free = t->workers_free;
    t->workers_free = worker;
    t->workers_count--;
    while (t->workers_top > 0 && !t->workers[t->workers_top - 1].used)
        t->workers_top--;
}

void route_worker_credit(struct route_table *t, uint32_t worker, uint64_t granted)
{
    struct route_worker *w = &t->workers[worker];

    SP_ASSERT(w->used);
    (void)route_worker_heard(t, worker);
    if (granted > w->taken + ROUTE_CREDIT_JOBS_MAX)
        granted = w->taken + ROUTE_CREDIT_JOBS_MAX;
    if (granted > w->granted)
        w->granted = granted;
}

void route_worker_drain(struct route_table *t, uint32_t worker)
{
    SP_ASSERT(worker < t->workers_size && t->workers[worker].used);
    t->workers[worker].draining = true;
    for (uint32_t r = 0; r < t->routes_size; r++)
        if (t->routes[r].used)
            set_member(&t->routes[r], worker, false);
}

int64_t route_worker_free(const struct route_worker *w)
{
    return (int64_t)w->granted - (int64_t)w->taken;
}

static uint64_t key_of(const struct route_table *t, uint32_t owner, const struct rec_route_spec *spec)
{
    uint8_t text[4 + 33 + 256];
    size_t n = 0;

    memcpy(text, &owner, sizeof owner);
    n += sizeof owner;
    memcpy(text + n, spec->adapter.p, spec->adapter.n);
    n += spec->adapter.n;
    text[n++] = 0; /* never part of text */
    if (spec->labels.n > 0)
        memcpy(text + n, spec->labels.p, spec->labels.n);
    n += spec->labels.n;
    uint64_t key = sp_hash_sip(t->seed, text, n);

    return key == UINT64_MAX ? 0 : key;
}

static bool spec_fits(const struct rec_route_spec *spec)
{
    return spec->adapter.n > 0 && spec->adapter.n <= REC_ROUTE_SPEC_ADAPTER_MAX && spec->labels.n <= REC_ROUTE_SPEC_LABELS_MAX;
}

uint32_t route_find(const struct route_table *t, uint32_t owner, const struct rec_route_spec *spec)
{
    if (!spec_fits(spec))
        return ROUTE_NONE;
    uint32_t i = sp_map_get(&t->by_key, key_of(t, owner, spec));

    if (i == SP_MAP_NONE)
        return ROUTE_NONE;
    const struct route *r = &t->routes[i];

    return r->owner == owner && sp_str_is(spec->adapter, r->adapter) && sp_str_is(spec->labels, r->labels) ? i : ROUTE_NONE;
}

static uint32_t free_route(const struct route_table *t)
{
    for (uint32_t i = 0; i < t->routes_size; i++)
        if (!t->routes[i].used)
            return i;
    return ROUTE_NONE;
}

uint32_t route_open(struct route_table *t, uint32_t owner, const struct rec_route_spec *spec, uint64_t adapter_bit)
{
    uint32_t i = route_find(t, owner, spec);

    if (i != ROUTE_NONE || !spec_fits(spec))
        return i;
    i = free_route(t);
    uint64_t key = key_of(t, owner, spec);

    if (i == ROUTE_NONE || sp_map_get(&t->by_key, key) != SP_MAP_NONE || !sp_map_put(&t->by_key, key, i))
        return ROUTE_NONE;
    struct route *r = &t->routes[i];

    memset(r, 0, sizeof *r);
    r->used = true;
    r->owner = owner;
    r->told_workers = UINT32_MAX;
    r->adapter_bit = adapter_bit;
    r->key = key;
    queue_init(&r->waiting);
    (void)sp_str_copy(r->adapter, sizeof r->adapter, spec->adapter);
    (void)sp_str_copy(r->labels, sizeof r->labels, spec->labels);
    t->routes_count++;
    for (uint32_t w = 0; w < t->workers_top; w++)
        set_member(r, w, !t->workers[w].draining && serves(&t->workers[w], r));
    return i;
}

void route_orphan(struct route_table *t, uint32_t route)
{
    struct route *r = &t->routes[route];

    SP_ASSERT(r->used && r->owner != ROUTE_NONE);
    sp_map_remove(&t->by_key, r->key);
    r->owner = ROUTE_NONE;
}

void route_close(struct route_table *t, uint32_t route)
{
    struct route *r = &t->routes[route];

    SP_ASSERT(r->used);
    SP_ASSERT(r->waiting.count == 0);
    if (r->owner != ROUTE_NONE)
        route_orphan(t, route);
    r->used = false;
    t->routes_count--;
}

uint32_t route_pick(const struct route_table *t, uint32_t route)
{
    const struct route *r = &t->routes[route];
    uint32_t best = ROUTE_NONE;
    int64_t most = 0;

    for (uint32_t word = 0; word * 64 < t->workers_top; word++)
        for (uint64_t bits = r->set[word]; bits != 0; bits &= bits - 1) {
            uint32_t w = word * 64 + (uint32_t)__builtin_ctzll(bits);
            int64_t free_jobs = t->workers[w].stalled ? 0 : route_worker_free(&t->workers[w]);

            if (free_jobs > most) {
                most = free_jobs;
                best = w;
            }
        }
    return best;
}

void route_take(struct route_table *t, uint32_t worker, uint32_t jobs)
{
    t->workers[worker].taken += jobs;
    t->workers[worker].batches++;
}

void route_untake(struct route_table *t, uint32_t worker, uint32_t jobs, uint64_t now_us)
{
    struct route_worker *w = &t->workers[worker];

    SP_ASSERT(w->taken >= jobs);
    w->taken -= jobs;
    w->batches--;
    if (w->stalled)
        return; /* one of several batches that were sent together */
    w->stalled = true;
    t->stalled++;
    w->pause_ms = w->pause_ms == 0 ? ROUTE_RETRY_MS : w->pause_ms * 2;
    w->pause_ms = w->pause_ms < ROUTE_RETRY_MS_MAX ? w->pause_ms : ROUTE_RETRY_MS_MAX;
    w->retry_us = now_us + w->pause_ms * 1000u;
}

static void wake(struct route_table *t, struct route_worker *w)
{
    SP_ASSERT(t->stalled > 0);
    w->stalled = false;
    t->stalled--;
}

bool route_worker_heard(struct route_table *t, uint32_t worker)
{
    struct route_worker *w = &t->workers[worker];
    bool was = w->stalled;

    if (was)
        wake(t, w);
    w->pause_ms = 0;
    return was;
}

uint64_t route_retry_us(const struct route_table *t)
{
    uint64_t first = UINT64_MAX;

    for (uint32_t i = 0; t->stalled > 0 && i < t->workers_top; i++)
        if (t->workers[i].stalled && t->workers[i].retry_us < first)
            first = t->workers[i].retry_us;
    return first;
}

bool route_retry(struct route_table *t, uint64_t now_us)
{
    bool any = false;

    for (uint32_t i = 0; t->stalled > 0 && i < t->workers_top; i++)
        if (t->workers[i].stalled && t->workers[i].retry_us <= now_us) {
            wake(t, &t->workers[i]);
            any = true;
        }
    return any;
}

/* Credit that is free for the route after what waits already. */
static uint64_t room_of(const struct route_table *t, const struct route *r)
{
    uint64_t room = ROUTE_SPARE_JOBS;

    if (r->workers == 0)
        return 0;
    for (uint32_t word = 0; word * 64 < t->workers_top; word++)
        for (uint64_t bits = r->set[word]; bits != 0; bits &= bits - 1) {
            int64_t free_jobs = route_worker_free(&t->workers[word * 64 + (uint32_t)__builtin_ctzll(bits)]);

            room += free_jobs > 0 ? (uint64_t)free_jobs : 0;
        }
    room = room > r->waiting.jobs ? room - r->waiting.jobs : 0;
    return room < t->window_jobs ? room : t->window_jobs;
}

uint64_t route_grant(const struct route_table *t, uint32_t route, bool *tell)
{
    const struct route *r = &t->routes[route];
    uint64_t room = room_of(t, r);
    uint64_t grant = r->received + room > r->granted ? r->received + room : r->granted;
    uint64_t more = grant - r->granted, outstanding = r->granted - r->received;

    SP_ASSERT(r->granted >= r->received);
    *tell = r->told_workers != r->workers || (more > 0 && (outstanding * 2 <= room || more * 4 >= room));
    return grant;
}

void route_check(const struct route_table *t, const struct queue_pool *pool)
{
    uint32_t workers = 0, routes = 0, queued = 0, stalled = 0;
    size_t bytes = 0;

    for (uint32_t i = 0; i < t->workers_size; i++) {
        workers += t->workers[i].used;
        stalled += t->workers[i].stalled;
        SP_IMPLIES(t->workers[i].stalled, t->workers[i].used);
        SP_IMPLIES(t->workers[i].used, i < t->workers_top);
    }
    SP_ASSERT(workers == t->workers_count && stalled == t->stalled);
    for (uint32_t i = 0; i < t->routes_size; i++) {
        const struct route *r = &t->routes[i];
        uint32_t members = 0;

        if (!r->used)
            continue;
        routes++;
        SP_ASSERT(r->received <= r->granted);
        for (uint32_t w = 0; w < t->workers_size; w++) {
            bool member = (r->set[w / 64] >> (w % 64) & 1) != 0;

            members += member;
            SP_ASSERT(member == (t->workers[w].used && !t->workers[w].draining && serves(&t->workers[w], r)));
        }
        SP_ASSERT(members == r->workers);
        queue_check(pool, &r->waiting, &queued, &bytes);
    }
    SP_ASSERT(routes == t->routes_count);
    SP_ASSERT(queued == pool->count);
    SP_ASSERT(bytes == pool->bytes);
}
