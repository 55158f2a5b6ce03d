/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resend.h - which result batch is sent next, and which again. Pure.
 *
 * Batches are numbered contiguously. A window like TCP's: at most RESEND_FLIGHT_MAX sent and unacknowledged; each of those is sent
 * again when its acknowledgement does not come, with a distance that doubles up to RESEND_AFTER_MAX_US; the others wait for
 * an acknowledgement. The oldest goes on each RESEND_AFTER_US and finds out when a keeper that was away is back: its acknowledgement, the
 * first after RESEND_SILENT_US, brings everything that was sent in vain at once. So a keeper that is away is asked a little, and one that
 * comes back sets the pace itself.
 * The bytes of a batch lie elsewhere (outbox); this module only carries their place.
 */
#ifndef SPICE_RESEND_H
#define SPICE_RESEND_H

#include <stdbool.h>
#include <stdint.h>

#include "sp_heap.h"
#include "sp_rng.h"

#define RESEND_ROWS         8192u    /* batches not yet acknowledged; a power of two */
#define RESEND_FLIGHT_MAX   64u      /* of them sent */
#define RESEND_AFTER_US     1000000u /* first repetition */
#define RESEND_AFTER_MAX_US 8000000u /* distance of later ones */
#define RESEND_SILENT_US    2000000u /* no acknowledgement for so long: the keeper was away */
#define RESEND_NONE         0u       /* no batch: numbers start at 1 */

/* Where the outbox keeps a batch. */
struct resend_place {
    uint64_t sequence; /* of the outbox; rises, may have holes, survives a restart (the number of a batch does not) */
    uint32_t segment;
    uint32_t offset; /* of the encoded results in the segment */
    uint32_t bytes;  /* of them */
    uint32_t results;
};

enum resend_state { RESEND_DONE, RESEND_WAITS, RESEND_FLIES };

struct resend_row {
    enum resend_state state;
    uint32_t tries;
    struct resend_place place;
};

struct resend {
    struct resend_row *row; /* private; by number modulo RESEND_ROWS */
    struct sp_heap again;   /* when a flying row is sent again; ids as above */
    struct sp_rng rng;      /* spreads repetitions */
    uint64_t first;         /* oldest number not done */
    uint64_t unsent;        /* oldest number that may wait */
    uint64_t next;          /* number of the next new batch */
    uint32_t flying;
    uint64_t results;  /* in all rows not done */
    uint64_t repeated; /* batches sent more than once */
    uint64_t heard_us; /* last acknowledgement */
};

/* Effect: an empty window; the first batch gets number 1. False: no memory. */
bool resend_init(struct resend *self, uint64_t seed);
void resend_fini(struct resend *self);
/* True when no further batch fits. */
bool resend_is_full(const struct resend *self);
/* Effect: takes up a batch; returns its number. Not when full. */
uint64_t resend_add(struct resend *self, const struct resend_place *place);
/* Lends the place of the oldest batch not done, NULL when there is none. */
const struct resend_place *resend_oldest(const struct resend *self);
/* Returns the number of the batch to send now (RESEND_NONE: nothing) and lends its place. */
uint64_t resend_due(const struct resend *self, uint64_t now_us, const struct resend_place **place);
/* True when a new batch could be sent at once. */
bool resend_has_room(const struct resend *self);
/* Effect: the batch that resend_due named was sent. */
void resend_sent(struct resend *self, uint64_t batch, uint64_t now_us);
/* Effect: the keeper has answered for the batch. False: unknown or answered before. *place is where it was. */
bool resend_ack(struct resend *self, uint64_t batch, struct resend_place *place);
/* Effect: the keeper acknowledged something. After a long silence what was sent more than once already is due again. */
void resend_heard(struct resend *self, uint64_t now_us);
/* Effect: what flies may be lost (a broker went away): send it again from `at_us` on. */
void resend_kick(struct resend *self, uint64_t at_us);
/* Returns when resend_due has something (0: now), UINT64_MAX: only an acknowledgement or a new batch changes that. */
uint64_t resend_deadline(const struct resend *self);
void resend_check(const struct resend *self);

#endif
