"""The ports `Channels` and `SmsCounts` on every database: how a person is reached, and what it cost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select, update

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.credentials import ContactKind
from broker.domain.notices import Channel, Reached, channel_named, channel_row, notice_named, notice_row
from broker.domain.people import AttachmentState
from broker.storage.schema import attachments, contacts, outbox, persons, records
from broker.storage.sql_channels import SqlChannels
from broker.storage.sql_outbox import row_of
from broker.storage.sql_sms_counts import SqlSmsCounts
from tests import builders as b

MOBILE = Channel(ContactKind.MOBILE, "+33639980001")
MAIL = Channel(ContactKind.MAIL, "parent@example.org")
OWN = Channel(ContactKind.MOBILE, "+33639980002")
HOLD = timedelta(hours=72)


@pytest.fixture
def channels(sql_engine: Engine) -> SqlChannels:
    return SqlChannels(sql_engine)


def say(engine: Engine, record_id: str, *, mobile: str = MOBILE.to, mail: str = MAIL.to) -> None:
    with engine.begin() as conn:
        content = json.dumps({"mobile": mobile, "mail": mail})
        conn.execute(update(records).where(records.c.id == record_id).values(content=content))


def give(
    engine: Engine, person: str, channel: Channel, *, holds_until: datetime, until: datetime | None = None
) -> None:
    with engine.begin() as conn:
        conn.execute(
            insert(contacts).values(
                id=f"cnt_{holds_until:%j%H}", person_id=person, kind=channel.kind.value, value=channel.to,
                actor=person, asked_at=holds_until - HOLD, holds_until=holds_until, until=until,
            )
        )  # fmt: skip


def test_a_live_record_says_how_its_guardian_is_reached(sql_engine: Engine, channels: SqlChannels) -> None:
    person, record = b.add_guardian(sql_engine, "500101")
    say(sql_engine, record)
    assert channels.reached(person, now=b.NOW) == Reached((MOBILE, MAIL))


def test_a_record_that_is_retired_or_frozen_says_nothing(sql_engine: Engine, channels: SqlChannels) -> None:
    person, record = b.add_guardian(sql_engine, "500101")
    say(sql_engine, record)
    frozen = attachments.c.record_id == record
    with sql_engine.begin() as conn:
        conn.execute(update(attachments).where(frozen).values(state=AttachmentState.FROZEN.value))
    assert channels.reached(person, now=b.NOW) == Reached()
    with sql_engine.begin() as conn:
        conn.execute(update(attachments).where(frozen).values(state=AttachmentState.ATTACHED.value))
        conn.execute(update(records).where(records.c.id == record).values(retired_at=b.NOW))
    assert channels.reached(person, now=b.NOW) == Reached()


@pytest.mark.parametrize("mobile", ["", "0639980001", "+33139980001", "+336399", "perdu"])
def test_a_number_that_takes_no_text_message_is_no_channel(
    sql_engine: Engine, channels: SqlChannels, mobile: str
) -> None:
    person, record = b.add_guardian(sql_engine, "500101")
    say(sql_engine, record, mobile=mobile)
    assert channels.reached(person, now=b.NOW).channels == (MAIL,)


def test_a_mobile_on_the_record_of_a_pupil_may_be_a_parents(sql_engine: Engine, channels: SqlChannels) -> None:
    pupil, record = b.add_pupil(sql_engine, "200345")
    say(sql_engine, record, mail="")
    assert channels.reached(pupil, now=b.NOW).channels == ()


def test_what_two_feeds_say_alike_is_one_channel(sql_engine: Engine, channels: SqlChannels) -> None:
    person, record = b.add_guardian(sql_engine, "500101")
    say(sql_engine, record)
    other, again = b.add_guardian(sql_engine, "610777", feed=b.FEED_1D)
    with sql_engine.begin() as conn:
        conn.execute(update(attachments).where(attachments.c.record_id == again).values(person_id=person))
    say(sql_engine, again, mail="autre@example.org")
    found = channels.reached(person, now=b.NOW).channels
    assert sorted(found, key=str) == sorted([MOBILE, MAIL, Channel(ContactKind.MAIL, "autre@example.org")], key=str)
    assert channels.reached(other, now=b.NOW) == Reached()


def test_what_a_person_gave_counts_once_its_time_of_waiting_is_over(sql_engine: Engine, channels: SqlChannels) -> None:
    person, record = b.add_guardian(sql_engine, "500101")
    say(sql_engine, record)
    give(sql_engine, person, OWN, holds_until=b.NOW + HOLD)
    before, then = (channels.reached(person, now=now) for now in (b.NOW, b.NOW + HOLD))
    assert (before.channels, before.held) == ((MOBILE, MAIL), (OWN,))
    assert (then.channels, then.held) == ((MOBILE, MAIL, OWN), ())


def test_what_was_taken_back_is_no_channel(sql_engine: Engine, channels: SqlChannels) -> None:
    person, _ = b.add_guardian(sql_engine, "500101")
    give(sql_engine, person, OWN, holds_until=b.NOW - HOLD)
    assert channels.reached(person, now=b.NOW).channels == (OWN,)
    with sql_engine.begin() as conn:
        conn.execute(update(contacts).values(until=b.NOW))
    assert channels.reached(person, now=b.NOW) == Reached()


def test_a_number_that_was_replaced_years_ago_is_told_nothing_any_more(
    sql_engine: Engine, channels: SqlChannels
) -> None:
    """It may be a stranger's by now. While the new one is held the old one still counts."""
    person, _ = b.add_guardian(sql_engine, "500101")
    new = Channel(ContactKind.MOBILE, "+33639980003")
    give(sql_engine, person, OWN, holds_until=b.NOW - timedelta(days=700))
    give(sql_engine, person, new, holds_until=b.NOW)
    waiting, then = (channels.reached(person, now=now) for now in (b.NOW - timedelta(hours=1), b.NOW))
    assert (waiting.channels, waiting.held) == ((OWN,), (new,))
    assert (then.channels, then.held) == ((new,), ())


