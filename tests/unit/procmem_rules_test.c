/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of processes, made here, under one policy: what passes, and one case for each reason; broken documents; policy files
 * and lists of digests. */
#include "procmem_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "procmem_policy.h"
#include "sp_hex.h"

/* Digests of files are one letter repeated; "a" is /usr/sbin/nginx, "b" libc, "c" a library of others. */
static const char digests[] = "--- digests\n"
                              "# comment\n"
                              "6161616161616161616161616161616161616161616161616161616161616161  /usr/sbin/nginx\n"
                              "6262626262626262626262626262626262626262626262626262626262626262 */lib/libc.so.6\n"
                              "6464646464646464646464646464646464646464646464646464646464646464  /usr/lib/libc.so.6\n"
                              "63636363636363636363636363636363  opt/other.so\n";
static const char rules[] =
    "{\"version\": 1, \"services\": {\"nginx\": {\"processes\": [1, 2], \"users\": [33], \"programs\": [\"/usr/sbin/*\"],\n"
    "  \"files\": [\"/usr/*\", \"/opt/jit/*\"], \"settings\": {\"LD_LIBRARY_PATH\": \"/opt/lib\"},\n"
    "  \"exceptions\": [{\"what\": \"writable\", \"name\": \"[anon:jit]\", \"count\": 2, \"bytes\": 8192},\n"
    "                 {\"what\": \"text\", \"name\": \"/usr/lib/libpatched*\", \"count\": 1, \"bytes\": 4},\n"
    "                 {\"what\": \"unlisted\", \"name\": \"/usr/lib/libpatched*\", \"count\": 1, \"bytes\": 1048576},\n"
    "                 {\"what\": \"memfd\", \"name\": \"/memfd:ok*\", \"count\": 1, \"bytes\": 65536}]}}}\n";

static struct procmem_policy_file *policy;
static struct procmem_judgement j;

/* ---- documents ------------------------------------------------------------------------------------------------- */

#define NGINX 0u
#define LIBC  1u

/* One process of nginx: its program and its library; a case changes one thing. */
struct world {
    struct procmem_service service;
    struct procmem_file file[4];
    uint32_t files;
    struct procmem_process process;
    struct procmem_setting setting[2];
    struct procmem_mapping mapping[6];
    struct procmem_place place;
    uint32_t processes; /* the same one so often */
};

static uint8_t letters[26][32];

static const uint8_t *letter(char c)
{
    memset(letters[c - 'a'], c, 32);
    return letters[c - 'a'];
}

static struct procmem_mapping text_of(uint32_t file, uint64_t start)
{
    return (struct procmem_mapping){.kind = PROCMEM_MAP_FILE,
                                    .flags = PROCMEM_MAP_READ,
                                    .start = start,
                                    .bytes = 8192,
                                    .file = file,
                                    .compared = 4096,
                                    .absent = 4096};
}

static struct world clean(void)
{
    struct world w = {.service = {.name = sp_str_of("nginx"), .processes = 1}, .files = 2, .processes = 1};
    w.file[NGINX] =
        (struct procmem_file){.path = sp_str_of("/usr/sbin/nginx"), .mode = 0100755, .size = 9000, .sha256 = letter('a')};
    w.file[LIBC] =
        (struct procmem_file){.path = sp_str_of("/usr/lib/libc.so.6"), .mode = 0100755, .size = 9000, .sha256 = letter('b')};
    w.process = (struct procmem_process){.pid = 77, .start = 5, .uid = 33, .exe = NGINX, .name = sp_str_of("nginx"), .mappings = 3};
    w.mapping[0] = text_of(NGINX, 0x400000);
    w.mapping[1] = text_of(LIBC, 0x7f0000000000);
    w.mapping[2] = (struct procmem_mapping){
        .kind = PROCMEM_MAP_VDSO, .start = 0x7ff000000000, .bytes = 4096, .file = PROCMEM_NO_FILE, .compared = 4096};
    w.place = (struct procmem_place){0x1234, 1, sp_str_bytes("\xcc", 1), sp_str_bytes("\x55", 1)};
    return w;
}

static struct procmem_mapping *more(struct world *w)
{
    struct procmem_mapping *m = &w->mapping[w->process.mappings++];
    *m = (struct procmem_mapping){.start = 0x600000, .bytes = 4096, .file = PROCMEM_NO_FILE};
    return m;
}

