/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appraisal.h - what a kind of evidence brings to spice-appraise, the program without network and files that judges hostile bytes.
 *
 * A module is one file appraisal_STEM.c in this folder that defines one constant `const struct appraisal_module appraisal_STEM`,
 * and its row in appraisal_table.c. Its functions are plain calls without a loop: tests make them directly. STEM is the name of the
 * adapter whose evidence it judges.
 *
 * One run: begin; then, until want() says that nothing is needed, the document it named is pushed in parts and in order; then
 * judge, then drop. Which document comes next is the module's decision, so a check that goes on from its checkpoint asks for
 * little. Anything that is not proven ends as `error`; what a signature over our own question proves against the node ends as
 * `fail`.
 */
#ifndef SPICE_APPRAISAL_H
#define SPICE_APPRAISAL_H

#include "evidence_crypto.h"

#define APPRAISAL_NONCE_BYTES    32u
#define APPRAISAL_DIGEST_BYTES   32u
#define APPRAISAL_TEXT_MAX       1024u /* of detail and of measures, with their NUL */
#define APPRAISAL_CHECKPOINT_MAX 1024u
#define APPRAISAL_WHY_MAX        256u
#define APPRAISAL_KIND_MAX       32u
#define APPRAISAL_ARGS_MAX       16384u

/* Memory of documents that are being collected; one for all runs of a process. Zeroed with `most` set. */
struct appraisal_budget {
    size_t used, most;
};

/* An enrolled attestation key, decoded once (appraisal_keys.h). */
struct appraisal_key {
    enum evidence_reason reason; /* not OK: refused, and nothing below is to be used */
    struct tpm_ak ak;
    struct evidence_key *key;
};

/* What is asked and of whom; all borrowed until drop(). Who the node's TPM is comes with the first part of a document: it is set
 * before the first push() and does not change after it. */
struct appraisal_question {
    struct sp_str node;
    const uint8_t *nonce;            /* APPRAISAL_NONCE_BYTES, random, of this run alone */
    const uint8_t *binding;          /* 32 bytes a quote must carry: appraisal_binding() of nonce and node */
    const struct appraisal_key *key; /* from the first push on; NULL: the node has no TPM enrolled */
    struct sp_str signer;            /* with it: qualified name of the key as enrolled; empty: not known */
    const uint8_t *ek;               /* with it: SHA-256 of the endorsement certificate, or key; NULL without a TPM */
    uint8_t mode;                    /* with it: enum enrolment of the wire */
    struct sp_str checkpoint;        /* what the last run left; empty: nothing */
    uint64_t now_s;                  /* seconds since 1970 */
    const struct evidence_ops *ops;
    struct evidence_crypto *crypto;
    struct appraisal_budget *budget;
};

/* The next document: its kind and what is asked of it. */
struct appraisal_want {
    const char *document;          /* one of the module's `documents` */
    char args[APPRAISAL_ARGS_MAX]; /* JSON object; "{}" when want() is called */
};

struct appraisal_verdict {
    uint8_t outcome;                   /* enum sp_outcome */
    uint16_t reason;                   /* enum sp_reason */
    char detail[APPRAISAL_TEXT_MAX];   /* one line for people */
    char measures[APPRAISAL_TEXT_MAX]; /* performance data */
    uint8_t checkpoint[APPRAISAL_CHECKPOINT_MAX];
    uint32_t checkpoint_len; /* a refusal keeps what the question had: nothing that counts back is forgiven */
    uint64_t instance;       /* reset counter << 32 | restart counter of a TPM that was proven; 0: none was */
};

struct appraisal_module {
    const char *kind;             /* name of the adapter */
    const char *const *documents; /* kinds of documents it may ask for; NULL-terminated */

    /* Effect: reads a policy: `params`, the parameters of the definition as a JSON object, and `policy`, the content of the file
     * one of them names (empty: none is named). Shared by all nodes of the definition. Gives the policy; NULL: refused, `why`
     * (APPRAISAL_WHY_MAX) says it with the line. */
    void *(*policy_new)(const struct evidence_ops *ops, struct sp_str params, struct sp_str policy, char *why);
    void (*policy_free)(void *policy);

    /* Gives the state of one run; NULL: no memory. Borrows policy and question until drop(). */
    void *(*begin)(const void *policy, const struct appraisal_question *question);
    /* Effect: names the document that is needed next. False: none, judge() knows. Called after begin() and after each document. */
    bool (*want)(void *state, struct appraisal_want *out);
    /* Effect: takes the next bytes of the document named last (none in the last part of an empty one). False: the rest of this
     * document is not needed. */
    bool (*push)(void *state, struct sp_str bytes, bool last);
    /* Effect: fills the verdict, which is zeroed but for its checkpoint: that of the question. */
    void (*judge)(void *state, struct appraisal_verdict *out);
    void (*drop)(void *state);
};

/* All modules (appraisal_table.c); ends with NULL. */
extern const struct appraisal_module *const appraisal_modules[];
/* Lends: the module of an adapter, NULL when there is none. */
const struct appraisal_module *appraisal_find(struct sp_str kind);

/* ---- for modules ----------------------------------------------------------------------------------------------- */

/* Effect: out = what a quote for this question must carry: SHA-256 of "SPICE quote" with its NUL, the nonce, and the node's name.
 */
void appraisal_binding(const uint8_t nonce[APPRAISAL_NONCE_BYTES], struct sp_str node, uint8_t out[32]);

/* Effect: outcome, reason and the text of one of evidence_reason.h, followed by ": " and the words when there are any. */
void appraisal_say(struct appraisal_verdict *v, enum evidence_reason reason, const char *format, ...) SP_PRINTF(3, 4);
/* Effect: the same with a reason of the wire that is not in evidence_reason.h. */
void appraisal_end(struct appraisal_verdict *v, uint8_t outcome, uint16_t reason, const char *format, ...) SP_PRINTF(4, 5);

/* A document that is collected before it is read. Zeroed: empty. */
struct appraisal_bytes {
    uint8_t *p;
    size_t n, size;
};
/* Effect: appends. False: more than `most`, or the budget of all runs is spent; what was there stays. */
bool appraisal_bytes_add(struct appraisal_bytes *b, struct appraisal_budget *budget, size_t most, struct sp_str bytes);
void appraisal_bytes_free(struct appraisal_bytes *b, struct appraisal_budget *budget);

#endif
