/* SPDX-License-Identifier: Apache-2.0 */
/* What the cloud's API says about its compute nodes, beside what is registered; and what follows. Reports come through a bridge, which stands
 * at a bus that others write to and has no authority (SI-10): whatever it says, nothing here makes a node more trusted or trusted for longer.
 *
 *   it says                                   then (nodes of origin nova; those of a file or the API are never touched, only mentioned)
 *   a key nobody has, under a free name       registered, in maintenance: an administrator releases it, or a rule he wrote
 *   a known key under another free name       named so, its results void (new generation), in maintenance: whom the name leads to nobody has
 *                                             vouched for
 *   a known key under a name of another node  both quarantined; so is a node whose name in the cloud is not usable, or is there twice
 *   a known key no more, `misses` whole       retired; comes back in maintenance, or in service with all its results void when it was in service
 *     readings and `missing_ms` long          and key and name are the same
 *
 * A reading counts when it is whole; a part never follows anything. What would take nodes out of service is braked: more than `brake_percent` of
 * those in service within an hour are only mentioned until an administrator says yes. State is in the registry; why it is so, as far as this
 * table did it, is the cause, which the shell stores beside. An operator's change of state takes the cause away.
 *
 * inventory_part -> WHOLE; then inventory_next until it gives nothing: the shell makes the acts durable, then steps the core. Pure. */
#ifndef INVENTORY_H
#define INVENTORY_H

#include "msg.h"
#include "node_registry.h"

#define INVENTORY_SOURCES_MAX 4u
#define INVENTORY_ACTS_MAX    256u /* at once */
#define INVENTORY_PASSES_MAX  4u   /* over one reading: names that become free */
#define INVENTORY_RULES_MAX   16u
#define INVENTORY_SPACING_MS  500u /* least time between whole readings */
#define INVENTORY_HOUR_MS     3600000u
#define INVENTORY_WHY_BYTES   160u

enum inventory_mode { INVENTORY_OFF, INVENTORY_REPORT, INVENTORY_DISCOVER };
enum inventory_admit { INVENTORY_MANUAL, INVENTORY_LABELLED };

/* Why a node is in the state it is in, when this table put it there. Stored: numbers are permanent. */
enum inventory_cause {
    INVENTORY_NONE = 0,
    INVENTORY_DISCOVERED = 1,
    INVENTORY_RENAMED = 2,
    INVENTORY_CONFLICT = 3,
    INVENTORY_GONE_SERVING = 4, /* retired out of service: goes back there when key and name are the same */
    INVENTORY_GONE = 5,         /* retired from elsewhere */
    INVENTORY_BACK = 6,
    INVENTORY_GONE_RESTING = 7, /* retired from an operator's maintenance */
    INVENTORY_CAUSE_COUNT
};

/* What there is to say about one row of the reading, or about one node. */
enum inventory_finding {
    INVENTORY_FITS,  /* nothing */
    INVENTORY_WAITS, /* a node waits to be released; its cause says why */
    INVENTORY_NEW,   /* not registered: mode report, or no room */
    INVENTORY_MOVED, /* another name than registered, not entered: mode report, brake, or the name is not free yet */
    INVENTORY_CLASH, /* name of another node, or there twice */
    INVENTORY_BAD_NAME,
    INVENTORY_FOREIGN,   /* differs from a node of a file or the API, which stays as it is */
    INVENTORY_MISSING,   /* not yet long enough to follow anything */
    INVENTORY_HELD_BACK, /* would be retired but for the brake */
    INVENTORY_IS_GONE,   /* retired by this table */
    INVENTORY_FINDING_COUNT
};

struct inventory_rule {
    const char *pattern, *labels; /* of names; sorted labels. Borrowed for the life */
};

struct inventory_options {
    enum inventory_mode mode;
    enum inventory_admit admit;
    uint32_t misses;
    uint64_t missing_ms;
    uint32_t brake_percent;
    uint32_t rows_max;
    uint8_t hash_key[16];
    uint32_t rule_count;
    struct inventory_rule rules[INVENTORY_RULES_MAX];
};

struct inventory_row { /* private but for reading */
    uint8_t key[16], service[16];
    uint8_t flags;
    uint8_t finding; /* enum inventory_finding */
    bool bad, twice;
    char name[NODE_NAME_BYTES_MAX + 1]; /* bad: what of it can be shown */
};

struct inventory_memo { /* about one node */
    uint8_t cause;
    uint8_t misses;
    bool present, accepted;
    uint32_t batch;      /* private: acted on in it */
    uint64_t missing_ms; /* since; 0: not missing */
};

