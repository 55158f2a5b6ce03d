/* SPDX-License-Identifier: Apache-2.0 */
/* What people read: nodes, pools, results, history, audit and explanations as JSON. Nothing here changes anything. Each gives a value, or
 * refuses through the act. */
#ifndef KEEPER_VIEWS_H
#define KEEPER_VIEWS_H

#include "keeper_admin.h"

json_t *keeper_views_nodes(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_views_pools(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_views_results(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_views_history(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_views_audit(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_views_verify(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_views_explain(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_views_trace(struct nodes_shell *s, struct keeper_act *act);
json_t *keeper_views_status(struct nodes_shell *s, struct keeper_act *act);

#endif
