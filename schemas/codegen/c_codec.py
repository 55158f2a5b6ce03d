# SPDX-License-Identifier: Apache-2.0
"""msg.c: encoders, decoders, names, the table of authority."""

from codegen.c_common import LICENCE, NOTICE
from codegen.model import AUTH_BYTES, FRAME_BYTES_MAX, INT_BYTES, INT_MAX, INT_TYPES, snake


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


def is_open(model, group):
    """Whether a field of it has a length that is not fixed."""
    return next(variable_fields(model, group, ""), None) is not None


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
        return "    p = sp_put_bin(p, %s, %du, seen);\n" % (name, f.max)
    if f.kind == "exact":
        return "    p = sp_put_exact(p, %s, %du);\n" % (name, f.max)
    seen = ", seen" if is_open(model, model.records[f.record]) else ""
    return "    p = write_%s(p, &%s%s);\n" % (snake(f.record), name, seen)


COLD = """/* There may be no room for the largest %(name)s: is there for this one? */
static __attribute__((noinline, cold)) enum sp_rc fits_%(name)s(const struct sp_packer *w, const struct %(kind)s *r)
{
    if (!(%(limits)s))
        return SP_E_LIMIT;
    return sp_packer_room(w) < %(size)s ? SP_E_FULL : SP_OK;
}

/* A field was over its limit, or a text not plain. */
static __attribute__((noinline, cold)) enum sp_rc judge_%(name)s(struct sp_packer *w, const struct %(kind)s *r, uint8_t *p)
{
    if (!(%(limits)s))
        return SP_E_LIMIT;
    return %(text)s ? sp_packer_commit(w, p) : SP_E_INVALID;
}

"""

OPEN = """    if (!SP_LIKELY(sp_packer_room(w) >= %(max)du)) {
        enum sp_rc rc = fits_%(name)s(w, %(var)s);
        if (rc != SP_OK)
            return rc;
    }
    struct sp_text_seen seen = sp_text_nothing_seen();
    uint8_t *p = write_%(name)s(w->p, %(var)s, &seen);
    if (!SP_LIKELY(sp_text_is_plain(&seen)))
        return judge_%(name)s(w, %(var)s, p);
    return sp_packer_commit(w, p);
"""


def c_write(model, group):
    """The encoder proper, and for groups whose length is not fixed what is asked in the rare cases."""
    kind = "%s_%s" % (group.prefix, group.c)
    name = group.c if group.prefix == "rec" else "msg_" + group.c
    some = is_open(model, group)
    out = ["SP_INLINE uint8_t *write_%s(uint8_t *restrict p, const struct %s *restrict r%s)\n{\n" % (
        name, kind, ", struct sp_text_seen *seen" if some else "")]
    out.append("    p = sp_put_array(p, %d);\n" % len(group.fields))
    out += [c_write_field(model, f, "r->") for f in group.plain()]
    out.append("    return p;\n}\n\n")
    if has_text(model, group):
        tests = ["sp_str_is_utf8(r->%s)" % f.name if f.kind == "str" else "text_%s(&r->%s)" % (snake(f.record), f.name)
                 for f in group.plain()
                 if f.kind == "str" or f.kind == "record" and has_text(model, model.records[f.record])]
        out.append("static bool text_%s(const struct %s *r)\n{\n    return %s;\n}\n\n" % (name, kind, " && ".join(tests)))
    if some:
        out.append(COLD % {"name": name, "kind": kind, "limits": c_limit_test(model, group, "r->"), "size": c_size(model, group, "r->"),
                           "text": "text_%s(r)" % name if has_text(model, group) else "true"})
    return "".join(out)


def c_write_call(model, group, var):
    """Statements that check the room, encode group at w->p and return."""
    name = group.c if group.prefix == "rec" else "msg_" + group.c
    if is_open(model, group):
        return OPEN % {"name": name, "var": var, "max": model.plain_max(group)}
    return ("    if (sp_packer_room(w) < %du)\n        return SP_E_FULL;\n"
            "    return sp_packer_commit(w, write_%s(w->p, %s));\n" % (model.plain_max(group), name, var))


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
    out.append("    uint32_t count = sp_take_fields(u, %d);\n" % len(group.fields))
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

""" % {"c": r.c, "write": c_write_call(model, r, "r")})
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
    values = {"c": m.c, "write": c_write_call(model, m, "m")}
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
