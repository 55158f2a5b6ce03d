/* SPDX-License-Identifier: Apache-2.0 */
/* Message ids seen lately: RabbitMQ delivers again what was not acknowledged when a connection broke, and a request must not be
 * worked on twice. The newest BRIDGE_SEEN_MAX ids are remembered for BRIDGE_SEEN_MS. Pure. */
#ifndef BRIDGE_SEEN_H
#define BRIDGE_SEEN_H

#include "sp_map.h"
#include "sp_time.h"

#define BRIDGE_SEEN_MAX 8192u
#define BRIDGE_SEEN_MS  600000u

struct bridge_seen {
    struct sp_map by_hash; /* -> place in ring */
    uint64_t ring[BRIDGE_SEEN_MAX];
    uint64_t at_us[BRIDGE_SEEN_MAX];
    uint32_t next, count;
    uint8_t key[16];
};

/* Effect: empty. key: 16 bytes nobody outside knows. False without memory. */
bool bridge_seen_init(struct bridge_seen *s, const uint8_t key[16]);
void bridge_seen_fini(struct bridge_seen *s);
/* Effect: remembers the id. True when it was known. An empty id is never known. */
bool bridge_seen_add(struct bridge_seen *s, struct sp_mono now, struct sp_str id);

#endif
