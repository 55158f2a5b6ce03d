/* SPDX-License-Identifier: Apache-2.0 */
/* What a check and a profile are, in memory. Types only; the catalogue of the shell makes them from JSON and validates them. */
#ifndef CHECK_DEF_H
#define CHECK_DEF_H

#include <stdbool.h>
#include <stdint.h>

#include "sp_cron.h"

#define CHECK_DEF_NAME_BYTES       65u
#define CHECK_DEF_SELECTOR_BYTES   1025u
#define CHECK_DEF_LABELS_BYTES     256u
#define CHECK_DEF_ADAPTER_BYTES    33u
#define CHECK_DEF_RUNBOOK_BYTES    256u
#define CHECK_DEF_BODY_MAX         20480u /* encoded DefinitionBody */
#define CHECK_DEF_WINDOWS_MAX      8u
#define CHECK_DEF_CRON_BYTES       128u
#define CHECK_DEF_PRIORITIES       10u /* 0 goes first */
#define CHECK_DEF_PRIORITY_DEFAULT 5u
#define CHECK_DEF_JITTER_MAX       50u /* percent; more could make due times overtake each other */
#define CHECK_DEF_DAY_MINUTES      1440u
#define CHECK_DEF_PERIOD_MS_MIN    100u
#define CHECK_DEF_PERIOD_MS_MAX    (45u * 86400000u)

struct check_def {
    char name[CHECK_DEF_NAME_BYTES];
    uint32_t id;       /* permanent number; never given twice */
    uint32_t revision; /* rises with each change of the definition */
    char adapter[CHECK_DEF_ADAPTER_BYTES];
    char labels[CHECK_DEF_LABELS_BYTES]; /* a worker must have these; sorted; empty: any worker */
    char selector[CHECK_DEF_SELECTOR_BYTES];
    char profile[CHECK_DEF_NAME_BYTES];
    char runbook[CHECK_DEF_RUNBOOK_BYTES];
    uint32_t timeout_ms;
    uint32_t max_age_ms;
    uint16_t rise, fall;
    uint16_t category; /* bit mask of the AR4SI vector members */
    uint8_t retries;
    uint8_t stage; /* enum sp_stage */
    bool enabled;
    bool short_life;     /* max_age may be shorter than its profile allows: somebody meant it */
    uint8_t digest[32];  /* SHA-256 of body */
    const uint8_t *body; /* encoded DefinitionBody; owned by whoever holds the struct */
    uint32_t body_bytes;
};

/* Hours of some days, UTC. to <= from runs over midnight into the next day. */
struct check_def_window {
    uint8_t days;      /* bit 0 = Monday */
    uint16_t from, to; /* minutes of the day, [from, to), to at most 1440 */
};

struct profile_def {
    char name[CHECK_DEF_NAME_BYTES];
    uint32_t period_ms; /* 0: calendar */
    char cron_text[CHECK_DEF_CRON_BYTES];
    struct sp_cron cron;
    uint32_t splay_ms;      /* nodes are spread over this span; 0: over the whole period (calendar: not at all) */
    uint8_t jitter_percent; /* of the period, to both sides */
    uint8_t priority;
    uint8_t window_count; /* 0: always */
    struct check_def_window windows[CHECK_DEF_WINDOWS_MAX];
    uint32_t max_running;  /* runs at once per check; 0: any */
    uint32_t max_per_node; /* runs at once on one node; 0: any */
};

#endif