static void write_world(const struct world *w, struct sp_buf *b)
{
    sp_buf_init(b, PROCMEM_DOC_BYTES_MAX);
    procmem_put_head(b, 1);
    procmem_put_service(b, &w->service);
    procmem_put_count(b, w->files);
    for (uint32_t i = 0; i < w->files; i++) {
        procmem_put_file(b, &w->file[i]);
    }
    procmem_put_count(b, w->processes);
    for (uint32_t p = 0; p < w->processes; p++) {
        procmem_put_process(b, &w->process);
        for (uint32_t i = 0; i < w->process.settings; i++) {
            procmem_put_setting(b, &w->setting[i]);
        }
        for (uint32_t i = 0; i < w->process.mappings; i++) {
            procmem_put_mapping(b, &w->mapping[i]);
            for (uint32_t k = 0; k < w->mapping[i].places; k++) {
                procmem_put_place(b, &w->place);
            }
        }
    }
    assert_false(b->failed);
}

static void judge_bytes(const void *p, size_t n)
{
    void *exact = malloc(n > 0 ? n : 1); /* memory of its own: a byte too far is seen */
    assert_non_null(exact);
    memcpy(exact, p, n);
    procmem_judge(&policy->policy, sp_str_bytes(exact, n), &j);
    free(exact);
}

static void judge(const struct world *w)
{
    struct sp_buf b;
    write_world(w, &b);
    judge_bytes(b.p, b.n);
    sp_buf_fini(&b);
}

static void want(const struct world *w, enum evidence_reason reason)
{
    judge(w);
    if (j.reason != reason || j.outcome != evidence_reason_outcome(reason)) {
        fail_msg("%s (%s), wanted %s", evidence_reason_name(j.reason), j.text, evidence_reason_name(reason));
    }
}

/* Alone: nothing else was found beside it. */
static void want_alone(const struct world *w, enum evidence_reason reason)
{
    want(w, reason);
    if (j.findings != 1) {
        fail_msg("%u findings: %s", j.findings, j.text);
    }
}

/* ---- cases ----------------------------------------------------------------------------------------------------- */

static void passes(void **state)
{
    (void)state;
    struct world w = clean();
    want(&w, EVIDENCE_OK);
    assert_int_equal(j.outcome, SP_OUTCOME_PASS);
    assert_int_equal(j.processes, 1);
    assert_int_equal(j.mappings, 3);
    assert_int_equal(j.compared, 3 * 4096);
    w.file[LIBC].sha256 = letter('d'); /* the other one that is right at this path */
    want(&w, EVIDENCE_OK);
    w.service.processes = w.processes = 2;
    want(&w, EVIDENCE_OK);
}

static void text_differs(void **state)
{
    (void)state;
    struct world w = clean();
    w.mapping[1].differing = 1;
    w.mapping[1].places = 1;
    want_alone(&w, EVIDENCE_PROCMEM_TEXT);
    assert_string_equal(j.text, "nginx[77]: /usr/lib/libc.so.6+0x1234: 1 of 4096 bytes differ (0x55 in the file, 0xcc in memory)");
    w = clean(); /* the kernel's own part of each process too */
    w.mapping[2].differing = 1;
    w.mapping[2].places = 1;
    want_alone(&w, EVIDENCE_PROCMEM_TEXT);
    w = clean();
    w.file[2] = (struct procmem_file){.path = sp_str_of("/usr/lib/libpatched.so"), .sha256 = letter('z')};
    w.files = 3;
    *more(&w) = text_of(2, 0x900000);
    w.mapping[3].places = 1;
    w.mapping[3].differing = 4; /* declared */
    want(&w, EVIDENCE_OK);
    w.mapping[3].differing = 5;
    want_alone(&w, EVIDENCE_PROCMEM_TEXT);
}

