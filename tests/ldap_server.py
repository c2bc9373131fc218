"""A real LDAP server for tests: slapd with a configuration, a certificate and people of its own, on free ports of this machine."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.prepare import slapd

SUFFIX = "dc=school,dc=test"
PEOPLE = f"ou=people,{SUFFIX}"
ADMINS = f"cn=admins,{SUFFIX}"
READER = f"cn=reader,{SUFFIX}"
PASSWORD = "the directory's own words"
_ROOT, _ROOT_PASSWORD = f"cn=root,{SUFFIX}", "only for the tests"
_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
disallow bind_anon
database mdb
suffix "{suffix}"
directory {folder}/data
rootdn "{root}"
rootpw "{password}"
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by self read by anonymous auth by * none
"""


class Directory:
    """A running directory. `people` bind with PASSWORD; READER may search with it."""

    def __init__(self, folder: Path, port: int, tls_port: int) -> None:
        self.folder, self.port, self.tls_port = folder, port, tls_port
        self.ca_file, self.other_ca_file = folder / "ca.pem", folder / "other-ca.pem"
        self._process: subprocess.Popen | None = None
        (folder / "data").mkdir()
        _certificates(folder)
        (folder / "slapd.conf").write_text(
            _CONFIGURATION.format(
                folder=folder, suffix=SUFFIX, root=_ROOT, password=_ROOT_PASSWORD, reader=READER
            )
        )

    @property
    def url(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    @property
    def start_tls_url(self) -> str:
        return f"ldap://localhost:{self.port}"

    def start(self) -> None:
        program = slapd()
        assert program, "the directory tests need slapd: run python -m tests.prepare"
        addresses = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        command = [program, "-f", str(self.folder / "slapd.conf"), "-h", addresses, "-d", "0"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.tls_port), 1):
                return
            time.sleep(0.05)
        raise AssertionError(f"slapd did not start: {(self.folder / 'log').read_text()[-800:]}")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def fill(self) -> None:
        """The tree, the reader and an empty group of administrators."""
        with self._root() as connection:
            entries: list[tuple[str, list[str], dict[str, Any]]] = [
                (SUFFIX, ["dcObject", "organization"], {"dc": "school", "o": "School"}),
                (PEOPLE, ["organizationalUnit"], {"ou": "people"}),
                (
                    READER,
                    ["organizationalRole", "simpleSecurityObject"],
                    {"cn": "reader", "userPassword": PASSWORD},
                ),
                (ADMINS, ["groupOfNames"], {"cn": "admins", "member": READER}),
            ]
            for dn, classes, attributes in entries:
                assert connection.add(dn, classes, attributes), connection.result

    def add_person(self, uid: str, **attributes: Any) -> str:
        """Somebody who can log in with PASSWORD; answers the DN."""
        dn = f"uid={ldap3.utils.dn.escape_rdn(uid)},{PEOPLE}"
        given = {"uid": uid, "cn": uid, "sn": uid, "userPassword": PASSWORD, **attributes}
        with self._root() as connection:
            assert connection.add(dn, ["inetOrgPerson"], given), connection.result
        return dn

    def change(self, dn: str, **attributes: list[str]) -> None:
        """Replace attributes of an entry; an empty list takes one away."""
        with self._root() as connection:
            changes = {name: [(ldap3.MODIFY_REPLACE, values)] for name, values in attributes.items()}
            assert connection.modify(dn, changes), connection.result

    def remove(self, dn: str) -> None:
        with self._root() as connection:
            assert connection.delete(dn), connection.result

    @contextlib.contextmanager
    def _root(self) -> Iterator[ldap3.Connection]:
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.ca_file))
        server = ldap3.Server("localhost", port=self.tls_port, use_ssl=True, tls=tls, get_info=ldap3.NONE)
        with ldap3.Connection(server, user=_ROOT, password=_ROOT_PASSWORD, check_names=False) as connection:
            yield connection


@contextlib.contextmanager
def directory(folder: Path, port: int, tls_port: int) -> Iterator[Directory]:
    """A directory of one's own, gone afterwards."""
    running = Directory(folder, port, tls_port)
    running.start()
    try:
        running.fill()
        yield running
    finally:
        running.stop()


def _certificates(folder: Path) -> None:
    """A certificate authority, the server's certificate by it, and another authority that signed nothing."""
    key, authority = _authority("Test authority")
    _, other = _authority("Another authority")
    mine = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])  # not 127.0.0.1: a name that doesn't fit
    certificate = _draft("localhost", mine.public_key(), authority.subject).add_extension(names, False)
    (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "other-ca.pem").write_bytes(other.public_bytes(serialization.Encoding.PEM))
    signed = certificate.sign(key, hashes.SHA256())
    (folder / "server.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        mine.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _authority(name: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    draft = _draft(name, key.public_key(), _name(name))
    is_authority = x509.BasicConstraints(ca=True, path_length=None)
    return key, draft.add_extension(is_authority, critical=True).sign(key, hashes.SHA256())


def _draft(name: str, key: ec.EllipticCurvePublicKey, issuer: x509.Name) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
