/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_node_admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "keeper_inventory.h"
#include "sp_bind.h"
#include "sp_hex.h"
#include "sp_log.h"
#include "sp_selector.h"

static const char node_states_hint[] = "in_service, maintenance, quarantined or retired";

/* What one definition is made of; def lends from here and from act->args. */
struct node_words {
    char labels[NODE_LABELS_BYTES_MAX + 1];
    char aliases[NODE_ALIASES_BYTES_MAX + 2]; /* one more than is good, to be refused as too long and not cut */
    struct node_def def;
    struct node_row *row; /* as it is; NULL: new */
};

/* UUID text with or without dashes; without a key the name gives one, the same on every host. */
static bool node_key(const char *text, const char *name, uint8_t key[16])
{
    char digits[32];
    size_t n = 0;
    if (text == NULL || text[0] == '\0') {
        uint8_t hash[32];
        char label[96];
        int m = snprintf(label, sizeof label, "SPICE node:%s", name);
        sp_crypto_sha256(label, (size_t)m < sizeof label ? (size_t)m : sizeof label - 1, hash);
        memcpy(key, hash, 16);
        key[6] = (uint8_t)((key[6] & 0x0f) | 0x80); /* RFC 9562 version 8: made by our own rule */
        key[8] = (uint8_t)((key[8] & 0x3f) | 0x80);
        return true;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != '-' && n == sizeof digits) {
            return false;
        }
        if (*p != '-') {
            digits[n++] = *p >= 'A' && *p <= 'F' ? (char)(*p + 32) : *p;
        }
    }
    return n == sizeof digits && strlen(text) <= 36 && sp_hex_parse(sp_str_bytes(digits, 32), key, 16);
}

/* Appends "key=value" of an object in rising order of the keys. False: something is no text. */
static bool node_labels_sorted(json_t *all, struct sp_buf *b)
{
    const char *last = "", *key;
    json_t *value;
    for (size_t i = 0; i < json_object_size(all); i++) { /* selection by order: few labels, no table of keys */
        const char *least = NULL;
        json_object_foreach(all, key, value)
        {
            if (strcmp(key, last) > 0 && (least == NULL || strcmp(key, least) < 0)) {
                least = key;
            }
        }
        if (least == NULL) {
            return false;
        }
        sp_buf_format(b, "%s%s=%s", i > 0 ? "," : "", least, json_string_value(json_object_get(all, least)));
        last = least;
    }
    return !b->failed;
}

/* Labels as an object, sorted into `to`; starts from what is there, and null removes. */
static bool node_labels_merge(const json_t *labels, const char *have, char *to, size_t size)
{
    struct sp_buf b;
    json_t *all = json_object(), *value;
    const char *key;
    struct sp_str rest = sp_str_of(have), one;
    while (sp_str_next(&rest, ',', &one)) {
        const char *eq = memchr(one.p, '=', one.n);
        char name[SP_LABEL_BYTES_MAX + 1];
        if (eq != NULL && sp_str_copy(name, sizeof name, sp_str_bytes(one.p, (size_t)(eq - one.p)))) {
            json_object_set_new(all, name, json_stringn(eq + 1, one.n - (size_t)(eq + 1 - one.p)));
        }
    }
    bool ok = true;
    json_object_foreach((json_t *)labels, key, value)
    {
        if (json_is_null(value)) {
            (void)json_object_del(all, key);
        } else {
            ok = ok && json_is_string(value) && json_object_set(all, key, value) == 0;
        }
    }
    sp_buf_init(&b, NODE_LABELS_BYTES_MAX + 1);
    ok = ok && node_labels_sorted(all, &b) && b.n < size && sp_str_copy(to, size, sp_buf_view(&b));
    sp_buf_fini(&b);
    json_decref(all);
    return ok;
}

