/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_hint.h"

#include "oslo_message.h"

#define EVERY_MS 1000u
#define OURS     "SPICE" /* how the reason begins when a service was disabled by us: no news */

/* The host a notification is about; NULL: none of those that matter. Read by name; another major version is not read at all. */
static const char *host_of(const json_t *inner)
{
    static const char *const events[] = {"service.create", "service.update", "service.delete"};
    const json_t *payload = json_object_get(inner, "payload"), *data = json_object_get(payload, "nova_object.data");
    const char *event = oslo_text(inner, "event_type"), *version = oslo_text(payload, "nova_object.version");
    const char *binary = oslo_text(data, "binary"), *reason = oslo_text(data, "disabled_reason"), *host = oslo_text(data, "host");
    bool matters = false;
    for (size_t i = 0; i < SP_COUNT(events) && event != NULL; i++)
        matters = matters || strcmp(event, events[i]) == 0;
    if (!matters || host == NULL || version == NULL || strncmp(version, "1.", 2) != 0 || binary == NULL ||
        strcmp(binary, "nova-compute") != 0)
        return NULL;
    if (reason != NULL && strncmp(reason, OURS, sizeof OURS - 1) == 0)
        return NULL;
    return sp_str_is_name(sp_str_of(host), REC_HINT_NODE_NODE_MAX) ? host : NULL;
}

void bridge_hint_on_notification(struct bridge *b, const struct amqp_link_event *d)
{
    struct bridge_hints *h = &b->hints;
    json_t *inner = d->body != NULL && d->json && !d->zlib ? oslo_inner_load(sp_str_bytes(d->body, d->bytes)) : NULL;
    const char *host = host_of(inner);
    h->seen++;
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
