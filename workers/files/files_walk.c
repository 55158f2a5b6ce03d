/* SPDX-License-Identifier: Apache-2.0 */
#include "files_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_fs.h"

#define BUFFER_BYTES  (1u << 20) /* of the document, before it is written */
#define FLUSH_BYTES   (256u << 10)
#define CHUNK_BYTES   (128u << 10)
#define ENTRIES_SPENT 32u
#define NAMES_MAX     (32u << 20) /* bytes of the names of one directory */

struct walk {
    const struct files_walk_options *o;
    uint64_t until_us;
    struct sp_buf b; /* not written yet */
    uint64_t written;
    struct files_last last;
    struct files_walk_sum sum;
    bool failed; /* the document cannot be written */
    bool ended;  /* a bound was hit */
    int root;
    char path[MANIFEST_TABLE_PATH_MAX + 1]; /* of the entry that is looked at */
    uint8_t chunk[CHUNK_BYTES];
};

/* Where the document was when a directory began. */
struct mark {
    uint64_t at, entries;
    struct files_last last;
};

/* One name of a directory. */
struct name {
    uint32_t at;
    bool is_dir;
    dev_t dev;
    ino_t ino;
};

struct names {
    struct name *item;
    size_t count, room;
    struct sp_buf text; /* each with its NUL */
};

static void end_with(struct walk *w, enum files_end end)
{
    if (!w->ended) {
        w->sum.end = end;
    }
    w->ended = true;
}

static bool stopped(const struct walk *w)
{
    return w->failed || w->ended;
}

/* Some work was done. */
static void spend(struct walk *w, uint64_t bytes)
{
    w->sum.bytes += bytes;
    if (w->o->spend != NULL) {
        w->o->spend(w->o->arg, bytes);
    }
    if (w->sum.bytes > w->o->max_bytes) {
        end_with(w, FILES_END_LIMIT);
    } else if (sp_clock_read().mono.us >= w->until_us) {
        end_with(w, FILES_END_TIME);
    }
}

static void step(const struct walk *w, enum files_walk_step what)
{
    if (w->o->step != NULL) {
        w->o->step(w->o->arg, what, w->path);
    }
}

/* ---- the document ---------------------------------------------------------------------------------------------- */

static void flush(struct walk *w)
{
    if (w->b.failed || !sp_fs_write_all(w->o->out, w->b.p, w->b.n)) {
        w->failed = true;
    }
    w->written += w->b.n;
    sp_buf_reset(&w->b);
}

static void put(struct walk *w, const struct files_entry *e)
{
    if (w->sum.entries == w->o->max_entries || w->written + w->b.n + 2 * FILES_DOC_ENTRY_MAX > w->o->out_max) {
        end_with(w, FILES_END_LIMIT);
    } else if (w->sum.entries % ENTRIES_SPENT == 0) {
        spend(w, 0);
    }
    if (stopped(w)) {
        return;
    }
    files_doc_put(&w->b, &w->last, e);
    w->sum.entries++;
    if (w->b.n >= FLUSH_BYTES) {
        flush(w);
    }
}

static void put_stat(struct walk *w, const struct stat *st, struct files_entry *e)
{
    e->type = S_ISREG(st->st_mode)    ? 'f'
              : S_ISDIR(st->st_mode)  ? 'd'
              : S_ISLNK(st->st_mode)  ? 'l'
              : S_ISFIFO(st->st_mode) ? 'p'
              : S_ISSOCK(st->st_mode) ? 's'
              : S_ISCHR(st->st_mode)  ? 'c'
                                      : 'b';
    e->mode = (uint16_t)(st->st_mode & 07777);
    e->uid = st->st_uid;
    e->gid = st->st_gid;
    e->size = e->type == 'f' ? (uint64_t)st->st_size : 0;
    e->path = sp_str_of(w->path);
    put(w, e);
}

static void set_mark(struct walk *w, struct mark *m)
{
    flush(w);
    m->at = w->written;
    m->entries = w->sum.entries;
    m->last = w->last;
}

static void go_back(struct walk *w, const struct mark *m)
{
    sp_buf_reset(&w->b);
    if (ftruncate(w->o->out, (off_t)m->at) != 0 || lseek(w->o->out, (off_t)m->at, SEEK_SET) != (off_t)m->at) {
        w->failed = true;
    }
    w->written = m->at;
    w->sum.entries = m->entries;
    w->last = m->last;
}

