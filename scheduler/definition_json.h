/* SPDX-License-Identifier: Apache-2.0 */
/* One definition: from an operator's JSON to check_def or profile_def, strictly. Unknown keys are refused with the nearest right word;
 * every limit is checked here, so that the core never meets a definition it cannot hold. */
#ifndef DEFINITION_JSON_H
#define DEFINITION_JSON_H

#include <jansson.h>

#include "check_def.h"
#include "sp_err.h"

#define DEFINITION_JSON_PARAMS_MAX     16384u /* bytes of the parameters as compact JSON */
#define DEFINITION_JSON_TIMEOUT_MS_MAX 3600000u
#define DEFINITION_JSON_AGE_MS_MAX     (30u * 86400000u)
#define DEFINITION_JSON_RETRIES_MAX    10u
#define DEFINITION_JSON_COUNT_MAX      1000u /* rise and fall */
#define DEFINITION_JSON_CAP_MAX        1000000u

/* Effect: fills *def (but id, revision, digest, body) from the object; gives the complete definition with defaults filled in as *full,
 * which reads back to the same. Borrows json. */
SP_MUST_USE enum sp_rc definition_json_check(const json_t *json, struct check_def *def, json_t **full, struct sp_err *err);
SP_MUST_USE enum sp_rc definition_json_profile(const json_t *json, struct profile_def *def, json_t **full, struct sp_err *err);
/* True when something in it is null: a key without a value, which must not pass for one that was not given. Borrows. */
bool definition_json_has_null(const json_t *json);
/* Gives the list of names of a category mask. */
json_t *definition_json_categories(uint16_t mask);

#endif
