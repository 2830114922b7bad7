"""The seams: what the inner rooms need from the outer ones, written for their consumer, at most six methods each.

Every adapter of a port passes the port's one contract suite in `tests/contract`; a new adapter is a new line there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from broker.domain.acts import IssueCode, OpenSession, RedeemCode, RevokeGrant, UndoLink
from broker.domain.audit import AuditEvent, AuditFault, OutboxEntry
from broker.domain.feed import FeedFault, FeedHeader, FeedRow
from broker.domain.guardianship import Restriction
from broker.domain.identity import AccountKey, LinkedAccount, UpstreamIdentity
from broker.domain.people import CardReason, ChildCard, PersonView, RecordView, Reference, Space
from broker.domain.services import Service
from broker.domain.sessions import AccessToken, CodePayload, Session, SignIn

# ---- sources people log in with (adapters in `connectors`) -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send the browser, and what the connector wants back at the return (state, nonce, PKCE verifier …).

    `private` never reaches the browser: federation keeps it, bound to that browser, and hands it back once.
    """

    url: str
    private: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Return:
    """What came back from the source: each query parameter exactly once (repeated ones were refused at the edge)."""

    params: Mapping[str, str]
    url: str


class RedirectConnector(Protocol):
    """A source reached by redirect: OIDC, SAML and CAS alike. Takes and returns plain values."""

    def start(self, *, return_url: str, state: str, force: bool) -> Departure:
        """Begin a login. `return_url` is this source's own callback; `force` asks for a fresh proof.

        Raises `UpstreamUnavailable`.
        """
        ...

    def finish(self, answer: Return, *, private: Mapping[str, str], now: datetime) -> UpstreamIdentity:
        """Check everything the source answered and return who it says this is.

        Raises `UpstreamRefused` (a check failed) or `UpstreamUnavailable`.
        """
        ...


class PasswordConnector(Protocol):
    """A source that checks a name and a password (LDAP)."""

    def authenticate(self, *, login: str, password: str, now: datetime) -> UpstreamIdentity:
        """Return who this is. Raises `UpstreamRefused` or `UpstreamUnavailable`; never maps an exception to success."""
        ...


class LogoutConnector(Protocol):
    """A source that can be told that its person signed out here."""

    def logout_url(self, *, hint: str, return_url: str) -> str | None:
        """Where to send the browser to end the upstream session, or None when the source offers nothing."""
        ...


class LogoutNotifier(Protocol):
    """Tells one service, in its protocol, that a session ended."""

    def notify(self, *, sid: str, subject: str, now: datetime) -> bool:
        """Return True when the service confirmed."""
        ...


# ---- feeds (adapters in `connectors`) ----------------------------------------------------------------------------


class IdentityFeed(Protocol):
    """A set of files or a directory that delivers records."""

    def open(self, paths: Sequence[Path]) -> FeedHeader:
        """Look at the set without reading it through. Raises `FeedRefused`."""
        ...

    def read(self, paths: Sequence[Path]) -> Iterator[FeedRow | FeedFault]:
        """Stream the records, schools first; memory stays flat. A malformed record is a `FeedFault`, never an end."""
        ...

    def checksum(self, paths: Sequence[Path]) -> str:
        """SHA-256 (hex) over the set's content, in order: the same delivery twice is known as such."""
        ...


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """A likeness between two guardian records of different feeds, from 0 to 1: supports a proposal, never a link."""

    left: str
    right: str
    score: float
    grounds: str


class Matcher(Protocol):
    """Scored reconciliation. Its results are at most proposed."""

    def score(self, candidates: Iterable[tuple[MatchSubject, MatchSubject]]) -> Iterator[ScoredPair]:
        """Score candidate pairs."""
        ...


@dataclass(frozen=True, slots=True)
class MatchSubject:
    """What a matcher compares of a guardian record. Contacts are compared, never shown."""

    record_id: str
    name_key: str
    birth_name: str
    mobile: str
    mail: str
    address: str


