/* SPDX-License-Identifier: Apache-2.0 */
/* Test plugin: answers one line per question. ARGS tell it to misbehave once: "hang", "die", "garbage", "unknown", "long", "code7".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PUT(text) put(text, sizeof(text) - 1)

static char in[262144];
static char out[262144];
static size_t out_bytes;

static void flush(void)
{
    for (size_t at = 0; at < out_bytes;) {
        ssize_t n = write(1, out + at, out_bytes - at);
        if (n <= 0)
            exit(0);
        at += (size_t)n;
    }
    out_bytes = 0;
}

static void put(const char *p, size_t n)
{
    if (n > sizeof out - out_bytes)
        flush();
    memcpy(out + out_bytes, p, n);
    out_bytes += n;
}

static void misbehave(const char *line, const char *id, size_t id_bytes)
{
    if (strstr(line, "hang") != NULL) {
        flush();
        for (;;)
            (void)pause();
    }
    if (strstr(line, "die") != NULL) {
        flush();
        exit(1);
    }
    if (strstr(line, "garbage") != NULL)
        PUT("no such line\n");
    if (strstr(line, "unknown") != NULL)
        PUT("18446744073709551615\t0\tnobody asked\n");
    if (strstr(line, "long") != NULL)
        for (int i = 0; i < 1000; i++)
            PUT("long long long long ");
    if (strstr(line, "code7") != NULL) {
        put(id, id_bytes);
        PUT("\t7\tstrange\n");
    }
}

static void answer(char *line)
{
    size_t id_bytes = strcspn(line, "\t");
    const char *args = strrchr(line, '\t');
    if (args != NULL && strcmp(args, "\t[]") != 0)
        misbehave(args, line, id_bytes);
    put(line, id_bytes);
    PUT("\t0\tOK - up|n=1\n");
}

int main(void)
{
    size_t have = 0;
    for (;;) {
        ssize_t n = read(0, in + have, sizeof in - have);
        if (n <= 0)
            return 0;
        have += (size_t)n;
        char *at = in;
        for (char *end; (end = memchr(at, '\n', have - (size_t)(at - in))) != NULL; at = end + 1) {
            *end = '\0';
            answer(at);
        }
        have -= (size_t)(at - in);
        memmove(in, at, have);
        flush();
    }
}
