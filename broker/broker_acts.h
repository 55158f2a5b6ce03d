/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator asks the broker to change (worker.drain), by way of the keeper's audit. A broker keeps nothing on a disk, so the order of
 * things is turned round: the act is reported first, and done when the keeper has its row on the disk; without that nothing is done and
 * the operator is told so. */
#ifndef BROKER_ACTS_H
#define BROKER_ACTS_H

#include "broker_core.h"

#define BROKER_ACTS_MAX     32u   /* that may wait for the keeper at once */
#define BROKER_ACTS_WAIT_MS 5000u /* for the keeper; below the patience of spicectl */

struct broker_shell;

/* One act that waits for the keeper. */
struct broker_act {
    uint64_t number; /* 0: free */
    uint64_t until_us;
    uint64_t request; /* what the answer goes to */
    uint32_t conn;
    uint32_t deadline_ms;
    bool again;    /* it has had a second number */
    uint16_t code; /* enum refusal; not none: nothing is to be done, only told */
    uint64_t wall_ms;
    char actor[PRINCIPAL_NAME_BYTES];
    char worker[REC_ACT_OBJECT_MAX + 1];
};

struct broker_acts {
    struct broker_act list[BROKER_ACTS_MAX];
    uint64_t last; /* number of the latest act */
};

/* True for a request that changes something. */
bool broker_acts_is(struct sp_str verb);
/* Effect: reports the act of this request, or says why not. f is its BROKER_FX_ADMIN; borrows both. */
void broker_acts_begin(struct broker_shell *s, const struct broker_effect *f, const struct msg_admin_request *request);
/* Effect: does what the keeper has in its audit, and answers. */
void broker_acts_on_stored(struct broker_shell *s, struct sp_str body);
/* Effect: gives up what the keeper did not answer. */
void broker_acts_tick(struct broker_shell *s);
/* When broker_acts_tick has something to do; SP_NEVER: nothing waits. */
uint64_t broker_acts_deadline(const struct broker_shell *s);

#endif
