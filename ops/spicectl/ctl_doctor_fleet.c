/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_doctor.h"

#include "ctl_fleet.h"
#include "ctl_gather.h"
#include "ctl_json.h"
#include "ctl_span.h"

#include "sp_bus.h"
#include "sp_str.h"

#include <string.h>

#define FLEET_AUDIT_ROWS_MAX 50000

static bool fleet_brokers(struct ctl_doctor *doctor)
{
    struct ctl_fault fault;
    if (!ctl_fleet_open(doctor->ctl, &fault)) {
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "broker", fault.hint, "%s: %s", fault.where, fault.error);
        return false;
    }
    struct sp_bus *bus = ctl_fleet_bus(doctor->ctl);
    for (unsigned i = 0; i < sp_bus_brokers(bus); i++) {
        bool up = sp_bus_is_up(bus, i);
        ctl_doctor_add(doctor, up ? CTL_DOCTOR_OK : CTL_DOCTOR_WARN, "broker", up ? "" : "start it, or look at its log", "%s %s",
                       sp_bus_broker_name(bus, i), up ? "answers" : "does not answer");
    }
    return true;
}

/* Asks a role for a list; gives it, or adds the finding and gives NULL. */
static json_t *fleet_list(struct ctl_doctor *doctor, const char *role, const char *verb)
{
    struct ctl_fault fault;
    json_t *list = NULL;
    if (ctl_fleet_try(doctor->ctl, role, verb, NULL, &list, &fault))
        return list;
    ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, role, fault.hint, "%s", fault.error);
    return NULL;
}

/* Who is connected: workers there are, all of one version. */
static void fleet_peers(struct ctl_doctor *doctor, const json_t *peers)
{
    const char *name;
    json_t *peer;
    size_t workers = 0;
    size_t foreign = 0;
    json_object_foreach((json_t *)(uintptr_t)peers, name, peer)
    {
        const char *software = ctl_json_text(peer, "software");
        const char *version = strrchr(software, ' ');
        workers += strcmp(ctl_json_text(peer, "role"), "worker") == 0 ? 1 : 0;
        if (software[0] == '\0' || (version != NULL && strcmp(version + 1, SPICE_VERSION) == 0))
            continue;
        foreign++;
        ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "versions", "upgrade one process after the other, in any order",
                       "%s runs %s, this is spicectl " SPICE_VERSION, name, software);
    }
    if (foreign == 0)
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, "versions", "", "all %zu peers run " SPICE_VERSION, json_object_size(peers));
    if (workers == 0)
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "workers", "start spice-worker, or invite one: spicectl worker invite NAME",
                       "none is connected, so no check can run");
    else
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, "workers", "", "%zu connected", workers);
}

/* True when a connected worker speaks for the adapter. */
static bool fleet_serves(const json_t *peers, const char *adapter)
{
    const char *name;
    json_t *peer;
    size_t i;
    json_t *each;
    json_object_foreach((json_t *)(uintptr_t)peers, name, peer)
    {
        json_array_foreach(json_object_get(json_object_get(peer, "worker"), "adapters"), i, each)
        {
            const char *word = json_string_value(each);
            if (word != NULL && (strcmp(word, adapter) == 0 || strcmp(word, "*") == 0))
                return true;
        }
    }
    return false;
}

/* What the scheduler itself says against a check. */
static void fleet_warnings(struct ctl_doctor *doctor, const json_t *check)
{
    size_t i;
    json_t *text;
    json_array_foreach(json_object_get(check, "warnings"), i, text)
        ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "checks", "raise max_age, or say allow_short_life: true in its definition", "%s",
                       json_is_string(text) ? json_string_value(text) : "");
}

