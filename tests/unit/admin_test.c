/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' verbs over a real store and the real core: what is answered, what is stored, what a restart brings back. */
#include "admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "scheduler_world.h"
#include "sp_crypto.h"
#include "sp_db_fault.h"
#include "sp_log.h"

static char directory[64];
static struct scheduler_world *w;
static struct store *store;
static struct catalog catalog;
static struct admin *admin;
static uint64_t next_id;

static const struct store_act anna_acts = {.actor = {"anna", 4}, .what = {"check.put", 9}};

static enum sp_rc apply(void *shell, struct scheduler_core_event *event)
{
    (void)shell;
    return scheduler_world_step(w, event);
}

static void begin(void)
{
    struct sp_err err = {0};
    w = scheduler_world_new(10000);
    assert_int_equal(store_open(directory, 0, &store, &err), SP_OK);
    assert_true(catalog_init(&catalog, store_check_next(store)));
    admin = calloc(1, sizeof *admin);
    *admin = (struct admin){.core = &w->core, .catalog = &catalog, .store = store, .name = "scheduler", .apply = apply};
    assert_true(admin_restore(admin, &err));
}

static void end(void)
{
    free(admin);
    catalog_fini(&catalog);
    store_close(&store);
    scheduler_world_destroy(&w);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/admin_test.XXXXXX");
    assert_non_null(mkdtemp(directory));
    next_id = 1;
    begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char path[128];
    end();
    static const char *const files[] = {"scheduler.db", "scheduler.db-wal", "scheduler.db-shm", "scheduler.db-journal"};
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        (void)unlink(path);
    }
    return rmdir(directory);
}

static json_t *ask_id(uint64_t id, const char *verb, const char *args, enum sp_refusal want)
{
    json_t *answer = NULL;
    struct msg_admin_request r = {.id = id, .verb = sp_str_of(verb), .args = sp_str_of(args)};
    enum sp_refusal got = admin_answer(admin, &r, "anna", w->now, &answer);
    assert_non_null(answer);
    if (got != want) {
        char *text = json_dumps(answer, 0);
        print_error("%s %s: %s\n", verb, args, text);
        free(text);
    }
    assert_int_equal(got, want);
    if (want != SP_REFUSAL_NONE)
        assert_true(json_is_string(json_object_get(answer, "error")) && json_is_string(json_object_get(answer, "where")) &&
                    json_is_string(json_object_get(answer, "hint")));
    return answer;
}

static void ask(const char *verb, const char *args, enum sp_refusal want)
{
    json_decref(ask_id(next_id++, verb, args, want));
}

/* The row of that name, lent by *list (to be released). */
static json_t *row_of(const char *verb, const char *name, json_t **list)
{
    size_t i;
    json_t *row;
    *list = ask_id(0, verb, "{}", SP_REFUSAL_NONE);
    json_array_foreach(*list, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
            return row;
    }
    return NULL;
}

static json_int_t number_of(const char *verb, const char *name, const char *member)
{
    json_t *list, *row = row_of(verb, name, &list);
    json_int_t value = row == NULL ? -1 : json_integer_value(json_object_get(row, member));
    json_decref(list);
    return value;
}

static void text_is(const char *verb, const char *name, const char *member, const char *want)
{
    json_t *list, *row = row_of(verb, name, &list);
    assert_non_null(row);
    assert_string_equal(json_string_value(json_object_get(row, member)), want);
    json_decref(list);
}

