/* SPDX-License-Identifier: Apache-2.0 */
/* Message codecs against msgpack-c: what we write is what its packer writes, and what we accept is what its unpacker accepts and
 * the model allows, byte for byte; at random, mutated, and with elements of a newer peer in every array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

#include "sp_envelope.h"
#include "wire_fill.h"

#define ARENA_BYTES     (8u << 20)
#define BODY_MAX        (3u << 20)
#define RANDOM_ROUNDS   150
#define MUTATION_ROUNDS 1500
#define LIST_SHORT      5u

static uint8_t arena_memory[ARENA_BYTES], made[BODY_MAX], changed[BODY_MAX];
static struct sp_rng rng = {20240611};

static union value {
    uint64_t align;
    uint8_t p[WIRE_STRUCT_MAX];
} wanted, got;

/* ---- the reference: msgpack-c ---------------------------------------------------------------- */

static void reference_anything(msgpack_packer *pk, unsigned depth)
{
    switch (sp_rng_below(&rng, depth > 0 ? 10 : 8)) {
    case 0:
        msgpack_pack_nil(pk);
        break;
    case 1:
        msgpack_pack_true(pk);
        break;
    case 2:
        msgpack_pack_int64(pk, (int64_t)sp_rng_next(&rng) >> sp_rng_below(&rng, 64));
        break;
    case 3:
        msgpack_pack_uint64(pk, sp_rng_next(&rng) >> sp_rng_below(&rng, 64));
        break;
    case 4:
        msgpack_pack_double(pk, 1.5);
        break;
    case 5:
        msgpack_pack_float(pk, 0.25f);
        break;
    case 6:
        msgpack_pack_str(pk, 40);
        msgpack_pack_str_body(pk, "forty characters of text, forty of them.", 40);
        break;
    case 7:
        msgpack_pack_bin(pk, 3);
        msgpack_pack_bin_body(pk, "\0\1\2", 3);
        break;
    case 8: {
        unsigned n = (unsigned)sp_rng_below(&rng, 20);
        msgpack_pack_array(pk, n);
        for (unsigned i = 0; i < n; i++)
            reference_anything(pk, depth - 1);
        break;
    }
    default: {
        unsigned n = (unsigned)sp_rng_below(&rng, 3);
        msgpack_pack_map(pk, n);
        for (unsigned i = 0; i < 2 * n; i++)
            reference_anything(pk, depth - 1);
        break;
    }
    }
}

static void reference_pack(msgpack_packer *pk, const struct msg_shape *shape, const void *p, bool newer);

static void reference_field(msgpack_packer *pk, const struct msg_field *f, const void *p, bool newer)
{
    const void *at = (const uint8_t *)p + f->offset;
    const struct sp_str *s = at;
    switch (f->kind) {
    case MSG_STR:
        msgpack_pack_str(pk, s->n);
        msgpack_pack_str_body(pk, s->p, s->n);
        break;
    case MSG_BIN:
        msgpack_pack_bin(pk, s->n);
        msgpack_pack_bin_body(pk, s->p, s->n);
        break;
    case MSG_EXACT:
        msgpack_pack_bin(pk, f->max);
        msgpack_pack_bin_body(pk, *(const uint8_t *const *)at, f->max);
        break;
    case MSG_RECORD:
        reference_pack(pk, f->record, at, newer);
        break;
    case MSG_LIST: {
        struct sp_list list = *(const struct sp_list *)at;
        union value element;
        msgpack_pack_array(pk, list.count);
        while (f->record->next(&list, element.p))
            reference_pack(pk, f->record, element.p, newer);
        break;
    }
    case MSG_BOOL:
        (void)(wire_number(f, p) != 0 ? msgpack_pack_true(pk) : msgpack_pack_false(pk));
        break;
    default:
        msgpack_pack_uint64(pk, wire_number(f, p));
        break;
    }
}

