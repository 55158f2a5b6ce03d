/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sp_registry.h"

static struct sp_bus_principal row(const char *name, uint8_t role, bool from_file)
{
    struct sp_bus_principal p = {.role = role, .from_file = from_file};

    snprintf(p.name, sizeof p.name, "%s", name);
    return p;
}

static void test_rows_stay_where_they_are(void **state)
{
    struct sp_registry r;
    struct sp_bus_principal p = row("w0", SP_ROLE_WORKER, false);

    (void)state;
    sp_registry_init(&r);
    assert_int_equal(sp_registry_put(&r, &p), SP_OK);
    const struct sp_registry_row *first = sp_registry_find(&r, sp_str_of("w0"));

    for (unsigned i = 1; i < 500; i++) {
        snprintf(p.name, sizeof p.name, "w%u", i);
        assert_int_equal(sp_registry_put(&r, &p), SP_OK);
        assert_int_equal(sp_registry_find(&r, sp_str_of(p.name))->p.slot, i);
    }
    assert_ptr_equal(sp_registry_find(&r, sp_str_of("w0")), first);
    p = row("w0", SP_ROLE_READER, false);
    assert_int_equal(sp_registry_put(&r, &p), SP_OK);
    assert_int_equal(first->p.slot, 0);
    assert_int_equal(first->p.role, SP_ROLE_READER);
    assert_null(sp_registry_find(&r, sp_str_of("nobody")));
    sp_registry_fini(&r);
}

static void test_what_is_refused(void **state)
{
    struct sp_registry r;
    struct sp_bus_principal p = row("keeper", SP_ROLE_KEEPER, true), q = row("keeper", SP_ROLE_WORKER, false),
                            bad = row("no name", SP_ROLE_WORKER, false), none = row("x", SP_ROLE_NONE, false);

    (void)state;
    sp_registry_init(&r);
    assert_int_equal(sp_registry_put(&r, &p), SP_OK);
    assert_int_equal(sp_registry_put(&r, &q), SP_E_AUTHORITY);
    assert_int_equal(sp_registry_find(&r, sp_str_of("keeper"))->p.role, SP_ROLE_KEEPER);
    assert_int_equal(sp_registry_put(&r, &bad), SP_E_INVALID);
    assert_int_equal(sp_registry_put(&r, &none), SP_E_INVALID);
    sp_registry_fini(&r);
}

static enum sp_rc apply(struct sp_registry *r, uint64_t version, uint32_t part, bool last, const char *letters)
{
    uint8_t buf[4096], key[32] = {0};
    struct msg_principal_set m = {.version = version, .part = part, .last = last};
    struct sp_packer w;

    sp_packer_init(&w, buf, sizeof buf);
    assert_int_equal(msg_principal_set_begin(&w, &m), SP_OK);
    for (; *letters != '\0'; letters++) {
        struct rec_principal p = {.name = sp_str_bytes(letters, 1),
                                  .role = SP_ROLE_WORKER,
                                  .curve = key,
                                  .sign = key,
                                  .adapters = sp_str_of("exec"),
                                  .next_curve = key,
                                  .next_sign = key};

        assert_int_equal(rec_principal_put(&w, &p), SP_OK);
    }
    assert_int_equal(msg_principal_set_end(&w), SP_OK);
    assert_int_equal(msg_principal_set_decode(buf, sp_packer_bytes(&w), &m), SP_OK);
    return sp_registry_set(r, &m);
}

static bool talks(const struct sp_registry *r, const char *name)
{
    const struct sp_registry_row *p = sp_registry_find(r, sp_str_of(name));

    return p != NULL && sp_registry_valid(&p->p, (struct sp_wall){1000});
}

