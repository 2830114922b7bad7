"""An act at the desk that two agents do: the first one asks, the second one looks for themselves and does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from broker.domain.access_notices import AccessNotice
from broker.domain.audit import AuditEvent


@dataclass(frozen=True, slots=True)
class DeskRequest:
    """What the first agent asked for. `act`: by its name on the sheet; `given`: what else their form held, as it came.

    `asked_by` and `asked_account`: who asked, as a person and by which account they had signed in.
    """

    request_id: str
    tenant: str
    act: str
    person_id: str
    proofs: tuple[str, ...]
    reason: str
    uai: str
    asked_by: str
    asked_account: str
    asked_at: datetime
    expires_at: datetime
    given: Mapping[str, str] = field(default_factory=dict)


class DeskAnswer(StrEnum):
    """What became of a request."""

    DONE = "done"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """The second agent answers: once, while the request is open, and never the first agent themselves.

    Written in the transaction of the act that it lets through. `audit`, `notices`: of an answer that is all there is.
    """

    request_id: str
    tenant: str
    answer: DeskAnswer
    by: str
    account_id: str
    now: datetime
    audit: tuple[AuditEvent, ...] = ()
    notices: tuple[AccessNotice, ...] = ()
