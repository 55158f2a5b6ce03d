/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sp_fs.h"
#include "sp_time.h"

#define STORE_FILE           "scheduler.db"
#define STORE_RESERVE        "reserve"
#define STORE_APPLICATION    0x53504353u /* "SPCS" */
#define STORE_SCHEMA_VERSION 2u          /* 1 has no acts */
#define STORE_BYTES_PER_MB   (1024u * 1024u)

/* Names of numbers. */
#define NUMBER_VERSION    "version"
#define NUMBER_EPOCH      "epoch"
#define NUMBER_CHECK_NEXT "check_next"
#define NUMBER_ACT        "act" /* the last one given */

#define ACT_TABLE                                                                                                                  \
    "CREATE TABLE act(number INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, actor TEXT NOT NULL, what TEXT NOT NULL, "             \
    "object TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, why TEXT NOT NULL);"                                         \
    "INSERT INTO number VALUES('act',0);"

static const char schema[] =
    "CREATE TABLE number(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE profile(name TEXT PRIMARY KEY, definition TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE chk(name TEXT PRIMARY KEY, id INTEGER NOT NULL UNIQUE, revision INTEGER NOT NULL, definition TEXT NOT NULL) "
    "WITHOUT ROWID;"
    "CREATE TABLE selected(chk TEXT PRIMARY KEY, profile TEXT NOT NULL) WITHOUT ROWID;" /* chk '': for all */
    "CREATE TABLE request(principal TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO number VALUES('version',1),('epoch',0),('check_next',1);" ACT_TABLE;

static const char *migrate(uint32_t from)
{
    return from == 1 ? ACT_TABLE : NULL;
}

enum statement {
    ST_NUMBER_GET,
    ST_NUMBER_SET,
    ST_PROFILES,
    ST_CHECKS,
    ST_CHECK_PUT,
    ST_CHECK_DELETE,
    ST_PROFILE_PUT,
    ST_PROFILE_DELETE,
    ST_SELECT_PUT,
    ST_SELECT_DELETE,
    ST_SELECT_CLEAR,
    ST_SELECT_DROP,
    ST_SELECT_GET,
    ST_REQUEST_PUT,
    ST_REQUEST_GET,
    ST_ACT_PUT,
    ST_ACT_COUNT,
    ST_ACT_READ,
    ST_ACT_STORED,
    ST_ACT_DROP,
    ST_ACT_FIRST,
    ST_ACT_AWAY,
    ST_ACT_BACK,
    ST_COUNT
};

static const char *const statements[ST_COUNT] = {
    [ST_NUMBER_GET] = "SELECT value FROM number WHERE name=?1",
    [ST_NUMBER_SET] = "UPDATE number SET value=?2 WHERE name=?1",
    [ST_PROFILES] = "SELECT name,definition FROM profile ORDER BY name",
    [ST_CHECKS] =
        "SELECT c.name,c.id,c.revision,c.definition,s.profile FROM chk c LEFT JOIN selected s ON s.chk=c.name ORDER BY c.id",
    [ST_CHECK_PUT] = "INSERT INTO chk VALUES(?1,?2,?3,?4) ON CONFLICT(name) DO UPDATE SET id=?2,revision=?3,definition=?4",
    [ST_CHECK_DELETE] = "DELETE FROM chk WHERE name=?1",
    [ST_PROFILE_PUT] = "INSERT INTO profile VALUES(?1,?2) ON CONFLICT(name) DO UPDATE SET definition=?2",
    [ST_PROFILE_DELETE] = "DELETE FROM profile WHERE name=?1",
    [ST_SELECT_PUT] = "INSERT INTO selected VALUES(?1,?2) ON CONFLICT(chk) DO UPDATE SET profile=?2",
    [ST_SELECT_DELETE] = "DELETE FROM selected WHERE chk=?1",
    [ST_SELECT_CLEAR] = "DELETE FROM selected",
    [ST_SELECT_DROP] = "DELETE FROM selected WHERE profile=?1",
    [ST_SELECT_GET] = "SELECT profile FROM selected WHERE chk=?1",
    [ST_REQUEST_PUT] = "INSERT INTO request VALUES(?1,?2) ON CONFLICT(principal) DO UPDATE SET id=?2",
    [ST_REQUEST_GET] = "SELECT id FROM request WHERE principal=?1",
    [ST_ACT_PUT] = "INSERT INTO act VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [ST_ACT_COUNT] = "SELECT count(*) FROM act",
    [ST_ACT_READ] = "SELECT number,wall_ms,actor,what,object,before,after,why FROM act ORDER BY number LIMIT ?1",
    [ST_ACT_STORED] = "DELETE FROM act WHERE number<=?1",
    [ST_ACT_DROP] = "DELETE FROM act WHERE number=?1",
    [ST_ACT_FIRST] = "SELECT min(number) FROM act",
    /* In two steps by way of the numbers below zero, so that no new number meets an old one. */
    [ST_ACT_AWAY] = "UPDATE act SET number=-number",
    [ST_ACT_BACK] = "UPDATE act SET number=?1-number",
};

