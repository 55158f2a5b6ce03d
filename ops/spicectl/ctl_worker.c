/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_apply.h"
#include "ctl_fleet.h"
#include "ctl_gather.h"
#include "ctl_json.h"
#include "ctl_pick.h"
#include "ctl_span.h"
#include "ctl_table.h"

#include "sp_bus.h"
#include "sp_conf.h"
#include "sp_time.h"

#include <string.h>

/* What a worker of the list is. "away" and "lost" have no connection; lost ones were silent for keeper.worker_lost. */
static const char *worker_state(const json_t *row)
{
    const json_t *link = json_object_get(row, "link");
    if (ctl_json_true(row, "revoked"))
        return "revoked";
    if (!json_is_object(link))
        return ctl_json_true(row, "lost") ? "lost" : "away";
    return ctl_json_true(json_object_get(link, "worker"), "draining") ? "draining" : "connected";
}

/* Workers of the keeper's registry, each with what the broker says about its connection ("link"; null: not connected). */
static json_t *worker_rows(const json_t *keys, const json_t *peers)
{
    size_t i;
    json_t *key;
    json_t *rows = ctl_json_need(json_array());
    json_array_foreach(keys, i, key)
    {
        if (strcmp(ctl_json_text(key, "role"), "worker") != 0)
            continue;
        json_t *row = ctl_json_need(json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b}", "name", ctl_json_text(key, "name"), "role",
                                              "worker", "fingerprint", ctl_json_text(key, "fingerprint"), "adapters",
                                              ctl_json_text(key, "adapters"), "nodes", ctl_json_text(key, "nodes"), "revoked",
                                              ctl_json_true(key, "revoked"), "lost", ctl_json_true(key, "lost")));
        json_t *link = json_object_get(peers, ctl_json_text(key, "name"));
        (void)json_object_del(link, "name"); /* of the row */
        (void)json_object_del(link, "role");
        (void)json_object_set_new(row, "link", link != NULL ? json_incref(link) : json_null());
        (void)json_object_set_new(row, "state", ctl_json_need(json_string(worker_state(row))));
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

static void worker_table(struct ctl *ctl, const json_t *rows)
{
    char text[CTL_JSON_WORDS_MAX];
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("WORKER|STATE|>SINCE|>SLOTS|>FREE|>TAKEN|OFFERS|MAY SPEAK FOR|NODES|LABELS");
    json_array_foreach(rows, i, row)
    {
        const json_t *link = json_object_get(row, "link");
        const json_t *worker = json_object_get(link, "worker");
        bool up = json_is_object(link);
        const char *state = ctl_json_text(row, "state");
        const char *nodes = ctl_json_text(row, "nodes");
        ctl_table_cell(table, ctl_json_text(row, "name"));
        ctl_table_tone(table, strcmp(state, "connected") == 0 ? CTL_GOOD : (strcmp(state, "draining") == 0 ? CTL_WARN : CTL_BAD),
                       state);
        ctl_table_cell(table, up ? ctl_span_text(ctl_json_int(link, "connected_ms", -1), text, CTL_SPAN_MAX) : "");
        ctl_table_cell(table, ctl_json_words(json_object_get(worker, "slots"), text, sizeof text));
        ctl_table_cell(table, ctl_json_words(json_object_get(worker, "free"), text, sizeof text));
        ctl_table_cell(table, ctl_json_words(json_object_get(worker, "taken"), text, sizeof text));
        ctl_table_cell(table, ctl_json_words(json_object_get(worker, "adapters"), text, sizeof text));
        ctl_table_cell(table, ctl_json_words(json_object_get(row, "adapters"), text, sizeof text));
        ctl_table_cell(table, nodes[0] != '\0' ? nodes : "(all)");
        ctl_table_cell(table, ctl_json_text(worker, "labels"));
    }
    ctl_table_print(table, &ctl->out, "No worker. Add one with: spicectl worker invite NAME --adapters exec,http");
    ctl_table_destroy(&table);
}