static void checks_live_through_a_restart(void **state)
{
    (void)state;
    ask("profile.put", "{\"name\":\"p\",\"period\":\"5s\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\",\"profile\":\"p\",\"params\":{\"command\":\"/bin/true\"}}",
        SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"c2\",\"adapter\":\"http\",\"timeout\":\"3s\"}", SP_REFUSAL_NONE);
    ask("profile.select", "{\"all\":true,\"profile\":\"p\"}", SP_REFUSAL_NONE);
    ask("profile.select", "{\"check\":\"c1\",\"profile\":\"default\"}", SP_REFUSAL_NONE);
    uint64_t version = w->core.version;
    uint8_t digest[32];
    memcpy(digest, catalog_check_find(&catalog, "c1")->def.digest, 32);
    end();
    begin();
    assert_int_equal(store_version(store), version);
    assert_int_equal(number_of("check.list", "c1", "id"), 1);
    assert_int_equal(number_of("check.list", "c2", "id"), 2);
    assert_int_equal(number_of("check.list", "c2", "timeout_ms"), 3000);
    assert_memory_equal(catalog_check_find(&catalog, "c1")->def.digest, digest, 32);
    text_is("check.list", "c1", "in_force", "default");
    text_is("check.list", "c2", "in_force", "p");
    /* numbers are never given twice */
    ask("check.delete", "{\"name\":\"c2\"}", SP_REFUSAL_NONE);
    end();
    begin();
    assert_int_equal(number_of("check.list", "c2", "id"), -1);
    ask("check.put", "{\"name\":\"c2\",\"adapter\":\"http\"}", SP_REFUSAL_NONE);
    assert_int_equal(number_of("check.list", "c2", "id"), 3);
}

static void revision_follows_the_digest(void **state)
{
    (void)state;
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\",\"runbook\":\"x\",\"rise\":3}", SP_REFUSAL_NONE);
    assert_int_equal(number_of("check.list", "c1", "revision"), 1); /* results stay valid */
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\",\"params\":{\"a\":1}}", SP_REFUSAL_NONE);
    assert_int_equal(number_of("check.list", "c1", "revision"), 2);
    ask("check.stage", "{\"name\":\"c1\",\"stage\":\"shadow\"}", SP_REFUSAL_NONE);
    assert_int_equal(number_of("check.list", "c1", "revision"), 2);
    text_is("check.list", "c1", "stage", "shadow");
    uint64_t version = w->core.version;
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\",\"params\":{\"a\":1},\"stage\":\"shadow\"}", SP_REFUSAL_NONE);
    assert_int_equal(w->core.version, version); /* nothing new */
}

static void a_request_counts_once(void **state)
{
    (void)state;
    json_decref(ask_id(50, "check.put", "{\"name\":\"c1\",\"adapter\":\"exec\"}", SP_REFUSAL_NONE));
    json_decref(ask_id(50, "check.delete", "{\"name\":\"c1\"}", SP_REFUSAL_REPLAY));
    json_decref(ask_id(49, "check.delete", "{\"name\":\"c1\"}", SP_REFUSAL_REPLAY));
    json_decref(ask_id(1, "check.list", "{}", SP_REFUSAL_NONE)); /* looking is harmless */
    json_decref(ask_id(1, "check.delete", "{\"name\":\"c1\",\"dry_run\":true}", SP_REFUSAL_NONE));
    end();
    begin();
    json_decref(ask_id(50, "check.delete", "{\"name\":\"c1\"}", SP_REFUSAL_REPLAY));
    json_decref(ask_id(51, "check.delete", "{\"name\":\"c1\"}", SP_REFUSAL_NONE));
}

static void dry_run_changes_nothing(void **state)
{
    (void)state;
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\"}", SP_REFUSAL_NONE);
    uint64_t version = store_version(store);
    static const char *const calls[][2] = {
        {"check.put", "{\"name\":\"c2\",\"adapter\":\"exec\",\"dry_run\":true}"},
        {"check.put", "{\"name\":\"c1\",\"adapter\":\"http\",\"dry_run\":true}"},
        {"check.delete", "{\"name\":\"c1\",\"dry_run\":true}"},
        {"profile.put", "{\"name\":\"p\",\"dry_run\":true}"},
        {"profile.select", "{\"all\":true,\"profile\":\"default\",\"dry_run\":true}"},
        {"check.run", "{\"check\":\"c1\",\"nodes\":[],\"dry_run\":true}"},
    };
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        json_t *answer = ask_id(0, calls[i][0], calls[i][1], SP_REFUSAL_NONE);
        assert_true(json_is_true(json_object_get(answer, "dry_run")));
        json_decref(answer);
    }
    ask("check.delete", "{\"name\":\"c1\",\"dry_run\":\"true\"}",
        SP_REFUSAL_BAD_REQUEST); /* neither a rehearsal nor the real thing */
    assert_int_equal(store_version(store), version);
    assert_int_equal(w->core.checks.live, 1);
    text_is("check.list", "c1", "adapter", "exec");
}

