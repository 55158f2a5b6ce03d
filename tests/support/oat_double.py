#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A double of an OpenAttestation server. It is a fake: it measures nothing and trusts nobody.

It answers PollHosts in the shapes of the real servers (1.0, 1.5, 1.6, 1.7 and 2.x), with their quirks, for tests and demonstrations.
What it knows about a host is a file of that name in the state directory, read at each request:

    trusted | untrusted | unknown | timeout | pending     what the server says (no file: unknown)
    a second line may hold words:  frozen      vtime stands still at the file's own time
                                   future      vtime is an hour ahead
                                   no-vtime    no vtime at all
                                   absent      the host is left out of the answer
                                   twice       the host is named twice, once trusted and once not
                                   delay=S     the whole answer takes S seconds longer

A file named @fault makes every request fail: html (the servlet container's page), 500, 401, garbage, close.
tests/integration/oat_double_test.py holds it to the recorded facts about real servers.
"""
import argparse
import datetime
import http.server
import json
import os
import re
import ssl
import sys
import threading
import time

BASES = {
    "/OpenAttestationWebServices/V1.0": "1.0",
    "/AttestationService/resources": None,  # as --generation says
}
LEVELS = ("trusted", "untrusted", "unknown", "timeout", "pending")
FORBIDDEN_1X = re.compile(r"[#&+:\"']")
FAULT_1X = {400: "BadRequest", 401: "Unauthorized", 404: "ItemNotFound", 500: "AttestationServersFault"}
BODY_MAX = 1 << 20


def vtime_1x(when):
    """XML dateTime in the server's zone, milliseconds, colon in the offset."""
    local = when.astimezone()
    text = local.strftime("%Y-%m-%dT%H:%M:%S.") + "%03d" % (local.microsecond // 1000) + local.strftime("%z")
    return text[:-2] + ":" + text[-2:]


def vtime_2x(when):
    """UTC, milliseconds, no colon in the offset."""
    utc = when.astimezone(datetime.timezone.utc)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + "%03d+0000" % (utc.microsecond // 1000)


class Refusal(Exception):
    def __init__(self, status, text, code=None):
        super().__init__(text)
        self.status, self.text, self.code = status, text, code


class Host:
    def __init__(self, state, name):
        self.level, self.words, self.changed = "unknown", [], None
        path = os.path.join(state, name)
        if "/" in name or name.startswith((".", "@")) or not os.path.isfile(path):
            return
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        self.changed = datetime.datetime.fromtimestamp(os.stat(path).st_mtime, datetime.timezone.utc)
        self.level = lines[0].strip() if lines else "unknown"
        self.words = lines[1].split() if len(lines) > 1 else []

    def delay(self):
        return sum(float(w.split("=")[1]) for w in self.words if w.startswith("delay="))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, options):
        super().__init__(("127.0.0.1", options.port), Handler)
        self.options = options
        self.lock = threading.Lock()
        self.polls = {}  # hosts being polled now
        self.requests = self.overlaps = self.largest = self.at_once = self.peak = 0

    def handle_error(self, request, client_address):
        """Clients may leave at any time; that is no event."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Apache-Coyote/1.1"
    sys_version = ""

    def log_message(self, format, *args):
        if self.server.options.verbose:
            sys.stderr.write("%s\n" % (format % args))

    def send(self, status, body, kind="application/json", generation=None):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)  # with Date
        if generation and generation.startswith("1"):
            self.send_header("Location", "http://127.0.0.1%s" % self.base)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.base = ""
        if self.path == "/double/statistics":  # not of the real server: what a test wants to know
            s = self.server
            self.send(200, json.dumps({"requests": s.requests, "overlaps": s.overlaps, "largest": s.largest, "peak": s.peak}))
            return
        self.send(404, "<html><body>this is a double of an OpenAttestation server</body></html>", "text/html")

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(min(size, BODY_MAX))
        self.base = next((b for b in BASES if self.path == b + "/PollHosts"), None)
        if self.base is None:
            self.base = ""
            self.send(404, "<html><body>HTTP Status 404</body></html>", "text/html")
            return
        generation = BASES[self.base] or self.server.options.generation
        try:
            if self.stumble():
                return
            self.answer(generation, body)
        except Refusal as r:
            self.fault(generation, r)

    def stumble(self):
        path = os.path.join(self.server.options.state, "@fault")
        if not os.path.isfile(path):
            return False
        with open(path, encoding="utf-8") as f:
            kind = f.read().strip()
        if kind == "close":
            self.close_connection = True
        elif kind == "html":
            self.send(500, "<html><head><title>Apache Tomcat/7.0.26 - Error report</title></head></html>", "text/html;charset=utf-8")
        elif kind == "garbage":
            self.send(200, "{\"hosts\": [", "application/json")
        else:
            raise Refusal(int(kind), "as ordered")
        return True

    def fault(self, generation, r):
        if generation.startswith("2"):  # 2.x answers 400 to everything, and its code is a name
            self.send(400, json.dumps({"error_code": r.code or "SYSTEM_ERROR", "error_message": r.text}))
        else:
            name = FAULT_1X.get(r.status, "UnknownFault")
            body = {"code": r.status, "name": name, "message": r.text, "detail": ""}
            self.send(r.status, json.dumps(body), generation=generation)

    def names(self, generation, ask):
        names = ask.get("hosts")
        if isinstance(names, str):  # Folsom Nova sent one bare string
            names = [names]
        if not isinstance(names, list) or not names:
            raise Refusal(500, "no hosts", "SYSTEM_ERROR")
        if generation == "1.0" and int(ask.get("count", 0)) < len(names):
            raise Refusal(500, "ArrayIndexOutOfBoundsException")  # the count is its array size
        for name in names:
            if generation.startswith("1") and (not 1 <= len(name) <= 50 or FORBIDDEN_1X.search(name)):
                raise Refusal(500, "bad host name")
        return names

    def answer(self, generation, body):
        arrived = datetime.datetime.now(datetime.timezone.utc)
        try:
            ask = json.loads(body)
            names = self.names(generation, ask)
        except (ValueError, AttributeError, TypeError) as e:
            raise Refusal(400 if generation.startswith("2") else 500, "cannot be read") from e
        s = self.server
        hosts = [(n, Host(s.options.state, n)) for n in names]
        with s.lock:
            s.requests += 1
            s.largest = max(s.largest, len(names))
            s.at_once += 1
            s.peak = max(s.peak, s.at_once)
            s.overlaps += sum(1 for n in names if s.polls.get(n))
            for n in names:
                s.polls[n] = s.polls.get(n, 0) + 1
        try:
            time.sleep(max([h.delay() for _, h in hosts] + [0]))  # the server holds the request until the slowest host has answered
        finally:
            with s.lock:
                s.at_once -= 1
                for n in names:
                    s.polls[n] -= 1
        self.send(200, json.dumps({"hosts": self.entries(generation, ask, hosts, arrived)}), generation=generation)

    def entries(self, generation, ask, hosts, arrived):
        out = []
        for name, host in hosts:
            if "absent" in host.words:
                continue
            out.append(self.entry(generation, ask, name, host, arrived))
            if "twice" in host.words:
                out.append(dict(out[-1], trust_lvl="untrusted" if host.level == "trusted" else "trusted"))
        return out

    def entry(self, generation, ask, name, host, arrived):
        first = generation.startswith("1")
        when = datetime.datetime.now(datetime.timezone.utc) if first else arrived
        if "frozen" in host.words:
            when = host.changed
        if "future" in host.words:
            when += datetime.timedelta(hours=1)
        level = host.level if first or host.level in LEVELS[:3] else "unknown"
        e = {"host_name": name, "trust_lvl": level}
        if "no-vtime" not in host.words and level != "pending":
            e["vtime"] = vtime_1x(when) if first else vtime_2x(when)
        if first and ask.get("PCRmask"):
            e["pcr_values"] = self.pcrs(generation, int(ask["PCRmask"], 16))
        if generation == "1.7" and ask.get("analysisType"):
            details = [{"name": n.split(",")[0], "result": "pass" if level == "trusted" else "fail", "status": "ok", "output": "of the double"}
                       for n in ask["analysisType"].split(";") if n]
            e.update(report_is_valid="true", url="http://portal/OAT/report.php?id=7",
                     analysis_details=details[0] if len(details) == 1 else details)
        return e

    def pcrs(self, generation, mask):
        mapped = generation in ("1.6", "1.7")  # strings throughout, and a list of one is its element
        rows = [{"number": str(i) if mapped else i, "value": "%040X" % (i * 0x1111)} for i in range(24) if mask >> i & 1]
        return rows[0] if mapped and len(rows) == 1 else rows


def main():
    p = argparse.ArgumentParser(description="a double of an OpenAttestation server")
    p.add_argument("--port", type=int, default=0, help="0: any; printed as the first line")
    p.add_argument("--state", required=True, help="directory with one file per host")
    p.add_argument("--generation", default="1.7", choices=["1.5", "1.6", "1.7", "2.0", "2.3"], help="what /AttestationService is")
    p.add_argument("--cert")
    p.add_argument("--key")
    p.add_argument("--ca", help="whose client certificates are accepted")
    p.add_argument("--require-cert", action="store_true", help="the real server only wants a client certificate")
    p.add_argument("--verbose", action="store_true")
    options = p.parse_args()
    server = Server(options)
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
        if options.ca:
            context.load_verify_locations(options.ca)
            context.verify_mode = ssl.CERT_REQUIRED if options.require_cert else ssl.CERT_OPTIONAL
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
