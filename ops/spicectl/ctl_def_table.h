/* SPDX-License-Identifier: Apache-2.0 */
/* Structs that the tables of definitions bind to, and their word lists. */
#ifndef CTL_DEF_TABLE_H
#define CTL_DEF_TABLE_H

#include "ctl_def.h"

#define CTL_DEF_KIND_BYTES    17
#define CTL_DEF_LIST_BYTES    8192 /* names joined by commas */
#define CTL_DEF_WINDOWS_MAX   8
#define CTL_DEF_PERIOD_MS_MIN 100u
#define CTL_DEF_PERIOD_MS     60000u /* when neither period nor cron is said */
#define CTL_DEF_GROUPS_MAX    16
#define CTL_DEF_ARGUMENTS_MAX 32

struct ctl_def_check {
    char kind[CTL_DEF_KIND_BYTES];
    char name[CTL_DEF_NAME_BYTES];
    char adapter[33];
    const struct sp_yaml_node *params;
    char selector[1025];
    char profile[CTL_DEF_NAME_BYTES];
    uint64_t timeout;
    uint32_t retries;
    uint32_t rise;
    uint32_t fall;
    uint64_t max_age;
    bool allow_short_life;
    char category[256];
    char runbook[256];
    uint32_t stage;
    char labels[256];
    bool enabled;
};

struct ctl_def_profile {
    char kind[CTL_DEF_KIND_BYTES];
    char name[CTL_DEF_NAME_BYTES];
    uint64_t period;
    char cron[128];
    uint64_t splay;
    uint32_t jitter;
    uint32_t windows_count;
    char windows[CTL_DEF_WINDOWS_MAX][64];
    uint32_t max_running;
    uint32_t max_per_node;
    uint32_t priority;
};

struct ctl_def_group {
    uint32_t k;
    char of[CTL_DEF_LIST_BYTES];
};

struct ctl_def_pool {
    char kind[CTL_DEF_KIND_BYTES];
    char name[CTL_DEF_NAME_BYTES];
    char selector[1025];
    char mandatory[CTL_DEF_LIST_BYTES];
    char advisory[CTL_DEF_LIST_BYTES];
    uint32_t groups_count;
    struct ctl_def_group groups[CTL_DEF_GROUPS_MAX];
    uint64_t hold_down;
    bool accept_warn;
    char trait[256];
};

struct ctl_def_node {
    char kind[CTL_DEF_KIND_BYTES];
    char name[CTL_DEF_NAME_BYTES];
    char key[37];
    char aliases[CTL_DEF_ALIASES_MAX * CTL_DEF_NAME_BYTES + 1]; /* one byte more than is good: too many are refused, not cut */
    char address[256];
    char labels[2049];
    uint32_t state;
};

struct ctl_def_label {
    char kind[CTL_DEF_KIND_BYTES];
    char node[CTL_DEF_NAME_BYTES];
    char labels[2049];
};

struct ctl_def_manifest {
    char kind[CTL_DEF_KIND_BYTES];
    char name[CTL_DEF_NAME_BYTES];
    char plugin[1024];
    char sha256[65];
    uint32_t interface;
    bool network;
    bool resident;
    uint32_t arguments_count;
    char arguments[CTL_DEF_ARGUMENTS_MAX][128];
    uint32_t max_output;
};

extern const char *const ctl_def_table_stages[];
extern const char *const ctl_def_table_states[];
extern const char *const ctl_def_table_categories[];

/* Table of keys of a kind. Lends. */
const struct sp_bind_table *ctl_def_table(enum ctl_def_kind kind);

#endif