/* ---- one entry ------------------------------------------------------------------------------------------------- */

/* Opens an entry without any right to it. */
static int open_entry(int dir, const char *name)
{
    const struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                                 .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH};
    return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

/* Opens what a descriptor of open_entry stands for: that very file, whatever its name means by now. */
static int reopen(int fd, int flags)
{
    char self[64];
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int again = open(self, flags | O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOATIME);
    return again < 0 && errno == EPERM ? open(self, flags | O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : again;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
           a->st_gid == b->st_gid;
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
    return same_file(a, b) && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Hashes exactly the bytes a file said it has. UNSTABLE: it has more or fewer. */
static enum files_state hash(struct walk *w, int fd, uint64_t size, uint8_t sha256[32])
{
    struct sp_crypto_sha256 h;
    uint64_t left = size;
    sp_crypto_sha256_init(&h);
    for (;;) {
        ssize_t n = read(fd, w->chunk, sizeof w->chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return FILES_UNREADABLE;
        }
        if ((uint64_t)n > left || (n == 0 && left > 0)) {
            return FILES_UNSTABLE;
        }
        if (n == 0) {
            break;
        }
        sp_crypto_sha256_update(&h, w->chunk, (size_t)n);
        left -= (uint64_t)n;
        spend(w, (uint64_t)n);
        if (stopped(w)) {
            return FILES_UNREADABLE;
        }
    }
    sp_crypto_sha256_final(&h, sha256);
    return FILES_READ;
}

/* True for file systems where reading is more than reading. */
static bool is_odd(int fd)
{
    static const long odd[] = {0x9fa0 /* proc */,
                               0x62656572 /* sysfs */,
                               0x64626720 /* debugfs */,
                               0x74726163 /* tracefs */,
                               0x65735546 /* fuse */,
                               0x0187 /* autofs */,
                               0x42494e4d /* binfmt_misc */};
    struct statfs fs;
    bool is = fstatfs(fd, &fs) != 0;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0] && !is; i++) {
        is = (long)fs.f_type == odd[i];
    }
    return is;
}

static enum files_state read_file(struct walk *w, int fd, const struct stat *st, uint8_t sha256[32])
{
    struct stat before, after;
    if ((uint64_t)st->st_size > w->o->max_file) {
        return FILES_TOO_LARGE;
    }
    int file = is_odd(fd) ? -1 : reopen(fd, 0);
    if (file < 0) {
        return FILES_UNREADABLE;
    }
    enum files_state state =
        fstat(file, &before) == 0 && unchanged(st, &before) ? hash(w, file, (uint64_t)st->st_size, sha256) : FILES_UNSTABLE;
    step(w, FILES_WALK_HASHED);
    if (state == FILES_READ && (fstat(file, &after) != 0 || !unchanged(&before, &after))) {
        state = FILES_UNSTABLE;
    }
    (void)close(file);
    return state;
}

static enum files_state read_link(int fd, char target[MANIFEST_TABLE_PATH_MAX + 1], struct sp_str *out)
{
    ssize_t n = readlinkat(fd, "", target, MANIFEST_TABLE_PATH_MAX + 1);
    *out = sp_str_bytes(target, n > 0 ? (size_t)n : 0);
    return n <= 0 ? FILES_UNREADABLE : n > (ssize_t)MANIFEST_TABLE_PATH_MAX ? FILES_TOO_LARGE : FILES_READ;
}

/* True when the name still leads to what the descriptor stands for. */
static bool name_holds(int dir, const char *name, const struct stat *st)
{
    struct stat now;
    int fd = open_entry(dir, name);
    bool same = fd >= 0 && fstat(fd, &now) == 0 && same_file(st, &now);
    if (fd >= 0) {
        (void)close(fd);
    }
    return same;
}

