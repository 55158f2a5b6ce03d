/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: what is refused and where, canonical forms, export that reads back, and every example that ships. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ctl_def.h"
#include "ctl_policy.h"
#include "sp_conf.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

#define DIGEST "0000000000000000000000000000000000000000000000000000000000000000"
#define CHECK  "kind: check\nname: c\nadapter: noop\n"
#define HTTP   "kind: check\nname: c\nadapter: http\nparams:\n"

struct refused {
    const char *text;
    const char *where;
    const char *what;
    const char *hint;
};

static void are_refused(const struct refused *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct ctl_defs defs = {0};
        struct sp_err err = {0};
        assert_int_not_equal(ctl_def_parse("f.yaml", sp_str_of(rows[i].text), &defs, &err), SP_OK);
        if (strstr(err.where, rows[i].where) == NULL || strstr(err.text, rows[i].what) == NULL ||
            (strstr(err.hint, rows[i].hint) == NULL && strstr(err.text, rows[i].hint) == NULL))
            fail_msg("row %zu: where \"%s\" text \"%s\" hint \"%s\"", i, err.where, err.text, err.hint);
        assert_int_equal(defs.count, 0); /* nothing of a file with a mistake */
        ctl_def_clear(&defs);
    }
}

static void test_refused(void **state)
{
    static const struct refused rows[] = {
        {"name: c\n", "f.yaml:1", "no kind", "kind:"},
        {"kind: chek\nname: c\n", "f.yaml:1", "no kind \"chek\"", "check"},
        {"- a\n", "f.yaml:1", "map", ""},
        {CHECK "timout: 5s\n", "f.yaml:4", "timout", "timeout"},
        {CHECK "timeout: 5\n", "f.yaml:4", "timeout", ""},
        {CHECK "timeout: 5 s\n", "f.yaml:4", "timeout", ""},
        {CHECK "max_age: 900ms\n", "f.yaml:4", "max_age", ""},
        {CHECK "stage: enforced\n", "f.yaml:4", "stage", "enforcing"},
        {CHECK "selector: 'zone=a,,'\n", "f.yaml:4", "selector", ""},
        {CHECK "selector: {role: compute}\n", "f.yaml:4", "single value", "role=compute,zone=a"},
        {CHECK "category: [hardwear]\n", "f.yaml:4", "hardwear", "hardware"},
        {CHECK "params: {outcom: pass}\n", "f.yaml:4", "outcom", ""},
        {CHECK "params: 7\n", "f.yaml:4", "map", ""},
        {HTTP "  url: http://x/\n  metod: GET\n", "f.yaml:6:3", "metod", "did you mean method"},
        {HTTP "  url: http://x/\n  method: GTE\n", "f.yaml:6:3", "method", ""},
        {HTTP "  url: http://x/\n  max_bytes: 0\n", "f.yaml:6:3", "max_bytes", ""},
        {HTTP "  method: GET\n", "f.yaml:4:1", "url", "required"},
        {"kind: check\nname: c\nadapter: http\n", "f.yaml:1:1", "url", "required"},
        {HTTP "  url: 'https://{adress}/'\n", "f.yaml:5:8", "nothing is put for {adress}", "{address}"},
        {HTTP "  method: GET\n  url: 'https://{hostname}/{node}'\n", "f.yaml:6:8", "{hostname}", "{node} and {address}"},
        {"kind: check\nname: c\nadapter: foreign\nparams: {a: 1e400}\n", "f.yaml:4", "JSON", ""},
        {CHECK "timeout: 2m\nmax_age: 1m\n", "f.yaml:5", "shorter than the timeout", ""},
        {CHECK "name: d\n", "f.yaml:4", "name", ""},
        {"kind: check\nname: c\n", "f.yaml:1", "adapter", ""},
        {"---\n" CHECK "---\nkind: pool\nname: p\nmandatry: [c]\n", "f.yaml:8", "mandatry", "mandatory"},
        {"kind: pool\nname: p\nmandatory: [a]\nadvisory: [a]\n", "f.yaml:4", "named twice", ""},
        {"kind: pool\nname: p\ngroups: [{k: 3, of: [a, b]}]\n", "f.yaml:3", "demands 3 of 2", ""},
        {"kind: pool\nname: p\ngroups: [{k: 1, off: [a, b]}]\n", "f.yaml:3", "off", "of"},
        {"kind: pool\nname: p\ntrait: SPICE\n", "f.yaml:3", "trait", "CUSTOM_"},
        {"kind: profile\nname: p\nperiod: 1m\ncron: '* * * * *'\n", "f.yaml:4", "not both", ""},
        {"kind: profile\nname: p\ncron: '61 * * * *'\n", "f.yaml:3", "calendar", "minute"},
        {"kind: profile\nname: p\nperiod: 10ms\n", "f.yaml:3", "100 ms", ""},
        {"kind: profile\nname: p\nwindows: ['mon-fry 08:00-18:00']\n", "f.yaml:3", "no window", "days and hours"},
        {"kind: node\nname: 'a b'\n", "f.yaml:2", "no name of a node", ""},
        {"kind: node\nname: a\nkey: 1234\n", "f.yaml:3", "UUID", ""},
        {"kind: node\nname: a\nstate: maintenence\n", "f.yaml:3", "state", "maintenance"},
        {"kind: label\nlabels: {a: b}\n", "f.yaml:1", "node", ""},
        {CHECK "params: &x {outcome: pass}\n", "f.yaml:4", "anchor", ""},
    };
    (void)state;
    are_refused(rows, sizeof rows / sizeof rows[0]);
}

