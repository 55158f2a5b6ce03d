#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""spice-bridge over TLS: the right name or address connects; another name, another authority, no TLS, an old TLS do not, and nothing is sent to those."""
import datetime
import ipaddress
import os
import pathlib
import shutil
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.insert(0, str(pathlib.Path(os.environ.get("SPICE_SOURCE", ".")) / "tests/support"))
from cloud import Cloud, rabbit  # noqa: E402


def certificate(directory, name, names, issuer=None):
    """Writes NAME.pem and NAME.key; issuer None: signed by itself, an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
               .issuer_name(issuer[0].subject if issuer else subject).not_valid_before(now - datetime.timedelta(days=1))
               .not_valid_after(now + datetime.timedelta(days=10))
               .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    (directory / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (directory / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return made, key


def restart(cloud, url):
    if "bridge-1" in cloud.fleet.processes:
        cloud.fleet.kill("bridge-1", 15)
    (cloud.fleet.prefix / "bridge-1.log").write_text("")
    cloud.write(url)
    cloud.fleet.start("bridge-1")


def refused(cloud, url, what):
    restart(cloud, url)
    cloud.wait_log("rabbit.lost", 4)
    assert "rabbit.up" not in cloud.log(), what


def main():
    files = pathlib.Path(tempfile.mkdtemp(prefix="spice-tls-"))
    try:
        authority, other = certificate(files, "authority", None), certificate(files, "other", None)
        del other
        certificate(files, "right", [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))], authority)
        certificate(files, "wrong", [x509.DNSName("rabbit.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))], authority)
        pem = {n: str(files / f"{n}.pem") for n in ("authority", "other", "right", "wrong")}
        with rabbit.Rabbit(tls=(pem["authority"], pem["right"], str(files / "right.key"))) as server, Cloud(server=server, nodes=False) as cloud:
            ca = f"?ssl=1&ssl_ca_file={pem['authority']}"
            for host in ("127.0.0.1", "localhost"):
                restart(cloud, server.url(port=server.tls_port, host=host, query=ca))
                cloud.wait_log("rabbit.up", 2)
            refused(cloud, server.url(port=server.tls_port, query=f"?ssl=1&ssl_ca_file={pem['other']}"), "another authority")
            refused(cloud, server.url(port=server.tls_port, query="?ssl=1"), "the system's authorities")
            refused(cloud, server.url(port=server.port, query=ca), "no TLS there")
            refused(cloud, server.url(port=server.tls_port), "TLS there and not here")
            restart(cloud, server.url(port=server.tls_port, query=ca))
            cloud.wait_log("rabbit.up", 2)
        with rabbit.Rabbit(tls=(pem["authority"], pem["wrong"], str(files / "wrong.key"))) as server, Cloud(server=server, nodes=False) as cloud:
            for host in ("127.0.0.1", "localhost"):
                refused(cloud, server.url(port=server.tls_port, host=host, query=ca), "another name")
                refused(cloud, server.url(port=server.tls_port, host=host, query=ca + "&ssl_enforce_hostname_verification=false"), "another name, check off")
        with rabbit.Rabbit(tls=(pem["authority"], pem["right"], str(files / "right.key")), conf="ssl_options.versions.1 = tlsv1.1\n") as server, \
                Cloud(server=server, nodes=False) as cloud:
            refused(cloud, server.url(port=server.tls_port, query=ca), "TLS 1.1")
    finally:
        shutil.rmtree(files)
    print("TLS: names, addresses, authorities, versions")


main()