/* newer: with some elements after the known ones, as a peer of a later version would send. */
static void reference_pack(msgpack_packer *pk, const struct msg_shape *shape, const void *p, bool newer)
{
    unsigned extra = newer ? (unsigned)sp_rng_below(&rng, 3) : 0;
    msgpack_pack_array(pk, shape->count + extra);
    for (unsigned i = 0; i < shape->count; i++)
        reference_field(pk, &shape->fields[i], p, newer);
    for (unsigned i = 0; i < extra; i++)
        reference_anything(pk, 4);
}

static bool small_enough(const msgpack_object *o, unsigned depth, unsigned *values)
{
    ++*values;
    if (*values > SP_PACK_SKIP_MAX || o->type == MSGPACK_OBJECT_EXT)
        return false;
    if (o->type == MSGPACK_OBJECT_ARRAY) {
        const msgpack_object_array *a = &o->via.array;
        for (uint32_t i = 0; i < a->size; i++)
            if (depth == SP_PACK_DEPTH_MAX || !small_enough(&a->ptr[i], depth + 1, values))
                return false;
    }
    if (o->type == MSGPACK_OBJECT_MAP) {
        const msgpack_object_map *m = &o->via.map;
        for (uint32_t i = 0; i < m->size; i++)
            if (depth == SP_PACK_DEPTH_MAX || !small_enough(&m->ptr[i].key, depth + 1, values) ||
                !small_enough(&m->ptr[i].val, depth + 1, values))
                return false;
    }
    return true;
}

static bool fits(const msgpack_object *o, const struct msg_shape *shape);

static bool field_fits(const msgpack_object *o, const struct msg_field *f)
{
    static const uint64_t most[] = {[MSG_U8] = UINT8_MAX, [MSG_U16] = UINT16_MAX, [MSG_U32] = UINT32_MAX, [MSG_U64] = UINT64_MAX};
    switch (f->kind) {
    case MSG_BOOL:
        return o->type == MSGPACK_OBJECT_BOOLEAN;
    case MSG_STR:
        return o->type == MSGPACK_OBJECT_STR && o->via.str.size <= f->max &&
               sp_str_is_utf8(sp_str_bytes(o->via.str.ptr, o->via.str.size));
    case MSG_BIN:
        return o->type == MSGPACK_OBJECT_BIN && o->via.bin.size <= f->max;
    case MSG_EXACT:
        return o->type == MSGPACK_OBJECT_BIN && o->via.bin.size == f->max;
    case MSG_RECORD:
        return fits(o, f->record);
    case MSG_LIST:
        if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size > f->max)
            return false;
        for (uint32_t i = 0; i < o->via.array.size; i++)
            if (!fits(&o->via.array.ptr[i], f->record))
                return false;
        return true;
    default:
        return o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= most[f->kind];
    }
}

static bool fits(const msgpack_object *o, const struct msg_shape *shape)
{
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size < shape->count)
        return false;
    for (uint32_t i = 0; i < o->via.array.size; i++) {
        const msgpack_object *part = &o->via.array.ptr[i];
        unsigned values = 0;
        if (i < shape->count ? !field_fits(part, &shape->fields[i]) : !small_enough(part, 0, &values))
            return false;
    }
    return true;
}

/* The library reserves memory by counts it reads; inputs that could ask for much are left to the other tests. */
static bool harmless_for_the_library(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 2 < n; i++)
        if (p[i] == 0xdd || p[i] == 0xdf)
            return false;
    return true;
}

