/* SPDX-License-Identifier: Apache-2.0 */
/* Stores: identity, exclusive use, rows, and every fault of the disk at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"
#include "sp_db.h"
#include "sp_db_fault.h"

#define APPLICATION 0x53500001u
#define ROWS        40

static const char schema[] = "CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB) STRICT;";

struct fixture {
    struct scratch scratch;
    char path[256];
    struct sp_db_options options;
};

static int setup(void **state)
{
    static struct fixture f;
    scratch_init(&f.scratch);
    scratch_path(&f.scratch, "a.db", f.path, sizeof f.path);
    f.options =
        (struct sp_db_options){.path = f.path, .schema = schema, .application_id = APPLICATION, .version = 3, .check = true};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sp_db_fault_disarm();
    scratch_fini(&f->scratch);
    return 0;
}

static struct sp_db *open_ok(struct fixture *f)
{
    struct sp_db *db = NULL;
    struct sp_err err;
    enum sp_rc rc = sp_db_open(&f->options, &db, &err);
    if (rc != SP_OK) {
        print_message("%s: %s\n", sp_rc_name(rc), err.text);
    }
    assert_int_equal(rc, SP_OK);
    return db;
}

/* Rows 1..n there are, whole; -1 when a row is not what was written. */
static int count_rows(struct sp_db *db)
{
    struct sp_db_stmt *s = NULL;
    int n = 0;
    assert_int_equal(sp_db_prepare(db, "SELECT k, v FROM t ORDER BY k", &s), SP_OK);
    while (sp_db_row(s) == SP_OK) {
        n++;
        struct sp_str v = sp_db_get_blob(s, 1);
        if (sp_db_get_int(s, 0) != n || v.n != 700 || v.p[0] != (char)n || v.p[699] != (char)n) {
            return -1;
        }
    }
    return n;
}

/* Adds rows one per transaction; returns how many commits were confirmed, and the first failure. */
static int add_rows(struct sp_db *db, int from, int to, enum sp_rc *rc)
{
    struct sp_db_stmt *s = NULL;
    char v[700];
    *rc = sp_db_prepare(db, "INSERT INTO t VALUES (?1, ?2)", &s);
    for (int k = from; *rc == SP_OK && k <= to; k++) {
        memset(v, k, sizeof v);
        *rc = sp_db_begin(db);
        if (*rc != SP_OK) {
            return k - 1;
        }
        sp_db_int(s, 1, k);
        sp_db_blob(s, 2, v, sizeof v);
        (void)!sp_db_run(s);
        *rc = sp_db_commit(db);
        if (*rc != SP_OK) {
            return k - 1;
        }
    }
    return to;
}

static void rows_survive(void **state)
{
    struct fixture *f = *state;
    struct sp_db *db = open_ok(f);
    enum sp_rc rc;
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(add_rows(db, 1, ROWS, &rc), ROWS);
    uint32_t left = 99;
    assert_int_equal(sp_db_checkpoint(db, &left), SP_OK);
    assert_int_equal(left, 0);
    assert_int_equal(count_rows(db), ROWS);
    sp_db_close(&db);
    assert_null(db);
    db = open_ok(f);
    assert_int_equal(count_rows(db), ROWS);
    sp_db_close(&db);
}

/* The decision in the header, observed: a log in exclusive use has no shared index, and a commit is one write run and one sync. */
static void one_sync_per_commit(void **state)
{
    struct fixture *f = *state;
    char shared[300];
    enum sp_rc rc;
    sp_db_fault_arm(SP_DB_FAULT_NONE, 0, false);
    struct sp_db *db = open_ok(f);
    assert_int_equal(add_rows(db, 1, 1, &rc), 1);
    (void)snprintf(shared, sizeof shared, "%s-shm", f->path);
    assert_int_equal(access(shared, F_OK), -1);
    (void)snprintf(shared, sizeof shared, "%s-wal", f->path);
    assert_int_equal(access(shared, F_OK), 0);
    sp_db_fault_arm(SP_DB_FAULT_NONE, 0, false);
    assert_int_equal(add_rows(db, 2, 2, &rc), 2);
    assert_in_range(sp_db_fault_seen(), 2, 6); /* frame heads and pages of one small row, and the sync */
    sp_db_close(&db);
}

