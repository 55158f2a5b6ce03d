/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator did, in the words of the audit: object, before, after, why. */
#ifndef ADMIN_ACT_H
#define ADMIN_ACT_H

#include "catalog.h"
#include "store.h"

struct admin_act {
    char object[REC_ACT_OBJECT_MAX + 1], before[REC_ACT_BEFORE_MAX + 1], after[REC_ACT_AFTER_MAX + 1], why[REC_ACT_WHY_MAX + 1];
};

/* Effect: the text, cut where a character ends when it is too long. Borrows both. */
void admin_act_text(char *to, size_t size, const char *text);
/* Effect: a check becomes this; old NULL: there was none, new NULL: there will be none. why names what of the definition changes. */
void admin_act_check(struct admin_act *a, const struct catalog_check *old, const struct catalog_change *new);
/* The same for a profile. */
void admin_act_profile(struct admin_act *a, const struct catalog_profile *old, const struct catalog_change *new);
/* Effect: nothing was done. */
void admin_act_refused(struct admin_act *a, uint8_t code, const char *why);
/* Lends the row for the store. */
struct store_act admin_act_row(const struct admin_act *a, struct sp_str what, const char *actor, struct sp_wall at);

#endif
