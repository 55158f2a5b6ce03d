/* SPDX-License-Identifier: Apache-2.0 */
/* One row of the reading beside the registry: what is to be said about it, and what it asks for. */
#include "inventory_parts.h"

#include <stdio.h>

#include "sp_selector.h"

bool inventory_act_harms(const struct inventory_act *act)
{
    return act->from == SP_NODE_STATE_IN_SERVICE && act->state != SP_NODE_STATE_IN_SERVICE;
}

/* A node whose key the keeper made of its name (RFC 9562 version 8): registered without a key, so the name is all there is. */
static bool inventory_is_named(const struct node_row *row)
{
    return (row->key[6] & 0xf0) == 0x80;
}

static void inventory_act_begin(struct inventory_act *act, enum inventory_act_kind kind, const struct node_row *row)
{
    memset(act, 0, sizeof *act);
    act->kind = kind;
    act->labels = "";
    if (row != NULL) {
        act->node = row->id;
        act->from = act->state = row->state;
        memcpy(act->key, row->key, sizeof act->key);
        (void)sp_str_copy(act->name, sizeof act->name, sp_str_of(row->name));
    }
}

/* Nobody knows which of them is meant: not eligible until an administrator says so. Returns the number of acts. */
static uint32_t inventory_hold(const struct inventory *inv, const struct node_row *row, const char *why, const char *other,
                               struct inventory_act *act)
{
    bool waits =
        row->state == SP_NODE_STATE_MAINTENANCE && inventory_cause_of(inv, row->id) != INVENTORY_NONE; /* and not an operator's */
    bool live = row->state == SP_NODE_STATE_IN_SERVICE || waits;
    if (!inventory_is_ours(row) || !live) {
        return 0;
    }
    inventory_act_begin(act, INVENTORY_STATE, row);
    act->state = SP_NODE_STATE_QUARANTINED;
    act->cause = INVENTORY_CONFLICT;
    act->what = "inventory.conflict";
    (void)snprintf(act->why, sizeof act->why, "%s%s", why, other);
    return 1;
}

static uint32_t inventory_unusable(const struct inventory *inv, const struct node_registry *nodes, struct inventory_row *row,
                                   const struct node_row *keyed, struct inventory_act acts[2])
{
    const char *why = row->bad ? "the cloud gives it a name that is no node's: " : "the cloud has two compute nodes of the name ";
    const struct node_row *owner = row->bad ? NULL : node_registry_find(nodes, sp_str_of(row->name));
    uint32_t n = keyed != NULL ? inventory_hold(inv, keyed, why, row->name, acts) : 0;
    row->finding = row->bad ? INVENTORY_BAD_NAME : INVENTORY_CLASH;
    return owner != NULL && owner != keyed ? n + inventory_hold(inv, owner, why, row->name, &acts[n]) : n;
}

static const char *inventory_labels(const struct inventory *inv, const char *name)
{
    for (uint32_t i = 0; i < inv->options.rule_count; i++) {
        if (sp_selector_glob(sp_str_of(inv->options.rules[i].pattern), sp_str_of(name))) {
            return inv->options.rules[i].labels;
        }
    }
    return NULL;
}

/* A rule admits a name that nobody had. One that leads to another machine than it did waits, as a rename does: whoever retired the
 * former one may have had his reasons, and a bridge alone must not be able to change what a name means. */
static uint32_t inventory_create(const struct inventory *inv, const struct inventory_row *row, const struct node_row *former,
                                 struct inventory_act *act)
{
    const char *labels = inventory_labels(inv, row->name);
    bool admitted = labels != NULL && inv->options.admit == INVENTORY_LABELLED && former == NULL;
    inventory_act_begin(act, INVENTORY_PUT, former);
    memcpy(act->key, row->key, sizeof act->key);
    (void)sp_str_copy(act->name, sizeof act->name, sp_str_of(row->name));
    act->labels = labels != NULL ? labels : "";
    act->from = SP_NODE_STATE_RETIRED; /* it was not there */
    act->state = admitted ? SP_NODE_STATE_IN_SERVICE : SP_NODE_STATE_MAINTENANCE;
    act->cause = admitted ? INVENTORY_NONE : INVENTORY_DISCOVERED;
    act->what = "inventory.discover";
    (void)snprintf(act->why, sizeof act->why, "%s%s", former != NULL ? "another compute node under this name; " : "",
                   admitted ? "a rule of keeper.inventory admits it" : "waits for an administrator");
    return 1;
}

