/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_clock.h"

#include <fcntl.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull

static struct timespec read_clock(clockid_t id)
{
    struct timespec t;
    /* Fails only for an unknown clock or a bad pointer: a bug. */
    SP_ASSERT(clock_gettime(id, &t) == 0);
    return t;
}

struct sp_mono sp_clock_mono(void)
{
    struct timespec t = read_clock(CLOCK_BOOTTIME);
    return (struct sp_mono){(uint64_t)t.tv_sec * SP_US_PER_S + (uint64_t)t.tv_nsec / 1000u};
}

struct sp_now sp_clock_read(void)
{
    struct sp_now now = {.mono = sp_clock_mono()};
    struct timespec wall = read_clock(CLOCK_REALTIME);
    now.wall.ms = wall.tv_sec < 0 ? 0 : (uint64_t)wall.tv_sec * SP_MS_PER_S + (uint64_t)wall.tv_nsec / 1000000u;
    return now;
}

uint64_t sp_clock_mono_ns(void)
{
    struct timespec t = read_clock(CLOCK_MONOTONIC);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t sp_clock_cpu_ns(void)
{
    struct timespec t = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

enum sp_rc sp_clock_boot_id(char to[37])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return SP_E_IO;
    }
    char text[36];
    ssize_t n = read(fd, text, sizeof text);
    (void)close(fd);
    if (n != (ssize_t)sizeof text) {
        return SP_E_IO;
    }
    memcpy(to, text, sizeof text);
    to[36] = '\0';
    return SP_OK;
}

/* __DATE__ is "Mmm dd yyyy". Builds that fix it (SOURCE_DATE_EPOCH) fix the gate with it. */
struct sp_wall sp_clock_built(void)
{
    static const char date[] = __DATE__;
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct sp_civil c = {0};
    for (unsigned m = 0; m < 12; m++) {
        if (memcmp(date, months + 3 * (size_t)m, 3) == 0) {
            c.month = m + 1;
        }
    }
    c.day = (unsigned)((date[4] == ' ' ? 0 : date[4] - '0') * 10 + (date[5] - '0'));
    c.year = (date[7] - '0') * 1000 + (date[8] - '0') * 100 + (date[9] - '0') * 10 + (date[10] - '0');
    struct sp_wall built = sp_time_from_civil(&c);
    /* __DATE__ is local time: a day of tolerance covers every zone. */
    const uint64_t day_ms = 86400000u;
    built.ms = built.ms > day_ms ? built.ms - day_ms : 0;
    return built;
}

enum sp_clock_wall sp_clock_wall_state(struct sp_wall wall, uint64_t *error_ms)
{
    struct timex t = {0};
    int state = adjtimex(&t); /* modes = 0: reads only */
    bool synced = state >= 0 && state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
    if (error_ms != NULL) {
        *error_ms = synced && t.maxerror >= 0 ? (uint64_t)t.maxerror / 1000u : UINT64_MAX;
    }
    if (wall.ms < sp_clock_built().ms) {
        return SP_CLOCK_WALL_WRONG;
    }
    return synced ? SP_CLOCK_WALL_GOOD : SP_CLOCK_WALL_UNSYNCED;
}
