/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_inventory.h"

#include <stdio.h>

#include "dispatch_keeper_shell.h"
#include "keeper_node_admin.h"
#include "sp_hex.h"
#include "sp_log.h"
#include "sp_random.h"
#include "sp_selector.h"

#define INVENTORY_META "inventory:"

static void inventory_key(uint32_t node, char key[32])
{
    (void)snprintf(key, 32, INVENTORY_META "%u", node);
}

/* ---- start ---- */

static enum sp_rc inventory_rules(struct nodes_shell *s, struct inventory_options *o, struct sp_err *err)
{
    const struct sp_conf_inventory *c = &s->conf->keeper.inventory;
    SP_STATIC_ASSERT(SP_CONF_INVENTORY_RULES_MAX <= INVENTORY_RULES_MAX, "each rule has its place");
    for (uint32_t i = 0; i < c->label_count; i++) {
        char *text = s->inventory_rules[i];
        (void)snprintf(text, sizeof s->inventory_rules[i], "%s", c->labels[i]);
        size_t pattern = strcspn(text, " "), skip = strspn(text + pattern, " ");
        const char *labels = text + pattern + skip;
        if (pattern == 0 || labels[0] == '\0' || !sp_selector_labels_valid(sp_str_of(labels))) {
            (void)sp_err_set(err, SP_E_INVALID, "keeper.inventory.labels", "'%.100s' is no rule", text);
            sp_err_hint(err, "write 'PATTERN key=value,key=value' with the keys in rising order");
            return SP_E_INVALID;
        }
        text[pattern] = '\0';
        o->rules[o->rule_count++] = (struct inventory_rule){text, labels};
    }
    return SP_OK;
}

enum sp_rc keeper_inventory_open(struct nodes_shell *s, struct sp_err *err)
{
    const struct sp_conf_inventory *c = &s->conf->keeper.inventory;
    struct inventory_options o = {.mode = (enum inventory_mode)c->mode,
                                  .admit = (enum inventory_admit)c->admit,
                                  .misses = c->misses,
                                  .missing_ms = c->missing_ms,
                                  .brake_percent = c->brake_percent,
                                  .rows_max = s->conf->keeper.nodes_max};
    struct sp_db_stmt *q = NULL;
    sp_random_bytes(o.hash_key, sizeof o.hash_key);
    enum sp_rc rc = inventory_rules(s, &o, err);
    inventory_init(&s->inventory, &o);
    if (rc != SP_OK) {
        return rc;
    }
    rc = keeper_store_query(&s->store, "SELECT key FROM meta WHERE key>='" INVENTORY_META "' AND key<'inventory;'", &q);
    while (rc == SP_OK && (rc = sp_db_row(q)) == SP_OK) {
        char key[32];
        uint64_t node = 0;
        struct sp_str found = sp_db_get_text(q, 0);
        if (sp_str_copy(key, sizeof key, found) && sp_str_u64(sp_str_of(key + sizeof INVENTORY_META - 1), NODE_ROWS_MAX, &node)) {
            (void)inventory_restore(&s->inventory, (uint32_t)node,
                                    keeper_store_meta(&s->store, key)); /* an edited row: no cause, so no return */
        }
    }
    return rc == SP_E_NOT_FOUND ? SP_OK : sp_err_set(err, rc, s->store.path, "table meta cannot be read back: %s", sp_rc_text(rc));
}

/* ---- acts ---- */

enum sp_rc keeper_inventory_clear(struct nodes_shell *s, uint32_t node)
{
    char key[32];
    inventory_key(node, key);
    return inventory_cause_of(&s->inventory, node) != INVENTORY_NONE ? keeper_store_meta_put(&s->store, key, INVENTORY_NONE)
                                                                     : SP_OK;
}

/* What the numbers of the nodes will be once the acts are done one after another. */
struct inventory_ahead {
    uint64_t version;
    uint32_t count;
};

/* The node as it is after an act. What another machine finds under its name is not for it: the address is where the former one is
 * reached, and an answer from there would speak for a key that never answered. */
static struct node_def inventory_def(const struct inventory_act *a, const struct node_row *row)
{
    bool fresh = row == NULL || a->kind == INVENTORY_PUT;
    struct node_def def =
        fresh ? (struct node_def){.labels = sp_str_of(a->labels), .origin = NODE_ORIGIN_NOVA} : node_registry_def(row);
    def.name = sp_str_of(a->name);
    def.state = a->state;
    memcpy(def.key, a->key, sizeof def.key);
    return def;
}

