# SPDX-License-Identifier: Apache-2.0
import report


def run(args):
    report.adopt(report.tool("bench_codec"))


GROUPS = [report.Group("codec", "the generated coder against msgpack-c, the same bytes", ["codec pack, CPU per record", "codec unpack, CPU per record"],
                       run)]
