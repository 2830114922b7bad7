"""What a directory itself calls one human, in SQL: written with the record that states it, read from either side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Connection, delete, select

from broker.domain.founding import Tied, Unattached
from broker.domain.imports import ImportRun
from broker.domain.people import Reference
from broker.storage.may_see import ATTACHED
from broker.storage.schema import attachments, record_ties, records
from broker.storage.sql_imports_bulk import among, insert_rows

_COLUMNS = ("record_id", "other", "nature")


def write_ties(conn: Connection, stated: Mapping[str, Iterable[tuple[str, str]]]) -> None:
    """Write over what records state: for each the others (a record's id or a reference as text) and the nature."""
    if not stated:
        return
    conn.execute(delete(record_ties).where(among(conn, record_ties.c.record_id, stated)))
    rows = [(record_id, other, nature) for record_id, others in stated.items() for other, nature in others]
    insert_rows(conn, record_ties, _COLUMNS, rows)


def ties_of(conn: Connection, run: ImportRun, chunk: Sequence[Unattached]) -> list[Tied]:
    """The records tied to those of a chunk, whichever side says so, with the person of each that has one."""
    if not chunk or conn.scalar(select(record_ties.c.record_id).limit(1)) is None:
        return []
    own = [one.record_id for one in chunk]
    found = [(mine, other, nature) for mine, other, nature in _stated_by(conn, own)]
    found += _stated_of(conn, run, own)
    pairs = {(mine, other): nature for mine, other, nature in found if mine != other}
    others = _others(conn, {other for _, other in pairs})
    return [
        Tied._make((mine, other, nature, *others[other]))
        for (mine, other), nature in sorted(pairs.items())
        if other in others
    ]


def pairs_of(conn: Connection, record_ids: Collection[str]) -> frozenset[frozenset[str]]:
    """The pairs of records that any of these states to be one human."""
    return frozenset(frozenset((mine, other)) for mine, other, _ in _stated_by(conn, record_ids))


def tied_to_known(
    conn: Connection, run: ImportRun, fresh: Collection[str], stated: Mapping[str, Iterable[tuple[str, str]]]
) -> set[str]:
    """Which records still to be written a tie names together with one that stands, whichever side says so.

    `stated` is what their delivery states, as `write_ties` takes it. More may be named than will be joined: the guard
    rather asks once too often.
    """
    told = [(one, other) for one in fresh for other, _ in stated.get(one, ())]
    if not told and conn.scalar(select(record_ties.c.record_id).limit(1)) is None:
        return set()
    bearers = _bearers(conn, {other for _, other in told if ":" not in other})
    pairs = [(one, other) for one, text in told for other in _meant(text, bearers)]
    pairs += [(mine, other) for mine, other, _ in _stated_of(conn, run, list(fresh))]
    standing = set(conn.scalars(select(records.c.id).where(among(conn, records.c.id, {other for _, other in pairs}))))
    return {mine for mine, other in pairs if other in standing and mine != other}


def _stated_by(conn: Connection, record_ids: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """What these records state, a reference as every record that bears it."""
    query = select(*(record_ties.c[name] for name in _COLUMNS)).where(among(conn, record_ties.c.record_id, record_ids))
    rows = conn.execute(query).fetchall()
    bearers = _bearers(conn, {row.other for row in rows if ":" not in row.other})
    for row in rows:
        for other in _meant(row.other, bearers):
            yield row.record_id, other, row.nature


def _meant(other: str, bearers: Mapping[str, Sequence[str]]) -> Sequence[str]:
    return [other] if ":" in other else bearers.get(other, ())


def _bearers(conn: Connection, references: Collection[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    if references:
        keys = {text.partition("$")[2] for text in references}
        academies = {text.partition("$")[0] for text in references}
        query = select(records.c.id, records.c.academie, records.c.key).where(
            among(conn, records.c.academie, academies), among(conn, records.c.key, keys)
        )
        for row in conn.execute(query):
            found[str(Reference(row.academie, row.key))].append(row.id)
    return found


def _stated_of(conn: Connection, run: ImportRun, record_ids: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """What other records state of these: by their ids, or by their references where their keys are national."""
    names = {one: one for one in record_ids}
    if run.academie:
        names |= {str(Reference(run.academie, one.partition(":")[2])): one for one in record_ids}
    query = select(*(record_ties.c[name] for name in _COLUMNS)).where(among(conn, record_ties.c.other, names))
    return ((names[row.other], row.record_id, row.nature) for row in conn.execute(query))


def _others(conn: Connection, record_ids: Collection[str]) -> dict[str, tuple[object, ...]]:
    table = records.c
    query = (
        select(
            *(table.id, table.kind, table.name_key, table.given_name, table.birth_date, table.ine),
            attachments.c.person_id,
        )
        .outerjoin(attachments, (attachments.c.record_id == table.id) & (attachments.c.state == ATTACHED))
        .where(among(conn, table.id, record_ids))
    )
    return {row.id: tuple(row)[1:] for row in conn.execute(query)}
