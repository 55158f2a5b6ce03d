/* SPDX-License-Identifier: Apache-2.0 */
/* The way of operators' acts from the store to the keeper's audit: one report at a time, again until it is answered, forgotten when the keeper
 * has it on its disk. */
#ifndef ACTS_H
#define ACTS_H

#include "msg.h"
#include "sp_bus.h"
#include "sp_time.h"
#include "store.h"

#define ACTS_AGAIN_MS 2000u /* after a report that was not answered */

struct acts {
    struct sp_bus *bus; /* borrowed, as the store is */
    struct store *store;
    struct sp_mono again; /* not before; 0: no report is on its way */
};

/* Effect: sends the oldest acts, unless a report is on its way. To be called after each act, and whenever the keeper shows that it is
 * there: while it is not, nothing is sent and nobody is woken. */
void acts_send(struct acts *a, struct sp_mono now);
/* Effect: forgets what the keeper has, and sends the next ones. */
void acts_on_stored(struct acts *a, const struct msg_act_stored *m, struct sp_mono now);

#endif
