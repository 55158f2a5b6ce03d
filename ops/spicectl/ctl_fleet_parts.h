/* SPDX-License-Identifier: Apache-2.0 */
/* What ctl_fleet (the connection) and ctl_call (questions over it) share. */
#ifndef CTL_FLEET_PARTS_H
#define CTL_FLEET_PARTS_H

#include "ctl_fleet.h"

#include "msg.h"
#include "sp_buf.h"
#include "sp_bus.h"
#include "sp_fs.h"

#define FLEET_NS_PER_MS 1000000u
#define FLEET_TURN_MS   100u
#define FLEET_CALLS_MAX 32 /* questions under way at once */
#define FLEET_TRIES_MAX 5  /* times one question is sent while nobody answers */

/* One question under way. */
struct fleet_call {
    bool used;
    bool done;
    size_t index;   /* of the caller */
    const char *to; /* borrowed */
    char verb[CTL_FLEET_VERB_BYTES];
    char *args;                    /* owned */
    uint64_t ids[FLEET_TRIES_MAX]; /* of what was sent and may have arrived; 0: free */
    uint64_t sequences[FLEET_TRIES_MAX];
    unsigned tries; /* times it was sent and neither broker nor owner said that it was not taken */
    unsigned replays;
    bool waits; /* to be sent at again_ns */
    uint64_t again_ns;
    uint64_t end_ns;    /* patience is over */
    uint64_t absent_ns; /* until then a receiver that is not connected is waited for */
    uint64_t patience_ns;
    uint64_t answer_id; /* the sending whose answer comes in */
    uint32_t parts;
    uint16_t code;
    char refused[CTL_FLEET_TEXT_MAX]; /* by the broker; empty: not */
    struct sp_buf reply;
};

/* A document under way: ctl_evidence. One at a time. */
struct fleet_evidence {
    bool used;
    bool heard; /* of the attester */
    bool ended; /* all of it is here, or a reason */
    uint64_t id;
    const char *attester, *node, *kind; /* borrowed */
    uint8_t nonce[32];
    size_t max;
    uint64_t total;
    uint16_t reason;  /* enum sp_reason */
    uint16_t refused; /* enum sp_refusal, by the broker */
    uint64_t sequence;
    char detail[257];
    struct sp_buf *document; /* borrowed */
};

struct ctl_fleet {
    struct sp_keys *keys;
    struct sp_loop *loop;
    struct sp_bus *bus;
    const char *name;
    uint64_t last_id; /* of requests; never used twice */
    char id_path[SP_FS_PATH_BYTES];
    bool id_matters;
    bool crypto;
    bool interrupted;
    bool answered; /* one question at least */
    struct fleet_call calls[FLEET_CALLS_MAX];
    struct fleet_evidence evidence;
};

/* Fills fault and returns false. */
bool fleet_fault(struct ctl_fault *fault, enum ctl_exit code, const char *where, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A number above every one used before. */
uint64_t fleet_id_next(struct ctl_fleet *fleet);

/* Takes a part of a document, or a Refused of the question for it. */
void fleet_evidence_on_part(struct ctl_fleet *fleet, const struct sp_bus_message *message);
void fleet_evidence_on_refused(struct ctl_fleet *fleet, const struct sp_bus_message *message);

/* Takes an AdminReply, or a Refused of one of our requests. */
void fleet_call_on_reply(struct ctl_fleet *fleet, const struct sp_bus_message *message);
void fleet_call_on_refused(struct ctl_fleet *fleet, const struct sp_bus_message *message);

#endif
