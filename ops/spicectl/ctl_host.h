/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host has of a fleet: its configuration, its principals and the key files. Loaded at first need, kept for the run.
 */
#ifndef CTL_HOST_H
#define CTL_HOST_H

#include "ctl.h"

#include "sp_conf.h"

/* Path of the configuration: --config, $SPICE_CONFIG, or the default. Lends. */
const char *ctl_host_config(const struct ctl *ctl);

/* The configuration; false: err says why. Lends. */
bool ctl_host_conf(struct ctl *ctl, const struct sp_conf **out, struct sp_err *err);

/* The principals of the file; false: err says why. Lends. */
bool ctl_host_principals(struct ctl *ctl, const struct sp_conf_principals **out, struct sp_err *err);

/* Name of the operator this run acts as: --name, or the first operator among the principals whose key is on this host. False:
 * err says why. Lends. */
bool ctl_host_operator(struct ctl *ctl, const char **out, struct sp_err *err);

/* Prints err and returns the exit code that fits rc-less failures of configuration (CTL_FAILED). Borrows. */
int ctl_host_fail(struct ctl *ctl, const struct sp_err *err);

/* Releases what was loaded. */
void ctl_host_close(struct ctl *ctl);

#endif
