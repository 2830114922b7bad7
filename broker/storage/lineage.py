"""Where a person's id leads after merges, and the locks that keep merges of the same persons one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, select

from broker.storage.engine import Contended
from broker.storage.schema import persons

_START = bindparam("person", type_=String)


def _upwards() -> Select[Any]:
    """The chain from a person to the living one it was merged into: at its end, `merged_into` is null."""
    line = select(persons.c.id, persons.c.merged_into).where(persons.c.id == _START).cte("line", recursive=True)
    line = line.union(select(persons.c.id, persons.c.merged_into).where(persons.c.id == line.c.merged_into))
    return select(line.c.id).where(line.c.merged_into.is_(None))


def downwards() -> Select[Any]:
    """A person and everyone merged into it, at any remove."""
    tree = select(persons.c.id).where(persons.c.id == _START).cte("tree", recursive=True)
    tree = tree.union(select(persons.c.id).where(persons.c.merged_into == tree.c.id))
    return select(tree.c.id)


OWNER = _upwards()
_TREE = downwards()
_LOCK = (
    select(persons.c.id)
    .where(persons.c.id.in_(bindparam("persons", type_=String, expanding=True)))
    .order_by(persons.c.id)
    .with_for_update()
)
_CHANCES = 3


def owner(conn: Connection, person_id: str) -> str:
    """The living person this id leads to. Raises `LookupError` for an id that never was."""
    found = conn.execute(OWNER, {"person": person_id}).scalar()
    if found is None:
        raise LookupError("no such person")
    return str(found)


def lock_owners(conn: Connection, person_ids: Iterable[str]) -> dict[str, str]:
    """Lock the living persons behind these ids, in id order (no deadlock), and return who each id leads to.

    Whoever merges, links, signs in or issues a subject holds this lock, so that none of them meets half a merge.
    Raises `Contended` when merges keep moving the answer.
    """
    wanted = sorted(set(person_ids))
    for _ in range(_CHANCES):
        owners = {person_id: owner(conn, person_id) for person_id in wanted}
        conn.execute(_LOCK, {"persons": sorted(set(owners.values()))})
        if owners == {person_id: owner(conn, person_id) for person_id in wanted}:
            return owners
    raise Contended("persons keep merging")


def lock_tree(conn: Connection, person_id: str) -> tuple[str, frozenset[str]]:
    """Lock the living person behind this id and everyone ever merged into it; returns (living id, all ids)."""
    for _ in range(_CHANCES):
        living = owner(conn, person_id)
        tree = _tree(conn, living)
        conn.execute(_LOCK, {"persons": sorted(tree)})
        if living == owner(conn, person_id) and tree == _tree(conn, living):
            return living, tree
    raise Contended("persons keep merging")


def _tree(conn: Connection, living: str) -> frozenset[str]:
    return frozenset(conn.execute(_TREE, {"person": living}).scalars())
