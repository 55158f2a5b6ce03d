#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One command and a one-use token are enough for the unit that is shipped: `enrol` without --prefix writes what ops/systemd reads, with the owners it
needs, and the program then starts by the very command line of its unit. The system of the new host lies below a directory of ours (--root);
users, mounts and command are taken from the unit file and mapped there, and so are the absolute paths of the configuration."""
import json
import os
import pathlib
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(SOURCE / "tests/support"), str(SOURCE / "tests/integration")]
from fleet import BIN, Fleet, die_with_parent, wait  # noqa: E402
from rabbit import free_port  # noqa: E402
from systemd_test import read  # noqa: E402

ROOT = os.geteuid() == 0
IDS = {"spice-worker": 64701, "spice-attester": 64702, "spice-broker": 64703}
GROUP = 64700


def can_mount():
    return ROOT and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


class Host:
    """A new host below a directory, as systemd would see it."""

    def __init__(self, at, unit, name):
        self.at, self.name, self.log = pathlib.Path(at), name, pathlib.Path(at) / "log"
        self.service = {key: value.strip() if isinstance(value, str) else value for key, value in read(SOURCE / "ops/systemd" / unit)["Service"].items()}
        for folder in ("etc", "usr/bin", "usr/lib/nagios/plugins"):
            (self.at / folder).mkdir(parents=True)
        for program in ("spice-worker", "spice-attester", "spice-exec", "spice-appraise"):
            shutil.copy2(BIN / program, self.at / "usr/bin" / program)
        (self.at / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n" + "".join(f"{n}:x:{i}:{GROUP}::/:/usr/sbin/nologin\n" for n, i in IDS.items()))
        (self.at / "etc/group").write_text(f"root:x:0:\nspice:x:{GROUP}:\n")

    def below(self, path):
        return self.at / path.replace("%i", self.name).lstrip("/")

    def mounts(self):
        """BindReadOnlyPaths and StateDirectory, as the service manager makes them before it starts the command."""
        source, target = self.service["BindReadOnlyPaths"].split(":")
        assert self.below(source).is_dir(), f"{source} is not there: the unit would not start"
        assert self.below(target).is_dir(), f"{target} is not there: nothing can be mounted on it"
        self.below(target).rmdir()
        self.below(target).symlink_to(self.below(source))
        if "StateDirectory" in self.service:
            state = self.below("/var/lib/" + self.service["StateDirectory"])
            state.mkdir(parents=True, exist_ok=True)
            if ROOT:
                for path in (state, *state.parents):
                    if path == self.below("/var/lib/spice"):
                        break
                    os.chown(path, IDS[self.service["User"]], GROUP)

    def map_configuration(self):
        """Its absolute paths, by the rule that holds for the command line."""
        path = self.below("/etc/spice/spice.yaml")
        text = path.read_text()
        mapped = re.sub(r'(?<=[ "])/(?=(etc|usr|var|run)/)', f"{self.at}/", text)
        assert mapped != text
        path.write_text(mapped)

    def command(self):
        return [str(self.below(word)) if word.startswith("/") else word.replace("%i", self.name) for word in shlex.split(self.service["ExecStart"])]

    def start(self):
        """As the unit's User and Group. Names are looked up in the passwd of that host where mounts are possible."""
        argv, who = self.command(), {}
        if ROOT and self.service["User"] != "root":
            who = {"user": IDS[self.service["User"]], "group": GROUP, "extra_groups": []}
        elif ROOT:
            binds = " && ".join(f"mount --bind {shlex.quote(str(self.at / f))} /{f}" for f in ("etc/passwd", "etc/group"))
            argv = ["unshare", "--mount", "sh", "-c", f"{binds} && exec {shlex.join(argv)}"]
        with open(self.log, "ab") as log:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=None if who else die_with_parent, **who)


