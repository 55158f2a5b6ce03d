/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets: every field at its place, every bit under the seal, every reserved bit refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sp_crypto.h"
#include "sp_ticket.h"

static struct sp_crypto_hmac hmac, other;
static struct sp_mac mac, foreign;

static const struct sp_ticket example = {
    .attempt = 3,
    .flags = SP_TICKET_TEST,
    .check = 0x01020304,
    .node = 0x05060708,
    .generation = 0x090a0b0c,
    .slot = 0x0d0e0f10,
    .job = 0x1112131415161718u,
    .epoch = 0x191a1b1c1d1e1f20u,
    .clock_boot = 0x2122232425262728u,
    .issued_ms = 0x292a2b2c2d2e2f30u,
    .life_ms = 0x31323334,
    .digest = {0xd0, 0xd1},
    .nonce = {0xe0, 0xe1},
    .subject = {0xf0, 0xf1},
};

static void fields_are_little_endian_and_in_place(void **state)
{
    (void)state;
    static const uint8_t start[] = {1, 3, 1, 0, 4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13, 0, 0, 0, 0, 0x18, 0x17};
    uint8_t b[SP_TICKET_BYTES];
    sp_ticket_seal(&example, &mac, b);
    assert_memory_equal(b, start, sizeof start);
    assert_int_equal(b[32], 0x20);
    assert_int_equal(b[40], 0x28);
    assert_int_equal(b[48], 0x30);
    assert_int_equal(b[56], 0x34);
    assert_int_equal(b[60], 0);
    assert_int_equal(b[65], 0xd1);
    assert_int_equal(b[97], 0xe1);
    assert_int_equal(b[129], 0xf1);
}

static void opens_what_was_sealed(void **state)
{
    (void)state;
    uint8_t b[SP_TICKET_BYTES], again[SP_TICKET_BYTES];
    struct sp_ticket t;
    memset(&t, 0xff, sizeof t);
    sp_ticket_seal(&example, &mac, b);
    assert_int_equal(sp_ticket_open(b, &mac, &t), SP_OK);
    assert_true(t.attempt == 3 && t.flags == SP_TICKET_TEST && t.check == example.check && t.node == example.node);
    assert_true(t.generation == example.generation && t.slot == example.slot && t.job == example.job && t.epoch == example.epoch);
    assert_true(t.clock_boot == example.clock_boot && t.issued_ms == example.issued_ms && t.life_ms == example.life_ms);
    assert_memory_equal(t.digest, example.digest, sizeof t.digest);
    assert_memory_equal(t.subject, example.subject, sizeof t.subject);
    assert_memory_equal(t.nonce, example.nonce, sizeof t.nonce);
    sp_ticket_seal(&t, &mac, again);
    assert_memory_equal(b, again, sizeof b);
}

static void every_bit_is_sealed(void **state)
{
    (void)state;
    uint8_t b[SP_TICKET_BYTES];
    sp_ticket_seal(&example, &mac, b);
    for (unsigned bit = 0; bit < 8 * SP_TICKET_BYTES; bit++) {
        struct sp_ticket t = {.attempt = 77};
        b[bit / 8] = (uint8_t)(b[bit / 8] ^ 1u << bit % 8);
        assert_false(sp_ticket_verify(b, &mac));
        assert_int_equal(sp_ticket_open(b, &mac, &t), SP_E_SIGNATURE);
        assert_int_equal(t.attempt, 77);
        b[bit / 8] = (uint8_t)(b[bit / 8] ^ 1u << bit % 8);
    }
    assert_true(sp_ticket_verify(b, &mac));
    assert_false(sp_ticket_verify(b, &foreign));
}

static void seal_again(uint8_t b[SP_TICKET_BYTES])
{
    uint8_t full[32];
    sp_mac_run(&mac, b, SP_TICKET_SEALED_BYTES, full);
    memcpy(b + SP_TICKET_SEALED_BYTES, full, SP_TICKET_MAC_BYTES);
}

/* Even from the holder of the key: nothing that this version does not know. */
static void unknown_bits_are_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned at;
        uint8_t value;
        enum sp_rc want;
    } cases[] = {{0, 0, SP_E_VERSION},      {0, 2, SP_E_VERSION},    {2, 4, SP_E_MALFORMED},
                 {2, 0x80, SP_E_MALFORMED}, {3, 1, SP_E_MALFORMED},  {20, 1, SP_E_MALFORMED},
                 {23, 1, SP_E_MALFORMED},   {60, 1, SP_E_MALFORMED}, {63, 0x80, SP_E_MALFORMED}};
    for (size_t i = 0; i < SP_COUNT(cases); i++) {
        uint8_t b[SP_TICKET_BYTES];
        struct sp_ticket t = {.attempt = 77};
        sp_ticket_seal(&example, &mac, b);
        b[cases[i].at] = cases[i].value;
        seal_again(b);
        assert_int_equal(sp_ticket_open(b, &mac, &t), cases[i].want);
        assert_int_equal(sp_ticket_decode(b, &t), cases[i].want);
        assert_int_equal(t.attempt, 77);
    }
}

int main(void)
{
    sp_crypto_hmac_init(&hmac, "0123456789abcdef0123456789abcdef", 32);
    sp_crypto_hmac_init(&other, "0123456789abcdef0123456789abcdeg", 32);
    mac = sp_crypto_hmac_mac(&hmac);
    foreign = sp_crypto_hmac_mac(&other);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_little_endian_and_in_place),
        cmocka_unit_test(opens_what_was_sealed),
        cmocka_unit_test(every_bit_is_sealed),
        cmocka_unit_test(unknown_bits_are_refused),
    };
    int failed = cmocka_run_group_tests_name("sp_ticket", tests, NULL, NULL);
    sp_crypto_hmac_fini(&hmac);
    sp_crypto_hmac_fini(&other);
    return failed;
}
