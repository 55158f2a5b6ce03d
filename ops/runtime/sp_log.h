/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event on standard error: `at=... level=notice sub=keeper event=node.state node=n1 from=none to=pass`. Values are
 * escaped and bounded, so nothing a peer wrote can forge a line. It allocates nothing, never blocks (a full pipe loses the line and
 * counts it; the next line that goes through says how many), and preserves errno. Repeats of a line within SP_LOG_REPEAT_MS are
 * counted and summarised. Never pass secrets, nonces or raw tokens; use SP_LOG_HEX for bytes. One thread.
 */
#ifndef SP_LOG_H
#define SP_LOG_H

#include "sp_assert.h"
#include "sp_str.h"
#include "sp_time.h"

#define SP_LOG_LINE_BYTES  2048u /* a whole line; below PIPE_BUF, so writes do not mix */
#define SP_LOG_VALUE_BYTES 512u  /* one value before escaping; the rest is cut and marked with "..." */
#define SP_LOG_SUBS_MAX    32u   /* subsystems with a level of their own */
#define SP_LOG_REPEAT_MS   10000u
#define SP_LOG_BURST       200u /* different lines of one event per SP_LOG_REPEAT_MS */

/* By reader: wake somebody; look this week; a state changed; start, stop, peer came or went; development. */
enum sp_log_level { SP_LOG_ERROR, SP_LOG_WARNING, SP_LOG_NOTICE, SP_LOG_INFO, SP_LOG_DEBUG };

enum sp_log_kind { SP_LOG_KIND_END, SP_LOG_KIND_TEXT, SP_LOG_KIND_UNSIGNED, SP_LOG_KIND_SIGNED, SP_LOG_KIND_HEX };

struct sp_log_field {
    const char *key;
    enum sp_log_kind kind;
    uint32_t n;
    const void *p;
    uint64_t value;
};

/* Fields: a C string (NULL prints "-"), a view, numbers, bytes as hex. All borrowed for the call. */
#define SP_LOG_S(key, text)   sp_log_text((key), sp_str_of(text))
#define SP_LOG_V(key, view)   sp_log_text((key), (view))
#define SP_LOG_U(key, x)      ((struct sp_log_field){(key), SP_LOG_KIND_UNSIGNED, 0, NULL, (uint64_t)(x)})
#define SP_LOG_I(key, x)      ((struct sp_log_field){(key), SP_LOG_KIND_SIGNED, 0, NULL, (uint64_t)(int64_t)(x)})
#define SP_LOG_HEX(key, p, n) ((struct sp_log_field){(key), SP_LOG_KIND_HEX, (uint32_t)(n), (p), 0})

static inline struct sp_log_field sp_log_text(const char *key, struct sp_str text)
{
    struct sp_log_field f = {key, SP_LOG_KIND_TEXT, text.n, text.p, 0};
    return f;
}

/* SP_LOG(SP_LOG_NOTICE, "keeper", "node.state", SP_LOG_S("node", name), SP_LOG_U("seq", 7)); fields are evaluated only when the
 * level is on. sub and event are literals (event below 48 characters). The first field is the subject. */
#define SP_LOG(level, sub, event, ...)                                                                                             \
    do {                                                                                                                           \
        if (sp_log_on((level), (sub))) {                                                                                           \
            sp_log_write((level), (sub), (event), (const struct sp_log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}});                   \
        }                                                                                                                          \
    } while (0)

/* Effect: sets the descriptor (2 at start) and the process name that every line carries (`proc=`; NULL: none). Borrows it for good. */
void sp_log_open(int fd, const char *process);
/* Effect: sets the level of one subsystem, or of all others when sub is NULL; at run time too. SP_LOG_INFO at start. False: full. */
bool sp_log_level_set(const char *sub, enum sp_log_level level);
/* True when the word names a level; *out only then. */
bool sp_log_level_parse(struct sp_str word, enum sp_log_level *out);
bool sp_log_on(enum sp_log_level level, const char *sub);
/* Effect: writes one line. Use SP_LOG. `fields` ends with a zeroed one. */
void sp_log_write(enum sp_log_level level, const char *sub, const char *event, const struct sp_log_field *fields);
/* Effect: prints summaries that are due; call about each second while nothing is logged (lines do it themselves). */
void sp_log_tick(struct sp_now now);
/* Returns lines lost because the descriptor was full or broken. */
uint64_t sp_log_lost(void);

#endif
