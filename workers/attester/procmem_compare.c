/* SPDX-License-Identifier: Apache-2.0 */
#include "procmem_compare.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Bits of a page in /proc/PID/pagemap. */
#define PAGE_PRESENT (UINT64_C(1) << 63)
#define PAGE_SWAPPED (UINT64_C(1) << 62)
#define PAGE_OF_FILE (UINT64_C(1) << 61)
#define PAGES_MAX    (PROCMEM_CHUNK_BYTES / 4096u)

bool procmem_compare_init(struct procmem_compare *self, const struct collect_request *request)
{
    long page = sysconf(_SC_PAGESIZE);
    *self = (struct procmem_compare){.request = request, .memory = -1, .pagemap = -1, .page = page > 0 ? (uint64_t)page : 4096};
    self->from_memory = malloc(PROCMEM_CHUNK_BYTES);
    self->from_file = malloc(PROCMEM_CHUNK_BYTES);
    return self->from_memory != NULL && self->from_file != NULL;
}

void procmem_compare_fini(struct procmem_compare *self)
{
    free(self->from_memory);
    free(self->from_file);
    *self = (struct procmem_compare){.memory = -1, .pagemap = -1};
}

/* Reads all n bytes, or those there are: *got. False: the kernel refuses. */
static bool read_at(int fd, uint8_t *to, size_t n, uint64_t at, size_t *got)
{
    *got = 0;
    while (*got < n) {
        ssize_t done = pread(fd, to + *got, n - *got, (off_t)(at + *got));
        if (done == 0) {
            return true;
        }
        if (done < 0 && errno != EINTR) {
            return false;
        }
        *got += done > 0 ? (size_t)done : 0;
    }
    return true;
}

/* What memory is to be held against: a file from `offset` on, or bytes. */
struct expected {
    int file;
    uint64_t offset;
    const uint8_t *bytes;
};

/* Lends n bytes that should be at `at` of the mapping; what lies behind the end of a file is zero in memory. NULL: unreadable. */
static const uint8_t *expect(struct procmem_compare *self, const struct expected *what, uint64_t at, size_t n)
{
    size_t got = 0;
    if (what->bytes != NULL) {
        return what->bytes + at;
    }
    if (!read_at(what->file, self->from_file, n, what->offset + at, &got)) {
        return NULL;
    }
    memset(self->from_file + got, 0, n - got);
    return self->from_file;
}

/* Writes down one run of differing bytes that begins at `first` of these n. Returns its length. */
static size_t note(struct procmem_compare *self, const uint8_t *want, size_t n, size_t first, uint64_t at)
{
    struct procmem_mapping *m = self->mapping;
    size_t end = first;
    while (end < n && self->from_memory[end] != want[end]) {
        end++;
    }
    m->differing += end - first;
    if (m->places < PROCMEM_PLACES_MAX) {
        uint8_t(*copy)[PROCMEM_PLACE_BYTES] = self->bytes[m->places];
        size_t shown = end - first < PROCMEM_PLACE_BYTES ? end - first : PROCMEM_PLACE_BYTES;
        memcpy(copy[0], self->from_memory + first, shown);
        memcpy(copy[1], want + first, shown);
        self->place[m->places++] =
            (struct procmem_place){at + first, end - first, sp_str_bytes(copy[0], shown), sp_str_bytes(copy[1], shown)};
    }
    return end - first;
}

/* Compares n bytes of pages that are in memory. False: cannot be read. */
static bool compare_run(struct procmem_compare *self, uint64_t start, uint64_t at, size_t n, const struct expected *what)
{
    size_t got = 0;
    if (!read_at(self->memory, self->from_memory, n, start + at, &got) || got != n) {
        return false;
    }
    const uint8_t *want = expect(self, what, at, n);
    if (want == NULL) {
        return false;
    }
    self->mapping->compared += n;
    if (memcmp(self->from_memory, want, n) != 0) {
        for (size_t i = 0; i < n; i++) {
            if (self->from_memory[i] != want[i]) {
                i += note(self, want, n, i, what->offset + at);
            }
        }
    }
    collect_spend(self->request, n);
    return true;
}

/* Reads what the kernel says of these pages; without it they all count as there. */
static void page_flags(const struct procmem_compare *self, uint64_t address, size_t pages, uint64_t *flags)
{
    size_t got = 0, n = pages * sizeof *flags;
    if (self->pagemap < 0 || !read_at(self->pagemap, (uint8_t *)flags, n, address / self->page * sizeof *flags, &got) || got != n) {
        for (size_t i = 0; i < pages; i++) {
            flags[i] = PAGE_PRESENT | PAGE_OF_FILE;
        }
    }
}

static bool compare_once(struct procmem_compare *self, const struct procmem_line *line, const struct expected *what)
{
    uint64_t flags[PAGES_MAX], bytes = line->end - line->start;
    struct procmem_mapping *m = self->mapping;
    m->absent = m->own = m->compared = m->differing = 0;
    m->places = 0;
    for (uint64_t at = 0; at < bytes;) {
        uint64_t left = (bytes - at) / self->page;
        size_t pages = left < PROCMEM_CHUNK_BYTES / self->page ? (size_t)left : (size_t)(PROCMEM_CHUNK_BYTES / self->page), run = 0;
        page_flags(self, line->start + at, pages, flags);
        for (size_t i = 0; i <= pages; i++) { /* runs of pages that are there */
            bool here = i < pages && (flags[i] & (PAGE_PRESENT | PAGE_SWAPPED)) != 0;
            if (here) {
                m->own += (flags[i] & PAGE_OF_FILE) == 0 ? self->page : 0;
                run++;
                continue;
            }
            if (run > 0 && !compare_run(self, line->start, at + (i - run) * self->page, run * self->page, what)) {
                return false;
            }
            run = 0;
            m->absent += i < pages ? self->page : 0;
        }
        at += pages * self->page;
    }
    return true;
}

static void compare(struct procmem_compare *self, const struct procmem_line *line, const struct expected *what,
                    struct procmem_mapping *mapping)
{
    bool whole = false;
    self->mapping = mapping;
    if (self->memory >= 0 && (what->file >= 0 || what->bytes != NULL)) {
        whole = compare_once(self, line, what);
        if (!whole || mapping->differing > 0) { /* it may have been unmapped, or the file written, just then */
            whole = compare_once(self, line, what);
        }
    }
    if (!whole) {
        mapping->flags |= PROCMEM_MAP_UNCOMPARED;
        mapping->absent = mapping->own = mapping->compared = mapping->differing = 0;
        mapping->places = 0;
    }
}

void procmem_compare_file(struct procmem_compare *self, const struct procmem_line *line, int file, struct procmem_mapping *mapping)
{
    const struct expected what = {.file = file, .offset = line->offset};
    compare(self, line, &what, mapping);
}

void procmem_compare_bytes(struct procmem_compare *self, const struct procmem_line *line, const uint8_t *bytes,
                           struct procmem_mapping *mapping)
{
    const struct expected what = {.file = -1, .bytes = bytes};
    compare(self, line, &what, mapping);
}
