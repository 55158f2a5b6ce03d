/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_helper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec_child.h"
#include "sp_assert.h"

bool exec_helper_start(struct exec_helper *h, const char *program, char *const argv[], int *error)
{
    static char *const environment[] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL};
    struct exec_child child;
    uint8_t *out = h->out != NULL ? h->out : malloc(EXEC_PACKET_MAX);
    *h = (struct exec_helper){.fd = -1, .out = out};
    if (out == NULL) {
        *error = ENOMEM;
        return false;
    }
    bool ok = exec_child_start(&child, program, argv, environment, error);
    h->fd = child.fd;
    h->pid = child.pid;
    return ok;
}

void exec_helper_stop(struct exec_helper *h)
{
    struct exec_child child = {.pid = h->pid, .fd = h->fd};
    exec_child_stop(&child, EXEC_HELPER_END_MS);
    h->fd = -1;
    h->pid = 0;
    h->out_bytes = 0;
}

void exec_helper_flush(struct exec_helper *h)
{
    if (h->out_bytes == 0 || h->fd < 0)
        return;
    ssize_t sent = send(h->fd, h->out, h->out_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) {
        h->blocked = true;
        return;
    }
    h->blocked = false;
    h->out_bytes = 0; /* after an error the socket reports its end when it is read */
}

bool exec_helper_has_room(struct exec_helper *h, uint32_t bytes)
{
    if (EXEC_PACKET_MAX - h->out_bytes < bytes && !h->blocked)
        exec_helper_flush(h);
    return h->fd >= 0 && EXEC_PACKET_MAX - h->out_bytes >= bytes;
}

void exec_helper_put(struct exec_helper *h, const void *record, uint32_t bytes)
{
    SP_ASSERT(bytes % 8 == 0 && EXEC_PACKET_MAX - h->out_bytes >= bytes);
    memcpy(h->out + h->out_bytes, record, bytes);
    h->out_bytes += bytes;
}

bool exec_helper_load(struct exec_helper *h, const struct exec_plugin *plugin, const char dir[EXEC_DIR_BYTES])
{
    struct exec_load load = {
        .record = {EXEC_LOAD, plugin->script ? EXEC_LOAD_SCRIPT : 0, sizeof load}, .plugin = plugin->number, .unused = 0};
    memcpy(load.dir, dir, sizeof load.dir);
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    memset(control, 0, sizeof control);
    struct iovec part = {&load, sizeof load};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &plugin->fd, sizeof plugin->fd);
    exec_helper_flush(h); /* orders before this one mean the older copy */
    if (h->blocked)
        return false;
    if (sendmsg(h->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof load) {
        h->blocked = true;
        return false;
    }
    h->loaded[plugin->number] = plugin->generation;
    return true;
}

/* True when the lengths a record states fit in it. */
static bool is_sound(const struct exec_record *record)
{
    const void *p = record;
    switch (record->type) {
    case EXEC_HELLO:
        return record->bytes >= sizeof(struct exec_hello);
    case EXEC_STARTED:
        return record->bytes >= sizeof(struct exec_started);
    case EXEC_RESULT: {
        const struct exec_result *r = p;
        return record->bytes >= sizeof *r && record->bytes - sizeof *r >= r->output_bytes;
    }
    case EXEC_FATAL:
    case EXEC_NOTE: {
        const struct exec_text *t = p;
        return record->bytes >= sizeof *t && record->bytes - sizeof *t >= t->text_bytes && t->text_bytes <= EXEC_TEXT_MAX;
    }
    default:
        return false;
    }
}

static int descriptor_of(struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    int fd = -1;
    if (control != NULL && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
        control->cmsg_len >= CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(control), sizeof fd);
    return fd;
}

enum exec_helper_state exec_helper_receive(struct exec_helper *h, uint8_t *buffer, exec_helper_handler *handler, void *self)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {buffer, EXEC_PACKET_MAX};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(h->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return EXEC_HELPER_EMPTY;
    if (got <= 0)
        return EXEC_HELPER_GONE;
    int fd = descriptor_of(&message);
    uint32_t at = 0;
    bool sound = true;
    while (sound && at < (uint32_t)got) {
        const struct exec_record *record = (const struct exec_record *)(const void *)(buffer + at);
        sound = (uint32_t)got - at >= sizeof *record && record->bytes >= sizeof *record && record->bytes <= (uint32_t)got - at &&
                record->bytes % 8 == 0 && is_sound(record);
        if (!sound)
            break;
        handler(self, record, fd);
        fd = -1;
        at += record->bytes;
    }
    if (fd >= 0)
        (void)close(fd);
    return sound ? EXEC_HELPER_GOT : EXEC_HELPER_GONE;
}
