/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud_list.h"

#include <string.h>

/* Steps over blanks; the character that follows, '\0' at the end. */
static char peek(struct sp_str *rest)
{
    while (rest->n > 0 && memchr(" \t\r\n", rest->p[0], 4) != NULL)
        *rest = sp_str_bytes(rest->p + 1, rest->n - 1);
    return rest->n > 0 ? rest->p[0] : '\0';
}

static bool take(struct sp_str *rest, char c)
{
    bool there = peek(rest) == c && rest->n > 0;
    if (there)
        *rest = sp_str_bytes(rest->p + 1, rest->n - 1);
    return there;
}

/* The value that comes next, whatever it is; NULL: none. */
static json_t *value(struct sp_str *rest)
{
    json_error_t where;
    json_t *v = json_loadb(rest->p, rest->n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &where);
    if (v != NULL)
        *rest = sp_str_bytes(rest->p + where.position, rest->n - (uint32_t)where.position);
    return v;
}

static bool elements(struct sp_str *rest, bool (*each)(void *ctx, const json_t *one), void *ctx)
{
    if (!take(rest, '['))
        return false;
    if (take(rest, ']'))
        return true;
    do {
        json_t *one = value(rest);
        bool good = json_is_object(one) && each(ctx, one);
        json_decref(one);
        if (!good)
            return false;
    } while (take(rest, ','));
    return take(rest, ']');
}

bool cloud_list_walk(struct sp_str text, const char *key, bool (*each)(void *ctx, const json_t *one), void *ctx)
{
    struct sp_str rest = text;
    bool seen = false;
    if (!take(&rest, '{'))
        return false;
    do {
        json_t *name = peek(&rest) == '"' ? value(&rest) : NULL;
        bool ours = json_is_string(name) && strcmp(json_string_value(name), key) == 0, good = name != NULL && take(&rest, ':');
        json_decref(name);
        if (good && ours) {
            good = !seen && elements(&rest, each, ctx);
            seen = true;
        } else if (good) {
            json_t *other = value(&rest);
            good = other != NULL;
            json_decref(other);
        }
        if (!good)
            return false;
    } while (take(&rest, ','));
    return take(&rest, '}') && peek(&rest) == '\0' && rest.n == 0 && seen;
}
