/* SPDX-License-Identifier: Apache-2.0 */
/* spice-sim: seeds in, violations out. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define SEEDS_FILE "tests/sim/seeds.txt"
#define QUIET_US   120000000u /* after the last fault: many check intervals and hold-downs */

void sim_violation(const struct sim *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "violation: ");
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr,
                  "\n  seed %" PRIu64 ", step %" PRIu64 ", %.6f s; again: spice-sim --seed %" PRIu64 " --steps %" PRIu64 "\n",
                  s->seed, s->steps, (double)s->now_us / 1e6, s->seed, s->steps_max);
    exit(1);
}

struct totals {
    uint64_t steps, frames, faults, transitions, actions, runs, gone_us;
};

static void run_seed(uint64_t seed, uint64_t steps, struct totals *t)
{
    static struct sim s;
    sim_init(&s, seed, steps);
    while (s.steps < steps && sim_step(&s)) {
    }
    sim_calm(&s);
    for (uint64_t end = s.now_us + QUIET_US; s.now_us < end && sim_step(&s);) {
    }
    sim_ref_final(&s);
    t->steps += s.steps;
    t->frames += s.frames;
    t->faults += s.faults;
    t->transitions += s.transitions;
    t->actions += s.actions;
    t->runs += s.run_count;
    t->gone_us += s.now_us;
    sim_fini(&s);
}

/* Seeds that once showed a violation, before all others: lines `seed steps`, # begins a comment. */
static void run_list(const char *path, struct totals *t)
{
    char line[256];
    FILE *f = path != NULL ? fopen(path, "r") : NULL;
    if (f == NULL) {
        if (path != NULL && strcmp(path, SEEDS_FILE) != 0) {
            (void)fprintf(stderr, "spice-sim: %s cannot be read\n", path);
            exit(2);
        }
        return;
    }
    while (fgets(line, sizeof line, f) != NULL) {
        uint64_t seed = 0, steps = 0;
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (sscanf(line, "%" SCNu64 " %" SCNu64, &seed, &steps) != 2 || seed == 0) {
            (void)fprintf(stderr, "spice-sim: %s: not `seed steps`: %s", path, line);
            exit(2);
        }
        run_seed(seed, steps, t);
    }
    (void)fclose(f);
}

/* How far the run is, every few seconds; the shares go about as fast as one another. */
static void tell_progress(uint64_t done, uint64_t seeds, const struct totals *t, uint64_t shares)
{
    static time_t last;
    time_t now = time(NULL);
    if (last == 0 || now - last < 5) {
        last = last == 0 ? now : last;
        return;
    }
    last = now;
    (void)fprintf(stderr, "spice-sim: about %" PRIu64 " of %" PRIu64 " seeds, %.1f M steps, no violation so far\n", done, seeds,
                  (double)(t->steps * shares) / 1e6);
}

/* Every stride-th seed from first to last; the share with the first of all tells how far it is. Ends with its parent. */
static int run_share(uint64_t first, uint64_t last, uint64_t stride, uint64_t steps, int out, bool tells)
{
    struct totals t = {0};
    uint64_t done = 0;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint64_t seed = first; seed <= last; seed += stride) {
        run_seed(seed, steps, &t);
        done += stride;
        if (tells)
            tell_progress(done, last - first + 1, &t, stride);
    }
    return write(out, &t, sizeof t) == (ssize_t)sizeof t ? 0 : 1;
}

static void usage(FILE *to)
{
    (void)fprintf(to, "usage: spice-sim [--seeds N] [--first N] [--seed N] [--steps N] [--jobs N] [--list FILE|--no-list]\n"
                      "  --seeds N   so many seeds (default 20)\n"
                      "  --first N   the first of them (default 1)\n"
                      "  --seed N    only this one, and again the same every time\n"
                      "  --steps N   events under fire for each seed (default 20000); a quiet time follows\n"
                      "  --jobs N    processes at once (default 1)\n"
                      "  --list FILE lines `seed steps` to run before (default " SEEDS_FILE " when it is there)\n"
                      "  --no-list   none\n");
}

static uint64_t number(const char *text)
{
    uint64_t v;
    if (!sp_str_u64(sp_str_of(text), UINT64_MAX, &v)) {
        usage(stderr);
        exit(2);
    }
    return v;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seeds", 1, NULL, 'n'},   {"seed", 1, NULL, 's'},  {"steps", 1, NULL, 't'},
                                            {"jobs", 1, NULL, 'j'},    {"first", 1, NULL, 'f'}, {"list", 1, NULL, 'l'},
                                            {"no-list", 0, NULL, 'L'}, {"help", 0, NULL, 'h'},  {NULL, 0, NULL, 0}};
    const char *list = SEEDS_FILE;
    uint64_t seeds = 20, seed = 0, first = 1, steps = 20000, jobs = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'n')
            seeds = number(optarg);
        else if (c == 'f')
            first = number(optarg);
        else if (c == 's')
            seed = number(optarg);
        else if (c == 't')
            steps = number(optarg);
        else if (c == 'j')
            jobs = number(optarg);
        else if (c == 'l' || c == 'L')
            list = c == 'l' ? optarg : NULL;
        else {
            usage(c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    struct totals sum = {0};
    if (seed != 0) {
        run_seed(seed, steps, &sum);
        seeds = 1;
    } else {
        int pipes[2], bad = 0;
        run_list(list, &sum);
        jobs = jobs < 1 ? 1 : jobs > 64 ? 64 : jobs;
        if (pipe(pipes) != 0)
            return 1;
        for (uint64_t j = 0; j < jobs; j++)
            if (fork() == 0)
                _exit(run_share(first + j, first + seeds - 1, jobs, steps, pipes[1], j == 0));
        for (uint64_t j = 0; j < jobs; j++) {
            int status;
            if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
                bad = 1;
        }
        (void)close(pipes[1]);
        for (struct totals t; read(pipes[0], &t, sizeof t) == (ssize_t)sizeof t;) {
            sum.steps += t.steps;
            sum.frames += t.frames;
            sum.faults += t.faults;
            sum.transitions += t.transitions;
            sum.actions += t.actions;
            sum.runs += t.runs;
            sum.gone_us += t.gone_us;
        }
        if (bad)
            return 1;
    }
    (void)printf("%" PRIu64 " seeds, %" PRIu64 " steps, %.1f virtual hours, %" PRIu64 " frames, %" PRIu64 " faults, %" PRIu64
                 " checks run, %" PRIu64 " transitions, %" PRIu64 " actions in the cloud, no violation\n",
                 seeds, sum.steps, (double)sum.gone_us / 3.6e9, sum.frames, sum.faults, sum.runs, sum.transitions, sum.actions);
    return sum.transitions > 0 ? 0 : 1; /* a pool that never changed proves nothing */
}
