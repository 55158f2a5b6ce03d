/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sp_clock.h"
#include "sp_hash.h"

#define SUB_BYTES 24u
#define SEEN_MAX  64u /* different lines remembered for repeats, and different events for floods */
#define KEY_SPACE 64u /* bytes kept free at the end of a line for the cut mark and the newline */

static const char *const level_words[] = {"error", "warning", "notice", "info", "debug"};

struct sub {
    char name[SUB_BYTES];
    enum sp_log_level level;
};

/* One remembered line, or (event limit) one remembered event. */
struct seen {
    uint64_t hash;     /* 0: free */
    uint64_t since_ms; /* monotonic */
    uint32_t printed;
    uint32_t suppressed;
    enum sp_log_level level;
    char sub[SUB_BYTES];
    char event[48];
    char subject[64]; /* " key=value" of the first field, for the summary */
};

/* The process's one log: a log that had to be handed to every function would not be used where it matters. */
static struct {
    int fd;
    const char *process;
    enum sp_log_level level;
    uint32_t sub_count;
    struct sub subs[SP_LOG_SUBS_MAX];
    struct seen lines[SEEN_MAX];
    struct seen events[SEEN_MAX]; /* apart, so that a flood of lines cannot push its own event out */
    uint64_t ticked_ms;           /* monotonic; latest sp_log_tick */
    uint64_t lost;
    uint64_t lost_told;
} state = {.fd = STDERR_FILENO, .level = SP_LOG_INFO};

struct line {
    char p[SP_LOG_LINE_BYTES];
    size_t n;
    bool cut;
};

void sp_log_open(int fd, const char *process)
{
    state.fd = fd;
    state.process = process;
}

bool sp_log_level_parse(struct sp_str word, enum sp_log_level *out)
{
    for (uint32_t i = 0; i < SP_COUNT(level_words); i++) {
        if (sp_str_is(word, level_words[i])) {
            *out = (enum sp_log_level)i;
            return true;
        }
    }
    return false;
}

bool sp_log_level_set(const char *sub, enum sp_log_level level)
{
    if (sub == NULL) {
        state.level = level;
        return true;
    }
    for (uint32_t i = 0; i < state.sub_count; i++) {
        if (strcmp(state.subs[i].name, sub) == 0) {
            state.subs[i].level = level;
            return true;
        }
    }
    if (state.sub_count == SP_LOG_SUBS_MAX || strlen(sub) >= SUB_BYTES) {
        return false;
    }
    (void)sp_str_copy(state.subs[state.sub_count].name, SUB_BYTES, sp_str_of(sub));
    state.subs[state.sub_count++].level = level;
    return true;
}

bool sp_log_on(enum sp_log_level level, const char *sub)
{
    for (uint32_t i = 0; i < state.sub_count; i++) {
        if (strcmp(state.subs[i].name, sub) == 0) {
            return level <= state.subs[i].level;
        }
    }
    return level <= state.level;
}

static void put(struct line *l, const char *p, size_t n)
{
    if (l->cut || l->n + n > sizeof l->p - KEY_SPACE) {
        l->cut = true;
        return;
    }
    memcpy(l->p + l->n, p, n);
    l->n += n;
}

static void put_text(struct line *l, const char *text)
{
    put(l, text, strlen(text));
}

static bool is_bare(struct sp_str v)
{
    for (uint32_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f) {
            return false;
        }
    }
    return v.n > 0;
}

/* Quotes what is not plain; control characters and bytes that are no UTF-8 text become \xNN, so a line stays a line. */
static void put_value(struct line *l, struct sp_str v)
{
    bool cut = v.n > SP_LOG_VALUE_BYTES;
    v.n = cut ? SP_LOG_VALUE_BYTES : v.n;
    if (v.p == NULL) {
        put_text(l, "-");
        return;
    }
    if (is_bare(v) && !cut) {
        put(l, v.p, v.n);
        return;
    }
    bool utf8 = sp_str_is_utf8(v);
    put_text(l, "\"");
    for (uint32_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        char hex[8];
        if (c == '"' || c == '\\') {
            char pair[2] = {'\\', (char)c};
            put(l, pair, sizeof pair);
        } else if (c < ' ' || c == 0x7f || (c > 0x7f && !utf8)) {
            put(l, hex, (size_t)snprintf(hex, sizeof hex, "\\x%02x", c));
        } else {
            put(l, v.p + i, 1);
        }
    }
    put_text(l, cut ? "...\"" : "\"");
}

