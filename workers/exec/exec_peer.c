/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_peer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sp_assert.h"

void exec_peer_init(struct exec_peer *peer, int fd)
{
    peer->fd = fd;
    peer->out_bytes = 0;
    peer->blocked = false;
    peer->gone = false;
}

static int descriptor_of(struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    if (control == NULL || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS ||
        control->cmsg_len < CMSG_LEN(sizeof(int)))
        return -1;
    int fd;
    memcpy(&fd, CMSG_DATA(control), sizeof fd);
    return fd;
}

bool exec_peer_receive(struct exec_peer *peer, exec_peer_handler *handler, void *self)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {peer->in, sizeof peer->in};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(peer->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got <= 0) {
        peer->gone = got == 0 || (errno != EAGAIN && errno != EINTR);
        return false;
    }
    int fd = descriptor_of(&message);
    uint32_t at = 0;
    uint32_t end = (uint32_t)got;
    while (end - at >= sizeof(struct exec_record)) {
        const struct exec_record *record = (const struct exec_record *)(const void *)(peer->in + at);
        if (record->bytes < sizeof *record || record->bytes > end - at || record->bytes % 8 != 0)
            break;
        handler(self, record, fd);
        fd = -1; /* the first record took it */
        at += record->bytes;
    }
    if (at != end)
        peer->gone = true; /* a worker that cannot count is not ours */
    if (fd >= 0)
        (void)close(fd);
    return true;
}

void exec_peer_flush(struct exec_peer *peer)
{
    if (peer->out_bytes == 0 || peer->gone)
        return;
    ssize_t sent = send(peer->fd, peer->out, peer->out_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) {
        peer->blocked = true;
        return;
    }
    peer->gone = sent < 0;
    peer->blocked = false;
    peer->out_bytes = 0;
}

bool exec_peer_has_room(struct exec_peer *peer, uint32_t bytes)
{
    if (sizeof peer->out - peer->out_bytes < EXEC_PAD(bytes) && !peer->blocked)
        exec_peer_flush(peer);
    return sizeof peer->out - peer->out_bytes >= EXEC_PAD(bytes);
}

bool exec_peer_wait_room(struct exec_peer *peer, uint32_t bytes)
{
    while (!exec_peer_has_room(peer, bytes)) {
        struct pollfd wait = {.fd = peer->fd, .events = POLLOUT};
        if (peer->gone)
            return false;
        (void)poll(&wait, 1, -1);
        exec_peer_flush(peer);
    }
    return true;
}

void exec_peer_emit(struct exec_peer *peer, struct exec_record *head, uint32_t head_bytes, const void *tail, uint32_t tail_bytes)
{
    uint32_t bytes = EXEC_PAD(head_bytes + tail_bytes);
    SP_ASSERT(sizeof peer->out - peer->out_bytes >= bytes);
    head->bytes = bytes;
    uint8_t *to = peer->out + peer->out_bytes;
    memset(to + bytes - 8, 0, 8);
    memcpy(to, head, head_bytes);
    if (tail_bytes > 0)
        memcpy(to + head_bytes, tail, tail_bytes);
    peer->out_bytes += bytes;
}

bool exec_peer_give(struct exec_peer *peer, struct exec_record *record, uint32_t bytes, int fd)
{
    SP_ASSERT(bytes % 8 == 0);
    record->bytes = bytes;
    exec_peer_flush(peer);
    if (peer->blocked || peer->gone)
        return false;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    memset(control, 0, sizeof control);
    struct iovec part = {record, bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    return sendmsg(peer->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)bytes;
}

void exec_peer_say(struct exec_peer *peer, uint16_t type, const char *text)
{
    size_t n = strnlen(text, EXEC_TEXT_MAX);
    struct exec_text head = {.record = {.type = type, .flags = 0, .bytes = 0}, .text_bytes = (uint32_t)n, .unused = 0};
    if (exec_peer_has_room(peer, (uint32_t)(sizeof head + n)))
        exec_peer_emit(peer, &head.record, (uint32_t)sizeof head, text, (uint32_t)n);
}
