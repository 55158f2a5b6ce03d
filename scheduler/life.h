/* SPDX-License-Identifier: Apache-2.0 */
/* How long a result must live under a profile: as long as three runs in a row of one pair can take, so that a lost one ends no trust.
 * Pure; the work is bounded whatever the profile says. */
#ifndef LIFE_H
#define LIFE_H

#include "check_def.h"

#define LIFE_RUNS  3u
#define LIFE_NEVER UINT64_MAX /* a pair may never run */

/* Returns the longest time in ms from one run to the third after it: three periods; with a calendar the longest such time in five years;
 * with windows the time they are closed counts too. LIFE_NEVER when no run is sure to come. Jitter does not count. */
uint64_t life_need_ms(const struct profile_def *p);

#endif
