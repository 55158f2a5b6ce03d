/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame around a daemon, the same for all of them: standard files, libcrypto, configuration, log, user, hardening, keys; then its own
 * work; then everything closed in the reverse order. What fails goes to standard error in one line. Exit codes as in the manual: 2 for
 * options and configuration, 1 for what the world has to put right.
 */
#ifndef SP_PROCESS_H
#define SP_PROCESS_H

#include "sp_conf.h"
#include "sp_err.h"
#include "sp_keys.h"
#include "sp_opt.h"

struct sp_process {
    struct sp_opt_common common; /* common.name is set when the work begins */
    struct sp_conf *conf;
    struct sp_keys *keys;
    struct sp_keys_core *core_keys; /* NULL unless asked for */
};

struct sp_process_needs {
    struct sp_opt opt; /* rows for common and whatever else the program takes */
    /* Returns the principal when --name was not given; NULL: it has to be given. err: the words for that. */
    const char *(*name)(const struct sp_conf *conf, struct sp_err *err);
    /* Returns the user to become when started by root. */
    const char *(*user)(const struct sp_conf *conf, const char *name);
    bool core_keys;
    bool exact_timers;
    uint64_t descriptors; /* 0: the work sees to them */
    /* The work. Returns the exit code; what err says is printed when it is not 0. */
    int (*serve)(struct sp_process *p, struct sp_err *err);
};

/* Effect: parses the options and refuses words that are none. False: the program ends with *code. */
bool sp_process_options(const struct sp_process_needs *needs, int argc, char **argv, int *code);
/* Effect: prints the error as one line of the program. Returns code. */
int sp_process_fail(const struct sp_process_needs *needs, const struct sp_err *err, int code);
/* Effect: everything between the options and the end of the process. p->common is filled. Returns the exit code. */
int sp_process_run(struct sp_process *p, const struct sp_process_needs *needs);

#endif