static enum sp_rc inventory_store(struct nodes_shell *s, const struct inventory_act *a, struct inventory_ahead *ahead, uint32_t *id)
{
    const struct node_row *row = node_registry_at(keeper_core_nodes(s->core), a->node);
    struct node_def def = inventory_def(a, row);
    struct keeper_store_node n = {&def, a->node, 1, ++ahead->version};
    char key[32];
    if (row == NULL) {
        n.id = ++ahead->count;
    } else {
        bool back = row->state == SP_NODE_STATE_RETIRED && a->state != SP_NODE_STATE_RETIRED;
        n.generation = row->generation + (back || a->kind != INVENTORY_STATE ? 1 : 0);
    }
    *id = n.id;
    bool rename = a->kind == INVENTORY_RENAME;
    struct keeper_store_audit audit = {.wall_ms = nodes_shell_now(s).wall.ms,
                                       .actor = s->inventory.source,
                                       .what = a->what,
                                       .object = a->name,
                                       .from = rename        ? row->name
                                               : row != NULL ? sp_node_state_name(a->from)
                                                             : "",
                                       .to = rename ? a->name : sp_node_state_name(a->state),
                                       .why = a->why};
    inventory_key(n.id, key);
    enum sp_rc rc = keeper_store_node(&s->store, &n);
    rc = rc == SP_OK ? keeper_store_meta_put(&s->store, key, a->cause) : rc;
    return rc == SP_OK ? keeper_store_audit(&s->store, &audit) : rc;
}

static void inventory_step(struct nodes_shell *s, const struct inventory_act *a, uint32_t id)
{
    struct keeper_event ev = {.kind = KEEPER_EV_NODE_STATE};
    const struct node_row *row = node_registry_at(keeper_core_nodes(s->core), a->node);
    if (a->kind == INVENTORY_PUT) {
        ev.kind = KEEPER_EV_NODE_PUT;
        ev.u.node = inventory_def(a, row);
    } else if (a->kind == INVENTORY_RENAME) {
        ev.kind = KEEPER_EV_NODE_RENAME;
        ev.u.rename.id = id;
        ev.u.rename.state = a->state;
        ev.u.rename.name = sp_str_of(a->name);
    } else {
        ev.u.state.id = id;
        ev.u.state.state = a->state;
    }
    nodes_shell_step(s, &ev);
}

void keeper_inventory_run(struct nodes_shell *s)
{
    static struct inventory_act acts[INVENTORY_ACTS_MAX]; /* large; one thread */
    static uint32_t ids[INVENTORY_ACTS_MAX];
    const struct node_registry *nodes = keeper_core_nodes(s->core);
    if (!s->inventory.acting || !s->health.store_good) {
        s->inventory.acting = false; /* the next reading finds the same */
        return;
    }
    uint32_t n = inventory_next(&s->inventory, nodes, acts);
    if (n == 0 || !nodes_shell_rows(s)) {
        return;
    }
    struct inventory_ahead ahead = {nodes->version, nodes->count};
    enum sp_rc rc = SP_OK;
    for (uint32_t i = 0; i < n && rc == SP_OK; i++) {
        rc = inventory_store(s, &acts[i], &ahead, &ids[i]);
    }
    if (!nodes_shell_commit_rows(s, rc)) {
        inventory_stop(&s->inventory);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        inventory_step(s, &acts[i], ids[i]);
        inventory_done(&s->inventory, &acts[i], ids[i], sp_mono_ms(nodes_shell_now(s).mono));
        SP_LOG(SP_LOG_NOTICE, "keeper", acts[i].what, SP_LOG_S("node", acts[i].name),
               SP_LOG_S("state", sp_node_state_name(acts[i].state)), SP_LOG_S("why", acts[i].why));
    }
}

/* A name that no node can have is said aloud: somebody has to change it in the cloud. */
static void inventory_say(struct nodes_shell *s)
{
    const struct inventory *inv = &s->inventory;
    for (uint32_t i = 0; i < inv->row_count; i++) {
        if (inv->rows[i].bad) {
            SP_LOG(SP_LOG_ERROR, "keeper", "inventory.bad_name", SP_LOG_S("name", inv->rows[i].name),
                   SP_LOG_S("why", "no name of a node: 1 to 64 of A-Z a-z 0-9 . _ -, the first one alphanumeric"));
        }
    }
    if (inv->braked) {
        SP_LOG(SP_LOG_ERROR, "keeper", "inventory.braked", SP_LOG_U("would_leave", inv->harm), SP_LOG_U("limit", inv->limit),
               SP_LOG_U("this_hour", inv->hour_count),
               SP_LOG_S("hint", "look with: spicectl node inventory; carry out with --accept"));
    }
}

