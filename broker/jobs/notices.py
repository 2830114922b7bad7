"""Telling people what happened to their access: first by which channels, then each channel for itself.

A notice of the outbox is for a person. When it is taken it becomes a row for each channel that is known then, so that a
relay that is down delays no SMS, and nothing that went out goes out again with what did not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import OutboxRow
from broker.domain.clock import Clock
from broker.domain.credentials import ContactKind
from broker.domain.errors import UpstreamUnavailable
from broker.domain.notices import (
    Channel,
    MessageUnsent,
    Reached,
    Unsent,
    channel_named,
    channel_row,
    notice_named,
)
from broker.domain.ports import AccessNotices
from broker.domain.ports.notify import Channels, Mailer, NoticeWords, Texter
from broker.jobs.work import NotYet

log = logging.getLogger(__name__)

TRIES = timedelta(days=2)
"""So long a channel that is down is tried; what happened to an access two days ago stands in the portal."""
MAY_WAIT = frozenset(
    {
        NoticeKind.LETTER_ISSUED, NoticeKind.WAIT_LIFTED, NoticeKind.ACCESS_REOPENED, NoticeKind.POST_GIVEN,
        NoticeKind.POST_ENDED,
    }
)  # fmt: skip
"""What nobody has to know at night. All else warns of somebody who may be inside now: it goes at once."""
FOR_A_NIGHT = frozenset({NoticeKind.CONTACT_CHANGED})
"""What imports tell, which run at night. It waits until the morning, and not for the end of holidays: a hold would be
over by then."""
NIGHT = timedelta(hours=12)
OF_CONTACTS = frozenset({NoticeKind.CONTACT_ASKED, NoticeKind.CONTACT_CHANGED})
"""Told to the old contacts and to the new one, which counts for nothing else yet (LR-16)."""

WAYS_IN = frozenset(
    {NoticeKind.SECRET_SET, NoticeKind.FACTOR_ADDED, NoticeKind.FACTOR_REMOVED, NoticeKind.LINK_CREATED}
)
"""By these somebody can come in from now on. They are counted apart: whoever sets one could first have codes and
windows sent until the day's notices are used up."""

QuietUntil = Callable[[str, datetime], datetime | None]
"""Until when the people of a school (UAI) are left in peace; None when they may be told now."""
LocalTime = Callable[[str, datetime], datetime]
"""An instant by the clock of a school; of the mainland where there is none."""


@dataclass(frozen=True, slots=True)
class Calendars:
    """What the schools' calendars say of an instant."""

    quiet_until: QuietUntil
    local_time: LocalTime