# ---- storage (adapters in `storage`) -----------------------------------------------------------------------------


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
        """Live records of these feeds that carry one of these keys. Nothing weaker ever finds a record."""
        ...

    def owner(self, person_id: str) -> str:
        """The living person this id leads to after merges (itself when none)."""
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

    def sign_ins(self, person_id: str, *, limit: int) -> tuple[SignIn, ...]:
        """The last sign-ins, newest first."""
        ...


class Guardianships(Protocol):
    """Restrictions on guardianships (the guardianships themselves come from feeds)."""

    def restrict(self, *, adult_id: str, child_id: str, since: datetime, audit: AuditEvent) -> Restriction:
        """Record a court restriction, effective at once and whatever any feed says."""
        ...

    def lift(self, *, adult_id: str, child_id: str, until: datetime, audit: AuditEvent) -> int:
        """End the standing restrictions of this pair; returns how many."""
        ...


class Services(Protocol):
    """The register of services."""

    def all(self) -> tuple[Service, ...]:
        """Every declared service, in the order of the register."""
        ...

    def by_client(self, client_id: str) -> Service | None:
        """The service a client belongs to."""
        ...


class Sessions(Protocol):
    """Signed-in browsers."""

    def open(self, act: OpenSession) -> str:
        """Carry out the opening and return the living person's id (the survivor when the link merged persons).

        Raises `AlreadyUsed`, or `LinkAmbiguous` when a concurrent act linked the account elsewhere.
        """
        ...

    def find(self, handle_digest: str, *, now: datetime) -> Session | None:
        """The live session behind a cookie; its person is the living one (merges followed)."""
        ...

    def touch(self, handle_digest: str, *, idle_until: datetime) -> None:
        """Move the idle limit of a live session; does nothing to an ended one."""
        ...

    def end(self, sid: str, *, now: datetime, audit: AuditEvent) -> None:
        """End one session and every grant made in it."""
        ...


class Grants(Protocol):
    """Codes, tokens and subjects. `issue_code`, `redeem_code` and `token` are hot: statements are counted in tests."""

    def subject(self, person_id: str, *, sector: str, space: Space, now: datetime) -> str:
        """The person's subject in this sector and space, drawn at first release and kept for ever."""
        ...

    def issue_code(self, act: IssueCode) -> None:
        """Store the code and its grant."""
        ...

    def code(self, code_digest: str) -> CodePayload | None:
        """What a code stands for, used or not (the checks come before the claim)."""
        ...

    def redeem_code(self, act: RedeemCode) -> bool:
        """Claim the code and store its token; False when it was already used, expired, or its grant is revoked."""
        ...

    def token(self, token_digest: str, *, now: datetime) -> AccessToken | None:
        """A live token of a live grant and session."""
        ...

    def revoke(self, act: RevokeGrant) -> None:
        """Revoke a grant and its tokens."""
        ...


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key at rest. `sealed` is the private JWK encrypted under the installation's master secret."""

    kid: str
    purpose: str
    alg: str
    state: str
    public_jwk: str
    sealed: bytes
    created_at: datetime


class Keys(Protocol):
    """Signing keys at rest."""

    def all(self, purpose: str) -> tuple[StoredKey, ...]:
        """Keys of a purpose that are not retired, oldest first."""
        ...

    def add(self, key: StoredKey, audit: AuditEvent) -> bool:
        """Store a key; False when another process stored the first active key of this purpose meanwhile."""
        ...


class Audit(Protocol):
    """The trail. Acts write their own events; these methods are for cold acts, the sealer and the verifier."""

    def append(self, events: Sequence[AuditEvent]) -> None:
        """Write events outside any other act (refusals)."""
        ...

    def seal(self, tenant: str, *, now: datetime, limit: int) -> int:
        """Chain and sign the unsealed events of a tenant in commit order; returns how many were sealed."""
        ...

    def verify(self, tenant: str) -> tuple[AuditFault, ...]:
        """Recompute the chain and name every edit, deletion, reordering, truncation and unsealed row."""
        ...

    def tenants(self) -> tuple[str, ...]:
        """Tenants that have events."""
        ...


