/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ima_rules.h - a policy for measurement lists, read and ready: read-only afterwards, so that all nodes of a policy share it. One
 * thread.
 *
 * Three forms are read: Keylime's runtime policy (version 1, as its tools write it), our own, and a list of digests and paths as
 * sha256sum prints it. spice-ima-policy(5) describes them. A policy is refused as a whole, with what is wrong with it, when
 * anything in it is not understood: what is left out silently is what nobody checks.
 */
#ifndef SPICE_IMA_RULES_H
#define SPICE_IMA_RULES_H

#include "ima_exclude.h"
#include "ima_keyring.h"
#include "ima_replay.h"

#define IMA_POLICY_BYTES_MAX (64u << 20)
#define IMA_RULES_WHY_BYTES  256u
#define IMA_PREFIXES_MAX     256u

/* Read it directly. */
struct ima_rules {
    struct ima_table *table;
    struct ima_exclude *excludes;
    struct ima_keyring *keys;
    struct ima_judge_rules judge;
    struct ima_options options; /* of the list */
};

/* Gives *out. False: `why` says what is wrong. Borrows text for the call, c until destroy. */
SP_MUST_USE bool ima_rules_new(struct evidence_crypto *c, struct sp_str text, struct ima_rules **out,
                               char why[IMA_RULES_WHY_BYTES]);
void ima_rules_destroy(struct ima_rules **r);

#endif
