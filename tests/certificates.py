"""A throw-away certificate authority for servers on loopback. Keys live and die with the test run."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK = ("localhost", *(f"127.0.0.{n}" for n in range(1, 48)))
"""Each site of the demo and the tests has an address of its own: cookies cross ports but not addresses."""

Extension = tuple[x509.ExtensionType, bool]


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """PEM files of one server."""

    certificate: Path
    key: Path


class ThrowAwayCa:
    """An EC P-256 authority that lives in one folder; `certificate` is what a client has to trust."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("throw-away test CA")
        certificate = self._build(
            self._name,
            self._key.public_key(),
            lifetime=timedelta(days=2),
            extensions=[
                (x509.BasicConstraints(ca=True, path_length=0), True),
                (_key_usage(signs_certificates=True), True),
            ],
        )
        self.certificate = folder / "ca.pem"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, *, hosts: Sequence[str] = LOOPBACK, stem: str = "server", lifetime: timedelta = timedelta(days=1)
    ) -> ServerCertificate:
        """Issue a server certificate; a negative lifetime makes one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._build(
            _name(hosts[0]),
            key.public_key(),
            lifetime=lifetime,
            extensions=[
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (_key_usage(signs_certificates=False), True),
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
                (x509.SubjectAlternativeName([_alternative(host) for host in hosts]), False),
            ],
        )
        files = ServerCertificate(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files.key.touch(mode=0o600)
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files

    def trust(self) -> ssl.SSLContext:
        """A client context that trusts this authority and no other."""
        return trusting(self.certificate)

    def _build(
        self, subject: x509.Name, public: ec.EllipticCurvePublicKey, *, lifetime: timedelta, extensions: list[Extension]
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=3))
            .not_valid_after(now + lifetime)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self._key, hashes.SHA256())


def trusting(authority: Path) -> ssl.SSLContext:
    """A client context that trusts the authority in this PEM file and no other."""
    return ssl.create_default_context(cafile=str(authority))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
