/* SPDX-License-Identifier: Apache-2.0 */
/* appraiser_link.h - the process and the socket of an appraiser, and the packets that wait for room in it. It knows nothing of
 * runs. */
#ifndef SPICE_APPRAISER_LINK_H
#define SPICE_APPRAISER_LINK_H

#include "appraise_proto.h"
#include "exec_child.h"
#include "sp_str.h"

struct appraiser_packet;

struct appraiser_link {
    struct exec_child child; /* fd -1: down */
    bool blocked;            /* the socket took no more */
    size_t waiting_bytes;
    struct appraiser_packet *first, **last;
    _Alignas(8) uint8_t in[APPRAISE_PACKET_MAX];
    size_t in_n;
};

void appraiser_link_init(struct appraiser_link *l);
/* Effect: puts a record of a fixed part and up to two texts behind what waits; a descriptor (-1: none) goes along and stays the
 * caller's. False: no memory, or no descriptor. */
bool appraiser_link_put(struct appraiser_link *l, const void *fixed, size_t bytes, const struct sp_str tail[2], int fd);
/* Effect: sends what the socket takes, while it is up. */
void appraiser_link_flush(struct appraiser_link *l);
/* Effect: drops what waits. */
void appraiser_link_drop(struct appraiser_link *l);

enum appraiser_state { APPRAISER_EMPTY, APPRAISER_GOT, APPRAISER_GONE };
/* Effect: takes one packet into l->in. GONE: the process has ended. */
enum appraiser_state appraiser_link_receive(struct appraiser_link *l);
/* Lends the bytes behind the fixed part of l->in, NULL when the lengths do not add up to exactly the packet. */
const char *appraiser_link_tail(const struct appraiser_link *l, size_t fixed, uint64_t tail);

#endif
