/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_fleet.h"
#include "ctl_host.h"
#include "ctl_json.h"
#include "ctl_pick.h"
#include "ctl_table.h"

#include "sp_crypto.h"
#include "sp_fs.h"
#include "sp_keys.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- list ---- */

static json_t *key_row(const struct sp_conf_principal *p)
{
    static const uint8_t none[32];
    char print[SP_KEYS_PRINT_BYTES];
    sp_keys_fingerprint(p->curve, p->sign, print);
    json_t *row = ctl_json_need(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "name", p->name, "role",
                                          sp_conf_role_words[p->role], "fingerprint", print, "adapters", p->adapters, "nodes",
                                          p->nodes, "origin", "file", "revoked", p->revoked));
    if (memcmp(p->next_curve, none, sizeof none) != 0) {
        sp_keys_fingerprint(p->next_curve, p->next_sign, print);
        (void)json_object_set_new(row, "next", ctl_json_need(json_string(print)));
    }
    return row;
}

/* What is shown of a principal that only the keeper knows. */
static json_t *key_row_told(const json_t *told)
{
    return ctl_json_need(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "name", ctl_json_text(told, "name"), "role",
                                   ctl_json_text(told, "role"), "fingerprint", ctl_json_text(told, "fingerprint"), "adapters",
                                   ctl_json_text(told, "adapters"), "nodes", ctl_json_text(told, "nodes"), "origin", "enrolled",
                                   "revoked", ctl_json_true(told, "revoked")));
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
        ctl_note(ctl, "(only the file's principals; the keeper was not asked or did not answer: %s%s%s)", fault.where,
                 fault.where[0] != '\0' ? ": " : "", fault.error);
    json_array_foreach(told, i, row)
    {
        json_t *known = json_object_get(named, ctl_json_text(row, "name"));
        if (known != NULL) {
            if (ctl_json_true(row, "revoked"))
                (void)json_object_set_new(known, "revoked", json_true());
            continue;
        }
        (void)json_array_append_new(rows, key_row_told(row));
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
    char print[SP_KEYS_PRINT_BYTES];
    char name[SP_KEYS_NAME_BYTES];
    const char *slash = strrchr(path, '/');
    (void)snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot != NULL)
        *dot = '\0';
    if (sp_keys_load(path, name, &keys, &err) != SP_OK)
        return ctl_host_fail(ctl, &err);
    sp_keys_fingerprint(keys->pub.curve, keys->pub.sign, print);
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
    int code = ctl_crypto_open(ctl);
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
