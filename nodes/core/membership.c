/* SPDX-License-Identifier: Apache-2.0 */
#include "membership.h"

#include "sp_assert.h"

static const bool membership_moves[MEMBERSHIP_STATE_COUNT][MEMBERSHIP_STATE_COUNT] = {
    [MEMBERSHIP_OUT] = {[MEMBERSHIP_PENDING] = true},
    [MEMBERSHIP_PENDING] = {[MEMBERSHIP_IN] = true, [MEMBERSHIP_OUT] = true},
    [MEMBERSHIP_IN] = {[MEMBERSHIP_OUT] = true},
};

bool membership_may(enum membership_state from, enum membership_state to)
{
    return from < MEMBERSHIP_STATE_COUNT && to < MEMBERSHIP_STATE_COUNT && membership_moves[from][to];
}

void membership_move(struct membership *m, enum membership_state to)
{
    SP_ASSERT(membership_may((enum membership_state)m->state, to));
    m->state = (uint8_t)to;
    if (to == MEMBERSHIP_OUT) {
        m->until_ms = 0;
    }
}

uint64_t membership_hold_ms(uint64_t hold_down_ms, uint32_t flaps)
{
    if (flaps == 0) {
        return 0;
    }
    uint32_t doublings = flaps - 1 < MEMBERSHIP_DOUBLINGS_MAX ? flaps - 1 : MEMBERSHIP_DOUBLINGS_MAX;
    return hold_down_ms << doublings;
}

void membership_flap(struct membership *m, uint64_t hold_down_ms, uint64_t now_ms)
{
    if (now_ms - m->gained_ms >= hold_down_ms * MEMBERSHIP_FORGET_FACTOR) {
        m->flaps = 0;
    }
    m->flaps = m->flaps == UINT32_MAX ? m->flaps : m->flaps + 1;
    uint64_t until = now_ms + membership_hold_ms(hold_down_ms, m->flaps);
    m->hold_until_ms = until > m->hold_until_ms ? until : m->hold_until_ms;
}

bool membership_lags(const struct membership *m)
{
    return m->state == MEMBERSHIP_IN && m->until_ms > m->told_until_ms &&
           m->until_ms - m->told_until_ms > m->age_ms_min / MEMBERSHIP_LAG_DIVISOR;
}

uint64_t membership_tell_at(const struct membership *m)
{
    if (m->state != MEMBERSHIP_IN || m->until_ms <= m->told_until_ms) {
        return UINT64_MAX;
    }
    uint64_t margin = m->age_ms_min / MEMBERSHIP_LAG_DIVISOR;
    return m->told_until_ms > margin ? m->told_until_ms - margin : 0;
}
