/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sp_clock.h"

#define SIGNALS_PER_TURN 16u
#define SLOTS_FIRST      64u

struct slot {
    struct sp_loop_watch watch;
    uint32_t events;
    uint32_t generation; /* an event collected before del (or for an earlier owner of the number) carries an older one */
    bool used;
};

struct hook {
    bool (*fn)(void *ctx, const struct sp_now *now);
    void *ctx;
};

struct sp_loop {
    struct sp_loop_options options;
    int epoll_fd;
    int timer_fd; /* CLOCK_BOOTTIME, absolute, edge-triggered: it is armed, never read */
    int signal_fd;
    uint64_t armed_us; /* what timer_fd is set to; SP_NEVER = disarmed */
    struct sp_now now;
    uint64_t turns;
    uint64_t late_us;
    uint32_t count;
    uint32_t slot_count;
    struct slot *slots; /* by descriptor number */
    uint32_t hook_count;
    struct hook hooks[SP_LOOP_HOOKS_MAX];
    bool stopping;
    bool started;
    bool busy; /* a hook still has work */
};

static uint64_t event_key(int fd, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint32_t)fd;
}

static enum sp_rc watch_own(struct sp_loop *l, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = event_key(fd, 0)};
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? SP_OK : SP_E_IO;
}

static enum sp_rc open_signals(struct sp_loop *l)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) {
        return SP_E_IO;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    l->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return l->signal_fd < 0 ? SP_E_IO : SP_OK;
}

enum sp_rc sp_loop_new(const struct sp_loop_options *options, struct sp_loop **out, struct sp_err *err)
{
    struct sp_loop *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return sp_err_set(err, SP_E_NOMEM, "loop", "no memory");
    }
    l->options = *options;
    l->armed_us = SP_NEVER;
    l->signal_fd = l->timer_fd = -1;
    l->now = sp_clock_read();
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd >= 0 && open_signals(l) == SP_OK) {
        l->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    }
    if (l->timer_fd < 0 || watch_own(l, l->timer_fd, EPOLLIN | EPOLLET) != SP_OK || watch_own(l, l->signal_fd, EPOLLIN) != SP_OK) {
        int cause = errno;
        sp_loop_destroy(&l);
        return sp_err_set(err, SP_E_IO, "loop", "cannot create epoll, timer and signal descriptors: %s", strerror(cause));
    }
    *out = l;
    return SP_OK;
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

void sp_loop_destroy(struct sp_loop **loop)
{
    struct sp_loop *l = *loop;
    if (l == NULL) {
        return;
    }
    close_if_open(l->timer_fd);
    close_if_open(l->signal_fd);
    close_if_open(l->epoll_fd);
    free(l->slots);
    free(l);
    *loop = NULL;
}

static bool grow(struct sp_loop *l, uint32_t fd)
{
    uint32_t size = l->slot_count == 0 ? SLOTS_FIRST : l->slot_count;
    while (size <= fd) {
        size *= 2;
    }
    struct slot *bigger = realloc(l->slots, size * sizeof *bigger);
    if (bigger == NULL) {
        return false;
    }
    memset(bigger + l->slot_count, 0, (size - l->slot_count) * sizeof *bigger);
    l->slots = bigger;
    l->slot_count = size;
    return true;
}

static struct slot *slot_of(struct sp_loop *l, int fd)
{
    return fd >= 0 && (uint32_t)fd < l->slot_count && l->slots[fd].used ? &l->slots[fd] : NULL;
}

enum sp_rc sp_loop_add(struct sp_loop *l, int fd, uint32_t events, struct sp_loop_watch watch)
{
    SP_ASSERT(fd >= 0);
    SP_ASSERT(watch.fn != NULL);
    if ((uint32_t)fd >= SP_LOOP_FDS_MAX) {
        return SP_E_LIMIT;
    }
    if (slot_of(l, fd) != NULL) {
        return SP_E_EXISTS;
    }
    if ((uint32_t)fd >= l->slot_count && !grow(l, (uint32_t)fd)) {
        return SP_E_NOMEM;
    }
    struct slot *s = &l->slots[fd];
    uint32_t generation = s->generation + 1 == 0 ? 1 : s->generation + 1; /* 0 marks the loop's own descriptors */
    struct epoll_event e = {.events = events, .data.u64 = event_key(fd, generation)};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0) {
        return SP_E_IO;
    }
    *s = (struct slot){watch, events, generation, true};
    l->count++;
    return SP_OK;
}

enum sp_rc sp_loop_mod(struct sp_loop *l, int fd, uint32_t events)
{
    struct slot *s = slot_of(l, fd);
    if (s == NULL) {
        return SP_E_NOT_FOUND;
    }
    if (s->events == events) {
        return SP_OK;
    }
    struct epoll_event e = {.events = events, .data.u64 = event_key(fd, s->generation)};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, fd, &e) != 0) {
        return SP_E_IO;
    }
    s->events = events;
    return SP_OK;
}