static void files(void **state)
{
    (void)state;
    struct world w = clean();
    w.file[LIBC].sha256 = letter('x');
    want_alone(&w, EVIDENCE_PROCMEM_DIGEST);
    w = clean();
    w.file[LIBC].path = sp_str_of("/usr/lib/libevil.so");
    want_alone(&w, EVIDENCE_PROCMEM_UNLISTED);
    w = clean(); /* a file of others, known by the digest Debian has */
    w.file[2] = (struct procmem_file){
        .path = sp_str_of("/opt/other.so"), .flags = PROCMEM_FILE_MD5, .sha256 = letter('x'), .md5 = letter('c')};
    w.files = 3;
    *more(&w) = text_of(2, 0x900000);
    want_alone(&w, EVIDENCE_PROCMEM_LIBRARY);
    w = clean();
    w.file[LIBC].flags = PROCMEM_FILE_DELETED;
    want_alone(&w, EVIDENCE_PROCMEM_DELETED);
    w = clean(); /* MD5 is no way around a SHA-256 that is known */
    w.file[LIBC].sha256 = letter('x');
    w.file[LIBC].md5 = letter('b');
    w.file[LIBC].flags = PROCMEM_FILE_MD5;
    want_alone(&w, EVIDENCE_PROCMEM_DIGEST);
    static const uint8_t no_digest[] = {PROCMEM_FILE_UNREAD, PROCMEM_FILE_LIMIT, PROCMEM_FILE_CHANGED};
    for (size_t i = 0; i < sizeof no_digest; i++) {
        w = clean();
        w.file[LIBC].sha256 = NULL;
        w.file[LIBC].flags = no_digest[i];
        want_alone(&w, EVIDENCE_PROCMEM_UNREAD);
    }
}

static void regions(void **state)
{
    (void)state;
    struct world w = clean();
    (void)(more(&w)->kind = PROCMEM_MAP_ANONYMOUS);
    want_alone(&w, EVIDENCE_PROCMEM_ANONYMOUS);
    w = clean();
    more(&w)->kind = PROCMEM_MAP_ANONYMOUS;
    w.mapping[3].flags = PROCMEM_MAP_READ | PROCMEM_MAP_WRITE;
    want_alone(&w, EVIDENCE_PROCMEM_WRITABLE);
    w = clean();
    w.mapping[1].flags |= PROCMEM_MAP_WRITE; /* text of a file */
    want_alone(&w, EVIDENCE_PROCMEM_WRITABLE);
    w = clean();
    more(&w)->kind = PROCMEM_MAP_MEMFD;
    w.mapping[3].name = sp_str_of("/memfd:evil");
    want_alone(&w, EVIDENCE_PROCMEM_MEMFD);
    w = clean();
    more(&w)->kind = PROCMEM_MAP_SPECIAL;
    w.mapping[3].name = sp_str_of("[uprobes]");
    want_alone(&w, EVIDENCE_PROCMEM_SPECIAL);
    w.mapping[3].name = sp_str_of("[vsyscall]");
    want(&w, EVIDENCE_OK);
    w = clean();
    w.mapping[1].flags |= PROCMEM_MAP_UNCOMPARED;
    w.mapping[1].compared = w.mapping[1].absent = 0;
    want_alone(&w, EVIDENCE_PROCMEM_UNREAD);
}

/* Exceptions hold for so many, so large, of that name, and for that alone. */
static void exceptions(void **state)
{
    (void)state;
    struct world w = clean();
    for (unsigned i = 0; i < 2; i++) {
        struct procmem_mapping *m = more(&w);
        m->kind = PROCMEM_MAP_ANONYMOUS;
        m->flags = PROCMEM_MAP_WRITE;
        m->name = sp_str_of("[anon:jit]");
    }
    want(&w, EVIDENCE_OK);
    w.service.processes = w.processes = 2; /* each process has its own */
    want(&w, EVIDENCE_OK);
    w.service.processes = w.processes = 1;
    w.mapping[4].bytes = 8192;
    want_alone(&w, EVIDENCE_PROCMEM_WRITABLE);
    w.mapping[4].bytes = 16;
    *more(&w) = w.mapping[4];
    want_alone(&w, EVIDENCE_PROCMEM_WRITABLE);
    w.process.mappings--;
    w.mapping[4].name = sp_str_of("[anon:jit2]");
    want_alone(&w, EVIDENCE_PROCMEM_WRITABLE);
    w.mapping[4].name = sp_str_of("[anon:jit]");
    w.mapping[4].flags = PROCMEM_MAP_READ; /* writable was declared, this is not */
    want_alone(&w, EVIDENCE_PROCMEM_ANONYMOUS);
    w.mapping[4].kind = PROCMEM_MAP_MEMFD;
    w.mapping[4].name = sp_str_of("/memfd:ok-jit");
    want(&w, EVIDENCE_OK);
    w.mapping[4].flags = PROCMEM_MAP_WRITE; /* a memfd that is writable too wants both */
    want_alone(&w, EVIDENCE_PROCMEM_WRITABLE);
    w.mapping[4].name = sp_str_of("[anon:jit]");
    want_alone(&w, EVIDENCE_PROCMEM_MEMFD);
}

