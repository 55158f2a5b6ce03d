#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`spicectl doctor` reads what the filter's processes write: written here by the filter's own listener, read by the real command."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import listener_test
import stream

sys.path.insert(0, str(pathlib.Path(stream.ROOT) / "tests/support"))
from fleet import Fleet  # noqa: E402


class DoctorTest(unittest.TestCase):
    def setUp(self):
        self.fleet = Fleet(workers=1)  # its configuration and keys; nothing runs
        self.addCleanup(self.fleet.__exit__, None, None, None)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def findings(self, *args):
        done = self.fleet.ctl("--json", "--timeout", "100ms", "doctor", *args, check=False)
        return [(f["state"], f["detail"]) for f in json.loads(done.stdout)["findings"] if f["check"] == "nova filter"]

    def dump(self, **changes):
        """The listener's own dump, with its age and process as the test wants them."""
        bed = listener_test.Bed()
        bed.listener.start()
        bed.until("it follows", lambda: bed.listener.view().fresh)
        bed.fanout(listener_test.sign(bed.paper.change(0, "trusted", True, 600000)))
        state = bed.listener.state()
        bed.listener.stop()
        state.update({"written_boottime_ms": listener_test.listener.boottime_us() // 1000, **changes})
        name = listener_test.listener.dump_name("control", state["pid"])
        listener_test.listener.write_whole(str(self.folder / name), json.dumps(state))

    def test_a_process_that_follows(self):
        self.dump()
        self.assertEqual(self.findings("--filter-state", self.folder),
                         [("ok", "process %d follows the keeper; members: trusted 1 of 2" % os.getpid())])

    def test_one_that_refuses_or_is_stuck_is_a_problem(self):
        self.dump(following=False, why="no proof from the keeper for 6.0 s", last_error="MessagingTimeout: x\x1b[31m")
        (state, detail), = self.findings("--filter-state", self.folder)
        self.assertEqual(state, "fail")
        self.assertIn("no proof from the keeper for 6.0 s", detail)
        self.assertNotIn("\x1b", detail)
        self.dump(written_boottime_ms=listener_test.listener.boottime_us() // 1000 - 60000)
        (state, detail), = self.findings("--filter-state", self.folder)
        self.assertEqual(state, "fail")
        self.assertIn("has not told its state", detail)

    def test_dead_processes_and_rubbish_are_nobody(self):
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        self.dump(pid=gone.pid)
        (self.folder / "spice-filter-x-1.json").write_text("{")
        (self.folder / "spice-filter-x-2.json").write_text("[1]")
        (self.folder / "spice-filter-x-3.json").write_text("x" * 100000)
        (self.folder / "spice-filter-x-4.json").symlink_to("/dev/zero")
        (self.folder / "other.json").write_text('{"pid": 1}')
        (state, detail), = self.findings("--filter-state", self.folder)
        self.assertEqual(state, "warn")
        self.assertIn("no living process", detail)

    def test_without_nova_nothing_is_said(self):
        if not os.path.exists("/run/spice-nova"):
            self.assertEqual(self.findings(), [])
        self.assertEqual([s for s, _ in self.findings("--filter-state", self.folder / "none")], ["fail"])


if __name__ == "__main__":
    unittest.main()
