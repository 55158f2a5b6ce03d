/* SPDX-License-Identifier: Apache-2.0 */
/* The authority matrix through the generated dispatch: every receiver x every message x every role as sender. This program has
 * handlers of its own that only say which one was called, so what is tested is the dispatch and nothing behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "dispatch_attester.h"
#include "dispatch_bridge.h"
#include "dispatch_broker.h"
#include "dispatch_bus.h"
#include "dispatch_keeper.h"
#include "dispatch_keeper_shell.h"
#include "dispatch_reader.h"
#include "dispatch_scheduler.h"
#include "dispatch_scheduler_shell.h"
#include "dispatch_worker.h"
#include "msg_fields.h"
#include "wire_fill.h"

static unsigned called;       /* number of the message whose handler ran last */
static unsigned calls;        /* handlers run */
static size_t bytes_seen;     /* what a handler of bytes got */
static enum sp_rc handler_rc; /* what handlers answer */

static enum sp_rc note(unsigned number)
{
    called = number;
    calls++;
    return handler_rc;
}

#define DECODED(RECEIVER, UPPER, LOWER)                                                                                            \
    enum sp_rc RECEIVER##_on_##LOWER(struct RECEIVER##_in *in, struct msg_##LOWER *m)                                              \
    {                                                                                                                              \
        assert_null(in);                                                                                                           \
        assert_non_null(m);                                                                                                        \
        return note(SP_MSG_##UPPER);                                                                                               \
    }
#define UNDECODED(RECEIVER, UPPER, LOWER)                                                                                          \
    enum sp_rc RECEIVER##_on_##LOWER(struct RECEIVER##_in *in, struct sp_str body)                                                 \
    {                                                                                                                              \
        assert_null(in);                                                                                                           \
        bytes_seen = body.n;                                                                                                       \
        return note(SP_MSG_##UPPER);                                                                                               \
    }
#define BUS_GETS(U, L)                   DECODED(bus, U, L)
#define BUS_GETS_BYTES(U, L)             UNDECODED(bus, U, L)
#define ATTESTER_GETS(U, L)              DECODED(attester, U, L)
#define ATTESTER_GETS_BYTES(U, L)        UNDECODED(attester, U, L)
#define BRIDGE_GETS(U, L)                DECODED(bridge, U, L)
#define BRIDGE_GETS_BYTES(U, L)          UNDECODED(bridge, U, L)
#define BROKER_GETS(U, L)                DECODED(broker, U, L)
#define BROKER_GETS_BYTES(U, L)          UNDECODED(broker, U, L)
#define KEEPER_GETS(U, L)                DECODED(keeper, U, L)
#define KEEPER_GETS_BYTES(U, L)          UNDECODED(keeper, U, L)
#define KEEPER_SHELL_GETS(U, L)          DECODED(keeper_shell, U, L)
#define KEEPER_SHELL_GETS_BYTES(U, L)    UNDECODED(keeper_shell, U, L)
#define READER_GETS(U, L)                DECODED(reader, U, L)
#define READER_GETS_BYTES(U, L)          UNDECODED(reader, U, L)
#define SCHEDULER_GETS(U, L)             DECODED(scheduler, U, L)
#define SCHEDULER_GETS_BYTES(U, L)       UNDECODED(scheduler, U, L)
#define SCHEDULER_SHELL_GETS(U, L)       DECODED(scheduler_shell, U, L)
#define SCHEDULER_SHELL_GETS_BYTES(U, L) UNDECODED(scheduler_shell, U, L)
#define WORKER_GETS(U, L)                DECODED(worker, U, L)
#define WORKER_GETS_BYTES(U, L)          UNDECODED(worker, U, L)
#define HANDLERS(R)                      R##_TAKES(R##_GETS) R##_PASSING(R##_GETS) R##_BYTES(R##_GETS_BYTES)
HANDLERS(BUS)
HANDLERS(ATTESTER)
HANDLERS(BRIDGE)
HANDLERS(BROKER)
HANDLERS(KEEPER)
HANDLERS(KEEPER_SHELL)
HANDLERS(READER)
HANDLERS(SCHEDULER)
HANDLERS(SCHEDULER_SHELL)
HANDLERS(WORKER)

enum how { NOT_HERE, TAKES, BYTES, IGNORES, PASSING };

struct receiver {
    const char *name;
    enum sp_role role; /* NONE: part of every process */
    enum sp_rc (*dispatch)(unsigned type, enum sp_role from, const uint8_t *body, size_t n);
    enum how how[SP_MSG_LAST + 1];
};

#define CALL(RECEIVER)                                                                                                             \
    static enum sp_rc call_##RECEIVER(unsigned type, enum sp_role from, const uint8_t *body, size_t n)                             \
    {                                                                                                                              \
        return RECEIVER##_dispatch(NULL, type, from, body, n);                                                                     \
    }
CALL(bus)
CALL(attester)
CALL(bridge)
CALL(broker)
CALL(keeper)
CALL(keeper_shell)
CALL(reader)
CALL(scheduler)
CALL(scheduler_shell)
CALL(worker)

#define ROW_TAKES(U, L)   [SP_MSG_##U] = TAKES,
#define ROW_BYTES(U, L)   [SP_MSG_##U] = BYTES,
#define ROW_IGNORES(U, L) [SP_MSG_##U] = IGNORES,
#define ROW_PASSING(U, L) [SP_MSG_##U] = PASSING,
#define ROWS(R)                                                                                                                    \
    {                                                                                                                              \
        R##_TAKES(ROW_TAKES) R##_BYTES(ROW_BYTES) R##_IGNORES(ROW_IGNORES) R##_PASSING(ROW_PASSING)                                \
    }
static const struct receiver receivers[] = {
    {"bus", SP_ROLE_NONE, call_bus, ROWS(BUS)},
    {"attester", SP_ROLE_ATTESTER, call_attester, ROWS(ATTESTER)},
    {"bridge", SP_ROLE_BRIDGE, call_bridge, ROWS(BRIDGE)},
    {"broker", SP_ROLE_BROKER, call_broker, ROWS(BROKER)},
    {"keeper", SP_ROLE_KEEPER, call_keeper, ROWS(KEEPER)},
    {"keeper_shell", SP_ROLE_KEEPER, call_keeper_shell, ROWS(KEEPER_SHELL)},
    {"reader", SP_ROLE_READER, call_reader, ROWS(READER)},
    {"scheduler", SP_ROLE_SCHEDULER, call_scheduler, ROWS(SCHEDULER)},
    {"scheduler_shell", SP_ROLE_SCHEDULER, call_scheduler_shell, ROWS(SCHEDULER_SHELL)},
    {"worker", SP_ROLE_WORKER, call_worker, ROWS(WORKER)},
};

static uint8_t body[SP_FRAME_BYTES_MAX];

/* A body that decodes. */
static size_t encode(const struct msg_shape *shape)
{
    static uint8_t memory[1 << 20];
    static max_align_t m[WIRE_STRUCT_MAX / sizeof(max_align_t)];
    struct wire_arena arena = {memory, 0, sizeof memory};
    struct wire_values v = {.how = WIRE_TYPICAL, .arena = &arena};
    struct sp_packer w;
    wire_fill(shape, &v, 0, m);
    sp_packer_init(&w, body, sizeof body);
    assert_int_equal(shape->encode(&w, m), SP_OK);
    return sp_packer_bytes(&w);
}

static enum sp_rc expected(const struct receiver *r, const struct msg_info *info, unsigned from)
{
    if (r->how[info->number] == NOT_HERE)
        return SP_E_UNSUPPORTED;
    return from <= SP_ROLE_LAST && (info->from >> from & 1) != 0 ? SP_OK : SP_E_AUTHORITY;
}

static void every_cell(void **state)
{
    unsigned cells = 0;
    (void)state;
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        const struct msg_info *info = msg_at(i);
        size_t n = encode(msg_fields_of(info->number));
        for (size_t k = 0; k < SP_COUNT(receivers); k++)
            for (unsigned from = 0; from <= SP_ROLE_LAST + 2u; from++, cells++) {
                const struct receiver *r = &receivers[k];
                enum sp_rc want = expected(r, info, from);
                bool runs = want == SP_OK && r->how[info->number] != IGNORES;
                calls = 0;
                handler_rc = SP_OK;
                assert_int_equal(r->dispatch(info->number, (enum sp_role)from, body, n), want);
                assert_int_equal(calls, runs ? 1 : 0);
                if (!runs)
                    continue;
                assert_int_equal(called, info->number);
                handler_rc = SP_E_STALE; /* what a handler says comes back */
                assert_int_equal(r->dispatch(info->number, (enum sp_role)from, body, n), SP_E_STALE);
                if (r->how[info->number] == BYTES)
                    assert_int_equal(bytes_seen, n);
            }
    }
    assert_int_equal(cells, SP_MSG_COUNT * SP_COUNT(receivers) * (SP_ROLE_LAST + 3u));
}

/* The body is looked at after the role, and the handler never sees one that does not decode. */
static void bodies_come_last(void **state)
{
    (void)state;
    handler_rc = SP_OK;
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        const struct msg_info *info = msg_at(i);
        size_t n = encode(msg_fields_of(info->number));
        enum sp_role good = (enum sp_role)__builtin_ctz(info->from), bad = SP_ROLE_NONE;
        for (size_t k = 0; k < SP_COUNT(receivers); k++) {
            const struct receiver *r = &receivers[k];
            enum how how = r->how[info->number];
            if (how == NOT_HERE)
                continue;
            calls = 0;
            assert_int_equal(r->dispatch(info->number, bad, body, n - 1), SP_E_AUTHORITY);
            assert_int_equal(calls, 0);
            enum sp_rc rc = r->dispatch(info->number, good, body, n - 1);
            assert_int_equal(rc, how == TAKES || how == PASSING ? SP_E_MALFORMED : SP_OK);
            assert_int_equal(calls, how == BYTES ? 1 : 0);
        }
    }
}

