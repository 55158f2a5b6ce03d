# SPDX-License-Identifier: Apache-2.0
"""The cloud side at 10,000 hosts (SPICE_CLOUD_HOSTS for a smaller try): a real nova-scheduler's request with our filter in it, and a real placement that is filled with traits. Hosts are
rows copied from one real nova-compute's, as its own code wrote them. Needs the packages of `ops/install-deps cloud`."""
import os
import pathlib
import time

import report
from fleet import Failed, wait

HOSTS = int(os.environ.get("SPICE_CLOUD_HOSTS", "10000"))  # 2 to 10,000
REQUESTS = 3
SHARE = f"the filter's pass over {HOSTS:,} hosts, of the scheduler's own request"
TRAITS = f"{HOSTS:,} nodes get their trait from nothing in a real placement"
BURST = "requests to placement in the busiest second, of the configured rate"
RESIDENT = f"bridge resident at {HOSTS:,} nodes with traits, RPC and notifications"
RATE = 200
TRAIT = "CUSTOM_SPICE_TRUSTED"
CHECK = """kind: profile
name: base
period: 30s
---
kind: check
name: base
adapter: noop
profile: base
max_age: 1h
params: {outcome: pass}
---
kind: pool
name: trusted
mandatory: [base]
trait: CUSTOM_SPICE_TRUSTED
"""
# 0 to 9,999, by the multiplication table: no option of the server limits it.
NUMBERS = "(SELECT " + "+".join(f"{10**p}*d{p}.n" for p in range(4)) + " AS n FROM " + ",".join(
    "(" + " UNION ALL ".join(f"SELECT {i} AS n" for i in range(10)) + f") d{p}" for p in range(4)) + ") numbers"


def uuid_sql(kind):
    """Of host n: the number is in it, so that it can be told without asking."""
    return f"LOWER(CONCAT('{kind:08x}-0000-4000-8000-', LPAD(HEX(n),12,'0')))"


def uuid_of(kind, n):
    return f"{kind:08x}-0000-4000-8000-{n:012x}"


def copy_rows(database, table, where, change, count):
    """So many copies of a row; columns that are not changed stay as they are, `id` is new."""
    schema, name = table.split(".")
    columns = [c for c in database.sql(f"SELECT column_name FROM information_schema.columns WHERE table_schema='{schema}' AND table_name='{name}' "
                                       "ORDER BY ordinal_position").split() if c != "id"]
    values = ",".join(change.get(c, f"t.`{c}`") for c in columns)
    database.sql(f"INSERT INTO {table} ({','.join(f'`{c}`' for c in columns)}) SELECT {values} FROM {table} t JOIN {NUMBERS} "
                 f"WHERE t.{where} AND n>0 AND n<={count}")


def copy_providers(database, first, count):
    """Resource providers like one that is there, with its inventories."""
    copy_rows(database, "placement.resource_providers", f"uuid='{first}'",
              {"uuid": uuid_sql(1), "name": "CONCAT('copy-',n)", "generation": "1", "root_provider_id": "NULL"}, count)
    database.sql("UPDATE placement.resource_providers SET root_provider_id=id WHERE root_provider_id IS NULL; "
                 "INSERT INTO placement.inventories (resource_provider_id,resource_class_id,total,reserved,min_unit,max_unit,step_size,allocation_ratio) "
                 "SELECT r.id,i.resource_class_id,i.total,i.reserved,i.min_unit,i.max_unit,i.step_size,i.allocation_ratio "
                 "FROM placement.resource_providers r JOIN placement.inventories i JOIN placement.resource_providers f "
                 f"ON i.resource_provider_id=f.id AND f.uuid='{first}' WHERE r.name LIKE 'copy-%' AND r.id<>f.id")


def apply_nodes(fleet, names):
    for first in range(0, len(names), 2000):
        report.progress(f"nodes registered: {first:,} of {len(names):,}")
        fleet.ctl("apply", "-f", "-", timeout=900,
                  input="---\n".join(f"kind: node\nname: {name}\nkey: {key}\n" for name, key in names[first:first + 2000]))


def wait_members(fleet, count):
    report.wait_progress("members of the pool", lambda: next(p for p in fleet.json("pool", "list") if p["name"] == "trusted")["members"], count, 900)


# ---- the scheduler's request ----

def grow(bed):
    """Service, compute node, host mapping and resource provider of each copy."""
    count, db = HOSTS - 1, bed.database
    first = bed.compute_uuids()[bed.hosts[0]]
    db.sql("SET GLOBAL max_allowed_packet=67108864")
    copy_rows(db, "nova.services", f"host='{bed.hosts[0]}'",
              {"host": "CONCAT('copy-',n)", "uuid": uuid_sql(2), "last_seen_up": "UTC_TIMESTAMP()"}, count)
    copy_rows(db, "nova.compute_nodes", f"uuid='{first}'", {"host": "CONCAT('copy-',n)", "hypervisor_hostname": "CONCAT('copy-',n)", "uuid": uuid_sql(1)},
              count)
    db.sql("UPDATE nova.compute_nodes c JOIN nova.services s ON s.host=c.host AND s.`binary`='nova-compute' SET c.service_id=s.id "
           "WHERE c.host LIKE 'copy-%' AND c.service_id IS NOT NULL; UPDATE nova.compute_nodes SET mapped=1")
    copy_rows(db, "nova_api.host_mappings", f"host='{bed.hosts[0]}'", {"host": "CONCAT('copy-',n)"}, count)
    copy_providers(db, first, count)
    return [(bed.hosts[0], first)] + [(f"copy-{n}", uuid_of(1, n)) for n in range(1, HOSTS)]


