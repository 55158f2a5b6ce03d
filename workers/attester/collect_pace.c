/* SPDX-License-Identifier: Apache-2.0 */
#include "collect_pace.h"

#include <errno.h>
#include <time.h>

#include "sp_clock.h"

#define US_PER_S    1000000u
#define NS_PER_US   1000u
#define PERMILLE    1000u
#define WAIT_MAX_US (10u * US_PER_S) /* then the accounts are looked at again */

#define CPU_LIMIT ((int64_t)COLLECT_PACE_BURST_US)

static int64_t bytes_limit(const struct collect_pace *pace)
{
    return (int64_t)(pace->bytes_per_s / US_PER_S * COLLECT_PACE_BURST_US +
                     pace->bytes_per_s % US_PER_S * COLLECT_PACE_BURST_US / US_PER_S);
}

void collect_pace_init(struct collect_pace *pace, uint64_t cpu_permille, uint64_t bytes_per_s, uint64_t now_ns)
{
    *pace = (struct collect_pace){.cpu_permille = cpu_permille, .bytes_per_s = bytes_per_s, .wall_ns = now_ns};
    pace->cpu_us = CPU_LIMIT;
    pace->bytes = bytes_limit(pace);
}

void collect_pace_fill(struct collect_pace *pace, uint64_t now_ns)
{
    uint64_t us = now_ns > pace->wall_ns ? (now_ns - pace->wall_ns) / NS_PER_US : 0;
    uint64_t whole = us / PERMILLE * PERMILLE; /* the rest is counted the next time */
    int64_t cpu = (int64_t)(whole / PERMILLE * pace->cpu_permille);
    /* At most a day at once: more only fills what is full, and nothing here overflows. */
    uint64_t span = whole < 86400ull * US_PER_S ? whole : 86400ull * US_PER_S;
    int64_t bytes =
        (int64_t)(span / PERMILLE * (pace->bytes_per_s / PERMILLE) + span / PERMILLE * (pace->bytes_per_s % PERMILLE) / PERMILLE);
    pace->wall_ns += whole * NS_PER_US;
    pace->cpu_us = CPU_LIMIT - pace->cpu_us > cpu ? pace->cpu_us + cpu : CPU_LIMIT;
    pace->bytes = bytes_limit(pace) - pace->bytes > bytes ? pace->bytes + bytes : bytes_limit(pace);
}

static uint64_t wait_of(int64_t account, uint64_t per_s)
{
    return account >= 0 || per_s == 0 ? 0
                                      : (uint64_t)-account / per_s * US_PER_S + (uint64_t)-account % per_s * US_PER_S / per_s + 1;
}

uint64_t collect_pace_wait_us(const struct collect_pace *pace)
{
    uint64_t cpu = wait_of(pace->cpu_us, pace->cpu_permille * (US_PER_S / PERMILLE));
    uint64_t bytes = wait_of(pace->bytes, pace->bytes_per_s);
    uint64_t us = cpu > bytes ? cpu : bytes;
    return us < WAIT_MAX_US ? us : WAIT_MAX_US;
}

void collect_pace_begin(struct collect_pace *pace)
{
    pace->process_ns = sp_clock_cpu_ns();
}

void collect_pace_charge(struct collect_pace *pace, uint64_t cpu_us)
{
    pace->cpu_us -= pace->cpu_permille != 0 ? (int64_t)cpu_us : 0;
    pace->charged_us += cpu_us;
}

static void rest(uint64_t us)
{
    struct timespec left = {.tv_sec = (time_t)(us / US_PER_S), .tv_nsec = (long)(us % US_PER_S * NS_PER_US)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

/* Effect: charges the CPU time of this process that was not charged yet, and fills the accounts. */
static void settle(struct collect_pace *pace)
{
    uint64_t us = (sp_clock_cpu_ns() - pace->process_ns) / NS_PER_US;
    pace->process_ns += us * NS_PER_US;
    collect_pace_charge(pace, us);
    collect_pace_fill(pace, sp_clock_mono_ns());
}

bool collect_pace_overdrawn(struct collect_pace *pace, uint64_t by_us)
{
    settle(pace);
    return pace->cpu_permille != 0 && pace->cpu_us < -(int64_t)by_us;
}

void collect_pace_pause(struct collect_pace *pace, uint64_t max_us)
{
    settle(pace);
    uint64_t wait = collect_pace_wait_us(pace);
    if (wait > 0) {
        rest(wait < max_us ? wait : max_us);
    }
}

void collect_pace_spend(struct collect_pace *pace, uint64_t bytes)
{
    pace->bytes -= pace->bytes_per_s != 0 ? (int64_t)bytes : 0;
    settle(pace);
    for (uint64_t wait = collect_pace_wait_us(pace); wait > 0; wait = collect_pace_wait_us(pace)) {
        rest(wait);
        collect_pace_fill(pace, sp_clock_mono_ns());
    }
}
