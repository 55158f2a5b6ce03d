#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""spicectl as an administrator and as a program use it: files it makes, mistakes it explains, a fleet it changes and looks at."""
import hashlib
import json
import os
import pathlib
import stat
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import fleet as support  # noqa: E402

CTL = str(support.BIN / "spicectl")
SOURCE = support.SOURCE

DEFINITIONS = """
kind: profile
name: fast
period: 1s
---
kind: check
name: well
adapter: noop
profile: fast
timeout: 10s
max_age: 60s
---
kind: check
name: later
adapter: noop
stage: draft
profile: fast
timeout: 10s
max_age: 60s
---
kind: node
name: n1
labels: {zone: a}
---
kind: node
name: n2
labels: {zone: b}
---
kind: node
name: n3
labels: {zone: b}
---
kind: pool
name: trusted
mandatory: [well]
"""

NODE_KEYS = {"name", "key", "id", "aliases", "address", "tier", "state", "origin", "labels", "generation", "pools"}
CHECK_KEYS = {"name", "id", "revision", "adapter", "stage", "enabled", "profile", "period_ms", "timeout_ms", "max_age_ms", "rise", "fall",
              "retries", "selector", "category", "runbook", "params", "digest", "pairs", "late", "labels"}
POOL_KEYS = {"name", "mandatory", "advisory", "groups", "selector", "hold_down_ms", "accept_warn", "trait", "members", "eligible_nodes"}
RESULT_KEYS = {"node", "check", "outcome", "tier", "reason", "detail", "measures", "issued", "age_ms", "remaining_ms", "job", "attempt",
               "worker", "streak", "since"}
MEMBERSHIP_KEYS = {"member", "tier", "since", "until", "remaining_ms", "why"}


def ctl(*args, env=None, stdin=None):
    environment = {k: v for k, v in os.environ.items() if k != "SPICE_CONFIG"}
    environment.update(env or {})
    return subprocess.run([CTL, *map(str, args)], capture_output=True, text=True, env=environment, input=stdin, timeout=120)


