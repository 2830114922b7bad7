"""Seams to the database (adapters in `storage`): one small port an aggregate."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from broker.domain.access_notices import AccessNotice
from broker.domain.acts import (
    IssueCode,
    JudgeRecord,
    LiftStanding,
    OpenSession,
    Redeem,
    ReopenLink,
    RevokeGrant,
    SetStanding,
    UndoLink,
)
from broker.domain.audit import AuditEvent, AuditFault, OutboxEntry, Topic
from broker.domain.guardianship import Restriction, RightTold
from broker.domain.identity import AccountKey, AttachmentView, LinkedAccount
from broker.domain.keys import ChangeKeys, StoredKey
from broker.domain.logouts import Notice
from broker.domain.people import CardReason, ChildCard, PersonView, RecordView, Reference, Space
from broker.domain.registrations import Registration
from broker.domain.services import Service
from broker.domain.sessions import (
    AccessToken,
    CodePayload,
    Redeemable,
    Session,
    SignIn,
)
from broker.domain.standings import InForce, Standing, StandingKind


class People(Protocol):
    """Read side of persons. Every child's line is read through the `may_see` condition inside the query."""

    def person(self, person_id: str, *, now: datetime) -> PersonView | None:
        """The person and the live roles behind its profiles; None when unknown, merged away or without live record."""
        ...

    def children_of(self, adult_id: str, *, now: datetime) -> tuple[ChildCard, ...]:
        """Every enrolment of every child this adult may see now, by level then given name."""
        ...

    def why(self, adult_id: str, *, now: datetime) -> tuple[CardReason, ...]:
        """For each card of `children_of`, what led to it."""
        ...

    def by_reference(self, references: Sequence[Reference], *, feeds: frozenset[str]) -> tuple[RecordView, ...]:
        """Live records of these feeds under one of these keys, frozen ones too. Nothing weaker ever finds a record.

        Fills `person_since` and `subject_since`. Always asks the database, also for no reference at all.
        """
        ...

    def sees_a_child(self, adult_ids: Sequence[str], *, now: datetime) -> bool:
        """Tell whether these persons, taken as one human, may see any child now: a restriction on one binds all.

        One query whatever the ids (also none), so that a stranger and a restricted parent take the same path.
        """
        ...

    def owner(self, person_id: str) -> str:
        """The living person this id leads to after merges (itself when none)."""
        ...


class Attachments(Protocol):
    """The records behind a person: for the command line and the helpdesk, never for a page of the person's."""

    def of_person(self, person_id: str) -> tuple[AttachmentView, ...]:
        """Every attachment of the person, whatever its state, and what is proposed to others of its records."""
        ...

    def frozen(self) -> tuple[AttachmentView, ...]:
        """Every frozen attachment, oldest first: they wait for the feed to be corrected, or for the desk."""
        ...

    def thaw(self, act: JudgeRecord) -> str:
        """Attach a frozen record again, and what was frozen along with it; returns the person.

        The feed freezes it no more. Raises `LookupError` when the record is not frozen.
        """
        ...

    def split(self, act: JudgeRecord) -> str:
        """Give a record that was joined to a person one of its own; returns the new one. Subjects stay where they were.

        What was joined beside the record, and the logins that named it alone, go with it. Raises `LookupError` when
        the record was not joined by evidence, or when a login has proven that it is the same human.
        """
        ...


class Links(Protocol):
    """Upstream accounts of persons."""

    def account(self, key: AccountKey) -> LinkedAccount | None:
        """The account under this exact key, whatever its state."""
        ...

    def accounts_of(self, person_id: str) -> tuple[LinkedAccount, ...]:
        """Every account ever linked to the person, newest first."""
        ...

    def undo(self, act: UndoLink) -> None:
        """Carry out the undo. Raises `UndoTooLate`, also when the account is not this person's."""
        ...

    def reopen(self, act: ReopenLink) -> bool:
        """Carry out the reopening; the storage names the person in the audit. False: no account that is linked."""
        ...

    def sign_ins(self, person_id: str, *, limit: int) -> tuple[SignIn, ...]:
        """The last sign-ins, newest first."""
        ...


