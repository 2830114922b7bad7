"""Telling people: by which channels, when, and what becomes of what cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import OutboxRow
from broker.domain.credentials import ContactKind
from broker.domain.errors import UpstreamUnavailable
from broker.domain.notices import (
    Channel,
    Mail,
    MessageUnsent,
    Reached,
    TextMessage,
    Unsent,
    channel_named,
    channel_row,
    notice_row,
)
from broker.jobs.notices import FOR_A_NIGHT, MAY_WAIT, NIGHT, OF_CONTACTS, TRIES, Calendars, TellNotice, are_beyond
from broker.jobs.work import NotYet
from broker.notify.texts import WORDS, NoticeTexts
from tests.clock import FakeClock

MOBILE = Channel(ContactKind.MOBILE, "+33639980001")
MAIL = Channel(ContactKind.MAIL, "parent@example.org")
NEW = Channel(ContactKind.MAIL, "nouveau@example.org")
SCHOOL, OTHER = "0990001A", "0990002B"
MOST = 5
REACHED = Reached((MOBILE, MAIL), (NEW,), (SCHOOL, OTHER))


@dataclass
class FakeChannels:
    """Channels of one person, and what was spread."""

    found: Reached = REACHED
    rows: list[OutboxRow] = field(default_factory=list)

    def reached(self, person_id: str, *, now: datetime) -> Reached:
        return self.found

    def spread(self, rows: Sequence[OutboxRow]) -> None:
        self.rows += rows


@dataclass
class Sent:
    """Mails and texts that were handed over; `fault` is raised instead."""

    handed: list[Mail | TextMessage] = field(default_factory=list)
    fault: Exception | None = None

    def send(self, message: Mail | TextMessage) -> None:
        if self.fault is not None:
            raise self.fault
        self.handed.append(message)


@dataclass
class Today:
    """`AccessNotices`: what was told so far."""

    told: list[AccessNotice] = field(default_factory=list)

    def of_person(self, person_id: str, *, limit: int) -> tuple[AccessNotice, ...]:
        raise NotImplementedError

    def of_day(self, person_id: str, *, since: datetime, until: datetime) -> tuple[AccessNotice, ...]:
        return tuple(each for each in self.told if since <= each.at <= until)


@dataclass
class Stand:
    """A deliverer with everything set up, and quiet hours by school."""

    clock: FakeClock
    channels: FakeChannels = field(default_factory=FakeChannels)
    today: Today = field(default_factory=Today)
    mails: Sent = field(default_factory=Sent)
    texts: Sent = field(default_factory=Sent)
    quiet: dict[str, datetime] = field(default_factory=dict)

    def tell(self, row: OutboxRow, *, mail: bool = True, text: bool = True) -> None:
        calendars = Calendars(lambda uai, _now: self.quiet.get(uai), lambda _uai, at: at + timedelta(hours=2))
        words = NoticeTexts(lambda said, _language: said, "https://sso.example.fr", "", lambda: timedelta(hours=72))
        TellNotice(
            self.channels, self.today, words, self.mails if mail else None, self.texts if text else None, calendars,
            lambda: MOST, self.clock,
        )(row)  # fmt: skip

    def row(self, kind: NoticeKind) -> OutboxRow:
        notice = AccessNotice("prs_1", kind, self.clock())
        self.today.told.append(notice)
        return notice_row(notice)

    def spread(self) -> list[Channel | None]:
        return [channel_named(row) for row in self.channels.rows]


@pytest.fixture
def stand(clock: FakeClock) -> Stand:
    return Stand(clock)


def test_a_notice_becomes_a_row_for_each_channel_and_nothing_is_sent_yet(stand: Stand) -> None:
    stand.tell(stand.row(NoticeKind.SECRET_SET))
    assert stand.spread() == [MOBILE, MAIL]
    assert stand.mails.handed == stand.texts.handed == []


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_new_contact_hears_of_itself_alone(stand: Stand, kind: NoticeKind) -> None:
    stand.tell(stand.row(kind))
    assert (NEW in stand.spread()) is (kind in OF_CONTACTS)


@pytest.mark.parametrize("kind", NoticeKind)
def test_what_is_not_worth_a_text_message_goes_by_mail_alone(stand: Stand, kind: NoticeKind) -> None:
    stand.tell(stand.row(kind))
    assert (MOBILE in stand.spread()) is WORDS[kind].by_text
    assert MAIL in stand.spread()


def test_a_channel_that_is_not_set_up_is_left_out(stand: Stand) -> None:
    stand.tell(stand.row(NoticeKind.SECRET_SET), mail=False)
    stand.tell(stand.row(NoticeKind.SECRET_SET), text=False)
    stand.tell(stand.row(NoticeKind.SECRET_SET), text=False, mail=False)
    assert stand.spread() == [MOBILE, MAIL]


@pytest.mark.parametrize("kind", NoticeKind)
def test_what_warns_goes_at_once_and_the_rest_waits_for_the_last_school(stand: Stand, kind: NoticeKind) -> None:
    soon, later = stand.clock() + timedelta(hours=1), stand.clock() + timedelta(hours=9)
    stand.quiet = {SCHOOL: soon, OTHER: later}
    if kind not in MAY_WAIT | FOR_A_NIGHT:
        stand.tell(stand.row(kind))
        return
    with pytest.raises(NotYet) as wait:
        stand.tell(stand.row(kind))
    assert wait.value.until == later
    assert stand.channels.rows == []
    stand.quiet = {}
    stand.tell(stand.row(kind))
    assert MAIL in stand.spread()


def test_a_person_without_school_waits_by_the_rule_of_the_mainland(stand: Stand) -> None:
    stand.channels.found = Reached((MAIL,))
    stand.quiet = {"": stand.clock() + timedelta(hours=3)}
    with pytest.raises(NotYet):
        stand.tell(stand.row(NoticeKind.WAIT_LIFTED))


def test_each_channel_is_told_by_the_clock_of_the_school_and_an_sms_counted_for_it(stand: Stand) -> None:
    row = stand.row(NoticeKind.SECRET_SET)
    stand.tell(channel_row(row, MOBILE, uai=SCHOOL))
    stand.tell(channel_row(row, MAIL, uai=SCHOOL))
    (text,), (mail,) = stand.texts.handed, stand.mails.handed
    assert isinstance(text, TextMessage)
    assert isinstance(mail, Mail)
    assert (text.to, text.uai, mail.to) == (MOBILE.to, SCHOOL, MAIL.to)
    assert "01/09 à 10h00" in text.text
    assert "01/09 à 10h00" in mail.text


def test_what_is_down_is_tried_for_two_days_and_then_given_up(stand: Stand) -> None:
    row = channel_row(stand.row(NoticeKind.SECRET_SET), MAIL, uai=SCHOOL)
    stand.mails.fault = UpstreamUnavailable("down")
    stand.clock.advance(TRIES - timedelta(seconds=1))
    with pytest.raises(UpstreamUnavailable):
        stand.tell(row)
    stand.clock.advance(1)
    with pytest.raises(MessageUnsent) as end:
        stand.tell(row)
    assert end.value.why is Unsent.GIVEN_UP


def test_what_is_refused_is_never_tried_again(stand: Stand) -> None:
    stand.texts.fault = MessageUnsent()
    with pytest.raises(MessageUnsent) as end:
        stand.tell(channel_row(stand.row(NoticeKind.SECRET_SET), MOBILE, uai=SCHOOL))
    assert end.value.why is Unsent.REFUSED


def test_a_way_that_was_taken_out_of_the_settings_since_closes_its_rows(stand: Stand) -> None:
    row = stand.row(NoticeKind.SECRET_SET)
    for channel in (MOBILE, MAIL):
        with pytest.raises(MessageUnsent) as end:
            stand.tell(channel_row(row, channel, uai=SCHOOL), mail=False, text=False)
        assert end.value.why is Unsent.UNWANTED


def test_what_an_import_changed_waits_for_the_morning_and_not_for_the_end_of_holidays(stand: Stand) -> None:
    stand.quiet = {SCHOOL: stand.clock() + timedelta(days=14)}
    row = stand.row(NoticeKind.CONTACT_CHANGED)
    with pytest.raises(NotYet) as wait:
        stand.tell(row)
    assert wait.value.until == stand.clock() + NIGHT
    stand.clock.advance(NIGHT)
    stand.tell(row)
    assert stand.spread() == [MOBILE, MAIL, NEW]


def test_an_act_that_is_repeated_is_told_so_often_a_day_and_then_stands_in_the_portal(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3 * MOST):
        stand.tell(stand.row(NoticeKind.SECRET_SET))
        stand.clock.advance(timedelta(minutes=1))
    assert stand.spread() == [MOBILE, MAIL] * MOST
    assert sorted(getattr(each, "by", "") for each in caplog.records) == ["mail", "mobile"]
    stand.clock.advance(timedelta(days=1))
    stand.tell(stand.row(NoticeKind.SECRET_SET))
    assert stand.spread() == [MOBILE, MAIL] * (MOST + 1)


def test_the_first_notice_of_each_kind_is_sent_whatever_came_before(stand: Stand) -> None:
    for _ in range(2 * MOST):
        stand.tell(stand.row(NoticeKind.CONTACT_ASKED))
        stand.clock.advance(timedelta(minutes=1))
    before = len(stand.spread())
    stand.tell(stand.row(NoticeKind.SECRET_SET))
    assert stand.spread()[before:] == [MOBILE, MAIL]


def test_what_goes_by_mail_alone_uses_up_no_text_message(stand: Stand) -> None:
    for _ in range(2 * MOST):
        stand.tell(stand.row(NoticeKind.CODE_SENT))
        stand.clock.advance(timedelta(minutes=1))
    stand.channels.rows.clear()
    for _ in range(2):
        stand.tell(stand.row(NoticeKind.CONTACT_ASKED))
        stand.clock.advance(timedelta(minutes=1))
    assert stand.spread() == [MOBILE, MAIL, NEW, MOBILE]


def test_a_flood_hides_no_second_way_in(stand: Stand) -> None:
    """Who chose a passphrase in the morning still hears of the thief's, whatever was sent in between."""
    stand.tell(stand.row(NoticeKind.SECRET_SET))
    for kind in (NoticeKind.WINDOW_OPENED, NoticeKind.CONTACT_ASKED, NoticeKind.CODE_SENT):
        for _ in range(2 * MOST):
            stand.clock.advance(timedelta(minutes=1))
            stand.tell(stand.row(kind))
    stand.channels.rows.clear()
    stand.clock.advance(timedelta(minutes=1))
    stand.tell(stand.row(NoticeKind.SECRET_SET))
    assert stand.spread() == [MOBILE, MAIL]


def test_what_was_told_in_the_same_instant_hides_nothing(stand: Stand) -> None:
    for _ in range(2 * MOST):
        stand.tell(stand.row(NoticeKind.CONTACT_ASKED))
        stand.clock.advance(timedelta(minutes=1))
    stand.channels.rows.clear()
    first, _ = stand.row(NoticeKind.ACCESS_CLOSED), stand.row(NoticeKind.CONTACT_ASKED)
    stand.tell(first)
    assert stand.spread() == [MOBILE, MAIL]


def test_which_of_a_day_are_beyond() -> None:
    asked, chosen = NoticeKind.CONTACT_ASKED, NoticeKind.SECRET_SET
    assert are_beyond([asked, asked, asked, chosen, asked, chosen], 2) == [False, False, True, False, True, False]
    assert are_beyond([chosen] * 4 + [asked], 2) == [False, False, True, True, False]
    assert are_beyond([], 2) == []
