/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_fill.h"

#include <stdio.h>
#include <string.h>

#define LONG_MAX_BYTES 260u
#define LIST_TYPICAL   3u
#define LIST_MAX       16u

static uint8_t *take(struct wire_arena *a, size_t n)
{
    SP_ASSERT(n <= a->bytes - a->used);
    uint8_t *p = a->p + a->used;
    a->used += n;
    return p;
}

static uint64_t largest(enum msg_kind kind)
{
    static const uint64_t most[] = {
        [MSG_U8] = UINT8_MAX, [MSG_U16] = UINT16_MAX, [MSG_U32] = UINT32_MAX, [MSG_U64] = UINT64_MAX, [MSG_BOOL] = 1};
    return most[kind];
}

static uint64_t number_of(const struct msg_field *f, const struct wire_values *v, unsigned i, unsigned e)
{
    switch (v->how) {
    case WIRE_MIN:
        return 0;
    case WIRE_MAX:
    case WIRE_FULL:
        return largest(f->kind);
    case WIRE_RANDOM:
        return (sp_rng_next(v->rng) >> sp_rng_below(v->rng, 64)) & largest(f->kind);
    case WIRE_TYPICAL:
        break;
    }
    switch (f->kind) {
    case MSG_U8:
        return (7 * i + 3 * e + 1) % 128;
    case MSG_U16:
        return 300 + i + e;
    case MSG_U32:
        return 70000 + 1000 * i + e;
    case MSG_BOOL:
        return (i + e) % 2;
    default:
        return 5000000000u * (i + 1) + e;
    }
}

static void set_number(const struct msg_field *f, void *to, uint64_t value)
{
    uint8_t *at = (uint8_t *)to + f->offset;
    switch (f->kind) {
    case MSG_U8:
        *at = (uint8_t)value;
        break;
    case MSG_U16:
        *(uint16_t *)(void *)at = (uint16_t)value;
        break;
    case MSG_U32:
        *(uint32_t *)(void *)at = (uint32_t)value;
        break;
    case MSG_BOOL:
        *(bool *)(void *)at = value != 0;
        break;
    default:
        *(uint64_t *)(void *)at = value;
        break;
    }
}

uint64_t wire_number(const struct msg_field *f, const void *p)
{
    const uint8_t *at = (const uint8_t *)p + f->offset;
    switch (f->kind) {
    case MSG_U8:
        return *at;
    case MSG_U16:
        return *(const uint16_t *)(const void *)at;
    case MSG_U32:
        return *(const uint32_t *)(const void *)at;
    case MSG_BOOL:
        return *(const bool *)(const void *)at;
    default:
        return *(const uint64_t *)(const void *)at;
    }
}

/* Any length up to the limit, short ones more often. */
static uint32_t random_length(struct sp_rng *rng, uint32_t max)
{
    static const uint32_t edges[] = {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 255, 256, 257};
    uint32_t n =
        sp_rng_below(rng, 4) == 0 ? (uint32_t)sp_rng_below(rng, (uint64_t)max + 1) : edges[sp_rng_below(rng, SP_COUNT(edges))];
    return n < max ? n : max;
}

