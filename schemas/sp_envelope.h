/* SPDX-License-Identifier: Apache-2.0 */
/* The frame around every message: one msgpack array
 *     [version, type, sender, dest, epoch, sequence, trace, body(bin), auth(bin)]
 * MAC and signature are made over the purpose prefix (sp_envelope_auth_prefix) and the SHA-256 of `sealed`: all bytes of the array
 * before the auth field, exactly as they lie in the frame; nothing is ever encoded a second time to be verified. sp_seal.h does it.
 *
 * Sending, without copying the body:
 *     sp_envelope_begin(&w, buf, sizeof buf);          leaves room for the head, which is written last
 *     msg_NAME_encode(&w, &m) or msg_NAME_begin(&w, ...) ...
 *     sp_envelope_finish(&w, &head, auth_bytes, &frame);
 *     fill frame.auth (sp_seal.h), send frame.p[0..n)
 * The frame starts somewhere inside of the first SP_ENVELOPE_HEAD_MAX bytes of the buffer.
 *
 * Receiving, in this order: sp_envelope_decode, sp_envelope_admit, verify e.auth (sp_seal.h), msg_NAME_decode(e.body). */
#ifndef SP_ENVELOPE_H
#define SP_ENVELOPE_H

#include "msg.h"

#define SP_NAME_BYTES_MAX 40u /* sender and dest */
/* array 1, version 1, type 3, two names 2+40 each, three u64 of 9, bin header 5 */
#define SP_ENVELOPE_HEAD_MAX (1u + 1u + 3u + 2u * (2u + SP_NAME_BYTES_MAX) + 27u + 5u)
/* bin header and the largest signature */
#define SP_ENVELOPE_TAIL_MAX (2u + SP_AUTH_SIGN_BYTES)
/* Memory that is enough to send any message whose body has n bytes. */
#define SP_ENVELOPE_BUFFER(n) ((n) + SP_ENVELOPE_HEAD_MAX + SP_ENVELOPE_TAIL_MAX)
/* Largest body that fits a frame whatever the names and numbers. */
#define SP_BODY_BYTES_MAX   (SP_FRAME_BYTES_MAX - SP_ENVELOPE_HEAD_MAX - SP_ENVELOPE_TAIL_MAX)
#define SP_DEPLOYMENT_BYTES 16u
/* "SPICE1:", the longest message name, ":", the deployment id */
#define SP_AUTH_PREFIX_MAX 64u

struct sp_envelope {
    uint16_t type;        /* enum sp_msg, or a number not known here */
    struct sp_str sender; /* principal name */
    struct sp_str dest;   /* principal name; empty: whoever the model names as receiver */
    uint64_t epoch;
    uint64_t sequence;    /* per sender process, rising */
    uint64_t trace;       /* follows one piece of work through the processes; 0: none */
    struct sp_str body;   /* encoded message */
    struct sp_str auth;   /* MAC or signature, or empty */
    struct sp_str sealed; /* bytes whose SHA-256 auth covers, after the prefix */
};

/* A finished frame inside the sender's buffer; lent until the buffer is used again. */
struct sp_frame {
    uint8_t *p;
    size_t n;
    struct sp_str sealed; /* its SHA-256 is to be covered by auth, after the prefix */
    uint8_t *auth;        /* zeros to be replaced with auth_bytes bytes; NULL: none asked for */
};

/* Effect: w writes the body into buf, which is borrowed until the frame was sent. bytes must be more than
 * SP_ENVELOPE_BUFFER(0) and is best SP_ENVELOPE_BUFFER(body). */
void sp_envelope_begin(struct sp_packer *w, uint8_t *buf, size_t bytes);

/* Effect: writes head and tail around the body in w and fills *out. Of head, type to trace are used. auth_bytes: 0 or the size
 * msg_find(type)->auth_bytes. SP_E_INVALID: sender or dest is no name; SP_E_LIMIT: frame over SP_FRAME_BYTES_MAX. */
enum sp_rc sp_envelope_finish(struct sp_packer *w, const struct sp_envelope *head, unsigned auth_bytes,
                              struct sp_frame *out) SP_MUST_USE;

/* Effect: *out = views into the frame (lent). SP_E_LIMIT: over SP_FRAME_BYTES_MAX or a name over its maximum; SP_E_VERSION:
 * another wire version; SP_E_MALFORMED: anything else that is not exactly one envelope. *out changes only on SP_OK. */
enum sp_rc sp_envelope_decode(const uint8_t *p, size_t n, struct sp_envelope *out) SP_MUST_USE;

/* Decides from the generated table whether a principal of role from may send this envelope to us in role self: the number is
 * known, the roles fit, the auth field has the size the message needs. (A body may be longer than bytes_max says: a newer peer
 * appends fields.) Returns SP_REFUSAL_NONE and lends *info, or why not: VERSION (number not known), AUTHORITY, SIGNATURE. */
enum sp_refusal sp_envelope_admit(const struct sp_envelope *e, enum sp_role from, enum sp_role self,
                                  const struct msg_info **info) SP_MUST_USE;

/* Effect: out = "SPICE1:" name ":" deployment. Returns its length. type must be a known message. */
size_t sp_envelope_auth_prefix(unsigned type, const uint8_t deployment[SP_DEPLOYMENT_BYTES], uint8_t out[SP_AUTH_PREFIX_MAX]);

#endif
