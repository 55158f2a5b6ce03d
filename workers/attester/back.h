/* SPDX-License-Identifier: Apache-2.0 */
/*
 * back.h - the part of the attester that reads. It is started before the part on the bus (the front) gives up its rights, has no
 * keys and no network, and serves one question at a time, each in a process of its own that ends with it: what a collector leaks,
 * breaks or blocks on goes with that process. A collector that died or took too long is a reason in the answer; the next one starts
 * after a pause that grows.
 *
 *     front --SOCK_SEQPACKET--> back --fork--> collector
 *       ^                                          |
 *       +----- reason, or a sealed memfd ----------+
 */
#ifndef SPICE_BACK_H
#define SPICE_BACK_H

#include <sys/types.h>

#include "collector.h"
#include "sp_conf_attester.h"
#include "sp_err.h"

#define BACK_VERSION      1u
#define BACK_KIND_MAX     MSG_EVIDENCE_REQUEST_KIND_MAX
#define BACK_NODE_MAX     MSG_EVIDENCE_REQUEST_NODE_MAX
#define BACK_ARGS_MAX     MSG_EVIDENCE_REQUEST_ARGS_MAX
#define BACK_TEXT_MAX     (BACK_KIND_MAX + BACK_NODE_MAX + BACK_ARGS_MAX)
#define BACK_PAUSE_MS     100u /* after a collector died; doubles with each */
#define BACK_PAUSE_MAX_MS 10000u

/* A question to the back; kind, node and args follow without anything between. */
struct back_ask {
    uint32_t version;
    uint32_t kind_bytes, node_bytes, args_bytes;
    uint64_t ticket;
    uint64_t max; /* bytes of the document */
    uint8_t nonce[COLLECT_NONCE_BYTES], sign_key[COLLECT_KEY_BYTES], curve_key[COLLECT_KEY_BYTES];
};
struct back_packet {
    struct back_ask ask;
    char text[BACK_TEXT_MAX];
};

/* The answer. With SP_REASON_OK a descriptor comes with it: a memfd of `total` bytes that nobody can change any more. */
struct back_answer {
    uint32_t version;
    uint32_t reason;
    uint64_t ticket, total;
    char detail[COLLECT_DETAIL_BYTES];
};

/* Effect: starts the process. Gives the front's end of the socket (not blocking) and the pid. name: for the log, borrowed for good.
 */
SP_MUST_USE enum sp_rc back_start(const struct sp_conf_attester *conf, const char *name, int *fd, pid_t *pid, struct sp_err *err);
/* Effect: ends it: closes the socket and waits. */
void back_stop(int *fd, pid_t *pid);

/* ---- for the front --------------------------------------------------------------------------------------------- */

/* Returns the bytes of the packet to send for this question; 0: a text is too long. */
size_t back_write(struct back_packet *packet, const struct collect_request *request, uint64_t ticket, uint64_t max);
enum back_state { BACK_GOT, BACK_EMPTY, BACK_GONE };
/* Effect: takes the next answer. document: its descriptor, -1 without one; what is not sealed or has another size than said is
 * none, and the answer has a reason then. */
enum back_state back_receive(int fd, struct back_answer *answer, int *document);

#endif
