/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of action_core share. */
#ifndef ACTION_PARTS_H
#define ACTION_PARTS_H

#include "action_core.h"

/* The brake for one more service to be disabled. */
enum action_hold action_brake_disable(const struct action_core *c, struct sp_mono now);
/* True when somebody wants it disabled and has for long enough. */
bool action_wanted(const struct action_core *c, struct sp_mono now, const struct action_want *w);
/* Index of the record of a host; ACTION_NONE. */
uint32_t action_record_of(const struct action_core *c, const char *host);
/* Effect: forgets a record. The last one takes its place. */
void action_record_drop(struct action_core *c, uint32_t index);
/* Effect: notes what happened; the newest are lost when nobody takes them. */
void action_tell(struct action_core *c, enum action_what what, const struct action_record *r);

#endif
