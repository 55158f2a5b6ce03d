/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of operators: the verbs check.*, profile.*, pairs.list, stats.get, trace.get and ping. A change is validated, stored, applied
 * and answered, in this order; with "dry_run" it is validated and answered only. A change whose request id is not above the operator's
 * last one is refused, over restarts too. A change is stored together with its act for the keeper's audit (store.h), a refused one leaves its
 * act alone; while STORE_ACTS_MAX acts wait for the keeper, nothing is changed. */
#ifndef ADMIN_H
#define ADMIN_H

#include "catalog.h"
#include "scheduler_core.h"
#include "store.h"

#define ADMIN_ROWS_MAX 10000u /* of pairs.list */

struct admin {
    struct scheduler_core *core;
    struct catalog *catalog;
    struct store *store;
    const char *name; /* our principal */
    struct sp_mono started;
    void *shell;
    /* Effect: steps the core with the event and performs what comes out. */
    enum sp_rc (*apply)(void *shell, struct scheduler_core_event *event);
    struct catalog_change change; /* scratch */
};

/* Gives the answer (never NULL unless memory is out) and returns its code. Borrows the rest. */
enum sp_refusal admin_answer(struct admin *a, const struct msg_admin_request *request, const char *operator_name, struct sp_now now,
                             json_t **answer);
/* Effect: applies a stored definition at start. */
bool admin_restore(struct admin *a, struct sp_err *err);

#endif
