/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_report.h"

#include <jansson.h>

#include "sp_log.h"

#define SUB "exposure"

void bridge_report_add(struct bridge *b, const struct action_event *e, const char *detail)
{
    struct report_row row = {0};
    uint64_t dropped = b->reports.dropped;
    SP_STATIC_ASSERT(sizeof row.what > MSG_ACTION_REPORT_WHAT_MAX && sizeof row.node > MSG_ACTION_REPORT_NODE_MAX &&
                         sizeof row.pool > MSG_ACTION_REPORT_POOL_MAX && sizeof row.detail > MSG_ACTION_REPORT_DETAIL_MAX,
                     "what fits the message fits the row");
    if (!sp_str_copy(row.what, sizeof row.what, sp_str_of(action_core_what_text(e->what))) ||
        !sp_str_copy(row.node, sizeof row.node, sp_str_of(e->node)) ||
        !sp_str_copy(row.pool, sizeof row.pool, sp_str_of(e->pool)) ||
        !sp_str_copy(row.detail, sizeof row.detail, sp_str_of(detail))) {
        SP_LOG(SP_LOG_WARNING, SUB, "report.refused", SP_LOG_S("node", e->node),
               SP_LOG_S("why", "a name is too long for the audit"));
        return;
    }
    report_core_add(&b->reports, bridge_shell_wall(b), &row);
    if (b->reports.dropped != dropped)
        SP_LOG(SP_LOG_WARNING, SUB, "report.lost", SP_LOG_S("why", "too many wait for the keeper"));
}

static bool report_send(struct bridge *b, const struct report_row *r)
{
    uint8_t body[1024];
    struct sp_packer w;
    struct msg_action_report m = {.id = r->id,
                                  .what = sp_str_of(r->what),
                                  .node = sp_str_of(r->node),
                                  .pool = sp_str_of(r->pool),
                                  .detail = sp_str_of(r->detail)};
    sp_packer_init(&w, body, sizeof body);
    return msg_action_report_encode(&w, &m) == SP_OK &&
           bridge_shell_send(b, SP_MSG_ACTION_REPORT, "", sp_str_bytes(body, sp_packer_bytes(&w)));
}

void bridge_report_tick(struct bridge *b)
{
    struct sp_mono now = bridge_shell_now(b);
    const struct report_row *r = report_core_next(&b->reports, now);
    if (r != NULL && !report_send(b, r))
        report_core_unsent(&b->reports, now);
}

static enum report_answer answer_of(unsigned code)
{
    switch (code) {
    case SP_REFUSAL_NONE:
        return REPORT_DONE;
    case SP_REFUSAL_REPLAY:
        return REPORT_OLD;
    case SP_REFUSAL_OVERLOAD:
    case SP_REFUSAL_STORE:
        return REPORT_LATER;
    default:
        return REPORT_REFUSED;
    }
}

bool bridge_report_on_view_reply(struct bridge *b, const struct msg_view_reply *m)
{
    json_t *said = json_loadb(m->data.p, m->data.n, 0, NULL);
    json_int_t highest = json_integer_value(json_object_get(said, "highest"));
    enum report_answer answer = answer_of(m->code);
    bool ours = report_core_answer(&b->reports, bridge_shell_now(b), m->id, answer, highest > 0 ? (uint64_t)highest : 0);
    if (ours && answer == REPORT_REFUSED) {
        const char *why = json_string_value(json_object_get(said, "error"));
        SP_LOG(SP_LOG_WARNING, SUB, "report.refused", SP_LOG_S("why", why != NULL ? why : "?"));
    }
    json_decref(said);
    return ours;
}

uint64_t bridge_report_deadline_us(const struct bridge *b)
{
    return report_core_next_deadline(&b->reports).us;
}
