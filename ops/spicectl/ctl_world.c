/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_world.h"

#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_manifest.h"

#include "sp_str.h"

#define WORLD_VERB_MAX 32

const char *ctl_world_owner(enum ctl_def_kind kind)
{
    return kind == CTL_DEF_CHECK || kind == CTL_DEF_PROFILE ? "scheduler" : "keeper";
}

static int world_kind(struct ctl *ctl, enum ctl_def_kind kind, struct ctl_policy_world *world)
{
    char verb[WORLD_VERB_MAX];
    json_t *list;
    json_t *row;
    size_t i;
    (void)snprintf(verb, sizeof verb, "%s.list", ctl_def_word(kind));
    int code = ctl_fleet_ask(ctl, ctl_world_owner(kind), verb, NULL, &list);
    if (code != CTL_OK)
        return code;
    world->have[kind] = ctl_json_need(json_object());
    json_array_foreach(list, i, row)
    {
        const char *name = ctl_json_text(row, "name");
        (void)json_object_set_new(world->have[kind], name, ctl_def_of_row(kind, row));
    }
    json_decref(list);
    return CTL_OK;
}

int ctl_world_open(struct ctl *ctl, const bool wanted[CTL_DEF_KINDS], struct ctl_policy_world *world)
{
    int code = CTL_OK;
    memset(world, 0, sizeof *world);
    for (size_t kind = 0; code == CTL_OK && kind < CTL_DEF_KINDS; kind++) {
        if (wanted[kind] && kind == CTL_DEF_MANIFEST)
            world->have[kind] = ctl_manifest_have(ctl);
        else if (wanted[kind] && kind != CTL_DEF_LABEL)
            code = world_kind(ctl, (enum ctl_def_kind)kind, world);
    }
    return code;
}

void ctl_world_close(struct ctl_policy_world *world)
{
    for (size_t kind = 0; kind < CTL_DEF_KINDS; kind++) {
        json_decref(world->have[kind]);
        world->have[kind] = NULL;
    }
}
