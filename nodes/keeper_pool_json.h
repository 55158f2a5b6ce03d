/* SPDX-License-Identifier: Apache-2.0 */
/* Pools as JSON objects, as definitions write them and as the store keeps them:
 * {name, selector, mandatory [..], advisory [..], groups [{k, of [..]}], hold_down "5m", accept_warn, trait}. Unknown keys are refused. */
#ifndef KEEPER_POOL_JSON_H
#define KEEPER_POOL_JSON_H

#include <jansson.h>

#include "pool_policy.h"
#include "sp_err.h"

#define KEEPER_POOL_JSON_BYTES_MAX 65536u

/* Effect: *out = the pool. SP_E_INVALID with what, where and a hint. Borrows all. */
SP_MUST_USE enum sp_rc keeper_pool_json_read(const json_t *object, struct pool_policy *out, struct sp_err *err);
SP_MUST_USE enum sp_rc keeper_pool_json_read_text(struct sp_str text, struct pool_policy *out, struct sp_err *err);
/* Gives the object that keeper_pool_json_read takes; NULL without memory. */
json_t *keeper_pool_json_write(const struct pool_policy *p);

#endif
