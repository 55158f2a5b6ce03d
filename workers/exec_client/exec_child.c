/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int spawn(pid_t *pid, const char *program, char *const argv[], char *const environment[], int socket)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int rc = posix_spawn_file_actions_adddup2(&actions, socket, EXEC_CHILD_FD);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(&attributes, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(&attributes, &all);
    if (rc == 0)
        rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (rc == 0)
        rc = posix_spawn(pid, program, &actions, &attributes, argv, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

bool exec_child_start(struct exec_child *c, const char *program, char *const argv[], char *const environment[], int *error)
{
    int ends[2];
    *c = (struct exec_child){.pid = 0, .fd = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        *error = errno;
        return false;
    }
    /* dup2 onto itself would leave close-on-exec set. */
    int other = ends[1] == EXEC_CHILD_FD ? dup(ends[1]) : ends[1];
    *error = other < 0 ? errno : spawn(&c->pid, program, argv, environment, other);
    if (other != ends[1] && other >= 0)
        (void)close(other);
    (void)close(ends[1]);
    if (*error != 0) {
        (void)close(ends[0]);
        c->pid = 0;
        return false;
    }
    c->fd = ends[0];
    return true;
}

void exec_child_stop(struct exec_child *c, int within_ms)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    if (c->pid <= 0)
        return;
    struct pollfd ended = {.fd = pidfd_open(c->pid, 0), .events = POLLIN};
    if (ended.fd < 0 || poll(&ended, 1, within_ms) <= 0)
        (void)kill(c->pid, SIGKILL);
    if (ended.fd >= 0)
        (void)close(ended.fd);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    c->pid = 0;
}
