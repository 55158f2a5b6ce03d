# SPDX-License-Identifier: Apache-2.0
"""A real fleet of processes under a temporary directory, for integration tests and benchmarks.

Nothing here sleeps to synchronise: wait() polls a condition until it holds or the time is up, and says what it last saw.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(os.environ.get("SPICE_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BIN = pathlib.Path(os.environ.get("SPICE_BIN", SOURCE / "build/release"))
PROGRAM = {"broker": "spice-broker", "keeper": "spice-nodes", "scheduler": "spice-scheduler", "worker": "spice-worker", "bridge": "spice-bridge"}
# ops/test --bridge: the bridge alone comes from a build with a sanitizer, and is held to what that says.
BRIDGE = os.environ.get("SPICE_BRIDGE")


PRCTL, PR_SET_PDEATHSIG = ctypes.CDLL(None).prctl, 1


def die_with_parent():
    """In a child before it becomes a program: SIGKILL when the thread that started it ends, also when a test is killed."""
    PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)


class Failed(AssertionError):
    pass


def wait(what, condition, seconds=180.0, every=0.02):
    """Polls condition() until it returns something true; returns that. Exceptions of the condition count as false."""
    end = time.monotonic() + seconds
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except (Failed, subprocess.SubprocessError, KeyError, IndexError, ValueError, OSError) as error:
            last = error
        if time.monotonic() > end:
            raise Failed(f"did not happen in {seconds:g} s: {what}; last seen: {last!r}")
        time.sleep(every)


def tree(pids):
    """{pid: seconds of user and system time, reaped children included} of these processes and all below them."""
    parents, seconds = {}, {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may end while we look
            fields = path.read_text().rsplit(")", 1)[1].split()
            pid = int(path.parent.name)
            parents[pid] = int(fields[1])
            seconds[pid] = sum(int(x) for x in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    children = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found, todo = {}, list(pids)
    while todo:
        pid = todo.pop()
        if pid in seconds:
            found[pid] = seconds[pid]
            todo += children.get(pid, [])
    return found


class Fleet:
    """with Fleet(workers=2) as fleet: ...   Everything dies with the block; on a failure the logs' ends are shown."""

    def __init__(self, workers=1, prefix=None, keep=False, init_args=()):
        self.prefix = pathlib.Path(prefix or tempfile.mkdtemp(prefix="spice-test-"))
        self.config = self.prefix / "etc/spice.yaml"
        self.keep = keep or "SPICE_KEEP" in os.environ
        self.processes = {}
        self.workers = [f"worker-{i + 1}" for i in range(workers)]
        self.run([BIN / "spicectl", "init", "--prefix", self.prefix, "--workers", str(workers), *init_args])

    # -- processes ------------------------------------------------------------------------------

    def start(self, *names):
        """broker-1, keeper, scheduler, worker-N; without names: all."""
        for name in names or ["broker-1", "keeper", "scheduler", *self.workers]:
            kind = name.split("-")[0]
            log = open(self.prefix / f"{name}.log", "ab")
            self.processes[name] = subprocess.Popen(
                [BRIDGE if BRIDGE and kind == "bridge" else BIN / PROGRAM[kind], "--config", self.config, "--name", name], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_parent, env=self.environment(kind))
            log.close()
        return self

    def pid(self, name):
        return self.processes[name].pid

    def kill(self, name, sig=signal.SIGKILL):
        process = self.processes[name]
        process.send_signal(sig)
        if sig in (signal.SIGKILL, signal.SIGTERM):
            process.wait(timeout=60)

    def restart(self, name, sig=signal.SIGKILL):
        self.kill(name, sig)
        self.start(name)

    def cpu_seconds(self, names=None):
        """User and system time of our processes and all they started: helpers, plugins, reaped children."""
        return sum(tree([self.pid(name) for name in names or self.processes]).values())

    def cpu_ns(self, names=None):
        """The same without children, in the kernel's nanoseconds: ticks are too coarse for idle processes."""
        total = 0
        for name in names or self.processes:
            for task in pathlib.Path(f"/proc/{self.pid(name)}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total

    def switches(self):
        """Context switches of all threads of our processes."""
        total = 0
        for name in self.processes:
            for task in pathlib.Path(f"/proc/{self.pid(name)}/task").iterdir():
                total += sum(int(line.split()[1]) for line in (task / "status").read_text().splitlines() if "ctxt_switches" in line)
        return total

    def rss_bytes(self, name):
        for line in pathlib.Path(f"/proc/{self.pid(name)}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Failed("no VmRSS")

    def stop(self):
        order = sorted(self.processes, key=lambda n: {"a": 0, "w": 0, "s": 1, "k": 2, "b": 3}[n[0]])
        for name in order:
            if self.processes[name].poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    self.processes[name].send_signal(signal.SIGCONT)
                    self.processes[name].terminate()
        for name in order:
            try:
                self.processes[name].wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.processes[name].kill()
                self.processes[name].wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for log in sorted(self.prefix.glob("*.log")):
                print(f"---- {log.name}")
                print("\n".join(log.read_text(errors="replace").splitlines()[-15:]))
        self.stop()
        found = self.sanitizer_finds() if BRIDGE else ""
        if not self.keep:
            shutil.rmtree(self.prefix, ignore_errors=True)
        if found:
            raise Failed(f"a sanitizer found something in the bridge:\n{found}")

    def environment(self, kind):
        """None: ours. What a sanitizer has to say goes to files of its own."""
        if kind != "bridge" or not BRIDGE:
            return None
        more = {name: f"{os.environ.get(name, '')}:log_path={self.prefix}/sanitizer".lstrip(":") for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")}
        return {**os.environ, **more}

    def sanitizer_finds(self):
        return "\n".join(path.read_text(errors="replace")[:6000] for path in sorted(self.prefix.glob("sanitizer.*")))

    # -- commands -------------------------------------------------------------------------------

    def run(self, argv, input=None, check=True, timeout=180):
        done = subprocess.run([str(a) for a in argv], input=input, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode != 0:
            raise Failed(f"{' '.join(str(a) for a in argv)}: exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        return done

    def ctl(self, *args, input=None, check=True, timeout=180):
        return self.run([BIN / "spicectl", "--config", self.config, *args], input=input, check=check, timeout=timeout)

    def json(self, *args, timeout=180):
        return json.loads(self.ctl("--json", *args, timeout=timeout).stdout)

    def apply(self, text):
        return self.ctl("apply", "-f", "-", input=text)

    # -- questions ------------------------------------------------------------------------------

    def ready(self, seconds=180):
        wait("the fleet answers and the keeper takes results", lambda: self.ctl("doctor", "--json", check=False).returncode == 0, seconds, 0.1)
        return self

    def node(self, name):
        return next(n for n in self.json("node", "list") if n["name"] == name)

    def member(self, node, pool="trusted"):
        return self.node(node)["pools"][pool]["member"]

    def wait_member(self, node, member, pool="trusted", seconds=180):
        wait(f"{node} {'in' if member else 'out of'} {pool}", lambda: self.member(node, pool) == member, seconds, 0.05)
        return self.node(node)["pools"][pool]

    def process_stats(self):
        """Latest Stats of every process: {name: {"gauges": {...}, "counters": [...]}}."""
        return {p["name"]: p for p in self.json("stats")}