/* Looks at an entry, whose path is w->path, and puts it down. *st is what it is. False: it is not there. */
static bool look(struct walk *w, int dir, const char *name, struct stat *st)
{
    char target[MANIFEST_TABLE_PATH_MAX + 1];
    uint8_t sha256[32];
    struct files_entry e = {.state = FILES_UNSTABLE};
    for (unsigned try = 0; try < FILES_WALK_TRIES && e.state == FILES_UNSTABLE && !stopped(w); try++) {
        int fd = open_entry(dir, name);
        if (fd < 0 || fstat(fd, st) != 0) {
            if (fd >= 0) {
                (void)close(fd);
            }
            return false;
        }
        step(w, FILES_WALK_OPENED);
        e = (struct files_entry){.state = FILES_READ};
        if (S_ISREG(st->st_mode)) {
            e.state = (uint8_t)read_file(w, fd, st, sha256);
            e.sha256 = sha256;
        } else if (S_ISLNK(st->st_mode)) {
            e.state = (uint8_t)read_link(fd, target, &e.target);
        }
        (void)close(fd);
        if (e.state == FILES_READ && !name_holds(dir, name, st)) {
            e.state = FILES_UNSTABLE;
        }
    }
    put_stat(w, st, &e);
    return true;
}

/* ---- a directory ----------------------------------------------------------------------------------------------- */

static bool is_skipped(const struct walk *w)
{
    for (size_t i = 0; i < w->o->skip_count; i++) {
        if (sp_str_is(w->o->skips[i], w->path)) {
            return true;
        }
    }
    return false;
}

static void names_fini(struct names *n)
{
    free(n->item);
    sp_buf_fini(&n->text);
}

static bool names_add(struct names *n, const char *name)
{
    if (n->count == n->room) {
        size_t room = n->room > 0 ? 2 * n->room : 64;
        struct name *grown = realloc(n->item, room * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        n->item = grown;
        n->room = room;
    }
    n->item[n->count++] = (struct name){.at = (uint32_t)n->text.n};
    sp_buf_append(&n->text, name, strlen(name) + 1);
    return !n->text.failed;
}

static int by_name(const void *a, const void *b, void *text)
{
    return strcmp((const char *)text + ((const struct name *)a)->at, (const char *)text + ((const struct name *)b)->at);
}

/* Reads the names of a directory. False: it cannot be read. */
static bool list(struct walk *w, int fd, struct names *n)
{
    int again = is_odd(fd) ? -1 : reopen(fd, O_DIRECTORY);
    DIR *d = again >= 0 ? fdopendir(again) : NULL;
    if (d == NULL) {
        if (again >= 0) {
            (void)close(again);
        }
        return false;
    }
    errno = 0;
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(d)) != NULL; errno = 0) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            ok = names_add(n, e->d_name) && n->count <= w->o->max_entries;
        }
    }
    if (!ok) {
        end_with(w, FILES_END_LIMIT);
    }
    ok = ok && errno == 0;
    (void)closedir(d);
    if (n->count > 0) {
        qsort_r(n->item, n->count, sizeof *n->item, by_name, n->text.p);
    }
    return ok;
}

/* Makes w->path the one of this name in the directory whose path has `n` bytes. False: too long. */
static bool enter(struct walk *w, size_t n, const char *name)
{
    size_t base = n == 1 ? 0 : n; /* of "/" */
    size_t more = strlen(name);
    if (base + 1 + more > MANIFEST_TABLE_PATH_MAX) {
        return false;
    }
    w->path[base] = '/';
    memcpy(w->path + base + 1, name, more + 1);
    return true;
}

static void leave(struct walk *w, size_t n)
{
    w->path[n] = '\0';
}

static void put_gap(struct walk *w, const struct stat *st, enum files_state state)
{
    struct files_entry e = {.state = (uint8_t)state};
    put_stat(w, st, &e);
}

/* Lists a directory and looks at everything in it. False: it could not be listed whole. */
static bool look_at_all(struct walk *w, int fd, size_t path_n, struct names *n)
{
    bool whole = list(w, fd, n);
    step(w, FILES_WALK_LISTED);
    for (size_t i = 0; i < n->count && !stopped(w); i++) {
        struct stat st;
        const char *name = (const char *)n->text.p + n->item[i].at;
        if (!enter(w, path_n, name)) {
            whole = false;
        } else if (!is_skipped(w) && look(w, fd, name, &st)) {
            n->item[i].is_dir = S_ISDIR(st.st_mode);
            n->item[i].dev = st.st_dev;
            n->item[i].ino = st.st_ino;
        }
        leave(w, path_n);
    }
    return whole;
}

static void walk_dir(struct walk *w, int fd, size_t path_n, unsigned depth);

