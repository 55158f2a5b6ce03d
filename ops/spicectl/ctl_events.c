/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_follow.h"
#include "ctl_json.h"
#include "ctl_span.h"

#include "msg.h"
#include "sp_clock.h"

#include <inttypes.h>
#include <string.h>

#define EVENTS_TURN_MS 100u
#define EVENTS_KEY_MAX 160
#define EVENTS_AT_MAX  32

struct events {
    struct ctl *ctl;
    json_t *shown;  /* {"node pool": what was said last}: a renewal is no news for people */
    uint64_t limit; /* lines left */
};

static bool events_wanted(const struct events *events, const struct sp_reader_change *change)
{
    const char *pool = events->ctl->args.values[CTL_OPT_POOL];
    const char *node = events->ctl->args.values[CTL_OPT_NODE];
    return events->limit > 0 && (pool == NULL || strcmp(pool, change->pool) == 0) &&
           (node == NULL || strcmp(node, change->node) == 0);
}

static bool events_is_news(struct events *events, const struct sp_reader_change *change)
{
    char key[EVENTS_KEY_MAX];
    char now[CTL_FLEET_TEXT_MAX];
    (void)snprintf(key, sizeof key, "%s %s", change->node, change->pool);
    (void)snprintf(now, sizeof now, "%d %u %s", change->answer.member, change->answer.tier, change->answer.why);
    const char *before = json_string_value(json_object_get(events->shown, key));
    if (before != NULL && strcmp(before, now) == 0)
        return false;
    (void)json_object_set_new(events->shown, key, ctl_json_need(json_string(now)));
    return true;
}

static void events_line(struct events *events, const struct sp_reader_change *change, const char *at)
{
    struct ctl_out *out = &events->ctl->out;
    char span[CTL_SPAN_MAX];
    char safe[CTL_OUT_SAFE_MAX];
    const char *tier = sp_tier_name(change->answer.tier);
    ctl_out_print(out, "%s  %-24s ", at, ctl_out_safe(safe, sizeof safe, change->node));
    ctl_out_tone(out, change->answer.member ? CTL_GOOD : CTL_BAD, change->answer.member ? "in     " : "not in ");
    ctl_out_print(out, "%-16s ", ctl_out_safe(safe, sizeof safe, change->pool));
    ctl_out_tone(out, ctl_out_tone_of(tier), tier);
    if (change->answer.member)
        ctl_out_print(out, "  for %s", ctl_span_text((int64_t)change->answer.remaining_ms, span, sizeof span));
    ctl_out_print(out, "  %s\n", ctl_out_safe(safe, sizeof safe, change->answer.why));
}

static void events_on_change(void *self, const struct sp_reader_change *change)
{
    struct events *events = self;
    char at[EVENTS_AT_MAX];
    if (!events_wanted(events, change))
        return;
    sp_time_format_wall(sp_clock_read().wall, at, sizeof at);
    if (events->ctl->json) {
        json_t *line = json_pack("{s:s, s:s, s:s, s:b, s:s, s:I, s:I, s:s, s:I}", "at", at, "node", change->node, "pool",
                                 change->pool, "member", change->answer.member, "tier", sp_tier_name(change->answer.tier),
                                 "until_ms", (json_int_t)change->until_ms, "remaining_ms", (json_int_t)change->answer.remaining_ms,
                                 "why", change->answer.why, "sequence", (json_int_t)change->sequence);
        ctl_json_line(&events->ctl->out, ctl_json_need(line));
        json_decref(line);
    } else if (events_is_news(events, change)) {
        events_line(events, change, at);
    } else {
        return;
    }
    events->limit--;
    (void)fflush(events->ctl->out.file);
}

static void events_on_state(void *self, bool following)
{
    struct events *events = self;
    ctl_note(events->ctl,
             following ? "(following the keeper)" : "(the view is not proven any more: every node is none until it is again)");
}

int ctl_events_run(struct ctl *ctl)
{
    static const uint64_t range[2] = {1, UINT64_MAX / 2};
    struct events events = {.ctl = ctl};
    struct ctl_follow follow = {0};
    const struct sp_reader_options handlers = {.self = &events, .on_change = events_on_change, .on_state = events_on_state};
    const char *span = ctl->args.values[CTL_OPT_FOR];
    uint64_t span_ms = UINT64_MAX;
    if (span != NULL && !sp_time_parse_span(sp_str_of(span), &span_ms))
        return ctl_fail(ctl, CTL_USAGE, "--for", "write 10s or 5m", "\"%s\" is no span of time", span);
    if (!ctl_args_number(&ctl->args, CTL_OPT_LIMIT, range, range[1], &events.limit))
        return ctl_fail(ctl, CTL_USAGE, NULL, NULL, "%s", ctl->args.why);
    events.shown = ctl_json_need(json_object());
    int code = ctl_follow_open(ctl, &follow, &handlers);
    uint64_t start = sp_mono_ms(sp_clock_read().mono);
    if (code == CTL_OK && !ctl_follow_await(&follow, ctl_fleet_patience(ctl)) && !follow.interrupted)
        code = ctl_fail(ctl, CTL_NO_FLEET, "keeper", "is it running? try: spicectl doctor",
                        "the keeper's view of the pool did not come");
    while (code == CTL_OK && events.limit > 0 && sp_mono_ms(sp_clock_read().mono) - start < span_ms) {
        if (!ctl_follow_turn(&follow, EVENTS_TURN_MS))
            break;
    }
    ctl_follow_close(&follow);
    json_decref(events.shown);
    return code;
}