/* Checks that run late, or that nobody selects. */
static void fleet_checks(struct ctl_doctor *doctor, const json_t *checks, const json_t *peers)
{
    size_t i;
    json_t *row;
    size_t enforcing = 0;
    json_array_foreach(checks, i, row)
    {
        const char *name = ctl_json_text(row, "name");
        bool runs = ctl_json_true(row, "enabled") && strcmp(ctl_json_text(row, "stage"), "enforcing") == 0;
        enforcing += runs ? 1 : 0;
        fleet_warnings(doctor, row);
        if (runs && !fleet_serves(peers, ctl_json_text(row, "adapter")))
            ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "checks", "start or invite a worker that has it: spicectl worker list",
                           "%s: no connected worker has the adapter %s", name, ctl_json_text(row, "adapter"));
        if (runs && ctl_json_int(row, "pairs", 1) == 0)
            ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "checks", "compare its selector with spicectl node list", "%s selects no node",
                           name);
        int64_t late = ctl_json_int(row, "late", 0);
        if (runs && late > 0 && late >= ctl_json_int(row, "pairs", 0))
            ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "checks", "is there a worker with its adapter and labels? spicectl worker list",
                           "%s: every pair of it is late", name);
    }
    if (enforcing == 0)
        ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "checks", "apply some: spicectl apply -f ops/examples/first.yaml",
                       "none is in force");
    else
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, "checks", "", "%zu in force", enforcing);
}

/* The path of a result: something young must have come through scheduler, broker, worker and keeper. */
static void fleet_results(struct ctl_doctor *doctor, size_t checks)
{
    struct ctl_fault fault;
    json_t *rows = NULL;
    json_t *row;
    size_t i;
    int64_t youngest = -1;
    char age[CTL_SPAN_MAX];
    if (checks == 0 ||
        !ctl_fleet_try(doctor->ctl, "keeper", "result.list", ctl_json_need(json_pack("{s:i}", "limit", 1000)), &rows, &fault))
        return;
    json_array_foreach(rows, i, row)
    {
        int64_t ms = ctl_json_int(row, "age_ms", -1);
        if (ms >= 0 && (youngest < 0 || ms < youngest))
            youngest = ms;
    }
    if (youngest < 0)
        ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "results", "wait one period; then: spicectl check list, column LATE",
                       "none has come yet");
    else
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, "results", "", "%zu current, the youngest %s old", json_array_size(rows),
                       ctl_span_text(youngest, age, sizeof age));
    json_decref(rows);
}

static void fleet_pools(struct ctl_doctor *doctor, const json_t *pools)
{
    size_t i;
    json_t *row;
    json_array_foreach(pools, i, row)
    {
        const char *name = ctl_json_text(row, "name");
        long members = (long)ctl_json_int(row, "members", 0);
        bool empty =
            json_array_size(json_object_get(row, "mandatory")) == 0 && json_array_size(json_object_get(row, "groups")) == 0;
        if (empty)
            ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "pools", "name mandatory checks or groups in its definition",
                           "%s demands no check, so it admits nobody", name);
        else
            ctl_doctor_add(doctor, members > 0 ? CTL_DOCTOR_OK : CTL_DOCTOR_WARN, "pools",
                           members > 0 ? "" : "see why: spicectl pool members --all", "%s has %ld members", name, members);
    }
    if (json_array_size(pools) == 0)
        ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "pools", "apply one: spicectl apply -f ops/examples/first.yaml", "there is none");
}

/* The scheduler issues jobs only while the keeper gives it time and takes results. */
static void fleet_issuing(struct ctl_doctor *doctor)
{
    struct ctl_fault fault;
    json_t *stats = NULL;
    if (!ctl_fleet_try(doctor->ctl, "scheduler", "stats.get", NULL, &stats, &fault)) {
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "scheduler", fault.hint, "%s", fault.error);
        return;
    }
    bool issuing = ctl_json_true(stats, "issuing");
    bool ready = ctl_json_true(stats, "keeper_ready");
    ctl_doctor_add(doctor, issuing ? CTL_DOCTOR_OK : CTL_DOCTOR_FAIL, "scheduler",
                   issuing ? "" : "it waits for the keeper; if this lasts, look at both logs",
                   "%s, epoch %ld, %ld pairs, keeper %s", issuing ? "issues jobs" : "issues no jobs",
                   (long)ctl_json_int(stats, "epoch", 0), (long)ctl_json_int(stats, "pairs", 0), ready ? "ready" : "not ready");
    json_decref(stats);
}

