"""What the pages are given: every part built by `broker.app`, named once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.accounts.passkeys import Passkeys
from broker.accounts.reaching import Reaching
from broker.accounts.second_factors import SecondFactors
from broker.domain.clock import Clock
from broker.domain.ports import (
    AccessNotices,
    Current,
    Holdings,
    Ledger,
    Links,
    LoginFaults,
    Notices,
    People,
    Places,
    Services,
    YoungClasses,
)
from broker.federation import Federation, Passwords, WaysIn
from broker.helpdesk.rooms import Helpdesk
from broker.portal import Sandbox
from broker.protocol.oidc.device_desk import DeviceDesk
from broker.protocol.saml.logout import SamlFrames
from policies import PolicyBook


@dataclass(frozen=True, slots=True)
class SourceOffer:
    """A source as pages show it: its label by language, and the origins its login may pass through."""

    source_id: str
    label: Mapping[str, str]
    origins: Current[tuple[str, ...]]
    own: bool = False
    """Its secrets are kept here: its page leads to codes and to what was lost."""


@dataclass(frozen=True, slots=True)
class FeedLabel:
    """A feed as pages name it: which académie, and `1D` (écoles) or `2D` (collèges, lycées)."""

    academie: str
    degree: str


@dataclass(frozen=True, slots=True)
class PageParts:
    """Everything `create_pages` needs. `issuer` is the only base of addresses; `csrf_key` seals forms and notices."""

    issuer: str
    csrf_key: bytes
    clock: Clock
    federation: Federation
    passwords: Passwords
    factors: SecondFactors
    people: People
    links: Links
    places: Places
    young_classes: YoungClasses
    ledger: Ledger
    holdings: Holdings
    notices: Notices
    login_faults: LoginFaults
    access_notices: AccessNotices
    services: Current[Services]
    policies: Current[PolicyBook]
    sources: Mapping[str, SourceOffer]
    feeds: Mapping[str, FeedLabel]
    healthy: Callable[[], bool]
    devices: DeviceDesk
    sandbox: Sandbox | None = None
    saml_frames: SamlFrames | None = None
    ways_in: WaysIn | None = None
    reaching: Reaching | None = None
    helpdesk: Helpdesk | None = None
    time_zone: str = "Europe/Paris"

    @property
    def passkeys(self) -> Passkeys:
        """Passkeys, which are good at this issuer alone."""
        return Passkeys(self.factors, self.issuer)
