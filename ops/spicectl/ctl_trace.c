/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "trace JOB": what scheduler, broker and keeper remember of one job, put into one table in the order of time. Each of them answers
 * trace.get {job} with {stamps: [{at, what, ...}]}; a role that knows nothing of the job answers with none.
 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_table.h"

#include <stdlib.h>
#include <string.h>

#define TRACE_STAMPS_MAX 4096u
#define TRACE_REST_MAX   512

static const char *const trace_roles[] = {"scheduler", "broker", "keeper"}; /* the first knows the message the job left in */
#define TRACE_ROLES (sizeof trace_roles / sizeof trace_roles[0])

/* EPOCH-NUMBER as result list prints it, or a number. */
static bool trace_job_good(const char *job)
{
    size_t n = strspn(job, "0123456789");
    if (n > 0 && job[n] == '-')
        n += 1 + strspn(job + n + 1, "0123456789");
    return n > 0 && n < 48 && job[n] == '\0' && job[n - 1] != '-';
}

/* A broker tells of messages: {hop, type, from, to, in_us, out_us, ...}. */
static void trace_of_broker(json_t *row)
{
    char what[TRACE_REST_MAX];
    (void)snprintf(what, sizeof what, "%s %s -> %s", ctl_json_text(row, "type"), ctl_json_text(row, "from"),
                   ctl_json_text(row, "to"));
    (void)json_object_set_new(row, "process", ctl_json_need(json_string(ctl_json_text(row, "hop"))));
    (void)json_object_set_new(row, "what", ctl_json_need(json_string(what)));
    (void)json_object_set_new(row, "us", ctl_json_need(json_integer(ctl_json_int(row, "in_us", 0))));
    (void)json_object_set_new(row, "held_us",
                              ctl_json_need(json_integer(ctl_json_int(row, "out_us", 0) - ctl_json_int(row, "in_us", 0))));
    static const char *const spent[] = {"hop", "type", "from", "to", "in_us", "out_us", "trace", "sequence"};
    for (size_t i = 0; i < sizeof spent / sizeof spent[0]; i++)
        (void)json_object_del(row, spent[i]);
}

static void trace_take(json_t *reply, const char *role, json_t *stamps)
{
    size_t i;
    json_t *stamp;
    json_t *list = json_is_array(reply) ? reply : json_object_get(reply, "stamps");
    json_array_foreach(list, i, stamp)
    {
        if (json_array_size(stamps) >= TRACE_STAMPS_MAX)
            break;
        json_t *row = ctl_json_need(json_pack("{s:s}", "process", role));
        (void)json_object_update(row, stamp);
        if (strcmp(role, "broker") == 0)
            trace_of_broker(row);
        (void)json_array_append_new(stamps, row);
    }
}

/* Wall time first: monotonic clocks of two hosts say nothing about each other. */
static int trace_compare(const void *a, const void *b)
{
    const json_t *const *left = a;
    const json_t *const *right = b;
    int order = strcmp(ctl_json_text(*left, "at"), ctl_json_text(*right, "at"));
    int64_t first = ctl_json_int(*left, "us", -1);
    int64_t second = ctl_json_int(*right, "us", -1);
    if (order != 0 || first < 0 || second < 0)
        return order;
    return first < second ? -1 : first > second;
}

static json_t *trace_sorted(json_t *stamps)
{
    size_t count = json_array_size(stamps);
    json_t **rows = calloc(count + 1, sizeof(json_t *));
    json_t *sorted = ctl_json_need(json_array());
    for (size_t i = 0; rows != NULL && i < count; i++)
        rows[i] = json_array_get(stamps, i);
    if (rows != NULL && count > 0)
        qsort(rows, count, sizeof(json_t *), trace_compare);
    for (size_t i = 0; rows != NULL && i < count; i++)
        (void)json_array_append(sorted, rows[i]);
    free(rows);
    json_decref(stamps);
    return sorted;
}

/* Everything a stamp says besides when, who and what. */
static const char *trace_rest(json_t *stamp, char *to, size_t size)
{
    json_t *rest = ctl_json_need(json_copy(stamp));
    static const char *const shown[] = {"at", "what", "process", "us", "job"};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        (void)json_object_del(rest, shown[i]);
    (void)ctl_json_words(rest, to, size);
    json_decref(rest);
    return to;
}

static void trace_table(struct ctl *ctl, const json_t *stamps)
{
    char rest[TRACE_REST_MAX];
    size_t i;
    json_t *stamp;
    struct ctl_table *table = ctl_table_new("AT|PROCESS|WHAT|MORE");
    json_array_foreach(stamps, i, stamp)
    {
        ctl_table_cell(table, ctl_json_text(stamp, "at"));
        ctl_table_cell(table, ctl_json_text(stamp, "process"));
        ctl_table_cell(table, ctl_json_text(stamp, "what"));
        ctl_table_cell(table, trace_rest(stamp, rest, sizeof rest));
    }
    ctl_table_print(table, &ctl->out, "Nobody remembers this job; only the latest are kept.");
    ctl_table_destroy(&table);
}

int ctl_trace_run(struct ctl *ctl)
{
    const char *job = ctl->args.names[0];
    struct ctl_fault fault = {0};
    size_t answered = 0;
    int64_t message = 0;
    json_t *stamps = ctl_json_need(json_array());
    int code = CTL_OK;
    if (!trace_job_good(job)) {
        json_decref(stamps);
        return ctl_fail(ctl, CTL_USAGE, NULL, "jobs are named EPOCH-NUMBER; see the column JOB of spicectl result list",
                        "\"%s\" is no job", job);
    }
    for (size_t i = 0; i < TRACE_ROLES; i++) {
        json_t *reply = NULL;
        json_t *args = ctl_json_need(json_pack("{s:s, s:I}", "job", job, "trace", (json_int_t)message));
        if (strcmp(trace_roles[i], "broker") == 0 && message == 0) {
            json_decref(args);
            continue;
        }
        if (ctl_fleet_try(ctl, trace_roles[i], "trace.get", args, &reply, &fault)) {
            trace_take(reply, trace_roles[i], stamps);
            message = message != 0 ? message : ctl_json_int(reply, "trace", 0);
            answered++;
        } else {
            ctl_note(ctl, "%s: %s", trace_roles[i], fault.error);
        }
        json_decref(reply);
    }
    stamps = trace_sorted(stamps);
    if (answered == 0)
        code = ctl_fleet_fail(ctl, &fault);
    else if (ctl->json)
        ctl_json_print(&ctl->out, stamps);
    else
        trace_table(ctl, stamps);
    if (answered > 0 && json_array_size(stamps) == 0)
        code = CTL_FAILED;
    json_decref(stamps);
    return code;
}
