/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_run.h"

#include "ctl.h"
#include "ctl_cmd.h"
#include "ctl_fleet.h"
#include "ctl_json.h"
#include "ctl_pick.h"
#include "ctl_span.h"
#include "ctl_table.h"

#include "sp_assert.h"

#include <string.h>

#define NODE_POOLS_TEXT_MAX 1024

/* "trusted 4m 10s" for each pool the node is in. */
static void node_pools(const json_t *pools, char *to, size_t size)
{
    const char *key;
    json_t *pool;
    size_t used = 0;
    char span[CTL_SPAN_MAX];
    to[0] = '\0';
    json_object_foreach((json_t *)(uintptr_t)pools, key, pool)
    {
        if (!ctl_json_true(pool, "member"))
            continue;
        int n = snprintf(to + used, size - used, "%s%s %s", used > 0 ? ", " : "", key,
                         ctl_span_text(ctl_json_int(pool, "remaining_ms", -1), span, sizeof span));
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
    }
}

/* "POOL: why" for the first pool that selects the node and does not have it: the line a person looks for. */
static void node_why(const json_t *pools, char *to, size_t size)
{
    const char *key;
    json_t *pool;
    to[0] = '\0';
    json_object_foreach((json_t *)(uintptr_t)pools, key, pool)
    {
        const char *why = ctl_json_text(pool, "why");
        if (ctl_json_true(pool, "member") || strstr(why, "does not select") != NULL)
            continue;
        (void)snprintf(to, size, "%s: %s", key, why);
        return;
    }
}

static bool node_in_pool_asked(const struct ctl *ctl, const json_t *row)
{
    const char *pool = ctl->args.values[CTL_OPT_POOL];
    return pool == NULL || ctl_json_true(json_object_get(json_object_get(row, "pools"), pool), "member");
}

void ctl_node_enrolment(struct ctl_table *table, const json_t *row)
{
    const char *word = ctl_json_text(row, "enrolment");
    enum ctl_tone tone =
        strcmp(word, "certified") == 0 ? CTL_GOOD : (word[0] == '\0' || strcmp(word, "none") == 0 ? CTL_PLAIN : CTL_WARN);
    ctl_table_tone(table, tone, word);
}

static void node_table(struct ctl *ctl, const json_t *list)
{
    char text[CTL_JSON_WORDS_MAX];
    size_t i;
    json_t *row;
    struct ctl_table *table = ctl_table_new("NODE|TIER|STATE|ORIGIN|ENROLMENT|IN POOLS|LABELS|WHY NOT");
    json_array_foreach(list, i, row)
    {
        const json_t *pools = json_object_get(row, "pools");
        const char *tier = ctl_json_text(row, "tier");
        const char *state = ctl_json_text(row, "state");
        ctl_table_cell(table, ctl_json_text(row, "name"));
        ctl_table_tone(table, ctl_out_tone_of(tier), tier);
        ctl_table_tone(table, ctl_out_tone_of(state), state);
        ctl_table_cell(table, ctl_json_text(row, "origin"));
        ctl_node_enrolment(table, row);
        node_pools(pools, text, NODE_POOLS_TEXT_MAX);
        ctl_table_cell(table, text);
        ctl_table_cell(table, ctl_json_labels(json_object_get(row, "labels"), text, sizeof text));
        node_why(pools, text, sizeof text);
        ctl_table_cell(table, text);
    }
    ctl_table_print(table, &ctl->out, "No node. Register one with: spicectl node add NAME");
    ctl_table_destroy(&table);
}

int ctl_node_list(struct ctl *ctl)
{
    static const struct ctl_pick_look look = {.table = node_table, .wants = node_in_pool_asked};
    const char *pool = ctl->args.values[CTL_OPT_POOL];
    int code = pool != NULL ? ctl_pick_known(ctl, "pool", "keeper", pool) : CTL_OK;
    return code == CTL_OK ? ctl_pick_list(ctl, "node", "keeper", &look) : code;
}

/* The list of all nodes says little about each identity: who is shown is asked for by name. */
int ctl_node_show(struct ctl *ctl)
{
    struct ctl_pick pick = {.noun = "node", .role = "keeper", .resolve = true};
    json_t *rows = ctl_json_need(json_array());
    json_t *row;
    size_t n;
    int code = ctl_pick_open(ctl, &pick, 0);
    for (size_t i = 0; code == CTL_OK && i < pick.count; i++) {
        json_t *found = NULL;
        code = ctl_fleet_ask(ctl, "keeper", "node.list", ctl_pick_name_args(ctl, pick.names[i], NULL), &found);
        (void)json_array_extend(rows, found);
        json_decref(found);
    }
    if (code == CTL_OK && ctl->json)
        ctl_json_print(&ctl->out, rows);
    json_array_foreach(rows, n, row)
    {
        if (code != CTL_OK || ctl->json)
            break;
        json_t *identity = json_incref(json_object_get(row, "identity"));
        (void)json_object_del(row, "identity");
        ctl_out_print(&ctl->out, n > 0 ? "\n" : "");
        ctl_json_show(&ctl->out, row, 0);
        ctl_node_identity(ctl, identity);
        json_decref(identity);
    }
    json_decref(rows);
    ctl_pick_close(&pick);
    return code;
}

