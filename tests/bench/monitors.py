# SPDX-License-Identifier: Apache-2.0
"""Nagios 4 and Icinga 2 as peers: their Debian packages, run as processes of ours with a generated configuration under a temporary
directory. The services of the packages are never started; as root, both run as the user their packages made."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

import report
from fleet import BIN, Failed, tree, wait

USER = "nagios"  # both packages use this one


class Monitor:
    """A system that runs one plugin for hosts x services each `period` seconds. It dies with the block."""

    name = program = None

    def __init__(self, hosts, services, period, plugin="count_dynamic"):
        if not pathlib.Path(self.program).exists():
            raise Failed(f"{self.name} is not installed: ops/install-deps peers")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="spice-peer-"))
        self.hosts, self.services, self.period = hosts, services, period
        self.private = self.folder / "private"
        self.process = None
        try:
            self.private.mkdir()
            self.plugin = self.folder / plugin
            shutil.copy(BIN / "plugins" / plugin, self.plugin)
            self.configure()
            self.own()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def own(self):
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            for path in [self.folder, *self.folder.rglob("*")]:
                os.chown(path, user.pw_uid, user.pw_gid)

    def start(self):
        who = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
        env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TMPDIR": str(self.private), "HOME": str(self.folder)}
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=self.folder,
                                            start_new_session=True, **who)
        wait(f"{self.name} runs checks", lambda: self.executions() > 100, 180, 0.2)
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is not None and (self.folder / "log").exists():
            print(f"---- {self.name}\n" + (self.folder / "log").read_text(errors="replace")[-2000:])
        if self.process is not None:
            pids = tree([self.process.pid])
            self.signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            for pid in pids:  # workers of its own that have not noticed
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                    if str(self.folder) in pathlib.Path(f"/proc/{pid}/cmdline").read_text():
                        os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def signal(self, sig):
        for pid in tree([self.process.pid]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)

    def stand_still(self):
        self.signal(signal.SIGSTOP)

    @contextlib.contextmanager
    def running(self):
        """It stands still outside this block."""
        self.signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.stand_still()

    def executions(self):
        """As the plugin has counted them."""
        count = self.private / "count"
        return count.stat().st_size if count.exists() else 0

    def measure(self, seconds):
        """CPU us per execution and executions per second."""
        first, cpu, start = self.executions(), sum(tree([self.process.pid]).values()), time.monotonic()
        time.sleep(seconds)  # the span of the measurement itself
        done, took = self.executions() - first, time.monotonic() - start
        if done == 0:
            raise Failed(f"{self.name} executed nothing")
        return (sum(tree([self.process.pid]).values()) - cpu) * 1e6 / done, done / took


class Nagios(Monitor):
    name, program = "Nagios 4", "/usr/sbin/nagios4"

    def configure(self):
        at = self.folder
        for name in ("results", "archives"):
            (at / name).mkdir()
        objects = [f"define command {{\n command_name check\n command_line {self.plugin}\n}}",
                   "define timeperiod {\n timeperiod_name always\n alias always\n"
                   + "".join(f" {d} 00:00-24:00\n" for d in "sunday monday tuesday wednesday thursday friday saturday".split()) + "}",
                   "define contact {\n contact_name nobody\n host_notifications_enabled 0\n service_notifications_enabled 0\n"
                   " host_notification_period always\n service_notification_period always\n host_notification_options n\n"
                   " service_notification_options n\n host_notification_commands check\n service_notification_commands check\n}"]
        for h in range(self.hosts):
            objects.append(f"define host {{\n host_name h{h}\n address 127.0.0.1\n max_check_attempts 1\n check_period always\n"
                           " active_checks_enabled 0\n contacts nobody\n notifications_enabled 0\n}")
            for s in range(self.services):
                objects.append(f"define service {{\n host_name h{h}\n service_description s{s}\n check_command check\n max_check_attempts 1\n"
                               f" check_interval {self.period}\n retry_interval {self.period}\n check_period always\n contacts nobody\n"
                               " notifications_enabled 0\n}")
        (at / "objects.cfg").write_text("\n".join(objects) + "\n")
        (at / "resource.cfg").write_text("")
        user = USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        (at / "nagios.cfg").write_text(f"""log_file={at}/nagios.log
cfg_file={at}/objects.cfg
object_cache_file={at}/objects.cache
precached_object_file={at}/objects.precache
resource_file={at}/resource.cfg
status_file={at}/status.dat
status_update_interval=60
nagios_user={user}
nagios_group={user}
check_external_commands=0
command_file={at}/nagios.cmd
query_socket={at}/nagios.qh
lock_file={at}/nagios.lock
temp_file={at}/nagios.tmp
temp_path={at}
check_result_path={at}/results
log_archive_path={at}/archives
state_retention_file={at}/retention.dat
retain_state_information=0
interval_length=1
service_inter_check_delay_method=s
service_interleave_factor=s
max_concurrent_checks=0
check_result_reaper_frequency=1
max_check_result_reaper_time=10
use_large_installation_tweaks=1
enable_environment_macros=0
enable_notifications=0
enable_event_handlers=0
enable_flap_detection=0
process_performance_data=0
log_notifications=0
log_service_retries=0
log_host_retries=0
log_initial_states=0
service_check_timeout=600
check_for_updates=0
""")

    def argv(self):
        return [self.program, str(self.folder / "nagios.cfg")]


class Icinga(Monitor):
    name = "Icinga 2"
    program = next((str(p) for p in pathlib.Path("/usr/lib").glob("*/icinga2/sbin/icinga2")), "/usr/sbin/icinga2")

    def configure(self):
        at = self.folder
        for name in ("data", "cache", "spool", "run", "logs", "conf"):
            (at / name).mkdir()
        (at / "icinga2.conf").write_text(f"""include <itl>
object CheckerComponent "checker" {{ }}
object Endpoint NodeName {{ }}
object Zone ZoneName {{ endpoints = [ NodeName ] }}
object CheckCommand "check" {{ command = [ "{self.plugin}" ] }}
object CheckCommand "none" {{ command = [ "{self.plugin}" ] }}
for (h in range({self.hosts})) {{
  object Host "h" + h {{
    check_command = "none"
    enable_active_checks = false
  }}
}}
for (s in range({self.services})) {{
  apply Service "s" + s {{
    check_command = "check"
    check_interval = {self.period}s
    retry_interval = {self.period}s
    max_check_attempts = 1
    enable_notifications = false
    enable_perfdata = false
    assign where true
  }}
}}
""")

    def argv(self):
        at = self.folder
        user = USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        defines = {"NodeName": "bench", "ZoneName": "bench", "DataDir": at / "data", "CacheDir": at / "cache", "SpoolDir": at / "spool",
                   "InitRunDir": at / "run", "LogDir": at / "logs", "ConfigDir": at / "conf", "PidPath": at / "run/pid",
                   "ObjectsPath": at / "cache/objects", "VarsPath": at / "cache/vars", "StatePath": at / "data/state",
                   "ModAttrPath": at / "data/modified", "RunAsUser": user, "RunAsGroup": user, "MaxConcurrentChecks": 512}
        return [self.program, "daemon", "-x", "warning", "-c", str(at / "icinga2.conf")] + [f"-D{k}={v}" for k, v in defines.items()]


if __name__ == "__main__":
    for kind in (Nagios, Icinga):
        with kind(50, 40, 1) as peer:
            report.progress(f"{kind.name}: %.0f us, %.0f/s" % peer.measure(5))
