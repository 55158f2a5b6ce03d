/* SPDX-License-Identifier: Apache-2.0 */
/* Live connections that said Hello, and who is behind each. A connection is known by the number in the routing id that our own
 * socket gave it; that number is an address and proves nothing: the principal comes with every message. Most principals have one
 * connection; operators and readers may have a few (a person has more than one terminal). Pure; no allocation after init. */
#ifndef PEER_H
#define PEER_H

#include "principal.h"

#define PEER_NONE           UINT32_MAX
#define PEER_SHARED_MAX     8u    /* connections of one operator or reader at once */
#define PEER_REFUSALS_PER_S 10u   /* Refused replies one connection gets, */
#define PEER_ANSWERS_PER_S  1000u /* those about questions to attesters counted in */

struct peer {
    bool used;
    bool has_worker;
    uint8_t role;
    uint16_t generation; /* of the pair of keys it said Hello under */
    uint32_t conn;
    uint32_t principal;
    uint32_t worker;       /* number in the route table, when has_worker */
    uint32_t topics;       /* mask of 1 << topic */
    uint32_t backlog;      /* from its Heartbeat */
    uint32_t refusals;     /* Refused sent in this second */
    uint32_t newer, older; /* by when it was heard; PEER_NONE ends */
    uint32_t next_role, prev_role;
    uint32_t next_same; /* another connection of the principal */
    uint64_t boot;      /* start of its process */
    uint64_t session;   /* told in Welcome; counts begin with it */
    uint64_t progress;
    uint64_t since_us, heard_us, refusal_us;
    uint64_t dropped; /* messages it was too slow for */
    char software[33];
};

struct peer_table {
    struct peer *peers;
    uint32_t size, count;
    uint32_t free;
    uint32_t newest, oldest;
    uint32_t first_role[SP_ROLE_LAST + 1];
    struct sp_map by_conn;
};

bool peer_init(struct peer_table *t, uint32_t size) SP_MUST_USE;
void peer_fini(struct peer_table *t);

/* Effect: adds the connection of this principal, under that pair of its keys. Returns its number, PEER_NONE when there are too many
 * in all or of it. */
uint32_t peer_open(struct peer_table *t, struct principal_table *who, uint32_t conn, uint32_t principal, unsigned pair,
                   uint64_t now_us);
void peer_close(struct peer_table *t, struct principal_table *who, uint32_t peer);
uint32_t peer_by_conn(const struct peer_table *t, uint32_t conn);
/* Effect: heard now. */
void peer_heard(struct peer_table *t, uint32_t peer, uint64_t now_us);
/* True when it is still the one that was admitted under its row. */
bool peer_is_current(const struct peer *p, const struct principal_table *who);
/* The same, and the pair it was admitted under counts at this time. */
bool peer_is_valid(const struct peer *p, const struct principal_table *who, uint64_t wall_s);
/* True, and counted, while the connection has had fewer than `most` Refused replies in this second. */
bool peer_may_be_told(struct peer *p, uint32_t most, uint64_t now_us);
/* Roles of which one principal may have several connections. */
bool peer_role_shares(uint8_t role);

void peer_check(const struct peer_table *t, const struct principal_table *who);

#endif