enum sp_rc keeper_shell_on_inventory_report(struct keeper_shell_in *in, struct msg_inventory_report *m)
{
    struct nodes_shell *s = in->shell;
    enum inventory_part_result r = inventory_part(&s->inventory, keeper_core_nodes(s->core), sp_mono_ms(nodes_shell_now(s).mono),
                                                  sp_str_of(in->message->from->name), m);
    if (r == INVENTORY_WHOLE) {
        SP_LOG(SP_LOG_DEBUG, "keeper", "inventory", SP_LOG_S("from", s->inventory.source),
               SP_LOG_U("nodes", s->inventory.row_count));
        inventory_say(s);
        keeper_inventory_run(s);
    } else if (r != INVENTORY_TAKEN) {
        SP_LOG(SP_LOG_INFO, "keeper", "inventory.refused", SP_LOG_S("from", in->message->from->name), SP_LOG_U("part", m->part),
               SP_LOG_S("why", r == INVENTORY_MALFORMED ? "no such list" : "a part is missing, or it came too soon"));
    }
    return SP_OK;
}

void keeper_inventory_stats(struct nodes_shell *s)
{
    const struct inventory_counters *c = &s->inventory.counters;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"inventory.nodes", s->inventory.row_count},
        {"inventory.readings", c->wholes},
        {"inventory.refused", c->refused},
        {"inventory.malformed", c->malformed},
        {"inventory.bad_names", c->bad_names},
        {"inventory.discovered", c->discovered},
        {"inventory.renamed", c->renamed},
        {"inventory.conflicts", c->conflicts},
        {"inventory.retired", c->retired},
        {"inventory.returned", c->returned},
        {"inventory.braked", s->inventory.braked},
        {"keeper.nodes_file_bad", s->nodes_file_bad},
        {"keeper.refused.nodes_max", s->nodes_refused},
        {"keeper.reports_refused", s->reports_refused},
        {"keeper.acts_refused", s->acts_refused},
    };
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        sp_stats_set(s->stats, sp_stats_gauge(s->stats, rows[i].name), rows[i].value);
    }
}

/* ---- people ---- */

/* True when --accept does something about the node; why says what there is. */
static bool inventory_can(const struct nodes_shell *s, const struct node_row *row, enum inventory_finding f, const char **why)
{
    static const char *const texts[INVENTORY_FINDING_COUNT] = {
        [INVENTORY_NEW] =
            "not registered: keeper.inventory.mode is report, its name is not free yet, or there are keeper.nodes_max nodes",
        [INVENTORY_MOVED] = "has another name in the cloud; not entered",
        [INVENTORY_CLASH] = "its name in the cloud is that of another node",
        [INVENTORY_BAD_NAME] = "its name in the cloud is no name of a node",
        [INVENTORY_FOREIGN] = "registered by file or API, and differs in the cloud: stays as it is",
        [INVENTORY_MISSING] = "not in the cloud's list now",
        [INVENTORY_HELD_BACK] = "not in the cloud's list; not retired because of the brake",
        [INVENTORY_IS_GONE] = "retired: not in the cloud's list"};
    static const char *const waits[INVENTORY_CAUSE_COUNT] = {
        [INVENTORY_DISCOVERED] = "new in the cloud's list; waits to be released",
        [INVENTORY_RENAMED] = "was renamed in the cloud; waits to be released",
        [INVENTORY_CONFLICT] = "two nodes had one name; waits to be released",
        [INVENTORY_BACK] = "is in the cloud's list again; waits to be released"};
    unsigned cause = row != NULL ? inventory_cause_of(&s->inventory, row->id) : INVENTORY_NONE;
    const struct inventory_row *seen = row != NULL ? inventory_row_of(&s->inventory, row->key) : NULL;
    *why = texts[f] != NULL ? texts[f] : "";
    if (f == INVENTORY_WAITS && row != NULL) {
        bool free = inventory_is_free(&s->inventory, row);
        *why = !free && seen != NULL && texts[seen->finding] != NULL ? texts[seen->finding]
               : waits[cause] != NULL                                ? waits[cause]
                                                                     : "";
        return free;
    }
    bool held = s->inventory.braked && (f == INVENTORY_MOVED || f == INVENTORY_CLASH || f == INVENTORY_BAD_NAME);
    return row != NULL && row->origin == NODE_ORIGIN_NOVA && s->inventory.options.mode == INVENTORY_DISCOVER &&
           (f == INVENTORY_HELD_BACK || held);
}

