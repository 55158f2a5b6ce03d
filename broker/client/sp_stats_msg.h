/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, gauges and latencies of a process as the body of a Stats message. */
#ifndef SP_STATS_MSG_H
#define SP_STATS_MSG_H

#include "msg.h"
#include "sp_stats.h"

/* Effect: writes the body; what is beyond the limits of the message is left out. False: no room for it in w. */
bool sp_stats_msg_encode(const struct sp_stats *stats, uint64_t boot, uint64_t uptime_ms, struct sp_packer *w);

#endif
