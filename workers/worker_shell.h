/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_shell.h - a worker process around its core: messages in, adapters, results out. It decides nothing: worker_core says
 * what to start, cancel, report and grant; sender brings results to the keeper. One thread, the loop's.
 */
#ifndef SPICE_WORKER_SHELL_H
#define SPICE_WORKER_SHELL_H

#include "adapter.h"
#include "sp_bus.h"
#include "sp_conf.h"
#include "sp_keys.h"
#include "sp_loop.h"
#include "sp_notify.h"

#define WORKER_SHELL_TURNS_MAX 64u   /* steps of the core in one turn of the loop */
#define WORKER_SHELL_WAITING   2048u /* jobs accepted beyond the running ones, at most */

struct worker_shell;

struct worker_shell_options {
    struct sp_loop *loop; /* all borrowed for the life of the shell */
    const struct sp_conf *conf;
    const struct sp_keys *keys;
    const char *name;
    const struct sp_adapter *const *adapters; /* ends with NULL: the build's table, or a test's */
    struct sp_notify *notify;                 /* may be NULL */
};

/* Effect: starts adapters, outbox and bus. Gives *out. Errors name what and where. */
SP_MUST_USE enum sp_rc worker_shell_open(const struct worker_shell_options *options, struct worker_shell **out, struct sp_err *err);
/* Effect: says Bye, stops the adapters, closes the outbox (what is unanswered stays on disk), nulls. */
void worker_shell_close(struct worker_shell **self);
/* Effect: takes nothing new, gives back what waits, cancels what still runs after `within_ms`, stops the loop when all results are
 * answered or `within_ms` more have passed. */
void worker_shell_drain(struct worker_shell *self, uint64_t within_ms);
/* For the loop: when worker_shell_tick wants to run, and the work of one turn. */
/* Effect: reads principals.yaml again. */
void worker_shell_reload(struct worker_shell *self);
struct sp_mono worker_shell_deadline(const struct worker_shell *self);
void worker_shell_tick(struct worker_shell *self, const struct sp_now *now);

#endif
