/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appraiser.h - the worker's appraiser (spice-appraise) as its adapters see it: one process for all of them, with many runs under
 * way.
 *
 * It is started when the first policy is given and again, after a pause, whenever it died; runs that were under way then end with
 * error and the reason internal, runs begun meanwhile wait for it. It counts as hung when it owes an answer and has said nothing
 * for `silent_ms`; then it is killed. Nothing here blocks. Lives on the worker's loop through the services of adapter.h.
 */
#ifndef SPICE_APPRAISER_H
#define SPICE_APPRAISER_H

#include "adapter.h"
#include "appraisal.h"
#include "appraise_proto.h"

#define APPRAISER_QUEUE_MAX      (64u << 20) /* bytes on their way to it; more, and runs end with the reason busy */
#define APPRAISER_RESTART_US     100000u     /* first pause before it is started again; doubles */
#define APPRAISER_RESTART_MAX_US 10000000u
#define APPRAISER_NONE           UINT32_MAX

struct appraiser;

struct appraiser_options {
    const char *program; /* path of spice-appraise; NULL: in the host's libexec_dir */
    uint32_t memory_mb;  /* its address space */
    uint32_t silent_ms;
};

/* One run; embedded by its owner, zeroed before first use, not moved until done() or appraiser_cancel(). */
struct appraiser_run {
    /* This document is wanted next: ask for it and push it. Parts of the one before are not needed any more. Lends all. */
    void (*want)(struct appraiser_run *run, const char *document, const char *args);
    /* The verdict; the run has ended and can be used again inside. `evidence` is the SHA-256 of all that was pushed, NULL when
     * nothing was judged. Lends all. */
    void (*done)(struct appraiser_run *run, const struct appraisal_verdict *verdict, const uint8_t *evidence);
    void *arg;
    /* private */
    uint64_t id; /* 0: idle */
    uint32_t document, policy;
    bool owed;   /* an answer of the appraiser */
    bool pushed; /* a whole document went in */
};

/* Who the node is; NULL ak: no TPM is enrolled. Borrowed. */
struct appraiser_who {
    uint8_t mode;
    struct sp_str ak, signer;
    const uint8_t *ek;
};

struct appraiser_numbers {
    uint64_t runs, lost, restarts, hung;
    uint32_t under_way, landlock;
    bool up;
};

/* Effect: gives the worker's one appraiser, shared by all who ask with the same host; the first one's options count. False: `why`
 * (SP_ADAPTER_WHY_MAX) says what is missing. */
bool appraiser_open(const struct sp_adapter_host *host, const struct appraiser_options *options, struct appraiser **out, char *why);
/* Effect: gives it up; with the last one it ends. No run is under way. */
void appraiser_close(struct appraiser **appraiser);

/* Effect: hands a policy over (appraisal.h); the same one twice is one. Whether it is good is found out there: runs with a bad one
 * end with error, reason bad_parameters and what is wrong. Gives its number; APPRAISER_NONE: no memory, or too many. */
uint32_t appraiser_policy(struct appraiser *a, const char *kind, struct sp_str params, struct sp_str policy);
/* Effect: gives it up. Runs that were begun with it may go on. */
void appraiser_policy_release(struct appraiser *a, uint32_t policy);

/* What a run is about. Borrowed for the call. */
struct appraiser_question {
    struct sp_str node, checkpoint;
    const uint8_t *nonce; /* APPRAISAL_NONCE_BYTES, random, used once */
    uint64_t now_s;
};
/* Effect: begins; want() or done() follows, not from within. False: too many runs at once. */
bool appraiser_begin(struct appraiser *a, struct appraiser_run *run, uint32_t policy, const struct appraiser_question *question);
/* Effect: tells who the node is, once, before the first part. */
void appraiser_identify(struct appraiser *a, struct appraiser_run *run, const struct appraiser_who *who);
/* Effect: the next bytes of the document that was wanted; after the last ones want() or done() follows. False: more is on its way
 * than it can take: give the run up. */
bool appraiser_push(struct appraiser *a, struct appraiser_run *run, struct sp_str bytes, bool last);
/* Effect: forgets the run: nothing is called any more. No-op when it is idle. */
void appraiser_cancel(struct appraiser *a, struct appraiser_run *run);

struct appraiser_numbers appraiser_numbers(const struct appraiser *a);

#endif
