/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: descriptors, deadlines, hooks, signals, and what callbacks may do to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sp_clock.h"
#include "sp_loop.h"

struct world {
    struct sp_loop *loop;
    struct sp_mono due;
    int ticks;
    int hooks;
    int hook_work; /* the hook has this many rounds of work left */
    int signals[65];
    int calls[8];
    int fds[8];
    bool starve; /* the descriptor stays ready for ever */
};

static struct sp_mono deadline(void *ctx)
{
    return ((struct world *)ctx)->due;
}

static void tick(void *ctx, const struct sp_now *now)
{
    struct world *w = ctx;
    assert_true(now->mono.us >= w->due.us);
    w->ticks++;
    w->due.us = SP_NEVER;
    sp_loop_stop(w->loop);
}

static void on_signal(void *ctx, int signo, const struct sp_now *now)
{
    struct world *w = ctx;
    assert_true(now->wall.ms > 0);
    w->signals[signo]++;
}

static bool hook(void *ctx, const struct sp_now *now)
{
    struct world *w = ctx;
    (void)now;
    w->hooks++;
    return w->hook_work > 0 && --w->hook_work > 0;
}

static void drain0(void *ctx, uint32_t events, const struct sp_now *now)
{
    struct world *w = ctx;
    uint64_t x;
    (void)now;
    assert_true((events & EPOLLIN) != 0);
    w->calls[0]++;
    if (!w->starve) {
        assert_int_equal(read(w->fds[0], &x, sizeof x), sizeof x);
    }
}

/* Two ready descriptors; whoever comes first removes the other, closes it and opens a new one with the same number. */
static void never(void *ctx, uint32_t events, const struct sp_now *now)
{
    struct world *w = ctx;
    (void)events;
    (void)now;
    w->calls[7]++;
}

static void kill_other(struct world *w, int self, int other)
{
    w->calls[self]++;
    if (w->fds[other] >= 0) {
        int number = w->fds[other];
        sp_loop_del(w->loop, number);
        assert_int_equal(close(number), 0);
        w->fds[other] = -1;
        int again = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_int_equal(again, number);
        assert_int_equal(sp_loop_add(w->loop, again, EPOLLIN, (struct sp_loop_watch){never, w}), SP_OK);
        w->fds[7] = again;
    }
}

static void first(void *ctx, uint32_t events, const struct sp_now *now)
{
    (void)events;
    (void)now;
    kill_other(ctx, 1, 2);
}

static void second(void *ctx, uint32_t events, const struct sp_now *now)
{
    (void)events;
    (void)now;
    kill_other(ctx, 2, 1);
}

static int setup(void **state)
{
    static struct world w;
    w = (struct world){.due = {SP_NEVER}};
    for (int i = 0; i < 8; i++) {
        w.fds[i] = -1;
    }
    const struct sp_loop_options o = {&w, deadline, tick, on_signal};
    struct sp_err err;
    assert_int_equal(sp_loop_new(&o, &w.loop, &err), SP_OK);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 8; i++) {
        if (w->fds[i] >= 0) {
            (void)close(w->fds[i]);
        }
    }
    sp_loop_destroy(&w->loop);
    assert_null(w->loop);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    return 0;
}

static void deadline_is_kept(void **state)
{
    struct world *w = *state;
    w->due.us = sp_clock_read().mono.us + 20000;
    uint64_t due = w->due.us;
    assert_int_equal(sp_loop_run(w->loop), SP_OK);
    assert_int_equal(w->ticks, 1);
    assert_true(sp_loop_now(w->loop)->mono.us >= due);
    assert_true(sp_loop_turns(w->loop) <= 3); /* it slept, it did not spin */
    /* The same instant again, after it fired, fires again. */
    w->due.us = due;
    assert_int_equal(sp_loop_run(w->loop), SP_OK);
    assert_int_equal(w->ticks, 2);
    assert_true(sp_loop_late_us(w->loop) > 0);
}

static void moved_deadline_is_kept(void **state)
{
    struct world *w = *state;
    w->due.us = sp_clock_read().mono.us + 3600ull * SP_US_PER_S;
    assert_int_equal(sp_loop_turn(w->loop, 0), SP_OK);
    w->due.us = sp_clock_read().mono.us + 5000;
    assert_int_equal(sp_loop_run(w->loop), SP_OK);
    assert_int_equal(w->ticks, 1);
}

static void input_does_not_starve_time(void **state)
{
    struct world *w = *state;
    w->starve = true;
    w->fds[0] = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(sp_loop_add(w->loop, w->fds[0], EPOLLIN, (struct sp_loop_watch){drain0, w}), SP_OK);
    w->due.us = sp_clock_read().mono.us + 5000;
    assert_int_equal(sp_loop_run(w->loop), SP_OK);
    assert_int_equal(w->ticks, 1);
    assert_true(w->calls[0] > 1);
}

