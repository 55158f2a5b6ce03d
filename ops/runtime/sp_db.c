/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "sp_db_fault.h"
#include "sp_fs.h"

#define SQL_BYTES           256u
#define LOG_BYTES_KEPT      67108864u /* the log's file is cut back to this after a checkpoint */
#define LOG_PAGES_AUTO      1000u
#define MIGRATION_STEPS_MAX 64u

struct sp_db_stmt {
    struct sp_db *db;
    sqlite3_stmt *stmt;
    struct sp_db_stmt *next;
};

struct sp_db {
    sqlite3 *sqlite;
    char path[SP_FS_PATH_BYTES];
    struct sp_db_stmt *statements; /* all of this connection, for closing */
    struct sp_db_stmt *begin;
    struct sp_db_stmt *commit;
    struct sp_db_stmt *rollback;
    bool broken;        /* a write or sync failed, or damage was seen: nothing is begun any more */
    bool inside;        /* between begin and commit or rollback */
    enum sp_rc aborted; /* why the open transaction was rolled back early; SP_OK: it was not. Until its end nothing is written */
    struct sp_err error;
};

/* ---- errors ---- */

static enum sp_rc rc_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return SP_OK;
    case SQLITE_FULL:
        return SP_E_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SP_E_AGAIN;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* our SQL is constant: only a store without its tables makes it wrong */
        return SP_E_CORRUPT;
    case SQLITE_NOMEM:
        return SP_E_NOMEM;
    case SQLITE_CONSTRAINT:
        return SP_E_EXISTS;
    case SQLITE_TOOBIG:
        return SP_E_LIMIT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
        return SP_E_PERMISSION;
    default:
        return SP_E_IO;
    }
}

static const char *hint_of(enum sp_rc rc)
{
    switch (rc) {
    case SP_E_FULL:
        return "make room on this file system; earlier rows are whole";
    case SP_E_AGAIN:
        return "another process has this store open; one store belongs to one process";
    case SP_E_CORRUPT:
        return "the file is damaged or no store: keep a copy and restore a backup";
    case SP_E_IO:
        return "see the kernel's log for the disk; the process has to be restarted";
    case SP_E_PERMISSION:
        return "the store and its directory must belong to the user of this process";
    default:
        return "";
    }
}

/* Remembers text and hint of a failure; fatal ones close the store for writing. */
static enum sp_rc note(struct sp_db *db, int code)
{
    enum sp_rc rc = rc_of(code);
    if (rc == SP_OK) {
        return rc;
    }
    (void)sp_err_set(&db->error, rc, db->path, "%s (%d)", db->sqlite != NULL ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(code),
                     code);
    sp_err_hint(&db->error, "%s", hint_of(rc));
    if (rc == SP_E_IO || rc == SP_E_CORRUPT) {
        db->broken = true;
    }
    return rc;
}

const struct sp_err *sp_db_error(const struct sp_db *db)
{
    return &db->error;
}

/* ---- opening ---- */

static enum sp_rc exec(struct sp_db *db, const char *sql)
{
    return note(db, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

/* First column of the first row as a number; for pragmas. */
static enum sp_rc read_number(struct sp_db *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db->sqlite, sql, -1, &s, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(s);
        *out = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    }
    enum sp_rc rc = note(db, code);
    (void)sqlite3_finalize(s);
    return rc;
}

/* A store that others can write is believed no more than they are. */
static enum sp_rc judge_file(const char *path, const struct stat *st, struct sp_err *err)
{
    enum sp_rc rc = SP_OK;
    if (!S_ISREG(st->st_mode)) {
        rc = sp_err_set(err, SP_E_PERMISSION, path, "the store is no regular file");
        sp_err_hint(err, "check the configured path");
    } else if (st->st_uid != geteuid() && st->st_uid != 0) {
        rc = sp_err_set(err, SP_E_PERMISSION, path, "the store belongs to user %u, not to the user of this process (%u)",
                        (unsigned)st->st_uid, (unsigned)geteuid());
        sp_err_hint(err, "chown it, or set the section's key user in spice.yaml");
    } else if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        rc = sp_err_set(err, SP_E_PERMISSION, path, "the store can be written by others (mode %04o)",
                        (unsigned)(st->st_mode & 07777));
        sp_err_hint(err, "chmod 600 it, and look at what was done to it before: spicectl audit verify");
    }
    return rc;
}

