/* SPDX-License-Identifier: Apache-2.0 */
/* Running services, from the collector through the adapter and the sandboxed appraiser to the result: a service in Python, nginx,
 * and qemu where they are installed. Each attack is made for real and has its own reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter_rig.h"
#include "collector.h"
#include "evidence_reason.h"
#include "procmem_doc.h"
#include "procmem_process.h"
#include "procmem_settings.h"
#include "procmem_target.h"
#include "scratch.h"
#include "sp_buf.h"
#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_hex.h"
#include "victim.h"

#define PYTHON "/usr/bin/python3"
#define NGINX  "/usr/sbin/nginx"
#define QEMU   "/usr/bin/qemu-system-x86_64"

extern const struct sp_adapter adapter_procmem;

static struct scratch scratch;
static struct victim victim, other;
static char script[256], spec[400], rules[2048];
static struct sp_buf digests, document;
static const struct rig_result *verdict;
static struct rig *rig;
static const char *const no_environment[] = {"PATH=/usr/bin:/bin", NULL};

/* ---- collect and judge ----------------------------------------------------------------------------------------- */

#define LONG_MS 120000u /* nothing that goes well takes so long, on no machine */
#define NOBODY  65534

static uid_t collector_uid; /* 0: as this test */

/* Collects in a process of its own when it is to have another user's rights. */
static uint16_t run_collector(const struct collect_request *request, struct collect_out *out)
{
    int status;
    if (collector_uid == 0) {
        return collector_run(request, out);
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(setresuid(collector_uid, collector_uid, collector_uid) == 0 && collector_run(request, out) == SP_REASON_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    out->n = (uint64_t)lseek(out->fd, 0, SEEK_END);
    return status == 0 ? SP_REASON_OK : SP_REASON_REFUSED;
}

/* The attester of the node: this one. */
static void attester(void *arg, const struct rig_question *q, struct rig_answer *answer)
{
    static const struct sp_adapter_identity who = {.generation = 1, .mode = SP_ENROLMENT_CERTIFIED};
    static const uint8_t key[COLLECT_KEY_BYTES] = {2};
    const char *const services[] = {spec};
    const struct collect_site site = {.root = "", .proc = "/proc", .services = services, .service_count = 1};
    const struct collect_request request = {.kind = sp_str_of(q->kind),
                                            .node = sp_str_of(q->node),
                                            .args = sp_str_of(q->args),
                                            .nonce = q->nonce,
                                            .sign_key = key,
                                            .curve_key = key,
                                            .site = &site};
    struct collect_out out = {.fd = memfd_create("document", MFD_CLOEXEC), .max = COLLECT_DOCUMENT_MAX};
    (void)arg;
    answer->reason = run_collector(&request, &out);
    sp_buf_reset(&document);
    uint8_t *room = sp_buf_room(&document, (size_t)out.n + 1);
    assert_non_null(room);
    assert_int_equal(pread(out.fd, room, (size_t)out.n, 0), (ssize_t)out.n);
    (void)close(out.fd);
    document.n = (size_t)out.n;
    answer->who = &who;
    answer->detail = "it cannot";
    answer->bytes = document.p;
    answer->n = document.n;
    answer->part = document.n / 3 + 1;
}

/* One run of a check with the rules and digests as they are now. */
static void look(void)
{
    char name[32], params[64];
    struct sp_buf policy;
    const char *why = NULL;
    static unsigned run;
    (void)snprintf(name, sizeof name, "policy-%u", ++run);
    (void)snprintf(params, sizeof params, "{\"policy\":\"%s\"}", name);
    sp_buf_init(&policy, 1u << 20);
    sp_buf_format(&policy, "{\"version\":1,\"services\":{%s}}\n--- digests\n", rules);
    sp_buf_append(&policy, digests.p, digests.n);
    scratch_file(&scratch, name, policy.p, policy.n, 0600);
    sp_buf_fini(&policy);
    void *check = rig_compile(rig, params, &why);
    if (check == NULL) {
        fail_msg("%s", why);
    }
    unsigned job = rig_start(rig, check, "node-1", NULL, LONG_MS);
    rig_finish_all(rig);
    verdict = rig_result(rig, job);
    assert_int_equal(verdict->finishes, 1);
    rig_release(rig, check);
}

static void want(enum evidence_reason reason)
{
    look();
    uint16_t expected = evidence_reason_wire(reason);
    if (verdict->reason != expected || verdict->outcome != evidence_reason_outcome(reason)) {
        fail_msg("outcome %u reason %u (%s), wanted %s", verdict->outcome, verdict->reason, verdict->detail,
                 evidence_reason_name(reason));
    }
}

/* ---- the service ----------------------------------------------------------------------------------------------- */

static void list_file(void *ctx, const char *path)
{
    char *content = NULL, hex[65];
    size_t n = 0;
    uint8_t digest[32];
    struct sp_err err;
    (void)ctx;
    if (sp_fs_read(path, 1u << 28, 0, &content, &n, &err) != SP_OK) {
        fail_msg("%s cannot be read", path);
    }
    sp_crypto_sha256(content, n, digest);
    sp_hex_write(digest, sizeof digest, hex);
    sp_buf_format(&digests, "%s  %s\n", hex, path);
    free(content);
}

static void start_python(struct victim *v, const char *program, const char *const *environment)
{
    const char *const argv[] = {"python3", "-S", script, NULL};
    victim_start(v, program, argv, environment);
    victim_wait(v, "ok");
}

/* A copy of a file in the scratch directory; returns its path. */
static const char *copy_of(const char *path, const char *name, char to[256])
{
    char *content = NULL;
    size_t n = 0;
    struct sp_err err;
    assert_int_equal(sp_fs_read(path, 1u << 28, 0, &content, &n, &err), SP_OK);
    scratch_file(&scratch, name, content, n, 0755);
    free(content);
    return scratch_path(&scratch, name, to, 256);
}

/* A shared library the service has loaded already. */
static void library_of(char to[256])
{
    char name[64], line[512];
    (void)snprintf(name, sizeof name, "/proc/%d/maps", (int)victim.pid);
    FILE *f = fopen(name, "re");
    assert_non_null(f);
    to[0] = '\0';
    while (fgets(line, sizeof line, f) != NULL) {
        if (strstr(line, "/libz.so") != NULL || strstr(line, "/libm.so") != NULL) {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(to, 256, "%s", strchr(line, '/'));
        }
    }
    (void)fclose(f);
    assert_true(to[0] == '/');
}

static int set_up_service(void **state)
{
    (void)state;
    sp_buf_reset(&digests);
    (void)snprintf(spec, sizeof spec, "py=script:%s", script);
    (void)snprintf(rules, sizeof rules, "\"py\":{\"processes\":1,\"users\":[%u],\"programs\":[\"/usr/bin/python3*\"]}",
                   (unsigned)geteuid());
    start_python(&victim, PYTHON, no_environment);
    victim_files(&victim, list_file, NULL);
    return 0;
}

static int tear_down_service(void **state)
{
    (void)state;
    collector_uid = 0;
    victim_end(&victim);
    victim_end(&other);
    return 0;
}

/* ---- cases ----------------------------------------------------------------------------------------------------- */

static void clean(void **state)
{
    (void)state;
    want(EVIDENCE_OK);
    assert_non_null(strstr(verdict->measures, "processes=1 "));
    assert_null(strstr(verdict->measures, " compared=0B"));
    want(EVIDENCE_OK); /* looking changes nothing */
}

/* Bytes of pages that are the process's own copies. */
static uint64_t own_bytes(void)
{
    struct procmem_doc d;
    struct procmem_service s;
    struct procmem_file f;
    struct procmem_process p;
    struct procmem_setting e;
    struct procmem_mapping m;
    struct procmem_place at;
    uint64_t own = 0;
    assert_true(procmem_doc_open(&d, sp_buf_view(&document)));
    while (procmem_doc_service(&d, &s) || procmem_doc_file(&d, &f)) {
    }
    while (procmem_doc_process(&d, &p)) {
        while (procmem_doc_setting(&d, &e)) {
        }
        while (procmem_doc_mapping(&d, &m)) {
            own += m.own;
            while (procmem_doc_place(&d, &at)) {
            }
        }
    }
    assert_true(procmem_doc_end(&d));
    return own;
}

static void byte_changed(void **state)
{
    (void)state;
    uint64_t bytes, start = victim_text(&victim, "/usr/bin/python3", &bytes), at = start + bytes / 2 + 123;
    char word[64];
    assert_true(start != 0);
    assert_true(victim_flip(&victim, at));
    want(EVIDENCE_PROCMEM_TEXT);
    (void)snprintf(word, sizeof word, "py[%d]: /usr/bin/python3", (int)victim.pid);
    assert_non_null(strstr(verdict->detail, word));
    assert_non_null(strstr(verdict->detail, ": 1 of "));
    assert_true(victim_flip(&victim, at)); /* put back: a page of its own, with the right content */
    want(EVIDENCE_OK);
    assert_true(own_bytes() > 0);
}

/* By ptrace, as a debugger sets a breakpoint, in a library; at the first and at the last byte of it. */
static void breakpoint(void **state)
{
    (void)state;
    uint64_t bytes, start = victim_text(&victim, "/libc.so", &bytes);
    int status;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = i == 0 ? start : start + bytes - 4096;
        assert_int_equal(ptrace(PTRACE_SEIZE, victim.pid, NULL, NULL), 0);
        assert_int_equal(ptrace(PTRACE_INTERRUPT, victim.pid, NULL, NULL), 0);
        assert_int_equal(waitpid(victim.pid, &status, 0), victim.pid);
        errno = 0;
        long was = ptrace(PTRACE_PEEKTEXT, victim.pid, at, NULL);
        assert_int_equal(errno, 0);
        assert_int_equal(ptrace(PTRACE_POKETEXT, victim.pid, at, was ^ 0xcc), 0);
        assert_int_equal(ptrace(PTRACE_DETACH, victim.pid, NULL, NULL), 0);
        want(EVIDENCE_PROCMEM_TEXT);
    }
    assert_non_null(strstr(verdict->detail, ": 2 of "));
}

static void preloaded(void **state)
{
    (void)state;
    char library[256], variable[300];
    library_of(library);
    (void)snprintf(variable, sizeof variable, "LD_PRELOAD=%s", library);
    const char *const environment[] = {variable, NULL};
    victim_end(&victim);
    start_python(&victim, PYTHON, environment);
    want(EVIDENCE_PROCMEM_PRELOAD);
    assert_non_null(strstr(verdict->detail, library));
    (void)snprintf(rules, sizeof rules, "\"py\":{\"settings\":{\"LD_PRELOAD\":\"%s\"}}", library);
    want(EVIDENCE_OK);
}

/* Loaded behind the back of everything, by a call into the linker. */
static void injected(void **state)
{
    (void)state;
    char library[256], copy[256];
    library_of(library);
    victim_tell(&victim, "keep.append(ctypes.CDLL('%s'))", copy_of(library, "libevil.so", copy));
    want(EVIDENCE_PROCMEM_UNLISTED);
    assert_non_null(strstr(verdict->detail, "libevil.so"));
    list_file(NULL, copy); /* a known file, which this service has no use for */
    (void)snprintf(rules, sizeof rules, "\"py\":{\"files\":[\"/usr/*\"]}");
    want(EVIDENCE_PROCMEM_LIBRARY);
}

/* Memory and file are the same pages: only the digest of the whole file tells. */
static void overwritten_in_place(void **state)
{
    (void)state;
    char library[256], copy[256];
    library_of(library);
    victim_tell(&victim, "keep.append(ctypes.CDLL('%s'))", copy_of(library, "libhere.so", copy));
    list_file(NULL, copy);
    want(EVIDENCE_OK);
    int fd = open(copy, O_RDWR | O_CLOEXEC);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, 0x2000), 1);
    byte ^= 0xff;
    assert_int_equal(pwrite(fd, &byte, 1, 0x2000), 1);
    (void)close(fd);
    want(EVIDENCE_PROCMEM_DIGEST);
}

