/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_def.h"

#include "ctl_def_canon.h"
#include "ctl_def_table.h"
#include "ctl_json.h"

#include "sp_fs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const def_words[CTL_DEF_KINDS + 1] = {
    [CTL_DEF_PROFILE] = "profile", [CTL_DEF_CHECK] = "check", [CTL_DEF_NODE] = "node",
    [CTL_DEF_LABEL] = "label",     [CTL_DEF_POOL] = "pool",   [CTL_DEF_MANIFEST] = "manifest",
};

const char *ctl_def_word(enum ctl_def_kind kind)
{
    return def_words[kind];
}

enum ctl_def_kind ctl_def_kind_of(const char *word)
{
    size_t kind = 0;
    while (kind < CTL_DEF_KINDS && strcmp(def_words[kind], word) != 0)
        kind++;
    return (enum ctl_def_kind)kind;
}

static enum sp_rc def_kind(const char *file, const struct sp_yaml_node *root, enum ctl_def_kind *kind, struct sp_err *err)
{
    const struct sp_yaml_node *word = sp_yaml_find(root, "kind");
    if (root->kind != SP_YAML_MAP)
        return sp_yaml_error(err, SP_E_INVALID, file, root, "a definition is a map of keys, beginning with kind:");
    if (word == NULL || word->kind != SP_YAML_SCALAR) {
        (void)sp_yaml_error(err, SP_E_INVALID, file, root, "this definition has no kind");
        sp_err_hint(err, "write kind: check, profile, pool, node, label or manifest");
        return SP_E_INVALID;
    }
    *kind = ctl_def_kind_of(word->text.p);
    if (*kind != CTL_DEF_KINDS)
        return SP_OK;
    (void)sp_yaml_error(err, SP_E_INVALID, file, word, "no kind \"%.60s\"", word->text.p);
    const char *near = sp_str_nearest(word->text, def_words, CTL_DEF_KINDS);
    sp_err_hint(err, near != NULL ? "did you mean %s?" : "kinds are check, profile, pool, node, label and manifest", near);
    return SP_E_INVALID;
}

/* Room for one more; NULL when there is none. */
static struct ctl_def *def_more(struct ctl_defs *defs)
{
    if (defs->count == CTL_DEF_COUNT_MAX)
        return NULL;
    if (defs->count == defs->room) {
        size_t room = defs->room == 0 ? 64 : defs->room * 2;
        struct ctl_def *items = realloc(defs->items, room * sizeof *items);
        if (items == NULL)
            return NULL;
        defs->items = items;
        defs->room = room;
    }
    struct ctl_def *def = &defs->items[defs->count++];
    memset(def, 0, sizeof *def);
    return def;
}

static void def_note_name(const char *file, const struct sp_yaml_node *at, struct sp_str text, struct ctl_def *def)
{
    char where[SP_ERR_WHERE_BYTES], name[CTL_DEF_NAME_BYTES];
    if (!sp_str_copy(name, sizeof name, sp_str_trim(text)) || name[0] == '\0')
        return;
    (void)snprintf(where, sizeof where, "%.150s:%u:%u", file, at->line, at->column);
    if (def->named == NULL)
        def->named = ctl_json_need(json_object());
    if (json_object_get(def->named, name) == NULL)
        (void)json_object_set_new(def->named, name, ctl_json_need(json_string(where)));
}

/* A list of names, or one text with commas. */
static void def_note_names(const char *file, const struct sp_yaml_node *list, struct ctl_def *def)
{
    struct sp_str rest, one;
    for (const struct sp_yaml_node *n = list != NULL && list->kind == SP_YAML_LIST ? list->first : NULL; n != NULL; n = n->next) {
        if (n->kind == SP_YAML_SCALAR)
            def_note_name(file, n, n->text, def);
    }
    if (list == NULL || list->kind != SP_YAML_SCALAR)
        return;
    rest = list->text;
    while (sp_str_next(&rest, ',', &one))
        def_note_name(file, list, one, def);
}

/* Whether what is named exists is asked later, when the document is gone; the line has to be known then. */
static void def_note(const char *file, const struct sp_yaml_node *root, struct ctl_def *def)
{
    const struct sp_yaml_node *groups = sp_yaml_find(root, "groups");
    if (def->kind == CTL_DEF_CHECK)
        def_note_names(file, sp_yaml_find(root, "profile"), def);
    if (def->kind != CTL_DEF_POOL)
        return;
    def_note_names(file, sp_yaml_find(root, "mandatory"), def);
    def_note_names(file, sp_yaml_find(root, "advisory"), def);
    for (const struct sp_yaml_node *g = groups != NULL ? groups->first : NULL; g != NULL; g = g->next)
        def_note_names(file, sp_yaml_find(g, "of"), def);
}

const char *ctl_def_where(const struct ctl_def *def, const char *name)
{
    const char *at = json_string_value(json_object_get(def->named, name));
    return at != NULL ? at : def->where;
}