/* A file that was closed well has all the pages its header counts: SQLite itself reads what is missing as zeros. With a log beside it the
 * end may still be in there, so nothing can be said. */
static enum sp_rc judge_size(int fd, const char *path, const struct stat *st, struct sp_err *err)
{
    static const char *const logs[] = {"wal", "journal"}; /* the second while a new store is made */
    char log[SP_FS_PATH_BYTES + 16];
    uint8_t head[100];
    struct stat log_st;
    for (size_t i = 0; i < SP_COUNT(logs); i++) {
        (void)snprintf(log, sizeof log, "%s-%s", path, logs[i]);
        if (stat(log, &log_st) == 0 && log_st.st_size > 0) {
            return SP_OK;
        }
    }
    if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head) {
        return SP_OK;
    }
    uint64_t page = (uint64_t)head[16] << 8 | head[17];
    uint64_t pages = (uint64_t)head[28] << 24 | (uint64_t)head[29] << 16 | (uint64_t)head[30] << 8 | head[31];
    page = page == 1 ? 65536 : page;
    if (memcmp(head, "SQLite format 3", 16) != 0 || (uint64_t)st->st_size >= pages * page) {
        return SP_OK; /* whether it is a store is looked at later */
    }
    (void)sp_err_set(err, SP_E_CORRUPT, path, "the store is cut off: %lld bytes of %llu", (long long)st->st_size,
                     (unsigned long long)(pages * page));
    sp_err_hint(err, "%s", hint_of(SP_E_CORRUPT));
    return SP_E_CORRUPT;
}

/* The file is made here and not by SQLite, for its mode and for must_exist. */
static enum sp_rc make_file(const struct sp_db_options *o, struct sp_err *err)
{
    struct stat st;
    int fd = open(o->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (o->must_exist ? 0 : O_CREAT), 0600);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int why = errno;
        enum sp_rc rc = why == ENOENT ? SP_E_NOT_FOUND : why == ENOSPC ? SP_E_FULL : SP_E_PERMISSION;
        if (fd >= 0) {
            (void)close(fd);
        }
        (void)sp_err_set(err, rc, o->path, "cannot open the store: %s", why == ELOOP ? "it is a symbolic link" : strerror(why));
        sp_err_hint(err, "%s", hint_of(rc));
        return rc;
    }
    enum sp_rc rc = judge_file(o->path, &st, err);
    rc = rc == SP_OK ? judge_size(fd, o->path, &st, err) : rc;
    (void)close(fd);
    return rc;
}

static enum sp_rc connect(struct sp_db *db)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(db->path, &db->sqlite, flags, sp_db_fault_layer());
    if (code != SQLITE_OK) {
        return note(db, code);
    }
    (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    return SP_OK;
}

/* Exclusive locking comes before the first access, see the header. The first transaction takes the lock for good. */
static enum sp_rc configure(struct sp_db *db, const struct sp_db_options *o)
{
    char sql[SQL_BYTES];
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA locking_mode=EXCLUSIVE; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON;"
                   "PRAGMA cache_size=-%u; PRAGMA journal_size_limit=%u;",
                   o->cache_kib > 0 ? o->cache_kib : SP_DB_CACHE_KIB, LOG_BYTES_KEPT);
    enum sp_rc rc = exec(db, sql);
    rc = rc == SP_OK ? exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;") : rc;
    rc = rc == SP_OK ? exec(db, "BEGIN IMMEDIATE; COMMIT;") : rc;
    return rc == SP_OK ? sp_db_autocheckpoint(db, LOG_PAGES_AUTO) : rc;
}

