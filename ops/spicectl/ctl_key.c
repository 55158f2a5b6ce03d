/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_host.h"
#include "ctl_json.h"
#include "ctl_pick.h"
#include "ctl_print.h"
#include "ctl_table.h"

#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_keys.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX 1048576u

/* ---- list ---- */

static json_t *key_row(const struct sp_conf_principal *p)
{
    char print[CTL_PRINT_BYTES];
    ctl_print_of(p->curve, p->sign, print);
    return ctl_json_need(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "name", p->name, "role", sp_conf_role_words[p->role],
                                   "fingerprint", print, "adapters", p->adapters, "nodes", p->nodes, "origin", "file", "revoked",
                                   p->revoked));
}

/* Fingerprint of a row the keeper told, from its keys in hexadecimal or Z85. */
static void key_print_of_row(json_t *row)
{
    uint8_t curve[32] = {0};
    uint8_t sign[32] = {0};
    char print[CTL_PRINT_BYTES];
    struct sp_str text = sp_str_of(ctl_json_text(row, "curve"));
    bool good = sp_hex_z85_parse(text, curve, sizeof curve) || sp_hex_parse(text, curve, sizeof curve);
    if (!good || !sp_hex_parse(sp_str_of(ctl_json_text(row, "sign")), sign, sizeof sign))
        return;
    ctl_print_of(curve, sign, print);
    (void)json_object_set_new(row, "fingerprint", ctl_json_need(json_string(print)));
}

/* Principals of the file, then those only the keeper knows. */
static int key_gather(struct ctl *ctl, json_t *rows)
{
    const struct sp_conf_principals *principals;
    struct sp_err err = {0};
    struct ctl_fault fault;
    json_t *told = NULL;
    json_t *row;
    size_t i;
    json_t *named = ctl_json_need(json_object());
    if (!ctl_host_principals(ctl, &principals, &err)) {
        json_decref(named);
        return ctl_host_fail(ctl, &err);
    }
    for (uint32_t p = 0; p < principals->count; p++) {
        json_t *one = key_row(&principals->rows[p]);
        (void)json_object_set(named, principals->rows[p].name, one);
        (void)json_array_append_new(rows, one);
    }
    if (!ctl_fleet_try(ctl, "keeper", "key.list", NULL, &told, &fault))
        ctl_note(ctl, "(only the file's principals; the keeper did not answer: %s)", fault.error);
    json_array_foreach(told, i, row)
    {
        json_t *known = json_object_get(named, ctl_json_text(row, "name"));
        if (known != NULL) {
            if (ctl_json_true(row, "revoked"))
                (void)json_object_set_new(known, "revoked", json_true());
            continue;
        }
        key_print_of_row(row);
        (void)json_object_set_new(row, "origin", ctl_json_need(json_string("enrolled")));
        (void)json_array_append(rows, row);
    }
    json_decref(told);
    json_decref(named);
    return CTL_OK;
}

static void key_table(struct ctl *ctl, const json_t *rows)
{
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("PRINCIPAL|ROLE|ORIGIN|STATE|FINGERPRINT|ADAPTERS|NODES");
    json_array_foreach(rows, i, row)
    {
        bool revoked = ctl_json_true(row, "revoked");
        ctl_table_cell(table, ctl_json_text(row, "name"));
        ctl_table_cell(table, ctl_json_text(row, "role"));
        ctl_table_cell(table, ctl_json_text(row, "origin"));
        ctl_table_tone(table, revoked ? CTL_BAD : CTL_GOOD, revoked ? "revoked" : "valid");
        ctl_table_cell(table, ctl_json_text(row, "fingerprint"));
        ctl_table_cell(table, ctl_json_text(row, "adapters"));
        ctl_table_cell(table, ctl_json_text(row, "nodes"));
    }
    ctl_table_print(table, &ctl->out, "No principal.");
    ctl_table_destroy(&table);
}

int ctl_key_list(struct ctl *ctl)
{
    json_t *rows = ctl_json_need(json_array());
    int code = key_gather(ctl, rows);
    if (code == CTL_OK && ctl->json)
        ctl_json_print(&ctl->out, rows);
    else if (code == CTL_OK)
        key_table(ctl, rows);
    json_decref(rows);
    return code;
}

/* ---- fingerprint ---- */

static int key_print_file(struct ctl *ctl, const char *path, json_t *rows)
{
    struct sp_keys *keys;
    struct sp_err err = {0};
    char print[CTL_PRINT_BYTES];
    char name[SP_KEYS_NAME_BYTES];
    const char *slash = strrchr(path, '/');
    (void)snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot != NULL)
        *dot = '\0';
    if (sp_keys_load(path, name, &keys, &err) != SP_OK)
        return ctl_host_fail(ctl, &err);
    ctl_print_of(keys->pub.curve, keys->pub.sign, print);
    (void)json_array_append_new(rows, ctl_json_need(json_pack("{s:s, s:s}", "name", name, "fingerprint", print)));
    sp_keys_destroy(&keys);
    return CTL_OK;
}

static int key_print_named(struct ctl *ctl, const char *name, json_t *rows)
{
    const struct sp_conf_principals *principals;
    struct sp_err err = {0};
    size_t found = 0;
    if (!ctl_host_principals(ctl, &principals, &err))
        return ctl_host_fail(ctl, &err);
    for (uint32_t p = 0; p < principals->count; p++) {
        if (name != NULL && strcmp(principals->rows[p].name, name) != 0)
            continue;
        (void)json_array_append_new(rows, key_row(&principals->rows[p]));
        found++;
    }
    if (found == 0)
        return ctl_fail(ctl, CTL_FAILED, NULL, "see spicectl key list; a file of keys is given with its path",
                        "no principal \"%s\"", name);
    return CTL_OK;
}

