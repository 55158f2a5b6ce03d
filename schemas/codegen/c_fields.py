# SPDX-License-Identifier: Apache-2.0
"""msg_fields.{h,c}: the shapes as data."""

from codegen.c_common import LICENCE, NOTICE
from codegen.model import snake


FIELDS_H = """/* The shape of every message and record as data, for code that treats all of them alike: dumps for people, tests, fuzz targets.
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
"""

FIELDS_C_TOP = """/* clang-format off */

#include "msg_fields.h"

"""

FIELDS_C_END = """
const struct msg_shape *msg_fields_of(unsigned number)
{
    for (unsigned i = 0; i < SP_MSG_COUNT; i++) {
        if (messages[i].number == number)
            return &messages[i];
    }
    return NULL;
}

const struct msg_shape *msg_fields_of_record(struct sp_str name)
{
    for (unsigned i = 0; i < SP_COUNT(records); i++) {
        if (sp_str_is(name, records[i]->name))
            return records[i];
    }
    return NULL;
}
"""


def fields_rows(model, group):
    kind = "%s_%s" % (group.prefix, group.c)
    out = ["static const struct msg_field %s_fields[] = {\n" % kind]
    for f in group.fields:
        record = "&shape_%s" % snake(f.record) if f.record else "NULL"
        out.append("    {\"%s\", MSG_%s, offsetof(struct %s, %s), %du, %s},\n" % (
            f.name, f.kind.upper(), kind, f.name, f.max, record))
    out.append("};\n")
    verb = "put" if group.prefix == "rec" else "encode"
    out.append("static enum sp_rc encode_%s(struct sp_packer *w, const void *p)\n{\n    return %s_%s(w, p);\n}\n" % (kind, kind, verb))
    out.append("static enum sp_rc decode_%s(const uint8_t *p, size_t n, void *to)\n{\n    return %s_decode(p, n, to);\n}\n" % (
        kind, kind))
    if group.prefix == "rec":
        out.append("static bool next_%s(struct sp_list *list, void *to)\n{\n    return %s_next(list, to);\n}\n" % (kind, kind))
    return "".join(out)


def shape_row(group):
    kind = "%s_%s" % (group.prefix, group.c)
    number = "0" if group.prefix == "rec" else "SP_MSG_" + group.upper
    following = "next_" + kind if group.prefix == "rec" else "NULL"
    extra = "0" if group.prefix == "rec" else "offsetof(struct %s, extra)" % kind
    return '{"%s", %s, sizeof(struct %s), %d, %s, %s_fields, encode_%s, decode_%s, %s}' % (
        group.name, number, kind, len(group.fields), extra, kind, kind, kind, following)


def header():
    return LICENCE + NOTICE + FIELDS_H


def source(model):
    out = [LICENCE, NOTICE, FIELDS_C_TOP]
    for r in model.records.values():
        out.append(fields_rows(model, r))
        out.append("static const struct msg_shape shape_%s = %s;\n\n" % (r.c, shape_row(r)))
    for m in model.messages:
        out.append(fields_rows(model, m) + "\n")
    out.append("static const struct msg_shape messages[SP_MSG_COUNT] = {\n")
    out += ["    %s,\n" % shape_row(m) for m in model.messages]
    out.append("};\nstatic const struct msg_shape *const records[] = {\n")
    out += ["    &shape_%s,\n" % r.c for r in model.records.values()]
    out.append("};\n" + FIELDS_C_END)
    return "".join(out)