struct inventory_source { /* private */
    char name[41];
    uint64_t boot, snapshot;
    uint32_t part, total, count, size;
    bool open;
    struct inventory_row *rows; /* owned */
};

struct inventory_counters {
    uint64_t wholes, parts, refused, malformed, bad_names, discovered, renamed, conflicts, retired, returned, braked;
};

enum inventory_act_kind { INVENTORY_PUT, INVENTORY_RENAME, INVENTORY_STATE };

struct inventory_act {
    enum inventory_act_kind kind;
    uint32_t node; /* id; PUT of a new node: NODE_ID_NONE */
    uint8_t key[16];
    char name[NODE_NAME_BYTES_MAX + 1]; /* as it will be */
    const char *labels;                 /* PUT; borrowed from the options */
    uint8_t from, state;                /* enum sp_node_state */
    uint8_t cause;
    const char *what; /* for the audit */
    char why[INVENTORY_WHY_BYTES];
};

struct inventory {
    struct inventory_options options;
    struct inventory_source sources[INVENTORY_SOURCES_MAX];
    char source[41];            /* of the last whole reading */
    struct inventory_row *rows; /* owned; of the last whole reading */
    uint32_t row_count;
    uint64_t whole_ms;            /* keeper clock; 0: none yet */
    struct inventory_memo *memos; /* owned; by node id - 1 */
    uint32_t memo_count;
    bool braked;
    uint32_t harm, limit;     /* of the last reading: how many would go out of service, and how many may */
    uint64_t hour_ms;         /* begin of the hour at hand */
    uint32_t hour_count;      /* taken out of service in it, without a yes */
    uint32_t batch_harm;      /* the same in the acts that are not done yet */
    uint32_t batch_new;       /* nodes that are not registered yet in them */
    uint32_t at, pass, batch; /* how far acts have come; at: rows, then nodes */
    bool acting, changed;
    struct inventory_counters counters;
};

enum inventory_part_result { INVENTORY_TAKEN, INVENTORY_WHOLE, INVENTORY_REFUSED, INVENTORY_MALFORMED };

/* Effect: empty. Borrows the rules' texts for the life. */
void inventory_init(struct inventory *inv, const struct inventory_options *options);
void inventory_fini(struct inventory *inv);
/* Effect: from the store: why a node is in its state. Anything not known counts as no cause. */
bool inventory_restore(struct inventory *inv, uint32_t node, uint64_t cause);
/* Effect: an operator decided about the node, or it was put otherwise: there is no cause any more. */
void inventory_forget(struct inventory *inv, uint32_t node);
/* Effect: takes one part of a reading. WHOLE: acts may follow. */
enum inventory_part_result inventory_part(struct inventory *inv, const struct node_registry *nodes, uint64_t now_ms,
                                          struct sp_str source, const struct msg_inventory_report *m);
/* Effect: gives what is to be done next, at most INVENTORY_ACTS_MAX; 0: nothing more. The caller applies all of them to the registry and
 * tells inventory_done before the next call; or none of them, and calls inventory_stop. */
uint32_t inventory_next(struct inventory *inv, const struct node_registry *nodes, struct inventory_act *acts);
/* Effect: an act is durable and in the registry, as the node of that id. */
void inventory_done(struct inventory *inv, const struct inventory_act *act, uint32_t node, uint64_t now_ms);
/* Effect: acts end here; the next reading begins them again. */
void inventory_stop(struct inventory *inv);
/* Effect: an administrator says yes to what is held back about a node. False: nothing is. */
bool inventory_accept(struct inventory *inv, const struct node_registry *nodes, uint32_t node);
/* Lends the row of that key in the last whole reading; NULL: it is not there. */
struct inventory_row *inventory_row_of(const struct inventory *inv, const uint8_t key[16]);
/* What there is to say about a node; INVENTORY_FITS: nothing. */
enum inventory_finding inventory_of_node(const struct inventory *inv, const struct node_row *row);
/* True when the node waits for nothing but a yes: this table put it aside, and in the last reading it has the name it is registered
 * with and nobody else has. */
bool inventory_is_free(const struct inventory *inv, const struct node_row *row);
uint8_t inventory_cause_of(const struct inventory *inv, uint32_t node);
/* Lends words for output. */
const char *inventory_cause_name(unsigned cause);
const char *inventory_finding_name(unsigned finding);
bool inventory_check(const struct inventory *inv);

#endif
