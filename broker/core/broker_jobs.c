/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of jobs and the credit that draws them.
 *
 *     JobBatch --> within the grant? --> a worker with credit --> forward
 *                     | no                  | none
 *                     v                     v
 *                  JobReturn <-- expired -- queue of the route --> forward when credit comes
 *
 * A batch is never split and never copied. What cannot be run goes back at once, job by job, so that the scheduler closes the
 * leases; what is lost with a worker comes back by its lease alone.
 */
#include "broker_parts.h"
#include "sp_ticket.h"

enum sp_rc broker_on_credit(struct broker_in *in, struct msg_credit *m)
{
    struct broker_core *b = in->core;
    const struct peer *p = &b->peers.peers[in->peer];

    if (!p->has_worker)
        return SP_E_MALFORMED;
    route_worker_credit(&b->routes, p->worker, m->granted);
    b->dirty = true;
    broker_send_release(in->fx, in->ev->frame);
    return SP_OK;
}

enum sp_rc broker_on_route_open(struct broker_in *in, struct msg_route_open *m)
{
    struct broker_core *b = in->core;

    if (!sp_str_is_name(m->route.adapter, REC_ROUTE_SPEC_ADAPTER_MAX))
        return SP_E_MALFORMED;
    uint32_t r = route_open(&b->routes, in->peer, &m->route, principal_adapter_bits(&b->who, m->route.adapter));

    if (r == ROUTE_NONE) {
        broker_send_refuse(b, in, SP_REFUSAL_OVERLOAD, "too many routes", in->fx);
        return SP_OK;
    }
    b->routes.routes[r].told_workers = UINT32_MAX; /* asked again: answer again */
    b->dirty = true;
    broker_send_release(in->fx, in->ev->frame);
    return SP_OK;
}

/* Lists the jobs of a batch in a JobReturn to whoever sent it, and lets go of the frame. */
static void give_back(struct broker_core *b, uint32_t frame, struct sp_str body, uint32_t scheduler, enum sp_refusal code,
                      struct broker_effects *fx)
{
    const struct peer *to = &b->peers.peers[scheduler];
    struct msg_job_return head = {.code = (uint16_t)code};
    struct msg_job_batch m;
    struct rec_job job;
    struct sp_packer w;

    broker_send_begin(b, &w, MSG_JOB_RETURN_BYTES_MAX);
    if (msg_job_batch_decode((const uint8_t *)body.p, body.n, &m) == SP_OK && msg_job_return_begin(&w, &head) == SP_OK) {
        struct sp_list list = m.jobs;

        while (rec_job_next(&list, &job)) {
            struct sp_ticket t;

            if (sp_ticket_decode(job.ticket, &t) != SP_OK)
                continue; /* not a ticket of ours: nobody holds a lease for it */
            struct rec_returned r = {.slot = t.slot, .job = t.job};

            if (rec_returned_put(&w, &r) != SP_OK)
                break;
        }
        if (msg_job_return_end(&w) == SP_OK)
            broker_send_reply(b, fx, to->conn, SP_MSG_JOB_RETURN, &b->who.rows[to->principal], &w);
    }
    b->returned_jobs += b->pool.frames[frame].jobs;
    broker_send_release(fx, frame);
}

static void hand_out(struct broker_core *b, uint32_t frame, uint32_t worker, struct broker_effects *fx)
{
    const struct route_worker *w = &b->routes.workers[worker];
    uint32_t jobs = b->pool.frames[frame].jobs;

    route_take(&b->routes, worker, jobs);
    broker_send_trace(b, frame, 0, b->peers.peers[w->link].principal);
    broker_send_forward(b, fx, frame, w->link, true);
    b->forwarded_jobs += jobs;
}

static uint64_t waiting_jobs(const struct broker_core *b)
{
    uint64_t jobs = 0;

    for (uint32_t i = 0; b->pool.count > 0 && i < b->routes.routes_size; i++)
        jobs += b->routes.routes[i].used ? b->routes.routes[i].waiting.jobs : 0;
    return jobs;
}

