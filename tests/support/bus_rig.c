/* SPDX-License-Identifier: Apache-2.0 */
#include "bus_rig.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "msg.h"
#include "sp_clock.h"
#include "sp_crypto.h"

#define READY_MS 10000u

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define BUS_RIG_SANITIZED
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define BUS_RIG_SANITIZED
#endif
#endif

static void die(const char *what, const struct sp_err *err)
{
    char line[800] = "";

    if (err != NULL)
        sp_err_line(err, line, sizeof line);
    fprintf(stderr, "bus_rig: %s: %s\n", what, line[0] != '\0' ? line : strerror(errno));
    abort();
}

static void write_file(const char *dir, const char *name, const struct sp_buf *b)
{
    char path[192];
    struct sp_err err = {0};

    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (sp_fs_write(path, b->p, b->n, 0600, &err) != SP_OK)
        die(path, &err);
}

static void append_principal(struct sp_buf *b, const struct sp_keys *keys, uint8_t role, const char *adapters)
{
    char sign[65];

    sp_hex_write(keys->pub.sign, 32, sign);
    sp_buf_format(b, "  - name: %s\n    role: %s\n    curve: \"%s\"\n    sign: \"%s\"\n", keys->pub.name, sp_role_name(role),
                  keys->curve_public_z85, sign);
    if (adapters != NULL)
        sp_buf_format(b, "    %s: \"%s\"\n", role == SP_ROLE_ATTESTER ? "nodes" : "adapters", adapters);
}

/* Z85 has characters YAML wants quoted, but neither a double quote nor a backslash. */
static void make_files(struct bus_rig *rig, const char *extra)
{
    struct sp_buf b;
    struct sp_err err = {0};
    char path[160];
    static const char *const folders[] = {"etc", "keys", "run", "state"};

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", rig->dir, folders[i]);
        if (mkdir(path, 0700) != 0)
            die(path, NULL);
    }
    sp_buf_init(&b, 1u << 20);
    sp_buf_text(&b, "principals:\n");
    for (unsigned i = 0; i < rig->brokers; i++)
        append_principal(&b, rig->broker_keys[i], SP_ROLE_BROKER, NULL);
    for (unsigned i = 0; i < rig->count; i++)
        append_principal(&b, rig->clients[i].keys, rig->clients[i].role, rig->clients[i].adapters);
    write_file(rig->dir, "etc/principals.yaml", &b);
    sp_buf_reset(&b);
    sp_buf_format(&b, "deployment: \"00112233445566778899aabbccddeeff\"\nprefix: \"%s\"\nbrokers:\n", rig->dir);
    for (unsigned i = 0; i < rig->brokers; i++)
        sp_buf_format(&b, "  - name: b%u\n    endpoints: [\"ipc://%s/run/b%u\"]\n", i, rig->dir, i);
    sp_buf_text(&b, extra != NULL ? extra : "");
#ifdef BUS_RIG_SANITIZED
    /* What a sanitizer puts beside every byte of ours is no sign of a peer that exhausts us. */
    if (extra == NULL || strstr(extra, "broker:") == NULL)
        sp_buf_text(&b, "broker:\n  memory_mb: 8192\n");
#endif
    write_file(rig->dir, "etc/spice.yaml", &b);
    sp_buf_fini(&b);
    snprintf(rig->conf_path, sizeof rig->conf_path, "%s/etc/spice.yaml", rig->dir);
    if (sp_conf_load(rig->conf_path, NULL, &rig->conf, &err) != SP_OK)
        die("configuration", &err);
    snprintf(path, sizeof path, "%s/keys/core.key", rig->dir);
    if (sp_keys_core_create(path, &err) != SP_OK || sp_keys_core_load(path, &rig->core, &err) != SP_OK)
        die(path, &err);
}