static void wrong_requests_say_why(void **state)
{
    (void)state;
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\"}", SP_REFUSAL_NONE);
    ask("profile.put", "{\"name\":\"p\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"c2\",\"adapter\":\"exec\",\"profile\":\"pp\"}", SP_REFUSAL_NOT_FOUND);
    ask("check.put", "{\"name\":\"c2\",\"adaptor\":\"exec\"}", SP_REFUSAL_BAD_REQUEST);
    ask("check.put", "{\"name\":\"c2\",\"name\":\"c3\",\"adapter\":\"exec\"}", SP_REFUSAL_BAD_REQUEST);
    ask("check.put", "no json", SP_REFUSAL_BAD_REQUEST);
    ask("check.put", "[]", SP_REFUSAL_BAD_REQUEST);
    ask("check.delete", "{\"name\":\"c9\"}", SP_REFUSAL_NOT_FOUND);
    ask("check.stage", "{\"name\":\"c1\",\"stage\":\"live\"}", SP_REFUSAL_BAD_REQUEST);
    ask("check.enable", "{\"name\":\"c1\",\"enabled\":\"no\"}", SP_REFUSAL_BAD_REQUEST);
    ask("check.run", "{\"check\":\"c1\",\"nodes\":[\"nope\"]}", SP_REFUSAL_NOT_FOUND);
    ask("check.run", "{\"check\":\"c1\",\"nodes\":[7]}", SP_REFUSAL_NOT_FOUND);
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"noop\",\"params\":{\"a\":{\"b\":[null]}}}", SP_REFUSAL_BAD_REQUEST);
    ask("profile.delete", "{\"name\":\"default\"}", SP_REFUSAL_CONFLICT);
    ask("profile.select", "{\"profile\":\"p\"}", SP_REFUSAL_BAD_REQUEST);
    ask("profile.select", "{\"all\":true,\"profile\":\"q\"}", SP_REFUSAL_NOT_FOUND);
    ask("profile.select", "{\"all\":true,\"profile\":\"p\"}", SP_REFUSAL_NONE);
    ask("profile.delete", "{\"name\":\"p\"}", SP_REFUSAL_CONFLICT);
    ask("trace.get", "{\"job\":\"x-1\"}", SP_REFUSAL_BAD_REQUEST);
    ask("check.lst", "{}", SP_REFUSAL_BAD_REQUEST);
    assert_int_equal(w->core.checks.live, 1);
}

static void runs_and_pairs(void **state)
{
    (void)state;
    scheduler_world_start(w);
    assert_int_equal(scheduler_world_nodes(w, 1, 0, 0, 5), SP_OK);
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"noop\",\"selector\":\"zone=z0\",\"profile\":\"default\"}", SP_REFUSAL_NONE);
    assert_int_equal(number_of("check.list", "c1", "pairs"), 2);
    json_t *answer = ask_id(next_id++, "check.run", "{\"check\":\"c1\",\"nodes\":[]}", SP_REFUSAL_NONE);
    assert_int_equal(json_integer_value(json_object_get(answer, "runs")), 2);
    assert_int_equal(json_array_size(json_object_get(answer, "names")), 2);
    json_decref(answer);
    assert_int_equal(scheduler_world_credit(w, "noop", 100), SP_OK);
    scheduler_world_run(w, SCHEDULER_CORE_CHECKS_GAP_MS * 1000ull); /* the keeper is told of the check first */
    assert_int_equal(w->job_count, 2);
    answer = ask_id(0, "pairs.list", "{\"check\":\"c1\"}", SP_REFUSAL_NONE);
    assert_int_equal(json_array_size(answer), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(answer, 0), "state")), "running");
    json_decref(answer);
    answer = ask_id(next_id++, "check.run", "{\"check\":\"c1\",\"nodes\":[]}", SP_REFUSAL_NONE); /* who runs already is named too */
    assert_int_equal(json_integer_value(json_object_get(answer, "runs")), 0);
    assert_int_equal(json_array_size(json_object_get(answer, "names")), 2);
    json_decref(answer);
    answer = ask_id(0, "trace.get", "{\"job\":\"1-1\"}", SP_REFUSAL_NONE);
    assert_int_equal(json_array_size(json_object_get(answer, "stamps")), 2);
    assert_true(json_is_true(json_object_get(answer, "open")));
    json_decref(answer);
    answer = ask_id(0, "stats.get", "{}", SP_REFUSAL_NONE);
    assert_int_equal(json_integer_value(json_object_get(answer, "issued")), 2);
    json_decref(answer);
    json_decref(ask_id(0, "ping", "", SP_REFUSAL_NONE));
}