/* Places a batch that was counted as received. */
static void place(struct broker_core *b, uint32_t route, uint32_t frame, struct sp_str body, struct broker_effects *fx)
{
    struct route *r = &b->routes.routes[route];
    uint32_t worker = r->waiting.count == 0 ? route_pick(&b->routes, route) : ROUTE_NONE;

    if (worker != ROUTE_NONE)
        hand_out(b, frame, worker, fx);
    else if (r->workers == 0)
        give_back(b, frame, body, r->owner, SP_REFUSAL_NO_ROUTE, fx);
    else if (waiting_jobs(b) + b->pool.frames[frame].jobs > b->o.queue_jobs || !queue_push(&b->pool, &r->waiting, frame))
        give_back(b, frame, body, r->owner, SP_REFUSAL_OVERLOAD, fx);
}

enum sp_rc broker_on_job_batch(struct broker_in *in, struct msg_job_batch *m)
{
    struct broker_core *b = in->core;
    struct queue_frame *facts = &b->pool.frames[in->ev->frame];
    uint32_t route = route_find(&b->routes, in->peer, &m->route);
    uint64_t held_us = (uint64_t)m->expires_ms * 1000u;

    broker_send_hold(b, in);
    facts->jobs = m->jobs.count;
    facts->expires_us = b->now_us + (held_us < BROKER_HELD_US_MAX ? held_us : BROKER_HELD_US_MAX);
    if (m->jobs.count == 0) {
        broker_send_release(in->fx, in->ev->frame);
        return SP_OK;
    }
    if (route == ROUTE_NONE) {
        give_back(b, in->ev->frame, in->e.body, in->peer, SP_REFUSAL_NO_ROUTE, in->fx);
        return SP_OK;
    }
    struct route *r = &b->routes.routes[route];

    if (r->received + m->jobs.count > r->granted) {
        give_back(b, in->ev->frame, in->e.body, in->peer, SP_REFUSAL_OVERLOAD, in->fx);
        return SP_OK;
    }
    r->received += m->jobs.count;
    b->dirty = true;
    place(b, route, in->ev->frame, in->e.body, in->fx);
    return SP_OK;
}

/* Finds body and route of a held batch again; for the ways that are rarely taken. */
static uint32_t route_of(const struct broker_core *b, uint32_t frame, struct sp_str *body)
{
    uint32_t scheduler = b->who.rows[b->pool.frames[frame].sender].first_link;
    struct sp_envelope e;
    struct msg_job_batch m;

    if (scheduler == PEER_NONE || sp_envelope_decode((const uint8_t *)b->frames[frame].p, b->frames[frame].n, &e) != SP_OK ||
        msg_job_batch_decode((const uint8_t *)e.body.p, e.body.n, &m) != SP_OK)
        return ROUTE_NONE;
    *body = e.body;
    return route_find(&b->routes, scheduler, &m.route);
}

void broker_jobs_unsent(struct broker_core *b, uint32_t frame, uint32_t conn, struct broker_effects *fx)
{
    uint32_t peer = peer_by_conn(&b->peers, conn);
    uint32_t jobs = b->pool.frames[frame].jobs;
    struct sp_str body = {NULL, 0};
    uint32_t route = route_of(b, frame, &body);

    if (peer != PEER_NONE && b->peers.peers[peer].has_worker)
        route_untake(&b->routes, b->peers.peers[peer].worker, jobs, b->now_us);
    b->forwarded_jobs -= jobs;
    b->dirty = true;
    if (route == ROUTE_NONE)
        broker_send_release(fx, frame); /* its scheduler is gone as well */
    else
        place(b, route, frame, body, fx);
}

/* A reply was lost, and it may have been a grant: counted as told and never heard it would leave the route without jobs for good. Said
 * again at the next look, which any message brings. */
void broker_jobs_untold(struct broker_core *b, uint32_t peer)
{
    for (uint32_t i = 0; i < b->routes.routes_size; i++)
        if (b->routes.routes[i].used && b->routes.routes[i].owner == peer)
            b->routes.routes[i].told_workers = UINT32_MAX;
    b->dirty = true;
}

