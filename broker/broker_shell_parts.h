/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the broker's shell, shared by its files only: broker_shell.c (frames in, effects out), broker_setup.c (opening and
 * closing, the run), broker_time.c (what happens by the clock: probe, statistics, memory). */
#ifndef BROKER_SHELL_PARTS_H
#define BROKER_SHELL_PARTS_H

#include <zmq.h>

#include "broker_acts.h"
#include "broker_admin.h"
#include "broker_probe.h"
#include "broker_shell.h"
#include "broker_store.h"
#include "broker_zap.h"
#include "sp_crypto.h"
#include "sp_loop.h"
#include "sp_notify.h"
#include "sp_stats.h"

#define BROKER_SHELL_FRAMES     8192u /* held at once: queued batches and what the current turn works on */
#define BROKER_SHELL_FAILURES   (3u * BROKER_EFFECTS_MAX)
#define BROKER_SHELL_EXIT_FATAL 70

struct broker_shell_failure {
    uint32_t frame, conn;
    bool lost;
};

struct broker_shell {
    const struct sp_conf *conf;
    const struct sp_keys *keys;
    const struct sp_conf_link *link;
    struct sp_loop *loop;
    void *zmq, *router;
    int fd, lock_fd, statm_fd;
    struct broker_core *core;
    struct broker_zap *zap;
    struct broker_store store;
    struct broker_admin admin;
    struct broker_acts acts;
    struct broker_probe probe;
    struct sp_notify notify;
    struct sp_crypto_signer *signer;
    struct sp_stats *stats;
    zmq_msg_t *frames; /* by handle */
    uint32_t *free_frames;
    uint32_t free_count;
    uint8_t *buffer; /* SP_ENVELOPE_BUFFER(SP_BODY_BYTES_MAX) */
    uint64_t sequence, zap_changes, violations, frames_in;
    uint64_t stats_us, look_us, probe_us; /* when they are due */
    uint64_t valid_until_s;               /* wall clock: the first key that admission knows ends here */
    uint64_t told;                        /* activity at the latest Stats */
    uint32_t probe_failures;
    uint64_t probe_judged; /* keys the admission handler had judged when the probe began */
    bool proven;           /* the self-probe was refused at least once */
    int exit_code;
    char endpoint[SP_CONF_ENDPOINT_BYTES]; /* where the probe goes */
    struct broker_shell_failure failed[BROKER_SHELL_FAILURES];
    uint32_t failures;
    struct broker_effects fx, admin_fx;
};

/* broker_shell.c */
struct broker_event broker_shell_event(const struct broker_shell *s, enum broker_event_kind kind);
/* Effect: a step of the core and everything that follows from it. */
void broker_shell_step(struct broker_shell *s, const struct broker_event *ev);
/* Effect: what broker_core_drain asks for. */
void broker_shell_perform(struct broker_shell *s, const struct broker_effects *fx);
/* SP_OK, SP_E_AGAIN: the peer is full, SP_E_CLOSED: it is gone, SP_E_LIMIT: it cannot be encoded. */
enum sp_rc broker_shell_send(struct broker_shell *s, uint32_t conn, uint16_t type, struct sp_str dest, struct sp_str body);
/* Effect: admission learns of the principals as they are now. */
void broker_shell_publish(struct broker_shell *s);
/* The hook of the loop; ctx is the shell. */
bool broker_shell_hook(void *ctx, const struct sp_now *now);

/* broker_time.c; ctx is the shell */
struct sp_mono broker_time_deadline(void *ctx);
void broker_time_tick(void *ctx, const struct sp_now *now);
void broker_time_on_probe(void *ctx, enum broker_probe_result result);
void broker_time_tell_stats(struct broker_shell *s);
/* Effect: ends the process with an exit code that says so. */
void broker_time_fatal(struct broker_shell *s, const char *why);

#endif
