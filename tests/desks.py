"""Families and agents as tests of the desk want them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from sqlalchemy import Engine, select

from broker.domain.people import RecordKind
from broker.storage.engine import transact
from broker.storage.schema import records, search_pending
from broker.storage.sql_search_index import refresh
from tests import builders as b
from tests.clock import FakeClock
from tests.web_stand import WebStand, open_web

AGENTS, OWN = "agents", "maison"
HERE, THERE = "0990001A", "0990002B"
BORN = date(2013, 2, 3)
"""When every child of `family` was born."""


def index(engine: Engine) -> None:
    """Look at every record anew, as the worker does behind an import."""
    with engine.begin() as conn:
        conn.execute(search_pending.insert().from_select(["record_id"], select(records.c.id)))
    while transact(engine, refresh):
        pass


def family(
    engine: Engine, key: str, *, name: str, child: str, uai: str = HERE, label: str = "6eB", mobile: str = ""
) -> str:
    """A mother ("Given FAMILY") of one child at a school, found by the search; returns her person."""
    given, _, last = name.partition(" ")
    with engine.begin() as conn:
        told = {"mobile": mobile} if mobile else {}
        record = b.add_record(conn, key, RecordKind.GUARDIAN, given=given, family=last, told=told)
        mother = b.add_person(conn)
        b.attach(conn, record, mother)
        pupil = b.add_record(conn, f"9{key}", RecordKind.PUPIL, given=child, family=last, birth_date=BORN)
        b.attach(conn, pupil, b.add_person(conn))
        b.add_guardianship(conn, record, pupil)
        b.enrol(conn, pupil, uai, class_code=label)
    index(engine)
    return mother


@contextmanager
def open_desk_web(url: str, clock: FakeClock) -> Iterator[WebStand]:
    """The broker with a source of agents and one of own accounts, and a school here and one there."""
    with open_web(url, clock, agents=AGENTS, own=OWN) as stand:
        for uai in (HERE, THERE):
            b.add_school(stand.world.engine, uai, name=f"Collège {uai}")
        yield stand