static void process(void **state)
{
    (void)state;
    struct world w = clean();
    w.process.tracer = 4;
    want_alone(&w, EVIDENCE_PROCMEM_TRACER);
    w = clean();
    w.process.uid = 0;
    want_alone(&w, EVIDENCE_PROCMEM_USER);
    w = clean();
    w.process.exe = LIBC;
    want_alone(&w, EVIDENCE_PROCMEM_PROGRAM);
    w.process.exe = PROCMEM_NO_FILE;
    want_alone(&w, EVIDENCE_PROCMEM_PROGRAM);
    static const struct {
        const char *name, *value;
        enum evidence_reason reason;
    } settings[] = {{"LD_PRELOAD", "/tmp/x.so", EVIDENCE_PROCMEM_PRELOAD},
                    {"ld.so.preload", "/tmp/x.so", EVIDENCE_PROCMEM_PRELOAD},
                    {"LD_LIBRARY_PATH", "/tmp", EVIDENCE_PROCMEM_PRELOAD},
                    {"LD_LIBRARY_PATH", "/opt/lib", EVIDENCE_OK},
                    {"LD_PRELOAD", "", EVIDENCE_OK}};
    for (size_t i = 0; i < SP_COUNT(settings); i++) {
        w = clean();
        w.process.settings = 1;
        w.setting[0] = (struct procmem_setting){.name = sp_str_of(settings[i].name), .value = sp_str_of(settings[i].value)};
        want(&w, settings[i].reason);
    }
    static const struct {
        uint8_t flag;
        enum evidence_reason reason;
    } flags[] = {{PROCMEM_PROCESS_MOVING, EVIDENCE_PROCMEM_MOVING},
                 {PROCMEM_PROCESS_DENIED, EVIDENCE_PROCMEM_DENIED},
                 {PROCMEM_PROCESS_NO_MEM, EVIDENCE_PROCMEM_DENIED},
                 {PROCMEM_PROCESS_LIMIT, EVIDENCE_PROCMEM_LIMIT}};
    for (size_t i = 0; i < SP_COUNT(flags); i++) {
        w = clean();
        w.process.flags = flags[i].flag;
        want_alone(&w, flags[i].reason);
    }
    w = clean(); /* nothing to execute is nothing known */
    w.process.mappings = 0;
    want_alone(&w, EVIDENCE_PROCMEM_MOVING);
}

static void counts(void **state)
{
    (void)state;
    struct world w = clean();
    w.service.processes = w.processes = 3;
    want_alone(&w, EVIDENCE_PROCMEM_COUNT);
    w.service.processes = w.processes = 0;
    want_alone(&w, EVIDENCE_PROCMEM_MISSING);
    w.service.state = PROCMEM_SERVICE_UNKNOWN;
    want_alone(&w, EVIDENCE_PROCMEM_UNKNOWN);
    w = clean(); /* processes the document promises and does not bring */
    w.service.processes = 2;
    want(&w, EVIDENCE_PROCMEM_MALFORMED);
}

/* The gravest is the headline, the rest is named, and an error never hides a failure. */
static void order(void **state)
{
    (void)state;
    struct world w = clean();
    w.process.flags = PROCMEM_PROCESS_LIMIT;
    w.process.tracer = 4;
    w.mapping[0].differing = 2;
    w.mapping[0].places = 1;
    want(&w, EVIDENCE_PROCMEM_TEXT);
    assert_int_equal(j.findings, 3);
    assert_non_null(strstr(j.text, " (and 2 more: procmem-text procmem-tracer procmem-limit)"));
    w.process.flags = PROCMEM_PROCESS_MOVING; /* what differs may have been another mapping by then */
    want(&w, EVIDENCE_PROCMEM_TRACER);
    assert_int_equal(j.findings, 2);
    w.process.tracer = 0;
    want_alone(&w, EVIDENCE_PROCMEM_MOVING);
    w.process.tracer = 4;
    w.mapping[0].differing = w.mapping[0].places = 0;
    want(&w, EVIDENCE_PROCMEM_TRACER);
    assert_int_equal(j.outcome, SP_OUTCOME_FAIL);
}

