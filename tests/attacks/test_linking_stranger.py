"""A parent under a court's restriction and a perfect stranger get the same answer, log lines, audit and work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, update

from broker.domain.errors import PreauError, UnknownPerson
from broker.storage import schema
from tests.builders import FEED_1D, FEED_2D, add_guardian, add_guardianship, add_pupil, add_restriction, attach, enrol
from tests.clock import FakeClock
from tests.federations import World, open_world, ref

CHILD = f"{FEED_2D}:9500101"


@pytest.fixture
def world(sqlite_url: str, clock: FakeClock) -> Iterator[World]:
    with open_world(sqlite_url, clock) as opened:
        _, _, record = opened.family("500101")
        add_restriction(opened.engine, record, CHILD)
        opened.upstreams["ent2"].releases.update(father=ref("500101"), stranger=ref("404404"), nobody=())
        yield opened


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
        seen.append(statement)

    event.listen(world.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(world.engine, "before_cursor_execute", note)


def refusal(world: World, user: str) -> PreauError:
    with pytest.raises(UnknownPerson) as caught:
        world.browser().sign_in("ent2", user)
    return caught.value


def test_the_answer_is_the_same_to_the_letter(world: World) -> None:
    faults = [refusal(world, user) for user in ("father", "stranger", "nobody")]
    assert len({(type(fault), fault.cause, fault.status, len(fault.restart)) for fault in faults}) == 1


def test_the_log_is_the_same_to_the_letter(world: World, caplog: pytest.LogCaptureFixture) -> None:
    lines = []
    for user in ("father", "stranger"):
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            refusal(world, user)
        lines.append([record.getMessage() for record in caplog.records if record.name.startswith("broker")])
    assert lines[0] == lines[1] != []


def test_the_audit_is_the_same_to_the_letter(world: World) -> None:
    for user in ("father", "stranger"):
        refusal(world, user)
    first, second = ({k: v for k, v in row.items() if k != "id"} for row in world.audit("sign_in_refused"))
    assert first == second


def test_the_work_is_the_same_question_by_question(world: World) -> None:
    """As many statements, the same ones, in the same order: no page is slower because a child exists."""
    asked = []
    for user in ("father", "stranger"):
        with statements(world) as seen:
            refusal(world, user)
        asked.append(seen)
    assert asked[0] == asked[1] != []


def test_nothing_is_stored_of_either(world: World) -> None:
    for user in ("father", "stranger"):
        refusal(world, user)
    assert world.rows("accounts") == world.rows("sessions") == world.rows("consumptions") == []


def test_a_second_record_in_another_feed_is_no_way_round_the_restriction(world: World) -> None:
    """The court spoke of the father of 2D; as one human with the father of 1D he may still not see this child."""
    child = next(row for row in world.rows("attachments") if row["record_id"] == CHILD)["person_id"]
    _father_in_1d(world, str(child))
    world.upstreams["educonnect"].releases["father"] = ref("500101", "610777")
    with pytest.raises(UnknownPerson):
        world.browser().sign_in("educonnect", "father")


def test_another_child_of_the_same_father_opens_the_page_without_the_forbidden_one(world: World) -> None:
    _, other, _ = world.family("610777", feed=FEED_1D, uai="0990002B")
    world.upstreams["educonnect"].releases["father"] = ref("500101", "610777")
    browser = world.browser()
    browser.sign_in("educonnect", "father")
    assert browser.children() == {other}


def _father_in_1d(world: World, child: str) -> None:
    """His 1D record, beside a 1D record of the same child, as an import that recognised the child leaves it."""
    with world.engine.begin() as conn:
        _, father = add_guardian(conn, "610777", feed=FEED_1D)
        lone, pupil = add_pupil(conn, "710777", feed=FEED_1D)
        conn.execute(update(schema.attachments).where(schema.attachments.c.person_id == lone).values(state="undone"))
        attach(conn, pupil, child)
        add_guardianship(conn, father, pupil)
        enrol(conn, pupil)
