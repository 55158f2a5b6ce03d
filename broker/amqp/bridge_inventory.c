/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_inventory.h"

#include <stdlib.h>

#include "sp_clock.h"
#include "sp_log.h"
#include "sp_random.h"

void bridge_inventory_open(struct bridge *b)
{
    const struct sp_conf_compute *c = &b->options->c.compute;
    if (b->nova == NULL || !c->inventory)
        return;
    cloud_inventory_open(&b->inventory, c, b->nova, b->conf->reader.nodes_max, bridge_shell_now(b));
    b->inventory_boot = sp_random_u64();
    b->inventory_on = true;
}

void bridge_inventory_close(struct bridge *b)
{
    if (b->inventory_on)
        cloud_inventory_close(&b->inventory);
    b->inventory_on = false;
}

void bridge_inventory_heard(struct bridge *b, const char *host, bool service)
{
    if (b->inventory_on && (service || !inventory_core_knows(&b->inventory.core, sp_str_of(host))))
        inventory_core_hint(&b->inventory.core, bridge_shell_now(b));
}

void bridge_inventory_look(struct bridge *b)
{
    if (b->inventory_on)
        inventory_core_hint(&b->inventory.core, bridge_shell_now(b));
}

static bool part_send(struct bridge *b, const struct inventory_core_part *part)
{
    struct msg_inventory_report m = {
        .boot = b->inventory_boot, .snapshot = part->snapshot, .part = part->part, .last = part->last, .total = part->total};
    struct sp_packer w;
    size_t room = 0;
    SP_STATIC_ASSERT(INVENTORY_CORE_PART <= MSG_INVENTORY_REPORT_NODES_MAX, "a part fits a message");
    uint8_t *body = sp_bus_body(b->bus, &room);
    sp_packer_init(&w, body, room);
    enum sp_rc rc = msg_inventory_report_begin(&w, &m);
    for (uint32_t i = 0; i < part->count && rc == SP_OK; i++) {
        const struct inventory_core_node *n = &part->nodes[i];
        struct rec_inventory_node node = {.key = n->key, .service = n->service, .flags = n->flags, .name = sp_str_of(n->name)};
        rc = rec_inventory_node_put(&w, &node);
    }
    rc = rc == SP_OK ? msg_inventory_report_end(&w) : rc;
    return rc == SP_OK && bridge_shell_send(b, SP_MSG_INVENTORY_REPORT, "", sp_str_bytes(body, sp_packer_bytes(&w)));
}

void bridge_inventory_tick(struct bridge *b)
{
    struct inventory_core_part part;
    struct sp_mono now = bridge_shell_now(b);
    if (!b->inventory_on)
        return;
    inventory_core_link(&b->inventory.core, now, sp_bus_up_count(b->bus) > 0);
    if (cloud_inventory_turn(&b->inventory, now, &part))
        inventory_core_sent(&b->inventory.core, now, part_send(b, &part));
}

void bridge_inventory_stats(struct bridge *b)
{
    const struct inventory_core_counters *c = &b->inventory.core.counters;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"inventory.readings", c->readings}, {"inventory.failed", c->failed},
        {"inventory.torn", c->torn},         {"inventory.unsound", c->unsound},
        {"inventory.sent", c->sent},         {"inventory.hints", c->hints},
        {"inventory.spared", c->spared},     {"inventory.nodes", b->inventory.core.node_count},
    };
    for (size_t i = 0; i < SP_COUNT(rows) && b->inventory_on; i++)
        sp_stats_set(b->stats, sp_stats_gauge(b->stats, rows[i].name), rows[i].value);
}

uint64_t bridge_inventory_deadline_us(const struct bridge *b)
{
    if (!b->inventory_on)
        return SP_NEVER;
    bool told = b->inventory.core.linked == (sp_bus_up_count(b->bus) > 0);
    return told ? cloud_inventory_deadline_us(&b->inventory) : 0; /* nothing else may wake us for that */
}
