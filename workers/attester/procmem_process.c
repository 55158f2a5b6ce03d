/* SPDX-License-Identifier: Apache-2.0 */
#include "procmem_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "procmem_find.h"
#include "procmem_settings.h"
#include "procmem_target.h"

#define MAPS_BYTES_MAX (16u << 20)
#define STATUS_BYTES   8192u
#define STAT_BYTES     1024u
#define TASKS_MAX      32768u
#define TRIES          3u
#define TRY_AGAIN_NS   5000000 /* a process that ends is without memory for a moment before it is gone */
#define SETTINGS_BYTES (PROCMEM_SETTINGS_MAX * (PROCMEM_VALUE_MAX + PROCMEM_NAME_MAX + 8u))

enum look {
    LOOK_DONE,
    LOOK_DOUBTFUL, /* a mapping could not be read, or differs: it may have been gone, and another there, just then */
    LOOK_MOVED,
    LOOK_ENDED
};

/* ---- set up ---------------------------------------------------------------------------------------------------- */

/* Our own vDSO: the kernel gives every process of a word size the same. */
static void find_vdso(struct procmem_scan *self)
{
    struct procmem_line line;
    uint64_t start = getauxval(AT_SYSINFO_EHDR);
    if (start == 0 || !procmem_settings_read(AT_FDCWD, "/proc/self/maps", &self->text)) {
        return;
    }
    struct sp_str text = sp_buf_view(&self->text);
    while (procmem_maps_next(&text, &line)) {
        if (line.start == start && procmem_maps_kind(&line) == PROCMEM_MAP_VDSO) {
            self->vdso = (const uint8_t *)(uintptr_t)start; /* NOLINT: an address is what the kernel gives */
            self->vdso_bytes = line.end - line.start;
        }
    }
}

bool procmem_scan_init(struct procmem_scan *self, const struct collect_request *request, bool md5)
{
    *self = (struct procmem_scan){.request = request};
    sp_buf_init(&self->text, MAPS_BYTES_MAX);
    sp_buf_init(&self->before, MAPS_BYTES_MAX);
    sp_buf_init(&self->after, MAPS_BYTES_MAX);
    sp_buf_init(&self->settings, SETTINGS_BYTES);
    sp_buf_init(&self->mappings, PROCMEM_DOC_BYTES_MAX);
    bool done = procmem_files_init(&self->files, request, md5) && procmem_compare_init(&self->compare, request);
    if (done) {
        find_vdso(self);
    } else {
        procmem_scan_fini(self);
    }
    return done;
}

void procmem_scan_fini(struct procmem_scan *self)
{
    procmem_files_fini(&self->files);
    procmem_compare_fini(&self->compare);
    sp_buf_fini(&self->text);
    sp_buf_fini(&self->before);
    sp_buf_fini(&self->after);
    sp_buf_fini(&self->settings);
    sp_buf_fini(&self->mappings);
    *self = (struct procmem_scan){0};
}

/* ---- who it is ------------------------------------------------------------------------------------------------- */

