/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec_landlock.h"
#include "exec_spawn.h"
#include "sp_assert.h"
#include "sp_clock.h"

#define OUTPUT_STRIDE        (EXEC_OUTPUT_MAX + 64u) /* room to read one byte too many */
#define ENV_MAX              16u                     /* environment of a plugin, with its NULL */
#define RESULT_BYTES(output) ((uint32_t)sizeof(struct exec_result) + (output))

bool exec_run_init(struct exec_run *self, uint32_t slots, int epoll_fd, struct exec_peer *peer)
{
    SP_ASSERT(slots > 0 && slots <= EXEC_SLOTS_MAX);
    self->peer = peer;
    self->epoll_fd = epoll_fd;
    self->slots = slots;
    self->oldest = self->newest = EXEC_RUN_NONE;
    sp_map_init(&self->by_pid);
    sp_map_init(&self->by_run);
    self->slot = calloc(slots, sizeof *self->slot);
    self->output = calloc(slots, OUTPUT_STRIDE); /* touched only as far as used */
    if (self->slot == NULL || self->output == NULL || !sp_heap_init(&self->deadlines, slots) ||
        !sp_map_reserve(&self->by_pid, slots) || !sp_map_reserve(&self->by_run, slots))
        return false;
    for (uint32_t i = 0; i < slots; i++)
        self->slot[i].newer = i + 1 < slots ? i + 1 : EXEC_RUN_NONE;
    for (uint32_t i = 0; i < EXEC_PLUGINS_MAX; i++)
        self->plugin[i] = (struct exec_run_plugin){.fd = -1, .isolation_fd = -1};
    return true;
}

/* ---- order of start, of runs whose pipe is not watched yet ---- */

static void age_append(struct exec_run *self, uint32_t i)
{
    struct exec_run_slot *s = &self->slot[i];
    s->older = self->newest;
    s->newer = EXEC_RUN_NONE;
    if (self->newest != EXEC_RUN_NONE)
        self->slot[self->newest].newer = i;
    else
        self->oldest = i;
    self->newest = i;
}

static void age_remove(struct exec_run *self, uint32_t i)
{
    struct exec_run_slot *s = &self->slot[i];
    if (s->older != EXEC_RUN_NONE)
        self->slot[s->older].newer = s->newer;
    else
        self->oldest = s->newer;
    if (s->newer != EXEC_RUN_NONE)
        self->slot[s->newer].older = s->older;
    else
        self->newest = s->older;
}

/* ---- ends ---- */

static void close_pipe(struct exec_run *self, uint32_t i)
{
    struct exec_run_slot *s = &self->slot[i];
    if (s->state == EXEC_RUN_RUNNING && !s->watched && !s->resident)
        age_remove(self, i);
    if (s->pipe >= 0)
        (void)close(s->pipe); /* leaves the epoll set as well: nobody else has this end */
    s->pipe = -1;
    s->watched = true;
}

static void answer(struct exec_run *self, uint32_t i, enum exec_end end, int code, const struct rusage *used, uint64_t now_us)
{
    struct exec_run_slot *s = &self->slot[i];
    struct exec_result r = {.record = {.type = EXEC_RESULT, .flags = 0, .bytes = 0},
                            .run = s->run,
                            .wall_us = (uint32_t)(now_us - s->started_us),
                            .cpu_us = 0,
                            .code = code,
                            .end = (uint8_t)end,
                            .left_behind = s->left_behind,
                            .output_bytes = (uint16_t)s->output_bytes};
    if (used != NULL)
        r.cpu_us =
            (uint32_t)((used->ru_utime.tv_sec + used->ru_stime.tv_sec) * 1000000 + used->ru_utime.tv_usec + used->ru_stime.tv_usec);
    exec_peer_emit(self->peer, &r.record, (uint32_t)sizeof r, self->output + (size_t)i * OUTPUT_STRIDE, s->output_bytes);
}

static void refuse(struct exec_run *self, uint64_t run, enum exec_end end, int code)
{
    struct exec_result r = {.record = {.type = EXEC_RESULT, .flags = 0, .bytes = 0}, .run = run, .code = code, .end = (uint8_t)end};
    if (exec_peer_wait_room(self->peer, (uint32_t)sizeof r))
        exec_peer_emit(self->peer, &r.record, (uint32_t)sizeof r, NULL, 0);
}

