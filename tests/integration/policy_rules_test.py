#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the owners of definitions refuse, whatever the act: results with too little life; and that a dry run says what would be refused."""
import json
import pathlib
import sqlite3
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import fleet as support  # noqa: E402

DEFINITIONS = """
kind: profile
name: quick
period: 15s
---
kind: profile
name: slow
period: 10m
---
kind: check
name: well
adapter: noop
profile: quick
max_age: 1m
---
kind: check
name: paused
adapter: noop
profile: slow
max_age: 1m
enabled: false
---
kind: node
name: n1
aliases: [one]
---
kind: node
name: n2
---
kind: pool
name: trusted
mandatory: [well]
"""


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = support.Fleet(workers=1)
        cls.addClassCleanup(lambda: cls.fleet.__exit__(None, None, None))
        cls.fleet.start().ready()
        cls.fleet.apply(DEFINITIONS)

    def ctl(self, *args, code=0, stdin=None):
        done = self.fleet.ctl(*args, check=False, input=stdin)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done

    def state(self):
        """What the owners hold, but for what lives."""
        return [self.ctl("export").stdout, self.fleet.json("profile", "list"), [c["in_force"] for c in self.fleet.json("check", "list")]]

    def refused(self, words, *said, stdin=None, dry=True):
        """Refused with that said, in earnest and in a dry run, and nothing is other than before."""
        before = self.state()
        for more in (["--dry-run"], []) if dry else ([],):
            told = self.ctl(*words, *more, code=1, stdin=stdin)
            for word in said:
                self.assertIn(word, told.stderr, (words, more))
        self.assertEqual(self.state(), before)

    def test_no_act_shortens_a_life(self):
        life = ("check well: max_age 1m is below three periods (30m)", "profile", "allow_short_life: true", "raise max_age")
        self.refused(["apply", "-f", "-"], *life, stdin="kind: profile\nname: quick\nperiod: 10m\n")
        self.refused(["profile", "select", "slow", "well"], *life)
        self.refused(["profile", "select", "slow", "--all"], *life)
        self.refused(["check", "enable", "paused"], "check paused: max_age 1m", "allow_short_life")
        self.assertTrue(self.fleet.wait_member("n1", True)["member"])

    def test_windows_and_calendars_count(self):
        self.refused(["apply", "-f", "-"], "check well: max_age 1m", "three runs in a row",
                     stdin="kind: profile\nname: quick\nperiod: 15s\nwindows: ['mon 08:00-09:00']\n")
        new = "kind: profile\nname: office\nperiod: 1m\nwindows: ['mon 08:00-09:00']\n---\nkind: check\nname: c\nadapter: noop\nprofile: office\nmax_age: "
        told = self.ctl("apply", "-f", "-", "--dry-run", code=4, stdin=new + "5m\n")  # the profile would be made, the check not
        self.assertIn("(10023m)", told.stderr)
        self.refused(["apply", "-f", "-"], "(10023m)", "standard input:6:1", stdin=new + "5m\n", dry=False)  # before any is sent
        self.ctl("apply", "-f", "-", "--dry-run", stdin=new + "7d\n")
        self.ctl("apply", "-f", "-", "--dry-run", stdin=new + "5m\nallow_short_life: true\n")
        cron = "kind: profile\nname: nightly\ncron: '0 3 * * 1-5'\n---\nkind: check\nname: c\nadapter: noop\nprofile: nightly\nmax_age: "
        self.refused(["apply", "-f", "-"], "(5d)", stdin=cron + "4d\n", dry=False)
        self.assertIn("(5d)", self.ctl("apply", "-f", "-", "--dry-run", code=4, stdin=cron + "4d\n").stderr)
        self.ctl("apply", "-f", "-", "--dry-run", stdin=cron + "5d\n")

    def test_both_together_may_grow(self):
        """Neither order of sending alone would do for a file that lengthens some and shortens others."""
        both = ("kind: profile\nname: p\nperiod: {}\n---\nkind: check\nname: grows\nadapter: noop\nprofile: p\nmax_age: {}\n"
                "---\nkind: check\nname: says\nadapter: noop\nprofile: p\nmax_age: 1m{}\n")
        meant = "\nallow_short_life: true"
        for period, age, more in (("10s", "30s", ""), ("10m", "30m", meant), ("10s", "30s", "")):
            text = both.format(period, age, more)
            self.ctl("apply", "-f", "-", "--dry-run", stdin=text)
            self.ctl("apply", "-f", "-", stdin=text)
            self.assertEqual({r["change"] for r in json.loads(self.ctl("--json", "apply", "-f", "-", stdin=text).stdout)}, {"unchanged"})
        self.refused(["apply", "-f", "-"], "below three periods", stdin=both.format("10m", "30m", ""), dry=False)
        self.ctl("check", "delete", "grows", "says")
        self.ctl("profile", "delete", "p")

    def test_short_life_is_exported(self):
        text = "kind: check\nname: brief\nadapter: noop\nprofile: slow\nmax_age: 1m\n"
        self.refused(["apply", "-f", "-"], "check brief", stdin=text)
        self.ctl("apply", "-f", "-", stdin=text + "allow_short_life: true\n")
        self.assertIn("allow_short_life: true", self.ctl("export", "brief").stdout)
        self.refused(["apply", "-f", "-"], "check brief", stdin=text)  # what was said is taken back
        self.ctl("check", "delete", "brief")

    def test_dry_run_asks_the_owner(self):
        for text, said in (("kind: node\nname: n3\naliases: [one]\n", "n1"), ("kind: node\nname: one\n", "n1"),
                           ("kind: node\nname: n3\nkey: " + self.fleet.node("n1")["key"] + "\n", "bound otherwise")):
            self.refused(["apply", "-f", "-"], said, stdin=text)
        self.refused(["profile", "delete", "quick"], "in use by check well")
        self.refused(["profile", "delete", "default"], "the default profile can be changed, not deleted")
        self.refused(["node", "unenroll", "n1"], "enrol")
        self.assertNotIn("would be created", self.ctl("apply", "-f", "-", "--dry-run", code=1, stdin="kind: node\nname: one\n").stdout)

    def test_examples_keep_the_rule(self):
        self.ctl("apply", "-f", support.SOURCE / "ops/examples", "--dry-run")

    def test_dry_run_of_everything(self):
        """A whole file that makes all kinds anew: no part of it is in force when the next is judged."""
        text = DEFINITIONS
        for name in ("quick", "slow", "well", "paused", "n1", "n2", "trusted", "one"):
            text = text.replace(f": {name}\n", f": new-{name}\n").replace(f"[{name}]", f"[new-{name}]")
        before = self.state()
        told = self.ctl("apply", "-f", "-", "--dry-run", stdin=text + "---\nkind: label\nnode: n1\nlabels: {a: b}\n")
        self.assertIn("would be: 7 created, 1 changed, 0 unchanged", told.stdout)
        self.assertEqual(self.state(), before)