static void descriptors_come_and_go(void **state)
{
    struct world *w = *state;
    w->fds[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(sp_loop_add(w->loop, w->fds[0], EPOLLIN, (struct sp_loop_watch){drain0, w}), SP_OK);
    assert_int_equal(sp_loop_add(w->loop, w->fds[0], EPOLLIN, (struct sp_loop_watch){drain0, w}), SP_E_EXISTS);
    assert_int_equal(sp_loop_count(w->loop), 1);
    assert_int_equal(sp_loop_turn(w->loop, 0), SP_OK);
    assert_int_equal(w->calls[0], 0);
    assert_int_equal(eventfd_write(w->fds[0], 1), 0);
    assert_int_equal(sp_loop_turn(w->loop, 1000), SP_OK);
    assert_int_equal(w->calls[0], 1);
    assert_int_equal(sp_loop_mod(w->loop, w->fds[0], 0), SP_OK);
    assert_int_equal(eventfd_write(w->fds[0], 1), 0);
    assert_int_equal(sp_loop_turn(w->loop, 0), SP_OK);
    assert_int_equal(w->calls[0], 1);
    assert_int_equal(sp_loop_mod(w->loop, w->fds[0], EPOLLIN), SP_OK);
    assert_int_equal(sp_loop_turn(w->loop, 1000), SP_OK);
    assert_int_equal(w->calls[0], 2);
    sp_loop_del(w->loop, w->fds[0]);
    sp_loop_del(w->loop, w->fds[0]);
    assert_int_equal(sp_loop_mod(w->loop, w->fds[0], EPOLLIN), SP_E_NOT_FOUND);
    assert_int_equal(sp_loop_count(w->loop), 0);
}

static void stale_events_are_not_delivered(void **state)
{
    struct world *w = *state;
    w->fds[1] = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    w->fds[2] = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(sp_loop_add(w->loop, w->fds[1], EPOLLIN, (struct sp_loop_watch){first, w}), SP_OK);
    assert_int_equal(sp_loop_add(w->loop, w->fds[2], EPOLLIN, (struct sp_loop_watch){second, w}), SP_OK);
    assert_int_equal(sp_loop_turn(w->loop, 1000), SP_OK);
    assert_int_equal(w->calls[1] + w->calls[2], 1);
    assert_int_equal(w->calls[7], 0); /* the new owner of the number did not get the old one's event */
}

static void hooks_keep_it_awake(void **state)
{
    struct world *w = *state;
    w->hook_work = 5;
    assert_int_equal(sp_loop_hook(w->loop, hook, w), SP_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sp_loop_turn(w->loop, -1), SP_OK); /* would sleep for ever if it forgot the work */
    }
    assert_int_equal(w->hook_work, 0);
    assert_int_equal(w->hooks, 5); /* once before the first wait */
    for (uint32_t i = 1; i < SP_LOOP_HOOKS_MAX; i++) {
        assert_int_equal(sp_loop_hook(w->loop, hook, w), SP_OK);
    }
    assert_int_equal(sp_loop_hook(w->loop, hook, w), SP_E_LIMIT);
}

static void signals_arrive_in_the_loop(void **state)
{
    struct world *w = *state;
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(kill(getpid(), SIGCHLD), 0);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    assert_int_equal(sp_loop_turn(w->loop, 1000), SP_OK);
    assert_int_equal(w->signals[SIGTERM], 1);
    assert_int_equal(w->signals[SIGCHLD], 1);
    assert_int_equal(w->signals[SIGHUP], 1);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1); /* and the process lives */
    assert_int_equal(errno, EPIPE);
    (void)close(ends[1]);
}

static void without_handlers_sigterm_stops(void **state)
{
    (void)state;
    struct sp_loop *loop = NULL;
    const struct sp_loop_options o = {0};
    assert_int_equal(sp_loop_new(&o, &loop, NULL), SP_OK);
    assert_int_equal(kill(getpid(), SIGINT), 0);
    assert_int_equal(sp_loop_run(loop), SP_OK);
    sp_loop_destroy(&loop);
}

static void many_idle_descriptors_cost_nothing(void **state)
{
    struct world *w = *state;
    static int fds[900];
    for (size_t i = 0; i < SP_COUNT(fds); i++) {
        fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_true(fds[i] >= 0);
        assert_int_equal(sp_loop_add(w->loop, fds[i], EPOLLIN, (struct sp_loop_watch){never, w}), SP_OK);
    }
    assert_int_equal(sp_loop_count(w->loop), SP_COUNT(fds));
    assert_int_equal(sp_loop_turn(w->loop, 0), SP_OK);
    assert_int_equal(w->calls[7], 0);
    for (size_t i = 0; i < SP_COUNT(fds); i++) {
        sp_loop_del(w->loop, fds[i]);
        (void)close(fds[i]);
    }
    assert_int_equal(sp_loop_add(w->loop, (int)SP_LOOP_FDS_MAX, EPOLLIN, (struct sp_loop_watch){never, w}), SP_E_LIMIT);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(sp_loop_add(w->loop, file, EPOLLIN, (struct sp_loop_watch){never, w}), SP_E_IO);
    (void)close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(deadline_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(moved_deadline_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(input_does_not_starve_time, setup, teardown),
        cmocka_unit_test_setup_teardown(descriptors_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(stale_events_are_not_delivered, setup, teardown),
        cmocka_unit_test_setup_teardown(hooks_keep_it_awake, setup, teardown),
        cmocka_unit_test_setup_teardown(signals_arrive_in_the_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(without_handlers_sigterm_stops, setup, teardown),
        cmocka_unit_test_setup_teardown(many_idle_descriptors_cost_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
