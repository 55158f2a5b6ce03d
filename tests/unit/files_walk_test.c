/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over trees of a machine whose owner may be the enemy: what is listed, what is never opened, and what happens when files
 * are changed, swapped and moved while they are looked at. The changes are made between two steps of the walk, so no test waits for
 * a race. */
#include "files_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"
#include "sp_crypto.h"

#define MANY 128

struct seen {
    char path[160];
    char target[64];
    struct files_entry e;
    uint8_t sha256[32];
};

struct bed {
    struct scratch s;
    struct files_walk_options o;
    struct files_walk_sum sum;
    struct seen row[MANY];
    size_t rows;
    enum files_next how;
    unsigned steps;
};

static struct bed bed;
static const struct sp_str tree = {"/t", 2};
static const struct sp_str skip = {"/t/skip", 7};

static const char *at(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    turn = (turn + 1) % 4;
    return scratch_path(&bed.s, name, path[turn], sizeof path[turn]);
}

static void file(const char *name, const char *text)
{
    scratch_file(&bed.s, name, text, SIZE_MAX, 0644);
}

static void make_dir(const char *name)
{
    assert_int_equal(mkdir(at(name), 0755), 0);
}

static int setup(void **state)
{
    (void)state;
    memset(&bed, 0, sizeof bed);
    scratch_init(&bed.s);
    files_walk_defaults(&bed.o);
    bed.o.root = bed.s.dir;
    bed.o.trees = &tree;
    bed.o.tree_count = 1;
    make_dir("t");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_fini(&bed.s);
    return 0;
}

static void take(const struct files_entry *e)
{
    assert_in_range(bed.rows, 0, MANY - 1);
    struct seen *s = &bed.row[bed.rows++];
    s->e = *e;
    (void)sp_str_copy(s->path, sizeof s->path, e->path);
    (void)sp_str_copy(s->target, sizeof s->target, e->target);
    if (e->sha256 != NULL) {
        memcpy(s->sha256, e->sha256, 32);
    }
}

static void walk(void)
{
    static struct files_reader r;
    struct files_entry e;
    off_t n;
    bed.rows = 0;
    bed.steps = 0;
    bed.o.out = memfd_create("walk", MFD_CLOEXEC);
    assert_true(bed.o.out >= 0);
    assert_true(files_walk(&bed.o, &bed.sum));
    n = lseek(bed.o.out, 0, SEEK_END);
    assert_true(n > 0);
    void *p = mmap(NULL, (size_t)n, PROT_READ, MAP_SHARED, bed.o.out, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    files_reader_init(&r);
    files_reader_push(&r, sp_str_bytes(p, (size_t)n));
    while ((bed.how = files_reader_next(&r, &e)) == FILES_NEXT_ENTRY) {
        take(&e);
    }
    assert_int_equal(bed.how, FILES_NEXT_END); /* whatever happened, the document is one */
    assert_int_equal(r.end, bed.sum.end);
    assert_int_equal(munmap(p, (size_t)n), 0);
    assert_int_equal(close(bed.o.out), 0);
}

/* The last entry of a path; NULL: none. */
static const struct seen *entry(const char *path)
{
    for (size_t i = bed.rows; i-- > 0;) {
        if (strcmp(bed.row[i].path, path) == 0) {
            return &bed.row[i];
        }
    }
    return NULL;
}

static void expect(const char *path, char type, enum files_state state)
{
    const struct seen *s = entry(path);
    if (s == NULL || s->e.type != type || s->e.state != state) {
        fail_msg("%s: %s, type %c state %d", path, s == NULL ? "not there" : "there", s != NULL ? s->e.type : '-',
                 s != NULL ? s->e.state : -1);
    }
}

static void expect_text(const char *path, const char *text)
{
    uint8_t sha256[32];
    expect(path, 'f', FILES_READ);
    sp_crypto_sha256(text, strlen(text), sha256);
    assert_memory_equal(entry(path)->sha256, sha256, 32);
}

/* ---- what is listed ---- */

static void everything_once(void **state)
{
    (void)state;
    file("t/b", "bee");
    file("t/a", "");
    make_dir("t/dir");
    make_dir("t/dir/deeper");
    file("t/dir/deeper/x", "x");
    make_dir("t/skip");
    file("t/skip/x", "not asked for");
    file("outside", "secret");
    assert_int_equal(symlink("../outside", at("t/link")), 0);
    assert_int_equal(symlink("..", at("t/up")), 0);
    assert_int_equal(mkfifo(at("t/pipe"), 0600), 0);
    assert_int_equal(link(at("t/b"), at("t/hard")), 0);
    assert_int_equal(chmod(at("t/b"), 04711), 0);
    bed.o.skips = &skip;
    bed.o.skip_count = 1;
    walk();
    assert_int_equal(bed.sum.end, FILES_END_WHOLE);
    assert_int_equal(bed.rows, 10);
    expect("/t", 'd', FILES_READ);
    expect_text("/t/b", "bee");
    expect_text("/t/hard", "bee");
    expect_text("/t/a", "");
    expect_text("/t/dir/deeper/x", "x");
    assert_int_equal(entry("/t/b")->e.mode, 04711);
    assert_int_equal(entry("/t/b")->e.uid, getuid());
    assert_int_equal(entry("/t/b")->e.size, 3);
    expect("/t/pipe", 'p', FILES_READ); /* and the walk did not wait for a writer */
    expect("/t/link", 'l', FILES_READ);
    assert_string_equal(entry("/t/link")->target, "../outside");
    expect("/t/up", 'l', FILES_READ);
    assert_null(entry("/t/skip"));
    assert_int_equal(bed.sum.bytes, 7);
}

static void sockets_and_odd_names(void **state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)state;
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", at("t/sock"));
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    file("t/new\nline", "1");
    file("t/\xff", "2");
    file("t/...", "3");
    walk();
    expect("/t/sock", 's', FILES_READ);
    expect_text("/t/new\nline", "1");
    expect_text("/t/\xff", "2");
    expect_text("/t/...", "3");
    (void)close(fd);
}

