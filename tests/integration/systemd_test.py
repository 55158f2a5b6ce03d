#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The unit files say what they must, start what there is, and agree with the example configuration."""
import configparser
import os
import pathlib
import re
import shutil
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
UNITS = SOURCE / "ops/systemd"
PROGRAMS = {"spice-broker@.service": "spice-broker", "spice-scheduler.service": "spice-scheduler", "spice-nodes.service": "spice-nodes",
            "spice-worker@.service": "spice-worker", "spice-bridge@.service": "spice-bridge"}
MUST = {"Type": "notify", "Restart": "always", "LimitCORE": "0", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "OOMPolicy": "stop",
        "CapabilityBoundingSet": "", "AmbientCapabilities": "", "RestrictNamespaces": "yes", "PrivateTmp": "yes", "NotifyAccess": "main"}


class Multi(dict):
    """Keys that stand more than once keep all their values."""

    def __setitem__(self, key, value):
        if key in self and isinstance(value, list):
            value = self[key] + value if isinstance(self[key], list) else value
        super().__setitem__(key, value)


def read(path):
    parser = configparser.RawConfigParser(dict_type=Multi, strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string(path.read_text())
    return {section: dict(parser.items(section)) for section in parser.sections()}


class Units(unittest.TestCase):
    def test_hardening(self):
        users = set()
        for name in PROGRAMS:
            unit = read(UNITS / name)
            service = unit["Service"]
            for key, value in MUST.items():
                self.assertEqual(service[key].strip(), value, (name, key))
            for key in ("WatchdogSec", "MemoryMax", "RestartSec", "TasksMax", "UMask", "SystemCallFilter", "LimitNOFILE"):
                self.assertTrue(service[key].strip(), (name, key))
            self.assertEqual(unit["Unit"]["StartLimitIntervalSec"], "0", name)
            users.add(service["User"])
        self.assertEqual(len(users), len(PROGRAMS))  # a user for each

    def test_attester(self):
        """It starts with the rights that its two parts need or give up, and with no other; it writes nothing."""
        service = read(UNITS / "spice-attester@.service")["Service"]
        for key, value in {**MUST, "CapabilityBoundingSet": "CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_CHECKPOINT_RESTORE CAP_SETUID CAP_SETGID", "PrivateTmp": "no",
                           "User": "root", "DevicePolicy": "closed", "DeviceAllow": "/dev/tpmrm0 rw", "KillMode": "mixed"}.items():
            self.assertEqual(service[key].strip(), value, key)
        for key in ("StateDirectory", "ReadWritePaths", "AmbientCapabilities"):
            self.assertFalse(service.get(key, "").strip(), key)
        self.assertIn("u spice-attester ", (UNITS / "spice.sysusers").read_text())

    def test_programs_and_manuals(self):
        for name, program in {**PROGRAMS, "spice-attester@.service": "spice-attester"}.items():
            text = (UNITS / name).read_text()
            self.assertIn(f"ExecStart=/usr/bin/{program} --config /etc/spice/spice.yaml --name ", text)
            self.assertIn(f"man:{program}(8)", text)
            self.assertIn("\nExecReload=/bin/kill -HUP $MAINPID\n", text)  # not the whole group: a worker's plugins would die of it

    def test_users_exist(self):
        known = set(re.findall(r"^u (\S+)", (UNITS / "spice.sysusers").read_text(), flags=re.M))
        for name in PROGRAMS:
            self.assertIn(read(UNITS / name)["Service"]["User"], known)

    def test_state_is_where_the_configuration_says(self):
        configuration = (SOURCE / "ops/conf/one-host.yaml").read_text()
        for name in PROGRAMS:
            state = read(UNITS / name)["Service"]["StateDirectory"].split("%")[0].rstrip("/")
            self.assertIn(f": /var/lib/{state}\n", configuration, name)

    def test_systemd_understands_them(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd-analyze here")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *[str(UNITS / name) for name in PROGRAMS], str(UNITS / "spice-attester@.service"), str(UNITS / "spice.target")],
                              capture_output=True, text=True, timeout=60)
        # Not installed programs are no fault of the units; RestartSteps is newer than some systemd.
        bad = [line for line in done.stderr.splitlines() if "spice" in line and "is not executable" not in line
               and "RestartSteps" not in line and "RestartMaxDelaySec" not in line]
        self.assertEqual(bad, [])


if __name__ == "__main__":
    unittest.main(verbosity=1)
