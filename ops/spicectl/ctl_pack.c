/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "host export": a tar archive (POSIX ustar) with the configuration, the principals and the key files that the programs of the
 * given roles need on another host, and nothing else. Paths start from the prefix.
 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_host.h"
#include "ctl_tar.h"

#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_keys.h"
#include "sp_str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACK_TEXT_MAX    1048576u
#define PACK_ARCHIVE_MAX 8388608u

struct pack {
    const struct sp_conf *conf;
    const struct sp_conf_principals *principals;
    bool chosen[SP_CONF_PRINCIPALS_MAX];
    size_t count;
    bool core; /* scheduler or keeper: the shared secret too */
};

/* Role words, for suggestions. */
static int pack_unknown(struct ctl *ctl, const struct pack *pack, const char *word)
{
    const char *words[SP_CONF_PRINCIPALS_MAX + 8];
    size_t count = 0;
    char hint[128];
    for (size_t i = 1; sp_conf_role_words[i] != NULL && i < 7; i++)
        words[count++] = sp_conf_role_words[i];
    for (uint32_t i = 0; i < pack->principals->count; i++)
        words[count++] = pack->principals->rows[i].name;
    const char *near = sp_str_nearest(sp_str_of(word), words, count);
    (void)snprintf(hint, sizeof hint, near != NULL ? "did you mean %s?" : "see spicectl key list", near);
    return ctl_fail(ctl, CTL_USAGE, pack->conf->principals, hint, "no role or principal \"%s\"", word);
}

static int pack_choose(struct ctl *ctl, struct pack *pack)
{
    for (size_t n = 0; n < ctl->args.names_count; n++) {
        const char *word = ctl->args.names[n];
        size_t found = 0;
        for (uint32_t i = 0; i < pack->principals->count; i++) {
            const struct sp_conf_principal *row = &pack->principals->rows[i];
            if (strcmp(row->name, word) != 0 && strcmp(sp_conf_role_words[row->role], word) != 0)
                continue;
            found++;
            pack->count += pack->chosen[i] ? 0 : 1;
            pack->chosen[i] = true;
            pack->core = pack->core || row->role == SP_CONF_ROLE_SCHEDULER || row->role == SP_CONF_ROLE_KEEPER;
        }
        if (found == 0)
            return pack_unknown(ctl, pack, word);
    }
    return CTL_OK;
}

static bool pack_is_tcp(const char *endpoint)
{
    return strncmp(endpoint, "tcp://", 6) == 0;
}

/* True when each broker can be reached from another host. */
static int pack_reachable(struct ctl *ctl, const struct pack *pack)
{
    for (uint32_t i = 0; i < pack->conf->broker_count; i++) {
        const struct sp_conf_link *link = &pack->conf->brokers[i];
        bool tcp = false;
        for (uint32_t e = 0; e < link->endpoint_count; e++)
            tcp = tcp || pack_is_tcp(link->endpoints[e]);
        if (!tcp)
            return ctl_fail(ctl, CTL_FAILED, pack->conf->file,
                            "add \"tcp://ADDR:PORT\" to its endpoints and bind, or init with --broker-tcp",
                            "broker %s has no tcp endpoint, another host cannot reach it", link->name);
    }
    return CTL_OK;
}

/* Paths were made absolute when the configuration was loaded; under the prefix they are relative again. */
static void pack_relative(const char *prefix, char *path)
{
    size_t n = strlen(prefix);
    if (strncmp(path, prefix, n) == 0 && path[n] == '/')
        memmove(path, path + n + 1, strlen(path + n + 1) + 1);
}

static void pack_relative_worker(const char *prefix, struct sp_conf_worker *worker)
{
    pack_relative(prefix, worker->manifest_dir);
    pack_relative(prefix, worker->spool);
    pack_relative(prefix, worker->libexec);
    for (uint32_t i = 0; i < worker->plugin_dir_count; i++)
        pack_relative(prefix, worker->plugin_dirs[i]);
}

static uint32_t pack_only_tcp(char list[][SP_CONF_ENDPOINT_BYTES], uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!pack_is_tcp(list[i]))
            continue;
        if (kept != i)
            memcpy(list[kept], list[i], SP_CONF_ENDPOINT_BYTES);
        kept++;
    }
    return kept;
}

/* The configuration of the other host: the same settings, the paths of the archive, and only endpoints that reach it. */
static void pack_conf(const struct pack *pack, struct sp_conf *copy, struct sp_buf *b)
{
    const char *prefix = pack->conf->prefix;
    *copy = *pack->conf;
    (void)snprintf(copy->prefix, sizeof copy->prefix, "..");
    (void)snprintf(copy->principals, sizeof copy->principals, "etc/principals.yaml");
    (void)snprintf(copy->keys, sizeof copy->keys, "keys");
    (void)snprintf(copy->state, sizeof copy->state, "state");
    (void)snprintf(copy->run, sizeof copy->run, "run");
    pack_relative(prefix, copy->broker.principals_cache);
    pack_relative(prefix, copy->scheduler.store);
    pack_relative(prefix, copy->keeper.store);
    pack_relative(prefix, copy->keeper.audit_export);
    pack_relative(prefix, copy->keeper.nodes_file);
    pack_relative_worker(prefix, &copy->worker);
    for (uint32_t i = 0; i < copy->worker_count; i++)
        pack_relative_worker(prefix, &copy->workers[i]);
    for (uint32_t i = 0; i < copy->broker_count; i++) {
        struct sp_conf_link *link = &copy->brokers[i];
        link->endpoint_count = pack_only_tcp(link->endpoints, link->endpoint_count);
        link->bind_count = pack_only_tcp(link->bind, link->bind_count);
    }
    sp_buf_text(b, "# SPICE on this host, written by spicectl host export. All keys and their defaults: spice.yaml(5).\n");
    sp_conf_print(copy, b);
}

