#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads schemas/spice.model and writes schemas/gen/*: C structs, codecs and tables, and the page for people.

Standard library only; the same model always gives the same bytes. Usage: gen.py [--out DIR] [--check]
--check writes nothing and exits 1 when a committed product differs from what the model says."""

import argparse
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FRAME_BYTES_MAX = 1 << 20
INT_BYTES = {"u8": 2, "u16": 3, "u32": 5, "u64": 9, "bool": 1}
INT_TYPES = {"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t", "bool": "bool"}
INT_MAX = {"u8": "UINT8_MAX", "u16": "UINT16_MAX", "u32": "UINT32_MAX", "u64": "UINT64_MAX"}
AUTH_BYTES = {"none": 0, "mac": 32, "sign": 64}
LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"
NOTICE = "/* Written by schemas/gen.py from schemas/spice.model; do not edit, run `cmake --build BUILD --target codegen`. */\n"


class ModelError(Exception):
    pass


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class Field:
    """One field: kind is one of the integer types, str, bin, exact, list, record."""

    def __init__(self, name, spec, remark):
        self.name, self.spec, self.remark = name, spec, remark
        self.max = 0
        self.record = None
        m = re.fullmatch(r"(str|bin)<(\d+)>", spec)
        e = re.fullmatch(r"bin\[(\d+)\]", spec)
        k = re.fullmatch(r"list<(\w+),(\d+)>", spec)
        if spec in INT_BYTES:
            self.kind = spec
        elif m:
            self.kind, self.max = m.group(1), int(m.group(2))
        elif e:
            self.kind, self.max = "exact", int(e.group(1))
        elif k:
            self.kind, self.record, self.max = "list", k.group(1), int(k.group(2))
        elif re.fullmatch(r"[A-Z]\w*", spec):
            self.kind, self.record = "record", spec
        else:
            raise ModelError("type %s is not known" % spec)

    def head_bytes(self):
        """Bytes of the largest header this field can have."""
        if self.kind == "str":
            return 1 if self.max < 32 else 2 if self.max < 256 else 3 if self.max < 65536 else 5
        if self.kind in ("bin", "exact"):
            return 2 if self.max < 256 else 3 if self.max < 65536 else 5
        return 1 if self.max < 16 else 3


class Group:
    """A record or a message: named fields in wire order."""

    def __init__(self, name):
        self.name, self.fields = name, []
        self.c = snake(name)
        self.upper = self.c.upper()

    def lists(self):
        return [f for f in self.fields if f.kind == "list"]

    def plain(self):
        return [f for f in self.fields if f.kind != "list"]


class Record(Group):
    prefix = "rec"


class Message(Group):
    prefix = "msg"

    def __init__(self, number, name):
        super().__init__(name)
        self.number = number
        self.sender, self.receiver = [], []
        self.auth = self.repeat = self.reply = self.since = None
        self.text = ""


class Model:
    def __init__(self, path):
        self.version = None
        self.enums, self.records, self.messages = {}, {}, []
        self.group = None
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                try:
                    self.line(line.rstrip("\n"))
                except ModelError as e:
                    raise ModelError("%s:%d: %s" % (path, number, e)) from None
        self.verify()

    def line(self, line):
        body = line.strip()
        if not body or body.startswith("#"):
            return
        if not line[0].isspace():
            self.opening(body.split())
            return
        if isinstance(self.group, list):
            m = re.fullmatch(r'(\w+)\s*=\s*(\d+)\s+"([^"]*)"', body)
            if not m:
                raise ModelError("expected NAME = NUMBER \"text\"")
            self.group.append((m.group(1), int(m.group(2)), m.group(3)))
            return
        m = re.fullmatch(r'(\w+)\s+(\S+)\s+"([^"]*)"', body)
        if not m or self.group is None:
            raise ModelError("expected NAME TYPE \"remark\" inside a record or message")
        if any(f.name == m.group(1) for f in self.group.fields):
            raise ModelError("field %s is there twice" % m.group(1))
        self.group.fields.append(Field(m.group(1), m.group(2), m.group(3)))

    def opening(self, words):
        if words[0] == "version" and len(words) == 2:
            self.version = int(words[1])
        elif words[0] == "enum" and len(words) == 2:
            self.group = self.enums.setdefault(words[1], [])
        elif words[0] == "record" and len(words) == 2:
            if words[1] in self.records:
                raise ModelError("record %s is there twice" % words[1])
            self.group = self.records[words[1]] = Record(words[1])
        elif words[0] == "message" and len(words) > 3:
            self.group = Message(int(words[1]), words[2])
            self.attributes(self.group, words[3:])
            self.messages.append(self.group)
        else:
            raise ModelError("expected version, enum, record or message")

    @staticmethod
    def attributes(message, words):
        given = dict(w.split("=", 1) for w in words)
        if set(given) != {"from", "to", "auth", "repeat", "reply", "since"}:
            raise ModelError("a message needs from, to, auth, repeat, reply, since")
        message.sender, message.receiver = given["from"].split(","), given["to"].split(",")
        message.auth, message.repeat = given["auth"], given["repeat"]
        message.reply, message.since = given["reply"], int(given["since"])
        if message.auth not in AUTH_BYTES or message.repeat not in ("harmless", "once"):
            raise ModelError("auth is none, mac or sign; repeat is harmless or once")

    def verify(self):
        roles = [name for name, _, _ in self.enums["role"]]
        names = {m.name for m in self.messages}
        numbers = [m.number for m in self.messages]
        if len(set(numbers)) != len(numbers) or len(names) != len(numbers):
            raise ModelError("two messages share a number or a name")
        for m in self.messages:
            if m.reply != "none" and m.reply not in names:
                raise ModelError("message %s: reply %s is no message" % (m.name, m.reply))
            for role in m.sender + m.receiver:
                if role not in roles:
                    raise ModelError("message %s: role %s is not known" % (m.name, role))
        for group in list(self.records.values()) + self.messages:
            self.verify_group(group)
        for name, values in self.enums.items():
            if len({v for _, v, _ in values}) != len(values) or len({n for n, _, _ in values}) != len(values):
                raise ModelError("enum %s: a name or number is there twice" % name)

    def verify_group(self, group):
        """Lists come last, so that an encoder can stream them; records hold neither lists nor records."""
        seen_list = False
        if not 0 < len(group.fields) <= 15:
            raise ModelError("%s: 1 to 15 fields" % group.name)
        for f in group.fields:
            if f.record and (f.record not in self.records or isinstance(group, Record)):
                raise ModelError("%s.%s: record %s cannot stand here" % (group.name, f.name, f.record))
            if seen_list and f.kind != "list":
                raise ModelError("%s.%s: lists come last" % (group.name, f.name))
            if f.kind == "exact" and f.max > 256 or f.kind == "list" and f.max > 65535:
                raise ModelError("%s.%s: limit too large" % (group.name, f.name))
            seen_list = f.kind == "list"

    def fixed_bytes(self, group):
        """Bytes of everything but the content of strings and lists, at most."""
        return 1 + sum(self.field_fixed(f) for f in group.plain())

    def field_fixed(self, f):
        if f.kind in INT_BYTES:
            return INT_BYTES[f.kind]
        if f.kind == "exact":
            return f.head_bytes() + f.max
        if f.kind == "record":
            return self.fixed_bytes(self.records[f.record])
        return f.head_bytes()

    def bytes_max(self, group):
        total = 1
        for f in group.fields:
            if f.kind == "list":
                total += f.head_bytes() + f.max * self.bytes_max(self.records[f.record])
            elif f.kind == "record":
                total += self.bytes_max(self.records[f.record])
            else:
                total += self.field_fixed(f) + (f.max if f.kind in ("str", "bin") else 0)
        return total


# ---- C header ----------------------------------------------------------------------------------


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
               "    SP_AUTH_SIGN = 2, /* Ed25519 with the sender's signing key */\n};\n")
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


# ---- C source ----------------------------------------------------------------------------------


def c_enum_tables(name, values):
    last = max(v for _, v, _ in values)
    out = ["static const char *const %s_names[SP_%s_LAST + 1] = {\n" % (name, name.upper())]
    out += ["    [%d] = \"%s\",\n" % (v, n) for n, v, _ in values]
    out.append("};\nstatic const char *const %s_texts[SP_%s_LAST + 1] = {\n" % (name, name.upper()))
    out += ["    [%d] = \"%s\",\n" % (v, t) for _, v, t in values]
    out.append("};\n")
    for what in ("name", "text"):
        out.append("const char *sp_%s_%s(unsigned value)\n{\n    return word(%s_%ss, %d, value);\n}\n" % (
            name, what, name, what, last + 1))
    out.append("bool sp_%s_find(struct sp_str name, unsigned *out)\n{\n    return find(%s_names, %d, name, out);\n}\n\n" % (
        name, name, last + 1))
    return "".join(out)


def variable_fields(model, group, var):
    """Every str and bin with the name it has in C, those of records inside included."""
    for f in group.plain():
        if f.kind in ("str", "bin"):
            yield f, var + f.name
        elif f.kind == "record":
            yield from variable_fields(model, model.records[f.record], var + f.name + ".")


def c_limit_test(model, group, var):
    return " && ".join("%s.n <= %du" % (name, f.max) for f, name in variable_fields(model, group, var)) or "true"


def c_size(model, group, var):
    names = ["%s.n" % name for _, name in variable_fields(model, group, var)]
    return " + ".join(["(size_t)%du" % model.fixed_bytes(group)] + names)


def has_text(model, group):
    return any(f.kind == "str" or f.kind == "record" and has_text(model, model.records[f.record]) for f in group.plain())


def c_write_field(model, f, var):
    name = var + f.name
    if f.kind == "bool":
        return "    p = sp_put_bool(p, %s);\n" % name
    if f.kind in INT_BYTES:
        return "    p = sp_put_%s(p, %s);\n" % (f.kind, name)
    if f.kind == "str":
        return "    p = sp_put_str(p, %s, %du, seen);\n" % (name, f.max)
    if f.kind == "bin":
        return "    p = sp_put_bin(p, %s, %du);\n" % (name, f.max)
    if f.kind == "exact":
        return "    p = sp_put_exact(p, %s, %du);\n" % (name, f.max)
    seen = ", seen" if has_text(model, model.records[f.record]) else ""
    return "    p = write_%s(p, &%s%s);\n" % (snake(f.record), name, seen)


def c_write(model, group):
    """The encoder proper, and for groups with text the judge that is asked when a text is not plain ASCII."""
    kind = "%s_%s" % (group.prefix, group.c)
    name = group.c if group.prefix == "rec" else "msg_" + group.c
    text = has_text(model, group)
    out = ["SP_INLINE uint8_t *write_%s(uint8_t *restrict p, const struct %s *restrict r%s)\n{\n" % (
        name, kind, ", struct sp_text_seen *seen" if text else "")]
    out.append("    p = sp_put_array(p, %d);\n" % len(group.fields))
    out += [c_write_field(model, f, "r->") for f in group.plain()]
    out.append("    return p;\n}\n\n")
    if text:
        tests = ["sp_str_is_utf8(r->%s)" % f.name if f.kind == "str" else "text_%s(&r->%s)" % (snake(f.record), f.name)
                 for f in group.plain()
                 if f.kind == "str" or f.kind == "record" and has_text(model, model.records[f.record])]
        out.append("static bool text_%s(const struct %s *r)\n{\n    return %s;\n}\n\n" % (name, kind, " && ".join(tests)))
        out.append("static __attribute__((noinline, cold)) enum sp_rc judge_%s(struct sp_packer *w, const struct %s *r, uint8_t *p)\n"
                   "{\n    return text_%s(r) ? sp_packer_commit(w, p) : SP_E_INVALID;\n}\n\n" % (name, kind, name))
    return "".join(out)


def c_write_call(model, group, var):
    """Statements that encode group at w->p and return."""
    name = group.c if group.prefix == "rec" else "msg_" + group.c
    if not has_text(model, group):
        return "    return sp_packer_commit(w, write_%s(w->p, %s));\n" % (name, var)
    return ("    struct sp_text_seen seen = sp_text_nothing_seen();\n    uint8_t *p = write_%s(w->p, %s, &seen);\n"
            "    if (!SP_LIKELY(sp_text_is_plain(&seen)))\n        return judge_%s(w, %s, p);\n"
            "    return sp_packer_commit(w, p);\n" % (name, var, name, var))


def c_read_field(f):
    if f.kind == "bool":
        return "    r->%s = sp_take_bool(u);\n" % f.name
    if f.kind in INT_BYTES:
        return "    r->%s = (%s)sp_take_uint(u, %s);\n" % (f.name, INT_TYPES[f.kind], INT_MAX[f.kind])
    if f.kind == "str":
        return "    r->%s = sp_take_str(u, %du, check);\n" % (f.name, f.max)
    if f.kind == "bin":
        return "    r->%s = sp_take_bin(u, %du);\n" % (f.name, f.max)
    if f.kind == "exact":
        return "    r->%s = sp_take_exact(u, %du);\n" % (f.name, f.max)
    if f.kind == "list":
        return "    r->%s = list_%s(u, %du);\n" % (f.name, snake(f.record), f.max)
    return "    read_%s(u, &r->%s, check);\n" % (snake(f.record), f.name)


def c_read(group):
    name = group.c if group.prefix == "rec" else "msg_" + group.c
    uses = any(f.kind in ("str", "record") for f in group.fields)
    out = ["SP_INLINE void read_%s(struct sp_unpacker *u, struct %s_%s *r, bool check)\n{\n" % (name, group.prefix, group.c)]
    if not uses:
        out.append("    (void)check;\n")
    out.append("    uint32_t count = sp_take_array(u);\n")
    out.append("    if (count < %d)\n        sp_unpack_fail(u, SP_E_MALFORMED);\n" % len(group.fields))
    out += [c_read_field(f) for f in group.fields]
    out.append("    if (count > %d)\n        sp_take_extra(u, count - %d);\n}\n\n" % (len(group.fields), len(group.fields)))
    return "".join(out)


def c_record_code(model, r):
    out = [c_write(model, r), c_read(r)]
    out.append("""enum sp_rc rec_%(c)s_put(struct sp_packer *w, const struct rec_%(c)s *r)
{
    if (w->list_count == w->list_max)
        return SP_E_FULL;
    if (!(%(limits)s))
        return SP_E_LIMIT;
    if (sp_packer_room(w) < %(size)s)
        return SP_E_FULL;
%(write)s}

