/* SPDX-License-Identifier: Apache-2.0 */
/* returns.h - jobs given back to the scheduler, collected to one JobReturn per turn and reason. Lossy on purpose: the lease of a job
 * whose return is lost ends by itself. */
#ifndef SPICE_RETURNS_H
#define SPICE_RETURNS_H

#include "msg.h"
#include "sp_bus.h"

struct returns {
    uint16_t code;
    uint32_t count;
    struct sp_packer packer;
    uint8_t body[MSG_JOB_RETURN_BYTES_MAX];
};

/* Effect: takes up one job; sends what was collected under another code first. Borrows all. */
void returns_add(struct returns *self, struct sp_bus *bus, uint16_t code, const struct rec_returned *job);
/* Effect: sends what was collected. */
void returns_flush(struct returns *self, struct sp_bus *bus);

#endif
