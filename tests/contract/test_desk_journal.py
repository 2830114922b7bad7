"""The port `DeskJournal` on every database: what was done at the reader's schools, and who these ids are now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert, update

from broker.domain.audit import Action, AuditEvent
from broker.domain.desk_journal import JournalAsked, NamedPerson
from broker.storage.engine import transact
from broker.storage.schema import accounts, desk_posts, persons, records
from broker.storage.sql_desk_journal import SqlDeskJournal
from broker.storage.trail import insert_audit
from tests import builders as b
from tests.desks import HERE, THERE

NOW = b.NOW
ASKED = JournalAsked("ac-test", frozenset({HERE}))


@pytest.fixture
def port(sql_engine: Engine) -> SqlDeskJournal:
    for uai in (HERE, THERE):
        b.add_school(sql_engine, uai)
    return SqlDeskJournal(sql_engine)


def wrote(engine: Engine, action: Action, *, actor: str = "prs_a", subject: str = "", **detail: str) -> None:
    event = AuditEvent(detail.pop("tenant", "ac-test"), NOW, action, actor, subject, detail=detail)
    transact(engine, lambda conn: insert_audit(conn, (event,)))


def read(port: SqlDeskJournal, asked: JournalAsked = ASKED) -> list[str]:
    return [entry.event.detail.get("n", "") for entry in port.read(asked)]


def test_acts_are_told_at_their_school_and_its_tenant_alone(sql_engine: Engine, port: SqlDeskJournal) -> None:
    wrote(sql_engine, Action.WINDOW_OPENED, uai=HERE, n="here")
    wrote(sql_engine, Action.WINDOW_OPENED, uai=THERE, n="there")
    wrote(sql_engine, Action.WINDOW_OPENED, uai=HERE, n="of another tenant", tenant="ville")
    wrote(sql_engine, Action.WINDOW_OPENED, n="a parent's, of no desk")
    wrote(sql_engine, Action.ACCESS_CLOSED, n="a person's own")
    wrote(sql_engine, Action.SIGN_IN, uai=HERE, n="no act of a desk")
    wrote(sql_engine, Action.POST_GIVEN, academie="99", n="of an académie")
    wrote(sql_engine, Action.POST_GIVEN, academie="", uai="", n="of nowhere")
    assert read(port) == ["here"]
    assert read(port, replace(ASKED, academies=frozenset({"99", ""}))) == ["of an académie", "here"]
    assert read(port, replace(ASKED, uais=frozenset({"", HERE, THERE}))) == ["there", "here"]


def test_what_was_done_at_no_school_is_told_where_its_agent_had_a_post_then(
    sql_engine: Engine, port: SqlDeskJournal
) -> None:
    account = b.add_account(sql_engine, b.add_person(sql_engine))
    row = {"account_id": account, "profile": "accueil", "origin": "source", "actor": "a"}
    day = timedelta(days=1)
    with sql_engine.begin() as conn:
        conn.execute(insert(desk_posts).values(id="dkp_1", uai=HERE, since=NOW - day, ended_at=NOW + day, **row))
        conn.execute(insert(desk_posts).values(id="dkp_2", uai=THERE, since=NOW - 9 * day, ended_at=NOW - day, **row))
    for action in (Action.AGENT_SEARCHED, Action.AGENT_REFUSED, Action.AGENT_ALARM, Action.JOURNAL_READ):
        wrote(sql_engine, action, account=account, n=action.value)
    wrote(sql_engine, Action.AGENT_SEARCHED, account="acc_other", n="somebody else's")
    wrote(sql_engine, Action.AGENT_REFUSED, account=account, uai=THERE, n="about another school")
    wrote(sql_engine, Action.WAIT_LIFTED, account=account, n="an act of no school")
    assert read(port) == ["journal_read", "agent_alarm", "agent_refused", "agent_searched"]
    assert read(port, replace(ASKED, uais=frozenset({THERE}))) == ["about another school"]


def test_a_page_is_narrowed_and_goes_on_where_the_last_one_ended(sql_engine: Engine, port: SqlDeskJournal) -> None:
    kept = b.add_person(sql_engine)
    gone = b.add_person(sql_engine, merged_into=kept)
    wrote(sql_engine, Action.WINDOW_OPENED, uai=HERE, subject=gone, n="before the merge")
    wrote(sql_engine, Action.LETTER_ISSUED, uai=HERE, subject=kept, actor=kept, n="after it")
    wrote(sql_engine, Action.LETTER_ISSUED, uai=HERE, subject="prs_x", n="another's")
    assert read(port, replace(ASKED, person_id=kept)) == ["after it", "before the merge"]
    assert read(port, replace(ASKED, hidden=frozenset({kept}))) == ["another's"]
    assert read(port, replace(ASKED, actor=kept)) == ["after it"]
    assert read(port, replace(ASKED, action=Action.LETTER_ISSUED)) == ["another's", "after it"]
    assert read(port, replace(ASKED, since=NOW, until=NOW)) == []
    first = port.read(replace(ASKED, limit=2))
    assert read(port, replace(ASKED, before=first[-1].entry_id)) == ["before the merge"]


def test_ids_are_named_by_the_record_or_else_by_the_source(sql_engine: Engine, port: SqlDeskJournal) -> None:
    mother, record = b.add_guardian(sql_engine, "1", given="Nadia", family="BENALI")
    former = b.add_person(sql_engine, merged_into=mother)
    agent = b.add_person(sql_engine)
    b.add_account(sql_engine, agent, subject="a")
    b.add_account(sql_engine, agent, subject="b")
    with sql_engine.begin() as conn:
        conn.execute(update(accounts).where(accounts.c.subject == "b").values(said_name="Luc Martin"))
    found = port.names([mother, former, agent, "cli:admin"])
    assert found == {
        mother: NamedPerson(mother, "Nadia BENALI"),
        former: NamedPerson(mother, "Nadia BENALI"),
        agent: NamedPerson(agent, "Luc Martin"),
    }
    with sql_engine.begin() as conn:
        conn.execute(update(records).where(records.c.id == record).values(retired_at=NOW))
    assert port.names([mother])[mother].name == "Nadia BENALI"
    assert port.names([]) == {}
    with sql_engine.begin() as conn:
        conn.execute(update(persons).where(persons.c.id == former).values(merged_into=None))
    assert port.names([former])[former].name == ""
