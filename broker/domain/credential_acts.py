"""Acts on a person's own accounts, each carried out in one transaction with its audit events and its notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.access_notices import AccessNotice
from broker.domain.audit import AuditEvent
from broker.domain.credentials import Code, Contact, Credential
from broker.domain.desk_requests import AnswerRequest
from broker.domain.identity import AccountKey, Evidence


@dataclass(frozen=True, slots=True)
class IssueCodes:
    """Keep codes, of one person or of a whole class. Codes of the same kind that a person had are ended by it.

    `notices` tell the persons of what the act issues: those whose locator was taken are left out and drawn again.
    `answers`: the request of a first agent that this act uses up, once any of its codes is kept.
    """

    codes: tuple[Code, ...]
    actor: str
    batch: str
    audit: tuple[AuditEvent, ...]
    notices: tuple[AccessNotice, ...]
    answers: AnswerRequest | None = None


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A person's own account, made where there is none. `identifiers`: tried in this order until one is free."""

    account_id: str
    key: AccountKey
    source_id: str
    identifiers: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class SetSecret:
    """A person chose a secret, by a code that proves that they are meant: claim it, keep the secret, close the rest.

    `code_id` is used up by it. Sessions, other live codes and contacts that the school does not know end: whoever had a
    way in before has none left (LR-04, ux §2.3). `account`: made unless the person has an own account already, which is
    then kept with its identifier. `notices` and `audit` are written with it.
    """

    code_id: str
    person_id: str
    account: NewAccount
    credential: Credential
    now: datetime
    audit: tuple[AuditEvent, ...]
    notices: tuple[AccessNotice, ...]


@dataclass(frozen=True, slots=True)
class ChangeFactor:
    """Add (`added`) or end (`ended`, by its id) a passkey or a TOTP key of an account."""

    account_id: str
    now: datetime
    audit: AuditEvent
    notice: AccessNotice
    added: Credential | None = None
    ended: str = ""


@dataclass(frozen=True, slots=True)
class AskContact:
    """A person gives another number or address. It is held; the one given before counts until then (LR-13)."""

    person_id: str
    contact: Contact
    audit: AuditEvent
    notice: AccessNotice
