/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the log: form, escaping, levels, repeats, and a reader that does not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "sp_clock.h"
#include "sp_log.h"

static int ends[2];
static char text[1u << 16];

static int setup(void **state)
{
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(fcntl(ends[0], F_SETFL, O_NONBLOCK) >= 0);
    sp_log_open(ends[1], "test");
    assert_true(sp_log_level_set(NULL, SP_LOG_INFO));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)close(ends[0]);
    (void)close(ends[1]);
    sp_log_open(2, NULL);
    return 0;
}

/* Everything written since the last call. */
static const char *taken(void)
{
    ssize_t n = read(ends[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static unsigned lines_of(const char *t)
{
    unsigned n = 0;
    for (; *t != '\0'; t++) {
        n += *t == '\n' ? 1 : 0;
    }
    return n;
}

static void a_line(void **state)
{
    (void)state;
    errno = 77;
    SP_LOG(SP_LOG_NOTICE, "keeper", "node.state", SP_LOG_S("node", "n1"), SP_LOG_U("seq", 7u), SP_LOG_I("diff", -3),
           SP_LOG_HEX("id", "\x00\xff", 2), SP_LOG_S("none", (const char *)NULL));
    assert_int_equal(errno, 77);
    const char *t = taken();
    assert_memory_equal(t, "at=20", 5);
    assert_string_equal(strstr(t, " level="),
                        " level=notice proc=test sub=keeper event=node.state node=n1 seq=7 diff=-3 id=00ff none=-\n");
    SP_LOG(SP_LOG_ERROR, "keeper", "bare");
    assert_string_equal(strstr(taken(), " sub="), " sub=keeper event=bare\n");
}

static void peers_cannot_forge_lines(void **state)
{
    (void)state;
    SP_LOG(SP_LOG_INFO, "bus", "hello", SP_LOG_S("name", "x\nat=1 level=error event=fake"), SP_LOG_S("quote", "a\"b\\c"),
           SP_LOG_V("bytes", sp_str_bytes("\xff\x01z", 3)), SP_LOG_S("utf", "\xc3\xa4"), SP_LOG_S("empty", ""));
    const char *t = taken();
    assert_int_equal(lines_of(t), 1);
    assert_non_null(strstr(t, "name=\"x\\x0aat=1 level=error event=fake\""));
    assert_non_null(strstr(t, "quote=\"a\\\"b\\\\c\""));
    assert_non_null(strstr(t, "bytes=\"\\xff\\x01z\""));
    assert_non_null(strstr(t, "utf=\"\xc3\xa4\" empty=\"\"\n"));
}

static void long_values_are_cut(void **state)
{
    (void)state;
    static char big[5000];
    memset(big, 'x', sizeof big - 1);
    SP_LOG(SP_LOG_INFO, "bus", "big", SP_LOG_S("a", big));
    const char *t = taken();
    assert_int_equal(lines_of(t), 1);
    assert_non_null(strstr(t, "...\"\n"));
    assert_true(strlen(t) < 700);
    memset(big, 1, sizeof big - 1);
    SP_LOG(SP_LOG_INFO, "bus", "big", SP_LOG_S("a", big), SP_LOG_S("b", big), SP_LOG_S("c", big), SP_LOG_HEX("d", big, 5000));
    t = taken();
    assert_int_equal(lines_of(t), 1);
    assert_true(strlen(t) <= SP_LOG_LINE_BYTES);
    assert_non_null(strstr(t, " ...\n"));
}

static int evaluated;
static const char *costly(void)
{
    evaluated++;
    return "x";
}

static void levels(void **state)
{
    (void)state;
    enum sp_log_level level;
    SP_LOG(SP_LOG_DEBUG, "bus", "quiet", SP_LOG_S("a", costly()));
    assert_int_equal(evaluated, 0);
    assert_string_equal(taken(), "");
    assert_true(sp_log_level_set("bus", SP_LOG_DEBUG));
    SP_LOG(SP_LOG_DEBUG, "bus", "quiet", SP_LOG_S("a", costly()));
    SP_LOG(SP_LOG_DEBUG, "other", "quiet", SP_LOG_S("a", costly()));
    assert_int_equal(evaluated, 1);
    assert_int_equal(lines_of(taken()), 1);
    assert_true(sp_log_level_set("bus", SP_LOG_ERROR));
    SP_LOG(SP_LOG_WARNING, "bus", "quiet");
    assert_string_equal(taken(), "");
    assert_true(sp_log_level_parse(sp_str_of("warning"), &level));
    assert_int_equal(level, SP_LOG_WARNING);
    assert_false(sp_log_level_parse(sp_str_of("Warning"), &level));
    assert_false(sp_log_level_set("a-name-that-is-much-too-long-for-it", SP_LOG_INFO));
    assert_true(sp_log_level_set("bus", SP_LOG_INFO));
}

static void repeats_are_counted(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        SP_LOG(SP_LOG_WARNING, "bus", "flap", SP_LOG_S("peer", "w1"), SP_LOG_S("why", "gone"));
    }
    SP_LOG(SP_LOG_WARNING, "bus", "flap", SP_LOG_S("peer", "w2"), SP_LOG_S("why", "gone"));
    assert_int_equal(lines_of(taken()), 2);
    struct sp_now now = sp_clock_read();
    sp_log_tick(now);
    assert_string_equal(taken(), "");
    now.mono.us += SP_LOG_REPEAT_MS * 1000ull;
    sp_log_tick(now);
    const char *t = taken();
    assert_int_equal(lines_of(t), 1);
    assert_non_null(strstr(t, "level=warning proc=test sub=bus event=flap peer=w1 repeated=49 within_ms="));
    SP_LOG(SP_LOG_WARNING, "bus", "flap", SP_LOG_S("peer", "w1"), SP_LOG_S("why", "gone"));
    assert_int_equal(lines_of(taken()), 1);
}

/* A loop of ever different lines is limited as well, and its number told. */
static void floods_are_limited(void **state)
{
    (void)state;
    unsigned lines = 0;
    for (unsigned i = 0; i < 3 * SP_LOG_BURST; i++) {
        SP_LOG(SP_LOG_INFO, "bus", "flood", SP_LOG_U("port", i));
        lines += lines_of(taken());
    }
    assert_int_equal(lines, SP_LOG_BURST);
    struct sp_now now = sp_clock_read();
    now.mono.us += SP_LOG_REPEAT_MS * 1000ull;
    sp_log_tick(now);
    assert_non_null(strstr(taken(), "event=flood repeated=400 "));
}

static void a_full_pipe_does_not_block(void **state)
{
    (void)state;
    static char big[400];
    uint64_t before = sp_log_lost();
    memset(big, 'x', sizeof big - 1);
    for (unsigned i = 0; i < 199; i++) {
        SP_LOG(SP_LOG_INFO, "bus", "block", SP_LOG_U("i", i), SP_LOG_S("a", big));
    }
    for (unsigned i = 0; i < 199; i++) {
        SP_LOG(SP_LOG_INFO, "bus", "more", SP_LOG_U("i", i), SP_LOG_S("a", big));
    }
    uint64_t lost = sp_log_lost() - before;
    assert_true(lost > 0);
    while (taken()[0] != '\0') {
    }
    SP_LOG(SP_LOG_INFO, "bus", "after");
    char want[64];
    (void)snprintf(want, sizeof want, "event=log.lost lines=%llu\n", (unsigned long long)lost);
    assert_non_null(strstr(taken(), want));
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    sp_log_open(full, NULL);
    before = sp_log_lost();
    SP_LOG(SP_LOG_INFO, "bus", "nospace");
    assert_int_equal(sp_log_lost(), before + 1);
    (void)close(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line, setup, teardown),
        cmocka_unit_test_setup_teardown(peers_cannot_forge_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(long_values_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(levels, setup, teardown),
        cmocka_unit_test_setup_teardown(repeats_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(floods_are_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_pipe_does_not_block, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