/* Accepts what the model allows and the library's packer would have written. */
static bool reference_accepts(const struct msg_shape *shape, const uint8_t *p, size_t n)
{
    msgpack_unpacked u;
    msgpack_sbuffer again;
    msgpack_packer pk;
    size_t at = 0;
    msgpack_unpacked_init(&u);
    msgpack_sbuffer_init(&again);
    bool ok = msgpack_unpack_next(&u, (const char *)p, n, &at) == MSGPACK_UNPACK_SUCCESS && at == n && fits(&u.data, shape);
    if (ok) {
        msgpack_packer_init(&pk, &again, msgpack_sbuffer_write);
        (void)msgpack_pack_object(&pk, u.data);
        ok = again.size == n && memcmp(again.data, p, n) == 0;
    }
    msgpack_sbuffer_destroy(&again);
    msgpack_unpacked_destroy(&u);
    return ok;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void fill(const struct msg_shape *shape, enum wire_case how, uint32_t list_max)
{
    static struct wire_arena arena;
    arena = (struct wire_arena){arena_memory, 0, sizeof arena_memory};
    struct wire_values v = {how, &rng, &arena, list_max};
    wire_fill(shape, &v, 0, wanted.p);
}

static size_t encode(const struct msg_shape *shape)
{
    struct sp_packer w;
    sp_packer_init(&w, made, sizeof made);
    assert_int_equal(shape->encode(&w, wanted.p), SP_OK);
    return sp_packer_bytes(&w);
}

static void same_bytes(const struct msg_shape *shape)
{
    msgpack_sbuffer theirs;
    msgpack_packer pk;
    size_t n = encode(shape);
    msgpack_sbuffer_init(&theirs);
    msgpack_packer_init(&pk, &theirs, msgpack_sbuffer_write);
    reference_pack(&pk, shape, wanted.p, false);
    if (theirs.size != n || memcmp(theirs.data, made, n) != 0)
        fail_msg("%s: bytes differ from msgpack-c", shape->name);
    msgpack_sbuffer_destroy(&theirs);
    assert_true(n > SP_FRAME_BYTES_MAX || reference_accepts(shape, made, n));
    if (n > SP_FRAME_BYTES_MAX) {
        assert_int_equal(shape->decode(made, n, got.p), SP_E_LIMIT);
        return;
    }
    assert_int_equal(shape->decode(made, n, got.p), SP_OK);
    if (!wire_equal(shape, wanted.p, got.p))
        fail_msg("%s: values differ after decoding", shape->name);
}

static void packs_like_the_library(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        const struct msg_shape *shape = msg_fields_of(msg_at(i)->number);
        for (unsigned round = 0; round < RANDOM_ROUNDS; round++) {
            fill(shape, WIRE_RANDOM, round % 8 == 0 ? 40 : LIST_SHORT);
            same_bytes(shape);
        }
    }
}

/* Everything at its limit: the sizes that FLOW.md states are reached and not passed. */
static void limits_are_reached(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        const struct msg_info *info = msg_at(i);
        const struct msg_shape *shape = msg_fields_of(info->number);
        fill(shape, WIRE_FULL, 0);
        same_bytes(shape);
        size_t n = encode(shape);
        assert_true(n == info->bytes_max || (n > SP_FRAME_BYTES_MAX && info->bytes_max == SP_FRAME_BYTES_MAX));
    }
}

static void cut_anywhere_is_malformed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        const struct msg_shape *shape = msg_fields_of(msg_at(i)->number);
        fill(shape, WIRE_TYPICAL, 0);
        size_t n = encode(shape);
        for (size_t cut = 0; cut < n; cut++) {
            uint8_t *exact = malloc(cut > 0 ? cut : 1); /* so that a sanitizer sees a read past the end */
            assert_non_null(exact);
            memcpy(exact, made, cut);
            memset(got.p, 0x5a, sizeof got.p);
            assert_int_equal(shape->decode(exact, cut, got.p), SP_E_MALFORMED);
            assert_int_equal(got.p[0], 0x5a);
            assert_int_equal(got.p[shape->size - 1], 0x5a);
            free(exact);
        }
        made[n] = 0;
        assert_int_equal(shape->decode(made, n + 1, got.p), SP_E_MALFORMED);
    }
}

