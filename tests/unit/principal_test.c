/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

#include "principal.h"

static const uint8_t seed[16] = {9};
static uint8_t zero[32];

static struct rec_principal row(const char *name, uint8_t role, const uint8_t *curve)
{
    return (struct rec_principal){.name = sp_str_of(name),
                                  .role = role,
                                  .curve = curve,
                                  .sign = zero,
                                  .adapters = sp_str_of("exec"),
                                  .next_curve = zero,
                                  .next_sign = zero};
}

static void test_put_and_find(void **state)
{
    struct principal_table t;
    uint8_t a[32] = {1}, b[32] = {2};
    struct rec_principal pa = row("a", SP_ROLE_WORKER, a), pb = row("b", SP_ROLE_KEEPER, b);
    uint32_t ia, ib;

    (void)state;
    assert_true(principal_init(&t, 4, seed));
    assert_int_equal(principal_put(&t, &pa, false, &ia), SP_OK);
    assert_int_equal(principal_put(&t, &pb, true, &ib), SP_OK);
    assert_int_equal(principal_by_name(&t, sp_str_of("a")), ia);
    assert_int_equal(principal_by_curve(&t, b), ib);
    assert_int_equal(principal_by_name(&t, sp_str_of("c")), PRINCIPAL_NONE);
    pa.curve = b; /* the key of another name */
    assert_int_equal(principal_put(&t, &pa, false, &ia), SP_E_EXISTS);
    pb.role = SP_ROLE_WORKER; /* the file outranks the set */
    assert_int_equal(principal_put(&t, &pb, false, &ib), SP_E_AUTHORITY);
    assert_int_equal(t.rows[ib].role, SP_ROLE_KEEPER);
    assert_false(t.rows[ib].revoked);
    struct rec_principal bad = row("not a name", SP_ROLE_WORKER, a), none = row("x", SP_ROLE_NONE, a);

    assert_int_equal(principal_put(&t, &bad, false, &ia), SP_E_INVALID);
    assert_int_equal(principal_put(&t, &none, false, &ia), SP_E_INVALID);
    principal_check(&t);
    principal_fini(&t);
}

static void test_an_attester_has_one_node(void **state)
{
    static const char *const bad[] = {"", "two,nodes", "name=*", "a b", "n=1"};
    struct principal_table t;
    uint8_t a[32] = {1}, b[32] = {2}, c[32] = {3};
    struct rec_principal pa = row("a1", SP_ROLE_ATTESTER, a), pb = row("a2", SP_ROLE_ATTESTER, b), w = row("w", SP_ROLE_WORKER, c);
    uint32_t ia, ib, iw;

    (void)state;
    assert_true(principal_init(&t, 4, seed));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pa.nodes = sp_str_of(bad[i]);
        assert_int_equal(principal_put(&t, &pa, false, &ia), SP_E_INVALID);
    }
    pa.nodes = pb.nodes = w.nodes = sp_str_of("n1.example");
    assert_int_equal(principal_put(&t, &pa, false, &ia), SP_OK);
    assert_int_equal(principal_put(&t, &w, false, &iw), SP_OK); /* a worker's selector is no node */
    assert_string_equal(t.rows[ia].node, "n1.example");
    assert_string_equal(t.rows[iw].node, "");
    pb.nodes = sp_str_of("n2");
    assert_int_equal(principal_put(&t, &pb, false, &ib), SP_OK);
    assert_string_equal(t.rows[ib].node, "n2");
    principal_check(&t);
    struct msg_principal_set none = {.version = 1, .part = 0, .last = true};
    uint32_t left = 0;

    assert_int_equal(principal_set(&t, &none, &left), SP_OK); /* nobody is named: all of them are gone */
    assert_int_equal(principal_by_name(&t, sp_str_of("a1")), PRINCIPAL_NONE);
    assert_string_equal(t.rows[ia].node, "");
    principal_check(&t);
    principal_fini(&t);
}