/* A key with nothing behind it is not one that was left out. */
static void test_no_value(void **state)
{
    static const struct refused rows[] = {
        {CHECK "selector:\nmax_age: 5m\n", "f.yaml:4:1", "selector: has no value", "leave the line out, or write \"\" in quotes"},
        {CHECK "stage: ~\n", "f.yaml:4:1", "stage: has no value", "leave the line out"},
        {CHECK "labels:\n", "f.yaml:4:1", "labels: has no value", "{}"},
        {CHECK "labels: {gpu: null}\n", "f.yaml:4:10", "gpu: has no value", ""},
        {CHECK "params:\n", "f.yaml:4:1", "params: has no value", "{}"},
        {CHECK "params: {detail: }\n", "f.yaml:4:10", "detail: has no value", "leave the line out"},
        {"kind: check\nname: c\nadapter: http\nparams:\n  url: 'https://{node}/'\n  match:\n", "f.yaml:6:3", "match: has no value",
         ""},
        {"kind: check\nname: c\nadapter: http\nparams: {url: 'https://{node}/', absent: ~}\n", "f.yaml:4", "absent: has no value",
         ""},
        {"kind: check\nname: c\nadapter: http\nparams: {url: 'https://{node}/', json: null}\n", "f.yaml:4", "json: has no value",
         ""},
        {"kind: check\nname: c\nadapter: foreign\nparams: {a: [{b: [~]}]}\n", "f.yaml:4", "b: has no value", ""},
        {"kind: pool\nname: p\nselector:\n", "f.yaml:3:1", "selector: has no value", "\"\""},
        {"kind: pool\nname: p\nselector: NULL\n", "f.yaml:3:1", "selector: has no value", "\"\""},
        {"kind: pool\nname: p\nmandatory:\n", "f.yaml:3:1", "mandatory: has no value", "[]"},
        {"kind: pool\nname: p\nmandatory: [a, null]\n", "f.yaml:3", "mandatory: has no value", ""},
        {"kind: pool\nname: p\ngroups:\n", "f.yaml:3:1", "groups: has no value", "[]"},
        {"kind: pool\nname: p\nhold_down:\n", "f.yaml:3:1", "hold_down: has no value", "leave the line out"},
        {"kind: profile\nname: p\nwindows:\n", "f.yaml:3:1", "windows: has no value", "[]"},
        {"kind: profile\nname: p\nwindows: [~]\n", "f.yaml:3", "windows: has no value", ""},
        {"kind: node\nname:\n", "f.yaml:2:1", "name: has no value", ""},
        {"kind: node\nname: n\nstate:\n", "f.yaml:3:1", "state: has no value", ""},
        {"kind: label\nnode: n\nlabels:\n", "f.yaml:3:1", "labels: has no value", ""},
        {"kind: manifest\nname: m\nplugin: /x\nsha256: " DIGEST "\narguments:\n", "f.yaml:5:1", "arguments: has no value", "[]"},
    };
    (void)state;
    are_refused(rows, sizeof rows / sizeof rows[0]);
}

static struct ctl_defs good(const char *text)
{
    struct ctl_defs defs = {0};
    struct sp_err err = {0};
    if (ctl_def_parse("f.yaml", sp_str_of(text), &defs, &err) != SP_OK)
        fail_msg("%s: %s (%s)", err.where, err.text, err.hint);
    return defs;
}

