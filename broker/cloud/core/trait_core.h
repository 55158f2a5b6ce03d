/* SPDX-License-Identifier: Apache-2.0 */
/* Placement traits without I/O: what each provider has, what it may have by what the reader of the pool can prove, and the requests
 * that bring the two together. Three rules hold at every request: a trait is put on only while the reader follows, and on a node
 * that is a member by a proof whose end has not come; a trait without that backing is taken off, before anything is put on, and the
 * attempt is never given up; nothing but traits of our names is touched (READ comes before each WRITE, and a WRITE repeats all that
 * was read of others). The backing of a trait is a lease: it ends with the membership's lifetime, or with the reader's proof,
 * whichever is first. So a bridge that hears nothing takes off what it, or a dead bridge beside it, put on.
 *
 *             READ: nothing to do                    WRITE done
 *   idle ----> READ ---------------> idle    WRITE -------------> idle
 *    ^           | something to do  ----------^ |
 *    +-- wait <--+------ conflict, failure ------+
 *
 * One thread. Time and answers come from outside. */
#ifndef TRAIT_CORE_H
#define TRAIT_CORE_H

#include "sp_map.h"
#include "sp_rng.h"
#include "sp_str.h"
#include "sp_time.h"

#define TRAIT_POOLS_MAX  32u /* pools that feed a trait */
#define TRAIT_NAMES_MAX  64u /* names that are ours: of pools, of the configuration, and of pools that were */
#define TRAIT_NAME_BYTES 256u
#define TRAIT_NODE_BYTES 256u
#define TRAIT_SLOTS_MAX  64u
#define TRAIT_NONE       UINT32_MAX

#define TRAIT_SCAN_MS      200u  /* how late the end of a lease is seen */
#define TRAIT_CONFLICTS    8u    /* in a row; then a longer pause */
#define TRAIT_PAUSE_MS     1000u /* that pause */
#define TRAIT_CONFLICT_MS  20u   /* first wait after a conflict; doubled four times, with jitter */
#define TRAIT_RETRY_MS     250u  /* first wait after a failure; doubled, with jitter */
#define TRAIT_RETRY_MAX_MS 4000u /* no longer: a trait that must go is what keeps servers away, also after an outage of placement */
#define TRAIT_REFUSED_MS   30000u /* a name that placement does not take is told to it again after this */
#define TRAIT_BREAK_AFTER  5u     /* failures in a row, of whatever kind: then one request at a time, with growing pauses */
#define TRAIT_BREAK_MS     1000u

struct trait_core_options {
    uint64_t seed;
    uint8_t hash_key[16];
    uint32_t rate;         /* requests a second, evenly spaced */
    uint32_t parallel;     /* requests at once */
    uint32_t rows_max;     /* of nodes, and of providers */
    uint64_t reconcile_ms; /* between looks at everything */
    uint64_t start_ms;     /* what a predecessor put on stays so long while this one finds out about the pool */
};

enum trait_ask_kind {
    TRAIT_ASK_CREATE, /* PUT /traits/NAME */
    TRAIT_ASK_WHO,    /* GET providers with the trait: trait_core_has for each, then done */
    TRAIT_ASK_ALL,    /* GET all providers: trait_core_provider for each, then done */
    TRAIT_ASK_READ,   /* GET a provider's traits */
    TRAIT_ASK_WRITE   /* PUT them: as read in this slot, but of ours exactly `mask` */
};

struct trait_ask {
    enum trait_ask_kind kind;
    uint32_t slot;
    uint32_t trait;      /* CREATE, WHO: index for trait_core_name */
    const uint8_t *uuid; /* READ, WRITE: lent until done */
    uint64_t mask;       /* WRITE: bits by index of name */
};

enum trait_result {
    TRAIT_DONE,
    TRAIT_CONFLICT, /* 409 */
    TRAIT_GONE,     /* 404: no such provider */
    TRAIT_UNKNOWN,  /* 400: placement does not know a trait, or takes no such name */
    TRAIT_AGAIN,    /* the token was refused: nothing happened, and it is not placement's fault */
    TRAIT_FAILED    /* anything else, no answer among it: it may or may not have happened */
};

struct trait_name { /* private but for reading */
    char name[TRAIT_NAME_BYTES];
    uint32_t pools; /* bits: on where the node is a member of all of them; none: on nowhere */
    uint64_t due_us;
    bool created, busy, refused;
};
struct trait_pool {
    char pool[65], trait[TRAIT_NAME_BYTES];
};
struct trait_node_id {
    const uint8_t *key;
    const char *name;
    bool named; /* registered without a key: the name is all there is, and finds its provider */
};
struct trait_node { /* private */
    uint8_t key[16];
    bool named;
    char name[TRAIT_NODE_BYTES];
    uint64_t until_us[TRAIT_POOLS_MAX]; /* 0: no member */
};
struct trait_provider { /* private */
    uint8_t uuid[16];
    char name[TRAIT_NODE_BYTES];
    uint64_t has;      /* the most it can have of ours */
    uint64_t due_us;   /* not before this */
    uint64_t stamp_us; /* when `has` was learned from itself */
    uint32_t node, serial;
    uint8_t conflicts, failures;
    bool known, unsure, busy, listed, queued[2];
    uint32_t next[2];
};
enum trait_state { /* of a trait on a provider */
                   TRAIT_IS_OFF,
                   TRAIT_IS_ON,
                   TRAIT_COMES, /* backed, and not yet on */
                   TRAIT_GOES,  /* on, and not backed */
                   TRAIT_HELD   /* on since before the start, and not yet judged */
};
struct trait_lease {
    enum trait_state state;
    bool unsure;       /* a write had no clear answer: it may be the other way round until it is read again */
    uint64_t until_us; /* end of what backs it; 0: nothing does */
    uint32_t node;     /* whose provider it is; TRAIT_NONE */
};
struct trait_slot { /* private */
    bool used, flying;
    enum trait_ask_kind kind;
    uint32_t row; /* provider, or trait */
    uint64_t mask, asked_us;
};
struct trait_counters {
    uint64_t asked[5], put_on, taken_off, conflicts, given_up, failures, breaks, rounds, gone, dropped;
};

