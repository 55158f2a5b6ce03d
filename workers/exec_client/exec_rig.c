/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_rig.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sp_assert.h"
#include "sp_clock.h"

#define EVENTS_MAX 32

static uint64_t rig_now(void *self)
{
    return ((struct exec_rig *)self)->now_us;
}

static bool rig_watch(void *self, struct sp_adapter_watch *w, uint32_t events)
{
    struct exec_rig *rig = self;
    struct epoll_event event = {.events = 0};
    if (events == 0) {
        if (w->events != 0) {
            (void)epoll_ctl(rig->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
            rig->watch[w->index] = NULL;
        }
        w->events = 0;
        return true;
    }
    int operation = w->events != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    for (uint32_t i = 0; w->events == 0 && i <= EXEC_RIG_WATCHES; i++) {
        if (i == EXEC_RIG_WATCHES)
            return false;
        if (rig->watch[i] == NULL) {
            w->index = i;
            break;
        }
    }
    event.events = ((events & SP_ADAPTER_IN) != 0 ? EPOLLIN : 0u) | ((events & SP_ADAPTER_OUT) != 0 ? EPOLLOUT : 0u);
    event.data.u32 = w->index;
    if (epoll_ctl(rig->epoll_fd, operation, w->fd, &event) != 0)
        return false;
    rig->watch[w->index] = w;
    w->events = events;
    return true;
}

static void rig_timer(void *self, struct sp_adapter_timer *t, uint64_t at_us)
{
    struct exec_rig *rig = self;
    if (t->at_us != 0)
        rig->timer[t->index] = NULL;
    t->at_us = at_us;
    for (uint32_t i = 0; at_us != 0 && i < EXEC_RIG_TIMERS; i++) {
        if (rig->timer[i] == NULL) {
            rig->timer[i] = t;
            t->index = i;
            return;
        }
    }
    SP_ASSERT(at_us == 0); /* more timers than a rig is for */
}

static void rig_finish(void *self, struct sp_adapter_job *job, const struct sp_adapter_result *result)
{
    struct exec_rig *rig = self;
    if (rig->on_finish != NULL)
        rig->on_finish(rig->arg, job, result);
}

static bool rig_expand(void *self, const struct sp_adapter_job *job, const char *text, char *out, size_t out_cap)
{
    (void)self;
    return param_expand(text, job->node, job->address, out, out_cap);
}

static void rig_log(void *self, char level, const char *text)
{
    struct exec_rig *rig = self;
    if (rig->on_log != NULL)
        rig->on_log(rig->arg, level, text);
}

bool exec_rig_init(struct exec_rig *rig, uint32_t slots, const char *state_dir, const char *libexec_dir)
{
    memset(rig, 0, sizeof *rig);
    rig->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    rig->now_us = sp_clock_mono_ns() / 1000;
    rig->host = (struct sp_adapter_host){.self = rig,
                                         .slots = slots,
                                         .prefix = state_dir,
                                         .state_dir = state_dir,
                                         .run_dir = state_dir,
                                         .libexec_dir = libexec_dir,
                                         .now_us = rig_now,
                                         .watch = rig_watch,
                                         .timer = rig_timer,
                                         .finish = rig_finish,
                                         .expand = rig_expand,
                                         .log = rig_log};
    return rig->epoll_fd >= 0;
}

void exec_rig_fini(struct exec_rig *rig)
{
    if (rig->epoll_fd >= 0)
        (void)close(rig->epoll_fd);
    rig->epoll_fd = -1;
}

static int nearest_ms(const struct exec_rig *rig, int timeout_ms)
{
    uint64_t now_us = sp_clock_mono_ns() / 1000;
    for (uint32_t i = 0; i < EXEC_RIG_TIMERS; i++) {
        const struct sp_adapter_timer *t = rig->timer[i];
        if (t == NULL)
            continue;
        uint64_t left_ms = t->at_us <= now_us ? 0 : (t->at_us - now_us + 999) / 1000;
        if (timeout_ms < 0 || left_ms < (uint64_t)timeout_ms)
            timeout_ms = (int)left_ms;
    }
    return timeout_ms;
}

void exec_rig_turn(struct exec_rig *rig, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(rig->epoll_fd, events, EVENTS_MAX, nearest_ms(rig, timeout_ms));
    rig->now_us = sp_clock_mono_ns() / 1000;
    for (int i = 0; i < n; i++) {
        struct sp_adapter_watch *w = rig->watch[events[i].data.u32];
        uint32_t what = ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 ? SP_ADAPTER_IN : 0u) |
                        ((events[i].events & EPOLLOUT) != 0 ? SP_ADAPTER_OUT : 0u);
        if (w != NULL)
            w->ready(w, what);
    }
    for (uint32_t i = 0; i < EXEC_RIG_TIMERS; i++) {
        struct sp_adapter_timer *t = rig->timer[i];
        if (t == NULL || t->at_us > rig->now_us)
            continue;
        rig->timer[i] = NULL;
        t->at_us = 0;
        t->fire(t);
    }
}
