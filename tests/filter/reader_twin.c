/* SPDX-License-Identifier: Apache-2.0 */
/* broker/client/core/reader_core behind a pipe, so that tests in other languages can play it the same stream as their own reader.
 * One command a line, times in microseconds, bytes in hexadecimal; one line of answer each:
 *   init PING_MS STALE_MS ENTRIES_MAX      ok
 *   step NOW NONCE                         subscribe | ping | -
 *   message NOW TYPE BODY                  away | joining | following
 *   lost                                   away
 *   key NOW KEY POOL / name NOW NAME POOL  MEMBER TIER REMAINING_MS */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader_core.h"
#include "sp_hex.h"

#define LINE_BYTES (3u << 20)

static const char *const states[] = {"away", "joining", "following"};

/* Next word of the line; ends the process when there is none, for then the test itself is wrong. */
static char *word(char **line)
{
    char *w = strsep(line, " \n");
    if (w == NULL) {
        fputs("reader_twin: too few words\n", stderr);
        exit(2);
    }
    return w;
}

static uint64_t number(char **line)
{
    return strtoull(word(line), NULL, 10);
}

static size_t bytes(char **line, uint8_t *out, size_t most)
{
    char *w = word(line);
    size_t n = strlen(w) / 2;
    if (n > most || !sp_hex_parse(sp_str_of(w), out, n)) {
        fputs("reader_twin: no hexadecimal digits, or too many\n", stderr);
        exit(2);
    }
    return n;
}

static void step(struct reader_core *r, char **line)
{
    struct reader_send send;
    struct reader_changes changes;
    uint8_t nonce[16];
    struct sp_mono now = {number(line)};
    (void)bytes(line, nonce, sizeof nonce);
    bool sends = reader_core_step(r, now, nonce, &send, &changes);
    puts(!sends ? "-" : send.type == SP_MSG_SUBSCRIBE ? "subscribe" : "ping");
}

static void message(struct reader_core *r, char **line)
{
    static uint8_t body[LINE_BYTES / 2];
    struct reader_changes changes;
    struct sp_mono now = {number(line)};
    uint16_t type = (uint16_t)number(line);
    size_t n = bytes(line, body, sizeof body);
    reader_core_on_message(r, now, SP_ROLE_KEEPER, type, sp_str_bytes(body, n), &changes);
    puts(states[r->state]);
}

static void lookup(struct reader_core *r, char **line, bool by_key)
{
    struct reader_answer a;
    uint8_t key[16];
    struct sp_mono now = {number(line)};
    char *node = "";
    if (by_key) {
        (void)bytes(line, key, sizeof key);
    } else {
        node = word(line);
    }
    reader_core_lookup(r, now, sp_str_of(node), by_key ? key : NULL, sp_str_of(word(line)), &a);
    printf("%d %u %" PRIu64 "\n", a.member, a.tier, a.remaining_ms);
}

static void init(struct reader_core *r, char **line)
{
    struct reader_options o = {.boot = 1, .hash_key = {5}};
    o.ping_ms = number(line);
    o.stale_ms = number(line);
    o.entries_max = (uint32_t)number(line);
    reader_core_fini(r);
    puts(reader_core_init(r, &o) ? "ok" : "refused");
}

int main(void)
{
    static char buffer[LINE_BYTES];
    static struct reader_core r;
    struct reader_changes changes;
    while (fgets(buffer, sizeof buffer, stdin) != NULL) {
        char *line = buffer, *command = word(&line);
        if (strcmp(command, "init") == 0) {
            init(&r, &line);
        } else if (strcmp(command, "step") == 0) {
            step(&r, &line);
        } else if (strcmp(command, "message") == 0) {
            message(&r, &line);
        } else if (strcmp(command, "lost") == 0) {
            reader_core_lost(&r, &changes);
            puts(states[r.state]);
        } else {
            lookup(&r, &line, strcmp(command, "key") == 0);
        }
        (void)fflush(stdout);
    }
    reader_core_fini(&r);
    return 0;
}
