/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox.h - encoded results on disk until the keeper has answered for them.
 *
 * A directory of up to OUTBOX_SEGMENTS_MAX files of fixed, allocated size. Records are appended to one segment; a segment whose records are
 * all answered is written again from its start. Nothing is copied or renamed, and a full disk shows when a segment is
 * made, never in the middle of a record. A small file `mark` says which record is the oldest that may still be unanswered.
 * A record is the elements of one ResultBatch without its head: the head is made at sending, for each start of
 * the worker numbers its batches anew under a new `boot`, so that an answer to an earlier start never fits a later batch.
 *
 * A record is in the page cache before the batch is sent: it survives the death of this process at any instruction. It is not
 * synced to the disk first; ops/docs/decisions says why nothing acknowledged depends on that.
 */
#ifndef SPICE_OUTBOX_H
#define SPICE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resend.h"
#include "sp_err.h"

#define OUTBOX_SEGMENTS_MAX  256u
#define OUTBOX_SEGMENT_BYTES (4u << 20)
#define OUTBOX_BODY_MAX      (1u << 20) /* one record */
#define OUTBOX_MARK_EVERY    64u        /* answered batches between two writes of the mark */

struct outbox;

/* Effect: opens (makes) the outbox in directory `path` and puts every record that may be unanswered into `window`, oldest first;
 * `window` is initialised here and is borrowed for the life of the outbox. At most `segments` files (2 or more; files that are there
 * already are read in any case). Gives *out. */
SP_MUST_USE enum sp_rc outbox_open(const char *path, uint32_t segments, struct resend *window, struct outbox **out,
                                   struct sp_err *err);
/* Effect: writes the mark, closes, nulls. Unanswered records stay on disk. */
void outbox_close(struct outbox **self);
/* Effect: appends `count` encoded results as the next batch of the window; its number is in *batch. SP_E_FULL, SP_E_IO: nothing
 * happened. */
SP_MUST_USE enum sp_rc outbox_append(struct outbox *self, const uint8_t *results, size_t bytes, uint32_t count, uint64_t *batch);
/* Effect: reads the results of a batch back for another sending; `to` has place->bytes bytes. */
SP_MUST_USE enum sp_rc outbox_read(const struct outbox *self, const struct resend_place *place, uint8_t *to);
/* Effect: the keeper has answered for the batch. False: unknown, or answered before. */
bool outbox_ack(struct outbox *self, uint64_t batch);
/* Returns bytes that segments can still take. */
uint64_t outbox_room(const struct outbox *self);
/* Effect: after a full disk, allows another try to make a segment. */
void outbox_retry(struct outbox *self);

#endif
