/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spice-appraise - judges evidence for one worker. What nodes send reaches decoders here and nowhere else; they have no network, no
 * files, no keys and no clock, and one thing to say: the verdict. One thread, one socket.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appraise_filter.h"
#include "appraise_runs.h"
#include "exec_sandbox.h"
#include "sp_crypto.h"

#define NOBODY          65534u
#define MIB             (1024ull * 1024)
#define KEYS            APPRAISE_RUNS_MAX
#define DESCRIPTORS_MAX 16u /* the socket, standard files, a policy that is being read */

static const char usage[] = "usage: spice-appraise [options]  started by spice-worker with its socket on descriptor 3\n"
                            "  --uid N --gid N      user to become when started as root (default 65534, never 0)\n"
                            "  --memory MIB         address space (default 1024)\n"
                            "  --documents MIB      memory of documents that are being collected (default 256)\n"
                            "  --help, --version\n";

enum { O_UID = 256, O_GID, O_MEMORY, O_DOCUMENTS, O_HELP, O_VERSION };

static const struct option table[] = {{"uid", required_argument, NULL, O_UID},
                                      {"gid", required_argument, NULL, O_GID},
                                      {"memory", required_argument, NULL, O_MEMORY},
                                      {"documents", required_argument, NULL, O_DOCUMENTS},
                                      {"help", no_argument, NULL, O_HELP},
                                      {"version", no_argument, NULL, O_VERSION},
                                      {NULL, 0, NULL, 0}};

struct options {
    struct exec_sandbox_options sandbox;
    struct appraise_options runs;
};

static bool number(uint64_t least, uint64_t most, uint64_t *out)
{
    return sp_str_u64(sp_str_of(optarg), most, out) && *out >= least;
}

static bool apply(struct options *o, int option)
{
    uint64_t n = 0;
    bool ok = false;
    if (option == O_UID || option == O_GID) {
        ok = number(1, UINT32_MAX - 1, &n);
        *(option == O_UID ? &o->sandbox.uid : &o->sandbox.gid) = (uid_t)n;
    } else if (option == O_MEMORY) {
        ok = number(64, 1 << 20, &n);
        o->sandbox.memory = n * MIB;
    } else if (option == O_DOCUMENTS) {
        ok = number(1, 1 << 20, &n);
        o->runs.documents_bytes = n * MIB;
    }
    return ok;
}

/* Returns -1: go on; else the exit status. */
static int parse(struct options *o, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) >= 0) {
        if (option == O_HELP) {
            (void)fputs(usage, stdout);
            return 0;
        }
        if (option == O_VERSION) {
            (void)puts("spice-appraise " SPICE_VERSION);
            return 0;
        }
        if (!apply(o, option)) {
            (void)fputs("spice-appraise: option or value not valid (see --help)\n", stderr);
            return 2;
        }
    }
    if (optind != argc) {
        (void)fputs("spice-appraise: too much on the command line (see --help)\n", stderr);
        return 2;
    }
    return -1;
}

static int die(const char *text)
{
    const struct sp_str tail[3] = {sp_str_of(text)};
    const struct appraise_text t = {.record = {.type = APPRAISE_FATAL}, .text_bytes = tail[0].n};
    (void)appraise_peer_send(APPRAISE_SOCKET_FD, &t, sizeof t, tail);
    return 1;
}

/* Standard error stays: the last words of a fault belong into the worker's log. */
static bool quiet_standard_files(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool ok = null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0;
    if (null > APPRAISE_SOCKET_FD) {
        (void)close(null);
    }
    /* Of the worker's processes this one is the first to go when memory runs out. */
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = write(fd, "500", 3);
        (void)n;
        (void)close(fd);
    }
    return ok;
}

static bool say_hello(uint32_t landlock)
{
    const struct appraise_hello hello = {
        .record = {.type = APPRAISE_HELLO}, .version = APPRAISE_PROTO_VERSION, .landlock = landlock};
    return appraise_peer_send(APPRAISE_SOCKET_FD, &hello, sizeof hello, NULL);
}

int main(int argc, char **argv)
{
    static struct appraise_in in; /* one packet, 64 KiB */
    struct options o = {.sandbox = {.closed = true, .uid = NOBODY, .gid = NOBODY, .files = DESCRIPTORS_MAX, .memory = 1024 * MIB},
                        .runs = {.documents_bytes = 256 * MIB, .keys = KEYS}};
    struct exec_sandbox sandbox;
    struct appraise_runs *runs = NULL;
    const char *why = "";
    int code = parse(&o, argc, argv);
    if (code >= 0) {
        return code;
    }
    (void)close_range(APPRAISE_SOCKET_FD + 1, ~0u, 0);
    if (fcntl(APPRAISE_SOCKET_FD, F_SETFD, FD_CLOEXEC) != 0) {
        (void)fputs("spice-appraise: started by spice-worker, not by hand (no socket on descriptor 3)\n", stderr);
        return 2;
    }
    (void)setpgid(0, 0); /* signals of a terminal are not for us: the worker decides when we end */
    if (!quiet_standard_files()) {
        return die("/dev/null cannot be opened");
    }
    if (sp_crypto_init() != SP_OK) {
        return die("a cryptographic library does not work");
    }
    if (!appraise_runs_new(&o.runs, APPRAISE_SOCKET_FD, &runs, &why) || !exec_sandbox_enter(&o.sandbox, &sandbox, &why) ||
        !appraise_filter_load(APPRAISE_SOCKET_FD, &why)) {
        return die(why);
    }
    bool ok = say_hello(sandbox.landlock);
    while (ok && appraise_peer_receive(APPRAISE_SOCKET_FD, &in)) {
        ok = appraise_runs_take(runs, &in);
    }
    _exit(ok ? 0 : 1); /* what is left of memory goes with us: nothing may be written any more */
}