/* Effect: everything the run has started is told to die. Its main process is not reaped yet, or only just: its number still names
 * its group, as long as the group has a member. A main process may have left its group, so as long as it is not reaped, which keeps
 * its number from being given to another, it is killed by itself; so is all that is in the slot's control group. */
static void kill_run(struct exec_run *self, uint32_t i, bool reaped)
{
    (void)kill(-self->slot[i].pid, SIGKILL);
    if (reaped)
        return;
    (void)kill(self->slot[i].pid, SIGKILL);
    if (i < self->cgroup.slots)
        (void)exec_cgroup_clear(&self->cgroup, i);
}

/* Effect: running -> dying. */
static void condemn(struct exec_run *self, uint32_t i, bool reaped)
{
    kill_run(self, i, reaped);
    close_pipe(self, i);
    sp_heap_remove(&self->deadlines, i);
    sp_map_remove(&self->by_run, self->slot[i].run);
    self->slot[i].state = EXEC_RUN_DYING;
}

static void release(struct exec_run *self, uint32_t i)
{
    struct exec_run_slot *s = &self->slot[i];
    if (s->state != EXEC_RUN_HAUNTED)
        sp_map_remove(&self->by_pid, (uint64_t)s->pid);
    s->state = EXEC_RUN_FREE;
    s->newer = self->free_head;
    self->free_head = i;
    self->live--;
}

/* ---- output ---- */

enum more { MORE_NOTHING, MORE_END, MORE_TOO_MUCH };

static enum more read_output(struct exec_run *self, uint32_t i)
{
    struct exec_run_slot *s = &self->slot[i];
    char *to = self->output + (size_t)i * OUTPUT_STRIDE;
    while (s->pipe >= 0) {
        ssize_t got = read(s->pipe, to + s->output_bytes, s->output_max + 1 - s->output_bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? MORE_NOTHING : MORE_END;
        if (got == 0)
            return MORE_END;
        s->output_bytes += (uint32_t)got;
        if (s->output_bytes > s->output_max) {
            s->output_bytes = 0; /* too much is an error, not a shorter answer */
            return MORE_TOO_MUCH;
        }
    }
    return MORE_END;
}

void exec_run_readable(struct exec_run *self, uint32_t i, uint64_t now_us)
{
    struct exec_run_slot *s = &self->slot[i];
    if (i >= self->slots || s->state != EXEC_RUN_RUNNING || s->pipe < 0 ||
        !exec_peer_has_room(self->peer, RESULT_BYTES(EXEC_OUTPUT_MAX)))
        return;
    enum more more = read_output(self, i);
    if (more == MORE_TOO_MUCH) {
        condemn(self, i, false);
        answer(self, i, EXEC_END_OUTPUT, 0, NULL, now_us);
    } else if (more == MORE_END) {
        close_pipe(self, i);
    }
}

static void watch(struct exec_run *self, uint32_t i)
{
    struct exec_run_slot *s = &self->slot[i];
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = i}};
    age_remove(self, i);
    s->watched = true;
    (void)epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, s->pipe, &event);
}

/* ---- the main process has ended ---- */

static void finish(struct exec_run *self, uint32_t i, int status, const struct rusage *used, uint64_t now_us)
{
    struct exec_run_slot *s = &self->slot[i];
    if (s->state == EXEC_RUN_RUNNING) {
        enum more more = read_output(self, i);
        s->left_behind = more == MORE_NOTHING && s->pipe >= 0;
        condemn(self, i, true);
        if (more == MORE_TOO_MUCH)
            answer(self, i, EXEC_END_OUTPUT, 0, used, now_us);
        else if (WIFSIGNALED(status))
            answer(self, i, EXEC_END_SIGNAL, WTERMSIG(status), used, now_us);
        else
            answer(self, i, EXEC_END_EXIT, WEXITSTATUS(status), used, now_us);
        if (s->left_behind)
            self->scan_at_us = now_us;
    }
    if (i >= self->cgroup.slots || exec_cgroup_clear(&self->cgroup, i)) {
        release(self, i);
        return;
    }
    sp_map_remove(&self->by_pid, (uint64_t)s->pid);
    s->state = EXEC_RUN_HAUNTED;
    self->haunted++;
    self->strays++;
    self->scan_at_us = now_us + EXEC_RUN_SCAN_AGAIN_US;
}