static int node_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Aliases as an array or as "a,b", sorted into `to`. Whether they are names is the registry's to say. */
static bool node_aliases(const json_t *given, char to[NODE_ALIASES_BYTES_MAX + 2])
{
    const char *words[NODE_ALIASES_MAX + 1] = {NULL};
    char text[NODE_ALIASES_BYTES_MAX + 2] = "";
    size_t count = 0, used = 0;
    if (json_is_string(given)) {
        if (!sp_str_copy(text, sizeof text, sp_str_of(json_string_value(given)))) {
            return false;
        }
        char *save = NULL;
        for (char *word = strtok_r(text, ", ", &save); word != NULL && count <= NODE_ALIASES_MAX;
             word = strtok_r(NULL, ", ", &save)) {
            words[count++] = word;
        }
    }
    for (size_t i = 0; json_is_array(given) && i < json_array_size(given) && count <= NODE_ALIASES_MAX; i++) {
        words[count++] = json_string_value(json_array_get(given, i));
        if (words[count - 1] == NULL || strchr(words[count - 1], ',') != NULL) {
            return false;
        }
    }
    qsort(words, count, sizeof *words, node_compare);
    for (size_t i = 0; i < count; i++) {
        int n = snprintf(to + used, NODE_ALIASES_BYTES_MAX + 2 - used, "%s%s", i > 0 ? "," : "", words[i]);
        if (n < 0 || (size_t)n >= NODE_ALIASES_BYTES_MAX + 2 - used) {
            return false;
        }
        used += (size_t)n;
    }
    return json_is_array(given) || json_is_string(given);
}

struct node_row *keeper_node_find(struct nodes_shell *s, struct keeper_act *act, const char *key)
{
    const char *word = keeper_admin_text(act, key);
    struct node_row *row = word != NULL ? node_registry_find(keeper_core_nodes(s->core), sp_str_of(word)) : NULL;
    if (row == NULL) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_NOT_FOUND, word != NULL ? word : key, "no such node", "see spicectl node list");
    }
    return row;
}

/* Makes the change of a node durable with its audit row, then tells the core. */
static json_t *node_write(struct nodes_shell *s, struct keeper_act *act, const struct node_def *def, bool state_only)
{
    struct node_registry *nodes = keeper_core_nodes(s->core);
    const struct node_row *row = node_registry_find_name(nodes, def->name);
    struct keeper_store_node n = {def, nodes->count + 1, 1, nodes->version + 1};
    if (act->dry) {
        return keeper_admin_done(act);
    }
    if (row != NULL) {
        bool back = row->state == SP_NODE_STATE_RETIRED && def->state != SP_NODE_STATE_RETIRED;
        n.id = row->id;
        n.generation = row->generation + (back || memcmp(row->key, def->key, 16) != 0 ? 1 : 0);
    }
    if (!nodes_shell_rows(s)) {
        return keeper_admin_store_refuses(act);
    }
    n.version = nodes->version + 1;
    bool decided = row != NULL && (state_only || row->state != def->state || memcmp(row->key, def->key, 16) != 0);
    enum sp_rc rc = keeper_store_node(&s->store, &n);
    rc = rc == SP_OK && decided ? keeper_inventory_clear(s, n.id) : rc;
    rc = rc == SP_OK ? keeper_admin_audit(s, act) : rc;
    if (!nodes_shell_commit_rows(s, rc)) {
        return keeper_admin_store_refuses(act);
    }
    if (decided) {
        inventory_forget(&s->inventory, n.id);
    }
    struct keeper_event ev = {.kind = state_only ? KEEPER_EV_NODE_STATE : KEEPER_EV_NODE_PUT};
    if (state_only) {
        ev.u.state.id = n.id;
        ev.u.state.state = def->state;
    } else {
        ev.u.node = *def;
    }
    nodes_shell_step(s, &ev);
    return keeper_admin_done(act);
}

/* ---- node.put ---- */

