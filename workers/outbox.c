/* SPDX-License-Identifier: Apache-2.0 */
#include "outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sp_fs.h"
#include "sp_random.h"

#define RECORD_MAGIC 0x31424f53u /* "SOB1" */
#define MARK_MAGIC   0x314d4f53u /* "SOM1" */

/* In front of each body; the host's byte order, for the file never leaves the host. */
struct record {
    uint32_t magic;
    uint32_t bytes;
    uint32_t results;
    uint32_t zero;
    uint64_t sequence;
    uint64_t sum; /* of this head (sum = 0) and the body: a record torn by a crash is not a record */
};

struct mark {
    uint32_t magic;
    uint32_t zero;
    uint64_t first; /* records of lower sequence are answered */
    uint64_t sum;
};

struct segment {
    int fd;        /* -1: not made yet */
    uint32_t end;  /* bytes written */
    uint32_t live; /* records not answered */
};

struct outbox {
    struct resend *window;
    char path[SP_FS_PATH_BYTES];
    int dir;
    int mark;
    uint64_t next;     /* sequence of the next record */
    uint32_t unmarked; /* answers since the mark was written */
    uint32_t current;
    bool no_space;     /* the last segment could not be made */
    uint32_t segments; /* files we may have */
    struct segment segment[OUTBOX_SEGMENTS_MAX];
};

/* Two running sums over 64-bit words (Fletcher): order matters, a missing page shows. */
static void sum_add(uint64_t s[2], const uint8_t *p, size_t n)
{
    uint64_t a = s[0];
    uint64_t b = s[1];
    uint64_t w = 0;
    for (; n >= sizeof w; p += sizeof w, n -= sizeof w) {
        memcpy(&w, p, sizeof w);
        a += w + 1;
        b += a;
    }
    w = 0;
    memcpy(&w, p, n);
    s[0] = a + w + 1;
    s[1] = b + s[0];
}

static uint64_t record_sum(const struct record *r, const uint8_t *body)
{
    struct record head = *r;
    uint64_t s[2] = {0x5350494345ull, 0};
    head.sum = 0;
    sum_add(s, (const uint8_t *)&head, sizeof head);
    sum_add(s, body, r->bytes);
    return s[0] ^ (s[1] << 29 | s[1] >> 35);
}

static uint64_t mark_sum(const struct mark *m)
{
    uint64_t s[2] = {0x4d41524bull, 0};
    sum_add(s, (const uint8_t *)m, offsetof(struct mark, sum));
    return s[0] ^ (s[1] << 29 | s[1] >> 35);
}

static enum sp_rc mark_write(struct outbox *self)
{
    const struct resend_place *oldest = resend_oldest(self->window);
    struct mark m = {.magic = MARK_MAGIC, .first = oldest != NULL ? oldest->sequence : self->next};
    m.sum = mark_sum(&m);
    self->unmarked = 0;
    return pwrite(self->mark, &m, sizeof m, 0) == (ssize_t)sizeof m ? SP_OK : SP_E_IO;
}

