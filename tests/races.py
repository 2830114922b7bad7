"""Races for what is used once: a hundred hands at once in four processes, on one database.

Each process is a real one with its own engine and pool, as a worker of `preau serve` has; a hand is one of its threads
with a connection of its own. A race is run at the store's port, which is where the claim is made: what stands before it
(client authentication, checks) only keeps hands away from it. In every second lap a holder keeps the row (on SQLite:
the database) from them, and on PostgreSQL all hundred are seen waiting for it, before they are let go; in the others
they start together and run free.

One lap is three races, each for the prize of the one before: a pushed request is answered by one code, the code is
redeemed for one set of tokens, and so is the refresh token that is among them.

python -m tests.races URL HANDS SOCKET…: loads everything once and forks a process for each socket. An order is a
pickled list of acts; answered when every hand is at the line, and again, by what each was told, when all are done.
"""

from __future__ import annotations

import os
import pickle
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, event, func, insert, select, text

from broker.domain.acts import IssueCode, PushedRequest, Redeem
from broker.domain.audit import Action, AuditEvent
from broker.domain.cas import IssueTicket, TicketKind, TicketStands, ValidateTicket, new_ticket
from broker.domain.handles import Handle, Id, digest, new_handle, new_id, new_subject
from broker.domain.identity import AuthnContext
from broker.domain.portraits import DetailClaims
from broker.domain.sessions import CodePayload, Grant, Offline, Redeemable
from broker.storage.engine import open_engine
from broker.storage.schema import access_tokens, audit_events, consumptions, grants
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_portraits import SqlPortraits
from broker.storage.sql_tickets import SqlTickets
from tests import builders as b
from tests.contract.statements import without_fsync

ROOT = Path(__file__).parents[1]
PROCESSES = 4
HANDS = 25
"""Of each process: a hundred in all."""
RACES_A_LAP = 3
AT_THE_LINE = "at the line"
_NOTES = "https://notes.example/"
_NO_NEEDS = DetailClaims(frozenset(), frozenset(), frozenset())
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")

Act = IssueCode | Redeem | ValidateTicket
Hold = Callable[[Connection], object]


class Line:
    """One end of the line between this process and another of ours."""

    def __init__(self, end: socket.socket) -> None:
        self._pipe = end.makefile("rwb")
        end.close()

    def say(self, what: object) -> None:
        """Send a value."""
        pickle.dump(what, self._pipe)
        self._pipe.flush()

    def hear(self) -> Any:
        """Wait for a value. Raises `EOFError` when the other end is closed."""
        return pickle.load(self._pipe)  # noqa: S301 - of a process of ours

    def close(self) -> None:
        """Nothing more is said: the other process ends."""
        self._pipe.close()