static bool node_known_keys(struct keeper_act *act)
{
    static const char *const known[] = {"name", "key", "address", "state", "aliases", "labels", "kind", "dry_run", "origin"};
    const char *key;
    json_t *value;
    json_object_foreach(act->args, key, value)
    {
        size_t i = 0;
        while (i < SP_COUNT(known) && strcmp(key, known[i]) != 0) {
            i++;
        }
        if (i == SP_COUNT(known)) {
            bool identity = strcmp(key, "identity") == 0 || strcmp(key, "enrolment") == 0;
            (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, key,
                                      identity ? "is not defined, it is proved: spicectl node enroll" : "a node has no such key",
                                      identity ? NULL : sp_str_nearest(sp_str_of(key), known, 6));
            return false;
        }
        if (i < 4 && !json_is_string(value)) {
            (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, key, "is no text",
                                      NULL); /* and not as if it had not been said */
            return false;
        }
    }
    return true;
}

/* The state of a node whose definition says none: what it has. A retired one begins anew, but one that the inventory retired when it was
 * not in service waits for an operator, as it does when the cloud lists it again. */
static unsigned node_state_kept(const struct nodes_shell *s, const struct node_row *row)
{
    if (row == NULL || row->state != SP_NODE_STATE_RETIRED) {
        return row != NULL ? row->state : SP_NODE_STATE_IN_SERVICE;
    }
    uint8_t cause = inventory_cause_of(&s->inventory, row->id);
    return cause == INVENTORY_NONE || cause == INVENTORY_GONE_SERVING ? SP_NODE_STATE_IN_SERVICE : SP_NODE_STATE_MAINTENANCE;
}

/* Reads the words of a node over what there is of it. False: refused. */
static bool node_read(struct nodes_shell *s, struct keeper_act *act, struct node_words *w)
{
    const char *name = keeper_admin_text(act, "name"), *key = keeper_admin_text(act, "key"),
               *state = keeper_admin_text(act, "state");
    const json_t *labels = json_object_get(act->args, "labels"), *aliases = json_object_get(act->args, "aliases");
    if (!node_known_keys(act)) {
        return false;
    }
    if (name == NULL) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "name", "is missing", NULL);
        return false;
    }
    w->row = node_registry_find_name(keeper_core_nodes(s->core), sp_str_of(name));
    w->def = w->row != NULL ? node_registry_def(w->row) : (struct node_def){.name = sp_str_of(name), .origin = NODE_ORIGIN_API};
    if ((w->row == NULL || (key != NULL && key[0] != '\0')) && !node_key(key, name, w->def.key)) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "key", "is no UUID", "write 8-4-4-4-12 hexadecimal digits");
        return false;
    }
    if (keeper_admin_text(act, "address") != NULL) {
        w->def.address = sp_str_of(keeper_admin_text(act, "address"));
    }
    bool good = labels == NULL ||
                (json_is_string(labels) ? sp_str_copy(w->labels, sizeof w->labels, sp_str_of(json_string_value(labels)))
                                        : json_is_object(labels) && node_labels_merge(labels, "", w->labels, sizeof w->labels));
    if (!good) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "labels", "hold something that is no text, or too much", NULL);
        return false;
    }
    w->def.labels = labels != NULL ? sp_str_of(w->labels) : w->def.labels;
    if (aliases != NULL && !node_aliases(aliases, w->aliases)) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "aliases", "are no list of names, or too many",
                                  "write [a, b], at most 8");
        return false;
    }
    w->def.aliases = aliases != NULL ? sp_str_of(w->aliases) : w->def.aliases;
    unsigned to = node_state_kept(s, w->row);
    if (state != NULL && state[0] != '\0' && !sp_node_state_find(sp_str_of(state), &to)) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "state", "is no state of a node", node_states_hint);
        return false;
    }
    w->def.state = (uint8_t)to;
    return true;
}