static const char *text_of(const struct ctl_def *def, const char *key)
{
    const char *text = json_string_value(json_object_get(def->want, key));
    return text != NULL ? text : "(none)";
}

static void test_defaults(void **state)
{
    (void)state;
    struct ctl_defs defs = good(CHECK "---\nkind: profile\nname: p\n---\nkind: pool\nname: q\n---\nkind: node\nname: n\n");
    assert_int_equal(defs.count, 4);
    assert_string_equal(text_of(&defs.items[0], "timeout"), "10s");
    assert_string_equal(text_of(&defs.items[0], "max_age"), "5m");
    assert_string_equal(text_of(&defs.items[0], "stage"), "enforcing");
    assert_true(json_is_true(json_object_get(defs.items[0].want, "enabled")));
    assert_string_equal(text_of(&defs.items[1], "period"), "1m");
    assert_int_equal(json_integer_value(json_object_get(defs.items[1].want, "jitter")), 10);
    assert_int_equal(json_object_size(defs.items[3].want), 1); /* the node keeps what its document does not say */
    ctl_def_clear(&defs);
}

/* Order of names, spelling of spans, place of labels: different texts, one meaning. */
static void test_canonical(void **state)
{
    (void)state;
    struct ctl_defs one =
        good("kind: pool\nname: p\nmandatory: [b, a]\nhold_down: 60s\n---\nkind: node\nname: n\nlabels: {b: 2, a: 1}\n");
    struct ctl_defs two = good("kind: pool\nname: p\nhold_down: 1m\nmandatory: a,b\n---\nkind: node\nname: n\nlabels: 'a=1,b=2'\n");
    assert_true(json_equal(one.items[0].want, two.items[0].want));
    assert_true(json_equal(one.items[1].want, two.items[1].want));
    ctl_def_clear(&one);
    ctl_def_clear(&two);
    one = good("kind: profile\nname: p\nwindows: ['mon-sun 20:00-06:00', 'sat,sun,fri 00:00-24:00']\n");
    two = good("kind: profile\nname: p\nperiod: 60s\nwindows: ['20:00-06:00', 'fri-sun 00:00-24:00']\n");
    assert_true(json_equal(one.items[0].want, two.items[0].want));
    ctl_def_clear(&one);
    ctl_def_clear(&two);
}

static void test_rows_of_the_fleet(void **state)
{
    (void)state;
    struct ctl_defs defs =
        good("kind: check\nname: c\nadapter: noop\nparams: {outcome: warn}\nselector: zone=a\nprofile: p\ntimeout: 2s\n"
             "max_age: 1m\ncategory: [hardware]\nlabels: {gpu: 'yes'}\nstage: shadow\n---\n"
             "kind: profile\nname: p\nperiod: 10s\nwindows: ['mon-fri 08:00-18:00']\n---\n"
             "kind: pool\nname: q\ngroups: [{k: 1, of: [b, a]}]\nhold_down: 5s\n");
    static const char *const rows[] = {
        "{\"name\":\"c\",\"id\":1,\"revision\":2,\"adapter\":\"noop\",\"stage\":\"shadow\",\"enabled\":true,\"profile\":\"p\","
        "\"period_ms\":10000,\"timeout_ms\":2000,\"max_age_ms\":60000,\"rise\":1,\"fall\":1,\"retries\":0,\"selector\":\"zone=a\","
        "\"category\":[\"hardware\"],\"runbook\":\"\",\"params\":{\"outcome\":\"warn\"},\"digest\":\"00\",\"pairs\":1,\"late\":0,"
        "\"labels\":\"gpu=yes\"}",
        "{\"name\":\"p\",\"period_ms\":10000,\"splay\":\"0\",\"jitter_percent\":10,\"windows\":[\"mon-fri "
        "08:00-18:00\"],\"max_running\":0,"
        "\"max_per_node\":0,\"priority\":5,\"selected\":true}",
        "{\"name\":\"q\",\"mandatory\":[],\"advisory\":[],\"groups\":[{\"k\":1,\"of\":[\"a\",\"b\"]}],\"selector\":\"\",\"hold_"
        "down_ms\":5000,"
        "\"accept_warn\":false,\"trait\":\"\",\"members\":0,\"eligible_nodes\":1}",
    };
    for (size_t i = 0; i < 3; i++) {
        json_t *row = json_loads(rows[i], 0, NULL);
        json_t *have = ctl_def_of_row(defs.items[i].kind, row);
        if (!json_equal(have, defs.items[i].want))
            fail_msg("%s\n%s", json_dumps(have, JSON_SORT_KEYS), json_dumps(defs.items[i].want, JSON_SORT_KEYS));
        json_decref(have);
        json_decref(row);
    }
    ctl_def_clear(&defs);
}

