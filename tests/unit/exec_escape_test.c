/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins that want to outlive their kill, or to speak through another plugin: with real helpers. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec_harness.h"
#include "msg.h"
#include "sp_clock.h"
#include "sp_crypto.h"

#define SLOTS      4u
#define ONE_HELPER ",\"helpers\":1,\"helper_slots\":4" /* SLOTS */

static struct exec_harness *const h = &exec_harness;

static bool read_proc(const char *pid, const char *file, char *text, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%.20s/%s", pid, file);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* Parent and group of a process. False: it is no process of that plugin. */
static bool look_at(const char *pid, const char *plugin, int *parent, int *group)
{
    char text[512];
    if (pid[0] < '1' || pid[0] > '9' || !read_proc(pid, "cmdline", text, sizeof text))
        return false;
    const char *name = strrchr(text, '/');
    if (name == NULL || strcmp(name + 1, plugin) != 0 || !read_proc(pid, "stat", text, sizeof text))
        return false;
    const char *end = strrchr(text, ')');
    return end != NULL && sscanf(end + 1, " %*c %d %d", parent, group) == 2;
}

/* Process id of the helper, our first child. */
static pid_t helper_pid(void)
{
    char path[64];
    char text[256];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    (void)fclose(f);
    return (pid_t)strtol(text, NULL, 10);
}

/* How many processes of a plugin are in that group; below the helper, or one of its runs. */
static uint32_t in_group(const char *plugin, pid_t group)
{
    uint32_t n = 0;
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    for (struct dirent *e = readdir(proc); e != NULL; e = readdir(proc)) {
        int parent, its;
        n += look_at(e->d_name, plugin, &parent, &its) && its == group ? 1 : 0;
    }
    (void)closedir(proc);
    return n;
}

static pid_t run_of(const char *plugin)
{
    pid_t found = 0;
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    for (struct dirent *e = readdir(proc); e != NULL && found == 0; e = readdir(proc)) {
        int parent, its;
        if (look_at(e->d_name, plugin, &parent, &its) && parent == helper_pid())
            found = (pid_t)strtol(e->d_name, NULL, 10);
    }
    (void)closedir(proc);
    return found;
}

static void wait_for_group(const char *plugin, pid_t group, uint32_t count)
{
    uint64_t limit = sp_clock_mono_ns() + EXEC_HARNESS_LONG_MS * 1000000ull;
    adapter_exec.turn(h->instance);
    while (in_group(plugin, group) < count) {
        assert_true(sp_clock_mono_ns() < limit);
        exec_rig_turn(&h->rig, 5);
    }
}

static void expect_free_slots(void)
{
    void *check = exec_harness_compile("{\"plugin\":\"slow\",\"args\":[\"1\"]}");
    for (uint32_t i = 0; i < 2 * SLOTS; i++)
        exec_harness_start(i, check, EXEC_HARNESS_LONG_MS);
    exec_harness_wait(2 * SLOTS);
    for (uint32_t i = 0; i < 2 * SLOTS; i++)
        assert_int_equal(h->seen[i].reason, SP_REASON_OK);
    exec_harness_release(check);
}

/* All slots are taken by runs that left their group for the helper's: they end, and the slots are free again. */
static void test_helpers_group(void **state)
{
    (void)state;
    void *check = exec_harness_compile("{\"plugin\":\"evade\",\"args\":[\"brood\"]}");
    pid_t helper = helper_pid();
    for (uint32_t i = 0; i < SLOTS; i++)
        exec_harness_start(i, check, EXEC_HARNESS_LONG_MS);
    wait_for_group("evade", helper, 2 * SLOTS);
    for (uint32_t i = 0; i < SLOTS; i++)
        adapter_exec.cancel(h->instance, &h->job[i]);
    exec_harness_expect_gone("evade");
    exec_harness_release(check);
    expect_free_slots();
    /* and at its deadline */
    assert_int_equal(exec_harness_run("{\"plugin\":\"evade\",\"args\":[\"brood\"]}", 300)->reason, SP_REASON_DEADLINE);
    exec_harness_expect_gone("evade");
    expect_free_slots();
}

/* The same in the group of another run, which is left alone. */
static void test_neighbours_group(void **state)
{
    char json[128];
    (void)state;
    void *hang = exec_harness_compile("{\"plugin\":\"hang\"}");
    exec_harness_start(1, hang, EXEC_HARNESS_LONG_MS);
    uint64_t limit = sp_clock_mono_ns() + EXEC_HARNESS_LONG_MS * 1000000ull;
    adapter_exec.turn(h->instance);
    while (exec_harness_processes("hang") == 0) {
        assert_true(sp_clock_mono_ns() < limit);
        exec_rig_turn(&h->rig, 5);
    }
    pid_t neighbour = run_of("hang");
    assert_true(neighbour > 1);
    (void)snprintf(json, sizeof json, "{\"plugin\":\"evade\",\"args\":[\"brood\",\"%d\"]}", (int)neighbour);
    void *check = exec_harness_compile(json);
    exec_harness_start(0, check, EXEC_HARNESS_LONG_MS);
    wait_for_group("evade", neighbour, 2);
    adapter_exec.cancel(h->instance, &h->job[0]);
    exec_harness_expect_gone("evade");
    assert_int_equal(exec_harness_processes("hang"), 1);
    /* A child in that group whose parent has ended. */
    (void)snprintf(json, sizeof json, "{\"plugin\":\"evade\",\"args\":[\"leave\",\"%d\"]}", (int)neighbour);
    assert_int_equal(exec_harness_run(json, EXEC_HARNESS_LONG_MS)->reason, SP_REASON_OK);
    exec_harness_expect_gone("evade");
    assert_int_equal(exec_harness_processes("hang"), 1);
    adapter_exec.cancel(h->instance, &h->job[1]);
    exec_harness_expect_gone("hang");
    exec_harness_release(check);
    exec_harness_release(hang);
    expect_free_slots();
}

/* A helper that is killed cannot kill; the runs die with it all the same. */
static void test_helper_is_killed(void **state)
{
    (void)state;
    void *check = exec_harness_compile("{\"plugin\":\"evade\"}");
    exec_harness_start(0, check, EXEC_HARNESS_LONG_MS);
    pid_t helper = helper_pid();
    wait_for_group("evade", helper, 1);
    assert_int_equal(kill(helper, SIGKILL), 0);
    exec_harness_wait(1);
    assert_int_equal(h->seen[0].reason, SP_REASON_SPAWN);
    exec_harness_expect_gone("evade");
    exec_harness_release(check);
}

/* When the worker goes, the helper goes last: nothing is left when it has ended. */
static void test_end(void **state)
{
    (void)state;
    void *check = exec_harness_compile("{\"plugin\":\"evade\",\"args\":[\"brood\"]}");
    for (uint32_t i = 0; i < SLOTS; i++)
        exec_harness_start(i, check, EXEC_HARNESS_LONG_MS);
    pid_t helper = helper_pid();
    wait_for_group("evade", helper, 2 * SLOTS);
    exec_harness_release(check);
    exec_harness_close();
    assert_int_equal(in_group("evade", helper), 0);
    assert_true(exec_harness_open(false, ONE_HELPER));
}

/* A plugin finds nothing of another one, and cannot leave anything where others look. */
static void test_directories(void **state)
{
    char json[512];
    char left[SP_ADAPTER_DETAIL_MAX];
    (void)state;
    exec_harness_sign("litter", "first", false, false);
    exec_harness_sign("litter", "second", false, false);
    const struct exec_harness_seen *s = exec_harness_run("{\"plugin\":\"first\",\"args\":[\"leave\"]}", EXEC_HARNESS_LONG_MS);
    assert_int_equal(s->reason, SP_REASON_OK);
    (void)snprintf(left, sizeof left, "%s", s->detail);
    assert_true(strncmp(left, h->dir, strlen(h->dir)) == 0);
    (void)snprintf(json, sizeof json, "{\"plugin\":\"second\",\"args\":[\"meddle\",\"%.200s\"]}", left);
    /* With a user of its own it cannot even see who else there is. */
    assert_string_equal(exec_harness_run(json, EXEC_HARNESS_LONG_MS)->detail, geteuid() == 0 ? "wntvxehcpMFal" : "wntvxehcpMFaL");
    /* The same plugin finds what it left. */
    (void)snprintf(json, sizeof json, "{\"plugin\":\"first\",\"args\":[\"leave\"]}");
    assert_string_equal(exec_harness_run(json, EXEC_HARNESS_LONG_MS)->detail, left);
    /* Signed again, it is another one, as soon as that is seen. */
    exec_harness_sign("litter", "first", false, false);
    uint64_t limit = sp_clock_mono_ns() + EXEC_HARNESS_LONG_MS * 1000000ull;
    while (strcmp(exec_harness_run(json, EXEC_HARNESS_LONG_MS)->detail, left) == 0)
        assert_true(sp_clock_mono_ns() < limit);
    assert_int_equal(h->seen[0].reason, SP_REASON_OK);
}

static void write_script(char *path, size_t size, const char *name, const char *text)
{
    (void)snprintf(path, size, "%s/%s", h->dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("#!/usr/bin/python3\n", f) >= 0 && fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0755), 0);
}

