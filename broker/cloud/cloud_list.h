/* SPDX-License-Identifier: Apache-2.0 */
/* A long list in an answer, one element after the other: a tree of ten thousand providers takes ten times the room of its text. */
#ifndef CLOUD_LIST_H
#define CLOUD_LIST_H

#include <jansson.h>

#include "sp_str.h"

/* Calls each for every element of {"KEY": [{...}, ...], ...}; one is lent. False: the text is no such object, an element is no
 * object, or each said false; then any number of calls may have come before. */
bool cloud_list_walk(struct sp_str text, const char *key, bool (*each)(void *ctx, const json_t *one), void *ctx);

#endif
