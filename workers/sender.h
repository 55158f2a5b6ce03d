/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender.h - results on their way to the keeper: collected to batches, stored in the outbox, sent, sent again, answered.
 *
 * A batch costs a signature, its verification and four crossings, however few results are in it; so a result that took a while waits for others,
 * for a small part of that while. One that came at once goes at once: one batch per turn of the loop. When the keeper is slow, batches grow instead
 * of becoming many.
 */
#ifndef SPICE_SENDER_H
#define SPICE_SENDER_H

#include "msg.h"
#include "outbox.h"
#include "sp_bus.h"
#include "sp_stats.h"

#define SENDER_BATCH_BYTES_MAX  (512u * 1024u) /* of encoded results */
#define SENDER_HOLD_US          1000000u       /* longest wait of a result for a place in the window */
#define SENDER_COMPANY_PART     16u            /* a result waits for others for this part of the time it has taken, */
#define SENDER_COMPANY_LEAST_US 200u           /* not at all when that is less, */
#define SENDER_COMPANY_MOST_US  10000u         /* and no longer than this */
#define SENDER_PER_TURN         64u            /* batches sent in one turn */

struct sender {
    struct resend window;
    struct outbox *outbox;
    struct sp_bus *bus; /* borrowed; NULL: not open yet */
    uint64_t boot;      /* of the numbering of batches */
    uint8_t *collected; /* encoded results not yet in a batch */
    uint8_t *scratch;   /* a batch read back */
    struct sp_packer packer;
    uint32_t count;    /* results collected */
    uint64_t since_us; /* the oldest of them */
    uint64_t due_us;   /* none of them waits for others any longer */
    bool blocked;      /* the bus takes nothing now */
    bool full;         /* the outbox took nothing last time */
    uint64_t results, batches, acked, refused, lost;
};

/* Effect: opens the outbox in directory `path`, of at most `outbox_mb` MiB. */
SP_MUST_USE enum sp_rc sender_open(struct sender *self, const char *path, uint32_t outbox_mb, struct sp_err *err);
void sender_close(struct sender *self);
/* Effect: takes up one result. Borrows. A result is lost (counted) only when the outbox is full or broken: its lease expires. */
void sender_put(struct sender *self, const struct rec_result *result, uint64_t now_us);
/* Effect: makes a batch of what was collected, unless it waits for others, and sends what is due; once per turn. */
void sender_flush(struct sender *self, uint64_t now_us);
/* Effect: the keeper's answer. */
void sender_on_result_ack(struct sender *self, const struct msg_result_ack *ack, uint64_t now_us);
/* Effect: a broker went away (sent batches may be lost) or came. */
void sender_on_link(struct sender *self, bool up, uint64_t now_us);
/* Effect: the bus takes messages again. */
void sender_on_writable(struct sender *self);
/* Returns when sender_flush has something to do, UINT64_MAX: never. */
uint64_t sender_deadline(const struct sender *self);
/* True when nothing waits for an answer. */
bool sender_is_empty(const struct sender *self);
/* Returns how many more results are sure to find room, whatever their size. */
uint64_t sender_room(const struct sender *self);

#endif
