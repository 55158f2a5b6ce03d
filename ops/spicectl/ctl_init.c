/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_json.h"

#include "sp_buf.h"
#include "sp_conf.h"
#include "sp_crypto.h"
#include "sp_err.h"
#include "sp_fs.h"
#include "sp_keys.h"
#include "sp_random.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INIT_BRIDGES_MAX     8
#define INIT_NAMES_MAX       (5 + INIT_BRIDGES_MAX + SP_CONF_WORKERS_MAX)
#define INIT_FILE_MAX        65536u
#define INIT_SOCKET          "ipc://run/broker-1.sock"
#define INIT_PLUGINS         "/usr/lib/nagios/plugins" /* of Debian's monitoring-plugins */
#define INIT_SOCKET_PATH_MAX 107u                      /* of a unix socket, see unix(7) */

struct init_row {
    char name[SP_KEYS_NAME_BYTES];
    uint32_t role;
};

struct init_plan {
    char prefix[SP_FS_PATH_BYTES];
    struct init_row rows[INIT_NAMES_MAX];
    size_t count;
    const char *tcp; /* ADDR:PORT, or NULL */
};

static const char *const init_folders[] = {"etc", "etc/manifests", "keys", "state", "run"};
#define INIT_FOLDERS (sizeof init_folders / sizeof init_folders[0])

static void init_add(struct init_plan *plan, const char *name, uint32_t role)
{
    struct init_row *row = &plan->rows[plan->count++];
    (void)snprintf(row->name, sizeof row->name, "%s", name);
    row->role = role;
}

/* ADDR:PORT with a port from 1 to 65535; an IPv6 address stands in brackets. */
static bool init_tcp_good(const char *tcp)
{
    const char *colon = strrchr(tcp, ':');
    uint64_t port = 0;
    if (colon == NULL || colon == tcp || strlen(tcp) > SP_CONF_ENDPOINT_BYTES - 8 || strpbrk(tcp, " \t\"'#") != NULL)
        return false;
    if (memchr(tcp, ':', (size_t)(colon - tcp)) != NULL && (tcp[0] != '[' || colon[-1] != ']'))
        return false;
    return sp_str_u64(sp_str_of(colon + 1), 65535, &port) && port > 0;
}

static int init_plan(struct ctl *ctl, struct init_plan *plan)
{
    static const uint64_t range[2] = {0, SP_CONF_WORKERS_MAX}, bridges_range[2] = {0, INIT_BRIDGES_MAX};
    const char *given = ctl->args.values[CTL_OPT_PREFIX];
    char here[SP_FS_PATH_BYTES] = "/";
    uint64_t workers, bridges;
    if (given == NULL)
        return ctl_fail(ctl, CTL_USAGE, NULL, "--prefix /srv/spice, or any directory of yours", "init needs --prefix DIR");
    if (!ctl_args_number(&ctl->args, CTL_OPT_WORKERS, range, 1, &workers) ||
        !ctl_args_number(&ctl->args, CTL_OPT_BRIDGES, bridges_range, 1, &bridges))
        return ctl_fail(ctl, CTL_USAGE, NULL, NULL, "%s", ctl->args.why);
    if (given[0] != '/' && getcwd(here, sizeof here) == NULL)
        return ctl_fail(ctl, CTL_FAILED, NULL, "give an absolute --prefix", "the current directory has no name");
    if (sp_fs_join(plan->prefix, sizeof plan->prefix, here, given) != SP_OK)
        return ctl_fail(ctl, CTL_USAGE, given, "use a shorter one", "the prefix is too long");
    if (strlen(plan->prefix) + sizeof "/run/broker-1.sock" > INIT_SOCKET_PATH_MAX)
        return ctl_fail(ctl, CTL_USAGE, plan->prefix, "use a shorter one",
                        "the path of a socket under this prefix would exceed %u bytes", INIT_SOCKET_PATH_MAX);
    plan->tcp = ctl->args.values[CTL_OPT_BROKER_TCP];
    if (plan->tcp != NULL && !init_tcp_good(plan->tcp))
        return ctl_fail(ctl, CTL_USAGE, "--broker-tcp", "write an address other hosts can reach and a port: 192.0.2.10:7310",
                        "\"%s\" is not ADDR:PORT", plan->tcp);
    init_add(plan, "broker-1", SP_CONF_ROLE_BROKER);
    init_add(plan, "scheduler", SP_CONF_ROLE_SCHEDULER);
    init_add(plan, "keeper", SP_CONF_ROLE_KEEPER);
    init_add(plan, "admin", SP_CONF_ROLE_OPERATOR);
    init_add(plan, "reader-1", SP_CONF_ROLE_READER);
    char name[SP_KEYS_NAME_BYTES];
    for (uint64_t i = 1; i <= bridges; i++) {
        (void)snprintf(name, sizeof name, "bridge-%u", (unsigned)i);
        init_add(plan, name, SP_CONF_ROLE_BRIDGE);
    }
    for (uint64_t i = 1; i <= workers; i++) {
        (void)snprintf(name, sizeof name, "worker-%u", (unsigned)i);
        init_add(plan, name, SP_CONF_ROLE_WORKER);
    }
    return CTL_OK;
}

