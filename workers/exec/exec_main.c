/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spice-exec - starts the plugins of one worker. Small, single-threaded, without keys: the worker verifies a plugin and hands over
 * a sealed copy of it; this program only starts it inside the sandbox, watches its deadline and reports how it ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "exec_options.h"
#include "exec_queue.h"
#include "exec_run.h"
#include "sp_clock.h"

#define EVENTS_MAX       64
#define PACKETS_PER_TURN 256u /* all there is, as a rule: a cancel must be heard before its order is started */
#define STARTS_PER_TURN  32u
#define TELL_WITHIN_US   1000u /* results wait so long for company, and only while there are runs to start */
#define TELL_BYTES       4096u
#define BLOCKED_US       10000u
#define ID_PEER          (UINT64_MAX - 1)
#define ID_CHILD         (UINT64_MAX - 2)

struct helper {
    struct exec_options options;
    struct exec_sandbox sandbox;
    struct exec_peer peer;
    struct exec_run runs;
    int epoll_fd;
    int signal_fd;
    uint64_t now_us;
    struct exec_queue queue;
    uint64_t told_us; /* when the oldest unsent result was written; 0: none */
    bool wants_out;   /* the epoll set has EPOLLOUT for the peer */
};

static struct helper helper; /* one per process; 300 KiB would not be kind to the stack */

static void die(const char *text)
{
    exec_peer_say(&helper.peer, EXEC_FATAL, text);
    exec_peer_flush(&helper.peer);
    _exit(1);
}

static void update_now(void)
{
    helper.now_us = sp_clock_mono_ns() / 1000;
}

static void on_record(void *self, const struct exec_record *record, int fd)
{
    struct helper *h = self;
    const void *body = record;
    if (record->type == EXEC_SPAWN && record->bytes >= sizeof(struct exec_spawn)) {
        if (!exec_queue_push(&h->queue, body))
            exec_run_refuse_busy(&h->runs, ((const struct exec_spawn *)body)->run);
    } else if (record->type == EXEC_LOAD && record->bytes >= sizeof(struct exec_load)) {
        exec_run_load(&h->runs, body, fd);
        return;
    } else if (record->type == EXEC_UNLOAD && record->bytes >= sizeof(struct exec_load)) {
        exec_run_unload(&h->runs, body);
    } else if (record->type == EXEC_CANCEL && record->bytes >= sizeof(struct exec_cancel)) {
        uint64_t run = ((const struct exec_cancel *)body)->run;
        if (!exec_queue_cancel(&h->queue, run))
            exec_run_cancel(&h->runs, run);
    }
    if (fd >= 0)
        (void)close(fd);
}

static bool add_event(int fd, uint32_t events, uint64_t id, int operation)
{
    struct epoll_event event = {.events = events, .data = {.u64 = id}};
    return epoll_ctl(helper.epoll_fd, operation, fd, &event) == 0;
}

static void open_loop(void)
{
    sigset_t child;
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    helper.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (sigprocmask(SIG_BLOCK, &child, NULL) != 0 || helper.epoll_fd < 0)
        die("no event loop");
    helper.signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (helper.signal_fd < 0 || !add_event(helper.signal_fd, EPOLLIN, ID_CHILD, EPOLL_CTL_ADD) ||
        !add_event(EXEC_SOCKET_FD, EPOLLIN, ID_PEER, EPOLL_CTL_ADD))
        die("no event loop");
}

