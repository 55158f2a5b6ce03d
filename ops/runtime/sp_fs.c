/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum sp_rc rc_of(int cause)
{
    switch (cause) {
    case ENOENT:
    case ENOTDIR:
        return SP_E_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return SP_E_PERMISSION;
    case EEXIST:
        return SP_E_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return SP_E_FULL;
    case ENOMEM:
        return SP_E_NOMEM;
    default:
        return SP_E_IO;
    }
}

static enum sp_rc failed(struct sp_err *err, const char *path, const char *what, int cause)
{
    return sp_err_set(err, rc_of(cause), path, "cannot %s: %s", what, strerror(cause));
}

/* Judges the opened file, not the name: nobody can exchange it in between. */
static enum sp_rc judge(int fd, const char *path, unsigned flags, off_t *size, struct sp_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return failed(err, path, "examine", errno);
    }
    if (!S_ISREG(st.st_mode)) {
        return sp_err_set(err, SP_E_PERMISSION, path, "is not a regular file");
    }
    bool ours = st.st_uid == geteuid() || st.st_uid == 0;
    if ((flags & (SP_FS_PRIVATE | SP_FS_OWNED)) != 0 && !ours) {
        sp_err_set(err, SP_E_PERMISSION, path, "belongs to user %u, not to us (%u) or root", (unsigned)st.st_uid,
                   (unsigned)geteuid());
        sp_err_hint(err, "chown it to the user of this process");
        return SP_E_PERMISSION;
    }
    if ((flags & SP_FS_PRIVATE) != 0 && (st.st_mode & 077) != 0) {
        sp_err_set(err, SP_E_PERMISSION, path, "holds a secret but has mode %04o: group or others have access",
                   (unsigned)st.st_mode & 07777u);
        sp_err_hint(err, "the secret may be known: make a new key, or chmod 600 if you are sure");
        return SP_E_PERMISSION;
    }
    if ((flags & SP_FS_PRIVATE) != 0 && st.st_nlink != 1) {
        return sp_err_set(err, SP_E_PERMISSION, path, "holds a secret but has %lu names (hard links)", (unsigned long)st.st_nlink);
    }
    if ((flags & SP_FS_OWNED) != 0 && (st.st_mode & 002) != 0) {
        sp_err_set(err, SP_E_PERMISSION, path, "has mode %04o: everybody may write it", (unsigned)st.st_mode & 07777u);
        sp_err_hint(err, "chmod o-w");
        return SP_E_PERMISSION;
    }
    *size = st.st_size;
    return SP_OK;
}

/* O_NONBLOCK: a FIFO put in the place of the file must not stop us. */
static int open_to_read(const char *path, unsigned flags)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | ((flags & SP_FS_PRIVATE) != 0 ? O_NOFOLLOW : 0));
}

static enum sp_rc open_failed(struct sp_err *err, const char *path, int cause)
{
    if (cause == ELOOP) {
        return sp_err_set(err, SP_E_PERMISSION, path, "is a symbolic link; a secret must be a plain file");
    }
    return failed(err, path, "open", cause);
}

/* Reads to the end or until `size` bytes; *n == size means there may be more. */
static enum sp_rc read_up_to(int fd, const char *path, char *to, size_t size, size_t *n, struct sp_err *err)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = read(fd, to + have, size - have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return failed(err, path, "read", errno);
        }
        if (got == 0) {
            break;
        }
        have += (size_t)got;
    }
    *n = have;
    return SP_OK;
}

enum sp_rc sp_fs_read_into(const char *path, char *to, size_t size, unsigned flags, size_t *n, struct sp_err *err)
{
    int fd = open_to_read(path, flags);
    if (fd < 0) {
        return open_failed(err, path, errno);
    }
    off_t bytes = 0;
    size_t have = 0;
    enum sp_rc rc = judge(fd, path, flags, &bytes, err);
    if (rc == SP_OK) {
        rc = read_up_to(fd, path, to, size, &have, err);
    }
    (void)close(fd);
    if (rc == SP_OK && have == size) {
        return sp_err_set(err, SP_E_LIMIT, path, "has %zu bytes or more", size);
    }
    if (rc == SP_OK) {
        *n = have;
    }
    return rc;
}

enum sp_rc sp_fs_read(const char *path, size_t max, unsigned flags, char **out, size_t *n, struct sp_err *err)
{
    int fd = open_to_read(path, flags);
    if (fd < 0) {
        return open_failed(err, path, errno);
    }
    off_t size = 0;
    size_t have = 0;
    char *text = NULL;
    enum sp_rc rc = judge(fd, path, flags, &size, err);
    if (rc == SP_OK && (size < 0 || (uint64_t)size > max)) {
        rc = sp_err_set(err, SP_E_LIMIT, path, "has %lld bytes; at most %zu are read", (long long)size, max);
    }
    if (rc == SP_OK) {
        /* Files of /proc say size 0 and have content. One byte more than max tells whether it grew. */
        size_t room = size == 0 ? max + 1 : (size_t)size + 1;
        text = malloc(room + 1);
        rc = text == NULL ? sp_err_set(err, SP_E_NOMEM, path, "no memory") : read_up_to(fd, path, text, room, &have, err);
        if (rc == SP_OK && have == room) {
            rc = sp_err_set(err, SP_E_LIMIT, path, "grew while it was read, or has more than %zu bytes", max);
        }
    }
    (void)close(fd);
    if (rc != SP_OK) {
        free(text);
        return rc;
    }
    text[have] = '\0';
    *out = text;
    *n = have;
    return SP_OK;
}