/* Nodes whose evidence rests on less than a maker's certificate, or counts for nothing although they were enrolled. */
static void fleet_enrolment(struct ctl_doctor *doctor, const json_t *counts)
{
    static const struct {
        const char *word, *text, *hint;
    } rows[] = {
        {"first_use", "enrolled at first use: no maker vouches for their TPMs", "spicectl node enroll NODE --roots DIR"},
        {"doubted", "doubted: the keeper's store is not the one it was",
         "look for who put it back; then enrol them again: spicectl node enroll"},
        {"foreign", "enrolled under another key of the node",
         "enrol the machine that has the name now: spicectl node enroll NODE --replace"},
        {"no_attester", "enrolled, and the attester is revoked, gone or has other keys",
         "spicectl node show NODE says why; invite and enrol again"},
        {"waits", "wait for another identity to be approved", "spicectl node show NODE; spicectl node approve NODE"},
    };
    long certified = (long)ctl_json_int(counts, "certified", 0);
    size_t found = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        long n = (long)ctl_json_int(counts, rows[i].word, 0);
        found += n > 0 ? 1 : 0;
        if (n > 0)
            ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "enrolment", rows[i].hint, "%ld nodes %s", n, rows[i].text);
    }
    if (found == 0 && certified > 0)
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, "enrolment", "", "%ld nodes certified", certified);
}

/* Returns how many rows the audit has. */
static int64_t fleet_keeper(struct ctl_doctor *doctor)
{
    struct ctl_fault fault;
    json_t *status = NULL;
    if (!ctl_fleet_try(doctor->ctl, "keeper", "keeper.status", NULL, &status, &fault)) {
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "keeper", fault.hint, "%s", fault.error);
        return 0;
    }
    bool ready = ctl_json_true(status, "ready");
    bool store = ctl_json_true(status, "store_good");
    bool clock = ctl_json_true(status, "clock_good");
    const char *hint = ready    ? ""
                       : !store ? "its store takes no rows: look at the disk and its log"
                       : !clock ? "its wall clock is not to be believed: set it, or see keeper.require_synced_clock"
                                : "it has just started, or its scheduler is away; look at its log";
    ctl_doctor_add(doctor, ready ? CTL_DOCTOR_OK : CTL_DOCTOR_FAIL, "keeper", hint, "%s, %ld nodes, %ld pairs",
                   ready ? "ready" : "not ready", (long)ctl_json_int(status, "nodes", 0), (long)ctl_json_int(status, "pairs", 0));
    int64_t rows = ctl_json_int(status, "audit_rows", 0);
    fleet_enrolment(doctor, json_object_get(status, "enrolment"));
    json_decref(status);
    return rows;
}

/* Verifying reads every row while the keeper does nothing else; a long audit is left to `audit verify`. */
static void fleet_audit(struct ctl_doctor *doctor, int64_t audit_rows)
{
    struct ctl_fault fault;
    json_t *reply = NULL;
    if (audit_rows > FLEET_AUDIT_ROWS_MAX) {
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, "audit", "prove it with: spicectl audit verify", "%ld rows, not verified now",
                       (long)audit_rows);
        return;
    }
    if (!ctl_fleet_try(doctor->ctl, "keeper", "audit.verify", NULL, &reply, &fault)) {
        ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "audit", fault.hint, "%s", fault.error);
        return;
    }
    bool good = ctl_json_true(reply, "ok");
    ctl_doctor_add(doctor, good ? CTL_DOCTOR_OK : CTL_DOCTOR_FAIL, "audit", good ? "" : "keep the store as evidence",
                   "%ld rows, %s", (long)ctl_json_int(reply, "rows", 0), good ? "whole" : "altered");
    json_decref(reply);
}

void ctl_doctor_fleet(struct ctl_doctor *doctor)
{
    struct ctl_fault fault;
    if (!fleet_brokers(doctor))
        return;
    json_t *peers = ctl_gather_peers(doctor->ctl, &fault);
    json_t *checks = fleet_list(doctor, "scheduler", "check.list");
    json_t *pools = fleet_list(doctor, "keeper", "pool.list");
    if (checks != NULL)
        fleet_issuing(doctor);
    int64_t audit_rows = pools != NULL ? fleet_keeper(doctor) : 0;
    if (peers == NULL)
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "broker", fault.hint, "%s", fault.error);
    else
        fleet_peers(doctor, peers);
    if (checks != NULL)
        fleet_checks(doctor, checks, peers);
    if (checks != NULL && pools != NULL) {
        fleet_results(doctor, json_array_size(checks));
        fleet_pools(doctor, pools);
        fleet_audit(doctor, audit_rows);
        if (ctl_args_has(&doctor->ctl->args, CTL_OPT_PATH))
            ctl_doctor_path(doctor, checks);
    }
    json_decref(checks);
    json_decref(pools);
    json_decref(peers);
}
