/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exec_proto.h"
#include "sp_str.h"

#define MIB (1024ull * 1024)

static const char usage[] = "usage: spice-exec [options]      started by spice-worker with its socket on descriptor 3\n"
                            "  --network            plugins may use IP sockets (default: no sockets at all)\n"
                            "  --slots N            runs at once (default 256)\n"
                            "  --uid N --gid N      user of the plugins when started as root (default 65534, never 0)\n"
                            "  --tmp DIR            each plugin may write to one directory in it\n"
                            "  --hide PATH          plugins cannot read this; may be repeated\n"
                            "  --cgroup DIR         directory of a delegated control group of version 2 for this helper alone\n"
                            "  --processes N        processes of the plugins' user (default 2048)\n"
                            "  --run-processes N    processes of one run, with a control group (default 64)\n"
                            "  --memory MIB         address space of one process, 0: no limit (default 512)\n"
                            "  --file-size MIB      largest file a plugin writes (default 16)\n"
                            "  --help, --version\n";

enum {
    O_NETWORK = 256,
    O_SLOTS,
    O_UID,
    O_GID,
    O_TMP,
    O_HIDE,
    O_CGROUP,
    O_PROCESSES,
    O_RUN_PROCESSES,
    O_MEMORY,
    O_FILE_SIZE,
    O_HELP,
    O_VERSION
};

static const struct option table[] = {{"network", no_argument, NULL, O_NETWORK},
                                      {"slots", required_argument, NULL, O_SLOTS},
                                      {"uid", required_argument, NULL, O_UID},
                                      {"gid", required_argument, NULL, O_GID},
                                      {"tmp", required_argument, NULL, O_TMP},
                                      {"hide", required_argument, NULL, O_HIDE},
                                      {"cgroup", required_argument, NULL, O_CGROUP},
                                      {"processes", required_argument, NULL, O_PROCESSES},
                                      {"run-processes", required_argument, NULL, O_RUN_PROCESSES},
                                      {"memory", required_argument, NULL, O_MEMORY},
                                      {"file-size", required_argument, NULL, O_FILE_SIZE},
                                      {"help", no_argument, NULL, O_HELP},
                                      {"version", no_argument, NULL, O_VERSION},
                                      {NULL, 0, NULL, 0}};

static bool number(uint64_t least, uint64_t most, uint64_t *out)
{
    return sp_str_u64(sp_str_of(optarg), most, out) && *out >= least;
}

static bool apply(struct exec_options *o, int option)
{
    uint64_t n = 0;
    bool ok = true;
    switch (option) {
    case O_NETWORK:
        o->sandbox.network = true;
        return true;
    case O_SLOTS:
        ok = number(1, EXEC_SLOTS_MAX, &n);
        o->slots = (uint32_t)n;
        return ok;
    case O_UID:
        ok = number(1, UINT32_MAX - 1, &n);
        o->sandbox.uid = (uid_t)n;
        return ok;
    case O_GID:
        ok = number(1, UINT32_MAX - 1, &n);
        o->sandbox.gid = (gid_t)n;
        return ok;
    case O_TMP:
        o->sandbox.tmp = optarg;
        return true;
    case O_HIDE:
        if (o->sandbox.hide_count >= EXEC_SANDBOX_HIDE_MAX)
            return false;
        o->sandbox.hide[o->sandbox.hide_count++] = optarg;
        return true;
    case O_CGROUP:
        o->cgroup = optarg;
        return true;
    case O_PROCESSES:
        return number(1, 1000000, &o->sandbox.processes);
    case O_RUN_PROCESSES:
        return number(1, 1000000, &o->cgroup_processes);
    case O_MEMORY:
        ok = number(0, 1 << 24, &n) && (n == 0 || n >= EXEC_MEMORY_MB_MIN);
        o->sandbox.memory = n * MIB;
        return ok;
    case O_FILE_SIZE:
        ok = number(0, 1 << 20, &n);
        o->sandbox.file_size = n * MIB;
        return ok;
    default:
        return false;
    }
}

/* No directory that could be written to by another plugin is named: what interpreters and tools read from HOME would be code of that
 * other plugin, run in our name. */
static void make_environment(struct exec_options *o)
{
    static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                                      "LANG=C.UTF-8",
                                      "SPICE_PLUGIN_INTERFACE=1",
                                      "HOME=/nonexistent",
                                      "PYTHONNOUSERSITE=1",
                                      NULL};
    _Static_assert(sizeof env <= sizeof o->env, "EXEC_OPTIONS_ENV is too small");
    memcpy(o->env, env, sizeof env);
}

int exec_options_parse(struct exec_options *o, int argc, char **argv)
{
    o->slots = 256;
    o->cgroup_processes = 64;
    o->sandbox.uid = EXEC_USER_DEFAULT;
    o->sandbox.gid = EXEC_USER_DEFAULT;
    o->sandbox.processes = 2048;
    o->sandbox.memory = EXEC_MEMORY_MB * MIB;
    o->sandbox.file_size = 16 * MIB;
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) >= 0) {
        if (option == O_HELP) {
            (void)fputs(usage, stdout);
            return 0;
        }
        if (option == O_VERSION) {
            (void)puts("spice-exec " SPICE_VERSION);
            return 0;
        }
        if (!apply(o, option)) {
            (void)fprintf(stderr, "spice-exec: option or value not valid (see --help)\n");
            return 2;
        }
    }
    make_environment(o);
    if (optind != argc) {
        (void)fprintf(stderr, "spice-exec: too much on the command line (see --help)\n");
        return 2;
    }
    /* Per run one pipe and, with control groups, two directories; plus plugins and a few of our own. */
    o->sandbox.files = 3ull * o->slots + EXEC_PLUGINS_MAX + 64;
    return -1;
}
