"""`DeskJournal` in SQL: the audit trail within the schools of whoever reads it. The scope is part of the query."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, exists, func, or_, select

from broker.domain.audit import Action, AuditEvent
from broker.domain.desk_journal import JournalAsked, JournalEntry, NamedPerson
from broker.storage.engine import reading
from broker.storage.may_see import ATTACHED
from broker.storage.schema import accounts, attachments, audit_events, desk_posts, persons, records
from broker.storage.schema.trail import OF_DESK
from broker.storage.sql_imports_bulk import among

_NO_SCHOOL = (
    Action.AGENT_SEARCHED.value, Action.AGENT_REFUSED.value, Action.AGENT_ALARM.value, Action.JOURNAL_READ.value,
)  # fmt: skip
"""What an agent does nowhere in particular: told to those who look after a school that the agent covered then."""

_events = audit_events.c


class SqlDeskJournal:
    """`DeskJournal` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, asked: JournalAsked) -> tuple[JournalEntry, ...]:
        """See `DeskJournal.read`."""
        with reading(self._engine) as conn:
            query = (
                select(audit_events)
                .where(OF_DESK, _events.tenant == asked.tenant, _in_scope(conn, asked), *_narrowed(conn, asked))
                .order_by(_events.id.desc())
                .limit(asked.limit)
            )
            return tuple(_entry(row) for row in conn.execute(query))

    def names(self, person_ids: Collection[str]) -> Mapping[str, NamedPerson]:
        """See `DeskJournal.names`."""
        if not person_ids:
            return {}
        with reading(self._engine) as conn:
            found: dict[str, NamedPerson] = {}
            for row in conn.execute(_names(conn, sorted(set(person_ids)))):
                called = " ".join(filter(None, (row.given_name, row.family_name))) or row.said_name or ""
                if row.start not in found or not found[row.start].name:
                    found[row.start] = NamedPerson(row.id, called)
            return found


def _in_scope(conn: Connection, asked: JournalAsked) -> ColumnElement[bool]:
    """Of a school that the reader covers, or of no school, by an agent who covered one of these then."""
    uai = func.coalesce(_events.detail["uai"].as_string(), "")
    academie = func.coalesce(_events.detail["academie"].as_string(), "")
    at = (desk_posts.c.since <= _events.at, or_(desk_posts.c.ended_at.is_(None), desk_posts.c.ended_at >= _events.at))
    theirs = exists().where(
        desk_posts.c.account_id == _events.detail["account"].as_string(),
        *at,
        _of_reader(conn, asked, desk_posts.c.uai, desk_posts.c.academie),
    )
    return or_(
        _of_reader(conn, asked, uai, academie), and_(_events.action.in_(_NO_SCHOOL), uai == "", theirs)
    )  # fmt: skip


def _of_reader(conn: Connection, asked: JournalAsked, uai: Any, academie: Any) -> ColumnElement[bool]:
    """An empty school or académie is of nobody."""
    return or_(
        among(conn, uai, sorted(asked.uais - {""})), among(conn, academie, sorted(asked.academies - {""}))
    )  # fmt: skip


def _narrowed(conn: Connection, asked: JournalAsked) -> Iterator[ColumnElement[bool]]:
    if asked.hidden:
        yield ~_events.subject.in_(_trees(conn, sorted(asked.hidden)))
    if asked.actor:
        yield _events.actor.in_(_trees(conn, [asked.actor]))
    if asked.person_id:
        yield _events.subject.in_(_trees(conn, [asked.person_id]))
    if asked.action:
        yield _events.action == asked.action.value
    if asked.since:
        yield _events.at >= asked.since
    if asked.until:
        yield _events.at < asked.until
    if asked.before is not None:
        yield _events.id < asked.before


def _trees(conn: Connection, living: Collection[str]) -> Select[Any]:
    """These persons, and everyone merged into them: the trail keeps the id of then."""
    tree = select(persons.c.id).where(among(conn, persons.c.id, living)).cte(recursive=True)
    tree = tree.union(select(persons.c.id).where(persons.c.merged_into == tree.c.id))
    return select(tree.c.id)


def _names(conn: Connection, person_ids: Collection[str]) -> Select[Any]:
    """By the id asked for: the living person, and their records' names, a live one first."""
    line = (
        select(persons.c.id.label("start"), persons.c.id, persons.c.merged_into)
        .where(among(conn, persons.c.id, person_ids))
        .cte("line", recursive=True)
    )
    line = line.union(
        select(line.c.start, persons.c.id, persons.c.merged_into).where(persons.c.id == line.c.merged_into)
    )
    return (
        select(line.c.start, line.c.id, records.c.given_name, records.c.family_name, accounts.c.said_name)
        .select_from(
            line.outerjoin(
                attachments, and_(attachments.c.person_id == line.c.id, attachments.c.state == ATTACHED)
            )
            .outerjoin(records, records.c.id == attachments.c.record_id)
            .outerjoin(accounts, and_(accounts.c.person_id == line.c.id, accounts.c.said_name.is_not(None)))
        )
        .where(line.c.merged_into.is_(None))
        .order_by(line.c.start, records.c.retired_at.is_not(None), records.c.first_seen_at, records.c.id)
    )  # fmt: skip


def _entry(row: Row[Any]) -> JournalEntry:
    return JournalEntry(
        row.id,
        AuditEvent(
            row.tenant, row.at, Action(row.action), row.actor, row.subject, row.outcome, row.trace, dict(row.detail)
        ),
    )
