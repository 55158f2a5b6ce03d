/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_stray.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sp_str.h"

#define STRAY_PID_MAX 4194304u /* PID_MAX_LIMIT of Linux */

bool exec_stray_init(struct exec_stray *stray)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    stray->children_fd = open(path, O_RDONLY | O_CLOEXEC);
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

/* Effect: kills pid unless it is a run or the number is none. Returns 1 when it did. */
static uint32_t judge(struct sp_str word, exec_stray_is_run *is_run, void *self)
{
    uint64_t number;
    if (!sp_str_u64(word, STRAY_PID_MAX, &number) || number < 2 || is_run(self, (pid_t)number))
        return 0;
    /* A child of ours keeps its number until we reap it: nobody else can be hit. */
    return kill((pid_t)number, SIGKILL) == 0 ? 1 : 0;
}

static uint32_t scan_children(struct exec_stray *stray, exec_stray_is_run *is_run, void *self)
{
    uint32_t killed = 0;
    size_t kept = 0; /* a number cut by the end of the buffer */
    off_t at = 0;
    for (;;) {
        ssize_t got = pread(stray->children_fd, stray->text + kept, sizeof stray->text - kept, at);
        if (got <= 0)
            break;
        at += got;
        struct sp_str rest = sp_str_bytes(stray->text, kept + (size_t)got);
        struct sp_str word;
        while (memchr(rest.p, ' ', rest.n) != NULL && sp_str_next(&rest, ' ', &word))
            killed += judge(word, is_run, self);
        kept = rest.p == NULL || rest.n >= sizeof stray->text ? 0 : rest.n;
        if (kept > 0)
            memmove(stray->text, rest.p, kept);
    }
    return killed;
}

/* Parent of a process from /proc/PID/stat: the second field after the last ')'. */
static bool is_child_of(const char *pid, const char *parent)
{
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    const char *end = strrchr(text, ')');
    if (end == NULL || strlen(end) < 5)
        return false;
    size_t n = strlen(parent);
    return strncmp(end + 4, parent, n) == 0 && end[4 + n] == ' ';
}

static uint32_t scan_proc(exec_stray_is_run *is_run, void *self)
{
    DIR *dir = opendir("/proc");
    if (dir == NULL)
        return 0;
    char parent[16];
    (void)snprintf(parent, sizeof parent, "%d", (int)getpid());
    uint32_t killed = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && is_child_of(e->d_name, parent))
            killed += judge(sp_str_of(e->d_name), is_run, self);
    (void)closedir(dir);
    return killed;
}

uint32_t exec_stray_scan(struct exec_stray *stray, exec_stray_is_run *is_run, void *self)
{
    return stray->children_fd >= 0 ? scan_children(stray, is_run, self) : scan_proc(is_run, self);
}
