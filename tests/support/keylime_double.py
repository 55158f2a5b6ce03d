#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A double of a Keylime verifier (API 2.x). It is a fake: it attests nobody.

It answers the list of agents in the shape of the real verifier, for tests and demonstrations. What it knows of an agent is a file of that
name in the state directory, read at each request. The first line is one of

    pass         attested once more for each request after the first, state 3
    retry        state 4: the verifier cannot reach it just now and still says PASS; nothing is counted
    frozen       PASS, and nothing moves
    replay       what was said the first two times, again and again
    back         each request counts less
    clock-back   counts on, but the time of the last attestation goes back
    old          counts on, but every attestation is dated an hour ago
    future       counts on, and is dated an hour ahead
    nulls        PASS without count and times, as after an upgrade
    failed       state 7 with an event of the measurement list
    invalid      state 9
    lost         state 7 because the node was not reachable
    started registered terminated tenant-failed     the other states
    push-pass push-fail push-timeout push-pending push-frozen   push mode: no state number, no contact address

and a second line may hold words: nopolicy, twice (the agent is named twice), old-release (no attestation_status), ip=ADDRESS, odd=FIELD (a
field that is a list), extra=FIELD (a field named twice). The file @fault makes every list wrong: close, html, garbage, deep, uuids, huge, or
an HTTP status.
"""
import argparse
import json
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSIONS = ["1.0", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "3.0"]
STATES = {"pass": 3, "retry": 4, "frozen": 3, "replay": 3, "back": 3, "clock-back": 3, "old": 3, "future": 3, "nulls": 3, "failed": 7, "invalid": 9,
          "lost": 7, "started": 1, "registered": 0, "terminated": 8, "tenant-failed": 10}
EVENTS = {"failed": "ima.validation.ima-ng.not_in_allowlist", "invalid": "qoute_validation.quote_validation", "lost": "internal.verifier.not_reachable"}
PERIOD = 2


class Agent:
    """State of one file over the requests."""

    def __init__(self):
        self.count = 10
        self.first = int(time.time())
        self.said = []

    def numbers(self, mode):
        now = int(time.time())
        self.count += 1
        if mode in ("retry", "frozen", "push-frozen"):
            return 10, self.first, self.first
        if mode == "back":
            return 1000 - self.count, now, now
        if mode == "clock-back":
            return self.count, now, now - 10 * (self.count - 10)
        if mode == "old":
            return self.count, now - 3600, now - 3600
        if mode == "future":
            return self.count, now + 3600, now + 3600
        if mode == "nulls":
            return None, None, None
        if mode in ("started", "registered", "push-pending"):
            return 0, 0, 0
        if mode in ("failed", "invalid"):
            return 10, now, self.first
        if mode == "replay":
            if len(self.said) < 2:
                self.said.append((self.count, now, now))
                return self.said[-1]
            self.said.append(self.said[len(self.said) % 2])
            return self.said[-1]
        return self.count, now, now


def word(mode):
    if mode.startswith("push-"):
        return {"push-pass": "PASS", "push-frozen": "PASS", "push-fail": "FAIL", "push-timeout": "TIMEOUT", "push-pending": "PENDING"}[mode]
    state = STATES[mode]
    return "PASS" if state in (3, 4, 5, 6) else "FAIL" if state in (7, 9, 10) else "PENDING"


def status(agent, mode, words):
    """The object of one agent, members in the verifier's order."""
    count, received, succeeded = agent.numbers(mode)
    push = mode.startswith("push-")
    ip = next((w[3:] for w in words if w.startswith("ip=")), None if push else "127.0.0.1")
    policy = 0 if "nopolicy" in words else 1
    bad = word(mode) == "FAIL"
    s = {"operational_state": None if push else STATES[mode], "v": None, "ip": ip, "port": None if push else 9002,
         "tpm_policy": "{\"mask\": \"0x400\"}", "meta_data": "{}", "has_mb_refstate": 0, "has_runtime_policy": policy,
         "accept_tpm_hash_algs": ["sha512", "sha384", "sha256"], "accept_tpm_encryption_algs": ["ecc", "rsa"],
         "accept_tpm_signing_algs": ["ecschnorr", "rsassa"], "hash_alg": "sha256", "enc_alg": "rsa", "sign_alg": "rsassa",
         "verifier_id": "default", "verifier_ip": "127.0.0.1", "verifier_port": 8881, "severity_level": 6 if bad else None,
         "last_event_id": EVENTS.get(mode, "policy_violation" if bad else None), "attestation_count": count, "last_received_quote": received,
         "last_successful_attestation": succeeded}
    if "old-release" not in words:
        s.update(attestation_status=word(mode), attestation_period="%ds" % PERIOD, maximum_attestation_interval="%ds" % (5 * PERIOD))
    for w in words:
        if w.startswith("odd="):
            s[w[4:]] = [1]
    return s


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, options):
        super().__init__(("127.0.0.1", options.port), Handler)
        self.options = options
        self.lock = threading.Lock()
        self.agents = {}
        self.lists = self.at_once = self.peak = 0

    def handle_error(self, request, client_address):
        if self.options.verbose:  # a client without the right certificate is no news
            super().handle_error(request, client_address)

    def list(self):
        rows = []
        with self.lock:
            for name in sorted(os.listdir(self.options.state)):
                if name.startswith("@"):
                    continue
                with open(os.path.join(self.options.state, name), encoding="utf-8") as f:
                    lines = f.read().splitlines()
                words = lines[1].split() if len(lines) > 1 else []
                agent = self.agents.setdefault(name, Agent())
                text = json.dumps(status(agent, lines[0], words))
                for w in words:
                    if w.startswith("extra="):
                        text = text[:-1] + ', "%s": 3}' % w[6:]
                rows += [(name, text)] * (2 if "twice" in words else 1)
        return '{"code": 200, "status": "Success", "results": {%s}}' % ", ".join('"%s": %s' % r for r in rows)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "TornadoServer/6.2"
    sys_version = ""

    def log_message(self, format, *args):
        if self.server.options.verbose:
            sys.stderr.write("%s\n" % (format % args))

    def send(self, code, body, kind="application/json"):
        data = body.encode()
        self.send_response(code)  # with Date
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def say(self, code, text, results=None):
        self.send(code, json.dumps({"code": code, "status": text, "results": results if results is not None else {}}))

    def do_GET(self):
        path, _, query = self.path.partition("?")
        parts = [p for p in path.split("/") if p]
        s = self.server
        if path == "/double/statistics":  # not of the real verifier: what a test wants to know
            self.send(200, json.dumps({"lists": s.lists, "peak": s.peak}))
        elif path in ("/version", "/versions"):
            self.say(200, "Success", {"current_version": "2.6", "supported_versions": VERSIONS})
        elif len(parts) < 2 or parts[0][1:] not in VERSIONS or parts[1] != "agents":
            self.say(400, "API version not supported")
        elif self.headers.get("Authorization"):
            self.say(401, "Unauthorized")  # a token is looked at before the certificate
        elif len(parts) == 2 and "bulk" in query:
            self.bulk()
        elif len(parts) == 2:
            self.say(200, "Success", {"uuids": [[n] for n in sorted(os.listdir(s.options.state)) if not n.startswith("@")]})
        else:
            self.say(404, "agent id not found")

    def bulk(self):
        s = self.server
        with s.lock:
            s.lists += 1
            s.at_once += 1
            s.peak = max(s.peak, s.at_once)
        try:
            if not self.stumble():
                self.send(200, s.list())
        finally:
            with s.lock:
                s.at_once -= 1

    def stumble(self):
        path = os.path.join(self.server.options.state, "@fault")
        if not os.path.isfile(path):
            return False
        with open(path, encoding="utf-8") as f:
            kind = f.read().strip()
        if kind == "close":
            self.close_connection = True
        elif kind == "html":
            self.send(200, "<html></html>", "text/html")
        elif kind == "garbage":
            self.send(200, self.server.list()[:-1])
        elif kind == "deep":
            self.send(200, '{"code": 200, "status": "Success", "results": {"x": ' + '{"x": ' * 100000 + "1" + "}" * 100000 + "}}")
        elif kind == "uuids":
            self.say(200, "Success", {"uuids": [["a"], ["b"]]})
        elif kind == "huge":
            self.send(200, '{"results": {' + '"x": 0, ' * 1000000 + '"y": 0}}')
        elif kind == "no-date":
            self.send_response_only(200)
            data = self.server.list().encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        else:
            self.say(int(kind), "as ordered")
        return True


def main():
    p = argparse.ArgumentParser(description="a double of a Keylime verifier")
    p.add_argument("--port", type=int, default=0, help="0: any; printed as the first line")
    p.add_argument("--state", required=True, help="directory with one file per agent")
    p.add_argument("--cert")
    p.add_argument("--key")
    p.add_argument("--ca", help="whose client certificates are accepted; without one of them there is no connection, as with the real verifier")
    p.add_argument("--verbose", action="store_true")
    options = p.parse_args()
    server = Server(options)
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
        if options.ca:
            context.load_verify_locations(options.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
