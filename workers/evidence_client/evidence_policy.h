/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_policy.h - the policy of one definition: a file below the worker's policy directory, and the parameters beside it. The
 * file is looked at again as jobs start; a new content is a new policy. A file that is not there, or is somebody else's to write,
 * makes runs end with an error that says so: nothing is judged by what was there before.
 */
#ifndef SPICE_EVIDENCE_POLICY_H
#define SPICE_EVIDENCE_POLICY_H

#include <sys/stat.h>

#include "appraiser.h"
#include "sp_buf.h"
#include "sp_fs.h"

#define EVIDENCE_POLICY_LOOK_US 1000000u /* at most so often */

struct evidence_policy {
    const char *kind; /* borrowed */
    struct sp_buf params;
    char path[SP_FS_PATH_BYTES]; /* "": there is no file */
    size_t most;                 /* bytes of it */
    bool pinned;
    uint8_t pin[32];
    /* private */
    uint32_t number; /* APPRAISER_NONE: none in force, and reason and why say it */
    uint16_t reason;
    char why[SP_ADAPTER_WHY_MAX];
    uint64_t looked_us; /* 0: never */
    struct stat seen;
};

/* Effect: sets path to DIRECTORY/name. False: the name leaves the directory, or is too long; `why` says it. */
bool evidence_policy_name(struct evidence_policy *p, const char *directory, const char *name, char *why);
/* Returns the policy in force, looked at anew when it is time; APPRAISER_NONE with reason and why. */
uint32_t evidence_policy_get(struct evidence_policy *p, struct appraiser *a, uint64_t now_us);
/* Effect: gives everything up. */
void evidence_policy_fini(struct evidence_policy *p, struct appraiser *a);

#endif
