/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credit.h - how many jobs each broker may still send us. Pure.
 *
 * Credit is cumulative since our Hello to that broker, so a lost or repeated Credit message does no harm. What is not yet
 * used is shared evenly among the brokers that are up; it is raised only when half of a share has been used, so that a
 * lone job does not cost a Credit message of its own.
 */
#ifndef SPICE_CREDIT_H
#define SPICE_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#define CREDIT_BROKERS_MAX 8u

struct credit_row {
    bool up;
    uint64_t granted; /* jobs we will have taken in all */
    uint64_t taken;   /* jobs that came; may exceed granted by one batch */
};

struct credit {
    uint32_t brokers;
    uint32_t up;
    struct credit_row row[CREDIT_BROKERS_MAX];
};

void credit_init(struct credit *self, uint32_t brokers);
/* Effect: a link that comes up or goes down starts counting from zero. */
void credit_link(struct credit *self, uint32_t broker, bool up);
/* Effect: counts a job that came by that broker. */
void credit_taken(struct credit *self, uint32_t broker);
/* Effect: raises the grant of a broker when that is worth a message; true: tell it row[broker].granted. `room` is the number of
 * jobs we could take now, from all brokers together. */
bool credit_grant(struct credit *self, uint32_t broker, uint64_t room);

#endif
