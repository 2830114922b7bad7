"""CAS as the domain knows it: how a service is registered for it, what a ticket is and what one stands for.

A ticket is drawn at random and typed by its prefix; the database keeps its SHA-256 (CAS Protocol 3.0.3 §3).
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from broker.domain.audit import AuditEvent
from broker.domain.details import NO_DETAILS, PersonDetails
from broker.domain.identity import AuthnContext
from broker.domain.portraits import DetailClaims, Portrait
from broker.domain.sessions import Grant, Session

CAS_CLIENT = "cas:"
"""Before the id of a service: the name under which its CAS logins are granted. No other client's holds a colon."""

_SHORT, _LONG = 29, 43


class TicketKind(StrEnum):
    """Prefix of each kind of ticket. Only the digest of a ticket that opens something is stored."""

    SERVICE = "ST-"
    PROXY = "PT-"
    PROXY_GRANTING = "PGT-"
    PROXY_GRANTING_IOU = "PGTIOU-"


_LENGTHS = {
    TicketKind.SERVICE: _SHORT,
    TicketKind.PROXY: _SHORT,
    TicketKind.PROXY_GRANTING: _LONG,
    TicketKind.PROXY_GRANTING_IOU: _LONG,
}
"""Random characters: 172 bits where every client must take 32 characters in all (§3.1.1, §3.2.1), else 256 bits."""


class LogoutStyle(StrEnum):
    """How a service takes the news that a visit ended: as a form field, as the raw body, or not at all."""

    FORM = "form"
    BODY = "body"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CasClient:
    """The CAS side of a service.

    `services`: addresses that tickets may go to, each exact, or a prefix where it ends in `/`. `logout`: how it is told
    of a logout, at `logout_url` or, when that is empty, at the address that the ticket went to. `proxy_callbacks`:
    exact https addresses that may receive a proxy-granting ticket; `proxied_by`: services (by id) that may come here
    in a person's name.
    """

    services: tuple[str, ...]
    logout: LogoutStyle = LogoutStyle.FORM
    logout_url: str = ""
    proxy_callbacks: tuple[str, ...] = ()
    proxied_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TicketStands:
    """What a ticket stands for, fixed when it is issued.

    `service`: the address it is good for, byte for byte, without any ticket. `fresh`: the person proved who they are
    for this very ticket (`renew`, §2.1.1); `long_term`: by a session that a device of their own keeps (§4.1).
    `proxies`: callbacks that it came through, the latest first (§2.6.2).
    """

    service: str
    authn: AuthnContext
    fresh: bool = False
    long_term: bool = False
    proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IssueTicket:
    """Store a ticket (by digest) and the grant it stands for, while the session runs and is this person's.

    `mark`: the portrait that the decision was made from, empty: not asked. `through`: id of the grant whose
    proxy-granting ticket asked for it, which must not be revoked; empty: the person came themselves.
    """

    digest: str
    kind: TicketKind
    grant: Grant
    subject: str
    stands: TicketStands
    expires_at: datetime
    audit: tuple[AuditEvent, ...]
    mark: str = ""
    through: str = ""


@dataclass(frozen=True, slots=True)
class ValidateTicket:
    """Spend a ticket: its one attempt, whatever comes of it (§3.1.1).

    Good only for exactly this `service`, by kind (`proxies`: proxy tickets too) and, with `renew`, if it is fresh.
    `ticket` in clear is kept with the grant once it was good: the service knows its session by it, and it opens
    nothing any more. `claims`: what may be told; `needs`: which claims need more of a person than the portrait.
    `audit` is completed by the storage.
    """

    ticket: str
    digest: str
    service: str
    proxies: bool
    renew: bool
    claims: tuple[str, ...]
    needs: DetailClaims
    now: datetime
    audit: AuditEvent


class Verdict(StrEnum):
    """What came of an attempt at a ticket that was there to be spent."""

    GOOD = "good"
    WRONG_SERVICE = "wrong_service"
    WRONG_KIND = "wrong_kind"
    NOT_FRESH = "not_fresh"


@dataclass(frozen=True, slots=True)
class SpentTicket:
    """A ticket that was spent, what it stood for, and its person at that moment."""

    verdict: Verdict
    grant: Grant
    subject: str
    stands: TicketStands
    portrait: Portrait
    details: PersonDetails = NO_DETAILS
    child_subjects: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CasEntry:
    """A login at a service that stands: its grant, and the address that its ticket was spent for."""

    grant_id: str
    url: str


@dataclass(frozen=True, slots=True)
class EndEntries:
    """End logins at one service, in one visit that goes on, and have the service told of each by its ticket.

    One that ended in the meantime is told of no more.
    """

    grants: tuple[str, ...]
    visit: str
    audit: AuditEvent


@dataclass(frozen=True, slots=True)
class KeepProxyGrant:
    """Keep a proxy-granting ticket (by digest) beside the grant of the ticket that it came of."""

    digest: str
    grant_id: str
    proxies: tuple[str, ...]
    expires_at: datetime
    audit: AuditEvent


@dataclass(frozen=True, slots=True)
class ProxyGrant:
    """A live proxy-granting ticket: the grant it came of, its session, and the callbacks it came through."""

    grant: Grant
    session: Session
    proxies: tuple[str, ...]


def new_ticket(kind: TicketKind) -> str:
    """Draw a fresh ticket, of letters and digits alone after its prefix (§3.7)."""
    drawn, length = "", _LENGTHS[kind]
    while len(drawn) < length:  # what is left of base64 without its two signs is as random as before
        drawn += b64encode(secrets.token_bytes(48)).translate(None, b"+/=").decode()
    return kind + drawn[:length]


def is_ticket(kind: TicketKind, value: str) -> bool:
    """Tell whether `value` has the shape of a ticket of this kind (the gate before any look-up)."""
    rest = value.removeprefix(kind)
    return value.startswith(kind) and len(rest) == _LENGTHS[kind] and rest.isascii() and rest.isalnum()