static size_t mutate(size_t n)
{
    static const uint8_t tags[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3,
                                   0xc4, 0xc5, 0xc6, 0xc7, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1,
                                   0xd2, 0xd3, 0xd4, 0xd9, 0xda, 0xdb, 0xdc, 0xde, 0xe0, 0xff};
    size_t at = (size_t)sp_rng_below(&rng, n);
    switch (sp_rng_below(&rng, 5)) {
    case 0:
        made[at] = (uint8_t)(made[at] ^ 1u << sp_rng_below(&rng, 8));
        return n;
    case 1:
        made[at] = tags[sp_rng_below(&rng, sizeof tags)];
        return n;
    case 2:
        memmove(made + at, made + at + 1, n - at - 1);
        return n - 1;
    case 3:
        memmove(made + at + 1, made + at, n - at);
        made[at] = (uint8_t)sp_rng_next(&rng);
        return n + 1;
    default:
        made[at] = (uint8_t)sp_rng_below(&rng, 3);
        return n;
    }
}

static unsigned accepted, refused;

static void same_verdict(const struct msg_shape *shape, const uint8_t *p, size_t n)
{
    if (!harmless_for_the_library(p, n))
        return;
    bool theirs = reference_accepts(shape, p, n);
    bool ours = shape->decode(p, n, got.p) == SP_OK;
    if (ours != theirs)
        fail_msg("%s, %zu bytes: we %s, the reference does not", shape->name, n, ours ? "accept" : "refuse");
    *(ours ? &accepted : &refused) += 1;
}

static void accepts_what_the_model_allows(void **state)
{
    (void)state;
    accepted = refused = 0;
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        const struct msg_shape *shape = msg_fields_of(msg_at(i)->number);
        for (unsigned round = 0; round < MUTATION_ROUNDS; round++) {
            fill(shape, WIRE_RANDOM, 2);
            size_t n = encode(shape);
            for (uint64_t k = 1 + sp_rng_below(&rng, 3); k > 0 && n > 1; k--)
                n = mutate(n);
            same_verdict(shape, made, n);
        }
    }
    assert_true(accepted > 1000 && refused > 1000); /* the mutations test both answers */
}

static void skips_what_a_newer_peer_adds(void **state)
{
    (void)state;
    accepted = refused = 0;
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        const struct msg_shape *shape = msg_fields_of(msg_at(i)->number);
        for (unsigned round = 0; round < RANDOM_ROUNDS; round++) {
            msgpack_sbuffer theirs;
            msgpack_packer pk;
            fill(shape, WIRE_RANDOM, LIST_SHORT);
            msgpack_sbuffer_init(&theirs);
            msgpack_packer_init(&pk, &theirs, msgpack_sbuffer_write);
            reference_pack(&pk, shape, wanted.p, true);
            assert_int_equal(shape->decode((const uint8_t *)theirs.data, theirs.size, got.p), SP_OK);
            assert_true(wire_equal(shape, wanted.p, got.p));
            size_t n = theirs.size;
            memcpy(made, theirs.data, n);
            msgpack_sbuffer_destroy(&theirs);
            for (unsigned k = 0; k < 6 && n > 1; k++) {
                n = mutate(n);
                same_verdict(shape, made, n);
            }
        }
    }
    assert_true(accepted > 1000 && refused > 1000);
}

static void extra_elements_are_counted(void **state)
{
    (void)state;
    static const uint8_t heartbeat[] = {0x95, 0x01, 0x02, 0xc0, 0x91, 0x05, 0xa1, 'x'};
    struct msg_heartbeat m;
    assert_int_equal(msg_heartbeat_decode(heartbeat, sizeof heartbeat, &m), SP_OK);
    assert_true(m.progress == 1 && m.backlog == 2 && m.extra == 3);
    static const uint8_t batch[] = {0x92, 0x00, 0x91, 0x93, 0x01, 0x02, 0x03};
    struct msg_job_return r;
    assert_int_equal(msg_job_return_decode(batch, sizeof batch, &r), SP_OK);
    assert_int_equal(r.extra, 1); /* those inside of records as well */
}

