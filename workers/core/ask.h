/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h - questions to attesters: which request goes out when and by which broker, which answers count, and how each question ends,
 * exactly once. Pure: no clock, no bus; the shell (worker_ask) sends, receives and calls adapters.
 *
 *     begin --> WANT --> IDENTITY --keeper's word--> READY --sent--> FLYING --part--> GIVEN --go_on--> READY ...
 *                            |                         ^               |
 *                            |                         +--- PAUSED <---+ refused, no answer in time, broker gone: by another broker
 *                            +--> ENDED <--- answer with a code, protocol broken, deadline, nobody there ---+
 *
 * Only what the node's own attester sealed gets here as a part; that its key is the one of the Identity is looked at here once more. What
 * does not belong to the open request is dropped and ends nothing, for anybody on the way can repeat a message; what does belong to
 * it and contradicts it ends the question, for only the attester can have made it.
 */
#ifndef SPICE_ASK_H
#define SPICE_ASK_H

#include "identity.h"
#include "sp_heap.h"

#define ASK_QUESTIONS_MAX 65536u
#define ASK_FLYING_MAX    96u                   /* requests on their way; a broker takes 128 of one peer */
#define ASK_DOCUMENT_MAX  (64u * 1024u * 1024u) /* bytes; a larger one is refused with `limit` */
#define ASK_AGAIN_US      5000000u              /* no answer: asked again by another broker; doubles */
#define ASK_AGAIN_MAX_US  60000000u
#define ASK_PAUSE_US      250000u /* every broker refused: asked again after this; doubles */
#define ASK_PAUSE_MAX_US  4000000u
#define ASK_ABSENT_ROUNDS 3u       /* so often no broker knows the attester: it is not there */
#define ASK_KEEPER_US     2000000u /* the keeper is asked again for an identity after this */
#define ASK_NONE          UINT32_MAX

enum ask_state {
    ASK_FREE,
    ASK_WANT,     /* the keeper is to be asked who the attester is, */
    ASK_IDENTITY, /* and was asked */
    ASK_READY,    /* the next request is to be sent */
    ASK_FLYING,   /* and was sent */
    ASK_PAUSED,   /* no broker took it; until again_us */
    ASK_GIVEN,    /* an adapter looks at a part */
    ASK_ENDED,    /* without a part that says so; the adapter is to be told */
    ASK_STATES
};

struct ask_row {
    enum ask_state state;
    uint32_t next, prev; /* private: list of the state */
    uint32_t identity;   /* row of the table; IDENTITY_NONE: none */
    uint64_t id;         /* on the wire; never used again in this life of the process */
    char node[REC_NODE_INFO_NAME_MAX + 1];
    char kind[MSG_EVIDENCE_REQUEST_KIND_MAX + 1];
    char *args; /* owned */
    uint8_t nonce[32];
    uint32_t generation;
    uint64_t offset, total; /* of the next part; of the document, once known */
    bool begun;             /* a part came: total is known */
    bool asked;             /* for this part, at least once */
    uint64_t deadline_us;
    uint64_t again_us; /* FLYING, PAUSED: when to ask again */
    uint32_t wait_us;  /* before the next repetition of a request without an answer */
    uint32_t pause_us; /* before the next round of brokers */
    uint32_t absent;   /* rounds in which no broker knew the attester */
    uint32_t refused;  /* mask of brokers that refused in this round */
    bool only_absent;  /* in this round: all of them for want of the attester */
    bool busy;         /* the attester said so last */
    unsigned broker;   /* FLYING: where it went; else where to try first */
    uint64_t sequence; /* FLYING: of the request */
    uint16_t reason;   /* ENDED */
    char detail[MSG_EVIDENCE_DETAIL_MAX + 1];
    void *user; /* of the shell */
};

struct ask_list {
    uint32_t first, last, count;
};

struct ask_counts {
    uint64_t begun, ended, parts, bytes; /* questions; parts given to adapters */
    uint64_t repeated;                   /* requests that went out again */
    uint64_t stray;                      /* answers to no open request: late, repeated, made up */
    uint64_t foreign;                    /* sealed, but not by the attester of this node */
    uint64_t broken;                     /* questions that ended because an attester broke the protocol */
};

