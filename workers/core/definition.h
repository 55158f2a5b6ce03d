/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definition.h - bounded cache of check definitions by digest (SHA-256 of the encoded DefinitionBody).
 *
 * A definition that is used by a job is never evicted; among the others the one unused for longest goes first. The cache
 * holds the adapter's compiled form as an opaque pointer and never looks into it. Pure; owned by worker_core.
 */
#ifndef SPICE_DEFINITION_H
#define SPICE_DEFINITION_H

#include <stdbool.h>
#include <stdint.h>

#include "sp_map.h"

#define DEFINITION_NONE         UINT32_MAX
#define DEFINITION_DIGEST_BYTES 32u

enum definition_state {
    DEFINITION_FREE,
    DEFINITION_WANTED, /* asked for, not there yet */
    DEFINITION_READY,
    DEFINITION_BAD /* it cannot run here; `reason` says why; kept for a while so that it is not asked for again at once */
};

struct definition {
    uint8_t digest[DEFINITION_DIGEST_BYTES];
    enum definition_state state;
    uint16_t reason;               /* BAD: enum sp_reason */
    uint8_t tries;                 /* WANTED: how often asked */
    uint32_t adapter;              /* READY: index of the adapter */
    void *check;                   /* READY: compiled form, of the adapter; BAD: what explains the reason, of the shell */
    uint32_t uses;                 /* jobs that hold it */
    uint32_t wait_head, wait_tail; /* jobs waiting for it; numbers of slots */
    uint32_t newer, older;         /* neighbours in order of use */
    uint64_t retry_us;             /* WANTED: ask again; BAD: forget */
};

struct definition_cache {
    struct definition *row; /* private, `size` rows */
    struct sp_map index;    /* first 8 bytes of the digest -> row */
    uint32_t size;
    uint32_t used;
    uint32_t free_head;      /* through `older` */
    uint32_t newest, oldest; /* ends of the order of use */
};

/* Effect: an empty cache of `size` rows. False: no memory. */
bool definition_init(struct definition_cache *self, uint32_t size);
/* Effect: releases the rows; the caller has released the compiled forms. */
void definition_fini(struct definition_cache *self);
/* Returns the row with this digest, now the most recently used one, or DEFINITION_NONE. */
uint32_t definition_find(struct definition_cache *self, const uint8_t digest[DEFINITION_DIGEST_BYTES]);
/* Effect: a new row in state WANTED. When the cache is full the oldest unused row makes room: its compiled form comes back in
 * *evicted (state DEFINITION_FREE when there was none). DEFINITION_NONE: every row is in use. */
uint32_t definition_add(struct definition_cache *self, const uint8_t digest[DEFINITION_DIGEST_BYTES], struct definition *evicted);
/* Effect: forgets an unused row. */
void definition_drop(struct definition_cache *self, uint32_t at);
/* Verifies counts, order and index. For tests. */
void definition_check(const struct definition_cache *self);

#endif
