/* SPDX-License-Identifier: Apache-2.0 */
#include "files_pace.h"

#include <time.h>

#include "sp_clock.h"

void files_pace_init(struct files_pace *p, uint64_t bytes_per_s, uint64_t max_us)
{
    p->bytes_per_s = bytes_per_s;
    p->spent = 0;
    p->start_us = sp_clock_read().mono.us;
    p->end_us = p->start_us + max_us;
}

bool files_pace_spend(struct files_pace *p, uint64_t bytes)
{
    uint64_t now = sp_clock_read().mono.us;
    p->spent += bytes;
    uint64_t due = p->bytes_per_s > 0
                       ? p->start_us + p->spent / p->bytes_per_s * 1000000 + p->spent % p->bytes_per_s * 1000000 / p->bytes_per_s
                       : now;
    if (due >= p->end_us || now >= p->end_us) {
        return false;
    }
    if (due > now) {
        const struct timespec rest = {(time_t)((due - now) / 1000000), (long)((due - now) % 1000000 * 1000)};
        (void)nanosleep(&rest, NULL); /* shorter when a signal comes: the next one makes up for it */
    }
    return true;
}
