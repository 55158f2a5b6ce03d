#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The software TPM of one node of the tour, and the firmware it does not have.

    tpm_node.py make DIR AUTHORITY     a TPM's state in DIR, with an endorsement certificate of the makers' authority in AUTHORITY
    tpm_node.py boot SOCKET LOG        measures a small boot into the TPM, as firmware and boot loader do, and writes its event log
    tpm_node.py extend SOCKET PCR TEXT extends a PCR by the digest of TEXT, and no log says so
"""
import hashlib
import os
import pathlib
import socket
import struct
import subprocess
import sys

SHA256 = 0x000B
EV_SEPARATOR, EV_S_CRTM_VERSION, EV_IPL, EV_BOOT_APPLICATION = 4, 8, 0x0D, 0x80000003
BOOT = [(0, EV_S_CRTM_VERSION, b"SPICE demo firmware 1.0"), (4, EV_BOOT_APPLICATION, b"demo boot loader"),
        *((pcr, EV_SEPARATOR, bytes(4)) for pcr in range(8)), (8, EV_IPL, b"kernel_cmdline: root=/dev/vda1 ro"), (9, EV_IPL, b"demo kernel")]


def make(folder, authority):
    folder, authority = pathlib.Path(folder), pathlib.Path(authority)
    for path in (folder, authority):
        path.mkdir(parents=True, exist_ok=True)
    (folder / "ca.conf").write_text(f"statedir = {authority}\nsigningkey = {authority}/key.pem\nissuercert = {authority}/issuer.pem\n"
                                    f"certserial = {authority}/serial\n")
    (folder / "ca.options").write_text("--platform-manufacturer SPICE\n--platform-version 1\n--platform-model demo\n")
    (folder / "setup.conf").write_text(f"create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = {folder}/ca.conf\n"
                                       f"create_certs_tool_options = {folder}/ca.options\n")
    done = subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", str(folder), "--config", str(folder / "setup.conf"), "--create-ek-cert",
                           "--pcr-banks", "sha256", "--vmid", folder.name, "--overwrite"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"swtpm_setup: {done.stdout}{done.stderr}")


def extend(tpm, pcr, digest):
    """TPM2_PCR_Extend, authorised by the empty password (TPM 2.0 Library, part 3, 22.2)."""
    session = struct.pack(">IHBH", 0x40000009, 0, 0, 0)
    body = struct.pack(">II", pcr, len(session)) + session + struct.pack(">IH", 1, SHA256) + digest
    tpm.sendall(struct.pack(">HII", 0x8002, 10 + len(body), 0x182) + body)
    answer = tpm.recv(4096)
    if len(answer) < 10 or answer[6:10] != bytes(4):
        sys.exit(f"the TPM refused to extend PCR {pcr}: {answer.hex()}")


def connect(path):
    tpm = socket.socket(socket.AF_UNIX)
    tpm.connect(path)
    return tpm


def boot(path, log):
    spec = b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, 1) + struct.pack("<HH", SHA256, 32) + b"\0"
    events = struct.pack("<II20sI", 0, 3, bytes(20), len(spec)) + spec
    with connect(path) as tpm:
        for pcr, kind, data in BOOT:
            measured = data.split(b": ", 1)[-1] if kind == EV_IPL and pcr == 8 else data
            digest = hashlib.sha256(measured).digest()
            extend(tpm, pcr, digest)
            events += struct.pack("<III", pcr, kind, 1) + struct.pack("<H", SHA256) + digest + struct.pack("<I", len(data)) + data
    pathlib.Path(log + ".new").write_bytes(events)
    os.replace(log + ".new", log)


def main():
    words = sys.argv[1:]
    if len(words) == 3 and words[0] == "make":
        make(*words[1:])
    elif len(words) == 3 and words[0] == "boot":
        boot(*words[1:])
    elif len(words) == 4 and words[0] == "extend":
        with connect(words[1]) as tpm:
            extend(tpm, int(words[2]), hashlib.sha256(words[3].encode()).digest())
    else:
        sys.exit(__doc__)


main()
