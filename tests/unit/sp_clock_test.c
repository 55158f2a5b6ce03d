/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, random bytes, and giving up privileges: what can be observed from one process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sp_clock.h"
#include "sp_privs.h"
#include "sp_random.h"

static void clocks(void **state)
{
    (void)state;
    struct sp_now a = sp_clock_read();
    struct sp_now b = sp_clock_read();
    assert_true(b.mono.us >= a.mono.us);
    assert_true(sp_clock_mono_ns() > 0);
    char up[64] = "";
    int fd = open("/proc/uptime", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, up, sizeof up - 1) > 0);
    close(fd);
    double difference = strtod(up, NULL) - (double)a.mono.us / 1e6; /* /proc/uptime counts suspend as well */
    assert_true(difference < 5 && difference > -5);
    char id[37];
    char again[37];
    assert_int_equal(sp_clock_boot_id(id), SP_OK);
    assert_int_equal(sp_clock_boot_id(again), SP_OK);
    assert_string_equal(id, again);
    assert_int_equal(strlen(id), 36);
}

static void wall_before_the_build_is_wrong(void **state)
{
    (void)state;
    uint64_t error = 1;
    struct sp_wall built = sp_clock_built();
    struct sp_civil c = sp_time_civil(built);
    assert_true(c.year >= 2024);
    assert_int_equal(sp_clock_wall_state((struct sp_wall){built.ms - 1}, &error), SP_CLOCK_WALL_WRONG);
    assert_int_equal(sp_clock_wall_state((struct sp_wall){0}, NULL), SP_CLOCK_WALL_WRONG);
    enum sp_clock_wall now = sp_clock_wall_state(sp_clock_read().wall, &error);
    assert_true(now != SP_CLOCK_WALL_WRONG);
    assert_true((now == SP_CLOCK_WALL_GOOD) == (error != UINT64_MAX));
}

static void random_bytes(void **state)
{
    (void)state;
    static uint8_t seen[4096][16];
    for (size_t i = 0; i < 4096; i++) {
        sp_random_bytes(seen[i], sizeof seen[i]);
    }
    unsigned ones = 0;
    for (size_t i = 0; i < 4096; i++) {
        assert_true(i == 0 || memcmp(seen[i], seen[i - 1], 16) != 0);
        for (size_t b = 0; b < 16; b++) {
            ones += (unsigned)__builtin_popcount(seen[i][b]);
        }
    }
    assert_in_range(ones, 4096 * 64 - 3000, 4096 * 64 + 3000); /* about 8 standard deviations */
    uint8_t big[10000] = {0};
    sp_random_bytes(big, sizeof big);
    assert_true(big[9999] | big[9998] | big[9997] | big[9996]);
    assert_true(sp_random_u64() != sp_random_u64());
}

/* A child must not hand out the bytes its parent will hand out. */
static void forks_differ(void **state)
{
    (void)state;
    int ends[2];
    uint8_t mine[32];
    uint8_t theirs[32];
    sp_random_bytes(mine, 1);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        sp_random_bytes(theirs, sizeof theirs);
        _exit(write(ends[1], theirs, sizeof theirs) == sizeof theirs ? 0 : 1);
    }
    sp_random_bytes(mine, sizeof mine);
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], theirs, sizeof theirs), sizeof theirs);
    assert_memory_not_equal(mine, theirs, sizeof mine);
    close(ends[0]);
    close(ends[1]);
}

static int privileges_in_child(void)
{
    struct sp_err err;
    struct rlimit core;
    uint64_t got = 0;
    if (sp_privs_harden(&err) != SP_OK || prctl(PR_GET_DUMPABLE) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
        return 1;
    }
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || umask(022) != 077) {
        return 2;
    }
    sp_privs_descriptors(256, &got);
    if (got < 256 || sp_privs_become(NULL, &err) != SP_OK || sp_privs_become("no-such-user-here", &err) != SP_E_NOT_FOUND) {
        return 3;
    }
    int fd = dup(0);
    int keep = dup(0);
    sp_privs_close_inherited(keep);
    if (fcntl(fd, F_GETFD) >= 0 || fcntl(keep, F_GETFD) < 0) {
        return 4;
    }
    close(0);
    sp_privs_standard_fds();
    if (fcntl(0, F_GETFD) < 0) {
        return 5;
    }
    if (geteuid() == 0 &&
        (sp_privs_become("nobody", &err) != SP_OK || geteuid() == 0 || setuid(0) == 0 || prctl(PR_GET_DUMPABLE) != 0)) {
        return 6;
    }
    return geteuid() != 0 && sp_privs_become("root", &err) != SP_E_PERMISSION ? 7 : 0;
}

static void privileges(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        _exit(privileges_in_child());
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks),       cmocka_unit_test(wall_before_the_build_is_wrong),
        cmocka_unit_test(random_bytes), cmocka_unit_test(forks_differ),
        cmocka_unit_test(privileges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
