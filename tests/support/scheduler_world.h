/* SPDX-License-Identifier: Apache-2.0 */
/* A scheduler core in virtual time with a keeper, a broker and workers that do as the test says. For flow and property tests. */
#ifndef SCHEDULER_WORLD_H
#define SCHEDULER_WORLD_H

#include "scheduler_core.h"

#define SCHEDULER_WORLD_JOBS_MAX 131072u
#define SCHEDULER_WORLD_SENT_MAX 4096u

struct scheduler_world_job {
    struct sp_ticket ticket;
    char node[65], address[256];
    uint8_t checkpoint[1024];
    uint32_t checkpoint_bytes;
    uint32_t timeout_ms;
    uint64_t at_us; /* when it left */
    uint32_t broker;
};

struct scheduler_world {
    struct scheduler_core core;
    struct scheduler_core_effects fx;
    struct sp_now now;
    uint64_t version;
    struct scheduler_world_job *jobs; /* everything issued, in order */
    uint32_t job_count;
    uint16_t sent[SCHEDULER_WORLD_SENT_MAX]; /* types of other messages sent */
    uint32_t sent_count;
    uint64_t stored_epoch;       /* last STORE effect */
    bool unsendable;             /* job batches do not leave */
    uint8_t last_body[1u << 20]; /* of the last message that is no batch */
    uint32_t last_bytes;
    char last_dest[65];
    uint8_t scratch[1u << 20];
    /* what the keeper says, when it is not the truth; each 0: it is */
    uint64_t says_start, says_nodes, says_back_ms;
};

/* Gives a world with an empty scheduler at mono 1000 s; ends the test when memory is out. */
struct scheduler_world *scheduler_world_new(uint32_t pairs_max);
void scheduler_world_destroy(struct scheduler_world **w);
/* Effect: link up, epoch granted, keeper's clock known and ready. */
void scheduler_world_start(struct scheduler_world *w);
enum sp_rc scheduler_world_step(struct scheduler_world *w, struct scheduler_core_event *e);
void scheduler_world_tick(struct scheduler_world *w);
/* Effect: time passes as the core asks, tick by tick; the keeper's clock comes each second. */
void scheduler_world_run(struct scheduler_world *w, uint64_t us);
/* Effect: time passes at once. */
void scheduler_world_freeze(struct scheduler_world *w, uint64_t us);
uint32_t scheduler_world_sent(const struct scheduler_world *w, uint16_t type); /* how many of that type */

/* Messages in. */
void scheduler_world_link(struct scheduler_world *w, bool up, uint64_t boot);
enum sp_rc scheduler_world_grant(struct scheduler_world *w, uint64_t epoch, uint64_t boot);
enum sp_rc scheduler_world_clock(struct scheduler_world *w, bool ready);
enum sp_rc scheduler_world_credit(struct scheduler_world *w, const char *adapter, uint64_t granted);
/* A NodeSet part of nodes first..first+count-1 (ids from 1), labels "rack=rN,zone=zM" (N = i % 4, M = i % 3). */
enum sp_rc scheduler_world_nodes(struct scheduler_world *w, uint64_t version, uint64_t base, uint32_t first, uint32_t count);
enum sp_rc scheduler_world_node(struct scheduler_world *w, uint64_t version, uint64_t base, const struct rec_node_info *info);
enum sp_rc scheduler_world_close(struct scheduler_world *w, const struct scheduler_world_job *job, uint8_t outcome, uint16_t code,
                                 const char *checkpoint);
enum sp_rc scheduler_world_return(struct scheduler_world *w, const struct scheduler_world_job *job);

/* A fleet at work: one check with that period on `nodes` nodes, credit without end. */
#define SCHEDULER_WORLD_PLENTY (1ull << 40)
void scheduler_world_fleet(struct scheduler_world *w, uint32_t nodes, uint32_t period_ms);
/* Effect: answers every job since *from that left at least after_us ago. */
void scheduler_world_answer(struct scheduler_world *w, uint32_t *from, uint64_t after_us, uint8_t outcome);
/* Effect: time passes; after each turn_us what left at least after_us ago passes. */
void scheduler_world_run_answering(struct scheduler_world *w, uint64_t us, uint64_t turn_us, uint64_t after_us, uint32_t *from);

/* Catalogue. */
enum sp_rc scheduler_world_profile(struct scheduler_world *w, const char *name, uint32_t period_ms, uint8_t jitter);
enum sp_rc scheduler_world_profile_put(struct scheduler_world *w, const struct profile_def *p);
enum sp_rc scheduler_world_check(struct scheduler_world *w, const char *name, const char *profile, const char *selector);
enum sp_rc scheduler_world_check_put(struct scheduler_world *w, const struct check_def *d);
/* A definition with usual values. id from the name's digits; digest from the name and revision. */
struct check_def scheduler_world_def(const char *name, const char *profile, const char *selector);
enum sp_rc scheduler_world_select(struct scheduler_world *w, const char *check, const char *profile);
uint32_t scheduler_world_run_now(struct scheduler_world *w, const char *check, const char *node, bool test);

#endif
