/* SPDX-License-Identifier: Apache-2.0 */
/* The appraiser's end of the socket to its worker. Calls block: there is nothing else to wait for. */
#ifndef APPRAISE_PEER_H
#define APPRAISE_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "appraise_proto.h"
#include "sp_str.h"

/* One packet that came. */
struct appraise_in {
    _Alignas(8) uint8_t bytes[APPRAISE_PACKET_MAX];
    size_t n;
    int fd; /* -1: none came along; the taker closes it */
};

/* Effect: waits for a packet. False: the worker is gone, or sends what no record is. */
bool appraise_peer_receive(int fd, struct appraise_in *in);
/* Lends the bytes behind the fixed part, NULL when the lengths do not add up to exactly the packet. */
const char *appraise_peer_tail(const struct appraise_in *in, size_t fixed, uint64_t tail);
/* Effect: sends one record of a fixed part and up to three texts. False: the worker is gone. */
bool appraise_peer_send(int fd, const void *fixed, size_t bytes, const struct sp_str tail[3]);

#endif
