"""The port `Origins` on every database, and what ends within a visit that goes on: entries at a CAS service."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from broker.domain.audit import Action, AuditEvent, Topic
from broker.domain.cas import CasEntry, EndEntries
from broker.domain.handles import digest
from broker.domain.origins import SessionOrigin
from broker.storage.schema import grants, outbox, sessions
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_origins import SqlOrigins
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_portraits import SqlPortraits
from broker.storage.sql_purge import SqlPurge
from broker.storage.sql_sessions import SqlSessions
from broker.storage.sql_tickets import SqlTickets
from tests import builders as b
from tests.contract.acts import opening
from tests.retention import shipped_spans

NOW = b.NOW
ENDED = AuditEvent("99", NOW, Action.SIGN_OUT, actor="prs_x")


def hints(engine: Engine) -> list[str | None]:
    """What is kept for the sources, as whoever holds the master secret reads it."""
    with engine.connect() as conn:
        rows = conn.execute(select(sessions.c.sid, sessions.c.source_hint).order_by(sessions.c.sid))
        return [row.source_hint and b.HINTS.unseal(row.source_hint, sid=row.sid) for row in rows]


def test_a_session_is_found_by_the_answer_that_opened_it_until_it_is_ended(sql_engine: Engine) -> None:
    port, origins = SqlSessions(sql_engine, b.HINTS), SqlOrigins(sql_engine, b.HINTS)
    person = b.add_person(sql_engine)
    act = replace(opening(person, b.add_account(sql_engine, person), consume="ST-1"), hint="rendre")
    port.open(act)
    found = origins.opened_by(digest("ST-1"))
    assert found is not None
    assert found.sid == act.session.sid
    assert origins.opened_by(digest("ST-2")) is None
    assert origins.of_visit(act.session.sid) == (SessionOrigin("educonnect", "rendre"),)
    port.end(act.session.sid, now=NOW, audit=ENDED)
    assert origins.opened_by(digest("ST-1")) is None
    assert hints(sql_engine) == [None]


def test_whoever_reads_or_changes_the_database_has_no_hint_of_a_source(sql_engine: Engine) -> None:
    port, origins = SqlSessions(sql_engine, b.HINTS), SqlOrigins(sql_engine, b.HINTS)
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    one, other = (replace(opening(person, account, consume=name), hint="eyJ.a.b") for name in ("un", "deux"))
    port.open(one)
    port.open(other)
    with sql_engine.begin() as conn:
        kept = conn.execute(select(sessions.c.source_hint).order_by(sessions.c.sid)).scalars().all()
        assert not any("eyJ" in each or b64encode(b"eyJ").decode() in each for each in kept)
        assert len(set(kept)) == 2, "two that are the same do not look the same"
    for spoilt in (*kept, kept[0][:-4], "eyJ.a.b", "é"):
        with sql_engine.begin() as conn:
            conn.execute(update(sessions).values(source_hint=spoilt))
        found = [origins.of_visit(act.session.sid)[0].hint for act in (one, other)]
        assert sorted(found) == (["", "eyJ.a.b"] if spoilt in kept else ["", ""]), "for its own session alone"


def test_a_visit_keeps_what_each_of_its_sources_wants_back(sql_engine: Engine) -> None:
    port, origins = SqlSessions(sql_engine, b.HINTS), SqlOrigins(sql_engine, b.HINTS)
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    first = replace(opening(person, account, consume="ST-1"), hint="un")
    port.open(first)
    again = replace(opening(person, account, consume="ST-2", replaces=first.session.sid), hint="deux", source_id="ent1")
    port.open(again)
    assert {each.hint for each in origins.of_visit(first.session.sid)} == {"un", "deux"}
    found = origins.opened_by(digest("ST-1"))
    assert found is not None
    assert found.sid == again.session.sid, "the visit goes on in its later session"


def test_what_a_source_wants_back_goes_with_the_session_that_nobody_ended(sql_engine: Engine) -> None:
    port = SqlSessions(sql_engine, b.HINTS)
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    for name in ("un", "deux"):
        port.open(replace(opening(person, account, consume=name), hint=name))
    with sql_engine.begin() as conn:
        conn.execute(
            update(sessions).where(sessions.c.answer == digest("deux")).values(ends_at=NOW + timedelta(days=30))
        )
        over = conn.execute(select(sessions.c.ends_at).where(sessions.c.answer == digest("un"))).scalar_one()
    sweeper = SqlPurge(sql_engine, kept=shipped_spans)
    for late, kept in ((timedelta(hours=1), {"un", "deux"}), (timedelta(hours=1, seconds=1), {None, "deux"})):
        sweeper.purge(now=over + late, limit=99)
        assert set(hints(sql_engine)) == kept


@pytest.fixture
def visit(sql_engine: Engine) -> tuple[SqlTickets, str, dict[str, str]]:
    mother, _ = b.add_family(sql_engine, children=("Léa",))
    sid = b.add_session(sql_engine, mother, b.add_account(sql_engine, mother))
    found = {}
    for school in ("0990001A", "0990002Y"):
        found[school] = b.add_grant(sql_engine, mother, sid, client_id="cas:kne")
        peer = {"index": f"ST-{school}", "url": f"https://kne.example/?UAI={school}"}
        with sql_engine.begin() as conn:
            conn.execute(update(grants).where(grants.c.id == found[school]).values(peer=peer))
    held = SqlGrants(sql_engine)
    portraits = SqlPortraits(held, SqlPeople(sql_engine), SqlDetails(sql_engine))
    return SqlTickets(held, portraits), sid, found


def test_one_login_at_a_service_ends_and_is_told_while_the_visit_goes_on(
    sql_engine: Engine, visit: tuple[SqlTickets, str, dict[str, str]]
) -> None:
    tickets, sid, found = visit
    assert len(tickets.entries("cas:kne", sid)) == 2
    act = EndEntries((found["0990001A"],), sid, AuditEvent("99", NOW, Action.SCHOOL_CHANGED, actor="prs_x"))
    tickets.end_entries(act)
    tickets.end_entries(act)
    assert tickets.entries("cas:kne", sid) == (CasEntry(found["0990002Y"], "https://kne.example/?UAI=0990002Y"),)
    with sql_engine.connect() as conn:
        rows = conn.execute(select(outbox.c.payload).where(outbox.c.topic == Topic.LOGOUT.value)).scalars().all()
    assert [row["index"] for row in rows] == ["ST-0990001A"]


def test_the_end_of_the_visit_tells_of_the_rest_alone(
    sql_engine: Engine, visit: tuple[SqlTickets, str, dict[str, str]]
) -> None:
    tickets, sid, found = visit
    event = AuditEvent("99", NOW, Action.SCHOOL_CHANGED, actor="prs_x")
    tickets.end_entries(EndEntries((found["0990001A"],), sid, event))
    SqlSessions(sql_engine, b.HINTS).end(sid, now=NOW, audit=ENDED)
    with sql_engine.connect() as conn:
        query = select(outbox.c.payload).where(outbox.c.topic == Topic.LOGOUT.value).order_by(outbox.c.id)
        rows = conn.execute(query).scalars().all()
    assert [row["index"] for row in rows] == ["ST-0990001A", "ST-0990002Y"]
