/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of named parts: what was written is read, and nothing else is. */
#include "sections.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sp_assert.h"

static void written_and_read(void **state)
{
    uint8_t bytes[256];
    struct sections_writer w;
    struct sections s;
    struct sp_str found;
    (void)state;
    sections_begin(&w, bytes, sizeof bytes);
    sections_add(&w, "attest", sp_str_of("abc"));
    sections_add(&w, "empty", sp_str_of(""));
    sections_add(&w, "x_9", sp_str_bytes("\0\1", 2));
    assert_false(w.bad);
    assert_int_equal(w.n, 6 + 1 + 4 + 3 + 1 + 5 + 4 + 1 + 3 + 4 + 2);
    assert_memory_equal(bytes, "\6attest\0\0\0\3abc\5empty", 20);
    assert_true(sections_read(sp_str_bytes(bytes, w.n), &s));
    assert_int_equal(s.count, 3);
    assert_true(sections_find(&s, "attest", &found) && sp_str_is(found, "abc"));
    assert_true(sections_find(&s, "empty", &found) && found.n == 0);
    assert_true(sections_find(&s, "x_9", &found) && found.n == 2);
    assert_false(sections_find(&s, "attes", &found));
    assert_true(sections_read(sp_str_of(""), &s));
    assert_int_equal(s.count, 0);
    for (size_t n = 1; n < w.n; n++) { /* cut anywhere but between two sections */
        bool whole = n == 14 || n == 24;
        assert_int_equal(sections_read(sp_str_bytes(bytes, n), &s), whole);
        assert_true(whole || s.count == 0);
    }
}

static void what_is_no_document(void **state)
{
    static const struct {
        const char *p;
        size_t n;
    } bad[] = {
        {"\0\0\0\0\0", 5},                                    /* no name */
        {"\1A\0\0\0\0", 6},                                   /* a letter that names have not */
        {"\1a\0\0\0\1", 6},                                   /* a byte is missing */
        {"\1a\377\377\377\377", 6},                           /* all of memory */
        {"\1a\0\0\0\0x", 7},                                  /* something left over */
        {"\1a\0\0\0\0\1a\0\0\0\0", 12},                       /* twice: which of them? */
        {"\41aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0\0\0\0", 38}, /* a name of 33 */
    };
    struct sections s;
    (void)state;
    for (size_t i = 0; i < SP_COUNT(bad); i++) {
        assert_false(sections_read(sp_str_bytes(bad[i].p, bad[i].n), &s));
        assert_int_equal(s.count, 0);
    }
}

static void bounds(void **state)
{
    uint8_t bytes[SECTIONS_HEAD_MAX * (SECTIONS_MAX + 1)];
    struct sections_writer w;
    struct sections s;
    char name[SECTIONS_NAME_MAX + 2] = "";
    (void)state;
    sections_begin(&w, bytes, sizeof bytes);
    for (unsigned i = 0; i < SECTIONS_MAX; i++) {
        const char text[] = {(char)('a' + i), '\0'};
        sections_add(&w, text, sp_str_of(""));
    }
    assert_true(!w.bad && sections_read(sp_str_bytes(bytes, w.n), &s) && s.count == SECTIONS_MAX);
    memcpy(bytes + w.n, "\1z\0\0\0\0", 6);
    assert_false(sections_read(sp_str_bytes(bytes, w.n + 6), &s));
    sections_add(&w, "z", sp_str_of(""));
    assert_true(w.bad); /* and stays so */
    sections_begin(&w, bytes, 8);
    sections_add(&w, "abc", sp_str_of("1"));
    assert_true(w.bad && w.n == 0);
    sections_begin(&w, bytes, 9);
    sections_add(&w, "abc", sp_str_of("1"));
    assert_true(!w.bad && w.n == 9);
    memset(name, 'a', SECTIONS_NAME_MAX + 1);
    assert_int_equal(sections_head(name, 1, bytes), 0);
    name[SECTIONS_NAME_MAX] = '\0';
    assert_int_equal(sections_head(name, 1, bytes), SECTIONS_HEAD_MAX);
    assert_int_equal(sections_head("", 1, bytes), 0);
    assert_int_equal(sections_head("a-b", 1, bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read),
        cmocka_unit_test(what_is_no_document),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests_name("sections", tests, NULL, NULL);
}