static enum sp_rc check(struct sp_db *db)
{
    sqlite3_stmt *s = NULL;
    enum sp_rc rc = note(db, sqlite3_prepare_v2(db->sqlite, "PRAGMA quick_check(1)", -1, &s, NULL));
    if (rc == SP_OK) {
        rc = note(db, sqlite3_step(s));
    }
    if (rc == SP_OK && strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0) {
        rc = sp_err_set(&db->error, SP_E_CORRUPT, db->path, "is damaged: %.200s", (const char *)sqlite3_column_text(s, 0));
        sp_err_hint(&db->error, "%s", hint_of(SP_E_CORRUPT));
    }
    (void)sqlite3_finalize(s);
    return rc;
}

static enum sp_rc make_schema(struct sp_db *db, const struct sp_db_options *o)
{
    char sql[SQL_BYTES];
    (void)snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%u;", (int)o->application_id, o->version);
    enum sp_rc rc = exec(db, "BEGIN IMMEDIATE");
    rc = rc == SP_OK ? exec(db, o->schema) : rc;
    rc = rc == SP_OK ? exec(db, sql) : rc;
    return rc == SP_OK ? exec(db, "COMMIT") : rc;
}

static enum sp_rc refuse_version(struct sp_db *db, const struct sp_db_options *o, int64_t found)
{
    (void)sp_err_set(&db->error, SP_E_VERSION, db->path, "store has version %lld; this program works with version %u",
                     (long long)found, o->version);
    sp_err_hint(&db->error, found > o->version ? "it was used by a newer program: install that one, or restore a backup"
                                               : "export with the older program and apply with this one");
    return SP_E_VERSION;
}

/* One transaction per step, so that a step is done or not done. */
static enum sp_rc migrate(struct sp_db *db, const struct sp_db_options *o, int64_t found)
{
    enum sp_rc rc = SP_OK;
    for (uint32_t step = 0; rc == SP_OK && found < o->version && step < MIGRATION_STEPS_MAX; step++) {
        char sql[SQL_BYTES];
        const char *change = o->migrate != NULL ? o->migrate((uint32_t)found) : NULL;
        if (change == NULL) {
            return refuse_version(db, o, found);
        }
        (void)snprintf(sql, sizeof sql, "PRAGMA user_version=%lld;", (long long)++found);
        rc = exec(db, "BEGIN IMMEDIATE");
        rc = rc == SP_OK ? exec(db, change) : rc;
        rc = rc == SP_OK ? exec(db, sql) : rc;
        rc = rc == SP_OK ? exec(db, "COMMIT") : rc;
    }
    return rc == SP_OK && found != o->version ? refuse_version(db, o, found) : rc;
}

static enum sp_rc identify(struct sp_db *db, const struct sp_db_options *o)
{
    int64_t tables = 0;
    int64_t application = 0;
    int64_t version = 0;
    enum sp_rc rc = read_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    rc = rc == SP_OK ? read_number(db, "PRAGMA application_id", &application) : rc;
    rc = rc == SP_OK ? read_number(db, "PRAGMA user_version", &version) : rc;
    if (rc != SP_OK) {
        return rc;
    }
    if (tables == 0 && application == 0 && version == 0) {
        return make_schema(db, o);
    }
    if (application != (int64_t)(int32_t)o->application_id) {
        (void)sp_err_set(&db->error, SP_E_INVALID, db->path, "is a SQLite file of another kind (application id %lld)",
                         (long long)application);
        sp_err_hint(&db->error, "check the configured path");
        return SP_E_INVALID;
    }
    return migrate(db, o, version);
}

static enum sp_rc prepare_own(struct sp_db *db)
{
    enum sp_rc rc = sp_db_prepare(db, "BEGIN IMMEDIATE", &db->begin);
    rc = rc == SP_OK ? sp_db_prepare(db, "COMMIT", &db->commit) : rc;
    return rc == SP_OK ? sp_db_prepare(db, "ROLLBACK", &db->rollback) : rc;
}