void bus_rig_init(struct bus_rig *rig, unsigned brokers, const struct bus_rig_client *clients, unsigned count, const char *extra)
{
    struct sp_loop_options loop = {0};
    struct sp_err err = {0};
    char name[16], path[160];

    memset(rig, 0, sizeof *rig);
    if (sp_crypto_init() != SP_OK)
        die("crypto", NULL);
    snprintf(rig->dir, sizeof rig->dir, "/tmp/spice_rig.XXXXXX");
    if (mkdtemp(rig->dir) == NULL)
        die("mkdtemp", NULL);
    rig->brokers = brokers;
    rig->count = count;
    for (unsigned i = 0; i < brokers; i++) {
        snprintf(name, sizeof name, "b%u", i);
        if (sp_keys_new(name, &rig->broker_keys[i], &err) != SP_OK)
            die("keys", &err);
    }
    for (unsigned i = 0; i < count; i++) {
        rig->clients[i] = clients[i];
        if (sp_keys_new(clients[i].name, &rig->clients[i].keys, &err) != SP_OK)
            die("keys", &err);
    }
    make_files(rig, extra);
    for (unsigned i = 0; i < brokers; i++) {
        snprintf(path, sizeof path, "%s/keys/b%u.key", rig->dir, i);
        if (sp_keys_save(rig->broker_keys[i], path, &err) != SP_OK)
            die(path, &err);
    }
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/keys/%s.key", rig->dir, clients[i].name);
        if (sp_keys_save(rig->clients[i].keys, path, &err) != SP_OK)
            die(path, &err);
    }
    if (sp_loop_new(&loop, &rig->loop, &err) != SP_OK)
        die("loop", &err);
}

/* The directory is ours and two levels deep; everything in it goes. */
static void remove_tree(const char *dir)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", dir, (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, &status, 0);
}

void bus_rig_fini(struct bus_rig *rig)
{
    for (unsigned i = 0; i < rig->brokers; i++) {
        if (rig->pids[i] > 0)
            bus_rig_stop(rig, i, SIGTERM);
        sp_keys_destroy(&rig->broker_keys[i]);
    }
    for (unsigned i = 0; i < rig->count; i++)
        sp_keys_destroy(&rig->clients[i].keys);
    sp_keys_core_destroy(&rig->core);
    sp_conf_destroy(&rig->conf);
    sp_loop_destroy(&rig->loop);
    remove_tree(rig->dir);
}

/* Reads the child's log, passing it on when SPICE_RIG_LOG is set, until the line that says ready. */
static void wait_ready(FILE *log)
{
    char line[2048];
    bool show = getenv("SPICE_RIG_LOG") != NULL;

    while (fgets(line, sizeof line, log) != NULL) {
        if (show || strstr(line, "level=error") != NULL)
            fputs(line, stderr);
        if (strstr(line, "event=ready") != NULL)
            return;
    }
    die("the broker ended before it was ready", NULL);
}

/* What the child says later must not fill the pipe: another child empties it. */
static void drain_log(FILE *log)
{
    if (fork() != 0) {
        fclose(log);
        return;
    }
    char line[2048];
    bool show = getenv("SPICE_RIG_LOG") != NULL;

    signal(SIGINT, SIG_IGN);
    while (fgets(line, sizeof line, log) != NULL)
        if (show)
            fputs(line, stderr);
    _exit(0);
}

/* In the child: the program itself, for a fork of a process with threads is no sound place for a broker. */
static void run_broker(struct bus_rig *rig, unsigned broker, int log_fd)
{
    char name[16], program[512];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 32);

    if (n <= 0 || dup2(log_fd, 2) < 0)
        die("spice-broker", NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    program[n] = '\0';
    for (int up = 0; up < 2; up++)
        *strrchr(program, '/') = '\0';
    (void)strncat(program, "/spice-broker", 31);
    snprintf(name, sizeof name, "b%u", broker);
    execl(program, program, "--config", rig->conf_path, "--name", name, (char *)NULL);
    die(program, NULL);
}

