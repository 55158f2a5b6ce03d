# SPDX-License-Identifier: Apache-2.0
"""A real Keystone from Debian's library package, with SQLite in a temporary directory, on a free loopback port. Ends with the test."""
import contextlib
import grp
import json
import os
import pathlib
import pwd
import shutil
import sqlite3
import sys
import tempfile
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from fleet import Failed, wait  # noqa: E402
from nova_bed import PYTHON, START_S, Processes, free_port, listening  # noqa: E402

ADMIN = "the adm1n's pass:word"
SERVICE = "of-the-services"  # password of the user that services check tokens with
DOMAIN = {"name": "Default"}


class KeystoneBed:
    """with KeystoneBed(life_s=8) as keystone: keystone.url, keystone.user("spice", password), keystone.middleware() ..."""

    def __init__(self, life_s=3600):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="spice-keystone-"))
        self.processes, self.port, self.token = Processes(self.folder), free_port(), None
        self.url = f"http://127.0.0.1:{self.port}/v3"
        self.requests = self.folder / "requests"  # the time of each, one a line
        (self.folder / "keystone.conf").write_text(
            f"[database]\nconnection = sqlite:///{self.folder}/keystone.db\n[identity]\npassword_hash_rounds = 4\n"
            f"[token]\nexpiration = {life_s}\nallow_expired_window = 0\ncaching = false\n[cache]\nenabled = false\n"
            f"[fernet_tokens]\nkey_repository = {self.folder}/fernet\n[credential]\nkey_repository = {self.folder}/credential\n"
            f"[oslo_policy]\nenforce_scope = false\n")
        for name in ("fernet", "credential"):
            (self.folder / name).mkdir(mode=0o700)

    def __enter__(self):
        try:
            for words in (("db_sync",), ("fernet_setup",), ("credential_setup",),
                          ("bootstrap", "--bootstrap-password", ADMIN, "--bootstrap-region-id", "RegionOne", "--bootstrap-public-url", self.url, "--bootstrap-internal-url", self.url)):
                self._tool(*words)
            with contextlib.closing(sqlite3.connect(self.folder / "keystone.db")) as database:
                database.execute("PRAGMA journal_mode=WAL")  # Keystone leaves readers open, which a writer would wait for
            self.start()
            self.project = self.call("POST", "/projects", {"project": {"name": "service"}})["project"]["id"]
            self.roles = {r["name"]: r["id"] for r in self.call("GET", "/roles")["roles"]}
            self.user("checker", SERVICE)
            return self
        except BaseException:
            self.__exit__()
            raise

    def _tool(self, *words):
        users = () if words[0] in ("db_sync", "bootstrap") else ("--keystone-user", pwd.getpwuid(os.getuid()).pw_name, "--keystone-group", grp.getgrgid(os.getgid()).gr_name)
        process = self.processes.start("tool", [PYTHON, HERE / "nova_daemon.py", "keystone-tool", "--config-file", self.folder / "keystone.conf", *words, *users])
        if process.wait(timeout=START_S) != 0:
            raise Failed(f"keystone-manage {words[0]}: {self.processes.tail('tool')}")

    def start(self):
        self.processes.start("keystone", [PYTHON, HERE / "nova_daemon.py", "keystone", self.port, self.requests],
                             env={"OS_KEYSTONE_CONFIG_DIR": str(self.folder)})
        wait("Keystone answers", lambda: self.processes.alive("keystone") and listening(self.port), START_S, 0.1)

    def kill(self):
        self.processes.kill("keystone")

    def __exit__(self, kind=None, value=None, trace=None):
        if kind is not None:
            print("---- keystone\n" + (self.processes.tail("keystone") if (self.folder / "keystone.log").exists() else ""))
        self.processes.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- as an administrator ------------------------------------------------------------------

    def login(self, name, password, project):
        """A token; Failed when there is none."""
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": name, "domain": DOMAIN, "password": password}}},
                         "scope": {"project": {"name": project, "domain": DOMAIN}}}}
        return self._send("POST", "/auth/tokens", body, {})[1]["X-Subject-Token"]

    def administrator(self):
        """A token of the administrator."""
        return self.login("admin", ADMIN, "admin")

    def call(self, method, path, body=None, headers=None):
        try:
            self.token = self.token or self.administrator()
            return self._send(method, path, body, {"X-Auth-Token": self.token, **(headers or {})})[0]
        except Failed as error:
            if " 401 " not in str(error):
                raise
            self.token = self.administrator()  # the last was too old
            return self._send(method, path, body, {"X-Auth-Token": self.token, **(headers or {})})[0]

    def _send(self, method, path, body, headers):
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return (json.loads(text) if text else None), answer.headers
        except urllib.error.HTTPError as error:
            raise Failed(f"{method} {path}: {error.code} {error.read()[:300]!r}") from None

    def user(self, name, password, role="admin"):
        """A user with that role in the project `service`; its id."""
        made = self.call("POST", "/users", {"user": {"name": name, "password": password, "default_project_id": self.project}})["user"]["id"]
        self.role(made, role)
        return made

    def role(self, user, name, given=True):
        self.call("PUT" if given else "DELETE", f"/projects/{self.project}/users/{user}/roles/{self.roles[name]}")

    def set_password(self, user, password):
        """Keystone then takes none of the tokens that the user has."""
        self.call("PATCH", f"/users/{user}", {"user": {"password": password}})

    def credential(self, name, password, title):
        """(id, secret) of an application credential with the user's roles, which only the user can make."""
        token = self.login(name, password, "service")
        me = self._send("GET", "/auth/tokens", None, {"X-Auth-Token": token, "X-Subject-Token": token})[0]["token"]["user"]["id"]
        made = self._send("POST", f"/users/{me}/application_credentials", {"application_credential": {"name": title}}, {"X-Auth-Token": token})[0]
        return made["application_credential"]["id"], made["application_credential"]["secret"]

    def service(self, kind, url):
        """An entry of the catalogue."""
        made = self.call("POST", "/services", {"service": {"type": kind, "name": kind}})["service"]["id"]
        self.call("POST", "/endpoints", {"endpoint": {"service_id": made, "interface": "public", "url": url, "region_id": "RegionOne"}})

    def middleware(self):
        """[keystone_authtoken] of a service; what was good is believed for three seconds."""
        return (f"[keystone_authtoken]\nwww_authenticate_uri = {self.url}\nauth_url = {self.url}\nauth_type = password\nusername = checker\n"
                f"password = {SERVICE}\nuser_domain_name = Default\nproject_name = service\nproject_domain_name = Default\ntoken_cache_time = 3\n"
                "service_token_roles_required = true\nhttp_request_max_retries = 1\n")

    def logins(self):
        """Tokens that were asked for, by whomever."""
        return sum(1 for line in self.requests.read_text().splitlines() if line.endswith("POST /v3/auth/tokens"))