struct store {
    struct sp_db *db;
    struct sp_db_stmt *st[ST_COUNT];
    uint64_t version, epoch;
    uint32_t check_next;
    uint32_t check_next_new; /* of the open transaction */
    uint32_t acts;           /* that wait */
    uint64_t act;            /* number of the last one */
    char path[SP_FS_PATH_BYTES];
    char reserve[SP_FS_PATH_BYTES];
    struct sp_err err;
};

static enum sp_rc number_get(struct store *s, const char *name, uint64_t *out)
{
    sp_db_text(s->st[ST_NUMBER_GET], 1, sp_str_of(name));
    enum sp_rc rc = sp_db_row(s->st[ST_NUMBER_GET]);
    if (rc == SP_OK) {
        *out = (uint64_t)sp_db_get_int(s->st[ST_NUMBER_GET], 0);
        sp_db_reset(s->st[ST_NUMBER_GET]);
    }
    return rc == SP_E_NOT_FOUND ? SP_E_CORRUPT : rc;
}

static enum sp_rc number_set(struct store *s, const char *name, uint64_t value)
{
    sp_db_text(s->st[ST_NUMBER_SET], 1, sp_str_of(name));
    sp_db_int(s->st[ST_NUMBER_SET], 2, (int64_t)value);
    return sp_db_run(s->st[ST_NUMBER_SET]);
}

static enum sp_rc acts_count(struct store *s)
{
    enum sp_rc rc = sp_db_row(s->st[ST_ACT_COUNT]);
    if (rc == SP_OK)
        s->acts = (uint32_t)sp_db_get_int(s->st[ST_ACT_COUNT], 0);
    sp_db_reset(s->st[ST_ACT_COUNT]);
    return rc;
}

static enum sp_rc prepare(struct store *s)
{
    uint64_t next = 0;
    enum sp_rc rc = SP_OK;
    for (unsigned i = 0; i < ST_COUNT && rc == SP_OK; i++)
        rc = sp_db_prepare(s->db, statements[i], &s->st[i]);
    rc = rc == SP_OK ? number_get(s, NUMBER_VERSION, &s->version) : rc;
    rc = rc == SP_OK ? number_get(s, NUMBER_EPOCH, &s->epoch) : rc;
    rc = rc == SP_OK ? number_get(s, NUMBER_CHECK_NEXT, &next) : rc;
    s->check_next = (uint32_t)next;
    rc = rc == SP_OK ? number_get(s, NUMBER_ACT, &s->act) : rc;
    return rc == SP_OK ? acts_count(s) : rc;
}

/* Space that can be given back when the disk is full; without it the store works all the same. */
static void reserve_make(struct store *s, uint32_t mb)
{
    if (mb == 0 || access(s->reserve, F_OK) == 0)
        return;
    if (sp_fs_reserve(s->reserve, (uint64_t)mb * STORE_BYTES_PER_MB, NULL) != SP_OK)
        (void)unlink(s->reserve);
}

enum sp_rc store_open(const char *directory, uint32_t reserve_mb, struct store **out, struct sp_err *err)
{
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL)
        return sp_err_set(err, SP_E_NOMEM, directory, "no memory");
    enum sp_rc rc = sp_fs_mkdirs(directory, 0700, err);
    if (rc == SP_OK && (sp_fs_join(s->path, sizeof s->path, directory, STORE_FILE) != SP_OK ||
                        sp_fs_join(s->reserve, sizeof s->reserve, directory, STORE_RESERVE) != SP_OK))
        rc = sp_err_set(err, SP_E_LIMIT, directory, "path is too long");
    if (rc == SP_OK) {
        struct sp_db_options o = {.path = s->path,
                                  .schema = schema,
                                  .application_id = STORE_APPLICATION,
                                  .version = STORE_SCHEMA_VERSION,
                                  .migrate = migrate,
                                  .check = true};
        rc = sp_db_open(&o, &s->db, err);
    }
    if (rc == SP_OK) {
        rc = prepare(s);
        if (rc != SP_OK)
            (void)sp_err_set(err, rc, s->path, "%s", sp_db_error(s->db)->text);
    }
    if (rc != SP_OK) {
        store_close(&s);
        return rc;
    }
    reserve_make(s, reserve_mb);
    *out = s;
    return SP_OK;
}