static void deleted_library(void **state)
{
    (void)state;
    char library[256], copy[256];
    library_of(library);
    victim_tell(&victim, "keep.append(ctypes.CDLL('%s'))", copy_of(library, "libgone.so", copy));
    list_file(NULL, copy);
    assert_int_equal(unlink(copy), 0);
    want(EVIDENCE_PROCMEM_DELETED);
    (void)snprintf(rules, sizeof rules, "\"py\":{\"deleted\":\"warn\"}");
    look();
    assert_int_equal(verdict->outcome, SP_OUTCOME_WARN);
    assert_int_equal(verdict->reason, SP_REASON_REMARK);
    copy_of(library, "libgone.so", copy); /* another file under its name makes it no less deleted */
    look();
    assert_int_equal(verdict->outcome, SP_OUTCOME_WARN);
}

static void deleted_program(void **state)
{
    (void)state;
    char copy[256];
    victim_end(&victim);
    copy_of(PYTHON, "python-copy", copy);
    start_python(&victim, copy, no_environment);
    list_file(NULL, copy);
    want(EVIDENCE_PROCMEM_PROGRAM);
    assert_int_equal(unlink(copy), 0);
    want(EVIDENCE_PROCMEM_DELETED);
}

static void regions(void **state)
{
    static const struct {
        const char *code;
        enum evidence_reason reason;
    } cases[] = {
        {"fd = os.memfd_create('evil'); os.write(fd, b'\\xc3' * 4096); keep.append(mmap.mmap(fd, 4096, flags=mmap.MAP_PRIVATE, "
         "prot=5))",
         EVIDENCE_PROCMEM_MEMFD},
        {"keep.append(mmap.mmap(-1, 4096, prot=5))", EVIDENCE_PROCMEM_MEMFD}, /* shared: a file of memory without a name */
        {"keep.append(mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=5))", EVIDENCE_PROCMEM_ANONYMOUS},
        {"keep.append(mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7))", EVIDENCE_PROCMEM_WRITABLE},
        {"fd = os.open(sys.argv[0] + '.text', os.O_CREAT | os.O_RDWR, 0o700); os.write(fd, b'\\xc3' * 4096); "
         "keep.append(mmap.mmap(fd, 4096, flags=mmap.MAP_SHARED, prot=5))",
         EVIDENCE_PROCMEM_UNLISTED}, /* nothing but its name is odd about it */
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        victim_tell(&victim, "%s", cases[i].code);
        want(cases[i].reason);
        victim_tell(&victim, "keep.pop().close()");
        want(EVIDENCE_OK);
    }
}

