/* SPDX-License-Identifier: Apache-2.0 */
#include "appraiser_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sp_assert.h"

struct appraiser_packet {
    struct appraiser_packet *next;
    int fd; /* ours; -1: none */
    uint32_t n;
    uint8_t bytes[];
};

void appraiser_link_init(struct appraiser_link *l)
{
    l->child = (struct exec_child){.pid = 0, .fd = -1};
    l->blocked = false;
    l->waiting_bytes = 0;
    l->first = NULL;
    l->last = &l->first;
    l->in_n = 0;
}

bool appraiser_link_put(struct appraiser_link *l, const void *fixed, size_t bytes, const struct sp_str tail[2], int fd)
{
    size_t n = bytes + (tail != NULL ? (size_t)tail[0].n + tail[1].n : 0);
    SP_ASSERT(n <= APPRAISE_PACKET_MAX);
    struct appraiser_packet *p = malloc(sizeof *p + n);
    if (p == NULL) {
        return false;
    }
    *p = (struct appraiser_packet){.next = NULL, .fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1, .n = (uint32_t)n};
    if (fd >= 0 && p->fd < 0) {
        free(p);
        return false;
    }
    memcpy(p->bytes, fixed, bytes);
    for (size_t i = 0, at = bytes; tail != NULL && i < 2; at += tail[i].n, i++) {
        if (tail[i].n > 0) {
            memcpy(p->bytes + at, tail[i].p, tail[i].n);
        }
    }
    *l->last = p;
    l->last = &p->next;
    l->waiting_bytes += n;
    return true;
}

static void drop_first(struct appraiser_link *l)
{
    struct appraiser_packet *p = l->first;
    l->first = p->next;
    if (l->first == NULL) {
        l->last = &l->first;
    }
    l->waiting_bytes -= p->n;
    if (p->fd >= 0) {
        (void)close(p->fd);
    }
    free(p);
}

static ssize_t send_packet(int to, struct appraiser_packet *p)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {p->bytes, p->n};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (p->fd >= 0) {
        memset(control, 0, sizeof control);
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof p->fd);
        memcpy(CMSG_DATA(head), &p->fd, sizeof p->fd);
    }
    return sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void appraiser_link_flush(struct appraiser_link *l)
{
    l->blocked = false;
    while (l->child.fd >= 0 && l->first != NULL) {
        if (send_packet(l->child.fd, l->first) >= 0) {
            drop_first(l);
        } else if (errno != EINTR) {
            /* Full, or its other end is gone: that is heard when it is read. */
            l->blocked = errno == EAGAIN || errno == ENOBUFS;
            return;
        }
    }
}

void appraiser_link_drop(struct appraiser_link *l)
{
    while (l->first != NULL) {
        drop_first(l);
    }
}

enum appraiser_state appraiser_link_receive(struct appraiser_link *l)
{
    ssize_t got = recv(l->child.fd, l->in, sizeof l->in, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return APPRAISER_EMPTY;
    }
    l->in_n = got > 0 ? (size_t)got : 0;
    return l->in_n >= sizeof(struct appraise_record) ? APPRAISER_GOT : APPRAISER_GONE;
}

const char *appraiser_link_tail(const struct appraiser_link *l, size_t fixed, uint64_t tail)
{
    return l->in_n >= fixed && l->in_n - fixed == tail ? (const char *)l->in + fixed : NULL;
}
