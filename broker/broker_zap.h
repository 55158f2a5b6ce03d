/* SPDX-License-Identifier: Apache-2.0 */
/* The admission handler: a thread that answers libzmq's question "may this CURVE key connect?" from a table in memory. The answer
 * carries the user id that comes back with every message of that connection. The thread looks at nothing else: no disk, no lock, no
 * name service (pitfall A3). When it ends for any other reason than being told to, the process ends (A2). */
#ifndef BROKER_ZAP_H
#define BROKER_ZAP_H

#include "principal.h"
#include "sp_time.h"

#define BROKER_ZAP_DOMAIN "spice"

struct broker_zap;

/* Effect: starts the thread and returns when it answers. Must come before any server socket of this context is bound. Gives *out.
 */
bool broker_zap_open(void *context, struct broker_zap **out);
/* Effect: from the next question on, these principals are admitted and nobody else. Keeps the old table when there is no memory for
 * the new one, and returns false then. */
bool broker_zap_publish(struct broker_zap *zap, const struct principal_table *who, uint64_t wall_s);
/* Returns questions answered with yes and with no. */
void broker_zap_counts(const struct broker_zap *zap, uint64_t *admitted, uint64_t *refused);
/* Effect: expects the end of the thread, which comes with the termination of the context. Call before that. */
void broker_zap_stopping(struct broker_zap *zap);
/* Effect: joins the thread; after the termination of the context. Nulls *zap. */
void broker_zap_close(struct broker_zap **zap);

#endif