def test_a_person_who_was_merged_is_reached_as_the_one_they_are(sql_engine: Engine, channels: SqlChannels) -> None:
    person, record = b.add_guardian(sql_engine, "500101")
    say(sql_engine, record)
    former = b.add_person(sql_engine)
    give(sql_engine, former, OWN, holds_until=b.NOW - HOLD)
    with sql_engine.begin() as conn:
        conn.execute(update(persons).where(persons.c.id == former).values(merged_into=person))
    assert channels.reached(former, now=b.NOW).channels == (MOBILE, MAIL, OWN)
    assert channels.reached("prs_nobody", now=b.NOW) == Reached()


def test_the_schools_of_a_parent_are_those_of_the_children_they_see(sql_engine: Engine, channels: SqlChannels) -> None:
    mother, _ = b.add_family(sql_engine, uai="0990001A")
    pupil, record = b.add_pupil(sql_engine, "200399")
    b.enrol(sql_engine, record, "0990001A")
    assert channels.reached(mother, now=b.NOW).uais == ("0990001A",)
    assert channels.reached(pupil, now=b.NOW).uais == ("0990001A",)


def test_rows_for_channels_come_out_as_they_went_in(sql_engine: Engine, channels: SqlChannels) -> None:
    notice = AccessNotice(
        "prs_1", NoticeKind.SECRET_SET, b.NOW, {"kind": "x", "by": "desk", "to": "y", "language": "ar"}
    )
    row = notice_row(notice)
    assert channel_named(row) is None
    channels.spread([channel_row(row, MOBILE, uai="0990001A"), channel_row(row, MAIL, uai="0990001A")])
    with sql_engine.connect() as conn:
        stored = [row_of(each) for each in conn.execute(select(outbox).order_by(outbox.c.id))]
    assert [channel_named(each) for each in stored] == [MOBILE, MAIL]
    assert [notice_named(each) for each in stored] == [notice, notice]


def test_no_channel_at_all_leaves_nothing_to_send(sql_engine: Engine, channels: SqlChannels) -> None:
    channels.spread([])
    with sql_engine.connect() as conn:
        assert conn.execute(select(outbox)).all() == []


def test_segments_of_a_day_are_added_up_whoever_sends(sql_engine: Engine) -> None:
    counts, day = SqlSmsCounts(sql_engine), date(2026, 9, 1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: counts.add("0990001A", day, 2), range(12)))
    counts.add("0990002B", day, 1)
    counts.add("0990001A", day + timedelta(days=1), 5)
    assert counts.of_days(day, day) == {"0990001A": 24, "0990002B": 1}
    assert counts.of_days(day, day + timedelta(days=1)) == {"0990001A": 29, "0990002B": 1}
    assert counts.of_days(day - timedelta(days=9), day - timedelta(days=1)) == {}