static void test_sets(void **state)
{
    struct sp_registry r;
    struct sp_bus_principal file = row("f", SP_ROLE_SCHEDULER, true);

    (void)state;
    sp_registry_init(&r);
    assert_int_equal(sp_registry_put(&r, &file), SP_OK);
    assert_int_equal(apply(&r, 1, 0, false, "ab"), SP_OK);
    assert_int_equal(apply(&r, 1, 1, true, "c"), SP_OK);
    assert_true(talks(&r, "a") && talks(&r, "b") && talks(&r, "c") && talks(&r, "f"));
    assert_int_equal(apply(&r, 2, 0, true, "b"), SP_OK);
    assert_true(!talks(&r, "a") && talks(&r, "b") && !talks(&r, "c") && talks(&r, "f"));
    assert_int_equal(apply(&r, 1, 0, true, "a"), SP_E_STALE);
    assert_int_equal(apply(&r, 3, 1, true, "a"), SP_E_STALE);
    assert_false(talks(&r, "a"));
    assert_int_equal(apply(&r, 3, 0, true, "a"), SP_OK); /* comes back under its old slot */
    assert_true(talks(&r, "a"));
    assert_int_equal(sp_registry_find(&r, sp_str_of("a"))->p.slot, 1);
    sp_registry_fini(&r);
}

/* The file is read again: who is gone is out, who is new is in, slots stay, and what the keeper revoked stays revoked for those keys. */
static void test_the_file_again(void **state)
{
    struct sp_registry r;
    struct sp_bus_principal a = row("a", SP_ROLE_WORKER, true), b = row("b", SP_ROLE_READER, true),
                            c = row("c", SP_ROLE_READER, true), gone;

    (void)state;
    a.curve[0] = a.sign[0] = 1;
    b.curve[0] = b.sign[0] = 2;
    c.curve[0] = c.sign[0] = 3;
    assert_int_equal(sp_crypto_init(), SP_OK);
    sp_registry_init(&r);
    assert_int_equal(sp_registry_put(&r, &a), SP_OK);
    assert_int_equal(sp_registry_put(&r, &b), SP_OK);
    gone = a;
    gone.from_file = false;
    gone.revoked = true;
    assert_int_equal(sp_registry_put(&r, &gone), SP_E_AUTHORITY);
    assert_false(talks(&r, "a"));
    sp_registry_file_begin(&r); /* a as before, b not at all, c is new */
    assert_int_equal(sp_registry_put(&r, &a), SP_OK);
    assert_int_equal(sp_registry_put(&r, &c), SP_OK);
    sp_registry_file_end(&r);
    assert_true(!talks(&r, "a") && !talks(&r, "b") && talks(&r, "c"));
    assert_int_equal(sp_registry_find(&r, sp_str_of("b"))->p.slot, 1);
    sp_registry_file_begin(&r); /* b is back, and a has other keys */
    a.curve[0] = a.sign[0] = 4;
    assert_int_equal(sp_registry_put(&r, &a), SP_OK);
    assert_int_equal(sp_registry_put(&r, &b), SP_OK);
    assert_int_equal(sp_registry_put(&r, &c), SP_OK);
    sp_registry_file_end(&r);
    assert_true(talks(&r, "a") && talks(&r, "b") && talks(&r, "c"));
    sp_registry_fini(&r);
    sp_crypto_fini();
}

/* K20, K38: a key that the keeper revoked stays so however the file is read again: under its name after another key, under another
 * name, or under the name of a row the keeper itself put. */
