/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adapter_rig - runs one adapter without a fleet: the real loop, the real services, deadlines as the worker keeps them, and a record of
 * every result. It aborts when an adapter breaks the contract (two results, a result after cancel, an outcome that does not exist).
 */
#ifndef ADAPTER_RIG_H
#define ADAPTER_RIG_H

#include "adapter.h"
#include "worker_host.h"

#define RIG_JOBS 8192u

struct rig_result {
    bool done;      /* a result came, or the rig cancelled */
    bool cancelled; /* by the rig: deadline or rig_cancel */
    unsigned finishes;
    uint8_t outcome;
    uint16_t reason;
    char detail[4096]; /* as given, so that a test sees what the worker would have to cut */
    char measures[4096];
    bool has_evidence;
    uint8_t checkpoint[SP_ADAPTER_CHECKPOINT_MAX];
    size_t checkpoint_len;
    uint64_t instance;
    uint64_t took_us;
};

struct rig;

/* A question to the attester of a node, and what it answers. */
struct rig_question {
    const char *node, *kind, *args;
    const uint8_t *nonce; /* 32 bytes */
};
struct rig_answer {
    bool silent;     /* nothing comes, for ever */
    uint16_t reason; /* not ok: the question ends with it */
    const char *detail;
    const struct sp_adapter_identity *who;
    const uint8_t *bytes; /* lent until the next answer */
    size_t n;
    size_t part; /* bytes of one part; 0: all at once */
};
/* Fills *out, which is zeroed. Called from the loop, never from within ask(). */
typedef void rig_attester(void *arg, const struct rig_question *question, struct rig_answer *out);

/* Directory of helper programs of the rigs opened from now on; NULL: the build's. Borrowed. */
void rig_libexec(const char *dir);
/* Gives a rig as rig_open does, whose questions this attester answers. */
struct rig *rig_open_attested(const struct sp_adapter *adapter, const char *settings, rig_attester *attester, void *arg);
/* Gives a rig with the adapter started; settings is JSON ("{}"). libexec: directory of helper programs, NULL: the build's. Aborts with the
 * adapter's words when it does not start. */
struct rig *rig_open(const struct sp_adapter *adapter, const char *settings);
void rig_close(struct rig **rig);
/* Lends: the private directory of the rig, its prefix; what a test puts there it takes away. */
const char *rig_dir(const struct rig *rig);
/* Gives the compiled form of JSON parameters; NULL: refused, *why lends the reason until the next call. */
void *rig_compile(struct rig *rig, const char *json, const char **why);
void rig_release(struct rig *rig, void *check);
/* Effect: starts a job; returns its number (slots are never used twice in one rig). checkpoint may be NULL. */
unsigned rig_start(struct rig *rig, void *check, const char *node, const char *address, uint32_t timeout_ms);
unsigned rig_start_from(struct rig *rig, void *check, const char *node, const uint8_t *checkpoint, size_t n, uint32_t timeout_ms);
/* Effect: ends the turn in which jobs were started, then turns the loop until every started job is done. */
void rig_finish_all(struct rig *rig);
/* Effect: turns the loop for at most this time, or until every started job is done. */
void rig_run(struct rig *rig, uint32_t ms);
/* Effect: cancels a job as the worker would. */
void rig_cancel(struct rig *rig, unsigned job);
const struct rig_result *rig_result(const struct rig *rig, unsigned job);
struct sp_loop *rig_loop(struct rig *rig);
unsigned rig_open_jobs(const struct rig *rig);

#endif
