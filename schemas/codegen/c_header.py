# SPDX-License-Identifier: Apache-2.0
"""msg.h: structs, limits, declarations."""

from codegen.c_common import LICENCE, NOTICE
from codegen.model import FRAME_BYTES_MAX, INT_TYPES, snake


def c_enum(name, values):
    upper = name.upper()
    out = ["enum sp_%s {\n" % name]
    out += ["    SP_%s_%s = %d, /* %s */\n" % (upper, n.upper(), v, t) for n, v, t in values]
    out.append("};\n#define SP_%s_LAST %du /* largest number */\n" % (upper, max(v for _, v, _ in values)))
    out.append("/* Lends the name, or its text for people; a number without a name gives \"unknown\". */\n")
    out.append("const char *sp_%s_name(unsigned value);\nconst char *sp_%s_text(unsigned value);\n" % (name, name))
    out.append("/* Effect: *out = number of the name; false and *out untouched when there is none. */\n")
    out.append("bool sp_%s_find(struct sp_str name, unsigned *out);\n\n" % name)
    return "".join(out)


def c_member(f):
    if f.kind in INT_TYPES:
        decl = "%s %s;" % (INT_TYPES[f.kind], f.name)
    elif f.kind in ("str", "bin"):
        decl = "struct sp_str %s;" % f.name
    elif f.kind == "exact":
        decl = "const uint8_t *%s;" % f.name
    elif f.kind == "list":
        decl = "struct sp_list %s;" % f.name
    else:
        decl = "struct rec_%s %s;" % (snake(f.record), f.name)
    size = {"exact": "%d bytes: " % f.max, "list": "of rec_%s, at most %d: " % (snake(f.record or ""), f.max),
            "str": "text, at most %d: " % f.max, "bin": "bytes, at most %d: " % f.max}.get(f.kind, "")
    return "    %s /* %s%s */\n" % (decl, size, f.remark)


def c_limits(model, group):
    stem = "%s_%s" % (group.prefix.upper(), group.upper)
    out = []
    for f in group.fields:
        if f.kind in ("str", "bin", "list"):
            out.append("#define %s_%s_MAX %du\n" % (stem, f.name.upper(), f.max))
        elif f.kind == "exact":
            out.append("#define %s_%s_BYTES %du\n" % (stem, f.name.upper(), f.max))
    out.append("#define %s_BYTES_MAX %du\n" % (stem, min(model.bytes_max(group), FRAME_BYTES_MAX)))
    return "".join(out)


def c_record(model, r):
    out = [c_limits(model, r), "struct rec_%s {\n" % r.c]
    out += [c_member(f) for f in r.fields]
    out.append("};\n")
    out.append("enum sp_rc rec_%s_put(struct sp_packer *w, const struct rec_%s *r) SP_MUST_USE;\n" % (r.c, r.c))
    out.append("bool rec_%s_next(struct sp_list *list, struct rec_%s *r);\n" % (r.c, r.c))
    out.append("enum sp_rc rec_%s_decode(const uint8_t *p, size_t n, struct rec_%s *r) SP_MUST_USE;\n\n" % (r.c, r.c))
    return "".join(out)


def c_message(model, m):
    out = ["/* %d %s: %s -> %s; auth %s; repeat %s; reply %s. */\n" % (
        m.number, m.name, ", ".join(m.sender), ", ".join(m.receiver), m.auth,
        m.repeat, m.reply), c_limits(model, m), "struct msg_%s {\n" % m.c]
    out += [c_member(f) for f in m.fields]
    out.append("    uint32_t extra; /* decode: elements skipped because this version does not know them */\n};\n")
    out.append("enum sp_rc msg_%s_decode(const uint8_t *p, size_t n, struct msg_%s *m) SP_MUST_USE;\n" % (m.c, m.c))
    out.append("enum sp_rc msg_%s_encode(struct sp_packer *w, const struct msg_%s *m) SP_MUST_USE;\n" % (m.c, m.c))
    lists = m.lists()
    if lists:
        out.append("enum sp_rc msg_%s_begin(struct sp_packer *w, const struct msg_%s *m) SP_MUST_USE;\n" % (m.c, m.c))
        for f in lists[1:]:
            out.append("enum sp_rc msg_%s_%s(struct sp_packer *w) SP_MUST_USE;\n" % (m.c, f.name))
        out.append("enum sp_rc msg_%s_end(struct sp_packer *w) SP_MUST_USE;\n" % m.c)
    out.append("\n")
    return "".join(out)


