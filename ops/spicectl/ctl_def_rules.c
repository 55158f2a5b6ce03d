/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_def_rules.h"

#include "ctl_def_table.h"

#include "ctl_window.h"

#include "adapter.h"
#include "param.h"
#include "sp_cron.h"
#include "sp_time.h"

#include <jansson.h>
#include <string.h>

#define RULES_UUID_BYTES      36
#define RULES_POOL_CHECKS_MAX 64u
#define RULES_NAMES_BYTES     262144u /* of all names of a pool */
#define RULES_TRAIT_PREFIX    "CUSTOM_"

struct rules_place {
    const char *file;
    const struct sp_yaml_node *root;
};

/* The key itself when it is there, else the document. */
static const struct sp_yaml_node *rules_at(const struct rules_place *place, const char *key)
{
    const struct sp_yaml_node *node = sp_yaml_find(place->root, key);
    return node != NULL ? node : place->root;
}

static enum sp_rc rules_category(const struct rules_place *place, const char *joined, struct sp_err *err)
{
    struct sp_str rest = sp_str_of(joined);
    struct sp_str head;
    size_t count = 0;
    while (ctl_def_table_categories[count] != NULL)
        count++;
    while (rest.n > 0 && sp_str_next(&rest, ',', &head)) {
        size_t i = 0;
        while (i < count && !sp_str_is(head, ctl_def_table_categories[i]))
            i++;
        if (i < count)
            continue;
        (void)sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "category"), "no category \"%.*s\"", (int)head.n,
                            head.p);
        const char *near = sp_str_nearest(head, ctl_def_table_categories, count);
        if (near != NULL)
            sp_err_hint(err, "did you mean %s?", near);
        else
            sp_err_hint(err, "categories are instance-identity, configuration, executables, file-system, hardware, runtime-opaque, "
                             "storage-opaque, sourced-data");
        return SP_E_INVALID;
    }
    return SP_OK;
}

/* Parameters travel as JSON: numbers and texts that JSON cannot hold are refused here, with their place. */
static enum sp_rc rules_json(const struct rules_place *place, const struct sp_buf *text, struct sp_err *err)
{
    json_error_t error;
    if (text->failed)
        return sp_yaml_error(err, SP_E_LIMIT, place->file, rules_at(place, "params"), "params are longer than %u bytes",
                             PARAM_JSON_MAX);
    json_t *value = json_loadb((const char *)text->p, text->n, JSON_REJECT_DUPLICATES, &error);
    json_decref(value);
    if (value != NULL)
        return SP_OK;
    (void)sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "params"), "params hold what JSON cannot: %s", error.text);
    sp_err_hint(err, "write numbers that are out of range, and texts with control characters, otherwise");
    return SP_E_INVALID;
}

/* The key of one parameter where it is written; the key params when it is missing there. */
static struct sp_yaml_node rules_key(const struct sp_yaml_node *root, const struct sp_yaml_node *params, const char *name)
{
    const struct sp_yaml_node *child = sp_yaml_find(params, name);
    const struct sp_yaml_node *at = child != NULL ? child : params;
    return at != NULL ? (struct sp_yaml_node){.line = at->key_line, .column = at->key_column} : *root;
}

/* Texts that say whom to ask: braces mean nothing else there, and a misspelt place would be asked for as it stands, of every node. */
static enum sp_rc rules_places(const struct rules_place *place, const struct sp_yaml_node *params, struct sp_err *err)
{
    static const char *const targets[] = {"url", "connect", "host", "agent"};
    static const char *const words[] = {"{node}", "{address}"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        const struct sp_yaml_node *value = sp_yaml_find(params, targets[i]);
        struct sp_str bad = value != NULL && value->kind == SP_YAML_SCALAR ? param_unknown_place(value->text.p) : sp_str_of("");
        if (bad.n == 0)
            continue;
        (void)sp_yaml_error(err, SP_E_INVALID, place->file, value, "parameter %s: nothing is put for %.*s", targets[i], (int)bad.n,
                            bad.p);
        const char *near = sp_str_nearest(bad, words, sizeof words / sizeof words[0]);
        if (near != NULL)
            sp_err_hint(err, "did you mean %s?", near);
        else
            sp_err_hint(err, "there are {node} and {address}");
        return SP_E_INVALID;
    }
    return SP_OK;
}

