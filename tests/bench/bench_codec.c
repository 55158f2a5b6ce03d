/* SPDX-License-Identifier: Apache-2.0 */
/* Codec against msgpack-c: the same records, the same bytes. A record is what a worker sends for one check: rec_result, eleven fields,
 * 214 bytes. Both sides write a message body of 100 records into memory that is reused, and read it back into plain variables
 * that are used afterwards. Before anything is timed the two bodies are compared byte by byte.
 *
 * Rounds are interleaved; figures are medians of CPU time of many short ones (a neighbour on the machine then
 * spoils a few of them, not the median); spread is the distance of the upper from the lower quartile.
 * Output: a JSON array of rows. */
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sp_envelope.h"
#include "sp_ticket.h"

#define RECORDS      100u
#define RECORD_BYTES 214u
#define ROUNDS       61
#define ROUND_NS     12000000.0

struct sample {
    struct rec_result record[RECORDS];
    uint8_t ticket[RECORDS][SP_TICKET_BYTES];
};

static struct sample sample;
static uint8_t ours[SP_ENVELOPE_BUFFER(RECORDS * REC_RESULT_BYTES_MAX)];
static size_t ours_bytes;
static msgpack_sbuffer theirs;
static volatile uint64_t sink;

static double cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fill(void)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        for (unsigned k = 0; k < SP_TICKET_BYTES; k++)
            sample.ticket[i][k] = (uint8_t)(i * 31 + k * 7);
        sample.record[i] = (struct rec_result){
            .ticket = sample.ticket[i],
            .outcome = SP_OUTCOME_PASS,
            .reason = SP_REASON_OK,
            .detail = sp_str_of("PING OK - 0.42 ms"),
            .measures = sp_str_of("rta=0.42ms;1;2"),
            .trace = 100000 + i,
            .wait_us = 300 + i,
            .run_us = 400 + i,
        };
    }
}

static void pack_ours(void)
{
    struct sp_packer w;
    struct msg_result_batch m = {.boot = 1, .batch = 2};
    sp_packer_init(&w, ours, sizeof ours);
    enum sp_rc rc = msg_result_batch_begin(&w, &m);
    for (unsigned i = 0; i < RECORDS && rc == SP_OK; i++)
        rc = rec_result_put(&w, &sample.record[i]);
    if (rc != SP_OK || msg_result_batch_end(&w) != SP_OK)
        abort();
    ours_bytes = sp_packer_bytes(&w);
}

static void put_text(msgpack_packer *pk, struct sp_str s)
{
    msgpack_pack_str(pk, s.n);
    msgpack_pack_str_body(pk, s.p, s.n);
}

static void put_bytes(msgpack_packer *pk, const void *p, size_t n)
{
    msgpack_pack_bin(pk, n);
    msgpack_pack_bin_body(pk, p, n);
}

static void pack_theirs(void)
{
    msgpack_packer pk;
    msgpack_sbuffer_clear(&theirs);
    msgpack_packer_init(&pk, &theirs, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, 3);
    msgpack_pack_uint64(&pk, 1);
    msgpack_pack_uint64(&pk, 2);
    msgpack_pack_array(&pk, RECORDS);
    for (unsigned i = 0; i < RECORDS; i++) {
        const struct rec_result *r = &sample.record[i];
        msgpack_pack_array(&pk, 11);
        put_bytes(&pk, r->ticket, SP_TICKET_BYTES);
        msgpack_pack_uint8(&pk, r->outcome);
        msgpack_pack_uint16(&pk, r->reason);
        put_text(&pk, r->detail);
        put_text(&pk, r->measures);
        put_bytes(&pk, r->evidence.p, r->evidence.n);
        put_bytes(&pk, r->checkpoint.p, r->checkpoint.n);
        msgpack_pack_uint64(&pk, r->trace);
        msgpack_pack_uint32(&pk, r->wait_us);
        msgpack_pack_uint32(&pk, r->run_us);
        msgpack_pack_uint64(&pk, r->instance);
    }
}

static uint64_t use(const struct rec_result *r)
{
    return (uint64_t)r->ticket[0] + r->outcome + r->reason + r->detail.n + r->measures.n + r->evidence.n + r->checkpoint.n +
           r->trace + r->wait_us + r->run_us + r->instance;
}

static void unpack_ours(void)
{
    struct msg_result_batch m;
    struct rec_result r;
    uint64_t sum = 0;
    if (msg_result_batch_decode(ours, ours_bytes, &m) != SP_OK)
        abort();
    while (rec_result_next(&m.results, &r))
        sum += use(&r);
    sink = sum;
}

