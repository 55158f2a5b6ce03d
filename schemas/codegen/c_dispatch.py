# SPDX-License-Identifier: Apache-2.0
"""dispatch_NAME.{h,c}: from a message number to the handler of one receiver."""

from codegen.c_common import LICENCE, NOTICE

HEADER = """/* What %(where)s takes, dealt out to its handlers.
 *
 * Pure: number, role of the sender and bytes in, handler call out. The sender's role is checked against the model here whatever was
 * checked before; then the body is decoded, and only then the handler sees it. %(name)s_dispatch returns what the handler returned, or
 * SP_E_UNSUPPORTED (not for this receiver), SP_E_AUTHORITY (a principal of that role may not send it), SP_E_MALFORMED or SP_E_LIMIT
 * (body). What is ignored gives SP_OK.
 *
 * struct %(name)s_in and the handlers are the receiver's; a handler that is missing is an error of the linker. */
"""

SWITCH = """
enum sp_rc %(name)s_dispatch(struct %(name)s_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n)
{
    switch (type) {
%(cases)s    default:
        return SP_E_UNSUPPORTED;
    }
}
"""


def listed(model, receiver, kinds):
    return [m for m in model.messages if receiver.how(m.name) in kinds]


def parameter(receiver, message):
    return "struct sp_str body" if receiver.how(message.name) == "bytes" else "struct msg_%s *m" % message.c


def header(model, receiver):
    name, upper = receiver.name, receiver.name.upper()
    out = [LICENCE, NOTICE, HEADER % {"name": name, "where": receiver.folder},
           "#ifndef SPICE_GEN_DISPATCH_%s_H\n#define SPICE_GEN_DISPATCH_%s_H\n\n/* clang-format off */\n\n#include \"msg.h\"\n\n" % (
               upper, upper), "struct %s_in;\n\n" % name]
    out.append("enum sp_rc %s_dispatch(struct %s_in *in, unsigned type, enum sp_role from, const uint8_t *body, size_t n) SP_MUST_USE;\n\n"
               % (name, name))
    out += ["enum sp_rc %s(struct %s_in *in, %s) SP_MUST_USE;\n" % (receiver.handler(m), name, parameter(receiver, m))
            for m in listed(model, receiver, ("takes", "bytes", "passing"))]
    for kind in receiver.KINDS:
        rows = ["%s(%s, %s)" % ("X", m.upper, m.c) for m in listed(model, receiver, (kind,))]
        out.append(" ".join(["\n#define %s_%s(X)" % (upper, kind.upper())] + rows))
    return "".join(out) + "\n\n#endif\n"


def mask(message):
    return " | ".join("1u << SP_ROLE_%s" % role.upper() for role in message.sender)


def taker(receiver, m):
    """One message: role, decode, handler."""
    out = ["\nstatic enum sp_rc take_%s(struct %s_in *in, enum sp_role from, const uint8_t *body, size_t n)\n{\n" % (m.c, receiver.name),
           "    if (!may(from, %s))\n        return SP_E_AUTHORITY;\n" % mask(m)]
    if receiver.how(m.name) == "bytes":
        out.append("    return %s(in, sp_str_bytes(body, n));\n}\n" % receiver.handler(m))
    else:
        out.append("    struct msg_%s m;\n    enum sp_rc rc = msg_%s_decode(body, n, &m);\n    return rc == SP_OK ? %s(in, &m) : rc;\n}\n" % (
            m.c, m.c, receiver.handler(m)))
    return "".join(out)


def source(model, receiver):
    taken = listed(model, receiver, ("takes", "bytes", "passing"))
    cases = []
    for m in listed(model, receiver, receiver.KINDS):
        cases.append("    case SP_MSG_%s:\n        return %s;\n" % (
            m.upper, "take_%s(in, from, body, n)" % m.c if m in taken else "may(from, %s) ? SP_OK : SP_E_AUTHORITY" % mask(m)))
    out = [LICENCE, NOTICE, "/* clang-format off */\n\n#include \"dispatch_%s.h\"\n" % receiver.name,
           "\nstatic bool may(enum sp_role from, unsigned roles)\n{\n    return from <= SP_ROLE_LAST && (roles >> from & 1u) != 0;\n}\n"]
    out += [taker(receiver, m) for m in taken]
    out.append(SWITCH % {"name": receiver.name, "cases": "".join(cases)})
    return "".join(out)
