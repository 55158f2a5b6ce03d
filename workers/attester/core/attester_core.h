/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attester_core.h - which question is worked on, and who gets which part of which document. Pure: events with the time in, effects
 * out.
 *
 *     question --> WAITING --> COLLECTING --> READY --> parts, as they are asked for --> FREE, after a minute or when room is
 * needed |            |            ^
 *                     +-- too late +-- failed --+  (the reason is the answer, also to a repeat)
 *
 * A document is made once for (asker, number of the question), and one document at a time is made. A repeated question gets the
 * same bytes as long as the document is kept; the same number with another question is refused. Every asker has a number of
 * documents and of questions a minute, all of them together have four times as many questions, and all documents together have a
 * number of bytes.
 */
#ifndef SPICE_ATTESTER_CORE_H
#define SPICE_ATTESTER_CORE_H

#include "msg.h"
#include "sp_str.h"

#define ATTESTER_DOCS_MAX    8u
#define ATTESTER_PER_ASKER   6u         /* documents */
#define ATTESTER_ASKERS_MAX  32u        /* remembered for their rate */
#define ATTESTER_KEEP_US     60000000u  /* after the last question for a part */
#define ATTESTER_LONGEST_US  600000000u /* nothing waits or is kept for longer */
#define ATTESTER_PART_MAX    MSG_EVIDENCE_PART_MAX
#define ATTESTER_ROOM_MIN    (1u << 20) /* no document is begun with less room */
#define ATTESTER_EFFECTS_MAX (2 * ATTESTER_DOCS_MAX + 4)
#define ATTESTER_NONE        UINT32_MAX

struct attester_core;

/* A kind of document. */
struct attester_kind {
    const char *name;
    bool operators_only;
};

struct attester_options {
    const char *node;                  /* the one we answer for */
    const struct attester_kind *kinds; /* ends with a NULL name; borrowed for the life */
    uint32_t per_minute;               /* questions of one asker */
    uint64_t document_max;             /* bytes of one document */
    uint64_t bytes_max;                /* of all documents */
};

enum attester_state { ATTESTER_FREE, ATTESTER_WAITING, ATTESTER_COLLECTING, ATTESTER_READY };

struct attester_doc {
    enum attester_state state;
    uint64_t ticket; /* of the one that makes it; never used twice */
    char asker[41];
    uint64_t id;
    char kind[MSG_EVIDENCE_REQUEST_KIND_MAX + 1];
    uint8_t nonce[32];
    uint32_t args_len;
    char args[MSG_EVIDENCE_REQUEST_ARGS_MAX];
    uint64_t until_us; /* waiting, collecting: nobody waits any longer; ready: kept */
    uint64_t end_us;   /* ready: not kept beyond */
    uint16_t reason;   /* enum reason; ok: there is a document */
    char detail[MSG_EVIDENCE_DETAIL_MAX + 1];
    uint64_t total; /* bytes; collecting: what it may have */
    bool served;    /* the last part, or the reason, was given */
};

/* A question as it came, its seal verified. Borrowed. */
struct attester_question {
    struct sp_str asker, node, kind, args;
    const uint8_t *nonce; /* 32 bytes */
    uint64_t id, offset;
    uint32_t expires_ms;
    bool is_operator;
};

enum attester_event_kind { ATTESTER_EV_QUESTION, ATTESTER_EV_COLLECTED, ATTESTER_EV_TICK };
struct attester_event {
    enum attester_event_kind kind;
    uint64_t now_us;
    union {
        struct attester_question question;
        struct {
            uint64_t ticket;
            uint16_t reason; /* ok: there is a document of `total` bytes, and the caller has it */
            struct sp_str detail;
            uint64_t total;
        } collected;
    } u;
};

enum attester_effect_kind {
    ATTESTER_COLLECT, /* make the document `doc`: it has kind, args, nonce, ticket; at most `total` bytes */
    ATTESTER_ANSWER,  /* the part at `offset` of `doc`, or its reason */
    ATTESTER_REFUSE,  /* the question of this event, with reason and detail; there is no document */
    ATTESTER_RELEASE  /* what the caller has of the document `doc` goes */
};
struct attester_effect {
    enum attester_effect_kind kind;
    uint32_t doc;
    uint64_t offset;
    uint32_t part; /* bytes of the part */
    uint16_t reason;
    const char *detail; /* static */
};
struct attester_effects {
    uint32_t count;
    struct attester_effect list[ATTESTER_EFFECTS_MAX];
};

struct attester_counts {
    uint64_t questions, documents, refused, late;
    uint32_t waiting, ready;
    uint64_t bytes;
};

/* Returns a core, NULL without memory. */
struct attester_core *attester_core_new(const struct attester_options *options);
void attester_core_destroy(struct attester_core **self);
/* Effect: takes the event, fills fx. */
void attester_core_step(struct attester_core *self, const struct attester_event *event, struct attester_effects *fx);
/* Returns when a tick is wanted; UINT64_MAX: not at all. */
uint64_t attester_core_next_deadline(const struct attester_core *self);
/* Lends a document: for effects, until the next step. */
const struct attester_doc *attester_core_doc(const struct attester_core *self, uint32_t doc);
struct attester_counts attester_core_counts(const struct attester_core *self);
/* Asserts what must always hold. */
void attester_core_check(const struct attester_core *self);

#endif
