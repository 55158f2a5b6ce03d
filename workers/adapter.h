/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adapter.h - the contract between the worker and an adapter (one kind of check).
 *
 * An adapter is one file adapters/STEM.c that defines one constant `const struct sp_adapter adapter_STEM`; the build
 * lists the folder and finds it. The worker has one thread and one loop: an adapter never blocks. It starts a job,
 * watches descriptors and timers through the host services, and finishes the job exactly once.
 *
 * The deadline belongs to the worker's slot, not to the adapter: when it passes, the worker calls cancel() and reports
 * the timeout itself. After finish(), or once cancel() was called, the adapter does not touch that job again.
 */
#ifndef SPICE_ADAPTER_H
#define SPICE_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "param.h" /* struct sp_param, struct sp_param_value: the rows of a parameter table and their values */

#define SP_ADAPTER_NAME_MAX       32u   /* characters of an adapter's name */
#define SP_ADAPTER_DETAIL_MAX     1024u /* bytes of a result's detail; the worker cuts what is longer */
#define SP_ADAPTER_MEASURES_MAX   1024u /* bytes of a result's measures; the worker drops what is longer */
#define SP_ADAPTER_CHECKPOINT_MAX 1024u
#define SP_ADAPTER_WHY_MAX        256u /* bytes of an explanation, with its NUL */

/* ---- jobs and results ------------------------------------------------------------------------------------------ */

/* A running check. Owned by the worker, lent to the adapter from start() until finish() or cancel(). */
struct sp_adapter_job {
    void *priv;                /* the adapter's own; NULL at start() */
    const void *check;         /* what compile() returned for the definition of this check */
    uint32_t slot;             /* number of the slot, < host->slots: adapters may keep arrays by it */
    uint32_t timeout_ms;       /* as ordered */
    uint64_t deadline_us;      /* loop time at which the worker will cancel */
    const char *node;          /* name of the node, NUL-terminated */
    const char *address;       /* where to reach it; the name when none was given */
    const uint8_t *ticket;     /* of the wire, SP_TICKET_BYTES: who asked, when; for logs; NULL in rigs without a bus */
    const uint8_t *checkpoint; /* what the last run of this (check, node) pair left */
    size_t checkpoint_len;
};

/* Outcome of one job; all pointers borrowed by finish(). */
struct sp_adapter_result {
    uint8_t outcome;         /* enum sp_outcome of msg.h */
    uint16_t reason;         /* enum sp_reason of msg.h */
    const char *detail;      /* one line for people; NULL: empty; control characters and bad UTF-8 are replaced */
    const char *measures;    /* performance data "label=value[unit];warn;crit;min;max ..."; NULL: empty */
    const uint8_t *evidence; /* SHA-256 (32 bytes) of the raw evidence, or NULL */
    const uint8_t *checkpoint;
    size_t checkpoint_len;
    uint64_t instance; /* reset counter << 32 | restart counter of the node's TPM when it made the evidence; 0: not known */
};

/* ---- services of the worker ------------------------------------------------------------------------------------ */

#define SP_ADAPTER_IN  1u /* readable, or hung up */
#define SP_ADAPTER_OUT 2u /* writable */
#define SP_ADAPTER_ERR 4u /* reported only */

/* A watched descriptor; embed it. The adapter owns the descriptor and removes the watch before closing it. */
struct sp_adapter_watch {
    int fd;
    void (*ready)(struct sp_adapter_watch *watch, uint32_t events); /* level-triggered */
    void *arg;
    uint32_t events; /* private to the host; 0: not watched */
    uint32_t index;  /* private to the host */
};

/* A one-shot timer; embed it, zeroed. */
struct sp_adapter_timer {
    void (*fire)(struct sp_adapter_timer *timer);
    void *arg;
    uint64_t at_us; /* private to the host; 0: not set */
    uint32_t index; /* private to the host */
};

/* Who a node's attester and its TPM are, as enrolment left them and the keeper signed. Borrowed. */
struct sp_adapter_identity {
    uint32_t generation; /* of the node */
    uint8_t mode;        /* enum sp_enrolment of msg.h; never none */
    const uint8_t *ak;   /* TPM2B_PUBLIC of the attestation key; NULL: no TPM is enrolled for the node */
    size_t ak_len;
    const uint8_t *ek; /* 32 bytes: SHA-256 of the endorsement key's certificate, or of the key with first use; NULL: no TPM */
};

/* One part of a document, or the end of the question. Borrowed. */
struct sp_adapter_part {
    uint16_t reason;    /* enum sp_reason of msg.h; not ok: the question has ended, and the fields from `bytes` on are empty */
    const char *detail; /* with a reason, for people; may be empty */
    const struct sp_adapter_identity *who; /* NULL with a reason that came before it was known */
    const uint8_t *bytes;                  /* sealed by the node's own attester as its answer to this very question */
    size_t n;
    uint64_t offset; /* of bytes in the document; the one before ended here */
    uint64_t total;  /* bytes of the document; the same in every part */
    bool last;       /* the question has ended */
};