static void test_user_id_dies_with_the_key(void **state)
{
    struct principal_table t;
    uint8_t a[32] = {1}, b[32] = {2};
    struct rec_principal p = row("a", SP_ROLE_WORKER, a);
    uint32_t i;
    unsigned pair;
    char id[PRINCIPAL_USER_ID_BYTES], role_id[PRINCIPAL_USER_ID_BYTES];

    (void)state;
    assert_true(principal_init(&t, 4, seed));
    assert_int_equal(principal_put(&t, &p, false, &i), SP_OK);
    principal_user_id(&t, i, 0, id);
    assert_int_equal(principal_by_user_id(&t, id, &pair), i);
    p.curve = b;
    assert_int_equal(principal_put(&t, &p, false, &i), SP_OK);
    assert_int_equal(principal_by_user_id(&t, id, &pair), PRINCIPAL_NONE);
    assert_int_equal(principal_by_curve(&t, a), PRINCIPAL_NONE);
    principal_user_id(&t, i, 0, role_id);
    p.role = SP_ROLE_READER;
    assert_int_equal(principal_put(&t, &p, false, &i), SP_OK);
    assert_int_equal(principal_by_user_id(&t, role_id, &pair), PRINCIPAL_NONE);
    static const char *const nobody[] = {NULL, "", "0", "0000000", "zzzzzzzz", "000000000", "ffffffff", "0000000A"};

    for (size_t k = 0; k < sizeof nobody / sizeof nobody[0]; k++)
        assert_int_equal(principal_by_user_id(&t, nobody[k], &pair), PRINCIPAL_NONE);
    principal_fini(&t);
}

static void test_validity(void **state)
{
    struct principal p = {.used = true, .pair = {{.used = true, .not_after_s = 100}}};

    (void)state;
    assert_true(principal_is_valid(&p, 99));
    assert_false(principal_is_valid(&p, 100));
    p.pair[0].not_after_s = 0;
    assert_true(principal_is_valid(&p, UINT64_MAX));
    p.revoked = true;
    assert_false(principal_is_valid(&p, 1));
}

/* Encodes rows named by letters as one part. */
static enum sp_rc apply(struct principal_table *t, uint64_t version, uint32_t part, bool last, const char *letters, uint32_t *bad)
{
    uint8_t buf[4096];
    struct msg_principal_set m = {.version = version, .part = part, .last = last};
    struct msg_principal_set back;
    struct sp_packer w;

    sp_packer_init(&w, buf, sizeof buf);
    assert_int_equal(msg_principal_set_begin(&w, &m), SP_OK);
    for (; *letters != '\0'; letters++) {
        char name[2] = {*letters, '\0'};
        uint8_t curve[32] = {(uint8_t)*letters};
        struct rec_principal p = row(name, SP_ROLE_WORKER, curve);

        assert_int_equal(rec_principal_put(&w, &p), SP_OK);
    }
    assert_int_equal(msg_principal_set_end(&w), SP_OK);
    assert_int_equal(msg_principal_set_decode(buf, sp_packer_bytes(&w), &back), SP_OK);
    enum sp_rc rc = principal_set(t, &back, bad);

    principal_check(t);
    return rc;
}

static bool has(const struct principal_table *t, const char *name)
{
    return principal_by_name(t, sp_str_of(name)) != PRINCIPAL_NONE;
}

static void test_sets(void **state)
{
    struct principal_table t;
    uint8_t f[32] = {'f'};
    struct rec_principal file = row("f", SP_ROLE_KEEPER, f);
    uint32_t i, bad = 0;

    (void)state;
    assert_true(principal_init(&t, 5, seed));
    assert_int_equal(principal_put(&t, &file, true, &i), SP_OK);
    assert_int_equal(apply(&t, 1, 0, false, "ab", &bad), SP_OK);
    assert_int_equal(apply(&t, 1, 1, true, "c", &bad), SP_OK);
    assert_true(has(&t, "a") && has(&t, "b") && has(&t, "c") && has(&t, "f"));
    assert_int_equal(apply(&t, 2, 0, true, "bf", &bad), SP_OK); /* a and c are gone; f is the file's */
    assert_true(!has(&t, "a") && has(&t, "b") && !has(&t, "c") && has(&t, "f"));
    assert_int_equal(t.rows[principal_by_name(&t, sp_str_of("f"))].role, SP_ROLE_KEEPER);
    assert_int_equal(bad, 0);
    assert_int_equal(apply(&t, 1, 0, true, "a", &bad), SP_E_STALE); /* older */
    assert_int_equal(apply(&t, 3, 0, false, "b", &bad), SP_OK);
    assert_int_equal(apply(&t, 3, 2, true, "c", &bad), SP_E_STALE); /* part 1 is missing */
    assert_true(has(&t, "b") && !has(&t, "c"));
    assert_int_equal(apply(&t, 4, 0, true, "bcdeg", &bad), SP_OK); /* one row too many */
    assert_int_equal(bad, 1);
    principal_fini(&t);
}

