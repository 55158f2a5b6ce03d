/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appraise_proto.h - what a worker and its appraiser (spice-appraise) say to each other.
 *
 * One SOCK_SEQPACKET socketpair. A packet is one record, its fixed part first, then the bytes it states the lengths of, in their
 * order, exact end. Numbers are native: both ends are one program build on one machine. A policy comes as a descriptor (SCM_RIGHTS)
 * of sealed memory that holds `params`, then the policy.
 *
 * The appraiser trusts the worker, and not the bytes it passes on. The worker trusts nothing: it checks every length and number,
 * and that an answer is owed. The appraiser answers each BEGIN and each last PUSH with one WANT or VERDICT, each POLICY with one
 * READY.
 */
#ifndef SPICE_APPRAISE_PROTO_H
#define SPICE_APPRAISE_PROTO_H

#include <stdint.h>

#define APPRAISE_PROTO_VERSION 1u
#define APPRAISE_SOCKET_FD     3      /* the appraiser's end, by convention of its start */
#define APPRAISE_PACKET_MAX    65536u /* bytes of one packet */
#define APPRAISE_RUNS_MAX      4096u  /* at once */
#define APPRAISE_POLICIES_MAX  1024u  /* policy numbers are below this */
#define APPRAISE_TEXT_MAX      256u
#define APPRAISE_NODE_MAX      64u
#define APPRAISE_AK_MAX        512u

enum appraise_type {
    /* worker -> appraiser */
    APPRAISE_POLICY = 1, /* policy number := what is in the descriptor; replaces an older one that no run uses */
    APPRAISE_FORGET = 2, /* forget a policy number; no run uses it */
    APPRAISE_BEGIN = 3,
    APPRAISE_WHO = 4, /* the node's identity, before its first PUSH */
    APPRAISE_PUSH = 5,
    APPRAISE_CANCEL = 6, /* nothing is answered any more for this run */
    /* appraiser -> worker */
    APPRAISE_HELLO = 16, /* first record: the sandbox is closed */
    APPRAISE_READY = 17,
    APPRAISE_WANT = 18,
    APPRAISE_VERDICT = 19,
    APPRAISE_FATAL = 20 /* it cannot work; it exits */
};

struct appraise_record {
    uint16_t type; /* enum appraise_type */
    uint16_t flags;
    uint32_t policy;
    uint64_t run; /* chosen by the worker: index in its lower half, a serial above; 0: none */
};

#define APPRAISE_PUSH_LAST 1u

struct appraise_policy {
    struct appraise_record record;
    uint64_t params_bytes, policy_bytes; /* in the descriptor */
    uint32_t kind_bytes;                 /* follow: name of the module */
    uint32_t unused;
};

struct appraise_begin {
    struct appraise_record record;
    uint64_t now_s;
    uint8_t nonce[32];
    uint32_t node_bytes, checkpoint_bytes; /* follow */
};

struct appraise_who {
    struct appraise_record record;
    uint8_t ek[32];
    uint8_t mode;
    uint8_t has_tpm;                 /* else ak_bytes is 0 and ek means nothing */
    uint16_t ak_bytes, signer_bytes; /* follow */
    uint16_t unused;
};

struct appraise_push {
    struct appraise_record record; /* all that follows is of the document */
};

struct appraise_hello {
    struct appraise_record record;
    uint32_t version;
    uint32_t landlock; /* ABI in use, 0: the kernel offers none */
};

/* READY, FATAL */
struct appraise_text {
    struct appraise_record record;
    uint32_t ok;
    uint32_t text_bytes; /* follow */
};

struct appraise_want {
    struct appraise_record record;
    uint32_t document_bytes, args_bytes; /* follow */
};

struct appraise_verdict {
    struct appraise_record record;
    uint64_t instance;
    uint8_t evidence[32]; /* SHA-256 of all bytes pushed, in their order */
    uint16_t reason;
    uint8_t outcome, unused;
    uint32_t detail_bytes, measures_bytes, checkpoint_bytes; /* follow */
};

#endif