/* A tree behind a link is not the tree; a tree may be a file; one that is not there is no error. */
static void links_on_the_way(void **state)
{
    static const struct sp_str trees[] = {{"/by/t", 5}, {"/t/a", 4}, {"/nowhere/x", 10}, {"/by", 3}};
    (void)state;
    file("t/a", "a");
    assert_int_equal(symlink(".", at("by")), 0);
    bed.o.trees = trees;
    bed.o.tree_count = 4;
    walk();
    assert_int_equal(bed.rows, 2);
    expect_text("/t/a", "a");
    expect("/by", 'l', FILES_READ);
}

static void unreadable(void **state)
{
    (void)state;
    file("t/a", "a");
    if (getuid() != 0) { /* root reads everything */
        assert_int_equal(chmod(at("t/a"), 0), 0);
        walk();
        expect("/t/a", 'f', FILES_UNREADABLE);
    }
    static const struct sp_str proc = {"/proc/self", 10}; /* a link */
    static const struct sp_str sys = {"/proc/sys/kernel", 16};
    bed.o.root = "";
    bed.o.trees = &sys;
    walk();
    assert_int_equal(bed.rows, 2); /* nothing below proc is read or listed */
    expect("/proc/sys/kernel", 'd', FILES_UNREADABLE);
    bed.o.trees = &proc;
    walk();
    assert_int_equal(bed.rows, 1);
    expect("/proc/self", 'l', FILES_READ);
}

/* ---- bounds ---- */

static void bounds(void **state)
{
    char name[32];
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "t/f%02u", i);
        file(name, "0123456789");
    }
    bed.o.max_entries = 5;
    walk();
    assert_int_equal(bed.sum.end, FILES_END_LIMIT);
    assert_true(bed.rows <= 5);
    files_walk_defaults(&bed.o);
    bed.o.root = bed.s.dir;
    bed.o.trees = &tree;
    bed.o.tree_count = 1;
    bed.o.max_bytes = 55;
    walk();
    assert_int_equal(bed.sum.end, FILES_END_LIMIT);
    assert_int_equal(bed.rows, 1 + 5);
    bed.o.max_bytes = 1u << 20;
    bed.o.out_max = 4 * FILES_DOC_ENTRY_MAX;
    walk();
    assert_int_equal(bed.sum.end, FILES_END_WHOLE);
    bed.o.out_max = 2 * FILES_DOC_ENTRY_MAX + 100;
    walk();
    assert_int_equal(bed.sum.end, FILES_END_LIMIT);
    bed.o.out_max = FILES_DOC_MAX;
    bed.o.max_us = 0;
    walk();
    assert_int_equal(bed.sum.end, FILES_END_TIME);
}

