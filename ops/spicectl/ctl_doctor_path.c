/* SPDX-License-Identifier: Apache-2.0 */
/* doctor --path: the whole way is walked once. A check runs now on one node, its result comes to the keeper, and what the keeper
 * then says has to be where decisions are made: in the bridges, in the filter of nova-scheduler on this host, and in placement's
 * traits. */
#include "ctl_doctor.h"

#include "ctl_fleet.h"
#include "ctl_gather.h"
#include "ctl_json.h"

#include <stdio.h>
#include <string.h>

#define PATH_WAIT_MS 30000u /* the slowest part tells its state each ten seconds */
#define PATH_POLL_MS 200u

/* ---- a result ---- */

/* The newest result of a check on a node, or on any, a good one first. Gives it; NULL: none. */
static json_t *path_newest(struct ctl_doctor *doctor, const char *check, const char *node)
{
    struct ctl_fault fault;
    json_t *rows = NULL;
    json_t *row;
    json_t *found = NULL;
    size_t i;
    json_t *args = ctl_json_need(json_pack("{s:s}", "check", check));
    if (node != NULL)
        (void)json_object_set_new(args, "node", json_string(node));
    if (!ctl_fleet_try(doctor->ctl, "keeper", "result.list", args, &rows, &fault))
        return NULL;
    json_array_foreach(rows, i, row)
    {
        if (found == NULL ||
            (strcmp(ctl_json_text(row, "outcome"), "pass") == 0 && strcmp(ctl_json_text(found, "outcome"), "pass") != 0))
            found = row;
    }
    found = json_incref(found);
    json_decref(rows);
    return found;
}

/* Runs a check that is in force on a node that has a result of it, and waits for the next. */
static void path_result(struct ctl_doctor *doctor, const char *check, const json_t *before)
{
    struct ctl_fault fault;
    json_t *reply = NULL;
    const char *node = ctl_json_text(before, "node");
    json_t *args = ctl_json_need(json_pack("{s:s, s:[s], s:b}", "check", check, "nodes", node, "dry_run", 0));
    if (!ctl_fleet_try(doctor->ctl, "scheduler", "check.run", args, &reply, &fault)) {
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "path: result", fault.hint, "%s cannot be run on %s: %s", check, node, fault.error);
        return;
    }
    json_decref(reply);
    for (uint32_t waited = 0; waited < PATH_WAIT_MS && ctl_fleet_pause(doctor->ctl, PATH_POLL_MS); waited += PATH_POLL_MS) {
        json_t *now = path_newest(doctor, check, node);
        bool fresh = now != NULL && strcmp(ctl_json_text(now, "job"), ctl_json_text(before, "job")) != 0;
        if (fresh)
            ctl_doctor_add(doctor, CTL_DOCTOR_OK, "path: result", "", "%s on %s: %s, job %s, after %u ms", check, node,
                           ctl_json_text(now, "outcome"), ctl_json_text(now, "job"), waited + PATH_POLL_MS);
        json_decref(now);
        if (fresh)
            return;
    }
    ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "path: result", "spicectl worker list; spicectl stats",
                   "%s was asked to run on %s, and no result came", check, node);
}

static void path_run(struct ctl_doctor *doctor, const json_t *checks)
{
    size_t i;
    json_t *row;
    json_array_foreach(checks, i, row)
    {
        const char *check = ctl_json_text(row, "name");
        if (!ctl_json_true(row, "enabled") || strcmp(ctl_json_text(row, "stage"), "enforcing") != 0)
            continue;
        json_t *before = path_newest(doctor, check, NULL);
        if (before == NULL)
            continue;
        path_result(doctor, check, before);
        json_decref(before);
        return;
    }
    ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "path: result", "apply a check, wait one period, and try again",
                   "no check in force has a result yet, so none was run");
}

/* ---- what the keeper says ---- */

/* Reads it anew: the pools, and the event they stand at. False: the keeper does not answer, or an event came between. */
static bool path_goal(struct ctl_doctor *doctor, struct ctl_doctor_goal *goal)
{
    struct ctl_fault fault;
    json_t *before = NULL;
    json_t *after = NULL;
    json_t *pools = NULL;
    bool good = ctl_fleet_try(doctor->ctl, "keeper", "keeper.status", NULL, &before, &fault) &&
                ctl_fleet_try(doctor->ctl, "keeper", "pool.list", NULL, &pools, &fault) &&
                ctl_fleet_try(doctor->ctl, "keeper", "keeper.status", NULL, &after, &fault);
    good = good && ctl_json_int(before, "sequence", -1) == ctl_json_int(after, "sequence", -2);
    if (good) {
        json_decref(goal->pools);
        goal->pools = json_incref(pools);
        goal->sequence = ctl_json_int(before, "sequence", 0);
        (void)snprintf(goal->boot, sizeof goal->boot, "%s", ctl_json_text(before, "boot"));
    }
    json_decref(before);
    json_decref(after);
    json_decref(pools);
    return good;
}

/* ---- bridges and traits ---- */

struct path_bridges {
    unsigned bridges, behind;    /* those that follow this very state, and those that do not */
    unsigned keepers, unsettled; /* those that keep traits, and those of them that have work left */
    int64_t on, wanted;
    char who[64]; /* one that is not as it should be */
};

