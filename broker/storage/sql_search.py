"""`Search` in SQL: a school after the other in the order of their numbers, so that no page costs more than the first.

The schools of the agent are part of every question: what lies elsewhere is not read, so it cannot be shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, func, or_, select, tuple_

from broker.domain.names import fold
from broker.domain.people import RecordKind
from broker.domain.search import MOST_ROWS, Asked, Hit, Hits, KeyKind, Want
from broker.storage.engine import reading
from broker.storage.may_see import ATTACHED
from broker.storage.record_schools import places_of, schools_of
from broker.storage.schema import attachments, enrolments, guardianships, records, schools, search_keys
from broker.storage.sql_imports_bulk import among
from broker.storage.sql_search_numbers import persons_of_letter, persons_of_mobile, persons_of_trace

_FIRST_SCHOOLS = 32
_GROWTH = 32
_MOST_OUTSIDE = 9
_CIVILITIES = ("", "m", "mme")
_END = "\U0010ffff"
_other = search_keys.alias("other")

Place = tuple[str, str, str]
"""Where a page ends: school, key, record."""


class SqlSearch:
    """`Search` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, asked: Asked, scope: frozenset[str], *, after: str = "", limit: int = MOST_ROWS) -> Hits:
        """See `Search.find`."""
        with reading(self._engine) as conn:
            if after:
                return _page(conn, asked, scope, after=after, limit=limit)
            named = _numbered(conn, asked, scope)
            if named:
                return Hits(named[:limit])
            found = _page(conn, asked, scope, after="", limit=limit)
            return found if found.rows else Hits((), outside=_outside(conn, asked, scope))

    def by_mobile(self, number: str) -> tuple[str, ...]:
        """See `Search.by_mobile`."""
        with reading(self._engine) as conn:
            return persons_of_mobile(conn, number)

    def schools_of(self, person_id: str) -> frozenset[str]:
        """See `Search.schools_of`."""
        with reading(self._engine) as conn:
            return schools_of(conn, person_id)


def _page(conn: Connection, asked: Asked, scope: frozenset[str], *, after: str, limit: int) -> Hits:
    """First as it is written; only where nobody is written so, as it may be misspelt."""
    near, place = _read_after(after)
    if not near:
        found = _walk(conn, asked.exact, scope, after=place, limit=limit)
        if found or place:
            return _shown(conn, found, near=False, limit=limit)
    return _shown(conn, _walk(conn, asked.near, scope, after=place, limit=limit), near=True, limit=limit)


def _walk(
    conn: Connection, wants: Sequence[Want], scope: frozenset[str], *, after: Place | None, limit: int
) -> list[Place]:
    """The next records that bear all that is wanted, one more than fits; each batch of schools is larger."""
    found: list[Place] = []
    if not wants:
        return found
    uais = sorted(uai for uai in scope if after is None or uai >= after[0])
    for batch in _batches(uais):
        query = _matching(conn, wants, batch, after=after).limit(limit + 1 - len(found))
        found += [(row.uai, row.key, row.record_id) for row in conn.execute(query)]
        if len(found) > limit:
            break
    return found


def _batches(uais: Sequence[str]) -> Iterator[Sequence[str]]:
    start, size = 0, _FIRST_SCHOOLS
    while start < len(uais):
        yield uais[start : start + size]
        start, size = start + size, size * _GROWTH


def _matching(conn: Connection, wants: Sequence[Want], uais: Sequence[str], *, after: Place | None) -> Select[Any]:
    leading, *others = wants
    columns = (search_keys.c.uai, search_keys.c.key, search_keys.c.record_id)
    query = select(*columns).where(among(conn, search_keys.c.uai, uais), _bears(search_keys.c.key, leading))
    if after is not None:
        query = query.where(tuple_(*columns) > after)
    for want in others:
        also = select(_other.c.key).where(_other.c.record_id == search_keys.c.record_id, _bears(_other.c.key, want))
        query = query.where(also.exists())
    return query.order_by(*columns)


def _bears(key: ColumnElement[str], want: Want) -> ColumnElement[bool]:
    if not want.prefix:
        return key.in_(want.keys)
    return or_(*(and_(key >= each, key < each + _END) for each in want.keys))


# ---- what is shown --------------------------------------------------------------------------------------------------


def _shown(conn: Connection, found: Sequence[Place], *, near: bool, limit: int) -> Hits:
    """Read the records again where they are kept: the index may be behind, and shows nothing by itself."""
    rows = _hits(conn, found[:limit])
    after = _write_after(found[limit - 1], near=near) if len(found) > limit else ""
    return Hits(rows, after=after, near=near)


def _hits(conn: Connection, found: Sequence[Place]) -> tuple[Hit, ...]:
    people = {row.id: row for row in conn.execute(_people(conn, [record_id for _, _, record_id in found]))}
    children = _children(conn, [row.id for row in people.values() if row.kind == RecordKind.GUARDIAN.value])
    labels = places_of(conn, [row.id for row in people.values()])
    names = _school_names(conn, [uai for uai, _, _ in found])
    hits: dict[tuple[str, str], Hit] = {}
    for uai, _, record_id in found:
        row = people.get(record_id)
        if row is not None and uai in names:
            label = labels.get((record_id, uai), "")
            told = tuple(given for given, at in children.get(record_id, ()) if at == uai)
            hits.setdefault((row.person_id, uai), _hit(row, uai, names[uai], label, told))
    return tuple(hits.values())