struct trait_core {
    struct trait_core_options options;
    struct sp_rng rng;
    struct trait_name names[TRAIT_NAMES_MAX];
    uint32_t name_count;
    struct trait_pool pools[TRAIT_POOLS_MAX];
    uint32_t pool_count;
    struct trait_node *nodes; /* owned */
    uint32_t node_count, node_size;
    struct trait_provider *providers; /* owned */
    uint32_t provider_count, provider_size;
    struct sp_map node_by_key, node_by_name, provider_by_uuid, provider_by_name;
    uint32_t serial; /* counts changes of who is whose provider */
    uint32_t head[2], tail[2], queued[2];
    struct trait_slot slots[TRAIT_SLOTS_MAX];
    uint32_t flying, reserved;
    bool following, followed_once, pools_known;
    uint64_t proof_us; /* nothing is proven beyond this */
    uint64_t start_us, next_us, scan_us, round_us;
    uint64_t who_due; /* bits of traits whose holders are to be asked for in this round */
    bool all_due, round_open, round_done;
    uint32_t failures, breaks;
    uint64_t break_us;
    struct trait_counters counters;
};

bool trait_core_init(struct trait_core *c, const struct trait_core_options *options, struct sp_mono now);
void trait_core_fini(struct trait_core *c);

/* True for names of custom traits: CUSTOM_ and capitals, digits, underscores. */
bool trait_core_is_name(struct sp_str name);
/* Effect: a name is ours whether a pool feeds it or not. */
bool trait_core_own(struct trait_core *c, struct sp_mono now, struct sp_str name);
/* Effect: these pools feed traits, and no others. Memberships are forgotten: they are to be told anew before the next
 * trait_core_next. Names stay ours for the life. False: some did not fit and feed nothing. */
bool trait_core_pools(struct trait_core *c, struct sp_mono now, const struct trait_pool *pools, uint32_t count);
/* Effect: no node is a member of anything, until told again. */
void trait_core_forget(struct trait_core *c);
/* Effect: a node is a member of a pool until then at most (0: it is none). False: no room; it stays without trait. */
bool trait_core_node(struct trait_core *c, struct sp_mono now, const struct trait_node_id *id, const char *pool, uint64_t until_us);
/* Effect: whether the reader follows, and until when what was told counts as proven. */
void trait_core_proof(struct trait_core *c, bool following, uint64_t until_us);

/* Effect: fills *out with a request to be sent now. Call until false. */
bool trait_core_next(struct trait_core *c, struct sp_mono now, struct trait_ask *out);
/* Effect: of the answer to an open ALL: one root provider. */
void trait_core_provider(struct trait_core *c, uint32_t slot, const uint8_t uuid[16], const char *name);
/* Effect: of the answer to an open WHO: one that has it. */
void trait_core_has(struct trait_core *c, uint32_t slot, const uint8_t uuid[16], const char *name);
/* Effect: the request ended. has: after a READ that is DONE, the bits of our names that it shows. */
void trait_core_done(struct trait_core *c, struct sp_mono now, uint32_t slot, enum trait_result result, uint64_t has);
/* Effect: everything is looked at again soon. */
void trait_core_look(struct trait_core *c, struct sp_mono now);
struct sp_mono trait_core_next_deadline(const struct trait_core *c, struct sp_mono now);
/* Returns bits of the traits that a provider may have at this moment. */
uint64_t trait_core_target(struct trait_core *c, struct sp_mono now, uint32_t provider);
/* Query: one trait on one known provider, as placement told it last, and until when it may stay without anything new being heard.
 */
void trait_core_lease(struct trait_core *c, struct sp_mono now, uint32_t provider, uint32_t name, struct trait_lease *out);
const char *trait_core_state_text(enum trait_state state);
/* Index of the known provider that is this node's; TRAIT_NONE. */
uint32_t trait_core_provider_of(struct trait_core *c, uint32_t node);
/* Lends the uuid of the provider of that name; NULL: there is none. */
const uint8_t *trait_core_provider_uuid(const struct trait_core *c, const char *name);
/* Query: traits of ours on all providers as placement told them last, and those that may be on at this moment. */
void trait_core_count(struct trait_core *c, struct sp_mono now, uint64_t *on, uint64_t *wanted);
/* Index of a name; TRAIT_NONE. */
uint32_t trait_core_name(const struct trait_core *c, struct sp_str name);
bool trait_core_check(const struct trait_core *c);

#endif
