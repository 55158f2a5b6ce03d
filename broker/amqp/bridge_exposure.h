/* SPDX-License-Identifier: Apache-2.0 */
/* Exposure at the bridge: what the reader of the pool knows goes to ../cloud/cloud_exposure, what that finds becomes notifications,
 * log lines, rows of the keeper's audit and answers to operators. All of it is information; none of it reaches trust. */
#ifndef BRIDGE_EXPOSURE_H
#define BRIDGE_EXPOSURE_H

#include "bridge_shell.h"

/* Effect: nothing without bridge.compute.url, or with exposure.watch: false. After bridge_cloud_open. */
SP_MUST_USE enum sp_rc bridge_exposure_open(struct bridge *b, struct sp_err *err);
void bridge_exposure_close(struct bridge *b);
/* Effect: answers of the reader that changed. */
void bridge_exposure_changes(struct bridge *b, const struct reader_changes *changes);
uint64_t bridge_exposure_deadline_us(const struct bridge *b);
/* Effect: the keeper's explanation of the node that was asked for; text NULL: there is none. */
void bridge_exposure_evidence(struct bridge *b, const char *text);
/* Gives what operators see: filters are "" for all. NULL without memory. */
json_t *bridge_exposure_view(struct bridge *b, const char *pool, const char *node);

/* For tests: reads an explanation. True: bad evidence against the node in that pool, which is in service; code then names the
 * check. */
bool bridge_exposure_is_bad(const json_t *explanation, const char *node, const char *pool, char code[ACTION_CODE_BYTES]);

#endif
