/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of each kind of definition: type, limits, default, help. spice-definitions(5) is checked against this table.
 */
#include "ctl_def_table.h"

#define NAME_MAX_BYTES 64
#define DAY_MS         86400000u
#define YEAR_MS        (UINT64_C(365) * DAY_MS)
#define SECOND_MS      1000u

const char *const ctl_def_table_stages[] = {"draft", "shadow", "enforcing", "retired", NULL};
const char *const ctl_def_table_states[] = {"in_service", "maintenance", "quarantined", "retired", NULL};
/* AR4SI trustworthiness vector, draft-ietf-rats-ar4si. */
const char *const ctl_def_table_categories[] = {"instance-identity", "configuration",  "executables",  "file-system", "hardware",
                                                "runtime-opaque",    "storage-opaque", "sourced-data", NULL};

#define KIND_ROW(owner)                                                                                                            \
    {                                                                                                                              \
        .name = "kind", .type = SP_BIND_NAME, .required = true, SP_BIND_AT(owner, kind), .help = "kind of this definition"         \
    }

static const struct sp_bind_key table_check[] = {
    KIND_ROW(ctl_def_check),
    {.name = "name", .type = SP_BIND_NAME, .required = true, SP_BIND_AT(ctl_def_check, name), .help = "unique name of the check"},
    {.name = "adapter",
     .type = SP_BIND_NAME,
     .required = true,
     SP_BIND_AT(ctl_def_check, adapter),
     .help = "who runs it: exec, http, oat"},
    {.name = "params", .type = SP_BIND_ANY, SP_BIND_AT(ctl_def_check, params), .help = "parameters of the adapter, a map"},
    {.name = "selector", .type = SP_BIND_SELECTOR, SP_BIND_AT(ctl_def_check, selector), .help = "which nodes; empty: all"},
    {.name = "profile",
     .type = SP_BIND_NAME,
     SP_BIND_AT(ctl_def_check, profile),
     .help = "its scheduling profile; empty: the one in force for all"},
    {.name = "timeout",
     .type = SP_BIND_SPAN,
     SP_BIND_AT(ctl_def_check, timeout),
     .min = 1,
     .max = 3600000,
     .def = "10s",
     .help = "deadline of one run"},
    {.name = "retries",
     .type = SP_BIND_U32,
     SP_BIND_AT(ctl_def_check, retries),
     .max = 10,
     .def = "0",
     .help = "further attempts after an error"},
    {.name = "rise",
     .type = SP_BIND_U32,
     SP_BIND_AT(ctl_def_check, rise),
     .min = 1,
     .max = 1000,
     .def = "1",
     .help = "passes in a row until it counts as passed"},
    {.name = "fall",
     .type = SP_BIND_U32,
     SP_BIND_AT(ctl_def_check, fall),
     .min = 1,
     .max = 1000,
     .def = "1",
     .help = "fails in a row until it counts as failed"},
    {.name = "max_age",
     .type = SP_BIND_SPAN,
     SP_BIND_AT(ctl_def_check, max_age),
     .min = SECOND_MS,
     .max = 30 * (uint64_t)DAY_MS,
     .def = "5m",
     .help = "lifetime of a result"},
    {.name = "allow_short_life",
     .type = SP_BIND_BOOL,
     SP_BIND_AT(ctl_def_check, allow_short_life),
     .def = "false",
     .help = "permits a max_age below three periods"},
    {.name = "category",
     .type = SP_BIND_WORDS,
     SP_BIND_AT(ctl_def_check, category),
     .help = "members of the AR4SI vector it speaks about"},
    {.name = "runbook", .type = SP_BIND_TEXT, SP_BIND_AT(ctl_def_check, runbook), .help = "link shown when it does not pass"},
    {.name = "stage",
     .type = SP_BIND_ENUM,
     SP_BIND_AT(ctl_def_check, stage),
     .words = ctl_def_table_stages,
     .def = "enforcing",
     .help = "draft: only test-now; shadow: runs, counts for nothing; enforcing: counts; retired: never runs"},
    {.name = "labels", .type = SP_BIND_LABELS, SP_BIND_AT(ctl_def_check, labels), .help = "labels of workers that may run it"},
    {.name = "enabled", .type = SP_BIND_BOOL, SP_BIND_AT(ctl_def_check, enabled), .def = "true", .help = "false: paused"},
};

static const struct sp_bind_key table_profile[] = {
    KIND_ROW(ctl_def_profile),
    {.name = "name",
     .type = SP_BIND_NAME,
     .required = true,
     SP_BIND_AT(ctl_def_profile, name),
     .help = "unique name of the profile"},
    {.name = "period",
     .type = SP_BIND_SPAN,
     SP_BIND_AT(ctl_def_profile, period),
     .max = 45 * (uint64_t)DAY_MS,
     .help = "distance of runs; default 60s without cron"},
    {.name = "cron",
     .type = SP_BIND_TEXT,
     SP_BIND_AT(ctl_def_profile, cron),
     .help = "minute hour day month weekday, UTC; instead of period"},
    {.name = "splay",
     .type = SP_BIND_SPAN,
     SP_BIND_AT(ctl_def_profile, splay),
     .max = 45 * (uint64_t)DAY_MS,
     .def = "0",
     .help = "runs of the nodes are spread over this span; 0: over the whole period, with cron not at all"},
    {.name = "jitter",
     .type = SP_BIND_U32,
     SP_BIND_AT(ctl_def_profile, jitter),
     .max = 40,
     .def = "10",
     .help = "percent of the period that runs move to and fro"},
    {.name = "windows",
     .type = SP_BIND_TEXTS,
     SP_BIND_ARRAY(ctl_def_profile, windows, windows_count),
     .help = "times of day when runs start, UTC: \"mon-fri 08:00-18:00\"; none: always"},
    {.name = "max_running",
     .type = SP_BIND_U32,
     SP_BIND_AT(ctl_def_profile, max_running),
     .max = 1000000,
     .def = "0",
     .help = "runs of one check at once; 0: no limit"},
    {.name = "max_per_node",
     .type = SP_BIND_U32,
     SP_BIND_AT(ctl_def_profile, max_per_node),
     .max = 1000000,
     .def = "0",
     .help = "runs on one node at once; 0: no limit"},
    {.name = "priority",
     .type = SP_BIND_U32,
     SP_BIND_AT(ctl_def_profile, priority),
     .max = 9,
     .def = "5",
     .help = "who goes first when there is not room for all: 9 first, 0 last"},
};

