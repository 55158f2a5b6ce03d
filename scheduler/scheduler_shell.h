/* SPDX-License-Identifier: Apache-2.0 */
/* Around the core: turns messages, time and operators' requests into events and performs the effects, in order. No policy. */
#ifndef SCHEDULER_SHELL_H
#define SCHEDULER_SHELL_H

#include "sp_conf.h"
#include "sp_keys.h"
#include "sp_loop.h"
#include "sp_notify.h"

struct scheduler_shell;

struct scheduler_shell_options {
    struct sp_loop *loop; /* all borrowed for the life of the shell */
    const struct sp_conf *conf;
    const struct sp_keys *keys;
    struct sp_keys_core *core_keys;
    struct sp_notify *notify;
    const char *name;
};

/* Effect: opens the store, takes the next epoch, loads the definitions, connects. Gives *out. */
SP_MUST_USE enum sp_rc scheduler_shell_open(const struct scheduler_shell_options *options, struct scheduler_shell **out,
                                            struct sp_err *err);
/* Effect: says good-bye, closes the store, nulls. */
void scheduler_shell_close(struct scheduler_shell **self);
struct sp_mono scheduler_shell_deadline(const struct scheduler_shell *self);
void scheduler_shell_tick(struct scheduler_shell *self, const struct sp_now *now);
/* Effect: reads principals.yaml again. */
void scheduler_shell_reload(struct scheduler_shell *self);
/* True after the store failed: what is stored cannot be trusted, the process has to start again. */
bool scheduler_shell_failed(const struct scheduler_shell *self);

#endif
