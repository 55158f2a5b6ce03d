#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starts one of Nova's own programs as its package would, for nova_bed.py: Debian's library packages come without the scripts.

    nova_daemon.py conductor|scheduler --config-file F...
    nova_daemon.py computes --config-file F HOST...      several nova-compute services in one process
    nova_daemon.py placement PORT [PROCESSES REQUESTS]   placement behind a plain WSGI server; each request goes to a file
    nova_daemon.py api --config-file F PORT [keystone]   the compute API behind a plain WSGI server; without Keystone: token admin:PROJECT
    nova_daemon.py keystone PORT REQUESTS                Keystone behind a plain WSGI server; each request goes to a file
    nova_daemon.py manage-tool|placement-tool|keystone-tool ARGS...
    nova_daemon.py client --config-file F                lines of JSON in and out: asks the scheduler as nova-conductor does"""

import json
import sys


def conductor():
    from nova.cmd.conductor import main
    return main()


def scheduler():
    from nova.cmd.scheduler import main
    return main()


def manage_tool():
    from nova.cmd.manage import main
    return main()


def placement_tool():
    from placement.cmd.manage import main
    return main()


def keystone_tool():
    from keystone.cmd.manage import main
    return main()


def noting(application, path):
    """The same, with the time, method and path of each request in a file of lines."""
    import os
    import time
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def noted(environ, start_response):
        os.write(fd, f"{time.monotonic():.6f} {environ['REQUEST_METHOD']} {environ['PATH_INFO']}\n".encode())
        return application(environ, start_response)
    return noted


def serve(port, make, threads, processes=1):
    """make() gives the application, in each process: before that nothing is open that two of them must not share."""
    import ctypes
    import os
    import signal
    import socketserver
    from wsgiref import simple_server

    class Plain(simple_server.WSGIServer):
        request_queue_size = 64

    class Threads(socketserver.ThreadingMixIn, Plain):
        daemon_threads = True

    class Quiet(simple_server.WSGIRequestHandler):
        def log_message(self, *args):
            pass

    server = simple_server.make_server("127.0.0.1", port, None, Threads if threads else Plain, Quiet)
    for _ in range(processes - 1):  # they take connections of one socket, and end with the first
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            break
    server.set_app(make())
    server.serve_forever()


def placement():
    port, processes, requests = int(sys.argv[1]), int((sys.argv[2:] or [1])[0]), (sys.argv[3:] or [None])[0]
    del sys.argv[1:]

    def make():
        from placement.wsgi import init_application
        return noting(init_application(), requests) if requests else init_application()
    serve(port, make, True, processes)


def keystone():
    port, requests = int(sys.argv[1]), sys.argv[2]
    del sys.argv[1:]

    def make():
        from keystone.server.wsgi import initialize_public_application
        return noting(initialize_public_application(), requests)
    serve(port, make, False)


def api():
    checked = sys.argv[-1] == "keystone" and sys.argv.pop()
    port = int(sys.argv.pop())
    import nova.cmd.api_os_compute  # noqa: F401  patches what eventlet needs
    from nova import config, objects, rpc
    from nova.api import openstack
    from nova.api.openstack import auth, compute

    config.parse_args(sys.argv)
    objects.register_all()
    rpc.init(config.CONF)

    def make():
        if not checked:
            return openstack.FaultWrapper(auth.NoAuthMiddleware(compute.APIRouterV21()))
        from keystonemiddleware import auth_token
        from nova.api.auth import NovaKeystoneContext
        context = NovaKeystoneContext(compute.APIRouterV21())
        return openstack.FaultWrapper(auth_token.AuthProtocol(context, {"oslo_config_config": config.CONF}))
    serve(port, make, False)


def split_hosts():
    """Takes the host names off the command line."""
    hosts = []
    while sys.argv[-2] != "--config-file":
        hosts.insert(0, sys.argv.pop())
    return hosts


def computes():
    hosts = split_hosts()
    import nova.cmd.compute as cmd
    from oslo_service import service as oslo_service

    cmd.config.parse_args(sys.argv)
    cmd.logging.setup(cmd.CONF, "nova")
    cmd.priv_context.init(root_helper=cmd.shlex.split(cmd.utils.get_root_helper()))
    cmd.objects.register_all()
    cmd.os_vif.initialize()
    cmd.nova.db.main.api.DISABLE_DB_ACCESS = True
    cmd.objects_base.NovaObject.indirection_api = cmd.conductor_rpcapi.ConductorAPI()
    cmd.objects.Service.enable_min_version_cache()
    launcher = oslo_service.ServiceLauncher(cmd.CONF)
    launcher.services.tg = type(launcher.services.tg)(len(hosts) + 10)
    for host in hosts:
        launcher.launch_service(cmd.service.Service.create(host=host, binary="nova-compute", topic=cmd.compute_rpcapi.RPC_TOPIC))
    launcher.wait()


def request_spec(context, question):
    from nova import objects
    from oslo_utils import uuidutils

    specs = question.get("extra_specs") or {}
    flavor = objects.Flavor(context, id=1, flavorid="1", name="m1.test", memory_mb=64, vcpus=1, root_gb=0, ephemeral_gb=0, swap=0, rxtx_factor=1.0,
                            vcpu_weight=0, disabled=False, is_public=True, description=None, extra_specs=specs)
    count = question.get("count", 1)
    uuids = [uuidutils.generate_uuid() for _ in range(count)]
    spec = objects.RequestSpec.from_components(
        context, uuids[0], objects.ImageMeta(properties=objects.ImageMetaProps()), flavor, None, objects.InstancePCIRequests(requests=[]), {}, None,
        None, project_id=context.project_id, user_id=context.user_id)
    spec.num_instances = count
    host = question.get("rebuild_on")
    if host:  # as the API does for a rebuild with another image
        spec.requested_destination = objects.Destination(host=host, node=host)
        spec.force_hosts, spec.force_nodes = [host], [host]
        spec.scheduler_hints = {"_nova_check_type": ["rebuild"]}
    if question.get("force"):
        spec.force_hosts = [question["force"]]
    return spec, uuids


def client():
    import nova.conf
    from nova import config, context, exception, objects
    from nova.scheduler import rpcapi
    from nova.scheduler.client import report

    config.parse_args(sys.argv)
    objects.register_all()
    ctxt = context.RequestContext("user", "project", is_admin=True)
    scheduler_api, placement_client = rpcapi.SchedulerAPI(), report.SchedulerReportClient()

    patience = config.CONF.rpc_response_timeout

    def select(question):
        config.CONF.set_override("rpc_response_timeout", question.get("patience", patience))
        spec, uuids = request_spec(ctxt, question)
        try:
            chosen = scheduler_api.select_destinations(ctxt, spec, uuids, return_objects=True, return_alternates=False)
        except exception.NoValidHost as error:
            return {"host": None, "hosts": [], "why": str(error)}
        finally:
            for uuid in uuids:
                placement_client.delete_allocation_for_instance(ctxt, uuid, force=True)
        hosts = [c[0].service_host for c in chosen]
        return {"host": hosts[0], "hosts": hosts}

    for line in sys.stdin:
        try:
            answer = select(json.loads(line))
        except Exception as error:  # the test is to see it
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    WHAT = sys.argv.pop(1)
    sys.argv[0] = "nova-" + WHAT
    sys.exit({"conductor": conductor, "scheduler": scheduler, "computes": computes, "placement": placement, "manage-tool": manage_tool,
              "placement-tool": placement_tool, "client": client, "api": api, "keystone": keystone, "keystone-tool": keystone_tool}[WHAT]())
