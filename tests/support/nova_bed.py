# SPDX-License-Identifier: Apache-2.0
"""A real Nova in a temporary directory: MariaDB, RabbitMQ, placement, nova-conductor, nova-scheduler, and nova-compute processes with the fake
driver, from Debian's packages, without Keystone. On free loopback ports and sockets; everything ends with the test, also when it is killed.

The prepared databases are kept under build/ and copied, for making the schema takes longer than everything else."""

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", HERE.parents[1]))
sys.path.insert(0, str(HERE))
from fleet import Failed, wait  # noqa: E402
from rabbit import Rabbit, free_port  # noqa: E402

PYTHON = "/usr/bin/python3"  # the one Debian's packages belong to
PACKAGES = ("python3-nova", "python3-placement", "mariadb-server-core", "python3-sqlalchemy")
START_S = 240.0
DIE = ctypes.CDLL(None, use_errno=True).prctl
PR_SET_PDEATHSIG = 1


def die_with_parent():
    DIE(PR_SET_PDEATHSIG, signal.SIGKILL)


def listening(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Processes:
    """Children by name, their logs in one folder; none outlives us."""

    def __init__(self, folder):
        self.folder, self.running = pathlib.Path(folder), {}

    def start(self, name, argv, env=None, stdin=subprocess.DEVNULL, stdout=None):
        with open(self.folder / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen([str(a) for a in argv], env={**os.environ, **(env or {})}, stdin=stdin,
                                                  stdout=log if stdout is None else stdout, stderr=log, start_new_session=True,
                                                  preexec_fn=die_with_parent, text=stdout is not None)
        return self.running[name]

    def alive(self, name):
        process = self.running[name]
        if process.poll() is not None:
            raise Failed(f"{name} ended with {process.returncode}: {self.tail(name, 8)}")
        return True

    def tail(self, name, lines=20):
        return "\n".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])

    def kill(self, name, sig=signal.SIGKILL):
        """The process and its children: its whole session."""
        process = self.running.pop(name, None)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sig)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        with contextlib.suppress(ProcessLookupError):  # children it left behind
            os.killpg(process.pid, signal.SIGKILL)

    def stop(self):
        for name in list(reversed(self.running)):
            self.kill(name)


