/* SPDX-License-Identifier: Apache-2.0 */
/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */
/* The shape of every message and record as data, for code that treats all of them alike: dumps for people, tests, fuzz targets.
 * The codecs of msg.h do not use it. */
#ifndef SPICE_GEN_MSG_FIELDS_H
#define SPICE_GEN_MSG_FIELDS_H

/* clang-format off */

#include "msg.h"

enum msg_kind { MSG_U8, MSG_U16, MSG_U32, MSG_U64, MSG_BOOL, MSG_STR, MSG_BIN, MSG_EXACT, MSG_LIST, MSG_RECORD };

struct msg_shape;

struct msg_field {
    const char *name;
    enum msg_kind kind;
    uint16_t offset;                /* in the C struct */
    uint32_t max;                   /* bytes of text or bytes, elements of a list */
    const struct msg_shape *record; /* lists and records only */
};

struct msg_shape {
    const char *name;
    uint16_t number; /* 0: a record */
    uint16_t size;   /* of the C struct */
    uint16_t count;  /* fields */
    uint16_t extra;  /* messages only: offset of the count of elements that were skipped */
    const struct msg_field *fields;
    enum sp_rc (*encode)(struct sp_packer *w, const void *p); /* msg_NAME_encode or rec_NAME_put */
    enum sp_rc (*decode)(const uint8_t *p, size_t n, void *to);
    bool (*next)(struct sp_list *list, void *to); /* records only */
};

/* Lends the shape of a message, NULL for a number that is no message. */
const struct msg_shape *msg_fields_of(unsigned number);
/* Lends the shape of a record by its name in the model, NULL when there is none. */
const struct msg_shape *msg_fields_of_record(struct sp_str name);

#endif