def run_scheduler(args):
    import cloud_bed
    with cloud_bed.CloudBed(computes=1, workers=1, log=report.progress) as cloud:
        bed, fleet = cloud.nova, cloud.fleet
        report.progress(f"copying rows of {HOSTS:,} hosts into Nova's and placement's databases")
        names = grow(bed)
        fleet.ctl("check", "disable", "said")  # the bed's plugin, each second: not on so many
        fleet.apply(CHECK)
        apply_nodes(fleet, names)
        wait_members(fleet, HOSTS)
        bed.filter_class, times = "timed_filter.TrustedFilterTimed", bed.folder / "filter-times"
        bed.python_path += f":{pathlib.Path(cloud_bed.HERE)}"
        bed.write_filter_config()
        with open(bed.folder / "filter.conf", "a") as conf:
            # no copy tells that it is alive, and at 10,000 hosts this takes longer than a service may be silent
            conf.write(f"[DEFAULT]\nservice_down_time = 86400\n[scheduler]\nmax_placement_results = {HOSTS + 10}\n[oslo_messaging_notifications]\ndriver = noop\n")
        bed.processes.kill("scheduler")
        bed.start_scheduler()
        wanted = {"trust:trusted_host": "trusted"}
        wait("the first request is placed", lambda: bed.select(wanted, patience=900), 1800, 1)
        took = []
        report.progress("the scheduler places; measuring")
        for _ in range(REQUESTS):
            times.write_text("")
            start = time.monotonic()
            host = bed.select(wanted, patience=900)
            whole = time.monotonic() - start
            hosts, seconds = (float(x) for x in times.read_text().split())
            if host is None or hosts != HOSTS:
                raise Failed(f"{hosts:g} hosts were judged, and {host} was chosen")
            took.append((whole, seconds))
    whole, ours = report.median([w for w, _ in took]), report.median([s for _, s in took])
    report.note(f"request over {HOSTS:,} hosts: {whole:.2f} s, of which the filter's pass {1000 * ours:.2f} ms")
    report.row(SHARE, 100 * ours, "s/100", "the same request without it", whole - ours, 10.0, 5.0, rounds=[100 * s / (w - s) for w, s in took],
               hint="per cent; both by clocks in the same request of a real nova-scheduler with a real placement and database")


# ---- traits ----

def busiest(path):
    """Most requests that began within one second, by placement's own note of each."""
    times = sorted(float(line.split()[0]) for line in path.read_text().splitlines())
    most, first = 0, 0
    for i, at in enumerate(times):
        while at - times[first] >= 1.0:
            first += 1
        most = max(most, i - first + 1)
    return most, len(times)


def run_traits(args):
    import cloud
    from placement_bed import TOKEN, PlacementBed
    with PlacementBed(workers=2) as bed:
        notes = bed.requests
        first = bed.provider("copy-0", ["COMPUTE_NODE"])
        bed.inventory(first, 8)
        copy_providers(bed.database, first, HOSTS - 1)
        bed.database.sql("INSERT INTO placement.resource_provider_traits (trait_id,resource_provider_id) SELECT t.trait_id,r.id "
                         "FROM placement.resource_provider_traits t JOIN placement.resource_providers f ON t.resource_provider_id=f.id "
                         f"AND f.uuid='{first}' JOIN placement.resource_providers r ON r.id<>f.id")
        settings = f"placement:\n  url: {bed.url}\n  auth: token\n  secret_file: etc/secret\n  rate: {RATE}\n  parallel: 8\n"
        with cloud.Cloud(nodes=False, settings=settings, files={"secret": TOKEN}) as c:
            c.fleet.kill("bridge-1")
            c.fleet.apply(CHECK)
            apply_nodes(c.fleet, [("copy-0", first)] + [(f"copy-{n}", uuid_of(1, n)) for n in range(1, HOSTS)])
            wait_members(c.fleet, HOSTS)
            notes.write_text("")
            c.fleet.start("bridge-1")
            count = (f"SELECT COUNT(*) FROM placement.resource_provider_traits t JOIN placement.traits n ON n.id=t.trait_id WHERE n.name='{TRAIT}'")
            took = report.wait_progress("providers with the trait", lambda: int(bed.database.sql(count)), HOSTS, 1800, 0.5)
            most, requests = busiest(notes)
            others = int(bed.database.sql(count.replace(TRAIT, "COMPUTE_NODE")))
            assert others == HOSTS, "a trait of others is gone"
            client = c.wait_calls()
            assert len(client.call({}, "list_nodes")) == HOSTS
            resident = c.fleet.rss_bytes("bridge-1") / 2**20
    report.note(f"traits: {requests:,} requests in {took:.0f} s; placement with 2 processes, and MariaDB, on this machine's cores")
    report.row(TRAITS, took, "s", "limit", 300 * HOSTS / 10000, 2.0, 1.0)
    report.row(BURST, most, "requests", "rate", RATE, 1.1, 1.01)
    report.row(RESIDENT, resident, "MiB", "limit", 64, 2.0, 1.0)


GROUPS = [
    report.Group("cloud-scheduler", "the filter within a real nova-scheduler's request over 10,000 hosts", [SHARE], run_scheduler, fleet=False),
    report.Group("cloud-traits", "traits of 10,000 nodes in a real placement: time, evenness, memory", [TRAITS, BURST, RESIDENT], run_traits, fleet=False),
]
