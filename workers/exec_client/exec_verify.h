/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_verify.h - tries a plugin against its contract, in the sandbox it will run in: is it signed, does it end as it should, with
 * one line and measures that can be read; what does it do with closed input, without network, with no time, with more output than
 * allowed; does it leave something behind; does it answer when it is resident.
 *
 * For spicectl check verify. Blocks for at most a few times the timeout.
 */
#ifndef EXEC_VERIFY_H
#define EXEC_VERIFY_H

#include "exec_plugin.h"

#define EXEC_VERIFY_FINDINGS_MAX 24u
#define EXEC_VERIFY_NAME_BYTES   24u
#define EXEC_VERIFY_TEXT_BYTES   1280u

enum exec_verify_level {
    EXEC_VERIFY_OK,   /* as it should be */
    EXEC_VERIFY_NOTE, /* works, but somebody should look */
    EXEC_VERIFY_BAD   /* against the contract */
};

struct exec_verify_finding {
    enum exec_verify_level level;
    char name[EXEC_VERIFY_NAME_BYTES]; /* stable, for programs: signed run repeat input time output network left resident */
    char text[EXEC_VERIFY_TEXT_BYTES]; /* one clean line for people */
};

struct exec_verify_options {
    const char *libexec_dir; /* where spice-exec is */
    const char *const *dirs; /* manifest directory and plugin_dirs, NULL-ended */
    const char *const *keys; /* public keys that may sign, hexadecimal, NULL-ended; may be NULL */
    bool required;           /* an unsigned plugin is BAD; else only noted */
    const char *plugin;      /* its name */
    const char *const *args; /* as the plugin gets them */
    uint32_t args_count;
    uint32_t timeout_ms; /* of one run */
    const char *node;    /* resident plugins are told it */
    const char *address;
    uint32_t uid, gid; /* as in exec_pool.h */
};

/* Effect: fills findings and *count. Needs sp_crypto_init. SP_OK: it was tried (the findings judge it); else err says why it could
 * not be. Borrows all. */
SP_MUST_USE enum sp_rc exec_verify_run(const struct exec_verify_options *options, struct exec_verify_finding *findings,
                                       uint32_t *count, struct sp_err *err);
/* Lends: "ok", "note", "bad". */
const char *exec_verify_level_name(enum exec_verify_level level);

#endif
