# SPDX-License-Identifier: Apache-2.0
"""A fake of the placement service and of Keystone's token request, for faults the real ones do not make on demand. Its answers are those that
were recorded from placement 8.0.0 and Keystone 22; tests/nova/traits_test.py runs the same bridge against the real placement.

It keeps a diary of requests, and refuses what the bridge must never send: `wrong` lists such things."""
import collections
import http.server
import json
import re
import ssl
import threading
import time
import uuid
from urllib.parse import parse_qs, urlsplit

PASSWORD, USER = "pass:w\"ord", "spice"
NAME = re.compile(r"CUSTOM_[A-Z0-9_]+$")


class Provider:
    def __init__(self, name, key=None, traits=()):
        self.name, self.uuid, self.traits, self.generation = name, key or str(uuid.uuid4()), list(traits), 1


class Placement:
    api = "placement 1."  # what the version header begins with

    """with Placement(ours={"CUSTOM_X"}) as p: p.url ...   fault: None, 500, "hang", "garbage", "flood", "close"; conflicts: next so many PUTs are refused."""

    def __init__(self, ours, auth=None, life_s=3600, tls=None):
        """tls: (certificate, key) paths."""
        self.ours, self.auth, self.life_s = set(ours), auth, life_s
        self.lock = threading.RLock()
        self.providers, self.known = {}, {"COMPUTE_NODE", "HW_CPU_X86_VMX"}
        self.fault, self.conflicts, self.slow_s = None, 0, 0.0
        self.released = threading.Event()
        self.tokens, self.logins = {}, 0
        self.diary, self.wrong, self.times = collections.Counter(), [], []
        self.now, self.most = 0, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def handle_any(self):
                outer.serve(self)

            do_GET = do_PUT = do_POST = do_DELETE = handle_any

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, address):  # a client that goes away, or that refuses the certificate
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_address[1]}"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def add(self, name, key=None, traits=()):
        provider = Provider(name, key, traits)
        with self.lock:
            self.known |= set(traits)
            self.providers[provider.uuid] = provider
        return provider

    def having(self, trait):
        with self.lock:
            return sorted(p.name for p in self.providers.values() if trait in p.traits)

    # -- one request ----------------------------------------------------------------------------

    def serve(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.times.append(time.monotonic())
        try:
            self.answer(h, body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with self.lock:
                self.now -= 1

    def reply(self, h, status, document=None, headers=()):
        body = b"" if document is None else json.dumps(document).encode()
        h.send_response(status)
        for name, value in headers:
            h.send_header(name, value)
        if status != 204:
            h.send_header("Content-Type", "application/json")
            h.send_header("Content-Length", str(len(body)))
        h.end_headers()
        h.wfile.write(body)

    def error(self, h, status, code="placement.undefined_code"):
        self.reply(h, status, {"errors": [{"status": status, "title": "x", "detail": "x", "code": code, "request_id": "req-1"}]})

    def login(self, h, body):
        who = json.loads(body)["auth"]
        self.logins += 1
        identity = who["identity"]
        good = identity["methods"] == ["password"] and identity["password"]["user"] == {
            "name": USER, "domain": {"name": "Default"}, "password": PASSWORD} and who["scope"] == {
            "project": {"name": "service", "domain": {"name": "Default"}}}
        if identity["methods"] == ["application_credential"]:
            good = identity["application_credential"] == {"id": USER, "secret": PASSWORD} and "scope" not in who
        if not good:
            return self.reply(h, 401, {"error": {"code": 401, "message": "no", "title": "Unauthorized"}})
        token, now = "gAAAA" + uuid.uuid4().hex, time.time()
        self.tokens[token] = now + self.life_s
        stamp = [time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(t)) for t in (now, now + self.life_s)]
        return self.reply(h, 201, {"token": {"issued_at": stamp[0], "expires_at": stamp[1], "methods": identity["methods"]}}, [("X-Subject-Token", token)])

    def misbehave(self, h):
        if self.fault == "hang":
            self.released.wait(600)
        elif self.fault == "garbage":
            h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"resource_providers\":")
        elif self.fault == "flood":
            h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
            while True:
                h.wfile.write(b" " * 65536)
        elif self.fault != "close":
            return self.error(h, self.fault)
        h.close_connection = True

    def answer(self, h, body):
        url = urlsplit(h.path)
        if h.command == "POST" and url.path == "/v3/auth/tokens":
            return self.login(h, body)
        if self.fault is not None:
            return self.misbehave(h)
        if self.slow_s:
            time.sleep(self.slow_s)
        if self.auth == "token" and h.headers.get("X-Auth-Token") != PASSWORD or \
                self.auth == "keystone" and self.tokens.get(h.headers.get("X-Auth-Token"), 0) < time.time():
            return self.error(h, 401)
        if not h.headers.get("OpenStack-API-Version", "").startswith(self.api):
            self.wrong.append(f"{h.command} {h.path}: without version")
        with self.lock:
            return self.act(h, url, body)

    def act(self, h, url, body):
        parts = url.path.strip("/").split("/")
        if h.command == "PUT" and parts[0] == "traits":
            self.diary["create"] += 1
            if parts[1] not in self.ours:
                self.wrong.append(f"made {parts[1]}")
            if not NAME.match(parts[1]):
                return self.error(h, 400)
            new = parts[1] not in self.known
            self.known.add(parts[1])
            return self.reply(h, 201 if new else 204)
        if h.command == "GET" and parts == ["resource_providers"]:
            required = parse_qs(url.query).get("required")
            self.diary["who" if required else "all"] += 1
            if required and required[0] not in self.known:
                return self.error(h, 400)
            return self.reply(h, 200, {"resource_providers": [
                {"uuid": p.uuid, "name": p.name, "generation": p.generation, "root_provider_uuid": p.uuid, "parent_provider_uuid": None,
                 "links": []} for p in self.providers.values() if not required or required[0] in p.traits]})
        provider = self.providers.get(parts[1]) if len(parts) == 3 and parts[0] == "resource_providers" and parts[2] == "traits" else None
        if provider is None:
            return self.error(h, 404, "placement.resource_provider.not_found")
        if h.command == "GET":
            self.diary["read"] += 1
            return self.reply(h, 200, {"traits": provider.traits, "resource_provider_generation": provider.generation})
        if h.command != "PUT":
            self.wrong.append(f"{h.command} {h.path}")
            return self.error(h, 405)
        return self.write(h, provider, json.loads(body))

    def write(self, h, provider, asked):
        self.diary["write"] += 1
        if self.conflicts > 0:  # an allocation came between
            self.conflicts -= 1
            provider.generation += 1
        if asked["resource_provider_generation"] != provider.generation:
            self.diary["conflict"] += 1
            return self.error(h, 409, "placement.concurrent_update")
        if not set(asked["traits"]) <= self.known:
            return self.error(h, 400)
        if [t for t in asked["traits"] if t not in self.ours] != [t for t in provider.traits if t not in self.ours]:
            self.wrong.append(f"{provider.name}: {provider.traits} became {asked['traits']}")
        if set(asked["traits"]) != set(provider.traits):
            provider.generation += 1
        provider.traits = asked["traits"]
        return self.reply(h, 200, {"traits": provider.traits, "resource_provider_generation": provider.generation})
