/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_output.h"

#include <stdio.h>
#include <string.h>

#include "msg.h"
#include "sp_str.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- text ---- */

struct line {
    char *to;
    size_t n;
    size_t size; /* with NUL */
    bool full;
};

/* Effect: appends all n bytes or none, and nothing more after the first that did not fit. */
static void put(struct line *l, const char *p, size_t n)
{
    if (l->full || n >= l->size - l->n) {
        l->full = true;
        return;
    }
    memcpy(l->to + l->n, p, n);
    l->n += n;
    l->to[l->n] = '\0';
}

/* Bytes of the UTF-8 character at p (RFC 3629), 0 when it is none. */
static size_t utf8_length(const char *p, size_t n)
{
    unsigned char c = (unsigned char)p[0];
    size_t length = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (length == 0 || length > n || !sp_str_is_utf8(sp_str_bytes(p, length)))
        return 0;
    return length;
}

static bool is_control(const char *p, size_t length)
{
    unsigned char c = (unsigned char)p[0];
    unsigned char second = length == 2 ? (unsigned char)p[1] : 0;
    return c < 0x20 || c == 0x7f || (c == 0xc2 && second < 0xa0); /* C0, DEL, C1 */
}

static void put_clean(struct line *l, const char *p, size_t n)
{
    for (size_t i = 0; i < n && !l->full;) {
        size_t run = 0; /* printable ASCII goes at once */
        while (i + run < n && p[i + run] >= 0x20 && p[i + run] < 0x7f)
            run++;
        if (run > 0) {
            size_t room = l->size - 1 - l->n;
            put(l, p + i, run < room ? run : room);
            l->full = run > room;
            i += run;
            continue;
        }
        size_t length = p[i] == '\0' ? 1 : utf8_length(p + i, n - i);
        if (length == 0) {
            char escaped[8];
            int m = snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned)(unsigned char)p[i]);
            put(l, escaped, (size_t)m);
            length = 1;
        } else if (p[i] == '\t') {
            put(l, " ", 1);
        } else if (!is_control(p + i, length)) {
            put(l, p + i, length);
        }
        i += length;
    }
}

/* ---- measures ---- */

/* Bytes of the number at p: [-+]digits[.digits][e[-+]digits], at least one digit; a comma is no point. 0: none. */
static size_t number_length(const char *p, size_t n)
{
    size_t i = n > 0 && (p[0] == '-' || p[0] == '+') ? 1 : 0;
    size_t digits = 0;
    for (; i < n && is_digit(p[i]); i++)
        digits++;
    if (i < n && p[i] == '.')
        for (i++; i < n && is_digit(p[i]); i++)
            digits++;
    if (digits == 0)
        return 0;
    if (i + 1 < n && (p[i] == 'e' || p[i] == 'E')) {
        size_t j = i + (p[i + 1] == '-' || p[i + 1] == '+' ? 2 : 1);
        size_t first = j;
        while (j < n && is_digit(p[j]))
            j++;
        if (j > first)
            i = j;
    }
    return i;
}

static bool is_number(struct sp_str s)
{
    return s.n > 0 && number_length(s.p, s.n) == s.n;
}

/* [@][start:][end], start may be ~. */
static bool is_range(struct sp_str s)
{
    if (s.n > 0 && s.p[0] == '@')
        s = sp_str_bytes(s.p + 1, s.n - 1);
    const char *colon = s.n > 0 ? memchr(s.p, ':', s.n) : NULL;
    if (colon == NULL)
        return is_number(s);
    struct sp_str start = sp_str_bytes(s.p, (size_t)(colon - s.p));
    struct sp_str end = sp_str_bytes(colon + 1, s.n - start.n - 1);
    return (is_number(start) || sp_str_is(start, "~") || start.n == 0) && (end.n == 0 || is_number(end)) && s.n > 1;
}

static bool is_unit(struct sp_str s)
{
    if (s.n > EXEC_OUTPUT_UNIT_MAX)
        return false;
    if (sp_str_is(s, "%") || sp_str_is(s, "\xc2\xb5s") ||
        sp_str_is(s, "\xc2\xb0"
                     "C"))
        return true;
    for (uint32_t i = 0; i < s.n; i++) {
        bool letter = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z');
        if (!letter && !(i > 0 && (s.p[i] == '/' || is_digit(s.p[i]))))
            return false;
    }
    return true;
}

/* VALUE[UNIT][;WARN[;CRIT[;MIN[;MAX]]]]; U = not known. */
static bool is_value(struct sp_str s)
{
    struct sp_str part;
    if (!sp_str_next(&s, ';', &part))
        return false;
    size_t digits = number_length(part.p, part.n);
    if (digits == 0 && !sp_str_is(part, "U"))
        return false;
    if (digits > 0 && !is_unit(sp_str_bytes(part.p + digits, part.n - digits)))
        return false;
    for (unsigned i = 0; sp_str_next(&s, ';', &part); i++) {
        bool ok = part.n == 0 || (i < 2 ? is_range(part) : i < 4 && is_number(part));
        if (!ok && !(i >= 4 && part.n == 0))
            return false;
    }
    return true;
}

