#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz_msg, fuzz_envelope and fuzz_ticket from tests/vectors. Inputs that a fuzzer found are kept beside them."""

import glob
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(os.path.dirname(HERE), "vectors")
RECORD_DEFINITION_BODY = 206  # fuzz_msg.c: 200 and the place in its list


def cases(path):
    with open(path, encoding="ascii") as f:
        for line in f:
            if not line.startswith("#"):
                name, digits = line.split()
                yield name, bytes.fromhex(digits)


def write(folder, name, data):
    os.makedirs(os.path.join(HERE, "corpus", folder), exist_ok=True)
    with open(os.path.join(HERE, "corpus", folder, name), "wb") as f:
        f.write(data)


for path in sorted(glob.glob(os.path.join(VECTORS, "*.hex"))):
    stem = os.path.splitext(os.path.basename(path))[0]
    number = re.match(r"(\d+)-", stem)
    for case, data in cases(path):
        if number and case != "max":
            write("msg", "seed-%s-%s" % (stem, case), bytes([int(number.group(1))]) + data)
        elif stem.startswith("record-") and case != "max":
            write("msg", "seed-%s-%s" % (stem, case), bytes([RECORD_DEFINITION_BODY]) + data)
        elif stem in ("envelope", "ticket"):
            write(stem, "seed-" + case, data)
