/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that only look. */
#ifndef ADMIN_LIST_H
#define ADMIN_LIST_H

#include "admin.h"

/* Each gives a JSON value. */
json_t *admin_list_checks(const struct admin *a, const char *name);
json_t *admin_list_profiles(const struct admin *a, const char *name);
/* args: check, node, limit. */
json_t *admin_list_pairs(const struct admin *a, const json_t *args, struct sp_now now);
json_t *admin_list_stats(const struct admin *a, struct sp_now now);
/* args: job as "EPOCH-NUMBER" or a number. NULL: malformed. */
json_t *admin_list_trace(const struct admin *a, const json_t *args, struct sp_now now);
json_t *admin_list_ping(const struct admin *a, struct sp_now now);

#endif
