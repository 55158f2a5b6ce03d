/* SPDX-License-Identifier: Apache-2.0 */
#include "procmem_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "procmem_target.h"

#define READ_BYTES 65536u

/* Names of variables; a star at the end stands for any rest. */
static const char *const watched[] = {"LD_*", "GCONV_PATH", "PYTHONPATH", "PYTHONHOME"};

static bool read_whole(int fd, struct sp_buf *text)
{
    ssize_t n = 1;
    sp_buf_reset(text);
    while (n != 0) {
        uint8_t *room = sp_buf_room(text, READ_BYTES);
        if (room == NULL) {
            errno = EFBIG;
            return false;
        }
        n = read(fd, room, READ_BYTES);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        text->n += n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool procmem_settings_read(int dir, const char *name, struct sp_buf *text)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && read_whole(fd, text);
    int error = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = error;
    return done;
}

static bool is_watched(struct sp_str name)
{
    for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++) {
        size_t n = strlen(watched[i]);
        bool rest = watched[i][n - 1] == '*';
        n -= rest;
        if (name.n >= n && memcmp(name.p, watched[i], n) == 0 && (rest || name.n == n)) {
            return true;
        }
    }
    return false;
}

static void put(struct sp_buf *out, const struct procmem_setting *s, uint32_t *count, uint8_t *flags)
{
    if (*count == PROCMEM_SETTINGS_MAX) {
        *flags |= PROCMEM_PROCESS_LIMIT;
        return;
    }
    procmem_put_setting(out, s);
    (*count)++;
}

static void environment(int dir, struct sp_buf *text, struct sp_buf *out, uint32_t *count, uint8_t *flags)
{
    struct sp_str variable, name;
    if (!procmem_settings_read(dir, "environ", text)) {
        *flags |= errno == EFBIG ? PROCMEM_PROCESS_LIMIT : PROCMEM_PROCESS_DENIED;
        return;
    }
    struct sp_str rest = sp_buf_view(text);
    while (sp_str_next(&rest, '\0', &variable)) {
        struct sp_str value = variable;
        if (sp_str_next(&value, '=', &name) && is_watched(name)) {
            const struct procmem_setting s = {.name = name, .value = value.p != NULL ? value : sp_str_of("")};
            put(out, &s, count, flags);
        }
    }
}

/* The file that names libraries for every program. */
static void preload_file(int dir, struct sp_buf *text, struct sp_buf *out, uint32_t *count, uint8_t *flags)
{
    int fd = procmem_target_open_path(dir, "/etc/ld.so.preload");
    if (fd < 0) {
        if (errno != ENOENT && errno != ESRCH) {
            *flags |= PROCMEM_PROCESS_DENIED;
        }
        return;
    }
    if (read_whole(fd, text)) {
        struct sp_str value = sp_buf_view(text);
        while (value.n > 0 && (value.p[value.n - 1] == '\n' || value.p[value.n - 1] == ' ')) {
            value.n--;
        }
        const struct procmem_setting s = {.name = sp_str_of("ld.so.preload"), .value = value};
        put(out, &s, count, flags);
    } else {
        *flags |= errno == EFBIG ? PROCMEM_PROCESS_LIMIT : PROCMEM_PROCESS_DENIED;
    }
    (void)close(fd);
}

uint32_t procmem_settings_write(int dir, struct sp_buf *text, struct sp_buf *out, uint8_t *flags)
{
    uint32_t count = 0;
    environment(dir, text, out, &count, flags);
    preload_file(dir, text, out, &count, flags);
    return count;
}