class Before(unittest.TestCase):
    """A store that an earlier version wrote, before there was the rule."""

    def test_it_loads_and_says_so(self):
        with support.Fleet(workers=1) as fleet:
            fleet.start().ready()
            fleet.apply("kind: check\nname: old\nadapter: noop\nmax_age: 5m\n---\nkind: profile\nname: fast\nperiod: 30s\n---\nkind: profile\nname: slow\nperiod: 2m\n")
            fleet.kill("scheduler")
            store = next(fleet.prefix.rglob("scheduler.db"))
            with sqlite3.connect(store) as db:
                table, column = next((t, c) for (t,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
                                     for c in [r[1] for r in db.execute(f"PRAGMA table_info({t})")]
                                     if db.execute(f"SELECT count(*) FROM {t} WHERE {c} LIKE '%\"max_age\":\"5m\"%'").fetchone()[0])
                db.execute(f"UPDATE {table} SET {column} = replace({column}, '\"max_age\":\"5m\"', '\"max_age\":\"1m\"')")
            db.close()
            fleet.start("scheduler").ready()
            said = "check old: max_age 1m is below three periods (3m)"
            self.assertIn(said, (fleet.prefix / "scheduler.log").read_text())
            doctor = fleet.ctl("doctor")
            self.assertIn(said, doctor.stdout)
            self.assertNotEqual(fleet.ctl("profile", "select", "slow", "--all", check=False).returncode, 0)
            done = fleet.ctl("profile", "select", "fast", "--all")  # better than before: taken, and said
            self.assertIn("warning: check old: max_age 1m", done.stderr)
            rows = fleet.json("check", "stage", "shadow", "old")
            self.assertIn("check old", rows[0]["warnings"][0])
            fleet.apply("kind: check\nname: old\nadapter: noop\nmax_age: 5m\n")
            self.assertNotIn(said, fleet.ctl("doctor").stdout)


if __name__ == "__main__":
    unittest.main()
