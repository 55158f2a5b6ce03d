/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_host.h"

#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "sp_assert.h"
#include "sp_log.h"

static uint64_t host_now(void *self)
{
    return sp_loop_now(((struct worker_host *)self)->loop)->mono.us;
}

static void on_ready(void *ctx, uint32_t events, const struct sp_now *now)
{
    struct sp_adapter_watch *w = ctx;
    uint32_t e = 0;
    (void)now;
    e |= (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP)) != 0 ? SP_ADAPTER_IN : 0;
    e |= (events & EPOLLOUT) != 0 ? SP_ADAPTER_OUT : 0;
    e |= (events & EPOLLERR) != 0 ? SP_ADAPTER_ERR : 0;
    w->ready(w, e);
}

static bool host_watch(void *ctx, struct sp_adapter_watch *w, uint32_t events)
{
    struct worker_host *self = ctx;
    uint32_t want =
        ((events & SP_ADAPTER_IN) != 0 ? (uint32_t)EPOLLIN : 0) | ((events & SP_ADAPTER_OUT) != 0 ? (uint32_t)EPOLLOUT : 0);
    enum sp_rc rc = SP_OK;
    if (events == w->events) {
        return true;
    }
    self->watches++;
    if (events == 0) {
        sp_loop_del(self->loop, w->fd);
    } else if (w->events == 0) {
        rc = sp_loop_add(self->loop, w->fd, want, (struct sp_loop_watch){on_ready, w});
    } else {
        rc = sp_loop_mod(self->loop, w->fd, want);
    }
    if (rc == SP_OK) {
        w->events = events;
    }
    return rc == SP_OK;
}

static bool grow(struct worker_host *self)
{
    uint32_t old = self->heap.size;
    uint32_t size = old * 2;
    if (size > WORKER_HOST_TIMERS_MAX || !sp_heap_resize(&self->heap, size)) {
        return false;
    }
    struct sp_adapter_timer **timer = realloc(self->timer, size * sizeof *timer);
    if (timer == NULL) {
        return false;
    }
    self->timer = timer;
    uint32_t *ids = realloc(self->free_id, size * sizeof *ids);
    if (ids == NULL) {
        return false;
    }
    self->free_id = ids;
    for (uint32_t id = size; id-- > old;) {
        self->free_id[self->free_count++] = id;
    }
    return true;
}

/* t->index is the id + 1 while the timer is set, 0 otherwise. */
static void host_timer(void *ctx, struct sp_adapter_timer *t, uint64_t at_us)
{
    struct worker_host *self = ctx;
    if (at_us == 0) {
        if (t->index != 0) {
            sp_heap_remove(&self->heap, t->index - 1);
            self->free_id[self->free_count++] = t->index - 1;
            t->index = 0;
        }
        t->at_us = 0;
        return;
    }
    if (t->index == 0) {
        bool room = self->free_count > 0 || grow(self);
        SP_ASSERT(room); /* more timers than descriptors: an adapter leaks them */
        t->index = self->free_id[--self->free_count] + 1;
        self->timer[t->index - 1] = t;
    }
    t->at_us = at_us;
    sp_heap_set(&self->heap, t->index - 1, at_us);
}

static bool host_expand(void *self, const struct sp_adapter_job *job, const char *text, char *out, size_t out_cap)
{
    (void)self;
    return param_expand(text, job->node, job->address, out, out_cap);
}

static void host_log(void *self, char level, const char *text)
{
    enum sp_log_level l = level == 'e' ? SP_LOG_ERROR : level == 'w' ? SP_LOG_WARNING : level == 'n' ? SP_LOG_NOTICE : SP_LOG_DEBUG;
    (void)self;
    SP_LOG(l, "worker", "adapter", SP_LOG_S("text", text));
}

/* ask->index is its place + 1 while the question is open. */
static void host_ask_stop(void *ctx, struct sp_adapter_ask *ask)
{
    struct worker_host *self = ctx;
    if (ask->index == 0) {
        return;
    }
    struct sp_adapter_ask *last = self->asking[--self->asking_count];
    self->asking[ask->index - 1] = last;
    last->index = ask->index;
    ask->index = 0;
}

static void host_ask(void *ctx, const struct sp_adapter_job *job, struct sp_adapter_ask *ask,
                     const struct sp_adapter_question *question)
{
    struct worker_host *self = ctx;
    (void)job;
    (void)question;
    SP_ASSERT(ask->index == 0);
    if (self->asking_count == self->asking_size) {
        uint32_t size = self->asking_size == 0 ? WORKER_HOST_TIMERS : self->asking_size * 2;
        struct sp_adapter_ask **asking = realloc(self->asking, size * sizeof *asking);
        SP_ASSERT(asking != NULL && size <= WORKER_HOST_TIMERS_MAX); /* one question a job: more leak */
        self->asking = asking;
        self->asking_size = size;
    }
    self->asking[self->asking_count++] = ask;
    ask->index = self->asking_count;
}

static void end_questions(struct worker_host *self)
{
    const struct sp_adapter_part part = {.reason = SP_REASON_UNREACHABLE, .detail = "there is no bus here", .last = true};
    for (uint32_t n = self->asking_count; n > 0 && self->asking_count > 0; n--) { /* what is asked meanwhile ends next time */
        struct sp_adapter_ask *ask = self->asking[0];
        host_ask_stop(self, ask);
        ask->part(ask, &part);
    }
}

bool worker_host_init(struct worker_host *self, struct sp_loop *loop, struct sp_adapter_host *services)
{
    memset(self, 0, sizeof *self);
    self->loop = loop;
    self->timer = calloc(WORKER_HOST_TIMERS, sizeof *self->timer);
    self->free_id = calloc(WORKER_HOST_TIMERS, sizeof *self->free_id);
    if (self->timer == NULL || self->free_id == NULL || !sp_heap_init(&self->heap, WORKER_HOST_TIMERS)) {
        worker_host_fini(self);
        return false;
    }
    for (uint32_t id = WORKER_HOST_TIMERS; id-- > 0;) {
        self->free_id[self->free_count++] = id;
    }
    services->self = self;
    services->now_us = host_now;
    services->watch = host_watch;
    services->timer = host_timer;
    services->expand = host_expand;
    services->log = host_log;
    services->ask = host_ask;
    services->ask_stop = host_ask_stop;
    return true;
}

void worker_host_fini(struct worker_host *self)
{
    free(self->timer);
    free(self->free_id);
    free(self->asking);
    self->asking = NULL;
    self->timer = NULL;
    self->free_id = NULL;
    sp_heap_fini(&self->heap);
}

void worker_host_tick(struct worker_host *self, uint64_t now_us)
{
    const struct sp_heap_entry *top;
    end_questions(self);
    for (uint32_t i = 0; i < WORKER_HOST_FIRE_MAX; i++) {
        top = sp_heap_top(&self->heap);
        if (top == NULL || top->key > now_us) {
            return;
        }
        struct sp_adapter_timer *t = self->timer[top->id];
        host_timer(self, t, 0);
        t->fire(t);
    }
}

uint64_t worker_host_deadline(const struct worker_host *self)
{
    const struct sp_heap_entry *top = sp_heap_top(&self->heap);
    return self->asking_count > 0 ? 0 : top != NULL ? top->key : UINT64_MAX;
}
