# SPDX-License-Identifier: Apache-2.0
import report

KEYS = ["ECDSA P-256", "RSA-2048 RSASSA", "RSA-2048 PSS"]


def figure(key):
    return f"appraisal of a quote, {key}, CPU"


def run(args):
    for one in report.tool("bench_evidence"):
        mine, bare = one["appraise_us"], one["bare_us"]
        report.row(figure(one["key"]), report.median(mine), "us", "bare OpenSSL verification", report.median(bare), 2.0, 1.2,
                   rounds=[a / b for a, b in zip(mine, bare)])


GROUPS = [report.Group("evidence", "appraisal of TPM quotes against the bare verification of their signatures", [figure(key) for key in KEYS], run, fleet=False)]
