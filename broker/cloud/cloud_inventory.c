/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud_inventory.h"

#include <stdio.h>
#include <string.h>

#include "sp_clock.h"
#include "sp_hex.h"
#include "sp_log.h"
#include "sp_random.h"

static const char *text_of(const json_t *row, const char *member)
{
    return json_string_value(json_object_get(row, member));
}

static uint8_t flags_of(const json_t *row)
{
    const char *status = text_of(row, "status"), *state = text_of(row, "state");
    unsigned disabled = status == NULL || strcmp(status, "enabled") != 0, down = state == NULL || strcmp(state, "up") != 0;
    return (uint8_t)((disabled ? INVENTORY_CORE_DISABLED : 0) | (down ? INVENTORY_CORE_DOWN : 0));
}

/* Rows of a cell that is down have status UNKNOWN and no id. */
bool cloud_inventory_service(void *core, const json_t *row)
{
    const char *binary = text_of(row, "binary"), *status = text_of(row, "status"), *id = text_of(row, "id");
    uint8_t uuid[16] = {0};
    if (binary == NULL || status == NULL)
        return false;
    if (strcmp(binary, "nova-compute") != 0)
        return true;
    bool known = strcmp(status, "UNKNOWN") != 0;
    if (known && (id == NULL || !sp_hex_key(sp_str_of(id), uuid)))
        return false;
    return inventory_core_service(core, known, uuid, flags_of(row));
}

bool cloud_inventory_hypervisor(void *core, const json_t *row)
{
    const json_t *service = json_object_get(row, "service");
    const char *id = text_of(row, "id"), *name = text_of(row, "hypervisor_hostname"), *of = text_of(service, "id");
    uint8_t uuid[16], of_uuid[16] = {0};
    if (id == NULL || name == NULL || !sp_hex_key(sp_str_of(id), uuid))
        return false;
    if (of != NULL && !sp_hex_key(sp_str_of(of), of_uuid))
        return false;
    return inventory_core_node(core, uuid, sp_str_of(name), of_uuid, flags_of(row));
}

static void on_done(void *self, const struct cloud_nova_answer *a)
{
    static const enum inventory_core_result results[] = {[CLOUD_NOVA_DONE] = INVENTORY_CORE_DONE,
                                                         [CLOUD_NOVA_AGAIN] = INVENTORY_CORE_AGAIN,
                                                         [CLOUD_NOVA_FAILED] = INVENTORY_CORE_FAILED};
    struct cloud_inventory *v = self; /* the core is its first member */
    bool torn = v->core.torn;
    uint32_t failures = v->core.failures;
    inventory_core_done(&v->core, sp_clock_read().mono, results[a->result]);
    if (v->core.failures > failures) {
        const char *why = a->result != CLOUD_NOVA_DONE ? a->why : torn ? "a cell of Nova is down" : "a compute node is there twice";
        if (v->why[0] == '\0' || v->status != a->status || strncmp(v->why, why, sizeof v->why - 1) != 0) /* each reason once */
            SP_LOG(SP_LOG_WARNING, "cloud", "inventory.lost", SP_LOG_U("status", a->status), SP_LOG_S("why", why),
                   SP_LOG_S("effect", "the keeper hears nothing until a whole list was read"));
        (void)snprintf(v->why, sizeof v->why, "%s", why);
        v->status = a->status;
    } else if (v->core.state == INVENTORY_SENDING) {
        if (v->why[0] != '\0' || v->core.counters.readings == 1)
            SP_LOG(SP_LOG_NOTICE, "cloud", "inventory.read", SP_LOG_U("nodes", v->core.node_count));
        v->why[0] = '\0';
    }
}

static bool list_ask(struct cloud_inventory *v, bool services)
{
    struct cloud_nova_list list = {.path = services ? "/os-services?binary=nova-compute" : "/os-hypervisors/detail",
                                   .member = services ? "services" : "hypervisors",
                                   .id = services ? NULL : "id",
                                   .rows_max = v->core.options.rows_max,
                                   .self = v, /* whose first member is the core, for the rows */
                                   .row = services ? cloud_inventory_service : cloud_inventory_hypervisor,
                                   .done = on_done};
    return cloud_nova_list(v->nova, &list);
}

bool cloud_inventory_turn(struct cloud_inventory *v, struct sp_mono now, struct inventory_core_part *part)
{
    if (!cloud_nova_is_ready(v->nova) && v->core.state != INVENTORY_SENDING)
        return false;
    enum inventory_core_ask ask = inventory_core_next(&v->core, now, part);
    if (ask == INVENTORY_ASK_SEND || ask == INVENTORY_ASK_NOTHING)
        return ask == INVENTORY_ASK_SEND;
    if (!list_ask(v, ask == INVENTORY_ASK_SERVICES))
        inventory_core_done(&v->core, now, INVENTORY_CORE_FAILED);
    return false;
}

uint64_t cloud_inventory_deadline_us(const struct cloud_inventory *v)
{
    bool ready = cloud_nova_is_ready(v->nova) || v->core.state == INVENTORY_SENDING;
    return ready ? inventory_core_deadline_us(&v->core) : SP_NEVER; /* the token's coming is a turn of its own */
}

void cloud_inventory_open(struct cloud_inventory *v, const struct sp_conf_compute *conf, struct cloud_nova *nova, uint32_t rows_max,
                          struct sp_mono now)
{
    struct inventory_core_options o = {
        .seed = sp_random_u64(), .interval_ms = conf->interval_ms, .hint_ms = conf->hint_ms, .rows_max = rows_max};
    sp_random_bytes(o.hash_key, sizeof o.hash_key);
    memset(v, 0, sizeof *v);
    v->nova = nova;
    inventory_core_init(&v->core, &o, now);
}

void cloud_inventory_close(struct cloud_inventory *v)
{
    inventory_core_fini(&v->core);
}
