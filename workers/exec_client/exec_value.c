/* SPDX-License-Identifier: Apache-2.0 */
#include "exec_value.h"

#include <signal.h>
#include <string.h>

#include "sp_assert.h"

static void put_text(struct sp_buf *out, const char *text)
{
    sp_buf_append(out, "\"", 1);
    while (*text != '\0') {
        size_t plain = 0;
        while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' && text[plain] != '\\' && text[plain] != 0x7f)
            plain++;
        sp_buf_append(out, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        if (*text == '"' || *text == '\\')
            sp_buf_format(out, "\\%c", *text);
        else
            sp_buf_format(out, "\\u%04x", (unsigned)(unsigned char)*text);
        text++;
    }
    sp_buf_append(out, "\"", 1);
}

void exec_value_list(const char *const *texts, uint32_t count, struct sp_buf *out)
{
    sp_buf_reset(out);
    sp_buf_append(out, "[", 1);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            sp_buf_append(out, ",", 1);
        put_text(out, texts[i]);
    }
    sp_buf_append(out, "]", 1);
}

const char *exec_value_signal(int number)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},   {SIGTRAP, "SIGTRAP"},
                 {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"},
                 {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"}, {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},
                 {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"}};
    for (size_t i = 0; i < SP_COUNT(names); i++)
        if (names[i].number == number)
            return names[i].name;
    return "unknown";
}
