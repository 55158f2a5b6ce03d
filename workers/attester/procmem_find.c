/* SPDX-License-Identifier: Apache-2.0 */
#include "procmem_find.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <unistd.h>

#define CGROUP_BYTES  8192u
#define CMDLINE_BYTES 4096u
#define EXE_BYTES     4096u

static const struct {
    const char *prefix;
    enum procmem_find_by by;
    bool path;
} forms[] = {{"unit:", PROCMEM_FIND_UNIT, false}, {"exe:", PROCMEM_FIND_EXE, true}, {"script:", PROCMEM_FIND_SCRIPT, true}};

bool procmem_find_parse(const char *text, struct procmem_service_spec *out)
{
    const char *equals = strchr(text, '=');
    *out = (struct procmem_service_spec){.name = sp_str_bytes(text, equals != NULL ? (size_t)(equals - text) : strlen(text))};
    if (!sp_str_is_name(out->name, PROCMEM_NAME_MAX)) {
        return false;
    }
    if (equals == NULL) {
        return snprintf(out->what, sizeof out->what, "%s.service", text) < (int)sizeof out->what;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t n = strlen(forms[i].prefix);
        const char *what = equals + 1 + n;
        if (strncmp(equals + 1, forms[i].prefix, n) == 0) {
            out->by = forms[i].by;
            return what[0] != '\0' && (!forms[i].path || what[0] == '/') &&
                   sp_str_copy(out->what, sizeof out->what, sp_str_of(what));
        }
    }
    return false;
}

/* One line "NUMBER:CONTROLLERS:/PATH"; only systemd's own hierarchy says where a process belongs. */
static bool path_of(struct sp_str line, struct sp_str *path)
{
    struct sp_str number, controllers;
    if (!sp_str_next(&line, ':', &number) || !sp_str_next(&line, ':', &controllers)) {
        return false;
    }
    *path = line;
    return (sp_str_is(number, "0") && controllers.n == 0) || sp_str_is(controllers, "name=systemd");
}

bool procmem_find_in_unit(struct sp_str cgroup, const char *pattern)
{
    struct sp_str line, path, part;
    while (sp_str_next(&cgroup, '\n', &line)) {
        if (!path_of(line, &path)) {
            continue;
        }
        while (sp_str_next(&path, '/', &part)) {
            char name[256];
            if (part.n > 0 && sp_str_copy(name, sizeof name, part) && fnmatch(pattern, name, FNM_NOESCAPE) == 0) {
                return true;
            }
        }
    }
    return false;
}

struct sp_str procmem_find_script(struct sp_str cmdline)
{
    struct sp_str argument = {NULL, 0};
    for (unsigned i = 0; sp_str_next(&cmdline, '\0', &argument); i++) {
        if (i > 0 && argument.n > 0 && argument.p[0] != '-') {
            return argument;
        }
    }
    return (struct sp_str){NULL, 0};
}

ssize_t procmem_find_read(int dir, const char *name, char *to, size_t size)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && n < size) {
        got = read(fd, to + n, size - n);
        if (got < 0 && errno == EINTR) {
            got = 1;
        } else if (got > 0) {
            n += (size_t)got;
        }
    }
    int error = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = error;
    return got < 0 ? -1 : (ssize_t)n;
}

static bool is_program(int dir, const char *path, bool *denied)
{
    static const char deleted[] = " (deleted)";
    char exe[EXE_BYTES];
    ssize_t n = readlinkat(dir, "exe", exe, sizeof exe);
    size_t want = strlen(path);
    *denied = n < 0 && (errno == EACCES || errno == EPERM);
    if (n <= 0 || (size_t)n < want || memcmp(exe, path, want) != 0) {
        return false;
    }
    return (size_t)n == want || ((size_t)n == want + sizeof deleted - 1 && memcmp(exe + want, deleted, sizeof deleted - 1) == 0);
}

bool procmem_find_match(int dir, const struct procmem_service_spec *spec, bool *denied)
{
    char text[CGROUP_BYTES];
    ssize_t n;
    *denied = false;
    switch (spec->by) {
    case PROCMEM_FIND_UNIT:
        n = procmem_find_read(dir, "cgroup", text, sizeof text);
        return n > 0 && procmem_find_in_unit(sp_str_bytes(text, (size_t)n), spec->what);
    case PROCMEM_FIND_EXE:
        return is_program(dir, spec->what, denied);
    case PROCMEM_FIND_SCRIPT:
        n = procmem_find_read(dir, "cmdline", text, CMDLINE_BYTES);
        return n > 0 && sp_str_is(procmem_find_script(sp_str_bytes(text, (size_t)n)), spec->what);
    }
    return false;
}
