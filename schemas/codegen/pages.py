# SPDX-License-Identifier: Apache-2.0
"""FLOW.md and flow.dot: the messages for people."""

from codegen.model import FRAME_BYTES_MAX

FLOW_TOP = """# The messages of SPICE

Written by `schemas/gen.py` from `schemas/spice.model` and `schemas/spice.text`; do not edit. `flow.dot` beside it draws the same
(`dot -Tsvg flow.dot`). Wire rules are in `schemas/README.md`.

- **authority**: `none` the broker vouches for the sender by its CURVE key; `mac` HMAC-SHA-256 with the core key; `sign` Ed25519 of the
  sender; `pair` HMAC-SHA-256 with a key that only sender and receiver can know, from their two signing keys.
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


def flow_hands(model, message):
    """Where to look for what happens to a message."""
    hands = ["`%s` in `%s`" % (r.handler(message), r.folder) for r in model.receivers if r.how(message.name) in ("takes", "bytes", "passing")]
    return "Taken by %s.\n\n" % ", ".join(hands) if hands else ""


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
        out.append(flow_hands(model, m))
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
