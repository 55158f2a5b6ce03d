/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attester_shell.h - the part of the attester on the bus (the front): questions in, parts of documents out. It decides nothing:
 * attester_core says what is made and who gets what, the back makes it. One thread, the loop's.
 */
#ifndef SPICE_ATTESTER_SHELL_H
#define SPICE_ATTESTER_SHELL_H

#include "sp_bus.h"
#include "sp_conf.h"
#include "sp_keys.h"
#include "sp_loop.h"
#include "sp_notify.h"

struct attester_shell;

struct attester_shell_options {
    struct sp_loop *loop; /* all borrowed for the life of the shell */
    const struct sp_conf *conf;
    const struct sp_keys *keys;
    const char *name;
    int back_fd;              /* the front's end of the socket to the back */
    struct sp_notify *notify; /* may be NULL */
};

/* Effect: opens the bus. Gives *out. */
SP_MUST_USE enum sp_rc attester_shell_open(const struct attester_shell_options *options, struct attester_shell **out,
                                           struct sp_err *err);
/* Effect: says Bye, lets all documents go, nulls. */
void attester_shell_close(struct attester_shell **self);
/* Effect: reads principals.yaml again. */
void attester_shell_reload(struct attester_shell *self);
/* For the loop. */
struct sp_mono attester_shell_deadline(const struct attester_shell *self);
void attester_shell_tick(struct attester_shell *self, const struct sp_now *now);
/* True when the loop was stopped because the back is gone. */
bool attester_shell_failed(const struct attester_shell *self);

#endif
