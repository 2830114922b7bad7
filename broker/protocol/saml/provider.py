"""The identity provider: its addresses and its name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from broker.domain.ports import Current
from broker.domain.service_clients import ServiceProvider
from broker.domain.services import Service
from broker.wire.saml.metadata import OwnAddresses
from policies import SessionLimits

METADATA_PATH = "/saml/metadata"
SSO_PATH = "/saml/sso"
SSO_RESUME_PATH = "/saml/sso/resume"
SSO_INIT_PATH = "/saml/sso/init"
SLO_PATH = "/saml/slo"
SLO_RESUME_PATH = "/saml/slo/resume"
SLO_ANSWER_PATH = "/saml/slo/answer"
SOAP_PATH = "/saml/soap"

ASSERTION_LIFE = timedelta(minutes=5)
METADATA_LIFE = timedelta(days=30)
"""Long enough for a copy that somebody saved by hand and looks at once a month; a rotation is announced for weeks."""
SKEW = timedelta(minutes=3)
"""How far the clock of a service may be from ours, either way (SDP-G01)."""
MESSAGE_LIFE = timedelta(minutes=10)
"""How old a request may be: a browser brings it in seconds, a person who reads a page first in minutes."""


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """Our origin (no trailing slash) and the limits of sessions, as they are now. The name is where our metadata is."""

    issuer: str
    lives: Current[SessionLimits]

    @property
    def entity_id(self) -> str:
        """Our entityID (Metadata §2.3.2): an address of ours, so that nobody else can have it."""
        return self.issuer + METADATA_PATH

    @property
    def addresses(self) -> OwnAddresses:
        """Where messages to us go."""
        return OwnAddresses(self.issuer + SSO_PATH, self.issuer + SLO_PATH, self.issuer + SOAP_PATH)

    @property
    def scope(self) -> str:
        """What stands behind the @ of a `pairwise-id` (SAML Subject Identifier Attributes §3.4): our host."""
        return self.issuer.partition("://")[2].partition(":")[0]


@dataclass(frozen=True, slots=True)
class Provider:
    """A service and its SAML side."""

    service: Service
    declared: ServiceProvider

    @property
    def client_id(self) -> str:
        """The name under which its logins are granted."""
        return self.service.saml_client
