"""The port `Codes` on every database: a guess counts before it is looked at, and a restart gives none back (LR-11)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, CodeBy, CodeKey, CodeKind
from broker.domain.handles import Id, new_id
from broker.storage.schema import audit_events, codes, notices, persons
from broker.storage.sql_codes import SqlCodes
from tests import builders as b
from tests.builders import NOW

DAY = timedelta(days=1)


@pytest.fixture
def port(sql_engine: Engine) -> SqlCodes:
    return SqlCodes(sql_engine)


def letter(person_id: str, locator: str = "AB12", *, at: datetime = NOW, kind: CodeKind = CodeKind.LETTER) -> Code:
    return Code(
        code_id=new_id(Id.CODE), kind=kind, person_id=person_id, secret="hash", uai="", issued_at=at,
        expires_at=at + 30 * DAY, tries=0, most_tries=5, locator=locator,
    )  # fmt: skip


def issue(port: SqlCodes, *given: Code) -> frozenset[str]:
    told = tuple(AccessNotice(code.person_id, NoticeKind.LETTER_ISSUED, code.issued_at) for code in given)
    events = tuple(
        AuditEvent("ville", code.issued_at, Action.LETTER_ISSUED, "cli:test", subject=code.person_id) for code in given
    )
    return port.issue(IssueCodes(given, actor="cli:test", batch="bat_1", audit=events, notices=told))


def by_locator(value: str) -> CodeKey:
    return CodeKey(CodeBy.LOCATOR, value)


def test_five_guesses_are_looked_at_and_no_sixth(port: SqlCodes, sql_engine: Engine) -> None:
    issue(port, letter(b.add_person(sql_engine)))
    seen = [port.claim(by_locator("AB12"), now=NOW) for _ in range(7)]
    assert [code.tries if code else None for code in seen] == [1, 2, 3, 4, 5, None, None]


def test_of_a_hundred_guesses_at_once_five_are_looked_at(port: SqlCodes, sql_engine: Engine) -> None:
    issue(port, letter(b.add_person(sql_engine)))
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: port.claim(by_locator("AB12"), now=NOW), range(100)))
    assert sorted(code.tries for code in seen if code) == [1, 2, 3, 4, 5]


def test_the_right_guess_is_taken_back_and_no_other(port: SqlCodes, sql_engine: Engine) -> None:
    code = letter(b.add_person(sql_engine))
    issue(port, code)
    for _ in range(2):
        port.claim(by_locator("AB12"), now=NOW)
    port.was_right(code.code_id)
    found = port.claim(by_locator("AB12"), now=NOW)
    assert found is not None
    assert found.tries == 2


def test_nobody_is_found_by_a_locator_that_nobody_has(port: SqlCodes, sql_engine: Engine) -> None:
    issue(port, letter(b.add_person(sql_engine)))
    assert port.claim(by_locator("ZZZZ"), now=NOW) is None
    assert port.claim(CodeKey(CodeBy.BOUND, ""), now=NOW) is None


def test_a_taken_locator_is_drawn_again_and_nothing_is_told_of_it(port: SqlCodes, sql_engine: Engine) -> None:
    first, second = b.add_person(sql_engine), b.add_person(sql_engine)
    issue(port, letter(first))
    other = letter(second)
    assert issue(port, other) == {other.code_id}
    with sql_engine.connect() as conn:
        assert set(conn.scalars(select(notices.c.person_id))) == {first}
        assert set(conn.scalars(select(audit_events.c.subject))) == {first}
    assert issue(port, replace(other, locator="CD34")) == frozenset()


def test_a_locator_is_free_again_once_its_letter_is_too_old(port: SqlCodes, sql_engine: Engine) -> None:
    issue(port, letter(b.add_person(sql_engine)))
    assert issue(port, letter(b.add_person(sql_engine), at=NOW + 30 * DAY)) == frozenset()


def test_a_new_letter_ends_the_one_before_and_no_window(port: SqlCodes, sql_engine: Engine) -> None:
    person = b.add_person(sql_engine)
    old, window, new = letter(person), letter(person, "", kind=CodeKind.WINDOW), letter(person, "CD34", at=NOW + DAY)
    issue(port, old)
    issue(port, window)
    issue(port, new)
    states = {code.code_id: code.ended_at for code in port.of_person(person)}
    assert states == {old.code_id: NOW + DAY, window.code_id: None, new.code_id: None}


def test_of_several_letters_with_one_locator_the_live_one_is_guessed_at(port: SqlCodes, sql_engine: Engine) -> None:
    old, new = letter(b.add_person(sql_engine), at=NOW - DAY), letter(b.add_person(sql_engine), at=NOW - 2 * DAY)
    issue(port, old)
    with sql_engine.begin() as conn:
        conn.execute(update(codes).values(used_at=NOW))
    issue(port, new)
    found = port.claim(by_locator("AB12"), now=NOW)
    assert found is not None
    assert found.code_id == new.code_id


def test_a_used_letter_is_found_so_that_its_owner_can_be_told_and_guesses_at_it_count(
    port: SqlCodes, sql_engine: Engine
) -> None:
    issue(port, letter(b.add_person(sql_engine)))
    with sql_engine.begin() as conn:
        conn.execute(update(codes).values(used_at=NOW))
    seen = [port.claim(by_locator("AB12"), now=NOW) for _ in range(6)]
    assert [code.used_at if code else None for code in seen] == [NOW] * 5 + [None]


def test_codes_follow_whoever_their_person_was_merged_into(port: SqlCodes, sql_engine: Engine) -> None:
    kept, gone = b.add_person(sql_engine), b.add_person(sql_engine)
    issue(port, letter(gone), letter(gone, "", kind=CodeKind.WINDOW))
    with sql_engine.begin() as conn:
        conn.execute(update(persons).where(persons.c.id == gone).values(merged_into=kept))
    found = port.claim(by_locator("AB12"), now=NOW)
    assert found is not None
    assert found.person_id == kept
    assert [code.person_id for code in port.of_person(kept)] == [kept, kept]


def at_screen(person_id: str, bound: str, *, at: datetime = NOW) -> Code:
    window = letter(person_id, "", at=at, kind=CodeKind.WINDOW)
    return replace(window, expires_at=at + timedelta(minutes=10), most_tries=3, bound=bound)


def test_one_screen_has_one_window_whoever_it_is_for(port: SqlCodes, sql_engine: Engine) -> None:
    one, two = b.add_person(sql_engine), b.add_person(sql_engine)
    first, second, elsewhere = at_screen(one, "screen"), at_screen(two, "screen"), at_screen(two, "another")
    assert issue(port, first) == frozenset()
    assert issue(port, second) == {second.code_id}
    assert issue(port, elsewhere) == frozenset()
    found = port.claim(CodeKey(CodeBy.BOUND, "screen"), now=NOW)
    assert found is not None
    assert found.person_id == one
    with sql_engine.connect() as conn:
        told = list(conn.execute(select(notices.c.person_id).order_by(notices.c.id)).scalars())
    assert told == [one, two], "who got no window is told of none"


def test_of_two_who_open_one_screen_at_once_one_does(port: SqlCodes, sql_engine: Engine) -> None:
    windows = [at_screen(b.add_person(sql_engine), "screen") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        left_out = list(pool.map(lambda each: issue(port, each), windows))
    assert sum(not each for each in left_out) == 1


def test_a_screen_is_free_again_after_its_window_and_for_its_own_person_before(
    port: SqlCodes, sql_engine: Engine
) -> None:
    one, two = b.add_person(sql_engine), b.add_person(sql_engine)
    first, again = at_screen(one, "screen"), at_screen(one, "screen")
    late = at_screen(two, "screen", at=NOW + timedelta(minutes=10))
    assert issue(port, first) == issue(port, again) == frozenset()
    with sql_engine.connect() as conn:
        ended = {row.id: row.ended_at for row in conn.execute(select(codes))}
    assert ended == {first.code_id: NOW, again.code_id: None}
    assert issue(port, late) == frozenset()


def test_what_did_not_reach_its_person_ends_with_the_event_that_says_so(port: SqlCodes, sql_engine: Engine) -> None:
    person = b.add_person(sql_engine)
    sms = letter(person, "AB12", kind=CodeKind.SMS)
    issue(port, sms)
    port.end(sms.code_id, now=NOW, audit=AuditEvent("ville", NOW, Action.SHORT_CODE_UNSENT, "prs_agent", person))
    found = port.claim(by_locator("AB12"), now=NOW)
    assert found is not None
    assert found.ended_at == NOW
    with sql_engine.connect() as conn:
        assert Action.SHORT_CODE_UNSENT.value in conn.execute(select(audit_events.c.action)).scalars().all()


def test_six_digits_that_anybody_may_ask_for_end_no_code_that_the_desk_sent(port: SqlCodes, sql_engine: Engine) -> None:
    person = b.add_person(sql_engine)
    sent, digits = letter(person, "AB12", kind=CodeKind.SMS), letter(person, "", kind=CodeKind.SMS)
    issue(port, sent)
    issue(port, digits)
    found = port.claim(by_locator("AB12"), now=NOW)
    assert found is not None
    assert found.ended_at is None


def test_a_code_without_a_locator_is_found_by_none(port: SqlCodes, sql_engine: Engine) -> None:
    """What cannot be a letter's code is looked for under an empty one."""
    issue(port, letter(b.add_person(sql_engine), "", kind=CodeKind.SMS))
    assert port.claim(by_locator(""), now=NOW) is None


def test_a_letter_and_a_code_by_sms_never_share_a_locator(port: SqlCodes, sql_engine: Engine) -> None:
    paper, sms = letter(b.add_person(sql_engine)), letter(b.add_person(sql_engine), kind=CodeKind.SMS)
    issue(port, paper)
    assert issue(port, sms) == {sms.code_id}


def test_what_was_sent_for_one_login_is_found_by_that_login_alone(port: SqlCodes, sql_engine: Engine) -> None:
    sms = replace(letter(b.add_person(sql_engine), "", kind=CodeKind.SMS), bound="digest of the login")
    issue(port, sms)
    found = port.claim(CodeKey(CodeBy.BOUND, "digest of the login"), now=NOW)
    assert found is not None
    assert (found.code_id, found.secret) == (sms.code_id, "hash")
    assert port.claim(CodeKey(CodeBy.BOUND, "another"), now=NOW) is None


def test_lists_show_no_secret(port: SqlCodes, sql_engine: Engine) -> None:
    person = b.add_person(sql_engine)
    issue(port, letter(person))
    assert [code.secret for code in port.of_person(person)] == [""]