static void a_full_disk_changes_nothing(void **state)
{
    (void)state;
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\"}", SP_REFUSAL_NONE);
    end();
    sp_db_fault_arm(SP_DB_FAULT_FULL, UINT32_MAX, false);
    begin(); /* through the fault layer */
    sp_db_fault_arm(SP_DB_FAULT_FULL, 1, true);
    ask("check.put", "{\"name\":\"c2\",\"adapter\":\"exec\"}", SP_REFUSAL_STORE);
    ask("check.delete", "{\"name\":\"c1\"}", SP_REFUSAL_STORE);
    ask("check.run", "{\"check\":\"c1\"}", SP_REFUSAL_STORE); /* it changes nothing stored, but has an act */
    ask("check.delete", "{\"name\":\"c9\"}", SP_REFUSAL_NOT_FOUND);
    assert_int_equal(store_acts(store), 1);
    assert_int_equal(w->core.checks.live, 1);
    assert_int_equal(catalog.check_count, 1);
    sp_db_fault_disarm();
    ask("check.put", "{\"name\":\"c2\",\"adapter\":\"exec\"}", SP_REFUSAL_NONE);
    assert_int_equal(w->core.checks.live, 2);
}

/* ---- acts for the keeper's audit ---- */

struct acts {
    uint32_t count;
    uint64_t numbers[8];
    char texts[8][400]; /* actor what object before>after */
};

static bool act_seen(void *self, const struct store_act *a)
{
    struct acts *s = self;
    (void)snprintf(s->texts[s->count], sizeof s->texts[0], "%.*s %.*s %.*s [%.*s] [%.*s]", (int)a->actor.n, a->actor.p,
                   (int)a->what.n, a->what.p, (int)a->object.n, a->object.p, (int)a->before.n, a->before.p, (int)a->after.n,
                   a->after.p);
    assert_true(sp_str_is_utf8(a->object) && sp_str_is_utf8(a->after) && sp_str_is_utf8(a->why));
    assert_in_range(a->object.n, 0, REC_ACT_OBJECT_MAX);
    assert_in_range(a->why.n, 0, REC_ACT_WHY_MAX);
    s->numbers[s->count++] = a->number;
    return s->count < SP_COUNT(s->numbers);
}

static struct acts acts_now(void)
{
    struct acts s = {0};
    assert_int_equal(store_acts_read(store, SP_COUNT(s.numbers), act_seen, &s), SP_OK);
    return s;
}

