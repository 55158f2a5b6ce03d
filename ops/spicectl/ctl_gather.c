/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_gather.h"

#include "ctl_json.h"

#include "sp_bus.h"
#include "sp_clock.h"

#include <stdio.h>
#include <string.h>

void ctl_gather_open(struct ctl_gather *gather)
{
    gather->latest = ctl_json_need(json_object());
    gather->before = ctl_json_need(json_object());
}

void ctl_gather_close(struct ctl_gather *gather)
{
    json_decref(gather->latest);
    json_decref(gather->before);
    memset(gather, 0, sizeof *gather);
}

/* Asks each broker that is up; the lists one after the other in one array. NULL: none answered. */
static json_t *gather_ask(struct ctl *ctl, const char *verb, struct ctl_fault *fault)
{
    json_t *all = NULL;
    if (!ctl_fleet_open(ctl, fault))
        return NULL;
    struct sp_bus *bus = ctl_fleet_bus(ctl);
    for (unsigned i = 0; i < sp_bus_brokers(bus); i++) {
        json_t *list = NULL;
        if (!sp_bus_is_up(bus, i) || !ctl_fleet_try(ctl, sp_bus_broker_name(bus, i), verb, NULL, &list, fault))
            continue;
        if (all == NULL)
            all = ctl_json_need(json_array());
        (void)json_array_extend(all, list);
        json_decref(list);
    }
    return all;
}

bool ctl_gather_refresh(struct ctl *ctl, struct ctl_gather *gather, struct ctl_fault *fault)
{
    size_t i;
    json_t *row;
    json_t *all = gather_ask(ctl, "stats.get", fault);
    if (all == NULL)
        return false;
    int64_t now_ms = (int64_t)sp_mono_ms(sp_clock_read().mono);
    json_array_foreach(all, i, row)
    {
        const char *name = ctl_json_text(row, "name");
        int64_t at_ms = now_ms - ctl_json_int(row, "age_ms", 0);
        json_t *old = json_object_get(gather->latest, name);
        if (old != NULL && ctl_json_int(old, "uptime_ms", 0) == ctl_json_int(row, "uptime_ms", 0))
            continue; /* the same statistics again */
        if (old != NULL && ctl_json_int(old, "at_ms", 0) >= at_ms)
            continue; /* another broker heard it later */
        if (old != NULL)
            (void)json_object_set(gather->before, name, old);
        (void)json_object_set_new(row, "at_ms", ctl_json_need(json_integer(at_ms)));
        (void)json_object_set(gather->latest, name, row);
    }
    json_decref(all);
    return true;
}

json_t *ctl_gather_peers(struct ctl *ctl, struct ctl_fault *fault)
{
    size_t i;
    json_t *row;
    json_t *all = gather_ask(ctl, "peers.list", fault);
    if (all == NULL)
        return NULL;
    json_t *peers = ctl_json_need(json_object());
    json_array_foreach(all, i, row)
    {
        (void)json_object_set(peers, ctl_json_text(row, "name"), row);
    }
    json_decref(all);
    return peers;
}

int ctl_gather_bridges(struct ctl *ctl, const char *verb, const char *hint, json_t **views)
{
    struct ctl_fault fault;
    const char *pool = ctl->args.values[CTL_OPT_POOL], *node = ctl->args.values[CTL_OPT_NODE], *name;
    json_t *row;
    json_t *peers = ctl_gather_peers(ctl, &fault);
    if (peers == NULL)
        return ctl_fleet_fail(ctl, &fault);
    fault = (struct ctl_fault){.exit = CTL_NO_FLEET, .error = "no bridge is connected"};
    (void)snprintf(fault.hint, sizeof fault.hint, "%s", hint);
    *views = ctl_json_need(json_array());
    json_object_foreach(peers, name, row)
    {
        json_t *reply;
        json_t *args = ctl_json_need(json_pack("{s:s, s:s}", "pool", pool != NULL ? pool : "", "node", node != NULL ? node : ""));
        if (strcmp(ctl_json_text(row, "role"), "bridge") != 0)
            json_decref(args);
        else if (ctl_fleet_try(ctl, name, verb, args, &reply, &fault))
            (void)json_array_append_new(*views, reply);
    }
    json_decref(peers);
    if (json_array_size(*views) > 0)
        return CTL_OK;
    json_decref(*views);
    *views = NULL;
    return ctl_fleet_fail(ctl, &fault);
}

static int64_t gather_messages(const json_t *process, const char *direction)
{
    size_t i;
    json_t *row;
    int64_t sum = 0;
    json_array_foreach(json_object_get(process, "counters"), i, row)
    {
        if (strcmp(ctl_json_text(row, "direction"), direction) == 0)
            sum += ctl_json_int(row, "messages", 0);
    }
    return sum;
}

double ctl_gather_rate(const struct ctl_gather *gather, const char *name, bool outgoing)
{
    const json_t *now = json_object_get(gather->latest, name);
    const json_t *old = json_object_get(gather->before, name);
    const char *direction = outgoing ? "out" : "in";
    int64_t span = ctl_json_int(now, "uptime_ms", 0) - ctl_json_int(old, "uptime_ms", 0);
    if (now == NULL || old == NULL || span <= 0)
        return -1;
    return (double)(gather_messages(now, direction) - gather_messages(old, direction)) * 1000.0 / (double)span;
}
