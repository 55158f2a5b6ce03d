/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol_places.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_BYTES 16384u

struct place {
    const char *path; /* below the root; %s: the name of the principal */
    mode_t mode;
    bool user; /* belongs to the process' user; else to root */
    bool group;
};

/* As ops/systemd/spice.tmpfiles; a directory that is there already stays as it is, but for the one of the new keys. */
static const struct place unit_places[] = {
    {"etc/spice", 0750, false, true},          {"etc/spice/keys", 0755, false, false},     {"etc/spice/keys.d", 0711, false, false},
    {"etc/spice/keys.d/%s", 0700, true, true}, {"etc/spice/manifests", 0750, false, true}, {"var/lib/spice", 0751, false, true},
    {"run/spice", 0750, false, true},
};

static enum sp_rc join(char to[SP_FS_PATH_BYTES], const char *base, const char *path, struct sp_err *err)
{
    return sp_fs_join(to, SP_FS_PATH_BYTES, base, path) == SP_OK ? SP_OK
                                                                 : sp_err_set(err, SP_E_LIMIT, base, "the path is too long");
}

static enum sp_rc missing(const char *what, struct sp_err *err)
{
    (void)sp_err_set(err, SP_E_NOT_FOUND, what, "no such user or group on this host");
    sp_err_hint(err, "systemd-sysusers with ops/systemd/spice.sysusers makes them; --prefix DIR needs none");
    return SP_E_NOT_FOUND;
}

