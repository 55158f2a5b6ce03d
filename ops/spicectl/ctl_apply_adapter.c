/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is there anything that could run this check? An adapter of ours is known to every worker of this version. Somebody's own is known by the
 * workers that have it; while none of them is connected, the word can as well be a mistake, and a check with a mistake in it would never
 * run. What is in force already is not asked about again.
 */
#include "ctl_apply.h"

#include "adapter.h"
#include "ctl_fleet.h"
#include "ctl_gather.h"
#include "ctl_json.h"

#include "sp_str.h"

#define ADAPTERS_HINT_MAX 400
#define ADAPTERS_MAX      64 /* names that are looked at for the nearest, and told */

struct adapters {
    const char *names[ADAPTERS_MAX]; /* of ours first; lent by sp_adapters and peers */
    size_t count;
    json_t *peers; /* NULL: not asked yet, or nobody answered */
    bool asked;
};

static bool adapter_is_known(const struct adapters *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->names[i], name) == 0)
            return true;
    }
    return false;
}

static void adapter_add(struct adapters *a, const char *name)
{
    if (name != NULL && a->count < ADAPTERS_MAX && !adapter_is_known(a, name))
        a->names[a->count++] = name;
}

/* Effect: adds what the connected workers say they have. */
static void adapter_ask(struct ctl *ctl, struct adapters *a)
{
    struct ctl_fault fault;
    const char *name;
    json_t *peer;
    json_t *each;
    size_t i;
    if (a->asked)
        return;
    a->asked = true;
    a->peers = ctl_gather_peers(ctl, &fault);
    json_object_foreach(a->peers, name, peer)
    {
        json_array_foreach(json_object_get(json_object_get(peer, "worker"), "adapters"), i, each)
            adapter_add(a, json_string_value(each));
    }
}

/* Effect: fills the hint with the nearest name and all that are known. */
static void adapter_hint(const struct adapters *a, const char *adapter, const char *more, char hint[ADAPTERS_HINT_MAX])
{
    char known[256];
    size_t n = 0;
    known[0] = '\0';
    for (size_t i = 0; i < a->count && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? ", " : "", a->names[i]);
    const char *near = sp_str_nearest(sp_str_of(adapter), a->names, a->count);
    (void)snprintf(hint, ADAPTERS_HINT_MAX, "%s%s%sknown are %.200s; %s", near != NULL ? "did you mean " : "",
                   near != NULL ? near : "", near != NULL ? "? " : "", known, more);
}

static int adapter_refuse(struct ctl *ctl, const struct adapters *a, const struct ctl_def *def, const char *adapter)
{
    char hint[ADAPTERS_HINT_MAX];
    adapter_hint(a, adapter, "start a worker that has it first, or say --unknown-adapter", hint);
    return ctl_fail(ctl, CTL_FAILED, def->where, hint, "check %s is for the adapter \"%s\", which is none of ours%s", def->name,
                    adapter, a->peers != NULL ? " and which no connected worker has" : "; no broker says what its workers have");
}

int ctl_apply_adapter_words(struct ctl *ctl, const char *words)
{
    struct adapters a = {.count = 0};
    struct sp_str rest = sp_str_of(words), word;
    char name[SP_ADAPTER_NAME_MAX + 1], hint[ADAPTERS_HINT_MAX];
    int code = CTL_OK;
    if (ctl_args_has(&ctl->args, CTL_OPT_UNKNOWN_ADAPTER))
        return CTL_OK;
    for (size_t i = 0; sp_adapters[i] != NULL; i++)
        adapter_add(&a, sp_adapters[i]->name);
    while (code == CTL_OK && sp_str_next(&rest, ',', &word)) {
        bool fits = sp_str_copy(name, sizeof name, word);
        if (fits && (strcmp(name, "*") == 0 || adapter_is_known(&a, name)))
            continue;
        adapter_ask(ctl, &a);
        if (fits && adapter_is_known(&a, name))
            continue;
        adapter_hint(&a, fits ? name : "", "when the new worker is of another build that has it, say --unknown-adapter", hint);
        code = ctl_fail(ctl, CTL_USAGE, "--adapters", hint, "no adapter \"%.*s\"", (int)(word.n > 60 ? 60 : word.n), word.p);
    }
    json_decref(a.peers);
    return code;
}

int ctl_apply_adapters(struct ctl *ctl, const struct ctl_defs *defs, const struct ctl_policy_world *world)
{
    struct adapters a = {.count = 0};
    int code = CTL_OK;
    if (ctl_args_has(&ctl->args, CTL_OPT_UNKNOWN_ADAPTER))
        return CTL_OK;
    for (size_t i = 0; sp_adapters[i] != NULL; i++)
        adapter_add(&a, sp_adapters[i]->name);
    for (size_t i = 0; i < defs->count && code == CTL_OK; i++) {
        const struct ctl_def *def = &defs->items[i];
        const char *adapter = def->kind == CTL_DEF_CHECK ? ctl_json_text(def->want, "adapter") : "";
        const json_t *had = def->kind == CTL_DEF_CHECK ? json_object_get(world->have[CTL_DEF_CHECK], def->name) : NULL;
        if (def->kind != CTL_DEF_CHECK || adapter_is_known(&a, adapter) ||
            (had != NULL && strcmp(ctl_json_text(had, "adapter"), adapter) == 0))
            continue;
        adapter_ask(ctl, &a);
        if (!adapter_is_known(&a, adapter))
            code = adapter_refuse(ctl, &a, def, adapter);
    }
    json_decref(a.peers);
    return code;
}
