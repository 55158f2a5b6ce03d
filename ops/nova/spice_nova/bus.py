# SPDX-License-Identifier: Apache-2.0
"""The road to the bridge: oslo.messaging over the cloud's RabbitMQ. Nothing that comes this way is believed before its signature fits."""

import socket
import sys

import oslo_messaging

from . import reader

NAMESPACE, VERSION = "trust", "1.0"
LISTEN_THREADS = 1  # one message after the other: events have an order


def executor():
    """What oslo.messaging is to use for its threads. Nova decides, by patching or not patching the standard library."""
    eventlet = sys.modules.get("eventlet")
    return "eventlet" if eventlet is not None and eventlet.patcher.is_monkey_patched("thread") else "threading"


class Endpoint:
    """Fanout of the bridge."""

    target = oslo_messaging.Target(namespace=NAMESPACE, version=VERSION)

    def __init__(self, on_frames):
        self._on_frames = on_frames

    def frames(self, ctxt, bridge=None, frames=None, **_):
        self._on_frames(bridge, frames)


class OsloBus:
    """One per process, made after the fork."""

    def __init__(self, conf, on_frames):
        """on_frames(bridge, frames) is called for each fanout, from another thread, one after the other."""
        self._conf = conf
        self._transport = oslo_messaging.get_rpc_transport(conf, url=conf.spice.transport_url or None)
        # All processes of a host share the name: the queue of this name gets no messages, and one that outlives us would stay for good.
        listen = oslo_messaging.Target(exchange=conf.spice.exchange, topic=conf.spice.fanout_topic, server=host_name(conf))
        self._server = oslo_messaging.get_rpc_server(self._transport, listen, [Endpoint(on_frames)], executor=executor())
        ask = oslo_messaging.Target(exchange=conf.spice.exchange, topic=conf.spice.rpc_topic, namespace=NAMESPACE, version=VERSION)
        make = getattr(oslo_messaging, "get_rpc_client", None) or oslo_messaging.RPCClient
        self._client = make(self._transport, ask, timeout=conf.spice.call_timeout, retry=1)
        # A bridge that works on a snapshot gives signs of life, so a large one may take longer; after stale_after it would prove nothing.
        self._whole = self._client.prepare(timeout=max(conf.spice.stale_after, conf.spice.call_timeout),
                                           call_monitor_timeout=conf.spice.call_timeout)

    def listen(self):
        """Returns once the fanout queue is bound; waits as long as the message bus is away."""
        self._server.start(override_pool_size=LISTEN_THREADS)

    def close(self):
        self._transport.cleanup()

    def ask(self, method, nonce):
        """The answer of a bridge to method(nonce), both base64; raises when there is none."""
        return (self._whole if method == reader.SNAPSHOT_ASK else self._client).call({}, method, nonce=nonce)


def host_name(conf):
    """Nova's name of this host."""
    return getattr(conf, "host", None) or socket.gethostname()