/* The stream of begin, put and end gives the same bytes as the library, for counts on both sides of each header size. */
static void streams_like_the_library(void **state)
{
    (void)state;
    static const unsigned counts[] = {0, 1, 15, 16, 17, 300, 512};
    for (size_t i = 0; i < SP_COUNT(counts); i++) {
        struct sp_packer w;
        struct msg_job_return head = {.code = SP_REFUSAL_EXPIRED};
        struct rec_returned r = {0, 0};
        sp_packer_init(&w, changed, sizeof changed);
        assert_int_equal(msg_job_return_begin(&w, &head), SP_OK);
        for (unsigned k = 0; k < counts[i]; k++) {
            r.slot = k;
            r.job = (uint64_t)k << 20;
            assert_int_equal(rec_returned_put(&w, &r), SP_OK);
        }
        assert_int_equal(sp_packer_count(&w), counts[i]);
        if (counts[i] == MSG_JOB_RETURN_JOBS_MAX)
            assert_int_equal(rec_returned_put(&w, &r), SP_E_FULL);
        assert_int_equal(msg_job_return_end(&w), SP_OK);
        struct msg_job_return back;
        assert_int_equal(msg_job_return_decode(changed, sp_packer_bytes(&w), &back), SP_OK);
        assert_int_equal(back.jobs.count, counts[i]);
        assert_true(reference_accepts(msg_fields_of(SP_MSG_JOB_RETURN), changed, sp_packer_bytes(&w)));
    }
}

static void streams_three_lists(void **state)
{
    (void)state;
    struct sp_packer w, again;
    struct msg_stats m = {.boot = 1, .uptime_ms = 2}, back;
    struct rec_counter c = {.type = 20, .role = SP_ROLE_WORKER, .outgoing = true, .messages = 5};
    struct rec_gauge g = {.name = sp_str_of("a"), .value = 3};
    struct rec_latency l = {.name = sp_str_of("b"), .count = 1, .p50_us = 2, .p99_us = 3, .max_us = 4};
    sp_packer_init(&w, made, sizeof made);
    assert_int_equal(msg_stats_begin(&w, &m), SP_OK);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(rec_counter_put(&w, &c), SP_OK);
    assert_int_equal(msg_stats_gauges(&w), SP_OK);
    assert_int_equal(rec_gauge_put(&w, &g), SP_OK);
    assert_int_equal(msg_stats_latencies(&w), SP_OK);
    assert_int_equal(rec_latency_put(&w, &l), SP_OK);
    assert_int_equal(msg_stats_end(&w), SP_OK);
    assert_int_equal(msg_stats_decode(made, sp_packer_bytes(&w), &back), SP_OK);
    assert_true(back.counters.count == 20 && back.gauges.count == 1 && back.latencies.count == 1);
    sp_packer_init(&again, changed, sizeof changed);
    assert_int_equal(msg_stats_encode(&again, &back), SP_OK);
    assert_int_equal(sp_packer_bytes(&again), sp_packer_bytes(&w));
    assert_memory_equal(made, changed, sp_packer_bytes(&w));
    struct rec_counter one;
    assert_true(rec_counter_next(&back.counters, &one));
    assert_true(one.outgoing && one.messages == 5 && one.role == SP_ROLE_WORKER);
}

/* Encoding into a buffer of every size: all or nothing, and enough room is what the limits say. */
static void full_buffer_writes_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        const struct msg_shape *shape = msg_fields_of(msg_at(i)->number);
        fill(shape, WIRE_TYPICAL, 0);
        size_t n = encode(shape);
        for (size_t room = 0; room <= n; room++) {
            struct sp_packer w;
            memset(changed, 0xee, n + 8);
            sp_packer_init(&w, changed, room);
            enum sp_rc rc = shape->encode(&w, wanted.p);
            assert_true(rc == SP_E_FULL || rc == SP_OK);
            assert_int_equal(sp_packer_bytes(&w), rc == SP_OK ? n : 0);
            assert_int_equal(changed[room], 0xee);
        }
    }
}

