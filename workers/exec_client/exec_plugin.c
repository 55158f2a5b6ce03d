/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "msg.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u /* Linux 6.3: says that the copy is meant to be run */
#endif
#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

enum { STAMP_MANIFEST, STAMP_SIGNATURE, STAMP_FILE };

static struct exec_plugin_stamp stamp_of(const struct stat *st)
{
    return (struct exec_plugin_stamp){.dev = st->st_dev,
                                      .ino = st->st_ino,
                                      .size = (uint64_t)st->st_size,
                                      .mtime_s = st->st_mtim.tv_sec,
                                      .mtime_ns = st->st_mtim.tv_nsec,
                                      .ctime_s = st->st_ctim.tv_sec,
                                      .ctime_ns = st->st_ctim.tv_nsec};
}

/* A file that is not there has a stamp of zeroes. */
static struct exec_plugin_stamp stamp_path(const char *path)
{
    struct stat st;
    if (path[0] == '\0' || stat(path, &st) != 0)
        return (struct exec_plugin_stamp){0};
    return stamp_of(&st);
}

static bool same(const struct exec_plugin_stamp *a, const struct exec_plugin_stamp *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static void refuse(struct exec_plugin *p, uint16_t reason, const char *why)
{
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
    p->generation = 0;
    p->reason = reason;
    (void)sp_str_copy(p->why, sizeof p->why, sp_str_of(why));
}

/* ---- the sealed copy ---- */

static int new_memory(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

/* Effect: copies from `in` to `out`, hashing what is written. */
static bool copy_and_hash(int in, int out, uint8_t sha256[32], bool *script)
{
    struct sp_crypto_sha256 hash;
    uint8_t part[65536];
    uint64_t total = 0;
    ssize_t n;
    sp_crypto_sha256_init(&hash);
    while ((n = read(in, part, sizeof part)) > 0) {
        if (total == 0)
            *script = n >= 2 && part[0] == '#' && part[1] == '!';
        total += (uint64_t)n;
        if (total > MANIFEST_PLUGIN_BYTES_MAX || !sp_fs_write_all(out, part, (size_t)n))
            return false;
        sp_crypto_sha256_update(&hash, part, (size_t)n);
    }
    sp_crypto_sha256_final(&hash, sha256);
    return n == 0;
}

/* Effect: *copy is a read-only descriptor of sealed memory with the content of the file at path. */
static bool seal_copy(const char *name, const char *path, uint8_t sha256[32], bool *script, struct exec_plugin_stamp *stamp,
                      int *copy)
{
    struct stat st;
    int in = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int out = new_memory(name);
    bool ok = in >= 0 && out >= 0 && fstat(in, &st) == 0 && S_ISREG(st.st_mode) && copy_and_hash(in, out, sha256, script);
    if (ok) {
        char link[40];
        *stamp = stamp_of(&st);
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", out);
        ok = fchmod(out, 0555) == 0 && fcntl(out, F_ADD_SEALS, SEALS) == 0;
        /* A second, read-only descriptor: a file that is open for writing cannot be started. */
        *copy = ok ? open(link, O_RDONLY | O_CLOEXEC) : -1;
        ok = *copy >= 0;
    }
    if (in >= 0)
        (void)close(in);
    if (out >= 0)
        (void)close(out);
    return ok;
}

/* ---- verification ---- */

static void find_manifest(const struct exec_plugins *self, struct exec_plugin *p)
{
    p->manifest_path[0] = '\0';
    for (uint32_t i = 0; i < self->dirs; i++) {
        struct stat st;
        char path[SP_FS_PATH_BYTES];
        int n = snprintf(path, sizeof path, "%s/%s" MANIFEST_SUFFIX, self->dir[i], p->name);
        if (n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0) {
            memcpy(p->manifest_path, path, sizeof path);
            return;
        }
    }
}

/* Effect: rights of a plugin nobody has signed, where the administrator allows that. False: there is no such file. */
static bool assume_manifest(const struct exec_plugins *self, struct exec_plugin *p)
{
    struct manifest *m = &p->manifest;
    *m = (struct manifest){
        .interface = MANIFEST_INTERFACE, .arguments_count = 1, .arguments = {"*"}, .max_output = EXEC_OUTPUT_DEFAULT};
    (void)sp_str_copy(m->name, sizeof m->name, sp_str_of(p->name));
    for (uint32_t i = 0; i < self->dirs; i++) {
        struct stat st;
        int n = snprintf(m->plugin, sizeof m->plugin, "%s/%s", self->dir[i], p->name);
        if (n > 0 && (size_t)n < sizeof m->plugin && stat(m->plugin, &st) == 0 && S_ISREG(st.st_mode))
            return true;
    }
    m->plugin[0] = '\0';
    return false;
}

static bool load_statement(struct exec_plugins *self, struct exec_plugin *p)
{
    struct sp_err err;
    char line[EXEC_PLUGIN_WHY_BYTES];
    sp_err_clear(&err);
    find_manifest(self, p);
    p->has_signature = p->manifest_path[0] != '\0';
    if (p->has_signature) {
        if (manifest_load(p->manifest_path, &self->keys, &p->manifest, &err) != SP_OK) {
            sp_err_line(&err, line, sizeof line);
            refuse(p, SP_REASON_UNSIGNED_PLUGIN, line);
            return false;
        }
        if (strcmp(p->manifest.name, p->name) != 0) {
            refuse(p, SP_REASON_UNSIGNED_PLUGIN, "the manifest is of a plugin with another name");
            return false;
        }
        return true;
    }
    if (self->required) {
        (void)snprintf(line, sizeof line,
                       "no %s" MANIFEST_SUFFIX " in manifest_dir or plugin_dirs: spicectl manifest sign makes it", p->name);
        refuse(p, SP_REASON_UNSIGNED_PLUGIN, line);
        return false;
    }
    if (assume_manifest(self, p))
        return true;
    refuse(p, SP_REASON_SPAWN, "no such plugin in plugin_dirs");
    return false;
}

static void stamp_statement(struct exec_plugin *p)
{
    char path[SP_FS_PATH_BYTES] = "";
    size_t n = strlen(p->manifest_path);
    if (n > strlen(MANIFEST_SUFFIX))
        (void)snprintf(path, sizeof path, "%.*s" MANIFEST_SIG_SUFFIX, (int)(n - strlen(MANIFEST_SUFFIX)), p->manifest_path);
    p->stamp[STAMP_MANIFEST] = stamp_path(p->manifest_path);
    p->stamp[STAMP_SIGNATURE] = stamp_path(path);
}

static void verify(struct exec_plugins *self, struct exec_plugin *p)
{
    uint8_t digest[32];
    int copy = -1;
    bool script = false;
    p->manifest.plugin[0] = '\0';
    find_manifest(self, p);
    stamp_statement(p); /* before reading: what changes meanwhile is seen at the next look */
    p->stamp[STAMP_FILE] = (struct exec_plugin_stamp){0};
    if (!load_statement(self, p))
        return;
    self->verifications++;
    if (!seal_copy(p->name, p->manifest.plugin, digest, &script, &p->stamp[STAMP_FILE], &copy)) {
        refuse(p, SP_REASON_SPAWN, "the plugin's file cannot be read");
        p->stamp[STAMP_FILE] = stamp_path(p->manifest.plugin);
        return;
    }
    if (p->has_signature && !sp_crypto_equal(digest, p->manifest.sha256, sizeof digest)) {
        (void)close(copy);
        refuse(p, SP_REASON_UNSIGNED_PLUGIN, "the plugin's file is not the one its manifest was signed for");
        return;
    }
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = copy;
    p->script = script;
    p->generation = ++p->verified;
    p->reason = SP_REASON_OK;
    p->why[0] = '\0';
}

static bool has_changed(const struct exec_plugins *self, struct exec_plugin *p)
{
    struct exec_plugin now = {0};
    if (p->manifest_path[0] == '\0') { /* one may have come */
        memcpy(now.name, p->name, sizeof now.name);
        find_manifest(self, &now);
    } else {
        memcpy(now.manifest_path, p->manifest_path, sizeof now.manifest_path);
    }
    stamp_statement(&now);
    now.stamp[STAMP_FILE] = stamp_path(p->manifest.plugin);
    for (int i = 0; i < 3; i++)
        if (!same(&now.stamp[i], &p->stamp[i]))
            return true;
    return false;
}

bool exec_plugins_refresh(struct exec_plugins *self, struct exec_plugin *p, uint64_t now_us)
{
    if (now_us - p->looked_us < EXEC_PLUGIN_RECHECK_US)
        return p->generation != 0;
    p->looked_us = now_us;
    if (p->generation == 0 || has_changed(self, p))
        verify(self, p);
    return p->generation != 0;
}

struct exec_plugin *exec_plugins_get(struct exec_plugins *self, const char *name, uint64_t now_us)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (strcmp(self->row[i]->name, name) == 0)
            return self->row[i];
    struct exec_plugin *p = NULL;
    if (self->count < EXEC_PLUGINS_MAX && sp_str_is_name(sp_str_of(name), MANIFEST_NAME_BYTES - 1))
        p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    (void)sp_str_copy(p->name, sizeof p->name, sp_str_of(name));
    p->fd = -1;
    p->number = self->count;
    p->looked_us = now_us;
    self->row[self->count++] = p;
    verify(self, p);
    return p;
}

void exec_plugins_fini(struct exec_plugins *self)
{
    while (self->count > 0) {
        struct exec_plugin *p = self->row[--self->count];
        if (p->fd >= 0)
            (void)close(p->fd);
        free(p);
    }
    manifest_keys_fini(&self->keys);
}