static void values_come_back(void **state)
{
    struct fixture *f = *state;
    struct sp_db *db = open_ok(f);
    struct sp_db_stmt *s = NULL;
    assert_int_equal(sp_db_prepare(db, "SELECT ?1, ?2, ?3, ?4, ?5", &s), SP_OK);
    for (int round = 0; round < 2; round++) {
        sp_db_int(s, 1, INT64_MIN);
        sp_db_text(s, 2, sp_str_of("text"));
        sp_db_blob(s, 3, "a\0b", 3);
        sp_db_null(s, 4);
        sp_db_blob(s, 5, NULL, 0);
        assert_int_equal(sp_db_row(s), SP_OK);
        assert_true(sp_db_get_int(s, 0) == INT64_MIN);
        assert_true(sp_str_is(sp_db_get_text(s, 1), "text"));
        assert_int_equal(sp_db_get_blob(s, 2).n, 3);
        assert_true(sp_db_is_null(s, 3));
        assert_false(sp_db_is_null(s, 4));
        assert_int_equal(sp_db_get_blob(s, 4).n, 0);
        assert_int_equal(sp_db_row(s), SP_E_NOT_FOUND);
    }
    sp_db_close(&db);
}

static void rollback_and_constraint(void **state)
{
    struct fixture *f = *state;
    struct sp_db *db = open_ok(f);
    assert_int_equal(sp_db_begin(db), SP_OK);
    assert_true(sp_db_in_transaction(db));
    assert_int_equal(sp_db_exec(db, "INSERT INTO t VALUES (1, x'00')"), SP_OK);
    assert_int_equal(sp_db_changes(db), 1);
    sp_db_rollback(db);
    assert_false(sp_db_in_transaction(db));
    assert_int_equal(count_rows(db), 0);
    assert_int_equal(sp_db_begin(db), SP_OK);
    assert_int_equal(sp_db_exec(db, "INSERT INTO t VALUES (7, x'00')"), SP_OK);
    assert_int_equal(sp_db_last_rowid(db), 7);
    assert_int_equal(sp_db_exec(db, "INSERT INTO t VALUES (7, x'00')"), SP_E_EXISTS);
    assert_int_equal(sp_db_commit(db), SP_OK);
    assert_int_equal(count_rows(db), -1);
    sp_db_close(&db);
}