struct ask_core {
    struct ask_row *rows;
    uint32_t size;
    uint32_t free; /* first free row */
    struct ask_list list[ASK_STATES];
    struct sp_heap timers;
    struct identity_table identity;
    uint64_t next_id;
    uint32_t up; /* mask of brokers that are up */
    unsigned brokers;
    unsigned keeper_broker; /* where the keeper was asked last */
    struct ask_counts counts;
};

/* A question, as an adapter asks it. Borrowed. */
struct ask_begin {
    struct sp_str node, kind, args;
    const uint8_t *nonce;
    uint32_t number, generation; /* of the node, and */
    uint64_t epoch;              /* as its ticket has them */
    uint64_t deadline_us;
    void *user;
};

/* An answer that came, its seal verified with the key `sign` of the principal `from`. Borrowed. */
struct ask_answer {
    struct sp_str from;
    const uint8_t *sign;
    const struct msg_evidence *m;
};

enum ask_verdict {
    ASK_DROP, /* nothing to do */
    ASK_GIVE, /* the part is the adapter's; afterwards ask_core_go_on */
    ASK_LAST  /* the same, and it is the last one; afterwards ask_core_stop */
};

/* seed: drawn by the shell. False: no memory. */
bool ask_core_init(struct ask_core *c, unsigned brokers, const uint8_t seed[16]) SP_MUST_USE;
void ask_core_fini(struct ask_core *c);
/* Effect: takes a question. Returns its row; ASK_NONE: no memory, or more than ASK_QUESTIONS_MAX. */
uint32_t ask_core_begin(struct ask_core *c, const struct ask_begin *b, uint64_t now_us);
/* Effect: forgets it. */
void ask_core_stop(struct ask_core *c, uint32_t at);
void ask_core_link(struct ask_core *c, unsigned broker, bool up);
/* Effect: a broker refused the request of this sequence (an EvidenceRequest). */
void ask_core_refused(struct ask_core *c, unsigned broker, uint64_t sequence, uint16_t code);
/* Effect: the keeper's word, verified. */
void ask_core_identity(struct ask_core *c, const struct msg_identity *m);
/* Effect: looks at an answer. *at is its question. An attester that is busy is asked again, until the deadline. */
enum ask_verdict ask_core_answer(struct ask_core *c, const struct ask_answer *a, uint32_t *at, uint64_t now_us);
/* Effect: a part of n bytes was taken; if the question (id) is still there the next part is asked for. */
void ask_core_go_on(struct ask_core *c, uint32_t at, uint64_t id, uint32_t n);
/* Effect: deadlines and repetitions. */
void ask_core_tick(struct ask_core *c, uint64_t now_us);
uint64_t ask_core_deadline(const struct ask_core *c);
/* Lends the next question whose request is to be sent, and by which broker; NULL: nothing can be sent now. Then tell how it went, with
 * one of the three below. */
struct ask_row *ask_core_next(struct ask_core *c, uint64_t now_us);
void ask_core_sent(struct ask_core *c, struct ask_row *row, uint64_t sequence, uint64_t now_us);
/* Effect: this broker takes nothing now: the others, or later. */
void ask_core_unsent(struct ask_row *row);
/* Effect: the question of this READY row ends: it can be sent to nobody. detail is static. */
void ask_core_unsendable(struct ask_core *c, struct ask_row *row, const char *detail);
/* Lends the next identity the keeper is to be asked for; NULL: none now. It counts as asked. *broker: by which broker. */
const struct identity_row *ask_core_want(struct ask_core *c, uint64_t now_us, unsigned *broker);
/* Effect: takes out one question that has ended without a part; its row is free afterwards. False: none. */
bool ask_core_pop(struct ask_core *c, struct ask_row *out);
/* Lends what is known of the node of this row; NULL: nothing yet. */
const struct identity_row *ask_core_who(const struct ask_core *c, uint32_t at);
/* Aborts when an invariant is broken. */
void ask_core_check(const struct ask_core *c);

#endif