/* ---- broken documents ------------------------------------------------------------------------------------------ */

static void broken(void **state)
{
    (void)state;
    struct world w = clean();
    struct sp_buf b;
    w.process.settings = 1;
    w.setting[0] = (struct procmem_setting){.name = sp_str_of("LD_PRELOAD"), .value = sp_str_of("x")};
    w.mapping[0].differing = 1;
    w.mapping[0].places = 1;
    write_world(&w, &b);
    for (size_t n = 0; n < b.n; n++) { /* cut anywhere */
        judge_bytes(b.p, n);
        assert_int_equal(j.reason, EVIDENCE_PROCMEM_MALFORMED);
    }
    sp_buf_append(&b, "", 1); /* something behind */
    judge_bytes(b.p, b.n);
    assert_int_equal(j.reason, EVIDENCE_PROCMEM_MALFORMED);
    for (size_t i = 0; i + 1 < b.n; i++) { /* any byte another: it never passes for clean */
        uint8_t was = b.p[i];
        b.p[i] ^= 0xff;
        judge_bytes(b.p, b.n - 1);
        assert_int_not_equal(j.reason, EVIDENCE_OK);
        b.p[i] = was;
    }
    sp_buf_fini(&b);
}

static void contradictions(void **state)
{
    (void)state;
    struct world w = clean();
    w.mapping[0].absent = 0; /* not all was compared, and nothing says why */
    want(&w, EVIDENCE_PROCMEM_MALFORMED);
    w = clean();
    w.mapping[0].differing = 1; /* without a place */
    want(&w, EVIDENCE_PROCMEM_MALFORMED);
    w = clean();
    w.process.exe = 2;
    want(&w, EVIDENCE_PROCMEM_MALFORMED);
    w = clean();
    w.mapping[0].file = PROCMEM_NO_FILE;
    want(&w, EVIDENCE_PROCMEM_MALFORMED);
    w = clean();
    w.service.name = sp_str_of("sshd"); /* answers another question */
    want(&w, EVIDENCE_PROCMEM_MALFORMED);
    w = clean();
    w.process.service = 1;
    want(&w, EVIDENCE_PROCMEM_MALFORMED);
    w = clean();
    w.mapping[0].start = UINT64_MAX - 100;
    want(&w, EVIDENCE_PROCMEM_MALFORMED);
}

/* ---- policies -------------------------------------------------------------------------------------------------- */

#define SERVICE(text) "{\"version\":1,\"unlisted\":\"root\",\"services\":{\"a\":{" text "}}}"

static void policy_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why; /* NULL: it is taken */
    } cases[] = {
        {SERVICE(""), NULL},
        {SERVICE("\"processes\":3,\"missing\":\"error\",\"deleted\":\"warn\",\"tracer\":true"), NULL},
        {"", "line 1"},
        {"{\n\"version\":1,,}", "line 2"},
        {"[]", "\"version\": 1"},
        {"{\"version\":2,\"services\":{\"a\":{}}}", "\"version\": 1"},
        {"{\"version\":1,\"services\":{\"a\":{}}}", "no digests"},
        {"{\"version\":1,\"services\":{}}", "services is"},
        {"{\"version\":1,\"services\":{\"a\":{},\"a\":{}}}", "duplicate"},
        {"{\"version\":1,\"services\":{\"a b\":{}}}", "no name of a service"},
        {"{\"version\":1,\"extra\":1,\"services\":{\"a\":{}}}", "unknown name extra"},
        {SERVICE("\"proceses\":3"), "service a: unknown name proceses"},
        {SERVICE("\"processes\":0"), "at least one"},
        {SERVICE("\"processes\":[2,1]"), "not more than most"},
        {SERVICE("\"processes\":-1"), "whole number"},
        {SERVICE("\"missing\":\"pass\""), "missing is"},
        {SERVICE("\"users\":[\"root\"]"), "a user is a whole number"},
        {SERVICE("\"files\":[]"), "files is a list"},
        {SERVICE("\"files\":[1]"), "files is a list"},
        {SERVICE("\"settings\":{\"A\":1}"), "settings is"},
        {SERVICE("\"tracer\":1"), "tracer is"},
        {SERVICE("\"exceptions\":[1]"), "list of objects"},
        {SERVICE("\"exceptions\":[{\"what\":\"all\",\"name\":\"*\",\"count\":1,\"bytes\":1}]"), "an exception is for"},
        {SERVICE("\"exceptions\":[{\"what\":\"text\",\"name\":\"*\",\"count\":1}]"), "a count and bytes"},
        {SERVICE("\"exceptions\":[{\"what\":\"text\",\"name\":\"*\",\"count\":1,\"bytes\":1,\"x\":1}]"), "unknown name x"},
        {SERVICE("") "\n--- digests\n\n", NULL},
        {SERVICE("") "\n--- manifest\nSPICE-TREE 1\ntree /usr/sbin\n", NULL},
        {SERVICE("") "\n--- manifest\nSPICE-TREE 2\n", "manifest after line 2: "},
        {SERVICE("") "\n--- other\n", "line 2: --- digests or --- manifest"},
        {"--- digests\n", "line 1: the policy begins"},
        {SERVICE("") "\n--- digests\n6161  /x\n", "line 3"},
        {SERVICE("") "\n--- digests\n61616161616161616161616161616161\n", "line 3"},
        {SERVICE("") "\n--- digests\n\n# x\n6161616161616161616161616161616g  /x", "line 5"},
    };
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        char why[PROCMEM_POLICY_WHY_MAX] = "";
        struct procmem_policy_file *p = procmem_policy_new(sp_str_of(cases[i].text), why);
        if ((p != NULL) != (cases[i].why == NULL) || (p == NULL && strstr(why, cases[i].why) == NULL)) {
            fail_msg("%s\n-> %s", cases[i].text, p != NULL ? "taken" : why);
        }
        procmem_policy_destroy(&p);
    }
}

