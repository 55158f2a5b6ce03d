/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to attesters whose next part is on its way: what an attester may send, and to which connection. A part that is in no row
 * here was not asked for and goes nowhere, so whoever asks decides how much comes; the bounds are the broker's. One row for each
 * (connection that asked, its number of the question): asking again takes the place of what was asked. Pure; no allocation after
 * init. */
#ifndef ASKED_H
#define ASKED_H

#include "sp_heap.h"
#include "sp_map.h"

#define ASKED_NONE UINT32_MAX

struct asked_row {
    bool used;
    bool lost;         /* its attester is gone: the asker is still to be told */
    uint32_t next;     /* private: free, or lost */
    uint32_t asker;    /* peer; ASKED_NONE: gone too */
    uint32_t attester; /* peer */
    uint64_t id;       /* asker's number of the question */
    uint64_t offset;   /* of the part */
    uint64_t sequence; /* of the request */
};

struct asked_table {
    struct asked_row *rows;
    uint32_t *of; /* by peer: parts it is waiting for */
    uint32_t size, peers, count;
    uint32_t free;  /* first free row */
    uint32_t lost;  /* first lost row */
    uint32_t limit; /* most of one asker */
    uint8_t seed[16];
    struct sp_map by_key; /* not of the lost ones */
    struct sp_heap expiry;
};

bool asked_init(struct asked_table *t, uint32_t size, uint32_t peers, uint32_t limit, const uint8_t seed[16]);
void asked_fini(struct asked_table *t);

/* Effect: notes what is asked now, in place of what this asker asked before under this number. False: too many, of it or in all. */
bool asked_put(struct asked_table *t, const struct asked_row *from, uint64_t expires_us);
/* Returns the row or ASKED_NONE. */
uint32_t asked_find(const struct asked_table *t, uint32_t asker, uint64_t id);
void asked_remove(struct asked_table *t, uint32_t row);
/* Effect: this peer is gone: what it asked is forgotten, what it was asked is lost. Returns true when there is something lost. */
bool asked_peer_gone(struct asked_table *t, uint32_t peer);
/* Effect: takes one lost row out and fills *out; its asker is still there. False: there is none. */
bool asked_pop_lost(struct asked_table *t, struct asked_row *out);
/* Effect: forgets what has expired. Returns how many that were. */
uint32_t asked_expire(struct asked_table *t, uint64_t now_us);
/* Returns when the first one expires, UINT64_MAX: none. */
uint64_t asked_deadline(const struct asked_table *t);
/* Aborts when an invariant is broken. */
void asked_check(const struct asked_table *t);

#endif
