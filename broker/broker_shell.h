/* SPDX-License-Identifier: Apache-2.0 */
/* The broker process around its core: ROUTER socket, admission thread, self-probe, memory watch, statistics. */
#ifndef BROKER_SHELL_H
#define BROKER_SHELL_H

#include "sp_conf.h"
#include "sp_keys.h"

struct broker_shell_options {
    const struct sp_conf *conf; /* borrowed for the call */
    const struct sp_keys *keys;
    const char *name; /* our principal */
};

/* Effect: runs until a signal ends it. Returns the exit code of the process; reasons are logged. */
int broker_shell_run(const struct broker_shell_options *options);

#endif