static void walk_down(struct walk *w, int dir, size_t path_n, const struct names *n, unsigned depth)
{
    for (size_t i = 0; i < n->count && !stopped(w); i++) {
        const char *name = (const char *)n->text.p + n->item[i].at;
        struct stat st = {.st_mode = S_IFDIR};
        if (!n->item[i].is_dir || !enter(w, path_n, name)) {
            continue;
        }
        int fd = open_entry(dir, name);
        bool same =
            fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && st.st_dev == n->item[i].dev && st.st_ino == n->item[i].ino;
        if (!same) {
            st.st_mode = S_IFDIR;
            put_gap(w, &st, FILES_UNSTABLE);
        } else if (depth + 1 == FILES_WALK_DEPTH) {
            put_gap(w, &st, FILES_TOO_LARGE);
        } else {
            walk_dir(w, fd, strlen(w->path), depth + 1);
        }
        if (fd >= 0) {
            (void)close(fd);
        }
        leave(w, path_n);
    }
}

/* The directory itself is already in the document. */
static void walk_dir(struct walk *w, int fd, size_t path_n, unsigned depth)
{
    struct names n = {.item = NULL};
    struct mark *m = malloc(sizeof *m); /* large, and this calls itself */
    struct stat before = {0}, after = {0};
    bool still = false, whole = false;
    if (m == NULL) {
        w->failed = true;
        return;
    }
    set_mark(w, m);
    for (unsigned try = 0; try < FILES_WALK_TRIES && !still && !stopped(w); try++) {
        if (try > 0) {
            go_back(w, m);
        }
        names_fini(&n);
        n = (struct names){.item = NULL};
        sp_buf_init(&n.text, NAMES_MAX);
        bool known = fstat(fd, &before) == 0;
        whole = look_at_all(w, fd, path_n, &n);
        still = known && fstat(fd, &after) == 0 && unchanged(&before, &after);
    }
    free(m);
    if (!stopped(w) && !(still && whole)) {
        put_gap(w, &before, still ? FILES_UNREADABLE : FILES_UNSTABLE);
    }
    walk_down(w, fd, path_n, &n, depth);
    names_fini(&n);
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

static void walk_tree(struct walk *w, struct sp_str tree)
{
    struct stat st, now;
    (void)sp_str_copy(w->path, sizeof w->path, tree);
    char name[MANIFEST_TABLE_PATH_MAX + 1];
    (void)snprintf(name, sizeof name, "%s", tree.n == 1 ? "." : w->path + 1);
    if (!look(w, w->root, name, &st) || !S_ISDIR(st.st_mode) || stopped(w)) {
        return; /* what is not there is missing */
    }
    int fd = open_entry(w->root, name);
    if (fd >= 0 && fstat(fd, &now) == 0 && same_file(&st, &now)) {
        walk_dir(w, fd, tree.n, 0);
    } else {
        put_gap(w, &st, FILES_UNSTABLE);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

void files_walk_defaults(struct files_walk_options *o)
{
    memset(o, 0, sizeof *o);
    o->max_entries = MANIFEST_TABLE_ROWS_MAX;
    o->max_bytes = 64ull << 30;
    o->max_file = 4ull << 30;
    o->max_us = 3600ull * 1000000;
    o->out = -1;
    o->out_max = FILES_DOC_MAX;
}

bool files_walk(const struct files_walk_options *o, struct files_walk_sum *sum)
{
    struct walk *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return false;
    }
    w->o = o;
    sp_buf_init(&w->b, BUFFER_BYTES);
    w->until_us = sp_clock_read().mono.us + o->max_us;
    w->root = open(o->root != NULL && o->root[0] != '\0' ? o->root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    w->failed = w->root < 0;
    files_doc_put_head(&w->b);
    for (size_t i = 0; i < o->tree_count && !stopped(w); i++) {
        walk_tree(w, o->trees[i]);
    }
    if (!w->failed) {
        files_doc_put_end(&w->b, w->sum.end, w->sum.entries, w->sum.bytes);
        flush(w);
    }
    if (w->root >= 0) {
        (void)close(w->root);
    }
    bool ok = !w->failed;
    w->sum.written = w->written;
    *sum = w->sum;
    sp_buf_fini(&w->b);
    free(w);
    return ok;
}