/* Digests of a manifest of trees, and of a list behind it. */
static void manifest(void **state)
{
    (void)state;
    char why[PROCMEM_POLICY_WHY_MAX] = "";
    struct procmem_policy_file *p = procmem_policy_new(
        sp_str_of("{\"version\":1,\"services\":{\"a\":{}}}\n--- manifest\nSPICE-TREE 1\ntree /usr/sbin\nd 0755 0 0 /usr/sbin\n"
                  "f 0755 0 0 9000 6161616161616161616161616161616161616161616161616161616161616161 /usr/sbin/nginx\n"
                  "--- digests\n6262626262626262626262626262626262626262626262626262626262626262  /usr/lib/libc.so.6\n"),
        why);
    if (p == NULL) {
        fail_msg("%s", why);
    }
    const struct procmem_policy *q = &p->policy;
    assert_int_equal(q->known(q->ctx, sp_str_of("/usr/sbin/nginx"), letter('a'), NULL), PROCMEM_KNOWN_SAME);
    assert_int_equal(q->known(q->ctx, sp_str_of("/usr/sbin/nginx"), letter('b'), NULL), PROCMEM_KNOWN_OTHER);
    assert_int_equal(q->known(q->ctx, sp_str_of("/lib/libc.so.6"), letter('b'), NULL), PROCMEM_KNOWN_SAME);
    assert_int_equal(q->known(q->ctx, sp_str_of("/usr/sbin"), letter('a'), NULL), PROCMEM_KNOWN_UNLISTED);
    procmem_policy_destroy(&p);
}

/* Without a list: only what root alone can have written. */
static void unlisted_root(void **state)
{
    (void)state;
    char why[PROCMEM_POLICY_WHY_MAX];
    struct procmem_policy_file *kept = policy;
    policy =
        procmem_policy_new(sp_str_of("{\"version\":1,\"unlisted\":\"root\",\"services\":{\"nginx\":{\"deleted\":\"warn\"}}}"), why);
    assert_non_null(policy);
    struct world w = clean();
    want(&w, EVIDENCE_OK);
    w.file[LIBC].mode = 0100775;
    want_alone(&w, EVIDENCE_PROCMEM_UNLISTED);
    w = clean();
    w.file[LIBC].uid = 33;
    want_alone(&w, EVIDENCE_PROCMEM_UNLISTED);
    w = clean(); /* a newer one took its place; which one this was nobody knows */
    w.file[LIBC].flags = PROCMEM_FILE_DELETED;
    want_alone(&w, EVIDENCE_PROCMEM_DELETED);
    procmem_policy_destroy(&policy);
    policy = kept;
}

