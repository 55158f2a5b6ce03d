/* SPDX-License-Identifier: Apache-2.0 */
/* Follows the pool from outside, safely. It joins by Subscribe -> Snapshot -> events, and believes an entry only while all of this holds:
 * the copy is complete (no gap, same start of the keeper), a beat that answers a question of ours is recent, and the entry's end has not come
 * by an *upper* bound of the keeper's clock (its reading plus all time since we asked, plus 500 ppm). Otherwise every node is `none`.
 *
 *          subscribe                last part                    gap, other start, beat says more, silence
 *   AWAY ------------> JOINING ---------------> FOLLOWING ------------------------------------------------> AWAY
 *                         |  part missing, time over                                                          ^
 *                         +-----------------------------------------------------------------------------------+
 *
 * Parts of a snapshot and events may cross on their way, or be made to: what an event says is never taken back by a part, and a later part is
 * not taken back by an event that is older than it.
 *
 * Signatures are verified by who delivers the messages. No clock, socket or random source inside. One owner, one thread. */
#ifndef READER_CORE_H
#define READER_CORE_H

#include "msg.h"
#include "sp_map.h"
#include "sp_time.h"

#define READER_ENTRIES_MAX 2097152u /* hard limit; options may say less */
#define READER_NAME_BYTES  65u
#define READER_WHY_BYTES   257u
#define READER_CHANGES_MAX 256u  /* entries of one message */
#define READER_JOIN_MS     1000u /* no next part of a snapshot for so long: ask again */
#define READER_RETRY_MS    500u  /* least distance of two Subscribes */
#define READER_DRIFT_PPM   500u  /* how wrong two clocks may run against each other */

enum reader_state { READER_AWAY = 0, READER_JOINING = 1, READER_FOLLOWING = 2 };

struct reader_entry {
    uint8_t key[16];
    char node[READER_NAME_BYTES];
    char pool[READER_NAME_BYTES];
    char why[READER_WHY_BYTES];
    uint64_t until_ms; /* keeper clock */
    uint64_t since_ms; /* wall clock of the keeper, for people */
    uint8_t tier;
    bool member;
    bool live;         /* named since the latest join */
    bool shown;        /* private: last reported as a member */
    bool event;        /* private: an event named it since the latest join */
    uint64_t as_of_ms; /* private: keeper's clock when the message was made that said so */
};

struct reader_options {
    uint64_t boot;     /* start of this process, not 0 */
    uint64_t ping_ms;  /* distance of our questions */
    uint64_t stale_ms; /* older than this, a beat proves nothing */
    uint32_t entries_max;
    uint8_t hash_key[16];
};

/* What is true of a node in a pool as far as this reader can prove. */
struct reader_answer {
    bool member;
    uint8_t tier;          /* enum sp_tier; none when in doubt */
    uint64_t remaining_ms; /* member: at least so long; else 0 */
    uint64_t since_ms;
    const char *why; /* lent until the next message */
};

struct reader_counters {
    uint64_t events, entries, snapshots, beats, gaps, boots, stale, malformed, joins, dropped;
};

struct reader_core {
    struct reader_options options;
    enum reader_state state;
    struct reader_entry *entries; /* owned */
    uint32_t count, size;
    struct sp_map by_key, by_name; /* (node, pool) -> entry */
    uint64_t boot;                 /* of the keeper; 0: unknown */
    uint64_t sequence;             /* of the last event applied */
    uint32_t part;                 /* next part of the snapshot */
    uint8_t nonce[16];             /* of the open Subscribe */
    uint64_t asked_us;             /* when it was sent */
    uint64_t heard_us;             /* when it was sent, or its latest part came */
    uint8_t ping_nonce[16];
    uint64_t ping_us; /* when the open ping was sent; 0: none */
    uint64_t ping_due_us;
    uint64_t anchor_us; /* our clock when we asked for the reading below */
    uint64_t anchor_ms; /* keeper's clock in the answer */
    uint64_t proven_us; /* when we asked the question whose answer proved the copy complete; 0: never */
    uint64_t retry_us;
    struct reader_counters counters;
};

/* A message to be sent to the keeper. */
struct reader_send {
    uint16_t type;
    uint8_t body[64];
    uint32_t bytes;
};

/* Indexes of entries whose answer changed. */
struct reader_changes {
    uint32_t list[READER_CHANGES_MAX];
    uint32_t count;
    bool all; /* the state changed: everything may be different now */
};

bool reader_core_init(struct reader_core *r, const struct reader_options *options);
void reader_core_fini(struct reader_core *r);
/* Effect: a message of the pinned keeper; what a principal of another role says is counted and nothing else. Fills changes. */
void reader_core_on_message(struct reader_core *r, struct sp_mono now, enum sp_role from, uint16_t type, struct sp_str body,
                            struct reader_changes *changes);
/* Effect: time passes; true when *out is to be sent now. nonce: 16 fresh bytes, used up only then. Call until false. */
bool reader_core_step(struct reader_core *r, struct sp_mono now, const uint8_t nonce[16], struct reader_send *out,
                      struct reader_changes *changes);
/* Effect: finds members whose time is over since it was last asked. Call about each second, and before showing. */
void reader_core_expire(struct reader_core *r, struct sp_mono now, struct reader_changes *changes);
/* Effect: the connection is gone: nothing can be proven until the next join. */
void reader_core_lost(struct reader_core *r, struct reader_changes *changes);
struct sp_mono reader_core_next_deadline(const struct reader_core *r);
/* Effect: the answer by node name, or by key when key is not NULL. Never blocks, never believes more than it can prove. */
void reader_core_lookup(const struct reader_core *r, struct sp_mono now, struct sp_str node, const uint8_t *key, struct sp_str pool,
                        struct reader_answer *out);
/* Effect: the answer by a word that may be a node's name, or its key as text: key is the word read as one, or NULL. None when it is the name
 * of one node and the key of another. */
void reader_core_lookup_word(const struct reader_core *r, struct sp_mono now, struct sp_str word, const uint8_t *key,
                             struct sp_str pool, struct reader_answer *out);
/* Effect: the answer for one entry. */
void reader_core_answer(const struct reader_core *r, struct sp_mono now, const struct reader_entry *e, struct reader_answer *out);
/* True when the copy is complete and proven recent. */
bool reader_core_fresh(const struct reader_core *r, struct sp_mono now);
/* Returns an upper bound of the keeper's clock. */
uint64_t reader_core_clock_ms(const struct reader_core *r, struct sp_mono now);
bool reader_core_check(const struct reader_core *r, struct sp_mono now);

#endif
