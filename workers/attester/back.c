/* SPDX-License-Identifier: Apache-2.0 */
#include "back.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attester_sandbox.h"
#include "collect_pace.h"
#include "procmem_find.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_log.h"

#define END_MS      2000 /* for the back to end once nobody listens */
#define EXIT_REASON 2    /* of a collector that answered with a reason */

struct back {
    int fd;
    pid_t front;
    const struct sp_conf_attester *conf;
    const char *trees[SP_CONF_ATTESTER_TREES_MAX], *services[SP_CONF_ATTESTER_SERVICES_MAX];
    struct collect_site site;
    struct collect_pace *pace; /* shared with the collector */
    uint32_t deaths;           /* in a row */
    struct back_packet packet;
};

/* ---- the collector's process ----------------------------------------------------------------------------------- */

static bool send_answer(int fd, const struct back_answer *answer, int document)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {(void *)(uintptr_t)answer, sizeof *answer};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    memset(control, 0, sizeof control);
    if (document >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &document, sizeof document);
    }
    ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR) {
        n = sendmsg(fd, &message, MSG_NOSIGNAL);
    }
    return n == (ssize_t)sizeof *answer;
}

static void request_of(const struct back *b, struct collect_request *out)
{
    const struct back_ask *a = &b->packet.ask;
    *out = (struct collect_request){.kind = sp_str_bytes(b->packet.text, a->kind_bytes),
                                    .node = sp_str_bytes(b->packet.text + a->kind_bytes, a->node_bytes),
                                    .args = sp_str_bytes(b->packet.text + a->kind_bytes + a->node_bytes, a->args_bytes),
                                    .nonce = a->nonce,
                                    .sign_key = a->sign_key,
                                    .curve_key = a->curve_key,
                                    .site = &b->site};
}

