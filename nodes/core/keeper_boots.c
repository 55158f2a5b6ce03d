/* SPDX-License-Identifier: Apache-2.0 */
/* Starts of the nodes (K5). A quote carries the counters of the node's TPM; who counts more than was known has been started since, and what it
 * proved before says nothing about what runs now. The counters come through a worker: one that lies upwards can keep its own nodes out until
 * it is revoked or the node is enrolled again, and can let nobody in. */
#include "keeper_parts.h"

#include <stdio.h>

#include "sp_assert.h"

bool keeper_boots_known_by(const struct check_row *check)
{
    static const char *const adapters[] = {"tpm", "ima"};
    for (size_t i = 0; i < SP_COUNT(adapters); i++) {
        if (check->stage == SP_STAGE_ENFORCING && strcmp(check->adapter, adapters[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void boots_text(uint64_t instance, char *to, size_t size)
{
    (void)snprintf(to, size, "%u.%u", (unsigned)(instance >> 32), (unsigned)(instance & UINT32_MAX));
}

static void boots_audit(struct keeper_core *core, const struct node_row *node, const struct check_row *check, uint64_t before,
                        struct keeper_effects *fx)
{
    struct keeper_audit *a = &keeper_effects_add(fx, KEEPER_AUDIT)->u.audit;
    char from[24], to[24];
    a->wall_ms = core->now.wall.ms;
    a->node = NODE_ID_NONE;
    (void)snprintf(a->what, sizeof a->what, "node.rebooted");
    (void)snprintf(a->object, sizeof a->object, "%s", node->name);
    boots_text(before, from, sizeof from);
    boots_text(node->instance, to, sizeof to);
    (void)snprintf(a->from, sizeof a->from, "%.15s", from);
    (void)snprintf(a->to, sizeof a->to, "%.15s", to);
    (void)snprintf(a->why, sizeof a->why, "check %.64s by %.40s found %.21s resets.restarts; older results are void", check->name,
                   core->workers[node->instance_worker], to);
}

/* Who told of the latest start has lost its right since. Whether the node was started meanwhile cannot be told by comparing, so any other
 * number is another start. */
bool keeper_boots_doubted(const struct node_row *node)
{
    return node->instance != 0 && node->instance_worker == 0;
}

void keeper_boots_seen(struct keeper_core *core, struct keeper_pending *p, const struct check_row *check, uint64_t instance,
                       struct keeper_effects *fx)
{
    struct node_row *node = node_registry_at(&core->nodes, p->node);
    bool doubted = keeper_boots_doubted(node);
    if (!keeper_boots_known_by(check) || (!doubted && instance <= node->instance)) {
        return;
    }
    p->boots = true;
    p->boots_instance = node->instance;
    p->boots_generation = node->generation;
    p->boots_worker = node->instance_worker;
    node->instance = instance;
    node->instance_worker = p->result.worker;
    keeper_effects_add(fx, KEEPER_NODE)->u.node = node->id;
    if (p->boots_instance == 0 || p->boots_instance == instance) {
        return; /* nothing to compare with, the first since it was enrolled; or what was doubted is true */
    }
    node->generation++;
    p->result.generation = node->generation; /* it is about the node as it runs now */
    core->counters.rebooted++;
    node_registry_mark_judge(&core->nodes, node);
    boots_audit(core, node, check, p->boots_instance, fx);
}

void keeper_boots_committed(struct keeper_core *core)
{
    for (uint32_t i = 0; i < core->pending_count; i++) {
        struct node_row *node = core->pending[i].boots ? node_registry_at(&core->nodes, core->pending[i].node) : NULL;
        if (node != NULL && node->generation != core->pending[i].boots_generation) {
            node_registry_touch(&core->nodes, node); /* the scheduler learns of it now that nobody can take it back */
            node_registry_mark_fold(&core->nodes, node);
        }
    }
}

void keeper_boots_failed(struct keeper_core *core)
{
    for (uint32_t i = core->pending_count; i > 0; i--) {
        struct keeper_pending *p = &core->pending[i - 1];
        if (!p->boots) {
            continue;
        }
        struct node_row *node = node_registry_at(&core->nodes, p->node);
        if (node->generation != p->result.generation) {
            continue; /* an operator's change, which is durable, has come since */
        }
        p->result.generation = p->boots_generation; /* a fail counts although it could not be stored */
        for (uint32_t n = 0; n < node->pair_count && node->generation != p->boots_generation; n++) {
            pair_state_void(&node->pairs[n]); /* it was started, whether that can be written down or not */
        }
        node->generation = p->boots_generation; /* the result comes again under the ticket it has */
        node->instance = p->boots_instance;
        node->instance_worker = p->boots_worker;
        node_registry_mark_judge(&core->nodes, node);
    }
}

void keeper_boots_revoked(struct keeper_core *core, uint32_t worker)
{
    for (uint32_t id = 1; id <= core->nodes.count; id++) {
        struct node_row *node = node_registry_at(&core->nodes, id);
        if (node->instance != 0 && node->instance_worker == worker) {
            node->instance_worker = 0;
        }
    }
}