static enum sp_rc segment_open(struct outbox *self, uint32_t at, int flags, struct sp_err *err)
{
    char name[32];
    (void)snprintf(name, sizeof name, "segment-%02u", at);
    int fd = openat(self->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (fd < 0) {
        int e = errno;
        return e == ENOENT ? SP_E_NOT_FOUND : sp_err_set(err, SP_E_IO, self->path, "%s: %s", name, strerror(e));
    }
    if ((flags & O_CREAT) != 0) {
        int e = posix_fallocate(fd, 0, OUTBOX_SEGMENT_BYTES);
        if (e != 0) {
            (void)close(fd);
            (void)unlinkat(self->dir, name, 0);
            return sp_err_set(err, e == ENOSPC ? SP_E_FULL : SP_E_IO, self->path, "%s: %s", name, strerror(e));
        }
    }
    self->segment[at].fd = fd;
    return SP_OK;
}

/* ---- replay ---------------------------------------------------------------------------------------------------- */

struct replay {
    struct resend_place *row;
    size_t count;
    uint8_t *buf; /* one segment */
};

/* Collects the records of one segment; stops at the first thing that is not one. */
static void replay_segment(struct outbox *self, uint32_t at, uint64_t first, struct replay *r)
{
    ssize_t got = pread(self->segment[at].fd, r->buf, OUTBOX_SEGMENT_BYTES, 0);
    uint32_t size = got > 0 ? (uint32_t)got : 0;
    uint32_t pos = 0;
    uint64_t last = 0;
    struct record head;
    while (size - pos >= sizeof head) {
        memcpy(&head, r->buf + pos, sizeof head);
        const uint8_t *body = r->buf + pos + sizeof head;
        bool fits = head.magic == RECORD_MAGIC && head.bytes <= OUTBOX_BODY_MAX && head.bytes <= size - pos - sizeof head;
        if (!fits || head.sequence <= last || head.sum != record_sum(&head, body)) {
            break;
        }
        if (head.sequence >= first && r->count < RESEND_ROWS) {
            r->row[r->count++] = (struct resend_place){head.sequence, at, pos + (uint32_t)sizeof head, head.bytes, head.results};
        }
        last = head.sequence;
        pos += (uint32_t)sizeof head + head.bytes;
    }
}

static int by_sequence(const void *a, const void *b)
{
    uint64_t x = ((const struct resend_place *)a)->sequence;
    uint64_t y = ((const struct resend_place *)b)->sequence;
    return x < y ? -1 : x > y;
}

static enum sp_rc replay_all(struct outbox *self, uint64_t first, struct sp_err *err)
{
    struct replay r = {.row = calloc(RESEND_ROWS, sizeof *r.row), .buf = malloc(OUTBOX_SEGMENT_BYTES)};
    enum sp_rc rc = r.row != NULL && r.buf != NULL ? SP_OK : sp_err_set(err, SP_E_NOMEM, self->path, "no memory");
    for (uint32_t i = 0; i < OUTBOX_SEGMENTS_MAX && rc == SP_OK; i++) {
        rc = segment_open(self, i, 0, err);
        if (rc == SP_OK) {
            replay_segment(self, i, first, &r);
        } else if (rc == SP_E_NOT_FOUND) {
            rc = SP_OK;
        }
    }
    if (rc == SP_OK) {
        qsort(r.row, r.count, sizeof *r.row, by_sequence);
    }
    for (size_t i = 0; i < r.count && rc == SP_OK; i++) {
        struct segment *s = &self->segment[r.row[i].segment];
        (void)resend_add(self->window, &r.row[i]);
        s->live++;
        s->end = r.row[i].offset + r.row[i].bytes;
        self->current = r.row[i].segment;
        self->next = r.row[i].sequence + 1;
    }
    free(r.row);
    free(r.buf);
    return rc;
}

static bool mark_read(struct outbox *self, struct mark *m)
{
    return pread(self->mark, m, sizeof *m, 0) == (ssize_t)sizeof *m && m->magic == MARK_MAGIC && m->sum == mark_sum(m) &&
           m->first >= 1;
}

enum sp_rc outbox_open(const char *path, uint32_t segments, struct resend *window, struct outbox **out, struct sp_err *err)
{
    struct mark m;
    struct outbox *self = calloc(1, sizeof *self);
    if (self == NULL || !resend_init(window, sp_random_u64())) {
        free(self);
        return sp_err_set(err, SP_E_NOMEM, path, "no memory");
    }
    self->window = window;
    self->mark = -1;
    self->dir = -1;
    self->next = 1;
    self->segments = segments < 2 ? 2 : segments < OUTBOX_SEGMENTS_MAX ? segments : OUTBOX_SEGMENTS_MAX;
    for (uint32_t i = 0; i < OUTBOX_SEGMENTS_MAX; i++) {
        self->segment[i].fd = -1;
    }
    (void)snprintf(self->path, sizeof self->path, "%s", path);
    enum sp_rc rc = sp_fs_mkdirs(path, 0700, err);
    if (rc == SP_OK) {
        self->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        self->mark = self->dir >= 0 ? openat(self->dir, "mark", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
        rc = self->mark >= 0 ? SP_OK : sp_err_set(err, SP_E_IO, path, "mark: %s", strerror(errno));
    }
    if (rc == SP_OK && mark_read(self, &m)) {
        self->next = m.first;
        rc = replay_all(self, m.first, err);
    }
    if (rc == SP_OK && mark_write(self) != SP_OK) {
        rc = sp_err_set(err, SP_E_IO, path, "mark cannot be written: %s", strerror(errno));
    }
    if (rc != SP_OK) {
        outbox_close(&self);
        return rc;
    }
    *out = self;
    return SP_OK;
}

void outbox_close(struct outbox **self_p)
{
    struct outbox *self = *self_p;
    if (self == NULL) {
        return;
    }
    if (self->mark >= 0) {
        (void)mark_write(self);
    }
    for (uint32_t i = 0; i < OUTBOX_SEGMENTS_MAX; i++) {
        if (self->segment[i].fd >= 0) {
            (void)close(self->segment[i].fd);
        }
    }
    if (self->mark >= 0) {
        (void)close(self->mark);
    }
    if (self->dir >= 0) {
        (void)close(self->dir);
    }
    resend_fini(self->window);
    free(self);
    *self_p = NULL;
}

/* Moves to a segment that has room for `bytes`: one without live records, an existing one first. */
static enum sp_rc advance(struct outbox *self, size_t bytes)
{
    struct segment *c = &self->segment[self->current];
    if (c->fd >= 0 && c->live == 0) {
        c->end = 0;
    }
    if (c->fd >= 0 && OUTBOX_SEGMENT_BYTES - c->end >= bytes) {
        return SP_OK;
    }
    uint32_t unmade = self->segments;
    for (uint32_t i = 0; i < OUTBOX_SEGMENTS_MAX; i++) {
        if (self->segment[i].fd < 0) {
            unmade = i < unmade ? i : unmade;
        } else if (self->segment[i].live == 0) {
            self->segment[i].end = 0;
            self->current = i;
            return SP_OK;
        }
    }
    if (unmade == self->segments) {
        return SP_E_FULL;
    }
    enum sp_rc rc = segment_open(self, unmade, O_CREAT, NULL);
    self->no_space = rc != SP_OK;
    if (rc == SP_OK) {
        self->current = unmade;
    }
    return rc;
}

enum sp_rc outbox_append(struct outbox *self, const uint8_t *results, size_t bytes, uint32_t count, uint64_t *batch)
{
    SP_ASSERT(bytes <= OUTBOX_BODY_MAX);
    struct record head = {.magic = RECORD_MAGIC, .bytes = (uint32_t)bytes, .results = count, .sequence = self->next};
    if (resend_is_full(self->window)) {
        return SP_E_FULL;
    }
    enum sp_rc rc = advance(self, sizeof head + bytes);
    if (rc != SP_OK) {
        return rc;
    }
    struct segment *s = &self->segment[self->current];
    head.sum = record_sum(&head, results);
    struct iovec part[2] = {{&head, sizeof head}, {(void *)(uintptr_t)results, bytes}};
    if (pwritev(s->fd, part, 2, (off_t)s->end) != (ssize_t)(sizeof head + bytes)) {
        return errno == ENOSPC ? SP_E_FULL : SP_E_IO;
    }
    struct resend_place place = {self->next++, self->current, s->end + (uint32_t)sizeof head, (uint32_t)bytes, count};
    s->end += (uint32_t)(sizeof head + bytes);
    s->live++;
    *batch = resend_add(self->window, &place);
    return SP_OK;
}

enum sp_rc outbox_read(const struct outbox *self, const struct resend_place *place, uint8_t *to)
{
    ssize_t n = pread(self->segment[place->segment].fd, to, place->bytes, (off_t)place->offset);
    return n == (ssize_t)place->bytes ? SP_OK : SP_E_IO;
}

bool outbox_ack(struct outbox *self, uint64_t batch)
{
    struct resend_place place;
    if (!resend_ack(self->window, batch, &place)) {
        return false;
    }
    SP_ASSERT(self->segment[place.segment].live > 0);
    self->segment[place.segment].live--;
    if (++self->unmarked >= OUTBOX_MARK_EVERY) {
        (void)mark_write(self); /* a lost mark only means that answered batches are sent once more */
    }
    return true;
}

uint64_t outbox_room(const struct outbox *self)
{
    uint64_t room = 0;
    if (resend_is_full(self->window)) {
        return 0;
    }
    for (uint32_t i = 0; i < OUTBOX_SEGMENTS_MAX; i++) {
        const struct segment *s = &self->segment[i];
        if (s->fd < 0 && i >= self->segments) {
            continue;
        }
        if (s->fd < 0) {
            room += self->no_space ? 0 : OUTBOX_SEGMENT_BYTES;
        } else if (s->live == 0) {
            room += OUTBOX_SEGMENT_BYTES;
        } else if (i == self->current) {
            room += OUTBOX_SEGMENT_BYTES - s->end;
        }
    }
    return room;
}

void outbox_retry(struct outbox *self)
{
    self->no_space = false;
}
