# SPDX-License-Identifier: Apache-2.0
"""A real placement service from Debian's package, alone: its database, and the service on a free loopback port. Ends with the test."""
import json
import pathlib
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from fleet import Failed, wait  # noqa: E402
from nova_bed import PYTHON, START_S, Database, Processes, free_port, listening  # noqa: E402

TOKEN = "admin"  # what noauth2 takes for an administrator


class PlacementBed:
    def __init__(self, workers=1, keystone=None):
        """workers: processes of the service. keystone: a KeystoneBed that its tokens are checked with; else the token is TOKEN."""
        self.workers, self.keystone = workers, keystone
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="spice-placement-"))
        self.processes = Processes(self.folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests = self.folder / "requests"  # the time of each, one a line

    def __enter__(self):
        try:
            self.database = database = Database(self.processes, self.folder, None)
            database.launch()
            database.ready()
            database.sql("CREATE DATABASE placement CHARACTER SET utf8")
            config = self.folder / "placement.conf"
            config.write_text(f"[api]\nauth_strategy = {'keystone' if self.keystone else 'noauth2'}\n[placement_database]\n"
                              f"connection = {database.url('placement')}\n{self.keystone.middleware() if self.keystone else ''}")
            made = self.processes.start("schema", [PYTHON, HERE / "nova_daemon.py", "placement-tool", "--config-file", config, "db", "sync"])
            if made.wait(timeout=START_S) != 0:
                raise Failed("placement db sync: " + self.processes.tail("schema"))
            self.start()
            return self
        except BaseException:
            self.__exit__()
            raise

    def start(self):
        self.processes.start("placement", [PYTHON, HERE / "nova_daemon.py", "placement", self.port, self.workers, self.requests],
                             env={"OS_PLACEMENT_CONFIG_DIR": str(self.folder)})
        wait("placement answers", lambda: self.processes.alive("placement") and listening(self.port), START_S, 0.1)

    def kill(self):
        self.processes.kill("placement")

    def __exit__(self, *args):
        self.processes.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- as an administrator ------------------------------------------------------------------

    def call(self, method, path, body=None, good=(200, 201, 204)):
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(), headers={
            "X-Auth-Token": self.keystone.administrator() if self.keystone else TOKEN, "OpenStack-API-Version": "placement 1.39", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        if status not in good:
            raise Failed(f"{method} {path}: {status} {text[:300]!r}")
        return json.loads(text) if text else status

    def provider(self, name, traits=()):
        key = str(uuid.uuid4())
        self.call("POST", "/resource_providers", {"name": name, "uuid": key})
        for trait in [t for t in traits if t.startswith("CUSTOM_")]:  # placement knows the others
            self.call("PUT", f"/traits/{trait}")
        if traits:
            self.call("PUT", f"/resource_providers/{key}/traits", {"resource_provider_generation": 0, "traits": sorted(traits)})
        return key

    def inventory(self, key, total):
        """Bumps the provider's generation, as each allocation does. False: somebody was faster; None: MariaDB gave it up for another's."""
        now = self.call("GET", f"/resource_providers/{key}")["generation"]
        answer = self.call("PUT", f"/resource_providers/{key}/inventories",
                           {"resource_provider_generation": now, "inventories": {"VCPU": {"total": total}}}, (200, 409, 500))
        failed = [e for e in answer.get("errors", []) if e["status"] == 500]
        if failed and "Deadlock found" in failed[0]["detail"]:
            return None
        if failed:
            raise Failed(f"inventory of {key}: {failed[0]['detail'][:300]}")
        return "errors" not in answer

    def having(self, trait):
        """Names of providers with it; None: there is no such trait."""
        found = self.call("GET", f"/resource_providers?required={trait}", good=(200, 400))
        return None if "errors" in found else sorted(p["name"] for p in found["resource_providers"])

    def traits(self, key):
        return sorted(self.call("GET", f"/resource_providers/{key}/traits")["traits"])