static void every_act_is_stored_with_its_change(void **state)
{
    (void)state;
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\"}", SP_REFUSAL_NONE);                     /* unchanged */
    ask("check.stage", "{\"name\":\"c1\",\"stage\":\"retired\",\"dry_run\":true}", SP_REFUSAL_NONE); /* a rehearsal */
    ask("check.stage", "{\"name\":\"c1\",\"stage\":\"shadow\"}", SP_REFUSAL_NONE);
    ask("check.stage", "{\"name\":\"c1\",\"stage\":\"best\"}", SP_REFUSAL_BAD_REQUEST);
    json_decref(ask_id(next_id - 1, "check.stage", "{\"name\":\"c1\",\"stage\":\"best\"}", SP_REFUSAL_REPLAY)); /* the same again */
    ask("profile.select", "{\"all\":true,\"profile\":\"default\"}", SP_REFUSAL_NONE);
    end();
    begin();
    assert_int_equal(store_acts(store), 4);
    struct acts s = acts_now();
    assert_int_equal(s.count, 4);
    assert_string_equal(s.texts[0], "anna check.put c1 [] [enforcing, revision 1]");
    assert_string_equal(s.texts[1], "anna check.stage c1 [enforcing, revision 1] [shadow, revision 1]");
    assert_string_equal(s.texts[2], "anna check.stage c1 [] [refused:bad_request]");
    assert_string_equal(s.texts[3], "anna profile.select all checks [] [default]");
    for (unsigned i = 1; i < s.count; i++)
        assert_true(s.numbers[i] > s.numbers[i - 1]);
    /* The keeper has the first two; the next gets a number above those it knows; the last one it will never take. */
    assert_int_equal(store_acts_stored(store, s.numbers[1]), SP_OK);
    assert_int_equal(store_acts_renumber(store, s.numbers[3], 1), SP_OK); /* not of the oldest: an answer that came twice */
    assert_int_equal(store_acts_renumber(store, s.numbers[2], s.numbers[3] + 1000), SP_OK);
    struct acts t = acts_now();
    assert_int_equal(t.count, 2);
    assert_int_equal(t.numbers[0], s.numbers[3] + 1001);
    assert_int_equal(t.numbers[1] - t.numbers[0], s.numbers[3] - s.numbers[2]);
    assert_string_equal(t.texts[1], s.texts[3]);
    assert_int_equal(store_acts_drop(store, s.numbers[2]), SP_OK); /* its number of before */
    assert_int_equal(store_acts(store), 2);
    assert_int_equal(store_acts_drop(store, t.numbers[0]), SP_OK);
    ask("check.delete", "{\"name\":\"c1\"}", SP_REFUSAL_NONE);
    struct acts u = acts_now();
    assert_int_equal(u.count, 2);
    assert_true(u.numbers[1] > t.numbers[1]);
    assert_string_equal(u.texts[1], "anna check.delete c1 [shadow, revision 1] []");
}

/* Text that is too long is cut where a character ends: the keeper takes no other. */
static void an_act_fits_its_message(void **state)
{
    char args[2048];
    (void)state;
    for (unsigned pad = 0; pad < 4; pad++) {
        int n = snprintf(args, sizeof args, "{\"name\":\"%.*s", (int)pad, "xxx");
        for (unsigned i = 0; i < 80; i++)
            n += snprintf(args + n, sizeof args - (size_t)n, "\xe2\x82\xac");
        (void)snprintf(args + n, sizeof args - (size_t)n, "\",\"stage\":\"shadow\"}");
        ask("check.stage", args, SP_REFUSAL_NOT_FOUND);
    }
    assert_int_equal(acts_now().count, 4);
}

static void nothing_is_done_unseen(void **state)
{
    (void)state;
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\"}", SP_REFUSAL_NONE);
    for (uint32_t i = 1; i < STORE_ACTS_MAX; i++)
        ask("check.enable", i % 2 ? "{\"name\":\"c1\",\"enabled\":false}" : "{\"name\":\"c1\",\"enabled\":true}", SP_REFUSAL_NONE);
    uint64_t version = store_version(store);
    ask("check.stage", "{\"name\":\"c1\",\"stage\":\"shadow\"}", SP_REFUSAL_OVERLOAD);
    ask("check.stage", "{\"name\":\"c1\",\"stage\":\"best\"}", SP_REFUSAL_OVERLOAD);
    ask("check.stage", "{\"name\":\"c1\",\"stage\":\"shadow\",\"dry_run\":true}", SP_REFUSAL_NONE);
    assert_int_equal(store_acts(store), STORE_ACTS_MAX);
    assert_int_equal(store_version(store), version);
    assert_int_equal(store_acts_stored(store, acts_now().numbers[0]), SP_OK);
    ask("check.stage", "{\"name\":\"c1\",\"stage\":\"shadow\"}", SP_REFUSAL_NONE);
}

