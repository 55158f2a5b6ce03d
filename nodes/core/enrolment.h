/* SPDX-License-Identifier: Apache-2.0 */
/* Who each node is: the attester that speaks for it and the TPM beside it, as operators proved it (K2, K3). One row per node id.
 *
 *   nobody --enrol--> held --the same again--> held (confirmed: also what was doubted or withdrawn is held again)
 *                      |  \--another--> a request, carried out when ANOTHER operator approves exactly what was asked for
 *                      +--withdraw--> withdrawn: nothing is served, and another identity still needs the approval
 *
 * An identity goes with the key of the node and not with its name: under another key the row is nobody's, and is still what a new
 * identity has to replace with a second approval, so that a name cannot be taken over by giving it another key, nor a key by giving it
 * another name. No key of an attester and no key of a TPM is held by two nodes. Rows written up to a doubted number (the store was put
 * back, or somebody edited it) are not served until they are confirmed. Pure; one owner, one thread. */
#ifndef ENROLMENT_H
#define ENROLMENT_H

#include "node_registry.h"

#define ENROLMENT_AK_MAX      512u
#define ENROLMENT_NAME_BYTES  41u /* of a principal, terminated */
#define ENROLMENT_PRINT_BYTES 32u
#define ENROLMENT_ASK_MS      (7ull * 86400 * 1000) /* how long a request waits for its approval */

/* What is bound to a node. */
struct enrolled {
    char attester[ENROLMENT_NAME_BYTES];
    uint8_t mode;                 /* enum sp_enrolment; none: nothing here */
    uint8_t sign[32];             /* Ed25519 key of the attester */
    uint8_t ek[32];               /* SHA-256 of the EK's certificate, or of the EK when there is none */
    uint8_t ek_public[32];        /* SHA-256 of the EK: a TPM has more certificates than one */
    uint8_t ak[ENROLMENT_AK_MAX]; /* TPM2B_PUBLIC */
    uint32_t ak_bytes;
    uint8_t print[ENROLMENT_PRINT_BYTES]; /* SHA-256 over key of the node and all of the above; the caller's to make */
};

/* Who did it, and when. */
struct enrolment_act {
    char by[ENROLMENT_NAME_BYTES];
    char approved[ENROLMENT_NAME_BYTES]; /* by the second operator; empty: nobody had to */
    uint64_t wall_ms;
};

struct enrolment_row {
    uint32_t node;
    uint8_t key[16]; /* of the node when it was bound */
    bool withdrawn;
    uint64_t number;    /* of the change that wrote the row; rises over the whole table */
    struct enrolled is; /* mode none: nobody yet */
    struct enrolment_act act;
    struct enrolled ask; /* mode none: no request */
    uint8_t ask_key[16];
    struct enrolment_act asked;
};

struct enrolment_table {
    struct enrolment_row **rows; /* private; by node id - 1, NULL: none */
    uint32_t size;
    uint64_t number;  /* of the latest change */
    uint64_t doubted; /* rows up to this number are doubted */
};

/* What an operator's wish comes to. */
enum enrolment_change {
    ENROLMENT_FRESH,     /* the node has none yet */
    ENROLMENT_CONFIRMED, /* it is the one it has */
    ENROLMENT_STRONGER,  /* the one it has, now with a certificate */
    ENROLMENT_OTHER,     /* another one: somebody else has to approve it */
    ENROLMENT_TAKEN,     /* a key of it is another node's */
    ENROLMENT_BAD        /* no identity, or the node is retired */
};

/* What an approval comes to. */
enum enrolment_approval {
    ENROLMENT_APPROVED,
    ENROLMENT_NO_REQUEST, /* none, or it waited too long, or the node has another key since */
    ENROLMENT_NOT_THIS,   /* the request is about something else than what was looked at */
    ENROLMENT_SELF        /* who asked cannot approve */
};

/* How a row stands. */
enum enrolment_state { ENROLMENT_NOBODY, ENROLMENT_HELD, ENROLMENT_WITHDRAWN, ENROLMENT_DOUBTED, ENROLMENT_FOREIGN };

void enrolment_init(struct enrolment_table *t);
void enrolment_fini(struct enrolment_table *t);
/* Lends the row of a node, NULL when there is none. */
const struct enrolment_row *enrolment_at(const struct enrolment_table *t, uint32_t node);
/* Lends the row of a node, made empty when missing; NULL without memory. For the load and after a commit. */
struct enrolment_row *enrolment_place(struct enrolment_table *t, uint32_t node);
/* How the identity of the node stands; the row may be NULL. Only ENROLMENT_HELD is told to anybody. FOREIGN: bound to another key of the node. */
enum enrolment_state enrolment_state(const struct enrolment_table *t, const struct enrolment_row *row, const struct node_row *node);
/* Lends the word for it: none, held, withdrawn, doubted, foreign. */
const char *enrolment_state_name(unsigned state);
/* What becomes of the wish to bind `want` to the node. *other: the node that has a key of it (TAKEN). */
enum enrolment_change enrolment_judge(const struct enrolment_table *t, const struct node_registry *nodes,
                                      const struct node_row *node, const struct enrolled *want, const struct node_row **other);
/* What becomes of the approval by this operator of the request with that fingerprint. A key of the request may be another node's by now:
 * judge it again. */
enum enrolment_approval enrolment_may_approve(const struct enrolment_row *row, const struct node_row *node, struct sp_str by,
                                              const uint8_t print[ENROLMENT_PRINT_BYTES], uint64_t wall_ms);
/* True when a request waits for its approval. */
bool enrolment_waits(const struct enrolment_row *row, const struct node_row *node, uint64_t wall_ms);

#endif
