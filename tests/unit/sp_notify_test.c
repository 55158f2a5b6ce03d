/* SPDX-License-Identifier: Apache-2.0 */
/* Notes to the service manager; the watchdog is fed by progress only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "scratch.h"
#include "sp_notify.h"

static struct scratch scratch;
static int manager = -1;
static struct sp_notify n;

static int setup(void **state)
{
    (void)state;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    scratch_init(&scratch);
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%.90s/notify", scratch.dir);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(manager, (struct sockaddr *)&a, sizeof a) != 0) {
        return -1;
    }
    setenv("NOTIFY_SOCKET", a.sun_path, 1);
    setenv("WATCHDOG_USEC", "2000000", 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sp_notify_fini(&n);
    (void)close(manager);
    scratch_fini(&scratch);
    return 0;
}

static const char *heard(void)
{
    static char text[1024];
    ssize_t got = recv(manager, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static void notes(void **state)
{
    (void)state;
    sp_notify_init(&n);
    assert_null(getenv("NOTIFY_SOCKET")); /* children do not speak for us */
    assert_null(getenv("WATCHDOG_USEC"));
    sp_notify_ready(&n, "serving");
    assert_string_equal(heard(), "READY=1\nSTATUS=serving");
    sp_notify_status(&n, "busy");
    assert_string_equal(heard(), "STATUS=busy");
    sp_notify_stopping(&n, NULL);
    assert_string_equal(heard(), "STOPPING=1\n");
    for (int i = 0; i < 2000; i++) {
        sp_notify_status(&n, "a manager that does not read stops nobody");
    }
}

static void watchdog_wants_progress(void **state)
{
    (void)state;
    struct sp_mono t = {1000000};
    sp_notify_init(&n);
    sp_notify_watchdog(&n, t, 1);
    assert_string_equal(heard(), "WATCHDOG=1");
    assert_true(sp_notify_deadline(&n).us == 2000000);
    sp_notify_watchdog(&n, t, 2);
    assert_string_equal(heard(), ""); /* too early */
    t.us = 2000000;
    sp_notify_watchdog(&n, t, 1);
    assert_string_equal(heard(), ""); /* time, but no progress */
    assert_true(sp_notify_deadline(&n).us > t.us);
    t = sp_notify_deadline(&n);
    sp_notify_watchdog(&n, t, 2);
    assert_string_equal(heard(), "WATCHDOG=1");
}

static void another_process_is_watched(void **state)
{
    (void)state;
    setenv("WATCHDOG_PID", "1", 1);
    sp_notify_init(&n);
    sp_notify_watchdog(&n, (struct sp_mono){1000000}, 1);
    assert_string_equal(heard(), "");
    assert_true(sp_notify_deadline(&n).us == SP_NEVER);
}

static void without_a_manager(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    sp_notify_init(&n);
    sp_notify_ready(&n, "x");
    sp_notify_watchdog(&n, (struct sp_mono){1000000}, 1);
    assert_true(sp_notify_deadline(&n).us == SP_NEVER);
    assert_string_equal(heard(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(notes, setup, teardown),
        cmocka_unit_test_setup_teardown(watchdog_wants_progress, setup, teardown),
        cmocka_unit_test_setup_teardown(another_process_is_watched, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_manager, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