/* The kernel's own text of the process made writable, written and made executable again. */
static void changed_by_itself(void **state)
{
    (void)state;
    uint64_t bytes, start = victim_text(&victim, "/libm.so", &bytes);
    victim_tell(&victim,
                "libc = ctypes.CDLL(None); a = ctypes.c_void_p(%" PRIu64 "); libc.mprotect(a, 4096, 7); ctypes.memset(a, 0x90, 16)",
                start);
    want(EVIDENCE_PROCMEM_TEXT); /* and writable */
    assert_non_null(strstr(verdict->detail, "procmem-writable"));
    victim_tell(&victim, "libc.mprotect(a, 4096, 5)");
    want(EVIDENCE_PROCMEM_TEXT);
    assert_null(strstr(verdict->detail, "procmem-writable"));
}

/* A thread of the service that is not its first. */
static int second_thread(void)
{
    char path[64];
    struct dirent *one;
    int tid = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)victim.pid);
    DIR *list = opendir(path);
    assert_non_null(list);
    while ((one = readdir(list)) != NULL) {
        int n = (int)strtol(one->d_name, NULL, 10);
        tid = n > 0 && n != victim.pid ? n : tid;
    }
    (void)closedir(list);
    assert_true(tid > 0);
    return tid;
}

/* Any of its threads, not the first alone. */
static void traced(void **state)
{
    (void)state;
    char word[64];
    victim_tell(&victim, "threading.Thread(target=threading.Event().wait, daemon=True).start()");
    assert_int_equal(ptrace(PTRACE_SEIZE, second_thread(), NULL, NULL), 0);
    want(EVIDENCE_PROCMEM_TRACER);
    (void)snprintf(word, sizeof word, "is traced by process %d", (int)getpid());
    assert_non_null(strstr(verdict->detail, word));
    (void)snprintf(rules, sizeof rules, "\"py\":{\"tracer\":true}");
    want(EVIDENCE_OK);
}

