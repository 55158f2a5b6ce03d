/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's end of the socket to the worker: whole records in, whole records out, as many per packet as there are. */
#ifndef EXEC_PEER_H
#define EXEC_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "exec_proto.h"

struct exec_peer {
    int fd;
    uint32_t out_bytes; /* waiting in `out` */
    bool blocked;       /* the socket took no more */
    bool gone;          /* the worker closed its end */
    _Alignas(8) uint8_t in[EXEC_PACKET_MAX];
    _Alignas(8) uint8_t out[EXEC_PACKET_MAX];
};

/* One record of a packet and the descriptor that came with it (-1: none; the handler owns it). */
typedef void exec_peer_handler(void *self, const struct exec_record *record, int fd);

void exec_peer_init(struct exec_peer *peer, int fd);
/* Effect: takes one packet and calls the handler for each record, in order. False: nothing there, or the worker is gone. */
bool exec_peer_receive(struct exec_peer *peer, exec_peer_handler *handler, void *self);
/* True when a record with `bytes` bytes fits without sending first, or after a flush. May flush. */
bool exec_peer_has_room(struct exec_peer *peer, uint32_t bytes);
/* Effect: waits until a record fits: for the rare answer that may not be put off. False: the worker is gone. */
bool exec_peer_wait_room(struct exec_peer *peer, uint32_t bytes);
/* Effect: appends a record of `head_bytes` (padded length is set here) with `tail`. There is room (exec_peer_has_room). */
void exec_peer_emit(struct exec_peer *peer, struct exec_record *head, uint32_t head_bytes, const void *tail, uint32_t tail_bytes);
/* Effect: sends one record with a descriptor, after what waits; the descriptor stays the caller's. False: could not be sent. */
bool exec_peer_give(struct exec_peer *peer, struct exec_record *record, uint32_t bytes, int fd);
/* Effect: emits a sentence (EXEC_NOTE or EXEC_FATAL), dropped when there is no room. */
void exec_peer_say(struct exec_peer *peer, uint16_t type, const char *text);
/* Effect: sends what waits. */
void exec_peer_flush(struct exec_peer *peer);

#endif
