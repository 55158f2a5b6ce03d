/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ima_judge.h - is what a measurement list names what the policy lists? One entry after the other, as ima_replay.h gives them; it
 * keeps counts and the first entry that is refused, so a list of any length takes the same memory. Pure.
 *
 * A file passes when its digest is listed under its path, or a known key has signed its digest, or its path is excluded; where the
 * policy wants signatures, only with one. Measured memory passes when it is listed, as a key of a keyring or as a buffer; a key so
 * listed is known from then on. The beginning of the list and violations are ima_replay.h's. A path is what the process saw, with
 * underscores for spaces.
 */
#ifndef SPICE_IMA_JUDGE_H
#define SPICE_IMA_JUDGE_H

#include "ima_log.h"
#include "ima_signature.h"
#include "ima_table.h"

#define IMA_JUDGE_REFUSED_MAX 10000u /* then nothing more is looked at: the verdict is known, and each look costs */
#define IMA_JUDGE_PATH_BYTES  384u   /* kept of the path of the first refused entry */

enum ima_signer {
    IMA_NO_KEYS,     /* there are no keys at all */
    IMA_KEY_UNKNOWN, /* none with this identifier */
    IMA_NOT_SIGNED,  /* no good signature: malformed, or of something else */
    IMA_SIGNED
};

/* Beginnings of paths. */
struct ima_prefixes {
    struct sp_str *p;
    uint32_t n;
};

/* What needs more than bytes. */
struct ima_judge_ops {
    bool (*excluded)(void *ctx, struct sp_str path); /* by a regular expression */
    enum ima_signer (*signer)(void *ctx, const struct ima_signature *signature, struct sp_str digest);
    bool (*is_key)(void *ctx, struct sp_str buffer);
    bool (*learn)(void *ctx,
                  struct sp_str buffer); /* Effect: knows this key from now on. False: it is no key, or there are too many */
    void *ctx;
};

/* Of a policy; all borrowed. */
struct ima_judge_rules {
    const struct ima_table *table;
    struct ima_prefixes must_be_signed;
    struct ima_prefixes trees;            /* excluded */
    struct ima_prefixes ignored_keyrings; /* whole names; "*": all */
};

/* Where an entry was refused. */
struct ima_offence {
    enum evidence_reason reason;
    uint32_t entry; /* from 1 */
    uint16_t alg;
    uint32_t path_bytes, digest_bytes;
    char path[IMA_JUDGE_PATH_BYTES]; /* raw, its beginning */
    uint8_t digest[TPM_DIGEST_MAX];
};

struct ima_tally {
    uint32_t files, buffers, excluded, by_signature, refused;
    struct ima_offence first; /* with refused > 0 */
};

struct ima_judge {
    const struct ima_judge_rules *rules;
    const struct ima_judge_ops *ops;
    struct ima_tally proven, pending;
    uint32_t learned;        /* keys, those of before included */
    uint32_t learned_before; /* in earlier checks, which are not known any more */
    bool lost;               /* an entry was refused that one of those might have signed: begin the list again */
    const char *soon;        /* path of the entry that is fetched; NULL: none */
    uint64_t soon_tag;
};

/* Effect: begins; `learned` keys were learned from the part of the list that is not read again. Borrows all. */
void ima_judge_init(struct ima_judge *j, const struct ima_judge_rules *rules, const struct ima_judge_ops *ops, uint32_t learned);
/* Effect: begins to fetch what judging this entry as the next one will look at; not needed, but faster when there is work between.
 */
void ima_judge_soon(struct ima_judge *j, const struct ima_entry *entry);
/* Effect: judges one entry; `pending`: it is behind the quoted value and proves nothing; index from 0. */
void ima_judge_entry(struct ima_judge *j, uint32_t index, const struct ima_entry *entry, bool pending);

/* Effect: writes bytes as printable ASCII, backslash and everything else as \xNN; cut to fit, always terminated. Returns its
 * length. */
size_t ima_judge_print(struct sp_str bytes, char *to, size_t size);

#endif
