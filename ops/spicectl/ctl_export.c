/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_json.h"
#include "ctl_world.h"

#include "sp_fs.h"
#include "sp_selector.h"

#include <string.h>

#define EXPORT_BYTES_MAX (256u << 20)

static bool export_named(const struct ctl *ctl, const char *name)
{
    for (size_t i = 0; i < ctl->args.names_count; i++) {
        if (sp_selector_glob(sp_str_of(ctl->args.names[i]), sp_str_of(name)))
            return true;
    }
    return ctl->args.names_count == 0;
}

/* A node in service is not said to be: the document would order it back there when it was put into maintenance since. The
 * rest is said even where it is empty, so that apply brings it back. */
static void export_node(const json_t *node, struct sp_buf *b)
{
    json_t *said = ctl_json_need(json_copy((json_t *)(uintptr_t)node));
    if (strcmp(ctl_json_text(said, "state"), "in_service") == 0)
        (void)json_object_del(said, "state");
    ctl_def_print(CTL_DEF_NODE, said, b);
    json_decref(said);
}

static size_t export_kind(struct ctl *ctl, enum ctl_def_kind kind, const struct ctl_policy_world *world, struct sp_buf *b,
                          json_t *all, bool *left_out)
{
    const char *name;
    json_t *definition;
    size_t count = 0;
    json_object_foreach(world->have[kind], name, definition)
    {
        if (!export_named(ctl, name))
            continue;
        if (kind == CTL_DEF_MANIFEST && ctl_json_text(definition, "sha256")[0] == '\0') {
            (void)ctl_fail(ctl, CTL_PARTLY, name, "see spicectl manifest show; it is left out",
                           "this manifest is not signed by a key of worker: manifest_keys, or was altered since");
            *left_out = true;
            continue;
        }
        if (kind == CTL_DEF_NODE)
            export_node(definition, b);
        else
            ctl_def_print(kind, definition, b);
        json_t *row = ctl_json_need(json_pack("{s:s}", "kind", ctl_def_word(kind)));
        (void)json_object_update(row, definition);
        (void)json_array_append_new(all, row);
        count++;
    }
    return count;
}

static int export_put(struct ctl *ctl, const struct sp_buf *b)
{
    struct sp_err err = {0};
    const char *to = ctl->args.values[CTL_OPT_TO];
    if (b->failed)
        return ctl_fail(ctl, CTL_FAILED, NULL, "export one --kind after the other", "more than %u bytes of definitions",
                        EXPORT_BYTES_MAX);
    if (to == NULL) {
        ctl_out_print(&ctl->out, "%.*s", (int)b->n, b->n > 0 ? (const char *)b->p : "");
        return CTL_OK;
    }
    if (sp_fs_write(to, b->p, b->n, 0644, &err) != SP_OK)
        return ctl_fail(ctl, CTL_FAILED, err.where, err.hint, "%s", err.text);
    return CTL_OK;
}

int ctl_export_run(struct ctl *ctl)
{
    static const enum ctl_def_kind order[] = {CTL_DEF_MANIFEST, CTL_DEF_PROFILE, CTL_DEF_CHECK, CTL_DEF_NODE, CTL_DEF_POOL};
    const char *word = ctl->args.values[CTL_OPT_KIND];
    enum ctl_def_kind only = word != NULL ? ctl_def_kind_of(word) : CTL_DEF_KINDS;
    bool wanted[CTL_DEF_KINDS] = {false};
    struct ctl_policy_world world;
    struct sp_buf b;
    size_t count = 0;
    bool left_out = false;
    if (word != NULL && (only == CTL_DEF_KINDS || only == CTL_DEF_LABEL))
        return ctl_fail(ctl, CTL_USAGE, "--kind", "kinds are check, profile, pool, node and manifest", "no kind \"%s\"", word);
    for (size_t i = 0; i < SP_COUNT(order); i++)
        wanted[order[i]] = (word == NULL && order[i] != CTL_DEF_MANIFEST) || only == order[i] ||
                           (only == CTL_DEF_CHECK && order[i] == CTL_DEF_PROFILE);
    int code = ctl_world_open(ctl, wanted, &world);
    sp_buf_init(&b, EXPORT_BYTES_MAX);
    json_t *all = ctl_json_need(json_array());
    for (size_t i = 0; code == CTL_OK && i < SP_COUNT(order); i++) {
        if (wanted[order[i]] && (word == NULL || only == order[i]))
            count += export_kind(ctl, order[i], &world, &b, all, &left_out);
    }
    if (code == CTL_OK && count == 0 && !left_out && ctl->args.names_count > 0)
        code = ctl_fail(ctl, CTL_FAILED, NULL, "see spicectl check list, pool list, ...", "no definition has this name");
    else if (code == CTL_OK && ctl->json)
        ctl_json_print(&ctl->out, all);
    else if (code == CTL_OK)
        code = export_put(ctl, &b);
    if (code == CTL_OK && left_out)
        code = CTL_PARTLY;
    json_decref(all);
    sp_buf_fini(&b);
    ctl_world_close(&world);
    return code;
}
