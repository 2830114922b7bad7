"""Logins people already have: upstream accounts, what a source asserted at one login, and the evidence of a link."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from broker.domain.desk import SaidPost
from broker.domain.people import AttachmentState, RecordKind, Reference


class UpstreamProtocol(StrEnum):
    """How a source speaks. Part of an account's key: the same subject by two protocols is two accounts."""

    OIDC = "oidc"
    SAML = "saml"
    CAS = "cas"
    LDAP = "ldap"
    OWN = "own"
    """A person's own secret, kept here."""


@dataclass(frozen=True, slots=True)
class AccountKey:
    """Identity of an upstream account: exact issuer, subject format and subject; never case-folded.

    An issuer that reuses a name, or a source that ignores case, must not hand one person's account to another.
    """

    protocol: UpstreamProtocol
    issuer: str
    subject_format: str
    subject: str


@dataclass(frozen=True, slots=True)
class AuthnContext:
    """How and when a person proved who they are. `authority` is the source id; times are aware UTC.

    `proven`: False when the source did not tell the time and no fresh proof was asked for. `auth_time` is then only
    that of the return, the source may have recognised an old session of its own, and nothing may count it as fresh.
    """

    acr: str
    amr: tuple[str, ...]
    auth_time: datetime
    authority: str
    proven: bool = True


@dataclass(frozen=True, slots=True)
class UpstreamIdentity:
    """What a source asserted at one login, after its connector checked everything.

    `references` are authoritative directory keys and decide links; `display` is for the person's eyes only and
    opens nothing; of an agent it is kept, and narrows what they may do (`helpdesk.gate`). Other claims are dropped by
    the connector: what is not kept cannot leak.
    """

    key: AccountKey
    authn: AuthnContext
    references: tuple[Reference, ...] = ()
    display: str = ""
    logout_hint: str = field(default="", repr=False)
    """What the connector wants back at the sign-out, for it alone to read."""
    posts: tuple[SaidPost, ...] = ()
    """What the source says that the person may do at the desk: it counts only where the settings let it."""
    answer: str = ""
    """What the source will never issue twice (ticket, code, assertion id): claimed once when a session opens."""


class AccountState(StrEnum):
    """A tombstoned or undone account never signs in, and its key is never reused."""

    LINKED = "linked"
    UNDONE = "undone"
    TOMBSTONED = "tombstoned"


class EvidenceKind(StrEnum):
    """What can prove a link or an attachment. A name, an address or a birth date never proves anything alone.

    A name counts only beside a child in common, a birth date only beside the same INE.
    """

    OWN_RECORD = "own_record"
    """The record founded the person: nothing was joined."""
    REFERENCE = "authoritative_reference"
    """`FrEduCtRefId` or `ENTPersonJointure` released by a source trusted for that feed."""
    SHARED_CHILD = "shared_child"
    """Same child (INE), same name, civility and link code, unique on both sides."""
    SAME_INE = "same_ine"
    """Two records of one pupil: same INE and same birth date."""
    DIRECTORY_TIE = "directory_tie"
    """A directory of an ENT calls two records one human: by a national key, or as accounts it reconciled or merged."""
    ACTIVATION_CODE = "activation_code"
    """A code that the school gave to this very person, together with what only the family knows."""
    AGENT = "agent"
    """A source whose people work at the desk vouches for one who has no record: it founded a person, and joins none."""
    TWO_LOGINS = "two_logins"
    """The person was signed in by one login and proved another, both within minutes, in one browser (LR-03)."""
    RESEMBLANCE = "resemblance"
    """A scored likeness: only ever supports a proposal."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was proven, how, when, by whom. `detail` holds record ids, source ids, codes; no secret, no name.

    `detail["records"]` lists (commas between) the records that the proof named: when somebody else's merge is undone,
    what was proven here follows them.
    """

    kind: EvidenceKind
    actor: str
    at: datetime
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """A record and the person it is attached or only proposed to, as those who look after the directory read it."""

    record_id: str
    person_id: str
    kind: RecordKind
    state: AttachmentState
    evidence: EvidenceKind
    at: datetime
    score: float | None
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class LinkProof:
    """Proof type: only `federation.linking.prove` makes one; `Sessions.open` demands it as `OpenSession.link`.

    Fixes the account, the person, and the records whose persons join (`absorbed`): nothing outside it can be linked.
    """

    key: AccountKey
    person_id: str
    absorbed: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """A row of "Mes accès": a login, its state and evidence. `undo_until` is None when undo is no longer offered."""

    account_id: str
    key: AccountKey
    source_id: str
    person_id: str
    state: AccountState
    evidence: Evidence
    linked_at: datetime
    last_used: datetime | None
    undo_until: datetime | None
