/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exec adapter alone, without a fleet, against the bare posix_spawn of the same plugin; for work on the adapter. The figures of
 * the whole way, and resident plugins, are in group_exec.py: a resident plugin outlives its helper, so its CPU would be missing
 * here.
 *
 * Ours: the exec adapter as the worker drives it (this process), its spawn helpers, the sandbox, the plugins. Bare: pipe,
 * posix_spawn, read to the end, waitpid, without sandbox, deadline or limits. CPU is user+sys of everything as the kernel accounts
 * it. Rounds are interleaved; executions are counted by the plugin, which adds a byte to a file for each.
 *
 * Output: a JSON array, one object per figure. With --bare PLUGIN one object: the bare spawn alone, as the yardstick of a fleet.
 */
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter.h"
#include "exec_rig.h"
#include "manifest.h"
#include "msg.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_hex.h"

#define ROUNDS_MAX 31
#define SLOTS      256u

extern const struct sp_adapter adapter_exec;

static unsigned rounds = 7;
static unsigned runs = 1500;
static unsigned bare_at_once = 2; /* processes that spawn: one for each core */
static unsigned at_once = 64;     /* jobs under way in our rounds */
static char dir[64];
static char build[256];
static const uint8_t seed[32] = {7};

static struct drive {
    struct exec_rig rig;
    void *instance;
    void *check;
    struct sp_adapter_job job[SLOTS];
    unsigned started, ended, good, total;
    uint32_t timeout_ms;
} drive;

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_exec: %s\n", what);
    exit(2);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* User and system time of this process and all children that have been waited for, in microseconds. */
static double cpu_us(void)
{
    struct rusage own, children;
    (void)getrusage(RUSAGE_SELF, &own);
    (void)getrusage(RUSAGE_CHILDREN, &children);
    return 1e6 * (seconds(own.ru_utime) + seconds(own.ru_stime) + seconds(children.ru_utime) + seconds(children.ru_stime));
}

static double now_us(void)
{
    return (double)sp_clock_mono_ns() / 1000;
}

struct sample {
    double cpu; /* microseconds per run */
    double rate;
};

/* ---- the count the plugins keep ---- */

static unsigned counted(const char *pattern)
{
    char path[128];
    glob_t found;
    unsigned n = 0;
    (void)snprintf(path, sizeof path, "%s/%s", dir, pattern);
    if (glob(path, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            struct stat st;
            n += stat(found.gl_pathv[i], &st) == 0 ? (unsigned)st.st_size : 0;
        }
        globfree(&found);
    }
    return n;
}

/* ---- bare ---- */

static void bare_once(const char *plugin, char *const env[])
{
    int ends[2];
    char text[256];
    pid_t pid;
    char *const argv[] = {(char *)(uintptr_t)plugin, NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0 || posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1) != 0 || posix_spawn(&pid, plugin, &actions, NULL, argv, env) != 0)
        _exit(2);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    while (read(ends[0], text, sizeof text) > 0)
        continue;
    (void)close(ends[0]);
    if (waitpid(pid, NULL, 0) != pid)
        _exit(2);
}

static struct sample bare(const char *plugin, unsigned n, int processes)
{
    char tmpdir[96];
    char *const env[] = {(char *)(uintptr_t) "PATH=/usr/bin:/bin", (char *)(uintptr_t) "LANG=C.UTF-8", tmpdir, NULL};
    char count[96];
    (void)snprintf(tmpdir, sizeof tmpdir, "TMPDIR=%s", dir);
    (void)snprintf(count, sizeof count, "%s/count", dir);
    (void)unlink(count);
    double cpu = cpu_us();
    double start = now_us();
    for (int p = 0; p < processes; p++) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            for (unsigned i = 0; i < n / (unsigned)processes; i++)
                bare_once(plugin, env);
            _exit(0);
        }
    }
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    unsigned done = n / (unsigned)processes * (unsigned)processes;
    struct sample s = {(cpu_us() - cpu) / done, done / (now_us() - start) * 1e6};
    if (strstr(plugin, "count") != NULL && counted("count") != done)
        die("bare: not as many executions as asked for");
    (void)unlink(count);
    return s;
}

/* ---- ours ---- */

static void next_job(uint32_t slot)
{
    drive.job[slot] =
        (struct sp_adapter_job){.check = drive.check, .slot = slot, .timeout_ms = 30000, .node = "node-1", .address = "127.0.0.1"};
    drive.job[slot].deadline_us = drive.rig.host.now_us(&drive.rig) + 30000000;
    drive.started++;
    adapter_exec.start(drive.instance, &drive.job[slot]);
}

static void on_finish(void *arg, struct sp_adapter_job *job, const struct sp_adapter_result *r)
{
    (void)arg;
    drive.ended++;
    drive.good += r->outcome == SP_OUTCOME_PASS ? 1 : 0;
    if (r->outcome != SP_OUTCOME_PASS)
        (void)fprintf(stderr, "bench_exec: %s\n", r->detail != NULL ? r->detail : "");
    if (drive.started < drive.total)
        next_job(job->slot);
}