static void encoder_refuses_what_no_peer_would_take(void **state)
{
    (void)state;
    static char many[2000];
    struct sp_packer w;
    struct msg_bye fine = {.boot = 1};
    struct msg_refused m = {.type = 1, .detail = sp_str_of("f\xc3\xbcnf")};
    memset(many, 'a', sizeof many);
    sp_packer_init(&w, made, sizeof made);
    assert_int_equal(msg_refused_encode(&w, &m), SP_OK);
    size_t n = sp_packer_bytes(&w);
    static const char *const bad[] = {"\xff", "abcdefgh\xc3", "abcdefghijklmnopqrstuvw\xed\xa0\x80", "\xc0\x80",
                                      "abcdefghijklmnop\xf5\x80\x80\x80"};
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        m.detail = sp_str_of(bad[i]);
        assert_int_equal(msg_refused_encode(&w, &m), SP_E_INVALID);
    }
    for (uint32_t length = 1; length < 40; length++) { /* a NUL at each place of each way to copy */
        for (uint32_t at = 0; at < length; at++) {
            many[at] = '\0';
            m.detail = sp_str_bytes(many, length);
            assert_int_equal(msg_refused_encode(&w, &m), SP_E_INVALID);
            many[at] = 'a';
        }
    }
    m.detail = sp_str_bytes(many, MSG_REFUSED_DETAIL_MAX + 1);
    assert_int_equal(msg_refused_encode(&w, &m), SP_E_LIMIT);
    assert_int_equal(sp_packer_bytes(&w), n);
    assert_int_equal(msg_bye_encode(&w, &fine), SP_OK); /* a refused one leaves the packer as it was */
    assert_int_equal(sp_packer_bytes(&w), n + 2);
}

static void names_and_numbers(void **state)
{
    (void)state;
    unsigned v = 99;
    assert_string_equal(sp_reason_name(SP_REASON_DEADLINE), "deadline");
    assert_string_equal(sp_reason_name(9), "unknown");
    assert_string_equal(sp_reason_name(4000000000u), "unknown");
    assert_string_equal(sp_refusal_text(SP_REFUSAL_STORE), "store cannot take it now");
    assert_true(sp_stage_find(sp_str_of("enforcing"), &v) && v == SP_STAGE_ENFORCING);
    assert_false(sp_stage_find(sp_str_of("enforce"), &v));
    assert_false(sp_stage_find(sp_str_of("unknown"), &v));
    assert_int_equal(v, SP_STAGE_ENFORCING);
    assert_string_equal(msg_name(SP_MSG_JOB_BATCH), "JobBatch");
    assert_string_equal(msg_name(15), "unknown");
    assert_null(msg_find(0));
    assert_null(msg_find(65535));
    assert_null(msg_fields_of(63));
}

/* Every cell of sender x message x receiver: exactly those of the model are allowed. */
static void authority_is_the_table(void **state)
{
    (void)state;
    unsigned allowed = 0;
    for (unsigned type = 0; type < 70; type++) {
        const struct msg_info *info = msg_find(type);
        for (unsigned from = 0; from <= SP_ROLE_LAST; from++) {
            for (unsigned to = 0; to <= SP_ROLE_LAST; to++) {
                bool want = info != NULL && (info->from >> from & 1) != 0 && (info->to >> to & 1) != 0;
                assert_true(msg_may(type, (enum sp_role)from, (enum sp_role)to) == want);
                allowed += want;
            }
        }
        if (info != NULL)
            assert_true((info->from & 1) == 0 && (info->to & 1) == 0); /* nobody is no sender and no receiver */
    }
    assert_true(allowed > SP_MSG_COUNT);
    assert_false(msg_may(SP_MSG_RESULT_BATCH, SP_ROLE_SCHEDULER, SP_ROLE_KEEPER));
    assert_false(msg_may(SP_MSG_JOB_BATCH, SP_ROLE_WORKER, SP_ROLE_WORKER));
    assert_false(msg_may(SP_MSG_TRUST_EVENT, SP_ROLE_SCHEDULER, SP_ROLE_READER));
    assert_false(msg_may(SP_MSG_ADMIN_REQUEST, SP_ROLE_READER, SP_ROLE_KEEPER));
    assert_true(msg_may(SP_MSG_ADMIN_REQUEST, SP_ROLE_OPERATOR, SP_ROLE_KEEPER));
}