static void test_file_again(void **state)
{
    struct principal_table t;
    uint8_t a[32] = {1}, b[32] = {2};
    struct rec_principal pa = row("a", SP_ROLE_WORKER, a), pb = row("b", SP_ROLE_WORKER, b);
    uint32_t i, bad = 0;

    (void)state;
    assert_true(principal_init(&t, 8, seed));
    assert_int_equal(principal_put(&t, &pa, true, &i), SP_OK);
    assert_int_equal(principal_put(&t, &pb, true, &i), SP_OK);
    assert_int_equal(apply(&t, 1, 0, true, "e", &bad), SP_OK);
    principal_file_begin(&t);
    assert_int_equal(principal_put(&t, &pb, true, &i), SP_OK);
    principal_file_end(&t);
    assert_true(!has(&t, "a") && has(&t, "b") && has(&t, "e"));
    principal_fini(&t);
}

/* K20, K38: the keeper revokes a key that the file names. Neither the file read again nor another name for that key takes it back;
 * new keys do. */
static void test_the_files_keys_can_be_revoked(void **state)
{
    struct principal_table t;
    uint8_t a[32] = {1}, b[32] = {2}, c[32] = {3}, d[32] = {7}, sign_a[32] = {4}, sign_b[32] = {5}, sign_c[32] = {6};
    struct rec_principal pa = row("a", SP_ROLE_WORKER, a), pb = row("b", SP_ROLE_WORKER, b);
    uint32_t ia, ib, any;

    (void)state;
    pa.sign = sign_a;
    pb.sign = sign_b;
    assert_true(principal_init(&t, 8, seed));
    assert_int_equal(principal_put(&t, &pa, true, &ia), SP_OK);
    assert_int_equal(principal_put(&t, &pb, true, &ib), SP_OK);
    struct rec_principal revoked = pa;

    revoked.revoked = true;
    revoked.role = SP_ROLE_READER;
    uint64_t changes = t.changes;

    assert_int_equal(principal_put(&t, &revoked, false, &any), SP_E_AUTHORITY);
    assert_false(principal_is_valid(&t.rows[ia], 1));
    assert_int_equal(t.rows[ia].role, SP_ROLE_WORKER); /* nothing else of it counts */
    assert_true(principal_is_valid(&t.rows[ib], 1));
    assert_true(t.changes > changes); /* admission must learn of it */
    principal_file_begin(&t);         /* SIGHUP */
    assert_int_equal(principal_put(&t, &pa, true, &ia), SP_OK);
    assert_int_equal(principal_put(&t, &pb, true, &ib), SP_OK);
    principal_file_end(&t);
    assert_false(principal_is_valid(&t.rows[ia], 1));
    pa.curve = c; /* half a new key is none */
    assert_int_equal(principal_put(&t, &pa, true, &ia), SP_OK);
    assert_false(principal_is_valid(&t.rows[ia], 1));
    pa.curve = d;
    pa.sign = sign_c;
    assert_int_equal(principal_put(&t, &pa, true, &ia), SP_OK);
    assert_true(principal_is_valid(&t.rows[ia], 1));
    assert_int_equal(principal_put(&t, &revoked, false, &any), SP_E_AUTHORITY); /* a set still names the old key */
    assert_true(principal_is_valid(&t.rows[ia], 1));
    revoked.name = sp_str_of("other"); /* the key counts, not the name */
    revoked.curve = b;
    revoked.sign = sign_b;
    assert_int_equal(principal_put(&t, &revoked, false, &any), SP_E_AUTHORITY);
    assert_false(principal_is_valid(&t.rows[ib], 1));
    pa.curve = a; /* SIGHUP: yesterday's copy of the file, after a day with other keys */
    pa.sign = sign_a;
    assert_int_equal(principal_put(&t, &pa, true, &ia), SP_OK);
    assert_false(principal_is_valid(&t.rows[ia], 1));
    principal_file_begin(&t); /* nor does it help to leave the name out once */
    principal_file_end(&t);
    assert_int_equal(principal_put(&t, &pa, true, &ia), SP_OK);
    assert_false(principal_is_valid(&t.rows[ia], 1));
    principal_check(&t);
    principal_fini(&t);
}

