/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "ima_exclude.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#define WORKSPACE 2048u /* numbers; about six for each place an expression may be at */
#define NESTING   64u   /* parentheses in each other */
#define HEAP_KIB  1024u
#define STEPS_MAX 10000u /* calls of the matcher within itself, for look-ahead and the like */

struct ima_exclude {
    pcre2_compile_context *compile;
    pcre2_match_context *limits;
    pcre2_match_data *found;
    pcre2_code **code;
    uint32_t count, size;
    int *workspace;
};

/* Expressions that match all of these are taken to match everything. */
static const char *const everywhere[] = {"/5f0e/a", "/usr/bin/5f0e", "/q"};

struct ima_exclude *ima_exclude_new(void)
{
    struct ima_exclude *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return NULL;
    }
    x->compile = pcre2_compile_context_create(NULL);
    x->limits = pcre2_match_context_create(NULL);
    x->found = pcre2_match_data_create(1, NULL);
    x->workspace = malloc(WORKSPACE * sizeof *x->workspace);
    if (x->compile == NULL || x->limits == NULL || x->found == NULL || x->workspace == NULL) {
        ima_exclude_destroy(&x);
        return NULL;
    }
    (void)pcre2_set_parens_nest_limit(x->compile, NESTING);
    (void)pcre2_set_max_pattern_length(x->compile, 2 * IMA_EXCLUDE_BYTES_MAX);
    (void)pcre2_set_match_limit(x->limits, STEPS_MAX);
    (void)pcre2_set_depth_limit(x->limits, NESTING);
    (void)pcre2_set_heap_limit(x->limits, HEAP_KIB);
    return x;
}

void ima_exclude_destroy(struct ima_exclude **x)
{
    if (*x != NULL) {
        for (uint32_t i = 0; i < (*x)->count; i++) {
            pcre2_code_free((*x)->code[i]);
        }
        free((*x)->code);
        free((*x)->workspace);
        pcre2_match_data_free((*x)->found);
        pcre2_match_context_free((*x)->limits);
        pcre2_compile_context_free((*x)->compile);
        free(*x);
        *x = NULL;
    }
}

uint32_t ima_exclude_count(const struct ima_exclude *x)
{
    return x->count;
}

/* Where Python means something else by the same letters: \Z is the very end, {,n} is {0,n}. Returns the bytes; 0: too long. */
static size_t translate(struct sp_str in, char *out, size_t size)
{
    size_t n = 0;
    bool set = false;
    for (uint32_t i = 0; i < in.n; i++) {
        if (n + 3 > size) {
            return 0;
        }
        char c = in.p[i];
        if (c == '\\' && i + 1 < in.n) {
            char next = in.p[++i];
            out[n++] = '\\';
            out[n++] = next == 'Z' && !set ? 'z' : next;
            continue;
        }
        set = set ? c != ']' : c == '[';
        out[n++] = c;
        if (c == '[' && set && i + 1 < in.n && (in.p[i + 1] == ']' || in.p[i + 1] == '^')) {
            out[n++] = in.p[++i]; /* the first one does not end the set */
            if (in.p[i] == '^' && i + 1 < in.n && in.p[i + 1] == ']' && n < size) {
                out[n++] = in.p[++i];
            }
        } else if (c == '{' && !set && i + 1 < in.n && in.p[i + 1] == ',') {
            out[n++] = '0';
        }
    }
    return n;
}

/* Returns what PCRE2 says: 0 and more for a match. */
static int try_match(const struct ima_exclude *x, const pcre2_code *code, struct sp_str path)
{
    return pcre2_dfa_match(code, (PCRE2_SPTR)path.p, path.n, 0, PCRE2_ANCHORED | PCRE2_DFA_SHORTEST, x->found, x->limits,
                           x->workspace, WORKSPACE);
}

/* Some of what an automaton cannot do shows only when it is tried. */
static bool can_be_matched(const struct ima_exclude *x, const pcre2_code *code)
{
    for (size_t i = 0; i < SP_COUNT(everywhere); i++) {
        int rc = try_match(x, code, sp_str_of(everywhere[i]));
        if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) {
            return false;
        }
    }
    return true;
}

static pcre2_code *compile(const struct ima_exclude *x, struct sp_str pattern, char *why, size_t size)
{
    char text[2 * IMA_EXCLUDE_BYTES_MAX];
    int error = 0;
    size_t at = 0;
    uint32_t back = 0;
    size_t n = translate(pattern, text, sizeof text);
    if (n == 0 || pattern.n > IMA_EXCLUDE_BYTES_MAX) {
        (void)snprintf(why, size, "expression is empty or too long");
        return NULL;
    }
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)text, n, PCRE2_ANCHORED | PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
                      &error, &at, x->compile);
    if (code == NULL) {
        char text_of[128];
        (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)text_of, sizeof text_of);
        (void)snprintf(why, size, "%s, near character %zu", text_of, at + 1);
        return NULL;
    }
    if (pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &back) != 0 || back > 0) {
        (void)snprintf(why, size, "back references are not for expressions here");
        pcre2_code_free(code);
        return NULL;
    }
    return code;
}

bool ima_exclude_add(struct ima_exclude *x, struct sp_str pattern, char *why, size_t size)
{
    if (x->count == IMA_EXCLUDES_MAX) {
        (void)snprintf(why, size, "more than %u expressions", IMA_EXCLUDES_MAX);
        return false;
    }
    if (x->count == x->size) {
        uint32_t more = x->size == 0 ? 16 : 2 * x->size;
        pcre2_code **code = realloc(x->code, more * sizeof(pcre2_code *));
        if (code == NULL) {
            (void)snprintf(why, size, "memory is out");
            return false;
        }
        x->code = code;
        x->size = more;
    }
    pcre2_code *code = compile(x, pattern, why, size);
    if (code == NULL) {
        return false;
    }
    if (!can_be_matched(x, code)) {
        (void)snprintf(why, size, "expression has what cannot be matched without tracking back");
        pcre2_code_free(code);
        return false;
    }
    x->code[x->count++] = code;
    return true;
}

bool ima_exclude_match(const struct ima_exclude *x, struct sp_str path)
{
    for (uint32_t i = 0; i < x->count; i++) {
        if (try_match(x, x->code[i], path) >= 0) {
            return true;
        }
    }
    return false;
}

bool ima_exclude_everything(const struct ima_exclude *x)
{
    for (size_t i = 0; i < SP_COUNT(everywhere); i++) {
        if (!ima_exclude_match(x, sp_str_of(everywhere[i]))) {
            return false;
        }
    }
    return true;
}