/* A file of a terabyte that takes no room on the disk costs no time. */
static void sparse_and_huge(void **state)
{
    (void)state;
    int fd = open(at("t/huge"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    if (ftruncate(fd, (off_t)1 << 40) != 0) {
        assert_int_equal(ftruncate(fd, (off_t)1 << 33), 0);
    }
    (void)close(fd);
    file("t/z", "after it");
    walk();
    assert_int_equal(bed.sum.end, FILES_END_WHOLE);
    expect("/t/huge", 'f', FILES_TOO_LARGE);
    expect_text("/t/z", "after it");
    bed.o.max_file = (uint64_t)1 << 50; /* and where it is allowed, the bytes in all are bounded */
    bed.o.max_bytes = 1u << 20;
    walk();
    assert_int_equal(bed.sum.end, FILES_END_LIMIT);
    bed.o.max_bytes = (uint64_t)1 << 50;
    bed.o.max_us = 1000; /* and the time */
    walk();
    assert_int_equal(bed.sum.end, FILES_END_TIME);
}

static uint64_t spent, spendings;

static void on_spend(void *arg, uint64_t bytes)
{
    (void)arg;
    spent += bytes;
    spendings++;
}

/* Whoever has a budget hears of every byte, and not only once at the end. */
static void budget(void **state)
{
    static char text[1u << 20];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    file("t/a", text);
    file("t/b", "b");
    bed.o.spend = on_spend;
    walk();
    assert_int_equal(spent, sizeof text);
    assert_int_equal(spent, bed.sum.bytes);
    assert_true(spendings >= 8);
    expect_text("/t/a", text);
}

static void deep(void **state)
{
    char name[FILES_WALK_DEPTH * 2 + 32] = "t";
    (void)state;
    for (unsigned i = 0; i < FILES_WALK_DEPTH + 3; i++) {
        (void)strncat(name, "/d", sizeof name - strlen(name) - 1);
        make_dir(name);
    }
    walk();
    assert_int_equal(bed.sum.end, FILES_END_WHOLE);
    assert_int_equal(bed.row[bed.rows - 1].e.state, FILES_TOO_LARGE); /* not silently left out */
    assert_int_equal(bed.row[bed.rows - 1].e.type, 'd');
}

/* ---- changes while it is looked at ---- */

/* What happens at a step; `times`: how often at most. */
struct plot {
    enum files_walk_step step;
    const char *path;
    void (*act)(void);
    unsigned times;
};

static struct plot plot;

static void on_step(void *arg, enum files_walk_step step, const char *path)
{
    (void)arg;
    if (step == plot.step && strcmp(path, plot.path) == 0 && bed.steps < plot.times) {
        bed.steps++;
        plot.act();
    }
}

static void with(enum files_walk_step step, const char *path, void (*act)(void), unsigned times)
{
    plot = (struct plot){step, path, act, times};
    bed.o.step = on_step;
    walk();
}

static void append(void)
{
    int fd = open(at("t/a"), O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0 && write(fd, "more", 4) == 4);
    (void)close(fd);
}

static void cut(void)
{
    assert_int_equal(truncate(at("t/a"), 1), 0);
}

static void put_link_in_place(void)
{
    assert_int_equal(unlink(at("t/a")), 0);
    assert_int_equal(symlink("../outside", at("t/a")), 0);
}

static void put_other_in_place(void)
{
    file("new", "other");
    assert_int_equal(rename(at("new"), at("t/a")), 0);
}

static void put_pipe_in_place(void)
{
    assert_int_equal(unlink(at("t/a")), 0);
    assert_int_equal(mkfifo(at("t/a"), 0644), 0);
}

static void change_mode(void)
{
    struct stat st;
    assert_int_equal(stat(at("t/a"), &st), 0);
    assert_int_equal(chmod(at("t/a"), (st.st_mode & 07777) ^ 04000), 0);
}

static void add_and_remove(void)
{
    static unsigned n;
    char name[32];
    (void)snprintf(name, sizeof name, "t/added-%u", n++);
    file(name, "x");
}

static void move_directory(void)
{
    assert_int_equal(rename(at("t/dir"), at("moved")), 0);
    assert_int_equal(symlink("../elsewhere", at("t/dir")), 0);
}

/* Each swap happens once, between the look at an entry and its reading, or between its reading and the last look: what the document
 * says is true of what lies there at the end. */
static void once(void **state)
{
    static void (*const acts[])(void) = {append, cut, put_link_in_place, put_other_in_place, put_pipe_in_place, change_mode};
    static const char *const after[] = {"first contentmore", "f", NULL, "other", NULL, "first content"};
    static const char types[] = "fflfpf";
    (void)state;
    file("outside", "a secret that must not be hashed in its place");
    for (unsigned step = 0; step < 2; step++) {
        for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
            (void)unlink(at("t/a"));
            file("t/a", "first content");
            with(step == 0 ? FILES_WALK_OPENED : FILES_WALK_HASHED, "/t/a", acts[i], 1);
            assert_int_equal(bed.steps, 1);
            assert_int_equal(bed.sum.end, FILES_END_WHOLE);
            if (after[i] != NULL) {
                expect_text("/t/a", after[i]);
            }
            expect("/t/a", types[i], FILES_READ);
        }
    }
}

/* The file itself is not touched: only what its path leads to. */
static void put_other_directory_above(void)
{
    assert_int_equal(rename(at("t"), at("t-before")), 0);
    make_dir("t");
    file("t/a", "another one");
}

/* A tree that is a file has no directory whose change would be seen: its name must still lead to what was read. */
static void a_file_that_is_a_tree(void **state)
{
    static const struct sp_str alone = {"/t/a", 4};
    (void)state;
    file("t/a", "first content");
    bed.o.trees = &alone;
    with(FILES_WALK_HASHED, "/t/a", put_other_in_place, 1);
    assert_int_equal(bed.rows, 1);
    expect_text("/t/a", "other");
    with(FILES_WALK_HASHED, "/t/a", put_other_in_place, 100);
    expect("/t/a", 'f', FILES_UNSTABLE);
    with(FILES_WALK_HASHED, "/t/a", put_other_directory_above, 1);
    expect_text("/t/a", "another one");
}

static void again_and_again(void **state)
{
    (void)state;
    file("t/a", "x");
    with(FILES_WALK_HASHED, "/t/a", append, 100);
    expect("/t/a", 'f', FILES_UNSTABLE);
    assert_in_range(bed.steps, FILES_WALK_TRIES, FILES_WALK_TRIES * FILES_WALK_TRIES);
    with(FILES_WALK_HASHED, "/t/a", change_mode, 100);
    expect("/t/a", 'f', FILES_UNSTABLE);
    with(FILES_WALK_HASHED, "/t/a", put_other_in_place, 100);
    expect("/t/a", 'f', FILES_UNSTABLE);
    expect("/t", 'd', FILES_UNSTABLE);
}

static void directory_changes(void **state)
{
    (void)state;
    file("t/a", "x");
    make_dir("t/dir");
    file("t/dir/x", "x");
    with(FILES_WALK_LISTED, "/t", add_and_remove, 1); /* put there after the listing: a second one sees it */
    expect("/t", 'd', FILES_READ);
    expect_text("/t/added-0", "x");
    assert_int_equal(bed.rows, 5);
    with(FILES_WALK_LISTED, "/t", add_and_remove, 100);
    expect("/t", 'd', FILES_UNSTABLE);
    expect_text("/t/a", "x"); /* each only once for all the tries */
    expect_text("/t/dir/x", "x");
    assert_int_equal(bed.steps, FILES_WALK_TRIES);
    make_dir("elsewhere");
    file("elsewhere/x", "not of this tree");
    with(FILES_WALK_OPENED, "/t/dir", move_directory, 1);
    expect("/t/dir", 'l', FILES_READ);
    assert_null(entry("/t/dir/x"));
}

/* The link comes when the directory was seen and is gone into only later. */
static void move_late(void)
{
    move_directory();
}

/* Another directory in its place. */
static void put_other_directory(void)
{
    assert_int_equal(rename(at("t/dir"), at("moved")), 0);
    assert_int_equal(rename(at("elsewhere"), at("t/dir")), 0);
}

static void directory_swapped_for_another(void **state)
{
    (void)state;
    make_dir("t/b");
    make_dir("t/dir");
    make_dir("elsewhere");
    file("elsewhere/x", "put there late");
    with(FILES_WALK_LISTED, "/t/b", put_other_directory, 1);
    assert_int_equal(bed.steps, 1);
    expect("/t/dir", 'd', FILES_UNSTABLE); /* what was looked at is gone, and what is there was not */
    assert_null(entry("/t/dir/x"));
}

static void directory_swapped_for_a_link(void **state)
{
    (void)state;
    make_dir("t/b");
    make_dir("t/dir");
    make_dir("elsewhere");
    file("elsewhere/x", "not of this tree");
    with(FILES_WALK_LISTED, "/t/b", move_late, 1); /* /t/b is gone into before /t/dir */
    assert_int_equal(bed.steps, 1);
    expect("/t/dir", 'd', FILES_UNSTABLE);
    assert_null(entry("/t/dir/x"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(everything_once),
        T(sockets_and_odd_names),
        T(links_on_the_way),
        T(unreadable),
        T(bounds),
        T(sparse_and_huge),
        T(budget),
        T(deep),
        T(once),
        T(a_file_that_is_a_tree),
        T(again_and_again),
        T(directory_changes),
        T(directory_swapped_for_another),
        T(directory_swapped_for_a_link),
    };
    return cmocka_run_group_tests_name("files walk", tests, NULL, NULL);
}