/* One question, then the process ends. */
static void collect(struct back *b)
{
    struct back_answer answer = {.version = BACK_VERSION, .ticket = b->packet.ask.ticket};
    struct collect_request request;
    struct collect_out out = {.fd = memfd_create("evidence", MFD_CLOEXEC | MFD_ALLOW_SEALING), .max = b->packet.ask.max};
    request_of(b, &request);
    collect_pace_begin(b->pace);
    if (out.fd < 0) {
        answer.reason = collect_fail(&out, SP_REASON_INTERNAL, "no memory for the document: %s", strerror(errno));
    } else {
        answer.reason = collector_run(&request, &out);
    }
    if (answer.reason == SP_REASON_OK &&
        fcntl(out.fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
        answer.reason = collect_fail(&out, SP_REASON_INTERNAL, "the document cannot be sealed: %s", strerror(errno));
    }
    bool good = answer.reason == SP_REASON_OK;
    answer.total = good ? out.n : 0;
    memcpy(answer.detail, out.detail, sizeof answer.detail);
    _exit(send_answer(b->fd, &answer, good ? out.fd : -1) ? (good ? 0 : EXIT_REASON) : 1);
}

/* ---- the back -------------------------------------------------------------------------------------------------- */

/* Waits for the descriptor; true when it is ready, false when the time is up. Ends the process when the front is gone. */
static bool wait_for(const struct back *b, int fd, uint64_t ms)
{
    struct pollfd both[2] = {{.fd = b->fd, .events = 0}, {.fd = fd, .events = POLLIN}};
    uint64_t end_ns = sp_clock_mono_ns() + ms * 1000000u;
    for (;;) {
        uint64_t now_ns = sp_clock_mono_ns();
        uint64_t left = now_ns < end_ns ? (end_ns - now_ns) / 1000000u + 1 : 0;
        int n = poll(both, 2, (int)(left < 60000 ? left : 60000));
        if (n > 0 && (both[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
            return false;
        }
        if (n > 0 && (both[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            return true;
        }
        if (left == 0) {
            return false;
        }
    }
}

static bool front_is_gone(const struct back *b)
{
    struct pollfd p = {.fd = b->fd, .events = 0};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

/* Neither budget nor the pause after deaths allows more before this. */
static void rest(struct back *b)
{
    uint64_t ms = 0;
    if (b->deaths > 0) {
        uint32_t doubled = b->deaths - 1 < 10 ? b->deaths - 1 : 10;
        ms = (uint64_t)BACK_PAUSE_MS << doubled;
        ms = ms < BACK_PAUSE_MAX_MS ? ms : BACK_PAUSE_MAX_MS;
        (void)wait_for(b, -1, ms);
    }
    collect_pace_fill(b->pace, sp_clock_mono_ns());
    for (uint64_t us = collect_pace_wait_us(b->pace); us > 0 && !front_is_gone(b); us = collect_pace_wait_us(b->pace)) {
        (void)wait_for(b, -1, us / 1000u + 1);
        collect_pace_fill(b->pace, sp_clock_mono_ns());
    }
}

static void say_death(struct back *b, int status, bool late)
{
    struct back_answer answer = {.version = BACK_VERSION, .ticket = b->packet.ask.ticket};
    int signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    answer.reason = late ? SP_REASON_DEADLINE : SP_REASON_INTERNAL;
    (void)snprintf(answer.detail, sizeof answer.detail,
                   late ? "the node took too long (signal %d)" : "the collector ended (signal %d)", signo);
    SP_LOG(SP_LOG_WARNING, "attester", "collector.died", SP_LOG_V("kind", sp_str_bytes(b->packet.text, b->packet.ask.kind_bytes)),
           SP_LOG_I("signal", signo), SP_LOG_S("why", late ? "time limit" : "died"));
    (void)send_answer(b->fd, &answer, -1);
}

/* Effect: charges what the collector did not charge itself. */
static void charge(struct back *b, const struct rusage *used, uint64_t charged_us)
{
    uint64_t us = (uint64_t)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) * 1000000u +
                  (uint64_t)(used->ru_utime.tv_usec + used->ru_stime.tv_usec);
    collect_pace_charge(b->pace, us > charged_us ? us - charged_us : 0);
}

/* Effect: sees the collector to its end. */
static void supervise(struct back *b, pid_t pid)
{
    int status = 0, pidfd = pidfd_open(pid, 0);
    struct rusage used;
    uint64_t before_us = b->pace->charged_us;
    bool ended = pidfd >= 0 && wait_for(b, pidfd, b->conf->timeout_ms);
    if (!ended) {
        (void)kill(pid, SIGKILL);
    }
    if (pidfd >= 0) {
        (void)close(pidfd);
    }
    while (wait4(pid, &status, 0, &used) < 0 && errno == EINTR) {
    }
    charge(b, &used, b->pace->charged_us - before_us);
    bool told = WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == EXIT_REASON);
    if (told) {
        const struct collector *c = collector_find(sp_str_bytes(b->packet.text, b->packet.ask.kind_bytes));
        b->site.unclean = b->site.unclean && !(WEXITSTATUS(status) == 0 && c != NULL && c->tpm);
        b->deaths = 0;
    } else if (!front_is_gone(b)) {
        b->site.unclean = true;
        b->deaths++;
        say_death(b, status, !ended);
    }
}

static void serve(struct back *b)
{
    rest(b);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        collect(b);
    }
    if (pid < 0) {
        b->deaths++;
        say_death(b, 0, false);
        return;
    }
    supervise(b, pid);
}

/* The next question, whole and with lengths that fit. False: the front is gone, or cannot count. */
static bool next(struct back *b)
{
    ssize_t n = recv(b->fd, &b->packet, sizeof b->packet, 0);
    while (n < 0 && errno == EINTR) {
        n = recv(b->fd, &b->packet, sizeof b->packet, 0);
    }
    const struct back_ask *a = &b->packet.ask;
    return n >= (ssize_t)sizeof *a && a->version == BACK_VERSION && a->kind_bytes <= BACK_KIND_MAX &&
           a->node_bytes <= BACK_NODE_MAX && a->args_bytes <= BACK_ARGS_MAX && a->max <= COLLECT_DOCUMENT_MAX &&
           (size_t)n == sizeof *a + a->kind_bytes + a->node_bytes + a->args_bytes;
}

static void open_site(struct back *b)
{
    const struct sp_conf_attester *c = b->conf;
    for (uint32_t i = 0; i < c->tree_count; i++) {
        b->trees[i] = c->trees[i];
    }
    for (uint32_t i = 0; i < c->service_count; i++) {
        b->services[i] = c->services[i];
    }
    b->site = (struct collect_site){.tcti = c->tcti,
                                    .ak_handle = (uint32_t)c->ak_handle[0] << 24 | (uint32_t)c->ak_handle[1] << 16 |
                                                 (uint32_t)c->ak_handle[2] << 8 | c->ak_handle[3],
                                    .ak_rsa = c->ak == SP_CONF_ATTESTER_RSA,
                                    .boot_log = c->boot_log,
                                    .ima_log = c->ima_log,
                                    .root = "",
                                    .proc = "/proc",
                                    .trees = b->trees,
                                    .tree_count = c->tree_count,
                                    .services = b->services,
                                    .service_count = c->service_count,
                                    .unclean = true, /* nobody knows how the one before us ended */
                                    .bytes_per_s = (uint64_t)c->read_mb << 20,
                                    .pace = b->pace};
}

/* Never returns. */
static void run(struct back *b, const char *name)
{
    struct sp_err err = {0};
    char line[512];
    (void)prctl(PR_SET_NAME, "attester-back");
    (void)signal(SIGINT, SIG_IGN); /* it ends with the front */
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    sp_log_open(STDERR_FILENO, name);
    b->pace = mmap(NULL, sizeof *b->pace, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool network = strncmp(b->conf->tcti, "device", 6) != 0 && strstr(b->conf->tcti, "path=") == NULL;
    if (b->pace == MAP_FAILED || sp_crypto_init() != SP_OK || attester_sandbox_back(network, &err) != SP_OK) {
        sp_err_line(&err, line, sizeof line);
        SP_LOG(SP_LOG_ERROR, "attester", "back.failed", SP_LOG_S("why", line));
        _exit(1);
    }
    collect_pace_init(b->pace, (uint64_t)b->conf->cpu_percent * COLLECT_PACE_BACK_PERMILLE, (uint64_t)b->conf->read_mb << 20,
                      sp_clock_mono_ns());
    open_site(b);
    while (next(b)) {
        serve(b);
    }
    _exit(0);
}

/* What cannot be read as it is written would be taken for something that this host does not have. */
static enum sp_rc check_conf(const struct sp_conf_attester *conf, struct sp_err *err)
{
    static const char *const links[] = {"device", "swtpm:", "mssim:", "tabrmd"}; /* none that runs a program */
    struct procmem_service_spec spec;
    bool known = false;
    for (size_t i = 0; i < SP_COUNT(links); i++) {
        known = known || strncmp(conf->tcti, links[i], strlen(links[i])) == 0;
    }
    if (!known) {
        (void)sp_err_set(err, SP_E_INVALID, "attester.tcti", "%.100s: no link to a TPM that is used here", conf->tcti);
        sp_err_hint(err, "device:/dev/tpmrm0, or for tests swtpm:path=SOCKET");
        return SP_E_INVALID;
    }
    for (uint32_t i = 0; i < conf->tree_count; i++) {
        if (conf->trees[i][0] != '/') {
            return sp_err_set(err, SP_E_INVALID, "attester.trees", "%.200s: an absolute path is wanted", conf->trees[i]);
        }
    }
    for (uint32_t i = 0; i < conf->service_count; i++) {
        if (!procmem_find_parse(conf->services[i], &spec)) {
            return sp_err_set(err, SP_E_INVALID, "attester.services",
                              "%s: it is NAME, NAME=unit:PATTERN, NAME=exe:/PATH or NAME=script:/PATH", conf->services[i]);
        }
    }
    return SP_OK;
}

enum sp_rc back_start(const struct sp_conf_attester *conf, const char *name, int *fd, pid_t *pid, struct sp_err *err)
{
    int ends[2];
    enum sp_rc rc = check_conf(conf, err);
    if (rc != SP_OK) {
        return rc;
    }
    struct back *b = calloc(1, sizeof *b);
    struct sp_conf_attester *own = malloc(sizeof *own); /* the whole configuration is of no use there */
    if (b == NULL || own == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        free(own);
        free(b);
        return sp_err_set(err, SP_E_IO, "attester", "no socket to the part that reads: %s", strerror(errno));
    }
    *own = *conf;
    b->fd = ends[1];
    b->conf = own;
    *pid = fork();
    if (*pid == 0) {
        (void)close(ends[0]);
        run(b, name);
    }
    int cause = errno;
    (void)close(ends[1]);
    free(own);
    free(b);
    if (*pid < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        (void)close(ends[0]);
        return sp_err_set(err, SP_E_IO, "attester", "the part that reads cannot be started: %s", strerror(cause));
    }
    *fd = ends[0];
    return SP_OK;
}

void back_stop(int *fd, pid_t *pid)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
    if (*pid <= 0) {
        return;
    }
    struct pollfd ended = {.fd = pidfd_open(*pid, 0), .events = POLLIN};
    if (ended.fd < 0 || poll(&ended, 1, END_MS) <= 0) {
        (void)kill(*pid, SIGKILL);
    }
    if (ended.fd >= 0) {
        (void)close(ended.fd);
    }
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) {
    }
    *pid = 0;
}