static bool init_path(const struct init_plan *plan, const char *folder, const char *name, char *to)
{
    int n = snprintf(to, SP_FS_PATH_BYTES, "%s/%s%s%s", plan->prefix, folder, name[0] != '\0' ? "/" : "", name);
    return n > 0 && (size_t)n < SP_FS_PATH_BYTES;
}

/* Everything that init writes, checked to be absent before the first byte is written. */
static int init_absent(struct ctl *ctl, const struct init_plan *plan)
{
    char path[SP_FS_PATH_BYTES];
    char name[64];
    static const char *const files[] = {"spice.yaml", "principals.yaml"};
    for (size_t i = 0; i < 2; i++) {
        if (init_path(plan, "etc", files[i], path) && access(path, F_OK) == 0)
            return ctl_fail(ctl, CTL_FAILED, path, "choose another --prefix, or remove the old fleet first",
                            "there is a fleet already");
    }
    for (size_t i = 0; i <= plan->count; i++) {
        (void)snprintf(name, sizeof name, "%s.key", i < plan->count ? plan->rows[i].name : "core");
        if (init_path(plan, "keys", name, path) && access(path, F_OK) == 0)
            return ctl_fail(ctl, CTL_FAILED, path, "keys are never overwritten; choose another --prefix", "there is a key already");
    }
    return CTL_OK;
}

static int init_show(struct ctl *ctl, const struct init_plan *plan)
{
    struct ctl_out *out = &ctl->out;
    if (ctl->json) {
        json_t *row =
            ctl_json_need(json_pack("{s:s, s:i, s:b}", "prefix", plan->prefix, "keys", (int)plan->count + 1, "dry_run", 1));
        ctl_json_print(out, row);
        json_decref(row);
        return CTL_OK;
    }
    ctl_out_print(out, "would make, under %s:\n", plan->prefix);
    for (size_t i = 0; i < INIT_FOLDERS; i++)
        ctl_out_print(out, "  %s/\n", init_folders[i]);
    ctl_out_print(out, "  etc/spice.yaml\n  etc/principals.yaml\n  keys/core.key\n");
    for (size_t i = 0; i < plan->count; i++)
        ctl_out_print(out, "  keys/%s.key\n", plan->rows[i].name);
    return CTL_OK;
}

static void init_conf_text(const struct init_plan *plan, const struct sp_conf_principals *principals, struct sp_buf *b)
{
    uint8_t deployment[16];
    char hex[sizeof deployment * 2 + 1];
    char admin[65];
    sp_random_bytes(deployment, sizeof deployment);
    sp_hex_write(deployment, sizeof deployment, hex);
    sp_buf_format(b,
                  "# SPICE on this host, written by spicectl init. All keys and their defaults: spice.yaml(5).\n"
                  "# Relative paths start from prefix; a relative prefix starts from the directory of this file.\n"
                  "prefix: ..\n\n"
                  "# Drawn once; every message is signed for this fleet and no other.\n"
                  "deployment: \"%s\"\n\n"
                  "# Clients connect to the first endpoint that works; the broker listens at bind.\n"
                  "brokers:\n"
                  "  - name: broker-1\n",
                  hex);
    if (plan->tcp == NULL)
        sp_buf_format(b, "    endpoints: [\"%s\"]\n", INIT_SOCKET);
    else
        sp_buf_format(b, "    endpoints: [\"%s\", \"tcp://%s\"]\n    bind: [\"%s\", \"tcp://%s\"]\n", INIT_SOCKET, plan->tcp,
                      INIT_SOCKET, plan->tcp);
    for (uint32_t i = 0; i < principals->count; i++) {
        if (principals->rows[i].role != SP_CONF_ROLE_OPERATOR)
            continue;
        sp_hex_write(principals->rows[i].sign, sizeof principals->rows[i].sign, admin);
        sp_buf_format(
            b,
            "\n# Plugins are started only with a manifest signed by one of these keys (this one: %s): spicectl manifest sign.\n"
            "worker:\n"
            "  plugin_dirs: [\"%s\"]\n"
            "  manifest_keys: [\"%s\"]\n",
            principals->rows[i].name, INIT_PLUGINS, admin);
    }
}

