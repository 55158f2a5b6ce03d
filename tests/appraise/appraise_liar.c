/* SPDX-License-Identifier: Apache-2.0 */
/* appraise_liar - an appraiser that was taken over and now says to its worker what its policy names. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appraise_proto.h"
#include "msg.h"

static union {
    uint8_t bytes[APPRAISE_PACKET_MAX];
    struct appraise_record record;
    struct appraise_policy policy;
} in;
static char lie[64];

static int receive(void)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {in.bytes, sizeof in.bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(APPRAISE_SOCKET_FD, &message, 0) <= 0) {
        _exit(0);
    }
    int fd = -1;
    if (CMSG_FIRSTHDR(&message) != NULL) {
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    }
    return fd;
}

static void say(const void *p, size_t n)
{
    (void)!send(APPRAISE_SOCKET_FD, p, n, MSG_NOSIGNAL);
}

static void take_policy(int fd)
{
    const char *memory = mmap(NULL, in.policy.params_bytes + in.policy.policy_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)snprintf(lie, sizeof lie, "%.*s", (int)in.policy.policy_bytes, memory + in.policy.params_bytes);
    (void)close(fd);
    const struct appraise_text ready = {.record = {.type = APPRAISE_READY, .policy = in.record.policy}, .ok = 1};
    say(&ready, sizeof ready);
    if (strcmp(lie, "ready twice") == 0) {
        say(&ready, sizeof ready);
    }
}

static void verdict(uint64_t run, uint8_t outcome, uint16_t reason)
{
    const struct appraise_verdict v = {.record = {.type = APPRAISE_VERDICT, .run = run}, .outcome = outcome, .reason = reason};
    say(&v, sizeof v);
}

static void answer(uint64_t run)
{
    struct appraise_want want = {.record = {.type = APPRAISE_WANT, .policy = 1, .run = run}};
    struct appraise_verdict v = {.record = {.type = APPRAISE_VERDICT, .run = run}, .outcome = SP_OUTCOME_ERROR};
    if (strcmp(lie, "pass unasked") == 0) {
        verdict(run, SP_OUTCOME_PASS, SP_REASON_OK); /* before any evidence was seen */
    } else if (strcmp(lie, "warn unasked") == 0) {
        verdict(run, SP_OUTCOME_WARN, SP_REASON_REMARK);
    } else if (strcmp(lie, "pass with a fault") == 0) {
        verdict(run, SP_OUTCOME_PASS, SP_REASON_QUOTE_NONCE);
    } else if (strcmp(lie, "outcome") == 0) {
        verdict(run, SP_OUTCOME_LAST + 1, SP_REASON_INTERNAL);
    } else if (strcmp(lie, "reason") == 0) {
        verdict(run, SP_OUTCOME_ERROR, SP_REASON_LAST + 1);
    } else if (strcmp(lie, "checkpoint") == 0) {
        v.checkpoint_bytes = 1 << 20;
        say(&v, sizeof v);
    } else if (strcmp(lie, "lengths") == 0) {
        v.detail_bytes = v.measures_bytes = v.checkpoint_bytes = UINT32_MAX;
        say(&v, sizeof v);
    } else if (strcmp(lie, "short") == 0) {
        say(&v, 20);
    } else if (strcmp(lie, "type") == 0) {
        v.record.type = 99;
        say(&v, sizeof v);
    } else if (strcmp(lie, "wanted lengths") == 0) {
        want.document_bytes = 20;
        want.args_bytes = UINT32_MAX - 19;
        say(&want, sizeof want);
    } else if (strcmp(lie, "wanted number") == 0) {
        want.record.policy = 7;
        say(&want, sizeof want);
    } else if (strncmp(lie, "want ", 5) == 0) { /* what the check has nothing to do with */
        static struct {
            struct appraise_want want;
            char text[64];
        } record;
        record.want = want;
        record.want.document_bytes = (uint32_t)strlen(lie + 5);
        record.want.args_bytes = 2;
        int n = snprintf(record.text, sizeof record.text, "%s{}", lie + 5);
        say(&record, sizeof record.want + (size_t)n);
    } else if (strcmp(lie, "nothing") == 0) {
        say("", 1);
    }
}

int main(void)
{
    const struct appraise_hello hello = {.record = {.type = APPRAISE_HELLO}, .version = APPRAISE_PROTO_VERSION};
    say(&hello, sizeof hello);
    for (;;) {
        int fd = receive();
        if (in.record.type == APPRAISE_POLICY) {
            take_policy(fd);
        } else if (in.record.type == APPRAISE_BEGIN) {
            answer(in.record.run);
        }
    }
}
