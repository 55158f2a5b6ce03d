/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody who took over a part of the attester would try first. Each attempt is made in a process that locked itself in. */
#include "attester_sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

static struct scratch scratch;
static char file[192], absent[192];

static bool may_execute(void)
{
    char *const argv[] = {(char *)(uintptr_t) "true", NULL}, *const env[] = {NULL};
    (void)execve("/bin/true", argv, env); /* ends the process with 0 when it may */
    return false;
}

static bool may_create(void)
{
    return open(absent, O_WRONLY | O_CREAT, 0600) >= 0;
}

static bool may_write(void)
{
    return open(file, O_WRONLY) >= 0 || open(file, O_RDWR | O_TRUNC) >= 0;
}

static bool may_remove(void)
{
    return unlink(file) == 0 || rename(file, absent) == 0 || chmod(file, 0666) == 0;
}

static bool may_trace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool may_unshare(void)
{
    return unshare(CLONE_NEWUSER) == 0 || syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL) >= 0;
}

static bool may_listen(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX}; /* a name that the kernel gives */
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at.sun_family) == 0 && listen(fd, 1) == 0;
}

static bool may_gain(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static bool may_be_root(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct have[2];
    const uint32_t harmless = 1u << CAP_DAC_READ_SEARCH | 1u << CAP_SYS_PTRACE;
    return syscall(SYS_capget, &header, have) != 0 || (have[0].permitted & ~harmless) != 0 ||
           (have[1].permitted & ~(1u << (CAP_CHECKPOINT_RESTORE - 32))) != 0;
}

static bool may_connect_out(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_INET6, SOCK_DGRAM, 0) >= 0 || socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static bool may_read(void)
{
    return open(file, O_RDONLY) >= 0;
}

static bool may_answer(void)
{
    int fd = memfd_create("document", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd >= 0 && write(fd, "x", 1) == 1 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0;
}

enum part { FRONT, BACK, BACK_TCP };

/* 0: it could not; 1: it could; the child says which by its exit code, a program that was executed by 0. */
static int attempt(enum part part, bool (*what)(void))
{
    pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        struct sp_err err = {0};
        if (part == FRONT) {
            (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* as its hardening did before */
        }
        enum sp_rc rc = part == FRONT ? attester_sandbox_front(&err) : attester_sandbox_back(part == BACK_TCP, &err);
        _exit(rc != SP_OK ? 99 : what() ? 11 : 10);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    assert_true(WIFEXITED(status));
    int code = WEXITSTATUS(status);
    if (code != 10 && code != 11 && code != 0) {
        fail_msg("exit code %d", code);
    }
    return code == 10 ? 0 : 1;
}

static void neither_part_may(void **state)
{
    static const struct {
        const char *name;
        bool (*what)(void);
    } rows[] = {{"execute", may_execute}, {"create", may_create}, {"write", may_write},
                {"remove", may_remove},   {"trace", may_trace},   {"unshare", may_unshare},
                {"listen", may_listen},   {"gain", may_gain},     {"be root", may_be_root}};
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        for (enum part part = FRONT; part <= BACK_TCP; part++) {
            if (attempt(part, rows[i].what) != 0) {
                fail_msg("part %d may %s", (int)part, rows[i].name);
            }
        }
    }
}

static void each_part_may_do_its_work(void **state)
{
    (void)state;
    assert_int_equal(attempt(FRONT, may_connect_out), 1);
    assert_int_equal(attempt(BACK, may_connect_out), 0);
    assert_int_equal(attempt(BACK_TCP, may_connect_out), 1);
    assert_int_equal(attempt(BACK, may_read), 1);
    assert_int_equal(attempt(BACK, may_answer), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(neither_part_may), cmocka_unit_test(each_part_may_do_its_work)};
    scratch_init(&scratch);
    scratch_file(&scratch, "file", "x", 1, 0600);
    (void)scratch_path(&scratch, "file", file, sizeof file);
    (void)scratch_path(&scratch, "absent", absent, sizeof absent);
    int failed = cmocka_run_group_tests_name("attester_sandbox", tests, NULL, NULL);
    scratch_fini(&scratch);
    return failed;
}
