"""The work that both do: a SAML request answered with a signed Response, a CAS ticket issued, a ticket validated.

One service, one person who is signed in. Requests and tickets are made outside the measured time.
"""

from __future__ import annotations

import base64
import re
import secrets
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from bench.http_client import Client, Cookies, Response, request
from bench.measure import Act, need

SP = "http://127.0.0.1:9999/sp"
ACS = "http://127.0.0.1:9999/acs"
CAS_SERVICE = "http://127.0.0.1:9999/cas-app/"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
_RESPONSE = re.compile(rb'name="SAMLResponse"[^>]*?value="([^"]+)"')
_TICKET = re.compile(r"ticket=(ST-[^&]+)")
_SIGNATURES = 2
"""The Response and the assertion."""


@dataclass(slots=True)
class Provider:
    """A server at `base`, with the session of a person who signed in (`cookies`); see `bench.measure.Server`.

    `share`: it is asked so many times fewer.
    """

    name: str
    base: str
    pid: int
    cookies: Cookies
    stores: tuple[int, ...] = ()
    connections: int = 8
    share: int = 1
    saml: str = "/saml/sso"
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.base)

    def get(self, path: str, *, signed_in: bool = True) -> bytes:
        """A GET, of the person's browser or of the service."""
        return request("GET", path, urlsplit(self.base).netloc, cookies=self.cookies if signed_in else None)


def sp_metadata() -> str:
    """The service as it declares itself: no keys, its requests are not signed."""
    return (
        f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{SP}"><SPSSODescriptor'
        f' AuthnRequestsSigned="false" WantAssertionsSigned="true" protocolSupportEnumeration="{SAMLP}">'
        f"<NameIDFormat>{PERSISTENT}</NameIDFormat>"
        f'<AssertionConsumerService Binding="{POST}" Location="{ACS}" index="0" isDefault="true"/>'
        "</SPSSODescriptor></EntityDescriptor>"
    )


async def prepare_saml(provider: Provider, count: int) -> list[bytes]:
    """Requests by the redirect binding, each its own."""
    return [provider.get(f"{provider.saml}?{_asked(provider.base + provider.saml)}") for _ in range(count)]


async def prepare_ticket(provider: Provider, count: int) -> list[bytes]:
    """Logins at the service by somebody who is signed in."""
    return [provider.get(f"/cas/login?{urlencode({'service': CAS_SERVICE})}")] * count


async def prepare_validate(provider: Provider, count: int) -> list[bytes]:
    """Fresh tickets, to be validated within their few seconds."""
    asked = (await prepare_ticket(provider, 1))[0]
    tickets = [_ticket_of(await provider.client.send(asked)) for _ in range(count)]
    told = [urlencode({"service": CAS_SERVICE, "ticket": ticket}) for ticket in tickets]
    return [provider.get(f"/cas/serviceValidate?{each}", signed_in=False) for each in told]


def check_saml(_: Provider, answer: Response) -> None:
    """A Response that says yes, with both signatures."""
    found = _RESPONSE.search(answer.body)
    need(answer.status == 200 and found is not None, answer, "saml")
    if found:
        text = base64.b64decode(found[1].replace(b"&#43;", b"+").replace(b"&#x2B;", b"+"))
        told = b"status:Success" in text and text.count(b"SignatureValue>") == 2 * _SIGNATURES
        need(told and SP.encode() in text, answer, "saml")


def check_ticket(_: Provider, answer: Response) -> None:
    """A ticket is sent to the service."""
    need(answer.status in {302, 303} and _ticket_of(answer) != "", answer, "cas ticket")


def check_validated(_: Provider, answer: Response) -> None:
    """The person."""
    need(answer.status == 200 and b"<cas:authenticationSuccess>" in answer.body, answer, "cas validation")


ACTS = {
    act.name: act
    for act in (
        Act("saml_response", prepare_saml, check_saml),
        Act("cas_ticket", prepare_ticket, check_ticket),
        Act("cas_validate", prepare_validate, check_validated),
    )
}


def _asked(destination: str) -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = (
        f'<samlp:AuthnRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_{secrets.token_hex(16)}" Version="2.0"'
        f' IssueInstant="{now}" Destination="{destination}" ProtocolBinding="{POST}"'
        f' AssertionConsumerServiceURL="{ACS}"><saml:Issuer>{SP}</saml:Issuer>'
        f'<samlp:NameIDPolicy Format="{PERSISTENT}" AllowCreate="true"/></samlp:AuthnRequest>'
    )
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    carried = base64.b64encode(packed.compress(text.encode()) + packed.flush()).decode()
    return urlencode({"SAMLRequest": carried, "RelayState": "r"})


def _ticket_of(answer: Response) -> str:
    found = _TICKET.search(answer.header("location"))
    return found[1] if found else ""
