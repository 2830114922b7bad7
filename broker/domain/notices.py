"""What leaves the house towards a person: mails, text messages, letters, and the channels that are known of somebody.

Plain values: what was put into words already, and goes out as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import OutboxRow, Topic
from broker.domain.credentials import ContactKind, LetterCode


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one address. `key` makes its Message-ID: what is sent twice for one thing reads as one mail."""

    to: str
    subject: str
    text: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class TextMessage:
    """One SMS. `to` in E.164; `uai`: the school that it is counted for, empty where there is none."""

    to: str
    text: str
    uai: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """The letter of one adult. `child` and `class_label`: by whom it is taken home, for letters given out in class.

    `language` is the family's; French stands in every letter. `address`: lines for a window envelope, or nothing.
    """

    adult: str
    code: LetterCode
    until: date
    language: str = "fr"
    child: str = ""
    class_label: str = ""
    address: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LetterBatch:
    """Letters of one school, printed as one document. `page`: the address where the code is written.

    `opening`: where and when help is had without internet, a line each; `phone`: who answers when called.
    """

    school: str
    phone: str
    page: str
    printed_on: date
    letters: tuple[Letter, ...]
    opening: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to tell a person something: a mobile (E.164) or a mail address."""

    kind: ContactKind
    to: str


@dataclass(frozen=True, slots=True)
class Reached:
    """How a person is reached: `channels` that count now, and `held` ones that were asked for and do not yet.

    `uais`: the schools whose calendars are theirs, their own and those of the children they see.
    """

    channels: tuple[Channel, ...] = ()
    held: tuple[Channel, ...] = ()
    uais: tuple[str, ...] = ()


class MailSecurity(StrEnum):
    """How the connection to the mail relay is sealed; `none` is for a relay on this very machine."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class Unsent(StrEnum):
    """Why something was not sent and will not be; kept with the row of the outbox that is closed by it."""

    REFUSED = "refused"
    GIVEN_UP = "given_up"
    UNWANTED = "unwanted"


class MessageUnsent(Exception):
    """Something is not sent and will not be: trying again changes nothing."""

    def __init__(self, why: Unsent = Unsent.REFUSED) -> None:
        super().__init__(why.value)
        self.why = why


def notice_row(notice: AccessNotice) -> OutboxRow:
    """The outbox row that has a person told, by whatever channels there are when it is taken."""
    return OutboxRow(
        Topic.NOTICE, key=notice.person_id, at=notice.at, payload={**_marked(notice.told), "kind": notice.kind.value}
    )


def channel_row(row: OutboxRow, channel: Channel, *, uai: str) -> OutboxRow:
    """The row that tells one channel what `row` tells a person: each has tries of its own.

    `uai`: the person's school, whose clock the words go by and for which an SMS is counted.
    """
    payload = {**row.payload, "by": channel.kind.value, "to": channel.to, "uai": uai}
    return OutboxRow(Topic.NOTICE, key=row.key, at=row.at, payload=payload)


def notice_named(row: OutboxRow) -> AccessNotice:
    """The notice that a row made by `notice_row` or `channel_row` names."""
    told = {key.removeprefix(_TOLD): value for key, value in row.payload.items() if key.startswith(_TOLD)}
    return AccessNotice(row.key, NoticeKind(row.payload["kind"]), row.at, told)


def channel_named(row: OutboxRow) -> Channel | None:
    """The channel that a row is for; None as long as it is for the person."""
    if "by" not in row.payload:
        return None
    return Channel(ContactKind(row.payload["by"]), row.payload["to"])


_TOLD = "told."


def _marked(told: Mapping[str, str]) -> dict[str, str]:
    """What a notice tells beside what its row says itself: no value of one can pass for the other."""
    return {_TOLD + key: value for key, value in told.items()}
