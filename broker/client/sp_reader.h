/* SPDX-License-Identifier: Apache-2.0 */
/* Follow the pool from any process: open it once, ask it as often as you like. Gaps, restarts of the keeper, silence and the ends of
 * lifetimes are handled inside; in any doubt the answer is "not a member, tier none". Only entries signed by the keeper that principals.yaml
 * names are believed. It needs a principal of role reader and the process's loop; one thread. */
#ifndef SP_READER_H
#define SP_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp_str.h"

struct sp_reader;
struct sp_loop;
struct sp_conf;
struct sp_keys;
struct sp_stats;
struct sp_buf;

struct sp_reader_answer {
    bool member;           /* in the pool, proven at this moment */
    uint8_t tier;          /* enum sp_tier; none when in doubt */
    uint64_t remaining_ms; /* member: for at least so long */
    uint64_t since_ms;     /* wall clock, for people */
    const char *why;       /* lent until the loop turns */
};

struct sp_reader_change {
    const char *node, *pool; /* lent for the call */
    struct sp_reader_answer answer;
    uint64_t until_ms; /* keeper clock */
    uint64_t sequence; /* of the event */
};

struct sp_reader_options {
    struct sp_loop *loop;       /* borrowed for the life */
    const struct sp_conf *conf; /* borrowed for the life */
    const struct sp_keys *keys; /* borrowed for the life */
    struct sp_stats *stats;     /* may be NULL */
    const char *name;           /* principal name, role reader */
    void *self;                 /* first argument of the handlers */
    /* An answer changed or was renewed. May be NULL. */
    void (*on_change)(void *self, const struct sp_reader_change *change);
    /* The copy became complete and proven (true) or is no longer (false): then every node is `none`. May be NULL. */
    void (*on_state)(void *self, bool following);
};

/* Effect: connects in the background. Gives *out. False: reason in why. */
bool sp_reader_open(const struct sp_reader_options *options, struct sp_reader **out, char *why, size_t why_bytes);
void sp_reader_close(struct sp_reader **reader);
/* Effect: the answer, by a table in memory; never blocks. node: name, or the 36 or 32 characters of the key. */
void sp_reader_lookup(struct sp_reader *reader, struct sp_str node, struct sp_str pool, struct sp_reader_answer *out);
/* True while answers other than "none" are possible. */
bool sp_reader_following(struct sp_reader *reader);
/* Effect: appends all as JSON: {"following", "boot", "sequence", "entries": [{node, key, pool, member, tier, remaining_ms, since, why}]}.
 * pool NULL: every pool. */
void sp_reader_dump(struct sp_reader *reader, const char *pool, struct sp_buf *out);

#endif
