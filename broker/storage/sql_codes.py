"""`Codes` in SQL: letters, short codes and windows. A guess is counted in the statement that finds what it is at."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    String,
    bindparam,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.audit import AuditEvent
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, CodeBy, CodeKey, CodeKind
from broker.storage.engine import fetch, transact
from broker.storage.lineage import OWNER, downwards
from broker.storage.schema import codes, guesses, persons
from broker.storage.sql_desk_requests import claim_request
from broker.storage.sql_imports_bulk import among
from broker.storage.trail import insert_audit, insert_notices

_VALUE = bindparam("value", type_=String)
_NOBODY, _NOBODIES = "nobody ", 16
"""Rows that are written at every guess and count nothing; several, so that two guesses seldom wait for one."""
_KEPT = timedelta(days=1)
_UNUSED = (codes.c.used_at.is_(None), codes.c.ended_at.is_(None))

_FOUND: dict[CodeBy, tuple[ColumnElement[bool], ...]] = {
    CodeBy.LOCATOR: (codes.c.locator == _VALUE, codes.c.locator != ""),
    CodeBy.BOUND: (codes.c.bound == _VALUE, codes.c.bound != "", *_UNUSED),
    CodeBy.ID: (codes.c.id == _VALUE, *_UNUSED),
}
_OF_PERSON = select(codes).where(codes.c.person_id.in_(downwards())).order_by(codes.c.issued_at.desc(), codes.c.id)
_TAKE_BACK = update(codes).where(codes.c.id == _VALUE, codes.c.tries > 0, *_UNUSED).values(tries=codes.c.tries - 1)


def _claiming(by: CodeBy) -> Any:
    """Count one guess at the code that this finds: the live one first, else the newest. Never past its most."""
    live = codes.c.used_at.is_(None) & codes.c.ended_at.is_(None)
    newest = (live.desc(), codes.c.issued_at.desc(), codes.c.id)
    found = select(codes.c.id).where(*_FOUND[by]).order_by(*newest).limit(1).scalar_subquery()
    counted = update(codes).where(codes.c.id == found, codes.c.tries < codes.c.most_tries)
    return counted.values(tries=codes.c.tries + 1).returning(codes)


_CLAIM = {by: _claiming(by) for by in CodeBy}


class SqlCodes:
    """`Codes` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect: Any = postgresql if engine.dialect.name == "postgresql" else sqlite
        self._keep = dialect.insert(codes).on_conflict_do_nothing().returning(codes.c.id)
        fresh = dialect.insert(guesses)
        self._write_anyway = fresh.on_conflict_do_update(
            index_elements=[guesses.c.key], set_={"ends_at": fresh.excluded.ends_at}
        )

    def issue(self, act: IssueCodes) -> frozenset[str]:
        """See `Codes.issue`."""
        return transact(self._engine, lambda conn: self._issue(conn, act))

    def claim(self, key: CodeKey, *, now: datetime) -> Code | None:
        """See `Codes.claim`. Whether the code is still good is for the caller to see: its owner may be told."""
        return transact(self._engine, lambda conn: self._claim(conn, key, now=now))

    def was_right(self, code_id: str) -> None:
        """See `Codes.was_right`."""
        transact(self._engine, lambda conn: conn.execute(_TAKE_BACK, {"value": code_id}))

    def end(self, code_id: str, *, now: datetime, audit: AuditEvent) -> None:
        """See `Codes.end`."""
        transact(self._engine, lambda conn: self._end(conn, code_id, now=now, audit=audit))

    def of_person(self, person_id: str) -> tuple[Code, ...]:
        """See `Codes.of_person`."""
        rows = fetch(self._engine, _OF_PERSON, {"person": person_id})
        return tuple(_code(row, person_id=person_id, secret="") for row in rows)

    def _claim(self, conn: Connection, key: CodeKey, *, now: datetime) -> Code | None:
        """As many statements whether or not there is a code, and something is written to the disk in either case.

        A commit that writes nothing is milliseconds sooner: it would tell, from outside, which codes there are.
        """
        row = conn.execute(_CLAIM[key.by], {"value": key.value}).one_or_none()
        owner = conn.execute(OWNER, {"person": row.person_id if row else ""}).scalar_one_or_none()
        nobody = {"key": f"{_NOBODY}{secrets.randbelow(_NOBODIES)}", "tries": 0, "began_at": now, "open_at": now}
        conn.execute(self._write_anyway, [{**nobody, "ends_at": now + _KEPT}])
        return _code(row, person_id=str(owner)) if row else None

    def _end(self, conn: Connection, code_id: str, *, now: datetime, audit: AuditEvent) -> None:
        conn.execute(update(codes).where(codes.c.id == code_id, *_UNUSED).values(ended_at=now))
        insert_audit(conn, [audit])

    def _issue(self, conn: Connection, act: IssueCodes) -> frozenset[str]:
        if not act.codes:
            return frozenset()
        now = act.codes[0].issued_at
        _forget_expired(conn, now=now)
        _leave_screens(conn, act.codes, now=now)
        kept = set(conn.execute(self._keep, [_row(code, act) for code in act.codes]).scalars())
        if kept and act.answers is not None:
            claim_request(conn, act.answers)
        for kind, found in {(code.kind, bool(code.locator)) for code in act.codes}:
            alike = (codes.c.locator != "") if found else (codes.c.locator == "")
            same = [code for code in act.codes if (code.kind, bool(code.locator)) == (kind, found)]
            theirs = [code.person_id for code in same if code.code_id in kept]
            end_codes(conn, theirs, now=now, kinds=(kind,), but=kept, which=alike)
        left_out = {code.person_id for code in act.codes if code.code_id not in kept}
        insert_audit(conn, [event for event in act.audit if event.subject not in left_out])
        insert_notices(conn, [notice for notice in act.notices if notice.person_id not in left_out])
        return frozenset(code.code_id for code in act.codes) - kept