/* SI-10, K27: all that a bridge can say, to anybody. A message added here needs a second reader: can it make a node more trusted?
 */
static void a_bridge_cannot_raise(void **state)
{
    (void)state;
    /* InventoryReport: names nodes, which then wait for an administrator, and takes trust away; see inventory_test and the
     * simulator. ActionReport: a row of the audit and nothing else; see report_test. AdminReply: an answer to people, about what
     * the bridge sees. */
    static const unsigned said[] = {SP_MSG_HELLO,         SP_MSG_HEARTBEAT,    SP_MSG_BYE,
                                    SP_MSG_STATS,         SP_MSG_SUBSCRIBE,    SP_MSG_READER_PING,
                                    SP_MSG_HINT,          SP_MSG_VIEW_REQUEST, SP_MSG_INVENTORY_REPORT,
                                    SP_MSG_ACTION_REPORT, SP_MSG_ADMIN_REPLY};
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        bool listed = false;
        for (size_t k = 0; k < SP_COUNT(said); k++)
            listed = listed || said[k] == msg_at(i)->number;
        assert_int_equal((msg_at(i)->from >> SP_ROLE_BRIDGE & 1) != 0, listed);
    }
    assert_int_equal(msg_find(SP_MSG_HINT)->to, 1u << SP_ROLE_SCHEDULER); /* the keeper, who judges, takes none */
    assert_int_equal(msg_find(SP_MSG_INVENTORY_REPORT)->auth_bytes, 64);  /* so that no broker makes up a list (K16) */
    assert_int_equal(msg_find(SP_MSG_ACTION_REPORT)->auth_bytes, 64);
    assert_int_equal(msg_find(SP_MSG_ADMIN_REPLY)->to, 1u << SP_ROLE_OPERATOR);
    assert_int_equal(msg_find(SP_MSG_SUBSCRIBE)->auth_bytes, 0); /* else a bridge's signature is worth nothing */
    assert_int_equal(msg_find(SP_MSG_HINT)->auth_bytes, 0);
    assert_int_equal(msg_find(SP_MSG_VIEW_REQUEST)->auth_bytes, 0);
}

/* All that the attester of a node can say, and to whom: it judges nothing, so no message of it may be a judgement. Its parts go to those
 * who judge, signed; what it asks the keeper changes nothing there. */
static void an_attester_judges_nothing(void **state)
{
    (void)state;
    static const unsigned said[] = {SP_MSG_HELLO, SP_MSG_HEARTBEAT, SP_MSG_BYE,
                                    SP_MSG_STATS, SP_MSG_EVIDENCE,  SP_MSG_PRINCIPAL_GET};
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        bool listed = false;
        for (size_t k = 0; k < SP_COUNT(said); k++)
            listed = listed || said[k] == msg_at(i)->number;
        assert_int_equal((msg_at(i)->from >> SP_ROLE_ATTESTER & 1) != 0, listed);
    }
    assert_int_equal(msg_find(SP_MSG_EVIDENCE)->to, 1u << SP_ROLE_WORKER | 1u << SP_ROLE_OPERATOR);
    assert_int_equal(msg_find(SP_MSG_EVIDENCE)->auth, SP_AUTH_PAIR);
    assert_int_equal(msg_find(SP_MSG_EVIDENCE_REQUEST)->auth, SP_AUTH_PAIR); /* else any broker reads what nodes have to tell */
    assert_int_equal(msg_find(SP_MSG_IDENTITY)->auth_bytes, 64);
    assert_int_equal(msg_find(SP_MSG_IDENTITY)->from, 1u << SP_ROLE_KEEPER);
    assert_int_equal(msg_find(SP_MSG_PRINCIPAL_INFO)->auth_bytes, 64);
    assert_int_equal(msg_find(SP_MSG_PRINCIPAL_INFO)->to, 1u << SP_ROLE_ATTESTER);
}