static void on_log(void *arg, char level, const char *text)
{
    (void)arg;
    (void)fprintf(stderr, "bench_exec: %c %s\n", level, text);
}

static void open_adapter(const char *plugin, const char *more)
{
    char why[SP_ADAPTER_WHY_MAX] = "";
    char json[2048];
    char key[65];
    uint8_t public_key[32];
    struct param_values v = {0};
    if (sp_crypto_sign_public(seed, public_key) != SP_OK || !exec_rig_init(&drive.rig, SLOTS, dir, build))
        die("rig");
    sp_hex_write(public_key, sizeof public_key, key);
    drive.rig.on_finish = on_finish;
    drive.rig.on_log = on_log;
    (void)snprintf(json, sizeof json, "{\"plugin_dirs\":[\"%s\"],\"manifest_keys\":[\"%s\"],\"tmp\":\"%s\"%s}", dir, key, dir,
                   more);
    if (!param_parse(adapter_exec.settings, adapter_exec.settings_count, sp_str_of(json), &v, why) ||
        !adapter_exec.init(&drive.rig.host, v.row, &drive.instance, why))
        die(why);
    param_fini(&v);
    (void)snprintf(json, sizeof json, "{\"plugin\":\"%s\"}", plugin);
    if (!param_parse(adapter_exec.params, adapter_exec.params_count, sp_str_of(json), &v, why))
        die(why);
    drive.check = adapter_exec.compile(drive.instance, v.row, why);
    param_fini(&v);
    if (drive.check == NULL)
        die(why);
}

static void close_adapter(void)
{
    adapter_exec.release(drive.instance, drive.check);
    adapter_exec.fini(drive.instance);
    exec_rig_fini(&drive.rig);
}

static void drive_runs(unsigned n, unsigned width)
{
    drive.started = drive.ended = drive.good = 0;
    drive.total = n;
    for (uint32_t i = 0; i < width && i < n; i++)
        next_job(i);
    adapter_exec.turn(drive.instance);
    while (drive.ended < n) {
        exec_rig_turn(&drive.rig, 1000);
        adapter_exec.turn(drive.instance);
    }
    if (drive.good != n)
        die("not every run passed");
}

/* CPU per run with what starting and ending the helpers costs taken off: it was measured with no run in the same round. */
static struct sample ours(const char *plugin, unsigned n, unsigned width, const char *more)
{
    double idle = cpu_us();
    open_adapter(plugin, more);
    drive_runs(2, 2); /* helpers are up */
    close_adapter();
    double cpu = cpu_us();
    idle = cpu - idle;
    open_adapter(plugin, more);
    drive_runs(2, 2);
    double start = now_us();
    drive_runs(n, width);
    double rate = n / (now_us() - start) * 1e6;
    if (strstr(plugin, "count") != NULL && counted("spice-plugins-*/local*/*/count") != n + 2)
        die("ours: not as many executions as asked for");
    close_adapter();
    return (struct sample){(cpu_us() - cpu - idle) / n, rate};
}

static void sign(const char *plugin)
{
    struct sp_err err;
    struct sp_crypto_signer *signer = NULL;
    char path[SP_FS_PATH_BYTES];
    struct manifest m = {.interface = MANIFEST_INTERFACE, .arguments_count = 0, .max_output = 8192};
    (void)snprintf(m.name, sizeof m.name, "%s", plugin);
    (void)snprintf(m.plugin, sizeof m.plugin, "%s/plugins/%s", build, plugin);
    (void)snprintf(path, sizeof path, "%s/%s" MANIFEST_SUFFIX, dir, plugin);
    if (sp_crypto_signer_new(seed, &signer) != SP_OK || manifest_digest(m.plugin, m.sha256, &err) != SP_OK ||
        manifest_write(path, &m, &err) != SP_OK || manifest_sign(path, signer, &err) != SP_OK)
        die("a plugin cannot be signed (is it built?)");
    sp_crypto_signer_destroy(&signer);
}

/* ---- figures ---- */

