"""`Containments` in SQL: who is concerned as one condition, and the measure, person by person, under their locks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, func, or_, select, update

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.acts import SetStanding
from broker.domain.audit import Action, AuditEvent
from broker.domain.containment import CONTAINED, CONTAINED_SOURCE, Concerned, Contain, Extent, Measure
from broker.domain.identity import AccountState, UpstreamProtocol
from broker.domain.standings import StandingKind, StandingState
from broker.storage.copies import tell_sessions
from broker.storage.engine import reading, transact
from broker.storage.lineage import lock_tree
from broker.storage.may_see import ATTACHED
from broker.storage.schema import (
    accounts,
    attachments,
    credentials,
    enrolments,
    guardianships,
    persons,
    sessions,
    staff_posts,
)
from broker.storage.sql_codes import end_codes
from broker.storage.sql_sessions import end_sessions
from broker.storage.sql_standings import stand
from broker.storage.trail import insert_audit, insert_notices

_LINKED = accounts.c.state == AccountState.LINKED.value
_OWN = accounts.c.protocol == UpstreamProtocol.OWN.value


class SqlContainments:
    """`Containments` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def extent(self, which: Concerned, *, now: datetime) -> Extent:
        """See `Containments.extent`."""
        concerned = select(persons.c.id).where(*_conditions(which, now=now))
        theirs = accounts.c.person_id.in_(concerned)
        with reading(self._engine) as conn:
            return Extent(
                persons=_count(conn, persons, persons.c.id.in_(concerned)),
                sessions=_count(conn, sessions, sessions.c.person_id.in_(concerned), *_running(now)),
                logins=_count(conn, accounts, theirs, _LINKED, ~_OWN, *_of_source(which.source)),
                secrets=_count(conn, credentials, credentials.c.account_id.in_(select(accounts.c.id).where(theirs))),
            )

    def persons(self, which: Concerned, *, after: str, limit: int, now: datetime) -> tuple[str, ...]:
        """See `Containments.persons`."""
        found = (
            select(persons.c.id)
            .where(*_conditions(which, now=now), persons.c.id > after)
            .order_by(persons.c.id)
            .limit(limit)
        )
        with reading(self._engine) as conn:
            return tuple(conn.execute(found).scalars())

    def contain(self, act: Contain) -> Extent:
        """See `Containments.contain`."""
        return transact(self._engine, lambda conn: _contain(conn, act))


# ---- who ---------------------------------------------------------------------------------------------------------


def _conditions(which: Concerned, *, now: datetime) -> Iterator[ColumnElement[bool]]:
    """All of them, of a living person."""
    yield persons.c.merged_into.is_(None)
    if which.school:
        yield _of_school((which.school,), now=now)
    if which.since is not None:
        yield persons.c.id.in_(_came_in(which))
    elif which.source:
        yield persons.c.id.in_(select(accounts.c.person_id).where(_LINKED, accounts.c.source_id == which.source))
    if which.except_persons:
        yield persons.c.id.not_in(which.except_persons)
    if which.except_schools:
        yield ~_of_school(which.except_schools, now=now)


def _came_in(which: Concerned) -> Select[Any]:
    opened = [sessions.c.opened_at >= which.since]
    if which.until is not None:
        opened.append(sessions.c.opened_at < which.until)
    if which.source:
        opened.append(sessions.c.source_id == which.source)
    return select(sessions.c.person_id).where(*opened)


def _of_school(uais: Sequence[str], *, now: datetime) -> ColumnElement[bool]:
    """Pupils of these schools, their guardians, their staff, by live attachments."""
    place = and_(enrolments.c.uai.in_(uais), or_(enrolments.c.until.is_(None), enrolments.c.until > now))
    post = and_(staff_posts.c.uai.in_(uais), or_(staff_posts.c.until.is_(None), staff_posts.c.until > now))
    beside = guardianships.join(enrolments, enrolments.c.record_id == guardianships.c.child_record)
    standing = or_(guardianships.c.until.is_(None), guardianships.c.until > now)
    records = (
        select(enrolments.c.record_id)
        .where(place)
        .union(
            select(staff_posts.c.record_id).where(post),
            select(guardianships.c.adult_record).select_from(beside).where(place, standing),
        )
    )
    return persons.c.id.in_(
        select(attachments.c.person_id).where(attachments.c.state == ATTACHED, attachments.c.record_id.in_(records))
    )


