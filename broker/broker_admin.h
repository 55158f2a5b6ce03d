/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker shows an operator: ping, peers.list, stats.get, trace.get (README.md has the JSON). It reads the core, keeps the latest
 * Stats of every process, and changes nothing; what changes something is in broker_acts.h. */
#ifndef BROKER_ADMIN_H
#define BROKER_ADMIN_H

#include "broker_core.h"
#include "sp_buf.h"

#define BROKER_ADMIN_STATS_BYTES_MAX 65536u /* one process's */

struct broker_admin_stats {
    char name[PRINCIPAL_NAME_BYTES];
    uint8_t role;
    uint64_t received_us;
    uint8_t *body;
    uint32_t bytes, size;
};

struct broker_admin {
    struct broker_core *core;
    struct broker_admin_stats *stats; /* by principal */
    uint32_t size;
    uint64_t started_us;
};

bool broker_admin_init(struct broker_admin *a, struct broker_core *core, uint64_t now_us);
void broker_admin_fini(struct broker_admin *a);
/* Effect: keeps the body as the latest Stats of this principal. */
void broker_admin_keep(struct broker_admin *a, uint32_t principal, struct sp_str body, uint64_t now_us);
/* Effect: appends the JSON answer; returns the code of the reply. */
enum sp_refusal broker_admin_answer(struct broker_admin *a, const struct msg_admin_request *request, uint64_t now_us,
                                    uint64_t wall_ms, struct sp_buf *out);

#endif
