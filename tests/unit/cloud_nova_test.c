/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of Nova's lists: each row once, the next page by the last row's id, and no list from a part, from nonsense, or without end.
 */
#include "cloud_nova.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct seen {
    unsigned rows;
    bool refuse;
};

static bool on_row(void *self, const json_t *row)
{
    struct seen *s = self;
    assert_true(json_is_object(row));
    s->rows++;
    return !s->refuse;
}

static void pages(void **state)
{
    static const struct {
        const char *text, *before, *id;
        const char *wrong; /* NULL: good */
        unsigned rows;
        bool more;
        const char *last;
    } rows[] = {
        {"{\"hosts\": []}", "", "id", NULL, 0, false, ""},
        {"{\"hosts\": [], \"hosts_links\": [{\"rel\": \"next\"}]}", "a-1", "id", NULL, 0, false, "a-1"},
        {"{\"hosts\": [{\"id\": \"a-1\"}, {\"id\": \"b-2\"}]}", "", "id", NULL, 2, true, "b-2"}, /* no link proves nothing */
        {"{\"hosts\": [{\"id\": \"a-1\"}], \"hosts_links\": [{\"rel\": \"next\", \"href\": \"http://evil/\"}]}", "", "id", NULL, 1,
         true, "a-1"},
        {"{\"hosts\": [{\"id\": \"a-1\"}]}", "a-1", "id", "the list does not go on", 1, true, "a-1"},
        {"{\"hosts\": [{\"id\": \"a&b=c\"}]}", "", "id", "a row of the list has no id", 1, false, ""},
        {"{\"hosts\": [{\"id\": \"\"}]}", "", "id", "a row of the list has no id", 1, false, ""},
        {"{\"hosts\": [{\"id\": 17}]}", "", "id", "a row of the list has no id", 1, false, ""},
        {"{\"hosts\": [{\"x\": 17}]}", "", NULL, NULL, 1, false, ""},
        {"{\"hosts\": [{\"x\": 17}], \"hosts_links\": [{\"rel\": \"next\"}]}", "", NULL,
         "the list has pages where none are expected", 1, false, ""},
        {"{\"hosts\": [1]}", "", NULL, "a row of the list is not sound", 0, false, ""},
        {"{\"hosts\": [{},{},{},{}]}", "", NULL, "the list is too long", 0, false, ""},
        {"{\"hosts\": {\"id\": \"a\"}}", "", "id", "the answer has no such list", 0, false, ""},
        {"{\"others\": []}", "", "id", "the answer has no such list", 0, false, ""},
        {"[]", "", "id", "the answer has no such list", 0, false, ""},
    };
    (void)state;
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct seen seen = {0};
        struct cloud_nova_list list = {.member = "hosts", .id = rows[i].id, .rows_max = 3, .self = &seen, .row = on_row};
        char last[CLOUD_NOVA_ID_BYTES] = "";
        uint32_t count = 0;
        bool more = false;
        (void)sp_str_copy(last, sizeof last, sp_str_of(rows[i].before));
        json_t *doc = json_loads(rows[i].text, JSON_DECODE_ANY, NULL);
        const char *wrong = cloud_nova_page(&list, doc, &count, last, &more);
        if (rows[i].wrong == NULL)
            assert_null(wrong);
        else
            assert_string_equal(wrong, rows[i].wrong);
        assert_int_equal(seen.rows, rows[i].rows);
        assert_int_equal(more, rows[i].more);
        if (wrong == NULL)
            assert_string_equal(last, rows[i].last);
        json_decref(doc);
    }
}

static void a_row_refused_ends_the_list(void **state)
{
    struct seen seen = {.refuse = true};
    struct cloud_nova_list list = {.member = "hosts", .rows_max = 3, .self = &seen, .row = on_row};
    char last[CLOUD_NOVA_ID_BYTES] = "";
    uint32_t count = 0;
    bool more = false;
    (void)state;
    json_t *doc = json_loads("{\"hosts\": [{}, {}]}", 0, NULL);
    assert_non_null(cloud_nova_page(&list, doc, &count, last, &more));
    assert_int_equal(seen.rows, 1);
    json_decref(doc);
}

static void length_counts_over_all_pages(void **state)
{
    struct seen seen = {0};
    struct cloud_nova_list list = {.member = "hosts", .id = "id", .rows_max = 3, .self = &seen, .row = on_row};
    char last[CLOUD_NOVA_ID_BYTES] = "";
    uint32_t count = 0;
    bool more = false;
    (void)state;
    json_t *first = json_loads("{\"hosts\": [{\"id\": \"a\"}, {\"id\": \"b\"}], \"hosts_links\": [{\"rel\": \"next\"}]}", 0, NULL);
    json_t *second = json_loads("{\"hosts\": [{\"id\": \"c\"}, {\"id\": \"d\"}]}", 0, NULL);
    assert_null(cloud_nova_page(&list, first, &count, last, &more));
    assert_true(more);
    assert_string_equal(cloud_nova_page(&list, second, &count, last, &more), "the list is too long");
    json_decref(first);
    json_decref(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages),
        cmocka_unit_test(a_row_refused_ends_the_list),
        cmocka_unit_test(length_counts_over_all_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
