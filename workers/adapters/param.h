/* SPDX-License-Identifier: Apache-2.0 */
/*
 * param.h - parameter tables of adapters, and the strict reader that turns a JSON object into one value per row.
 *
 * Pure: no clock, file or socket. The reader accepts one flat object; unknown, repeated, missing, mistyped and
 * out-of-range parameters are refused with a sentence that names the parameter (and the nearest right word).
 */
#ifndef SPICE_PARAM_H
#define SPICE_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sp_str.h"

#define SP_ADAPTER_PARAMS_MAX 64u    /* rows of a parameter table */
#define SP_ADAPTER_WHY_MAX    256u   /* bytes of an explanation, with its NUL */
#define PARAM_JSON_MAX        16384u /* bytes of the JSON text (str<16384> of DefinitionBody) */
#define PARAM_LIST_MAX        1024u  /* texts in all lists and maps of one object together */
#define PARAM_EXPAND_NAME_MAX 255u   /* bytes of a node name or address put into a text */

enum sp_param_type {
    SP_PARAM_STR,      /* text; min..max bytes; may hold {node} and {address}, see expand() */
    SP_PARAM_INT,      /* whole number; min..max */
    SP_PARAM_BOOL,     /* true or false */
    SP_PARAM_DURATION, /* text such as "500ms" or "10s"; min..max in milliseconds; num holds milliseconds */
    SP_PARAM_ENUM,     /* one of `choices` ("a|b|c"); num holds its index */
    SP_PARAM_LIST,     /* list of texts; min..max items; a bare text is a list of one */
    SP_PARAM_MAP       /* object of texts; min..max entries; list holds name, value, name, value, ... */
};

struct sp_param {
    const char *name;
    enum sp_param_type type;
    bool required;
    int64_t min;
    int64_t max;
    const char *fallback; /* default as JSON text ("10", "\"GET\"", "true"); NULL: stays not given */
    const char *help;     /* one sentence for manual and --help */
    const char *choices;  /* SP_PARAM_ENUM only */
};

/* One value per row of the table, in table order. Everything is lent for the duration of the call that passes it. */
struct sp_param_value {
    bool given; /* by the user or by the fallback */
    int64_t num;
    const char *str; /* NUL-terminated, valid UTF-8 without NUL inside; "" when not given */
    size_t str_len;
    const char *const *list; /* NUL-terminated texts */
    size_t list_len;         /* elements of `list` (a map of n entries has 2 n) */
};

/* Values of one object with the memory they lie in. */
struct param_values {
    struct sp_param_value row[SP_ADAPTER_PARAMS_MAX];
    char wrong[65];     /* after a refusal: name of the parameter it is about, as the object has it; empty: none */
    char *texts;        /* private */
    const char **lists; /* private */
};

/* Effect: fills *out from the JSON object (empty text = {}) by the table of `count` rows. Borrows table and json, which need
 * not outlive the call. False: nothing to free, `why` (SP_ADAPTER_WHY_MAX bytes) names what and how, out->wrong which one. */
bool param_parse(const struct sp_param *table, size_t count, struct sp_str json, struct param_values *out, char *why);

/* Effect: releases what param_parse gave. Safe on a zeroed struct. */
void param_fini(struct param_values *values);

/* The first {word} of text that param_expand would leave as it is, braces included; empty when there is none. Lends. */
struct sp_str param_unknown_place(const char *text);

/* Effect: writes text with {node} and {address} replaced, NUL-terminated. False: does not fit, or a replaced name has other
 * characters than letters, digits and . _ - : [ ] %, or is longer than PARAM_EXPAND_NAME_MAX. Borrows all. */
bool param_expand(const char *text, const char *node, const char *address, char *out, size_t out_cap);

#endif
