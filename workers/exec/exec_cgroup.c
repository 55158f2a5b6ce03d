/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUP2_MAGIC 0x63677270 /* linux/magic.h CGROUP2_SUPER_MAGIC */
#define CGROUP_PATH_MAX 512

static bool put(int dir, const char *file, const char *text)
{
    int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    (void)close(fd);
    return ok;
}

/* Limits apply only where the administrator delegated the controller: a file that is not there is no error. */
static void put_limit(int dir, const char *file, uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    (void)put(dir, file, text);
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

static bool make_slot(struct exec_cgroup *c, int base, uint32_t slot, uid_t uid, const struct exec_cgroup_limits *limits)
{
    char name[16];
    (void)snprintf(name, sizeof name, "s%u", slot);
    c->dir_fd[slot] = sub_group(base, name);
    if (c->dir_fd[slot] < 0)
        return false;
    c->kill_fd[slot] = openat(c->dir_fd[slot], "cgroup.kill", O_WRONLY | O_CLOEXEC);
    if (c->kill_fd[slot] < 0) {
        (void)close(c->dir_fd[slot]);
        return false;
    }
    exec_cgroup_kill(c, slot);
    put_limit(c->dir_fd[slot], "pids.max", limits->processes);
    put_limit(c->dir_fd[slot], "memory.max", limits->memory);
    return geteuid() != 0 || fchownat(c->dir_fd[slot], "cgroup.procs", uid, (gid_t)-1, 0) == 0;
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
    for (uint32_t i = 0; i < made; i++) {
        (void)close(c->dir_fd[i]);
        (void)close(c->kill_fd[i]);
    }
    *why = "control groups of the runs cannot be made (is the directory delegated, kernel 5.14 or newer?)";
    return false;
}

void exec_cgroup_kill(struct exec_cgroup *c, uint32_t slot)
{
    /* Nothing can be done about a failure here: the run's process group was killed as well. */
    ssize_t n = write(c->kill_fd[slot], "1", 1);
    (void)n;
}