static void one_process_only(void **state)
{
    struct fixture *f = *state;
    struct sp_db *db = open_ok(f);
    pid_t child = fork();
    if (child == 0) {
        struct sp_db *other = NULL;
        struct sp_err err;
        enum sp_rc rc = sp_db_open(&f->options, &other, &err);
        _exit(rc == SP_E_AGAIN && strstr(err.hint, "another process") != NULL ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    sp_db_close(&db);
}

static void other_versions_are_refused(void **state)
{
    struct fixture *f = *state;
    struct sp_db *db = open_ok(f);
    struct sp_err err;
    sp_db_close(&db);
    f->options.version = 2;
    assert_int_equal(sp_db_open(&f->options, &db, &err), SP_E_VERSION);
    assert_non_null(strstr(err.text, "store has version 3; this program works with version 2"));
    assert_string_equal(err.where, f->path);
    f->options.version = 4;
    assert_int_equal(sp_db_open(&f->options, &db, &err), SP_E_VERSION);
    f->options.version = 3;
    f->options.application_id = APPLICATION + 1;
    assert_int_equal(sp_db_open(&f->options, &db, &err), SP_E_INVALID);
    assert_null(db);
}

static const char *step_up(uint32_t from)
{
    return from == 3 ? "ALTER TABLE t ADD COLUMN w INTEGER" : from == 4 ? "CREATE TABLE u (k INTEGER)" : NULL;
}

static void older_versions_migrate(void **state)
{
    struct fixture *f = *state;
    struct sp_db *db = open_ok(f);
    sp_db_close(&db);
    f->options.version = 5;
    f->options.migrate = step_up;
    db = open_ok(f);
    assert_int_equal(sp_db_exec(db, "INSERT INTO u VALUES (1); INSERT INTO t VALUES (1, NULL, 2);"), SP_OK);
    sp_db_close(&db);
    f->options.version = 6;
    struct sp_err err;
    assert_int_equal(sp_db_open(&f->options, &db, &err), SP_E_VERSION);
}

static void damage_is_found(void **state)
{
    struct fixture *f = *state;
    struct sp_db *db = open_ok(f);
    enum sp_rc rc;
    struct sp_err err;
    assert_int_equal(add_rows(db, 1, ROWS, &rc), ROWS);
    sp_db_close(&db);
    FILE *file = fopen(f->path, "r+");
    assert_non_null(file);
    for (long at = 4096; at < 20000; at += 4096) {
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fwrite("damage!", 7, 1, file), 1);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(sp_db_open(&f->options, &db, &err), SP_E_CORRUPT);
    assert_non_null(strstr(err.hint, "restore"));
    scratch_file(&f->scratch, "a.db", "this is no store, whatever its name says, and it is long enough to be looked at", SIZE_MAX,
                 0600);
    assert_int_equal(sp_db_open(&f->options, &db, &err), SP_E_CORRUPT);
    f->options.must_exist = true;
    unlink(f->path);
    assert_int_equal(sp_db_open(&f->options, &db, &err), SP_E_NOT_FOUND);
}

static void foreign_files_are_refused(void **state)
{
    struct fixture *f = *state;
    struct sp_db *db = open_ok(f);
    struct sp_err err;
    char other[300];
    sp_db_close(&db);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(chmod(f->path, i == 0 ? 0620 : 0602), 0);
        assert_int_equal(sp_db_open(&f->options, &db, &err), SP_E_PERMISSION);
        assert_string_equal(err.where, f->path);
        assert_non_null(strstr(err.text, i == 0 ? "mode 0620" : "mode 0602"));
        assert_non_null(strstr(err.hint, "chmod 600"));
    }
    assert_int_equal(chmod(f->path, 0600), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(f->path, 12345, (gid_t)-1), 0);
        assert_int_equal(sp_db_open(&f->options, &db, &err), SP_E_PERMISSION);
        assert_non_null(strstr(err.text, "belongs to user 12345"));
        assert_int_equal(chown(f->path, 0, (gid_t)-1), 0);
    }
    (void)snprintf(other, sizeof other, "%s.other", f->path);
    assert_int_equal(rename(f->path, other), 0);
    assert_int_equal(symlink(other, f->path), 0);
    assert_int_equal(sp_db_open(&f->options, &db, &err), SP_E_PERMISSION);
    assert_non_null(strstr(err.text, "symbolic link"));
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(rename(other, f->path), 0);
    sp_db_close(&(struct sp_db *){open_ok(f)});
}

static void a_truncated_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct sp_db *db = open_ok(f);
    struct sp_err err;
    struct stat st;
    enum sp_rc rc;
    assert_int_equal(add_rows(db, 1, ROWS, &rc), ROWS);
    sp_db_close(&db);
    assert_int_equal(stat(f->path, &st), 0);
    for (off_t size = st.st_size - 1; size > 4096; size -= 5000) {
        assert_int_equal(truncate(f->path, size), 0);
        assert_int_equal(sp_db_open(&f->options, &db, &err), SP_E_CORRUPT);
        assert_string_equal(err.where, f->path);
        assert_non_null(strstr(err.hint, "restore a backup"));
    }
}

/* The n-th write or sync fails, for every n until none is left to fail: what was confirmed is there afterwards, rows are whole, and after
 * an I/O error nothing more is accepted. */
static void every_fault(struct fixture *f, enum sp_db_fault kind, enum sp_rc want)
{
    int failures = 0;
    for (uint32_t n = 1; n < 2000; n++) {
        struct sp_db *db = NULL;
        struct sp_err err;
        enum sp_rc rc = SP_OK;
        char extra[300];
        (void)unlink(f->path);
        (void)snprintf(extra, sizeof extra, "%s-wal", f->path);
        (void)unlink(extra);
        sp_db_fault_arm(kind, n, true);
        int confirmed = 0;
        if (sp_db_open(&f->options, &db, &err) == SP_OK) {
            confirmed = add_rows(db, 1, ROWS, &rc);
            if (rc != SP_OK) {
                assert_int_equal(rc, want);
                assert_int_not_equal(sp_db_error(db)->text[0], '\0');
                assert_false(sp_db_in_transaction(db));
                enum sp_rc again = sp_db_begin(db);
                assert_true(want == SP_E_FULL || again == SP_E_IO);
                failures++;
            }
            sp_db_close(&db);
        }
        bool none_left = sp_db_fault_seen() < n;
        sp_db_fault_disarm();
        db = open_ok(f);
        int there = count_rows(db);
        assert_in_range(there, confirmed, confirmed + 1);
        sp_db_close(&db);
        if (none_left) {
            assert_int_equal(confirmed, ROWS);
            break;
        }
    }
    assert_true(failures > ROWS);
}