static void a_store_without_acts_is_taken_over(void **state)
{
    struct sp_db *db = NULL;
    struct sp_err err = {0};
    char path[128];
    (void)state;
    ask("check.put", "{\"name\":\"c1\",\"adapter\":\"exec\"}", SP_REFUSAL_NONE);
    end();
    (void)snprintf(path, sizeof path, "%s/scheduler.db", directory);
    const struct sp_db_options o = {.path = path, .application_id = 0x53504353u, .version = 2};
    assert_int_equal(sp_db_open(&o, &db, &err), SP_OK);
    assert_int_equal(sp_db_exec(db, "DROP TABLE act; DELETE FROM number WHERE name='act'; PRAGMA user_version=1"), SP_OK);
    sp_db_close(&db);
    begin();
    assert_int_equal(catalog.check_count, 1);
    assert_int_equal(store_acts(store), 0);
    ask("check.delete", "{\"name\":\"c1\"}", SP_REFUSAL_NONE);
    assert_int_equal(store_acts(store), 1);
}

static void epoch_rises(void **state)
{
    (void)state;
    assert_int_equal(store_epoch(store), 0);
    assert_int_equal(store_epoch_set(store, 7), SP_OK);
    end();
    begin();
    assert_int_equal(store_epoch(store), 7);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static bool refuses(void *self, const struct store_check *row)
{
    (void)self;
    (void)row;
    return false;
}

static bool takes(void *self, struct sp_str name, struct sp_str definition)
{
    (void)self;
    (void)name;
    (void)definition;
    return true;
}

static bool chooses(void *self, const char *profile)
{
    (void)self;
    (void)profile;
    return true;
}

/* Whoever reads the message must find the file. */
static void errors_name_the_file(void **state)
{
    struct sp_err err = {0};
    char path[128];
    const struct store_loader loader = {NULL, takes, chooses, refuses};
    const struct store_check row = {sp_str_of("c"), 1, 1, sp_str_of("no definition"), sp_str_of("")};
    const struct store_act act = {.actor = sp_str_of("anna"), .what = sp_str_of("check.put")};
    (void)state;
    (void)snprintf(path, sizeof path, "%s/scheduler.db", directory);
    assert_int_equal(store_begin(store), SP_OK);
    assert_int_equal(store_check_put(store, &row), SP_OK);
    assert_int_equal(store_commit(store, 99, &act), SP_OK);
    assert_int_equal(store_load(store, &loader, &err), SP_E_CORRUPT);
    assert_string_equal(err.where, path);
}

/* ---- how long results live ---- */

static bool error_holds(const char *verb, const char *args, const char *word)
{
    json_t *answer = ask_id(next_id++, verb, args, SP_REFUSAL_BAD_REQUEST);
    const char *error = json_string_value(json_object_get(answer, "error"));
    bool holds = strstr(error, word) != NULL;
    if (!holds)
        print_error("%s %s: \"%s\" has no \"%s\"\n", verb, args, error, word);
    holds = holds && strstr(json_string_value(json_object_get(answer, "hint")), "allow_short_life") != NULL;
    json_decref(answer);
    return holds;
}

/* Whatever the act: no check is left with less life than its profile in force needs, and a dry run says so too. */
static void no_act_shortens_a_life(void **state)
{
    static const struct {
        const char *verb, *args, *word;
    } rows[] = {
        {"profile.put", "{\"name\":\"quick\",\"period\":\"10m\"}", "check a: max_age 1m is below three periods (30m)"},
        {"profile.put", "{\"name\":\"quick\",\"period\":\"10m\"}", "check b"},
        {"profile.put", "{\"name\":\"quick\",\"period\":\"10s\",\"windows\":[\"mon 08:00-09:00\"]}", "three runs in a row"},
        {"profile.put", "{\"name\":\"quick\",\"cron\":\"0 3 * * *\"}", "(3d)"},
        {"profile.select", "{\"check\":\"a\",\"profile\":\"slow\"}", "profile slow"},
        {"profile.select", "{\"all\":true,\"profile\":\"slow\"}", "check b"},
        {"check.enable", "{\"name\":\"off\",\"enabled\":true}", "check off"},
        {"check.stage", "{\"name\":\"draft\",\"stage\":\"shadow\"}", "check draft"},
        {"check.put", "{\"name\":\"c\",\"adapter\":\"noop\",\"profile\":\"slow\",\"max_age\":\"29m\"}", "(30m)"},
        {"check.put", "{\"name\":\"a\",\"adapter\":\"noop\",\"profile\":\"slow\",\"max_age\":\"1m\"}", "(30m)"},
    };
    char dry[256];
    (void)state;
    ask("profile.put", "{\"name\":\"quick\",\"period\":\"20s\"}", SP_REFUSAL_NONE);
    ask("profile.put", "{\"name\":\"slow\",\"period\":\"10m\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"a\",\"adapter\":\"noop\",\"profile\":\"quick\",\"max_age\":\"1m\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"b\",\"adapter\":\"noop\",\"profile\":\"quick\",\"max_age\":\"2m\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"long\",\"adapter\":\"noop\",\"max_age\":\"30d\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"off\",\"adapter\":\"noop\",\"max_age\":\"1m\",\"enabled\":false}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"draft\",\"adapter\":\"noop\",\"max_age\":\"1m\",\"stage\":\"draft\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"meant\",\"adapter\":\"noop\",\"max_age\":\"1s\",\"allow_short_life\":true}", SP_REFUSAL_NONE);
    uint64_t version = store_version(store);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(error_holds(rows[i].verb, rows[i].args, rows[i].word));
        (void)snprintf(dry, sizeof dry, "{\"dry_run\":true,%s", rows[i].args + 1);
        assert_true(error_holds(rows[i].verb, dry, rows[i].word));
    }
    assert_int_equal(store_version(store), version);
    text_is("check.list", "a", "in_force", "quick");
    /* in an emergency all run more often, and then as before */
    ask("profile.put", "{\"name\":\"fast\",\"period\":\"5s\"}", SP_REFUSAL_NONE);
    ask("profile.select", "{\"all\":true,\"profile\":\"fast\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"c\",\"adapter\":\"noop\",\"max_age\":\"1m\"}", SP_REFUSAL_NONE);
    assert_true(error_holds("profile.select", "{\"all\":true,\"profile\":\"\"}", "check c"));
    ask("check.delete", "{\"name\":\"c\"}", SP_REFUSAL_NONE);
    ask("profile.select", "{\"all\":true,\"profile\":\"\"}", SP_REFUSAL_NONE);
    /* one that a check runs by is taken away */
    ask("profile.select", "{\"check\":\"off\",\"profile\":\"fast\"}", SP_REFUSAL_NONE);
    ask("check.enable", "{\"name\":\"off\",\"enabled\":true}", SP_REFUSAL_NONE);
    assert_true(error_holds("profile.delete", "{\"name\":\"fast\"}", "check off"));
    ask("check.put", "{\"name\":\"a\",\"adapter\":\"noop\",\"profile\":\"slow\",\"max_age\":\"1m\",\"allow_short_life\":true}",
        SP_REFUSAL_NONE);
}

