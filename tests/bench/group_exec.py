# SPDX-License-Identifier: Apache-2.0
"""Plugins: started for each check, and resident."""
import report

FIGURES = ["exec CPU per check, static plugin; ratio = us above bare spawn", "exec checks/s, static plugin, both cores",
           "exec CPU per check, dynamic plugin; ratio = us above bare spawn", "exec checks/s, dynamic plugin, both cores",
           "resident plugin CPU per check; ratio = times less than exec"]


def run(args):
    report.adopt(report.tool("bench_exec"))


GROUPS = [report.Group("exec", "plugins against a bare posix_spawn of the same", FIGURES, run)]