/* The usual way with this library: the whole tree, then fields out of it with their types checked. */
static void unpack_theirs(void)
{
    static msgpack_unpacked result;
    static bool ready;
    uint64_t sum = 0;
    size_t offset = 0;
    if (!ready)
        msgpack_unpacked_init(&result);
    ready = true;
    if (msgpack_unpack_next(&result, theirs.data, theirs.size, &offset) != MSGPACK_UNPACK_SUCCESS)
        abort();
    const msgpack_object_array *list = &result.data.via.array.ptr[2].via.array;
    for (unsigned i = 0; i < list->size; i++) {
        static const msgpack_object_type types[11] = {MSGPACK_OBJECT_BIN,
                                                      MSGPACK_OBJECT_POSITIVE_INTEGER,
                                                      MSGPACK_OBJECT_POSITIVE_INTEGER,
                                                      MSGPACK_OBJECT_STR,
                                                      MSGPACK_OBJECT_STR,
                                                      MSGPACK_OBJECT_BIN,
                                                      MSGPACK_OBJECT_BIN,
                                                      MSGPACK_OBJECT_POSITIVE_INTEGER,
                                                      MSGPACK_OBJECT_POSITIVE_INTEGER,
                                                      MSGPACK_OBJECT_POSITIVE_INTEGER,
                                                      MSGPACK_OBJECT_POSITIVE_INTEGER};
        const msgpack_object_array *a = &list->ptr[i].via.array;
        const msgpack_object *f = a->ptr;
        for (unsigned k = 0; k < 11; k++)
            if (a->size != 11 || f[k].type != types[k])
                abort();
        struct rec_result r = {
            .ticket = (const uint8_t *)f[0].via.bin.ptr,
            .outcome = (uint8_t)f[1].via.u64,
            .reason = (uint16_t)f[2].via.u64,
            .detail = {f[3].via.str.ptr, f[3].via.str.size},
            .measures = {f[4].via.str.ptr, f[4].via.str.size},
            .evidence = {f[5].via.bin.ptr, f[5].via.bin.size},
            .checkpoint = {f[6].via.bin.ptr, f[6].via.bin.size},
            .trace = f[7].via.u64,
            .wait_us = (uint32_t)f[8].via.u64,
            .run_us = (uint32_t)f[9].via.u64,
            .instance = f[10].via.u64,
        };
        sum += use(&r);
    }
    sink = sum;
}

/* CPU nanoseconds per record of one round. */
static double round_of(void (*work)(void))
{
    uint64_t calls = 0;
    double start = cpu_ns(), spent;
    do {
        for (unsigned i = 0; i < 64; i++)
            work();
        calls += 64;
        spent = cpu_ns() - start;
    } while (spent < ROUND_NS);
    return spent / (double)(calls * RECORDS);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void row(const char *name, void (*a)(void), void (*b)(void), double goal, double bar)
{
    double mine[ROUNDS], other[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        mine[i] = round_of(a);
        other[i] = round_of(b);
    }
    qsort(mine, ROUNDS, sizeof mine[0], compare);
    qsort(other, ROUNDS, sizeof other[0], compare);
    double value = mine[ROUNDS / 2], reference = other[ROUNDS / 2], ratio = reference / value;
    (void)printf(
        "{\"figure\":\"codec %s, CPU per record\",\"value\":%.2f,\"unit\":\"ns\",\"reference\":\"msgpack-c\","
        "\"reference_value\":%.2f,\"ratio\":%.2f,\"bar\":\">= %g x less\",\"goal\":\">= %g x less\",\"met\":%s,\"bar_met\":%s,"
        "\"least\":%.2f,\"reference_least\":%.2f,"
        "\"spread\":%.2f,\"reference_spread\":%.2f,\"rounds\":%d}",
        name, value, reference, ratio, bar, goal, ratio >= goal ? "true" : "false", ratio >= bar ? "true" : "false", mine[0],
        other[0], mine[ROUNDS * 3 / 4] - mine[ROUNDS / 4], other[ROUNDS * 3 / 4] - other[ROUNDS / 4], ROUNDS);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        (void)fprintf(stderr, "usage: %s     (no options; prints a JSON array)\n", argv[0]);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    msgpack_sbuffer_init(&theirs);
    fill();
    pack_ours();
    pack_theirs();
    if (ours_bytes != theirs.size || memcmp(ours, theirs.data, ours_bytes) != 0 || ours_bytes < RECORDS * RECORD_BYTES ||
        ours_bytes > RECORDS * RECORD_BYTES + 16) {
        (void)fprintf(stderr, "bench_codec: bodies differ: %zu bytes and %zu\n", ours_bytes, theirs.size);
        return 1;
    }
    (void)printf("[");
    row("pack", pack_ours, pack_theirs, 10, 3);
    (void)printf(",\n ");
    row("unpack", unpack_ours, unpack_theirs, 4, 3);
    (void)printf("]\n");
    return 0;
}