void sp_loop_del(struct sp_loop *l, int fd)
{
    struct slot *s = slot_of(l, fd);
    if (s == NULL) {
        return;
    }
    /* Fails only when the owner closed the descriptor first, and then the kernel forgot it already. */
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    s->used = false;
    l->count--;
}

enum sp_rc sp_loop_hook(struct sp_loop *l, bool (*fn)(void *ctx, const struct sp_now *now), void *ctx)
{
    if (l->hook_count == SP_LOOP_HOOKS_MAX) {
        return SP_E_LIMIT;
    }
    l->hooks[l->hook_count++] = (struct hook){fn, ctx};
    return SP_OK;
}

static void serve_signals(struct sp_loop *l)
{
    struct signalfd_siginfo info[SIGNALS_PER_TURN];
    ssize_t n = read(l->signal_fd, info, sizeof info);
    for (size_t i = 0; n > 0 && i < (size_t)n / sizeof info[0]; i++) {
        int signo = (int)info[i].ssi_signo;
        if (l->options.on_signal != NULL) {
            l->options.on_signal(l->options.ctx, signo, &l->now);
        } else if (signo == SIGTERM || signo == SIGINT) {
            l->stopping = true;
        }
    }
}

static void serve(struct sp_loop *l, const struct epoll_event *e)
{
    int fd = (int)(uint32_t)e->data.u64;
    uint32_t generation = (uint32_t)(e->data.u64 >> 32);
    if (generation == 0) {
        if (fd == l->signal_fd) {
            serve_signals(l);
        }
        return; /* the timer: waking up was all it had to do */
    }
    struct slot *s = slot_of(l, fd);
    if (s != NULL && s->generation == generation) {
        s->watch.fn(s->watch.ctx, e->events, &l->now);
    }
}

/* Sets the kernel's timer when the deadline moved. Returns false when it has come already. */
static bool arm(struct sp_loop *l)
{
    uint64_t due = l->options.deadline != NULL ? l->options.deadline(l->options.ctx).us : SP_NEVER;
    if (due <= l->now.mono.us) {
        return false;
    }
    if (due == l->armed_us) {
        return true;
    }
    struct itimerspec when = {0}; /* all zero disarms */
    if (due != SP_NEVER) {
        when.it_value.tv_sec = (time_t)(due / SP_US_PER_S);
        when.it_value.tv_nsec = (long)(due % SP_US_PER_S) * 1000;
    }
    SP_ASSERT(timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0);
    l->armed_us = due;
    return true;
}

static void tick(struct sp_loop *l)
{
    if (l->options.deadline == NULL || l->options.tick == NULL) {
        return;
    }
    uint64_t due = l->options.deadline(l->options.ctx).us;
    if (due <= l->now.mono.us) {
        l->late_us = l->now.mono.us - due;
        l->options.tick(l->options.ctx, &l->now);
    }
}

static bool run_hooks(struct sp_loop *l)
{
    bool more = false;
    for (uint32_t i = 0; i < l->hook_count; i++) {
        more = l->hooks[i].fn(l->hooks[i].ctx, &l->now) || more;
    }
    return more;
}

enum sp_rc sp_loop_turn(struct sp_loop *l, int max_wait_ms)
{
    struct epoll_event events[SP_LOOP_EVENTS_MAX];
    if (!l->started) {
        l->started = true;
        l->now = sp_clock_read();
        l->busy = run_hooks(l);
    }
    int wait_ms = arm(l) && !l->busy && !l->stopping ? max_wait_ms : 0;
    int n = epoll_wait(l->epoll_fd, events, SP_LOOP_EVENTS_MAX, wait_ms);
    if (n < 0 && errno != EINTR) {
        return SP_E_IO;
    }
    l->now = sp_clock_read();
    if (l->armed_us <= l->now.mono.us) {
        l->armed_us = 0; /* it fired; the same deadline would have to be set anew */
    }
    for (int i = 0; i < n; i++) {
        serve(l, &events[i]);
    }
    tick(l);
    l->busy = run_hooks(l);
    l->turns++;
    return SP_OK;
}

enum sp_rc sp_loop_run(struct sp_loop *l)
{
    while (!l->stopping) {
        enum sp_rc rc = sp_loop_turn(l, -1);
        if (rc != SP_OK) {
            return rc;
        }
    }
    l->stopping = false;
    return SP_OK;
}

void sp_loop_stop(struct sp_loop *l)
{
    l->stopping = true;
}

const struct sp_now *sp_loop_now(const struct sp_loop *l)
{
    return &l->now;
}

const struct sp_now *sp_loop_refresh(struct sp_loop *l)
{
    l->now = sp_clock_read();
    return &l->now;
}

uint64_t sp_loop_turns(const struct sp_loop *l)
{
    return l->turns;
}

uint64_t sp_loop_late_us(const struct sp_loop *l)
{
    return l->late_us;
}

uint32_t sp_loop_count(const struct sp_loop *l)
{
    return l->count;
}
