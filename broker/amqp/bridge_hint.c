/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_hint.h"

#include "bridge_inventory.h"
#include "oslo_message.h"

#define EVERY_MS 1000u
#define OURS     "SPICE" /* how the reason begins when a service was disabled by us: no news */

/* The versioned format: service.create, service.update, service.delete. */
static enum bridge_heard versioned(const json_t *payload, const char *event, const char **host)
{
    static const char *const events[] = {"service.create", "service.update", "service.delete"};
    const json_t *data = json_object_get(payload, "nova_object.data");
    const char *version = oslo_text(payload, "nova_object.version"), *binary = oslo_text(data, "binary"),
               *reason = oslo_text(data, "disabled_reason");
    bool matters = false;
    for (size_t i = 0; i < SP_COUNT(events); i++)
        matters = matters || strcmp(event, events[i]) == 0;
    *host = oslo_text(data, "host");
    if (!matters || version == NULL || strncmp(version, "1.", 2) != 0 || binary == NULL || strcmp(binary, "nova-compute") != 0)
        return BRIDGE_HEARD_NOTHING;
    return reason != NULL && strncmp(reason, OURS, sizeof OURS - 1) == 0 ? BRIDGE_HEARD_NOTHING : BRIDGE_HEARD_SERVICE;
}

/* The unversioned format, which has no events about services but those of the API that switches a host: HostAPI.set_enabled and the
 * like. compute.* and others name the host they come from or are about. */
static enum bridge_heard unversioned(const json_t *payload, const char *event, const char **host)
{
    static const struct {
        const char *prefix, *member;
        enum bridge_heard heard;
    } rows[] = {
        {"HostAPI.", "host_name", BRIDGE_HEARD_SERVICE},      {"service.", "host", BRIDGE_HEARD_SERVICE},
        {"aggregate.addhost.end", "host", BRIDGE_HEARD_HOST}, {"aggregate.removehost.end", "host", BRIDGE_HEARD_HOST},
        {"compute.instance.", "node", BRIDGE_HEARD_HOST},     {"compute.metrics.update", "nodename", BRIDGE_HEARD_HOST},
    };
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        if (strncmp(event, rows[i].prefix, strlen(rows[i].prefix)) != 0)
            continue;
        *host = oslo_text(payload, rows[i].member);
        return rows[i].heard;
    }
    return BRIDGE_HEARD_NOTHING;
}

enum bridge_heard bridge_hint_read(const json_t *inner, const char **host)
{
    const json_t *payload = json_object_get(inner, "payload");
    const char *event = oslo_text(inner, "event_type");
    *host = NULL;
    if (event == NULL || !json_is_object(payload))
        return BRIDGE_HEARD_NOTHING;
    bool objects = json_object_get(payload, "nova_object.data") != NULL;
    enum bridge_heard heard = objects ? versioned(payload, event, host) : unversioned(payload, event, host);
    return *host != NULL && sp_str_is_name(sp_str_of(*host), REC_HINT_NODE_NODE_MAX) ? heard : BRIDGE_HEARD_NOTHING;
}

void bridge_hint_on_notification(struct bridge *b, const struct amqp_link_event *d)
{
    struct bridge_hints *h = &b->hints;
    json_t *inner = d->body != NULL && d->json && !d->zlib ? oslo_inner_load(sp_str_bytes(d->body, d->bytes)) : NULL;
    const char *host = NULL;
    enum bridge_heard heard = bridge_hint_read(inner, &host);
    h->seen++;
    if (heard != BRIDGE_HEARD_NOTHING)
        bridge_inventory_heard(b, host, heard == BRIDGE_HEARD_SERVICE);
    host = heard == BRIDGE_HEARD_SERVICE ? host : NULL;
    for (uint32_t i = 0; i < h->count && host != NULL; i++)
        host = strcmp(h->names[i], host) == 0 ? NULL : host;
    if (host != NULL && h->count < MSG_HINT_NODES_MAX) {
        h->due_us = h->count == 0 ? bridge_shell_now(b).us + EVERY_MS * SP_US_PER_MS : h->due_us;
        (void)sp_str_copy(h->names[h->count++], sizeof h->names[0], sp_str_of(host));
    } else {
        h->spared += host != NULL;
    }
    json_decref(inner);
}

uint64_t bridge_hint_deadline_us(const struct bridge *b)
{
    return b->hints.count > 0 ? b->hints.due_us : SP_NEVER;
}

void bridge_hint_tick(struct bridge *b)
{
    struct bridge_hints *h = &b->hints;
    struct msg_hint m = {.reason = sp_str_of("compute service changed in Nova")};
    struct sp_packer w;
    size_t room = 0;
    if (h->count == 0 || bridge_shell_now(b).us < h->due_us)
        return;
    uint8_t *body = sp_bus_body(b->bus, &room);
    sp_packer_init(&w, body, room);
    enum sp_rc rc = msg_hint_begin(&w, &m);
    for (uint32_t i = 0; i < h->count && rc == SP_OK; i++) {
        struct rec_hint_node node = {.node = sp_str_of(h->names[i])};
        rc = rec_hint_node_put(&w, &node);
    }
    rc = rc == SP_OK ? msg_hint_end(&w) : rc;
    if (rc == SP_OK && bridge_shell_send(b, SP_MSG_HINT, "", sp_str_bytes(body, sp_packer_bytes(&w))))
        h->sent += h->count;
    h->count = 0; /* what did not leave is no loss: checks run anyway */
}
