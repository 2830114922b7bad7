"""The ledger of releases in SQL, and the memory that keeps a repeated release from asking the database again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import date
from threading import Lock
from typing import Any

from sqlalchemy import Date, Engine, Executable, Row, String, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.released import Release
from broker.storage.engine import fetch, reading
from broker.storage.lineage import downwards
from broker.storage.schema import releases

MOST_REMEMBERED = 1 << 16
"""Lines that one process remembers, some 15 MB at most; a forgotten one is written again, which changes nothing."""

_Key = tuple[str, str, date, str]

_SINCE = bindparam("since", type_=Date)
_NEWEST = (releases.c.day.desc(), releases.c.first_at.desc(), releases.c.claims_digest)
_OF_PERSON = (
    select(releases)
    .where(releases.c.person_id.in_(downwards()), releases.c.day >= _SINCE)
    .order_by(*_NEWEST, releases.c.service_id)
)
_OF_SERVICE = (
    select(releases)
    .where(releases.c.service_id == bindparam("service", type_=String), releases.c.day >= _SINCE)
    .order_by(*_NEWEST, releases.c.person_id)
)


class SqlLedger:
    """`Ledger` on SQLite or PostgreSQL. `most` bounds the memory of what this process has already written."""

    def __init__(self, engine: Engine, *, most: int = MOST_REMEMBERED) -> None:
        self._engine = engine
        dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
        self._write: Executable = dialect.insert(releases).on_conflict_do_nothing()
        self._written: OrderedDict[_Key, None] = OrderedDict()
        self._most = most
        self._lock = Lock()

    def note(self, release: Release) -> None:
        """See `Ledger.note`. What is remembered was committed: it is remembered after, never before."""
        key = (release.person_id, release.service_id, release.day, release.digest)
        with self._lock:
            if key in self._written:
                self._written.move_to_end(key)
                return
        with reading(self._engine) as conn:
            conn.execute(self._write, _row(release))
        with self._lock:
            self._written[key] = None
            while len(self._written) > self._most:
                self._written.popitem(last=False)

    def of_person(self, person_id: str, *, since: date) -> tuple[Release, ...]:
        """See `Ledger.of_person`."""
        return tuple(map(_release, fetch(self._engine, _OF_PERSON, {"person": person_id, "since": since})))

    def of_service(self, service_id: str, *, since: date) -> tuple[Release, ...]:
        """See `Ledger.of_service`."""
        return tuple(map(_release, fetch(self._engine, _OF_SERVICE, {"service": service_id, "since": since})))


def _row(release: Release) -> Mapping[str, Any]:
    return {
        "person_id": release.person_id,
        "service_id": release.service_id,
        "day": release.day,
        "claims_digest": release.digest,
        "claims": list(release.claims),
        "first_at": release.at,
    }


def _release(row: Row[Any]) -> Release:
    return Release(row.person_id, row.service_id, tuple(row.claims), row.first_at)
