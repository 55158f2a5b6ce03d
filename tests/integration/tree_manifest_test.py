#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""spicectl manifest make, sign and show for trees: what comes out is what the adapter files takes."""
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

CTL = os.path.join(os.environ["SPICE_BIN"], "spicectl")


def ctl(*args):
    return subprocess.run([CTL, *map(str, args)], capture_output=True, text=True, timeout=120, env={"PATH": os.environ["PATH"]})


class Trees(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.scratch.name)
        self.image = self.dir / "image"
        (self.image / "etc/nova").mkdir(parents=True)
        (self.image / "etc/nova/nova.conf").write_text("[DEFAULT]\n")
        (self.image / "etc/nova/log").mkdir()
        (self.image / "etc/nova/log/today").write_text("moves\n")
        (self.image / "etc/nova/link").symlink_to("nova.conf")
        self.file = self.dir / "nova.tree"
        self.fleet = self.dir / "fleet"
        self.assertEqual(ctl("init", "--prefix", self.fleet).returncode, 0)
        self.config = ("--config", next(self.fleet.rglob("spice.yaml")))

    def tearDown(self):
        self.scratch.cleanup()

    def make(self, *more):
        return ctl("--json", "manifest", "make", "/etc/nova/", "--prefix", self.image, "--skip", "/etc/nova/log", "--to", self.file, *more)

    def test_whole_way(self):
        dry = self.make("--dry-run")
        self.assertEqual(dry.returncode, 0, dry.stderr)
        self.assertFalse(self.file.exists())
        made = json.loads(self.make().stdout)
        self.assertEqual((made["entries"], made["files"], made["bytes"]), (3, 1, 10))
        text = self.file.read_bytes()
        self.assertEqual(made["sha256"], hashlib.sha256(text).hexdigest())
        self.assertEqual(made["sha256"], json.loads(dry.stdout)["sha256"])
        self.assertNotIn(b"today", text)
        self.assertIn(hashlib.sha256(b"[DEFAULT]\n").hexdigest().encode(), text)
        self.assertFalse(json.loads(ctl(*self.config, "--json", "manifest", "show", self.file).stdout)["signed"])

        signed = ctl(*self.config, "--json", "manifest", "sign", self.file)
        self.assertEqual(signed.returncode, 0, signed.stderr)
        key = json.loads(signed.stdout)["key"]
        self.assertTrue(self.file.read_bytes().startswith(text))
        shown = json.loads(ctl(*self.config, "--json", "manifest", "show", self.file).stdout)
        self.assertEqual((shown["signed"], shown["key"], shown["entries"]), (True, key, 3))
        self.assertEqual((shown["trees"], shown["skips"]), (["/etc/nova"], ["/etc/nova/log"]))
        once = self.file.read_bytes()
        self.assertEqual(ctl(*self.config, "manifest", "sign", self.file).returncode, 0)
        self.assertEqual(self.file.read_bytes(), once)  # signed again: one signature, of the same bytes

        self.file.write_bytes(once.replace(b" 10 ", b" 11 "))  # altered since
        shown = json.loads(ctl(*self.config, "--json", "manifest", "show", self.file).stdout)
        self.assertEqual((shown["signed"], shown["key"]), (True, ""))
        self.file.write_bytes(once.replace(b"/etc/nova/nova.conf", b"/etc/passwd"))  # in no tree
        self.assertEqual(ctl(*self.config, "manifest", "show", self.file).returncode, 1)
        self.assertEqual(ctl(*self.config, "manifest", "sign", self.file).returncode, 1)

    def test_refused(self):
        for args, code, said in ((("/etc/nova",), 2, "--to"), (("etc/nova", "--to", self.file), 1, "absolute"),
                                 (("/etc", "/etc/nova", "--to", self.file, "--prefix", self.image), 1, "tree lies in another"),
                                 (("/etc", "--skip", "x", "--to", self.file, "--prefix", self.image), 1, "paths"),
                                 (("/etc/nova", "--dpkg", "--to", self.file, "--prefix", self.image), 1, "Debian")):
            done = ctl("manifest", "make", *args)
            self.assertEqual(done.returncode, code, args)
            self.assertIn(said, done.stderr)
        self.assertFalse(self.file.exists())

    def test_package_database(self):
        info = self.image / "var/lib/dpkg/info"
        info.mkdir(parents=True)
        conf = self.image / "etc/nova/nova.conf"
        (info / "nova.md5sums").write_text("%s  etc/nova/nova.conf\n" % hashlib.md5(conf.read_bytes()).hexdigest())
        self.assertEqual(json.loads(self.make("--dpkg", "--any-owner").stdout)["packaged"], 1)
        self.assertIn(b"d 0755 - - /etc/nova\n", self.file.read_bytes())
        conf.write_text("[default]\n")
        done = self.make("--dpkg")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nova.conf differs from its package", done.stderr)


if __name__ == "__main__":
    unittest.main()