/* Parameters against the table of the adapter, when this program knows the adapter; a foreign one is the worker's to judge. */
static enum sp_rc rules_params(const struct rules_place *place, const struct ctl_def_check *check, struct sp_err *err)
{
    struct param_values values;
    struct sp_buf text;
    char why[SP_ADAPTER_WHY_MAX];
    const struct sp_adapter *adapter = NULL;
    const struct sp_yaml_node *params = check->params;
    if (params != NULL && params->kind != SP_YAML_MAP)
        return sp_yaml_error(err, SP_E_INVALID, place->file, params, "params is a map of parameters");
    for (size_t i = 0; sp_adapters[i] != NULL && adapter == NULL; i++)
        adapter = strcmp(sp_adapters[i]->name, check->adapter) == 0 ? sp_adapters[i] : NULL;
    memset(&values, 0, sizeof values);
    sp_buf_init(&text, PARAM_JSON_MAX);
    if (params != NULL)
        sp_yaml_json(params, &text);
    enum sp_rc rc = params != NULL ? rules_json(place, &text, err) : SP_OK;
    if (rc == SP_OK && adapter != NULL && !param_parse(adapter->params, adapter->params_count, sp_buf_view(&text), &values, why)) {
        struct sp_yaml_node at = rules_key(place->root, params, values.wrong);
        rc = sp_yaml_error(err, SP_E_INVALID, place->file, &at, "%s", why);
    }
    if (rc == SP_OK && adapter != NULL)
        rc = rules_places(place, params, err);
    param_fini(&values);
    sp_buf_fini(&text);
    return rc;
}

static enum sp_rc rules_check(const struct rules_place *place, const struct ctl_def_check *check, struct sp_err *err)
{
    if (check->timeout > check->max_age)
        return sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "max_age"),
                             "max_age is shorter than the timeout: a result could be dead before it arrives");
    enum sp_rc rc = rules_category(place, check->category, err);
    return rc != SP_OK ? rc : rules_params(place, check, err);
}

static enum sp_rc rules_profile(const struct rules_place *place, const struct ctl_def_profile *profile, struct sp_err *err)
{
    struct sp_cron cron;
    bool has_cron = profile->cron[0] != '\0';
    bool has_period = sp_yaml_find(place->root, "period") != NULL;
    if (has_cron && has_period)
        return sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "cron"), "a profile has a period or a cron, not both");
    if (has_period && profile->period < CTL_DEF_PERIOD_MS_MIN)
        return sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "period"), "the shortest period is %u ms",
                             CTL_DEF_PERIOD_MS_MIN);
    for (uint32_t i = 0; i < profile->windows_count; i++) {
        char canon[CTL_WINDOW_BYTES];
        if (ctl_window_canon(sp_str_of(profile->windows[i]), canon))
            continue;
        (void)sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "windows"), "\"%s\" is no window", profile->windows[i]);
        sp_err_hint(err, "days and hours in UTC: \"mon-fri 22:00-06:00\", \"sat,sun 00:00-24:00\", \"00:30-04:00\"");
        return SP_E_INVALID;
    }
    if (has_cron && !sp_cron_parse(sp_str_of(profile->cron), &cron)) {
        (void)sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "cron"), "the calendar is malformed, or never comes");
        sp_err_hint(err, "minute hour day month weekday in numbers, UTC: \"0 3 * * 1-5\"");
        return SP_E_INVALID;
    }
    return SP_OK;
}

static enum sp_rc rules_trait(const struct rules_place *place, const char *trait, struct sp_err *err)
{
    size_t n = strlen(trait);
    size_t good = strspn(trait, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (n == 0 || (good == n && strncmp(trait, RULES_TRAIT_PREFIX, sizeof RULES_TRAIT_PREFIX - 1) == 0))
        return SP_OK;
    (void)sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "trait"), "\"%.60s\" is no custom placement trait", trait);
    sp_err_hint(err, "CUSTOM_ and capital letters, digits, underscores: CUSTOM_SPICE_TRUSTED");
    return SP_E_INVALID;
}

/* A check has one role in a pool. Names seen so far are joined by commas in `seen`. */
static enum sp_rc rules_once(const struct rules_place *place, const char *key, const char *joined, struct sp_buf *seen,
                             struct sp_err *err)
{
    struct sp_str rest = sp_str_of(joined);
    struct sp_str head;
    while (rest.n > 0 && sp_str_next(&rest, ',', &head)) {
        struct sp_str before = sp_buf_view(seen);
        struct sp_str other;
        while (before.n > 0 && sp_str_next(&before, ',', &other)) {
            if (sp_str_eq(head, other))
                return sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, key),
                                     "check \"%.*s\" is named twice: it is mandatory, advisory, or in one group", (int)head.n,
                                     head.p);
        }
        sp_buf_append(seen, head.p, head.n);
        sp_buf_text(seen, ",");
    }
    return SP_OK;
}

static uint32_t rules_count(const char *joined)
{
    uint32_t count = joined[0] != '\0' ? 1 : 0;
    for (; *joined != '\0'; joined++)
        count += *joined == ',' ? 1 : 0;
    return count;
}

static enum sp_rc rules_groups(const struct rules_place *place, const struct ctl_def_pool *pool, struct sp_buf *seen,
                               struct sp_err *err)
{
    enum sp_rc rc = SP_OK;
    for (uint32_t i = 0; rc == SP_OK && i < pool->groups_count; i++) {
        uint32_t count = rules_count(pool->groups[i].of);
        if (pool->groups[i].k > count)
            return sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "groups"),
                                 "group %u demands %u of %u checks: no node could ever be in the pool", i + 1, pool->groups[i].k,
                                 count);
        rc = rules_once(place, "groups", pool->groups[i].of, seen, err);
    }
    return rc;
}

