/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of a node's attester, asked for by this operator: EvidenceRequests over the open fleet, part by part, each part sealed by
 * the attester the keeper names for the node.
 */
#ifndef CTL_EVIDENCE_H
#define CTL_EVIDENCE_H

#include "ctl_fleet.h"

#include "sp_buf.h"

#define CTL_EVIDENCE_NONCE_BYTES 32u

/* Who speaks for a node on the bus, as the keeper knows it. */
struct ctl_attester {
    char node[65];
    char name[41];
    uint8_t sign[32];
    uint8_t curve[32];
};

/* One question. Borrowed for the call. */
struct ctl_evidence {
    const struct ctl_attester *from;
    const char *kind;
    const char *args; /* a JSON object */
    uint8_t nonce[CTL_EVIDENCE_NONCE_BYTES];
    size_t max; /* bytes of the document */
};

/* Finds the attester of a node (name or alias) and lets its signature count in this run. False: fault says why. */
bool ctl_evidence_attester(struct ctl *ctl, const char *node, struct ctl_attester *out, struct ctl_fault *fault);

/* Asks and waits; *document gets all of it (begun by the caller). Tells on standard error what it waits for after two seconds.
 * False: fault says why; its code is the attester's reason when that is what ended it. */
bool ctl_evidence_ask(struct ctl *ctl, const struct ctl_evidence *question, struct sp_buf *document, struct ctl_fault *fault);

#endif