int ctl_worker_list(struct ctl *ctl)
{
    struct ctl_fault fault;
    json_t *keys;
    json_t *rows = NULL;
    int code = ctl_fleet_ask(ctl, "keeper", "key.list", NULL, &keys);
    if (code != CTL_OK)
        return code;
    json_t *peers = ctl_gather_peers(ctl, &fault);
    if (!ctl_pick_filter(ctl, worker_rows(keys, peers), ctl->args.names, ctl->args.names_count, &rows))
        code = CTL_USAGE;
    else if (ctl->json)
        ctl_json_print(&ctl->out, rows);
    else
        worker_table(ctl, rows);
    json_decref(rows);
    json_decref(keys);
    json_decref(peers);
    return code;
}

/* A broker that only this host can reach makes an invitation that is of no use elsewhere. */
static void worker_warn_local(struct ctl *ctl)
{
    for (uint32_t b = 0; b < ctl->conf->broker_count; b++) {
        for (uint32_t e = 0; e < ctl->conf->brokers[b].endpoint_count; e++) {
            if (strncmp(ctl->conf->brokers[b].endpoints[e], "tcp://", 6) == 0)
                return;
        }
    }
    ctl_note(ctl, "note: no broker has a tcp endpoint, so this invitation is good on this host only");
}

static bool worker_runs_plugins(const char *adapters)
{
    struct sp_str rest = sp_str_of(adapters), word;
    while (sp_str_next(&rest, ',', &word)) {
        if (sp_str_is(word, "exec") || sp_str_is(word, "*"))
            return true;
    }
    return false;
}

int ctl_worker_invite(struct ctl *ctl)
{
    const struct ctl_args *args = &ctl->args;
    const char *adapters = args->values[CTL_OPT_ADAPTERS];
    const char *ttl = args->values[CTL_OPT_TTL];
    uint64_t ttl_ms = 0; /* none: the keeper's enrol_ttl */
    json_t *reply;
    if (adapters == NULL)
        return ctl_fail(ctl, CTL_USAGE, NULL, "spicectl worker invite rack7-a --adapters exec,http",
                        "which adapters may it speak for?");
    if (ttl != NULL && (!sp_time_parse_span(sp_str_of(ttl), &ttl_ms) || ttl_ms == 0))
        return ctl_fail(ctl, CTL_USAGE, "--ttl", "write 30m or 1h", "\"%s\" is no span of time", ttl);
    int code = ctl_apply_adapter_words(ctl, adapters);
    if (code != CTL_OK)
        return code;
    json_t *ask = json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", args->names[0], "adapters", adapters, "nodes",
                            ctl_args_has(args, CTL_OPT_NODES) ? args->values[CTL_OPT_NODES] : "", "labels",
                            ctl_args_has(args, CTL_OPT_LABELS) ? args->values[CTL_OPT_LABELS] : "", "dry_run", ctl->dry_run);
    if (ttl_ms != 0)
        (void)json_object_set_new(ask, "ttl_ms", json_integer((json_int_t)ttl_ms));
    code = ctl_fleet_ask(ctl, "keeper", "worker.invite", ctl_json_need(ask), &reply);
    if (code != CTL_OK)
        return code;
    if (ctl->json) {
        ctl_json_print(&ctl->out, reply);
    } else if (ctl->dry_run) {
        ctl_out_print(&ctl->out, "worker %s: would be invited for adapters %s\n", args->names[0], adapters);
    } else {
        worker_warn_local(ctl);
        ctl_note(ctl, "On the new host: spice-worker enrol TOKEN   (once, as root, before %s; without root: --prefix DIR)",
                 ctl_json_text(reply, "expires"));
        if (worker_runs_plugins(adapters) && ctl_json_int(reply, "manifest_keys", 0) == 0)
            ctl_note(ctl,
                     "note: the keeper's host names no worker.manifest_keys, so the new worker will start no plugin until its own "
                     "spice.yaml does");
        ctl_out_print(&ctl->out, "%s\n", ctl_json_text(reply, "token"));
    }
    json_decref(reply);
    return CTL_OK;
}