/* Says which word of the definition another node has. */
static json_t *node_conflict(struct nodes_shell *s, struct keeper_act *act, const struct node_words *w)
{
    struct sp_str rest = w->def.aliases, one = w->def.name;
    do {
        const struct node_row *other = node_registry_find(keeper_core_nodes(s->core), one);
        if (other != NULL && other != w->row) {
            char word[NODE_NAME_BYTES_MAX + 1], text[160];
            (void)sp_str_copy(word, sizeof word, one);
            (void)snprintf(text, sizeof text, "is %s of node %s already", sp_str_is(one, other->name) ? "the name" : "an alias",
                           other->name);
            return keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, word, text,
                                       "names and aliases are unique, also those of retired nodes");
        }
    } while (sp_str_next(&rest, ',', &one));
    return keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, act->object, "name and key are bound otherwise",
                               "delete the node first; it then has to prove itself anew");
}

/* True when it may be put; otherwise refused. */
static bool node_may_put(struct nodes_shell *s, struct keeper_act *act, const struct node_words *w)
{
    const struct node_registry *nodes = keeper_core_nodes(s->core);
    const char *fault = node_registry_fault(&w->def);
    enum sp_rc rc = fault != NULL ? SP_E_INVALID : node_registry_may_put(nodes, &w->def);
    if (rc == SP_E_INVALID) {
        (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, act->object, fault, NULL);
    } else if (rc == SP_E_EXISTS) {
        (void)node_conflict(s, act, w);
    } else if (rc != SP_OK) {
        char text[96];
        (void)snprintf(text, sizeof text, "there are %u nodes already; keeper.nodes_max is %u", nodes->count, nodes->rows_max);
        (void)keeper_admin_refuse(act, SP_REFUSAL_OVERLOAD, act->object, text,
                                  "raise keeper.nodes_max in spice.yaml and start the keeper again; retired nodes count too");
        s->nodes_refused++;
    }
    return rc == SP_OK;
}

static json_t *node_put(struct nodes_shell *s, struct keeper_act *act, const struct node_words *w)
{
    (void)snprintf(act->from, sizeof act->from, "%s", w->row != NULL ? sp_node_state_name(w->row->state) : "");
    (void)snprintf(act->to, sizeof act->to, "%s", sp_node_state_name(w->def.state));
    return node_may_put(s, act, w) ? node_write(s, act, &w->def, false) : NULL;
}

json_t *keeper_node_put(struct nodes_shell *s, struct keeper_act *act)
{
    struct node_words w = {.labels = ""};
    if (!node_read(s, act, &w)) {
        return NULL;
    }
    if (w.row != NULL && w.row->state == SP_NODE_STATE_QUARANTINED && w.def.state != SP_NODE_STATE_QUARANTINED) {
        return keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, w.row->name, "is quarantined, and a definition does not end that",
                                   "leave its state out; to end the quarantine: spicectl node resume");
    }
    return node_put(s, act, &w);
}

/* ---- the other verbs ---- */

json_t *keeper_node_state_to(struct nodes_shell *s, struct keeper_act *act, unsigned state)
{
    struct node_row *row = keeper_node_find(s, act, "name");
    if (row == NULL) {
        return NULL;
    }
    struct node_def def = node_registry_def(row);
    (void)snprintf(act->object, sizeof act->object, "%s", row->name);
    (void)snprintf(act->from, sizeof act->from, "%s", sp_node_state_name(row->state));
    (void)snprintf(act->to, sizeof act->to, "%s", sp_node_state_name(state));
    def.state = (uint8_t)state;
    bool same = row->state == state &&
                inventory_cause_of(&s->inventory, row->id) == INVENTORY_NONE; /* else it becomes the operator's own */
    return same ? keeper_admin_done(act) : node_write(s, act, &def, true);
}

json_t *keeper_node_state(struct nodes_shell *s, struct keeper_act *act)
{
    unsigned state = 0;
    const char *text = keeper_admin_text(act, "state");
    if (text == NULL || !sp_node_state_find(sp_str_of(text), &state)) {
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "state", "is no state of a node", node_states_hint);
    }
    return keeper_node_state_to(s, act, state);
}

