/* SPDX-License-Identifier: Apache-2.0 */
/* When a pair is due: a pure function of the profile, the pair's hash and time. Nothing is drawn at start and nothing is remembered, so
 * restarts neither bunch nor shift runs (pitfalls D1, D4). Instants are microseconds of the suspend-aware monotonic clock; calendars
 * and windows are UTC and take the offset wall - mono, which the shell reads together with the time. */
#ifndef PLAN_H
#define PLAN_H

#include "check_def.h"

#define PLAN_PROMPT_SPAN_MS 30000u /* new or changed pairs run within this span, or one period if that is shorter */

/* Returns the hash of a pair from the keyed hashes of the check's name and the node's key. */
uint64_t plan_hash(uint64_t check_hash, uint64_t node_hash);
/* Returns the first due instant after `after_us`, UINT64_MAX when there is none within a year of windows or five of calendar. */
uint64_t plan_due(const struct profile_def *p, uint64_t hash, uint64_t after_us, int64_t wall_offset_us);
/* Returns an early instant for a pair that has no valid result: spread like plan_due, never later than it, never outside the windows. */
uint64_t plan_prompt(const struct profile_def *p, uint64_t hash, uint64_t now_us, int64_t wall_offset_us);
/* True when the profile allows a run now. */
bool plan_open(const struct profile_def *p, uint64_t now_us, int64_t wall_offset_us);
/* Returns the usual distance of two runs in ms, at least 1. */
uint32_t plan_typical_ms(const struct profile_def *p, uint64_t now_us, int64_t wall_offset_us);
/* Returns how many due instants lie in (due, now] (period profiles; calendars count 1 when any). For statistics. */
uint64_t plan_missed(const struct profile_def *p, uint64_t hash, uint64_t due_us, uint64_t now_us, int64_t wall_offset_us);

#endif