/* What export prints, apply reads, and means the same. */
static void test_print_reads_back(struct ctl_defs *defs)
{
    struct sp_buf b;
    struct ctl_defs again = {0};
    struct sp_err err = {0};
    sp_buf_init(&b, 1 << 20);
    for (size_t i = 0; i < defs->count; i++)
        ctl_def_print(defs->items[i].kind, defs->items[i].want, &b);
    assert_false(b.failed);
    if (ctl_def_parse("printed", sp_buf_view(&b), &again, &err) != SP_OK)
        fail_msg("%s: %s\n%.*s", err.where, err.text, (int)b.n, (const char *)b.p);
    assert_int_equal(again.count, defs->count);
    for (size_t i = 0; i < defs->count; i++) {
        if (!json_equal(again.items[i].want, defs->items[i].want))
            fail_msg("%s changed:\n%.*s", defs->items[i].where, (int)b.n, (const char *)b.p);
    }
    ctl_def_clear(&again);
    sp_buf_fini(&b);
}

static void test_examples(void **state)
{
    struct ctl_defs defs = {0};
    struct ctl_policy_world world = {0};
    struct sp_err err = {0};
    (void)state;
    /* All of them together, as `apply -f ops/examples` would. */
    if (ctl_def_load(SPICE_SOURCE_DIR "/ops/examples", &defs, &err) != SP_OK || ctl_policy_check(&defs, &world, &err) != SP_OK)
        fail_msg("%s: %s (%s)", err.where, err.text, err.hint);
    assert_true(defs.count > 15);
    test_print_reads_back(&defs);
    ctl_def_clear(&defs);
}

static void test_odd_texts_read_back(void **state)
{
    (void)state;
    struct ctl_defs defs = good(
        "kind: check\nname: c\nadapter: foreign\nrunbook: 'a: b #c'\nparams:\n  a: '10'\n  b: 10\n  c: [x, 'y, z', '[']\n"
        "  d: {e: ''}\n  'f: g': 'yes'\n  h: \"line\\nbreak\"\n  i: 'Null'\n  j: 1.5\n  k: 'null'\n  l: 0e300\n  m: \"x\\Ny\\Lz\"\n");
    test_print_reads_back(&defs);
    ctl_def_clear(&defs);
}

static void test_a_node_is_what_its_document_says(void **state)
{
    (void)state;
    struct ctl_defs defs =
        good("kind: node\nname: n\nstate: in_service\nlabels: {}\naliases: []\naddress: ''\n---\nkind: node\nname: m\n");
    assert_string_equal(text_of(&defs.items[0], "state"), "in_service");
    assert_int_equal(json_object_size(defs.items[0].want), 5);
    test_print_reads_back(&defs);
    ctl_def_clear(&defs);
}

/* A file that is older than the quarantine does not end it. */
static void test_quarantine_stays(void **state)
{
    static const char *const texts[] = {"kind: node\nname: n\nstate: in_service\n", "kind: node\nname: n\nstate: maintenance\n",
                                        "kind: node\nname: n\nstate: retired\n",    "kind: node\nname: n\nstate: quarantined\n",
                                        "kind: node\nname: n\nlabels: {a: b}\n",    "kind: node\nname: m\nstate: in_service\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ctl_policy_world world = {0};
        struct sp_err err = {0};
        struct ctl_defs defs = good(texts[i]);
        world.have[CTL_DEF_NODE] = json_pack("{s:{s:s, s:s}}", "n", "name", "n", "state", "quarantined");
        if ((ctl_policy_check(&defs, &world, &err) == SP_OK) != (i > 2) || (i < 3 && strstr(err.hint, "node resume n") == NULL))
            fail_msg("%s: \"%s\" \"%s\"", texts[i], err.text, err.hint);
        json_decref(world.have[CTL_DEF_NODE]);
        ctl_def_clear(&defs);
    }
}

