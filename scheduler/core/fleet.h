/* SPDX-License-Identifier: Apache-2.0 */
/* Which pairs there are: checks x nodes by selector, kept in step with both, and re-planned when a definition or profile changes. */
#ifndef FLEET_H
#define FLEET_H

#include "scheduler_core.h"

/* Effect: creates and removes pairs of one check so that they fit its selector, state and the nodes. fresh: new pairs run soon.
 * SP_E_LIMIT, SP_E_NOMEM: as many as there was room for. O(nodes + pairs). */
enum sp_rc fleet_fit_check(struct scheduler_core *s, uint32_t check, bool fresh) SP_MUST_USE;
/* The same for one node. O(checks). */
enum sp_rc fleet_fit_node(struct scheduler_core *s, uint32_t node, bool fresh) SP_MUST_USE;
/* Effect: takes away all pairs of the check or node, ad-hoc ones too. */
void fleet_clear_check(struct scheduler_core *s, uint32_t check);
void fleet_clear_node(struct scheduler_core *s, uint32_t node);
/* Effect: what runs left for the next ones is gone, and runs that are out leave nothing. Who wrote it is not known: one worker's is
 * another's beginning. */
void fleet_forget(struct scheduler_core *s);
/* Effect: pairs that are not out are planned anew by the profile in force: keeping their phase, or soon (prompt). */
void fleet_replan_check(struct scheduler_core *s, uint32_t check, bool prompt);
void fleet_replan_node(struct scheduler_core *s, uint32_t node, bool prompt);
/* Effect: planned pairs of the node run soon, as new ones do, if that is earlier than now planned. */
void fleet_advance_node(struct scheduler_core *s, uint32_t node);
/* Effect: every planned pair anew that runs by this profile (CHECKS_NONE: any). */
void fleet_replan_profile(struct scheduler_core *s, uint32_t profile);
/* Effect: every planned pair anew whose due time follows the wall clock. */
void fleet_replan_calendars(struct scheduler_core *s);
/* Effect: run-now of one pair, made for the occasion if need be. SP_E_EXISTS: runs already; SP_E_LIMIT, SP_E_NOMEM. */
enum sp_rc fleet_run(struct scheduler_core *s, uint32_t check, uint32_t node, bool test) SP_MUST_USE;
/* Effect: takes the pair out of wheel, queue or lease count (then others may move on) and leaves it PLANNED but in no list. */
void fleet_withdraw(struct scheduler_core *s, uint32_t slot);
/* Effect: pairs of the check (CHECKS_NONE: of all) that wait in queues fall due anew; to be called before anything changes that decides
 * where they wait: profile, route. */
void fleet_unqueue(struct scheduler_core *s, uint32_t check);
/* Effect: the pair, in no list, stands behind the others that a cap of its check (PAIRS_HELD_CHECK) or of its node (PAIRS_HELD_NODE) holds back. */
void fleet_hold(struct scheduler_core *s, uint32_t slot, enum pairs_state state);
/* Effect: a place has become free: the first pair that waited for a cap of this check or node moves on. */
void fleet_release(struct scheduler_core *s, uint32_t check, uint32_t node);
/* Effect: the pair, in no list, waits for credit on its route. */
void fleet_queue(struct scheduler_core *s, uint32_t slot);
/* Effect: frees the pair. */
void fleet_drop(struct scheduler_core *s, uint32_t slot);
/* Effect: planned for `due`. */
void fleet_plan(struct scheduler_core *s, uint32_t slot, uint64_t due_us);
/* Returns the pair's hash for plan.h. */
uint64_t fleet_hash(const struct scheduler_core *s, const struct pairs_pair *p);
const struct profile_def *fleet_profile(const struct scheduler_core *s, const struct pairs_pair *p);

#endif
