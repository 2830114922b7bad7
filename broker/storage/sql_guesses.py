"""`Guesses` in SQL: the row of a key is locked before it is weighed, so that of any number at once each counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, String, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.guesses import GuessCounter, Tally, Wait, weigh_guess
from broker.storage.engine import fetch, reading, transact
from broker.storage.schema import guesses

_KEY = bindparam("of", type_=String)
_STANDING = select(guesses).where(guesses.c.key.in_(bindparam("keys", type_=String, expanding=True)))
_WRITE = update(guesses).where(guesses.c.key == _KEY)
_CLEAR = delete(guesses).where(guesses.c.key == _KEY)
_TAKE_BACK = _WRITE.where(guesses.c.tries > 0).values(tries=guesses.c.tries - 1)

_REMEMBERED = timedelta(seconds=1)
"""So long a refusal is told again without asking: what another process forgives is heeded a second later."""
_MOST_REMEMBERED = 10_000
_NEVER = (datetime.max.replace(tzinfo=UTC), Wait(datetime.max.replace(tzinfo=UTC), spent=False))


class _MustWait(Exception):
    """Ends the transaction without a trace: a guess that was not let through counts nowhere."""

    def __init__(self, key: str, wait: Wait) -> None:
        super().__init__()
        self.key, self.wait = key, wait


class SqlGuesses:
    """`Guesses` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._refused: dict[str, tuple[datetime, Wait]] = {}
        dialect: Any = postgresql if engine.dialect.name == "postgresql" else sqlite
        fresh = dialect.insert(guesses)
        # Changes nothing of a row that is there, but locks and returns it; a new one counts zero.
        self._lock = fresh.on_conflict_do_update(
            index_elements=[guesses.c.key], set_={"key": fresh.excluded.key}
        ).returning(guesses)

    def claim(self, counters: Sequence[GuessCounter], *, now: datetime, evenly: bool = False) -> Wait | None:
        """See `Guesses.claim`. Who was refused a moment ago is refused from memory: hammering takes nobody's turn."""
        if not evenly and (wait := self._just_refused(counters, now=now)):
            return wait
        in_order = sorted(counters, key=lambda each: each.key)  # one order for everybody: no deadlock
        try:
            transact(self._engine, lambda conn: self._claim(conn, in_order, now=now))
        except _MustWait as refused:
            if not evenly:
                self._remember(refused, now=now)
            return refused.wait
        return None

    def standing(self, keys: Sequence[str]) -> Mapping[str, Tally]:
        """See `Guesses.standing`."""
        rows = fetch(self._engine, _STANDING, {"keys": list(keys)})
        return {row.key: _tally(row) for row in rows}

    def forgive(self, *, cleared: Sequence[str] = (), returned: Sequence[str] = ()) -> None:
        """See `Guesses.forgive`. Each key by itself: what holds one row at a time waits for nobody in a circle."""
        with reading(self._engine) as conn:
            for key in sorted({*cleared, *returned}):
                conn.execute(_CLEAR if key in cleared else _TAKE_BACK, {"of": key})
                self._refused.pop(key, None)

    def _claim(self, conn: Connection, counters: Sequence[GuessCounter], *, now: datetime) -> None:
        """As much work whatever was counted before, and also where it is refused: a key may stand for an account."""
        refused: list[tuple[Wait, str]] = []
        tallies: dict[str, Tally] = {}
        standing = self._locked(conn, counters, now=now)
        for counter in counters:
            weighed = weigh_guess(standing[counter.key], counter.rule, now=now)
            if isinstance(weighed, Wait):
                refused.append((weighed, counter.key))
            tallies[counter.key] = standing[counter.key] if isinstance(weighed, Wait) else weighed
        conn.execute(_WRITE, [{"of": key, **_columns(tally)} for key, tally in tallies.items()])
        if refused:
            wait, key = max(refused, key=lambda each: each[0].until)
            raise _MustWait(key, wait)

    def _remember(self, refused: _MustWait, *, now: datetime) -> None:
        if len(self._refused) >= _MOST_REMEMBERED:
            self._refused.clear()
        self._refused[refused.key] = (now, refused.wait)

    def _just_refused(self, counters: Sequence[GuessCounter], *, now: datetime) -> Wait | None:
        for counter in counters:
            at, wait = self._refused.get(counter.key, _NEVER)
            if at <= now < min(at + _REMEMBERED, wait.until):
                return wait
        return None

    def _locked(self, conn: Connection, counters: Sequence[GuessCounter], *, now: datetime) -> dict[str, Tally]:
        none = [(each.key, Tally(0, now, now, now + each.rule.window)) for each in counters]
        binds = [{"key": key, **_columns(tally)} for key, tally in none]
        return {row.key: _tally(row) for row in conn.execute(self._lock, binds)}


def _tally(row: Row[Any]) -> Tally:
    return Tally(row.tries, row.began_at, row.open_at, row.ends_at)


def _columns(tally: Tally) -> dict[str, object]:
    return {"tries": tally.tries, "began_at": tally.began_at, "open_at": tally.open_at, "ends_at": tally.ends_at}
