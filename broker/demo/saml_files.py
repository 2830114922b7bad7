"""What two administrators exchange before a SAML login works: keys with their certificates, and metadata as files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import quoteattr

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from broker.demo.addresses import EDUCONNECT_SAML_HOST, Addresses
from broker.demo.saml_wire import Key, certificate_of

SOURCE = "educonnect-saml"
"""Id of the source at the broker, under which its addresses there stand."""
METADATA = "educonnect-saml.xml"
BROKER_KEY, PROVIDER_KEY = "saml-broker", "saml-educonnect"
SSO, SLO, RETURN = "/idp/profile/SAML2/Redirect/SSO", "/idp/profile/SAML2/Redirect/SLO", "/Logout"
_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_LIFE = timedelta(days=3650)


def provider_id(addresses: Addresses) -> str:
    """The provider's entityID."""
    return f"{addresses.origin(EDUCONNECT_SAML_HOST)}/idp"


def write_files(folder: Path, addresses: Addresses) -> None:
    """Write both sides' keys (kept when they are there) and the provider's metadata."""
    for name in (BROKER_KEY, PROVIDER_KEY):
        _ensure_pair(folder / "secrets", name)
    (folder / METADATA).write_text(_metadata(addresses, read_key(folder, PROVIDER_KEY)), encoding="utf-8")


def read_key(folder: Path, name: str) -> Key:
    """One side's key and its certificate."""
    secrets = folder / "secrets"
    return Key((secrets / f"{name}.key").read_bytes(), certificate_of((secrets / f"{name}.pem").read_bytes()))


def _metadata(addresses: Addresses, key: Key) -> str:
    origin = addresses.origin(EDUCONNECT_SAML_HOST)
    return (
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
        f' entityID={quoteattr(provider_id(addresses))}><md:IDPSSODescriptor WantAuthnRequestsSigned="true"'
        ' protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing">'
        '<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>'
        f"{key.certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        f'<md:SingleLogoutService Binding="{_REDIRECT}" Location={quoteattr(origin + SLO)}/>'
        f'<md:SingleSignOnService Binding="{_REDIRECT}" Location={quoteattr(origin + SSO)}/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>\n"
    )


def _ensure_pair(folder: Path, name: str) -> None:
    """Draw an RSA key and sign a certificate of it, when there is none."""
    if (folder / f"{name}.pem").exists():
        return
    key = rsa.generate_private_key(65537, 3072)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    born = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(born)
        .not_valid_after(born + _LIFE)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.key"
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