/* The first thread gone, the others at work: nothing of its memory is to be seen, which must not look like nothing there. */
static void first_thread_ended(void **state)
{
    (void)state;
    static const uint8_t nonce[COLLECT_NONCE_BYTES];
    const struct collect_site site = {.root = "", .proc = "/proc"};
    const struct collect_request request = {.nonce = nonce, .site = &site};
    struct procmem_doc d = {.processes_left = 1, .services = 1};
    struct procmem_process p;
    struct procmem_scan scan;
    struct sp_buf out;
    char path[64], text[512] = "";
    victim_tell(&victim, "t = threading.Thread(target=threading.Event().wait); t.start()");
    assert_true(dprintf(victim.in, "ctypes.CDLL(None).syscall(60, 0)\n") > 0);
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)victim.pid);
    do { /* until it is gone */
        FILE *f = fopen(path, "re");
        assert_non_null(f);
        assert_non_null(fgets(text, sizeof text, f));
        (void)fclose(f);
    } while (strstr(text, ") Z ") == NULL);
    look();
    assert_int_not_equal(verdict->outcome, SP_OUTCOME_PASS); /* it does not look like the service any more: missing */
    (void)snprintf(path, sizeof path, "/proc/%d", (int)victim.pid);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sp_buf_init(&out, 1u << 16);
    assert_true(procmem_scan_init(&scan, &request, false));
    assert_true(procmem_process_write(&scan, dir, (uint32_t)victim.pid, 0, &out)); /* as its control group would have it found */
    d.rest = octets_of(sp_buf_view(&out));
    assert_true(procmem_doc_process(&d, &p));
    assert_int_equal(p.flags, PROCMEM_PROCESS_DENIED);
    procmem_scan_fini(&scan);
    sp_buf_fini(&out);
    (void)close(dir);
}

