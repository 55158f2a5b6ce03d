/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of trait_core share. */
#ifndef TRAIT_PARTS_H
#define TRAIT_PARTS_H

#include "trait_core.h"

#define BIT(i) (1ull << (i))

enum trait_queue { REMOVE, ADD };

/* Returns 0: nothing to do for the provider now; else 1 + its queue. */
unsigned trait_need(struct trait_core *c, struct sp_mono now, uint32_t provider);
/* Effect: into a queue, unless it is there. */
void trait_enqueue(struct trait_core *c, uint32_t provider, unsigned queue);
/* Returns the first of a queue; TRAIT_NONE: empty. What it needs may have changed since. */
uint32_t trait_dequeue(struct trait_core *c, unsigned queue);
/* Effect: into the queue it needs. */
void trait_look_at(struct trait_core *c, struct sp_mono now, uint32_t provider);
void trait_provider_gone(struct trait_core *c, uint32_t provider);

#endif
