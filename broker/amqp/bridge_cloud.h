/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader can prove, told to the cloud's placement service: pools and their traits from the keeper, memberships with their
 * ends, and the end of the proof itself. */
#ifndef BRIDGE_CLOUD_H
#define BRIDGE_CLOUD_H

#include "bridge_shell.h"

/* Effect: nothing without bridge.placement.url and bridge.compute.url. */
SP_MUST_USE enum sp_rc bridge_cloud_open(struct bridge *b, struct sp_err *err);
void bridge_cloud_close(struct bridge *b);
/* Effect: answers of the reader that changed. */
void bridge_cloud_changes(struct bridge *b, const struct reader_changes *changes);
/* Effect: the keeper's list of pools; text NULL: it could not be had. */
void bridge_cloud_pools(struct bridge *b, const char *text);
/* Effect: asks for pools when it is time; tells the proof. */
void bridge_cloud_tick(struct bridge *b);
uint64_t bridge_cloud_deadline_us(const struct bridge *b);
/* Effect: the key that the keeper makes of a name when none is given. */
void bridge_cloud_key_of_name(const char *name, uint8_t key[16]);

#endif