@dataclass(frozen=True, slots=True)
class Course:
    """What all races share: the database, the processes, the session that everything is made in."""

    engine: Engine
    workers: Sequence[Line]
    person: str
    sid: str

    def lap(self, *, held: bool) -> None:
        """One code for one pushed request, one set of tokens for it, one more for its refresh token."""
        pushed = digest(new_handle(Handle.PUSHED))
        issued = self._race([self._issue(pushed) for _ in range(PROCESSES * HANDS)], _hold_pushed(pushed), held=held)
        assert isinstance(issued, IssueCode)
        self._check_issued(issued, pushed)
        redeemed = self._redeem_once(Redeemable.CODE, issued.code_digest, issued.payload, held=held)
        self._redeem_once(Redeemable.REFRESH, redeemed.refresh_digest, issued.payload, held=held)

    def ticket(self, *, held: bool) -> None:
        """One CAS ticket, validated by a hundred at once: one is told who it was."""
        ticket, tickets = new_ticket(TicketKind.SERVICE), _tickets_on(self.engine)
        grant = Grant(new_id(Id.GRANT), self.person, "cas:notes", self.sid, ())
        authn = AuthnContext(acr="eidas1", amr=("pwd",), auth_time=b.BEFORE, authority="ent1")
        event = _event(Action.TICKET_ISSUED, grant.grant_id)
        issue = IssueTicket(
            digest(ticket), TicketKind.SERVICE, grant, new_subject(), TicketStands(_NOTES, authn),
            b.NOW + timedelta(seconds=10), (event,),
        )  # fmt: skip
        assert tickets.issue(issue)
        act = ValidateTicket(
            ticket, digest(ticket), _NOTES, proxies=False, renew=False, claims=(), needs=_NO_NEEDS, now=b.NOW,
            audit=_event(Action.TICKET_VALIDATED, ""),
        )  # fmt: skip
        self._race([act] * (PROCESSES * HANDS), _hold_row(act.digest), held=held)

    def _redeem_once(self, kind: Redeemable, shown: str, payload: CodePayload, *, held: bool) -> Redeem:
        acts = [_redeem(kind, shown, payload) for _ in range(PROCESSES * HANDS)]
        winner = self._race(acts, _hold_row(shown), held=held)
        assert isinstance(winner, Redeem)
        self._check_redeemed(winner, payload.grant.grant_id)
        return winner

    def _race(self, acts: Sequence[Act], hold: Hold, *, held: bool) -> Act:
        """Let every act go at once; returns the one that was told yes. Raises when it is not exactly one."""
        if held:
            with self._holding(hold):
                self._let_go(acts)
                self._until_all_wait()
        else:
            self._let_go(acts)
        told: list[Any] = [None] * len(acts)
        for place, worker in enumerate(self.workers):
            told[place::PROCESSES] = worker.hear()
        assert (told.count(True), told.count(False)) == (1, len(acts) - 1), told
        return acts[told.index(True)]

    def _let_go(self, acts: Sequence[Act]) -> None:
        for place, worker in enumerate(self.workers):
            worker.say(acts[place::PROCESSES])
        for worker in self.workers:
            assert worker.hear() == AT_THE_LINE

    @contextmanager
    def _holding(self, hold: Hold) -> Iterator[None]:
        """Keep what they race for until the block ends. On SQLite, to have begun to write is enough."""
        with self.engine.connect() as holder, holder.begin() as transaction:
            if self.engine.dialect.name == "postgresql":
                hold(holder)
            yield
            transaction.rollback()

    def _until_all_wait(self) -> None:
        if self.engine.dialect.name != "postgresql":
            return
        limit = time.monotonic() + 45
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while watcher.execute(_WAITING).scalar_one() < PROCESSES * HANDS:
                assert time.monotonic() < limit, "a hand went past what is held"
                time.sleep(0.005)

    # ---- what is raced for ----------------------------------------------------------------------------------------

    def _issue(self, pushed: str) -> IssueCode:
        offline = Offline(timedelta(hours=8), b.NOW + timedelta(days=30))
        payload = CodePayload(
            grant=Grant(new_id(Id.GRANT), self.person, "cantine", self.sid, ("openid", "offline_access")),
            redirect_uri="https://cantine.example/cb",
            code_challenge="c" * 43,
            nonce="n",
            subject=new_subject(),
            authn=AuthnContext(acr="eidas1", amr=("pwd",), auth_time=b.BEFORE, authority="ent1"),
            claims=("name",),
            expires_at=b.NOW + timedelta(seconds=60),
            offline=offline,
        )
        audit = (_event(Action.CODE_ISSUED, payload.grant.grant_id),)
        spends = PushedRequest(pushed, b.NOW + timedelta(hours=1))
        return IssueCode(digest(new_handle(Handle.CODE)), payload, audit, spends)

    # ---- what is left ----------------------------------------------------------------------------------------------

    def _check_issued(self, winner: IssueCode, pushed: str) -> None:
        with self.engine.connect() as conn:
            made = conn.execute(select(grants.c.id).where(grants.c.subject == winner.payload.subject)).scalars().all()
            codes = select(consumptions.c.digest).where(consumptions.c.grant_id.in_(made))
            assert (made, conn.execute(codes).scalars().all()) == (
                [winner.payload.grant.grant_id],
                [winner.code_digest],
            )
            answered = select(consumptions.c.kind).where(consumptions.c.digest == pushed)
            assert conn.execute(answered).scalars().all() == ["pushed"]

    def _check_redeemed(self, winner: Redeem, grant_id: str) -> None:
        """Of this race the winner's tokens are stored, and nobody else's."""
        with self.engine.connect() as conn:
            tokens = select(access_tokens.c.digest).where(access_tokens.c.grant_id == grant_id)
            renewed = select(consumptions.c.digest).where(
                consumptions.c.grant_id == grant_id,
                consumptions.c.kind == Redeemable.REFRESH.value,
                consumptions.c.used_at.is_(None),
            )
            laps = 1 if winner.kind is Redeemable.CODE else 2
            stored = conn.execute(tokens).scalars().all()
            assert (len(stored), winner.access_digest in stored) == (laps, True)
            assert conn.execute(renewed).scalars().all() == [winner.refresh_digest]

    def told(self) -> dict[str, int]:
        """How many codes were issued, codes redeemed and tokens refreshed, as the audit tells it; codes and tokens."""
        counted = select(audit_events.c.action, func.count()).group_by(audit_events.c.action)
        with self.engine.connect() as conn:
            told = {str(action): int(number) for action, number in conn.execute(counted)}
            for table in (grants, access_tokens):
                told[table.name] = int(conn.execute(select(func.count()).select_from(table)).scalar_one())
        return told


