/* SPDX-License-Identifier: Apache-2.0 */
/* Files: bounded reads, atomic and exclusive writes, directories, paths, reserve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "sp_fs.h"

static struct scratch scratch;
static char path[256];

static int setup(void **state)
{
    (void)state;
    scratch_init(&scratch);
    scratch_path(&scratch, "file", path, sizeof path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_fini(&scratch);
    return 0;
}

static unsigned entries(void)
{
    unsigned n = 0;
    DIR *d = opendir(scratch.dir);
    assert_non_null(d);
    while (readdir(d) != NULL) {
        n++;
    }
    closedir(d);
    return n - 2;
}

static void reads_are_bounded(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    char small[6];
    scratch_file(&scratch, "file", "12345", 5, 0644);
    assert_int_equal(sp_fs_read(path, 5, 0, &text, &n, NULL), SP_OK);
    assert_int_equal(n, 5);
    assert_string_equal(text, "12345");
    free(text);
    assert_int_equal(sp_fs_read(path, 4, 0, &text, &n, NULL), SP_E_LIMIT);
    assert_int_equal(sp_fs_read_into(path, small, 6, 0, &n, NULL), SP_OK);
    assert_int_equal(n, 5);
    assert_int_equal(sp_fs_read_into(path, small, 5, 0, &n, NULL), SP_E_LIMIT);
    assert_int_equal(sp_fs_read("/proc/self/status", 65536, 0, &text, &n, NULL), SP_OK); /* says size 0 and has content */
    assert_true(n > 100);
    free(text);
    assert_int_equal(sp_fs_read("/proc/self/status", 10, 0, &text, &n, NULL), SP_E_LIMIT);
    assert_int_equal(sp_fs_read(scratch.dir, 10, 0, &text, &n, NULL), SP_E_PERMISSION);
    struct sp_err err;
    assert_int_equal(sp_fs_read("/nowhere/at all", 10, 0, &text, &n, &err), SP_E_NOT_FOUND);
    assert_string_equal(err.where, "/nowhere/at all");
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(sp_fs_read(path, 10, SP_FS_OWNED, &text, &n, &err), SP_E_PERMISSION);
    assert_non_null(strstr(err.text, "everybody may write"));
}

static void writes_replace_whole_files(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    struct stat st;
    assert_int_equal(sp_fs_write(path, "one", 3, 0640, NULL), SP_OK);
    assert_int_equal(sp_fs_write(path, "second", 6, 0600, NULL), SP_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(sp_fs_read(path, 10, 0, &text, &n, NULL), SP_OK);
    assert_string_equal(text, "second");
    free(text);
    assert_int_equal(sp_fs_create(path, "third", 5, 0600, NULL), SP_E_EXISTS);
    assert_int_equal(entries(), 1); /* no temporary file stays */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sp_fs_create(path, "third", 5, 0600, NULL), SP_OK);
    assert_int_equal(entries(), 1);
}

/* The file may not grow beyond 4 bytes: as a full disk. The old content stays. */
static void failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    struct rlimit old;
    assert_int_equal(sp_fs_write(path, "old", 3, 0600, NULL), SP_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit tight = {4, old.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    enum sp_rc rc = sp_fs_write(path, "longer than four", 16, 0600, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_not_equal(rc, SP_OK);
    assert_int_equal(sp_fs_read(path, 10, 0, &text, &n, NULL), SP_OK);
    assert_string_equal(text, "old");
    free(text);
    assert_int_equal(entries(), 1);
}

static void directories(void **state)
{
    (void)state;
    char deep[256];
    struct stat st;
    scratch_path(&scratch, "a/b//c/", deep, sizeof deep);
    assert_int_equal(sp_fs_mkdirs(deep, 0700, NULL), SP_OK);
    assert_int_equal(sp_fs_mkdirs(deep, 0700, NULL), SP_OK);
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    scratch_file(&scratch, "file", "", 0, 0600);
    assert_int_equal(sp_fs_mkdirs(path, 0700, NULL), SP_E_EXISTS);
    char below[300];
    assert_int_equal(sp_fs_join(below, sizeof below, path, "x"), SP_OK);
    assert_int_equal(sp_fs_mkdirs(below, 0700, NULL), SP_E_EXISTS);
}

static void joins(void **state)
{
    (void)state;
    char to[8];
    assert_int_equal(sp_fs_join(to, sizeof to, "/a", "b"), SP_OK);
    assert_string_equal(to, "/a/b");
    assert_int_equal(sp_fs_join(to, sizeof to, "/a/", "b"), SP_OK);
    assert_string_equal(to, "/a/b");
    assert_int_equal(sp_fs_join(to, sizeof to, "/a", "/b"), SP_OK);
    assert_string_equal(to, "/b");
    assert_int_equal(sp_fs_join(to, sizeof to, "", "b"), SP_OK);
    assert_string_equal(to, "b");
    assert_int_equal(sp_fs_join(to, sizeof to, "/abcd", "ef"), SP_E_LIMIT);
    assert_int_equal(sp_fs_join(to, sizeof to, "/abcd", "e"), SP_OK);
}

static void reserve(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(sp_fs_reserve(path, 1 << 20, NULL), SP_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 1 << 20);
    assert_true(st.st_blocks * 512 >= 1 << 20); /* really allocated */
    assert_int_equal(sp_fs_reserve(path, 4096, NULL), SP_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_replace_whole_files, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_write_leaves_the_old_file, setup, teardown),
        cmocka_unit_test_setup_teardown(directories, setup, teardown),
        cmocka_unit_test_setup_teardown(joins, setup, teardown),
        cmocka_unit_test_setup_teardown(reserve, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