/* What Python reads from HOME or from where it is started is code: no plugin can put any there for the next. */
static void test_python(void **state)
{
    static const char plant[] =
        "import os, sys\n"
        "code = 'import os\\nos.write(1, b\"all is well\\\\n\")\\nos._exit(0)\\n'\n"
        "version = 'lib/python%d.%d/site-packages' % sys.version_info[:2]\n"
        "for place in (os.path.expanduser('~/.local/' + version), os.environ['TMPDIR'] + '/.local/' + version, os.getcwd()):\n"
        "    for name in ('usercustomize.py', 'sitecustomize.py', 'json.py'):\n"
        "        try:\n"
        "            os.makedirs(place, exist_ok=True)\n"
        "            open(place + '/' + name, 'w').write(code)\n"
        "        except OSError:\n"
        "            pass\n"
        "print('planted')\n";
    static const char honest[] = "import json, sys\nprint('the node is bad')\nsys.exit(2)\n";
    char path[128];
    (void)state;
    if (access("/usr/bin/python3", X_OK) != 0) {
        print_message("no Python here: not tested\n");
        skip();
    }
    write_script(path, sizeof path, "plant.py", plant);
    exec_harness_sign(path, "plant", false, false);
    write_script(path, sizeof path, "honest.py", honest);
    exec_harness_sign(path, "honest", false, false);
    for (int round = 0; round < 2; round++) {
        const struct exec_harness_seen *s = exec_harness_run("{\"plugin\":\"plant\"}", EXEC_HARNESS_LONG_MS);
        assert_string_equal(s->detail, "planted");
        s = exec_harness_run("{\"plugin\":\"honest\"}", EXEC_HARNESS_LONG_MS);
        assert_string_equal(s->detail, "the node is bad");
        assert_int_equal(s->outcome, SP_OUTCOME_FAIL);
    }
}

