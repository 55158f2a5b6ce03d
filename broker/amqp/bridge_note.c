/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_note.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "oslo_message.h"
#include "sp_clock.h"
#include "sp_hash.h"
#include "sp_hex.h"
#include "sp_random.h"

#define SIZES_MAX 32u   /* twice what the keeper has; more are counted again each time */
#define UNTOLD    0xffu /* tier of a row nobody was told about */

bool bridge_note_init(struct bridge *b)
{
    sp_map_init(&b->note_index);
    sp_random_bytes(b->note_key, sizeof b->note_key);
    return true;
}

void bridge_note_fini(struct bridge *b)
{
    sp_map_fini(&b->note_index);
    free(b->notes);
}

static uint64_t entry_hash(const struct bridge *b, const struct reader_entry *e)
{
    uint8_t bytes[16 + READER_NAME_BYTES];
    size_t n = strlen(e->pool);
    memcpy(bytes, e->key, 16);
    memcpy(bytes + 16, e->pool, n);
    uint64_t hash = sp_hash_sip(b->note_key, bytes, 16 + n);
    return hash == UINT64_MAX || hash == 0 ? 1 : hash;
}

static struct bridge_note_row *row_of(struct bridge *b, uint64_t hash)
{
    uint32_t at = sp_map_get(&b->note_index, hash);
    if (at != SP_MAP_NONE)
        return &b->notes[at];
    if (b->note_count == b->note_size) {
        uint32_t size = b->note_size == 0 ? 256 : b->note_size * 2;
        struct bridge_note_row *rows = size > READER_ENTRIES_MAX ? NULL : realloc(b->notes, size * sizeof *rows);
        if (rows == NULL)
            return NULL;
        b->notes = rows;
        b->note_size = size;
    }
    if (!sp_map_put(&b->note_index, hash, b->note_count))
        return NULL;
    b->notes[b->note_count] = (struct bridge_note_row){.tier = UNTOLD};
    return &b->notes[b->note_count++];
}

/* "2026-05-04 03:02:01.250000" */
static void stamp(struct sp_wall wall, char to[40])
{
    struct sp_civil c = sp_time_civil(wall);
    (void)snprintf(to, 40, "%04d-%02u-%02u %02u:%02u:%02u.%03u000", c.year, c.month, c.day, c.hour, c.minute, c.second,
                   (unsigned)(wall.ms % SP_MS_PER_S));
}

void bridge_note_id(const uint8_t bytes[16], char to[SP_HEX_KEY_BYTES])
{
    uint8_t raw[16];
    memcpy(raw, bytes, 16);
    raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x80); /* RFC 9562 version 8 */
    raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80);
    sp_hex_key_write(raw, to);
}

/* Made of what the keeper said, so that two bridges give the same fact the same id. */
static void message_id(const struct bridge *b, const struct reader_entry *e, const struct reader_answer *a,
                       char to[SP_HEX_KEY_BYTES])
{
    static const uint8_t key[2][16] = {{1}, {2}};
    uint8_t bytes[16 + 24 + 2 + READER_NAME_BYTES] = {0};
    uint64_t facts[3] = {b->reader.boot, e->since_ms, e->until_ms}, half[2];
    memcpy(bytes, e->key, 16);
    memcpy(bytes + 16, facts, 24);
    bytes[40] = a->tier;
    bytes[41] = a->member;
    (void)sp_str_copy((char *)bytes + 42, READER_NAME_BYTES, sp_str_of(e->pool));
    for (unsigned i = 0; i < 2; i++)
        half[i] = sp_hash_sip(key[i], bytes, sizeof bytes);
    bridge_note_id((const uint8_t *)half, to);
}

void bridge_note_send(struct bridge *b, uint64_t key, const char *event_type, const char *message_id_text, const char *payload_json)
{
    const struct sp_conf_bridge *c = &b->options->c;
    char at[40], publisher[64], routing_key[80];
    stamp(bridge_shell_wall(b), at);
    (void)snprintf(publisher, sizeof publisher, "spice.%s", b->name);
    for (uint32_t i = 0; i < (c->topic_count > 0 ? c->topic_count : 1); i++) {
        struct sp_buf inner;
        uint64_t own = key + i; /* each topic has its own newest */
        (void)snprintf(routing_key, sizeof routing_key, "%s.info", c->topic_count > 0 ? c->topics[i] : "notifications");
        sp_buf_init(&inner, 16384);
        oslo_message_notification(&inner, message_id_text, publisher, event_type, at, payload_json);
        bridge_shell_offer(b, BRIDGE_NOTE, own == UINT64_MAX || own == 0 ? 1 : own, c->exchange, routing_key, &inner);
        sp_buf_fini(&inner);
    }
}

