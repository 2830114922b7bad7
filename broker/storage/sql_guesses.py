"""`Guesses` in SQL: the row of a key is locked before it is weighed, so that of any number at once each counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, String, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.guesses import GuessCounter, Tally, Wait, later, weigh_guess
from broker.storage.engine import fetch, transact
from broker.storage.schema import guesses

_KEY = bindparam("of", type_=String)
_STANDING = select(guesses).where(guesses.c.key.in_(bindparam("keys", type_=String, expanding=True)))
_WRITE = update(guesses).where(guesses.c.key == _KEY)
_TAKE_BACK = _WRITE.where(guesses.c.tries > 0).values(tries=guesses.c.tries - 1)


class _MustWait(Exception):
    """Ends the transaction without a trace: a guess that was not let through counts nowhere."""

    def __init__(self, wait: Wait) -> None:
        super().__init__()
        self.wait = wait


class SqlGuesses:
    """`Guesses` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect: Any = postgresql if engine.dialect.name == "postgresql" else sqlite
        fresh = dialect.insert(guesses)
        # Changes nothing of a row that is there, but locks and returns it; a new one counts zero.
        self._lock = fresh.on_conflict_do_update(
            index_elements=[guesses.c.key], set_={"key": fresh.excluded.key}
        ).returning(guesses)

    def claim(self, counters: Sequence[GuessCounter], *, now: datetime) -> Wait | None:
        """See `Guesses.claim`."""
        try:
            transact(self._engine, lambda conn: self._claim(conn, counters, now=now))
        except _MustWait as refused:
            return refused.wait
        return None

    def standing(self, keys: Sequence[str]) -> Mapping[str, Tally]:
        """See `Guesses.standing`."""
        rows = fetch(self._engine, _STANDING, {"keys": list(keys)})
        return {row.key: Tally(row.tries, row.began_at, row.open_at, row.ends_at) for row in rows}

    def forgive(self, *, cleared: Sequence[str] = (), returned: Sequence[str] = ()) -> None:
        """See `Guesses.forgive`."""
        if cleared or returned:
            transact(self._engine, lambda conn: _forgive(conn, cleared, returned))

    def _claim(self, conn: Connection, counters: Sequence[GuessCounter], *, now: datetime) -> None:
        wait: Wait | None = None
        tallies: list[tuple[str, Tally]] = []
        for counter in sorted(counters, key=lambda each: each.key):  # one order for everybody: no deadlock
            weighed = weigh_guess(self._locked(conn, counter, now=now), counter.rule, now=now)
            if isinstance(weighed, Wait):
                wait = later(wait, weighed)
            else:
                tallies.append((counter.key, weighed))
        if wait is not None:
            raise _MustWait(wait)
        for key, tally in tallies:
            conn.execute(_WRITE.values(**_columns(tally)), {"of": key})

    def _locked(self, conn: Connection, counter: GuessCounter, *, now: datetime) -> Tally:
        fresh = Tally(0, now, now, now + counter.rule.window)
        row = conn.execute(self._lock, {"key": counter.key, **_columns(fresh)}).one()
        return Tally(row.tries, row.began_at, row.open_at, row.ends_at)


def _forgive(conn: Connection, cleared: Sequence[str], returned: Sequence[str]) -> None:
    for key in sorted({*cleared, *returned}):
        conn.execute(delete(guesses).where(guesses.c.key == key) if key in cleared else _TAKE_BACK, {"of": key})


def _columns(tally: Tally) -> dict[str, object]:
    return {"tries": tally.tries, "began_at": tally.began_at, "open_at": tally.open_at, "ends_at": tally.ends_at}