static void path_look(struct ctl_doctor *doctor, const struct ctl_doctor_goal *goal, struct path_bridges *to)
{
    struct ctl_fault fault;
    struct ctl_gather gather;
    const char *name;
    json_t *row;
    memset(to, 0, sizeof *to);
    ctl_gather_open(&gather);
    if (ctl_gather_refresh(doctor->ctl, &gather, &fault)) {
        json_object_foreach(gather.latest, name, row)
        {
            const json_t *g = json_object_get(row, "gauges");
            if (json_object_get(g, "bridge.sequence") == NULL)
                continue;
            bool follows = ctl_json_int(g, "bridge.following", 0) == 1 && ctl_json_int(g, "bridge.up", 0) == 1 &&
                           ctl_json_int(g, "bridge.deaf", 0) == 0 && ctl_json_int(g, "bridge.sequence", -1) >= goal->sequence;
            bool places = json_object_get(g, "traits.wanted") != NULL;
            int64_t on = ctl_json_int(g, "traits.on", -1), wanted = ctl_json_int(g, "traits.wanted", 0);
            bool settled = ctl_json_int(g, "traits.rounds", 0) > 0 && ctl_json_int(g, "traits.waiting", 1) == 0 && on == wanted;
            to->bridges++;
            to->behind += follows ? 0 : 1;
            to->keepers += places ? 1 : 0;
            to->unsettled += places && !settled ? 1 : 0;
            to->on = places ? on : to->on;
            to->wanted = places ? wanted : to->wanted;
            if (!follows || (places && !settled))
                (void)snprintf(to->who, sizeof to->who, "%s", name);
        }
    }
    ctl_gather_close(&gather);
}

/* Members of pools that feed a trait. */
static int64_t path_traits(const json_t *pools)
{
    size_t i;
    json_t *row;
    int64_t members = 0;
    json_array_foreach(pools, i, row) members += ctl_json_text(row, "trait")[0] != '\0' ? ctl_json_int(row, "members", 0) : 0;
    return members;
}

static bool path_has_trait(const json_t *pools)
{
    size_t i;
    json_t *row;
    json_array_foreach(pools, i, row)
    {
        if (ctl_json_text(row, "trait")[0] != '\0')
            return true;
    }
    return false;
}

static void path_tell_bridges(struct ctl_doctor *doctor, const struct ctl_doctor_goal *goal, const struct path_bridges *b)
{
    if (b->bridges == 0) {
        ctl_doctor_add(doctor, CTL_DOCTOR_OK, "path: bridge", "", "none is connected: the fleet feeds no cloud");
        return;
    }
    bool good = b->behind == 0;
    ctl_doctor_add(doctor, good ? CTL_DOCTOR_OK : CTL_DOCTOR_FAIL, "path: bridge",
                   good ? "" : "look at its log: is RabbitMQ there?",
                   good ? "%u of %u hold event %lld of the keeper, and RabbitMQ answers them%s"
                        : "%u of %u hold event %lld of the keeper and reach RabbitMQ; not so %s",
                   b->bridges - b->behind, b->bridges, (long long)goal->sequence, good ? "" : b->who);
    if (!path_has_trait(goal->pools))
        return;
    if (b->keepers == 0) {
        ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "path: trait",
                       "set bridge.placement.url, or flavors that demand the trait find no host",
                       "a pool names a trait, and no bridge keeps any");
        return;
    }
    bool settled = b->unsettled == 0;
    int64_t members = path_traits(goal->pools);
    ctl_doctor_add(doctor, settled ? CTL_DOCTOR_OK : CTL_DOCTOR_FAIL, "path: trait",
                   settled ? "" : "placement is slow or refuses: look at the bridge's log and spicectl stats",
                   "%lld on providers in placement, %lld should be%s%s", (long long)b->on, (long long)b->wanted,
                   settled ? "" : "; not done: ", settled ? "" : b->who);
    if (settled && members > b->wanted)
        ctl_doctor_add(doctor, CTL_DOCTOR_WARN, "path: trait", "their names or keys are not those of compute nodes in placement",
                       "%lld memberships of nodes without a provider", (long long)(members - b->wanted));
}

/* ---- */

void ctl_doctor_path(struct ctl_doctor *doctor, const json_t *checks)
{
    struct ctl_doctor_goal goal = {.boot = ""};
    struct path_bridges bridges = {0};
    bool known = false;
    bool there = false;
    path_run(doctor, checks);
    for (uint32_t waited = 0; waited < PATH_WAIT_MS && !there; waited += PATH_POLL_MS) {
        bool now = path_goal(doctor, &goal);
        known = known || now;
        if (now) {
            path_look(doctor, &goal, &bridges);
            there = bridges.behind == 0 && bridges.unsettled == 0 && ctl_doctor_filter_holds(doctor, &goal);
        }
        if (!there && !ctl_fleet_pause(doctor->ctl, PATH_POLL_MS))
            break;
    }
    if (!known) {
        ctl_doctor_add(doctor, CTL_DOCTOR_FAIL, "path: keeper", "look at its log", "it does not say what is in its pools");
    } else {
        path_tell_bridges(doctor, &goal, &bridges);
        ctl_doctor_filter_path(doctor, &goal);
    }
    json_decref(goal.pools);
}
