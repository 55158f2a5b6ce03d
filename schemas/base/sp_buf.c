/* SPDX-License-Identifier: Apache-2.0 */
#include "sp_buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sp_assert.h"

#define FIRST_SIZE 256u

void sp_buf_init(struct sp_buf *b, size_t max)
{
    SP_ASSERT(max > 0 && max <= UINT32_MAX);
    *b = (struct sp_buf){.max = max};
}

void sp_buf_fini(struct sp_buf *b)
{
    free(b->p);
    b->p = NULL;
    b->n = b->size = 0;
}

void sp_buf_reset(struct sp_buf *b)
{
    b->n = 0;
    b->failed = false;
}

uint8_t *sp_buf_room(struct sp_buf *b, size_t more)
{
    if (b->failed || more > b->max - b->n) {
        b->failed = true;
        return NULL;
    }
    size_t need = b->n + more;
    if (need > b->size || b->p == NULL) {
        size_t size = b->size > 0 ? b->size : FIRST_SIZE;
        while (size < need)
            size *= 2;
        if (size > b->max)
            size = b->max;
        uint8_t *p = realloc(b->p, size);
        if (p == NULL) {
            b->failed = true;
            return NULL;
        }
        b->p = p;
        b->size = size;
    }
    return b->p + b->n;
}

void sp_buf_append(struct sp_buf *b, const void *p, size_t n)
{
    uint8_t *room = sp_buf_room(b, n);
    if (room == NULL)
        return;
    if (n > 0)
        memcpy(room, p, n);
    b->n += n;
}

void sp_buf_text(struct sp_buf *b, const char *text)
{
    sp_buf_append(b, text, strlen(text));
}

void sp_buf_format(struct sp_buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    SP_ASSERT(n >= 0);
    uint8_t *room = sp_buf_room(b, (size_t)n + 1);
    if (room != NULL) {
        (void)vsnprintf((char *)room, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

struct sp_str sp_buf_view(const struct sp_buf *b)
{
    return sp_str_bytes(b->p, b->n);
}
