"""`Contacts` in SQL: who can be reached by a number or an address, and changes that are held."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, String, bindparam, insert, select, update

from broker.domain.credential_acts import AskContact
from broker.domain.credentials import Contact, ContactKind
from broker.storage.engine import fetch, reading, transact
from broker.storage.lineage import downwards, lock_tree, owner
from broker.storage.schema import Instant, contacts, merges
from broker.storage.sql_contact_moves import contact_changed
from broker.storage.trail import insert_audit, insert_notices

_NOW = bindparam("now", type_=Instant)
_KIND = bindparam("kind", type_=String)
_VALUE = bindparam("value", type_=String)

_IN_FORCE = (contacts.c.until.is_(None), contacts.c.holds_until <= _NOW)
_GIVERS = (
    select(contacts.c.person_id).where(contacts.c.kind == _KIND, contacts.c.value == _VALUE, *_IN_FORCE).distinct()
)
_OF_TREE = select(contacts).where(contacts.c.person_id.in_(downwards()), contacts.c.kind == _KIND, *_IN_FORCE)
_MERGED = select(merges.c.absorbed, merges.c.at).where(merges.c.absorbed.in_(downwards()), merges.c.undone_at.is_(None))
_OF_PERSON = (
    select(contacts)
    .where(contacts.c.person_id.in_(downwards()), contacts.c.until.is_(None))
    .order_by(contacts.c.asked_at.desc(), contacts.c.id)
)
_CHANGED = contact_changed()


class SqlContacts:
    """`Contacts` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def holders(self, kind: ContactKind, value: str, *, now: datetime) -> tuple[str, ...]:
        """See `Contacts.holders`."""
        with reading(self._engine) as conn:
            givers = conn.scalars(_GIVERS, {"kind": kind.value, "value": value, "now": now}).all()
            living = {owner(conn, person_id) for person_id in givers}
            return tuple(sorted(each for each in living if value in counting_of(conn, each, kind, now)))

    def of_person(self, person_id: str) -> tuple[Contact, ...]:
        """See `Contacts.of_person`."""
        return tuple(_contact(row) for row in fetch(self._engine, _OF_PERSON, {"person": person_id}))

    def changed_since(self, person_id: str, since: datetime) -> bool:
        """See `Contacts.changed_since`."""
        return bool(fetch(self._engine, _CHANGED, {"person": person_id, "since": since}))

    def ask(self, act: AskContact) -> None:
        """See `Contacts.ask`."""
        transact(self._engine, lambda conn: _ask(conn, act))


def counting_of(conn: Connection, living: str, kind: ContactKind, now: datetime) -> set[str]:
    """What counts of all that was given by this person, and by those who were merged into them while they are.

    Each giver's last one counts, until another is given once they are one person: that one replaces all.
    """
    rows = conn.execute(_OF_TREE, {"person": living, "kind": kind.value, "now": now}).fetchall()
    merged: dict[str, datetime] = {}
    for each in conn.execute(_MERGED, {"person": living}):
        merged[each.absorbed] = max(each.at, merged.get(each.absorbed, each.at))

    def replaces(newer: Row[Any], older: Row[Any]) -> bool:
        one = newer.person_id == older.person_id
        since = older.asked_at if one else max(older.asked_at, merged.get(older.person_id, newer.asked_at))
        return bool(newer.asked_at > since)

    return {row.value for row in rows if not any(replaces(newer, row) for newer in rows)}


def _ask(conn: Connection, act: AskContact) -> None:
    person_id, tree = lock_tree(conn, act.person_id)
    asked = act.contact
    conn.execute(
        update(contacts)
        .where(
            contacts.c.person_id.in_(sorted(tree)),
            contacts.c.kind == asked.kind.value,
            contacts.c.until.is_(None),
            contacts.c.holds_until > asked.asked_at,
        )
        .values(until=asked.asked_at)
    )
    row = {
        "id": asked.contact_id,
        "person_id": person_id,
        "kind": asked.kind.value,
        "value": asked.value,
        "actor": act.audit.actor,
        "asked_at": asked.asked_at,
        "holds_until": asked.holds_until,
    }
    conn.execute(insert(contacts), [row])
    insert_audit(conn, (act.audit,))
    insert_notices(conn, (act.notice,))


def _contact(row: Row[Any]) -> Contact:
    return Contact(row.id, ContactKind(row.kind), row.value, row.asked_at, row.holds_until)