enum sp_rc sp_db_open(const struct sp_db_options *o, struct sp_db **out, struct sp_err *err)
{
    enum sp_rc rc = make_file(o, err);
    if (rc != SP_OK) {
        return rc;
    }
    struct sp_db *db = calloc(1, sizeof *db);
    if (db == NULL || !sp_str_copy(db->path, sizeof db->path, sp_str_of(o->path))) {
        free(db);
        return sp_err_set(err, SP_E_NOMEM, o->path, "no memory, or the path is too long");
    }
    rc = connect(db);
    rc = rc == SP_OK ? configure(db, o) : rc;
    rc = rc == SP_OK && o->check ? check(db) : rc;
    rc = rc == SP_OK ? identify(db, o) : rc;
    rc = rc == SP_OK ? prepare_own(db) : rc;
    if (rc != SP_OK) {
        if (err != NULL) {
            *err = db->error;
        }
        sp_db_close(&db);
        return rc;
    }
    *out = db;
    return SP_OK;
}

void sp_db_close(struct sp_db **db_p)
{
    struct sp_db *db = *db_p;
    if (db == NULL) {
        return;
    }
    for (struct sp_db_stmt *s = db->statements, *next; s != NULL; s = next) {
        next = s->next;
        (void)sqlite3_finalize(s->stmt);
        free(s);
    }
    /* Closing rolls back what is open and moves the log into the file. */
    int code = sqlite3_close(db->sqlite);
    SP_ASSERT(code != SQLITE_BUSY);
    free(db);
    *db_p = NULL;
}

/* ---- transactions ---- */

bool sp_db_in_transaction(const struct sp_db *db)
{
    return db->inside;
}

static void undo(struct sp_db *db)
{
    if (sqlite3_get_autocommit(db->sqlite) == 0 && db->rollback != NULL) {
        (void)sqlite3_step(db->rollback->stmt);
        (void)sqlite3_reset(db->rollback->stmt);
    }
}

void sp_db_rollback(struct sp_db *db)
{
    undo(db);
    db->aborted = SP_OK;
    db->inside = false;
}

/* Says how a statement ended, and ends the transaction where the header says so. */
static enum sp_rc settle(struct sp_db *db, int code)
{
    enum sp_rc rc = note(db, code);
    if (rc == SP_E_FULL || rc == SP_E_IO || rc == SP_E_NOMEM || rc == SP_E_CORRUPT) {
        undo(db);
        db->aborted = db->inside ? rc : SP_OK;
    }
    return rc;
}

static enum sp_rc run_own(struct sp_db *db, struct sp_db_stmt *s)
{
    int code = sqlite3_step(s->stmt);
    enum sp_rc rc = settle(db, code);
    (void)sqlite3_reset(s->stmt);
    return rc;
}

enum sp_rc sp_db_begin(struct sp_db *db)
{
    if (db->broken) {
        return SP_E_IO;
    }
    SP_ASSERT(!db->inside);
    enum sp_rc rc = run_own(db, db->begin);
    db->inside = rc == SP_OK;
    return rc;
}

enum sp_rc sp_db_commit(struct sp_db *db)
{
    SP_ASSERT(db->inside);
    enum sp_rc rc = db->aborted != SP_OK ? db->aborted : run_own(db, db->commit);
    sp_db_rollback(db); /* nothing to undo after a commit that worked */
    return rc;
}