bool rec_%(c)s_next(struct sp_list *list, struct rec_%(c)s *r)
{
    if (list->count == 0)
        return false;
    struct sp_unpacker u = {list->p, list->p + list->bytes, SP_OK, 0};
    read_%(c)s(&u, r, false);
    SP_ASSERT(u.rc == SP_OK);
    list->bytes = (uint32_t)sp_unpacker_left(&u);
    list->p = u.p;
    list->count--;
    return true;
}

enum sp_rc rec_%(c)s_decode(const uint8_t *p, size_t n, struct rec_%(c)s *r)
{
    struct rec_%(c)s out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_%(c)s(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    *r = out;
    return SP_OK;
}

""" % {"c": r.c, "limits": c_limit_test(model, r, "r->"), "size": c_size(model, r, "r->"),
       "write": c_write_call(model, r, "r")})
    return "".join(out)


def c_list_reader(name):
    return """static struct sp_list list_%(c)s(struct sp_unpacker *from, uint32_t max)
{
    struct sp_list list = {NULL, 0, 0};
    struct sp_unpacker u = *from;
    struct rec_%(c)s r;
    uint32_t count = sp_take_array(&u);
    if (count > max)
        sp_unpack_fail(&u, SP_E_LIMIT);
    const uint8_t *start = u.p;
    for (uint32_t i = 0; i < count && u.rc == SP_OK; i++)
        read_%(c)s(&u, &r, true);
    if (u.rc == SP_OK) {
        list.p = start;
        list.bytes = (uint32_t)(u.p - start);
        list.count = count;
    }
    *from = u;
    return list;
}

""" % {"c": snake(name)}


def c_message_code(model, m):
    lists = m.lists()
    values = {"c": m.c, "limits": c_limit_test(model, m, "m->"), "size": c_size(model, m, "m->"),
              "write": c_write_call(model, m, "m")}
    out = [c_write(model, m), c_read(m)]
    out.append("""enum sp_rc msg_%(c)s_decode(const uint8_t *p, size_t n, struct msg_%(c)s *m)
{
    struct msg_%(c)s out;
    if (n > SP_FRAME_BYTES_MAX)
        return SP_E_LIMIT;
    struct sp_unpacker u = {p, p + n, SP_OK, 0};
    read_msg_%(c)s(&u, &out, true);
    if (u.rc != SP_OK)
        return u.rc;
    if (u.p != u.end)
        return SP_E_MALFORMED;
    out.extra = u.extra;
    *m = out;
    return SP_OK;
}

%(kind)s enum sp_rc %(name)s(struct sp_packer *w, const struct msg_%(c)s *m)
{
    SP_ASSERT(w->list == NULL);
    if (!(%(limits)s))
        return SP_E_LIMIT;
    if (sp_packer_room(w) < %(size)s)
        return SP_E_FULL;
%(write)s}

""" % dict(values, kind="static" if lists else "", name="plain_%s" % m.c if lists else "msg_%s_encode" % m.c))
    if lists:
        out.append(c_message_lists(m, lists))
    return "".join(out).replace("\n enum sp_rc", "\nenum sp_rc")


def c_message_lists(m, lists):
    out = ["""enum sp_rc msg_%(c)s_begin(struct sp_packer *w, const struct msg_%(c)s *m)
{
    uint8_t *before = w->p;
    enum sp_rc rc = plain_%(c)s(w, m);
    if (rc == SP_OK)
        rc = sp_packer_list_open(w, %(max)du);
    if (rc != SP_OK)
        w->p = before;
    return rc;
}

""" % {"c": m.c, "max": lists[0].max}]
    for f in lists[1:]:
        out.append("enum sp_rc msg_%s_%s(struct sp_packer *w)\n{\n    return sp_packer_list_next(w, %du);\n}\n\n" % (
            m.c, f.name, f.max))
    out.append("enum sp_rc msg_%s_end(struct sp_packer *w)\n{\n    return sp_packer_list_close(w);\n}\n\n" % m.c)
    out.append("enum sp_rc msg_%s_encode(struct sp_packer *w, const struct msg_%s *m)\n{\n    uint8_t *before = w->p;\n"
               "    enum sp_rc rc = plain_%s(w, m);\n" % (m.c, m.c, m.c))
    for f in lists:
        out.append("    if (rc == SP_OK)\n        rc = sp_packer_list_copy(w, &m->%s, %du);\n" % (f.name, f.max))
    out.append("    if (rc != SP_OK)\n        w->p = before;\n    return rc;\n}\n\n")
    return "".join(out)


SOURCE_TOP = """/* clang-format off */

#include "msg.h"

#include "sp_pack_put.h"
#include "sp_pack_take.h"

static const char *word(const char *const *words, unsigned count, unsigned value)
{
    return value < count && words[value] != NULL ? words[value] : "unknown";
}

static bool find(const char *const *words, unsigned count, struct sp_str name, unsigned *out)
{
    for (unsigned i = 0; i < count; i++) {
        if (words[i] != NULL && sp_str_is(name, words[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

"""

INFO_C = """
const struct msg_info *msg_find(unsigned number)
{
    if (number > SP_MSG_LAST || by_number[number] == 0)
        return NULL;
    return &infos[by_number[number] - 1];
}

const struct msg_info *msg_at(unsigned place)
{
    SP_ASSERT(place < SP_MSG_COUNT);
    return &infos[place];
}

const char *msg_name(unsigned number)
{
    const struct msg_info *info = msg_find(number);
    return info != NULL ? info->name : "unknown";
}

bool msg_may(unsigned number, enum sp_role from, enum sp_role to)
{
    const struct msg_info *info = msg_find(number);
    return info != NULL && (info->from >> from & 1) != 0 && (info->to >> to & 1) != 0;
}

"""


def c_info_table(model):
    def mask(roles):
        return " | ".join("1 << SP_ROLE_%s" % r.upper() for r in roles)
    out = ["static const struct msg_info infos[SP_MSG_COUNT] = {\n"]
    for m in model.messages:
        reply = "0" if m.reply == "none" else "SP_MSG_" + snake(m.reply).upper()
        out.append("    {\"%s\", SP_MSG_%s, %d, %s,\n     %s,\n     %s,\n     SP_AUTH_%s, %d, %s, %du},\n" % (
            m.name, m.upper, m.since, reply, mask(m.sender), mask(m.receiver), m.auth.upper(), AUTH_BYTES[m.auth],
            "true" if m.repeat == "once" else "false", min(model.bytes_max(m), FRAME_BYTES_MAX)))
    out.append("};\n\n/* Place in the table above plus one; 0: no such message. */\n"
               "static const uint8_t by_number[SP_MSG_LAST + 1] = {\n")
    out += ["    [SP_MSG_%s] = %d,\n" % (m.upper, i + 1) for i, m in enumerate(model.messages)]
    out.append("};\n")
    return "".join(out) + INFO_C


def source(model):
    out = [LICENCE, NOTICE, SOURCE_TOP]
    out += [c_enum_tables(n, v) for n, v in model.enums.items()]
    out.append(c_info_table(model))
    out += [c_record_code(model, r) for r in model.records.values()]
    listed = {f.record for m in model.messages for f in m.lists()}
    out += [c_list_reader(name) for name in model.records if name in listed]
    out += [c_message_code(model, m) for m in model.messages]
    return "".join(out).rstrip("\n") + "\n"


# ---- field tables ------------------------------------------------------------------------------


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


def fields_source(model):
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


# ---- pages for people ----------------------------------------------------------------------------


def read_texts(path, model):
    """The sentence on each message; every message has one and nothing else does."""
    texts = {}
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, colon, text = line.partition(":")
            if not colon or not text.strip() or name in texts:
                raise ModelError("%s:%d: expected NAME: text, once for each message" % (path, number))
            texts[name] = text.strip()
    names = {m.name for m in model.messages}
    for name in sorted(names ^ set(texts)):
        raise ModelError("%s: %s" % (path, "no text for message " + name if name in names else name + " is no message"))
    return texts


FLOW_TOP = """# The messages of SPICE

Written by `schemas/gen.py` from `schemas/spice.model` and `schemas/spice.text`; do not edit. `flow.dot` beside it draws the same
(`dot -Tsvg flow.dot`). Wire rules are in `schemas/README.md`.

- **authority**: `none` the broker vouches for the sender by its CURVE key; `mac` HMAC-SHA-256 with the core key; `sign` Ed25519 of the
  sender.
- **repeat**: `harmless`, or `once`: a second copy is refused.
- **at most**: bytes of the encoded body; no frame is larger than %d.

"""


def flow_type(f):
    if f.kind == "list":
        return "list of %s, at most %d" % (f.record, f.max)
    if f.kind == "record":
        return f.record
    if f.kind == "exact":
        return "%d bytes" % f.max
    if f.kind in ("str", "bin"):
        return "%s, at most %d bytes" % ("text" if f.kind == "str" else "bytes", f.max)
    return f.kind


def flow_fields(group):
    out = ["| field | type | meaning |\n| --- | --- | --- |\n"]
    out += ["| `%s` | %s | %s |\n" % (f.name, flow_type(f), f.remark) for f in group.fields]
    return "".join(out) + "\n"


def flow(model, texts):
    out = ["<!-- SPDX-License-Identifier: Apache-2.0 -->\n", FLOW_TOP % FRAME_BYTES_MAX]
    out.append("| no. | message | from | to | authority | repeat | reply | at most |\n| ---: | --- | --- | --- | --- | --- | --- | ---: |\n")
    for m in model.messages:
        out.append("| %d | [%s](#%d-%s) | %s | %s | %s | %s | %s | %d |\n" % (
            m.number, m.name, m.number, m.name.lower(), ", ".join(m.sender), ", ".join(m.receiver), m.auth, m.repeat,
            "" if m.reply == "none" else m.reply, min(model.bytes_max(m), FRAME_BYTES_MAX)))
    out.append("\n")
    for m in model.messages:
        out.append("## %d %s\n\n%s\n\n" % (m.number, m.name, texts[m.name]))
        out.append("%s → %s; authority %s; repeat %s; reply %s; since wire version %d.\n\n" % (
            ", ".join(m.sender), ", ".join(m.receiver), m.auth, m.repeat, m.reply, m.since))
        out.append(flow_fields(m))
    out.append("# Records\n\n")
    for r in model.records.values():
        out.append("## %s\n\nAt most %d bytes.\n\n%s" % (r.name, model.bytes_max(r), flow_fields(r)))
    out.append("# Numbers with names\n\n")
    for name, values in model.enums.items():
        out.append("## %s\n\n| number | name | meaning |\n| ---: | --- | --- |\n" % name)
        out += ["| %d | %s | %s |\n" % (v, n, t) for n, v, t in values]
        out.append("\n")
    return "".join(out).rstrip("\n") + "\n"


def dot(model):
    """One box per role, one arrow per pair of roles with the messages that go along it."""
    arrows = {}
    for m in model.messages:
        for a in m.sender:
            for b in m.receiver:
                if a != b:
                    arrows.setdefault((a, b), []).append(m)
    out = ["// Written by schemas/gen.py from schemas/spice.model; do not edit.\n", "digraph spice {\n",
           "    rankdir=LR; node [shape=box, fontname=\"sans-serif\"]; edge [fontname=\"sans-serif\", fontsize=9];\n"]
    out += ["    %s [label=\"%s\\n%s\"];\n" % (n, n, t) for n, v, t in model.enums["role"] if v]
    for (a, b), messages in arrows.items():
        out.append("    %s -> %s [label=\"%s\"];\n" % (a, b, "\\n".join("%d %s" % (m.number, m.name) for m in messages)))
    return "".join(out) + "}\n"


def products(model, texts):
    return {"msg.h": header(model), "msg.c": source(model), "msg_fields.h": LICENCE + NOTICE + FIELDS_H,
            "msg_fields.c": fields_source(model), "FLOW.md": flow(model, texts), "flow.dot": dot(model)}


def main():
    parser = argparse.ArgumentParser(description="Writes the products of schemas/spice.model.")
    parser.add_argument("--model", default=os.path.join(HERE, "spice.model"))
    parser.add_argument("--out", default=os.path.join(HERE, "gen"))
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a product is not fresh")
    args = parser.parse_args()
    try:
        model = Model(args.model)
        made = products(model, read_texts(os.path.splitext(args.model)[0] + ".text", model))
    except ModelError as e:
        print("gen.py: %s" % e, file=sys.stderr)
        return 2
    stale = []
    for name, text in sorted(made.items()):
        path = os.path.join(args.out, name)
        old = open(path, encoding="utf-8").read() if os.path.exists(path) else None
        if old == text:
            continue
        stale.append(name)
        if not args.check:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
    if args.check and stale:
        print("gen.py: not fresh: %s; run `cmake --build BUILD --target codegen`" % ", ".join(stale), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
