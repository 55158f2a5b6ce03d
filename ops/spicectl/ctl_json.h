/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading replies: values of JSON objects that are there or are not. A missing member reads as empty, zero or false, so
 * that a newer or older peer never makes a command fall over.
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include "ctl_out.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CTL_JSON_WORDS_MAX 4096 /* bytes of one line made of a JSON value */

/* Text of a member; "" when missing or no text. Lends. */
const char *ctl_json_text(const json_t *object, const char *name);

/* Whole number of a member; fallback when missing or no number. */
int64_t ctl_json_int(const json_t *object, const char *name, int64_t fallback);

/* True when the member is true. */
bool ctl_json_true(const json_t *object, const char *name);

/* The value as one line: texts as they are, lists joined by ", ", objects as "k=v, k=v" in order of the keys; to[size]
 * filled and returned. Borrows. */
const char *ctl_json_words(const json_t *value, char *to, size_t size);

/* Labels object {k:v} (or a text, taken as it is) as "k=v,k=v" sorted, the form selectors work on. Fills and returns to. */
const char *ctl_json_labels(const json_t *labels, char *to, size_t size);

/* Prints a value, indented, with a newline. Borrows. */
void ctl_json_print(struct ctl_out *out, const json_t *value);

/* Prints a value on one line. Borrows. */
void ctl_json_line(struct ctl_out *out, const json_t *value);

/* Prints every member of an object as "name: value" lines, nested ones indented. Borrows. */
void ctl_json_show(struct ctl_out *out, const json_t *object, unsigned indent);

/* Gives the value as compact JSON (free it), numbers exactly; ends the program when memory is out. Borrows. */
char *ctl_json_dump(const json_t *value);

/* Gives what json_pack or the like returned; ends the program when memory is out. Takes. */
json_t *ctl_json_need(json_t *value);

#endif
