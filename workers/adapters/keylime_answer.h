/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keylime_answer.h - the words of a Keylime verifier (API 2.x, releases 7.7 to 7.14): the list of all agents with their state, and when a good
 * state is believed. Part of the keylime adapter; no I/O, no clock.
 *
 * The list is read in place, without a tree: a verifier that is hostile can send many bytes, but it cannot make this process hold
 * more than those. Objects nested deeper than KEYLIME_DEPTH_MAX, members named twice and anything that is no JSON refuse the whole list.
 *
 * A verifier goes on saying what it said last: of a node it has lost ("retry" counts as passed), of every node once it stands still, and
 * of a node that went silent while it was restarted. So a good state alone says nothing. What does is an attestation that was counted
 * after we had asked (keylime_fresh).
 */
#ifndef SPICE_KEYLIME_ANSWER_H
#define SPICE_KEYLIME_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp_str.h"

#define KEYLIME_ID_MAX    128u /* bytes of an agent's name */
#define KEYLIME_EVENT_MAX 128u
#define KEYLIME_IP_MAX    64u
#define KEYLIME_DEPTH_MAX 16u
#define KEYLIME_NONE      INT64_MIN /* null or missing */
#define KEYLIME_SLACK_S   2         /* Date header and the verifier's times count whole seconds */

enum keylime_word {
    KEYLIME_WORD_NONE,
    KEYLIME_WORD_PASS,
    KEYLIME_WORD_FAIL,
    KEYLIME_WORD_PENDING,
    KEYLIME_WORD_TIMEOUT,
    KEYLIME_WORD_ODD
};

/* One agent as the verifier describes it. */
struct keylime_status {
    bool seen;              /* the list has it */
    bool odd;               /* it has it twice, or a field is not of its type */
    int64_t state;          /* operational_state: NONE in push mode */
    enum keylime_word word; /* attestation_status, since 7.14 */
    int64_t count, received,
        succeeded; /* attestation_count, last_received_quote, last_successful_attestation (seconds since 1970) */
    int64_t severity;
    int64_t period_s;           /* attestation_period */
    bool has_runtime, has_boot; /* policies */
    bool has_contact;           /* ip or port is given: the verifier asks the node */
    char ip[KEYLIME_IP_MAX];
    char event[KEYLIME_EVENT_MAX]; /* last_event_id */
    struct sp_str raw;             /* the object's text, lent by the body */
};

struct keylime_agent {
    const char *id;   /* borrowed */
    const char *node; /* that it speaks for, borrowed; NULL: none */
    bool shared;      /* for another as well */
    struct keylime_status status;
};

/* Effect: fills agent[i].status from the body of an answer to agents/?bulk=True. agent[] is sorted by id, each id once. False: the body
 * is no such answer, `why` (256 bytes) says what is wrong and no status is seen. */
bool keylime_answer(struct sp_str body, struct keylime_agent *agent, size_t count, char *why);

/* Lends the entry of this id in a sorted list; NULL: none. */
struct keylime_agent *keylime_find(struct keylime_agent *agent, size_t count, struct sp_str id);

/* Effect: the words of a body with another HTTP status, or its lack of them. */
void keylime_fault(struct sp_str body, char *text, size_t size);

/* Effect: true for a name agents may have: letters, digits and . _ - */
bool keylime_is_id(const char *text);

enum keylime_level {
    KEYLIME_ABSENT,      /* not enrolled */
    KEYLIME_ODD,         /* not of the protocol, or it contradicts itself */
    KEYLIME_NOT_STARTED, /* enrolled, not attested, or enrolment failed */
    KEYLIME_UNREACHABLE, /* the verifier does not get answers from the node */
    KEYLIME_BAD,         /* attestation failed */
    KEYLIME_GOOD         /* the last attestation was good, whenever that was */
};
enum keylime_level keylime_level(const struct keylime_status *s);

/* Times in seconds since 1970 by the *verifier's* clock. */
struct keylime_proof {
    int64_t base_count, base_succeeded; /* in the answer to the first request made after the job had begun */
    int64_t asked_s;                    /* when that request was made; NONE: the answer had no Date */
    int64_t kept_count, kept_succeeded; /* of the last attestation that was ever counted for this node; NONE: none */
    int64_t date_s;                     /* Date of this answer; NONE: it had none */
    int64_t attestations;               /* how many must have ended since */
};

enum keylime_freshness { KEYLIME_FRESH, KEYLIME_WAIT, KEYLIME_STALE };
/* Returns whether the state in s rests on an attestation that ended after we had asked. WAIT: not yet. Lends why not in *why. */
enum keylime_freshness keylime_fresh(const struct keylime_status *s, const struct keylime_proof *p, const char **why);

#endif