class Enrolled(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(workers=0, init_args=["--broker-tcp", f"127.0.0.1:{free_port()}"])
        self.addCleanup(self.fleet.__exit__, None, None, None)
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="spice-host-"))
        self.addCleanup(shutil.rmtree, self.root, True)
        self.root.chmod(0o755)
        self.fleet.start("broker-1", "keeper", "scheduler")
        wait("the keeper answers", lambda: self.fleet.ctl("node", "list", check=False).returncode == 0)

    def mode(self, host, path, mode, owner, group):
        st = host.below(path).stat()
        self.assertEqual(oct(stat.S_IMODE(st.st_mode)), oct(mode), path)
        if ROOT:
            self.assertEqual((st.st_uid, st.st_gid), (owner, group), path)

    def run_host(self, host):
        host.mounts()
        host.map_configuration()
        process = host.start()

        def end():
            process.terminate()
            process.wait(timeout=60)
        self.addCleanup(end)
        return process

    def enrol(self, host, program, token):
        return self.fleet.run([host.at / "usr/bin" / program, "enrol", "-", "--root", host.at], input=token + "\n").stdout

    def invite(self, *args):
        return self.fleet.json(*args)["token"]

    def test_worker(self):
        host = Host(self.root, "spice-worker@.service", "rack7")
        said = self.enrol(host, "spice-worker", self.invite("worker", "invite", "rack7", "--adapters", "noop,exec,tpm"))
        self.assertIn("systemctl enable --now spice-worker@rack7", said)
        self.assertIn("signed manifests (to " + str(host.at / "etc/spice/manifests"), said)
        self.assertIn("reference values (to /var/lib/spice/etc/policies)", said)
        self.assertNotIn("No key", said)
        self.mode(host, "/etc/spice", 0o750, 0, GROUP)
        self.mode(host, "/etc/spice/spice.yaml", 0o640, 0, GROUP)
        self.mode(host, "/etc/spice/principals.yaml", 0o640, 0, GROUP)
        self.mode(host, "/etc/spice/keys.d", 0o711, 0, 0)
        self.mode(host, "/etc/spice/keys.d/rack7", 0o700, IDS["spice-worker"], GROUP)
        self.mode(host, "/etc/spice/keys.d/rack7/rack7.key", 0o600, IDS["spice-worker"], GROUP)

        # What is left to do, as it was printed: the plugin, and its manifest by the key that the invitation brought.
        plugin = host.at / "usr/lib/nagios/plugins/check_it"
        plugin.write_text("#!/bin/sh\necho fine\n")
        plugin.chmod(0o755)
        self.fleet.ctl("manifest", "sign", plugin, "--to", host.at / "etc/spice/manifests")
        (host.at / "etc/spice/manifests/check_it.manifest.yaml").chmod(0o644)
        self.run_host(host)
        self.fleet.apply("kind: profile\nname: quick\nperiod: 1s\n---\nkind: check\nname: well\nadapter: noop\nprofile: quick\n---\n"
                         "kind: check\nname: plugged\nadapter: exec\nparams: {plugin: check_it}\nprofile: quick\ntimeout: 5s\n---\nkind: node\nname: n1\n")
        for check in ("well", "plugged"):
            wait(f"{check} passes on rack7", lambda check=check: [r["worker"] for r in self.fleet.json("result", "list", "--check", check)
                                                                  if r["outcome"] == "pass"] == ["rack7"], 60)

    def test_attester(self):
        if not can_mount():
            print("skipped: no right to give another process its own /etc/passwd")
            return
        self.fleet.ctl("node", "add", "n1")
        answer = self.fleet.json("key", "invite", "--attester", "n1")
        host = Host(self.root, "spice-attester@.service", answer["name"])
        said = self.enrol(host, "spice-attester", answer["token"])
        self.assertIn(f"systemctl enable --now spice-attester@{answer['name']}", said)
        self.assertIn("spicectl node enroll n1", said)
        self.mode(host, f"/etc/spice/keys.d/{answer['name']}/{answer['name']}.key", 0o600, IDS["spice-attester"], GROUP)
        process = self.run_host(host)

        def met():
            self.assertIsNone(process.poll(), host.log.read_text())
            return "event=broker.up" in host.log.read_text()
        wait("the broker has the attester", met, 60)
        front = [pid for pid in os.listdir("/proc") if pid.isdigit() and self.user_of(pid) == IDS["spice-attester"]]
        self.assertTrue(front, "the part on the bus is not spice-attester")
        self.assertNotIn("still.root", host.log.read_text())

    @staticmethod
    def user_of(pid):
        try:
            return os.stat(f"/proc/{pid}").st_uid if "attester" in pathlib.Path(f"/proc/{pid}/comm").read_text() else None
        except OSError:
            return None

    def test_refusals(self):
        host = Host(self.root, "spice-worker@.service", "rack8")
        token = self.invite("worker", "invite", "rack8", "--adapters", "noop")
        both = self.fleet.run([BIN / "spice-worker", "enrol", token, "--root", host.at, "--prefix", host.at / "p"], check=False)
        self.assertEqual((both.returncode != 0, "does not go together" in both.stderr), (True, True))
        if ROOT:
            (host.at / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
            none = self.fleet.run([BIN / "spice-worker", "enrol", token, "--root", host.at], check=False)
            self.assertIn("spice-worker: no such user or group on this host", none.stderr)
            self.assertIn("systemd-sysusers", none.stderr)
            self.assertFalse((host.at / "etc/spice").exists())

    def test_keys_that_nobody_named(self):
        """The keeper's host has no worker.manifest_keys: whoever invites and whoever enrols are told."""
        text = self.fleet.config.read_text()
        self.fleet.config.write_text("\n".join(line for line in text.splitlines() if "manifest_keys" not in line) + "\n")
        self.fleet.restart("keeper")
        wait("the keeper answers", lambda: self.fleet.ctl("node", "list", check=False).returncode == 0)
        done = self.fleet.ctl("worker", "invite", "rack9", "--adapters", "exec")
        self.assertIn("names no worker.manifest_keys", done.stderr)
        host = Host(self.root, "spice-worker@.service", "rack9")
        self.assertIn("No key may sign them yet", self.enrol(host, "spice-worker", done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    unittest.main(verbosity=1)