static void test_no_reading_of_the_file_revives_a_key(void **state)
{
    struct sp_registry r;
    struct sp_bus_principal a = row("a", SP_ROLE_WORKER, true), enrolled = row("w", SP_ROLE_WORKER, false), gone;

    (void)state;
    a.curve[0] = a.sign[0] = 1;
    enrolled.curve[0] = enrolled.sign[0] = 2;
    assert_int_equal(sp_crypto_init(), SP_OK);
    sp_registry_init(&r);
    assert_int_equal(sp_registry_put(&r, &a), SP_OK);
    gone = a;
    gone.from_file = false;
    gone.revoked = true;
    assert_int_equal(sp_registry_put(&r, &gone), SP_E_AUTHORITY);
    enrolled.revoked = true;
    assert_int_equal(sp_registry_put(&r, &enrolled), SP_OK);
    a.curve[0] = a.sign[0] = 3; /* SIGHUP: other keys */
    assert_int_equal(sp_registry_put(&r, &a), SP_OK);
    assert_true(talks(&r, "a"));
    a.curve[0] = a.sign[0] = 1; /* SIGHUP: yesterday's copy of the file */
    assert_int_equal(sp_registry_put(&r, &a), SP_OK);
    assert_false(talks(&r, "a"));
    snprintf(a.name, sizeof a.name, "b"); /* another name */
    assert_int_equal(sp_registry_put(&r, &a), SP_OK);
    assert_false(talks(&r, "b"));
    enrolled.from_file = true; /* a name and keys the keeper put and revoked */
    enrolled.revoked = false;
    assert_int_equal(sp_registry_put(&r, &enrolled), SP_OK);
    assert_false(talks(&r, "w"));
    a.curve[0] = 9;
    a.sign[0] = 0;
    a.next_curve[0] = 8;
    a.next_sign[0] = 2; /* half a key, in the second pair */
    snprintf(a.name, sizeof a.name, "c");
    assert_int_equal(sp_registry_put(&r, &a), SP_OK);
    assert_false(talks(&r, "c"));
    sp_registry_fini(&r);
    sp_crypto_fini();
}

/* K20: a PrincipalSet revokes a key that the file names, and changes nothing else of that row. */
static void test_the_files_keys_can_be_revoked(void **state)
{
    struct sp_registry r;
    struct sp_bus_principal a = row("a", SP_ROLE_WORKER, true), b = row("b", SP_ROLE_READER, true),
                            c = row("c", SP_ROLE_READER, true);

    (void)state;
    a.curve[0] = a.sign[0] = 1;
    b.curve[0] = 2; /* b and c cannot sign */
    c.curve[0] = 3;
    assert_int_equal(sp_crypto_init(), SP_OK);
    sp_registry_init(&r);
    assert_int_equal(sp_registry_put(&r, &a), SP_OK);
    assert_int_equal(sp_registry_put(&r, &b), SP_OK);
    assert_int_equal(sp_registry_put(&r, &c), SP_OK);
    a.from_file = false;
    a.revoked = true;
    a.role = SP_ROLE_READER;
    assert_int_equal(sp_registry_put(&r, &a), SP_E_AUTHORITY);
    assert_false(talks(&r, "a"));
    assert_int_equal(sp_registry_find(&r, sp_str_of("a"))->p.role, SP_ROLE_WORKER);
    b.from_file = false;
    b.revoked = true;
    snprintf(b.name, sizeof b.name, "other");
    assert_int_equal(sp_registry_put(&r, &b), SP_E_AUTHORITY); /* the key counts, not the name */
    assert_false(talks(&r, "b"));
    assert_true(talks(&r, "c"));
    sp_registry_fini(&r);
    sp_crypto_fini();
}

static void test_validity(void **state)
{
    struct sp_bus_principal p = row("a", SP_ROLE_WORKER, false);

    (void)state;
    p.not_after_s = 10;
    assert_true(sp_registry_valid(&p, (struct sp_wall){9999}));
    assert_false(sp_registry_valid(&p, (struct sp_wall){10000}));
    p.not_after_s = 0;
    p.revoked = true;
    assert_false(sp_registry_valid(&p, (struct sp_wall){0}));
}

