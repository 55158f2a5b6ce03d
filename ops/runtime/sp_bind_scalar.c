/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_bind_scalar.h"

#include <stdarg.h>
#include <stdio.h>

#include "sp_hex.h"
#include "sp_selector.h"
#include "sp_time.h"

#define SPAN_BYTES 24u
#define TIME_BYTES 32u

static bool say(char why[SP_BIND_SCALAR_WHY_BYTES], const char *format, ...) SP_PRINTF(2, 3);

static bool say(char why[SP_BIND_SCALAR_WHY_BYTES], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, SP_BIND_SCALAR_WHY_BYTES, format, args);
    va_end(args);
    return false;
}

/* ---- texts ---- */

static bool set_text(const struct sp_bind_key *k, struct sp_str text, char *to, char *why)
{
    uint64_t max = k->max > 0 && k->max < k->size ? k->max : k->size - 1;
    if (text.n < k->min || text.n > max) {
        return say(why, "has %u characters; %llu to %llu are possible", text.n, (unsigned long long)k->min,
                   (unsigned long long)max);
    }
    if (!sp_str_is_utf8(text)) {
        return say(why, "is not valid text");
    }
    (void)sp_str_copy(to, k->size, text);
    return true;
}

static bool set_name(const struct sp_bind_key *k, struct sp_str text, char *to, char *why)
{
    if (text.n > 0 && !sp_str_is_name(text, (uint32_t)k->size - 1)) {
        return say(why, "'%.*s' is not a name: at most %zu letters, digits, '.', '_', '-', a letter or digit first",
                   (int)(text.n > 40 ? 40 : text.n), text.p, k->size - 1);
    }
    return set_text(k, text, to, why);
}

static bool set_words(const struct sp_bind_key *k, struct sp_str text, char *to, char *why)
{
    struct sp_str rest = text;
    struct sp_str word;
    while (sp_str_next(&rest, ',', &word)) {
        if (!sp_str_is(word, "*") && !sp_str_is_name(word, 64)) {
            return say(why, "'%.*s' is not a word of letters, digits, '.', '_', '-'", (int)(word.n > 40 ? 40 : word.n), word.p);
        }
    }
    return set_text(k, text, to, why);
}

static bool set_labels(const struct sp_bind_key *k, struct sp_str text, char *to, char *why)
{
    if (text.n > 0 && !sp_selector_labels_valid(text)) {
        return say(why, "labels are 'key=value,key=value', sorted by key, of letters, digits, '.', '_', '/', '-'");
    }
    return set_text(k, text, to, why);
}

static bool set_selector(const struct sp_bind_key *k, struct sp_str text, char *to, char *why)
{
    struct sp_selector s;
    uint32_t at = 0;
    if (!sp_selector_parse(text, &s, &at)) {
        bool ends = at >= text.n;
        return say(
            why,
            "selector is wrong at character %u (%s%.*s); terms joined by commas: 'k=v', 'k!=v', 'k', '!k', 'k in (a|b)', 'name=GLOB'",
            at + 1, ends ? "its end" : "", ends ? 0 : (int)(text.n - at > 20 ? 20 : text.n - at), text.p + at);
    }
    return set_text(k, text, to, why);
}

/* ---- numbers ---- */

static bool set_bool(struct sp_str text, bool *to, char *why)
{
    if (!sp_str_is(text, "true") && !sp_str_is(text, "false")) {
        return say(why, "must be true or false");
    }
    *to = sp_str_is(text, "true");
    return true;
}

static bool set_number(const struct sp_bind_key *k, struct sp_str text, uint64_t top, uint64_t *to, char *why)
{
    uint64_t max = k->max > 0 ? k->max : top;
    uint64_t value = 0;
    if (!sp_str_u64(text, UINT64_MAX, &value) || value < k->min || value > max) {
        return say(why, "must be a whole number from %llu to %llu", (unsigned long long)k->min, (unsigned long long)max);
    }
    *to = value;
    return true;
}

static bool set_u32(const struct sp_bind_key *k, struct sp_str text, uint32_t *to, char *why)
{
    uint64_t value = 0;
    if (!set_number(k, text, UINT32_MAX, &value, why)) {
        return false;
    }
    *to = (uint32_t)value;
    return true;
}

