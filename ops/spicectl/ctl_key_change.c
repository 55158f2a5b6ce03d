/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New keys for a principal of principals.yaml whose key file is on this host.
 *
 *     rotate             keys/NAME.key is replaced, and the row with it: whoever reads the row refuses the old keys
 *     prepare, switch    the row gets a second pair (keys/NAME.key.next); then that pair is put in place and the first one gets an
 * end
 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_host.h"

#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_keys.h"
#include "sp_time.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX   1048576u
#define KEY_OVERLAP_MS (86400u * 1000u)

struct key_change {
    char path[SP_FS_PATH_BYTES];
    char fresh[SP_FS_PATH_BYTES + 8]; /* while it is being written */
    char next[SP_FS_PATH_BYTES + 8];
    char old[SP_FS_PATH_BYTES + 8];
    struct sp_conf_principals *principals; /* a copy with the new public keys */
    struct sp_conf_principal *row;
};

static enum sp_rc key_change_file(const struct sp_conf *conf, const struct key_change *change, struct sp_err *err)
{
    struct sp_buf text;
    sp_buf_init(&text, KEY_FILE_MAX);
    sp_buf_text(
        &text, "# Who may take part: names, roles and public keys. Workers that were enrolled are kept by the keeper, not here.\n");
    sp_conf_principals_print(change->principals, &text);
    enum sp_rc rc = text.failed ? sp_err_set(err, SP_E_LIMIT, conf->principals, "the file would be too large")
                                : sp_fs_write(conf->principals, text.p, text.n, 0600, err);
    sp_buf_fini(&text);
    return rc;
}

/* The file of keys takes the place of the one in use, which is kept as .old. */
static enum sp_rc key_change_place(const struct key_change *change, const char *from, struct sp_err *err)
{
    if (rename(change->path, change->old) != 0 || rename(from, change->path) != 0)
        return sp_err_set(err, SP_E_IO, change->path, "the key file cannot be replaced");
    return SP_OK;
}

static int key_change_find(struct ctl *ctl, struct key_change *change)
{
    const struct sp_conf *conf;
    const struct sp_conf_principals *principals;
    struct sp_err err = {0};
    const char *name = ctl->args.names[0];
    if (!ctl_host_conf(ctl, &conf, &err) || !ctl_host_principals(ctl, &principals, &err))
        return ctl_host_fail(ctl, &err);
    change->principals = malloc(sizeof *change->principals);
    if (change->principals == NULL)
        return ctl_fail(ctl, CTL_FAILED, NULL, NULL, "out of memory");
    memcpy(change->principals, principals, sizeof *principals);
    for (uint32_t p = 0; p < principals->count && change->row == NULL; p++)
        change->row = strcmp(principals->rows[p].name, name) == 0 ? &change->principals->rows[p] : NULL;
    if (change->row == NULL)
        return ctl_fail(ctl, CTL_FAILED, conf->principals,
                        "an enrolled worker gets new keys by: spicectl worker invite, then spice-worker enrol",
                        "no principal \"%s\" in this file", name);
    if (sp_conf_key_path(conf, name, change->path, sizeof change->path) != SP_OK || access(change->path, R_OK | W_OK) != 0)
        return ctl_fail(ctl, CTL_FAILED, change->path, "rotate where the key is", "the key of %s is not on this host, or not ours",
                        name);
    (void)snprintf(change->fresh, sizeof change->fresh, "%s.new", change->path);
    (void)snprintf(change->next, sizeof change->next, "%s.next", change->path);
    (void)snprintf(change->old, sizeof change->old, "%s.old", change->path);
    return ctl_crypto_open(ctl);
}

static void key_change_json(struct ctl *ctl, const struct key_change *change, const char *before, const char *after,
                            const char *until)
{
    ctl_out_print(&ctl->out, "{\"name\": \"%s\", \"before\": \"%s\", \"after\": \"%s\", ", change->row->name, before, after);
    if (until != NULL)
        ctl_out_print(&ctl->out, "\"until\": \"%s\", ", until);
    ctl_out_print(&ctl->out, "\"dry_run\": %s}\n", ctl->dry_run ? "true" : "false");
}

/* ---- rotate ---- */

static enum sp_rc key_rotate_write(const struct sp_conf *conf, struct key_change *change, struct sp_err *err)
{
    struct sp_keys_public pub;
    enum sp_rc rc = sp_keys_create(change->fresh, change->row->name, &pub, err);
    if (rc != SP_OK)
        return rc;
    memcpy(change->row->curve, pub.curve, sizeof pub.curve);
    memcpy(change->row->sign, pub.sign, sizeof pub.sign);
    /* The key first: between the two, doctor sees a key that does not fit its row, and says so. */
    rc = key_change_place(change, change->fresh, err);
    return rc == SP_OK ? key_change_file(conf, change, err) : rc;
}

