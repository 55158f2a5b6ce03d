# SPDX-License-Identifier: Apache-2.0
# Nodes with a software TPM and an attester each: tpm-1 to tpm-3. Sourced by ops/quickstart; uses $work, $here, $prefix, launch, until_true, free_port.

tpm_nodes="tpm-1 tpm-2 tpm-3"
declare -A tpm_pid service_pid

tpm_start() { # NODE: power on: the TPM starts, the firmware measures
    local dir=$work/$1
    rm -f "$dir/tpm" "$dir/tpm.ctrl"
    launch "$1-tpm" swtpm socket --tpm2 --tpmstate "dir=$dir/tpm-state" --server "type=unixio,path=$dir/tpm" --ctrl "type=unixio,path=$dir/tpm.ctrl" \
        --flags not-need-init,startup-clear
    tpm_pid[$1]=$last_pid
    until_true 20 "the software TPM of $1 listens" test -S "$dir/tpm"
    "$here/ops/quickstart.d/tpm_node.py" boot "$dir/tpm" "$dir/boot_log"
}

tpm_stop() {
    kill -9 "${tpm_pid[$1]}"
    wait "${tpm_pid[$1]}" 2>/dev/null || true
}

reboot_node() {
    tpm_stop "$1"
    tpm_start "$1"
}

tpm_extend() { "$here/ops/quickstart.d/tpm_node.py" extend "$work/$1/tpm" "$2" "$3"; }

# A service on each node whose memory is looked at: a Python program, as most of OpenStack's are.
start_service() {
    launch "$1-service" /usr/bin/python3 -S "$work/$1/service.py"
    service_pid[$1]=$last_pid
    until_true 20 "the demo service of $1 runs" grep -q ready "$prefix/$1-service.log"
}

restart_service() {
    kill -9 "${service_pid[$1]}"
    wait "${service_pid[$1]}" 2>/dev/null || true
    : >"$prefix/$1-service.log"
    start_service "$1"
}

# What an attacker with root's rights does: writes a byte into the program's text in memory. No file changes.
patch_service() { # NODE
    python3 - "${service_pid[$1]}" <<'TEXT'
import os
import sys

pid = sys.argv[1]
program = os.path.realpath(f"/proc/{pid}/exe")
for line in open(f"/proc/{pid}/maps"):
    words = line.split()
    if "x" in words[1] and words[-1] == program:
        start, end = (int(x, 16) for x in words[0].split("-"))
        break
with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
    where = end - 8  # behind the last instruction that is ever reached
    memory.seek(where)
    old = memory.read(1)
    memory.seek(where)
    memory.write(bytes([old[0] ^ 0xFF]))
print(f"process {pid}, {program}: one byte at {where:#x} of its text changed, in memory only")
TEXT
}

# What may run in the service: the programs and libraries it maps now, by their digests.
write_memory_policy() { # PID
    printf '{"version": 1, "services": {"demo": {}}}\n--- digests\n'
    awk '$2 ~ /x/ && $6 ~ /^\// { print $6 }' "/proc/$1/maps" | sort -u | xargs sha256sum
}

make_tpms() {
    local node
    for node in $tpm_nodes; do
        mkdir -p "$work/$node"
        "$here/ops/quickstart.d/tpm_node.py" make "$work/$node/tpm-state" "$work/makers"
        tpm_start "$node"
        printf 'import signal\nprint("ready", flush=True)\nsignal.pause()\n' >"$work/$node/service.py"
        start_service "$node"
    done
    mkdir -p "$work/roots" "$prefix/etc/policies"
    chmod 755 "$prefix/etc/policies"
    cp "$work/makers/swtpm-localca-rootca-cert.pem" "$work/makers/issuer.pem" "$work/roots/"
    write_memory_policy "${service_pid[tpm-1]}" >"$prefix/etc/policies/service.policy"
}

# Each node's attester joins by a one-use token; then the operator binds the TPM to the node.
start_attesters() {
    local node token name
    for node in $tpm_nodes; do
        spicectl node add "$node" --labels tpm=yes >/dev/null
        token=$(spicectl --json key invite --attester "$node" | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
        name=$(printf '%s\n' "$token" | spice-attester enrol - --prefix "$work/$node" | awk '{ print $1; exit }')
        sed -i '/^attester:/,$d' "$work/$node/etc/spice.yaml"
        cat >>"$work/$node/etc/spice.yaml" <<TEXT
attester:
  tcti: "swtpm:path=$work/$node/tpm"
  boot_log: $work/$node/boot_log
  services: ["demo=script:$work/$node/service.py"]
  cpu_percent: 50
  per_minute: 240
TEXT
        SPICE_CONFIG=$work/$node/etc/spice.yaml launch "$node-attester" spice-attester --name "$name"
    done
    # shellcheck disable=SC2086 # a list of names
    spicectl node enroll --roots "$work/roots" $tpm_nodes
}

write_evidence_definitions() {
    # What a good boot leads to, learnt from a node that nobody has tampered with yet.
    spicectl reference learn tpm-1 --to "$prefix/etc/policies/demo.yaml"
    cat >"$work/evidence.yaml" <<TEXT
kind: check
name: boot
adapter: tpm
params: {reference: demo.yaml, certified: true}
selector: tpm=yes
profile: demo
timeout: 5s
max_age: 12s
category: [hardware]
---
kind: check
name: memory
adapter: procmem
params: {policy: service.policy}
selector: tpm=yes
profile: demo
timeout: 5s
max_age: 12s
category: [executables]
---
kind: pool
name: attested
selector: tpm=yes
mandatory: [boot, memory]
hold_down: 3s
TEXT
}
