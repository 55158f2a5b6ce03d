/* SPDX-License-Identifier: Apache-2.0 */
/* How late the kernel itself wakes a process: a timerfd at absolute instants every millisecond, waited for with epoll; CLOCK_BOOTTIME, as the
 * product does it. usage: bench_timer SECONDS [PERIOD_MS]. What a wake-up costs the process (cpu_us) depends on how cold it has become meanwhile.
 * Output: a JSON object, microseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static double cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    unsigned long seconds = argc == 2 || argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long long period_ns = (argc == 3 ? strtoull(argv[2], NULL, 10) : 1) * NS_PER_MS;
    size_t count = period_ns > 0 ? seconds * NS_PER_S / period_ns : 0;
    uint64_t *late = calloc(count > 0 ? count : 1, sizeof *late);
    int timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN};
    if (count == 0 || late == NULL || timer < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &e) != 0) {
        (void)fprintf(stderr, "usage: bench_timer SECONDS [PERIOD_MS]\n");
        return 2;
    }
    uint64_t due = now_ns();
    double start_us = cpu_us();
    for (size_t i = 0; i < count; i++) {
        uint64_t turns, now = now_ns();
        for (due += period_ns; due <= now; due += period_ns) {
        }
        struct itimerspec when = {.it_value = {(time_t)(due / NS_PER_S), (long)(due % NS_PER_S)}};
        if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL) != 0 || epoll_wait(epoll, &e, 1, -1) != 1 ||
            read(timer, &turns, sizeof turns) != (ssize_t)sizeof turns)
            return 1;
        late[i] = (now_ns() - due) / 1000;
    }
    double spent_us = cpu_us() - start_us;
    qsort(late, count, sizeof *late, compare);
    (void)printf("{\"p50_us\":%llu,\"p99_us\":%llu,\"p999_us\":%llu,\"wakes\":%zu,\"cpu_us\":%.1f}\n",
                 (unsigned long long)late[count / 2], (unsigned long long)late[count * 99 / 100],
                 (unsigned long long)late[count * 999 / 1000], count, spent_us / (double)count);
    free(late);
    return 0;
}
