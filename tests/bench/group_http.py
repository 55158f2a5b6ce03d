# SPDX-License-Identifier: Apache-2.0
import report

FIGURES = ["http, keep-alive and mutual TLS, 4000 endpoints: client CPU per request", "http, requests on kept connections"]


def run(args):
    report.adopt(report.tool("bench_http", ok=(0, 1)))


GROUPS = [report.Group("http", "4,000 endpoints with mutual TLS against bare curl_multi", FIGURES, run)]
