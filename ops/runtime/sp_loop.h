/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of a process: epoll, one deadline, signals; one thread, the one that calls sp_loop_run. The clock is read once per turn and
 * handed to every callback. A turn: wait; read the clock; signals and ready descriptors (at most SP_LOOP_EVENTS_MAX, so input cannot
 * starve time); the tick if its deadline has come; then every hook. The cost of a turn grows with the ready descriptors, not with
 * the watched ones.
 *
 * Hooks run after each turn, before sleeping, and once before the first wait. That is where a socket with an edge-triggered
 * descriptor (ZMQ_FD) is re-read: a hook that returns true still has work, and the loop polls instead of sleeping.
 *
 * Callbacks may add, change and remove any descriptor, themselves included; an event that was already collected for a removed
 * descriptor is not delivered.
 */
#ifndef SP_LOOP_H
#define SP_LOOP_H

#include <sys/epoll.h>

#include "sp_err.h"
#include "sp_time.h"

#define SP_LOOP_EVENTS_MAX 256u /* ready descriptors served per turn */
#define SP_LOOP_HOOKS_MAX  16u
#define SP_LOOP_FDS_MAX    1048576u /* highest descriptor number + 1 */

struct sp_loop;

/* A descriptor is ready: events are EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, EPOLLRDHUP bits. */
struct sp_loop_watch {
    void (*fn)(void *ctx, uint32_t events, const struct sp_now *now);
    void *ctx;
};

struct sp_loop_options {
    void *ctx; /* first argument of the functions below; borrowed for the life of the loop */
    /* Returns when tick wants to run, {SP_NEVER} for not at all. Asked once before each wait. May be NULL. */
    struct sp_mono (*deadline)(void *ctx);
    /* The deadline has come. What is still due after it runs in the next turn, after input had its share. May be NULL. */
    void (*tick)(void *ctx, const struct sp_now *now);
    /* SIGTERM, SIGINT, SIGHUP or SIGCHLD arrived. NULL: the first two stop the loop, the others are ignored. */
    void (*on_signal)(void *ctx, int signo, const struct sp_now *now);
};

/* Effect: makes the loop; blocks the four signals for the process (call before starting threads), ignores SIGPIPE. Gives *out. */
SP_MUST_USE enum sp_rc sp_loop_new(const struct sp_loop_options *options, struct sp_loop **out, struct sp_err *err);
/* Effect: closes the loop's own descriptors and nulls *loop; watched ones stay open. */
void sp_loop_destroy(struct sp_loop **loop);

/* Effect: watches fd (level-triggered; or EPOLLET in events). fd stays the caller's and is removed before it is closed. SP_E_EXISTS
 * when watched already, SP_E_LIMIT beyond SP_LOOP_FDS_MAX, SP_E_IO when the kernel refuses (a plain file). */
SP_MUST_USE enum sp_rc sp_loop_add(struct sp_loop *loop, int fd, uint32_t events, struct sp_loop_watch watch);
/* Effect: changes the wanted events; 0 = only hang-up and error. Costs nothing when they are the same. */
SP_MUST_USE enum sp_rc sp_loop_mod(struct sp_loop *loop, int fd, uint32_t events);
/* Effect: forgets fd; harmless when it is not watched. */
void sp_loop_del(struct sp_loop *loop, int fd);
/* Effect: runs fn after each turn (see above), in the order of adding. For the life of the loop. SP_E_LIMIT when full. */
SP_MUST_USE enum sp_rc sp_loop_hook(struct sp_loop *loop, bool (*fn)(void *ctx, const struct sp_now *now), void *ctx);

/* Effect: turns until sp_loop_stop. SP_OK then; SP_E_IO when waiting itself failed. */
SP_MUST_USE enum sp_rc sp_loop_run(struct sp_loop *loop);
/* Effect: one turn that waits at most max_wait_ms (-1: as long as nothing happens; 0: not at all). For tests and special loops. */
SP_MUST_USE enum sp_rc sp_loop_turn(struct sp_loop *loop, int max_wait_ms);
/* Effect: sp_loop_run returns at the end of this turn. */
void sp_loop_stop(struct sp_loop *loop);

/* Lends: the time of this turn. */
const struct sp_now *sp_loop_now(const struct sp_loop *loop);
/* Effect: reads the clock now and moves the time of this turn forward; for the start of a process and after known long work. */
const struct sp_now *sp_loop_refresh(struct sp_loop *loop);
/* Returns turns made so far: proof of progress for watchdog and heartbeat. */
uint64_t sp_loop_turns(const struct sp_loop *loop);
/* Returns the lateness of the latest tick in microseconds: how much the loop itself is behind. */
uint64_t sp_loop_late_us(const struct sp_loop *loop);
/* Returns how many descriptors are watched. */
uint32_t sp_loop_count(const struct sp_loop *loop);

#endif