void store_close(struct store **s)
{
    if (*s == NULL)
        return;
    sp_db_close(&(*s)->db);
    free(*s);
    *s = NULL;
}

static bool load_check(struct store *s, const struct store_loader *loader)
{
    struct sp_db_stmt *st = s->st[ST_CHECKS];
    struct store_check row = {.name = sp_db_get_text(st, 0),
                              .id = (uint32_t)sp_db_get_int(st, 1),
                              .revision = (uint32_t)sp_db_get_int(st, 2),
                              .definition = sp_db_get_text(st, 3),
                              .selected = sp_db_get_text(st, 4)};
    return loader->check(loader->self, &row);
}

static bool load_selected(struct store *s, const struct store_loader *loader)
{
    struct sp_db_stmt *st = s->st[ST_SELECT_GET];
    char profile[128] = "";
    sp_db_text(st, 1, sp_str_of(STORE_SELECTED_ALL));
    if (sp_db_row(st) == SP_OK)
        (void)sp_str_copy(profile, sizeof profile, sp_db_get_text(st, 0));
    sp_db_reset(st);
    return profile[0] == '\0' || loader->selected(loader->self, profile);
}

enum sp_rc store_load(struct store *s, const struct store_loader *loader, struct sp_err *err)
{
    enum sp_rc rc;
    bool good = true;
    while ((rc = sp_db_row(s->st[ST_PROFILES])) == SP_OK && good)
        good = loader->profile(loader->self, sp_db_get_text(s->st[ST_PROFILES], 0), sp_db_get_text(s->st[ST_PROFILES], 1));
    sp_db_reset(s->st[ST_PROFILES]);
    good = good && rc == SP_E_NOT_FOUND && load_selected(s, loader);
    while (rc == SP_E_NOT_FOUND && good && (rc = sp_db_row(s->st[ST_CHECKS])) == SP_OK) {
        good = load_check(s, loader);
        rc = SP_E_NOT_FOUND;
    }
    sp_db_reset(s->st[ST_CHECKS]);
    if (!good) {
        (void)sp_err_set(err, SP_E_CORRUPT, s->path, "a stored definition is not valid");
        sp_err_hint(err,
                    "it was written by another version, or the file was edited; restore a backup or apply the definitions anew");
        return SP_E_CORRUPT;
    }
    if (rc != SP_E_NOT_FOUND)
        return sp_err_set(err, rc, s->path, "%s", sp_db_error(s->db)->text);
    return SP_OK;
}

uint64_t store_version(const struct store *s)
{
    return s->version;
}

uint64_t store_epoch(const struct store *s)
{
    return s->epoch;
}

uint32_t store_check_next(const struct store *s)
{
    return s->check_next;
}

uint64_t store_request_id(struct store *s, const char *principal)
{
    uint64_t id = 0;
    sp_db_text(s->st[ST_REQUEST_GET], 1, sp_str_of(principal));
    if (sp_db_row(s->st[ST_REQUEST_GET]) == SP_OK)
        id = (uint64_t)sp_db_get_int(s->st[ST_REQUEST_GET], 0);
    sp_db_reset(s->st[ST_REQUEST_GET]);
    return id;
}

/* ---- changes ---- */

static enum sp_rc done(struct store *s, enum sp_rc rc)
{
    if (rc == SP_OK)
        return rc;
    s->err = *sp_db_error(s->db);
    if (rc == SP_E_FULL)
        (void)unlink(s->reserve); /* so that the next try may succeed while people make room */
    return rc;
}

enum sp_rc store_epoch_set(struct store *s, uint64_t epoch)
{
    enum sp_rc rc = sp_db_begin(s->db);
    rc = rc == SP_OK ? number_set(s, NUMBER_EPOCH, epoch) : rc;
    rc = rc == SP_OK ? sp_db_commit(s->db) : rc;
    if (rc == SP_OK)
        s->epoch = epoch;
    else
        sp_db_rollback(s->db);
    return done(s, rc);
}

