"""One code, many hands at once, ten thousand times on PostgreSQL: exactly one of them gets the token."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from threading import Barrier

import pytest
from sqlalchemy import Engine, func, select, text

from broker.domain.acts import IssueCode, Redeem
from broker.domain.audit import Action, AuditEvent
from broker.domain.handles import Handle, Id, digest, new_handle, new_id, new_subject
from broker.domain.identity import AuthnContext
from broker.domain.sessions import CodePayload, Grant, Redeemable
from broker.storage.engine import open_engine
from broker.storage.schema import access_tokens, audit_events, consumptions
from broker.storage.sql_grants import SqlGrants
from tests import builders as b
from tests.proof.evidence import Proof, prove

pytestmark = [pytest.mark.proof, pytest.mark.services, pytest.mark.timeout(0)]

RACES = 100
MOST_HANDS = 8
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")

PROOF = Proof(
    name="redeem_once",
    what=(
        "Of 2 to 8 concurrent redemptions of one code on PostgreSQL exactly one wins: one answer says yes, the only "
        "token stored is the winner's, and each 100 races leave 100 audit events. In half of the races every hand "
        "is seen waiting for the code's row before it is let go; in the other half they start together and run free"
    ),
    count=10_000,
    seed=20260915,
    covers=(
        "broker/storage/sql_grants.py",
        "broker/storage/engine.py",
        "broker/storage/schema/columns.py",
        "broker/storage/schema/grants.py",
        "broker/storage/trail.py",
    ),
)


@dataclass(frozen=True, slots=True)
class Course:
    """What all races share: the database, the hands, the session codes are made in."""

    engine: Engine
    pool: ThreadPoolExecutor
    person: str
    sid: str

    def race(self, *, hands: int, held: bool) -> None:
        """Issue a code, let so many hands redeem it at once, and check what is left. Raises on any other outcome."""
        port, payload, code = SqlGrants(self.engine), self._payload(), digest(new_handle(Handle.CODE))
        port.issue_code(IssueCode(code, payload, (_event(Action.CODE_ISSUED, payload.grant.grant_id),)))
        acts = [_redeeming(code, payload) for _ in range(hands)]
        results = self._let_go(port, acts, code) if held else self._run_free(port, acts)
        assert results.count(True) == 1, results
        self._check(payload.grant.grant_id, acts[results.index(True)].access_digest)

    def _payload(self) -> CodePayload:
        return CodePayload(
            grant=Grant(new_id(Id.GRANT), self.person, "cantine", self.sid, ("openid",)),
            redirect_uri="https://cantine.example/cb",
            code_challenge="c" * 43,
            nonce="n",
            subject=new_subject(),
            authn=AuthnContext(acr="eidas1", amr=("pwd",), auth_time=b.BEFORE, authority="ent1"),
            claims=("name",),
            expires_at=b.NOW + timedelta(seconds=60),
        )

    def _run_free(self, port: SqlGrants, acts: list[Redeem]) -> list[bool]:
        line = Barrier(len(acts))

        def redeem(act: Redeem) -> bool:
            line.wait()
            return _wins(port, act)

        return list(self.pool.map(redeem, acts))

    def _let_go(self, port: SqlGrants, acts: list[Redeem], code: str) -> list[bool]:
        with self.engine.begin() as holder:
            holder.execute(select(consumptions.c.digest).where(consumptions.c.digest == code).with_for_update())
            running = [self.pool.submit(_wins, port, act) for act in acts]
            self._until_all_wait(running)
        return [future.result() for future in running]

    def _until_all_wait(self, running: list[Future[bool]]) -> None:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while watcher.execute(_WAITING).scalar_one() < len(running):
                assert not wait(running, timeout=0).done, "a hand went past a held row"

    def _check(self, grant_id: str, winner: str) -> None:
        with self.engine.connect() as conn:
            tokens = conn.execute(select(access_tokens.c.digest).where(access_tokens.c.grant_id == grant_id)).scalars()
            assert list(tokens) == [winner]

    def redemptions_told(self) -> int:
        """How many redemptions the audit tells of."""
        counted = select(func.count()).where(audit_events.c.action == Action.CODE_REDEEMED.value)
        with self.engine.connect() as conn:
            return int(conn.execute(counted).scalar_one())


def _event(action: Action, subject: str) -> AuditEvent:
    return AuditEvent(tenant="99", at=b.NOW, action=action, actor="prs_x", subject=subject)


def _redeeming(code: str, payload: CodePayload) -> Redeem:
    access, refresh = (digest(new_handle(kind)) for kind in (Handle.ACCESS_TOKEN, Handle.REFRESH_TOKEN))
    event = _event(Action.CODE_REDEEMED, "")
    return Redeem(
        Redeemable.CODE, code, payload.grant.client_id, access, b.NOW + timedelta(minutes=5), refresh, b.NOW, (event,)
    )


def _wins(port: SqlGrants, act: Redeem) -> bool:
    return port.redeem(act) is not None


@contextmanager
def prepared(url: str) -> Iterator[Course]:
    """A course on a fresh database; a connection for each hand, the holder and the watcher."""
    engine = open_engine(url, pool_size=MOST_HANDS + 2)
    try:
        with engine.begin() as conn:
            person = b.add_person(conn)
            sid = b.add_session(conn, person, b.add_account(conn, person))
        with ThreadPoolExecutor(MOST_HANDS) as pool:
            yield Course(engine, pool, person, sid)
    finally:
        engine.dispose()


def test_one_code_is_redeemed_once_however_many_try(postgres_url: str) -> None:
    with prepared(postgres_url) as course:

        def batch(random: Random) -> int:
            told = course.redemptions_told()
            for number in range(RACES):
                course.race(hands=random.randint(2, MOST_HANDS), held=number % 2 == 0)
            assert course.redemptions_told() - told == RACES
            return RACES

        prove(PROOF, batch)
