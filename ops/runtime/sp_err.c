/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A terminal or a log gets no control characters, whatever a file or a peer had in it. */
static void clean(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
        }
    }
}

void sp_err_clear(struct sp_err *err)
{
    if (err != NULL) {
        err->where[0] = err->text[0] = err->hint[0] = '\0';
    }
}

enum sp_rc sp_err_set(struct sp_err *err, enum sp_rc rc, const char *where, const char *format, ...)
{
    if (err == NULL) {
        return rc;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    (void)snprintf(err->where, sizeof err->where, "%s", where != NULL ? where : "");
    err->hint[0] = '\0';
    clean(err->text);
    clean(err->where);
    return rc;
}

void sp_err_hint(struct sp_err *err, const char *format, ...)
{
    if (err == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->hint, sizeof err->hint, format, args);
    va_end(args);
    clean(err->hint);
}

void sp_err_line(const struct sp_err *err, char *to, size_t size)
{
    SP_ASSERT(size > 0);
    (void)snprintf(to, size, "%s%s%s%s%s%s", err->where, err->where[0] != '\0' ? ": " : "", err->text,
                   err->hint[0] != '\0' ? " (" : "", err->hint, err->hint[0] != '\0' ? ")" : "");
}