static json_t *inventory_one(const struct nodes_shell *s, const struct node_row *row, const struct inventory_row *seen,
                             enum inventory_finding f)
{
    char key[SP_HEX_KEY_BYTES];
    const char *why = "";
    const uint8_t *k = row != NULL ? row->key : seen->key;
    unsigned cause = row != NULL ? inventory_cause_of(&s->inventory, row->id) : INVENTORY_NONE;
    bool can = inventory_can(s, row, f, &why);
    sp_hex_key_write(k, key);
    return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:b, s:s}", "name", row != NULL ? row->name : seen->name, "kind",
                     f == INVENTORY_WAITS ? inventory_cause_name(cause) : inventory_finding_name(f), "key", key, "cloud_name",
                     seen != NULL ? seen->name : NULL, "state", row != NULL ? sp_node_state_name(row->state) : NULL, "accept", can,
                     "why", why);
}

json_t *keeper_inventory_list(struct nodes_shell *s, struct keeper_act *act)
{
    static const char *const modes[] = {"off", "report", "discover"}, *const admits[] = {"manual", "labelled"};
    const struct inventory *inv = &s->inventory;
    const struct node_registry *nodes = keeper_core_nodes(s->core);
    json_t *list = json_array();
    (void)act;
    for (uint32_t id = 1; id <= nodes->count; id++) {
        const struct node_row *row = node_registry_at(nodes, id);
        enum inventory_finding f = inventory_of_node(inv, row);
        if (f != INVENTORY_FITS && json_array_size(list) < KEEPER_ADMIN_ROWS_MAX) {
            json_array_append_new(list, inventory_one(s, row, inventory_row_of(inv, row->key), f));
        }
    }
    for (uint32_t i = 0; i < inv->row_count && json_array_size(list) < KEEPER_ADMIN_ROWS_MAX; i++) {
        const struct inventory_row *seen = &inv->rows[i];
        if (seen->finding != INVENTORY_FITS && node_registry_find_key(nodes, seen->key) == NULL) {
            json_array_append_new(list, inventory_one(s, NULL, seen, (enum inventory_finding)seen->finding));
        }
    }
    uint64_t now_ms = sp_mono_ms(nodes_shell_now(s).mono);
    json_t *age = inv->whole_ms != 0 ? json_integer((json_int_t)(now_ms - inv->whole_ms)) : json_null();
    return json_pack("{s:s, s:s, s:s?, s:o, s:I, s:b, s:I, s:I, s:I, s:o}", "mode", modes[inv->options.mode], "admit",
                     admits[inv->options.admit], "source", inv->source[0] != '\0' ? inv->source : NULL, "age_ms", age, "nodes",
                     (json_int_t)inv->row_count, "braked", inv->braked, "would_leave", (json_int_t)inv->harm, "limit",
                     (json_int_t)inv->limit, "this_hour", (json_int_t)inv->hour_count, "list", list);
}

json_t *keeper_inventory_accept(struct nodes_shell *s, struct keeper_act *act)
{
    struct node_row *row = keeper_node_find(s, act, "name");
    const char *why = "";
    if (row == NULL) {
        return NULL;
    }
    (void)snprintf(act->object, sizeof act->object, "%s", row->name);
    enum inventory_finding f = inventory_of_node(&s->inventory, row);
    if (!inventory_can(s, row, f, &why)) {
        return keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, row->name, f != INVENTORY_FITS ? why : "nothing waits for a yes",
                                   "see spicectl node inventory");
    }
    if (f == INVENTORY_WAITS) {
        (void)snprintf(act->why, sizeof act->why, "%s", why);
        return keeper_node_state_to(s, act, SP_NODE_STATE_IN_SERVICE);
    }
    (void)snprintf(act->from, sizeof act->from, "%s", sp_node_state_name(row->state));
    (void)snprintf(act->why, sizeof act->why, "%s", why);
    if (act->dry) {
        return keeper_admin_done(act);
    }
    if (!nodes_shell_rows(s) || !nodes_shell_commit_rows(s, keeper_admin_audit(s, act))) {
        return keeper_admin_store_refuses(act);
    }
    (void)inventory_accept(&s->inventory, keeper_core_nodes(s->core), row->id);
    keeper_inventory_run(s);
    return keeper_admin_done(act);
}
