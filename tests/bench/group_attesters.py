# SPDX-License-Identifier: Apache-2.0
"""Evidence of many nodes through a real fleet. The attesters are simulated (bench_attesters.c): connections and keys of their own, no TPM.
What the real attester costs its node is measured with the real one."""
import json
import pathlib
import re
import subprocess
import sys
import time

import report
import yaml
from fleet import BIN, Failed, Fleet, die_with_parent, tree, wait

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "wire"))
from attester_bed import Asker, Swtpm, add_attester, start_attester  # noqa: E402

RATE = "evidence fetched, appraised, durable: share of the bare P-256 verification rate"
THOUSAND = "1,000 nodes attested every 60 s by one worker: CPU of worker and appraiser"
IDLE = "attester, idle: resident"
BUDGET = "attester asked for memory without end: CPU of a core"
REFERENCE = """reference: 1
quote: sha256:0-9
boot_log: {judge: ignored}
profiles:
  - name: simulated
    pcrs:
      sha256:
""" + "".join(f"        {pcr}: {'00' * 32}\n" for pcr in range(10))


class Attested(Fleet):
    """One worker, and so many simulated attesters, each enrolled for its node."""

    def __init__(self, nodes):
        super().__init__(workers=1)
        try:
            self._prepare(nodes)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def _prepare(self, nodes):
        made = subprocess.run([BIN / "tests/bench_attesters", "--make", str(nodes), self.prefix], capture_output=True, text=True, check=True)
        self.keys = [line.split() for line in made.stdout.splitlines()]
        principals = self.prefix / "etc/principals.yaml"
        rows = "".join(f"  - name: att-{i}\n    role: attester\n    curve: {json.dumps(curve)}\n    sign: \"{sign}\"\n    adapters: \"\"\n"
                       f"    nodes: \"n{i}\"\n    revoked: false\n" for i, (curve, sign, _) in enumerate(self.keys))
        principals.write_text(principals.read_text() + rows)
        policies = self.prefix / "etc/policies"
        policies.mkdir(exist_ok=True)
        policies.chmod(0o755)
        (policies / "simulated.yaml").write_text(REFERENCE)
        (policies / "simulated.yaml").chmod(0o644)
        self.start().ready()
        self.ctl("apply", "-f", "-", input="---\n".join(f"kind: node\nname: n{i}\n" for i in range(nodes)), timeout=900)
        self._enroll()
        self._simulate()

    def _enroll(self):
        """As spicectl would say it after it had judged; there is no TPM to be judged here."""
        admin = Asker(self.prefix, "admin")
        try:
            for i, (_, sign, ak) in enumerate(self.keys):
                args = {"name": f"n{i}", "attester": f"att-{i}", "sign": sign, "ek": f"{i + 1:064x}", "ek_public": f"{i + 1:064x}", "ak": ak,
                        "mode": "certified"}
                number = time.time_ns()
                admin.send("AdminRequest", {"id": number, "verb": "node.enroll", "args": json.dumps(args).encode()}, dest="keeper")
                got = None
                while not got or got[0] != "AdminReply" or got[1]["id"] != number:
                    got = admin.receive(30.0)
                    if not got or got[0] == "Refused":
                        raise Failed(f"no answer to node.enroll: {got}")
                if got[1]["code"] != 0:
                    raise Failed(f"the keeper does not enrol: {got[1]}")
        finally:
            admin.close()

    def _simulate(self):
        text = self.config.read_text()
        endpoint = "ipc://" + str(next(self.prefix.glob("run/broker-1*")))
        people = {row["name"]: row for row in yaml.safe_load((self.prefix / "etc/principals.yaml").read_text())["principals"]}
        key, worker = people["broker-1"]["curve"], people["worker-1"]["sign"]
        deployment = re.search(r'^deployment: "?([0-9a-f]{32})', text, re.M).group(1)
        self.simulator = subprocess.Popen([BIN / "tests/bench_attesters", "--serve", endpoint, key, deployment, worker, self.prefix],
                                          stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        if self.simulator.stdout.readline() != "ready\n":
            raise Failed("the simulated attesters were not admitted")

    def __exit__(self, *what):
        if hasattr(self, "simulator"):
            self.simulator.kill()
            self.simulator.wait()
        super().__exit__(*what)

    def check(self, number, period, timeout="10s"):
        self.ctl("apply", "-f", "-", input=f"kind: profile\nname: p\nperiod: {period}\njitter: 0\n---\n" + "---\n".join(
            f"kind: check\nname: boot-{i}\nadapter: tpm\nparams: {{reference: simulated.yaml}}\nprofile: p\ntimeout: {timeout}\nmax_age: 1h\n"
            for i in range(number)), timeout=300)

    def accepted(self):
        gauges = self.process_stats()["keeper"]["gauges"]
        return gauges["keeper.accepted"] - gauges["keeper.duplicates"]

    def passes(self):
        """All of them: a figure of refusals would be worth nothing."""
        bad = [r for r in self.json("result", "list", timeout=120) if r["outcome"] != "pass"]
        if bad:
            raise Failed(f"{len(bad)} results are no passes, for example {bad[0]}")

    def at_change(self):
        first = self.accepted()
        now, = wait("a result is stored", lambda: [n for n in [self.accepted()] if n != first], 60, 0.01)
        return now, self.cpu_seconds(), time.monotonic()


def run_rate(args):
    """All processes of the fleet pay; the simulated attesters do not, for they stand for other hosts."""
    report.progress("200 simulated attesters, each asked more often than can be done")
    shares, costs, rates, yards = [], [], [], []
    with Attested(200) as fleet:
        fleet.check(60, "1s")
        wait("the load runs", lambda: fleet.accepted() > 2000, 180, 0.5)
        fleet.passes()
        for i in range(args.rounds):
            first, cpu, start = fleet.at_change()
            time.sleep(args.seconds)  # the span of the measurement itself
            last, cpu_end, end = fleet.at_change()
            yard = report.tool("bench_attesters", "--verify", 1)["verify_us"]
            costs.append((cpu_end - cpu) * 1e6 / (last - first))
            rates.append((last - first) / (end - start))
            yards.append(yard)
            shares.append(yard / costs[-1])
            report.progress(f"round {i + 1}: {costs[-1]:.0f} us, {rates[-1]:.0f}/s beside the simulation; bare verification {yard:.0f} us")
        fleet.passes()
    report.row(RATE, report.median(costs), "us", "bare P-256 verification", report.median(yards), 0.4, 0.6, at_most=False, rounds=shares,
               hint="judged: bare CPU per verification over the fleet's CPU per result")


def run_thousand(args):
    report.progress("1,000 simulated attesters, one check of each every 60 s")
    with Attested(1000) as fleet:
        fleet.check(1, "60s")
        wait("each has run", lambda: fleet.accepted() >= 1000, 240, 1)
        fleet.passes()
        first, start = sum(tree([fleet.pid("worker-1")]).values()), time.monotonic()
        before = fleet.accepted()
        time.sleep(60)  # one period: the span of the measurement itself
        spent, took = sum(tree([fleet.pid("worker-1")]).values()) - first, time.monotonic() - start
        done = fleet.accepted() - before
        fleet.passes()
    if done < 0.9 * 1000 * took / 60:
        raise Failed(f"only {done} results in {took:.0f} s")
    report.row(THOUSAND, spent / took * 100, "% of a core", "half a core", 50, 1.0, 1.0)


def attester_resident(fleet, name):
    total = 0
    for pid in tree([fleet.pid(name)]):
        total += int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024
    return total


def run_attester(args):
    """The real attester, with the default budget."""
    report.progress("a real attester")
    tpm = Swtpm()
    with Fleet(workers=1) as fleet:
        service = fleet.prefix / "service.py"
        service.write_text("import signal\nprint('up', flush=True)\nsignal.pause()\n")
        add_attester(fleet, "attester-1", "node1", {"tcti": tpm.tcti, "services": [f"demo=script:{service}"]})
        victim = subprocess.Popen(["/usr/bin/python3", "-S", service], stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        victim.stdout.readline()
        fleet.start("broker-1")
        start_attester(fleet, "attester-1")
        worker = Asker(fleet.prefix, "worker-1")
        try:
            worker.document(worker.question("node1", "quote", {"pcrs": "sha256:0-9"}))
            wait("only the two parts are left", lambda: len(tree([fleet.pid("attester-1")])) == 2, 60)
            resident = attester_resident(fleet, "attester-1")
            report.row(IDLE, resident / 2**20, "MiB", "limit", 16, 1.0, 1.0, hint="both parts; pages they share count twice")
            asked = 0

            def ask_for(seconds):
                nonlocal asked
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    worker.one(worker.question("node1", "procmem", {"services": ["demo"]}))
                    asked += 1
            ask_for(5)  # what was saved up for a burst is spent
            start, cpu, asked = time.monotonic(), fleet.cpu_seconds(["attester-1"]), 0
            ask_for(max(args.seconds * 2, 24))
            share = (fleet.cpu_seconds(["attester-1"]) - cpu) / (time.monotonic() - start) * 100
            report.row(BUDGET, share, "% of a core", "default budget", 5, 1.0, 1.0, hint=f"{asked} documents")
        finally:
            worker.close()
            victim.kill()
            victim.wait()
            tpm.close()


GROUPS = [report.Group("evidence-rate", "evidence of simulated attesters through the fleet, against bare verification", [RATE], run_rate, fleet=False),
          report.Group("evidence-thousand", "1,000 nodes every minute by one worker", [THOUSAND], run_thousand, fleet=False),
          report.Group("evidence-attester", "what a real attester takes of its node", [IDLE, BUDGET], run_attester, fleet=False)]