/* Users of another root are in its own files, those of this host wherever the C library looks. */
static bool find_user(const char *root, const char *user, uid_t *uid)
{
    char path[SP_FS_PATH_BYTES], memory[NAMES_BYTES];
    struct passwd pw, *found = NULL;
    if (root[0] == '\0') {
        (void)getpwnam_r(user, &pw, memory, sizeof memory, &found);
        *uid = found != NULL ? pw.pw_uid : 0;
        return found != NULL;
    }
    FILE *f = sp_fs_join(path, sizeof path, root, "etc/passwd") == SP_OK ? fopen(path, "re") : NULL;
    bool is = false;
    while (f != NULL && !is && fgetpwent_r(f, &pw, memory, sizeof memory, &found) == 0) {
        is = strcmp(pw.pw_name, user) == 0;
        *uid = pw.pw_uid;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return is;
}

static bool find_group(const char *root, gid_t *gid)
{
    char path[SP_FS_PATH_BYTES], memory[NAMES_BYTES];
    struct group gr, *found = NULL;
    if (root[0] == '\0') {
        (void)getgrnam_r(ENROL_GROUP, &gr, memory, sizeof memory, &found);
        *gid = found != NULL ? gr.gr_gid : 0;
        return found != NULL;
    }
    FILE *f = sp_fs_join(path, sizeof path, root, "etc/group") == SP_OK ? fopen(path, "re") : NULL;
    bool is = false;
    while (f != NULL && !is && fgetgrent_r(f, &gr, memory, sizeof memory, &found) == 0) {
        is = strcmp(gr.gr_name, ENROL_GROUP) == 0;
        *gid = gr.gr_gid;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return is;
}

static enum sp_rc make_dir(const struct enrol_places *self, const struct place *p, const char *path, struct sp_err *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && !p->user) {
        return S_ISDIR(st.st_mode) ? SP_OK : sp_err_set(err, SP_E_EXISTS, path, "exists and is not a directory");
    }
    char above[SP_FS_PATH_BYTES];
    (void)sp_str_copy(above, sizeof above, sp_str_bytes(path, (size_t)(strrchr(path, '/') - path)));
    enum sp_rc rc = above[0] != '\0' ? sp_fs_mkdirs(above, 0755, err) : SP_OK;
    rc = rc == SP_OK ? sp_fs_mkdirs(path, p->mode, err) : rc;
    if (rc == SP_OK && chmod(path, p->mode) != 0) {
        rc = sp_err_set(err, SP_E_PERMISSION, path, "cannot set its mode: %s", strerror(errno));
    }
    if (rc == SP_OK && self->owns && chown(path, p->user ? self->user : 0, p->group ? self->group : 0) != 0) {
        rc = sp_err_set(err, SP_E_PERMISSION, path, "cannot give it to its owner: %s", strerror(errno));
    }
    return rc;
}

static enum sp_rc make_unit_places(const char *root, const char *name, struct enrol_places *self, struct sp_err *err)
{
    char path[SP_FS_PATH_BYTES], below[96];
    const char *base = root[0] != '\0' ? root : "/", *user = self->attester ? ENROL_ATTESTER_USER : ENROL_WORKER_USER;
    if (geteuid() != 0 && root[0] == '\0') {
        (void)sp_err_set(err, SP_E_PERMISSION, "enrol", "only root can write where the units look");
        sp_err_hint(err, "run it as root, or choose a directory of yours with --prefix DIR");
        return SP_E_PERMISSION;
    }
    (void)umask(022); /* what is between the root and ours is for all to pass */
    self->owns = geteuid() == 0;
    if (self->owns && !find_user(root, user, &self->user)) {
        return missing(user, err);
    }
    if (self->owns && !find_group(root, &self->group)) {
        return missing(ENROL_GROUP, err);
    }
    enum sp_rc rc = join(self->conf, base, "etc/spice/spice.yaml", err);
    rc = rc == SP_OK ? join(self->principals, base, "etc/spice/principals.yaml", err) : rc;
    rc = rc == SP_OK ? join(self->manifests, base, "etc/spice/manifests", err) : rc;
    (void)snprintf(below, sizeof below, "etc/spice/keys.d/%s/%s.key", name, name);
    rc = rc == SP_OK ? join(self->key, base, below, err) : rc;
    for (size_t i = 0; i < SP_COUNT(unit_places) && rc == SP_OK; i++) {
        const char *form = unit_places[i].path, *at = strstr(form, "%s");
        (void)snprintf(below, sizeof below, "%.*s%s", (int)(at != NULL ? (size_t)(at - form) : strlen(form)), form,
                       at != NULL ? name : "");
        rc = join(path, base, below, err);
        rc = rc == SP_OK ? make_dir(self, &unit_places[i], path, err) : rc;
    }
    return rc;
}

static enum sp_rc make_prefix(const char *prefix, const char *name, struct enrol_places *self, struct sp_err *err)
{
    static const char *const folders[] = {"etc", "etc/manifests", "keys", "state", "run"};
    char path[SP_FS_PATH_BYTES], below[64];
    (void)snprintf(below, sizeof below, "keys/%s.key", name);
    enum sp_rc rc = join(self->conf, prefix, "etc/spice.yaml", err);
    rc = rc == SP_OK ? join(self->principals, prefix, "etc/principals.yaml", err) : rc;
    rc = rc == SP_OK ? join(self->manifests, prefix, "etc/manifests", err) : rc;
    rc = rc == SP_OK ? join(self->key, prefix, below, err) : rc;
    for (size_t i = 0; i < SP_COUNT(folders) && rc == SP_OK; i++) {
        rc = join(path, prefix, folders[i], err);
        rc = rc == SP_OK ? sp_fs_mkdirs(path, 0700, err) : rc;
    }
    return rc;
}

enum sp_rc enrol_places_make(const struct enrol_options *options, const char *name, struct enrol_places *out, struct sp_err *err)
{
    memset(out, 0, sizeof *out);
    const char *prefix = options->prefix, *root = options->root;
    out->attester = options->attester;
    out->units = prefix == NULL;
    if (prefix != NULL && root != NULL) {
        (void)sp_err_set(err, SP_E_USAGE, "--root", "does not go together with --prefix");
        sp_err_hint(err, "--prefix DIR: everything below DIR; --root DIR: as the units expect it, in the system below DIR");
        return SP_E_USAGE;
    }
    return prefix != NULL ? make_prefix(prefix, name, out, err) : make_unit_places(root != NULL ? root : "", name, out, err);
}

void enrol_places_text(const struct enrol_places *self, struct sp_buf *b)
{
    if (!self->units) {
        sp_buf_text(b, "prefix: ..\n");
        return;
    }
    sp_buf_text(b, "prefix: /var/lib/spice\nprincipals: /etc/spice/principals.yaml\n"
                   "# The unit mounts keys.d/NAME there.\n"
                   "keys: /etc/spice/keys\nstate: /var/lib/spice\nrun: /run/spice\n");
}

enum sp_rc enrol_places_own(const struct enrol_places *self, struct sp_err *err)
{
    const char *const shared[] = {self->conf, self->principals};
    if (!self->units) {
        return SP_OK;
    }
    for (size_t i = 0; i < SP_COUNT(shared); i++) {
        if (chmod(shared[i], 0640) != 0 || (self->owns && chown(shared[i], 0, self->group) != 0)) {
            return sp_err_set(err, SP_E_PERMISSION, shared[i], "cannot give it to its group: %s", strerror(errno));
        }
    }
    /* Not through a link: the directory is already of the user, who could have put one there. */
    if (self->owns && lchown(self->key, self->user, self->group) != 0) {
        return sp_err_set(err, SP_E_PERMISSION, self->key, "cannot give it to its owner: %s", strerror(errno));
    }
    return SP_OK;
}
