/* SPDX-License-Identifier: Apache-2.0 */
#include "appraise_peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static int descriptor_of(struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    int fd = -1;
    if (control != NULL && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
        control->cmsg_len >= CMSG_LEN(sizeof fd)) {
        memcpy(&fd, CMSG_DATA(control), sizeof fd);
    }
    return fd;
}

bool appraise_peer_receive(int fd, struct appraise_in *in)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {in->bytes, sizeof in->bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got;
    do {
        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    in->n = got > 0 ? (size_t)got : 0;
    in->fd = got > 0 ? descriptor_of(&message) : -1;
    return in->n >= sizeof(struct appraise_record);
}

const char *appraise_peer_tail(const struct appraise_in *in, size_t fixed, uint64_t tail)
{
    return in->n >= fixed && in->n - fixed == tail ? (const char *)in->bytes + fixed : NULL;
}

bool appraise_peer_send(int fd, const void *fixed, size_t bytes, const struct sp_str tail[3])
{
    struct iovec part[4] = {{(void *)(uintptr_t)fixed, bytes}};
    size_t n = 1;
    for (size_t i = 0; tail != NULL && i < 3; i++) {
        if (tail[i].n > 0) {
            part[n++] = (struct iovec){(void *)(uintptr_t)tail[i].p, tail[i].n};
        }
    }
    struct msghdr message = {.msg_iov = part, .msg_iovlen = n};
    ssize_t sent;
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent > 0;
}
