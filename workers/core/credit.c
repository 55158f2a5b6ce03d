/* SPDX-License-Identifier: Apache-2.0 */
#include "credit.h"

#include <string.h>

#include "sp_assert.h"

void credit_init(struct credit *self, uint32_t brokers)
{
    SP_ASSERT(brokers > 0 && brokers <= CREDIT_BROKERS_MAX);
    memset(self, 0, sizeof *self);
    self->brokers = brokers;
}

void credit_link(struct credit *self, uint32_t broker, bool up)
{
    SP_ASSERT(broker < self->brokers);
    struct credit_row *r = &self->row[broker];
    if (r->up != up) {
        self->up = up ? self->up + 1 : self->up - 1;
    }
    *r = (struct credit_row){.up = up};
}

static uint64_t credit_unused(const struct credit_row *r)
{
    return r->up && r->granted > r->taken ? r->granted - r->taken : 0;
}

void credit_taken(struct credit *self, uint32_t broker)
{
    SP_ASSERT(broker < self->brokers);
    self->row[broker].taken++;
}

bool credit_grant(struct credit *self, uint32_t broker, uint64_t room)
{
    SP_ASSERT(broker < self->brokers);
    struct credit_row *r = &self->row[broker];
    uint64_t unused_all = 0;
    uint32_t first_up = self->brokers;
    if (!r->up) {
        return false;
    }
    for (uint32_t b = self->brokers; b-- > 0;) {
        unused_all += credit_unused(&self->row[b]);
        first_up = self->row[b].up ? b : first_up;
    }
    uint64_t share = room / self->up;
    if (share == 0 && broker == first_up) {
        share = room; /* fewer places than brokers */
    }
    uint64_t unused = credit_unused(r);
    uint64_t left = room > unused_all ? room - unused_all : 0; /* what the others hold is not ours to give twice */
    if (share <= unused || unused * 2 > share || left == 0) {
        return false;
    }
    uint64_t more = share - unused < left ? share - unused : left;
    r->granted = (r->granted > r->taken ? r->granted : r->taken) + more;
    return true;
}