static int pack_key(struct ctl *ctl, const struct pack *pack, const char *name, struct sp_buf *archive)
{
    char path[SP_FS_PATH_BYTES];
    char inside[SP_FS_PATH_BYTES];
    char secret[SP_KEYS_FILE_BYTES_MAX];
    struct sp_err err = {0};
    size_t n = 0;
    if (sp_conf_key_path(pack->conf, name, path, sizeof path) != SP_OK)
        return ctl_fail(ctl, CTL_FAILED, pack->conf->keys, NULL, "the path of the key of %s is too long", name);
    if (sp_fs_read_into(path, secret, sizeof secret, SP_FS_PRIVATE, &n, &err) != SP_OK)
        return ctl_fail(ctl, CTL_FAILED, err.where, "export on the host that has this key", "%s", err.text);
    (void)snprintf(inside, sizeof inside, "keys/%s.key", name);
    ctl_tar_file(archive, inside, sp_str_bytes(secret, n), 0600);
    sp_crypto_wipe(secret, sizeof secret);
    return CTL_OK;
}

static int pack_fill(struct ctl *ctl, const struct pack *pack, struct sp_buf *archive)
{
    struct sp_buf text;
    int code = CTL_OK;
    struct sp_conf *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return ctl_fail(ctl, CTL_FAILED, NULL, NULL, "out of memory");
    sp_buf_init(&text, PACK_TEXT_MAX);
    ctl_tar_folder(archive, "etc", 0700);
    ctl_tar_folder(archive, "keys", 0700);
    ctl_tar_folder(archive, "state", 0700);
    ctl_tar_folder(archive, "run", 0700);
    pack_conf(pack, copy, &text);
    ctl_tar_file(archive, "etc/spice.yaml", sp_buf_view(&text), 0600);
    sp_buf_reset(&text);
    sp_conf_principals_print(pack->principals, &text);
    ctl_tar_file(archive, "etc/principals.yaml", sp_buf_view(&text), 0600);
    for (uint32_t i = 0; code == CTL_OK && i < pack->principals->count; i++) {
        if (pack->chosen[i])
            code = pack_key(ctl, pack, pack->principals->rows[i].name, archive);
    }
    if (code == CTL_OK && pack->core)
        code = pack_key(ctl, pack, "core", archive);
    ctl_tar_end(archive);
    if (code == CTL_OK && (text.failed || archive->failed))
        code = ctl_fail(ctl, CTL_FAILED, NULL, NULL, "the archive would be larger than %u bytes", PACK_ARCHIVE_MAX);
    sp_buf_fini(&text);
    free(copy);
    return code;
}

static int pack_write(struct ctl *ctl, const struct pack *pack)
{
    struct sp_buf archive;
    struct sp_err err = {0};
    const char *to = ctl->args.values[CTL_OPT_TO];
    sp_buf_init(&archive, PACK_ARCHIVE_MAX);
    int code = pack_fill(ctl, pack, &archive);
    if (code == CTL_OK && sp_fs_create(to, archive.p, archive.n, 0600, &err) != SP_OK)
        code = ctl_fail(ctl, CTL_FAILED, err.where, err.hint, "%s", err.text);
    if (archive.p != NULL)
        sp_crypto_wipe(archive.p, archive.size);
    sp_buf_fini(&archive);
    return code;
}

int ctl_pack_run(struct ctl *ctl)
{
    static struct pack pack; /* zeroed; one run per process */
    struct sp_err err = {0};
    const char *to = ctl->args.values[CTL_OPT_TO];
    if (to == NULL)
        return ctl_fail(ctl, CTL_USAGE, NULL, "spicectl host export worker-1 --to worker-1.tar", "host export needs --to FILE");
    if (!ctl_host_conf(ctl, &pack.conf, &err) || !ctl_host_principals(ctl, &pack.principals, &err))
        return ctl_host_fail(ctl, &err);
    int code = pack_choose(ctl, &pack);
    if (code == CTL_OK)
        code = pack_reachable(ctl, &pack);
    if (code == CTL_OK && !ctl->dry_run)
        code = pack_write(ctl, &pack);
    if (code != CTL_OK)
        return code;
    for (uint32_t i = 0; i < pack.principals->count; i++) {
        if (pack.chosen[i] && !ctl->json)
            ctl_out_print(&ctl->out, "%s keys/%s.key\n", ctl->dry_run ? "would pack" : "packed", pack.principals->rows[i].name);
    }
    if (ctl->json)
        ctl_out_print(&ctl->out, "{\"keys\": %zu, \"core\": %s, \"dry_run\": %s}\n", pack.count, pack.core ? "true" : "false",
                      ctl->dry_run ? "true" : "false");
    else if (!ctl->dry_run)
        ctl_out_print(&ctl->out,
                      "On the other host: tar -xpf %s -C PREFIX, and delete the archive on both: it holds secret keys.\n", to);
    return CTL_OK;
}