class Outbox(Protocol):
    """What is to be told once an act has committed."""

    def due(self, *, now: datetime, limit: int) -> tuple[OutboxEntry, ...]:
        """Take due entries; two workers never take the same entry within a minute."""
        ...

    def done(self, entry_id: int, *, now: datetime) -> None:
        """Mark an entry as told."""
        ...

    def retry(self, entry_id: int, *, due_at: datetime, cause: str) -> None:
        """Put an entry back for later."""
        ...


# ---- imports -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StagedRow:
    """A delivered record at rest between reading and applying: `payload` is JSON, `op` is add, modify or delete."""

    seq: int
    phase: int
    key: str
    op: str
    content_hash: str
    payload: str


@dataclass(frozen=True, slots=True)
class ImportRun:
    """An import as stored: what it is, and how far it got. `cursor` is the last staged `seq` applied."""

    import_id: str
    feed: str
    tenant: str
    academie: str
    complete: bool
    checksum: str
    state: str
    cursor: int
    started_at: datetime
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ImportDifference:
    """What applying would change: the guard and `--dry-run` read it. Counts of records and of guardianships."""

    added: int
    changed: int
    unchanged: int
    removed: int
    live_before: int
    guardianships_before: int
    guardianships_added: int
    guardianships_ended: int


class ImportStaging(Protocol):
    """The import's own bookkeeping: stage everything, look at the difference, then apply chunk by chunk."""

    def begin(self, run: ImportRun, audit: AuditEvent) -> ImportRun:
        """Open a run, or return the unfinished run of the same feed and checksum (resume).

        Raises `ImportBusy` when another run of this feed is at work.
        """
        ...

    def stage(self, import_id: str, rows: Sequence[StagedRow], faults: Sequence[FeedFault]) -> None:
        """Add staged rows and faults, idempotent by `seq`."""
        ...

    def difference(self, import_id: str) -> ImportDifference:
        """Compare what is staged with what is live."""
        ...

    def chunks(self, import_id: str, *, after: int, size: int) -> Iterator[tuple[StagedRow, ...]]:
        """Staged rows in application order, after a cursor."""
        ...

    def apply(self, import_id: str, rows: tuple[StagedRow, ...], *, now: datetime) -> Mapping[str, int]:
        """Apply one chunk and move the cursor, in one transaction; returns counts."""
        ...

    def finish(self, import_id: str, *, state: str, now: datetime, audit: AuditEvent) -> Mapping[str, int]:
        """Retire what a complete run did not see, close the run, drop its staged rows; returns counts."""
        ...


# ---- ephemeral store (adapters: memory, Redis) -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` requests under `key` in each window of `window` seconds."""

    key: str
    most: int
    window: int


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether the request may go on, after how many seconds otherwise, and the session copy that was asked for."""

    allowed: bool
    retry_after: int
    copy: bytes | None


class EphemeralStore(Protocol):
    """What may vanish at any moment: logins in progress, copies of at most 30 s, volume limits. Never a truth."""

    def put(self, key: str, value: bytes, *, ttl: int) -> None:
        """Keep a value for `ttl` seconds."""
        ...

    def get(self, key: str) -> bytes | None:
        """Read a value."""
        ...

    def take(self, key: str) -> bytes | None:
        """Read and remove, atomically: two takers never both get it."""
        ...

    def drop(self, keys: Sequence[str]) -> None:
        """Forget values."""
        ...

    def claim_once(self, key: str, *, ttl: int) -> bool:
        """True for the first caller within `ttl` seconds, False for every other."""
        ...

    def admit(self, limits: Sequence[Limit], *, copy_key: str) -> Admission:
        """Count the request against each limit and read a copy, in one round trip."""
        ...