static const struct sp_bind_key table_group[] = {
    {.name = "k",
     .type = SP_BIND_U32,
     .required = true,
     SP_BIND_AT(ctl_def_group, k),
     .min = 1,
     .max = 64,
     .help = "so many must pass"},
    {.name = "of", .type = SP_BIND_WORDS, .required = true, SP_BIND_AT(ctl_def_group, of), .help = "of these checks"},
};
static const struct sp_bind_table table_of_group = {"group", table_group, SP_COUNT(table_group), sizeof(struct ctl_def_group)};

static const struct sp_bind_key table_pool[] = {
    KIND_ROW(ctl_def_pool),
    {.name = "name", .type = SP_BIND_NAME, .required = true, SP_BIND_AT(ctl_def_pool, name), .help = "unique name of the pool"},
    {.name = "selector",
     .type = SP_BIND_SELECTOR,
     SP_BIND_AT(ctl_def_pool, selector),
     .help = "which nodes may be in it; empty: all"},
    {.name = "mandatory", .type = SP_BIND_WORDS, SP_BIND_AT(ctl_def_pool, mandatory), .help = "checks that must all pass"},
    {.name = "advisory",
     .type = SP_BIND_WORDS,
     SP_BIND_AT(ctl_def_pool, advisory),
     .help = "checks that are shown and decide nothing"},
    {.name = "groups",
     .type = SP_BIND_LIST,
     SP_BIND_ARRAY(ctl_def_pool, groups, groups_count),
     .sub = &table_of_group,
     .help = "k of n checks must pass: {k: 2, of: [a, b, c]}"},
    {.name = "hold_down",
     .type = SP_BIND_SPAN,
     SP_BIND_AT(ctl_def_pool, hold_down),
     .max = 7 * (uint64_t)DAY_MS,
     .def = "0",
     .help = "a node that left stays out at least so long"},
    {.name = "accept_warn",
     .type = SP_BIND_BOOL,
     SP_BIND_AT(ctl_def_pool, accept_warn),
     .def = "false", /* a remark counts only where the pool's owner says so */
     .help = "a pass with a remark counts as a pass"},
    {.name = "trait", .type = SP_BIND_NAME, SP_BIND_AT(ctl_def_pool, trait), .help = "placement trait it feeds: CUSTOM_..."},
};

static const struct sp_bind_key table_node[] = {
    KIND_ROW(ctl_def_node),
    {.name = "name",
     .type = SP_BIND_TEXT,
     .required = true,
     SP_BIND_AT(ctl_def_node, name),
     .min = 1,
     .max = NAME_MAX_BYTES,
     .help = "unique name of the node"},
    {.name = "key",
     .type = SP_BIND_TEXT,
     SP_BIND_AT(ctl_def_node, key),
     .help = "canonical key, a UUID; without one the keeper derives it from the name"},
    {.name = "address", .type = SP_BIND_TEXT, SP_BIND_AT(ctl_def_node, address), .help = "where to reach it; empty: its name"},
    {.name = "labels", .type = SP_BIND_LABELS, SP_BIND_AT(ctl_def_node, labels), .help = "labels that selectors look at"},
    {.name = "state",
     .type = SP_BIND_ENUM,
     SP_BIND_AT(ctl_def_node, state),
     .words = ctl_def_table_states,
     .def = "in_service",
     .help = "in_service, maintenance, quarantined or retired"},
};

static const struct sp_bind_key table_label[] = {
    KIND_ROW(ctl_def_label),
    {.name = "node",
     .type = SP_BIND_TEXT,
     .required = true,
     SP_BIND_AT(ctl_def_label, node),
     .min = 1,
     .max = NAME_MAX_BYTES,
     .help = "name of the node"},
    {.name = "labels",
     .type = SP_BIND_LABELS,
     .required = true,
     SP_BIND_AT(ctl_def_label, labels),
     .help = "labels to set; others of the node stay"},
};

static const struct sp_bind_table def_tables[CTL_DEF_KINDS] = {
    [CTL_DEF_PROFILE] = {"profile", table_profile, SP_COUNT(table_profile), sizeof(struct ctl_def_profile)},
    [CTL_DEF_CHECK] = {"check", table_check, SP_COUNT(table_check), sizeof(struct ctl_def_check)},
    [CTL_DEF_NODE] = {"node", table_node, SP_COUNT(table_node), sizeof(struct ctl_def_node)},
    [CTL_DEF_LABEL] = {"label", table_label, SP_COUNT(table_label), sizeof(struct ctl_def_label)},
    [CTL_DEF_POOL] = {"pool", table_pool, SP_COUNT(table_pool), sizeof(struct ctl_def_pool)},
};

const struct sp_bind_table *ctl_def_table(enum ctl_def_kind kind)
{
    return &def_tables[kind];
}