/* 0 is no limit; what would start nothing is refused. */
static void test_memory(void **state)
{
    (void)state;
    char path[128];
    exec_harness_close();
    assert_true(exec_harness_open(false, ONE_HELPER ",\"plugin_memory_mb\":0"));
    write_script(path, sizeof path, "limit.py", "import resource\nprint(resource.getrlimit(resource.RLIMIT_AS)[0])\n");
    exec_harness_sign(path, "limit", false, false);
    if (access("/usr/bin/python3", X_OK) == 0)
        assert_string_equal(exec_harness_run("{\"plugin\":\"limit\"}", EXEC_HARNESS_LONG_MS)->detail, "-1");
    exec_harness_close();
    assert_false(exec_harness_open(false, ONE_HELPER ",\"plugin_memory_mb\":15"));
    exec_rig_fini(&h->rig);
    sp_crypto_fini();
    assert_true(exec_harness_open(false, ONE_HELPER));
}

static int setup(void **state)
{
    (void)state;
    assert_true(exec_harness_open(false, ONE_HELPER));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    exec_harness_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_helpers_group),   cmocka_unit_test(test_neighbours_group), cmocka_unit_test(test_end),
        cmocka_unit_test(test_directories),     cmocka_unit_test(test_python),           cmocka_unit_test(test_memory),
        cmocka_unit_test(test_helper_is_killed)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
