/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "manifest.h"
#include "msg.h"
#include "sp_clock.h"
#include "sp_hex.h"

struct exec_harness exec_harness;
static struct exec_harness *const h = &exec_harness;
static const uint8_t seed[32] = {1, 2, 3};

static const char *build_dir(void)
{
    /* Tests run from the build's tests folder or are told. */
    static char path[256];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = '\0';
    for (int i = 0; i < 2; i++) /* BUILD/tests/NAME */
        *strrchr(path, '/') = '\0';
    return path;
}

static void on_finish(void *arg, struct sp_adapter_job *job, const struct sp_adapter_result *r)
{
    struct exec_harness_seen *s = &h->seen[job->slot];
    (void)arg;
    assert_false(s->done); /* exactly once */
    *s = (struct exec_harness_seen){.done = true, .outcome = r->outcome, .reason = r->reason, .evidence = r->evidence != NULL};
    (void)snprintf(s->detail, sizeof s->detail, "%s", r->detail != NULL ? r->detail : "");
    (void)snprintf(s->measures, sizeof s->measures, "%s", r->measures != NULL ? r->measures : "");
    h->ended++;
}

static void on_log(void *arg, char level, const char *text)
{
    (void)arg;
    size_t n = strlen(h->log);
    (void)snprintf(h->log + n, sizeof h->log - n, "%c %s\n", level, text);
}

void exec_harness_dir(void)
{
    if (h->dir[0] != '\0')
        return;
    (void)snprintf(h->dir, sizeof h->dir, "/tmp/exec_harness.XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    assert_int_equal(chmod(h->dir, 0711), 0); /* plugins run as another user and have their directory in it */
}

bool exec_harness_open(bool required, const char *more)
{
    char why[SP_ADAPTER_WHY_MAX];
    char json[2048];
    char key[65];
    uint8_t public_key[32];
    struct param_values v = {0};
    exec_harness_dir();
    assert_int_equal(sp_crypto_init(), SP_OK);
    assert_int_equal(sp_crypto_sign_public(seed, public_key), SP_OK);
    sp_hex_write(public_key, sizeof public_key, key);
    assert_true(exec_rig_init(&h->rig, EXEC_HARNESS_SLOTS, h->dir, build_dir()));
    h->rig.on_finish = on_finish;
    h->rig.on_log = on_log;
    h->log[0] = '\0';
    (void)snprintf(json, sizeof json,
                   "{\"plugin_dirs\":[\"%s\",\"%s/plugins\"],\"manifest_required\":%s,\"manifest_keys\":[\"%s\"],\"tmp\":\"%s\"%s}",
                   h->dir, build_dir(), required ? "true" : "false", key, h->dir, more);
    bool ok = param_parse(adapter_exec.settings, adapter_exec.settings_count, sp_str_of(json), &v, why) &&
              adapter_exec.init(&h->rig.host, v.row, &h->instance, why);
    if (!ok)
        print_message("%s\n", why);
    param_fini(&v);
    return ok;
}

void exec_harness_close(void)
{
    adapter_exec.fini(h->instance);
    exec_rig_fini(&h->rig);
    sp_crypto_fini();
    char path[512];
    DIR *d = opendir(h->dir);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        (void)snprintf(path, sizeof path, "%s/%s", h->dir, e->d_name);
        (void)unlink(path);
    }
    (void)closedir(d);
    assert_int_equal(rmdir(h->dir), 0);
    h->dir[0] = '\0';
}