static void test_policy(void **state)
{
    static const struct {
        const char *text;
        const char *what; /* NULL: fine */
        const char *hint;
    } rows[] = {
        {CHECK, NULL, ""},
        {CHECK "profile: nrmal\n---\nkind: profile\nname: normal\n", "does not exist", "normal"},
        {CHECK "---\nkind: pool\nname: p\nmandatory: [cc]\n", "does not exist", "c"},
        {CHECK "---\nkind: pool\nname: p\ngroups: [{k: 1, of: [d]}]\n", "does not exist", ""},
        {CHECK "---\n" CHECK, "a second time", ""},
        {"kind: label\nnode: n\nlabels: {a: b}\n", "does not exist", ""},
        {"kind: node\nname: n\n---\nkind: label\nnode: n\nlabels: {a: b}\n", NULL, ""},
        {"kind: node\nname: n\naliases: [a]\n---\nkind: node\nname: m\naliases: [a]\n", "gives to node n", ""},
        {"kind: node\nname: n\naliases: [m]\n---\nkind: node\nname: m\n", "gives to node n", ""},
        {"kind: node\nname: n\naliases: [a]\n---\nkind: node\nname: m\naliases: [b]\n", NULL, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ctl_policy_world world = {0};
        struct sp_err err = {0};
        struct ctl_defs defs = good(rows[i].text);
        enum sp_rc rc = ctl_policy_check(&defs, &world, &err);
        if ((rc == SP_OK) != (rows[i].what == NULL) ||
            (rows[i].what != NULL && (strstr(err.text, rows[i].what) == NULL || strstr(err.hint, rows[i].hint) == NULL)))
            fail_msg("row %zu: \"%s\" \"%s\"", i, err.text, err.hint);
        ctl_def_clear(&defs);
    }
}

/* Names that nobody defines are pointed at where they are written, not at the head of their document. */
static void test_names_have_lines(void **state)
{
    static const struct {
        const char *text, *where, *hint;
    } rows[] = {
        {CHECK "profile: nrmal\n---\nkind: profile\nname: normal\n", "f.yaml:4:10", "did you mean normal?"},
        {CHECK "---\nkind: pool\nname: p\nmandatory: [cc]\n", "f.yaml:7:13", "did you mean c?"},
        {CHECK "---\nkind: pool\nname: p\nmandatory:\n  - c\nadvisory:\n  - dddd\n", "f.yaml:10:5", "check list"},
        {CHECK "---\nkind: pool\nname: p\nadvisory: c\ngroups: [{k: 1, of: [dddd]}]\n", "f.yaml:8:22", "check list"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ctl_policy_world world = {0};
        struct sp_err err = {0};
        struct ctl_defs defs = good(rows[i].text);
        assert_int_not_equal(ctl_policy_check(&defs, &world, &err), SP_OK);
        assert_string_equal(err.where, rows[i].where);
        assert_non_null(strstr(err.hint, rows[i].hint));
        ctl_def_clear(&defs);
    }
}

/* Every configuration that ships loads; so do the principals, with both brokers and every worker they name. */
static void test_configurations(void **state)
{
    static const char *const patterns[] = {SPICE_SOURCE_DIR "/ops/conf/*.yaml", SPICE_SOURCE_DIR "/ops/conf/*/*.yaml"};
    size_t loaded = 0;
    struct sp_err err = {0};
    struct sp_conf_principals *principals;
    (void)state;
    if (sp_conf_principals_load(SPICE_SOURCE_DIR "/ops/conf/principals.yaml", &principals, &err) != SP_OK)
        fail_msg("%s: %s (%s)", err.where, err.text, err.hint);
    for (size_t p = 0; p < 2; p++) {
        glob_t found;
        assert_int_equal(glob(patterns[p], 0, NULL, &found), 0);
        for (size_t i = 0; i < found.gl_pathc; i++) {
            struct sp_conf *conf;
            if (strstr(found.gl_pathv[i], "principals") != NULL)
                continue;
            if (sp_conf_load(found.gl_pathv[i], NULL, &conf, &err) != SP_OK)
                fail_msg("%s: %s (%s)", err.where, err.text, err.hint);
            for (uint32_t b = 0; b < conf->broker_count; b++) {
                bool known = false;
                for (uint32_t n = 0; n < principals->count; n++)
                    known = known || strcmp(principals->rows[n].name, conf->brokers[b].name) == 0;
                assert_true(known);
            }
            sp_conf_destroy(&conf);
            loaded++;
        }
        globfree(&found);
    }
    assert_int_equal(loaded, 7);
    sp_conf_principals_destroy(&principals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_value),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_rows_of_the_fleet),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_odd_texts_read_back),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_a_node_is_what_its_document_says),
        cmocka_unit_test(test_quarantine_stays),
        cmocka_unit_test(test_names_have_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