static void counts(void **state)
{
    (void)state;
    start_python(&other, PYTHON, no_environment);
    want(EVIDENCE_PROCMEM_COUNT);
    victim_end(&other);
    want(EVIDENCE_OK);
    victim_end(&victim);
    want(EVIDENCE_PROCMEM_MISSING);
    (void)snprintf(rules, sizeof rules, "\"py\":{\"missing\":\"error\"}");
    look();
    assert_int_equal(verdict->outcome, SP_OUTCOME_ERROR);
    (void)snprintf(rules, sizeof rules, "\"sshd\":{}");
    want(EVIDENCE_PROCMEM_UNKNOWN); /* this host's configuration does not name it */
}

static void other_user(void **state)
{
    (void)state;
    (void)snprintf(rules, sizeof rules, "\"py\":{\"users\":[%u]}", (unsigned)geteuid() + 1);
    want(EVIDENCE_PROCMEM_USER);
}

/* Debian's lists: the digest of the file as it was packed, without the slash and, for some packages, without usr. */
static void debian_list(void **state)
{
    (void)state;
    struct sp_crypto_md5 h;
    char library[256], *content = NULL, hex[33];
    size_t n = 0;
    uint8_t digest[16];
    struct sp_err err;
    library_of(library);
    assert_int_equal(sp_fs_read(library, 1u << 28, 0, &content, &n, &err), SP_OK);
    sp_crypto_md5_init(&h);
    sp_crypto_md5_update(&h, content, n);
    sp_crypto_md5_final(&h, digest);
    free(content);
    for (unsigned i = 0; i < 2; i++) {
        struct sp_buf kept = digests;
        sp_buf_init(&digests, 1u << 20);
        struct sp_str rest = sp_buf_view(&kept), one;
        while (sp_str_next(&rest, '\n', &one)) { /* all but this one */
            if (memmem(one.p, one.n, library, strlen(library)) == NULL) {
                sp_buf_append(&digests, one.p, one.n);
                sp_buf_text(&digests, "\n");
            }
        }
        want(EVIDENCE_PROCMEM_UNLISTED);
        sp_hex_write(digest, sizeof digest, hex);
        sp_buf_format(&digests, "%s  %s\n", hex, library + 1 + (i == 1 && strncmp(library, "/usr/", 5) == 0 ? 4 : 0));
        want(EVIDENCE_OK);
        sp_buf_fini(&digests);
        digests = kept;
    }
}

/* Executable memory that comes and goes while it is looked at: whatever is seen of it, it is not taken for clean. */
static void moving(void **state)
{
    (void)state;
    victim_tell(&victim,
                "exec('''def churn():\\n a = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=5)\\n"
                " while True:\\n  b = mmap.mmap(-1, 8192, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=5)\\n  a.close()\\n"
                "  a = b\\n''')");
    victim_tell(&victim, "threading.Thread(target=churn, daemon=True).start()");
    for (unsigned i = 0; i < 3; i++) {
        look();
        assert_int_not_equal(verdict->outcome, SP_OUTCOME_PASS);
        assert_true(verdict->reason == evidence_reason_wire(EVIDENCE_PROCMEM_ANONYMOUS) ||
                    verdict->reason == evidence_reason_wire(EVIDENCE_PROCMEM_MOVING));
    }
}

/* The same with a file that may be executed: all that is wrong is that the list of mappings does not hold still. */
static void moving_file(void **state)
{
    (void)state;
    char library[256];
    bool seen = false;
    library_of(library);
    victim_tell(&victim, "libc = ctypes.CDLL(None); libc.mmap.restype = ctypes.c_void_p; fd = os.open('%s', os.O_RDONLY)", library);
    victim_tell(
        &victim,
        "exec('''def churn():\\n at = 0x200000000000\\n p = ctypes.c_void_p\\n"
        " while True:\\n  libc.mmap(p(at), 4096, 5, 0x12, fd, 0)\\n  libc.munmap(p(at - 8192), 4096)\\n  at += 8192\\n''')");
    victim_tell(&victim, "threading.Thread(target=churn, daemon=True).start()");
    for (unsigned i = 0; i < 200 && !seen; i++) { /* a busy machine may not let it run while it is looked at */
        look();
        seen = verdict->reason == evidence_reason_wire(EVIDENCE_PROCMEM_MOVING);
        if (verdict->outcome == SP_OUTCOME_FAIL) { /* nothing it has is wrong */
            fail_msg("%s", verdict->detail);
        }
    }
    assert_true(seen);
}