/* True when the reading has the node under another name: the one it has will be free. */
static bool inventory_moves(const struct inventory *inv, const struct node_row *row)
{
    const struct inventory_row *seen = inventory_row_of(inv, row->key);
    return inventory_is_ours(row) && seen != NULL && !seen->bad && !seen->twice && !sp_str_is(sp_str_of(seen->name), row->name);
}

static uint32_t inventory_unknown(const struct inventory *inv, const struct node_registry *nodes, struct inventory_row *row,
                                  struct inventory_act acts[2])
{
    const struct node_row *owner = node_registry_find(nodes, sp_str_of(row->name));
    bool named = owner != NULL && sp_str_is(sp_str_of(row->name), owner->name);
    if (owner == NULL) {
        row->finding = INVENTORY_NEW;
        return nodes->count + inv->batch_new < nodes->rows_max ? inventory_create(inv, row, NULL, acts) : 0;
    }
    if (inventory_is_named(owner)) {
        return 0; /* known by name */
    }
    if (!inventory_is_ours(owner)) {
        row->finding = INVENTORY_FOREIGN;
        return 0;
    }
    if (owner->state == SP_NODE_STATE_RETIRED && named) {
        row->finding = INVENTORY_NEW;
        return inventory_create(inv, row, owner, acts);
    }
    row->finding = inventory_moves(inv, owner) ? INVENTORY_NEW : INVENTORY_CLASH;
    return row->finding == INVENTORY_CLASH
               ? inventory_hold(inv, owner, "the cloud has another compute node of the name ", row->name, acts)
               : 0;
}

static uint32_t inventory_same(const struct inventory *inv, struct inventory_row *row, const struct node_row *keyed,
                               struct inventory_act acts[2])
{
    uint8_t cause = inventory_cause_of(inv, keyed->id);
    bool gone = cause == INVENTORY_GONE_SERVING || cause == INVENTORY_GONE || cause == INVENTORY_GONE_RESTING;
    if (!inventory_is_ours(keyed) || keyed->state != SP_NODE_STATE_RETIRED || !gone) {
        return 0;
    }
    row->finding = INVENTORY_NEW;
    inventory_act_begin(acts, INVENTORY_STATE, keyed);
    acts->state = cause == INVENTORY_GONE_SERVING ? SP_NODE_STATE_IN_SERVICE : SP_NODE_STATE_MAINTENANCE;
    acts->cause = cause == INVENTORY_GONE ? INVENTORY_BACK : INVENTORY_NONE;
    acts->what = "inventory.return";
    (void)snprintf(acts->why, sizeof acts->why, "the cloud has it again, under the same name; all results are void");
    return 1;
}

static uint32_t inventory_rename(const struct inventory *inv, const struct node_row *row, const char *name,
                                 struct inventory_act *act)
{
    uint8_t cause = inventory_cause_of(inv, row->id);
    bool ordered = row->state != SP_NODE_STATE_IN_SERVICE && cause == INVENTORY_NONE; /* it stays as an operator wanted it */
    inventory_act_begin(act, INVENTORY_RENAME, row);
    (void)sp_str_copy(act->name, sizeof act->name, sp_str_of(name));
    act->state = row->state == SP_NODE_STATE_QUARANTINED ? SP_NODE_STATE_QUARANTINED : SP_NODE_STATE_MAINTENANCE;
    act->cause = ordered || cause == INVENTORY_GONE_RESTING ? INVENTORY_NONE
                 : row->state == SP_NODE_STATE_QUARANTINED  ? cause
                                                            : INVENTORY_RENAMED;
    act->what = "inventory.rename";
    (void)snprintf(act->why, sizeof act->why, "was %s; its results are void, and it waits for an administrator", row->name);
    return 1;
}

