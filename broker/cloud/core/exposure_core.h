/* SPDX-License-Identifier: Apache-2.0 */
/* Exposure without I/O: which servers demanded a pool by their flavor, on which nodes they run, and which of those nodes are
 * outside that pool. A server counts for a *place*: host, hypervisor and pool. What is known of the servers is a whole list or the
 * one before: a new list takes the place of the old one when it is complete, and one that breaks off changes nothing but its age. A
 * host that a node left a pool on is read again by itself, so the exposure is that of now and not of the last list.
 *
 * It is information for people: nothing here reaches trust, and while the reader of the pool does not follow, no place changes.
 * Memory: options.rows_max servers, the same twice more while a list is taken. One thread. Time and answers come from outside. */
#ifndef EXPOSURE_CORE_H
#define EXPOSURE_CORE_H

#include "sp_map.h"
#include "sp_str.h"
#include "sp_time.h"

#define EXPOSURE_POOLS_MAX     32u /* pools that are demanded anywhere */
#define EXPOSURE_DEMANDS_MAX   4u  /* pools one server demands */
#define EXPOSURE_NAME_BYTES    256u
#define EXPOSURE_POOL_BYTES    65u
#define EXPOSURE_PROJECT_BYTES 65u
#define EXPOSURE_PLACES_MAX    65536u
#define EXPOSURE_HOSTS_MAX     256u /* that wait to be read; beyond: a whole list */
#define EXPOSURE_HOST_TRIES    3u
#define EXPOSURE_RETRY_MS      1000u
#define EXPOSURE_RETRY_MAX_MS  60000u
#define EXPOSURE_STALE_LISTS   3u /* a list older than so many intervals is stale */
#define EXPOSURE_NONE          UINT32_MAX

struct exposure_options {
    uint8_t hash_key[16];
    uint32_t rows_max;    /* servers times pools they demand */
    uint64_t interval_ms; /* between whole lists */
};

/* What the owner's reader says about a node in a pool. */
struct exposure_trust {
    bool member;
    uint8_t tier;      /* enum sp_tier */
    uint64_t since_ms; /* wall clock, for people */
    const char *why;   /* lent until the next look */
};
typedef void exposure_look_fn(void *self, const char *node, const char *pool, struct exposure_trust *out);

struct exposure_server { /* as read; texts are lent */
    uint8_t uuid[16];
    struct sp_str host, node, project;
    uint32_t count;
    struct sp_str pools[EXPOSURE_DEMANDS_MAX];
};

enum exposure_ask { EXPOSURE_ASK_ALL, EXPOSURE_ASK_HOST };
#define EXPOSURE_ASKS 2u

struct exposure_place {
    char host[EXPOSURE_NAME_BYTES], node[EXPOSURE_NAME_BYTES];
    uint8_t pool; /* index of names */
    bool used, looked;
    bool out;         /* not a member, when last looked at */
    uint8_t tier;     /* then */
    uint64_t read_us; /* its host was read by itself */
    uint32_t refs;    /* private: rows of any list */
    uint32_t servers; /* of the list that counts */
    uint32_t told;    /* servers exposed, as last told */
};
struct exposure_row {
    uint8_t uuid[16];
    char project[EXPOSURE_PROJECT_BYTES];
    uint32_t place;
};
struct exposure_list {         /* private */
    struct exposure_row *rows; /* owned */
    uint32_t count, size;
    struct sp_map index; /* (server, pool) -> row */
};
struct exposure_flight { /* private */
    bool open;
    uint64_t asked_us;
    struct exposure_list list;
    bool cut; /* something of it was not kept */
};
struct exposure_host { /* private: to be read */
    char name[EXPOSURE_NAME_BYTES];
    uint64_t due_us;
    uint32_t tries;
    bool again; /* named once more while it is read */
};
struct exposure_counters {
    uint64_t lists, failures, hosts, dropped, found, cleared;
};

struct exposure_core {
    struct exposure_options options;
    char names[EXPOSURE_POOLS_MAX][EXPOSURE_POOL_BYTES];
    uint32_t name_count;
    struct exposure_place *places; /* owned */
    uint32_t place_count, place_size, told_next;
    struct sp_map place_index;
    struct exposure_list current;
    struct exposure_flight flights[EXPOSURE_ASKS];
    struct exposure_host hosts[EXPOSURE_HOSTS_MAX]; /* the first one is under way when its flight is open */
    uint32_t host_count;
    bool known; /* there was a whole list */
    bool cut;   /* it has fewer servers than there are: rows_max */
    bool following;
    uint64_t list_us; /* when the list that counts was asked for */
    uint64_t due_us, pause_ms;
    struct exposure_counters counters;
};

bool exposure_core_init(struct exposure_core *c, const struct exposure_options *options, struct sp_mono now);
void exposure_core_fini(struct exposure_core *c);

/* Effect: the next request that may be sent now. *host: of EXPOSURE_ASK_HOST, lent until done. */
bool exposure_core_next(struct exposure_core *c, struct sp_mono now, enum exposure_ask *ask, const char **host);
/* Effect: one server of an open answer. Those without host or demand are passed over. */
void exposure_core_server(struct exposure_core *c, enum exposure_ask ask, const struct exposure_server *server);
/* Effect: the answer is whole, or it failed. */
void exposure_core_done(struct exposure_core *c, struct sp_mono now, enum exposure_ask ask, bool whole);
/* Effect: a node left a pool: its host is read soon. */
void exposure_core_left(struct exposure_core *c, struct sp_mono now, const char *node);

/* Effect: looks at every place; look NULL: the reader does not follow, and nothing changes. */
void exposure_core_scan(struct exposure_core *c, struct sp_mono now, exposure_look_fn *look, void *self);
/* Effect: gives the index of a place whose exposure is not yet told; it then counts as told. EXPOSURE_NONE: no more. */
uint32_t exposure_core_untold(struct exposure_core *c);
/* Servers exposed at a place. */
uint32_t exposure_core_exposed(const struct exposure_core *c, uint32_t place);
/* True when the list is younger than EXPOSURE_STALE_LISTS intervals. */
bool exposure_core_recent(const struct exposure_core *c, struct sp_mono now);
/* True when the host has servers at places of more than one hypervisor. */
bool exposure_core_shared(const struct exposure_core *c, const char *host);
struct sp_mono exposure_core_next_deadline(const struct exposure_core *c, struct sp_mono now);
bool exposure_core_check(const struct exposure_core *c);

#endif
