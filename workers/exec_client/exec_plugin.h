/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_plugin.h - the plugins of this worker: found by name, verified, and held as sealed copies in memory.
 *
 * The bytes that were hashed are the bytes that run: the file is copied once into memory that nobody can change any more, and the
 * spawn helper starts that copy by its descriptor. What later happens to the file changes nothing until the manifest, its signature
 * or the file look different (device, inode, size, times); then everything is verified anew.
 */
#ifndef EXEC_PLUGIN_H
#define EXEC_PLUGIN_H

#include "exec_proto.h"
#include "manifest.h"

#define EXEC_PLUGIN_DIRS_MAX   17u     /* the manifest directory and plugin_dirs */
#define EXEC_PLUGIN_RECHECK_US 250000u /* how often files are looked at while a plugin is in use */
#define EXEC_PLUGIN_WHY_BYTES  256u

struct exec_plugin_stamp {
    uint64_t dev, ino, size;
    int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
};

struct exec_plugin {
    char name[MANIFEST_NAME_BYTES];
    uint32_t number;     /* the same in all helpers */
    uint32_t generation; /* of the sealed copy; 0: not usable now, see reason and why */
    uint32_t verified;   /* private: generations given so far */
    int fd;              /* sealed copy, read-only; -1 */
    bool script;
    bool has_signature;
    struct manifest manifest; /* valid while usable */
    uint16_t reason;          /* enum sp_reason of why it is not usable */
    char why[EXEC_PLUGIN_WHY_BYTES];
    uint64_t looked_us;                   /* private */
    struct exec_plugin_stamp stamp[3];    /* private: manifest, signature, file */
    char manifest_path[SP_FS_PATH_BYTES]; /* private */
};

struct exec_plugins {
    char dir[EXEC_PLUGIN_DIRS_MAX][SP_FS_PATH_BYTES]; /* searched in this order for NAME.manifest.yaml */
    uint32_t dirs;
    struct manifest_keys keys;
    bool required; /* false: a file NAME without a manifest may run, without network, with any arguments */
    struct exec_plugin *row[EXEC_PLUGINS_MAX];
    uint32_t count;
    uint64_t verifications; /* times a file was read and hashed */
};

/* Effect: releases all plugins; the struct is zeroed by its owner before first use. */
void exec_plugins_fini(struct exec_plugins *self);
/* Lends (until fini): the plugin of that name, looked up on disk when it is new. NULL: bad name, or too many plugins. */
struct exec_plugin *exec_plugins_get(struct exec_plugins *self, const char *name, uint64_t now_us);
/* Effect: verifies anew when files have changed; looks at most every EXEC_PLUGIN_RECHECK_US. True: usable. */
bool exec_plugins_refresh(struct exec_plugins *self, struct exec_plugin *plugin, uint64_t now_us);

#endif
