"""`preau import …` as processes that can be killed or stopped anywhere, hundreds of them within seconds.

One process has everything loaded and forks for each order, so that every import is a process of its own with a pid of
its own. Told so, an import sends itself SIGKILL, or SIGSTOP, just before a commit, before a statement, or between two
transactions: nothing in it, no `finally` and no rollback, runs after that. The product knows nothing of all this.

python -m tests.import_forks CHUNK: an order is a JSON line on stdin, each answered by a JSON line.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

import broker.imports
import broker.stores
from broker.__main__ import main as preau
from broker.cli import feeds
from broker.directory import ImportRules
from broker.storage import engine
from tests import aaf
from tests.command_line import install

ROOT = Path(__file__).parents[1]
COMMIT, STATEMENT, REST = "commit", "statement", "rest"
FAILED_UNFORESEEN = 70
_FEED = '[[feeds]]\nid = "a"\ntenant = "ac-test"\nacademie = "99"\ndegree = "2D"\n'


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit status, negative for a signal; how much it did, when it lived to tell."""

    status: int
    said: str
    commits: int = 0
    statements: int = 0
    rests: int = 0

    @property
    def was_killed(self) -> bool:
        return self.status == -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Started:
    """A process at work, or stopped."""

    pid: int
    forks: Forks

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def ended(self) -> Ended:
        """Wait for its end."""
        return self.forks.ended(self.pid)


@dataclass(frozen=True, slots=True)
class Forks:
    """The process that forks."""

    process: subprocess.Popen[str]
    folder: Path

    def run(self, *words: object, kill_before: int = 0, what: str = COMMIT) -> Ended:
        """Run `preau` with these words; it kills itself before its `kill_before`th commit or statement."""
        return self._start(words, signal.SIGKILL, kill_before, what).ended()

    def start(self, *words: object) -> Started:
        """Run `preau` with these words, and do not wait for it."""
        return self._start(words, signal.SIGKILL, 0, COMMIT)

    def stopped(self, *words: object, before: int, what: str = REST) -> Started:
        """Run `preau` with these words until it stops itself: the holder that everybody waits for."""
        started = self._start(words, signal.SIGSTOP, before, what)
        assert self._ask({"stopped": started.pid})["is_stopped"], self.ended(started.pid)
        return started

    def ended(self, pid: int) -> Ended:
        answer = self._ask({"ended": pid})
        return Ended(said=self._said(pid).read_text(encoding="utf-8", errors="replace"), **answer)

    def _start(self, words: Sequence[object], number: signal.Signals, before: int, what: str) -> Started:
        order = {"words": [*map(str, words)], "signal": int(number), "before": before, "what": what}
        return Started(self._ask({**order, "folder": str(self.folder)})["pid"], self)

    def _said(self, pid: int) -> Path:
        return self.folder / f"said.{pid}"

    def _ask(self, order: dict[str, object]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def forks(folder: Path, *, chunk: int) -> Iterator[Forks]:
    """Start the process; it ends with the block, and by itself when this one dies."""
    # A killed process cannot finish its coverage data: it measures none.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-m", "tests.import_forks", str(chunk)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        yield Forks(process, folder)
        process.communicate(timeout=60)


# ---- in the process that forks ------------------------------------------------------------------------------------


def main(chunk: int, orders: IO[str], answers: IO[str]) -> None:
    """Fork, look or wait, for every order until there are no more."""
    _prepare(chunk)
    told: dict[int, int] = {}
    for line in orders:
        order = json.loads(line)
        if "words" in order:
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reading)
                _child(order, writing)
            os.close(writing)
            told[child] = reading
            answer: dict[str, object] = {"pid": child}
        elif "stopped" in order:
            info = os.waitid(os.P_PID, order["stopped"], os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            answer = {"is_stopped": info is not None and info.si_code == os.CLD_STOPPED}
        else:
            status = os.waitstatus_to_exitcode(os.waitpid(order["ended"], 0)[1])
            with os.fdopen(told.pop(order["ended"])) as seen:
                answer = {"status": status, **json.loads(seen.read() or "{}")}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    for left in told:  # stopped for ever, were it not for this
        os.kill(left, signal.SIGKILL)


def _prepare(chunk: int) -> None:
    """Set the size of the chunks, which no command sets, and load what every import loads by importing a little."""
    broker.imports.ImportRules = partial(ImportRules, chunk=chunk)
    feeds.Patience = partial(feeds.Patience, pause=lambda _seconds: time.sleep(0.05))
    # Whoever is killed has left what he wrote to the kernel: only a power cut would lose it.
    engine._SQLITE_PRAGMAS = (*engine._SQLITE_PRAGMAS, "PRAGMA synchronous=OFF")
    read_book, books = broker.stores.read_book, list[Any]()

    def read_once(settings: Any) -> Any:
        books[:] = books or [read_book(settings)]
        return books[0]

    broker.stores.read_book = read_once
    with TemporaryDirectory() as folder:
        config = install(Path(folder) / "here", database_url=f"sqlite:///{folder}/preau.sqlite", feeds=_FEED)
        delivery = aaf.write_set(Path(folder) / "set", Eleve=[aaf.pupil("1", "2$10$1$1$0$1")])
        for line in (["db", "upgrade"], ["import", "aaf", str(delivery), "--feed", "a"]):
            assert preau([*line, "--config", str(config / "preau.toml")]) == 0


# ---- in each process ----------------------------------------------------------------------------------------------


class Fuse:
    """Counts what every connection does; at the one that was told, the process is no more, or stands still."""

    def __init__(self, what: str, before: int, number: int) -> None:
        self.seen = {COMMIT: 0, STATEMENT: 0, REST: 0}
        self._what, self._before, self._signal = what, before, number

    def count(self, what: str) -> None:
        self.seen[what] += 1
        if what == self._what and self.seen[what] == self._before:
            os.kill(os.getpid(), self._signal)

    def lay(self) -> None:
        """Watch every engine of this process. SQLite tells of each row that the driver writes by itself, too."""

        def on_connect(connection: Any, _entry: object) -> None:
            if isinstance(connection, sqlite3.Connection):
                connection.set_trace_callback(lambda _text: self.count(STATEMENT))

        def on_statement(conn: Any, *_rest: object) -> None:
            if conn.dialect.name != "sqlite":
                self.count(STATEMENT)

        event.listen(Engine, "connect", on_connect)
        event.listen(Engine, "before_cursor_execute", on_statement)
        event.listen(Engine, "commit", lambda _conn: self.count(COMMIT))
        event.listen(Pool, "checkin", lambda _connection, _entry: self.count(REST))


def _child(order: dict[str, Any], telling: int) -> None:
    status = FAILED_UNFORESEEN
    try:
        sink = os.open(f"{order['folder']}/said.{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        fuse = Fuse(order["what"], order["before"], order["signal"])
        fuse.lay()
        status = _run(order["words"])
        os.write(telling, json.dumps({f"{what}s": number for what, number in fuse.seen.items()}).encode())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(words: Sequence[str]) -> int:
    try:
        return preau(words)
    except BaseException:  # noqa: BLE001 - whatever it was, the parent is told
        traceback.print_exc()
        return FAILED_UNFORESEEN


if __name__ == "__main__":
    answering = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main(int(sys.argv[1]), sys.stdin, answering)