/* A service that forks all the time. */
static void forking(void **state)
{
    (void)state;
    (void)snprintf(rules, sizeof rules, "\"py\":{\"processes\":[1,1000]}");
    victim_tell(&victim,
                "exec('''def fork():\\n while True:\\n  p = os.fork()\\n  if p == 0: os._exit(0)\\n  os.waitpid(p, 0)\\n''')");
    victim_tell(&victim, "threading.Thread(target=fork, daemon=True).start()");
    for (unsigned i = 0; i < 3; i++) {
        look();
        assert_true(verdict->outcome == SP_OUTCOME_PASS || verdict->reason == evidence_reason_wire(EVIDENCE_PROCMEM_MOVING));
    }
}

/* An attester without rights says that it has none; nothing passes for want of looking. */
static void without_rights(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("not root: not tried\n");
        return;
    }
    collector_uid = NOBODY;
    want(EVIDENCE_PROCMEM_DENIED);
    (void)snprintf(spec, sizeof spec, "py=exe:%s", PYTHON); /* it cannot even see which program it is */
    look();
    assert_int_equal(verdict->outcome, SP_OUTCOME_ERROR);
    assert_int_equal(verdict->reason, SP_REASON_REFUSED);
}

/* Without the right to use map_files (no CAP_CHECKPOINT_RESTORE): files by their names, when these still lead to them. */
static void files_by_name(void **state)
{
    (void)state;
    char library[256], copy[256], user[16];
    if (geteuid() != 0 || access("/usr/bin/setpriv", X_OK) != 0) {
        print_message("not root, or no setpriv: not tried\n");
        return;
    }
    (void)snprintf(user, sizeof user, "%d", NOBODY);
    const char *const argv[] = {"setpriv", "--reuid", user, "--clear-groups", PYTHON, "-S", script, NULL};
    victim_end(&victim);
    assert_int_equal(chmod(scratch.dir, 0755), 0);
    victim_start(&victim, "/usr/bin/setpriv", argv, no_environment);
    victim_wait(&victim, "ok");
    collector_uid = NOBODY;
    (void)snprintf(rules, sizeof rules, "\"py\":{\"users\":[%d]}", NOBODY);
    want(EVIDENCE_OK);
    assert_null(strstr(verdict->measures, " compared=0B"));
    library_of(library);
    victim_tell(&victim, "keep.append(ctypes.CDLL('%s'))", copy_of(library, "libother.so", copy));
    list_file(NULL, copy);
    want(EVIDENCE_OK);
    assert_int_equal(unlink(copy), 0);
    copy_of(library, "libother.so", copy); /* the same content under the same name is another file all the same */
    want(EVIDENCE_PROCMEM_DELETED);
    assert_non_null(strstr(verdict->detail, "procmem-unread"));
}