static void key_no_next(struct sp_conf_principal *row)
{
    memset(row->next_curve, 0, sizeof row->next_curve);
    memset(row->next_sign, 0, sizeof row->next_sign);
    row->next_not_before_s = 0;
    row->next_not_after_s = 0;
}

int ctl_key_rotate(struct ctl *ctl)
{
    struct key_change change = {0};
    struct sp_err err = {0};
    char before[SP_KEYS_PRINT_BYTES];
    char after[SP_KEYS_PRINT_BYTES] = "";
    int code = key_change_find(ctl, &change);
    if (code == CTL_OK) {
        sp_keys_fingerprint(change.row->curve, change.row->sign, before);
        key_no_next(change.row); /* whatever was prepared was for the keys that go */
        change.row->not_after_s = 0;
        if (!ctl->dry_run && key_rotate_write(ctl->conf, &change, &err) != SP_OK)
            code = ctl_host_fail(ctl, &err);
        else if (!ctl->dry_run)
            (void)unlink(change.next);
        sp_keys_fingerprint(change.row->curve, change.row->sign, after);
    }
    if (code == CTL_OK && ctl->json)
        key_change_json(ctl, &change, before, after, NULL);
    else if (code == CTL_OK && ctl->dry_run)
        ctl_out_print(&ctl->out, "%s: would get a new key in place of %s\n", change.row->name, before);
    else if (code == CTL_OK)
        ctl_out_print(&ctl->out,
                      "%s: new key %s (old one kept as %s)\n"
                      "Now copy %s to every host, and restart %s and the processes that talk to it%s.\n",
                      change.row->name, after, change.old, ctl->conf->principals, change.row->name,
                      change.row->role == SP_CONF_ROLE_BROKER ? ": all of them, for a broker" : "");
    free(change.principals);
    return code;
}

/* ---- prepare and switch ---- */

/* Are the keys of this file the next ones of the row? */
static bool key_is_next(const char *path, const struct sp_conf_principal *row, struct sp_err *err)
{
    struct sp_keys *keys = NULL;
    if (sp_keys_load(path, row->name, &keys, err) != SP_OK)
        return false;
    bool same = memcmp(keys->pub.curve, row->next_curve, sizeof row->next_curve) == 0 &&
                memcmp(keys->pub.sign, row->next_sign, sizeof row->next_sign) == 0;
    sp_keys_destroy(&keys);
    return same;
}

/* After a switch the pair in second place is the one in use: it moves up, and the old keys are out of the file. */
static void key_move_up(const struct key_change *change)
{
    struct sp_conf_principal *row = change->row;
    struct sp_err err = {0};
    if (!key_is_next(change->path, row, &err))
        return;
    memcpy(row->curve, row->next_curve, sizeof row->curve);
    memcpy(row->sign, row->next_sign, sizeof row->sign);
    row->not_after_s = row->next_not_after_s;
}

static enum sp_rc key_prepare_write(const struct sp_conf *conf, struct key_change *change, struct sp_err *err)
{
    struct sp_keys_public pub;
    enum sp_rc rc = sp_keys_create(change->next, change->row->name, &pub, err);
    if (rc != SP_OK)
        return rc;
    memcpy(change->row->next_curve, pub.curve, sizeof pub.curve);
    memcpy(change->row->next_sign, pub.sign, sizeof pub.sign);
    rc = key_change_file(conf, change, err);
    if (rc != SP_OK)
        (void)unlink(change->next); /* nobody knows these keys */
    return rc;
}

static int key_prepare_check(struct ctl *ctl, const struct key_change *change)
{
    if (change->row->role == SP_CONF_ROLE_BROKER)
        return ctl_fail(ctl, CTL_FAILED, ctl->conf->principals, "spicectl key rotate, then restart all that talk to it",
                        "a broker shows one key, which all others pin: it has no next one");
    if (change->row->role == SP_CONF_ROLE_ATTESTER)
        return ctl_fail(ctl, CTL_FAILED, ctl->conf->principals, "spicectl key revoke, then invite and enrol it anew",
                        "an attester has one key, which enrolment binds to its node: it has no next one");
    if (access(change->next, F_OK) == 0)
        return ctl_fail(ctl, CTL_FAILED, change->next, "spicectl key switch puts them in place; remove the file to begin anew",
                        "the next keys of %s are prepared already", change->row->name);
    return CTL_OK;
}