/* "k=v,k=v" to an object; false: error printed. */
static bool node_labels_of(struct ctl *ctl, const char *text, json_t **out)
{
    json_t *labels = ctl_json_need(json_object());
    char key[CTL_FLEET_TEXT_MAX];
    char value[CTL_FLEET_TEXT_MAX];
    while (*text != '\0') {
        size_t n = strcspn(text, ",");
        size_t k = strcspn(text, "=");
        if (k == 0 || k >= n || n >= sizeof value) {
            json_decref(labels);
            (void)ctl_fail(ctl, CTL_USAGE, "--labels", "write key=value,key=value", "label \"%.*s\" is not valid", (int)n, text);
            return false;
        }
        (void)snprintf(key, sizeof key, "%.*s", (int)k, text);
        (void)snprintf(value, sizeof value, "%.*s", (int)(n - k - 1), text + k + 1);
        (void)json_object_set_new(labels, key, ctl_json_need(json_string(value)));
        text += n + (text[n] == ',' ? 1 : 0);
    }
    *out = labels;
    return true;
}

int ctl_node_add(struct ctl *ctl)
{
    const struct ctl_args *args = &ctl->args;
    json_t *reply;
    json_t *put = ctl_json_need(json_pack("{s:s, s:b}", "name", args->names[0], "dry_run", ctl->dry_run));
    if (ctl_args_has(args, CTL_OPT_KEY))
        (void)json_object_set_new(put, "key", ctl_json_need(json_string(args->values[CTL_OPT_KEY])));
    if (ctl_args_has(args, CTL_OPT_ADDRESS))
        (void)json_object_set_new(put, "address", ctl_json_need(json_string(args->values[CTL_OPT_ADDRESS])));
    if (ctl_args_has(args, CTL_OPT_LABELS)) {
        json_t *labels;
        if (!node_labels_of(ctl, args->values[CTL_OPT_LABELS], &labels)) {
            json_decref(put);
            return CTL_USAGE;
        }
        (void)json_object_set_new(put, "labels", labels);
    }
    int code = ctl_fleet_ask(ctl, "keeper", "node.put", put, &reply);
    if (code != CTL_OK)
        return code;
    if (ctl->json)
        ctl_json_print(&ctl->out, reply);
    else
        ctl_out_print(&ctl->out, "node %s: %s%s\n", args->names[0], ctl->dry_run ? "would be " : "", "registered");
    json_decref(reply);
    return CTL_OK;
}

static json_t *node_state_args(struct ctl *ctl, const char *name, const void *more)
{
    (void)ctl;
    return ctl_json_need(json_pack("{s:s, s:s}", "name", name, "state", (const char *)more));
}

int ctl_node_state(struct ctl *ctl)
{
    static const struct {
        const char *verb;
        const char *state;
        const char *doing;
        const char *done;
    } rows[] = {
        {"resume", "in_service", "Put in service", "in service"},
        {"maintenance", "maintenance", "Put into maintenance", "in maintenance"},
        {"quarantine", "quarantined", "Quarantine", "quarantined"},
        {"retire", "retired", "Retire", "retired"},
    };
    size_t i = 0;
    while (i < SP_COUNT(rows) && strcmp(rows[i].verb, ctl->args.cmd->verb) != 0)
        i++;
    SP_ASSERT(i < SP_COUNT(rows));
    struct ctl_pick pick = {.noun = "node", .role = "keeper"};
    struct ctl_pick_deed deed = {
        .verb = "node.state", .doing = rows[i].doing, .done = rows[i].done, .args = node_state_args, .more = rows[i].state};
    int code = ctl_pick_open(ctl, &pick, 0);
    if (code == CTL_OK)
        code = ctl_pick_each(ctl, &pick, &deed);
    ctl_pick_close(&pick);
    return code;
}

int ctl_node_delete(struct ctl *ctl)
{
    return ctl_pick_delete(ctl, "node", "keeper");
}

static json_t *node_label_args(struct ctl *ctl, const char *name, const void *more)
{
    (void)ctl;
    /* null as a value removes the label. */
    const json_t *labels = more;
    return ctl_json_need(json_pack("{s:s, s:O}", "name", name, "labels", labels));
}

/* Splits the words into names of nodes (kept in args) and changes of labels. */
static int node_label_words(struct ctl *ctl, json_t *labels)
{
    struct ctl_args *args = &ctl->args;
    char key[CTL_FLEET_TEXT_MAX];
    size_t kept = 0;
    for (size_t i = 0; i < args->names_count; i++) {
        const char *word = args->names[i];
        size_t n = strlen(word);
        size_t k = strcspn(word, "=");
        bool removes = k == n && n > 1 && word[n - 1] == '-';
        if (k == n && !removes) {
            args->names[kept++] = word;
            continue;
        }
        if (k == 0 || n >= sizeof key)
            return ctl_fail(ctl, CTL_USAGE, NULL, "write key=value, or key- to remove", "label \"%s\" is not valid", word);
        (void)snprintf(key, sizeof key, "%.*s", (int)(removes ? n - 1 : k), word);
        json_t *value = removes ? json_null() : json_string(word + k + 1);
        (void)json_object_set_new(labels, key, ctl_json_need(value));
    }
    args->names_count = kept;
    if (json_object_size(labels) == 0)
        return ctl_fail(ctl, CTL_USAGE, NULL, "write key=value, or key- to remove", "no label was given");
    return CTL_OK;
}

int ctl_node_label(struct ctl *ctl)
{
    json_t *labels = ctl_json_need(json_object());
    struct ctl_pick pick = {.noun = "node", .role = "keeper"};
    struct ctl_pick_deed deed = {
        .verb = "node.labels", .doing = "Label", .done = "labelled", .args = node_label_args, .more = labels};
    int code = node_label_words(ctl, labels);
    if (code == CTL_OK)
        code = ctl_pick_open(ctl, &pick, 0);
    if (code == CTL_OK)
        code = ctl_pick_each(ctl, &pick, &deed);
    ctl_pick_close(&pick);
    json_decref(labels);
    return code;
}
