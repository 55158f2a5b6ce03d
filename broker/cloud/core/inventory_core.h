/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the cloud's list of compute nodes without I/O: when to read, what to ask for, whether what came is whole, and the parts
 * of the report made of it. It decides nothing about nodes: that is the keeper's business.
 *
 *            due                    done                       done, whole            last part sent
 *   IDLE ---------> SERVICES -------------> HYPERVISORS ----------------> SENDING ---------------> IDLE
 *     ^                |                        |                            |
 *     +---- later -----+------ failure, nonsense, a cell that is down -------+
 *
 * Whole or nothing: a list that failed, has a row that is not sound, a key twice, more rows than may be, or services of a cell that
 * is down (their rows say UNKNOWN) is not reported at all. Read at the start, when the keeper can be reached again, each interval,
 * and soon after a hint: any number of hints costs one reading in `hint_ms`, and none while readings fail. One thread; time and
 * answers come from outside. */
#ifndef INVENTORY_CORE_H
#define INVENTORY_CORE_H

#include "sp_map.h"
#include "sp_rng.h"
#include "sp_str.h"
#include "sp_time.h"

#define INVENTORY_CORE_NAME_BYTES   256u
#define INVENTORY_CORE_PART         256u  /* nodes in one part */
#define INVENTORY_CORE_PACE_MS      50u   /* between parts */
#define INVENTORY_CORE_SETTLE_MS    1000u /* after a hint, so that one reading sees what happens together */
#define INVENTORY_CORE_RETRY_MS     5000u /* first wait after a failure; doubled, with jitter, at most the interval or five minutes */
#define INVENTORY_CORE_RETRY_MAX_MS 300000u
#define INVENTORY_CORE_AGAIN_MS     1000u /* after a token was refused */
#define INVENTORY_CORE_DISABLED     1u    /* flags of a node */
#define INVENTORY_CORE_DOWN         2u

struct inventory_core_options {
    uint64_t seed;
    uint8_t hash_key[16];
    uint64_t interval_ms, hint_ms;
    uint32_t rows_max;
};

enum inventory_core_ask { INVENTORY_ASK_NOTHING, INVENTORY_ASK_SERVICES, INVENTORY_ASK_HYPERVISORS, INVENTORY_ASK_SEND };
enum inventory_core_result { INVENTORY_CORE_DONE, INVENTORY_CORE_AGAIN, INVENTORY_CORE_FAILED };
enum inventory_core_state { INVENTORY_IDLE, INVENTORY_SERVICES, INVENTORY_HYPERVISORS, INVENTORY_SENDING };

struct inventory_core_node { /* lent for reading */
    uint8_t key[16], service[16];
    uint8_t flags;
    char name[INVENTORY_CORE_NAME_BYTES];
};

struct inventory_core_part {
    uint64_t snapshot;
    uint32_t part, total, count;
    bool last;
    const struct inventory_core_node *nodes; /* count of them; lent until the next call */
};

struct inventory_core_counters {
    uint64_t readings, failed, torn /* a cell was down */, unsound, sent, hints, spared;
};

struct inventory_core {
    struct inventory_core_options options;
    struct sp_rng rng;
    enum inventory_core_state state;
    bool asked; /* the answer is awaited */
    bool torn, unsound;
    uint64_t due_us, began_us, pace_us; /* due_us 0 while reading: a hint came */
    bool began_once, linked;
    uint32_t failures;
    uint64_t snapshot;
    struct sp_map services; /* hash of the uuid -> flags */
    uint32_t service_count;
    struct inventory_core_node *nodes; /* owned */
    uint32_t node_count, node_size;
    struct sp_map names; /* hash of a name -> 1; of the last whole reading */
    uint32_t sent, part;
    struct inventory_core_counters counters;
};

void inventory_core_init(struct inventory_core *c, const struct inventory_core_options *options, struct sp_mono now);
void inventory_core_fini(struct inventory_core *c);

/* Effect: something about compute services has changed, as somebody says. */
void inventory_core_hint(struct inventory_core *c, struct sp_mono now);
/* True when a compute node of that name was in the last whole reading. */
bool inventory_core_knows(const struct inventory_core *c, struct sp_str name);
/* Effect: whether the keeper can be reached: nothing is read while it cannot, and the list anew when it can again. */
void inventory_core_link(struct inventory_core *c, struct sp_mono now, bool up);

/* Effect: gives what to do now. A list is asked for once, then its rows and _done follow; parts come one after another, each
 * followed by _sent. */
enum inventory_core_ask inventory_core_next(struct inventory_core *c, struct sp_mono now, struct inventory_core_part *part);
/* Effect: a row of the list of services. known: false for the rows of a cell that is down, which have no uuid. False: not sound. */
bool inventory_core_service(struct inventory_core *c, bool known, const uint8_t uuid[16], uint8_t flags);
/* Effect: a row of the list of hypervisors. A name that is too long is cut, at a character; no node has such a name. False: not
 * sound. */
bool inventory_core_node(struct inventory_core *c, const uint8_t uuid[16], struct sp_str name, const uint8_t service[16],
                         uint8_t flags);
/* Effect: the list asked for has ended. */
void inventory_core_done(struct inventory_core *c, struct sp_mono now, enum inventory_core_result result);
/* Effect: the part was handed to the bus, or could not be. */
void inventory_core_sent(struct inventory_core *c, struct sp_mono now, bool ok);
/* Returns when inventory_core_next is to be called; SP_NEVER while an answer is awaited. */
uint64_t inventory_core_deadline_us(const struct inventory_core *c);
bool inventory_core_check(const struct inventory_core *c);

#endif
