/* SPDX-License-Identifier: Apache-2.0 */
/* files_pace.h - how fast may be read, and how long. */
#ifndef SPICE_FILES_PACE_H
#define SPICE_FILES_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct files_pace {
    uint64_t bytes_per_s; /* 0: no limit */
    uint64_t start_us, end_us;
    uint64_t spent;
};

void files_pace_init(struct files_pace *p, uint64_t bytes_per_s, uint64_t max_us);
/* Effect: counts bytes that were read, and waits until they may have been. False: the time is over. */
bool files_pace_spend(struct files_pace *p, uint64_t bytes);

#endif
