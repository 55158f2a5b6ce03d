/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a pair whose job was answered, refused, returned or never answered. */
#ifndef LEASE_H
#define LEASE_H

#include "scheduler_core.h"

/* Effect: LeaseClosed; the answer of a job that is not the pair's present one is counted as stale. */
enum sp_rc lease_on_lease_closed(struct scheduler_core *s, const uint8_t *body, size_t bytes) SP_MUST_USE;
/* Effect: JobReturn; the jobs were not run, so no attempt is counted. */
enum sp_rc lease_on_job_return(struct scheduler_core *s, const uint8_t *body, size_t bytes) SP_MUST_USE;
/* Effect: the lease of the pair, just taken off the wheel, ended without an answer. */
void lease_lost(struct scheduler_core *s, uint32_t slot);

#endif