enum sp_rc store_begin(struct store *s)
{
    s->check_next_new = s->check_next;
    return done(s, sp_db_begin(s->db));
}

enum sp_rc store_check_put(struct store *s, const struct store_check *row)
{
    struct sp_db_stmt *st = s->st[ST_CHECK_PUT];
    sp_db_text(st, 1, row->name);
    sp_db_int(st, 2, row->id);
    sp_db_int(st, 3, row->revision);
    sp_db_text(st, 4, row->definition);
    enum sp_rc rc = sp_db_run(st);
    if (rc == SP_OK && row->id >= s->check_next_new) {
        s->check_next_new = row->id + 1;
        rc = number_set(s, NUMBER_CHECK_NEXT, s->check_next_new);
    }
    return done(s, rc);
}

static enum sp_rc run_with(struct store *s, enum statement at, struct sp_str first, struct sp_str second)
{
    sp_db_text(s->st[at], 1, first);
    if (second.p != NULL)
        sp_db_text(s->st[at], 2, second);
    return done(s, sp_db_run(s->st[at]));
}

enum sp_rc store_check_delete(struct store *s, const char *name)
{
    enum sp_rc rc = run_with(s, ST_CHECK_DELETE, sp_str_of(name), sp_str_of(NULL));
    return rc == SP_OK ? run_with(s, ST_SELECT_DELETE, sp_str_of(name), sp_str_of(NULL)) : rc;
}

enum sp_rc store_profile_put(struct store *s, const char *name, struct sp_str definition)
{
    return run_with(s, ST_PROFILE_PUT, sp_str_of(name), definition);
}

enum sp_rc store_profile_delete(struct store *s, const char *name)
{
    enum sp_rc rc = run_with(s, ST_PROFILE_DELETE, sp_str_of(name), sp_str_of(NULL));
    return rc == SP_OK ? run_with(s, ST_SELECT_DROP, sp_str_of(name), sp_str_of(NULL)) : rc;
}

enum sp_rc store_select(struct store *s, const char *check, const char *profile)
{
    enum sp_rc rc = SP_OK;
    const char *key = check != NULL ? check : STORE_SELECTED_ALL;
    if (check == NULL)
        rc = done(s, sp_db_run(s->st[ST_SELECT_CLEAR]));
    if (rc == SP_OK && profile[0] == '\0')
        rc = run_with(s, ST_SELECT_DELETE, sp_str_of(key), sp_str_of(NULL));
    else if (rc == SP_OK)
        rc = run_with(s, ST_SELECT_PUT, sp_str_of(key), sp_str_of(profile));
    return rc;
}

static enum sp_rc request_put(struct store *s, struct sp_str principal, uint64_t request_id)
{
    sp_db_text(s->st[ST_REQUEST_PUT], 1, principal);
    sp_db_int(s->st[ST_REQUEST_PUT], 2, (int64_t)request_id);
    return sp_db_run(s->st[ST_REQUEST_PUT]);
}

/* The number is the time, and above the last one: a store that is put back or made anew meets no number it gave before. */
static enum sp_rc act_put(struct store *s, const struct store_act *act, uint64_t *number)
{
    struct sp_db_stmt *st = s->st[ST_ACT_PUT];
    const struct sp_str texts[] = {act->actor, act->what, act->object, act->before, act->after, act->why};
    uint64_t now_us = act->wall_ms * SP_US_PER_MS;
    *number = now_us > s->act ? now_us : s->act + 1;
    sp_db_int(st, 1, (int64_t)*number);
    sp_db_int(st, 2, (int64_t)act->wall_ms);
    for (int i = 0; i < (int)SP_COUNT(texts); i++)
        sp_db_text(st, 3 + i, texts[i].p != NULL ? texts[i] : sp_str_of(""));
    enum sp_rc rc = sp_db_run(st);
    return rc == SP_OK ? number_set(s, NUMBER_ACT, *number) : rc;
}

/* Puts what belongs to every act into the open transaction and commits it. */
static enum sp_rc act_commit(struct store *s, uint64_t request_id, const struct store_act *act)
{
    uint64_t number = 0;
    enum sp_rc rc = request_put(s, act->actor, request_id);
    rc = rc == SP_OK ? act_put(s, act, &number) : rc;
    rc = rc == SP_OK ? sp_db_commit(s->db) : rc;
    if (rc == SP_OK) {
        s->act = number;
        s->acts++;
    } else {
        store_rollback(s);
    }
    return rc;
}

