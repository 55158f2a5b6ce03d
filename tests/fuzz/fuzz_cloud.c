/* SPDX-License-Identifier: Apache-2.0 */
/* What the cloud's services may answer: lists of providers and traits of placement, Nova's services and hypervisors, a token of
 * Keystone; and what Nova's notifications may hold. The first byte chooses, the rest is the answer. Whatever it is, traits that are
 * not ours come back as they were, a list is taken whole or not at all, and what would be reported to the keeper can be encoded and
 * is in order. */
#include <stdlib.h>

#include "bridge_hint.h"
#include "cloud_inventory.h"
#include "cloud_place.h"
#include "msg.h"
#include "oslo_message.h"
#include "sp_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct cloud_place place;
static const struct sp_mono now = {1000000};

static void place_begin(void)
{
    struct trait_core_options o = {.rate = 1000, .parallel = 4, .rows_max = 64, .reconcile_ms = 1000};
    bool good = trait_core_init(&place.core, &o, now) && trait_core_own(&place.core, now, sp_str_of("CUSTOM_A"));
    SP_ASSERT(good && trait_core_own(&place.core, now, sp_str_of("CUSTOM_B")));
}

/* Until the core asks for a list of that kind. */
static void providers(struct sp_str text, enum trait_ask_kind kind)
{
    struct trait_ask ask;
    struct sp_mono at = now;
    place_begin();
    for (unsigned i = 0; i < 50; i++) {
        at.us += 100000;
        if (!trait_core_next(&place.core, at, &ask))
            continue;
        bool due = ask.kind == kind;
        place.slots[ask.slot].ask = ask;
        bool sound = due && cloud_place_providers(&place, ask.slot, text);
        trait_core_done(&place.core, at, ask.slot, due && !sound ? TRAIT_FAILED : TRAIT_DONE, 0);
        SP_ASSERT(trait_core_check(&place.core));
        if (due)
            break;
    }
    trait_core_fini(&place.core);
}

static bool is_ours(const char *name)
{
    return strcmp(name, "CUSTOM_A") == 0 || strcmp(name, "CUSTOM_B") == 0;
}

static void traits(struct sp_str text)
{
    uint64_t has = 0, again = 0;
    json_t *doc = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    place_begin();
    if (cloud_place_has(&place.core, doc, &has)) {
        char *body = cloud_place_body(&place.core, doc, 1);
        SP_ASSERT(body != NULL);
        json_t *sent = json_loads(body, JSON_REJECT_DUPLICATES, NULL), *list = json_object_get(sent, "traits"), *one;
        const json_t *had = json_object_get(doc, "traits");
        size_t i, k = 0;
        SP_ASSERT(cloud_place_has(&place.core, sent, &again) && again == 1);
        json_array_foreach(had, i, one)
        {
            if (!is_ours(json_string_value(one)))
                SP_ASSERT(json_equal(one, json_array_get(list, k++)));
        }
        SP_ASSERT(json_array_size(list) == k + 1);
        json_decref(sent);
        free(body);
    }
    trait_core_fini(&place.core);
    json_decref(doc);
}

static void report_check(const struct inventory_core_part *part)
{
    static uint8_t frame[MSG_INVENTORY_REPORT_BYTES_MAX];
    struct msg_inventory_report m = {.part = part->part, .last = part->last, .total = part->total};
    struct sp_packer w;
    sp_packer_init(&w, frame, sizeof frame);
    SP_ASSERT(msg_inventory_report_begin(&w, &m) == SP_OK);
    for (uint32_t i = 0; i < part->count; i++) {
        const struct inventory_core_node *n = &part->nodes[i];
        struct rec_inventory_node node = {.key = n->key, .service = n->service, .flags = n->flags, .name = sp_str_of(n->name)};
        SP_ASSERT(rec_inventory_node_put(&w, &node) == SP_OK);
        SP_ASSERT(i == 0 || memcmp(part->nodes[i - 1].key, n->key, 16) < 0);
    }
    SP_ASSERT(msg_inventory_report_end(&w) == SP_OK);
}

/* The same answer for both lists; it may hold both. */
static void inventory(struct sp_str text)
{
    struct inventory_core_options o = {.interval_ms = 1000, .hint_ms = 1000, .rows_max = 300};
    struct inventory_core core;
    struct inventory_core_part part;
    json_t *doc = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    struct cloud_nova_list lists[] = {
        {.member = "services", .rows_max = 300, .self = &core, .row = cloud_inventory_service},
        {.member = "hypervisors", .id = "id", .rows_max = 300, .self = &core, .row = cloud_inventory_hypervisor}};
    inventory_core_init(&core, &o, now);
    inventory_core_link(&core, now, true);
    for (unsigned i = 0; i < 2; i++) {
        char last[CLOUD_NOVA_ID_BYTES] = "";
        uint32_t rows = 0;
        bool more = false;
        enum inventory_core_ask ask = inventory_core_next(&core, now, &part);
        if (ask != (i == 0 ? INVENTORY_ASK_SERVICES : INVENTORY_ASK_HYPERVISORS))
            break;
        const char *wrong = cloud_nova_page(&lists[i], doc, &rows, last, &more);
        inventory_core_done(&core, now, wrong == NULL ? INVENTORY_CORE_DONE : INVENTORY_CORE_FAILED);
        SP_ASSERT(inventory_core_check(&core) && strlen(last) < sizeof last);
    }
    for (struct sp_mono at = now; core.state == INVENTORY_SENDING; at.us += 1000000)
        if (inventory_core_next(&core, at, &part) == INVENTORY_ASK_SEND) {
            report_check(&part);
            inventory_core_sent(&core, at, true);
        }
    inventory_core_fini(&core);
    json_decref(doc);
}

static void notification(struct sp_str text)
{
    const char *host = NULL;
    json_t *inner = oslo_inner_load(text);
    if (bridge_hint_read(inner, &host) != BRIDGE_HEARD_NOTHING)
        SP_ASSERT(host != NULL && sp_str_is_name(sp_str_of(host), REC_HINT_NODE_NODE_MAX));
    json_decref(inner);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n == 0)
        return 0;
    struct sp_str text = sp_str_bytes(p + 1, n - 1);
    switch (p[0] % 6) {
    case 0:
        providers(text, TRAIT_ASK_ALL);
        break;
    case 1:
        providers(text, TRAIT_ASK_WHO);
        break;
    case 2:
        traits(text);
        break;
    case 3:
        (void)cloud_auth_lifetime_ms(text);
        break;
    case 4:
        inventory(text);
        break;
    default:
        notification(text);
        break;
    }
    return 0;
}
