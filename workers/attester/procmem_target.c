/* SPDX-License-Identifier: Apache-2.0 */
#include "procmem_target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static bool is_regular(int fd, struct stat *st)
{
    return fstat(fd, st) == 0 && S_ISREG(st->st_mode);
}

int procmem_target_open_path(int dir, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    struct stat st;
    char again[64];
    int root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof how), opened = -1;
    if (fd >= 0) {
        if (is_regular(fd, &st)) { /* looked at before it is opened to read */
            (void)snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
            opened = open(again, OPEN_FLAGS);
        } else {
            errno = EINVAL;
        }
    }
    int error = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (root >= 0) {
        (void)close(root);
    }
    errno = error;
    return opened;
}

/* By its name, when that still leads to it. */
static int open_name(int dir, const struct procmem_line *line)
{
    char path[PROCMEM_PATH_MAX + 1];
    struct stat st;
    if (line->deleted || !sp_str_copy(path, sizeof path, line->path)) {
        return -1;
    }
    int fd = procmem_target_open_path(dir, path);
    if (fd >= 0 &&
        (fstat(fd, &st) != 0 || st.st_ino != line->inode || major(st.st_dev) != line->major || minor(st.st_dev) != line->minor)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

int procmem_target_open(int dir, const struct procmem_line *line)
{
    char name[64];
    struct stat st;
    (void)snprintf(name, sizeof name, "map_files/%" PRIx64 "-%" PRIx64, line->start, line->end);
    if (fstatat(dir, name, &st, 0) != 0) {
        return errno == EPERM || errno == EACCES ? open_name(dir, line) : -1;
    }
    int fd = S_ISREG(st.st_mode) ? openat(dir, name, OPEN_FLAGS) : -1;
    return fd < 0 && (errno == EPERM || errno == EACCES) && S_ISREG(st.st_mode) ? open_name(dir, line) : fd;
}

bool procmem_target_is_memory(int fd)
{
    struct statfs fs;
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0 && fstatfs(fd, &fs) == 0 &&
           (fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC);
}
