"""Signed metadata of tests: aggregates and lone entities, signed by xmlsec, and the certificate to believe them by."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

from broker.wire.saml.assertion import parse_own
from broker.wire.saml.keys import VerifyingKey, verifying_key
from broker.wire.saml.signing import XmlSigningKey, sign_element, signature_template
from tests.builders import NOW
from tests.saml_party import Party, key_of, stamp

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
SOON = NOW + timedelta(days=10)
PARTIES = (Party("cantine"), Party("notes"), Party("livres"))


def federation_key() -> XmlSigningKey:
    """The key of the federation."""
    return key_of("federation")


def believed(key: XmlSigningKey | None = None) -> VerifyingKey:
    """What its signatures are verified with."""
    return verifying_key(base64.b64decode((key or federation_key()).certificate))


def certificate_pem(key: XmlSigningKey | None = None) -> str:
    """The certificate as an administrator is given it."""
    lines = "\n".join(textwrap.wrap((key or federation_key()).certificate, 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def write_certificate(folder: Path) -> Path:
    """The certificate in a file."""
    path = folder / "federation.pem"
    path.write_text(certificate_pem(), "ascii")
    return path


def entities(parties: Sequence[Party] = PARTIES) -> list[str]:
    """An entity each."""
    return [party.metadata().decode() for party in parties]


def aggregate(
    inside: Sequence[str] | None = None,
    *,
    until: datetime | None = SOON,
    key: XmlSigningKey | None = None,
    attributes: str = "",
) -> bytes:
    """An aggregate, signed whole; new lines and a blank stand between its parts, as a person would write it."""
    said = f' validUntil="{stamp(until)}"' if until else ""
    signature = signature_template("_all", key or federation_key())
    body = "\n ".join(entities() if inside is None else inside)
    start = f'<md:EntitiesDescriptor xmlns:md="{MD}" ID="_all"{said}{attributes}>'
    text = f"{start}\n {signature}\n {body}\n</md:EntitiesDescriptor>"
    return signed(text, key or federation_key())


def published(made: datetime | None, *, said: str = "") -> str:
    """What an aggregate says of itself: when it was made; nothing at all for None. `said`: instead of a time."""
    if made is None and not said:
        return ""
    told = f'creationInstant="{said or stamp(made or NOW)}" publisher="urn:education"'
    rpi = "urn:oasis:names:tc:SAML:metadata:rpi"
    return f'<md:Extensions><mdrpi:PublicationInfo xmlns:mdrpi="{rpi}" {told}/></md:Extensions>'


def lone(party: Party = PARTIES[0], *, until: datetime | None = SOON, made: datetime | None = None) -> bytes:
    """One entity that signs for itself."""
    said = f' ID="_one" validUntil="{stamp(until)}"' if until else ' ID="_one"'
    text = party.metadata().decode().replace(" entityID", f"{said} entityID", 1)
    place = text.index("<md:SPSSODescriptor")
    own = signature_template("_one", federation_key()) + published(made)
    return signed(text[:place] + own + text[place:], federation_key())


def signed(text: str, key: XmlSigningKey) -> bytes:
    """The document with its signature filled in."""
    root = parse_own(text)
    sign_element(root, key)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


@cache
def self_signed(bits: int) -> bytes:
    """A certificate (DER) of an RSA key of so many bits."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "weak")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(NOW).not_valid_after(SOON)
    return dated.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