def laps_told(laps: int) -> dict[str, int]:
    """What `Course.told` says after so many laps on a fresh database."""
    return {
        Action.CODE_ISSUED.value: laps,
        Action.CODE_REDEEMED.value: laps,
        Action.TOKEN_REFRESHED.value: laps,
        grants.name: laps,
        access_tokens.name: 2 * laps,
    }


def _hold_row(shown: str) -> Hold:
    row: ColumnElement[bool] = consumptions.c.digest == shown
    return lambda conn: conn.execute(select(consumptions.c.digest).where(row).with_for_update())


def _hold_pushed(pushed: str) -> Hold:
    """An answer to the pushed request that is not committed, and never will be: every other waits to know."""
    row = {"digest": pushed, "kind": "pushed", "issued_at": b.NOW, "expires_at": b.NOW, "used_at": b.NOW, "payload": {}}
    return lambda conn: conn.execute(insert(consumptions), row)


def _redeem(kind: Redeemable, shown: str, payload: CodePayload) -> Redeem:
    access, refresh = (digest(new_handle(handle)) for handle in (Handle.ACCESS_TOKEN, Handle.REFRESH_TOKEN))
    action = Action.CODE_REDEEMED if kind is Redeemable.CODE else Action.TOKEN_REFRESHED
    until = b.NOW + timedelta(minutes=5)
    return Redeem(kind, shown, payload.grant.client_id, access, until, refresh, b.NOW, (_event(action, ""),))


def _event(action: Action, subject: str) -> AuditEvent:
    return AuditEvent(tenant="99", at=b.NOW, action=action, actor="prs_x", subject=subject)


@contextmanager
def course(url: str) -> Iterator[Course]:
    """Four processes of twenty-five hands on a migrated database, which end with the block."""
    engine = without_fsync(open_engine(url, pool_size=2))
    try:
        with engine.begin() as conn:
            person, _ = b.add_guardian(conn, "500101")
            sid = b.add_session(conn, person, b.add_account(conn, person))
        with _processes(url) as workers:
            yield Course(engine, workers, person, sid)
    finally:
        engine.dispose()


@contextmanager
def _processes(url: str) -> Iterator[list[Line]]:
    ends = [socket.socketpair() for _ in range(PROCESSES)]
    theirs = [end.fileno() for _, end in ends]
    command = [sys.executable, "-m", "tests.races", url, str(HANDS), *map(str, theirs)]
    # They end without a farewell, which coverage would need.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    with subprocess.Popen(command, cwd=ROOT, pass_fds=theirs, env=environment) as loader:
        for _, end in ends:
            end.close()
        lines = [Line(end) for end, _ in ends]
        try:
            assert [line.hear() for line in lines] == [AT_THE_LINE] * PROCESSES
            yield lines
        finally:
            for line in lines:
                line.close()
            loader.wait(timeout=60)


# ---- in each process ----------------------------------------------------------------------------------------------


def main(url: str, hands: int, sockets: Sequence[int]) -> None:
    """Fork a process for each socket and wait for their end."""
    for number in sockets:
        if os.fork() == 0:
            try:
                _work(url, hands, Line(socket.socket(fileno=number)))
            finally:
                os._exit(0)
    for _ in sockets:
        os.wait()


def _work(url: str, hands: int, line: Line) -> None:
    """Carry out what is ordered, each act by a hand of its own, until there are no more orders."""
    engine = without_fsync(open_engine(url, pool_size=hands))
    event.listen(engine, "connect", _be_patient)
    for connection in [engine.connect() for _ in range(hands)]:
        connection.close()
    port, tickets, together = SqlGrants(engine), _tickets_on(engine), Barrier(hands + 1)
    line.say(AT_THE_LINE)
    with ThreadPoolExecutor(hands) as pool, suppress(EOFError):
        while True:
            going = [pool.submit(_run, port, tickets, act, together) for act in line.hear()]
            together.wait()
            line.say(AT_THE_LINE)
            line.say([each.result() for each in going])


def _be_patient(connection: Any, _entry: Any) -> None:
    """The broker gives a lock up after five seconds; a hundred processes on a busy machine may need more to gather."""
    if not isinstance(connection, sqlite3.Connection):
        connection.execute("SET lock_timeout = '50s'")
        connection.commit()


def _tickets_on(engine: Engine) -> SqlTickets:
    held = SqlGrants(engine)
    return SqlTickets(held, SqlPortraits(held, SqlPeople(engine), SqlDetails(engine)))


def _run(port: SqlGrants, tickets: SqlTickets, act: Act, together: Barrier) -> bool | str:
    together.wait()
    try:
        if isinstance(act, ValidateTicket):
            return tickets.validate(act) is not None
        return port.issue_code(act) if isinstance(act, IssueCode) else port.redeem(act) is not None
    except Exception as fault:  # noqa: BLE001 - whatever it was, the parent is told
        return repr(fault)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), [int(number) for number in sys.argv[3:]])