/* Whatever a role may be sent, somebody of that role takes; and nobody takes what is not for it, but the broker that routes by it.
 */
static void nothing_is_left_over(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        const struct msg_info *info = msg_at(i);
        for (size_t k = 0; k < SP_COUNT(receivers); k++) {
            const struct receiver *r = &receivers[k];
            bool meant = r->role == SP_ROLE_NONE || (info->to >> r->role & 1) != 0, taken = false;
            if (r->how[info->number] != NOT_HERE)
                assert_true(meant != (r->how[info->number] == PASSING));
            if (!meant || r->role == SP_ROLE_NONE)
                continue;
            for (size_t j = 0; j < SP_COUNT(receivers); j++)
                taken |= receivers[j].how[info->number] != NOT_HERE &&
                         (receivers[j].role == r->role || (receivers[j].role == SP_ROLE_NONE && r->role != SP_ROLE_BROKER));
            if (!taken)
                fail_msg("%s is not taken by %s", info->name, r->name);
        }
    }
}

static void numbers_without_a_message(void **state)
{
    (void)state;
    calls = 0;
    for (size_t k = 0; k < SP_COUNT(receivers); k++)
        for (unsigned type = 0; type <= SP_MSG_LAST + 5u; type++)
            if (msg_find(type) == NULL)
                assert_int_equal(receivers[k].dispatch(type, SP_ROLE_KEEPER, body, 1), SP_E_UNSUPPORTED);
    assert_int_equal(calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell),
        cmocka_unit_test(bodies_come_last),
        cmocka_unit_test(nothing_is_left_over),
        cmocka_unit_test(numbers_without_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