/* Whoever traces any of its threads; the number of threads. */
static uint32_t tracer_of(int dir, uint32_t *tasks)
{
    int fd = openat(dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *one;
    uint32_t tracer = 0;
    *tasks = 0;
    if (list == NULL && fd >= 0) {
        (void)close(fd);
    }
    while (list != NULL && *tasks < TASKS_MAX && (one = readdir(list)) != NULL) {
        char name[300], text[STATUS_BYTES];
        if (one->d_name[0] == '.') {
            continue;
        }
        (*tasks)++;
        (void)snprintf(name, sizeof name, "%s/status", one->d_name);
        ssize_t n = procmem_find_read(fd, name, text, sizeof text);
        if (tracer == 0 && n > 0) {
            tracer = procmem_maps_status(sp_str_bytes(text, (size_t)n), "TracerPid", 0);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return tracer;
}

static bool read_stat(int dir, char *state, uint64_t *start)
{
    char text[STAT_BYTES];
    ssize_t n = procmem_find_read(dir, "stat", text, sizeof text);
    return n > 0 && procmem_maps_stat(sp_str_bytes(text, (size_t)n), state, start);
}

bool procmem_process_start(int dir, uint64_t *start)
{
    char state;
    return read_stat(dir, &state, start);
}

/* Fills what stat, status and the threads say. `status` holds the text that p->name points into. */
static enum look identify(int dir, char status[STATUS_BYTES], struct procmem_process *p)
{
    char state;
    uint32_t tasks;
    ssize_t n = procmem_find_read(dir, "status", status, STATUS_BYTES);
    if (n <= 0 || !read_stat(dir, &state, &p->start)) {
        return LOOK_ENDED;
    }
    struct sp_str text = sp_str_bytes(status, (size_t)n);
    p->name = procmem_maps_name(text);
    p->uid = procmem_maps_status(text, "Uid", 1);
    p->tracer = tracer_of(dir, &tasks);
    if (state == 'Z' || state == 'X') {
        if (tasks <= 1) {
            return LOOK_ENDED;
        }
        p->flags |= PROCMEM_PROCESS_DENIED; /* the first thread has ended, and with it the view of the memory the others have */
    }
    return LOOK_DONE;
}

static uint32_t exe_of(struct procmem_scan *self, int dir)
{
    static const char deleted[] = " (deleted)";
    const uint32_t n = sizeof deleted - 1;
    char path[PROCMEM_PATH_MAX];
    ssize_t length = readlinkat(dir, "exe", path, sizeof path);
    if (length <= 0) {
        return PROCMEM_NO_FILE;
    }
    struct sp_str text = sp_str_bytes(path, (size_t)length);
    bool gone = text.n > n && memcmp(text.p + text.n - n, deleted, n) == 0;
    text.n -= gone ? n : 0;
    int fd = openat(dir, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    uint32_t index = procmem_files_add(&self->files, fd, text, gone);
    if (fd >= 0) {
        (void)close(fd);
    }
    return index;
}

/* ---- mappings -------------------------------------------------------------------------------------------------- */

/* Copies the lines of executable mappings. False: a line that is none. */
static bool executable_lines(struct sp_str text, struct sp_buf *out)
{
    struct procmem_line line;
    sp_buf_reset(out);
    while (text.n > 0) {
        const char *from = text.p, *end = memchr(text.p, '\n', text.n);
        if (end == NULL || !procmem_maps_next(&text, &line)) {
            return false;
        }
        if (line.execute) {
            sp_buf_append(out, from, (size_t)(end + 1 - from));
        }
    }
    return !out->failed;
}

/* Reads the executable lines of maps. */
static enum look read_maps(struct procmem_scan *self, int dir, struct sp_buf *out, uint8_t *flags)
{
    sp_buf_reset(out);
    if (!procmem_settings_read(dir, "maps", &self->text)) {
        *flags |= errno == EFBIG ? PROCMEM_PROCESS_LIMIT : PROCMEM_PROCESS_DENIED;
        return errno == ESRCH || errno == ENOENT ? LOOK_ENDED : LOOK_DONE;
    }
    if (self->text.n == 0) {
        return LOOK_MOVED;
    }
    return executable_lines(sp_buf_view(&self->text), out) ? LOOK_DONE : LOOK_MOVED;
}

static void map_file(struct procmem_scan *self, int dir, const struct procmem_line *line, struct procmem_mapping *m)
{
    int fd = procmem_target_open(dir, line);
    if (line->deleted && procmem_maps_is_memfd(line->path) && procmem_target_is_memory(fd)) {
        m->kind = PROCMEM_MAP_MEMFD;
        m->name = line->path;
    } else {
        m->file = procmem_files_add(&self->files, fd, line->path, line->deleted);
        procmem_compare_file(&self->compare, line, fd, m);
        self->doubtful = self->doubtful || (m->flags & PROCMEM_MAP_UNCOMPARED) != 0 || m->differing > 0;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void map_line(struct procmem_scan *self, int dir, const struct procmem_line *line)
{
    struct procmem_mapping m = {.kind = (uint8_t)procmem_maps_kind(line),
                                .start = line->start,
                                .bytes = line->end - line->start,
                                .offset = line->offset,
                                .file = PROCMEM_NO_FILE};
    m.flags = (uint8_t)((line->read ? PROCMEM_MAP_READ : 0u) | (line->write ? PROCMEM_MAP_WRITE : 0u) |
                        (line->shared ? PROCMEM_MAP_SHARED : 0u));
    if (m.kind == PROCMEM_MAP_FILE) {
        map_file(self, dir, line, &m);
    } else if (m.kind == PROCMEM_MAP_VDSO && m.bytes == self->vdso_bytes) {
        procmem_compare_bytes(&self->compare, line, self->vdso, &m);
        m.name = line->path;
    } else {
        m.kind = m.kind == PROCMEM_MAP_VDSO ? PROCMEM_MAP_SPECIAL : m.kind; /* of another word size: nothing to compare with */
        m.name = line->path;
    }
    procmem_put_mapping(&self->mappings, &m);
    for (uint32_t i = 0; i < m.places; i++) {
        procmem_put_place(&self->mappings, &self->compare.place[i]);
    }
}

static void map_lines(struct procmem_scan *self, int dir, struct procmem_process *p)
{
    struct procmem_line line;
    struct sp_str text = sp_buf_view(&self->before);
    self->compare.memory = openat(dir, "mem", O_RDONLY | O_CLOEXEC);
    self->compare.pagemap = openat(dir, "pagemap", O_RDONLY | O_CLOEXEC);
    if (self->compare.memory < 0 && (errno == EACCES || errno == EPERM)) {
        p->flags |= PROCMEM_PROCESS_NO_MEM;
    }
    while (procmem_maps_next(&text, &line)) {
        if (p->mappings == PROCMEM_MAPPINGS_MAX) {
            p->flags |= PROCMEM_PROCESS_LIMIT;
            break;
        }
        map_line(self, dir, &line);
        p->mappings++;
    }
    (void)close(self->compare.memory);
    (void)close(self->compare.pagemap);
    self->compare.memory = self->compare.pagemap = -1;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static enum look look_at(struct procmem_scan *self, int dir, struct procmem_process *p, char status[STATUS_BYTES])
{
    uint64_t start;
    sp_buf_reset(&self->settings);
    sp_buf_reset(&self->mappings);
    self->doubtful = false;
    enum look look = identify(dir, status, p);
    if (look == LOOK_DONE && (p->flags & PROCMEM_PROCESS_DENIED) == 0) {
        look = read_maps(self, dir, &self->before, &p->flags);
    }
    if (look != LOOK_DONE || (p->flags & PROCMEM_PROCESS_DENIED) != 0) {
        return look;
    }
    p->exe = exe_of(self, dir);
    p->settings = procmem_settings_write(dir, &self->text, &self->settings, &p->flags);
    map_lines(self, dir, p);
    look = read_maps(self, dir, &self->after, &p->flags);
    if (!procmem_process_start(dir, &start)) {
        return LOOK_ENDED;
    }
    if (look == LOOK_DONE && !sp_str_eq(sp_buf_view(&self->before), sp_buf_view(&self->after))) {
        return LOOK_MOVED;
    }
    return look == LOOK_DONE && self->doubtful ? LOOK_DOUBTFUL : look;
}

bool procmem_process_write(struct procmem_scan *self, int dir, uint32_t pid, uint16_t service, struct sp_buf *out)
{
    const struct timespec moment = {.tv_nsec = TRY_AGAIN_NS};
    char status[STATUS_BYTES];
    struct procmem_process p;
    enum look look = LOOK_MOVED;
    for (unsigned i = 0; i < TRIES && (look == LOOK_MOVED || look == LOOK_DOUBTFUL); i++) {
        if (i > 0) {
            (void)nanosleep(&moment, NULL);
        }
        p = (struct procmem_process){.service = service, .pid = pid, .exe = PROCMEM_NO_FILE};
        look = look_at(self, dir, &p, status);
    }
    if (look == LOOK_ENDED) {
        return false;
    }
    p.flags |= look == LOOK_MOVED ? PROCMEM_PROCESS_MOVING : 0;
    if (self->settings.failed || self->mappings.failed) {
        out->failed = true; /* a part of it would be another document */
        return true;
    }
    procmem_put_process(out, &p);
    sp_buf_append(out, self->settings.p, self->settings.n);
    sp_buf_append(out, self->mappings.p, self->mappings.n);
    return true;
}
