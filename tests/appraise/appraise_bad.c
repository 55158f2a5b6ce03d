/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appraise_bad - spice-appraise as it is, with two kinds of evidence that no worker has: `good`, whose verdict is its one document,
 * and `bad`, which does what its policy says as soon as a byte comes: what a decoder would do that was taken over, or is wrong.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appraisal.h"

struct state {
    const char *policy;
    const struct appraisal_question *q;
    struct appraisal_bytes document;
    bool asked, done;
};

static void *policy_new(const struct evidence_ops *ops, struct sp_str params, struct sp_str policy, char *why)
{
    (void)ops;
    (void)params;
    if (sp_str_is(policy, "refuse")) {
        (void)snprintf(why, APPRAISAL_WHY_MAX, "policy:1:1: refused as it says");
        return NULL;
    }
    return strndup(policy.p, policy.n);
}

static void *begin(const void *policy, const struct appraisal_question *q)
{
    struct state *s = calloc(1, sizeof *s);
    *s = (struct state){.policy = policy, .q = q};
    return s;
}

static bool want(void *arg, struct appraisal_want *out)
{
    struct state *s = arg;
    out->document = strcmp(s->policy, "unlisted") == 0 ? "other" : "text";
    s->asked = true;
    return !s->done;
}

static void execute(void)
{
    char *const argv[] = {"true", NULL};
    (void)execve("/bin/true", argv, argv);
}

static void write_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void spin(void)
{
    for (volatile unsigned i = 0;; i++) {
        continue;
    }
}

static void swallow(void)
{
    static volatile char *kept;
    for (size_t i = 0; i < 65536; i++) { /* far beyond the limit of the tests */
        char *p = malloc(1u << 20);
        if (p == NULL) {
            abort();
        }
        kept = p;
        kept[0] = 1;
    }
}

static void do_open(void)
{
    (void)!open("/etc/passwd", O_RDONLY);
}
static void do_write_file(void)
{
    (void)!open("/tmp/spice-escaped", O_WRONLY | O_CREAT, 0600);
}
static void do_socket(void)
{
    (void)!socket(AF_INET, SOCK_STREAM, 0);
}
static void do_unix(void)
{
    (void)!socket(AF_UNIX, SOCK_STREAM, 0);
}
static void do_fork(void)
{
    (void)!fork();
}
static void do_kill(void)
{
    (void)kill(getppid(), SIGTERM);
}
static void do_ptrace(void)
{
    (void)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}
static void do_receive(void)
{
    char c;
    (void)!recv(0, &c, 1, 0);
}
static void do_read(void)
{
    char c;
    (void)!read(0, &c, 1);
}
static void do_fault(void)
{
    static int *volatile nowhere;
    *nowhere = 1;
}

static const struct {
    const char *name;
    void (*deed)(void);
} deeds[] = {{"open", do_open},    {"write", do_write_file}, {"socket", do_socket}, {"unix", do_unix},    {"fork", do_fork},
             {"exec", execute},    {"kill", do_kill},        {"ptrace", do_ptrace}, {"recv", do_receive}, {"read", do_read},
             {"code", write_code}, {"abort", abort},         {"fault", do_fault},   {"spin", spin},       {"memory", swallow}};

static bool push(void *arg, struct sp_str bytes, bool last)
{
    struct state *s = arg;
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        if (strcmp(s->policy, deeds[i].name) == 0) {
            deeds[i].deed();
        }
    }
    s->done = last || !appraisal_bytes_add(&s->document, s->q->budget, 4096, bytes) || strcmp(s->policy, "first") == 0;
    if (last) {
        (void)appraisal_bytes_add(&s->document, s->q->budget, 4096, bytes);
    }
    return !s->done;
}

static void judge(void *arg, struct appraisal_verdict *v)
{
    struct state *s = arg;
    appraisal_end(v, SP_OUTCOME_PASS, SP_REASON_OK, "%.*s of %.*s, mode %u%s", (int)s->document.n, (const char *)s->document.p,
                  (int)s->q->node.n, s->q->node.p, s->q->mode, s->q->key != NULL ? ", TPM" : "");
    v->instance = 7;
    (void)snprintf(v->measures, sizeof v->measures, "bytes=%zu", s->document.n);
}

static void drop(void *arg)
{
    struct state *s = arg;
    appraisal_bytes_free(&s->document, s->q->budget);
    free(s);
}

static const char *const documents[] = {"text", "other", NULL};
static const struct appraisal_module good = {"good", documents, policy_new, free, begin, want, push, judge, drop};
static const struct appraisal_module bad = {"bad", documents, policy_new, free, begin, want, push, judge, drop};
const struct appraisal_module *const appraisal_modules[] = {&good, &bad, NULL};
