/* SPDX-License-Identifier: Apache-2.0 */
/* One run as the noop adapter notes it: 32 bytes in the host's byte order, appended to the file of the setting `log`. */
#ifndef NOOP_LOG_H
#define NOOP_LOG_H

#include <stdint.h>

struct noop_note {
    uint64_t start_us;  /* CLOCK_BOOTTIME when the run began */
    uint64_t job;       /* from the ticket: job number, */
    uint64_t issued_ms; /* lower bound of the instant it was issued, the keeper's clock, */
    uint32_t check;     /* and the permanent numbers of check and node */
    uint32_t node;
};

#endif
