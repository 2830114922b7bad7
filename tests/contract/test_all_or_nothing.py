"""A fault at any statement of an act about people leaves the database as it was, and the same act then succeeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from broker.storage.sql_guardianships import SqlGuardianships
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_sessions import SqlSessions
from tests import builders as b
from tests.contract.acts import UNDO_FOR, export, opening, proof, undoing
from tests.contract.statements import statements


class Cut(Exception):
    """The fault that is injected."""


@contextmanager
def cut_at(engine: Engine, number: int) -> Iterator[None]:
    """Fail just before the statement of this number."""
    seen = 0

    def count(*_args: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Cut

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", count)


def family(engine: Engine) -> tuple[str, str, str]:
    """Two persons with everything, to be joined; the child of the first."""
    first, (child,) = b.add_family(engine)
    with engine.begin() as conn:
        second, record = b.add_guardian(conn, "2", feed=b.FEED_1D)
        for person in (first, second):
            sid = b.add_session(conn, person, b.add_account(conn, person, records=(record,)))
            b.add_subject(conn, person)
            b.add_grant(conn, person, sid)
    return first, second, child


def joining(engine: Engine) -> Callable[[], object]:
    first, second, _ = family(engine)
    act = opening(first, link=proof(first, second))
    return lambda: SqlSessions(engine, b.HINTS).open(act)


def undoing_it(engine: Engine) -> Callable[[], object]:
    first, second, _ = family(engine)
    sessions = SqlSessions(engine, b.HINTS)
    act = opening(first, link=proof(first, second))
    sessions.open(act)
    sessions.open(opening(first, link=proof(first, second, subject="another")))
    links = SqlLinks(engine, undo_for=UNDO_FOR)
    return lambda: links.undo(undoing(act.session.account_id, first))


def restricting(engine: Engine) -> Callable[[], object]:
    adult, _, child = family(engine)
    event_ = undoing("acc_x", adult).audit[0]
    return lambda: SqlGuardianships(engine).restrict(adult_id=adult, child_id=child, since=b.NOW, audit=event_)


@pytest.mark.parametrize("prepare", [joining, undoing_it, restricting])
def test_a_fault_at_any_statement_leaves_all_as_it_was(
    sql_engine: Engine, prepare: Callable[[Engine], Callable[[], object]]
) -> None:
    act = prepare(sql_engine)
    before = export(sql_engine)
    number = 0
    while True:
        number += 1
        with cut_at(sql_engine, number):
            try:
                act()
            except Cut:
                assert export(sql_engine) == before, f"statement {number}"
                continue
        break
    assert number > 5
    assert export(sql_engine) != before


def test_the_cut_is_seen_by_the_counter(sql_engine: Engine) -> None:
    act = joining(sql_engine)
    with statements(sql_engine) as seen, cut_at(sql_engine, 3), pytest.raises(Cut):
        act()
    assert len(seen) == 3
