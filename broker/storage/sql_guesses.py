"""`Guesses` in SQL: the row of a key is locked before it is weighed, so that of any number at once each counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, String, bindparam, delete, select, update
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
        self._first = fresh.on_conflict_do_nothing(index_elements=[guesses.c.key]).returning(guesses.c.key)
        # Changes nothing of a row that is there, but locks and returns it; a new one counts zero.
        self._lock = fresh.on_conflict_do_update(
            index_elements=[guesses.c.key], set_={"key": fresh.excluded.key}
        ).returning(guesses)

    def claim(self, counters: Sequence[GuessCounter], *, now: datetime) -> Wait | None:
        """See `Guesses.claim`."""
        try:
            if len(counters) == 1 and fetch(self._engine, self._first, _first(counters[0], now=now)):
                return None  # a first guess is one row, written by one statement that stands alone
            transact(self._engine, lambda conn: self._claim(conn, counters, now=now))
        except _MustWait as refused:
            return refused.wait
        return None

    def standing(self, keys: Sequence[str]) -> Mapping[str, Tally]:
        """See `Guesses.standing`."""
        rows = fetch(self._engine, _STANDING, {"keys": list(keys)})
        return {row.key: _tally(row) for row in rows}

    def forgive(self, *, cleared: Sequence[str] = (), returned: Sequence[str] = ()) -> None:
        """See `Guesses.forgive`."""
        if cleared or returned:
            transact(self._engine, lambda conn: _forgive(conn, cleared, returned))

    def _claim(self, conn: Connection, counters: Sequence[GuessCounter], *, now: datetime) -> None:
        """First guesses are written counted; what was counted under before is locked, and weighed."""
        in_order = sorted(counters, key=lambda each: each.key)  # one order for everybody: no deadlock
        written = conn.execute(self._first, [_first(each, now=now) for each in in_order])
        first = set(written.scalars())
        if len(first) < len(counters):
            self._count_again(conn, [each for each in in_order if each.key not in first], now=now)

    def _count_again(self, conn: Connection, counters: Sequence[GuessCounter], *, now: datetime) -> None:
        wait: Wait | None = None
        tallies: dict[str, Tally] = {}
        standing = self._locked(conn, counters, now=now)
        for counter in counters:
            weighed = weigh_guess(standing[counter.key], counter.rule, now=now)
            if isinstance(weighed, Wait):
                wait = later(wait, weighed)
            else:
                tallies[counter.key] = weighed
        if wait is not None:
            raise _MustWait(wait)
        conn.execute(_WRITE, [{"of": key, **_columns(tally)} for key, tally in tallies.items()])

    def _locked(self, conn: Connection, counters: Sequence[GuessCounter], *, now: datetime) -> dict[str, Tally]:
        none = [(each.key, Tally(0, now, now, now + each.rule.window)) for each in counters]
        binds = [{"key": key, **_columns(tally)} for key, tally in none]
        return {row.key: _tally(row) for row in conn.execute(self._lock, binds)}


def _forgive(conn: Connection, cleared: Sequence[str], returned: Sequence[str]) -> None:
    for key in sorted({*cleared, *returned}):
        conn.execute(delete(guesses).where(guesses.c.key == key) if key in cleared else _TAKE_BACK, {"of": key})


def _first(counter: GuessCounter, *, now: datetime) -> dict[str, object]:
    """The row of a key under which nothing was counted, with this guess. Raises `_MustWait` where none is allowed."""
    weighed = weigh_guess(None, counter.rule, now=now)
    if isinstance(weighed, Wait):
        raise _MustWait(weighed)
    return {"key": counter.key, **_columns(weighed)}


def _tally(row: Row[Any]) -> Tally:
    return Tally(row.tries, row.began_at, row.open_at, row.ends_at)


def _columns(tally: Tally) -> dict[str, object]:
    return {"tries": tally.tries, "began_at": tally.began_at, "open_at": tally.open_at, "ends_at": tally.ends_at}