/* A9 and 009: two pairs, each in its time, and revoked together. */
static void test_keys_overlap(void **state)
{
    struct sp_registry r;
    struct sp_bus_principal p = row("a", SP_ROLE_WORKER, true), by_next = row("gone", SP_ROLE_WORKER, false);
    static const struct {
        uint64_t at_s;
        bool old, next;
    } times[] = {{99, true, false}, {100, true, true}, {199, true, true}, {200, false, true}, {300, false, false}};

    (void)state;
    p.curve[0] = 1;
    assert_false(sp_registry_pair_valid(&p, 1, (struct sp_wall){150000})); /* there is none */
    p.next_curve[0] = 2;
    p.not_after_s = 200;
    p.next_not_before_s = 100;
    p.next_not_after_s = 300;
    for (size_t k = 0; k < sizeof times / sizeof times[0]; k++) {
        struct sp_wall at = {times[k].at_s * 1000};

        assert_int_equal(sp_registry_pair_valid(&p, 0, at), times[k].old);
        assert_int_equal(sp_registry_pair_valid(&p, 1, at), times[k].next);
        assert_int_equal(sp_registry_valid(&p, at), times[k].old || times[k].next);
    }
    sp_registry_init(&r);
    assert_int_equal(sp_registry_put(&r, &p), SP_OK);
    by_next.curve[0] = 2;
    by_next.revoked = true;
    assert_int_equal(sp_registry_put(&r, &by_next), SP_E_AUTHORITY);
    const struct sp_registry_row *found = sp_registry_find(&r, sp_str_of("a"));

    assert_false(sp_registry_pair_valid(&found->p, 0, (struct sp_wall){150000}));
    assert_false(sp_registry_pair_valid(&found->p, 1, (struct sp_wall){150000}));
    sp_registry_fini(&r);
}

static struct sp_crypto_signer *signer_of(uint8_t first, uint8_t public_key[32])
{
    struct sp_crypto_signer *s = NULL;
    uint8_t seed[32] = {first};

    assert_int_equal(sp_crypto_sign_public(seed, public_key), SP_OK);
    assert_int_equal(sp_crypto_signer_new(seed, &s), SP_OK);
    return s;
}

static void mac_of(const struct sp_crypto_hmac *key, uint8_t out[32])
{
    assert_non_null(key);
    sp_crypto_hmac(key, "x", 1, out);
}

/* The key for two follows the keys of the row: after a change nobody with the former one is heard. */
static void test_the_key_for_two(void **state)
{
    struct sp_registry r;
    struct sp_bus_principal p = row("a", SP_ROLE_ATTESTER, false);
    uint8_t own[32], other[32], first[32], again[32], mac[32], secret[32];
    struct sp_crypto_hmac want;

    (void)state;
    assert_int_equal(sp_crypto_init(), SP_OK);
    struct sp_crypto_signer *we = signer_of(1, own), *they = signer_of(2, p.sign), *next = signer_of(3, p.next_sign);

    sp_registry_init(&r);
    assert_int_equal(sp_registry_put(&r, &p), SP_OK);
    struct sp_registry_row *a = sp_registry_find(&r, sp_str_of("a"));

    for (unsigned pair = 0; pair < SP_REGISTRY_PAIRS; pair++) {
        mac_of(sp_registry_agreed(a, pair, we), mac);
        assert_int_equal(sp_crypto_agree(pair == 0 ? they : next, own, secret), SP_OK);
        sp_crypto_hmac_init(&want, secret, sizeof secret);
        mac_of(&want, other);
        assert_memory_equal(mac, other, 32);
        if (pair == 0)
            memcpy(first, mac, sizeof first);
    }
    assert_int_equal(sp_registry_put(&r, &p), SP_OK); /* said once more: the same */
    mac_of(sp_registry_agreed(a, 0, we), again);
    assert_memory_equal(again, first, 32);
    memcpy(p.sign, p.next_sign, sizeof p.sign);
    memset(p.next_sign, 0, sizeof p.next_sign);
    assert_int_equal(sp_registry_put(&r, &p), SP_OK);
    mac_of(sp_registry_agreed(a, 0, we), again);
    assert_memory_equal(again, other, 32);
    assert_null(sp_registry_agreed(a, 1, we)); /* there is none any more */
    sp_registry_fini(&r);
    sp_crypto_signer_destroy(&we);
    sp_crypto_signer_destroy(&they);
    sp_crypto_signer_destroy(&next);
    sp_crypto_fini();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_stay_where_they_are),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_the_file_again),
        cmocka_unit_test(test_no_reading_of_the_file_revives_a_key),
        cmocka_unit_test(test_the_files_keys_can_be_revoked),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_keys_overlap),
        cmocka_unit_test(test_the_key_for_two),
    };

    return cmocka_run_group_tests_name("sp_registry", tests, NULL, NULL);
}