class Database:
    """MariaDB on a socket, without networking."""

    def __init__(self, processes, folder, cache):
        self.processes, self.data, self.socket = processes, pathlib.Path(folder) / "mysql", str(pathlib.Path(folder) / "db.sock")
        self.cache = pathlib.Path(cache) if cache else None
        self.prepared = bool(self.cache and self.cache.is_dir())
        self.tmp = self.data.with_name("mysql-tmp")  # a server that starts removes the temporary tables of others that share it
        self.tmp.mkdir()
        if self.prepared:
            shutil.copytree(self.cache, self.data)
            return
        done = subprocess.run(["mariadb-install-db", "--no-defaults", "--user=root", "--auth-root-authentication-method=normal",
                               f"--datadir={self.data}", f"--tmpdir={self.tmp}", "--skip-test-db"], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise Failed("mariadb-install-db: " + done.stderr[-500:])

    def url(self, name):
        return f"mysql+pymysql://root@localhost/{name}?unix_socket={self.socket}&charset=utf8"

    def launch(self):
        self.processes.start("mariadb", [
            "/usr/sbin/mariadbd", "--no-defaults", "--user=root", f"--datadir={self.data}", f"--tmpdir={self.tmp}", f"--socket={self.socket}", "--skip-networking",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-log-file-size=24M", "--innodb-buffer-pool-size=64M",
            "--performance-schema=OFF", "--max-connections=500", f"--pid-file={self.data}/pid"])

    def ready(self):
        wait("MariaDB answers", lambda: self.processes.alive("mariadb") and self.sql("SELECT 1"), START_S, 0.1)

    def sql(self, text):
        done = subprocess.run(["mariadb", "--no-defaults", "-u", "root", f"--socket={self.socket}", "-N", "-B", "-e", text],
                              capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise Failed(f"{text[:60]}: {done.stderr.strip()}")
        return done.stdout or "done"

    def keep(self):
        """Puts the prepared files aside for the next time; the server is stopped for that."""
        self.processes.kill("mariadb", signal.SIGTERM)
        if self.cache:
            self.cache.parent.mkdir(parents=True, exist_ok=True)
            with open(self.cache.parent / "lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # programs that run side by side make the same
                if not self.cache.exists():
                    for former in self.cache.parent.iterdir():  # of other packages, or left half done
                        if former.is_dir():
                            shutil.rmtree(former)
                    part = pathlib.Path(tempfile.mkdtemp(dir=self.cache.parent))
                    shutil.copytree(self.data, part / "data")
                    os.rename(part / "data", self.cache)
                    part.rmdir()
        self.launch()
        self.ready()


def packages_key():
    """Name of the cache: other packages, other schema."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *PACKAGES], capture_output=True, text=True)
    return hashlib.sha256((done.stdout + pathlib.Path(__file__).read_text()).encode()).hexdigest()[:16]


class NovaBed:
    """with NovaBed(computes=3, workers=2, spice={...}) as bed: bed.select({"trust:trusted_host": "trusted"}) -> host name or None"""

    def __init__(self, computes=3, workers=1, folder=None, log=None):
        self.own = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="spice-nova-"))
        self.workers, self.log = workers, log or (lambda text: None)
        self.processes = Processes(self.folder)
        self.hosts = [f"cmp-{i + 1}" for i in range(computes)]
        self.placement_port = free_port()
        self.spice, self.client, self.rabbit = {}, None, None
        self.filter_class, self.python_path = "spice_nova.filters.TrustedFilterSPICE", str(SOURCE / "ops/nova")

    # -- setting up -----------------------------------------------------------------------------

    def start_base(self):
        """All but scheduler, computes and client; so that SPICE can be told the bus."""
        self.log("starting RabbitMQ and MariaDB")
        self.rabbit = Rabbit()
        self.url = self.rabbit.url("nova")
        cache = SOURCE / "build" / "nova-bed" / packages_key()
        self.database = Database(self.processes, self.folder, cache)
        self.database.launch()
        self.rabbit.start()
        self.database.ready()
        self._write_config()
        if not self.database.prepared:
            self.log("making the database schemas; kept for the next time")
            self._schema()
            self.database.keep()
        self.database.sql(f"UPDATE nova_api.cell_mappings SET transport_url='{self.url}', database_connection='{self.database.url('nova')}' "
                          "WHERE name='cell1'; "
                          f"UPDATE nova_api.cell_mappings SET database_connection='{self.database.url('nova_cell0')}' WHERE name='cell0'")
        self.log("starting placement and nova-conductor")
        self.processes.start("placement", [PYTHON, HERE / "nova_daemon.py", "placement", self.placement_port],
                             env={"OS_PLACEMENT_CONFIG_DIR": str(self.folder)})
        self._daemon("conductor")
        wait("placement answers", lambda: self.processes.alive("placement") and listening(self.placement_port), START_S, 0.1)
        return self

    def _write_config(self):
        db = self.database
        (self.folder / "placement.conf").write_text(
            f"[api]\nauth_strategy = noauth2\n[placement_database]\nconnection = {db.url('placement')}\n")
        base = {
            "DEFAULT": {"transport_url": self.url, "state_path": self.folder, "host": "control", "compute_driver": "fake.FakeDriver",
                        "my_ip": "127.0.0.1", "debug": "True", "log_color": "False", "report_interval": 5, "service_down_time": 600, "rpc_response_timeout": 30,
                        "default_log_levels": "nova=INFO,placement=WARN,amqp=WARN,sqlalchemy=WARN,oslo.messaging=INFO,oslo_messaging=INFO,oslo_db=WARN,keystoneauth=WARN,"
                                              "oslo_concurrency=WARN,oslo_policy=WARN,urllib3=WARN,stevedore=WARN"},
            "api": {"auth_strategy": "noauth2"},
            "placement": {"auth_type": "admin_token", "endpoint": f"http://127.0.0.1:{self.placement_port}",
                          "endpoint_override": f"http://127.0.0.1:{self.placement_port}", "token": "admin"},
            "oslo_concurrency": {"lock_path": self.folder / "locks"},
            "oslo_messaging_rabbit": {"kombu_reconnect_delay": "0.2", "rabbit_retry_interval": 1},
            "conductor": {"workers": 1},
        }
        control = {**base, "api_database": {"connection": db.url("nova_api")}, "database": {"connection": db.url("nova")},
                   "scheduler": {"workers": self.workers, "discover_hosts_in_cells_interval": 2}}
        self.config = {"compute": self.folder / "compute.conf", "control": self.folder / "nova.conf"}
        self.config["compute"].write_text(ini(base))
        self.config["control"].write_text(ini(control))

    def _schema(self):
        for name in ("nova_api", "nova", "nova_cell0", "placement"):
            self.database.sql(f"CREATE DATABASE {name} CHARACTER SET utf8")
        at_once = [self._tool("placement", "db", "sync", wait_for=False),  # each mostly waits for its own tables to be made
                   self._tool("manage", "db", "sync", "--local_cell", wait_for=False),
                   self._tool("manage", "api_db", "sync", wait_for=False)]
        for process in at_once:
            self._ended(process)
        self._tool("manage", "cell_v2", "map_cell0", "--database_connection", self.database.url("nova_cell0"))
        self._tool("manage", "cell_v2", "create_cell", "--name", "cell1", "--database_connection", self.database.url("nova"),
                   "--transport-url", self.url)
        # Cell 0 has the tables of a cell; making them once is enough.
        tables = self.database.sql("SELECT table_name FROM information_schema.tables WHERE table_schema='nova'").split()
        self.database.sql("".join(f"CREATE TABLE nova_cell0.`{t}` LIKE nova.`{t}`; " for t in tables) +
                          "INSERT INTO nova_cell0.alembic_version SELECT * FROM nova.alembic_version")

    def _tool(self, kind, *args, wait_for=True):
        config = self.folder / "placement.conf" if kind == "placement" else self.config["control"]
        name = " ".join((kind, *map(str, args[:2])))
        process = self.processes.start(name, [PYTHON, HERE / "nova_daemon.py", f"{kind}-tool", "--config-file", config, *args])
        return self._ended(process) if wait_for else process

    def _ended(self, process):
        name = next(n for n, p in self.processes.running.items() if p is process)
        if process.wait(timeout=START_S) != 0:
            raise Failed(f"{name}: {self.processes.tail(name)}")
        return process

    def _daemon(self, kind, *args, config="control", extra=()):
        files = [x for f in (self.config[config], *extra) for x in ("--config-file", f)]
        self.processes.start(kind, [PYTHON, HERE / "nova_daemon.py", kind, *files, *args], env={"PYTHONPATH": self.python_path})

    def start_nova(self, spice):
        """spice: options of [spice]. Scheduler with our filter, the computes, and a client; ready to place."""
        self.spice = spice
        self.write_filter_config()
        self.log(f"starting {len(self.hosts)} nova-compute services and nova-scheduler with {self.workers} worker(s)")
        self._daemon("computes", *self.hosts, config="compute")
        self.start_scheduler()
        self.client = Client(self)
        wait("all computes can be chosen", lambda: self._computes_ready(), START_S, 0.3)
        return self

    def write_filter_config(self):
        (self.folder / "filter.conf").write_text(ini({
            "filter_scheduler": {"available_filters": ["nova.scheduler.filters.all_filters", self.filter_class],
                                 "enabled_filters": "ComputeFilter," + self.filter_class.split(".")[-1], "shuffle_best_same_weighed_hosts": "True",
                                 "host_subset_size": len(self.hosts)},
            "spice": {"state_dir": self.folder, **self.spice}}))

    def start_scheduler(self):
        self._daemon("scheduler", extra=[self.folder / "filter.conf"])

    def restart_scheduler(self, workers=None):
        self.processes.kill("scheduler")
        if workers is not None:
            self.workers = workers
            text = self.config["control"].read_text()
            self.config["control"].write_text("\n".join(f"workers = {workers}" if line.startswith("workers = ") else line
                                                        for line in text.splitlines()) + "\n")
        self.start_scheduler()

    def _computes_ready(self):
        for name in ("computes", "scheduler", "conductor"):
            self.processes.alive(name)
        return len(self.compute_uuids()) == len(self.hosts) and len(self.placement("/resource_providers")["resource_providers"]) == len(self.hosts) \
            and int(self.database.sql("SELECT COUNT(*) FROM nova_api.host_mappings")) == len(self.hosts) \
            and len({self.select({}) for _ in range(2)} - {None}) > 0

    # -- questions ------------------------------------------------------------------------------

    def compute_uuids(self):
        """{host: uuid of its compute node}"""
        rows = self.database.sql("SELECT host, uuid FROM nova.compute_nodes WHERE deleted = 0")
        return dict(line.split("\t") for line in rows.splitlines() if "\t" in line)

    def placement(self, path, method="GET", body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.placement_port}{path}", method=method,
                                         data=json.dumps(body).encode() if body is not None else None,
                                         headers={"X-Auth-Token": "admin", "OpenStack-API-Version": "placement 1.39",
                                                  "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def select(self, extra_specs, **more):
        """Name of the host a server with such a flavor would go to; None: no valid host. The claim is given back."""
        return self.client.ask({"op": "select", "extra_specs": extra_specs, **more})["host"]

    def filter_states(self):
        """State dumps of the scheduler's processes, by pid; only of living ones."""
        out = {}
        for path in self.folder.glob("spice-filter-*.json"):
            with contextlib.suppress(OSError, ValueError):
                state = json.loads(path.read_text())
                if os.path.exists(f"/proc/{state['pid']}"):
                    out[state["pid"]] = state
        return out

    # -- end ------------------------------------------------------------------------------------

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for log in sorted(self.folder.glob("*.log")):
                print(f"---- {log.name}")
                print("\n".join(log.read_text(errors="replace").splitlines()[-12:]))
        self.processes.stop()
        if self.rabbit is not None:
            self.rabbit.stop()
        if self.own and "SPICE_KEEP" not in os.environ:
            shutil.rmtree(self.folder, ignore_errors=True)


class Client:
    """A process of its own that asks the scheduler as nova-conductor does."""

    def __init__(self, bed):
        self.bed = bed
        self.process = bed.processes.start("client", [PYTHON, HERE / "nova_daemon.py", "client", "--config-file", bed.config["control"]],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failed("the client ended: " + self.bed.processes.tail("client"))
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer


def ini(groups):
    lines = []
    for group, options in groups.items():
        lines.append(f"[{group}]")
        for key, value in options.items():
            lines += [f"{key} = {v}" for v in (value if isinstance(value, list) else [value])]
    return "\n".join(lines) + "\n"


__all__ = ["NovaBed", "Rabbit", "Processes", "Failed", "wait", "time"]
