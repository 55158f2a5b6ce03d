#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ops/docs/reader-guide.md is true: the library is installed, the example is built with the guide's command, and follows a pool whose members
leave by order, by age, and with the keeper."""
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BIN, SOURCE, Failed, Fleet, die_with_parent  # noqa: E402

PATIENCE = 180.0
DEFINITIONS = """
kind: profile
name: fast
period: 1s
---
kind: check
name: well
adapter: noop
profile: fast
timeout: 1s
max_age: 4s
---
kind: node
name: n1
---
kind: node
name: n2
---
kind: pool
name: trusted
mandatory: [well]
---
kind: pool
name: other
mandatory: [well]
"""


class Follower:
    def __init__(self, fleet, program, *args):
        self.lines, self.seen = queue.Queue(), []
        self.errors = fleet.prefix / "follow_pool.log"
        with open(self.errors, "ab") as log:
            self.process = subprocess.Popen([program, fleet.config, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                                            preexec_fn=die_with_parent)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def next(self):
        try:
            line = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise Failed(f"nothing more after {self.seen}; {self.errors.read_text()}") from None
        self.seen.append(line)
        return line

    def members(self, wanted):
        """Reads until exactly these are in, as a reader of the lines sees it, and returns what was said on the way."""
        start = len(self.seen)
        while self.inside() != wanted or len(self.seen) == start:
            self.next()
        return self.seen[start:]

    def inside(self):
        found = set()
        for line in self.seen:
            if line.startswith("+ "):
                if line[2:] in found:
                    raise Failed(f"{line} twice: {self.seen}")
                found.add(line[2:])
            elif line.startswith("- "):
                found.remove(line[2:].split(":")[0])
            elif line == "not following" and "following" not in self.seen:
                raise Failed(f"{self.seen}")
        return found

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


class Guide(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(workers=1)
        self.addCleanup(self.fleet.__exit__, None, None, None)

    def program(self):
        """Installed and built as the guide says, with the strictest warnings and nothing of this tree in reach."""
        root = self.fleet.prefix / "installed"
        text = (SOURCE / "ops/docs/reader-guide.md").read_text()
        command = re.search(r"^    (cc .*spice-reader\))$", text, re.M).group(1)
        install = re.search(r"^    (cmake --install .*)$", text, re.M).group(1).replace("build/release", str(BIN)).replace("/usr/local", str(root))
        self.fleet.run(["sh", "-c", install])
        installed = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
        self.assertTrue(all(re.match(r"include/spice/\w+\.h$|lib(/[\w-]+)?/(libspice_reader\.a|pkgconfig/spice-reader\.pc)$", p) for p in installed), installed)
        package = next(root.rglob("pkgconfig"))
        where = re.search("^prefix=(.*)$", (package / "spice-reader.pc").read_text(), re.M).group(1)
        (package / "spice-reader.pc").write_text((package / "spice-reader.pc").read_text().replace(f"prefix={where}", f"prefix={root}"))
        every = "".join(f"#include <{h.name}>\n" for h in sorted((root / "include/spice").iterdir()))  # each is whole by itself
        (root / "every.c").write_text(every + "int main(void) { return sp_tier_name(SP_TIER_NONE) == 0; }\n")
        self.compile(command.replace("follow_pool", "every"), root, package)
        shutil.copy(SOURCE / "ops/examples/follow_pool.c", root)
        self.compile(command, root, package)
        return root / "follow_pool"

    def compile(self, command, root, package):
        done = subprocess.run(["sh", "-c", command.replace("cc ", "cc -Wall -Wextra -Werror ", 1)], cwd=root, capture_output=True, text=True, timeout=PATIENCE,
                              env={**os.environ, "PKG_CONFIG_PATH": str(package)}, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_follows(self):
        fleet, program = self.fleet, self.program()
        fleet.start().ready()
        fleet.apply(DEFINITIONS)
        one = Follower(fleet, program, "reader-1", "trusted")
        self.addCleanup(one.close)
        one.members({"n1", "n2"})
        self.assertEqual(one.seen[0], "following")

        fleet.ctl("node", "quarantine", "n1", "--yes")
        said = one.members({"n2"})
        self.assertRegex(said[-1], r"^- n1: .*quarantine")
        fleet.ctl("node", "resume", "n1", "--yes")
        one.members({"n1", "n2"})

        os.kill(fleet.pid("worker-1"), signal.SIGSTOP)  # nobody says anything: lifetimes end
        said = one.members(set())
        self.assertNotIn("not following", said)
        os.kill(fleet.pid("worker-1"), signal.SIGCONT)
        one.members({"n1", "n2"})

        fleet.kill("keeper")
        said = one.members(set())
        while one.seen[-1] != "not following" and "not following" not in said:
            said.append(one.next())
        fleet.start("keeper")  # another start of it: the copy of before is void
        said = one.members({"n1", "n2"})
        self.assertIn("following", said)

        one.process.send_signal(signal.SIGTERM)
        self.assertEqual(one.process.wait(timeout=PATIENCE), 0)
        self.assertNotRegex(one.errors.read_text(), "level=(error|warning)|follow_pool:")

    def test_words_for_what_is_wrong(self):
        program = BIN / "tests/follow_pool"  # as the tree builds it
        for words, code, said in (([], 2, "usage"), ([self.fleet.prefix / "none.yaml", "reader-1", "trusted"], 1, "none.yaml"),
                                  ([self.fleet.config, "nobody", "trusted"], 1, "nobody")):
            done = self.fleet.run([program, *words], check=False)
            self.assertEqual(done.returncode, code, done)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