enum sp_rc store_note(struct store *s, uint64_t request_id, const struct store_act *act)
{
    enum sp_rc rc = sp_db_begin(s->db);
    return done(s, rc == SP_OK ? act_commit(s, request_id, act) : rc);
}

enum sp_rc store_commit(struct store *s, uint64_t request_id, const struct store_act *act)
{
    enum sp_rc rc = number_set(s, NUMBER_VERSION, s->version + 1);
    if (rc != SP_OK) {
        store_rollback(s);
    } else if ((rc = act_commit(s, request_id, act)) == SP_OK) {
        s->version++;
        s->check_next = s->check_next_new;
    }
    return done(s, rc);
}

void store_rollback(struct store *s)
{
    if (sp_db_in_transaction(s->db))
        sp_db_rollback(s->db);
}

/* ---- acts that wait for the keeper ---- */

uint32_t store_acts(const struct store *s)
{
    return s->acts;
}

enum sp_rc store_acts_read(struct store *s, uint32_t max, bool (*fn)(void *self, const struct store_act *act), void *self)
{
    struct sp_db_stmt *st = s->st[ST_ACT_READ];
    enum sp_rc rc;
    bool more = true;
    sp_db_int(st, 1, max);
    while (more && (rc = sp_db_row(st)) == SP_OK) {
        struct store_act act = {.number = (uint64_t)sp_db_get_int(st, 0),
                                .wall_ms = (uint64_t)sp_db_get_int(st, 1),
                                .actor = sp_db_get_text(st, 2),
                                .what = sp_db_get_text(st, 3),
                                .object = sp_db_get_text(st, 4),
                                .before = sp_db_get_text(st, 5),
                                .after = sp_db_get_text(st, 6),
                                .why = sp_db_get_text(st, 7)};
        more = fn(self, &act);
    }
    sp_db_reset(st);
    return done(s, !more || rc == SP_E_NOT_FOUND ? SP_OK : rc);
}

/* Runs what was bound in a transaction of its own and counts again. */
static enum sp_rc acts_run(struct store *s, enum statement at)
{
    enum sp_rc rc = sp_db_begin(s->db);
    rc = rc == SP_OK ? sp_db_run(s->st[at]) : rc;
    rc = rc == SP_OK ? sp_db_commit(s->db) : rc;
    if (rc != SP_OK)
        store_rollback(s);
    return done(s, rc == SP_OK ? acts_count(s) : rc);
}

enum sp_rc store_acts_stored(struct store *s, uint64_t number)
{
    sp_db_int(s->st[ST_ACT_STORED], 1, (int64_t)number);
    return acts_run(s, ST_ACT_STORED);
}

enum sp_rc store_acts_drop(struct store *s, uint64_t number)
{
    sp_db_int(s->st[ST_ACT_DROP], 1, (int64_t)number);
    return acts_run(s, ST_ACT_DROP);
}

enum sp_rc store_acts_renumber(struct store *s, uint64_t first, uint64_t above)
{
    enum sp_rc rc = sp_db_row(s->st[ST_ACT_FIRST]);
    bool same = rc == SP_OK && (uint64_t)sp_db_get_int(s->st[ST_ACT_FIRST], 0) == first;
    int64_t further = (int64_t)above + 1 - (int64_t)first;
    uint64_t last = (uint64_t)((int64_t)s->act + further);
    sp_db_reset(s->st[ST_ACT_FIRST]);
    if (!same)
        return done(s, rc);
    sp_db_int(s->st[ST_ACT_BACK], 1, further);
    rc = sp_db_begin(s->db);
    rc = rc == SP_OK ? sp_db_run(s->st[ST_ACT_AWAY]) : rc;
    rc = rc == SP_OK ? sp_db_run(s->st[ST_ACT_BACK]) : rc;
    rc = rc == SP_OK ? number_set(s, NUMBER_ACT, last) : rc;
    rc = rc == SP_OK ? sp_db_commit(s->db) : rc;
    if (rc == SP_OK)
        s->act = last;
    else
        store_rollback(s);
    return done(s, rc);
}

const struct sp_err *store_error(const struct store *s)
{
    return &s->err;
}
