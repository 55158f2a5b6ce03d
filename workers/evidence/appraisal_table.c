/* SPDX-License-Identifier: Apache-2.0 */
#include "appraisal.h"

/* One declaration and one row for each kind of evidence. */
extern const struct appraisal_module appraisal_tpm;
extern const struct appraisal_module appraisal_files;
extern const struct appraisal_module appraisal_ima;
extern const struct appraisal_module appraisal_procmem;

const struct appraisal_module *const appraisal_modules[] = {
    &appraisal_tpm, &appraisal_files, &appraisal_ima, &appraisal_procmem, NULL,
};