struct series {
    double value[ROUNDS_MAX];
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double at(struct series *s, unsigned quarter)
{
    qsort(s->value, rounds, sizeof s->value[0], compare);
    return s->value[(rounds - 1) * quarter / 4];
}

struct row {
    const char *figure, *unit, *reference, *goal, *bar;
    struct series *mine, *other, *judged;
    double goal_limit, bar_limit;
    bool more_is_better;
};

static void print_row(const struct row *r)
{
    static bool first = true;
    double ratio = at(r->judged, 2);
    bool met = r->more_is_better ? ratio >= r->goal_limit : ratio <= r->goal_limit;
    bool bar_met = r->more_is_better ? ratio >= r->bar_limit : ratio <= r->bar_limit;
    (void)printf("%s{\"figure\":\"%s\",\"value\":%.2f,\"unit\":\"%s\",\"reference\":\"%s\",\"reference_value\":%.2f,\"ratio\":%.3f,"
                 "\"goal\":\"%s\",\"bar\":\"%s\",\"met\":%s,\"bar_met\":%s,\"spread\":%.2f,\"reference_spread\":%.2f,"
                 "\"ratio_spread\":%.3f,\"rounds\":%u}",
                 first ? "[" : ",\n ", r->figure, at(r->mine, 2), r->unit, r->reference, at(r->other, 2), ratio, r->goal, r->bar,
                 met ? "true" : "false", bar_met ? "true" : "false", at(r->mine, 3) - at(r->mine, 1),
                 at(r->other, 3) - at(r->other, 1), at(r->judged, 3) - at(r->judged, 1), rounds);
    first = false;
    (void)fflush(stdout);
}

static void figure_exec(const char *plugin, const char *kind)
{
    struct series mine, other, above, mine_rate, other_rate, share;
    char path[640];
    char title[128];
    (void)snprintf(path, sizeof path, "%s/plugins/%s", build, plugin);
    for (unsigned i = 0; i < rounds; i++) {
        struct sample b = bare(path, runs, 2);
        struct sample o = ours(plugin, runs, at_once, "");
        mine.value[i] = o.cpu;
        other.value[i] = b.cpu;
        above.value[i] = o.cpu - b.cpu;
        mine_rate.value[i] = o.rate;
        other_rate.value[i] = b.rate;
        share.value[i] = o.rate / b.rate;
    }
    (void)snprintf(title, sizeof title, "exec CPU per check, %s plugin; ratio = us above bare spawn", kind);
    print_row(
        &(struct row){title, "us", "bare posix_spawn", "<= 20 us above", "<= 60 us above", &mine, &other, &above, 20, 60, false});
    (void)snprintf(title, sizeof title, "exec checks/s, %s plugin, both cores", kind);
    print_row(&(struct row){title, "/s", "bare posix_spawn", ">= 0.95 of bare", ">= 0.85 of bare", &mine_rate, &other_rate, &share,
                            0.95, 0.85, true});
}

static int print_bare(const char *plugin)
{
    char path[640];
    (void)snprintf(path, sizeof path, "%s/plugins/%s", build, plugin);
    struct sample s = bare(path, runs, (int)bare_at_once);
    (void)printf("{\"cpu_us\":%.2f,\"rate\":%.2f,\"runs\":%u}\n", s.cpu, s.rate, runs);
    (void)rmdir(dir);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option table[] = {{"rounds", required_argument, NULL, 'r'},  {"runs", required_argument, NULL, 'n'},
                                          {"at-once", required_argument, NULL, 'w'}, {"bare", required_argument, NULL, 'b'},
                                          {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    int option;
    uint64_t n;
    const char *alone = NULL;
    while ((option = getopt_long(argc, argv, "", table, NULL)) >= 0) {
        if (option == 'b') {
            alone = optarg;
            continue;
        }
        bool ok = option != 'h' && option != '?' && sp_str_u64(sp_str_of(optarg), 1000000, &n) && n > 0;
        if (ok && option == 'r')
            rounds = (unsigned)n < ROUNDS_MAX ? (unsigned)n : ROUNDS_MAX;
        else if (ok && option == 'n')
            runs = (unsigned)n;
        else if (ok && option == 'w')
            at_once = bare_at_once = (unsigned)n < SLOTS ? (unsigned)n : SLOTS;
        else {
            (void)fprintf(stderr, "usage: bench_exec [--rounds N] [--runs N] [--at-once N]     prints a JSON array\n"
                                  "       bench_exec --bare PLUGIN [--runs N] [--at-once N]     prints an object\n");
            return option == 'h' ? 0 : 2;
        }
    }
    ssize_t length = readlink("/proc/self/exe", build, sizeof build - 1);
    if (length <= 0 || sp_crypto_init() != SP_OK)
        die("start");
    build[length] = '\0';
    for (int i = 0; i < 2; i++) /* BUILD/tests/bench_exec */
        *strrchr(build, '/') = '\0';
    (void)snprintf(dir, sizeof dir, "/tmp/bench_exec.XXXXXX");
    if (mkdtemp(dir) == NULL || chmod(dir, 0755) != 0)
        die("temporary directory");
    if (alone != NULL)
        return print_bare(alone);
    sign("count_static");
    sign("count_dynamic");
    figure_exec("count_static", "static");
    figure_exec("count_dynamic", "dynamic");
    (void)printf("]\n");
    static const char *const names[] = {"count_static", "count_dynamic"};
    for (size_t i = 0; i < 2; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s" MANIFEST_SUFFIX, dir, names[i]);
        (void)unlink(path);
        (void)snprintf(path, sizeof path, "%s/%s" MANIFEST_SIG_SUFFIX, dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
    sp_crypto_fini();
    return 0;
}