void exec_run_reap(struct exec_run *self, uint64_t now_us)
{
    while (exec_peer_has_room(self->peer, RESULT_BYTES(EXEC_OUTPUT_MAX))) {
        int status;
        struct rusage used;
        pid_t pid = wait4(-1, &status, WNOHANG, &used);
        if (pid <= 0)
            return;
        uint32_t i = sp_map_get(&self->by_pid, (uint64_t)pid);
        if (i != SP_MAP_NONE)
            finish(self, i, status, &used, now_us);
    }
}

/* ---- starts ---- */

/* Effect: the plugin's directory: the text of its environment and the rules of its runs. False: there is none. */
static bool open_directory(struct exec_run *self, struct exec_run_plugin *p, const struct exec_load *load)
{
    static const char before[] = "TMPDIR=";
    char text[PATH_MAX + sizeof before];
    bool none = self->tmp == NULL || load->dir[0] == '\0';
    struct stat st;
    if (memchr(load->dir, '\0', sizeof load->dir) == NULL || strchr(load->dir, '/') != NULL || load->dir[0] == '.')
        return false;
    int n = none ? snprintf(text, sizeof text, "%s/nonexistent", before)
                 : snprintf(text, sizeof text, "%s%s/%s", before, self->tmp, load->dir);
    if (n < 0 || (size_t)n >= sizeof text || (!none && (stat(text + strlen(before), &st) != 0 || !S_ISDIR(st.st_mode))) ||
        !exec_landlock_run(self->sandbox->landlock, none ? NULL : text + strlen(before), &p->isolation_fd))
        return false;
    p->tmpdir = strdup(text);
    return p->tmpdir != NULL;
}

static void forget_plugin(struct exec_run_plugin *p)
{
    if (p->fd >= 0)
        (void)close(p->fd);
    if (p->isolation_fd >= 0)
        (void)close(p->isolation_fd);
    free(p->tmpdir);
    *p = (struct exec_run_plugin){.fd = -1, .isolation_fd = -1};
}

void exec_run_load(struct exec_run *self, const struct exec_load *load, int fd)
{
    if (load->plugin >= EXEC_PLUGINS_MAX || fd < 0) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    struct exec_run_plugin *p = &self->plugin[load->plugin];
    forget_plugin(p);
    p->fd = fd;
    p->script = (load->record.flags & EXEC_LOAD_SCRIPT) != 0;
    if (!open_directory(self, p, load)) {
        forget_plugin(p);
        exec_peer_say(self->peer, EXEC_NOTE, "the directory of a plugin cannot be used: it is not run");
    }
}

void exec_run_unload(struct exec_run *self, const struct exec_load *load)
{
    if (load->plugin < EXEC_PLUGINS_MAX)
        forget_plugin(&self->plugin[load->plugin]);
}

/* Effect: argv[] into the record's own bytes. False: the record contradicts itself. */
static bool split_args(const struct exec_spawn *order, const char *argv[EXEC_ARGS_MAX + 1])
{
    const char *at = (const char *)(order + 1);
    size_t left = order->args_bytes;
    if (order->argc == 0 || order->argc > EXEC_ARGS_MAX || order->record.bytes < sizeof *order + left)
        return false;
    for (uint32_t i = 0; i < order->argc; i++) {
        const char *end = memchr(at, '\0', left);
        if (end == NULL)
            return false;
        argv[i] = at;
        left -= (size_t)(end + 1 - at);
        at = end + 1;
    }
    argv[order->argc] = NULL;
    return left == 0;
}

/* Effect: ends[0] is ours, ends[1] the plugin's. */
static bool make_channel(bool resident, int ends[2])
{
    if (resident)
        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        return true;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return false;
}

static void enter(struct exec_run *self, uint32_t i, const struct exec_spawn *order, pid_t pid, int pipe, uint64_t now_us)
{
    struct exec_run_slot *s = &self->slot[i];
    self->free_head = s->newer;
    self->live++;
    bool resident = (order->record.flags & EXEC_SPAWN_RESIDENT) != 0;
    uint32_t most = order->output_max == 0 ? EXEC_OUTPUT_DEFAULT : order->output_max;
    *s = (struct exec_run_slot){.state = EXEC_RUN_RUNNING,
                                .run = order->run,
                                .pid = pid,
                                .pipe = resident ? -1 : pipe,
                                .watched = resident,
                                .resident = resident,
                                .output_max = most > EXEC_OUTPUT_MAX ? EXEC_OUTPUT_MAX : most,
                                .started_us = now_us};
    (void)sp_map_put(&self->by_pid, (uint64_t)pid, i); /* room was reserved */
    (void)sp_map_put(&self->by_run, order->run, i);
    if (!resident) {
        uint64_t latest = now_us + EXEC_TIMEOUT_US_MAX;
        sp_heap_set(&self->deadlines, i, (order->deadline_us < latest ? order->deadline_us : latest) + EXEC_GRACE_US);
        age_append(self, i);
    }
    if (self->scan_at_us == 0)
        self->scan_at_us = now_us + EXEC_RUN_SCAN_EVERY_US;
}

