/* SPDX-License-Identifier: Apache-2.0 */
/* Every message body and record. Input: one byte that chooses (1 to 199: message number, from 200: record), then the bytes to
 * decode. What is accepted is encoded again: without elements of a newer peer that gives the same bytes, in any case the same
 * values. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sp_envelope.h"
#include "wire_fill.h"

#define RECORD_FROM 200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[SP_FRAME_BYTES_MAX + 4096];

static union value {
    uint64_t align;
    uint8_t p[WIRE_STRUCT_MAX];
} first, second;

static const struct msg_shape *chosen(uint8_t number)
{
    static const char *const records[] = {"RouteSpec", "Counter",        "Gauge",      "Latency",       "Job",
                                          "Returned",  "DefinitionBody", "Result",     "RefusedResult", "Closed",
                                          "NodeInfo",  "CheckInfo",      "TrustEntry", "Principal"};
    if (number < RECORD_FROM)
        return msg_fields_of(number);
    return msg_fields_of_record(sp_str_of(records[(number - RECORD_FROM) % SP_COUNT(records)]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct msg_shape *shape = size > 0 ? chosen(data[0]) : NULL;
    struct sp_packer w;
    uint32_t extra = 0;
    if (shape == NULL || shape->decode(data + 1, size - 1, first.p) != SP_OK)
        return 0;
    sp_packer_init(&w, again, sizeof again);
    /* Lists are copied as they came, so elements of a newer peer inside of them stay; those of the message itself go. */
    SP_ASSERT(shape->encode(&w, first.p) == SP_OK);
    size_t n = sp_packer_bytes(&w);
    if (shape->extra != 0)
        memcpy(&extra, first.p + shape->extra, sizeof extra);
    SP_ASSERT(n <= size - 1);
    if (n == size - 1)
        SP_ASSERT(memcmp(again, data + 1, n) == 0);
    else
        SP_ASSERT(extra > 0 || shape->extra == 0);
    SP_ASSERT(shape->decode(again, n, second.p) == SP_OK);
    SP_ASSERT(wire_equal(shape, first.p, second.p));
    return 0;
}
