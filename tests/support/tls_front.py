#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS before a server that does not speak it: wants a client certificate, passes bytes on, and notes what came.

STATE/events has a line "connection" for each that came, and "handshake CLIENT VERSION CIPHER" for each that was let in, CLIENT being the
common name of its certificate. The line is there before the first byte is passed on."""
import argparse
import os
import select
import socket
import ssl
import threading
import warnings

warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what is tested
VERSIONS = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def note(options, text):
    with open(os.path.join(options.state, "events"), "a", encoding="utf-8") as f:
        f.write(text + "\n")


def leave(peer):
    """Says that this is all and reads what comes until the peer has gone: a reset could overtake the alert that tells it why."""
    try:
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(4096):
            pass
    except OSError:
        pass
    peer.close()


def pass_on(peer, options):
    with socket.create_connection(("127.0.0.1", options.to)) as server:
        while True:
            ready = [peer] if peer.pending() else select.select([peer, server], [], [])[0]
            for one, other in ((peer, server), (server, peer)):
                if one in ready:
                    data = one.recv(65536)
                    if not data:
                        return
                    other.sendall(data)


def serve(peer, options):
    try:
        peer.do_handshake()
    except OSError:
        leave(peer)
        return
    name = dict(x[0] for x in peer.getpeercert()["subject"])["commonName"]
    note(options, f"handshake {name} {peer.version()} {peer.cipher()[0]}")
    try:
        pass_on(peer, options)
    except OSError:
        pass
    peer.close()


def main():
    p = argparse.ArgumentParser(description="TLS before a server that does not speak it")
    for name in ("state", "cert", "key", "ca"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--to", type=int, required=True, help="port of the server")
    p.add_argument("--most", choices=VERSIONS, default="1.3", help="the newest version that is spoken")
    p.add_argument("--ciphers", help="OpenSSL cipher string")
    options = p.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    context.load_verify_locations(options.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    if options.ciphers:
        context.set_ciphers(options.ciphers)
    context.minimum_version = min(VERSIONS[options.most], ssl.TLSVersion.TLSv1_2)
    context.maximum_version = VERSIONS[options.most]
    open(os.path.join(options.state, "events"), "w", encoding="utf-8").close()
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)
    while True:
        peer = listener.accept()[0]
        note(options, "connection")
        peer = context.wrap_socket(peer, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=serve, args=(peer, options), daemon=True).start()


if __name__ == "__main__":
    main()
