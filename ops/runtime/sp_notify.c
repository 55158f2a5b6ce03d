/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NOTE_BYTES 512u

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || n >= sizeof address.sun_path) {
        return -1;
    }
    memcpy(address.sun_path, path, n);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* abstract name */
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, size) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* WATCHDOG_PID, when given, names the one process that is watched. */
static uint64_t watchdog_us(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t value = 0;
    uint64_t watched = 0;
    if (usec == NULL || !sp_str_u64(sp_str_of(usec), UINT64_MAX / 2, &value)) {
        return 0;
    }
    if (pid != NULL && (!sp_str_u64(sp_str_of(pid), INT32_MAX, &watched) || (pid_t)watched != getpid())) {
        return 0;
    }
    return value;
}

void sp_notify_init(struct sp_notify *n)
{
    const char *path = getenv("NOTIFY_SOCKET");
    *n = (struct sp_notify){.fd = -1};
    if (path != NULL) {
        n->fd = connect_to(path);
        n->interval_us = n->fd >= 0 ? watchdog_us() / 2 : 0;
    }
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void sp_notify_fini(struct sp_notify *n)
{
    if (n->fd >= 0) {
        (void)close(n->fd);
    }
    n->fd = -1;
}

/* A manager that does not read must not stop us: the socket does not block, a lost note is lost. */
static void note(struct sp_notify *n, const char *text)
{
    if (n->fd >= 0) {
        (void)!send(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void note_with_status(struct sp_notify *n, const char *what, const char *status)
{
    char text[NOTE_BYTES];
    (void)snprintf(text, sizeof text, "%s%s%s", what, status != NULL ? "STATUS=" : "", status != NULL ? status : "");
    note(n, text);
}

void sp_notify_ready(struct sp_notify *n, const char *status)
{
    note_with_status(n, "READY=1\n", status);
}

void sp_notify_stopping(struct sp_notify *n, const char *status)
{
    note_with_status(n, "STOPPING=1\n", status);
}

void sp_notify_status(struct sp_notify *n, const char *status)
{
    note_with_status(n, "", status);
}

void sp_notify_watchdog(struct sp_notify *n, struct sp_mono now, uint64_t progress)
{
    if (n->interval_us == 0 || now.us < n->next.us) {
        return;
    }
    /* Without progress: look again soon, and let the manager's patience run out. */
    n->next.us = now.us + (progress != n->progress ? n->interval_us : n->interval_us / 4 + 1);
    if (progress != n->progress) {
        n->progress = progress;
        note(n, "WATCHDOG=1");
    }
}

struct sp_mono sp_notify_deadline(const struct sp_notify *n)
{
    struct sp_mono at = {n->interval_us == 0 ? SP_NEVER : n->next.us};
    return at;
}