json_t *keeper_node_delete(struct nodes_shell *s, struct keeper_act *act)
{
    return keeper_node_state_to(s, act, SP_NODE_STATE_RETIRED);
}

json_t *keeper_node_labels(struct nodes_shell *s, struct keeper_act *act)
{
    char labels[NODE_LABELS_BYTES_MAX + 1];
    struct node_row *row = keeper_node_find(s, act, "name");
    const json_t *given = json_object_get(act->args, "labels");
    if (row == NULL) {
        return NULL;
    }
    struct node_def def = node_registry_def(row);
    bool good = json_is_object(given) && node_labels_merge(given, row->labels, labels, sizeof labels);
    def.labels = good ? sp_str_of(labels) : def.labels;
    if (!good || node_registry_fault(&def) != NULL) {
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, "labels", "are not {key: value or null, ...} with plain words",
                                   NULL);
    }
    (void)snprintf(act->object, sizeof act->object, "%s", row->name);
    (void)sp_str_copy(act->why, sizeof act->why, sp_str_of(labels));
    return node_write(s, act, &def, false);
}

/* ---- the file of nodes ---- */

static bool node_differs(const struct node_words *w)
{
    const struct node_row *row = w->row;
    return row == NULL || memcmp(row->key, w->def.key, sizeof row->key) != 0 || !sp_str_is(w->def.address, row->address) ||
           !sp_str_is(w->def.labels, row->labels) || !sp_str_is(w->def.aliases, row->aliases) || row->origin != w->def.origin;
}

/* A document of the file; the same keys as a definition for spicectl apply. */
struct node_file_row {
    char kind[8], name[NODE_NAME_BYTES_MAX + 1], key[37];
    char aliases[NODE_ALIASES_BYTES_MAX + 2]; /* room to notice one that is too long */
    char address[NODE_ADDRESS_BYTES_MAX + 1], labels[NODE_LABELS_BYTES_MAX + 1];
    uint32_t state;
};

static const char *const node_file_states[] = {"in_service", "maintenance", "quarantined", "retired", NULL};
#define ROW(m) SP_BIND_AT(node_file_row, m)
static const struct sp_bind_key node_file_keys[] = {
    {"kind", SP_BIND_TEXT, true, ROW(kind), .help = "node"},
    {"name", SP_BIND_NAME, true, ROW(name), .min = 1, .help = "unique name of the node"},
    {"key", SP_BIND_TEXT, false, ROW(key), .help = "canonical key, a UUID"},
    {"aliases", SP_BIND_WORDS, false, ROW(aliases), .help = "further names"},
    {"address", SP_BIND_TEXT, false, ROW(address), .help = "where to reach it"},
    {"labels", SP_BIND_LABELS, false, ROW(labels), .help = "labels that selectors look at"},
    {"state", SP_BIND_ENUM, false, ROW(state), .words = node_file_states, .def = "in_service", .help = "of a node that is new"},
};
static const struct sp_bind_table node_file_table = {"a node", node_file_keys, SP_COUNT(node_file_keys),
                                                     sizeof(struct node_file_row)};

/* One document as the arguments of node.put, what it leaves out is left out; NULL with err when it is no node. */
static json_t *node_file_args(const char *file, const struct sp_yaml_node *root, struct sp_err *err)
{
    struct node_file_row row;
    const struct sp_yaml_node *kind = sp_yaml_find(root, "kind");
    if (root->kind != SP_YAML_MAP || kind == NULL || kind->kind != SP_YAML_SCALAR || !sp_str_is(kind->text, "node")) {
        (void)sp_yaml_error(err, SP_E_INVALID, file, kind != NULL ? kind : root, "this file holds nodes only: write kind: node");
        return NULL;
    }
    if (sp_bind(&node_file_table, file, root, &row, err) != SP_OK) {
        return NULL;
    }
    json_t *args = json_pack("{s:s, s:s, s:s}", "name", row.name, "key", row.key, "state", node_file_states[row.state]);
    const char *const keys[] = {"aliases", "address", "labels"};
    const char *const texts[] = {row.aliases, row.address, row.labels};
    for (size_t i = 0; i < SP_COUNT(keys); i++) {
        if (sp_yaml_find(root, keys[i]) != NULL) {
            json_object_set_new(args, keys[i], json_string(texts[i]));
        }
    }
    return args;
}

