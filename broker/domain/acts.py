"""Acts: everything one transaction must do, as one value.

A hot act (issue or redeem a code, open a session) is one method of one port that takes the whole act: the claim, the
new rows, the audit events. The adapter makes it one statement or one transaction, so that "at most once" cannot be
undone by a crash between two steps. Outbox rows are not part of an act: the storage writes them in the same
transaction, because it alone knows the digests of the sessions whose copies are to be dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.access_notices import AccessNotice
from broker.domain.audit import AuditEvent
from broker.domain.desk import SaidPost
from broker.domain.identity import LinkProof
from broker.domain.sessions import CodePayload, DeviceRequest, Grant, Redeemable, ServiceToken, Session
from broker.domain.standings import StandingKind, StandingState


@dataclass(frozen=True, slots=True)
class PushedRequest:
    """A request that was pushed (RFC 9126), by digest of its handle.

    `until`, fixed when it was pushed: no login of it comes back later, and so long it is remembered as answered.
    """

    digest: str
    until: datetime


@dataclass(frozen=True, slots=True)
class IssueCode:
    """Store a code (by digest) and the grant it stands for. `audit` holds at least the event of the issuing itself.

    `spends`: the pushed request that the code answers, claimed in the same act; None for one that came openly. `mark`:
    the portrait that the decision was made from; nothing is stored once the database says otherwise. Empty: not asked.
    """

    code_digest: str
    payload: CodePayload
    audit: tuple[AuditEvent, ...]
    spends: PushedRequest | None = None
    mark: str = ""

    @property
    def issued_at(self) -> datetime:
        """The instant of the act, as its audit tells it."""
        return self.audit[0].at


@dataclass(frozen=True, slots=True)
class EnterProvider:
    """Store the grant of a login at a SAML service provider, with at least the event of the answer itself.

    `name` is what the provider is told the person is called (NameID): a logout of either side names it.
    """

    grant: Grant
    name: str
    audit: tuple[AuditEvent, ...]

    @property
    def at(self) -> datetime:
        """The instant of the act, as its audit tells it."""
        return self.audit[0].at


@dataclass(frozen=True, slots=True)
class Redeem:
    """Claim a code or refresh token of this client, unused and unexpired at `now`, and store the tokens it yields.

    The refresh token is stored only where the grant is good offline. `audit` is completed with the grant by whoever
    carries it out: it is not known before the claim. `jkt`: the key that was proven; a grant of no key is bound to it.
    """

    kind: Redeemable
    digest: str
    client_id: str
    access_digest: str
    access_until: datetime
    refresh_digest: str
    now: datetime
    audit: tuple[AuditEvent, ...]
    jkt: str = ""


@dataclass(frozen=True, slots=True)
class RevokeGrant:
    """Revoke a grant and every token made from it (RFC 6749 §4.1.2: a code used twice)."""

    grant_id: str
    reason: str
    now: datetime
    audit: tuple[AuditEvent, ...]


@dataclass(frozen=True, slots=True)
class OpenDeviceRequest:
    """Keep what a device asks, under the digests of its own code and of the one that a person copies.

    `interval`: seconds that it waits between two questions, longer by as much each time that it does not.
    """

    digest: str
    user_code: str
    request: DeviceRequest
    interval: int
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class ApproveDevice:
    """A person said yes: the device's code stands for `payload` from now on, until it expires. Once.

    `user_code` by digest. The session must still run, and be this person's, when the act is carried out.
    """

    user_code: str
    payload: CodePayload
    now: datetime
    audit: AuditEvent


@dataclass(frozen=True, slots=True)
class IssueServiceToken:
    """Store a token that a client asked for in its own name (by digest). `audit` is the event of the issuing."""

    digest: str
    token: ServiceToken
    issued_at: datetime
    audit: AuditEvent


@dataclass(frozen=True, slots=True)
class ExchangeForChild:
    """Store a token for one child (`child`: the service's own identifier, in `sector`), against a guardian's token.

    Nothing is stored unless that token (by digest) is live, was given to one of `holders`, is for no API, and its
    person may act for this child now. `audit` is completed with guardian and child by whoever carries it out.
    """

    digest: str
    guardian_token: str
    child: str
    sector: str
    holders: tuple[str, ...]
    client_id: str
    scope: tuple[str, ...]
    expires_at: datetime
    now: datetime
    audit: AuditEvent
    jkt: str = ""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Open a session after an upstream login, ending the one the browser held (a new id at every change of privilege).

    `link` is present at a first login or when references join more records: linked in the same transaction.
    `consume` is the digest of the upstream answer (assertion, ticket, code), claimed once; a second use opens nothing.
    `replaces` is the sid of the session that ends. The storage also tells which copies are to be dropped: of the
    session that ends, and of the sessions of persons who became one. `hint`: what the source wants back at a sign-out.
    `posts`: what a source of agents says of this one, all of it; None: the source has no say in it. `said_name`: what
    such a source calls the agent.
    `software`: what the browser calls itself, in two words. `notices`: what the person is told by every channel.
    """

    session: Session
    source_id: str
    consume: str
    link: LinkProof | None
    replaces: str | None
    audit: tuple[AuditEvent, ...]
    hint: str = ""
    posts: tuple[SaidPost, ...] | None = None
    said_name: str = ""
    software: str = ""
    notices: tuple[AccessNotice, ...] = ()


@dataclass(frozen=True, slots=True)
class ReopenLink:
    """Say of an account that nobody used for long that it is still its person's: it counts as used now."""

    account_id: str
    now: datetime
    audit: AuditEvent


@dataclass(frozen=True, slots=True)
class UndoLink:
    """Undo a link within its time.

    The account no longer signs in, every merge it caused is taken back exactly, the sessions and grants it opened end.
    The storage adds an audit event for every person who is separated (or joined anew on another login's own proof), and
    tells which copies of sessions are to be dropped.
    """

    account_id: str
    person_id: str
    now: datetime
    undo_since: datetime
    """Links made before this instant can no longer be undone by the person."""
    audit: tuple[AuditEvent, ...]


@dataclass(frozen=True, slots=True)
class JudgeRecord:
    """What a human decided of a record whose attachment is in doubt. `reason` is kept with it; the audit names neither.

    `audit` is completed with the person by whoever carries it out.
    """

    record_id: str
    reason: str
    now: datetime
    audit: AuditEvent


@dataclass(frozen=True, slots=True)
class SetStanding:
    """Say that something is suspended or verified from `now` on; two that stand at once do not replace each other.

    Suspending a person, a link or a source ends their sessions and grants in the same transaction, and tells which
    copies are to be dropped.
    """

    kind: StandingKind
    subject: str
    state: StandingState
    tenant: str
    reason: str
    now: datetime
    audit: AuditEvent


@dataclass(frozen=True, slots=True)
class LiftStanding:
    """Take back what this tenant said of something: the standing of another tenant stays in force.

    `notices`: told where anything was taken back.
    """

    kind: StandingKind
    subject: str
    state: StandingState
    tenant: str
    reason: str
    now: datetime
    audit: AuditEvent
    notices: tuple[AccessNotice, ...] = ()
