"""`Channels` in SQL: how a person is reached, by the schools' records and by what they gave themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Engine, bindparam, or_, select

from broker.domain.audit import OutboxRow
from broker.domain.clock import SchoolDay, utc_day
from broker.domain.credentials import ContactKind
from broker.domain.details import OwnRecord
from broker.domain.notices import Channel, Reached
from broker.domain.quality import MOBILE
from broker.storage.engine import fetch, transact
from broker.storage.lineage import OWNER, downwards
from broker.storage.schema import Instant, contacts
from broker.storage.sql_details import SqlDetails
from broker.storage.trail import insert_outbox

_OWN = (
    select(contacts.c.kind, contacts.c.value, contacts.c.holds_until)
    .where(
        contacts.c.person_id.in_(downwards()),
        or_(contacts.c.until.is_(None), contacts.c.until > bindparam("now", type_=Instant)),
    )
    .order_by(contacts.c.asked_at, contacts.c.id)
)


class SqlChannels:
    """`Channels` on SQLite or PostgreSQL. A mobile or mail counts as long as a live record, or its person, says it."""

    def __init__(self, engine: Engine, *, school_day: SchoolDay = utc_day) -> None:
        self._engine = engine
        self._details = SqlDetails(engine, school_day=school_day)

    def reached(self, person_id: str, *, now: datetime) -> Reached:
        """See `Channels.reached`."""
        living = str(next((row.id for row in fetch(self._engine, OWNER, {"person": person_id})), ""))
        if not living:
            return Reached()
        records = self._details.records_of(living, now=now)
        own = fetch(self._engine, _OWN, {"person": living, "now": now})
        said = [(row.holds_until <= now, Channel(ContactKind(row.kind), row.value)) for row in own]
        counting = (*_of_records(records), *(channel for counts, channel in said if counts))
        places = (place.uai for record in records for place in record.places)
        children = (place.uai for place in self._details.child_places(living, now=now))
        return Reached(
            channels=tuple(dict.fromkeys(counting)),
            held=tuple(dict.fromkeys(channel for counts, channel in said if not counts)),
            uais=tuple(dict.fromkeys((*places, *children))),
        )

    def spread(self, rows: Sequence[OutboxRow]) -> None:
        """See `Channels.spread`."""
        transact(self._engine, lambda conn: insert_outbox(conn, rows))


def _of_records(records: Iterable[OwnRecord]) -> Iterable[Channel]:
    for record in records:
        if MOBILE.fullmatch(record.mobile):
            yield Channel(ContactKind.MOBILE, record.mobile)
        if record.mail:
            yield Channel(ContactKind.MAIL, record.mail)
