/* SPDX-License-Identifier: Apache-2.0 */
#include "acts.h"

#include "sp_log.h"

#define SUB "audit"

static bool put(void *self, const struct store_act *act)
{
    struct rec_act r = {.number = act->number,
                        .wall_ms = act->wall_ms,
                        .actor = act->actor,
                        .what = act->what,
                        .object = act->object,
                        .before = act->before,
                        .after = act->after,
                        .why = act->why};
    return rec_act_put(self, &r) == SP_OK;
}

/* False: nothing could be read or encoded. */
static bool encode(struct acts *a, struct sp_packer *w)
{
    const struct msg_act_report m = {.waiting = store_acts(a->store)};
    return msg_act_report_begin(w, &m) == SP_OK && store_acts_read(a->store, MSG_ACT_REPORT_ACTS_MAX, put, w) == SP_OK &&
           msg_act_report_end(w) == SP_OK;
}

void acts_send(struct acts *a, struct sp_mono now)
{
    size_t room = 0;
    struct sp_packer w;
    if (store_acts(a->store) == 0 || now.us < a->again.us)
        return;
    uint8_t *body = sp_bus_body(a->bus, &room);
    sp_packer_init(&w, body, room);
    struct sp_bus_out out = {.type = SP_MSG_ACT_REPORT, .dest = "", .broker = SP_BUS_ANY, .body = body};
    a->again.us = now.us + ACTS_AGAIN_MS * (uint64_t)SP_US_PER_MS;
    if (!encode(a, &w)) {
        SP_LOG(SP_LOG_ERROR, SUB, "acts", SP_LOG_S("why", "cannot be read"), SP_LOG_S("text", store_error(a->store)->text));
        return;
    }
    out.body_bytes = sp_packer_bytes(&w);
    enum sp_bus_sent sent = sp_bus_send(a->bus, &out);
    if (sent != SP_BUS_SENT)
        SP_LOG(SP_LOG_DEBUG, SUB, "acts", SP_LOG_S("why", sp_bus_sent_text(sent)));
}

/* What the keeper says about the first act it did not take. An answer that comes twice finds that act no more. */
static enum sp_rc settle(struct acts *a, const struct msg_act_stored *m)
{
    switch (m->code) {
    case SP_REFUSAL_NONE:
    case SP_REFUSAL_OVERLOAD:
    case SP_REFUSAL_STORE:
        return SP_OK; /* it comes again */
    case SP_REFUSAL_REPLAY:
    case SP_REFUSAL_FUTURE:
        SP_LOG(SP_LOG_WARNING, SUB, "acts.renumbered", SP_LOG_U("above", m->highest),
               SP_LOG_S("why", "this store was put back, or the clock was set"));
        return store_acts_renumber(a->store, m->refused, m->highest);
    default:
        SP_LOG(SP_LOG_ERROR, SUB, "act.lost", SP_LOG_S("why", sp_refusal_name(m->code)), SP_LOG_S("effect", "the audit lacks it"));
        return store_acts_drop(a->store, m->refused);
    }
}

void acts_on_stored(struct acts *a, const struct msg_act_stored *m, struct sp_mono now)
{
    if (store_acts(a->store) == 0)
        return;
    bool more = m->code != SP_REFUSAL_OVERLOAD && m->code != SP_REFUSAL_STORE;
    enum sp_rc rc = m->number != 0 ? store_acts_stored(a->store, m->number) : SP_OK;
    rc = rc == SP_OK && store_acts(a->store) > 0 ? settle(a, m) : rc;
    if (rc != SP_OK) {
        SP_LOG(SP_LOG_WARNING, SUB, "acts", SP_LOG_S("why", store_error(a->store)->text),
               SP_LOG_S("effect", "they are sent again"));
        return;
    }
    if (more)
        a->again.us = 0;
    acts_send(a, now);
}
