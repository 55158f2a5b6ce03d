/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp_assert.h"
#include "sp_hex.h"
#include "sp_rng.h"

static void hex(void **state)
{
    (void)state;
    uint8_t out[3] = {9, 9, 9};
    char text[7];
    assert_true(sp_hex_parse(sp_str_of("00fFaB"), out, 3));
    sp_hex_write(out, 3, text);
    assert_string_equal(text, "00ffab");
    const char *bad[] = {"", "00", "00ffa", "00ffabc", "00ffabcd", "00ffag", "0x0000", "00 fab", "-1ffab"};
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        assert_false(sp_hex_parse(sp_str_of(bad[i]), out, 3));
        assert_int_equal(out[1], 0xff); /* untouched */
    }
}

/* The example of the specification (RFC 32), and round trips. */
static void z85(void **state)
{
    (void)state;
    static const uint8_t hello[8] = {0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B};
    uint8_t out[32];
    char text[SP_HEX_Z85_KEY_BYTES];
    sp_hex_z85_write(hello, 8, text);
    assert_string_equal(text, "HelloWorld");
    assert_true(sp_hex_z85_parse(sp_str_of("HelloWorld"), out, 8));
    assert_memory_equal(out, hello, 8);
    struct sp_rng rng = {1};
    for (int i = 0; i < 1000; i++) {
        uint64_t key[4] = {sp_rng_next(&rng), sp_rng_next(&rng), i % 2 ? UINT64_MAX : sp_rng_next(&rng),
                           i % 3 ? 0 : sp_rng_next(&rng)};
        sp_hex_z85_write((const uint8_t *)key, 32, text);
        assert_int_equal(strlen(text), 40);
        assert_true(sp_hex_z85_parse(sp_str_of(text), out, 32));
        assert_memory_equal(out, key, 32);
    }
    const char *bad[] = {"", "Hello", "HelloWorl", "HelloWorld1", "Hello_orld", "Hello orld", "#####World", "%nSc1World"};
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        assert_false(sp_hex_z85_parse(sp_str_of(bad[i]), out, 8));
    }
    assert_true(sp_hex_z85_parse(sp_str_of("%nSc0World"), out, 8)); /* exactly 2^32 - 1 */
    assert_int_equal(out[0] & out[1] & out[2] & out[3], 0xff);
}

/* Keys of nodes: the form that is written is read back, the other form is the same key, and nothing else is one. */
static void keys(void **state)
{
    (void)state;
    static const uint8_t one[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    char text[SP_HEX_KEY_BYTES];
    uint8_t key[16] = {0};
    sp_hex_key_write(one, text);
    assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
    assert_true(sp_hex_key(sp_str_of(text), key));
    assert_memory_equal(key, one, 16);
    memset(key, 0, sizeof key);
    assert_true(sp_hex_key(sp_str_of("00112233445566778899AABBCCDDEEFF"), key));
    assert_memory_equal(key, one, 16);
    const char *bad[] = {"",
                         "00112233-4455-6677-8899-aabbccddeef",
                         "00112233-4455-6677-8899-aabbccddeefff",
                         "00112233-4455-6677-8899_aabbccddeeff",
                         "00112233445566778899aabbccddeefg",
                         "------------------------------------",
                         "00112233 4455 6677 8899 aabbccddeeff"};
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        assert_false(sp_hex_key(sp_str_of(bad[i]), key));
        assert_memory_equal(key, one, 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex),
        cmocka_unit_test(z85),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
