"""How a service is known to protocols other than OpenID Connect: as a SAML service provider, as its metadata says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SAML_CLIENT = "saml:"
"""Before the id of a service: the name under which its SAML logins are granted. No other client's holds a colon."""


class Binding(StrEnum):
    """How a SAML message travels (SAML Bindings §3)."""

    REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
    SOAP = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"


class NameIdKind(StrEnum):
    """By what a service provider knows a person: always the same there, or another one at each visit."""

    PERSISTENT = "persistent"
    TRANSIENT = "transient"


class AttributeForm(StrEnum):
    """How attributes are named: by object identifier, by the name of the descriptor, or as ÉduConnect names them."""

    OID = "oid"
    BASIC = "basic"
    FREDU = "fredu"


class Signed(StrEnum):
    """What of an answer is signed."""

    BOTH = "both"
    ASSERTION = "assertion"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a service provider. `answers` is where answers go, where that is another one (Metadata §2.2.2)."""

    binding: Binding
    location: str
    index: int = 0
    is_default: bool = False
    answers: str = ""


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """The SAML side of a service (Metadata §2.4.4). Certificates are the base64 of their DER, without line breaks.

    `acs`: where assertions may be sent, by HTTP-POST, each compared byte for byte. `wants_signed`: requests that are
    not signed are refused. `idp_initiated`: a login may begin here, without a request of its own. `until`: when its
    metadata stop being good, where they say so; `is_kept`: they come from elsewhere and are fetched anew.
    """

    entity_id: str
    acs: tuple[Endpoint, ...]
    slo: tuple[Endpoint, ...] = ()
    signing: tuple[str, ...] = ()
    encryption: tuple[str, ...] = ()
    name_id: NameIdKind = NameIdKind.PERSISTENT
    sign: Signed = Signed.BOTH
    encrypt: bool = False
    attribute_form: AttributeForm = AttributeForm.OID
    idp_initiated: bool = False
    wants_signed: bool = False
    until: datetime | None = None
    is_kept: bool = False

    def is_over(self, now: datetime) -> bool:
        """Whether its metadata have ended: nobody vouches for its addresses and keys any more."""
        return self.until is not None and now >= self.until

    @property
    def default_acs(self) -> Endpoint:
        """Where an answer goes when the request names no address (Metadata §2.4.4: isDefault, else the first)."""
        return next((each for each in self.acs if each.is_default), self.acs[0])

    def slo_by(self, *bindings: Binding) -> Endpoint | None:
        """Its logout endpoint with the first of these bindings that it has."""
        return next((each for binding in bindings for each in self.slo if each.binding is binding), None)