/* The struct at p, a record inside of it, and one field over its limit after the other: with room for everything and with next to
 * none, the encoder says so, reads nothing of the field, writes nothing past the room and leaves the packer as it was. Room and
 * field are heap memory of the exact size, so that a sanitizer sees a byte too many. */
static unsigned over_limits(const struct msg_shape *whole, const struct msg_shape *part, uint8_t *p)
{
    unsigned done = 0;
    for (unsigned i = 0; i < part->count; i++) {
        const struct msg_field *f = &part->fields[i];
        struct sp_str *s = (struct sp_str *)(void *)(p + f->offset), before;
        if (f->kind == MSG_RECORD)
            done += over_limits(whole, f->record, p + f->offset);
        if (f->kind != MSG_STR && f->kind != MSG_BIN)
            continue;
        const uint32_t lengths[] = {f->max + 1, f->max + 256, UINT32_MAX};
        const size_t rooms[] = {16, 20000, SP_FRAME_BYTES_MAX};
        char *one = malloc(1);
        assert_non_null(one);
        *one = 'a';
        before = *s;
        for (size_t k = 0; k < SP_COUNT(lengths) * SP_COUNT(rooms); k++, done++) {
            size_t room = rooms[k % SP_COUNT(rooms)];
            uint8_t *to = malloc(room);
            struct sp_packer w;
            assert_non_null(to);
            sp_packer_init(&w, to, room);
            *s = (struct sp_str){one, lengths[k / SP_COUNT(rooms)]};
            assert_int_equal(whole->encode(&w, wanted.p), SP_E_LIMIT);
            assert_int_equal(sp_packer_bytes(&w), 0);
            assert_int_equal(sp_packer_count(&w), 0);
            free(to);
        }
        *s = before;
        free(one);
    }
    return done;
}

static void a_field_over_its_limit_is_not_touched(void **state)
{
    unsigned done = 0;
    (void)state;
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        const struct msg_shape *shape = msg_fields_of(msg_at(i)->number);
        fill(shape, WIRE_TYPICAL, 0);
        done += over_limits(shape, shape, wanted.p);
        for (unsigned k = 0; k < shape->count; k++) {
            if (shape->fields[k].kind != MSG_LIST)
                continue;
            fill(shape->fields[k].record, WIRE_TYPICAL, 0);
            done += over_limits(shape->fields[k].record, shape->fields[k].record, wanted.p);
        }
    }
    assert_true(done > 9 * SP_MSG_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_over_its_limit_is_not_touched),
        cmocka_unit_test(packs_like_the_library),
        cmocka_unit_test(limits_are_reached),
        cmocka_unit_test(cut_anywhere_is_malformed),
        cmocka_unit_test(accepts_what_the_model_allows),
        cmocka_unit_test(skips_what_a_newer_peer_adds),
        cmocka_unit_test(extra_elements_are_counted),
        cmocka_unit_test(streams_like_the_library),
        cmocka_unit_test(streams_three_lists),
        cmocka_unit_test(full_buffer_writes_nothing),
        cmocka_unit_test(encoder_refuses_what_no_peer_would_take),
        cmocka_unit_test(names_and_numbers),
        cmocka_unit_test(authority_is_the_table),
        cmocka_unit_test(a_bridge_cannot_raise),
        cmocka_unit_test(an_attester_judges_nothing),
    };
    return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
