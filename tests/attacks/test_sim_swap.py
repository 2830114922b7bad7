"""LR-13, A-13: whoever takes over a number, and knows a name, gets nothing by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from broker.accounts import activation
from broker.storage.schema import contacts
from tests.attacks.test_pre_hijacking import HOLD, plant_number
from tests.clock import FakeClock
from tests.flows.test_ways_in import OWN, ask_sms, choose, digits_of, handle_in, write_code, write_digits
from tests.own_accounts import BORN, MOBILE, family, sent
from tests.web_stand import WebStand, open_web


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, own=OWN) as opened:
        yield opened


def days_guessed(many: int) -> list[date]:
    return [BORN + timedelta(days=number + 1) for number in range(many)]


def test_the_number_and_the_name_alone_open_nothing(stand: WebStand) -> None:
    """Five dates may be tried at a code, five codes be sent in a day: 25 of some 5,000 dates."""
    family(stand.world.engine, mobile=MOBILE)
    thief, days = stand.client(), iter(days_guessed(25))
    for _ in range(5):
        handle = ask_sms(thief)
        digits = digits_of(stand)
        for _ in range(5):
            assert write_digits(thief, handle, digits, next(days)).status == 403
        assert write_digits(thief, handle, digits).status == 403
        assert thief.get(f"/code/passe?c={handle}").status == 400
    assert thief.post("/perdu/mobile", {"csrf": thief.get("/perdu/mobile").token, "mobile": MOBILE}).status == 429


def test_a_code_is_never_sent_to_a_number_that_was_typed_and_is_nobodys(stand: WebStand) -> None:
    family(stand.world.engine, mobile=MOBILE)
    ask_sms(stand.client(), "+33639980000")
    assert stand.parts.ways_in is not None
    assert sent(stand.parts.ways_in) == []


def test_after_a_change_of_number_nobody_is_sent_a_code_for_72_hours(stand: WebStand, clock: FakeClock) -> None:
    """Neither to the new number, which is held, nor to the old one, which may be why it is changed."""
    mother = family(stand.world.engine, mobile=MOBILE)
    plant_number(stand, mother, clock)
    assert stand.parts.ways_in is not None
    for step in (timedelta(0), HOLD - timedelta(minutes=1)):
        clock.advance(step)
        ask_sms(stand.client())
        assert sent(stand.parts.ways_in) == []
    clock.advance(timedelta(minutes=2))
    ask_sms(stand.client())
    assert len(sent(stand.parts.ways_in)) == 1


def test_the_digits_are_worth_nothing_in_another_login_or_browser(stand: WebStand) -> None:
    family(stand.world.engine, mobile=MOBILE)
    owner, thief = stand.client(), stand.client()
    handle = ask_sms(owner)
    digits = digits_of(stand)
    assert thief.get(f"/perdu/code?c={handle}").status == 400
    theirs = ask_sms(thief, "06 39 98 00 00")
    assert write_digits(thief, theirs, digits).status == 403
    assert write_code(thief, digits).status == 403


def test_the_owner_is_told_whenever_a_code_is_sent_or_a_secret_set(stand: WebStand) -> None:
    mother = family(stand.world.engine, mobile=MOBILE)
    client = stand.client()
    handle = ask_sms(client)
    write_digits(client, handle, digits_of(stand))
    choose(client, handle)
    with stand.world.engine.connect() as conn:
        told = conn.exec_driver_sql("SELECT person_id, kind FROM notices ORDER BY id").fetchall()
    assert [tuple(row) for row in told] == [(mother, "code_sent"), (mother, "secret_set")]


def test_the_thief_of_a_number_gets_in_where_the_birth_date_is_not_asked(
    stand: WebStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can fail: with that check taken out, the number alone is enough."""
    monkeypatch.setattr(activation.Activation, "_knows", lambda *_args, **_named: True)
    family(stand.world.engine, mobile=MOBILE)
    monkeypatch.setattr(activation, "MOST_HOLDERS", 1)
    thief = stand.client()
    handle = ask_sms(thief)
    assert handle_in(write_digits(thief, handle, digits_of(stand), days_guessed(1)[0])) == handle


def test_the_hold_is_kept_by_the_rows_and_by_nothing_that_may_vanish(stand: WebStand, clock: FakeClock) -> None:
    """It can fail: without the row of the change, a code goes out."""
    mother = family(stand.world.engine, mobile=MOBILE)
    plant_number(stand, mother, clock)
    with stand.world.engine.begin() as conn:
        conn.execute(contacts.delete())
    ask_sms(stand.client())
    assert stand.parts.ways_in is not None
    assert len(sent(stand.parts.ways_in)) == 1
