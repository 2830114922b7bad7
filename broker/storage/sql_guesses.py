"""`Guesses` in SQL: the row of a key is locked before it is weighed, so that of any number at once each counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Integer, String, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.guesses import GuessCounter, Tally, Wait, weigh_guess
from broker.storage.engine import fetch, reading, transact
from broker.storage.hot import HotStatement, hot_of
from broker.storage.schema import Instant, guesses

_KEY = bindparam("of", type_=String)
_STANDING = select(guesses).where(guesses.c.key.in_(bindparam("keys", type_=String, expanding=True)))
_CLEAR = delete(guesses).where(guesses.c.key == _KEY)
_TAKE_BACK = update(guesses).where(guesses.c.key == _KEY, guesses.c.tries > 0).values(tries=guesses.c.tries - 1)
_COLUMNS: Mapping[str, Any] = {
    "key": String,
    "tries": Integer,
    **dict.fromkeys(("began_at", "open_at", "ends_at"), Instant),
}

_REMEMBERED = timedelta(seconds=1)
"""So long a refusal is told again without asking: what another process forgives is heeded a second later."""
_MOST_REMEMBERED = 10_000
_NEVER = (datetime.max.replace(tzinfo=UTC), Wait(datetime.max.replace(tzinfo=UTC), spent=False))


class _MustWait(Exception):
    """Ends the transaction without a trace: a guess that was not let through counts nowhere."""

    def __init__(self, key: str, wait: Wait) -> None:
        super().__init__()
        self.key, self.wait = key, wait


class _Statements:
    """What a claim under so many keys runs. PostgreSQL's are hot: a flood of passwords is a flood of these."""

    def __init__(self, engine: Engine, keys: int) -> None:
        dialect: Any = sqlite if engine.dialect.name == "sqlite" else postgresql
        fresh = dialect.insert(guesses).values(
            [{name: bindparam(f"{name}{at}", type_=kind) for name, kind in _COLUMNS.items()} for at in range(keys)]
        )

        def upsert(*columns: str) -> Any:
            new = {name: fresh.excluded[name] for name in columns}
            written = fresh.on_conflict_do_update(index_elements=[guesses.c.key], set_=new).returning(guesses)
            return written if hot_of(engine) is None else HotStatement(written, engine)

        # Changes nothing of a row that is there, but locks and returns it; a new one counts zero.
        self.lock, self.write = upsert("key"), upsert(*(name for name in _COLUMNS if name != "key"))


class SqlGuesses:
    """`Guesses` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._refused: dict[str, tuple[datetime, Wait]] = {}
        self._statements: dict[int, _Statements] = {}

    def claim(self, counters: Sequence[GuessCounter], *, now: datetime, evenly: bool = False) -> Wait | None:
        """See `Guesses.claim`. Who was refused a moment ago is refused from memory: hammering takes nobody's turn."""
        if not evenly and (wait := self._just_refused(counters, now=now)):
            return wait
        in_order = sorted(counters, key=lambda each: each.key)  # one order for everybody: no deadlock
        try:
            self._transact(lambda run: self._claim(run, in_order, now=now))
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

    def _transact(self, work: Callable[[Callable[..., Iterable[Any]]], None]) -> None:
        hot = hot_of(self._engine)
        if hot is None:
            transact(self._engine, lambda conn: work(conn.execute))
        else:
            hot.transact(work)

    def _claim(self, run: Callable[..., Iterable[Any]], counters: Sequence[GuessCounter], *, now: datetime) -> None:
        """As much work whatever was counted before, and also where it is refused: a key may stand for an account."""
        statements = self._of(len(counters))
        none = [Tally(0, now, now, now + each.rule.window) for each in counters]
        locked = {row.key: _tally(row) for row in run(statements.lock, _told(counters, none))}
        standing = [locked[each.key] for each in counters]
        weighed = [weigh_guess(was, each.rule, now=now) for was, each in zip(standing, counters, strict=True)]
        kept = [was if isinstance(new, Wait) else new for was, new in zip(standing, weighed, strict=True)]
        run(statements.write, _told(counters, kept))
        refused = [(new, each.key) for new, each in zip(weighed, counters, strict=True) if isinstance(new, Wait)]
        if refused:
            wait, key = max(refused, key=lambda each: each[0].until)
            raise _MustWait(key, wait)

    def _of(self, keys: int) -> _Statements:
        if keys not in self._statements:
            self._statements[keys] = _Statements(self._engine, keys)
        return self._statements[keys]

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


def _tally(row: Any) -> Tally:
    return Tally(row.tries, row.began_at, row.open_at, row.ends_at)


def _told(counters: Sequence[GuessCounter], tallies: Sequence[Tally]) -> dict[str, object]:
    """Key and tally of each counter, as the binds of a statement for so many."""
    rows = enumerate(zip(counters, tallies, strict=True))
    return {f"{name}{at}": value for at, (each, tally) in rows for name, value in _columns(each.key, tally).items()}


def _columns(key: str, tally: Tally) -> dict[str, object]:
    return dict(zip(_COLUMNS, (key, tally.tries, tally.began_at, tally.open_at, tally.ends_at), strict=True))
