"""SAML service providers of these tests, registered as an administrator would: a descriptor and a metadata file."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from broker.demo.configuration import TENANT
from broker.demo.prepared import Tls
from tests.certificates import trusting
from tests.descriptors import REQUIRED
from tests.interop.visits import SIGN_IN_PATH, sign_in
from tests.saml_party import POST, REDIRECT, SOAP, key_of, private_pem
from tests.scripted_browser import Page, ScriptedBrowser

MELLON, SHIBBOLETH, NODE_SAML, PYTHON3_SAML, PYSAML2 = "mellon", "shibboleth", "node-saml", "python3-saml", "pysaml2"
SEALED = "shibboleth-sealed"
"""Shibboleth once more, with encrypted assertions."""
GIVEN_NAME, FAMILY_NAME = "urn:oid:2.5.4.42", "urn:oid:2.5.4.4"
_FRAME = re.compile(r'<iframe[^>]* src="([^"]+)"')
_METADATA = """\
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
  entityID="{entity_id}">
 <md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true"
   protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
  <md:KeyDescriptor{use}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>
  </ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
  {slo}
  <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>
  <md:AssertionConsumerService index="0" isDefault="true" Binding="{post}" Location="{acs}"/>
 </md:SPSSODescriptor>
</md:EntityDescriptor>
"""
_DESCRIPTOR = """\
service_id = "{name}"
tenant = "{tenant}"
names = {{ fr = "{name}" }}
purpose = "Essais."
{required}
space = "family"
profils = ["TUT"]
claims = ["given_name", "family_name", "uai"]
protocols = ["saml"]
[saml]
metadata_file = "{name}.xml"
want_signed_requests = true
encrypt = {encrypt}
sign = "{sign}"
[[instances]]
url = "{origin}/"
"""


@dataclass(frozen=True, slots=True)
class SamlParty:
    """One provider; `entity`, `acs` and `slo` (by binding) are what follows its origin.

    `encrypted`: assertions are encrypted to the one key that it has, and the response alone is signed: inside an
    encrypted assertion no signature holds for Shibboleth's service provider 3.4.
    """

    name: str
    origin: str
    entity: str = "/metadata"
    acs: str = "/retour"
    slo: Mapping[str, str] = field(default_factory=lambda: {REDIRECT: "/fin"})
    encrypted: bool = False

    @property
    def entity_id(self) -> str:
        """Its name."""
        return self.origin + self.entity

    @property
    def key(self) -> str:
        """Its private key, as PEM."""
        return private_pem(self.name).decode()

    @property
    def certificate(self) -> str:
        """The base64 of its certificate."""
        return key_of(self.name).certificate

    @property
    def certificate_pem(self) -> str:
        """The same as PEM."""
        return f"-----BEGIN CERTIFICATE-----\n{self.certificate}\n-----END CERTIFICATE-----\n"

    @property
    def metadata(self) -> str:
        """What it hands over."""
        slo = "\n  ".join(
            f'<md:SingleLogoutService Binding="{binding}" Location="{self.origin}{path}"/>'
            for binding, path in self.slo.items()
        )
        return _METADATA.format(
            entity_id=self.entity_id, certificate=self.certificate, slo=slo, post=POST, acs=self.origin + self.acs,
            use="" if self.encrypted else ' use="signing"',
        )  # fmt: skip


def register_providers(services: Path, parties: Mapping[str, SamlParty]) -> None:
    """Write a descriptor for each: services of their own, so that one's logout can be told from another's."""
    for name, party in parties.items():
        (services / f"{name}.xml").write_text(party.metadata, "utf-8")
        told = _DESCRIPTOR.format(
            name=name, tenant=TENANT, required=REQUIRED, origin=party.origin, encrypt=str(party.encrypted).lower(),
            sign="response" if party.encrypted else "both",
        )  # fmt: skip
        (services / f"{name}.toml").write_text(told, "utf-8")


def providers_at(port: int) -> dict[str, SamlParty]:
    """All of them, each at an address of its own."""
    acs = "/Shibboleth.sso/SAML2/POST"
    by_soap = {SOAP: "/Shibboleth.sso/SLO/SOAP", REDIRECT: "/Shibboleth.sso/SLO/Redirect"}
    mellon = {SOAP: "/mellon/logout", REDIRECT: "/mellon/logout"}
    listed = [
        SamlParty(MELLON, f"https://127.0.0.35:{port}", "/mellon/metadata", "/mellon/postResponse", mellon),
        SamlParty(SHIBBOLETH, f"https://127.0.0.45:{port}", "/shibboleth", acs, by_soap),
        SamlParty(SEALED, f"https://127.0.0.45:{port + 1}", "/shibboleth", acs, by_soap, encrypted=True),
        SamlParty(NODE_SAML, f"http://127.0.0.46:{port}"),
        SamlParty(PYTHON3_SAML, f"http://127.0.0.47:{port}"),
        SamlParty(PYSAML2, f"http://127.0.0.47:{port + 1}"),
    ]  # fmt: skip
    return {party.name: party for party in listed}


def fetched_metadata(broker: str, tls: Tls) -> str:
    """The broker's metadata, as a provider fetches them."""
    with httpx.Client(trust_env=False, timeout=20, verify=trusting(tls.authority)) as http:
        return http.get(f"{broker}/saml/metadata").raise_for_status().text


def go_through(browser: ScriptedBrowser, url: str) -> Page:
    """Open an address that leads to the broker; stops at the page that carries the answer to the provider."""
    browser.open(url)
    if browser.page.url.split("?")[0].endswith(SIGN_IN_PATH):
        sign_in(browser)
    return browser.page


def arrive(browser: ScriptedBrowser, url: str) -> Page:
    """The same, and press the button of that page."""
    page = go_through(browser, url)
    return browser.submit(page.forms[0])


def frames_of(page: Page) -> list[str]:
    """The addresses that a signed-out page frames."""
    return [html.unescape(address) for address in _FRAME.findall(page.body)]


def environment_of(page: Page) -> dict[str, str]:
    """What an Apache module gives to its application: the environment, as the page prints it."""
    lines = (html.unescape(line).partition("=") for line in page.body.splitlines())
    return {name: value for name, sign, value in lines if sign}