class Guardianships(Protocol):
    """What people decide of guardianships: restrictions, and which feed is right (the facts come from feeds)."""

    def restrict(self, *, adult_id: str, child_id: str, since: datetime, audit: AuditEvent) -> Restriction:
        """Record a court restriction, effective at once and whatever any feed says."""
        ...

    def lift(self, *, adult_id: str, child_id: str, until: datetime, audit: AuditEvent) -> int:
        """End the standing restrictions of this pair; returns how many."""
        ...

    def told_of(self, person_id: str) -> tuple[RightTold, ...]:
        """What each feed says of the person as an adult or as a child: all that stands, and what was taken back."""
        ...

    def affirm(self, *, adult_id: str, child_id: str, at: datetime, audit: AuditEvent) -> int:
        """Let what feeds give this pair count from `at`, after whatever another feed took back; returns how many.

        Gives no right that no feed gives, and lifts no restriction.
        """
        ...


class Services(Protocol):
    """The register of services."""

    def all(self) -> tuple[Service, ...]:
        """Every declared service, in the order of the register."""
        ...

    def by_client(self, client_id: str) -> Service | None:
        """The service a client belongs to."""
        ...

    def by_entity(self, entity_id: str) -> Service | None:
        """The service whose SAML service provider has this name, byte for byte."""
        ...

    def by_resource(self, uri: str) -> Service | None:
        """The service that offers the API at this address."""
        ...

    def by_address(self, url: str) -> tuple[Service, ...]:
        """The services that a CAS ticket for this address may be for, in the order of the register."""
        ...


class Standings(Protocol):
    """What an administrator closed or verified: services, sources, schools, persons, links."""

    def set(self, act: SetStanding) -> int:
        """Carry out the act; returns how many sessions it ended. Raises `NoSuchSubject` for an unknown person or link.

        Saying again what stands already changes nothing but leaves its audit event.
        """
        ...

    def lift(self, act: LiftStanding) -> int:
        """End the standings of this tenant, kind, subject and state; returns how many stood."""
        ...

    def in_force(self) -> InForce:
        """What stands now of services, sources and schools."""
        ...

    def history(self, kind: StandingKind, subject: str) -> tuple[Standing, ...]:
        """Everything ever said of one, oldest first; of a person, also under the ids merged into it."""
        ...


class Sessions(Protocol):
    """Signed-in browsers."""

    def open(self, act: OpenSession) -> str:
        """Carry out the opening and return the living person's id (the survivor when the link merged persons).

        Raises `AlreadyUsed`, or `LinkAmbiguous` when a concurrent act linked the account elsewhere; `LoginExpired` for
        a session that goes on another (`continues`) once that one has ended.
        """
        ...

    def find(self, handle_digest: str, *, now: datetime) -> Session | None:
        """The live session behind a cookie; its person is the living one (merges followed)."""
        ...

    def unended(self, handle_digest: str) -> Session | None:
        """The session behind a cookie that nobody ended, also when its time is over: what was granted in it may go on.

        It opens nothing: it is asked for to be ended.
        """
        ...

    def touch(self, handle_digest: str, *, idle_until: datetime) -> None:
        """Move the idle limit of a live session; does nothing to an ended one."""
        ...

    def end(self, sid: str, *, now: datetime, audit: AuditEvent) -> None:
        """End one session and every grant made in it."""
        ...


class Grants(Protocol):
    """Codes, tokens and subjects. `issue_code`, `redeem` and `token` are hot: statements are counted in tests."""

    def subject(self, person_id: str, *, sector: str, space: Space, now: datetime) -> str:
        """The person's subject in this sector and space, drawn at first release and kept for ever."""
        ...

    def issue_code(self, act: IssueCode) -> bool:
        """Store the code and its grant.

        False, and nothing stored, when its session is over or another person's, or the pushed request was answered.
        """
        ...

    def redeemable(self, kind: Redeemable, digest: str) -> CodePayload | None:
        """What a code or refresh token stands for, used or not: asked when it could not be redeemed, to tell why."""
        ...

    def redeem(self, act: Redeem) -> CodePayload | None:
        """Claim what is redeemed, store its tokens, and return what it stood for.

        None, and nothing stored, when it is unknown, another client's, used, expired, or its grant no longer live.
        """
        ...

    def token(self, token_digest: str, *, now: datetime) -> AccessToken | None:
        """A live token of a live grant and session."""
        ...

    def revoke(self, act: RevokeGrant) -> None:
        """Revoke a grant and its tokens."""
        ...