def _of_source(source: str) -> tuple[ColumnElement[bool], ...]:
    return (accounts.c.source_id == source,) if source else ()


def _running(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (sessions.c.revoked_at.is_(None), sessions.c.ends_at > now)


def _count(conn: Connection, table: Any, *conditions: ColumnElement[bool]) -> int:
    live = (credentials.c.until.is_(None),) if table is credentials else ()
    return int(conn.execute(select(func.count()).select_from(table).where(*conditions, *live)).scalar_one())


# ---- what --------------------------------------------------------------------------------------------------------


def _contain(conn: Connection, act: Contain) -> Extent:
    done = [_contain_one(conn, act, person_id) for person_id in sorted(act.persons)]
    return Extent(len(done), sum(each.sessions for each in done), sum(each.logins for each in done),
                  sum(each.secrets for each in done))  # fmt: skip


def _contain_one(conn: Connection, act: Contain, person_id: str) -> Extent:
    """Close first, then end what came in: under the person's lock no session opens between the two."""
    living, tree = lock_tree(conn, person_id)
    whose = sorted(tree)
    theirs = sessions.c.person_id.in_(whose)
    live = _count(conn, sessions, theirs, *_running(act.now))
    logins = secrets = 0
    if act.measure is Measure.REPROOF:
        logins = _close_logins(conn, act, whose)
        secrets = _end_secrets(conn, whose, now=act.now)
    if act.measure is Measure.CLOSE:
        stand(conn, _said(act, StandingKind.PERSON, living, CONTAINED))
    if act.measure is not Measure.SESSIONS:
        end_codes(conn, whose, now=act.now)
    tell_sessions(conn, end_sessions(conn, theirs, now=act.now, why=CONTAINED), now=act.now)
    insert_audit(conn, (_event(act, living),))
    insert_notices(conn, (AccessNotice(living, NoticeKind.CONTAINED, act.now, {"measure": act.measure.value}),))
    return Extent(1, live, logins, secrets)


def _close_logins(conn: Connection, act: Contain, whose: Sequence[str]) -> int:
    """Logins elsewhere open nothing until their person has proven anew; an own account lives on, without its secret."""
    why = CONTAINED_SOURCE if act.source else CONTAINED
    found = select(accounts.c.id).where(accounts.c.person_id.in_(whose), _LINKED, ~_OWN, *_of_source(act.source))
    logins = conn.execute(found.order_by(accounts.c.id)).scalars().all()
    for account_id in logins:
        stand(conn, _said(act, StandingKind.LINK, account_id, why))
    return len(logins)


def _end_secrets(conn: Connection, whose: Sequence[str], *, now: datetime) -> int:
    own = select(accounts.c.id).where(accounts.c.person_id.in_(whose), _OWN)
    live = update(credentials).where(credentials.c.account_id.in_(own), credentials.c.until.is_(None))
    return len(conn.execute(live.values(until=now).returning(credentials.c.id)).fetchall())


def _said(act: Contain, kind: StandingKind, subject: str, why: str) -> SetStanding:
    return SetStanding(
        kind, subject, StandingState.SUSPENDED, tenant=act.tenant, reason=why, now=act.now, audit=_event(act, subject)
    )


def _event(act: Contain, subject: str) -> AuditEvent:
    detail = {"measure": act.measure.value, "batch": act.batch, "why": act.reason}
    return AuditEvent(act.tenant, act.now, Action.CONTAINED, act.actor, subject, detail=detail)
