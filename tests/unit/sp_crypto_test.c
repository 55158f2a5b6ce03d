/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes and signatures against published vectors; keys that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scratch.h"
#include "sp_clock.h"
#include "sp_crypto.h"
#include "sp_hex.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

static void assert_hex(const uint8_t *p, size_t n, const char *want)
{
    char text[257];
    assert_true(2 * n < sizeof text);
    sp_hex_write(p, n, text);
    assert_string_equal(text, want);
}

static void from_hex(const char *text, uint8_t *out, size_t n)
{
    assert_true(sp_hex_parse(sp_str_of(text), out, n));
}

static int setup(void **state)
{
    (void)state;
    return sp_crypto_init() == SP_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    sp_crypto_fini();
    return 0;
}

/* RFC 1321, appendix A.5. */
static void md5_vectors(void **state)
{
    (void)state;
    struct sp_crypto_md5 h;
    uint8_t out[16];
    sp_crypto_md5_init(&h);
    sp_crypto_md5_final(&h, out);
    assert_hex(out, 16, "d41d8cd98f00b204e9800998ecf8427e");
    sp_crypto_md5_init(&h);
    sp_crypto_md5_update(&h, "message", 7);
    sp_crypto_md5_update(&h, "", 0);
    sp_crypto_md5_update(&h, " digest", 7);
    sp_crypto_md5_final(&h, out);
    assert_hex(out, 16, "f96b697d7cb7938d525a2f31aaf161d0");
}

