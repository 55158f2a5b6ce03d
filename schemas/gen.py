#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads schemas/spice.model and writes schemas/gen/*: C structs, codecs and tables, and the page for people.

Standard library only; the same model always gives the same bytes. Usage: gen.py [--out DIR] [--check]
--check writes nothing and exits 1 when a committed product differs from what the model says. The parts are in codegen/."""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True  # the source tree stays as it is
sys.path.insert(0, HERE)

from codegen import c_codec, c_dispatch, c_fields, c_header, pages  # noqa: E402
from codegen.model import Model, ModelError, read_texts  # noqa: E402


def products(model, texts):
    made = {"msg.h": c_header.header(model), "msg.c": c_codec.source(model), "msg_fields.h": c_fields.header(),
            "msg_fields.c": c_fields.source(model), "FLOW.md": pages.flow(model, texts), "flow.dot": pages.dot(model)}
    for r in model.receivers:
        made["dispatch_%s.h" % r.name] = c_dispatch.header(model, r)
        made["dispatch_%s.c" % r.name] = c_dispatch.source(model, r)
    return made


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
