"""Grants bound to a key, pushed requests answered once, assertions claimed once: on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, func, select, update

from broker.domain.acts import IssueCode, PushedRequest, Redeem
from broker.domain.audit import Action, AuditEvent
from broker.domain.handles import Id, digest, new_id
from broker.domain.identity import AuthnContext
from broker.domain.sessions import CodePayload, Grant, Redeemable
from broker.storage.schema import audit_events, consumptions, sessions
from broker.storage.sql_consumptions import SqlConsumptions
from broker.storage.sql_grants import SqlGrants
from tests import builders as b
from tests.contract.statements import statements

NOW = b.NOW
LATER = NOW + timedelta(minutes=5)
JKT, OTHER = "k" * 43, "o" * 43
RACERS = 6
PUSHED = PushedRequest(digest("ppu_one"), NOW + timedelta(minutes=30))


@pytest.fixture
def port(sql_engine: Engine) -> SqlGrants:
    return SqlGrants(sql_engine)


@pytest.fixture
def payload(sql_engine: Engine) -> CodePayload:
    with sql_engine.begin() as conn:
        person = b.add_person(conn)
        sid = b.add_session(conn, person, b.add_account(conn, person))
    return CodePayload(
        grant=Grant(new_id(Id.GRANT), person, "cantine", sid, ("openid",)),
        redirect_uri="https://cantine.example/cb",
        code_challenge="c" * 43,
        nonce="n",
        subject="5" * 32,
        authn=AuthnContext("low", ("pwd",), b.BEFORE, "ent1"),
        claims=(),
        expires_at=NOW + timedelta(seconds=60),
    )


def issue(payload: CodePayload, code: str = "code", *, spends: PushedRequest | None = None) -> IssueCode:
    """A code of a grant of its own."""
    own = replace(payload, grant=replace(payload.grant, grant_id=f"grt_{code}"))
    return IssueCode(digest(code), own, (AuditEvent("99", NOW, Action.CODE_ISSUED, actor="prs_x"),), spends)


def redeem(code: str = "code", *, jkt: str = "") -> Redeem:
    return Redeem(
        Redeemable.CODE, digest(code), "cantine", digest(code + "token"), LATER, digest(code + "refresh"), NOW,
        (AuditEvent("99", NOW, Action.CODE_REDEEMED, actor="prs_x"),), jkt,
    )  # fmt: skip


def bound(port: SqlGrants, code: str = "code") -> str:
    token = port.token(digest(code + "token"), now=NOW)
    assert token is not None
    return token.grant.jkt


@pytest.mark.spec("RFC 9449 §6")
def test_a_grant_is_bound_when_it_is_redeemed_with_a_key(port: SqlGrants, payload: CodePayload) -> None:
    port.issue_code(issue(payload))
    claimed = port.redeem(redeem(jkt=JKT))
    assert claimed is not None
    assert claimed.grant.jkt == "", "as it was: the checks compare what was bound before"
    assert bound(port) == JKT
    port.issue_code(issue(payload, "open"))
    port.redeem(redeem("open"))
    assert bound(port, "open") == ""


@pytest.mark.spec("RFC 9449 §10")
def test_a_grant_that_is_bound_stays_with_its_key(port: SqlGrants, payload: CodePayload) -> None:
    asked = replace(payload, grant=replace(payload.grant, jkt=JKT))
    port.issue_code(issue(asked))
    claimed = port.redeem(redeem(jkt=OTHER))
    assert claimed is not None
    assert (claimed.grant.jkt, bound(port)) == (JKT, JKT)


def test_binding_is_part_of_the_one_act(sql_engine: Engine, port: SqlGrants, payload: CodePayload) -> None:
    """One statement each on PostgreSQL, one transaction each on SQLite."""
    with statements(sql_engine) as seen:
        port.issue_code(issue(payload, spends=PUSHED))
        port.redeem(redeem(jkt=JKT))
    assert sum(alone for _, alone in seen) == 2, "the statement itself, or the BEGIN of the transaction"
    assert bound(port) == JKT
    assert sql_engine.dialect.name != "postgresql" or len(seen) == 2


@pytest.mark.spec("RFC 9126 §7.3")
def test_a_pushed_request_is_answered_once_and_the_second_leaves_nothing(
    sql_engine: Engine, port: SqlGrants, payload: CodePayload
) -> None:
    assert port.issue_code(issue(payload, spends=PUSHED))
    assert not port.issue_code(issue(payload, "again", spends=PUSHED))
    assert port.redeemable(Redeemable.CODE, digest("again")) is None
    assert port.issue_code(issue(payload, "other", spends=replace(PUSHED, digest=digest("ppu_two"))))
    with sql_engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(audit_events)).scalar() == 2
        kept = conn.execute(select(consumptions.c.expires_at).where(consumptions.c.kind == "pushed")).scalars().all()
    assert set(kept) == {PUSHED.until}


def test_a_pushed_request_of_a_session_that_is_over_is_not_spent(
    sql_engine: Engine, port: SqlGrants, payload: CodePayload
) -> None:
    with sql_engine.begin() as conn:
        conn.execute(update(sessions).values(revoked_at=NOW))
    assert not port.issue_code(issue(payload, spends=PUSHED))
    with sql_engine.begin() as conn:
        conn.execute(update(sessions).values(revoked_at=None))
    assert port.issue_code(issue(payload, spends=PUSHED))


def test_of_many_answers_at_once_one_is_given(port: SqlGrants, payload: CodePayload) -> None:
    gate = Barrier(RACERS)

    def one(number: int) -> bool:
        gate.wait()
        return port.issue_code(issue(payload, f"code{number}", spends=PUSHED))

    with ThreadPoolExecutor(RACERS) as pool:
        assert list(pool.map(one, range(RACERS))).count(True) == 1


@pytest.mark.spec("RFC 7523 §3")
def test_an_assertion_is_claimed_once_by_one_statement(sql_engine: Engine) -> None:
    port = SqlConsumptions(sql_engine)
    with statements(sql_engine) as seen:
        assert port.claim_assertion("d1", now=NOW, until=LATER)
    assert [alone for _, alone in seen] == [True]
    assert not port.claim_assertion("d1", now=NOW, until=LATER)
    assert port.claim_assertion("d2", now=NOW, until=LATER)
    gate = Barrier(RACERS)

    def one(_: int) -> bool:
        gate.wait()
        return port.claim_assertion("raced", now=NOW, until=LATER)

    with ThreadPoolExecutor(RACERS) as pool:
        assert list(pool.map(one, range(RACERS))).count(True) == 1