def _people(conn: Connection, record_ids: Sequence[str]) -> Select[Any]:
    return (
        select(
            records.c.id, records.c.kind, records.c.family_name, records.c.given_name, records.c.civility,
            attachments.c.person_id,
        )
        .join(attachments, and_(attachments.c.record_id == records.c.id, attachments.c.state == ATTACHED))
        .where(among(conn, records.c.id, record_ids), records.c.retired_at.is_(None))
    )  # fmt: skip


def _children(conn: Connection, adults: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """For each guardian's record the children, by given name and class, and their schools."""
    query = (
        select(guardianships.c.adult_record, records.c.given_name, enrolments.c.class_label, enrolments.c.uai)
        .join(records, records.c.id == guardianships.c.child_record)
        .join(enrolments, enrolments.c.record_id == records.c.id)
        .where(
            among(conn, guardianships.c.adult_record, adults),
            guardianships.c.until.is_(None),
            enrolments.c.until.is_(None),
            records.c.retired_at.is_(None),
        )
        .order_by(enrolments.c.class_label, records.c.given_name)
    )
    told: dict[str, list[tuple[str, str]]] = {}
    for row in conn.execute(query) if adults else ():
        told.setdefault(row.adult_record, []).append((f"{row.given_name} {row.class_label}".strip(), row.uai))
    return told


def _school_names(conn: Connection, uais: Sequence[str]) -> dict[str, str]:
    query = select(schools.c.uai, schools.c.name).where(among(conn, schools.c.uai, set(uais)))
    return {row.uai: row.name for row in conn.execute(query)}


def _hit(row: Row[Any], uai: str, school: str, label: str, children: tuple[str, ...]) -> Hit:
    return Hit(
        person_id=row.person_id,
        kind=RecordKind(row.kind),
        family=row.family_name,
        given=row.given_name,
        civility=row.civility,
        uai=uai,
        school=school,
        class_label=label,
        children=tuple(dict.fromkeys(children)),
    )


# ---- by a number, and elsewhere ------------------------------------------------------------------------------------


def _numbered(conn: Connection, asked: Asked, scope: frozenset[str]) -> tuple[Hit, ...]:
    """Whoever a letter or a trace number is of, where the agent covers them."""
    persons = persons_of_letter(conn, asked.letter) + persons_of_trace(conn, asked.trace)
    return tuple(hit for person_id in dict.fromkeys(persons) for hit in _of_person(conn, person_id, scope))


def _of_person(conn: Connection, person_id: str, scope: frozenset[str]) -> tuple[Hit, ...]:
    query = select(search_keys.c.uai, func.min(search_keys.c.key).label("key"), search_keys.c.record_id)
    query = (
        query.join(attachments, attachments.c.record_id == search_keys.c.record_id)
        .where(attachments.c.person_id == person_id, attachments.c.state == ATTACHED)
        .group_by(search_keys.c.uai, search_keys.c.record_id)
        .order_by(search_keys.c.uai, search_keys.c.record_id)
    )
    places = [(row.uai, row.key, row.record_id) for row in conn.execute(query) if row.uai in scope]
    return _hits(conn, places[:1])


def _outside(conn: Connection, asked: Asked, scope: frozenset[str]) -> int:
    """How many accounts elsewhere are meant: by the whole name of an adult, a whole number or a letter alone.

    Told so that an agent sends the person to the right desk; a part of a name says nothing of other schools.
    """
    persons = {*persons_of_letter(conn, asked.letter), *persons_of_trace(conn, asked.trace)}
    persons |= {person for number in _mobiles(asked) for person in persons_of_mobile(conn, number)}
    persons |= _of_whole_name(conn, asked.name)
    return sum(1 for person in sorted(persons)[:_MOST_OUTSIDE] if not schools_of(conn, person) & scope)


def _mobiles(asked: Asked) -> list[str]:
    return [want.keys[0][2:] for want in asked.exact if want.kind is KeyKind.MOBILE]


def _of_whole_name(conn: Connection, name: str) -> set[str]:
    words = fold(name).split()
    if len(words) < 2:  # noqa: PLR2004 - a family name and a given one
        return set()
    splits = [(" ".join(words[:place]), " ".join(words[place:])) for place in range(1, len(words))]
    pairs = splits + [(given, family) for family, given in splits]
    keys = [f"{family}|{given}|{civility}" for family, given in pairs for civility in _CIVILITIES]
    query = (
        select(attachments.c.person_id)
        .join(records, records.c.id == attachments.c.record_id)
        .where(
            among(conn, records.c.name_key, keys),
            records.c.kind == RecordKind.GUARDIAN.value,
            records.c.retired_at.is_(None),
            attachments.c.state == ATTACHED,
        )
        .limit(_MOST_OUTSIDE)
    )
    return set(conn.scalars(query))


def _write_after(place: Place, *, near: bool) -> str:
    return json.dumps([int(near), *place])


def _read_after(after: str) -> tuple[bool, Place | None]:
    """Where the page before ended. What is not of this form begins at the beginning: it opens nothing either way."""
    try:
        near, uai, key, record_id = json.loads(after) if after else (0, "", "", "")
    except ValueError:
        return False, None
    if not all(isinstance(each, str) for each in (uai, key, record_id)) or not after:
        return False, None
    return bool(near), (uai, key, record_id)
