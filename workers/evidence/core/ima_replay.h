/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ima_replay.h - does a measurement list lead to the PCR 10 that the TPM signed? It takes the list in parts of any size, and goes
 * on where the last check of this boot ended. Pure.
 *
 * The kernel adds to the list first and extends afterwards, so a list read after the quote holds everything quoted, and maybe more:
 * entries after the value matched are pending, nothing is proven of them yet, and the next quote must cover them. A list read
 * before the quote may hold less; then nothing matches, and whoever asked asks once more.
 *
 * A violation (a file written while it was measured) extends a fixed value: nothing in its entry is authenticated, its path least
 * of all.
 */
#ifndef SPICE_IMA_REPLAY_H
#define SPICE_IMA_REPLAY_H

#include "ima_log.h"
#include "tpm_pcr.h"

#define IMA_LIST_BYTES_MAX (128u << 20) /* of one boot */

/* Where the check of one boot stands; counts for the same attestation key, bank, and reset and restart counters only. Zeroed: at
 * its beginning. Keep it when the verdict is OK, else start again. */
struct ima_progress {
    uint64_t bytes;      /* of the list that are proven; the next check begins there */
    uint32_t entries;    /* proven */
    uint32_t violations; /* among them */
    uint8_t pcr[TPM_DIGEST_MAX];
};

struct ima_options {
    uint32_t digest_bytes; /* of the template digests in the list: 20 or 32 */
    bool aggregate_0_7; /* the first entry may be over PCR 0 to 7 with another hash than SHA-1, as some kernels near 5.8 have it */
    bool padded;        /* the SHA-256 bank may have been given SHA-1 digests filled up with zeros, as by kernels before 5.8 */
};

/* Called for each entry that decodes and has the right digest, in order; `index` counts from the beginning of the list. Entries
 * from `after.entries` of the finding on, for which ima_replay_met says so, are not proven. */
struct ima_visitor {
    void (*fn)(void *ctx, uint32_t index, const struct ima_entry *entry);
    void *ctx;
    /* Called twice before that, with hashing in between: only to fetch memory; the entry may still be refused. NULL: nothing. */
    void (*soon)(void *ctx, const struct ima_entry *entry);
};

/* All borrowed until the end. */
struct ima_question {
    const struct tpm_pcrs *pcrs; /* proven by a quote: PCR 10 and, at the beginning of a list, those of the aggregate (0 to 9) */
    uint16_t bank;               /* of them that is used */
    const struct ima_progress *before;
    const struct ima_options *options;
    const struct ima_visitor *visitor; /* NULL: nobody */
};

struct ima_finding {
    struct ima_progress after; /* of the proven entries */
    uint32_t pending;          /* entries behind them */
    uint32_t entry;            /* with a refusal for one entry: which, counted from the beginning of the list, from 1; else 0 */
    bool padded;               /* matched by the weaker rule only */
};

/* Embed it; all fields are private. */
struct ima_replay {
    struct ima_question q;
    const struct evidence_ops *ops;
    const uint8_t *wanted;        /* PCR 10 as quoted */
    uint32_t bytes;               /* of the bank's digests */
    struct ima_progress at, weak; /* of what was read; the same by the weaker rule */
    struct ima_progress at_match, weak_match;
    bool matched, weak_matched;
    enum evidence_reason reason;
    uint32_t entry;
};

/* Effect: begins. REFERENCE_UNQUOTED: PCR 10 of this bank is not in the quote. */
SP_MUST_USE enum evidence_reason ima_replay_init(struct ima_replay *r, const struct ima_question *question,
                                                 const struct evidence_ops *ops);
/* Effect: takes the next bytes of the list. Returns how many: the rest is the beginning of an entry and has to come again with
 * more. After a refusal everything is taken and nothing looked at. Borrows all. */
size_t ima_replay_push(struct ima_replay *r, struct sp_str bytes);
/* True once the quoted value was met: an entry visited from then on is pending. */
bool ima_replay_met(const struct ima_replay *r);
/* Effect: the verdict; `left`: bytes of the list that were not taken. IMA_MALFORMED, IMA_LIMIT, IMA_TEMPLATE, IMA_INDEX, IMA_HASH,
 * IMA_BUFFER, IMA_PCR, IMA_AGGREGATE, IMA_SECOND, IMA_VIOLATION, LOG_BANK, REFERENCE_UNQUOTED. */
SP_MUST_USE enum evidence_reason ima_replay_end(struct ima_replay *r, size_t left, struct ima_finding *out);

#endif
