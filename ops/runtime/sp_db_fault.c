/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_db_fault.h"

#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "sp_assert.h"

#define LAYER "sp_db_fault"

static struct {
    bool armed;
    bool registered;
    enum sp_db_fault kind;
    uint32_t countdown;
    bool sticky;
    uint32_t seen;
    sqlite3_vfs layer;
} state;

/* Our file begins with what SQLite wants to see; the real one follows in the same memory. */
struct file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct file *)(void *)f)->real;
}

/* True when this operation is to fail. */
static bool strikes(void)
{
    state.seen++;
    if (!state.armed || state.kind == SP_DB_FAULT_NONE || state.countdown == 0) {
        return false;
    }
    bool now = state.seen == state.countdown || (state.sticky && state.seen > state.countdown);
    if (now && state.kind == SP_DB_FAULT_CRASH) {
        _exit(99);
    }
    return now;
}

static int f_close(sqlite3_file *f)
{
    return real_of(f)->pMethods != NULL ? real_of(f)->pMethods->xClose(real_of(f)) : SQLITE_OK;
}

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (!strikes()) {
        return real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
    }
    if (state.kind == SP_DB_FAULT_SHORT_WRITE) {
        (void)real_of(f)->pMethods->xWrite(real_of(f), p, n / 2, at);
    }
    return state.kind == SP_DB_FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return strikes() ? SQLITE_IOERR_TRUNCATE : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
    /* A full disk shows at writes; a sync on it works. */
    bool fails = strikes() && state.kind != SP_DB_FAULT_FULL;
    return fails ? SQLITE_IOERR_FSYNC : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int f_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int f_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int f_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

/* Version 1: no shared memory, which the exclusively locked log does not need. */
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_device,
};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    sqlite3_vfs *real = v->pAppData;
    struct file *file = (struct file *)(void *)f;
    file->real = (sqlite3_file *)(void *)(file + 1);
    file->base.pMethods = NULL;
    int rc = real->xOpen(real, name, file->real, flags, out_flags);
    if (rc == SQLITE_OK) {
        file->base.pMethods = &methods;
    }
    return rc;
}

static void register_layer(void)
{
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    state.layer = *real;
    state.layer.szOsFile = (int)sizeof(struct file) + real->szOsFile;
    state.layer.zName = LAYER;
    state.layer.pAppData = real;
    state.layer.pNext = NULL;
    state.layer.xOpen = v_open;
    SP_ASSERT(sqlite3_vfs_register(&state.layer, 0) == SQLITE_OK);
    state.registered = true;
}

void sp_db_fault_arm(enum sp_db_fault kind, uint32_t countdown, bool sticky)
{
    if (!state.registered) {
        register_layer();
    }
    state.armed = true;
    state.kind = kind;
    state.countdown = countdown;
    state.sticky = sticky;
    state.seen = 0;
}

void sp_db_fault_disarm(void)
{
    state.armed = false;
}

uint32_t sp_db_fault_seen(void)
{
    return state.seen;
}

const char *sp_db_fault_layer(void)
{
    return state.armed ? LAYER : NULL;
}
