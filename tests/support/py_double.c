/* SPDX-License-Identifier: Apache-2.0 */
#include "py_double.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 24

void py_double_open(struct py_double *d, const char *script, const char *const *more)
{
    int out[2];
    char line[16] = "", path[512];
    const char *argv[ARGUMENTS_MAX] = {"python3", path, "--state", d->state};
    (void)snprintf(d->state, sizeof d->state, "/tmp/spice-double-XXXXXX");
    (void)snprintf(path, sizeof path, "%s/tests/support/%s", SPICE_SOURCE_DIR, script);
    assert_non_null(mkdtemp(d->state));
    for (size_t i = 4; more != NULL && *more != NULL && i + 1 < ARGUMENTS_MAX; i++) {
        argv[i] = *more++;
    }
    assert_int_equal(pipe(out), 0);
    d->pid = fork();
    if (d->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(out[1], 1);
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    (void)close(out[1]);
    assert_true(read(out[0], line, sizeof line - 1) > 0);
    (void)close(out[0]);
    d->port = (unsigned)strtoul(line, NULL, 10);
    assert_true(d->port > 0);
}

void py_double_kill(struct py_double *d)
{
    if (d->pid > 0) {
        (void)kill(d->pid, SIGKILL);
        (void)waitpid(d->pid, NULL, 0);
    }
    d->pid = 0;
}

void py_double_close(struct py_double *d)
{
    py_double_kill(d);
    py_double_run((const char *const[]){"rm", "-r", d->state, NULL});
}

void py_double_set(const struct py_double *d, const char *name, const char *text)
{
    char path[128], part[128];
    (void)snprintf(path, sizeof path, "%s/%s", d->state, name);
    (void)snprintf(part, sizeof part, "%s/@part", d->state);
    FILE *f = fopen(part, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(part, path), 0); /* it may be reading just now */
}

void py_double_unset(const struct py_double *d, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", d->state, name);
    (void)unlink(path);
}

unsigned py_double_statistic(const struct py_double *d, const char *name)
{
    char url[128];
    char out[512] = "";
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/double/statistics", d->port);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fd[1], 1);
        (void)execlp("curl", "curl", "-s", url, (char *)NULL);
        _exit(127);
    }
    (void)close(fd[1]);
    ssize_t n = read(fd[0], out, sizeof out - 1);
    (void)close(fd[0]);
    (void)waitpid(pid, NULL, 0);
    assert_true(n > 0);
    const char *at = strstr(out, name);
    assert_non_null(at);
    return (unsigned)strtoul(strchr(at, ':') + 1, NULL, 10);
}

void py_double_run(const char *const *argv)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}