/* Readers need no signing key; revoking one of them is nothing to the others. */
static void test_no_signing_key_is_no_key(void **state)
{
    struct principal_table t;
    uint8_t a[32] = {1}, b[32] = {2};
    struct rec_principal pa = row("a", SP_ROLE_READER, a), pb = row("b", SP_ROLE_READER, b);
    uint32_t ia, ib, any;

    (void)state;
    assert_true(principal_init(&t, 4, seed));
    assert_int_equal(principal_put(&t, &pa, true, &ia), SP_OK);
    assert_int_equal(principal_put(&t, &pb, true, &ib), SP_OK);
    pa.name = pb.name;
    pa.revoked = true;
    assert_int_equal(principal_put(&t, &pa, false, &any), SP_E_AUTHORITY);
    assert_false(principal_is_valid(&t.rows[ia], 1));
    assert_true(principal_is_valid(&t.rows[ib], 1));
    principal_fini(&t);
}

/* A9: two pairs, each in its time. Who came under one stays who it is when that pair moves to the other place. */
static void test_keys_overlap(void **state)
{
    struct principal_table t;
    uint8_t a[32] = {1}, b[32] = {2}, c[32] = {3};
    struct rec_principal p = row("a", SP_ROLE_WORKER, a), q = row("q", SP_ROLE_WORKER, b);
    char old[PRINCIPAL_USER_ID_BYTES], next[PRINCIPAL_USER_ID_BYTES];
    unsigned pair;
    uint32_t i, any;

    (void)state;
    assert_true(principal_init(&t, 4, seed));
    assert_int_equal(principal_put(&t, &p, true, &i), SP_OK);
    principal_user_id(&t, i, 0, old);
    p.not_after = 200;
    p.next_curve = b;
    p.next_not_before = 100;
    p.next_not_after = 300;
    assert_int_equal(principal_put(&t, &p, true, &i), SP_OK);
    principal_user_id(&t, i, 1, next);
    assert_int_equal(principal_by_user_id(&t, old, &pair), i); /* to prepare the next keys costs nobody a session */
    assert_int_equal(pair, 0);
    assert_int_equal(principal_by_user_id(&t, next, &pair), i);
    assert_int_equal(pair, 1);
    assert_int_equal(principal_by_curve(&t, a), i);
    assert_int_equal(principal_by_curve(&t, b), i);
    static const struct {
        uint64_t at, change;
        bool old, next;
    } times[] = {{99, 100, true, false},
                 {100, 200, true, true},
                 {199, 200, true, true},
                 {200, 300, false, true},
                 {300, UINT64_MAX, false, false}};

    for (size_t k = 0; k < sizeof times / sizeof times[0]; k++) {
        assert_int_equal(principal_pair_is_valid(&t.rows[i], 0, times[k].at), times[k].old);
        assert_int_equal(principal_pair_is_valid(&t.rows[i], 1, times[k].at), times[k].next);
        assert_int_equal(principal_is_valid(&t.rows[i], times[k].at), times[k].old || times[k].next);
        assert_true(principal_next_change(&t, times[k].at) == times[k].change);
    }
    assert_int_equal(principal_put(&t, &q, true, &any), SP_E_EXISTS); /* the next key of somebody else is taken */
    assert_false(has(&t, "q"));
    q.curve = c;
    q.next_curve = a;
    assert_int_equal(principal_put(&t, &q, true, &any), SP_E_EXISTS);
    assert_false(has(&t, "q"));
    q.next_curve = c; /* no pair */
    assert_int_equal(principal_put(&t, &q, true, &any), SP_E_INVALID);
    principal_check(&t);
    p = row("a", SP_ROLE_WORKER, b);
    assert_int_equal(principal_put(&t, &p, true, &i), SP_OK);
    assert_int_equal(principal_by_user_id(&t, next, &pair), i);
    assert_int_equal(pair, 0);
    assert_int_equal(principal_by_user_id(&t, old, &pair), PRINCIPAL_NONE);
    assert_int_equal(principal_by_curve(&t, a), PRINCIPAL_NONE);
    p.role = SP_ROLE_READER; /* another role begins anew */
    assert_int_equal(principal_put(&t, &p, true, &i), SP_OK);
    assert_int_equal(principal_by_user_id(&t, next, &pair), PRINCIPAL_NONE);
    principal_check(&t);
    principal_fini(&t);
}

