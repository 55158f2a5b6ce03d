/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of one process: one SQLite file, one connection, exclusively locked (a second opener is refused).
 *
 * Write-ahead log with synchronous=FULL: one fdatasync per commit, writes in order of the log, which is what group commit wants; a
 * rollback journal would need two to three. The defect that can damage a write-ahead log needs two connections; exclusive locking taken
 * before the first access to the log makes a second one impossible (and keeps the log's index in our own memory, no shared file). No
 * memory mapping, extensions and schema tricks off. After SP_E_IO or SP_E_CORRUPT from a write the process must stop acknowledging and
 * exit: a failed sync is never retried. SP_E_FULL leaves earlier rows whole.
 */
#ifndef SP_DB_H
#define SP_DB_H

#include "sp_err.h"
#include "sp_str.h"

#define SP_DB_CACHE_KIB 8192u /* page cache unless the options say otherwise */

struct sp_db;
struct sp_db_stmt; /* a prepared statement; belongs to its connection */

struct sp_db_options {
    const char *path;
    const char *schema;      /* SQL that makes an empty store; run in one transaction when the file is new */
    uint32_t application_id; /* marks the file as ours; another one is refused */
    uint32_t version;        /* user_version; any other is SP_E_VERSION (unless migrate) */
    /* Brings a store of an older version to the next one; called in one transaction until version is reached. May be NULL. */
    const char *(*migrate)(uint32_t from);
    uint32_t cache_kib; /* 0: SP_DB_CACHE_KIB */
    bool check;         /* run quick_check first (reads the whole file) */
    bool must_exist;    /* SP_E_NOT_FOUND instead of making one */
};

/* Effect: opens or makes the store (mode 0600). Gives *out. SP_E_AGAIN: another process has it; SP_E_PERMISSION: not ours,
 * writable by others, or no regular file; SP_E_VERSION, SP_E_CORRUPT, SP_E_FULL, SP_E_IO. */
SP_MUST_USE enum sp_rc sp_db_open(const struct sp_db_options *options, struct sp_db **out, struct sp_err *err);
/* Effect: rolls back what is open, checkpoints, finalises all statements, closes, nulls. */
void sp_db_close(struct sp_db **db);

/* ---- transactions ----
 * A failed commit, and a statement that fails for the world's sake (SP_E_FULL, SP_E_IO, SP_E_NOMEM, SP_E_CORRUPT), end the transaction: it
 * is rolled back, and until sp_db_commit (which repeats the failure) or sp_db_rollback nothing more is written. SP_E_EXISTS (a constraint)
 * undoes its statement only. Triggers are off. After SP_E_IO or SP_E_CORRUPT every begin is refused. */

SP_MUST_USE enum sp_rc sp_db_begin(struct sp_db *db);
SP_MUST_USE enum sp_rc sp_db_commit(struct sp_db *db);
void sp_db_rollback(struct sp_db *db);
bool sp_db_in_transaction(const struct sp_db *db);
/* Effect: runs SQL without results or parameters, literals only. */
SP_MUST_USE enum sp_rc sp_db_exec(struct sp_db *db, const char *sql);
/* Effect: moves up to all of the log into the file; between transactions, in idle time. *left (may be NULL): pages that remain. */
SP_MUST_USE enum sp_rc sp_db_checkpoint(struct sp_db *db, uint32_t *left);
/* Effect: the store does no checkpoint in a commit until the log has this many pages (1000 at start). */
SP_MUST_USE enum sp_rc sp_db_autocheckpoint(struct sp_db *db, uint32_t pages);
/* Lends: text and hint of the latest failure. */
const struct sp_err *sp_db_error(const struct sp_db *db);

/* ---- statements ---- */

/* Gives *out, valid until sp_db_close. sql is a literal with ?1, ?2, ... */
SP_MUST_USE enum sp_rc sp_db_prepare(struct sp_db *db, const char *sql, struct sp_db_stmt **out);
/* Bind parameter `at` (from 1). Text and blobs are borrowed until the next reset: no copy is made. Misuse is a bug and asserts. */
void sp_db_int(struct sp_db_stmt *s, int at, int64_t value);
void sp_db_text(struct sp_db_stmt *s, int at, struct sp_str text);
void sp_db_blob(struct sp_db_stmt *s, int at, const void *p, size_t n);
void sp_db_null(struct sp_db_stmt *s, int at);
/* Effect: runs a statement that returns no rows, and resets it. */
SP_MUST_USE enum sp_rc sp_db_run(struct sp_db_stmt *s);
/* Effect: next row. SP_OK: a row; SP_E_NOT_FOUND: no more, statement is reset; else: failed and reset. */
SP_MUST_USE enum sp_rc sp_db_row(struct sp_db_stmt *s);
void sp_db_reset(struct sp_db_stmt *s);
/* Columns from 0 of the current row; views are lent until the next call on the statement. NULL reads as 0 or empty. */
int64_t sp_db_get_int(struct sp_db_stmt *s, int column);
struct sp_str sp_db_get_text(struct sp_db_stmt *s, int column);
struct sp_str sp_db_get_blob(struct sp_db_stmt *s, int column);
bool sp_db_is_null(struct sp_db_stmt *s, int column);
/* Returns the rowid of the latest insert; rows the latest run changed. */
int64_t sp_db_last_rowid(const struct sp_db *db);
int64_t sp_db_changes(const struct sp_db *db);

#endif
