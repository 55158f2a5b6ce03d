/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - what the keeper said of nodes: who their attester is, and which keys their TPM has. One row for each generation of a
 * node, and for the while it was said in. Rows nobody uses give way when there are too many. Pure.
 *
 * A name alone does not say which node is meant: the inventory gives the name of one to another, whose generations are counted from
 * one again, so the keeper's number of the node is in the key. And a keeper whose store was put back counts generations again that
 * it gave away before, and withdraws what it said; it tells nobody, so nothing is believed for long, nor under another epoch.
 */
#ifndef SPICE_IDENTITY_H
#define SPICE_IDENTITY_H

#include "msg.h"
#include "sp_map.h"

#define IDENTITY_ROWS_MAX 16384u
#define IDENTITY_NONE     UINT32_MAX
#define IDENTITY_KEEP_US  300000000u /* what the keeper said is asked for anew after this, at the latest */

/* Of what node, and when. Borrowed. */
struct identity_about {
    struct sp_str node;
    uint32_t number; /* the keeper's, from the ticket: permanent */
    uint32_t generation;
    uint64_t epoch; /* from the ticket */
    uint64_t now_us;
};

struct identity_row {
    char node[REC_NODE_INFO_NAME_MAX + 1]; /* empty: free */
    uint32_t number;
    uint32_t generation;
    uint64_t epoch;
    uint64_t period;   /* of IDENTITY_KEEP_US, in which it was asked for */
    uint32_t users;    /* questions that refer to it */
    bool known;        /* what follows is filled in */
    uint64_t asked_us; /* when the keeper was asked last; 0: not yet */
    char attester[MSG_IDENTITY_ATTESTER_MAX + 1];
    uint8_t sign[32];
    uint8_t ak[MSG_IDENTITY_AK_MAX];
    uint32_t ak_len;
    uint8_t ek[32];
    bool has_ek;
    uint8_t mode; /* enum sp_enrolment */
};

struct identity_table {
    struct identity_row *rows; /* IDENTITY_ROWS_MAX, so that they never move; memory is touched as they are used */
    uint32_t count;            /* used at least once */
    uint32_t hand;             /* where to look next for a row nobody uses */
    uint8_t seed[16];
    struct sp_map by_key; /* node, generation and period */
};

bool identity_init(struct identity_table *t, const uint8_t seed[16]) SP_MUST_USE;
void identity_fini(struct identity_table *t);
/* Effect: finds or makes the row of this node in this generation, of now; one more user. NONE: no memory, or all rows are in use.
 */
uint32_t identity_use(struct identity_table *t, const struct identity_about *about);
void identity_leave(struct identity_table *t, uint32_t row);
/* Returns the row or NONE. */
uint32_t identity_find(const struct identity_table *t, const struct identity_about *about);
/* True when the message is whole: an attester's name, a key of 32 bytes, a mode; with a TPM both of its keys. */
bool identity_message_ok(const struct msg_identity *m);
/* Effect: fills the row in. The message was looked at before. */
void identity_fill(struct identity_row *row, const struct msg_identity *m);

#endif
