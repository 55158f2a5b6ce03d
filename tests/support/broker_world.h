/* SPDX-License-Identifier: Apache-2.0 */
/* A shell for the broker's core without sockets: frames in memory, connections that can be full or gone, virtual time. Performs
 * effects in the order the core's contract asks for, checks all invariants after every step, and remembers what reached whom. */
#ifndef BROKER_WORLD_H
#define BROKER_WORLD_H

#include "broker_core.h"

#define BROKER_WORLD_FRAMES 64u
#define BROKER_WORLD_CONNS  32u
#define BROKER_WORLD_BYTES  8192u
#define BROKER_WORLD_LOG    4096u

enum broker_world_state { BROKER_WORLD_OPEN, BROKER_WORLD_FULL, BROKER_WORLD_GONE };

/* What one connection was sent. Conn numbers are 0 to BROKER_WORLD_CONNS - 1. */
struct broker_world_conn {
    enum broker_world_state state;
    unsigned got[SP_MSG_LAST + 1];
    uint16_t last_type;
    uint8_t last[BROKER_WORLD_BYTES]; /* body of the last one */
    size_t last_bytes;
    uint64_t jobs;
};

struct broker_world {
    struct broker_core core;
    struct broker_effects fx;
    uint8_t frames[BROKER_WORLD_FRAMES][BROKER_WORLD_BYTES];
    size_t sizes[BROKER_WORLD_FRAMES];
    bool held[BROKER_WORLD_FRAMES];
    uint32_t held_count;
    struct broker_world_conn conns[BROKER_WORLD_CONNS];
    uint64_t now_us, wall_s, sequence;
    unsigned alarms, admin, principals, stats;
    bool signatures_good;
    const uint8_t *signer; /* the key that signed; NULL: whichever is asked about */
    unsigned pair;         /* of its keys whoever sends was admitted under */
    struct {
        uint32_t frame, conn;
        bool lost;
    } failed[4 * BROKER_EFFECTS_MAX];
    unsigned failures;
    char log[BROKER_WORLD_LOG]; /* one line per message that went out: "type>conn " */
    size_t log_bytes;
};

/* Effect: an empty broker named b0 with the principal itself in it. Heartbeat 1 s, lost 3 s. */
void broker_world_init(struct broker_world *w);
void broker_world_fini(struct broker_world *w);
/* Effect: adds a principal of the file; its CURVE key is made from its name. An attester's node is what `adapters` says. Returns the
 * index. */
uint32_t broker_world_principal(struct broker_world *w, const char *name, uint8_t role, const char *adapters);
/* Effect: the body in `body` arrives from this connection under this principal, as if it were sent by `sender` (NULL: by itself).
 */
void broker_world_send(struct broker_world *w, uint32_t conn, uint32_t principal, uint16_t type, const char *dest,
                       const struct sp_packer *body, const char *sender);
/* Effect: arbitrary bytes. */
void broker_world_raw(struct broker_world *w, uint32_t conn, uint32_t principal, const void *p, size_t n);
/* Shorthands for what tests send most. */
void broker_world_hello(struct broker_world *w, uint32_t conn, uint32_t principal, uint64_t boot, const char *adapters,
                        const char *labels);
void broker_world_bye(struct broker_world *w, uint32_t conn, uint32_t principal);
void broker_world_credit(struct broker_world *w, uint32_t conn, uint32_t principal, uint64_t granted);
void broker_world_route(struct broker_world *w, uint32_t conn, uint32_t principal, const char *adapter, const char *labels);
void broker_world_jobs(struct broker_world *w, uint32_t conn, uint32_t principal, const char *adapter, unsigned count,
                       uint32_t expires_ms);
/* Effect: everything that was there has been read. */
void broker_world_drained(struct broker_world *w);
/* Effect: time passes; deadlines are kept. */
void broker_world_pass(struct broker_world *w, uint64_t ms);
/* Effect: writes an empty body. */
void broker_world_body(struct sp_packer *w, uint8_t *buf, size_t n);

#endif
