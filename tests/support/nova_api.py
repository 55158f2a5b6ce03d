#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""nova-api beside nova_bed.py, from Debian's library package, without Keystone: the compute API on a free port of the loopback, and as much of
an image and a network service as the creation of a server asks for.

    with NovaBed(...) as bed: bed.start_base(); api = NovaApi(bed).start(); bed.start_nova(...); api.boot("name", flavor, host)

Start it before the computes: they are told of those services too."""

import http.server
import json
import pathlib
import sys
import threading
import urllib.error
import urllib.request
import uuid

HERE = pathlib.Path(__file__).resolve().parent
TOKEN = "admin:5f5c5d5e5f5c5d5e5f5c5d5e5f5c5d5e"  # noauth2: USER:PROJECT; this user is the administrator
IMAGE = "7ae26a5f-4a3b-4c66-9d42-0a8c31a3b5d1"
PASTE = """[composite:osapi_compute]
use = call:nova.api.openstack.urlmap:urlmap_factory
/: versions
/v2.1: compute
[composite:compute]
use = call:nova.api.auth:pipeline_factory_v21
keystone = faultwrap sizelimit noauth2 token app
noauth2 = faultwrap sizelimit noauth2 token app
[filter:faultwrap]
paste.filter_factory = nova.api.openstack:FaultWrapper.factory
[filter:sizelimit]
paste.filter_factory = oslo_middleware:RequestBodySizeLimiter.factory
[filter:noauth2]
paste.filter_factory = nova.api.openstack.auth:NoAuthMiddleware.factory
[filter:token]
paste.filter_factory = nova_api:token_factory
[app:app]
paste.app_factory = nova.api.openstack.compute:APIRouterV21.factory
[app:versions]
paste.app_factory = nova.api.openstack.compute.versions:Versions.factory
"""


class Others(http.server.BaseHTTPRequestHandler):
    """One image, and no network."""

    def do_GET(self):
        image = {"id": IMAGE, "name": "small", "status": "active", "visibility": "public", "size": 1, "min_disk": 0, "min_ram": 0,
                 "disk_format": "raw", "container_format": "bare", "checksum": "0" * 32, "owner": "admin", "protected": False,
                 "tags": [], "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "file": "/v2/images/x/file",
                 "schema": "/v2/schemas/image"}
        schema = {"name": "image", "properties": {name: {} for name in image}}
        lists = {name: {name.replace("-", "_"): []} for name in ("ports", "security-groups", "extensions", "networks", "floatingips")}
        asked = self.path.split("?")[0].rsplit("/", 1)[-1].removesuffix(".json")
        body = json.dumps(schema if "/schemas/" in self.path else lists.get(asked, image)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class NovaApi:
    def __init__(self, bed):
        from rabbit import free_port
        self.bed, self.port, self.url = bed, free_port(), None
        self.url = f"http://127.0.0.1:{self.port}/v2.1"

    def start(self):
        from nova_bed import PYTHON, START_S, listening, wait
        self.others = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Others)
        threading.Thread(target=self.others.serve_forever, daemon=True).start()
        folder = self.bed.folder
        (folder / "api-paste.ini").write_text(PASTE)
        url = f"http://127.0.0.1:{self.others.server_address[1]}"
        elsewhere = f"[glance]\nendpoint_override = {url}\n" \
                    f"[neutron]\nendpoint_override = {url}\nauth_type = admin_token\nendpoint = {url}\ntoken = admin\n" \
                    "[quota]\ninstances = -1\ncores = -1\nram = -1\n"
        for name in ("control", "compute"):
            path = self.bed.config[name]
            path.write_text(path.read_text() + elsewhere)
        self.bed.processes.kill("conductor")  # it speaks of images too
        self.bed._daemon("conductor")
        (folder / "api.conf").write_text(
            f"[DEFAULT]\nosapi_compute_listen = 127.0.0.1\nosapi_compute_listen_port = {self.port}\nosapi_compute_workers = 1\nenabled_apis = osapi_compute\n"
            f"[wsgi]\napi_paste_config = {folder}/api-paste.ini\n")
        self.argv = [PYTHON, HERE / "nova_api.py", "--config-file", self.bed.config["control"], "--config-file", folder / "api.conf"]
        self.bed.processes.start("api", self.argv, env={"PYTHONPATH": str(HERE)})
        wait("nova-api answers", lambda: self.bed.processes.alive("api") and listening(self.port) and self.call("GET", "/flavors"), START_S, 0.2)
        return self

    def call(self, method, path, body=None, version="2.90"):
        request = urllib.request.Request(self.url + path, method=method, data=json.dumps(body).encode() if body is not None else None,
                                         headers={"X-Auth-Token": TOKEN, "OpenStack-API-Version": f"compute {version}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()[:500]}") from None
        return json.loads(text) if text else {}

    def flavor(self, name, specs):
        flavor = self.call("POST", "/flavors", {"flavor": {"name": name, "ram": 64, "vcpus": 1, "disk": 0, "id": name}})["flavor"]["id"]
        if specs:
            self.call("POST", f"/flavors/{flavor}/os-extra_specs", {"extra_specs": specs})
        return flavor

    def boot(self, name, flavor, host=None):
        """The server's id when it runs."""
        from nova_bed import Failed, wait
        server = {"name": name, "imageRef": IMAGE, "flavorRef": flavor, "networks": "none", **({"host": host} if host else {})}
        made = self.call("POST", "/servers", {"server": server})["server"]["id"]

        def runs():
            seen = self.call("GET", f"/servers/{made}")["server"]
            if seen["status"] == "ERROR":
                raise Failed(f"{name}: {seen.get('fault')}")
            return seen["status"] == "ACTIVE"
        wait(f"{name} runs", runs, 180, 0.2)
        return made

    def delete(self, server):
        from nova_bed import wait

        def gone():
            """Asked for again until it is so: on a busy machine the first request may be lost on its way to the compute."""
            try:
                self.call("DELETE", f"/servers/{server}")
                return False
            except RuntimeError as error:
                return ": 404 " in str(error)
        wait(f"{server} is gone", gone, 300, 2)

    def service(self, host):
        return self.call("GET", f"/os-services?binary=nova-compute&host={host}")["services"][0]

    def set_service(self, host, **body):
        return self.call("PUT", f"/os-services/{self.service(host)['id']}", body)


def token_factory(global_conf, **local_conf):
    """Requests to other services carry the context's token; noauth2 sets none."""
    def wrap(app):
        def run(environ, start_response):
            environ["nova.context"].auth_token = uuid.uuid4().hex
            return app(environ, start_response)
        return run
    return wrap


if __name__ == "__main__":
    sys.argv[0] = "nova-api-os-compute"
    sys.path.insert(0, str(HERE))
    from nova.cmd.api_os_compute import main
    sys.exit(main())