static enum sp_rc init_keys(const struct init_plan *plan, struct sp_conf_principals *principals, struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES];
    char name[64];
    for (size_t i = 0; i < plan->count; i++) {
        struct sp_keys_public pub;
        (void)snprintf(name, sizeof name, "%s.key", plan->rows[i].name);
        if (!init_path(plan, "keys", name, path))
            return sp_err_set(err, SP_E_LIMIT, plan->prefix, "the prefix is too long");
        enum sp_rc rc = sp_keys_create(path, plan->rows[i].name, &pub, err);
        if (rc != SP_OK)
            return rc;
        struct sp_conf_principal *row = &principals->rows[principals->count++];
        (void)snprintf(row->name, sizeof row->name, "%s", pub.name);
        row->role = plan->rows[i].role;
        memcpy(row->curve, pub.curve, sizeof row->curve);
        memcpy(row->sign, pub.sign, sizeof row->sign);
        if (row->role == SP_CONF_ROLE_WORKER)
            (void)snprintf(row->adapters, sizeof row->adapters, "*");
    }
    if (!init_path(plan, "keys", "core.key", path))
        return sp_err_set(err, SP_E_LIMIT, plan->prefix, "the prefix is too long");
    return sp_keys_core_create(path, err);
}

static enum sp_rc init_write(const struct init_plan *plan, const char *name, struct sp_buf *b, struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES];
    if (b->failed || !init_path(plan, "etc", name, path))
        return sp_err_set(err, SP_E_LIMIT, name, "the file would be too large");
    return sp_fs_create(path, b->p, b->n, 0600, err);
}

static enum sp_rc init_files(const struct init_plan *plan, struct sp_conf_principals *principals, struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES];
    struct sp_buf b;
    enum sp_rc rc = SP_OK;
    for (size_t i = 0; rc == SP_OK && i < INIT_FOLDERS; i++) {
        if (!init_path(plan, init_folders[i], "", path))
            return sp_err_set(err, SP_E_LIMIT, plan->prefix, "the prefix is too long");
        rc = sp_fs_mkdirs(path, 0700, err);
    }
    if (rc == SP_OK)
        rc = init_keys(plan, principals, err);
    sp_buf_init(&b, INIT_FILE_MAX);
    if (rc == SP_OK) {
        sp_buf_text(
            &b,
            "# Who may take part: names, roles and public keys. Workers that were enrolled are kept by the keeper, not here.\n");
        sp_conf_principals_print(principals, &b);
        rc = init_write(plan, "principals.yaml", &b, err);
    }
    sp_buf_reset(&b);
    /* The configuration comes last: where it is, the rest is complete. */
    if (rc == SP_OK) {
        init_conf_text(plan, principals, &b);
        rc = init_write(plan, "spice.yaml", &b, err);
    }
    sp_buf_fini(&b);
    return rc;
}

static void init_told(struct ctl *ctl, const struct init_plan *plan)
{
    struct ctl_out *out = &ctl->out;
    if (ctl->json) {
        ctl_out_print(out, "{\"prefix\": \"%s\", \"config\": \"%s/etc/spice.yaml\", \"keys\": %zu}\n", plan->prefix, plan->prefix,
                      plan->count + 1);
        return;
    }
    ctl_out_print(out,
                  "A new fleet is in %s: configuration, %zu keys, empty state.\n\n"
                  "Next:\n"
                  "  export SPICE_CONFIG=%s/etc/spice.yaml\n"
                  "  spice-broker --name broker-1 &\n"
                  "  spice-nodes --name keeper &\n"
                  "  spice-scheduler --name scheduler &\n",
                  plan->prefix, plan->count + 1, plan->prefix);
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->rows[i].role == SP_CONF_ROLE_WORKER)
            ctl_out_print(out, "  spice-worker --name %s &\n", plan->rows[i].name);
    }
    ctl_out_print(out, "  spicectl doctor\n");
}

int ctl_init_run(struct ctl *ctl)
{
    struct init_plan plan;
    struct sp_err err = {0};
    memset(&plan, 0, sizeof plan);
    int code = init_plan(ctl, &plan);
    if (code == CTL_OK)
        code = init_absent(ctl, &plan);
    if (code != CTL_OK)
        return code;
    if (ctl->dry_run)
        return init_show(ctl, &plan);
    struct sp_conf_principals *principals = calloc(1, sizeof *principals);
    if (principals == NULL)
        return ctl_fail(ctl, CTL_FAILED, NULL, NULL, "out of memory");
    code = ctl_crypto_open(ctl);
    if (code != CTL_OK) {
        free(principals);
        return code;
    }
    enum sp_rc rc = init_files(&plan, principals, &err);
    free(principals);
    sp_crypto_fini();
    if (rc != SP_OK)
        return ctl_fail(ctl, CTL_FAILED, err.where, err.hint, "%s", err.text);
    init_told(ctl, &plan);
    return CTL_OK;
}
