/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_out.h"

#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define OUT_COLUMNS_DEFAULT 80
#define OUT_COLUMNS_MIN     40

static bool out_wants_colour(int fd)
{
    const char *term = getenv("TERM");
    const char *refused = getenv("NO_COLOR");
    return isatty(fd) != 0 && (refused == NULL || refused[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

void ctl_out_init(struct ctl_out *out, FILE *file)
{
    /* Widths of characters need a UTF-8 locale whatever the user's is; only LC_CTYPE, so numbers stay plain. */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        (void)setlocale(LC_CTYPE, "");
    out->file = file;
    int fd = fileno(file);
    out->colour = out_wants_colour(fd);
    out->columns = 0;
    if (isatty(fd) != 0) {
        struct winsize size;
        out->columns = OUT_COLUMNS_DEFAULT;
        if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= OUT_COLUMNS_MIN)
            out->columns = size.ws_col;
    }
}

void ctl_out_print(struct ctl_out *out, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vfprintf(out->file, format, list);
    va_end(list);
}

void ctl_out_tone(struct ctl_out *out, enum ctl_tone tone, const char *text)
{
    static const char *const codes[] = {"", "\033[32m", "\033[33m", "\033[31m", "\033[2m", "\033[1m"};
    if (out->colour && tone != CTL_PLAIN)
        (void)fprintf(out->file, "%s%s\033[0m", codes[tone], text);
    else
        (void)fputs(text, out->file);
}

enum ctl_tone ctl_out_tone_of(const char *word)
{
    static const struct {
        const char *word;
        enum ctl_tone tone;
    } tones[] = {
        {"pass", CTL_GOOD},       {"ok", CTL_GOOD},       {"yes", CTL_GOOD},         {"enforcing", CTL_GOOD}, {"created", CTL_GOOD},
        {"warn", CTL_WARN},       {"changed", CTL_WARN},  {"maintenance", CTL_WARN}, {"shadow", CTL_WARN},    {"fail", CTL_BAD},
        {"quarantined", CTL_BAD}, {"revoked", CTL_BAD},   {"deleted", CTL_BAD},      {"refused", CTL_BAD},    {"none", CTL_DIM},
        {"retired", CTL_DIM},     {"unchanged", CTL_DIM}, {"draft", CTL_DIM},        {"error", CTL_WARN},     {"kept", CTL_DIM},
    };
    for (size_t i = 0; i < sizeof tones / sizeof tones[0]; i++) {
        if (strcmp(tones[i].word, word) == 0)
            return tones[i].tone;
    }
    return CTL_PLAIN;
}

/* Characters that change how their neighbours are shown: a plugin could make a failure read like a pass. */
static bool out_misleads(wchar_t c)
{
    uint32_t u = (uint32_t)c;
    return u < 0x20 || (u >= 0x7f && u < 0xa0) || (u >= 0x200b && u <= 0x200f) || (u >= 0x2028 && u <= 0x202e) ||
           (u >= 0x2060 && u <= 0x206f) || u == 0xfeff || (u >= 0xe0000 && u <= 0xe0fff);
}

/* Length in bytes of the character at text, its column count in *columns; 0 when it must be escaped. */
static size_t out_char(const char *text, int *columns)
{
    mbstate_t state;
    wchar_t c;
    memset(&state, 0, sizeof state);
    size_t n = mbrtowc(&c, text, MB_LEN_MAX > 8 ? 8 : MB_LEN_MAX, &state);
    if (n == 0 || n == (size_t)-1 || n == (size_t)-2 || out_misleads(c))
        return 0;
    int width = wcwidth(c);
    if (width < 0)
        return 0;
    *columns = width;
    return n;
}

char *ctl_out_safe(char *buffer, size_t size, const char *text)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    static const char digits[] = "0123456789abcdef";
    size_t used = 0;
    while (*text != '\0') {
        int columns = 0;
        size_t n = out_char(text, &columns);
        size_t need = n == 0 ? 4 : n;
        if (used + need + sizeof ellipsis > size) {
            memcpy(buffer + used, ellipsis, sizeof ellipsis - 1);
            used += sizeof ellipsis - 1;
            break;
        }
        if (n == 0) {
            unsigned char byte = (unsigned char)*text;
            const char escaped[4] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
            memcpy(buffer + used, escaped, sizeof escaped);
            text += 1;
        } else {
            memcpy(buffer + used, text, n);
            text += n;
        }
        used += need;
    }
    buffer[used] = '\0';
    return buffer;
}

size_t ctl_out_width(const char *text)
{
    size_t width = 0;
    while (*text != '\0') {
        int columns = 1;
        size_t n = out_char(text, &columns);
        width += (size_t)columns;
        text += n == 0 ? 1 : n;
    }
    return width;
}

size_t ctl_out_head(const char *text, size_t width)
{
    size_t used = 0;
    size_t taken = 0;
    while (text[used] != '\0') {
        int columns = 1;
        size_t n = out_char(text + used, &columns);
        if (taken + (size_t)columns > width)
            break;
        taken += (size_t)columns;
        used += n == 0 ? 1 : n;
    }
    return used;
}
