/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the broker's core, shared by its files only: broker_core.c (step, admission of a message), broker_peers.c (sessions),
 * broker_send.c (replies, forwards, fan-out), broker_jobs.c (routes, batches, credit), broker_asked.c (evidence). */
#ifndef BROKER_PARTS_H
#define BROKER_PARTS_H

#include "broker_core.h"
#include "dispatch_broker.h"
#include "sp_assert.h"

#define BROKER_FX_SPARE        8u   /* effects kept free for the end of a step */
#define BROKER_STRANGERS_PER_S 100u /* Refused replies to connections without a session */

/* A message on its way through the step; the handlers broker_on_MESSAGE work on it. */
struct broker_in {
    struct broker_core *core;
    struct broker_effects *fx;
    const struct broker_event *ev;
    struct sp_envelope e;
    const struct msg_info *info;
    struct principal *row;
    uint32_t peer; /* PEER_NONE: no session */
};

/* broker_send.c */
struct broker_effect *broker_send_effect(struct broker_effects *fx, enum broker_effect_kind kind);
bool broker_send_room(const struct broker_core *b, const struct broker_effects *fx, size_t arena_bytes);
/* Effect: w writes into the arena, at most `bytes`; broker_send_reply takes what it wrote. */
void broker_send_begin(struct broker_core *b, struct sp_packer *w, size_t bytes);
void broker_send_reply(struct broker_core *b, struct broker_effects *fx, uint32_t conn, uint16_t type, const struct principal *to,
                       const struct sp_packer *w);
void broker_send_release(struct broker_effects *fx, uint32_t frame);
void broker_send_note(struct broker_core *b, struct broker_effects *fx, enum broker_effect_kind kind, uint32_t principal,
                      uint32_t conn, const char *why);
/* Effect: counts, tells the sender as often as it may be told, releases the frame. */
void broker_send_refuse(struct broker_core *b, const struct broker_in *in, enum sp_refusal code, const char *detail,
                        struct broker_effects *fx);
/* Effect: keeps the facts of the frame, which goes on to somebody. */
void broker_send_hold(struct broker_core *b, const struct broker_in *in);
void broker_send_forward(struct broker_core *b, struct broker_effects *fx, uint32_t frame, uint32_t peer, bool last);
void broker_send_trace(struct broker_core *b, uint32_t frame, uint64_t trace, uint32_t to);
/* Effect: the message goes where its dest says. */
void broker_send_deliver(struct broker_core *b, const struct broker_in *in, struct broker_effects *fx);
/* Effect: to all of these roles, or those of them who asked for the topics. The frame is released at the end. */
void broker_send_fan(struct broker_core *b, uint32_t frame, uint32_t roles, uint32_t topics, struct broker_effects *fx);
void broker_send_fan_on(struct broker_core *b, struct broker_effects *fx);
/* Effect: a forward that failed. */
void broker_send_unsent(struct broker_core *b, uint32_t frame, uint32_t conn, struct broker_effects *fx);

/* broker_core.c */
bool broker_core_is_addressed(const struct broker_core *b, const struct broker_in *in);
/* True when a pair of the sender that counts now signed it. */
bool broker_core_is_signed(const struct broker_core *b, const struct broker_in *in);

/* broker_peers.c */
void broker_peers_on_rival(struct broker_core *b, struct broker_in *in, struct broker_effects *fx);
void broker_peers_drop(struct broker_core *b, uint32_t peer, const char *why, struct broker_effects *fx);
void broker_peers_drop_silent(struct broker_core *b, struct broker_effects *fx);
uint64_t broker_peers_silence_us(const struct broker_core *b);

/* broker_jobs.c */
void broker_jobs_unsent(struct broker_core *b, uint32_t frame, uint32_t conn, struct broker_effects *fx);
void broker_jobs_untold(struct broker_core *b, uint32_t peer);
void broker_jobs_session_ends(struct broker_core *b, uint32_t peer);
void broker_jobs_expire(struct broker_core *b, struct broker_effects *fx);
/* Effect: hands out what waits, tells grants, releases what nobody owns; sets more when it could not finish. */
void broker_jobs_flush(struct broker_core *b, struct broker_effects *fx);

/* broker_asked.c */
bool broker_asked_init(struct broker_core *b);
void broker_asked_unsent(struct broker_core *b, uint32_t frame);
void broker_asked_session_ends(struct broker_core *b, uint32_t peer);
/* Effect: tells those whose attester is gone; sets more when it could not finish. */
void broker_asked_flush(struct broker_core *b, struct broker_effects *fx);

#endif