bool sp_fs_write_all(int fd, const void *p, size_t n)
{
    const char *from = p;
    while (n > 0) {
        ssize_t put = write(fd, from, n);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        from += put;
        n -= (size_t)put;
    }
    return true;
}

/* The name is durable only when its directory is. */
static bool sync_parent(const char *path)
{
    char parent[SP_FS_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    (void)sp_str_copy(parent, sizeof parent, sp_str_bytes(slash == NULL ? "." : path, n));
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool ok = fsync(fd) == 0;
    (void)close(fd);
    return ok;
}

/* Writes a temporary file beside path; its name is put to `temporary`. */
static enum sp_rc write_beside(const char *path, const void *p, size_t n, mode_t mode, char temporary[SP_FS_PATH_BYTES],
                               struct sp_err *err)
{
    if (snprintf(temporary, SP_FS_PATH_BYTES, "%s.XXXXXX", path) >= (int)SP_FS_PATH_BYTES) {
        return sp_err_set(err, SP_E_LIMIT, path, "path is too long");
    }
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return failed(err, path, "create a file beside it", errno);
    }
    bool ok = fchmod(fd, mode) == 0 && sp_fs_write_all(fd, p, n) && fsync(fd) == 0;
    int cause = errno;
    ok = close(fd) == 0 && ok;
    if (!ok) {
        (void)unlink(temporary);
        return failed(err, path, "write", cause);
    }
    return SP_OK;
}

enum sp_rc sp_fs_write(const char *path, const void *p, size_t n, mode_t mode, struct sp_err *err)
{
    char temporary[SP_FS_PATH_BYTES];
    enum sp_rc rc = write_beside(path, p, n, mode, temporary, err);
    if (rc != SP_OK) {
        return rc;
    }
    if (rename(temporary, path) != 0 || !sync_parent(path)) {
        int cause = errno;
        (void)unlink(temporary);
        return failed(err, path, "replace", cause);
    }
    return SP_OK;
}

enum sp_rc sp_fs_create(const char *path, const void *p, size_t n, mode_t mode, struct sp_err *err)
{
    char temporary[SP_FS_PATH_BYTES];
    enum sp_rc rc = write_beside(path, p, n, mode, temporary, err);
    if (rc != SP_OK) {
        return rc;
    }
    /* link() refuses an existing name, rename() would replace it; and the file is whole before it has its name. */
    bool ok = link(temporary, path) == 0;
    int cause = errno;
    (void)unlink(temporary);
    if (ok && !sync_parent(path)) {
        return failed(err, path, "make durable", errno);
    }
    return ok ? SP_OK : failed(err, path, "create", cause);
}

static enum sp_rc make_one(const char *path, mode_t mode, struct sp_err *err)
{
    struct stat st;
    if (mkdir(path, mode) == 0) {
        return SP_OK;
    }
    int cause = errno;
    if (stat(path, &st) == 0) {
        return S_ISDIR(st.st_mode) ? SP_OK : sp_err_set(err, SP_E_EXISTS, path, "exists and is not a directory");
    }
    return failed(err, path, "make the directory", cause);
}

enum sp_rc sp_fs_mkdirs(const char *path, mode_t mode, struct sp_err *err)
{
    char part[SP_FS_PATH_BYTES];
    if (!sp_str_copy(part, sizeof part, sp_str_of(path))) {
        return sp_err_set(err, SP_E_LIMIT, path, "path is too long");
    }
    for (char *slash = strchr(part + 1, '/'); part[0] != '\0' && slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        enum sp_rc rc = make_one(part, mode, err);
        if (rc != SP_OK) {
            return rc;
        }
        *slash = '/';
    }
    return make_one(part, mode, err);
}

enum sp_rc sp_fs_join(char *to, size_t size, const char *base, const char *path)
{
    size_t n = strlen(base);
    bool absolute = path[0] == '/' || base[0] == '\0';
    const char *between = n > 0 && base[n - 1] == '/' ? "" : "/";
    int put = absolute ? snprintf(to, size, "%s", path) : snprintf(to, size, "%s%s%s", base, between, path);
    return put < 0 || (size_t)put >= size ? SP_E_LIMIT : SP_OK;
}

enum sp_rc sp_fs_reserve(const char *path, uint64_t bytes, struct sp_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return open_failed(err, path, errno);
    }
    int cause = bytes > INT64_MAX ? EINVAL : bytes == 0 ? 0 : posix_fallocate(fd, 0, (off_t)bytes);
    if (cause == 0 && ftruncate(fd, (off_t)bytes) != 0) {
        cause = errno;
    }
    (void)close(fd);
    return cause == 0 ? SP_OK : failed(err, path, "reserve space", cause);
}