/* What goes with a dry run counts as if it were in force. */
static void a_dry_run_sees_the_whole_run(void **state)
{
    (void)state;
    ask("profile.put", "{\"name\":\"quick\",\"period\":\"20s\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"a\",\"adapter\":\"noop\",\"profile\":\"quick\",\"max_age\":\"1m\"}", SP_REFUSAL_NONE);
#define WITH_CHECK ",\"with\":{\"checks\":[{\"name\":\"a\",\"adapter\":\"noop\",\"profile\":\"quick\",\"max_age\":\"30m\"}]}}"
    ask("profile.put", "{\"name\":\"quick\",\"period\":\"10m\",\"dry_run\":true" WITH_CHECK, SP_REFUSAL_NONE);
    ask("profile.put", "{\"name\":\"quick\",\"period\":\"11m\",\"dry_run\":true" WITH_CHECK, SP_REFUSAL_BAD_REQUEST);
    ask("profile.put", "{\"name\":\"quick\",\"period\":\"10m\"" WITH_CHECK, SP_REFUSAL_BAD_REQUEST);
#define WITH_PROFILE "\"with\":{\"profiles\":[{\"name\":\"new\",\"period\":\"10m\"}]}}"
    ask("check.put", "{\"name\":\"b\",\"adapter\":\"noop\",\"profile\":\"new\",\"max_age\":\"1m\",\"dry_run\":true," WITH_PROFILE,
        SP_REFUSAL_BAD_REQUEST);
    ask("check.put", "{\"name\":\"b\",\"adapter\":\"noop\",\"profile\":\"new\",\"max_age\":\"30m\",\"dry_run\":true," WITH_PROFILE,
        SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"b\",\"adapter\":\"noop\",\"profile\":\"nwe\",\"max_age\":\"30m\",\"dry_run\":true," WITH_PROFILE,
        SP_REFUSAL_NOT_FOUND);
    ask("check.put", "{\"name\":\"a\",\"adapter\":\"noop\",\"dry_run\":true,\"with\":[]}", SP_REFUSAL_BAD_REQUEST);
}

