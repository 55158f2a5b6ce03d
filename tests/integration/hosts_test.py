#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One process per host, over tcp: network namespaces stand for the hosts. A worker joins a new host with one command and a one-use token,
is drained and removed with another; a token does not work twice; a partitioned worker's checks move to the other."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fleet import BIN, PROGRAM, Failed, wait  # noqa: E402

HOSTS = ["broker-1", "keeper", "scheduler", "worker-1", "rack7", "admin"]
PORT = 5599  # free in a namespace of our own
tag = f"sp{os.getpid() % 100000}"


def sh(*argv, check=True, **more):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=180, **more)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv))}: exit {done.returncode}: {done.stderr or done.stdout}")
    return done


def ns(host):
    return f"{tag}-{host}"


def build_network():
    """A bridge in the broker's namespace, one cable to each of the others."""
    for host in HOSTS:
        sh("ip", "netns", "add", ns(host))
        sh("ip", "-n", ns(host), "link", "set", "lo", "up")
    broker = ns(HOSTS[0])
    sh("ip", "-n", broker, "link", "add", "br0", "type", "bridge")
    sh("ip", "-n", broker, "addr", "add", "10.77.0.1/24", "dev", "br0")
    sh("ip", "-n", broker, "link", "set", "br0", "up")
    for i, host in enumerate(HOSTS[1:], 2):
        sh("ip", "-n", ns(host), "link", "add", "eth0", "type", "veth", "peer", "name", f"port{i}", "netns", broker)
        sh("ip", "-n", ns(host), "addr", "add", f"10.77.0.{i}/24", "dev", "eth0")
        sh("ip", "-n", ns(host), "link", "set", "eth0", "up")
        sh("ip", "-n", broker, "link", "set", f"port{i}", "master", "br0", "up")


def main():
    if os.geteuid() != 0 or sh("ip", "netns", "add", ns("probe"), check=False).returncode != 0:
        print("skipped: no right to make network namespaces here")
        sys.exit(77)  # not a pass: ops/test names it
    sh("ip", "netns", "del", ns("probe"))
    root = pathlib.Path(tempfile.mkdtemp(prefix="spice-hosts-"))
    processes = {}

    def start(name, prefix):
        log = open(root / f"{name}.log", "ab")
        kind = "worker" if name == "rack7" else name.split("-")[0]
        processes[name] = subprocess.Popen(["ip", "netns", "exec", ns(name), str(BIN / PROGRAM[kind]), "--config", str(prefix / "etc/spice.yaml"),
                                            "--name", name], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ctl(*args, check=True, input=None):
        return sh("ip", "netns", "exec", ns("admin"), BIN / "spicectl", "--config", root / "admin/etc/spice.yaml", *args, check=check, input=input)

    def workers_seen():
        rows = json.loads(ctl("--json", "result", "list").stdout)
        return {r["worker"] for r in rows if r["age_ms"] is not None and r["age_ms"] < 3000}

    def jobs_seen():
        """Newest stored job of each node, and who did it."""
        return {r["node"]: (tuple(int(x) for x in r["job"].split("-")), r["worker"]) for r in json.loads(ctl("--json", "result", "list").stdout)}

    try:
        build_network()
        first = root / "first"
        sh(BIN / "spicectl", "init", "--prefix", first, "--broker-tcp", f"10.77.0.1:{PORT}", "--workers", "1")
        for host in ["broker-1", "keeper", "scheduler", "worker-1", "admin"]:
            prefix = root / host
            prefix.mkdir()
            sh(BIN / "spicectl", "--config", first / "etc/spice.yaml", "host", "export", host, "--to", root / "pack.tar")
            sh("tar", "-xpf", root / "pack.tar", "-C", prefix)
            (root / "pack.tar").unlink()
            if host != "admin":
                start(host, prefix)
        shutil.rmtree(first)  # nothing may depend on the place where the keys were drawn
        wait("the fleet is ready over tcp", lambda: ctl("doctor", check=False).returncode == 0, 180, 0.2)
        ctl("apply", "-f", "-", input="kind: profile\nname: quick\nperiod: 1s\n---\nkind: check\nname: well\nadapter: noop\nprofile: quick\n"
            "timeout: 1s\nmax_age: 8s\n---\n" + "---\n".join(f"kind: node\nname: n{i}\n" for i in range(8)) +
            "---\nkind: pool\nname: trusted\nmandatory: [well]\n")
        wait("all nodes in the pool", lambda: json.loads(ctl("--json", "pool", "list").stdout)[0]["members"] == 8)

        token = json.loads(ctl("--json", "worker", "invite", "rack7", "--adapters", "noop").stdout)["token"]
        new = root / "rack7"
        enrol = ["ip", "netns", "exec", ns("rack7"), BIN / "spice-worker", "enrol", token, "--prefix"]
        sh(*enrol, new)
        again = sh(*enrol, root / "thief", "--wait", "3s", check=False)
        if again.returncode == 0:
            raise Failed("a token worked twice")
        start("rack7", new)
        wait("the new worker reports results", lambda: "rack7" in workers_seen())

        sh("ip", "-n", ns("worker-1"), "link", "set", "eth0", "down")
        wait("with worker-1 cut off, the new one does all", lambda: workers_seen() == {"rack7"})
        if json.loads(ctl("--json", "pool", "list").stdout)[0]["members"] != 8:
            wait("the pool is whole again", lambda: json.loads(ctl("--json", "pool", "list").stdout)[0]["members"] == 8)
        sh("ip", "-n", ns("worker-1"), "link", "set", "eth0", "up")
        wait("worker-1 is back", lambda: "worker-1" in workers_seen())

        ctl("worker", "drain", "rack7")
        if processes["rack7"].wait(timeout=120) != 0:
            raise Failed(f"a drained worker ended with {processes['rack7'].returncode}")
        ctl("worker", "remove", "rack7", "--yes")
        told = len((root / "rack7.log").read_text())
        start("rack7", new)
        wait("a removed worker is not let in", lambda: "refused" in (root / "rack7.log").read_text()[told:])
        before = jobs_seen()
        wait("every pair has a newer result, and none is by the removed worker", lambda: all(
            now[0] > before[node][0] and now[1] == "worker-1" for node, now in jobs_seen().items()))
        print("five hosts over tcp: worked, enrolled, partitioned, drained, removed")
    except BaseException:
        for log in sorted(root.glob("*.log")):
            print(f"---- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-12:]))
        raise
    finally:
        for process in processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in processes.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
        for host in HOSTS:
            sh("ip", "netns", "del", ns(host), check=False)
        shutil.rmtree(root, ignore_errors=True)


main()