void broker_jobs_session_ends(struct broker_core *b, uint32_t peer)
{
    for (uint32_t i = 0; i < b->routes.routes_size; i++)
        if (b->routes.routes[i].used && b->routes.routes[i].owner == peer)
            route_orphan(&b->routes, i);
    b->dirty = true;
    b->more = true; /* what waits in them is let go before anything else comes */
}

void broker_jobs_expire(struct broker_core *b, struct broker_effects *fx)
{
    for (uint32_t i = 0; b->pool.count > 0 && i < b->routes.routes_size; i++) {
        struct route *r = &b->routes.routes[i];

        while (r->used && r->owner != ROUTE_NONE && r->waiting.count > 0) {
            struct sp_str body = {NULL, 0};

            if (!broker_send_room(b, fx, MSG_JOB_RETURN_BYTES_MAX)) {
                b->more = true;
                return;
            }
            uint32_t frame = queue_pop_expired(&b->pool, &r->waiting, b->now_us);

            if (frame == QUEUE_NONE)
                break;
            (void)route_of(b, frame, &body);
            give_back(b, frame, body, r->owner, SP_REFUSAL_EXPIRED, fx);
            b->dirty = true;
        }
    }
}

static void tell_grant(struct broker_core *b, struct route *r, uint64_t grant, struct broker_effects *fx)
{
    const struct peer *to = &b->peers.peers[r->owner];
    struct msg_route_credit m = {
        .broker_boot = to->session,
        .route = {.adapter = sp_str_of(r->adapter), .labels = sp_str_of(r->labels)},
        .granted = grant,
        .workers = r->workers,
    };
    struct sp_packer w;

    broker_send_begin(b, &w, MSG_ROUTE_CREDIT_BYTES_MAX);
    if (msg_route_credit_encode(&w, &m) != SP_OK)
        SP_UNREACHABLE();
    broker_send_reply(b, fx, to->conn, SP_MSG_ROUTE_CREDIT, &b->who.rows[to->principal], &w);
    r->granted = grant;
    r->told_workers = r->workers;
}

/* One route; false when there was no room to finish. */
static bool flush_route(struct broker_core *b, uint32_t route, struct broker_effects *fx)
{
    struct route *r = &b->routes.routes[route];

    while (r->waiting.count > 0) {
        bool orphan = r->owner == ROUTE_NONE;
        uint32_t worker = orphan || r->workers == 0 ? ROUTE_NONE : route_pick(&b->routes, route);

        if (!broker_send_room(b, fx, MSG_JOB_RETURN_BYTES_MAX))
            return false;
        if (worker == ROUTE_NONE && !orphan && r->workers > 0)
            break;
        uint32_t frame = queue_pop(&b->pool, &r->waiting);

        if (orphan) {
            broker_send_release(fx, frame);
        } else if (worker != ROUTE_NONE) {
            hand_out(b, frame, worker, fx);
        } else {
            struct sp_str body = {NULL, 0};

            (void)route_of(b, frame, &body);
            give_back(b, frame, body, r->owner, SP_REFUSAL_NO_ROUTE, fx);
        }
    }
    if (r->owner == ROUTE_NONE) {
        route_close(&b->routes, route);
        return true;
    }
    bool tell;
    uint64_t grant = route_grant(&b->routes, route, &tell);

    if (!tell)
        return true;
    if (!broker_send_room(b, fx, MSG_ROUTE_CREDIT_BYTES_MAX))
        return false;
    tell_grant(b, r, grant, fx);
    return true;
}

void broker_jobs_flush(struct broker_core *b, struct broker_effects *fx)
{
    for (; b->cursor < b->routes.routes_size; b->cursor++)
        if (b->routes.routes[b->cursor].used && !flush_route(b, b->cursor, fx)) {
            b->more = true;
            return;
        }
    b->cursor = 0;
    b->dirty = false;
}