static enum sp_rc rules_pool(const struct rules_place *place, const struct ctl_def_pool *pool, struct sp_err *err)
{
    struct sp_buf seen;
    enum sp_rc rc = rules_trait(place, pool->trait, err);
    sp_buf_init(&seen, RULES_NAMES_BYTES);
    if (rc == SP_OK)
        rc = rules_once(place, "mandatory", pool->mandatory, &seen, err);
    if (rc == SP_OK)
        rc = rules_once(place, "advisory", pool->advisory, &seen, err);
    if (rc == SP_OK)
        rc = rules_groups(place, pool, &seen, err);
    uint32_t names = 0;
    for (size_t i = 0; i < seen.n; i++)
        names += seen.p[i] == ',' ? 1 : 0;
    if (rc == SP_OK && (seen.failed || names > RULES_POOL_CHECKS_MAX))
        rc = sp_yaml_error(err, SP_E_LIMIT, place->file, place->root, "a pool names at most %u checks", RULES_POOL_CHECKS_MAX);
    sp_buf_fini(&seen);
    return rc;
}

static bool rules_is_uuid(const char *text)
{
    if (strlen(text) != RULES_UUID_BYTES)
        return false;
    for (size_t i = 0; i < RULES_UUID_BYTES; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : strchr("0123456789abcdefABCDEF", text[i]) == NULL)
            return false;
    }
    return true;
}

static enum sp_rc rules_aliases(const struct rules_place *place, const struct ctl_def_node *node, struct sp_err *err)
{
    struct sp_str rest = sp_str_of(node->aliases), one, other;
    for (unsigned count = 1; sp_str_next(&rest, ',', &one); count++) {
        struct sp_str later = rest;
        bool twice = sp_str_is(one, node->name);
        while (sp_str_next(&later, ',', &other))
            twice = twice || sp_str_eq(one, other);
        if (count > CTL_DEF_ALIASES_MAX)
            return sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "aliases"), "there are more than %d aliases",
                                 CTL_DEF_ALIASES_MAX);
        if (!sp_str_is_name(one, CTL_DEF_NAME_BYTES - 1))
            return sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "aliases"), "\"%.*s\" is no name of a node",
                                 (int)one.n, one.p);
        if (twice)
            return sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "aliases"), "\"%.*s\" is named twice", (int)one.n,
                                 one.p);
    }
    return SP_OK;
}

static enum sp_rc rules_node(const struct rules_place *place, const struct ctl_def_node *node, struct sp_err *err)
{
    if (!sp_str_is_name(sp_str_of(node->name), CTL_DEF_NAME_BYTES - 1)) {
        (void)sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "name"), "\"%.64s\" is no name of a node", node->name);
        sp_err_hint(err, "letters, digits, '.', '_' and '-', at most %d", CTL_DEF_NAME_BYTES - 1);
        return SP_E_INVALID;
    }
    if (node->key[0] != '\0' && !rules_is_uuid(node->key))
        return sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "key"), "\"%.40s\" is no UUID", node->key);
    return rules_aliases(place, node, err);
}

static enum sp_rc rules_manifest(const struct rules_place *place, const struct ctl_def_manifest *m, struct sp_err *err)
{
    if (m->plugin[0] != '/') {
        (void)sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "plugin"), "\"%.200s\" is no absolute path", m->plugin);
        sp_err_hint(err, "write the path of the plugin's file on the workers' host: /usr/lib/nagios/plugins/...");
        return SP_E_INVALID;
    }
    if (strlen(m->sha256) == 64 && strspn(m->sha256, "0123456789abcdef") == 64)
        return SP_OK;
    (void)sp_yaml_error(err, SP_E_INVALID, place->file, rules_at(place, "sha256"),
                        "a digest is 64 hexadecimal digits in small letters");
    sp_err_hint(err, "of the file you have looked at: sha256sum FILE");
    return SP_E_INVALID;
}

enum sp_rc ctl_def_rules(enum ctl_def_kind kind, const char *file, const struct sp_yaml_node *root, const void *bound,
                         struct sp_err *err)
{
    const struct rules_place place = {file, root};
    switch (kind) {
    case CTL_DEF_CHECK:
        return rules_check(&place, bound, err);
    case CTL_DEF_PROFILE:
        return rules_profile(&place, bound, err);
    case CTL_DEF_POOL:
        return rules_pool(&place, bound, err);
    case CTL_DEF_NODE:
        return rules_node(&place, bound, err);
    case CTL_DEF_MANIFEST:
        return rules_manifest(&place, bound, err);
    default:
        return SP_OK;
    }
}
