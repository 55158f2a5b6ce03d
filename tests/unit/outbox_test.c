/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: nothing unanswered is lost by kill -9 at any instant, nothing answered is needed again, full disks and torn records. */
#include "outbox.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sp_rng.h"

static char dir[64];

static struct outbox *open_box(struct resend *w)
{
    struct outbox *box = NULL;
    struct sp_err err;
    assert_int_equal(outbox_open(dir, 16, w, &box, &err), SP_OK);
    resend_check(w);
    return box;
}

static void clean(void)
{
    char command[128];
    for (unsigned i = 0; i < OUTBOX_SEGMENTS_MAX; i++) {
        (void)snprintf(command, sizeof command, "%s/segment-%02u", dir, i);
        (void)unlink(command);
    }
    (void)snprintf(command, sizeof command, "%s/mark", dir);
    (void)unlink(command);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/spice-outbox-XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    clean();
    return rmdir(dir);
}

/* A body that names itself: number, then that many bytes of it. */
static size_t make_body(uint8_t *to, uint64_t id, size_t n)
{
    memcpy(to, &id, sizeof id);
    for (size_t i = sizeof id; i < n; i++) {
        to[i] = (uint8_t)(id * 31 + i);
    }
    return n;
}

static bool body_is(const uint8_t *p, size_t n, uint64_t *id)
{
    memcpy(id, p, sizeof *id);
    for (size_t i = sizeof *id; i < n; i++) {
        if (p[i] != (uint8_t)(*id * 31 + i)) {
            return false;
        }
    }
    return true;
}

static void survives_reopening(void **state)
{
    struct resend w;
    uint8_t body[5000];
    uint64_t batch = 0;
    (void)state;
    clean();
    struct outbox *box = open_box(&w);
    for (uint64_t id = 1; id <= 10; id++) {
        assert_int_equal(outbox_append(box, body, make_body(body, id, 100 * id), (uint32_t)id, &batch), SP_OK);
        assert_int_equal(batch, id);
    }
    assert_true(outbox_ack(box, 3));
    assert_false(outbox_ack(box, 3));
    assert_false(outbox_ack(box, 11));
    assert_true(outbox_ack(box, 1));
    assert_true(outbox_ack(box, 2));
    outbox_close(&box);
    box = open_box(&w);
    assert_int_equal(w.next - w.first, 7); /* 4..10, with new numbers from 1 */
    assert_int_equal(w.first, 1);
    for (uint64_t i = 0; i < 7; i++) {
        const struct resend_place *place = NULL;
        uint64_t id = 0;
        assert_int_equal(resend_due(&w, 0, &place), i + 1);
        assert_int_equal(outbox_read(box, place, body), SP_OK);
        assert_true(body_is(body, place->bytes, &id));
        assert_int_equal(id, i + 4);
        assert_int_equal(place->results, id);
        resend_sent(&w, i + 1, 0);
    }
    outbox_close(&box);
}

struct shared {
    volatile uint64_t stored, answered; /* highest id whose append, whose ack returned */
};

static void worker_life(struct shared *s, uint64_t seed)
{
    struct resend w;
    struct sp_rng rng = {seed};
    static uint8_t body[70000];
    struct outbox *box = open_box(&w);
    uint64_t first_id = s->stored + 1; /* id of batch n in this life, when the box was empty */
    uint64_t live = w.next - w.first;
    for (;;) {
        uint64_t batch = 0;
        uint64_t id = s->stored + 1;
        size_t n = make_body(body, id, 16 + sp_rng_below(&rng, sizeof body - 16));
        if (outbox_append(box, body, n, 1, &batch) == SP_OK) {
            s->stored = id;
        }
        while (w.next - w.first > 40 || (w.next > w.first && sp_rng_below(&rng, 3) == 0)) {
            uint64_t oldest = w.first;
            uint64_t oldest_id = oldest <= live ? s->answered + 1 : first_id + (oldest - live - 1);
            s->answered = oldest_id; /* the keeper has it: from now on it may be forgotten */
            (void)outbox_ack(box, oldest);
        }
    }
}