static void put_hex(struct line *l, const struct sp_log_field *f)
{
    const uint8_t *p = f->p;
    uint32_t n = f->n > SP_LOG_VALUE_BYTES / 2 ? SP_LOG_VALUE_BYTES / 2 : f->n;
    char hex[4];
    for (uint32_t i = 0; i < n; i++) {
        put(l, hex, (size_t)snprintf(hex, sizeof hex, "%02x", p[i]));
    }
    put_text(l, n == 0 ? "-" : n < f->n ? "..." : "");
}

static void put_field(struct line *l, const struct sp_log_field *f)
{
    char number[32];
    put_text(l, " ");
    put_text(l, f->key);
    put_text(l, "=");
    switch (f->kind) {
    case SP_LOG_KIND_TEXT:
        put_value(l, sp_str_bytes(f->p, f->n));
        break;
    case SP_LOG_KIND_UNSIGNED:
        put(l, number, (size_t)snprintf(number, sizeof number, "%llu", (unsigned long long)f->value));
        break;
    case SP_LOG_KIND_SIGNED:
        put(l, number, (size_t)snprintf(number, sizeof number, "%lld", (long long)(int64_t)f->value));
        break;
    case SP_LOG_KIND_HEX:
        put_hex(l, f);
        break;
    case SP_LOG_KIND_END:
        break;
    }
}

static void put_head(struct line *l, struct sp_now now, enum sp_log_level level, const char *sub, const char *event)
{
    char at[32];
    sp_time_format_wall(now.wall, at, sizeof at);
    put_text(l, "at=");
    put_text(l, at);
    put_text(l, " level=");
    put_text(l, level_words[level]);
    if (state.process != NULL) {
        put_text(l, " proc=");
        put_text(l, state.process);
    }
    put_text(l, " sub=");
    put_text(l, sub);
    put_text(l, " event=");
    put_text(l, event);
}

static void put_unsigned(struct line *l, const char *key, uint64_t value)
{
    struct sp_log_field f = SP_LOG_U(key, value);
    put_field(l, &f);
}

/* The descriptor is not ours alone (a terminal is shared with the shell), so O_NONBLOCK is not set on it: a socket takes a flag, the
 * others are asked for room first. A pipe counts as writable while PIPE_BUF bytes fit, and a line is shorter: it goes in whole or not
 * at all. */
static bool send_line(const char *p, size_t n)
{
    ssize_t sent = send(state.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == ENOTSOCK) {
        struct pollfd ready = {.fd = state.fd, .events = POLLOUT};
        sent = poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0 ? write(state.fd, p, n) : -1;
    }
    return sent == (ssize_t)n;
}

static void finish(struct line *l)
{
    if (l->cut) {
        memcpy(l->p + l->n, " ...", 4);
        l->n += 4;
    }
    l->p[l->n++] = '\n';
    if (!send_line(l->p, l->n)) {
        state.lost++;
    }
}

static void tell_lost(struct sp_now now)
{
    if (state.lost == state.lost_told) {
        return;
    }
    struct line l = {.n = 0};
    uint64_t lost = state.lost;
    put_head(&l, now, SP_LOG_WARNING, "log", "log.lost");
    put_unsigned(&l, "lines", lost - state.lost_told);
    finish(&l);
    if (state.lost == lost) {
        state.lost_told = lost;
    }
}