static void replaced_is_a_remark(void **state)
{
    (void)state;
    struct procmem_rule rule = policy->policy.rule[0];
    const struct procmem_policy warns = {&rule, 1, false, policy->policy.known, policy->policy.ctx};
    struct world w = clean();
    struct sp_buf b;
    rule.deleted_warns = true;
    w.file[LIBC].flags = PROCMEM_FILE_DELETED;
    write_world(&w, &b);
    procmem_judge(&warns, sp_buf_view(&b), &j);
    assert_int_equal(j.outcome, SP_OUTCOME_WARN);
    assert_int_equal(j.reason, EVIDENCE_OK);
    sp_buf_fini(&b);
    w.file[LIBC].sha256 = letter('x'); /* not one that ever was right */
    write_world(&w, &b);
    procmem_judge(&warns, sp_buf_view(&b), &j);
    assert_int_equal(j.reason, EVIDENCE_PROCMEM_DELETED);
    sp_buf_fini(&b);
}

/* One service that is missing and fails the node is not made less by another of which nothing is known. */
static void missing_error(void **state)
{
    (void)state;
    static const bool errors[][3] = {{true, true, true}, {false, true, false}, {true, false, false}};
    for (size_t i = 0; i < SP_COUNT(errors); i++) {
        struct procmem_rule both[2] = {{.name = "a", .least = 1, .most = 1, .missing_is_error = errors[i][0]},
                                       {.name = "b", .least = 1, .most = 1, .missing_is_error = errors[i][1]}};
        const struct procmem_policy p = {both, 2, false, policy->policy.known, policy->policy.ctx};
        const struct procmem_service a = {.name = sp_str_of("a")}, b = {.name = sp_str_of("b")};
        struct sp_buf doc;
        sp_buf_init(&doc, 1000);
        procmem_put_head(&doc, 2);
        procmem_put_service(&doc, &a);
        procmem_put_service(&doc, &b);
        procmem_put_count(&doc, 0);
        procmem_put_count(&doc, 0);
        procmem_judge(&p, sp_buf_view(&doc), &j);
        assert_int_equal(j.reason, EVIDENCE_PROCMEM_MISSING);
        assert_int_equal(j.outcome, errors[i][2] ? SP_OUTCOME_ERROR : SP_OUTCOME_FAIL);
        sp_buf_reset(&doc); /* nothing said of the second */
        procmem_put_head(&doc, 1);
        procmem_put_service(&doc, &a);
        procmem_put_count(&doc, 0);
        procmem_put_count(&doc, 0);
        procmem_judge(&p, sp_buf_view(&doc), &j);
        assert_int_equal(j.reason, EVIDENCE_PROCMEM_MALFORMED);
        sp_buf_fini(&doc);
    }
}

static void patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {{"", "", true},
                 {"*", "", true},
                 {"*", "anything", true},
                 {"a", "", false},
                 {"", "a", false},
                 {"a*", "ab", true},
                 {"*b*", "abc", true},
                 {"a*c", "ab", false},
                 {"a*b*c", "aXbXbXc", true},
                 {"/usr/*", "/usrx", false},
                 {"**", "x", true},
                 {"*.so*", "x.so.6", true},
                 {"*a", "aab", false},
                 {"a?", "ab", false}};
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        if (procmem_pattern(cases[i].pattern, sp_str_of(cases[i].text)) != cases[i].fits) {
            fail_msg("%s %s", cases[i].pattern, cases[i].text);
        }
    }
}

static int set_up(void **state)
{
    char text[sizeof rules + sizeof digests], why[PROCMEM_POLICY_WHY_MAX] = "";
    (void)state;
    (void)snprintf(text, sizeof text, "%s%s", rules, digests);
    policy = procmem_policy_new(sp_str_of(text), why);
    if (policy == NULL) {
        (void)fprintf(stderr, "%s\n", why);
    }
    return policy == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    procmem_policy_destroy(&policy);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes),        cmocka_unit_test(text_differs),
        cmocka_unit_test(files),         cmocka_unit_test(regions),
        cmocka_unit_test(exceptions),    cmocka_unit_test(process),
        cmocka_unit_test(counts),        cmocka_unit_test(order),
        cmocka_unit_test(broken),        cmocka_unit_test(contradictions),
        cmocka_unit_test(policy_files),  cmocka_unit_test(manifest),
        cmocka_unit_test(unlisted_root), cmocka_unit_test(replaced_is_a_remark),
        cmocka_unit_test(missing_error), cmocka_unit_test(patterns),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
