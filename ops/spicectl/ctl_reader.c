/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_follow.h"
#include "ctl_json.h"
#include "ctl_span.h"
#include "ctl_table.h"

#include "sp_buf.h"

#define READER_VIEW_MAX (512u << 20)

static void reader_table(struct ctl *ctl, const json_t *view)
{
    char span[CTL_SPAN_MAX];
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("NODE|POOL|IN|TIER|>REMAINING|WHY");
    ctl_out_print(&ctl->out, "%s, event %ld\n",
                  ctl_json_true(view, "following") ? "following the keeper" : "NOT FOLLOWING: every node is none",
                  (long)ctl_json_int(view, "sequence", 0));
    json_array_foreach(json_object_get(view, "entries"), i, row)
    {
        bool member = ctl_json_true(row, "member");
        const char *tier = ctl_json_text(row, "tier");
        ctl_table_cell(table, ctl_json_text(row, "node"));
        ctl_table_cell(table, ctl_json_text(row, "pool"));
        ctl_table_tone(table, member ? CTL_GOOD : CTL_BAD, member ? "yes" : "no");
        ctl_table_tone(table, ctl_out_tone_of(tier), tier);
        ctl_table_cell(table, member ? ctl_span_text(ctl_json_int(row, "remaining_ms", -1), span, sizeof span) : "");
        ctl_table_cell(table, ctl_json_text(row, "why"));
    }
    ctl_table_print(table, &ctl->out, "no entry");
    ctl_table_destroy(&table);
}

int ctl_reader_status(struct ctl *ctl)
{
    struct ctl_follow follow = {0};
    const struct sp_reader_options handlers = {.self = NULL};
    struct sp_buf text;
    int code = ctl_follow_open(ctl, &follow, &handlers);
    if (code != CTL_OK) {
        ctl_follow_close(&follow);
        return code;
    }
    bool following = ctl_follow_await(&follow, ctl_fleet_patience(ctl));
    sp_buf_init(&text, READER_VIEW_MAX);
    sp_reader_dump(follow.reader, ctl->args.values[CTL_OPT_POOL], &text);
    json_t *view = text.failed ? NULL : json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    if (view == NULL)
        code = ctl_fail(ctl, CTL_FAILED, "reader", "ask for one --pool", "the view is too large to be printed");
    else if (ctl->json)
        ctl_json_print(&ctl->out, view);
    else
        reader_table(ctl, view);
    if (view != NULL && !following)
        code = ctl_fail(ctl, CTL_NO_FLEET, "keeper", "is it running? try: spicectl doctor", "the reader cannot prove its view");
    json_decref(view);
    sp_buf_fini(&text);
    ctl_follow_close(&follow);
    return code;
}
