/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference_file.h - reference values as people write them (YAML): what is quoted, what must follow from the boot log, and profiles
 * with their time. Errors name file, line, column and the nearest right word.
 *
 *     reference: 1
 *     quote: sha256:0-9            # default: what the profiles name, and what must follow from the boot log
 *     boot_log: {judge: required, pcrs: 0-7, separators: true}
 *     profiles:
 *       - name: r650-bios-2.4
 *         from: 2026-11-01         # in force from then on; default: always
 *         until: 2027-05-01        # and before then; default: no end
 *         firmware: 0001000200030004  # of the TPM; default: any
 *         pcrs:
 *           sha256:
 *             0: 3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969
 */
#ifndef SPICE_REFERENCE_FILE_H
#define SPICE_REFERENCE_FILE_H

#include "reference.h"
#include "sp_err.h"

#define REFERENCE_PROFILES_MAX 512u
#define REFERENCE_NAME_BYTES   65u
#define REFERENCE_FILE_BYTES   (4u << 20)
#define REFERENCE_RESETTABLE   (1u << 16 | 1u << 23) /* PCRs that the running system may set to zero: they prove nothing */
#define REFERENCE_LOG_PCRS     0x00ffu               /* must follow from the boot log unless the file says otherwise */

struct reference_file {
    struct tpm_selection quote;
    bool log_required;
    bool log_separators;
    uint32_t log_pcrs; /* bit i: PCR i must follow from the boot log; 0 when it is not judged */
    struct reference_set set;
    char (*name)[REFERENCE_NAME_BYTES]; /* of each profile */
};

/* Effect: reads and checks. Gives *out. SP_E_MALFORMED, SP_E_INVALID, SP_E_LIMIT, SP_E_NOMEM with *err. */
SP_MUST_USE enum sp_rc reference_file_parse(const char *file, struct sp_str text, struct reference_file **out, struct sp_err *err);
void reference_file_destroy(struct reference_file **f);

#endif