static void give_resident(struct exec_run *self, uint32_t i, int fd)
{
    struct exec_started started = {.record = {.type = EXEC_STARTED, .flags = 0, .bytes = 0},
                                   .run = self->slot[i].run,
                                   .pid = (uint32_t)self->slot[i].pid,
                                   .unused = 0};
    if (!exec_peer_give(self->peer, &started.record, (uint32_t)sizeof started, fd))
        kill_run(self, i, false); /* its end will be told */
}

static void put_environment(const struct exec_run *self, const struct exec_run_plugin *plugin, const char *env[ENV_MAX])
{
    uint32_t n = 0;
    for (; self->env[n] != NULL; n++) {
        SP_ASSERT(n + 2 < ENV_MAX);
        env[n] = self->env[n];
    }
    env[n++] = plugin->tmpdir;
    env[n] = NULL;
}

void exec_run_start(struct exec_run *self, const struct exec_spawn *order, uint64_t now_us)
{
    const char *argv[EXEC_ARGS_MAX + 1];
    uint32_t i = self->free_head;
    if (i == EXEC_RUN_NONE) {
        refuse(self, order->run, EXEC_END_BUSY, 0);
        return;
    }
    if (order->plugin >= EXEC_PLUGINS_MAX || self->plugin[order->plugin].fd < 0 || !split_args(order, argv)) {
        refuse(self, order->run, EXEC_END_SPAWN, EINVAL);
        return;
    }
    bool resident = (order->record.flags & EXEC_SPAWN_RESIDENT) != 0;
    int ends[2];
    if (!resident && order->deadline_us <= now_us) {
        refuse(self, order->run, EXEC_END_DEADLINE, 0); /* we or the worker stood still: somebody else may run it by now */
        return;
    }
    if (!make_channel(resident, ends)) {
        refuse(self, order->run, EXEC_END_SPAWN, errno);
        return;
    }
    const struct exec_run_plugin *plugin = &self->plugin[order->plugin];
    const char *env[ENV_MAX];
    put_environment(self, plugin, env);
    struct exec_spawn_plan plan = {.argv = argv,
                                   .env = env,
                                   .cookies = self->sandbox->cookies,
                                   .program_fd = plugin->fd,
                                   .script = plugin->script,
                                   .closed_stdin = (order->record.flags & EXEC_SPAWN_CLOSED_STDIN) != 0,
                                   .stdout_fd = ends[1],
                                   .stdin_fd = resident ? ends[1] : -1,
                                   .isolation_fd = plugin->isolation_fd,
                                   .cgroup_fd = i < self->cgroup.slots ? self->cgroup.dir_fd[i] : -1,
                                   .error = 0};
    int error;
    pid_t pid = exec_spawn_start(&plan, &error);
    (void)close(ends[1]);
    if (pid > 0 && error == 0) {
        enter(self, i, order, pid, ends[0], now_us);
        if (!resident)
            return;
        give_resident(self, i, ends[0]);
    } else {
        refuse(self, order->run, EXEC_END_SPAWN, error); /* a child that could not become the plugin is reaped as a stranger */
    }
    (void)close(ends[0]);
}

void exec_run_refuse_busy(struct exec_run *self, uint64_t run)
{
    refuse(self, run, EXEC_END_BUSY, 0);
}

/* The run that has to become old or end before another may start; EXEC_RUN_NONE: none. */
static uint32_t in_the_way(const struct exec_run *self)
{
    uint32_t i = self->newest;
    for (uint32_t n = 1; n < EXEC_RUN_YOUNG_MAX && i != EXEC_RUN_NONE; n++)
        i = self->slot[i].older;
    return i;
}

uint64_t exec_run_may_start_us(const struct exec_run *self)
{
    uint32_t i = in_the_way(self);
    if (self->free_head == EXEC_RUN_NONE)
        return UINT64_MAX; /* the slots of runs that were told as ended are free only when they are dead */
    return i == EXEC_RUN_NONE ? 0 : self->slot[i].started_us + EXEC_RUN_YOUNG_US;
}

