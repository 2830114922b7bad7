"""What a wrong link showed, read back: from the merge journal, attachments, dated facts, sessions and the ledger.

Every query goes by a key or an index (a person's, an account's, a record's), so that the answer takes seconds in a
base of any size: a breach is told within 72 hours, and its list within the first one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from broker.domain.exposure import (
    UNKNOWN,
    Exposure,
    JoinedAdult,
    Opening,
    Span,
    Told,
    Visit,
)
from broker.domain.identity import EvidenceKind
from broker.domain.people import AttachmentState
from broker.storage.engine import reading
from broker.storage.lineage import owner
from broker.storage.schema import (
    accounts,
    attachments,
    grants,
    merges,
    persons,
    records,
    releases,
    sessions,
)
from broker.storage.sql_exposed_children import SHOWED, earliest, span_of, visible_children

_UNDONE = AttachmentState.UNDONE.value
_BY_A_FEED = (EvidenceKind.SAME_INE.value, EvidenceKind.SHARED_CHILD.value, EvidenceKind.DIRECTORY_TIE.value)
"""What joined a record to a person without a login: a side of its own, for a slip in a feed may have done it."""


@dataclass(slots=True)
class _Scope:
    """What a question is about. `joined` is when each side came in: its records showed nothing to others before.

    `living`: under which persons the ledger wrote meanwhile (who was absorbed has no lines then). `parted`: until when
    a login or a person that was split off since stood for the same person.
    """

    span: Span
    living: set[str] = field(default_factory=set)
    attached: dict[str, str] = field(default_factory=dict)
    logins: dict[str, str] = field(default_factory=dict)
    parted: dict[str, datetime] = field(default_factory=dict)
    joined: dict[str, Span] = field(default_factory=dict)

    @property
    def sides(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.attached.values()))


class SqlExposure:
    """Reads one database. Every method raises `LookupError` when there is no such account, merge or person."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_account(self, account_id: str, *, now: datetime, since: datetime | None, own: str) -> Exposure:
        """What the link of an account showed, by itself and by the merges it caused, while it stood.

        `own`: the person, as before any merge, whose login it really is; empty when nobody knows.
        """
        with reading(self._engine) as conn:
            account = conn.execute(select(accounts).where(accounts.c.id == account_id)).one_or_none()
            if account is None:
                raise LookupError(f"no account {account_id}")
            scope = _Scope(span_of(account.linked_at, account.ended_at, now))
            caused = conn.execute(_journal().where(merges.c.account_id == account_id)).fetchall()
            for merge in caused:
                _add_merge(conn, scope, merge, now=now)
            _add_person(conn, scope, account.person_id)
            scope.logins[account_id] = own or UNKNOWN
            return _read(conn, scope, since=since, own=own)

    def of_merge(self, merge_id: int, *, now: datetime, since: datetime | None, own: str) -> Exposure:
        """What one merge showed while it stood. `own`: whose the login that caused it is; empty when unknown."""
        with reading(self._engine) as conn:
            merge = conn.execute(_journal().where(merges.c.id == merge_id)).one_or_none()
            if merge is None:
                raise LookupError(f"no merge {merge_id}")
            scope = _Scope(span_of(merge.at, merge.undone_at, now))
            _add_merge(conn, scope, merge, now=now)
            return _read(conn, scope, since=since, own=own)

    def of_person(self, person_id: str, *, now: datetime, since: datetime | None) -> Exposure:
        """Everything that signing in as this person showed, whoever did."""
        with reading(self._engine) as conn:
            living = owner(conn, person_id)
            begin = conn.execute(select(persons.c.created_at).where(persons.c.id == living)).scalar_one()
            scope = _Scope(Span(begin, max(now, begin)))
            held = _add_person(conn, scope, living)
            scope.attached |= {row.id: row.record_id for row in held if row.evidence_kind in _BY_A_FEED}
            for other, at in _parted_from(conn, living, held).items():
                _add_parted(conn, scope, other, at=at)
            scope.logins |= dict.fromkeys(_logins_of(conn, living), UNKNOWN)
            return _read(conn, scope, since=since, own="")


def _journal() -> Any:
    return select(merges).order_by(merges.c.id)


# ---- what the question is about ------------------------------------------------------------------------------------


def _add_merge(conn: Connection, scope: _Scope, merge: Any, *, now: datetime) -> None:
    """Both sides of a merge, with their records and logins. Once its pre-image is erased they cannot be told apart."""
    moved: Mapping[str, Sequence[str]] = merge.pre_image or {"attachments": (), "accounts": ()}
    span = span_of(merge.at, merge.undone_at, now)
    scope.attached |= dict.fromkeys(moved["attachments"], merge.absorbed)
    for side in (merge.absorbed, merge.survivor):
        scope.joined.setdefault(side, span)
    _add_person(conn, scope, merge.survivor)
    linked = select(accounts.c.id, accounts.c.linked_at).where(
        accounts.c.person_id.in_({merge.survivor, owner(conn, merge.survivor)})
    )
    for row in conn.execute(linked):
        before = merge.pre_image is not None and row.linked_at < merge.at and row.id != merge.account_id
        scope.logins.setdefault(row.id, merge.survivor if before else UNKNOWN)
    scope.logins |= dict.fromkeys(moved["accounts"], merge.absorbed)
    if merge.account_id is not None and merge.account_id not in moved["accounts"]:
        scope.logins[merge.account_id] = UNKNOWN


def _add_person(conn: Connection, scope: _Scope, person_id: str) -> Sequence[Row[Any]]:
    """The records that are or were this person's, those of another side aside. Returns their attachments."""
    living = {person_id, owner(conn, person_id)}
    scope.living |= living
    held = _attachments_of(conn, living)
    for row in held:
        scope.attached.setdefault(row.id, person_id)
    return held