/* By its name a file is taken only when it is the one that is mapped. */
static void another_file_by_name(void **state)
{
    (void)state;
    char path[256], real[256];
    struct stat st;
    int status;
    if (geteuid() != 0) {
        print_message("not root: not tried\n");
        return;
    }
    static const char *const dirs[] = {"named", "named/root", "named/map_files"};
    for (size_t i = 0; i < SP_COUNT(dirs); i++) {
        assert_int_equal(mkdir(scratch_path(&scratch, dirs[i], path, sizeof path), i == 2 ? 0700 : 0755), 0);
    }
    assert_int_equal(chmod(scratch.dir, 0755), 0);
    scratch_file(&scratch, "named/root/lib", "x", 1, 0644);
    assert_int_equal(stat(scratch_path(&scratch, "named/root/lib", real, sizeof real), &st), 0);
    struct procmem_line line = {.start = 4096,
                                .end = 8192,
                                .inode = st.st_ino,
                                .major = major(st.st_dev),
                                .minor = minor(st.st_dev),
                                .path = sp_str_of("/lib")};
    pid_t pid = fork();
    if (pid == 0) {
        int dir = open(scratch_path(&scratch, "named", path, sizeof path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool good = setresuid(NOBODY, NOBODY, NOBODY) == 0 && procmem_target_open(dir, &line) >= 0;
        line.inode++;
        good = good && procmem_target_open(dir, &line) < 0;
        line.inode--;
        line.minor++;
        _exit(good && procmem_target_open(dir, &line) < 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* The file that names libraries for every program, as a process in a container sees it. */
static void preload_file(void **state)
{
    (void)state;
    char path[256];
    struct sp_buf text, out;
    uint8_t flags = 0;
    struct procmem_doc d = {.settings_left = 2};
    struct procmem_setting s;
    sp_buf_init(&text, 1u << 20);
    sp_buf_init(&out, 1u << 16);
    static const char *const dirs[] = {"fake", "fake/root", "fake/root/etc"};
    for (size_t i = 0; i < SP_COUNT(dirs); i++) {
        assert_int_equal(mkdir(scratch_path(&scratch, dirs[i], path, sizeof path), 0755), 0);
    }
    scratch_file(&scratch, "fake/environ", "A=LD_PRELOAD=x\0LD_AUDIT=/a.so\0NLD_X=1\0PYTHONPATHX=1\0", 52, 0644);
    int dir = open(scratch_path(&scratch, "fake", path, sizeof path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(procmem_settings_write(dir, &text, &out, &flags), 1);
    sp_buf_reset(&out);
    scratch_file(&scratch, "fake/root/etc/real", "/evil.so\n", SIZE_MAX, 0644); /* links lead below the root of the process */
    assert_int_equal(symlink("/etc/real", scratch_path(&scratch, "fake/root/etc/ld.so.preload", path, sizeof path)), 0);
    assert_int_equal(procmem_settings_write(dir, &text, &out, &flags), 2);
    assert_int_equal(flags, 0);
    d.rest = octets_of(sp_buf_view(&out));
    assert_true(procmem_doc_setting(&d, &s) && sp_str_is(s.name, "LD_AUDIT") && sp_str_is(s.value, "/a.so"));
    assert_true(procmem_doc_setting(&d, &s) && sp_str_is(s.name, "ld.so.preload") && sp_str_is(s.value, "/evil.so"));
    (void)close(dir);
    sp_buf_fini(&text);
    sp_buf_fini(&out);
}

static void bad_arguments(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}",
                                      "{\"services\":[]}",
                                      "{\"services\":[1]}",
                                      "{\"services\":\"py\"}",
                                      "{\"services\":[\"py\",\"py\"]}",
                                      "{\"services\":[\"../x\"]}",
                                      "{\"services\":[\"py\"],\"md5\":1}",
                                      "{\"services\":[\"py\"],\"pid\":1}",
                                      "[]",
                                      "",
                                      "{\"services\":[\"py\"]"};
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        static const uint8_t nonce[COLLECT_NONCE_BYTES];
        const struct collect_site site = {.root = "", .proc = "/proc"};
        const struct collect_request request = {
            .kind = sp_str_of("procmem"), .args = sp_str_of(bad[i]), .nonce = nonce, .site = &site};
        struct collect_out out = {.fd = -1, .max = 1000};
        assert_int_equal(collector_run(&request, &out), SP_REASON_BAD_PARAMETERS);
    }
}

/* ---- programs that are not ours -------------------------------------------------------------------------------- */

/* One request: then the worker has read all it needs. */
static void ask_nginx(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char answer[64];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(write(fd, "GET / HTTP/1.0\r\n\r\n", 18), 18);
    assert_true(read(fd, answer, sizeof answer) > 0);
    (void)close(fd);
}

/* A master and its worker; a byte is changed in the worker alone. */
static void nginx(void **state)
{
    (void)state;
    char program[256], conf[256], text[2048], word[64];
    if (access(NGINX, X_OK) != 0) {
        print_message("no %s here: not tried\n", NGINX);
        return;
    }
    victim_end(&victim);
    copy_of(NGINX, "nginx-copy", program); /* so that no other nginx of this machine is meant */
    (void)snprintf(text, sizeof text,
                   "daemon off; master_process on; worker_processes 1; pid %s/pid; error_log stderr notice;\n"
                   "events {}\nhttp { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f;\n"
                   "uwsgi_temp_path %s/u; scgi_temp_path %s/c; server { listen unix:%s/socket; } }\n",
                   scratch.dir, scratch.dir, scratch.dir, scratch.dir, scratch.dir, scratch.dir, scratch.dir);
    scratch_file(&scratch, "nginx.conf", text, SIZE_MAX, 0644);
    const char *const argv[] = {"nginx", "-e", "stderr", "-c", scratch_path(&scratch, "nginx.conf", conf, sizeof conf), NULL};
    victim_start(&victim, program, argv, no_environment);
    char *line = NULL;
    size_t size = 0;
    int worker = 0;
    while (worker == 0 && getline(&line, &size, victim.out) >= 0) {
        const char *at = strstr(line, "start worker process ");
        worker = at != NULL ? (int)strtol(at + strlen("start worker process "), NULL, 10) : 0;
    }
    free(line);
    assert_true(worker > 0);
    ask_nginx(scratch_path(&scratch, "socket", conf, sizeof conf));
    struct victim one = {.pid = worker};
    sp_buf_reset(&digests);
    victim_files(&victim, list_file, NULL);
    victim_files(&one, list_file, NULL);
    (void)snprintf(spec, sizeof spec, "nginx=exe:%s", program);
    (void)snprintf(rules, sizeof rules, "\"nginx\":{\"processes\":2}");
    want(EVIDENCE_OK);
    uint64_t bytes, start = victim_text(&one, "nginx-copy", &bytes);
    assert_true(victim_flip(&one, start + bytes / 3));
    want(EVIDENCE_PROCMEM_TEXT);
    (void)snprintf(word, sizeof word, "nginx[%d]: ", worker);
    assert_non_null(strstr(verdict->detail, word));
    assert_true(victim_flip(&one, start + bytes / 3));
    want(EVIDENCE_OK);
}

/* An emulator writes the code it runs: refused, until the policy says how much of it there may be. */
static void qemu(void **state)
{
    (void)state;
    char log[256];
    if (access(QEMU, X_OK) != 0) {
        print_message("no %s here: not tried\n", QEMU);
        return;
    }
    victim_end(&victim);
    scratch_path(&scratch, "qemu.log", log, sizeof log);
    const char *const argv[] = {"qemu",           "-D",   log,     "-nodefaults", "-display", "none", "-machine",
                                "none,accel=tcg", "-qmp", "stdio", NULL};
    victim_start(&victim, QEMU, argv, no_environment);
    victim_wait(&victim, "\"QMP\"");
    assert_true(dprintf(victim.in, "{\"execute\":\"qmp_capabilities\"}\n") > 0);
    victim_wait(&victim, "\"return\""); /* it answers when it has loaded all it needs */
    sp_buf_reset(&digests);
    victim_files(&victim, list_file, NULL);
    (void)snprintf(spec, sizeof spec, "qemu=script:%s", log);
    (void)snprintf(rules, sizeof rules, "\"qemu\":{}");
    want(EVIDENCE_PROCMEM_WRITABLE);
    (void)snprintf(rules, sizeof rules,
                   "\"qemu\":{\"exceptions\":[{\"what\":\"writable\",\"name\":\"\",\"count\":1,\"bytes\":1073741824}]}");
    want(EVIDENCE_OK);
    uint64_t bytes, start = victim_text(&victim, QEMU, &bytes);
    assert_true(victim_flip(&victim, start + bytes / 2)); /* what is declared excuses nothing else */
    want(EVIDENCE_PROCMEM_TEXT);
}

/* The same for Python, whose callbacks for C may be written at run time. */
static void callbacks(void **state)
{
    (void)state;
    victim_tell(&victim, "keep.append(ctypes.CFUNCTYPE(None)(lambda: None))");
    look();
    if (verdict->outcome != SP_OUTCOME_PASS) { /* libffi decides */
        assert_true(verdict->reason == evidence_reason_wire(EVIDENCE_PROCMEM_WRITABLE));
        (void)snprintf(rules, sizeof rules,
                       "\"py\":{\"exceptions\":[{\"what\":\"writable\",\"name\":\"*\",\"count\":1,\"bytes\":4096}]}");
        want(EVIDENCE_OK);
    }
}

static int set_up(void **state)
{
    char settings[256];
    (void)state;
    scratch_init(&scratch);
    scratch_path(&scratch, "service.py", script, sizeof script);
    victim_script(script);
    sp_buf_init(&digests, 1u << 20);
    sp_buf_init(&document, PROCMEM_DOC_BYTES_MAX + 1);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(settings, sizeof settings, "{\"policy_dir\":\"%s\"}", scratch.dir);
    rig = rig_open_attested(&adapter_procmem, settings, attester, NULL);
    return sp_crypto_init() == SP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    rig_close(&rig);
    sp_crypto_fini();
    sp_buf_fini(&digests);
    sp_buf_fini(&document);
    scratch_fini(&scratch);
    return 0;
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, set_up_service, tear_down_service)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE(clean),
        LIVE(byte_changed),
        LIVE(breakpoint),
        LIVE(preloaded),
        LIVE(injected),
        LIVE(overwritten_in_place),
        LIVE(deleted_library),
        LIVE(deleted_program),
        LIVE(regions),
        LIVE(changed_by_itself),
        LIVE(traced),
        LIVE(first_thread_ended),
        LIVE(counts),
        LIVE(other_user),
        LIVE(debian_list),
        LIVE(moving),
        LIVE(moving_file),
        LIVE(forking),
        LIVE(callbacks),
        LIVE(nginx),
        LIVE(qemu),
        LIVE(without_rights),
        LIVE(files_by_name),
        cmocka_unit_test(preload_file),
        cmocka_unit_test(another_file_by_name),
        cmocka_unit_test(bad_arguments),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