static int volume(const struct reader_answer *a)
{
    return a->member ? 1 : a->tier == SP_TIER_FAIL ? -1 : 0;
}

/* Members and nodes of a pool, as this moment shows them. */
static void pool_size(const struct bridge *b, struct sp_mono now, const char *pool, json_int_t *members, json_int_t *nodes)
{
    *members = *nodes = 0;
    for (uint32_t i = 0; i < b->reader.count; i++) {
        struct reader_answer a;
        if (!b->reader.entries[i].live || strcmp(b->reader.entries[i].pool, pool) != 0)
            continue;
        reader_core_answer(&b->reader, now, &b->reader.entries[i], &a);
        *members += a.member;
        *nodes += 1;
    }
}

/* Sizes of the pools, each counted once for all changes that are looked at together: entries of one node stand beside each other,
 * so the pool changes with nearly every entry. */
struct size {
    char pool[READER_NAME_BYTES];
    json_int_t members, nodes;
};
struct sizes {
    struct size list[SIZES_MAX];
    uint32_t count;
};

static const struct size *size_of(const struct bridge *b, struct sp_mono now, const char *pool, struct sizes *all)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (strcmp(all->list[i].pool, pool) == 0)
            return &all->list[i];
    struct size *new = &all->list[all->count < SIZES_MAX ? all->count++ : SIZES_MAX - 1];
    (void)sp_str_copy(new->pool, sizeof new->pool, sp_str_of(pool));
    pool_size(b, now, pool, &new->members, &new->nodes);
    return new;
}

static void note(struct bridge *b, const struct reader_entry *e, const struct reader_answer *a, const struct bridge_note_row *was,
                 const struct size *size)
{
    char since[32] = "", id[SP_HEX_KEY_BYTES], key[SP_HEX_KEY_BYTES];
    sp_hex_key_write(e->key, key);
    sp_time_format_wall((struct sp_wall){e->since_ms}, since, sizeof since);
    json_t *previous =
        was->tier == UNTOLD ? json_null() : json_pack("{s:b, s:s}", "member", was->member, "tier", sp_tier_name(was->tier));
    json_t *payload = json_pack("{s:s, s:s, s:s, s:b, s:s, s:i, s:o, s:I, s:s, s:s, s:I, s:I, s:I}", "node", e->node, "key", key,
                                "pool", e->pool, "member", a->member, "tier", sp_tier_name(a->tier), "trust", volume(a), "previous",
                                previous, "remaining_ms", (json_int_t)a->remaining_ms, "since", since, "why", a->why, "sequence",
                                (json_int_t)b->reader.sequence, "pool_members", size->members, "pool_nodes", size->nodes);
    char *text = payload != NULL ? json_dumps(payload, JSON_ENSURE_ASCII) : NULL;
    json_decref(payload);
    message_id(b, e, a, id);
    if (text != NULL)
        bridge_note_send(b, entry_hash(b, e), "spice.trust.changed", id, text);
    free(text);
}

static void entry_look(struct bridge *b, struct sp_mono now, const struct reader_entry *e, struct sizes *sizes)
{
    struct reader_answer a;
    struct bridge_note_row *row = e->live ? row_of(b, entry_hash(b, e)) : NULL;
    if (row == NULL)
        return;
    reader_core_answer(&b->reader, now, e, &a);
    if (row->tier == a.tier && row->member == a.member)
        return; /* renewed */
    note(b, e, &a, row, size_of(b, now, e->pool, sizes));
    row->tier = a.tier;
    row->member = a.member;
}

void bridge_note_changes(struct bridge *b, const struct reader_changes *changes)
{
    struct sp_mono now = sp_clock_read().mono;
    struct sizes sizes;
    sizes.count = 0;
    if (!b->options->c.notify)
        return;
    uint32_t count = changes->all ? b->reader.count : changes->count;
    for (uint32_t i = 0; i < count; i++)
        entry_look(b, now, &b->reader.entries[changes->all ? i : changes->list[i]], &sizes);
}