def end_codes(
    conn: Connection,
    person_ids: Collection[str],
    *,
    now: datetime,
    kinds: Sequence[CodeKind] = tuple(CodeKind),
    but: Collection[str] = (),
    which: ColumnElement[bool] | None = None,
) -> None:
    """End the unused codes of these persons, and of whoever was merged into them."""
    if not person_ids:
        return
    conn.execute(
        update(codes)
        .where(
            codes.c.person_id.in_(_trees(conn, sorted(set(person_ids)))),
            codes.c.kind.in_([kind.value for kind in kinds]),
            ~among(conn, codes.c.id, sorted(but)) if but else true(),
            true() if which is None else which,
            *_UNUSED,
        )
        .values(ended_at=now)
    )


def _trees(conn: Connection, person_ids: Sequence[str]) -> Select[Any]:
    tree = select(persons.c.id).where(among(conn, persons.c.id, person_ids)).cte("trees", recursive=True)
    tree = tree.union(select(persons.c.id).where(persons.c.merged_into == tree.c.id))
    return select(tree.c.id)


def _leave_screens(conn: Connection, issued: Sequence[Code], *, now: datetime) -> None:
    """Whose window is opened anew at the same screen has the one before ended first: it would hold that screen."""
    windows = [each for each in issued if each.kind is CodeKind.WINDOW]
    here = codes.c.bound.in_([each.bound for each in windows])
    end_codes(conn, [each.person_id for each in windows], now=now, kinds=(CodeKind.WINDOW,), which=here)


def _forget_expired(conn: Connection, *, now: datetime) -> None:
    """What is too old holds its locator, or its screen, no longer."""
    holds = (codes.c.locator != "") | (codes.c.kind == CodeKind.WINDOW.value)
    conn.execute(update(codes).where(codes.c.expires_at <= now, holds, *_UNUSED).values(ended_at=codes.c.expires_at))


def _row(code: Code, act: IssueCodes) -> dict[str, object]:
    return {
        "id": code.code_id,
        "kind": code.kind.value,
        "locator": code.locator,
        "secret": code.secret,
        "person_id": code.person_id,
        "uai": code.uai,
        "bound": code.bound,
        "actor": act.actor,
        "batch": act.batch,
        "issued_at": code.issued_at,
        "expires_at": code.expires_at,
        "tries": code.tries,
        "most_tries": code.most_tries,
    }


def _code(row: Row[Any], *, person_id: str, secret: str | None = None) -> Code:
    return Code(
        code_id=row.id,
        kind=CodeKind(row.kind),
        person_id=person_id,
        secret=row.secret if secret is None else secret,
        uai=row.uai,
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        tries=row.tries,
        most_tries=row.most_tries,
        locator=row.locator,
        bound=row.bound,
        used_at=row.used_at,
        ended_at=row.ended_at,
    )