/* What an attester is asked for. Borrowed for the call. */
struct sp_adapter_question {
    const char *kind;     /* of the document: "quote", "ima" ... */
    const char *args;     /* a JSON object */
    const uint8_t *nonce; /* 32 bytes, fresh */
};

/* A question to the attester of a job's node; embed it, zeroed. One question at a time; it may be used again when it has ended. */
struct sp_adapter_ask {
    void (*part)(struct sp_adapter_ask *ask, const struct sp_adapter_part *part);
    void *arg;
    uint32_t index; /* private to the host; 0: nothing is asked */
};

/* Services the worker gives to an adapter; valid from init() to fini(). `self` is always the first argument. */
struct sp_adapter_host {
    void *self;
    uint32_t slots;          /* most jobs at once */
    const char *prefix;      /* directory relative paths of settings and parameters start from */
    const char *state_dir;   /* private directory of this worker, exists */
    const char *run_dir;     /* directory for sockets, exists */
    const char *libexec_dir; /* where helper programs (spice-exec) are */

    /* Time of this turn of the loop in microseconds (monotonic), read once per turn. */
    uint64_t (*now_us)(void *self);
    /* Watches, changes, or (events 0) forgets a descriptor. False: the kernel refused. */
    bool (*watch)(void *self, struct sp_adapter_watch *watch, uint32_t events);
    /* Sets the timer to fire at `at_us` (not before the next turn when that is past); 0 stops it. */
    void (*timer)(void *self, struct sp_adapter_timer *timer, uint64_t at_us);
    /* Ends a job. Borrows `result`. Allowed inside start(). The job is gone when it returns. */
    void (*finish)(void *self, struct sp_adapter_job *job, const struct sp_adapter_result *result);
    /* Writes `text` with {node} and {address} replaced, NUL-terminated, to out. Refuses (false) a text that does not fit
     * and a name with other characters than letters, digits and . _ - : [ ] % so that it can neither leave its place in a
     * URL nor become an option. */
    bool (*expand)(void *self, const struct sp_adapter_job *job, const char *text, char *out, size_t out_cap);
    /* Asks the attester of the job's node for a document. Parts come through part() in their order, and the next one is asked for when
     * part() returned; the question ends with the part that is `last`, exactly once, or with ask_stop(). part() is never called from
     * within ask(). Why it ended otherwise:
     *   not_enrolled  the keeper knows no attester for this node
     *   unreachable   the attester is not connected, or did not answer before the job's deadline was near
     *   busy          the attester had too many questions at once, until the deadline was near
     *   protocol      an answer that is sealed by the node's attester and does not fit the question
     *   internal      there is no key for questions to the attester: it was revoked, or its row has no good one
     *   others        as the attester said
     * An answer that is not sealed by the node's attester for this question is dropped and counted; it ends nothing. */
    void (*ask)(void *self, const struct sp_adapter_job *job, struct sp_adapter_ask *ask,
                const struct sp_adapter_question *question);
    /* Ends a question without an answer: part() is not called any more. Allowed within part(), and when nothing is asked. An adapter
     * calls it in cancel() and before finish(). */
    void (*ask_stop)(void *self, struct sp_adapter_ask *ask);
    /* One line to the worker's log; level 'e' error, 'w' warning, 'n' notice, 'd' debug. */
    void (*log)(void *self, char level, const char *text);
};

/* ---- the descriptor -------------------------------------------------------------------------------------------- */

struct sp_adapter {
    const char *name;    /* as written in checks; the same as the file's stem */
    const char *summary; /* one line */
    bool batch;          /* true: collects jobs in start() and sends many at once in turn() */
    const char *needs;   /* privileges and files it needs, for people; "" = none */

    const struct sp_param *params; /* of a check */
    size_t params_count;
    const struct sp_param *settings; /* of the adapter on this host (worker configuration, adapters.NAME) */
    size_t settings_count;

    /* Starts the adapter. Borrows `host` until fini() and `settings` for the call. Gives *instance. False: it cannot work
     * here; `why` (SP_ADAPTER_WHY_MAX bytes) says the reason and the worker does not announce it. */
    bool (*init)(const struct sp_adapter_host *host, const struct sp_param_value *settings, void **instance, char *why);
    /* Stops it. No job is running. Takes the instance. */
    void (*fini)(void *instance);
    /* Turns the parameters of one definition into the adapter's own form, once per definition. Gives the result; NULL:
     * they contradict each other and `why` says how. May be NULL: no parameters. */
    void *(*compile)(void *instance, const struct sp_param_value *params, char *why);
    /* Releases what compile() gave; no job uses it any more. */
    void (*release)(void *instance, void *check);
    /* Starts one job. Never fails: what goes wrong is finished with outcome error and a reason. */
    void (*start)(void *instance, struct sp_adapter_job *job);
    /* Stops one job at once; whatever it holds is freed or no longer points to the job. finish() is not called. */
    void (*cancel)(void *instance, struct sp_adapter_job *job);
    /* Called once at the end of a turn of the loop in which jobs were started: time to send what start() collected.
     * May be NULL. */
    void (*turn)(void *instance);
};

/* The table the build makes from the folder adapters/; ends with NULL. */
extern const struct sp_adapter *const sp_adapters[];

#endif
