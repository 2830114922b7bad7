"""`Contacts` in SQL: who can be reached by a number or an address, and changes that are held."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, String, bindparam, exists, insert, select, update

from broker.domain.credential_acts import AskContact
from broker.domain.credentials import Contact, ContactKind
from broker.storage.engine import fetch, transact
from broker.storage.lineage import downwards, lock_tree
from broker.storage.schema import Instant, contacts
from broker.storage.sql_contact_moves import contact_changed
from broker.storage.trail import insert_audit, insert_notices

_NOW = bindparam("now", type_=Instant)
_KIND = bindparam("kind", type_=String)
_VALUE = bindparam("value", type_=String)

_newer = contacts.alias("newer")
_REPLACED = exists(
    select(_newer.c.id).where(
        _newer.c.person_id == contacts.c.person_id,
        _newer.c.kind == contacts.c.kind,
        _newer.c.until.is_(None),
        _newer.c.holds_until <= _NOW,
        _newer.c.asked_at > contacts.c.asked_at,
    )
)
_HOLDERS = select(contacts.c.person_id).where(
    contacts.c.kind == _KIND,
    contacts.c.value == _VALUE,
    contacts.c.until.is_(None),
    contacts.c.holds_until <= _NOW,
    ~_REPLACED,
)
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
        rows = fetch(self._engine, _HOLDERS, {"kind": kind.value, "value": value, "now": now})
        return tuple(sorted({row.person_id for row in rows}))

    def of_person(self, person_id: str) -> tuple[Contact, ...]:
        """See `Contacts.of_person`."""
        return tuple(_contact(row) for row in fetch(self._engine, _OF_PERSON, {"person": person_id}))

    def changed_since(self, person_id: str, since: datetime) -> bool:
        """See `Contacts.changed_since`."""
        return bool(fetch(self._engine, _CHANGED, {"person": person_id, "since": since}))

    def ask(self, act: AskContact) -> None:
        """See `Contacts.ask`."""
        transact(self._engine, lambda conn: _ask(conn, act))


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
