"""Audit events and outbox rows: written in the very transaction of the act they tell of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """What can be audited, by a stable name."""

    SIGN_IN = "sign_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_OUT = "sign_out"
    DATA_EXPORTED = "data_exported"
    ROLL_EXPORTED = "roll_exported"
    LINK_CREATED = "link_created"
    LINK_UNDONE = "link_undone"
    LINK_REOPENED = "link_reopened"
    PERSONS_MERGED = "persons_merged"
    PERSONS_UNMERGED = "persons_unmerged"
    CODE_ISSUED = "code_issued"
    ASSERTION_ISSUED = "assertion_issued"
    CODE_REDEEMED = "code_redeemed"
    CODE_REUSED = "code_reused"
    CODE_REFUSED = "code_refused"
    TOKEN_REFRESHED = "token_refreshed"  # noqa: S105 (an act)
    REFRESH_REUSED = "refresh_reused"
    REFRESH_REFUSED = "refresh_refused"
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    DEVICE_APPROVED = "device_approved"
    DEVICE_DENIED = "device_denied"
    DEVICE_REDEEMED = "device_redeemed"
    DEVICE_REUSED = "device_reused"
    DEVICE_REFUSED = "device_refused"
    SERVICE_TOKEN_ISSUED = "service_token_issued"  # noqa: S105
    CHILD_TOKEN_ISSUED = "child_token_issued"  # noqa: S105
    CHILD_TOKEN_REFUSED = "child_token_refused"  # noqa: S105
    TICKET_ISSUED = "ticket_issued"
    TICKET_VALIDATED = "ticket_validated"
    PROXY_GRANTED = "proxy_granted"
    SCHOOL_CHANGED = "school_changed"
    OUTAGE_ACCEPTED = "outage_accepted"
    IMPORT_STARTED = "import_started"
    IMPORT_HELD = "import_held"
    IMPORT_FINISHED = "import_finished"
    GUARDIANSHIP_CHANGED = "guardianship_changed"
    RECORD_ATTACHED = "record_attached"
    RECORD_FROZEN = "record_frozen"
    RECORD_THAWED = "record_thawed"
    RECORD_SPLIT = "record_split"
    JOINS_SETTLED = "joins_settled"
    RESTRICTION_SET = "restriction_set"
    RESTRICTION_LIFTED = "restriction_lifted"
    GUARDIANSHIP_AFFIRMED = "guardianship_affirmed"
    KEY_CREATED = "key_created"
    KEY_ACTIVATED = "key_activated"
    KEY_RETIRING = "key_retiring"
    KEY_RETIRED = "key_retired"
    STANDING_SET = "standing_set"
    STANDING_LIFTED = "standing_lifted"
    CLIENT_REGISTERED = "client_registered"
    CLIENT_CHANGED = "client_changed"
    CLIENT_REMOVED = "client_removed"
    LETTER_ISSUED = "letter_issued"
    WINDOW_OPENED = "window_opened"
    SHORT_CODE_SENT = "short_code_sent"
    SHORT_CODE_UNSENT = "short_code_unsent"
    CODE_SPENT = "code_spent"
    SECRET_SET = "secret_set"  # noqa: S105 (an act)
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    FACTOR_PROVEN = "factor_proven"
    CONTACT_ASKED = "contact_asked"
    CONTACT_CHANGED = "contact_changed"
    SESSIONS_CLOSED = "sessions_closed"
    ACCESS_CLOSED = "access_closed"
    ACCESS_REOPENED = "access_reopened"
    WAIT_LIFTED = "wait_lifted"
    AGENT_SEARCHED = "agent_searched"
    AGENT_VIEWED = "agent_viewed"
    AGENT_REFUSED = "agent_refused"
    AGENT_ALARM = "agent_alarm"
    AGENT_ASKED = "agent_asked"
    AGENT_DECLINED = "agent_declined"
    JOURNAL_READ = "journal_read"
    POST_GIVEN = "post_given"
    POST_ENDED = "post_ended"
    CONTAINED = "contained"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One act. `subject` is a person or record id, never a name; `detail` holds codes and counts, never a secret."""

    tenant: str
    at: datetime
    action: Action
    actor: str
    subject: str = ""
    outcome: str = "done"
    trace: str = ""
    detail: dict[str, str] = field(default_factory=dict)


class Topic(StrEnum):
    """What the outbox can tell, each with one deliverer in `jobs`."""

    SESSIONS_CHANGED = "sessions_changed"
    """Copies of this person's sessions outside the database are to be dropped at once."""
    NOTICE = "notice"
    """Something happened to a person's access, and they are to be told by every channel that is known of them."""
    LOGOUT = "logout"
    """A visit ended, and a client that was granted something in it is to be told."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """Something to be told after the act committed. `key` is the person, grant or visit it concerns.

    Rows of one `lane` are told in their order, and wait together while their first cannot be told; empty: no order.
    """

    topic: Topic
    key: str
    at: datetime
    payload: dict[str, str] = field(default_factory=dict)
    lane: str = ""


def copies_gone(*, key: str, digests: Iterable[str], at: datetime) -> OutboxRow:
    """Say that the copies of these sessions (by handle digest) are to be dropped. `key`: whose they are."""
    return OutboxRow(topic=Topic.SESSIONS_CHANGED, key=key, at=at, payload={"digests": " ".join(digests)})


def copies_named(row: OutboxRow) -> tuple[str, ...]:
    """The digests that a row made by `copies_gone` names."""
    return tuple(row.payload.get("digests", "").split())


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """An outbox row as the worker takes it. `attempts` counts this one."""

    entry_id: int
    row: OutboxRow
    attempts: int


class FaultKind(StrEnum):
    """What can be wrong with a chain."""

    EDITED = "edited"
    DELETED = "deleted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    """The signed head names a later position than the last one there is, or there is no head any more."""
    FORGED = "forged"
    """The head's signature or digest is not the sealer's, or links stand beyond the head."""
    UNSEALED = "unsealed"
    """Written and not yet sealed: normal for some seconds, a fault when it lasts."""


@dataclass(frozen=True, slots=True)
class AuditFault:
    """Something `preau audit verify` found in a tenant's chain.

    `position` is the place in the chain, from 1; for `unsealed` the id of the event.
    """

    tenant: str
    position: int
    kind: FaultKind