/* A name is in the way that its own node does not have any more: it gets one made of its key. */
static uint32_t inventory_step_aside(const struct inventory *inv, const struct node_registry *nodes, const struct node_row *owner,
                                     struct inventory_act *act)
{
    char name[24];
    const uint8_t *k = owner->key;
    (void)snprintf(name, sizeof name, "former-%02x%02x%02x%02x", k[0], k[1], k[2], k[3]);
    if (node_registry_find(nodes, sp_str_of(name)) != NULL) {
        return 0;
    }
    (void)inventory_rename(inv, owner, name, act);
    if (owner->state == SP_NODE_STATE_RETIRED) {
        act->state = SP_NODE_STATE_RETIRED;
        act->cause = inventory_cause_of(inv, owner->id) == INVENTORY_NONE ? INVENTORY_NONE : INVENTORY_GONE;
    }
    (void)snprintf(act->why, sizeof act->why, "was %s, a name that another compute node has now", owner->name);
    return 1;
}

static uint32_t inventory_moved(const struct inventory *inv, const struct node_registry *nodes, struct inventory_row *row,
                                const struct node_row *keyed, struct inventory_act acts[2])
{
    const struct node_row *owner = node_registry_find(nodes, sp_str_of(row->name));
    bool mine = owner != NULL && inventory_is_ours(owner) && sp_str_is(sp_str_of(row->name), owner->name), idle;
    if (!inventory_is_ours(keyed)) {
        row->finding = INVENTORY_FOREIGN;
        return 0;
    }
    if (keyed->state == SP_NODE_STATE_RETIRED && inventory_cause_of(inv, keyed->id) == INVENTORY_NONE) {
        return 0; /* an operator is done with it */
    }
    row->finding = INVENTORY_MOVED;
    if (owner == NULL) {
        return inventory_rename(inv, keyed, row->name, acts);
    }
    idle = mine && (owner->state == SP_NODE_STATE_RETIRED || inventory_moves(inv, owner));
    if (!idle) {
        row->finding = INVENTORY_CLASH;
        uint32_t n = inventory_hold(inv, keyed, "in the cloud it has the name of another node: ", row->name, acts);
        return n + inventory_hold(inv, owner, "the cloud gives its name to another compute node: ", row->name, &acts[n]);
    }
    uint32_t n = 0;
    if (keyed->state == SP_NODE_STATE_IN_SERVICE) { /* its name leads elsewhere: not a moment longer */
        inventory_act_begin(acts, INVENTORY_STATE, keyed);
        acts->state = SP_NODE_STATE_MAINTENANCE;
        acts->cause = INVENTORY_RENAMED;
        acts->what = "inventory.rename";
        (void)snprintf(acts->why, sizeof acts->why, "is %s in the cloud, a name that is not free yet", row->name);
        n = 1;
    }
    return owner->state != SP_NODE_STATE_IN_SERVICE ? n + inventory_step_aside(inv, nodes, owner, &acts[n]) : n;
}

uint32_t inventory_row_acts(const struct inventory *inv, const struct node_registry *nodes, struct inventory_row *row,
                            struct inventory_act acts[2])
{
    const struct node_row *keyed = node_registry_find_key(nodes, row->key);
    row->finding = INVENTORY_FITS;
    if (row->bad || row->twice) {
        return inventory_unusable(inv, nodes, row, keyed, acts);
    }
    if (keyed == NULL) {
        return inventory_unknown(inv, nodes, row, acts);
    }
    return node_registry_find(nodes, sp_str_of(row->name)) == keyed ? inventory_same(inv, row, keyed, acts)
                                                                    : inventory_moved(inv, nodes, row, keyed, acts);
}
