"""One logout: who is told that a visit ended, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from broker.domain.audit import OutboxRow, Topic


@dataclass(frozen=True, slots=True)
class Logout:
    """A visit that ended, as one client is to learn it: by the subject under which it knows the person.

    `index`: by what a CAS service knows its own session; `url`: where it is told, when its login said so. `school`: the
    school in play of the session that ended, in OpenID Connect and SAML; `goes_on`: that session alone ended, the
    person went on to another school.
    """

    visit: str
    client_id: str
    subject: str
    index: str = ""
    url: str = ""
    school: str = ""
    goes_on: bool = False


class Untold(StrEnum):
    """Why a client was not told, for good; kept with the row of the outbox that is closed by it."""

    NO_ADDRESS = "no_address"
    REFUSED = "refused"
    GIVEN_UP = "given_up"


class NoticeState(StrEnum):
    """How far the telling of one client is."""

    CONFIRMED = "confirmed"
    WAITING = "waiting"
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True)
class Notice:
    """The receipt of one client. `subject`: the name under which it knows the person; `school`: as in `Logout`."""

    client_id: str
    state: NoticeState
    subject: str = ""
    school: str = ""


class LogoutUntold(Exception):
    """A client is not told and will not be: trying again changes nothing. `why` is kept with the outbox row."""

    def __init__(self, why: Untold) -> None:
        super().__init__(why.value)
        self.why = why


def logout_row(logout: Logout, *, at: datetime) -> OutboxRow:
    """The outbox row that has a client told; in its lane, one client learns of logouts in the order they happened."""
    payload: dict[str, Any] = {"client_id": logout.client_id, "subject": logout.subject}
    payload |= {"index": logout.index, "url": logout.url} if logout.index else {}
    payload |= {"school": logout.school, "goes_on": logout.goes_on} if logout.school else {}
    return OutboxRow(Topic.LOGOUT, key=logout.visit, at=at, payload=payload, lane=logout.client_id)


def logout_named(row: OutboxRow) -> Logout:
    """The logout that a row made by `logout_row` names."""
    told: dict[str, Any] = dict(row.payload)
    return Logout(
        row.key, told["client_id"], told["subject"], told.get("index", ""), told.get("url", ""),
        school=told.get("school", ""), goes_on=told.get("goes_on", False),
    )  # fmt: skip