enum sp_rc sp_db_exec(struct sp_db *db, const char *sql)
{
    if (db->broken || db->aborted != SP_OK) {
        return db->broken ? SP_E_IO : db->aborted;
    }
    return settle(db, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

enum sp_rc sp_db_checkpoint(struct sp_db *db, uint32_t *left)
{
    int in_log = 0;
    int moved = 0;
    if (db->broken) {
        return SP_E_IO;
    }
    int code = sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
    if (left != NULL) {
        *left = in_log > moved ? (uint32_t)(in_log - moved) : 0;
    }
    return note(db, code);
}

enum sp_rc sp_db_autocheckpoint(struct sp_db *db, uint32_t pages)
{
    return note(db, sqlite3_wal_autocheckpoint(db->sqlite, (int)(pages > INT32_MAX ? INT32_MAX : pages)));
}

/* ---- statements ---- */

enum sp_rc sp_db_prepare(struct sp_db *db, const char *sql, struct sp_db_stmt **out)
{
    struct sp_db_stmt *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return SP_E_NOMEM;
    }
    int code = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt, NULL);
    if (code != SQLITE_OK) {
        free(s);
        return note(db, code);
    }
    s->db = db;
    s->next = db->statements;
    db->statements = s;
    *out = s;
    return SP_OK;
}

void sp_db_int(struct sp_db_stmt *s, int at, int64_t value)
{
    SP_ASSERT(sqlite3_bind_int64(s->stmt, at, value) == SQLITE_OK);
}

void sp_db_text(struct sp_db_stmt *s, int at, struct sp_str text)
{
    SP_ASSERT(sqlite3_bind_text(s->stmt, at, text.n > 0 ? text.p : "", (int)text.n, SQLITE_STATIC) == SQLITE_OK);
}

void sp_db_blob(struct sp_db_stmt *s, int at, const void *p, size_t n)
{
    SP_ASSERT(sqlite3_bind_blob64(s->stmt, at, n > 0 ? p : "", n, SQLITE_STATIC) == SQLITE_OK);
}

void sp_db_null(struct sp_db_stmt *s, int at)
{
    SP_ASSERT(sqlite3_bind_null(s->stmt, at) == SQLITE_OK);
}

enum sp_rc sp_db_run(struct sp_db_stmt *s)
{
    if (s->db->broken || s->db->aborted != SP_OK) {
        return s->db->broken ? SP_E_IO : s->db->aborted;
    }
    int code = sqlite3_step(s->stmt);
    SP_ASSERT(code != SQLITE_MISUSE);
    (void)sqlite3_reset(s->stmt);
    return settle(s->db, code);
}

enum sp_rc sp_db_row(struct sp_db_stmt *s)
{
    int code = sqlite3_step(s->stmt);
    SP_ASSERT(code != SQLITE_MISUSE);
    if (code == SQLITE_ROW) {
        return SP_OK;
    }
    (void)sqlite3_reset(s->stmt);
    return code == SQLITE_DONE ? SP_E_NOT_FOUND : settle(s->db, code);
}

void sp_db_reset(struct sp_db_stmt *s)
{
    (void)sqlite3_reset(s->stmt);
}

int64_t sp_db_get_int(struct sp_db_stmt *s, int column)
{
    return sqlite3_column_int64(s->stmt, column);
}

static struct sp_str view(const void *p, int n)
{
    struct sp_str empty = {"", 0};
    return p != NULL && n > 0 ? sp_str_bytes(p, (size_t)n) : empty;
}

struct sp_str sp_db_get_text(struct sp_db_stmt *s, int column)
{
    const void *p = sqlite3_column_text(s->stmt, column);
    return view(p, sqlite3_column_bytes(s->stmt, column));
}

struct sp_str sp_db_get_blob(struct sp_db_stmt *s, int column)
{
    const void *p = sqlite3_column_blob(s->stmt, column);
    return view(p, sqlite3_column_bytes(s->stmt, column));
}

bool sp_db_is_null(struct sp_db_stmt *s, int column)
{
    return sqlite3_column_type(s->stmt, column) == SQLITE_NULL;
}

int64_t sp_db_last_rowid(const struct sp_db *db)
{
    return sqlite3_last_insert_rowid(db->sqlite);
}

int64_t sp_db_changes(const struct sp_db *db)
{
    return sqlite3_changes64(db->sqlite);
}
