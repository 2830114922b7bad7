"""`Channels` in SQL: how a person is reached, by the schools' records and by what they gave themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, String, bindparam, select

from broker.domain.audit import OutboxRow
from broker.domain.clock import SchoolDay, utc_day
from broker.domain.contacts import reachable_at
from broker.domain.credentials import ContactKind
from broker.domain.details import OwnRecord
from broker.domain.notices import Channel, Reached
from broker.domain.quality import MOBILE
from broker.storage.engine import fetch, reading, transact
from broker.storage.lineage import OWNER, downwards
from broker.storage.may_see import ATTACHED
from broker.storage.schema import Instant, attachments, contact_moves, contacts
from broker.storage.sql_contacts import counting_of
from broker.storage.sql_details import SqlDetails
from broker.storage.trail import insert_outbox

_HELD = (
    select(contacts.c.kind, contacts.c.value)
    .where(
        contacts.c.person_id.in_(downwards()),
        contacts.c.until.is_(None),
        contacts.c.holds_until > bindparam("now", type_=Instant),
    )
    .order_by(contacts.c.asked_at, contacts.c.id)
)
_MOVES = (
    select(contact_moves.c.record_id, contact_moves.c.kind, contact_moves.c.was, contact_moves.c.value)
    .join(attachments, attachments.c.record_id == contact_moves.c.record_id)
    .where(
        attachments.c.person_id == bindparam("person", type_=String),
        attachments.c.state == ATTACHED,
        contact_moves.c.holds_until > bindparam("now", type_=Instant),
    )
    .order_by(contact_moves.c.at, contact_moves.c.id)
)


class SqlChannels:
    """`Channels` on SQLite or PostgreSQL. A mobile or mail counts as long as a live record, or its person, says it.

    Where a feed changed one, the one before is told in its place until the hold is over.
    """

    def __init__(self, engine: Engine, *, school_day: SchoolDay = utc_day) -> None:
        self._engine = engine
        self._details = SqlDetails(engine, school_day=school_day)

    def reached(self, person_id: str, *, now: datetime) -> Reached:
        """See `Channels.reached`."""
        living = str(next((row.id for row in fetch(self._engine, OWNER, {"person": person_id})), ""))
        if not living:
            return Reached()
        records = self._details.records_of(living, now=now)
        given = self._given(living, now=now)
        asked = [
            Channel(ContactKind(row.kind), row.value)
            for row in fetch(self._engine, _HELD, {"person": living, "now": now})
        ]
        moves = fetch(self._engine, _MOVES, {"person": living, "now": now})
        told, waiting = _with_moves(_of_records(records), moves)
        counting, held = dict.fromkeys((*told, *given)), dict.fromkeys((*waiting, *asked))
        places = (place.uai for record in records for place in record.places)
        children = (place.uai for place in self._details.child_places(living, now=now))
        return Reached(
            channels=tuple(counting),
            held=tuple(each for each in held if each not in counting),
            uais=tuple(dict.fromkeys((*places, *children))),
        )

    def _given(self, living: str, *, now: datetime) -> list[Channel]:
        """What they gave themselves and did not replace: a number of years ago may be somebody else's by now."""
        with reading(self._engine) as conn:
            return [Channel(kind, to) for kind in ContactKind for to in sorted(counting_of(conn, living, kind, now))]

    def spread(self, rows: Sequence[OutboxRow]) -> None:
        """See `Channels.spread`."""
        transact(self._engine, lambda conn: insert_outbox(conn, rows))


def _of_records(records: Iterable[OwnRecord]) -> Iterable[Channel]:
    for record in records:
        if MOBILE.fullmatch(record.mobile):
            yield Channel(ContactKind.MOBILE, record.mobile)
        if record.mail:
            yield Channel(ContactKind.MAIL, record.mail)


def _with_moves(said: Iterable[Channel], moves: Sequence[Row[Any]]) -> tuple[list[Channel], list[Channel]]:
    """What counts, and what waits: of each record that moved, what stood before the first move still counts."""
    first = {(row.record_id, row.kind): row for row in reversed(moves)}
    old = {(row.kind, row.was) for row in first.values() if row.was}
    new = {(row.kind, value) for row in moves for value in (row.was, row.value) if value} - old
    kept = [each for each in said if (each.kind.value, reachable_at(each.kind, each.to)) not in new | old]
    return (
        [*kept, *(Channel(ContactKind(kind), to) for kind, to in sorted(old))],
        [Channel(ContactKind(kind), to) for kind, to in sorted(new)],
    )