static enum sp_rc def_document(const char *file, const struct sp_yaml_node *root, struct ctl_defs *defs, struct sp_err *err)
{
    enum ctl_def_kind kind = CTL_DEF_KINDS;
    enum sp_rc rc = def_kind(file, root, &kind, err);
    if (rc != SP_OK)
        return rc;
    struct ctl_def *def = def_more(defs);
    if (def == NULL)
        return sp_yaml_error(err, SP_E_LIMIT, file, root, "more than %u definitions", CTL_DEF_COUNT_MAX);
    def->kind = kind;
    (void)snprintf(def->where, sizeof def->where, "%.150s:%u:%u", file, root->line, root->column);
    const struct sp_bind_table *table = ctl_def_table(kind);
    void *bound = malloc(table->size);
    if (bound == NULL)
        return sp_yaml_error(err, SP_E_NOMEM, file, root, "out of memory");
    rc = sp_bind(table, file, root, bound, err);
    if (rc == SP_OK)
        rc = ctl_def_canon(kind, file, root, bound, def, err);
    if (rc == SP_OK)
        def_note(file, root, def);
    free(bound);
    return rc;
}

static void def_cut(struct ctl_defs *defs, size_t count)
{
    while (defs->count > count) {
        json_decref(defs->items[--defs->count].want);
        json_decref(defs->items[defs->count].named);
    }
}

static enum sp_rc def_yaml(struct sp_yaml *yaml, struct ctl_defs *defs, struct sp_err *err)
{
    size_t before = defs->count;
    for (uint32_t i = 0; i < sp_yaml_count(yaml); i++) {
        const struct sp_yaml_node *root = sp_yaml_root(yaml, i);
        enum sp_rc rc = def_document(sp_yaml_file(yaml), root, defs, err);
        if (rc == SP_OK)
            continue;
        def_cut(defs, before);
        return rc;
    }
    return SP_OK;
}

enum sp_rc ctl_def_parse(const char *file, struct sp_str text, struct ctl_defs *defs, struct sp_err *err)
{
    struct sp_yaml *yaml;
    enum sp_rc rc = sp_yaml_parse(file, text, SP_YAML_LIMITS_DEFS, &yaml, err);
    if (rc != SP_OK)
        return rc;
    rc = def_yaml(yaml, defs, err);
    sp_yaml_destroy(&yaml);
    return rc;
}

static enum sp_rc def_file(const char *path, struct ctl_defs *defs, struct sp_err *err)
{
    struct sp_yaml *yaml;
    enum sp_rc rc = sp_yaml_load(path, 0, SP_YAML_LIMITS_DEFS, &yaml, err);
    if (rc != SP_OK)
        return rc;
    rc = def_yaml(yaml, defs, err);
    sp_yaml_destroy(&yaml);
    return rc;
}

static enum sp_rc def_stdin(struct ctl_defs *defs, struct sp_err *err)
{
    struct sp_buf text;
    enum sp_rc rc = SP_OK;
    sp_buf_init(&text, SP_YAML_LIMITS_DEFS.bytes);
    for (;;) {
        char chunk[65536];
        ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);
        if (n > 0)
            sp_buf_append(&text, chunk, (size_t)n);
        if (n < 0)
            rc = sp_err_set(err, SP_E_IO, "standard input", "cannot be read");
        if (n <= 0 || text.failed)
            break;
    }
    if (text.failed)
        rc = sp_err_set(err, SP_E_LIMIT, "standard input", "longer than %u bytes", SP_YAML_LIMITS_DEFS.bytes);
    if (rc == SP_OK)
        rc = ctl_def_parse("standard input", sp_buf_view(&text), defs, err);
    sp_buf_fini(&text);
    return rc;
}

static int def_is_yaml(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static enum sp_rc def_folder(const char *path, struct ctl_defs *defs, struct sp_err *err)
{
    struct dirent **entries = NULL;
    char file[SP_FS_PATH_BYTES];
    size_t before = defs->count;
    int count = scandir(path, &entries, def_is_yaml, alphasort);
    enum sp_rc rc = SP_OK;
    if (count < 0)
        return sp_err_set(err, SP_E_IO, path, "the directory cannot be read");
    if (count == 0)
        rc = sp_err_set(err, SP_E_NOT_FOUND, path, "no file *.yaml or *.yml is in this directory");
    if (count > CTL_DEF_FILES_MAX)
        rc = sp_err_set(err, SP_E_LIMIT, path, "more than %u files", CTL_DEF_FILES_MAX);
    for (int i = 0; i < count; i++) {
        if (rc == SP_OK && (rc = sp_fs_join(file, sizeof file, path, entries[i]->d_name)) == SP_OK)
            rc = def_file(file, defs, err);
        free(entries[i]);
    }
    free(entries);
    if (rc != SP_OK)
        def_cut(defs, before);
    return rc;
}

enum sp_rc ctl_def_load(const char *path, struct ctl_defs *defs, struct sp_err *err)
{
    struct stat status;
    if (strcmp(path, "-") == 0)
        return def_stdin(defs, err);
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return def_folder(path, defs, err);
    return def_file(path, defs, err);
}

void ctl_def_clear(struct ctl_defs *defs)
{
    def_cut(defs, 0);
    free(defs->items);
    memset(defs, 0, sizeof *defs);
}