static void on_event(struct helper *h, const struct epoll_event *event)
{
    if (event->data.u64 == ID_CHILD) {
        struct signalfd_siginfo info;
        while (read(h->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
            continue; /* one signal may stand for many children: reaping follows */
    } else if (event->data.u64 == ID_PEER) {
        if ((event->events & EPOLLOUT) != 0)
            exec_peer_flush(&h->peer);
        for (uint32_t i = 0; i < PACKETS_PER_TURN && !h->peer.blocked; i++)
            if (!exec_peer_receive(&h->peer, on_record, h))
                break;
    } else {
        exec_run_readable(&h->runs, (uint32_t)event->data.u64, h->now_us);
    }
}

/* Effect: starts what waits, as far as it may. Order after order of the same packets: the plugin was loaded before. */
static void start_queued(struct helper *h)
{
    for (uint32_t i = 0; i < STARTS_PER_TURN && h->queue.count > 0 && exec_run_may_start(&h->runs, h->now_us); i++) {
        struct exec_spawn *order = exec_queue_pop(&h->queue);
        if (order == NULL)
            return;
        exec_run_start(&h->runs, order, h->now_us);
        free(order);
        update_now();
        exec_run_reap(&h->runs, h->now_us);
    }
}

/* Effect: sends results: at once when there is nothing else to do, else a few together. A wake-up of the worker for each would cost
 * more than the result. */
static void tell(struct helper *h)
{
    if (h->peer.out_bytes == 0) {
        h->told_us = 0;
        return;
    }
    if (h->told_us == 0)
        h->told_us = h->now_us;
    if (h->queue.count > 0 && h->peer.out_bytes < TELL_BYTES && h->now_us - h->told_us < TELL_WITHIN_US)
        return;
    exec_peer_flush(&h->peer);
    h->told_us = h->peer.out_bytes > 0 ? h->told_us : 0;
}

static uint64_t next_us(const struct helper *h)
{
    uint64_t next = exec_run_next_us(&h->runs);
    uint64_t start = h->queue.count > 0 ? exec_run_may_start_us(&h->runs) : UINT64_MAX;
    uint64_t told = h->told_us != 0 && !h->peer.blocked ? h->told_us + TELL_WITHIN_US : UINT64_MAX;
    next = start < next ? start : next;
    return told < next ? told : next;
}

/* How long to wait; NULL: until something comes. */
static const struct timespec *wait_time(const struct helper *h, struct timespec *time)
{
    uint64_t next = next_us(h);
    uint64_t now = sp_clock_mono_ns() / 1000;
    if (next == UINT64_MAX)
        return NULL;
    uint64_t us = next > now ? next - now : 0;
    if (us == 0 && h->peer.blocked)
        us = BLOCKED_US; /* nothing can be told before the worker reads */
    *time = (struct timespec){.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    return time;
}

static void loop(struct helper *h)
{
    struct epoll_event events[EVENTS_MAX];
    struct timespec time;
    while (!h->peer.gone) {
        int n = epoll_pwait2(h->epoll_fd, events, EVENTS_MAX, wait_time(h, &time), NULL);
        update_now();
        for (int i = 0; i < n; i++)
            on_event(h, &events[i]);
        exec_run_reap(&h->runs, h->now_us);
        start_queued(h);
        exec_run_tick(&h->runs, h->now_us);
        tell(h);
        if (h->peer.blocked != h->wants_out) {
            h->wants_out = h->peer.blocked;
            (void)add_event(EXEC_SOCKET_FD, h->wants_out ? EPOLLIN | EPOLLOUT : EPOLLIN, ID_PEER, EPOLL_CTL_MOD);
        }
    }
}

static void say_hello(struct helper *h)
{
    struct exec_hello hello = {.record = {.type = EXEC_HELLO, .flags = 0, .bytes = 0},
                               .version = EXEC_PROTO_VERSION,
                               .pid = (uint32_t)getpid(),
                               .has = EXEC_HAS_SECCOMP | (h->runs.cgroup.slots > 0 ? EXEC_HAS_CGROUP : 0) |
                                      (h->sandbox.landlock >= EXEC_SANDBOX_ABI_SIGNALS ? EXEC_HAS_ISOLATION : 0),
                               .landlock = h->sandbox.landlock,
                               .slots = h->runs.slots,
                               .uid = (uint32_t)getuid()};
    exec_peer_emit(&h->peer, &hello.record, (uint32_t)sizeof hello, NULL, 0);
    if (h->sandbox.landlock == 0)
        exec_peer_say(&h->peer, EXEC_NOTE, "this kernel has no Landlock: plugins can read and write whatever their user can");
    else if (h->sandbox.landlock < EXEC_SANDBOX_ABI_SIGNALS)
        exec_peer_say(&h->peer, EXEC_NOTE,
                      "Landlock of this kernel cannot keep plugins from signalling each other (needs Linux 6.12)");
    exec_peer_flush(&h->peer);
}

static void quiet_standard_files(void)
{
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
        die("/dev/null cannot be opened");
    if (null > EXEC_SOCKET_FD)
        (void)close(null);
    /* Plugins are the first to go when memory runs out. */
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = write(fd, "500", 3);
        (void)n;
        (void)close(fd);
    }
}

int main(int argc, char **argv)
{
    struct helper *h = &helper;
    const char *why = "";
    int code = exec_options_parse(&h->options, argc, argv);
    if (code >= 0)
        return code;
    (void)close_range(EXEC_SOCKET_FD + 1, ~0u, 0); /* whatever we were born with is not for plugins */
    if (fcntl(EXEC_SOCKET_FD, F_SETFD, FD_CLOEXEC) != 0) {
        (void)fputs("spice-exec: started by spice-worker, not by hand (no socket on descriptor 3)\n", stderr);
        return 2;
    }
    (void)setpgid(0, 0); /* signals of a terminal are not for us: the worker decides when we end */
    exec_peer_init(&h->peer, EXEC_SOCKET_FD);
    quiet_standard_files();
    open_loop();
    if (!exec_run_init(&h->runs, h->options.slots, h->epoll_fd, &h->peer) || !exec_queue_init(&h->queue, h->options.slots))
        die("no memory");
    h->runs.sandbox = &h->sandbox;
    h->runs.env = h->options.env;
    h->runs.tmp = h->options.sandbox.tmp;
    if (!exec_stray_init(&h->runs.stray))
        die("cannot become sub-reaper");
    struct exec_cgroup_limits limits = {h->options.cgroup_processes, h->options.sandbox.memory};
    const char *cgroup_why = "";
    if (h->options.cgroup != NULL &&
        !exec_cgroup_init(&h->runs.cgroup, h->options.cgroup, h->options.slots, h->options.sandbox.uid, &limits, &cgroup_why))
        exec_peer_say(&h->peer, EXEC_NOTE, cgroup_why);
    if (!exec_sandbox_enter(&h->options.sandbox, &h->sandbox, &why))
        die(why);
    say_hello(h);
    loop(h);
    exec_run_kill_all(&h->runs);
    return 0;
}
