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
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, CodeBy, CodeKey, CodeKind
from broker.domain.names import fold
from broker.storage.engine import fetch, transact
from broker.storage.lineage import OWNER, downwards
from broker.storage.may_see import ATTACHED
from broker.storage.schema import Instant, attachments, codes, guesses, persons, records
from broker.storage.sql_desk_requests import claim_request
from broker.storage.sql_imports_bulk import among
from broker.storage.trail import insert_audit, insert_notices

_NOW = bindparam("now", type_=Instant)
_VALUE = bindparam("value", type_=String)
_START = bindparam("start", type_=String)
_NOBODY, _NOBODIES = "nobody ", 16
"""Rows that are written at every guess and count nothing; several, so that two guesses seldom wait for one."""
_KEPT = timedelta(days=1)
_UNUSED = (codes.c.used_at.is_(None), codes.c.ended_at.is_(None))

_FOUND: dict[CodeBy, tuple[ColumnElement[bool], ...]] = {
    CodeBy.LOCATOR: (codes.c.locator == _VALUE, codes.c.kind == CodeKind.LETTER.value),
    CodeBy.BOUND: (codes.c.bound == _VALUE, codes.c.bound != "", *_UNUSED),
    CodeBy.ID: (codes.c.id == _VALUE, *_UNUSED),
}
_WINDOWS = (
    select(codes)
    .where(
        codes.c.kind == CodeKind.WINDOW.value,
        codes.c.person_id.in_(downwards()),
        codes.c.expires_at > _NOW,
        codes.c.tries < codes.c.most_tries,
        *_UNUSED,
    )
    .order_by(codes.c.issued_at.desc(), codes.c.id)
)
_OPEN_TO_NAME = (
    select(codes, attachments.c.person_id.label("owner"))
    .distinct()
    .join(attachments, attachments.c.person_id == codes.c.person_id)
    .join(records, records.c.id == attachments.c.record_id)
    .where(
        codes.c.kind == CodeKind.WINDOW.value,
        codes.c.expires_at > _NOW,
        codes.c.tries < codes.c.most_tries,
        *_UNUSED,
        attachments.c.state == ATTACHED,
        records.c.retired_at.is_(None),
        func.substr(records.c.name_key, 1, func.length(_START)) == _START,
    )
    .order_by(codes.c.issued_at, codes.c.id)
)
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

    def windows(self, persons: Sequence[str], *, now: datetime) -> tuple[Code, ...]:
        """See `Codes.windows`."""
        return tuple(
            _code(row, person_id=person_id)
            for person_id in dict.fromkeys(persons)
            for row in fetch(self._engine, _WINDOWS, {"person": person_id, "now": now})
        )

    def open_windows(self, *, family: str, given: str, now: datetime) -> tuple[Code, ...]:
        """See `Codes.open_windows`. Starts at the windows, which are few, never at the names."""
        names = {"start": f"{fold(family)}|{fold(given)}|", "now": now}
        rows = fetch(self._engine, _OPEN_TO_NAME, names)
        return tuple(_code(row, person_id=row.owner) for row in rows)

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

    def _issue(self, conn: Connection, act: IssueCodes) -> frozenset[str]:
        if not act.codes:
            return frozenset()
        now = act.codes[0].issued_at
        _forget_expired(conn, now=now)
        kept = set(conn.execute(self._keep, [_row(code, act) for code in act.codes]).scalars())
        if kept and act.answers is not None:
            claim_request(conn, act.answers)
        for kind in {code.kind for code in act.codes}:
            theirs = [code.person_id for code in act.codes if code.code_id in kept and code.kind is kind]
            end_codes(conn, theirs, now=now, kinds=(kind,), but=kept)
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
            *_UNUSED,
        )
        .values(ended_at=now)
    )


def _trees(conn: Connection, person_ids: Sequence[str]) -> Select[Any]:
    tree = select(persons.c.id).where(among(conn, persons.c.id, person_ids)).cte("trees", recursive=True)
    tree = tree.union(select(persons.c.id).where(persons.c.merged_into == tree.c.id))
    return select(tree.c.id)


def _forget_expired(conn: Connection, *, now: datetime) -> None:
    """Letters that are too old hold their locators no longer."""
    conn.execute(
        update(codes)
        .where(codes.c.expires_at <= now, codes.c.kind == CodeKind.LETTER.value, *_UNUSED)
        .values(ended_at=codes.c.expires_at)
    )


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
