/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files - args {"trees": [PATH, ...], "skips": [PATH, ...]}: what lies below the trees but for the skips (files_walk.h). Every tree
 * must be one that this host's configuration names, or below one: what is in a file is no secret to whoever can ask for its digest
 * and guess.
 */
#include <stdlib.h>
#include <string.h>

#include "collector.h"
#include "collector_table.h"
#include "files_walk.h"

#define TIME_US 3000000000u /* the process has a limit of its own; this one ends with a document */

struct question {
    json_t *args;
    struct sp_str path[MANIFEST_TABLE_TREES_MAX]; /* trees, then skips; views into args */
    size_t trees, skips;
};

static bool take_paths(const char *name, struct question *q, struct collect_out *out)
{
    const json_t *list = json_object_get(q->args, name);
    size_t before = q->trees + q->skips;
    if (list != NULL && (!json_is_array(list) || json_array_size(list) > MANIFEST_TABLE_TREES_MAX - before)) {
        (void)collect_fail(out, SP_REASON_BAD_PARAMETERS, "%s: a list of at most %u paths in all", name, MANIFEST_TABLE_TREES_MAX);
        return false;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        struct sp_str path = json_is_string(v) ? sp_str_bytes(json_string_value(v), json_string_length(v)) : sp_str_of("");
        if (!manifest_table_is_path(path)) {
            (void)collect_fail(out, SP_REASON_BAD_PARAMETERS, "%s: a path is absolute and has no empty part, no . and no ..", name);
            return false;
        }
        q->path[before + i] = path;
    }
    return true;
}

/* Trees stand beside each other: else a file would be listed twice. */
static bool trees_are_apart(const struct question *q)
{
    for (size_t i = 0; i < q->trees; i++) {
        for (size_t k = 0; k < q->trees; k++) {
            if (i != k && manifest_table_is_below(q->path[i], q->path[k])) {
                return false;
            }
        }
    }
    return true;
}

static uint16_t read_args(const struct collect_request *request, struct question *q, struct collect_out *out)
{
    static const char *const names[] = {"trees", "skips", NULL};
    uint16_t reason = SP_REASON_OK;
    q->args = collect_args(request, out, &reason);
    if (q->args == NULL) {
        return reason;
    }
    if (!collect_args_only(q->args, names, out) || !take_paths("trees", q, out)) {
        return SP_REASON_BAD_PARAMETERS;
    }
    q->trees = json_array_size(json_object_get(q->args, "trees"));
    if (!take_paths("skips", q, out)) {
        return SP_REASON_BAD_PARAMETERS;
    }
    q->skips = json_array_size(json_object_get(q->args, "skips"));
    if (q->trees == 0 || !trees_are_apart(q)) {
        return collect_fail(out, SP_REASON_BAD_PARAMETERS, "trees: at least one, and none below another");
    }
    for (size_t i = 0; i < q->trees; i++) {
        if (!collect_tree_allowed(request->site, q->path[i])) {
            return collect_fail(out, SP_REASON_REFUSED, "%.*s is not below a tree of this attester's configuration",
                                q->path[i].n < 160 ? (int)q->path[i].n : 160, q->path[i].p);
        }
    }
    return SP_REASON_OK;
}

static void on_spend(void *arg, uint64_t bytes)
{
    collect_spend(arg, bytes);
}

static uint16_t walk(const struct collect_request *request, const struct question *q, struct collect_out *out)
{
    struct files_walk_options o;
    struct files_walk_sum sum;
    files_walk_defaults(&o);
    o.root = request->site->root;
    o.trees = q->path;
    o.tree_count = q->trees;
    o.skips = q->path + q->trees;
    o.skip_count = q->skips;
    o.max_us = TIME_US;
    o.out = out->fd;
    o.out_max = out->max < FILES_DOC_MAX ? out->max : FILES_DOC_MAX;
    o.spend = on_spend;
    o.arg = (void *)request;
    if (!files_walk(&o, &sum)) {
        return collect_fail(out, SP_REASON_INTERNAL, "the list of files cannot be written");
    }
    out->n = sum.written;
    return SP_REASON_OK;
}

static uint16_t files_collect(const struct collect_request *request, struct collect_out *out)
{
    struct question q = {.args = NULL};
    uint16_t reason = read_args(request, &q, out);
    if (reason == SP_REASON_OK) {
        reason = walk(request, &q, out);
    }
    json_decref(q.args);
    return reason;
}

const struct collector collector_files = {.kind = "files", .collect = files_collect};
