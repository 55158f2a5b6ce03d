/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper_attester.h"

#include <stdio.h>

#include "keeper_admin.h"
#include "keeper_people.h"
#include "keeper_principals.h"
#include "node_registry.h"
#include "sp_hex.h"
#include "sp_random.h"

#define ATTESTER_TTL_MS_MIN 1000u
#define ATTESTER_TTL_MS_MAX (30ull * 86400 * 1000)

const struct sp_bus_principal *keeper_attester_of(const struct nodes_shell *s, const char *node)
{
    const struct sp_bus_principal *row;
    for (uint32_t i = 0; (row = sp_bus_principal_at(s->bus, i)) != NULL; i++) {
        if (row->role == SP_ROLE_ATTESTER && !row->revoked && strcmp(row->nodes, node) == 0) {
            return row;
        }
    }
    return NULL;
}

/* A name that nobody ever had: names of revoked principals are not given again, and a node may need another attester. */
static void attester_name(const char *node, char to[SP_BUS_NAME_BYTES])
{
    uint8_t tail[4];
    char hex[2 * sizeof tail + 1];
    sp_random_bytes(tail, sizeof tail);
    sp_hex_write(tail, sizeof tail, hex);
    (void)snprintf(to, SP_BUS_NAME_BYTES, "a-%.28s-%s", node, hex);
}

/* Refuses what it does not know: a key that is misspelt is not to be taken for one that was not said. */
static bool attester_keys(struct keeper_act *act)
{
    static const char *const known[] = {"node", "ttl_ms", "dry_run"};
    const char *key;
    json_t *value;
    json_object_foreach(act->args, key, value)
    {
        size_t i = 0;
        while (i < SP_COUNT(known) && strcmp(key, known[i]) != 0) {
            i++;
        }
        if (i == SP_COUNT(known) || (i == 0 && !json_is_string(value)) || (i == 1 && !json_is_integer(value))) {
            (void)keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, key,
                                      i < SP_COUNT(known) ? "has a value of the wrong type" : "an invitation has no such key",
                                      i < SP_COUNT(known) ? NULL : sp_str_nearest(sp_str_of(key), known, SP_COUNT(known)));
            return false;
        }
    }
    return true;
}

json_t *keeper_attester_invite(struct nodes_shell *s, struct keeper_act *act)
{
    struct keeper_invitation inv = {.adapters = ""};
    if (!attester_keys(act)) {
        return NULL;
    }
    const char *node = keeper_admin_text(act, "node");
    json_int_t ttl = json_integer_value(json_object_get(act->args, "ttl_ms"));
    uint64_t ttl_ms = ttl > 0 ? (uint64_t)ttl : s->conf->keeper.enrol_ttl_ms;
    if (node == NULL || ttl_ms < ATTESTER_TTL_MS_MIN || ttl_ms > ATTESTER_TTL_MS_MAX) {
        return keeper_admin_refuse(act, SP_REFUSAL_BAD_REQUEST, act->object, "node or life is not valid",
                                   "give the name of a node; a life between 1s and 30d");
    }
    const struct node_row *row = node_registry_find_name(keeper_core_nodes(s->core), sp_str_of(node));
    if (row == NULL || row->state == SP_NODE_STATE_RETIRED) {
        return keeper_admin_refuse(act, SP_REFUSAL_NOT_FOUND, node, "no such node", "add it first: spicectl node add NODE");
    }
    const struct sp_bus_principal *had = keeper_attester_of(s, node);
    if (had != NULL) {
        char hint[96];
        (void)snprintf(hint, sizeof hint, "revoke it first: spicectl key revoke %s", had->name);
        return keeper_admin_refuse(act, SP_REFUSAL_CONFLICT, node, "this node has an attester already", hint);
    }
    attester_name(node, inv.name);
    (void)sp_str_copy(inv.nodes, sizeof inv.nodes, sp_str_of(node));
    (void)snprintf(act->object, sizeof act->object, "%s", inv.name);
    json_t *done = keeper_people_send_invitation(s, act, &inv, ttl_ms);
    if (done != NULL) {
        (void)json_object_set_new(done, "node", json_string(node));
    }
    return done;
}