static bool set_span(const struct sp_bind_key *k, struct sp_str text, uint64_t *to, char *why)
{
    char least[SPAN_BYTES];
    char most[SPAN_BYTES];
    uint64_t ms = 0;
    if (!sp_time_parse_span(text, &ms)) {
        return say(why, "must be a duration like 500ms, 10s, 5m, 1h or 2d");
    }
    if (ms < k->min || (k->max > 0 && ms > k->max)) {
        sp_time_format_span(k->min, least, sizeof least);
        sp_time_format_span(k->max, most, sizeof most);
        return k->max > 0 ? say(why, "must be a duration from %s to %s", least, most)
                          : say(why, "must be a duration of at least %s", least);
    }
    *to = ms;
    return true;
}

static bool digits(struct sp_str text, uint32_t at, uint32_t n, uint64_t *out)
{
    return at + n <= text.n && sp_str_u64(sp_str_bytes(text.p + at, n), UINT32_MAX, out);
}

/* 2027-01-31 (its beginning) or 2027-01-31T12:00:00Z. The calendar is checked by converting back. */
static bool set_time(struct sp_str text, uint64_t *to, char *why)
{
    uint64_t f[6] = {0};
    bool date = text.n >= 10 && digits(text, 0, 4, &f[0]) && text.p[4] == '-' && digits(text, 5, 2, &f[1]) && text.p[7] == '-' &&
                digits(text, 8, 2, &f[2]);
    bool clock = text.n == 20 && text.p[10] == 'T' && digits(text, 11, 2, &f[3]) && text.p[13] == ':' &&
                 digits(text, 14, 2, &f[4]) && text.p[16] == ':' && digits(text, 17, 2, &f[5]) && text.p[19] == 'Z';
    if (!date || (text.n != 10 && !clock) || f[0] < 1970 || f[1] < 1 || f[1] > 12 || f[2] < 1 || f[3] > 23 || f[4] > 59 ||
        f[5] > 59) {
        return say(why, "must be a date like 2027-01-31 or a time like 2027-01-31T12:00:00Z (UTC)");
    }
    struct sp_civil c = {(int)f[0], (unsigned)f[1], (unsigned)f[2], (unsigned)f[3], (unsigned)f[4], (unsigned)f[5], 0};
    struct sp_wall wall = sp_time_from_civil(&c);
    struct sp_civil back = sp_time_civil(wall);
    if (back.day != c.day || back.month != c.month) {
        return say(why, "there is no such day");
    }
    *to = wall.ms / SP_MS_PER_S;
    return true;
}

static bool set_enum(const struct sp_bind_key *k, struct sp_str text, uint32_t *to, char *why)
{
    size_t count = 0;
    while (k->words[count] != NULL) {
        if (sp_str_is(text, k->words[count])) {
            *to = (uint32_t)count;
            return true;
        }
        count++;
    }
    const char *near = sp_str_nearest(text, k->words, count);
    int n = snprintf(why, SP_BIND_SCALAR_WHY_BYTES, "'%.*s' is none of", (int)(text.n > 40 ? 40 : text.n), text.p);
    for (size_t i = 0; i < count && n > 0 && (size_t)n < SP_BIND_SCALAR_WHY_BYTES; i++) {
        n += snprintf(why + n, SP_BIND_SCALAR_WHY_BYTES - (size_t)n, "%s %s", i > 0 ? "," : "", k->words[i]);
    }
    if (near != NULL && n > 0 && (size_t)n < SP_BIND_SCALAR_WHY_BYTES) {
        (void)snprintf(why + n, SP_BIND_SCALAR_WHY_BYTES - (size_t)n, "; did you mean '%s'?", near);
    }
    return false;
}

bool sp_bind_scalar_set(const struct sp_bind_key *k, struct sp_str text, void *to, char why[SP_BIND_SCALAR_WHY_BYTES])
{
    switch (k->type) {
    case SP_BIND_TEXT:
    case SP_BIND_PATH:
        return set_text(k, text, to, why);
    case SP_BIND_NAME:
        return set_name(k, text, to, why);
    case SP_BIND_WORDS:
        return set_words(k, text, to, why);
    case SP_BIND_LABELS:
        return set_labels(k, text, to, why);
    case SP_BIND_SELECTOR:
        return set_selector(k, text, to, why);
    case SP_BIND_BOOL:
        return set_bool(text, to, why);
    case SP_BIND_U32:
        return set_u32(k, text, to, why);
    case SP_BIND_U64:
        return set_number(k, text, UINT64_MAX, to, why);
    case SP_BIND_SPAN:
        return set_span(k, text, to, why);
    case SP_BIND_TIME:
        return set_time(text, to, why);
    case SP_BIND_ENUM:
        return set_enum(k, text, to, why);
    case SP_BIND_HEX:
        return sp_hex_parse(text, to, k->size) || say(why, "must be %zu hexadecimal digits", 2 * k->size);
    case SP_BIND_Z85:
        return sp_hex_z85_parse(text, to, k->size) || say(why, "must be %zu characters of Z85 (in quotes)", k->size / 4 * 5);
    case SP_BIND_TEXTS:
    case SP_BIND_MAP:
    case SP_BIND_LIST:
    case SP_BIND_ANY:
        break;
    }
    SP_UNREACHABLE();
}

