/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_query.h"

#include "ctl_fleet.h"
#include "ctl_json.h"

#define QUERY_LIMIT_DEFAULT 1000u
#define QUERY_LIMIT_MAX     1000000u

/* Sets the common arguments of lists; false: error printed. */
static bool query_args(struct ctl *ctl, json_t *args)
{
    static const uint64_t limits[2] = {1, QUERY_LIMIT_MAX};
    static const uint64_t any[2] = {0, UINT64_MAX / 2};
    static const struct {
        enum ctl_opt option;
        const char *name;
    } texts[] = {{CTL_OPT_NODE, "node"}, {CTL_OPT_CHECK, "check"}};
    uint64_t number;
    if (!ctl_args_number(&ctl->args, CTL_OPT_LIMIT, limits, QUERY_LIMIT_DEFAULT, &number)) {
        (void)ctl_fail(ctl, CTL_USAGE, NULL, NULL, "%s", ctl->args.why);
        return false;
    }
    (void)json_object_set_new(args, "limit", ctl_json_need(json_integer((json_int_t)number)));
    if (!ctl_args_number(&ctl->args, CTL_OPT_AFTER, any, 0, &number)) {
        (void)ctl_fail(ctl, CTL_USAGE, NULL, NULL, "%s", ctl->args.why);
        return false;
    }
    if (ctl_args_has(&ctl->args, CTL_OPT_AFTER))
        (void)json_object_set_new(args, "after", ctl_json_need(json_integer((json_int_t)number)));
    if (ctl_args_has(&ctl->args, CTL_OPT_TEST))
        (void)json_object_set_new(args, "test", json_true());
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (ctl_args_has(&ctl->args, texts[i].option))
            (void)json_object_set_new(args, texts[i].name, ctl_json_need(json_string(ctl->args.values[texts[i].option])));
    }
    return true;
}

int ctl_query_keeper(struct ctl *ctl, const char *verb, json_t *args, void (*print)(struct ctl *, const json_t *))
{
    json_t *reply;
    if (!query_args(ctl, args)) {
        json_decref(args);
        return CTL_USAGE;
    }
    int code = ctl_fleet_ask(ctl, "keeper", verb, args, &reply);
    if (code != CTL_OK)
        return code;
    print(ctl, reply);
    json_decref(reply);
    return CTL_OK;
}
