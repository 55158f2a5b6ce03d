/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_time.h"

#include <inttypes.h>
#include <stdio.h>

#include "sp_assert.h"

#define SPAN_MS_MAX (100ull * 365 * 24 * 3600 * 1000)
#define MS_PER_DAY  86400000ull

static const struct {
    const char *suffix;
    uint64_t ms;
} units[] = {{"d", MS_PER_DAY}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

bool sp_time_parse_span(struct sp_str text, uint64_t *ms)
{
    uint32_t digits = 0;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    struct sp_str number = {text.p, digits}, suffix = {text.p + digits, text.n - digits};
    uint64_t value = 0;
    if (!sp_str_u64(number, SPAN_MS_MAX, &value))
        return false;
    if (suffix.n == 0 && value == 0) {
        *ms = 0;
        return true;
    }
    for (size_t i = 0; i < SP_COUNT(units); i++)
        if (sp_str_is(suffix, units[i].suffix)) {
            if (value > SPAN_MS_MAX / units[i].ms)
                return false;
            *ms = value * units[i].ms;
            return true;
        }
    return false;
}

void sp_time_format_span(uint64_t ms, char *to, size_t size)
{
    SP_ASSERT(size >= 24);
    for (size_t i = 0; i < SP_COUNT(units); i++)
        if (ms > 0 && ms % units[i].ms == 0) {
            (void)snprintf(to, size, "%" PRIu64 "%s", ms / units[i].ms, units[i].suffix);
            return;
        }
    (void)snprintf(to, size, "0s");
}

struct sp_civil sp_time_civil(struct sp_wall wall)
{
    uint64_t days = wall.ms / MS_PER_DAY, rest = wall.ms % MS_PER_DAY / 1000;
    uint64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    struct sp_civil c;
    c.day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    c.month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    c.year = (int)(yoe + era * 400 + (c.month <= 2));
    c.hour = (unsigned)(rest / 3600);
    c.minute = (unsigned)(rest / 60 % 60);
    c.second = (unsigned)(rest % 60);
    c.weekday = (unsigned)((days + 4) % 7);
    return c;
}

struct sp_wall sp_time_from_civil(const struct sp_civil *c)
{
    SP_ASSERT(c->year >= 1970);
    uint64_t y = (uint64_t)c->year - (c->month <= 2), era = y / 400, yoe = y - era * 400;
    uint64_t doy = (153u * (c->month > 2 ? c->month - 3 : c->month + 9) + 2) / 5 + c->day - 1;
    uint64_t days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
    struct sp_wall w = {days * MS_PER_DAY + (c->hour * 3600ull + c->minute * 60ull + c->second) * 1000ull};
    return w;
}

void sp_time_format_wall(struct sp_wall wall, char *to, size_t size)
{
    SP_ASSERT(size >= 32);
    struct sp_civil c = sp_time_civil(wall);
    (void)snprintf(to, size, "%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", c.year % 10000, c.month % 100, c.day % 100, c.hour % 100,
                   c.minute % 100, c.second % 100, (unsigned)(wall.ms % 1000));
}
