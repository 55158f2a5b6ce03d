#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The committed products of schemas/gen.py are what the model gives now."""
import filecmp
import os
import pathlib
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]
with tempfile.TemporaryDirectory() as scratch:
    subprocess.run([sys.executable, str(root / "schemas/gen.py"), "--out", scratch], check=True)
    fresh = sorted(os.listdir(scratch))
    committed = sorted(os.listdir(root / "schemas/gen"))
    bad = sorted(set(fresh) ^ set(committed))
    bad += [n for n in fresh if n in committed and not filecmp.cmp(f"{scratch}/{n}", root / "schemas/gen" / n, shallow=False)]
if bad:
    sys.exit("schemas/gen is not what the model gives; run: python3 schemas/gen.py   differs: " + ", ".join(bad))
print(f"{len(fresh)} products fresh")