/* Effect: takes the label before '=' off *rest, without its apostrophes. False: there is none. */
static bool take_label(struct sp_str *rest, char label[EXEC_OUTPUT_LABEL_MAX + 1])
{
    size_t n = 0;
    size_t i = 0;
    bool quoted = rest->n > 0 && rest->p[0] == '\'';
    for (i = quoted ? 1 : 0; i < rest->n; i++) {
        char c = rest->p[i];
        if (quoted && c == '\'' && i + 1 < rest->n && rest->p[i + 1] == '\'')
            i++;
        else if (c == (quoted ? '\'' : '='))
            break;
        else if (!quoted && (c == ' ' || c == '\''))
            return false;
        if ((unsigned char)c < 0x20 || c == 0x7f || c == '|' || n == EXEC_OUTPUT_LABEL_MAX)
            return false;
        label[n++] = c;
    }
    i += quoted ? 1 : 0;
    if (n == 0 || i >= rest->n || rest->p[i] != '=' || !sp_str_is_utf8(sp_str_bytes(label, n)))
        return false;
    label[n] = '\0';
    *rest = sp_str_bytes(rest->p + i + 1, rest->n - i - 1);
    return true;
}

static void put_label(struct line *l, const char *label)
{
    bool quotes = strpbrk(label, " '=") != NULL;
    put(l, "'", quotes ? 1 : 0);
    for (; *label != '\0'; label++)
        put(l, *label == '\'' ? "''" : label, *label == '\'' ? 2 : 1);
    put(l, "'", quotes ? 1 : 0);
    put(l, "=", 1);
}

/* Length of the word at the start of s: up to a space outside apostrophes. */
static size_t word_length(struct sp_str s)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < s.n && (quoted || (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r')); i++)
        if (s.p[i] == '\'')
            quoted = !quoted;
    return i;
}

static bool put_measure(struct line *l, struct sp_str word)
{
    char label[EXEC_OUTPUT_LABEL_MAX + 1];
    size_t before = l->n;
    if (!take_label(&word, label) || !is_value(word))
        return false;
    while (word.n > 0 && word.p[word.n - 1] == ';')
        word.n--; /* empty fields at the end say nothing */
    put(l, " ", l->n > 0 ? 1 : 0);
    put_label(l, label);
    put(l, word.p, word.n);
    if (!l->full)
        return true;
    l->full = false; /* a shorter one may still fit */
    l->n = before;
    l->to[before] = '\0';
    return false;
}

static void read_measures(struct exec_output *out, struct line *l, struct sp_str rest)
{
    while (rest.n > 0) {
        size_t n = word_length(rest);
        struct sp_str word = sp_str_bytes(rest.p, n);
        size_t skip = n < rest.n ? n + 1 : n;
        rest = sp_str_bytes(rest.p + skip, rest.n - skip);
        if (word.n == 0)
            continue;
        if (out->measures_count < EXEC_OUTPUT_MEASURES_MAX && put_measure(l, word))
            out->measures_count++;
        else
            out->measures_bad++;
    }
}

/* ---- whole ---- */

void exec_output_read(const char *text, size_t n, struct exec_output *out)
{
    struct line detail = {out->detail, 0, sizeof out->detail, false};
    struct line measures = {out->measures, 0, sizeof out->measures, false};
    out->detail[0] = out->measures[0] = '\0';
    out->measures_count = out->measures_bad = 0;
    bool only_measures = false; /* after the bar of a later line */
    struct sp_str rest = sp_str_bytes(text, n);
    for (uint32_t i = 0; i < EXEC_OUTPUT_LINES_MAX && rest.n > 0; i++) {
        const char *end = memchr(rest.p, '\n', rest.n);
        struct sp_str line = sp_str_bytes(rest.p, end != NULL ? (size_t)(end - rest.p) : rest.n);
        rest = end != NULL ? sp_str_bytes(end + 1, rest.n - line.n - 1) : sp_str_bytes(NULL, 0);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        const char *bar = line.n > 0 && !only_measures ? memchr(line.p, '|', line.n) : NULL;
        struct sp_str words = bar != NULL ? sp_str_bytes(line.p, (size_t)(bar - line.p)) : line;
        if (only_measures) {
            read_measures(out, &measures, line);
            continue;
        }
        words = sp_str_trim(words);
        put(&detail, " / ", words.n > 0 && detail.n > 0 ? 3 : 0);
        put_clean(&detail, words.p, words.n);
        if (bar != NULL)
            read_measures(out, &measures, sp_str_bytes(bar + 1, line.n - (size_t)(bar + 1 - line.p)));
        only_measures = bar != NULL && i > 0;
    }
}

bool exec_output_verdict(int code, uint8_t *outcome, uint16_t *reason)
{
    static const uint8_t outcomes[] = {SP_OUTCOME_PASS, SP_OUTCOME_WARN, SP_OUTCOME_FAIL, SP_OUTCOME_ERROR};
    static const uint16_t reasons[] = {SP_REASON_OK, SP_REASON_REMARK, SP_REASON_CONTENT, SP_REASON_CONTENT};
    if (code < 0 || code > 3) {
        *outcome = SP_OUTCOME_ERROR;
        *reason = SP_REASON_PLUGIN_EXIT;
        return false;
    }
    *outcome = outcomes[code];
    *reason = reasons[code];
    return true;
}