bool exec_run_may_start(const struct exec_run *self, uint64_t now_us)
{
    return exec_run_may_start_us(self) <= now_us;
}

void exec_run_cancel(struct exec_run *self, uint64_t run)
{
    uint32_t i = sp_map_get(&self->by_run, run);
    if (i != SP_MAP_NONE)
        condemn(self, i, false);
}

/* ---- time ---- */

static bool is_run(void *arg, pid_t pid)
{
    struct exec_run *self = arg;
    return sp_map_get(&self->by_pid, (uint64_t)pid) != SP_MAP_NONE;
}

static void scan(struct exec_run *self, uint64_t now_us)
{
    uint32_t killed = exec_stray_scan(&self->stray, is_run, self);
    self->strays += killed;
    for (uint32_t i = 0; self->haunted > 0 && i < self->cgroup.slots; i++)
        if (self->slot[i].state == EXEC_RUN_HAUNTED && exec_cgroup_clear(&self->cgroup, i)) {
            release(self, i);
            self->haunted--;
        }
    killed += self->haunted;
    if (killed > 0)
        self->scan_at_us = now_us + EXEC_RUN_SCAN_AGAIN_US;
    else
        self->scan_at_us = self->live > 0 ? now_us + EXEC_RUN_SCAN_EVERY_US : 0;
}

void exec_run_tick(struct exec_run *self, uint64_t now_us)
{
    const struct sp_heap_entry *top;
    while ((top = sp_heap_top(&self->deadlines)) != NULL && top->key <= now_us) {
        uint32_t i = top->id;
        if (!exec_peer_has_room(self->peer, RESULT_BYTES(EXEC_OUTPUT_MAX)))
            break;
        /* A run that flooded its pipe and then hung is told as what it did first. */
        enum more more = read_output(self, i);
        condemn(self, i, false);
        self->slot[i].output_bytes = 0;
        self->scan_at_us = now_us;
        answer(self, i, more == MORE_TOO_MUCH ? EXEC_END_OUTPUT : EXEC_END_DEADLINE, 0, NULL, now_us);
    }
    while (self->oldest != EXEC_RUN_NONE && self->slot[self->oldest].started_us + EXEC_RUN_WATCH_AFTER_US <= now_us)
        watch(self, self->oldest);
    if (self->scan_at_us != 0 && self->scan_at_us <= now_us)
        scan(self, now_us);
}

uint64_t exec_run_next_us(const struct exec_run *self)
{
    uint64_t next = UINT64_MAX;
    const struct sp_heap_entry *top = sp_heap_top(&self->deadlines);
    if (top != NULL)
        next = top->key;
    if (self->oldest != EXEC_RUN_NONE && self->slot[self->oldest].started_us + EXEC_RUN_WATCH_AFTER_US < next)
        next = self->slot[self->oldest].started_us + EXEC_RUN_WATCH_AFTER_US;
    if (self->scan_at_us != 0 && self->scan_at_us < next)
        next = self->scan_at_us;
    return next;
}

static bool is_nobody(void *self, pid_t pid)
{
    (void)self;
    (void)pid;
    return false;
}

/* The runs are our children, and whatever they leave comes to us when they die, not before: as long as we have a child, something may
 * be left. What breeds faster than it is killed stays for the service manager. */
void exec_run_kill_all(struct exec_run *self)
{
    const uint64_t limit_us = sp_clock_mono_ns() / 1000 + EXEC_RUN_END_US;
    const struct timespec look_again = {.tv_sec = 0, .tv_nsec = EXEC_RUN_SCAN_AGAIN_US * 1000};
    sigset_t child;
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    for (uint32_t i = 0; i < self->slots; i++)
        if (self->slot[i].state == EXEC_RUN_RUNNING || self->slot[i].state == EXEC_RUN_DYING)
            kill_run(self, i, false);
    while (sp_clock_mono_ns() / 1000 < limit_us) {
        pid_t ended;
        for (uint32_t i = 0; i < self->cgroup.slots; i++)
            (void)exec_cgroup_clear(&self->cgroup, i);
        (void)exec_stray_scan(&self->stray, is_nobody, NULL);
        do
            ended = waitpid(-1, NULL, WNOHANG);
        while (ended > 0);
        if (ended < 0 && errno == ECHILD)
            return;
        (void)sigtimedwait(&child, NULL, &look_again); /* blocked since the start */
    }
}