HEADER_TOP = """/* Messages and records of SPICE as C structs, with their limits and codecs.
 *
 * Decoding: msg_NAME_decode reads a whole body. It allocates nothing: text, bytes and lists are views into the frame, lent as
 * long as the frame lives. The struct changes only on SP_OK. Lists are fully checked then; walk a copy of one:
 *     struct sp_list l = m.results; struct rec_result r;
 *     while (rec_result_next(&l, &r)) ...            l.p before and after the call bound the record's own bytes
 * Errors: SP_E_MALFORMED (shape, not the shortest form, bad UTF-8, bytes left over), SP_E_LIMIT (over a stated maximum).
 *
 * Encoding a message without lists: msg_NAME_encode. With lists either msg_NAME_encode, which copies lists that are already
 * encoded, or the stream:
 *     msg_NAME_begin(&w, &m);  rec_X_put(&w, &r) ...;  msg_NAME_end(&w);
 * begin writes every field that is no list and opens the first list; msg_NAME_LIST closes the list before it and opens LIST.
 * Every function writes all or nothing. SP_E_FULL: the buffer has no room for the largest numbers these fields may have, or the
 * list has its maximum of elements: end the message, send it and put the same record into the next one. SP_E_LIMIT: a field is
 * longer than its maximum. SP_E_INVALID: a text is not UTF-8 without NUL. bin[N] pointers must not be NULL.
 *
 * rec_NAME_put also works outside of a list; rec_NAME_decode reads one record that stands alone. */
"""


def header(model):
    out = [LICENCE, NOTICE, HEADER_TOP, "#ifndef SPICE_GEN_MSG_H\n#define SPICE_GEN_MSG_H\n\n",
           "/* clang-format off */\n\n", '#include "sp_pack.h"\n\n']
    out.append("#define SP_WIRE_VERSION %du\n" % model.version)
    out.append("#define SP_FRAME_BYTES_MAX %du /* a whole frame, envelope included */\n\n" % FRAME_BYTES_MAX)
    out += [c_enum(n, v) for n, v in model.enums.items()]
    out.append("enum sp_auth {\n    SP_AUTH_NONE = 0, /* nothing */\n    SP_AUTH_MAC = 1,  /* HMAC-SHA-256 with the core key */\n"
               "    SP_AUTH_SIGN = 2, /* Ed25519 with the sender's signing key */\n"
               "    SP_AUTH_PAIR = 3, /* HMAC-SHA-256 with the key that sender and receiver agree on */\n};\n")
    out.append("#define SP_AUTH_MAC_BYTES 32u\n#define SP_AUTH_SIGN_BYTES 64u\n\n")
    out.append("enum sp_msg {\n")
    out += ["    SP_MSG_%s = %d,\n" % (m.upper, m.number) for m in model.messages]
    out.append("};\n#define SP_MSG_LAST %du\n#define SP_MSG_COUNT %du\n\n" % (
        max(m.number for m in model.messages), len(model.messages)))
    out.append(INFO_H)
    out += [c_record(model, r) for r in model.records.values()]
    out += [c_message(model, m) for m in model.messages]
    out.append("#endif\n")
    return "".join(out)


INFO_H = """/* One row per message. Masks have bit 1 << role. */
struct msg_info {
    const char *name;
    uint16_t number;
    uint16_t since;     /* wire version that brought it */
    uint16_t reply;     /* number of the reply, 0: none */
    uint16_t from;      /* roles that may send it */
    uint16_t to;        /* roles that may receive it */
    uint8_t auth;       /* enum sp_auth */
    uint8_t auth_bytes; /* exact size of the envelope's auth field */
    bool once;          /* false: a repeat is harmless */
    uint32_t bytes_max; /* largest body */
};
/* Lends the row, NULL for a number that is no message. */
const struct msg_info *msg_find(unsigned number);
/* Lends the row by its place 0 to SP_MSG_COUNT - 1, in the order of the model. */
const struct msg_info *msg_at(unsigned place);
/* Lends the name, "unknown" for a number that is no message. */
const char *msg_name(unsigned number);
/* True when a principal of role from may send this message to one of role to. */
bool msg_may(unsigned number, enum sp_role from, enum sp_role to);

"""
