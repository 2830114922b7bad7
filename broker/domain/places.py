"""Where a person is or was signed in, and what they may close of it: sessions, a login, the whole access.

Closing is the safe direction: nothing more is asked for it than the session at hand (LR-18). Whoever stole a session
can close with it, and open nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.access_notices import AccessNotice
from broker.domain.audit import AuditEvent
from broker.domain.sessions import Device


@dataclass(frozen=True, slots=True)
class Passage:
    """One sign-in of a person. `software`: what the browser called itself; empty: nothing that we know."""

    sid: str
    at: datetime
    source_id: str
    account_id: str
    device: Device
    software: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class CloseSessions:
    """End the person's session `sid`, or, where it is empty, all of them but `kept`."""

    person_id: str
    sid: str
    kept: str
    now: datetime
    audit: AuditEvent


@dataclass(frozen=True, slots=True)
class Freeze:
    """Somebody else used a person's access: end every session, code and held contact, and close the way they came in.

    `account_id`: the login that is closed; empty: the whole access is. The desk reopens either, by lifting what
    `tenant` said of the link or the person (`Standings`).
    """

    person_id: str
    account_id: str
    tenant: str
    reason: str
    now: datetime
    audit: AuditEvent
    notice: AccessNotice
