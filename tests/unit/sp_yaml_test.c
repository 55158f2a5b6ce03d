/* SPDX-License-Identifier: Apache-2.0 */
/* Trees from YAML, their limits, and their JSON. Binding is tested by the configuration's golden pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp_yaml.h"

static const struct sp_yaml_limits few = {4096, 40, 4, 3};

static struct sp_yaml *parse_ok(const char *text)
{
    struct sp_yaml *y = NULL;
    struct sp_err err;
    sp_err_clear(&err);
    enum sp_rc rc = sp_yaml_parse("f", sp_str_of(text), few, &y, &err);
    if (rc != SP_OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return y;
}

static void refused(const char *text, enum sp_rc want, const char *where, const char *say)
{
    struct sp_yaml *y = NULL;
    struct sp_err err;
    assert_int_equal(sp_yaml_parse("f", sp_str_of(text), few, &y, &err), want);
    assert_null(y);
    assert_string_equal(err.where, where);
    assert_non_null(strstr(err.text, say));
}

static void tree(void **state)
{
    (void)state;
    struct sp_yaml *y = parse_ok("# first\na: 1\nb:\n  - x\n  - {c: 'two'}\n---\n---\nplain\n");
    assert_int_equal(sp_yaml_count(y), 2); /* the empty document is none */
    const struct sp_yaml_node *r = sp_yaml_root(y, 0);
    assert_int_equal(r->kind, SP_YAML_MAP);
    assert_int_equal(r->count, 2);
    const struct sp_yaml_node *b = sp_yaml_find(r, "b");
    assert_int_equal(b->kind, SP_YAML_LIST);
    assert_int_equal(b->key_line, 3);
    assert_int_equal(b->line, 4);
    assert_int_equal(b->column, 3);
    assert_true(sp_str_is(b->first->text, "x"));
    assert_true(b->first->plain);
    const struct sp_yaml_node *c = sp_yaml_find(b->first->next, "c");
    assert_string_equal(c->text.p, "two");
    assert_false(c->plain);
    assert_int_equal(c->line, 5);
    assert_null(sp_yaml_find(r, "c"));
    assert_null(sp_yaml_find(NULL, "c"));
    assert_string_equal(sp_yaml_root(y, 1)->text.p, "plain");
    sp_yaml_destroy(&y);
    y = parse_ok("");
    assert_int_equal(sp_yaml_count(y), 0);
    sp_yaml_destroy(&y);
    assert_null(y);
}

static void limits(void **state)
{
    (void)state;
    char big[8192];
    refused("[[[[[1]]]]]", SP_E_LIMIT, "f:1:5", "nested too deeply");
    refused("a\n---\nb\n---\nc\n---\nd\n", SP_E_LIMIT, "f:7:1", "too many documents");
    refused("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", SP_E_LIMIT, "f:1:80",
            "too many values");
    memset(big, ' ', sizeof big);
    big[sizeof big - 1] = '\0';
    refused(big, SP_E_LIMIT, "f", "more than 4096");
    /* Unclosed brackets by the thousand: refused at the limit, not at the end. */
    memset(big, '[', 4000);
    big[4000] = '\0';
    refused(big, SP_E_LIMIT, "f:1:5", "nested too deeply");
}

static void not_yaml(void **state)
{
    (void)state;
    refused("a: *b", SP_E_MALFORMED, "f:1:4", "anchors, aliases and tags");
    refused("a: &b 1", SP_E_MALFORMED, "f:1:4", "anchors, aliases and tags");
    refused("a: !!str 1", SP_E_MALFORMED, "f:1:4", "anchors, aliases and tags");
    refused("? [a]\n: 1", SP_E_MALFORMED, "f:1:3", "a key must be plain text");
    refused("a: 1\nb: 2\na: 3\n", SP_E_MALFORMED, "f:3:1", "key 'a' is there twice, first in line 1");
    refused("a: \"x\\0y\"", SP_E_MALFORMED, "f:1:4", "NUL");
    refused("a: 1\n b: 2\n", SP_E_MALFORMED, "f:2:3", "not valid YAML");
    refused("a: \xff\xfe", SP_E_MALFORMED, "f:1:1", "not valid YAML");
    refused("%YAML 7.0\n---\na", SP_E_MALFORMED, "f:1:1", "not valid YAML");
}

static void json(void **state)
{
    (void)state;
    struct sp_buf b;
    sp_buf_init(&b, 4096);
    struct sp_yaml *y = parse_ok(
        "{i: 1, n: -0.5e+3, z: 007, p: +1, d: 1., t: true, y: yes, q: '1', e: , u: ~, l: [], m: {}, s: \"a\\\"\\n\\u00e4\"}");
    sp_yaml_json(sp_yaml_root(y, 0), &b);
    const char *want =
        "{\"i\":1,\"n\":-0.5e+3,\"z\":\"007\",\"p\":\"+1\",\"d\":\"1.\",\"t\":true,\"y\":\"yes\",\"q\":\"1\",\"e\":null,\"u\":null,"
        "\"l\":[],\"m\":{},\"s\":\"a\\\"\\u000a\xc3\xa4\"}";
    assert_true(sp_str_is(sp_buf_view(&b), want));
    sp_yaml_destroy(&y);
    sp_buf_fini(&b);
}

/* What is printed as a scalar reads back as the same text, and never as a number or word. */
static void scalars_read_back(void **state)
{
    (void)state;
    const char *texts[] = {"a",
                           "",
                           "1",
                           "-",
                           "- a",
                           "true",
                           "null",
                           "Null",
                           "NULL",
                           "~",
                           "a: b",
                           "a:b",
                           "#x",
                           "x #y",
                           "'",
                           "\"",
                           "a\nb",
                           " a",
                           "a ",
                           "*a",
                           "&a",
                           "!a",
                           "%a",
                           "@a",
                           "`a",
                           "a,b",
                           "[a]",
                           "{a}",
                           "ipc://run/x.sock",
                           "http://h:1/x",
                           "c:",
                           "\xc3\xa4",
                           "=",
                           "---",
                           "0x10",
                           "1e5",
                           ".5"};
    for (size_t i = 0; i < SP_COUNT(texts); i++) {
        struct sp_buf b;
        sp_buf_init(&b, 4096);
        sp_buf_text(&b, "k: ");
        sp_yaml_scalar(sp_str_of(texts[i]), &b);
        sp_buf_append(&b, "", 1);
        struct sp_yaml *y = parse_ok((const char *)b.p);
        const struct sp_yaml_node *v = sp_yaml_find(sp_yaml_root(y, 0), "k");
        assert_string_equal(v->text.p, texts[i]);
        sp_buf_reset(&b);
        sp_yaml_json(v, &b);
        assert_int_equal(b.p[0], '"');
        sp_yaml_destroy(&y);
        sp_buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree),
        cmocka_unit_test(limits),
        cmocka_unit_test(not_yaml),
        cmocka_unit_test(json),
        cmocka_unit_test(scalars_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