void exec_harness_sign(const char *plugin, const char *name, bool network, bool resident)
{
    struct sp_err err;
    struct sp_crypto_signer *signer = NULL;
    char path[SP_FS_PATH_BYTES];
    struct manifest m = {.interface = MANIFEST_INTERFACE,
                         .network = network,
                         .resident = resident,
                         .arguments_count = 1,
                         .arguments = {"*"},
                         .max_output = 8192};
    exec_harness_dir();
    (void)snprintf(m.name, sizeof m.name, "%s", name);
    if (plugin[0] == '/')
        (void)snprintf(m.plugin, sizeof m.plugin, "%s", plugin);
    else
        (void)snprintf(m.plugin, sizeof m.plugin, "%s/plugins/%s", build_dir(), plugin);
    (void)snprintf(path, sizeof path, "%s/%s" MANIFEST_SUFFIX, h->dir, name);
    assert_int_equal(sp_crypto_signer_new(seed, &signer), SP_OK);
    assert_int_equal(manifest_digest(m.plugin, m.sha256, &err), SP_OK);
    assert_int_equal(manifest_write(path, &m, &err), SP_OK);
    assert_int_equal(manifest_sign(path, signer, &err), SP_OK);
    sp_crypto_signer_destroy(&signer);
}

void *exec_harness_compile(const char *json)
{
    char why[SP_ADAPTER_WHY_MAX];
    struct param_values v = {0};
    if (!param_parse(adapter_exec.params, adapter_exec.params_count, sp_str_of(json), &v, why))
        fail_msg("%s", why);
    void *check = adapter_exec.compile(h->instance, v.row, why);
    param_fini(&v);
    assert_non_null(check);
    return check;
}

void exec_harness_release(void *check)
{
    adapter_exec.release(h->instance, check);
}

void exec_harness_start(uint32_t slot, const void *check, uint32_t timeout_ms)
{
    h->seen[slot] = (struct exec_harness_seen){.done = false};
    h->job[slot] =
        (struct sp_adapter_job){.check = check, .slot = slot, .timeout_ms = timeout_ms, .node = "node-1", .address = "192.0.2.1"};
    h->job[slot].deadline_us = h->rig.host.now_us(&h->rig) + timeout_ms * 1000ull;
    adapter_exec.start(h->instance, &h->job[slot]);
}

void exec_harness_wait(uint32_t count)
{
    uint64_t limit = sp_clock_mono_ns() + 150ull * 1000000000;
    adapter_exec.turn(h->instance);
    for (uint32_t done = 0; done < count;) {
        assert_true(sp_clock_mono_ns() < limit);
        exec_rig_turn(&h->rig, 5);
        done = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (!h->seen[i].done && h->rig.host.now_us(&h->rig) >= h->job[i].deadline_us) {
                adapter_exec.cancel(h->instance, &h->job[i]);
                h->seen[i] = (struct exec_harness_seen){.done = true, .outcome = SP_OUTCOME_ERROR, .reason = SP_REASON_DEADLINE};
            }
            done += h->seen[i].done ? 1 : 0;
        }
        adapter_exec.turn(h->instance);
    }
}

const struct exec_harness_seen *exec_harness_run(const char *json, uint32_t timeout_ms)
{
    void *check = exec_harness_compile(json);
    exec_harness_start(0, check, timeout_ms);
    exec_harness_wait(1);
    exec_harness_release(check);
    return &h->seen[0];
}

static size_t read_proc(const char *pid, const char *file, char *to, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%.20s/%s", pid, file);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, to, size - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    to[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* Ours only: other suites run the same plugins at the same time, but with another private directory. */
uint32_t exec_harness_processes(const char *plugin)
{
    char want[640];
    uint32_t n = 0;
    (void)snprintf(want, sizeof want, "%s/plugins/%s", build_dir(), plugin);
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    for (struct dirent *e = readdir(proc); e != NULL; e = readdir(proc)) {
        char text[2048];
        if (read_proc(e->d_name, "cmdline", text, sizeof text) == 0 || strcmp(text, want) != 0)
            continue;
        size_t length = read_proc(e->d_name, "environ", text, sizeof text);
        n += memmem(text, length, h->dir, strlen(h->dir)) != NULL ? 1 : 0;
    }
    (void)closedir(proc);
    return n;
}

void exec_harness_expect_gone(const char *plugin)
{
    uint64_t limit = sp_clock_mono_ns() + 60ull * 1000000000;
    while (exec_harness_processes(plugin) > 0) {
        assert_true(sp_clock_mono_ns() < limit);
        exec_rig_turn(&h->rig, 5);
    }
}
