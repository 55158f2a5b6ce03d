/* SPDX-License-Identifier: Apache-2.0 */
/* What the keeper's core asks its shell to do. The caller owns the array and its memory for message bodies; a step only appends.
 * Store effects of all steps since the last commit belong to one transaction, performed in order; sends happen when the step returns. */
#ifndef KEEPER_EFFECTS_H
#define KEEPER_EFFECTS_H

#include "node_registry.h"

#define KEEPER_EFFECTS_MAX    12288u      /* more than results between two commits, each of which may end a run */
#define KEEPER_BODY_BYTES_MAX (16u << 20) /* bodies of one step together */
#define KEEPER_PEER_BYTES     41u         /* principal name, terminated */
#define KEEPER_WHY_BYTES      200u
#define KEEPER_OBJECT_BYTES   132u

enum keeper_effect_kind {
    KEEPER_SEND,    /* a message */
    KEEPER_JOURNAL, /* store: the accepted results of a batch */
    KEEPER_AUDIT,   /* store: a row of the audit chain */
    KEEPER_HISTORY, /* store: a finished run of equal outcomes */
    KEEPER_EPOCH,   /* store: the highest epoch granted and its holder */
    KEEPER_CHECKS,  /* store: the check table as it is now */
    KEEPER_WORKER,  /* store: number and name of a worker */
    KEEPER_NODE     /* store: generation and instance of a node, as its row is when the effect is performed */
};

struct keeper_send {
    uint16_t type;
    char dest[KEEPER_PEER_BYTES]; /* empty: the model's receiver */
    uint64_t epoch, trace;
    uint32_t at, bytes; /* body in keeper_effects.body */
};

struct keeper_journal {
    const uint8_t *body; /* accepted results in their stored form (keeper_journal.h), in keeper_effects.body */
    uint32_t bytes;
    uint32_t count;
    uint32_t worker; /* number */
    uint64_t now_ms, wall_ms;
};

struct keeper_audit {
    uint64_t wall_ms;
    uint32_t node, pool; /* id and index; NODE_ID_NONE when it is about something else */
    bool gain;
    char what[24];
    char object[KEEPER_OBJECT_BYTES];
    char from[16], to[16];
    char why[KEEPER_WHY_BYTES];
};

struct keeper_history {
    uint32_t node, check;
    struct pair_run run;
    char detail[128]; /* last text of the run, cut */
};

struct keeper_effect {
    enum keeper_effect_kind kind;
    union {
        struct keeper_send send;
        struct keeper_journal journal;
        struct keeper_audit audit;
        struct keeper_history history;
        struct {
            uint64_t epoch, boot;
        } epoch;
        uint32_t node; /* id */
        struct {
            uint32_t number;
            char name[KEEPER_PEER_BYTES];
        } worker;
    } u;
};

struct keeper_effects {
    struct keeper_effect *list; /* KEEPER_EFFECTS_MAX, owned */
    uint32_t count;
    uint8_t *body; /* KEEPER_BODY_BYTES_MAX, owned; pages are touched only when used */
    uint32_t used;
};

/* Effect: allocates. False without memory. */
bool keeper_effects_init(struct keeper_effects *fx);
void keeper_effects_fini(struct keeper_effects *fx);
void keeper_effects_reset(struct keeper_effects *fx);
/* True when `effects` more and `bytes` more of bodies fit. */
bool keeper_effects_room(const struct keeper_effects *fx, uint32_t effects, uint32_t bytes);
/* Lends a zeroed effect of that kind; there must be room. */
struct keeper_effect *keeper_effects_add(struct keeper_effects *fx, enum keeper_effect_kind kind);
/* Effect: a packer over the free part of the body memory, at most max bytes. Close it with keeper_effects_send. */
void keeper_effects_begin(struct keeper_effects *fx, struct sp_packer *w, uint32_t max);
/* Effect: what w wrote since begin becomes a message to dest. Lends the effect. */
struct keeper_effect *keeper_effects_send(struct keeper_effects *fx, const struct sp_packer *w, uint16_t type, const char *dest);

#endif