/* Lives that end by SIGKILL at a random instant; after each the box holds every stored id that was not answered. */
static void survives_kill(void **state)
{
    struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct sp_rng rng = {42};
    (void)state;
    assert_true(s != MAP_FAILED);
    clean();
    for (unsigned life = 0; life < 40; life++) {
        pid_t pid = fork();
        if (pid == 0) {
            worker_life(s, life + 1);
            _exit(1);
        }
        uint64_t target = s->stored + 1 + sp_rng_below(&rng, 200);
        for (uint64_t spin = 0; s->stored < target && spin < 100000000; spin++) {
            (void)sched_yield();
        }
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        struct resend w;
        struct outbox *box = open_box(&w);
        static uint8_t body[70000];
        uint64_t seen_first = UINT64_MAX;
        uint64_t expect = 0;
        for (uint64_t batch = w.first; batch < w.next; batch++) {
            const struct resend_place *place = NULL;
            uint64_t id = 0;
            struct resend_place copy = w.row[batch & (RESEND_ROWS - 1)].place;
            place = &copy;
            assert_int_equal(outbox_read(box, place, body), SP_OK);
            assert_true(body_is(body, place->bytes, &id));
            seen_first = seen_first == UINT64_MAX ? id : seen_first;
            assert_true(expect == 0 || id == expect); /* contiguous */
            expect = id + 1;
        }
        if (s->stored > s->answered) {
            assert_true(seen_first <= s->answered + 1);
            assert_true(expect > s->stored);
        }
        for (uint64_t batch = w.first, last = w.next; batch < last; batch++) { /* the next life starts empty */
            assert_true(outbox_ack(box, batch));
        }
        s->stored = expect > 0 && expect - 1 > s->stored ? expect - 1 : s->stored;
        s->answered = s->stored;
        outbox_close(&box);
    }
    assert_true(s->stored > 100);
    (void)munmap(s, sizeof *s);
}

/* Fills up, says so, and takes again as much after the answers: segments are used anew. */
static void full_and_empty(void **state)
{
    struct resend w;
    static uint8_t body[500000];
    uint64_t batch = 0;
    (void)state;
    clean();
    struct outbox *box = open_box(&w);
    for (unsigned round = 0; round < 3; round++) {
        uint64_t first = w.next;
        unsigned n = 0;
        while (outbox_append(box, body, make_body(body, n + 1, sizeof body), 1, &batch) == SP_OK) {
            n++;
            assert_true(n < 1000);
        }
        assert_int_equal(n, 16 * (OUTBOX_SEGMENT_BYTES / (sizeof body + 32)));
        assert_true(outbox_room(box) < sizeof body);
        for (uint64_t b = first; b <= batch; b++) {
            assert_true(outbox_ack(box, b));
        }
        assert_int_equal(outbox_room(box), 16 * (uint64_t)OUTBOX_SEGMENT_BYTES);
    }
    outbox_close(&box);
}

/* A record torn by a crash of the host (a page that never reached the disk) is not a record; those before it are. */
static void torn_record(void **state)
{
    struct resend w;
    uint8_t body[9000];
    char path[128];
    uint64_t batch = 0;
    (void)state;
    clean();
    struct outbox *box = open_box(&w);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(outbox_append(box, body, make_body(body, id, sizeof body), 1, &batch), SP_OK);
    }
    outbox_close(&box);
    (void)snprintf(path, sizeof path, "%s/segment-00", dir);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    static const char zero[4096];
    assert_int_equal(pwrite(fd, zero, sizeof zero, 2 * (off_t)(sizeof body + 32) + 2000), (ssize_t)sizeof zero);
    (void)close(fd);
    box = open_box(&w);
    assert_int_equal(w.next - w.first, 2);
    outbox_close(&box);
}

/* No space for a segment: the append fails, nothing changes, and works again once there is space. */
static void disk_full(void **state)
{
    struct resend w;
    uint8_t body[100];
    uint64_t batch = 0;
    struct rlimit old;
    (void)state;
    clean();
    struct outbox *box = open_box(&w);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit none = {4096, old.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    enum sp_rc rc = outbox_append(box, body, make_body(body, 1, sizeof body), 1, &batch);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(rc == SP_E_FULL || rc == SP_E_IO);
    assert_int_equal(w.next, 1);
    assert_int_equal(outbox_room(box), 0);
    outbox_retry(box);
    assert_true(outbox_room(box) > 0);
    assert_int_equal(outbox_append(box, body, make_body(body, 1, sizeof body), 1, &batch), SP_OK);
    outbox_close(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_reopening), cmocka_unit_test(survives_kill), cmocka_unit_test(full_and_empty),
        cmocka_unit_test(torn_record),        cmocka_unit_test(disk_full),
    };
    return cmocka_run_group_tests_name("outbox", tests, setup, teardown);
}
