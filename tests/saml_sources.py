"""A SAML source over the whole application: the provider's files on disk, its answers, its questions."""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from broker.wire.saml import names
from broker.wire.saml.asking import AskingKey, asking_key
from tests.saml_peer import Pair, Told, encrypt, octets, pair, parsed, response_xml, sign

PROVIDER = "https://idp.example/saml"
SSO = "https://idp.example/saml/sso"
SLO = "https://idp.example/saml/slo"


def provider_metadata(*pairs: Pair, entity_id: str = PROVIDER, extra: str = "", slo: str = "") -> bytes:
    """What the provider's administrator hands over."""
    keys = "".join(
        f'<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{names.DS}"><ds:X509Data><ds:X509Certificate>'
        f"{each.certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for each in pairs
    )
    logout = f'<md:SingleLogoutService Binding="{names.REDIRECT}" Location="{slo}"/>' if slo else ""
    return (
        f'<md:EntityDescriptor xmlns:md="{names.MD}" entityID="{entity_id}"{extra}>'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{names.SAMLP}" WantAuthnRequestsSigned="true">{keys}{logout}'
        f'<md:SingleSignOnService Binding="{names.POST}" Location="{SSO}/post"/>'
        f'<md:SingleSignOnService Binding="{names.REDIRECT}" Location="{SSO}"/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    ).encode()


def pem_certificate(of: Pair) -> bytes:
    return x509.load_der_x509_certificate(of.der).public_bytes(Encoding.PEM)


def our_key() -> AskingKey:
    """The broker's key towards the provider."""
    ours = pair("sp")
    return asking_key(ours.pem, pem_certificate(ours))


def write_source(folder: Path, source_id: str = "essai", *, more: str = "", slo: str = "") -> str:
    """Put the files of a SAML source into a folder; returns its table of settings."""
    ours = pair("sp")
    (folder / "idp.xml").write_bytes(provider_metadata(pair("idp"), slo=slo))
    (folder / "sp.key").touch(mode=0o600)
    (folder / "sp.key").write_bytes(ours.pem)
    (folder / "sp.pem").write_bytes(pem_certificate(ours))
    return f"""
[[sources]]
id = "{source_id}"
kind = "saml"
tenant = "ville"
label = {{ fr = "SAML" }}
issuer = "{PROVIDER}"
metadata_file = "idp.xml"
key_file = "sp.key"
certificate_file = "sp.pem"
{more}
"""


def question(url: str) -> tuple[etree._Element, str]:
    """The request that a departure carries, and its RelayState."""
    query = dict(parse_qsl(urlsplit(url).query))
    xml = zlib.decompress(base64.b64decode(query["SAMLRequest"]), -zlib.MAX_WBITS)
    return etree.fromstring(xml), query["RelayState"]


def told_to(request: etree._Element, now: datetime, **changes: object) -> Told:
    """An honest answer to a question."""
    told = Told(
        issuer=PROVIDER,
        audience=request.findtext(names.saml("Issuer")) or "",
        recipient=request.get("AssertionConsumerServiceURL", ""),
        in_response_to=request.get("ID", ""),
        now=now,
        assertion_id=f"_a{request.get('ID', '')[1:]}",
    )
    return replace(told, **changes)  # type: ignore[arg-type]


def answer_xml(told: Told, *, kind: str = "are", by: Pair | None = None) -> bytes:
    """A response: `a` the assertion signed, `e` encrypted, `r` the response signed."""
    root = parsed(response_xml(told))
    assertion = root.find(names.saml("Assertion"))
    signer = by or pair("idp")
    if "a" in kind:
        sign(assertion, signer)
    if "e" in kind:
        encrypt(assertion, pair("sp"))
    if "r" in kind:
        sign(root, signer)
    return octets(root)


def form(xml: bytes, state: str) -> dict[str, str]:
    return {"SAMLResponse": base64.b64encode(xml).decode(), "RelayState": state}


def token_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]
