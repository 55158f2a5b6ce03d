/* SPDX-License-Identifier: Apache-2.0 */
/* The words between front and back, as the front writes and reads them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "back.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

size_t back_write(struct back_packet *packet, const struct collect_request *request, uint64_t ticket, uint64_t max)
{
    const struct sp_str *parts[] = {&request->kind, &request->node, &request->args};
    size_t n = 0;
    if (request->kind.n > BACK_KIND_MAX || request->node.n > BACK_NODE_MAX || request->args.n > BACK_ARGS_MAX) {
        return 0;
    }
    packet->ask = (struct back_ask){.version = BACK_VERSION,
                                    .kind_bytes = request->kind.n,
                                    .node_bytes = request->node.n,
                                    .args_bytes = request->args.n,
                                    .ticket = ticket,
                                    .max = max};
    memcpy(packet->ask.nonce, request->nonce, sizeof packet->ask.nonce);
    memcpy(packet->ask.sign_key, request->sign_key, sizeof packet->ask.sign_key);
    memcpy(packet->ask.curve_key, request->curve_key, sizeof packet->ask.curve_key);
    for (size_t i = 0; i < SP_COUNT(parts); i++) {
        if (parts[i]->n > 0) {
            memcpy(packet->text + n, parts[i]->p, parts[i]->n);
        }
        n += parts[i]->n;
    }
    return sizeof packet->ask + n;
}

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

static bool is_document(int fd, uint64_t total)
{
    struct stat st;
    int seals = fd >= 0 ? fcntl(fd, F_GET_SEALS) : -1;
    return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 && st.st_size >= 0 && (uint64_t)st.st_size == total;
}

enum back_state back_receive(int fd, struct back_answer *answer, int *document)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {answer, sizeof *answer};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    *document = -1;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return BACK_EMPTY;
    }
    int came = got > 0 ? descriptor_of(&message) : -1;
    if (got != (ssize_t)sizeof *answer || answer->version != BACK_VERSION || answer->reason > UINT16_MAX) {
        if (came >= 0) {
            (void)close(came);
        }
        return BACK_GONE;
    }
    answer->detail[sizeof answer->detail - 1] = '\0';
    bool good = answer->reason == SP_REASON_OK && is_document(came, answer->total);
    if (answer->reason == SP_REASON_OK && !good) {
        answer->reason = SP_REASON_INTERNAL;
        (void)snprintf(answer->detail, sizeof answer->detail, "the document is not sealed, or not as long as said");
    }
    if (good) {
        *document = came;
    } else if (came >= 0) {
        (void)close(came);
    }
    return BACK_GOT;
}