/* FIPS 180-4 examples. */
static void sha256_vectors(void **state)
{
    (void)state;
    uint8_t out[32];
    sp_crypto_sha256("abc", 3, out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sp_crypto_sha256("", 0, out);
    assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct sp_crypto_sha256 h;
    sp_crypto_sha256_init(&h);
    const char *text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    for (size_t i = 0; text[i] != '\0'; i++) {
        sp_crypto_sha256_update(&h, text + i, 1);
    }
    sp_crypto_sha256_final(&h, out);
    assert_hex(out, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* RFC 4231 test cases 1, 2, 6 (key longer than a block). */
static void hmac_vectors(void **state)
{
    (void)state;
    struct sp_crypto_hmac h;
    uint8_t key[131];
    uint8_t out[32];
    memset(key, 0x0b, 20);
    sp_crypto_hmac_init(&h, key, 20);
    sp_crypto_hmac(&h, "Hi There", 8, out);
    assert_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    sp_crypto_hmac_init(&h, "Jefe", 4);
    sp_crypto_hmac(&h, "what do ya want for nothing?", 28, out);
    assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    sp_crypto_hmac_init(&h, key, sizeof key);
    sp_crypto_hmac(&h, "Test Using Larger Than Block-Size Key - Hash Key First", 54, out);
    assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    struct sp_mac mac = sp_crypto_hmac_mac(&h);
    uint8_t again[32];
    sp_mac_run(&mac, (const uint8_t *)"Test Using Larger Than Block-Size Key - Hash Key First", 54, again);
    assert_memory_equal(out, again, 32);
}

/* Every length around the block boundary, against the definition of RFC 2104 written with the plain hash. */
static void hmac_against_definition(void **state)
{
    (void)state;
    uint8_t key[64] = {0};
    uint8_t message[260];
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (uint8_t)(i * 7);
    }
    memset(key, 0x5a, 32);
    struct sp_crypto_hmac h;
    sp_crypto_hmac_init(&h, key, 32);
    for (size_t n = 0; n <= sizeof message; n++) {
        uint8_t inner[64 + sizeof message];
        uint8_t outer[64 + 32];
        uint8_t want[32];
        uint8_t got[32];
        for (size_t i = 0; i < 64; i++) {
            inner[i] = key[i] ^ 0x36;
            outer[i] = key[i] ^ 0x5c;
        }
        memcpy(inner + 64, message, n);
        sp_crypto_sha256(inner, 64 + n, outer + 64);
        sp_crypto_sha256(outer, sizeof outer, want);
        sp_crypto_hmac(&h, message, n, got);
        assert_memory_equal(got, want, 32);
    }
}

static void hmac_is_fast(void **state)
{
    (void)state;
    struct sp_crypto_hmac h;
    uint8_t message[128] = {1};
    uint8_t out[32];
    sp_crypto_hmac_init(&h, "key", 3);
    uint64_t from = sp_clock_cpu_ns();
    for (int i = 0; i < 20000; i++) {
        sp_crypto_hmac(&h, message, sizeof message, out);
        message[0] = out[0];
    }
    print_message("hmac of 128 bytes: %.3f us\n", (double)(sp_clock_cpu_ns() - from) / 20000.0 / 1000.0);
}

/* RFC 8032 section 7.1, tests 1 to 3. */
static void ed25519_vectors(void **state)
{
    (void)state;
    const struct {
        const char *seed, *pub, *message, *signature;
    } rows[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        uint8_t seed[32], pub[32], message[2], want[64], got[64];
        size_t n = strlen(rows[i].message) / 2;
        struct sp_crypto_signer *s = NULL;
        struct sp_crypto_verifier *v = NULL;
        from_hex(rows[i].seed, seed, 32);
        from_hex(rows[i].message, message, n);
        from_hex(rows[i].signature, want, 64);
        assert_int_equal(sp_crypto_sign_public(seed, pub), SP_OK);
        assert_hex(pub, 32, rows[i].pub);
        assert_int_equal(sp_crypto_signer_new(seed, &s), SP_OK);
        assert_int_equal(sp_crypto_sign(s, message, n, got), SP_OK);
        assert_memory_equal(got, want, 64);
        assert_int_equal(sp_crypto_verifier_new(pub, &v), SP_OK);
        assert_true(sp_crypto_verify(v, message, n, got));
        for (size_t bit = 0; bit < 512; bit += 37) {
            got[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(sp_crypto_verify(v, message, n, got));
            got[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_false(sp_crypto_verify(v, "other", 5, got));
        assert_true(sp_crypto_verify(v, message, n, got));
        sp_crypto_signer_destroy(&s);
        sp_crypto_verifier_destroy(&v);
        assert_null(s);
        assert_null(v);
    }
}

/* libcrypto's opinion of a signature; libcrypto is in no part of ours. */
static bool oracle_verify(const uint8_t key[32], const uint8_t *p, size_t n, const uint8_t signature[64])
{
    EVP_PKEY *k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, 32);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = k != NULL && c != NULL && EVP_DigestVerifyInit(c, NULL, NULL, NULL, k) == 1 &&
              EVP_DigestVerify(c, signature, 64, p, n) == 1;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(k);
    return ok;
}

static void oracle_sign(const uint8_t seed[32], const uint8_t *p, size_t n, uint8_t signature[64], uint8_t key[32])
{
    size_t key_bytes = 32, bytes = 64;
    EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    assert_true(k != NULL && c != NULL);
    assert_int_equal(EVP_PKEY_get_raw_public_key(k, key, &key_bytes), 1);
    assert_int_equal(EVP_DigestSignInit(c, NULL, NULL, NULL, k), 1);
    assert_int_equal(EVP_DigestSign(c, signature, &bytes, p, n), 1);
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(k);
}

/* Same keys, same signatures, same verdicts as libcrypto, whose users (the filter, other languages) read ours. */
static void ed25519_against_libcrypto(void **state)
{
    (void)state;
    uint8_t message[300], seed[32];
    for (size_t n = 0; n < sizeof message; n += 1 + n / 8) {
        uint8_t want_key[32], want[64], key[32], got[64];
        struct sp_crypto_signer *s = NULL;
        struct sp_crypto_verifier *v = NULL;
        memset(message, (int)(n * 37 + 1), sizeof message);
        sp_crypto_sha256(message, n + 1, seed);
        oracle_sign(seed, message, n, want, want_key);
        assert_int_equal(sp_crypto_sign_public(seed, key), SP_OK);
        assert_memory_equal(key, want_key, 32);
        assert_int_equal(sp_crypto_signer_new(seed, &s), SP_OK);
        assert_int_equal(sp_crypto_verifier_new(key, &v), SP_OK);
        assert_int_equal(sp_crypto_sign(s, message, n, got), SP_OK);
        assert_memory_equal(got, want, 64);
        assert_true(sp_crypto_verify(v, message, n, want));
        assert_true(oracle_verify(key, message, n, got));
        message[0] ^= 1;
        assert_int_equal(sp_crypto_verify(v, message, n, want), n == 0);
        assert_false(sp_crypto_verify(v, message, n + 1, want));
        sp_crypto_signer_destroy(&s);
        sp_crypto_verifier_destroy(&v);
    }
}

/* S + L is the same number modulo the order L of the group: taken, each signature would have a second form. */
static void second_form_is_refused(void **state)
{
    (void)state;
    const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                               0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
    uint8_t seed[32] = {9}, key[32], signature[64];
    struct sp_crypto_signer *s = NULL;
    struct sp_crypto_verifier *v = NULL;
    assert_int_equal(sp_crypto_sign_public(seed, key), SP_OK);
    assert_int_equal(sp_crypto_signer_new(seed, &s), SP_OK);
    assert_int_equal(sp_crypto_verifier_new(key, &v), SP_OK);
    assert_int_equal(sp_crypto_sign(s, "x", 1, signature), SP_OK);
    assert_true(sp_crypto_verify(v, "x", 1, signature));
    for (unsigned i = 0, carry = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_false(sp_crypto_verify(v, "x", 1, signature));
    sp_crypto_signer_destroy(&s);
    sp_crypto_verifier_destroy(&v);
}

/* With the neutral element as key, R = neutral and S = 0 verify every message; whatever the library says to that, the key must not get there. */
static void small_order_keys_are_refused(void **state)
{
    (void)state;
    const char *bad[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        uint8_t key[32];
        struct sp_crypto_verifier *v = NULL;
        from_hex(bad[i], key, 32);
        assert_false(sp_crypto_public_ok(key));
        assert_int_equal(sp_crypto_verifier_new(key, &v), SP_E_INVALID);
        assert_null(v);
    }
    uint8_t good[32];
    from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", good, 32);
    assert_true(sp_crypto_public_ok(good));
}

/* All encodings of the points of small order, canonical and not, and second spellings of good keys. */
static void curve_keys_of_small_order_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* 0, not reduced */
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* 1, not reduced */
        "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* 9, the base point, not reduced */
    };
    uint8_t key[32], secret[32], other[32];
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        from_hex(bad[i], key, 32);
        assert_false(sp_crypto_curve_ok(key));
        key[31] |= 0x80; /* a bit X25519 does not look at */
        assert_false(sp_crypto_curve_ok(key));
    }
    for (uint8_t i = 1; i < 50; i++) {
        memset(secret, i, sizeof secret);
        assert_int_equal(sp_crypto_curve_public(secret, key), SP_OK);
        assert_true(sp_crypto_curve_ok(key));
        memcpy(other, key, sizeof other);
        other[31] |= 0x80;
        assert_false(sp_crypto_curve_ok(other));
    }
}

/* RFC 7748 section 6.1: the public key of Alice. */
static void curve_public_vector(void **state)
{
    (void)state;
    uint8_t secret[32], pub[32];
    from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", secret, 32);
    assert_int_equal(sp_crypto_curve_public(secret, pub), SP_OK);
    assert_hex(pub, 32, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
}

/* That it is X25519 of the same keys, tests/vectors shows with arithmetic of its own (envelope.hex, pair). */
static void two_agree(void **state)
{
    struct sp_crypto_signer *a = NULL, *b = NULL, *c = NULL;
    uint8_t seed[32] = {1}, pa[32], pb[32], pc[32], ab[32], ba[32], ac[32], cb[32], same[32];
    (void)state;
    assert_int_equal(sp_crypto_sign_public(seed, pa), SP_OK);
    assert_int_equal(sp_crypto_signer_new(seed, &a), SP_OK);
    seed[31] = 2;
    assert_int_equal(sp_crypto_sign_public(seed, pb), SP_OK);
    assert_int_equal(sp_crypto_signer_new(seed, &b), SP_OK);
    seed[31] = 3;
    assert_int_equal(sp_crypto_sign_public(seed, pc), SP_OK);
    assert_int_equal(sp_crypto_signer_new(seed, &c), SP_OK);
    assert_int_equal(sp_crypto_agree(a, pb, ab), SP_OK);
    assert_int_equal(sp_crypto_agree(b, pa, ba), SP_OK);
    assert_int_equal(sp_crypto_agree(a, pc, ac), SP_OK);
    assert_int_equal(sp_crypto_agree(c, pb, cb), SP_OK);
    assert_int_equal(sp_crypto_agree(a, pa, same), SP_OK);
    assert_memory_equal(ab, ba, 32);
    assert_memory_not_equal(ab, ac, 32);
    assert_memory_not_equal(ab, cb, 32);
    assert_memory_not_equal(ab, same, 32);
    sp_crypto_signer_destroy(&a);
    sp_crypto_signer_destroy(&b);
    sp_crypto_signer_destroy(&c);
}

/* Under such a key the shared secret would be known to everybody. */
static void nobody_agrees_with_a_bad_key(void **state)
{
    static const char *const bad[] = {
        "0100000000000000000000000000000000000000000000000000000000000000", /* the neutral element */
        "0000000000000000000000000000000000000000000000000000000000000000", /* order 4 */
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* order 2 */
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", /* order 8 */
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", /* order 8 */
        "0200000000000000000000000000000000000000000000000000000000000000", /* no point */
    };
    struct sp_crypto_signer *a = NULL;
    uint8_t seed[32] = {1}, key[32], out[32] = {0}, zero[32] = {0};
    (void)state;
    assert_int_equal(sp_crypto_signer_new(seed, &a), SP_OK);
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        from_hex(bad[i], key, 32);
        assert_int_equal(sp_crypto_agree(a, key, out), SP_E_INVALID);
        assert_memory_equal(out, zero, 32);
    }
    sp_crypto_signer_destroy(&a);
}

static void derived_keys_differ(void **state)
{
    (void)state;
    uint8_t master[32] = {7};
    uint8_t a[32], b[32], c[32];
    sp_crypto_derive(master, "mac", a);
    sp_crypto_derive(master, "ticket", b);
    sp_crypto_derive(master, "mac", c);
    assert_memory_not_equal(a, b, 32);
    assert_memory_equal(a, c, 32);
    assert_true(sp_crypto_equal(a, c, 32));
    assert_false(sp_crypto_equal(a, b, 32));
}

static void clock_boot_depends_on_both(void **state)
{
    (void)state;
    uint8_t d1[16] = {1}, d2[16] = {2};
    const char *boot = "11111111-2222-3333-4444-555555555555";
    uint64_t id = sp_crypto_clock_boot(boot, d1);
    assert_int_not_equal(id, 0);
    assert_int_equal(id, sp_crypto_clock_boot(boot, d1));
    assert_int_not_equal(id, sp_crypto_clock_boot(boot, d2));
    assert_int_not_equal(id, sp_crypto_clock_boot("21111111-2222-3333-4444-555555555555", d1));
}

/* A configuration named by the environment could load any library into the process: it is not even opened. */
static void environment_is_ignored(void **state)
{
    (void)state;
    struct scratch s;
    char path[512];
    scratch_init(&s);
    scratch_file(&s, "openssl.cnf", "openssl_conf = nowhere\n", SIZE_MAX, 0600);
    setenv("OPENSSL_CONF", scratch_path(&s, "openssl.cnf", path, sizeof path), 1);
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(inotify_add_watch(fd, path, IN_OPEN | IN_ACCESS) >= 0);
    sp_crypto_fini();
    assert_int_equal(sp_crypto_init(), SP_OK);
    ed25519_vectors(state);
    uint8_t seed[32] = {5}, key[32], signature[64];
    oracle_sign(seed, seed, sizeof seed, signature, key); /* libcrypto's default context, as TLS uses it */
    char events[256];
    assert_int_equal(read(fd, events, sizeof events), -1);
    close(fd);
    unsetenv("OPENSSL_CONF");
    scratch_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(environment_is_ignored),
        cmocka_unit_test(md5_vectors),
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(hmac_vectors),
        cmocka_unit_test(hmac_against_definition),
        cmocka_unit_test(hmac_is_fast),
        cmocka_unit_test(ed25519_vectors),
        cmocka_unit_test(ed25519_against_libcrypto),
        cmocka_unit_test(second_form_is_refused),
        cmocka_unit_test(small_order_keys_are_refused),
        cmocka_unit_test(curve_keys_of_small_order_are_refused),
        cmocka_unit_test(curve_public_vector),
        cmocka_unit_test(two_agree),
        cmocka_unit_test(nobody_agrees_with_a_bad_key),
        cmocka_unit_test(derived_keys_differ),
        cmocka_unit_test(clock_boot_depends_on_both),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
