/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp_assert.h"

void scratch_init(struct scratch *s)
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(s->dir, sizeof s->dir, "%s/spice-test-XXXXXX", base != NULL ? base : "/tmp");
    SP_ASSERT(n > 0 && (size_t)n < sizeof s->dir);
    SP_ASSERT(mkdtemp(s->dir) != NULL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void scratch_fini(struct scratch *s)
{
    (void)nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_path(const struct scratch *s, const char *name, char *to, size_t size)
{
    int n = snprintf(to, size, "%s/%s", s->dir, name);
    SP_ASSERT(n > 0 && (size_t)n < size);
    return to;
}

void scratch_file(const struct scratch *s, const char *name, const void *text, size_t n, unsigned mode)
{
    char path[512];
    scratch_path(s, name, path, sizeof path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t size = n == SIZE_MAX ? strlen(text) : n;
    SP_ASSERT(fd >= 0);
    SP_ASSERT(write(fd, text, size) == (ssize_t)size);
    SP_ASSERT(fchmod(fd, mode) == 0);
    SP_ASSERT(close(fd) == 0);
}
