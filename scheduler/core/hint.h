/* SPDX-License-Identifier: Apache-2.0 */
/* Hints of a bridge: something happened to a node outside of SPICE, so its checks fall due earlier. Hints come from a bus others
 * write to: they can make a run earlier and nothing else, and no flood of them makes checks run without end (threat model K27,
 * K28). */
#ifndef HINT_H
#define HINT_H

#include "scheduler_core.h"

#define HINT_NODE_MS 60000u /* a node is moved forward at most once in so long */
#define HINT_PER_S   64u    /* nodes moved forward per second in all */
#define HINT_BURST   1024u  /* after a quiet time */

#endif
