/* SPDX-License-Identifier: Apache-2.0 */
/* The exec adapter with real helpers and without a worker: for its suites. Fails the running cmocka test when something is wrong.
 */
#ifndef EXEC_HARNESS_H
#define EXEC_HARNESS_H

#include "adapter.h"
#include "exec_rig.h"

#define EXEC_HARNESS_SLOTS   64u
#define EXEC_HARNESS_LONG_MS 120000u /* nothing that goes well takes so long, on no machine and under no sanitizer */

extern const struct sp_adapter adapter_exec;

/* Result of a slot. */
struct exec_harness_seen {
    bool done;
    uint8_t outcome;
    uint16_t reason;
    char detail[SP_ADAPTER_DETAIL_MAX];
    char measures[SP_ADAPTER_MEASURES_MAX];
    bool evidence;
};

struct exec_harness {
    struct exec_rig rig;
    void *instance;
    char dir[64]; /* state directory, and one of plugin_dirs */
    char log[4096];
    struct sp_adapter_job job[EXEC_HARNESS_SLOTS];
    struct exec_harness_seen seen[EXEC_HARNESS_SLOTS];
    uint32_t ended;
};

/* One at a time. */
extern struct exec_harness exec_harness;

/* Effect: starts the adapter with the built test plugins; `more` is JSON of further settings, starting with a comma, or "". With
 * required, only signed plugins run. False: it does not start (why is printed). */
bool exec_harness_open(bool required, const char *more);
void exec_harness_close(void);
/* Effect: writes a manifest for a built plugin (or one given by its path) into the harness directory, signed with the key of seed
 * {1, 2, 3}. Before or after open. */
void exec_harness_sign(const char *plugin, const char *name, bool network, bool resident);
/* Effect: makes the harness directory (exec_harness_open does it as well). */
void exec_harness_dir(void);
/* Gives a compiled check (release it). */
void *exec_harness_compile(const char *json);
void exec_harness_release(void *check);
void exec_harness_start(uint32_t slot, const void *check, uint32_t timeout_ms);
/* Effect: turns the loop until slots 0..count-1 have ended; like the worker, cancels what is over its deadline. */
void exec_harness_wait(uint32_t count);
/* Effect: compiles, runs in slot 0, waits, releases. Lends the result. */
const struct exec_harness_seen *exec_harness_run(const char *json, uint32_t timeout_ms);
/* Returns how many processes of a test plugin there are. */
uint32_t exec_harness_processes(const char *plugin);
/* Effect: waits until there is none. */
void exec_harness_expect_gone(const char *plugin);

#endif