/* Random UTF-8 of at most n bytes: mostly ASCII, now and then a longer sequence from the edges of its range. */
static uint32_t random_text(struct sp_rng *rng, uint8_t *p, uint32_t n)
{
    static const char *const wide[] = {"\xc2\x80",     "\xdf\xbf",         "\xe0\xa0\x80",    "\xed\x9f\xbf",
                                       "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    uint32_t at = 0;
    bool plain = sp_rng_below(rng, 2) == 0;
    while (at < n) {
        const char *w = wide[sp_rng_below(rng, SP_COUNT(wide))];
        uint32_t length = (uint32_t)strlen(w);
        if (plain || sp_rng_below(rng, 6) != 0 || length > n - at) {
            p[at++] = (uint8_t)(1 + sp_rng_below(rng, 127));
            continue;
        }
        memcpy(p + at, w, length);
        at += length;
    }
    return at;
}

static struct sp_str text_of(const struct msg_field *f, const struct wire_values *v, unsigned e)
{
    char small[96];
    uint32_t n = f->max < LONG_MAX_BYTES || v->how == WIRE_FULL ? f->max : LONG_MAX_BYTES;
    if (v->how == WIRE_MIN)
        return sp_str_of("");
    if (v->how == WIRE_TYPICAL) {
        n = (uint32_t)snprintf(small, sizeof small, "%s-%u-\xc3\xa9", f->name, e);
        return sp_str_bytes(memcpy(take(v->arena, n), small, n), n);
    }
    if (v->how == WIRE_RANDOM) {
        n = random_length(v->rng, f->max);
        uint8_t *p = take(v->arena, n);
        return sp_str_bytes(p, random_text(v->rng, p, n));
    }
    uint8_t *p = take(v->arena, n);
    for (uint32_t k = 0; k < n; k++)
        p[k] = (uint8_t) "0123456789abcdef"[k % 16];
    return sp_str_bytes(p, n);
}

static uint8_t byte_of(const struct msg_field *f, const struct wire_values *v, unsigned ie, uint32_t k)
{
    switch (v->how) {
    case WIRE_MIN:
        return 0;
    case WIRE_TYPICAL:
        return (uint8_t)(f->kind == MSG_EXACT ? 3 * k + ie : 16 * ie + k);
    case WIRE_RANDOM:
        return (uint8_t)sp_rng_next(v->rng);
    default:
        return (uint8_t)(f->kind == MSG_EXACT ? 255 : 255 - k % 256);
    }
}

static struct sp_str bytes_of(const struct msg_field *f, const struct wire_values *v, unsigned i, unsigned e)
{
    uint32_t n = f->max;
    if (f->kind == MSG_BIN) {
        if (v->how == WIRE_MIN)
            n = 0;
        else if (v->how == WIRE_TYPICAL)
            n = 20 + e < f->max ? 20 + e : f->max;
        else if (v->how == WIRE_RANDOM)
            n = random_length(v->rng, f->max);
        else if (v->how == WIRE_MAX && n > LONG_MAX_BYTES)
            n = LONG_MAX_BYTES;
    }
    uint8_t *p = take(v->arena, n);
    for (uint32_t k = 0; k < n; k++)
        p[k] = byte_of(f, v, f->kind == MSG_EXACT ? i + e : i, k);
    return sp_str_bytes(p, n);
}

static uint32_t count_of(const struct msg_field *f, const struct wire_values *v)
{
    uint32_t most = v->list_max != 0 && v->list_max < f->max ? v->list_max : f->max;
    switch (v->how) {
    case WIRE_MIN:
        return 0;
    case WIRE_TYPICAL:
        return LIST_TYPICAL;
    case WIRE_MAX:
        return f->max < LIST_MAX ? f->max : LIST_MAX;
    case WIRE_RANDOM:
        return (uint32_t)sp_rng_below(v->rng, (uint64_t)most + 1);
    default:
        return most;
    }
}

static struct sp_list list_of(const struct msg_field *f, const struct wire_values *v)
{
    union {
        uint64_t align;
        uint8_t bytes[WIRE_STRUCT_MAX];
    } element;
    struct sp_packer w;
    struct sp_list list = {NULL, 0, count_of(f, v)};
    uint8_t *room = take(v->arena, 0);
    size_t half = (v->arena->bytes - v->arena->used) / 2; /* elements below, their texts above */
    struct wire_arena above = {room + half, 0, half};
    sp_packer_init(&w, room, half);
    for (unsigned e = 0; e < list.count; e++) {
        struct wire_values inner = *v;
        inner.arena = &above;
        above.used = 0;
        wire_fill(f->record, &inner, e, element.bytes);
        enum sp_rc rc = f->record->encode(&w, element.bytes);
        SP_ASSERT(rc == SP_OK);
    }
    list.p = take(v->arena, sp_packer_bytes(&w));
    list.bytes = (uint32_t)sp_packer_bytes(&w);
    return list;
}

void wire_fill(const struct msg_shape *shape, const struct wire_values *v, unsigned e, void *to)
{
    SP_ASSERT(shape->size <= WIRE_STRUCT_MAX);
    memset(to, 0, shape->size);
    for (unsigned i = 0; i < shape->count; i++) {
        const struct msg_field *f = &shape->fields[i];
        void *at = (uint8_t *)to + f->offset;
        switch (f->kind) {
        case MSG_STR:
            *(struct sp_str *)at = text_of(f, v, e);
            break;
        case MSG_BIN:
            *(struct sp_str *)at = bytes_of(f, v, i, e);
            break;
        case MSG_EXACT:
            *(const uint8_t **)at = (const uint8_t *)bytes_of(f, v, i, e).p;
            break;
        case MSG_LIST:
            *(struct sp_list *)at = list_of(f, v);
            break;
        case MSG_RECORD:
            wire_fill(f->record, v, 0, at);
            break;
        default:
            set_number(f, to, number_of(f, v, i, e));
            break;
        }
    }
}

static bool lists_equal(const struct msg_shape *shape, struct sp_list a, struct sp_list b)
{
    union {
        uint64_t align;
        uint8_t bytes[WIRE_STRUCT_MAX];
    } x, y;
    if (a.count != b.count)
        return false;
    while (shape->next(&a, x.bytes)) {
        if (!shape->next(&b, y.bytes) || !wire_equal(shape, x.bytes, y.bytes))
            return false;
    }
    return a.bytes == 0 && b.bytes == 0;
}

bool wire_equal(const struct msg_shape *shape, const void *a, const void *b)
{
    for (unsigned i = 0; i < shape->count; i++) {
        const struct msg_field *f = &shape->fields[i];
        const void *x = (const uint8_t *)a + f->offset, *y = (const uint8_t *)b + f->offset;
        bool same;
        switch (f->kind) {
        case MSG_STR:
        case MSG_BIN:
            same = sp_str_eq(*(const struct sp_str *)x, *(const struct sp_str *)y);
            break;
        case MSG_EXACT:
            same = memcmp(*(const uint8_t *const *)x, *(const uint8_t *const *)y, f->max) == 0;
            break;
        case MSG_LIST:
            same = lists_equal(f->record, *(const struct sp_list *)x, *(const struct sp_list *)y);
            break;
        case MSG_RECORD:
            same = wire_equal(f->record, x, y);
            break;
        default:
            same = wire_number(f, a) == wire_number(f, b);
            break;
        }
        if (!same)
            return false;
    }
    return true;
}