@dataclass(frozen=True, slots=True)
class TellNotice:
    """The deliverer of notices. A channel of a kind that is not set up (None) is told nothing.

    `most`: how many notices a person is sent in a day by each way, however often somebody repeats an act.
    """

    channels: Channels
    told: AccessNotices
    words: NoticeWords
    mailer: Mailer | None
    texter: Texter | None
    calendars: Calendars
    most: Callable[[], int]
    clock: Clock
    tries: timedelta = TRIES

    def __call__(self, row: OutboxRow) -> None:
        """Tell it. Raises `NotYet` in quiet hours, `UpstreamUnavailable`, and `MessageUnsent` when it never will be."""
        channel = channel_named(row)
        if channel is None:
            self._spread(row)
            return
        try:
            self._tell(row, channel)
        except UpstreamUnavailable:
            if self.clock() - row.at < self.tries:
                raise
            log.warning("a notice was not sent", extra={"kind": row.payload["kind"], "cause": Unsent.GIVEN_UP})
            raise MessageUnsent(Unsent.GIVEN_UP) from None

    def _spread(self, row: OutboxRow) -> None:
        notice, now = notice_named(row), self.clock()
        reached = self.channels.reached(row.key, now=now)
        quiet = self._quiet_until(notice, reached, now)
        if quiet is not None:
            raise NotYet(quiet)
        uai = next(iter(reached.uais), "")
        held = reached.held if notice.kind in OF_CONTACTS else ()
        told = dict.fromkeys((*reached.channels, *held))
        worth = [channel for channel in told if self._is_worth(notice, channel)]
        spent = self._spent(notice, {channel.kind for channel in worth}, uai) if worth else frozenset()
        self.channels.spread([channel_row(row, channel, uai=uai) for channel in worth if channel.kind not in spent])

    def _spent(self, notice: AccessNotice, kinds: Collection[ContactKind], uai: str) -> frozenset[ContactKind]:
        """The ways by which the person was sent enough today, by the school's clock: this one stands in the portal."""
        began = self.calendars.local_time(uai, notice.at).replace(hour=0, minute=0, second=0, microsecond=0)
        today = self.told.of_day(notice.person_id, since=began.astimezone(UTC), until=notice.at)
        spent = {kind: self._beyond(notice, self._sent_by(kind, today)) for kind in kinds}
        for kind, beyond in spent.items():
            if beyond and beyond[-1] and sum(beyond) == 1:
                log.warning(
                    "a person is sent no more notices today",
                    extra={"person": notice.person_id, "kind": notice.kind.value, "by": kind.value},
                )
        return frozenset(kind for kind, beyond in spent.items() if beyond and beyond[-1])

    def _beyond(self, notice: AccessNotice, today: Sequence[NoticeKind]) -> list[bool]:
        """Of today's, up to this one: another of the same instant may stand behind it."""
        place = max((place for place, kind in enumerate(today) if kind is notice.kind), default=-1)
        return are_beyond(today[: place + 1], self.most())

    def _sent_by(self, kind: ContactKind, today: Sequence[AccessNotice]) -> list[NoticeKind]:
        return [each.kind for each in today if kind is ContactKind.MAIL or self.words.text(each, "") is not None]

    def _quiet_until(self, notice: AccessNotice, reached: Reached, now: datetime) -> datetime | None:
        """Until the last of the person's schools lets them be told; the mainland's rule where there is none."""
        if notice.kind not in MAY_WAIT | FOR_A_NIGHT:
            return None
        ends = (self.calendars.quiet_until(uai, now) for uai in reached.uais or ("",))
        end = max((end for end in ends if end is not None), default=None)
        if end is None or notice.kind in MAY_WAIT:
            return end
        return min(end, notice.at + NIGHT) if now < notice.at + NIGHT else None

    def _is_worth(self, notice: AccessNotice, channel: Channel) -> bool:
        if channel.kind is ContactKind.MAIL:
            return self.mailer is not None
        return self.texter is not None and self.words.text(notice, channel.to) is not None

    def _tell(self, row: OutboxRow, channel: Channel) -> None:
        uai = row.payload.get("uai", "")
        notice = notice_named(row)
        notice = replace(notice, at=self.calendars.local_time(uai, notice.at))
        if channel.kind is ContactKind.MAIL and self.mailer is not None:
            self.mailer.send(self.words.mail(notice, channel.to))
            return
        message = self.words.text(notice, channel.to)
        if channel.kind is not ContactKind.MOBILE or self.texter is None or message is None:
            raise MessageUnsent(Unsent.UNWANTED)
        self.texter.send(replace(message, uai=uai))


def are_beyond(kinds: Sequence[NoticeKind], most: int) -> list[bool]:
    """Which of a day's notices, in their order, are not sent: those after `most`, but for the first of each kind.

    Ways in are counted apart from all else.
    """
    seen: set[NoticeKind] = set()
    sent = {True: 0, False: 0}
    beyond: list[bool] = []
    for kind in kinds:
        apart = kind in WAYS_IN
        beyond.append(kind in seen and sent[apart] >= most)
        sent[apart] += not beyond[-1]
        seen.add(kind)
    return beyond