int ctl_key_invite(struct ctl *ctl)
{
    const struct ctl_args *args = &ctl->args;
    const char *node = args->values[CTL_OPT_ATTESTER], *ttl = args->values[CTL_OPT_TTL];
    uint64_t ttl_ms = 0; /* none: the keeper's enrol_ttl */
    json_t *reply;
    if (node == NULL)
        return ctl_fail(ctl, CTL_USAGE, NULL, "spicectl key invite --attester compute-17; workers: spicectl worker invite",
                        "of which node is the attester that is to be invited?");
    if (ttl != NULL && (!sp_time_parse_span(sp_str_of(ttl), &ttl_ms) || ttl_ms == 0))
        return ctl_fail(ctl, CTL_USAGE, "--ttl", "write 30m or 1h", "\"%s\" is no span of time", ttl);
    json_t *ask = json_pack("{s:s, s:b}", "node", node, "dry_run", ctl->dry_run);
    if (ttl_ms != 0)
        (void)json_object_set_new(ask, "ttl_ms", json_integer((json_int_t)ttl_ms));
    int code = ctl_fleet_ask(ctl, "keeper", "attester.invite", ctl_json_need(ask), &reply);
    if (code != CTL_OK)
        return code;
    if (ctl->json) {
        ctl_json_print(&ctl->out, reply);
    } else if (ctl->dry_run) {
        ctl_out_print(&ctl->out, "attester of %s: would be invited\n", node);
    } else {
        worker_warn_local(ctl);
        ctl_note(ctl, "On %s: spice-attester enrol TOKEN   (once, as root, before %s)", node, ctl_json_text(reply, "expires"));
        ctl_note(ctl, "It will be the principal %s", ctl_json_text(reply, "name"));
        ctl_out_print(&ctl->out, "%s\n", ctl_json_text(reply, "token"));
    }
    json_decref(reply);
    return CTL_OK;
}

/* A worker is connected to every broker and takes jobs from each: all must know. */
static bool worker_drain_everywhere(struct ctl *ctl, const char *name, struct ctl_fault *fault)
{
    struct ctl_fault missing = {0};
    bool told = false;
    if (!ctl_fleet_open(ctl, fault))
        return false;
    struct sp_bus *bus = ctl_fleet_bus(ctl);
    for (unsigned i = 0; i < sp_bus_brokers(bus); i++) {
        json_t *reply = NULL;
        if (!sp_bus_is_up(bus, i))
            continue;
        if (ctl_fleet_try(ctl, sp_bus_broker_name(bus, i), "worker.drain", ctl_pick_name_args(ctl, name, NULL), &reply, fault))
            told = true;
        else
            missing = *fault;
        json_decref(reply);
    }
    if (!told)
        *fault = missing;
    return told;
}

int ctl_worker_drain(struct ctl *ctl)
{
    struct ctl_pick pick = {.noun = "worker", .role = "broker", .lists = "peers.list"};
    struct ctl_pick_deed deed = {
        .verb = "worker.drain", .doing = "Drain", .done = "draining", .args = ctl_pick_name_args, .send = worker_drain_everywhere};
    int code = ctl_pick_open(ctl, &pick, 0);
    if (code == CTL_OK)
        code = ctl_pick_each(ctl, &pick, &deed);
    ctl_pick_close(&pick);
    return code;
}

int ctl_worker_remove(struct ctl *ctl)
{
    struct ctl_pick pick = {.noun = "worker", .role = "keeper", .lists = "key.list"};
    struct ctl_pick_deed deed = {.verb = "worker.remove", .doing = "Remove", .done = "removed", .args = ctl_pick_name_args};
    int code = ctl_pick_open(ctl, &pick, 0);
    if (code == CTL_OK)
        code = ctl_pick_each(ctl, &pick, &deed);
    ctl_pick_close(&pick);
    return code;
}
