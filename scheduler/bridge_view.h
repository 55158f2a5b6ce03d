/* SPDX-License-Identifier: Apache-2.0 */
/* What a bridge may look at: checks and profiles. The table is of its own and knows functions of admin_list.h only, which change
 * nothing. */
#ifndef BRIDGE_VIEW_H
#define BRIDGE_VIEW_H

#include "admin.h"

/* Gives the answer (NULL: no memory) and returns its code. Borrows the rest. */
enum sp_refusal bridge_view_answer(const struct admin *a, const struct msg_view_request *request, json_t **answer);

#endif