/* Where in the document the fault is: the key that is named, or what has the word that is named. */
static const struct sp_yaml_node *node_file_place(const struct sp_yaml_node *root, const struct keeper_act *act)
{
    const struct sp_yaml_node *at = sp_yaml_find(root, act->err.where), *aliases = sp_yaml_find(root, "aliases");
    at = at == NULL && aliases != NULL && strcmp(act->err.where, act->object) != 0 ? aliases : at;
    at = at == NULL ? sp_yaml_find(root, "name") : at;
    return at != NULL ? at : root;
}

/* One document: judged, and applied unless `dry`. False with err; *changed says whether something was. */
static bool node_file_one(struct nodes_shell *s, const char *file, const struct sp_yaml_node *root, bool dry, bool *changed,
                          struct sp_err *err)
{
    struct node_words w = {.labels = ""};
    struct keeper_act act = {.actor = "file", .verb = "node.put", .dry = dry};
    json_t *done = NULL;
    *changed = false;
    act.args = node_file_args(file, root, err);
    if (act.args == NULL) {
        return false;
    }
    const char *name = keeper_admin_text(&act, "name");
    (void)snprintf(act.object, sizeof act.object, "%s", name != NULL ? name : "");
    (void)snprintf(act.why, sizeof act.why, "%.150s:%u", file, root->line);
    if (node_read(s, &act, &w)) {
        w.def.origin = NODE_ORIGIN_FILE;
        w.def.state = w.row != NULL ? w.row->state : w.def.state; /* what operators decided outlives a restart */
        *changed = node_differs(&w);
        done = *changed ? node_put(s, &act, &w) : keeper_admin_done(&act);
    }
    if (done == NULL) {
        (void)sp_yaml_error(err, SP_E_INVALID, file, node_file_place(root, &act), "node %s: %s %s", act.object, act.err.where,
                            act.err.text);
        sp_err_hint(err, "%s", act.err.hint);
    }
    json_decref(done);
    json_decref(act.args);
    return done != NULL;
}

void keeper_node_file(struct nodes_shell *s)
{
    const char *file = s->conf->keeper.nodes_file;
    struct sp_yaml *yaml = NULL;
    struct sp_err err = {.text = ""};
    uint32_t changes = 0;
    if (file[0] == '\0') {
        return;
    }
    bool ok = sp_yaml_load(file, 0, SP_YAML_LIMITS_DEFS, &yaml, &err) == SP_OK;
    for (unsigned dry = 2; dry-- > 0 && ok;) { /* first all are judged, then all are applied */
        for (uint32_t i = 0; i < sp_yaml_count(yaml) && ok; i++) {
            bool changed = false;
            ok = node_file_one(s, file, sp_yaml_root(yaml, i), dry != 0, &changed, &err);
            changes += changed && dry == 0;
        }
    }
    if (ok) {
        SP_LOG(SP_LOG_INFO, "keeper", "nodes_file", SP_LOG_S("file", file), SP_LOG_U("nodes", sp_yaml_count(yaml)),
               SP_LOG_U("changed", changes));
    } else {
        char line[SP_ERR_WHERE_BYTES + SP_ERR_TEXT_BYTES + SP_ERR_HINT_BYTES];
        sp_err_line(&err, line, sizeof line);
        s->nodes_file_bad++;
        SP_LOG(SP_LOG_ERROR, "keeper", "nodes_file.refused", SP_LOG_S("why", line), SP_LOG_U("changed", changes),
               SP_LOG_S("effect", "the nodes of the store stay as they are"));
    }
    sp_yaml_destroy(&yaml);
}
