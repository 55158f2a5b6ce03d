#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example of ops/docs/adapter-guide.md compiles as it stands, without a warning."""
import os
import re
import subprocess
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wformat=2", "-Wstrict-prototypes", "-Wmissing-prototypes",
         "-Werror", "-c", "-o", "/dev/null"]
FOLDERS = ["schemas/base", "schemas", "schemas/gen", "workers", "workers/adapters"]


class Guide(unittest.TestCase):
    def test_example_compiles(self):
        with open(os.path.join(ROOT, "ops/docs/adapter-guide.md"), encoding="utf-8") as f:
            blocks = re.findall(r"```c\n(.*?)```", f.read(), re.S)
        self.assertEqual(len(blocks), 1)
        with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
            f.write(blocks[0])
            f.flush()
            for compiler in ("gcc", "clang-14"):
                command = [compiler, *FLAGS, *("-I" + os.path.join(ROOT, x) for x in FOLDERS), f.name]
                done = subprocess.run(command, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
