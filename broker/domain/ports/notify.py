"""Seams to what tells people something outside the pages: mail, SMS, paper, and the words of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from broker.domain.access_notices import AccessNotice
from broker.domain.audit import OutboxRow
from broker.domain.credentials import ContactKind, LetterCode
from broker.domain.notices import Channel, LetterBatch, Mail, Reached, TextMessage


class Mailer(Protocol):
    """Sends mails."""

    def send(self, mail: Mail) -> None:
        """Hand it over. Raises `UpstreamUnavailable` where it may work later, `MessageUnsent` where it never will."""
        ...


class Texter(Protocol):
    """Sends text messages."""

    def send(self, message: TextMessage) -> None:
        """Hand it over and count it. Raises `UpstreamUnavailable` or `MessageUnsent`, as `Mailer.send` does."""
        ...


class Printer(Protocol):
    """Makes letters that the desk prints."""

    @property
    def languages(self) -> frozenset[str]:
        """In which languages beside French it can write here; the family's part is left out of a letter in another."""
        ...

    def letters(self, batch: LetterBatch) -> bytes:
        """One PDF: a page a letter, by class and pupil."""
        ...


class CodeSender(Protocol):
    """Sends codes, now or not at all: they are kept nowhere in clear, also not in the outbox."""

    def reaches(self, kind: ContactKind) -> bool:
        """Whether this kind of channel is set up."""
        ...

    def send(self, channel: Channel, digits: str, *, lasts: timedelta, language: str, uai: str) -> None:
        """Send six digits, good for as long as `lasts`.

        Raises `UpstreamUnavailable`, also where that is not set up, and `MessageUnsent`.
        """
        ...

    def send_letter(self, to: str, code: LetterCode, *, minutes: int, uai: str) -> None:
        """Send a code like a letter's to a mobile, with the page that takes it. Raises as `send` does."""
        ...


class NoticeWords(Protocol):
    """Puts what happened to an access into words."""

    def mail(self, notice: AccessNotice, to: str) -> Mail:
        """The mail of a notice."""
        ...

    def text(self, notice: AccessNotice, to: str) -> TextMessage | None:
        """The SMS of a notice; None for what is told by mail alone."""
        ...


class Channels(Protocol):
    """How persons are reached, as the schools' records and their own contacts say, and what is to be sent there."""

    def reached(self, person_id: str, *, now: datetime) -> Reached:
        """The channels that are known of the living person behind this id, each once."""
        ...

    def spread(self, rows: Sequence[OutboxRow]) -> None:
        """Put rows into the outbox, all or none: one for each channel of a person."""
        ...


class SmsCounts(Protocol):
    """What was sent for each school: segments are what is paid for."""

    def add(self, uai: str, day: date, segments: int) -> None:
        """Count them."""
        ...

    def of_days(self, first: date, last: date) -> dict[str, int]:
        """Segments for each school, from the first day to the last, both with it."""
        ...