int ctl_key_fingerprint(struct ctl *ctl)
{
    json_t *rows = ctl_json_need(json_array());
    size_t i;
    json_t *row;
    int code = sp_crypto_init() == SP_OK ? CTL_OK : ctl_fail(ctl, CTL_FAILED, "libcrypto", NULL, "this libcrypto has no Ed25519");
    if (code == CTL_OK && ctl->args.names_count == 0)
        code = key_print_named(ctl, NULL, rows);
    for (size_t n = 0; code == CTL_OK && n < ctl->args.names_count; n++) {
        const char *word = ctl->args.names[n];
        code = strchr(word, '/') != NULL ? key_print_file(ctl, word, rows) : key_print_named(ctl, word, rows);
    }
    sp_crypto_fini();
    if (code == CTL_OK && ctl->json)
        ctl_json_print(&ctl->out, rows);
    json_array_foreach(rows, i, row)
    {
        if (code == CTL_OK && !ctl->json)
            ctl_out_print(&ctl->out, "%s  %s\n", ctl_json_text(row, "fingerprint"), ctl_json_text(row, "name"));
    }
    json_decref(rows);
    return code;
}

/* ---- rotate ---- */

struct key_change {
    char path[SP_FS_PATH_BYTES];
    char fresh[SP_FS_PATH_BYTES + 8];
    char old[SP_FS_PATH_BYTES + 8];
    struct sp_conf_principals *principals; /* a copy with the new public keys */
    struct sp_conf_principal *row;
};

static enum sp_rc key_change_write(const struct sp_conf *conf, struct key_change *change, struct sp_err *err)
{
    struct sp_buf text;
    struct sp_keys_public pub;
    enum sp_rc rc = sp_keys_create(change->fresh, change->row->name, &pub, err);
    if (rc != SP_OK)
        return rc;
    memcpy(change->row->curve, pub.curve, sizeof pub.curve);
    memcpy(change->row->sign, pub.sign, sizeof pub.sign);
    sp_buf_init(&text, KEY_FILE_MAX);
    sp_buf_text(
        &text, "# Who may take part: names, roles and public keys. Workers that were enrolled are kept by the keeper, not here.\n");
    sp_conf_principals_print(change->principals, &text);
    /* The key first: between the two renames doctor sees a key that does not fit its row, and says so. */
    if (text.failed)
        rc = sp_err_set(err, SP_E_LIMIT, conf->principals, "the file would be too large");
    else if (rename(change->path, change->old) != 0 || rename(change->fresh, change->path) != 0)
        rc = sp_err_set(err, SP_E_IO, change->path, "the key file cannot be replaced");
    else
        rc = sp_fs_write(conf->principals, text.p, text.n, 0600, err);
    sp_buf_fini(&text);
    return rc;
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
    (void)snprintf(change->old, sizeof change->old, "%s.old", change->path);
    return CTL_OK;
}

int ctl_key_rotate(struct ctl *ctl)
{
    struct key_change change = {0};
    struct sp_err err = {0};
    char before[CTL_PRINT_BYTES];
    char after[CTL_PRINT_BYTES] = "";
    int code = key_change_find(ctl, &change);
    if (code == CTL_OK) {
        ctl_print_of(change.row->curve, change.row->sign, before);
        if (!ctl->dry_run && (sp_crypto_init() != SP_OK || key_change_write(ctl->conf, &change, &err) != SP_OK))
            code = ctl_host_fail(ctl, &err);
        ctl_print_of(change.row->curve, change.row->sign, after);
    }
    if (code == CTL_OK && ctl->json)
        ctl_out_print(&ctl->out, "{\"name\": \"%s\", \"before\": \"%s\", \"after\": \"%s\", \"dry_run\": %s}\n", change.row->name,
                      before, after, ctl->dry_run ? "true" : "false");
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

/* ---- revoke ---- */

/* The key this command itself speaks with: afterwards nobody may be left who could ask for anything. */
static bool key_revokes_itself(struct ctl *ctl)
{
    struct sp_err err = {0};
    const char *own;
    const struct sp_conf *conf;
    if (ctl->dry_run || ctl_args_has(&ctl->args, CTL_OPT_YES) || !ctl_host_conf(ctl, &conf, &err) ||
        !ctl_host_operator(ctl, &own, &err))
        return false;
    for (size_t i = 0; i < ctl->args.names_count; i++) {
        if (strcmp(ctl->args.names[i], own) == 0)
            return true;
    }
    return false;
}

int ctl_key_revoke(struct ctl *ctl)
{
    if (key_revokes_itself(ctl))
        return ctl_fail(ctl, CTL_USAGE, NULL,
                        "add --yes if that is meant; it is let in again with new keys only: spicectl key rotate",
                        "this would revoke the key you are using");
    struct ctl_pick pick = {.noun = "key", .role = "keeper"};
    struct ctl_pick_deed deed = {.verb = "key.revoke", .doing = "Revoke", .done = "revoked", .args = ctl_pick_name_args};
    int code = ctl_pick_open(ctl, &pick, 0);
    if (code == CTL_OK)
        code = ctl_pick_each(ctl, &pick, &deed);
    ctl_pick_close(&pick);
    return code;
}