/* A store of before the rule: it loads, says so, takes what makes nothing worse, and refuses what does. */
static void old_contradictions_load(void **state)
{
    (void)state;
    static const char definition[] = "{\"name\":\"old\",\"adapter\":\"noop\",\"max_age\":\"1m\"}";
    const struct store_check row = {sp_str_of("old"), 1, 1, sp_str_of(definition), sp_str_of("")};
    assert_int_equal(store_begin(store), SP_OK);
    assert_int_equal(store_check_put(store, &row), SP_OK);
    assert_int_equal(store_commit(store, 99, &anna_acts), SP_OK);
    next_id = 100;
    end();
    begin();
    json_t *list, *told = json_object_get(row_of("check.list", "old", &list), "warnings");
    assert_int_equal(json_array_size(told), 1);
    assert_non_null(strstr(json_string_value(json_array_get(told, 0)), "max_age 1m is below three periods (3m)"));
    json_decref(list);
    ask("profile.put", "{\"name\":\"slow\",\"period\":\"2m\"}", SP_REFUSAL_NONE);
    ask("profile.put", "{\"name\":\"fast\",\"period\":\"30s\"}", SP_REFUSAL_NONE);
    ask("check.put", "{\"name\":\"new\",\"adapter\":\"noop\",\"max_age\":\"1h\"}", SP_REFUSAL_NONE);
    assert_true(error_holds("profile.select", "{\"all\":true,\"profile\":\"slow\"}", "check old"));
    assert_true(error_holds("check.put", "{\"name\":\"old\",\"adapter\":\"noop\",\"max_age\":\"1m\",\"rise\":2}", "check old"));
    json_t *answer = ask_id(next_id++, "profile.select", "{\"all\":true,\"profile\":\"fast\"}", SP_REFUSAL_NONE);
    assert_int_equal(json_array_size(json_object_get(answer, "warnings")), 1);
    json_decref(answer);
    ask("check.stage", "{\"name\":\"old\",\"stage\":\"shadow\"}", SP_REFUSAL_NONE);
    assert_true(error_holds("check.stage", "{\"name\":\"old\",\"stage\":\"enforcing\"}", "check old"));
    ask("check.put", "{\"name\":\"old\",\"adapter\":\"noop\",\"max_age\":\"5m\"}", SP_REFUSAL_NONE);
    answer = row_of("check.list", "old", &list);
    assert_int_equal(json_array_size(json_object_get(answer, "warnings")), 0);
    json_decref(list);
}

/* An error has room for some names only. */
static void many_at_fault_are_counted(void **state)
{
    char args[128];
    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        (void)snprintf(args, sizeof args, "{\"name\":\"c%u\",\"adapter\":\"noop\",\"max_age\":\"3m\"}", i);
        ask("check.put", args, SP_REFUSAL_NONE);
    }
    assert_true(error_holds("profile.put", "{\"name\":\"default\",\"period\":\"2m\"}", "; and 6 more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(checks_live_through_a_restart),
        T(revision_follows_the_digest),
        T(a_request_counts_once),
        T(dry_run_changes_nothing),
        T(wrong_requests_say_why),
        T(runs_and_pairs),
        T(a_full_disk_changes_nothing),
        T(epoch_rises),
        T(errors_name_the_file),
        T(every_act_is_stored_with_its_change),
        T(an_act_fits_its_message),
        T(nothing_is_done_unseen),
        T(a_store_without_acts_is_taken_over),
        T(no_act_shortens_a_life),
        T(a_dry_run_sees_the_whole_run),
        T(old_contradictions_load),
        T(many_at_fault_are_counted),
    };
    if (sp_crypto_init() != SP_OK || !sp_log_level_set(NULL, SP_LOG_ERROR))
        return 1;
    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