static void every_full_disk(void **state)
{
    every_fault(*state, SP_DB_FAULT_FULL, SP_E_FULL);
}

static void every_io_error(void **state)
{
    every_fault(*state, SP_DB_FAULT_IO, SP_E_IO);
}

static void every_torn_write(void **state)
{
    every_fault(*state, SP_DB_FAULT_SHORT_WRITE, SP_E_IO);
}

/* The process ends at every single write or sync; confirmed rows are counted through a pipe. */
static void every_crash(void **state)
{
    struct fixture *f = *state;
    for (uint32_t n = 1; n < 2000; n += 3) {
        int ends[2];
        char extra[300];
        (void)unlink(f->path);
        (void)snprintf(extra, sizeof extra, "%s-wal", f->path);
        (void)unlink(extra);
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            struct sp_db *db = NULL;
            enum sp_rc rc = SP_OK;
            sp_db_fault_arm(SP_DB_FAULT_CRASH, n, false);
            if (sp_db_open(&f->options, &db, NULL) == SP_OK) {
                for (int k = 1; k <= ROWS && rc == SP_OK; k++) {
                    (void)add_rows(db, k, k, &rc);
                    (void)!write(ends[1], "x", 1);
                }
            }
            _exit(0);
        }
        (void)close(ends[1]);
        char confirmed[ROWS + 1];
        int got = 0;
        ssize_t more = 0;
        while ((more = read(ends[0], confirmed + got, sizeof confirmed - (size_t)got)) > 0) {
            got += (int)more;
        }
        (void)close(ends[0]);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        struct sp_db *db = open_ok(f);
        assert_in_range(count_rows(db), got, got + 1);
        sp_db_close(&db);
        if (WEXITSTATUS(status) == 0) {
            assert_int_equal(got, ROWS);
            return;
        }
    }
    fail_msg("never got through");
}

/* A statement fails in the middle: what follows in the transaction is not written either, not even outside of it. */
static void failed_transaction_stays_failed(void **state)
{
    struct fixture *f = *state;
    f->options.cache_kib = 16; /* small: pages spill into the log before the commit */
    sp_db_fault_arm(SP_DB_FAULT_NONE, 0, false);
    struct sp_db *db = open_ok(f);
    struct sp_db_stmt *s = NULL;
    static char v[700];
    assert_int_equal(sp_db_prepare(db, "INSERT INTO t VALUES (?1, ?2)", &s), SP_OK);
    assert_int_equal(sp_db_begin(db), SP_OK);
    sp_db_fault_arm(SP_DB_FAULT_FULL, 1, false);
    int failed = 0;
    for (int k = 1; k < 400; k++) {
        sp_db_int(s, 1, k);
        sp_db_blob(s, 2, v, sizeof v);
        failed += sp_db_run(s) != SP_OK ? 1 : 0;
    }
    assert_true(failed > 1);
    assert_int_equal(sp_db_commit(db), SP_E_FULL);
    assert_int_equal(count_rows(db), 0);
    enum sp_rc rc;
    assert_int_equal(add_rows(db, 1, 3, &rc), 3);
    sp_db_close(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_survive, setup, teardown),
        cmocka_unit_test_setup_teardown(one_sync_per_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(values_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(rollback_and_constraint, setup, teardown),
        cmocka_unit_test_setup_teardown(one_process_only, setup, teardown),
        cmocka_unit_test_setup_teardown(other_versions_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(older_versions_migrate, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_files_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_truncated_file_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(every_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(every_io_error, setup, teardown),
        cmocka_unit_test_setup_teardown(every_torn_write, setup, teardown),
        cmocka_unit_test_setup_teardown(every_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_transaction_stays_failed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