/* Ends the memory of a line; says how many were left out. */
static void forget(struct seen *s, struct sp_now now)
{
    if (s->suppressed > 0) {
        struct line l = {.n = 0};
        put_head(&l, now, s->level, s->sub, s->event);
        put_text(&l, s->subject);
        put_unsigned(&l, "repeated", s->suppressed);
        put_unsigned(&l, "within_ms", sp_mono_ms(now.mono) - s->since_ms);
        finish(&l);
    }
    s->hash = 0;
    s->suppressed = 0;
}

static void forget_due(struct seen *table, struct sp_now now)
{
    for (uint32_t i = 0; i < SEEN_MAX; i++) {
        if (table[i].hash != 0 && sp_mono_ms(now.mono) >= table[i].since_ms + SP_LOG_REPEAT_MS) {
            forget(&table[i], now);
        }
    }
}

void sp_log_tick(struct sp_now now)
{
    int keep = errno;
    state.ticked_ms = sp_mono_ms(now.mono);
    forget_due(state.lines, now);
    forget_due(state.events, now);
    tell_lost(now);
    errno = keep;
}

/* The memory of this hash, or a free one, or the oldest one (summarised first). */
static struct seen *seen_for(struct seen *table, uint64_t hash, struct sp_now now)
{
    struct seen *oldest = &table[0];
    struct seen *vacant = NULL;
    for (uint32_t i = 0; i < SEEN_MAX; i++) {
        struct seen *s = &table[i];
        if (s->hash == hash) {
            return s;
        }
        vacant = s->hash == 0 && vacant == NULL ? s : vacant;
        oldest = s->since_ms < oldest->since_ms ? s : oldest;
    }
    if (vacant == NULL) {
        forget(oldest, now);
        vacant = oldest;
    }
    return vacant;
}

/* True when a line of this hash, of which `burst` are printed per interval, is to be printed; else it is counted. */
static bool admit(struct seen *table, uint64_t hash, uint32_t burst, struct sp_now now, const struct seen *like)
{
    struct seen *s = seen_for(table, hash, now);
    uint64_t now_ms = sp_mono_ms(now.mono);
    if (s->hash == hash && now_ms >= s->since_ms + SP_LOG_REPEAT_MS) {
        forget(s, now);
    }
    if (s->hash != hash) {
        *s = *like;
        s->hash = hash;
        s->since_ms = now_ms;
    }
    if (s->printed < burst) {
        s->printed++;
        return true;
    }
    s->suppressed++;
    return false;
}

static uint64_t hash_of(const char *p, size_t n)
{
    static const uint8_t key[16] = "sp_log repeats"; /* a collision costs a log line; nothing to protect */
    return sp_hash_sip(key, p, n) | 1u;
}

void sp_log_write(enum sp_log_level level, const char *sub, const char *event, const struct sp_log_field *fields)
{
    int keep = errno;
    struct sp_now now = sp_clock_read();
    struct line l = {.n = 0};
    struct seen like = {.level = level};
    if (sp_mono_ms(now.mono) >= state.ticked_ms + SP_MS_PER_S) {
        sp_log_tick(now);
    }
    (void)sp_str_copy(like.sub, sizeof like.sub, sp_str_of(sub));
    (void)sp_str_copy(like.event, sizeof like.event, sp_str_of(event));
    put_head(&l, now, level, sub, event);
    size_t body = l.n;
    bool event_ok = admit(state.events, hash_of(event, strlen(event)), SP_LOG_BURST, now, &like);
    for (const struct sp_log_field *f = fields; f->kind != SP_LOG_KIND_END; f++) {
        put_field(&l, f);
        if (f == fields) {
            (void)sp_str_copy(like.subject, sizeof like.subject, sp_str_bytes(l.p + body, l.n - body));
        }
    }
    uint64_t hash = hash_of(l.p + body, l.n - body) ^ hash_of(event, strlen(event)) << 1;
    if (event_ok && admit(state.lines, hash | 1u, 1, now, &like)) {
        tell_lost(now);
        finish(&l);
    }
    errno = keep;
}

uint64_t sp_log_lost(void)
{
    return state.lost;
}
