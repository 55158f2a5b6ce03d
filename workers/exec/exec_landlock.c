/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_landlock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sp_assert.h"

#define LANDLOCK_DEPTH_MAX 32u /* folders between the root and a hidden place */

/* Members and rights the kernel knows but the C library's headers may not (Linux 6.12). */
struct ruleset_attr {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};
#define FS_TRUNCATE    (1ull << 14) /* ABI 3 */
#define FS_REFER       (1ull << 13) /* ABI 2 */
#define FS_IOCTL_DEV   (1ull << 15) /* ABI 5 */
#define FS_ABI1        ((1ull << 13) - 1)
#define NET_TCP        3ull /* ABI 4: bind, connect */
#define SCOPE_ABSTRACT 1ull /* ABI 6 */
#define SCOPE_SIGNAL   2ull
#define ABI_SCOPE      EXEC_SANDBOX_ABI_SIGNALS

#define READS (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

struct walk {
    int ruleset;
    char hide[EXEC_SANDBOX_HIDE_MAX][PATH_MAX]; /* resolved */
    uint32_t hide_count;
    uint32_t rules;
};

static uint64_t handled_fs(uint32_t abi)
{
    uint64_t fs = FS_ABI1;
    if (abi >= 2)
        fs |= FS_REFER;
    if (abi >= 3)
        fs |= FS_TRUNCATE;
    if (abi >= 5)
        fs |= FS_IOCTL_DEV;
    return fs;
}

/* Effect: allows `access` on path and below. A path that is not there is no error. */
static bool allow(struct walk *w, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW)};
    if (rule.parent_fd < 0)
        return errno == ENOENT || errno == EACCES || errno == ENOTDIR;
    struct stat st;
    bool ok = fstat(rule.parent_fd, &st) == 0;
    if (ok && !S_ISDIR(st.st_mode))
        rule.allowed_access &= LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
    if (ok && !S_ISLNK(st.st_mode)) { /* rules are made for what links lead to */
        w->rules++;
        ok = w->rules <= EXEC_SANDBOX_RULES_MAX &&
             syscall(SYS_landlock_add_rule, w->ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    }
    (void)close(rule.parent_fd);
    return ok;
}

static bool is_hidden(const struct walk *w, const char *path)
{
    for (uint32_t i = 0; i < w->hide_count; i++)
        if (strcmp(w->hide[i], path) == 0)
            return true;
    return false;
}

static bool holds_hidden(const struct walk *w, const char *path)
{
    size_t n = strcmp(path, "/") == 0 ? 0 : strlen(path);
    for (uint32_t i = 0; i < w->hide_count; i++)
        if (strncmp(w->hide[i], path, n) == 0 && w->hide[i][n] == '/')
            return true;
    return false;
}

/* Effect: allows reading of everything below path but the hidden places: Landlock only knows permission, so the neighbours of
 * each hidden place are allowed one by one. Depth is bounded by that of the hidden places. */
static bool allow_around(struct walk *w, const char *path, unsigned depth)
{
    if (is_hidden(w, path))
        return true;
    if (!holds_hidden(w, path))
        return allow(w, path, READS);
    if (depth >= LANDLOCK_DEPTH_MAX)
        return false;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return errno == EACCES; /* then plugins cannot get there either */
    bool ok = true;
    for (struct dirent *e = readdir(dir); ok && e != NULL; e = readdir(dir)) {
        char below[PATH_MAX];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int n = snprintf(below, sizeof below, "%s/%s", strcmp(path, "/") == 0 ? "" : path, e->d_name);
        ok = n > 0 && (size_t)n < sizeof below && allow_around(w, below, depth + 1);
    }
    (void)closedir(dir);
    return ok;
}

/* Effect: allows writing to /dev/null, and everything but new device files below `dir` (NULL: none). A directory that is not there is
 * an error. Few rules: the kernel copies all of them at the start of each run. */
static bool allow_writes(struct walk *w, const char *dir, uint64_t fs)
{
    char path[PATH_MAX];
    if (!allow(w, "/dev/null", fs & (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)))
        return false;
    return dir == NULL ||
           (realpath(dir, path) != NULL && allow(w, path,
                                                 fs & ~(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                                        LANDLOCK_ACCESS_FS_EXECUTE | FS_IOCTL_DEV)));
}

static bool add_rules(struct walk *w, const struct exec_sandbox_options *o, uint64_t fs)
{
    for (uint32_t i = 0; i < o->hide_count; i++) {
        if (realpath(o->hide[i], w->hide[w->hide_count]) != NULL)
            w->hide_count++;
        else if (errno == EACCES)
            continue; /* as our user cannot get there, plugins cannot */
        else if (errno != ENOENT)
            return false;
    }
    return allow_around(w, "/", 0) && allow_writes(w, o->tmp, fs);
}

/* Size of the attributes a kernel of that version knows. */
static size_t attr_size(uint32_t abi)
{
    return abi >= ABI_SCOPE ? sizeof(struct ruleset_attr) : abi >= 4 ? 16 : 8;
}

bool exec_landlock_enter(const struct exec_sandbox_options *o, uint32_t *abi)
{
    *abi = 0;
    long offered = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (offered <= 0)
        return true;
    uint32_t have = (uint32_t)offered;
    struct ruleset_attr attr = {.fs = handled_fs(have), .net = have >= 4 && !o->network ? NET_TCP : 0, .scoped = 0};
    if (have >= ABI_SCOPE)
        attr.scoped = SCOPE_SIGNAL | (o->network ? 0 : SCOPE_ABSTRACT);
    struct walk *w = calloc(1, sizeof *w);
    if (w == NULL)
        return false;
    w->ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size(have), 0);
    bool ok = w->ruleset >= 0 && (o->closed || add_rules(w, o, attr.fs)) && syscall(SYS_landlock_restrict_self, w->ruleset, 0) == 0;
    if (w->ruleset >= 0)
        (void)close(w->ruleset);
    free(w);
    if (!ok)
        return false;
    *abi = have;
    return true;
}

bool exec_landlock_run(uint32_t abi, const char *dir, int *fd)
{
    *fd = -1;
    if (abi == 0)
        return true;
    /* Reading was settled when the helper entered its own domain. FS_REFER has to be named, or nothing could be renamed into another folder. */
    uint64_t writes = handled_fs(abi) & ~(READS | FS_IOCTL_DEV);
    struct ruleset_attr attr = {.fs = writes, .net = 0, .scoped = abi >= ABI_SCOPE ? SCOPE_SIGNAL : 0};
    struct walk *w = calloc(1, sizeof *w);
    if (w == NULL)
        return false;
    w->ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size(abi), 0);
    bool ok = w->ruleset >= 0 && allow_writes(w, dir, writes);
    if (ok)
        *fd = w->ruleset;
    else if (w->ruleset >= 0)
        (void)close(w->ruleset);
    free(w);
    return ok;
}
