/* SPDX-License-Identifier: Apache-2.0 */
#include "canary_core.h"

#include <string.h>

void canary_core_init(struct canary_core *c, uint64_t interval_ms, uint64_t wait_ms)
{
    *c = (struct canary_core){.interval_us = interval_ms * SP_US_PER_MS, .wait_us = wait_ms * SP_US_PER_MS};
}

/* Soon, but not in a circle: twice as long after each failure, never longer than the interval. */
static uint64_t first_us(const struct canary_core *c)
{
    uint64_t pause = CANARY_FIRST_MS * SP_US_PER_MS << (c->failures < 16 ? c->failures : 16);
    return pause < c->interval_us ? pause : c->interval_us;
}

void canary_core_links(struct canary_core *c, struct sp_mono now, bool up)
{
    if (up == c->up)
        return;
    c->up = up;
    c->flying = c->returned = false; /* its echo belongs to connections that are gone */
    c->due_us = now.us + first_us(c);
}

static enum canary_act failed(struct canary_core *c, struct sp_mono now)
{
    c->flying = c->returned = false;
    c->deaf = true;
    c->failures++;
    c->lost++;
    c->due_us = now.us + c->interval_us;
    return CANARY_DEAF;
}

enum canary_act canary_core_step(struct canary_core *c, struct sp_mono now, const uint8_t nonce[CANARY_NONCE_BYTES])
{
    if (c->interval_us == 0 || !c->up)
        return CANARY_REST;
    if (c->returned || (c->flying && now.us >= c->sent_us + c->wait_us))
        return failed(c, now);
    if (c->flying || now.us < c->due_us)
        return CANARY_REST;
    memcpy(c->nonce, nonce, sizeof c->nonce);
    c->flying = true;
    c->sent_us = now.us;
    c->sent++;
    return CANARY_SEND;
}

bool canary_core_heard(struct canary_core *c, struct sp_mono now, const uint8_t nonce[CANARY_NONCE_BYTES])
{
    if (!c->flying || memcmp(nonce, c->nonce, sizeof c->nonce) != 0)
        return false; /* of another bridge, of a former connection, or somebody's repetition */
    if (c->returned)
        return true; /* the way back is there, and another one is not: step tells */
    c->flying = c->deaf = false;
    c->failures = 0;
    c->heard++;
    c->round_us = now.us - c->sent_us;
    c->due_us = now.us + c->interval_us;
    return true;
}

void canary_core_returned(struct canary_core *c)
{
    c->returned = c->up; /* also when the echo was faster: it came by another connection */
}

struct sp_mono canary_core_next_deadline(const struct canary_core *c)
{
    if (c->interval_us == 0 || !c->up)
        return (struct sp_mono){SP_NEVER};
    if (c->returned)
        return (struct sp_mono){0};
    return (struct sp_mono){c->flying ? c->sent_us + c->wait_us : c->due_us};
}