void bus_rig_start(struct bus_rig *rig, unsigned broker)
{
    int pipe_fds[2];

    if (pipe(pipe_fds) != 0)
        die("pipe", NULL);
    pid_t pid = fork();

    if (pid < 0)
        die("fork", NULL);
    if (pid == 0) {
        close(pipe_fds[0]);
        run_broker(rig, broker, pipe_fds[1]);
    }
    rig->pids[broker] = pid;
    close(pipe_fds[1]);
    FILE *log = fdopen(pipe_fds[0], "r");

    if (log == NULL)
        die("fdopen", NULL);
    wait_ready(log);
    drain_log(log);
}

int bus_rig_stop(struct bus_rig *rig, unsigned broker, int signo)
{
    int status = 0;

    kill(rig->pids[broker], signo);
    while (waitpid(rig->pids[broker], &status, 0) < 0 && errno == EINTR) {
    }
    rig->pids[broker] = 0;
    return status;
}

struct sp_keys *bus_rig_keys(struct bus_rig *rig, const char *name)
{
    for (unsigned i = 0; i < rig->count; i++)
        if (strcmp(rig->clients[i].name, name) == 0)
            return rig->clients[i].keys;
    die(name, NULL);
    return NULL;
}

void bus_rig_child(struct bus_rig *rig, const char *name)
{
    struct sp_loop_options loop = {0};
    struct sp_err err = {0};
    char path[160];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; i < rig->count; i++) {
        if (strcmp(rig->clients[i].name, name) != 0)
            continue;
        snprintf(path, sizeof path, "%s/keys/%s.key", rig->dir, name);
        if (sp_keys_load(path, name, &rig->clients[i].keys, &err) != SP_OK)
            die(path, &err);
    }
    snprintf(path, sizeof path, "%s/keys/core.key", rig->dir);
    if (sp_keys_core_load(path, &rig->core, &err) != SP_OK || sp_loop_new(&loop, &rig->loop, &err) != SP_OK)
        die(path, &err);
}

void bus_rig_conf_alone(struct bus_rig *rig, struct sp_conf *conf)
{
    struct sp_buf b;

    sp_buf_init(&b, 1u << 16);
    sp_buf_text(&b, "principals:\n");
    for (unsigned i = 0; i < rig->brokers; i++)
        append_principal(&b, rig->broker_keys[i], SP_ROLE_BROKER, NULL);
    for (unsigned i = 0; i < rig->count; i++)
        if (rig->clients[i].role == SP_ROLE_KEEPER)
            append_principal(&b, rig->clients[i].keys, SP_ROLE_KEEPER, NULL);
    write_file(rig->dir, "etc/alone.yaml", &b);
    sp_buf_fini(&b);
    *conf = *rig->conf;
    snprintf(conf->principals, sizeof conf->principals, "%s/etc/alone.yaml", rig->dir);
}

void bus_rig_options(struct bus_rig *rig, const char *name, struct sp_bus_options *o)
{
    memset(o, 0, sizeof *o);
    o->loop = rig->loop;
    o->conf = rig->conf;
    o->keys = bus_rig_keys(rig, name);
    o->name = name;
    o->software = "rig";
    o->reconnect_ms = 20;
    for (unsigned i = 0; i < rig->count; i++)
        if (strcmp(rig->clients[i].name, name) == 0) {
            o->role = rig->clients[i].role;
            o->adapters = rig->clients[i].adapters;
        }
    if (o->role == SP_ROLE_SCHEDULER || o->role == SP_ROLE_KEEPER)
        o->core = rig->core;
    o->slots = o->role == SP_ROLE_WORKER ? 1000 : 0;
}

bool bus_rig_until(struct bus_rig *rig, bool (*holds)(void *ctx), void *ctx, unsigned timeout_ms)
{
    uint64_t end = sp_clock_mono_ns() + (uint64_t)timeout_ms * 1000000u;

    while (!holds(ctx)) {
        uint64_t now = sp_clock_mono_ns();

        if (now >= end || sp_loop_turn(rig->loop, (int)((end - now) / 1000000u + 1)) != SP_OK)
            return holds(ctx);
    }
    return true;
}
