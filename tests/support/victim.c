/* SPDX-License-Identifier: Apache-2.0 */
#include "victim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATHS_MAX 128u

static const char script[] = "import ctypes, mmap, os, sys, threading\n"
                             "keep = []\n"
                             "print('ok', flush=True)\n"
                             "for line in sys.stdin:\n"
                             "    exec(line)\n"
                             "    print('ok', flush=True)\n";

static void stop(const char *what)
{
    (void)fprintf(stderr, "victim: %s: %s\n", what, strerror(errno));
    abort();
}

void victim_start(struct victim *v, const char *program, const char *const *argv, const char *const *envp)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
        stop("pipe");
    }
    v->pid = fork();
    if (v->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* so that it can end its own children */
        (void)setpgid(0, 0);
        if (dup2(to[0], 0) == 0 && dup2(from[1], 1) == 1 && dup2(from[1], 2) == 2) {
            (void)execve(program, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
        }
        _exit(127);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    v->in = to[1];
    v->out = fdopen(from[0], "r");
    if (v->pid < 0 || v->out == NULL) {
        stop(program);
    }
}

void victim_wait(struct victim *v, const char *text)
{
    char *line = NULL;
    size_t size = 0;
    char all[2048] = "";
    bool found = false;
    while (!found && getline(&line, &size, v->out) >= 0) {
        found = strstr(line, text) != NULL;
        (void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s", line);
    }
    free(line);
    if (!found) {
        (void)fprintf(stderr, "victim: never said %s, but:\n%s", text, all);
        abort();
    }
}

void victim_script(const char *path)
{
    FILE *f = fopen(path, "we");
    if (f == NULL || fputs(script, f) < 0 || fclose(f) != 0) {
        stop(path);
    }
}

void victim_tell(struct victim *v, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vdprintf(v->in, format, args);
    va_end(args);
    if (n < 0 || write(v->in, "\n", 1) != 1) {
        stop("tell");
    }
    victim_wait(v, "ok");
}

void victim_end(struct victim *v)
{
    int status;
    if (v->pid <= 0) {
        return;
    }
    (void)kill(-v->pid, SIGKILL); /* with its children */
    (void)kill(v->pid, SIGKILL);
    pid_t gone;
    do { /* a thread that we trace has to be waited for first */
        gone = waitpid(-1, &status, __WALL);
    } while (gone != v->pid && (gone > 0 || errno == EINTR));
    (void)close(v->in);
    (void)fclose(v->out);
    *v = (struct victim){0};
}

/* Calls seen with each line of an executable mapping until it says enough. */
static void each_text(const struct victim *v, bool (*seen)(void *ctx, uint64_t start, uint64_t end, const char *path), void *ctx)
{
    char name[64], *line = NULL;
    size_t size = 0;
    (void)snprintf(name, sizeof name, "/proc/%d/maps", (int)v->pid);
    FILE *f = fopen(name, "re");
    if (f == NULL) {
        stop(name);
    }
    while (getline(&line, &size, f) >= 0) {
        uint64_t start, end;
        char flags[8] = "";
        const char *path = strchr(line, '/');
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &start, &end, flags) == 3 && strchr(flags, 'x') != NULL && path != NULL &&
            seen(ctx, start, end, path)) {
            break;
        }
    }
    free(line);
    (void)fclose(f);
}

struct wanted {
    const char *path;
    uint64_t start, bytes;
};

static bool is_wanted(void *ctx, uint64_t start, uint64_t end, const char *path)
{
    struct wanted *w = ctx;
    if (strstr(path, w->path) == NULL) {
        return false;
    }
    w->start = start;
    w->bytes = end - start;
    return true;
}

uint64_t victim_text(const struct victim *v, const char *path, uint64_t *bytes)
{
    struct wanted w = {.path = path};
    each_text(v, is_wanted, &w);
    *bytes = w.bytes;
    return w.start;
}

bool victim_flip(const struct victim *v, uint64_t address)
{
    char name[64];
    uint8_t byte;
    (void)snprintf(name, sizeof name, "/proc/%d/mem", (int)v->pid);
    int fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool done = pread(fd, &byte, 1, (off_t)address) == 1;
    byte ^= 0xff;
    done = done && pwrite(fd, &byte, 1, (off_t)address) == 1;
    (void)close(fd);
    return done;
}

struct paths {
    char *path[PATHS_MAX];
    size_t count;
};

static bool add_path(void *ctx, uint64_t start, uint64_t end, const char *path)
{
    struct paths *p = ctx;
    (void)start;
    (void)end;
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->path[i], path) == 0) {
            return false;
        }
    }
    p->path[p->count] = strdup(path);
    if (p->path[p->count] == NULL) {
        stop("memory");
    }
    p->count++;
    return p->count == PATHS_MAX;
}

void victim_files(const struct victim *v, void (*seen)(void *ctx, const char *path), void *ctx)
{
    struct paths p = {.count = 0};
    each_text(v, add_path, &p);
    for (size_t i = 0; i < p.count; i++) {
        seen(ctx, p.path[i]);
        free(p.path[i]);
    }
}
