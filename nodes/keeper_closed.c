/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_closed.h"

#include <stdlib.h>

static struct keeper_closed_row *closed_at(struct keeper_closed *c, uint32_t i)
{
    return &c->row[(c->first + i) % KEEPER_CLOSED_ROWS];
}

void keeper_closed_init(struct keeper_closed *c, keeper_closed_send_fn *send, void *ctx)
{
    memset(c, 0, sizeof *c);
    c->send = send;
    c->ctx = ctx;
}

/* Effect: takes the oldest out. */
static void closed_drop(struct keeper_closed *c)
{
    struct keeper_closed_row *r = closed_at(c, 0);
    SP_ASSERT(c->count > 0 && c->bytes >= r->bytes);
    c->lost += r->retry_ms != 0;
    c->bytes -= r->bytes;
    free(r->body);
    memset(r, 0, sizeof *r);
    c->first = (c->first + 1) % KEEPER_CLOSED_ROWS;
    c->count--;
}

void keeper_closed_fini(struct keeper_closed *c)
{
    while (c->count > 0) {
        closed_drop(c);
    }
}

static void closed_wait(struct keeper_closed *c, struct keeper_closed_row *r, uint64_t now_ms)
{
    uint64_t wait_ms = (uint64_t)KEEPER_CLOSED_RETRY_MS << (r->tries < 8 ? r->tries : 8);
    if (r->tries == KEEPER_CLOSED_TRIES_MAX) { /* whoever does not hear of it finds out when the lease ends */
        r->retry_ms = 0;
        c->lost++;
        return;
    }
    r->tries++;
    r->retry_ms = now_ms + (wait_ms < KEEPER_CLOSED_RETRY_MS_MAX ? wait_ms : KEEPER_CLOSED_RETRY_MS_MAX);
}

void keeper_closed_put(struct keeper_closed *c, struct sp_str body, uint32_t epoch, uint64_t now_ms)
{
    uint64_t sequence = 0;
    bool left = c->send(c->ctx, body, &sequence);
    char *copy = malloc(body.n);
    if (copy == NULL) {
        c->lost += !left;
        return;
    }
    while (c->count == KEEPER_CLOSED_ROWS || (c->count > 0 && c->bytes + body.n > KEEPER_CLOSED_BYTES_MAX)) {
        closed_drop(c);
    }
    struct keeper_closed_row *r = closed_at(c, c->count++);
    memcpy(copy, body.p, body.n);
    *r = (struct keeper_closed_row){.body = copy, .bytes = (uint32_t)body.n, .epoch = epoch, .sequence = sequence};
    c->bytes += body.n;
    if (!left) {
        closed_wait(c, r, now_ms);
    }
}

void keeper_closed_refused(struct keeper_closed *c, uint64_t sequence, uint64_t now_ms)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct keeper_closed_row *r = closed_at(c, i);
        if (r->retry_ms == 0 && r->sequence >= sequence && r->tries < KEEPER_CLOSED_TRIES_MAX) {
            closed_wait(c, r, now_ms);
        }
    }
}

void keeper_closed_tick(struct keeper_closed *c, uint32_t epoch, uint64_t now_ms)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct keeper_closed_row *r = closed_at(c, i);
        if (r->retry_ms == 0 || r->retry_ms > now_ms) {
            continue;
        }
        if (r->epoch != epoch) {
            r->retry_ms = 0;
            r->tries = KEEPER_CLOSED_TRIES_MAX;
        } else if (c->send(c->ctx, sp_str_bytes(r->body, r->bytes), &r->sequence)) {
            r->retry_ms = 0;
            c->again++;
        } else {
            closed_wait(c, r, now_ms);
        }
    }
}

uint64_t keeper_closed_next_ms(const struct keeper_closed *c)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct keeper_closed_row *r = &c->row[(c->first + i) % KEEPER_CLOSED_ROWS];
        next = r->retry_ms != 0 && r->retry_ms < next ? r->retry_ms : next;
    }
    return next;
}