/* 009: a revocation is of both pairs, whichever of them the set names, and a revoked key is none in second place either. */
static void test_both_pairs_are_revoked(void **state)
{
    struct principal_table t;
    uint8_t a[32] = {1}, b[32] = {2}, c[32] = {3}, d[32] = {4}, sign_a[32] = {5}, sign_b[32] = {6}, sign_c[32] = {7};
    struct rec_principal p = row("a", SP_ROLE_WORKER, a);
    uint32_t i, any;

    (void)state;
    p.sign = sign_a;
    p.next_curve = b;
    p.next_sign = sign_b;
    assert_true(principal_init(&t, 4, seed));
    assert_int_equal(principal_put(&t, &p, true, &i), SP_OK);
    struct rec_principal revoked = row("gone", SP_ROLE_WORKER, b); /* by the next key alone, under another name */

    revoked.revoked = true;
    assert_int_equal(principal_put(&t, &revoked, false, &any), SP_E_AUTHORITY);
    assert_false(principal_pair_is_valid(&t.rows[i], 0, 1));
    assert_false(principal_pair_is_valid(&t.rows[i], 1, 1));
    struct rec_principal promoted = row("a", SP_ROLE_WORKER, b), behind = row("a", SP_ROLE_WORKER, c), half = behind,
                         clean = behind;

    promoted.sign = sign_b;
    assert_int_equal(principal_put(&t, &promoted, true, &i), SP_OK);
    assert_false(principal_is_valid(&t.rows[i], 1));
    behind.next_curve = b;
    assert_int_equal(principal_put(&t, &behind, true, &i), SP_OK);
    assert_false(principal_is_valid(&t.rows[i], 1));
    half.next_curve = d;
    half.next_sign = sign_b;
    assert_int_equal(principal_put(&t, &half, true, &i), SP_OK); /* c was beside a revoked key: it is not free of it yet */
    assert_false(principal_is_valid(&t.rows[i], 1));
    clean.curve = a;
    clean.sign = sign_c;
    assert_int_equal(principal_put(&t, &clean, true, &i), SP_OK);
    assert_true(principal_is_valid(&t.rows[i], 1));
    revoked.next_curve = a; /* the set names both pairs */
    assert_int_equal(principal_put(&t, &revoked, false, &any), SP_E_AUTHORITY);
    assert_false(principal_is_valid(&t.rows[i], 1));
    principal_check(&t);
    principal_fini(&t);
}

static void test_adapters(void **state)
{
    struct principal_table t;

    (void)state;
    assert_true(principal_init(&t, 1, seed));
    uint64_t exec = principal_adapter_bits(&t, sp_str_of("exec")), http = principal_adapter_bits(&t, sp_str_of("http"));

    assert_true(exec != 0 && http != 0 && (exec & http) == 0);
    assert_int_equal(principal_adapter_bits(&t, sp_str_of("http, exec")), exec | http);
    assert_true(principal_adapter_bits(&t, sp_str_of("*")) == UINT64_MAX);
    assert_int_equal(principal_adapter_bits(&t, sp_str_of("")), 0);
    assert_int_equal(principal_adapter_bits(&t, sp_str_of("no name,exec")), exec);
    for (unsigned i = 0; i < 100; i++) {
        char name[8];

        snprintf(name, sizeof name, "a%u", i);
        (void)principal_adapter_bits(&t, sp_str_of(name));
    }
    assert_int_equal(t.adapters, PRINCIPAL_ADAPTERS_MAX);
    assert_int_equal(principal_adapter_bits(&t, sp_str_of("one-more")), 0);
    principal_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_attester_has_one_node),
        cmocka_unit_test(test_put_and_find),
        cmocka_unit_test(test_user_id_dies_with_the_key),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_file_again),
        cmocka_unit_test(test_adapters),
        cmocka_unit_test(test_the_files_keys_can_be_revoked),
        cmocka_unit_test(test_no_signing_key_is_no_key),
        cmocka_unit_test(test_keys_overlap),
        cmocka_unit_test(test_both_pairs_are_revoked),
    };

    return cmocka_run_group_tests_name("principal", tests, NULL, NULL);
}
