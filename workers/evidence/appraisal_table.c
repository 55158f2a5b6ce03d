/* SPDX-License-Identifier: Apache-2.0 */
#include "appraisal.h"

const struct appraisal_module *const appraisal_modules[] = {
    NULL,
};
