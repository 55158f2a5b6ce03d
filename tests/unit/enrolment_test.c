/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a node may be bound to, and by how many operators (K2, K3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "enrolment.h"

struct rig {
    struct node_registry nodes;
    struct enrolment_table t;
};

static const uint64_t now_ms = 1780000000000;

static void rig_node(struct rig *r, const char *name, uint8_t key0, uint8_t state)
{
    struct node_row *row = NULL;
    struct node_def def = {.name = sp_str_of(name), .key = {key0}, .state = state};
    assert_int_equal(node_registry_put(&r->nodes, &def, &row), SP_OK);
}

static void rig_init(struct rig *r)
{
    static const uint8_t hash[16] = {3};
    node_registry_init(&r->nodes, hash);
    enrolment_init(&r->t);
    rig_node(r, "n1", 1, SP_NODE_STATE_IN_SERVICE);
    rig_node(r, "n2", 2, SP_NODE_STATE_IN_SERVICE);
}

static void rig_fini(struct rig *r)
{
    enrolment_fini(&r->t);
    node_registry_fini(&r->nodes);
}

static const struct node_row *node(const struct rig *r, uint32_t id)
{
    return node_registry_at(&r->nodes, id);
}

/* The identity of a TPM by that number. */
static struct enrolled of(uint8_t number, uint8_t mode)
{
    struct enrolled id = {.mode = mode, .ak_bytes = 3, .ak = {number, 1, 1}};
    memset(id.sign, number, sizeof id.sign);
    memset(id.ek, number + 100, sizeof id.ek);
    memset(id.ek_public, number + 50, sizeof id.ek_public);
    memset(id.print, number, sizeof id.print);
    id.attester[0] = (char)('a' + number);
    return id;
}

static enum enrolment_change judge(const struct rig *r, uint32_t id, const struct enrolled *want)
{
    const struct node_row *other = NULL;
    enum enrolment_change change = enrolment_judge(&r->t, &r->nodes, node(r, id), want, &other);
    assert_true((change == ENROLMENT_TAKEN) == (other != NULL));
    return change;
}

/* As the shell does it. */
static void bind(struct rig *r, uint32_t id, const struct enrolled *is)
{
    struct enrolment_row *row = enrolment_place(&r->t, id);
    assert_non_null(row);
    row->is = *is;
    row->withdrawn = false;
    row->number = ++r->t.number;
    memcpy(row->key, node(r, id)->key, sizeof row->key);
    memset(&row->ask, 0, sizeof row->ask);
}

static enum enrolment_state state(const struct rig *r, uint32_t id)
{
    return enrolment_state(&r->t, enrolment_at(&r->t, id), node(r, id));
}

static void first_same_and_other(void **unused)
{
    struct rig r;
    struct enrolled a = of(1, SP_ENROLMENT_FIRST_USE), b = of(2, SP_ENROLMENT_CERTIFIED), none = of(3, SP_ENROLMENT_NONE);
    (void)unused;
    rig_init(&r);
    assert_int_equal(state(&r, 1), ENROLMENT_NOBODY);
    assert_int_equal(judge(&r, 1, &none), ENROLMENT_BAD);
    assert_int_equal(judge(&r, 1, &a), ENROLMENT_FRESH);
    bind(&r, 1, &a);
    assert_int_equal(state(&r, 1), ENROLMENT_HELD);
    assert_int_equal(judge(&r, 1, &a), ENROLMENT_CONFIRMED);
    assert_int_equal(judge(&r, 1, &b), ENROLMENT_OTHER);
    a.mode = SP_ENROLMENT_CERTIFIED;
    memset(a.ek, 9, sizeof a.ek); /* now the digest of the certificate */
    assert_int_equal(judge(&r, 1, &a), ENROLMENT_STRONGER);
    bind(&r, 1, &a);
    a.mode = SP_ENROLMENT_FIRST_USE;
    assert_int_equal(judge(&r, 1, &a), ENROLMENT_OTHER); /* less than was proved */
    rig_fini(&r);
}

/* Each part alone makes another identity: somebody with another key on the bus, another key in the same TPM, the same keys elsewhere. */
static void k3_any_other_part_needs_a_second_operator(void **unused)
{
    struct rig r;
    struct enrolled a = of(1, SP_ENROLMENT_CERTIFIED), b;
    (void)unused;
    rig_init(&r);
    bind(&r, 1, &a);
    b = a;
    b.sign[31] ^= 1;
    assert_int_equal(judge(&r, 1, &b), ENROLMENT_OTHER);
    b = a;
    b.ak[2] ^= 1;
    assert_int_equal(judge(&r, 1, &b), ENROLMENT_OTHER);
    b = a;
    b.ak_bytes--;
    assert_int_equal(judge(&r, 1, &b), ENROLMENT_OTHER);
    b = a;
    b.ek_public[0] ^= 1;
    assert_int_equal(judge(&r, 1, &b), ENROLMENT_OTHER);
    b = a;
    b.attester[0] = 'z';
    assert_int_equal(judge(&r, 1, &b), ENROLMENT_OTHER);
    b = a;
    b.ek[0] ^= 1; /* the maker issued a new certificate for the same key */
    assert_int_equal(judge(&r, 1, &b), ENROLMENT_CONFIRMED);
    rig_fini(&r);
}

/* One TPM, one node: whichever of its keys is shown, and whichever of its certificates. */
static void k3_no_key_is_held_by_two_nodes(void **unused)
{
    struct rig r;
    struct enrolled a = of(1, SP_ENROLMENT_CERTIFIED), b;
    (void)unused;
    rig_init(&r);
    bind(&r, 1, &a);
    assert_int_equal(judge(&r, 2, &a), ENROLMENT_TAKEN);
    for (unsigned part = 0; part < 5; part++) {
        b = of(2, SP_ENROLMENT_FIRST_USE);
        if (part == 0)
            memcpy(b.sign, a.sign, sizeof b.sign);
        if (part == 1)
            memcpy(b.ek, a.ek, sizeof b.ek);
        if (part == 2)
            memcpy(b.ek_public, a.ek_public, sizeof b.ek_public);
        if (part == 3)
            memcpy(b.ak, a.ak, sizeof b.ak);
        if (part == 4)
            memcpy(b.attester, a.attester, sizeof b.attester);
        assert_int_equal(judge(&r, 2, &b), ENROLMENT_TAKEN);
    }
    b = of(2, SP_ENROLMENT_FIRST_USE);
    assert_int_equal(judge(&r, 2, &b), ENROLMENT_FRESH);
    enrolment_place(&r.t, 1)->withdrawn = true; /* the machine moved, and somebody said so */
    assert_int_equal(judge(&r, 2, &a), ENROLMENT_FRESH);
    rig_fini(&r);
}

/* Taking an identity away, and giving the name another key, are each one operator's act: neither may be a way around the second one. */
static void k3_no_way_around_the_approval(void **unused)
{
    struct rig r;
    struct enrolled a = of(1, SP_ENROLMENT_CERTIFIED), b = of(2, SP_ENROLMENT_CERTIFIED);
    (void)unused;
    rig_init(&r);
    bind(&r, 1, &a);
    enrolment_place(&r.t, 1)->withdrawn = true;
    assert_int_equal(state(&r, 1), ENROLMENT_WITHDRAWN);
    assert_int_equal(judge(&r, 1, &b), ENROLMENT_OTHER);
    assert_int_equal(judge(&r, 1, &a), ENROLMENT_CONFIRMED);
    bind(&r, 1, &a);
    node_registry_state(&r.nodes, node_registry_at(&r.nodes, 1), SP_NODE_STATE_RETIRED);
    assert_int_equal(judge(&r, 1, &a), ENROLMENT_BAD);
    rig_node(&r, "n1", 7, SP_NODE_STATE_IN_SERVICE); /* the stolen name: another key under it */
    assert_int_equal(state(&r, 1), ENROLMENT_FOREIGN);
    assert_int_equal(judge(&r, 1, &b), ENROLMENT_OTHER);
    assert_int_equal(judge(&r, 1, &a), ENROLMENT_OTHER);
    rig_fini(&r);
}

/* A key that was bound under one name and comes back under another: one operator may do that, and may not give it another TPM by it. */
static void k3_no_way_around_by_another_name(void **unused)
{
    struct rig r;
    struct enrolled a = of(1, SP_ENROLMENT_CERTIFIED), b = of(2, SP_ENROLMENT_CERTIFIED);
    (void)unused;
    rig_init(&r);
    bind(&r, 1, &a);
    node_registry_state(&r.nodes, node_registry_at(&r.nodes, 1), SP_NODE_STATE_RETIRED);
    rig_node(&r, "n1", 7, SP_NODE_STATE_IN_SERVICE);
    rig_node(&r, "x", 1, SP_NODE_STATE_IN_SERVICE); /* the key is free now */
    assert_int_equal(state(&r, 3), ENROLMENT_NOBODY);
    assert_int_equal(judge(&r, 3, &b), ENROLMENT_OTHER);
    assert_int_equal(judge(&r, 3, &a), ENROLMENT_OTHER);
    bind(&r, 3, &b); /* as two have decided */
    assert_int_equal(judge(&r, 3, &b), ENROLMENT_CONFIRMED);
    rig_node(&r, "y", 9, SP_NODE_STATE_IN_SERVICE);
    struct enrolled c = of(3, SP_ENROLMENT_CERTIFIED);
    assert_int_equal(judge(&r, 4, &c), ENROLMENT_FRESH);
    rig_fini(&r);
}

/* An identity goes with the key: under another name it is the same node's still, and the old name has nothing. */
static void k3_the_identity_goes_with_the_key(void **unused)
{
    struct rig r;
    struct enrolled a = of(1, SP_ENROLMENT_CERTIFIED);
    (void)unused;
    rig_init(&r);
    bind(&r, 1, &a);
    assert_int_equal(node_registry_move(&r.nodes, node_registry_at(&r.nodes, 1), sp_str_of("moved"), SP_NODE_STATE_IN_SERVICE),
                     SP_OK);
    assert_int_equal(state(&r, 1), ENROLMENT_HELD);
    rig_node(&r, "n1", 9, SP_NODE_STATE_IN_SERVICE); /* somebody takes the name that became free */
    const struct node_row *thief = node_registry_find_name(&r.nodes, sp_str_of("n1"));
    assert_int_equal(thief->id, 3);
    assert_int_equal(state(&r, 3), ENROLMENT_NOBODY);
    assert_int_equal(judge(&r, 3, &a), ENROLMENT_TAKEN);
    rig_fini(&r);
}

static void ask(struct rig *r, const struct enrolled *want, const char *by)
{
    struct enrolment_row *row = enrolment_place(&r->t, 1);
    row->ask = *want;
    memcpy(row->ask_key, node(r, 1)->key, sizeof row->ask_key);
    row->asked = (struct enrolment_act){.wall_ms = now_ms};
    (void)sp_str_copy(row->asked.by, sizeof row->asked.by, sp_str_of(by));
}

static enum enrolment_approval approve(const struct rig *r, const char *by, const struct enrolled *what, uint64_t wall_ms)
{
    return enrolment_may_approve(enrolment_at(&r->t, 1), node(r, 1), sp_str_of(by), what->print, wall_ms);
}

static void k3_another_operator_approves_what_was_asked(void **unused)
{
    struct rig r;
    struct enrolled a = of(1, SP_ENROLMENT_CERTIFIED), b = of(2, SP_ENROLMENT_CERTIFIED), c = of(3, SP_ENROLMENT_CERTIFIED);
    (void)unused;
    rig_init(&r);
    assert_int_equal(approve(&r, "eve", &b, now_ms), ENROLMENT_NO_REQUEST);
    bind(&r, 1, &a);
    assert_int_equal(approve(&r, "eve", &b, now_ms), ENROLMENT_NO_REQUEST);
    ask(&r, &b, "ada");
    assert_int_equal(approve(&r, "ada", &b, now_ms + 1), ENROLMENT_SELF);
    assert_int_equal(approve(&r, "eve", &b, now_ms + 1), ENROLMENT_APPROVED);
    ask(&r, &c, "ada"); /* behind the back of who looked at b */
    assert_int_equal(approve(&r, "eve", &b, now_ms + 1), ENROLMENT_NOT_THIS);
    assert_int_equal(approve(&r, "eve", &c, now_ms + ENROLMENT_ASK_MS - 1), ENROLMENT_APPROVED);
    assert_int_equal(approve(&r, "eve", &c, now_ms + ENROLMENT_ASK_MS), ENROLMENT_NO_REQUEST);
    assert_int_equal(approve(&r, "eve", &c, now_ms - 1), ENROLMENT_NO_REQUEST); /* by a clock that went back nothing is young */
    node_registry_state(&r.nodes, node_registry_at(&r.nodes, 1), SP_NODE_STATE_RETIRED);
    rig_node(&r, "n1", 7, SP_NODE_STATE_IN_SERVICE);
    assert_int_equal(approve(&r, "eve", &c, now_ms + 1), ENROLMENT_NO_REQUEST); /* it was about another key */
    rig_fini(&r);
}

/* After an older store was put back nobody knows who was replaced since. */
static void k35_doubted_until_confirmed(void **unused)
{
    struct rig r;
    struct enrolled a = of(1, SP_ENROLMENT_CERTIFIED), b = of(2, SP_ENROLMENT_CERTIFIED);
    (void)unused;
    rig_init(&r);
    bind(&r, 1, &a);
    r.t.doubted = r.t.number;
    assert_int_equal(state(&r, 1), ENROLMENT_DOUBTED);
    assert_int_equal(judge(&r, 2, &a), ENROLMENT_TAKEN); /* and is nobody else's meanwhile */
    assert_int_equal(judge(&r, 1, &b), ENROLMENT_OTHER);
    assert_int_equal(judge(&r, 1, &a), ENROLMENT_CONFIRMED);
    bind(&r, 1, &a);
    assert_int_equal(state(&r, 1), ENROLMENT_HELD);
    rig_fini(&r);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_same_and_other),
        cmocka_unit_test(k3_any_other_part_needs_a_second_operator),
        cmocka_unit_test(k3_no_key_is_held_by_two_nodes),
        cmocka_unit_test(k3_no_way_around_the_approval),
        cmocka_unit_test(k3_no_way_around_by_another_name),
        cmocka_unit_test(k3_the_identity_goes_with_the_key),
        cmocka_unit_test(k3_another_operator_approves_what_was_asked),
        cmocka_unit_test(k35_doubted_until_confirmed),
    };
    return cmocka_run_group_tests_name("enrolment", tests, NULL, NULL);
}
