/* SPDX-License-Identifier: Apache-2.0 */
/* worker_paths.h - directories of one worker, from the configuration. */
#ifndef SPICE_WORKER_PATHS_H
#define SPICE_WORKER_PATHS_H

#include "sp_conf.h"

struct worker_paths {
    char prefix[SP_FS_PATH_BYTES];  /* where relative paths start */
    char state[SP_FS_PATH_BYTES];   /* of this worker alone */
    char run[SP_FS_PATH_BYTES];     /* sockets */
    char libexec[SP_FS_PATH_BYTES]; /* helper programs; beside this one unless configured */
};

/* Effect: fills *out, and makes the state and run directories. */
SP_MUST_USE enum sp_rc worker_paths_find(const struct sp_conf *conf, const char *name, struct worker_paths *out,
                                         struct sp_err *err);

#endif