class Consumptions(Protocol):
    """Things of others that are used once, and with which nothing else is written: client assertions."""

    def claim_assertion(self, digest: str, *, now: datetime, until: datetime) -> bool:
        """True for the first caller; False for every other. Remembered at least `until`."""
        ...


class Keys(Protocol):
    """Signing keys at rest, of every purpose."""

    def published(self) -> tuple[StoredKey, ...]:
        """Keys that are not retired, oldest first."""
        ...

    def all(self) -> tuple[StoredKey, ...]:
        """Every key there ever was, oldest first; of retired ones only the public half is left."""
        ...

    def change(self, act: ChangeKeys) -> bool:
        """Make moves and store new keys in one transaction; a key that retires loses its private half in it.

        False, and nothing is done, when another process was first: a key is not in the state it is to leave, or the
        place of a new one (one next, one active for each purpose and algorithm) is taken.
        """
        ...


class Audit(Protocol):
    """The trail. Acts write their own events; these methods are for cold acts, the sealer and the verifier."""

    def append(self, events: Sequence[AuditEvent], notices: Sequence[AccessNotice] = ()) -> None:
        """Write events outside any other act (refusals), and what a person is told of them."""
        ...

    def seal(self, tenant: str, *, now: datetime, limit: int) -> int:
        """Chain and sign the unsealed events of a tenant in commit order; returns how many were sealed."""
        ...

    def verify(self, tenant: str) -> tuple[AuditFault, ...]:
        """Recompute the chain and name every edit, deletion, reordering, truncation and unsealed row."""
        ...

    def tenants(self) -> tuple[str, ...]:
        """Tenants that have events or a chain: one whose events are all gone is still verified."""
        ...


class Outbox(Protocol):
    """What is to be told once an act has committed."""

    def due(self, *, now: datetime, limit: int, topics: Collection[Topic]) -> tuple[OutboxEntry, ...]:
        """Take due entries of these topics; two workers never take the same entry within a minute.

        None whose lane holds an earlier one that waits for a later time.
        """
        ...

    def done(self, entry_id: int, *, now: datetime, cause: str = "") -> None:
        """Close an entry: told, or never to be told for the `cause` that is named."""
        ...

    def retry(self, entry_id: int, *, due_at: datetime, cause: str) -> None:
        """Put an entry back for later."""
        ...


class Notices(Protocol):
    """Receipts of a logout."""

    def of_visit(self, visit: str) -> tuple[Notice, ...]:
        """What became of telling each client that was granted something in a visit; nothing while it lasts."""
        ...


class Purge(Protocol):
    """Something that keeps what nobody can use any more until it is swept."""

    def purge(self, *, now: datetime, limit: int) -> int:
        """Forget at most `limit` entries of each kind whose time is over; returns how many."""
        ...


class Registrations(Protocol):
    """Clients that registered themselves, until they expire. Each act writes its audit event in its own transaction."""

    def add(self, registration: Registration, *, most: int, audit: AuditEvent) -> bool:
        """Keep a new one; False, and nothing kept, when `most` live already."""
        ...

    def change(self, registration: Registration, *, audit: AuditEvent) -> bool:
        """Replace what is kept under its `client_id`; False when it is no longer there."""
        ...

    def remove(self, client_id: str, *, audit: AuditEvent) -> bool:
        """Forget one; False when it was not there."""
        ...

    def find(self, client_id: str, *, now: datetime) -> Registration | None:
        """The one of this `client_id`; None when it is unknown or expired."""
        ...

    def live(self, *, now: datetime) -> tuple[Registration, ...]:
        """All that have not expired, oldest first."""
        ...

    def stamps(self, *, now: datetime) -> tuple[tuple[str, datetime], ...]:
        """Which live, and when each last changed: differs whenever `live` does, and costs less."""
        ...
