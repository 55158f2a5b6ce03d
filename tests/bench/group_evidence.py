# SPDX-License-Identifier: Apache-2.0
import report

ROWS = {  # what the program names: figure, yardstick, bar, goal
    "ECDSA P-256": ("appraisal of a quote, ECDSA P-256, CPU", "bare OpenSSL verification", 2.0, 1.2),
    "RSA-2048 RSASSA": ("appraisal of a quote, RSA-2048 RSASSA, CPU", "bare OpenSSL verification", 2.0, 1.2),
    "RSA-2048 PSS": ("appraisal of a quote, RSA-2048 PSS, CPU", "bare OpenSSL verification", 2.0, 1.2),
    "judged list": ("entry of a measurement list: template hash, extend, policy look-up, CPU", "bare hashing of the same bytes", 3.0, 1.5),
    "list": ("entry of a measurement list: template hash and extend, CPU", "bare hashing of the same bytes", 3.0, 1.5),
}
PROCMEM = {  # rate of SHA-256 over the collector's: at least half of it
    "one process": "memory and files of a running service, per byte, CPU",
    "four processes": "memory of four processes of a service, their files on top, per byte of memory, CPU",
}
PROCESS = "quote from a worker to its verdict through spice-appraise, P-256, CPU of both (no bus, no attester)"
POLICY = "memory of a policy for measurement lists, per distinct digest"


def run(args):
    for one in report.tool("bench_evidence"):
        if one["what"] == "policy":
            report.row(POLICY, one["bytes"], "bytes", "limit", 64, 1.0, 1.0)
            continue
        figure, yardstick, bar, goal = ROWS[one["what"]]
        mine, bare = one["mine_us"], one["bare_us"]
        report.row(figure, report.median(mine), "us", yardstick, report.median(bare), bar, goal, rounds=[a / b for a, b in zip(mine, bare)])
    for one in report.tool("bench_appraise"):  # at least 40, better 60 % of the rate of verification
        mine, bare = one["mine_us"], one["bare_us"]
        report.row(PROCESS, report.median(mine), "us", "bare OpenSSL verification", report.median(bare), 2.5, 1.67, rounds=[a / b for a, b in zip(mine, bare)])
    for one in report.tool("bench_procmem"):
        mine, bare = one["mine_us"], one["bare_us"]
        report.row(PROCMEM[one["what"]], report.median(mine), "us/MiB", "SHA-256 of as many bytes", report.median(bare), 2.0, 2.0,
                   rounds=[a / b for a, b in zip(mine, bare)])


GROUPS = [report.Group("evidence", "appraisal of TPM quotes and measurement lists, and looking at services, against the bare cryptography in it",
                       [*(row[0] for row in ROWS.values()), PROCESS, POLICY, *PROCMEM.values()], run, fleet=False)]
