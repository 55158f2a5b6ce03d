/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sp_assert.h"
#include "sp_str.h"

#define CGROUP2_MAGIC  0x63677270 /* linux/magic.h CGROUP2_SUPER_MAGIC */
#define CGROUP_PID_MAX 4194304u
#define CGROUP_ROUNDS  4u

static bool put(int dir, const char *file, const char *text)
{
    int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    (void)close(fd);
    return ok;
}

/* Limits apply only where the administrator delegated the controller: a file that is not there is no error. 0: no limit. */
static void put_limit(int dir, const char *file, uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    (void)put(dir, file, value == 0 ? "max" : text);
}

static int sub_group(int parent, const char *name)
{
    if (mkdirat(parent, name, 0755) != 0 && errno != EEXIST)
        return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static bool enter_own(int base)
{
    int own = sub_group(base, "helper");
    if (own < 0)
        return false;
    bool ok = put(own, "cgroup.procs", "0");
    (void)close(own);
    return ok;
}

static void close_slot(struct exec_cgroup *c, uint32_t slot)
{
    const int fds[] = {c->dir_fd[slot], c->procs_fd[slot], c->freeze_fd[slot]};
    for (size_t i = 0; i < SP_COUNT(fds); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}

static bool make_slot(struct exec_cgroup *c, int base, uint32_t slot, uid_t uid, const struct exec_cgroup_limits *limits)
{
    char name[16];
    (void)snprintf(name, sizeof name, "s%u", slot);
    c->dir_fd[slot] = sub_group(base, name);
    if (c->dir_fd[slot] < 0)
        return false;
    c->procs_fd[slot] = openat(c->dir_fd[slot], "cgroup.procs", O_RDONLY | O_CLOEXEC);
    c->freeze_fd[slot] = openat(c->dir_fd[slot], "cgroup.freeze", O_WRONLY | O_CLOEXEC);
    bool ok = c->procs_fd[slot] >= 0 && c->freeze_fd[slot] >= 0 &&
              (geteuid() != 0 || fchownat(c->dir_fd[slot], "cgroup.procs", uid, (gid_t)-1, 0) == 0);
    if (!ok) {
        close_slot(c, slot);
        return false;
    }
    put_limit(c->dir_fd[slot], "pids.max", limits->processes);
    put_limit(c->dir_fd[slot], "memory.max", limits->memory);
    (void)exec_cgroup_clear(c, slot); /* of an earlier helper; what resists is met again at the end of the first run here */
    return true;
}

bool exec_cgroup_init(struct exec_cgroup *c, const char *dir, uint32_t slots, uid_t uid, const struct exec_cgroup_limits *limits,
                      const char **why)
{
    struct statfs fs;
    c->slots = 0;
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        *why = "the control-group directory cannot be made; runs are killed by process group and sub-reaper";
        return false;
    }
    int base = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base < 0 || fstatfs(base, &fs) != 0 || fs.f_type != CGROUP2_MAGIC) {
        *why = "the control-group directory is not in a version 2 hierarchy; runs are killed by process group and sub-reaper";
        if (base >= 0)
            (void)close(base);
        return false;
    }
    uint32_t most = slots < EXEC_CGROUP_SLOTS_MAX ? slots : EXEC_CGROUP_SLOTS_MAX;
    bool ok = enter_own(base) && (geteuid() != 0 || fchownat(base, "cgroup.procs", uid, (gid_t)-1, 0) == 0);
    uint32_t made = 0;
    while (ok && made < most) {
        ok = make_slot(c, base, made, uid, limits);
        made += ok ? 1 : 0;
    }
    (void)close(base);
    if (ok) {
        c->slots = most;
        return true;
    }
    for (uint32_t i = 0; i < made; i++)
        close_slot(c, i);
    *why = "control groups of the runs cannot be made (is the directory delegated, kernel 5.7 or newer?)";
    return false;
}

/* Effect: kills what is listed. Returns how many there were. */
static uint32_t kill_listed(int procs_fd)
{
    char text[4096];
    ssize_t got = pread(procs_fd, text, sizeof text, 0);
    if (got <= 0)
        return 0;
    uint32_t found = 0;
    struct sp_str rest = sp_str_bytes(text, (size_t)got);
    struct sp_str line;
    while (memchr(rest.p, '\n', rest.n) != NULL && sp_str_next(&rest, '\n', &line)) {
        uint64_t pid;
        if (sp_str_u64(line, CGROUP_PID_MAX, &pid) && pid > 1) {
            (void)kill((pid_t)pid, SIGKILL); /* frozen: the number cannot change hands before it is dead */
            found++;
        }
    }
    return found;
}

bool exec_cgroup_clear(struct exec_cgroup *c, uint32_t slot)
{
    char one;
    if (pread(c->procs_fd[slot], &one, 1, 0) <= 0)
        return true;
    ssize_t n = write(c->freeze_fd[slot], "1", 1);
    for (uint32_t round = 0; round < CGROUP_ROUNDS && kill_listed(c->procs_fd[slot]) > 0; round++)
        continue; /* a list longer than the buffer shrinks from round to round; the rest is met at the next look */
    n = write(c->freeze_fd[slot], "0", 1);
    (void)n;
    return false;
}
