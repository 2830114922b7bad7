"""`Search` in SQL: a school after the other in the order of their numbers, so that no page costs more than the first.

The schools of the agent are part of every question: what lies elsewhere is not read, so it cannot be shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, func, or_, select, tuple_

from broker.domain.names import fold
from broker.domain.people import RecordKind
from broker.domain.search import MOST_ROWS, Hit, Hits, KeyKind, SearchAsked, Want
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
_ENOUGH = 500
"""Rows of one word that are counted: beyond these another word leads."""
_other = search_keys.alias("other")
_PLACE = (search_keys.c.uai, search_keys.c.key, search_keys.c.record_id)

Place = tuple[str, str, str]
"""Where a page ends: school, key, record."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How a search goes on from page to page: as written or by likeness, by which word, after which place."""

    near: bool
    lead: int = 0
    after: Place | None = None


class SqlSearch:
    """`Search` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, asked: SearchAsked, scope: frozenset[str], *, after: str = "", limit: int = MOST_ROWS) -> Hits:
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


def _page(conn: Connection, asked: SearchAsked, scope: frozenset[str], *, after: str, limit: int) -> Hits:
    """First as it is written; only where nobody is written so, as it may be misspelt."""
    before = _read_after(after)
    if before is not None:
        return _shown(conn, _walk(conn, asked, scope, before, limit=limit), before, limit=limit)
    for near in (False, True):
        start = Turn(near, _rarest(conn, asked.near if near else asked.exact, scope))
        found = _walk(conn, asked, scope, start, limit=limit)
        if found:
            break
    return _shown(conn, found, start, limit=limit)


def _rarest(conn: Connection, wants: Sequence[Want], scope: frozenset[str]) -> int:
    """Which of the words the fewest records bear, told from the first schools: the others are looked up in these."""
    if len(wants) < 2:  # noqa: PLR2004 - nothing to choose from
        return 0
    first = sorted(scope)[:_FIRST_SCHOOLS]
    counts = (_bearing(conn, want, first).limit(_ENOUGH).subquery() for want in wants)
    found = conn.execute(select(*(select(func.count()).select_from(each).scalar_subquery() for each in counts))).one()
    return min(range(len(wants)), key=lambda place: found[place])


def _walk(conn: Connection, asked: SearchAsked, scope: frozenset[str], start: Turn, *, limit: int) -> list[Place]:
    """The next records that bear all that is wanted, one more than fits; each batch of schools is larger."""
    found: list[Place] = []
    wants, after = asked.near if start.near else asked.exact, start.after
    if not wants:
        return found
    lead = start.lead % len(wants)
    leading_first = (wants[lead], *wants[:lead], *wants[lead + 1 :])
    uais = sorted(uai for uai in scope if after is None or uai >= after[0])
    for batch in _batches(uais):
        query = _matching(conn, leading_first, batch, after=after, limit=limit + 1 - len(found))
        found += [(row.uai, row.key, row.record_id) for row in conn.execute(query)]
        if len(found) > limit:
            break
    return found


def _batches(uais: Sequence[str]) -> Iterator[Sequence[str]]:
    start, size = 0, _FIRST_SCHOOLS
    while start < len(uais):
        yield uais[start : start + size]
        start, size = start + size, size * _GROWTH


def _matching(
    conn: Connection, wants: Sequence[Want], uais: Sequence[str], *, after: Place | None, limit: int
) -> Select[Any]:
    """The records of these schools in order. They are all found before they are sorted: batches are such that few are.

    Sorted by the index instead, PostgreSQL reads every key of every school on the way to rare ones (a quarter of a
    second for 400,000 persons).
    """
    leading, *others = wants
    query = _bearing(conn, leading, uais)
    if after is not None:
        query = query.where(tuple_(*_PLACE) > after)
    for want in others:
        also = select(_other.c.key).where(_other.c.record_id == search_keys.c.record_id, _bears(_other.c.key, want))
        query = query.where(also.exists())
    found = query.cte("found").prefix_with("MATERIALIZED")
    return select(found).order_by(*found.c).limit(limit)


def _bearing(conn: Connection, want: Want, uais: Sequence[str]) -> Select[Any]:
    return select(*_PLACE).where(among(conn, search_keys.c.uai, uais), _bears(search_keys.c.key, want))


def _bears(key: ColumnElement[str], want: Want) -> ColumnElement[bool]:
    if not want.prefix:
        return key.in_(want.keys)
    return or_(*(and_(key >= each, key < each + _END) for each in want.keys))


# ---- what is shown --------------------------------------------------------------------------------------------------


def _shown(conn: Connection, found: Sequence[Place], turn: Turn, *, limit: int) -> Hits:
    """Read the records again where they are kept: the index may be behind, and shows nothing by itself."""
    rows = _hits(conn, found[:limit])
    after = _write_after(replace(turn, after=found[limit - 1])) if len(found) > limit else ""
    return Hits(rows, after=after, near=turn.near)


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


def _numbered(conn: Connection, asked: SearchAsked, scope: frozenset[str]) -> tuple[Hit, ...]:
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


def _outside(conn: Connection, asked: SearchAsked, scope: frozenset[str]) -> int:
    """How many accounts elsewhere are meant: by the whole name of an adult, a whole number or a letter alone.

    Told so that an agent sends the person to the right desk; a part of a name says nothing of other schools.
    """
    persons = {*persons_of_letter(conn, asked.letter), *persons_of_trace(conn, asked.trace)}
    persons |= {person for number in _mobiles(asked) for person in persons_of_mobile(conn, number)}
    persons |= _of_whole_name(conn, asked.name)
    return sum(1 for person in sorted(persons)[:_MOST_OUTSIDE] if not schools_of(conn, person) & scope)


def _mobiles(asked: SearchAsked) -> list[str]:
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


def _write_after(turn: Turn) -> str:
    return json.dumps([int(turn.near), turn.lead, *(turn.after or ())])


def _read_after(after: str) -> Turn | None:
    """Where the page before ended. What is not of this form begins at the beginning: it opens nothing either way."""
    try:
        near, lead, uai, key, record_id = json.loads(after)
    except (ValueError, TypeError, RecursionError):
        return None
    if not all(isinstance(each, str) for each in (uai, key, record_id)) or not isinstance(lead, int):
        return None
    return Turn(bool(near), lead, (uai, key, record_id))
