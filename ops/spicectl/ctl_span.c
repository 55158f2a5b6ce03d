/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_span.h"

#include <stdio.h>

struct span_unit {
    int64_t ms;
    const char *name;
};

static const struct span_unit span_units[] = {
    {86400000, "d"},
    {3600000, "h"},
    {60000, "m"},
    {1000, "s"},
};
#define SPAN_UNITS (sizeof span_units / sizeof span_units[0])

const char *ctl_span_text(int64_t ms, char *to, size_t size)
{
    if (ms < 0) {
        (void)snprintf(to, size, "-");
        return to;
    }
    if (ms < 1000) {
        (void)snprintf(to, size, ms == 0 ? "0s" : "%ldms", (long)ms);
        return to;
    }
    if (ms < 10000 && ms % 1000 != 0) {
        (void)snprintf(to, size, "%ld.%lds", (long)(ms / 1000), (long)(ms % 1000 / 100));
        return to;
    }
    for (size_t i = 0; i < SPAN_UNITS; i++) {
        if (ms < span_units[i].ms)
            continue;
        int64_t first = ms / span_units[i].ms;
        int64_t rest = i + 1 < SPAN_UNITS ? ms % span_units[i].ms / span_units[i + 1].ms : 0;
        if (rest > 0)
            (void)snprintf(to, size, "%ld%s %ld%s", (long)first, span_units[i].name, (long)rest, span_units[i + 1].name);
        else
            (void)snprintf(to, size, "%ld%s", (long)first, span_units[i].name);
        break;
    }
    return to;
}

const char *ctl_span_micro(uint64_t us, char *to, size_t size)
{
    if (us < 1000)
        (void)snprintf(to, size, "%luus", (unsigned long)us);
    else if (us < 1000000)
        (void)snprintf(to, size, "%.1fms", (double)us / 1e3);
    else
        (void)snprintf(to, size, "%.1fs", (double)us / 1e6);
    return to;
}

const char *ctl_span_count(uint64_t n, char *to, size_t size)
{
    static const char suffixes[] = "kMGTPE";
    if (n < 10000) {
        (void)snprintf(to, size, "%lu", (unsigned long)n);
        return to;
    }
    double value = (double)n;
    size_t i = 0;
    for (value /= 1000; value >= 1000 && i + 1 < sizeof suffixes - 1; i++)
        value /= 1000;
    (void)snprintf(to, size, "%.1f%c", value, suffixes[i]);
    return to;
}