int ctl_key_prepare(struct ctl *ctl)
{
    struct key_change change = {0};
    struct sp_err err = {0};
    char before[SP_KEYS_PRINT_BYTES];
    char after[SP_KEYS_PRINT_BYTES] = "";
    int code = key_change_find(ctl, &change);
    code = code == CTL_OK ? key_prepare_check(ctl, &change) : code;
    if (code == CTL_OK) {
        key_move_up(&change);
        key_no_next(change.row);
        sp_keys_fingerprint(change.row->curve, change.row->sign, before);
        if (!ctl->dry_run && key_prepare_write(ctl->conf, &change, &err) != SP_OK)
            code = ctl_host_fail(ctl, &err);
        if (!ctl->dry_run)
            sp_keys_fingerprint(change.row->next_curve, change.row->next_sign, after);
    }
    if (code == CTL_OK && ctl->json)
        key_change_json(ctl, &change, before, after, NULL);
    else if (code == CTL_OK && ctl->dry_run)
        ctl_out_print(&ctl->out, "%s: would get the next keys beside %s\n", change.row->name, before);
    else if (code == CTL_OK)
        ctl_out_print(&ctl->out,
                      "%s: next key %s, in %s\n"
                      "Now copy %s to every host, send SIGHUP to brokers, keeper, scheduler, workers, attesters and bridges, and "
                      "restart readers.\n"
                      "Both keys are accepted then; go on with: spicectl key switch %s\n",
                      change.row->name, after, change.next, ctl->conf->principals, change.row->name);
    free(change.principals);
    return code;
}

/* Puts the next keys in place, if that was not done before, and gives the old ones their end. */
static enum sp_rc key_switch_write(const struct sp_conf *conf, struct key_change *change, bool placed, struct sp_err *err)
{
    enum sp_rc rc = placed ? SP_OK : key_change_place(change, change->next, err);
    return rc == SP_OK ? key_change_file(conf, change, err) : rc;
}

static int key_switch_check(struct ctl *ctl, const struct key_change *change, uint64_t now_s, bool *placed)
{
    const struct sp_conf_principal *row = change->row;
    struct sp_err err = {0};
    *placed = key_is_next(change->path, row, &err);
    if (!*placed && !key_is_next(change->next, row, &err))
        return ctl_fail(ctl, CTL_FAILED, change->next, "spicectl key prepare, on this host, is the step before",
                        "there are no next keys of %s here that principals.yaml names", row->name);
    if (now_s < row->next_not_before_s || (row->next_not_after_s != 0 && now_s >= row->next_not_after_s))
        return ctl_fail(ctl, CTL_FAILED, ctl->conf->principals, "see next_not_before and next_not_after there",
                        "this is not the time of the next keys of %s", row->name);
    return CTL_OK;
}

int ctl_key_switch(struct ctl *ctl)
{
    struct key_change change = {0};
    struct sp_err err = {0};
    char before[SP_KEYS_PRINT_BYTES], after[SP_KEYS_PRINT_BYTES], until[40];
    const char *span = ctl->args.values[CTL_OPT_OVERLAP];
    uint64_t overlap_ms = KEY_OVERLAP_MS, now_s = sp_clock_read().wall.ms / SP_MS_PER_S;
    bool placed = false;
    if (span != NULL && !sp_time_parse_span(sp_str_of(span), &overlap_ms))
        return ctl_fail(ctl, CTL_USAGE, "--overlap", "write 1h or 7d", "\"%s\" is no span of time", span);
    int code = key_change_find(ctl, &change);
    code = code == CTL_OK ? key_switch_check(ctl, &change, now_s, &placed) : code;
    if (code == CTL_OK) {
        uint64_t end_s = now_s + overlap_ms / SP_MS_PER_S;
        if (change.row->not_after_s == 0 || end_s < change.row->not_after_s)
            change.row->not_after_s = end_s;
        sp_time_format_wall((struct sp_wall){change.row->not_after_s * SP_MS_PER_S}, until, sizeof until);
        sp_keys_fingerprint(change.row->curve, change.row->sign, before);
        sp_keys_fingerprint(change.row->next_curve, change.row->next_sign, after);
        if (!ctl->dry_run && key_switch_write(ctl->conf, &change, placed, &err) != SP_OK)
            code = ctl_host_fail(ctl, &err);
    }
    if (code == CTL_OK && ctl->json)
        key_change_json(ctl, &change, before, after, until);
    else if (code == CTL_OK && ctl->dry_run)
        ctl_out_print(&ctl->out, "%s: would use %s in place of %s, which ends %s\n", change.row->name, after, before, until);
    else if (code == CTL_OK)
        ctl_out_print(&ctl->out,
                      "%s: uses key %s from its next start on; %s is refused after %s\n"
                      "Now restart %s, and copy %s to every host before that time.\n",
                      change.row->name, after, before, until, change.row->name, ctl->conf->principals);
    free(change.principals);
    return code;
}