class Alone(unittest.TestCase):
    """Without a fleet."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="spice-ctl-")
        self.prefix = pathlib.Path(self.folder.name) / "p"

    def tearDown(self):
        self.folder.cleanup()

    def init(self, *more):
        done = ctl("init", "--prefix", self.prefix, *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return ["--config", str(self.prefix / "etc/spice.yaml")]

    def test_usage(self):
        for words, code, said in ((["nod", "list"], 2, "did you mean spicectl node"), (["node", "lits"], 2, "did you mean list"),
                                  (["node"], 2, None), ([], 2, None), (["node", "list", "--slector", "a=b"], 2, "--selector"),
                                  (["--help"], 0, None), (["node", "label", "--help"], 0, None), (["--version"], 0, None),
                                  (["node", "list", "--timeout", "soon"], 2, "500ms"), (["help", "aply"], 2, "apply"),
                                  (["node", "inventory", "--kind", "discoverd"], 2, "did you mean discovered")):
            done = ctl(*words)
            self.assertEqual(done.returncode, code, (words, done.stderr))
            if said:
                self.assertIn(said, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_error_as_json(self):
        done = ctl("--json", "--config", "/nowhere.yaml", "node", "list")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(set(json.loads(done.stderr)), {"error", "where", "hint"})
        self.assertEqual(json.loads(done.stderr)["where"], "/nowhere.yaml")
        self.assertEqual(done.stdout, "")

    def test_init(self):
        dry = ctl("--json", "init", "--prefix", self.prefix, "--workers", 2, "--dry-run")
        self.assertEqual(json.loads(dry.stdout), {"prefix": str(self.prefix), "keys": 9, "dry_run": True})
        dry = ctl("init", "--prefix", self.prefix, "--workers", 2, "--dry-run")
        self.assertIn("keys/worker-2.key", dry.stdout)
        self.assertFalse(self.prefix.exists())
        self.init("--workers", 2)
        names = {p.name for p in (self.prefix / "keys").iterdir()}
        self.assertEqual(names, {f"{n}.key" for n in ("broker-1", "scheduler", "keeper", "admin", "reader-1", "bridge-1", "worker-1", "worker-2", "core")})
        for path in self.prefix.rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            self.assertEqual(mode, 0o700 if path.is_dir() else 0o600, path)
        before = {p: p.read_bytes() for p in self.prefix.rglob("*") if p.is_file()}
        again = ctl("init", "--prefix", self.prefix)
        self.assertEqual(again.returncode, 1)
        self.assertEqual(before, {p: p.read_bytes() for p in self.prefix.rglob("*") if p.is_file()})

    def test_init_refuses_nonsense(self):
        for more in (["--broker-tcp", "192.0.2.1"], ["--broker-tcp", "192.0.2.1:0"], ["--broker-tcp", "::1:7310"], ["--workers", "x"]):
            done = ctl("init", "--prefix", self.prefix, *more)
            self.assertEqual(done.returncode, 2, (more, done.stderr))
            self.assertFalse(self.prefix.exists())
        self.assertEqual(ctl("init", "--prefix", "/tmp/" + "x" * 120).returncode, 2)

    def test_host_export(self):
        config = self.init("--workers", 2, "--broker-tcp", "192.0.2.10:7310")
        archive = pathlib.Path(self.folder.name) / "w.tar"
        done = ctl(*config, "host", "export", "worker-2", "--to", archive)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(stat.S_IMODE(archive.stat().st_mode), 0o600)
        with tarfile.open(archive) as tar:
            self.assertEqual({m.name for m in tar if m.isfile()}, {"etc/spice.yaml", "etc/principals.yaml", "keys/worker-2.key"})
            self.assertTrue(all(m.mode & 0o077 == 0 for m in tar))
            tar.extractall(pathlib.Path(self.folder.name) / "other")
        other = ["--config", str(pathlib.Path(self.folder.name) / "other/etc/spice.yaml")]
        report = json.loads(ctl(*other, "--json", "--timeout", "100ms", "doctor").stdout)
        states = {f["check"]: f["state"] for f in report["findings"]}
        self.assertEqual((states["configuration"], states["key files"]), ("ok", "ok"))
        self.assertNotIn("ipc://", (pathlib.Path(self.folder.name) / "other/etc/spice.yaml").read_text())
        self.assertEqual(ctl(*config, "host", "export", "worker-3", "--to", archive).returncode, 2)
        # The core secret goes to those who share it only.
        core = pathlib.Path(self.folder.name) / "c.tar"
        self.assertEqual(ctl(*config, "host", "export", "keeper", "--to", core).returncode, 0)
        with tarfile.open(core) as tar:
            self.assertIn("keys/core.key", tar.getnames())

    def test_export_needs_tcp(self):
        config = self.init()
        done = ctl(*config, "host", "export", "worker", "--to", self.folder.name + "/x.tar")
        self.assertEqual(done.returncode, 1)
        self.assertIn("tcp", done.stderr)

    def test_doctor_sees_keys(self):
        config = self.init()
        key = self.prefix / "keys/keeper.key"
        for spoil, said in ((lambda: key.chmod(0o644), "keeper.key"), (lambda: (key.chmod(0o600), key.write_text("")), "keeper.key"),
                            (lambda: key.write_bytes((self.prefix / "keys/scheduler.key").read_bytes()), "keeper.key")):
            spoil()
            done = ctl(*config, "--json", "--timeout", "100ms", "doctor")
            self.assertEqual(done.returncode, 5)
            bad = [f for f in json.loads(done.stdout)["findings"] if f["check"] == "key files" and f["state"] == "fail"]
            self.assertEqual(len(bad), 1, bad)
            self.assertIn(said, bad[0]["detail"])

    def test_no_fleet(self):
        config = self.init()
        done = ctl(*config, "--timeout", "200ms", "node", "list")
        self.assertEqual(done.returncode, 3)
        self.assertIn("broker-1.sock", done.stderr)

    def test_just_started(self):
        """As somebody types it: everything is started and asked in one go."""
        with support.Fleet() as fleet:
            fleet.start()
            fleet.ctl("--timeout", "2m", "apply", "-f", "-", input=DEFINITIONS, timeout=120)

    def test_nobody_comes(self):
        with support.Fleet() as fleet:
            fleet.start("broker-1")
            done = fleet.ctl("--timeout", "2s", "node", "list", check=False)
            self.assertEqual(done.returncode, 3)
            self.assertIn("keeper", done.stderr)

    def test_key_rotate(self):
        config = self.init()
        before = json.loads(ctl(*config, "--json", "key", "fingerprint", "worker-1").stdout)[0]["fingerprint"]
        self.assertEqual(ctl(*config, "key", "rotate", "worker-1", "--dry-run").returncode, 0)
        self.assertEqual(json.loads(ctl(*config, "--json", "key", "fingerprint", "worker-1").stdout)[0]["fingerprint"], before)
        self.assertEqual(ctl(*config, "key", "rotate", "worker-1").returncode, 0)
        rows = json.loads(ctl(*config, "--json", "key", "fingerprint", "worker-1", str(self.prefix / "keys/worker-1.key")).stdout)
        self.assertEqual(rows[0]["fingerprint"], rows[1]["fingerprint"])
        self.assertNotEqual(rows[0]["fingerprint"], before)

    def test_key_prepare_and_switch(self):
        config = self.init()
        rows = lambda *what: json.loads(ctl(*config, "--json", "key", "fingerprint", *what).stdout)
        key, after = self.prefix / "keys/worker-1.key", self.prefix / "keys/worker-1.key.next"
        self.assertIn("key prepare", ctl(*config, "key", "switch", "worker-1").stderr)
        self.assertIn("broker", ctl(*config, "key", "prepare", "broker-1").stderr)
        self.assertEqual(ctl(*config, "key", "prepare", "worker-1", "--dry-run").returncode, 0)
        self.assertFalse(after.exists())
        first = rows(str(key))[0]["fingerprint"]
        done = json.loads(ctl(*config, "--json", "key", "prepare", "worker-1").stdout)
        self.assertEqual((done["before"], rows("worker-1")[0]["fingerprint"], rows("worker-1")[0]["next"]), (first, first, done["after"]))
        self.assertIn("prepared already", ctl(*config, "key", "prepare", "worker-1").stderr)
        self.assertEqual(ctl(*config, "key", "switch", "worker-1", "--dry-run").returncode, 0)
        self.assertTrue(after.exists())
        switched = json.loads(ctl(*config, "--json", "key", "switch", "worker-1", "--overlap", "1h").stdout)
        self.assertEqual(set(switched), {"name", "before", "after", "until", "dry_run"})
        self.assertFalse(after.exists())
        self.assertEqual(rows(str(key))[0]["fingerprint"], done["after"])
        again = json.loads(ctl(*config, "--json", "key", "switch", "worker-1", "--overlap", "1d").stdout)
        self.assertEqual(again["until"], switched["until"])  # an end that was told does not move away
        second = json.loads(ctl(*config, "--json", "key", "prepare", "worker-1").stdout)
        self.assertEqual(second["before"], done["after"])  # the first pair is out of the file
        self.assertNotIn("not_after", (self.prefix / "etc/principals.yaml").read_text())
        self.assertEqual(ctl(*config, "key", "rotate", "worker-1").returncode, 0)
        self.assertFalse(after.exists())
        self.assertNotIn("next", rows("worker-1")[0])

    def test_manifest(self):
        config = self.init()
        plugin = pathlib.Path(self.folder.name) / "check_it"
        plugin.write_text("#!/bin/sh\necho fine\n")
        plugin.chmod(0o755)
        self.assertEqual(ctl(*config, "manifest", "sign", plugin).returncode, 0)
        shown = ctl(*config, "--json", "manifest", "show", plugin)
        self.assertTrue(json.loads(shown.stdout)["valid"], shown.stderr)
        plugin.write_text("#!/bin/sh\necho worse\n")
        shown = ctl(*config, "--json", "manifest", "show", plugin)
        self.assertEqual(shown.returncode, 1)
        self.assertFalse(json.loads(shown.stdout)["valid"])

    def manifest(self, plugin, /, **more):
        """A definition that fits the plugin, but for what is said otherwise."""
        digest = hashlib.sha256(plugin.read_bytes()).hexdigest()
        keys = {"kind": "manifest", "name": plugin.name, "plugin": str(plugin), "sha256": f'"{digest}"', **more}
        return "".join(f"{key}: {value}\n" for key, value in keys.items())

    def plugin(self):
        plugin = pathlib.Path(self.folder.name) / "check_it"
        plugin.write_text("#!/bin/sh\necho fine\n")
        plugin.chmod(0o755)
        return plugin

    def test_manifest_definitions(self):
        config, plugin = self.init(), self.plugin()
        apply = [*config, "--json", "apply", "-f", "-"]
        text = self.manifest(plugin, arguments='["-w", "[0-9]*"]')
        dry = ctl(*apply, "--dry-run", stdin=text)
        self.assertEqual((dry.returncode, json.loads(dry.stdout)[0]["change"]), (0, "created"), dry.stderr)
        self.assertEqual(json.loads(ctl(*config, "--json", "export", "--kind", "manifest").stdout), [])
        self.assertEqual([(r["change"], r["done"]) for r in json.loads(ctl(*apply, stdin=text).stdout)], [("created", True)])
        self.assertTrue(json.loads(ctl(*config, "--json", "manifest", "show", "check_it").stdout)["valid"])
        self.assertEqual(json.loads(ctl(*apply, stdin=text).stdout)[0]["change"], "unchanged")
        exported = ctl(*config, "export", "--kind", "manifest").stdout
        self.assertEqual(json.loads(ctl(*apply, stdin=exported).stdout)[0]["change"], "unchanged")
        self.assertEqual(set(json.loads(ctl(*config, "--json", "export", "--kind", "manifest").stdout)[0]),
                         {"kind", "name", "plugin", "sha256", "interface", "network", "resident", "arguments", "max_output"})
        wider = json.loads(ctl(*apply, stdin=self.manifest(plugin, network="true")).stdout)[0]
        self.assertEqual(set(wider["fields"]), {"network", "arguments"})

    def test_manifest_definitions_weaken_nothing(self):
        """K33: nothing but the signature counts, and it is given to what the document says about the file that lies there."""
        config, plugin = self.init(), self.plugin()
        apply = [*config, "--json", "apply", "-f", "-"]
        text = self.manifest(plugin)
        plugin.write_text("#!/bin/sh\necho mine\n")  # another file than the one that was looked at
        done = ctl(*apply, stdin=text)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another file", done.stderr)
        folder = next(self.prefix.rglob("manifests"), None)
        self.assertFalse(folder and any(folder.iterdir()))
        text = self.manifest(plugin)
        for more in ({"sha256": '""'}, {"sha256": "ABC"}, {"plugin": "check_it"}, {"interface": 2}, {"netwrk": "true"}, {"max_output": 99999}):
            done = ctl(*apply, stdin=self.manifest(plugin, **more))
            self.assertEqual(done.returncode, 1, more)
            self.assertIn("standard input:", json.loads(done.stderr)["where"])
        # A key that no worker here knows signs nothing.
        done = ctl(*config, "apply", "-f", "-", "--key", self.prefix / "keys/worker-1.key", stdin=text)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no worker", done.stderr)
        self.assertEqual(json.loads(ctl(*apply, stdin=text).stdout)[0]["done"], True)
        # Somebody gives the plugin more rights in the file: it counts for nothing, is not exported and not taken over when signing anew.
        signed = next(self.prefix.rglob("check_it.manifest.yaml"))
        good = signed.read_text()
        signed.write_text(good.replace("network: false", "network: true"))
        self.assertFalse(json.loads(ctl(*config, "--json", "manifest", "show", "check_it").stdout)["valid"])
        export = ctl(*config, "--json", "export", "--kind", "manifest")
        self.assertEqual((export.returncode, json.loads(export.stdout)), (4, []))
        self.assertIn("altered", export.stderr)
        again = ctl(*config, "manifest", "sign", plugin)
        self.assertEqual(again.returncode, 1)
        self.assertIn("not taken over", again.stderr)
        repaired = json.loads(ctl(*apply, stdin=text).stdout)[0]
        self.assertEqual((repaired["change"], repaired["done"]), ("changed", True))
        self.assertEqual(signed.read_text(), good)
        self.assertTrue(json.loads(ctl(*config, "--json", "manifest", "show", "check_it").stdout)["valid"])
        # One bad document and nothing of the file is applied.
        signed.unlink()
        other = "---\nkind: manifest\nname: ghost\nplugin: /nowhere/ghost\nsha256: " + "0" * 64 + "\n"
        done = ctl(*apply, stdin=text + other)
        self.assertEqual(done.returncode, 1)
        self.assertIn("on the host that has the plugin", done.stderr)
        self.assertFalse(signed.exists())

    def test_apply_tells_where(self):
        config = self.init()
        text = "kind: check\nname: a\nadapter: noop\ntimout: 5s\n"
        done = ctl(*config, "apply", "-f", "-", stdin=text)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard input:4:", done.stderr)
        self.assertIn("timeout", done.stderr)

    def test_mistakes_on_the_host(self):
        """Each says what, where, and what to do."""
        config = self.init()
        conf, principals, key = self.prefix / "etc/spice.yaml", self.prefix / "etc/principals.yaml", self.prefix / "keys/admin.key"
        empty = self.prefix / "empty.yaml"
        empty.write_text("")

        def spoilt(path, spoil):
            kept, mode = path.read_bytes(), path.stat().st_mode
            spoil(path)
            return lambda: (path.unlink(missing_ok=True), path.write_bytes(kept), path.chmod(mode))
        cases = (
            (conf, lambda p: p.write_text(p.read_text().replace("brokers:", "brokrs:", 1)), ["node", "list"], "brokrs", "spice.yaml:", "brokers"),
            (conf, lambda p: p.unlink(), ["node", "list"], "cannot open", "spice.yaml", "spicectl init"),
            (conf, lambda p: p.write_text(""), ["node", "list"], "", "spice.yaml", ""),
            (principals, lambda p: p.unlink(), ["node", "list"], "cannot open", "principals.yaml", "copy it"),
            (principals, lambda p: p.write_text(p.read_text().replace("role: operator", "role: operater")), ["node", "list"], "operater",
             "principals.yaml:", ""),
            (key, lambda p: p.unlink(), ["node", "list"], "no operator's key", "keys", "where the operator's key is"),
            (key, lambda p: p.write_text(""), ["node", "list"], "empty", "admin.key", "key rotate"),
            (key, lambda p: p.chmod(0o644), ["node", "list"], "0644", "admin.key", "new key"),
            (key, lambda p: p.write_text("x\n"), ["node", "list"], "", "admin.key", ""),
            (None, None, ["--name", "worker-1", "node", "list"], "no operator", "principals.yaml", "role: operator"),
            (None, None, ["apply"], "needs -f", "", "-f"),
            (None, None, ["apply", "-f", "/nowhere.yaml"], "cannot open", "/nowhere.yaml", ""),
            (None, None, ["apply", "-f", empty], "no definition", "empty.yaml", "kind:"),
            (None, None, ["apply", "-f", self.prefix / "keys"], "no file", "keys", ""),
            (None, None, ["key", "rotate", "nobody"], "nobody", "principals.yaml", "invite"),
            (None, None, ["manifest", "sign", "/nowhere"], "no such file", "/nowhere", "path"),
            (None, None, ["check", "stage", "enforced", "x"], "enforced", "", "did you mean enforcing"),
            (None, None, ["help", "nod"], "nod", "", "did you mean node"),
            (None, None, ["profile", "list", "--selector", "a=b"], "does not take --selector", "", "--help"),
            (None, None, ["--timeout", "100ms", "node", "list"], "no broker answers", "broker-1.sock", "is spice-broker running"),
        )
        for path, spoil, words, what, where, hint in cases:
            repair = spoilt(path, spoil) if path else lambda: None
            done = ctl("--json", *config, *words)
            repair()
            self.assertIn(done.returncode, (1, 2, 3), words)
            told = json.loads(done.stderr.splitlines()[0])
            self.assertTrue(what in told["error"] and told["error"] and where in told["where"] and hint in told["hint"], (words, told))
            self.assertEqual(done.stdout, "")

    def test_completion(self):
        script = SOURCE / "ops/completion/spicectl.bash"
        for words, wanted in ((["no"], "node"), (["node", "mai"], "maintenance"), (["apply", "--dr"], "--dry-run"),
                              (["--config", "x", "prof"], "profile"), (["check", "stage", "enf"], "enforcing"),
                              (["node", "inventory", "--kind", "held"], "held_back"), (["export", "--kind", "man"], "manifest")):
            line = ["spicectl", *words]
            program = (f"source {script}; COMP_WORDS=({' '.join(line)}); COMP_CWORD={len(line) - 1}; _spicectl; "
                       "printf '%s\\n' \"${COMPREPLY[@]}\"")
            done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=60)
            self.assertIn(wanted, done.stdout.split(), (words, done.stderr))


class Fleet(unittest.TestCase):
    """With a fleet of real processes; definitions are applied once."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = support.Fleet(workers=2)
        cls.addClassCleanup(lambda: cls.fleet.__exit__(None, None, None))
        cls.fleet.start().ready()
        cls.fleet.apply(DEFINITIONS)
        for node in ("n1", "n2", "n3"):
            cls.fleet.wait_member(node, True)

    def ctl(self, *args, code=0, stdin=None):
        done = self.fleet.ctl(*args, check=False, input=stdin)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done

    def test_exposure_without_a_bridge(self):
        told = json.loads(self.ctl("--json", "exposure", code=3).stderr.splitlines()[0])
        self.assertTrue("no bridge is connected" in told["error"] and "bridge.compute.url" in told["hint"], told)

    def test_shapes(self):
        nodes = self.fleet.json("node", "list")
        self.assertTrue(NODE_KEYS <= set(nodes[0]))
        self.assertEqual(set(nodes[0]["pools"]["trusted"]), MEMBERSHIP_KEYS)
        self.assertTrue(CHECK_KEYS <= set(self.fleet.json("check", "list", "well")[0]))
        self.assertTrue(POOL_KEYS <= set(self.fleet.json("pool", "list")[0]))
        self.assertTrue(RESULT_KEYS <= set(self.fleet.json("result", "list")[0]))
        self.assertTrue({"name", "jitter_percent", "windows", "selected"} <= set(self.fleet.json("profile", "list", "fast")[0]))
        self.assertEqual(set(self.fleet.json("audit", "verify")), {"ok", "rows", "head", "bad_seq", "cut"})
        explained = self.fleet.json("explain", "n1")["pools"]["trusted"]
        self.assertTrue(MEMBERSHIP_KEYS - {"until"} | {"checks"} <= set(explained))
        self.assertEqual(explained["checks"][0]["check"], "well")
        self.assertTrue(self.fleet.json("result", "history", "n1")[0]["count"] >= 1)

    def test_a_pool_says_what_its_flavor_needs(self):
        self.fleet.apply("kind: pool\nname: gold\nmandatory: [well]\ntrait: CUSTOM_SPICE_GOLD\n")
        self.assertIn("--property spice:pool=gold --property trait:CUSTOM_SPICE_GOLD=required\n", self.ctl("pool", "show", "gold").stdout)
        self.assertNotIn("--property trait:", self.ctl("pool", "show", "trusted").stdout)
        self.ctl("pool", "delete", "gold", "--yes")

    def test_apply_again_changes_nothing(self):
        rows = json.loads(self.fleet.ctl("--json", "apply", "-f", "-", input=DEFINITIONS).stdout)
        self.assertEqual({r["change"] for r in rows}, {"unchanged"})
        exported = self.ctl("export").stdout
        rows = json.loads(self.fleet.ctl("--json", "apply", "-f", "-", input=exported).stdout)
        self.assertEqual({r["change"] for r in rows}, {"unchanged"})
        self.assertEqual({r["kind"] for r in rows}, {"profile", "check", "node", "pool"})

    def test_apply_is_all_or_nothing(self):
        text = "kind: node\nname: new1\n---\nkind: pool\nname: p\nmandatory: [wel]\n"
        done = self.ctl("apply", "-f", "-", code=1, stdin=text)
        self.assertIn("did you mean well", done.stderr)
        self.assertNotIn("new1", [n["name"] for n in self.fleet.json("node", "list")])

    def test_dry_run_changes_nothing(self):
        audit = len(self.fleet.json("audit", "list"))
        text = DEFINITIONS.replace("zone: a", "zone: c") + "---\nkind: node\nname: n9\n"
        done = self.ctl("apply", "-f", "-", "--dry-run", stdin=text)
        self.assertIn("would be changed", done.stdout)
        self.assertIn("zone=a -> zone=c", done.stdout)
        for words in (["node", "quarantine", "n1"], ["check", "disable", "well"], ["check", "stage", "shadow", "well"], ["check", "run", "well"],
                      ["check", "delete", "well"], ["pool", "delete", "trusted"], ["profile", "select", "fast", "--all"],
                      ["node", "delete", "n1"], ["node", "label", "n1", "x=y"], ["node", "add", "n9"], ["worker", "drain", "worker-1"],
                      ["worker", "invite", "w9", "--adapters", "noop"], ["worker", "remove", "worker-1"], ["key", "revoke", "worker-1"]):
            self.ctl(*words, "--dry-run")
        for words in (["check", "delete", "well"], ["check", "disable", "well"], ["check", "stage", "shadow", "well"]):
            self.assertIn("pool trusted demands check well", self.ctl(*words, "--dry-run").stderr)
        self.assertNotIn("demands", self.ctl("check", "stage", "enforcing", "well", "--dry-run").stderr)
        self.assertEqual(json.loads(self.ctl("--json", "profile", "select", "fast", "--all", "--dry-run").stdout),
                         {"profile": "fast", "check": "", "all": True, "dry_run": True})
        self.assertIn("no such profile", self.ctl("profile", "select", "fsat", "--all", "--dry-run", code=1).stderr)
        self.assertEqual(len([r for r in self.fleet.json("audit", "list") if r["actor"] == "admin"]),
                         len([r for r in self.fleet.json("audit", "list")[:audit] if r["actor"] == "admin"]))
        self.assertTrue(self.fleet.member("n1"))

    def test_bulk(self):
        refused = self.ctl("node", "label", "-l", "zone=b", "seen=yes", code=1)
        self.assertIn("--yes", refused.stderr)
        self.ctl("node", "label", "-l", "zone=b", "seen=yes", "--yes")
        labels = {n["name"]: n["labels"] for n in self.fleet.json("node", "list", "-l", "zone")}
        self.assertEqual([labels[n].get("seen") for n in ("n1", "n2", "n3")], [None, "yes", "yes"])
        self.assertEqual({n["name"] for n in self.fleet.json("node", "list", "-l", "seen,name=n*")}, {"n2", "n3"})
        self.ctl("node", "label", "n2", "n3", "seen-")
        self.assertFalse(any("seen" in n["labels"] for n in self.fleet.json("node", "list")))
        partly = self.ctl("--json", "node", "label", "n1", "nobody", "x=y", code=4)
        self.assertEqual([r["done"] for r in json.loads(partly.stdout)], [True, False])
        self.ctl("node", "label", "n1", "x-")
        self.assertIn("which node", self.ctl("node", "maintenance", code=2).stderr)
        self.assertIn("not valid", self.ctl("node", "list", "-l", "a=b,,", code=2).stderr)

    def test_states(self):
        self.ctl("node", "maintenance", "n3")
        self.fleet.wait_member("n3", False)
        self.assertEqual(self.fleet.node("n3")["state"], "maintenance")
        self.ctl("node", "resume", "n3")
        self.fleet.wait_member("n3", True)

    def test_run(self):
        rows = json.loads(self.ctl("--json", "check", "run", "well", "n1", "--wait").stdout)
        self.assertEqual([(r["node"], r["outcome"]) for r in rows], [("n1", "pass")])
        rows = json.loads(self.ctl("--json", "check", "run", "later", "n1", "n2", "--wait").stdout)
        self.assertEqual({r["node"] for r in rows}, {"n1", "n2"})
        self.assertFalse([r for r in self.fleet.json("result", "list") if r["check"] == "later"])
        self.fleet.apply("kind: check\nname: bad\nadapter: noop\nparams: {outcome: fail}\nstage: draft\nprofile: fast\ntimeout: 10s\nmax_age: 60s\n")
        self.addCleanup(self.ctl, "check", "delete", "bad", "--yes")
        rows = json.loads(self.ctl("--json", "check", "run", "bad", "n1", "n2", "--wait", code=5).stdout)
        self.assertEqual({(r["node"], r["outcome"]) for r in rows}, {("n1", "fail"), ("n2", "fail")})
        self.assertIn("no such check", self.ctl("check", "run", "wel", code=1).stderr)

    def test_trace(self):
        job = next(r["job"] for r in self.fleet.json("result", "list", "--node", "n1"))
        stamps = self.fleet.json("trace", job)
        self.assertEqual({"scheduler", "broker-1", "keeper"}, {s["process"] for s in stamps})
        self.assertEqual([s["at"] for s in stamps], sorted(s["at"] for s in stamps))
        self.ctl("trace", "one", code=2)

    def test_reader(self):
        view = self.fleet.json("reader", "status")
        self.assertTrue(view["following"])
        self.assertEqual({e["node"] for e in view["entries"] if e["member"]}, {"n1", "n2", "n3"})
        lines = self.ctl("--json", "events", "--node", "n2", "--limit", "1").stdout.splitlines()
        self.assertEqual(set(json.loads(lines[0])),
                         {"at", "node", "pool", "member", "tier", "until_ms", "remaining_ms", "why", "sequence"})

    def test_looking(self):
        self.fleet.ready()
        support.wait("statistics of every process", lambda: {"broker-1", "keeper", "scheduler", "worker-1", "worker-2"} <= set(self.fleet.process_stats()))
        self.assertIn("pool trusted", self.ctl("top", "--once").stdout)
        self.assertEqual({w["name"] for w in self.fleet.json("worker", "list") if w["link"]}, {"worker-1", "worker-2"})
        self.assertEqual({p["role"] for p in self.fleet.json("key", "list")}, {"broker", "scheduler", "keeper", "operator", "reader", "bridge", "worker"})
        members = self.fleet.json("pool", "members", "trusted")
        self.assertEqual({m["node"] for m in members}, {"n1", "n2", "n3"})
        for table in (["node", "list"], ["check", "list"], ["pool", "list"], ["profile", "list"], ["result", "list"], ["audit", "list"],
                      ["explain", "n1"], ["stats"], ["key", "list"], ["worker", "list"], ["pool", "members"], ["reader", "status"],
                      ["node", "show", "n1"], ["check", "show", "well"], ["result", "history", "n1"]):
            text = self.ctl(*table).stdout
            self.assertNotIn("\x1b", text)
            self.assertGreaterEqual(len(text.splitlines()), 2, table)

    def test_shapes_of_changes(self):
        """As the manual has them."""
        plugin = self.fleet.prefix / "check_shape"
        plugin.write_text("#!/bin/sh\n")
        plugin.chmod(0o755)
        manifest = {"name", "plugin", "manifest", "sha256", "network", "resident", "arguments", "max_output"}
        for words, keys in ((["node", "add", "n1", "--dry-run"], {"name", "dry_run"}),
                            (["check", "run", "well", "n1", "--dry-run"], {"check", "nodes", "names", "runs", "test", "dry_run"}),
                            (["worker", "invite", "w7", "--adapters", "noop", "--dry-run"], {"name", "dry_run"}),
                            (["worker", "invite", "w7", "--adapters", "noop"], {"name", "token", "expires", "manifest_keys"}),
                            (["key", "rotate", "reader-1", "--dry-run"], {"name", "before", "after", "dry_run"}),
                            (["key", "prepare", "reader-1", "--dry-run"], {"name", "before", "after", "dry_run"}),
                            (["manifest", "sign", plugin, "--dry-run"], manifest), (["manifest", "sign", plugin], manifest),
                            (["manifest", "show", "check_shape"], manifest | {"valid"})):
            self.assertEqual(set(self.fleet.json(*words)), keys, words)
        for words, keys in ((["node", "label", "n1", "a=b", "--dry-run"], {"name", "done", "dry_run", "what", "error"}),
                            (["key", "list"], {"name", "role", "fingerprint", "adapters", "nodes", "origin", "revoked"}),
                            (["key", "fingerprint"], {"name", "role", "fingerprint", "adapters", "nodes", "origin", "revoked"}),
                            (["worker", "list"], {"name", "role", "adapters", "nodes", "revoked", "link"})):
            self.assertTrue(keys <= set(self.fleet.json(*words)[0]), words)
        row = json.loads(self.ctl("--json", "apply", "-f", "-", "--dry-run", stdin="kind: node\nname: n8\n").stdout)[0]
        self.assertEqual(set(row), {"kind", "name", "change", "fields", "done", "dry_run", "error", "where"})
        self.fleet.ctl("worker", "remove", "w7", "--yes")

    def test_misspelt_adapter_and_pool(self):
        odd = "kind: check\nname: odd\nadapter: exce\n"
        for more in (["--dry-run"], []):
            done = self.ctl("apply", "-f", "-", *more, stdin=odd, code=1)
            for said in ("did you mean exec", "http", "no connected worker has", "--unknown-adapter", "odd"):
                self.assertIn(said, done.stderr)
        self.assertNotIn("odd", [c["name"] for c in self.fleet.json("check", "list")])
        # Somebody's own adapter, whose worker is not there yet: said, it is taken; what is in force is not asked about again.
        self.ctl("apply", "-f", "-", "--unknown-adapter", stdin=odd)
        self.ctl("apply", "-f", "-", stdin=odd + "retries: 2\n")
        self.fleet.ctl("check", "delete", "odd", "--yes")
        self.assertIn("did you mean trusted", self.ctl("node", "list", "--pool", "trustd", code=1).stderr)
        self.assertIn("did you mean trusted", self.ctl("pool", "members", "trustd", code=1).stderr)

    def test_refusals_have_hints(self):
        for words in (["explain", "nobody"], ["node", "show", "n11"], ["check", "run", "zzzzzz"], ["profile", "select", "zzzzzz", "--all"],
                      ["worker", "drain", "nobody"], ["worker", "remove", "nobody"], ["node", "add", "n9", "--key", "12"], ["pool", "members", "zzzzzz"], ["profile", "delete", "fast"], ["check", "stage", "enforcd", "well"]):
            done = self.fleet.ctl("--json", *words, check=False)
            self.assertIn(done.returncode, (1, 2))
            self.assertTrue(json.loads(done.stderr.splitlines()[0])["hint"], (words, done.stderr))


if __name__ == "__main__":
    unittest.main(verbosity=1)