def _parted_from(conn: Connection, living: str, held: Sequence[Row[Any]]) -> Mapping[str, datetime]:
    """Persons that a record was split off to, or whom one was split off from, and when the last one was."""
    found = [(row.evidence["left"], row.at) for row in held if "left" in row.evidence]
    ended = [row.record_id for row in held if row.state == _UNDONE]
    if ended:
        later = attachments.c.record_id.in_(ended), attachments.c.state.in_(SHOWED)
        rows = conn.execute(select(attachments).where(*later)).fetchall()
        found += [(row.person_id, row.at) for row in rows if row.evidence.get("left") == living]
    apart = sorted((at, other) for other, at in found if owner(conn, other) != living)
    return {other: at for at, other in apart}


def _add_parted(conn: Connection, scope: _Scope, other: str, *, at: datetime) -> None:
    """Until it was split off, the other one's logins and records were the person's."""
    begin = conn.execute(select(persons.c.created_at).where(persons.c.id == other)).scalar_one()
    scope.span = Span(min(begin, scope.span.begin), scope.span.end)
    _add_person(conn, scope, other)
    scope.joined[other] = Span(min(begin, at), at)
    logins = _logins_of(conn, owner(conn, other))
    scope.logins |= dict.fromkeys(logins, UNKNOWN)
    scope.parted |= dict.fromkeys([other, *logins], at)


def _logins_of(conn: Connection, person_id: str) -> Sequence[str]:
    return conn.execute(select(accounts.c.id).where(accounts.c.person_id == person_id)).scalars().all()


def _attachments_of(conn: Connection, person_ids: Iterable[str]) -> Sequence[Row[Any]]:
    """Whatever showed something, also what was undone since. From when on a frozen one showed nothing is not kept."""
    held = attachments.c.person_id.in_(list(person_ids)), attachments.c.state.in_(SHOWED)
    return conn.execute(select(attachments).where(*held).order_by(attachments.c.id)).fetchall()


# ---- reading -------------------------------------------------------------------------------------------------------


def _read(conn: Connection, scope: _Scope, *, since: datetime | None, own: str) -> Exposure:
    if own and own not in scope.sides:
        raise LookupError(f"{own} is none of the persons joined: {', '.join(scope.sides)}")
    if own:
        scope.logins = {login: side or own for login, side in scope.logins.items()}
    if since is not None:
        scope.span = Span(max(since, scope.span.begin), max(since, scope.span.end))
    adults = _adults(conn, scope)
    visits = _visits(conn, scope)
    return Exposure(
        span=scope.span,
        sides=scope.sides,
        adults=tuple(adult for adult, _ in adults),
        visits=visits,
        children=visible_children(conn, scope.span, adults),
        openings=_openings(conn, visits),
        told=_told(conn, scope),
    )


def _adults(conn: Connection, scope: _Scope) -> Sequence[tuple[JoinedAdult, Span]]:
    """The records behind each side, with the time during which each was attached."""
    columns = (attachments.c.id, attachments.c.at, attachments.c.ended_at, records)
    found = select(*columns).join(records, records.c.id == attachments.c.record_id)
    rows = conn.execute(found.where(attachments.c.id.in_(scope.attached)).order_by(records.c.id)).fetchall()
    told = []
    for row in rows:
        side = scope.attached[row[0]]
        held = span_of(row.at, earliest(row.ended_at, row.retired_at), scope.span.end)
        shown = held.within(scope.joined.get(side, scope.span)) if held.begin < held.end else None
        span = shown.within(scope.span) if shown else None
        if span is not None:
            told.append((JoinedAdult(side, row[3], row.given_name, row.family_name), span))
    return told


def _visits(conn: Connection, scope: _Scope) -> tuple[Visit, ...]:
    lived = (sessions.c.account_id.in_(scope.logins), sessions.c.opened_at < scope.span.end)
    rows = conn.execute(
        select(sessions).where(*lived, sessions.c.ends_at > scope.span.begin).order_by(sessions.c.opened_at)
    )
    visits = []
    for row in rows:
        closed = earliest(row.revoked_at, row.idle_until, row.ends_at) or row.ends_at
        closed = min(closed, scope.parted.get(row.account_id, closed))
        span = Span(row.opened_at, closed).within(scope.span) if row.opened_at < closed else None
        if span is not None:
            side = scope.logins[row.account_id]
            visits.append(Visit(row.sid, row.account_id, row.source_id, side, row.device, span))
    return tuple(visits)


def _openings(conn: Connection, visits: Sequence[Visit]) -> tuple[Opening, ...]:
    spans = {visit.sid: visit.span for visit in visits}
    rows = conn.execute(select(grants).where(grants.c.sid.in_(spans)).order_by(grants.c.created_at, grants.c.id))
    return tuple(
        Opening(row.sid, row.client_id, row.created_at, tuple(row.claims))
        for row in rows
        if row.created_at >= spans[row.sid].begin
    )


def _told(conn: Connection, scope: _Scope) -> tuple[Told, ...]:
    """Lines of the days concerned: the ledger has one line a day, so the first and the last day are told whole."""
    rows = conn.execute(
        select(releases)
        .where(
            releases.c.person_id.in_(scope.living),
            releases.c.day >= scope.span.begin.date(),
            releases.c.day <= scope.span.end.date(),
        )
        .order_by(releases.c.day, releases.c.service_id, releases.c.claims_digest)
    )
    return tuple(
        Told(row.person_id, row.service_id, row.day, tuple(row.claims), row.first_at)
        for row in rows
        if row.day <= scope.parted.get(row.person_id, scope.span.end).date()
    )