/* ---- back to text ---- */

static uint64_t u64_at(const void *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

static uint32_t u32_at(const void *p)
{
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

static void get_time(uint64_t seconds, struct sp_buf *b)
{
    char text[TIME_BYTES];
    sp_time_format_wall((struct sp_wall){seconds * SP_MS_PER_S}, text, sizeof text);
    sp_buf_append(b, "\"", 1);
    sp_buf_append(b, text, 19); /* without milliseconds */
    sp_buf_text(b, "Z\"");
}

static void get_bytes(const struct sp_bind_key *k, const void *from, struct sp_buf *b)
{
    char text[2 * 64 + 1];
    SP_ASSERT(k->size <= 64);
    if (k->type == SP_BIND_HEX) {
        sp_hex_write(from, k->size, text);
    } else {
        sp_hex_z85_write(from, k->size, text);
    }
    sp_yaml_json_string(sp_str_of(text), b); /* quoted: digits alone would read as a number elsewhere */
}

void sp_bind_scalar_get(const struct sp_bind_key *k, const void *from, struct sp_buf *b)
{
    char text[SPAN_BYTES];
    switch (k->type) {
    case SP_BIND_BOOL:
        sp_buf_text(b, *(const bool *)from ? "true" : "false");
        break;
    case SP_BIND_U32:
        sp_buf_format(b, "%u", u32_at(from));
        break;
    case SP_BIND_U64:
        sp_buf_format(b, "%llu", (unsigned long long)u64_at(from));
        break;
    case SP_BIND_SPAN:
        sp_time_format_span(u64_at(from), text, sizeof text);
        sp_buf_text(b, text);
        break;
    case SP_BIND_TIME:
        get_time(u64_at(from), b);
        break;
    case SP_BIND_ENUM:
        sp_buf_text(b, k->words[u32_at(from)]);
        break;
    case SP_BIND_HEX:
    case SP_BIND_Z85:
        get_bytes(k, from, b);
        break;
    default:
        sp_yaml_scalar(sp_str_of(from), b);
        break;
    }
}

void sp_bind_scalar_range(const struct sp_bind_key *k, struct sp_buf *b)
{
    static const char *const names[] = {
        [SP_BIND_TEXT] = "text",       [SP_BIND_NAME] = "name",         [SP_BIND_PATH] = "path",
        [SP_BIND_BOOL] = "true|false", [SP_BIND_U32] = "number",        [SP_BIND_U64] = "number",
        [SP_BIND_SPAN] = "duration",   [SP_BIND_TIME] = "date or time", [SP_BIND_ENUM] = "word",
        [SP_BIND_HEX] = "hex",         [SP_BIND_Z85] = "Z85",           [SP_BIND_WORDS] = "list of words",
        [SP_BIND_LABELS] = "map",      [SP_BIND_SELECTOR] = "selector", [SP_BIND_TEXTS] = "list of texts",
        [SP_BIND_MAP] = "section",     [SP_BIND_LIST] = "list of maps", [SP_BIND_ANY] = "tree",
    };
    char least[SPAN_BYTES];
    char most[SPAN_BYTES];
    sp_buf_text(b, names[k->type]);
    sp_buf_append(b, "\t", 1);
    if (k->type == SP_BIND_SPAN) {
        sp_time_format_span(k->min, least, sizeof least);
        sp_time_format_span(k->max, most, sizeof most);
        sp_buf_format(b, "%s to %s", least, k->max > 0 ? most : "any");
    } else if (k->type == SP_BIND_ENUM) {
        for (size_t i = 0; k->words[i] != NULL; i++) {
            sp_buf_format(b, "%s%s", i > 0 ? "|" : "", k->words[i]);
        }
    } else if (k->max > 0) {
        sp_buf_format(b, "%llu to %llu", (unsigned long long)k->min, (unsigned long long)k->max);
    }
}
